/* One made-up case of a kernel: what the cases in the kernels' own files are written with.
 *
 * A case draws its sizes, gets tensors of random values, each between guards that nobody may touch, runs
 * reference and kernel, and compares the two. check.h runs them. */
#ifndef BT_KERNELS_TRIAL_H
#define BT_KERNELS_TRIAL_H

#include "base/random.h"
#include "kernels/check.h"

#ifdef __cplusplus
extern "C" {
#endif

#define BT_TRIAL_BLOCKS 24

/* The case under way: its random numbers, and everything allocated for it. A failure sticks. */
typedef struct bt_trial {
    const bt_kernel_case *given;
    bt_cpu_level level;
    bt_random random;
    bt_kernel_result *result;
    bool no_memory; /* a case ends before it runs where this is set */
    struct {
        char *block;
        size_t bytes; /* between the guards */
    } blocks[BT_TRIAL_BLOCKS];
    int block_count;
} bt_trial;

/* 0 ... bound - 1. */
int bt_trial_below(bt_trial *t, int bound);
/* A count of channels: full vectors, parts of them, one. */
int bt_trial_channels(bt_trial *t);

/* Random values of the case's type, of any, or floats; where memory is short, an address that nothing may be read
 * from. */
char *bt_trial_activations(bt_trial *t, size_t count);
char *bt_trial_tensor(bt_trial *t, size_t count, bt_value_type type);
float *bt_trial_numbers(bt_trial *t, size_t count);
/* A unit for each channel, between half of `about` and one and a half. */
float *bt_trial_units(bt_trial *t, int channels, float about);
/* Room for what the reference computes, and for the kernel's scratch. */
double *bt_trial_wanted(bt_trial *t, size_t count);
void *bt_trial_scratch(bt_trial *t, size_t bytes);

/* Puts the case into words. */
void bt_trial_name(bt_trial *t, const char *format, ...) BT_PRINTF(2, 3);

/* Pixels of `channels` values, `stride` apart, against what the reference has one after another. */
void bt_trial_compare(bt_trial *t, const void *got, bt_value_type type, size_t stride, int channels,
                      size_t pixels, const double *wanted);

/* Checks the guards and frees everything. */
void bt_trial_close(bt_trial *t);

/* The cases, in the kernels' files. */
void bt_try_norm(bt_trial *t);
void bt_try_sum(bt_trial *t);
void bt_try_scale(bt_trial *t);
void bt_try_sigmoid(bt_trial *t);
void bt_try_channel_attention(bt_trial *t);
void bt_try_spatial_attention(bt_trial *t);
void bt_try_dot(bt_trial *t);
void bt_try_pool(bt_trial *t);
void bt_try_interleave(bt_trial *t);
void bt_try_unfold(bt_trial *t);
void bt_try_planes(bt_trial *t);
void bt_try_border(bt_trial *t);
void bt_try_winograd_read(bt_trial *t);
void bt_try_winograd_write(bt_trial *t);

#ifdef __cplusplus
}
#endif
#endif
