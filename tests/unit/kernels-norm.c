/* The fused norm against its reference in double: every version this CPU has, both types, any channel count,
 * any alignment, any number of threads. A failing random case prints the seed that repeats it. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "base/random.h"
#include "kernels/element.h"
#include "kernels/norm.h"

#define CASES 400
/* OpenMP's barriers are futexes of its own that ThreadSanitizer cannot see. */
#if defined(__SANITIZE_THREAD__)
#define THREADS_MOST 1
#else
#define THREADS_MOST 4
#endif

/* A norm with its memory, which it may start anywhere within. */
typedef struct example {
    bt_norm norm;
    char *values, *residual, *scratch;
    float *scale, *offset;
    double *wanted;
    size_t count;
} example;

static void *room(size_t bytes) {
    void *memory = aligned_alloc(64, (bytes + 127) / 64 * 64);
    assert_non_null(memory);
    return memory;
}

/* `skew` bytes off any alignment. */
static example open_example(bt_norm norm, double mean, double deviation, bool residual, int skew,
                            uint64_t seed) {
    bt_random random = bt_random_stream(seed, "kernels-norm");
    const size_t size = bt_value_bytes(norm.type);
    example e = {.norm = norm, .count = (size_t)norm.batch * (size_t)norm.pixels * (size_t)norm.channels};
    e.values = room(e.count * size + 64);
    e.residual = room(e.count * size + 64);
    e.scale = room((size_t)norm.channels * sizeof(float));
    e.offset = room((size_t)norm.channels * sizeof(float));
    e.wanted = room(e.count * sizeof(double));
    e.norm.out_type = e.norm.residual_type = norm.type;
    e.norm.x = e.values + skew;
    e.norm.residual = residual ? e.residual + skew : NULL;
    e.norm.scale = e.scale;
    e.norm.offset = e.offset;
    for (size_t i = 0; i < e.count; i++) {
        bt_element_put(e.norm.x, norm.type, i, (float)(mean + deviation * bt_random_normal(&random)));
        bt_element_put(e.residual + skew, norm.type, i, (float)bt_random_normal(&random));
    }
    for (int c = 0; c < norm.channels; c++) {
        e.scale[c] = (float)(0.5 + bt_random_uniform(&random));
        e.offset[c] = (float)bt_random_normal(&random);
    }
    e.scratch = room(bt_norm_scratch_bytes(&e.norm));
    bt_norm_reference(&e.norm, e.wanted);
    return e;
}

static void close_example(example *e) {
    free(e->values), free(e->residual), free(e->scale), free(e->offset), free(e->wanted), free(e->scratch);
}

/* Largest difference from the reference, in units of 1 + |wanted|. */
static double worst(const example *e) {
    double most = 0;
    for (size_t i = 0; i < e->count; i++) {
        double got = (double)bt_element(e->norm.x, e->norm.type, i);
        double error = fabs(got - e->wanted[i]) / (1 + fabs(e->wanted[i]));
        if (!(error <= most)) most = error; /* NaN too */
    }
    return most;
}

static void every_version_agrees_with_the_reference(void **state) {
    (void)state;
    for (uint64_t seed = 1; seed <= CASES; seed++) {
        bt_random random = bt_random_stream(seed, "case");
        static const int channels[] = {1, 2, 3, 4, 7, 8, 15, 16, 17, 31, 33, 48, 64, 65, 96, 130, 200};
        bt_norm norm = {.batch = 1 + (int)bt_random_below(&random, 4),
                        .channels = channels[bt_random_below(&random, sizeof channels / sizeof *channels)],
                        .pixels = 1 + (int64_t)bt_random_below(&random, 700),
                        .epsilon = 1e-5f,
                        .type = bt_random_below(&random, 2) == 1,
                        .relu = bt_random_below(&random, 2) == 1,
                        .threads = 1 + (int)bt_random_below(&random, THREADS_MOST)};
        bool residual = bt_random_below(&random, 2) == 1;
        int skew = (int)bt_random_below(&random, 8) * 2;
        for (bt_cpu_level level = BT_CPU_PORTABLE; level <= bt_cpu_best_level(); level++) {
            example e = open_example(norm, 2, 3, residual, skew, seed);
            bt_norm_run(&e.norm, level, e.scratch);
            double limit = norm.type == BT_BF16 ? 1.0 / 256 : 2e-5;
            /* a lone pixel's deviation is 0: 1/sqrt(epsilon) enlarges what rounding leaves */
            if (!(worst(&e) <= limit))
                fail_msg("seed %llu, %s: %d x %lld x %d, %s: off by %g", (unsigned long long)seed,
                         bt_cpu_level_name(level), norm.batch, (long long)norm.pixels, norm.channels,
                         norm.type == BT_BF16 ? "BF16" : "FP32", worst(&e));
            close_example(&e);
        }
    }
}

/* A norm that sums naively in FP32, as a plain one over contiguous channels would in its second pass. */
static double plain_error(const example *e, double mean) {
    (void)mean;
    double most = 0;
    const bt_norm *n = &e->norm;
    for (int c = 0; c < n->channels; c++) {
        double sum = 0, square = 0;
        for (int64_t p = 0; p < n->pixels; p++)
            sum += (double)bt_element(n->x, false, (size_t)(p * n->channels + c));
        float m = (float)(sum / (double)n->pixels);
        for (int64_t p = 0; p < n->pixels; p++) {
            double less = (double)bt_element(n->x, false, (size_t)(p * n->channels + c)) - (double)m;
            square += less * less;
        }
        float gain = n->scale[c] / sqrtf((float)(square / (double)n->pixels) + n->epsilon);
        float bias = n->offset[c] - m * gain; /* x * gain + bias: what libtorch's does */
        for (int64_t p = 0; p < n->pixels; p++) {
            size_t place = (size_t)(p * n->channels + c);
            float y = bt_element(n->x, false, place) * gain + bias;
            most = fmax(most, fabs((double)y - e->wanted[place]));
        }
    }
    return most;
}

static void a_large_mean_costs_no_more_than_it_does_elsewhere(void **state) {
    (void)state;
    static const double means[] = {1, 30, 300};
    for (size_t m = 0; m < sizeof means / sizeof *means; m++)
        for (bt_cpu_level level = BT_CPU_PORTABLE; level <= bt_cpu_best_level(); level++) {
            const bt_norm norm = {
                .batch = 1, .channels = 48, .pixels = 4096, .epsilon = 1e-5f, .threads = THREADS_MOST};
            example e = open_example(norm, means[m], 1, false, 0, 5);
            double plain = plain_error(&e, means[m]), most = 0;
            bt_norm_run(&e.norm, level, e.scratch);
            for (size_t i = 0; i < e.count; i++)
                most = fmax(most, fabs((double)bt_element(e.norm.x, false, i) - e.wanted[i]));
            if (!(most <= 2 * plain))
                fail_msg("mean %g, %s: off by %g, a plain norm by %g", means[m], bt_cpu_level_name(level),
                         most, plain);
            close_example(&e);
        }
}

static void a_nan_stays_one_through_relu_and_spoils_its_channel_alone(void **state) {
    (void)state;
    for (bt_value_type type = BT_F32; type <= BT_BF16; type++)
        for (bt_cpu_level level = BT_CPU_PORTABLE; level <= bt_cpu_best_level(); level++) {
            const bt_norm norm = {.batch = 2,
                                  .channels = 40,
                                  .pixels = 50,
                                  .epsilon = 1e-5f,
                                  .type = type,
                                  .relu = true,
                                  .threads = 1};
            example e = open_example(norm, 0, 1, false, 0, 9);
            bt_element_put(e.norm.x, type, 7 * 40 + 3, NAN); /* image 0, pixel 7, channel 3 */
            bt_norm_run(&e.norm, level, e.scratch);
            for (size_t i = 0; i < e.count; i++) {
                bool spoilt = i < 50 * 40 && i % 40 == 3;
                if (isnan((double)bt_element(e.norm.x, type, i)) != spoilt)
                    fail_msg("%s: value %zu is %g", bt_cpu_level_name(level), i,
                             (double)bt_element(e.norm.x, type, i));
            }
            close_example(&e);
        }
}

static void the_result_does_not_depend_on_who_does_the_other_images(void **state) {
    (void)state;
    const bt_norm four = {.batch = 4, .channels = 48, .pixels = 1024, .epsilon = 1e-5f, .threads = 1};
    example e = open_example(four, 1, 2, true, 0, 3), alone = open_example(four, 1, 2, true, 0, 3);
    bt_norm_run(&e.norm, bt_cpu_best_level(), e.scratch);
    for (int n = 0; n < 4; n++) {
        bt_norm one = alone.norm;
        one.batch = 1;
        one.x = (char *)alone.norm.x + (size_t)n * 48 * 1024 * 4;
        one.residual = (const char *)alone.norm.residual + (size_t)n * 48 * 1024 * 4;
        bt_norm_run(&one, bt_cpu_best_level(), alone.scratch);
    }
    assert_memory_equal(e.norm.x, alone.norm.x, e.count * 4);
    close_example(&e);
    close_example(&alone);
}

static void the_level_can_be_lowered_by_name_only(void **state) {
    (void)state;
    assert_string_equal(bt_cpu_level_name(BT_CPU_PORTABLE), "portable");
    assert_string_equal(bt_cpu_level_name(BT_CPU_AVX512_BF16), "avx512-bf16");
    assert_string_equal(bt_cpu_level_name((bt_cpu_level)99), "unknown");
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_version_agrees_with_the_reference),
        cmocka_unit_test(a_large_mean_costs_no_more_than_it_does_elsewhere),
        cmocka_unit_test(a_nan_stays_one_through_relu_and_spoils_its_channel_alone),
        cmocka_unit_test(the_result_does_not_depend_on_who_does_the_other_images),
        cmocka_unit_test(the_level_can_be_lowered_by_name_only),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
