#include "kernels/trial.h"

#include <math.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include "base/text.h"
#include "kernels/element.h"
#include "kernels/parallel.h"

#define GUARD      128 /* bytes on either side of a tensor */
#define GUARD_BYTE 0xa5

/* What rounding explains, in units of 1 + |wanted|. FP32: what a few hundred sums in another order than the
 * reference's leave, with a margin. BF16: half a unit in the last place. Lower limits fail on sizes that are
 * right; with higher ones a wrong last term of a long sum would pass. */
#define F32_LIMIT  2e-5
#define BF16_LIMIT (1.0 / 256)

/* Of bytes: a half is rounding's; the rest is what floats' own rounding moves a value that lies between two. */
#define U8_LIMIT 0.52

int bt_trial_below(bt_trial *t, int bound) {
    return (int)bt_random_below(&t->random, (uint64_t)bound);
}

int bt_trial_channels(bt_trial *t) {
    static const int channels[] = {1, 3, 7, 8, 16, 17, 24, 32, 33, 48, 64, 96, 130, 192};
    return channels[bt_trial_below(t, (int)(sizeof channels / sizeof *channels))];
}

/* `bytes` between two guards, `skew` bytes off a cache line. */
static char *guarded(bt_trial *t, size_t bytes, size_t skew) {
    static char nowhere[1];
    size_t whole = bt_rounded(bytes + 2 * GUARD + skew);
    char *block =
        t->block_count < BT_TRIAL_BLOCKS && !t->no_memory ? aligned_alloc(BT_CACHE_LINE, whole) : NULL;
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
char *bt_trial_tensor(bt_trial *t, size_t count, bt_value_type type) {
    size_t value = bt_value_bytes(type);
    char *values = guarded(t, count * value, t->given->seed % 2 * value);
    for (size_t i = 0; i < count && !t->no_memory; i++)
        bt_element_put(values, type, i,
                       type == BT_U8 ? (float)bt_random_below(&t->random, 256)
                                     : (float)bt_random_normal(&t->random));
    return values;
}

char *bt_trial_activations(bt_trial *t, size_t count) {
    return bt_trial_tensor(t, count, t->given->type);
}

float *bt_trial_numbers(bt_trial *t, size_t count) {
    return (float *)(void *)bt_trial_tensor(t, count, BT_F32);
}

float *bt_trial_units(bt_trial *t, int channels, float about) {
    float *units = bt_trial_numbers(t, (size_t)channels);
    for (int c = 0; c < channels && !t->no_memory; c++)
        units[c] = about * (0.5F + (float)bt_random_below(&t->random, 1000) / 1000);
    return units;
}

double *bt_trial_wanted(bt_trial *t, size_t count) {
    return (double *)(void *)guarded(t, count * sizeof(double), 0);
}

void *bt_trial_scratch(bt_trial *t, size_t bytes) {
    return guarded(t, bytes, 0);
}

void bt_trial_name(bt_trial *t, const char *format, ...) {
    va_list arguments;
    va_start(arguments, format);
    bt_text_format_list(t->result->text, sizeof t->result->text, format, arguments);
    va_end(arguments);
}

void bt_trial_compare(bt_trial *t, const void *got, bt_value_type type, size_t stride, int channels,
                      size_t pixels, const double *wanted) {
    t->result->limit = type == BT_U8 ? U8_LIMIT : type == BT_BF16 ? BF16_LIMIT : F32_LIMIT;
    for (size_t p = 0; p < pixels; p++)
        for (size_t c = 0; c < (size_t)channels; c++) {
            double value = (double)bt_element(got, type, p * stride + c),
                   right = wanted[p * (size_t)channels + c];
            double error = fabs(value - right) / (type == BT_U8 ? 1 : 1 + fabs(right));
            if (!(error <= t->result->error)) t->result->error = isnan(error) ? INFINITY : error;
        }
}

void bt_trial_close(bt_trial *t) {
    for (int i = 0; i < t->block_count; i++) {
        const unsigned char *block = (unsigned char *)t->blocks[i].block;
        for (size_t j = 0; j < GUARD; j++)
            t->result->overrun |=
                block[j] != GUARD_BYTE || block[GUARD + t->blocks[i].bytes + j] != GUARD_BYTE;
        free(t->blocks[i].block);
    }
}
