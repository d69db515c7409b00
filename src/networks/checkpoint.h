/* A file of named tensors, as users bring their networks' weights: safetensors, or a state dictionary that
 * Python's torch.save wrote.
 *
 * A checkpoint comes from a stranger. Nothing in it is run: of a pickle only dictionaries, numbers, texts and
 * tensors are understood, everything else is refused by name. Every length, offset and shape is checked
 * against the file before it is used, and memory is taken for what the file can hold, never for what it says.
 * Reading copies: a file that shrinks meanwhile is an error, not a crash.
 */
#ifndef BT_NETWORKS_CHECKPOINT_H
#define BT_NETWORKS_CHECKPOINT_H

#include <stdint.h>

#include "base/error.h"

#ifdef __cplusplus
extern "C" {
#endif

#define BT_STORED_RANK_MAX 8

typedef enum bt_stored_type {
    BT_STORED_F32,
    BT_STORED_F16,
    BT_STORED_BF16,
    BT_STORED_F64,
    BT_STORED_OTHER /* integers and the like: seen, never read */
} bt_stored_type;

typedef struct bt_stored_tensor {
    char *name;
    bt_stored_type type;
    int rank;
    int64_t dims[BT_STORED_RANK_MAX];
    int64_t strides[BT_STORED_RANK_MAX]; /* torch: elements */
    uint64_t count;                      /* elements */
    uint64_t first;                      /* byte in the file (safetensors), element of the storage (torch) */
    char *storage;                       /* torch: its name in the archive */
} bt_stored_tensor;

/* One thread at a time. */
typedef struct bt_checkpoint {
    bt_stored_tensor *tensors; /* in the file's order */
    int tensor_count;
    const struct bt_checkpoint_format *format;
    void *inside;
    char path[512]; /* for messages */
} bt_checkpoint;

/* Reads what the file holds, not yet the numbers; the kind is told by its first bytes, not by its name. Of a
 * torch.save file the state dictionary may be the whole, or lie under "model_state_dict", "state_dict" or
 * "model"; what else is beside it (an optimizer's state, say) is left alone. BT_IO where it cannot be read,
 * BT_PARSE where it is broken or holds what is refused, BT_UNSUPPORTED for another kind of file,
 * BT_NO_MEMORY; the message names the file. */
BT_MUST_USE bt_status bt_checkpoint_open(bt_checkpoint **out, const char *path, bt_error *error);
void bt_checkpoint_close(bt_checkpoint **checkpoint);

/* One tensor's numbers, row-major, as float; `out` has room for its count. BT_PARSE for a type that is no
 * floating point, or data that is not there; BT_IO, BT_NO_MEMORY. */
BT_MUST_USE bt_status bt_checkpoint_read(const bt_checkpoint *checkpoint, const bt_stored_tensor *tensor,
                                         float *out, bt_error *error);

/* ---- for the formats' own files ---- */

typedef struct bt_checkpoint_format {
    bt_status (*read)(const bt_checkpoint *checkpoint, const bt_stored_tensor *tensor, float *out,
                      bt_error *error);
    void (*close)(void *inside);
} bt_checkpoint_format;

/* Fill in tensors, format and inside of a checkpoint with a path; on failure bt_checkpoint_close tidies up.
 */
BT_MUST_USE bt_status bt_safetensors_open(bt_checkpoint *checkpoint, bt_error *error);
BT_MUST_USE bt_status bt_torch_archive_open(bt_checkpoint *checkpoint, bt_error *error);

/* A new last tensor, zeroed, with its name (`length` bytes) copied; NULL where memory is short. */
bt_stored_tensor *bt_checkpoint_add(bt_checkpoint *checkpoint, const char *name, size_t length);

/* Bytes of an element; 0 for BT_STORED_OTHER. */
size_t bt_stored_size(bt_stored_type type);

/* `count` elements in a row (little-endian, any alignment) as floats. */
void bt_stored_convert(float *out, const void *from, bt_stored_type type, uint64_t count);

#ifdef __cplusplus
}
#endif
#endif
