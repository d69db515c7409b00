/* What a tuned model can serve: the ladder and the times come out of the config, and the capacity is where
 * the SLA breaks. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "simulate/capacity.h"
#include "simulated-service.h"

#define POINTS_MAX 80
#define QUANTILES  5

/* A model of the config, and its points' storage. */
typedef struct tuned_file {
    bt_config_model model;
    bt_config_point points[POINTS_MAX];
    double quantiles_ms[POINTS_MAX][QUANTILES];
} tuned_file;

static tuned_file file;
static bt_tuned_model tuned;

static void begin_file(int chosen) {
    memset(&file, 0, sizeof file);
    strcpy(file.model.name, "hrnet");
    file.model.settings.max_queue_delay_ms = 5;
    file.model.settings.max_queue_size = 100;
    file.model.optimal_batch_size = chosen;
    file.model.points = file.points;
    file.model.speedup_over_single_image = file.model.throughput_imgs_per_sec = NAN;
}

/* Adds a size (ascending) whose median is median_ms, between 0.9 and 1.3 of it; none where that is NaN. */
static void add_size(int batch_size, bt_outcome outcome, double median_ms) {
    static const double shape[QUANTILES] = {0.9, 0.95, 1, 1.1, 1.3};
    int at = file.model.point_count++;
    file.points[at] = (bt_config_point){.batch_size = batch_size, .outcome = outcome};
    if (isnan(median_ms)) return;
    for (int i = 0; i < QUANTILES; i++)
        file.quantiles_ms[at][i] = shape[i] * median_ms;
    file.points[at].service_ms_quantiles = file.quantiles_ms[at];
    file.points[at].quantile_count = QUANTILES;
}

static void open_tuned(int max_batch_size) {
    bt_error error = {BT_OK, ""};
    if (bt_tuned_model_open(&tuned, &file.model, max_batch_size, &error)) fail_msg("%s", error.message);
    const bt_ladder *ladder = &tuned.batcher.ladder;
    for (int i = 0; i < ladder->size_count; i++)
        assert_int_equal(tuned.times[i].batch_size, ladder->sizes[i]);
}

static void assert_sizes(const int *expected, int count) {
    assert_int_equal(tuned.batcher.ladder.size_count, count);
    for (int i = 0; i < count; i++)
        assert_int_equal(tuned.batcher.ladder.sizes[i], expected[i]);
}

#define SIZES(...)                                                                                           \
    assert_sizes((const int[]){__VA_ARGS__}, (int)(sizeof((const int[]){__VA_ARGS__}) / sizeof(int)))

static void assert_median(int place, double expected_ms) {
    double got_ms = bt_ms(tuned.batcher.ladder.service_ns[place]);
    if (fabs(got_ms - expected_ms) > 1e-3) fail_msg("%g ms, expected %g", got_ms, expected_ms);
}

/* ---- out of the config ---- */

static void sizes_that_may_serve_make_the_ladder(void **state) {
    (void)state;
    begin_file(8);
    add_size(1, BT_OUTCOME_MEASURED, 10);
    add_size(2, BT_OUTCOME_MASK_DISAGREES, 12);
    add_size(3, BT_OUTCOME_SKIPPED_DOMINATED, 14);
    add_size(4, BT_OUTCOME_UNDECIDED, 16);
    add_size(5, BT_OUTCOME_OVER_MEMORY, 18);
    add_size(6, BT_OUTCOME_CRASHED, NAN);
    add_size(7, BT_OUTCOME_MEASURED, NAN); /* without times there is nothing to go by */
    add_size(8, BT_OUTCOME_MEASURED, 24);
    add_size(12, BT_OUTCOME_MEASURED, 32);
    open_tuned(0);
    SIZES(1, 3, 4, 8);
    assert_median(0, 10);
    assert_median(3, 24);
    assert_int_equal(tuned.batcher.max_batch_size, 8);
    assert_int_equal(tuned.batcher.max_queue_size, 100);
    assert_int_equal(tuned.batcher.max_queue_delay_ns, 5 * BT_NS_PER_MS);
    assert_true(tuned.batcher.admission && tuned.batcher.failover);
    assert_int_equal(tuned.batcher.watchdog_ns, BT_NS_PER_S + 20 * 24 * BT_NS_PER_MS);
    assert_true(tuned.times[3].quantiles_ms[4] == 1.3 * 24);
    bt_tuned_model_close(&tuned);
    open_tuned(4);
    SIZES(1, 3, 4);
    bt_tuned_model_close(&tuned);
    bt_tuned_model_close(&tuned);
}

static void a_size_without_samples_lies_on_the_line(void **state) {
    (void)state;
    begin_file(6);
    add_size(4, BT_OUTCOME_MEASURED, 16);
    add_size(8, BT_OUTCOME_MEASURED, 24);
    open_tuned(0);
    SIZES(1, 4, 6);
    assert_median(0, 10);
    assert_median(2, 20);
    assert_true(fabs(tuned.times[2].quantiles_ms[4] - 1.3 * 20) < 1e-9); /* with its neighbours' spread */
    bt_tuned_model_close(&tuned);
    open_tuned(12);
    SIZES(1, 4, 8, 12);
    assert_median(3, 32);
    bt_tuned_model_close(&tuned);
}

/* A line through noise may lead anywhere; fewer images never take longer, nor each of them less. */
static void beyond_the_measured_sizes_a_line_is_kept_within_reason(void **state) {
    (void)state;
    begin_file(4);
    add_size(4, BT_OUTCOME_MEASURED, 16);
    open_tuned(0);
    assert_median(0, 16); /* nothing tells how much sooner */
    bt_tuned_model_close(&tuned);
    open_tuned(8);
    assert_median(2, 32); /* nothing tells that more images pay */
    bt_tuned_model_close(&tuned);
    add_size(5, BT_OUTCOME_MEASURED, 48);
    open_tuned(0);
    assert_median(0, 4);
    bt_tuned_model_close(&tuned);
    file.model.point_count--;
    add_size(5, BT_OUTCOME_MEASURED, 12);
    open_tuned(8);
    SIZES(1, 4, 5, 8);
    assert_median(0, 16);
    assert_median(3, 12);
    bt_tuned_model_close(&tuned);
}

static void the_standard_path_is_as_slow_as_the_speed_up_says(void **state) {
    (void)state;
    begin_file(4);
    add_size(1, BT_OUTCOME_MEASURED, 10);
    add_size(4, BT_OUTCOME_MEASURED, 16);
    open_tuned(0);
    assert_int_equal(tuned.batcher.ladder.standard_ns, 10 * BT_NS_PER_MS);
    bt_tuned_model_close(&tuned);
    file.model.throughput_imgs_per_sec = 250;
    file.model.speedup_over_single_image = 12.5; /* so the standard path makes 20 a second */
    open_tuned(0);
    assert_int_equal(tuned.batcher.ladder.standard_ns, 50 * BT_NS_PER_MS);
    assert_true(tuned.standard.count == 1 && tuned.standard.quantiles_ms[0] == 50);
    bt_tuned_model_close(&tuned);
}

static void a_ladder_has_only_so_many_rungs(void **state) {
    (void)state;
    begin_file(POINTS_MAX);
    for (int size = 1; size <= POINTS_MAX; size++)
        add_size(size, BT_OUTCOME_MEASURED, 10 + size);
    open_tuned(0);
    assert_int_equal(tuned.batcher.ladder.size_count, BT_LADDER_SIZES_MAX);
    assert_int_equal(tuned.batcher.ladder.sizes[BT_LADDER_SIZES_MAX - 1], POINTS_MAX);
    bt_tuned_model_close(&tuned);
}

static void what_was_never_measured_is_refused(void **state) {
    (void)state;
    bt_error error = {BT_OK, ""};
    begin_file(4);
    assert_int_equal(bt_tuned_model_open(&tuned, &file.model, 0, &error), BT_INVALID);
    assert_non_null(strstr(error.message, "hrnet: the config has no service times"));
    bt_tuned_model_close(&tuned);
    add_size(4, BT_OUTCOME_MEASURED, 10);
    const int sizes[] = {-1, BT_LADDER_BATCH_MAX + 1};
    for (int i = 0; i < 2; i++)
        assert_int_equal(bt_tuned_model_open(&tuned, &file.model, sizes[i], &error), BT_INVALID);
    assert_non_null(strstr(error.message, "batches of 1025"));
    begin_file(4);
    add_size(4, BT_OUTCOME_MEASURED, 1e300);
    assert_int_equal(bt_tuned_model_open(&tuned, &file.model, 0, &error), BT_INVALID);
    assert_string_equal(error.message, "hrnet: a batch of 1 takes more than a day");
}

static void what_a_lane_does_around_a_run_comes_along(void **state) {
    (void)state;
    double prepare_ms[] = {1, 2, 3}, deliver_ms[] = {0.5};
    begin_file(1);
    add_size(1, BT_OUTCOME_MEASURED, 10);
    open_tuned(0);
    assert_int_equal(tuned.prepare.count, 0); /* an entry of before */
    assert_int_equal(tuned.deliver.count, 0);
    bt_tuned_model_close(&tuned);
    file.model.prepare_ms_quantiles = prepare_ms;
    file.model.deliver_ms_quantiles = deliver_ms;
    file.model.prepare_quantile_count = 3;
    file.model.deliver_quantile_count = 1;
    open_tuned(0);
    assert_int_equal(tuned.prepare.count, 3);
    assert_memory_equal(tuned.prepare.quantiles_ms, prepare_ms, sizeof prepare_ms);
    assert_int_equal(tuned.deliver.count, 1);
    assert_true(tuned.deliver.quantiles_ms[0] == 0.5);
    assert_int_equal(tuned.batcher.ladder.service_ns[0], 10 * BT_NS_PER_MS); /* a run is what it was */
    bt_tuned_model_close(&tuned);
}

static void the_order_of_runs_comes_along(void **state) {
    (void)state;
    int ranks[] = {1, 0, 2};
    begin_file(1);
    add_size(1, BT_OUTCOME_MEASURED, 10);
    open_tuned(0);
    assert_int_equal(bt_tuned_model_simulated(&tuned).order.count, 0); /* an entry of before */
    bt_tuned_model_close(&tuned);
    file.model.block_runs = 2;
    file.model.run_ranks = ranks;
    file.model.run_rank_count = 3;
    open_tuned(0);
    file.model.idle_gap_ms[1] = 20;
    file.model.idle_extra_ms[1] = 2;
    file.model.idle_count = 2;
    bt_tuned_model_close(&tuned);
    open_tuned(0);
    const bt_idle_cost idle = bt_tuned_model_simulated(&tuned).idle;
    assert_true(idle.count == 2 && idle.gap_ms[1] == 20 && idle.extra_ms[1] == 2);
    const bt_run_order order = bt_tuned_model_simulated(&tuned).order;
    assert_int_equal(order.count, 3);
    assert_int_equal(order.block_runs, 2);
    assert_memory_equal(order.ranks, ranks, sizeof ranks);
    bt_tuned_model_close(&tuned);
}

/* ---- capacity ---- */

/* Sizes 1, 2, 4, ... up to `largest`, in 4 + 2 b ms. */
static void four_plus_two(int largest) {
    begin_file(largest);
    for (int size = 1; size <= largest; size *= 2)
        add_size(size, BT_OUTCOME_MEASURED, 4 + 2 * size);
    open_tuned(0);
}

static bt_capacity capacity(int instances, double sla_ms, uint64_t seed) {
    bt_capacity found;
    bt_error error = {BT_OK, ""};
    if (bt_capacity_find(&found, &tuned, instances, sla_ms, seed, &error)) fail_msg("%s", error.message);
    return found;
}

/* P95 under other arrivals than those that the search had, and more of them. */
static double p95_at(double rate_rps, int64_t *lost) {
    const int64_t count = 200000;
    int64_t *arrivals_ns = simulated_poisson(77, rate_rps, count);
    const bt_simulation_model model = {.batcher = tuned.batcher,
                                       .times = tuned.times,
                                       .times_count = tuned.batcher.ladder.size_count,
                                       .standard = tuned.standard,
                                       .arrivals_ns = arrivals_ns,
                                       .arrival_count = count};
    bt_simulation *simulation = simulated(&model, 1, true, 78);
    double p95_ms = simulation->models[0].p95_ms;
    *lost = count - simulation->models[0].ok;
    bt_simulation_close(&simulation);
    free(arrivals_ns);
    return p95_ms;
}

static void the_sla_breaks_at_the_capacity_and_not_before(void **state) {
    (void)state;
    const int largest[] = {1, 2, 8};
    const double sla_ms[] = {30, 60};
    for (int i = 0; i < 3; i++) {
        four_plus_two(largest[i]);
        for (int j = 0; j < 2; j++) {
            int64_t lost;
            bt_capacity found = capacity(1, sla_ms[j], 1);
            assert_true(found.capacity_rps > 0);
            assert_true(fabs(found.recommended_rps - 0.6 * found.capacity_rps) < 1e-9);
            assert_true(p95_at(0.95 * found.capacity_rps, &lost) < sla_ms[j] && lost == 0);
            assert_true(p95_at(1.05 * found.capacity_rps, &lost) > sla_ms[j]);
            double predicted_ms = p95_at(found.recommended_rps, &lost);
            assert_true(fabs(found.predicted_p95_ms / predicted_ms - 1) < 0.05);
        }
        bt_tuned_model_close(&tuned);
    }
}

/* No more than full batches one after another, and with time enough not much less. */
static void no_capacity_is_beyond_the_best_throughput(void **state) {
    (void)state;
    four_plus_two(8);
    double mean = (0.9 / 2 + 0.95 + 1 + 1.1 + 1.3 / 2) / 4, best_rps = 8 / (20 * mean) * 1e3;
    bt_capacity found = capacity(1, 250, 1);
    assert_true(found.capacity_rps < best_rps && found.capacity_rps > 0.93 * best_rps);
    bt_tuned_model_close(&tuned);
}

/* Runs of 6 ms, prepared in 4 and delivered in 2: 12 ms a request, so 83 a second and a lone one in 12 ms. */
static void preparing_and_delivering_take_their_part_of_the_capacity(void **state) {
    (void)state;
    double six_ms = 6, prepare_ms = 4, deliver_ms = 2;
    begin_file(1);
    add_size(1, BT_OUTCOME_MEASURED, 6);
    file.points[0].service_ms_quantiles = &six_ms;
    file.points[0].quantile_count = 1;
    file.model.settings.max_queue_delay_ms = 0;
    file.model.prepare_ms_quantiles = &prepare_ms;
    file.model.deliver_ms_quantiles = &deliver_ms;
    file.model.prepare_quantile_count = file.model.deliver_quantile_count = 1;
    open_tuned(0);
    bt_capacity found = capacity(1, 250, 1);
    assert_true(found.capacity_rps < 1e3 / 12 && found.capacity_rps > 0.9 * 1e3 / 12);
    assert_true(found.predicted_p95_ms > 12);
    assert_true(capacity(1, 11.9, 1).capacity_rps == 0);
    assert_int_equal(capacity(1, 12.1, 1).largest_spike, 1);
    assert_int_equal(capacity(1, 36.1, 1).largest_spike, 3); /* one after another */
    bt_tuned_model_close(&tuned);
}

static void a_higher_sla_or_another_instance_gives_no_less(void **state) {
    (void)state;
    four_plus_two(4);
    bt_capacity before = {0};
    for (double sla_ms = 5; sla_ms < 300; sla_ms *= 1.3) {
        bt_capacity now = capacity(1, sla_ms, 1);
        assert_true(now.capacity_rps >= before.capacity_rps);
        assert_true(now.largest_spike >= before.largest_spike);
        before = now;
    }
    before = (bt_capacity){0};
    for (int instances = 1; instances <= 4; instances++) {
        bt_capacity now = capacity(instances, 40, 1);
        assert_true(now.capacity_rps > before.capacity_rps && now.largest_spike > before.largest_spike);
        before = now;
    }
    bt_tuned_model_close(&tuned);
}

/* A lone request waits 5 ms for others and then takes up to 7.8 ms. */
static void what_a_lone_request_cannot_keep_is_no_capacity(void **state) {
    (void)state;
    four_plus_two(8);
    bt_capacity found = capacity(1, 11.5, 1);
    assert_true(found.capacity_rps == 0 && found.recommended_rps == 0 && isnan(found.predicted_p95_ms));
    assert_int_equal(found.largest_spike, 0);
    found = capacity(1, 13, 1);
    assert_true(found.capacity_rps > 0 && found.largest_spike >= 1);
    bt_tuned_model_close(&tuned);
}

/* Ten milliseconds each, and a hundred more after a pause of as long. */
static void a_spike_finds_a_service_that_has_idled(void **state) {
    (void)state;
    double gap_ms[] = {0, 100}, extra_ms[] = {0, 100}, ten_ms = 10;
    begin_file(1);
    add_size(1, BT_OUTCOME_MEASURED, 10);
    open_tuned(0);
    tuned.times[0] = (bt_service_times){1, &ten_ms, 1};
    tuned.idle = (bt_idle_cost){gap_ms, extra_ms, 2};
    assert_int_equal(capacity(1, 109, 1).largest_spike, 0);
    assert_int_equal(capacity(1, 110, 1).largest_spike, 1);
    assert_int_equal(capacity(1, 145, 1).largest_spike, 4);
    bt_tuned_model_close(&tuned);
}

/* Ten milliseconds each: of n at once the last is answered after 10 n. With one in twenty above the P95, at
 * 20 the last one no longer counts. */
static void the_largest_spike_is_as_by_hand(void **state) {
    (void)state;
    const double ten_ms = 10;
    begin_file(1);
    add_size(1, BT_OUTCOME_MEASURED, 10);
    open_tuned(0);
    tuned.times[0] = (bt_service_times){1, &ten_ms, 1};
    assert_int_equal(capacity(1, 45, 1).largest_spike, 4);
    assert_int_equal(capacity(1, 40, 1).largest_spike, 4);
    assert_int_equal(capacity(2, 45, 1).largest_spike, 8);
    assert_int_equal(capacity(1, 190, 1).largest_spike, 20);
    assert_int_equal(capacity(1, 9, 1).largest_spike, 0);
    assert_int_equal(capacity(1, 1e6, 1).largest_spike, 101); /* one runs, a hundred may wait */
    bt_tuned_model_close(&tuned);
}

static void the_same_question_gets_the_same_answer(void **state) {
    (void)state;
    four_plus_two(8);
    bt_capacity first = capacity(1, 60, 1), again = capacity(1, 60, 1), other = capacity(1, 60, 2);
    assert_true(first.capacity_rps == again.capacity_rps);
    assert_true(first.predicted_p95_ms == again.predicted_p95_ms);
    assert_int_equal(first.largest_spike, again.largest_spike);
    assert_true(first.predicted_p95_ms != other.predicted_p95_ms);
    assert_true(fabs(other.capacity_rps / first.capacity_rps - 1) < 0.03);
    bt_tuned_model_close(&tuned);
}

static void a_model_that_takes_no_time_has_a_capacity_too(void **state) {
    (void)state;
    begin_file(4);
    add_size(1, BT_OUTCOME_MEASURED, 0);
    add_size(4, BT_OUTCOME_MEASURED, 0);
    open_tuned(0);
    bt_capacity found = capacity(1, 100, 1);
    assert_true(isfinite(found.capacity_rps) && found.capacity_rps > 1e6);
    bt_tuned_model_close(&tuned);
}

static void wrong_questions_are_refused(void **state) {
    (void)state;
    bt_capacity found;
    four_plus_two(2);
    assert_int_equal(bt_capacity_find(&found, &tuned, 0, 100, 1, NULL), BT_INVALID);
    assert_int_equal(bt_capacity_find(&found, &tuned, BT_BATCHER_INSTANCES_MAX + 1, 100, 1, NULL),
                     BT_INVALID);
    assert_int_equal(bt_capacity_find(&found, &tuned, 1, 0, 1, NULL), BT_INVALID);
    assert_int_equal(bt_capacity_find(&found, &tuned, 1, NAN, 1, NULL), BT_INVALID);
    bt_tuned_model_close(&tuned);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(sizes_that_may_serve_make_the_ladder),
        cmocka_unit_test(a_size_without_samples_lies_on_the_line),
        cmocka_unit_test(beyond_the_measured_sizes_a_line_is_kept_within_reason),
        cmocka_unit_test(the_standard_path_is_as_slow_as_the_speed_up_says),
        cmocka_unit_test(a_ladder_has_only_so_many_rungs),
        cmocka_unit_test(what_was_never_measured_is_refused),
        cmocka_unit_test(what_a_lane_does_around_a_run_comes_along),
        cmocka_unit_test(the_order_of_runs_comes_along),
        cmocka_unit_test(preparing_and_delivering_take_their_part_of_the_capacity),
        cmocka_unit_test(the_sla_breaks_at_the_capacity_and_not_before),
        cmocka_unit_test(no_capacity_is_beyond_the_best_throughput),
        cmocka_unit_test(a_higher_sla_or_another_instance_gives_no_less),
        cmocka_unit_test(what_a_lone_request_cannot_keep_is_no_capacity),
        cmocka_unit_test(a_spike_finds_a_service_that_has_idled),
        cmocka_unit_test(the_largest_spike_is_as_by_hand),
        cmocka_unit_test(the_same_question_gets_the_same_answer),
        cmocka_unit_test(a_model_that_takes_no_time_has_a_capacity_too),
        cmocka_unit_test(wrong_questions_are_refused),
    };
    return cmocka_run_group_tests_name("simulate-capacity", tests, NULL, NULL);
}
