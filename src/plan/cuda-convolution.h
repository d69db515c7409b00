/* A convolution of a plan on a GPU: cuDNN's fastest, its weights in the device's memory. */
#ifndef BT_PLAN_CUDA_CONVOLUTION_H
#define BT_PLAN_CUDA_CONVOLUTION_H

#include "plan/lowering.h"

/* As bt_add_convolution, on the plan's device. A bias is a step of its own. */
void bt_add_cuda_convolution(bt_lowering *l, int number, int part, bt_conv_shape shape, const float *weights,
                             int from, const float *bias, int to);

#endif
