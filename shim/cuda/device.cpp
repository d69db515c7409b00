/* The table of plan/cuda-device.h: a context's memory, stream, graphs and clock. */
#include "context.h"
#include "kernels.h"

#include <new>

namespace {

int open(bt_cuda_context **out, int device, const char *libraries) {
    bt_cuda_context *context = *out = new (std::nothrow) bt_cuda_context;
    if (!context) return BT_CUDA_OUT_OF_MEMORY;
    context->device = device;
    int code = context->check(cudaSetDevice(device), "taking the device");
    if (code == 0)
        code = context->check(cudaStreamCreateWithFlags(&context->stream, cudaStreamNonBlocking), "a stream");
    if (code == 0) code = context->check(cudaEventCreate(&context->clock_start), "an event");
    if (code == 0) code = context->check(cudaEventCreate(&context->clock_end), "an event");
    if (code == 0)
        code = context->check(
            cudaEventCreateWithFlags(&context->done, cudaEventBlockingSync | cudaEventDisableTiming),
            "an event");
    return code == 0 ? bt_cuda::open_convolutions(context, libraries) : code;
}

void close(bt_cuda_context *context) {
    if (!context) return;
    cudaSetDevice(context->device);
    if (context->stream) cudaStreamSynchronize(context->stream);
    bt_cuda::close_convolutions(context);
    for (auto &block : context->blocks)
        cudaFree(block.first);
    if (context->clock_start) cudaEventDestroy(context->clock_start);
    if (context->clock_end) cudaEventDestroy(context->clock_end);
    if (context->done) cudaEventDestroy(context->done);
    if (context->stream) cudaStreamDestroy(context->stream);
    delete context;
}

const char *fault(const bt_cuda_context *context) {
    return context ? context->fault.c_str() : "no memory on the host";
}

const char *about(const bt_cuda_context *context) {
    return context->about.c_str();
}

/* ---- memory ---- */

int allocate(bt_cuda_context *context, void **out, size_t bytes) {
    *out = nullptr;
    cudaSetDevice(context->device);
    int code = context->check(cudaMalloc(out, bytes ? bytes : 1), "device memory");
    if (code != 0) return code;
    context->blocks[*out] = bytes;
    context->took(static_cast<int64_t>(bytes));
    return context->check(cudaMemsetAsync(*out, 0, bytes ? bytes : 1, context->stream), "device memory");
}

void release(bt_cuda_context *context, void *memory) {
    auto block = context->blocks.find(memory);
    if (block == context->blocks.end()) return;
    cudaSetDevice(context->device);
    cudaStreamSynchronize(context->stream);
    cudaFree(memory);
    context->used -= static_cast<int64_t>(block->second);
    context->blocks.erase(block);
}

int pin(bt_cuda_context *context, void **out, size_t bytes) {
    *out = nullptr;
    cudaSetDevice(context->device);
    return context->check(cudaHostAlloc(out, bytes ? bytes : 1, cudaHostAllocDefault), "pinned memory");
}

void unpin(bt_cuda_context *context, void *memory) {
    cudaSetDevice(context->device);
    cudaStreamSynchronize(context->stream);
    if (memory) cudaFreeHost(memory);
}

int memory(bt_cuda_context *context, bt_cuda_memory *memory) {
    size_t free_bytes = 0, total_bytes = 0;
    cudaSetDevice(context->device);
    int code = context->check(cudaMemGetInfo(&free_bytes, &total_bytes), "asking for free memory");
    *memory = {static_cast<int64_t>(total_bytes), static_cast<int64_t>(free_bytes), context->used,
               context->peak};
    return code;
}

void reset_peak(bt_cuda_context *context) {
    context->peak = context->used;
}

/* ---- the stream ---- */

int up(bt_cuda_context *context, void *to, const void *from, size_t bytes) {
    cudaSetDevice(context->device);
    return context->check(cudaMemcpyAsync(to, from, bytes, cudaMemcpyHostToDevice, context->stream),
                          "sending to the device");
}

int down(bt_cuda_context *context, void *to, const void *from, size_t bytes) {
    cudaSetDevice(context->device);
    return context->check(cudaMemcpyAsync(to, from, bytes, cudaMemcpyDeviceToHost, context->stream),
                          "fetching from the device");
}

int copy(bt_cuda_context *context, void *to, const void *from, size_t bytes) {
    cudaSetDevice(context->device);
    return context->check(cudaMemcpyAsync(to, from, bytes, cudaMemcpyDeviceToDevice, context->stream),
                          "copying on the device");
}

/* The waiting thread sleeps: others have better things to do with its core. */
int wait(bt_cuda_context *context) {
    cudaSetDevice(context->device);
    const int code = context->check(cudaEventRecord(context->done, context->stream), "running on the device");
    return code == 0 ? context->check(cudaEventSynchronize(context->done), "running on the device") : code;
}

void *stream(const bt_cuda_context *context) {
    cudaSetDevice(context->device); /* for whoever launches on it */
    return context->stream;
}

int clock(bt_cuda_context *context, bool start, float *milliseconds) {
    cudaSetDevice(context->device);
    if (start) return context->check(cudaEventRecord(context->clock_start, context->stream), "an event");
    int code = context->check(cudaEventRecord(context->clock_end, context->stream), "an event");
    if (code == 0) code = context->check(cudaEventSynchronize(context->clock_end), "running on the device");
    if (code != 0) return code;
    return context->check(cudaEventElapsedTime(milliseconds, context->clock_start, context->clock_end),
                          "device time");
}

} // namespace

/* ---- graphs ---- */

struct bt_cuda_graph {
    cudaGraphExec_t ready;
};

namespace {

int begin(bt_cuda_context *context) {
    cudaSetDevice(context->device);
    /* This thread only: others may go on using the device. */
    return context->check(cudaStreamBeginCapture(context->stream, cudaStreamCaptureModeThreadLocal),
                          "recording a graph");
}

int end(bt_cuda_context *context, bt_cuda_graph **out, int *kernels) {
    cudaGraph_t graph = nullptr;
    cudaGraphExec_t ready = nullptr;
    size_t nodes = 0;
    *out = nullptr;
    int code = context->check(cudaStreamEndCapture(context->stream, &graph), "recording a graph");
    if (code == 0) code = context->check(cudaGraphGetNodes(graph, nullptr, &nodes), "counting kernels");
    if (code == 0) code = context->check(cudaGraphInstantiate(&ready, graph, 0), "making a graph ready");
    if (code == 0) code = context->check(cudaGraphUpload(ready, context->stream), "making a graph ready");
    if (graph) cudaGraphDestroy(graph);
    if (code == 0) *out = new (std::nothrow) bt_cuda_graph{ready};
    if (!*out && ready) cudaGraphExecDestroy(ready);
    *kernels = static_cast<int>(nodes);
    return code == 0 && !*out ? BT_CUDA_OUT_OF_MEMORY : code;
}

int replay(bt_cuda_context *context, bt_cuda_graph *graph) {
    cudaSetDevice(context->device);
    return context->check(cudaGraphLaunch(graph->ready, context->stream), "running on the device");
}

void close_graph(bt_cuda_graph *graph) {
    if (!graph) return;
    cudaGraphExecDestroy(graph->ready);
    delete graph;
}

const char *error_text(int code) {
    return cudaGetErrorString(static_cast<cudaError_t>(code));
}

const bt_cuda_table table = {
    .abi = BT_CUDA_ABI,
    .open = open,
    .close = close,
    .fault = fault,
    .about = about,
    .allocate = allocate,
    .release = release,
    .pin = pin,
    .unpin = unpin,
    .memory = memory,
    .reset_peak = reset_peak,
    .up = up,
    .down = down,
    .copy = copy,
    .wait = wait,
    .begin = begin,
    .end = end,
    .replay = replay,
    .close_graph = close_graph,
    .stream = stream,
    .clock = clock,
    .open_conv = bt_cuda::open_conv,
    .release_trials = bt_cuda::release_trials,
    .close_conv = bt_cuda::close_conv,
    .choice = bt_cuda::choice,
    .conv = bt_cuda::conv,
    .error_text = error_text,
    .norm_scratch = bt_cuda_norm_scratch,
    .norm = bt_cuda_norm,
    .sum = bt_cuda_sum,
    .pool = bt_cuda_pool,
    .scale = bt_cuda_scale,
    .dot = bt_cuda_dot,
    .sigmoid = bt_cuda_sigmoid,
    .interleave = bt_cuda_interleave,
    .unfold = bt_cuda_unfold,
    .prepare = bt_cuda_prepare_images,
    .channel_attention_scratch = bt_cuda_channel_attention_scratch,
    .channel_attention = bt_cuda_channel_attention,
    .spatial_attention_scratch = bt_cuda_spatial_attention_scratch,
    .spatial_attention = bt_cuda_spatial_attention,
};

} // namespace

const bt_cuda_table *bt_cuda_device_table(void) {
    return &table;
}
