/* How many threads a kernel's work deserves, and who takes which part: for the kernels' own files. */
#ifndef BT_KERNELS_PARALLEL_H
#define BT_KERNELS_PARALLEL_H

#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

#define BT_THREADS_MAX        64
#define BT_VALUES_FOR_THREADS 16384 /* fewer for each are not worth waking it for */
#define BT_CACHE_LINE         64

/* For `values` to be touched, in at most `parts` pieces. */
static inline int bt_threads_for(int64_t values, int64_t parts, int wanted) {
    int64_t threads = values / BT_VALUES_FOR_THREADS;
    if (threads > wanted) threads = wanted;
    if (threads > BT_THREADS_MAX) threads = BT_THREADS_MAX;
    if (threads > parts) threads = parts;
    return threads < 1 ? 1 : (int)threads;
}

/* Where thread `thread` of `threads` begins in `parts` pieces; it ends where the next one begins. */
static inline int64_t bt_share_from(int64_t parts, int thread, int threads) {
    return parts * thread / threads;
}

/* To whole cache lines. */
static inline size_t bt_rounded(size_t bytes) {
    return (bytes + BT_CACHE_LINE - 1) / BT_CACHE_LINE * BT_CACHE_LINE;
}

/* Bytes of a value of the activations' type. */
static inline size_t bt_value_bytes(int bf16) {
    return bf16 ? 2 : 4;
}

#ifdef __cplusplus
}
#endif
#endif
