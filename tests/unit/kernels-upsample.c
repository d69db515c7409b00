/* The upsampling sum against its reference in double: every version this CPU has, both types, any sizes. */
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
#include "kernels/upsample.h"

#define CASES 300
/* OpenMP's barriers are futexes of its own that ThreadSanitizer cannot see. */
#if defined(__SANITIZE_THREAD__)
#define THREADS_MOST 1
#else
#define THREADS_MOST 4
#endif

static void *room(size_t bytes) {
    void *memory = aligned_alloc(64, (bytes + 127) / 64 * 64);
    assert_non_null(memory);
    return memory;
}

/* Runs one case on random values; the largest error in units of 1 + |wanted|. */
static double error_of(bt_upsample u, bt_cpu_level level, uint64_t seed) {
    bt_random random = bt_random_stream(seed, "kernels-upsample");
    size_t fine = (size_t)u.batch * (size_t)u.fine_height * (size_t)u.fine_width * (size_t)u.channels;
    size_t coarse = (size_t)u.batch * (size_t)u.coarse_height * (size_t)u.coarse_width * (size_t)u.channels;
    char *to = room(fine * 4), *from = room(coarse * 4);
    double *wanted = room(fine * sizeof *wanted), most = 0;
    for (size_t i = 0; i < fine; i++)
        bt_element_put(to, u.bf16, i, (float)bt_random_normal(&random));
    for (size_t i = 0; i < coarse; i++)
        bt_element_put(from, u.bf16, i, (float)bt_random_normal(&random));
    u.fine = to;
    u.coarse = from;
    void *scratch = room(bt_upsample_scratch_bytes(&u));
    bt_upsample_reference(&u, wanted);
    bt_upsample_run(&u, level, scratch);
    for (size_t i = 0; i < fine; i++) {
        double error = fabs((double)bt_element(to, u.bf16, i) - wanted[i]) / (1 + fabs(wanted[i]));
        if (!(error <= most)) most = error;
    }
    free(to), free(from), free(wanted), free(scratch);
    return most;
}

static void every_version_agrees_with_the_reference(void **state) {
    (void)state;
    for (uint64_t seed = 1; seed <= CASES; seed++) {
        bt_random random = bt_random_stream(seed, "case");
        static const int channels[] = {1, 3, 7, 16, 17, 33, 48, 64, 96, 130};
        bt_upsample u = {.batch = 1 + (int)bt_random_below(&random, 3),
                         .channels = channels[bt_random_below(&random, sizeof channels / sizeof *channels)],
                         .fine_height = 1 + (int)bt_random_below(&random, 33),
                         .fine_width = 1 + (int)bt_random_below(&random, 33),
                         .coarse_height = 1 + (int)bt_random_below(&random, 17),
                         .coarse_width = 1 + (int)bt_random_below(&random, 17),
                         .bf16 = bt_random_below(&random, 2) == 1,
                         .relu = bt_random_below(&random, 2) == 1,
                         .threads = 1 + (int)bt_random_below(&random, THREADS_MOST)};
        for (bt_cpu_level level = BT_CPU_PORTABLE; level <= bt_cpu_best_level(); level++) {
            double error = error_of(u, level, seed), limit = u.bf16 ? 1.0 / 256 : 1e-5;
            if (!(error <= limit))
                fail_msg("seed %llu, %s: %dx%d to %dx%d, %d channels, %s: off by %g",
                         (unsigned long long)seed, bt_cpu_level_name(level), u.coarse_height, u.coarse_width,
                         u.fine_height, u.fine_width, u.channels, u.bf16 ? "BF16" : "FP32", error);
        }
    }
}

/* By hand: corners keep their values, the middle of three is between two. */
static void corners_align(void **state) {
    (void)state;
    float fine[9] = {0}, scratch[16];
    const float coarse[4] = {1, 3, 5, 9};
    static const float wanted[9] = {1, 2, 3, 3, 4.5f, 6, 5, 7, 9};
    const bt_upsample u = {.fine = fine,
                           .coarse = coarse,
                           .batch = 1,
                           .channels = 1,
                           .fine_height = 3,
                           .fine_width = 3,
                           .coarse_height = 2,
                           .coarse_width = 2,
                           .threads = 1};
    assert_true(bt_upsample_scratch_bytes(&u) <= sizeof scratch);
    bt_upsample_run(&u, bt_cpu_best_level(), scratch);
    for (int i = 0; i < 9; i++)
        assert_true(fabsf(fine[i] - wanted[i]) < 1e-6f);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_version_agrees_with_the_reference),
        cmocka_unit_test(corners_align),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
