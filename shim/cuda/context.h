/* What the files behind device.h share: the context, and CUDA's and cuDNN's errors in it. */
#ifndef BT_SHIM_CUDA_CONTEXT_H
#define BT_SHIM_CUDA_CONTEXT_H

#include <cuda_runtime.h>

#include <map>
#include <memory>
#include <string>

#include "plan/cuda-device.h"

/* cuDNN as one context has it: its library, a handle and what was found for each shape; convolution.cpp's. */
struct bt_cuda_convolutions;

struct bt_cuda_context {
    int device = 0;
    cudaStream_t stream = nullptr;
    cudaEvent_t clock_start = nullptr, clock_end = nullptr, done = nullptr;
    bt_cuda_convolutions *convolutions = nullptr;
    std::map<void *, size_t> blocks; /* of device memory */
    int64_t used = 0, peak = 0;
    std::string fault, about;

    /* CUDA's own code, its text noted with what was being done. */
    int check(cudaError_t code, const char *doing) {
        if (code == cudaSuccess) return 0;
        fault = std::string(doing) + ": " + cudaGetErrorString(code);
        cudaGetLastError(); /* not the next call's */
        return code;
    }
    void took(int64_t bytes) {
        used += bytes;
        if (used > peak) peak = used;
    }
};

namespace bt_cuda {

/* Loads cuDNN and makes a handle; the reason in the context's fault. Close is NULL-safe. */
int open_convolutions(bt_cuda_context *context, const char *libraries);
void close_convolutions(bt_cuda_context *context);
/* Gives back what trying algorithms took. */
void release_trials(bt_cuda_context *context);

int open_conv(bt_cuda_context *context, bt_cuda_conv **out, const bt_cuda_conv_shape *shape,
              size_t workspace_most);
void close_conv(bt_cuda_conv *conv);
const bt_cuda_conv_choice *choice(const bt_cuda_conv *conv);
int conv(bt_cuda_conv *conv, const void *x, const void *weights, void *out, void *workspace, void *stream);

} // namespace bt_cuda
#endif
