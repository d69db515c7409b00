/* bt_picture_decode against the scene that tests/images shows in every kind of file that is read (see
 * tools/python/make_test_images.py), and what it refuses. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/files.h"
#include "expect.h"
#include "image/decode.h"
#include "image/encode.h"
#include "png-sums.h"
#include "scratch.h"

#define HEIGHT 19
#define WIDTH  27

/* ---- what the files show ---- */

static int red(int y, int x) {
    (void)y;
    return 255 * x / (WIDTH - 1);
}

static int scene(int y, int x, int c) {
    if (c == 0) return red(y, x);
    return c == 1 ? 255 * y / (HEIGHT - 1) : 255 * (x + y) / (WIDTH + HEIGHT - 2);
}

static int over_white(int value, int alpha) {
    return (2 * (value * alpha + 255 * (255 - alpha)) + 255) / (2 * 255);
}

static int gray(int y, int x, int c) {
    (void)c;
    return red(y, x);
}

static int black_and_white(int y, int x, int c) {
    (void)c;
    return red(y, x) >= 128 ? 255 : 0;
}

static int scene_over_white(int y, int x, int c) {
    return over_white(scene(y, x, c), 255 - red(y, x));
}

static int gray_over_white(int y, int x, int c) {
    (void)c;
    return over_white(red(y, x), 255 - red(y, x));
}

static int paletted(int y, int x, int c) {
    int i = red(y, x) / 16;
    return c == 0 ? 17 * i : c == 1 ? 255 - 17 * i : 8 * i;
}

static int palette_over_white(int y, int x, int c) {
    return over_white(paletted(y, x, c), 17 * (red(y, x) / 16));
}

static int keyed(int y, int x, int c) {
    bool is_key = true;
    for (int i = 0; i < 3; i++)
        is_key = is_key && scene(y, x, i) == scene(3, 5, i);
    return is_key ? 255 : scene(y, x, c);
}

/* A value in bytes, where `white` is 255. */
static int rounded(int value, int white) {
    return (2 * 255 * value + white) / (2 * white);
}

/* 12 bits, as a camera rounds them off. */
static int of_4095(int y, int x, int c) {
    (void)c;
    return rounded(red(y, x) * 4095 / 255, 4095);
}

/* 10 bits. */
static int of_1023(int y, int x, int c) {
    (void)c;
    return rounded(red(y, x) * 1023 / 255, 1023);
}

static int inverse_of_4095(int y, int x, int c) {
    (void)c;
    return rounded(4095 - red(y, x) * 4095 / 255, 4095);
}

/* 12 bits, said to be 10. */
static int clipped_at_1023(int y, int x, int c) {
    (void)c;
    return red(y, x) * 4095 / 255 < 1023 ? rounded(red(y, x) * 4095 / 255, 1023) : 255;
}

static int white(int y, int x, int c) {
    (void)y, (void)x, (void)c;
    return 255;
}

static int black(int y, int x, int c) {
    (void)y, (void)x, (void)c;
    return 0;
}

static int inverse_gray(int y, int x, int c) {
    return 255 - gray(y, x, c);
}

/* 12 bits in 16 without a word of it. */
static int dark(int y, int x, int c) {
    (void)c;
    return rounded(red(y, x) * 4095 / 255, 65535);
}

static int dark_of_10(int y, int x, int c) {
    (void)c;
    return rounded(red(y, x) * 1023 / 255, 65535);
}

static int dark_of_8(int y, int x, int c) {
    (void)c;
    return red(y, x) / 26;
}

static int quarter(int y, int x, int c) {
    (void)c;
    return rounded(red(y, x) / 4, 63);
}

/* Twice as bright. */
static int twice_as_bright(int y, int x, int c) {
    return 2 * gray(y, x, c) < 255 ? 2 * gray(y, x, c) : 255;
}

/* Stored from white to black, where black is at half. */
static int inverse_beyond_half(int y, int x, int c) {
    return 2 * (255 - gray(y, x, c)) < 255 ? 255 - 2 * (255 - gray(y, x, c)) : 0;
}

static int inverse_scene(int y, int x, int c) {
    return 255 - scene(y, x, c);
}

typedef struct shown {
    const char *file;
    int (*pixel)(int y, int x, int c);
    int tolerance;
    bt_picture_wishes wishes;
    const char *notes[3]; /* what it says, in this order; none: nothing */
} shown;

#define MORE "page 1 of 2 is taken; --page N takes another"
#define DARK                                                                                                 \
    "use less than a sixteenth of what is taken for black to white, 0 to 65535 (all that 16 bits hold)"
#define BEYOND(says) "reach beyond what is taken for white, 1023 (" says "); --white N says otherwise"
#define PAGE(n)                                                                                              \
    { .page = n }
#define WHITE(n)                                                                                             \
    { .white = n }
#define NO_WISH                                                                                              \
    { .page = 0 }
#define SILENT                                                                                               \
    { NULL }

static const shown files[] = {
    {"gray-1.png", black_and_white, 0, NO_WISH, SILENT},
    {"gray-8.png", gray, 0, NO_WISH, SILENT},
    {"gray-16.png", gray, 0, NO_WISH, SILENT},
    {"gray-alpha.png", gray_over_white, 0, NO_WISH, SILENT},
    {"rgb-8.png", scene, 0, NO_WISH, SILENT},
    {"rgb-16.png", scene, 0, NO_WISH, SILENT},
    {"rgb-interlaced.png", scene, 0, NO_WISH, SILENT},
    {"rgb-key.png", keyed, 0, NO_WISH, SILENT},
    {"rgb-turned.png", scene, 0, NO_WISH, SILENT},
    {"rgba-8.png", scene_over_white, 0, NO_WISH, SILENT},
    {"rgba-16.png", scene_over_white, 1, NO_WISH, SILENT},
    {"palette.png", paletted, 0, NO_WISH, SILENT},
    {"palette-alpha.png", palette_over_white, 0, NO_WISH, SILENT},

    {"gray.jpg", gray, 4, NO_WISH, SILENT},
    {"rgb-444.jpg", scene, 6, NO_WISH, SILENT},
    {"rgb-420.jpg", scene, 12, NO_WISH, SILENT},
    {"progressive.jpg", scene, 6, NO_WISH, SILENT},
    {"restarts.jpg", scene, 6, NO_WISH, SILENT},
    {"turned-2.jpg", scene, 6, NO_WISH, SILENT},
    {"turned-3.jpg", scene, 6, NO_WISH, SILENT},
    {"turned-4.jpg", scene, 6, NO_WISH, SILENT},
    {"turned-5.jpg", scene, 6, NO_WISH, SILENT},
    {"turned-6.jpg", scene, 6, NO_WISH, SILENT},
    {"turned-7.jpg", scene, 6, NO_WISH, SILENT},
    {"turned-8.jpg", scene, 6, NO_WISH, SILENT},

    {"gray-1.tif", black_and_white, 0, NO_WISH, SILENT},
    {"gray-8.tif", gray, 0, NO_WISH, SILENT},
    {"gray-8-inverted.tif", gray, 0, NO_WISH, SILENT},
    {"gray-8-alpha.tif", gray_over_white, 0, NO_WISH, SILENT},
    {"gray-16.tif", gray, 0, NO_WISH, SILENT},
    {"gray-16-inverted.tif", gray, 0, NO_WISH, SILENT},
    {"gray-16-lzw.tif", gray, 0, NO_WISH, SILENT},
    {"gray-16-tiles.tif", gray, 0, NO_WISH, SILENT},
    {"gray-16-maximum.tif", of_4095, 0, NO_WISH, SILENT},
    {"gray-16-imagej.tif", of_4095, 0, NO_WISH, SILENT},
    {"rgb-8.tif", scene, 0, NO_WISH, SILENT},
    {"gray-16-even.tif", black, 0, NO_WISH, {"every value of it is 100"}},
    {"gray-8-five-channels.tif", gray, 0, NO_WISH, {"channel 1 of 5 is taken"}},
    {"gray-16-two-channels.tif", gray, 0, NO_WISH, {"channel 1 of 2 is taken"}},
    {"rgb-8-planes.tif", scene, 0, NO_WISH, SILENT},
    {"rgb-8-tiles.tif", scene, 0, NO_WISH, SILENT},
    {"gray-1-tiles.tif", black_and_white, 0, NO_WISH, SILENT},
    {"gray-8-tiles.tif", gray, 0, NO_WISH, SILENT},
    {"rgb-8-plain-tiles.tif", scene, 0, NO_WISH, SILENT},
    {"rgb-8-plane-tiles.tif", scene, 0, NO_WISH, SILENT},
    {"palette-tiles.tif", paletted, 0, NO_WISH, SILENT},
    {"rgb-8-jpeg.tif", scene, 6, NO_WISH, SILENT},
    {"ycbcr-8-jpeg.tif", scene, 6, NO_WISH, SILENT},
    {"rgb-8-pages.tif", scene, 0, NO_WISH, {MORE}},
    {"rgb-8-big.tif", scene, 0, NO_WISH, SILENT},
    {"rgb-8-turned.tif", scene, 0, NO_WISH, SILENT},
    {"rgb-16.tif", scene, 0, NO_WISH, SILENT},
    {"rgb-16-planes.tif", scene, 0, NO_WISH, SILENT},
    {"rgba-8.tif", scene_over_white, 1, NO_WISH, SILENT},
    {"rgba-16.tif", scene_over_white, 1, NO_WISH, SILENT},
    {"palette.tif", paletted, 0, NO_WISH, SILENT},

    {"imagej-two-channels-little.tif", of_4095, 0, NO_WISH, {MORE}},
    {"imagej-two-channels-big.tif", of_4095, 0, NO_WISH, {MORE}},
    {"imagej-two-channels-big.tif", of_4095, 0, PAGE(1), SILENT},
    {"imagej-two-channels-big.tif", gray, 0, PAGE(2), SILENT},
    {"imagej-two-channels-little.tif", gray, 0, PAGE(2), SILENT},
    {"imagej-hyperstack.tif", of_4095, 0, PAGE(3), SILENT},
    {"imagej-hyperstack.tif", gray, 0, PAGE(4), SILENT},
    {"imagej-two-channels-untold.tif",
     of_4095,
     0,
     NO_WISH,
     {MORE, "its own values are taken, black 100 and white 4195"}},
    {"imagej-two-channels-untold.tif", gray, 0, {.white = 60000, .page = 2}, SILENT},
    {"imagej-rgb-48.tif", scene, 1, NO_WISH, SILENT},
    {"imagej-one-directory.tif", of_4095, 0, NO_WISH, {"page 1 of 3 is taken"}},
    {"imagej-one-directory.tif", inverse_of_4095, 0, PAGE(2), SILENT},
    {"imagej-one-directory.tif", of_4095, 0, PAGE(3), SILENT},
    {"metamorph-planes.tif", gray, 0, NO_WISH, {"page 1 of 3 is taken"}},
    {"metamorph-planes.tif", inverse_gray, 0, PAGE(2), SILENT},
    {"imagej-8-bits.tif", quarter, 0, NO_WISH, SILENT},

    {"ome-12-bits.tif", of_4095, 0, NO_WISH, SILENT},
    {"ome-prefixed.tif", of_4095, 0, NO_WISH, SILENT},
    {"ome-two-images.tif", of_4095, 0, PAGE(1), SILENT},
    {"ome-two-images.tif", of_1023, 0, PAGE(2), SILENT},
    {"ome-two-files.tif", of_4095, 0, NO_WISH, SILENT},
    {"ome-inverted.tif", of_4095, 0, NO_WISH, SILENT},
    {"ome-companion.tif", dark, 0, NO_WISH, {"stands in plate.companion.ome, which is not read", DARK}},
    {"ome-companion.tif", of_4095, 0, WHITE(4095), SILENT},
    {"ome-document-type.tif", dark, 0, NO_WISH, {"(it has a document type)", DARK}},
    {"micro-manager.tif", of_4095, 0, NO_WISH, SILENT},
    {"ome-all-beyond.tif",
     white,
     0,
     NO_WISH,
     {"its values, 2015 to 6110, " BEYOND("OME-XML's SignificantBits")}},
    {"ome-many-beyond.tif", clipped_at_1023, 0, NO_WISH, {BEYOND("OME-XML's SignificantBits")}},
    {"ome-many-beyond.tif", of_4095, 0, WHITE(4095), SILENT},
    {"ome-few-beyond.tif", of_1023, 0, NO_WISH, SILENT},
    {"micro-manager-beyond.tif", clipped_at_1023, 0, NO_WISH, {BEYOND("Micro-Manager's BitDepth")}},
    {"gray-16-maximum-beyond.tif", clipped_at_1023, 0, NO_WISH, {BEYOND("MaxSampleValue")}},
    {"imagej-clipped.tif", clipped_at_1023, 0, NO_WISH, SILENT},
    {"imagej-all-clipped.tif", white, 0, NO_WISH, {BEYOND("ImageJ's min and max")}},
    {"rgb-16-maxima.tif", scene, 1, NO_WISH, SILENT},
    {"gray-16-greatest.tif", of_4095, 0, NO_WISH, SILENT},
    {"gray-16-maximum.tif", gray, 1, WHITE(4095.5), SILENT},

    {"gray-16-untold.tif", dark_of_10, 0, NO_WISH, {DARK}},
    {"gray-16-untold.tif", of_1023, 0, WHITE(1023), SILENT},
    {"gray-8-dark.tif", dark_of_8, 0, NO_WISH, {"its values, 0 to 9, use less than a sixteenth"}},
    {"gray-8-dark.tif", gray, 28, WHITE(9), SILENT},
    {"gray-8.tif", twice_as_bright, 1, WHITE(127.5), SILENT},
    {"gray-8.png", twice_as_bright, 1, WHITE(127.5), SILENT},
    {"gray.jpg", twice_as_bright, 8, WHITE(127.5), SILENT},
    {"gray-16.png", twice_as_bright, 1, WHITE(32767.5), SILENT},
    {"gray-8-inverted.tif", inverse_beyond_half, 1, WHITE(127.5), SILENT},

    {"tags-damaged.tif", gray, 0, NO_WISH, SILENT},
    {"rgb-8-pages.tif", inverse_scene, 0, PAGE(2), SILENT},
    {"pages-thumbnail-first.tif", gray, 0, NO_WISH, {MORE}},
    {"pages-thumbnail-first.tif", inverse_gray, 0, PAGE(2), SILENT},
    {"pages-thumbnail-old.tif", gray, 0, NO_WISH, SILENT},
    {"pages-below.tif", gray, 0, NO_WISH, SILENT},
    {"pages-pyramid.tif", gray, 0, NO_WISH, SILENT},
    {"pages-reduced-only.tif", gray, 0, NO_WISH, {"every page of it is marked as reduced or as a mask"}},
};

static void check_pixels(const bt_picture *picture, const shown *file) {
    assert_int_equal(picture->height, HEIGHT);
    assert_int_equal(picture->width, WIDTH);
    for (int y = 0; y < HEIGHT; y++)
        for (int x = 0; x < WIDTH; x++)
            for (int c = 0; c < 3; c++) {
                int got = picture->rgb[3 * (y * WIDTH + x) + c], expected = file->pixel(y, x, c);
                if (abs(got - expected) > file->tolerance)
                    fail_msg("%s: channel %d at row %d, column %d is %d, not %d", file->file, c, y, x, got,
                             expected);
            }
}

static void check_notes(const bt_picture *picture, const shown *file) {
    int wanted = 0;
    while (wanted < 3 && file->notes[wanted])
        wanted++;
    for (int i = 0; i < picture->note_count || i < wanted; i++) {
        const char *said = i < picture->note_count ? picture->notes[i] : "";
        if (i >= wanted || !strstr(said, file->notes[i]) || strncmp(said, "tests/images/", 13) != 0)
            fail_msg("%s: note %d is \"%s\", not \"%s\"", file->file, i + 1, said,
                     i < wanted ? file->notes[i] : "");
    }
}

static void every_kind_shows_the_scene(void **state) {
    (void)state;
    for (size_t i = 0; i < sizeof files / sizeof *files; i++) {
        char path[BT_PATH_SIZE];
        bt_picture picture;
        bt_error error;
        assert_int_equal(bt_path_join(path, &error, "tests/images/%s", files[i].file), BT_OK);
        if (bt_picture_load(&picture, path, &files[i].wishes, &error) != BT_OK) fail_msg("%s", error.message);
        check_pixels(&picture, &files[i]);
        check_notes(&picture, &files[i]);
        bt_picture_close(&picture);
        assert_null(picture.rgb);
    }
}

static void content_counts_not_the_name(void **state) {
    char *bytes;
    size_t size;
    bt_picture picture;
    bt_error error;
    (void)state;
    assert_int_equal(bt_file_read("tests/images/rgb-8.png", 1 << 20, &bytes, &size, &error), BT_OK);
    assert_int_equal(bt_picture_decode(&picture, bytes, size, "picture.tif", NULL, &error), BT_OK);
    bt_picture_close(&picture);
    free(bytes);
}

/* ---- what is refused ---- */

static void expect_refused(const void *bytes, size_t size, bt_status expected, const char *words) {
    bt_picture picture;
    bt_error error;
    bt_status status = bt_picture_decode(&picture, bytes, size, "upload", NULL, &error);
    if (status != expected || !strstr(error.message, words))
        fail_msg("status %s, \"%s\"; expected %s and \"%s\"", bt_status_name(status),
                 status == BT_OK ? "" : error.message, bt_status_name(expected), words);
    assert_int_equal(strncmp(error.message, "upload: ", 8), 0);
    assert_null(picture.rgb);
}

static void other_kinds_are_refused_by_name(void **state) {
    static const refusal refused[] = {
        {"cmyk.jpg", "CMYK"},
        {"cmyk.tif", "photometric kind 5"},
        {"float.tif", "32-bit floating point"},
        {"gray-32.tif", "a TIFF of 1 channel of 32 bits; save it as whole numbers of 8 or 16 bits"},
        {"fax.tif", "compression 4"},
    };
    (void)state;
    for (size_t i = 0; i < sizeof refused / sizeof *refused; i++) {
        char path[BT_PATH_SIZE], *bytes;
        size_t size;
        bt_error error;
        assert_int_equal(bt_path_join(path, &error, "tests/images/%s", refused[i].given), BT_OK);
        assert_int_equal(bt_file_read(path, 1 << 20, &bytes, &size, &error), BT_OK);
        expect_refused(bytes, size, BT_PARSE, refused[i].message);
        free(bytes);
    }
    expect_refused("GIF89a..........", 16, BT_PARSE, "not a PNG, JPEG or TIFF");
    expect_refused("", 0, BT_PARSE, "not a PNG, JPEG or TIFF");
}

typedef struct asked {
    int times;
    size_t bytes;
    bt_status says;
} asked;

static bt_status note_bytes(void *context, size_t bytes, bt_error *error) {
    asked *a = context;
    a->times++;
    a->bytes = bytes;
    return a->says == BT_OK ? BT_OK : bt_fail(error, a->says, "not so much");
}

/* Before it is taken, by what the header says: of a whole picture, and what is needed beside it. */
static void memory_is_asked_for(void **state) {
    (void)state;
    static const struct {
        const char *name;
        size_t pixel_bytes;
    } asked_of[] = {{"rgb-8.png", 6}, {"rgb-16.png", 11}, {"rgb-444.jpg", 6}, {"rgb-8.tif", 20}};
    for (size_t i = 0; i < sizeof asked_of / sizeof *asked_of; i++) {
        char path[64];
        bt_picture picture;
        bt_error error;
        asked a = {.says = BT_OK};
        const bt_picture_wishes wishes = {.may_take = note_bytes, .context = &a};
        snprintf(path, sizeof path, "tests/images/%s", asked_of[i].name);
        must(bt_picture_load(&picture, path, &wishes, &error), &error);
        bt_picture_close(&picture);
        assert_int_equal(a.times, 1);
        assert_int_equal(a.bytes, asked_of[i].pixel_bytes * HEIGHT * WIDTH);
        a.says = BT_QUEUE_FULL;
        assert_int_equal(bt_picture_load(&picture, path, &wishes, &error), BT_QUEUE_FULL);
        assert_null(picture.rgb);
        says(error.message, "not so much");
    }
}

static void wishes_that_cannot_be_granted_are_refused(void **state) {
    static const struct {
        const char *file;
        bt_picture_wishes wishes;
        const char *says;
    } refused[] = {
        {"rgb-8-pages.tif", PAGE(3), "it has 2 pages in full resolution, and no page 3"},
        {"pages-thumbnail-first.tif", PAGE(3), "it has 2 pages"},
        {"imagej-one-directory.tif", PAGE(4), "it has 3 pages"},
        {"gray-8.tif", PAGE(2), "it has 1 page in full resolution, and no page 2"},
        {"rgb-8.png", PAGE(2), "it has one page, and no page 2"},
        {"rgb-444.jpg", PAGE(2), "it has one page"},
        {"gray-8.tif", WHITE(4095), "--white 4095 is beyond its values, which are of 8 bits"},
        {"rgb-8.png", WHITE(256), "of 8 bits"},
        {"rgb-444.jpg", WHITE(256), "of 8 bits"},
        {"palette.png", WHITE(100), "into a palette"},
        {"palette.tif", WHITE(100), "into a palette"},
        {"gray-1.tif", WHITE(100), "are of 1"},
        {"gray-1.png", WHITE(100), "are of 1"},
    };
    (void)state;
    for (size_t i = 0; i < sizeof refused / sizeof *refused; i++) {
        char path[BT_PATH_SIZE];
        bt_picture picture;
        bt_error error;
        assert_int_equal(bt_path_join(path, &error, "tests/images/%s", refused[i].file), BT_OK);
        assert_int_equal(bt_picture_load(&picture, path, &refused[i].wishes, &error), BT_INVALID);
        if (!strstr(error.message, refused[i].says) || !strstr(error.message, refused[i].file))
            fail_msg("%s: \"%s\"", refused[i].file, error.message);
        assert_null(picture.rgb);
    }
}

static void a_missing_file_is_named(void **state) {
    bt_picture picture;
    bt_error error;
    (void)state;
    assert_int_equal(bt_picture_load(&picture, "tests/images/none.png", NULL, &error), BT_IO);
    assert_non_null(strstr(error.message, "tests/images/none.png"));
    assert_null(picture.rgb);
}

/* Whatever is missing at the end, a picture is never half of one. */
static void cut_off_files_are_refused(void **state) {
    static const char *const cut[] = {"rgb-8.png", "rgb-interlaced.png", "rgb-444.jpg", "progressive.jpg",
                                      "rgb-8.tif", "gray-16-tiles.tif",  "rgb-16.tif"};
    (void)state;
    for (size_t i = 0; i < sizeof cut / sizeof *cut; i++) {
        char path[BT_PATH_SIZE], *bytes;
        size_t size;
        bt_error error;
        assert_int_equal(bt_path_join(path, &error, "tests/images/%s", cut[i]), BT_OK);
        assert_int_equal(bt_file_read(path, 1 << 20, &bytes, &size, &error), BT_OK);
        for (size_t kept = 0; kept < size - size / 4; kept += 1 + size / 40)
            expect_refused(bytes, kept, BT_PARSE, "");
        free(bytes);
    }
}

/* ---- headers that promise too much ---- */

static void put_big(uint8_t *at, uint32_t value, int width) {
    for (int i = 0; i < width; i++)
        at[i] = (uint8_t)(value >> (8 * (width - 1 - i)));
}

/* Reads a fixture and says other sides in its header. */
static char *with_sides(const char *path, uint32_t height, uint32_t width, size_t *size) {
    char *bytes;
    bt_error error;
    assert_int_equal(bt_file_read(path, 1 << 20, &bytes, size, &error), BT_OK);
    uint8_t *b = (uint8_t *)bytes;
    if (strstr(path, ".png")) { /* IHDR's are at 16 and 20 */
        put_big(b + 16, width, 4);
        put_big(b + 20, height, 4);
        png_mend_sums(b, *size);
        return bytes;
    }
    for (size_t i = 2; i + 9 < *size; i++) /* after SOF0's marker: length, precision, height, width */
        if (b[i] == 0xff && b[i + 1] == 0xc0 && b[i + 4] == 8) {
            put_big(b + i + 5, height, 2);
            put_big(b + i + 7, width, 2);
            return bytes;
        }
    fail_msg("%s has no frame header", path);
    return NULL;
}

static void expect_sides_refused(const char *path, uint32_t height, uint32_t width, bt_status expected,
                                 const char *says) {
    size_t size;
    char *bytes = with_sides(path, height, width, &size);
    expect_refused(bytes, size, expected, says);
    free(bytes);
}

static void huge_sides_are_refused_before_memory_is_taken(void **state) {
    (void)state;
    expect_sides_refused("tests/images/rgb-8.png", 100000, 100000, BT_INVALID, "at most 16384 each");
    expect_sides_refused("tests/images/rgb-8.png", 10000, 10000, BT_INVALID, "at most 67108864 in all");
    expect_sides_refused("tests/images/rgb-8.png", 8000, 8000, BT_PARSE, "cannot hold");
    expect_sides_refused("tests/images/rgb-444.jpg", 65000, 65000, BT_INVALID, "at most 16384 each");
    expect_sides_refused("tests/images/rgb-444.jpg", 16000, 4000, BT_PARSE, "cannot hold");
    expect_sides_refused("tests/images/rgb-8.png", 0, 10, BT_PARSE, "");
}

/* A TIFF of one strip: its header, and one directory of nine entries (tag, type, count, value). */
static size_t make_tiff(uint8_t out[256], uint32_t height, uint32_t width, uint32_t compression,
                        uint32_t bits, uint32_t channels, uint32_t strip_bytes) {
    enum { SHORT = 3, LONG = 4, ENTRIES = 9, DATA = 8 + 2 + 12 * ENTRIES + 4 };
    const uint32_t entries[ENTRIES][3] = {
        {256, LONG, width},        {257, LONG, height}, {258, SHORT, bits},
        {259, SHORT, compression}, {262, SHORT, 1},     {273, LONG, DATA},
        {277, SHORT, channels},    {278, LONG, height}, {279, LONG, strip_bytes},
    };
    memset(out, 0, 256);
    memcpy(out, "MM\0*\0\0\0\10", 8);
    put_big(out + 8, ENTRIES, 2);
    for (int i = 0; i < ENTRIES; i++) {
        uint8_t *at = out + 10 + 12 * i;
        put_big(at, entries[i][0], 2);
        put_big(at + 2, entries[i][1], 2);
        put_big(at + 4, 1, 4);
        put_big(at + 8, entries[i][2], entries[i][1] == SHORT ? 2 : 4);
    }
    return 256;
}

static void tiffs_that_promise_too_much_are_refused(void **state) {
    uint8_t bytes[256];
    bt_picture picture;
    bt_error error;
    (void)state;
    size_t size = make_tiff(bytes, 4, 5, 1, 16, 1, 40);
    assert_int_equal(bt_picture_decode(&picture, bytes, size, "made", NULL, &error), BT_OK);
    assert_int_equal(picture.height * picture.width, 20);
    bt_picture_close(&picture);
    expect_refused(bytes, make_tiff(bytes, 100000, 100000, 1, 8, 1, 100), BT_INVALID, "at most 16384 each");
    expect_refused(bytes, make_tiff(bytes, 10000, 10000, 5, 8, 1, 100), BT_INVALID, "at most 67108864");
    expect_refused(bytes, make_tiff(bytes, 8000, 8000, 1, 8, 1, 100), BT_PARSE, "cannot hold");
    expect_refused(bytes, make_tiff(bytes, 8000, 8000, 5, 16, 1, 100), BT_PARSE, "cannot hold");
    expect_refused(bytes, make_tiff(bytes, 8000, 8000, 8, 16, 60000, 100), BT_PARSE, "cannot hold");
    expect_refused(bytes, make_tiff(bytes, 20, 20, 1, 16, 1, 4000000000), BT_PARSE, "cannot hold");
    expect_refused(bytes, make_tiff(bytes, 8, 8, 1, 12, 1, 96), BT_PARSE, "12 bits");
}

/* ---- out again ---- */

static void what_is_encoded_is_decoded(void **state) {
    uint8_t rgb[HEIGHT * WIDTH * 3], *bytes;
    size_t size;
    bt_picture picture;
    bt_error error;
    static const shown whole = {.file = "encoded", .pixel = scene},
                       first = {.file = "encoded gray", .pixel = gray};
    (void)state;
    for (int i = 0; i < HEIGHT * WIDTH * 3; i++)
        rgb[i] = (uint8_t)scene(i / 3 / WIDTH, i / 3 % WIDTH, i % 3);
    assert_int_equal(bt_png_encode(rgb, HEIGHT, WIDTH, 3, &bytes, &size, &error), BT_OK);
    assert_int_equal(bt_picture_decode(&picture, bytes, size, "memory", NULL, &error), BT_OK);
    check_pixels(&picture, &whole);
    bt_picture_close(&picture);
    free(bytes);
    for (int i = 0; i < HEIGHT * WIDTH; i++)
        rgb[i] = (uint8_t)red(i / WIDTH, i % WIDTH);
    assert_int_equal(bt_png_save("gray.png", rgb, HEIGHT, WIDTH, 1, &error), BT_OK);
    assert_int_equal(bt_picture_load(&picture, "gray.png", NULL, &error), BT_OK);
    check_pixels(&picture, &first);
    bt_picture_close(&picture);
}

static void absurd_pictures_are_not_encoded(void **state) {
    uint8_t pixel[4] = {0}, *bytes = NULL;
    size_t size;
    bt_error error;
    (void)state;
    assert_int_equal(bt_png_encode(pixel, 0, 1, 1, &bytes, &size, &error), BT_INVALID);
    assert_int_equal(bt_png_encode(pixel, 1, 16385, 1, &bytes, &size, &error), BT_INVALID);
    assert_int_equal(bt_png_encode(pixel, 1, 1, 2, &bytes, &size, &error), BT_INVALID);
    assert_int_equal(bt_png_save("no/such/folder/x.png", pixel, 1, 1, 4, &error), BT_IO);
    assert_non_null(strstr(error.message, "no/such/folder"));
    assert_null(bytes);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_kind_shows_the_scene),
        cmocka_unit_test(content_counts_not_the_name),
        cmocka_unit_test(other_kinds_are_refused_by_name),
        cmocka_unit_test(memory_is_asked_for),
        cmocka_unit_test(wishes_that_cannot_be_granted_are_refused),
        cmocka_unit_test(a_missing_file_is_named),
        cmocka_unit_test(cut_off_files_are_refused),
        cmocka_unit_test(huge_sides_are_refused_before_memory_is_taken),
        cmocka_unit_test(tiffs_that_promise_too_much_are_refused),
        cmocka_unit_test_setup_teardown(what_is_encoded_is_decoded, bt_scratch_enter, bt_scratch_leave),
        cmocka_unit_test(absurd_pictures_are_not_encoded),
    };
    return cmocka_run_group_tests_name("image-decode", tests, NULL, NULL);
}
