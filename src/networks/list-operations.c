#include "networks/list-operations.h"

#include <string.h>

#include "base/array.h"
#include "base/text.h"

/* Bounds of what a line may ask for. Raised, a damaged or hostile file takes more memory before anybody notices. */
#define CHANNELS_MOST 16384
#define KERNEL_MOST   15
#define STRIDE_MOST   8
#define DILATION_MOST 64
#define SCALE_MOST    32
#define UP_MOST       4         /* a tensor's height over the image's */
#define VALUES_MOST   (1 << 28) /* parameters' values of a network */

#define COUNT_OF(array) (sizeof(array) / sizeof *(array))

/* How a tensor's height follows from its input's. */
typedef struct factor {
    int up, down;
} factor;

static const bt_list_tensor *tensor_of(const bt_list *list, const bt_list_line *line, int input) {
    return &list->tensors[line->inputs[input]];
}

static int channels_of(const bt_list *list, int tensor) {
    return list->network->channels[tensor];
}

/* ---- keys that several operations have ---- */

static void read_activation(bt_list *list, bt_list_line *line, bt_operation *operation) {
    static const char *const words[] = {
        [BT_ACTIVATION_NONE] = "none",   [BT_ACTIVATION_RELU] = "relu", [BT_ACTIVATION_SIGMOID] = "sigmoid",
        [BT_ACTIVATION_RELU6] = "relu6", [BT_ACTIVATION_SILU] = "silu", [BT_ACTIVATION_LEAKY] = "leaky_relu"};
    operation->activation = (bt_activation)bt_list_word(list, line, "activation", words, COUNT_OF(words));
    if (operation->activation == BT_ACTIVATION_LEAKY)
        operation->slope = (float)bt_list_fraction(list, line, "slope", BT_LEAKY_SLOPE, 0, 1);
}

static void read_mode(bt_list *list, bt_list_line *line, bt_operation *operation) {
    static const char *const words[] = {[BT_RESIZE_ALIGNED] = "bilinear_aligned",
                                        [BT_RESIZE_BILINEAR] = "bilinear",
                                        [BT_RESIZE_NEAREST] = "nearest"};
    operation->resize = (bt_resize)bt_list_word(list, line, "mode", words, COUNT_OF(words));
}

/* Of a tensor of the line's own, which is among its inputs then. */
static int read_tensor(bt_list *list, bt_list_line *line, const char *key) {
    const char *name = bt_list_text(list, line, key, false);
    return name ? bt_list_find(list, name, strlen(name)) : BT_NO_TENSOR;
}

/* Names of weights are a checkpoint's, and each is one operation's. */
static const char *read_weights(bt_list *list, bt_list_line *line, const char *key, bool needed) {
    const char *name = bt_list_text(list, line, key, needed);
    char quoted[BT_TEXT_QUOTE_SIZE];
    if (!name || list->status != BT_OK) return NULL;
    bt_text_quote(name, quoted);
    if (strlen(name) > BT_PARAMETER_NAME_SIZE - 16)
        bt_list_fail(list, "%s=%s: the name is longer than %d", key, quoted, BT_PARAMETER_NAME_SIZE - 16);
    for (int i = 0; i < list->weight_count && list->status == BT_OK; i++)
        if (strcmp(list->weights[i].name, name) == 0)
            bt_list_fail(list, "%s=%s: line %d has these already", key, quoted, list->weights[i].line);
    bt_list_weights *grown =
        bt_array_grow(list->weights, (size_t)list->weight_count, 1, &list->weight_room, sizeof *grown);
    if (grown)
        list->weights = grown;
    else if (list->status == BT_OK)
        list->status = bt_no_memory(list->error, "reading %s", list->file);
    if (list->status != BT_OK) return NULL;
    grown[list->weight_count].line = list->line;
    memcpy(grown[list->weight_count++].name, name, strlen(name) + 1);
    return name;
}

static void check_inputs(bt_list *list, const bt_list_line *line, int least, int most) {
    if (line->input_count >= least && line->input_count <= most) return;
    if (least == most)
        bt_list_fail(list, "%s takes %d input%s, not %d", line->operation, least, least > 1 ? "s" : "",
                     line->input_count);
    else
        bt_list_fail(list, "%s takes %d to %d inputs, not %d", line->operation, least, most,
                     line->input_count);
}

/* A tensor that is added to another, or weighs it, has its size. */
static void check_same(bt_list *list, int tensor, int channels, factor size) {
    const bt_list_tensor *t = &list->tensors[tensor];
    if (list->status != BT_OK) return;
    if (t->up != size.up || t->down != size.down)
        bt_list_fail(list, "\"%s\" is %d/%d of the image's height, where %d/%d is right", t->name, t->up,
                     t->down, size.up, size.down);
    else if (channels_of(list, tensor) != channels)
        bt_list_fail(list, "\"%s\" has %d channels, where %d are right", t->name, channels_of(list, tensor),
                     channels);
}

static factor scaled(bt_list *list, factor of, int up, int down) {
    factor size = {of.up * up, of.down * down};
    while (size.up % 2 == 0 && size.down % 2 == 0) {
        size.up /= 2;
        size.down /= 2;
    }
    for (int i = 3; i <= size.up; i += 2)
        while (size.up % i == 0 && size.down % i == 0) {
            size.up /= i;
            size.down /= i;
        }
    if (size.up > UP_MOST * size.down)
        bt_list_fail(list, "this is more than %d times the image's height", UP_MOST);
    else if (size.down > BT_LIST_MULTIPLE_MOST)
        bt_list_fail(list, "this is less than 1/%d of the image's height", BT_LIST_MULTIPLE_MOST);
    return list->status == BT_OK ? size : of;
}

static factor size_of_input(const bt_list *list, const bt_list_line *line, int input) {
    const bt_list_tensor *x = tensor_of(list, line, input);
    return (factor){x->up, x->down};
}

/* An operation on the line's inputs. */
static bt_operation start(bt_list *list, const bt_list_line *line, bt_operation_kind kind, int least,
                          int most) {
    bt_operation operation = bt_build_start(kind, line->inputs[0]);
    check_inputs(list, line, least, most);
    operation.input_count = line->input_count;
    memcpy(operation.inputs, line->inputs, sizeof operation.inputs);
    return operation;
}

/* ---- convolutions ---- */

/* What follows a convolution: a norm, a tensor that is added, an activation. */
static void read_tail(bt_list *list, bt_list_line *line, bt_operation *operation, int channels, factor size) {
    const int residual = read_tensor(list, line, "add");
    if (residual != BT_NO_TENSOR) {
        operation->inputs[operation->input_count++] = residual;
        list->tensors[residual].read = true;
        check_same(list, residual, channels, size);
    }
    read_activation(list, line, operation);
}

static void build_filter(bt_list *list, bt_list_line *line, bt_operation *operation, bt_filter filter,
                         factor size) {
    static const char *const words[] = {"no", "yes"};
    const int64_t taps = (int64_t)operation->kernel * operation->kernel,
                  values = taps * channels_of(list, line->inputs[0]) / operation->groups * filter.channels;
    const int64_t all = (int64_t)list->value_count + values;
    if (values > VALUES_MOST || all > VALUES_MOST)
        bt_list_fail(list, "%lld weights, at most %d can be had",
                     (long long)(values > VALUES_MOST ? values : all), VALUES_MOST);
    else
        list->value_count = (size_t)all;
    filter.bias = bt_list_word(list, line, "bias", words, COUNT_OF(words));
    filter.weights = read_weights(list, line, "weights", true);
    filter.batch_norm = read_weights(list, line, "batch_norm", false);
    read_tail(list, line, operation, filter.channels, size);
    bt_list_check_keys(list, line);
    if (list->status != BT_OK) return;
    bt_build_filter(&list->builder, *operation, filter);
    bt_list_done(list, line, size.up, size.down);
}

static void add_convolution(bt_list *list, bt_list_line *line) {
    bt_operation operation = start(list, line, BT_OPERATION_CONVOLUTION, 1, 1);
    if (list->status != BT_OK) return;
    const int in = channels_of(list, line->inputs[0]);
    bt_filter filter = {.channels = bt_list_number(list, line, "channels", BT_LIST_NEEDED, 1, CHANNELS_MOST)};
    operation.kernel = bt_list_number(list, line, "kernel", 1, 1, KERNEL_MOST);
    operation.stride = bt_list_number(list, line, "stride", 1, 1, STRIDE_MOST);
    operation.dilation = bt_list_number(list, line, "dilation", 1, 1, DILATION_MOST);
    operation.groups = bt_list_number(list, line, "groups", 1, 1, CHANNELS_MOST);
    const int reach = operation.dilation * (operation.kernel - 1);
    operation.padding = bt_list_number(list, line, "padding", reach / 2, 0, reach);
    if (in % operation.groups != 0 || filter.channels % operation.groups != 0)
        bt_list_fail(list, "groups=%d does not divide %d channels in and %d out", operation.groups, in,
                     filter.channels);
    /* So that sizes which are multiples of the stride are divided by it, and nothing is cut off. */
    if (2 * operation.padding > reach || 2 * operation.padding < reach - operation.stride + 1)
        bt_list_fail(
            list,
            "kernel=%d dilation=%d stride=%d with padding=%d: the height is not divided by the stride alone",
            operation.kernel, operation.dilation, operation.stride, operation.padding);
    if (list->status != BT_OK) return;
    const factor size = scaled(list, size_of_input(list, line, 0), 1, operation.stride);
    build_filter(list, line, &operation, filter, size);
}

static void add_transposed(bt_list *list, bt_list_line *line) {
    bt_operation operation = start(list, line, BT_OPERATION_TRANSPOSED_CONVOLUTION, 1, 1);
    if (list->status != BT_OK) return;
    const bt_filter filter = {.channels =
                                  bt_list_number(list, line, "channels", BT_LIST_NEEDED, 1, CHANNELS_MOST)};
    operation.kernel = bt_list_number(list, line, "kernel", 2, 1, KERNEL_MOST);
    operation.stride = bt_list_number(list, line, "stride", 2, 1, STRIDE_MOST);
    const int beyond = operation.kernel - operation.stride;
    operation.padding =
        bt_list_number(list, line, "padding", beyond > 0 ? (beyond + 1) / 2 : 0, 0, operation.kernel - 1);
    if (2 * operation.padding < beyond || 2 * operation.padding >= operation.kernel)
        bt_list_fail(list,
                     "kernel=%d stride=%d with padding=%d: the height is not multiplied by the stride alone",
                     operation.kernel, operation.stride, operation.padding);
    if (list->status != BT_OK) return;
    const factor size = scaled(list, size_of_input(list, line, 0), operation.stride, 1);
    build_filter(list, line, &operation, filter, size);
}

/* ---- the others ---- */

static void finish(bt_list *list, bt_list_line *line, const bt_operation *operation, int channels,
                   factor size) {
    bt_list_check_keys(list, line);
    if (list->status != BT_OK) return;
    bt_build_plain(&list->builder, *operation, channels);
    bt_list_done(list, line, size.up, size.down);
}

static void add_norm(bt_list *list, bt_list_line *line) {
    bt_operation operation = start(list, line, BT_OPERATION_NORM, 1, 1);
    if (list->status != BT_OK) return;
    const factor size = size_of_input(list, line, 0);
    const char *weights = read_weights(list, line, "weights", true);
    read_tail(list, line, &operation, channels_of(list, line->inputs[0]), size);
    bt_list_check_keys(list, line);
    if (list->status != BT_OK) return;
    const int residual = operation.input_count > 1 ? operation.inputs[1] : BT_NO_TENSOR;
    bt_build_norm(&list->builder, line->inputs[0], residual, operation.activation, "%s", weights);
    if (operation.activation > BT_ACTIVATION_SIGMOID)
        bt_list_fail(list, "instance_norm takes none, relu or sigmoid");
    bt_list_done(list, line, size.up, size.down);
}

/* The number of the input whose size all others are brought to. */
static int read_size(bt_list *list, bt_list_line *line) {
    const int tensor = read_tensor(list, line, "size");
    for (int i = 0; i < line->input_count; i++)
        if (line->inputs[i] == tensor) return i;
    if (tensor != BT_NO_TENSOR)
        bt_list_fail(list, "size=%s is none of the inputs", list->tensors[tensor].name);
    return 0;
}

static void add_sum(bt_list *list, bt_list_line *line) {
    bt_operation operation = start(list, line, BT_OPERATION_ADD, 1, BT_MAX_INPUTS);
    if (list->status != BT_OK) return;
    operation.resize_to_input = read_size(list, line);
    read_mode(list, line, &operation);
    read_activation(list, line, &operation);
    const int channels = channels_of(list, line->inputs[0]);
    for (int i = 1; i < line->input_count; i++)
        check_same(list, line->inputs[i], channels, size_of_input(list, line, i));
    finish(list, line, &operation, channels, size_of_input(list, line, operation.resize_to_input));
}

static void add_concatenation(bt_list *list, bt_list_line *line) {
    bt_operation operation = start(list, line, BT_OPERATION_CONCATENATE, 2, BT_MAX_INPUTS);
    int channels = 0;
    if (list->status != BT_OK) return;
    operation.resize_to_input = read_size(list, line);
    read_mode(list, line, &operation);
    for (int i = 0; i < line->input_count; i++)
        channels += channels_of(list, line->inputs[i]); /* of four at the most, each of CHANNELS_MOST */
    if (channels > CHANNELS_MOST)
        bt_list_fail(list, "%d channels, at most %d can be had", channels, CHANNELS_MOST);
    else
        finish(list, line, &operation, channels, size_of_input(list, line, operation.resize_to_input));
}

static void add_max_pool(bt_list *list, bt_list_line *line) {
    bt_operation operation = start(list, line, BT_OPERATION_MAX_POOL, 1, 1);
    if (list->status != BT_OK) return;
    operation.kernel = operation.stride = bt_list_number(list, line, "kernel", 2, 1, STRIDE_MOST);
    const factor size = scaled(list, size_of_input(list, line, 0), 1, operation.kernel);
    finish(list, line, &operation, channels_of(list, line->inputs[0]), size);
}

static void add_resize(bt_list *list, bt_list_line *line) {
    bt_operation operation = start(list, line, BT_OPERATION_RESIZE, 1, 1);
    if (list->status != BT_OK) return;
    operation.scale = bt_list_number(list, line, "scale", BT_LIST_NEEDED, 2, SCALE_MOST);
    read_mode(list, line, &operation);
    const factor size = scaled(list, size_of_input(list, line, 0), operation.scale, 1);
    finish(list, line, &operation, channels_of(list, line->inputs[0]), size);
}

static void add_gate(bt_list *list, bt_list_line *line) {
    const bt_operation operation = start(list, line, BT_OPERATION_GATE, 2, 2);
    if (list->status != BT_OK) return;
    const factor size = size_of_input(list, line, 0);
    check_same(list, line->inputs[1], 1, size);
    finish(list, line, &operation, channels_of(list, line->inputs[0]), size);
}

static void add_channel_attention(bt_list *list, bt_list_line *line) {
    check_inputs(list, line, 1, 1);
    const int hidden = bt_list_number(list, line, "hidden", BT_LIST_NEEDED, 1, CHANNELS_MOST);
    const char *weights = read_weights(list, line, "weights", true);
    bt_list_check_keys(list, line);
    if (list->status != BT_OK) return;
    bt_build_channel_attention(&list->builder, line->inputs[0], hidden, "%s", weights);
    bt_list_done(list, line, tensor_of(list, line, 0)->up, tensor_of(list, line, 0)->down);
}

static void add_spatial_attention(bt_list *list, bt_list_line *line) {
    check_inputs(list, line, 1, 1);
    const int kernel = bt_list_number(list, line, "kernel", 7, 1, KERNEL_MOST);
    const char *weights = read_weights(list, line, "weights", true);
    bt_list_check_keys(list, line);
    if (kernel % 2 == 0) bt_list_fail(list, "kernel=%d: an odd number is right", kernel);
    if (list->status != BT_OK) return;
    bt_build_spatial_attention(&list->builder, line->inputs[0], kernel, "%s", weights);
    bt_list_done(list, line, tensor_of(list, line, 0)->up, tensor_of(list, line, 0)->down);
}

static const struct {
    const char *name;
    void (*add)(bt_list *list, bt_list_line *line);
} operations[] = {
    {"conv", add_convolution},
    {"transposed_conv", add_transposed},
    {"instance_norm", add_norm},
    {"add", add_sum},
    {"concatenate", add_concatenation},
    {"max_pool", add_max_pool},
    {"resize", add_resize},
    {"gate", add_gate},
    {"channel_attention", add_channel_attention},
    {"spatial_attention", add_spatial_attention},
};

static void fail_operation(bt_list *list, const char *name) {
    char quoted[BT_TEXT_QUOTE_SIZE], known[200] = "";
    for (size_t i = 0; i < COUNT_OF(operations); i++)
        bt_text_append(known, sizeof known, "%s%s", i ? ", " : "", operations[i].name);
    bt_text_quote(name, quoted);
    bt_list_fail(list, "there is no operation %s: the known ones are %s", quoted, known);
}

void bt_list_add(bt_list *list, bt_list_line *line) {
    for (int i = 0; i < line->input_count; i++)
        list->tensors[line->inputs[i]].read = true;
    for (size_t i = 0; i < COUNT_OF(operations); i++)
        if (strcmp(operations[i].name, line->operation) == 0) {
            operations[i].add(list, line);
            return;
        }
    fail_operation(list, line->operation);
}
