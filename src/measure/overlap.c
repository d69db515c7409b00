#include "measure/overlap.h"

bt_overlap bt_overlap_of(const float *a, const float *b, size_t pixels, double threshold) {
    bt_overlap overlap = {0, 0};
    for (size_t i = 0; i < pixels; i++) {
        overlap.both += a[i] > threshold && b[i] > threshold;
        overlap.either += a[i] > threshold || b[i] > threshold;
    }
    return overlap;
}

double bt_overlap_iou(bt_overlap overlap) {
    return overlap.either ? (double)overlap.both / (double)overlap.either : 1;
}
