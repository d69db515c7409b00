/* Memory that runs out at any moment is one clear error, and nothing is lost: the n-th allocation of each
 * module fails, for every n. BATCHTUNE_ONLY=documents tries that part alone. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
/* cmocka wants the four above first */
#include <cmocka.h>
#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "backend/backend.h"
#include "base/canary.h"
#include "base/files.h"
#include "base/json.h"
#include "base/log.h"
#include "batching/batcher.h"
#include "faults.h"
#include "fixture-load-record.h"
#include "fixture-record.h"
#include "gate/collect.h"
#include "gate/compare.h"
#include "gate/judge.h"
#include "image/decode.h"
#include "image/spheroids.h"
#include "load/generator.h"
#include "load/schedule.h"
#include "made-up-machine.h"
#include "measure/bootstrap.h"
#include "measure/histogram.h"
#include "measure/slowdown.h"
#include "measure/summary.h"
#include "networks/checkpoint-open.h"
#include "networks/weights.h"
#include "plan/arena.h"
#include "prove/predict.h"
#include "prove/sum.h"
#include "record/config-check.h"
#include "record/gate-verdict.h"
#include "report/config.h"
#include "report/gate.h"
#include "report/load.h"
#include "report/results-index.h"
#include "report/sweep-plots.h"
#include "report/sweep-publish.h"
#include "scratch.h"
#include "settings/load-test.h"
#include "simulate/capacity.h"
#include "tune/journal.h"
#include "tune/run.h"
#include "tune/score.h"
#include "tune/sweep.h"

/* What the acts work on, made once, with plenty of memory. */
static bt_record *record;
static bt_load_record *load;
static bt_config *config;
static bt_gate_record *gate;
static bt_gate_verdict *verdict;
static const bt_config_model *hrnet;
static char began_in[BT_PATH_SIZE / 2];

#define OK       (1u << BT_OK)
#define COUNT(a) (sizeof(a) / sizeof *(a))

static void must(bt_status status, const bt_error *error) {
    if (status != BT_OK) fail_msg("set-up: %s", error->message);
}

static void write_bytes(const char *path, const void *bytes, size_t size) {
    bt_error error;
    must(bt_file_replace(path, bytes, size, false, &error), &error);
}

static void write_text(const char *path, const char *text) {
    write_bytes(path, text, strlen(text));
}

/* The shortest of safetensors: one tensor of two numbers. */
static void write_safetensors(void) {
    static const char header[] = "{\"a\":{\"dtype\":\"F32\",\"shape\":[2],\"data_offsets\":[0,8]}}";
    char file[8 + sizeof header - 1 + 8] = {sizeof header - 1};
    memcpy(file + 8, header, sizeof header - 1);
    write_bytes("a.safetensors", file, sizeof file);
}

/* Two turns of one metric, another's one run, a promise; and what was decided of them. */
static void make_gate(void) {
    static const double samples[] = {3, 1, 2};
    static const bt_gate_promise promise = {"hrnet/sla", BT_GATE_MET, 250, "128 px", "1 thread"};
    static const bt_gate_kept kept = {"hrnet/sla", "met", "broken", 250, 250, BT_GATE_SLOWER, "newly broken"};
    bt_error error;
    must(bt_gate_record_open(&gate, &error), &error);
    bt_gate_series *series = bt_gate_series_add(gate, "a", "ns", "x", 0.5);
    must(bt_gate_samples_add(series, samples, 3, true, &error), &error);
    must(bt_gate_samples_add(series, samples, 2, true, &error), &error);
    series = bt_gate_series_add(gate, "b", "ms", "y", 0.95);
    must(bt_gate_samples_add(series, samples, 3, false, &error), &error);
    must(bt_gate_promise_add(gate, &promise, &error), &error);
    must(bt_gate_record_save(gate, "gate.json", &error), &error);
    must(bt_gate_verdict_open(&verdict, &error), &error);
    bt_gate_row *row = bt_gate_row_add(verdict, "a", "ns", "x", 0.5);
    must(bt_gate_row_value(row, false, 3, &error), &error);
    must(bt_gate_row_value(row, true, 2, &error), &error);
    must(bt_gate_kept_add(verdict, &kept, &error), &error);
    must(bt_gate_verdict_save(verdict, "verdict.json", &error), &error);
}

/* A run with a bit of everything that a file holds. */
static void make_record(void) {
    record = fixture_record();
    record->models[0].divisions[record->models[0].division_count++] = (bt_division){2, 1, 3.5, 7};
    record->sources.of[0] = BT_SOURCE_PROFILE;
    strcpy(record->images, "caf\xe9"); /* no UTF-8: it is written from a copy */
}

static int set_up(void **state) {
    bt_error error;
    json_t *json;
    if (!getcwd(began_in, sizeof began_in) || bt_scratch_enter(state)) return -1;
    make_record();
    make_gate();
    load = fixture_load_record();
    must(bt_record_save(record, "record.json", &error), &error);
    must(bt_load_record_save(load, "load.json", &error), &error);
    must(bt_config_from_record(&json, record, NULL, &error), &error);
    must(bt_config_save(json, "config.json", &error), &error);
    json_decref(json);
    must(bt_config_load(&config, "config.json", &error), &error);
    json_object_set_new(config->json, "_note", json_string("kept"));
    hrnet = bt_config_find(config, "hrnet");
    write_text("journal.jsonl", "{\"run\":{\"device\":\"cpu\"}}\n{\"n\":1}\n{\"n\":2}\n{\"n\":");
    write_text("settings.json", "{\"p95_sla_ms\": 50, \"batches\": [1, 2], \"models\": \"hrnet\"}");
    write_text("trace.txt", "0\n0.5\n0.75\n");
    write_safetensors();
    return 0;
}

static int tear_down(void **state) {
    bt_config_close(&config);
    bt_record_close(&record);
    bt_load_record_close(&load);
    bt_gate_record_close(&gate);
    bt_gate_verdict_close(&verdict);
    print_message("# %ld failures planted\n", faults_struck());
    return bt_scratch_leave(state);
}

static void all_of(int calls, const fault_act *acts, size_t count) {
    for (size_t i = 0; i < count; i++)
        for (int lasting = 0; lasting < 2; lasting++)
            faults_each(&acts[i], &(fault){.calls = calls, .lasting = lasting}, BT_NO_MEMORY);
}

static void all(const fault_act *acts, size_t count) {
    all_of(FAULT_MEMORY, acts, count);
}

/* ---- base -------------------------------------------------------------------- */

static bt_status read_file(bt_error *error) {
    char *text = NULL;
    size_t size;
    bt_status status = bt_file_read("record.json", 1 << 24, &text, &size, error);
    free(text);
    return status;
}

static bt_status replace_file(bt_error *error) {
    return bt_file_replace("replaced.txt", "new", 3, true, error);
}

static bt_status take_lock(bt_error *error) {
    bt_lock *lock = NULL;
    bt_status status = bt_lock_open(&lock, "lock", error);
    bt_lock_close(&lock);
    return status;
}

static bt_status open_log(bt_error *error) {
    bt_log *log;
    bt_status status = bt_log_open(&log, NULL, BT_LOG_INFO, "log.txt", error);
    bt_log_write(log, BT_LOG_INFO, "a line");
    bt_log_close(&log);
    return status;
}

static bt_status load_json(bt_error *error) {
    json_t *json = NULL;
    bt_status status = bt_json_load(&json, "config.json", error);
    json_decref(json);
    return status;
}

static bt_status save_json(bt_error *error) {
    return bt_json_save(config->json, "copy.json", true, error);
}

static bt_status watch_canary(bt_error *error) {
    bt_canary_summary summary;
    return bt_canary_watch(&summary, 0, error);
}

/* What a caller makes of a NULL in place of a document. */
static bt_status is_made(json_t *json, bt_error *error) {
    if (!json) return bt_fail(error, BT_NO_MEMORY, "no document");
    json_decref(json);
    return BT_OK;
}

static bt_status write_settings(bt_error *error) {
    return is_made(bt_options_write_json(bt_settings_table, bt_settings_count, &record->settings), error);
}

static bt_status read_settings(bt_error *error) {
    bt_settings settings;
    bt_option_sources sources;
    char *argv[] = {"x",  "--batches", "1,2,4",         "--models=hrnet", "--time-budget",
                    "3m", "--backend", "sim:tau0_ms=1", "--config",       "settings.json"};
    bt_options_request request;
    bt_options_default(bt_settings_table, bt_settings_count, &settings, &sources);
    bt_status status = bt_options_parse(bt_settings_table, bt_settings_count, COUNT(argv), argv, &settings,
                                        &sources, NULL, 0, NULL, &request, error);
    if (status == BT_OK) status = bt_settings_read_config(&settings, &sources, error);
    return status;
}

static void base(void **state) {
    static const fault_act acts[] = {
        {"read a file", read_file, 0},         {"replace a file", replace_file, 0},
        {"take a lock", take_lock, 0},         {"open a log", open_log, 0},
        {"load JSON", load_json, 0},           {"save JSON", save_json, 0},
        {"watch the canary", watch_canary, 0}, {"write settings", write_settings, 0},
        {"read settings", read_settings, 0},
    };
    (void)state;
    all(acts, COUNT(acts));
}

/* ---- record ------------------------------------------------------------------ */

static bt_status save_record(bt_error *error) {
    return bt_record_save(record, "copy.json", error);
}

static bt_status load_record(bt_error *error) {
    bt_record *copy;
    bt_status status = bt_record_load(&copy, "record.json", error);
    if (status != BT_OK && copy) fail_msg("a record that failed to load is there");
    bt_record_close(&copy);
    return status;
}

static bt_status save_load_record(bt_error *error) {
    return bt_load_record_save(load, "copy.json", error);
}

static bt_status load_load_record(bt_error *error) {
    bt_load_record *copy;
    bt_status status = bt_load_record_load(&copy, "load.json", error);
    if (status != BT_OK && copy) fail_msg("a record that failed to load is there");
    bt_load_record_close(&copy);
    return status;
}

static bt_status load_config(bt_error *error) {
    bt_config *copy = NULL;
    bt_status status = bt_config_load(&copy, "config.json", error);
    bt_config_close(&copy);
    return status;
}

static bt_status untuned_config(bt_error *error) {
    bt_config *made = NULL;
    bt_status status = bt_config_untuned(&made, "hrnet", error);
    bt_config_close(&made);
    return status;
}

static bt_status make_config(bt_error *error) {
    json_t *json = NULL;
    bt_status status = bt_config_from_record(&json, record, config, error);
    if (status == BT_OK) status = bt_config_save(json, "copy.json", error);
    json_decref(json);
    return status;
}

static bt_status make_config_model(bt_error *error) {
    bt_config_model model;
    bt_status status = bt_config_model_open(&model, record, &record->models[0], error);
    if (status == BT_OK) bt_config_model_close(&model);
    return status;
}

/* Checked, advised and told in both forms. */
static bt_status check_config(bt_error *error) {
    bt_config_check *check = NULL;
    static bt_config_here here;
    FILE *out = fopen("/dev/null", "w");
    bt_config_here_read(&here, "absent");
    bt_status status = bt_config_check_open(&check, config, &here, true, error);
    if (status == BT_OK) status = bt_report_config_table(config, check, "config.json", out, error);
    if (status == BT_OK) status = bt_report_config_json(config, check, "config.json", out, error);
    bt_config_check_close(&check);
    fclose(out);
    return status;
}

static bt_status save_gate(bt_error *error) {
    return bt_gate_record_save(gate, "copy.json", error);
}

static bt_status load_gate(bt_error *error) {
    bt_gate_record *copy;
    bt_status status = bt_gate_record_load(&copy, "gate.json", error);
    if (status != BT_OK && copy) fail_msg("a record that failed to load is there");
    bt_gate_record_close(&copy);
    return status;
}

static bt_status merge_gate(bt_error *error) {
    bt_gate_record *sum;
    bt_status status = bt_gate_record_open(&sum, error);
    for (int turn = 0; turn < 2 && status == BT_OK; turn++)
        status = bt_gate_record_merge(sum, gate, error);
    bt_gate_record_close(&sum);
    return status;
}

static bt_status save_verdict(bt_error *error) {
    return bt_gate_verdict_save(verdict, "copy.json", error);
}

static bt_status load_verdict(bt_error *error) {
    bt_gate_verdict *copy;
    bt_status status = bt_gate_verdict_load(&copy, "verdict.json", error);
    if (status != BT_OK && copy) fail_msg("a verdict that failed to load is there");
    bt_gate_verdict_close(&copy);
    return status;
}

static void records(void **state) {
    static const fault_act acts[] = {
        {"save a record", save_record, 0},           {"load a record", load_record, 0},
        {"save a load record", save_load_record, 0}, {"load a load record", load_load_record, 0},
        {"load a config", load_config, 0},           {"an untuned model's config", untuned_config, 0},
        {"make a config", make_config, 0},           {"make a config's model", make_config_model, 0},
        {"check a config", check_config, 0},         {"save a gate's record", save_gate, 0},
        {"load a gate's record", load_gate, 0},      {"merge a gate's turns", merge_gate, 0},
        {"save a gate's verdict", save_verdict, 0},  {"load a gate's verdict", load_verdict, 0},
    };
    (void)state;
    all(acts, COUNT(acts));
}

/* ---- measure, image, networks, plan, backend ------------------------------------ */

static bt_status summarize(bt_error *error) {
    bt_summary summary;
    const bt_point *point = &record->models[0].points[0];
    return bt_summarize(point->samples_ms, (size_t)point->sample_count, &summary, error);
}

static bt_status bootstrap(bt_error *error) {
    bt_interval interval;
    const bt_point *point = &record->models[0].points[0];
    bt_bootstrap_options options = {.resamples = 100};
    return bt_bootstrap(point->samples_ms, (size_t)point->sample_count, &options, &interval, error);
}

static const double times_before[] = {10, 11, 10.5, 10.2, 10.9, 10.1, 10.4, 10.3},
                    times_now[] = {10.2, 11.1, 10.4, 10.6, 10.8, 10.7, 10.3, 10.5};

static bt_status compare_pairs(bt_error *error) {
    bt_slowdown slowdown;
    return bt_slowdown_of_pairs(times_before, times_now, COUNT(times_now), 1, &slowdown, error);
}

static bt_status compare_series(bt_error *error) {
    bt_slowdown slowdown;
    return bt_slowdown_of_series(times_before, COUNT(times_before), times_now, COUNT(times_now), 0.5, 1,
                                 &slowdown, error);
}

static bt_status open_histogram(bt_error *error) {
    bt_histogram *histogram = NULL;
    bt_status status = bt_histogram_open(&histogram, &BT_HISTOGRAM_LATENCY, error);
    bt_histogram_close(&histogram);
    return status;
}

static bt_status draw(bt_error *error) {
    static uint8_t rgb[3 * 32 * 32], mask[32 * 32];
    return bt_spheroids_draw(1, 2, 32, 32, rgb, mask, error);
}

static bt_status open_network(const char *name, bt_error *error) {
    bt_network *network = NULL;
    bt_status status = bt_network_open(&network, name, error);
    bt_network_close(&network);
    return status;
}

static bt_status open_hrnet(bt_error *error) {
    return open_network("hrnet", error);
}

static bt_status open_cbam_resunet(bt_error *error) {
    return open_network("cbam_resunet", error);
}

/* A network of one parameter, so that a try is short. */
static bt_status open_weights(const char *source, bt_error *error) {
    static bt_parameter parameter = {"a", BT_PARAMETER_BIAS, 1, {2}, 2, 0};
    static const bt_network network = {
        .name = "x", .title = "X", .parameters = &parameter, .parameter_count = 1};
    bt_weights *weights = NULL;
    bt_status status = bt_weights_open(&weights, &network, source, error);
    bt_weights_close(&weights);
    return status;
}

static bt_status count_weights(bt_error *error) {
    return open_weights("counter:1", error);
}

static bt_status read_weights(bt_error *error) {
    return open_weights("a.safetensors", error);
}

/* A user's file, each way of storing one; its folder is where the tests began. */
static bt_status read_checkpoint(const char *name, bt_error *error) {
    char path[BT_PATH_SIZE];
    bt_checkpoint *checkpoint = NULL;
    float values[64];
    snprintf(path, sizeof path, "%s/tests/checkpoints/%s", began_in, name);
    bt_status status = bt_checkpoint_open(&checkpoint, path, error);
    for (int i = 0; status == BT_OK && i < checkpoint->tensor_count; i++)
        if (checkpoint->tensors[i].count <= 64 && checkpoint->tensors[i].type != BT_STORED_OTHER)
            status = bt_checkpoint_read(checkpoint, &checkpoint->tensors[i], values, error);
    bt_checkpoint_close(&checkpoint);
    return status;
}

static bt_status read_archive(bt_error *error) {
    return read_checkpoint("model.pth", error);
}

static bt_status read_views(bt_error *error) {
    return read_checkpoint("views.pth", error);
}

static bt_status read_safetensors(bt_error *error) {
    return read_checkpoint("float32.safetensors", error);
}

static bt_status read_old_archive(bt_error *error) {
    return read_checkpoint("legacy-views.pth", error);
}

static bt_status read_module(bt_error *error) {
    return read_checkpoint("module.pth", error);
}

static bt_status read_shards(bt_error *error) {
    return read_checkpoint("shards/pytorch_model.bin.index.json", error);
}

/* A network that its file holds twice. */
static bt_status find_weights(bt_error *error) {
    static bt_parameter parameters[] = {{"a.weight", BT_PARAMETER_WEIGHT, 4, {2, 3, 3, 3}, 54, 0},
                                        {"b.weight", BT_PARAMETER_SCALE, 1, {5}, 5, 0}};
    static const bt_network network = {
        .name = "x", .title = "X", .parameters = parameters, .parameter_count = 2};
    char source[BT_PATH_SIZE];
    bt_weights *weights = NULL;
    snprintf(source, sizeof source, "%s/tests/checkpoints/flat-average.pth:ema", began_in);
    bt_status status = bt_weights_open(&weights, &network, source, error);
    bt_weights_close(&weights);
    return status;
}

static bt_status read_picture(bt_error *error) {
    static const char *const names[] = {"rgba-8.png",       "gray-16.png",     "turned-6.jpg",
                                        "rgb-8-pages.tif",  "ome-12-bits.tif", "imagej-two-channels-big.tif",
                                        "micro-manager.tif"};
    bt_status status = BT_OK;
    for (size_t i = 0; i < sizeof names / sizeof *names && status == BT_OK; i++) {
        char path[BT_PATH_SIZE];
        bt_picture picture;
        snprintf(path, sizeof path, "%s/tests/images/%s", began_in, names[i]);
        status = bt_picture_load(&picture, path, NULL, error);
        if (status == BT_OK) bt_picture_close(&picture);
    }
    return status;
}

/* A ring of eight pixels around a hole. */
static bt_status write_coco(bt_error *error) {
    static const bt_pixel_run runs[] = {{1, 1, 4}, {2, 1, 2}, {2, 3, 4}, {3, 1, 4}};
    static const bt_polygon ring = {
        .area_px = 8, .confidence = 1, .width = 3, .height = 3, .runs = runs, .run_count = 4};
    static const bt_polygons polygons = {6, 5, 1, &ring};
    static const char *const parts[] = {"[1,1,4,1,4,4,1,4,1,2,2,2,2,3,3,3,3,2,2,2,1,2]", "733NN0225"};
    const bt_coco_picture picture = {"ring.png", &polygons};
    for (int i = 0; i < 2; i++) {
        char *text = NULL;
        bt_status status = (i ? bt_polygons_coco_rle : bt_polygons_coco)(&picture, 1, "cell", &text, error);
        if (status != BT_OK) return status;
        if (!strstr(text, parts[i]) || !strstr(text, "\"supercategory\"")) fail_msg("lost of it: %s", text);
        bt_free(text);
    }
    return BT_OK;
}

static bt_status place(bt_error *error) {
    bt_lease leases[3] = {{100, 0, 1, 0}, {200, 1, 2, 0}, {0, 0, 2, 0}};
    size_t total;
    return bt_arena_place(leases, 3, &total, error);
}

static bt_status open_session(bt_error *error) {
    bt_session *session = NULL;
    static const bt_session_options options = {.backend = "sim:tau0_ms=0,alpha_ms=0,faults=fail@3",
                                               .model = "hrnet",
                                               .weights = "demo",
                                               .device = "cpu",
                                               .height = 4,
                                               .width = 4};
    bt_status status = bt_session_open(&session, &options, error);
    bt_session_close(&session);
    return status;
}

static void measuring(void **state) {
    static const fault_act acts[] = {
        {"summarize", summarize, 0},
        {"bootstrap", bootstrap, 0},
        {"compare pairs", compare_pairs, 0},
        {"compare series", compare_series, 0},
        {"open a histogram", open_histogram, 0},
        {"draw an image", draw, 0},
        {"describe HRNet", open_hrnet, 0},
        {"describe CBAM-ResUNet", open_cbam_resunet, 0},
        {"make weights", count_weights, 0},
        {"read weights", read_weights, 0},
        {"read a torch archive", read_archive, 0},
        {"read views", read_views, 0},
        {"read a checkpoint of before 1.6", read_old_archive, 0},
        {"read a pickled module", read_module, 0},
        {"read a checkpoint in several files", read_shards, 0},
        {"find weights in a checkpoint", find_weights, 0},
        {"read safetensors", read_safetensors, 0},
        {"decode a picture", read_picture, 0},
        {"write COCO", write_coco, 0},
        {"place tensors", place, 0},
        {"open a session", open_session, 0},
    };
    (void)state;
    all(acts, COUNT(acts));
}

/* ---- batching, simulate, load, prove ---------------------------------------------- */

static bt_status open_batcher(bt_error *error) {
    bt_tuned_model tuned;
    bt_batcher *batcher = NULL;
    bt_status status = bt_tuned_model_open(&tuned, hrnet, 0, error);
    if (status != BT_OK) return status;
    const bt_batcher_instance instance = {0};
    status = bt_batcher_open(
        &batcher,
        &(bt_batcher_options){
            .models = &tuned.batcher, .model_count = 1, .instances = &instance, .instance_count = 1},
        error);
    bt_batcher_close(&batcher);
    bt_tuned_model_close(&tuned);
    return status;
}

static bt_status find_capacity(bt_error *error) {
    bt_tuned_model tuned;
    bt_capacity capacity;
    bt_status status = bt_tuned_model_open(&tuned, hrnet, 0, error);
    if (status != BT_OK) return status;
    status = bt_capacity_find(&capacity, &tuned, 1, 250, 1, error);
    bt_tuned_model_close(&tuned);
    return status;
}

static bt_status open_schedule(const bt_schedule_options *options, bt_error *error) {
    bt_schedule schedule = {0};
    bt_status status = bt_schedule_open(&schedule, options, error);
    if (status == BT_OK) bt_schedule_close(&schedule);
    return status;
}

static bt_status plan_poisson(bt_error *error) {
    return open_schedule(&(bt_schedule_options){.rate_rps = 3000, .duration_ns = 1000000000, .seed = 1},
                         error);
}

static bt_status read_trace(bt_error *error) {
    return open_schedule(&(bt_schedule_options){.shape = BT_SHAPE_TRACE, .trace = "trace.txt"}, error);
}

static bt_status predict(bt_error *error) {
    bt_tuned_model tuned;
    bt_schedule schedule;
    bt_prediction prediction;
    bt_status status = bt_tuned_model_open(&tuned, hrnet, 0, error);
    if (status != BT_OK) return status;
    const bt_predict_model model = {.config = hrnet, .batcher = tuned.batcher};
    const bt_batcher_instance instance = {0};
    const bt_predict_options options = {
        .models = &model, .model_count = 1, .instances = &instance, .instance_count = 1};
    static bt_plan_scenario scenario = {.duration_ns = 1000000000, .part_count = 1};
    scenario.parts[0].schedule =
        (bt_schedule_options){.rate_rps = 30, .duration_ns = scenario.duration_ns, .seed = 1};
    status = bt_schedule_open(&schedule, &scenario.parts[0].schedule, error);
    if (status == BT_OK) {
        char remedy[BT_TEXT_SIZE];
        status = bt_predict(&prediction, &options, &scenario, &schedule, error);
        if (status == BT_OK)
            status = bt_predict_remedy(remedy, sizeof remedy, &options, &scenario, &schedule, 0, 60, error);
        bt_schedule_close(&schedule);
    }
    bt_tuned_model_close(&tuned);
    return status;
}

/* Sent to nobody, and summed up. */
static bt_status run_load(bt_error *error) {
    bt_request_log *log = NULL;
    bt_load_part part = {0};
    const bt_stream stream = {.clients = 1, .clients_count = 50, .input_count = 1};
    const bt_load_options options = {.target = bt_target_null(), .streams = &stream, .stream_count = 1};
    bt_status status = bt_load_run(&log, &options, error);
    const bt_look look = bt_looks_at(0, 1);
    if (status == BT_OK) status = bt_sum_part(&part, log, 0, &look, error);
    bt_request_log_close(&log);
    assert_true(part.bins || part.bin_count == 0); /* what did not succeed is no more than it seems */
    free(part.latencies_ms);
    free(part.bins);
    return status;
}

static void loading(void **state) {
    static const fault_act acts[] = {
        {"open a batcher", open_batcher, 0}, {"find the capacity", find_capacity, 0},
        {"plan arrivals", plan_poisson, 0},  {"read a trace", read_trace, 0},
        {"predict a scenario", predict, OK}, {"send to nobody", run_load, 0},
    };
    (void)state;
    all(acts, COUNT(acts));
}

/* ---- tune -------------------------------------------------------------------- */

static bt_status append_journal(bt_error *error) {
    bt_journal *journal = NULL;
    bt_status status = bt_journal_open(&journal, "appended.jsonl", error);
    if (status == BT_OK) status = bt_journal_append(journal, json_pack("{s:s}", "a", "b"), error);
    bt_journal_close(&journal);
    return status;
}

static bt_status load_journal(bt_error *error) {
    json_t *lines = NULL;
    bt_status status = bt_journal_load(&lines, "journal.jsonl", error);
    json_decref(lines);
    return status;
}

static bt_status sweep_whole(bt_error *error) {
    machine m = machine_quiet();
    bt_record *swept = NULL;
    bt_sweep *sweep = NULL;
    static const bt_sweep_options options = {.batches = {.sizes = {1, 2, 4}, .count = 3},
                                             .p95_sla_ms = 100,
                                             .memory_limit_mb = 1000,
                                             .min_mask_iou = 0.99,
                                             .standard_path = true,
                                             .time_budget_s = 60};
    bt_status status = bt_record_open(&swept, 1, error);
    if (status == BT_OK) status = bt_sweep_open(&sweep, &options, &swept->models[0], error);
    while (status == BT_OK) {
        bt_step step = bt_sweep_next(sweep);
        if (step.kind == BT_STEP_DONE) break;
        bt_step_result result = machine_answer(&m, &step);
        status = bt_sweep_done(sweep, &step, &result, error);
    }
    bt_sweep_close(&sweep);
    if (status == BT_OK) status = bt_score_model(&swept->models[0], &record->settings, error);
    bt_record_close(&swept);
    return status;
}

static void tuning(void **state) {
    static const fault_act acts[] = {
        {"append to a journal", append_journal, 0},
        {"load a journal", load_journal, 0},
        {"begin a run", faults_begin_run, 0},
        {"resume a run", faults_resume_run, 0},
        {"sweep", sweep_whole, 0},
    };
    (void)state;
    all(acts, COUNT(acts));
}

/* ---- report ------------------------------------------------------------------ */

/* An act that prints to nowhere: publisher(given..., out, error). */
#define PUBLISHES(what, publisher, ...)                                                                      \
    static bt_status what(bt_error *error) {                                                                 \
        FILE *out = fopen("/dev/null", "w");                                                                 \
        bt_status status = publisher(__VA_ARGS__, out, error);                                               \
        fclose(out);                                                                                         \
        return status;                                                                                       \
    }
PUBLISHES(as_table, bt_sweep_publish, record, BT_FORMAT_TABLE, NULL, "./report.md")
PUBLISHES(as_json, bt_sweep_publish, record, BT_FORMAT_JSON, NULL, "./report.md")
PUBLISHES(as_csv, bt_sweep_publish, record, BT_FORMAT_CSV, NULL, "./report.md")
PUBLISHES(as_markdown, bt_sweep_publish, record, BT_FORMAT_MARKDOWN, NULL, "./report.md")
PUBLISHES(as_html, bt_sweep_publish, record, BT_FORMAT_HTML, NULL, "./report.html")
PUBLISHES(load_as_table, bt_load_publish, load, BT_LOAD_FORMAT_TABLE, NULL, NULL)
PUBLISHES(load_as_json, bt_load_publish, load, BT_LOAD_FORMAT_JSON, NULL, NULL)
PUBLISHES(load_as_markdown, bt_load_publish, load, BT_LOAD_FORMAT_MARKDOWN, NULL, NULL)
PUBLISHES(load_as_html, bt_load_publish, load, BT_LOAD_FORMAT_HTML, NULL, NULL)
PUBLISHES(load_as_junit, bt_load_publish, load, BT_LOAD_FORMAT_JUNIT, NULL, NULL)

static bt_status publish_files(bt_error *error) {
    bt_status status = bt_sweep_plots_write(record, "plots", error);
    if (status == BT_OK)
        status = bt_sweep_publish_file(record, BT_FORMAT_MARKDOWN, "plots", "report.md", error);
    if (status == BT_OK) status = bt_load_plots_write(load, "plots", error);
    if (status == BT_OK)
        status = bt_load_publish_file(load, BT_LOAD_FORMAT_HTML, "plots", "report.html", error);
    return status;
}

static bt_status index_runs(bt_error *error) {
    bt_status status = bt_folder_make("runs/one", error);
    if (status == BT_OK) status = bt_load_record_save(load, "runs/one/record.json", error);
    return status == BT_OK ? bt_results_index_write("runs", error) : status;
}

static void reporting(void **state) {
    static const fault_act acts[] = {
        {"a table", as_table, 0},
        {"JSON", as_json, 0},
        {"CSV", as_csv, 0},
        {"Markdown", as_markdown, 0},
        {"a page", as_html, 0},
        {"a load test's table", load_as_table, 0},
        {"a load test's JSON", load_as_json, 0},
        {"a load test's Markdown", load_as_markdown, 0},
        {"a load test's page", load_as_html, 0},
        {"JUnit XML", load_as_junit, 0},
        {"plots and reports", publish_files, OK},
        {"a page over all runs", index_runs, OK},
    };
    (void)state;
    all(acts, COUNT(acts));
}

/* ---- the gate ---------------------------------------------------------------- */

static bt_status collect_sweep(bt_error *error) {
    bt_gate_record *collected = NULL;
    bt_status status = bt_gate_collect_sweep(&collected, record, error);
    bt_gate_record_close(&collected);
    return status;
}

static bt_status collect_load(bt_error *error) {
    bt_gate_record *collected = NULL;
    bt_status status = bt_gate_collect_load(&collected, load, error);
    bt_gate_record_close(&collected);
    return status;
}

/* Two sides of enough values that something is reckoned. */
static bt_status judge(bt_error *error) {
    bt_gate_rules rules;
    bt_gate_record *sides[2] = {NULL, NULL};
    bt_gate_verdict *judged = NULL;
    const bt_judge how = {.rules = &rules, .seed = 1};
    bt_gate_rules_default(&rules);
    bt_status status = bt_gate_verdict_open(&judged, error);
    for (int i = 0; i < 2 && status == BT_OK; i++) {
        status = bt_gate_record_open(&sides[i], error);
        bt_gate_series *series =
            status == BT_OK ? bt_gate_series_add(sides[i], "hrnet/batch-1", "ms", "32 px", 0.5) : NULL;
        if (status == BT_OK && !series) status = bt_fail(error, BT_NO_MEMORY, "no series");
        if (status == BT_OK)
            status =
                bt_gate_samples_add(series, i ? times_now : times_before, COUNT(times_now), false, error);
    }
    if (status == BT_OK) status = bt_compare_records(judged, &how, sides[0], sides[1], error);
    if (status == BT_OK) bt_judge_whole(judged, BT_ON_INCONCLUSIVE_FAIL);
    if (status == BT_OK)
        assert_true(isfinite(judged->rows[0].before) && isfinite(judged->rows[0].lower_percent));
    bt_gate_record_close(&sides[0]);
    bt_gate_record_close(&sides[1]);
    bt_gate_verdict_close(&judged);
    return status;
}

PUBLISHES(verdict_as_table, bt_gate_publish, verdict, BT_GATE_FORMAT_TABLE)
PUBLISHES(verdict_as_json, bt_gate_publish, verdict, BT_GATE_FORMAT_JSON)
PUBLISHES(verdict_as_markdown, bt_gate_publish, verdict, BT_GATE_FORMAT_MARKDOWN)
PUBLISHES(verdict_as_junit, bt_gate_publish, verdict, BT_GATE_FORMAT_JUNIT)

static void gating(void **state) {
    static const fault_act acts[] = {
        {"a sweep's figures", collect_sweep, 0},
        {"a load test's figures", collect_load, 0},
        {"judge two records", judge, 0},
        {"a verdict's table", verdict_as_table, 0},
        {"a verdict's JSON", verdict_as_json, 0},
        {"a verdict's Markdown", verdict_as_markdown, 0},
        {"a verdict's JUnit XML", verdict_as_junit, 0},
    };
    (void)state;
    all(acts, COUNT(acts));
}

/* ---- documents --------------------------------------------------------------- */

static void documents(void **state) {
    static const fault_act acts[] = {
        {"save JSON", save_json, 0},
        {"write settings", write_settings, 0},
        {"save a record", save_record, 0},
        {"save a load record", save_load_record, 0},
        {"make a config", make_config, 0},
        {"check a config", check_config, 0},
        {"save a gate's record", save_gate, 0},
        {"save a gate's verdict", save_verdict, 0},
        {"append to a journal", append_journal, 0},
        {"begin a run", faults_begin_run, 0},
        {"JSON", as_json, 0},
        {"a load test's JSON", load_as_json, 0},
    };
    (void)state;
    all_of(FAULT_JSON, acts, COUNT(acts));
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(base),    cmocka_unit_test(records),   cmocka_unit_test(measuring),
        cmocka_unit_test(loading), cmocka_unit_test(tuning),    cmocka_unit_test(reporting),
        cmocka_unit_test(gating),  cmocka_unit_test(documents),
    };
    const char *one = getenv("BATCHTUNE_ONLY");
    if (one) cmocka_set_test_filter(one);
    return cmocka_run_group_tests_name("faults: memory runs out", tests, set_up, tear_down);
}
