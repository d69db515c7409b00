/* What the shim's own files share. C++, never seen by the core. */
#ifndef BT_SHIM_INTERNAL_H
#define BT_SHIM_INTERNAL_H

#include <cstdio>
#include <exception>
#include <map>
#include <memory>
#include <new>
#include <string>
#include <vector>

#include <ATen/core/Tensor.h>
#include <c10/util/Exception.h>

#include "cuda/graph.h"
#include "cuda/norm.h"
#include "torch_shim.h"

namespace bt {

/* Whether a message holds these words, in capitals or not, whatever the host's locale calls a capital. */
bool mentions(const char *message, const char *words) noexcept;

/* dlerror() in English, whatever the host's locale. */
std::string load_error();

/* How a session computes: decided once at open. */
struct Mode {
    at::Device device{at::kCPU};
    at::ScalarType dtype = at::kFloat; /* of convolutions; anything but float means autocast */
    bool channels_last = false;
    bool cudnn_benchmark = false;
    int threads = 1;

    at::MemoryFormat layout() const {
        return channels_last ? at::MemoryFormat::ChannelsLast : at::MemoryFormat::Contiguous;
    }
};

/* What a CUDA session has beyond ATen, from the libraries beside this one. All or nothing. */
struct CudaParts {
    decltype(&bt_cuda_norm_workspace_bytes) norm_workspace_bytes = nullptr;
    decltype(&bt_cuda_norm_run) norm_run = nullptr;
    decltype(&bt_cuda_norm_error) norm_error = nullptr;
    decltype(&bt_cuda_current_stream) current_stream = nullptr;
    decltype(&bt_cuda_graphs_open) graphs_open = nullptr;
};

/* Loaded once; throws Failure(BT_UNSUPPORTED) where a part is missing. libtorch_cuda must be loaded. */
const CudaParts &cuda_parts();

/* x normalised in place by the fused kernel, with the residual (or none) added; an undefined tensor where the
 * kernel does not take these. Throws where it does not run. */
at::Tensor fused_norm(const CudaParts &parts, at::Tensor x, const at::Tensor &residual,
                      const at::Tensor &scale, const at::Tensor &offset, bool relu);

class Fitting;

/* What turns images into logits, in a thread that ThreadMode has set up. */
class Program {
  public:
    virtual ~Program() = default;
    /* images: N x 3 x H x W on the device, float, laid out as the mode says. Returns N x classes x H x W. */
    virtual at::Tensor forward(at::Tensor images) = 0;
    /* Runs until autotuning, compilation and caches are done with. */
    virtual int prepare_runs() const = 0;
    /* The one batch size that runs unpadded; 0: any may, or several. */
    virtual int only_batch_size() const {
        return 0;
    }
    /* What a single image is padded to. */
    virtual int least_batch_size() const {
        return 1;
    }
    /* Of a user's file: what lies between it and the pictures; null of a built-in network. */
    virtual Fitting *fitting() {
        return nullptr;
    }
};

/* A user's file as a program. Throws Failure(BT_INVALID) naming the file where it is none. */
std::unique_ptr<Program> open_model_file(const bt_torch_options &options, const Mode &mode);
/* One image, so that a file which gives something else than logits is refused when it is opened. */
void try_model_file(Program &program, const bt_torch_options &options, const Mode &mode);
/* Has packages check their inputs, and keep to themselves what they throw; before any is loaded, and before
 * threads are started. */
void configure_packages();

/* A network's parameters on the device, and when each of its tensors may go. */
class RunList : public Program {
  public:
    /* `parts`: fused kernels to use where they can be; null for ATen's operators alone. */
    RunList(const bt_network &network, const bt_weights &weights, const Mode &mode, const CudaParts *parts);
    at::Tensor forward(at::Tensor images) override;
    int prepare_runs() const override;

  private:
    at::Tensor apply(const bt_operation &operation, const std::vector<at::Tensor> &tensors) const;
    at::Tensor finished(at::Tensor y, const bt_operation &operation,
                        const std::vector<at::Tensor> &tensors) const;
    at::Tensor norm(const bt_operation &operation, const std::vector<at::Tensor> &tensors) const;

    const bt_network &network_;
    const int prepare_runs_;
    const CudaParts *parts_;
    std::vector<at::Tensor> parameters_;
    std::vector<int> readers_;               /* how many inputs of operations each tensor is */
    std::vector<std::vector<int>> finished_; /* finished_[i]: tensors that no operation after i reads */
};

/* Sets this thread up for a mode and puts everything back when it goes: inference mode, autocast, thread
 * count, cuDNN's autotuning. Two sessions of one thread may alternate. */
class ThreadMode {
  public:
    explicit ThreadMode(const Mode &mode);
    ~ThreadMode();
    ThreadMode(const ThreadMode &) = delete;
    ThreadMode &operator=(const ThreadMode &) = delete;

  private:
    struct Saved;
    Saved *saved_;
};

/* An error that already knows its status. */
struct Failure : std::exception {
    Failure(bt_status why, std::string text) : status(why), message(std::move(text)) {}
    const char *what() const noexcept override {
        return message.c_str();
    }
    bt_status status;
    std::string message;
};

void describe(bt_torch_facts &facts);

/* The folders of the libtorch_cpu.so that is loaded, and of this library. */
std::string library_folder();
std::string own_folder();

/* Loads libtorch_cuda and takes the device; throws Failure(BT_UNSUPPORTED) with the remedy where
 * it cannot. */
void use_cuda(int device_index, bt_torch_session_facts &facts);
bt_torch_memory cuda_memory(const at::Device &device);
void cuda_memory_reset(const at::Device &device);
/* Gives the device what the allocator keeps but nobody uses: after running out of memory. Never throws. */
void release_cached(const at::Device &device) noexcept;

/* Which status an exception in flight is, with its first line as the message. Call in a catch block only. */
bt_status status_of_exception(bt_error *error) noexcept;
bt_status fail(bt_error *error, bt_status status, const char *message) noexcept;

/* Runs `body` and turns whatever it throws into a status. */
template <typename Body> bt_status guarded(bt_error *error, Body body) noexcept {
    try {
        body();
        return BT_OK;
    } catch (...) {
        return status_of_exception(error);
    }
}

} // namespace bt
#endif
