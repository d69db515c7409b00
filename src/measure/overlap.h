/* How far two masks agree: their intersection over union. A mask is what lies above a threshold. Pure. */
#ifndef BT_MEASURE_OVERLAP_H
#define BT_MEASURE_OVERLAP_H

#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

/* Pixels in both masks, and in either; of several pictures together where they are added up. */
typedef struct bt_overlap {
    size_t both, either;
} bt_overlap;

/* Of what lies above `threshold` in `a` and in `b`, of so many pixels. */
bt_overlap bt_overlap_of(const float *a, const float *b, size_t pixels, double threshold);

/* The same of each class's pixels in two maps of labels, into of_classes[count]; of labels from `count` on nothing. */
void bt_overlap_of_labels(bt_overlap *of_classes, int count, const uint8_t *a, const uint8_t *b,
                          size_t pixels);

void bt_overlap_add(bt_overlap *to, bt_overlap more);

/* 0..1; two empty masks agree. */
double bt_overlap_iou(bt_overlap overlap);

/* The mean over those of `count` classes that either map has, as torchmetrics and others count it; 1 where there is none. */
double bt_overlap_mean_iou(const bt_overlap *of_classes, int count);

#ifdef __cplusplus
}
#endif
#endif
