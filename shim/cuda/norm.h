/* InstanceNorm on a CUDA device, fused with what follows it, channels_last: kernels/norm.h once more, for
 * FP16 too.
 *
 * Statistics are in FP32, shifted by each channel's first value (so that a large mean costs no digits) and
 * joined in double. An image of many pixels is shared among blocks: one launch gathers, a second one joins
 * and normalises. A small one takes a single launch. Part of libbatchtune_cuda.so, which needs neither
 * libtorch nor the CUDA toolkit at run time. Plain C, so that the core can check it. */
#ifndef BT_SHIM_CUDA_NORM_H
#define BT_SHIM_CUDA_NORM_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

#define BT_CUDA_NORM_ABI 1

typedef enum bt_cuda_type { BT_CUDA_FP32, BT_CUDA_FP16, BT_CUDA_BF16 } bt_cuda_type;

/* Pointers into the device's memory. */
typedef struct bt_cuda_norm {
    int device;                  /* which: made the calling thread's current one where it is not */
    void *x;                     /* batch x pixels x channels; in place */
    const void *residual;        /* of the same shape and type, apart from x; NULL: none */
    const float *scale, *offset; /* channels each */
    int batch, channels;
    int64_t pixels; /* of an image */
    float epsilon;
    bt_cuda_type type;
    bool relu;
} bt_cuda_norm;

/* Bytes of device memory that bt_cuda_norm_run wants as `workspace`; 0 where it wants none. */
__attribute__((visibility("default"))) size_t bt_cuda_norm_workspace_bytes(const bt_cuda_norm *norm);

/* Launches it on `stream` (a cudaStream_t of the device) and returns at once: 0, or CUDA's error
 * code. May be captured into a graph. Any thread. */
__attribute__((visibility("default"))) int bt_cuda_norm_run(int abi, const bt_cuda_norm *norm,
                                                            void *workspace, void *stream);

/* The same from and to host memory, waiting for the result: for checks. With `runs` above 0 it is run that
 * many more times afterwards, and *seconds is one of those. */
__attribute__((visibility("default"))) int bt_cuda_norm_try(int abi, const bt_cuda_norm *host, int runs,
                                                            double *seconds);

/* CUDA's text for a code that these return; never NULL. */
__attribute__((visibility("default"))) const char *bt_cuda_norm_error(int code);

#ifdef __cplusplus
}
#endif
#endif
