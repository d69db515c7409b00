/* What INT8 needs to know of one network with one set of weights at one image size: how large each
 * activation becomes.
 *
 * Tuning measures it on pictures (backend/calibrate.h) and keeps it beside the config; whoever runs INT8
 * reads it. It belongs to its weights: another checkpoint, another image size or another list of operations
 * makes other ranges, and a file that is not for what runs is refused rather than believed. The numbers carry
 * a hash, since a damaged one would still be a number. */
#ifndef BT_RECORD_CALIBRATION_H
#define BT_RECORD_CALIBRATION_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/error.h"

#ifdef __cplusplus
extern "C" {
#endif

#define BT_CALIBRATION_SCHEMA_VERSION 1

typedef struct bt_calibrated_tensor {
    int tensor; /* its number in the network's list */
    int channels;
    double *ranges; /* channels: the largest magnitude met, or what was left of it after clipping; > 0 */
    bool wide;      /* stays in floats: bytes cost too much agreement there */
} bt_calibrated_tensor;

typedef struct bt_calibration {
    char model[64];        /* "hrnet" */
    uint64_t weights_hash; /* bt_weights' */
    int height, width;     /* of the images, pixels */
    int pictures;          /* that it was measured on */
    char floats[8];        /* the precision of what is not bytes: "fp32" or "bf16" */
    char source[256];      /* the pictures' folder, or "synthetic" */
    double mask_iou;       /* of held-out pictures against FP32: the mean; NaN where not measured */
    double mask_iou_least;
    bt_calibrated_tensor *tensors; /* by rising number */
    int tensor_count;
    size_t tensor_room;
} bt_calibration;

/* An empty one; BT_NO_MEMORY. Close is NULL-safe and nulls. */
BT_MUST_USE bt_status bt_calibration_open(bt_calibration **out, bt_error *error);
void bt_calibration_close(bt_calibration **calibration);

/* Appends a tensor with a copy of its ranges, rounded to what a file keeps. `tensor` is larger than those
 * before. BT_NO_MEMORY. */
BT_MUST_USE bt_status bt_calibration_add(bt_calibration *calibration, int tensor, const float *ranges,
                                         int channels, bt_error *error);

/* NULL where there is none. */
bt_calibrated_tensor *bt_calibration_find(const bt_calibration *calibration, int tensor);

/* As JSON, written whole or not at all. Loading names the file and what is wrong with it: BT_PARSE, BT_IO,
 * BT_UNSUPPORTED (of a newer version), BT_NO_MEMORY. */
BT_MUST_USE bt_status bt_calibration_save(const bt_calibration *calibration, const char *path,
                                          bt_error *error);
BT_MUST_USE bt_status bt_calibration_load(bt_calibration **out, const char *path, bt_error *error);

/* BT_INVALID, with `path`, for a calibration of something else than this. */
BT_MUST_USE bt_status bt_calibration_check(const bt_calibration *calibration, const char *path,
                                           const char *model, uint64_t weights_hash, int height, int width,
                                           bt_error *error);

#ifdef __cplusplus
}
#endif
#endif
