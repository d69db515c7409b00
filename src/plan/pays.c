#include "plan/pays.h"

#include <omp.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "kernels/cpu.h"
#include "kernels/parallel.h"
#include "measure/quantile.h"
#include "plan/onednn.h"

/* Turns of each. More tell a small gain from none; fewer keep a session's opening short. */
#define TURNS 9

/* HRNet's commonest convolution at 128 x 128. A larger one takes longer and says the same. */
enum { SIDE = 32, CHANNELS = 48, VALUES = SIDE * SIDE * CHANNELS, WEIGHTS = CHANNELS * CHANNELS * 9 };

/* The convolution in one type, ready to run. */
typedef struct trial {
    bt_primitive *primitive;
    bt_packed *packed;
    void *x, *out, *scratch;
    double turns_ms[TURNS];
} trial;

static void trial_close(trial *t) {
    bt_primitive_close(&t->primitive);
    bt_packed_close(&t->packed);
    free(t->x);
    free(t->out);
    free(t->scratch);
}

/* Bytes of zeros are no number that slows a CPU down. */
static void *zeros(size_t bytes) {
    void *block = aligned_alloc(BT_CACHE_LINE, bt_rounded(bytes));
    if (block) memset(block, 0, bt_rounded(bytes));
    return block;
}

static bt_status trial_open(trial *t, bt_value_type type, const float *weights, bt_error *error) {
    const bt_conv_shape shape = {.batch = 1,
                                 .channels = CHANNELS,
                                 .height = SIDE,
                                 .width = SIDE,
                                 .out_channels = CHANNELS,
                                 .kernel = 3,
                                 .stride = 1,
                                 .padding = 1,
                                 .type = type,
                                 .out_type = type};
    bt_status status = bt_conv_open(&t->primitive, &shape, weights, NULL, &t->packed, error);
    if (status != BT_OK) return status;
    t->x = zeros(VALUES * bt_value_bytes(type));
    t->out = zeros(VALUES * bt_value_bytes(type));
    t->scratch = zeros(bt_primitive_scratch_bytes(t->primitive) + 1);
    if (!t->x || !t->out || !t->scratch) return bt_no_memory(error, "a convolution to measure");
    bt_primitive_bind(t->primitive, t->x, NULL, t->out, t->scratch);
    return bt_primitive_run(t->primitive, error); /* the first one is no measure */
}

/* By turns, so that a slow spell falls on both. */
static bt_status race(trial trials[2], bt_error *error) {
    bt_status status = BT_OK;
    for (int i = 0; i < 2 * TURNS && status == BT_OK; i++) {
        const int64_t start_ns = bt_clock_now_ns();
        status = bt_primitive_run(trials[i % 2].primitive, error);
        trials[i % 2].turns_ms[i / 2] = bt_ms(bt_clock_now_ns() - start_ns);
    }
    return status;
}

static double median_ms(trial *t) {
    bt_sort(t->turns_ms, TURNS);
    return bt_quantile(t->turns_ms, TURNS, 0.5);
}

static bt_status measure(double *out, bt_error *error) {
    trial trials[2] = {{0}, {0}};
    const int threads = omp_get_max_threads();
    float *weights = zeros(WEIGHTS * sizeof *weights);
    if (!weights) return bt_no_memory(error, "a convolution to measure");
    omp_set_num_threads(1); /* of this thread alone; several would have to wait for each other's cores */
    bt_status status = bt_onednn_load(bt_cpu_best_level(), error);
    if (status == BT_OK) status = trial_open(&trials[0], BT_F32, weights, error);
    if (status == BT_OK) status = trial_open(&trials[1], BT_BF16, weights, error);
    if (status == BT_OK) status = race(trials, error);
    omp_set_num_threads(threads);
    if (status == BT_OK) *out = median_ms(&trials[0]) / median_ms(&trials[1]);
    for (int i = 0; i < 2; i++)
        trial_close(&trials[i]);
    free(weights);
    return status;
}

bt_status bt_bf16_speed(double *out, bt_error *error) {
    static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
    static double known; /* 0: not yet */
    pthread_mutex_lock(&lock);
    const bt_status status = known > 0 ? BT_OK : measure(&known, error);
    *out = known;
    pthread_mutex_unlock(&lock);
    return status;
}
