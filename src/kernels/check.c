#include "kernels/check.h"

#include <math.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/random.h"
#include "base/text.h"
#include "kernels/attention.h"
#include "kernels/dot.h"
#include "kernels/element.h"
#include "kernels/norm.h"
#include "kernels/parallel.h"
#include "kernels/pool.h"
#include "kernels/rearrange.h"
#include "kernels/scale.h"
#include "kernels/sum.h"
#include "kernels/winograd.h"

#define BLOCKS_MAX 24
#define GUARD      128 /* bytes on either side of a tensor that nobody may touch */
#define GUARD_BYTE 0xa5
#define F32_LIMIT  2e-5
#define BF16_LIMIT (1.0 / 256) /* half a unit in the last place */

/* One case under way: its random numbers, and everything allocated for it. A failure sticks. */
typedef struct trial {
    const bt_kernel_case *one;
    bt_cpu_level level;
    bt_random random;
    bt_kernel_result *result;
    bool no_memory;
    struct {
        char *block;
        size_t bytes; /* between the guards; 0: has none */
    } blocks[BLOCKS_MAX];
    int block_count;
} trial;

static int below(trial *t, int bound) {
    return (int)bt_random_below(&t->random, (uint64_t)bound);
}

static int some_channels(trial *t) {
    static const int channels[] = {1, 3, 7, 8, 16, 17, 24, 32, 33, 48, 64, 96, 130, 192};
    return channels[below(t, (int)(sizeof channels / sizeof *channels))];
}

/* `bytes` between two guards, `skew` bytes off a cache line; stands for success in an address that can be
 * written where memory is short. */
static char *guarded(trial *t, size_t bytes, size_t skew) {
    static char nowhere[1];
    size_t whole = bt_rounded(bytes + 2 * GUARD + skew);
    char *block = t->block_count < BLOCKS_MAX && !t->no_memory ? aligned_alloc(BT_CACHE_LINE, whole) : NULL;
    if (!block) {
        t->no_memory = true;
        return nowhere;
    }
    memset(block, GUARD_BYTE, whole);
    t->blocks[t->block_count].block = block;
    t->blocks[t->block_count++].bytes = bytes + skew;
    return block + GUARD + skew;
}

/* Cases with an odd seed lie where no vector is aligned. */
static char *tensor(trial *t, size_t count, bool bf16) {
    size_t value = bt_value_bytes(bf16);
    char *values = guarded(t, count * value, t->one->seed % 2 * value);
    for (size_t i = 0; i < count && !t->no_memory; i++)
        bt_element_put(values, bf16, i, (float)bt_random_normal(&t->random));
    return values;
}

static char *activations(trial *t, size_t count) {
    return tensor(t, count, t->one->bf16);
}

static float *numbers(trial *t, size_t count) {
    return (float *)(void *)tensor(t, count, false);
}

static double *wanted_room(trial *t, size_t count) {
    return (double *)(void *)guarded(t, count * sizeof(double), 0);
}

static void *scratch_room(trial *t, size_t bytes) {
    return guarded(t, bytes, 0);
}

static void name_case(trial *t, const char *format, ...) __attribute__((format(printf, 2, 3)));
static void name_case(trial *t, const char *format, ...) {
    va_list arguments;
    va_start(arguments, format);
    bt_text_format_list(t->result->text, sizeof t->result->text, format, arguments);
    va_end(arguments);
}

/* Pixels of `channels` values, `stride` apart, against what the reference has one after another. */
static void judge(trial *t, const void *got, bool bf16, size_t stride, int channels, size_t pixels,
                  const double *wanted) {
    t->result->limit = bf16 ? BF16_LIMIT : F32_LIMIT;
    for (size_t p = 0; p < pixels; p++)
        for (size_t c = 0; c < (size_t)channels; c++) {
            double value = (double)bt_element(got, bf16, p * stride + c),
                   right = wanted[p * (size_t)channels + c];
            double error = fabs(value - right) / (1 + fabs(right));
            if (!(error <= t->result->error)) t->result->error = isnan(error) ? INFINITY : error;
        }
}

static void close_trial(trial *t) {
    for (int i = 0; i < t->block_count; i++) {
        const unsigned char *block = (unsigned char *)t->blocks[i].block;
        for (size_t j = 0; j < GUARD; j++)
            t->result->overrun |=
                block[j] != GUARD_BYTE || block[GUARD + t->blocks[i].bytes + j] != GUARD_BYTE;
        free(t->blocks[i].block);
    }
}

/* ---- one kernel each ---- */

static void try_norm(trial *t) {
    bt_norm norm = {.batch = 1 + below(t, 3),
                    .channels = some_channels(t),
                    .pixels = 1 + below(t, 300),
                    .epsilon = 1e-5f,
                    .bf16 = t->one->bf16,
                    .relu = below(t, 2),
                    .threads = t->one->threads};
    const bool residual = below(t, 2);
    const size_t pixels = (size_t)norm.batch * (size_t)norm.pixels, count = pixels * (size_t)norm.channels;
    norm.x = activations(t, count);
    norm.residual = residual ? activations(t, count) : NULL;
    norm.scale = numbers(t, (size_t)norm.channels);
    norm.offset = numbers(t, (size_t)norm.channels);
    double *wanted = wanted_room(t, count);
    void *scratch = scratch_room(t, bt_norm_scratch_bytes(&norm));
    name_case(t, "%d x %lld pixels, %d channels%s%s", norm.batch, (long long)norm.pixels, norm.channels,
              residual ? ", residual" : "", norm.relu ? ", ReLU" : "");
    if (t->no_memory) return;
    bt_norm_reference(&norm, wanted);
    bt_norm_run(&norm, t->level, scratch);
    judge(t, norm.x, norm.bf16, (size_t)norm.channels, norm.channels, pixels, wanted);
}

static void try_sum(trial *t) {
    bt_sum sum = {.input_count = 1 + below(t, BT_SUM_MOST),
                  .batch = 1 + below(t, 3),
                  .channels = some_channels(t),
                  .height = 1 + below(t, 20),
                  .width = 1 + below(t, 20),
                  .bf16 = t->one->bf16,
                  .relu = below(t, 2),
                  .threads = t->one->threads};
    const size_t pixels = (size_t)(sum.batch * sum.height * sum.width);
    sum.out_stride = (size_t)(sum.channels + below(t, 2) * 5);
    for (int i = 0; i < sum.input_count; i++) {
        bool same = below(t, 2);
        bt_sum_input *input = &sum.inputs[i];
        input->height = same ? sum.height : 1 + below(t, 12);
        input->width = same ? sum.width : 1 + below(t, 12);
        input->x = activations(t, (size_t)(sum.batch * input->height * input->width * sum.channels));
    }
    sum.out = activations(t, pixels * sum.out_stride);
    double *wanted = wanted_room(t, pixels * (size_t)sum.channels);
    void *scratch = scratch_room(t, bt_sum_scratch_bytes(&sum));
    name_case(t, "%d x %d x %d, %d channels of %zu, %d inputs%s", sum.batch, sum.height, sum.width,
              sum.channels, sum.out_stride, sum.input_count, sum.relu ? ", ReLU" : "");
    if (t->no_memory) return;
    bt_sum_reference(&sum, wanted);
    bt_sum_run(&sum, t->level, scratch);
    judge(t, sum.out, sum.bf16, sum.out_stride, sum.channels, pixels, wanted);
}

static void try_scale(trial *t) {
    bt_scale scale = {.batch = 1 + below(t, 3),
                      .channels = some_channels(t),
                      .pixels = 1 + below(t, 300),
                      .bf16 = t->one->bf16,
                      .threads = t->one->threads};
    const size_t pixels = (size_t)scale.batch * (size_t)scale.pixels;
    const bool in_place = below(t, 2);
    scale.x = activations(t, pixels * (size_t)scale.channels);
    scale.out_stride = (size_t)(scale.channels + (in_place ? 0 : below(t, 9)));
    scale.out = in_place ? (void *)(uintptr_t)scale.x : activations(t, pixels * scale.out_stride);
    if (below(t, 2)) scale.channel = numbers(t, (size_t)(scale.batch * scale.channels));
    if (below(t, 2)) scale.pixel = numbers(t, pixels);
    double *wanted = wanted_room(t, pixels * (size_t)scale.channels);
    name_case(t, "%d x %lld pixels, %d channels of %zu%s%s", scale.batch, (long long)scale.pixels,
              scale.channels, scale.out_stride, scale.channel ? ", by channel" : "",
              scale.pixel ? ", by pixel" : "");
    if (t->no_memory) return;
    bt_scale_reference(&scale, wanted);
    bt_scale_run(&scale, t->level);
    judge(t, scale.out, scale.bf16, scale.out_stride, scale.channels, pixels, wanted);
}

/* Its tail too: any count. */
static void try_sigmoid(trial *t) {
    const size_t count = (size_t)(1 + below(t, 70));
    float *values = numbers(t, count);
    double *wanted = wanted_room(t, count);
    name_case(t, "%zu values", count);
    if (t->no_memory) return;
    for (size_t i = 0; i < count; i++) {
        bt_element_put(values, false, i, 30 * bt_element(values, false, i));
        wanted[i] = 1 / (1 + exp(-(double)bt_element(values, false, i)));
    }
    bt_sigmoid_run(values, count, t->level);
    judge(t, values, false, 1, 1, count, wanted);
}

static void try_channel_attention(trial *t) {
    bt_channel_attention a = {.batch = 1 + below(t, 3),
                              .channels = some_channels(t),
                              .hidden = 1 + below(t, 12),
                              .height = 1 + below(t, 20),
                              .width = 1 + below(t, 20),
                              .bf16 = t->one->bf16,
                              .threads = t->one->threads};
    const size_t factors = (size_t)(a.batch * a.channels);
    a.x = activations(t, factors * (size_t)(a.height * a.width));
    a.squeeze = numbers(t, (size_t)(a.hidden * a.channels));
    a.expand = numbers(t, (size_t)(a.channels * a.hidden));
    a.factors = numbers(t, factors);
    double *wanted = wanted_room(t, factors);
    void *scratch = scratch_room(t, bt_channel_attention_scratch_bytes(&a));
    name_case(t, "%d x %d x %d, %d channels, %d hidden", a.batch, a.height, a.width, a.channels, a.hidden);
    if (t->no_memory) return;
    bt_channel_attention_reference(&a, wanted);
    bt_channel_attention_run(&a, t->level, scratch);
    judge(t, a.factors, false, 1, 1, factors, wanted);
}

static void try_spatial_attention(trial *t) {
    bt_spatial_attention a = {.batch = 1 + below(t, 3),
                              .channels = some_channels(t),
                              .height = 1 + below(t, 20),
                              .width = 1 + below(t, 20),
                              .kernel = 1 + 2 * below(t, 4),
                              .bf16 = t->one->bf16,
                              .threads = t->one->threads};
    const size_t pixels = (size_t)(a.batch * a.height * a.width);
    a.x = activations(t, pixels * (size_t)a.channels);
    if (below(t, 2)) a.channel = numbers(t, (size_t)(a.batch * a.channels));
    a.weight = numbers(t, (size_t)(2 * a.kernel * a.kernel));
    a.factors = numbers(t, pixels);
    double *wanted = wanted_room(t, pixels);
    void *scratch = scratch_room(t, bt_spatial_attention_scratch_bytes(&a));
    name_case(t, "%d x %d x %d, %d channels, kernel %d%s", a.batch, a.height, a.width, a.channels, a.kernel,
              a.channel ? ", weighed" : "");
    if (t->no_memory) return;
    bt_spatial_attention_reference(&a, wanted);
    bt_spatial_attention_run(&a, t->level, scratch);
    judge(t, a.factors, false, 1, 1, pixels, wanted);
}

static void try_dot(trial *t) {
    bt_dot dot = {.pixels = 1 + below(t, 700),
                  .channels = some_channels(t),
                  .bias = (float)bt_random_normal(&t->random),
                  .bf16 = t->one->bf16,
                  .threads = t->one->threads};
    const size_t pixels = (size_t)dot.pixels;
    dot.x = activations(t, pixels * (size_t)dot.channels);
    dot.weight = numbers(t, (size_t)dot.channels);
    dot.out = numbers(t, pixels);
    double *wanted = wanted_room(t, pixels);
    name_case(t, "%lld pixels, %d channels", (long long)dot.pixels, dot.channels);
    if (t->no_memory) return;
    bt_dot_reference(&dot, wanted);
    bt_dot_run(&dot, t->level);
    judge(t, dot.out, false, 1, 1, pixels, wanted);
}

static void try_pool(trial *t) {
    bt_pool pool = {.batch = 1 + below(t, 3),
                    .channels = some_channels(t),
                    .size = 1 + below(t, 3),
                    .bf16 = t->one->bf16,
                    .threads = t->one->threads};
    pool.height = pool.size * (1 + below(t, 9));
    pool.width = pool.size * (1 + below(t, 9));
    const size_t pixels = (size_t)(pool.batch * (pool.height / pool.size) * (pool.width / pool.size)),
                 channels = (size_t)pool.channels;
    pool.x = activations(t, (size_t)(pool.batch * pool.height * pool.width) * channels);
    pool.out = activations(t, pixels * channels);
    double *wanted = wanted_room(t, pixels * channels);
    name_case(t, "%d x %d x %d by %d, %d channels", pool.batch, pool.height, pool.width, pool.size,
              pool.channels);
    if (t->no_memory) return;
    bt_pool_reference(&pool, wanted);
    bt_pool_run(&pool, t->level);
    judge(t, pool.out, pool.bf16, channels, pool.channels, pixels, wanted);
}

static void try_interleave(trial *t) {
    bt_interleave i = {.batch = 1 + below(t, 3),
                       .channels = 1 + below(t, 5),
                       .pixels = 1 + below(t, 300),
                       .bf16 = t->one->bf16,
                       .threads = t->one->threads};
    const size_t channels = (size_t)i.channels, all = (size_t)i.batch * (size_t)i.pixels;
    i.planes = numbers(t, all * channels);
    i.out = activations(t, all * channels);
    double *wanted = wanted_room(t, all * channels);
    name_case(t, "%d x %lld pixels, %d channels", i.batch, (long long)i.pixels, i.channels);
    if (t->no_memory) return;
    for (size_t p = 0; p < all; p++)
        for (size_t c = 0; c < channels; c++) {
            size_t image = p / (size_t)i.pixels, at = p % (size_t)i.pixels;
            wanted[p * channels + c] =
                (double)bt_element(i.planes, false, (image * channels + c) * (size_t)i.pixels + at);
        }
    bt_interleave_run(&i, t->level);
    judge(t, i.out, i.bf16, channels, i.channels, all, wanted);
}

static void try_unfold(trial *t) {
    bt_unfold u = {.batch = 1 + below(t, 3),
                   .channels = some_channels(t),
                   .height = 1 + below(t, 9),
                   .width = 1 + below(t, 9),
                   .size = 1 + below(t, 3),
                   .bf16 = t->one->bf16,
                   .threads = t->one->threads};
    const size_t size = (size_t)u.size, channels = (size_t)u.channels, width = (size_t)u.width,
                 rows = (size_t)(u.batch * u.height), pixels = rows * width * size * size;
    const bool twice = below(t, 2);
    u.x = activations(t, pixels * channels);
    u.out = activations(t, pixels * channels);
    u.second_stride = channels + (size_t)below(t, 9);
    u.second_out = twice ? activations(t, pixels * u.second_stride) : NULL;
    double *wanted = wanted_room(t, pixels * channels);
    name_case(t, "%d x %d x %d by %d, %d channels%s", u.batch, u.height, u.width, u.size, u.channels,
              twice ? ", twice" : "");
    if (t->no_memory) return;
    for (size_t p = 0; p < pixels; p++) {
        size_t y = p / (width * size), x = p % (width * size);
        size_t from = (y / size * width + x / size) * size * size + y % size * size + x % size;
        for (size_t c = 0; c < channels; c++)
            wanted[p * channels + c] = (double)bt_element(u.x, u.bf16, from * channels + c);
    }
    bt_unfold_run(&u, t->level);
    judge(t, u.out, u.bf16, channels, u.channels, pixels, wanted);
    if (twice) judge(t, u.second_out, u.bf16, u.second_stride, u.channels, pixels, wanted);
}

/* A made-up convolution and the first tile of its last group, or of all. */
static bt_winograd some_winograd(trial *t, int64_t *first) {
    bt_winograd w = {.batch = 1 + below(t, 3),
                     .height = 1 + below(t, 11),
                     .width = 1 + below(t, 11),
                     .channels = some_channels(t),
                     .out_channels = some_channels(t),
                     .bf16 = t->one->bf16,
                     .threads = t->one->threads};
    const int tiles = (int)bt_winograd_tiles(&w);
    w.group = below(t, 2) ? tiles : 1 + below(t, tiles);
    w.pitch = w.group + below(t, 3);
    *first = (tiles - 1) / w.group * w.group;
    bt_winograd_lay_out(&w, scratch_room(t, bt_winograd_lay_out(&w, NULL)));
    w.x = activations(t, (size_t)(w.batch * w.height * w.width * w.channels));
    w.out = activations(t, (size_t)(w.batch * w.height * w.width * w.out_channels));
    if (below(t, 2)) w.bias = numbers(t, (size_t)w.out_channels);
    name_case(t, "%d x %d x %d, %d channels to %d, groups of %d", w.batch, w.height, w.width, w.channels,
              w.out_channels, w.group);
    return w;
}

static void try_winograd_read(trial *t) {
    int64_t first;
    const bt_winograd w = some_winograd(t, &first);
    const size_t rows = (size_t)(BT_WINOGRAD_PLACES * w.pitch), channels = (size_t)w.channels;
    double *wanted = wanted_room(t, rows * channels);
    if (t->no_memory) return;
    for (size_t i = 0; i < rows * channels; i++) {
        wanted[i] = 1; /* between places, and of tiles past the last */
        bt_element_put(w.tiles, w.bf16, i, 1);
    }
    bt_winograd_read_reference(&w, first, wanted);
    bt_winograd_read(&w, first, t->level);
    judge(t, w.tiles, w.bf16, channels, w.channels, rows, wanted);
}

static void try_winograd_write(trial *t) {
    int64_t first;
    const bt_winograd w = some_winograd(t, &first);
    const size_t pixels = (size_t)(w.batch * w.height * w.width), channels = (size_t)w.out_channels;
    double *wanted = wanted_room(t, pixels * channels);
    if (t->no_memory) return;
    for (size_t i = 0; i < pixels * channels; i++)
        wanted[i] = (double)bt_element(w.out, w.bf16, i); /* of other groups */
    for (size_t i = 0; i < (size_t)(BT_WINOGRAD_PLACES * w.pitch) * channels; i++)
        w.products[i] = (float)bt_random_normal(&t->random);
    bt_winograd_write_reference(&w, first, wanted);
    bt_winograd_write(&w, first, t->level);
    judge(t, w.out, w.bf16, channels, w.out_channels, pixels, wanted);
}

/* ---- all of them ---- */

static const struct {
    const char *name;
    void (*try)(trial *t);
} kernels[] = {
    {"norm", try_norm},
    {"sum", try_sum},
    {"scale", try_scale},
    {"sigmoid", try_sigmoid},
    {"channel_attention", try_channel_attention},
    {"spatial_attention", try_spatial_attention},
    {"dot", try_dot},
    {"pool", try_pool},
    {"interleave", try_interleave},
    {"unfold", try_unfold},
    {"winograd_read", try_winograd_read},
    {"winograd_write", try_winograd_write},
};

#define KERNEL_COUNT ((int)(sizeof kernels / sizeof *kernels))

const char *bt_kernel_name(int kernel) {
    return kernel >= 0 && kernel < KERNEL_COUNT ? kernels[kernel].name : NULL;
}

bt_status bt_kernel_try(int kernel, const bt_kernel_case *one, bt_cpu_level level, bt_kernel_result *result,
                        bt_error *error) {
    trial t = {.one = one,
               .level = level,
               .random = bt_random_stream(one->seed, kernels[kernel].name),
               .result = result};
    *result = (bt_kernel_result){0};
    kernels[kernel].try(&t);
    close_trial(&t);
    return t.no_memory ? bt_no_memory(error, "checking the kernels") : BT_OK;
}

#define CHECK_SEEDS 4

static bt_status check_all(bt_cpu_level level, bt_error *error) {
    for (int kernel = 0; kernel < KERNEL_COUNT; kernel++)
        for (int i = 0; i < 2 * CHECK_SEEDS; i++) {
            const bt_kernel_case one = {.seed = 1 + (uint64_t)i / 2, .bf16 = i % 2, .threads = 1};
            bt_kernel_result result;
            bt_status status = bt_kernel_try(kernel, &one, level, &result, error);
            if (status != BT_OK) return status;
            if (result.overrun || !(result.error <= result.limit))
                return bt_fail(error, BT_UNSUPPORTED,
                               "the kernel '%s' for %s computes wrong on this machine (%s: off by %.2g)",
                               kernels[kernel].name, bt_cpu_level_name(level), result.text, result.error);
        }
    return BT_OK;
}

bt_status bt_kernels_check(bt_cpu_level level, bt_error *error) {
    static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
    static bool right[BT_CPU_LEVEL_COUNT];
    pthread_mutex_lock(&lock);
    bt_status status = right[level] ? BT_OK : check_all(level, error);
    right[level] = status == BT_OK;
    pthread_mutex_unlock(&lock);
    return status;
}
