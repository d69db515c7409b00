/* What the gate measured of one version: a series of samples a metric.
 *
 * A metric has a name ("hrnet/batch-4", "core/batcher"), a unit, and the work that was timed ("128 px"): two
 * series of one name are comparable only where the work is the same, and so are the conditions it was done
 * under, which older versions do not tell. A promise is kept or broken under an SLA. Samples are kept as they
 * were taken, a turn (one process) at a time, since turns of one version differ by more than the samples
 * within one: memory falls elsewhere each time a program starts. As for other records, NaN is null and
 * nothing is left out. */
#ifndef BT_RECORD_GATE_RECORD_H
#define BT_RECORD_GATE_RECORD_H

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>

#include "base/command.h"
#include "base/error.h"
#include "base/throttle.h"
#include "record/fingerprint.h"

#ifdef __cplusplus
extern "C" {
#endif

#define BT_GATE_SCHEMA_VERSION 1
#define BT_METRIC_NAME_SIZE    96
#define BT_METRIC_UNIT_SIZE    16
#define BT_METRIC_WORK_SIZE    160
#define BT_METRICS_MAX         256

#define BT_UNIT_INSTRUCTIONS "instructions" /* counted, not timed: exact */

typedef struct bt_gate_series {
    char metric[BT_METRIC_NAME_SIZE], unit[BT_METRIC_UNIT_SIZE], work[BT_METRIC_WORK_SIZE];
    char conditions[BT_METRIC_WORK_SIZE]; /* "2 instances of 1 thread"; "": not told, then no difference */
    double quantile;                      /* of the samples, that is compared: 0.5 the median, 0.95 P95 */
    bool minor;      /* counts where it is surely slower; doubt about it, or its absence, does not */
    double *samples; /* in the order taken; owned */
    int *turns;      /* how many samples each turn took; owned. None: the samples are one run's */
    int sample_count, turn_count;
} bt_gate_series;

#define BT_GATE_MET       "met"
#define BT_GATE_BROKEN    "broken"
#define BT_GATE_NOT_SHOWN "not shown"

/* Whether something was kept that was promised: an SLA, of a model in tuning or of a scenario under load. It
 * is the same question only where the SLA, the work and the conditions are. */
typedef struct bt_gate_promise {
    char name[BT_METRIC_NAME_SIZE]; /* "hrnet/sustained" */
    char word[16];                  /* BT_GATE_MET, BT_GATE_BROKEN; every other is as BT_GATE_NOT_SHOWN */
    double sla_ms;                  /* what P95 was held against; NaN in older records */
    char work[BT_METRIC_WORK_SIZE], conditions[BT_METRIC_WORK_SIZE]; /* "": not told, then no difference */
} bt_gate_promise;

typedef struct bt_gate_record {
    char started_at[32], command[BT_COMMAND_LINE_SIZE];
    char settings[1024];      /* of what was measured, as text: shown where it differs */
    char partial[64];         /* "interrupted after 3 of 15 turns"; "": it is all that was asked for */
    bt_throttling throttling; /* while it was measured */
    bt_machine machine;
    bt_subject subject;
    bt_gate_series *series; /* owned */
    int series_count;
    bt_gate_promise *promises; /* owned */
    int promise_count;
} bt_gate_record;

BT_MUST_USE bt_status bt_gate_record_open(bt_gate_record **out, bt_error *error);
void bt_gate_record_close(bt_gate_record **record); /* NULL-safe; nulls */

/* The series of that name, or NULL. */
const bt_gate_series *bt_gate_series_find(const bt_gate_record *record, const char *metric);

/* The series of that name, added with that unit, work and quantile where it is not there; NULL when memory is
 * short or BT_METRICS_MAX are there. Earlier pointers become invalid. */
bt_gate_series *bt_gate_series_add(bt_gate_record *record, const char *metric, const char *unit,
                                   const char *work, double quantile);

/* Appends samples; `turn` says that they are one more turn's. BT_NO_MEMORY. */
BT_MUST_USE bt_status bt_gate_samples_add(bt_gate_series *series, const double *samples, int count, bool turn,
                                          bt_error *error);

/* BT_NO_MEMORY. */
BT_MUST_USE bt_status bt_gate_promise_add(bt_gate_record *record, const bt_gate_promise *promise,
                                          bt_error *error);

/* Appends every series of `turn` to `record`'s, which gets those that it has not. BT_INVALID where two of one
 * name differ in unit, work or conditions. */
BT_MUST_USE bt_status bt_gate_record_merge(bt_gate_record *record, const bt_gate_record *turn,
                                           bt_error *error);

/* As bt_record_save and bt_record_load; the document carries "kind": "gate". Where a partial record replaces
 * a file, that is kept as path.bak. */
BT_MUST_USE bt_status bt_gate_record_save(const bt_gate_record *record, const char *path, bt_error *error);
BT_MUST_USE bt_status bt_gate_record_load(bt_gate_record **out, const char *path, bt_error *error);
BT_MUST_USE bt_status bt_gate_record_to_json(const bt_gate_record *record, json_t **out, bt_error *error);
/* `where` starts every message. */
BT_MUST_USE bt_status bt_gate_record_from_json(bt_gate_record **out, const json_t *top, const char *where,
                                               bt_error *error);

#ifdef __cplusplus
}
#endif
#endif
