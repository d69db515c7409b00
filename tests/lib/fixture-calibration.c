#include "fixture-calibration.h"

#include <stdio.h>

#include "expect.h"

bt_calibration *fixture_calibration(void) {
    static const float ranges[] = {0.1F, 1234567, 3e-6F};
    bt_calibration *calibration = NULL;
    bt_error error;
    must(bt_calibration_open(&calibration, &error), &error);
    snprintf(calibration->model, sizeof calibration->model, "hrnet");
    snprintf(calibration->floats, sizeof calibration->floats, "fp32");
    snprintf(calibration->source, sizeof calibration->source, "synthetic");
    calibration->weights_hash = 0xfedcba9876543210;
    calibration->height = 96;
    calibration->width = 128;
    calibration->pictures = 12;
    calibration->mask_iou = 0.98765;
    must(bt_calibration_add(calibration, 2, ranges, 3, &error), &error);
    must(bt_calibration_add(calibration, 5, ranges, 1, &error), &error);
    must(bt_calibration_add(calibration, 9, ranges + 1, 2, &error), &error);
    calibration->tensors[1].wide = true;
    return calibration;
}
