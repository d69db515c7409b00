/* The plan's kernels on a CUDA device: what src/kernels is on a CPU, with the very same arguments.
 *
 * Every function takes the structure of its operation (kernels/norm.h, kernels/sum.h, ...), whose pointers lie
 * in the device's memory and whose `threads` says nothing here, launches on a stream of the calling thread's
 * current device and returns at once: 0, or CUDA's error code. Each may be captured into a graph; none
 * allocates, waits or keeps anything. Activations are FP16, BF16 or FP32, channels_last; sums are in FP32.
 * What a CPU kernel says of bytes (BT_U8) is not here: cudaErrorInvalidValue.
 *
 * One operation a file. */
#ifndef BT_SHIM_CUDA_KERNELS_H
#define BT_SHIM_CUDA_KERNELS_H

#include "plan/cuda-device.h"

#ifdef __cplusplus
extern "C" {
#endif

/* out = activation(norm(x) * scale + offset + residual); out may be x. The scratch is bt_cuda_norm_scratch's
 * bytes, 256-byte aligned, and its first use needs no particular contents. */
size_t bt_cuda_norm_scratch(const bt_norm *norm);
int bt_cuda_norm(const bt_norm *norm, void *scratch, void *stream);

/* Inputs of the output's size or resized to it bilinearly, corners aligned; out a slice of a wider tensor
 * where out_stride says so. */
int bt_cuda_sum(const bt_sum *sum, void *stream);

int bt_cuda_pool(const bt_pool *pool, void *stream);
int bt_cuda_scale(const bt_scale *scale, void *stream);
int bt_cuda_dot(const bt_dot *dot, void *stream);
int bt_cuda_sigmoid(float *values, size_t count, void *stream);

/* The image: planes of floats to out_channels values a pixel, those past `channels` 0. */
int bt_cuda_interleave(const bt_interleave *interleave, void *stream);
/* A transposed convolution's rearrangement. With a `bias` (channels), that is added. */
int bt_cuda_unfold(const bt_unfold *unfold, void *stream);

/* See bt_cuda_prepare. */
int bt_cuda_prepare_images(const bt_cuda_prepare *prepare, void *stream);

size_t bt_cuda_channel_attention_scratch(const bt_channel_attention *attention);
int bt_cuda_channel_attention(const bt_channel_attention *attention, void *scratch, void *stream);
size_t bt_cuda_spatial_attention_scratch(const bt_spatial_attention *attention);
int bt_cuda_spatial_attention(const bt_spatial_attention *attention, void *scratch, void *stream);

#ifdef __cplusplus
}
#endif
#endif
