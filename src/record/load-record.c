#include "record/load-record.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/array.h"

/* Every number that is not known yet is NaN. */
static void empty_part(bt_load_part *part) {
    *part = (bt_load_part){
        .verdict = BT_LOAD_NOT_SHOWN,
        .rate_rps = NAN,
        .latency = {NAN, NAN, NAN, NAN, NAN, NAN, NAN, NAN, NAN, 0},
        .actual_p95_ms = NAN,
        .queue_mean_ms = NAN,
        .preprocess_mean_ms = NAN,
        .deliver_mean_ms = NAN,
        .service_mean_ms = NAN,
        .slip_mean_ms = NAN,
        .queue_p95_ms = NAN,
        .service_p95_ms = NAN,
        .throughput_rps = NAN,
        .predicted_p95_ms = NAN,
        .predicted_p50_ms = NAN,
        .predicted_throughput_rps = NAN,
        .predicted_queue_mean_ms = NAN,
        .predicted_prepare_mean_ms = NAN,
        .predicted_run_mean_ms = NAN,
        .predicted_deliver_mean_ms = NAN,
        .mean_batch_size = NAN,
        .server = {0, NAN, NAN, NAN, NAN, NAN, NAN, NAN, NAN},
        .latency_step = 1,
    };
    bt_load_capacity_empty(&part->capacity);
}

static void empty_scenario(bt_load_scenario *scenario) {
    *scenario = (bt_load_scenario){
        .burstiness = NAN,
        .ramp_from = NAN,
        .duration_s = NAN,
        .generator_p50_us = NAN,
        .generator_p99_us = NAN,
        .generator_max_us = NAN,
        .canary_spread_percent = NAN,
        .others_cores = NAN,
        .judged = true,
    };
}

static void empty_model(bt_load_model *model) {
    *model = (bt_load_model){
        .placed_rps = NAN,
        .p95_sla_ms = NAN,
        .max_queue_delay_ms = NAN,
        .capacity_rps = NAN,
        .recommended_rps = NAN,
        .standard_img_per_sec = NAN,
        .standard_p50_ms = NAN,
        .production_img_per_sec = NAN,
        .speedup = NAN,
        .start_s = NAN,
        .memory_mb = NAN,
    };
}

bt_status bt_load_record_open(bt_load_record **out, int model_count, bt_error *error) {
    bt_load_record *record = calloc(1, sizeof *record);
    if (record) record->models = calloc((size_t)model_count + 1, sizeof *record->models);
    if (!record || !record->models) {
        free(record);
        *out = NULL;
        return bt_no_memory(error, "a load record");
    }
    record->model_count = model_count;
    record->testing_s = NAN;
    for (int i = 0; i < model_count; i++)
        empty_model(&record->models[i]);
    *out = record;
    return BT_OK;
}

void bt_load_scenario_close(bt_load_scenario *scenario) {
    for (int i = 0; i < scenario->part_count; i++) {
        free(scenario->parts[i].latencies_ms);
        free(scenario->parts[i].bins);
    }
    free(scenario->parts);
    scenario->parts = NULL;
    scenario->part_count = 0;
}

void bt_load_record_close(bt_load_record **record) {
    if (!record || !*record) return;
    for (int i = 0; i < (*record)->scenario_count; i++)
        bt_load_scenario_close(&(*record)->scenarios[i]);
    free((*record)->scenarios);
    free((*record)->models);
    free(*record);
    *record = NULL;
}

const bt_load_part *bt_load_part_of(const bt_load_scenario *scenario, const char *model) {
    for (int i = 0; i < scenario->part_count; i++)
        if (strcmp(scenario->parts[i].model, model) == 0) return &scenario->parts[i];
    return NULL;
}

bool bt_load_part_tells_paths(const bt_load_part *part) {
    return part->ok == 0 || isfinite(part->service_mean_ms);
}

bt_status bt_load_scenario_reset(bt_load_scenario *scenario, int part_count, bt_error *error) {
    bt_load_part *parts = calloc((size_t)part_count + 1, sizeof *parts);
    if (!parts) return bt_no_memory(error, "a scenario");
    bt_load_scenario_close(scenario);
    scenario->parts = parts;
    scenario->part_count = part_count;
    for (int i = 0; i < part_count; i++)
        empty_part(&parts[i]);
    return BT_OK;
}

bt_load_scenario *bt_load_record_add(bt_load_record *record, int part_count) {
    bt_load_scenario *grown =
        bt_array_grow(record->scenarios, (size_t)record->scenario_count, 1, NULL, sizeof *grown);
    if (!grown) return NULL;
    record->scenarios = grown;
    bt_load_scenario *scenario = &grown[record->scenario_count];
    empty_scenario(scenario);
    if (bt_load_scenario_reset(scenario, part_count, NULL) != BT_OK) return NULL;
    record->scenario_count++;
    return scenario;
}

double bt_load_record_sla_ms(const bt_load_record *record, const char *model) {
    for (int i = 0; i < record->model_count; i++)
        if (strcmp(record->models[i].model, model) == 0 && record->models[i].p95_sla_ms > 0)
            return record->models[i].p95_sla_ms;
    return record->settings.service.p95_sla_ms;
}

const char *bt_load_verdict_name(bt_load_verdict verdict) {
    switch (verdict) {
    case BT_LOAD_MET:
        return "met";
    case BT_LOAD_BROKEN:
        return "broken";
    case BT_LOAD_NOT_SHOWN:
    case BT_LOAD_VERDICT_COUNT:
        break;
    }
    return "not_shown";
}
