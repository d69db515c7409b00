#include "compare.h"

#include <math.h>

double compare_relative_error(const float *got, const float *reference, size_t count) {
    double mean = 0, difference = 0, spread = 0;
    for (size_t i = 0; i < count; i++)
        mean += reference[i] / (double)count;
    for (size_t i = 0; i < count; i++) {
        difference += pow((double)got[i] - reference[i], 2);
        spread += pow(reference[i] - mean, 2);
    }
    return sqrt(difference / spread);
}

static double iou(size_t both, size_t either) {
    return either ? (double)both / (double)either : 1;
}

double compare_iou(const float *logits, const float *reference_logits, size_t count) {
    size_t both = 0, either = 0;
    for (size_t i = 0; i < count; i++) {
        both += logits[i] > 0 && reference_logits[i] > 0;
        either += logits[i] > 0 || reference_logits[i] > 0;
    }
    return iou(both, either);
}

double compare_mask_iou(const float *logits, const uint8_t *mask, size_t count) {
    size_t both = 0, either = 0;
    for (size_t i = 0; i < count; i++) {
        both += logits[i] > 0 && mask[i];
        either += logits[i] > 0 || mask[i];
    }
    return iou(both, either);
}
