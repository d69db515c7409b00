#include "prove/capacity-search.h"

#include <math.h>

#include "measure/late.h"
#include "measure/sequential.h"

/* Runs to bound the capacity with. */
#define SEARCH_RUNS (BT_RATE_RUNS_MAX - BT_CAPACITY_BEYOND)

/* A first piece takes so many requests, and as many times the SLA, but not less or more than so long; and never less
 * than P95 needs for a bound, with this much to spare, up to the longest. Longer, the capacity is found more
 * closely by a longer test. Shorter, a queue near its capacity is seen in one of its moods only, which last
 * for many times the SLA. */
#define PIECE_REQUESTS  300
#define PIECE_SLAS      40
#define PIECE_LEAST_S   2.0
#define PIECE_MOST_S    6.0
#define PIECE_SPARE     1.3
#define PIECE_LONGEST_S 30.0

/* But so many requests are sent at any rate, however long it takes: of fewer, there may be none at all. */
#define PIECE_FEWEST 20

/* Both pieces together, in lengths of the first. Higher, less of an undecided run goes into filling the queue
 * again, and more of one that would have been decided by less. */
#define LENGTHS 4

/* How long the queue is left to fill, in SLAs and at most. Shorter, P95 is of a queue that was empty and a rate
 * just above the capacity looks like one below it; longer, every run is. */
#define WARM_SLAS   10
#define WARM_MOST_S 5.0

/* A first look is believed where P95's bound is so many times within the SLA, or above it: a short piece does not
 * show how P95 moves in a longer one. Higher, more runs need both pieces. */
#define CLEAR 1.4

/* Steps out of a range in which all rates hold or break, by how far P95 was from the SLA. Longer ones find the
 * other bound sooner and leave a wider bracket. */
#define STEP_NEAR   1.08
#define STEP        1.25
#define STEP_FAR    1.6
#define STEP_BEYOND 2.5

/* Of what an overloaded service served: its capacity is a little below. */
#define SERVED_SHARE 0.85

/* With an undecided rate between the bounds, each side need only be half as near. */
#define SIDE (1 + BT_CAPACITY_BRACKET / 2)

/* How the curve is fitted: a run at a rate that is by this share off the SLA's counts half as much as one at it. Wider,
 * rates count where the curve has bent; narrower, one run decides. Repeated around what was found until it moves no
 * more. */
#define FIT_WIDTH  0.1
#define FIT_ROUNDS 4

/* Broken runs in a row, before one request at a time is sent. */
#define BROKEN_BEFORE_LONE 2

/* The rates beyond the capacity that are tried, over it. */
static const double beyond[BT_CAPACITY_BEYOND] = {1.25, 1.5};

/* What the runs so far come to. */
typedef struct view {
    double held;  /* the highest rate that held; 0: none */
    double broke; /* the lowest that broke; INFINITY: none */
    double late;  /* the lowest at which the generator was late twice; INFINITY: none */
    double undecided_low, undecided_high; /* of those between held and broke; 0: none */
    const bt_rate_run *held_run, *broke_run;
    int runs_of[BT_RATE_PURPOSES], broken_runs, held_runs;
    bool lone_broke;
} view;

static bool is_void(const bt_rate_run *run) {
    return run->word == BT_RATE_DISTURBED || run->word == BT_RATE_LATE;
}

static bool is_same(const bt_rate_run *a, const bt_rate_run *b) {
    return a->purpose == b->purpose && (a->rate_rps == b->rate_rps || a->purpose == BT_RATE_LONE);
}

/* A run that was void twice at the same rate. */
static bool is_second_void(const bt_load_capacity *c, int i) {
    return i > 0 && is_void(&c->runs[i]) && is_void(&c->runs[i - 1]) && is_same(&c->runs[i], &c->runs[i - 1]);
}

static void see_bounds(view *v, const bt_load_capacity *c, int i) {
    const bt_rate_run *run = &c->runs[i];
    if (run->word == BT_RATE_BROKEN && run->rate_rps < v->broke) {
        v->broke = run->rate_rps;
        v->broke_run = run;
    }
    v->broken_runs += run->word == BT_RATE_BROKEN;
    v->held_runs += run->word == BT_RATE_MET;
    if (run->word == BT_RATE_LATE && is_second_void(c, i)) v->late = fmin(v->late, run->rate_rps);
}

/* Below the lowest that broke: what held above it was luck. */
static void see_held(view *v, const bt_rate_run *run) {
    if (run->word != BT_RATE_MET || run->rate_rps >= v->broke || run->rate_rps <= v->held) return;
    v->held = run->rate_rps;
    v->held_run = run;
}

static void see_undecided(view *v, const bt_load_capacity *c, int i) {
    const bt_rate_run *run = &c->runs[i];
    const bool undecided =
        run->word == BT_RATE_NOT_SHOWN || (run->word == BT_RATE_DISTURBED && is_second_void(c, i));
    if (!undecided || run->rate_rps <= v->held || run->rate_rps >= v->broke) return;
    v->undecided_low = v->undecided_low > 0 ? fmin(v->undecided_low, run->rate_rps) : run->rate_rps;
    v->undecided_high = fmax(v->undecided_high, run->rate_rps);
}

static view look_at(const bt_load_capacity *c) {
    view v = {.broke = INFINITY, .late = INFINITY};
    for (int i = 0; i < c->run_count; i++) {
        const bt_rate_run *run = &c->runs[i];
        v.runs_of[run->purpose]++;
        v.lone_broke |= run->purpose == BT_RATE_LONE && run->word == BT_RATE_BROKEN;
        if (run->purpose == BT_RATE_SEARCH) see_bounds(&v, c, i);
    }
    for (int i = 0; i < c->run_count; i++)
        if (c->runs[i].purpose == BT_RATE_SEARCH) see_held(&v, &c->runs[i]);
    for (int i = 0; i < c->run_count; i++)
        if (c->runs[i].purpose == BT_RATE_SEARCH) see_undecided(&v, c, i);
    return v;
}

/* ---- where the curve crosses the SLA ---- */

/* How far below the SLA a run's P95 was: 0 at it, up to 1 below, down to -1 where it was beyond all bounds. As
 * SLA / P95 goes down in nearly a straight line where queues grow, a line fits through few runs. */
static double room_of(const bt_rate_run *run, double sla_ms) {
    if (run->ok < run->sent || !(run->p95_ms > 0)) return -1;
    return fmin(sla_ms / run->p95_ms, 2) - 1;
}

/* Sums of a weighted straight line. */
typedef struct line {
    double weight, x, y, xx, xy;
} line;

static void add_point(line *l, double weight, double x, double y) {
    l->weight += weight;
    l->x += weight * x;
    l->y += weight * y;
    l->xx += weight * x * x;
    l->xy += weight * x * y;
}

/* Between the bounds. The nearer a rate, the more its run says: the fit is repeated around what it finds. */
static double crossing_of(const bt_load_capacity *c, const view *v, double sla_ms) {
    double at = sqrt(v->held * v->broke);
    for (int round = 0; round < FIT_ROUNDS; round++) {
        line l = {0};
        for (int i = 0; i < c->run_count; i++) {
            const bt_rate_run *run = &c->runs[i];
            if (run->purpose != BT_RATE_SEARCH || is_void(run) || run->sent == 0) continue;
            const double off = log(run->rate_rps / at);
            add_point(&l, (double)run->sent / (1 + off * off / (FIT_WIDTH * FIT_WIDTH)), log(run->rate_rps),
                      room_of(run, sla_ms));
        }
        const double slope = (l.weight * l.xy - l.x * l.y) / (l.weight * l.xx - l.x * l.x);
        const double next = exp((l.x - l.y / slope) / l.weight);
        if (!(slope < 0) || !isfinite(next)) return at;
        at = fmin(fmax(next, v->held), v->broke);
    }
    return at;
}

/* ---- what comes next ---- */

static bt_capacity_step run_at(double rate_rps) {
    return (bt_capacity_step){.purpose = BT_RATE_SEARCH, .rate_rps = rate_rps};
}

static const bt_capacity_step lone = {.purpose = BT_RATE_LONE, .rate_rps = NAN};

/* Nothing has held yet. */
static bt_capacity_step go_down(const view *v) {
    if (v->undecided_low > 0) return run_at(v->undecided_low / STEP);
    if (v->broken_runs >= BROKEN_BEFORE_LONE && v->runs_of[BT_RATE_LONE] == 0) return lone;
    const double top = fmin(v->broke, v->late), served = v->broke_run ? v->broke_run->throughput_rps : NAN;
    const double steps[] = {STEP_FAR, STEP_NEAR, STEP_FAR, STEP_BEYOND};
    const double step = steps[v->broken_runs < 3 ? v->broken_runs : 3];
    return run_at(fmin(top / step, SERVED_SHARE * served)); /* fmin passes NaN over */
}

/* Nothing has broken yet. */
static bt_capacity_step go_up(const view *v, double sla_ms) {
    const double room = room_of(v->held_run, sla_ms);
    if (v->undecided_high > 0) return run_at(v->undecided_high * STEP);
    if (room < 0.25) return run_at(v->held * STEP_NEAR);
    if (room < 0.6) return run_at(v->held * STEP);
    return run_at(v->held * (v->held_runs > 1 ? STEP_BEYOND : STEP_FAR));
}

/* Something held, and something above it did not; false: they are near enough. */
static bool close_in(const bt_load_capacity *c, const view *v, double sla_ms, bt_capacity_step *next) {
    const double top = fmin(v->broke, v->late);
    if (top / v->held <= 1 + BT_CAPACITY_BRACKET) return false;
    if (v->undecided_low > 0) {
        const double below = v->undecided_low / v->held, above = top / v->undecided_high;
        if (below <= SIDE && above <= SIDE) return false;
        *next = run_at(below > above ? sqrt(v->undecided_low * v->held) : sqrt(top * v->undecided_high));
        return true;
    }
    const double fifth = pow(top / v->held, 0.2);
    const double at = v->broke <= v->late ? crossing_of(c, v, sla_ms) : sqrt(v->held * top);
    *next = run_at(fmin(fmax(at, v->held * fifth), top / fifth));
    return true;
}

/* Where to begin: with one request at a time, where it is thought that not even this holds. */
static bt_capacity_step begin(const bt_load_capacity *c, double start_rps) {
    if (c->predicted_rps == 0 && c->run_count == 0) return lone;
    return run_at(c->predicted_rps > 0 ? c->predicted_rps : start_rps);
}

/* Neither bound is known, and the last rate was so low that its requests were too few to bound P95. */
static bool was_too_slow(const bt_load_capacity *c, const view *v, double sla_ms) {
    const bt_rate_run *last = c->run_count > 0 ? &c->runs[c->run_count - 1] : NULL;
    return last && v->held == 0 && isinf(v->broke) && last->purpose == BT_RATE_SEARCH &&
           last->word == BT_RATE_NOT_SHOWN && last->ok == last->sent && last->p95_ms <= sla_ms &&
           isnan(last->p95_upper_ms);
}

/* The search's own next step; false: it is over. */
static bool search(const bt_load_capacity *c, const view *v, double sla_ms, double start_rps,
                   bt_capacity_step *next) {
    const int rates = v->runs_of[BT_RATE_SEARCH];
    if (v->runs_of[BT_RATE_BEYOND] > 0 || v->lone_broke) return false;
    if (rates + v->runs_of[BT_RATE_LONE] >= SEARCH_RUNS) return false;
    const int last = c->run_count - 1;
    if (last >= 0 && is_void(&c->runs[last]) && !is_second_void(c, last)) {
        *next = (bt_capacity_step){.purpose = c->runs[last].purpose, .rate_rps = c->runs[last].rate_rps};
        return true;
    }
    if (v->held > 0 && isfinite(fmin(v->broke, v->late))) return close_in(c, v, sla_ms, next);
    if (was_too_slow(c, v, sla_ms)) {
        *next = run_at(c->runs[last].rate_rps * STEP_BEYOND);
        return true;
    }
    *next = rates == 0 ? begin(c, start_rps) : v->held > 0 ? go_up(v, sla_ms) : go_down(v);
    return true;
}

bt_capacity_step bt_capacity_next(const bt_load_capacity *capacity, double p95_sla_ms, double start_rps) {
    const view v = look_at(capacity);
    const int ran_beyond = v.runs_of[BT_RATE_BEYOND];
    bt_capacity_step next = {.done = true};
    if (search(capacity, &v, p95_sla_ms, start_rps, &next)) return next;
    if (!(v.held > 0) || !isfinite(v.broke) || ran_beyond >= BT_CAPACITY_BEYOND) return next;
    return (bt_capacity_step){.purpose = BT_RATE_BEYOND,
                              .rate_rps = beyond[ran_beyond] * crossing_of(capacity, &v, p95_sla_ms)};
}

/* Two shares of the errors to the first look, as of scenarios (looks.h). */
static bt_look look_of(int look) {
    const double share = look == 0 ? 2 / 3.0 : 1 / 3.0;
    return (bt_look){.lengths = look == 0 ? 1 : LENGTHS,
                     .met_error = BT_LOOKS_WRONG_MET * share,
                     .broken_error = BT_LOOKS_WRONG_BROKEN * share};
}

/* Of a first piece. */
static double usual_length_s(double rate_rps, double sla_s) {
    if (!(rate_rps > 0)) return PIECE_LEAST_S;
    const double fewest = bt_late_fewest(BT_SEQUENTIAL_LATE_FRACTION, look_of(0).met_error);
    const double usual_s = fmax(PIECE_REQUESTS / rate_rps, PIECE_SLAS * sla_s);
    return fmax(fmin(fmax(usual_s, PIECE_LEAST_S), PIECE_MOST_S),
                fmin(PIECE_SPARE * fewest / rate_rps, PIECE_LONGEST_S));
}

bt_capacity_piece bt_capacity_piece_at(int look, double rate_rps, double p95_sla_ms, double length_s) {
    const double sla_s = p95_sla_ms / 1e3;
    const double wished_s = length_s > 0 ? length_s : usual_length_s(rate_rps, sla_s);
    const double first_s = rate_rps > 0 ? fmax(wished_s, PIECE_FEWEST / rate_rps) : wished_s;
    return (bt_capacity_piece){
        .warm_s = rate_rps > 0 ? fmin(ceil(WARM_SLAS * sla_s), WARM_MOST_S) : 0,
        .measured_s = look == 0 ? first_s : (LENGTHS - 1) * first_s,
        .look = look_of(look),
    };
}

double bt_capacity_first_length_s(double run_s) {
    return run_s / LENGTHS;
}

bt_rate_word bt_capacity_word(const bt_rate_run *run, double p95_sla_ms, int look) {
    const double margin = look == 0 ? CLEAR : 1;
    if (run->ok < run->sent || run->p95_lower_ms > margin * p95_sla_ms) return BT_RATE_BROKEN;
    return margin * run->p95_upper_ms <= p95_sla_ms ? BT_RATE_MET : BT_RATE_NOT_SHOWN;
}

/* ---- what was found ---- */

void bt_capacity_sum_up(bt_load_capacity *capacity, double p95_sla_ms) {
    const view v = look_at(capacity);
    capacity->lower_rps = v.held;
    capacity->upper_rps = isfinite(v.broke) ? v.broke : NAN;
    capacity->estimate_rps = NAN;
    capacity->end = BT_LOAD_CAPACITY_RUNS;
    if (v.lone_broke) {
        capacity->estimate_rps = capacity->upper_rps = capacity->lower_rps = 0;
        capacity->end = BT_LOAD_CAPACITY_BOUNDED;
    } else if (v.held > 0 && isfinite(v.broke)) {
        capacity->estimate_rps = crossing_of(capacity, &v, p95_sla_ms);
        capacity->end = BT_LOAD_CAPACITY_BOUNDED;
    } else if (isfinite(v.late)) {
        capacity->end = BT_LOAD_CAPACITY_GENERATOR;
    }
}
