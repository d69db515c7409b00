/* Weighing by channel and by pixel, and the sigmoid of floats, on a CUDA device.
 *
 * A thread keeps the factors of its channels and goes from pixel to pixel, several at a time: it reads all of
 * them before it multiplies any. */
#include "kernels.h"
#include "launch.cuh"
#include "pixels.cuh"

namespace bt_cuda {
namespace {

constexpr int block_threads = 256;

/* Pixels that a thread reads before it waits for any. */
constexpr int pixels_at_once = 4;

/* Blocks for each multiprocessor, at most: a few times what one holds at a time, so that the last ones to end
 * are short. More read the channels' factors more often. */
constexpr int blocks_most = 16;

template <typename T, int width>
__device__ void weigh_pixels(const bt_scale &scale, int64_t first, int64_t from, int rows, int channel,
                             const float (&factor)[width]) {
    const T *x = static_cast<const T *>(scale.x) + channel;
    T *out = static_cast<T *>(scale.out) + channel;
    Vector<T, width> values[pixels_at_once];
    float pixel[pixels_at_once];
#pragma unroll
    for (int i = 0; i < pixels_at_once; i++) {
        const int64_t p = from + i * rows;
        if (p >= scale.pixels) continue;
        values[i] = *reinterpret_cast<const Vector<T, width> *>(x + (first + p) * scale.channels);
        pixel[i] = scale.pixel ? scale.pixel[first + p] : 1.0f;
    }
#pragma unroll
    for (int i = 0; i < pixels_at_once; i++) {
        const int64_t p = from + i * rows;
        if (p >= scale.pixels) continue;
        for (int c = 0; c < width; c++)
            narrow(&values[i].values[c], widen(values[i].values[c]) * factor[c] * pixel[i]);
        T *to = out + (first + p) * static_cast<int64_t>(scale.out_stride);
        *reinterpret_cast<Vector<T, width> *>(to) = values[i];
    }
}

/* The grid is slices of an image's pixels x groups of channels x images. */
template <typename T, int width> __global__ void weigh(bt_scale scale, Tiling tiling) {
    const int lane = threadIdx.x % tiling.lanes, row = threadIdx.x / tiling.lanes;
    const int channel = (blockIdx.y * tiling.lanes + lane) * width;
    if (channel >= scale.channels) return;
    float factor[width];
    for (int c = 0; c < width; c++)
        factor[c] = 1;
    if (scale.channel)
        read_floats(scale.channel + static_cast<int64_t>(blockIdx.z) * scale.channels + channel, factor);
    const int64_t first = blockIdx.z * scale.pixels;
    const int64_t piece = static_cast<int64_t>(tiling.rows) * pixels_at_once;
    for (int64_t p = blockIdx.x * piece + row; p < scale.pixels; p += gridDim.x * piece)
        weigh_pixels<T>(scale, first, p, tiling.rows, channel, factor);
}

template <typename T, int width> int launch_weigh(const bt_scale &scale, void *stream) {
    const Tiling tiling = tiling_of(scale.channels, width, block_threads);
    const int64_t most = static_cast<int64_t>(blocks_most) * multiprocessors();
    const int64_t share = most / (static_cast<int64_t>(tiling.groups) * scale.batch) + 1;
    const unsigned slices = blocks_of(scale.pixels, tiling.rows * pixels_at_once);
    const dim3 grid(slices < share ? slices : static_cast<unsigned>(share),
                    static_cast<unsigned>(tiling.groups), static_cast<unsigned>(scale.batch));
    return launch(weigh<T, width>, grid, tiling.lanes * tiling.rows, 0, stream, scale, tiling);
}

__global__ void sigmoid_of(float *values, int64_t count) {
    const int64_t step = static_cast<int64_t>(gridDim.x) * block_threads;
    for (int64_t i = static_cast<int64_t>(blockIdx.x) * block_threads + threadIdx.x; i < count; i += step)
        values[i] = 1 / (1 + expf(-values[i]));
}

bool is_wide(const bt_scale &scale, int width) {
    const auto pieces = static_cast<size_t>(width);
    return scale.channels % width == 0 && scale.out_stride % pieces == 0 && is_aligned(scale.x) &&
           is_aligned(scale.out);
}

} // namespace
} // namespace bt_cuda

int bt_cuda_scale(const bt_scale *scale, void *stream) {
    using namespace bt_cuda;
    if (scale->ratio || scale->batch < 1 || scale->channels < 1 || scale->pixels < 1)
        return cudaErrorInvalidValue;
    return with_type(scale->type, [&](auto value) {
        using T = decltype(value);
        return is_wide(*scale, wide<T>) ? launch_weigh<T, wide<T>>(*scale, stream)
                                        : launch_weigh<T, 1>(*scale, stream);
    });
}

int bt_cuda_sigmoid(float *values, size_t count, void *stream) {
    using namespace bt_cuda;
    if (count == 0) return 0;
    const unsigned most = static_cast<unsigned>(blocks_most * multiprocessors());
    const unsigned blocks = blocks_of(static_cast<int64_t>(count), block_threads);
    return launch(sigmoid_of, dim3(blocks < most ? blocks : most), block_threads, 0, stream, values,
                  static_cast<int64_t>(count));
}
