/* Which sizes of images a user's network takes, as its JSON file says: any, some, or a range in steps. */
#ifndef BT_NETWORKS_MODEL_SIZES_H
#define BT_NETWORKS_MODEL_SIZES_H

#include <stdbool.h>

#include "base/options.h"

#ifdef __cplusplus
extern "C" {
#endif

/* Heights and widths, pixels. All zeros: nothing is said, and any may do. */
typedef struct bt_model_sizes {
    int count;                /* of those listed; 0 for a range */
    int listed[BT_SIZES_MAX]; /* in the order in which they were said */
    int from, to, step;       /* from, from + step, ... at most to; step 0: no range */
} bt_model_sizes;

/* Whether a height or width is among them; true where nothing is said. */
bool bt_model_sizes_have(const bt_model_sizes *sizes, int side);

/* "256, 512 or 1024", "256 to 2048 in steps of 32"; cut where it does not fit. */
void bt_model_sizes_write(char *out, size_t size, const bt_model_sizes *sizes);

#ifdef __cplusplus
}
#endif
#endif
