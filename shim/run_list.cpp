/* Walks a network's operation list with ATen's plain operators: the one place that says what each operation
 * means to libtorch. Whether it is the standard or the plain path is decided by the parameters' type and
 * layout and by the thread's autocast state, not here. */
#include "internal.h"

#include <ATen/Context.h>
#include <ATen/ops/add.h>
#include <ATen/ops/amax.h>
#include <ATen/ops/batch_norm.h>
#include <ATen/ops/cat.h>
#include <ATen/ops/conv2d.h>
#include <ATen/ops/conv_transpose2d.h>
#include <ATen/ops/from_blob.h>
#include <ATen/ops/instance_norm.h>
#include <ATen/ops/leaky_relu.h>
#include <ATen/ops/max_pool2d.h>
#include <ATen/ops/mean.h>
#include <ATen/ops/mul.h>
#include <ATen/ops/sigmoid.h>
#include <ATen/ops/silu.h>
#include <ATen/ops/upsample_bilinear2d.h>
#include <ATen/ops/upsample_nearest2d.h>

namespace bt {

namespace {

at::Tensor load(const bt_parameter &parameter, float *values, const Mode &mode) {
    at::IntArrayRef dims(parameter.dims, static_cast<size_t>(parameter.rank));
    at::Tensor host = at::from_blob(values, dims, at::kFloat);
    /* Norms stay in FP32 beside half-precision activations, as autocast would have them. */
    bool is_weight = parameter.role == BT_PARAMETER_WEIGHT || parameter.role == BT_PARAMETER_BIAS;
    at::ScalarType dtype = is_weight ? mode.dtype : at::kFloat;
    at::MemoryFormat layout = mode.channels_last && parameter.rank == 4 ? at::MemoryFormat::ChannelsLast
                                                                        : at::MemoryFormat::Contiguous;
    return host.to(at::TensorOptions(mode.device).dtype(dtype), /*non_blocking=*/false, /*copy=*/true,
                   layout);
}

at::Tensor activate(at::Tensor tensor, const bt_operation &operation) {
    switch (operation.activation) {
    case BT_ACTIVATION_NONE:
        return tensor;
    case BT_ACTIVATION_RELU:
        return tensor.relu_();
    case BT_ACTIVATION_SIGMOID:
        return tensor.sigmoid_();
    case BT_ACTIVATION_RELU6:
        return tensor.clamp_(0, 6);
    case BT_ACTIVATION_SILU:
        return at::silu_(tensor);
    case BT_ACTIVATION_LEAKY:
        return at::leaky_relu_(tensor, operation.slope);
    }
    throw Failure(BT_INVALID, "the network has an activation that this shim does not know");
}

at::Tensor resized(const at::Tensor &tensor, int64_t height, int64_t width, bt_resize how) {
    if (tensor.size(2) == height && tensor.size(3) == width) return tensor;
    if (how == BT_RESIZE_NEAREST) return at::upsample_nearest2d(tensor, {height, width});
    return at::upsample_bilinear2d(tensor, {height, width}, /*align_corners=*/how == BT_RESIZE_ALIGNED);
}

/* tensor + other, into tensor where nobody else sees it and no wider type comes of it. */
at::Tensor added(at::Tensor tensor, const at::Tensor &other, bool own) {
    return own && tensor.scalar_type() == other.scalar_type() ? tensor.add_(other) : at::add(tensor, other);
}

/* A 1 x 1 convolution over one pixel: a layer of a multi-layer perceptron. */
at::Tensor layer(const at::Tensor &vector, const at::Tensor &weight) {
    return at::conv2d(vector, weight.dim() == 4 ? weight : weight.unsqueeze(-1).unsqueeze(-1));
}

at::Tensor channel_attention(const at::Tensor &x, const at::Tensor &squeeze, const at::Tensor &expand) {
    auto perceptron = [&](const at::Tensor &v) { return layer(layer(v, squeeze).relu_(), expand); };
    at::Tensor mean = at::mean(x, at::IntArrayRef{2, 3}, /*keepdim=*/true);
    at::Tensor largest = at::amax(x, {2, 3}, /*keepdim=*/true);
    return x.mul(added(perceptron(mean), perceptron(largest), true).sigmoid_());
}

at::Tensor spatial_attention(const at::Tensor &x, const at::Tensor &weight, int padding) {
    at::Tensor mean = at::mean(x, at::IntArrayRef{1}, /*keepdim=*/true);
    at::Tensor largest = at::amax(x, {1}, /*keepdim=*/true);
    at::Tensor gate =
        at::conv2d(at::cat({mean, largest}, 1), weight, {}, at::IntArrayRef{1}, at::IntArrayRef{padding});
    return x.mul(gate.sigmoid_());
}

/* The inputs, each in the size of the one that resize_to_input names. */
std::vector<at::Tensor> same_size(const bt_operation &operation, const std::vector<at::Tensor> &tensors) {
    const at::Tensor &model = tensors[operation.inputs[operation.resize_to_input]];
    std::vector<at::Tensor> inputs;
    for (int i = 0; i < operation.input_count; i++)
        inputs.push_back(
            resized(tensors[operation.inputs[i]], model.size(2), model.size(3), operation.resize));
    return inputs;
}

at::Tensor sum(const bt_operation &operation, const std::vector<at::Tensor> &tensors) {
    std::vector<at::Tensor> inputs = same_size(operation, tensors);
    at::Tensor total = inputs[0];
    for (size_t i = 1; i < inputs.size(); i++)
        total = added(total, inputs[i], /*own=*/i > 1);
    return activate(inputs.size() > 1 ? total : total.clone(), operation);
}

} // namespace

RunList::RunList(const bt_network &network, const bt_weights &weights, const Mode &mode,
                 const CudaParts *parts)
    : network_(network), prepare_runs_(mode.device.is_cuda() ? 2 : 1), parts_(parts),
      readers_(network.tensor_count), finished_(network.operation_count) {
    for (int i = 0; i < network.parameter_count; i++)
        parameters_.push_back(load(network.parameters[i], weights.values[i], mode));
    std::vector<int> last_reader(network.tensor_count, -1);
    for (int i = 0; i < network.operation_count; i++)
        for (int j = 0; j < network.operations[i].input_count; j++) {
            last_reader[network.operations[i].inputs[j]] = i;
            readers_[network.operations[i].inputs[j]]++;
        }
    for (int tensor = 0; tensor < network.tensor_count; tensor++)
        if (last_reader[tensor] >= 0 && tensor != network.output_tensor)
            finished_[last_reader[tensor]].push_back(tensor);
}

/* Autotuning happens in the first run of a shape; on CUDA a second one sees what the first one's choice
 * needs. */
int RunList::prepare_runs() const {
    return prepare_runs_;
}

at::Tensor RunList::forward(at::Tensor images) {
    std::vector<at::Tensor> tensors(network_.tensor_count);
    tensors[0] = std::move(images);
    for (int i = 0; i < network_.operation_count; i++) {
        const bt_operation &operation = network_.operations[i];
        tensors[operation.output] = apply(operation, tensors);
        for (int tensor : finished_[i])
            tensors[tensor].reset();
    }
    return tensors[network_.output_tensor];
}

at::Tensor RunList::norm(const bt_operation &operation, const std::vector<at::Tensor> &tensors) const {
    const at::Tensor &x = tensors[operation.inputs[0]];
    const at::Tensor &scale = parameters_[operation.parameters[0]];
    const at::Tensor &offset = parameters_[operation.parameters[1]];
    const at::Tensor residual = operation.input_count > 1 ? tensors[operation.inputs[1]] : at::Tensor();
    /* In place only where nobody else sees it: one reader, and no other tensor over the same memory. */
    bool own = readers_[operation.inputs[0]] == 1 && operation.inputs[0] != 0 && x.storage().use_count() == 1;
    if (parts_ && own) {
        bool relu = operation.activation == BT_ACTIVATION_RELU;
        at::Tensor y = fused_norm(*parts_, x, residual, scale, offset, relu);
        if (y.defined()) return relu ? y : activate(std::move(y), operation);
    }
    at::Tensor y =
        at::instance_norm(x, scale, offset, {}, {}, /*use_input_stats=*/true,
                          /*momentum=*/0.0, BT_NORM_EPSILON, at::globalContext().userEnabledCuDNN());
    if (residual.defined()) y = added(std::move(y), residual, /*own=*/true);
    return activate(std::move(y), operation);
}

/* y, a convolution's result, with what the same operation has after it. */
at::Tensor RunList::finished(at::Tensor y, const bt_operation &operation,
                             const std::vector<at::Tensor> &tensors) const {
    auto parameter = [&](int place) { return parameters_[operation.parameters[place]]; };
    if (operation.parameters[BT_CONVOLUTION_MEAN] != BT_NO_PARAMETER)
        y = at::batch_norm(y, parameter(BT_CONVOLUTION_SCALE), parameter(BT_CONVOLUTION_OFFSET),
                           parameter(BT_CONVOLUTION_MEAN), parameter(BT_CONVOLUTION_VARIANCE),
                           /*training=*/false, /*momentum=*/0.0, BT_NORM_EPSILON,
                           at::globalContext().userEnabledCuDNN());
    if (operation.input_count > 1) y = added(std::move(y), tensors[operation.inputs[1]], /*own=*/true);
    return activate(std::move(y), operation);
}

at::Tensor RunList::apply(const bt_operation &operation, const std::vector<at::Tensor> &tensors) const {
    auto parameter = [&](int i) {
        int number = operation.parameters[i];
        return number == BT_NO_PARAMETER ? at::Tensor() : parameters_[number];
    };
    const at::Tensor &x = tensors[operation.inputs[0]];
    int64_t kernel = operation.kernel;
    switch (operation.kind) {
    case BT_OPERATION_CONVOLUTION:
        return finished(at::conv2d(x, parameter(0), parameter(1), at::IntArrayRef{operation.stride},
                                   at::IntArrayRef{operation.padding}, at::IntArrayRef{operation.dilation},
                                   operation.groups),
                        operation, tensors);
    case BT_OPERATION_TRANSPOSED_CONVOLUTION:
        /* What is cut off is as much as makes the size grow `stride` times. */
        return finished(
            at::conv_transpose2d(x, parameter(0), parameter(1), at::IntArrayRef{operation.stride},
                                 at::IntArrayRef{operation.padding},
                                 at::IntArrayRef{operation.stride + 2 * operation.padding - kernel}),
            operation, tensors);
    case BT_OPERATION_NORM:
        return norm(operation, tensors);
    case BT_OPERATION_ADD:
        return sum(operation, tensors);
    case BT_OPERATION_CONCATENATE:
        return at::cat(same_size(operation, tensors), 1);
    case BT_OPERATION_MAX_POOL:
        return at::max_pool2d(x, at::IntArrayRef{kernel}, at::IntArrayRef{kernel});
    case BT_OPERATION_RESIZE:
        return resized(x, x.size(2) * operation.scale, x.size(3) * operation.scale, operation.resize);
    case BT_OPERATION_GATE:
        return x.mul(tensors[operation.inputs[1]]);
    case BT_OPERATION_CHANNEL_ATTENTION:
        return channel_attention(x, parameter(0), parameter(1));
    case BT_OPERATION_SPATIAL_ATTENTION:
        return spatial_attention(x, parameter(0), operation.padding);
    }
    throw Failure(BT_INVALID, "the network has an operation that this shim does not know");
}

} // namespace bt
