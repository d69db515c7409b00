/* The boundary between deciding and computing: everything that can run a batch looks like this.
 *
 * A backend gives synchronous sessions: one network, one set of weights, one device, one path. A session
 * belongs to one thread, blocks while it runs, and owns no queue: batching, timing and retrying are the
 * business of those above. Keep this narrow, so that the simulated backend can stand in for any other and
 * every command can be tried in a second without a runtime. A model that a program has resolved at its door
 * (resolved-model.h) is handed down in the session's options. */
#ifndef BT_BACKEND_BACKEND_H
#define BT_BACKEND_BACKEND_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/error.h"
#include "image/normalize.h"
#include "image/tensor.h"
#include "settings/precision.h"

#ifdef __cplusplus
extern "C" {
#endif

typedef enum bt_path {
    BT_PATH_STANDARD,  /* FP32, contiguous, plain operators: the reference and the fallback */
    BT_PATH_PLAIN,     /* AMP and channels_last as asked, plain operators */
    BT_PATH_PRODUCTION /* the fastest that there is: on a CPU a compiled plan, else the plain path */
} bt_path;

typedef struct bt_session_options {
    const char *backend;    /* "torch", "plan", "onnx" or "sim:key=value,..." */
    const char *model;      /* its name */
    const char *model_file; /* a user's network, see networks/model.h; NULL or "": `model` is built in */
    /* What these two are, its files checked (backend/resolved-model.h); NULL: the session finds that out. */
    const struct bt_model *resolved;
    const char *weights; /* of a built-in network: "demo", "counter:SEED", a checkpoint */
    const char *device;  /* "cpu" or "cuda:N" */
    bt_path path;
    int height, width; /* of the model's input, pixels */
    int threads;       /* of the session, on a CPU; 0: all that the process may use */
    bool use_amp, use_channels_last, use_cudnn_benchmark; /* of the plain and production paths */
    /* Of the same two. Auto: what use_amp allows and this machine is known to be fastest in. */
    bt_precision precision;
    /* Of INT8: the file with the scales, see record/calibration.h; NULL or "" for none. */
    const char *calibration;
} bt_session_options;

/* What a session is, for records: filled at open, constant after. */
typedef struct bt_session_info {
    char backend[64];         /* "torch 2.15.0", "sim" */
    char backend_detail[256]; /* the specification as given, or build facts (oneDNN, cuDNN, CUDA versions) */
    char device[128];         /* "cpu: AMD EPYC ...", "cuda:0 NVIDIA H100" */
    char precision[8];        /* "fp32", "bf16", "fp16", "baked" into a file; "none": nothing is computed */
    char precision_note[160]; /* empty, or why it is not what was asked for */
    char path_note[200];      /* empty, or why the path is not what was asked for, or what it costs */
    char weights[64];         /* source; of a model file, its name without the folder */
    char weights_note[256];   /* empty, or which of several in a checkpoint were taken */
    char found_note[256];     /* empty, or what opening a model file told that nobody had said */
    uint64_t weights_hash;    /* 0 where there are none */
    int threads;
    int classes;          /* planes that a run gives for an image; 1: one map */
    int only_batch_size;  /* of a package or ONNX: others are padded to it; 0: any size is run as it is */
    bool trained_weights; /* masks mean something */
    bool computes_masks;  /* false for a simulated backend: agreement is not defined */
    bool device_memory;   /* true: bt_memory counts device bytes; false: the process's */
    bool takes_pictures;  /* as they come: bt_session_put_picture */
    bool never_idles;     /* a run takes as long after a pause as right after another: only simulations */
    bool never_slowed;    /* and as long whatever other sessions run: only simulations */
} bt_session_info;

/* Bytes. On a device: the allocator's peak, what it reserved, and the device's own high-water mark,
 * workspaces included. On a CPU (or simulated): used_peak_bytes is the process's peak resident size. */
typedef struct bt_memory {
    /* The device's memory; on a CPU the smaller of the machine's and the cgroup's limit. */
    int64_t total_bytes;
    /* The high-water mark since bt_session_memory_reset, everything on the device included. */
    int64_t used_peak_bytes;
    /* Used before the session was opened: used_peak - before is attributable to the model. */
    int64_t before_bytes;
    int64_t allocated_peak_bytes, reserved_peak_bytes, process_bytes; /* device sessions; 0 where unknown */
} bt_memory;

typedef struct bt_session bt_session;

typedef struct bt_backend_operations {
    const char *name;
    bt_status (*open)(bt_session **out, const bt_session_options *options, bt_error *error);
    bt_status (*prepare)(bt_session *session, int batch_size, bt_error *error);
    bt_status (*run)(bt_session *session, int batch_size, const float *images, float *logits,
                     bt_error *error);
    /* NULL where no session takes pictures. */
    bt_status (*put_picture)(bt_session *session, int slot, const uint8_t *rgb, int height, int width,
                             const bt_image_norm *norm, bt_error *error);
    bt_status (*put_tensor)(bt_session *session, int slot, const void *values, bt_tensor_type type,
                            bool *tame, bt_error *error);
    bt_status (*run_pictures)(bt_session *session, int batch_size, int count, float *logits, bt_error *error);
    /* NULL where any memory does as well. */
    bt_status (*buffer)(bt_session *session, void **out, size_t bytes, bt_error *error);
    void (*release_threads)(bt_session *session);            /* may be NULL */
    double (*saturated_fraction)(const bt_session *session); /* may be NULL */
    bt_status (*memory_reset)(bt_session *session, bt_error *error);
    bt_status (*memory)(bt_session *session, bt_memory *memory, bt_error *error);
    void (*close)(bt_session *session);
} bt_backend_operations;

/* What every session starts with; a backend's own session struct has it as its first member. */
#define BT_SESSION_BUFFERS 4
struct bt_session {
    const bt_backend_operations *operations;
    bt_session_info info;
    void *buffers[BT_SESSION_BUFFERS]; /* of those without buffers of their own */
    int buffer_count;
};

/* "standard", "plain", "production"; never NULL. */
const char *bt_path_name(bt_path path);

/* Opens a session: loads the runtime and the weights, takes the device. On a CPU torch's production path is
 * the compiled plan; where that cannot be had (its kernels fail their check, the CPU is too old, oneDNN is
 * missing), it is the plain path, and the session's path_note says why. A model file is torch's, or, of ONNX, ONNX
 * Runtime's, whether torch, the plan or "onnx" is asked for; opening it runs code from it, and one image to see that
 * logits come out. A list of operations is run as the built-in networks are. BT_INVALID (the message names what is
 * wrong with the options or the model file), BT_PARSE (of a model file, or its NAME.json), BT_UNSUPPORTED (no such
 * device, runtime missing or of another ABI: with the remedy), BT_OUT_OF_DEVICE_MEMORY, BT_BACKEND, BT_NO_MEMORY. The calling thread is the session's from here on. */
BT_MUST_USE bt_status bt_session_open(bt_session **out, const bt_session_options *options, bt_error *error);

/* Checks a backend specification without opening anything: BT_INVALID names the bad key or value. */
BT_MUST_USE bt_status bt_backend_check(const char *specification, bt_error *error);

/* Whether a backend only takes its time and runs no network: then no weights, files or cores are needed, and
 * what it takes says nothing of this machine. False for a specification that names no backend. */
bool bt_backend_simulates(const char *specification);

/* Loads the library behind a backend, which opening a session does too; `model_file` is what that would run, NULL or ""
 * of a built-in network. Whoever opens sessions in threads of their own calls this first: libtorch's shim decides how
 * the process keeps memory (one arena), which holds for the threads that have not allocated yet. Errors as
 * bt_session_open. */
BT_MUST_USE bt_status bt_backend_load(const char *specification, const char *model_file, bt_error *error);

/* Whether opening and warming such a session sets what the whole process shares: what libtorch itself runs does, with
 * cuDNN's autotuning and counts of threads. Whoever opens sessions side by side keeps those apart. */
bool bt_session_sets_process(const bt_session_options *options);

/* Makes batches of `batch_size` ready (buffers, autotuning), so that later runs of that size take steady
 * time. */
BT_MUST_USE bt_status bt_session_prepare(bt_session *session, int batch_size, bt_error *error);

/* One forward pass: `images` is batch_size x 3 x H x W float32, normalised, in host memory; `logits` receives
 * batch_size x info.classes x H x W. Returns when the logits are in host memory. After BT_OUT_OF_DEVICE_MEMORY or
 * BT_BACKEND the session can run again. */
BT_MUST_USE bt_status bt_session_run(bt_session *session, int batch_size, const float *images, float *logits,
                                     bt_error *error);

/* Where info.takes_pictures: sends picture number `slot` of the next run (height x width x 3 bytes: red, green,
 * blue) on its way to the device, which resizes and normalises it as bt_image_prepare does, within 1/255. `norm` may
 * be NULL: ImageNet's. Back when nothing more is read of it. Errors as bt_session_run. */
BT_MUST_USE bt_status bt_session_put_picture(bt_session *session, int slot, const uint8_t *rgb, int height,
                                             int width, const bt_image_norm *norm, bt_error *error);
/* The same of a ready tensor, 3 x H x W of the session's own size, at any address. *tame: whether its values are all a
 * picture's, as bt_tensor_copy says. */
BT_MUST_USE bt_status bt_session_put_tensor(bt_session *session, int slot, const void *values,
                                            bt_tensor_type type, bool *tame, bt_error *error);
/* A forward pass of the pictures and tensors in slots 0 ... count - 1, the last of them again for the rest of the batch. */
BT_MUST_USE bt_status bt_session_run_pictures(bt_session *session, int batch_size, int count, float *logits,
                                              bt_error *error);

/* How many threads a lane has for pictures and masks around its runs: the session's, which are idle then; one beside a
 * device, where others prepare theirs meanwhile. */
int bt_session_image_threads(const bt_session_info *info);

/* Whether all of them are finite numbers, which a lane asks of every run. */
bool bt_logits_finite(const float *logits, size_t count);

/* Memory on the host for images or logits, zeroed: what this session reads and writes fastest (pinned, on a GPU). It is
 * the session's, until close. BT_NO_MEMORY, BT_BACKEND; BT_INVALID beyond BT_SESSION_BUFFERS. */
BT_MUST_USE bt_status bt_session_buffer(bt_session *session, void **out, size_t bytes, bt_error *error);

/* Gives back, until the next run, what a session that waits should not hold: the calling thread's pool of
 * threads, which slows every other session on the same cores by being there. Costs some 100 us at the next
 * run. */
void bt_session_release_threads(bt_session *session);

/* Of INT8, the share of activations, sampled over all runs so far, that lay at the end of what a byte holds;
 * NaN of any other session, and before the first run. The session's thread. */
double bt_session_saturated_fraction(const bt_session *session);

BT_MUST_USE bt_status bt_session_memory_reset(bt_session *session, bt_error *error);
BT_MUST_USE bt_status bt_session_memory(bt_session *session, bt_memory *memory, bt_error *error);

/* NULL-safe; nulls. */
void bt_session_close(bt_session **session);

const bt_session_info *bt_session_describe(const bt_session *session);

#ifdef __cplusplus
}
#endif
#endif
