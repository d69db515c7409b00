/* A calibration's file: what is written is what is read, whatever is damaged in it is named with the file, and
 * one of something else is refused by what it is of. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
/* cmocka wants the four above first */
#include <cmocka.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/files.h"
#include "base/json.h"
#include "expect.h"
#include "fixture-calibration.h"
#include "scratch.h"

static const char path[] = "hrnet.calibration.json";

static void save_fixture(void) {
    bt_error error;
    bt_calibration *calibration = fixture_calibration();
    must(bt_calibration_save(calibration, path, &error), &error);
    bt_calibration_close(&calibration);
}

/* ---- what was written ---- */

static void assert_same_tensors(const bt_calibration *a, const bt_calibration *b) {
    assert_int_equal(a->tensor_count, b->tensor_count);
    for (int i = 0; i < a->tensor_count; i++) {
        const bt_calibrated_tensor *x = &a->tensors[i], *y = &b->tensors[i];
        assert_int_equal(x->tensor, y->tensor);
        assert_int_equal(x->wide, y->wide);
        assert_int_equal(x->channels, y->channels);
        assert_memory_equal(x->ranges, y->ranges, (size_t)x->channels * sizeof *x->ranges);
    }
}

static void a_calibration_reads_back(void **state) {
    (void)state;
    bt_error error;
    bt_calibration *written = fixture_calibration(), *read;
    must(bt_calibration_save(written, path, &error), &error);
    must(bt_calibration_load(&read, path, &error), &error);
    assert_string_equal(read->model, written->model);
    assert_string_equal(read->floats, written->floats);
    assert_string_equal(read->source, written->source);
    assert_true(read->weights_hash == written->weights_hash);
    assert_int_equal(read->height, 96);
    assert_int_equal(read->width, 128);
    assert_int_equal(read->pictures, 12);
    assert_true(read->mask_iou == 0.98765);
    assert_true(isnan(read->mask_iou_least)); /* never measured, and no 0 */
    assert_same_tensors(read, written);
    bt_calibration_close(&written);
    bt_calibration_close(&read);
    assert_null(read);
    bt_calibration_close(&read);
    bt_calibration_close(NULL);
}

/* Many magnitudes, each as it was in memory: the hash is of the numbers themselves. */
static void ranges_of_any_size_read_back(void **state) {
    (void)state;
    float ranges[200];
    bt_error error;
    bt_calibration *written = fixture_calibration(), *read;
    for (int i = 0; i < 200; i++)
        ranges[i] = ldexpf(1.37F + 0.003F * (float)i, i - 100);
    must(bt_calibration_add(written, 10, ranges, 200, &error), &error);
    for (int i = 0; i < 200; i++) {
        const double kept = written->tensors[3].ranges[i], given = (double)ranges[i];
        if (!(fabs(kept - given) <= 0.5e-4 * given)) fail_msg("%g was kept as %g", given, kept);
    }
    must(bt_calibration_save(written, path, &error), &error);
    must(bt_calibration_load(&read, path, &error), &error);
    assert_same_tensors(read, written);
    bt_calibration_close(&written);
    bt_calibration_close(&read);
}

static void tensors_are_found_by_number(void **state) {
    (void)state;
    bt_error error;
    bt_calibration *empty, *calibration = fixture_calibration();
    assert_int_equal(bt_calibration_find(calibration, 2)->channels, 3);
    assert_true(bt_calibration_find(calibration, 5)->wide);
    assert_int_equal(bt_calibration_find(calibration, 9)->channels, 2);
    static const int absent[] = {-1, 0, 3, 8, 10};
    for (size_t i = 0; i < sizeof absent / sizeof *absent; i++)
        assert_null(bt_calibration_find(calibration, absent[i]));
    must(bt_calibration_open(&empty, &error), &error);
    assert_null(bt_calibration_find(empty, 0));
    bt_calibration_close(&empty);
    bt_calibration_close(&calibration);
}

/* ---- damage ---- */

/* One line that begins with the file and holds `words`, and nothing to read. */
static void expect_refused(const char *damage, bt_status wanted, const char *words) {
    bt_error error = {BT_OK, ""};
    bt_calibration *calibration = NULL;
    const bt_status status = bt_calibration_load(&calibration, path, &error);
    if (status != wanted) fail_msg("%s: %s: %s", damage, bt_status_name(status), error.message);
    assert_null(calibration);
    if (strncmp(error.message, path, strlen(path)) != 0 || !strstr(error.message, words) ||
        strchr(error.message, '\n'))
        fail_msg("%s: \"%s\" does not say %s of %s", damage, error.message, words, path);
}

/* The file with its first `from` replaced. */
static void expect_text_refused(const char *from, const char *to, bt_status wanted, const char *words) {
    char *text, broken[4096];
    size_t size;
    save_fixture();
    assert_int_equal(bt_file_read(path, 4000, &text, &size, NULL), BT_OK);
    const char *at = strstr(text, from);
    if (!at) fail_msg("%s is not in %s", from, text);
    snprintf(broken, sizeof broken, "%.*s%s%s", (int)(at - text), text, to, at + strlen(from));
    put(path, broken);
    free(text);
    expect_refused(to, wanted, words);
}

/* The same of a calibration that says so itself, with a hash that fits: nobody damaged it. */
static void expect_saved_refused(void (*change)(bt_calibration *calibration), const char *words) {
    bt_error error;
    bt_calibration *calibration = fixture_calibration();
    change(calibration);
    must(bt_calibration_save(calibration, path, &error), &error);
    bt_calibration_close(&calibration);
    expect_refused(words, BT_PARSE, words);
}

static void a_file_cut_off_anywhere_is_refused(void **state) {
    (void)state;
    char *text;
    size_t size;
    save_fixture();
    assert_int_equal(bt_file_read(path, 4000, &text, &size, NULL), BT_OK);
    for (size_t kept = strlen(text) - 2; kept > 0; kept -= kept > 50 ? 50 : kept) {
        text[kept] = '\0';
        put(path, text);
        expect_refused("cut off", BT_PARSE, "");
    }
    free(text);
}

/* A damaged number is still a number: only the hash can tell. */
static void a_number_that_changed_is_noticed(void **state) {
    (void)state;
    expect_text_refused("1234600", "1234700", BT_PARSE, "damaged");
    expect_text_refused("\"tensor\": 9", "\"tensor\": 8", BT_PARSE, "damaged");
    expect_text_refused("\"wide\": true", "\"wide\": false", BT_PARSE, "damaged");
    expect_text_refused("\"numbers_hash\": \"", "\"numbers_hash\": \"0000000000000001\", \"was\": \"",
                        BT_PARSE, "damaged");
}

static void range_of_0(bt_calibration *calibration) {
    calibration->tensors[2].ranges[1] = 0;
}

static void range_below_0(bt_calibration *calibration) {
    calibration->tensors[2].ranges[1] = -1;
}

static void twice_the_same(bt_calibration *calibration) {
    calibration->tensors[1].tensor = 2;
}

static void falling_numbers(bt_calibration *calibration) {
    calibration->tensors[2].tensor = 3;
}

static void no_picture(bt_calibration *calibration) {
    calibration->pictures = 0;
}

static void what_cannot_be_is_refused_though_its_hash_fits(void **state) {
    (void)state;
    expect_saved_refused(range_of_0, "tensors[2]: a range is 0");
    expect_saved_refused(range_below_0, "tensors[2]: ranges[1]");
    expect_saved_refused(twice_the_same, "tensors[1]: tensor 2 does not come after the one before");
    expect_saved_refused(falling_numbers, "tensors[2]: tensor 3 does not come after the one before");
    expect_saved_refused(no_picture, "pictures");
}

static void another_document_is_refused(void **state) {
    (void)state;
    expect_text_refused("\"schema_version\": 1", "\"schema_version\": 2", BT_UNSUPPORTED, "newer");
    expect_text_refused("\"kind\": \"calibration\"", "\"kind\": \"sweep\"", BT_PARSE, "");
    expect_text_refused("\"ranges\"", "\"rangs\"", BT_PARSE, "tensors[0]: ranges is missing");
    expect_text_refused("\"model\"", "\"modal\"", BT_PARSE, "model is missing");
    expect_text_refused("\"height\": 96", "\"height\": \"96\"", BT_PARSE, "height is text");
    expect_text_refused("\"numbers_hash\"", "\"numbers\"", BT_PARSE, "numbers_hash is missing");
    remove(path);
    expect_refused("no file", BT_IO, "");
}

/* ---- of something else ---- */

static void expect_foreign(const char *model, uint64_t hash, int height, int width, const char *words) {
    bt_error error = {BT_OK, ""};
    bt_calibration *calibration = fixture_calibration();
    assert_int_equal(bt_calibration_check(calibration, path, model, hash, height, width, &error), BT_INVALID);
    says(error.message, words);
    bt_calibration_close(&calibration);
}

static void one_of_something_else_is_refused_by_what_it_is_of(void **state) {
    (void)state;
    bt_error error;
    bt_calibration *calibration = fixture_calibration();
    must(bt_calibration_check(calibration, path, "hrnet", 0xfedcba9876543210, 96, 128, &error), &error);
    bt_calibration_close(&calibration);
    expect_foreign("cbam_resunet", 0xfedcba9876543210, 96, 128,
                   "hrnet.calibration.json: a calibration of hrnet, not of cbam_resunet: tune again");
    expect_foreign("hrnet", 0xfedcba9876543210, 128, 96,
                   "hrnet.calibration.json: a calibration for 128 x 96 pixels, not for 96 x 128: tune again");
    expect_foreign("hrnet", 0xfedcba9876543210, 96, 160, "not for 160 x 96");
    expect_foreign("hrnet", 0xfedcba9876543211, 96, 128,
                   "hrnet.calibration.json: a calibration of other weights than hrnet has now: tune again");
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_calibration_reads_back),
        cmocka_unit_test(ranges_of_any_size_read_back),
        cmocka_unit_test(tensors_are_found_by_number),
        cmocka_unit_test(a_file_cut_off_anywhere_is_refused),
        cmocka_unit_test(a_number_that_changed_is_noticed),
        cmocka_unit_test(what_cannot_be_is_refused_though_its_hash_fits),
        cmocka_unit_test(another_document_is_refused),
        cmocka_unit_test(one_of_something_else_is_refused_by_what_it_is_of),
    };
    return cmocka_run_group_tests_name("record/calibration", tests, bt_scratch_enter, bt_scratch_leave);
}
