/* A norm, in place on what it normalises or into bytes, with the residual and the activation that follow
 * it. */
#include "kernels/norm.h"

#include "kernels/scale.h"
#include "plan/lowering.h"

static void bind_norm(void *arguments, const bt_step_memory *memory) {
    bt_norm *norm = arguments;
    norm->x = memory->inputs[0];
    norm->residual = memory->inputs[1];
    norm->out = memory->output;
}

static bt_status run_norm(const void *arguments, bt_cpu_level level, void *scratch, bt_error *error) {
    (void)error;
    bt_norm_run(arguments, level, scratch);
    return BT_OK;
}

static size_t norm_scratch(const void *arguments) {
    return bt_norm_scratch_bytes(arguments);
}

static int launch_norm(const bt_cuda_table *cuda, const void *arguments, void *scratch, void *stream) {
    return cuda->norm(arguments, scratch, stream);
}

static size_t cuda_norm_scratch(const bt_cuda_table *cuda, const void *arguments) {
    return cuda->norm_scratch(arguments);
}

typedef struct sigmoid {
    float *values;
    size_t count;
} sigmoid;

static void bind_sigmoid(void *arguments, const bt_step_memory *memory) {
    ((sigmoid *)arguments)->values = memory->output;
}

static bt_status run_sigmoid(const void *arguments, bt_cpu_level level, void *scratch, bt_error *error) {
    const sigmoid *s = arguments;
    (void)scratch, (void)error;
    bt_sigmoid_run(s->values, s->count, level);
    return BT_OK;
}

static int launch_sigmoid(const bt_cuda_table *cuda, const void *arguments, void *scratch, void *stream) {
    const sigmoid *s = arguments;
    (void)scratch;
    return cuda->sigmoid(s->values, s->count, stream);
}

static const bt_step_kind step_sigmoid = {.name = "sigmoid",
                                          .size = sizeof(sigmoid),
                                          .bind = bind_sigmoid,
                                          .run = run_sigmoid,
                                          .launch = launch_sigmoid};

static void lower_norm(bt_lowering *l, int number, const bt_operation *operation);

const bt_step_kind bt_step_norm = {.name = "norm",
                                   .size = sizeof(bt_norm),
                                   .bind = bind_norm,
                                   .run = run_norm,
                                   .scratch = norm_scratch,
                                   .launch = launch_norm,
                                   .cuda_scratch = cuda_norm_scratch,
                                   .lowers = {{BT_OPERATION_NORM, lower_norm}}};

static void lower_norm(bt_lowering *l, int number, const bt_operation *operation) {
    int from = bt_input_value(l, operation, 0), to = bt_in_place_value(l, operation),
        residual = operation->input_count > 1 ? bt_input_value(l, operation, 1) : BT_NO_VALUE;
    /* A GPU's norm reads one tensor and writes another as well as in place; a CPU's only into bytes. */
    const bool apart = l->plan->cuda || bt_value_at(l, to)->type == BT_U8;
    const bt_value *x = bt_value_at(l, apart ? from : to), *y = bt_value_at(l, to),
                   *r = residual == BT_NO_VALUE ? NULL : bt_value_at(l, residual);
    const bt_norm norm = {.scale = bt_parameter_memory(l, operation, 0),
                          .offset = bt_parameter_memory(l, operation, 1),
                          .batch = l->program->batch,
                          .channels = x->channels,
                          .pixels = bt_pixels_of(x),
                          .epsilon = (float)BT_NORM_EPSILON,
                          .type = x->type,
                          .out_type = y->type,
                          .per_unit = y->units ? y->units->per_unit : NULL,
                          .residual_type = r ? r->type : x->type,
                          .residual_unit = r && r->units ? r->units->unit : NULL,
                          .broken = l->program->broken,
                          .relu = operation->activation == BT_ACTIVATION_RELU,
                          .threads = l->plan->options.threads};
    (void)number;
    if (operation->activation > BT_ACTIVATION_SIGMOID) bt_lowering_refuse(l, operation);
    if ((r && r->type != x->type && r->type != BT_U8) || x->type == BT_U8) bt_lowering_refuse(l, operation);
    if (from != to && !apart) bt_add_sum(l, &from, 1, to, BT_RESIZE_ALIGNED, false);
    bt_plan_step *step = bt_add_step(l, &bt_step_norm, &norm, apart ? from : to, to);
    if (!step) return;
    bt_step_reads(step, residual);
    if (operation->activation != BT_ACTIVATION_SIGMOID) return;
    if (x->type != BT_F32) bt_lowering_refuse(l, operation);
    const sigmoid s = {.count = (size_t)(norm.batch * norm.pixels * norm.channels)};
    bt_add_step(l, &step_sigmoid, &s, to, to);
}
