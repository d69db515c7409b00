#include "plan/cuda-convolution.h"

#include <stdio.h>
#include <stdlib.h>

#include "base/half.h"

/* Scratch that cuDNN may have for one convolution. The few algorithms that want more are no faster, and it
 * counts once for a whole plan. */
#define WORKSPACE_MOST ((size_t)256 << 20)

typedef struct convolution {
    bt_cuda_conv *made;
    const void *weights;
    const void *x;
    void *out;
    bt_cuda_conv_shape shape;
    void (*close)(bt_cuda_conv *made);
    char name[sizeof((bt_cuda_conv_choice *)NULL)->name];
    size_t workspace;
} convolution;

static void bind_convolution(void *arguments, const bt_step_memory *memory) {
    convolution *c = arguments;
    c->x = memory->inputs[0];
    c->out = memory->output;
}

static int launch_convolution(const bt_cuda_table *cuda, const void *arguments, void *scratch, void *stream) {
    const convolution *c = arguments;
    return cuda->conv(c->made, c->x, c->weights, c->out, scratch, stream);
}

static size_t scratch_of(const bt_cuda_table *cuda, const void *arguments) {
    (void)cuda;
    return ((const convolution *)arguments)->workspace;
}

static void describe(const void *arguments, char *text, size_t size) {
    const convolution *c = arguments;
    const bt_cuda_conv_shape *s = &c->shape;
    snprintf(text, size, "conv %dx%d/%d %d>%d %dx%d %s", s->kernel, s->kernel, s->stride, s->channels,
             s->out_channels, s->height, s->width, c->name);
}

static void close_convolution(void *arguments) {
    const convolution *c = arguments;
    c->close(c->made);
}

static const bt_step_kind step_cuda_convolution = {.name = "conv",
                                                   .size = sizeof(convolution),
                                                   .bind = bind_convolution,
                                                   .launch = launch_convolution,
                                                   .cuda_scratch = scratch_of,
                                                   .text = describe,
                                                   .close = close_convolution};

/* ---- its bias ---- */

/* A rearrangement (kernels/rearrange.h) of squares of one pixel leaves everything in its place, and adds it. */
static void bind_bias(void *arguments, const bt_step_memory *memory) {
    bt_unfold *unfold = arguments;
    unfold->x = unfold->out = memory->output;
}

static int launch_bias(const bt_cuda_table *cuda, const void *arguments, void *scratch, void *stream) {
    (void)scratch;
    return cuda->unfold(arguments, stream);
}

static const bt_step_kind step_bias = {
    .name = "bias", .size = sizeof(bt_unfold), .bind = bind_bias, .launch = launch_bias};

static void add_bias(bt_lowering *l, const bt_operation *operation, int value) {
    const bt_value *y = bt_value_at(l, value);
    const bt_unfold unfold = {.bias = bt_parameter_memory(l, operation, 1),
                              .batch = l->program->batch,
                              .channels = y->channels,
                              .height = y->height,
                              .width = y->width,
                              .size = 1,
                              .type = y->type};
    bt_add_step(l, &step_bias, &unfold, value, value);
}

/* ---- its weights ---- */

static void put(void *values, size_t i, bt_value_type type, float value) {
    if (type == BT_F32)
        ((float *)values)[i] = value;
    else
        ((uint16_t *)values)[i] = type == BT_F16 ? bt_half_bits(value) : bt_bfloat_bits(value);
}

/* out x in x k x k as out x k x k x channels, those past `in` 0; malloc'ed. */
static void *channels_last(const float *weights, const bt_cuda_conv_shape *s, int in) {
    const size_t taps = (size_t)(s->kernel * s->kernel), channels = (size_t)s->channels;
    void *values = calloc((size_t)s->out_channels * taps * channels, bt_value_bytes(s->type));
    for (size_t o = 0; values && o < (size_t)s->out_channels; o++)
        for (size_t c = 0; c < (size_t)in; c++)
            for (size_t t = 0; t < taps; t++)
                put(values, (o * taps + t) * channels + c, s->type, weights[(o * (size_t)in + c) * taps + t]);
    return values;
}

/* Where they lie on the device, sent there at the first compilation. */
static const void *weights_on_device(bt_lowering *l, int number, int part, const bt_cuda_conv_shape *s,
                                     const float *weights, int in) {
    bt_plan *plan = l->plan;
    void **place = &plan->device_weights[number * BT_PLAN_PARTS + part];
    const size_t bytes = (size_t)s->out_channels * (size_t)(s->kernel * s->kernel) * (size_t)s->channels *
                         bt_value_bytes(s->type);
    if (*place || l->status != BT_OK) return *place;
    void *values = channels_last(weights, s, in);
    if (!values)
        bt_lowering_no_memory(l);
    else
        l->status = bt_cuda_copy(plan->cuda, place, values, bytes, l->error);
    plan->device_weight_bytes += bytes;
    free(values);
    return *place;
}

void bt_add_cuda_convolution(bt_lowering *l, int number, int part, bt_conv_shape shape, const float *weights,
                             int from, const float *bias, int to) {
    const bt_value *x = bt_value_at(l, from), *y = bt_value_at(l, to);
    const bt_cuda *cuda = l->plan->cuda;
    convolution c = {.shape = {.batch = l->program->batch,
                               .channels = x->channels,
                               .height = x->height,
                               .width = x->width,
                               .out_channels = y->channels,
                               .kernel = shape.kernel,
                               .stride = shape.stride,
                               .padding = shape.padding,
                               .type = x->type},
                     .close = cuda->table->close_conv};
    if (x->type != y->type || x->home != from || y->home != to)
        bt_lowering_refuse(l, &l->network->operations[number]);
    c.weights = weights_on_device(l, number, part, &c.shape, weights, shape.channels);
    if (l->status == BT_OK)
        l->status = bt_cuda_result(
            cuda, cuda->table->open_conv(cuda->context, &c.made, &c.shape, WORKSPACE_MOST), l->error);
    if (l->status != BT_OK) return;
    const bt_cuda_conv_choice *choice = cuda->table->choice(c.made);
    snprintf(c.name, sizeof c.name, "%s", choice->name);
    c.workspace = choice->workspace;
    if (!bt_add_step(l, &step_cuda_convolution, &c, from, to)) cuda->table->close_conv(c.made);
    if (bias) add_bias(l, &l->network->operations[number], to);
}
