#include "plan/cuda-run.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/array.h"

/* Runs of a step when it is timed alone, in one graph: enough for the graph's own launch not to count. */
#define TIMED_RUNS 20

static size_t pixels_of(const bt_plan *plan) {
    return (size_t)plan->options.height * (size_t)plan->options.width;
}

/* ---- memory ---- */

/* A block of at least `bytes` in place of *block; nothing in the old one is needed between runs. */
static bt_status grow(const bt_cuda *cuda, void **block, size_t *had, size_t bytes, bool *moved,
                      bt_error *error) {
    void *fresh = NULL;
    if (bytes <= *had) return BT_OK;
    cuda->table->release(cuda->context, *block);
    *block = NULL;
    *had = 0;
    *moved = true;
    bt_status status = bt_cuda_result(cuda, cuda->table->allocate(cuda->context, &fresh, bytes), error);
    if (status != BT_OK) return status;
    *block = fresh;
    *had = bytes;
    return BT_OK;
}

static void forget(bt_plan *plan, bt_program *program) {
    plan->cuda->table->close_graph(program->graph);
    program->graph = NULL;
}

/* Blocks as large as `arena`, `scratch` and `batch` say, and every program pointed into them. */
static bt_status use_memory(bt_plan *plan, size_t arena, size_t scratch, size_t batch, bool *moved,
                            bt_error *error) {
    const bt_cuda *cuda = plan->cuda;
    const size_t image = pixels_of(plan) * sizeof(float);
    void *block = plan->arena;
    bt_status status = grow(cuda, &block, &plan->arena_bytes, arena, moved, error);
    plan->arena = block;
    if (status == BT_OK)
        status = grow(cuda, &plan->device_scratch, &plan->device_scratch_bytes, scratch, moved, error);
    if (status == BT_OK)
        status = grow(cuda, &plan->device_images, &plan->device_image_bytes, 3 * image * batch, moved, error);
    if (status == BT_OK)
        status = grow(cuda, &plan->device_logits, &plan->device_logit_bytes, image * batch, moved, error);
    return status;
}

static void point(bt_plan *plan, bt_program *program) {
    bt_program_bind(program, plan->arena, plan->device_scratch);
    bt_program_bind_ends(program, plan->device_images, plan->device_logits);
    forget(plan, program);
}

/* ---- launching ---- */

static bt_status launch_step(const bt_plan *plan, const bt_program *program, int number, bt_error *error) {
    const bt_cuda *cuda = plan->cuda;
    const bt_plan_step *step = &program->steps[number];
    if (!step->kind->launch)
        return bt_fail(error, BT_UNSUPPORTED, "%s: a GPU has no %s", plan->options.network->title,
                       step->kind->name);
    const int code = step->kind->launch(cuda->table, step->arguments, plan->device_scratch,
                                        cuda->table->stream(cuda->context));
    if (code == 0) return BT_OK;
    char text[120];
    bt_program_step_text(program, number, text, sizeof text);
    return bt_fail(error, BT_BACKEND, "GPU: %s: %s", text,
                   code == BT_CUDA_FAULT ? cuda->table->fault(cuda->context) : cuda->table->error_text(code));
}

/* The first step, which brings images into the arena, is not part of the graph: what comes may be floats or
 * pictures. */
#define FIRST_RECORDED 1

static bt_status launch_all(const bt_plan *plan, const bt_program *program, bt_error *error) {
    bt_status status = BT_OK;
    for (int i = 0; i < program->step_count && status == BT_OK; i++)
        status = launch_step(plan, program, i, error);
    return status;
}

/* What `count` launches of steps [first, last) are as a graph. */
static bt_status record(const bt_plan *plan, const bt_program *program, int first, int last, int times,
                        bt_cuda_graph **out, int *kernels, bt_error *error) {
    const bt_cuda *cuda = plan->cuda;
    bt_status status = bt_cuda_result(cuda, cuda->table->begin(cuda->context), error);
    if (status != BT_OK) return status;
    for (int i = 0; i < times * (last - first) && status == BT_OK; i++)
        status = launch_step(plan, program, first + i % (last - first), error);
    const int code = cuda->table->end(cuda->context, out, kernels);
    if (status == BT_OK) status = bt_cuda_result(cuda, code, error);
    if (status == BT_OK) return BT_OK;
    cuda->table->close_graph(*out);
    *out = NULL;
    return status;
}

static bt_status record_all(bt_plan *plan, bt_program *program, bt_error *error) {
    return record(plan, program, FIRST_RECORDED, program->step_count, 1, &program->graph, &program->kernels,
                  error);
}

/* What the plan's programs need, which was there before: else nothing runs until there is room. */
static void use_least_memory(bt_plan *plan, bool *moved) {
    bt_error ignored;
    size_t arena = 0, scratch = 0, batch = 1;
    for (int i = 0; i < plan->program_count; i++) {
        const bt_program *program = plan->programs[i];
        if (program->arena_bytes > arena) arena = program->arena_bytes;
        if (program->scratch_bytes > scratch) scratch = program->scratch_bytes;
        if ((size_t)program->batch > batch) batch = (size_t)program->batch;
    }
    if (use_memory(plan, arena, scratch, batch, moved, &ignored) == BT_OK) return;
    for (int i = 0; i < plan->program_count; i++)
        forget(plan, plan->programs[i]);
    *moved = false;
}

bt_status bt_cuda_program_ready(bt_plan *plan, bt_program *program, bt_error *error) {
    const bt_cuda *cuda = plan->cuda;
    bool moved = false;
    cuda->table->release_trials(cuda->context); /* before the blocks grow */
    bt_status status =
        use_memory(plan, program->arena_bytes, program->scratch_bytes, (size_t)program->batch, &moved, error);
    if (status != BT_OK) use_least_memory(plan, &moved);
    for (int i = 0; i < plan->program_count && moved; i++)
        point(plan, plan->programs[i]);
    if (status != BT_OK) return status;
    point(plan, program);
    /* Once as they come, so that every kernel is loaded, and a fault is told where it is. */
    status = launch_all(plan, program, error);
    if (status == BT_OK) status = bt_cuda_result(cuda, cuda->table->wait(cuda->context), error);
    return status == BT_OK ? record_all(plan, program, error) : status;
}

/* ---- running ---- */

/* Adds what one of a graph's TIMED_RUNS takes, and closes it. */
static bt_status time_graph(const bt_cuda *cuda, bt_cuda_graph *graph, int64_t *ns, bt_error *error) {
    float ms = 0;
    int code = cuda->table->replay(cuda->context, graph);
    if (code == 0) code = cuda->table->clock(cuda->context, true, &ms);
    if (code == 0) code = cuda->table->replay(cuda->context, graph);
    if (code == 0) code = cuda->table->clock(cuda->context, false, &ms);
    cuda->table->close_graph(graph);
    *ns += llround((double)ms * 1e6 / TIMED_RUNS);
    return bt_cuda_result(cuda, code, error);
}

static bt_status time_steps(bt_plan *plan, bt_program *program, int64_t *step_ns, bt_error *error) {
    bt_status status = BT_OK;
    for (int i = 0; i < program->step_count && status == BT_OK; i++) {
        bt_cuda_graph *graph = NULL;
        int kernels;
        status = record(plan, program, i, i + 1, TIMED_RUNS, &graph, &kernels, error);
        if (status == BT_OK) status = time_graph(plan->cuda, graph, &step_ns[i], error);
    }
    return status;
}

bt_status bt_cuda_time_copy(bt_plan *plan, size_t bytes, int64_t *ns, bt_error *error) {
    const bt_cuda *cuda = plan->cuda;
    bt_cuda_graph *graph = NULL;
    void *from = NULL, *to = NULL;
    int kernels;
    *ns = 0;
    int code = cuda->table->allocate(cuda->context, &from, bytes);
    if (code == 0) code = cuda->table->allocate(cuda->context, &to, bytes);
    if (code == 0) code = cuda->table->begin(cuda->context);
    bt_status status = bt_cuda_result(cuda, code, error);
    for (int i = 0; i < TIMED_RUNS && status == BT_OK && code == 0; i++)
        code = cuda->table->copy(cuda->context, to, from, bytes);
    if (status == BT_OK) {
        const int ended = cuda->table->end(cuda->context, &graph, &kernels);
        status = bt_cuda_result(cuda, code != 0 ? code : ended, error);
    }
    if (status == BT_OK)
        status = time_graph(cuda, graph, ns, error);
    else
        cuda->table->close_graph(graph);
    cuda->table->release(cuda->context, from);
    cuda->table->release(cuda->context, to);
    return status;
}

/* Memory has moved since it was recorded, or there was none. */
static bt_status be_ready(bt_plan *plan, bt_program *program, bt_error *error) {
    return program->graph ? BT_OK : bt_cuda_program_ready(plan, program, error);
}

/* What follows the images' way into the arena, and the logits' way back. */
static bt_status replay(bt_plan *plan, bt_program *program, float *logits, bt_error *error) {
    const bt_cuda *cuda = plan->cuda;
    const size_t bytes = pixels_of(plan) * (size_t)program->batch * sizeof(float);
    int code = cuda->table->replay(cuda->context, program->graph);
    if (code == 0) code = cuda->table->down(cuda->context, logits, plan->device_logits, bytes);
    if (code == 0) code = cuda->table->wait(cuda->context);
    return bt_cuda_result(cuda, code, error);
}

/* ---- pictures ---- */

static bt_status more_slots(bt_plan *plan, int count, bt_error *error) {
    bt_picture_slot *grown = bt_array_grow(plan->slots, (size_t)plan->slot_count,
                                           (size_t)(count - plan->slot_count), NULL, sizeof *grown);
    if (!grown) return bt_no_memory(error, "%d pictures", count);
    memset(grown + plan->slot_count, 0, (size_t)(count - plan->slot_count) * sizeof *grown);
    plan->slots = grown;
    plan->slot_count = count;
    return BT_OK;
}

static void empty_slot(const bt_cuda *cuda, bt_picture_slot *slot) {
    cuda->table->release(cuda->context, slot->device);
    cuda->table->unpin(cuda->context, slot->pinned);
    *slot = (bt_picture_slot){0};
}

static bt_status grow_slot(const bt_cuda *cuda, bt_picture_slot *slot, size_t bytes, bt_error *error) {
    if (bytes <= slot->bytes) return BT_OK;
    empty_slot(cuda, slot);
    int code = cuda->table->pin(cuda->context, &slot->pinned, bytes);
    if (code == 0) code = cuda->table->allocate(cuda->context, &slot->device, bytes);
    if (code == 0)
        slot->bytes = bytes;
    else
        empty_slot(cuda, slot);
    return bt_cuda_result(cuda, code, error);
}

void bt_cuda_close_slots(bt_plan *plan) {
    for (int i = 0; i < plan->slot_count; i++)
        empty_slot(plan->cuda, &plan->slots[i]);
    free(plan->slots);
    plan->slots = NULL;
    plan->slot_count = 0;
}

static bt_status use_slot(bt_plan *plan, int number, size_t bytes, bt_picture_slot **out, bt_error *error) {
    bt_status status = number < plan->slot_count ? BT_OK : more_slots(plan, number + 1, error);
    if (status != BT_OK) return status;
    *out = &plan->slots[number];
    return grow_slot(plan->cuda, *out, bytes, error);
}

static bt_status send_slot(const bt_cuda *cuda, const bt_picture_slot *slot, size_t bytes, bt_error *error) {
    return bt_cuda_result(cuda, cuda->table->up(cuda->context, slot->device, slot->pinned, bytes), error);
}

bt_status bt_cuda_put_picture(bt_plan *plan, int number, const uint8_t *rgb, int height, int width,
                              const bt_image_norm *norm, bt_error *error) {
    const size_t bytes = 3 * (size_t)height * (size_t)width;
    bt_picture_slot *slot;
    bt_status status = use_slot(plan, number, bytes, &slot, error);
    if (status != BT_OK) return status;
    slot->tensor = false;
    slot->height = height;
    slot->width = width;
    slot->norm = norm ? *norm : bt_image_imagenet;
    memcpy(slot->pinned, rgb, bytes);
    return send_slot(plan->cuda, slot, bytes, error);
}

bt_status bt_cuda_put_tensor(bt_plan *plan, int number, const void *values, bt_tensor_type type, bool *tame,
                             bt_error *error) {
    const size_t count = 3 * pixels_of(plan), bytes = count * sizeof(float);
    bt_picture_slot *slot;
    bt_status status = use_slot(plan, number, bytes, &slot, error);
    if (status != BT_OK) return status;
    slot->tensor = true;
    *tame = bt_tensor_copy(slot->pinned, values, type, count);
    return send_slot(plan->cuda, slot, bytes, error);
}

static const bt_picture_slot *slot_for(const bt_plan *plan, int number, int count) {
    return &plan->slots[number < count ? number : count - 1];
}

/* Those of the batch that are tensors. The step that brings them into the arena brings all rows, whatever the
 * others hold: pictures come after it. */
static bt_status bring_tensors(const bt_plan *plan, const bt_program *program, int count, bt_error *error) {
    const bt_cuda *cuda = plan->cuda;
    const size_t bytes = 3 * pixels_of(plan) * sizeof(float);
    bool any = false;
    int code = 0;
    for (int i = 0; i < program->batch && code == 0; i++) {
        const bt_picture_slot *slot = slot_for(plan, i, count);
        if (!slot->tensor) continue;
        any = true;
        code = cuda->table->copy(cuda->context, (char *)plan->device_images + (size_t)i * bytes, slot->device,
                                 bytes);
    }
    bt_status status = bt_cuda_result(cuda, code, error);
    return status == BT_OK && any ? launch_step(plan, program, 0, error) : status;
}

/* Image `number` of the batch, from a slot. */
static bt_status launch_prepare(const bt_plan *plan, const bt_program *program, int number,
                                const bt_picture_slot *slot, bt_error *error) {
    const bt_cuda *cuda = plan->cuda;
    const int to = program->steps[0].output;
    const bt_value *image = &program->values[to];
    const size_t bytes = pixels_of(plan) * (size_t)image->channels * bt_value_bytes(image->type);
    bt_cuda_prepare prepare = {.pixels = slot->device,
                               .batch = 1,
                               .in_height = slot->height,
                               .in_width = slot->width,
                               .height = image->height,
                               .width = image->width,
                               .out = (char *)bt_program_address(program, to) + (size_t)number * bytes,
                               .out_channels = image->channels,
                               .type = image->type};
    memcpy(prepare.mean, slot->norm.mean, sizeof prepare.mean);
    memcpy(prepare.deviation, slot->norm.std, sizeof prepare.deviation);
    const int code = cuda->table->prepare(&prepare, cuda->table->stream(cuda->context));
    if (code == 0) return BT_OK;
    return bt_fail(error, BT_BACKEND, "GPU: preparing a picture of %d x %d: %s", slot->height, slot->width,
                   cuda->table->error_text(code));
}

/* A device that is sent to memory which is not there works for nobody any more. */
static bool are_put(const bt_plan *plan, int count) {
    bool all = count <= plan->slot_count;
    for (int i = 0; i < count && all; i++)
        all = plan->slots[i].bytes > 0;
    return all;
}

bt_status bt_cuda_run_pictures(bt_plan *plan, bt_program *program, int count, float *logits,
                               bt_error *error) {
    if (count < 1 || count > program->batch || !are_put(plan, count))
        return bt_fail(error, BT_INVALID, "%d pictures for a batch of %d: put each of them first", count,
                       program->batch);
    bt_status status = be_ready(plan, program, error);
    if (status == BT_OK) status = bring_tensors(plan, program, count, error);
    for (int i = 0; i < program->batch && status == BT_OK; i++)
        if (!slot_for(plan, i, count)->tensor)
            status = launch_prepare(plan, program, i, slot_for(plan, i, count), error);
    return status == BT_OK ? replay(plan, program, logits, error) : status;
}

/* ---- floats ---- */

bt_status bt_cuda_program_run(bt_plan *plan, bt_program *program, const float *images, float *logits,
                              int64_t *step_ns, bt_error *error) {
    const bt_cuda *cuda = plan->cuda;
    const size_t bytes = pixels_of(plan) * (size_t)program->batch * sizeof(float);
    bt_status status = be_ready(plan, program, error);
    if (status != BT_OK) return status;
    status =
        bt_cuda_result(cuda, cuda->table->up(cuda->context, plan->device_images, images, 3 * bytes), error);
    if (status == BT_OK) status = launch_step(plan, program, 0, error);
    if (status == BT_OK) status = replay(plan, program, logits, error);
    if (status == BT_OK && step_ns) status = time_steps(plan, program, step_ns, error);
    return status;
}
