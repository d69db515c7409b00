#include "kernels/pool.h"

#include <math.h>
#include <stddef.h>
#include <stdint.h>

#include "kernels/element.h"
#include "kernels/loops.h"
#include "kernels/parallel.h"

/* Rows of the whole batch's output; an image's follow the ones of the image before it. */
static void run_rows(const bt_share *share) {
    const bt_pool *p = share->kernel;
    const size_t row = (size_t)p->width * (size_t)p->channels, bytes = bt_value_bytes(p->bf16);
    const int width = p->width / p->size;
    for (int64_t y = share->from; y < share->to; y++)
        share->loops->pool_row((char *)p->out + (size_t)y * (size_t)width * (size_t)p->channels * bytes,
                               (const char *)p->x + (size_t)(y * p->size) * row * bytes, row, p->size, width,
                               p->channels);
}

void bt_pool_run(const bt_pool *pool, bt_cpu_level level) {
    const int64_t rows = (int64_t)pool->batch * (pool->height / pool->size),
                  values = (int64_t)pool->batch * pool->height * pool->width * pool->channels;
    const bt_share all = {.kernel = pool, .loops = bt_loops_of(level, pool->bf16), .to = rows};
    bt_share_out(run_rows, &all, bt_threads_for(values, rows, pool->threads));
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
