#if __has_include(<cudnn.h>)
#include "cudnn-question.h"

namespace bt_cuda {
namespace {

/* Algorithms of cuDNN's list that are run, at most: the first of each kind of kernel ("engine") in its order, then
 * others in its order. More find a faster one now and then, and opening takes longer: each costs some 5 ms. */
constexpr size_t tries_most = 14;

cudnnDataType_t data_type(bt_value_type type) {
    return type == BT_F16 ? CUDNN_DATA_HALF : type == BT_BF16 ? CUDNN_DATA_BFLOAT16 : CUDNN_DATA_FLOAT;
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

/* cuDNN's list in its order. */
std::vector<Descriptor> answers(const Cudnn *cudnn, const Question &q, cudnnBackendHeurMode_t mode) {
    Descriptor heuristics(cudnn, CUDNN_BACKEND_ENGINEHEUR_DESCRIPTOR);
    std::vector<Descriptor> configurations;
    heuristics.set(CUDNN_ATTR_ENGINEHEUR_OPERATION_GRAPH, q.graph)
        .set(CUDNN_ATTR_ENGINEHEUR_MODE, CUDNN_TYPE_HEUR_MODE, 1, &mode)
        .finalize();
    int64_t count = heuristics.get(CUDNN_ATTR_ENGINEHEUR_RESULTS, CUDNN_TYPE_BACKEND_DESCRIPTOR, 0, nullptr);
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
 * in which engine it is. */
bool is_welcome(const Cudnn *cudnn, const Descriptor &configuration, bt_value_type type, int64_t *index) {
    Descriptor engine(cudnn, CUDNN_BACKEND_ENGINE_DESCRIPTOR);
    cudnnBackendDescriptor_t place = engine.at();
    cudnnBackendNumericalNote_t notes[CUDNN_NUMERICAL_NOTE_TYPE_COUNT];
    *index = -1;
    if (configuration.get(CUDNN_ATTR_ENGINECFG_ENGINE, CUDNN_TYPE_BACKEND_DESCRIPTOR, 1, &place) != 1)
        return false;
    if (engine.get(CUDNN_ATTR_ENGINE_GLOBAL_INDEX, CUDNN_TYPE_INT64, 1, index) != 1) return false;
    int64_t count = engine.get(CUDNN_ATTR_ENGINE_NUMERICAL_NOTE, CUDNN_TYPE_NUMERICAL_NOTE,
                               CUDNN_NUMERICAL_NOTE_TYPE_COUNT, notes);
    /* A newer cuDNN may know of more notes than fit. */
    if (count > CUDNN_NUMERICAL_NOTE_TYPE_COUNT) count = CUDNN_NUMERICAL_NOTE_TYPE_COUNT;
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

} // namespace

Question question_of(const Cudnn *cudnn, cudnnHandle_t handle, const bt_cuda_conv_shape &shape) {
    const float one = 1, zero = 0;
    Question q;
    q.x = tensor(cudnn, id_x, shape.type, shape.batch, shape.channels, shape.height, shape.width);
    q.weights =
        tensor(cudnn, id_weights, shape.type, shape.out_channels, shape.channels, shape.kernel, shape.kernel);
    q.out = tensor(cudnn, id_out, shape.type, shape.batch, shape.out_channels, out_size(shape.height, shape),
                   out_size(shape.width, shape));
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
    q.graph.set(CUDNN_ATTR_OPERATIONGRAPH_HANDLE, CUDNN_TYPE_HANDLE, 1, &handle)
        .set(CUDNN_ATTR_OPERATIONGRAPH_OPS, CUDNN_TYPE_BACKEND_DESCRIPTOR, 1, &operation)
        .finalize();
    return q;
}

std::vector<Candidate> candidates(const Cudnn *cudnn, const Question &question, cudnnBackendHeurMode_t mode,
                                  bt_value_type type) {
    std::vector<Candidate> firsts, others;
    for (Descriptor &configuration : answers(cudnn, question, mode)) {
        int64_t engine;
        if (!is_welcome(cudnn, configuration, type, &engine)) continue;
        bool seen = false;
        for (const Candidate &one : firsts)
            seen |= one.engine == engine;
        (seen ? others : firsts).push_back({std::move(configuration), engine});
    }
    for (Candidate &one : others)
        firsts.push_back(std::move(one));
    if (firsts.size() > tries_most) firsts.resize(tries_most);
    return firsts;
}

} // namespace bt_cuda
#endif
