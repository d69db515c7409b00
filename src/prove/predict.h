/* What the simulator says of a scenario, on the very schedules that will be sent; and what it says would
 * help.
 *
 * Pure, but for memory. */
#ifndef BT_PROVE_PREDICT_H
#define BT_PROVE_PREDICT_H

#include <stdbool.h>

#include "base/error.h"
#include "load/schedule.h"
#include "prove/plan.h"
#include "record/config.h"
#include "record/load-record.h"
#include "simulate/capacity.h"

#ifdef __cplusplus
extern "C" {
#endif

/* What the service runs, as the simulator needs it. */
typedef struct bt_predict_model {
    const bt_config_model *config; /* borrowed; NULL: nothing can be predicted */
    bt_batcher_model batcher; /* as the service runs it; other batch sizes are tried on the config's times */
} bt_predict_model;

typedef struct bt_predict_options {
    const bt_predict_model *models; /* by the plan's indexes */
    int model_count;
    const bt_batcher_instance *instances; /* of all models, as the service runs them */
    int instance_count;
    int64_t timeout_ns; /* of each request; 0: none */
    uint64_t seed;
} bt_predict_options;

typedef struct bt_prediction {
    double p50_ms, p95_ms, throughput_rps; /* NaN where the config has no service times to predict from */
    double queue_mean_ms, prepare_mean_ms, run_mean_ms, deliver_mean_ms; /* of the latency; NaN likewise */
    int64_t lost;                                                        /* requests that get no result */
} bt_prediction;

/* Fills out[part] for each part of the scenario; `schedules` are the parts' (unused for closed loops).
 * BT_NO_MEMORY. */
BT_MUST_USE bt_status bt_predict(bt_prediction *out, const bt_predict_options *options,
                                 const bt_plan_scenario *scenario, const bt_schedule *schedules,
                                 bt_error *error);

/* Into a part of the record, beside what was measured. */
void bt_prediction_note(const bt_prediction *prediction, bt_load_part *part);

/* Whether the simulator breaks the promise: only then does it know the cause of what was seen, and may say
 * what would help. */
bool bt_prediction_breaks(const bt_prediction *prediction, double sla_ms);

/* Looks for a change of one setting under which one part's predicted P95 meets `sla_ms` with a twentieth to
 * spare, and nothing is lost: a shorter queue delay first, then another measured batch size, then a lower
 * rate. Writes what to try, with the prediction, into `out` ("try --batch-size 4 (predicted P95 81 ms)"); ""
 * where nothing helps or can be predicted, or where the present settings keep the promise. BT_NO_MEMORY. */
BT_MUST_USE bt_status bt_predict_remedy(char *out, size_t size, const bt_predict_options *options,
                                        const bt_plan_scenario *scenario, const bt_schedule *schedules,
                                        int part, double sla_ms, bt_error *error);

#ifdef __cplusplus
}
#endif
#endif
