/* Which groups of activations stay in floats where bytes cost too much agreement: those that bring the most of
 * it for what they cost. */
#ifndef BT_BACKEND_CALIBRATE_WIDE_H
#define BT_BACKEND_CALIBRATE_WIDE_H

#include "base/error.h"
#include "plan/plan.h"
#include "record/calibration.h"

#ifdef __cplusplus
extern "C" {
#endif

/* Groups, the one first that should stay wide first. */
typedef struct bt_wide_order {
    int *groups; /* plan/units.h; owned */
    int count;
    int *of_tensor; /* each tensor's group, negative for none; owned */
} bt_wide_order;

/* Each group by itself is rounded to bytes in `reference`, a plan in FP32 that runs `count` images of height x
 * width; what that changes in the logits, over the multiplications that are slower without it, is its
 * place. Takes a run of each image and group, and some 15 s at most. BT_BACKEND, BT_NO_MEMORY. */
BT_MUST_USE bt_status bt_wide_order_open(bt_wide_order *out, bt_plan *reference, const bt_network *network,
                                         const bt_calibration *calibration, const float *images, int count,
                                         bt_error *error);
void bt_wide_order_close(bt_wide_order *order);

/* Marks the first `count` groups of the order as wide, and no others. */
void bt_wide_order_apply(const bt_wide_order *order, int count, bt_calibration *calibration);

#ifdef __cplusplus
}
#endif
#endif
