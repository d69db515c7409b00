/* How an InstanceNorm lies over the device: what each block and each thread of norm-plan.cu has. */
#ifndef BT_SHIM_CUDA_NORM_LAYOUT_CUH
#define BT_SHIM_CUDA_NORM_LAYOUT_CUH

#include <math.h>

#include "kernels/norm.h"
#include "piece.cuh"

namespace bt_cuda {

/* Threads of a block, and blocks of a multiprocessor at a time: half of what the largest multiprocessors take
 * (2048 threads), which leaves each thread 64 registers, and what it needs to have several reads under way. */
constexpr int norm_threads = 512, norm_blocks = 2;

/* Bytes side by side that a group has of a pixel. A device reads memory in pieces of 32 at least. Of tensors
 * that its cache holds, no more: the narrower, the fewer sums the second launch's blocks add up. Of larger
 * ones twice that, as memory is read in longer pieces than the cache. */
constexpr int piece_bytes = 32, large_piece_bytes = 64;
constexpr int64_t large_bytes = 16 << 20;

/* Pixels that a thread has of its slice, at least: with fewer, joining the rows' sums takes longer than
 * gathering them. And as many as make it worth while to give a multiprocessor a second block, whose own start
 * and end take their time too. */
constexpr int pixels_least = 2, pixels_many = 16;

/* Bytes of an image's group up to which one block does all of it, since a second launch takes longer; and the
 * same where there are blocks for half of the multiprocessors, which then find the group in their own cache. */
constexpr int64_t whole_bytes = 64 << 10, whole_bytes_of_many = 160 << 10;

/* Values of a slice at most: they are counted in 32 bits. */
constexpr int64_t slice_values = 1 << 30;

/* Divides a thread's number by what is known at the launch: exact for up to 512 by up to 512, in two
 * instructions instead of twenty. */
struct Divisor {
    unsigned share;

    __device__ int of(int thread) const {
        return static_cast<int>(static_cast<unsigned>(thread) * share >> 22);
    }
};

inline Divisor divisor_of(int by) {
    return {((1u << 22) + static_cast<unsigned>(by) - 1) / static_cast<unsigned>(by)};
}

/* A block is `lanes` threads along a group's channels by `rows` along the pixels; the grid is groups x slices
 * of an image x images. A tensor of fewer channels than a piece has values is read as one of fewer and wider
 * pixels: a piece then holds `fold` values of each channel. */
struct Layout {
    int lanes, rows, groups, slices, fold;
    int channels;        /* as read: the tensor's * fold */
    int span;            /* of the tensor's channels, in a group */
    int stretch;         /* pixels as read of a slice; the last one's may be fewer */
    int64_t pixels;      /* as read, of an image */
    int64_t centre;      /* one of them, amidst a square image: beside its edges a convolution pads */
    double per_pixel;    /* makes a sum over the tensor's pixels a mean */
    Divisor lane, spans; /* by lanes, by span */
};

/* As many as make one or two pieces of memory, or else whole pixels as far as they are narrow. */
inline int lanes_of(int vectors, int vector_bytes, int64_t tensor_bytes) {
    const int most = large_piece_bytes / vector_bytes;
    for (int bytes = tensor_bytes < large_bytes ? piece_bytes : large_piece_bytes; bytes >= piece_bytes;
         bytes /= 2)
        if (vectors % (bytes / vector_bytes) == 0) return bytes / vector_bytes;
    return vectors <= 2 * most ? vectors : most;
}

inline int64_t slices_of(const Layout &layout, int vector_bytes, int batch, int multiprocessors, int each) {
    const int64_t blocks = static_cast<int64_t>(layout.groups) * batch,
                  bytes = layout.pixels * layout.lanes * vector_bytes,
                  most = layout.pixels / (static_cast<int64_t>(layout.rows) * pixels_least),
                  least = (layout.pixels * layout.channels + slice_values - 1) / slice_values;
    int64_t slices = static_cast<int64_t>(multiprocessors) * each / blocks;
    if (slices > most) slices = most;
    if (bytes <= (2 * blocks > multiprocessors ? whole_bytes_of_many : whole_bytes)) slices = 1;
    return slices < least ? least : slices;
}

/* For so many multiprocessors, each with so many blocks at a time. With more, there are never fewer slices. */
inline Layout layout_of(const bt_norm &norm, int width, int multiprocessors, int each) {
    const int vector_bytes = width * static_cast<int>(bt_value_bytes(norm.type));
    Layout layout;
    layout.fold = norm.channels < width ? width / norm.channels : 1;
    layout.channels = norm.channels * layout.fold;
    layout.pixels = norm.pixels / layout.fold;
    layout.per_pixel = 1 / static_cast<double>(norm.pixels);
    layout.centre = (layout.pixels + static_cast<int64_t>(sqrt(static_cast<double>(layout.pixels)))) / 2;
    if (layout.centre >= layout.pixels) layout.centre = layout.pixels - 1;
    const int vectors = layout.channels / width;
    layout.lanes = lanes_of(vectors, vector_bytes, norm.batch * layout.pixels * vectors * vector_bytes);
    layout.rows = norm_threads / layout.lanes;
    layout.groups = (vectors + layout.lanes - 1) / layout.lanes;
    layout.span = layout.lanes * width / layout.fold;
    const int64_t slices = slices_of(layout, vector_bytes, norm.batch, multiprocessors, each);
    layout.stretch = static_cast<int>((layout.pixels + slices - 1) / slices);
    layout.slices = static_cast<int>((layout.pixels + layout.stretch - 1) / layout.stretch);
    layout.lane = divisor_of(layout.lanes);
    layout.spans = divisor_of(layout.span);
    return layout;
}

/* With a second block to each multiprocessor where the first has much to do. */
inline Layout layout_on(const bt_norm &norm, int width, int multiprocessors) {
    const Layout layout = layout_of(norm, width, multiprocessors, 1);
    return layout.stretch < pixels_many * layout.rows ? layout : layout_of(norm, width, multiprocessors, 2);
}

/* Whether the channels come in pieces, or an image of few in pieces of several pixels. */
inline bool comes_in_pieces(const bt_norm &norm, int width) {
    return norm.channels % width == 0 ||
           (width % norm.channels == 0 && norm.pixels % (width / norm.channels) == 0);
}

/* Where a thread works: at one piece of every rows-th pixel of its block's slice. A pixel is said as how many
 * it is from the thread's first. */
struct Place {
    int lane, channel;  /* as read */
    int rows, channels; /* the layout's */
    unsigned count;     /* of pixels up to the slice's end; 0: the thread has none */
    unsigned first;     /* values of the slice up to the thread's first */
};

template <int width> __device__ Place place_of(const Layout &layout) {
    const int thread = static_cast<int>(threadIdx.x), row = layout.lane.of(thread),
              lane = thread - row * layout.lanes,
              channel = (static_cast<int>(blockIdx.x) * layout.lanes + lane) * width;
    const int64_t rest = layout.pixels - static_cast<int64_t>(blockIdx.y) * layout.stretch;
    const int count = rest < layout.stretch ? static_cast<int>(rest) : layout.stretch;
    const bool has_any = row < layout.rows && row < count && channel < layout.channels;
    return {lane,
            channel,
            layout.rows,
            layout.channels,
            has_any ? static_cast<unsigned>(count - row) : 0,
            static_cast<unsigned>(row * layout.channels + channel)};
}

/* The image that the block works at, that pixel amidst it, and the block's slice. */
template <typename T> __device__ T *image_of(T *tensor, const Layout &layout) {
    return tensor + blockIdx.z * (layout.pixels * layout.channels);
}
template <typename T> __device__ const T *centre_of(const void *tensor, const Layout &layout) {
    return image_of(static_cast<const T *>(tensor), layout) + layout.centre * layout.channels;
}
template <typename T> __device__ T *slice_of(T *tensor, const Layout &layout) {
    return image_of(tensor, layout) +
           static_cast<int64_t>(blockIdx.y) * (static_cast<int64_t>(layout.stretch) * layout.channels);
}

/* Whether the thread has a pixel, and which value of the slice it starts with. */
__device__ inline bool has(const Place &place, int pixel) {
    return static_cast<unsigned>(pixel) < place.count;
}
__device__ inline unsigned value_of(const Place &place, int pixel) {
    return place.first + static_cast<unsigned>(pixel) * static_cast<unsigned>(place.channels);
}

/* How many pieces a thread reads before it needs the first. */
template <int width, bool residual> constexpr int reads = (width == 1 ? 8 : 4) / (residual ? 2 : 1);

template <typename T, int width, int deep> struct Batch { Piece<T, width> pieces[deep]; };

/* Those of the thread's pixels from `pixel` on that there are: it may lie before the first. */
template <typename T, int width, int deep>
__device__ void load(Batch<T, width, deep> *batch, const T *slice, const Place &place, int pixel) {
    for (int i = 0; i < deep; i++) {
        const int at = pixel + i * place.rows;
        if (has(place, at))
            batch->pieces[i] = *reinterpret_cast<const Piece<T, width> *>(slice + value_of(place, at));
    }
}

} // namespace bt_cuda
#endif
