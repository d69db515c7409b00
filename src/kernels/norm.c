#include "kernels/norm.h"

#include <math.h>
#include <omp.h>
#include <string.h>

#include "kernels/element.h"
#include "kernels/loops.h"
#include "kernels/parallel.h"
#include "kernels/trial.h"

/* Values that vectors take at once, at most: two of AVX-512's. Smaller, halves of those vectors stay empty;
 * larger, more tensors are folded without need, and each fold multiplies the sums that are joined at the
 * end. */
#define FOLD_WIDTH 32

/* Pixels that are folded into one at most. More fill vectors of tensors with one or three channels better,
 * and leave fewer of the pixels' counts divisible. */
#define FOLD_MOST 16

/* Channels whose sums of all threads are joined in registers and the nearest cache. Any multiple of a vector
 * will do. */
#define CHANNELS_AT_ONCE 64

/* What one thread keeps: sums of its pixels, and the step's factors for an image. */
typedef struct work {
    double *sums, *squares;
    float *shift, *gain, *bias, *residual_gain;
} work;

/* Channels that fill no whole vectors (1, 8, 48, ...) would leave some empty: so many pixels are folded as
 * one of more channels, that vectors are full. */
static int fold_of(const bt_norm *norm) {
    for (int fold = 1; fold <= FOLD_MOST; fold *= 2)
        if (norm->channels * fold % FOLD_WIDTH == 0 && norm->pixels % fold == 0) return fold;
    return norm->channels < FOLD_WIDTH && norm->pixels % FOLD_MOST == 0 ? FOLD_MOST : 1;
}

static int threads_of(const bt_norm *norm) {
    return bt_threads_for(norm->batch * norm->pixels * norm->channels, norm->pixels, norm->threads);
}

static size_t work_bytes(int channels) {
    size_t count = (size_t)channels;
    return 2 * bt_rounded(count * sizeof(double)) + 4 * bt_rounded(count * sizeof(float));
}

size_t bt_norm_scratch_bytes(const bt_norm *norm) {
    return (size_t)threads_of(norm) * work_bytes(norm->channels * fold_of(norm));
}

static work work_of(void *scratch, int channels, int thread) {
    char *at = (char *)scratch + (size_t)thread * work_bytes(channels);
    size_t wide = bt_rounded((size_t)channels * sizeof(double)),
           narrow = bt_rounded((size_t)channels * sizeof(float));
    return (work){(double *)(void *)at,
                  (double *)(void *)(at + wide),
                  (float *)(void *)(at + 2 * wide),
                  (float *)(void *)(at + 2 * wide + narrow),
                  (float *)(void *)(at + 2 * wide + 2 * narrow),
                  (float *)(void *)(at + 2 * wide + 3 * narrow)};
}

/* ---- one image ---- */

/* Whether bytes are written or read. */
static bool has_bytes(const bt_norm *norm) {
    return norm->out_type == BT_U8 || (norm->residual && norm->residual_type == BT_U8);
}

/* A folded tensor has each channel's factor once for each of its places. */
static void repeat(float *values, int channels, int fold) {
    for (int f = 1; f < fold; f++)
        memcpy(values + f * channels, values, (size_t)channels * sizeof *values);
}

/* Each channel's first value; for a folded tensor the same for each of a channel's places. */
static void set_shift(const bt_norm *whole, int fold, const void *image, float *shift) {
    for (int c = 0; c < whole->channels; c++)
        shift[c] = bt_element(image, whole->type, (size_t)c);
    repeat(shift, whole->channels, fold);
}

/* To the units of the bytes that are written, and from those of the residual's. */
static void set_units(const bt_norm *whole, int fold, int image, const work *mine) {
    for (int c = 0; c < whole->channels; c++) {
        const float per_unit = whole->out_type == BT_U8 ? whole->per_unit[c] : 1;
        const bool bytes = whole->residual && whole->residual_type == BT_U8;
        mine->gain[c] *= per_unit;
        mine->bias[c] *= per_unit;
        mine->residual_gain[c] = bytes ? whole->residual_unit[c] * per_unit : per_unit;
        if (whole->broken && !isfinite(mine->gain[c] + mine->bias[c])) /* every thread says the same */
            __atomic_store_n(&whole->broken[image], true, __ATOMIC_RELAXED);
    }
    repeat(mine->residual_gain, whole->channels, fold);
}

/* From all threads' sums to this thread's factors of an image, one array after another so that the loops are vectors'. */
static void set_factors(const bt_norm *whole, int fold, int image, void *scratch, int threads,
                        const work *mine) {
    const int channels = whole->channels, folded = channels * fold;
    const double share = 1 / (double)whole->pixels, epsilon = (double)whole->epsilon;
    double sum[CHANNELS_AT_ONCE], square[CHANNELS_AT_ONCE];
    for (int first = 0; first < channels; first += CHANNELS_AT_ONCE) {
        const int count = channels - first < CHANNELS_AT_ONCE ? channels - first : CHANNELS_AT_ONCE;
        memset(sum, 0, sizeof sum);
        memset(square, 0, sizeof square);
        for (int t = 0; t < threads; t++) {
            const work other = work_of(scratch, folded, t);
            for (int f = 0; f < fold; f++)
                for (int c = 0; c < count; c++) {
                    sum[c] += other.sums[f * channels + first + c];
                    square[c] += other.squares[f * channels + first + c];
                }
        }
        for (int c = 0; c < count; c++) {
            double mean = sum[c] * share; /* of x less its shift */
            double variance = square[c] * share - mean * mean;
            variance = variance < 0 ? 0 : variance; /* a NaN stays one */
            double gain = whole->scale[first + c] / sqrt(variance + epsilon);
            mine->gain[first + c] = (float)gain;
            mine->bias[first + c] = (float)(whole->offset[first + c] - mean * gain);
        }
    }
    if (has_bytes(whole)) set_units(whole, fold, image, mine);
    repeat(mine->gain, channels, fold);
    repeat(mine->bias, channels, fold);
}

static void gather(const bt_norm *folded, const bt_loops *loops, const void *image, const work *mine,
                   int64_t from, int64_t to) {
    memset(mine->sums, 0, (size_t)folded->channels * sizeof(double));
    memset(mine->squares, 0, (size_t)folded->channels * sizeof(double));
    loops->norm_gather(folded, image, mine->shift, from, to, mine->sums, mine->squares);
}

/* Where one image lies. */
typedef struct image {
    char *x, *out;
    const char *residual;
} image;

static void apply(const bt_norm *folded, const bt_loops *loops, const image *at, const work *mine,
                  int64_t from, int64_t to) {
    if (!has_bytes(folded)) {
        loops->norm_apply(folded, at->x, at->residual, mine->shift, mine->gain, mine->bias, from, to);
        return;
    }
    const bt_norm_step step = {.x = at->x,
                               .residual = at->residual,
                               .out = at->out,
                               .shift = mine->shift,
                               .gain = mine->gain,
                               .bias = mine->bias,
                               .residual_gain = mine->residual_gain,
                               .residual_kind = !at->residual                    ? BT_RESIDUAL_NONE
                                                : folded->residual_type == BT_U8 ? BT_RESIDUAL_BYTES
                                                                                 : BT_RESIDUAL_SAME,
                               .out_type = folded->out_type,
                               .relu = folded->relu,
                               .channels = folded->channels,
                               .from = from,
                               .to = to};
    loops->norm_apply_bytes(&step);
}

/* ---- all of them ---- */

static image image_at(const bt_norm *norm, int n) {
    const size_t skip = (size_t)n * (size_t)norm->pixels * (size_t)norm->channels;
    char *x = (char *)norm->x + skip * bt_value_bytes(norm->type);
    const char *residual = norm->residual;
    return (image){.x = x,
                   .out = norm->out_type == BT_U8 ? (char *)norm->out + skip : x,
                   .residual = residual ? residual + skip * bt_value_bytes(norm->residual_type) : NULL};
}

/* One thread alone on images [first, last). */
static void run_images(const bt_norm *whole, const bt_norm *folded, int fold, const bt_loops *loops,
                       int first, int last, void *own) {
    const work mine = work_of(own, folded->channels, 0);
    for (int n = first; n < last; n++) {
        const image at = image_at(whole, n);
        set_shift(whole, fold, at.x, mine.shift);
        gather(folded, loops, at.x, &mine, 0, folded->pixels);
        set_factors(whole, fold, n, own, 1, &mine);
        apply(folded, loops, &at, &mine, 0, folded->pixels);
    }
}

/* All threads on each image in turn, each on pixels of its own: what it writes it has just read. */
static void run_slices(const bt_norm *whole, const bt_norm *folded, int fold, const bt_loops *loops,
                       int thread, int threads, void *scratch) {
    const work mine = work_of(scratch, folded->channels, thread);
    const int64_t from = folded->pixels * thread / threads, to = folded->pixels * (thread + 1) / threads;
    for (int n = 0; n < whole->batch; n++) {
        const image at = image_at(whole, n);
        set_shift(whole, fold, at.x, mine.shift);
        gather(folded, loops, at.x, &mine, from, to);
#pragma omp barrier
        set_factors(whole, fold, n, scratch, threads, &mine);
        apply(folded, loops, &at, &mine, from, to);
        if (n + 1 == whole->batch) return;
#pragma omp barrier /* nobody's sums are begun anew while somebody still adds them up */
    }
}

void bt_norm_run(const bt_norm *norm, bt_cpu_level level, void *scratch) {
    const bt_loops *loops = bt_loops_of(level, norm->type);
    const int fold = fold_of(norm), threads = threads_of(norm);
    bt_norm folded = *norm;
    folded.channels *= fold;
    folded.pixels /= fold;
    if (threads == 1) {
        run_images(norm, &folded, fold, loops, 0, norm->batch, scratch);
        return;
    }
#pragma omp parallel num_threads(threads)
    {
        int thread = omp_get_thread_num(), count = omp_get_num_threads();
        if (norm->batch % count == 0) {
            int share = norm->batch / count;
            run_images(norm, &folded, fold, loops, thread * share, (thread + 1) * share,
                       (char *)scratch + (size_t)thread * work_bytes(folded.channels));
        } else {
            run_slices(norm, &folded, fold, loops, thread, count, scratch);
        }
    }
}

/* ---- the reference ---- */

static void reference_channel(const bt_norm *norm, int n, int c, double *out) {
    const image at = image_at(norm, n);
    double mean = 0, variance = 0;
    for (int64_t p = 0; p < norm->pixels; p++)
        mean += (double)bt_element(at.x, norm->type, (size_t)(p * norm->channels + c)) / (double)norm->pixels;
    for (int64_t p = 0; p < norm->pixels; p++) {
        double less = (double)bt_element(at.x, norm->type, (size_t)(p * norm->channels + c)) - mean;
        variance += less * less / (double)norm->pixels;
    }
    for (int64_t p = 0; p < norm->pixels; p++) {
        int64_t place = p * norm->channels + c;
        double y = ((double)bt_element(at.x, norm->type, (size_t)place) - mean) /
                       sqrt(variance + (double)norm->epsilon) * (double)norm->scale[c] +
                   (double)norm->offset[c];
        if (at.residual)
            y += (double)bt_element(at.residual, norm->residual_type, (size_t)place) *
                 (norm->residual_type == BT_U8 ? (double)norm->residual_unit[c] : 1);
        y = norm->relu && y < 0 ? 0 : y;
        if (norm->out_type == BT_U8) y = fmin(y * (double)norm->per_unit[c], 255);
        out[(int64_t)n * norm->pixels * norm->channels + place] = y;
    }
}

void bt_norm_reference(const bt_norm *norm, double *out) {
    for (int n = 0; n < norm->batch; n++)
        for (int c = 0; c < norm->channels; c++)
            reference_channel(norm, n, c, out);
}

/* ---- made-up cases ---- */

/* Of bytes: from either kind of floats, with or without a residual of either. */
static void try_bytes(bt_trial *t, bt_norm *norm, size_t count) {
    norm->type = bt_trial_below(t, 2) ? BT_BF16 : BT_F32;
    norm->out_type = bt_trial_below(t, 4) ? BT_U8 : norm->type;
    norm->residual_type = norm->out_type == BT_U8 && bt_trial_below(t, 2) ? norm->type : BT_U8;
    norm->relu |= norm->out_type == BT_U8;
    norm->x = bt_trial_tensor(t, count, norm->type);
    if (norm->residual) norm->residual = bt_trial_tensor(t, count, norm->residual_type);
    norm->per_unit = bt_trial_units(t, norm->channels, 60);
    norm->residual_unit = bt_trial_units(t, norm->channels, 0.02F);
    norm->out = bt_trial_tensor(t, count, BT_U8);
}

void bt_try_norm(bt_trial *t) {
    bt_norm norm = {.batch = 1 + bt_trial_below(t, 3),
                    .channels = bt_trial_channels(t),
                    .pixels = 1 + bt_trial_below(t, 300),
                    .epsilon = 1e-5f,
                    .type = t->given->type,
                    .out_type = t->given->type,
                    .residual_type = t->given->type,
                    .relu = bt_trial_below(t, 2),
                    .threads = t->given->threads};
    const bool residual = bt_trial_below(t, 2);
    const size_t pixels = (size_t)norm.batch * (size_t)norm.pixels, count = pixels * (size_t)norm.channels;
    norm.x = bt_trial_activations(t, count);
    norm.residual = residual ? bt_trial_activations(t, count) : NULL;
    norm.scale = bt_trial_numbers(t, (size_t)norm.channels);
    norm.offset = bt_trial_numbers(t, (size_t)norm.channels);
    if (norm.type == BT_U8) try_bytes(t, &norm, count);
    double *wanted = bt_trial_wanted(t, count);
    void *scratch = bt_trial_scratch(t, bt_norm_scratch_bytes(&norm));
    bt_trial_name(t, "%d x %lld pixels, %d channels%s%s, %s to %s", norm.batch, (long long)norm.pixels,
                  norm.channels, residual ? ", residual" : "", norm.relu ? ", ReLU" : "",
                  bt_value_type_name(norm.type), bt_value_type_name(norm.out_type));
    if (t->no_memory) return;
    bt_norm_reference(&norm, wanted);
    bt_norm_run(&norm, t->level, scratch);
    bt_trial_compare(t, norm.out_type == BT_U8 ? norm.out : norm.x, norm.out_type, (size_t)norm.channels,
                     norm.channels, pixels, wanted);
}
