/* A program's steps bound to memory, and carried out. */
#include <stdio.h>

#include "base/clock.h"
#include "plan/arena.h"
#include "plan/program.h"

/* ---- binding ---- */

static void *at(const bt_program *program, char *arena, int value) {
    const bt_value *v = &program->values[value];
    return arena + program->values[v->home].offset + (size_t)v->first_channel * (v->bf16 ? 2 : 4);
}

static void bind_step(const bt_program *program, bt_plan_step *step, char *arena, char *scratch) {
    void *x = step->input_count > 0 ? at(program, arena, step->inputs[0]) : NULL,
         *second = step->input_count > 1 ? at(program, arena, step->inputs[1]) : NULL,
         *third = step->input_count > 2 ? at(program, arena, step->inputs[2]) : NULL,
         *out = at(program, arena, step->output);
    switch (step->does) {
    case BT_DOES_INTERLEAVE:
        step->as.interleave.out = out;
        return;
    case BT_DOES_CONV:
        bt_convolution_bind(step->as.conv.convolution, x, step->as.conv.bias, out, scratch);
        return;
    case BT_DOES_DOT:
        step->as.dot.x = x;
        step->as.dot.out = out;
        return;
    case BT_DOES_NORM:
        step->as.norm.x = x;
        step->as.norm.residual = second;
        return;
    case BT_DOES_SIGMOID:
        step->as.sigmoid.values = out;
        return;
    case BT_DOES_SUM:
        for (int i = 0; i < step->input_count; i++)
            step->as.sum.inputs[i].x = at(program, arena, step->inputs[i]);
        step->as.sum.out = out;
        return;
    case BT_DOES_SCALE: /* x itself stands for no factors */
        step->as.scale.x = x;
        step->as.scale.channel = second == x ? NULL : second;
        step->as.scale.pixel = third == x ? NULL : third;
        step->as.scale.out = out;
        return;
    case BT_DOES_POOL:
        step->as.pool.x = x;
        step->as.pool.out = out;
        return;
    case BT_DOES_UNFOLD:
        step->as.unfold.x = x;
        step->as.unfold.out = out;
        step->as.unfold.also = step->also == BT_NO_VALUE ? NULL : at(program, arena, step->also);
        return;
    case BT_DOES_CHANNEL_ATTENTION:
        step->as.channel.x = x;
        step->as.channel.factors = out;
        return;
    case BT_DOES_SPATIAL_ATTENTION:
        step->as.spatial.x = x;
        step->as.spatial.channel = second;
        step->as.spatial.factors = out;
        return;
    }
}

void bt_program_bind(bt_program *program, char *arena) {
    for (int i = 0; i < program->step_count; i++)
        bind_step(program, &program->steps[i], arena, arena + program->arena_bytes);
}

/* ---- running ---- */

static bt_status run_step(const bt_plan_step *step, bt_cpu_level level, char *scratch, bt_error *error) {
    switch (step->does) {
    case BT_DOES_INTERLEAVE:
        bt_interleave_run(&step->as.interleave, level);
        return BT_OK;
    case BT_DOES_CONV:
        return bt_convolution_run(step->as.conv.convolution, error);
    case BT_DOES_DOT:
        bt_dot_run(&step->as.dot, level);
        return BT_OK;
    case BT_DOES_NORM:
        bt_norm_run(&step->as.norm, level, scratch);
        return BT_OK;
    case BT_DOES_SIGMOID:
        bt_sigmoid_run(step->as.sigmoid.values, step->as.sigmoid.count, level);
        return BT_OK;
    case BT_DOES_SUM:
        bt_sum_run(&step->as.sum, level, scratch);
        return BT_OK;
    case BT_DOES_SCALE:
        bt_scale_run(&step->as.scale, level);
        return BT_OK;
    case BT_DOES_POOL:
        bt_pool_run(&step->as.pool, level);
        return BT_OK;
    case BT_DOES_UNFOLD:
        bt_unfold_run(&step->as.unfold, level);
        return BT_OK;
    case BT_DOES_CHANNEL_ATTENTION:
        bt_channel_attention_run(&step->as.channel, level, scratch);
        return BT_OK;
    case BT_DOES_SPATIAL_ATTENTION:
        bt_spatial_attention_run(&step->as.spatial, level, scratch);
        return BT_OK;
    }
    return bt_fail(error, BT_BACKEND, "a plan with a step of no kind");
}

bt_status bt_program_run(bt_program *program, char *arena, bt_cpu_level level, const float *images,
                         float *logits, int64_t *step_ns, bt_error *error) {
    char *scratch = arena + program->arena_bytes;
    bt_plan_step *first = &program->steps[0], *last = &program->steps[program->step_count - 1];
    first->as.interleave.planes = images;
    if (last->does == BT_DOES_DOT)
        last->as.dot.out = logits;
    else
        last->as.sum.out = logits;
    int64_t before_ns = step_ns ? bt_clock_now_ns() : 0;
    for (int i = 0; i < program->step_count; i++) {
        bt_status status = run_step(&program->steps[i], level, scratch, error);
        if (status != BT_OK) return status;
        if (!step_ns) continue;
        int64_t now_ns = bt_clock_now_ns();
        step_ns[i] += now_ns - before_ns;
        before_ns = now_ns;
    }
    return BT_OK;
}

/* ---- in words ---- */

void bt_program_step_text(const bt_program *program, int number, char *text, size_t size) {
    static const char *const names[] = {
        [BT_DOES_INTERLEAVE] = "interleave",
        [BT_DOES_CONV] = "conv",
        [BT_DOES_DOT] = "dot",
        [BT_DOES_NORM] = "norm",
        [BT_DOES_SIGMOID] = "sigmoid",
        [BT_DOES_SUM] = "sum",
        [BT_DOES_SCALE] = "scale",
        [BT_DOES_POOL] = "pool",
        [BT_DOES_UNFOLD] = "unfold",
        [BT_DOES_CHANNEL_ATTENTION] = "channel_attention",
        [BT_DOES_SPATIAL_ATTENTION] = "spatial_attention",
    };
    const bt_plan_step *step = &program->steps[number];
    const bt_value *out = &program->values[step->output];
    if (step->does == BT_DOES_CONV)
        bt_convolution_text(step->as.conv.convolution, text, size);
    else
        snprintf(text, size, "%s to %dx%dx%d", names[step->does], out->channels, out->height, out->width);
}
