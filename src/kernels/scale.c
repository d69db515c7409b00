#include "kernels/scale.h"

#include <omp.h>

#include "kernels/element.h"
#include "kernels/parallel.h"
#include "kernels/versions.h"

/* Pixels [from, to) of the whole batch, image by image. */
static void run_pixels(const bt_scale *s, const bt_versions *version, int64_t from, int64_t to) {
    const size_t bytes = bt_value_bytes(s->bf16);
    while (from < to) {
        int64_t image = from / s->pixels, end = (image + 1) * s->pixels;
        if (end > to) end = to;
        (s->bf16 ? version->scale_pixels_bf16 : version->scale_pixels_f32)(
            (char *)s->out + (size_t)from * s->out_stride * bytes, s->out_stride,
            (const char *)s->x + (size_t)from * (size_t)s->channels * bytes,
            s->channel ? s->channel + image * s->channels : NULL, s->pixel ? s->pixel + from : NULL,
            (size_t)(end - from), s->channels);
        from = end;
    }
}

void bt_scale_run(const bt_scale *scale, bt_cpu_level level) {
    const bt_versions *version = bt_versions_of(level);
    const int64_t pixels = scale->batch * scale->pixels;
    const int threads = bt_threads_for(pixels * scale->channels, pixels, scale->threads);
    if (threads == 1) {
        run_pixels(scale, version, 0, pixels);
        return;
    }
#pragma omp parallel num_threads(threads)
    {
        const int thread = omp_get_thread_num(), count = omp_get_num_threads();
        run_pixels(scale, version, bt_share_from(pixels, thread, count),
                   bt_share_from(pixels, thread + 1, count));
    }
}

void bt_scale_reference(const bt_scale *s, double *out) {
    for (int64_t p = 0; p < s->batch * s->pixels; p++)
        for (int c = 0; c < s->channels; c++) {
            int64_t place = p * s->channels + c;
            double y = (double)bt_element(s->x, s->bf16, (size_t)place);
            if (s->channel) y *= (double)s->channel[p / s->pixels * s->channels + c];
            if (s->pixel) y *= (double)s->pixel[p];
            out[place] = y;
        }
}

void bt_sigmoid_run(float *values, size_t count, bt_cpu_level level) {
    bt_versions_of(level)->sigmoid(values, count);
}
