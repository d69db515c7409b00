#include "kernels/rearrange.h"

#include <string.h>

#include "kernels/loops.h"
#include "kernels/parallel.h"

/* Pixels of every image. */
static void interleave_pixels(const bt_share *share) {
    const bt_interleave *i = share->kernel;
    const size_t pixel = (size_t)i->channels * bt_value_bytes(i->bf16);
    for (int n = 0; n < i->batch; n++) {
        const float *planes = i->planes + (int64_t)n * i->channels * i->pixels + share->from;
        char *out = (char *)i->out + (size_t)(n * i->pixels + share->from) * pixel;
        share->loops->interleave(out, planes, (size_t)i->pixels, i->channels,
                                 (size_t)(share->to - share->from));
    }
}

void bt_interleave_run(const bt_interleave *interleave, bt_cpu_level level) {
    const bt_interleave *i = interleave;
    const bt_share all = {.kernel = i, .loops = bt_loops_of(level, i->bf16), .to = i->pixels};
    bt_share_out(interleave_pixels, &all,
                 bt_threads_for(i->batch * i->pixels * i->channels, i->pixels, i->threads));
}

/* Row `row` of x, all images counted on, to `size` rows of the output. */
static void unfold_row(const bt_unfold *u, int64_t row) {
    const size_t bytes = bt_value_bytes(u->bf16), pixel = (size_t)u->channels * bytes;
    const size_t size = (size_t)u->size, width = (size_t)u->width * size;
    for (size_t i = 0; i < size; i++) {
        size_t first = ((size_t)row * size + i) * width; /* pixel of the output */
        const char *x = (const char *)u->x + ((size_t)row * (size_t)u->width * size + i) * size * pixel;
        char *out = (char *)u->out + first * pixel;
        char *second = u->second_out ? (char *)u->second_out + first * u->second_stride * bytes : NULL;
        for (int j = 0; j < u->width; j++, x += size * size * pixel, out += size * pixel) {
            memcpy(out, x, size * pixel);
            for (size_t k = 0; second && k < size; k++, second += u->second_stride * bytes)
                memcpy(second, x + k * pixel, pixel);
        }
    }
}

static void unfold_rows(const bt_share *share) {
    for (int64_t row = share->from; row < share->to; row++)
        unfold_row(share->kernel, row);
}

void bt_unfold_run(const bt_unfold *unfold, bt_cpu_level level) {
    const bt_unfold *u = unfold;
    const int64_t rows = (int64_t)u->batch * u->height;
    const bt_share all = {.kernel = u, .to = rows};
    (void)level; /* memcpy chooses for itself */
    bt_share_out(unfold_rows, &all,
                 bt_threads_for(rows * u->width * u->size * u->size * u->channels, rows, u->threads));
}
