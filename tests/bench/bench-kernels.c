/* bench-kernels: the fused norm against the memory it moves: a copy of the same tensor in the same run, in
 * turns. A copy reads once and writes once. So does a norm, counting a residual as another reading; beyond
 * the caches its second reading of the tensor counts too. Prints figures and judges none. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <omp.h>

#include "base/clock.h"
#include "kernels/norm.h"
#include "measure/quantile.h"

#define ROUNDS        15
#define ROUND_NS      (20 * BT_NS_PER_MS)
#define BEYOND_CACHES (128 << 20) /* bytes */

typedef struct shape {
    const char *what;
    int channels;
    int64_t pixels;
} shape;

static const shape shapes[] = {
    {"HRNet, branch 1 at 128²", 48, 32 * 32},         {"HRNet, branch 3 at 128²", 192, 8 * 8},
    {"HRNet, branch 1 at 256²", 48, 64 * 64},         {"CBAM-ResUNet, level 1 at 128²", 64, 128 * 128},
    {"CBAM-ResUNet, level 1 at 256²", 64, 256 * 256}, {"beyond any cache", 64, 1024 * 1024},
};

static void copy(char *to, const char *from, size_t bytes, int threads) {
#pragma omp parallel num_threads(threads)
    {
        size_t share = bytes / (size_t)omp_get_num_threads() / 64 * 64,
               first = share * (size_t)omp_get_thread_num();
        if (omp_get_thread_num() + 1 == omp_get_num_threads()) share = bytes - first;
        memcpy(to + first, from + first, share);
    }
}

/* Seconds of one call, over as many as a round has time for. */
static double time_norm(const bt_norm *norm, bt_cpu_level level, void *scratch) {
    int64_t start_ns = bt_clock_now_ns(), now_ns, runs = 0;
    do {
        bt_norm_run(norm, level, scratch);
        runs++;
        now_ns = bt_clock_now_ns();
    } while (now_ns - start_ns < ROUND_NS);
    return (double)(now_ns - start_ns) / (double)runs / 1e9;
}

static double time_copy(char *to, const char *from, size_t bytes, int threads) {
    int64_t start_ns = bt_clock_now_ns(), now_ns, runs = 0;
    do {
        copy(to, from, bytes, threads);
        runs++;
        now_ns = bt_clock_now_ns();
    } while (now_ns - start_ns < ROUND_NS);
    return (double)(now_ns - start_ns) / (double)runs / 1e9;
}

static double median(double *values) {
    bt_sort(values, ROUNDS);
    return bt_quantile(values, ROUNDS, 0.5);
}

static void bench(const shape *s, bool bf16, bool residual, int threads) {
    const size_t bytes = (size_t)s->channels * (size_t)s->pixels * (bf16 ? 2 : 4);
    char *x = aligned_alloc(64, (bytes + 63) / 64 * 64), *other = aligned_alloc(64, (bytes + 63) / 64 * 64);
    float *ones = aligned_alloc(64, 4096);
    bt_norm norm = {.x = x,
                    .residual = residual ? other : NULL,
                    .scale = ones,
                    .offset = ones,
                    .batch = 1,
                    .channels = s->channels,
                    .pixels = s->pixels,
                    .epsilon = 1e-5f,
                    .bf16 = bf16,
                    .relu = true,
                    .threads = threads};
    void *scratch = aligned_alloc(64, (bt_norm_scratch_bytes(&norm) + 63) / 64 * 64);
    if (!x || !other || !ones || !scratch) exit(1);
    memset(x, 0x3f, bytes);
    memset(other, 0x3f, bytes);
    for (int i = 0; i < 1024; i++)
        ones[i] = 1;
    const double moved = (bytes >= BEYOND_CACHES ? 3 : 2) + residual; /* a copy: 2 */
    double norms[ROUNDS], copies[ROUNDS], ratios[ROUNDS];
    for (int round = 0; round < ROUNDS; round++) {
        copies[round] = time_copy(other, x, bytes, threads);
        norms[round] = time_norm(&norm, bt_cpu_best_level(), scratch);
        ratios[round] = copies[round] / norms[round] * moved / 2;
    }
    printf("%-32s %s%s %8.1f KB  norm %9.2f us  copy %9.2f us  %5.1f %% of the copy's bandwidth\n", s->what,
           bf16 ? "BF16" : "FP32", residual ? " + residual" : "           ", (double)bytes / 1e3,
           median(norms) * 1e6, median(copies) * 1e6, median(ratios) * 100);
    free(x), free(other), free(ones), free(scratch);
}

int main(void) {
    int threads = (int)sysconf(_SC_NPROCESSORS_ONLN);
    printf("%s, %d threads\n", bt_cpu_level_name(bt_cpu_best_level()), threads);
    for (size_t i = 0; i < sizeof shapes / sizeof *shapes; i++)
        for (int kind = 0; kind < 4; kind++)
            bench(&shapes[i], kind % 2 == 1, kind >= 2, threads);
    return 0;
}
