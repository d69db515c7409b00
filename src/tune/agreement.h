/* How far what a way of running computed agrees with the standard path's. Pure. */
#ifndef BT_TUNE_AGREEMENT_H
#define BT_TUNE_AGREEMENT_H

#include "networks/class-maps.h"
#include "networks/model.h"
#include "tune/step.h"

#ifdef __cplusplus
extern "C" {
#endif

typedef struct bt_agreement {
    bt_image_output output;
    size_t pixels;           /* of an image */
    int classes;             /* planes of an image; 1: one map */
    const bt_model_map *map; /* of several classes; else it may be NULL */
    const float *reference;  /* the standard path's of `reference_count` images */
    int reference_count;
    const float *logits; /* of `count` images; beyond the reference's they are the same again */
    int count;
} bt_agreement;

/* Fills in what a result says of agreement: the relative L2 error of the centred outputs and the masks' intersection
 * over union (probability > 0.5) over all images together, that of the worst image, and what the standard path gave.
 * Two empty masks agree. Of several classes the intersection over union is the mean over those that either has, of each
 * pixel's class. BT_NO_MEMORY, of several classes alone;
 * BT_BACKEND where logits are no finite numbers. */
BT_MUST_USE bt_status bt_agreement_compare(const bt_agreement *agreement, bt_step_result *result,
                                           bt_error *error);

#ifdef __cplusplus
}
#endif
#endif
