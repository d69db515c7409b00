/* What memory a batch size takes, and what is left: the arithmetic of the reserve. Pure. */
#ifndef BT_TUNE_MEMORY_FIT_H
#define BT_TUNE_MEMORY_FIT_H

#include <stdint.h>

#include "record/sweep-record.h"

#ifdef __cplusplus
extern "C" {
#endif

/* Fits M(b) = base + per_image * b to `count` points by least squares; slopes below zero are taken as zero (a
 * high-water mark cannot fall). What counts is M(1) and what comes after: base may well be below zero, where
 * the first image needs less than each further one, but M(1) is not. A line that says otherwise is drawn
 * through the smallest size's memory instead, or where even that falls too low, through nothing at no images.
 * NaN in both where fewer than two different sizes are given. MiB. */
bt_memory_fit bt_memory_fit_make(const int *batch_sizes, const double *memory_mb, int count);

/* The fit's memory for a batch size, MiB; NaN without a fit. */
double bt_memory_fit_at(const bt_memory_fit *fit, int batch_size);

/* The largest batch size whose fitted memory stays within `limit_mb`; 0 without a fit or where none does; at
 * most BT_BATCH_MAX, which stands for "memory does not bind". */
int64_t bt_memory_fit_largest(const bt_memory_fit *fit, double limit_mb);

/* What the device held beside the model while its points were measured, at most, MiB: the limit is on all of
 * it. 0 where no point tells. */
double bt_memory_of_others_mb(const bt_model_record *model);

#ifdef __cplusplus
}
#endif
#endif
