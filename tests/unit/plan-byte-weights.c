/* A convolution of bytes is the real one, but for the rounding of its weights: each is off by half a step at most,
 * so a sum is off by half a step for each unit of its bytes, wherever zeros lie and at the border too. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
/* cmocka wants the four above first */
#include <cmocka.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/random.h"
#include "expect.h"
#include "kernels/border.h"
#include "plan/byte-weights.h"
#include "plan/convolution.h"

enum { CHANNELS = 19, OUT = 18, UNITS_OUT = 6, BATCH = 2, SIDE_MOST = 9, TAPS_MOST = 9 };

/* What FP32 loses in scaling a sum of whole numbers below 2^24, of that sum's magnitude. */
#define FLOAT_ERROR 1e-6

/* Channels from `signed_from` on have their zero at 128. */
typedef struct trial {
    int kernel, stride, height, width, signed_from;
    bool biased, to_bytes;
} trial;

typedef struct subject {
    trial t;
    bt_conv_shape shape;
    bt_byte_weights made;
    bt_units input, output;
    float weights[OUT * CHANNELS * TAPS_MOST], bias[OUT];
    float in_unit[CHANNELS], in_zero[CHANNELS], per_unit[UNITS_OUT], out_zero[UNITS_OUT];
    int8_t values[OUT * CHANNELS * TAPS_MOST];
    uint8_t x[BATCH * SIDE_MOST * SIDE_MOST * CHANNELS];
} subject;

static subject s;

static void draw(const trial *t) {
    bt_random random = bt_random_stream(3, "a convolution of bytes");
    s = (subject){.t = *t,
                  .shape = {.batch = BATCH,
                            .channels = CHANNELS,
                            .height = t->height,
                            .width = t->width,
                            .out_channels = OUT,
                            .kernel = t->kernel,
                            .stride = t->stride,
                            .padding = t->kernel / 2,
                            .type = BT_U8,
                            .out_type = t->to_bytes ? BT_U8 : BT_F32}};
    for (size_t i = 0; i < sizeof s.weights / sizeof *s.weights; i++)
        s.weights[i] = (float)bt_random_normal(&random);
    for (size_t i = 0; i < sizeof s.x; i++)
        s.x[i] = (uint8_t)bt_random_below(&random, 256);
    for (int o = 0; o < OUT; o++)
        s.bias[o] = t->biased ? (float)bt_random_normal(&random) : 0;
    for (int c = 0; c < CHANNELS; c++) {
        s.in_unit[c] = ldexpf(1, -4 - c % 5);
        s.in_zero[c] = c >= t->signed_from ? 128 : 0;
    }
    for (int c = 0; c < UNITS_OUT; c++) {
        s.per_unit[c] = 1.5F + (float)c;
        s.out_zero[c] = 128;
    }
    s.input = (bt_units){.bytes = true, .unit = s.in_unit, .zero = s.in_zero};
    s.output = (bt_units){.bytes = true, .per_unit = s.per_unit, .zero = s.out_zero};
}

static bt_status open_weights(int largest, bt_error *error) {
    const bt_byte_source source = {.weights = s.weights,
                                   .bias = s.t.biased ? s.bias : NULL,
                                   .input = &s.input,
                                   .output = s.t.to_bytes ? &s.output : NULL,
                                   .output_channels = UNITS_OUT,
                                   .largest = largest};
    return bt_byte_weights_open(&s.made, s.values, &s.shape, &source, error);
}

/* ---- in double ---- */

static size_t weight_place(int o, int c, int tap) {
    return ((size_t)o * CHANNELS + (size_t)c) * (size_t)(s.t.kernel * s.t.kernel) + (size_t)tap;
}

/* What a step of a channel's weights is worth: its largest, in units of what they multiply, is `largest` steps. */
static double step_of(int o, int largest) {
    double most = 0;
    for (int c = 0; c < CHANNELS; c++)
        for (int tap = 0; tap < s.t.kernel * s.t.kernel; tap++)
            most = fmax(most, fabs((double)s.weights[weight_place(o, c, tap)] * (double)s.in_unit[c]));
    return most == 0 ? 1 : most / largest;
}

/* One sum of the convolution. */
typedef struct sum {
    double real;  /* of the weights as they are */
    double steps; /* of the weights' bytes */
    double slack; /* how far the two may lie apart, in steps */
    double raw;   /* the magnitude of what is added up on the way, in steps */
} sum;

static void add_tap(sum *to, int n, int y, int x, int o, int tap) {
    for (int c = 0; c < CHANNELS; c++) {
        const size_t at = weight_place(o, c, tap);
        const size_t pixel = ((size_t)n * (size_t)s.t.height + (size_t)y) * (size_t)s.t.width + (size_t)x;
        const double byte = s.x[pixel * CHANNELS + (size_t)c], value = byte - (double)s.in_zero[c];
        to->real += (double)s.weights[at] * (double)s.in_unit[c] * value;
        to->steps += s.values[at] * value;
        to->slack += 0.5 * fabs(value);
        to->raw += abs(s.values[at]) * (byte + (double)s.in_zero[c]);
    }
}

/* Beyond the edge, values are 0. */
static sum sum_at(int n, int y, int x, int o) {
    sum result = {0};
    const int k = s.t.kernel, pad = s.shape.padding;
    for (int tap = 0; tap < k * k; tap++) {
        const int row = y * s.t.stride + tap / k - pad, column = x * s.t.stride + tap % k - pad;
        if (row >= 0 && row < s.t.height && column >= 0 && column < s.t.width)
            add_tap(&result, n, row, column, o, tap);
    }
    return result;
}

/* ---- in bytes ---- */

static void *aligned(size_t bytes) {
    void *memory = aligned_alloc(64, (bytes + 64) / 64 * 64);
    assert_non_null(memory);
    return memory;
}

/* As a plan does: the primitive, then what its border lacks. */
static void run(void *out) {
    bt_error error;
    bt_convolution *convolution = NULL;
    bt_packed *fresh = NULL;
    s.shape.scales = s.made.scales;
    s.shape.bias = s.made.bias != NULL;
    must(bt_convolution_open(&convolution, &s.shape, bt_cpu_best_level(), s.values, NULL, &fresh, &error),
         &error);
    void *scratch = aligned(bt_convolution_scratch_bytes(convolution)), *x = aligned(sizeof s.x);
    memcpy(x, s.x, sizeof s.x);
    bt_convolution_bind(convolution, x, s.made.bias, out, scratch);
    must(bt_convolution_run(convolution, &error), &error);
    const bt_border border = {.out = out,
                              .lacking = s.made.lacking,
                              .batch = BATCH,
                              .channels = OUT,
                              .height = bt_conv_out_size(s.t.height, &s.shape),
                              .width = bt_conv_out_size(s.t.width, &s.shape),
                              .in_height = s.t.height,
                              .in_width = s.t.width,
                              .stride = s.t.stride,
                              .type = BT_F32};
    if (s.made.lacking) bt_border_run(&border, bt_cpu_best_level());
    bt_convolution_close(&convolution);
    bt_packed_close(&fresh);
    free(scratch);
    free(x);
}

static void compare(double got, double wanted, double allowed, const char *what, int y, int x, int o) {
    if (!(fabs(got - wanted) <= allowed))
        fail_msg("%dx%d/%d of %dx%d, signs from channel %d: %s at %d, %d, channel %d: %g, not %g within %g",
                 s.t.kernel, s.t.kernel, s.t.stride, s.t.height, s.t.width, s.t.signed_from, what, y, x, o,
                 got, wanted, allowed);
}

static void compare_floats(const float *out, int largest, int n, int y, int x, int o) {
    const sum wanted = sum_at(n, y, x, o);
    const double step = step_of(o, largest), bias = (double)s.bias[o],
                 float_error = FLOAT_ERROR * (step * wanted.raw + fabs(bias));
    const double got = (double)out[o];
    compare(got, step * wanted.steps + bias, float_error, "the bytes' sum", y, x, o);
    compare(got, wanted.real + bias, step * wanted.slack + float_error, "the real sum", y, x, o);
}

static void compare_bytes(const uint8_t *out, int largest, int n, int y, int x, int o) {
    const sum wanted = sum_at(n, y, x, o);
    const int c = o % UNITS_OUT;
    const double per_unit = (double)s.per_unit[c], step = step_of(o, largest),
                 real = (wanted.real + (double)s.bias[o]) * per_unit + 128,
                 float_error = FLOAT_ERROR * (step * wanted.raw + fabs((double)s.bias[o])) * per_unit + 1e-4;
    compare(out[o], fmin(fmax(real, 0), 255), step * wanted.slack * per_unit + 0.5 + float_error, "the byte",
            y, x, o);
}

static void check(const trial *t) {
    const int largest = bt_cpu_byte_weight_most(bt_cpu_best_level());
    bt_error error;
    draw(t);
    must(open_weights(largest, &error), &error);
    const int height = bt_conv_out_size(t->height, &s.shape), width = bt_conv_out_size(t->width, &s.shape);
    const size_t size = bt_value_bytes(s.shape.out_type) * OUT;
    char *out = aligned((size_t)(BATCH * height * width) * size);
    run(out);
    for (int i = 0; i < BATCH * height * width; i++)
        for (int o = 0; o < OUT; o++) {
            const int n = i / (height * width), y = i / width % height, x = i % width;
            const void *pixel = out + (size_t)i * size;
            if (t->to_bytes)
                compare_bytes(pixel, largest, n, y, x, o);
            else
                compare_floats(pixel, largest, n, y, x, o);
        }
    bt_byte_weights_close(&s.made);
    free(out);
}

static bool is_possible(void) {
    bt_error error;
    return bt_cpu_best_level() >= BT_CPU_AVX2 && bt_onednn_load(bt_cpu_best_level(), &error) == BT_OK;
}

/* Zeros in none of the channels, in some (a concatenation of a tensor without signs and one with), in all. */
static void a_convolution_of_bytes_is_the_real_one_but_for_rounding(void **state) {
    (void)state;
    static const int sizes[][2] = {{8, 8}, {7, 9}, {1, 5}, {2, 1}, {3, 2}, {1, 1}},
                     froms[] = {CHANNELS, 11, 0};
    if (!is_possible()) skip();
    for (size_t f = 0; f < sizeof froms / sizeof *froms; f++)
        for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++)
            for (int biased = 0; biased < 2; biased++)
                for (int stride = 1; stride <= 2; stride++) {
                    check(&(trial){3, stride, sizes[i][0], sizes[i][1], froms[f], biased, false});
                    if (stride == 1) check(&(trial){1, 1, sizes[i][0], sizes[i][1], froms[f], biased, false});
                }
}

/* An up-convolution: pixels of its 2 x 2 are channels of a 1 x 1 one, which have the output's units in turns. */
static void bytes_come_out_in_the_outputs_units(void **state) {
    (void)state;
    static const int froms[] = {CHANNELS, 11};
    if (!is_possible()) skip();
    for (size_t f = 0; f < sizeof froms / sizeof *froms; f++)
        for (int biased = 0; biased < 2; biased++)
            check(&(trial){1, 1, 7, 9, froms[f], biased, true});
}

/* ---- the weights themselves ---- */

static const trial plain = {3, 1, 5, 5, 11, true, false};

static void the_largest_weight_of_each_channel_is_as_large_as_it_may_be(void **state) {
    (void)state;
    static const int limits[] = {127, 63};
    for (size_t l = 0; l < 2; l++) {
        bt_error error;
        draw(&plain);
        must(open_weights(limits[l], &error), &error);
        for (int o = 0; o < OUT; o++) {
            int most = 0;
            for (int i = 0; i < CHANNELS * TAPS_MOST; i++)
                most = abs(s.values[o * CHANNELS * TAPS_MOST + i]) > most
                           ? abs(s.values[o * CHANNELS * TAPS_MOST + i])
                           : most;
            assert_int_equal(most, limits[l]);
        }
        bt_byte_weights_close(&s.made);
    }
}

/* Without VNNI two products are added in 16 bits, which hold 32767. */
static void two_products_fit_where_they_are_added_in_16_bits(void **state) {
    (void)state;
    assert_int_equal(bt_cpu_byte_weight_most(BT_CPU_PORTABLE), 63);
    for (int level = BT_CPU_PORTABLE; level < BT_CPU_LEVEL_COUNT; level++) {
        const int most = bt_cpu_byte_weight_most((bt_cpu_level)level);
        assert_true(most == 127 || 2 * 255 * most <= INT16_MAX);
    }
}

/* The mean of what a channel silent in its weights gives is its bias, whatever it reads. */
static void a_channel_of_zeros_gives_its_bias(void **state) {
    (void)state;
    bt_error error;
    float out[BATCH * 25 * OUT + 16];
    if (!is_possible()) skip();
    draw(&plain);
    memset(s.weights + weight_place(4, 0, 0), 0, CHANNELS * TAPS_MOST * sizeof *s.weights);
    must(open_weights(63, &error), &error);
    assert_true(s.made.scales[4] == 1);
    run(out);
    for (int i = 0; i < BATCH * 25; i++)
        assert_true(out[i * OUT + 4] == s.bias[4]);
    bt_byte_weights_close(&s.made);
}

static void a_weight_that_is_no_number_is_refused(void **state) {
    (void)state;
    const float broken[] = {NAN, INFINITY, -INFINITY};
    for (size_t i = 0; i < 3; i++)
        for (int last = 0; last < 2; last++) { /* the first weight of all, or the last */
            bt_error error;
            draw(&plain);
            s.weights[last ? OUT * CHANNELS * TAPS_MOST - 1 : 0] = broken[i];
            assert_int_equal(open_weights(127, &error), BT_INVALID);
            says(error.message, "a weight is no number");
            assert_null(s.made.scales);
            assert_null(s.made.bias);
            assert_null(s.made.lacking);
        }
}

/* What nobody needs is not there: no bias without a reason, nothing lacking without a border. */
static void only_what_is_needed_is_made(void **state) {
    (void)state;
    static const struct {
        trial t;
        bool bias, lacking;
    } cases[] = {
        {{3, 1, 5, 5, CHANNELS, false, false}, false, false},
        {{3, 1, 5, 5, CHANNELS, true, false}, true, false},
        {{3, 1, 5, 5, 11, false, false}, true, true},
        {{1, 1, 5, 5, 11, false, false}, true, false},
        {{1, 1, 5, 5, CHANNELS, false, true}, true, false},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        bt_error error;
        draw(&cases[i].t);
        must(open_weights(127, &error), &error);
        assert_int_equal(s.made.bias != NULL, cases[i].bias);
        assert_int_equal(s.made.lacking != NULL, cases[i].lacking);
        bt_byte_weights_close(&s.made);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_convolution_of_bytes_is_the_real_one_but_for_rounding),
        cmocka_unit_test(bytes_come_out_in_the_outputs_units),
        cmocka_unit_test(the_largest_weight_of_each_channel_is_as_large_as_it_may_be),
        cmocka_unit_test(two_products_fit_where_they_are_added_in_16_bits),
        cmocka_unit_test(a_channel_of_zeros_gives_its_bias),
        cmocka_unit_test(a_weight_that_is_no_number_is_refused),
        cmocka_unit_test(only_what_is_needed_is_made),
    };
    return cmocka_run_group_tests_name("plan/byte-weights", tests, NULL, NULL);
}
