/* Values that only move: the image into channels_last, and a transposed convolution's result into its place.
 *
 * A transposed convolution is one that is not, to stride x stride times the channels (1 x 1 where its squares do not
 * overlap), and a rearrangement (kernels/rearrange.h). */
#include "kernels/rearrange.h"

#include <stdlib.h>

#include "plan/fold.h"
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

/* But for convolutions. */
static bool reads_image(const bt_operation *operation) {
    bool reads = false;
    for (int i = 0; i < operation->input_count; i++)
        reads = reads || operation->inputs[i] == 0;
    return reads && operation->kind != BT_OPERATION_CONVOLUTION;
}

void bt_lower_image(bt_lowering *l) {
    const bt_shape *image = &l->plan->shapes[0];
    const bt_value_type type = l->plan->options.type;
    for (int i = 0; i < l->network->operation_count && l->plan->cuda && type != BT_F32; i++)
        if (reads_image(&l->network->operations[i])) /* and knows nothing of more channels */
            bt_lowering_refuse(l, &l->network->operations[i]);
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

/* ---- the logits ---- */

static void bind_planes(void *arguments, const bt_step_memory *memory) {
    bt_planes *planes = arguments;
    planes->x = memory->inputs[0];
    planes->planes = memory->output;
}

static bt_status run_planes(const void *arguments, bt_cpu_level level, void *scratch, bt_error *error) {
    (void)level, (void)scratch, (void)error;
    bt_planes_run(arguments);
    return BT_OK;
}

static const bt_step_kind step_planes = {
    .name = "planes", .size = sizeof(bt_planes), .only_writes = true, .bind = bind_planes, .run = run_planes};

int bt_lower_planes(bt_lowering *l, int from) {
    const bt_value x = *bt_value_at(l, from);
    const bt_planes planes = {.stride = bt_stride_of(l, from),
                              .batch = l->program->batch,
                              .channels = x.channels,
                              .pixels = bt_pixels_of(&x),
                              .type = x.type,
                              .threads = l->plan->options.threads};
    const int to = bt_new_value(l, x.channels, x.height, x.width, BT_F32);
    bt_add_step(l, &step_planes, &planes, from, to);
    return to;
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

/* A transposed convolution (in, out, k, k) as one that is not, to stride x stride times the channels: for each pixel
 * what it gives each of its squares' places. Place r of a square takes tap r + padding - stride * d of the input d
 * pixels further on, so a kernel no larger than the stride sees one pixel, and others their neighbours. */
static float *gather_weights(const float *weights, const bt_operation *operation, int in, int out) {
    const int reach = bt_transposed_reach(operation), window = 2 * reach + 1, k = operation->kernel,
              stride = operation->stride;
    const size_t places = (size_t)(stride * stride), taps = (size_t)(window * window);
    float *gathered = calloc((size_t)in * (size_t)out * places * taps, sizeof *gathered);
    for (size_t place = 0; gathered && place < places; place++)
        for (size_t tap = 0; tap < taps; tap++) {
            const int y = (int)place / stride + operation->padding - stride * ((int)tap / window - reach),
                      x = (int)place % stride + operation->padding - stride * ((int)tap % window - reach);
            if (y < 0 || y >= k || x < 0 || x >= k) continue;
            for (size_t o = 0; o < (size_t)out; o++)
                for (size_t c = 0; c < (size_t)in; c++)
                    gathered[((place * (size_t)out + o) * (size_t)in + c) * taps + tap] =
                        weights[(c * (size_t)out + o) * (size_t)(k * k) + (size_t)(y * k + x)];
        }
    return gathered;
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
    float *normed, *gathered = NULL;
    const float *weights = bt_filter_weights(l, number, &normed);
    if (weights) {
        gathered = gather_weights(weights, operation, x.channels, channels);
        if (!gathered) bt_lowering_no_memory(l);
    }
    /* A GPU's convolutions take no bias: the rearrangement adds it. */
    const bool later = l->plan->cuda;
    const int reach = bt_transposed_reach(operation);
    if (later && (reach > 0 || bt_is_normed(operation) || operation->activation != BT_ACTIVATION_NONE))
        bt_lowering_refuse(l, operation);
    const bt_conv_shape shape = {.channels = x.channels,
                                 .kernel = 2 * reach + 1,
                                 .stride = 1,
                                 .padding = reach,
                                 .activation = operation->activation,
                                 .slope = operation->slope};
    bt_add_convolution(l, number, 0, shape, gathered, from,
                       later ? NULL : bt_filter_bias(l, number, size * size), folded);
    free(gathered);
    free(normed);
    l->program->hides = l->program->hides || operation->activation != BT_ACTIVATION_NONE;
    const float *bias = later ? bt_parameter_memory(l, operation, 1) : NULL;
    add_unfold(l, size, folded, bias, to, bt_place_in_concatenation(l, operation->output));
}
