#include "norm.h"

#include "launch.cuh"

using bt_cuda::is_aligned;
using bt_cuda::narrow;
using bt_cuda::Vector;
using bt_cuda::widen;

namespace {

/* Threads of a block. More hide memory's latency better within a block and leave fewer blocks to a
 * multiprocessor at a time; shared memory for sums grows with them. A power of two, as the sums over the rows
 * need. */
constexpr int block_threads = 256;

/* Threads side by side along the channels, at most: a warp, whose reads of a pixel then lie together. Fewer
 * read in shorter pieces; more leave fewer rows of pixels to a block. */
constexpr int lanes_most = 32;

/* Blocks of a launch: a few for each of the 132 multiprocessors of a large device (H100). Fewer leave some
 * idle at the end; more gather more partial sums, which every block of the second launch reads. */
constexpr int blocks_wanted = 4 * 132;

/* Pixels that a thread has of its slice, at least: with fewer, joining the rows' sums takes longer than
 * gathering them. */
constexpr int pixels_least = 8;

/* Slices of an image, at most: what the second launch adds up, one after another, for each channel. */
constexpr int slices_most = 64;

/* How the work lies over the device. A block is `lanes` threads along the channels by `rows` along the
 * pixels; the grid is slices of an image's pixels x groups of channels x images. */
struct Layout {
    int lanes, rows, groups, slices;
};

Layout layout_of(const bt_cuda_norm &norm, int width) {
    Layout layout;
    int vectors = (norm.channels + width - 1) / width;
    layout.lanes = 1;
    while (layout.lanes < vectors && layout.lanes < lanes_most)
        layout.lanes *= 2;
    layout.rows = block_threads / layout.lanes;
    layout.groups = (vectors + layout.lanes - 1) / layout.lanes;
    int64_t blocks = static_cast<int64_t>(layout.groups) * norm.batch;
    int64_t slices = (blocks_wanted + blocks - 1) / blocks;
    int64_t most = norm.pixels / (static_cast<int64_t>(layout.rows) * pixels_least);
    if (slices > most) slices = most;
    if (slices > slices_most) slices = slices_most;
    layout.slices = slices < 1 ? 1 : static_cast<int>(slices);
    return layout;
}

struct Span {
    int64_t from, to;
};

__device__ inline Span slice_of(int64_t pixels, int slice, int slices) {
    return {pixels * slice / slices, pixels * (slice + 1) / slices};
}

/* Sum and sum of squares of what this block's slice has, less `shift`, over the rows: the result is row
 * 0's. */
template <typename T, int width>
__device__ void gather(const T *image, int channels, int channel, bool mine, Span span, int lanes, int rows,
                       const float *shift, float *sum, float *square, float *shared) {
    int lane = threadIdx.x % lanes, row = threadIdx.x / lanes;
    for (int i = 0; i < width; i++)
        sum[i] = square[i] = 0;
    if (mine)
        for (int64_t p = span.from + row; p < span.to; p += rows) {
            auto x = *reinterpret_cast<const Vector<T, width> *>(image + p * channels + channel);
            for (int i = 0; i < width; i++) {
                float d = widen(x.values[i]) - shift[i];
                sum[i] += d;
                square[i] += d * d;
            }
        }
    /* Along the rows, one value of the vector after another, so that shared memory stays small. */
    for (int i = 0; i < width; i++) {
        float *sums = shared, *squares = shared + block_threads;
        sums[threadIdx.x] = sum[i];
        squares[threadIdx.x] = square[i];
        __syncthreads();
        for (int half = rows / 2; half > 0; half /= 2) {
            if (row < half) {
                sums[threadIdx.x] += sums[threadIdx.x + half * lanes];
                squares[threadIdx.x] += squares[threadIdx.x + half * lanes];
            }
            __syncthreads();
        }
        sum[i] = sums[lane];
        square[i] = squares[lane];
        __syncthreads();
    }
}

/* What normalising takes: y = ((x - shift) - mean) * factor + offset, where `mean` is what the shift left of
 * the true one. Subtracted one after the other, so that a large mean costs no digits here either. */
__device__ inline void set_factor(double sum, double square, int64_t pixels, float epsilon, float scale,
                                  float *mean, float *factor) {
    double left = sum / static_cast<double>(pixels);
    double variance = square / static_cast<double>(pixels) - left * left;
    if (variance < 0) variance = 0;
    *mean = static_cast<float>(left);
    *factor = scale * static_cast<float>(1 / sqrt(variance + static_cast<double>(epsilon)));
}

template <typename T, int width>
__device__ void apply(const bt_cuda_norm &norm, T *image, const T *residual, int channel, Span span, int row,
                      int rows, const float *shift, const float *mean, const float *factor) {
    for (int64_t p = span.from + row; p < span.to; p += rows) {
        int64_t at = p * norm.channels + channel;
        auto x = *reinterpret_cast<const Vector<T, width> *>(image + at);
        Vector<T, width> more;
        if (residual) more = *reinterpret_cast<const Vector<T, width> *>(residual + at);
        for (int i = 0; i < width; i++) {
            float y = (widen(x.values[i]) - shift[i] - mean[i]) * factor[i] + norm.offset[channel + i];
            if (residual) y += widen(more.values[i]);
            /* Not a maximum: a NaN stays one. */
            narrow(&x.values[i], norm.relu && y < 0 ? 0.0f : y);
        }
        *reinterpret_cast<Vector<T, width> *>(image + at) = x;
    }
}

/* The first launch of two: partial[image][slice][0: sums, 1: squares][channel]. */
template <typename T, int width>
__global__ void gather_slices(bt_cuda_norm norm, Layout layout, float *partial) {
    __shared__ float shared[2 * block_threads];
    int lane = threadIdx.x % layout.lanes, row = threadIdx.x / layout.lanes;
    int channel = (blockIdx.y * layout.lanes + lane) * width;
    bool mine = channel < norm.channels;
    const T *image = static_cast<const T *>(norm.x) + blockIdx.z * norm.pixels * norm.channels;
    float shift[width], sum[width], square[width];
    for (int i = 0; i < width; i++)
        shift[i] = mine ? widen(image[channel + i]) : 0;
    gather<T, width>(image, norm.channels, channel, mine, slice_of(norm.pixels, blockIdx.x, layout.slices),
                     layout.lanes, layout.rows, shift, sum, square, shared);
    if (!mine || row != 0) return;
    float *out =
        partial + (static_cast<int64_t>(blockIdx.z) * layout.slices + blockIdx.x) * 2 * norm.channels;
    for (int i = 0; i < width; i++) {
        out[channel + i] = sum[i];
        out[norm.channels + channel + i] = square[i];
    }
}

/* The second one reads the shifts that the first one subtracted from `shifts`: x is being overwritten. */
template <typename T, int width>
__global__ void apply_slices(bt_cuda_norm norm, Layout layout, const float *partial, const float *shifts) {
    int lane = threadIdx.x % layout.lanes, row = threadIdx.x / layout.lanes;
    int channel = (blockIdx.y * layout.lanes + lane) * width;
    if (channel >= norm.channels) return;
    T *image = static_cast<T *>(norm.x) + blockIdx.z * norm.pixels * norm.channels;
    const T *residual = norm.residual
                            ? static_cast<const T *>(norm.residual) + blockIdx.z * norm.pixels * norm.channels
                            : nullptr;
    const float *in = partial + static_cast<int64_t>(blockIdx.z) * layout.slices * 2 * norm.channels;
    float shift[width], mean[width], factor[width];
    for (int i = 0; i < width; i++) {
        double sum = 0, square = 0;
        for (int s = 0; s < layout.slices; s++) {
            sum += static_cast<double>(in[static_cast<int64_t>(s) * 2 * norm.channels + channel + i]);
            square +=
                static_cast<double>(in[(static_cast<int64_t>(s) * 2 + 1) * norm.channels + channel + i]);
        }
        shift[i] = shifts[blockIdx.z * norm.channels + channel + i];
        set_factor(sum, square, norm.pixels, norm.epsilon, norm.scale[channel + i], &mean[i], &factor[i]);
    }
    apply<T, width>(norm, image, residual, channel, slice_of(norm.pixels, blockIdx.x, layout.slices), row,
                    layout.rows, shift, mean, factor);
}

template <typename T> __global__ void keep_shifts(bt_cuda_norm norm, float *shifts) {
    int i = blockIdx.x * blockDim.x + threadIdx.x;
    if (i >= norm.batch * norm.channels) return;
    int64_t image = i / norm.channels, channel = i % norm.channels;
    shifts[i] = widen(static_cast<const T *>(norm.x)[image * norm.pixels * norm.channels + channel]);
}

/* Both halves at once, for images that one block a group of channels is enough for. */
template <typename T, int width> __global__ void norm_whole(bt_cuda_norm norm, Layout layout) {
    __shared__ float shared[2 * block_threads];
    int lane = threadIdx.x % layout.lanes, row = threadIdx.x / layout.lanes;
    int channel = (blockIdx.y * layout.lanes + lane) * width;
    bool mine = channel < norm.channels;
    T *image = static_cast<T *>(norm.x) + blockIdx.z * norm.pixels * norm.channels;
    const T *residual = norm.residual
                            ? static_cast<const T *>(norm.residual) + blockIdx.z * norm.pixels * norm.channels
                            : nullptr;
    const Span whole = {0, norm.pixels};
    float shift[width], sum[width], square[width], mean[width], factor[width];
    for (int i = 0; i < width; i++)
        shift[i] = mine ? widen(image[channel + i]) : 0;
    gather<T, width>(image, norm.channels, channel, mine, whole, layout.lanes, layout.rows, shift, sum,
                     square, shared);
    if (!mine) return;
    for (int i = 0; i < width; i++)
        set_factor(static_cast<double>(sum[i]), static_cast<double>(square[i]), norm.pixels, norm.epsilon,
                   norm.scale[channel + i], &mean[i], &factor[i]);
    apply<T, width>(norm, image, residual, channel, whole, row, layout.rows, shift, mean, factor);
}

template <typename T, int width>
cudaError_t launch(const bt_cuda_norm &norm, float *workspace, cudaStream_t stream) {
    Layout layout = layout_of(norm, width);
    dim3 grid(layout.slices, layout.groups, norm.batch);
    if (layout.slices == 1) {
        norm_whole<T, width><<<grid, block_threads, 0, stream>>>(norm, layout);
        return cudaGetLastError();
    }
    int images_channels = norm.batch * norm.channels;
    float *shifts = workspace, *partial = workspace + images_channels;
    keep_shifts<T>
        <<<(images_channels + block_threads - 1) / block_threads, block_threads, 0, stream>>>(norm, shifts);
    gather_slices<T, width><<<grid, block_threads, 0, stream>>>(norm, layout, partial);
    apply_slices<T, width><<<grid, block_threads, 0, stream>>>(norm, layout, partial, shifts);
    return cudaGetLastError();
}

size_t type_bytes(bt_cuda_type type) {
    return type == BT_CUDA_FP32 ? 4 : 2;
}

/* Values in 16 bytes, or 1 where the channels do not come in such pieces. */
int width_of(const bt_cuda_norm &norm) {
    int width = static_cast<int>(16 / type_bytes(norm.type));
    return norm.channels % width == 0 && is_aligned(norm.x) && is_aligned(norm.residual) ? width : 1;
}

cudaError_t launch_any(const bt_cuda_norm &norm, float *workspace, cudaStream_t stream) {
    bool wide = width_of(norm) > 1;
    switch (norm.type) {
    case BT_CUDA_FP32:
        return wide ? launch<float, 4>(norm, workspace, stream) : launch<float, 1>(norm, workspace, stream);
    case BT_CUDA_FP16:
        return wide ? launch<__half, 8>(norm, workspace, stream) : launch<__half, 1>(norm, workspace, stream);
    case BT_CUDA_BF16:
        return wide ? launch<__nv_bfloat16, 8>(norm, workspace, stream)
                    : launch<__nv_bfloat16, 1>(norm, workspace, stream);
    }
    return cudaErrorInvalidValue;
}

/* Device memory that frees itself. */
struct Buffer {
    void *at = nullptr;
    ~Buffer() {
        if (at) cudaFree(at);
    }
    cudaError_t fill(const void *host, size_t bytes) {
        if (!host) return cudaSuccess;
        cudaError_t error = cudaMalloc(&at, bytes ? bytes : 1);
        return error == cudaSuccess ? cudaMemcpy(at, host, bytes, cudaMemcpyHostToDevice) : error;
    }
};

cudaError_t time_runs(const bt_cuda_norm &norm, float *workspace, int runs, double *seconds) {
    cudaEvent_t begin, end;
    float ms = 0;
    cudaError_t error = cudaEventCreate(&begin);
    if (error != cudaSuccess) return error;
    error = cudaEventCreate(&end);
    if (error == cudaSuccess) {
        cudaEventRecord(begin);
        for (int i = 0; i < runs && error == cudaSuccess; i++)
            error = launch_any(norm, workspace, nullptr);
        cudaEventRecord(end);
        if (error == cudaSuccess) error = cudaEventSynchronize(end);
        if (error == cudaSuccess) error = cudaEventElapsedTime(&ms, begin, end);
        cudaEventDestroy(end);
    }
    cudaEventDestroy(begin);
    *seconds = static_cast<double>(ms) / 1e3 / runs;
    return error;
}

cudaError_t try_here(const bt_cuda_norm *host, int runs, double *seconds) {
    size_t bytes = static_cast<size_t>(host->batch) * static_cast<size_t>(host->pixels) *
                   static_cast<size_t>(host->channels) * type_bytes(host->type);
    size_t numbers = static_cast<size_t>(host->channels) * sizeof(float);
    Buffer x, residual, scale, offset, workspace;
    cudaError_t error = x.fill(host->x, bytes);
    if (error == cudaSuccess) error = residual.fill(host->residual, bytes);
    if (error == cudaSuccess) error = scale.fill(host->scale, numbers);
    if (error == cudaSuccess) error = offset.fill(host->offset, numbers);
    if (error == cudaSuccess) error = cudaMalloc(&workspace.at, bt_cuda_norm_workspace_bytes(host) + 16);
    if (error != cudaSuccess) return error;
    bt_cuda_norm norm = *host;
    norm.x = x.at;
    norm.residual = residual.at;
    norm.scale = static_cast<float *>(scale.at);
    norm.offset = static_cast<float *>(offset.at);
    error = launch_any(norm, static_cast<float *>(workspace.at), nullptr);
    if (error == cudaSuccess) error = cudaMemcpy(host->x, x.at, bytes, cudaMemcpyDeviceToHost);
    if (error == cudaSuccess && runs > 0)
        error = time_runs(norm, static_cast<float *>(workspace.at), runs, seconds);
    return error;
}

} // namespace

/* For the layout with most slices, whatever alignment the run will find. */
size_t bt_cuda_norm_workspace_bytes(const bt_cuda_norm *norm) {
    int narrow_slices = layout_of(*norm, 1).slices,
        wide_slices = layout_of(*norm, static_cast<int>(16 / type_bytes(norm->type))).slices;
    int slices = narrow_slices > wide_slices ? narrow_slices : wide_slices;
    if (slices == 1) return 0;
    return static_cast<size_t>(norm->batch) * static_cast<size_t>(norm->channels) * sizeof(float) *
           (1 + 2 * static_cast<size_t>(slices));
}

int bt_cuda_norm_run(int abi, const bt_cuda_norm *norm, void *workspace, void *stream) {
    if (abi != BT_CUDA_NORM_ABI || norm->batch < 1 || norm->batch > 65535 || norm->channels < 1 ||
        norm->pixels < 1)
        return cudaErrorInvalidValue;
    int current = -1;
    cudaError_t error = cudaGetDevice(&current);
    if (error == cudaSuccess && current != norm->device) error = cudaSetDevice(norm->device);
    if (error != cudaSuccess) return error;
    return launch_any(*norm, static_cast<float *>(workspace), static_cast<cudaStream_t>(stream));
}

int bt_cuda_norm_try(int abi, const bt_cuda_norm *host, int runs, double *seconds) {
    if (abi != BT_CUDA_NORM_ABI) return cudaErrorInvalidValue;
    int before = 0;
    bool had_device = cudaGetDevice(&before) == cudaSuccess;
    cudaError_t error = cudaSetDevice(host->device);
    if (error == cudaSuccess) error = try_here(host, runs, seconds);
    if (had_device) cudaSetDevice(before);
    return error;
}

const char *bt_cuda_norm_error(int code) {
    return cudaGetErrorString(static_cast<cudaError_t>(code));
}
