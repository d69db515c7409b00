/* The compiler's passes in their order, and the program that they make: bound to memory, run, put into
 * words. */
#include "plan/program.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "kernels/parallel.h"
#include "plan/arena.h"
#include "plan/lowering.h"

/* Every kind of step that an operation of a network begins with. Those that only others bring along (a dot
 * product, a sigmoid, the image) are known in their files alone. */
extern const bt_step_kind bt_step_convolution, bt_step_unfold, bt_step_norm, bt_step_sum, bt_step_pool,
    bt_step_scale, bt_step_channel_attention, bt_step_spatial_attention;

static const bt_step_kind *const kinds[] = {
    &bt_step_convolution,
    &bt_step_unfold,
    &bt_step_norm,
    &bt_step_sum,
    &bt_step_pool,
    &bt_step_scale,
    &bt_step_channel_attention,
    &bt_step_spatial_attention,
};

/* ---- compiling ---- */

static bt_lower lower_of(bt_operation_kind operation) {
    for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i++)
        for (int j = 0; j < BT_STEP_OPERATIONS && kinds[i]->lowers[j].lower; j++)
            if (kinds[i]->lowers[j].operation == operation) return kinds[i]->lowers[j].lower;
    return NULL;
}

/* The last of an operation's steps is where its tensor is done, if that is what it wrote. */
static void note_tensor(bt_lowering *l, const bt_operation *operation, int steps_before) {
    bt_program *program = l->program;
    if (program->step_count == steps_before) return;
    bt_plan_step *last = &program->steps[program->step_count - 1];
    if (last->output == l->value[operation->output]) last->tensor = operation->output;
}

static void lower_operations(bt_lowering *l) {
    for (int i = 0; i < l->network->operation_count && l->status == BT_OK; i++) {
        const bt_operation *operation = &l->network->operations[i];
        const bt_lower lower = lower_of(operation->kind);
        const int before = l->program->step_count;
        if (lower)
            lower(l, i, operation);
        else
            bt_lowering_refuse(l, operation);
        note_tensor(l, operation, before);
    }
}

/* The last step writes the logits, floats, to the caller's memory. One channel is a plane as it is. */
static void check_output(bt_lowering *l) {
    bt_program *program = l->program;
    if (l->status != BT_OK) return;
    program->output = l->value[l->network->output_tensor];
    const bt_plan_step *last = &program->steps[program->step_count - 1];
    const bt_value *logits = &program->values[program->output];
    if (logits->channels != 1 || logits->type != BT_F32 || last->output != program->output ||
        !last->kind->only_writes)
        program->output = bt_lower_planes(l, program->output);
}

static size_t value_bytes(const bt_program *program, const bt_value *value) {
    return (size_t)program->batch * (size_t)value->channels * (size_t)bt_pixels_of(value) *
           bt_value_bytes(value->type);
}

/* `step` uses a value, or a part of it. */
static void extend_lease(const bt_program *program, bt_lease *leases, int value, int step) {
    if (value == BT_NO_VALUE) return;
    bt_lease *lease = &leases[program->values[value].home];
    if (lease->last < lease->first) lease->first = step;
    lease->last = step;
}

/* A value lives from the step that first uses it to the last. */
static void place_values(bt_lowering *l) {
    bt_program *program = l->program;
    const size_t count = (size_t)program->value_count;
    bt_lease *leases = l->status == BT_OK ? calloc(count + 1, sizeof *leases) : NULL;
    if (!leases) {
        bt_lowering_no_memory(l);
        return;
    }
    for (size_t i = 0; i < count; i++) {
        const bt_value *value = &program->values[i];
        const bool own = value->home == (int)i && (int)i != program->image && (int)i != program->output;
        leases[i] = (bt_lease){.bytes = own ? value_bytes(program, value) : 0, .first = 0, .last = -1};
    }
    for (int i = 0; i < program->step_count; i++) {
        const bt_plan_step *step = &program->steps[i];
        for (int j = 0; j < step->input_count; j++)
            extend_lease(program, leases, step->inputs[j], i);
        extend_lease(program, leases, step->output, i);
        extend_lease(program, leases, step->second_output, i);
    }
    l->status = bt_arena_place(leases, count, &program->arena_bytes, l->error);
    for (size_t i = 0; i < count; i++)
        program->values[i].offset = leases[i].offset;
    free(leases);
}

bt_status bt_program_open(bt_program **out, bt_plan *plan, int batch, const bt_weights *weights,
                          bt_error *error) {
    bt_program *program = calloc(1, sizeof *program);
    bt_lowering l = {.plan = plan,
                     .program = program,
                     .network = plan->options.network,
                     .weights = weights,
                     .error = error};
    *out = NULL;
    l.status = program ? bt_lowering_open(&l) : bt_no_memory(error, "a plan");
    if (l.status == BT_OK) {
        program->batch = batch;
        program->broken = calloc((size_t)batch, sizeof *program->broken);
        if (!program->broken) bt_lowering_no_memory(&l);
        bt_lower_image(&l);
        lower_operations(&l);
        check_output(&l);
        place_values(&l);
    }
    bt_lowering_close(&l);
    if (l.status != BT_OK)
        bt_program_close(&program);
    else
        *out = program;
    return l.status;
}

void bt_program_close(bt_program **out) {
    if (!out || !*out) return;
    bt_program *program = *out;
    for (int i = 0; i < program->step_count; i++) {
        bt_plan_step *step = &program->steps[i];
        if (step->kind->close) step->kind->close(step->arguments);
        free(step->arguments);
    }
    free(program->steps);
    free(program->values);
    free(program->broken);
    free(program);
    *out = NULL;
}

/* ---- binding ---- */

void *bt_program_address(const bt_program *program, int value) {
    if (value == BT_NO_VALUE) return NULL;
    if (value == program->image) return (void *)(uintptr_t)program->images; /* only read */
    if (value == program->output) return program->logits;
    const bt_value *v = &program->values[value];
    return program->arena + program->values[v->home].offset +
           (size_t)v->first_channel * bt_value_bytes(v->type);
}

static void bind_step(const bt_program *program, const bt_plan_step *step) {
    bt_step_memory memory = {.output = bt_program_address(program, step->output),
                             .second_output = bt_program_address(program, step->second_output),
                             .scratch = program->scratch};
    for (int i = 0; i < step->input_count; i++)
        memory.inputs[i] = bt_program_address(program, step->inputs[i]);
    step->kind->bind(step->arguments, &memory);
}

void bt_program_bind(bt_program *program, char *arena, char *scratch) {
    program->arena = arena;
    program->scratch = scratch;
    for (int i = 0; i < program->step_count; i++)
        bind_step(program, &program->steps[i]);
}

/* ---- running ---- */

void bt_program_bind_ends(bt_program *program, const float *images, float *logits) {
    program->images = images;
    program->logits = logits;
    bind_step(program, &program->steps[0]);
    bind_step(program, &program->steps[program->step_count - 1]);
}

static void tell(const bt_program *program, const bt_plan_step *step, const bt_program_watch *watch) {
    const bt_value *value = &program->values[step->output], *home = &program->values[value->home];
    if (step->tensor != BT_NO_TENSOR_DONE)
        watch->observe(watch->context, step->tensor, bt_program_address(program, step->output), value->type,
                       value->channels, (size_t)home->channels, program->batch * bt_pixels_of(value));
}

#define EXPONENT 0x7F800000U /* of a float: all ones where it is no number */

/* Of bytes, one in so many is looked at. More cost time (each is a cache line); fewer tell late that a picture
 * is beyond what was calibrated. A prime, so that no channel is favoured. */
#define SAMPLE_EVERY 509

/* Counts those that lie at the end of what a byte holds: at 0 too where that is not the zero. A step writes
 * values with signs, or without, never both. */
static void sample(bt_program *program, const bt_plan_step *step) {
    const bt_value *value = &program->values[step->output], *home = &program->values[value->home];
    if (step->tensor == BT_NO_TENSOR_DONE || value->type != BT_U8) return;
    const uint8_t *bytes = bt_program_address(program, step->output);
    const int64_t channels = value->channels, stride = home->channels,
                  count = program->batch * bt_pixels_of(value) * channels;
    const bool signs = value->units->zero[0] != 0;
    for (int64_t i = 0; i < count; i += SAMPLE_EVERY) {
        const uint8_t byte = bytes[stride == channels ? i : i / channels * stride + i % channels];
        program->saturated += byte == 255 || (signs && byte == 0);
        program->sampled++;
    }
}

/* What became no number must not come out as a mask. */
static void spoil_broken(const bt_program *program) {
    const bt_value *output = &program->values[program->output];
    const size_t count = (size_t)bt_pixels_of(output) * (size_t)output->channels;
    for (int n = 0; n < program->batch; n++)
        for (size_t p = 0; program->broken[n] && p < count; p++)
            program->logits[(size_t)n * count + p] = NAN;
}

/* Where an activation would hide it, what is no number is looked for in the image: it comes from nowhere else. */
static void note_broken(const bt_program *program) {
    const bt_value *image = &program->values[program->image];
    const size_t count = (size_t)bt_pixels_of(image) * (size_t)image->channels;
    memset(program->broken, 0, (size_t)program->batch * sizeof *program->broken);
    for (int n = 0; program->hides && n < program->batch; n++) {
        const float *values = program->images + (size_t)n * count;
        unsigned wrong = 0;
        for (size_t i = 0; i < count; i++) {
            uint32_t bits;
            memcpy(&bits, &values[i], sizeof bits);
            wrong |= (bits & EXPONENT) == EXPONENT;
        }
        program->broken[n] = wrong != 0;
    }
}

bt_status bt_program_run(bt_program *program, bt_cpu_level level, const float *images, float *logits,
                         const bt_program_watch *watch, bt_error *error) {
    bt_program_bind_ends(program, images, logits);
    note_broken(program);
    int64_t before_ns = watch->step_ns ? bt_clock_now_ns() : 0;
    for (int i = 0; i < program->step_count; i++) {
        const bt_plan_step *step = &program->steps[i];
        bt_status status = step->kind->run(step->arguments, level, program->scratch, error);
        if (status != BT_OK) return status;
        if (watch->observe) tell(program, step, watch);
        sample(program, step);
        if (!watch->step_ns) continue;
        int64_t now_ns = bt_clock_now_ns();
        watch->step_ns[i] += now_ns - before_ns;
        before_ns = now_ns;
    }
    spoil_broken(program);
    return BT_OK;
}

/* ---- in words ---- */

void bt_program_step_text(const bt_program *program, int number, char *text, size_t size) {
    const bt_plan_step *step = &program->steps[number];
    const bt_value *out = &program->values[step->output];
    if (step->kind->text)
        step->kind->text(step->arguments, text, size);
    else
        snprintf(text, size, "%s to %dx%dx%d", step->kind->name, out->channels, out->height, out->width);
}

int64_t bt_program_step_bytes(const bt_program *program, int number) {
    const bt_plan_step *step = &program->steps[number];
    size_t bytes = value_bytes(program, &program->values[step->output]);
    if (step->second_output != BT_NO_VALUE)
        bytes += value_bytes(program, &program->values[step->second_output]);
    for (int i = 0; i < step->input_count; i++)
        if (step->inputs[i] != BT_NO_VALUE) bytes += value_bytes(program, &program->values[step->inputs[i]]);
    return (int64_t)bytes;
}
