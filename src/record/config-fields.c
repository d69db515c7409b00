#include "record/config-fields.h"

#include <math.h>

#include "record/parts.h"

#define BATCH_SIZE         .minimum = 1, .maximum = BT_BATCH_MAX
#define OPTIONAL           .optional = true
#define ONLY_WHEN_KNOWN    .optional = true, .brief = true
#define TOP(type, m)       BT_FIELD(type, bt_config, m)
#define MODEL(type, m)     BT_FIELD(type, bt_config_model, m)
#define POINT(type, m)     BT_FIELD(type, bt_config_point, m)
#define INSTANCE(type, m)  BT_FIELD(type, bt_instance, m)
#define PRECISION(type, m) BT_FIELD(type, bt_config_precision, m)
#define WEIGHTS(type, m)   BT_FIELD(type, bt_config_weights, m)

static const bt_field top_fields[] = {
    {TOP(INTEGER, schema_version), .minimum = 1, .maximum = BT_CONFIG_SCHEMA_VERSION},
    {TOP(TEXT, generated_at), OPTIONAL},
    {TOP(TEXT, tool_version), OPTIONAL},
    {TOP(TEXT, run_id), OPTIONAL},
    {TOP(TEXT, workload), OPTIONAL},
};
static const char *const top_others[] = {"machine", "subject", "settings", "configurations", NULL};

/* The first four are what other programs read: exactly so, and first. */
static const bt_field model_fields[] = {
    {MODEL(INTEGER, optimal_batch_size), BATCH_SIZE},
    {MODEL(AMOUNT, p95_latency_ms), OPTIONAL},
    {MODEL(AMOUNT, throughput_imgs_per_sec), OPTIONAL},
    {MODEL(NUMBER, memory_usage_mb), OPTIONAL},
    {MODEL(AMOUNT, p95_upper_bound_ms), OPTIONAL},
    {MODEL(AMOUNT, efficiency_score), OPTIONAL},
    {MODEL(SWITCH, meets_sla), OPTIONAL},
    {MODEL(AMOUNT, p95_sla_ms), OPTIONAL},
    {MODEL(AMOUNT, reachable_sla_ms), OPTIONAL},
    {MODEL(TEXT, memory_kind), OPTIONAL},
    {MODEL(TEXT, precision), OPTIONAL},
    {MODEL(TEXT, precision_reason), ONLY_WHEN_KNOWN},
    {MODEL(TEXT, calibration), ONLY_WHEN_KNOWN},
    {MODEL(INTEGER, image_size), OPTIONAL},
    {MODEL(INTEGER, classes), ONLY_WHEN_KNOWN, .minimum = 2, .maximum = 256},
    {MODEL(AMOUNT, capacity_rps), OPTIONAL},
    {MODEL(AMOUNT, recommended_rps), OPTIONAL},
    {MODEL(AMOUNT, predicted_p95_ms), OPTIONAL},
    {MODEL(AMOUNT, speedup_over_single_image), OPTIONAL},
    {MODEL(NUMBER, mask_iou), OPTIONAL, .minimum = 0, .maximum = 1},
    {MODEL(INTEGER, block_runs), ONLY_WHEN_KNOWN, .maximum = BT_CONFIG_RANKS},
    {MODEL(INTEGER, full_size), ONLY_WHEN_KNOWN},
    {MODEL(AMOUNT, full_size_ms), ONLY_WHEN_KNOWN},
    {MODEL(TEXT, model_file), ONLY_WHEN_KNOWN},
    {MODEL(TEXT, generated_at), OPTIONAL},
    {MODEL(TEXT, run_id), OPTIONAL},
    {MODEL(TEXT, runtime), OPTIONAL},
    {MODEL(TEXT, machine_fingerprint), OPTIONAL},
    {MODEL(TEXT, workload), ONLY_WHEN_KNOWN},
    {MODEL(SWITCH, provisional), ONLY_WHEN_KNOWN},
    {MODEL(SWITCH, unmeasurable), ONLY_WHEN_KNOWN},
    {MODEL(TEXT, reason), ONLY_WHEN_KNOWN},
};
static const char *const model_others[] = {"settings",
                                           "precisions",
                                           "instances",
                                           "weights",
                                           "prepare_ms_quantiles",
                                           "deliver_ms_quantiles",
                                           "run_ranks",
                                           "idle_gap_ms",
                                           "idle_extra_ms",
                                           "neighbours",
                                           "points",
                                           NULL};

static const bt_field precision_fields[] = {
    {PRECISION(TEXT, precision)},
    {PRECISION(SWITCH, channels_last), OPTIONAL},
    {PRECISION(AMOUNT, ratio), OPTIONAL},
    {PRECISION(NUMBER, mask_iou), OPTIONAL, .minimum = 0, .maximum = 1},
    {PRECISION(TEXT, why), ONLY_WHEN_KNOWN},
};

static const bt_field point_fields[] = {
    {POINT(INTEGER, batch_size), BATCH_SIZE}, {POINT(AMOUNT, p50_ms), OPTIONAL},
    {POINT(AMOUNT, p95_ms), OPTIONAL},        {POINT(AMOUNT, p95_upper_ms), OPTIONAL},
    {POINT(AMOUNT, mean_ms), OPTIONAL},       {POINT(AMOUNT, throughput_imgs_per_sec), OPTIONAL},
    {POINT(AMOUNT, efficiency), OPTIONAL},    {POINT(NUMBER, memory_mb), OPTIONAL},
};
static const char *const point_others[] = {"outcome", "service_ms_quantiles", NULL};

static const bt_field instance_fields[] = {
    {INSTANCE(TEXT, device)},
    {INSTANCE(INTEGER, threads), OPTIONAL},
    {INSTANCE(TEXT, cpus), OPTIONAL},
};
static const char *const none[] = {NULL};

static const bt_field weights_fields[] = {
    {WEIGHTS(TEXT, source), OPTIONAL},
    {WEIGHTS(HASH, hash), ONLY_WHEN_KNOWN},
    {WEIGHTS(TEXT, path), ONLY_WHEN_KNOWN},
    {WEIGHTS(BIG, size_bytes), ONLY_WHEN_KNOWN},
    {WEIGHTS(TEXT, modified_at), ONLY_WHEN_KNOWN},
    {WEIGHTS(HASH, header_hash), ONLY_WHEN_KNOWN},
    {WEIGHTS(HASH, content_hash), ONLY_WHEN_KNOWN},
};

const bt_config_keys bt_config_top_keys = {BT_FIELDS(top_fields), top_others};
const bt_config_keys bt_config_model_keys = {BT_FIELDS(model_fields), model_others};
const bt_config_keys bt_config_point_keys = {BT_FIELDS(point_fields), point_others};
const bt_config_keys bt_config_precision_keys = {BT_FIELDS(precision_fields), none};
const bt_config_keys bt_config_instance_keys = {BT_FIELDS(instance_fields), none};
const bt_config_keys bt_config_neighbour_keys = {BT_FIELDS(bt_neighbour_fields), none};
const bt_config_keys bt_config_weights_keys = {BT_FIELDS(weights_fields), none};

bool bt_config_is_provisional(bt_outcome outcome) {
    return outcome == BT_OUTCOME_UNDECIDED || outcome == BT_OUTCOME_SKIPPED_DOMINATED;
}

bt_config_model bt_config_model_empty(void) {
    return (bt_config_model){
        .p95_latency_ms = NAN,
        .throughput_imgs_per_sec = NAN,
        .memory_usage_mb = NAN,
        .p95_upper_bound_ms = NAN,
        .efficiency_score = NAN,
        .p95_sla_ms = NAN,
        .reachable_sla_ms = NAN,
        .speedup_over_single_image = NAN,
        .mask_iou = NAN,
        .capacity_rps = NAN,
        .recommended_rps = NAN,
        .predicted_p95_ms = NAN,
        .full_size_ms = NAN,
    };
}

bt_config_point bt_config_point_empty(void) {
    return (bt_config_point){
        .outcome = BT_OUTCOME_MEASURED,
        .p50_ms = NAN,
        .p95_ms = NAN,
        .p95_upper_ms = NAN,
        .mean_ms = NAN,
        .throughput_imgs_per_sec = NAN,
        .efficiency = NAN,
        .memory_mb = NAN,
    };
}
