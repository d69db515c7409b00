#include "kernels/rearrange.h"

#include <omp.h>
#include <string.h>

#include "kernels/parallel.h"
#include "kernels/versions.h"

static void interleave_pixels(const bt_interleave *i, const bt_versions *version, int64_t from, int64_t to) {
    const size_t pixel = (size_t)i->channels * bt_value_bytes(i->bf16);
    for (int n = 0; n < i->batch; n++) {
        const float *planes = i->planes + (int64_t)n * i->channels * i->pixels + from;
        char *out = (char *)i->out + (size_t)(n * i->pixels + from) * pixel;
        (i->bf16 ? version->interleave_bf16 : version->interleave_f32)(out, planes, (size_t)i->pixels,
                                                                       i->channels, (size_t)(to - from));
    }
}

void bt_interleave_run(const bt_interleave *interleave, bt_cpu_level level) {
    const bt_versions *version = bt_versions_of(level);
    const int64_t pixels = interleave->pixels;
    const int threads =
        bt_threads_for(interleave->batch * pixels * interleave->channels, pixels, interleave->threads);
    if (threads == 1) {
        interleave_pixels(interleave, version, 0, pixels);
        return;
    }
#pragma omp parallel num_threads(threads)
    {
        const int thread = omp_get_thread_num(), count = omp_get_num_threads();
        interleave_pixels(interleave, version, bt_share_from(pixels, thread, count),
                          bt_share_from(pixels, thread + 1, count));
    }
}

/* Row `row` of x, all images counted on, to `size` rows of the output. */
static void unfold_row(const bt_unfold *u, int64_t row) {
    const size_t bytes = bt_value_bytes(u->bf16), pixel = (size_t)u->channels * bytes;
    const size_t size = (size_t)u->size, width = (size_t)u->width * size;
    for (size_t i = 0; i < size; i++) {
        size_t first = ((size_t)row * size + i) * width; /* pixel of the output */
        const char *x = (const char *)u->x + ((size_t)row * (size_t)u->width * size + i) * size * pixel;
        char *out = (char *)u->out + first * pixel;
        char *also = u->also ? (char *)u->also + first * u->also_stride * bytes : NULL;
        for (int j = 0; j < u->width; j++, x += size * size * pixel, out += size * pixel) {
            memcpy(out, x, size * pixel);
            for (size_t k = 0; also && k < size; k++, also += u->also_stride * bytes)
                memcpy(also, x + k * pixel, pixel);
        }
    }
}

void bt_unfold_run(const bt_unfold *unfold, bt_cpu_level level) {
    (void)level; /* memcpy chooses for itself */
    const int64_t rows = (int64_t)unfold->batch * unfold->height;
    const int threads = bt_threads_for(rows * unfold->width * unfold->size * unfold->size * unfold->channels,
                                       rows, unfold->threads);
    if (threads == 1) {
        for (int64_t row = 0; row < rows; row++)
            unfold_row(unfold, row);
        return;
    }
#pragma omp parallel num_threads(threads)
    {
        const int thread = omp_get_thread_num(), count = omp_get_num_threads();
        for (int64_t row = bt_share_from(rows, thread, count); row < bt_share_from(rows, thread + 1, count);
             row++)
            unfold_row(unfold, row);
    }
}
