/* A session: a network's parameters on a device, and the way there and back. */
#include "internal.h"

#include <ATen/ops/from_blob.h>
#include <ATen/ops/zeros.h>

#include "fitting.h"
#include "session.h"

using namespace bt;

namespace {

at::ScalarType dtype_of(const bt_torch_options &options) {
    if (options.packages || options.standard) return at::kFloat;
    if (options.precision == BT_PRECISION_FP16) return at::kHalf;
    return options.precision == BT_PRECISION_BF16 ? at::kBFloat16 : at::kFloat;
}

Mode choose_mode(const bt_torch_options &options) {
    Mode mode;
    if (options.device_index >= 0)
        mode.device = at::Device(at::kCUDA, static_cast<at::DeviceIndex>(options.device_index));
    mode.dtype = dtype_of(options);
    mode.channels_last = !options.standard && !options.packages && options.use_channels_last;
    mode.cudnn_benchmark = !options.standard && options.use_cudnn_benchmark;
    mode.threads = options.threads;
    return mode;
}

std::unique_ptr<Program> open_program(const bt_torch_options &options, const Mode &mode,
                                      const CudaParts *parts) {
    if (options.network) return std::make_unique<RunList>(*options.network, *options.weights, mode, parts);
    auto program = open_model_file(options, mode);
    try_model_file(*program, options, mode);
    return program;
}

} // namespace

struct bt_torch_session {
    bt_torch_session(const bt_torch_options &options, const Mode &chosen, const CudaParts *parts)
        : mode(chosen), height(options.height), width(options.width),
          program(open_program(options, chosen, parts)),
          output_channels(options.network ? options.network->channels[options.network->output_tensor] : 1),
          graphs(parts ? parts->graphs_open(options.device_index) : nullptr) {}

    /* The failed batch's tensors are gone by the time this is called; what the allocator kept of them goes
     * too, so that a smaller batch finds all the room there is. */
    bt_status recovered(bt_status status, int batch_size, bt_error *error) const {
        if (status != BT_OUT_OF_DEVICE_MEMORY) return status;
        release_cached(mode.device);
        std::string said = error ? error->message : "";
        return fail(error, status,
                    ("a batch of " + std::to_string(batch_size) + " does not fit: " + said).c_str());
    }

    int classes() const {
        const Fitting *fitting = program->fitting();
        return fitting ? fitting->classes() : output_channels;
    }

    at::Tensor forward(const at::Tensor &images) const {
        return program->forward(images.contiguous(mode.layout()));
    }

    /* Records a pass over images that lie where the next ones will be put. */
    void capture(int batch_size) {
        Recorded &one = recorded[batch_size];
        one.images = at::zeros({batch_size, 3, height, width}, at::TensorOptions(mode.device));
        try {
            graphs->capture(batch_size, program->prepare_runs(), [&] { one.logits = forward(one.images); });
        } catch (...) {
            recorded.erase(batch_size);
            throw;
        }
    }

    at::Tensor replay(int batch_size, const at::Tensor &images) {
        Recorded &one = recorded.at(batch_size);
        one.images.copy_(images);
        graphs->replay(batch_size);
        return one.logits;
    }

    struct Recorded {
        at::Tensor images, logits; /* on the device, where the graph reads and writes */
    };

    Mode mode;
    int64_t height, width;
    std::unique_ptr<Program> program;
    int output_channels;              /* of a network's list */
    std::map<int, Recorded> recorded; /* by batch size; emptied before the graphs go */
    std::unique_ptr<Graphs> graphs;   /* CUDA's production path only */
};

namespace bt {

bt_status session_open(bt_torch_session **out, const bt_torch_options *options, bt_torch_session_facts *facts,
                       bt_error *error) {
    *out = nullptr;
    *facts = {};
    return guarded(error, [&] {
        if (options->device_index >= 0) use_cuda(options->device_index, *facts);
        Mode mode = choose_mode(*options);
        ThreadMode thread(mode);
        bool fused = options->fused && options->device_index >= 0 && !options->standard;
        *out = new bt_torch_session(*options, mode, fused ? &cuda_parts() : nullptr);
        facts->only_batch_size = (*out)->program->only_batch_size();
        facts->least_batch_size = (*out)->program->least_batch_size();
        facts->classes = (*out)->classes();
        if (const Fitting *fitting = (*out)->program->fitting())
            snprintf(facts->found, sizeof facts->found, "%s", fitting->found().c_str());
    });
}

bt_status session_prepare(bt_torch_session *session, int batch_size, bt_error *error) {
    const Mode &mode = session->mode;
    bt_status status = guarded(error, [&] {
        ThreadMode thread(mode);
        if (session->graphs) {
            if (!session->graphs->has(batch_size)) session->capture(batch_size);
            return;
        }
        at::Tensor images =
            at::zeros({batch_size, 3, session->height, session->width}, at::TensorOptions(mode.device));
        for (int i = 0; i < session->program->prepare_runs(); i++)
            session->forward(images).to(at::kCPU);
    });
    return session->recovered(status, batch_size, error);
}

bt_status session_run(bt_torch_session *session, int batch_size, const float *images, float *logits,
                      bt_error *error) {
    const Mode &mode = session->mode;
    int64_t height = session->height, width = session->width;
    bt_status status = guarded(error, [&] {
        ThreadMode thread(mode);
        /* Read only: no operation of a list writes to its inputs. */
        at::Tensor input =
            at::from_blob(const_cast<float *>(images), {batch_size, 3, height, width}, at::kFloat);
        bool replays = session->graphs && session->graphs->has(batch_size);
        at::Tensor output =
            replays ? session->replay(batch_size, input) : session->forward(input.to(mode.device));
        at::from_blob(logits, {batch_size, session->classes(), height, width}, at::kFloat).copy_(output);
    });
    return session->recovered(status, batch_size, error);
}

bt_status session_memory_reset(bt_torch_session *session, bt_error *error) {
    if (!session->mode.device.is_cuda())
        return fail(error, BT_UNSUPPORTED,
                    "a CPU session's memory is the process's: libtorch does not count it");
    return guarded(error, [&] { cuda_memory_reset(session->mode.device); });
}

bt_status session_memory(bt_torch_session *session, bt_torch_memory *memory, bt_error *error) {
    *memory = {};
    if (!session->mode.device.is_cuda())
        return fail(error, BT_UNSUPPORTED,
                    "a CPU session's memory is the process's: libtorch does not count it");
    return guarded(error, [&] { *memory = cuda_memory(session->mode.device); });
}

void session_close(bt_torch_session *session) {
    if (!session) return;
    at::Device device = session->mode.device;
    delete session;
    release_cached(device);
}

} // namespace bt
