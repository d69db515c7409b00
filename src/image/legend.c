#include "image/legend.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#include "image/glyphs.h"
#include "image/polygons.h"

/* How much of the picture it may hide. Larger: it hides what is to be judged. Smaller: small pictures have none. */
#define WIDTH_SHARE  0.6
#define HEIGHT_SHARE 0.4
/* How dark the ground of its letters is: white is read on it over white pictures, too. */
#define GROUND 0.72f
/* In dots. */
#define MARGIN 3 /* to the picture's borders */
#define PAD    3 /* around all lines */
#define GAP    4 /* from a patch of colour to its name */
#define LINE   (BT_GLYPH_ROWS + 2)

#define TEXT_SIZE 64

static const bt_colour ground = {16, 16, 20}, white = {255, 255, 255};

typedef struct legend {
    int classes[BT_CLASSES_MAX]; /* of each line */
    int count, shown;            /* of lines: all, and those that there is room for */
    int letters;                 /* of a line, at most */
    int height, width;           /* pixels, in all */
    int dot;
} legend;

/* A name in letters that there are, cut to what a line holds. */
static void name_of(char out[TEXT_SIZE], const legend *l, const bt_class *classes, int number) {
    if (bt_glyphs_have(classes[number].name))
        snprintf(out, TEXT_SIZE, "%s", classes[number].name);
    else
        snprintf(out, TEXT_SIZE, "class %d", number);
    if ((int)strlen(out) > l->letters) memcpy(out + l->letters - 2, "..", 3);
}

/* The text of line `i`. */
static void line_of(char out[TEXT_SIZE], const legend *l, const bt_class *classes, int i) {
    if (i == l->shown - 1 && l->shown < l->count)
        snprintf(out, TEXT_SIZE, "+ %d", l->count - i);
    else
        name_of(out, l, classes, l->classes[i]);
}

/* Whether there is room for it. */
static bool lay_out(legend *l, const bt_canvas *c, const bt_class *classes) {
    const int room = (int)(WIDTH_SHARE * c->width) / l->dot - 2 * PAD - GAP - BT_GLYPH_TALL;
    const int lines = ((int)(HEIGHT_SHARE * c->height) / l->dot - 2 * PAD) / LINE;
    int widest = 0;
    l->letters = (room + 1) / (BT_GLYPH_COLUMNS + 1);
    l->shown = lines < l->count ? lines : l->count;
    if (l->letters < 4 || l->shown < 1 || (l->shown < 2 && l->count > 1)) return false;
    if (l->letters > TEXT_SIZE - 1) l->letters = TEXT_SIZE - 1;
    for (int i = 0; i < l->shown; i++) {
        char text[TEXT_SIZE];
        line_of(text, l, classes, i);
        const int width = bt_canvas_text_width(text, l->dot);
        if (width > widest) widest = width;
    }
    l->width = (2 * PAD + BT_GLYPH_TALL + GAP) * l->dot + widest;
    l->height = (2 * PAD + l->shown * LINE - 2) * l->dot;
    return true;
}

/* How many pixels of regions lie beneath. */
static int64_t hidden_by(bt_canvas_box box, const bt_polygons *polygons) {
    int64_t hidden = 0;
    for (int i = 0; i < polygons->count; i++)
        for (int k = 0; k < polygons->items[i].run_count; k++) {
            const bt_pixel_run *run = &polygons->items[i].runs[k];
            if (run->y < box.top || run->y >= box.bottom) continue;
            const int begin = run->begin > box.left ? run->begin : box.left;
            const int end = run->end < box.right ? run->end : box.right;
            if (begin < end) hidden += end - begin;
        }
    return hidden;
}

static bt_canvas_box choose_corner(const legend *l, const bt_canvas *c, const bt_polygons *polygons) {
    const int margin = MARGIN * l->dot;
    const int left = margin, right = c->width - margin - l->width;
    const int top = margin, bottom = c->height - margin - l->height;
    const bt_pixel corners[] = {{left, bottom}, {right, bottom}, {right, top}, {left, top}};
    bt_canvas_box best = {0};
    int64_t least = INT64_MAX;
    for (size_t i = 0; i < sizeof corners / sizeof *corners; i++) {
        const bt_canvas_box box = {corners[i].x, corners[i].y, corners[i].x + l->width,
                                   corners[i].y + l->height};
        const int64_t hidden = hidden_by(box, polygons);
        if (hidden < least) {
            least = hidden;
            best = box;
        }
    }
    return best;
}

static void draw(const legend *l, bt_canvas *c, const bt_class *classes, bt_canvas_box box) {
    const int left = box.left + PAD * l->dot, side = BT_GLYPH_TALL * l->dot;
    bt_canvas_lay_box(c, box, ground, GROUND);
    for (int i = 0; i < l->shown; i++) {
        char text[TEXT_SIZE];
        const int top = box.top + (PAD + i * LINE) * l->dot;
        const uint8_t *rgb = classes[l->classes[i]].rgb;
        line_of(text, l, classes, i);
        bt_canvas_cover_text(c, text, left + side + GAP * l->dot, top, l->dot, 0);
        if (i < l->count - 1 && i == l->shown - 1) continue; /* it counts those that have no line */
        bt_canvas_lay_box(c, (bt_canvas_box){left, top, left + side, top + side}, white, 1);
        bt_canvas_lay_box(c, (bt_canvas_box){left + 1, top + 1, left + side - 1, top + side - 1},
                          (bt_colour){rgb[0], rgb[1], rgb[2]}, 1);
    }
    bt_canvas_lay(c, white, 1);
}

void bt_legend_draw(bt_canvas *canvas, const bt_polygons *polygons, const bt_class *classes, int dot) {
    legend l = {.dot = dot};
    l.count = bt_classes_seen(l.classes, polygons);
    if (l.count == 0 || !lay_out(&l, canvas, classes)) return;
    draw(&l, canvas, classes, choose_corner(&l, canvas, polygons));
}
