/* A simulation that somebody else moves, request by request: several of them stand behind one balancer (fleet.h). For
 * everything else there is bt_simulate, which is this from its beginning to its end. */
#ifndef BT_SIMULATE_STEPPED_H
#define BT_SIMULATE_STEPPED_H

#include <stdint.h>

#include "base/error.h"
#include "simulate/simulate.h"

#ifdef __cplusplus
extern "C" {
#endif

typedef struct bt_stepped bt_stepped;

/* Errors as bt_simulate. The options are borrowed until it is closed, and a model's schedule may grow meanwhile, within the
 * arrivals that it is opened with: `arrival_count` says how many of them are known yet. The caller closes it. */
BT_MUST_USE bt_status bt_stepped_open(bt_stepped **out, const bt_simulation_options *options,
                                      bt_error *error);

/* Everything happens that does until then, that instant included. */
void bt_stepped_until(bt_stepped *stepped, int64_t until_ns);

/* A model's requests that were sent and have no answer. */
int64_t bt_stepped_under_way(const bt_stepped *stepped, int model);

/* Runs to its end, closes it, and gives what bt_simulate would: errors as there. The caller closes *out. */
BT_MUST_USE bt_status bt_stepped_finish(bt_stepped **stepped, bt_simulation **out, bt_error *error);
void bt_stepped_close(bt_stepped **stepped); /* NULL-safe; nulls */

#ifdef __cplusplus
}
#endif
#endif
