#include "measure/overlap.h"

bt_overlap bt_overlap_of(const float *a, const float *b, size_t pixels, double threshold) {
    bt_overlap overlap = {0, 0};
    for (size_t i = 0; i < pixels; i++) {
        overlap.both += a[i] > threshold && b[i] > threshold;
        overlap.either += a[i] > threshold || b[i] > threshold;
    }
    return overlap;
}

void bt_overlap_of_labels(bt_overlap *of_classes, int count, const uint8_t *a, const uint8_t *b,
                          size_t pixels) {
    for (int c = 0; c < count; c++)
        of_classes[c] = (bt_overlap){0, 0};
    for (size_t i = 0; i < pixels; i++) {
        if (a[i] < count) {
            of_classes[a[i]].both += a[i] == b[i];
            of_classes[a[i]].either++;
        }
        if (b[i] < count && a[i] != b[i]) of_classes[b[i]].either++;
    }
}

void bt_overlap_add(bt_overlap *to, bt_overlap more) {
    to->both += more.both;
    to->either += more.either;
}

double bt_overlap_iou(bt_overlap overlap) {
    return overlap.either ? (double)overlap.both / (double)overlap.either : 1;
}

double bt_overlap_mean_iou(const bt_overlap *of_classes, int count) {
    double sum = 0;
    int seen = 0;
    for (int i = 0; i < count; i++) {
        if (of_classes[i].either == 0) continue;
        sum += bt_overlap_iou(of_classes[i]);
        seen++;
    }
    return seen ? sum / seen : 1;
}
