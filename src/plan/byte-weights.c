#include "plan/byte-weights.h"

#include <math.h>
#include <stdlib.h>

#include "kernels/border.h"
#include "kernels/parallel.h"

typedef struct making {
    bt_byte_weights *out;
    int8_t *values;
    const bt_conv_shape *shape;
    const bt_byte_source *source;
    int taps; /* of one input channel */
} making;

/* Where the taps of an input channel begin. */
static size_t place_of(const making *m, int o, int c) {
    return ((size_t)o * (size_t)m->shape->channels + (size_t)c) * (size_t)m->taps;
}

/* What one step of the bytes is worth: so that the largest weight, in the input's units, is `largest` steps. 1 where
 * all are 0; not finite where one is not. */
static float step_of(const making *m, int o) {
    float most = 0;
    for (int c = 0; c < m->shape->channels; c++) {
        const float *weights = m->source->weights + place_of(m, o, c), unit = m->source->input->unit[c];
        for (int tap = 0; tap < m->taps; tap++) {
            const float magnitude = fabsf(weights[tap] * unit);
            if (magnitude > most || isnan(magnitude)) most = magnitude;
        }
    }
    return most == 0 ? 1 : most / (float)m->source->largest;
}

static void round_channel(const making *m, int o, float step) {
    for (int c = 0; c < m->shape->channels; c++) {
        const float *weights = m->source->weights + place_of(m, o, c), unit = m->source->input->unit[c];
        int8_t *values = m->values + place_of(m, o, c);
        for (int tap = 0; tap < m->taps; tap++)
            values[tap] = (int8_t)lrintf(weights[tap] * unit / step);
    }
}

/* What taps add to a sum because their input's zero is not 0: all of them, or those that a kind of pixel
 * misses (kernels/border.h). */
static float zero_sum(const making *m, int o, int kind, bool all) {
    const int k = m->shape->kernel, rows = kind / 4, columns = kind % 4;
    double sum = 0;
    for (int tap = 0; tap < m->taps; tap++) {
        const int i = tap / k, j = tap % k;
        const bool missed = ((rows & 1) && i == 0) || ((rows & 2) && i == k - 1) ||
                            ((columns & 1) && j == 0) || ((columns & 2) && j == k - 1);
        for (int c = 0; (all || missed) && c < m->shape->channels; c++)
            sum += m->values[place_of(m, o, c) + (size_t)tap] * (double)m->source->input->zero[c];
    }
    return (float)sum;
}

static bool has_zeros(const making *m) {
    for (int c = 0; c < m->shape->channels; c++)
        if (m->source->input->zero[c] != 0) return true;
    return false;
}

static void set_channel(const making *m, int o, float step, bool zeros) {
    const bt_byte_source *s = m->source;
    const int unit = s->output ? o % s->output_channels : 0;
    bt_byte_weights *out = m->out;
    out->scales[o] = s->output ? step * s->output->per_unit[unit] : step;
    if (out->bias) {
        float bias = s->bias ? s->bias[o] / step : 0;
        if (s->output) bias += s->output->zero[unit] / out->scales[o];
        out->bias[o] = zeros ? bias - zero_sum(m, o, 0, true) : bias;
    }
    for (int kind = 1; out->lacking && kind < BT_BORDER_KINDS; kind++)
        out->lacking[(size_t)kind * (size_t)m->shape->out_channels + (size_t)o] =
            zero_sum(m, o, kind, false) * out->scales[o];
}

/* Of one output channel; false where a weight is no number. */
static bool make_channel(const making *m, int o, bool zeros) {
    const float step = step_of(m, o);
    if (!isfinite(step)) return false;
    round_channel(m, o, step);
    set_channel(m, o, step, zeros);
    return true;
}

bt_status bt_byte_weights_open(bt_byte_weights *out, int8_t *values, const bt_conv_shape *shape,
                               const bt_byte_source *source, bt_error *error) {
    const making m = {out, values, shape, source, shape->kernel * shape->kernel};
    const size_t channels = (size_t)shape->out_channels;
    const bool zeros = has_zeros(&m), biased = source->bias || zeros || source->output,
               bordered = zeros && shape->padding > 0;
    *out = (bt_byte_weights){.scales = malloc(channels * sizeof(float)),
                             .bias = biased ? malloc(channels * sizeof(float)) : NULL,
                             .lacking = bordered ? calloc(BT_BORDER_KINDS * channels, sizeof(float)) : NULL};
    if (!out->scales || (biased && !out->bias) || (bordered && !out->lacking)) {
        bt_byte_weights_close(out);
        return bt_no_memory(error, "a convolution's weights");
    }
    bool right = true;
#pragma omp parallel for reduction(&& : right) if (channels * place_of(&m, 1, 0) > BT_VALUES_FOR_THREADS)
    for (int o = 0; o < shape->out_channels; o++)
        right = make_channel(&m, o, zeros) && right;
    if (!right) {
        bt_byte_weights_close(out);
        return bt_fail(error, BT_INVALID, "a weight is no number, which INT8 has no byte for");
    }
    return BT_OK;
}

void bt_byte_weights_close(bt_byte_weights *weights) {
    free(weights->scales);
    free(weights->bias);
    free(weights->lacking);
    *weights = (bt_byte_weights){0};
}
