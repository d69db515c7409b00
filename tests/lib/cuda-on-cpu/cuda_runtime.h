/* Stands in for CUDA's header of that name where kernels are compiled for a CPU: the words that CUDA adds to
 * C++, vectors, shuffles, atomics and fast functions, as far as shim/cuda uses them, and the part of
 * cuda/launch.cuh that needs nvcc. See emulator.h. */
#ifndef BT_TESTS_CUDA_ON_CPU_CUDA_RUNTIME_H
#define BT_TESTS_CUDA_ON_CPU_CUDA_RUNTIME_H

#include <math.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <functional>
#include <type_traits>

#include "emulator.h"

#define __global__
#define __device__
#define __host__
#define __constant__
/* Of all blocks, which run one after another; the section is known to the emulator, which fills it. */
#define __shared__             static __attribute__((section("cuda_shared")))
#define __forceinline__        inline __attribute__((always_inline))
#define __align__(bytes)       __attribute__((aligned(bytes)))
#define __launch_bounds__(...) /* only for a compiler that gives out registers */

/* ---- vectors ---- */

struct __align__(8) float2 {
    float x, y;
};
struct __align__(16) float4 {
    float x, y, z, w;
};
struct __align__(8) int2 {
    int x, y;
};
struct __align__(16) int4 {
    int x, y, z, w;
};
struct __align__(8) uint2 {
    unsigned x, y;
};
struct __align__(16) uint4 {
    unsigned x, y, z, w;
};
struct __align__(16) double2 {
    double x, y;
};

inline float2 make_float2(float x, float y) {
    return {x, y};
}
inline float4 make_float4(float x, float y, float z, float w) {
    return {x, y, z, w};
}
inline int2 make_int2(int x, int y) {
    return {x, y};
}
inline int4 make_int4(int x, int y, int z, int w) {
    return {x, y, z, w};
}
inline uint2 make_uint2(unsigned x, unsigned y) {
    return {x, y};
}
inline uint4 make_uint4(unsigned x, unsigned y, unsigned z, unsigned w) {
    return {x, y, z, w};
}

/* ---- threads of a block, lanes of a warp ---- */

inline void __syncthreads() {
    cuda_on_cpu::sync_threads();
}

namespace cuda_on_cpu {

inline int lane() {
    return static_cast<int>(threadIdx.x % warpSize);
}

/* From lane `source`, or a lane's own value where that lies outside its part of `width` lanes. */
template <typename T> T from_lane(unsigned mask, T value, int source, int width) {
    int first = lane() / width * width;
    shuffle(mask, source >= first && source < first + width ? source : lane(), &value, sizeof value);
    return value;
}

} // namespace cuda_on_cpu

template <typename T> T __shfl_sync(unsigned mask, T value, int source, int width = warpSize) {
    int first = cuda_on_cpu::lane() / width * width;
    return cuda_on_cpu::from_lane(mask, value, first + (source & (width - 1)), width);
}
template <typename T> T __shfl_xor_sync(unsigned mask, T value, int bits, int width = warpSize) {
    return cuda_on_cpu::from_lane(mask, value, cuda_on_cpu::lane() ^ bits, width);
}
template <typename T> T __shfl_down_sync(unsigned mask, T value, unsigned by, int width = warpSize) {
    return cuda_on_cpu::from_lane(mask, value, cuda_on_cpu::lane() + static_cast<int>(by), width);
}
template <typename T> T __shfl_up_sync(unsigned mask, T value, unsigned by, int width = warpSize) {
    return cuda_on_cpu::from_lane(mask, value, cuda_on_cpu::lane() - static_cast<int>(by), width);
}
inline void __syncwarp(unsigned mask = 0xffffffff) {
    cuda_on_cpu::from_lane(mask, 0, cuda_on_cpu::lane(), warpSize);
}

/* ---- memory that threads share: only one thread runs at a time ---- */

inline void __threadfence() {}
inline void __threadfence_block() {}
template <typename T> T __ldg(const T *from) {
    return *from;
}
template <typename T> T __ldcg(const T *from) {
    return *from;
}
template <typename T> T __ldcs(const T *from) {
    return *from;
}
template <typename T> void __stcs(T *to, T value) {
    *to = value;
}
template <typename T> void __stcg(T *to, T value) {
    *to = value;
}
template <typename T> T atomicExch(T *at, std::type_identity_t<T> value) {
    T old = *at;
    *at = value;
    return old;
}
template <typename T> T atomicAdd(T *at, std::type_identity_t<T> value) {
    return atomicExch(at, *at + value);
}
template <typename T> T atomicMax(T *at, std::type_identity_t<T> value) {
    static_assert(std::is_integral_v<T>, "a device has this for whole numbers");
    return atomicExch(at, *at > value ? *at : value);
}
template <typename T> T atomicMin(T *at, std::type_identity_t<T> value) {
    static_assert(std::is_integral_v<T>, "a device has this for whole numbers");
    return atomicExch(at, *at < value ? *at : value);
}
template <typename T> T atomicCAS(T *at, std::type_identity_t<T> wanted, std::type_identity_t<T> value) {
    static_assert(std::is_integral_v<T>, "a device has this for whole numbers");
    return atomicExch(at, *at == wanted ? value : *at);
}
inline unsigned atomicInc(unsigned *at, unsigned most) {
    return atomicExch(at, *at >= most ? 0 : *at + 1);
}

/* ---- arithmetic ---- */

inline float rsqrtf(float x) {
    return 1 / sqrtf(x);
}
inline double rsqrt(double x) {
    return 1 / sqrt(x);
}
inline float __expf(float x) {
    return expf(x);
}
inline float __fdividef(float x, float y) {
    return x / y;
}
inline float __frcp_rn(float x) {
    return 1 / x;
}
inline float __fmaf_rn(float x, float y, float z) {
    return fmaf(x, y, z);
}
inline int __float_as_int(float x) {
    int bits;
    memcpy(&bits, &x, sizeof bits);
    return bits;
}
inline unsigned __float_as_uint(float x) {
    return static_cast<unsigned>(__float_as_int(x));
}
inline float __uint_as_float(unsigned bits) {
    float x;
    memcpy(&x, &bits, sizeof x);
    return x;
}
inline float __int_as_float(int bits) {
    return __uint_as_float(static_cast<unsigned>(bits));
}
constexpr int max(int x, int y) {
    return x > y ? x : y;
}
constexpr int min(int x, int y) {
    return x < y ? x : y;
}
constexpr unsigned max(unsigned x, unsigned y) {
    return x > y ? x : y;
}
constexpr unsigned min(unsigned x, unsigned y) {
    return x < y ? x : y;
}
constexpr int64_t max(int64_t x, int64_t y) {
    return x > y ? x : y;
}
constexpr int64_t min(int64_t x, int64_t y) {
    return x < y ? x : y;
}

/* ---- what the host calls ---- */

enum cudaError_t { cudaSuccess = 0, cudaErrorInvalidValue = 1, cudaErrorInvalidConfiguration = 9 };
using cudaStream_t = void *;

inline cudaError_t cudaGetLastError() {
    return cudaSuccess;
}
inline cudaError_t cudaMemsetAsync(void *to, int byte, size_t bytes, cudaStream_t) {
    memset(to, byte, bytes);
    return cudaSuccess;
}

namespace bt_cuda {

template <typename T> T *shared_memory() {
    return static_cast<T *>(cuda_on_cpu::dynamic_shared());
}

inline int multiprocessors() {
    return cuda_on_cpu_multiprocessors();
}

template <typename... Parameters, typename... Arguments>
int launch(void (*kernel)(Parameters...), dim3 grid, int threads, size_t shared, void *,
           Arguments... arguments) {
    return cuda_on_cpu::run_grid(grid, threads, shared,
                                 [&] { kernel(static_cast<Parameters>(arguments)...); });
}

} // namespace bt_cuda
#endif
