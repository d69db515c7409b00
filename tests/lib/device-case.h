/* One made-up case of a kernel of a device: tensors of any type, FP16 too, with the same values as floats
 * beside them for the reference, and a look at what the kernel wrote.
 *
 * kernels/trial.h does this for the kernels of a CPU, which know neither FP16 nor a scratch full of garbage. */
#ifndef BT_TESTS_DEVICE_CASE_H
#define BT_TESTS_DEVICE_CASE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/random.h"
#include "kernels/value-type.h"
#include "plan/cuda-device.h"

#define DEVICE_BLOCKS_MOST 24

/* Tensors lie in host memory that the device reaches too: pinned, where there is a context. */
typedef struct device_case {
    const bt_cuda_table *table;
    bt_cuda_context *context; /* NULL: this CPU plays the device */
    void *stream;
    int code; /* of the first launch that failed; 0 */
    bt_random random;
    bt_value_type type; /* of activations */
    bool skewed;        /* tensors lie where no vector is aligned */
    char text[160];     /* the case in words */
    double error;       /* the largest yet, as a part of what rounding explains: good up to 1 */
    uint64_t hash;      /* of all that was compared */
    bool overrun;       /* something before or behind a tensor was written */
    struct {
        unsigned char *block;
        size_t before, bytes;
    } blocks[DEVICE_BLOCKS_MOST];
    int block_count;
} device_case;

/* A tensor: `at` in its type, `values` what that type made of them. */
typedef struct tensor {
    void *at;
    float *values;
    size_t count;
    bt_value_type type;
} tensor;

/* The same seed gives the same case. */
void device_case_open(device_case *c, const bt_cuda_table *table, bt_cuda_context *context, uint64_t seed,
                      bt_value_type type);
/* Looks at what lies around the tensors, and frees all. */
void device_case_close(device_case *c);

/* Notes what a launch returned, and waits for its result. */
void runs(device_case *c, int code);

int below(device_case *c, int bound);
/* Full vectors, parts of them, one. */
int some_channels(device_case *c);

/* Values around `mean`, mostly within `deviation`. */
tensor around(device_case *c, size_t count, bt_value_type type, double mean, double deviation);
tensor activations(device_case *c, size_t count);
/* Floats. */
tensor numbers(device_case *c, size_t count);
/* Full of what is no number. */
tensor unwritten(device_case *c, size_t count, bt_value_type type);
/* Nothing else: 256-byte aligned, full of ones' bits. */
void *garbage(device_case *c, size_t bytes);
double *doubles(device_case *c, size_t count);

/* Value i of a tensor as it is now. */
float value_of(const void *at, bt_value_type type, size_t i);
void put_value(void *at, bt_value_type type, size_t i, float value);

/* Pixels of `channels` values, `stride` apart, against what the reference has one after another. */
void compare(device_case *c, const void *got, bt_value_type type, size_t stride, size_t channels,
             size_t pixels, const double *wanted);
/* What lies between the pixels' values has stayed what `unwritten` put there. */
void compare_gaps(device_case *c, const void *got, bt_value_type type, size_t stride, size_t channels,
                  size_t pixels);

#endif
