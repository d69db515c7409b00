/* A device's table (plan/cuda-device.h) on a CPU: shim/cuda's kernels by the emulator, convolutions by a plain
 * loop in float, graphs as lists of calls. With it a plan "on a GPU" runs where there is none, so that a test
 * sees whether its steps, its memory and its weights fit together. */
#include <stdlib.h>
#include <string.h>

#include <functional>
#include <map>
#include <string>
#include <vector>

#include "../../../shim/cuda/kernels.h"
#include "base/half.h"
#include "device.h"

using Call = std::function<int()>;

struct bt_cuda_graph {
    std::vector<Call> calls;
};

struct bt_cuda_context {
    std::map<void *, size_t> blocks;
    int64_t used = 0, peak = 0;
    std::string fault;
};

struct bt_cuda_conv {
    bt_cuda_conv_shape shape;
    bt_cuda_conv_choice choice;
};

namespace {

/* Everything beyond it is refused, as a full device does. */
int64_t room = INT64_MAX;
bt_cuda_graph *recording;

int run(Call call) {
    if (!recording) return call();
    recording->calls.push_back(std::move(call));
    return 0;
}

int open(bt_cuda_context **out, int device, const char *) {
    *out = new bt_cuda_context;
    if (device == 0) return 0;
    (*out)->fault = "no such device";
    return 1;
}

void close(bt_cuda_context *context) {
    if (!context) return;
    for (auto &block : context->blocks)
        free(block.first);
    delete context;
}

const char *fault(const bt_cuda_context *context) {
    return context->fault.c_str();
}

const char *about(const bt_cuda_context *) {
    return "CUDA on a CPU";
}

int allocate(bt_cuda_context *context, void **out, size_t bytes) {
    *out = nullptr;
    if (context->used + static_cast<int64_t>(bytes) > room) {
        context->fault = "device memory: out of memory";
        return BT_CUDA_OUT_OF_MEMORY;
    }
    *out = aligned_alloc(256, (bytes + 255) / 256 * 256);
    memset(*out, 0, bytes);
    context->blocks[*out] = bytes;
    context->used += static_cast<int64_t>(bytes);
    if (context->used > context->peak) context->peak = context->used;
    return 0;
}

void release(bt_cuda_context *context, void *memory) {
    auto block = context->blocks.find(memory);
    if (block == context->blocks.end()) return;
    context->used -= static_cast<int64_t>(block->second);
    free(memory);
    context->blocks.erase(block);
}

int pin(bt_cuda_context *, void **out, size_t bytes) {
    *out = malloc(bytes);
    return 0;
}

void unpin(bt_cuda_context *, void *memory) {
    free(memory);
}

int memory(bt_cuda_context *context, bt_cuda_memory *memory) {
    const int64_t total = 1 << 30;
    *memory = {total, total - context->used, context->used, context->peak};
    return 0;
}

void reset_peak(bt_cuda_context *context) {
    context->peak = context->used;
}

int copy(bt_cuda_context *, void *to, const void *from, size_t bytes) {
    return run([=] {
        memcpy(to, from, bytes);
        return 0;
    });
}

int wait(bt_cuda_context *) {
    return 0;
}

int begin(bt_cuda_context *) {
    recording = new bt_cuda_graph;
    return 0;
}

int end(bt_cuda_context *, bt_cuda_graph **out, int *kernels) {
    *out = recording;
    *kernels = static_cast<int>(recording->calls.size());
    recording = nullptr;
    return 0;
}

int replay(bt_cuda_context *, bt_cuda_graph *graph) {
    for (const Call &call : graph->calls)
        if (const int code = call()) return code;
    return 0;
}

void close_graph(bt_cuda_graph *graph) {
    delete graph;
}

void *stream(const bt_cuda_context *) {
    return nullptr;
}

int clock(bt_cuda_context *, bool, float *milliseconds) {
    *milliseconds = 1;
    return 0;
}

/* ---- convolutions ---- */

int open_conv(bt_cuda_context *, bt_cuda_conv **out, const bt_cuda_conv_shape *shape, size_t) {
    *out = new bt_cuda_conv{*shape, {"loops", 1e-6, 1000, 1}};
    return 0;
}

void release_trials(bt_cuda_context *) {}

void close_conv(bt_cuda_conv *conv) {
    delete conv;
}

const bt_cuda_conv_choice *choice(const bt_cuda_conv *conv) {
    return &conv->choice;
}

std::vector<float> widened(const void *values, size_t count, bt_value_type type) {
    std::vector<float> wide(count);
    for (size_t i = 0; i < count; i++)
        if (type == BT_F32)
            wide[i] = static_cast<const float *>(values)[i];
        else if (type == BT_F16)
            wide[i] = bt_half_value(static_cast<const uint16_t *>(values)[i]);
        else
            wide[i] = bt_bfloat_value(static_cast<const uint16_t *>(values)[i]);
    return wide;
}

void put(void *values, size_t i, bt_value_type type, float value) {
    if (type == BT_F32)
        static_cast<float *>(values)[i] = value;
    else
        static_cast<uint16_t *>(values)[i] = type == BT_F16 ? bt_half_bits(value) : bt_bfloat_bits(value);
}

/* One output pixel of one image, every output channel. */
void convolve(const bt_cuda_conv_shape &s, const float *x, const float *weights, int row, int column,
              float *sums) {
    const size_t channels = static_cast<size_t>(s.channels), k = static_cast<size_t>(s.kernel);
    for (int i = 0; i < s.kernel; i++)
        for (int j = 0; j < s.kernel; j++) {
            const int y = row * s.stride + i - s.padding, z = column * s.stride + j - s.padding;
            if (y < 0 || y >= s.height || z < 0 || z >= s.width) continue;
            const float *in = x + static_cast<size_t>(y * s.width + z) * channels;
            for (size_t o = 0; o < static_cast<size_t>(s.out_channels); o++) {
                const float *w =
                    weights + ((o * k + static_cast<size_t>(i)) * k + static_cast<size_t>(j)) * channels;
                float sum = 0;
                for (size_t c = 0; c < channels; c++)
                    sum += in[c] * w[c];
                sums[o] += sum;
            }
        }
}

int conv_now(const bt_cuda_conv_shape &s, const void *x, const void *weights, void *out) {
    const int height = (s.height + 2 * s.padding - s.kernel) / s.stride + 1,
              width = (s.width + 2 * s.padding - s.kernel) / s.stride + 1;
    const size_t outs = static_cast<size_t>(s.out_channels),
                 image = static_cast<size_t>(s.height * s.width * s.channels);
    const std::vector<float> in = widened(x, static_cast<size_t>(s.batch) * image, s.type),
                             w = widened(weights,
                                         outs * static_cast<size_t>(s.kernel * s.kernel * s.channels), s.type);
    std::vector<float> sums(outs);
    for (int n = 0; n < s.batch; n++)
        for (int row = 0; row < height; row++)
            for (int column = 0; column < width; column++) {
                std::fill(sums.begin(), sums.end(), 0.0f);
                convolve(s, in.data() + static_cast<size_t>(n) * image, w.data(), row, column, sums.data());
                for (size_t o = 0; o < outs; o++)
                    put(out, static_cast<size_t>((n * height + row) * width + column) * outs + o, s.type,
                        sums[o]);
            }
    return 0;
}

int conv(bt_cuda_conv *conv, const void *x, const void *weights, void *out, void *workspace, void *) {
    const bt_cuda_conv_shape shape = conv->shape;
    return run([=] {
        memset(workspace, 0xff, 1000); /* as cuDNN may */
        return conv_now(shape, x, weights, out);
    });
}

/* ---- kernels ---- */

template <typename Operation, int (*kernel)(const Operation *, void *)>
int plain(const Operation *operation, void *) {
    return run([copied = *operation] { return kernel(&copied, nullptr); });
}

template <typename Operation, int (*kernel)(const Operation *, void *, void *)>
int with_scratch(const Operation *operation, void *scratch, void *) {
    return run([copied = *operation, scratch] { return kernel(&copied, scratch, nullptr); });
}

int sigmoid(float *values, size_t count, void *) {
    return run([=] { return bt_cuda_sigmoid(values, count, nullptr); });
}

const char *error_text(int) {
    return "refused";
}

const bt_cuda_table table = {
    .abi = BT_CUDA_ABI,
    .open = open,
    .close = close,
    .fault = fault,
    .about = about,
    .allocate = allocate,
    .release = release,
    .pin = pin,
    .unpin = unpin,
    .memory = memory,
    .reset_peak = reset_peak,
    .up = copy,
    .down = copy,
    .copy = copy,
    .wait = wait,
    .begin = begin,
    .end = end,
    .replay = replay,
    .close_graph = close_graph,
    .stream = stream,
    .clock = clock,
    .open_conv = open_conv,
    .release_trials = release_trials,
    .close_conv = close_conv,
    .choice = choice,
    .conv = conv,
    .error_text = error_text,
    .norm_scratch = bt_cuda_norm_scratch,
    .norm = with_scratch<bt_norm, bt_cuda_norm>,
    .sum = plain<bt_sum, bt_cuda_sum>,
    .pool = plain<bt_pool, bt_cuda_pool>,
    .scale = plain<bt_scale, bt_cuda_scale>,
    .dot = plain<bt_dot, bt_cuda_dot>,
    .sigmoid = sigmoid,
    .interleave = plain<bt_interleave, bt_cuda_interleave>,
    .unfold = plain<bt_unfold, bt_cuda_unfold>,
    .prepare = plain<bt_cuda_prepare, bt_cuda_prepare_images>,
    .channel_attention_scratch = bt_cuda_channel_attention_scratch,
    .channel_attention = with_scratch<bt_channel_attention, bt_cuda_channel_attention>,
    .spatial_attention_scratch = bt_cuda_spatial_attention_scratch,
    .spatial_attention = with_scratch<bt_spatial_attention, bt_cuda_spatial_attention>,
};

} // namespace

const bt_cuda_table *bt_cuda_device_table(void) {
    return &table;
}

void cuda_on_cpu_set_room(int64_t bytes) {
    room = bytes;
}
