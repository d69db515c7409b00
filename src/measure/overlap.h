/* How far two masks agree: their intersection over union. A mask is what lies above a threshold. Pure. */
#ifndef BT_MEASURE_OVERLAP_H
#define BT_MEASURE_OVERLAP_H

#include <stddef.h>

#ifdef __cplusplus
extern "C" {
#endif

/* Pixels in both masks, and in either; of several pictures together where they are added up. */
typedef struct bt_overlap {
    size_t both, either;
} bt_overlap;

/* Of what lies above `threshold` in `a` and in `b`, of so many pixels. */
bt_overlap bt_overlap_of(const float *a, const float *b, size_t pixels, double threshold);

/* 0..1; two empty masks agree. */
double bt_overlap_iou(bt_overlap overlap);

#ifdef __cplusplus
}
#endif
#endif
