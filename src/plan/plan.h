/* A network made ready for one CPU or GPU, one image size and one precision: nothing left to decide when it
 * runs.
 *
 * The network's operation list is compiled once for each batch size into steps (oneDNN's convolutions and the
 * fused kernels of src/kernels) over one block of memory planned ahead; a run replays them. While it runs,
 * nothing is looked up, converted between layouts, or touched for the first time, and nothing allocated but
 * the few small blocks that oneDNN takes within each call and gives back (and, in FP32, working memory of its
 * matrix products).
 *
 * What the compiler makes of the list (step-norm.c, step-sum.c, ...): a norm works in place on its
 * convolution's result and takes the residual and the activation with it; a fuse layer's sum resizes as it
 * adds; a 1 x 1 convolution over a concatenation of tensors to be resized goes to each of them first, at its
 * own size, since both are linear; a transposed convolution is a 1 x 1 one and a rearrangement; attention's
 * factors are found without writing the weighed tensor in between; concatenations are written in place; 3 x
 * 3 convolutions go by Winograd's tiles where that is faster (convolution.h); a bias before a norm is left
 * out, which takes it away again.
 *
 * On a GPU (cuda.h) the same steps run as kernels of shim/cuda and cuDNN's convolutions, recorded as one graph for
 * each batch size.
 *
 * A plan belongs to one thread at a time, whose OpenMP pool it uses. It needs no libtorch. */
#ifndef BT_PLAN_PLAN_H
#define BT_PLAN_PLAN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/error.h"
#include "image/normalize.h"
#include "image/tensor.h"
#include "kernels/cpu.h"
#include "networks/network.h"
#include "networks/weights.h"
#include "record/calibration.h"

#ifdef __cplusplus
extern "C" {
#endif

typedef struct bt_plan_options {
    const bt_network *network; /* the caller's, read until close */
    const bt_weights *weights; /* read at open only */
    int height, width;         /* of the input, pixels */
    int threads;               /* OpenMP's, positive */
    bt_value_type type;        /* of activations and convolutions' weights: FP32 or BF16; FP16 on a GPU */
    /* INT8: which activations are bytes (units.h), the rest is of `type`; NULL: none. Read at open only. */
    const bt_calibration *calibration;
    bt_cpu_level level; /* of the kernels, one that this CPU has */
    /* On a GPU, cuda:device_index: threads and level say nothing then. */
    bool on_cuda;
    int device_index;
    const char *libraries; /* a folder near which cuDNN may lie; NULL: where the loader looks */
} bt_plan_options;

typedef struct bt_plan bt_plan;

/* Loads oneDNN, packs the weights, compiles batches of one. BT_UNSUPPORTED where oneDNN is missing or the
 * network has something that a plan does not know (the message names it); BT_INVALID for an image size that
 * the network does not take, or a calibration that does not fit it; BT_BACKEND, BT_NO_MEMORY. */
BT_MUST_USE bt_status bt_plan_open(bt_plan **out, const bt_plan_options *options, bt_error *error);
void bt_plan_close(bt_plan **plan); /* NULL-safe; nulls */

/* Compiles batches of `batch_size`, where that is not done yet, and touches all the memory that they need.
 * BT_BACKEND, BT_NO_MEMORY; the plan still runs the sizes that it ran before. */
BT_MUST_USE bt_status bt_plan_prepare(bt_plan *plan, int batch_size, bt_error *error);

/* One forward pass: `images` is batch_size x 3 x height x width, `logits` receives batch_size x 1 x height x
 * width, both float32. Prepares the size first where that was not done. */
BT_MUST_USE bt_status bt_plan_run(bt_plan *plan, int batch_size, const float *images, float *logits,
                                  bt_error *error);

/* ---- pictures as they come ---- */

/* Whether a plan takes them: one on a GPU, which resizes and normalises them itself (as image/resize.h does, within
 * 1/255). */
bool bt_plan_takes_pictures(const bt_plan *plan);
/* Sends picture number `slot` of the next run, height x width x 3 bytes (red, green, blue), on its way to the device;
 * back when nothing more is read of it. `norm` may be NULL: ImageNet's. A slot's last picture stays until another one
 * comes. BT_OUT_OF_DEVICE_MEMORY, BT_BACKEND, BT_NO_MEMORY. */
BT_MUST_USE bt_status bt_plan_put_picture(bt_plan *plan, int slot, const uint8_t *rgb, int height, int width,
                                          const bt_image_norm *norm, bt_error *error);
/* The same of a ready tensor, 3 x height x width of the plan's size, at any address. *tame as bt_tensor_copy says. */
BT_MUST_USE bt_status bt_plan_put_tensor(bt_plan *plan, int slot, const void *values, bt_tensor_type type,
                                         bool *tame, bt_error *error);
/* bt_plan_run on the pictures and tensors in slots 0 ... count - 1, which must have been put; the rest of the batch, if any, is the
 * last of them again. */
BT_MUST_USE bt_status bt_plan_run_pictures(bt_plan *plan, int batch_size, int count, float *logits,
                                           bt_error *error);

/* Memory on the host for images or logits, zeroed, the plan's until close: on a GPU pinned, which is copied fastest.
 * BT_NO_MEMORY, BT_BACKEND; BT_INVALID beyond BT_PLAN_BUFFERS. */
#define BT_PLAN_BUFFERS 4
BT_MUST_USE bt_status bt_plan_buffer(bt_plan *plan, void **out, size_t bytes, bt_error *error);

/* Told of every activation that a run has written: `pixels` of `channels` values, `stride` values from one to
 * the next. Only while it is told do they hold this. It may change them: what follows reads what it leaves. */
typedef void (*bt_observer)(void *context, int tensor, void *values, bt_value_type type, int channels,
                            size_t stride, int64_t pixels);

/* A run that tells `observe` of each tensor of the network that the plan writes; not of the image, nor of what
 * it never puts into memory. */
BT_MUST_USE bt_status bt_plan_observe(bt_plan *plan, int batch_size, const float *images, float *logits,
                                      bt_observer observe, void *context, bt_error *error);

/* ---- looking inside ---- */

/* Steps of a prepared batch size; 0 for another. */
int bt_plan_step_count(const bt_plan *plan, int batch_size);
/* "conv 3x3/1 48>48 64x64 brgconv:avx512_core_bf16", into text. */
void bt_plan_step_text(const bt_plan *plan, int batch_size, int step, char *text, size_t size);
/* Bytes that the step's tensors have: each read once, each written once. */
int64_t bt_plan_step_bytes(const bt_plan *plan, int batch_size, int step);
/* On a GPU: what copying so many bytes within its memory takes. BT_UNSUPPORTED on a CPU; as bt_plan_run. */
BT_MUST_USE bt_status bt_plan_time_copy(bt_plan *plan, size_t bytes, int64_t *ns, bt_error *error);
/* A run that also adds each step's time to step_ns[bt_plan_step_count]. */
BT_MUST_USE bt_status bt_plan_run_timed(bt_plan *plan, int batch_size, const float *images, float *logits,
                                        int64_t *step_ns, bt_error *error);
/* Of INT8, how much of a sample of all activations of all runs so far lay at the end of what a byte holds: what
 * leaves the calibrated range saturates there. NaN where there was none. */
double bt_plan_saturated_fraction(const bt_plan *plan);

/* Of a plan on a GPU, bytes of the device. */
typedef struct bt_plan_memory {
    int64_t total;
    int64_t others;     /* in use now by all but this plan's blocks: contexts, libraries, other programs */
    int64_t used, peak; /* the plan's: weights, activations, and what trying convolutions took */
} bt_plan_memory;
/* BT_UNSUPPORTED for one on a CPU; BT_BACKEND. */
BT_MUST_USE bt_status bt_plan_device_memory(const bt_plan *plan, bt_plan_memory *memory, bt_error *error);
void bt_plan_reset_peak(bt_plan *plan); /* to what is used now */
/* "CUDA 13.0, cuDNN 9.19.0"; "" on a CPU. */
const char *bt_plan_device_about(const bt_plan *plan);
/* Kernels of a pass of a prepared batch size on a GPU; 0 elsewhere. */
int bt_plan_kernel_count(const bt_plan *plan, int batch_size);

/* Bytes held: packed weights, and the block of activations and scratch. */
size_t bt_plan_weight_bytes(const bt_plan *plan);
size_t bt_plan_arena_bytes(const bt_plan *plan);

#ifdef __cplusplus
}
#endif
#endif
