/* Folders of pictures: what is taken, in which order, how many, and what is said of a broken one. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <sys/stat.h>

#include "base/files.h"
#include "image/encode.h"
#include "image/folder.h"
#include "image/resize.h"
#include "scratch.h"

/* A picture of one gray, height x width. */
static void put_picture(const char *path, int height, int width, uint8_t gray) {
    uint8_t *pixels = malloc((size_t)height * (size_t)width);
    bt_error error;
    memset(pixels, gray, (size_t)height * (size_t)width);
    if (bt_png_save(path, pixels, height, width, 1, &error)) fail_msg("%s", error.message);
    free(pixels);
}

static void put_text(const char *path, const char *text) {
    bt_error error;
    if (bt_file_replace(path, text, strlen(text), false, &error)) fail_msg("%s", error.message);
}

static void expect_failure(const char *path, bt_status expected, const char *says) {
    char words[BT_FOLDER_WORDS_SIZE];
    bt_error error;
    assert_int_equal(bt_picture_folder_check(path, 8, NULL, words, NULL, &error), expected);
    if (!strstr(error.message, says)) fail_msg("\"%s\" does not say \"%s\"", error.message, says);
}

static void pictures_come_by_name_and_nothing_else_does(void **state) {
    static const char *const expected[] = {"B.PNG", "a.png", "c.jpeg", "d.Tiff", "e.x.tif"};
    bt_picture_folder *folder;
    bt_error error;
    (void)state;
    assert_int_equal(mkdir("plates", 0755), 0);
    assert_int_equal(mkdir("plates/folder.png", 0755), 0);
    put_picture("plates/c.jpeg", 3, 4, 30); /* content counts: these are all PNGs */
    put_picture("plates/a.png", 3, 4, 20);
    put_picture("plates/e.x.tif", 3, 4, 50);
    put_picture("plates/B.PNG", 3, 4, 10);
    put_picture("plates/d.Tiff", 3, 4, 40);
    put_text("plates/.hidden.png", "no picture");
    put_text("plates/notes.txt", "no picture");
    put_text("plates/png", "no picture");
    assert_int_equal(bt_picture_folder_open(&folder, "plates", 64, &error), BT_OK);
    assert_int_equal(folder->count, 5);
    assert_int_equal(folder->found, 5);
    assert_string_equal(folder->skipped, "folder.png (a folder)");
    for (int i = 0; i < 5; i++) {
        bt_picture picture;
        assert_string_equal(folder->names[i], expected[i]);
        assert_int_equal(bt_picture_folder_load(folder, i, NULL, &picture, &error), BT_OK);
        assert_int_equal(picture.rgb[0], 10 * (i + 1));
        bt_picture_close(&picture);
    }
    bt_picture_folder_close(&folder);
    assert_null(folder);
    bt_picture_folder_close(&folder);
}

static void only_the_first_are_used_and_their_sizes_told(void **state) {
    char words[BT_FOLDER_WORDS_SIZE];
    bt_error error;
    (void)state;
    assert_int_equal(mkdir("plates", 0755), 0);
    put_picture("plates/1.png", 5, 9, 1);
    assert_int_equal(bt_picture_folder_check("plates", 2, NULL, words, NULL, &error), BT_OK);
    assert_string_equal(words, "1 picture of plates, 5 × 9 px");
    put_picture("plates/2.png", 7, 6, 1);
    assert_int_equal(bt_picture_folder_check("plates", 2, NULL, words, NULL, &error), BT_OK);
    assert_string_equal(words, "2 pictures of plates, 5 × 6 to 7 × 9 px");
    put_text("plates/3.png", "broken, but not used");
    assert_int_equal(bt_picture_folder_check("plates", 2, NULL, words, NULL, &error), BT_OK);
    assert_string_equal(words, "2 of 3 pictures of plates, 5 × 6 to 7 × 9 px");
}

static void hundreds_are_listed(void **state) {
    char path[BT_PATH_SIZE];
    bt_picture_folder *folder;
    bt_error error;
    (void)state;
    assert_int_equal(mkdir("plates", 0755), 0);
    for (int i = 0; i < 200; i++) {
        assert_int_equal(bt_path_join(path, &error, "plates/%03d.png", 199 - i), BT_OK);
        put_text(path, "");
    }
    assert_int_equal(bt_picture_folder_open(&folder, "plates", 64, &error), BT_OK);
    assert_int_equal(folder->count, 64);
    assert_int_equal(folder->found, 200);
    assert_string_equal(folder->names[63], "063.png");
    bt_picture_folder_close(&folder);
}

static void what_cannot_be_used_is_named(void **state) {
    (void)state;
    expect_failure("absent", BT_IO, "absent: No such file");
    assert_int_equal(mkdir("plates", 0755), 0);
    expect_failure("plates", BT_INVALID, "plates: no picture in it");
    put_picture("plates/1.png", 2, 2, 1);
    put_text("plates/2.tif", "II*");
    expect_failure("plates", BT_PARSE, "plates/2.tif: not a PNG, JPEG or TIFF");
}

static void a_picture_is_resized_to_bytes(void **state) {
    static uint8_t columns[] = {0, 0, 0, 100, 10, 255, 0, 0, 0, 100, 10, 255}; /* 2 x 2, two columns alike */
    static const uint8_t expected[] = {0, 0, 0, 25, 3, 64, 75, 8, 191, 100, 10, 255};
    const bt_picture from = {.rgb = columns, .height = 2, .width = 2};
    bt_picture to;
    bt_error error;
    (void)state;
    assert_int_equal(bt_picture_resize(&to, &from, 1, 4, &error), BT_OK);
    assert_int_equal(to.height, 1);
    assert_int_equal(to.width, 4);
    assert_memory_equal(to.rgb, expected, sizeof expected);
    bt_picture_close(&to);
    assert_int_equal(bt_picture_resize(&to, &from, 0, 4, &error), BT_INVALID);
    assert_null(to.rgb);
}

#define IN_FOLDER(test) cmocka_unit_test_setup_teardown(test, bt_scratch_enter, bt_scratch_leave)

int main(void) {
    const struct CMUnitTest tests[] = {
        IN_FOLDER(pictures_come_by_name_and_nothing_else_does),
        IN_FOLDER(only_the_first_are_used_and_their_sizes_told),
        IN_FOLDER(hundreds_are_listed),
        IN_FOLDER(what_cannot_be_used_is_named),
        cmocka_unit_test(a_picture_is_resized_to_bytes),
    };
    return cmocka_run_group_tests_name("image-folder", tests, NULL, NULL);
}
