/* CUDA kernels on a CPU: enough of a device for tests to run shim/cuda's kernels where there is no GPU.
 *
 * A source of shim/cuda is compiled as C++20 with this folder before all others, so that <cuda_runtime.h>,
 * <cuda_fp16.h> and <cuda_bf16.h> are the stand-ins that lie here. Its launches then run to their end before
 * they return: blocks one after another, the threads of a block as fibres, each of which keeps its stack where
 * it waits for others (__syncthreads, the shuffles of a warp). Shared memory is full of NaNs when a block
 * begins. A block whose threads wait for what cannot come any more is named on stderr, and the program aborts;
 * so it does where a thread takes part in a shuffle that leaves it out. What a device would refuse to launch
 * is refused.
 *
 * This shows whether a kernel computes what it should. It cannot show races, since no two threads ever run at
 * once: a barrier that is missing is seen only where the order of the threads makes a difference, wherefore
 * cuda_on_cpu_reverse turns that order round. Nor does it show what a device's order of memory allows, how its
 * fast functions (__expf, rsqrtf) round, what kernels of two streams do to each other, or how fast anything
 * is. */
#ifndef BT_TESTS_CUDA_ON_CPU_H
#define BT_TESTS_CUDA_ON_CPU_H

#include <stdbool.h>
#include <stddef.h>

#ifdef __cplusplus
extern "C" {
#endif

/* Of the device that kernels are told they run on: its multiprocessors. */
void cuda_on_cpu_set_multiprocessors(int count);
int cuda_on_cpu_multiprocessors(void);

/* Whether the last block comes first, and a block's last thread. */
void cuda_on_cpu_reverse(bool reverse);

/* How many kernels were launched so far. */
int cuda_on_cpu_launches(void);

#ifdef __cplusplus
}

#include <functional>

#include "launch-size.h"

namespace cuda_on_cpu {

/* Runs `thread` for every thread of a grid; 0, or CUDA's error code for a size that no device takes. */
int run_grid(dim3 grid, int threads, size_t shared_bytes, const std::function<void()> &thread);

/* The shared memory whose size the launch chose. */
void *dynamic_shared();

void sync_threads();

/* One lane's part of a shuffle among the lanes of `mask`: gives `value`, gets what lane `source` of its warp
 * gives. */
void shuffle(unsigned mask, int source, void *value, size_t bytes);

} // namespace cuda_on_cpu
#endif
#endif
