/* A convolution's weights and bias as a plan multiplies by them: with the BatchNorm that follows within them.
 *
 * BatchNorm with running statistics is a factor and an offset for each output channel, known when the weights are read:
 * both go into the convolution, and nothing is left of it when a plan runs. In double, rounded once. */
#ifndef BT_PLAN_FOLD_H
#define BT_PLAN_FOLD_H

#include <stdbool.h>

#include "base/error.h"
#include "networks/network.h"

#ifdef __cplusplus
extern "C" {
#endif

/* Whether a BatchNorm is part of this convolution, transposed or not. */
bool bt_is_normed(const bt_operation *operation);

/* Its weights with the norm's factors, malloc'ed, laid out as the parameter is; `values` are all parameters'. NULL
 * without memory. */
float *bt_folded_weights(const bt_network *network, const bt_operation *operation, float *const *values);

/* What is added to each output channel, `tiles` times over: the bias, and what the norm makes of it. malloc'ed; NULL
 * without memory. The operation has a bias or a norm. */
float *bt_folded_bias(const bt_network *network, const bt_operation *operation, float *const *values,
                      int tiles);

/* How many pixels a transposed convolution sees beside the one under a place of its output, on each side. */
int bt_transposed_reach(const bt_operation *operation);

#ifdef __cplusplus
}
#endif
#endif
