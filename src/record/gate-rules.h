/* How much slower is too slow: configs/perf-gate.json.
 *
 * A slowdown counts where it is beyond a relative *and* an absolute tolerance, each metric's own: 5 % of a
 * microsecond is noise that nobody pays for. A profile is a floor under the relative ones, for machines that
 * are not quiet or records that were not taken together. A slowdown that is wanted is declared here, with its
 * bound and its reason, so that it is reported rather than failed, and reviewed like any other line. */
#ifndef BT_RECORD_GATE_RULES_H
#define BT_RECORD_GATE_RULES_H

#include <stdbool.h>

#include "base/error.h"
#include "base/options.h"
#include "record/gate-record.h"

#ifdef __cplusplus
extern "C" {
#endif

#define BT_GATE_RULES_MAX 64

typedef struct bt_gate_rule {
    char metric[BT_METRIC_NAME_SIZE]; /* a pattern: * and ? as in a shell, * matches slashes too */
    char unit[BT_METRIC_UNIT_SIZE];   /* of `tolerance`; the metric's must be the same */
    double tolerance_percent, tolerance;
} bt_gate_rule;

typedef struct bt_gate_profile {
    char name[BT_NAME_SIZE];
    double time_percent, instructions_percent; /* no tolerance is below these */
    char on_inconclusive[8]; /* "fail", "pass", "retry": what --on-inconclusive is unless given */
} bt_gate_profile;

typedef struct bt_gate_declared {
    char metric[BT_METRIC_NAME_SIZE]; /* a pattern */
    double up_to_percent;             /* slower by more still fails */
    char reason[256];
} bt_gate_declared;

typedef struct bt_gate_rules {
    double error_percent; /* the chance of a false alarm, over all metrics and looks of one run */
    bt_gate_rule metrics[BT_GATE_RULES_MAX]; /* the first that fits counts */
    bt_gate_profile profiles[BT_GATE_RULES_MAX];
    bt_gate_declared declared[BT_GATE_RULES_MAX];
    int metric_count, profile_count, declared_count;
} bt_gate_rules;

/* What holds for one metric. */
typedef struct bt_gate_limit {
    double percent, absolute;         /* both must be exceeded; absolute is in the metric's unit */
    const bt_gate_declared *declared; /* NULL: nothing is */
} bt_gate_limit;

/* Reads the file. BT_IO, BT_PARSE (file and key), BT_UNSUPPORTED for a newer one. */
BT_MUST_USE bt_status bt_gate_rules_load(bt_gate_rules *rules, const char *path, bt_error *error);
/* Where there is no file: 5 % of every metric, and no profile. */
void bt_gate_rules_default(bt_gate_rules *rules);

/* Puts a profile's floors under every limit that is asked for from now on; "": none. BT_INVALID names the
 * profiles that there are. */
BT_MUST_USE bt_status bt_gate_rules_choose(const bt_gate_rules *rules, const char *profile,
                                           bt_gate_profile *chosen, bt_error *error);

/* Metrics without a rule get 5 %. */
bt_gate_limit bt_gate_limit_of(const bt_gate_rules *rules, const bt_gate_profile *profile, const char *metric,
                               const char *unit);

#ifdef __cplusplus
}
#endif
#endif
