/* Drawing over a picture, one colour at a time: first what a shape covers of each pixel is gathered, then a colour is laid
 * over that. So shapes that overlap do not darken each other. Internal to image/. */
#ifndef BT_IMAGE_CANVAS_H
#define BT_IMAGE_CANVAS_H

#include <stdint.h>

typedef struct bt_colour {
    uint8_t red, green, blue;
} bt_colour;

typedef struct bt_canvas {
    uint8_t *rgb;   /* height x width x 3 */
    uint8_t *cover; /* height x width, 0..255: how much of each pixel the shape at hand covers */
    uint8_t *row;   /* one row of marks */
    int height, width;
} bt_canvas;

/* Pixels from `left`, `top` to before `right`, `bottom`; what is outside the picture is left out. */
typedef struct bt_canvas_box {
    int left, top, right, bottom;
} bt_canvas_box;

/* Lays the colour over what is covered, and wipes the cover. */
void bt_canvas_lay(bt_canvas *canvas, bt_colour over, float opacity);

/* Lays it over a box, whatever is covered. */
void bt_canvas_lay_box(bt_canvas *canvas, bt_canvas_box box, bt_colour over, float opacity);

/* Covers a text in letters of dots that are `dot` pixels wide, each dot `more` pixels larger on each side. */
void bt_canvas_cover_text(bt_canvas *canvas, const char *text, int left, int top, int dot, int more);

/* How wide that is, `more` left out. */
int bt_canvas_text_width(const char *text, int dot);

#endif
