#include "image/tiff-page.h"

#include <math.h>

#include "image/decode-formats.h"
#include "image/imagej.h"

#define PAGES_MAX 65536

enum { KIND = 254, OLD_KIND = 255, WIDTH, HEIGHT, BITS, COMPRESSION, STRIPS = 273, CHANNELS = 277 };
enum { STRIP_BYTES = 279, TILE_WIDTH = 322, BELOW = 330, PLANES = 33629 };
enum { REDUCED = 1, MASK = 4, OLD_REDUCED = 2 };

/* A search while it goes on. */
typedef struct search {
    const bt_tiff_file *file;
    bt_tiff_page *out;
    int wished; /* from 1 */
} search;

static double number_of(const search *s, uint64_t directory, uint16_t tag) {
    return bt_tiff_number(s->file, directory, tag, 0);
}

static bool is_page(const search *s, uint64_t directory) {
    double kind = number_of(s, directory, KIND);
    bool marked = kind >= 1 && kind < 65536 && ((int)kind & (REDUCED | MASK));
    return !marked && number_of(s, directory, OLD_KIND) != OLD_REDUCED;
}

static void take(search *s, uint64_t directory, int index) {
    if (!is_page(s, directory)) return;
    if (++s->out->count != s->wished) return;
    s->out->directory = directory;
    s->out->index = index;
    s->out->number = s->wished;
}

/* Those below a directory. */
static void take_below(search *s, uint64_t directory, int index) {
    bt_tiff_entry below = {0};
    if (!bt_tiff_find(s->file, directory, BELOW, &below)) return;
    for (uint64_t i = 0; i < below.count && s->out->count < PAGES_MAX; i++) {
        double at = bt_tiff_value(s->file, &below, i);
        if (at > 0 && at < (double)s->file->size && bt_tiff_has_directory(s->file, (uint64_t)at))
            take(s, (uint64_t)at, index);
    }
}

/* Every directory of the file's list, which may be a ring: Brent's hare waits at each power of two. Returns
 * how many there are before it ends, breaks off or comes round. */
static int walk(search *s, void (*visit)(search *s, uint64_t directory, int index), bool *breaks_off) {
    uint64_t first = bt_tiff_first(s->file), at = first, waiting = 0;
    int count = 0;
    while (bt_tiff_has_directory(s->file, at) && at != waiting && (at != first || count == 0) &&
           count < PAGES_MAX) {
        if ((count & (count - 1)) == 0) waiting = at;
        visit(s, at, count++);
        at = bt_tiff_next(s->file, at);
    }
    *breaks_off = at != 0;
    return count;
}

/* Bytes of a page's pixels where they lie uncompressed in one piece; 0: they do not. */
static double bytes_in_one_piece(const search *s, uint64_t directory) {
    bt_tiff_entry strips = {0}, sizes = {0};
    double bytes = number_of(s, directory, WIDTH) * number_of(s, directory, HEIGHT) *
                   bt_tiff_number(s->file, directory, BITS, 1) *
                   bt_tiff_number(s->file, directory, CHANNELS, 1) / 8;
    if (bt_tiff_number(s->file, directory, COMPRESSION, 1) != 1 || number_of(s, directory, TILE_WIDTH) != 0 ||
        !bt_tiff_find(s->file, directory, STRIPS, &strips) ||
        !bt_tiff_find(s->file, directory, STRIP_BYTES, &sizes) || sizes.count < strips.count)
        return 0;
    for (uint64_t i = 1; i < strips.count; i++)
        if (bt_tiff_value(s->file, &strips, i - 1) + bt_tiff_value(s->file, &sizes, i - 1) !=
            bt_tiff_value(s->file, &strips, i))
            return 0;
    return bytes >= 1 && bytes < (double)s->file->size ? floor(bytes) : 0;
}

/* How many pages the one directory is said to be of: by ImageJ, or by MetaMorph, which has a tag with
 * something of each plane. */
static int images_of(const search *s, uint64_t directory) {
    bt_tiff_entry text = {0}, planes = {0};
    bt_imagej imagej;
    if (bt_tiff_find(s->file, directory, BT_TIFF_DESCRIPTION, &text) &&
        bt_imagej_read(&imagej, (const char *)s->file->bytes + text.values_at, text.count))
        return imagej.images;
    if (!bt_tiff_find(s->file, directory, PLANES, &planes) || planes.count > PAGES_MAX) return 1;
    return (int)planes.count;
}

/* Stacks of one directory: so many pages lie one behind the other, as far as the file goes. */
static void take_images(search *s) {
    uint64_t directory = bt_tiff_first(s->file);
    double bytes = bytes_in_one_piece(s, directory), first = number_of(s, directory, STRIPS);
    if (bytes == 0 || first < 1 || first >= (double)s->file->size) return;
    double fit = floor(((double)s->file->size - first) / bytes);
    int said = images_of(s, directory), count = said < fit ? said : (int)fit;
    if (count < 2) return;
    *s->out = (bt_tiff_page){.directory = directory, .count = count};
    if (s->wished > count) return;
    s->out->number = s->wished;
    s->out->shift = (uint64_t)bytes * (uint64_t)(s->wished - 1);
}

bt_status bt_tiff_find_page(bt_tiff_page *out, const bt_tiff_file *file, const bt_picture_wishes *wishes,
                            bt_picture *picture, bt_error *error) {
    search s = {.file = file, .out = out, .wished = wishes->page > 0 ? wishes->page : 1};
    bool breaks_off, ignored;
    *out = (bt_tiff_page){0};
    int directories = walk(&s, take, &breaks_off);
    if (directories == 1 && out->count == 1) take_images(&s);
    if (directories > 0 && out->count == 0) walk(&s, take_below, &ignored);
    if (out->count == 0) {
        if (directories > 0)
            bt_picture_note(picture,
                            "every page of it is marked as reduced or as a mask; the first is taken");
        *out = (bt_tiff_page){.directory = bt_tiff_first(file), .count = 1, .number = s.wished == 1};
    }
    if (out->number == 0)
        return bt_fail(error, BT_INVALID, "it has %d page%s in full resolution, and no page %d", out->count,
                       out->count == 1 ? "" : "s", s.wished);
    picture->page = out->number;
    picture->pages = out->count;
    if (out->count > 1 && wishes->page == 0)
        bt_picture_note(picture, "page 1 of %d is taken; --page N takes another", out->count);
    if (directories > 0 && breaks_off)
        bt_picture_note(picture, "its list of pages breaks off after %d", directories);
    return BT_OK;
}
