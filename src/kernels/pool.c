#include "kernels/pool.h"

#include <math.h>
#include <omp.h>
#include <stddef.h>
#include <stdint.h>

#include "kernels/element.h"
#include "kernels/parallel.h"
#include "kernels/versions.h"

/* Rows [from, to) of the whole batch's output; an image's rows follow the one's before it. */
static void run_rows(const bt_pool *p, const bt_versions *version, int64_t from, int64_t to) {
    const size_t row = (size_t)p->width * (size_t)p->channels, bytes = bt_value_bytes(p->bf16);
    const int width = p->width / p->size;
    for (int64_t y = from; y < to; y++)
        (p->bf16 ? version->pool_row_bf16 : version->pool_row_f32)(
            (char *)p->out + (size_t)y * (size_t)width * (size_t)p->channels * bytes,
            (const char *)p->x + (size_t)(y * p->size) * row * bytes, row, p->size, width, p->channels);
}

void bt_pool_run(const bt_pool *pool, bt_cpu_level level) {
    const bt_versions *version = bt_versions_of(level);
    const int64_t rows = (int64_t)pool->batch * (pool->height / pool->size);
    const int threads = bt_threads_for((int64_t)pool->batch * pool->height * pool->width * pool->channels,
                                       rows, pool->threads);
    if (threads == 1) {
        run_rows(pool, version, 0, rows);
        return;
    }
#pragma omp parallel num_threads(threads)
    {
        const int thread = omp_get_thread_num(), count = omp_get_num_threads();
        run_rows(pool, version, bt_share_from(rows, thread, count), bt_share_from(rows, thread + 1, count));
    }
}

void bt_pool_reference(const bt_pool *p, double *out) {
    const int rows = p->batch * (p->height / p->size), columns = p->width / p->size;
    for (int y = 0; y < rows; y++)
        for (int x = 0; x < columns; x++)
            for (int c = 0; c < p->channels; c++, out++) {
                *out = -INFINITY;
                for (int i = 0; i < p->size * p->size; i++) {
                    size_t pixel = (size_t)(y * p->size + i / p->size) * (size_t)p->width +
                                   (size_t)(x * p->size + i % p->size);
                    *out = fmax(*out,
                                (double)bt_element(p->x, p->bf16, pixel * (size_t)p->channels + (size_t)c));
                }
            }
}
