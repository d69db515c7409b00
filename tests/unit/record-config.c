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
#include <sys/stat.h>
#include <unistd.h>
#include <utime.h>

#include "base/cores.h"
#include "base/files.h"
#include "base/json.h"
#include "base/random.h"
#include "expect.h"
#include "record/config-check.h"
#include "record/config.h"
#include "scratch.h"
#include "settings/placement.h"

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
    bt_error error;
    assert_int_equal(bt_config_model_open(&entry, record, &record->models[0], &error), BT_INVALID);
    assert_string_equal(error.message, "hrnet: the run chose no batch size");
    bt_config_model_close(&entry);
    record->models[0].chosen = 99; /* of which there is no point */
    assert_int_equal(bt_config_model_open(&entry, record, &record->models[0], &error), BT_INVALID);
    bt_config_model_close(&entry);
    bt_config_model_close(NULL);
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
    record = a_run("one", 1, 2);
    add_point(&record->models[0], 16, 1);
    add_point(&record->models[0], 32, 0);
    double only = bt_record_add_point(&record->models[0], 16)->samples_ms[0];
    config = written(record, NULL);
    kept = bt_config_model_point(&config->models[0], 16);
    assert_int_equal(kept->quantile_count, 1);
    assert_true(fabs(kept->service_ms_quantiles[0] - only) < 1e-4);
    assert_int_equal(bt_config_model_point(&config->models[0], 32)->quantile_count, 0);
    bt_config_close(&config);
}

static double *samples(const double *values, int count) {
    double *copy = malloc((size_t)count * sizeof *copy);
    assert_non_null(copy);
    memcpy(copy, values, (size_t)count * sizeof *copy);
    return copy;
}

static void what_a_lane_does_around_a_run_is_kept_too(void **state) {
    (void)state;
    bt_record *record = a_run("one", 1, 2);
    record->models[0].prepare_samples_ms =
        samples((double[]){3, 1, 2}, record->models[0].prepare_sample_count = 3);
    record->models[0].deliver_samples_ms =
        samples((double[]){0.5}, record->models[0].deliver_sample_count = 1);
    bt_config *config = written(record, NULL);
    const bt_config_model *hrnet = bt_config_find(config, "hrnet"),
                          *cbam = bt_config_find(config, "cbam_resunet");
    assert_int_equal(hrnet->prepare_quantile_count, 3);
    assert_int_equal(hrnet->deliver_quantile_count, 1);
    assert_true(hrnet->prepare_ms_quantiles[0] == 1 && hrnet->prepare_ms_quantiles[1] == 2);
    assert_true(hrnet->prepare_ms_quantiles[2] == 3 && hrnet->deliver_ms_quantiles[0] == 0.5);
    assert_null(json_object_get(entry_in(config->json, "cbam_resunet"), "prepare_ms_quantiles"));
    assert_int_equal(cbam->prepare_quantile_count, 0);
    assert_int_equal(cbam->deliver_quantile_count, 0);
    bt_config_close(&config);
}

/* Of the size that was timed most often; `block_runs` is that one's. */
static bt_config *ordered(int block_runs, const double *samples_ms, int count) {
    bt_record *record = a_run("one", 1, 2);
    bt_point *point = &record->models[0].points[1];
    point->sample_count = 0;
    for (int i = 0; i < 80; i++)
        assert_int_equal(bt_point_add_samples(point, &samples_ms[i % count], 1, NULL), BT_OK);
    point->block_runs = block_runs;
    return written(record, NULL);
}

static void the_order_of_runs_is_kept_as_ranks(void **state) {
    (void)state;
    double samples_ms[80];
    for (int i = 0; i < 80; i++)
        samples_ms[i] = (i * 27) % 80 + (i == 79 ? 1 : 0); /* each of 0 to 79 once; the last one twice: 54 */
    bt_config *config = ordered(3, samples_ms, 80);
    const bt_config_model *hrnet = bt_config_find(config, "hrnet");
    assert_int_equal(hrnet->block_runs, 3);
    assert_int_equal(hrnet->run_rank_count, 80);
    assert_true(hrnet->run_ranks[0] == 0 && hrnet->run_ranks[1] == 27 && hrnet->run_ranks[3] == 1);
    assert_true(hrnet->run_ranks[2] == 53 &&
                hrnet->run_ranks[79] == 54); /* equal: the earlier one is before */
    assert_null(json_object_get(entry_in(config->json, "cbam_resunet"), "block_runs"));
    assert_int_equal(bt_config_find(config, "cbam_resunet")->block_runs, 0);
    bt_config_close(&config);
    config = ordered(1, samples_ms, 80); /* no spells: nothing to keep in order */
    assert_int_equal(config->models[0].block_runs, 1);
    assert_null(json_object_get(entry_in(config->json, "hrnet"), "run_ranks"));
    bt_config_close(&config);
}

static void what_a_pause_costs_is_kept(void **state) {
    (void)state;
    bt_record *record = a_run("one", 1, 2);
    record->models[0].idle_samples_ms = samples((double[]){3, 4, 5}, record->models[0].idle_sample_count = 3);
    record->models[0].idle_extra_ms[1] = 1;
    record->models[0].idle_extra_ms[2] = 2.25;
    bt_config *config = written(record, NULL);
    const bt_config_model *hrnet = bt_config_find(config, "hrnet");
    assert_int_equal(hrnet->idle_count, BT_IDLE_GAPS);
    for (int i = 0; i < BT_IDLE_GAPS; i++)
        assert_true(hrnet->idle_gap_ms[i] == bt_idle_gaps_ms[i]);
    assert_true(hrnet->idle_extra_ms[0] == 0 && hrnet->idle_extra_ms[1] == 1 &&
                hrnet->idle_extra_ms[2] == 2.25);
    assert_null(json_object_get(entry_in(config->json, "cbam_resunet"), "idle_gap_ms"));
    assert_int_equal(bt_config_find(config, "cbam_resunet")->idle_count, 0);
    bt_config_close(&config);
}

/* Whole, but for what nothing was found out about; and an entry without any reads as before. */
static void what_neighbours_cost_is_kept(void **state) {
    (void)state;
    bt_record *record = a_run("one", 1, 2);
    bt_model_record *model = &record->models[0];
    assert_int_equal(bt_model_add_neighbours(model, NULL), BT_OK);
    model->neighbours[0].cost = bt_neighbour_cost_of("nothing_found");
    model->neighbours[1].cost = (bt_neighbour_cost){.model = "cbam_resunet",
                                                    .batch_size = 4,
                                                    .neighbour_batch_size = 2,
                                                    .beside = 1,
                                                    .slowdown = 1.25,
                                                    .slowdown_lower = 1.125,
                                                    .slowdown_upper = 1.375,
                                                    .switch_ms = 0};
    model->neighbours[2].cost = bt_neighbour_cost_of("in_turns");
    model->neighbours[2].cost.switch_ms = 0.5;
    model->neighbour_count = 3;
    bt_config *config = written(record, NULL);
    const bt_config_model *hrnet = bt_config_find(config, "hrnet");
    assert_int_equal(hrnet->neighbour_count, 2);
    const bt_neighbour_cost *both = bt_config_neighbour(hrnet, "cbam_resunet"),
                            *turns = bt_config_neighbour(hrnet, "in_turns");
    assert_true(both && both->batch_size == 4 && both->neighbour_batch_size == 2 && both->beside == 1);
    assert_true(both->slowdown == 1.25 && both->slowdown_lower == 1.125 && both->slowdown_upper == 1.375);
    assert_true(turns && turns->beside == 0 && isnan(turns->slowdown) && turns->switch_ms == 0.5);
    assert_null(bt_config_neighbour(hrnet, "nothing_found"));
    assert_null(json_object_get(entry_in(config->json, "cbam_resunet"), "neighbours"));
    assert_int_equal(bt_config_find(config, "cbam_resunet")->neighbour_count, 0);
    bt_config_close(&config);
}

/* Of 1000 runs, four stretches of neighbours, from the first run to the last. */
static void of_a_long_order_whole_stretches_are_kept(void **state) {
    (void)state;
    bt_record *record = a_run("one", 1, 2);
    bt_point *point = &record->models[0].points[1];
    point->sample_count = 0;
    for (int i = 0; i < 1000; i++)
        assert_int_equal(bt_point_add_samples(point, &(double){i}, 1, NULL), BT_OK);
    point->block_runs = 5;
    bt_config *config = written(record, NULL);
    const bt_config_model *hrnet = bt_config_find(config, "hrnet");
    assert_int_equal(hrnet->run_rank_count, BT_CONFIG_RANKS);
    for (int i = 0; i < BT_CONFIG_RANKS; i++)
        assert_int_equal(hrnet->run_ranks[i], i);
    bt_config_close(&config);
}

/* The first instance that a run on `device` leaves. */
static bt_instance first_instance(const char *device, int instances, int threads, int *count) {
    bt_record *record = a_run("one", 1, 2);
    bt_config_model entry;
    snprintf(record->models[0].device, sizeof record->models[0].device, "%s", device);
    record->models[0].instances = instances;
    record->models[0].threads = threads;
    assert_int_equal(bt_config_model_open(&entry, record, &record->models[0], NULL), BT_OK);
    bt_instance first = entry.instances[0];
    *count = entry.instance_count;
    bt_config_model_close(&entry);
    bt_record_close(&record);
    return first;
}

static void instances_are_written_where_the_run_had_them(void **state) {
    (void)state;
    int count;
    assert_string_equal(first_instance("cuda:0 NVIDIA H100", 1, 0, &count).device, "cuda:0");
    assert_string_equal(first_instance("cpu: AMD EPYC", 1, 2, &count).device, "cpu");
    assert_string_equal(first_instance("", 1, 2, &count).device, "");
    assert_int_equal(count, 1);
    bt_instance one = first_instance("cpu: AMD EPYC", 16, 1000, &count); /* of a larger machine */
    assert_int_equal(count, 1);
    assert_int_equal(one.threads, 1000);
    const bt_cores cores = bt_cores_read();
    if (CPU_COUNT(&cores.mask) < 2) skip();
    one = first_instance("cpu: AMD EPYC", 2, 1, &count);
    assert_int_equal(count, 2);
    assert_int_equal(one.threads, 1);
    assert_true(one.cpus[0] != '\0');
    bt_record *record = a_run("one", 1, 2);
    record->models[0].instances = 2;
    record->models[0].threads = 1;
    bt_config *config = written(record, NULL);
    assert_string_equal(config->models[0].instances[0].cpus, one.cpus);
    assert_string_not_equal(config->models[0].instances[1].cpus, one.cpus);
    bt_config_close(&config);
}

static void the_weights_that_a_run_had_are_described(void **state) {
    (void)state;
    bt_record *record = a_run("one", 1, 2);
    json_t *json;
    bt_error error = {BT_OK, ""};
    put("net.pt", "a network");
    put("w.pth", "weights!");
    strcpy(record->models[0].model_file, "net.pt");
    strcpy(record->models[0].weights_path, "w.pth"); /* a model file has its own */
    strcpy(record->models[1].weights_path, "w.pth");
    record->models[1].device_memory = true;
    bt_config *config = written(record, NULL);
    const bt_config_model *hrnet = bt_config_find(config, "hrnet"),
                          *cbam = bt_config_find(config, "cbam_resunet");
    assert_string_equal(hrnet->model_file, "net.pt");
    assert_string_equal(hrnet->weights.path, "net.pt");
    assert_int_equal(hrnet->weights.size_bytes, 9);
    assert_string_equal(cbam->weights.path, "w.pth");
    assert_int_equal(cbam->weights.size_bytes, 8);
    assert_string_equal(hrnet->memory_kind, "process");
    assert_string_equal(cbam->memory_kind, "device");
    bt_config_close(&config);
    record = a_run("one", 1, 2);
    strcpy(record->models[1].weights_path, "gone.pth");
    assert_int_equal(bt_config_from_record(&json, record, NULL, &error), BT_IO);
    assert_non_null(strstr(error.message, "gone.pth: No such file"));
    assert_null(json);
    bt_record_close(&record);
}

static void tuning_one_model_leaves_the_others_as_they_are(void **state) {
    (void)state;
    bt_config *before = written(a_run("one", 1, 2), NULL);
    json_object_set_new(before->json, "_note", json_string("ask Ada before changing this"));
    json_object_set_new(before->json, "$schema", json_string("schema.json"));
    json_object_set_new(json_object_get(before->json, "configurations"), "$note", json_string("rolled out"));
    json_object_set_new(json_object_get(before->json, "configurations"), "_by", json_string("Ada"));
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
    assert_string_equal(json_string_value(json_object_get(after->json, "$schema")), "schema.json");
    assert_string_equal(json_string_value(entry_in(after->json, "$note")), "rolled out");
    assert_int_equal(after->model_count, 2); /* comments are no models */
    assert_true(bt_file_exists("config.json.bak"));
    json_decref(untouched);
    bt_config_close(&before);
    bt_config_close(&after);
}

/* A run of hrnet alone, under settings of its own. */
static bt_record *a_run_of_hrnet(const char *run_id, double p95_sla_ms) {
    bt_record *record = a_run(run_id, 1, 2);
    bt_settings *settings = &record->settings;
    record->model_count = 1;
    settings->p95_sla_ms = p95_sla_ms;
    settings->max_queue_delay_ms = 12;
    settings->max_queue_size = 7;
    settings->objective = BT_OBJECTIVE_LATENCY;
    settings->use_amp = false;
    snprintf(settings->backend, sizeof settings->backend, "plan");
    return record;
}

/* The config of that run over `before`. The record holds a second model that wants to be freed. */
static bt_config *merged(bt_record *record, const bt_config *before) {
    json_t *json;
    bt_error error;
    bt_config *config;
    if (bt_config_from_record(&json, record, before, &error)) fail_msg("%s", error.message);
    record->model_count = 2;
    bt_record_close(&record);
    if (bt_config_save(json, path, &error) || bt_config_load(&config, path, &error))
        fail_msg("%s", error.message);
    json_decref(json);
    return config;
}

/* Writes the document that `config` holds, changed by then, and reads it anew. */
static void reload(bt_config **config) {
    bt_error error;
    assert_int_equal(json_dump_file((*config)->json, path, 0), 0);
    bt_config_close(config);
    if (bt_config_load(config, path, &error)) fail_msg("%s", error.message);
}

/* The promise belongs to a model: tuning another changes nothing that this one runs by. */
static void an_entry_keeps_the_settings_that_it_was_tuned_under(void **state) {
    (void)state;
    bt_config *before = written(a_run("one", 1, 2), NULL);
    bt_config *after = merged(a_run_of_hrnet("two", 600), before);
    const bt_settings *hrnet = &bt_config_find(after, "hrnet")->settings;
    const bt_settings *cbam = &bt_config_find(after, "cbam_resunet")->settings;
    assert_true(hrnet->p95_sla_ms == 600 && cbam->p95_sla_ms == 250 && after->settings.p95_sla_ms == 600);
    assert_true(hrnet->max_queue_delay_ms == 12 && cbam->max_queue_delay_ms == 5);
    assert_int_equal(hrnet->max_queue_size, 7);
    assert_int_equal(cbam->max_queue_size, 100);
    assert_int_equal(hrnet->objective, BT_OBJECTIVE_LATENCY);
    assert_int_equal(cbam->objective, BT_OBJECTIVE_EFFICIENCY);
    assert_true(!hrnet->use_amp && cbam->use_amp);
    assert_string_equal(hrnet->backend, "plan");
    assert_string_equal(cbam->backend, "torch");
    bt_config_close(&before);
    bt_config_close(&after);
}

/* The precision that won, why, and how the others did; what ran on other cores is the record's alone. */
static void an_entry_says_in_which_precision_and_why(void **state) {
    (void)state;
    bt_record *record = a_run_of_hrnet("one", 250);
    bt_model_record *model = &record->models[0];
    strcpy(model->precision, "fp32");
    strcpy(model->precision_reason, "FP32 taken: BF16 runs at 0.61 of its speed here");
    strcpy(model->calibration, "hrnet.calibration.json");
    model->contender_count = 3;
    model->contenders[0] =
        (bt_contender){"fp32", false, 1, 2, 20, 50, 1, NAN, true, true, "", .promise = NAN};
    model->contenders[1] = (bt_contender){
        "bf16", true, 1, 2, 33, 30.5, 0.61, 0.998, true, false, "slower: 0.61", .promise = NAN};
    model->contenders[2] =
        (bt_contender){"fp32", false, 2, 1, 50, 40, 0.8, NAN, true, false, "slower: 0.80", .promise = NAN};
    bt_config *config = merged(record, NULL);
    const bt_config_model *hrnet = bt_config_find(config, "hrnet");
    assert_string_equal(hrnet->precision, "fp32");
    assert_string_equal(hrnet->precision_reason, "FP32 taken: BF16 runs at 0.61 of its speed here");
    assert_string_equal(hrnet->calibration, ""); /* which FP32 has no use for */
    assert_int_equal(hrnet->precision_count, 2);
    assert_string_equal(hrnet->precisions[0].precision, "fp32");
    assert_true(hrnet->precisions[0].ratio == 1 && isnan(hrnet->precisions[0].mask_iou));
    assert_string_equal(hrnet->precisions[1].precision, "bf16");
    assert_true(hrnet->precisions[1].ratio == 0.61 && hrnet->precisions[1].mask_iou == 0.998);
    assert_true(hrnet->precisions[1].channels_last);
    assert_string_equal(hrnet->precisions[1].why, "slower: 0.61");
    assert_false(hrnet->settings.use_channels_last); /* the layout that won is what it is served in */
    assert_int_equal(bt_config_model_precision(hrnet), BT_PRECISION_FP32);
    bt_config_close(&config);
}

static void an_int8_entry_has_its_calibration_beside_the_config(void **state) {
    (void)state;
    static const char kept[] = "kept/config.hrnet.calibration.json";
    bt_record *record = a_run_of_hrnet("one", 250);
    bt_model_record *model = &record->models[0];
    char name[BT_PATH_SIZE], *bytes;
    size_t size;
    bt_error error;
    bt_config_calibration_name(model->calibration, "kept/config.json", "hrnet");
    assert_string_equal(model->calibration, "config.hrnet.calibration.json");
    assert_int_equal(mkdir("run", 0755), 0);
    assert_int_equal(mkdir("kept", 0755), 0);
    must(bt_file_replace("run/config.hrnet.calibration.json", "ranges", 6, false, &error), &error);
    strcpy(model->precision, "bf16");
    must(bt_config_keep_calibrations(record, "run", "kept/config.json", &error), &error);
    assert_false(bt_file_exists(kept));
    strcpy(model->precision, "int8");
    must(bt_config_keep_calibrations(record, "run", "kept/config.json", &error), &error);
    must(bt_file_read(kept, 100, &bytes, &size, &error), &error);
    assert_string_equal(bytes, "ranges");
    free(bytes);
    bt_config *config = merged(record, NULL);
    const bt_config_model *hrnet = bt_config_find(config, "hrnet");
    must(bt_config_calibration_path(name, "kept/config.json", hrnet, &error), &error);
    assert_string_equal(name, kept);
    must(bt_config_calibration_path(name, "config.json", hrnet, &error), &error);
    assert_string_equal(name, "config.hrnet.calibration.json");
    bt_config_close(&config);
}

static void a_calibration_that_is_gone_is_named(void **state) {
    (void)state;
    bt_record *record = a_run_of_hrnet("one", 250);
    bt_error error;
    strcpy(record->models[0].precision, "int8");
    strcpy(record->models[0].calibration, "absent.calibration.json");
    assert_int_equal(bt_config_keep_calibrations(record, "run", "config.json", &error), BT_IO);
    assert_non_null(strstr(error.message, "run/absent.calibration.json"));
    record->model_count = 2; /* the second wants to be freed */
    bt_record_close(&record);
}

/* Entries of before name what they were measured in, which nobody had compared: that is as open as it was. */
static void an_entry_is_opened_in_what_won(void **state) {
    (void)state;
    static const struct {
        const char *named, *why, *asked;
        bt_precision opened;
    } cases[] = {
        {"bf16", NULL, NULL, BT_PRECISION_AUTO},           {"bf16", "raced", NULL, BT_PRECISION_BF16},
        {"int8", "raced", "fp32", BT_PRECISION_INT8},      {"baked", "raced", "auto", BT_PRECISION_AUTO},
        {"fp32", NULL, "bf16", BT_PRECISION_BF16},         {"auto", "raced", "bf16", BT_PRECISION_BF16},
        {"fp32", "raced", "auto-int8", BT_PRECISION_FP32}, {NULL, NULL, NULL, BT_PRECISION_AUTO}};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        bt_config *config = written(a_run("one", 1, 2), NULL);
        json_t *entry = entry_in(config->json, "hrnet"), *own = json_object_get(entry, "settings");
        json_object_set_new(entry, "precision", cases[i].named ? json_string(cases[i].named) : json_null());
        if (cases[i].why) json_object_set_new(entry, "precision_reason", json_string(cases[i].why));
        if (cases[i].asked)
            json_object_set_new(own, "precision", json_string(cases[i].asked));
        else
            json_object_del(own, "precision");
        reload(&config);
        const bt_config_model *hrnet = bt_config_find(config, "hrnet");
        assert_int_equal(bt_config_model_precision(hrnet), cases[i].opened);
        assert_true(!*hrnet->precision_reason == !cases[i].why && hrnet->precision_count == 0);
        bt_config_close(&config);
    }
}

static void an_entry_says_nothing_twice(void **state) {
    (void)state;
    static const char *const elsewhere[] = {"image_size", "weights", "device", "threads"};
    bt_config *config = written(a_run("one", 1, 2), NULL);
    const json_t *own = json_object_get(entry_in(config->json, "hrnet"), "settings");
    size_t count;
    (void)bt_settings_model_table(&count);
    for (size_t i = 0; i < sizeof elsewhere / sizeof *elsewhere; i++)
        if (json_object_get(own, elsewhere[i])) fail_msg("%s is there twice", elsewhere[i]);
    assert_int_equal(json_object_size(own), count - sizeof elsewhere / sizeof *elsewhere);
    bt_config_close(&config);
}

/* By hand or by an older batchtune: what an entry is silent about the file says, also once another run has
 * written its own settings there. */
static void an_entry_without_settings_keeps_those_of_its_file(void **state) {
    (void)state;
    static const char text[] =
        "{\"schema_version\": 1, \"workload\": \"cpu-demo\", \"settings\": {\"p95_sla_ms\": 80, "
        "\"max_queue_size\": 9, \"device\": \"cuda:1\", \"image_size\": 512, \"weights\": \"counter:5\", "
        "\"path\": \"plain\"}, \"configurations\": {\"mine\": {\"optimal_batch_size\": 8}, \"other\": "
        "{\"optimal_batch_size\": 2, \"settings\": {\"max_queue_size\": 3, \"_why\": \"small\"}}}}";
    bt_config *before;
    put(path, text);
    assert_int_equal(bt_config_load(&before, path, NULL), BT_OK);
    assert_true(bt_config_find(before, "mine")->settings.p95_sla_ms == 80);
    bt_config *after = merged(a_run_of_hrnet("two", 600), before);
    const bt_config_model *mine = bt_config_find(after, "mine"), *other = bt_config_find(after, "other");
    assert_true(mine->settings.p95_sla_ms == 80 && other->settings.p95_sla_ms == 80);
    assert_int_equal(mine->settings.max_queue_size, 9);
    assert_int_equal(other->settings.max_queue_size, 3);
    assert_int_equal(mine->settings.image_size, 512);
    assert_int_equal(mine->settings.path, before->settings.path);
    assert_string_equal(mine->settings.device, "cuda:1");
    assert_string_equal(mine->settings.weights, "counter:5");
    assert_string_equal(mine->workload, "cpu-demo");
    const json_t *own = json_object_get(entry_in(after->json, "other"), "settings");
    assert_string_equal(json_string_value(json_object_get(own, "_why")), "small");
    bt_config_close(&before);
    bt_config_close(&after);
}

/* Who changes the file's settings by hand changes them for entries that have none of their own. */
static void an_entrys_own_settings_win_over_the_files(void **state) {
    (void)state;
    bt_config *config = written(a_run("one", 1, 2), NULL);
    bt_config_here here = {.machine = config->machine, .now = "2026-01-31T13:00:00Z"};
    bt_config_check *check;
    json_object_set_new(json_object_get(config->json, "settings"), "p95_sla_ms", json_integer(40));
    json_object_del(entry_in(config->json, "cbam_resunet"), "settings");
    reload(&config);
    assert_true(bt_config_find(config, "hrnet")->settings.p95_sla_ms == 250);
    assert_true(bt_config_find(config, "cbam_resunet")->settings.p95_sla_ms == 40);
    assert_int_equal(bt_config_check_open(&check, config, &here, false, NULL), BT_OK);
    assert_string_equal(check->models[0].settings, "p95_sla_ms 250 (the file's 40)");
    assert_string_equal(check->models[1].settings, "");
    bt_config_check_close(&check);
    bt_config_close(&config);
}

static void a_choice_that_was_not_shown_is_provisional(void **state) {
    (void)state;
    static const char why[] = "P95 is 3.0 ms under the SLA; 40 samples do not prove it";
    bt_record *record = a_run("one", 1, 2);
    record->models[0].meets_sla = record->models[1].meets_sla = false;
    record->models[0].points[1].outcome = BT_OUTCOME_UNDECIDED;
    record->models[1].points[2].outcome = BT_OUTCOME_OVER_SLA; /* which was shown */
    strcpy(record->models[0].points[1].why, why);
    bt_config *config = written(record, NULL);
    const bt_config_model *hrnet = bt_config_find(config, "hrnet");
    assert_true(hrnet->provisional && hrnet->measured && !hrnet->meets_sla);
    assert_string_equal(hrnet->reason, why);
    assert_int_equal(hrnet->optimal_batch_size, 4);
    assert_true(json_is_true(json_object_get(entry_in(config->json, "hrnet"), "provisional")));
    assert_false(bt_config_find(config, "cbam_resunet")->provisional);
    assert_null(json_object_get(entry_in(config->json, "cbam_resunet"), "provisional"));
    json_object_del(entry_in(config->json, "hrnet"), "provisional"); /* as an older file */
    reload(&config);
    assert_true(bt_config_find(config, "hrnet")->provisional);
    json_object_set_new(entry_in(config->json, "hrnet"), "optimal_batch_size", json_integer(8));
    reload(&config);
    hrnet = bt_config_find(config, "hrnet"); /* another size by hand, which was shown */
    assert_true(!hrnet->provisional && hrnet->edited && hrnet->meets_sla);
    assert_string_equal(hrnet->reason, "");
    bt_config_close(&config);
}

/* A run in which hrnet came to nothing. */
static bt_record *a_run_without_hrnet(const char *run_id) {
    bt_record *record = a_run(run_id, -1, 1);
    strcpy(record->models[0].points[0].why, "the worker died");
    strcpy(record->models[0].points[1].why, "not tried");
    return record;
}

static void a_model_that_could_not_be_measured_does_not_vanish(void **state) {
    (void)state;
    bt_config *config = written(a_run_without_hrnet("one"), NULL);
    const bt_config_model *hrnet = bt_config_find(config, "hrnet");
    assert_int_equal(config->model_count, 2);
    assert_true(hrnet->unmeasurable && !hrnet->measured && !hrnet->meets_sla && !hrnet->provisional);
    assert_string_equal(hrnet->reason, "batch 1: the worker died");
    assert_int_equal(hrnet->optimal_batch_size, 1);
    assert_true(isnan(hrnet->p95_latency_ms));
    assert_int_equal(hrnet->point_count, 0);
    assert_true(hrnet->settings.p95_sla_ms == 250);
    bt_config *after = written(a_run("two", 1, -1), config); /* which measures it, and not the other */
    hrnet = bt_config_find(after, "hrnet");
    assert_true(!hrnet->unmeasurable && hrnet->measured);
    assert_string_equal(bt_config_find(after, "cbam_resunet")->run_id, "one");
    bt_config *last = written(a_run_without_hrnet("three"), after);
    hrnet = bt_config_find(last, "hrnet"); /* what was measured is kept */
    assert_true(!hrnet->unmeasurable && hrnet->measured);
    assert_string_equal(hrnet->run_id, "two");
    bt_config_close(&config);
    bt_config_close(&after);
    bt_config_close(&last);
}

static void a_run_that_measured_nothing_changes_nothing(void **state) {
    (void)state;
    bt_config *before = written(a_run("one", 1, 2), NULL);
    bt_record *record = a_run("two", -1, -1);
    json_t *json;
    assert_int_equal(bt_config_from_record(&json, record, before, NULL), BT_OK);
    assert_true(json_equal(json, before->json));
    json_decref(json);
    bt_record_close(&record);
    bt_config_close(&before);
}

/* ---- what may take whose place ---- */

static void figures_that_say_less_take_no_entrys_place(void **state) {
    (void)state;
    static const struct {
        const char *old;
        int old_size;
        const char *now;
        int size;
        bool may;
    } cases[] = {
        {"production", 1024, "simulated", 1024, false},
        {"production", 1024, "cpu-demo", 128, false},
        {"cpu-demo", 128, "simulated", 128, false},
        {"cpu-demo", 1024, "cpu-demo", 128, false},
        {"", 128, "cpu-demo", 128, false}, /* measured, and who knows what as */
        {"production", 1024, "production", 256, true},
        {"production", 1024, "cpu-demo", 1024, true},
        {"cpu-demo", 128, "cpu-demo", 128, true},
        {"cpu-demo", 128, "production", 1024, true},
        {"simulated", 1024, "simulated", 128, true},
        {"simulated", 128, "cpu-demo", 128, true},
    };
    bt_config *before = written(a_run("one", 1, 2), NULL);
    const bt_names models = {.count = 2, .names = {"hrnet", "unet"}},
                   others = {.count = 1, .names = {"unet"}};
    bt_config_model *hrnet = &before->models[0];
    bt_error error;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        const char *now = cases[i].now;
        strcpy(hrnet->workload, cases[i].old);
        hrnet->image_size = cases[i].old_size;
        bt_status status = bt_config_check_replace(before, "", &models, now, cases[i].size, &error);
        if (status != (cases[i].may ? BT_OK : BT_INVALID))
            fail_msg("%s at %d over %s at %d", now, cases[i].size, cases[i].old, cases[i].old_size);
        assert_int_equal(bt_config_check_replace(before, "", &others, now, 1, &error), BT_OK);
        int points = hrnet->point_count;
        hrnet->point_count = 0; /* nothing is lost */
        assert_int_equal(bt_config_check_replace(before, "", &models, now, 1, &error), BT_OK);
        hrnet->point_count = points;
        hrnet->measured = false; /* set by hand to a size without figures: the others have theirs */
        assert_int_equal(bt_config_check_replace(before, "", &models, now, cases[i].size, &error), status);
        hrnet->measured = true;
    }
    hrnet->image_size = 1024;
    strcpy(hrnet->workload, "production");
    assert_int_equal(bt_config_check_replace(before, "c.json", &models, "simulated", 9, &error), BT_INVALID);
    assert_string_equal(
        error.message,
        "c.json: hrnet was measured there in production (1024 px on cpu, "
        "2026-01-31T12:34:56Z), and a simulation at 9 px says less: write to another file with "
        "--output, or --force replaces it");
    assert_int_equal(bt_config_check_replace(NULL, "", &models, "simulated", 128, &error), BT_OK);
    bt_config_close(&before);
}

/* An older file says once, for the latest run, what all of its figures are of. */
static void entries_of_older_files_are_what_their_backend_says(void **state) {
    (void)state;
    static const struct {
        const char *run_id, *runtime, *device, *workload;
    } cases[] = {
        {"one", "torch 2.15.0", "cpu", "cpu-demo"},
        {"zero", "torch 2.15.0", "cpu", "cpu-demo"},
        {"zero", "torch 2.15.0", "cuda:0", "production"},
        {"zero", "sim", "simulated", "simulated"},
        {"zero", "", "cuda:0", "cpu-demo"},
        {"", "sim", "simulated", "cpu-demo"},
    };
    bt_config *config = written(a_run("one", 1, 2), NULL);
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        json_t *entry = entry_in(config->json, "hrnet");
        json_object_del(entry, "workload");
        json_object_set_new(entry, "run_id", json_string(cases[i].run_id));
        json_object_set_new(entry, "runtime", json_string(cases[i].runtime));
        json_object_set_new(json_array_get(json_object_get(entry, "instances"), 0), "device",
                            json_string(cases[i].device));
        reload(&config);
        assert_string_equal(bt_config_find(config, "hrnet")->workload, cases[i].workload);
    }
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
    record->models[0].chosen = -1;
    strcpy(record->models[0].points[0].why, "the worker died");
    assert_int_equal(bt_config_changes(before, record, lines), 2);
    assert_string_equal(
        lines[0], "hrnet: could not be measured (batch 1: the worker died); its entry of before is kept");
    assert_string_equal(lines[1], "unet: new, batch 4, P95 44.0 ms, 104.0 img/s");
    assert_int_equal(bt_config_changes(NULL, record, lines), 1);
    assert_string_equal(lines[0],
                        "hrnet: could not be measured (batch 1: the worker died); its entry says so, "
                        "and no service takes it");
    bt_record_close(&record);
    assert_int_equal(bt_record_open(&record, 9, NULL), BT_OK);
    for (int i = 0; i < 9; i++) {
        char name[8];
        snprintf(name, sizeof name, "m%d", i);
        fill_model(&record->models[i], name, 0);
    }
    assert_int_equal(bt_config_changes(before, record, lines), 8); /* as many as a record has room for */
    assert_string_equal(lines[7], "m7: new, batch 1, P95 11.0 ms, 101.0 img/s");
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

/* A document whose entry of HRNet says otherwise of `key`; `value` is taken. */
static json_t *a_document_with(const char *key, json_t *value) {
    json_t *json = a_document();
    json_object_set_new(entry_in(json, "hrnet"), key, value);
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
    bt_config *config = loaded(a_document_with("optimal_batch_size", json_integer(6)));
    const bt_config_model *model = bt_config_find(config, "hrnet");
    assert_int_equal(model->optimal_batch_size, 6);
    assert_false(model->measured);
    assert_true(model->edited);
    assert_false(model->meets_sla);
    assert_true(isnan(model->p95_latency_ms)); /* the 44 ms in the file are batch size 4's */
    bt_record *record = a_run("two", 2, 1);
    char lines[8][BT_TEXT_SIZE];
    assert_int_equal(bt_config_changes(config, record, lines), 2);
    assert_string_equal(lines[0], "hrnet: batch 6 -> 8, P95 unmeasured -> 88.0 ms, 108.0 img/s");
    bt_record_close(&record);
    bt_config_close(&config);
}

static void another_measured_batch_size_has_its_own_figures(void **state) {
    (void)state;
    bt_config *config = loaded(a_document_with("optimal_batch_size", json_integer(8)));
    const bt_config_model *model = bt_config_find(config, "hrnet");
    assert_true(model->measured && model->edited && model->meets_sla);
    assert_true(model->p95_latency_ms == 88);
    bt_config_close(&config);
    config = loaded(a_document_with("p95_latency_ms", json_null())); /* crossed out */
    assert_true(config->models[0].edited && config->models[0].p95_latency_ms == 44);
    bt_config_close(&config);
}

static void a_model_that_nobody_tuned_has_a_config_of_defaults(void **state) {
    (void)state;
    bt_config *config;
    bt_error error = {BT_OK, ""};
    assert_int_equal(bt_config_untuned(&config, "hrnet", &error), BT_OK);
    assert_int_equal(config->model_count, 1);
    assert_int_equal(bt_config_find(config, "hrnet")->optimal_batch_size, 1);
    assert_false(bt_config_find(config, "hrnet")->measured);
    assert_true(config->settings.p95_sla_ms == 100 && config->machine.cores >= 1);
    bt_config_close(&config);
    assert_int_equal(bt_config_untuned(&config, "caf\xe9", &error), BT_PARSE);
    assert_string_equal(error.message, "a model's name is UTF-8");
    assert_null(config);
    assert_int_equal(bt_config_untuned(&config, "", &error), BT_PARSE);
    assert_non_null(strstr(error.message, "a model's name has 1 to"));
    assert_null(config);
    bt_config_close(NULL);
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
    bt_config *config = loaded(a_document_with("capacity_rps", json_real(61.5)));
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
    expect_refusal(a_document_with("optimal_batchsize", json_integer(4)), BT_PARSE, "configurations.hrnet",
                   "did you mean \"optimal_batch_size\"?");
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
    expect_refusal(a_document_with("optimal_batch_size", json_string("4")), BT_PARSE, "configurations.hrnet",
                   "optimal_batch_size is text");
    expect_refusal(a_document_with("optimal_batch_size", json_integer(0)), BT_PARSE, "configurations.hrnet",
                   "optimal_batch_size is 0, below 1");
    json_t *json = a_document();
    json_object_del(entry_in(json, "hrnet"), "optimal_batch_size");
    expect_refusal(json, BT_PARSE, "configurations.hrnet", "optimal_batch_size is missing");
    json = a_document();
    json_object_set_new(json_object_get(json, "configurations"), "hrnet", json_integer(4));
    expect_refusal(json, BT_PARSE, "configurations.hrnet", "is not an object");
    json = a_document();
    json_object_set_new(json_object_get(json, "settings"), "memory_reserve_percent", json_integer(101));
    expect_refusal(json, BT_PARSE, "settings", "memory_reserve_percent");
    expect_refusal(a_document_with("run_ranks", json_pack("[i, i]", 0, 1)), BT_PARSE, "configurations.hrnet",
                   "run_ranks has 2 numbers, at most 256, and block_runs is 0");
    expect_refusal(a_document_with("idle_gap_ms", json_pack("[i, i]", 0, 20)), BT_PARSE,
                   "configurations.hrnet", "idle_gap_ms has 2 numbers, idle_extra_ms 0");
    json = a_document_with("idle_gap_ms", json_pack("[i, i]", 20, 20));
    json_object_set_new(entry_in(json, "hrnet"), "idle_extra_ms", json_pack("[i, i]", 0, 1));
    expect_refusal(json, BT_PARSE, "configurations.hrnet", "idle_gap_ms does not ascend at [1]");
    expect_refusal(a_document_with("neighbours", json_pack("[{s:s}]", "model", "hrnet")), BT_PARSE,
                   "configurations.hrnet", "hrnet is no neighbour");
    expect_refusal(
        a_document_with("neighbours", json_pack("[{s:s}, {s:s}]", "model", "other", "model", "other")),
        BT_PARSE, "neighbours[1]", "other is no neighbour, or told twice");
    expect_refusal(
        a_document_with("neighbours", json_pack("[{s:s, s:f}]", "model", "other", "slowdown", 1.5)), BT_PARSE,
        "neighbours[0]", "slowdown without a number of runs beside");
    expect_refusal(a_document_with("neighbours", json_pack("[{s:s, s:i}]", "model", "other", "slow", 2)),
                   BT_PARSE, "neighbours[0]", "slow");
    static const int wrong_ranks[][2] = {{0, 0}, {0, 2}, {-1, 0}};
    for (int i = 0; i < 3; i++) {
        json = a_document_with("block_runs", json_integer(2));
        json_object_set_new(entry_in(json, "hrnet"), "run_ranks",
                            json_pack("[i, i]", wrong_ranks[i][0], wrong_ranks[i][1]));
        expect_refusal(json, BT_PARSE, "configurations.hrnet", "is none of 0 to 1, each once");
    }
    expect_refusal(a_document_with("instances", json_array()), BT_PARSE, "configurations.hrnet",
                   "instances has 0 items");
    json = a_document();
    json_object_del(json, "configurations");
    expect_refusal(json, BT_PARSE, path, "configurations is missing");
    json = a_document();
    json_object_set_new(json, "schema_version", json_integer(2));
    expect_refusal(json, BT_UNSUPPORTED, "newer batchtune", "schema_version 2");
}

static void more_than_there_is_room_for_is_refused(void **state) {
    (void)state;
    json_t *json = a_document();
    json_t *instances = json_object_get(entry_in(json, "hrnet"), "instances");
    while (json_array_size(instances) <= BT_INSTANCES_MAX)
        json_array_append_new(instances, json_object());
    expect_refusal(json, BT_PARSE, "configurations.hrnet", "instances has 17 items; 1 to 16 are wanted");
    json = a_document();
    json_t *points = json_object_get(entry_in(json, "hrnet"), "points");
    json_array_append(points, json_array_get(points, 0));
    expect_refusal(json, BT_PARSE, "configurations.hrnet.points[3]", "batch_size 1 does not come after");
    json = a_document();
    points = json_object_get(entry_in(json, "hrnet"), "points");
    while (json_array_size(points) <= BT_BATCH_MAX)
        json_array_append_new(points, json_null());
    expect_refusal(json, BT_PARSE, "configurations.hrnet", "points has 65537 items, at most 65536");
    json = a_document();
    for (int i = 0; i < 64; i++) {
        char name[16];
        snprintf(name, sizeof name, "m%d", i);
        json_object_set_new(json_object_get(json, "configurations"), name, json_object());
    }
    expect_refusal(json, BT_PARSE, "configurations", "has 66 models, at most 64");
    json = a_document();
    char longest[BT_NAME_SIZE + 1];
    memset(longest, 'n', BT_NAME_SIZE);
    longest[BT_NAME_SIZE] = '\0';
    json_object_set_new(json_object_get(json, "configurations"), longest, json_object());
    expect_refusal(json, BT_PARSE, "configurations.nnn", "a model's name has 1 to");
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
        if (status != BT_OK && (!strstr(error.message, path) || strchr(error.message, '\n')))
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
        if (status != BT_OK && (status != BT_NO_MEMORY || json || !*error.message))
            fail_msg("allocation %ld: %s", allowed, error.message);
        json_decref(json);
        if (allowed > 100000) fail_msg("never enough memory");
    }
    assert_true(allowed > 100); /* the failures were real ones */
    bt_config_close(&before);
    bt_record_close(&record);
}

/* ---- weights files ---- */

static void weights_are_recognised(void **state) {
    (void)state;
    bt_config_weights weights = {.source = "demo"};
    char said[512];
    assert_true(bt_config_weights_check(&weights, true, said, sizeof said));
    assert_string_equal(said, "built in, no file to compare");
    strcpy(weights.source, "none"); /* a simulation has none */
    assert_true(bt_config_weights_check(&weights, true, said, sizeof said));
    assert_string_equal(said, "nothing to compare");
    weights.source[0] = '\0';
    assert_true(bt_config_weights_check(&weights, true, said, sizeof said));
    assert_string_equal(said, "nothing to compare");
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

/* A file of `size` bytes, all of them 'w' but the last. */
static void put_large(size_t size, char last) {
    char *text = malloc(size + 1);
    assert_non_null(text);
    memset(text, 'w', size);
    text[size - 1] = last;
    text[size] = '\0';
    put(path, text);
    free(text);
}

static void a_look_at_the_header_says_what_it_left_out(void **state) {
    (void)state;
    bt_config_weights weights = {.source = "w"};
    char said[512];
    struct stat about;
    put_large(200000, 'a');
    assert_int_equal(bt_config_weights_describe(&weights, path, NULL), BT_OK);
    assert_int_equal(weights.size_bytes, 200000);
    assert_int_equal(stat(path, &about), 0);
    put_large(200000, 'b');
    assert_int_equal(utime(path, &(struct utimbuf){about.st_mtime, about.st_mtime}), 0);
    assert_true(bt_config_weights_check(&weights, false, said, sizeof said));
    assert_non_null(strstr(said, "the same size, time and header"));
    assert_false(bt_config_weights_check(&weights, true, said, sizeof said));
    assert_non_null(strstr(said, "the same size, but other contents"));
    put_large(200000, 'a');
    assert_int_equal(utime(path, &(struct utimbuf){86400, 86400}), 0);
    assert_false(bt_config_weights_check(&weights, false, said, sizeof said));
    assert_non_null(strstr(said, "written anew at 1970-01-02T00:00:00Z; --verify compares all of it"));
    assert_true(bt_config_weights_check(&weights, true, said, sizeof said));
    unlink(path);
}

/* A checkpoint in several files is known by all of them, wherever in a file the network lies. */
static void weights_in_several_files_are_recognised(void **state) {
    (void)state;
    bt_config_weights weights = {.source = "model.index.json:ema"};
    char said[512];
    put("one.bin", "the first part");
    put("two.bin", "the second part");
    put("model.index.json", "{\"weight_map\": {\"a\": \"one.bin\", \"b\": \"two.bin\", \"c\": \"one.bin\"}}");
    assert_int_equal(bt_config_weights_describe(&weights, "model.index.json:ema", NULL), BT_OK);
    assert_string_equal(weights.path, "model.index.json:ema");
    assert_int_equal(weights.size_bytes, 64 + 14 + 15);
    assert_true(bt_config_weights_check(&weights, true, said, sizeof said));
    put("two.bin", "the second Part");
    assert_false(bt_config_weights_check(&weights, true, said, sizeof said));
    assert_non_null(strstr(said, "the same size, but other contents"));
    assert_int_equal(unlink("one.bin"), 0);
    assert_false(bt_config_weights_check(&weights, true, said, sizeof said));
    assert_non_null(strstr(said, "one.bin"));
}

static void weights_that_cannot_be_read_are_named(void **state) {
    (void)state;
    bt_config_weights weights;
    bt_error error = {BT_OK, ""};
    char deep[BT_PATH_SIZE + 64] = "";
    assert_int_equal(mkdir("w-2.pt2", 0700), 0);
    put("w-4.pt2", "four");
    assert_int_equal(bt_config_weights_describe(&weights, "w-2.pt2", &error), BT_IO);
    assert_string_equal(error.message, "w-2.pt2: is a folder, not a file");
    assert_int_equal(bt_config_weights_describe(&weights, "w-{batch}.pt2", &error), BT_IO);
    assert_string_equal(error.message, "w-2.pt2: is a folder, not a file");
    assert_int_equal(bt_config_weights_describe(&weights, "nowhere/w-{batch}.pt2", &error), BT_IO);
    assert_non_null(strstr(error.message, "nowhere/: No such file"));
    /* The folder's name has room, the file's has not. */
    for (size_t used = 0; used < BT_PATH_SIZE - 4; used += 2)
        memcpy(deep + used, "./", 3);
    strcat(deep, "w-{batch}.pt2");
    assert_int_equal(bt_config_weights_describe(&weights, deep, &error), BT_INVALID);
    assert_non_null(strstr(error.message, "the path is too long"));
}

/* ---- does it still fit? ---- */

static void ages_are_whole_days_or_unknown(void **state) {
    (void)state;
    static const struct {
        const char *from, *to;
        int days;
    } ages[] = {
        {"2026-01-31T12:00:00Z", "2026-02-01T12:00:00Z", 1},
        {"2026-01-31T12:00:00Z", "2026-02-01T11:59:59Z", 0},
        {"2026-01-31T12:00:00", "2026-02-02T12:00:00Z", 2}, /* UTC with or without saying so */
        {"2026-02-01T12:00:00Z", "2026-01-31T13:00:00Z", -1},
        {"2026-01-31T12:00:00+01:00", "2026-02-02T12:00:00Z", BT_AGE_UNKNOWN},
        {"soon", "2026-02-02T12:00:00Z", BT_AGE_UNKNOWN},
        {"2026-01-31T12:00:00Z", "", BT_AGE_UNKNOWN},
        {"0001-01-01T00:00:00Z", "9999-01-01T00:00:00Z", BT_AGE_UNKNOWN},
    };
    for (size_t i = 0; i < sizeof ages / sizeof *ages; i++) {
        int days = bt_days_between(ages[i].from, ages[i].to);
        if (days != ages[i].days) fail_msg("%s to %s: %d days", ages[i].from, ages[i].to, days);
    }
}

static void libtorch_is_the_one_that_was_noted_down(void **state) {
    (void)state;
    bt_config_here here;
    bt_config_here_read(&here, "absent");
    assert_string_equal(here.subject.runtime, "");
    put("torch.stamp", "\n");
    bt_config_here_read(&here, "torch.stamp");
    assert_string_equal(here.subject.runtime, "");
    put("torch.stamp", "2.15.0+cpu fetched /somewhere\n");
    bt_config_here_read(&here, "torch.stamp");
    assert_string_equal(here.subject.runtime, "torch 2.15.0+cpu");
    assert_int_equal(bt_days_between(here.now, here.now), 0);
}

/* What is not known of a file is not called different. */
static void a_config_is_compared_by_what_it_says(void **state) {
    (void)state;
    bt_config_here here = {.now = "2026-03-02T12:34:56Z", .subject = {.runtime = "torch 2.15.0"}};
    bt_config *config = written(a_run("one", 1, 2), NULL);
    bt_config_check *check;
    here.machine = config->machine;
    config->subject = (bt_subject){.runtime = "torch 2.15.0+cu132"}; /* alone */
    strcpy(config->models[0].machine_fingerprint, "another");
    strcpy(config->models[1].generated_at, "2026-03-01T12:34:56Z");
    assert_int_equal(bt_config_check_open(&check, config, &here, false, NULL), BT_OK);
    assert_true(check->machine_known && check->machine_same);
    assert_true(check->software_known && check->software_same && check->runtime_checked);
    assert_int_equal(check->age_days, 30);
    assert_int_equal(check->models[0].age_days, 30);
    assert_int_equal(check->models[1].age_days, 1);
    assert_true(check->models[0].other_machine && !check->models[1].other_machine);
    assert_string_equal(check->settings, "p95_sla_ms 250 (default 100)");
    bt_config_check_close(&check);
    assert_null(check);
    config->machine = (bt_machine){.cores = 99};
    config->subject = (bt_subject){.runtime = ""};
    assert_int_equal(bt_config_check_open(&check, config, &here, false, NULL), BT_OK);
    assert_false(check->machine_known || check->machine_same || check->software_known);
    assert_false(check->models[0].other_machine);
    assert_string_equal(check->machine, "");
    bt_config_check_close(&check);
    bt_config_check_close(&check);
    bt_config_check_close(NULL);
    bt_config_close(&config);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_run_is_read_back_from_its_config),
        cmocka_unit_test(what_can_be_served_is_written),
        cmocka_unit_test(the_entry_of_a_run_is_the_one_that_is_read_back),
        cmocka_unit_test(a_model_without_a_choice_has_no_entry_to_open),
        cmocka_unit_test(the_first_four_keys_are_what_other_programs_read),
        cmocka_unit_test(service_times_are_kept_as_quantiles),
        cmocka_unit_test(what_a_lane_does_around_a_run_is_kept_too),
        cmocka_unit_test(the_order_of_runs_is_kept_as_ranks),
        cmocka_unit_test(what_a_pause_costs_is_kept),
        cmocka_unit_test(what_neighbours_cost_is_kept),
        cmocka_unit_test(of_a_long_order_whole_stretches_are_kept),
        cmocka_unit_test(instances_are_written_where_the_run_had_them),
        cmocka_unit_test(the_weights_that_a_run_had_are_described),
        cmocka_unit_test(tuning_one_model_leaves_the_others_as_they_are),
        cmocka_unit_test(an_entry_keeps_the_settings_that_it_was_tuned_under),
        cmocka_unit_test(an_entry_says_in_which_precision_and_why),
        cmocka_unit_test(an_int8_entry_has_its_calibration_beside_the_config),
        cmocka_unit_test(a_calibration_that_is_gone_is_named),
        cmocka_unit_test(an_entry_is_opened_in_what_won),
        cmocka_unit_test(an_entry_says_nothing_twice),
        cmocka_unit_test(an_entry_without_settings_keeps_those_of_its_file),
        cmocka_unit_test(an_entrys_own_settings_win_over_the_files),
        cmocka_unit_test(a_choice_that_was_not_shown_is_provisional),
        cmocka_unit_test(a_model_that_could_not_be_measured_does_not_vanish),
        cmocka_unit_test(a_run_that_measured_nothing_changes_nothing),
        cmocka_unit_test(figures_that_say_less_take_no_entrys_place),
        cmocka_unit_test(entries_of_older_files_are_what_their_backend_says),
        cmocka_unit_test(changes_are_told_in_a_line_a_model),
        cmocka_unit_test(an_unmeasured_batch_size_is_honoured_and_marked),
        cmocka_unit_test(another_measured_batch_size_has_its_own_figures),
        cmocka_unit_test(a_model_that_nobody_tuned_has_a_config_of_defaults),
        cmocka_unit_test(a_file_of_the_four_keys_alone_is_read),
        cmocka_unit_test(later_keys_are_taken_when_they_are_there),
        cmocka_unit_test(misspelt_keys_are_named_with_what_was_meant),
        cmocka_unit_test(wrong_values_are_named),
        cmocka_unit_test(more_than_there_is_room_for_is_refused),
        cmocka_unit_test(broken_files_never_crash),
        cmocka_unit_test(writing_survives_any_failed_allocation),
        cmocka_unit_test(weights_are_recognised),
        cmocka_unit_test(a_look_at_the_header_says_what_it_left_out),
        cmocka_unit_test(weights_in_several_files_are_recognised),
        cmocka_unit_test(weights_that_cannot_be_read_are_named),
        cmocka_unit_test(ages_are_whole_days_or_unknown),
        cmocka_unit_test(libtorch_is_the_one_that_was_noted_down),
        cmocka_unit_test(a_config_is_compared_by_what_it_says),
    };
    return cmocka_run_group_tests_name("record-config", tests, bt_scratch_enter, bt_scratch_leave);
}
