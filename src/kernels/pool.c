#include "kernels/pool.h"

#include <math.h>
#include <stddef.h>
#include <stdint.h>

#include "kernels/element.h"
#include "kernels/loops.h"
#include "kernels/parallel.h"
#include "kernels/trial.h"

/* Rows of the whole batch's output; an image's follow the ones of the image before it. */
static void run_rows(const bt_share *share) {
    const bt_pool *p = share->kernel;
    const size_t row = (size_t)p->width * (size_t)p->channels, bytes = bt_value_bytes(p->type);
    const int width = p->width / p->size;
    for (int64_t y = share->from; y < share->to; y++)
        share->loops->pool_row((char *)p->out + (size_t)y * (size_t)width * (size_t)p->channels * bytes,
                               (const char *)p->x + (size_t)(y * p->size) * row * bytes, row, p->size, width,
                               p->channels);
}

void bt_pool_run(const bt_pool *pool, bt_cpu_level level) {
    const int64_t rows = (int64_t)pool->batch * (pool->height / pool->size),
                  values = (int64_t)pool->batch * pool->height * pool->width * pool->channels;
    const bt_share all = {.kernel = pool, .loops = bt_loops_of(level, pool->type), .to = rows};
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
                                (double)bt_element(p->x, p->type, pixel * (size_t)p->channels + (size_t)c));
                }
            }
}

/* ---- made-up cases ---- */

void bt_try_pool(bt_trial *t) {
    bt_pool pool = {.batch = 1 + bt_trial_below(t, 3),
                    .channels = bt_trial_channels(t),
                    .size = 1 + bt_trial_below(t, 3),
                    .type = t->given->type,
                    .threads = t->given->threads};
    pool.height = pool.size * (1 + bt_trial_below(t, 9));
    pool.width = pool.size * (1 + bt_trial_below(t, 9));
    const size_t pixels = (size_t)(pool.batch * (pool.height / pool.size) * (pool.width / pool.size)),
                 channels = (size_t)pool.channels;
    pool.x = bt_trial_activations(t, (size_t)(pool.batch * pool.height * pool.width) * channels);
    pool.out = bt_trial_activations(t, pixels * channels);
    double *wanted = bt_trial_wanted(t, pixels * channels);
    bt_trial_name(t, "%d x %d x %d by %d, %d channels", pool.batch, pool.height, pool.width, pool.size,
                  pool.channels);
    if (t->no_memory) return;
    bt_pool_reference(&pool, wanted);
    bt_pool_run(&pool, t->level);
    bt_trial_compare(t, pool.out, pool.type, channels, pool.channels, pixels, wanted);
}
