/* The device of device.cpp, as a test sees it. */
#ifndef BT_TESTS_CUDA_ON_CPU_DEVICE_H
#define BT_TESTS_CUDA_ON_CPU_DEVICE_H

#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

/* How much memory it has for a context. */
void cuda_on_cpu_set_room(int64_t bytes);

#ifdef __cplusplus
}
#endif
#endif
