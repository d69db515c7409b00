#include "kernels/rearrange.h"

#include <string.h>

#include "kernels/element.h"
#include "kernels/loops.h"
#include "kernels/parallel.h"
#include "kernels/trial.h"

/* Pixels of every image. */
static void interleave_pixels(const bt_share *share) {
    const bt_interleave *i = share->kernel;
    const size_t pixel = (size_t)i->channels * bt_value_bytes(i->type);
    for (int n = 0; n < i->batch; n++) {
        const float *planes = i->planes + (int64_t)n * i->channels * i->pixels + share->from;
        char *out = (char *)i->out + (size_t)(n * i->pixels + share->from) * pixel;
        share->loops->interleave(out, planes, (size_t)i->pixels, i->channels,
                                 (size_t)(share->to - share->from));
    }
}

void bt_interleave_run(const bt_interleave *interleave, bt_cpu_level level) {
    const bt_interleave *i = interleave;
    const bt_share all = {.kernel = i, .loops = bt_loops_of(level, i->type), .to = i->pixels};
    bt_share_out(interleave_pixels, &all,
                 bt_threads_for(i->batch * i->pixels * i->channels, i->pixels, i->threads));
}

/* Row `row` of x, all images counted on, to `size` rows of the output. */
static void unfold_row(const bt_unfold *u, int64_t row) {
    const size_t bytes = bt_value_bytes(u->type), pixel = (size_t)u->channels * bytes;
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

/* Pixels at a time: their values of all channels stay in the nearest cache while plane after plane is written. */
#define PIXELS_AT_A_TIME 64

static void write_planes(const bt_planes *p, int64_t image, int64_t from, int64_t to) {
    const char *x =
        (const char *)p->x + (size_t)(image * p->pixels + from) * p->stride * bt_value_bytes(p->type);
    for (int c = 0; c < p->channels; c++) {
        float *out = p->planes + (image * p->channels + c) * p->pixels + from;
        const size_t count = (size_t)(to - from);
        if (p->type == BT_BF16)
            for (size_t i = 0; i < count; i++)
                out[i] = bt_element(x, BT_BF16, i * p->stride + (size_t)c);
        else
            for (size_t i = 0; i < count; i++)
                out[i] = bt_element(x, BT_F32, i * p->stride + (size_t)c);
    }
}

static void write_blocks(const bt_share *share) {
    const bt_planes *p = share->kernel;
    const int64_t blocks = (p->pixels + PIXELS_AT_A_TIME - 1) / PIXELS_AT_A_TIME;
    for (int64_t i = share->from; i < share->to; i++) {
        const int64_t from = i % blocks * PIXELS_AT_A_TIME, to = from + PIXELS_AT_A_TIME;
        write_planes(p, i / blocks, from, to < p->pixels ? to : p->pixels);
    }
}

void bt_planes_run(const bt_planes *planes) {
    const bt_planes *p = planes;
    const int64_t blocks = p->batch * ((p->pixels + PIXELS_AT_A_TIME - 1) / PIXELS_AT_A_TIME);
    const bt_share all = {.kernel = p, .to = blocks};
    bt_share_out(write_blocks, &all, bt_threads_for(p->batch * p->pixels * p->channels, blocks, p->threads));
}

/* ---- made-up cases ---- */

void bt_try_planes(bt_trial *t) {
    bt_planes p = {.batch = 1 + bt_trial_below(t, 3),
                   .channels = 1 + bt_trial_below(t, 21),
                   .pixels = 1 + bt_trial_below(t, 300),
                   .type = t->given->type,
                   .threads = t->given->threads};
    const size_t channels = (size_t)p.channels, all = (size_t)(p.batch * p.pixels);
    p.stride = channels + (size_t)bt_trial_below(t, 5);
    p.x = bt_trial_activations(t, all * p.stride);
    p.planes = bt_trial_numbers(t, all * channels);
    double *wanted = bt_trial_wanted(t, all * channels);
    bt_trial_name(t, "%d x %lld pixels, %d channels of %zu", p.batch, (long long)p.pixels, p.channels,
                  p.stride);
    if (t->no_memory) return;
    for (size_t i = 0; i < all; i++)
        for (size_t c = 0; c < channels; c++)
            wanted[(i / (size_t)p.pixels * channels + c) * (size_t)p.pixels + i % (size_t)p.pixels] =
                (double)bt_element(p.x, p.type, i * p.stride + c);
    bt_planes_run(&p);
    bt_trial_compare(t, p.planes, BT_F32, all * channels, (int)(all * channels), 1, wanted);
}

void bt_try_interleave(bt_trial *t) {
    bt_interleave i = {.batch = 1 + bt_trial_below(t, 3),
                       .channels = 1 + bt_trial_below(t, 5),
                       .pixels = 1 + bt_trial_below(t, 300),
                       .type = t->given->type,
                       .threads = t->given->threads};
    const size_t channels = (size_t)i.channels, all = (size_t)i.batch * (size_t)i.pixels;
    i.planes = bt_trial_numbers(t, all * channels);
    i.out = bt_trial_activations(t, all * channels);
    double *wanted = bt_trial_wanted(t, all * channels);
    bt_trial_name(t, "%d x %lld pixels, %d channels", i.batch, (long long)i.pixels, i.channels);
    if (t->no_memory) return;
    for (size_t p = 0; p < all; p++)
        for (size_t c = 0; c < channels; c++) {
            size_t image = p / (size_t)i.pixels, at = p % (size_t)i.pixels;
            wanted[p * channels + c] =
                (double)bt_element(i.planes, BT_F32, (image * channels + c) * (size_t)i.pixels + at);
        }
    bt_interleave_run(&i, t->level);
    bt_trial_compare(t, i.out, i.type, channels, i.channels, all, wanted);
}

void bt_try_unfold(bt_trial *t) {
    bt_unfold u = {.batch = 1 + bt_trial_below(t, 3),
                   .channels = bt_trial_channels(t),
                   .height = 1 + bt_trial_below(t, 9),
                   .width = 1 + bt_trial_below(t, 9),
                   .size = 1 + bt_trial_below(t, 3),
                   .type = t->given->type,
                   .threads = t->given->threads};
    const size_t size = (size_t)u.size, channels = (size_t)u.channels, width = (size_t)u.width,
                 rows = (size_t)(u.batch * u.height), pixels = rows * width * size * size;
    const bool twice = bt_trial_below(t, 2);
    u.x = bt_trial_activations(t, pixels * channels);
    u.out = bt_trial_activations(t, pixels * channels);
    u.second_stride = channels + (size_t)bt_trial_below(t, 9);
    u.second_out = twice ? bt_trial_activations(t, pixels * u.second_stride) : NULL;
    double *wanted = bt_trial_wanted(t, pixels * channels);
    bt_trial_name(t, "%d x %d x %d by %d, %d channels%s", u.batch, u.height, u.width, u.size, u.channels,
                  twice ? ", twice" : "");
    if (t->no_memory) return;
    for (size_t p = 0; p < pixels; p++) {
        size_t y = p / (width * size), x = p % (width * size);
        size_t from = (y / size * width + x / size) * size * size + y % size * size + x % size;
        for (size_t c = 0; c < channels; c++)
            wanted[p * channels + c] = (double)bt_element(u.x, u.type, from * channels + c);
    }
    bt_unfold_run(&u, t->level);
    bt_trial_compare(t, u.out, u.type, channels, u.channels, pixels, wanted);
    if (twice) bt_trial_compare(t, u.second_out, u.type, u.second_stride, u.channels, pixels, wanted);
}
