/* cuDNN, loaded when it is wanted: its functions, and descriptors that close themselves. */
#ifndef BT_SHIM_CUDA_CUDNN_LIBRARY_H
#define BT_SHIM_CUDA_CUDNN_LIBRARY_H

#include <cudnn.h>

#include <stddef.h>
#include <stdint.h>

#include <string>
#include <utility>

namespace bt_cuda {

/* Filled by load_cudnn, once for the process; constant after. */
struct Cudnn {
    decltype(&cudnnCreate) create = nullptr;
    decltype(&cudnnDestroy) destroy = nullptr;
    decltype(&cudnnSetStream) set_stream = nullptr;
    decltype(&cudnnGetVersion) version = nullptr;
    decltype(&cudnnGetErrorString) text = nullptr;
    decltype(&cudnnBackendCreateDescriptor) create_descriptor = nullptr;
    decltype(&cudnnBackendDestroyDescriptor) destroy_descriptor = nullptr;
    decltype(&cudnnBackendSetAttribute) set = nullptr;
    decltype(&cudnnBackendGetAttribute) get = nullptr;
    decltype(&cudnnBackendFinalize) finalize = nullptr;
    decltype(&cudnnBackendExecute) execute = nullptr;
};

/* Any thread. NULL with the reason in `fault` where there is none. `libraries` is a folder of libtorch's, near
 * which cuDNN may lie; NULL or "": where the loader finds it. */
const Cudnn *load_cudnn(const char *libraries, std::string *fault);

/* A descriptor of cuDNN's backend interface. An error sticks: what follows it does nothing. */
class Descriptor {
  public:
    Descriptor() = default;
    Descriptor(const Cudnn *cudnn, cudnnBackendDescriptorType_t kind) : cudnn_(cudnn) {
        status_ = cudnn->create_descriptor(kind, &at_);
    }
    ~Descriptor() {
        if (at_) cudnn_->destroy_descriptor(at_);
    }
    Descriptor(Descriptor &&other) noexcept
        : cudnn_(other.cudnn_), at_(std::exchange(other.at_, nullptr)), status_(other.status_) {}
    Descriptor &operator=(Descriptor &&other) noexcept {
        std::swap(cudnn_, other.cudnn_);
        std::swap(at_, other.at_);
        std::swap(status_, other.status_);
        return *this;
    }

    Descriptor &set(cudnnBackendAttributeName_t name, cudnnBackendAttributeType_t type, int64_t count,
                    const void *values) {
        if (status_ == CUDNN_STATUS_SUCCESS) status_ = cudnn_->set(at_, name, type, count, values);
        return *this;
    }
    Descriptor &set(cudnnBackendAttributeName_t name, const Descriptor &other) {
        if (other.status_ != CUDNN_STATUS_SUCCESS) status_ = other.status_;
        return set(name, CUDNN_TYPE_BACKEND_DESCRIPTOR, 1, &other.at_);
    }
    Descriptor &set_integers(cudnnBackendAttributeName_t name, int64_t count, const int64_t *values) {
        return set(name, CUDNN_TYPE_INT64, count, values);
    }
    cudnnStatus_t finalize() {
        if (status_ == CUDNN_STATUS_SUCCESS) status_ = cudnn_->finalize(at_);
        return status_;
    }
    cudnnStatus_t status() const {
        return status_;
    }
    cudnnBackendDescriptor_t at() const {
        return at_;
    }
    /* How many values there are, at most `room` of which are written; 0 where there are none. */
    int64_t get(cudnnBackendAttributeName_t name, cudnnBackendAttributeType_t type, int64_t room,
                void *values) const {
        int64_t count = 0;
        if (status_ != CUDNN_STATUS_SUCCESS ||
            cudnn_->get(at_, name, type, room, &count, values) != CUDNN_STATUS_SUCCESS)
            return 0;
        return count;
    }

  private:
    const Cudnn *cudnn_ = nullptr;
    cudnnBackendDescriptor_t at_ = nullptr;
    cudnnStatus_t status_ = CUDNN_STATUS_NOT_INITIALIZED;
};

} // namespace bt_cuda
#endif
