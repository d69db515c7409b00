/* libtorch behind a plain C table: what src/backend/torch.c loads with dlopen.
 *
 * The shim does what cannot be done without C++ (run a network's operation list through ATen, turn exceptions
 * into statuses, ask libtorch about itself) and nothing else: names, files, devices' drivers and the
 * process's memory are the core's business. It reads the core's plain structs and calls none of its
 * functions but what it is handed, so that neither side links to the other. Keep it thin: it is the one part
 * that sanitizers cannot see into.
 *
 * One exported function, bt_torch_shim_table, gives a table of functions. Bump BT_TORCH_SHIM_ABI when the
 * table or a struct in it, bt_network and bt_weights included, changes shape. */
#ifndef BT_SHIM_TORCH_SHIM_H
#define BT_SHIM_TORCH_SHIM_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "backend/torch.h"
#include "base/error.h"
#include "networks/fitting.h"
#include "networks/model.h"
#include "networks/network.h"
#include "networks/weights.h"
#include "settings/precision.h"

#ifdef __cplusplus
extern "C" {
#endif

#define BT_TORCH_SHIM_ABI 9

/* A user's file. */
typedef struct bt_torch_file {
    const char *path;
    int batch_size; /* of a package; 0: not known, to be found by trying */
} bt_torch_file;

typedef struct bt_torch_options {
    const bt_network *network;  /* read until close; the caller's. NULL: `files` are to run instead */
    const bt_weights *weights;  /* copied at open */
    const bt_torch_file *files; /* copied at open: one of TorchScript, or `packages` compiled by AOTInductor,
                                   each loaded when it is first needed */
    int file_count;
    bool packages;
    const bt_model_map *map; /* of files: what they take and give; copied at open */
    bt_model_fitter *fit;    /* of files: which tensor is the map */
    int device_index;        /* of a CUDA device; -1 for the CPU */
    int height, width;       /* of the input, pixels */
    int threads;             /* of the session on a CPU; positive */
    /* FP32, or a half, which means autocast. What is compiled is as it is. */
    bt_precision precision;
    bool standard; /* FP32, contiguous: the two below do not count */
    bool use_channels_last, use_cudnn_benchmark;
    bool fused; /* on CUDA: the fused norm, and a graph for each prepared batch size; BT_UNSUPPORTED at open
                   where they were not built */
} bt_torch_options;

/* Filled at open. */
typedef struct bt_torch_session_facts {
    char cuda[64]; /* "CUDA 13.2, cuDNN 9.14.0"; "" for the CPU */
    /* On the CUDA device before the weights, the context included; 0 for the CPU. */
    int64_t device_used_bytes;
    int only_batch_size;            /* that runs without padding; 0: any, or several */
    int least_batch_size;           /* what a single image is padded to */
    int classes;                    /* planes that a run gives for an image */
    char found[BT_MODEL_NOTE_SIZE]; /* of files: what the first run told that nobody had said; else "" */
} bt_torch_session_facts;

/* Bytes on a CUDA device. */
typedef struct bt_torch_memory {
    int64_t total_bytes, used_peak_bytes; /* of the whole device; the peak is since the last reset */
    int64_t allocated_peak_bytes, reserved_peak_bytes;
} bt_torch_memory;

typedef struct bt_torch_session bt_torch_session;

/* A session belongs to the thread that opened it: libtorch's inference mode, autocast and thread count are
 * per thread. Every function that returns a bt_status fills `error` with one line when it fails, and leaves
 * the process usable: BT_OUT_OF_DEVICE_MEMORY where the device (or, for a CPU session, the machine) has no
 * room for a tensor, BT_NO_MEMORY where the host has none for anything else, BT_UNSUPPORTED where the CUDA
 * device cannot be used, BT_BACKEND for any other exception. */
typedef struct bt_torch_shim {
    int abi; /* BT_TORCH_SHIM_ABI; look at nothing else where it differs */
    bt_status (*describe)(bt_torch_facts *facts, bt_error *error);
    /* Copies the weights to the device in the session's precision and layout, or loads the files and runs one
     * image. BT_INVALID names the file that cannot be loaded, or gives nothing that a map can be made of. Free
     * with close. */
    bt_status (*open)(bt_torch_session **out, const bt_torch_options *options, bt_torch_session_facts *facts,
                      bt_error *error);
    /* Runs batches of that size, of zeros, until autotuning and primitive caches are filled; a fused CUDA
     * session records the graph that later runs replay. */
    bt_status (*prepare)(bt_torch_session *session, int batch_size, bt_error *error);
    /* batch_size x 3 x H x W in, batch_size x classes x H x W out, both float32, contiguous, in host memory. */
    bt_status (*run)(bt_torch_session *session, int batch_size, const float *images, float *logits,
                     bt_error *error);
    /* Gives the calling thread's pool of OpenMP threads back, until its next run. A thread that waits long
     * should: while more OpenMP threads exist than cores, idle ones included, libgomp lets all of them sleep
     * between any two parallel regions, which makes a network of many small operations more than twice as
     * slow. */
    void (*release_threads)(void);
    /* CUDA sessions only; BT_UNSUPPORTED for the CPU, where the process's memory is what counts. */
    bt_status (*memory_reset)(bt_torch_session *session, bt_error *error);
    bt_status (*memory)(bt_torch_session *session, bt_torch_memory *memory, bt_error *error);
    void (*close)(bt_torch_session *session); /* NULL-safe */
} bt_torch_shim;

/* The table; never NULL, lives as long as the library is loaded. The first call also decides how the
 * process's malloc treats large blocks, for good: call it before starting threads. */
__attribute__((visibility("default"))) const bt_torch_shim *bt_torch_shim_table(void);

#ifdef __cplusplus
}
#endif
#endif
