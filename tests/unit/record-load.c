/* The load record's file form: what is saved comes back, and what is broken is refused in one line, never
 * crashed on. A failing random case prints the seed that repeats it. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/files.h"
#include "base/json.h"
#include "base/random.h"
#include "expect.h"
#include "fixture-load-record.h"
#include "record/load-record.h"
#include "scratch.h"

#define MUTATIONS 3000

static const char path[] = "load-record.json";

static json_t *json_of(const bt_load_record *record) {
    json_t *json;
    bt_error error;
    if (bt_load_record_to_json(record, &json, &error) != BT_OK) fail_msg("%s", error.message);
    return json;
}

/* Saves a record and reads it; the caller closes what came back. */
static bt_load_record *there_and_back(const bt_load_record *record) {
    bt_load_record *again;
    bt_error error;
    if (bt_load_record_save(record, path, &error) || bt_load_record_load(&again, path, &error))
        fail_msg("%s", error.message);
    return again;
}

static void a_saved_record_comes_back_the_same(void **state) {
    (void)state;
    bt_load_record *records[] = {fixture_load_record(), fixture_load_record_of_nothing()};
    for (size_t i = 0; i < 2; i++) {
        bt_load_record *again = there_and_back(records[i]);
        json_t *before = json_of(records[i]), *after = json_of(again);
        assert_true(json_equal(before, after));
        json_decref(before);
        json_decref(after);
        bt_load_record_close(&again);
        bt_load_record_close(&records[i]);
    }
}

static void servers_and_what_they_counted_come_back(void **state) {
    (void)state;
    bt_load_record *record = fixture_load_record();
    record->endpoint_count = 2;
    record->endpoints[1] = (bt_load_endpoint){.url = "http://b:8000", .name = "triton", .version = "2.51.0"};
    record->scenarios[0].parts[0].server =
        (bt_load_server){40, 3, 10, 12.5, 4, 1, 7, 0.5, 4}; /* in the order of the members */
    bt_load_record *again = there_and_back(record);
    assert_int_equal(again->endpoint_count, 2);
    assert_string_equal(again->endpoints[1].url, "http://b:8000");
    assert_string_equal(again->endpoints[1].version, "2.51.0");
    const bt_load_server *server = &again->scenarios[0].parts[0].server;
    assert_int_equal(server->requests, 40);
    assert_int_equal(server->failed, 3);
    assert_true(server->total_mean_ms == 12.5 && server->output_mean_ms == 0.5 &&
                server->mean_batch_size == 4);
    assert_int_equal(again->scenarios[1].parts[0].server.requests, 0);
    bt_load_record_close(&again);
    bt_load_record_close(&record);
}

static void where_models_ran_comes_back_and_older_records_do_not_say(void **state) {
    (void)state;
    bt_load_record *record = fixture_load_record();
    snprintf(record->models[0].places, sizeof record->models[0].places, "cuda:0, cuda:2");
    record->models[0].placed_rps = 210.5;
    bt_load_record *again = there_and_back(record);
    assert_string_equal(again->models[0].places, "cuda:0, cuda:2");
    assert_true(again->models[0].placed_rps == 210.5);
    bt_load_record_close(&again);
    json_t *json = json_of(record), *model = json_array_get(json_object_get(json, "models"), 0);
    bt_error error;
    json_object_del(model, "places");
    json_object_del(model, "placed_rps");
    if (bt_load_record_from_json(&again, json, "older", &error)) fail_msg("%s", error.message);
    assert_string_equal(again->models[0].places, "");
    assert_true(isnan(again->models[0].placed_rps));
    json_decref(json);
    bt_load_record_close(&again);
    bt_load_record_close(&record);
}

static void senders_come_back_and_older_records_have_none(void **state) {
    (void)state;
    bt_load_record *record = fixture_load_record();
    bt_load_record *older = there_and_back(record);
    assert_int_equal(older->scenarios[0].senders.count, 0);
    record->scenarios[0].senders =
        (bt_load_senders){.of = {{.rank = 0, .host = "north", .sent = 51, .late_p99_us = 12.5},
                                 {.rank = 3,
                                  .host = "south",
                                  .unsent = 50,
                                  .gone = true,
                                  .late_p99_us = NAN,
                                  .clock_bound_us = 41}},
                          .count = 2};
    bt_load_record *again = there_and_back(record);
    const bt_load_senders *senders = &again->scenarios[0].senders;
    assert_int_equal(senders->count, 2);
    assert_string_equal(senders->of[1].host, "south");
    assert_true(senders->of[0].late_p99_us == 12.5 && isnan(senders->of[1].late_p99_us));
    assert_int_equal(bt_load_senders_unsent(senders), 50);
    assert_true(bt_load_senders_bound_us(senders) == 41);
    assert_int_equal(bt_load_senders_ended(senders)->rank, 3);
    assert_true(senders->of[1].gone && !senders->of[0].gone);
    bt_load_record_close(&older);
    bt_load_record_close(&again);
    bt_load_record_close(&record);
}

/* Rank by rank: counts add up, and of how late and how far off one was, the worst stays. */
static void senders_of_several_runs_add_up(void **state) {
    (void)state;
    bt_load_senders sum = {0};
    const bt_load_senders first = {.of = {{.rank = 0, .host = "a", .sent = 5, .late_p99_us = 9},
                                          {.rank = 2, .host = "c", .unsent = 4, .late_p99_us = NAN}},
                                   .count = 2};
    const bt_load_senders second = {
        .of = {{.rank = 0, .host = "a", .sent = 6, .late_p99_us = 2},
               {.rank = 1, .host = "b", .sent = 7, .late_p99_us = 3, .clock_bound_us = 8}},
        .count = 2};
    bt_load_senders_add(&sum, &first);
    bt_load_senders_add(&sum, &second);
    assert_int_equal(sum.count, 3);
    assert_int_equal(sum.of[0].sent, 11);
    assert_true(sum.of[0].late_p99_us == 9 && sum.of[1].clock_bound_us == 8);
    assert_string_equal(sum.of[1].host, "b");
    assert_int_equal(sum.of[2].unsent, 4);
}

/* What the JSON cannot show when writing and reading forget the same. */
static void every_kind_of_value_comes_back(void **state) {
    (void)state;
    bt_load_record *record = fixture_load_record();
    record->scenarios[2].throttling =
        (bt_throttling){.quota_cpus = 2, .quota_periods = 20, .throttled_periods = 7, .throttled_s = 0.5};
    bt_load_record *again = there_and_back(record);
    assert_int_equal(again->scenario_count, 7);
    assert_memory_equal(&again->scenarios[2].throttling, &record->scenarios[2].throttling,
                        sizeof(bt_throttling));
    assert_int_equal(again->scenarios[1].throttling.quota_periods, 0);
    const bt_load_part *part = &again->scenarios[4].parts[0];
    assert_string_equal(part->model, "hrnet");
    assert_int_equal(part->verdict, BT_LOAD_BROKEN);
    assert_int_equal(part->latency_count, 200);
    assert_true(part->latencies_ms[17] == record->scenarios[4].parts[0].latencies_ms[17]);
    assert_int_equal(part->bin_count, 10);
    assert_true(part->bins[7].queue_max == 7);
    assert_true(isnan(part->bins[3].others_cores));
    assert_int_equal(part->batches[2], 200);
    assert_true(isnan(again->scenarios[0].parts[0].rate_rps));
    assert_int_equal(again->scenarios[6].parts[1].verdict, BT_LOAD_NOT_SHOWN);
    assert_true(isnan(again->scenarios[6].parts[1].latency.p95_ms));
    assert_int_equal(again->models[0].ladder[2], 4);
    assert_true(again->settings.service.p95_sla_ms == 90);
    assert_int_equal(again->verdict_code, 3);
    assert_string_equal(again->images, "synthetic spheroids");
    bt_load_record_close(&again);
    bt_load_record_close(&record);
}

static void predicted_curves_come_back_and_older_records_have_none(void **state) {
    (void)state;
    bt_load_record *record = fixture_load_record();
    bt_rate_curve *curve = &record->models[0].predicted;
    curve->count = 2;
    curve->points[0] = (bt_rate_point){5, 20, 30.5, 31, 29, 33, 0, 1.25, 0.5};
    curve->points[1] = (bt_rate_point){10, NAN, NAN, NAN, NAN, NAN, 1, NAN, 0.9};
    record->models[1].predicted.count = 0;
    bt_load_record *again = there_and_back(record);
    assert_int_equal(again->models[0].predicted.count, 2);
    assert_int_equal(again->models[1].predicted.count, 0);
    assert_memory_equal(&again->models[0].predicted.points[0], &curve->points[0], sizeof curve->points[0]);
    assert_true(isnan(again->models[0].predicted.points[1].p95_ms));
    assert_true(again->models[0].predicted.points[1].lost_share == 1);
    bt_load_record_close(&again);
    curve->points[1].rate_rps = 5; /* no curve goes back */
    bt_error error;
    json_t *json = json_of(record);
    assert_int_equal(bt_load_record_from_json(&again, json, "file", &error), BT_PARSE);
    assert_non_null(strstr(error.message, "predicted[1]: rate_rps does not come after"));
    json_decref(json);
    bt_load_record_close(&record);
}

static void what_was_predicted_comes_back_and_older_records_had_less(void **state) {
    (void)state;
    static const char *const newer[] = {"deliver_mean_ms", "predicted_queue_mean_ms",
                                        "predicted_prepare_mean_ms", "predicted_run_mean_ms",
                                        "predicted_deliver_mean_ms"};
    bt_load_record *record = fixture_load_record(), *older;
    bt_error error;
    bt_load_part *part = &record->scenarios[4].parts[0];
    part->deliver_mean_ms = 0.25;
    part->predicted_queue_mean_ms = 1;
    part->predicted_prepare_mean_ms = 2;
    part->predicted_run_mean_ms = 3;
    part->predicted_deliver_mean_ms = 4;
    bt_load_record *again = there_and_back(record);
    const bt_load_part *read = &again->scenarios[4].parts[0];
    assert_true(read->deliver_mean_ms == 0.25);
    assert_true(read->predicted_queue_mean_ms == 1 && read->predicted_prepare_mean_ms == 2);
    assert_true(read->predicted_run_mean_ms == 3 && read->predicted_deliver_mean_ms == 4);
    json_t *json = json_of(record);
    json_t *scenario = json_array_get(json_object_get(json, "scenarios"), 4);
    for (size_t i = 0; i < sizeof newer / sizeof *newer; i++)
        assert_int_equal(json_object_del(json_array_get(json_object_get(scenario, "parts"), 0), newer[i]), 0);
    if (bt_load_record_from_json(&older, json, "older", &error)) fail_msg("%s", error.message);
    assert_true(isnan(older->scenarios[4].parts[0].deliver_mean_ms));
    assert_true(isnan(older->scenarios[4].parts[0].predicted_queue_mean_ms));
    json_decref(json);
    bt_load_record_close(&older);
    bt_load_record_close(&again);
    bt_load_record_close(&record);
}

static void arrivals_come_back_and_older_records_had_poissons_alone(void **state) {
    (void)state;
    bt_load_record *record = fixture_load_record(), *older;
    bt_error error;
    record->settings.arrivals = BT_ARRIVALS_GAMMA;
    record->settings.burstiness = 2.5;
    record->scenarios[4].burstiness = 2.5;
    record->scenarios[6].ramp_from = 0.3;
    bt_load_record *again = there_and_back(record);
    assert_int_equal(again->settings.arrivals, BT_ARRIVALS_GAMMA);
    assert_true(again->settings.burstiness == 2.5);
    assert_true(again->settings.ramp_from == 0); /* not given */
    assert_true(again->scenarios[4].burstiness == 2.5 && isnan(again->scenarios[4].ramp_from));
    assert_true(again->scenarios[6].ramp_from == 0.3 && isnan(again->scenarios[6].burstiness));
    json_t *json = json_of(record), *settings = json_object_get(json, "settings"), *scenario;
    size_t i;
    assert_int_equal(json_object_del(settings, "arrivals") | json_object_del(settings, "burstiness") |
                         json_object_del(settings, "ramp_from"),
                     0);
    json_array_foreach(json_object_get(json, "scenarios"), i, scenario)
        assert_int_equal(json_object_del(scenario, "burstiness") | json_object_del(scenario, "ramp_from"), 0);
    if (bt_load_record_from_json(&older, json, "older", &error)) fail_msg("%s", error.message);
    assert_int_equal(older->settings.arrivals, BT_ARRIVALS_POISSON);
    assert_true(isnan(older->scenarios[4].burstiness) && isnan(older->scenarios[6].ramp_from));
    json_decref(json);
    bt_load_record_close(&older);
    bt_load_record_close(&again);
    bt_load_record_close(&record);
}

static bt_load_capacity made_up_capacity(void) {
    bt_load_capacity c;
    bt_load_capacity_empty(&c);
    c.runs[0] = (bt_rate_run){BT_RATE_LONE, BT_RATE_MET, NAN, 2, 90, 90, 20, 19, 21, 20.5, 45, 45, 1};
    c.runs[1] = (bt_rate_run){BT_RATE_SEARCH, BT_RATE_LATE, 80, 6, 480, 470, 95, 80, NAN, NAN, 78, 70, 2.5};
    c.runs[2] = (bt_rate_run){BT_RATE_BEYOND, BT_RATE_BROKEN, 60, 6, 360, 300, 400, 380, 500, 390, 50, 9, 4};
    c.run_count = 3;
    c.end = BT_LOAD_CAPACITY_GENERATOR;
    c.lower_rps = 41.9;
    c.estimate_rps = 43.1;
    c.predicted_rps = 45;
    c.asked_rps = 27;
    return c;
}

static void a_capacity_comes_back_and_older_records_have_none(void **state) {
    (void)state;
    bt_load_record *record = fixture_load_record();
    const bt_load_capacity made_up = made_up_capacity();
    record->scenarios[4].parts[0].capacity = made_up;
    bt_load_record *again = there_and_back(record);
    const bt_load_capacity *c = &again->scenarios[4].parts[0].capacity;
    assert_int_equal(c->run_count, 3);
    assert_int_equal(c->end, BT_LOAD_CAPACITY_GENERATOR);
    assert_true(c->lower_rps == 41.9 && isnan(c->upper_rps) && c->estimate_rps == 43.1);
    assert_true(c->predicted_rps == 45 && c->asked_rps == 27);
    for (int i = 0; i < 3; i++) {
        assert_int_equal(c->runs[i].purpose, made_up.runs[i].purpose);
        assert_int_equal(c->runs[i].word, made_up.runs[i].word);
        assert_true(c->runs[i].sent == made_up.runs[i].sent && c->runs[i].ok == made_up.runs[i].ok);
        assert_true(c->runs[i].goodput_rps == made_up.runs[i].goodput_rps);
        assert_true(c->runs[i].p95_lower_ms == made_up.runs[i].p95_lower_ms);
        assert_true(c->runs[i].mean_batch_size == made_up.runs[i].mean_batch_size);
    }
    assert_true(isnan(c->runs[0].rate_rps) && isnan(c->runs[1].p95_upper_ms));
    assert_true(fabs(bt_load_capacity_error(c) - (43.1 / 45 - 1)) < 1e-9);
    assert_int_equal(again->scenarios[0].parts[0].capacity.run_count, 0); /* as in all older records */
    bt_load_record_close(&again);
    bt_load_record_close(&record);
}

static void each_model_has_its_own_sla(void **state) {
    (void)state;
    bt_load_record *record = fixture_load_record();
    record->models[1].p95_sla_ms = 250;
    record->models[1].max_queue_delay_ms = 2;
    record->models[1].max_queue_size = 7;
    bt_load_record *again = there_and_back(record);
    assert_true(bt_load_record_sla_ms(again, "hrnet") == 90);
    assert_true(bt_load_record_sla_ms(again, "cbam_resunet") == 250);
    assert_true(bt_load_record_sla_ms(again, "another") == again->settings.service.p95_sla_ms);
    assert_true(again->models[1].max_queue_delay_ms == 2);
    assert_int_equal(again->models[1].max_queue_size, 7);
    bt_load_record_close(&again);
    bt_load_record_close(&record);
}

static void models_of_older_records_have_the_one_sla_of_all(void **state) {
    (void)state;
    bt_load_record *record = fixture_load_record(), *again;
    bt_error error;
    json_t *json = json_of(record), *model;
    size_t i;
    json_array_foreach(json_object_get(json, "models"), i, model) {
        json_object_del(model, "p95_sla_ms");
        json_object_del(model, "max_queue_delay_ms");
        json_object_del(model, "max_queue_size");
    }
    assert_int_equal(bt_json_save(json, path, false, &error), BT_OK);
    if (bt_load_record_load(&again, path, &error)) fail_msg("%s", error.message);
    for (int m = 0; m < again->model_count; m++) {
        assert_true(again->models[m].p95_sla_ms == 90);
        assert_true(isnan(again->models[m].max_queue_delay_ms));
        assert_int_equal(again->models[m].max_queue_size, 0);
    }
    json_decref(json);
    bt_load_record_close(&again);
    bt_load_record_close(&record);
}

static void refused(const char *text, const char *phrase) {
    bt_load_record *record;
    bt_error error = {BT_OK, ""};
    FILE *file = fopen(path, "w");
    fputs(text, file);
    fclose(file);
    assert_int_not_equal(bt_load_record_load(&record, path, &error), BT_OK);
    assert_null(record);
    if (!strstr(error.message, phrase)) fail_msg("'%s' does not say '%s'", error.message, phrase);
}

static void what_is_no_load_record_is_refused_in_one_line(void **state) {
    (void)state;
    refused("{", "load-record.json");
    refused("[]", "load-record.json");
    refused("{\"schema_version\": 1, \"kind\": \"sweep\"}", "kind");
    refused("{\"schema_version\": 99, \"kind\": \"load\"}", "schema_version");
}

/* Seconds are arrays side by side: one that is shorter would be read past its end. */
static void columns_of_unequal_length_are_refused(void **state) {
    (void)state;
    bt_load_record *record = fixture_load_record(), *again;
    bt_error error = {BT_OK, ""};
    json_t *json = json_of(record);
    json_t *part =
        json_array_get(json_object_get(json_array_get(json_object_get(json, "scenarios"), 0), "parts"), 0);
    json_array_remove(json_object_get(json_object_get(part, "seconds"), "p95_ms"), 0);
    assert_int_equal(bt_json_save(json, path, false, &error), BT_OK);
    assert_int_not_equal(bt_load_record_load(&again, path, &error), BT_OK);
    assert_non_null(strstr(error.message, "p95_ms"));
    json_decref(json);
    bt_load_record_close(&record);
}

typedef enum place_in_record { RECORD, SCENARIO, PART, SECONDS, MODEL } place_in_record;

static json_t *at(json_t *json, place_in_record place) {
    json_t *scenario = json_array_get(json_object_get(json, "scenarios"), 0);
    json_t *part = json_array_get(json_object_get(scenario, "parts"), 0);
    json_t *places[] = {json, scenario, part, json_object_get(part, "seconds"),
                        json_array_get(json_object_get(json, "models"), 0)};
    return places[place];
}

/* The fixture with `key` of that place set to `value` (taken) is refused with `message`. */
static void expect_refusal(place_in_record place, const char *key, json_t *value, const char *message) {
    bt_load_record *record = fixture_load_record(), *again;
    bt_error error = {BT_OK, ""};
    json_t *json = json_of(record);
    assert_non_null(json_object_get(at(json, place), key));
    json_object_set_new(at(json, place), key, value);
    assert_int_equal(json_dump_file(json, path, JSON_COMPACT), 0);
    assert_int_equal(bt_load_record_load(&again, path, &error), BT_PARSE);
    assert_null(again);
    if (!strstr(error.message, message)) fail_msg("\"%s\" does not say \"%s\"", error.message, message);
    json_decref(json);
    bt_load_record_close(&record);
}

static void every_fault_is_named(void **state) {
    (void)state;
    bt_load_record *record = fixture_load_record();
    size_t bins = (size_t)record->scenarios[0].parts[0].bin_count;
    bt_load_record_close(&record);
    expect_refusal(RECORD, "scenarios", json_many(4097, json_null()),
                   "scenarios has 4097 items, at most 4096");
    expect_refusal(RECORD, "models", json_integer(3), "models is");
    expect_refusal(SCENARIO, "parts", json_string("all"), "scenarios[0]: parts is text");
    expect_refusal(PART, "verdict", json_string("fine"),
                   "scenarios[0].parts[0]: verdict \"fine\" is none of");
    expect_refusal(PART, "batches", json_many(BT_LOAD_BATCHES + 1, json_integer(1)), "batches has");
    expect_refusal(PART, "batches", json_many(1, json_integer(-1)), "batches[0] is no count");
    expect_refusal(PART, "batches", json_many(1, json_real(1.5)), "batches[0] is no count");
    expect_refusal(PART, "latencies_ms", json_many(1, json_integer(-1)), "latencies_ms[0]");
    expect_refusal(PART, "seconds", json_object(), "scenarios[0].parts[0].seconds: sent is missing");
    expect_refusal(SECONDS, "sent", json_many(1000001, json_integer(1)),
                   "sent has 1000001 items, at most 1000000");
    expect_refusal(SECONDS, "p95_ms", json_many(bins, json_string("soon")),
                   "p95_ms[0] is neither a number nor null");
    expect_refusal(MODEL, "ladder", json_many(BT_SIZES_MAX + 1, json_integer(1)),
                   "ladder has 65 sizes, at most 64");
    expect_refusal(MODEL, "ladder", json_many(1, json_integer(0)), "models[0]: ladder[0] is no batch size");
    expect_refusal(MODEL, "ladder", json_many(1, json_integer(65537)),
                   "models[0]: ladder[0] is no batch size");
}

/* As what a capacity's key should hold. */
static void refused_capacity(const char *key, json_t *value, const char *message) {
    bt_load_record *record = fixture_load_record(), *again;
    bt_error error = {BT_OK, ""};
    record->scenarios[0].parts[0].capacity = made_up_capacity();
    json_t *json = json_of(record);
    json_object_set_new(json_object_get(at(json, PART), "capacity"), key, value);
    assert_int_equal(json_dump_file(json, path, JSON_COMPACT), 0);
    assert_int_equal(bt_load_record_load(&again, path, &error), BT_PARSE);
    if (!strstr(error.message, message)) fail_msg("\"%s\" does not say \"%s\"", error.message, message);
    json_decref(json);
    bt_load_record_close(&record);
}

static void faults_of_a_capacity_are_named(void **state) {
    (void)state;
    refused_capacity("end", json_string("soon"), "parts[0].capacity: \"soon\" is no end");
    refused_capacity("runs", json_many(BT_RATE_RUNS_MAX + 1, json_null()), "runs has 13 items, at most 12");
    refused_capacity("lower_rps", json_integer(-1), "lower_rps");
    refused_capacity("runs", json_many(1, json_object()), "capacity.runs[0]");
}

static void verdicts_have_names(void **state) {
    (void)state;
    static const char *const names[] = {
        [BT_LOAD_MET] = "met", [BT_LOAD_BROKEN] = "broken", [BT_LOAD_NOT_SHOWN] = "not_shown"};
    for (int i = 0; i < BT_LOAD_VERDICT_COUNT; i++)
        assert_string_equal(bt_load_verdict_name((bt_load_verdict)i), names[i]);
    assert_string_equal(bt_load_verdict_name((bt_load_verdict)99), "not_shown");
    bt_load_record_close(NULL);
}

/* Files of earlier versions had three words for it. */
static void older_words_for_what_was_not_shown_are_read(void **state) {
    (void)state;
    static const char *const old[] = {"unsure", "untrusted", "not_run"};
    for (size_t i = 0; i < sizeof old / sizeof *old; i++) {
        bt_load_record *record = fixture_load_record(), *again;
        bt_error error = {BT_OK, ""};
        json_t *json = json_of(record);
        json_object_set_new(at(json, PART), "verdict", json_string(old[i]));
        json_object_del(at(json, SCENARIO), "looks");
        assert_int_equal(json_dump_file(json, path, JSON_COMPACT), 0);
        if (bt_load_record_load(&again, path, &error) != BT_OK) fail_msg("%s", error.message);
        assert_int_equal(again->scenarios[0].parts[0].verdict, BT_LOAD_NOT_SHOWN);
        json_decref(json);
        bt_load_record_close(&record);
        bt_load_record_close(&again);
    }
}

static void mutated_files_are_read_or_refused_and_never_crash(void **state) {
    (void)state;
    bt_load_record *record = fixture_load_record();
    bt_error error = {BT_OK, ""};
    for (int i = 0; i < record->scenario_count; i++) /* shorter, for speed */
        for (int p = 0; p < record->scenarios[i].part_count; p++)
            if (record->scenarios[i].parts[p].latency_count > 5)
                record->scenarios[i].parts[p].latency_count = 5;
    json_t *json = json_of(record);
    char *text = json_dumps(json, JSON_COMPACT), *copy = strdup(text);
    size_t size = strlen(text);
    for (uint64_t seed = 1; seed <= MUTATIONS; seed++) {
        bt_random random = bt_random_stream(seed, "mutation");
        bt_load_record *again;
        memcpy(copy, text, size);
        size_t length = bt_random_below(&random, 4) == 0 ? bt_random_below(&random, size) : size;
        for (uint64_t k = 1 + bt_random_below(&random, 4); k > 0; k--)
            copy[bt_random_below(&random, size)] =
                "0123456789-.eE\"{}[],:ntf\x80"[bt_random_below(&random, 25)];
        FILE *file = fopen(path, "w");
        fwrite(copy, 1, length, file);
        fclose(file);
        error.message[0] = '\0';
        if (bt_load_record_load(&again, path, &error) == BT_OK)
            bt_load_record_close(&again);
        else if (!error.message[0] || strchr(error.message, '\n'))
            fail_msg("seed %llu: '%s' is not one line", (unsigned long long)seed, error.message);
    }
    free(text);
    free(copy);
    json_decref(json);
    bt_load_record_close(&record);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_saved_record_comes_back_the_same),
        cmocka_unit_test(servers_and_what_they_counted_come_back),
        cmocka_unit_test(where_models_ran_comes_back_and_older_records_do_not_say),
        cmocka_unit_test(senders_come_back_and_older_records_have_none),
        cmocka_unit_test(senders_of_several_runs_add_up),
        cmocka_unit_test(every_kind_of_value_comes_back),
        cmocka_unit_test(predicted_curves_come_back_and_older_records_have_none),
        cmocka_unit_test(what_was_predicted_comes_back_and_older_records_had_less),
        cmocka_unit_test(arrivals_come_back_and_older_records_had_poissons_alone),
        cmocka_unit_test(a_capacity_comes_back_and_older_records_have_none),
        cmocka_unit_test(each_model_has_its_own_sla),
        cmocka_unit_test(models_of_older_records_have_the_one_sla_of_all),
        cmocka_unit_test(what_is_no_load_record_is_refused_in_one_line),
        cmocka_unit_test(columns_of_unequal_length_are_refused),
        cmocka_unit_test(every_fault_is_named),
        cmocka_unit_test(faults_of_a_capacity_are_named),
        cmocka_unit_test(verdicts_have_names),
        cmocka_unit_test(older_words_for_what_was_not_shown_are_read),
        cmocka_unit_test(mutated_files_are_read_or_refused_and_never_crash),
    };
    return cmocka_run_group_tests(tests, bt_scratch_enter, bt_scratch_leave);
}
