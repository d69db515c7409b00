/* A convolution by the fastest way that its shape has: oneDNN's own, or Winograd's tiles around oneDNN's
 * products of matrices.
 *
 * oneDNN 2.x knows Winograd for FP32 by name only and for BF16 not at all. Tiles that give 2 x 2 pixels take 16
 * multiplications where 36 were and 16/9 of the weights' memory; those that give 4 x 4, in FP32 alone, 36 where 144
 * were and four times the memory. They pay where there are channels enough for the products to outweigh reading and
 * writing tiles, and tiles enough to fill the products. One image's shape decides, never the batch's: all batch sizes
 * share the weights, and give the same masks. */
#ifndef BT_PLAN_CONVOLUTION_H
#define BT_PLAN_CONVOLUTION_H

#include "kernels/cpu.h"
#include "plan/onednn.h"

#ifdef __cplusplus
extern "C" {
#endif

typedef struct bt_convolution bt_convolution;

/* As bt_conv_open, whichever way it goes; bytes go by oneDNN's own. `level` is the kernels',
 * one that this CPU has. */
BT_MUST_USE bt_status bt_convolution_open(bt_convolution **out, const bt_conv_shape *shape,
                                          bt_cpu_level level, const void *weights, bt_packed *packed,
                                          bt_packed **fresh, bt_error *error);
void bt_convolution_close(bt_convolution **convolution);

/* Bytes of scratch that a run wants; 64-byte aligned. */
size_t bt_convolution_scratch_bytes(const bt_convolution *convolution);

/* "conv 3x3/1 48>48 64x64 brgconv:avx512_core_bf16", into text. */
void bt_convolution_text(const bt_convolution *convolution, char *text, size_t size);

/* Where it reads and writes from now on. The memory is the caller's; x and out do not overlap. */
void bt_convolution_bind(bt_convolution *convolution, void *x, const float *bias, void *out, void *scratch);

/* Runs it in the calling thread's OpenMP pool; BT_BACKEND where oneDNN fails. */
BT_MUST_USE bt_status bt_convolution_run(const bt_convolution *convolution, bt_error *error);

#ifdef __cplusplus
}
#endif
#endif
