/* What the kernels share: types of values, reads of 16 bytes, and the one way to launch.
 *
 * A kernel is launched through launch() alone, never by <<<>>>: that is plain C++, so that a test can compile
 * the same source for a CPU and run it there. Shared memory whose size a launch chooses is shared_memory<T>(). */
#ifndef BT_SHIM_CUDA_LAUNCH_CUH
#define BT_SHIM_CUDA_LAUNCH_CUH

#include <cuda_bf16.h>
#include <cuda_fp16.h>
#include <cuda_runtime.h>
#include <stdint.h>

#include "kernels/value-type.h"

namespace bt_cuda {

__device__ inline float widen(float value) {
    return value;
}
__device__ inline float widen(__half value) {
    return __half2float(value);
}
__device__ inline float widen(__nv_bfloat16 value) {
    return __bfloat162float(value);
}
__device__ inline void narrow(float *out, float value) {
    *out = value;
}
__device__ inline void narrow(__half *out, float value) {
    *out = __float2half_rn(value);
}
__device__ inline void narrow(__nv_bfloat16 *out, float value) {
    *out = __float2bfloat16_rn(value);
}

/* What a thread reads and writes at once. */
template <typename T, int width> struct alignas(sizeof(T) * width) Vector { T values[width]; };

/* Values of T in 16 bytes. */
template <typename T> constexpr int wide = static_cast<int>(16 / sizeof(T));

inline bool is_aligned(const void *pointer) {
    return reinterpret_cast<uintptr_t>(pointer) % 16 == 0;
}

/* Calls body(T()) with the C++ type of `type`; cudaErrorInvalidValue for one that kernels do not know. */
template <typename Body> int with_type(bt_value_type type, Body body) {
    switch (type) {
    case BT_F32:
        return body(float());
    case BT_F16:
        return body(__half());
    case BT_BF16:
        return body(__nv_bfloat16());
    default:
        return cudaErrorInvalidValue;
    }
}

inline unsigned blocks_of(int64_t items, int per_block) {
    return static_cast<unsigned>((items + per_block - 1) / per_block);
}

#ifdef __CUDACC__

template <typename T> __device__ T *shared_memory() {
    extern __shared__ __align__(16) unsigned char bt_cuda_shared[];
    return reinterpret_cast<T *>(bt_cuda_shared);
}

/* How many multiprocessors the calling thread's current device has. */
inline int multiprocessors() {
    int device = 0, count = 0;
    cudaGetDevice(&device);
    cudaDeviceGetAttribute(&count, cudaDevAttrMultiProcessorCount, device);
    return count > 0 ? count : 1;
}

/* Starts `kernel` on a grid of blocks of `threads` threads with `shared` bytes of shared memory; 0, or CUDA's
 * error code. */
template <typename... Parameters, typename... Arguments>
int launch(void (*kernel)(Parameters...), dim3 grid, int threads, size_t shared, void *stream,
           Arguments... arguments) {
    cudaLaunchConfig_t config = {};
    config.gridDim = grid;
    config.blockDim = dim3(static_cast<unsigned>(threads));
    config.dynamicSmemBytes = shared;
    config.stream = static_cast<cudaStream_t>(stream);
    return cudaLaunchKernelEx(&config, kernel, Parameters(arguments)...);
}

#endif

} // namespace bt_cuda
#endif
