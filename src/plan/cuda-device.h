/* A CUDA device as a plan wants it: memory, pinned memory, one stream, graphs, convolutions and kernels, behind one
 * table of functions.
 *
 * shim/cuda provides it: libbatchtune_cuda.so, which cuda.c loads. It needs the driver, and libcudnn.so.9 for its
 * convolutions, which it loads itself; no libtorch. A context and all that is opened in it belong to one
 * thread at a time. A function that can fail returns 0, or anything else with the reason in the context's
 * `fault`. */
#ifndef BT_PLAN_CUDA_DEVICE_H
#define BT_PLAN_CUDA_DEVICE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "kernels/attention.h"
#include "kernels/dot.h"
#include "kernels/norm.h"
#include "kernels/pool.h"
#include "kernels/rearrange.h"
#include "kernels/scale.h"
#include "kernels/sum.h"

#ifdef __cplusplus
extern "C" {
#endif

#define BT_CUDA_ABI           1
#define BT_CUDA_OUT_OF_MEMORY 2    /* CUDA's own code */
#define BT_CUDA_FAULT         (-1) /* none of CUDA's: the context's fault says it */

/* What a convolution is. Weights are FP16 where activations are (BF16, FP32 likewise), out_channels x kernel x
 * kernel x channels; sums are in FP32. */
typedef struct bt_cuda_conv_shape {
    int batch, channels, height, width; /* of the input */
    int out_channels, kernel, stride, padding;
    bt_value_type type;
} bt_cuda_conv_shape;

/* Of a shape, the fastest that cuDNN has, found by running them once for each context. */
typedef struct bt_cuda_conv_choice {
    char name[96];    /* "eng58 tc" and the like, for traces */
    double seconds;   /* of a run, when it was chosen */
    size_t workspace; /* bytes of scratch that a run wants */
    int tried;        /* how many were */
} bt_cuda_conv_choice;

/* Pictures to a network's input, as bt_image_prepare (image/resize.h) does it on a CPU: resized, antialiased
 * where they shrink, and normalised. */
typedef struct bt_cuda_prepare {
    const unsigned char *pixels; /* batch x in_height x in_width x 3 bytes: red, green, blue */
    int batch, in_height, in_width;
    int height, width;
    void *out;        /* batch x height x width x out_channels, channels_last */
    int out_channels; /* 3 or more; those past the third are 0 */
    bt_value_type type;
    float mean[3], deviation[3]; /* of values in [0, 1] */
} bt_cuda_prepare;

typedef struct bt_cuda_context bt_cuda_context;
typedef struct bt_cuda_graph bt_cuda_graph;
typedef struct bt_cuda_conv bt_cuda_conv;

/* Of bytes. */
typedef struct bt_cuda_memory {
    int64_t total, free; /* of the device, everybody's */
    int64_t used, peak;  /* by this context: memory, and workspaces while algorithms were tried */
} bt_cuda_memory;

typedef struct bt_cuda_table {
    int abi;

    /* *out is never NULL but for want of host memory; close it after a failure too. `libraries` is a folder
     * of libtorch's, near which cuDNN may lie; NULL or "": where the loader finds it. */
    int (*open)(bt_cuda_context **out, int device, const char *libraries);
    void (*close)(bt_cuda_context *context);
    const char *(*fault)(const bt_cuda_context *context); /* of the last failure; never NULL */
    const char *(*about)(const bt_cuda_context *context); /* "CUDA 13.0, cuDNN 9.19.0"; never NULL */

    int (*allocate)(bt_cuda_context *context, void **out, size_t bytes); /* zeroed */
    void (*release)(bt_cuda_context *context, void *memory);             /* waits for the stream; NULL-safe */
    int (*pin)(bt_cuda_context *context, void **out, size_t bytes); /* host memory that goes up fastest */
    void (*unpin)(bt_cuda_context *context, void *memory);
    int (*memory)(bt_cuda_context *context, bt_cuda_memory *memory);
    void (*reset_peak)(bt_cuda_context *context);

    /* In the stream's order; from pinned memory they return at once, from other memory when it was read. */
    int (*up)(bt_cuda_context *context, void *to, const void *from, size_t bytes);
    int (*down)(bt_cuda_context *context, void *to, const void *from, size_t bytes);
    int (*copy)(bt_cuda_context *context, void *to, const void *from, size_t bytes); /* within the device */
    int (*wait)(bt_cuda_context *context); /* until the stream is empty; the CPU sleeps meanwhile */

    /* What is launched between begin and end is recorded instead of run. After a failure of a launch, end it
     * all the same. */
    int (*begin)(bt_cuda_context *context);
    int (*end)(bt_cuda_context *context, bt_cuda_graph **out, int *kernels);
    int (*replay)(bt_cuda_context *context, bt_cuda_graph *graph);
    void (*close_graph)(bt_cuda_graph *graph); /* NULL-safe */
    void *(*stream)(const bt_cuda_context *context);
    /* Device time since the first call with start set, milliseconds; waits. */
    int (*clock)(bt_cuda_context *context, bool start, float *milliseconds);

    /* Finds the fastest for the shape where that is not done yet in this context, with at most
     * `workspace_most` bytes of scratch. Memory for trying is taken and kept until
     * release_trials. */
    int (*open_conv)(bt_cuda_context *context, bt_cuda_conv **out, const bt_cuda_conv_shape *shape,
                     size_t workspace_most);
    void (*release_trials)(bt_cuda_context *context);
    void (*close_conv)(bt_cuda_conv *conv); /* NULL-safe */
    const bt_cuda_conv_choice *(*choice)(const bt_cuda_conv *conv);
    int (*conv)(bt_cuda_conv *conv, const void *x, const void *weights, void *out, void *workspace,
                void *stream);

    /* The kernels: each takes the structure of its operation on a CPU, whose pointers lie in the device's memory and
     * whose `threads` says nothing, launches on a stream of the thread's current device and returns at once: 0, or
     * CUDA's code, whose text is error_text. */
    const char *(*error_text)(int code);
    size_t (*norm_scratch)(const bt_norm *norm);
    int (*norm)(const bt_norm *norm, void *scratch, void *stream);
    int (*sum)(const bt_sum *sum, void *stream);
    int (*pool)(const bt_pool *pool, void *stream);
    int (*scale)(const bt_scale *scale, void *stream);
    int (*dot)(const bt_dot *dot, void *stream);
    int (*sigmoid)(float *values, size_t count, void *stream);
    int (*interleave)(const bt_interleave *interleave, void *stream);
    int (*unfold)(const bt_unfold *unfold, void *stream);
    int (*prepare)(const bt_cuda_prepare *prepare, void *stream);
    size_t (*channel_attention_scratch)(const bt_channel_attention *attention);
    int (*channel_attention)(const bt_channel_attention *attention, void *scratch, void *stream);
    size_t (*spatial_attention_scratch)(const bt_spatial_attention *attention);
    int (*spatial_attention)(const bt_spatial_attention *attention, void *scratch, void *stream);
} bt_cuda_table;

__attribute__((visibility("default"))) const bt_cuda_table *bt_cuda_device_table(void);

#ifdef __cplusplus
}
#endif
#endif
