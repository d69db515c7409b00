#include "image/normalize.h"

#include <stddef.h>

const bt_image_norm bt_image_imagenet = {.mean = {0.485f, 0.456f, 0.406f}, .std = {0.229f, 0.224f, 0.225f}};

void bt_image_normalize(const uint8_t *rgb, int height, int width, const bt_image_norm *norm, float *planar) {
    size_t pixels = (size_t)height * (size_t)width;
    if (!norm) norm = &bt_image_imagenet;
    for (int channel = 0; channel < 3; channel++) {
        float scale = 1.0f / (255.0f * norm->std[channel]);
        float offset = -norm->mean[channel] / norm->std[channel];
        float *plane = planar + (size_t)channel * pixels;
        for (size_t i = 0; i < pixels; i++)
            plane[i] = (float)rgb[3 * i + (size_t)channel] * scale + offset;
    }
}
