/* What no pixel needs may be damaged, missing or of any length; where a pixel is missing the picture is
 * refused. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <stdio.h>

#include <cmocka.h>
#include <jpeglib.h>
#include <zlib.h>

#include "base/files.h"
#include "image/decode.h"

#define FOLDER     "tests/images/"
#define LONG_BYTES (20 << 20) /* beyond any bound on what a text may be */

static uint8_t *load(const char *name, size_t *size) {
    char path[BT_PATH_SIZE], *bytes;
    bt_error error;
    assert_int_equal(bt_path_join(path, &error, FOLDER "%s", name), BT_OK);
    if (bt_file_read(path, 1 << 20, &bytes, size, &error)) fail_msg("%s", error.message);
    return (uint8_t *)bytes;
}

static bt_picture whole(const char *name) {
    bt_picture picture;
    bt_error error;
    size_t size;
    uint8_t *bytes = load(name, &size);
    if (bt_picture_decode(&picture, bytes, size, name, NULL, &error)) fail_msg("%s", error.message);
    free(bytes);
    return picture;
}

static bool is_same(const bt_picture *a, const bt_picture *b) {
    return a->height == b->height && a->width == b->width &&
           memcmp(a->rgb, b->rgb, 3 * (size_t)a->height * (size_t)a->width) == 0;
}

/* The bytes show what the file `name` does; `notes` is part of the one note, NULL: there is none. */
static void expect_same(const uint8_t *bytes, size_t size, const char *name, const char *note) {
    bt_picture expected = whole(name), picture;
    bt_error error;
    if (bt_picture_decode(&picture, bytes, size, "upload", NULL, &error)) fail_msg("%s", error.message);
    assert_true(is_same(&expected, &picture));
    assert_int_equal(picture.note_count, note ? 1 : 0);
    if (note && !strstr(picture.notes[0], note)) fail_msg("\"%s\" lacks \"%s\"", picture.notes[0], note);
    bt_picture_close(&expected);
    bt_picture_close(&picture);
}

static void expect_refused(const uint8_t *bytes, size_t size, const char *says) {
    bt_picture picture;
    bt_error error;
    assert_int_equal(bt_picture_decode(&picture, bytes, size, "upload", NULL, &error), BT_PARSE);
    if (!strstr(error.message, says)) fail_msg("\"%s\" lacks \"%s\"", error.message, says);
}

/* ---- PNG ---- */

static void put_number(uint8_t *at, uint32_t value) {
    for (int i = 0; i < 4; i++)
        at[i] = (uint8_t)(value >> (24 - 8 * i));
}

static uint32_t number_at(const uint8_t *at) {
    return (uint32_t)at[0] << 24 | (uint32_t)at[1] << 16 | (uint32_t)at[2] << 8 | at[3];
}

/* Where the first chunk of a kind begins. */
static size_t find_chunk(const uint8_t *png, size_t size, const char *kind) {
    size_t at = 8;
    while (at + 12 <= size && memcmp(png + at + 4, kind, 4) != 0)
        at += 12 + number_at(png + at);
    assert_true(at + 12 <= size);
    return at;
}

/* A copy with a chunk put in at `at`; its check sum is wrong by `wrong`. */
static uint8_t *with_chunk(const uint8_t *png, size_t size, size_t at, const char *kind, const void *data,
                           size_t length, uint32_t wrong) {
    uint8_t *out = malloc(size + length + 12), *chunk = out + at;
    memcpy(out, png, at);
    put_number(chunk, (uint32_t)length);
    memcpy(chunk + 4, kind, 4);
    if (length) memcpy(chunk + 8, data, length);
    put_number(chunk + 8 + length, (uint32_t)crc32(0, chunk + 4, (unsigned)length + 4) ^ wrong);
    memcpy(chunk + 12 + length, png + at, size - at);
    return out;
}

static void chunks_that_no_pixel_needs_hold_anything(void **state) {
    static const char *const kinds[] = {"tEXt", "zTXt", "iTXt", "iCCP", "gAMA", "cHRM", "sBIT",
                                        "bKGD", "pHYs", "tIME", "hIST", "sPLT", "vpAg"};
    static const char *const places[] = {"IDAT", "IEND"};
    size_t size;
    uint8_t *png = load("rgb-8.png", &size), garbage[100];
    (void)state;
    for (int i = 0; i < 100; i++)
        garbage[i] = (uint8_t)(i * 7 + 3);
    for (size_t k = 0; k < sizeof kinds / sizeof *kinds; k++)
        for (int i = 0; i < 8; i++) {
            size_t length = i & 1 ? sizeof garbage : 0, at = find_chunk(png, size, places[i >> 1 & 1]);
            uint8_t *changed = with_chunk(png, size, at, kinds[k], garbage, length, i & 4 ? 0xbad : 0);
            expect_same(changed, size + length + 12, "rgb-8.png", NULL);
            free(changed);
        }
    free(png);
}

static void a_text_may_be_of_any_length(void **state) {
    size_t size, length;
    uint8_t *png = load("rgb-8.png", &size), *text = calloc(1, LONG_BYTES), *packed = malloc(LONG_BYTES);
    uLongf room = LONG_BYTES - 6;
    (void)state;
    memcpy(packed, "name\0", 6); /* ends its name, and says how it is compressed */
    assert_int_equal(compress2(packed + 6, &room, text, LONG_BYTES, 9), Z_OK);
    length = 6 + room;
    uint8_t *changed = with_chunk(png, size, find_chunk(png, size, "IDAT"), "zTXt", packed, length, 0);
    expect_same(changed, size + length + 12, "rgb-8.png", NULL);
    free(changed);
    memset(text, 'a', LONG_BYTES);
    changed = with_chunk(png, size, find_chunk(png, size, "IDAT"), "tEXt", text, LONG_BYTES, 0);
    expect_same(changed, size + LONG_BYTES + 12, "rgb-8.png", NULL);
    free(changed);
    free(packed);
    free(text);
    free(png);
}

/* A palette beside colours is a hint, and what else is transparent counts only where opacity is not
 * stored. */
static void chunks_of_other_kinds_of_pixels_hold_anything(void **state) {
    static const char *const names[] = {"rgb-8.png", "rgba-8.png", "gray-8.png", "gray-alpha.png"};
    (void)state;
    for (size_t i = 0; i < sizeof names / sizeof *names; i++)
        for (size_t k = 0; k < 2; k++) {
            if (k == 1 && i % 2 == 0) continue;
            size_t size;
            uint8_t *png = load(names[i], &size);
            uint8_t *changed = with_chunk(png, size, find_chunk(png, size, "IDAT"), k ? "tRNS" : "PLTE",
                                          "\1\2\3\4\5", 5, k ? 0xbad : 0);
            expect_same(changed, size + 17, names[i], NULL);
            free(changed);
            free(png);
        }
}

static void an_end_mark_may_be_damaged(void **state) {
    size_t size;
    uint8_t *png = load("rgb-8.png", &size);
    (void)state;
    png[size - 1] ^= 1; /* its check sum */
    expect_same(png, size, "rgb-8.png", NULL);
    size_t at = find_chunk(png, size, "IEND");
    uint8_t *changed = with_chunk(png, size, at, "IEND", "ab", 2, 0);
    expect_same(changed, size + 14, "rgb-8.png", NULL);
    free(changed);
    free(png);
}

/* Its second half comes in a chunk of its own, and there may be others between the two. */
static void pixels_may_come_in_parts(void **state) {
    size_t size;
    uint8_t *png = load("rgb-8.png", &size);
    size_t at = find_chunk(png, size, "IDAT"), length = number_at(png + at), half = length / 2;
    (void)state;
    uint8_t *first = with_chunk(png, at, at, "IDAT", png + at + 8, half, 0);
    size_t grown = at + half + 12;
    uint8_t *text = with_chunk(first, grown, grown, "tEXt", "a\0b", 3, 0);
    uint8_t *second = with_chunk(text, grown + 15, grown + 15, "IDAT", png + at + 8 + half, length - half, 0);
    expect_same(second, grown + 15 + length - half + 12, "rgb-8.png", "ends too early");
    second[at + 8 + half + 1] ^= 1; /* the first part's check sum */
    expect_refused(second, grown + 15 + length - half + 12, "check sum");
    free(first);
    free(text);
    free(second);
    free(png);
}

static void what_pixels_need_must_be_right(void **state) {
    size_t size;
    uint8_t *png = load("rgb-8.png", &size), *keyed;
    size_t at = find_chunk(png, size, "IDAT");
    (void)state;
    uint8_t *changed = with_chunk(png, size, at, "VPAG", "", 0, 0);
    expect_refused(changed, size + 12, "a damaged PNG: ");
    free(changed);
    png[at + 8 + number_at(png + at)] ^= 1;
    expect_refused(png, size, "a damaged PNG: a check sum is wrong of what its pixels need");
    free(png);
    keyed = load("rgb-key.png", &size);
    keyed[find_chunk(keyed, size, "tRNS") + 8 + 6] ^= 1;
    expect_refused(keyed, size, "check sum");
    free(keyed);
}

static void a_damaged_exif_block_turns_nothing(void **state) {
    size_t size;
    uint8_t *png = load("rgb-turned.png", &size);
    size_t at = find_chunk(png, size, "eXIf");
    bt_picture picture;
    bt_error error;
    (void)state;
    png[at + 8 + number_at(png + at)] ^= 1;
    assert_int_equal(bt_picture_decode(&picture, png, size, "upload", NULL, &error), BT_OK);
    assert_true(picture.height > picture.width); /* as it is stored */
    assert_int_equal(picture.note_count, 1);
    assert_string_equal(picture.notes[0], "upload: its EXIF block is damaged; it is not turned by it");
    bt_picture_close(&picture);
    free(png);
}

/* ---- ends ---- */

/* Wherever a file is cut off, it is refused, or shows the very pixels of the whole and says that it ends too
 * early. Returns how many bytes may be missing. */
static size_t bytes_to_spare(const char *name) {
    bt_picture expected = whole(name);
    size_t size, spare = 0;
    uint8_t *bytes = load(name, &size);
    for (size_t kept = size - 1; kept > 0; kept--) {
        bt_picture picture;
        bt_error error;
        uint8_t *cut = malloc(kept); /* of just this size, so that reading beyond it is seen */
        memcpy(cut, bytes, kept);
        if (bt_picture_decode(&picture, cut, kept, "upload", NULL, &error) == BT_OK) {
            if (!is_same(&expected, &picture)) fail_msg("%s: other pixels, cut to %zu", name, kept);
            if (picture.note_count != expected.note_count + 1)
                fail_msg("%s: nothing is said, cut to %zu", name, kept);
            if (spare != size - kept - 1) fail_msg("%s: read again, cut to %zu", name, kept);
            spare = size - kept;
            bt_picture_close(&picture);
        }
        free(cut);
    }
    bt_picture_close(&expected);
    free(bytes);
    return spare;
}

static void whole_rows_are_enough(void **state) {
    (void)state;
    assert_in_range(bytes_to_spare("rgb-8.png"), 12, 24); /* the end mark, and a check sum or two */
    assert_in_range(bytes_to_spare("gray-16.png"), 12, 24);
    assert_in_range(bytes_to_spare("rgb-interlaced.png"), 12, 24);
    assert_in_range(bytes_to_spare("palette-alpha.png"), 12, 24);
    assert_int_equal(bytes_to_spare("gray.jpg"), 2); /* the end mark */
    assert_int_equal(bytes_to_spare("rgb-420.jpg"), 2);
    assert_int_equal(bytes_to_spare("progressive.jpg"), 2);
    assert_int_equal(bytes_to_spare("restarts.jpg"), 2);
    assert_int_equal(bytes_to_spare("three-scans.jpg"), 2);
}

/* A picture in arithmetic coding, malloc'ed. */
static unsigned char *arithmetic(const bt_picture *picture, unsigned long *size) {
    struct jpeg_compress_struct jpeg;
    struct jpeg_error_mgr errors;
    unsigned char *out = NULL;
    jpeg.err = jpeg_std_error(&errors);
    jpeg_create_compress(&jpeg);
    jpeg_mem_dest(&jpeg, &out, size);
    jpeg.image_height = (JDIMENSION)picture->height;
    jpeg.image_width = (JDIMENSION)picture->width;
    jpeg.input_components = 3;
    jpeg.in_color_space = JCS_RGB;
    jpeg_set_defaults(&jpeg);
    jpeg.arith_code = TRUE;
    jpeg_start_compress(&jpeg, TRUE);
    for (int y = 0; y < picture->height; y++) {
        JSAMPROW row = picture->rgb + 3 * (size_t)y * (size_t)picture->width;
        jpeg_write_scanlines(&jpeg, &row, 1);
    }
    jpeg_finish_compress(&jpeg);
    jpeg_destroy_compress(&jpeg);
    return out;
}

/* Its decoder takes what is missing for zeros, and does not say so. */
static void arithmetic_coding_needs_its_end_mark(void **state) {
    bt_picture picture = whole("rgb-8.png"), decoded;
    bt_error error;
    unsigned long size;
    unsigned char *jpeg = arithmetic(&picture, &size);
    (void)state;
    assert_int_equal(bt_picture_decode(&decoded, jpeg, size, "upload", NULL, &error), BT_OK);
    assert_int_equal(decoded.note_count, 0);
    bt_picture_close(&decoded);
    for (unsigned long kept = 100; kept < size; kept++)
        expect_refused(jpeg, kept, "a damaged JPEG: ");
    expect_refused(jpeg, size - 2, "it ends before its last row");
    free(jpeg);
    bt_picture_close(&picture);
}

static void what_is_behind_the_end_does_not_count(void **state) {
    static const char *const names[] = {"rgb-8.png", "rgb-444.jpg", "gray-8.tif"};
    (void)state;
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        size_t size;
        uint8_t *bytes = load(names[i], &size), *longer = malloc(size + 1000);
        memcpy(longer, bytes, size);
        memset(longer + size, 0xc4, 1000);
        expect_same(longer, size + 1000, names[i], NULL);
        free(longer);
        free(bytes);
    }
}

static void a_jpeg_may_be_damaged_behind_its_pixels(void **state) {
    static const uint8_t tables[] = {0xff, 0xc4, 0, 20, 0xff, 9, 9, 9}; /* of no kind that there is */
    size_t size;
    uint8_t *bytes = load("rgb-444.jpg", &size), *longer = malloc(size + sizeof tables);
    (void)state;
    memcpy(longer, bytes, size - 2);
    memcpy(longer + size - 2, tables, sizeof tables);
    memcpy(longer + size - 2 + sizeof tables, bytes + size - 2, 2);
    expect_same(longer, size + sizeof tables, "rgb-444.jpg", "but all its rows are there");
    free(longer);
    free(bytes);
}

static void a_jpeg_within_a_tiff_lacks_no_pixel_either(void **state) {
    size_t size;
    uint8_t *bytes = load("rgb-8-jpeg.tif", &size);
    (void)state;
    const uint8_t *scan = memmem(bytes, size, "\xff\xda", 2);
    const uint8_t *mark = memmem(scan, (size_t)(bytes + size - scan), "\xff\xd9", 2);
    size_t end = (size_t)(mark - bytes);
    memcpy(bytes + end - 40, bytes + end, 2);
    expect_refused(bytes, size, "a damaged TIFF: Corrupt JPEG data");
    free(bytes);
}

/* Of four directories, two of them pages, the last one's link leads nowhere, or back to the first. */
static void a_list_of_pages_may_break_off_or_go_round(void **state) {
    size_t size;
    uint8_t *bytes = load("pages-thumbnail-first.tif", &size);
    bt_picture picture, expected = whole("pages-thumbnail-first.tif");
    bt_error error;
    (void)state;
    for (int i = 0; i < 2; i++) {
        if (i == 0) memset(bytes + size - 4, 0x7f, 4);
        if (i == 1) memcpy(bytes + size - 4, bytes + 4, 4);
        if (bt_picture_decode(&picture, bytes, size, "upload", NULL, &error)) fail_msg("%s", error.message);
        assert_true(is_same(&expected, &picture));
        assert_int_equal(picture.pages, 2);
        assert_int_equal(picture.note_count, 2);
        assert_string_equal(picture.notes[1], "upload: its list of pages breaks off after 4");
        bt_picture_close(&picture);
    }
    bt_picture_close(&expected);
    free(bytes);
}

static void a_tiff_that_ends_early_says_so(void **state) {
    static const char *const names[] = {"gray-8.tif", "gray-16.tif", "gray-8-tiles.tif", "rgb-8-tiles.tif"};
    (void)state;
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        size_t size;
        uint8_t *bytes = load(names[i], &size);
        expect_refused(bytes, size - 1, "a damaged TIFF: it ends before its last row");
        free(bytes);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(chunks_that_no_pixel_needs_hold_anything),
        cmocka_unit_test(a_text_may_be_of_any_length),
        cmocka_unit_test(chunks_of_other_kinds_of_pixels_hold_anything),
        cmocka_unit_test(an_end_mark_may_be_damaged),
        cmocka_unit_test(pixels_may_come_in_parts),
        cmocka_unit_test(what_pixels_need_must_be_right),
        cmocka_unit_test(a_damaged_exif_block_turns_nothing),
        cmocka_unit_test(whole_rows_are_enough),
        cmocka_unit_test(arithmetic_coding_needs_its_end_mark),
        cmocka_unit_test(what_is_behind_the_end_does_not_count),
        cmocka_unit_test(a_jpeg_may_be_damaged_behind_its_pixels),
        cmocka_unit_test(a_list_of_pages_may_break_off_or_go_round),
        cmocka_unit_test(a_jpeg_within_a_tiff_lacks_no_pixel_either),
        cmocka_unit_test(a_tiff_that_ends_early_says_so),
    };
    return cmocka_run_group_tests_name("image-unneeded", tests, NULL, NULL);
}
