/* The search for a capacity under load, against services whose capacity is known: made up ones, whose P95 is
 * a curve with noise on it, and the simulator, whose capacity a scan of all rates tells. A failing case
 * prints its seed. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "base/random.h"
#include "load/schedule.h"
#include "measure/late.h"
#include "measure/quantile.h"
#include "prove/capacity-search.h"
#include "prove/judge.h"
#include "simulated-service.h"
#include "statistics.h"

#define SLA_MS   100.0
#define CASES    400 /* of each kind */
#define WITHIN   0.05
#define START    7.0 /* where nothing is predicted */
#define QUANTILE 64

/* ---- services that are a curve ---- */

typedef enum curve_shape { QUEUE, CLIFF, SLOW, NEVER, ALWAYS, SHAPES } curve_shape;

typedef struct curve {
    curve_shape shape;
    double capacity_rps, noise; /* of ln P95 at the first look */
    double late_from_rps;       /* the generator cannot send faster; INFINITY */
    int disturbed;              /* so many first attempts in a hundred are disturbed */
    bt_random random;
} curve;

/* Where it is SLA_MS at its capacity. A queue's goes up as 1 / (1 - load), from a quarter of the SLA. */
static double p95_of(const curve *c, double rate_rps) {
    const double load = rate_rps / c->capacity_rps, saturated = 1.25;
    switch (c->shape) {
    case QUEUE:
        return load < saturated ? 25 + 75 * load * (saturated - 1) / (saturated - load) : 40 * SLA_MS;
    case CLIFF:
        return load <= 1 ? 30 : 40 * SLA_MS;
    case SLOW:
        return SLA_MS * pow(load, 0.8);
    case NEVER:
        return 1.5 * SLA_MS;
    case ALWAYS:
    case SHAPES:
        break;
    }
    return 0.2 * SLA_MS;
}

/* One request at a time is a tenth of the capacity. */
static double rate_of(const curve *c, const bt_capacity_step *step) {
    return step->purpose == BT_RATE_LONE ? 0.1 * c->capacity_rps : step->rate_rps;
}

static bt_rate_run run_curve(curve *c, const bt_capacity_step *step) {
    const double rate_rps = rate_of(c, step), p95_ms = p95_of(c, rate_rps);
    bt_rate_run run = {.purpose = step->purpose, .rate_rps = step->rate_rps, .sent = 400, .ok = 400};
    run.throughput_rps = run.goodput_rps = fmin(rate_rps, 1.2 * c->capacity_rps);
    for (int look = 0; look < BT_CAPACITY_LOOKS; look++) {
        const double spread = c->noise / (1 + look);
        run.p95_ms = p95_ms * exp(spread * bt_random_normal(&c->random));
        run.p95_upper_ms = run.p95_ms * exp(2 * spread);
        run.p95_lower_ms = run.p95_ms * exp(-2.6 * spread);
        run.word = bt_capacity_word(&run, SLA_MS, look);
        if (run.word != BT_RATE_NOT_SHOWN) break;
    }
    if (rate_rps >= c->late_from_rps) run.word = BT_RATE_LATE;
    if ((int)bt_random_below(&c->random, 100) < c->disturbed) run.word = BT_RATE_DISTURBED;
    return run;
}

static bt_load_capacity find_on_curve(curve *c, double predicted_rps) {
    bt_load_capacity found;
    bt_load_capacity_empty(&found);
    found.predicted_rps = predicted_rps;
    for (;;) {
        const bt_capacity_step step = bt_capacity_next(&found, SLA_MS, START);
        if (step.done) break;
        assert_true(found.run_count < BT_RATE_RUNS_MAX);
        found.runs[found.run_count++] = run_curve(c, &step);
    }
    bt_capacity_sum_up(&found, SLA_MS);
    return found;
}

static void print_runs(const bt_load_capacity *found, double truth_rps) {
    print_message("true %.4g, found %.4g (%.4g..%.4g):", truth_rps, found->estimate_rps, found->lower_rps,
                  found->upper_rps);
    for (int i = 0; i < found->run_count; i++)
        print_message(" %.4g %s (%.3g)", found->runs[i].rate_rps, bt_rate_word_name(found->runs[i].word),
                      found->runs[i].p95_ms);
    print_message("\n");
}

/* What is counted over cases. */
typedef struct tally {
    int cases, near, bounded, runs;
    double wide; /* sum of upper / lower - 1 */
} tally;

static void count(tally *t, const bt_load_capacity *found, double truth_rps, bool verbose) {
    const bool near = fabs(found->estimate_rps / truth_rps - 1) <= WITHIN;
    t->cases++;
    t->near += near;
    t->bounded += found->lower_rps <= truth_rps && found->upper_rps >= truth_rps;
    t->runs += found->run_count;
    t->wide += found->upper_rps / found->lower_rps - 1;
    if (!near || verbose) print_runs(found, truth_rps);
}

/* At least 95 % within 5 %, and the bounds hold in as many. */
static void expect_near(const tally *t, const char *what) {
    print_message("%s: within 5 %% %d of %d, bounds hold %d, %.1f runs, bounds %.1f %% apart\n", what,
                  t->near, t->cases, t->bounded, (double)t->runs / t->cases, 100 * t->wide / t->cases);
    if (t->near < 0.95 * t->cases) fail_msg("%s: too seldom within 5 %%", what);
    if (t->bounded < 0.95 * t->cases) fail_msg("%s: the bounds hold too seldom", what);
}

static curve curve_of(curve_shape shape, double noise, uint64_t seed) {
    curve c = {.shape = shape, .noise = noise, .late_from_rps = INFINITY};
    c.random = bt_random_stream(seed, "prove-capacity");
    c.capacity_rps = 10 * exp(5 * bt_random_between(&c.random, 0, 1));
    return c;
}

/* Predictions from `low` to `high` times the truth. */
static void expect_found(curve_shape shape, double noise, double low, double high, int disturbed,
                         const char *what) {
    tally t = {0};
    for (uint64_t seed = 1; seed <= CASES; seed++) {
        curve c = curve_of(shape, noise, seed);
        c.disturbed = disturbed;
        const double predicted = c.capacity_rps * low * pow(high / low, bt_random_between(&c.random, 0, 1));
        const bt_load_capacity found = find_on_curve(&c, predicted);
        assert_true(found.run_count <= BT_RATE_RUNS_MAX);
        count(&t, &found, c.capacity_rps, false);
    }
    expect_near(&t, what);
}

static void a_capacity_is_found_near_its_prediction(void **state) {
    (void)state;
    expect_found(QUEUE, 0.1, 0.9, 1.1, 0, "a queue");
    expect_found(QUEUE, 0.3, 0.9, 1.1, 0, "a noisy queue");
    expect_found(CLIFF, 0.1, 0.9, 1.1, 0, "a cliff");
    expect_found(SLOW, 0.06, 0.9, 1.1, 0, "a P95 that rises slowly");
}

static void a_wrong_prediction_costs_runs_and_not_the_capacity(void **state) {
    (void)state;
    expect_found(QUEUE, 0.15, 1 / 3.0, 3, 0, "a queue, predicted up to three times too low or high");
    expect_found(CLIFF, 0.15, 1 / 3.0, 3, 0, "a cliff, predicted so");
    expect_found(SLOW, 0.06, 1 / 3.0, 3, 0, "a P95 that rises slowly, predicted so");
}

/* ---- what has no capacity, or none that can be seen ---- */

static void where_not_even_one_request_holds_it_is_none(void **state) {
    (void)state;
    curve c = curve_of(NEVER, 0.05, 1);
    const bt_load_capacity found = find_on_curve(&c, c.capacity_rps);
    assert_true(found.estimate_rps == 0 && found.upper_rps == 0 && found.lower_rps == 0);
    assert_int_equal(found.end, BT_LOAD_CAPACITY_BOUNDED);
    assert_true(found.run_count <= 3);
    const bt_load_capacity foreseen = find_on_curve(&c, 0);
    assert_true(foreseen.estimate_rps == 0);
    assert_int_equal(foreseen.run_count, 1);
    curve other = curve_of(QUEUE, 0.05, 2); /* and where that was foreseen wrongly */
    const bt_load_capacity despite = find_on_curve(&other, 0);
    assert_int_equal(despite.runs[0].purpose, BT_RATE_LONE);
    assert_between(despite.estimate_rps / other.capacity_rps, 1 - WITHIN, 1 + WITHIN);
}

static void where_every_rate_holds_there_is_no_upper_bound(void **state) {
    (void)state;
    curve c = curve_of(ALWAYS, 0.05, 3);
    const bt_load_capacity found = find_on_curve(&c, c.capacity_rps);
    assert_int_equal(found.end, BT_LOAD_CAPACITY_RUNS);
    assert_true(found.lower_rps > 100 * c.capacity_rps);
    assert_true(isnan(found.upper_rps) && isnan(found.estimate_rps));
    assert_true(found.run_count <= BT_RATE_RUNS_MAX - BT_CAPACITY_BEYOND);
}

static void where_the_generator_is_too_slow_that_is_the_bound(void **state) {
    (void)state;
    curve c = curve_of(ALWAYS, 0.05, 4);
    c.late_from_rps = 3 * c.capacity_rps;
    const bt_load_capacity found = find_on_curve(&c, c.capacity_rps);
    assert_int_equal(found.end, BT_LOAD_CAPACITY_GENERATOR);
    assert_between(found.lower_rps / c.late_from_rps, 0.8, 1);
    assert_true(isnan(found.upper_rps));
    curve queue = curve_of(QUEUE, 0.05, 5); /* a prediction that it cannot send costs two runs */
    queue.late_from_rps = 1.5 * queue.capacity_rps;
    const bt_load_capacity below = find_on_curve(&queue, 2 * queue.capacity_rps);
    assert_between(below.estimate_rps / queue.capacity_rps, 1 - WITHIN, 1 + WITHIN);
    assert_int_equal(below.end, BT_LOAD_CAPACITY_BOUNDED);
}

static void what_was_disturbed_is_run_once_more(void **state) {
    (void)state;
    bt_load_capacity found;
    bt_load_capacity_empty(&found);
    found.predicted_rps = 50;
    found.run_count = 1;
    found.runs[0] = (bt_rate_run){.rate_rps = 50, .word = BT_RATE_DISTURBED};
    bt_capacity_step step = bt_capacity_next(&found, SLA_MS, START);
    assert_true(!step.done && step.rate_rps == 50);
    found.runs[found.run_count++] = found.runs[0];
    step = bt_capacity_next(&found, SLA_MS, START);
    assert_true(!step.done && step.rate_rps != 50);
    expect_found(QUEUE, 0.1, 0.9, 1.1, 5, "a queue, one run in twenty disturbed");
}

/* As where nothing is predicted and the service is much faster than was thought. */
static void a_rate_too_low_to_show_anything_is_left_upwards(void **state) {
    (void)state;
    bt_load_capacity found;
    bt_load_capacity_empty(&found);
    found.run_count = 1;
    found.runs[0] =
        (bt_rate_run){.rate_rps = 0.4, .word = BT_RATE_NOT_SHOWN, .sent = 9, .ok = 9, .p95_ms = 50};
    found.runs[0].p95_upper_ms = NAN;
    const bt_capacity_step step = bt_capacity_next(&found, SLA_MS, START);
    assert_true(!step.done && step.rate_rps > 0.8);
    assert_true(bt_capacity_piece_at(0, 0.4, SLA_MS, 1.5).measured_s * 0.4 >= 20);
}

static void beyond_the_capacity_two_rates_are_run(void **state) {
    (void)state;
    curve c = curve_of(QUEUE, 0.1, 6);
    const bt_load_capacity found = find_on_curve(&c, c.capacity_rps);
    const bt_rate_run *last = &found.runs[found.run_count - 2];
    assert_int_equal(last[0].purpose, BT_RATE_BEYOND);
    assert_int_equal(last[1].purpose, BT_RATE_BEYOND);
    assert_between(last[0].rate_rps / found.estimate_rps, 1.24, 1.26);
    assert_between(last[1].rate_rps / found.estimate_rps, 1.49, 1.51);
}

static bt_load_verdict verdict_of(double lower_rps, double upper_rps, double estimate_rps, double asked_rps) {
    bt_load_part part = {0};
    bt_load_capacity_empty(&part.capacity);
    part.capacity.lower_rps = lower_rps;
    part.capacity.upper_rps = upper_rps;
    part.capacity.estimate_rps = estimate_rps;
    part.capacity.asked_rps = asked_rps;
    bt_judge_capacity(&part);
    assert_int_equal(part.verdict == BT_LOAD_MET, part.cause[0] == '\0');
    return part.verdict;
}

static void the_bounds_decide_about_what_was_asked(void **state) {
    (void)state;
    assert_int_equal(verdict_of(42, 45, 43, 40), BT_LOAD_MET);
    assert_int_equal(verdict_of(42, 45, 43, 44), BT_LOAD_NOT_SHOWN);
    assert_int_equal(verdict_of(42, 45, 43, 45), BT_LOAD_BROKEN);
    assert_int_equal(verdict_of(42, NAN, NAN, 44), BT_LOAD_NOT_SHOWN);
    assert_int_equal(verdict_of(0, 0, 0, 44), BT_LOAD_BROKEN);
}

/* ---- the simulator ---- */

/* A service of batches up to `largest`, of tau0 + alpha * b milliseconds with `spread` around it. */
typedef struct kind {
    int largest;
    double tau0_ms, alpha_ms, spread, delay_ms, sla_ms;
    bt_load_shape arrivals;
} kind;

static const kind kinds[] = {
    {1, 0, 10, 0, 0, 40, BT_SHAPE_POISSON},      {1, 0, 10, 0.1, 0, 25, BT_SHAPE_POISSON},
    {4, 6, 4, 0.05, 0, 60, BT_SHAPE_POISSON},    {8, 4, 2, 0.05, 5, 50, BT_SHAPE_POISSON},
    {8, 20, 10, 0.05, 2, 250, BT_SHAPE_POISSON}, {4, 6, 4, 0.05, 2, 80, BT_SHAPE_GAMMA},
    {2, 30, 20, 0.1, 0, 400, BT_SHAPE_POISSON},  {1, 0, 40, 0.05, 0, 120, BT_SHAPE_POISSON},
};
#define KINDS      (sizeof kinds / sizeof *kinds)
#define SEEDS      4
#define SCAN_COUNT 60000 /* requests at each rate of a scan */
#define SCAN_STEP  1.01

static simulated_service service; /* large */
static double times_ms[BT_LADDER_SIZES_MAX][QUANTILE];

static void open_service(const kind *k) {
    simulated_service_linear(&service, k->largest, k->tau0_ms, k->alpha_ms);
    for (int i = 0; i < k->largest; i++) {
        for (int q = 0; q < QUANTILE; q++)
            times_ms[i][q] =
                service.fixed_ms[i] * exp(k->spread * statistics_normal_quantile((q + 0.5) / QUANTILE));
        service.times[i] = (bt_service_times){i + 1, times_ms[i], QUANTILE};
    }
    service.model.batcher.max_queue_delay_ns = (int64_t)(k->delay_ms * BT_NS_PER_MS);
}

/* Appends the latencies of arrivals at this rate, or of one client, for a while; returns how long it took. */
static double add_latencies(const kind *k, double rate_rps, double warm_s, double seconds, uint64_t seed,
                            double **latencies, size_t *total) {
    bt_error error = {BT_OK, ""};
    bt_schedule schedule = {0};
    const bt_schedule_options options = {.shape = k->arrivals,
                                         .rate_rps = rate_rps,
                                         .burstiness = 1.5,
                                         .duration_ns = (int64_t)((warm_s + seconds) * 1e9),
                                         .seed = seed};
    bt_simulation_model *model = &service.model;
    model->clients = isnan(rate_rps);
    model->arrival_count = 200;
    if (!model->clients) {
        if (bt_schedule_open(&schedule, &options, &error) != BT_OK) fail_msg("%s", error.message);
        model->arrival_count = schedule.count;
    }
    model->arrivals_ns = schedule.arrivals_ns;
    bt_simulation *simulation = simulated(model, 1, true, seed);
    const bt_simulated *result = &simulation->models[0];
    const double took_s = (double)result->ok / result->throughput_rps;
    *latencies = realloc(*latencies, (*total + (size_t)result->arrival_count) * sizeof **latencies);
    assert_non_null(*latencies);
    for (int64_t i = 0; i < result->arrival_count; i++)
        if (model->clients || schedule.arrivals_ns[i] >= (int64_t)(warm_s * 1e9))
            (*latencies)[(*total)++] = result->latency_ms[i];
    bt_simulation_close(&simulation);
    bt_schedule_close(&schedule);
    return took_s;
}

static double p95_at(const kind *k, double rate_rps) {
    double *latencies = NULL;
    size_t count = 0;
    add_latencies(k, rate_rps, 0, SCAN_COUNT / rate_rps, 99, &latencies, &count);
    bt_sort(latencies, count);
    const double p95_ms = bt_quantile(latencies, count, 0.95);
    free(latencies);
    return p95_ms;
}

static double full_rps(const kind *k) {
    return 1e3 * k->largest / (k->tau0_ms + k->alpha_ms * k->largest);
}

/* The first rate on a ladder of `step`, from `from_rps` on, at whose next P95 is above the SLA. */
static double last_held(const kind *k, double from_rps, double step) {
    double rate_rps = from_rps;
    while (p95_at(k, rate_rps * step) <= k->sla_ms)
        rate_rps *= step;
    return rate_rps;
}

/* Every rate is tried, from a tenth of what full batches would bring: by tenths, and then by hundredths. */
static double scan(const kind *k) {
    const double tenth = last_held(k, 0.1 * full_rps(k), 1.1);
    return last_held(k, tenth / 1.1, SCAN_STEP) * sqrt(SCAN_STEP);
}

/* A run as the load test makes it: look by look, each after a segment of its own, until it is decided. */
static bt_rate_run run_simulated(const kind *k, const bt_capacity_step *step, double length_s,
                                 uint64_t seed) {
    bt_rate_run run = {.purpose = step->purpose, .rate_rps = step->rate_rps, .word = BT_RATE_NOT_SHOWN};
    double *latencies = NULL, took_s = 0;
    size_t count = 0;
    for (int i = 0; i < BT_CAPACITY_LOOKS && run.word == BT_RATE_NOT_SHOWN; i++) {
        const bt_capacity_piece piece = bt_capacity_piece_at(i, step->rate_rps, k->sla_ms, length_s);
        took_s += add_latencies(k, step->rate_rps, piece.warm_s, piece.measured_s, seed + (uint64_t)i,
                                &latencies, &count);
        double *sorted = malloc(count * sizeof *sorted);
        assert_non_null(sorted);
        memcpy(sorted, latencies, count * sizeof *sorted);
        bt_sort(sorted, count);
        const bt_bounds bounds =
            bt_late_bounds(latencies, sorted, count, 0.95, piece.look.met_error, piece.look.broken_error);
        run.p95_ms = bt_quantile(sorted, count, 0.95);
        run.p95_lower_ms = bounds.lower;
        run.p95_upper_ms = bounds.upper;
        free(sorted);
        run.word = bt_capacity_word(&run, k->sla_ms, i);
    }
    run.sent = run.ok = (int64_t)count;
    run.throughput_rps = (double)count / took_s;
    run.duration_s = took_s;
    free(latencies);
    return run;
}

static bt_load_capacity find_simulated(const kind *k, double predicted_rps, double length_s, uint64_t seed) {
    bt_load_capacity found;
    bt_load_capacity_empty(&found);
    found.predicted_rps = predicted_rps;
    for (;;) {
        const bt_capacity_step step = bt_capacity_next(&found, k->sla_ms, 0.5 * full_rps(k));
        if (step.done) break;
        found.runs[found.run_count] =
            run_simulated(k, &step, length_s, seed + 100 * (uint64_t)found.run_count);
        found.run_count++;
    }
    bt_capacity_sum_up(&found, k->sla_ms);
    return found;
}

/* How many of the kinds' searches, with predictions that are right, off, far off and unknown, end within 5 % of a
 * scan, where a run takes so long at most (0: as long as it does by itself). */
static tally try_kinds(double run_s) {
    static const double off[SEEDS] = {1, 0.8, 2.5, NAN};
    tally t = {0};
    double seconds = 0;
    for (size_t i = 0; i < KINDS; i++) {
        open_service(&kinds[i]);
        const double truth_rps = scan(&kinds[i]);
        for (uint64_t seed = 0; seed < SEEDS; seed++) {
            const bt_load_capacity found = find_simulated(
                &kinds[i], truth_rps * off[seed], bt_capacity_first_length_s(run_s), 10000 * (seed + 1));
            assert_true(found.run_count <= BT_RATE_RUNS_MAX);
            count(&t, &found, truth_rps, false);
            for (int r = 0; r < found.run_count; r++)
                seconds += found.runs[r].duration_s;
        }
    }
    print_message("%.0f s of load each\n", seconds / t.cases);
    return t;
}

static void it_is_what_a_scan_of_all_rates_finds(void **state) {
    (void)state;
    const tally t = try_kinds(60);
    expect_near(&t, "simulated services, runs of a minute at most");
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_capacity_is_found_near_its_prediction),
        cmocka_unit_test(a_wrong_prediction_costs_runs_and_not_the_capacity),
        cmocka_unit_test(it_is_what_a_scan_of_all_rates_finds),
        cmocka_unit_test(where_not_even_one_request_holds_it_is_none),
        cmocka_unit_test(where_every_rate_holds_there_is_no_upper_bound),
        cmocka_unit_test(where_the_generator_is_too_slow_that_is_the_bound),
        cmocka_unit_test(what_was_disturbed_is_run_once_more),
        cmocka_unit_test(a_rate_too_low_to_show_anything_is_left_upwards),
        cmocka_unit_test(beyond_the_capacity_two_rates_are_run),
        cmocka_unit_test(the_bounds_decide_about_what_was_asked),
    };
    return cmocka_run_group_tests_name("prove-capacity", tests, NULL, NULL);
}
