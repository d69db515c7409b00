/* A model of the config file made ready to simulate or to serve.
 *
 * Both read the same: the ladder of sizes and the service times come out of the config's measured points in
 * one place, so that a prediction is of the service that will run. */
#ifndef BT_SIMULATE_TUNED_MODEL_H
#define BT_SIMULATE_TUNED_MODEL_H

#include "base/error.h"
#include "record/config.h"
#include "simulate/simulate.h"

#ifdef __cplusplus
extern "C" {
#endif

/* The ladder holds the sizes up to `max_batch_size` (0: the config's choice) that have times and may serve:
 * not those that ran out of memory, over the reserve, crashed, or gave other masks. 1 and max_batch_size are
 * always in it, and a size without samples gets the spread of the nearest one's times, around a median on the
 * straight line through its neighbours' (beyond the last: through the last two, but never less than the
 * nearest says for fewer images, or more an image than it says for more). `standard` is the standard path's
 * time of one image as the speed-up over single images tells it; where that is not known, the production
 * path's of one image. */
typedef struct bt_tuned_model {
    bt_batcher_model batcher;
    bt_service_times times[BT_LADDER_SIZES_MAX]; /* one a size of the ladder, in its order */
    bt_run_order order; /* borrowed of the config; count 0 where no spells were seen, or that is not known */
    bt_idle_cost idle;  /* borrowed of the config, too */
    bt_service_times standard;
    bt_service_times prepare, deliver; /* of one image; count 0 where the config does not know */
    double *storage;                   /* what `times` borrow; owned */
} bt_tuned_model;

/* What it takes, for a simulation: what it sends is the caller's to fill in. It borrows from the tuned model. */
bt_simulation_model bt_tuned_model_simulated(const bt_tuned_model *model);

/* What the config knows of another model, which is number `model` of the simulation. */
bt_neighbour bt_tuned_neighbour(const bt_neighbour_cost *cost, int model);

/* BT_INVALID where the config has no service times at all for the model (it was never measured: the message
 * says so) or the batch size is above BT_LADDER_BATCH_MAX, BT_NO_MEMORY. The batcher's options other than the
 * ladder come from the model's settings (queue delay and size) and are the service's defaults else. */
BT_MUST_USE bt_status bt_tuned_model_open(bt_tuned_model *out, const bt_config_model *model,
                                          int max_batch_size, bt_error *error);
void bt_tuned_model_close(bt_tuned_model *model); /* NULL-safe; may be called twice */

#ifdef __cplusplus
}
#endif
#endif
