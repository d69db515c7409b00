#include "backend/onnx-values.h"

#include <math.h>
#include <string.h>

#include "base/half.h"

#define ROOM 1024 /* floats converted at a time */

size_t bt_onnx_value_bytes(bt_onnx_type type) {
    switch (type) {
    case BT_ONNX_FLOAT:
        return 4;
    case BT_ONNX_DOUBLE:
        return 8;
    case BT_ONNX_FLOAT16:
    case BT_ONNX_BFLOAT16:
        return 2;
    case BT_ONNX_UINT8:
        return 1;
    default:
        return 0;
    }
}

/* ---- in ---- */

static uint8_t byte_of(float value) {
    const float rounded = rintf(value);
    return (uint8_t)(rounded > 0 ? (rounded < 255 ? rounded : 255) : 0); /* of NaN 0 */
}

/* Numbers of one plane from place `at` on; of a byte, value * scale + offset is what it was before the normalisation. */
static void put(void *out, bt_onnx_type type, size_t at, const float *values, size_t count, float scale,
                float offset) {
    uint16_t *halves = out;
    uint8_t *bytes = out;
    if (type == BT_ONNX_FLOAT) memcpy((float *)out + at, values, count * sizeof *values);
    for (size_t i = 0; i < count && type == BT_ONNX_FLOAT16; i++)
        halves[at + i] = bt_half_bits(values[i]);
    for (size_t i = 0; i < count && type == BT_ONNX_UINT8; i++)
        bytes[at + i] = byte_of(values[i] * scale + offset);
}

/* The mean of three planes; of bytes that of what they were. */
static void mean_of(float *out, bt_onnx_type type, const float *image, size_t pixels, size_t count,
                    const float scale[3], const float offset[3]) {
    const bool bytes = type == BT_ONNX_UINT8;
    float sum = 0, factors[3];
    for (int c = 0; c < 3; c++) {
        factors[c] = (bytes ? scale[c] : 1) / 3;
        sum += bytes ? offset[c] / 3 : 0;
    }
    for (size_t i = 0; i < count; i++)
        out[i] =
            image[i] * factors[0] + image[pixels + i] * factors[1] + image[2 * pixels + i] * factors[2] + sum;
}

static void put_grey(void *out, bt_onnx_type type, size_t at, const float *image, size_t pixels,
                     const float scale[3], const float offset[3]) {
    float means[ROOM];
    for (size_t i = 0; i < pixels; i += ROOM) {
        const size_t count = pixels - i < ROOM ? pixels - i : ROOM;
        mean_of(means, type, image + i, pixels, count, scale, offset);
        put(out, type, at + i, means, count, 1, 0);
    }
}

void bt_onnx_put_images(void *out, bt_onnx_type type, int channels, const float *images, size_t count,
                        size_t pixels, const bt_image_norm *norm) {
    float scale[3], offset[3];
    for (int c = 0; c < 3; c++) {
        scale[c] = 255 * norm->std[c];
        offset[c] = 255 * norm->mean[c];
    }
    for (size_t n = 0; n < count; n++) {
        const float *image = images + 3 * n * pixels;
        if (channels == 1) put_grey(out, type, n * pixels, image, pixels, scale, offset);
        for (int c = 0; c < 3 && channels == 3; c++)
            put(out, type, (3 * n + (size_t)c) * pixels, image + (size_t)c * pixels, pixels, scale[c],
                offset[c]);
    }
}

/* ---- out ---- */

void bt_onnx_take_values(float *out, const void *values, bt_onnx_type type, size_t count) {
    const uint16_t *halves = values;
    const double *doubles = values;
    if (type == BT_ONNX_FLOAT) memcpy(out, values, count * sizeof *out);
    for (size_t i = 0; i < count && type == BT_ONNX_FLOAT16; i++)
        out[i] = bt_half_value(halves[i]);
    for (size_t i = 0; i < count && type == BT_ONNX_BFLOAT16; i++)
        out[i] = bt_bfloat_value(halves[i]);
    for (size_t i = 0; i < count && type == BT_ONNX_DOUBLE; i++)
        out[i] = (float)doubles[i];
}
