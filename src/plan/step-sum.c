/* Sums of tensors of any size, and what is one of a single tensor: a resize, and the parts of a concatenation
 * that nobody could write in place. */
#include "kernels/sum.h"

#include "plan/lowering.h"

static void bind_sum(void *arguments, const bt_step_memory *memory) {
    bt_sum *sum = arguments;
    for (int i = 0; i < sum->input_count; i++)
        sum->inputs[i].x = memory->inputs[i];
    sum->out = memory->output;
}

static bt_status run_sum(const void *arguments, bt_cpu_level level, void *scratch, bt_error *error) {
    (void)error;
    bt_sum_run(arguments, level, scratch);
    return BT_OK;
}

static size_t sum_scratch(const void *arguments) {
    return bt_sum_scratch_bytes(arguments);
}

static int launch_sum(const bt_cuda_table *cuda, const void *arguments, void *scratch, void *stream) {
    (void)scratch;
    return cuda->sum(arguments, stream);
}

static void lower_add(bt_lowering *l, int number, const bt_operation *operation);
static void lower_resize(bt_lowering *l, int number, const bt_operation *operation);
static void lower_concatenation(bt_lowering *l, int number, const bt_operation *operation);

const bt_step_kind bt_step_sum = {.name = "sum",
                                  .size = sizeof(bt_sum),
                                  .only_writes = true,
                                  .bind = bind_sum,
                                  .run = run_sum,
                                  .scratch = sum_scratch,
                                  .launch = launch_sum,
                                  .lowers = {{BT_OPERATION_ADD, lower_add},
                                             {BT_OPERATION_RESIZE, lower_resize},
                                             {BT_OPERATION_CONCATENATE, lower_concatenation}}};

/* The type of those that are no bytes. */
static bt_value_type floats_of(const bt_lowering *l, const int *values, int count, int output) {
    if (bt_value_at(l, output)->type != BT_U8) return bt_value_at(l, output)->type;
    for (int i = 0; i < count; i++)
        if (bt_value_at(l, values[i])->type != BT_U8) return bt_value_at(l, values[i])->type;
    return l->plan->options.type;
}

void bt_add_sum(bt_lowering *l, const int *values, int count, int output, bt_resize resize, bool relu) {
    const bt_value *to = bt_value_at(l, output);
    bt_sum sum = {.out_stride = bt_stride_of(l, output),
                  .input_count = count,
                  .batch = l->program->batch,
                  .channels = to->channels,
                  .height = to->height,
                  .width = to->width,
                  .resize = resize,
                  .type = floats_of(l, values, count, output),
                  .out_type = to->type,
                  .per_unit = to->units ? to->units->per_unit : NULL,
                  .relu = relu,
                  .threads = l->plan->options.threads};
    for (int i = 0; i < count; i++) {
        const bt_value *from = bt_value_at(l, values[i]);
        sum.inputs[i] = (bt_sum_input){.height = from->height,
                                       .width = from->width,
                                       .type = from->type,
                                       .unit = from->units ? from->units->unit : NULL};
        const bool coarse = from->height != to->height || from->width != to->width;
        if ((from->type != sum.type && (from->type != BT_U8 || coarse)) || from->channels != to->channels ||
            from->home != values[i])
            bt_lowering_fail(l, BT_UNSUPPORTED, "a sum of tensors that do not match", NULL);
        if (l->plan->cuda && coarse && resize != BT_RESIZE_ALIGNED)
            bt_lowering_fail(l, BT_UNSUPPORTED, "a plan on a GPU resizes with corners aligned only", NULL);
    }
    bt_plan_step *step = bt_add_step(l, &bt_step_sum, &sum, values[0], output);
    if (!step) return;
    for (int i = 1; i < count; i++)
        bt_step_reads(step, values[i]);
}

static void lower_add(bt_lowering *l, int number, const bt_operation *operation) {
    int values[BT_MAX_INPUTS];
    (void)number;
    for (int i = 0; i < operation->input_count; i++)
        values[i] = bt_input_value(l, operation, i);
    const int to = bt_value_of(l, operation->output);
    bt_add_sum(l, values, operation->input_count, to, operation->resize,
               operation->activation == BT_ACTIVATION_RELU);
    if (operation->activation != BT_ACTIVATION_RELU) bt_add_activation(l, operation, to);
}

static void lower_resize(bt_lowering *l, int number, const bt_operation *operation) {
    int from = bt_input_value(l, operation, 0);
    (void)number;
    bt_add_sum(l, &from, 1, bt_value_of(l, operation->output), operation->resize, false);
}

/* ---- concatenations ---- */

bool bt_is_split(const bt_lowering *l, const bt_operation *concatenation) {
    const bt_operation *reader = bt_only_reader(l, concatenation->output);
    if (concatenation->kind != BT_OPERATION_CONCATENATE || !reader || !bt_is_pointwise(reader)) return false;
    /* What is a residual, or goes into a dot product, must lie there. */
    if (reader->inputs[0] != concatenation->output || l->plan->shapes[reader->output].channels == 1)
        return false;
    for (int i = 0; i < concatenation->input_count; i++)
        if (!bt_same_size(l, concatenation->inputs[i], concatenation->output)) return true;
    return false;
}

/* Channels of a concatenation before its input number `input`. */
static int channels_before(const bt_lowering *l, const bt_operation *concatenation, int input) {
    int channels = 0;
    for (int i = 0; i < input; i++)
        channels += l->plan->shapes[concatenation->inputs[i]].channels;
    return channels;
}

static int slice_of(bt_lowering *l, int number, int input) {
    const bt_operation *concatenation = &l->network->operations[number];
    int whole = bt_value_of(l, concatenation->output);
    bt_value slice = *bt_value_at(l, whole);
    slice.channels = l->plan->shapes[concatenation->inputs[input]].channels;
    slice.first_channel = channels_before(l, concatenation, input);
    slice.home = whole;
    slice.units = bt_units_of(l, concatenation->inputs[input]);
    slice.unit_channels = slice.channels;
    return bt_add_value(l, slice);
}

int bt_place_in_concatenation(bt_lowering *l, int tensor) {
    for (int i = l->network->operation_count - 1; i >= 0; i--) {
        const bt_operation *operation = &l->network->operations[i];
        if (operation->kind != BT_OPERATION_CONCATENATE || bt_is_split(l, operation)) continue;
        for (int j = 0; j < operation->input_count; j++) {
            bool *placed = &l->placed[i * BT_MAX_INPUTS + j];
            if (operation->inputs[j] != tensor || *placed || !bt_same_size(l, tensor, operation->output))
                continue;
            *placed = true;
            return slice_of(l, i, j);
        }
    }
    return BT_NO_VALUE;
}

static void lower_concatenation(bt_lowering *l, int number, const bt_operation *operation) {
    if (bt_is_split(l, operation)) return;
    for (int i = 0; i < operation->input_count; i++) {
        int from = bt_input_value(l, operation, i);
        if (!l->placed[number * BT_MAX_INPUTS + i])
            bt_add_sum(l, &from, 1, slice_of(l, number, i), operation->resize, false);
    }
    bt_value_of(l, operation->output);
}
