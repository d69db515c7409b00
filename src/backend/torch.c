/* libtorch as a backend: finds and loads the shim, hands it the network and its weights, or a user's file in
 * their place, and accounts for memory. */
#include "backend/torch.h"

#include <dlfcn.h>
#include <limits.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "../../shim/torch_shim.h"
#include "backend/backends.h"
#include "backend/cuda.h"
#include "backend/host.h"
#include "backend/session-precision.h"
#include "backend/session-subject.h"
#include "backend/torch-internal.h"
#include "base/cores.h"
#include "base/library.h"
#include "base/memory.h"
#include "base/text.h"

#define SHIM_NAME       "libbatchtune_torch.so"
#define LIBTORCH_REMEDY "run `make deps` and `make`, or give LIBTORCH=/path to make"
#define MISSING_REMEDY                                                                                       \
    "run `make deps` and `make`, or install again (`make install WITH_LIBTORCH=1` copies it beside the "     \
    "programs), or set LIBTORCH=/path/to/libtorch"

typedef struct torch_session {
    bt_session base;
    const bt_torch_shim *shim;
    bt_torch_session *inside;
    bt_network *network; /* the shim reads it until close */
    int64_t before_bytes;
    bool on_cuda;
} torch_session;

/* The shim of this process: loaded once, never unloaded, since libtorch does not survive that. */
static struct {
    pthread_mutex_t lock;
    const bt_torch_shim *table;
    bt_torch_facts facts;
} loaded = {.lock = PTHREAD_MUTEX_INITIALIZER};

bt_status bt_torch_check_shim(const bt_torch_shim *table, const bt_torch_facts *facts, bt_error *error) {
    if (table->abi != BT_TORCH_SHIM_ABI)
        return bt_fail(error, BT_UNSUPPORTED,
                       "the libtorch shim has interface %d, this program needs %d: run `make` again",
                       table->abi, BT_TORCH_SHIM_ABI);
    if (facts && strcmp(facts->version, facts->built_version) != 0)
        return bt_fail(error, BT_UNSUPPORTED,
                       "the shim was built against libtorch %s, but %s is loaded from %s: run `make` again",
                       facts->built_version, facts->version, facts->library);
    return BT_OK;
}

/* Why dlopen failed, for a person: by far the commonest cause is that libtorch, or what it needs, is not
 * there. The loader's text starts with the file that it could not open. */
static bt_status fail_load(const char *path, const char *reason, bt_error *error) {
    if (strstr(reason, "cannot open shared object") && strncmp(reason, path, strlen(path)) != 0)
        return bt_fail(error, BT_UNSUPPORTED, "libtorch not found, or not whole: " MISSING_REMEDY " (%s)",
                       reason);
    if (strstr(reason, "undefined symbol"))
        return bt_fail(error, BT_UNSUPPORTED,
                       "the shim was built against another libtorch: run `make` again (%s)", reason);
    return bt_fail(error, BT_UNSUPPORTED, "libtorch's shim does not load: run `make` again (%s)", reason);
}

/* The libtorch of LIBTORCH, for a shim whose own is gone: what is loaded already is found by its name. */
static void *load_beside(const char *path) {
    static const char *const parts[] = {"libc10.so", "libtorch_cpu.so"};
    const char *folder = getenv("LIBTORCH");
    char part[PATH_MAX];
    for (size_t i = 0; folder && *folder && i < sizeof parts / sizeof *parts; i++) {
        snprintf(part, sizeof part, "%s/lib/%s", folder, parts[i]);
        if (!dlopen(part, RTLD_LAZY | RTLD_LOCAL)) return NULL;
    }
    return folder && *folder ? dlopen(path, RTLD_LAZY | RTLD_LOCAL) : NULL;
}

static bt_status load_shim(const bt_torch_shim **out, bt_error *error) {
    char found[PATH_MAX];
    const char *path = getenv("BATCHTUNE_SHIM");
    if (!path || !*path) {
        if (bt_library_find(found, sizeof found, SHIM_NAME, error) != BT_OK)
            return bt_fail(error, BT_UNSUPPORTED, "libtorch's shim is not built (%s): " LIBTORCH_REMEDY,
                           SHIM_NAME);
        path = found;
    }
    /* Lazily, so that with another libtorch than the one compiled against the table can still say so. */
    void *library = dlopen(path, RTLD_LAZY | RTLD_LOCAL);
    char reason[512] = "";
    if (!library) {
        snprintf(reason, sizeof reason, "%s", bt_text_load_error());
        library = load_beside(path);
    }
    if (!library) return fail_load(path, reason, error);
    const bt_torch_shim *(*table)(void);
    if (!bt_library_symbol(library, "bt_torch_shim_table", &table))
        return bt_fail(error, BT_UNSUPPORTED,
                       "%s is not batchtune's libtorch shim: unset BATCHTUNE_SHIM, or give build/lib's",
                       path);
    *out = table();
    return BT_OK;
}

/* Loads the shim where that is not done yet. A failure is not remembered. */
static bt_status use_shim(const bt_torch_shim **out, bt_error *error) {
    const bt_torch_shim *table = NULL;
    bt_torch_facts facts;
    bt_status status = BT_OK;
    pthread_mutex_lock(&loaded.lock);
    if (!loaded.table) {
        status = load_shim(&table, error);
        if (status == BT_OK) status = bt_torch_check_shim(table, NULL, error);
        if (status == BT_OK) status = table->describe(&facts, error);
        if (status == BT_OK) status = bt_torch_check_shim(table, &facts, error);
        if (status == BT_OK) {
            loaded.table = table;
            loaded.facts = facts;
        }
    }
    *out = loaded.table;
    pthread_mutex_unlock(&loaded.lock);
    return status;
}

bt_status bt_torch_describe(bt_torch_facts *facts, bt_error *error) {
    const bt_torch_shim *shim;
    memset(facts, 0, sizeof *facts);
    bt_status status = use_shim(&shim, error);
    if (status == BT_OK) *facts = loaded.facts;
    return status;
}

bt_status bt_torch_load(bt_error *error) {
    const bt_torch_shim *shim;
    return use_shim(&shim, error);
}

bt_status bt_torch_check(const char *specification, bt_error *error) {
    if (strcmp(specification, bt_backend_torch.name) == 0) return BT_OK;
    return bt_fail(error, BT_INVALID, "backend '%.60s': torch takes no keys: give torch alone",
                   specification);
}

/* Packages are what they were compiled to, whatever path is asked for. */
static void note_packages(bt_session_info *info, const bt_session_subject *s, bool standard, int least) {
    if (s->model.kind != BT_MODEL_PACKAGES) return;
    const bool several = s->file_count == 1 && info->only_batch_size == 0;
    snprintf(info->precision_note, sizeof info->precision_note,
             "precision and layout are those that the package was compiled with");
    if (standard)
        snprintf(info->path_note, sizeof info->path_note,
                 "the standard path is the package of the smallest batch");
    else if (least > 1)
        snprintf(info->path_note, sizeof info->path_note,
                 "a single image costs as much as %d, the least that %s; export %sone for a single image "
                 "beside it",
                 least, several ? "this package takes" : "there is a package for",
                 several ? "it with \"aot_inductor.check_lowerbound\": False, or " : "");
}

static void describe(torch_session *session, const bt_session_options *options,
                     const bt_torch_options *inside, const bt_session_subject *s,
                     const bt_torch_session_facts *facts, const bt_cuda_device *cuda) {
    bt_session_info *info = &session->base.info;
    snprintf(info->backend, sizeof info->backend, "torch %s", loaded.facts.version);
    if (session->on_cuda) {
        snprintf(info->backend_detail, sizeof info->backend_detail, "%s", facts->cuda);
        snprintf(info->device, sizeof info->device, "%s %.100s", options->device, cuda->name);
    } else {
        snprintf(info->backend_detail, sizeof info->backend_detail, "oneDNN %s, %s",
                 loaded.facts.onednn_version, loaded.facts.cpu_capability);
        bt_host_describe(info->device, sizeof info->device);
    }
    snprintf(info->precision, sizeof info->precision, "%s",
             inside->packages ? "baked" : bt_precision_name(inside->precision));
    bt_session_subject_describe(s, info);
    info->only_batch_size = facts->only_batch_size;
    note_packages(info, s, inside->standard, facts->least_batch_size);
    memcpy(info->found_note, facts->found, sizeof info->found_note);
    info->classes = facts->classes;
    info->threads = inside->threads;
    info->computes_masks = true;
    info->device_memory = session->on_cuda;
}

/* A package has its own. */
static bt_status choose_precision(bt_precision *out, torch_session *session, const bt_session_subject *s,
                                  const bt_session_options *options, bt_error *error) {
    *out = BT_PRECISION_FP32;
    if (s->model.kind != BT_MODEL_PACKAGES)
        return bt_session_precision(out, session->base.info.precision_note, options,
                                    session->on_cuda ? BT_RUNS_ON_CUDA : BT_RUNS_ON_CPU, error);
    if (options->path == BT_PATH_STANDARD || bt_precision_is_open(options->precision)) return BT_OK;
    return bt_fail(error, BT_INVALID,
                   "%.60s computes in what its packages were compiled with, not in %s: give "
                   "--precision auto",
                   options->model, bt_precision_title(options->precision));
}

/* `files` has room for the subject's, and must outlive the result. */
static bt_torch_options inside_options(const torch_session *session, const bt_session_options *options,
                                       const bt_session_subject *s, bt_torch_file *files, int device_index,
                                       bt_precision precision) {
    for (int i = 0; i < s->file_count; i++)
        files[i] = (bt_torch_file){.path = s->paths[i], .batch_size = s->model.batches.sizes[i]};
    return (bt_torch_options){
        .network = session->network,
        .weights = s->weights,
        .files = files,
        .file_count = s->file_count,
        .packages = s->model.kind == BT_MODEL_PACKAGES,
        .map = &s->model.map,
        .fit = bt_model_fit,
        .device_index = device_index,
        .height = options->height,
        .width = options->width,
        .threads = options->threads > 0 ? options->threads : bt_cores_count(),
        .standard = options->path == BT_PATH_STANDARD,
        .precision = precision,
        .use_channels_last = options->use_channels_last,
        .use_cudnn_benchmark = options->use_cudnn_benchmark,
    };
}

/* CUDA's production path has parts of its own, checked first; without them it is the plain path, and
 * path_note says why. */
static bt_status open_inside(torch_session *session, const bt_session_options *options,
                             bt_torch_options *inside, bt_torch_session_facts *facts, bt_error *error) {
    bt_status status = BT_OK;
    inside->fused = session->on_cuda && inside->network && options->path == BT_PATH_PRODUCTION &&
                    options->use_channels_last;
    if (inside->fused) {
        status = bt_cuda_check_norm(inside->device_index, error);
        if (status == BT_OK) status = session->shim->open(&session->inside, inside, facts, error);
        if (status != BT_UNSUPPORTED && status != BT_BACKEND) return status;
        snprintf(session->base.info.path_note, sizeof session->base.info.path_note,
                 "plain operations in place of fused ones: %.140s", error->message);
        inside->fused = false;
    }
    return session->shim->open(&session->inside, inside, facts, error);
}

static void torch_close(bt_session *base) {
    torch_session *session = (torch_session *)base;
    if (session->inside) session->shim->close(session->inside);
    bt_network_close(&session->network);
    free(session);
    bt_host_trim(); /* the shim has malloc keep what is freed */
}

static bt_status torch_open(bt_session **out, const bt_session_options *options, bt_error *error) {
    int device_index;
    bt_precision precision;
    bt_cuda_device cuda = {0};
    bt_torch_session_facts facts;
    bt_torch_file files[BT_SIZES_MAX];
    torch_session *session = calloc(1, sizeof *session);
    bt_session_subject *s = calloc(1, sizeof *s);
    bt_status status = BT_OK;
    if (!session || !s) status = bt_no_memory(error, "opening a session");
    if (status == BT_OK) status = bt_cuda_index(&device_index, options->device, error);
    if (status == BT_OK) session->on_cuda = device_index >= 0;
    if (status == BT_OK) status = bt_session_subject_open(s, options, error);
    if (status == BT_OK) status = choose_precision(&precision, session, s, options, error);
    if (status == BT_OK && session->on_cuda) status = bt_cuda_describe(&cuda, device_index, error);
    if (status == BT_OK) status = use_shim(&session->shim, error);
    if (status != BT_OK) goto done;
    session->before_bytes = bt_memory_resident_bytes();
    status = bt_session_subject_load(s, options->weights, error);
    if (status != BT_OK) goto done;
    session->network = s->network;
    s->network = NULL;
    bt_torch_options inside = inside_options(session, options, s, files, device_index, precision);
    status = open_inside(session, options, &inside, &facts, error);
    if (status != BT_OK) goto done;
    if (session->on_cuda) session->before_bytes = facts.device_used_bytes;
    describe(session, options, &inside, s, &facts, &cuda);
    *out = &session->base;
done:
    if (s) bt_session_subject_close(s);
    free(s);
    bt_host_trim();
    if (status != BT_OK && session) torch_close(&session->base);
    return status;
}

static bt_status torch_prepare(bt_session *base, int batch_size, bt_error *error) {
    torch_session *session = (torch_session *)base;
    return session->shim->prepare(session->inside, batch_size, error);
}

static bt_status torch_run(bt_session *base, int batch_size, const float *images, float *logits,
                           bt_error *error) {
    torch_session *session = (torch_session *)base;
    return session->shim->run(session->inside, batch_size, images, logits, error);
}

static void torch_release_threads(bt_session *base) {
    const torch_session *session = (const torch_session *)base;
    if (!session->on_cuda) session->shim->release_threads();
}

static bt_status torch_memory_reset(bt_session *base, bt_error *error) {
    torch_session *session = (torch_session *)base;
    return session->on_cuda ? session->shim->memory_reset(session->inside, error)
                            : bt_host_memory_reset(error);
}

static bt_status torch_memory(bt_session *base, bt_memory *memory, bt_error *error) {
    torch_session *session = (torch_session *)base;
    *memory = session->on_cuda ? (bt_memory){.before_bytes = session->before_bytes}
                               : bt_host_memory(session->before_bytes);
    if (!session->on_cuda) return BT_OK;
    bt_torch_memory device;
    bt_status status = session->shim->memory(session->inside, &device, error);
    if (status != BT_OK) return status;
    memory->total_bytes = device.total_bytes;
    memory->used_peak_bytes = device.used_peak_bytes;
    memory->allocated_peak_bytes = device.allocated_peak_bytes;
    memory->reserved_peak_bytes = device.reserved_peak_bytes;
    return BT_OK;
}

const bt_backend_operations bt_backend_torch = {
    .name = "torch",
    .open = torch_open,
    .prepare = torch_prepare,
    .run = torch_run,
    .release_threads = torch_release_threads,
    .memory_reset = torch_memory_reset,
    .memory = torch_memory,
    .close = torch_close,
};
