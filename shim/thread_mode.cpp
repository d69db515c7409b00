/* The state that libtorch keeps per thread (and cuDNN's switch, which is the process's), set and put back. */
#include "internal.h"

#include <ATen/autocast_mode.h>
#include <ATen/Parallel.h>
#include <c10/core/InferenceMode.h>

namespace bt {

/* Threads for a TorchScript's forks, which libtorch counts by the machine's cores: once, before there are
 * any. */
static bool limit_forks(int threads) {
    try {
        at::set_num_interop_threads(threads);
    } catch (const c10::Error &) { /* the host's own libtorch has started them */
    }
    return true;
}

struct ThreadMode::Saved {
    c10::InferenceMode inference{true};
    c10::DeviceType device;
    bool autocast;
    at::ScalarType autocast_dtype;
};

ThreadMode::ThreadMode(const Mode &mode) : saved_(new Saved) {
    static const bool limited = limit_forks(mode.threads);
    (void)limited;
    c10::DeviceType device = mode.device.type();
    saved_->device = device;
    saved_->autocast = at::autocast::is_autocast_enabled(device);
    saved_->autocast_dtype = at::autocast::get_autocast_dtype(device);
    bool mixed = mode.dtype != at::kFloat;
    at::autocast::set_autocast_enabled(device, mixed);
    if (mixed) at::autocast::set_autocast_dtype(device, mode.dtype);
    /* A thread's first parallel region takes whatever count was set last anywhere, so that it is
     * said here. */
    if (at::get_num_threads() != mode.threads) at::set_num_threads(mode.threads);
    if (mode.device.is_cuda()) at::globalContext().setBenchmarkCuDNN(mode.cudnn_benchmark);
}

ThreadMode::~ThreadMode() {
    at::autocast::set_autocast_dtype(saved_->device, saved_->autocast_dtype);
    at::autocast::set_autocast_enabled(saved_->device, saved_->autocast);
    delete saved_;
}

} // namespace bt
