/* Whether the kernels compute right here: each against its reference, on this CPU, at one level.
 *
 * A service must not find out from its masks that a kernel was miscompiled, or that a virtual machine lies
 * about its instructions. Tests and bench use the same cases with other sizes and seeds. */
#ifndef BT_KERNELS_CHECK_H
#define BT_KERNELS_CHECK_H

#include <stdbool.h>
#include <stdint.h>

#include "base/error.h"
#include "kernels/cpu.h"

#ifdef __cplusplus
extern "C" {
#endif

/* A kernel's work on made-up values: sizes come from the seed. */
typedef struct bt_kernel_case {
    uint64_t seed;
    bt_value_type type;
    int threads;
} bt_kernel_case;

/* How one case ended. */
typedef struct bt_kernel_result {
    double error;   /* the largest difference to the reference, in units of 1 + |wanted|; bytes: as it is */
    double limit;   /* what rounding explains */
    char text[120]; /* "1x7x9, 48 channels": the case in words */
    bool overrun;   /* something before or behind the output was written */
} bt_kernel_result;

/* "norm", "sum", ...; NULL past the last. */
const char *bt_kernel_name(int kernel);

/* Whether it has cases of this type; of floats always. Those of bytes are floats with bytes beside them where
 * a kernel reads or writes both. */
bool bt_kernel_takes(int kernel, bt_value_type type);

/* Runs one case of one kernel. BT_NO_MEMORY. */
BT_MUST_USE bt_status bt_kernel_try(int kernel, const bt_kernel_case *one, bt_cpu_level level,
                                    bt_kernel_result *result, bt_error *error);

/* A few small cases of every kernel and type, some 60 ms; remembered, so that only a process's first call
 * takes time. BT_UNSUPPORTED names the kernel that fails; BT_NO_MEMORY. Any thread. */
BT_MUST_USE bt_status bt_kernels_check(bt_cpu_level level, bt_error *error);

#ifdef __cplusplus
}
#endif
#endif
