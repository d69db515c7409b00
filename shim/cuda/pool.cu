/* Max pooling over squares that do not overlap, on a CUDA device: a thread for each 16 bytes of the output,
 * which reads the whole square at once. */
#include "kernels.h"
#include "launch.cuh"

namespace bt_cuda {
namespace {

constexpr int block_threads = 256;

/* A NaN is larger than anything. */
__device__ inline float larger(float a, float b) {
    return a > b || a != a ? a : b;
}

/* The grid is pieces of a row of the output x its rows x images. `fixed` is the square's size, for which the
 * compiler then issues all reads before it waits for any; 0: any size. */
template <typename T, int width, int fixed> __global__ void pool_squares(bt_pool pool) {
    const int size = fixed ? fixed : pool.size;
    const unsigned vectors = static_cast<unsigned>(pool.channels / width);
    const unsigned columns = static_cast<unsigned>(pool.width / size);
    const unsigned item = blockIdx.x * block_threads + threadIdx.x;
    if (item >= columns * vectors) return;
    const int64_t row = static_cast<int64_t>(pool.width) * pool.channels;
    const int64_t out_row = static_cast<int64_t>(blockIdx.z) * gridDim.y + blockIdx.y;
    const T *corner = static_cast<const T *>(pool.x) + out_row * size * row +
                      static_cast<int64_t>(item / vectors) * size * pool.channels + item % vectors * width;
    float most[width];
    for (int c = 0; c < width; c++)
        most[c] = -INFINITY;
#pragma unroll
    for (int i = 0; i < size * size; i++) {
        const auto x = *reinterpret_cast<const Vector<T, width> *>(
            corner + i / size * row + static_cast<int64_t>(i % size) * pool.channels);
        for (int c = 0; c < width; c++)
            most[c] = larger(most[c], widen(x.values[c]));
    }
    Vector<T, width> out;
    for (int c = 0; c < width; c++)
        narrow(&out.values[c], most[c]);
    const int64_t place = (out_row * columns * vectors + item) * width;
    *reinterpret_cast<Vector<T, width> *>(static_cast<T *>(pool.out) + place) = out;
}

template <typename T, int width, int fixed> int launch_pool(const bt_pool &pool, void *stream) {
    const int64_t columns = pool.width / pool.size, vectors = pool.channels / width;
    const dim3 grid(blocks_of(columns * vectors, block_threads),
                    static_cast<unsigned>(pool.height / pool.size), static_cast<unsigned>(pool.batch));
    return launch(pool_squares<T, width, fixed>, grid, block_threads, 0, stream, pool);
}

bool is_valid(const bt_pool &pool) {
    return pool.size > 0 && pool.height % pool.size == 0 && pool.width % pool.size == 0 && pool.height > 0 &&
           pool.width > 0 && pool.batch > 0 && pool.channels > 0;
}

} // namespace
} // namespace bt_cuda

int bt_cuda_pool(const bt_pool *pool, void *stream) {
    using namespace bt_cuda;
    if (!is_valid(*pool)) return cudaErrorInvalidValue;
    return with_type(pool->type, [&](auto value) {
        using T = decltype(value);
        if (pool->channels % wide<T> != 0 || !is_aligned(pool->x) || !is_aligned(pool->out))
            return launch_pool<T, 1, 0>(*pool, stream);
        return pool->size == 2 ? launch_pool<T, wide<T>, 2>(*pool, stream)
                               : launch_pool<T, wide<T>, 0>(*pool, stream);
    });
}
