/* Pictures to a network's input on a CUDA device: what src/image/resize.c does, in the same floats.
 *
 * A block has a piece of a row of the output. It blends the rows of the picture that this row covers into one,
 * in shared memory and no more than a strip of it at a time, from which each thread adds up what its own pixel
 * covers. Nothing in between is written to memory, so no scratch is needed. */
#include "kernels.h"
#include "launch.cuh"

namespace bt_cuda {
namespace {

constexpr int block_threads = 256;

/* Pixels of the blended row that a block keeps at a time: 24 KiB. Two blocks of 256 outputs and more fit a
 * multiprocessor, and pictures up to 8 times as wide as the output take one strip. */
constexpr int strip_pixels = 2048;

/* Values of the blended row that a thread adds up at a time; each reads its weights once. */
constexpr int values_at_once = 4;

/* value * scale + offset is a byte of a channel normalised. */
struct Factors {
    float scale[3], offset[3];
};

/* What one output covers of the input: a triangle of radius max(1, in / out) around its centre, cut off at the
 * input's ends; weights need a division by their sum. Doubles place it, as on a CPU; what is left is small and
 * float holds it. */
struct Window {
    int start, count;
    float first; /* from the centre to the middle of the first pixel */
    float radius;

    __device__ float weight(int k) const {
        const float share = 1 - fabsf(first + static_cast<float>(k)) / radius;
        return share > 0 ? share : 0.0f;
    }
};

__device__ inline Window window_at(int i, int in, int out) {
    const double scale = static_cast<double>(in) / out;
    const double centre = (i + 0.5) * scale, radius = scale > 1 ? scale : 1;
    const int from = static_cast<int>(centre - radius + 0.5), to = static_cast<int>(centre + radius + 0.5);
    const int start = from > 0 ? from : 0;
    return {start, (to < in ? to : in) - start, static_cast<float>(start + 0.5 - centre),
            static_cast<float>(radius)};
}

/* Channels past the third one are 0. */
template <typename T, int width>
__device__ void write_pixel(const bt_cuda_prepare &prepare, const Factors &factors, int64_t pixel,
                            const float (&value)[3]) {
    T *out = static_cast<T *>(prepare.out) + pixel * prepare.out_channels;
    for (int from = 0; from < prepare.out_channels; from += width) {
        Vector<T, width> vector;
        for (int i = 0; i < width; i++)
            narrow(&vector.values[i], 0);
        for (int c = 0; c < 3; c++)
            if (c >= from && c < from + width)
                narrow(&vector.values[c % width], value[c] * factors.scale[c] + factors.offset[c]);
        *reinterpret_cast<Vector<T, width> *>(out + from) = vector;
    }
}

/* Pictures that have the network's size: a thread for each pixel. */
template <typename T, int width>
__global__ void normalize(bt_cuda_prepare prepare, Factors factors, int64_t pixels) {
    const int64_t pixel = static_cast<int64_t>(blockIdx.x) * block_threads + threadIdx.x;
    if (pixel >= pixels) return;
    const unsigned char *from = prepare.pixels + 3 * pixel;
    const float value[3] = {static_cast<float>(from[0]), static_cast<float>(from[1]),
                            static_cast<float>(from[2])};
    write_pixel<T, width>(prepare, factors, pixel, value);
}

/* `count` values of the picture's rows in the window `down`, from `first` on in each, as one row. */
__device__ inline void blend_rows(const unsigned char *first, int64_t row_bytes, const Window &down,
                                  int count, float *out) {
    for (int at = threadIdx.x; at < count; at += block_threads * values_at_once) {
        float sum[values_at_once] = {}, weights = 0;
        const unsigned char *row = first;
        for (int k = 0; k < down.count; k++, row += row_bytes) {
            const float weight = down.weight(k);
            weights += weight;
#pragma unroll
            for (int i = 0; i < values_at_once; i++)
                if (at + i * block_threads < count)
                    sum[i] += weight * static_cast<float>(row[at + i * block_threads]);
        }
#pragma unroll
        for (int i = 0; i < values_at_once; i++)
            if (at + i * block_threads < count) out[at + i * block_threads] = sum[i] / weights;
    }
}

/* What the blended pixels [from, to) add to the output whose window is `across`. */
__device__ inline void blend_across(const Window &across, const float *strip, int from, int to,
                                    float (&sum)[3], float *weights) {
    int k = across.start < from ? from - across.start : 0;
    for (; k < across.count && across.start + k < to; k++) {
        const float weight = across.weight(k);
        const float *pixel = strip + 3 * (across.start + k - from);
        *weights += weight;
        for (int c = 0; c < 3; c++)
            sum[c] += weight * pixel[c];
    }
}

/* The grid is pieces of a row of the output x its rows x images. Threads past the row's end do as its last
 * one does and write nothing: all must reach the barriers. */
template <typename T, int width> __global__ void resize(bt_cuda_prepare prepare, Factors factors) {
    __shared__ float strip[3 * strip_pixels];
    const int first = blockIdx.x * block_threads, x = first + threadIdx.x, last = prepare.width - 1;
    const int end = first + block_threads - 1 < last ? first + block_threads - 1 : last;
    const Window down = window_at(blockIdx.y, prepare.in_height, prepare.height);
    const Window across = window_at(x < last ? x : last, prepare.in_width, prepare.width);
    const Window rightmost = window_at(end, prepare.in_width, prepare.width);
    const int64_t row_bytes = 3 * static_cast<int64_t>(prepare.in_width);
    const unsigned char *rows =
        prepare.pixels + (static_cast<int64_t>(blockIdx.z) * prepare.in_height + down.start) * row_bytes;
    const int stop = rightmost.start + rightmost.count;
    float sum[3] = {}, weights = 0;
    for (int from = window_at(first, prepare.in_width, prepare.width).start; from < stop;
         from += strip_pixels) {
        const int to = from + strip_pixels < stop ? from + strip_pixels : stop;
        blend_rows(rows + 3 * static_cast<int64_t>(from), row_bytes, down, 3 * (to - from), strip);
        __syncthreads();
        blend_across(across, strip, from, to, sum, &weights);
        __syncthreads();
    }
    if (x > last) return;
    for (int c = 0; c < 3; c++)
        sum[c] /= weights;
    const int64_t row = static_cast<int64_t>(blockIdx.z) * prepare.height + blockIdx.y;
    write_pixel<T, width>(prepare, factors, row * prepare.width + x, sum);
}

/* As bt_image_norm_factors has them. */
Factors factors_of(const bt_cuda_prepare &prepare) {
    Factors factors;
    for (int c = 0; c < 3; c++) {
        factors.scale[c] = 1.0f / (255.0f * prepare.deviation[c]);
        factors.offset[c] = -prepare.mean[c] / prepare.deviation[c];
    }
    return factors;
}

template <typename T, int width> int launch_prepare(const bt_cuda_prepare &prepare, void *stream) {
    if (prepare.in_height == prepare.height && prepare.in_width == prepare.width) {
        const int64_t pixels = static_cast<int64_t>(prepare.batch) * prepare.height * prepare.width;
        return launch(normalize<T, width>, dim3(blocks_of(pixels, block_threads)), block_threads, 0, stream,
                      prepare, factors_of(prepare), pixels);
    }
    const dim3 grid(blocks_of(prepare.width, block_threads), static_cast<unsigned>(prepare.height),
                    static_cast<unsigned>(prepare.batch));
    return launch(resize<T, width>, grid, block_threads, 0, stream, prepare, factors_of(prepare));
}

bool is_valid(const bt_cuda_prepare &prepare) {
    return prepare.batch > 0 && prepare.in_height > 0 && prepare.in_width > 0 && prepare.height > 0 &&
           prepare.width > 0 && prepare.out_channels >= 3;
}

} // namespace
} // namespace bt_cuda

int bt_cuda_prepare_images(const bt_cuda_prepare *prepare, void *stream) {
    using namespace bt_cuda;
    if (!is_valid(*prepare)) return cudaErrorInvalidValue;
    return with_type(prepare->type, [&](auto value) {
        using T = decltype(value);
        return prepare->out_channels % wide<T> == 0 && is_aligned(prepare->out)
                   ? launch_prepare<T, wide<T>>(*prepare, stream)
                   : launch_prepare<T, 1>(*prepare, stream);
    });
}
