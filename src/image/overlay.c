#include "image/overlay.h"

#include <math.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "image/canvas.h"
#include "image/glyphs.h"
#include "image/legend.h"
#include "image/polygons.h"

static const bt_colour outline_colour = {255, 221, 0}, hole_colour = {255, 112, 32}, dark = {16, 16, 20},
                       white = {255, 255, 255};

/* How much of a region's own colour gives way to the outline's. More: what is in the region, by which a
 * person judges whether it is one, is harder to see. Less: on which side of a line the region lies. */
#define TINT 0.18f
/* The same where its hue says which class it is. */
#define CLASS_TINT 0.28f
/* How dark the seam of a line is. Without one, yellow is lost on bright-field micrographs; darker, it looks
 * like an edge of the picture's own. */
#define SEAM 0.60f
/* A line whose colour is darker than this, of 255, has a bright seam: black is lost on fluorescence. */
#define DARK_LINE 60
/* A line is the shorter side / this wide, and a letter's dot / that (a letter is 7 dots high). Smaller
 * numbers are seen in a thumbnail, and cover small regions; larger ones are hairlines when the whole picture
 * is on a screen. */
#define LINE_SHARE  450.0f
#define DOT_SHARE   300.0f
#define SEAM_MIN_PX 1.0f
#define SEAM_SHARE  0.5f /* of the line's width */

static int smaller(int a, int b) {
    return a < b ? a : b;
}

static int larger(int a, int b) {
    return a > b ? a : b;
}

/* ---- regions ---- */

#define ALL_CLASSES (-1)

static bool is_of(const bt_polygon *p, int class_number) {
    return class_number == ALL_CLASSES || p->class_number == class_number;
}

/* The first pixel of row y that is not left of an edge which crosses it; -1 where it does not. */
static int crossing(bt_pixel a, bt_pixel b, int y) {
    if ((a.y > y) == (b.y > y)) return -1;
    return (int)ceil(a.x + (double)(y - a.y) * (b.x - a.x) / (b.y - a.y));
}

/* Marks where each row passes an edge: from there on inside is outside. */
static void mark_ring(bt_canvas *c, const bt_ring *ring) {
    for (int i = 0; i < ring->count; i++) {
        bt_pixel a = ring->points[i], b = ring->points[(i + 1) % ring->count];
        for (int y = smaller(a.y, b.y); y < larger(a.y, b.y); y++)
            c->cover[(size_t)y * c->width + (size_t)crossing(a, b, y)] ^= 1;
    }
}

/* Of one class at once: its regions do not overlap, and one in a hole is turned over three times. */
static void cover_insides(bt_canvas *c, const bt_polygons *polygons, int class_number) {
    for (int i = 0; i < polygons->count; i++) {
        const bt_polygon *p = &polygons->items[i];
        if (!is_of(p, class_number)) continue;
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
static void cover_edge(bt_canvas *c, bt_pixel a, bt_pixel b, float radius) {
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

static void cover_ring(bt_canvas *c, const bt_ring *ring, float radius) {
    for (int i = 0; i < ring->count; i++)
        cover_edge(c, ring->points[i], ring->points[(i + 1) % ring->count], radius);
}

static void cover_outlines(bt_canvas *c, const bt_polygons *polygons, int class_number, float radius) {
    for (int i = 0; i < polygons->count; i++)
        if (is_of(&polygons->items[i], class_number)) cover_ring(c, &polygons->items[i].outline, radius);
}

static void cover_holes(bt_canvas *c, const bt_polygons *polygons, int class_number, float radius) {
    for (int i = 0; i < polygons->count; i++)
        for (int k = 0; k < polygons->items[i].hole_count && is_of(&polygons->items[i], class_number); k++)
            cover_ring(c, &polygons->items[i].holes[k], radius);
}

/* ---- labels ---- */

static void mark_ring_in_row(bt_canvas *c, const bt_ring *ring, int y) {
    for (int i = 0; i < ring->count; i++) {
        int x = crossing(ring->points[i], ring->points[(i + 1) % ring->count], y);
        if (x >= 0) c->row[x] ^= 1;
    }
}

/* Marks where a row passes a region's edges. */
static void mark_row(bt_canvas *c, const bt_polygon *p, int y) {
    memset(c->row, 0, (size_t)c->width);
    mark_ring_in_row(c, &p->outline, y);
    for (int i = 0; i < p->hole_count; i++)
        mark_ring_in_row(c, &p->holes[i], y);
}

/* The longest way through a region's inside at half its height: where it begins, and how long it is. */
static int widest(bt_canvas *c, const bt_polygon *p, int *begin) {
    int longest = 0, run = 0;
    uint8_t inside = 0;
    mark_row(c, p, p->y + p->height / 2);
    for (int x = p->x; x < p->x + p->width; x++) {
        inside ^= c->row[x];
        run = inside ? run + 1 : 0;
        if (run <= longest) continue;
        longest = run;
        *begin = x + 1 - run;
    }
    return longest;
}

/* Whether a row lies inside all the way: a border's loop is as wide as a label where it turns, and too thin for one. */
static bool is_inside(bt_canvas *c, const bt_polygon *p, int y, int left, int right) {
    uint8_t inside = 0;
    mark_row(c, p, y);
    for (int x = p->x; x < right; x++) {
        inside ^= c->row[x];
        if (x >= left && !inside) return false;
    }
    return true;
}

/* On each region that is wide and high enough to hold it. */
static void cover_labels(bt_canvas *c, const bt_polygons *polygons, int dot, int more) {
    for (int i = 0; i < polygons->count; i++) {
        const bt_polygon *p = &polygons->items[i];
        char text[16];
        snprintf(text, sizeof text, "%ld%%", lround(100 * p->confidence));
        int begin = 0, width = bt_canvas_text_width(text, dot), height = BT_GLYPH_TALL * dot;
        int room = widest(c, p, &begin);
        if (room < 5 * width / 4 || p->height < 3 * height) continue;
        int left = begin + (room - width) / 2, top = p->y + (p->height - height) / 2;
        if (!is_inside(c, p, top, left, left + width) ||
            !is_inside(c, p, top + height - 1, left, left + width))
            continue;
        bt_canvas_cover_text(c, text, left, top, dot, more);
    }
}

/* ---- all of it ---- */

/* How the regions of one class, or all, are drawn. */
typedef struct stroke {
    int class_number;
    bt_colour outline, hole, seam;
} stroke;

/* How thick and large things are, in pixels. */
typedef struct measures {
    float radius, seam; /* of a line, half its width */
    int dot;
} measures;

static measures measure(const bt_canvas *c) {
    const float side = (float)smaller(c->height, c->width), line = fmaxf(side / LINE_SHARE, 1.0f);
    const float radius = 0.5f * line;
    return (measures){radius, radius + fmaxf(SEAM_SHARE * line, SEAM_MIN_PX),
                      larger((int)(side / DOT_SHARE + 0.5f), 1)};
}

static void draw_lines(bt_canvas *c, const bt_polygons *polygons, const stroke *strokes, int count,
                       const measures *m) {
    for (int i = 0; i < count; i++) {
        cover_outlines(c, polygons, strokes[i].class_number, m->seam);
        cover_holes(c, polygons, strokes[i].class_number, m->seam);
        bt_canvas_lay(c, strokes[i].seam, SEAM);
    }
    for (int i = 0; i < count; i++) {
        cover_outlines(c, polygons, strokes[i].class_number, m->radius);
        bt_canvas_lay(c, strokes[i].outline, 1);
        cover_holes(c, polygons, strokes[i].class_number, m->radius);
        bt_canvas_lay(c, strokes[i].hole, 1);
    }
}

static bt_status begin(bt_canvas *c, uint8_t *rgb, const bt_polygons *polygons, bt_error *error) {
    *c = (bt_canvas){.rgb = rgb, .height = polygons->height, .width = polygons->width};
    c->cover = calloc((size_t)c->height + 1, (size_t)c->width);
    if (!c->cover) return bt_no_memory(error, "an overlay of %d x %d", c->height, c->width);
    c->row = c->cover + (size_t)c->height * (size_t)c->width;
    return BT_OK;
}

static void draw(bt_canvas *c, const bt_polygons *polygons, const stroke *strokes, int count, float tint) {
    const measures m = measure(c);
    for (int i = 0; i < count; i++) {
        cover_insides(c, polygons, strokes[i].class_number);
        bt_canvas_lay(c, strokes[i].outline, tint);
    }
    draw_lines(c, polygons, strokes, count, &m);
    cover_labels(c, polygons, m.dot, m.dot);
    bt_canvas_lay(c, dark, SEAM);
    cover_labels(c, polygons, m.dot, 0);
    bt_canvas_lay(c, white, 1);
}

bt_status bt_overlay_draw(uint8_t *rgb, const bt_polygons *polygons, bt_error *error) {
    bt_canvas c;
    bt_status status = begin(&c, rgb, polygons, error);
    if (status != BT_OK) return status;
    draw(&c, polygons, &(stroke){ALL_CLASSES, outline_colour, hole_colour, dark}, 1, TINT);
    free(c.cover);
    return BT_OK;
}

/* ---- by class ---- */

static bool is_dark(const uint8_t rgb[3]) {
    return 299 * rgb[0] + 587 * rgb[1] + 114 * rgb[2] < 1000 * DARK_LINE;
}

/* Of the classes that are there. */
static int choose_strokes(stroke *out, const bt_polygons *polygons, const bt_class *classes) {
    int numbers[BT_CLASSES_MAX], count = bt_classes_seen(numbers, polygons);
    for (int i = 0; i < count; i++) {
        const uint8_t *rgb = classes[numbers[i]].rgb;
        const bt_colour own = {rgb[0], rgb[1], rgb[2]};
        out[i] = (stroke){numbers[i], own, own, is_dark(rgb) ? white : dark};
    }
    return count;
}

bt_status bt_overlay_draw_classes(uint8_t *rgb, const bt_polygons *polygons, const bt_class *classes,
                                  int class_count, bt_error *error) {
    bt_canvas c;
    stroke strokes[BT_CLASSES_MAX];
    bt_status status = bt_classes_check(classes, class_count, error);
    if (status == BT_OK) status = bt_classes_check_polygons(classes, class_count, polygons, error);
    if (status == BT_OK) status = begin(&c, rgb, polygons, error);
    if (status != BT_OK) return status;
    draw(&c, polygons, strokes, choose_strokes(strokes, polygons, classes), CLASS_TINT);
    bt_legend_draw(&c, polygons, classes, measure(&c).dot);
    free(c.cover);
    return BT_OK;
}
