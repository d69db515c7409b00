/* Particular values in the kernels of a CUDA device, run on this CPU (tests/lib/cuda-on-cpu): NaNs, all of
 * FP16, the roundings to it and to BF16, and what the kernels refuse. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>
#include <math.h>
#include <string.h>

#include "../../shim/cuda/kernels.h"
#include "base/half.h"
#include "device-case.h"

/* CUDA's. */
#define INVALID_VALUE 1

static const bt_value_type types[] = {BT_F32, BT_F16, BT_BF16};
#define TYPES (sizeof types / sizeof *types)

static void closes_well(device_case *c) {
    device_case_close(c);
    assert_false(c->overrun);
}

/* Where a tensor of `count` values is NaN: exactly where `spoilt` says. */
static void is_nan_where(const void *at, bt_value_type type, size_t count, bool (*spoilt)(size_t)) {
    for (size_t i = 0; i < count; i++)
        if (isnan((double)value_of(at, type, i)) != spoilt(i))
            fail_msg("%s: value %zu is %g", bt_value_type_name(type), i, (double)value_of(at, type, i));
}

/* Two images of 50 pixels and 40 channels, of which image 0 has a NaN in pixel 7, channel 3. */
enum { IMAGES = 2, PIXELS = 50, WIDTH = 10, CHANNELS = 40, COUNT = IMAGES * PIXELS * CHANNELS, NAN_AT = 283 };

static bool in_its_channel(size_t i) {
    return i < PIXELS * CHANNELS && i % CHANNELS == NAN_AT % CHANNELS;
}
static bool at_its_place(size_t i) {
    return i == NAN_AT;
}
static bool at_its_pixel(size_t i) {
    return i == NAN_AT / CHANNELS;
}
static bool in_its_image(size_t i) {
    return i < CHANNELS;
}
static bool within_three_of_it(size_t i) {
    const int across = (int)(i % WIDTH) - NAN_AT / CHANNELS % WIDTH;
    return i < PIXELS && i / WIDTH <= 3 && abs(across) <= 3;
}
static bool in_its_square(size_t i) {
    return i / CHANNELS == NAN_AT / CHANNELS % WIDTH / 2 && i % CHANNELS == NAN_AT % CHANNELS;
}

static tensor with_nan(device_case *c) {
    tensor x = activations(c, COUNT);
    put_value(x.at, c->type, NAN_AT, NAN);
    return x;
}

static void a_nan_spoils_its_channel_of_a_norm_alone(void **state) {
    (void)state;
    for (size_t i = 0; i < TYPES; i++) {
        device_case c;
        device_case_open(&c, bt_cuda_device_table(), NULL, 2, types[i]);
        bt_norm norm = {.x = with_nan(&c).at,
                        .scale = numbers(&c, CHANNELS).at,
                        .offset = numbers(&c, CHANNELS).at,
                        .batch = IMAGES,
                        .channels = CHANNELS,
                        .pixels = PIXELS,
                        .epsilon = 1e-5F,
                        .type = types[i],
                        .out_type = types[i],
                        .relu = true};
        norm.out = norm.x;
        assert_int_equal(bt_cuda_norm(&norm, garbage(&c, bt_cuda_norm_scratch(&norm)), NULL), 0);
        is_nan_where(norm.x, types[i], COUNT, in_its_channel);
        closes_well(&c);
    }
}

static void a_nan_stays_where_it_is_in_sums_pools_and_products(void **state) {
    (void)state;
    for (size_t i = 0; i < TYPES; i++) {
        device_case c;
        device_case_open(&c, bt_cuda_device_table(), NULL, 2, types[i]);
        const tensor x = with_nan(&c);
        const bt_sum sum = {.out = unwritten(&c, COUNT, types[i]).at,
                            .out_stride = CHANNELS,
                            .inputs = {{x.at, PIXELS / WIDTH, WIDTH, types[i], NULL}},
                            .input_count = 1,
                            .batch = IMAGES,
                            .channels = CHANNELS,
                            .height = PIXELS / WIDTH,
                            .width = WIDTH,
                            .type = types[i],
                            .out_type = types[i],
                            .relu = true};
        assert_int_equal(bt_cuda_sum(&sum, NULL), 0);
        is_nan_where(sum.out, types[i], COUNT, at_its_place);
        const bt_pool pool = {.out = unwritten(&c, COUNT / 4, types[i]).at,
                              .x = x.at,
                              .batch = 1,
                              .channels = CHANNELS,
                              .height = IMAGES * PIXELS / WIDTH,
                              .width = WIDTH,
                              .size = 2,
                              .type = types[i]};
        assert_int_equal(bt_cuda_pool(&pool, NULL), 0);
        is_nan_where(pool.out, types[i], COUNT / 4, in_its_square);
        const bt_dot dot = {.out = unwritten(&c, IMAGES * PIXELS, BT_F32).at,
                            .x = x.at,
                            .weight = numbers(&c, CHANNELS).at,
                            .pixels = IMAGES * PIXELS,
                            .channels = CHANNELS,
                            .type = types[i]};
        assert_int_equal(bt_cuda_dot(&dot, NULL), 0);
        is_nan_where(dot.out, BT_F32, IMAGES * PIXELS, at_its_pixel);
        closes_well(&c);
    }
}

static void a_nan_shows_in_what_attention_says_of_it(void **state) {
    (void)state;
    for (size_t i = 0; i < TYPES; i++) {
        device_case c;
        device_case_open(&c, bt_cuda_device_table(), NULL, 2, types[i]);
        const tensor x = with_nan(&c);
        const bt_channel_attention channel = {.x = x.at,
                                              .factors = unwritten(&c, IMAGES * CHANNELS, BT_F32).at,
                                              .squeeze = numbers(&c, 3 * CHANNELS).at,
                                              .expand = numbers(&c, 3 * CHANNELS).at,
                                              .batch = IMAGES,
                                              .channels = CHANNELS,
                                              .hidden = 3,
                                              .height = PIXELS / WIDTH,
                                              .width = WIDTH,
                                              .type = types[i]};
        void *scratch = garbage(&c, bt_cuda_channel_attention_scratch(&channel));
        assert_int_equal(bt_cuda_channel_attention(&channel, scratch, NULL), 0);
        is_nan_where(channel.factors, BT_F32, IMAGES * CHANNELS, in_its_image);
        const bt_spatial_attention spatial = {.x = x.at,
                                              .factors = unwritten(&c, IMAGES * PIXELS, BT_F32).at,
                                              .weight = numbers(&c, 2 * 49).at,
                                              .batch = IMAGES,
                                              .channels = CHANNELS,
                                              .height = PIXELS / WIDTH,
                                              .width = WIDTH,
                                              .kernel = 7,
                                              .type = types[i]};
        scratch = garbage(&c, bt_cuda_spatial_attention_scratch(&spatial));
        assert_int_equal(bt_cuda_spatial_attention(&spatial, scratch, NULL), 0);
        is_nan_where(spatial.factors, BT_F32, IMAGES * PIXELS, within_three_of_it);
        closes_well(&c);
    }
}

/* Times 1: through FP32 and back. */
static void every_fp16_value_survives_being_read_and_written(void **state) {
    (void)state;
    device_case c;
    device_case_open(&c, bt_cuda_device_table(), NULL, 2, BT_F16);
    const size_t all = 65536;
    uint16_t *x = unwritten(&c, all, BT_F16).at, *out = unwritten(&c, all, BT_F16).at;
    for (size_t i = 0; i < all; i++)
        x[i] = (uint16_t)i;
    const bt_scale scale = {.out = out,
                            .out_stride = 64,
                            .x = x,
                            .batch = 1,
                            .channels = 64,
                            .pixels = (int64_t)all / 64,
                            .type = BT_F16};
    assert_int_equal(bt_cuda_scale(&scale, NULL), 0);
    for (size_t i = 0; i < all; i++) {
        const bool is_nan = (i & 0x7c00) == 0x7c00 && i & 0x3ff;
        if (is_nan ? !isnan((double)bt_half_value(out[i])) : out[i] != x[i])
            fail_msg("%04zx came back as %04x", i, out[i]);
    }
    closes_well(&c);
}

/* Floats close to where two values are as near, of every size. */
static void floats_are_rounded_to_the_nearest(void **state) {
    (void)state;
    const size_t all = 120000;
    for (int half = 0; half < 2; half++) {
        device_case c;
        device_case_open(&c, bt_cuda_device_table(), NULL, 2, half ? BT_F16 : BT_BF16);
        float *planes = numbers(&c, all).at;
        for (size_t i = 0; i < all; i++) {
            const uint32_t low = 0x1000 * (uint32_t)below(&c, 16) + (uint32_t)below(&c, 3) - 1,
                           bits = ((uint32_t)bt_random_next(&c.random) & 0xffff0000) + low;
            memcpy(&planes[i], &bits, sizeof bits);
        }
        uint16_t *out = unwritten(&c, all, c.type).at;
        const bt_interleave interleave = {.out = out,
                                          .planes = planes,
                                          .batch = 1,
                                          .channels = 1,
                                          .out_channels = 1,
                                          .pixels = (int64_t)all,
                                          .type = c.type};
        assert_int_equal(bt_cuda_interleave(&interleave, NULL), 0);
        for (size_t i = 0; i < all; i++) {
            const uint16_t wanted = half ? bt_half_bits(planes[i]) : bt_bfloat_bits(planes[i]);
            if (isnan((double)planes[i]) ? !isnan((double)value_of(out, c.type, i)) : out[i] != wanted)
                fail_msg("%a as %s: %04x, not %04x", (double)planes[i], bt_value_type_name(c.type), out[i],
                         wanted);
        }
        closes_well(&c);
    }
}

static void bytes_are_refused(void **state) {
    (void)state;
    float one[64] = {0};
    const bt_norm norm = {.x = one,
                          .out = one,
                          .scale = one,
                          .offset = one,
                          .batch = 1,
                          .channels = 1,
                          .pixels = 1,
                          .type = BT_U8,
                          .out_type = BT_U8};
    assert_int_equal(bt_cuda_norm(&norm, one, NULL), INVALID_VALUE);
    bt_channel_attention channel = {
        .x = one, .batch = 1, .channels = 1, .hidden = 1, .height = 1, .width = 1, .type = BT_U8};
    assert_int_equal(bt_cuda_channel_attention(&channel, one, NULL), INVALID_VALUE);
    channel.type = BT_F32;
    channel.unit = one;
    assert_int_equal(bt_cuda_channel_attention(&channel, one, NULL), INVALID_VALUE);
    bt_spatial_attention spatial = {
        .x = one, .batch = 1, .channels = 1, .height = 1, .width = 1, .kernel = 7, .type = BT_U8};
    assert_int_equal(bt_cuda_spatial_attention(&spatial, one, NULL), INVALID_VALUE);
    spatial.type = BT_F32;
    spatial.unit = one;
    assert_int_equal(bt_cuda_spatial_attention(&spatial, one, NULL), INVALID_VALUE);
    const bt_scale scale = {
        .out = one, .out_stride = 1, .x = one, .batch = 1, .channels = 1, .pixels = 1, .type = BT_U8};
    assert_int_equal(bt_cuda_scale(&scale, NULL), INVALID_VALUE);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_nan_spoils_its_channel_of_a_norm_alone),
        cmocka_unit_test(a_nan_stays_where_it_is_in_sums_pools_and_products),
        cmocka_unit_test(a_nan_shows_in_what_attention_says_of_it),
        cmocka_unit_test(every_fp16_value_survives_being_read_and_written),
        cmocka_unit_test(floats_are_rounded_to_the_nearest),
        cmocka_unit_test(bytes_are_refused),
    };
    return cmocka_run_group_tests_name("cuda/values", tests, NULL, NULL);
}
