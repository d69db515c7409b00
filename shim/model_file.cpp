/* Networks that users bring as files: a TorchScript program, or packages of machine code that AOTInductor
 * compiled, one for each batch size. Both are code that runs in this process with its rights.
 *
 * A package knows its input's shape and layout by heart and would read past a smaller one; AOTInductor's own
 * check of inputs, which is off unless an environment variable asks for it, is asked for when the shim is
 * loaded. What it then complains of tells what the package takes. */
#include "fitting.h"

#include <climits>
#include <cstdlib>
#include <cstring>
#include <dlfcn.h>
#include <iostream>
#include <streambuf>

#include <ATen/ops/zeros.h>
#include <torch/csrc/inductor/aoti_package/model_package_loader.h>
#include <torch/csrc/jit/api/module.h>
#include <torch/csrc/jit/serialization/import.h>

namespace bt {

namespace {

using Loader = torch::inductor::AOTIModelPackageLoader;

/* TorchScript compiles in its first run of a shape and may do it again in the second; a package's first run
 * fills oneDNN's caches. With fewer, the first measured runs are those that compile; each more makes
 * preparing a session for a size a run longer. */
constexpr int script_prepare_runs = 3, package_prepare_runs = 2;

std::string name_of(const std::string &path) {
    return path.substr(path.rfind('/') + 1); /* npos + 1 is 0 */
}

/* TorchScript's errors begin with a traceback of the program; the last line says what happened. */
std::string last_line(std::string text) {
    while (!text.empty() && text.back() == '\n')
        text.pop_back();
    return text.substr(text.rfind('\n') + 1);
}

/* Rethrows the exception in flight with the file's name before it, as `status` unless it knows better (memory
 * ran out). Call in a catch block only. */
[[noreturn]] void blame(const std::string &path, const std::string &what, bt_status status) {
    try {
        throw;
    } catch (const Failure &) {
        throw;
    } catch (const std::exception &failure) {
        bt_error error;
        auto *of_torch = dynamic_cast<const c10::Error *>(&failure);
        std::string text = of_torch ? of_torch->what_without_backtrace() : failure.what();
        if (status_of_exception(&error) != BT_BACKEND) throw;
        throw Failure(status, name_of(path) + ": " + what + ": " + last_line(text));
    }
}

/* U-Nets and their like halve their images several times and join what they find no more alike where a side was odd. */
bool is_about_odd_sizes(const std::string &error) {
    return error.find("Sizes of tensors must match") != std::string::npos ||
           error.find("must match the size of tensor") != std::string::npos;
}

[[noreturn]] void blame_run(const std::string &path, const at::Tensor &images) {
    try {
        blame(path, "does not run on images of " + shape(images.sizes()), BT_BACKEND);
    } catch (Failure &failure) {
        if (is_about_odd_sizes(failure.message))
            failure.message += " (does {\"pad_to_multiple\": 32} in its JSON file help?)";
        throw;
    }
}

/* Runs it with three channels, and where it fails and nobody has said how many go in, with one. The first failure
 * counts where both fail. */
template <typename Run> void in_its_channels(Fitting &fitting, Run run) {
    try {
        run();
        return;
    } catch (const Failure &) {
        if (!fitting.tries_grey()) throw;
        try {
            run();
            return;
        } catch (const Failure &) {
            fitting.forgets_grey();
        }
        throw;
    }
}

/* ---- TorchScript ---- */

void add_tensor(std::vector<Given> &to, std::string name, const c10::IValue &value) {
    if (value.isTensor()) to.push_back({std::move(name), value.toTensor()});
}

/* The tensors of a tuple, a list or a dictionary, or the one that it is. */
std::vector<Given> tensors_of(const c10::IValue &out, const std::string &path) {
    std::vector<Given> given;
    add_tensor(given, "", out);
    if (out.isTuple())
        for (const c10::IValue &value : out.toTupleRef().elements())
            add_tensor(given, "", value);
    if (out.isList())
        for (const c10::IValue &value : out.toListRef())
            add_tensor(given, "", value);
    if (out.isGenericDict())
        for (const auto &entry : out.toGenericDict())
            add_tensor(given, entry.key().isString() ? entry.key().toStringRef() : "", entry.value());
    if (given.empty())
        throw Failure(BT_INVALID,
                      name_of(path) + ": gives a " + out.tagKind() +
                          " without a tensor; one is wanted, N x classes x H x W, or several in a "
                          "tuple, a list or a dictionary");
    return given;
}

class Script : public Program {
  public:
    Script(const bt_torch_options &options, const Mode &mode)
        : path_(options.files[0].path), module_(load(path_, mode)), fitting_(options, name_of(path_)) {}

    at::Tensor forward(at::Tensor images) override {
        return fitting_.output(tensors_of(run(fitting_.input(images)), path_), images);
    }

    Fitting *fitting() override {
        return &fitting_;
    }

    int prepare_runs() const override {
        return script_prepare_runs;
    }

  private:
    c10::IValue run(const at::Tensor &images) {
        try {
            return module_.forward({images});
        } catch (...) {
            blame_run(path_, images);
        }
    }

    static torch::jit::Module load(const std::string &path, const Mode &mode) {
        try {
            torch::jit::Module module = torch::jit::load(path, mode.device, /*load_debug_files=*/false);
            module.eval();
            if (mode.channels_last)
                for (at::Tensor parameter : module.parameters())
                    if (parameter.dim() == 4)
                        parameter.set_data(parameter.contiguous(at::MemoryFormat::ChannelsLast));
            return module;
        } catch (...) {
            blame(path, "is no TorchScript file that this libtorch can load", BT_INVALID);
        }
    }

    std::string path_;
    torch::jit::Module module_;
    Fitting fitting_;
};

/* ---- packages ---- */

/* Takes the place of std::cerr's buffer when the shim is loaded: passes on what is written, except by a
 * thread that holds a SilencedStderr. A package, and libtorch below it, write there what they throw as well;
 * and a package tells its batch size only in the error with which it refuses another. */
class StderrFilter : public std::streambuf {
  public:
    explicit StderrFilter(std::streambuf *out) : out_(out) {}
    static thread_local int silenced;

  protected:
    int_type overflow(int_type c) override {
        return silenced > 0 || traits_type::eq_int_type(c, traits_type::eof())
                   ? traits_type::not_eof(c)
                   : out_->sputc(traits_type::to_char_type(c));
    }
    std::streamsize xsputn(const char *text, std::streamsize count) override {
        return silenced > 0 ? count : out_->sputn(text, count);
    }
    int sync() override {
        return silenced > 0 ? 0 : out_->pubsync();
    }

  private:
    std::streambuf *out_;
};

thread_local int StderrFilter::silenced = 0;

struct SilencedStderr {
    SilencedStderr() {
        StderrFilter::silenced++;
    }
    ~SilencedStderr() {
        StderrFilter::silenced--;
    }
    SilencedStderr(const SilencedStderr &) = delete;
    SilencedStderr &operator=(const SilencedStderr &) = delete;
};

/* Whether this CPU has what a package's label says that it was compiled for: what it has not would end the
 * process. The label knows AVX2, AVX512, VNNI and AMX, not all that -march=native may have used. */
bool cpu_has(const std::string &instructions) {
    bool good = true;
#if defined(__x86_64__)
    auto wants = [&](const char *part) { return instructions.find(part) != std::string::npos; };
    if (wants("AVX2")) good = good && __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma");
    if (wants("AVX512"))
        good = good && __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw") &&
               __builtin_cpu_supports("avx512dq") && __builtin_cpu_supports("avx512vl");
    if (wants("VNNI")) good = good && __builtin_cpu_supports("avx512vnni");
    if (wants("BF16")) good = good && __builtin_cpu_supports("avx512bf16");
    if (wants("AMX"))
        good = good && __builtin_cpu_supports("amx-tile") && __builtin_cpu_supports("amx-bf16") &&
               __builtin_cpu_supports("amx-int8");
#endif
    return good;
}

/* A package names libtorch.so, which in a libtorch with CUDA drags all of CUDA in. For the CPU a library of
 * that soname which holds nothing does; it is loaded first, and the name is then taken. */
void load_named_libtorch(const at::Device &device) {
    if (dlopen("libtorch.so", RTLD_NOLOAD | RTLD_LAZY)) return;
    std::string path =
        device.is_cuda() ? library_folder() + "/libtorch.so" : own_folder() + "/libbatchtune_torch_name.so";
    if (!dlopen(path.c_str(), RTLD_LAZY | RTLD_LOCAL))
        throw Failure(BT_UNSUPPORTED,
                      std::string("what a package of AOTInductor needs does not load: ") + load_error());
}

void check_metadata(const std::string &path, const at::Device &device) {
    auto metadata = Loader::load_metadata_from_package(path, "model");
    const std::string &made_for = metadata["AOTI_DEVICE_KEY"], &instructions = metadata["AOTI_CPU_ISA"];
    const char *here = device.is_cuda() ? "cuda" : "cpu";
    if (made_for != here)
        throw Failure(BT_INVALID, name_of(path) + ": compiled for " + (made_for.empty() ? "?" : made_for) +
                                      ", not for " + here +
                                      ": compile it on a model and an input that are there");
    if (!device.is_cuda() && !cpu_has(instructions))
        throw Failure(BT_UNSUPPORTED, name_of(path) + ": compiled for a CPU with " + instructions +
                                          ", which this one has not: compile it here, or for less "
                                          "(docs/models-and-weights.md: packages for other CPUs)");
}

std::unique_ptr<Loader> load_package(const std::string &path, const at::Device &device) {
    try {
        load_named_libtorch(device);
        check_metadata(path, device);
        c10::DeviceIndex index = device.is_cuda() ? device.index() : static_cast<c10::DeviceIndex>(-1);
        return std::make_unique<Loader>(path, "model", /*run_single_threaded=*/true, /*num_runners=*/1,
                                        index);
    } catch (...) {
        blame(path, "is no AOTInductor package that this libtorch can load", BT_INVALID);
    }
}

/* The batch size that a package's error names: "... at 0, expected: 4, but got: 1", or, of one that takes
 * several, "... at 0, expected it to be >= 2, but got: 1". 0 where it is about something else. */
int size_wanted(const std::string &error) {
    size_t at = error.find("at 0, expected");
    if (error.find("input_handles[0]") == std::string::npos || at == std::string::npos) return 0;
    at = error.find_first_of("0123456789", at + strlen("at 0, expected"));
    return at == std::string::npos ? 0 : atoi(error.c_str() + at);
}

/* Whether an error is about how the images lie in memory. */
bool is_about_layout(const std::string &error) {
    return error.find("input_handles[0]: unmatched stride") != std::string::npos;
}

class Packages : public Program {
  public:
    Packages(const bt_torch_options &options, const Mode &mode)
        : device_(mode.device), fitting_(options, name_of(options.files[0].path)) {
        for (int i = 0; i < options.file_count; i++)
            packages_[options.files[i].batch_size].path = options.files[i].path;
        if (packages_.begin()->first == 0)
            in_its_channels(fitting_, [&] { find_batch_size(options.height, options.width); });
    }

    /* A size that no package is of runs in the next larger one, padded with black images. */
    at::Tensor forward(at::Tensor images) override {
        int64_t count = images.size(0);
        auto found = any_from_ > 0 && count >= any_from_ ? packages_.begin()
                                                         : packages_.lower_bound(static_cast<int>(count));
        if (found == packages_.end())
            throw Failure(BT_INVALID, name_of(packages_.rbegin()->second.path) + ": a batch of " +
                                          std::to_string(count) + ", but the largest package is of " +
                                          std::to_string(packages_.rbegin()->first));
        int64_t size = any_from_ > 0 && count >= any_from_ ? count : found->first;
        if (size == count) return run(found->second, images);
        at::Tensor padded = at::zeros({size, 3, images.size(2), images.size(3)}, images.options());
        padded.narrow(0, 0, count).copy_(images);
        return run(found->second, padded).narrow(0, 0, count);
    }

    int prepare_runs() const override {
        return package_prepare_runs;
    }

    int only_batch_size() const override {
        return packages_.size() == 1 && any_from_ == 0 ? packages_.begin()->first : 0;
    }

    int least_batch_size() const override {
        return packages_.begin()->first;
    }

    Fitting *fitting() override {
        return &fitting_;
    }

  private:
    struct Package {
        std::string path;
        std::unique_ptr<Loader> loader; /* loaded when it is first needed */
        at::MemoryFormat layout = at::MemoryFormat::Contiguous;
        bool layout_known = false; /* a run has been taken in this layout */
    };

    std::vector<at::Tensor> compute(Package &package, const at::Tensor &images) {
        SilencedStderr silenced;
        if (!package.loader) package.loader = load_package(package.path, device_);
        try {
            return package.loader->run({images.contiguous(package.layout)});
        } catch (...) {
            blame_run(package.path, images);
        }
    }

    /* The first run that is not refused for its layout tells which one the package was compiled for. */
    std::vector<at::Tensor> compute_as_compiled(Package &package, const at::Tensor &images) {
        try {
            std::vector<at::Tensor> out = compute(package, images);
            package.layout_known = true;
            return out;
        } catch (const Failure &failure) {
            if (package.layout_known || !is_about_layout(failure.message)) throw;
        }
        bool other = package.layout == at::MemoryFormat::Contiguous;
        package.layout = other ? at::MemoryFormat::ChannelsLast : at::MemoryFormat::Contiguous;
        std::vector<at::Tensor> out = compute(package, images);
        package.layout_known = true;
        return out;
    }

    at::Tensor run(Package &package, const at::Tensor &images) {
        std::vector<Given> given;
        for (at::Tensor &tensor : compute_as_compiled(package, fitting_.input(images)))
            given.push_back({"", std::move(tensor)});
        return fitting_.output(given, images);
    }

    /* Whether a batch of that size is taken; else its error. */
    bool takes(int size, int64_t height, int64_t width, std::string &error) {
        try {
            run(packages_.begin()->second, at::zeros({size, 3, height, width}, at::TensorOptions(device_)));
            return true;
        } catch (const Failure &failure) {
            if (failure.status != BT_BACKEND) throw;
            error = failure.message;
            return false;
        }
    }

    /* A lone package's batch size, by trying: one image, then what it says it wants, then one more. */
    void find_batch_size(int64_t height, int64_t width) {
        std::string error;
        int size = 1;
        if (!takes(1, height, width, error)) {
            size = size_wanted(error);
            if (size < 1 || !takes(size, height, width, error)) throw Failure(BT_INVALID, error);
        }
        if (takes(size + 1, height, width, error)) any_from_ = size;
        auto package = packages_.extract(packages_.begin());
        package.key() = size;
        packages_.insert(std::move(package));
    }

    at::Device device_;
    Fitting fitting_;
    std::map<int, Package> packages_; /* by batch size */
    int any_from_ = 0; /* a lone package that takes any batch from this size on; 0: it does not */
};

} // namespace

std::unique_ptr<Program> open_model_file(const bt_torch_options &options, const Mode &mode) {
    if (options.packages) return std::make_unique<Packages>(options, mode);
    return std::make_unique<Script>(options, mode);
}

void try_model_file(Program &program, const bt_torch_options &options, const Mode &mode) {
    try {
        at::Tensor images = at::zeros({1, 3, options.height, options.width}, at::TensorOptions(mode.device));
        in_its_channels(*program.fitting(), [&] { program.forward(images.contiguous(mode.layout())); });
    } catch (const Failure &failure) {
        if (failure.status != BT_BACKEND) throw;
        throw Failure(BT_INVALID, failure.message);
    }
}

void configure_packages() {
    setenv("AOTI_RUNTIME_CHECK_INPUTS", "1", /*overwrite=*/1);
    std::cerr.rdbuf(new StderrFilter(std::cerr.rdbuf())); /* for good, as the shim is loaded for good */
}

} // namespace bt
