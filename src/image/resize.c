#include "image/resize.h"

#include <math.h>
#include <string.h>

#include "image/normalize.h"

/* One direction of a separable resize: output i is the sum over k < count[i] of weights[first[i] + k] times
 * input start[i] + k. */
typedef struct taps {
    int *start, *count, *first;
    float *weights;
} taps;

static int larger(int a, int b) {
    return a > b ? a : b;
}

/* A window is a triangle of radius max(1, in / out) around its output's centre, cut off at the input's ends
 * and scaled to a sum of 1; so many weights fit one direction. */
static size_t weights_max(int in, int out) {
    return 2 * (size_t)in + 5 * (size_t)out;
}

size_t bt_image_scratch_bytes(int side, int height, int width) {
    int most = larger(side, larger(height, width));
    size_t rows = 3 * (size_t)most * sizeof(float), tables = 3 * (size_t)most * sizeof(int);
    return rows + tables + weights_max(most, most) * sizeof(float) + (size_t)height * width * sizeof(float);
}

/* One output's window of the input and the shape over it. */
typedef struct window {
    int start, count;
    double centre, radius, sum;
} window;

static double unscaled(const window *w, int k) {
    return fmax(0, 1 - fabs(w->start + k + 0.5 - w->centre) / w->radius);
}

static window window_at(int i, int in, int out) {
    double scale = (double)in / out;
    window w = {.centre = (i + 0.5) * scale, .radius = fmax(scale, 1)};
    w.start = larger(0, (int)(w.centre - w.radius + 0.5));
    int end = (int)(w.centre + w.radius + 0.5);
    w.count = (end > in ? in : end) - w.start;
    for (int k = 0; k < w.count; k++)
        w.sum += unscaled(&w, k);
    return w;
}

static float weight_at(const window *w, int k) {
    return (float)(unscaled(w, k) / w->sum);
}

static void fill_taps(taps *t, int in, int out) {
    int used = 0;
    for (int i = 0; i < out; i++) {
        window w = window_at(i, in, out);
        t->start[i] = w.start;
        t->count[i] = w.count;
        t->first[i] = used;
        for (int k = 0; k < w.count; k++)
            t->weights[used++] = weight_at(&w, k);
    }
}

/* Lays the tables of one direction out in `scratch` for `out` outputs; returns what is left of it. */
static char *lay_taps(taps *t, char *scratch, int in, int out) {
    t->start = (int *)scratch;
    t->count = t->start + out;
    t->first = t->count + out;
    t->weights = (float *)(t->first + out);
    fill_taps(t, in, out);
    return (char *)(t->weights + weights_max(in, out));
}

void bt_image_prepare(const uint8_t *rgb, int from_height, int from_width, const bt_image_norm *norm,
                      float *planar, int height, int width, int threads, void *scratch) {
    (void)threads;
    if (!norm) norm = &bt_image_imagenet;
    if (from_height == height && from_width == width) {
        bt_image_normalize(rgb, height, width, norm, planar);
        return;
    }
    taps across;
    float *row = (float *)lay_taps(&across, scratch, from_width, width);
    size_t plane = (size_t)height * width, row_size = 3 * (size_t)from_width;
    for (int y = 0; y < height; y++) {
        window down = window_at(y, from_height, height);
        memset(row, 0, row_size * sizeof *row);
        for (int k = 0; k < down.count; k++) {
            const uint8_t *line = rgb + (size_t)(down.start + k) * row_size;
            float weight = weight_at(&down, k);
            for (size_t i = 0; i < row_size; i++)
                row[i] += weight * (float)line[i];
        }
        for (int x = 0; x < width; x++) {
            const float *weights = across.weights + across.first[x],
                        *from = row + 3 * (size_t)across.start[x];
            float sum[3] = {0, 0, 0};
            for (int k = 0; k < across.count[x]; k++, from += 3)
                for (int c = 0; c < 3; c++)
                    sum[c] += weights[k] * from[c];
            for (int c = 0; c < 3; c++)
                planar[c * plane + (size_t)y * width + x] = (sum[c] / 255.0f - norm->mean[c]) / norm->std[c];
        }
    }
}

static void write_row(const float *probability, int count, float threshold, uint8_t *mask,
                      float *probabilities) {
    if (mask)
        for (int x = 0; x < count; x++)
            mask[x] = probability[x] > threshold;
    if (probabilities) memcpy(probabilities, probability, (size_t)count * sizeof *probability);
}

void bt_image_mask(const float *logits, int height, int width, float threshold, uint8_t *mask,
                   float *probabilities, int to_height, int to_width, int threads, void *scratch) {
    (void)threads;
    if (!mask && !probabilities) return;
    taps across;
    float *source = (float *)lay_taps(&across, scratch, width, to_width);
    float *row = source + (size_t)height * width, *out = row + width;
    for (size_t i = 0; i < (size_t)height * width; i++)
        source[i] = 1.0f / (1.0f + expf(-logits[i]));
    for (int y = 0; y < to_height; y++) {
        window down = window_at(y, height, to_height);
        memset(row, 0, (size_t)width * sizeof *row);
        for (int k = 0; k < down.count; k++) {
            const float *line = source + (size_t)(down.start + k) * width;
            float weight = weight_at(&down, k);
            for (int x = 0; x < width; x++)
                row[x] += weight * line[x];
        }
        for (int x = 0; x < to_width; x++) {
            const float *weights = across.weights + across.first[x], *from = row + across.start[x];
            float sum = 0;
            for (int k = 0; k < across.count[x]; k++)
                sum += weights[k] * from[k];
            out[x] = sum;
        }
        size_t at = (size_t)y * to_width;
        write_row(out, to_width, threshold, mask ? mask + at : NULL,
                  probabilities ? probabilities + at : NULL);
    }
}
