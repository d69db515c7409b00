/* Both directions of a resize, one after the other and row by row, so that no more than a row or two of
 * anything in between is ever kept.
 *
 * A picture mostly shrinks: its rows are blended first, where bytes lie side by side, and what is left is
 * blended across. A mask mostly grows: its rows are stretched first, each once, and blended in pairs. The
 * loops are plain ones that the compiler turns into vectors, once for any CPU and once for AVX2. */
#include "image/resize.h"

#include <omp.h>
#include <stdbool.h>
#include <string.h>

#include "image/exponential.inc"
#include "image/resample.inc"

/* Values of a row that are blended at a time. They stay in the first cache (16 KiB of sums) while every row
 * of a window is added; twice as many do not on CPUs whose first cache is of 32 KiB, and far fewer make the
 * start of each run of vectors count. */
#define BLOCK 4096
/* A thread is not woken for fewer values than this. Fewer: waking it takes longer than it saves, which shows
 * in small pictures. More: one core works on a large picture while others idle. */
#define THREAD_READS (1 << 19)

/* One call's work, which its threads share out by rows of the output. */
typedef struct job {
    const uint8_t *rgb;  /* a picture */
    const float *source; /* or a mask's probabilities */
    int from_height, from_width, height, width;
    taps across;
    float *rows; /* row_floats for each thread */
    size_t row_floats;
    float *planar; /* a picture's output: value * scale + offset of each channel */
    float scale[3], offset[3];
    float threshold, *probabilities; /* a mask's */
    uint8_t *mask;
} job;

size_t bt_image_scratch_bytes(int side, int height, int width) {
    int most = larger(side, larger(height, width));
    size_t rows = BT_IMAGE_THREADS_MAX * row_floats(most), tables = 3 * (size_t)most * sizeof(int);
    return tables + (rows + weights_max(most, most) + (size_t)height * (size_t)width) * sizeof(float);
}

/* ---- a picture's rows ---- */

/* A window of rows of `count` bytes each, as one row. */
INLINE void blend_bytes(float *restrict out, const uint8_t *restrict first, size_t count, const window *w) {
    memset(out, 0, count * sizeof *out);
    for (size_t from = 0; from < count; from += BLOCK) {
        const size_t to = count - from < BLOCK ? count : from + BLOCK;
        for (int k = 0; k < w->count; k++) {
            const uint8_t *restrict line = first + (size_t)k * count;
            const float weight = weight_at(w, k);
            for (size_t i = from; i < to; i++)
                out[i] += weight * (float)line[i];
        }
    }
}

typedef float four __attribute__((vector_size(16)));

/* Three channels at a time, beside one that is not used. */
INLINE four blend_pixels(const taps *t, const float *row, int x) {
    const float *weights = t->weights + t->first[x], *from = row + 3 * (size_t)t->start[x];
    four sum = {0};
    for (int k = 0; k < t->count[x]; k++, from += 3) {
        four pixel;
        memcpy(&pixel, from, sizeof pixel);
        sum += weights[k] * pixel;
    }
    return sum;
}

/* Rows [from, to) of the output. */
INLINE void prepare_rows(const job *j, int from, int to, float *row) {
    const size_t plane = (size_t)j->height * (size_t)j->width, row_bytes = 3 * (size_t)j->from_width;
    memset(row + row_bytes, 0, BT_IMAGE_PAD * sizeof *row);
    for (int y = from; y < to; y++) {
        const window down = window_at(y, j->from_height, j->height);
        float *out = j->planar + (size_t)y * (size_t)j->width;
        blend_bytes(row, j->rgb + (size_t)down.start * row_bytes, row_bytes, &down);
        for (int x = 0; x < j->width; x++) {
            const four value = blend_pixels(&j->across, row, x);
            for (size_t c = 0; c < 3; c++)
                out[c * plane + (size_t)x] = value[c] * j->scale[c] + j->offset[c];
        }
    }
}

/* ---- a mask's rows ---- */

INLINE float sigmoid(float logit) {
    return 1.0f / (1.0f + bt_exponential(-logit));
}

/* Rows [from, to) of the probabilities that come as such. */
static void clamp_rows(const job *j, int from, int to, float *row) {
    const size_t first = (size_t)from * (size_t)j->width, count = (size_t)to * (size_t)j->width - first;
    const float *restrict given = j->source + first;
    float *restrict out = j->probabilities + first;
    (void)row;
    for (size_t i = 0; i < count; i++)
        out[i] = given[i] < 0 ? 0 : given[i] > 1 ? 1 : given[i];
}

/* Rows [from, to) of the logits. */
INLINE void sigmoid_rows(const job *j, int from, int to) {
    const size_t first = (size_t)from * (size_t)j->width, count = (size_t)to * (size_t)j->width - first;
    const float *restrict logits = j->source + first;
    float *restrict out = j->probabilities + first;
    for (size_t i = 0; i < count; i++)
        out[i] = sigmoid(logits[i]);
}

INLINE void write_row(const job *j, int y, const float *restrict probability) {
    const size_t count = (size_t)j->width, at = (size_t)y * count;
    if (j->mask) {
        uint8_t *restrict mask = j->mask + at;
        for (size_t x = 0; x < count; x++)
            mask[x] = probability[x] > j->threshold;
    }
    if (j->probabilities) memcpy(j->probabilities + at, probability, count * sizeof *probability);
}

/* Rows that become fewer, or stay as many. */
INLINE void shrink_mask_rows(const job *j, int from, int to, float *row) {
    float *out = row + j->from_width;
    for (int y = from; y < to; y++) {
        const window down = window_at(y, j->from_height, j->height);
        blend_floats(row, j->source + (size_t)down.start * (size_t)j->from_width, (size_t)j->from_width,
                     &down);
        blend_across(out, row, &j->across, j->width);
        write_row(j, y, out);
    }
}

/* Rows that become more: each lies between two of the source's, which are kept stretched. */
INLINE void grow_mask_rows(const job *j, int from, int to, float *rows) {
    const size_t width = (size_t)j->width;
    float *out = rows + 2 * width;
    int held[2] = {-1, -1}; /* which row of the source lies stretched in which half of `rows` */
    for (int y = from; y < to; y++) {
        const window down = window_at(y, j->from_height, j->height);
        const int last = down.start + down.count - 1;
        for (int source = down.start; source <= last; source++)
            if (held[source & 1] != source) {
                blend_across(rows + (size_t)(source & 1) * width,
                             j->source + (size_t)source * (size_t)j->from_width, &j->across, j->width);
                held[source & 1] = source;
            }
        const float *restrict upper = rows + (size_t)(down.start & 1) * width;
        const float *restrict lower = rows + (size_t)(last & 1) * width;
        const float part = down.count > 1 ? weight_at(&down, 1) : 0;
        for (size_t x = 0; x < width; x++)
            out[x] = upper[x] + part * (lower[x] - upper[x]);
        write_row(j, y, out);
    }
}

INLINE void mask_rows(const job *j, int from, int to, float *row) {
    if (j->height == j->from_height && j->width == j->from_width)
        for (int y = from; y < to; y++)
            write_row(j, y, j->source + (size_t)y * (size_t)j->width);
    else if (j->height > j->from_height)
        grow_mask_rows(j, from, to, row);
    else
        shrink_mask_rows(j, from, to, row);
}

/* ---- for this CPU, and by threads ---- */

/* What is done with rows [from, to) of a job's output, in `row`, the thread's own. */
typedef void (*work)(const job *j, int from, int to, float *row);

static void prepare_anywhere(const job *j, int from, int to, float *row) {
    prepare_rows(j, from, to, row);
}

static void mask_anywhere(const job *j, int from, int to, float *row) {
    mask_rows(j, from, to, row);
}

static void sigmoid_anywhere(const job *j, int from, int to, float *row) {
    (void)row;
    sigmoid_rows(j, from, to);
}

__attribute__((target("avx2,fma"))) static void sigmoid_avx2(const job *j, int from, int to, float *row) {
    (void)row;
    sigmoid_rows(j, from, to);
}

__attribute__((target("avx2,fma"))) static void prepare_avx2(const job *j, int from, int to, float *row) {
    prepare_rows(j, from, to, row);
}

__attribute__((target("avx2,fma"))) static void mask_avx2(const job *j, int from, int to, float *row) {
    mask_rows(j, from, to, row);
}

static bool has_avx2(void) {
    return __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma");
}

static void share_out(const job *j, work do_rows, uint64_t reads, int most) {
    uint64_t threads = reads / THREAD_READS;
    if (threads > (uint64_t)most) threads = (uint64_t)most;
    if (threads > BT_IMAGE_THREADS_MAX) threads = BT_IMAGE_THREADS_MAX;
    if (threads > (uint64_t)j->height) threads = (uint64_t)j->height;
    if (threads <= 1) {
        do_rows(j, 0, j->height, j->rows);
        return;
    }
#pragma omp parallel num_threads((int)threads)
    {
        const int thread = omp_get_thread_num(), count = omp_get_num_threads();
        const int from = (int)((int64_t)j->height * thread / count);
        const int to = (int)((int64_t)j->height * (thread + 1) / count);
        do_rows(j, from, to, j->rows + (size_t)thread * j->row_floats);
    }
}

/* ---- the public side ---- */

/* Rows of a picture that has the network's size already. */
static void normalize_rows(const job *j, int from, int to, float *row) {
    const size_t width = (size_t)j->width;
    (void)row;
    bt_image_normalize_pixels(j->rgb, (size_t)j->height * width, (size_t)from * width, (size_t)to * width,
                              j->scale, j->offset, j->planar);
}

void bt_image_prepare(const uint8_t *rgb, int from_height, int from_width, const bt_image_norm *norm,
                      float *planar, int height, int width, int threads, void *scratch) {
    job j = {
        .rgb = rgb, .from_height = from_height, .from_width = from_width, .height = height, .width = width};
    j.planar = planar;
    bt_image_norm_factors(norm, j.scale, j.offset);
    const uint64_t reads = 3 * (uint64_t)from_height * (uint64_t)from_width;
    if (from_height == height && from_width == width) {
        share_out(&j, normalize_rows, reads, threads);
        return;
    }
    j.rows = lay_taps(&j.across, scratch, from_width, width);
    j.row_floats = row_floats(larger(from_width, width));
    const uint64_t writes = 3 * (uint64_t)height * (uint64_t)width;
    share_out(&j, has_avx2() ? prepare_avx2 : prepare_anywhere, reads > writes ? reads : writes, threads);
}

void bt_image_mask(const float *output, bt_image_output kind, int height, int width, float threshold,
                   uint8_t *mask, float *probabilities, int to_height, int to_width, int threads,
                   void *scratch) {
    if (!mask && !probabilities) return;
    job j = {.from_height = height, .from_width = width, .height = to_height, .width = to_width};
    float *source = lay_taps(&j.across, scratch, width, to_width);
    const uint64_t reads = (uint64_t)height * (uint64_t)width,
                   writes = (uint64_t)to_height * (uint64_t)to_width;
    const job probabilities_of = {
        .source = output, .probabilities = source, .height = height, .width = width};
    const work sigmoid_here = has_avx2() ? sigmoid_avx2 : sigmoid_anywhere;
    share_out(&probabilities_of, kind == BT_OUTPUT_LOGITS ? sigmoid_here : clamp_rows, reads, threads);
    j.source = source;
    j.rows = source + reads;
    j.row_floats = row_floats(larger(width, to_width));
    j.threshold = threshold;
    j.probabilities = probabilities;
    j.mask = mask;
    share_out(&j, has_avx2() ? mask_avx2 : mask_anywhere, reads > writes ? reads : writes, threads);
}
