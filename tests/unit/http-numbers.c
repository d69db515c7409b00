/* A tensor's numbers are read from JSON as they are, in whatever way clients write them, and nothing else is. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "expect.h"
#include "http/numbers.h"

/* In memory of just this size, so that a sanitizer sees who reads on. */
static bt_numbers exactly(const char *text) {
    char *copy = malloc(strlen(text) + 1); /* malloc(0) may be NULL */
    assert_non_null(copy);
    memcpy(copy, text, strlen(text));
    return (bt_numbers){copy, strlen(text)};
}

static bt_status read_bytes(uint8_t *out, size_t room, size_t *count, const char *text, bt_error *error) {
    bt_numbers numbers = exactly(text);
    bt_status status = bt_numbers_read_uint8(out, room, count, numbers, error);
    free((char *)(uintptr_t)numbers.at);
    return status;
}

static bt_status read_floats(float *out, size_t room, size_t *count, const char *text, bt_error *error) {
    bt_numbers numbers = exactly(text);
    bt_status status = bt_numbers_read_fp32(out, room, count, numbers, error);
    free((char *)(uintptr_t)numbers.at);
    return status;
}

static void arrays_nest_in_any_way(void **state) {
    (void)state;
    static const char *const texts[] = {"[1,20,255,0]", "[[1,20],[255,0]]", "[[[1],[20]],[[255],[0]]]",
                                        " [ 1 , [\t20\r\n, 255 ] ,0 ] ", "[[],1,[[20,255]],[[],[]],0,[]]"};
    static const uint8_t wanted[] = {1, 20, 255, 0};
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
        uint8_t out[4] = {0};
        size_t count;
        bt_error error;
        must(read_bytes(out, 4, &count, texts[i], &error), &error);
        assert_int_equal(count, 4);
        assert_memory_equal(out, wanted, 4);
    }
}

static void more_than_there_is_room_for_are_counted(void **state) {
    (void)state;
    uint8_t out[2] = {7, 7};
    float single[1];
    size_t count;
    bt_error error;
    must(read_bytes(out, 1, &count, "[1,2,[3],4,5]", &error), &error);
    assert_int_equal(count, 5);
    assert_int_equal(out[0], 1);
    assert_int_equal(out[1], 7);
    must(read_floats(single, 1, &count, "[0.5,2,[3]]", &error), &error);
    assert_int_equal(count, 3);
    must(read_bytes(out, 0, &count, "[]", &error), &error);
    assert_int_equal(count, 0);
}

static void bytes_are_whole_and_in_range(void **state) {
    (void)state;
    static const refusal refusals[] = {
        {"[1,300]", "data: number 1 is none of UINT8's, 0 to 255"},
        {"[256]", "number 0 is none"},
        {"[1,2,-1]", "number 2 is none"},
        {"[1.0]", "number 0 is none"},
        {"[1e1]", "number 0 is none"},
        {"[NaN]", "number 0 is none"},
        {"[007]", "number 0 is none"},
        {"[1000]", "number 0 is none"},
        {"[1,[true]]", "number 1 is none"},
        {"[\"1\"]", "number 0 is none"},
        {"[null]", "number 0 is none"},
    };
    for (size_t i = 0; i < sizeof refusals / sizeof *refusals; i++) {
        uint8_t out[4];
        size_t count;
        bt_error error;
        assert_int_equal(read_bytes(out, 4, &count, refusals[i].given, &error), BT_PARSE);
        refused_saying(&refusals[i], error.message);
    }
}

static void what_is_no_array_is_refused(void **state) {
    (void)state;
    static const char *const texts[] = {"",       "1",      "[",     "[1",   "[1,",    "[1,]",
                                        "[,1]",   "[1,,2]", "[1 2]", "[1]]", "[1][2]", "[[1][2]]",
                                        "[[1]2]", "[1[2]]", "[1],",  "{}"};
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
        uint8_t bytes[4];
        float floats[4];
        size_t count;
        bt_error error;
        if (read_bytes(bytes, 4, &count, texts[i], &error) != BT_PARSE) fail_msg("%s is taken", texts[i]);
        if (read_floats(floats, 4, &count, texts[i], &error) != BT_PARSE) fail_msg("%s is taken", texts[i]);
    }
}

static float float_of(const char *text) {
    char array[512];
    float out = 0;
    size_t count;
    bt_error error;
    snprintf(array, sizeof array, "[%s]", text);
    must(read_floats(&out, 1, &count, array, &error), &error);
    assert_int_equal(count, 1);
    return out;
}

static void floats_are_the_nearest(void **state) {
    (void)state;
    static const struct {
        const char *text;
        float value;
    } cases[] = {
        {"0", 0.0F},
        {"1", 1.0F},
        {"-2.5", -2.5F},
        {"0.1", 0.1F},
        {"-0.485000", -0.485F},
        {"0.3333333432674408", 0.3333333432674408F}, /* what Python writes of a float */
        {"0.10000000149011612", 0.1F},
        {"123456789", 123456789.0F},
        {"16777217", 16777217.0F},
        {"9007199254740993", 9007199254740993.0F},
        {"1e2", 100.0F},
        {"1.5E-3", 1.5e-3F},
        {"2e+10", 2e10F},
        {"3.4028234663852886e38", 3.4028234663852886e38F},
        {"1e-45", 1e-45F},
        {"1e-400", 0.0F},
        {"0.000000000000000000000000000001", 1e-30F},
        {"1000000000000000000000000", 1e24F},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
        if (float_of(cases[i].text) != cases[i].value) fail_msg("%s is read wrongly", cases[i].text);
    assert_true(signbit(float_of("-0")) && signbit(float_of("-0.0")));
}

static void what_is_no_finite_number_is_taken(void **state) {
    (void)state;
    assert_true(isnan(float_of("NaN")));
    assert_true(isnan(float_of("null")));
    assert_true(float_of("Infinity") == INFINITY);
    assert_true(float_of("-Infinity") == -INFINITY);
    assert_true(float_of("1e39") == INFINITY);
    assert_true(float_of("-1e400") == -INFINITY);
}

static void what_json_does_not_write_is_refused(void **state) {
    (void)state;
    static const char *const texts[] = {"000.5", "+1",        ".5", "1.",  "1e",  "1e+",
                                        "0x10",  "--1",       "-",  "nan", "inf", "-NaN",
                                        "NaNs",  "Infinity1", "1f", "tru", "1,5e"};
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
        char array[64];
        float out[2];
        size_t count;
        bt_error error;
        snprintf(array, sizeof array, "[%s]", texts[i]);
        if (read_floats(out, 2, &count, array, &error) != BT_PARSE) fail_msg("%s is taken", texts[i]);
    }
}

/* ---- which array it is ---- */

static void found(const char *json, const char *wanted) {
    bt_numbers numbers = bt_numbers_find(json, strlen(json));
    if (!wanted) {
        assert_null(numbers.at);
        return;
    }
    assert_non_null(numbers.at);
    assert_int_equal(numbers.length, strlen(wanted));
    assert_memory_equal(numbers.at, wanted, strlen(wanted));
}

static void the_first_input_s_numbers_are_found(void **state) {
    (void)state;
    found("{\"inputs\":[{\"data\":[1,[2]]}]}", "[1,[2]]");
    found(" { \"a\" : {\"inputs\":[{\"data\":[9]}]} , \"b\":\"\\\"inputs\\\":[\", \"inputs\" : [ { "
          "\"name\":\"]}\","
          "\"p\":[{\"data\":[8]}], \"n\":-1.5e3, \"data\" : [NaN] , \"x\":1}, {\"data\":[7]}]}",
          "[NaN]");
    found("{\"inputs\":[{\"data\":[]}]}", "[]");
    found("{\"inputs\":[{\"data\":[\"1\"]}]}", NULL);
    found("{\"inputs\":[{\"data\":[{}]}]}", NULL);
    found("{\"inputs\":[{\"data\":7}]}", NULL);
    found("{\"inputs\":{\"data\":[7]}}", NULL);
    found("{\"outputs\":[{\"data\":[7]}]}", NULL);
    found("[{\"data\":[7]}]", NULL);
    static const char whole[] = "{\"a\\\\\":[1,{}],\"inputs\":[{\"data\":[1,2]";
    for (size_t length = 0; length + 1 < sizeof whole - 1; length++)
        assert_null(bt_numbers_find(whole, length).at);
    found(whole, "[1,2]");
}

static void the_rest_has_null_in_their_place(void **state) {
    (void)state;
    static const char json[] = "{\"inputs\":[{\"data\":[1,[2]],\"x\":3}]}",
                      wanted[] = "{\"inputs\":[{\"data\":null,\"x\":3}]}";
    size_t length;
    char *rest = bt_numbers_cut(json, sizeof json - 1, bt_numbers_find(json, sizeof json - 1), &length);
    assert_non_null(rest);
    assert_int_equal(length, sizeof wanted - 1);
    assert_memory_equal(rest, wanted, length);
    free(rest);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(arrays_nest_in_any_way),
        cmocka_unit_test(more_than_there_is_room_for_are_counted),
        cmocka_unit_test(bytes_are_whole_and_in_range),
        cmocka_unit_test(what_is_no_array_is_refused),
        cmocka_unit_test(floats_are_the_nearest),
        cmocka_unit_test(what_is_no_finite_number_is_taken),
        cmocka_unit_test(what_json_does_not_write_is_refused),
        cmocka_unit_test(the_first_input_s_numbers_are_found),
        cmocka_unit_test(the_rest_has_null_in_their_place),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
