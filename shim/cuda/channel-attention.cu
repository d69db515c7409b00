/* A factor for each channel of each image: a small perceptron of the channel's mean and of its largest value.
 *
 * The first launch reads x once, each block a slice of an image's pixels, and leaves sums and largest values of
 * the slice. The second one, a block an image, joins the slices and runs the perceptron, whose weights are
 * small against x. That it is a launch of its own, and not the work of whichever block is last, spares the
 * scratch a counter that somebody would have to set to zero. */
#include "kernels.h"
#include "launch.cuh"

namespace bt_cuda {
namespace {

/* Threads of a block that reads x, and how many such blocks a multiprocessor holds at once: together they have
 * some 64 KB under way, more than memory's latency times its speed. A launch has no more blocks than the device
 * holds, so that none waits for others to end; with smaller blocks there would be more slices to join. */
constexpr int gather_threads = 512;
constexpr int blocks_each = 2;

/* Threads side by side along the channels, at most: 128 bytes where they read 16 each, a whole line of the
 * cache. More leave fewer rows of pixels to a block, and so more sums to join for as many values read. */
constexpr int lanes_most = 8;

/* What each thread reads before it uses the first of it. */
constexpr int pixels_at_once = 4;

/* Threads of the block that joins an image's slices: as many as there may be, since it is alone. */
constexpr int finish_threads = 1024;

/* Threads to a channel of the perceptron's second layer: 32 bytes, the least that memory moves. */
constexpr int expand_lanes = 8;

constexpr int warp = 32;
constexpr int gather_warps = gather_threads / warp;
constexpr int columns_most = 64; /* channels of a block */
constexpr unsigned everybody = 0xffffffff;

/* How the work lies over the device: a block is `lanes` threads along the channels by `rows` along the pixels;
 * the grid is slices of an image's pixels x groups of channels x images. */
struct Layout {
    int lanes, rows, groups, slices;
};

Layout layout_of(const bt_channel_attention &a, int width) {
    const int vectors = (a.channels + width - 1) / width, most = width == 1 ? warp : lanes_most;
    Layout layout = {1, 0, 0, 0};
    while (layout.lanes < vectors && layout.lanes < most)
        layout.lanes *= 2;
    layout.rows = gather_threads / layout.lanes;
    layout.groups = (vectors + layout.lanes - 1) / layout.lanes;
    int64_t slices = blocks_each * multiprocessors() / (static_cast<int64_t>(layout.groups) * a.batch);
    const int64_t pixels = static_cast<int64_t>(a.height) * a.width,
                  useful = pixels / (static_cast<int64_t>(layout.rows) * pixels_at_once);
    if (slices > useful) slices = useful;
    layout.slices = slices < 1 ? 1 : static_cast<int>(slices);
    return layout;
}

/* Values in a read of 16 bytes, or 1 where pixels do not come in such pieces. */
int width_of(const bt_channel_attention &a) {
    const int whole = static_cast<int>(16 / bt_value_bytes(a.type));
    return a.channels % whole == 0 && is_aligned(a.x) ? whole : 1;
}

/* A few pixels into the sums and the largest of this thread's channels, `step` values apart: `count` of them
 * where they are not pixels_at_once. A NaN need not show in the largest: it does in the sum. */
template <typename T, int width, bool all>
__device__ void take_pixels(const T *at, int64_t step, int64_t count, float *sum, float *largest) {
    Vector<T, width> x[pixels_at_once];
#pragma unroll
    for (int k = 0; k < pixels_at_once; k++)
        if (all || k < count) x[k] = *reinterpret_cast<const Vector<T, width> *>(at + k * step);
#pragma unroll
    for (int k = 0; k < pixels_at_once; k++)
        if (all || k < count) {
#pragma unroll
            for (int i = 0; i < width; i++) {
                const float value = widen(x[k].values[i]);
                sum[i] += value;
                largest[i] = fmaxf(largest[i], value);
            }
        }
}

/* This thread's pixels of its slice. */
template <typename T, int width>
__device__ void read_slice(const bt_channel_attention &a, const Layout &layout, int channel, float *sum,
                           float *largest) {
    const int64_t pixels = static_cast<int64_t>(a.height) * a.width,
                  from = pixels * blockIdx.x / layout.slices + threadIdx.x / layout.lanes,
                  to = pixels * (blockIdx.x + 1) / layout.slices,
                  step = static_cast<int64_t>(layout.rows) * a.channels;
    const T *at = static_cast<const T *>(a.x) + (blockIdx.z * pixels + from) * a.channels + channel;
    int64_t count = from < to ? (to - from + layout.rows - 1) / layout.rows : 0;
    for (; count >= pixels_at_once; count -= pixels_at_once, at += pixels_at_once * step)
        take_pixels<T, width, true>(at, step, count, sum, largest);
    if (count > 0) take_pixels<T, width, false>(at, step, count, sum, largest);
}

/* Over the rows of a warp: every lane gets what its channels have in all of them. */
template <int width> __device__ void join_rows(int lanes, float *sum, float *largest) {
    for (int apart = lanes; apart < warp; apart *= 2)
#pragma unroll
        for (int i = 0; i < width; i++) {
            sum[i] += __shfl_xor_sync(everybody, sum[i], apart);
            largest[i] = fmaxf(largest[i], __shfl_xor_sync(everybody, largest[i], apart));
        }
}

/* partial[image][slice][0: sums, 1: largest][channel]. */
template <typename T, int width>
__global__ void __launch_bounds__(gather_threads, blocks_each)
    gather_slices(bt_channel_attention a, Layout layout, float *partial) {
    __shared__ float shared[2][gather_warps][columns_most];
    const int lane = static_cast<int>(threadIdx.x) % layout.lanes, columns = layout.lanes * width,
              first = static_cast<int>(blockIdx.y) * columns, mine = static_cast<int>(threadIdx.x) / warp;
    float sum[width], largest[width];
#pragma unroll
    for (int i = 0; i < width; i++) {
        sum[i] = 0;
        largest[i] = -INFINITY;
    }
    if (first + lane * width < a.channels)
        read_slice<T, width>(a, layout, first + lane * width, sum, largest);
    join_rows<width>(layout.lanes, sum, largest);
    if (static_cast<int>(threadIdx.x) % warp < layout.lanes)
#pragma unroll
        for (int i = 0; i < width; i++) {
            shared[0][mine][lane * width + i] = sum[i];
            shared[1][mine][lane * width + i] = largest[i];
        }
    __syncthreads();
    const int kind = static_cast<int>(threadIdx.x) / columns,
              column = static_cast<int>(threadIdx.x) % columns;
    if (kind > 1 || first + column >= a.channels) return;
    float joined = shared[kind][0][column];
#pragma unroll
    for (int w = 1; w < gather_warps; w++)
        joined = kind == 0 ? joined + shared[0][w][column] : fmaxf(joined, shared[1][w][column]);
    const int64_t slice = static_cast<int64_t>(blockIdx.z) * layout.slices + blockIdx.x;
    partial[(slice * 2 + kind) * a.channels + first + column] = joined;
}

/* ---- the second launch ---- */

/* What it keeps of an image, in the scratch: sizes are the caller's. */
struct Kept {
    float *mean, *largest, *hidden;
};

/* All slices of the image, each channel's by as many threads as there are for it. */
__device__ void join_slices(const bt_channel_attention &a, int slices, const float *partial,
                            const Kept &kept) {
    __shared__ float sums[finish_threads], most[finish_threads];
    const int thread = static_cast<int>(threadIdx.x),
              across = a.channels < finish_threads ? a.channels : finish_threads,
              parts = finish_threads / across, part = thread / across;
    const float share = 1 / (static_cast<float>(a.height) * static_cast<float>(a.width));
    for (int first = 0; first < a.channels; first += across) {
        const int c = first + thread % across;
        float sum = 0, largest = -INFINITY;
        if (part < parts && c < a.channels)
#pragma unroll 8
            for (int s = part; s < slices; s += parts) {
                const float *at = partial + static_cast<int64_t>(s) * 2 * a.channels + c;
                sum += at[0];
                largest = fmaxf(largest, at[a.channels]);
            }
        sums[thread] = sum;
        most[thread] = largest;
        __syncthreads();
        if (part == 0 && c < a.channels) {
            for (int p = 1; p < parts; p++) {
                sum += sums[p * across + thread];
                largest = fmaxf(largest, most[p * across + thread]);
            }
            kept.mean[c] = sum * share;
            kept.largest[c] = largest;
        }
        __syncthreads();
    }
}

/* The first layer, of both at once, a warp a row of weights. The second one is linear, so that both results are
 * added before it. */
__device__ void squeeze(const bt_channel_attention &a, const Kept &kept) {
    const int lane = static_cast<int>(threadIdx.x) % warp;
    for (int h = static_cast<int>(threadIdx.x) / warp; h < a.hidden; h += finish_threads / warp) {
        const float *weights = a.squeeze + static_cast<int64_t>(h) * a.channels;
        float of_mean = 0, of_largest = 0;
#pragma unroll 8
        for (int c = lane; c < a.channels; c += warp) {
            const float weight = weights[c];
            of_mean += weight * kept.mean[c];
            of_largest += weight * kept.largest[c];
        }
        for (int apart = warp / 2; apart > 0; apart /= 2) {
            of_mean += __shfl_xor_sync(everybody, of_mean, apart);
            of_largest += __shfl_xor_sync(everybody, of_largest, apart);
        }
        /* Not a maximum: a NaN stays one. */
        if (lane == 0) kept.hidden[h] = (of_mean < 0 ? 0 : of_mean) + (of_largest < 0 ? 0 : of_largest);
    }
}

/* The second layer and its sigmoid. Threads that have no channel take part in the shuffles all the same. */
__device__ void expand(const bt_channel_attention &a, const Kept &kept, float *factors) {
    const int lane = static_cast<int>(threadIdx.x) % expand_lanes, at_once = finish_threads / expand_lanes;
#pragma unroll 2
    for (int first = 0; first < a.channels; first += at_once) {
        const int c = first + static_cast<int>(threadIdx.x) / expand_lanes;
        const float *weights = a.expand + static_cast<int64_t>(c) * a.hidden;
        float sum = 0;
        if (c < a.channels)
#pragma unroll 8
            for (int h = lane; h < a.hidden; h += expand_lanes)
                sum += weights[h] * kept.hidden[h];
#pragma unroll
        for (int apart = expand_lanes / 2; apart > 0; apart /= 2)
            sum += __shfl_xor_sync(everybody, sum, apart);
        if (lane == 0 && c < a.channels) factors[c] = 1 / (1 + expf(-sum));
    }
}

__global__ void __launch_bounds__(finish_threads)
    finish_image(bt_channel_attention a, int slices, const float *partial, float *kept) {
    const int64_t image = blockIdx.x;
    float *mine = kept + image * (2 * static_cast<int64_t>(a.channels) + a.hidden);
    const Kept at = {mine, mine + a.channels, mine + 2 * static_cast<int64_t>(a.channels)};
    join_slices(a, slices, partial + image * slices * 2 * a.channels, at);
    squeeze(a, at);
    __syncthreads();
    expand(a, at, a.factors + image * a.channels);
}

/* ---- on the host ---- */

int64_t partial_floats(const bt_channel_attention &a, const Layout &layout) {
    return static_cast<int64_t>(a.batch) * layout.slices * 2 * a.channels;
}

template <typename T, int width> int run(const bt_channel_attention &a, float *scratch, void *stream) {
    const Layout layout = layout_of(a, width);
    const dim3 grid(static_cast<unsigned>(layout.slices), static_cast<unsigned>(layout.groups),
                    static_cast<unsigned>(a.batch));
    const int error = launch(gather_slices<T, width>, grid, gather_threads, 0, stream, a, layout, scratch);
    if (error != cudaSuccess) return error;
    return launch(finish_image, dim3(static_cast<unsigned>(a.batch)), finish_threads, 0, stream, a,
                  layout.slices, scratch, scratch + partial_floats(a, layout));
}

} // namespace
} // namespace bt_cuda

/* Of both widths, since x may not be there yet. */
size_t bt_cuda_channel_attention_scratch(const bt_channel_attention *attention) {
    using namespace bt_cuda;
    const bt_channel_attention &a = *attention;
    const int64_t wide = partial_floats(a, layout_of(a, static_cast<int>(16 / bt_value_bytes(a.type)))),
                  narrow = partial_floats(a, layout_of(a, 1)),
                  kept = a.batch * (2 * static_cast<int64_t>(a.channels) + a.hidden);
    return static_cast<size_t>((wide > narrow ? wide : narrow) + kept) * sizeof(float);
}

int bt_cuda_channel_attention(const bt_channel_attention *attention, void *scratch, void *stream) {
    using namespace bt_cuda;
    if (attention->unit) return cudaErrorInvalidValue;
    return with_type(attention->type, [&](auto zero) {
        using T = decltype(zero);
        float *room = static_cast<float *>(scratch);
        return width_of(*attention) > 1 ? run<T, wide<T>>(*attention, room, stream)
                                        : run<T, 1>(*attention, room, stream);
    });
}
