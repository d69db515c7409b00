/* How pictures lie in what an ONNX network takes, and its map over them: padded at the right and below, their channels
 * first or last. Values of any type are moved as they are. */
#ifndef BT_BACKEND_ONNX_LAYOUT_H
#define BT_BACKEND_ONNX_LAYOUT_H

#include <stdbool.h>
#include <stddef.h>

#ifdef __cplusplus
extern "C" {
#endif

typedef struct bt_onnx_layout {
    int channels, height, width;     /* of a picture */
    int padded_height, padded_width; /* as it goes in: at least as many */
    bool channels_last;              /* height x width x channels goes in */
} bt_onnx_layout;

bool bt_onnx_layout_pads(const bt_onnx_layout *layout);

/* `count` pictures of channels x height x width, of `bytes` (1, 2 or 4) a value, as they go in: a picture's last column and
 * row are repeated. `out` has count x channels x padded_height x padded_width values. */
void bt_onnx_lay_out(void *out, const void *pictures, size_t count, const bt_onnx_layout *layout,
                     size_t bytes);

/* pixels x classes to classes x pixels, of each of `count` maps. */
void bt_onnx_part_planes(float *out, const float *values, size_t count, size_t pixels, size_t classes);

/* The pictures' part of `planes` planes of the padded size. */
void bt_onnx_crop(float *out, const float *padded, size_t planes, const bt_onnx_layout *layout);

#ifdef __cplusplus
}
#endif
#endif
