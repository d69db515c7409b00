/* What a thread reads and writes at once, as it lies in memory: 16 bytes, or one value.
 *
 * It stays packed until it is used, so that a thread has registers for several that are under way: an array of
 * values of 2 bytes takes a register for each. */
#ifndef BT_SHIM_CUDA_PIECE_CUH
#define BT_SHIM_CUDA_PIECE_CUH

#include <string.h>

#include "launch.cuh"

namespace bt_cuda {

__device__ inline float2 widen_pair(unsigned word, __half) {
    __half2 pair;
    memcpy(&pair, &word, sizeof pair);
    return __half22float2(pair);
}
__device__ inline float2 widen_pair(unsigned word, __nv_bfloat16) {
    return make_float2(__uint_as_float(word << 16), __uint_as_float(word & 0xffff0000));
}
__device__ inline unsigned narrow_pair(float first, float second, __half) {
    const __half2 pair = __floats2half2_rn(first, second);
    unsigned word;
    memcpy(&word, &pair, sizeof word);
    return word;
}
__device__ inline unsigned narrow_pair(float first, float second, __nv_bfloat16) {
    const __nv_bfloat162 pair = __floats2bfloat162_rn(first, second);
    unsigned word;
    memcpy(&word, &pair, sizeof word);
    return word;
}

template <typename T, int width> struct Piece {
    static_assert(width == wide<T>, "16 bytes, or one value");
    uint4 words;

    __device__ void get(float *values) const {
        const unsigned each[4] = {words.x, words.y, words.z, words.w};
        for (int i = 0; i < 4; i++)
            if constexpr (sizeof(T) == sizeof(float)) {
                values[i] = __uint_as_float(each[i]);
            } else {
                const float2 pair = widen_pair(each[i], T());
                values[2 * i] = pair.x;
                values[2 * i + 1] = pair.y;
            }
    }
    __device__ void set(const float *values) {
        unsigned each[4];
        for (int i = 0; i < 4; i++)
            if constexpr (sizeof(T) == sizeof(float))
                each[i] = __float_as_uint(values[i]);
            else
                each[i] = narrow_pair(values[2 * i], values[2 * i + 1], T());
        words = make_uint4(each[0], each[1], each[2], each[3]);
    }
};

template <typename T> struct Piece<T, 1> {
    T value;

    __device__ void get(float *values) const {
        *values = widen(value);
    }
    __device__ void set(const float *values) {
        narrow(&value, *values);
    }
};

} // namespace bt_cuda
#endif
