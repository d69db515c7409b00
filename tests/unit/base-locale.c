/* A host's locale changes nothing of what the library reads and writes: numbers keep their dot, letters their
 * case, messages their language. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
/* cmocka wants the four above first */
#include <cmocka.h>
#include <dlfcn.h>
#include <errno.h>
#include <locale.h>
#include <stdlib.h>
#include <string.h>

#include "base/json.h"
#include "base/text.h"
#include "host-locale.h"
#include "scratch.h"

/* ---- how the tests themselves run: as make test and make test-locale say ---- */

static char decimal_point_at_start[16];

static void the_suite_runs_in_the_locale_that_it_was_asked_for(void **state) {
    (void)state;
    const char *asked = getenv("BATCHTUNE_DECIMAL_POINT");
    assert_string_equal(decimal_point_at_start, asked ? asked : ".");
}

/* ---- the helper itself: without it the tests below would pass in "C" ---- */

static void enter(const char *name) {
    if (bt_host_locale_set(name)) return;
    print_message("# no locale %s here, and localedef cannot build it\n", name);
    skip();
}

static void a_host_with_a_comma_writes_one(void **state) {
    (void)state;
    char text[32];
    enter(BT_GERMAN);
    snprintf(text, sizeof text, "%.1f", 2.5);
    assert_string_equal(text, "2,5");
}

/* ---- the functions ---- */

static const char *const locales[] = {BT_GERMAN, BT_GERMAN_LATIN_1, BT_TURKISH, BT_PASHTO};

static void check_numbers(const char *name) {
    char text[64], shortest[BT_NUMBER_TEXT_SIZE], *written = NULL, *end;
    size_t size;
    assert_int_equal(bt_text_format(text, sizeof text, "%.2f %g %d %s", 2.25, 1e-7, 12345678, "x"), 21);
    assert_string_equal(text, "2.25 1e-07 12345678 x");
    bt_text_number(0.1, shortest);
    assert_string_equal(shortest, "0.1");
    FILE *out = open_memstream(&written, &size);
    assert_non_null(out);
    assert_int_equal(bt_text_print(out, "%g;", 0.5), 4);
    assert_int_equal(fclose(out), 0);
    assert_string_equal(written, "0.5;");
    free(written);
    assert_true(bt_text_read_number("2.5s", &end) == 2.5);
    assert_string_equal(end, "s");
    assert_true(bt_text_read_number("2,5", &end) == 2);
    assert_string_equal(end, ",5");
    assert_string_equal(setlocale(LC_ALL, NULL), name);
}

static void numbers_have_dots_in_every_locale(void **state) {
    (void)state;
    int seen = 0;
    for (size_t i = 0; i < sizeof locales / sizeof locales[0]; i++)
        if (bt_host_locale_set(locales[i])) check_numbers(locales[i]), seen++;
    if (seen == 0) skip();
}

static void the_threads_own_locale_stays(void **state) {
    (void)state;
    char text[32];
    enter(BT_GERMAN);
    locale_t own = duplocale(LC_GLOBAL_LOCALE); /* newlocale with LOCPATH set leaks, in glibc 2.36 */
    assert_true(own != (locale_t)0);
    setlocale(LC_ALL, "C");
    locale_t before = uselocale(own);
    bt_text_format(text, sizeof text, "%.1f", 2.5);
    assert_string_equal(text, "2.5");
    assert_true(uselocale((locale_t)0) == own);
    snprintf(text, sizeof text, "%.1f", 2.5);
    assert_string_equal(text, "2,5");
    uselocale(before);
    freelocale(own);
}

static void errors_are_told_in_english(void **state) {
    (void)state;
    enter(BT_GERMAN);
    assert_string_equal(bt_text_system_error(ENOENT), "No such file or directory");
    assert_null(dlopen("./absent.so", RTLD_NOW));
    assert_non_null(
        strstr(bt_text_load_error(), "cannot open shared object file: No such file or directory"));
    assert_null(bt_text_load_error());
}

/* In Latin-1 a byte of a UTF-8 letter may be a control character, and a capital's small letter is another. */
static void words_are_bytes_of_ascii(void **state) {
    (void)state;
    char quoted[BT_TEXT_QUOTE_SIZE];
    const char *names[] = {"min_iou"};
    enter(BT_TURKISH);
    bt_text_quote("\xc3\x85\xc2\x9f\n", quoted);
    assert_string_equal(quoted, "\"\xc3\x85\xc2\x9f?\"");
    assert_string_equal(bt_text_nearest("MIN-IOU", names, 1), "min_iou");
}

static void json_has_dots(void **state) {
    (void)state;
    int seen = 0;
    for (size_t i = 0; i < sizeof locales / sizeof locales[0]; i++) {
        static const char text[] = "{\"a\":[0.5,1e-7,-2.25,3]}";
        json_error_t at;
        if (!bt_host_locale_set(locales[i])) continue;
        seen++;
        json_t *json = bt_json_parse(text, sizeof text - 1, &at);
        assert_non_null(json);
        char *again = bt_json_dump(json, JSON_COMPACT | JSON_REAL_PRECISION(6));
        assert_string_equal(again, "{\"a\":[0.5,1e-7,-2.25,3]}");
        free(again);
        json_decref(json);
    }
    if (seen == 0) skip();
}

int main(void) {
    snprintf(decimal_point_at_start, sizeof decimal_point_at_start, "%s", localeconv()->decimal_point);
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_suite_runs_in_the_locale_that_it_was_asked_for),
        cmocka_unit_test_teardown(a_host_with_a_comma_writes_one, bt_host_locale_leave),
        cmocka_unit_test_teardown(numbers_have_dots_in_every_locale, bt_host_locale_leave),
        cmocka_unit_test_teardown(the_threads_own_locale_stays, bt_host_locale_leave),
        cmocka_unit_test_teardown(errors_are_told_in_english, bt_host_locale_leave),
        cmocka_unit_test_teardown(words_are_bytes_of_ascii, bt_host_locale_leave),
        cmocka_unit_test_teardown(json_has_dots, bt_host_locale_leave),
    };
    return cmocka_run_group_tests(tests, bt_scratch_enter, bt_scratch_leave);
}
