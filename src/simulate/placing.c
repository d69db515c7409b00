#include "simulate/placing.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/random.h"
#include "simulate/placing-parts.h"

/* Placements that the estimate ranks best and simulations decide among. More take longer in proportion; fewer leave more to
 * the estimate, which is some percent off. */
#define CANDIDATES 32

#define RANDOM_STARTS 4 /* of the local search, beside the others */

/* What is thought to hold less than this share of the best is not simulated: the estimate is some percent off. */
#define NEAR 0.8

/* An instance without which the estimate falls below this share is not tried without. */
#define TAKEN_AWAY 0.7

#define TRIED_MAX 1024 /* simulations of those at most; memory of what was tried */

/* Up to so many models a device's whole word is tried anew; of more, a bit at a time. */
#define WORDS_MODELS 5

#define WORD ((size_t)BT_PLACING_DEVICES_MAX * sizeof(uint32_t)) /* bytes of a placement */

typedef struct candidate {
    uint32_t on[BT_PLACING_DEVICES_MAX];
    double estimate;
} candidate;

typedef struct search {
    const bt_placing_problem *problem;
    bt_trials trials;
    bt_estimate estimate;
    double speeds[BT_PLACING_DEVICES_MAX];
    candidate candidates[CANDIDATES]; /* the best first */
    int candidate_count;
    candidate best;            /* by simulation, */
    double factor;             /* which holds this */
    uint64_t tried[TRIED_MAX]; /* and do not hold more */
    int tried_count;
} search;

/* ---- placements that are one ---- */

static bool is_shared(const bt_placing_problem *p, int device) {
    for (int d = 0; d < p->device_count; d++)
        if (d != device && p->devices[d].pool == p->devices[device].pool) return true;
    return false;
}

/* Whether two devices could change places. */
static bool alike(const bt_placing_problem *p, int a, int b) {
    const bt_placing_device *one = &p->devices[a], *other = &p->devices[b];
    if (one->speed != other->speed) return false;
    if (one->pool == other->pool) return true;
    return !is_shared(p, a) && !is_shared(p, b) && p->pools_mb[one->pool] == p->pools_mb[other->pool];
}

/* The first models go to the lowest devices: model 0 counts most. */
static bool goes_before(uint32_t a, uint32_t b) {
    const uint32_t differs = a ^ b;
    return differs && (a & differs & -differs);
}

static void make_canonical(const bt_placing_problem *p, uint32_t *on) {
    for (int a = 0; a < p->device_count; a++)
        for (int b = a + 1; b < p->device_count; b++) {
            if (!alike(p, a, b) || !goes_before(on[b], on[a])) continue;
            const uint32_t word = on[a];
            on[a] = on[b];
            on[b] = word;
        }
}

static int count_instances(const bt_placing_problem *p, const uint32_t *on) {
    int count = 0;
    for (int d = 0; d < p->device_count; d++)
        count += __builtin_popcount(on[d]);
    return count;
}

/* ---- by the estimate ---- */

/* Fewer instances first where it cannot tell. */
static bool ranks_before(const search *s, const candidate *a, const candidate *b) {
    if (fabs(a->estimate - b->estimate) > 1e-9 * fabs(b->estimate)) return a->estimate > b->estimate;
    return count_instances(s->problem, a->on) < count_instances(s->problem, b->on);
}

static void note(search *s, const candidate *seen) {
    candidate c = *seen;
    const int last = s->candidate_count - 1;
    if (c.estimate <= 0 || (s->candidate_count == CANDIDATES && !ranks_before(s, &c, &s->candidates[last])))
        return;
    make_canonical(s->problem, c.on);
    for (int i = 0; i < s->candidate_count; i++)
        if (memcmp(s->candidates[i].on, c.on, WORD) == 0) return;
    int at = s->candidate_count < CANDIDATES ? s->candidate_count++ : last;
    for (; at > 0 && ranks_before(s, &c, &s->candidates[at - 1]); at--)
        s->candidates[at] = s->candidates[at - 1];
    s->candidates[at] = c;
}

/* What is done with a placement beside another. */
typedef bt_status (*visitor)(search *s, candidate *next, void *context, bt_error *error);

static bt_status visit(search *s, candidate *next, visitor visits, void *context, bt_error *error) {
    if (!bt_placing_fits(s->problem, next->on)) return BT_OK;
    bt_status status = bt_estimate_factor(&s->estimate, next->on, &next->estimate, error);
    return status == BT_OK ? visits(s, next, context, error) : status;
}

/* One that is alike, holds the same, and came before: what is done here was done there. */
static bool is_repeated(const search *s, const candidate *from, int device) {
    for (int d = 0; d < device; d++)
        if (from->on[d] == from->on[device] && alike(s->problem, d, device)) return true;
    return false;
}

static bt_status visit_words(search *s, const candidate *from, visitor visits, void *context,
                             bt_error *error) {
    const int models = s->problem->model_count;
    const bool whole = models <= WORDS_MODELS;
    const uint32_t words = whole ? (uint32_t)1 << models : (uint32_t)models;
    bt_status status = BT_OK;
    for (int d = 0; d < s->problem->device_count; d++) {
        if (is_repeated(s, from, d)) continue;
        for (uint32_t w = 0; w < words && status == BT_OK; w++) {
            candidate next = *from;
            next.on[d] = whole ? w : next.on[d] ^ (uint32_t)1 << w;
            if (next.on[d] != from->on[d]) status = visit(s, &next, visits, context, error);
        }
    }
    return status;
}

/* Two devices exchange what only one of them has of a model, or of two. */
static bt_status visit_exchanges(search *s, const candidate *from, visitor visits, void *context,
                                 bt_error *error) {
    bt_status status = BT_OK;
    for (int a = 0; a < s->problem->device_count; a++)
        for (int b = a + 1; b < s->problem->device_count; b++) {
            const uint32_t differ = from->on[a] ^ from->on[b];
            for (uint32_t one = differ; one && status == BT_OK; one &= one - 1)
                for (uint32_t other = one; other && status == BT_OK; other &= other - 1) {
                    candidate next = *from;
                    const uint32_t moved = (one & -one) | (other & -other);
                    next.on[a] ^= moved;
                    next.on[b] ^= moved;
                    status = visit(s, &next, visits, context, error);
                }
        }
    return status;
}

static bt_status keep_better(search *s, candidate *next, void *context, bt_error *error) {
    candidate *better = context;
    (void)error;
    note(s, next);
    if (ranks_before(s, next, better)) *better = *next;
    return BT_OK;
}

/* From one to its best neighbour, until none is better. */
static bt_status climb(search *s, candidate from, bt_error *error) {
    bt_status status = bt_estimate_factor(&s->estimate, from.on, &from.estimate, error);
    note(s, &from);
    while (status == BT_OK) {
        candidate better = from;
        status = visit_words(s, &from, keep_better, &better, error);
        if (status == BT_OK) status = visit_exchanges(s, &from, keep_better, &better, error);
        if (memcmp(better.on, from.on, WORD) == 0) break;
        from = better;
    }
    return status;
}

/* An instance more wherever one fits, with a probability; 1: everywhere. */
static void fill_up(const search *s, candidate *c, bt_random *random, double probability) {
    for (int d = 0; d < s->problem->device_count; d++)
        for (int m = 0; m < s->problem->model_count; m++) {
            candidate more = *c;
            more.on[d] |= (uint32_t)1 << m;
            if (bt_random_uniform(random) < probability && bt_placing_fits(s->problem, more.on)) *c = more;
        }
}

static bt_status find_candidates(search *s, bt_error *error) {
    bt_random random = bt_random_stream(s->problem->seed, "placements to start from");
    candidate packed = {.estimate = 0};
    bt_status status = bt_placing_pack(s->problem, packed.on, error);
    for (int start = -2; start < RANDOM_STARTS && status == BT_OK; start++) {
        candidate from = packed;
        if (start >= -1) fill_up(s, &from, &random, start < 0 ? 1 : 0.5);
        status = climb(s, from, error);
    }
    return status;
}

/* ---- by simulation ---- */

static bt_placing_stage stage_of(const search *s, const uint32_t *on) {
    return (bt_placing_stage){.on = on, .speeds = s->speeds, .devices = s->problem->device_count};
}

/* Whether it was tried, which it is from now on. */
static bool was_tried(search *s, const candidate *c) {
    candidate canonical = *c;
    make_canonical(s->problem, canonical.on);
    const uint64_t hash = bt_fnv1a64(BT_FNV_START, canonical.on, WORD);
    for (int i = 0; i < s->tried_count; i++)
        if (s->tried[i] == hash) return true;
    if (s->tried_count == TRIED_MAX) return true;
    s->tried[s->tried_count++] = hash;
    return false;
}

/* One simulation tells whether it holds more than the best so far. */
static bt_status challenge(search *s, const candidate *c, bt_error *error) {
    const bt_placing_stage stage = stage_of(s, c->on);
    const double more = s->factor * (1 + BT_PLACING_FINE);
    bool keeps = true;
    double factor = 0;
    bt_status status = BT_OK;
    if (was_tried(s, c)) return BT_OK;
    if (s->factor > 0) status = bt_trials_keeps(&s->trials, &stage, more, &keeps, error);
    if (status == BT_OK && keeps)
        status = bt_trials_highest(&s->trials, &stage, s->factor > 0 ? more : c->estimate, BT_PLACING_FINE,
                                   &factor, error);
    if (status != BT_OK || !(factor > s->factor)) return status;
    s->best = *c;
    s->factor = factor;
    return BT_OK;
}

/* A device that two share may hold little of both and much of one: that is beyond the estimate. */
static bt_status challenge_always(search *s, candidate *next, void *context, bt_error *error) {
    (void)context;
    return next->estimate > 0 ? challenge(s, next, error) : BT_OK;
}

static bt_status challenge_if_near(search *s, candidate *next, void *context, bt_error *error) {
    const double *least = context;
    return next->estimate > *least ? challenge(s, next, error) : BT_OK;
}

static bt_status race(search *s, bt_error *error) {
    bt_status status = BT_OK;
    s->best = s->candidates[0];
    for (int i = 0; i < s->candidate_count && status == BT_OK; i++)
        if (s->candidates[i].estimate > NEAR * s->best.estimate)
            status = challenge(s, &s->candidates[i], error);
    for (bool better = s->factor > 0; better && status == BT_OK;) {
        candidate from = s->best;
        double least = NEAR * from.estimate;
        status = visit_words(s, &from, challenge_always, NULL, error);
        if (status == BT_OK) status = visit_exchanges(s, &from, challenge_if_near, &least, error);
        better = memcmp(from.on, s->best.on, WORD) != 0;
    }
    return status;
}

/* Without this one it is to hold as much as is worthwhile, and each model is to have one left. */
static bt_status take_away(search *s, candidate *from, int device, int model, double factor,
                           bt_error *error) {
    candidate less = *from;
    bool keeps = false;
    uint32_t others = 0;
    less.on[device] &= ~((uint32_t)1 << model);
    for (int d = 0; d < s->problem->device_count; d++)
        others |= less.on[d];
    if (less.on[device] == from->on[device] || !bt_placing_has(others, model)) return BT_OK;
    bt_status status = bt_estimate_factor(&s->estimate, less.on, &less.estimate, error);
    if (status != BT_OK || less.estimate < TAKEN_AWAY * s->best.estimate) return status;
    const bt_placing_stage stage = stage_of(s, less.on);
    status = bt_trials_keeps(&s->trials, &stage, factor, &keeps, error);
    if (keeps) *from = less;
    return status;
}

static bt_status thin_out(search *s, bt_error *error) {
    const double enough = s->factor * (1 - BT_PLACING_WORTHWHILE);
    candidate less = s->best;
    bt_status status = BT_OK;
    if (s->factor == 0) return BT_OK;
    make_canonical(s->problem, less.on);
    for (int d = s->problem->device_count - 1; d >= 0; d--)
        for (int m = s->problem->model_count - 1; m >= 0 && status == BT_OK; m--)
            status = take_away(s, &less, d, m, enough, error);
    if (status != BT_OK) return status;
    make_canonical(s->problem, less.on);
    const bt_placing_stage stage = stage_of(s, less.on);
    if (memcmp(less.on, s->best.on, WORD) != 0)
        status = bt_trials_highest(&s->trials, &stage, enough, BT_PLACING_FINE, &s->factor, error);
    s->best = less;
    return status;
}

/* ---- all of it ---- */

static bt_status find(search *s, bt_error *error) {
    bt_status status = find_candidates(s, error);
    if (status != BT_OK) return status;
    if (s->candidate_count == 0) return bt_placing_pack(s->problem, s->best.on, error);
    status = race(s, error);
    return status == BT_OK ? thin_out(s, error) : status;
}

bt_status bt_placing_find(bt_placing *out, const bt_placing_problem *problem, bt_error *error) {
    search *s = calloc(1, sizeof *s);
    *out = (bt_placing){.factor = 0};
    if (!s) return bt_no_memory(error, "placing models");
    s->problem = problem;
    bt_status status = bt_trials_open(&s->trials, problem, error);
    if (status == BT_OK) bt_trials_speeds(problem, s->speeds);
    if (status == BT_OK) status = bt_placing_pack(problem, s->best.on, error);
    if (status == BT_OK) status = bt_estimate_open(&s->estimate, &s->trials, error);
    if (status == BT_OK) status = find(s, error);
    if (status == BT_OK) {
        memcpy(out->on, s->best.on, WORD);
        out->factor = s->factor;
        out->hopeless = s->trials.hopeless;
        out->simulations = s->trials.done;
    }
    bt_estimate_close(&s->estimate);
    bt_trials_close(&s->trials);
    free(s);
    return status;
}
