/* A 1 x 1 convolution to a single channel on a CUDA device.
 *
 * Lanes of a warp share a pixel, so that what they read lies together, and add their sums up by shuffles.
 * They have several pixels at a time: reads of all are under way at once, and each weight read serves all of
 * them. */
#include "kernels.h"
#include "launch.cuh"
#include "pixels.cuh"

namespace bt_cuda {
namespace {

constexpr int block_threads = 256;
constexpr int warp_threads = 32;

/* Pixels that lanes have at a time. */
constexpr int pixels_at_once = 4;

/* Blocks for each multiprocessor, at most: a few times what one holds at a time, so that the last ones to end
 * are short. */
constexpr int blocks_most = 16;

/* A power of two, as shuffles need. */
int lanes_of(int vectors) {
    int lanes = 1;
    while (lanes < vectors && lanes < warp_threads)
        lanes *= 2;
    return lanes;
}

/* Adds what one lane has of the pixels from, from + step, ... Pixels past the last one stand for it. */
template <typename T, int width>
__device__ void add_products(const bt_dot &dot, int64_t from, int step, int lane, int lanes,
                             float (&sum)[pixels_at_once]) {
    const T *x[pixels_at_once];
#pragma unroll
    for (int i = 0; i < pixels_at_once; i++) {
        const int64_t p = from + i * step < dot.pixels ? from + i * step : dot.pixels - 1;
        x[i] = static_cast<const T *>(dot.x) + p * dot.channels;
    }
    for (int channel = lane * width; channel < dot.channels; channel += lanes * width) {
        Vector<T, width> values[pixels_at_once];
        float weight[width];
#pragma unroll
        for (int i = 0; i < pixels_at_once; i++)
            values[i] = *reinterpret_cast<const Vector<T, width> *>(x[i] + channel);
        read_floats(dot.weight + channel, weight);
#pragma unroll
        for (int i = 0; i < pixels_at_once; i++)
            for (int c = 0; c < width; c++)
                sum[i] += widen(values[i].values[c]) * weight[c];
    }
}

/* A block's pixels at a time are its groups of lanes times pixels_at_once. All of its threads take the loop
 * equally often, as shuffles need. */
template <typename T, int width> __global__ void dot_pixels(bt_dot dot, int lanes) {
    const int lane = threadIdx.x % lanes, group = threadIdx.x / lanes, groups = block_threads / lanes;
    const int64_t piece = static_cast<int64_t>(groups) * pixels_at_once;
    for (int64_t from = blockIdx.x * piece; from < dot.pixels; from += gridDim.x * piece) {
        float sum[pixels_at_once] = {};
        add_products<T, width>(dot, from + group, groups, lane, lanes, sum);
#pragma unroll
        for (int i = 0; i < pixels_at_once; i++) {
            for (int other = lanes / 2; other > 0; other /= 2)
                sum[i] += __shfl_xor_sync(0xffffffffu, sum[i], other);
            const int64_t p = from + group + i * groups;
            if (lane == 0 && p < dot.pixels) dot.out[p] = sum[i] + dot.bias;
        }
    }
}

template <typename T, int width> int launch_dot(const bt_dot &dot, void *stream) {
    const int lanes = lanes_of(dot.channels / width);
    const unsigned most = static_cast<unsigned>(blocks_most * multiprocessors());
    const unsigned blocks = blocks_of(dot.pixels, block_threads / lanes * pixels_at_once);
    return launch(dot_pixels<T, width>, dim3(blocks < most ? blocks : most), block_threads, 0, stream, dot,
                  lanes);
}

} // namespace
} // namespace bt_cuda

int bt_cuda_dot(const bt_dot *dot, void *stream) {
    using namespace bt_cuda;
    if (dot->pixels < 1 || dot->channels < 1) return cudaErrorInvalidValue;
    return with_type(dot->type, [&](auto value) {
        using T = decltype(value);
        return dot->channels % wide<T> == 0 && is_aligned(dot->x) ? launch_dot<T, wide<T>>(*dot, stream)
                                                                  : launch_dot<T, 1>(*dot, stream);
    });
}
