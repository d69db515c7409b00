/* Convolutions.
 *
 * BatchNorm is within the weights (fold.h), and what else an operation has after its convolution is done by it where
 * that writes: the activation, and a residual that nobody reads afterwards. A bias before a norm is left out,
 * since the norm takes away again what it adds to a whole channel. A 1 x 1 convolution to a single channel is a dot product. One over a concatenation of tensors to be resized goes to
 * each of them first, at its own size, and their sum resizes, since both are linear. */
#include "plan/convolution.h"

#include <stdlib.h>
#include <string.h>

#include "base/array.h"
#include "kernels/border.h"
#include "kernels/dot.h"
#include "plan/cuda-convolution.h"
#include "plan/fold.h"
#include "plan/lowering.h"

/* ---- one convolution ---- */

typedef struct convolution {
    bt_convolution *made;
    const float *bias;
} convolution;

static void bind_convolution(void *arguments, const bt_step_memory *memory) {
    const convolution *c = arguments;
    bt_convolution_bind(c->made, memory->inputs[0], c->bias, memory->output, memory->scratch);
}

static bt_status run_convolution(const void *arguments, bt_cpu_level level, void *scratch, bt_error *error) {
    (void)level, (void)scratch; /* given when it was made, and when it was bound */
    return bt_convolution_run(((const convolution *)arguments)->made, error);
}

static size_t convolution_scratch(const void *arguments) {
    return bt_convolution_scratch_bytes(((const convolution *)arguments)->made);
}

static void describe_convolution(const void *arguments, char *text, size_t size) {
    bt_convolution_text(((const convolution *)arguments)->made, text, size);
}

static void close_convolution(void *arguments) {
    bt_convolution_close(&((convolution *)arguments)->made);
}

static void lower_convolution(bt_lowering *l, int number, const bt_operation *operation);

const bt_step_kind bt_step_convolution = {.name = "conv",
                                          .size = sizeof(convolution),
                                          .bind = bind_convolution,
                                          .run = run_convolution,
                                          .scratch = convolution_scratch,
                                          .text = describe_convolution,
                                          .close = close_convolution,
                                          .lowers = {{BT_OPERATION_CONVOLUTION, lower_convolution}}};

/* Keeps what was packed for this shape, and uses it for the next ones. */
static void keep_packed(bt_lowering *l, bt_packed **place, bt_packed *fresh) {
    bt_plan *plan = l->plan;
    if (!fresh) return;
    bt_packed **grown = bt_array_grow(plan->all_packed, (size_t)plan->packed_count, 1, &plan->packed_room,
                                      sizeof(bt_packed *));
    if (!grown) {
        bt_packed_close(&fresh);
        bt_lowering_no_memory(l);
        return;
    }
    plan->all_packed = grown;
    grown[plan->packed_count++] = fresh;
    *place = fresh;
}

bool bt_is_packed(const bt_lowering *l, int number, int part) {
    const int place = number * BT_PLAN_PARTS + part;
    return l->plan->packed[place] || l->plan->device_weights[place];
}

/* ---- of bytes ---- */

static void bind_border(void *arguments, const bt_step_memory *memory) {
    ((bt_border *)arguments)->out = memory->output;
}

static bt_status run_border(const void *arguments, bt_cpu_level level, void *scratch, bt_error *error) {
    (void)scratch, (void)error;
    bt_border_run(arguments, level);
    return BT_OK;
}

static const bt_step_kind step_border = {
    .name = "border", .size = sizeof(bt_border), .bind = bind_border, .run = run_border};

/* What its edge lacks, where the input's zero is not 0. */
static void add_border(bt_lowering *l, const bt_conv_shape *shape, const float *lacking, int to) {
    const bt_value *y = bt_value_at(l, to);
    const bt_border border = {.lacking = lacking,
                              .batch = shape->batch,
                              .channels = y->channels,
                              .height = y->height,
                              .width = y->width,
                              .in_height = shape->height,
                              .in_width = shape->width,
                              .stride = shape->stride,
                              .type = y->type};
    if (lacking) bt_add_step(l, &step_border, &border, to, to);
}

/* The weights as bytes, malloc'ed, and what goes with them kept in the plan; NULL where they are packed
 * already, or something failed. */
static int8_t *byte_weights_of(bt_lowering *l, int number, int part, const bt_conv_shape *shape,
                               const float *weights, const float *bias, const bt_value *x,
                               const bt_value *y) {
    bt_byte_weights *kept = &l->plan->byte_weights[number * BT_PLAN_PARTS + part];
    const bt_byte_source source = {.weights = weights,
                                   .bias = bias,
                                   .input = x->units,
                                   .output = y->units,
                                   .output_channels = y->unit_channels,
                                   .largest = bt_cpu_byte_weight_most(l->plan->options.level)};
    if (kept->scales || l->status != BT_OK) return NULL;
    int8_t *values = malloc((size_t)shape->out_channels * (size_t)shape->channels *
                            (size_t)(shape->kernel * shape->kernel));
    if (!values)
        bt_lowering_no_memory(l);
    else
        l->status = bt_byte_weights_open(kept, values, shape, &source, l->error);
    return values;
}

/* ---- either ---- */

static void check_types(bt_lowering *l, int number, int from, int to) {
    const bt_value *x = bt_value_at(l, from), *y = bt_value_at(l, to);
    const bt_value_type type = l->plan->options.type;
    const bool floats = y->type == type || (y->type == BT_F32 && !l->plan->cuda);
    const bool known = x->type == BT_U8 ? y->type == BT_U8 || floats : x->type == type && floats;
    if (!known || x->home != from || y->home != to) bt_lowering_refuse(l, &l->network->operations[number]);
}

void bt_add_convolution(bt_lowering *l, int number, int part, bt_conv_shape shape, const float *weights,
                        int from, const float *bias, int to) {
    if (l->plan->cuda) {
        bt_add_cuda_convolution(l, number, part, shape, weights, from, bias, to);
        return;
    }
    bt_packed **place = &l->plan->packed[number * BT_PLAN_PARTS + part], *fresh = NULL;
    const bt_byte_weights *bytes = &l->plan->byte_weights[number * BT_PLAN_PARTS + part];
    int8_t *values = NULL;
    const bt_value *x = bt_value_at(l, from), *y = bt_value_at(l, to);
    convolution c = {.bias = bias};
    shape.batch = l->program->batch;
    shape.channels = x->channels;
    shape.height = x->height;
    shape.width = x->width;
    shape.out_channels = y->channels;
    shape.type = x->type;
    shape.out_type = y->type;
    check_types(l, number, from, to);
    if (shape.type == BT_U8) {
        values = byte_weights_of(l, number, part, &shape, weights, bias, x, y);
        c.bias = bytes->bias;
        shape.scales = bytes->scales;
    }
    shape.bias = c.bias != NULL;
    if (l->status == BT_OK)
        l->status = bt_convolution_open(&c.made, &shape, l->plan->options.level,
                                        values ? (const void *)values : weights, *place, &fresh, l->error);
    free(values);
    if (l->status != BT_OK) return;
    keep_packed(l, place, fresh);
    if (!bt_add_step(l, &bt_step_convolution, &c, from, to)) bt_convolution_close(&c.made);
    if (shape.type == BT_U8) add_border(l, &shape, bytes->lacking, to);
}

/* ---- to a single channel ---- */

static void bind_dot(void *arguments, const bt_step_memory *memory) {
    bt_dot *dot = arguments;
    dot->x = memory->inputs[0];
    dot->out = memory->output;
}

static bt_status run_dot(const void *arguments, bt_cpu_level level, void *scratch, bt_error *error) {
    (void)scratch, (void)error;
    bt_dot_run(arguments, level);
    return BT_OK;
}

static int launch_dot(const bt_cuda_table *cuda, const void *arguments, void *scratch, void *stream) {
    (void)scratch;
    return cuda->dot(arguments, stream);
}

static const bt_step_kind step_dot = {.name = "dot",
                                      .size = sizeof(bt_dot),
                                      .only_writes = true,
                                      .bind = bind_dot,
                                      .run = run_dot,
                                      .launch = launch_dot};

static void add_dot(bt_lowering *l, const bt_operation *operation, const float *bias) {
    int from = bt_input_value(l, operation, 0), to = bt_value_of(l, operation->output);
    const bt_value *x = bt_value_at(l, from);
    const bt_dot dot = {.weight = bt_parameter_memory(l, operation, 0),
                        .bias = bias ? *bias : 0,
                        .pixels = l->program->batch * bt_pixels_of(bt_value_at(l, to)),
                        .channels = x->channels,
                        .type = x->type,
                        .threads = l->plan->options.threads};
    if (x->home != from || x->type == BT_U8) bt_lowering_refuse(l, operation);
    bt_add_step(l, &step_dot, &dot, from, to);
}

/* ---- over a concatenation that is never written ---- */

/* Columns [first, first + channels) of a 1 x 1 convolution's weights: what one input of a concatenation
 * meets. */
static float *columns(const float *weights, int rows, int all, int first, int channels) {
    float *part = malloc((size_t)rows * (size_t)channels * sizeof *part);
    for (int i = 0; part && i < rows; i++)
        memcpy(part + (size_t)i * (size_t)channels, weights + (size_t)i * (size_t)all + first,
               (size_t)channels * sizeof *part);
    return part;
}

/* The sum of parts with the operation's activation, to where it writes. */
static void add_finish(bt_lowering *l, const bt_operation *operation, const int *parts, int count,
                       bt_resize resize) {
    const int to = bt_value_of(l, operation->output);
    l->program->hides = l->program->hides || operation->activation != BT_ACTIVATION_NONE;
    bt_add_sum(l, parts, count, to, resize, operation->activation == BT_ACTIVATION_RELU);
    if (operation->activation != BT_ACTIVATION_RELU) bt_add_activation(l, operation, to);
}

/* Each input through its own columns of the weights at its own size, then their sum. */
static void lower_split(bt_lowering *l, int number, const bt_operation *operation,
                        const bt_operation *concatenation, const float *bias) {
    int parts[BT_MAX_INPUTS + 1], first = 0, all = l->plan->shapes[concatenation->output].channels,
                                  out_channels = l->plan->shapes[operation->output].channels,
                                  count = concatenation->input_count;
    float *folded;
    const float *all_weights = bt_filter_weights(l, number, &folded);
    for (int i = 0; i < concatenation->input_count; i++) {
        int from = bt_input_value(l, concatenation, i);
        const bt_value x = *bt_value_at(l, from);
        float *weights = NULL;
        if (all_weights) {
            weights = columns(all_weights, out_channels, all, first, x.channels);
            if (!weights) bt_lowering_no_memory(l);
        }
        parts[i] = bt_new_value(l, out_channels, x.height, x.width, l->plan->options.type);
        bt_add_convolution(l, number, i, (bt_conv_shape){.channels = x.channels, .kernel = 1, .stride = 1},
                           weights, from, i == 0 ? bias : NULL, parts[i]);
        free(weights);
        first += x.channels;
    }
    free(folded);
    if (operation->input_count > 1) parts[count++] = bt_input_value(l, operation, 1);
    if (count > BT_MAX_INPUTS)
        bt_lowering_refuse(l, operation);
    else
        add_finish(l, operation, parts, count, concatenation->resize);
}

/* ---- with what follows within the operation ---- */

/* A residual that nobody reads any more: the convolution adds to it where it lies. What reads it as its input too must
 * have it whole. */
static bool takes_over(const bt_lowering *l, int number, const bt_operation *operation, bool bytes) {
    const int tensor = operation->inputs[1];
    if (operation->input_count < 2 || l->plan->cuda || bytes || tensor == operation->inputs[0] ||
        tensor == l->network->output_tensor || l->last_reader[tensor] != number)
        return false;
    const int residual = bt_input_value(l, operation, 1), x = bt_input_value(l, operation, 0);
    const bt_value *r = bt_value_at(l, residual);
    return r->home == residual && bt_value_at(l, x)->home != residual && r->type == l->plan->options.type;
}

/* Whether the border of what is convolved is mended afterwards (kernels/border.h), which nothing may precede. */
static bool is_bordered(const bt_value *x, const bt_operation *operation) {
    bool signs = false;
    for (int c = 0; x->type == BT_U8 && c < x->unit_channels; c++)
        signs |= x->units->zero[c] != 0;
    return signs && operation->padding > 0;
}

static void lower_whole(bt_lowering *l, int number, const bt_operation *operation, const float *bias) {
    bt_conv_shape shape = {.channels = l->plan->shapes[operation->inputs[0]].channels,
                           .kernel = operation->kernel,
                           .stride = operation->stride,
                           .padding = operation->padding,
                           .dilation = operation->dilation,
                           .groups = operation->groups};
    const int from = bt_input_value(l, operation, 0);
    const bt_value x = *bt_value_at(l, from);
    const bool bytes = bt_units_of(l, operation->output),
               apart = (bytes && x.type != BT_U8) || is_bordered(&x, operation) || operation->input_count > 1;
    float *folded;
    const float *weights = bt_filter_weights(l, number, &folded);
    if (takes_over(l, number, operation, bytes || is_bordered(&x, operation))) {
        l->value[operation->output] = bt_input_value(l, operation, 1);
        shape.adds = true;
    }
    if (shape.adds || !apart) {
        shape.activation = operation->activation;
        l->program->hides = l->program->hides || shape.activation != BT_ACTIVATION_NONE;
        shape.slope = operation->slope;
        bt_add_convolution(l, number, 0, shape, weights, from, bias, bt_value_of(l, operation->output));
    } else {
        const bt_shape *y = &l->plan->shapes[operation->output];
        int parts[2] = {bt_new_value(l, y->channels, y->height, y->width, l->plan->options.type)};
        bt_add_convolution(l, number, 0, shape, weights, from, bias, parts[0]);
        if (operation->input_count > 1) parts[1] = bt_input_value(l, operation, 1);
        add_finish(l, operation, parts, operation->input_count, BT_RESIZE_ALIGNED);
    }
    free(folded);
}

/* ---- which of them ---- */

static bool norm_follows(const bt_lowering *l, int tensor) {
    const bt_operation *reader = bt_only_reader(l, tensor);
    return reader && reader->kind == BT_OPERATION_NORM && reader->inputs[0] == tensor;
}

/* Only a convolution, with a bias at most. */
static bool is_bare(const bt_operation *operation) {
    return !bt_is_normed(operation) && operation->activation == BT_ACTIVATION_NONE &&
           operation->input_count == 1;
}

static bool is_dot(const bt_lowering *l, const bt_operation *operation) {
    return bt_is_pointwise(operation) && is_bare(operation) &&
           l->plan->shapes[operation->output].channels == 1;
}

static void lower_convolution(bt_lowering *l, int number, const bt_operation *operation) {
    const int producer = l->producer[operation->inputs[0]];
    const bt_operation *source = producer == BT_NO_OPERATION ? NULL : &l->network->operations[producer];
    const bool bare = is_bare(operation);
    const float *bias = bare && norm_follows(l, operation->output) ? NULL : bt_filter_bias(l, number, 1);
    if (l->plan->cuda && (!bare || operation->groups > 1 || operation->dilation > 1))
        bt_lowering_fail(
            l, BT_UNSUPPORTED,
            "a plan on a GPU has no BatchNorm, activation, groups or dilation in its convolutions",
            operation);
    if (is_dot(l, operation))
        add_dot(l, operation, bias);
    else if (source && bt_is_split(l, source))
        lower_split(l, number, operation, source, bias);
    else
        lower_whole(l, number, operation, bias);
}
