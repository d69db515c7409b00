/* Values that only move: the image into channels_last, and a transposed convolution's result into its place.
 *
 * A transposed convolution whose squares do not overlap is a 1 x 1 convolution to size x size times the
 * channels, and a rearrangement (kernels/rearrange.h). */
#include "kernels/rearrange.h"

#include <stdlib.h>
#include <string.h>

#include "plan/lowering.h"

/* ---- the image ---- */

static void bind_interleave(void *arguments, const bt_step_memory *memory) {
    bt_interleave *interleave = arguments;
    interleave->planes = memory->inputs[0];
    interleave->out = memory->output;
}

static bt_status run_interleave(const void *arguments, bt_cpu_level level, void *scratch, bt_error *error) {
    (void)scratch, (void)error;
    bt_interleave_run(arguments, level);
    return BT_OK;
}

static int launch_interleave(const bt_cuda_table *cuda, const void *arguments, void *scratch, void *stream) {
    (void)scratch;
    return cuda->interleave(arguments, stream);
}

static const bt_step_kind step_interleave = {.name = "interleave",
                                             .size = sizeof(bt_interleave),
                                             .bind = bind_interleave,
                                             .run = run_interleave,
                                             .launch = launch_interleave};

/* Channels of the image on a GPU, whose tensor cores take halves eight by eight: those past the third are 0,
 * and so are their weights. */
#define IMAGE_CHANNELS 8

void bt_lower_image(bt_lowering *l) {
    const bt_shape *image = &l->plan->shapes[0];
    const bt_value_type type = l->plan->options.type;
    if (l->plan->cuda && type != BT_F32)
        l->value[0] = bt_new_value(l, IMAGE_CHANNELS, image->height, image->width, type);
    int to = bt_value_of(l, 0);
    const bt_value x = *bt_value_at(l, to);
    const bt_interleave interleave = {.batch = l->program->batch,
                                      .channels = image->channels,
                                      .out_channels = x.channels,
                                      .pixels = bt_pixels_of(&x),
                                      .type = x.type,
                                      .threads = l->plan->options.threads};
    l->program->image = bt_new_value(l, image->channels, x.height, x.width, BT_F32);
    bt_add_step(l, &step_interleave, &interleave, l->program->image, to);
}

/* ---- transposed convolutions ---- */

static void bind_unfold(void *arguments, const bt_step_memory *memory) {
    bt_unfold *unfold = arguments;
    unfold->x = memory->inputs[0];
    unfold->out = memory->output;
    unfold->second_out = memory->second_output;
}

static bt_status run_unfold(const void *arguments, bt_cpu_level level, void *scratch, bt_error *error) {
    (void)scratch, (void)error;
    bt_unfold_run(arguments, level);
    return BT_OK;
}

static int launch_unfold(const bt_cuda_table *cuda, const void *arguments, void *scratch, void *stream) {
    (void)scratch;
    return cuda->unfold(arguments, stream);
}

static void lower_transposed(bt_lowering *l, int number, const bt_operation *operation);

const bt_step_kind bt_step_unfold = {.name = "unfold",
                                     .size = sizeof(bt_unfold),
                                     .bind = bind_unfold,
                                     .run = run_unfold,
                                     .launch = launch_unfold,
                                     .lowers = {{BT_OPERATION_TRANSPOSED_CONVOLUTION, lower_transposed}}};

/* A transposed convolution's (in, out, k, k) as a 1 x 1 one's (k x k x out, in). */
static float *transpose_weights(const float *weights, int in, int out, int size) {
    float *rows = malloc((size_t)in * (size_t)out * (size_t)(size * size) * sizeof *rows);
    for (int c = 0; rows && c < in; c++)
        for (int o = 0; o < out; o++)
            for (int i = 0; i < size * size; i++)
                rows[((size_t)i * (size_t)out + (size_t)o) * (size_t)in + (size_t)c] =
                    weights[((size_t)c * (size_t)out + (size_t)o) * (size_t)(size * size) + (size_t)i];
    return rows;
}

/* Its bias once for each place of its square. */
static const float *tiled_bias(bt_lowering *l, int number, int out, int size) {
    float **place = &l->plan->tiled_biases[number];
    const float *bias = bt_parameter_values(l, &l->network->operations[number], 1);
    if (!*place && bias) {
        *place = malloc((size_t)out * (size_t)(size * size) * sizeof **place);
        for (int i = 0; *place && i < size * size; i++)
            memcpy(*place + i * out, bias, (size_t)out * sizeof **place);
        if (!*place) bt_lowering_no_memory(l);
    }
    return *place;
}

static void add_unfold(bt_lowering *l, int size, int from, const float *bias, int to, int second) {
    const bt_value *x = bt_value_at(l, from), *y = bt_value_at(l, to);
    const bt_unfold unfold = {.second_stride = second == BT_NO_VALUE ? 0 : bt_stride_of(l, second),
                              .bias = bias,
                              .batch = l->program->batch,
                              .channels = y->channels,
                              .height = x->height,
                              .width = x->width,
                              .size = size,
                              .type = y->type,
                              .threads = l->plan->options.threads};
    bt_plan_step *step = bt_add_step(l, &bt_step_unfold, &unfold, from, to);
    if (step) step->second_output = second;
}

static void lower_transposed(bt_lowering *l, int number, const bt_operation *operation) {
    int from = bt_input_value(l, operation, 0), to = bt_value_of(l, operation->output),
        size = operation->stride;
    const bt_value x = *bt_value_at(l, from);
    int channels = bt_value_at(l, to)->channels,
        folded = bt_new_value(l, channels * size * size, x.height, x.width, bt_value_at(l, to)->type);
    if (l->status == BT_OK) {
        l->program->values[folded].units = bt_units_of(l, operation->output);
        l->program->values[folded].unit_channels = channels;
    }
    float *weights = NULL;
    if (!bt_is_packed(l, number, 0)) {
        weights = transpose_weights(l->weights->values[operation->parameters[0]], x.channels, channels, size);
        if (!weights) bt_lowering_no_memory(l);
    }
    /* A GPU's convolutions take no bias: the rearrangement adds it. */
    const bool later = l->plan->cuda;
    bt_add_convolution(l, number, 0, (bt_conv_shape){.channels = x.channels, .kernel = 1, .stride = 1},
                       weights, from, later ? NULL : tiled_bias(l, number, channels, size), folded);
    free(weights);
    const float *bias = later ? bt_parameter_memory(l, operation, 1) : NULL;
    add_unfold(l, size, folded, bias, to, bt_place_in_concatenation(l, operation->output));
}
