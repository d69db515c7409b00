/* What cuDNN is asked: which of its algorithms run a convolution, in the order in which it would try them. */
#ifndef BT_SHIM_CUDA_CUDNN_QUESTION_H
#define BT_SHIM_CUDA_CUDNN_QUESTION_H

#include <vector>

#include "cudnn-library.h"
#include "plan/cuda-device.h"

namespace bt_cuda {

/* By which a convolution's tensors are known to cuDNN. */
constexpr int64_t id_x = 1, id_weights = 2, id_out = 3;

/* Height or width of the output, of an input's. */
inline int64_t out_size(int size, const bt_cuda_conv_shape &shape) {
    return (size + 2 * shape.padding - shape.kernel) / shape.stride + 1;
}

/* One convolution, and nothing else. It refers to the descriptors, so all stay. */
struct Question {
    Descriptor x, weights, out, geometry, operation, graph;
};

Question question_of(const Cudnn *cudnn, cudnnHandle_t handle, const bt_cuda_conv_shape &shape);

/* What of cuDNN's list is to be tried, with the engine of each. */
struct Candidate {
    Descriptor configuration;
    int64_t engine;
};

/* Of one list, those whose arithmetic is what was asked for: at most some fourteen, one of each engine first. */
std::vector<Candidate> candidates(const Cudnn *cudnn, const Question &question, cudnnBackendHeurMode_t mode,
                                  bt_value_type type);

} // namespace bt_cuda
#endif
