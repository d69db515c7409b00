#include "probe.h"

#include <cstdio>
#include <cuda_runtime.h>

namespace {

/* Enough threads for blocks on several multiprocessors; a wrong one would show in any of them. */
constexpr int launch_count = 4096, block_size = 256;

/* Each thread's number, by integer arithmetic that a wrong launch geometry or missing code would not get
 * right. */
__global__ void fill(int *out, int count) {
    int i = blockIdx.x * blockDim.x + threadIdx.x;
    if (i < count) out[i] = i * 3 + 1;
}

cudaError_t run_kernel(int *host, int *device) {
    fill<<<(launch_count + block_size - 1) / block_size, block_size>>>(device, launch_count);
    cudaError_t error = cudaGetLastError();
    if (error == cudaSuccess)
        error = cudaMemcpy(host, device, launch_count * sizeof *device, cudaMemcpyDeviceToHost);
    return error;
}

void check_launch(bt_cuda_probe_result *result) {
    static thread_local int host[launch_count];
    int *device = nullptr;
    cudaError_t error = cudaMalloc(&device, sizeof host);
    if (error == cudaSuccess) error = run_kernel(host, device);
    if (device) cudaFree(device);
    if (error != cudaSuccess) {
        snprintf(result->launch_fault, sizeof result->launch_fault, "%s", cudaGetErrorString(error));
        return;
    }
    for (int i = 0; i < launch_count; i++) {
        if (host[i] == i * 3 + 1) continue;
        snprintf(result->launch_fault, sizeof result->launch_fault, "a kernel gave %d where %d is right",
                 host[i], i * 3 + 1);
        return;
    }
}

cudaError_t query_device(int index, bt_cuda_probe_result *result) {
    cudaDeviceProp properties;
    size_t free_bytes, total_bytes;
    cudaError_t error = cudaDriverGetVersion(&result->driver_version);
    if (error == cudaSuccess) error = cudaRuntimeGetVersion(&result->runtime_version);
    if (error == cudaSuccess) error = cudaSetDevice(index);
    if (error == cudaSuccess) error = cudaGetDeviceProperties(&properties, index);
    if (error == cudaSuccess) error = cudaDeviceGetPCIBusId(result->pci_id, sizeof result->pci_id, index);
    if (error == cudaSuccess) error = cudaMemGetInfo(&free_bytes, &total_bytes);
    if (error != cudaSuccess) return error;
    snprintf(result->name, sizeof result->name, "%.127s", properties.name);
    result->major = properties.major;
    result->minor = properties.minor;
    result->total_bytes = static_cast<int64_t>(total_bytes);
    result->free_bytes = static_cast<int64_t>(free_bytes);
    return cudaSuccess;
}

} // namespace

int bt_cuda_probe(int abi, int index, bt_cuda_probe_result *result) {
    if (abi != BT_CUDA_PROBE_ABI) return cudaErrorInvalidValue;
    *result = {};
    int before = 0;
    bool had_device = cudaGetDevice(&before) == cudaSuccess;
    cudaError_t error = query_device(index, result);
    if (error == cudaSuccess)
        check_launch(result);
    else
        snprintf(result->launch_fault, sizeof result->launch_fault, "%s", cudaGetErrorString(error));
    if (had_device) cudaSetDevice(before);
    return error;
}
