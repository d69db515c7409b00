#if __has_include(<cudnn.h>)
#include "cudnn-library.h"

#include <dlfcn.h>

#include <mutex>

namespace bt_cuda {
namespace {

/* Near a libtorch of a wheel lie the wheels of NVIDIA's parts; an archive has them beside it. Those that cuDNN
 * loads in its turn (for kernels that it compiles, for products of matrices) are loaded before it. */
const char *const beside[] = {"/", "/../../nvidia/cudnn/lib/", "/../../nvidia/cu13/lib/",
                              "/../../nvidia/cublas/lib/", "/../../nvidia/cuda_nvrtc/lib/"};
const char *const helpers[] = {"libcublasLt.so.13", "libcublasLt.so.12", "libnvrtc.so.13", "libnvrtc.so.12"};

void *load_near(const std::string &libraries, const char *name) {
    for (const char *folder : beside)
        if (void *library = dlopen((libraries + folder + name).c_str(), RTLD_NOW | RTLD_LOCAL))
            return library;
    return nullptr;
}

void *load_library(const std::string &libraries) {
    const char *name = "libcudnn.so.9";
    if (void *library = dlopen(name, RTLD_NOW | RTLD_NOLOAD)) return library;
    if (!libraries.empty()) {
        for (const char *helper : helpers)
            load_near(libraries, helper);
        if (void *library = load_near(libraries, name)) return library;
    }
    return dlopen(name, RTLD_NOW | RTLD_LOCAL);
}

template <typename Function> bool find(void *library, const char *name, Function *function) {
    *function = reinterpret_cast<Function>(dlsym(library, name));
    return *function != nullptr;
}

bool fill(Cudnn *cudnn, void *library) {
    return find(library, "cudnnCreate", &cudnn->create) && find(library, "cudnnDestroy", &cudnn->destroy) &&
           find(library, "cudnnSetStream", &cudnn->set_stream) &&
           find(library, "cudnnGetVersion", &cudnn->version) &&
           find(library, "cudnnGetErrorString", &cudnn->text) &&
           find(library, "cudnnBackendCreateDescriptor", &cudnn->create_descriptor) &&
           find(library, "cudnnBackendDestroyDescriptor", &cudnn->destroy_descriptor) &&
           find(library, "cudnnBackendSetAttribute", &cudnn->set) &&
           find(library, "cudnnBackendGetAttribute", &cudnn->get) &&
           find(library, "cudnnBackendFinalize", &cudnn->finalize) &&
           find(library, "cudnnBackendExecute", &cudnn->execute);
}

} // namespace

const Cudnn *load_cudnn(const char *libraries, std::string *fault) {
    static std::mutex lock;
    static Cudnn loaded;
    static bool whole = false;
    std::lock_guard<std::mutex> guard(lock);
    if (whole) return &loaded;
    void *library = load_library(libraries ? libraries : "");
    if (library) whole = fill(&loaded, library);
    if (!whole)
        *fault = library
                     ? "this libcudnn.so.9 lacks functions: give a newer cuDNN 9"
                     : "cuDNN is missing: libcudnn.so.9 is neither near libtorch nor where the loader looks";
    return whole ? &loaded : nullptr;
}

} // namespace bt_cuda
#endif
