#include "plan/plan.h"

#include <math.h>
#include <omp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include "base/array.h"
#include "plan/cuda-run.h"
#include "plan/program.h"

#define BATCH_MAX 4096

static bt_program *find(const bt_plan *plan, int batch_size) {
    for (int i = 0; i < plan->program_count; i++)
        if (plan->programs[i]->batch == batch_size) return plan->programs[i];
    return NULL;
}

/* What oneDNN makes is for the calling thread's number of OpenMP threads, and so is what it runs. */
static void use_threads(const bt_plan *plan) {
    if (omp_get_max_threads() != plan->options.threads) omp_set_num_threads(plan->options.threads);
}

static void bind(bt_program *program, char *arena) {
    bt_program_bind(program, arena, arena + program->arena_bytes);
}

/* A block of at least `bytes`, in huge pages where the system has them, every page touched. The programs are
 * bound to the new one; nothing in the old one is needed between runs. */
static bt_status grow_arena(bt_plan *plan, size_t bytes, bt_error *error) {
    if (bytes <= plan->arena_bytes) return BT_OK;
    char *block = mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (block == MAP_FAILED)
        return bt_fail(error, BT_OUT_OF_DEVICE_MEMORY, "%s: no memory for %zu MB of activations",
                       plan->options.network->title, bytes >> 20);
    madvise(block, bytes, MADV_HUGEPAGE); /* a wish */
    memset(block, 0, bytes);
    if (plan->arena) munmap(plan->arena, plan->arena_bytes);
    plan->arena = block;
    plan->arena_bytes = bytes;
    for (int i = 0; i < plan->program_count; i++)
        bind(plan->programs[i], plan->arena);
    return BT_OK;
}

static bt_status make_ready(bt_plan *plan, bt_program *program, bt_error *error) {
    if (plan->cuda) return bt_cuda_program_ready(plan, program, error);
    bt_status status = grow_arena(plan, program->arena_bytes + program->scratch_bytes, error);
    if (status == BT_OK) bind(program, plan->arena);
    return status;
}

static void close_program(bt_plan *plan, bt_program **program) {
    if (plan->cuda && *program) plan->cuda->table->close_graph((*program)->graph);
    bt_program_close(program);
}

static bt_status compile(bt_plan *plan, int batch_size, const bt_weights *weights, bt_error *error) {
    bt_program *program = NULL;
    if (batch_size < 1 || batch_size > BATCH_MAX)
        return bt_fail(error, BT_INVALID, "a batch of %d images: a plan takes 1 to %d", batch_size,
                       BATCH_MAX);
    if (!plan->cuda) use_threads(plan);
    bt_program **grown =
        bt_array_grow(plan->programs, (size_t)plan->program_count, 1, NULL, sizeof(bt_program *));
    if (!grown) return bt_no_memory(error, "a plan");
    plan->programs = grown;
    bt_status status = bt_program_open(&program, plan, batch_size, weights, error);
    if (status == BT_OK) status = make_ready(plan, program, error);
    if (status != BT_OK) {
        close_program(plan, &program);
        return status;
    }
    plan->programs[plan->program_count++] = program;
    return BT_OK;
}

bt_status bt_plan_buffer(bt_plan *plan, void **out, size_t bytes, bt_error *error) {
    bt_status status = BT_OK;
    *out = NULL;
    if (plan->buffer_count == BT_PLAN_BUFFERS)
        return bt_fail(error, BT_INVALID, "a plan has at most %d buffers", BT_PLAN_BUFFERS);
    if (plan->cuda)
        status = bt_cuda_result(plan->cuda, plan->cuda->table->pin(plan->cuda->context, out, bytes), error);
    else if (!(*out = malloc(bytes ? bytes : 1)))
        status = bt_no_memory(error, "a buffer of %zu bytes", bytes);
    if (status != BT_OK) return status;
    memset(*out, 0, bytes);
    plan->buffers[plan->buffer_count++] = *out;
    return BT_OK;
}

static void close_buffers(bt_plan *plan) {
    for (int i = 0; i < plan->buffer_count; i++)
        if (plan->cuda)
            plan->cuda->table->unpin(plan->cuda->context, plan->buffers[i]);
        else
            free(plan->buffers[i]);
}

bt_status bt_plan_open(bt_plan **out, const bt_plan_options *options, bt_error *error) {
    const bt_network *network = options->network;
    bt_plan *plan = calloc(1, sizeof *plan);
    *out = NULL;
    if (!plan) return bt_no_memory(error, "a plan");
    plan->options = *options;
    plan->options.weights = NULL;
    plan->options.calibration = NULL;
    plan->shapes = calloc((size_t)network->tensor_count, sizeof *plan->shapes);
    plan->parameters = calloc((size_t)network->parameter_count, sizeof *plan->parameters);
    plan->biases = calloc((size_t)network->operation_count, sizeof *plan->biases);
    plan->byte_weights = calloc((size_t)network->operation_count * BT_PLAN_PARTS, sizeof *plan->byte_weights);
    plan->packed = calloc((size_t)network->operation_count * BT_PLAN_PARTS, sizeof *plan->packed);
    plan->device_parameters = calloc((size_t)network->parameter_count, sizeof *plan->device_parameters);
    plan->device_weights =
        calloc((size_t)network->operation_count * BT_PLAN_PARTS, sizeof *plan->device_weights);
    bt_status status = BT_OK;
    if (!plan->shapes || !plan->parameters || !plan->biases || !plan->byte_weights || !plan->packed ||
        !plan->device_parameters || !plan->device_weights)
        status = bt_no_memory(error, "a plan");
    if (status == BT_OK)
        status = bt_network_shapes(network, options->height, options->width, plan->shapes, error);
    if (status == BT_OK && options->calibration)
        status = bt_units_open(&plan->units, network, plan->shapes, options->calibration, error);
    if (status == BT_OK && options->on_cuda)
        status = bt_cuda_open(&plan->cuda, options->device_index, options->libraries, error);
    else if (status == BT_OK)
        status = bt_onednn_load(options->level, error);
    if (status == BT_OK) status = compile(plan, 1, options->weights, error);
    if (status != BT_OK)
        bt_plan_close(&plan);
    else
        *out = plan;
    return status;
}

void bt_plan_close(bt_plan **out) {
    if (!out || !*out) return;
    bt_plan *plan = *out;
    const bt_network *network = plan->options.network;
    for (int i = 0; i < plan->program_count; i++)
        close_program(plan, &plan->programs[i]);
    for (int i = 0; i < plan->packed_count; i++)
        bt_packed_close(&plan->all_packed[i]);
    for (int i = 0; plan->parameters && i < network->parameter_count; i++)
        free(plan->parameters[i]);
    for (int i = 0; plan->biases && i < network->operation_count; i++)
        free(plan->biases[i]);
    for (int i = 0; plan->byte_weights && i < network->operation_count * BT_PLAN_PARTS; i++)
        bt_byte_weights_close(&plan->byte_weights[i]);
    bt_units_close(&plan->units, network);
    if (plan->cuda) bt_cuda_close_slots(plan);
    close_buffers(plan);
    if (plan->arena && !plan->cuda) munmap(plan->arena, plan->arena_bytes);
    bt_cuda_close(&plan->cuda);
    free(plan->device_parameters);
    free(plan->device_weights);
    free(plan->programs);
    free(plan->all_packed);
    free(plan->packed);
    free(plan->byte_weights);
    free(plan->parameters);
    free(plan->biases);
    free(plan->shapes);
    free(plan);
    *out = NULL;
}

bt_status bt_plan_prepare(bt_plan *plan, int batch_size, bt_error *error) {
    return find(plan, batch_size) ? BT_OK : compile(plan, batch_size, NULL, error);
}

static bt_status run(bt_plan *plan, int batch_size, const float *images, float *logits,
                     const bt_program_watch *watch, bt_error *error) {
    bt_status status = bt_plan_prepare(plan, batch_size, error);
    if (status != BT_OK) return status;
    if (plan->cuda && watch->observe)
        return bt_fail(error, BT_UNSUPPORTED, "nobody watches activations on a GPU");
    if (plan->cuda)
        return bt_cuda_program_run(plan, find(plan, batch_size), images, logits, watch->step_ns, error);
    use_threads(plan);
    return bt_program_run(find(plan, batch_size), plan->options.level, images, logits, watch, error);
}

bt_status bt_plan_run_timed(bt_plan *plan, int batch_size, const float *images, float *logits,
                            int64_t *step_ns, bt_error *error) {
    return run(plan, batch_size, images, logits, &(bt_program_watch){.step_ns = step_ns}, error);
}

bt_status bt_plan_observe(bt_plan *plan, int batch_size, const float *images, float *logits,
                          bt_observer observe, void *context, bt_error *error) {
    const bt_program_watch watch = {.observe = observe, .context = context};
    return run(plan, batch_size, images, logits, &watch, error);
}

bt_status bt_plan_run(bt_plan *plan, int batch_size, const float *images, float *logits, bt_error *error) {
    return run(plan, batch_size, images, logits, &(bt_program_watch){0}, error);
}

bool bt_plan_takes_pictures(const bt_plan *plan) {
    return plan->cuda != NULL;
}

static bt_status check_takes_pictures(const bt_plan *plan, bt_error *error) {
    if (plan->cuda) return BT_OK;
    return bt_fail(error, BT_UNSUPPORTED, "a plan on a CPU takes images, not pictures");
}

bt_status bt_plan_put_picture(bt_plan *plan, int slot, const uint8_t *rgb, int height, int width,
                              const bt_image_norm *norm, bt_error *error) {
    bt_status status = check_takes_pictures(plan, error);
    return status == BT_OK ? bt_cuda_put_picture(plan, slot, rgb, height, width, norm, error) : status;
}

bt_status bt_plan_put_tensor(bt_plan *plan, int slot, const void *values, bt_tensor_type type, bool *tame,
                             bt_error *error) {
    bt_status status = check_takes_pictures(plan, error);
    return status == BT_OK ? bt_cuda_put_tensor(plan, slot, values, type, tame, error) : status;
}

bt_status bt_plan_run_pictures(bt_plan *plan, int batch_size, int count, float *logits, bt_error *error) {
    bt_status status = check_takes_pictures(plan, error);
    if (status == BT_OK) status = bt_plan_prepare(plan, batch_size, error);
    return status == BT_OK ? bt_cuda_run_pictures(plan, find(plan, batch_size), count, logits, error)
                           : status;
}

int bt_plan_step_count(const bt_plan *plan, int batch_size) {
    const bt_program *program = find(plan, batch_size);
    return program ? program->step_count : 0;
}

void bt_plan_step_text(const bt_plan *plan, int batch_size, int step, char *text, size_t size) {
    bt_program_step_text(find(plan, batch_size), step, text, size);
}

int64_t bt_plan_step_bytes(const bt_plan *plan, int batch_size, int step) {
    return bt_program_step_bytes(find(plan, batch_size), step);
}

bt_status bt_plan_time_copy(bt_plan *plan, size_t bytes, int64_t *ns, bt_error *error) {
    if (!plan->cuda) return bt_fail(error, BT_UNSUPPORTED, "this plan runs on a CPU");
    return bt_cuda_time_copy(plan, bytes, ns, error);
}

double bt_plan_saturated_fraction(const bt_plan *plan) {
    int64_t sampled = 0, saturated = 0;
    for (int i = 0; i < plan->program_count; i++) {
        sampled += plan->programs[i]->sampled;
        saturated += plan->programs[i]->saturated;
    }
    return sampled > 0 ? (double)saturated / (double)sampled : NAN;
}

bt_status bt_plan_device_memory(const bt_plan *plan, bt_plan_memory *memory, bt_error *error) {
    bt_cuda_memory now;
    *memory = (bt_plan_memory){0};
    if (!plan->cuda) return bt_fail(error, BT_UNSUPPORTED, "this plan runs on a CPU");
    bt_status status =
        bt_cuda_result(plan->cuda, plan->cuda->table->memory(plan->cuda->context, &now), error);
    if (status == BT_OK)
        *memory = (bt_plan_memory){.total = now.total,
                                   .others = now.total - now.free - now.used,
                                   .used = now.used,
                                   .peak = now.peak};
    return status;
}

void bt_plan_reset_peak(bt_plan *plan) {
    if (plan->cuda) plan->cuda->table->reset_peak(plan->cuda->context);
}

const char *bt_plan_device_about(const bt_plan *plan) {
    return plan->cuda ? plan->cuda->table->about(plan->cuda->context) : "";
}

int bt_plan_kernel_count(const bt_plan *plan, int batch_size) {
    const bt_program *program = find(plan, batch_size);
    return program ? program->kernels : 0;
}

size_t bt_plan_weight_bytes(const bt_plan *plan) {
    size_t bytes = plan->device_weight_bytes;
    for (int i = 0; i < plan->packed_count; i++)
        bytes += bt_packed_bytes(plan->all_packed[i]);
    return bytes;
}

size_t bt_plan_arena_bytes(const bt_plan *plan) {
    return plan->arena_bytes;
}
