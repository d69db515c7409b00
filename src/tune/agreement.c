#include "tune/agreement.h"

#include <math.h>

#include "measure/overlap.h"

static const float *reference_of(const bt_agreement *a, int image) {
    return a->reference + (size_t)(image % a->reference_count) * a->pixels;
}

static bt_overlap overlap_of(const bt_agreement *a, int image) {
    return bt_overlap_of(reference_of(a, image), a->logits + (size_t)image * a->pixels, a->pixels,
                         bt_model_threshold(a->output));
}

static double mean_of(const bt_agreement *a) {
    double sum = 0;
    for (int image = 0; image < a->count; image++)
        for (size_t i = 0; i < a->pixels; i++)
            sum += reference_of(a, image)[i];
    return sum / ((double)a->count * (double)a->pixels);
}

static double error_of(const bt_agreement *a) {
    const double mean = mean_of(a);
    double difference = 0, norm = 0;
    for (int image = 0; image < a->count; image++)
        for (size_t i = 0; i < a->pixels; i++) {
            const double expected = reference_of(a, image)[i], got = a->logits[(size_t)image * a->pixels + i];
            difference += (got - expected) * (got - expected);
            norm += (expected - mean) * (expected - mean);
        }
    return difference == 0 ? 0 : sqrt(difference / norm);
}

void bt_agreement_compare(const bt_agreement *a, bt_step_result *result) {
    const bt_output_range range =
        bt_model_range(a->output, a->reference, (size_t)a->reference_count * a->pixels);
    bt_overlap all = {0, 0};
    result->mask_iou_least = 1;
    for (int image = 0; image < a->count; image++) {
        const bt_overlap one = overlap_of(a, image);
        all.both += one.both;
        all.either += one.either;
        result->mask_iou_least = fmin(result->mask_iou_least, bt_overlap_iou(one));
    }
    result->mask_iou = bt_overlap_iou(all);
    result->logit_error = error_of(a);
    result->output_least = range.least;
    result->output_most = range.most;
    result->mask_share = range.mask_share;
}
