/* Max pooling over squares that do not overlap, channels_last. */
#ifndef BT_KERNELS_POOL_H
#define BT_KERNELS_POOL_H

#include <stdbool.h>

#include "kernels/cpu.h"

#ifdef __cplusplus
extern "C" {
#endif

typedef struct bt_pool {
    void *out;     /* batch x height / size x width / size x channels, of x's type */
    const void *x; /* batch x height x width x channels, float or BF16; both sizes multiples of `size` */
    int batch, channels, height, width;
    int size; /* of a square, and its stride */
    bt_value_type type;
    int threads; /* OpenMP's, at most */
} bt_pool;

/* A NaN in a square is its largest. */
void bt_pool_run(const bt_pool *pool, bt_cpu_level level);
void bt_pool_reference(const bt_pool *pool, double *out);

#ifdef __cplusplus
}
#endif
#endif
