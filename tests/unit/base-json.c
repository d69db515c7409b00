/* JSON files: messages that name file, line and key; whole files that a person can read. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
/* cmocka wants the four above first */
#include <cmocka.h>
#include <inttypes.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/files.h"
#include "base/json.h"
#include "base/random.h"
#include "base/text.h"
#include "expect.h"
#include "scratch.h"

static char *get(const char *path) {
    char *text = NULL;
    size_t size;
    bt_error error;
    if (bt_file_read(path, 1 << 20, &text, &size, &error)) fail_msg("%s", error.message);
    return text;
}

/* ---- reading files ---- */

static void broken_files_are_told_by_line_and_column(void **state) {
    (void)state;
    static const refusal cases[] = {
        {"{\n  \"a\": 1,\n  \"b\": ,\n}", "x.json: line 3, column 8: unexpected token near ','"},
        {"{\"a\": 1, \"a\": 2}", "x.json: line 1, column 12: duplicate object key near '\"a\"'"},
        {"{\"a\": {\"b\": 1, \"b\": 2}}", "x.json: line 1, column 18: duplicate object key near '\"b\"'"},
        {"[1]", "x.json: is a JSON array, but an object { ... } is wanted"},
        {"", "x.json: line 1, column 0: '[' or '{' expected near end of file"},
        {"{\"a\": NaN}", "x.json: line 1, column 9: invalid token near 'NaN'"},
        {"{\"a\": 1} x", "x.json: line 1, column 10: end of file expected near 'x'"},
        {"{\"a\": \"\xff\"}", "x.json: line 1, column 7: unable to decode byte 0xff near '\"'"},
        {"{\"a\": 1e999}", "x.json: line 1, column 11: real number overflow near '1e999'"},
        {"{\"a\": 99999999999999999999}",
         "x.json: line 1, column 26: too big integer near '99999999999999999999'"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        json_t *json = (json_t *)&json;
        bt_error error = {BT_OK, ""};
        put("x.json", cases[i].given);
        assert_int_equal(bt_json_load(&json, "x.json", &error), BT_PARSE);
        assert_null(json);
        refused_with(&cases[i], error.message);
    }
}

static void absent_and_unfit_files_are_told(void **state) {
    (void)state;
    json_t *json;
    bt_error error;
    assert_int_equal(bt_json_load(&json, "none.json", &error), BT_IO);
    assert_string_equal(error.message, "none.json: cannot be read: No such file or directory");
    assert_int_equal(bt_json_load(&json, "/", &error), BT_IO);
    assert_string_equal(error.message, "/: is a folder, not a file");
}

/* ---- one key ---- */

typedef enum getter { NUMBER, INTEGER, BOOLEAN, TEXT, OPTIONAL_TEXT, ARRAY, OBJECT } getter;

static bt_status get_key(getter how, const json_t *object, const char *key, bt_error *error) {
    double number;
    int64_t integer;
    bool on;
    char text[6];
    json_t *child;
    switch (how) {
    case NUMBER:
        return bt_json_number(object, key, 0, 10, &number, "x.json: points", error);
    case INTEGER:
        return bt_json_integer(object, key, 0, 10, &integer, "x.json: points", error);
    case BOOLEAN:
        return bt_json_boolean(object, key, &on, "x.json: points", error);
    case TEXT:
        return bt_json_text(object, key, text, sizeof text, "x.json: points", error);
    case OPTIONAL_TEXT:
        return bt_json_optional_text(object, key, "none", text, sizeof text, "x.json: points", error);
    case ARRAY:
        return bt_json_array(object, key, &child, "x.json: points", error);
    case OBJECT:
        return bt_json_object(object, key, &child, "x.json: points", error);
    }
    return BT_INVALID;
}

/* Keys: i 3, r 2.5, n -1, big 11, t "text!", long "longer", on true, null, a [], o {}. */
static json_t *sample(void) {
    json_t *object =
        json_loads("{\"i\": 3, \"r\": 2.5, \"n\": -1, \"big\": 11, \"t\": \"text!\", \"long\": \"longer\","
                   "\"on\": true, \"null\": null, \"a\": [], \"o\": {}}",
                   0, NULL);
    assert_non_null(object);
    return object;
}

static void keys_of_another_type_or_out_of_bounds_are_named(void **state) {
    (void)state;
    static const struct {
        getter how;
        const char *key, *message; /* "" for good */
    } cases[] = {
        {NUMBER, "i", ""},
        {NUMBER, "r", ""},
        {NUMBER, "n", "x.json: points: n is -1, below 0"},
        {NUMBER, "big", "x.json: points: big is 11, above 10"},
        {NUMBER, "t", "x.json: points: t is text, not a number"},
        {NUMBER, "null", "x.json: points: null is null, not a number"},
        {NUMBER, "absent", "x.json: points: absent is missing (a number)"},
        {INTEGER, "i", ""},
        {INTEGER, "r", "x.json: points: r is a number, not a whole number"},
        {INTEGER, "n", "x.json: points: n is -1, below 0"},
        {INTEGER, "big", "x.json: points: big is 11, above 10"},
        {INTEGER, "absent", "x.json: points: absent is missing (a whole number)"},
        {BOOLEAN, "on", ""},
        {BOOLEAN, "i", "x.json: points: i is a whole number, not true or false"},
        {BOOLEAN, "absent", "x.json: points: absent is missing (true or false)"},
        {TEXT, "t", ""},
        {TEXT, "long", "x.json: points: long is too long: 6 bytes, at most 5"},
        {TEXT, "on", "x.json: points: on is true, not text"},
        {TEXT, "absent", "x.json: points: absent is missing (text)"},
        {OPTIONAL_TEXT, "t", ""},
        {OPTIONAL_TEXT, "null", ""},
        {OPTIONAL_TEXT, "absent", ""},
        {OPTIONAL_TEXT, "o", "x.json: points: o is an object, not text"},
        {ARRAY, "a", ""},
        {ARRAY, "o", "x.json: points: o is an object, not an array"},
        {ARRAY, "absent", "x.json: points: absent is missing (an array)"},
        {OBJECT, "o", ""},
        {OBJECT, "a", "x.json: points: a is an array, not an object"},
        {OBJECT, "absent", "x.json: points: absent is missing (an object)"},
    };
    json_t *object = sample();
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        bt_error error = {BT_OK, ""};
        bt_status wanted = *cases[i].message ? BT_PARSE : BT_OK;
        assert_int_equal(get_key(cases[i].how, object, cases[i].key, &error), wanted);
        assert_string_equal(error.message, cases[i].message);
    }
    json_decref(object);
}

static void keys_read_what_stands_there(void **state) {
    (void)state;
    json_t *object = sample(), *child;
    double number;
    int64_t integer;
    bool on = false;
    char text[6];
    assert_int_equal(bt_json_number(object, "r", 2.5, 2.5, &number, "x", NULL), BT_OK);
    assert_true(number == 2.5);
    assert_int_equal(bt_json_number(object, "i", 0, 9, &number, "x", NULL), BT_OK);
    assert_true(number == 3);
    assert_int_equal(bt_json_integer(object, "i", 3, 3, &integer, "x", NULL), BT_OK);
    assert_int_equal(integer, 3);
    assert_int_equal(bt_json_boolean(object, "on", &on, "x", NULL), BT_OK);
    assert_true(on);
    assert_int_equal(bt_json_text(object, "t", text, sizeof text, "x", NULL), BT_OK);
    assert_string_equal(text, "text!");
    assert_int_equal(bt_json_optional_text(object, "absent", "none", text, sizeof text, "x", NULL), BT_OK);
    assert_string_equal(text, "none");
    assert_int_equal(bt_json_array(object, "a", &child, "x", NULL), BT_OK);
    assert_ptr_equal(child, json_object_get(object, "a"));
    assert_int_equal(bt_json_array(object, "o", &child, "x", NULL), BT_PARSE);
    assert_null(child);
    json_decref(object);
}

/* ---- writing files ---- */

static void saved_files_are_pleasant_to_read(void **state) {
    (void)state;
    json_t *json =
        json_pack("{s:f, s:i, s:[i,i,i], s:[], s:{}, s:[{s:f},{s:[s,s]}], s:s, s:n, s:f}", "real", 0.1,
                  "whole", 7, "flat", 1, 2, 4, "none", "empty", "deep", "x", 85.3, "y", "a, [b]",
                  "\"{ 0.30000000000000004", "text", "0.10000000000000001 \\ \"", "null", "round", 100.0);
    bt_error error;
    assert_non_null(json);
    if (bt_json_save(json, "x.json", false, &error)) fail_msg("%s", error.message);
    char *text = get("x.json");
    assert_string_equal(text, "{\n"
                              "  \"real\": 0.1,\n"
                              "  \"whole\": 7,\n"
                              "  \"flat\": [1, 2, 4],\n"
                              "  \"none\": [],\n"
                              "  \"empty\": {},\n"
                              "  \"deep\": [\n"
                              "    {\n"
                              "      \"x\": 85.3\n"
                              "    },\n"
                              "    {\n"
                              "      \"y\": [\"a, [b]\", \"\\\"{ 0.30000000000000004\"]\n"
                              "    }\n"
                              "  ],\n"
                              "  \"text\": \"0.10000000000000001 \\\\ \\\"\",\n"
                              "  \"null\": null,\n"
                              "  \"round\": 100.0\n"
                              "}\n");
    free(text);
    json_decref(json);
}

static double any_double(bt_random *random) {
    uint64_t bits = bt_random_next(random);
    double value;
    memcpy(&value, &bits, sizeof value);
    if (!isfinite(value)) return 0.1;
    switch (bt_random_below(random, 4)) {
    case 0:
        return value;
    case 1:
        return (double)(int64_t)bt_random_below(random, 1ull << 62) - 1e18;
    case 2:
        return (double)bt_random_below(random, 100000) / 1000;
    default:
        return bt_random_normal(random);
    }
}

/* Reals come back to the last bit and as reals, long flat arrays included. */
static void saved_files_read_back_equal(void **state) {
    (void)state;
    const uint64_t seed = 7;
    bt_random random = bt_random_stream(seed, "json");
    for (int round = 0; round < 200; round++) {
        json_t *json = json_object(), *array = json_array(), *back;
        bt_error error;
        for (uint64_t n = bt_random_below(&random, 200); n > 0; n--)
            json_array_append_new(array, json_real(any_double(&random)));
        json_array_append_new(array, json_integer((json_int_t)bt_random_next(&random)));
        json_array_append_new(array, json_string("a \xc3\xa9 \\\" ]\n"));
        if (round % 2)
            json_array_append_new(array, json_pack("[[i, f], {s:f}]", 1, any_double(&random), "k", 0.5));
        json_object_set_new(json, "array", array);
        if (bt_json_save(json, "x.json", false, &error) || bt_json_load(&back, "x.json", &error))
            fail_msg("seed %" PRIu64 ", round %d: %s", seed, round, error.message);
        if (!json_equal(json, back)) fail_msg("seed %" PRIu64 ", round %d: not equal", seed, round);
        json_decref(json);
        json_decref(back);
    }
}

static void long_flat_arrays_are_wrapped(void **state) {
    (void)state;
    json_t *json = json_object(), *array = json_array();
    for (int i = 0; i < 1000; i++)
        json_array_append_new(array, json_real(i / 8.0));
    json_object_set_new(json, "samples", array);
    bt_error error;
    if (bt_json_save(json, "x.json", false, &error)) fail_msg("%s", error.message);
    char *text = get("x.json");
    size_t lines = 0, longest = 0;
    for (char *line = text; *line; line += strcspn(line, "\n") + 1, lines++)
        if (strcspn(line, "\n") > longest) longest = strcspn(line, "\n");
    assert_in_range(longest, 90, 115);
    assert_in_range(lines, 60, 120);
    free(text);
    json_decref(json);
}

static void numbers_that_are_not_finite_are_null(void **state) {
    (void)state;
    json_t *array = json_pack("[o,o,o,o]", bt_json_real_or_null(NAN), bt_json_real_or_null(INFINITY),
                              bt_json_real_or_null(-INFINITY), bt_json_real_or_null(-0.5));
    for (size_t i = 0; i < 3; i++)
        assert_true(json_is_null(json_array_get(array, i)));
    assert_true(json_real_value(json_array_get(array, 3)) == -0.5);
    json_decref(array);
}

static void the_shortest_number_is_taken(void **state) {
    (void)state;
    static const struct {
        double value;
        const char *text;
    } cases[] = {{0.1, "0.1"},
                 {0.1 + 0.2, "0.30000000000000004"},
                 {100, "100"},
                 {1e300, "1e+300"},
                 {5e-324, "4.94065645841247e-324"},
                 {-2.5, "-2.5"},
                 {9007199254740993.0, "9007199254740992"}};
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        char text[BT_NUMBER_TEXT_SIZE];
        bt_text_number(cases[i].value, text);
        assert_string_equal(text, cases[i].text);
    }
}

/* ---- memory that runs out ---- */

static int allocations_left;

static void *scarce_malloc(size_t size) {
    return allocations_left-- > 0 ? malloc(size) : NULL;
}

static void loading_without_memory_is_told(void **state) {
    (void)state;
    put("x.json", "{\"a\": [1, 2.5, \"text\", {\"b\": null, \"c\": true}]}");
    json_t *json = NULL;
    int n = 0, told = 0;
    json_set_alloc_funcs(scarce_malloc, free);
    for (bt_status status = BT_NO_MEMORY; status && n < 1000; n++) {
        bt_error error = {BT_OK, ""};
        allocations_left = n;
        status = bt_json_load(&json, "x.json", &error);
        if (status == BT_OK) break;
        assert_null(json);
        assert_true(status == BT_NO_MEMORY || strstr(error.message, "\"")); /* a string that was not read */
        told += status == BT_NO_MEMORY;
    }
    json_set_alloc_funcs(malloc, free);
    assert_non_null(json);
    assert_true(told > 8);
    json_decref(json);
}

static void saving_without_memory_leaves_the_old_file(void **state) {
    (void)state;
    put("x.json", "{}\n");
    json_t *json = json_pack("{s:{s:i}}", "a", "b", 1);
    bt_error error;
    json_set_alloc_funcs(scarce_malloc, free);
    allocations_left = 0;
    bt_status status = bt_json_save(json, "x.json", true, &error);
    json_set_alloc_funcs(malloc, free);
    assert_int_equal(status, BT_NO_MEMORY);
    char *text = get("x.json");
    assert_string_equal(text, "{}\n");
    assert_false(bt_file_exists("x.json.bak"));
    free(text);
    json_decref(json);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(broken_files_are_told_by_line_and_column),
        cmocka_unit_test(absent_and_unfit_files_are_told),
        cmocka_unit_test(keys_of_another_type_or_out_of_bounds_are_named),
        cmocka_unit_test(keys_read_what_stands_there),
        cmocka_unit_test(saved_files_are_pleasant_to_read),
        cmocka_unit_test(saved_files_read_back_equal),
        cmocka_unit_test(long_flat_arrays_are_wrapped),
        cmocka_unit_test(numbers_that_are_not_finite_are_null),
        cmocka_unit_test(the_shortest_number_is_taken),
        cmocka_unit_test(loading_without_memory_is_told),
        cmocka_unit_test(saving_without_memory_leaves_the_old_file),
    };
    return cmocka_run_group_tests_name("base-json", tests, bt_scratch_enter, bt_scratch_leave);
}
