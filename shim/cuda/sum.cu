/* Sums of tensors of which some are coarser, on a CUDA device: one launch, whatever is resized.
 *
 * A thread has 16 bytes of channels at one column, in several rows below each other: its column's place in a
 * coarse input is the same in all of them, and two rows of the output that lie between the same rows of a
 * coarse input blend those across once. Sums are in FP32; a coarse input is never written at the output's
 * size anywhere. */
#include "kernels.h"
#include "launch.cuh"

namespace bt_cuda {
namespace {

constexpr int block_threads = 256;

/* Rows of a thread, at most. More read coarse inputs less often and need more registers. */
constexpr int rows_most = 4;

/* Blocks for each multiprocessor, at least, before threads are given several rows. */
constexpr int blocks_least = 2;

/* Blocks that a multiprocessor has room for at once, at least: the compiler keeps to so many registers, at the
 * price of a few values put aside where a thread has four rows. With room for two, the 384 blocks of HRNet's
 * largest sum would take a device of 132 multiprocessors two rounds. */
constexpr int blocks_at_once = 3;

/* Where a thread's values start. */
struct Place {
    int image, y, x, channel;
};

/* Between which two of `coarse` places place i of `fine` lies: as on a CPU, corners aligned. */
struct Reading {
    int low, high;
    float share;
};

__device__ inline Reading reading_of(int i, int fine, int coarse) {
    const float at =
        fine > 1 ? static_cast<float>(i) * static_cast<float>(coarse - 1) / static_cast<float>(fine - 1) : 0;
    int low = static_cast<int>(at);
    if (low > coarse - 1) low = coarse - 1;
    return {low, low + 1 < coarse ? low + 1 : low, at - static_cast<float>(low)};
}

/* Rows past the last one stand for it: they are read, and not written. */
__device__ inline int row_within(const bt_sum &sum, int y) {
    return y < sum.height ? y : sum.height - 1;
}

template <typename T, int width, int rows>
__device__ void add_same(const bt_sum &sum, const bt_sum_input &input, const Place &at,
                         float (&total)[rows][width]) {
    const int64_t row = static_cast<int64_t>(sum.width) * sum.channels;
    const T *image = static_cast<const T *>(input.x) + at.image * (sum.height * row) +
                     static_cast<int64_t>(at.x) * sum.channels + at.channel;
    Vector<T, width> values[rows];
#pragma unroll
    for (int r = 0; r < rows; r++)
        values[r] = *reinterpret_cast<const Vector<T, width> *>(image + row_within(sum, at.y + r) * row);
#pragma unroll
    for (int r = 0; r < rows; r++)
        for (int i = 0; i < width; i++)
            total[r][i] += widen(values[r].values[i]);
}

template <typename T, int width>
__device__ void blend(const T *left, const T *right, float share, float (&out)[width]) {
    const auto from = *reinterpret_cast<const Vector<T, width> *>(left);
    const auto to = *reinterpret_cast<const Vector<T, width> *>(right);
    for (int i = 0; i < width; i++)
        out[i] = (1 - share) * widen(from.values[i]) + share * widen(to.values[i]);
}

/* Keeps the two rows of the coarse input that were blended across last. All threads of a block have the same
 * rows, and so take the same branches. */
template <typename T, int width, int rows>
__device__ void add_resized(const bt_sum &sum, const bt_sum_input &input, const Place &at,
                            float (&total)[rows][width]) {
    const Reading across = reading_of(at.x, sum.width, input.width);
    const int64_t row = static_cast<int64_t>(input.width) * sum.channels;
    const T *image = static_cast<const T *>(input.x) + at.image * (input.height * row) + at.channel;
    const T *left = image + static_cast<int64_t>(across.low) * sum.channels;
    const T *right = image + static_cast<int64_t>(across.high) * sum.channels;
    float upper[width], lower[width];
    Reading held = {};
#pragma unroll
    for (int r = 0; r < rows; r++) {
        const Reading down = reading_of(row_within(sum, at.y + r), sum.height, input.height);
        if (r > 0 && down.low == held.high && down.low != held.low)
            for (int i = 0; i < width; i++)
                upper[i] = lower[i];
        else if (r == 0 || down.low != held.low)
            blend(left + down.low * row, right + down.low * row, across.share, upper);
        if (r == 0 || down.high != held.high)
            blend(left + down.high * row, right + down.high * row, across.share, lower);
        for (int i = 0; i < width; i++)
            total[r][i] += (1 - down.share) * upper[i] + down.share * lower[i];
        held = down;
    }
}

template <typename T, int width, int rows>
__device__ void write(const bt_sum &sum, const Place &at, const float (&total)[rows][width]) {
#pragma unroll
    for (int r = 0; r < rows && at.y + r < sum.height; r++) {
        const int64_t pixel = (static_cast<int64_t>(at.image) * sum.height + at.y + r) * sum.width + at.x;
        Vector<T, width> out;
        /* Not a maximum: a NaN stays one. */
        for (int i = 0; i < width; i++)
            narrow(&out.values[i], sum.relu && total[r][i] < 0 ? 0.0f : total[r][i]);
        T *to = static_cast<T *>(sum.out) + pixel * static_cast<int64_t>(sum.out_stride) + at.channel;
        *reinterpret_cast<Vector<T, width> *>(to) = out;
    }
}

/* The grid is pieces of a row x groups of `rows` rows x images. */
template <typename T, int width, int rows>
__global__ void __launch_bounds__(block_threads, blocks_at_once) add_all(bt_sum sum) {
    const unsigned vectors = static_cast<unsigned>(sum.channels / width);
    const unsigned item = blockIdx.x * block_threads + threadIdx.x;
    if (item >= vectors * static_cast<unsigned>(sum.width)) return;
    const Place at = {static_cast<int>(blockIdx.z), static_cast<int>(blockIdx.y) * rows,
                      static_cast<int>(item / vectors), static_cast<int>(item % vectors) * width};
    float total[rows][width] = {};
/* Unrolled, several inputs' reads at once would take registers that more threads make better use of. */
#pragma unroll 1
    for (int i = 0; i < sum.input_count; i++) {
        const bt_sum_input &input = sum.inputs[i];
        if (input.height == sum.height && input.width == sum.width)
            add_same<T>(sum, input, at, total);
        else
            add_resized<T>(sum, input, at, total);
    }
    write<T>(sum, at, total);
}

dim3 grid_of(const bt_sum &sum, int width, int rows) {
    return dim3(blocks_of(static_cast<int64_t>(sum.width) * (sum.channels / width), block_threads),
                blocks_of(sum.height, rows), static_cast<unsigned>(sum.batch));
}

template <typename T, int width, int rows> int launch_rows(const bt_sum &sum, void *stream) {
    return launch(add_all<T, width, rows>, grid_of(sum, width, rows), block_threads, 0, stream, sum);
}

template <typename T> int launch_wide(const bt_sum &sum, void *stream) {
    const int64_t least = static_cast<int64_t>(blocks_least) * multiprocessors();
    int rows = rows_most;
    for (; rows > 1; rows /= 2) {
        const dim3 grid = grid_of(sum, wide<T>, rows);
        if (static_cast<int64_t>(grid.x) * grid.y * grid.z >= least) break;
    }
    return rows == 4   ? launch_rows<T, wide<T>, 4>(sum, stream)
           : rows == 2 ? launch_rows<T, wide<T>, 2>(sum, stream)
                       : launch_rows<T, wide<T>, 1>(sum, stream);
}

/* Whether every pixel's channels come in pieces of 16 bytes. */
bool is_wide(const bt_sum &sum, int width) {
    const auto pieces = static_cast<size_t>(width);
    bool aligned = sum.channels % width == 0 && sum.out_stride % pieces == 0 && is_aligned(sum.out);
    for (int i = 0; i < sum.input_count; i++)
        aligned = aligned && is_aligned(sum.inputs[i].x);
    return aligned;
}

bool is_valid(const bt_sum &sum) {
    if (sum.input_count < 1 || sum.input_count > BT_SUM_MOST || sum.out_type != sum.type) return false;
    for (int i = 0; i < sum.input_count; i++)
        if (sum.inputs[i].type != sum.type || sum.inputs[i].height < 1 || sum.inputs[i].width < 1)
            return false;
    return sum.batch > 0 && sum.channels > 0 && sum.height > 0 && sum.width > 0;
}

} // namespace
} // namespace bt_cuda

int bt_cuda_sum(const bt_sum *sum, void *stream) {
    using namespace bt_cuda;
    if (!is_valid(*sum)) return cudaErrorInvalidValue;
    return with_type(sum->type, [&](auto value) {
        using T = decltype(value);
        return is_wide(*sum, wide<T>) ? launch_wide<T>(*sum, stream) : launch_rows<T, 1, 1>(*sum, stream);
    });
}
