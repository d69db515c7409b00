/* The sweep against made-up machines: no clock, no process, every answer computed from a curve. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/random.h"
#include "made-up-machine.h"
#include "tune/score.h"
#include "tune/search.h"
#include "tune/sweep.h"

#define STEPS_MAX 20000

/* ---- a run ------------------------------------------------------------------- */

typedef struct tuned {
    bt_record *record;
    bt_model_record *model;
    bt_settings settings;
    bt_sweep_options options;
} tuned;

static tuned prepare(const char *batches, double p95_sla_ms, bt_objective objective) {
    tuned t = {0};
    bt_error error = {BT_OK, ""};
    assert_int_equal(bt_record_open(&t.record, 1, &error), BT_OK);
    t.model = &t.record->models[0];
    snprintf(t.model->title, sizeof t.model->title, "Net");
    snprintf(t.model->precision, sizeof t.model->precision, "fp32");
    t.settings.p95_sla_ms = p95_sla_ms;
    t.settings.objective = objective;
    t.settings.max_queue_delay_ms = 5;
    t.settings.min_mask_iou = 0.99;
    t.settings.memory_reserve_percent = 10;
    t.options = (bt_sweep_options){.p95_sla_ms = p95_sla_ms,
                                   .memory_limit_mb = 14745,
                                   .objective = objective,
                                   .min_mask_iou = 0.99,
                                   .computes_masks = true,
                                   .trained_weights = true,
                                   .standard_path = true,
                                   .time_budget_s = 1e9};
    for (const char *at = batches; *at;) {
        char *end;
        t.options.batches.sizes[t.options.batches.count++] = (int)strtol(at, &end, 10);
        at = *end ? end + 1 : end;
    }
    return t;
}

/* Drives a sweep on a machine to its end, and scores it. The invariants of every step are asserted. */
static void tune_with(tuned *t, machine *m, bt_step_result (*answer)(machine *, const bt_step *)) {
    bt_error error = {BT_OK, ""};
    bt_sweep *sweep;
    assert_int_equal(bt_sweep_open(&sweep, &t->options, t->model, &error), BT_OK);
    for (m->steps = 0;; m->steps++) {
        assert_true(m->steps < STEPS_MAX);
        bt_step step = bt_sweep_next(sweep);
        if (step.kind == BT_STEP_DONE) break;
        assert_in_range(step.runs, 1, BT_MAX_TURN_SAMPLES);
        bt_step_result result = answer(m, &step);
        assert_int_equal(bt_sweep_done(sweep, &step, &result, &error), BT_OK);
        char text[128];
        double progress = bt_sweep_progress(sweep, text, sizeof text);
        assert_true(progress >= 0 && progress <= 1);
    }
    bt_sweep_close(&sweep);
    t->model->memory_total_mb = 16384;
    assert_int_equal(bt_score_model(t->model, &t->settings, &error), BT_OK);
}

static void tune(tuned *t, machine *m) {
    tune_with(t, m, machine_answer);
}

static void finish(tuned *t) {
    bt_record_close(&t->record);
}

static const bt_point *point_of(const tuned *t, int batch_size) {
    for (int i = 0; i < t->model->point_count; i++)
        if (t->model->points[i].batch_size == batch_size) return &t->model->points[i];
    fail_msg("no point for batch %d", batch_size);
    return NULL;
}

static int chosen_batch(const tuned *t) {
    return t->model->chosen < 0 ? 0 : t->model->points[t->model->chosen].batch_size;
}

/* ---- promises ---------------------------------------------------------------- */

static void efficiency_picks_tau0_over_alpha(void **state) {
    (void)state;
    tuned t = prepare("1,2,4,8,16", 100, BT_OBJECTIVE_EFFICIENCY);
    machine m = machine_quiet();
    tune(&t, &m);
    assert_int_equal(chosen_batch(&t), 2);
    assert_true(t.model->meets_sla);
    assert_true(t.model->batching_pays);
    assert_int_equal(point_of(&t, 2)->outcome, BT_OUTCOME_MEASURED);
    assert_true(point_of(&t, 2)->sample_count >= 85); /* the first that can accept */
    assert_true(point_of(&t, 2)->p95_upper_ms <= 100);
    finish(&t);
}

static void throughput_picks_the_largest(void **state) {
    (void)state;
    tuned t = prepare("1,2,4,8,16", 100, BT_OBJECTIVE_THROUGHPUT);
    machine m = machine_quiet();
    tune(&t, &m);
    assert_int_equal(chosen_batch(&t), 16);
    assert_non_null(strstr(point_of(&t, 1)->why, "throughput"));
    finish(&t);
}

static void every_objective_has_its_winner(void **state) {
    (void)state;
    tuned t = prepare("1,2,4,8,16", 100, BT_OBJECTIVE_EFFICIENCY);
    machine m = machine_quiet();
    tune(&t, &m);
    assert_int_equal(t.model->points[t.model->winners[BT_OBJECTIVE_EFFICIENCY]].batch_size, 2);
    assert_int_equal(t.model->points[t.model->winners[BT_OBJECTIVE_THROUGHPUT]].batch_size, 16);
    assert_int_equal(t.model->points[t.model->winners[BT_OBJECTIVE_LATENCY]].batch_size, 1);
    assert_true(point_of(&t, 2)->on_pareto_front);
    finish(&t);
}

static void a_hopeless_size_costs_five_samples_at_most(void **state) {
    (void)state;
    tuned t = prepare("1,2,4,8,16", 11, BT_OBJECTIVE_EFFICIENCY);
    machine m = machine_quiet();
    tune(&t, &m);
    assert_int_equal(point_of(&t, 16)->outcome, BT_OUTCOME_OVER_SLA);
    assert_in_range(m.measured[16], 1, 5);
    assert_int_equal(point_of(&t, 16)->sample_count, m.measured[16]);
    assert_non_null(strstr(point_of(&t, 16)->why, "over the SLA"));
    finish(&t);
}

/* A machine whose first turns are disturbed, and ten times too slow. */
static bt_step_result answer_disturbed(machine *m, const bt_step *step) {
    bt_step_result result = machine_answer(m, step);
    result.disturbed = step->kind == BT_STEP_MEASURE && m->steps < 6;
    for (int i = 0; i < result.sample_count && result.disturbed; i++)
        result.samples_ms[i] *= 10;
    return result;
}

static void a_neighbour_does_not_refuse_a_size(void **state) {
    (void)state;
    tuned t = prepare("1,2,4", 40, BT_OBJECTIVE_EFFICIENCY);
    machine m = machine_quiet();
    tune_with(&t, &m, answer_disturbed);
    assert_int_equal(chosen_batch(&t), 2);
    assert_int_equal(t.model->disturbed_turns, 0);
    assert_true(point_of(&t, 1)->p95_ms < 10);
    finish(&t);
}

static bt_step_result answer_always_disturbed(machine *m, const bt_step *step) {
    bt_step_result result = machine_answer(m, step);
    result.disturbed = true;
    return result;
}

static void a_machine_that_is_never_quiet_is_taken_as_it_is(void **state) {
    (void)state;
    tuned t = prepare("1,2,4", 40, BT_OBJECTIVE_EFFICIENCY);
    machine m = machine_quiet();
    tune_with(&t, &m, answer_always_disturbed);
    assert_int_equal(chosen_batch(&t), 2);
    assert_int_equal(t.model->disturbed_turns, t.model->turns);
    finish(&t);
}

static void a_refused_size_leaves_the_others(void **state) {
    (void)state;
    tuned t = prepare("1,2,4,8,16", 100, BT_OBJECTIVE_EFFICIENCY);
    machine m = machine_quiet();
    m.crash_at = 8;
    tune(&t, &m);
    assert_int_equal(point_of(&t, 8)->outcome, BT_OUTCOME_CRASHED);
    assert_int_equal(point_of(&t, 16)->outcome, BT_OUTCOME_CRASHED);
    assert_string_equal(point_of(&t, 8)->why, "the worker crashed");
    assert_int_equal(chosen_batch(&t), 2);
    finish(&t);
}

static void after_out_of_memory_larger_sizes_are_not_tried(void **state) {
    (void)state;
    tuned t = prepare("1,2,4,8,16", 100, BT_OBJECTIVE_THROUGHPUT);
    machine m = machine_quiet();
    m.out_of_memory_at = 8;
    tune(&t, &m);
    assert_int_equal(point_of(&t, 8)->outcome, BT_OUTCOME_OUT_OF_MEMORY);
    assert_int_equal(point_of(&t, 16)->outcome, BT_OUTCOME_PREDICTED_OVER_MEMORY);
    assert_int_equal(m.measured[16], 0);
    assert_int_equal(chosen_batch(&t), 4);
    finish(&t);
}

static void a_size_predicted_to_break_the_reserve_is_not_run(void **state) {
    (void)state;
    tuned t = prepare("1,2,4,8,16", 100, BT_OBJECTIVE_THROUGHPUT);
    machine m = machine_quiet();
    t.options.memory_limit_mb = 100 + 30 * 10;
    tune(&t, &m);
    assert_int_equal(point_of(&t, 8)->outcome, BT_OUTCOME_MEASURED);
    assert_int_equal(point_of(&t, 16)->outcome, BT_OUTCOME_PREDICTED_OVER_MEMORY);
    assert_float_equal(point_of(&t, 16)->memory_predicted_mb, 580, 1e-6);
    assert_int_equal(m.measured[16], 0);
    assert_int_equal(t.model->production_memory.largest_batch, 10);
    finish(&t);
}

static void masks_that_disagree_cannot_win(void **state) {
    (void)state;
    tuned t = prepare("1,2,4,8", 100, BT_OBJECTIVE_THROUGHPUT);
    machine m = machine_quiet();
    m.disagree_at = 4;
    tune(&t, &m);
    assert_int_equal(point_of(&t, 4)->outcome, BT_OUTCOME_MASK_DISAGREES);
    assert_int_equal(chosen_batch(&t), 2);
    finish(&t);
    t = prepare("1,2,4,8", 100, BT_OBJECTIVE_THROUGHPUT);
    t.options.trained_weights = false; /* then the figure is only reported */
    m = machine_quiet();
    m.disagree_at = 4;
    tune(&t, &m);
    assert_int_equal(chosen_batch(&t), 8);
    assert_float_equal(point_of(&t, 8)->mask_iou, 0.9, 1e-9);
    finish(&t);
}

static void odd_outputs_are_asked_about(void **state) {
    (void)state;
    static const struct {
        double least, most, mask_share;
        const char *asked; /* NULL: nothing */
    } cases[] = {
        {-7, 5, 0.2, NULL},
        {0.01, 0.98, 1, "looks like probabilities, not logits"},
        {-7, -1, 0, "the masks of all pictures are empty"},
        {1, 5, 1, "the masks of all pictures are full"},
        {NAN, NAN, NAN, NULL}, /* of a journal before this was told */
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        tuned t = prepare("1,2", 100, BT_OBJECTIVE_EFFICIENCY);
        machine m = machine_quiet();
        snprintf(t.model->model_file, sizeof t.model->model_file, "/m.pt");
        m.output_least = cases[i].least;
        m.output_most = cases[i].most;
        m.mask_share = cases[i].mask_share;
        tune(&t, &m);
        assert_int_equal(t.model->output_note[0] != '\0', cases[i].asked != NULL);
        if (cases[i].asked) assert_non_null(strstr(t.model->output_note, cases[i].asked));
        finish(&t);
    }
}

static void an_unreachable_sla_says_what_could_be_reached(void **state) {
    (void)state;
    tuned t = prepare("", 5, BT_OBJECTIVE_EFFICIENCY);
    machine m = machine_quiet();
    m.noise = 0.02;
    tune(&t, &m);
    assert_false(t.model->meets_sla);
    assert_int_equal(chosen_batch(&t), 1);
    assert_true(t.model->reachable_sla_ms > 6 && t.model->reachable_sla_ms < 7);
    assert_int_equal(m.measured[2], 0); /* larger ones are no better */
    finish(&t);
}

static void a_late_tail_is_found_out(void **state) {
    (void)state;
    tuned t = prepare("1,2", 20, BT_OBJECTIVE_EFFICIENCY);
    machine m = machine_quiet();
    m.late_fraction = 0.3; /* the mean is fine, P95 is not */
    m.late_ms = 50;
    tune(&t, &m);
    assert_false(t.model->meets_sla);
    assert_int_equal(point_of(&t, 2)->outcome, BT_OUTCOME_OVER_SLA);
    finish(&t);
}

static void what_time_does_not_settle_is_undecided(void **state) {
    (void)state;
    tuned t = prepare("1,2,4", 100, BT_OBJECTIVE_EFFICIENCY);
    t.options.time_budget_s = 0.2;
    machine m = machine_quiet();
    tune(&t, &m);
    assert_false(t.model->meets_sla);
    assert_int_equal(point_of(&t, 2)->outcome, BT_OUTCOME_UNDECIDED);
    assert_non_null(strstr(t.model->advice, "--time-budget"));
    finish(&t);
}

static void a_missing_standard_path_costs_only_the_comparison(void **state) {
    (void)state;
    tuned t = prepare("1,2,4", 100, BT_OBJECTIVE_EFFICIENCY);
    machine m = machine_quiet();
    m.standard_fails = true;
    tune(&t, &m);
    assert_int_equal(chosen_batch(&t), 2);
    assert_true(isnan(t.model->speedup_over_single_image));
    finish(&t);
}

static void the_speed_up_is_throughput_over_the_standard_path(void **state) {
    (void)state;
    tuned t = prepare("1,2,4", 100, BT_OBJECTIVE_EFFICIENCY);
    machine m = machine_quiet();
    tune(&t, &m);
    assert_true(t.model->standard_sample_count >= 10);
    assert_float_equal(t.model->speedup_over_single_image, (2 / 8.0) / (1 / 6.0), 1e-6);
    finish(&t);
}

/* ---- the search -------------------------------------------------------------- */

/* The best score among sizes 1..64, by the curve itself. */
static double exhaustive_best(const machine *m, bt_objective objective) {
    double best = 0;
    for (int b = 1; b <= 64; b++)
        best = fmax(best, bt_score_of(objective, b, machine_service_ms(m, b)));
    return best;
}

static void auto_finds_the_exhaustive_optimum_in_a_quarter_of_its_time(void **state) {
    (void)state;
    char every_size[256] = "1";
    for (int b = 2; b <= 64; b++)
        snprintf(every_size + strlen(every_size), sizeof every_size - strlen(every_size), ",%d", b);
    for (uint64_t seed = 1; seed <= 200; seed++) {
        machine exhaustive = machine_random(seed), searching = machine_random(seed);
        tuned whole = prepare(every_size, 1e6, BT_OBJECTIVE_EFFICIENCY);
        tuned search = prepare("", 1e6, BT_OBJECTIVE_EFFICIENCY);
        whole.options.standard_path = search.options.standard_path = false;
        tune(&whole, &exhaustive);
        search.options.time_budget_s = 0.24 * exhaustive.busy_ms / 1e3;
        tune(&search, &searching);
        double best = exhaustive_best(&searching, BT_OBJECTIVE_EFFICIENCY);
        double found = bt_score_of(BT_OBJECTIVE_EFFICIENCY, chosen_batch(&search),
                                   machine_service_ms(&searching, chosen_batch(&search)));
        if (found < 0.97 * best || !search.model->meets_sla || searching.busy_ms > 0.25 * exhaustive.busy_ms)
            fail_msg("seed %llu: batch %d (%s) scores %.4f of the best, in %.3f of the time",
                     (unsigned long long)seed, chosen_batch(&search),
                     search.model->meets_sla ? "confirmed" : "not confirmed", found / best,
                     searching.busy_ms / exhaustive.busy_ms);
        finish(&whole);
        finish(&search);
    }
}

/* ---- anything at all --------------------------------------------------------- */

static void check_record(const tuned *t, uint64_t seed) {
    const bt_model_record *model = t->model;
    for (int i = 0; i < model->point_count; i++) {
        const bt_point *point = &model->points[i];
        bool ascending = i == 0 || model->points[i - 1].batch_size < point->batch_size;
        bool proved = point->outcome != BT_OUTCOME_MEASURED || point->sample_count >= 85;
        proved = proved && (point->outcome != BT_OUTCOME_MEASURED || point->p95_ms <= t->options.p95_sla_ms);
        bool told = point->why[0] != '\0' || point->outcome == BT_OUTCOME_SKIPPED_DOMINATED;
        if (!ascending || !proved || !told)
            fail_msg("seed %llu: batch %d: %s with %d samples, \"%s\"", (unsigned long long)seed,
                     point->batch_size, bt_outcome_name(point->outcome), point->sample_count, point->why);
    }
    if (model->meets_sla) assert_int_equal(model->points[model->chosen].outcome, BT_OUTCOME_MEASURED);
    assert_true(model->advice[0] != '\0');
}

static void any_machine_ends_in_a_sound_record(void **state) {
    (void)state;
    static const char *const lists[] = {"", "1", "1,2,4,8", "3,7,64", "1,2,3,4,5,6,7,8,9,10"};
    for (uint64_t seed = 1; seed <= 500; seed++) {
        bt_random random = bt_random_stream(seed, "test options");
        machine m = machine_troubled(seed);
        tuned t = prepare(lists[bt_random_below(&random, 5)], bt_random_between(&random, 1, 300),
                          (bt_objective)bt_random_below(&random, BT_OBJECTIVE_COUNT));
        t.options.time_budget_s = bt_random_between(&random, 0.1, 60);
        t.options.memory_limit_mb = bt_random_between(&random, 50, 2000);
        tune(&t, &m);
        check_record(&t, seed);
        finish(&t);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(efficiency_picks_tau0_over_alpha),
        cmocka_unit_test(throughput_picks_the_largest),
        cmocka_unit_test(every_objective_has_its_winner),
        cmocka_unit_test(a_hopeless_size_costs_five_samples_at_most),
        cmocka_unit_test(a_neighbour_does_not_refuse_a_size),
        cmocka_unit_test(a_machine_that_is_never_quiet_is_taken_as_it_is),
        cmocka_unit_test(a_refused_size_leaves_the_others),
        cmocka_unit_test(after_out_of_memory_larger_sizes_are_not_tried),
        cmocka_unit_test(a_size_predicted_to_break_the_reserve_is_not_run),
        cmocka_unit_test(masks_that_disagree_cannot_win),
        cmocka_unit_test(odd_outputs_are_asked_about),
        cmocka_unit_test(an_unreachable_sla_says_what_could_be_reached),
        cmocka_unit_test(a_late_tail_is_found_out),
        cmocka_unit_test(what_time_does_not_settle_is_undecided),
        cmocka_unit_test(a_missing_standard_path_costs_only_the_comparison),
        cmocka_unit_test(the_speed_up_is_throughput_over_the_standard_path),
        cmocka_unit_test(auto_finds_the_exhaustive_optimum_in_a_quarter_of_its_time),
        cmocka_unit_test(any_machine_ends_in_a_sound_record),
    };
    return cmocka_run_group_tests_name("tune: the sweep", tests, NULL, NULL);
}
