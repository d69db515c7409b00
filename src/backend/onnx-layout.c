#include "backend/onnx-layout.h"

#include <string.h>

bool bt_onnx_layout_pads(const bt_onnx_layout *l) {
    return l->padded_height != l->height || l->padded_width != l->width;
}

static size_t lesser(size_t a, size_t b) {
    return a < b ? a : b;
}

/* One picture; values that lie side by side come out `step` apart. */
static void lay_plane(char *out, const char *plane, const bt_onnx_layout *l, size_t step, size_t bytes) {
    const size_t height = (size_t)l->height, width = (size_t)l->width;
    for (size_t y = 0; y < (size_t)l->padded_height; y++) {
        const char *row = plane + lesser(y, height - 1) * width * bytes;
        for (size_t x = 0; x < (size_t)l->padded_width; x++, out += step * bytes)
            memcpy(out, row + lesser(x, width - 1) * bytes, bytes);
    }
}

void bt_onnx_lay_out(void *out, const void *pictures, size_t count, const bt_onnx_layout *l, size_t bytes) {
    const size_t channels = (size_t)l->channels, from = (size_t)l->height * (size_t)l->width * bytes,
                 to = (size_t)l->padded_height * (size_t)l->padded_width * bytes;
    for (size_t n = 0; n < count; n++)
        for (size_t c = 0; c < channels; c++)
            lay_plane((char *)out + n * channels * to + c * (l->channels_last ? bytes : to),
                      (const char *)pictures + (n * channels + c) * from, l, l->channels_last ? channels : 1,
                      bytes);
}

void bt_onnx_part_planes(float *out, const float *values, size_t count, size_t pixels, size_t classes) {
    for (size_t n = 0; n < count; n++, out += pixels * classes, values += pixels * classes)
        for (size_t c = 0; c < classes; c++)
            for (size_t i = 0; i < pixels; i++)
                out[c * pixels + i] = values[i * classes + c];
}

void bt_onnx_crop(float *out, const float *padded, size_t planes, const bt_onnx_layout *l) {
    const size_t width = (size_t)l->width, row = (size_t)l->padded_width;
    for (size_t plane = 0; plane < planes; plane++, padded += row * (size_t)l->padded_height)
        for (size_t y = 0; y < (size_t)l->height; y++, out += width)
            memcpy(out, padded + y * row, width * sizeof *out);
}
