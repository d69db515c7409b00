#include "kernels/dot.h"

#include <omp.h>

#include "kernels/element.h"
#include "kernels/parallel.h"
#include "kernels/versions.h"

static void run_pixels(const bt_dot *d, const bt_versions *version, int64_t from, int64_t to) {
    const char *x = (const char *)d->x + (size_t)from * (size_t)d->channels * bt_value_bytes(d->bf16);
    (d->bf16 ? version->dot_pixels_bf16 : version->dot_pixels_f32)(d->out + from, x, d->weight, d->bias,
                                                                   (size_t)(to - from), d->channels);
}

void bt_dot_run(const bt_dot *dot, bt_cpu_level level) {
    const bt_versions *version = bt_versions_of(level);
    const int threads = bt_threads_for(dot->pixels * dot->channels, dot->pixels, dot->threads);
    if (threads == 1) {
        run_pixels(dot, version, 0, dot->pixels);
        return;
    }
#pragma omp parallel num_threads(threads)
    {
        const int thread = omp_get_thread_num(), count = omp_get_num_threads();
        run_pixels(dot, version, bt_share_from(dot->pixels, thread, count),
                   bt_share_from(dot->pixels, thread + 1, count));
    }
}

void bt_dot_reference(const bt_dot *d, double *out) {
    for (int64_t p = 0; p < d->pixels; p++) {
        out[p] = (double)d->bias;
        for (int c = 0; c < d->channels; c++)
            out[p] += (double)bt_element(d->x, d->bf16, (size_t)(p * d->channels + c)) * (double)d->weight[c];
    }
}
