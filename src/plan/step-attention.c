/* Attention and gates: factors for channels and for pixels, and the tensor weighed by them.
 *
 * Each attention is a step that finds its factors and one that weighs. Where attention over pixels follows
 * attention over channels and nobody else reads what lies between, that is never written: the second one's
 * factors are found with the first one's, and one step weighs by both. */
#include "kernels/attention.h"

#include "kernels/scale.h"
#include "plan/lowering.h"

/* ---- weighing ---- */

static void bind_scale(void *arguments, const bt_step_memory *memory) {
    bt_scale *scale = arguments;
    scale->x = memory->inputs[0];
    scale->channel = memory->inputs[1];
    scale->pixel = memory->inputs[2];
    scale->out = memory->output;
}

static bt_status run_scale(const void *arguments, bt_cpu_level level, void *scratch, bt_error *error) {
    (void)error;
    bt_scale_run(arguments, level, scratch);
    return BT_OK;
}

static size_t scale_scratch(const void *arguments) {
    return bt_scale_scratch_bytes(arguments);
}

static int launch_scale(const bt_cuda_table *cuda, const void *arguments, void *scratch, void *stream) {
    (void)scratch;
    return cuda->scale(arguments, stream);
}

static void lower_gate(bt_lowering *l, int number, const bt_operation *operation);

const bt_step_kind bt_step_scale = {.name = "scale",
                                    .size = sizeof(bt_scale),
                                    .bind = bind_scale,
                                    .run = run_scale,
                                    .scratch = scale_scratch,
                                    .launch = launch_scale,
                                    .lowers = {{BT_OPERATION_GATE, lower_gate}}};

/* x times a factor for each channel and each pixel; BT_NO_VALUE for either. */
static void add_scale(bt_lowering *l, int from, int channel, int pixel, int to) {
    const bt_value *x = bt_value_at(l, from);
    const bt_scale scale = {.out_stride = bt_stride_of(l, to),
                            .batch = l->program->batch,
                            .channels = x->channels,
                            .pixels = bt_pixels_of(x),
                            .type = x->type,
                            .ratio = bt_value_at(l, to)->units ? bt_value_at(l, to)->units->ratio : NULL,
                            .threads = l->plan->options.threads};
    if (bt_value_at(l, to)->type != x->type)
        bt_lowering_fail(l, BT_UNSUPPORTED, "a tensor of other numbers than what it is joined to", NULL);
    bt_plan_step *step = bt_add_step(l, &bt_step_scale, &scale, from, to);
    if (!step) return;
    bt_step_reads(step, channel);
    bt_step_reads(step, pixel);
}

static void lower_gate(bt_lowering *l, int number, const bt_operation *operation) {
    int x = bt_input_value(l, operation, 0), gate = bt_input_value(l, operation, 1);
    (void)number;
    if (l->reader_count[operation->output] == 1)
        l->value[operation->output] = bt_place_in_concatenation(l, operation->output);
    if (bt_value_at(l, gate)->channels != 1 || bt_value_at(l, gate)->type != BT_F32)
        bt_lowering_refuse(l, operation);
    add_scale(l, x, BT_NO_VALUE, gate, bt_value_of(l, operation->output));
}

/* ---- channels ---- */

static void bind_channel_attention(void *arguments, const bt_step_memory *memory) {
    bt_channel_attention *attention = arguments;
    attention->x = memory->inputs[0];
    attention->factors = memory->output;
}

static bt_status run_channel_attention(const void *arguments, bt_cpu_level level, void *scratch,
                                       bt_error *error) {
    (void)error;
    bt_channel_attention_run(arguments, level, scratch);
    return BT_OK;
}

static size_t channel_attention_scratch(const void *arguments) {
    return bt_channel_attention_scratch_bytes(arguments);
}

static int launch_channel_attention(const bt_cuda_table *cuda, const void *arguments, void *scratch,
                                    void *stream) {
    return cuda->channel_attention(arguments, scratch, stream);
}

static size_t cuda_channel_attention_scratch(const bt_cuda_table *cuda, const void *arguments) {
    return cuda->channel_attention_scratch(arguments);
}

static void lower_channel_attention(bt_lowering *l, int number, const bt_operation *operation);

const bt_step_kind bt_step_channel_attention = {
    .name = "channel_attention",
    .size = sizeof(bt_channel_attention),
    .bind = bind_channel_attention,
    .run = run_channel_attention,
    .scratch = channel_attention_scratch,
    .launch = launch_channel_attention,
    .cuda_scratch = cuda_channel_attention_scratch,
    .lowers = {{BT_OPERATION_CHANNEL_ATTENTION, lower_channel_attention}}};

static void lower_channel_attention(bt_lowering *l, int number, const bt_operation *operation) {
    int x = bt_input_value(l, operation, 0);
    const bt_value shape = *bt_value_at(l, x);
    const bt_operation *reader = bt_only_reader(l, operation->output);
    const bool pixels_follow = reader && reader->kind == BT_OPERATION_SPATIAL_ATTENTION;
    const bt_channel_attention attention = {.squeeze = bt_parameter_memory(l, operation, 0),
                                            .expand = bt_parameter_memory(l, operation, 1),
                                            .batch = l->program->batch,
                                            .channels = shape.channels,
                                            .hidden =
                                                (int)l->network->parameters[operation->parameters[0]].dims[0],
                                            .height = shape.height,
                                            .width = shape.width,
                                            .type = shape.type,
                                            .unit = shape.units ? shape.units->unit : NULL,
                                            .threads = l->plan->options.threads};
    int factors = bt_new_value(l, shape.channels, 1, 1, BT_F32);
    if (pixels_follow && shape.type == BT_U8 && l->reader_count[operation->inputs[0]] == 1)
        l->value[operation->output] = x; /* never written; units.c gave it the same units */
    int to = bt_in_place_value(l, operation);
    (void)number;
    bt_add_step(l, &bt_step_channel_attention, &attention, x, factors);
    if (pixels_follow && to == x)
        l->factors[operation->output] = factors; /* the spatial attention weighs by both */
    else
        add_scale(l, x, factors, BT_NO_VALUE, to);
}

/* ---- pixels ---- */

static void bind_spatial_attention(void *arguments, const bt_step_memory *memory) {
    bt_spatial_attention *attention = arguments;
    attention->x = memory->inputs[0];
    attention->channel = memory->inputs[1];
    attention->factors = memory->output;
}

static bt_status run_spatial_attention(const void *arguments, bt_cpu_level level, void *scratch,
                                       bt_error *error) {
    (void)error;
    bt_spatial_attention_run(arguments, level, scratch);
    return BT_OK;
}

static size_t spatial_attention_scratch(const void *arguments) {
    return bt_spatial_attention_scratch_bytes(arguments);
}

static int launch_spatial_attention(const bt_cuda_table *cuda, const void *arguments, void *scratch,
                                    void *stream) {
    return cuda->spatial_attention(arguments, scratch, stream);
}

static size_t cuda_spatial_attention_scratch(const bt_cuda_table *cuda, const void *arguments) {
    return cuda->spatial_attention_scratch(arguments);
}

static void lower_spatial_attention(bt_lowering *l, int number, const bt_operation *operation);

const bt_step_kind bt_step_spatial_attention = {
    .name = "spatial_attention",
    .size = sizeof(bt_spatial_attention),
    .bind = bind_spatial_attention,
    .run = run_spatial_attention,
    .scratch = spatial_attention_scratch,
    .launch = launch_spatial_attention,
    .cuda_scratch = cuda_spatial_attention_scratch,
    .lowers = {{BT_OPERATION_SPATIAL_ATTENTION, lower_spatial_attention}}};

static void lower_spatial_attention(bt_lowering *l, int number, const bt_operation *operation) {
    int x = bt_input_value(l, operation, 0), channel = l->factors[operation->inputs[0]];
    const bt_value shape = *bt_value_at(l, x);
    const bt_spatial_attention attention = {.weight = bt_parameter_memory(l, operation, 0),
                                            .batch = l->program->batch,
                                            .channels = shape.channels,
                                            .height = shape.height,
                                            .width = shape.width,
                                            .kernel = operation->kernel,
                                            .type = shape.type,
                                            .unit = shape.units ? shape.units->unit : NULL,
                                            .threads = l->plan->options.threads};
    int factors = bt_new_value(l, 1, shape.height, shape.width, BT_F32), to = bt_in_place_value(l, operation);
    (void)number;
    bt_plan_step *step = bt_add_step(l, &bt_step_spatial_attention, &attention, x, factors);
    if (!step) return;
    bt_step_reads(step, channel);
    add_scale(l, x, channel, factors, to);
}
