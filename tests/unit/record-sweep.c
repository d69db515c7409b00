/* bt_record's file form: what is saved comes back, and what is broken is refused in one line, never crashed
 * on. A failing random case prints the seed that repeats it. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <limits.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/files.h"
#include "base/random.h"
#include "expect.h"
#include "record/sweep-record.h"
#include "scratch.h"

#define RECORDS   200
#define MUTATIONS 10000

static const char path[] = "record.json";

/* ---- made-up records ---- */

static double any_number(bt_random *random) {
    return bt_random_below(random, 5) == 0 ? NAN : bt_random_exponential(random) * 100;
}

static bool any_switch(bt_random *random) {
    return bt_random_below(random, 2) == 1;
}

static void any_text(bt_random *random, char *out, size_t size) {
    static const char *const pieces[] = {"a", " ", "\"", "\\", "\n", "→", "img/s ", "\x01", "{", "é"};
    size_t used = 0, wanted = bt_random_below(random, size);
    out[0] = '\0';
    for (;;) {
        const char *piece = pieces[bt_random_below(random, sizeof pieces / sizeof pieces[0])];
        if (used + strlen(piece) >= size || used >= wanted) return;
        strcpy(out + used, piece);
        used += strlen(piece);
    }
}

#define ANY_TEXT(member) any_text(random, member, sizeof(member))

static void fill_samples(bt_random *random, bt_point *point) {
    double samples[16];
    int count = (int)bt_random_below(random, 17);
    for (int i = 0; i < count; i++)
        samples[i] = bt_random_exponential(random) * 100;
    assert_int_equal(bt_point_add_samples(point, samples, count, NULL), BT_OK);
}

static void fill_points(bt_random *random, bt_model_record *model) {
    int count = (int)bt_random_below(random, 8);
    for (int i = 0; i < count; i++) {
        bt_point *point = bt_record_add_point(model, 1 + (int)bt_random_below(random, 64));
        assert_non_null(point);
        point->outcome = (bt_outcome)bt_random_below(random, BT_OUTCOME_COUNT);
        ANY_TEXT(point->why);
        point->p50_ms = any_number(random);
        point->p95_ms = any_number(random);
        point->p95_lower_ms = any_number(random);
        point->p95_upper_ms = any_number(random);
        point->mean_ms = any_number(random);
        point->throughput_imgs_per_sec = any_number(random);
        point->efficiency = any_number(random);
        point->effective_samples = any_number(random);
        point->block_runs = (int)bt_random_below(random, 100);
        point->drifting = any_switch(random);
        point->late_budget_ms = any_number(random);
        point->memory_mb = any_number(random);
        point->memory_total_used_mb = any_number(random);
        point->memory_predicted_mb = any_number(random);
        point->logit_error = any_number(random);
        point->mask_iou = any_switch(random) ? bt_random_uniform(random) : NAN;
        point->on_pareto_front = any_switch(random);
        fill_samples(random, point);
    }
}

static bt_memory_fit any_fit(bt_random *random) {
    bt_memory_fit fit = {.base_mb = -any_number(random), .per_image_mb = any_number(random)};
    fit.points = (int)bt_random_below(random, 9);
    fit.largest_batch = (int64_t)bt_random_below(random, 1 << 30);
    ANY_TEXT(fit.precision);
    return fit;
}

static bt_contender any_contender(bt_random *random) {
    bt_contender contender = {.channels_last = any_switch(random),
                              .instances = (int)bt_random_below(random, 16),
                              .threads = (int)bt_random_below(random, 64),
                              .median_ms = any_number(random),
                              .throughput_imgs_per_sec = any_number(random),
                              .ratio = any_number(random),
                              .mask_iou = any_switch(random) ? bt_random_uniform(random) : NAN,
                              .may_win = any_switch(random),
                              .taken = any_switch(random)};
    ANY_TEXT(contender.precision);
    ANY_TEXT(contender.why);
    return contender;
}

static void fill_model(bt_random *random, bt_model_record *model) {
    ANY_TEXT(model->model);
    ANY_TEXT(model->title);
    model->image_size = (int)bt_random_below(random, 4096);
    ANY_TEXT(model->precision);
    ANY_TEXT(model->precision_note);
    model->threads = (int)bt_random_below(random, 64);
    model->instances = (int)bt_random_below(random, 16);
    model->division_count = (int)bt_random_below(random, BT_DIVISIONS_MAX + 1);
    for (int i = 0; i < model->division_count; i++)
        model->divisions[i] = (bt_division){.instances = (int)bt_random_below(random, 16),
                                            .threads = (int)bt_random_below(random, 64),
                                            .median_ms = any_number(random),
                                            .throughput_imgs_per_sec = any_number(random)};
    ANY_TEXT(model->precision_reason);
    ANY_TEXT(model->calibration);
    model->contest_s = any_number(random);
    model->contender_count = (int)bt_random_below(random, BT_CONTENDERS_MAX + 1);
    for (int i = 0; i < model->contender_count; i++)
        model->contenders[i] = any_contender(random);
    ANY_TEXT(model->device);
    ANY_TEXT(model->backend);
    ANY_TEXT(model->backend_detail);
    ANY_TEXT(model->weights_source);
    model->weights_hash = bt_random_next(random);
    model->trained_weights = any_switch(random);
    model->computes_masks = any_switch(random);
    fill_points(random, model);
    model->standard_median_ms = any_number(random);
    model->memory_total_mb = any_number(random);
    model->device_memory = any_switch(random);
    model->production_memory = any_fit(random);
    model->standard_memory = any_fit(random);
    model->full_size = (int)bt_random_below(random, 2) * 1024;
    model->full_size_ms = any_number(random);
    model->measuring_s = any_number(random);
    model->interrupted = any_switch(random);
    for (int i = 0; i < BT_OBJECTIVE_COUNT; i++)
        model->winners[i] = (int)bt_random_below(random, (uint64_t)model->point_count + 1) - 1;
    model->chosen = (int)bt_random_below(random, (uint64_t)model->point_count + 1) - 1;
    model->meets_sla = any_switch(random);
    model->batching_pays = any_switch(random);
    model->reachable_sla_ms = any_number(random);
    model->speedup_over_single_image = any_number(random);
    model->capacity_rps = any_number(random);
    model->recommended_rps = any_number(random);
    model->predicted_p95_ms = any_number(random);
    ANY_TEXT(model->advice);
}

static void fill_run(bt_random *random, bt_record *record) {
    ANY_TEXT(record->run_id);
    ANY_TEXT(record->command);
    ANY_TEXT(record->started_at);
    ANY_TEXT(record->finished_at);
    ANY_TEXT(record->workload);
    ANY_TEXT(record->images);
    ANY_TEXT(record->machine.cpu);
    ANY_TEXT(record->machine.gpu);
    ANY_TEXT(record->machine.clock_policy);
    record->machine.cores = (int)bt_random_below(random, 256);
    record->machine.memory_bytes = (int64_t)bt_random_below(random, 1ULL << 40);
    record->machine.gpu_memory_bytes = (int64_t)bt_random_below(random, 1ULL << 40);
    bt_machine_seal(&record->machine);
    ANY_TEXT(record->subject.tool_version);
    ANY_TEXT(record->subject.runtime_detail);
    record->settings.p95_sla_ms = 1 + bt_random_below(random, 1000) / 8.0;
    record->settings.objective = (int)bt_random_below(random, BT_OBJECTIVE_COUNT);
    record->settings.time_budget_ns = 1000000LL * (int64_t)(1 + bt_random_below(random, 1000000));
    record->settings.batches.count = 2;
    record->settings.batches.sizes[0] = 1 + (int)bt_random_below(random, 10);
    record->settings.batches.sizes[1] = 20;
    record->sources.of[0] = (bt_option_source)bt_random_below(random, 4);
    record->joint_memory_mb = any_number(random);
    record->joint_memory_fits = any_switch(random);
    ANY_TEXT(record->joint_memory_note);
    record->measuring_s = any_number(random);
    ANY_TEXT(record->verdict);
    record->verdict_code = (int)bt_random_below(random, 131);
    ANY_TEXT(record->previous_run);
    record->change_count = (int)bt_random_below(random, 9);
    for (int i = 0; i < record->change_count; i++)
        ANY_TEXT(record->changes[i]);
}

/* None as often as any other number of them. */
static double *any_samples(bt_random *random, int *count) {
    *count = (int)bt_random_below(random, 5);
    if (*count == 0) return NULL;
    double *samples_ms = malloc((size_t)*count * sizeof *samples_ms);
    assert_non_null(samples_ms);
    for (int i = 0; i < *count; i++)
        samples_ms[i] = (double)bt_random_below(random, 1000) / 8;
    return samples_ms;
}

static void fill_neighbours(bt_random *random, bt_model_record *model) {
    const int count = (int)bt_random_below(random, 3);
    if (count == 0) return;
    assert_int_equal(bt_model_add_neighbours(model, NULL), BT_OK);
    for (model->neighbour_count = 0; model->neighbour_count < count; model->neighbour_count++) {
        bt_neighbour_times *times = &model->neighbours[model->neighbour_count];
        times->cost = bt_neighbour_cost_of("other");
        times->cost.batch_size = 1 + (int)bt_random_below(random, 8);
        times->cost.beside = (int)bt_random_below(random, 3);
        if (times->cost.beside > 0) times->cost.slowdown = 1 + (double)bt_random_below(random, 1000) / 8;
        if (bt_random_below(random, 2)) times->cost.switch_ms = (double)bt_random_below(random, 1000) / 8;
        times->alone_samples_ms = any_samples(random, &times->alone_sample_count);
        times->beside_samples_ms = any_samples(random, &times->beside_sample_count);
        times->turn_samples_ms = any_samples(random, &times->turn_sample_count);
    }
}

/* As often none. */
static void fill_replicas(bt_random *random, bt_replicas_plan *plan) {
    plan->rate_rps = any_switch(random) ? 1 + (double)bt_random_below(random, 1000) / 8 : 0;
    ANY_TEXT(plan->model);
    plan->p95_sla_ms = any_number(random);
    plan->headroom_percent = any_number(random);
    plan->balancing = any_switch(random) ? BT_BALANCING_LEAST : BT_BALANCING_ROUND_ROBIN;
    plan->instances = (int)bt_random_below(random, 16);
    plan->least = (int)bt_random_below(random, 1025);
    plan->recommended = (int)bt_random_below(random, 1025);
    plan->more_above_rps_each = any_number(random);
    plan->more_above_under_way_each = any_number(random);
    plan->fewer_below_rps = any_number(random);
    plan->row_count = (int)bt_random_below(random, BT_REPLICAS_ROWS + 1);
    for (int i = 0; i < plan->row_count; i++)
        plan->rows[i] = (bt_replicas_row){.replicas = (int)bt_random_below(random, 1025),
                                          .holds_rps = any_number(random),
                                          .keeps = any_switch(random),
                                          .p50_ms = any_number(random),
                                          .p95_ms = any_number(random),
                                          .p99_ms = any_number(random),
                                          .mean_batch_size = any_number(random),
                                          .mean_under_way = any_number(random),
                                          .lost = (int64_t)bt_random_below(random, 1 << 20)};
}

static bt_record *any_record(uint64_t seed) {
    bt_random random = bt_random_stream(seed, "record");
    bt_record *record;
    assert_int_equal(bt_record_open(&record, (int)bt_random_below(&random, 4), NULL), BT_OK);
    fill_run(&random, record);
    for (int i = 0; i < record->model_count; i++) {
        bt_model_record *model = &record->models[i];
        fill_model(&random, model);
        model->standard_samples_ms = any_samples(&random, &model->standard_sample_count);
        model->prepare_samples_ms = any_samples(&random, &model->prepare_sample_count);
        model->idle_samples_ms = any_samples(&random, &model->idle_sample_count);
        for (int gap = 0; gap < BT_IDLE_GAPS && model->idle_sample_count > 0; gap++)
            model->idle_extra_ms[gap] = (double)bt_random_below(&random, 1000) / 8;
        model->deliver_samples_ms = any_samples(&random, &model->deliver_sample_count);
        fill_neighbours(&random, model);
        fill_replicas(&random, &model->replicas);
    }
    return record;
}

/* ---- the promises ---- */

static void saved_records_come_back_the_same(void **state) {
    (void)state;
    for (uint64_t seed = 1; seed <= RECORDS; seed++) {
        bt_record *record = any_record(seed), *again;
        json_t *before, *after;
        bt_error error = {BT_OK, ""};
        assert_int_equal(bt_record_to_json(record, &before, &error), BT_OK);
        if (bt_record_save(record, path, &error) || bt_record_load(&again, path, &error))
            fail_msg("seed %llu: %s", (unsigned long long)seed, error.message);
        assert_int_equal(bt_record_to_json(again, &after, &error), BT_OK);
        if (!json_equal(before, after)) fail_msg("seed %llu: not the same", (unsigned long long)seed);
        json_decref(before);
        json_decref(after);
        bt_record_close(&record);
        bt_record_close(&again);
    }
}

static void what_a_quota_did_comes_back(void **state) {
    (void)state;
    bt_error error = {BT_OK, ""};
    bt_record *record, *again;
    assert_int_equal(bt_record_open(&record, 2, &error), BT_OK);
    record->machine.cpu_quota = 1.5;
    record->models[0].throttling = (bt_throttling){
        .quota_cpus = 1.5, .quota_periods = 693, .throttled_periods = 629, .throttled_s = 31.25};
    if (bt_record_save(record, path, &error) || bt_record_load(&again, path, &error))
        fail_msg("%s", error.message);
    assert_true(again->machine.cpu_quota == 1.5);
    assert_memory_equal(&again->models[0].throttling, &record->models[0].throttling, sizeof(bt_throttling));
    assert_int_equal(again->models[1].throttling.quota_periods, 0); /* as in records of before */
    bt_record_close(&record);
    bt_record_close(&again);
}

/* Records written before there was a capacity. */
static void a_record_without_a_capacity_is_read(void **state) {
    (void)state;
    const char *const keys[] = {"capacity_rps", "recommended_rps", "predicted_p95_ms"};
    bt_error error = {BT_OK, ""};
    bt_record *record, *again;
    json_t *json;
    assert_int_equal(bt_record_open(&record, 1, &error), BT_OK);
    record->models[0].capacity_rps = record->models[0].predicted_p95_ms = 5;
    assert_int_equal(bt_record_to_json(record, &json, &error), BT_OK);
    json_t *model = json_array_get(json_object_get(json, "models"), 0);
    for (int i = 0; i < 3; i++) {
        assert_non_null(json_object_get(model, keys[i]));
        json_object_del(model, keys[i]);
    }
    assert_int_equal(json_dump_file(json, path, 0), 0);
    if (bt_record_load(&again, path, &error)) fail_msg("%s", error.message);
    assert_true(isnan(again->models[0].capacity_rps) && isnan(again->models[0].predicted_p95_ms));
    json_decref(json);
    bt_record_close(&record);
    bt_record_close(&again);
}

/* One change of the kind that disks, editors and people make. */
static void mutate(bt_random *random, char *bytes, size_t *size) {
    static const char replacements[] = "0-9\"{}[],:.nte \\x\xff";
    size_t at = (size_t)bt_random_below(random, *size), length = 1 + bt_random_below(random, 40);
    if (at + length > *size) length = *size - at;
    switch (bt_random_below(random, 4)) {
    case 0:
        *size = at;
        break;
    case 1:
        bytes[at] = replacements[bt_random_below(random, sizeof replacements - 1)];
        break;
    case 2:
        memmove(bytes + at, bytes + at + length, *size - at - length);
        *size -= length;
        break;
    default: { /* a key by another name, or a value of another */
        size_t from = (size_t)bt_random_below(random, *size - length + 1);
        memmove(bytes + at, bytes + from, length);
    }
    }
}

static void broken_files_are_refused_in_one_line(void **state) {
    (void)state;
    bt_record *record = any_record(7);
    char *whole, *broken;
    size_t whole_size;
    int refused = 0;
    assert_int_equal(bt_record_save(record, path, NULL), BT_OK);
    bt_record_close(&record);
    assert_int_equal(bt_file_read(path, 1 << 24, &whole, &whole_size, NULL), BT_OK);
    broken = (char *)malloc(whole_size);
    assert_non_null(broken);
    for (uint64_t seed = 1; seed <= MUTATIONS; seed++) {
        bt_random random = bt_random_stream(seed, "mutation");
        size_t size = whole_size;
        bt_error error = {BT_OK, ""};
        memcpy(broken, whole, whole_size);
        mutate(&random, broken, &size);
        FILE *file = fopen(path, "wb");
        assert_non_null(file);
        assert_int_equal(fwrite(broken, 1, size, file), size);
        assert_int_equal(fclose(file), 0);
        bt_status status = bt_record_load(&record, path, &error);
        if ((status != BT_OK) != (record == NULL)) fail_msg("seed %llu", (unsigned long long)seed);
        if (status != BT_OK && (!strstr(error.message, path) || strchr(error.message, '\n')))
            fail_msg("seed %llu: \"%s\"", (unsigned long long)seed, error.message);
        refused += status != BT_OK;
        bt_record_close(&record);
    }
    assert_true(refused > MUTATIONS / 4);
    free(whole);
    free(broken);
}

/* ---- one fault each ---- */

/* A record of one model of two points. */
static json_t *small_record(void) {
    bt_record *record;
    json_t *json;
    assert_int_equal(bt_record_open(&record, 1, NULL), BT_OK);
    strcpy(record->models[0].model, "hrnet");
    assert_non_null(bt_record_add_point(&record->models[0], 4));
    assert_non_null(bt_record_add_point(&record->models[0], 1));
    record->models[0].chosen = 1;
    assert_int_equal(bt_record_to_json(record, &json, NULL), BT_OK);
    bt_record_close(&record);
    return json;
}

static json_t *model_of(json_t *json) {
    return json_array_get(json_object_get(json, "models"), 0);
}

static json_t *point_of(json_t *json, size_t index) {
    return json_array_get(json_object_get(model_of(json), "points"), index);
}

/* Loads `json` (released here) and expects `status` with every one of the words. */
static void expect_refusal(json_t *json, bt_status status, const char *words[2]) {
    bt_record *record;
    bt_error error = {BT_OK, ""};
    assert_int_equal(json_dump_file(json, path, 0), 0);
    json_decref(json);
    assert_int_equal(bt_record_load(&record, path, &error), status);
    assert_null(record);
    assert_non_null(strstr(error.message, path));
    for (int i = 0; i < 2; i++)
        if (!strstr(error.message, words[i])) fail_msg("\"%s\" does not say \"%s\"", error.message, words[i]);
}

#define REFUSES(json, status, place, what) expect_refusal(json, status, (const char *[]){place, what})

static void every_fault_is_named(void **state) {
    (void)state;
    json_t *json = small_record();
    json_object_set_new(json, "schema_version", json_integer(2));
    REFUSES(json, BT_UNSUPPORTED, "newer batchtune", "schema_version 2");
    json = small_record();
    json_object_set_new(json, "kind", json_string("load"));
    REFUSES(json, BT_PARSE, "kind", "load");
    json = small_record();
    json_object_set_new(point_of(json, 1), "p95_ms", json_string("fast"));
    REFUSES(json, BT_PARSE, "models[0].points[1]", "p95_ms is text");
    json = small_record();
    json_object_del(point_of(json, 0), "mask_iou");
    REFUSES(json, BT_PARSE, "models[0].points[0]", "mask_iou is missing");
    json = small_record();
    json_object_set_new(point_of(json, 0), "mask_iou", json_real(1.5));
    REFUSES(json, BT_PARSE, "mask_iou", "above 1");
    json = small_record();
    json_object_set_new(point_of(json, 0), "outcome", json_string("lucky"));
    REFUSES(json, BT_PARSE, "outcome", "lucky");
    json = small_record();
    json_object_set_new(point_of(json, 1), "batch_size", json_integer(1));
    REFUSES(json, BT_PARSE, "models[0].points[1]", "batch_size 1 does not come after");
    json = small_record();
    json_object_set_new(model_of(json), "optimal_batch_size", json_integer(3));
    REFUSES(json, BT_PARSE, "models[0]", "batch size 3, of which there is no point");
    json = small_record();
    json_object_set_new(model_of(json), "weights_hash", json_string("12"));
    REFUSES(json, BT_PARSE, "weights_hash", "16 hexadecimal digits");
    json = small_record();
    json_object_set_new(json_object_get(json, "settings"), "p95_sla_ms", json_integer(0));
    REFUSES(json, BT_PARSE, "settings", "p95_sla_ms");
    json = small_record();
    json_array_append_new(json_object_get(point_of(json, 0), "samples_ms"), json_real(-1));
    REFUSES(json, BT_PARSE, "points[0]", "samples_ms[0]");
}

static void more_than_there_is_room_for_is_refused(void **state) {
    (void)state;
    char text[BT_TEXT_SIZE + 1];
    json_t *json = small_record();
    json_object_set_new(model_of(json), "points", json_many(65537, json_null()));
    REFUSES(json, BT_PARSE, "models[0]", "points has 65537 items, at most 65536");
    json = small_record();
    json_object_set_new(model_of(json), "divisions", json_many(BT_DIVISIONS_MAX + 1, json_null()));
    REFUSES(json, BT_PARSE, "models[0]", "divisions has 6 items, at most 5");
    json = small_record();
    json_object_set_new(json, "changes", json_many(9, json_string("x")));
    REFUSES(json, BT_PARSE, "record.json", "changes has 9 items, at most 8");
    json = small_record();
    json_object_set_new(json, "models", json_many(65, json_object()));
    REFUSES(json, BT_PARSE, "record.json", "models has 65 items, at most 64");
    memset(text, 'x', sizeof text - 1);
    text[sizeof text - 1] = '\0';
    json = small_record();
    json_object_set_new(json, "changes", json_many(1, json_string(text)));
    REFUSES(json, BT_PARSE, "changes[0]", "is not a text of less than");
    json = small_record();
    json_object_set_new(json, "changes", json_many(1, json_string(text + 1))); /* the longest */
    assert_int_equal(json_dump_file(json, path, 0), 0);
    json_decref(json);
    bt_record *record;
    assert_int_equal(bt_record_load(&record, path, NULL), BT_OK);
    assert_string_equal(record->changes[0], text + 1);
    bt_record_close(&record);
}

/* Nobody's index and nobody's count is taken on trust when a record is written. */
static void what_is_not_there_is_not_written(void **state) {
    (void)state;
    bt_record *record;
    json_t *json;
    bt_error error;
    assert_int_equal(bt_record_open(&record, -1, &error), BT_INVALID);
    assert_string_equal(error.message, "a record of -1 models was asked for");
    assert_null(record);
    bt_record_close(NULL);
    assert_int_equal(bt_record_open(&record, 1, NULL), BT_OK);
    bt_point *point = bt_record_add_point(&record->models[0], 4);
    record->models[0].chosen = record->models[0].winners[0] = 1;
    record->change_count = 99;
    assert_int_equal(bt_record_to_json(record, &json, NULL), BT_OK);
    assert_true(json_is_null(json_object_get(model_of(json), "optimal_batch_size")));
    assert_int_equal(json_array_size(json_object_get(json, "changes")), 8);
    json_decref(json);
    double sample = 1;
    point->sample_count = INT_MAX;
    assert_int_equal(bt_point_add_samples(point, &sample, 1, &error), BT_NO_MEMORY);
    assert_string_equal(error.message, "out of memory for 1 more samples of batch size 4");
    assert_int_equal(point->sample_count, INT_MAX);
    point->sample_count = 0;
    assert_int_equal(bt_point_add_samples(point, &sample, 0, &error), BT_OK);
    assert_null(point->samples_ms);
    bt_record_close(&record);
}

static void points_keep_their_order_and_verdicts_follow(void **state) {
    (void)state;
    bt_record *record;
    assert_int_equal(bt_record_open(&record, 1, NULL), BT_OK);
    bt_model_record *model = &record->models[0];
    assert_int_equal(model->chosen, -1);
    bt_record_add_point(model, 8);
    model->chosen = 0;
    bt_record_add_point(model, 2);
    bt_record_add_point(model, 16);
    assert_ptr_equal(bt_record_add_point(model, 8), &model->points[1]);
    assert_int_equal(model->point_count, 3);
    assert_int_equal(model->points[model->chosen].batch_size, 8);
    assert_true(isnan(model->points[0].p95_ms));
    bt_record_close(&record);
    assert_null(record);
    bt_record_close(&record);
}

static void outcomes_have_names_both_ways(void **state) {
    (void)state;
    for (int i = 0; i < BT_OUTCOME_COUNT; i++) {
        bt_outcome found;
        assert_true(bt_outcome_find(bt_outcome_name((bt_outcome)i), &found));
        assert_int_equal(found, i);
    }
    assert_string_equal(bt_outcome_name((bt_outcome)99), "unknown");
}

/* A phrase cut in the middle of a character must not cost the whole record. */
static void text_that_is_no_utf8_is_saved_all_the_same(void **state) {
    (void)state;
    bt_record *record, *again;
    assert_int_equal(bt_record_open(&record, 0, NULL), BT_OK);
    strcpy(record->command, "4 \xe2\x86");
    assert_int_equal(bt_record_save(record, path, NULL), BT_OK);
    assert_int_equal(bt_record_load(&again, path, NULL), BT_OK);
    assert_string_equal(again->command, "4 ??");
    bt_record_close(&record);
    bt_record_close(&again);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(saved_records_come_back_the_same),
        cmocka_unit_test(what_a_quota_did_comes_back),
        cmocka_unit_test(a_record_without_a_capacity_is_read),
        cmocka_unit_test(broken_files_are_refused_in_one_line),
        cmocka_unit_test(every_fault_is_named),
        cmocka_unit_test(more_than_there_is_room_for_is_refused),
        cmocka_unit_test(what_is_not_there_is_not_written),
        cmocka_unit_test(points_keep_their_order_and_verdicts_follow),
        cmocka_unit_test(outcomes_have_names_both_ways),
        cmocka_unit_test(text_that_is_no_utf8_is_saved_all_the_same),
    };
    return cmocka_run_group_tests_name("record-sweep", tests, bt_scratch_enter, bt_scratch_leave);
}
