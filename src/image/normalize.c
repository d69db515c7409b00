#include "image/normalize.h"

#include <stddef.h>

const float bt_image_mean[3] = {0.485f, 0.456f, 0.406f};
const float bt_image_std[3] = {0.229f, 0.224f, 0.225f};

void bt_image_normalize(const uint8_t *rgb, int height, int width, float *planar) {
    size_t pixels = (size_t)height * (size_t)width;
    for (int channel = 0; channel < 3; channel++) {
        float scale = 1.0f / (255.0f * bt_image_std[channel]);
        float offset = -bt_image_mean[channel] / bt_image_std[channel];
        float *plane = planar + (size_t)channel * pixels;
        for (size_t i = 0; i < pixels; i++)
            plane[i] = (float)rgb[3 * i + (size_t)channel] * scale + offset;
    }
}
