/* An image into channels_last, and a transposed convolution's result into its place, on a CUDA device. */
#include "kernels.h"
#include "launch.cuh"
#include "pixels.cuh"

namespace bt_cuda {
namespace {

constexpr int block_threads = 256;

/* Pixels that a thread reads before it waits for any. */
constexpr int pixels_at_once = 4;

/* ---- planes to pixels: a thread for each pixel ---- */

/* The grid is pieces of an image x images. */
template <typename T, int width> __global__ void interleave_planes(bt_interleave interleave) {
    const int64_t p = static_cast<int64_t>(blockIdx.x) * block_threads + threadIdx.x;
    if (p >= interleave.pixels) return;
    const float *planes = interleave.planes + blockIdx.y * interleave.pixels * interleave.channels + p;
    T *out = static_cast<T *>(interleave.out) +
             (blockIdx.y * interleave.pixels + p) * static_cast<int64_t>(interleave.out_channels);
    for (int from = 0; from < interleave.out_channels; from += width) {
        float values[width];
        for (int i = 0; i < width; i++)
            values[i] = from + i < interleave.channels ? planes[(from + i) * interleave.pixels] : 0.0f;
        Vector<T, width> vector;
        for (int i = 0; i < width; i++)
            narrow(&vector.values[i], values[i]);
        *reinterpret_cast<Vector<T, width> *>(out + from) = vector;
    }
}

template <typename T, int width> int launch_interleave(const bt_interleave &interleave, void *stream) {
    const dim3 grid(blocks_of(interleave.pixels, block_threads), static_cast<unsigned>(interleave.batch));
    return launch(interleave_planes<T, width>, grid, block_threads, 0, stream, interleave);
}

/* ---- pixels that hold squares to squares of pixels ---- */

/* A row of the output: where it is in x, and its first pixel in the output. */
template <typename T> struct Row {
    const T *x;
    int64_t pixel;
};

template <typename T> __device__ Row<T> row_of(const bt_unfold &unfold, int64_t image, int64_t y) {
    const int64_t size = unfold.size, square = size * size * unfold.channels;
    const int64_t from = (image * unfold.height + y / size) * unfold.width * square;
    return {static_cast<const T *>(unfold.x) + from + y % size * size * unfold.channels,
            (image * unfold.height * size + y) * unfold.width * size};
}

/* Channels of the pixels from, from + step, ... of a row of the output. */
template <typename T, int width>
__device__ void unfold_pixels(const bt_unfold &unfold, const Row<T> &row, int from, int step, int channel,
                              const float (&bias)[width]) {
    const int columns = unfold.width * unfold.size;
    const int64_t square = static_cast<int64_t>(unfold.size) * unfold.size * unfold.channels;
    Vector<T, width> values[pixels_at_once];
#pragma unroll
    for (int i = 0; i < pixels_at_once; i++) {
        const int at = from + i * step;
        if (at >= columns) continue;
        values[i] = *reinterpret_cast<const Vector<T, width> *>(
            row.x + at / unfold.size * square + static_cast<int64_t>(at % unfold.size) * unfold.channels +
            channel);
    }
#pragma unroll
    for (int i = 0; i < pixels_at_once; i++) {
        const int64_t at = from + i * step, pixel = row.pixel + at;
        if (at >= columns) continue;
        for (int c = 0; unfold.bias && c < width; c++)
            narrow(&values[i].values[c], widen(values[i].values[c]) + bias[c]);
        T *out = static_cast<T *>(unfold.out), *second = static_cast<T *>(unfold.second_out);
        if (out) *reinterpret_cast<Vector<T, width> *>(out + pixel * unfold.channels + channel) = values[i];
        if (second)
            *reinterpret_cast<Vector<T, width> *>(
                second + pixel * static_cast<int64_t>(unfold.second_stride) + channel) = values[i];
    }
}

/* The grid is pieces of a row of the output x (its rows x groups of channels) x images. */
template <typename T, int width> __global__ void unfold_rows(bt_unfold unfold, Tiling tiling) {
    const int lane = threadIdx.x % tiling.lanes, first = threadIdx.x / tiling.lanes;
    const int channel = (blockIdx.y % tiling.groups * tiling.lanes + lane) * width;
    if (channel >= unfold.channels) return;
    float bias[width];
    if (unfold.bias) read_floats(unfold.bias + channel, bias);
    const Row<T> row = row_of<T>(unfold, blockIdx.z, blockIdx.y / tiling.groups);
    unfold_pixels<T>(unfold, row, static_cast<int>(blockIdx.x) * tiling.rows * pixels_at_once + first,
                     tiling.rows, channel, bias);
}

template <typename T, int width> int launch_unfold(const bt_unfold &unfold, void *stream) {
    const Tiling tiling = tiling_of(unfold.channels, width, block_threads);
    const dim3 grid(blocks_of(static_cast<int64_t>(unfold.width) * unfold.size, tiling.rows * pixels_at_once),
                    static_cast<unsigned>(unfold.height * unfold.size * tiling.groups),
                    static_cast<unsigned>(unfold.batch));
    return launch(unfold_rows<T, width>, grid, tiling.lanes * tiling.rows, 0, stream, unfold, tiling);
}

bool is_wide(const bt_unfold &unfold, int width) {
    const bool second_fits = !unfold.second_out || unfold.second_stride % static_cast<size_t>(width) == 0;
    return unfold.channels % width == 0 && second_fits && is_aligned(unfold.x) && is_aligned(unfold.out) &&
           is_aligned(unfold.second_out);
}

} // namespace
} // namespace bt_cuda

int bt_cuda_interleave(const bt_interleave *interleave, void *stream) {
    using namespace bt_cuda;
    const bt_interleave &all = *interleave;
    if (all.batch < 1 || all.pixels < 1 || all.channels < 1 || all.out_channels < all.channels)
        return cudaErrorInvalidValue;
    return with_type(all.type, [&](auto value) {
        using T = decltype(value);
        return all.out_channels % wide<T> == 0 && is_aligned(all.out)
                   ? launch_interleave<T, wide<T>>(all, stream)
                   : launch_interleave<T, 1>(all, stream);
    });
}

int bt_cuda_unfold(const bt_unfold *unfold, void *stream) {
    using namespace bt_cuda;
    if (unfold->batch < 1 || unfold->channels < 1 || unfold->height < 1 || unfold->width < 1 ||
        unfold->size < 1)
        return cudaErrorInvalidValue;
    return with_type(unfold->type, [&](auto value) {
        using T = decltype(value);
        return is_wide(*unfold, wide<T>) ? launch_unfold<T, wide<T>>(*unfold, stream)
                                         : launch_unfold<T, 1>(*unfold, stream);
    });
}
