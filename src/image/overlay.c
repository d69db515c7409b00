#include "image/overlay.h"

#include <math.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

typedef struct colour {
    uint8_t red, green, blue;
} colour;

static const colour outline_colour = {255, 221, 0}, hole_colour = {255, 112, 32}, dark = {16, 16, 20},
                    white = {255, 255, 255};

/* How much of a region's own colour gives way to the outline's. More: what is in the region, by which a
 * person judges whether it is one, is harder to see. Less: on which side of a line the region lies. */
#define TINT 0.18f
/* How dark the seam of a line is. Without one, yellow is lost on bright-field micrographs; darker, it looks
 * like an edge of the picture's own. */
#define SEAM 0.60f
/* A line is the shorter side / this wide, and a letter's dot / that (a letter is 7 dots high). Smaller
 * numbers are seen in a thumbnail, and cover small regions; larger ones are hairlines when the whole picture
 * is on a screen. */
#define LINE_SHARE  450.0f
#define DOT_SHARE   300.0f
#define SEAM_MIN_PX 1.0f
#define SEAM_SHARE  0.5f /* of the line's width */

/* What is drawn, one colour at a time: how much of each pixel the shape at hand covers. */
typedef struct canvas {
    uint8_t *rgb;
    uint8_t *cover; /* height x width, 0..255 */
    uint8_t *row;   /* one row of marks */
    int height, width;
} canvas;

static int smaller(int a, int b) {
    return a < b ? a : b;
}

static int larger(int a, int b) {
    return a > b ? a : b;
}

static void wipe(canvas *c) {
    memset(c->cover, 0, (size_t)c->height * c->width);
}

static uint8_t mixed(uint8_t under, uint8_t over, float share) {
    return (uint8_t)((float)under + share * ((float)over - (float)under) + 0.5f);
}

/* Lays the colour over what is covered, and wipes the cover. */
static void lay(canvas *c, colour over, float opacity) {
    size_t pixels = (size_t)c->height * c->width;
    for (size_t i = 0; i < pixels; i++) {
        if (!c->cover[i]) continue;
        uint8_t *pixel = c->rgb + 3 * i;
        float share = opacity * (float)c->cover[i] / 255.0f;
        pixel[0] = mixed(pixel[0], over.red, share);
        pixel[1] = mixed(pixel[1], over.green, share);
        pixel[2] = mixed(pixel[2], over.blue, share);
    }
    wipe(c);
}

/* ---- regions ---- */

/* The first pixel of row y that is not left of an edge which crosses it; -1 where it does not. */
static int crossing(bt_pixel a, bt_pixel b, int y) {
    if ((a.y > y) == (b.y > y)) return -1;
    return (int)ceil(a.x + (double)(y - a.y) * (b.x - a.x) / (b.y - a.y));
}

/* Marks where each row passes an edge: from there on inside is outside. */
static void mark_ring(canvas *c, const bt_ring *ring) {
    for (int i = 0; i < ring->count; i++) {
        bt_pixel a = ring->points[i], b = ring->points[(i + 1) % ring->count];
        for (int y = smaller(a.y, b.y); y < larger(a.y, b.y); y++)
            c->cover[(size_t)y * c->width + (size_t)crossing(a, b, y)] ^= 1;
    }
}

/* All at once: regions do not overlap, and one in a hole is turned over three times. */
static void cover_insides(canvas *c, const bt_polygons *polygons) {
    for (int i = 0; i < polygons->count; i++) {
        const bt_polygon *p = &polygons->items[i];
        mark_ring(c, &p->outline);
        for (int k = 0; k < p->hole_count; k++)
            mark_ring(c, &p->holes[k]);
    }
    for (int y = 0; y < c->height; y++) {
        uint8_t *row = c->cover + (size_t)y * c->width, inside = 0;
        for (int x = 0; x < c->width; x++) {
            inside ^= row[x];
            row[x] = inside ? 255 : 0;
        }
    }
}

/* ---- lines ---- */

static float distance_to_edge(bt_pixel a, bt_pixel b, int x, int y) {
    float dx = (float)(b.x - a.x), dy = (float)(b.y - a.y), u = (float)(x - a.x), v = (float)(y - a.y);
    float length = dx * dx + dy * dy, along = length > 0 ? (u * dx + v * dy) / length : 0;
    along = along < 0 ? 0 : along > 1 ? 1 : along;
    u -= along * dx;
    v -= along * dy;
    return sqrtf(u * u + v * v);
}

/* A pixel is covered by as much of its width as lies within the line's edge. */
static void cover_edge(canvas *c, bt_pixel a, bt_pixel b, float radius) {
    int reach = (int)ceilf(radius + 0.5f);
    int left = larger(smaller(a.x, b.x) - reach, 0), right = smaller(larger(a.x, b.x) + reach, c->width - 1);
    int top = larger(smaller(a.y, b.y) - reach, 0), bottom = smaller(larger(a.y, b.y) + reach, c->height - 1);
    for (int y = top; y <= bottom; y++)
        for (int x = left; x <= right; x++) {
            float covered = radius + 0.5f - distance_to_edge(a, b, x, y);
            if (covered <= 0) continue;
            uint8_t cover = covered >= 1 ? 255 : (uint8_t)(covered * 255.0f), *at;
            at = c->cover + (size_t)y * c->width + x;
            if (cover > *at) *at = cover;
        }
}

static void cover_ring(canvas *c, const bt_ring *ring, float radius) {
    for (int i = 0; i < ring->count; i++)
        cover_edge(c, ring->points[i], ring->points[(i + 1) % ring->count], radius);
}

static void cover_outlines(canvas *c, const bt_polygons *polygons, float radius) {
    for (int i = 0; i < polygons->count; i++)
        cover_ring(c, &polygons->items[i].outline, radius);
}

static void cover_holes(canvas *c, const bt_polygons *polygons, float radius) {
    for (int i = 0; i < polygons->count; i++)
        for (int k = 0; k < polygons->items[i].hole_count; k++)
            cover_ring(c, &polygons->items[i].holes[k], radius);
}

/* ---- labels ---- */

#define GLYPH_ROWS    7
#define GLYPH_COLUMNS 5
#define PERCENT       10

/* Rows from the top, the leftmost pixel in the highest of five bits. */
static const uint8_t glyphs[][GLYPH_ROWS] = {
    {0x0e, 0x11, 0x11, 0x11, 0x11, 0x11, 0x0e}, {0x04, 0x0c, 0x04, 0x04, 0x04, 0x04, 0x0e},
    {0x0e, 0x11, 0x01, 0x02, 0x04, 0x08, 0x1f}, {0x1f, 0x02, 0x04, 0x02, 0x01, 0x11, 0x0e},
    {0x02, 0x06, 0x0a, 0x12, 0x1f, 0x02, 0x02}, {0x1f, 0x10, 0x1e, 0x01, 0x01, 0x11, 0x0e},
    {0x06, 0x08, 0x10, 0x1e, 0x11, 0x11, 0x0e}, {0x1f, 0x01, 0x02, 0x04, 0x04, 0x04, 0x04},
    {0x0e, 0x11, 0x11, 0x0e, 0x11, 0x11, 0x0e}, {0x0e, 0x11, 0x11, 0x0f, 0x01, 0x02, 0x0c},
    {0x18, 0x19, 0x02, 0x04, 0x08, 0x13, 0x03},
};

/* "93%" as glyphs; returns how many. */
static int spell(double confidence, int text[4]) {
    int percent = (int)lround(100 * confidence), count = 0;
    if (percent >= 100) text[count++] = percent / 100;
    if (percent >= 10) text[count++] = percent / 10 % 10;
    text[count++] = percent % 10;
    text[count++] = PERCENT;
    return count;
}

/* A square of a glyph's, `more` pixels larger on each side. */
static void cover_square(canvas *c, int left, int top, int side, int more) {
    int right = smaller(left + side + more, c->width), bottom = smaller(top + side + more, c->height);
    for (int y = larger(top - more, 0); y < bottom; y++)
        for (int x = larger(left - more, 0); x < right; x++)
            c->cover[(size_t)y * c->width + x] = 255;
}

static void cover_glyph(canvas *c, const uint8_t rows[GLYPH_ROWS], int left, int top, int dot, int more) {
    for (int i = 0; i < GLYPH_ROWS * GLYPH_COLUMNS; i++) {
        int row = i / GLYPH_COLUMNS, column = i % GLYPH_COLUMNS;
        if (rows[row] >> (GLYPH_COLUMNS - 1 - column) & 1)
            cover_square(c, left + column * dot, top + row * dot, dot, more);
    }
}

static void mark_row(canvas *c, const bt_ring *ring, int y) {
    for (int i = 0; i < ring->count; i++) {
        int x = crossing(ring->points[i], ring->points[(i + 1) % ring->count], y);
        if (x >= 0) c->row[x] ^= 1;
    }
}

/* The longest way through a region's inside at half its height: where it begins, and how long it is. */
static int widest(canvas *c, const bt_polygon *p, int *begin) {
    int y = p->y + p->height / 2, longest = 0, run = 0;
    memset(c->row, 0, (size_t)c->width);
    mark_row(c, &p->outline, y);
    for (int i = 0; i < p->hole_count; i++)
        mark_row(c, &p->holes[i], y);
    uint8_t inside = 0;
    for (int x = p->x; x < p->x + p->width; x++) {
        inside ^= c->row[x];
        run = inside ? run + 1 : 0;
        if (run <= longest) continue;
        longest = run;
        *begin = x + 1 - run;
    }
    return longest;
}

/* On each region that is wide and high enough to hold it. */
static void cover_labels(canvas *c, const bt_polygons *polygons, int dot, int more) {
    for (int i = 0; i < polygons->count; i++) {
        const bt_polygon *p = &polygons->items[i];
        int text[4], count = spell(p->confidence, text), pitch = (GLYPH_COLUMNS + 1) * dot, begin = 0;
        int width = count * pitch - dot, height = GLYPH_ROWS * dot, room = widest(c, p, &begin);
        if (room < 5 * width / 4 || p->height < 3 * height) continue;
        int left = begin + (room - width) / 2, top = p->y + (p->height - height) / 2;
        for (int k = 0; k < count; k++)
            cover_glyph(c, glyphs[text[k]], left + k * pitch, top, dot, more);
    }
}

/* ---- all of it ---- */

bt_status bt_overlay_draw(uint8_t *rgb, const bt_polygons *polygons, bt_error *error) {
    canvas c = {.rgb = rgb, .height = polygons->height, .width = polygons->width};
    c.cover = calloc((size_t)c.height + 1, (size_t)c.width);
    if (!c.cover) return bt_no_memory(error, "an overlay of %d x %d", c.height, c.width);
    c.row = c.cover + (size_t)c.height * c.width;
    float side = (float)smaller(c.height, c.width), line = fmaxf(side / LINE_SHARE, 1.0f);
    float radius = 0.5f * line, seam = radius + fmaxf(SEAM_SHARE * line, SEAM_MIN_PX);
    int dot = larger((int)(side / DOT_SHARE + 0.5f), 1);
    cover_insides(&c, polygons);
    lay(&c, outline_colour, TINT);
    cover_outlines(&c, polygons, seam);
    cover_holes(&c, polygons, seam);
    lay(&c, dark, SEAM);
    cover_outlines(&c, polygons, radius);
    lay(&c, outline_colour, 1);
    cover_holes(&c, polygons, radius);
    lay(&c, hole_colour, 1);
    cover_labels(&c, polygons, dot, dot);
    lay(&c, dark, SEAM);
    cover_labels(&c, polygons, dot, 0);
    lay(&c, white, 1);
    free(c.cover);
    return BT_OK;
}
