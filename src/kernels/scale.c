#include "kernels/scale.h"

#include "kernels/element.h"
#include "kernels/loops.h"
#include "kernels/parallel.h"

/* Pixels of the whole batch, image by image. */
static void run_pixels(const bt_share *share) {
    const bt_scale *s = share->kernel;
    const size_t bytes = bt_value_bytes(s->bf16);
    for (int64_t from = share->from, end; from < share->to; from = end) {
        int64_t image = from / s->pixels;
        end = (image + 1) * s->pixels;
        if (end > share->to) end = share->to;
        share->loops->scale_pixels((char *)s->out + (size_t)from * s->out_stride * bytes, s->out_stride,
                                   (const char *)s->x + (size_t)from * (size_t)s->channels * bytes,
                                   s->channel ? s->channel + image * s->channels : NULL,
                                   s->pixel ? s->pixel + from : NULL, (size_t)(end - from), s->channels);
    }
}

void bt_scale_run(const bt_scale *scale, bt_cpu_level level) {
    const int64_t pixels = scale->batch * scale->pixels;
    const bt_share all = {.kernel = scale, .loops = bt_loops_of(level, scale->bf16), .to = pixels};
    bt_share_out(run_pixels, &all, bt_threads_for(pixels * scale->channels, pixels, scale->threads));
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
    bt_loops_of(level, false)->sigmoid(values, count);
}
