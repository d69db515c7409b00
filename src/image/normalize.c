#include "image/normalize.h"

const bt_image_norm bt_image_imagenet = {.mean = {0.485f, 0.456f, 0.406f}, .std = {0.229f, 0.224f, 0.225f}};

void bt_image_norm_factors(const bt_image_norm *norm, float scale[3], float offset[3]) {
    if (!norm) norm = &bt_image_imagenet;
    for (int c = 0; c < 3; c++) {
        scale[c] = 1.0f / (255.0f * norm->std[c]);
        offset[c] = -norm->mean[c] / norm->std[c];
    }
}

void bt_image_normalize_pixels(const uint8_t *restrict rgb, size_t pixels, size_t from, size_t to,
                               const float scale[3], const float offset[3], float *planar) {
    float *restrict red = planar, *restrict green = planar + pixels, *restrict blue = planar + 2 * pixels;
    const float scales[3] = {scale[0], scale[1], scale[2]}, offsets[3] = {offset[0], offset[1], offset[2]};
    for (size_t i = from; i < to; i++) {
        red[i] = (float)rgb[3 * i] * scales[0] + offsets[0];
        green[i] = (float)rgb[3 * i + 1] * scales[1] + offsets[1];
        blue[i] = (float)rgb[3 * i + 2] * scales[2] + offsets[2];
    }
}

void bt_image_normalize(const uint8_t *rgb, int height, int width, const bt_image_norm *norm, float *planar) {
    float scale[3], offset[3];
    size_t pixels = (size_t)height * (size_t)width;
    bt_image_norm_factors(norm, scale, offset);
    bt_image_normalize_pixels(rgb, pixels, 0, pixels, scale, offset, planar);
}
