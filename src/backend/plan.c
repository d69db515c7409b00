/* The compiled plan as a backend: what torch's production path is, on a CPU and on a GPU, and, asked for by
 * name, a way to run without libtorch. Its standard path is a plan in FP32. */
#include "plan/plan.h"

#include <omp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "backend/backends.h"
#include "backend/cuda.h"
#include "backend/host.h"
#include "backend/session-precision.h"
#include "backend/torch.h"
#include "base/cores.h"
#include "base/memory.h"
#include "kernels/check.h"
#include "networks/list-file.h"
#include "plan/onednn.h"
#include "settings/model-file.h"

typedef struct plan_session {
    bt_session base;
    bt_network *network;
    bt_plan *plan;
    int64_t before_bytes;
    bool on_cuda;
} plan_session;

bt_status bt_plan_backend_check(const char *specification, bt_error *error) {
    if (strcmp(specification, bt_backend_plan.name) == 0) return BT_OK;
    return bt_fail(error, BT_INVALID, "backend '%.60s': plan takes no keys: give plan alone", specification);
}

static bt_status check_options(const bt_session_options *options, bool on_cuda, bt_error *error) {
    if (options->model_file && options->model_file[0] && !bt_model_file_is_list(options->model_file))
        return bt_fail(error, BT_UNSUPPORTED,
                       "%.60s is a file of its own, which libtorch runs: give --backend torch",
                       options->model);
    if (options->path == BT_PATH_PLAIN)
        return bt_fail(error, BT_UNSUPPORTED, "the plain path is libtorch's: give --backend torch");
    if (on_cuda) return BT_OK;
    if (bt_cpu_best_level() < BT_CPU_AVX2)
        return bt_fail(error, BT_UNSUPPORTED,
                       "this CPU has no AVX2 with FMA, which the compiled plan needs: give --backend torch");
    return bt_kernels_check(bt_cpu_best_level(), error);
}

/* The calibration that the options name, of what runs; `planned` takes its type of floats. */
static bt_status load_calibration(bt_calibration **out, bt_plan_options *planned,
                                  const bt_session_options *options, bt_error *error) {
    const char *path = options->calibration;
    if (!path || !path[0])
        return bt_fail(
            error, BT_INVALID,
            "INT8 wants a calibration of %.60s, which tuning makes: optimize-batch --precision int8",
            options->model);
    bt_status status = bt_calibration_load(out, path, error);
    if (status == BT_OK)
        status = bt_calibration_check(*out, path, options->model, planned->weights->hash, options->height,
                                      options->width, error);
    if (status != BT_OK) return status;
    planned->calibration = *out;
    planned->type = strcmp((*out)->floats, "bf16") == 0 ? BT_BF16 : BT_F32;
    if (planned->type == BT_BF16 && planned->level < BT_CPU_AVX512_BF16)
        return bt_fail(error, BT_INVALID, "%s: calibrated where BF16 is, which this CPU has not: tune again",
                       path);
    return BT_OK;
}

static void describe(plan_session *session, bt_precision precision, const bt_plan_options *planned,
                     const bt_weights *weights) {
    bt_session_info *info = &session->base.info;
    if (session->on_cuda) {
        snprintf(info->backend, sizeof info->backend, "plan, CUDA");
        snprintf(info->backend_detail, sizeof info->backend_detail, "%s",
                 bt_plan_device_about(session->plan));
    } else {
        snprintf(info->backend, sizeof info->backend, "plan, oneDNN %s", bt_onednn_version());
        snprintf(info->backend_detail, sizeof info->backend_detail, "kernels for %s",
                 bt_cpu_level_name(planned->level));
        bt_host_describe(info->device, sizeof info->device);
    }
    snprintf(info->precision, sizeof info->precision, "%s", bt_precision_name(precision));
    memcpy(info->weights, weights->source, sizeof info->weights);
    memcpy(info->weights_note, weights->note, sizeof info->weights_note);
    info->weights_hash = weights->hash;
    info->trained_weights = weights->trained;
    info->threads = planned->threads;
    info->classes = session->network->channels[session->network->output_tensor];
    info->computes_masks = true;
    info->device_memory = session->on_cuda;
    info->takes_pictures = bt_plan_takes_pictures(session->plan);
}

static bt_value_type type_of(bt_precision precision) {
    return precision == BT_PRECISION_FP16 ? BT_F16 : precision == BT_PRECISION_BF16 ? BT_BF16 : BT_F32;
}

/* The device, and where its cuDNN may be: libtorch's, where there is a libtorch. */
static bt_status use_device(plan_session *session, bt_plan_options *planned,
                            const bt_session_options *options, bt_torch_facts *facts, bt_error *error) {
    bt_cuda_device device;
    bt_error ignored;
    bt_status status = bt_cuda_describe(&device, planned->device_index, error);
    if (status != BT_OK) return status;
    snprintf(session->base.info.device, sizeof session->base.info.device, "%s %.100s", options->device,
             device.name);
    if (bt_torch_describe(facts, &ignored) == BT_OK) planned->libraries = facts->library;
    return BT_OK;
}

/* What the device holds before the plan's own: its context and libraries, which others may share. */
static bt_status note_before(plan_session *session, bt_error *error) {
    bt_plan_memory memory;
    bt_status status = bt_plan_device_memory(session->plan, &memory, error);
    session->before_bytes = memory.others;
    return status;
}

static void plan_close(bt_session *base) {
    plan_session *session = (plan_session *)base;
    bt_plan_close(&session->plan);
    bt_network_close(&session->network);
    free(session);
    bt_host_trim();
}

static bt_status plan_open(bt_session **out, const bt_session_options *options, bt_error *error) {
    bt_weights *weights = NULL;
    bt_calibration *calibration = NULL;
    bt_precision precision;
    bt_torch_facts facts;
    char note[sizeof(*out)->info.precision_note];
    int device;
    bt_status status = bt_cuda_index(&device, options->device, error);
    if (status == BT_OK) status = check_options(options, device >= 0, error);
    if (status == BT_OK)
        status = bt_session_precision(&precision, note, options,
                                      device < 0 ? BT_RUNS_PLANNED : BT_RUNS_ON_CUDA, error);
    if (status != BT_OK) return status;
    plan_session *session = calloc(1, sizeof *session);
    if (!session) return bt_no_memory(error, "opening a session");
    memcpy(session->base.info.precision_note, note, sizeof note);
    bt_plan_options planned = {
        .height = options->height,
        .width = options->width,
        .threads = options->threads > 0 ? options->threads : bt_cores_count(),
        .level = bt_cpu_best_level(),
        .type = type_of(precision),
        .on_cuda = device >= 0,
        .device_index = device,
    };
    session->on_cuda = device >= 0;
    if (session->on_cuda) status = use_device(session, &planned, options, &facts, error);
    session->before_bytes = bt_memory_resident_bytes();
    if (status == BT_OK)
        status = bt_network_open_file(&session->network, options->model, options->model_file, error);
    if (status == BT_OK)
        status = bt_network_check_size(session->network->title, session->network->size_multiple,
                                       options->height, options->width, error);
    if (status == BT_OK) status = bt_weights_open(&weights, session->network, options->weights, error);
    planned.network = session->network;
    planned.weights = weights;
    if (status == BT_OK && precision == BT_PRECISION_INT8)
        status = load_calibration(&calibration, &planned, options, error);
    if (status == BT_OK) status = bt_plan_open(&session->plan, &planned, error);
    if (status == BT_OK && session->on_cuda) status = note_before(session, error);
    if (status == BT_OK) {
        describe(session, precision, &planned, weights);
        *out = &session->base;
    }
    bt_calibration_close(&calibration);
    bt_weights_close(&weights);
    bt_host_trim();
    if (status != BT_OK) plan_close(&session->base);
    return status;
}

static bt_status plan_prepare(bt_session *base, int batch_size, bt_error *error) {
    return bt_plan_prepare(((plan_session *)base)->plan, batch_size, error);
}

static bt_status plan_run(bt_session *base, int batch_size, const float *images, float *logits,
                          bt_error *error) {
    return bt_plan_run(((plan_session *)base)->plan, batch_size, images, logits, error);
}

static bt_status plan_put_picture(bt_session *base, int slot, const uint8_t *rgb, int height, int width,
                                  const bt_image_norm *norm, bt_error *error) {
    return bt_plan_put_picture(((plan_session *)base)->plan, slot, rgb, height, width, norm, error);
}

static bt_status plan_put_tensor(bt_session *base, int slot, const void *values, bt_tensor_type type,
                                 bool *tame, bt_error *error) {
    return bt_plan_put_tensor(((plan_session *)base)->plan, slot, values, type, tame, error);
}

static bt_status plan_run_pictures(bt_session *base, int batch_size, int count, float *logits,
                                   bt_error *error) {
    return bt_plan_run_pictures(((plan_session *)base)->plan, batch_size, count, logits, error);
}

static bt_status plan_buffer(bt_session *base, void **out, size_t bytes, bt_error *error) {
    return bt_plan_buffer(((plan_session *)base)->plan, out, bytes, error);
}

static void plan_release_threads(bt_session *base) {
    if (!((const plan_session *)base)->on_cuda) omp_pause_resource_all(omp_pause_soft);
}

static double plan_saturated_fraction(const bt_session *base) {
    return bt_plan_saturated_fraction(((const plan_session *)base)->plan);
}

static bt_status plan_memory_reset(bt_session *base, bt_error *error) {
    const plan_session *session = (const plan_session *)base;
    if (!session->on_cuda) return bt_host_memory_reset(error);
    bt_plan_reset_peak(session->plan);
    return BT_OK;
}

static bt_status plan_memory(bt_session *base, bt_memory *memory, bt_error *error) {
    const plan_session *session = (const plan_session *)base;
    bt_plan_memory device;
    if (!session->on_cuda) {
        *memory = bt_host_memory(session->before_bytes);
        return BT_OK;
    }
    bt_status status = bt_plan_device_memory(session->plan, &device, error);
    *memory = (bt_memory){.before_bytes = session->before_bytes,
                          .total_bytes = device.total,
                          .used_peak_bytes = device.others + device.peak,
                          .allocated_peak_bytes = device.peak,
                          .reserved_peak_bytes = device.peak};
    return status;
}

const bt_backend_operations bt_backend_plan = {
    .name = "plan",
    .open = plan_open,
    .prepare = plan_prepare,
    .run = plan_run,
    .put_picture = plan_put_picture,
    .put_tensor = plan_put_tensor,
    .run_pictures = plan_run_pictures,
    .buffer = plan_buffer,
    .release_threads = plan_release_threads,
    .saturated_fraction = plan_saturated_fraction,
    .memory_reset = plan_memory_reset,
    .memory = plan_memory,
    .close = plan_close,
};
