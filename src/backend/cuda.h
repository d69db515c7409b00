/* The NVIDIA driver, asked through the libcuda.so.1 that comes with it: which CUDA devices there are, or why
 * there are none. Needs neither libtorch nor the CUDA toolkit, so that a machine without a GPU gets its
 * answer at once and a machine with a broken one gets the remedy. */
#ifndef BT_BACKEND_CUDA_H
#define BT_BACKEND_CUDA_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/error.h"
#include "record/fingerprint.h"

#ifdef __cplusplus
extern "C" {
#endif

typedef struct bt_cuda_device {
    char name[128];      /* "NVIDIA H100 80GB HBM3" */
    char pci_id[32];     /* "0000:65:00.0" */
    int major, minor;    /* compute capability */
    int driver_version;  /* the newest CUDA that the driver serves: 13020 is 13.2 */
    int64_t total_bytes; /* memory */
} bt_cuda_device;

/* What a kernel launch on the device showed: only where libbatchtune_cuda.so was built (nvcc). */
typedef struct bt_cuda_check {
    int runtime_version; /* CUDA that the check was built with: 13000 is 13.0 */
    int64_t free_bytes;  /* of the device, this process's context already counted */
    char fault[160];     /* "" where a kernel ran and gave the right numbers, else what went wrong */
} bt_cuda_check;

/* Which device a session's text names: "cpu" to -1, "cuda:N" to N; BT_INVALID for anything else, NULL too. */
BT_MUST_USE bt_status bt_cuda_index(int *index, const char *device, bt_error *error);

/* How many CUDA devices this process sees. BT_UNSUPPORTED where it sees none, with the reason and the remedy:
 * no driver, a driver that does not start, no device. Any thread. */
BT_MUST_USE bt_status bt_cuda_count(int *count, bt_error *error);

/* Device `index`, without making a context on it. BT_UNSUPPORTED as above, or where there are fewer
 * devices. */
BT_MUST_USE bt_status bt_cuda_describe(bt_cuda_device *device, int index, bt_error *error);

/* Fills in what the kernel's files do not tell of a machine's GPU: the model, where they name none (a
 * container may be without /proc/driver/nvidia), and the memory, of the device of that name, else of cuda:0;
 * and the driver's version, where that is empty: NVML's, or that of libcuda's own file, or else the CUDA that
 * it serves
 * ("CUDA 13.0"). Nothing changes without a CUDA device. Starts the driver, where there is one: some 0.1 s. */
void bt_cuda_fill_machine(bt_machine *machine);
void bt_cuda_fill_driver(char *version, size_t size);

/* Where the libcuda.so.1 that was loaded lies, links followed ("/usr/lib/.../libcuda.so.580.65.06"); ""
 * without one. */
const char *bt_cuda_library(void);

/* What the device is at, as its management library (NVML, part of the driver) tells: everybody's work, not
 * this process's. */
typedef struct bt_cuda_load {
    double utilisation; /* share of the last second or so in which some kernel ran, 0..1; NaN without NVML */
    int64_t used_bytes; /* 0 without NVML: unknown */
    int64_t total_bytes;
} bt_cuda_load;

/* BT_UNSUPPORTED where there is no such device. Any thread; takes some 10 us once the library is loaded. */
BT_MUST_USE bt_status bt_cuda_read_load(bt_cuda_load *load, int index, bt_error *error);

/* Runs a small kernel on device `index`; makes a context there, which stays until the process ends.
 * BT_UNSUPPORTED where the check was not built or the device does not answer; a device that answers but
 * computes wrongly is BT_OK with check->fault filled. Any thread. */
BT_MUST_USE bt_status bt_cuda_check_device(bt_cuda_check *check, int index, bt_error *error);

/* One run of the fused norm on made-up values. */
typedef struct bt_cuda_norm_case {
    const char *type; /* "fp32", "fp16", "bf16" */
    int batch, channels;
    int64_t pixels; /* of an image */
    bool residual, relu;
    uint64_t seed;
} bt_cuda_norm_case;

typedef struct bt_cuda_norm_result {
    double error, limit; /* the largest, in units of 1 + |wanted|, and what rounding explains */
    double seconds;      /* of a run */
    int64_t moved_bytes; /* by a run: x read twice and written, the residual read */
} bt_cuda_norm_result;

/* Runs a case on device `index` and compares it with kernels/norm.h's reference in double; with `runs` above
 * 0 it is then timed over that many. BT_UNSUPPORTED where the kernels were not built or the device does not
 * run them; BT_INVALID for an unknown type; BT_NO_MEMORY. Any thread. */
BT_MUST_USE bt_status bt_cuda_try_norm(int index, const bt_cuda_norm_case *one, int runs,
                                       bt_cuda_norm_result *result, bt_error *error);

/* A handful of small cases; BT_UNSUPPORTED names the one that came out wrong. */
BT_MUST_USE bt_status bt_cuda_check_norm(int index, bt_error *error);

#ifdef __cplusplus
}
#endif
#endif
