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

/* 12 bits, as a camera rounds them off. */
static int of_4095(int y, int x, int c) {
    (void)c;
    return (2 * 255 * (red(y, x) * 4095 / 255) + 4095) / (2 * 4095);
}

typedef struct shown {
    const char *file;
    int (*pixel)(int y, int x, int c);
    int tolerance;
} shown;

static const shown files[] = {
    {"gray-1.png", black_and_white, 0},
    {"gray-8.png", gray, 0},
    {"gray-16.png", gray, 0},
    {"gray-alpha.png", gray_over_white, 0},
    {"rgb-8.png", scene, 0},
    {"rgb-16.png", scene, 0},
    {"rgb-interlaced.png", scene, 0},
    {"rgb-key.png", keyed, 0},
    {"rgb-turned.png", scene, 0},
    {"rgba-8.png", scene_over_white, 0},
    {"rgba-16.png", scene_over_white, 1},
    {"palette.png", paletted, 0},
    {"palette-alpha.png", palette_over_white, 0},

    {"gray.jpg", gray, 4},
    {"rgb-444.jpg", scene, 6},
    {"rgb-420.jpg", scene, 12},
    {"progressive.jpg", scene, 6},
    {"restarts.jpg", scene, 6},
    {"turned-2.jpg", scene, 6},
    {"turned-3.jpg", scene, 6},
    {"turned-4.jpg", scene, 6},
    {"turned-5.jpg", scene, 6},
    {"turned-6.jpg", scene, 6},
    {"turned-7.jpg", scene, 6},
    {"turned-8.jpg", scene, 6},

    {"gray-1.tif", black_and_white, 0},
    {"gray-8.tif", gray, 0},
    {"gray-8-inverted.tif", gray, 0},
    {"gray-8-alpha.tif", gray_over_white, 0},
    {"gray-16.tif", gray, 0},
    {"gray-16-inverted.tif", gray, 0},
    {"gray-16-lzw.tif", gray, 0},
    {"gray-16-tiles.tif", gray, 0},
    {"gray-16-maximum.tif", of_4095, 0},
    {"gray-16-imagej.tif", of_4095, 0},
    {"rgb-8.tif", scene, 0},
    {"rgb-8-planes.tif", scene, 0},
    {"rgb-8-tiles.tif", scene, 0},
    {"rgb-8-jpeg.tif", scene, 6},
    {"ycbcr-8-jpeg.tif", scene, 6},
    {"rgb-8-pages.tif", scene, 0},
    {"rgb-8-big.tif", scene, 0},
    {"rgb-8-turned.tif", scene, 0},
    {"rgb-16.tif", scene, 0},
    {"rgb-16-planes.tif", scene, 0},
    {"rgba-8.tif", scene_over_white, 1},
    {"rgba-16.tif", scene_over_white, 1},
    {"palette.tif", paletted, 0},
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

static void every_kind_shows_the_scene(void **state) {
    (void)state;
    for (size_t i = 0; i < sizeof files / sizeof *files; i++) {
        char path[BT_PATH_SIZE];
        bt_picture picture;
        bt_error error;
        assert_int_equal(bt_path_join(path, &error, "tests/images/%s", files[i].file), BT_OK);
        if (bt_picture_load(&picture, path, &error) != BT_OK) fail_msg("%s", error.message);
        check_pixels(&picture, &files[i]);
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
    assert_int_equal(bt_picture_decode(&picture, bytes, size, "picture.tif", &error), BT_OK);
    bt_picture_close(&picture);
    free(bytes);
}

/* ---- what is refused ---- */

static void expect_refused(const void *bytes, size_t size, bt_status expected, const char *says) {
    bt_picture picture;
    bt_error error;
    bt_status status = bt_picture_decode(&picture, bytes, size, "upload", &error);
    if (status != expected || !strstr(error.message, says))
        fail_msg("status %s, \"%s\"; expected %s and \"%s\"", bt_status_name(status),
                 status == BT_OK ? "" : error.message, bt_status_name(expected), says);
    assert_int_equal(strncmp(error.message, "upload: ", 8), 0);
    assert_null(picture.rgb);
}

static void other_kinds_are_refused_by_name(void **state) {
    static const struct {
        const char *file, *says;
    } refused[] = {
        {"cmyk.jpg", "CMYK"},
        {"cmyk.tif", "photometric kind 5"},
        {"float.tif", "32-bit floating point"},
        {"fax.tif", "compression 4"},
    };
    (void)state;
    for (size_t i = 0; i < sizeof refused / sizeof *refused; i++) {
        char path[BT_PATH_SIZE], *bytes;
        size_t size;
        bt_error error;
        assert_int_equal(bt_path_join(path, &error, "tests/images/%s", refused[i].file), BT_OK);
        assert_int_equal(bt_file_read(path, 1 << 20, &bytes, &size, &error), BT_OK);
        expect_refused(bytes, size, BT_PARSE, refused[i].says);
        free(bytes);
    }
    expect_refused("GIF89a..........", 16, BT_PARSE, "not a PNG, JPEG or TIFF");
    expect_refused("", 0, BT_PARSE, "not a PNG, JPEG or TIFF");
}

static void a_missing_file_is_named(void **state) {
    bt_picture picture;
    bt_error error;
    (void)state;
    assert_int_equal(bt_picture_load(&picture, "tests/images/none.png", &error), BT_IO);
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
    assert_int_equal(bt_picture_decode(&picture, bytes, size, "made", &error), BT_OK);
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
    static const shown whole = {"encoded", scene, 0}, first = {"encoded gray", gray, 0};
    (void)state;
    for (int i = 0; i < HEIGHT * WIDTH * 3; i++)
        rgb[i] = (uint8_t)scene(i / 3 / WIDTH, i / 3 % WIDTH, i % 3);
    assert_int_equal(bt_png_encode(rgb, HEIGHT, WIDTH, 3, &bytes, &size, &error), BT_OK);
    assert_int_equal(bt_picture_decode(&picture, bytes, size, "memory", &error), BT_OK);
    check_pixels(&picture, &whole);
    bt_picture_close(&picture);
    free(bytes);
    for (int i = 0; i < HEIGHT * WIDTH; i++)
        rgb[i] = (uint8_t)red(i / WIDTH, i % WIDTH);
    assert_int_equal(bt_png_save("gray.png", rgb, HEIGHT, WIDTH, 1, &error), BT_OK);
    assert_int_equal(bt_picture_load(&picture, "gray.png", &error), BT_OK);
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
        cmocka_unit_test(a_missing_file_is_named),
        cmocka_unit_test(cut_off_files_are_refused),
        cmocka_unit_test(huge_sides_are_refused_before_memory_is_taken),
        cmocka_unit_test(tiffs_that_promise_too_much_are_refused),
        cmocka_unit_test_setup_teardown(what_is_encoded_is_decoded, bt_scratch_enter, bt_scratch_leave),
        cmocka_unit_test(absurd_pictures_are_not_encoded),
    };
    return cmocka_run_group_tests_name("image-decode", tests, NULL, NULL);
}
