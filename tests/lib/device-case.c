#include "device-case.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/half.h"

#if defined(__SANITIZE_ADDRESS__)
#include <sanitizer/asan_interface.h>
#else
#define ASAN_POISON_MEMORY_REGION(at, bytes)   ((void)0)
#define ASAN_UNPOISON_MEMORY_REGION(at, bytes) ((void)0)
#endif

/* Bytes on either side of a tensor, which a kernel must not touch: NaNs, so that one which it reads and uses
 * shows as well; under AddressSanitizer, one that is merely read. */
#define GUARD      256
#define GUARD_BYTE 0xff
#define ALIGNMENT  256

/* What rounding explains, in units of 1 + |wanted|: half a unit in the type's last place, and what a few
 * hundred FP32 sums in another order than the reference's leave, with a margin. Lower limits fail on sizes that
 * are right; with higher ones a wrong last term of a long sum would pass. */
static double limit_of(bt_value_type type) {
    return 2e-5 + (type == BT_BF16 ? 1.0 / 256 : type == BT_F16 ? 1.0 / 2048 : 0);
}

void device_case_open(device_case *c, const bt_cuda_table *table, bt_cuda_context *context, uint64_t seed,
                      bt_value_type type) {
    *c = (device_case){.table = table,
                       .context = context,
                       .stream = context ? table->stream(context) : NULL,
                       .random = bt_random_stream(seed, "device-case"),
                       .type = type,
                       .skewed = seed % 3 == 1,
                       .hash = BT_FNV_START};
}

void device_case_close(device_case *c) {
    for (int i = 0; i < c->block_count; i++) {
        const unsigned char *block = c->blocks[i].block;
        ASAN_UNPOISON_MEMORY_REGION(block, c->blocks[i].before + c->blocks[i].bytes + GUARD);
        for (size_t j = 0; j < GUARD; j++)
            c->overrun |= block[c->blocks[i].before - 1 - j] != GUARD_BYTE ||
                          block[c->blocks[i].before + c->blocks[i].bytes + j] != GUARD_BYTE;
        if (c->context)
            c->table->unpin(c->context, c->blocks[i].block);
        else
            free(c->blocks[i].block);
    }
}

void runs(device_case *c, int code) {
    if (code == 0 && c->context) code = c->table->wait(c->context);
    if (c->code == 0) c->code = code;
}

int below(device_case *c, int bound) {
    return (int)bt_random_below(&c->random, (uint64_t)bound);
}

int some_channels(device_case *c) {
    static const int channels[] = {1,  2,  3,  4,  7,  8,   12,  16,  17,  24,
                                   32, 33, 48, 64, 96, 128, 130, 192, 264, 384};
    return channels[below(c, (int)(sizeof channels / sizeof *channels))];
}

/* `bytes` between two guards, `skew` bytes off any alignment. */
static void *guarded(device_case *c, size_t bytes, size_t skew) {
    const size_t whole = (bytes + 2 * GUARD + skew + ALIGNMENT - 1) / ALIGNMENT * ALIGNMENT;
    void *room = NULL;
    if (c->block_count == DEVICE_BLOCKS_MOST) abort();
    if (!c->context)
        room = aligned_alloc(ALIGNMENT, whole);
    else if (c->table->pin(c->context, &room, whole) != 0)
        room = NULL;
    unsigned char *block = room;
    if (!block) abort();
    memset(block, GUARD_BYTE, whole);
    c->blocks[c->block_count].block = block;
    c->blocks[c->block_count].before = GUARD + skew;
    c->blocks[c->block_count++].bytes = bytes;
    ASAN_POISON_MEMORY_REGION(block, GUARD + skew);
    ASAN_POISON_MEMORY_REGION(block + GUARD + skew + bytes, whole - GUARD - skew - bytes);
    return block + GUARD + skew;
}

float value_of(const void *at, bt_value_type type, size_t i) {
    if (type == BT_F32) {
        float value;
        memcpy(&value, (const char *)at + i * sizeof value, sizeof value);
        return value;
    }
    uint16_t bits;
    memcpy(&bits, (const char *)at + i * sizeof bits, sizeof bits);
    return type == BT_F16 ? bt_half_value(bits) : bt_bfloat_value(bits);
}

void put_value(void *at, bt_value_type type, size_t i, float value) {
    const uint16_t bits = type == BT_F16 ? bt_half_bits(value) : bt_bfloat_bits(value);
    if (type == BT_F32)
        memcpy((char *)at + i * sizeof value, &value, sizeof value);
    else
        memcpy((char *)at + i * sizeof bits, &bits, sizeof bits);
}

tensor unwritten(device_case *c, size_t count, bt_value_type type) {
    const size_t bytes = bt_value_bytes(type);
    return (tensor){guarded(c, count * bytes, c->skewed ? bytes : 0), NULL, count, type};
}

/* A sum of four is near enough to normal, and quick. */
tensor around(device_case *c, size_t count, bt_value_type type, double mean, double deviation) {
    tensor made = unwritten(c, count, type);
    made.values = guarded(c, count * sizeof(float), 0);
    for (size_t i = 0; i < count; i++) {
        const uint64_t bits = bt_random_next(&c->random);
        const double sum = (double)(bits & 0xffff) + (double)(bits >> 16 & 0xffff) +
                           (double)(bits >> 32 & 0xffff) + (double)(bits >> 48);
        put_value(made.at, type, i, (float)(mean + deviation * (sum / 65536 - 2) * 1.7));
        made.values[i] = value_of(made.at, type, i);
    }
    return made;
}

tensor activations(device_case *c, size_t count) {
    return around(c, count, c->type, 0, 1);
}

tensor numbers(device_case *c, size_t count) {
    return around(c, count, BT_F32, 0, 1);
}

void *garbage(device_case *c, size_t bytes) {
    return guarded(c, bytes, 0);
}

double *doubles(device_case *c, size_t count) {
    return guarded(c, count * sizeof(double), 0);
}

void compare(device_case *c, const void *got, bt_value_type type, size_t stride, size_t channels,
             size_t pixels, const double *wanted) {
    for (size_t p = 0; p < pixels; p++)
        for (size_t i = 0; i < channels; i++) {
            const float value = value_of(got, type, p * stride + i);
            const double right = wanted[p * channels + i];
            const double error = fabs((double)value - right) / (1 + fabs(right)) / limit_of(type);
            c->hash = bt_fnv1a64(c->hash, &value, sizeof value);
            if (!(error <= c->error)) c->error = isnan(error) ? INFINITY : error;
        }
}

void compare_gaps(device_case *c, const void *got, bt_value_type type, size_t stride, size_t channels,
                  size_t pixels) {
    const size_t bytes = bt_value_bytes(type);
    for (size_t p = 0; p < pixels; p++) {
        const unsigned char *gap = (const unsigned char *)got + (p * stride + channels) * bytes;
        for (size_t i = 0; i < (stride - channels) * bytes; i++)
            c->overrun |= gap[i] != GUARD_BYTE;
    }
}
