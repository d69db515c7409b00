/* The production path's parts on CUDA: found beside this library, loaded when first wanted. */
#include "internal.h"

#include <cstring>
#include <dlfcn.h>

#include <ATen/ops/empty.h>

namespace bt {

namespace {

void *load(const char *name) {
    void *library = dlopen((own_folder() + "/" + name).c_str(), RTLD_NOW | RTLD_LOCAL);
    if (!library)
        throw Failure(BT_UNSUPPORTED,
                      std::string("the CUDA production path was not built, or does not load (it "
                                  "wants nvcc and a libtorch with CUDA): ") +
                          load_error());
    return library;
}

template <typename Function> void look_up(void *library, const char *name, Function &function) {
    void *symbol = dlsym(library, name);
    if (!symbol)
        throw Failure(BT_UNSUPPORTED, std::string("the CUDA production path lacks ") + name + ": run `make`");
    memcpy(&function, &symbol, sizeof symbol);
}

CudaParts load_parts() {
    CudaParts parts;
    void *kernels = load("libbatchtune_cuda.so"), *graphs = load("libbatchtune_torch_cuda.so");
    look_up(kernels, "bt_cuda_norm_workspace_bytes", parts.norm_workspace_bytes);
    look_up(kernels, "bt_cuda_norm_run", parts.norm_run);
    look_up(kernels, "bt_cuda_norm_error", parts.norm_error);
    look_up(graphs, "bt_cuda_current_stream", parts.current_stream);
    look_up(graphs, "bt_cuda_graphs_open", parts.graphs_open);
    return parts;
}

bool kernel_type(at::ScalarType type, bt_cuda_type &out) {
    switch (type) {
    case at::kFloat:
        out = BT_CUDA_FP32;
        return true;
    case at::kHalf:
        out = BT_CUDA_FP16;
        return true;
    case at::kBFloat16:
        out = BT_CUDA_BF16;
        return true;
    default:
        return false;
    }
}

bool is_laid_out(const at::Tensor &tensor) {
    return tensor.dim() == 4 && tensor.is_contiguous(at::MemoryFormat::ChannelsLast);
}

} // namespace

const CudaParts &cuda_parts() {
    static const CudaParts parts = load_parts(); /* a throw leaves it unset: the next session tries again */
    return parts;
}

at::Tensor fused_norm(const CudaParts &parts, at::Tensor x, const at::Tensor &residual,
                      const at::Tensor &scale, const at::Tensor &offset, bool relu) {
    bt_cuda_norm norm = {};
    if (!kernel_type(x.scalar_type(), norm.type) || !is_laid_out(x)) return {};
    bool joins = residual.defined() && residual.scalar_type() == x.scalar_type() &&
                 residual.sizes() == x.sizes() && is_laid_out(residual);
    if (residual.defined() && !joins) return {};
    norm.device = x.device().index();
    norm.x = x.data_ptr();
    norm.residual = joins ? residual.data_ptr() : nullptr;
    norm.scale = scale.data_ptr<float>();
    norm.offset = offset.data_ptr<float>();
    norm.batch = static_cast<int>(x.size(0));
    norm.channels = static_cast<int>(x.size(1));
    norm.pixels = x.size(2) * x.size(3);
    norm.epsilon = static_cast<float>(BT_NORM_EPSILON);
    norm.relu = relu;
    auto bytes = static_cast<int64_t>(parts.norm_workspace_bytes(&norm));
    at::Tensor workspace = at::empty({bytes}, at::TensorOptions(x.device()).dtype(at::kByte));
    int code = parts.norm_run(BT_CUDA_NORM_ABI, &norm, bytes > 0 ? workspace.data_ptr() : nullptr,
                              parts.current_stream(x.device().index()));
    if (code != 0) throw Failure(BT_BACKEND, std::string("the fused norm: ") + parts.norm_error(code));
    return x;
}

} // namespace bt
