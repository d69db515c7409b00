#include "kernels/attention.h"

#include <math.h>
#include <omp.h>
#include <stdint.h>
#include <string.h>

#include "kernels/element.h"
#include "kernels/loops.h"
#include "kernels/parallel.h"
#include "kernels/trial.h"

/* ---- channels ---- */

/* What one thread gathers of an image. */
typedef struct gathered {
    double *sums;
    float *largest;
} gathered;

static int channel_threads(const bt_channel_attention *a) {
    int64_t pixels = (int64_t)a->height * a->width;
    return bt_threads_for(a->batch * pixels * a->channels, pixels, a->threads);
}

static size_t gathered_bytes(const bt_channel_attention *a) {
    return bt_rounded((size_t)a->channels * sizeof(double)) + bt_rounded((size_t)a->channels * sizeof(float));
}

size_t bt_channel_attention_scratch_bytes(const bt_channel_attention *attention) {
    size_t each = (size_t)attention->batch * (size_t)channel_threads(attention);
    return each * gathered_bytes(attention) +
           bt_rounded((size_t)(attention->channels + attention->hidden) * sizeof(float));
}

static gathered gathered_at(const bt_channel_attention *a, void *scratch, int image, int thread,
                            int threads) {
    char *at = (char *)scratch + ((size_t)image * (size_t)threads + (size_t)thread) * gathered_bytes(a);
    return (gathered){(double *)(void *)at,
                      (float *)(void *)(at + bt_rounded((size_t)a->channels * sizeof(double)))};
}

/* This thread's pixels of every image. */
static void gather_images(const bt_channel_attention *a, const bt_loops *loops, void *scratch, int thread,
                          int threads) {
    const int64_t pixels = (int64_t)a->height * a->width;
    const int64_t from = bt_share_from(pixels, thread, threads),
                  to = bt_share_from(pixels, thread + 1, threads);
    const size_t pixel = (size_t)a->channels * bt_value_bytes(a->type);
    for (int n = 0; n < a->batch; n++) {
        const gathered mine = gathered_at(a, scratch, n, thread, threads);
        const char *x = (const char *)a->x + (size_t)(n * pixels + from) * pixel;
        for (int c = 0; c < a->channels; c++) {
            mine.sums[c] = 0;
            mine.largest[c] = -INFINITY;
        }
        loops->gather_channels(x, (size_t)(to - from), a->channels, mine.sums, mine.largest);
    }
}

/* All threads' parts of image n into the first's: means and largest, in FP32 from here on. */
static void combine(const bt_channel_attention *a, void *scratch, int n, int threads, float *mean,
                    float *largest) {
    const double share = 1 / ((double)a->height * a->width);
    for (int c = 0; c < a->channels; c++) {
        double sum = 0;
        float most = -INFINITY;
        for (int t = 0; t < threads; t++) {
            const gathered part = gathered_at(a, scratch, n, t, threads);
            sum += part.sums[c];
            if (!(most >= part.largest[c])) most = part.largest[c];
        }
        const float unit = a->unit ? a->unit[c] : 1;
        mean[c] = (float)(sum * share) * unit;
        largest[c] = most * unit;
    }
}

/* The two runs of the perceptron share each row of weights; the second layer is linear, so that their hidden
 * values are added before it. */
static void run_perceptron(const bt_channel_attention *a, const float *mean, const float *largest,
                           float *hidden, float *out, bt_cpu_level level) {
    const bt_loops *loops = bt_loops_of(level, BT_F32);
    for (int h = 0; h < a->hidden; h++) {
        const float *weights = a->squeeze + (size_t)h * (size_t)a->channels;
        float of_mean, of_largest;
        loops->dot_pixels(&of_mean, mean, weights, 0, 1, a->channels);
        loops->dot_pixels(&of_largest, largest, weights, 0, 1, a->channels);
        hidden[h] = (of_mean < 0 ? 0 : of_mean) + (of_largest < 0 ? 0 : of_largest);
    }
    loops->dot_pixels(out, a->expand, hidden, 0, (size_t)a->channels, a->hidden);
    loops->sigmoid(out, (size_t)a->channels);
}

void bt_channel_attention_run(const bt_channel_attention *attention, bt_cpu_level level, void *scratch) {
    const bt_loops *loops = bt_loops_of(level, attention->type);
    const bt_channel_attention *a = attention;
    int threads = channel_threads(a);
    float *mean = (float *)(void *)((char *)scratch + (size_t)a->batch * (size_t)threads * gathered_bytes(a));
    float *hidden = mean + a->channels;
    if (threads == 1) {
        gather_images(a, loops, scratch, 0, 1);
    } else {
        int given = threads;
#pragma omp parallel num_threads(threads)
        {
#pragma omp master
            given = omp_get_num_threads();
            gather_images(a, loops, scratch, omp_get_thread_num(), omp_get_num_threads());
        }
        threads = given;
    }
    for (int n = 0; n < a->batch; n++) {
        float *largest = gathered_at(a, scratch, n, 0, threads).largest;
        combine(a, scratch, n, threads, mean, largest);
        run_perceptron(a, mean, largest, hidden, a->factors + n * a->channels, level);
    }
}

void bt_channel_attention_reference(const bt_channel_attention *a, double *out) {
    const size_t channels = (size_t)a->channels, pixels = (size_t)a->height * (size_t)a->width;
    for (int n = 0; n < a->batch; n++) {
        double *y = out + (size_t)n * channels;
        memset(y, 0, channels * sizeof *y);
        for (int h = 0; h < a->hidden; h++) {
            double of_mean = 0, of_largest = 0;
            for (size_t c = 0; c < channels; c++) {
                double sum = 0, most = -INFINITY, weight = (double)a->squeeze[(size_t)h * channels + c];
                for (size_t p = 0; p < pixels; p++) {
                    double x = (double)bt_element(a->x, a->type, ((size_t)n * pixels + p) * channels + c);
                    if (a->unit) x *= (double)a->unit[c];
                    sum += x;
                    most = fmax(most, x);
                }
                of_mean += weight * sum / (double)pixels;
                of_largest += weight * most;
            }
            for (size_t c = 0; c < channels; c++)
                y[c] += (fmax(of_mean, 0) + fmax(of_largest, 0)) *
                        (double)a->expand[c * (size_t)a->hidden + (size_t)h];
        }
        for (size_t c = 0; c < channels; c++)
            y[c] = 1 / (1 + exp(-y[c]));
    }
}

/* ---- pixels ---- */

/* Both maps have a border of zeros, so that the convolution knows no edges. */
static size_t map_width(const bt_spatial_attention *a) {
    return (size_t)a->width + (size_t)a->kernel - 1;
}

static size_t map_values(const bt_spatial_attention *a) {
    return map_width(a) * ((size_t)a->height + (size_t)a->kernel - 1);
}

size_t bt_spatial_attention_scratch_bytes(const bt_spatial_attention *attention) {
    size_t values = (size_t)attention->batch * (2 * map_values(attention) + (size_t)attention->channels);
    return bt_rounded(values * sizeof(float));
}

/* What each image's channels are multiplied by before they are compared. */
static void set_weights(const bt_spatial_attention *a, float *weights) {
    for (int n = 0, i = 0; n < a->batch; n++)
        for (int c = 0; c < a->channels; c++, i++)
            weights[i] = (a->channel ? a->channel[i] : 1) * (a->unit ? a->unit[c] : 1);
}

/* Row `row` of the whole batch into the maps. */
static void gather_row(const bt_spatial_attention *a, const bt_loops *loops, const float *weights,
                       float *maps, int64_t row) {
    const size_t image = (size_t)(row / a->height), y = (size_t)(row % a->height),
                 pad = (size_t)a->kernel / 2;
    float *mean = maps + 2 * image * map_values(a) + (y + pad) * map_width(a) + pad;
    const char *x =
        (const char *)a->x + (size_t)row * (size_t)a->width * (size_t)a->channels * bt_value_bytes(a->type);
    loops->gather_pixels(x, weights + image * (size_t)a->channels, (size_t)a->width, a->channels, mean,
                         mean + map_values(a));
}

static void convolve_row(const bt_spatial_attention *a, const bt_loops *loops, const float *maps,
                         int64_t row) {
    const size_t image = (size_t)(row / a->height), y = (size_t)(row % a->height), k = (size_t)a->kernel;
    float *out = a->factors + row * a->width;
    memset(out, 0, (size_t)a->width * sizeof *out);
    for (size_t map = 0; map < 2; map++)
        for (size_t i = 0; i < k; i++)
            loops->slide(out, maps + (2 * image + map) * map_values(a) + (y + i) * map_width(a),
                         a->weight + (map * k + i) * k, a->kernel, a->width);
    loops->sigmoid(out, (size_t)a->width);
}

void bt_spatial_attention_run(const bt_spatial_attention *attention, bt_cpu_level level, void *scratch) {
    const bt_loops *loops = bt_loops_of(level, attention->type);
    const bt_spatial_attention *a = attention;
    const int64_t rows = (int64_t)a->batch * a->height;
    const int threads = bt_threads_for(rows * a->width * a->channels, rows, a->threads);
    const size_t values = 2 * (size_t)a->batch * map_values(a);
    float *maps = scratch, *weights = maps + values;
    memset(maps, 0, values * sizeof *maps);
    set_weights(a, weights);
    if (threads == 1) {
        for (int64_t row = 0; row < rows; row++)
            gather_row(a, loops, weights, maps, row);
        for (int64_t row = 0; row < rows; row++)
            convolve_row(a, loops, maps, row);
        return;
    }
#pragma omp parallel num_threads(threads)
    {
        const int thread = omp_get_thread_num(), count = omp_get_num_threads();
        const int64_t from = bt_share_from(rows, thread, count), to = bt_share_from(rows, thread + 1, count);
        for (int64_t row = from; row < to; row++)
            gather_row(a, loops, weights, maps, row);
#pragma omp barrier
        for (int64_t row = from; row < to; row++)
            convolve_row(a, loops, maps, row);
    }
}

/* Mean and largest over the channels of one pixel, weighed; 0 beyond the border. */
static void weighed_pixel(const bt_spatial_attention *a, int n, int y, int x, double *mean, double *largest) {
    *mean = *largest = 0;
    if (y < 0 || y >= a->height || x < 0 || x >= a->width) return;
    size_t pixel = ((size_t)n * (size_t)a->height + (size_t)y) * (size_t)a->width + (size_t)x;
    *largest = -INFINITY;
    for (int c = 0; c < a->channels; c++) {
        double value = (double)bt_element(a->x, a->type, pixel * (size_t)a->channels + (size_t)c);
        if (a->channel) value *= (double)a->channel[n * a->channels + c];
        if (a->unit) value *= (double)a->unit[c];
        *mean += value / a->channels;
        *largest = fmax(*largest, value);
    }
}

void bt_spatial_attention_reference(const bt_spatial_attention *a, double *out) {
    const int k = a->kernel;
    for (int n = 0; n < a->batch; n++)
        for (int y = 0; y < a->height; y++)
            for (int x = 0; x < a->width; x++, out++) {
                double sum = 0, mean, largest;
                for (int i = 0; i < k; i++)
                    for (int j = 0; j < k; j++) {
                        weighed_pixel(a, n, y + i - k / 2, x + j - k / 2, &mean, &largest);
                        sum += mean * (double)a->weight[i * k + j] +
                               largest * (double)a->weight[(k + i) * k + j];
                    }
                *out = 1 / (1 + exp(-sum));
            }
}

/* ---- made-up cases ---- */

void bt_try_channel_attention(bt_trial *t) {
    bt_channel_attention a = {.batch = 1 + bt_trial_below(t, 3),
                              .channels = bt_trial_channels(t),
                              .hidden = 1 + bt_trial_below(t, 12),
                              .height = 1 + bt_trial_below(t, 20),
                              .width = 1 + bt_trial_below(t, 20),
                              .type = t->given->type,
                              .threads = t->given->threads};
    const size_t factors = (size_t)(a.batch * a.channels);
    a.x = bt_trial_activations(t, factors * (size_t)(a.height * a.width));
    if (a.type == BT_U8) a.unit = bt_trial_units(t, a.channels, 0.01F);
    a.squeeze = bt_trial_numbers(t, (size_t)(a.hidden * a.channels));
    a.expand = bt_trial_numbers(t, (size_t)(a.channels * a.hidden));
    a.factors = bt_trial_numbers(t, factors);
    double *wanted = bt_trial_wanted(t, factors);
    void *scratch = bt_trial_scratch(t, bt_channel_attention_scratch_bytes(&a));
    bt_trial_name(t, "%d x %d x %d, %d channels, %d hidden", a.batch, a.height, a.width, a.channels,
                  a.hidden);
    if (t->no_memory) return;
    bt_channel_attention_reference(&a, wanted);
    bt_channel_attention_run(&a, t->level, scratch);
    bt_trial_compare(t, a.factors, BT_F32, 1, 1, factors, wanted);
}

void bt_try_spatial_attention(bt_trial *t) {
    bt_spatial_attention a = {.batch = 1 + bt_trial_below(t, 3),
                              .channels = bt_trial_channels(t),
                              .height = 1 + bt_trial_below(t, 20),
                              .width = 1 + bt_trial_below(t, 20),
                              .kernel = 1 + 2 * bt_trial_below(t, 4),
                              .type = t->given->type,
                              .threads = t->given->threads};
    const size_t pixels = (size_t)(a.batch * a.height * a.width);
    a.x = bt_trial_activations(t, pixels * (size_t)a.channels);
    if (bt_trial_below(t, 2)) a.channel = bt_trial_numbers(t, (size_t)(a.batch * a.channels));
    if (a.type == BT_U8) a.unit = bt_trial_units(t, a.channels, 0.01F);
    a.weight = bt_trial_numbers(t, (size_t)(2 * a.kernel * a.kernel));
    a.factors = bt_trial_numbers(t, pixels);
    double *wanted = bt_trial_wanted(t, pixels);
    void *scratch = bt_trial_scratch(t, bt_spatial_attention_scratch_bytes(&a));
    bt_trial_name(t, "%d x %d x %d, %d channels, kernel %d%s", a.batch, a.height, a.width, a.channels,
                  a.kernel, a.channel ? ", weighed" : "");
    if (t->no_memory) return;
    bt_spatial_attention_reference(&a, wanted);
    bt_spatial_attention_run(&a, t->level, scratch);
    bt_trial_compare(t, a.factors, BT_F32, 1, 1, pixels, wanted);
}
