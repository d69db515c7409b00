#include "kernels/scale.h"

#include <math.h>

#include "kernels/element.h"
#include "kernels/loops.h"
#include "kernels/parallel.h"
#include "kernels/trial.h"

/* Pixels of the whole batch, image by image. */
static void run_pixels(const bt_share *share) {
    const bt_scale *s = share->kernel;
    const size_t bytes = bt_value_bytes(s->type);
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

/* Factors of both kinds for each channel are joined there. */
size_t bt_scale_scratch_bytes(const bt_scale *scale) {
    return scale->ratio ? (size_t)scale->batch * (size_t)scale->channels * sizeof(float) : 0;
}

static const float *joined_factors(const bt_scale *s, float *out) {
    for (int n = 0, i = 0; n < s->batch; n++)
        for (int c = 0; c < s->channels; c++, i++)
            out[i] = s->ratio[c] * (s->channel ? s->channel[i] : 1);
    return out;
}

void bt_scale_run(const bt_scale *scale, bt_cpu_level level, void *scratch) {
    const int64_t pixels = scale->batch * scale->pixels;
    bt_scale one = *scale;
    if (scale->ratio) one.channel = joined_factors(scale, scratch);
    const bt_share all = {.kernel = &one, .loops = bt_loops_of(level, scale->type), .to = pixels};
    bt_share_out(run_pixels, &all, bt_threads_for(pixels * scale->channels, pixels, scale->threads));
}

void bt_scale_reference(const bt_scale *s, double *out) {
    for (int64_t p = 0; p < s->batch * s->pixels; p++)
        for (int c = 0; c < s->channels; c++) {
            int64_t place = p * s->channels + c;
            double y = (double)bt_element(s->x, s->type, (size_t)place);
            if (s->channel) y *= (double)s->channel[p / s->pixels * s->channels + c];
            if (s->pixel) y *= (double)s->pixel[p];
            if (s->ratio) y *= (double)s->ratio[c];
            out[place] = s->type == BT_U8 ? fmin(fmax(y, 0), 255) : y;
        }
}

void bt_sigmoid_run(float *values, size_t count, bt_cpu_level level) {
    bt_loops_of(level, BT_F32)->sigmoid(values, count);
}

/* ---- made-up cases ---- */

void bt_try_scale(bt_trial *t) {
    bt_scale scale = {.batch = 1 + bt_trial_below(t, 3),
                      .channels = bt_trial_channels(t),
                      .pixels = 1 + bt_trial_below(t, 300),
                      .type = t->given->type,
                      .threads = t->given->threads};
    const size_t pixels = (size_t)scale.batch * (size_t)scale.pixels;
    const bool in_place = bt_trial_below(t, 2);
    scale.x = bt_trial_activations(t, pixels * (size_t)scale.channels);
    scale.out_stride = (size_t)(scale.channels + (in_place ? 0 : bt_trial_below(t, 9)));
    scale.out = in_place ? (void *)(uintptr_t)scale.x : bt_trial_activations(t, pixels * scale.out_stride);
    if (bt_trial_below(t, 2)) scale.channel = bt_trial_numbers(t, (size_t)(scale.batch * scale.channels));
    if (bt_trial_below(t, 2)) scale.pixel = bt_trial_numbers(t, pixels);
    if (bt_trial_below(t, 2)) scale.ratio = bt_trial_units(t, scale.channels, 1);
    double *wanted = bt_trial_wanted(t, pixels * (size_t)scale.channels);
    void *scratch = bt_trial_scratch(t, bt_scale_scratch_bytes(&scale));
    bt_trial_name(t, "%d x %lld pixels, %d channels of %zu%s%s%s", scale.batch, (long long)scale.pixels,
                  scale.channels, scale.out_stride, scale.channel ? ", by channel" : "",
                  scale.pixel ? ", by pixel" : "", scale.ratio ? ", by units" : "");
    if (t->no_memory) return;
    bt_scale_reference(&scale, wanted);
    bt_scale_run(&scale, t->level, scratch);
    bt_trial_compare(t, scale.out, scale.type, scale.out_stride, scale.channels, pixels, wanted);
}

/* Its tail too: any count. */
void bt_try_sigmoid(bt_trial *t) {
    const size_t count = (size_t)(1 + bt_trial_below(t, 70));
    float *values = bt_trial_numbers(t, count);
    double *wanted = bt_trial_wanted(t, count);
    bt_trial_name(t, "%zu values", count);
    if (t->no_memory) return;
    for (size_t i = 0; i < count; i++) {
        bt_element_put(values, BT_F32, i, 30 * bt_element(values, BT_F32, i));
        wanted[i] = 1 / (1 + exp(-(double)bt_element(values, BT_F32, i)));
    }
    bt_sigmoid_run(values, count, t->level);
    bt_trial_compare(t, values, BT_F32, 1, 1, count, wanted);
}
