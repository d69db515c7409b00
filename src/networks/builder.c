#include "networks/builder.h"

#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/array.h"
#include "base/text.h"

/* Room for a checkpoint's longest suffix (".0.weight") is checked where the parameter is appended. */
typedef struct name_prefix {
    char text[BT_PARAMETER_NAME_SIZE];
} name_prefix;

/* Declares `prefix`, a function's format and the arguments behind it as text. */
#define NAME_PREFIX(builder, prefix, format)                                                                 \
    va_list arguments_;                                                                                      \
    va_start(arguments_, format);                                                                            \
    name_prefix prefix = format_prefix(builder, format, arguments_);                                         \
    va_end(arguments_)

static void fail(bt_builder *builder, const char *what) {
    if (builder->status == BT_OK)
        builder->status =
            bt_fail(builder->error, BT_INVALID, "network \"%s\": %s", builder->network->name, what);
}

BT_PRINTF(2, 0)
static name_prefix format_prefix(bt_builder *builder, const char *format, va_list arguments) {
    name_prefix prefix;
    int length = bt_text_format_list(prefix.text, sizeof(prefix.text), format, arguments);
    if (length < 0 || (size_t)length >= sizeof(prefix.text)) fail(builder, "a parameter's name is too long");
    return prefix;
}

/* The array with room for one more element; NULL (and the array as it was) after a failure. */
static void *with_room(bt_builder *builder, void *array, int count, size_t *capacity, size_t element_size) {
    if (builder->status != BT_OK) return NULL;
    void *grown = bt_array_grow(array, (size_t)count, 1, capacity, element_size);
    if (grown == NULL)
        builder->status = bt_no_memory(builder->error, "network \"%s\"", builder->network->name);
    return grown;
}

static int append_tensor(bt_builder *builder, int channels) {
    bt_network *network = builder->network;
    int *room = with_room(builder, network->channels, network->tensor_count, &builder->tensor_capacity,
                          sizeof(*network->channels));
    if (room == NULL) return 0;
    network->channels = room;
    network->channels[network->tensor_count] = channels;
    return network->tensor_count++;
}

static int channels_of(const bt_builder *builder, int tensor) {
    return builder->status == BT_OK ? builder->network->channels[tensor] : 1;
}

/* Appends parameter "prefix" "suffix"; dims end at the first zero. */
static int append_parameter(bt_builder *builder, const name_prefix *prefix, const char *suffix,
                            bt_parameter_role role, const int dims[BT_MAX_RANK]) {
    bt_network *network = builder->network;
    bt_parameter parameter = {.role = role, .count = 1}, *room;
    room = with_room(builder, network->parameters, network->parameter_count, &builder->parameter_capacity,
                     sizeof(*network->parameters));
    if (room == NULL) return BT_NO_PARAMETER;
    network->parameters = room;
    size_t prefix_length = strlen(prefix->text), suffix_length = strlen(suffix);
    if (prefix_length + suffix_length >= sizeof(parameter.name)) {
        fail(builder, "a parameter's name is too long");
        return BT_NO_PARAMETER;
    }
    memcpy(parameter.name, prefix->text, prefix_length);
    memcpy(parameter.name + prefix_length, suffix, suffix_length);
    for (; parameter.rank < BT_MAX_RANK && dims[parameter.rank] != 0; parameter.rank++) {
        parameter.dims[parameter.rank] = dims[parameter.rank];
        parameter.count *= (size_t)dims[parameter.rank];
    }
    network->parameters[network->parameter_count] = parameter;
    return network->parameter_count++;
}

/* Appends the operation with a new output of `channels`, and returns that tensor. */
static int append_operation(bt_builder *builder, bt_operation operation, int channels) {
    bt_network *network = builder->network;
    bt_operation *room = with_room(builder, network->operations, network->operation_count,
                                   &builder->operation_capacity, sizeof(*network->operations));
    if (room == NULL) return 0;
    network->operations = room;
    operation.output = append_tensor(builder, channels);
    network->operations[network->operation_count++] = operation;
    return operation.output;
}

bt_operation bt_build_start(bt_operation_kind kind, int x) {
    bt_operation operation = {.kind = kind, .inputs = {x}, .input_count = 1, .dilation = 1, .groups = 1};
    for (int i = 0; i < BT_MAX_PARAMETERS; i++)
        operation.parameters[i] = BT_NO_PARAMETER;
    return operation;
}

bt_builder bt_builder_start(bt_network *network, bt_error *error) {
    bt_builder builder = {.network = network, .error = error};
    append_tensor(&builder, 3);
    return builder;
}

bt_status bt_builder_finish(bt_builder *builder, int output) {
    bt_network *network = builder->network;
    network->output_tensor = output;
    for (int i = network->operation_count - 1; i >= 0; i--) {
        const bt_operation *operation = &network->operations[i];
        if (operation->kind != BT_OPERATION_CONVOLUTION) continue;
        for (int p = 0; p < BT_MAX_PARAMETERS; p++)
            if (operation->parameters[p] != BT_NO_PARAMETER)
                network->parameters[operation->parameters[p]].in_head = 1;
        break;
    }
    return builder->status;
}

static int append_convolution(bt_builder *builder, int x, bt_convolution convolution,
                              const name_prefix *name) {
    bt_operation operation = bt_build_start(BT_OPERATION_CONVOLUTION, x);
    int kernel = convolution.kernel;
    operation.kernel = kernel;
    operation.stride = convolution.stride > 0 ? convolution.stride : 1;
    operation.padding = kernel / 2;
    operation.parameters[0] =
        append_parameter(builder, name, ".weight", BT_PARAMETER_WEIGHT,
                         (int[BT_MAX_RANK]){convolution.channels, channels_of(builder, x), kernel, kernel});
    if (convolution.bias)
        operation.parameters[1] = append_parameter(builder, name, ".bias", BT_PARAMETER_BIAS,
                                                   (int[BT_MAX_RANK]){convolution.channels});
    return append_operation(builder, operation, convolution.channels);
}

int bt_build_convolution(bt_builder *builder, int x, bt_convolution convolution, const char *name, ...) {
    NAME_PREFIX(builder, prefix, name);
    return append_convolution(builder, x, convolution, &prefix);
}

int bt_build_transposed_convolution(bt_builder *builder, int x, int channels, const char *name, ...) {
    bt_operation operation = bt_build_start(BT_OPERATION_TRANSPOSED_CONVOLUTION, x);
    NAME_PREFIX(builder, prefix, name);
    operation.kernel = operation.stride = 2;
    operation.parameters[0] = append_parameter(builder, &prefix, ".weight", BT_PARAMETER_WEIGHT,
                                               (int[BT_MAX_RANK]){channels_of(builder, x), channels, 2, 2});
    operation.parameters[1] =
        append_parameter(builder, &prefix, ".bias", BT_PARAMETER_BIAS, (int[BT_MAX_RANK]){channels});
    return append_operation(builder, operation, channels);
}

/* `name` with its suffix is a parameter of one dimension. */
static int append_vector(bt_builder *builder, const char *name, const char *suffix, bt_parameter_role role,
                         int channels) {
    name_prefix prefix = {""};
    if (strlen(name) >= sizeof prefix.text)
        fail(builder, "a parameter's name is too long");
    else
        memcpy(prefix.text, name, strlen(name) + 1);
    return append_parameter(builder, &prefix, suffix, role, (int[BT_MAX_RANK]){channels});
}

int bt_build_filter(bt_builder *builder, bt_operation operation, bt_filter filter) {
    const bool transposed = operation.kind == BT_OPERATION_TRANSPOSED_CONVOLUTION;
    const int in = channels_of(builder, operation.inputs[0]), out = filter.channels,
              kernel = operation.kernel;
    name_prefix prefix = {""};
    if (strlen(filter.weights) >= sizeof prefix.text)
        fail(builder, "a parameter's name is too long");
    else
        memcpy(prefix.text, filter.weights, strlen(filter.weights) + 1);
    operation.parameters[BT_CONVOLUTION_WEIGHT] = append_parameter(
        builder, &prefix, ".weight", BT_PARAMETER_WEIGHT,
        (int[BT_MAX_RANK]){transposed ? in : out, transposed ? out : in / operation.groups, kernel, kernel});
    if (filter.bias)
        operation.parameters[BT_CONVOLUTION_BIAS] =
            append_vector(builder, filter.weights, ".bias", BT_PARAMETER_BIAS, out);
    static const struct {
        const char *suffix;
        bt_parameter_role role;
    } norm[] = {{".weight", BT_PARAMETER_SCALE},
                {".bias", BT_PARAMETER_OFFSET},
                {".running_mean", BT_PARAMETER_MEAN},
                {".running_var", BT_PARAMETER_VARIANCE}};
    for (int i = 0; filter.batch_norm && i < 4; i++)
        operation.parameters[BT_CONVOLUTION_SCALE + i] =
            append_vector(builder, filter.batch_norm, norm[i].suffix, norm[i].role, out);
    return append_operation(builder, operation, out);
}

int bt_build_plain(bt_builder *builder, bt_operation operation, int channels) {
    return append_operation(builder, operation, channels);
}

static int append_norm(bt_builder *builder, int x, int residual, bt_activation activation,
                       const name_prefix *name) {
    bt_operation operation = bt_build_start(BT_OPERATION_NORM, x);
    int channels = channels_of(builder, x);
    if (residual != BT_NO_TENSOR) operation.inputs[operation.input_count++] = residual;
    operation.activation = activation;
    operation.parameters[0] =
        append_parameter(builder, name, ".weight", BT_PARAMETER_SCALE, (int[BT_MAX_RANK]){channels});
    operation.parameters[1] =
        append_parameter(builder, name, ".bias", BT_PARAMETER_OFFSET, (int[BT_MAX_RANK]){channels});
    return append_operation(builder, operation, channels);
}

int bt_build_norm(bt_builder *builder, int x, int residual, bt_activation activation, const char *name, ...) {
    NAME_PREFIX(builder, prefix, name);
    return append_norm(builder, x, residual, activation, &prefix);
}

int bt_build_sequence(bt_builder *builder, int x, bt_convolution convolution, int residual,
                      bt_activation activation, const char *name, ...) {
    NAME_PREFIX(builder, prefix, name);
    size_t length = strlen(prefix.text);
    if (length + 2 >= sizeof(prefix.text)) {
        fail(builder, "a parameter's name is too long");
        return 0;
    }
    memcpy(prefix.text + length, ".0", 3);
    x = append_convolution(builder, x, convolution, &prefix);
    memcpy(prefix.text + length, ".1", 3);
    return append_norm(builder, x, residual, activation, &prefix);
}

int bt_build_add_relu(bt_builder *builder, const int *inputs, int count, int like) {
    bt_operation operation = bt_build_start(BT_OPERATION_ADD, inputs[0]);
    memcpy(operation.inputs, inputs, (size_t)count * sizeof(*inputs));
    operation.input_count = count;
    operation.activation = BT_ACTIVATION_RELU;
    operation.resize_to_input = like;
    return append_operation(builder, operation, channels_of(builder, inputs[like]));
}

int bt_build_concatenate(bt_builder *builder, const int *inputs, int count) {
    bt_operation operation = bt_build_start(BT_OPERATION_CONCATENATE, inputs[0]);
    int channels = 0;
    memcpy(operation.inputs, inputs, (size_t)count * sizeof(*inputs));
    operation.input_count = count;
    for (int i = 0; i < count; i++)
        channels += channels_of(builder, inputs[i]);
    return append_operation(builder, operation, channels);
}

int bt_build_max_pool(bt_builder *builder, int x, int kernel) {
    bt_operation operation = bt_build_start(BT_OPERATION_MAX_POOL, x);
    operation.kernel = operation.stride = kernel;
    return append_operation(builder, operation, channels_of(builder, x));
}

int bt_build_resize(bt_builder *builder, int x, int scale) {
    bt_operation operation = bt_build_start(BT_OPERATION_RESIZE, x);
    operation.scale = scale;
    return append_operation(builder, operation, channels_of(builder, x));
}

int bt_build_gate(bt_builder *builder, int x, int gate) {
    bt_operation operation = bt_build_start(BT_OPERATION_GATE, x);
    operation.inputs[operation.input_count++] = gate;
    return append_operation(builder, operation, channels_of(builder, x));
}

int bt_build_channel_attention(bt_builder *builder, int x, int hidden, const char *name, ...) {
    bt_operation operation = bt_build_start(BT_OPERATION_CHANNEL_ATTENTION, x);
    int channels = channels_of(builder, x);
    NAME_PREFIX(builder, prefix, name);
    operation.parameters[0] = append_parameter(builder, &prefix, ".0.weight", BT_PARAMETER_WEIGHT,
                                               (int[BT_MAX_RANK]){hidden, channels});
    operation.parameters[1] = append_parameter(builder, &prefix, ".2.weight", BT_PARAMETER_WEIGHT,
                                               (int[BT_MAX_RANK]){channels, hidden});
    return append_operation(builder, operation, channels);
}

int bt_build_spatial_attention(bt_builder *builder, int x, int kernel, const char *name, ...) {
    bt_operation operation = bt_build_start(BT_OPERATION_SPATIAL_ATTENTION, x);
    NAME_PREFIX(builder, prefix, name);
    operation.kernel = kernel;
    operation.stride = 1;
    operation.padding = kernel / 2;
    operation.parameters[0] = append_parameter(builder, &prefix, ".weight", BT_PARAMETER_WEIGHT,
                                               (int[BT_MAX_RANK]){1, 2, kernel, kernel});
    return append_operation(builder, operation, channels_of(builder, x));
}
