/* The golden cases: networks with counter weights whose logits an independent implementation computed. */
#ifndef BT_TESTS_GOLDEN_H
#define BT_TESTS_GOLDEN_H

#include <stddef.h>
#include <stdint.h>

#include "backend/backend.h"

/* A case of cases.json with its logits. */
typedef struct golden_case {
    char model[32], input_name[64], weights[64];
    uint64_t seed;
    int batch_size, height, width;
    double relative_error; /* of libtorch's own FP32 forward */
    size_t pixels;         /* of the whole batch */
    float *images, *expected, *logits;
} golden_case;

/* Calls `check` for each of the cases; fails the test where there are not four. */
void golden_each(void (*check)(golden_case *one));

/* Runs a case and gives the relative error of its logits (compare_relative_error); checks that every logit is
 * a number. */
double golden_run(golden_case *one, const char *backend, bt_path path, bool use_amp, bool use_channels_last);

/* The same, without AMP: fails the test where the error is above ten times that of libtorch's own FP32
 * forward. */
void golden_within_fp32(golden_case *one, const char *backend, bt_path path, bool use_channels_last);

#endif
