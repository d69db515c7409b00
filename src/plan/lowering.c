#include "plan/lowering.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/array.h"
#include "kernels/parallel.h"
#include "plan/fold.h"

bt_status bt_lowering_open(bt_lowering *l) {
    size_t tensors = (size_t)l->network->tensor_count, operations = (size_t)l->network->operation_count;
    l->reader_count = calloc(5 * tensors, sizeof *l->reader_count);
    l->placed = calloc(operations * BT_MAX_INPUTS, sizeof *l->placed);
    if (!l->reader_count || !l->placed) return bt_no_memory(l->error, "a plan");
    l->last_reader = l->reader_count + tensors;
    l->producer = l->last_reader + tensors;
    l->value = l->producer + tensors;
    l->factors = l->value + tensors;
    for (size_t i = 0; i < tensors; i++) {
        l->last_reader[i] = l->producer[i] = BT_NO_OPERATION;
        l->value[i] = l->factors[i] = BT_NO_VALUE;
    }
    for (size_t i = 0; i < operations; i++) {
        const bt_operation *operation = &l->network->operations[i];
        l->producer[operation->output] = (int)i;
        for (int j = 0; j < operation->input_count; j++) {
            l->reader_count[operation->inputs[j]]++;
            l->last_reader[operation->inputs[j]] = (int)i;
        }
    }
    l->reader_count[l->network->output_tensor]++; /* the caller */
    return BT_OK;
}

void bt_lowering_close(bt_lowering *l) {
    free(l->reader_count);
    free(l->placed);
}

void bt_lowering_fail(bt_lowering *l, bt_status status, const char *what, const bt_operation *operation) {
    if (l->status != BT_OK) return;
    l->status = bt_fail(l->error, status, "%s: %s%s%s", l->network->name, what, operation ? ": " : "",
                        operation ? bt_operation_name(operation->kind) : "");
}

void bt_lowering_refuse(bt_lowering *l, const bt_operation *operation) {
    bt_lowering_fail(l, BT_UNSUPPORTED, "the compiled plan does not know this form of operation", operation);
}

void bt_lowering_no_memory(bt_lowering *l) {
    if (l->status == BT_OK) l->status = bt_no_memory(l->error, "a plan");
}

/* ---- operations ---- */

bool bt_is_pointwise(const bt_operation *operation) {
    return operation->kind == BT_OPERATION_CONVOLUTION && operation->kernel == 1 && operation->stride == 1 &&
           operation->groups == 1;
}

/* ---- values ---- */

int bt_add_value(bt_lowering *l, bt_value value) {
    bt_program *program = l->program;
    bt_value *grown =
        bt_array_grow(program->values, (size_t)program->value_count, 1, &program->value_room, sizeof *grown);
    if (!grown) {
        bt_lowering_no_memory(l);
        return 0;
    }
    program->values = grown;
    if (value.home == BT_NO_VALUE) value.home = program->value_count;
    grown[program->value_count] = value;
    return program->value_count++;
}

int bt_new_value(bt_lowering *l, int channels, int height, int width, bt_value_type type) {
    return bt_add_value(
        l, (bt_value){
               .channels = channels, .height = height, .width = width, .type = type, .home = BT_NO_VALUE});
}

const bt_value *bt_value_at(const bt_lowering *l, int value) {
    static const bt_value none; /* of a program whose first value found no memory */
    return l->program->values ? &l->program->values[value] : &none;
}

/* A single channel stays in FP32: it is a map of weights or the logits, costs little, and decides much. */
int bt_value_of(bt_lowering *l, int tensor) {
    const bt_units *units = bt_units_of(l, tensor);
    if (l->value[tensor] == BT_NO_VALUE) {
        const bt_shape *shape = &l->plan->shapes[tensor];
        bt_value_type type = units ? BT_U8 : shape->channels > 1 ? l->plan->options.type : BT_F32;
        l->value[tensor] = bt_add_value(l, (bt_value){.channels = shape->channels,
                                                      .height = shape->height,
                                                      .width = shape->width,
                                                      .type = type,
                                                      .home = BT_NO_VALUE,
                                                      .units = units,
                                                      .unit_channels = shape->channels});
    }
    return l->value[tensor];
}

const bt_units *bt_units_of(const bt_lowering *l, int tensor) {
    const bt_units *units = l->plan->units;
    return units && units[tensor].bytes ? &units[tensor] : NULL;
}

int bt_input_value(const bt_lowering *l, const bt_operation *operation, int input) {
    int value = l->value[operation->inputs[input]];
    return value == BT_NO_VALUE ? 0 : value;
}

int bt_in_place_value(bt_lowering *l, const bt_operation *operation) {
    int x = bt_input_value(l, operation, 0);
    if (l->reader_count[operation->inputs[0]] == 1 && bt_value_at(l, x)->home == x &&
        bt_value_at(l, x)->type != BT_U8 && !bt_units_of(l, operation->output))
        l->value[operation->output] = x;
    return bt_value_of(l, operation->output);
}

int64_t bt_pixels_of(const bt_value *value) {
    return (int64_t)value->height * value->width;
}

size_t bt_stride_of(const bt_lowering *l, int value) {
    return (size_t)bt_value_at(l, bt_value_at(l, value)->home)->channels;
}

bool bt_same_size(const bt_lowering *l, int tensor, int other) {
    const bt_shape *a = &l->plan->shapes[tensor], *b = &l->plan->shapes[other];
    return a->height == b->height && a->width == b->width;
}

const bt_operation *bt_only_reader(const bt_lowering *l, int tensor) {
    if (l->reader_count[tensor] != 1 || l->last_reader[tensor] == BT_NO_OPERATION) return NULL;
    return &l->network->operations[l->last_reader[tensor]];
}

/* ---- steps ---- */

static size_t scratch_of(const bt_cuda *cuda, const bt_step_kind *kind, const void *arguments) {
    if (cuda) return kind->cuda_scratch ? kind->cuda_scratch(cuda->table, arguments) : 0;
    return kind->scratch ? kind->scratch(arguments) : 0;
}

bt_plan_step *bt_add_step(bt_lowering *l, const bt_step_kind *kind, const void *arguments, int input,
                          int output) {
    bt_program *program = l->program;
    if (l->status != BT_OK) return NULL;
    bt_plan_step *grown =
        bt_array_grow(program->steps, (size_t)program->step_count, 1, &program->step_room, sizeof *grown);
    if (grown) program->steps = grown;
    void *copy = grown ? malloc(kind->size) : NULL;
    if (!copy) {
        bt_lowering_no_memory(l);
        return NULL;
    }
    memcpy(copy, arguments, kind->size);
    const size_t scratch = scratch_of(l->plan->cuda, kind, arguments);
    if (scratch > program->scratch_bytes) program->scratch_bytes = scratch;
    bt_plan_step *step = &grown[program->step_count++];
    *step = (bt_plan_step){.kind = kind,
                           .arguments = copy,
                           .inputs = {input},
                           .input_count = 1,
                           .output = output,
                           .second_output = BT_NO_VALUE,
                           .tensor = BT_NO_TENSOR_DONE};
    return step;
}

void bt_step_reads(bt_plan_step *step, int value) {
    step->inputs[step->input_count++] = value;
}

const float *bt_parameter_values(bt_lowering *l, const bt_operation *operation, int index) {
    int number = operation->parameters[index];
    if (number == BT_NO_PARAMETER) return NULL;
    float **place = &l->plan->parameters[number];
    if (!*place && l->weights) {
        size_t bytes = l->network->parameters[number].count * sizeof **place;
        *place = aligned_alloc(BT_CACHE_LINE, bt_rounded(bytes));
        if (*place) memcpy(*place, l->weights->values[number], bytes);
    }
    if (!*place) bt_lowering_no_memory(l);
    return *place;
}

/* What is no number must be seen: an activation within a convolution makes 0 of it. */
static void check_numbers(bt_lowering *l, const bt_operation *operation, const float *values, size_t count) {
    bool finite = true;
    for (size_t i = 0; i < count && finite; i++)
        finite = isfinite(values[i]);
    if (!finite)
        bt_lowering_fail(l, BT_UNSUPPORTED, "a weight is no number, which a plan might hide", operation);
}

/* Whether any convolution has an activation, which makes 0 of what is no number, wherever that comes from. */
static bool may_hide(const bt_network *network) {
    for (int i = 0; i < network->operation_count; i++) {
        const bt_operation *operation = &network->operations[i];
        if ((operation->kind == BT_OPERATION_CONVOLUTION ||
             operation->kind == BT_OPERATION_TRANSPOSED_CONVOLUTION) &&
            operation->activation != BT_ACTIVATION_NONE)
            return true;
    }
    return false;
}

const float *bt_filter_weights(bt_lowering *l, int number, float **folded) {
    const bt_operation *operation = &l->network->operations[number];
    *folded = NULL;
    if (!l->weights || l->status != BT_OK) return NULL;
    if (bt_is_normed(operation)) {
        *folded = bt_folded_weights(l->network, operation, l->weights->values);
        if (!*folded) bt_lowering_no_memory(l);
    }
    const float *weights =
        bt_is_normed(operation) ? *folded : l->weights->values[operation->parameters[BT_CONVOLUTION_WEIGHT]];
    if (weights && may_hide(l->network))
        check_numbers(l, operation, weights,
                      l->network->parameters[operation->parameters[BT_CONVOLUTION_WEIGHT]].count);
    return weights;
}

const float *bt_filter_bias(bt_lowering *l, int number, int tiles) {
    const bt_operation *operation = &l->network->operations[number];
    float **place = &l->plan->biases[number];
    if (operation->parameters[BT_CONVOLUTION_BIAS] == BT_NO_PARAMETER && !bt_is_normed(operation))
        return NULL;
    if (!*place && l->weights && l->status == BT_OK)
        *place = bt_folded_bias(l->network, operation, l->weights->values, tiles);
    if (!*place) bt_lowering_no_memory(l);
    if (*place && l->status == BT_OK && may_hide(l->network))
        check_numbers(l, operation, *place, (size_t)l->network->channels[operation->output]);
    return *place;
}

const float *bt_parameter_memory(bt_lowering *l, const bt_operation *operation, int index) {
    const bt_cuda *cuda = l->plan->cuda;
    const int number = operation->parameters[index];
    const float *values = bt_parameter_values(l, operation, index);
    if (!cuda || !values || l->status != BT_OK) return values;
    void **place = &l->plan->device_parameters[number];
    if (!*place)
        l->status = bt_cuda_copy(cuda, place, values, l->network->parameters[number].count * sizeof *values,
                                 l->error);
    return *place;
}
