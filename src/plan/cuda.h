/* A CUDA device as a plan's: libbatchtune_cuda.so (cuda-device.h) loaded, its codes turned into errors.
 *
 * A plan on a GPU is the same list of steps over the same kind of arena as on a CPU; only who holds the memory
 * and who runs a step differ. All of a batch size's steps are recorded once as a graph, and a run replays it. */
#ifndef BT_PLAN_CUDA_H
#define BT_PLAN_CUDA_H

#include "base/error.h"
#include "plan/cuda-device.h"

#ifdef __cplusplus
extern "C" {
#endif

typedef struct bt_cuda {
    const bt_cuda_table *table;
    bt_cuda_context *context;
} bt_cuda;

/* For tests: this table in place of the library's. Any thread, before anything is opened. */
void bt_cuda_use_table(const bt_cuda_table *table);

/* A context of its own on device `index`. `libraries` is a folder of libtorch's, near which cuDNN may lie, or
 * NULL. BT_UNSUPPORTED where the library, cuDNN or the device is missing; BT_NO_MEMORY. */
BT_MUST_USE bt_status bt_cuda_open(bt_cuda **out, int index, const char *libraries, bt_error *error);
void bt_cuda_close(bt_cuda **cuda); /* NULL-safe; nulls */

/* What a function of the table that takes the context returned: BT_OK, or the context's fault as
 * BT_OUT_OF_DEVICE_MEMORY or BT_BACKEND. */
BT_MUST_USE bt_status bt_cuda_result(const bt_cuda *cuda, int code, bt_error *error);

/* Device memory with these values; freed with the context. BT_OUT_OF_DEVICE_MEMORY, BT_BACKEND. */
BT_MUST_USE bt_status bt_cuda_copy(const bt_cuda *cuda, void **out, const void *values, size_t bytes,
                                   bt_error *error);

#ifdef __cplusplus
}
#endif
#endif
