/* What tests of networks compare by. */
#ifndef BT_TESTS_COMPARE_H
#define BT_TESTS_COMPARE_H

#include <stddef.h>
#include <stdint.h>

/* Norm of the difference over the norm of the centred reference: an offset that all logits share does not
 * flatter it. */
double compare_relative_error(const float *got, const float *reference, size_t count);

/* Intersection over union of two masks: logits above zero, and logits above zero or a mask's bytes. 1 where
 * both are empty. */
double compare_iou(const float *logits, const float *reference_logits, size_t count);
double compare_mask_iou(const float *logits, const uint8_t *mask, size_t count);

#endif
