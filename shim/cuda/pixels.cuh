/* How threads lie over the pixels of a channels_last tensor where each keeps factors of its channels.
 *
 * A block is `lanes` threads along the channels, `width` channels each, by `rows` threads along the pixels; as
 * a thread moves on by whole rows its channels stay the same. The lanes need be no power of two: with 48
 * channels, 42 rows of 6 lanes have no thread idle. */
#ifndef BT_SHIM_CUDA_PIXELS_CUH
#define BT_SHIM_CUDA_PIXELS_CUH

#include "launch.cuh"

namespace bt_cuda {

/* Groups are of `lanes` threads' channels: as many as cover all channels. */
struct Tiling {
    int lanes, rows, groups;
};

inline Tiling tiling_of(int channels, int width, int threads_most) {
    const int vectors = (channels + width - 1) / width;
    const int lanes = vectors < threads_most ? vectors : threads_most;
    return {lanes, threads_most / lanes, (vectors + lanes - 1) / lanes};
}

/* Floats beside each other, in pieces of 16 bytes where they lie so. */
template <int width> __device__ void read_floats(const float *from, float (&out)[width]) {
    if (width % 4 == 0 && reinterpret_cast<uintptr_t>(from) % 16 == 0) {
        for (int i = 0; i + 4 <= width; i += 4) {
            const auto four = *reinterpret_cast<const Vector<float, 4> *>(from + i);
            for (int j = 0; j < 4; j++)
                out[i + j] = four.values[j];
        }
        return;
    }
    for (int i = 0; i < width; i++)
        out[i] = from[i];
}

} // namespace bt_cuda
#endif
