/* Made-up cases of every kernel of a device, and of its convolutions, against its reference in double: on this CPU for a unit test, on a GPU
 * for check-gpu. */
#ifndef BT_TESTS_DEVICE_KERNELS_H
#define BT_TESTS_DEVICE_KERNELS_H

#include "device-case.h"

enum { DEVICE_KERNELS = 12 };

/* Draws its sizes from the case, runs the kernel, and compares. */
typedef struct device_kernel {
    const char *name;
    void (*try)(device_case *c);
} device_kernel;

extern const device_kernel device_kernels[DEVICE_KERNELS];

#endif
