/* A checkpoint's tensors as a network's parameters: every one by its name, each in its shape, none left over,
 * whatever lies around them. Internal to networks/: weights.c asks for it. */
#ifndef BT_NETWORKS_WEIGHTS_FILE_H
#define BT_NETWORKS_WEIGHTS_FILE_H

#include "networks/network.h"

#ifdef __cplusplus
extern "C" {
#endif

#define BT_WEIGHTS_PLACE_SIZE 48
#define BT_WEIGHTS_NOTE_SIZE  256

/* Where in a file the network was found. */
typedef struct bt_weights_found {
    char place[BT_WEIGHTS_PLACE_SIZE]; /* the dictionary or prefix; "" where the file holds it once */
    /* For people: which of several was taken, and how to say otherwise; or "". */
    char note[BT_WEIGHTS_NOTE_SIZE];
} bt_weights_found;

/* Reads every parameter's numbers into values[i], which has room for its count; with `values` NULL only
 * checks that they are all there. `source` is FILE or FILE:PLACE (settings/weights-source.h).
 *
 * A tensor is a parameter's when its whole name, keys of the dictionaries around it included, ends in the
 * parameter's; what stands before is its place, and the network lies where one place has all. Parts that
 * wrappers put into names ("module", "_orig_mod") do not count. Of several places that one is taken that
 * `source` names, else one that can be read; of these one that is not called like an optimizer's moments,
 * gradients or a start ("exp_avg", "grads", "initial_state"); then one that begins or ends in
 * model_state_dict, state_dict or model, in this order; then the first in the file. In the place's own
 * dictionaries no other floating-point tensor may be but what counts or measures.
 *
 * Errors as bt_checkpoint_open and bt_checkpoint_read; BT_INVALID names a tensor that is missing (or what the
 * file's top holds), left over, there twice or of another shape. */
BT_MUST_USE bt_status bt_weights_read_file(const bt_network *network, const char *source,
                                           float *const *values, bt_weights_found *found, bt_error *error);

#ifdef __cplusplus
}
#endif
#endif
