#include "tune/heats.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "measure/quantile.h"
#include "tune/contenders.h"
#include "tune/memory-fit.h"

#define RUNS 4 /* of each instance in a turn, as in the contest */

/* A kind whose batch of one takes so many times the best kind's has no heats. Higher: more sessions are opened for
 * kinds that seldom catch up; lower: one may be left out that larger batches would have let win. */
#define FAR 1.75

/* A way goes on where its line reaches this share of the best that another one has reached, from the second and
 * from the third size on. Lower: more turns; higher: a staircase, which is no line, may be given up too soon. */
#define NEAR_AT_TWO   0.5
#define NEAR_AT_THREE 0.9

/* A next size is worth a turn where it is so many times the last one. */
#define WORTH_A_TURN 1.3

/* What a turn costs beside its runs: warming up, in runs. */
#define WARM_UP_RUNS 6

/* The median of a size that may be taken is at most this share of the SLA, which is on P95. */
#define WITHIN_SLA 0.95

/* Between two sizes a way is measured where, its times rising by steps, it could reach so many times the best; a
 * lower ratio, or more tries for each way, finds more such steps, at a turn each. */
#define GAP_WORTH 1.1
#define GAP_TRIES 2

#define SIZES 8 /* of one contender, at most */

typedef struct entrant {
    bt_contender *contender;
    int sizes[SIZES];
    double median_ms[SIZES];
    int count; /* measured sizes, ascending */
    int memory_sizes[SIZES];
    double memory_mb[SIZES];
    int memory_count, gap_tries;
    bool out;   /* it takes no part, or failed */
    bool ended; /* no larger size is tried */
    bool cut;   /* time ended its last turn */
} entrant;

struct bt_heats {
    bt_heats_options options;
    entrant entrants[BT_CONTENDERS_MAX];
    int count, at, size;                  /* at: whose turn of `size` is the next, -1: nobody's */
    double elapsed_s, used_mb, device_mb; /* of memory; used: the most by all together; NaN where unknown */
    bool measuring;                       /* memory was taken of the size at hand */
};

/* ---- what follows from the times so far ---- */

/* s(b) on the straight line between neighbours; beyond the last size, on the line through the last two. */
static double service_ms(const entrant *e, int b) {
    int i = 0;
    if (e->count == 1) return e->median_ms[0] * b / e->sizes[0];
    while (i + 2 < e->count && e->sizes[i + 1] < b)
        i++;
    const double per_image_ms = (e->median_ms[i + 1] - e->median_ms[i]) / (e->sizes[i + 1] - e->sizes[i]);
    return e->median_ms[i] + per_image_ms * (b - e->sizes[i]);
}

/* Of all instances, whose batches of `b` take so long. */
static double worth(const bt_heats *h, const entrant *e, int b, double ms) {
    const bt_objective objective = h->options.objective;
    return e->contender->instances * (objective == BT_OBJECTIVE_CAPACITY
                                          ? bt_score_within(b, ms, h->options.p95_sla_ms)
                                          : bt_score_of(objective, b, ms));
}

static double score(const bt_heats *h, const entrant *e, int b) {
    const double ms = fmax(service_ms(e, b), e->median_ms[0] / 2);
    if (b > 1 && ms > WITHIN_SLA * h->options.p95_sla_ms) return 0;
    return worth(h, e, b, ms);
}

/* The best of the sizes after `from`, up to `to`. */
static double best_between(const bt_heats *h, const entrant *e, int from, int to) {
    double best = 0;
    for (int b = from + 1; b <= to; b++)
        best = fmax(best, score(h, e, b));
    return best;
}

static int last_size(const entrant *e) {
    return e->sizes[e->count - 1];
}

static double reached(const bt_heats *h, const entrant *e) {
    return e->count > 0 ? best_between(h, e, 0, last_size(e)) : 0;
}

static double best_reached(const bt_heats *h) {
    double best = 0;
    for (int i = 0; i < h->count; i++)
        best = fmax(best, reached(h, &h->entrants[i]));
    return best;
}

/* Whether a larger batch of it may win, by what is known of it. */
static bool may_gain(const bt_heats *h, const entrant *e) {
    const double best = best_reached(h);
    const double further = best_between(h, e, last_size(e), h->options.largest_batch);
    const double own = fmax(further, reached(h, e));
    if (e->count == 1) return true;
    if (e->count == 2) return own >= NEAR_AT_TWO * best; /* one bad size is forgiven */
    return own >= NEAR_AT_THREE * best && further >= reached(h, e);
}

/* By all of them together, each in a process of its own. */
static double held_mb(const bt_heats *h) {
    double sum_mb = 0;
    for (const entrant *e = h->entrants; e < h->entrants + h->count; e++)
        sum_mb += e->memory_count > 0 ? e->memory_mb[e->memory_count - 1] : 0;
    return sum_mb;
}

/* Whether that size stays within the memory that may be used; without two sizes to tell, as if all of it grew. */
static bool fits(const bt_heats *h, const entrant *e, int b) {
    if (e->memory_count == 0 || !isfinite(h->device_mb) || !isfinite(h->used_mb)) return true;
    const int last = e->memory_count - 1;
    const bt_memory_fit fit = bt_memory_fit_make(e->memory_sizes, e->memory_mb, e->memory_count);
    const double predicted_mb =
        last > 0 ? bt_memory_fit_at(&fit, b) : e->memory_mb[0] * b / e->memory_sizes[0];
    const double limit_mb = h->device_mb * (1 - h->options.memory_reserve_percent / 100);
    return fmax(h->used_mb, held_mb(h)) - e->memory_mb[last] + predicted_mb <= limit_mb;
}

/* The largest size up to `most` whose line keeps the SLA. */
static int within_sla(const bt_heats *h, const entrant *e, int most) {
    int b = last_size(e);
    while (b < most && service_ms(e, b + 1) <= WITHIN_SLA * h->options.p95_sla_ms)
        b++;
    return b;
}

static bool is_affordable(const bt_heats *h, const entrant *e, int b) {
    const double left_s = h->options.budget_s - h->elapsed_s;
    return (RUNS + WARM_UP_RUNS) * service_ms(e, b) / 1e3 < left_s;
}

/* The next larger size that is worth measuring; 0: none. */
static int wanted_larger(const bt_heats *h, const entrant *e) {
    if (e->ended || e->count == SIZES) return 0;
    if (e->count == 0) return 1;
    const int last = last_size(e), largest = h->options.largest_batch;
    int b = BT_HEATS_FACTOR * last < largest ? BT_HEATS_FACTOR * last : largest;
    if (!may_gain(h, e)) return 0;
    if (e->count == 2) { /* its line may stand on a slow size: twice as many are tried whatever it says */
        const int twice = 2 * last < b ? 2 * last : b, within = within_sla(h, e, b);
        b = within > twice ? within : twice;
    } else if (e->count > 2) {
        b = within_sla(h, e, b);
    }
    if (b < WORTH_A_TURN * last || !fits(h, e, b)) return 0;
    return b;
}

static int next_larger(const bt_heats *h, const entrant *e) {
    const int b = wanted_larger(h, e);
    return b < 2 || is_affordable(h, e, b) ? b : 0;
}

/* The size between two that were measured at which it may be far better than any way so far; 0: none. On a staircase
 * the larger of two sizes may be as fast as the smaller. */
static int next_between(const bt_heats *h, const entrant *e) {
    double most = GAP_WORTH * best_reached(h);
    int middle = 0;
    if (e->out || e->gap_tries >= GAP_TRIES || e->count == SIZES) return 0;
    for (int i = 0; i + 1 < e->count; i++) {
        const int b = e->sizes[i + 1] - 1;
        if (b < WORTH_A_TURN * e->sizes[i] || e->median_ms[i] > WITHIN_SLA * h->options.p95_sla_ms) continue;
        const double promise = worth(h, e, b, e->median_ms[i]);
        if (promise <= most || !is_affordable(h, e, b)) continue;
        most = promise;
        middle = (e->sizes[i] + e->sizes[i + 1]) / 2;
    }
    return middle;
}

/* ---- turns ---- */

/* Where time ends it, not all have come as far: they are compared by what all of them reached. */
static void compare_alike(bt_heats *h) {
    int cap = h->options.largest_batch;
    for (const entrant *e = h->entrants; e < h->entrants + h->count; e++)
        if (e->count > 0 && (e->cut || wanted_larger(h, e) > 0) && last_size(e) < cap) cap = last_size(e);
    for (entrant *e = h->entrants; e < h->entrants + h->count; e++)
        if (e->count > 0)
            e->contender->promise = best_between(h, e, 0, last_size(e) < cap ? last_size(e) : cap);
}

/* The one whose next size is the smallest, so that the sizes go up together; then those between. */
static void find_next(bt_heats *h) {
    h->at = -1;
    for (int between = 0; between < 2 && h->at < 0; between++) {
        for (int i = 0; i < h->count; i++) {
            const entrant *e = &h->entrants[i];
            const int b = between ? next_between(h, e) : next_larger(h, e);
            if (b == 0 || (h->at >= 0 && b >= h->size)) continue;
            h->at = i;
            h->size = b;
        }
    }
    if (h->at < 0) compare_alike(h);
}

static void note(const bt_heats *h, const entrant *e) {
    e->contender->largest_batch = last_size(e);
    e->contender->promise = reached(h, e);
}

static void take_samples(bt_heats *h, entrant *e, const bt_step_result *result) {
    double sorted_ms[BT_MAX_TURN_SAMPLES];
    memcpy(sorted_ms, result->samples_ms, (size_t)result->sample_count * sizeof *sorted_ms);
    bt_sort(sorted_ms, (size_t)result->sample_count);
    const double median_ms = bt_quantile(sorted_ms, (size_t)result->sample_count, 0.5);
    if (h->size == 1) bt_contender_note(e->contender, median_ms);
    int at = e->count++;
    for (; at > 0 && e->sizes[at - 1] > h->size; at--) {
        e->sizes[at] = e->sizes[at - 1];
        e->median_ms[at] = e->median_ms[at - 1];
    }
    e->gap_tries += at < e->count - 1;
    e->sizes[at] = h->size;
    e->median_ms[at] = median_ms;
    e->ended = e->ended || median_ms > h->options.p95_sla_ms;
    note(h, e);
}

static int last_memory_size(const entrant *e) {
    return e->memory_count > 0 ? e->memory_sizes[e->memory_count - 1] : 0;
}

static void take_memory(bt_heats *h, entrant *e, const bt_step_result *result) {
    if (!isfinite(result->memory_mb) || h->size < last_memory_size(e)) return; /* peaks only rise */
    e->memory_sizes[e->memory_count] = h->size;
    e->memory_mb[e->memory_count++] = result->memory_mb;
    h->used_mb = fmax(h->used_mb, result->memory_total_used_mb); /* fmax passes NaN over */
    h->device_mb = fmax(h->device_mb, result->memory_device_mb);
}

/* ---- the interface ---- */

/* The fastest batch of one among the ways of this kind. */
static double fastest_ms(const bt_contender *contenders, int count, const bt_contender *kind) {
    double least = INFINITY;
    for (int i = 0; i < count; i++) {
        const bt_contender *c = &contenders[i];
        const bool counts = bt_contender_same_division(c, &contenders[0]) && bt_contender_is_eligible(c);
        if (counts && (!kind || bt_contender_same_kind(c, kind))) least = fmin(least, c->median_ms);
    }
    return least;
}

bt_status bt_heats_open(bt_heats **out, bt_contender *contenders, int count, const bt_heats_options *options,
                        bt_error *error) {
    bt_heats *h = *out = calloc(1, sizeof *h);
    if (!h) return bt_no_memory(error, "the heats");
    const double best_ms = fastest_ms(contenders, count, NULL);
    h->options = *options;
    h->used_mb = h->device_mb = NAN;
    h->at = -1;
    for (int i = 0; i < count; i++) {
        bt_contender *c = &contenders[i];
        entrant *e = &h->entrants[h->count++];
        e->contender = c;
        e->out = e->ended = !bt_contender_is_eligible(c) || fastest_ms(contenders, count, c) > FAR * best_ms;
        if (!(c->median_ms > 0)) continue;
        e->sizes[0] = e->count = 1;
        e->median_ms[0] = c->median_ms;
        e->ended = e->ended || c->median_ms > options->p95_sla_ms;
    }
    const bool pointless = options->largest_batch < 2 || options->objective == BT_OBJECTIVE_LATENCY;
    if (count < 2 || pointless || !isfinite(best_ms)) return BT_OK;
    for (entrant *e = h->entrants; e < h->entrants + h->count; e++)
        if (e->count > 0) note(h, e);
    find_next(h);
    return BT_OK;
}

void bt_heats_close(bt_heats **heats) {
    free(*heats);
    *heats = NULL;
}

bool bt_heats_next(const bt_heats *h, bt_contest_turn *out) {
    const double left_s = h->options.budget_s - h->elapsed_s;
    if (h->at < 0 || left_s <= 0) return false;
    const entrant *e = &h->entrants[h->at];
    const int runs = RUNS * e->contender->instances;
    *out = (bt_contest_turn){.contender = h->at, .round = e->count + 1, .within_s = left_s};
    out->step = (bt_step){BT_STEP_MEMORY, h->size, 1};
    if (h->measuring)
        out->step =
            (bt_step){BT_STEP_MEASURE, h->size, runs < BT_MAX_TURN_SAMPLES ? runs : BT_MAX_TURN_SAMPLES};
    return true;
}

void bt_heats_done(bt_heats *h, const bt_step_result *result) {
    entrant *e = &h->entrants[h->at];
    const bool prepared = result->status == BT_OK && !h->measuring;
    h->elapsed_s += result->elapsed_s;
    h->measuring = true;
    if (prepared) take_memory(h, e, result);
    if (prepared && h->elapsed_s < h->options.budget_s) return;
    h->measuring = false;
    e->cut = prepared || result->status == BT_TIMEOUT;
    if (result->status == BT_OK && !prepared)
        take_samples(h, e, result);
    else
        e->out = e->ended = true;
    find_next(h);
}
