#include "plan/units.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "plan/fold.h"

#define BYTE_MOST   255.0F
#define SIGNED_ZERO 128.0F
#define SIGNED_MOST 127.0F

/* How far units follow their channel's range rather than the tensor's: 1 altogether, 0 not at all. Units of
 * small channels make small weights, which are rounded by the step of the large ones; units that are too large
 * leave their bytes few steps. Errors of the logits on held-out pictures, HRNet and CBAM-ResUNet, 128 x 128:
 * 0.394 and 0.484 at 1, 0.365 and 0.481 at 0.75, 0.392 and 0.581 at 0.5, 0.549 and 0.925 at 0. */
#define FOLLOW 0.75F

/* ---- which tensors may be bytes ---- */

/* An operation that hands on what its first input holds, byte for byte or weighed. */
static bool hands_on(const bt_operation *operation) {
    return operation->kind == BT_OPERATION_MAX_POOL || operation->kind == BT_OPERATION_GATE ||
           operation->kind == BT_OPERATION_CHANNEL_ATTENTION ||
           operation->kind == BT_OPERATION_SPATIAL_ATTENTION;
}

static bool same_size(const bt_shape *shapes, int a, int b) {
    return shapes[a].height == shapes[b].height && shapes[a].width == shapes[b].width;
}

/* A concatenation that is written in place, and read as one. */
static bool is_joined(const bt_operation *operation, const bt_shape *shapes) {
    if (operation->kind != BT_OPERATION_CONCATENATE) return false;
    for (int i = 0; i < operation->input_count; i++)
        if (!same_size(shapes, operation->inputs[i], operation->output)) return false;
    return true;
}

static bool has_signs(const bt_operation *producer) {
    return producer->kind == BT_OPERATION_TRANSPOSED_CONVOLUTION;
}

static bool can_write_bytes(const bt_operation *operation, const bt_shape *shapes) {
    switch (operation->kind) {
    case BT_OPERATION_CONVOLUTION:
        return operation->activation == BT_ACTIVATION_RELU && shapes[operation->output].channels > 1;
    case BT_OPERATION_NORM:
    case BT_OPERATION_ADD:
        return operation->activation == BT_ACTIVATION_RELU;
    case BT_OPERATION_TRANSPOSED_CONVOLUTION: /* with signs, which an activation would not know */
        return operation->activation == BT_ACTIVATION_NONE;
    default:
        return hands_on(operation) || is_joined(operation, shapes);
    }
}

/* A convolution that multiplies bytes. One to a single channel is a dot product of floats
 * (kernels/dot.h). */
static bool multiplies_bytes(const bt_operation *operation, const bt_shape *shapes) {
    if (operation->kind == BT_OPERATION_TRANSPOSED_CONVOLUTION) return true;
    return operation->kind == BT_OPERATION_CONVOLUTION && shapes[operation->output].channels > 1 &&
           operation->groups == 1 && operation->dilation == 1;
}

/* Whether a border can be mended where the zero is not 0. */
static bool takes_signs(const bt_operation *operation) {
    if (operation->kind == BT_OPERATION_TRANSPOSED_CONVOLUTION) return bt_transposed_reach(operation) == 0;
    return operation->padding == 0 || (operation->kernel == 3 && operation->padding == 1);
}

/* Whether `reader` takes its input number `input` as bytes, with signs or without. */
static bool can_read_bytes(const bt_operation *reader, int input, bool signs, const bt_shape *shapes) {
    if (reader->kind == BT_OPERATION_CONVOLUTION && input == 1) return !signs; /* a residual */
    if (multiplies_bytes(reader, shapes)) return !signs || takes_signs(reader);
    switch (reader->kind) {
    case BT_OPERATION_NORM:
        return input == 1 && !signs;
    case BT_OPERATION_ADD:
        return !signs && same_size(shapes, reader->inputs[input], reader->output);
    case BT_OPERATION_CONCATENATE: /* one of several sizes goes to the convolution that reads it, in parts */
        return is_joined(reader, shapes) || !signs;
    default:
        return hands_on(reader) && input == 0 && !signs;
    }
}

typedef struct choice {
    const bt_network *network;
    const bt_shape *shapes;
    int *groups;              /* of each tensor, one that stands for it and those joined with it */
    bool *able, *read, *sign; /* of each tensor: may be bytes; is read by a convolution; has signs */
} choice;

static int root_of(int *groups, int tensor) {
    while (groups[tensor] != tensor)
        tensor = groups[tensor] = groups[groups[tensor]];
    return tensor;
}

static void join(int *groups, int a, int b) {
    a = root_of(groups, a);
    b = root_of(groups, b);
    groups[a > b ? a : b] = a < b ? a : b;
}

static void note_writer(choice *c, const bt_operation *operation) {
    const int out = operation->output;
    c->able[out] = can_write_bytes(operation, c->shapes);
    c->sign[out] = has_signs(operation);
    if (hands_on(operation)) join(c->groups, operation->inputs[0], out);
    for (int i = 0; is_joined(operation, c->shapes) && i < operation->input_count; i++) {
        join(c->groups, operation->inputs[i], out);
        c->sign[out] |= c->sign[operation->inputs[i]];
    }
}

static void note_reader(choice *c, const bt_operation *operation) {
    for (int i = 0; i < operation->input_count; i++) {
        const int tensor = operation->inputs[i];
        const bool split = operation->kind == BT_OPERATION_CONCATENATE && !is_joined(operation, c->shapes);
        c->read[tensor] |= split || (i == 0 && multiplies_bytes(operation, c->shapes));
        c->able[tensor] &= can_read_bytes(operation, i, c->sign[tensor], c->shapes);
    }
}

/* A group is bytes where all of it may be, and some of it is read by a convolution. */
static void decide(choice *c) {
    const int count = c->network->tensor_count;
    for (int t = 0; t < count; t++) {
        const int root = root_of(c->groups, t);
        c->able[root] &= c->able[t];
        c->read[root] |= c->read[t];
    }
    for (int t = 0; t < count; t++) {
        const int root = root_of(c->groups, t);
        c->groups[t] = root;
        c->able[t] = c->able[root] && c->read[root];
    }
    for (int t = 0; t < count; t++)
        if (!c->able[t]) c->groups[t] = -1;
}

bt_status bt_units_groups(int **out, const bt_network *network, const bt_shape *shapes, bt_error *error) {
    const size_t count = (size_t)network->tensor_count;
    choice c = {.network = network, .shapes = shapes, .groups = malloc(count * sizeof *c.groups)};
    c.able = calloc(3 * count, sizeof *c.able);
    *out = c.groups;
    if (!c.groups || !c.able) {
        free(c.groups);
        free(c.able);
        *out = NULL;
        return bt_no_memory(error, "a plan");
    }
    c.read = c.able + count;
    c.sign = c.read + count;
    for (size_t t = 0; t < count; t++)
        c.groups[t] = (int)t;
    for (int i = 0; i < network->operation_count; i++)
        note_writer(&c, &network->operations[i]);
    for (int i = 0; i < network->operation_count; i++)
        note_reader(&c, &network->operations[i]);
    c.able[network->output_tensor] = false;
    decide(&c);
    free(c.able);
    return BT_OK;
}

/* ---- their units ---- */

static bt_status room_for(bt_units *units, int channels, bt_error *error) {
    units->unit = malloc(4 * (size_t)channels * sizeof *units->unit);
    if (!units->unit) return bt_no_memory(error, "a plan");
    units->per_unit = units->unit + channels;
    units->zero = units->per_unit + channels;
    units->ratio = units->zero + channels;
    units->bytes = true;
    return BT_OK;
}

static void copy_units(bt_units *to, int first, const bt_units *from, int channels) {
    memcpy(to->unit + first, from->unit, (size_t)channels * sizeof *to->unit);
    memcpy(to->per_unit + first, from->per_unit, (size_t)channels * sizeof *to->unit);
    memcpy(to->zero + first, from->zero, (size_t)channels * sizeof *to->unit);
}

static void set_units(bt_units *units, const bt_calibrated_tensor *measured, bool signs) {
    float largest = 0;
    for (int c = 0; c < measured->channels; c++)
        if ((float)measured->ranges[c] > largest) largest = (float)measured->ranges[c];
    for (int c = 0; c < measured->channels; c++) {
        const float range = largest * powf((float)measured->ranges[c] / largest, FOLLOW);
        units->unit[c] = range / (signs ? SIGNED_MOST : BYTE_MOST);
        units->per_unit[c] = 1 / units->unit[c];
        units->zero[c] = signs ? SIGNED_ZERO : 0;
    }
}

/* Whether any tensor of a group was to stay wide, or was never measured though it has units of its own. */
static bool group_is_wide(const bt_network *network, const int *groups, const bt_calibration *calibration,
                          int group) {
    for (int i = 0; i < network->operation_count; i++) {
        const bt_operation *producer = &network->operations[i];
        const bool follows = hands_on(producer) || producer->kind == BT_OPERATION_CONCATENATE;
        if (groups[producer->output] != group) continue;
        const bt_calibrated_tensor *measured = bt_calibration_find(calibration, producer->output);
        if (measured ? measured->wide : !follows) return true;
    }
    return false;
}

/* Which groups stay in floats, by their numbers: the calibration's, and where a transposed convolution would have to make
 * bytes of floats, which it does not: then what it writes is floats, too, and what is joined with that. */
static void note_wide(bool *wide, const bt_network *network, const int *groups,
                      const bt_calibration *calibration) {
    for (int t = 0; t < network->tensor_count; t++)
        if (groups[t] == t) wide[t] = group_is_wide(network, groups, calibration, t);
    for (bool changed = true; changed;) {
        changed = false;
        for (int i = 0; i < network->operation_count; i++) {
            const bt_operation *operation = &network->operations[i];
            const int from = groups[operation->inputs[0]], to = groups[operation->output];
            if (operation->kind != BT_OPERATION_TRANSPOSED_CONVOLUTION || to < 0 || wide[to]) continue;
            if (from < 0 || wide[from]) wide[to] = changed = true;
        }
    }
}

static bt_status set_tensor(bt_units *units, const bt_shape *shapes, const bt_operation *producer,
                            const bt_calibration *calibration, bt_error *error) {
    const int tensor = producer->output, channels = shapes[tensor].channels;
    const bt_calibrated_tensor *measured = bt_calibration_find(calibration, tensor);
    bt_status status = room_for(&units[tensor], channels, error);
    if (status != BT_OK) return status;
    if (measured && measured->channels != channels)
        return bt_fail(error, BT_INVALID, "the calibration's tensor %d has %d channels, the network's %d",
                       tensor, measured->channels, channels);
    if (producer->kind == BT_OPERATION_CONCATENATE) {
        for (int i = 0, first = 0; i < producer->input_count; first += shapes[producer->inputs[i++]].channels)
            copy_units(&units[tensor], first, &units[producer->inputs[i]],
                       shapes[producer->inputs[i]].channels);
    } else if (producer->kind == BT_OPERATION_MAX_POOL || !measured) {
        copy_units(&units[tensor], 0, &units[producer->inputs[0]], channels);
    } else {
        set_units(&units[tensor], measured, has_signs(producer));
    }
    for (int c = 0; c < channels; c++) {
        const bt_units *from = &units[producer->inputs[0]];
        const bool weighed = hands_on(producer) && from->bytes;
        units[tensor].ratio[c] = weighed ? from->unit[c] * units[tensor].per_unit[c] : 1;
    }
    return BT_OK;
}

bt_status bt_units_open(bt_units **out, const bt_network *network, const bt_shape *shapes,
                        const bt_calibration *calibration, bt_error *error) {
    int *groups = NULL;
    bool *wide = calloc((size_t)network->tensor_count, sizeof *wide);
    *out = calloc((size_t)network->tensor_count, sizeof **out);
    bt_status status =
        *out && wide ? bt_units_groups(&groups, network, shapes, error) : bt_no_memory(error, "a plan");
    if (status == BT_OK) note_wide(wide, network, groups, calibration);
    for (int i = 0; i < network->operation_count && status == BT_OK; i++) {
        const bt_operation *producer = &network->operations[i];
        const int group = groups[producer->output];
        if (group >= 0 && !wide[group]) status = set_tensor(*out, shapes, producer, calibration, error);
    }
    free(groups);
    free(wide);
    if (status != BT_OK) bt_units_close(out, network);
    return status;
}

void bt_units_close(bt_units **units, const bt_network *network) {
    for (int t = 0; *units && t < network->tensor_count; t++)
        free((*units)[t].unit);
    free(*units);
    *units = NULL;
}
