/* The config file: what a run writes is what is read, other models' entries stay, and a fault made by hand is
 * named. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/files.h"
#include "base/json.h"
#include "base/random.h"
#include "record/config.h"
#include "scratch.h"

static const char path[] = "config.json";

/* ---- a run to write from ---- */

/* A point with `samples` service times around batch_size * 10 ms. */
static void add_point(bt_model_record *model, int batch_size, int samples) {
    bt_random random = bt_random_stream((uint64_t)batch_size, "service times");
    bt_point *point = bt_record_add_point(model, batch_size);
    assert_non_null(point);
    point->outcome = BT_OUTCOME_MEASURED;
    point->p95_ms = batch_size * 11;
    point->p95_upper_ms = batch_size * 11.5;
    point->throughput_imgs_per_sec = 100.0 + batch_size;
    point->efficiency = point->throughput_imgs_per_sec / sqrt(batch_size);
    point->memory_mb = 100 + 30.25 * batch_size;
    point->mask_iou = 0.998;
    for (int i = 0; i < samples; i++) {
        double sample = batch_size * 10 + bt_random_uniform(&random);
        assert_int_equal(bt_point_add_samples(point, &sample, 1, NULL), BT_OK);
    }
}

static void fill_model(bt_model_record *model, const char *name, int chosen) {
    snprintf(model->model, sizeof model->model, "%s", name);
    strcpy(model->device, "cpu: AMD EPYC");
    strcpy(model->backend, "torch 2.15.0");
    strcpy(model->precision, "bf16");
    strcpy(model->weights_source, "demo");
    model->weights_hash = 0x0123456789abcdefULL;
    model->threads = 2;
    model->image_size = 128;
    add_point(model, 1, 20);
    add_point(model, 4, 200);
    add_point(model, 8, 70);
    model->chosen = chosen;
    model->meets_sla = true;
    model->reachable_sla_ms = 11.5;
    model->speedup_over_single_image = 1.75;
}

/* A run over hrnet and cbam_resunet. */
static bt_record *a_run(const char *run_id, int chosen_hrnet, int chosen_cbam) {
    bt_record *record;
    assert_int_equal(bt_record_open(&record, 2, NULL), BT_OK);
    snprintf(record->run_id, sizeof record->run_id, "%s", run_id);
    strcpy(record->workload, "cpu-demo");
    strcpy(record->finished_at, "2026-01-31T12:34:56Z");
    strcpy(record->subject.tool_version, "0.1.0");
    strcpy(record->machine.cpu, "AMD EPYC");
    record->machine.cores = 2;
    bt_machine_seal(&record->machine);
    record->settings.p95_sla_ms = 250;
    fill_model(&record->models[0], "hrnet", chosen_hrnet);
    fill_model(&record->models[1], "cbam_resunet", chosen_cbam);
    return record;
}

/* Writes a run's config to `path` over what is there, and reads it. */
static bt_config *written(bt_record *record, const bt_config *before) {
    bt_config *config;
    json_t *json;
    bt_error error = {BT_OK, ""};
    assert_int_equal(bt_config_from_record(&json, record, before, &error), BT_OK);
    assert_int_equal(bt_config_save(json, path, &error), BT_OK);
    json_decref(json);
    if (bt_config_load(&config, path, &error)) fail_msg("%s", error.message);
    bt_record_close(&record);
    return config;
}

static json_t *entry_in(const json_t *top, const char *model) {
    return json_object_get(json_object_get(top, "configurations"), model);
}

/* ---- writing ---- */

static void a_run_is_read_back_from_its_config(void **state) {
    (void)state;
    bt_config *config = written(a_run("one", 1, 2), NULL);
    assert_int_equal(config->model_count, 2);
    assert_string_equal(config->workload, "cpu-demo");
    assert_string_equal(config->machine.cpu, "AMD EPYC");
    assert_true(config->settings.p95_sla_ms == 250);
    const bt_config_model *model = bt_config_find(config, "hrnet");
    assert_non_null(model);
    assert_int_equal(model->optimal_batch_size, 4);
    assert_true(model->p95_latency_ms == 44 && model->throughput_imgs_per_sec == 104);
    assert_true(model->memory_usage_mb == 221 && model->efficiency_score == 52);
    assert_true(model->measured && !model->edited && model->meets_sla);
    assert_string_equal(model->memory_kind, "process");
    assert_string_equal(model->run_id, "one");
    assert_string_equal(model->machine_fingerprint, config->machine.fingerprint);
    assert_int_equal(model->weights.hash, 0x0123456789abcdefULL);
    assert_int_equal(model->instance_count, 1);
    assert_string_equal(model->instances[0].device, "cpu");
    assert_int_equal(model->instances[0].threads, 2);
    assert_true(isnan(model->capacity_rps));
    assert_true(json_is_null(json_object_get(entry_in(config->json, "hrnet"), "capacity_rps")));
    assert_null(bt_config_find(config, "unet"));
    bt_config_close(&config);
    bt_config_close(&config);
}

static void what_can_be_served_is_written(void **state) {
    (void)state;
    bt_record *record = a_run("one", 1, 2);
    record->models[0].capacity_rps = 61.5;
    record->models[0].recommended_rps = 36.9;
    record->models[0].predicted_p95_ms = 81.25;
    record->models[1].capacity_rps = record->models[1].recommended_rps = 0; /* none, which is known */
    bt_config *config = written(record, NULL);
    const bt_config_model *hrnet = bt_config_find(config, "hrnet"),
                          *cbam = bt_config_find(config, "cbam_resunet");
    assert_true(hrnet->capacity_rps == 61.5 && hrnet->recommended_rps == 36.9);
    assert_true(hrnet->predicted_p95_ms == 81.25);
    assert_true(cbam->capacity_rps == 0 && cbam->recommended_rps == 0 && isnan(cbam->predicted_p95_ms));
    bt_config_close(&config);
}

static void assert_same(double a, double b) {
    assert_true(a == b || (isnan(a) && isnan(b)));
}

/* Whoever predicts from a run's entry and whoever predicts from the file have the same to go by, to the last
 * bit. */
static void the_entry_of_a_run_is_the_one_that_is_read_back(void **state) {
    (void)state;
    bt_record *record = a_run("one", 1, 2);
    bt_config_model entry;
    assert_int_equal(bt_config_model_open(&entry, record, &record->models[0], NULL), BT_OK);
    bt_config *config = written(record, NULL);
    const bt_config_model *read = bt_config_find(config, "hrnet");
    assert_string_equal(entry.name, read->name);
    assert_int_equal(entry.optimal_batch_size, read->optimal_batch_size);
    assert_int_equal(entry.measured, read->measured);
    assert_same(entry.speedup_over_single_image, read->speedup_over_single_image);
    assert_same(entry.throughput_imgs_per_sec, read->throughput_imgs_per_sec);
    assert_int_equal(entry.instance_count, read->instance_count);
    assert_string_equal(entry.instances[0].device, read->instances[0].device);
    assert_int_equal(entry.point_count, read->point_count);
    for (int i = 0; i < entry.point_count; i++) {
        const bt_config_point *a = &entry.points[i], *b = &read->points[i];
        assert_int_equal(a->outcome, b->outcome);
        assert_int_equal(a->quantile_count, b->quantile_count);
        assert_memory_equal(a->service_ms_quantiles, b->service_ms_quantiles,
                            (size_t)a->quantile_count * sizeof(double));
    }
    bt_config_model_close(&entry);
    bt_config_model_close(&entry);
    bt_config_close(&config);
}

static void a_model_without_a_choice_has_no_entry_to_open(void **state) {
    (void)state;
    bt_record *record = a_run("one", -1, 2);
    bt_config_model entry;
    assert_int_equal(bt_config_model_open(&entry, record, &record->models[0], NULL), BT_INVALID);
    bt_config_model_close(&entry);
    bt_record_close(&record);
}

static void the_first_four_keys_are_what_other_programs_read(void **state) {
    (void)state;
    const char *const wanted[] = {"optimal_batch_size", "p95_latency_ms", "throughput_imgs_per_sec",
                                  "memory_usage_mb"};
    bt_config *config = written(a_run("one", 1, 2), NULL);
    void *at = json_object_iter(entry_in(config->json, "hrnet"));
    for (int i = 0; i < 4; i++, at = json_object_iter_next(entry_in(config->json, "hrnet"), at))
        assert_string_equal(json_object_iter_key(at), wanted[i]);
    bt_config_close(&config);
}

static void service_times_are_kept_as_quantiles(void **state) {
    (void)state;
    bt_record *record = a_run("one", 1, 2);
    double sum = 0, least = INFINITY, greatest = 0, mean = 0;
    const bt_point *point = &record->models[0].points[1];
    for (int i = 0; i < point->sample_count; i++) {
        sum += point->samples_ms[i] / point->sample_count;
        least = fmin(least, point->samples_ms[i]);
        greatest = fmax(greatest, point->samples_ms[i]);
    }
    bt_config *config = written(record, NULL);
    const bt_config_point *kept = bt_config_model_point(&config->models[0], 4);
    assert_int_equal(kept->quantile_count, BT_CONFIG_QUANTILES);
    assert_true(fabs(kept->service_ms_quantiles[0] - least) < 1e-4);
    assert_true(fabs(kept->service_ms_quantiles[BT_CONFIG_QUANTILES - 1] - greatest) < 1e-4);
    for (int i = 0; i < BT_CONFIG_QUANTILES; i++)
        mean += kept->service_ms_quantiles[i] / BT_CONFIG_QUANTILES;
    assert_true(fabs(mean - sum) < 0.02);
    assert_int_equal(bt_config_model_point(&config->models[0], 1)->quantile_count, 20);
    bt_config_close(&config);
}

static void tuning_one_model_leaves_the_others_as_they_are(void **state) {
    (void)state;
    bt_config *before = written(a_run("one", 1, 2), NULL);
    json_object_set_new(before->json, "_note", json_string("ask Ada before changing this"));
    json_object_set_new(entry_in(before->json, "cbam_resunet"), "_why", json_string("rollout"));
    json_t *untouched = json_deep_copy(entry_in(before->json, "cbam_resunet"));
    bt_config *after = written(a_run("two", 0, -1), before);
    assert_true(json_equal(entry_in(after->json, "cbam_resunet"), untouched));
    assert_string_equal(bt_config_find(after, "cbam_resunet")->run_id, "one");
    assert_string_equal(bt_config_find(after, "hrnet")->run_id, "two");
    assert_int_equal(bt_config_find(after, "hrnet")->optimal_batch_size, 1);
    assert_string_equal(after->models[0].name, "hrnet");
    assert_string_equal(json_string_value(json_object_get(after->json, "_note")),
                        "ask Ada before changing this");
    assert_true(bt_file_exists("config.json.bak"));
    json_decref(untouched);
    bt_config_close(&before);
    bt_config_close(&after);
}

static void a_model_without_a_choice_gets_no_entry(void **state) {
    (void)state;
    bt_config *config = written(a_run("one", -1, 1), NULL);
    assert_int_equal(config->model_count, 1);
    assert_string_equal(config->models[0].name, "cbam_resunet");
    bt_config_close(&config);
}

static void changes_are_told_in_a_line_a_model(void **state) {
    (void)state;
    char lines[8][BT_TEXT_SIZE];
    bt_config *before = written(a_run("one", 1, 1), NULL);
    bt_record *record = a_run("two", 2, 1);
    assert_int_equal(bt_config_changes(NULL, record, lines), 0);
    assert_int_equal(bt_config_changes(before, record, lines), 2);
    assert_string_equal(lines[0], "hrnet: batch 4 -> 8, P95 44.0 -> 88.0 ms, 104.0 -> 108.0 img/s");
    assert_string_equal(lines[1],
                        "cbam_resunet: batch 4 as before, P95 44.0 -> 44.0 ms, 104.0 -> 104.0 img/s");
    strcpy(record->models[1].model, "unet");
    assert_int_equal(bt_config_changes(before, record, lines), 2);
    assert_string_equal(lines[1], "unet: new, batch 4, P95 44.0 ms, 104.0 img/s");
    bt_record_close(&record);
    bt_config_close(&before);
}

/* ---- what people do to it ---- */

static json_t *a_document(void) {
    bt_record *record = a_run("one", 1, 2);
    json_t *json;
    assert_int_equal(bt_config_from_record(&json, record, NULL, NULL), BT_OK);
    bt_record_close(&record);
    return json;
}

/* Writes `json` (released here) to `path` and reads it. */
static bt_config *loaded(json_t *json) {
    bt_config *config;
    bt_error error = {BT_OK, ""};
    assert_int_equal(json_dump_file(json, path, 0), 0);
    json_decref(json);
    if (bt_config_load(&config, path, &error)) fail_msg("%s", error.message);
    return config;
}

static void an_unmeasured_batch_size_is_honoured_and_marked(void **state) {
    (void)state;
    json_t *json = a_document();
    json_object_set_new(entry_in(json, "hrnet"), "optimal_batch_size", json_integer(6));
    bt_config *config = loaded(json);
    const bt_config_model *model = bt_config_find(config, "hrnet");
    assert_int_equal(model->optimal_batch_size, 6);
    assert_false(model->measured);
    assert_true(model->edited);
    assert_false(model->meets_sla);
    assert_true(isnan(model->p95_latency_ms)); /* the 44 ms in the file are batch size 4's */
    bt_config_close(&config);
}

static void another_measured_batch_size_has_its_own_figures(void **state) {
    (void)state;
    json_t *json = a_document();
    json_object_set_new(entry_in(json, "hrnet"), "optimal_batch_size", json_integer(8));
    bt_config *config = loaded(json);
    const bt_config_model *model = bt_config_find(config, "hrnet");
    assert_true(model->measured && model->edited && model->meets_sla);
    assert_true(model->p95_latency_ms == 88);
    bt_config_close(&config);
}

/* What existed before batchtune: four keys a model, written by hand. */
static void a_file_of_the_four_keys_alone_is_read(void **state) {
    (void)state;
    bt_config *config =
        loaded(json_pack("{s:i, s:{s:{s:i, s:f, s:f, s:i}}}", "schema_version", 1, "configurations", "hrnet",
                         "optimal_batch_size", 12, "p95_latency_ms", 85.3, "throughput_imgs_per_sec", 140.5,
                         "memory_usage_mb", 435));
    assert_int_equal(config->models[0].optimal_batch_size, 12);
    assert_true(config->models[0].p95_latency_ms == 85.3);
    assert_false(config->models[0].measured || config->models[0].edited);
    bt_config_close(&config);
}

static void later_keys_are_taken_when_they_are_there(void **state) {
    (void)state;
    json_t *json = a_document();
    json_object_set_new(entry_in(json, "hrnet"), "capacity_rps", json_real(61.5));
    bt_config *config = loaded(json);
    assert_true(config->models[0].capacity_rps == 61.5);
    bt_config_close(&config);
}

static void expect_refusal(json_t *json, bt_status status, const char *place, const char *what) {
    bt_config *config;
    bt_error error = {BT_OK, ""};
    assert_int_equal(json_dump_file(json, path, 0), 0);
    json_decref(json);
    assert_int_equal(bt_config_load(&config, path, &error), status);
    assert_null(config);
    assert_null(strchr(error.message, '\n'));
    if (!strstr(error.message, path) || !strstr(error.message, place) || !strstr(error.message, what))
        fail_msg("\"%s\" does not say \"%s\" and \"%s\"", error.message, place, what);
}

static void misspelt_keys_are_named_with_what_was_meant(void **state) {
    (void)state;
    json_t *json = a_document();
    json_object_set_new(json, "setings", json_object());
    expect_refusal(json, BT_PARSE, "\"setings\"", "did you mean \"settings\"?");
    json = a_document();
    json_object_set_new(json_object_get(json, "settings"), "p95_sla", json_integer(100));
    expect_refusal(json, BT_PARSE, "settings: p95_sla", "p95_sla_ms");
    json = a_document();
    json_object_set_new(entry_in(json, "hrnet"), "optimal_batchsize", json_integer(4));
    expect_refusal(json, BT_PARSE, "configurations.hrnet", "did you mean \"optimal_batch_size\"?");
    json = a_document();
    json_object_set_new(json_array_get(json_object_get(entry_in(json, "hrnet"), "instances"), 0), "cpu",
                        json_string("0"));
    expect_refusal(json, BT_PARSE, "configurations.hrnet.instances[0]", "did you mean \"cpus\"?");
    json = a_document();
    json_object_set_new(json_array_get(json_object_get(entry_in(json, "hrnet"), "points"), 1), "speed",
                        json_integer(1));
    expect_refusal(json, BT_PARSE, "configurations.hrnet.points[1]", "unknown key \"speed\"");
}

static void wrong_values_are_named(void **state) {
    (void)state;
    json_t *json = a_document();
    json_object_set_new(entry_in(json, "hrnet"), "optimal_batch_size", json_string("4"));
    expect_refusal(json, BT_PARSE, "configurations.hrnet", "optimal_batch_size is text");
    json = a_document();
    json_object_set_new(entry_in(json, "hrnet"), "optimal_batch_size", json_integer(0));
    expect_refusal(json, BT_PARSE, "configurations.hrnet", "optimal_batch_size is 0, below 1");
    json = a_document();
    json_object_del(entry_in(json, "hrnet"), "optimal_batch_size");
    expect_refusal(json, BT_PARSE, "configurations.hrnet", "optimal_batch_size is missing");
    json = a_document();
    json_object_set_new(json_object_get(json, "configurations"), "hrnet", json_integer(4));
    expect_refusal(json, BT_PARSE, "configurations.hrnet", "is not an object");
    json = a_document();
    json_object_set_new(json_object_get(json, "settings"), "memory_reserve_percent", json_integer(101));
    expect_refusal(json, BT_PARSE, "settings", "memory_reserve_percent");
    json = a_document();
    json_object_set_new(entry_in(json, "hrnet"), "instances", json_array());
    expect_refusal(json, BT_PARSE, "configurations.hrnet", "instances has 0 items");
    json = a_document();
    json_object_del(json, "configurations");
    expect_refusal(json, BT_PARSE, path, "configurations is missing");
    json = a_document();
    json_object_set_new(json, "schema_version", json_integer(2));
    expect_refusal(json, BT_UNSUPPORTED, "newer batchtune", "schema_version 2");
}

static void broken_files_never_crash(void **state) {
    (void)state;
    char *whole;
    size_t size;
    json_t *json = a_document();
    assert_int_equal(json_dump_file(json, path, 0), 0);
    json_decref(json);
    assert_int_equal(bt_file_read(path, 1 << 24, &whole, &size, NULL), BT_OK);
    for (uint64_t seed = 1; seed <= 2000; seed++) {
        bt_random random = bt_random_stream(seed, "mutation");
        bt_config *config;
        bt_error error = {BT_OK, ""};
        size_t at = (size_t)bt_random_below(&random, size);
        char kept = whole[at];
        whole[at] = "0-9\"{}[],:.nte \\x"[bt_random_below(&random, 17)];
        FILE *file = fopen(path, "wb");
        assert_non_null(file);
        fwrite(whole, 1, bt_random_below(&random, 3) ? size : at, file);
        assert_int_equal(fclose(file), 0);
        whole[at] = kept;
        bt_status status = bt_config_load(&config, path, &error);
        if (status && (!strstr(error.message, path) || strchr(error.message, '\n')))
            fail_msg("seed %llu: \"%s\"", (unsigned long long)seed, error.message);
        bt_config_close(&config);
    }
    free(whole);
}

/* ---- memory that runs out ---- */

static long allocations_left;

static void *scarce_malloc(size_t size) {
    return allocations_left-- > 0 ? malloc(size) : NULL;
}

/* Every allocation of the writing fails once: each time it says so, and (under the address sanitizer) leaks
 * nothing. */
static void writing_survives_any_failed_allocation(void **state) {
    (void)state;
    bt_config *before = written(a_run("one", 1, 2), NULL);
    bt_record *record = a_run("two", 0, -1);
    bt_status status = BT_NO_MEMORY;
    long allowed = 0;
    for (; status; allowed++) {
        json_t *json;
        bt_error error = {BT_OK, ""};
        allocations_left = allowed;
        json_set_alloc_funcs(scarce_malloc, free);
        status = bt_config_from_record(&json, record, before, &error);
        json_set_alloc_funcs(malloc, free);
        if (status && (status != BT_NO_MEMORY || json || !*error.message))
            fail_msg("allocation %ld: %s", allowed, error.message);
        json_decref(json);
        if (allowed > 100000) fail_msg("never enough memory");
    }
    assert_true(allowed > 100); /* the failures were real ones */
    bt_config_close(&before);
    bt_record_close(&record);
}

/* ---- weights files ---- */

static void put(const char *file_path, const char *text) {
    FILE *file = fopen(file_path, "wb");
    assert_non_null(file);
    fputs(text, file);
    assert_int_equal(fclose(file), 0);
}

static void weights_are_recognised(void **state) {
    (void)state;
    bt_config_weights weights = {.source = "demo"};
    char said[512];
    assert_true(bt_config_weights_check(&weights, true, said, sizeof said));
    assert_non_null(strstr(said, "built in"));
    put(path, "weights of the first kind");
    assert_int_equal(bt_config_weights_describe(&weights, path, NULL), BT_OK);
    assert_true(bt_config_weights_check(&weights, false, said, sizeof said));
    assert_non_null(strstr(said, "the same size, time and header"));
    assert_true(bt_config_weights_check(&weights, true, said, sizeof said));
    assert_non_null(strstr(said, "by hash"));
    put(path, "weights of the other kind");
    assert_false(bt_config_weights_check(&weights, false, said, sizeof said));
    assert_non_null(strstr(said, "other contents"));
    put(path, "shorter");
    assert_false(bt_config_weights_check(&weights, false, said, sizeof said));
    assert_non_null(strstr(said, "25 bytes, here 7"));
    unlink(path);
    assert_false(bt_config_weights_check(&weights, false, said, sizeof said));
    assert_non_null(strstr(said, "No such file"));
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_run_is_read_back_from_its_config),
        cmocka_unit_test(what_can_be_served_is_written),
        cmocka_unit_test(the_entry_of_a_run_is_the_one_that_is_read_back),
        cmocka_unit_test(a_model_without_a_choice_has_no_entry_to_open),
        cmocka_unit_test(the_first_four_keys_are_what_other_programs_read),
        cmocka_unit_test(service_times_are_kept_as_quantiles),
        cmocka_unit_test(tuning_one_model_leaves_the_others_as_they_are),
        cmocka_unit_test(a_model_without_a_choice_gets_no_entry),
        cmocka_unit_test(changes_are_told_in_a_line_a_model),
        cmocka_unit_test(an_unmeasured_batch_size_is_honoured_and_marked),
        cmocka_unit_test(another_measured_batch_size_has_its_own_figures),
        cmocka_unit_test(a_file_of_the_four_keys_alone_is_read),
        cmocka_unit_test(later_keys_are_taken_when_they_are_there),
        cmocka_unit_test(misspelt_keys_are_named_with_what_was_meant),
        cmocka_unit_test(wrong_values_are_named),
        cmocka_unit_test(broken_files_never_crash),
        cmocka_unit_test(writing_survives_any_failed_allocation),
        cmocka_unit_test(weights_are_recognised),
    };
    return cmocka_run_group_tests_name("record-config", tests, bt_scratch_enter, bt_scratch_leave);
}
