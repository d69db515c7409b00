/* Separable resampling, as resize.c and labels.c share it: windows, their weights, and rows blended by them. Triangles around
 * half-pixel centres, which is bilinear where a picture grows and antialiased where it shrinks. Code to be compiled into
 * each, once for any CPU and once for AVX2; internal to image/. */
#ifndef BT_IMAGE_RESAMPLE_H
#define BT_IMAGE_RESAMPLE_H

#include <math.h>
#include <stddef.h>
#include <string.h>

#define BT_IMAGE_PAD 16 /* floats behind a row: four are read at a time where three are wanted */

#define INLINE static inline __attribute__((always_inline))

/* One direction of a separable resize: output i is the sum over k < count[i] of weights[first[i] + k] times
 * input start[i] + k. */
typedef struct taps {
    int *start, *count, *first;
    float *weights;
} taps;

INLINE int larger(int a, int b) {
    return a > b ? a : b;
}

/* ---- windows and their weights ---- */

/* A window is a triangle of radius max(1, in / out) around its output's centre, cut off at the input's ends
 * and scaled to a sum of 1; so many weights fit one direction. */
INLINE size_t weights_max(int in, int out) {
    return 2 * (size_t)in + 5 * (size_t)out;
}

INLINE size_t row_floats(int most) {
    return 3 * (size_t)most + BT_IMAGE_PAD;
}

/* One output's window of the input and the shape over it. */
typedef struct window {
    int start, count;
    double centre, radius, sum;
} window;

INLINE double unscaled(const window *w, int k) {
    double weight = 1 - fabs(w->start + k + 0.5 - w->centre) / w->radius;
    return weight > 0 ? weight : 0;
}

INLINE window window_at(int i, int in, int out) {
    double scale = (double)in / out;
    window w = {.centre = (i + 0.5) * scale, .radius = scale > 1 ? scale : 1};
    w.start = larger(0, (int)(w.centre - w.radius + 0.5));
    int end = (int)(w.centre + w.radius + 0.5);
    w.count = (end > in ? in : end) - w.start;
    for (int k = 0; k < w.count; k++)
        w.sum += unscaled(&w, k);
    return w;
}

INLINE float weight_at(const window *w, int k) {
    return (float)(unscaled(w, k) / w->sum);
}

INLINE void fill_taps(taps *t, int in, int out) {
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
INLINE float *lay_taps(taps *t, void *scratch, int in, int out) {
    t->start = scratch;
    t->count = t->start + out;
    t->first = t->count + out;
    t->weights = (float *)(t->first + out);
    fill_taps(t, in, out);
    return t->weights + weights_max(in, out);
}

/* ---- rows ---- */

/* A window of rows of `count` floats each, as one row. */
INLINE void blend_floats(float *restrict out, const float *restrict first, size_t count, const window *w) {
    memset(out, 0, count * sizeof *out);
    for (int k = 0; k < w->count; k++) {
        const float *restrict line = first + (size_t)k * count;
        const float weight = weight_at(w, k);
        for (size_t i = 0; i < count; i++)
            out[i] += weight * line[i];
    }
}

INLINE void blend_across(float *restrict out, const float *restrict row, const taps *t, int count) {
    for (int x = 0; x < count; x++) {
        const float *weights = t->weights + t->first[x], *from = row + t->start[x];
        float sum = 0;
        for (int k = 0; k < t->count[x]; k++)
            sum += weights[k] * from[k];
        out[x] = sum;
    }
}

#endif
