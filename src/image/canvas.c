#include "image/canvas.h"

#include <string.h>

#include "image/glyphs.h"

static uint8_t mixed(uint8_t under, uint8_t over, float share) {
    return (uint8_t)((float)under + share * ((float)over - (float)under) + 0.5f);
}

static void mix(uint8_t *pixel, bt_colour over, float share) {
    pixel[0] = mixed(pixel[0], over.red, share);
    pixel[1] = mixed(pixel[1], over.green, share);
    pixel[2] = mixed(pixel[2], over.blue, share);
}

void bt_canvas_lay(bt_canvas *c, bt_colour over, float opacity) {
    size_t pixels = (size_t)c->height * (size_t)c->width;
    for (size_t i = 0; i < pixels; i++)
        if (c->cover[i]) mix(c->rgb + 3 * i, over, opacity * (float)c->cover[i] / 255.0f);
    memset(c->cover, 0, pixels);
}

static bt_canvas_box inside(const bt_canvas *c, bt_canvas_box box) {
    if (box.left < 0) box.left = 0;
    if (box.top < 0) box.top = 0;
    if (box.right > c->width) box.right = c->width;
    if (box.bottom > c->height) box.bottom = c->height;
    return box;
}

void bt_canvas_lay_box(bt_canvas *c, bt_canvas_box box, bt_colour over, float opacity) {
    box = inside(c, box);
    for (int y = box.top; y < box.bottom; y++)
        for (int x = box.left; x < box.right; x++)
            mix(c->rgb + 3 * ((size_t)y * (size_t)c->width + (size_t)x), over, opacity);
}

static void cover_dot(bt_canvas *c, int left, int top, int dot, int more) {
    const bt_canvas_box box =
        inside(c, (bt_canvas_box){left - more, top - more, left + dot + more, top + dot + more});
    for (int y = box.top; y < box.bottom; y++)
        for (int x = box.left; x < box.right; x++)
            c->cover[(size_t)y * (size_t)c->width + (size_t)x] = 255;
}

static void cover_glyph(bt_canvas *c, const uint8_t *rows, int left, int top, int dot, int more) {
    for (int i = 0; i < BT_GLYPH_ROWS * BT_GLYPH_COLUMNS; i++) {
        int row = i / BT_GLYPH_COLUMNS, column = i % BT_GLYPH_COLUMNS;
        if (rows[row] >> (BT_GLYPH_COLUMNS - 1 - column) & 1)
            cover_dot(c, left + column * dot, top + row * dot, dot, more);
    }
}

#define PITCH (BT_GLYPH_COLUMNS + 1)

void bt_canvas_cover_text(bt_canvas *c, const char *text, int left, int top, int dot, int more) {
    for (int i = 0; text[i]; i++)
        cover_glyph(c, bt_glyph_rows(text[i]), left + i * PITCH * dot, top, dot, more);
}

int bt_canvas_text_width(const char *text, int dot) {
    return ((int)strlen(text) * PITCH - 1) * dot;
}
