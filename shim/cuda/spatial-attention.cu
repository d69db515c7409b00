/* A factor for each pixel of each image: a convolution over two maps, the mean and the largest of the pixel's
 * weighed channels.
 *
 * The first launch reads x once and writes the maps, 8 bytes a pixel, to the scratch; the second one convolves
 * them. In one launch each block would have to read x again where its neighbours have their borders. */
#include "kernels.h"
#include "launch.cuh"

namespace bt_cuda {
namespace {

/* Threads of a block of either launch, and how many of its blocks a multiprocessor holds at once at least, so
 * that each thread has 64 registers for what it has under way. The first launch has no more blocks than the
 * device holds, each with several pixels: every block sets the channels' weights once. */
constexpr int block_threads = 256;
constexpr int blocks_each = 4;

/* Pixels whose reads a thread begins before it uses the first. */
constexpr int pixels_at_once = 4;

/* Threads of a pixel, at least: each of them writes one of the pixels at once. At most a warp. */
constexpr int lanes_least = pixels_at_once;
constexpr int warp = 32;
constexpr unsigned everybody = 0xffffffff;

/* ---- the maps ---- */

/* map[image][0: means, 1: largest][pixel]. */
struct Layout {
    int lanes; /* of a pixel */
    int64_t pixels, blocks;
};

Layout layout_of(const bt_spatial_attention &a, int width) {
    Layout layout = {lanes_least, static_cast<int64_t>(a.height) * a.width, 0};
    while (layout.lanes < warp && layout.lanes * width < a.channels)
        layout.lanes *= 2;
    const int64_t at_once = static_cast<int64_t>(block_threads / layout.lanes) * pixels_at_once,
                  needed = (layout.pixels + at_once - 1) / at_once,
                  held = blocks_each * multiprocessors() / a.batch;
    layout.blocks = needed < held ? needed : held > 0 ? held : 1;
    return layout;
}

/* Values in a read of 16 bytes, or 1 where pixels do not come in such pieces. */
int width_of(const bt_spatial_attention &a) {
    const int whole = static_cast<int>(16 / bt_value_bytes(a.type));
    return a.channels % whole == 0 && is_aligned(a.x) ? whole : 1;
}

/* Pixels one after another: sum and largest of this lane's channels, weighed. Both are of all channels once the
 * lanes have joined theirs. Those more than `rest` behind the first stand for that one, so that nothing here
 * depends on where the image ends. A NaN need not show in the largest: it does in the sum. */
template <typename T, int width>
__device__ void take_pixels(const T *first, int rest, int channels, int lanes, int lane, const float *weights,
                            float *sum, float *largest) {
    for (int c = lane * width; c < channels; c += lanes * width) {
        Vector<T, width> x[pixels_at_once];
#pragma unroll
        for (int k = 0; k < pixels_at_once; k++)
            x[k] = *reinterpret_cast<const Vector<T, width> *>(first + (k < rest ? k : rest) * channels + c);
        constexpr int at_once = width % 4 == 0 ? 4 : 1;
        Vector<float, at_once> weight[width / at_once];
#pragma unroll
        for (int i = 0; i < width / at_once; i++)
            weight[i] = *reinterpret_cast<const Vector<float, at_once> *>(weights + c + i * at_once);
#pragma unroll
        for (int k = 0; k < pixels_at_once; k++)
#pragma unroll
            for (int i = 0; i < width; i++) {
                const float value = widen(x[k].values[i]) * weight[i / at_once].values[i % at_once];
                sum[k] += value;
                largest[k] = fmaxf(largest[k], value);
            }
    }
}

/* Over the lanes of a pixel; then lane k has pixel k's in `sum` and `largest`. */
__device__ inline void join_lanes(int lanes, int lane, float *sum, float *largest) {
    for (int apart = lanes / 2; apart > 0; apart /= 2)
#pragma unroll
        for (int k = 0; k < pixels_at_once; k++) {
            sum[k] += __shfl_xor_sync(everybody, sum[k], apart);
            largest[k] = fmaxf(largest[k], __shfl_xor_sync(everybody, largest[k], apart));
        }
#pragma unroll
    for (int k = 1; k < pixels_at_once; k++)
        if (lane == k) {
            sum[0] = sum[k];
            largest[0] = largest[k];
        }
}

template <typename T, int width>
__global__ void __launch_bounds__(block_threads, blocks_each)
    draw_maps(bt_spatial_attention a, Layout layout, float *maps) {
    float *weights = shared_memory<float>();
    const int64_t image = blockIdx.y;
    for (int c = static_cast<int>(threadIdx.x); c < a.channels; c += block_threads)
        weights[c] = a.channel ? a.channel[image * a.channels + c] : 1;
    __syncthreads();
    const int lane = static_cast<int>(threadIdx.x) % layout.lanes,
              group = static_cast<int>(threadIdx.x) / layout.lanes;
    const int64_t at_once = static_cast<int64_t>(block_threads / layout.lanes) * pixels_at_once,
                  last = layout.pixels - 1;
    const T *x = static_cast<const T *>(a.x) + image * layout.pixels * a.channels;
    float *mean = maps + image * 2 * layout.pixels;
    const float share = 1 / static_cast<float>(a.channels);
    /* Every lane stays to the end: all take part in the shuffles. */
    for (int64_t first = blockIdx.x * at_once; first < layout.pixels; first += layout.blocks * at_once) {
        const int64_t pixel = first + group * pixels_at_once;
        float sum[pixels_at_once], largest[pixels_at_once];
#pragma unroll
        for (int k = 0; k < pixels_at_once; k++) {
            sum[k] = 0;
            largest[k] = -INFINITY;
        }
        const int64_t begin = pixel < last ? pixel : last,
                      rest = last - begin < pixels_at_once ? last - begin : pixels_at_once;
        take_pixels<T, width>(x + begin * a.channels, static_cast<int>(rest), a.channels, layout.lanes, lane,
                              weights, sum, largest);
        join_lanes(layout.lanes, lane, sum, largest);
        if (lane < pixels_at_once && pixel + lane < layout.pixels) {
            mean[pixel + lane] = sum[0] * share;
            mean[layout.pixels + pixel + lane] = largest[0];
        }
    }
}

/* ---- the convolution ---- */

__device__ inline float sigmoid(float x) {
    return 1 / (1 + expf(-x));
}

/* The convolution that networks have, by tiles: a warp has a tile's width, a thread so many pixels one below
 * another, each of whose reads serves several of them. */
constexpr int usual_kernel = 7;
constexpr int pixels_down = 8;
constexpr int tile_width = warp;
constexpr int tile_height = block_threads / warp * pixels_down;
constexpr int border = usual_kernel / 2;
constexpr int rows_read = tile_height + 2 * border;
constexpr int columns_read = tile_width + 2 * border;
constexpr int weights_apart = 8; /* of two columns of weights, so that four are read at once */

struct Tile {
    float maps[2][rows_read][columns_read];
    alignas(16) float weights[2][usual_kernel][weights_apart]; /* column by column */
};

/* What a thread has of the tile and of what lies around it, a warp a row; 0 beyond the image. It reads all of a
 * map before it keeps the first of it. */
__device__ void read_maps(const bt_spatial_attention &a, const float *maps, int top, int left, Tile *tile) {
    constexpr int warps = block_threads / warp, rows_each = (rows_read + warps - 1) / warps,
                  columns_each = (columns_read + warp - 1) / warp;
    const int column = static_cast<int>(threadIdx.x) % warp, first = static_cast<int>(threadIdx.x) / warp,
              above = border - top, below = a.height + above, before = border - left,
              behind = a.width + before;
    const float *from = maps + (static_cast<int64_t>(first - above) * a.width + column - before);
    for (int map = 0; map < 2; map++, from += static_cast<int64_t>(a.height) * a.width) {
        float values[rows_each][columns_each];
#pragma unroll
        for (int k = 0; k < rows_each; k++)
#pragma unroll
            for (int j = 0; j < columns_each; j++) {
                const int r = first + k * warps, c = column + j * warp;
                const bool is_inside =
                    r >= above && r < below && c >= before && c < behind && r < rows_read && c < columns_read;
                values[k][j] = is_inside ? from[k * warps * a.width + j * warp] : 0;
            }
#pragma unroll
        for (int k = 0; k < rows_each; k++)
#pragma unroll
            for (int j = 0; j < columns_each; j++)
                if (first + k * warps < rows_read && column + j * warp < columns_read)
                    tile->maps[map][first + k * warps][column + j * warp] = values[k][j];
    }
}

/* The weights are under way while the maps are read. */
__device__ void read_tile(const bt_spatial_attention &a, const float *maps, int top, int left, Tile *tile) {
    constexpr int weights = 2 * usual_kernel * usual_kernel;
    static_assert(weights <= block_threads, "a weight a thread");
    const int i = static_cast<int>(threadIdx.x);
    const float weight = i < weights ? a.weight[i] : 0;
    read_maps(a, maps, top, left, tile);
    if (i < weights)
        tile->weights[i / (weights / 2)][i % usual_kernel][i / usual_kernel % usual_kernel] = weight;
}

/* pixels_down of them, from the tile's row `first` and in its column `column`. */
__device__ void slide(const Tile &tile, int first, int column, float *sum) {
#pragma unroll
    for (int k = 0; k < pixels_down; k++)
        sum[k] = 0;
#pragma unroll
    for (int map = 0; map < 2; map++)
#pragma unroll
        for (int j = 0; j < usual_kernel; j++) {
            float values[pixels_down + 2 * border];
            Vector<float, 4> weights[weights_apart / 4];
#pragma unroll
            for (int i = 0; i < weights_apart / 4; i++)
                weights[i] = *reinterpret_cast<const Vector<float, 4> *>(&tile.weights[map][j][4 * i]);
#pragma unroll
            for (int i = 0; i < pixels_down + 2 * border; i++)
                values[i] = tile.maps[map][first + i][column + j];
#pragma unroll
            for (int k = 0; k < pixels_down; k++)
#pragma unroll
                for (int i = 0; i < usual_kernel; i++)
                    sum[k] += values[k + i] * weights[i / 4].values[i % 4];
        }
}

__global__ void __launch_bounds__(block_threads, blocks_each)
    convolve_tiles(bt_spatial_attention a, const float *maps) {
    __shared__ Tile tile;
    const int top = static_cast<int>(blockIdx.y) * tile_height,
              left = static_cast<int>(blockIdx.x) * tile_width, column = static_cast<int>(threadIdx.x) % warp,
              row = static_cast<int>(threadIdx.x) / warp * pixels_down;
    const int64_t pixels = static_cast<int64_t>(a.height) * a.width, image = blockIdx.z;
    read_tile(a, maps + image * 2 * pixels, top, left, &tile);
    __syncthreads();
    if (left + column >= a.width) return;
    float sum[pixels_down];
    slide(tile, row, column, sum);
    float *out = a.factors + image * pixels + left + column;
#pragma unroll
    for (int k = 0; k < pixels_down; k++)
        if (top + row + k < a.height) out[static_cast<int64_t>(top + row + k) * a.width] = sigmoid(sum[k]);
}

/* Of any other size: a thread a pixel, nothing shared. */
__global__ void convolve(bt_spatial_attention a, const float *maps) {
    const int64_t pixels = static_cast<int64_t>(a.height) * a.width, image = blockIdx.y,
                  pixel = static_cast<int64_t>(blockIdx.x) * block_threads + threadIdx.x;
    if (pixel >= pixels) return;
    const int y = static_cast<int>(pixel / a.width), x = static_cast<int>(pixel % a.width),
              half = a.kernel / 2;
    float sum = 0;
    for (int map = 0; map < 2; map++)
        for (int i = 0; i < a.kernel; i++) {
            const int row = y + i - half;
            if (row < 0 || row >= a.height) continue;
            const float *from = maps + (image * 2 + map) * pixels + static_cast<int64_t>(row) * a.width,
                        *weights = a.weight + (map * a.kernel + i) * a.kernel;
            for (int j = 0; j < a.kernel; j++)
                if (x + j >= half && x + j - half < a.width) sum += from[x + j - half] * weights[j];
        }
    a.factors[image * pixels + pixel] = sigmoid(sum);
}

/* ---- on the host ---- */

template <typename T, int width> int draw(const bt_spatial_attention &a, float *maps, void *stream) {
    const Layout layout = layout_of(a, width);
    const dim3 grid(static_cast<unsigned>(layout.blocks), static_cast<unsigned>(a.batch));
    return launch(draw_maps<T, width>, grid, block_threads, static_cast<size_t>(a.channels) * sizeof(float),
                  stream, a, layout, maps);
}

int convolve_any(const bt_spatial_attention &a, const float *maps, void *stream) {
    if (a.kernel == usual_kernel)
        return launch(convolve_tiles,
                      dim3(blocks_of(a.width, tile_width), blocks_of(a.height, tile_height),
                           static_cast<unsigned>(a.batch)),
                      block_threads, 0, stream, a, maps);
    const int64_t pixels = static_cast<int64_t>(a.height) * a.width;
    return launch(convolve, dim3(blocks_of(pixels, block_threads), static_cast<unsigned>(a.batch)),
                  block_threads, 0, stream, a, maps);
}

} // namespace
} // namespace bt_cuda

size_t bt_cuda_spatial_attention_scratch(const bt_spatial_attention *attention) {
    return 2 * static_cast<size_t>(attention->batch) * static_cast<size_t>(attention->height) *
           static_cast<size_t>(attention->width) * sizeof(float);
}

int bt_cuda_spatial_attention(const bt_spatial_attention *attention, void *scratch, void *stream) {
    using namespace bt_cuda;
    if (attention->unit) return cudaErrorInvalidValue;
    float *maps = static_cast<float *>(scratch);
    const int error = with_type(attention->type, [&](auto zero) {
        using T = decltype(zero);
        return width_of(*attention) > 1 ? draw<T, wide<T>>(*attention, maps, stream)
                                        : draw<T, 1>(*attention, maps, stream);
    });
    return error == cudaSuccess ? convolve_any(*attention, maps, stream) : error;
}
