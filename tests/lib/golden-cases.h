/* The golden cases: networks with counter weights whose logits an independent implementation computed. */
#ifndef BT_TESTS_GOLDEN_CASES_H
#define BT_TESTS_GOLDEN_CASES_H

#include <stddef.h>
#include <stdint.h>

#include "backend/backend.h"

#define GOLDEN_CASES 5

/* A case of cases.json with its logits. */
typedef struct golden_case {
    char model[32], input_name[64], weights[64];
    uint64_t seed;
    int batch_size, height, width;
    double relative_error; /* of libtorch's own FP32 forward */
    size_t pixels;         /* of the whole batch */
    float *images, *expected, *logits;
} golden_case;

/* How to run one: what a session's options say. */
typedef struct golden_way {
    const char *backend, *device;
    bt_path path;
    int threads; /* 0: all */
    bool use_amp, use_channels_last;
} golden_way;

/* Reads all of them. BT_IO, BT_PARSE, BT_NO_MEMORY. Free with golden_free, after a failure too. */
BT_MUST_USE bt_status golden_read(golden_case cases[GOLDEN_CASES], bt_error *error);
void golden_free(golden_case cases[GOLDEN_CASES]);

/* Runs a case into its logits and gives their relative error (compare_relative_error). BT_BACKEND where a
 * logit is no number; otherwise what the session fails with. */
BT_MUST_USE bt_status golden_forward(golden_case *one, const golden_way *way, double *relative_error,
                                     bt_error *error);

#endif
