#include "backend/backend.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "backend/backends.h"
#include "networks/fitting.h"
#include "networks/model.h"
#include "settings/model-file.h"

typedef struct backend_entry {
    const bt_backend_operations *operations;
    bt_status (*check)(const char *specification, bt_error *error);
    bt_status (*load)(bt_error *error); /* NULL: there is nothing to load */
    bool simulates;
} backend_entry;

static const backend_entry backends[] = {
    {.operations = &bt_backend_torch, .check = bt_torch_check, .load = bt_torch_load},
    {.operations = &bt_backend_plan, .check = bt_plan_backend_check},
    {.operations = &bt_backend_onnx, .check = bt_onnx_check, .load = bt_onnx_load},
    {.operations = &bt_backend_sim, .check = bt_sim_check, .simulates = true},
};

/* The backend whose name stands before the specification's colon; NULL with the error filled where there is
 * none. */
static const backend_entry *find(const char *specification, bt_error *error) {
    if (!specification) specification = "";
    size_t length = strcspn(specification, ":");
    for (size_t i = 0; i < sizeof backends / sizeof *backends; i++) {
        const char *name = backends[i].operations->name;
        if (strlen(name) == length && strncmp(name, specification, length) == 0) return &backends[i];
    }
    bt_fail(error, BT_INVALID, "unknown backend '%.60s'; known: torch, plan, onnx, sim:key=value,...",
            specification);
    return NULL;
}

bt_status bt_backend_check(const char *specification, bt_error *error) {
    const backend_entry *backend = find(specification, error);
    return backend ? backend->check(specification, error) : BT_INVALID;
}

static const backend_entry *entry_of(const bt_backend_operations *operations) {
    const backend_entry *entry = backends;
    while (entry->operations != operations)
        entry++;
    return entry;
}

/* Who runs it: libtorch and the plan leave ONNX files to ONNX Runtime. */
static const backend_entry *runner_of(const backend_entry *backend, const char *model_file) {
    const bool is_onnx = model_file && bt_model_file_is_onnx(model_file);
    return is_onnx && !backend->simulates ? entry_of(&bt_backend_onnx) : backend;
}

bt_status bt_backend_load(const char *specification, const char *model_file, bt_error *error) {
    const backend_entry *backend = find(specification, error);
    if (!backend) return BT_INVALID;
    backend = runner_of(backend, model_file);
    return backend->load ? backend->load(error) : BT_OK;
}

bool bt_backend_simulates(const char *specification) {
    bt_error ignored;
    const backend_entry *backend = find(specification, &ignored);
    return backend && backend->simulates;
}

static bt_status check_options(const bt_session_options *options, bt_error *error) {
    if (options->height <= 0 || options->width <= 0)
        return bt_fail(error, BT_INVALID, "an image size of %d x %d pixels: both must be positive",
                       options->height, options->width);
    if (options->threads < 0)
        return bt_fail(error, BT_INVALID, "%d threads: give a positive number, or 0 for all",
                       options->threads);
    return BT_OK;
}

const char *bt_path_name(bt_path path) {
    static const char *const names[] = {
        [BT_PATH_STANDARD] = "standard", [BT_PATH_PLAIN] = "plain", [BT_PATH_PRODUCTION] = "production"};
    return (size_t)path < sizeof names / sizeof *names ? names[path] : "unknown";
}

/* Whether torch leaves this session to the compiled plan. */
static bool is_planned(const backend_entry *backend, const bt_session_options *options) {
    const char *file = options->model_file;
    if (file && file[0] && !bt_model_file_is_list(file)) return false;
    return backend->operations == &bt_backend_torch && options->path == BT_PATH_PRODUCTION &&
           options->use_channels_last && options->device;
}

bool bt_session_sets_process(const bt_session_options *options) {
    bt_error ignored;
    const backend_entry *backend = find(options->backend, &ignored);
    if (backend) backend = runner_of(backend, options->model_file);
    return backend && backend->operations == &bt_backend_torch && !is_planned(backend, options);
}

/* Opens the plan where that is meant; what it cannot do is the backend's own to do. Whoever asks for torch
 * will want its standard path too: that libtorch is missing is told now. */
static bt_status open_session(bt_session **out, const backend_entry *backend,
                              const bt_session_options *options, bt_error *error) {
    const bool planned = is_planned(backend, options);
    bt_error why = {0};
    bt_status status = planned ? bt_torch_load(error) : BT_OK;
    if (status != BT_OK) return status;
    if (planned) status = bt_backend_plan.open(out, options, &why);
    if (*out) {
        (*out)->operations = &bt_backend_plan;
        return BT_OK;
    }
    if (status != BT_OK &&
        ((status != BT_UNSUPPORTED && status != BT_BACKEND) || options->precision == BT_PRECISION_INT8)) {
        if (error) *error = why;
        return status;
    }
    bt_status own = backend->operations->open(out, options, error);
    if (own != BT_OK) return own;
    (*out)->operations = backend->operations;
    if (status != BT_OK)
        snprintf((*out)->info.path_note, sizeof(*out)->info.path_note,
                 "plain operations in place of the compiled plan: %.150s", why.message);
    return BT_OK;
}

/* Whatever gave them: what is made of planes trusts in it. */
static bt_status check_classes(bt_session *session, const bt_session_options *options, bt_error *error) {
    static const bt_model_map nothing_said = {.tensor_number = -1};
    const bt_model_map *map = options->resolved ? &options->resolved->map : &nothing_said;
    if (session->info.classes < 1) session->info.classes = 1;
    return session->info.classes == 1 ? BT_OK
                                      : bt_model_map_check(map, session->info.classes, options->model, error);
}

bt_status bt_session_open(bt_session **out, const bt_session_options *options, bt_error *error) {
    *out = NULL;
    const backend_entry *backend = find(options->backend, error);
    if (!backend) return BT_INVALID;
    bt_status status = check_options(options, error);
    if (status == BT_OK) status = backend->check(options->backend, error);
    if (status == BT_OK) status = open_session(out, runner_of(backend, options->model_file), options, error);
    if (status == BT_OK) status = check_classes(*out, options, error);
    if (status != BT_OK) bt_session_close(out);
    return status;
}

static bt_status check_batch_size(int batch_size, bt_error *error) {
    if (batch_size > 0) return BT_OK;
    return bt_fail(error, BT_INVALID, "a batch of %d images: give 1 or more", batch_size);
}

bt_status bt_session_prepare(bt_session *session, int batch_size, bt_error *error) {
    bt_status status = check_batch_size(batch_size, error);
    return status == BT_OK ? session->operations->prepare(session, batch_size, error) : status;
}

bt_status bt_session_run(bt_session *session, int batch_size, const float *images, float *logits,
                         bt_error *error) {
    bt_status status = check_batch_size(batch_size, error);
    return status == BT_OK ? session->operations->run(session, batch_size, images, logits, error) : status;
}

static bt_status check_pictures(const bt_session *session, bt_error *error) {
    if (session->info.takes_pictures) return BT_OK;
    return bt_fail(error, BT_UNSUPPORTED, "%s takes images, not pictures", session->info.backend);
}

bt_status bt_session_put_picture(bt_session *session, int slot, const uint8_t *rgb, int height, int width,
                                 const bt_image_norm *norm, bt_error *error) {
    bt_status status = check_pictures(session, error);
    if (status != BT_OK) return status;
    return session->operations->put_picture(session, slot, rgb, height, width, norm, error);
}

bt_status bt_session_put_tensor(bt_session *session, int slot, const void *values, bt_tensor_type type,
                                bool *tame, bt_error *error) {
    bt_status status = check_pictures(session, error);
    if (status != BT_OK) return status;
    return session->operations->put_tensor(session, slot, values, type, tame, error);
}

bt_status bt_session_run_pictures(bt_session *session, int batch_size, int count, float *logits,
                                  bt_error *error) {
    bt_status status = check_pictures(session, error);
    if (status == BT_OK) status = check_batch_size(batch_size, error);
    if (status != BT_OK) return status;
    return session->operations->run_pictures(session, batch_size, count, logits, error);
}

int bt_session_image_threads(const bt_session_info *info) {
    return info->device_memory || info->threads < 1 ? 1 : info->threads;
}

/* Every exponent of all ones (infinity or NaN) shows in one bit; no branch, so that it vectorises. */
bool bt_logits_finite(const float *logits, size_t count) {
    uint32_t seen = 0;
    for (size_t i = 0; i < count; i++) {
        uint32_t bits;
        memcpy(&bits, &logits[i], sizeof bits);
        seen |= (bits & 0x7f800000u) == 0x7f800000u;
    }
    return seen == 0;
}

bt_status bt_session_buffer(bt_session *session, void **out, size_t bytes, bt_error *error) {
    *out = NULL;
    if (session->operations->buffer) return session->operations->buffer(session, out, bytes, error);
    if (session->buffer_count == BT_SESSION_BUFFERS)
        return bt_fail(error, BT_INVALID, "a session has at most %d buffers", BT_SESSION_BUFFERS);
    *out = calloc(1, bytes ? bytes : 1);
    if (!*out) return bt_no_memory(error, "a buffer of %zu bytes", bytes);
    session->buffers[session->buffer_count++] = *out;
    return BT_OK;
}

void bt_session_release_threads(bt_session *session) {
    if (session->operations->release_threads) session->operations->release_threads(session);
}

double bt_session_saturated_fraction(const bt_session *session) {
    const bt_backend_operations *operations = session->operations;
    return operations->saturated_fraction ? operations->saturated_fraction(session) : NAN;
}

bt_status bt_session_memory_reset(bt_session *session, bt_error *error) {
    return session->operations->memory_reset(session, error);
}

bt_status bt_session_memory(bt_session *session, bt_memory *memory, bt_error *error) {
    return session->operations->memory(session, memory, error);
}

void bt_session_close(bt_session **session) {
    if (!*session) return;
    for (int i = 0; i < (*session)->buffer_count; i++)
        free((*session)->buffers[i]);
    (*session)->operations->close(*session);
    *session = NULL;
}

const bt_session_info *bt_session_describe(const bt_session *session) {
    return &session->info;
}
