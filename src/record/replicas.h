/* How many replicas of a model a rate takes: what is printed, exported, and kept in a run's record.
 *
 * src/simulate/replicas.h makes it. Plain figures, so that whoever shows or exports a plan simulates nothing. */
#ifndef BT_RECORD_REPLICAS_H
#define BT_RECORD_REPLICAS_H

#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/error.h"
#include "base/options.h"
#include "settings/replicas.h"

#ifdef __cplusplus
extern "C" {
#endif

#define BT_REPLICAS_ROWS 5

/* What so many do at the rate that was asked. NaN where none is answered. */
typedef struct bt_replicas_row {
    int replicas;
    double holds_rps; /* the highest rate that all of them together keep the promise at; 0: none */
    bool keeps;       /* the promise at the rate that was asked */
    double p50_ms, p95_ms, p99_ms;
    double mean_batch_size;
    double mean_under_way; /* requests of one replica that wait or run */
    int64_t lost;          /* requests without a result */
} bt_replicas_row;

typedef struct bt_replicas_plan {
    char model[BT_NAME_SIZE];
    double rate_rps; /* that was asked; 0: nothing was planned */
    double p95_sla_ms, headroom_percent;
    bt_balancing balancing;
    int instances;                          /* of each replica */
    int least;                              /* fewest that keep the promise at the rate; 0: no number does */
    int recommended;                        /* fewest that do with the headroom */
    bt_replicas_row rows[BT_REPLICAS_ROWS]; /* around the recommended number, ascending, that among them */
    int row_count;
    /* When the recommended number is to become one more: requests a second of each, and how many of a replica's requests
     * wait or run then; and one fewer: requests a second of all. NaN: never. */
    double more_above_rps_each, more_above_under_way_each, fewer_below_rps;
} bt_replicas_plan;

/* Some number keeps the promise, or the one that was asked about does. */
bool bt_replicas_plan_keeps(const bt_replicas_plan *plan);

/* "least", "round-robin": as --balancing has it. */
const char *bt_balancing_name(bt_balancing balancing);

/* How requests are sent, for people: "in turn". */
const char *bt_balancing_words(bt_balancing balancing);

/* A new reference; NULL when memory is short. */
json_t *bt_replicas_plan_to_json(const bt_replicas_plan *plan);

/* Under `key`, where anything was planned. Writing returns -1 when memory is short, as jansson's own functions. Reading
 * leaves the plan as it was where there is none, as in older records; BT_PARSE names the place. */
int bt_replicas_plan_write(json_t *object, const char *key, const bt_replicas_plan *plan);
BT_MUST_USE bt_status bt_replicas_plan_read(const json_t *object, const char *key, bt_replicas_plan *plan,
                                            const char *where, bt_error *error);

#ifdef __cplusplus
}
#endif
#endif
