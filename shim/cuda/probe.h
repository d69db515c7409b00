/* A CUDA device asked directly, without libtorch: what it is, what is free on it, and whether it computes.
 *
 * A library of its own (libbatchtune_cuda.so), built where nvcc is and loaded only where a driver is, with
 * the CUDA runtime linked in statically: so it tells a broken driver or an architecture without code from a
 * broken libtorch. */
#ifndef BT_SHIM_CUDA_PROBE_H
#define BT_SHIM_CUDA_PROBE_H

#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

#define BT_CUDA_PROBE_ABI 1

typedef struct bt_cuda_probe_result {
    char name[128];
    char pci_id[32];                 /* "0000:65:00.0" */
    int major, minor;                /* compute capability */
    int driver_version;              /* the newest CUDA that the driver serves: 13020 is 13.2 */
    int runtime_version;             /* the CUDA that this library was built with */
    int64_t total_bytes, free_bytes; /* free as cudaMemGetInfo says, this process's context already counted */
    char launch_fault[160]; /* "" where a kernel ran and gave the right numbers, else what went wrong */
} bt_cuda_probe_result;

/* Fills `result` for device `index` (as CUDA_VISIBLE_DEVICES counts) and returns 0; otherwise returns CUDA's
 * error code with its text in result->launch_fault. Makes a context on the device, which stays. Any
 * thread. */
__attribute__((visibility("default"))) int bt_cuda_probe(int abi, int index, bt_cuda_probe_result *result);

#ifdef __cplusplus
}
#endif
#endif
