/* From measurements to a decision: the winners, the reasons, the advice, and two models on one device. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
/* cmocka wants the four above first */
#include <cmocka.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/random.h"
#include "expect.h"
#include "tune/joint-memory.h"
#include "tune/score.h"

#define SAMPLES 120

/* ---- records by hand ---- */

static bt_settings settings_for(bt_objective objective, double p95_sla_ms) {
    return (bt_settings){.p95_sla_ms = p95_sla_ms,
                         .objective = objective,
                         .max_queue_delay_ms = 5,
                         .min_mask_iou = 0.99,
                         .memory_reserve_percent = 10};
}

static bt_record *record_of(int models, bt_objective objective) {
    bt_record *record;
    bt_error error;
    if (bt_record_open(&record, models, &error)) fail_msg("%s", error.message);
    record->settings = settings_for(objective, 100);
    for (int i = 0; i < models; i++) {
        snprintf(record->models[i].title, sizeof record->models[i].title, "Net%d", i + 1);
        record->models[i].memory_total_mb = 1000;
    }
    return record;
}

/* A point of `samples` runs of `service_ms` each. */
static bt_point *add(bt_model_record *model, int batch_size, double service_ms, bt_outcome outcome,
                     int samples) {
    bt_error error;
    bt_point *point = bt_record_add_point(model, batch_size);
    assert_non_null(point);
    point->outcome = outcome;
    for (int i = 0; i < samples; i++)
        if (bt_point_add_samples(point, &service_ms, 1, &error)) fail_msg("%s", error.message);
    return point;
}

static void add_measured(bt_model_record *model, int batch_size, double service_ms, double memory_mb) {
    bt_point *point = add(model, batch_size, service_ms, BT_OUTCOME_MEASURED, SAMPLES);
    point->memory_mb = point->memory_total_used_mb = memory_mb;
}

static void score_record(bt_record *record) {
    bt_error error;
    for (int i = 0; i < record->model_count; i++)
        if (bt_score_model(&record->models[i], &record->settings, &error)) fail_msg("%s", error.message);
    bt_fit_joint_memory(record);
}

static const bt_point *point_at(const bt_model_record *model, int batch_size) {
    for (int i = 0; i < model->point_count; i++)
        if (model->points[i].batch_size == batch_size) return &model->points[i];
    fail_msg("no point for batch %d", batch_size);
    return NULL;
}

static int batch_at(const bt_model_record *model, int index) {
    return index < 0 ? 0 : model->points[index].batch_size;
}

static void assert_silent_on(const char *text, const char *words) {
    if (strstr(text, words)) fail_msg("\"%s\" says \"%s\"", text, words);
}

/* ---- one point ---- */

static void a_point_is_summed_up(void **state) {
    (void)state;
    bt_record *record = record_of(1, BT_OBJECTIVE_EFFICIENCY);
    add_measured(&record->models[0], 4, 20, 100);
    bt_point *point = &record->models[0].points[0];
    bt_error error;
    assert_int_equal(bt_score_point(point, 1, 5, &error), BT_OK);
    assert_float_equal(point->p50_ms, 20, 0);
    assert_float_equal(point->p95_ms, 20, 0);
    assert_float_equal(point->p95_upper_ms, 20, 0);
    assert_float_equal(point->throughput_imgs_per_sec, 200, 1e-9);
    assert_float_equal(point->efficiency, 100, 1e-9);
    assert_float_equal(point->late_budget_ms, 45, 1e-9); /* waits 5, behind one batch, and its own */
    assert_false(point->drifting);
    bt_record_close(&record);
}

static void without_samples_nothing_is_known(void **state) {
    (void)state;
    bt_record *record = record_of(1, BT_OBJECTIVE_EFFICIENCY);
    bt_point *point = add(&record->models[0], 4, 0, BT_OUTCOME_UNDECIDED, 0);
    bt_error error;
    assert_int_equal(bt_score_point(point, 1, 5, &error), BT_OK);
    assert_true(isnan(point->p50_ms) && isnan(point->p95_ms) && isnan(point->p95_upper_ms));
    assert_true(isnan(point->throughput_imgs_per_sec) && isnan(point->efficiency));
    bt_record_close(&record);
}

/* ---- winners ---- */

/* s(b) = 4 + 2 b: efficiency is best at 2, throughput at 8, latency at 1. */
static bt_record *line_of_four(bt_objective objective) {
    bt_record *record = record_of(1, objective);
    for (int b = 1; b <= 8; b *= 2)
        add_measured(&record->models[0], b, 4 + 2 * b, 100 + 10 * b);
    return record;
}

static void each_objective_chooses_its_own(void **state) {
    (void)state;
    static const char *const why[] = {"best efficiency", "best throughput", "best latency"};
    const int best[] = {
        [BT_OBJECTIVE_EFFICIENCY] = 2, [BT_OBJECTIVE_THROUGHPUT] = 8, [BT_OBJECTIVE_LATENCY] = 1};
    for (int asked = 0; asked < BT_OBJECTIVE_CAPACITY; asked++) {
        bt_record *record = line_of_four((bt_objective)asked);
        const bt_model_record *model = &record->models[0];
        score_record(record);
        for (int i = 0; i < BT_OBJECTIVE_CAPACITY; i++)
            assert_int_equal(batch_at(model, model->winners[i]), best[i]);
        assert_int_equal(model->winners[BT_OBJECTIVE_CAPACITY], -1); /* nobody asked */
        assert_int_equal(batch_at(model, model->chosen), best[asked]);
        assert_true(model->meets_sla);
        assert_int_equal(model->batching_pays, best[asked] > 1);
        assert_string_equal(point_at(model, best[asked])->why, why[asked]);
        bt_record_close(&record);
    }
}

/* Only what was confirmed may win by the objective asked for; by the others what was merely screened may. */
static void the_choice_must_be_confirmed(void **state) {
    (void)state;
    bt_record *record = record_of(1, BT_OBJECTIVE_EFFICIENCY);
    bt_model_record *model = &record->models[0];
    add_measured(model, 1, 10, 100);
    add(model, 4, 12, BT_OUTCOME_SKIPPED_DOMINATED, 12); /* better, but not shown to be */
    add(model, 8, 13, BT_OUTCOME_OVER_SLA, 5);
    score_record(record);
    assert_int_equal(batch_at(model, model->winners[BT_OBJECTIVE_EFFICIENCY]), 1);
    assert_int_equal(batch_at(model, model->winners[BT_OBJECTIVE_THROUGHPUT]), 4);
    assert_int_equal(batch_at(model, model->chosen), 1);
    says(model->advice, "batch 4 (not confirmed)");
    bt_record_close(&record);
}

static void the_pareto_front_has_what_nothing_beats_twice(void **state) {
    (void)state;
    bt_record *record = record_of(1, BT_OBJECTIVE_EFFICIENCY);
    bt_model_record *model = &record->models[0];
    add_measured(model, 1, 10, 100); /* 100 a second */
    add_measured(model, 2, 25, 100); /* 80: slower than one image, and later */
    add_measured(model, 4, 30, 100); /* 133 */
    add_measured(model, 8, 60, 100); /* 133 as well, and later */
    add(model, 16, 5, BT_OUTCOME_MASK_DISAGREES, 12);
    add(model, 32, 200, BT_OUTCOME_SKIPPED_DOMINATED, 12); /* 160: screened only, but nothing beats it */
    add(model, 64, 1, BT_OUTCOME_UNDECIDED, 0);
    score_record(record);
    const bool expected[] = {true, false, true, false, false, true, false};
    for (int i = 0; i < 7; i++)
        if (model->points[i].on_pareto_front != expected[i])
            fail_msg("batch %d is %s the front", model->points[i].batch_size, expected[i] ? "not on" : "on");
    bt_record_close(&record);
}

static void the_speed_up_is_against_the_standard_path(void **state) {
    (void)state;
    bt_record *record = line_of_four(BT_OBJECTIVE_EFFICIENCY);
    bt_model_record *model = &record->models[0];
    score_record(record);
    assert_true(isnan(model->speedup_over_single_image)); /* the standard path was not measured */
    static double standard_ms[] = {40, 50, 60};
    model->standard_samples_ms = standard_ms;
    model->standard_sample_count = 3;
    score_record(record);
    assert_float_equal(model->standard_median_ms, 50, 0);
    assert_float_equal(model->speedup_over_single_image, 250 * 0.050, 1e-9); /* 2 images in 8 ms */
    model->standard_samples_ms = NULL;
    bt_record_close(&record);
}

/* ---- reasons ---- */

static void every_outcome_has_its_reason(void **state) {
    (void)state;
    bt_record *record = record_of(1, BT_OBJECTIVE_EFFICIENCY);
    bt_model_record *model = &record->models[0];
    add_measured(model, 1, 10, 100);                       /* efficiency 100 */
    add_measured(model, 2, 20, 100);                       /* 70.7 */
    add(model, 3, 17.4, BT_OUTCOME_SKIPPED_DOMINATED, 12); /* 99.5 */
    add(model, 4, 40, BT_OUTCOME_SKIPPED_DOMINATED, 12);   /* 50 */
    add(model, 5, 108, BT_OUTCOME_OVER_SLA, 5);
    add(model, 6, 0, BT_OUTCOME_UNDECIDED, 0);
    add(model, 7, 102.5, BT_OUTCOME_UNDECIDED, 30);
    add(model, 8, 98, BT_OUTCOME_UNDECIDED, 31);
    add(model, 9, 10, BT_OUTCOME_MASK_DISAGREES, 3)->mask_iou = 0.97;
    const struct {
        int batch_size;
        const char *why;
    } expected[] = {
        {1, "best efficiency"},
        {2, "efficiency 29.3 % below batch 1"},
        {3, "no better efficiency than batch 1; not confirmed"},
        {4, "efficiency about 50 % below batch 1; not confirmed"},
        {5, "P95 +8.0 ms over the SLA"},
        {6, "not measured: time ran out"},
        {7, "P95 looks 2.5 ms over the SLA; 30 samples do not prove it"},
        {8, "P95 is 2.0 ms under the SLA; 31 samples do not prove it; about 54 more runs (5.3 s) may"},
        {9, "masks agree only to IoU 0.9700 (at least 0.99)"},
    };
    score_record(record);
    for (size_t i = 0; i < sizeof expected / sizeof *expected; i++)
        assert_string_equal(point_at(model, expected[i].batch_size)->why, expected[i].why);
    bt_record_close(&record);
}

/* What the sweep refused says why already: scoring leaves that alone. */
static void the_sweeps_own_reasons_stay(void **state) {
    (void)state;
    static const bt_outcome refused[] = {BT_OUTCOME_OUT_OF_MEMORY, BT_OUTCOME_OVER_MEMORY,
                                         BT_OUTCOME_PREDICTED_OVER_MEMORY, BT_OUTCOME_CRASHED};
    bt_record *record = record_of(1, BT_OBJECTIVE_EFFICIENCY);
    bt_model_record *model = &record->models[0];
    for (int i = 0; i < 4; i++)
        snprintf(add(model, i + 1, 10, refused[i], 3)->why, BT_TEXT_SIZE, "reason %d", i);
    score_record(record);
    for (int i = 0; i < 4; i++) {
        char reason[16];
        snprintf(reason, sizeof reason, "reason %d", i);
        assert_string_equal(model->points[i].why, reason);
        assert_false(model->points[i].on_pareto_front);
    }
    assert_int_equal(model->chosen, -1);
    says(model->advice, "Net1: nothing could be measured");
    bt_record_close(&record);
}

/* ---- advice ---- */

static void advice_says_what_to_serve_and_what_throughput_would_gain(void **state) {
    (void)state;
    bt_record *record = line_of_four(BT_OBJECTIVE_EFFICIENCY);
    score_record(record);
    const char *advice = record->models[0].advice; /* 2: 250/s in 8 ms; 8: 400/s in 20 ms */
    says(advice, "Net1: serve batches of 2 (best efficiency): 250.0 images/s, P95 8.0 ms of 100");
    says(advice, "; the SLA does not bind");
    says(advice, "--objective throughput would take batch 8: 60 % more images/s at 2.5x the latency");
    bt_record_close(&record);
}

static void advice_says_when_batching_does_not_pay(void **state) {
    (void)state;
    bt_record *record = record_of(1, BT_OBJECTIVE_EFFICIENCY);
    add_measured(&record->models[0], 1, 60, 100);
    add_measured(&record->models[0], 4, 200, 100);
    record->settings.p95_sla_ms = 250;
    score_record(record);
    const bt_model_record *model = &record->models[0];
    assert_true(model->meets_sla);
    assert_false(model->batching_pays);
    says(model->advice, "batching does not pay by efficiency; serve single images: 16.7 images/s");
    says(model->advice, "would take batch 4: 20 % more images/s at 3.3x the latency");
    bt_record_close(&record);
}

static void throughput_offers_nothing_where_it_would_choose_the_same(void **state) {
    (void)state;
    bt_record *record = line_of_four(BT_OBJECTIVE_THROUGHPUT);
    score_record(record);
    assert_silent_on(record->models[0].advice, "--objective");
    assert_silent_on(record->models[0].advice, "does not bind");
    bt_record_close(&record);
}

static void a_late_model_is_told_what_could_be_kept(void **state) {
    (void)state;
    bt_record *record = record_of(1, BT_OBJECTIVE_EFFICIENCY);
    bt_model_record *model = &record->models[0];
    snprintf(model->precision, sizeof model->precision, "fp32");
    add(model, 1, 129.5, BT_OUTCOME_OVER_SLA, SAMPLES);
    add(model, 2, 200, BT_OUTCOME_OVER_SLA, SAMPLES);
    add(model, 4, 20, BT_OUTCOME_OVER_MEMORY, SAMPLES); /* would be quick, if it fitted */
    add(model, 8, 10, BT_OUTCOME_MASK_DISAGREES, SAMPLES);
    score_record(record);
    assert_false(model->meets_sla);
    assert_false(model->batching_pays);
    assert_int_equal(batch_at(model, model->chosen), 1);
    assert_float_equal(model->reachable_sla_ms, 129.5, 0);
    says(model->advice, "no batch size keeps P95 <= 100 ms; batch 1 comes closest");
    says(model->advice, "an SLA of 130 ms could be kept here");
    says(model->advice, "--use-amp");
    snprintf(model->precision, sizeof model->precision, "bf16");
    score_record(record);
    assert_silent_on(model->advice, "--use-amp"); /* it is used already */
    bt_record_close(&record);
}

static void an_undecided_model_is_told_to_take_more_time(void **state) {
    (void)state;
    bt_record *record = record_of(1, BT_OBJECTIVE_EFFICIENCY);
    bt_model_record *model = &record->models[0];
    add(model, 1, 40, BT_OUTCOME_UNDECIDED, 20);
    score_record(record);
    assert_false(model->meets_sla);
    assert_int_equal(batch_at(model, model->chosen), 1);
    assert_true(isnan(model->reachable_sla_ms)); /* twenty samples bound no P95 */
    says(model->advice, "give a longer --time-budget");
    assert_silent_on(model->advice, "could be kept");
    bt_record_close(&record);
}

/* ---- two models on one device: 900 MB are free of 1000 ---- */

static bt_record *pair(const double memory_mb[2][3]) {
    bt_record *record = record_of(2, BT_OBJECTIVE_THROUGHPUT);
    for (int m = 0; m < 2; m++)
        for (int i = 0; i < 3; i++)
            add_measured(&record->models[m], 1 << i, 10 + (1 << i), memory_mb[m][i]);
    return record;
}

static void a_pair_that_fits_is_left_alone(void **state) {
    (void)state;
    bt_record *record = pair((const double[2][3]){{100, 200, 400}, {100, 200, 500}});
    score_record(record);
    assert_true(record->joint_memory_fits);
    assert_float_equal(record->joint_memory_mb, 900, 1e-9);
    assert_float_equal(record->joint_memory_limit_mb, 900, 1e-9);
    assert_string_equal(record->joint_memory_note, "");
    bt_record_close(&record);
}

/* Scores of 1, 2, 4 are 91, 167, 286: giving one down to 2 costs less than giving either down to 1. */
static void the_best_pair_that_fits_is_chosen(void **state) {
    (void)state;
    bt_record *record = pair((const double[2][3]){{100, 200, 400}, {100, 600, 650}});
    score_record(record);
    const bt_model_record *first = &record->models[0], *second = &record->models[1];
    assert_int_equal(batch_at(first, first->chosen), 2); /* 200 + 650; 400 + 100 is worse */
    assert_int_equal(batch_at(second, second->chosen), 4);
    assert_true(record->joint_memory_fits);
    assert_float_equal(record->joint_memory_mb, 850, 1e-9);
    assert_string_equal(record->joint_memory_note, "to fit together: Net1 gives way from batch 4 to 2");
    assert_int_equal(batch_at(first, first->winners[BT_OBJECTIVE_THROUGHPUT]), 4); /* by itself, still */
    assert_string_equal(point_at(first, 4)->why, "best throughput, but does not fit beside the other models");
    assert_string_equal(point_at(first, 2)->why,
                        "throughput 41.7 % below batch 4, which does not fit beside the other models");
    assert_string_equal(point_at(first, 1)->why, "throughput 68.2 % below batch 4");
    says(first->advice, "serve batches of 2, for the models to fit together");
    assert_silent_on(first->advice, "--objective");
    assert_string_equal(point_at(second, 4)->why, "best throughput");
    bt_record_close(&record);
}

/* Not because batching would not pay. */
static void giving_way_to_single_images_says_so(void **state) {
    (void)state;
    bt_record *record = pair((const double[2][3]){{100, 500, 500}, {700, 750, 800}});
    score_record(record);
    const bt_model_record *first = &record->models[0];
    assert_int_equal(batch_at(first, first->chosen), 1);
    assert_silent_on(first->advice, "does not pay");
    says(first->advice, "serve batches of 1, for the models to fit together");
    bt_record_close(&record);
}

static void only_admissible_points_give_way(void **state) {
    (void)state;
    bt_record *record = pair((const double[2][3]){{100, 200, 400}, {100, 600, 650}});
    record->models[0].points[1].outcome = BT_OUTCOME_OVER_SLA;
    score_record(record);
    assert_int_equal(batch_at(&record->models[0], record->models[0].chosen), 1);
    assert_int_equal(batch_at(&record->models[1], record->models[1].chosen), 4);
    bt_record_close(&record);
}

static void where_no_pair_fits_the_choices_stay(void **state) {
    (void)state;
    bt_record *record = pair((const double[2][3]){{500, 600, 700}, {500, 600, 700}});
    score_record(record);
    assert_false(record->joint_memory_fits);
    assert_float_equal(record->joint_memory_mb, 1400, 1e-9);
    for (int i = 0; i < 2; i++)
        assert_int_equal(batch_at(&record->models[i], record->models[i].chosen), 4);
    says(record->joint_memory_note, "no combination");
    bt_record_close(&record);
}

/* What else is on the device takes of the limit, once. */
static void others_on_the_device_count(void **state) {
    (void)state;
    bt_record *record = pair((const double[2][3]){{100, 200, 400}, {100, 200, 500}});
    record->models[0].points[2].memory_total_used_mb += 50;
    record->models[1].points[2].memory_total_used_mb += 60;
    score_record(record);
    assert_float_equal(record->joint_memory_limit_mb, 840, 1e-9);
    assert_float_equal(record->joint_memory_mb, 700, 1e-9);
    assert_true(record->joint_memory_fits);
    bt_record_close(&record);
}

static void unknown_memory_is_no_reason_to_give_way(void **state) {
    (void)state;
    bt_record *record = pair((const double[2][3]){{100, 200, NAN}, {100, 200, 500}});
    score_record(record);
    assert_true(isnan(record->joint_memory_mb));
    assert_int_equal(batch_at(&record->models[0], record->models[0].chosen), 4);
    assert_string_equal(record->joint_memory_note, "");
    bt_record_close(&record);
}

/* A point that was never weighed may fit or not: it is not who the others give way to. */
static void nobody_gives_way_to_unknown_memory(void **state) {
    (void)state;
    bt_record *record = pair((const double[2][3]){{100, NAN, 600}, {100, 300, 500}});
    score_record(record);
    assert_int_equal(batch_at(&record->models[0], record->models[0].chosen), 4);
    assert_int_equal(batch_at(&record->models[1], record->models[1].chosen), 2);
    assert_float_equal(record->joint_memory_mb, 900, 1e-9);
    assert_true(record->joint_memory_fits);
    bt_record_close(&record);
}

static void a_model_without_a_point_leaves_joint_memory_unknown(void **state) {
    (void)state;
    bt_record *record = record_of(2, BT_OBJECTIVE_EFFICIENCY);
    add_measured(&record->models[0], 1, 10, 2000);
    score_record(record);
    assert_true(isnan(record->joint_memory_mb));
    assert_int_equal(record->models[1].chosen, -1);
    assert_string_equal(record->joint_memory_note, "");
    bt_record_close(&record);
}

/* ---- pauses ---- */

/* Ten turns of runs of about 10 ms: after the second pause 0.02 more, within their noise of 0.4; after the third 3. */
static void a_pause_costs_what_is_beyond_noise(void **state) {
    (void)state;
    bt_record *record = record_of(1, BT_OBJECTIVE_EFFICIENCY);
    bt_model_record *model = &record->models[0];
    add_measured(model, 1, 10, 100);
    model->idle_sample_count = 10 * BT_IDLE_GAPS;
    model->idle_samples_ms = malloc((size_t)model->idle_sample_count * sizeof(double));
    assert_non_null(model->idle_samples_ms);
    bt_random random = bt_random_stream(1, "pauses");
    for (int i = 0; i < 10; i++)
        for (int gap = 0; gap < BT_IDLE_GAPS; gap++)
            model->idle_samples_ms[i * BT_IDLE_GAPS + gap] =
                10 + 0.4 * bt_random_normal(&random) + (gap == 2 ? 3 : 0.02 * gap);
    score_record(record);
    assert_true(model->idle_extra_ms[0] == 0);
    assert_true(model->idle_extra_ms[1] == 0);
    assert_true(fabs(model->idle_extra_ms[2] - 3) < 0.6);
    bt_record_close(&record);
}

/* ---- neighbours ---- */

static double *drawn(bt_random *random, int count, double even, double odd) {
    double *samples_ms = malloc((size_t)count * sizeof *samples_ms);
    assert_non_null(samples_ms);
    for (int i = 0; i < count; i++)
        samples_ms[i] = (i % 2 ? odd : even) * exp(0.02 * bt_random_normal(random));
    return samples_ms;
}

/* Runs of 10 ms take 16 beside the other's, and 13 after one of them. */
static void what_a_neighbour_costs_lies_between_its_bounds(void **state) {
    (void)state;
    bt_random random = bt_random_stream(1, "neighbours");
    bt_neighbour_times times = {.cost = bt_neighbour_cost_of("other"),
                                .alone_samples_ms = drawn(&random, 40, 10, 10),
                                .alone_sample_count = 40,
                                .beside_samples_ms = drawn(&random, 40, 16, 16),
                                .beside_sample_count = 40,
                                .turn_samples_ms = drawn(&random, 40, 13, 10),
                                .turn_sample_count = 40};
    assert_int_equal(bt_score_neighbour(&times, NULL), BT_OK);
    const bt_neighbour_cost *cost = &times.cost;
    assert_true(cost->slowdown_lower < 1.6 && cost->slowdown_upper > 1.6);
    assert_true(cost->slowdown > cost->slowdown_lower && cost->slowdown < cost->slowdown_upper);
    assert_true(cost->slowdown_upper - cost->slowdown_lower < 0.1);
    assert_true(fabs(cost->switch_ms - 3) < 0.3);
    bt_neighbour_times_close(&times);
}

/* Within noise a change costs nothing; of a handful of runs nothing is said. */
static void few_runs_and_noise_tell_of_no_neighbour(void **state) {
    (void)state;
    bt_random random = bt_random_stream(2, "neighbours");
    bt_neighbour_times times = {.cost = bt_neighbour_cost_of("other"),
                                .alone_samples_ms = drawn(&random, 4, 10, 10),
                                .alone_sample_count = 4,
                                .beside_samples_ms = drawn(&random, 4, 16, 16),
                                .beside_sample_count = 4,
                                .turn_samples_ms = drawn(&random, 8, 13, 10),
                                .turn_sample_count = 8};
    assert_int_equal(bt_score_neighbour(&times, NULL), BT_OK);
    assert_true(isnan(times.cost.slowdown) && isnan(times.cost.slowdown_upper) &&
                isnan(times.cost.switch_ms));
    bt_neighbour_times_close(&times);
    times.turn_samples_ms = drawn(&random, times.turn_sample_count = 40, 10, 10);
    times.alone_sample_count = times.beside_sample_count = 0;
    assert_int_equal(bt_score_neighbour(&times, NULL), BT_OK);
    assert_true(isnan(times.cost.slowdown) && times.cost.switch_ms == 0);
    bt_neighbour_times_close(&times);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_point_is_summed_up),
        cmocka_unit_test(without_samples_nothing_is_known),
        cmocka_unit_test(each_objective_chooses_its_own),
        cmocka_unit_test(the_choice_must_be_confirmed),
        cmocka_unit_test(the_pareto_front_has_what_nothing_beats_twice),
        cmocka_unit_test(the_speed_up_is_against_the_standard_path),
        cmocka_unit_test(every_outcome_has_its_reason),
        cmocka_unit_test(the_sweeps_own_reasons_stay),
        cmocka_unit_test(advice_says_what_to_serve_and_what_throughput_would_gain),
        cmocka_unit_test(advice_says_when_batching_does_not_pay),
        cmocka_unit_test(throughput_offers_nothing_where_it_would_choose_the_same),
        cmocka_unit_test(a_late_model_is_told_what_could_be_kept),
        cmocka_unit_test(an_undecided_model_is_told_to_take_more_time),
        cmocka_unit_test(a_pair_that_fits_is_left_alone),
        cmocka_unit_test(the_best_pair_that_fits_is_chosen),
        cmocka_unit_test(giving_way_to_single_images_says_so),
        cmocka_unit_test(only_admissible_points_give_way),
        cmocka_unit_test(where_no_pair_fits_the_choices_stay),
        cmocka_unit_test(others_on_the_device_count),
        cmocka_unit_test(unknown_memory_is_no_reason_to_give_way),
        cmocka_unit_test(nobody_gives_way_to_unknown_memory),
        cmocka_unit_test(a_model_without_a_point_leaves_joint_memory_unknown),
        cmocka_unit_test(a_pause_costs_what_is_beyond_noise),
        cmocka_unit_test(what_a_neighbour_costs_lies_between_its_bounds),
        cmocka_unit_test(few_runs_and_noise_tell_of_no_neighbour),
    };
    return cmocka_run_group_tests_name("tune: scoring", tests, NULL, NULL);
}
