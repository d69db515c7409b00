/* The compiler: a network's operations to a program's steps and values, one function for each kind. plan.h
 * says what it makes of them. */
#include <omp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "kernels/parallel.h"
#include "plan/arena.h"
#include "plan/program.h"

#define NO_OPERATION (-1)

/* State of one compilation. A failure sticks: later steps are not added. */
typedef struct lowering {
    bt_plan *plan;
    bt_program *program;
    const bt_network *network;
    const bt_weights *weights; /* NULL once everything is packed */
    int *readers;              /* of each tensor, how often it is read */
    int *reader;               /* the last operation that reads it; NO_OPERATION */
    int *producer;             /* the operation that writes it; NO_OPERATION for the image */
    int *value;                /* where each tensor lies; BT_NO_VALUE until it does */
    int *factors;              /* of a tensor that is still to be weighed by them, else BT_NO_VALUE */
    bool *placed; /* [operation * BT_MAX_INPUTS + input]: written into its concatenation already */
    bt_status status;
    bt_error *error;
} lowering;

static void fail(lowering *l, bt_status status, const char *what, const bt_operation *operation) {
    if (l->status != BT_OK) return;
    l->status = bt_fail(l->error, status, "%s: %s%s%s", l->network->name, what, operation ? ": " : "",
                        operation ? bt_operation_name(operation->kind) : "");
}

static void refuse(lowering *l, const bt_operation *operation) {
    fail(l, BT_UNSUPPORTED, "the compiled plan does not know this form of operation", operation);
}

/* ---- values and steps ---- */

/* `array` with room for one more, zeroed from `count` on; NULL where memory is short. */
static void *with_room(void *array, int count, int *capacity, size_t size) {
    if (count < *capacity) return array;
    int wanted = *capacity > 0 ? 2 * *capacity : 64;
    char *grown = realloc(array, (size_t)wanted * size);
    if (!grown) return NULL;
    memset(grown + (size_t)count * size, 0, (size_t)(wanted - count) * size);
    *capacity = wanted;
    return grown;
}

static int add_value(lowering *l, bt_value value) {
    bt_program *program = l->program;
    bt_value *room = with_room(program->values, program->value_count, &program->value_capacity, sizeof *room);
    if (!room) {
        fail(l, BT_NO_MEMORY, "out of memory for a plan", NULL);
        return 0;
    }
    program->values = room;
    value.home = value.home == BT_NO_VALUE ? program->value_count : value.home;
    room[program->value_count] = value;
    return program->value_count++;
}

static int new_value(lowering *l, int channels, int height, int width, bool bf16) {
    return add_value(
        l, (bt_value){
               .channels = channels, .height = height, .width = width, .bf16 = bf16, .home = BT_NO_VALUE});
}

/* The tensor's own value, made where it has none yet. A single channel stays in FP32: it is a map of weights
 * or the logits, costs little, and decides much. */
static int value_of(lowering *l, int tensor) {
    if (l->value[tensor] == BT_NO_VALUE) {
        const bt_shape *shape = &l->plan->shapes[tensor];
        bool bf16 = l->plan->options.bf16 && shape->channels > 1;
        l->value[tensor] = new_value(l, shape->channels, shape->height, shape->width, bf16);
    }
    return l->value[tensor];
}

static const bt_value *look(const lowering *l, int value) {
    return &l->program->values[value];
}

static int input_value(lowering *l, const bt_operation *operation, int input) {
    int value = l->value[operation->inputs[input]];
    return value == BT_NO_VALUE ? 0 : value;
}

/* A new step, everything zero but what it does; NULL once something has failed. */
static bt_plan_step *add_step(lowering *l, bt_step_does does, int input, int output) {
    bt_program *program = l->program;
    if (l->status != BT_OK) return NULL;
    bt_plan_step *room =
        with_room(program->steps, program->step_count, &program->step_capacity, sizeof *room);
    if (!room) {
        fail(l, BT_NO_MEMORY, "out of memory for a plan", NULL);
        return NULL;
    }
    program->steps = room;
    bt_plan_step *step = &room[program->step_count++];
    *step = (bt_plan_step){.does = does,
                           .inputs = {input},
                           .input_count = input != BT_NO_VALUE,
                           .output = output,
                           .also = BT_NO_VALUE};
    return step;
}

static void read_too(bt_plan_step *step, int value) {
    step->inputs[step->input_count++] = value;
}

static size_t stride_of(const lowering *l, int value) {
    return (size_t)look(l, look(l, value)->home)->channels;
}

static int64_t pixels_of(const bt_value *value) {
    return (int64_t)value->height * value->width;
}

static void want_scratch(lowering *l, size_t bytes) {
    if (bytes > l->program->scratch_bytes) l->program->scratch_bytes = bytes;
}

/* ---- parameters ---- */

static int parameter_of(const bt_operation *operation, int index) {
    return operation->parameters[index];
}

/* A parameter's numbers, copied at the first compilation; NULL where the operation has none. */
static const float *numbers(lowering *l, const bt_operation *operation, int index) {
    int number = parameter_of(operation, index);
    if (number == BT_NO_PARAMETER) return NULL;
    float **place = &l->plan->parameters[number];
    if (!*place && l->weights) {
        size_t bytes = l->network->parameters[number].count * sizeof **place;
        *place = aligned_alloc(BT_CACHE_LINE, bt_rounded(bytes));
        if (*place) memcpy(*place, l->weights->values[number], bytes);
    }
    if (!*place) fail(l, BT_NO_MEMORY, "out of memory for a plan's parameters", operation);
    return *place;
}

/* Columns [first, first + channels) of a 1 x 1 convolution's weights: what one input of a concatenation
 * meets. */
static float *columns(const float *weights, int rows, int all, int first, int channels) {
    float *part = malloc((size_t)rows * (size_t)channels * sizeof *part);
    for (int i = 0; part && i < rows; i++)
        memcpy(part + (size_t)i * (size_t)channels, weights + (size_t)i * (size_t)all + first,
               (size_t)channels * sizeof *part);
    return part;
}

/* A transposed convolution's (in, out, k, k) as a 1 x 1 one's (k x k x out, in). */
static float *turned(const float *weights, int in, int out, int size) {
    float *rows = malloc((size_t)in * (size_t)out * (size_t)(size * size) * sizeof *rows);
    for (int c = 0; rows && c < in; c++)
        for (int o = 0; o < out; o++)
            for (int i = 0; i < size * size; i++)
                rows[((size_t)i * (size_t)out + (size_t)o) * (size_t)in + (size_t)c] =
                    weights[((size_t)c * (size_t)out + (size_t)o) * (size_t)(size * size) + (size_t)i];
    return rows;
}

/* A transposed convolution's bias once for each place of its square. */
static const float *tiled_bias(lowering *l, int number, int out, int size) {
    float **place = &l->plan->tiled_biases[number];
    const float *bias = numbers(l, &l->network->operations[number], 1);
    if (!*place && bias) {
        *place = malloc((size_t)out * (size_t)(size * size) * sizeof **place);
        for (int i = 0; *place && i < size * size; i++)
            memcpy(*place + i * out, bias, (size_t)out * sizeof **place);
        if (!*place) fail(l, BT_NO_MEMORY, "out of memory for a plan's parameters", NULL);
    }
    return *place;
}

/* ---- convolutions ---- */

/* Keeps what was packed for this shape, and uses it for the next ones. */
static void keep_packed(lowering *l, bt_packed **place, bt_packed *fresh) {
    bt_plan *plan = l->plan;
    if (!fresh) return;
    bt_packed **room =
        with_room(plan->all_packed, plan->packed_count, &plan->packed_capacity, sizeof(bt_packed *));
    if (!room) {
        bt_packed_close(&fresh);
        fail(l, BT_NO_MEMORY, "out of memory for a plan", NULL);
        return;
    }
    plan->all_packed = room;
    room[plan->packed_count++] = fresh;
    *place = fresh;
}

/* A convolution of `part` of an operation's weights, from value to value. */
static void add_conv(lowering *l, int number, int part, bt_conv_shape shape, const float *weights, int from,
                     const float *bias, int to) {
    bt_packed **place = &l->plan->packed[number * BT_PLAN_PARTS + part], *fresh = NULL;
    bt_convolution *convolution = NULL;
    bt_status status = BT_OK;
    shape.batch = l->program->batch;
    shape.channels = look(l, from)->channels;
    shape.height = look(l, from)->height;
    shape.width = look(l, from)->width;
    shape.out_channels = look(l, to)->channels;
    shape.bf16 = l->plan->options.bf16;
    shape.bias = bias != NULL;
    if (look(l, from)->bf16 != shape.bf16 || look(l, to)->bf16 != shape.bf16 || look(l, from)->home != from ||
        look(l, to)->home != to)
        refuse(l, &l->network->operations[number]);
    if (l->status != BT_OK) return;
    status =
        bt_convolution_open(&convolution, &shape, l->plan->options.level, weights, *place, &fresh, l->error);
    if (status != BT_OK) {
        l->status = status;
        return;
    }
    keep_packed(l, place, fresh);
    want_scratch(l, bt_convolution_scratch_bytes(convolution));
    bt_plan_step *step = add_step(l, BT_DOES_CONV, from, to);
    if (!step) {
        bt_convolution_close(&convolution);
        return;
    }
    step->as.conv.convolution = convolution;
    step->as.conv.bias = bias;
}

static bool is_packed(const lowering *l, int number, int part) {
    return l->plan->packed[number * BT_PLAN_PARTS + part] != NULL;
}

/* The operation that alone reads a tensor; NULL where several do, or the caller. */
static const bt_operation *only_reader(const lowering *l, int tensor) {
    if (l->readers[tensor] != 1 || l->reader[tensor] == NO_OPERATION) return NULL;
    return &l->network->operations[l->reader[tensor]];
}

/* A norm takes away what a bias adds to a whole channel. */
static bool norm_follows(const lowering *l, int tensor) {
    const bt_operation *reader = only_reader(l, tensor);
    return reader && reader->kind == BT_OPERATION_NORM && reader->inputs[0] == tensor;
}

static bool is_pointwise(const bt_operation *operation) {
    return operation->kind == BT_OPERATION_CONVOLUTION && operation->kernel == 1 && operation->stride == 1;
}

static bool same_size(const lowering *l, int a, int b) {
    const bt_shape *shapes = l->plan->shapes;
    return shapes[a].height == shapes[b].height && shapes[a].width == shapes[b].width;
}

/* Whether a concatenation is never written, since the 1 x 1 convolution that reads it goes to its inputs. */
static bool is_split(const lowering *l, const bt_operation *concatenation) {
    const bt_operation *reader = only_reader(l, concatenation->output);
    if (concatenation->kind != BT_OPERATION_CONCATENATE || !reader || !is_pointwise(reader)) return false;
    for (int i = 0; i < concatenation->input_count; i++)
        if (!same_size(l, concatenation->inputs[i], concatenation->output)) return true;
    return false;
}

static void add_sum(lowering *l, const int *values, int count, int output, bool relu);

/* Each input through its own columns of the weights at its own size, then their sum. */
static void lower_split(lowering *l, int number, const bt_operation *operation,
                        const bt_operation *concatenation, const float *bias) {
    int parts[BT_MAX_INPUTS], first = 0, all = l->plan->shapes[concatenation->output].channels;
    int out_channels = l->plan->shapes[operation->output].channels;
    for (int i = 0; i < concatenation->input_count; i++) {
        int from = input_value(l, concatenation, i), channels = look(l, from)->channels;
        float *part = NULL;
        if (!is_packed(l, number, i)) {
            part =
                columns(l->weights->values[parameter_of(operation, 0)], out_channels, all, first, channels);
            if (!part) fail(l, BT_NO_MEMORY, "out of memory packing weights", operation);
        }
        parts[i] =
            new_value(l, out_channels, look(l, from)->height, look(l, from)->width, l->plan->options.bf16);
        add_conv(l, number, i, (bt_conv_shape){.kernel = 1, .stride = 1}, part, from, i == 0 ? bias : NULL,
                 parts[i]);
        free(part);
        first += channels;
    }
    add_sum(l, parts, concatenation->input_count, value_of(l, operation->output), false);
}

static void lower_dot(lowering *l, const bt_operation *operation, const float *bias) {
    int from = input_value(l, operation, 0), to = value_of(l, operation->output);
    const float *weight = numbers(l, operation, 0);
    bt_plan_step *step = add_step(l, BT_DOES_DOT, from, to);
    if (!step) return;
    if (look(l, from)->home != from) refuse(l, operation);
    step->as.dot = (bt_dot){.weight = weight,
                            .bias = bias ? *bias : 0,
                            .pixels = l->program->batch * pixels_of(look(l, to)),
                            .channels = look(l, from)->channels,
                            .bf16 = look(l, from)->bf16,
                            .threads = l->plan->options.threads};
}

static void lower_convolution(lowering *l, int number, const bt_operation *operation) {
    const bt_operation *source = l->producer[operation->inputs[0]] == NO_OPERATION
                                     ? NULL
                                     : &l->network->operations[l->producer[operation->inputs[0]]];
    const float *bias = norm_follows(l, operation->output) ? NULL : numbers(l, operation, 1);
    if (is_pointwise(operation) && l->plan->shapes[operation->output].channels == 1) {
        lower_dot(l, operation, bias);
    } else if (source && is_split(l, source)) {
        lower_split(l, number, operation, source, bias);
    } else {
        const float *weights = l->weights ? l->weights->values[parameter_of(operation, 0)] : NULL;
        bt_conv_shape shape = {
            .kernel = operation->kernel, .stride = operation->stride, .padding = operation->padding};
        add_conv(l, number, 0, shape, weights, input_value(l, operation, 0), bias,
                 value_of(l, operation->output));
    }
}

/* ---- concatenations ---- */

/* Channels of a concatenation before its input number `input`. */
static int channels_before(const lowering *l, const bt_operation *concatenation, int input) {
    int channels = 0;
    for (int i = 0; i < input; i++)
        channels += l->plan->shapes[concatenation->inputs[i]].channels;
    return channels;
}

static int slice_of(lowering *l, int number, int input) {
    const bt_operation *concatenation = &l->network->operations[number];
    int whole = value_of(l, concatenation->output);
    bt_value slice = *look(l, whole);
    slice.channels = l->plan->shapes[concatenation->inputs[input]].channels;
    slice.first_channel = channels_before(l, concatenation, input);
    slice.home = whole;
    return add_value(l, slice);
}

/* The slice of the concatenation that reads this tensor as it is, from now on written; BT_NO_VALUE where none
 * does. */
static int place_in_concatenation(lowering *l, int tensor) {
    for (int i = l->network->operation_count - 1; i >= 0; i--) {
        const bt_operation *operation = &l->network->operations[i];
        if (operation->kind != BT_OPERATION_CONCATENATE || is_split(l, operation)) continue;
        for (int j = 0; j < operation->input_count; j++) {
            bool *placed = &l->placed[i * BT_MAX_INPUTS + j];
            if (operation->inputs[j] != tensor || *placed || !same_size(l, tensor, operation->output))
                continue;
            *placed = true;
            return slice_of(l, i, j);
        }
    }
    return BT_NO_VALUE;
}

static void lower_concatenation(lowering *l, int number, const bt_operation *operation) {
    if (is_split(l, operation)) return;
    for (int i = 0; i < operation->input_count; i++) {
        int from = input_value(l, operation, i);
        if (!l->placed[number * BT_MAX_INPUTS + i]) add_sum(l, &from, 1, slice_of(l, number, i), false);
    }
    value_of(l, operation->output);
}

static void lower_transposed(lowering *l, int number, const bt_operation *operation) {
    int from = input_value(l, operation, 0), to = value_of(l, operation->output), size = operation->stride;
    int channels = look(l, to)->channels;
    int folded = new_value(l, channels * size * size, look(l, from)->height, look(l, from)->width,
                           l->plan->options.bf16);
    float *weights = NULL;
    if (!is_packed(l, number, 0)) {
        weights =
            turned(l->weights->values[parameter_of(operation, 0)], look(l, from)->channels, channels, size);
        if (!weights) fail(l, BT_NO_MEMORY, "out of memory packing weights", operation);
    }
    add_conv(l, number, 0, (bt_conv_shape){.kernel = 1, .stride = 1}, weights, from,
             tiled_bias(l, number, channels, size), folded);
    free(weights);
    int also = place_in_concatenation(l, operation->output);
    bt_plan_step *step = add_step(l, BT_DOES_UNFOLD, folded, to);
    if (!step) return;
    step->also = also;
    step->as.unfold = (bt_unfold){.also_stride = also == BT_NO_VALUE ? 0 : stride_of(l, also),
                                  .batch = l->program->batch,
                                  .channels = channels,
                                  .height = look(l, from)->height,
                                  .width = look(l, from)->width,
                                  .size = size,
                                  .bf16 = look(l, to)->bf16,
                                  .threads = l->plan->options.threads};
}

/* ---- everything else ---- */

/* Sum of values, resized to the output's size; one alone is resized or copied. */
static void add_sum(lowering *l, const int *values, int count, int output, bool relu) {
    const bt_value to = *look(l, output);
    bt_plan_step *step = add_step(l, BT_DOES_SUM, values[0], output);
    if (!step) return;
    bt_sum sum = {.out_stride = stride_of(l, output),
                  .input_count = count,
                  .batch = l->program->batch,
                  .channels = to.channels,
                  .height = to.height,
                  .width = to.width,
                  .bf16 = to.bf16,
                  .relu = relu,
                  .threads = l->plan->options.threads};
    for (int i = 0; i < count; i++) {
        const bt_value *from = look(l, values[i]);
        if (i > 0) read_too(step, values[i]);
        sum.inputs[i] = (bt_sum_input){.height = from->height, .width = from->width};
        if (from->bf16 != to.bf16 || from->channels != to.channels || from->home != values[i])
            fail(l, BT_UNSUPPORTED, "a sum of tensors that do not match", NULL);
    }
    step->as.sum = sum;
    want_scratch(l, bt_sum_scratch_bytes(&sum));
}

/* Where an operation that may work in place writes: into x itself where nobody else reads that. */
static int in_place_of(lowering *l, const bt_operation *operation) {
    int x = input_value(l, operation, 0);
    if (l->readers[operation->inputs[0]] == 1 && look(l, x)->home == x) l->value[operation->output] = x;
    return value_of(l, operation->output);
}

static void lower_norm(lowering *l, const bt_operation *operation) {
    int from = input_value(l, operation, 0), to = in_place_of(l, operation);
    const float *scale = numbers(l, operation, 0), *offset = numbers(l, operation, 1);
    bool sigmoid = operation->activation == BT_ACTIVATION_SIGMOID;
    if (from != to) add_sum(l, &from, 1, to, false);
    bt_plan_step *step = add_step(l, BT_DOES_NORM, to, to);
    if (!step) return;
    if (operation->input_count > 1) read_too(step, input_value(l, operation, 1));
    if (operation->input_count > 1 && look(l, step->inputs[1])->bf16 != look(l, to)->bf16)
        refuse(l, operation);
    step->as.norm = (bt_norm){.scale = scale,
                              .offset = offset,
                              .batch = l->program->batch,
                              .channels = look(l, to)->channels,
                              .pixels = pixels_of(look(l, to)),
                              .epsilon = (float)BT_NORM_EPSILON,
                              .bf16 = look(l, to)->bf16,
                              .relu = operation->activation == BT_ACTIVATION_RELU,
                              .threads = l->plan->options.threads};
    want_scratch(l, bt_norm_scratch_bytes(&step->as.norm));
    if (sigmoid && look(l, to)->bf16) refuse(l, operation);
    if (sigmoid && (step = add_step(l, BT_DOES_SIGMOID, to, to)))
        step->as.sigmoid.count = (size_t)(l->program->batch * pixels_of(look(l, to)) * look(l, to)->channels);
}

static void lower_sum(lowering *l, const bt_operation *operation) {
    int values[BT_MAX_INPUTS];
    for (int i = 0; i < operation->input_count; i++)
        values[i] = input_value(l, operation, i);
    if (operation->activation == BT_ACTIVATION_SIGMOID) refuse(l, operation);
    add_sum(l, values, operation->input_count, value_of(l, operation->output),
            operation->activation == BT_ACTIVATION_RELU);
}

static void lower_resize(lowering *l, const bt_operation *operation) {
    int from = input_value(l, operation, 0);
    add_sum(l, &from, 1, value_of(l, operation->output), false);
}

static void lower_pool(lowering *l, const bt_operation *operation) {
    int from = input_value(l, operation, 0), to = value_of(l, operation->output);
    bt_plan_step *step = add_step(l, BT_DOES_POOL, from, to);
    if (!step) return;
    const bt_value *x = look(l, from);
    if (x->height % operation->kernel != 0 || x->width % operation->kernel != 0) refuse(l, operation);
    step->as.pool = (bt_pool){.batch = l->program->batch,
                              .channels = x->channels,
                              .height = x->height,
                              .width = x->width,
                              .size = operation->kernel,
                              .bf16 = x->bf16,
                              .threads = l->plan->options.threads};
}

/* x times a factor for each channel and each pixel; BT_NO_VALUE for either. */
static void add_scale(lowering *l, int from, int channel, int pixel, int to) {
    bt_plan_step *step = add_step(l, BT_DOES_SCALE, from, to);
    if (!step) return;
    const bt_value *x = look(l, from);
    read_too(step, channel == BT_NO_VALUE ? from : channel);
    read_too(step, pixel == BT_NO_VALUE ? from : pixel);
    step->as.scale = (bt_scale){.out_stride = stride_of(l, to),
                                .batch = l->program->batch,
                                .channels = x->channels,
                                .pixels = pixels_of(x),
                                .bf16 = x->bf16,
                                .threads = l->plan->options.threads};
}

static void lower_gate(lowering *l, const bt_operation *operation) {
    int x = input_value(l, operation, 0), gate = input_value(l, operation, 1);
    if (l->readers[operation->output] == 1)
        l->value[operation->output] = place_in_concatenation(l, operation->output);
    if (look(l, gate)->channels != 1 || look(l, gate)->bf16) refuse(l, operation);
    add_scale(l, x, BT_NO_VALUE, gate, value_of(l, operation->output));
}

static void lower_channel_attention(lowering *l, const bt_operation *operation) {
    int x = input_value(l, operation, 0), channels = look(l, x)->channels;
    const bt_operation *reader = only_reader(l, operation->output);
    const bool alone = !reader || reader->kind != BT_OPERATION_SPATIAL_ATTENTION;
    const float *squeeze = numbers(l, operation, 0), *expand = numbers(l, operation, 1);
    int factors = new_value(l, channels, 1, 1, false), to = in_place_of(l, operation);
    bt_plan_step *step = add_step(l, BT_DOES_CHANNEL_ATTENTION, x, factors);
    if (!step) return;
    step->as.channel =
        (bt_channel_attention){.squeeze = squeeze,
                               .expand = expand,
                               .batch = l->program->batch,
                               .channels = channels,
                               .hidden = (int)l->network->parameters[operation->parameters[0]].dims[0],
                               .height = look(l, x)->height,
                               .width = look(l, x)->width,
                               .bf16 = look(l, x)->bf16,
                               .threads = l->plan->options.threads};
    want_scratch(l, bt_channel_attention_scratch_bytes(&step->as.channel));
    if (!alone && to == x)
        l->factors[operation->output] = factors; /* the spatial attention weighs by both */
    else
        add_scale(l, x, factors, BT_NO_VALUE, to);
}

static void lower_spatial_attention(lowering *l, const bt_operation *operation) {
    int x = input_value(l, operation, 0), channel = l->factors[operation->inputs[0]];
    const bt_value shape = *look(l, x);
    const float *weight = numbers(l, operation, 0);
    int factors = new_value(l, 1, shape.height, shape.width, false), to = in_place_of(l, operation);
    bt_plan_step *step = add_step(l, BT_DOES_SPATIAL_ATTENTION, x, factors);
    if (!step) return;
    if (channel != BT_NO_VALUE) read_too(step, channel);
    step->as.spatial = (bt_spatial_attention){.weight = weight,
                                              .batch = l->program->batch,
                                              .channels = shape.channels,
                                              .height = shape.height,
                                              .width = shape.width,
                                              .kernel = operation->kernel,
                                              .bf16 = shape.bf16,
                                              .threads = l->plan->options.threads};
    want_scratch(l, bt_spatial_attention_scratch_bytes(&step->as.spatial));
    add_scale(l, x, channel, factors, to);
}

static void lower_image(lowering *l) {
    int to = value_of(l, 0);
    bt_plan_step *step = add_step(l, BT_DOES_INTERLEAVE, BT_NO_VALUE, to);
    if (step)
        step->as.interleave = (bt_interleave){.batch = l->program->batch,
                                              .channels = look(l, to)->channels,
                                              .pixels = pixels_of(look(l, to)),
                                              .bf16 = look(l, to)->bf16,
                                              .threads = l->plan->options.threads};
}

static void lower_operation(lowering *l, int number) {
    const bt_operation *operation = &l->network->operations[number];
    switch (operation->kind) {
    case BT_OPERATION_CONVOLUTION:
        lower_convolution(l, number, operation);
        return;
    case BT_OPERATION_TRANSPOSED_CONVOLUTION:
        lower_transposed(l, number, operation);
        return;
    case BT_OPERATION_NORM:
        lower_norm(l, operation);
        return;
    case BT_OPERATION_ADD:
        lower_sum(l, operation);
        return;
    case BT_OPERATION_CONCATENATE:
        lower_concatenation(l, number, operation);
        return;
    case BT_OPERATION_MAX_POOL:
        lower_pool(l, operation);
        return;
    case BT_OPERATION_RESIZE:
        lower_resize(l, operation);
        return;
    case BT_OPERATION_GATE:
        lower_gate(l, operation);
        return;
    case BT_OPERATION_CHANNEL_ATTENTION:
        lower_channel_attention(l, operation);
        return;
    case BT_OPERATION_SPATIAL_ATTENTION:
        lower_spatial_attention(l, operation);
        return;
    }
    refuse(l, operation);
}

/* ---- the whole ---- */

static size_t value_bytes(const bt_program *program, const bt_value *value) {
    return (size_t)program->batch * (size_t)value->channels * (size_t)pixels_of(value) *
           bt_value_bytes(value->bf16);
}

static void touch(bt_lease *lease, int step) {
    if (lease->last < lease->first) lease->first = step;
    lease->last = step;
}

/* A value lives from the step that first touches it, or a part of it, to the last. */
static bt_status place_values(bt_program *program, bt_error *error) {
    bt_lease *leases = calloc((size_t)program->value_count + 1, sizeof *leases);
    if (!leases) return bt_no_memory(error, "a plan");
    for (int i = 0; i < program->value_count; i++)
        leases[i] =
            (bt_lease){.bytes = program->values[i].home == i ? value_bytes(program, &program->values[i]) : 0,
                       .first = 0,
                       .last = -1};
    for (int i = 0; i < program->step_count; i++) {
        const bt_plan_step *step = &program->steps[i];
        for (int j = 0; j < step->input_count; j++)
            touch(&leases[program->values[step->inputs[j]].home], i);
        touch(&leases[program->values[step->output].home], i);
        if (step->also != BT_NO_VALUE) touch(&leases[program->values[step->also].home], i);
    }
    leases[program->output].bytes = 0; /* lies in the caller's memory */
    bt_status status = bt_arena_place(leases, (size_t)program->value_count, &program->arena_bytes, error);
    for (int i = 0; i < program->value_count; i++)
        program->values[i].offset = leases[i].offset;
    free(leases);
    return status;
}

static bool open_lowering(lowering *l) {
    size_t tensors = (size_t)l->network->tensor_count, operations = (size_t)l->network->operation_count;
    l->readers = calloc(5 * tensors, sizeof *l->readers);
    l->placed = calloc(operations * BT_MAX_INPUTS, sizeof *l->placed);
    if (!l->readers || !l->placed) return false;
    l->reader = l->readers + tensors;
    l->producer = l->reader + tensors;
    l->value = l->producer + tensors;
    l->factors = l->value + tensors;
    for (size_t i = 0; i < tensors; i++) {
        l->reader[i] = l->producer[i] = NO_OPERATION;
        l->value[i] = l->factors[i] = BT_NO_VALUE;
    }
    for (size_t i = 0; i < operations; i++) {
        const bt_operation *operation = &l->network->operations[i];
        l->producer[operation->output] = (int)i;
        for (int j = 0; j < operation->input_count; j++) {
            l->readers[operation->inputs[j]]++;
            l->reader[operation->inputs[j]] = (int)i;
        }
    }
    l->readers[l->network->output_tensor]++; /* the caller */
    return true;
}

bt_status bt_program_open(bt_program **out, bt_plan *plan, int batch, const bt_weights *weights,
                          bt_error *error) {
    bt_program *program = calloc(1, sizeof *program);
    lowering l = {.plan = plan,
                  .program = program,
                  .network = plan->options.network,
                  .weights = weights,
                  .error = error};
    *out = NULL;
    if (!program || !open_lowering(&l)) {
        l.status = bt_no_memory(error, "a plan");
        goto done;
    }
    program->batch = batch;
    lower_image(&l);
    for (int i = 0; i < l.network->operation_count && l.status == BT_OK; i++)
        lower_operation(&l, i);
    if (l.status != BT_OK) goto done;
    program->output = l.value[l.network->output_tensor];
    const bt_plan_step *last = &program->steps[program->step_count - 1];
    if (program->values[program->output].channels != 1 || program->values[program->output].bf16 ||
        last->output != program->output || (last->does != BT_DOES_DOT && last->does != BT_DOES_SUM))
        fail(&l, BT_UNSUPPORTED, "the compiled plan wants logits of one channel last", NULL);
    if (l.status == BT_OK) l.status = place_values(program, error);
done:
    free(l.readers);
    free(l.placed);
    if (l.status != BT_OK)
        bt_program_close(&program);
    else
        *out = program;
    return l.status;
}

void bt_program_close(bt_program **program) {
    if (!program || !*program) return;
    for (int i = 0; i < (*program)->step_count; i++)
        if ((*program)->steps[i].does == BT_DOES_CONV)
            bt_convolution_close(&(*program)->steps[i].as.conv.convolution);
    free((*program)->steps);
    free((*program)->values);
    free(*program);
    *program = NULL;
}
