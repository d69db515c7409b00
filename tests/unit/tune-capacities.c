/* --objective capacity: sizes win for what their requests would see, with the queue delay that suits them. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "base/text.h"
#include "fixture-record.h"
#include "record/config.h"
#include "scratch.h"
#include "simulate/delay.h"
#include "tune/forecast.h"
#include "tune/score.h"

#define SAMPLES 90

static bt_record *record;
static bt_model_record *model;

/* A run of one model under an SLA of `sla_ms`, whose default queue delay is 5 ms. */
static void begin(double sla_ms, const char *rate) {
    bt_error error;
    if (bt_record_open(&record, 1, &error)) fail_msg("%s", error.message);
    bt_options_default(bt_settings_table, bt_settings_count, &record->settings, &record->sources);
    record->settings.objective = BT_OBJECTIVE_CAPACITY;
    record->settings.p95_sla_ms = sla_ms;
    snprintf(record->settings.rate, sizeof record->settings.rate, "%s", rate);
    model = &record->models[0];
    strcpy(model->model, "hrnet");
    strcpy(model->title, "HRNet");
    strcpy(model->device, "cpu");
    strcpy(model->precision, "fp32");
    model->instances = model->threads = 1;
    model->image_size = 128;
}

/* A size that takes service_ms, give or take a tenth. */
static void add(int batch_size, double service_ms, bt_outcome outcome) {
    double samples_ms[SAMPLES];
    bt_error error;
    for (int i = 0; i < SAMPLES; i++)
        samples_ms[i] = service_ms * (0.9 + 0.2 * ((i * 37) % SAMPLES) / (SAMPLES - 1));
    bt_point *point = bt_record_add_point(model, batch_size);
    point->outcome = outcome;
    if (bt_point_add_samples(point, samples_ms, SAMPLES, &error)) fail_msg("%s", error.message);
}

static void find(void) {
    bt_error error;
    if (bt_score_model(model, &record->settings, &error) || bt_capacities_find(record, &error) ||
        bt_forecast(record, &error))
        fail_msg("%s", error.message);
}

static const bt_point *chosen(void) {
    return &model->points[model->chosen];
}

/* 20 + 5 b ms within 150 ms: efficiency and latency are best at small sizes, throughput at the largest. */
static void twenty_plus_five(const char *rate) {
    begin(150, rate);
    for (int b = 1; b <= 16; b *= 2)
        add(b, 20 + 5 * b, BT_OUTCOME_MEASURED);
    find();
}

static void close_record(void) {
    bt_record_close(&record);
}

/* ---- the capacity ---- */

static void the_capacity_chooses_another_size_than_the_others_do(void **state) {
    (void)state;
    twenty_plus_five("");
    assert_int_equal(model->points[model->winners[BT_OBJECTIVE_EFFICIENCY]].batch_size, 4);
    assert_int_equal(model->points[model->winners[BT_OBJECTIVE_THROUGHPUT]].batch_size, 16);
    assert_int_equal(chosen()->batch_size, 8);
    assert_int_equal(model->winners[BT_OBJECTIVE_CAPACITY], model->chosen);
    for (int i = 0; i < model->point_count; i++) {
        const bt_point *point = &model->points[i];
        assert_true(point->capacity_rps > 0 && point->capacity_rps < 1.01 * chosen()->capacity_rps);
        assert_int_equal(point->predicted.count, BT_RATE_CURVE_POINTS);
        assert_true(isnan(point->rate_p95_ms));
    }
    assert_true(model->queue_delay_ms == chosen()->best_delay_ms);
    assert_true(model->capacity_rps == chosen()->capacity_rps); /* the forecast is of the same service */
    assert_non_null(strstr(model->advice, "serve batches of up to 8 with a queue delay of"));
    assert_non_null(strstr(chosen()->why, "best capacity, "));
    assert_non_null(strstr(model->points[0].why, "batch 8's is"));
    close_record();
}

static void what_is_not_confirmed_is_not_taken(void **state) {
    (void)state;
    begin(150, "");
    add(1, 25, BT_OUTCOME_MEASURED);
    add(8, 60, BT_OUTCOME_SKIPPED_DOMINATED);
    find();
    assert_int_equal(chosen()->batch_size, 1);
    assert_true(isnan(model->points[1].capacity_rps));
    close_record();
}

static void of_as_good_as_equal_ones_the_smaller_batch_is_taken(void **state) {
    (void)state;
    begin(150, "");
    add(4, 30, BT_OUTCOME_MEASURED);
    add(5, 37.4, BT_OUTCOME_MEASURED);
    find();
    assert_int_equal(chosen()->batch_size, 4);
    close_record();
}

static void a_delay_that_was_asked_for_is_kept(void **state) {
    (void)state;
    begin(150, "");
    add(4, 40, BT_OUTCOME_MEASURED);
    record->settings.max_queue_delay_ms = 7;
    record->sources.of[bt_options_find(bt_settings_table, bt_settings_count, "max_queue_delay_ms")] =
        BT_SOURCE_FLAG;
    find();
    assert_true(model->queue_delay_ms == 7 && chosen()->best_delay_ms == 7);
    close_record();
}

static void other_objectives_ask_for_no_capacity_of_points(void **state) {
    (void)state;
    begin(150, "");
    record->settings.objective = BT_OBJECTIVE_EFFICIENCY;
    add(4, 40, BT_OUTCOME_MEASURED);
    find();
    assert_true(isnan(chosen()->capacity_rps) && isnan(model->queue_delay_ms));
    assert_int_equal(chosen()->predicted.count, 0);
    assert_int_equal(model->winners[BT_OBJECTIVE_CAPACITY], -1);
    close_record();
}

/* ---- a rate ---- */

static void at_a_rate_the_lowest_p95_wins(void **state) {
    (void)state;
    twenty_plus_five("1"); /* hardly anybody waits: one at a time is as soon as any */
    assert_int_equal(chosen()->batch_size, 1);
    assert_true(model->rate_held && model->rate_rps == 1);
    assert_true(model->queue_delay_ms == 0);
    close_record();
    twenty_plus_five("hrnet=60,other=1");
    assert_true(model->rate_held && model->rate_rps == 60);
    assert_true(chosen()->batch_size > 2);
    for (int i = 0; i < model->point_count; i++)
        assert_false(model->points[i].rate_p95_ms < 0.98 * chosen()->rate_p95_ms); /* NaN: not held */
    assert_true(isnan(model->points[0].rate_p95_ms));
    assert_non_null(strstr(model->points[0].why, "does not hold 60 requests/s: its capacity is"));
    assert_non_null(strstr(model->advice, "at 60 requests/s by simulation"));
    close_record();
}

static void near_the_capacity_the_advice_warns(void **state) {
    (void)state;
    twenty_plus_five("100");
    assert_true(model->rate_held);
    assert_non_null(strstr(model->advice, "which leaves little for bursts"));
    close_record();
}

static void a_rate_that_nothing_holds_is_told_with_what_would(void **state) {
    (void)state;
    char most[96];
    twenty_plus_five("150");
    assert_false(model->rate_held);
    assert_int_equal(chosen()->batch_size, 8); /* of the highest capacity */
    assert_int_equal(model->rate_instances, 2);
    bt_text_format(most, sizeof most, "no batch size holds 150 requests/s under 150 ms: %.1f is the most",
                   chosen()->capacity_rps);
    assert_non_null(strstr(model->advice, most));
    assert_non_null(strstr(model->advice, "2 instances"));
    assert_int_equal(bt_model_sla_state(model), BT_SLA_BROKEN);
    close_record();
}

static void a_rate_of_another_model_asks_nothing(void **state) {
    (void)state;
    twenty_plus_five("other=60");
    assert_true(isnan(model->rate_rps) && chosen()->batch_size == 8);
    assert_int_equal(bt_model_sla_state(model), BT_SLA_MET);
    close_record();
}

static void what_is_no_rate_is_refused(void **state) {
    (void)state;
    const char *const wrong[] = {"0",    "-1",   "fast", "nan",    "inf",
                                 "0x10", "1e99", "1e-9", "hrnet=", "hrnet=x"};
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
        double rate_rps;
        bt_error error;
        begin(150, wrong[i]);
        assert_int_equal(bt_settings_rate(&rate_rps, &record->settings, "hrnet", &error), BT_INVALID);
        assert_int_equal(strncmp(error.message, "--rate: ", 8), 0);
        close_record();
    }
}

/* The address sanitizer sees whether anything is left behind. */
static void what_cannot_be_simulated_is_an_error(void **state) {
    (void)state;
    bt_error error;
    begin(150, "");
    add(1, 25, BT_OUTCOME_MEASURED);
    assert_int_equal(bt_score_model(model, &record->settings, &error), BT_OK);
    record->settings.p95_sla_ms = 0;
    assert_int_equal(bt_capacities_find(record, &error), BT_INVALID);
    close_record();
}

/* ---- files ---- */

static void the_config_serves_with_the_delay_that_was_chosen(void **state) {
    (void)state;
    json_t *json;
    bt_config *config;
    bt_error error;
    twenty_plus_five("");
    if (bt_config_from_record(&json, record, NULL, &error) || bt_config_save(json, "config.json", &error) ||
        bt_config_load(&config, "config.json", &error))
        fail_msg("%s", error.message);
    json_decref(json);
    const bt_config_model *entry = bt_config_find(config, "hrnet");
    assert_true(entry->settings.max_queue_delay_ms == model->queue_delay_ms);
    assert_int_equal(entry->settings.objective, BT_OBJECTIVE_CAPACITY);
    assert_int_equal(entry->optimal_batch_size, 8);
    bt_config_close(&config);
    close_record();
}

static void what_was_compared_comes_back_from_the_record(void **state) {
    (void)state;
    bt_record *again;
    bt_error error;
    twenty_plus_five("60");
    if (bt_record_save(record, "record.json", &error) || bt_record_load(&again, "record.json", &error))
        fail_msg("%s", error.message);
    for (int i = 0; i < model->point_count; i++) {
        const bt_point *a = &model->points[i], *b = &again->models[0].points[i];
        assert_true(a->best_delay_ms == b->best_delay_ms && a->capacity_rps == b->capacity_rps);
        assert_memory_equal(&a->predicted, &b->predicted, sizeof a->predicted);
    }
    assert_true(again->models[0].rate_held && again->models[0].rate_rps == 60);
    assert_int_equal(again->models[0].winners[BT_OBJECTIVE_CAPACITY], model->chosen);
    bt_record_close(&again);
    close_record();
}

/* ---- the delay by itself ---- */

static bt_delay_choice delay_of(const bt_delay_options *options, double service_ms[2]) {
    bt_config_point points[2] = {{.batch_size = 1,
                                  .outcome = BT_OUTCOME_MEASURED,
                                  .service_ms_quantiles = &service_ms[0],
                                  .quantile_count = 1},
                                 {.batch_size = 8,
                                  .outcome = BT_OUTCOME_MEASURED,
                                  .service_ms_quantiles = &service_ms[1],
                                  .quantile_count = 1}};
    bt_config_model entry = {.optimal_batch_size = 8, .points = points, .point_count = 2};
    bt_tuned_model tuned;
    bt_delay_choice choice;
    bt_error error;
    entry.settings.max_queue_size = 100;
    entry.speedup_over_single_image = entry.throughput_imgs_per_sec = NAN;
    if (bt_tuned_model_open(&tuned, &entry, 0, &error) || bt_delay_find(&choice, &tuned, options, &error))
        fail_msg("%s", error.message);
    bt_tuned_model_close(&tuned);
    return choice;
}

static void waiting_pays_nothing_where_requests_are_rare(void **state) {
    (void)state;
    double service_ms[] = {20, 40};
    bt_delay_choice choice = delay_of(
        &(bt_delay_options){
            .instances = 1, .p95_sla_ms = 200, .rate_rps = 2, .fixed_delay_ms = NAN, .seed = 1},
        service_ms);
    assert_true(choice.delay_ms == 0);
    assert_true(choice.rate_p95_ms >= 20 && choice.rate_p95_ms < 60 && choice.capacity_rps > 100);
}

static void no_delay_beats_the_one_that_is_found(void **state) {
    (void)state;
    double service_ms[] = {20, 22};
    bt_delay_options options = {.instances = 1, .p95_sla_ms = 60, .fixed_delay_ms = NAN, .seed = 1};
    bt_delay_choice best = delay_of(&options, service_ms);
    for (options.fixed_delay_ms = 0; options.fixed_delay_ms <= 15; options.fixed_delay_ms += 2.5)
        assert_true(delay_of(&options, service_ms).capacity_rps <= 1.03 * best.capacity_rps);
    assert_true(best.capacity_rps > 0);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_capacity_chooses_another_size_than_the_others_do),
        cmocka_unit_test(what_is_not_confirmed_is_not_taken),
        cmocka_unit_test(of_as_good_as_equal_ones_the_smaller_batch_is_taken),
        cmocka_unit_test(a_delay_that_was_asked_for_is_kept),
        cmocka_unit_test(other_objectives_ask_for_no_capacity_of_points),
        cmocka_unit_test(at_a_rate_the_lowest_p95_wins),
        cmocka_unit_test(near_the_capacity_the_advice_warns),
        cmocka_unit_test(a_rate_that_nothing_holds_is_told_with_what_would),
        cmocka_unit_test(a_rate_of_another_model_asks_nothing),
        cmocka_unit_test(what_is_no_rate_is_refused),
        cmocka_unit_test(what_cannot_be_simulated_is_an_error),
        cmocka_unit_test(the_config_serves_with_the_delay_that_was_chosen),
        cmocka_unit_test(what_was_compared_comes_back_from_the_record),
        cmocka_unit_test(waiting_pays_nothing_where_requests_are_rare),
        cmocka_unit_test(no_delay_beats_the_one_that_is_found),
    };
    return cmocka_run_group_tests_name("tune-capacities", tests, bt_scratch_enter, bt_scratch_leave);
}
