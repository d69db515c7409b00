#include "tune/agreement.h"

#include <math.h>
#include <stdlib.h>

#include "measure/overlap.h"
#include "networks/fitting.h"

static size_t values(const bt_agreement *a) {
    return (size_t)a->classes * a->pixels;
}

static const float *reference_of(const bt_agreement *a, int image) {
    return a->reference + (size_t)(image % a->reference_count) * values(a);
}

static const float *logits_of(const bt_agreement *a, int image) {
    return a->logits + (size_t)image * values(a);
}

/* ---- the outputs ---- */

static double mean_of(const bt_agreement *a) {
    double sum = 0;
    for (int image = 0; image < a->count; image++)
        for (size_t i = 0; i < values(a); i++)
            sum += reference_of(a, image)[i];
    return sum / ((double)a->count * (double)values(a));
}

static double error_of(const bt_agreement *a) {
    const double mean = mean_of(a);
    double difference = 0, norm = 0;
    for (int image = 0; image < a->count; image++)
        for (size_t i = 0; i < values(a); i++) {
            const double expected = reference_of(a, image)[i], got = logits_of(a, image)[i];
            difference += (got - expected) * (got - expected);
            norm += (expected - mean) * (expected - mean);
        }
    return difference == 0 ? 0 : sqrt(difference / norm);
}

/* ---- the masks, of one map ---- */

static void compare_masks(const bt_agreement *a, bt_step_result *result) {
    bt_overlap all = {0, 0};
    for (int image = 0; image < a->count; image++) {
        const bt_overlap one = bt_overlap_of(reference_of(a, image), logits_of(a, image), a->pixels,
                                             bt_model_threshold(a->output));
        bt_overlap_add(&all, one);
        result->mask_iou_least = fmin(result->mask_iou_least, bt_overlap_iou(one));
    }
    result->mask_iou = bt_overlap_iou(all);
}

/* ---- the labels, of several classes ---- */

typedef struct labels {
    uint8_t *expected, *got; /* of one image */
    bt_overlap *all, *one;   /* of each class: over all images, and of one */
} labels;

static void label(const bt_agreement *a, const float *planes, uint8_t *out) {
    const bt_class_maps maps = {planes, a->classes, a->pixels, a->output, a->map};
    bt_class_maps_label(&maps, 0.5f, out);
}

static double count(const uint8_t *of, size_t pixels, int label) {
    size_t found = 0;
    for (size_t i = 0; i < pixels; i++)
        found += of[i] == label;
    return (double)found;
}

static void compare_image(const bt_agreement *a, labels *l, int image, bt_step_result *result) {
    label(a, reference_of(a, image), l->expected);
    label(a, logits_of(a, image), l->got);
    bt_overlap_of_labels(l->one, a->classes, l->expected, l->got, a->pixels);
    for (int c = 0; c < a->classes; c++) {
        bt_overlap_add(&l->all[c], l->one[c]);
        if (bt_model_map_masks(a->map, c, a->classes)) result->mask_share += count(l->expected, a->pixels, c);
    }
    result->mask_iou_least = fmin(result->mask_iou_least, bt_overlap_mean_iou(l->one, a->classes));
}

static bt_status compare_labels(const bt_agreement *a, bt_step_result *result, bt_error *error) {
    labels l = {.expected = malloc(a->pixels),
                .got = malloc(a->pixels),
                .all = calloc((size_t)a->classes, sizeof *l.all),
                .one = calloc((size_t)a->classes, sizeof *l.one)};
    bt_status status = l.expected && l.got && l.all && l.one ? BT_OK : bt_no_memory(error, "labels");
    result->mask_share = 0;
    for (int image = 0; image < a->count && status == BT_OK; image++)
        compare_image(a, &l, image, result);
    result->mask_share /= (double)a->count * (double)a->pixels;
    if (status == BT_OK) result->mask_iou = bt_overlap_mean_iou(l.all, a->classes);
    free(l.expected);
    free(l.got);
    free(l.all);
    free(l.one);
    return status;
}

bt_status bt_agreement_compare(const bt_agreement *a, bt_step_result *result, bt_error *error) {
    const bt_output_range range =
        bt_model_range(a->output, a->reference, (size_t)a->reference_count * values(a));
    bt_status status = BT_OK;
    result->mask_iou_least = 1;
    result->logit_error = error_of(a);
    result->output_least = range.least;
    result->output_most = range.most;
    result->mask_share = range.mask_share;
    if (a->classes > 1)
        status = compare_labels(a, result, error);
    else
        compare_masks(a, result);
    if (status != BT_OK || isfinite(result->logit_error)) return status;
    return bt_fail(error, BT_BACKEND, "%d image%s: logits that are not finite", a->count,
                   a->count == 1 ? "" : "s");
}
