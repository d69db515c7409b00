/* What another model of a service costs a model's runs, as tuning measured it with both in one process: in a record with
 * every sample, in the config what came of them.
 *
 * Two things come of sharing hardware. Runs on cores or devices of their own go on side by side, and share what these
 * share: caches, memory, power. Runs on the same ones take turns, and find what the other left behind. */
#ifndef BT_RECORD_NEIGHBOURS_H
#define BT_RECORD_NEIGHBOURS_H

#include <jansson.h>

#include "base/error.h"
#include "base/fields.h"
#include "base/options.h"

#ifdef __cplusplus
extern "C" {
#endif

#define BT_NEIGHBOURS_MAX (BT_NAMES_MAX - 1)

typedef struct bt_neighbour_cost {
    char model[BT_NAME_SIZE];             /* the other */
    int batch_size, neighbour_batch_size; /* of the runs that were timed, and of the other's */
    /* So many of the other's runs were under way elsewhere; 0: none ever are, since both only take turns. A run then took
     * `slowdown` times as long as in the sweep, between the bounds (95 % on each side); NaN where that is unknown. */
    int beside;
    double slowdown, slowdown_lower, slowdown_upper;
    /* A run's more after the other's than after its own model's; NaN where they never take turns. */
    double switch_ms;
} bt_neighbour_cost;

/* In the order taken; owned; 0 where there are none. */
typedef struct bt_neighbour_times {
    bt_neighbour_cost cost;
    double *alone_samples_ms, *beside_samples_ms; /* in rounds of as many of either */
    double *turn_samples_ms; /* after the other's run and after its own model's, by turns */
    int alone_sample_count, beside_sample_count, turn_sample_count;
} bt_neighbour_times;

extern const bt_field bt_neighbour_fields[8]; /* of the cost */

/* Nothing is known but who it is. */
bt_neighbour_cost bt_neighbour_cost_of(const char *model);

void bt_neighbour_times_close(bt_neighbour_times *times); /* may be called twice */

/* `item` is a bt_neighbour_times; a new reference, NULL when memory is short. Reading: BT_PARSE, BT_NO_MEMORY; what is
 * read is the caller's to close, after a failure too. */
json_t *bt_neighbour_times_to_json(const void *item);
BT_MUST_USE bt_status bt_neighbour_times_from_json(const json_t *object, bt_neighbour_times *out,
                                                   const char *where, bt_error *error);

#ifdef __cplusplus
}
#endif
#endif
