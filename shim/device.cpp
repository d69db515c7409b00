/* What libtorch and the device say about themselves, and taking a CUDA device into use. libtorch_cuda.so is
 * loaded here, when a CUDA device is first asked for, and nothing of it is linked: one shim serves with and
 * without it. */
#include "internal.h"

#include <cstring>
#include <dlfcn.h>
#include <mutex>
#include <unistd.h>

#include <ATen/Context.h>
#include <ATen/ops/ones.h>
#include <ATen/Version.h>
#include <c10/core/CachingDeviceAllocator.h>
#include <torch/headeronly/version.h>

#define VERSION_TEXT_(major, minor, patch) #major "." #minor "." #patch
#define VERSION_TEXT(major, minor, patch)  VERSION_TEXT_(major, minor, patch)

#if TORCH_VERSION_MAJOR < 2 || (TORCH_VERSION_MAJOR == 2 && TORCH_VERSION_MINOR < 11)
#error "libtorch 2.11 or newer is needed"
#endif

/* major << 56 | minor << 48 | patch << 40, as compiled into the library itself. */
extern "C" uint64_t aoti_torch_abi_version();

namespace bt {

namespace {

/* "3.9.1" out of "Intel(R) MKL-DNN v3.9.1 (Git Hash ...)". */
std::string version_in(const std::string &text) {
    size_t start = text.find(" v");
    if (start == std::string::npos) return "";
    start += 2;
    return text.substr(start, text.find_first_not_of("0123456789.", start) - start);
}

template <size_t size> void copy(char (&out)[size], const std::string &text) {
    snprintf(out, size, "%s", text.c_str());
}

void load_cuda_library() {
    std::string path = library_folder() + "/libtorch_cuda.so";
    if (access(path.c_str(), R_OK) != 0)
        throw Failure(BT_UNSUPPORTED, "this libtorch was built without CUDA (no " + path +
                                          "): give one with CUDA as LIBTORCH=..., or use --device cpu");
    /* RTLD_GLOBAL: its own plug-ins look for its symbols. It stays loaded. */
    if (!dlopen(path.c_str(), RTLD_NOW | RTLD_GLOBAL))
        throw Failure(BT_UNSUPPORTED,
                      std::string("libtorch's CUDA part does not load (run `make deps` on this machine): ") +
                          load_error());
}

/* "CUDA 13.2, cuDNN 9.14.0" */
std::string cuda_versions() {
    const auto &hooks = at::detail::getCUDAHooks();
    long cuda = hooks.versionCUDART();
    char text[64];
    int length = snprintf(text, sizeof text, "CUDA %ld.%ld", cuda / 1000, cuda % 1000 / 10);
    if (hooks.hasCuDNN()) {
        long cudnn = hooks.versionCuDNN();
        snprintf(text + length, sizeof text - length, ", cuDNN %ld.%ld.%ld", cudnn / 10000, cudnn / 100 % 100,
                 cudnn % 100);
    }
    return text;
}

/* The smallest thing that needs a context, the allocator and a kernel for this architecture. */
void try_kernel(const at::Device &device) {
    try {
        if (at::ones({2}, at::TensorOptions(device)).add_(1).sum().item<float>() == 4) return;
    } catch (const c10::OutOfMemoryError &) {
        throw;
    } catch (const c10::Error &failure) {
        const char *message = failure.what_without_backtrace();
        if (!mentions(message, "no kernel image")) throw;
        throw Failure(BT_UNSUPPORTED,
                      device.str() + ": this libtorch has no code for the device's architecture: give one "
                                     "that has as LIBTORCH=... (an older one for an older device)");
    }
    throw Failure(BT_BACKEND, device.str() + ": the device does not compute: 1 + 1 is not 2");
}

c10::DeviceAllocator &allocator() {
    return *c10::getDeviceAllocator(at::kCUDA);
}

const c10::CachingAllocator::Stat &all(const c10::CachingAllocator::StatArray &stats) {
    return stats[static_cast<size_t>(c10::CachingAllocator::StatType::AGGREGATE)];
}

/* The folder of the library that holds `address`. */
std::string folder_of(void *address) {
    Dl_info info;
    if (!dladdr(address, &info) || !info.dli_fname) return ".";
    std::string path = info.dli_fname;
    size_t slash = path.rfind('/');
    return slash == std::string::npos ? "." : path.substr(0, slash);
}

} // namespace

std::string library_folder() {
    return folder_of(reinterpret_cast<void *>(&at::show_config));
}

std::string own_folder() {
    return folder_of(reinterpret_cast<void *>(&bt_torch_shim_table));
}

void describe(bt_torch_facts &facts) {
    facts = {};
    copy(facts.built_version, VERSION_TEXT(TORCH_VERSION_MAJOR, TORCH_VERSION_MINOR, TORCH_VERSION_PATCH));
    uint64_t version = aoti_torch_abi_version();
    snprintf(facts.version, sizeof facts.version, "%d.%d.%d", static_cast<int>(version >> 56),
             static_cast<int>(version >> 48 & 0xff), static_cast<int>(version >> 40 & 0xff));
    copy(facts.onednn_version, version_in(at::get_mkldnn_version()));
    copy(facts.cpu_capability, at::get_cpu_capability());
    copy(facts.library, library_folder());
    facts.cuda_library = access((library_folder() + "/libtorch_cuda.so").c_str(), R_OK) == 0;
}

void use_cuda(int device_index, bt_torch_session_facts &facts) {
    static std::once_flag loaded; /* a throw leaves it unset: the next session tries again */
    std::call_once(loaded, load_cuda_library);
    if (!at::globalContext().hasCUDA())
        throw Failure(BT_UNSUPPORTED,
                      "libtorch sees no CUDA device: check nvidia-smi and CUDA_VISIBLE_DEVICES");
    at::globalContext().lazyInitDevice(at::kCUDA);
    /* FP32 means FP32, as the reference does: convolutions would otherwise round their inputs to TF32. */
    at::globalContext().setAllowTF32CuDNN(false);
    at::globalContext().setAllowTF32CuBLAS(false);
    at::Device device(at::kCUDA, static_cast<at::DeviceIndex>(device_index));
    try_kernel(device);
    release_cached(device);
    auto [free_bytes, total_bytes] = allocator().getMemoryInfo(device.index());
    facts.device_used_bytes = static_cast<int64_t>(total_bytes - free_bytes);
    copy(facts.cuda, cuda_versions());
}

/* What others hold on the device (the context, libraries' own allocations, other processes) is what is used
 * beyond the allocator's reserve; it is taken as it is now, the allocator's part at its peak. */
bt_torch_memory cuda_memory(const at::Device &device) {
    auto stats = allocator().getDeviceStats(device.index());
    auto [free_bytes, total_bytes] = allocator().getMemoryInfo(device.index());
    bt_torch_memory memory = {};
    memory.total_bytes = static_cast<int64_t>(total_bytes);
    memory.allocated_peak_bytes = all(stats.allocated_bytes).peak;
    memory.reserved_peak_bytes = all(stats.reserved_bytes).peak;
    int64_t others =
        memory.total_bytes - static_cast<int64_t>(free_bytes) - all(stats.reserved_bytes).current;
    memory.used_peak_bytes = others + memory.reserved_peak_bytes;
    return memory;
}

void cuda_memory_reset(const at::Device &device) {
    allocator().emptyCache();
    allocator().resetPeakStats(device.index());
}

void release_cached(const at::Device &device) noexcept {
    if (!device.is_cuda()) return;
    try {
        allocator().emptyCache();
    } catch (const std::exception &) {
        /* A device that cannot even free has said so already, in the error that led here. */
    }
}

} // namespace bt
