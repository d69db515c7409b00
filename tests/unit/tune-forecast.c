/* The capacity that a run writes is the one that a reader of its config file finds, and it is written only of
 * what meets the SLA. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "fixture-record.h"
#include "record/config.h"
#include "scratch.h"
#include "simulate/capacity.h"
#include "tune/forecast.h"

static const char path[] = "config.json";

static bt_record *forecast(bt_record *record) {
    bt_error error = {BT_OK, ""};
    if (bt_forecast(record, &error)) fail_msg("%s", error.message);
    return record;
}

/* Writes the run's config and reads it. */
static bt_config *config_of(const bt_record *record) {
    json_t *json;
    bt_config *config;
    bt_error error = {BT_OK, ""};
    assert_int_equal(bt_config_from_record(&json, record, NULL, &error), BT_OK);
    assert_int_equal(bt_config_save(json, path, &error), BT_OK);
    json_decref(json);
    if (bt_config_load(&config, path, &error)) fail_msg("%s", error.message);
    return config;
}

static bt_capacity found_by_a_reader(const bt_config *config, const bt_config_model *model) {
    bt_tuned_model tuned;
    bt_capacity found;
    bt_error error = {BT_OK, ""};
    if (bt_tuned_model_open(&tuned, model, 0, &error)) fail_msg("%s", error.message);
    if (bt_capacity_find(&found, &tuned, model->instance_count, model->settings.p95_sla_ms,
                         (uint64_t)config->settings.seed, &error))
        fail_msg("%s", error.message);
    bt_tuned_model_close(&tuned);
    return found;
}

/* Four decimals are written. */
static void assert_as_written(double written, double exact) {
    assert_true(fabs(written - exact) <= 0.5000001e-4);
}

static void a_reader_of_the_config_predicts_what_the_run_did(void **state) {
    (void)state;
    bt_record *record = forecast(fixture_record());
    bt_config *config = config_of(record);
    for (int i = 0; i < 2; i++) {
        const bt_model_record *model = &record->models[i];
        const bt_config_model *read = bt_config_find(config, model->model);
        bt_capacity found = found_by_a_reader(config, read);
        assert_true(model->capacity_rps > 0 && model->predicted_p95_ms > 0);
        assert_null(strstr(model->advice, "no request would"));
        assert_true(found.capacity_rps == model->capacity_rps);
        assert_true(found.recommended_rps == model->recommended_rps);
        assert_true(found.predicted_p95_ms == model->predicted_p95_ms);
        assert_as_written(read->capacity_rps, found.capacity_rps);
        assert_as_written(read->recommended_rps, found.recommended_rps);
        assert_as_written(read->predicted_p95_ms, found.predicted_p95_ms);
    }
    bt_config_close(&config);
    bt_record_close(&record);
}

/* A request waits as well as being served: less than the throughput is within the SLA, and at the
 * recommended rate it is kept with room to spare. */
static void a_capacity_leaves_room_for_waiting(void **state) {
    (void)state;
    bt_record *record = forecast(fixture_record());
    for (int i = 0; i < 2; i++) {
        const bt_model_record *model = &record->models[i];
        const bt_point *point = &model->points[model->chosen];
        assert_true(model->capacity_rps < point->throughput_imgs_per_sec);
        assert_true(model->predicted_p95_ms > point->p95_ms);
        assert_true(model->predicted_p95_ms < record->settings.p95_sla_ms);
    }
    bt_record_close(&record);
}

static void what_does_not_meet_the_sla_has_no_capacity(void **state) {
    (void)state;
    bt_record *record = fixture_record();
    record->models[0].meets_sla = false;
    record->models[1].chosen = -1;
    forecast(record);
    for (int i = 0; i < 2; i++) {
        assert_true(isnan(record->models[i].capacity_rps) && isnan(record->models[i].recommended_rps));
        assert_true(isnan(record->models[i].predicted_p95_ms));
    }
    bt_record_close(&record);
}

/* The choice keeps the SLA by its own time, but not with a wait of 100 ms before it. */
static void a_choice_that_waiting_makes_late_has_a_capacity_of_none(void **state) {
    (void)state;
    bt_record *record = fixture_record();
    record->settings.p95_sla_ms = record->models[0].points[1].p95_ms * 1.1;
    record->settings.max_queue_delay_ms = 100;
    forecast(record);
    assert_true(record->models[0].capacity_rps == 0 && isnan(record->models[0].predicted_p95_ms));
    assert_non_null(strstr(record->models[0].advice, "but no request would, with its wait of up to 100 ms"));
    assert_non_null(strstr(record->models[0].advice, "--max-queue-delay-ms"));
    bt_record_close(&record);
}

static void a_batch_size_that_no_service_forms_is_no_failure(void **state) {
    (void)state;
    bt_record *record = fixture_record();
    bt_model_record *model = &record->models[0];
    model->points[model->point_count - 1].batch_size = BT_LADDER_BATCH_MAX + 1;
    model->chosen = model->point_count - 1;
    forecast(record);
    assert_true(isnan(model->capacity_rps));
    assert_true(record->models[1].capacity_rps > 0);
    bt_record_close(&record);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_reader_of_the_config_predicts_what_the_run_did),
        cmocka_unit_test(a_capacity_leaves_room_for_waiting),
        cmocka_unit_test(what_does_not_meet_the_sla_has_no_capacity),
        cmocka_unit_test(a_choice_that_waiting_makes_late_has_a_capacity_of_none),
        cmocka_unit_test(a_batch_size_that_no_service_forms_is_no_failure),
    };
    return cmocka_run_group_tests_name("tune-forecast", tests, bt_scratch_enter, bt_scratch_leave);
}
