/* InstanceNorm of the compiled plan, fused with a residual and ReLU: see kernels/norm.h.
 *
 * Two launches. The first gathers: each block adds up one slice of an image's pixels for one group of its
 * channels, and leaves sums and squares in the scratch. Every block of the second adds up what the slices of
 * its group left, which is little since a group is narrow, and goes over the same pixels from their end to
 * their start, so that it finds in the cache what the first launch read last. There is no counter, no waiting
 * and no order of arrival: the same input gives the same output, bit for bit. Where a group of an image is
 * small, or there are as many as the device runs at a time, one launch does both.
 *
 * Sums are of x less one of the channel's values in the image, which the first launch keeps: the second may
 * overwrite x. They are in FP32 within a block, and from there on mostly in double. */
#include "kernels.h"
#include "norm-layout.cuh"

namespace bt_cuda {
namespace {

/* Multiprocessors that blocks are made for, at most, so that the scratch does not depend on the device. */
constexpr int multiprocessors_most = 256;

/* What the first launch leaves for the second: each image's and channel's shift, then images x (sums, squares)
 * x slices * fold x channels. */
struct Left {
    float *shifts, *partial;
};

__device__ inline float *partial_of(const Left &left, const Layout &layout) {
    return left.partial + static_cast<int64_t>(blockIdx.z) * 2 * layout.slices * layout.channels;
}

/* ---- gathering ---- */

/* What a piece's channels have at the image's centre. */
template <typename T, int width>
__device__ void load_shift(float *shift, const T *centre, const Layout &layout, const Place &place) {
    if (layout.fold == 1) {
        if (place.channel < layout.channels)
            reinterpret_cast<const Piece<T, width> *>(centre + place.channel)->get(shift);
        return;
    }
    for (int i = 0, channel = 0; i < width; i++) {
        shift[i] = widen(centre[channel]);
        channel = channel + 1 == layout.span ? 0 : channel + 1;
    }
}

/* Of a thread's values less the shift, and of their squares. */
template <int width> struct alignas(width == 1 ? 8 : 16) Sums { float plain[width], square[width]; };

template <typename T, int width, int deep>
__device__ void add(const Batch<T, width, deep> &batch, const Place &place, int pixel, const float *shift,
                    Sums<width> *sums) {
    for (int i = 0; i < deep; i++) {
        if (!has(place, pixel + i * place.rows)) continue;
        float values[width];
        batch.pieces[i].get(values);
        for (int j = 0; j < width; j++) {
            const float less = values[j] - shift[j];
            sums->plain[j] += less;
            sums->square[j] += less * less;
        }
    }
}

/* Adds up all that the thread has. The batch holds the start of it, and then what was read last, from the
 * pixel that is returned. */
template <typename T, int width, int deep>
__device__ int gather(Batch<T, width, deep> *batch, const T *slice, const Place &place, const float *shift,
                      Sums<width> *sums) {
    const int step = deep * place.rows;
    int pixel = 0;
    for (int i = 0; i < width; i++)
        sums->plain[i] = sums->square[i] = 0;
    for (;;) {
        add(*batch, place, pixel, shift, sums);
        if (!has(place, pixel + step)) return pixel;
        pixel += step;
        load(batch, slice, place, pixel);
    }
}

/* The sum of from[i * apart] over every step-th i from `first` up to `end`: several are read at once. */
__device__ inline float add_up(const float *from, int first, int end, int step, int apart) {
    constexpr int at_once = 8;
    float total = 0;
#pragma unroll 1
    for (int i = first; i < end; i += at_once * step) {
        float values[at_once];
        for (int j = 0; j < at_once; j++) {
            const int at = i + j * step;
            values[j] = at < end ? from[static_cast<unsigned>(at * apart)] : 0;
        }
        for (int j = 0; j < at_once; j++)
            total += values[j];
    }
    return total;
}

/* Shared memory of join_rows, in floats: what each thread has, so far apart that threads of a warp which write
 * 16 bytes each, or read one float each, are at different banks; then what is made of it. */
template <int width> constexpr int pitch = width == 1 ? 2 : 2 * width + 4;
template <int width> constexpr int joined_floats(int lanes) {
    return norm_threads * pitch<width> + norm_threads + 2 * width * lanes;
}

/* Adds up the sums of a block's rows: returns [0: sums, 1: squares][channel of the group, as read]. */
template <int width>
__device__ const float *join_rows(const Sums<width> &sums, const Layout &layout, float *shared) {
    const int thread = static_cast<int>(threadIdx.x), lanes = layout.lanes, columns = 2 * width * lanes,
              part = layout.lane.of(thread / (2 * width)), parts = layout.lane.of(norm_threads / (2 * width)),
              column = thread - part * columns, lane = column / (2 * width), value = column % (2 * width);
    float *parted = shared + norm_threads * pitch<width>, *joined = parted + norm_threads;
    *reinterpret_cast<Sums<width> *>(shared + thread * pitch<width>) = sums;
    __syncthreads();
    float total = 0;
    if (part < parts)
        total = add_up(shared + lane * pitch<width> + value, part, layout.rows, parts, lanes * pitch<width>);
    parted[thread] = total;
    __syncthreads();
    if (part == 0) {
        total = add_up(parted + thread, 0, parts, 1, columns);
        joined[(value / width * lanes + lane) * width + value % width] = total;
    }
    __syncthreads();
    return joined;
}

/* ---- normalising ---- */

/* What a channel's terms are made of besides its sums. */
struct Affine {
    float shift, scale, offset;
};

/* What normalising takes, for each of a group's channels as read: y = (x - shift) * factor + bias. A mean that
 * is large against the deviation costs no digits. */
struct Terms {
    float *shift, *factor, *bias;
};

__device__ inline Terms terms_in(float *shared, const Layout &layout) {
    const int span = layout.span * layout.fold;
    return {shared, shared + span, shared + 2 * span};
}

/* Of the group's i-th channel, from its sums over the image. */
__device__ inline void set_terms(const Terms &terms, const bt_norm &norm, const Layout &layout, int i,
                                 double sum, double square, const Affine &affine) {
    const double mean = sum * layout.per_pixel;
    double variance = square * layout.per_pixel - mean * mean;
    if (variance < 0) variance = 0;
    const float factor =
        affine.scale * rsqrtf(static_cast<float>(variance + static_cast<double>(norm.epsilon)));
    const float bias = affine.offset - static_cast<float>(mean) * factor;
#pragma unroll 1
    for (int j = i; j < layout.span * layout.fold; j += layout.span) {
        terms.shift[j] = affine.shift;
        terms.factor[j] = factor;
        terms.bias[j] = bias;
    }
}

/* Shared memory of join_slices, in floats, before the terms. */
__host__ __device__ constexpr int slices_floats(int read_span) {
    return norm_threads + 4 * read_span;
}

/* Adds up what the slices of the block's group left and sets its terms. */
__device__ inline void join_slices(const Terms &terms, const bt_norm &norm, const Layout &layout,
                                   const Left &left, float *parted) {
    const int thread = static_cast<int>(threadIdx.x), span = layout.span, place = layout.spans.of(thread),
              part = place / 2, parts = layout.spans.of(norm_threads) / 2, i = thread - place * span,
              channel = static_cast<int>(blockIdx.x) * span + i, slices = layout.slices * layout.fold;
    const bool has_one = part < parts && channel < norm.channels, has_first = has_one && place == 0;
    double *joined = reinterpret_cast<double *>(parted + norm_threads);
    Affine affine = {};
    if (has_first)
        affine = {left.shifts[static_cast<int64_t>(blockIdx.z) * norm.channels + channel],
                  norm.scale[channel], norm.offset[channel]};
    const float *partial = partial_of(left, layout) + (place % 2 ? slices : 0) * norm.channels + channel;
    parted[thread] = has_one ? add_up(partial, part, slices, parts, norm.channels) : 0;
    __syncthreads();
    if (part == 0) {
        double total = 0;
        for (int j = 0; j < parts; j++)
            total += static_cast<double>(parted[2 * j * span + thread]);
        joined[thread] = total;
    }
    __syncthreads();
    if (has_first) set_terms(terms, norm, layout, i, joined[i], joined[span + i], affine);
    __syncthreads();
}

/* A thread's terms: 16 bytes at a time, where it has that many. */
template <int width> __device__ void load_terms(float *to, const float *from) {
    if constexpr (width == 1)
        *to = *from;
    else
        for (int i = 0; i < width; i += 4)
            reinterpret_cast<const Piece<float, 4> *>(from + i)->get(to + i);
}

/* Writes what the thread's pixels from `pixel` back to its first become. The batches hold those from `pixel`
 * on. */
template <typename T, int width, int deep, bool residual>
__device__ void apply(Batch<T, width, deep> *batch, Batch<T, width, deep> *more, const bt_norm &norm,
                      const Layout &layout, const Place &place, int pixel, const Terms &terms) {
    const T *x = slice_of(static_cast<const T *>(norm.x), layout),
            *added = residual ? slice_of(static_cast<const T *>(norm.residual), layout) : nullptr;
    T *out = slice_of(static_cast<T *>(norm.out), layout);
    const float least = norm.relu ? 0 : -INFINITY;
    float shift[width], factor[width], bias[width];
    load_terms<width>(shift, terms.shift + place.lane * width);
    load_terms<width>(factor, terms.factor + place.lane * width);
    load_terms<width>(bias, terms.bias + place.lane * width);
    for (;;) {
        for (int i = 0; i < deep; i++) {
            const int at = pixel + i * place.rows;
            if (!has(place, at)) continue;
            float values[width], others[width];
            batch->pieces[i].get(values);
            if (residual) more->pieces[i].get(others);
            for (int j = 0; j < width; j++) {
                float y = (values[j] - shift[j]) * factor[j] + bias[j];
                if (residual) y += others[j];
                /* Not a maximum: a NaN stays one. */
                values[j] = y < least ? least : y;
            }
            reinterpret_cast<Piece<T, width> *>(out + value_of(place, at))->set(values);
        }
        if (pixel <= 0) return;
        pixel -= deep * place.rows;
        load(batch, x, place, pixel);
        if (residual) load(more, added, place, pixel);
    }
}

/* ---- launches ---- */

template <typename T, int width>
__global__ void __launch_bounds__(norm_threads, norm_blocks)
    gather_slices(bt_norm norm, Layout layout, Left left) {
    const T *centre = centre_of<T>(norm.x, layout), *slice = slice_of(static_cast<const T *>(norm.x), layout);
    const Place place = place_of<width>(layout);
    Batch<T, width, reads<width, false>> batch;
    float shift[width];
    Sums<width> sums;
    load(&batch, slice, place, 0);
    load_shift<T, width>(shift, centre, layout, place);
    const int thread = static_cast<int>(threadIdx.x),
              channel = static_cast<int>(blockIdx.x) * layout.span + thread;
    const bool keeps = blockIdx.y == 0 && thread < layout.span && channel < norm.channels;
    const float kept = keeps ? widen(centre[channel]) : 0;
    gather(&batch, slice, place, shift, &sums);
    const float *joined = join_rows(sums, layout, shared_memory<float>());
    const int read_span = layout.span * layout.fold, square = thread >= read_span,
              read = static_cast<int>(blockIdx.x) * read_span + thread - square * read_span,
              row = square * layout.slices + static_cast<int>(blockIdx.y);
    if (thread < 2 * read_span && read < layout.channels)
        partial_of(left, layout)[static_cast<int64_t>(row) * layout.channels + read] = joined[thread];
    if (keeps) left.shifts[static_cast<int64_t>(blockIdx.z) * norm.channels + channel] = kept;
}

/* `last`: where a thread's last batch starts, that of one which has most pixels. */
template <typename T, int width, bool residual>
__global__ void __launch_bounds__(norm_threads, norm_blocks)
    apply_slices(bt_norm norm, Layout layout, Left left, int last) {
    const Place place = place_of<width>(layout);
    Batch<T, width, reads<width, residual>> batch, more;
    load(&batch, slice_of(static_cast<const T *>(norm.x), layout), place, last);
    if (residual) load(&more, slice_of(static_cast<const T *>(norm.residual), layout), place, last);
    float *shared = shared_memory<float>();
    const Terms terms = terms_in(shared + slices_floats(layout.span * layout.fold), layout);
    join_slices(terms, norm, layout, left, shared);
    apply<T, width, reads<width, residual>, residual>(&batch, &more, norm, layout, place, last, terms);
}

/* Both at once, for an image that one block a group of channels is enough for. */
template <typename T, int width, bool residual>
__global__ void __launch_bounds__(norm_threads, norm_blocks) norm_whole(bt_norm norm, Layout layout) {
    const T *centre = centre_of<T>(norm.x, layout), *image = image_of(static_cast<const T *>(norm.x), layout);
    const Place place = place_of<width>(layout);
    Batch<T, width, reads<width, residual>> batch, more;
    float shift[width];
    Sums<width> sums;
    load(&batch, image, place, 0);
    load_shift<T, width>(shift, centre, layout, place);
    const int thread = static_cast<int>(threadIdx.x), span = layout.span,
              channel = static_cast<int>(blockIdx.x) * span + thread;
    const bool has_one = thread < span && channel < norm.channels;
    Affine affine = {};
    if (has_one) affine = {widen(centre[channel]), norm.scale[channel], norm.offset[channel]};
    const int last = gather(&batch, image, place, shift, &sums);
    if (residual) load(&more, image_of(static_cast<const T *>(norm.residual), layout), place, last);
    float *shared = shared_memory<float>();
    const float *joined = join_rows(sums, layout, shared);
    /* The rows' sums are joined: their place is free. */
    const Terms terms = terms_in(shared, layout);
    if (has_one) {
        double sum = 0, square = 0;
        for (int i = 0; i < layout.fold; i++) {
            sum += static_cast<double>(joined[i * span + thread]);
            square += static_cast<double>(joined[(layout.fold + i) * span + thread]);
        }
        set_terms(terms, norm, layout, thread, sum, square, affine);
    }
    __syncthreads();
    apply<T, width, reads<width, residual>, residual>(&batch, &more, norm, layout, place, last, terms);
}

template <typename T, int width, bool residual>
int run(const bt_norm &norm, const Layout &layout, float *scratch, void *stream) {
    const dim3 grid(static_cast<unsigned>(layout.groups), static_cast<unsigned>(layout.slices),
                    static_cast<unsigned>(norm.batch));
    const int span = layout.span * layout.fold, pixels = (layout.stretch + layout.rows - 1) / layout.rows,
              last = layout.rows * (pixels - reads<width, residual>);
    const size_t joined = sizeof(float) * static_cast<size_t>(joined_floats<width>(layout.lanes)),
                 terms = sizeof(float) * static_cast<size_t>(slices_floats(span) + 3 * span);
    if (layout.slices == 1)
        return launch(norm_whole<T, width, residual>, grid, norm_threads, joined, stream, norm, layout);
    const Left left = {scratch, scratch + static_cast<int64_t>(norm.batch) * norm.channels};
    const int error = launch(gather_slices<T, width>, grid, norm_threads, joined, stream, norm, layout, left);
    if (error) return error;
    return launch(apply_slices<T, width, residual>, grid, norm_threads, terms, stream, norm, layout, left,
                  last);
}

template <typename T> int run_any(const bt_norm &norm, float *scratch, void *stream) {
    constexpr int width = wide<T>;
    const bool pieces = comes_in_pieces(norm, width) && is_aligned(norm.x) && is_aligned(norm.out) &&
                        is_aligned(norm.residual);
    int count = multiprocessors();
    if (count > multiprocessors_most) count = multiprocessors_most;
    const Layout layout = layout_on(norm, pieces ? width : 1, count);
    if (pieces)
        return norm.residual ? run<T, width, true>(norm, layout, scratch, stream)
                             : run<T, width, false>(norm, layout, scratch, stream);
    return norm.residual ? run<T, 1, true>(norm, layout, scratch, stream)
                         : run<T, 1, false>(norm, layout, scratch, stream);
}

bool can_run(const bt_norm &norm) {
    return norm.batch >= 1 && norm.batch <= 65535 && norm.channels >= 1 && norm.pixels >= 1 &&
           norm.pixels <= 1 << 30 && norm.type != BT_U8 && norm.out_type == norm.type &&
           (!norm.residual || norm.residual_type == norm.type);
}

size_t scratch_floats(const bt_norm &norm, int width) {
    const Layout layout = layout_of(norm, width, multiprocessors_most, norm_blocks);
    if (layout.slices == 1) return 0;
    return static_cast<size_t>(norm.batch) *
           (static_cast<size_t>(norm.channels) +
            2 * static_cast<size_t>(layout.slices) * static_cast<size_t>(layout.channels));
}

} // namespace
} // namespace bt_cuda

/* For the layout with most slices, whatever device and alignment the run will find. */
size_t bt_cuda_norm_scratch(const bt_norm *norm) {
    if (!bt_cuda::can_run(*norm)) return 0;
    const int width = static_cast<int>(16 / bt_value_bytes(norm->type));
    const size_t scalars = bt_cuda::scratch_floats(*norm, 1),
                 pieces = bt_cuda::comes_in_pieces(*norm, width) ? bt_cuda::scratch_floats(*norm, width) : 0;
    return sizeof(float) * (scalars > pieces ? scalars : pieces);
}

int bt_cuda_norm(const bt_norm *norm, void *scratch, void *stream) {
    if (!bt_cuda::can_run(*norm)) return cudaErrorInvalidValue;
    bt_norm given = *norm;
    if (!given.out) given.out = given.x;
    return bt_cuda::with_type(norm->type, [&](auto value) {
        return bt_cuda::run_any<decltype(value)>(given, static_cast<float *>(scratch), stream);
    });
}
