/* A checkpoint's tensors as a network's parameters: every one by its name, each in its shape, none left over.
 * Internal to networks/: weights.c asks for it. */
#ifndef BT_NETWORKS_WEIGHTS_FILE_H
#define BT_NETWORKS_WEIGHTS_FILE_H

#include "networks/network.h"

#ifdef __cplusplus
extern "C" {
#endif

/* Reads every parameter's numbers into values[i], which has room for its count; with `values` NULL only
 * checks that they are all there. Wrappers' prefixes ("module.", "_orig_mod.") do not count. Errors as
 * bt_checkpoint_open and bt_checkpoint_read; BT_INVALID names a tensor that is missing, left over, there
 * twice or of another shape. */
BT_MUST_USE bt_status bt_weights_read_file(const bt_network *network, const char *path, float *const *values,
                                           bt_error *error);

#ifdef __cplusplus
}
#endif
#endif
