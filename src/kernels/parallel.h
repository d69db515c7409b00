/* How many threads a kernel's work deserves, and who takes which part: for the kernels' own files. */
#ifndef BT_KERNELS_PARALLEL_H
#define BT_KERNELS_PARALLEL_H

#include <stddef.h>
#include <stdint.h>

#include "kernels/value-type.h"

#ifdef __cplusplus
extern "C" {
#endif

#define BT_THREADS_MAX 64
#define BT_CACHE_LINE  64

/* Values that a thread must have to touch before it is woken. Waking one and waiting for it takes a few
 * microseconds, in which a core moves about as many values. Lower, small tensors take longer than with one
 * thread; higher, tensors in the middle leave cores idle. */
#define BT_VALUES_FOR_THREADS 16384

/* For `values` to be touched, in at most `pieces` pieces. */
static inline int bt_threads_for(int64_t values, int64_t pieces, int wanted) {
    int64_t threads = values / BT_VALUES_FOR_THREADS;
    if (threads > wanted) threads = wanted;
    if (threads > BT_THREADS_MAX) threads = BT_THREADS_MAX;
    if (threads > pieces) threads = pieces;
    return threads < 1 ? 1 : (int)threads;
}

/* Where thread `thread` of `threads` begins in `pieces` pieces; it ends where the next one begins. */
static inline int64_t bt_share_from(int64_t pieces, int thread, int threads) {
    return pieces * thread / threads;
}

/* A kernel's work, or one thread's part of it. */
typedef struct bt_share {
    const void *kernel; /* what is to be done: bt_dot, bt_sum, ... */
    const struct bt_loops *loops;
    void *scratch; /* the whole kernel's, or NULL */
    int thread;
    int64_t from, to; /* the pieces (rows, pixels), `to` excluded */
} bt_share;

/* Calls `work` with parts of `whole`, whose pieces begin at 0: on `threads` threads of the calling one's
 * OpenMP pool, or here where that is 1. */
void bt_share_out(void (*work)(const bt_share *share), const bt_share *whole, int threads);

/* To whole cache lines. */
static inline size_t bt_rounded(size_t bytes) {
    return (bytes + BT_CACHE_LINE - 1) / BT_CACHE_LINE * BT_CACHE_LINE;
}

#ifdef __cplusplus
}
#endif
#endif
