/* The calls in a pickle that stand for torch's tensors: what they say of one, in full.
 *
 * A tensor is more than a storage and a shape: torch keeps negation and conjugation as flags, wraps
 * parameters and subclasses around it, and has other calls for what is quantised, sparse or on a device of
 * its own. Whatever would make the numbers other than what the bytes say is either heeded here or given as
 * the reason why they cannot be had; a tensor that nobody needs is refused to nobody. (The calls:
 * torch/_utils.py, torch/_tensor.py, and torch/serialization.py for storages.) */
#ifndef BT_NETWORKS_TORCH_TENSOR_H
#define BT_NETWORKS_TORCH_TENSOR_H

#include <stdbool.h>

#include "networks/pickle.h"
#include "networks/stored.h"

#ifdef __cplusplus
extern "C" {
#endif

/* What a storage's persistent id says: ("storage", type, key, place, elements, view). */
typedef struct bt_torch_storage {
    const char *key; /* within the pickle; not terminated */
    size_t key_length;
    bt_stored_type type;
    char dtype[24];        /* "float32", "int64"; the class's own name where it is none that is known */
    size_t element_bytes;  /* 0: not known */
    uint64_t elements;     /* of the whole storage */
    uint64_t first, count; /* the view in it, in elements: all, where there is none */
    bool no_numbers;       /* it was on the meta device */
} bt_torch_storage;

/* False where the node is no storage, or one that torch would not have written. */
bool bt_torch_storage_read(bt_torch_storage *out, const bt_pickle *pickle, int node);

/* Whether a node stands for a tensor or a parameter, or for a numpy array in the place of one, which is a
 * tensor that cannot be read. */
bool bt_torch_is_tensor(const bt_pickle *pickle, int node);
bool bt_torch_is_array(const bt_pickle *pickle, int node);

/* Describes that tensor, into a zeroed one with a name: `first` and `room` are of its storage, whose key
 * `storage` is. What cannot be read is told in `unreadable`. BT_NO_MEMORY. */
BT_MUST_USE bt_status bt_torch_tensor_read(bt_stored_tensor *out, const bt_pickle *pickle, int node,
                                           bt_error *error);

#ifdef __cplusplus
}
#endif
#endif
