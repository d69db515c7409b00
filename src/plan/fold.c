#include "plan/fold.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

bool bt_is_normed(const bt_operation *operation) {
    return (operation->kind == BT_OPERATION_CONVOLUTION ||
            operation->kind == BT_OPERATION_TRANSPOSED_CONVOLUTION) &&
           operation->parameters[BT_CONVOLUTION_MEAN] != BT_NO_PARAMETER;
}

static const float *values_of(const bt_operation *operation, float *const *values, int parameter) {
    const int number = operation->parameters[parameter];
    return number == BT_NO_PARAMETER ? NULL : values[number];
}

/* What the norm multiplies output channel `o` by; 1 without one. */
static double factor_of(const bt_operation *operation, float *const *values, size_t o) {
    if (!bt_is_normed(operation)) return 1;
    return (double)values_of(operation, values, BT_CONVOLUTION_SCALE)[o] /
           sqrt((double)values_of(operation, values, BT_CONVOLUTION_VARIANCE)[o] + BT_NORM_EPSILON);
}

float *bt_folded_weights(const bt_network *network, const bt_operation *operation, float *const *values) {
    const bt_parameter *parameter = &network->parameters[operation->parameters[0]];
    const float *weights = values[operation->parameters[0]];
    const bool transposed = operation->kind == BT_OPERATION_TRANSPOSED_CONVOLUTION; /* in, out, k, k */
    const size_t first = (size_t)parameter->dims[0], second = (size_t)parameter->dims[1],
                 taps = (size_t)(parameter->dims[2] * parameter->dims[3]);
    float *folded = malloc(parameter->count * sizeof *folded);
    for (size_t i = 0; folded && i < first; i++)
        for (size_t j = 0; j < second; j++) {
            const double factor = factor_of(operation, values, transposed ? j : i);
            for (size_t t = 0; t < taps; t++) {
                const size_t at = (i * second + j) * taps + t;
                folded[at] = (float)((double)weights[at] * factor);
            }
        }
    return folded;
}

float *bt_folded_bias(const bt_network *network, const bt_operation *operation, float *const *values,
                      int tiles) {
    const size_t channels = (size_t)network->channels[operation->output];
    const float *bias = values_of(operation, values, BT_CONVOLUTION_BIAS);
    float *folded = malloc(channels * (size_t)tiles * sizeof *folded);
    for (size_t o = 0; folded && o < channels; o++) {
        double value = bias ? (double)bias[o] : 0;
        if (bt_is_normed(operation))
            value = (value - (double)values_of(operation, values, BT_CONVOLUTION_MEAN)[o]) *
                        factor_of(operation, values, o) +
                    (double)values_of(operation, values, BT_CONVOLUTION_OFFSET)[o];
        folded[o] = (float)value;
    }
    for (int i = 1; folded && i < tiles; i++)
        memcpy(folded + (size_t)i * channels, folded, channels * sizeof *folded);
    return folded;
}

int bt_transposed_reach(const bt_operation *operation) {
    const int stride = operation->stride, before = operation->kernel - 1 - operation->padding,
              after = stride - 1 + operation->padding;
    const int back = before / stride, on = after / stride;
    return back > on ? back : on;
}
