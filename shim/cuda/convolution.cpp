/* Convolutions by cuDNN, the fastest that it has for each shape.
 *
 * cuDNN's backend interface is asked for its own list of algorithms in the order in which it would try them;
 * the first ones are run on the device, as often in one graph as makes a launch's own cost disappear, and the
 * fastest is kept. cuDNN is loaded, not linked, so that this library needs the driver alone until a plan is
 * opened. */
#include "context.h"

#if __has_include(<cudnn.h>)
#include "cudnn-library.h"

#include <cstdio>
#include <cstring>
#include <new>
#include <vector>

using bt_cuda::Cudnn;
using bt_cuda::Descriptor;

namespace {

/* Algorithms of cuDNN's list that are run, at most. More find a faster one now and then, and opening takes
 * longer: each costs some 5 ms. */
constexpr int tries_most = 14;

/* Runs within one graph, and graphs, of which the fastest counts. */
constexpr int runs_each = 6, graphs_each = 3;

constexpr int64_t id_x = 1, id_weights = 2, id_out = 3;

bool same(const bt_cuda_conv_shape &a, const bt_cuda_conv_shape &b) {
    return a.batch == b.batch && a.channels == b.channels && a.height == b.height && a.width == b.width &&
           a.out_channels == b.out_channels && a.kernel == b.kernel && a.stride == b.stride &&
           a.padding == b.padding && a.type == b.type;
}

int64_t out_size(int size, const bt_cuda_conv_shape &shape) {
    return (size + 2 * shape.padding - shape.kernel) / shape.stride + 1;
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
    return 1;
}

cudnnDataType_t data_type(bt_value_type type) {
    return type == BT_F16    ? CUDNN_DATA_HALF
           : type == BT_BF16 ? CUDNN_DATA_BFLOAT16
                             : CUDNN_DATA_FLOAT;
}

/* n x c x h x w that lie channels_last. */
Descriptor tensor(const Cudnn *cudnn, int64_t id, bt_value_type type, int64_t n, int64_t c, int64_t h,
                  int64_t w) {
    const int64_t sizes[4] = {n, c, h, w}, strides[4] = {c * h * w, 1, c * w, c}, alignment = 16;
    const cudnnDataType_t kind = data_type(type);
    Descriptor made(cudnn, CUDNN_BACKEND_TENSOR_DESCRIPTOR);
    made.set(CUDNN_ATTR_TENSOR_DATA_TYPE, CUDNN_TYPE_DATA_TYPE, 1, &kind)
        .set_integers(CUDNN_ATTR_TENSOR_DIMENSIONS, 4, sizes)
        .set_integers(CUDNN_ATTR_TENSOR_STRIDES, 4, strides)
        .set_integers(CUDNN_ATTR_TENSOR_UNIQUE_ID, 1, &id)
        .set_integers(CUDNN_ATTR_TENSOR_BYTE_ALIGNMENT, 1, &alignment)
        .finalize();
    return made;
}

Descriptor geometry(const Cudnn *cudnn, const bt_cuda_conv_shape &shape) {
    const int64_t two = 2, ones[2] = {1, 1}, paddings[2] = {shape.padding, shape.padding},
                  strides[2] = {shape.stride, shape.stride};
    const cudnnDataType_t sums = CUDNN_DATA_FLOAT;
    const cudnnConvolutionMode_t mode = CUDNN_CROSS_CORRELATION;
    Descriptor made(cudnn, CUDNN_BACKEND_CONVOLUTION_DESCRIPTOR);
    made.set_integers(CUDNN_ATTR_CONVOLUTION_SPATIAL_DIMS, 1, &two)
        .set(CUDNN_ATTR_CONVOLUTION_COMP_TYPE, CUDNN_TYPE_DATA_TYPE, 1, &sums)
        .set(CUDNN_ATTR_CONVOLUTION_CONV_MODE, CUDNN_TYPE_CONVOLUTION_MODE, 1, &mode)
        .set_integers(CUDNN_ATTR_CONVOLUTION_PRE_PADDINGS, 2, paddings)
        .set_integers(CUDNN_ATTR_CONVOLUTION_POST_PADDINGS, 2, paddings)
        .set_integers(CUDNN_ATTR_CONVOLUTION_DILATIONS, 2, ones)
        .set_integers(CUDNN_ATTR_CONVOLUTION_FILTER_STRIDES, 2, strides)
        .finalize();
    return made;
}

/* What cuDNN is asked about: one convolution, and nothing else. It refers to the descriptors, so all stay. */
struct Question {
    Descriptor x, weights, out, geometry, operation, graph;
};

Question question_of(const bt_cuda_convolutions &all, const bt_cuda_conv_shape &shape) {
    const Cudnn *cudnn = all.cudnn;
    const float one = 1, zero = 0;
    Question q;
    q.x = tensor(cudnn, id_x, shape.type, shape.batch, shape.channels, shape.height, shape.width);
    q.weights =
        tensor(cudnn, id_weights, shape.type, shape.out_channels, shape.channels, shape.kernel, shape.kernel);
    q.out = tensor(cudnn, id_out, shape.type, shape.batch, shape.out_channels,
                   out_size(shape.height, shape), out_size(shape.width, shape));
    q.geometry = geometry(cudnn, shape);
    q.operation = Descriptor(cudnn, CUDNN_BACKEND_OPERATION_CONVOLUTION_FORWARD_DESCRIPTOR);
    q.operation.set(CUDNN_ATTR_OPERATION_CONVOLUTION_FORWARD_X, q.x)
        .set(CUDNN_ATTR_OPERATION_CONVOLUTION_FORWARD_W, q.weights)
        .set(CUDNN_ATTR_OPERATION_CONVOLUTION_FORWARD_Y, q.out)
        .set(CUDNN_ATTR_OPERATION_CONVOLUTION_FORWARD_CONV_DESC, q.geometry)
        .set(CUDNN_ATTR_OPERATION_CONVOLUTION_FORWARD_ALPHA, CUDNN_TYPE_FLOAT, 1, &one)
        .set(CUDNN_ATTR_OPERATION_CONVOLUTION_FORWARD_BETA, CUDNN_TYPE_FLOAT, 1, &zero)
        .finalize();
    const cudnnBackendDescriptor_t operation = q.operation.at();
    q.graph = Descriptor(cudnn, CUDNN_BACKEND_OPERATIONGRAPH_DESCRIPTOR);
    q.graph.set(CUDNN_ATTR_OPERATIONGRAPH_HANDLE, CUDNN_TYPE_HANDLE, 1, &all.handle)
        .set(CUDNN_ATTR_OPERATIONGRAPH_OPS, CUDNN_TYPE_BACKEND_DESCRIPTOR, 1, &operation)
        .finalize();
    return q;
}

/* cuDNN's list in its order, the first `most`. */
std::vector<Descriptor> answers(const Cudnn *cudnn, const Question &q, cudnnBackendHeurMode_t mode, int most) {
    Descriptor heuristics(cudnn, CUDNN_BACKEND_ENGINEHEUR_DESCRIPTOR);
    std::vector<Descriptor> configurations;
    heuristics.set(CUDNN_ATTR_ENGINEHEUR_OPERATION_GRAPH, q.graph)
        .set(CUDNN_ATTR_ENGINEHEUR_MODE, CUDNN_TYPE_HEUR_MODE, 1, &mode)
        .finalize();
    int64_t count =
        heuristics.get(CUDNN_ATTR_ENGINEHEUR_RESULTS, CUDNN_TYPE_BACKEND_DESCRIPTOR, 0, nullptr);
    if (count > most) count = most;
    std::vector<cudnnBackendDescriptor_t> places;
    for (int64_t i = 0; i < count; i++) {
        configurations.emplace_back(cudnn, CUDNN_BACKEND_ENGINECFG_DESCRIPTOR);
        places.push_back(configurations.back().at());
    }
    count = count > 0 ? heuristics.get(CUDNN_ATTR_ENGINEHEUR_RESULTS, CUDNN_TYPE_BACKEND_DESCRIPTOR, count,
                                       places.data())
                      : 0;
    configurations.resize(static_cast<size_t>(count < 0 ? 0 : count));
    return configurations;
}

/* Whether its arithmetic is what was asked for: sums in FP32, the same each time, and FP32 not by TF32. Fills
 * its name. */
bool is_welcome(const Cudnn *cudnn, const Descriptor &configuration, bt_value_type type, char *name,
                size_t size) {
    Descriptor engine(cudnn, CUDNN_BACKEND_ENGINE_DESCRIPTOR);
    cudnnBackendDescriptor_t place = engine.at();
    cudnnBackendNumericalNote_t notes[CUDNN_NUMERICAL_NOTE_TYPE_COUNT];
    int64_t index = -1;
    if (configuration.get(CUDNN_ATTR_ENGINECFG_ENGINE, CUDNN_TYPE_BACKEND_DESCRIPTOR, 1, &place) != 1)
        return false;
    engine.get(CUDNN_ATTR_ENGINE_GLOBAL_INDEX, CUDNN_TYPE_INT64, 1, &index);
    const int64_t count = engine.get(CUDNN_ATTR_ENGINE_NUMERICAL_NOTE, CUDNN_TYPE_NUMERICAL_NOTE,
                                     CUDNN_NUMERICAL_NOTE_TYPE_COUNT, notes);
    snprintf(name, size, "cudnn:engine%d", static_cast<int>(index));
    for (int64_t i = 0; i < count; i++) {
        if (notes[i] == CUDNN_NUMERICAL_NOTE_NONDETERMINISTIC ||
            notes[i] == CUDNN_NUMERICAL_NOTE_REDUCED_PRECISION_REDUCTION ||
            notes[i] == CUDNN_NUMERICAL_NOTE_WINOGRAD || notes[i] == CUDNN_NUMERICAL_NOTE_FFT ||
            notes[i] == CUDNN_NUMERICAL_NOTE_DOWN_CONVERT_INPUTS)
            return false;
        if (type == BT_F32 && notes[i] == CUDNN_NUMERICAL_NOTE_TENSOR_CORE) return false;
    }
    return true;
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
    return status == CUDNN_STATUS_SUCCESS
               ? all.cudnn->execute(all.handle, algorithm.plan.at(), pack.at())
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
    if (cudaStreamBeginCapture(context->stream, cudaStreamCaptureModeThreadLocal) != cudaSuccess)
        return nullptr;
    for (int i = 0; i < runs_each && status == CUDNN_STATUS_SUCCESS; i++)
        status = execute(*context->convolutions, algorithm, t.x, t.weights, t.out, t.workspace,
                         context->stream);
    const bool whole =
        cudaStreamEndCapture(context->stream, &graph) == cudaSuccess && status == CUDNN_STATUS_SUCCESS;
    if (whole && cudaGraphInstantiate(&ready, graph, 0) != cudaSuccess) ready = nullptr;
    if (graph) cudaGraphDestroy(graph);
    cudaGetLastError();
    return ready;
}

/* Seconds of one run, the fastest of some; 0 where it does not run. */
double time_of(bt_cuda_context *context, const Algorithm &algorithm, const Trial &trial) {
    cudaGraphExec_t ready = record(context, algorithm, trial);
    double best = 0;
    if (!ready) return 0;
    for (int i = 0; i <= graphs_each; i++) { /* the first one warms up */
        float ms = 0;
        cudaEventRecord(context->clock_start, context->stream);
        cudaGraphLaunch(ready, context->stream);
        cudaEventRecord(context->clock_end, context->stream);
        if (cudaEventSynchronize(context->clock_end) != cudaSuccess ||
            cudaEventElapsedTime(&ms, context->clock_start, context->clock_end) != cudaSuccess) {
            best = 0;
            break;
        }
        const double seconds = static_cast<double>(ms) / 1e3 / runs_each;
        if (i > 0 && (best == 0 || seconds < best)) best = seconds;
    }
    cudaGraphExecDestroy(ready);
    cudaGetLastError();
    return best;
}

/* One of the list, kept where it is the fastest so far. */
void try_one(bt_cuda_context *context, const Descriptor &configuration, const bt_cuda_conv_shape &shape,
             size_t workspace_most, Algorithm *best) {
    const bt_cuda_convolutions &all = *context->convolutions;
    Algorithm one;
    Trial trial;
    int64_t workspace = 0;
    if (!is_welcome(all.cudnn, configuration, shape.type, one.about.name, sizeof one.about.name)) return;
    one.plan = Descriptor(all.cudnn, CUDNN_BACKEND_EXECUTION_PLAN_DESCRIPTOR);
    one.plan.set(CUDNN_ATTR_EXECUTION_PLAN_HANDLE, CUDNN_TYPE_HANDLE, 1, &all.handle)
        .set(CUDNN_ATTR_EXECUTION_PLAN_ENGINE_CONFIG, configuration);
    if (one.plan.finalize() != CUDNN_STATUS_SUCCESS) return;
    one.plan.get(CUDNN_ATTR_EXECUTION_PLAN_WORKSPACE_SIZE, CUDNN_TYPE_INT64, 1, &workspace);
    one.about.workspace = static_cast<size_t>(workspace);
    if (one.about.workspace > workspace_most) return;
    if (trial_of(context, shape, one.about.workspace, &trial) != 0) return;
    one.about.seconds = time_of(context, one, trial);
    if (one.about.seconds <= 0) return;
    best->about.tried++;
    if (best->about.seconds > 0 && best->about.seconds <= one.about.seconds) return;
    one.about.tried = best->about.tried;
    *best = std::move(one);
}

int find_fastest(bt_cuda_context *context, const bt_cuda_conv_shape &shape, size_t workspace_most,
                 Algorithm *best) {
    const bt_cuda_convolutions &all = *context->convolutions;
    const Question question = question_of(all, shape);
    if (question.graph.status() != CUDNN_STATUS_SUCCESS)
        return check(context, question.graph.status(), "describing a convolution to cuDNN");
    for (cudnnBackendHeurMode_t mode : {CUDNN_HEUR_MODE_A, CUDNN_HEUR_MODE_FALLBACK}) {
        for (const Descriptor &configuration : answers(all.cudnn, question, mode, tries_most))
            try_one(context, configuration, shape, workspace_most, best);
        if (best->about.seconds > 0) return 0;
    }
    const std::string why = context->fault;
    char text[160];
    snprintf(text, sizeof text, "cuDNN runs no %dx%d convolution of %d to %d channels here", shape.kernel,
             shape.kernel, shape.channels, shape.out_channels);
    context->fault = why.empty() ? text : std::string(text) + " (" + why + ")";
    return 1;
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
    snprintf(text, sizeof text, "CUDA %d.%d, cuDNN %d.%d.%d", CUDART_VERSION / 1000, CUDART_VERSION / 10 % 100,
             version / 10000, version / 100 % 100, version % 100);
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
    return check(conv->context,
                 execute(*conv->context->convolutions, conv->found->algorithm, x, weights, out, workspace,
                         stream),
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
