/* Convolutions by cuDNN, the fastest that it has for each shape.
 *
 * cuDNN's backend interface is asked for its own list of algorithms in the order in which it would try them;
 * the first ones are run on the device, as often in one graph as makes a launch's own cost disappear, and the
 * fastest is kept. cuDNN is loaded, not linked, so that this library needs the driver alone until a plan is
 * opened. */
#include "context.h"

#if __has_include(<cudnn.h>)
#include "cudnn-question.h"

#include <cstdio>
#include <cstring>
#include <new>
#include <vector>

using namespace bt_cuda;

namespace {

/* Runs within one graph, and graphs, of which the fastest counts. */
constexpr int runs_each = 6, graphs_each = 3;

bool same(const bt_cuda_conv_shape &a, const bt_cuda_conv_shape &b) {
    return a.batch == b.batch && a.channels == b.channels && a.height == b.height && a.width == b.width &&
           a.out_channels == b.out_channels && a.kernel == b.kernel && a.stride == b.stride &&
           a.padding == b.padding && a.type == b.type;
}

struct Sizes {
    size_t x, weights, out; /* bytes */
};

Sizes sizes_of(const bt_cuda_conv_shape &shape) {
    const size_t each = bt_value_bytes(shape.type), batch = static_cast<size_t>(shape.batch),
                 in = static_cast<size_t>(shape.channels), out = static_cast<size_t>(shape.out_channels);
    return {batch * in * static_cast<size_t>(shape.height) * static_cast<size_t>(shape.width) * each,
            in * out * static_cast<size_t>(shape.kernel * shape.kernel) * each,
            batch * out * static_cast<size_t>(out_size(shape.height, shape) * out_size(shape.width, shape)) *
                each};
}

/* An algorithm for a shape, ready to run. */
struct Algorithm {
    Descriptor plan;
    bt_cuda_conv_choice about = {};
};

struct Found {
    bt_cuda_conv_shape shape;
    Algorithm algorithm;
};

} // namespace

struct bt_cuda_convolutions {
    const Cudnn *cudnn = nullptr;
    cudnnHandle_t handle = nullptr;
    std::vector<std::unique_ptr<Found>> found;
    /* For trying: one block, grown as shapes want it. */
    char *trial = nullptr;
    size_t trial_bytes = 0;
};

struct bt_cuda_conv {
    bt_cuda_context *context;
    const Found *found;
};

namespace {

int check(bt_cuda_context *context, cudnnStatus_t status, const char *doing) {
    if (status == CUDNN_STATUS_SUCCESS) return 0;
    context->fault = std::string(doing) + ": " + context->convolutions->cudnn->text(status);
    return BT_CUDA_FAULT;
}

cudnnStatus_t execute(const bt_cuda_convolutions &all, const Algorithm &algorithm, const void *x,
                      const void *weights, void *out, void *workspace, void *stream) {
    void *pointers[3] = {const_cast<void *>(x), const_cast<void *>(weights), out};
    const int64_t ids[3] = {id_x, id_weights, id_out};
    cudnnStatus_t status = all.cudnn->set_stream(all.handle, static_cast<cudaStream_t>(stream));
    if (status != CUDNN_STATUS_SUCCESS) return status;
    Descriptor pack(all.cudnn, CUDNN_BACKEND_VARIANT_PACK_DESCRIPTOR);
    status = pack.set(CUDNN_ATTR_VARIANT_PACK_DATA_POINTERS, CUDNN_TYPE_VOID_PTR, 3, pointers)
                 .set_integers(CUDNN_ATTR_VARIANT_PACK_UNIQUE_IDS, 3, ids)
                 .set(CUDNN_ATTR_VARIANT_PACK_WORKSPACE, CUDNN_TYPE_VOID_PTR, 1, &workspace)
                 .finalize();
    return status == CUDNN_STATUS_SUCCESS ? all.cudnn->execute(all.handle, algorithm.plan.at(), pack.at())
                                          : status;
}

/* ---- trying ---- */

/* The trial's tensors, at 256-byte boundaries of one block. */
struct Trial {
    char *x, *weights, *out, *workspace;
};

int trial_of(bt_cuda_context *context, const bt_cuda_conv_shape &shape, size_t workspace, Trial *trial) {
    bt_cuda_convolutions &all = *context->convolutions;
    const Sizes sizes = sizes_of(shape);
    const auto rounded = [](size_t bytes) { return (bytes + 255) / 256 * 256; };
    const size_t wanted = rounded(sizes.x) + rounded(sizes.weights) + rounded(sizes.out) + rounded(workspace);
    if (wanted > all.trial_bytes) {
        bt_cuda::release_trials(context);
        const int code = context->check(cudaMalloc(reinterpret_cast<void **>(&all.trial), wanted),
                                        "memory for trying convolutions");
        if (code != 0) return code;
        all.trial_bytes = wanted;
        context->took(static_cast<int64_t>(wanted));
        /* Halves of 1.06, floats of 0.01: zeros would be faster than what comes. */
        cudaMemsetAsync(all.trial, 0x3c, wanted, context->stream);
    }
    trial->x = all.trial;
    trial->weights = trial->x + rounded(sizes.x);
    trial->out = trial->weights + rounded(sizes.weights);
    trial->workspace = trial->out + rounded(sizes.out);
    return 0;
}

/* Runs as a graph, which is how it will run; nothing where it cannot be recorded. */
cudaGraphExec_t record(bt_cuda_context *context, const Algorithm &algorithm, const Trial &t) {
    cudaGraph_t graph = nullptr;
    cudaGraphExec_t ready = nullptr;
    cudnnStatus_t status = CUDNN_STATUS_SUCCESS;
    if (cudaStreamBeginCapture(context->stream, cudaStreamCaptureModeRelaxed) != cudaSuccess) return nullptr;
    for (int i = 0; i < runs_each && status == CUDNN_STATUS_SUCCESS; i++)
        status =
            execute(*context->convolutions, algorithm, t.x, t.weights, t.out, t.workspace, context->stream);
    const bool whole =
        cudaStreamEndCapture(context->stream, &graph) == cudaSuccess && status == CUDNN_STATUS_SUCCESS;
    if (whole && cudaGraphInstantiate(&ready, graph, 0) != cudaSuccess) ready = nullptr;
    if (graph) cudaGraphDestroy(graph);
    cudaGetLastError();
    return ready;
}

/* Once as it comes: its kernels are loaded then, which may not happen while a graph is recorded. */
bool runs_at_all(bt_cuda_context *context, const Algorithm &algorithm, const Trial &t) {
    const bool done = execute(*context->convolutions, algorithm, t.x, t.weights, t.out, t.workspace,
                              context->stream) == CUDNN_STATUS_SUCCESS &&
                      cudaStreamSynchronize(context->stream) == cudaSuccess;
    cudaGetLastError();
    return done;
}

/* Seconds of a graph; 0 where it does not run. */
double time_graph(bt_cuda_context *context, cudaGraphExec_t ready) {
    float ms = 0;
    const bool done = cudaEventRecord(context->clock_start, context->stream) == cudaSuccess &&
                      cudaGraphLaunch(ready, context->stream) == cudaSuccess &&
                      cudaEventRecord(context->clock_end, context->stream) == cudaSuccess &&
                      cudaEventSynchronize(context->clock_end) == cudaSuccess &&
                      cudaEventElapsedTime(&ms, context->clock_start, context->clock_end) == cudaSuccess;
    return done ? static_cast<double>(ms) / 1e3 : 0;
}

/* Seconds of one run, the fastest of some; 0 where it does not run. */
double time_of(bt_cuda_context *context, const Algorithm &algorithm, const Trial &trial) {
    if (!runs_at_all(context, algorithm, trial)) return 0;
    cudaGraphExec_t ready = record(context, algorithm, trial);
    if (!ready) return 0;
    double best = time_graph(context, ready); /* warms up; its own time is longer */
    for (int i = 0; i < graphs_each && best > 0; i++) {
        const double seconds = time_graph(context, ready);
        if (seconds < best) best = seconds;
    }
    cudaGraphExecDestroy(ready);
    cudaGetLastError();
    return best / runs_each;
}

/* One of the list, kept where it is the fastest so far. CUDA's code where there is no memory to try it in. */
int try_one(bt_cuda_context *context, const Descriptor &configuration, const bt_cuda_conv_shape &shape,
            size_t workspace_most, Algorithm *best) {
    const bt_cuda_convolutions &all = *context->convolutions;
    Algorithm one;
    Trial trial;
    int64_t workspace = 0;
    one.plan = Descriptor(all.cudnn, CUDNN_BACKEND_EXECUTION_PLAN_DESCRIPTOR);
    one.plan.set(CUDNN_ATTR_EXECUTION_PLAN_HANDLE, CUDNN_TYPE_HANDLE, 1, &all.handle)
        .set(CUDNN_ATTR_EXECUTION_PLAN_ENGINE_CONFIG, configuration);
    if (one.plan.finalize() != CUDNN_STATUS_SUCCESS) return 0;
    one.plan.get(CUDNN_ATTR_EXECUTION_PLAN_WORKSPACE_SIZE, CUDNN_TYPE_INT64, 1, &workspace);
    one.about.workspace = static_cast<size_t>(workspace);
    if (one.about.workspace > workspace_most) return 0;
    if (const int code = trial_of(context, shape, one.about.workspace, &trial)) return code;
    one.about.seconds = time_of(context, one, trial);
    if (one.about.seconds <= 0) return 0;
    best->about.tried++;
    if (best->about.seconds > 0 && best->about.seconds <= one.about.seconds) return 0;
    one.about.tried = best->about.tried;
    *best = std::move(one);
    return 0;
}

int find_fastest(bt_cuda_context *context, const bt_cuda_conv_shape &shape, size_t workspace_most,
                 Algorithm *best) {
    const bt_cuda_convolutions &all = *context->convolutions;
    const Question question = question_of(all.cudnn, all.handle, shape);
    if (question.graph.status() != CUDNN_STATUS_SUCCESS)
        return check(context, question.graph.status(), "describing a convolution to cuDNN");
    int no_memory = 0;
    for (cudnnBackendHeurMode_t mode : {CUDNN_HEUR_MODE_A, CUDNN_HEUR_MODE_FALLBACK}) {
        int place = 0;
        for (const Candidate &one : candidates(all.cudnn, question, mode, shape.type)) {
            const double before = best->about.seconds;
            if (const int code = try_one(context, one.configuration, shape, workspace_most, best))
                no_memory = code;
            if (best->about.seconds != before)
                snprintf(best->about.name, sizeof best->about.name, "cudnn:engine%d/%d",
                         static_cast<int>(one.engine), place);
            place++;
        }
        if (best->about.seconds > 0) return 0;
    }
    if (no_memory) return no_memory;
    /* A device that has broken says so from now on. */
    if (const int code = context->check(cudaStreamSynchronize(context->stream), "trying convolutions"))
        return code;
    char text[160];
    snprintf(text, sizeof text, "cuDNN runs no %dx%d convolution of %d to %d channels here", shape.kernel,
             shape.kernel, shape.channels, shape.out_channels);
    context->fault = text;
    return BT_CUDA_FAULT;
}

} // namespace

namespace bt_cuda {

int open_convolutions(bt_cuda_context *context, const char *libraries) {
    auto *all = context->convolutions = new (std::nothrow) bt_cuda_convolutions;
    if (!all) return BT_CUDA_OUT_OF_MEMORY;
    all->cudnn = load_cudnn(libraries, &context->fault);
    if (!all->cudnn) return 1;
    const int code = check(context, all->cudnn->create(&all->handle), "starting cuDNN");
    const auto version = static_cast<int>(all->cudnn->version());
    char text[64];
    snprintf(text, sizeof text, "CUDA %d.%d, cuDNN %d.%d.%d", CUDART_VERSION / 1000,
             CUDART_VERSION / 10 % 100, version / 10000, version / 100 % 100, version % 100);
    context->about = text;
    return code;
}

void close_convolutions(bt_cuda_context *context) {
    if (!context->convolutions) return;
    release_trials(context);
    context->convolutions->found.clear();
    if (context->convolutions->handle) context->convolutions->cudnn->destroy(context->convolutions->handle);
    delete context->convolutions;
    context->convolutions = nullptr;
}

void release_trials(bt_cuda_context *context) {
    bt_cuda_convolutions &all = *context->convolutions;
    if (!all.trial) return;
    cudaStreamSynchronize(context->stream);
    cudaFree(all.trial);
    context->used -= static_cast<int64_t>(all.trial_bytes);
    all.trial = nullptr;
    all.trial_bytes = 0;
}

int open_conv(bt_cuda_context *context, bt_cuda_conv **out, const bt_cuda_conv_shape *shape,
              size_t workspace_most) {
    auto &found = context->convolutions->found;
    const Found *known = nullptr;
    cudaSetDevice(context->device);
    for (const auto &one : found)
        if (same(one->shape, *shape)) known = one.get();
    if (!known) {
        auto fresh = std::make_unique<Found>();
        fresh->shape = *shape;
        const int code = find_fastest(context, *shape, workspace_most, &fresh->algorithm);
        if (code != 0) return code;
        known = fresh.get();
        found.push_back(std::move(fresh));
    }
    *out = new (std::nothrow) bt_cuda_conv{context, known};
    return *out ? 0 : BT_CUDA_OUT_OF_MEMORY;
}

void close_conv(bt_cuda_conv *conv) {
    delete conv;
}

const bt_cuda_conv_choice *choice(const bt_cuda_conv *conv) {
    return &conv->found->algorithm.about;
}

int conv(bt_cuda_conv *conv, const void *x, const void *weights, void *out, void *workspace, void *stream) {
    return check(
        conv->context,
        execute(*conv->context->convolutions, conv->found->algorithm, x, weights, out, workspace, stream),
        "a convolution");
}

} // namespace bt_cuda

#else

/* Built where cuDNN's headers are not: no plan on a GPU, and the reason. */
namespace bt_cuda {

int open_convolutions(bt_cuda_context *context, const char *) {
    context->fault = "this build has no cuDNN: its headers were not found";
    return 1;
}
void close_convolutions(bt_cuda_context *) {}
void release_trials(bt_cuda_context *) {}
int open_conv(bt_cuda_context *, bt_cuda_conv **, const bt_cuda_conv_shape *, size_t) {
    return 1;
}
void close_conv(bt_cuda_conv *) {}
const bt_cuda_conv_choice *choice(const bt_cuda_conv *) {
    return nullptr;
}
int conv(bt_cuda_conv *, const void *, const void *, void *, void *, void *) {
    return 1;
}

} // namespace bt_cuda
#endif
