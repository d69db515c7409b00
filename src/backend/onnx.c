/* A user's ONNX network, run by ONNX Runtime: a session of its own for each of ours, with its threads and its arena of
 * memory.
 *
 * The standard path runs the network as it stands in the file, the plain path with the optimisations that change no
 * numbers, the production path with all. In which numbers it computes is the file's to say. */
#include <omp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "backend/backends.h"
#include "backend/cuda.h"
#include "backend/host.h"
#include "backend/onnx-session.h"
#include "base/cores.h"
#include "base/memory.h"
#include "settings/model-file.h"

/* ---- opening ---- */

static bt_status add_cuda(const bt_onnx_session *s, bt_ort_options *to, bt_error *error) {
    const bt_ort_api *api = s->library->api;
    static const char *const keys[] = {"device_id", "use_tf32"};
    char number[12];
    bt_ort_cuda *cuda = NULL;
    if (!bt_onnx_library_has(s->library, "CUDAExecutionProvider"))
        return bt_fail(error, BT_UNSUPPORTED,
                       "ONNX Runtime %s here is one for CPUs: give --device cpu, or set "
                       "BATCHTUNE_ONNXRUNTIME to the library "
                       "of an onnxruntime-gpu",
                       s->library->version);
    snprintf(number, sizeof number, "%d", s->device);
    bt_status status = bt_onnx_said(s->library, api->create_cuda(&cuda), BT_UNSUPPORTED, s->file, error);
    if (status != BT_OK) return status;
    const char *const values[] = {number, "0"};
    status =
        bt_onnx_said(s->library, api->update_cuda(cuda, keys, values, 2), BT_UNSUPPORTED, s->file, error);
    if (status == BT_OK)
        status = bt_onnx_said(s->library, api->append_cuda(to, cuda), BT_UNSUPPORTED, s->file, error);
    api->release_cuda(cuda);
    return status;
}

static int optimisation_of(bt_path path) {
    if (path == BT_PATH_STANDARD) return BT_ORT_OPTIMISE_NOTHING;
    return path == BT_PATH_PLAIN ? BT_ORT_OPTIMISE_BASIC : BT_ORT_OPTIMISE_ALL;
}

/* Its threads are the calling one and others that inherit the cores which that may use. They spin for work within a run,
 * and not after it: the same cores then prepare pictures, or run another instance. Denormals stay: asked to flush them, the
 * library does so in its own threads, and in the caller's only if the process's first session was asked to. */
static bt_status set_options(const bt_onnx_session *s, bt_ort_options *to, bt_path path, bt_error *error) {
    const bt_onnx_library *library = s->library;
    const bt_ort_api *api = library->api;
    bt_ort_status *said[] = {
        api->set_log_level(to, BT_ORT_LOG_FATAL), /* what it has to say comes as an error */
        api->set_execution_mode(to, BT_ORT_SEQUENTIAL),
        api->set_intra_op_threads(to, s->base.info.threads),
        api->set_inter_op_threads(to, 1),
        api->set_optimisation(to, optimisation_of(path)),
        api->set_option(to, "session.force_spinning_stop", "1"),
    };
    bt_status status = BT_OK;
    for (size_t i = 0; i < sizeof said / sizeof *said; i++) {
        bt_error ignored;
        const bt_status one =
            bt_onnx_said(library, said[i], BT_BACKEND, s->file, status == BT_OK ? error : &ignored);
        if (status == BT_OK) status = one;
    }
    return status;
}

static bt_status create(bt_onnx_session *s, bt_path path, bt_error *error) {
    const bt_ort_api *api = s->library->api;
    bt_ort_options *to = NULL;
    bt_status status = bt_onnx_said(s->library, api->create_options(&to), BT_BACKEND, s->file, error);
    if (status != BT_OK) return status;
    status = set_options(s, to, path, error);
    if (status == BT_OK && s->device >= 0) status = add_cuda(s, to, error);
    if (status == BT_OK)
        status = bt_onnx_said(s->library,
                              api->create_session(s->library->env, s->subject.paths[0], to, &s->inside),
                              BT_INVALID, s->file, error);
    api->release_options(to);
    return status;
}

/* A network in other numbers is another file. */
static bt_status check_precision(const bt_session_options *options, bt_error *error) {
    if (options->path == BT_PATH_STANDARD || bt_precision_is_open(options->precision)) return BT_OK;
    return bt_fail(error, BT_INVALID,
                   "%.60s computes in what is in its file, not in %s: give --precision auto", options->model,
                   bt_precision_title(options->precision));
}

static bt_status check_kind(const bt_onnx_session *s, const bt_session_options *options, bt_error *error) {
    if (s->subject.model.kind == BT_MODEL_ONNX) return BT_OK;
    return bt_fail(error, BT_UNSUPPORTED,
                   "%.60s is no ONNX file, which ONNX Runtime wants: give --backend torch%s", options->model,
                   s->subject.model.kind == BT_MODEL_NETWORK ? " or plan" : "");
}

/* But for what the graph says: the channels. */
static void choose_layout(bt_onnx_session *s, const bt_session_options *options) {
    const bt_model_map *map = &s->subject.model.map;
    s->layout = (bt_onnx_layout){.height = options->height,
                                 .width = options->width,
                                 .padded_height = bt_model_map_padded(map, options->height),
                                 .padded_width = bt_model_map_padded(map, options->width)};
}

static bt_status describe_device(bt_onnx_session *s, const bt_session_options *options, bt_error *error) {
    bt_session_info *info = &s->base.info;
    bt_cuda_device cuda;
    bt_cuda_load load;
    if (s->device < 0) {
        bt_host_describe(info->device, sizeof info->device);
        s->before_bytes = bt_memory_resident_bytes();
        return BT_OK;
    }
    bt_status status = bt_cuda_describe(&cuda, s->device, error);
    if (status == BT_OK) status = bt_cuda_read_load(&load, s->device, error);
    if (status != BT_OK) return status;
    snprintf(info->device, sizeof info->device, "%s %.100s", options->device, cuda.name);
    s->before_bytes = load.used_bytes;
    return BT_OK;
}

static void describe(bt_onnx_session *s, const bt_session_options *options) {
    bt_session_info *info = &s->base.info;
    snprintf(info->backend, sizeof info->backend, "onnxruntime %s", s->library->version);
    snprintf(info->backend_detail, sizeof info->backend_detail, "%s",
             s->device < 0 ? "CPU provider" : "CUDA provider");
    snprintf(info->precision, sizeof info->precision, "baked");
    snprintf(info->precision_note, sizeof info->precision_note, "it computes in what is in its file: %s",
             s->subject.model.numbers);
    bt_session_subject_describe(&s->subject, info);
    info->only_batch_size = s->graph.batch;
    if (options->path != BT_PATH_STANDARD && s->graph.batch > 1)
        snprintf(info->path_note, sizeof info->path_note,
                 "a single image costs as much as %d, which is its file's batch size; export it with a batch "
                 "of any size",
                 s->graph.batch);
    info->computes_masks = true;
    info->device_memory = s->device >= 0;
}

static void onnx_close(bt_session *base) {
    bt_onnx_session *s = (bt_onnx_session *)base;
    bt_onnx_graph_close(&s->graph);
    if (s->inside) s->library->api->release_session(s->inside);
    bt_onnx_run_close(s);
    bt_session_subject_close(&s->subject);
    free(s);
    bt_host_trim();
}

static bt_status onnx_open(bt_session **out, const bt_session_options *options, bt_error *error) {
    bt_onnx_session *s = calloc(1, sizeof *s);
    if (!s) return bt_no_memory(error, "opening a session");
    s->base.info.threads = options->threads > 0 ? options->threads : bt_cores_count();
    bt_status status = bt_cuda_index(&s->device, options->device, error);
    if (status == BT_OK) status = bt_session_subject_open(&s->subject, options, error);
    if (status == BT_OK) status = check_kind(s, options, error);
    if (status == BT_OK) status = check_precision(options, error);
    if (status == BT_OK) choose_layout(s, options);
    if (status == BT_OK) status = bt_onnx_library_use(&s->library, error);
    if (status == BT_OK) status = describe_device(s, options, error);
    if (status == BT_OK) status = bt_session_subject_load(&s->subject, NULL, error);
    s->file = bt_model_file_name(s->subject.model.file);
    if (status == BT_OK) status = create(s, options->path, error);
    if (status == BT_OK)
        status = bt_onnx_graph_open(&s->graph, s->library, s->inside, &s->subject.model.map, s->file, error);
    if (status == BT_OK) status = bt_onnx_try(s, error);
    if (status == BT_OK) {
        describe(s, options);
        *out = &s->base;
    } else {
        onnx_close(&s->base);
    }
    return status;
}

/* Its memory is laid out in the first run of a size. */
static bt_status onnx_prepare(bt_session *base, int batch_size, bt_error *error) {
    const bt_onnx_session *s = (const bt_onnx_session *)base;
    const size_t pixels = (size_t)s->layout.height * (size_t)s->layout.width, batch = (size_t)batch_size;
    float *images = calloc(batch * 3 * pixels, sizeof *images);
    float *logits = malloc(batch * (size_t)base->info.classes * pixels * sizeof *logits);
    bt_status status = images && logits ? BT_OK : bt_no_memory(error, "a batch of %d images", batch_size);
    if (status == BT_OK) status = bt_onnx_run(base, batch_size, images, logits, error);
    free(images);
    free(logits);
    return status;
}

/* ONNX Runtime's own threads sleep after a run; those that enlarge maps are OpenMP's. */
static void onnx_release_threads(bt_session *base) {
    if (((const bt_onnx_session *)base)->device < 0) omp_pause_resource_all(omp_pause_soft);
}

static bt_status onnx_memory_reset(bt_session *base, bt_error *error) {
    return ((const bt_onnx_session *)base)->device < 0 ? bt_host_memory_reset(error) : BT_OK;
}

/* On a device the arena gives nothing back: what is used is the most that was. */
static bt_status onnx_memory(bt_session *base, bt_memory *memory, bt_error *error) {
    const bt_onnx_session *s = (const bt_onnx_session *)base;
    bt_cuda_load load;
    *memory = bt_host_memory(s->before_bytes);
    if (s->device < 0) return BT_OK;
    bt_status status = bt_cuda_read_load(&load, s->device, error);
    if (status != BT_OK) return status;
    *memory = (bt_memory){
        .total_bytes = load.total_bytes, .used_peak_bytes = load.used_bytes, .before_bytes = s->before_bytes};
    return BT_OK;
}

bt_status bt_onnx_check(const char *specification, bt_error *error) {
    if (strcmp(specification, bt_backend_onnx.name) == 0) return BT_OK;
    return bt_fail(error, BT_INVALID, "backend '%.60s': onnx takes no keys: give onnx alone", specification);
}

bt_status bt_onnx_load(bt_error *error) {
    const bt_onnx_library *library;
    return bt_onnx_library_use(&library, error);
}

const bt_backend_operations bt_backend_onnx = {
    .name = "onnx",
    .open = onnx_open,
    .prepare = onnx_prepare,
    .run = bt_onnx_run,
    .release_threads = onnx_release_threads,
    .memory_reset = onnx_memory_reset,
    .memory = onnx_memory,
    .close = onnx_close,
};
