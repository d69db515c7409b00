/* Whoever has a key of the list is let in by name, and nobody else; a list that is wrong is refused by its line, and no
 * message has a key in it. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "expect.h"
#include "http/keys.h"

#define ALICE "alice-0123456789abcdef"
#define BOB   "bob+/0123456789abcdef=="

static bt_keys *keys_of(const char *text) {
    bt_keys *keys;
    bt_error error;
    must(bt_keys_read(&keys, text, strlen(text), "keys.txt", &error), &error);
    return keys;
}

static void who_has_a_key_is_known_by_name(void **state) {
    (void)state;
    bt_keys *keys = keys_of("# ours\n"
                            "\n"
                            "alice " ALICE "   # since May\r\n"
                            "\tbob@lab.example\t" BOB "\n"
                            "alice " ALICE "-and-her-next");
    assert_int_equal(bt_keys_count(keys), 3);
    assert_string_equal(bt_keys_find(keys, "Bearer " ALICE), "alice");
    assert_string_equal(bt_keys_find(keys, "bearer   " BOB), "bob@lab.example");
    assert_string_equal(bt_keys_find(keys, "BEARER " ALICE "-and-her-next"), "alice");
    bt_keys_close(&keys);
    bt_keys_close(&keys);
}

static void nobody_else_is_known(void **state) {
    (void)state;
    bt_keys *keys = keys_of("alice " ALICE "\n");
    static const char *const others[] = {
        "",
        "Bearer",
        "Bearer ",
        ALICE,
        "Basic " ALICE,
        "Bearer" ALICE,
        "Bearer " ALICE "x",
        "Bearer " BOB,
        "Bearer alice-0123456789abcde",
        "Bearer ALICE-0123456789abcdef",
        "Bearer " ALICE " ",
        "Bearer alice",
    };
    assert_null(bt_keys_find(keys, NULL));
    for (size_t i = 0; i < sizeof others / sizeof *others; i++)
        if (bt_keys_find(keys, others[i])) fail_msg("\"%s\" is let in", others[i]);
    bt_keys_close(&keys);
}

/* Two keys that differ in their last byte alone, of the greatest length. */
static void every_byte_counts(void **state) {
    (void)state;
    char text[300], given[200];
    snprintf(text, sizeof text, "long %0*d1", BT_KEY_MOST - 1, 0);
    bt_keys *keys = keys_of(text);
    snprintf(given, sizeof given, "Bearer %0*d1", BT_KEY_MOST - 1, 0);
    assert_non_null(bt_keys_find(keys, given));
    given[strlen(given) - 1] = '2';
    assert_null(bt_keys_find(keys, given));
    snprintf(given, sizeof given, "Bearer %0*d", BT_KEY_MOST - 1, 0);
    assert_null(bt_keys_find(keys, given));
    snprintf(given, sizeof given, "Bearer %0*d12", BT_KEY_MOST - 1, 0);
    assert_null(bt_keys_find(keys, given));
    bt_keys_close(&keys);
}

static void a_list_that_is_wrong_is_refused(void **state) {
    (void)state;
    static const refusal refusals[] = {
        {"", "keys.txt: no key is in it"},
        {"# alice " ALICE "\n", "keys.txt: no key is in it"},
        {ALICE, "keys.txt: line 1: a name and a key, with a space between"},
        {"alice " ALICE " " BOB, "line 1: a name and a key, with a space between"},
        {"alice " ALICE "\nbob " ALICE, "keys.txt: line 2: the key of line 1 again"},
        {"\n\nbob short", "line 3: a key has 16 to 128 characters, and this one has 5"},
        {"a,b " ALICE, "line 1: a name has letters, digits and any of -._@, 63 at most"},
        {"bob s\xc3\xbc"
         "cret-0123456789",
         "line 1: a key has letters, digits and any of -._~+/= alone"},
    };
    for (size_t i = 0; i < sizeof refusals / sizeof *refusals; i++) {
        bt_keys *keys;
        bt_error error;
        assert_int_equal(
            bt_keys_read(&keys, refusals[i].given, strlen(refusals[i].given), "keys.txt", &error), BT_PARSE);
        refused_saying(&refusals[i], error.message);
        assert_null(keys);
        assert_null(strstr(error.message, "0123456789"));
    }
}

static void a_zero_byte_is_no_part_of_a_key(void **state) {
    (void)state;
    static const char text[] = "bob 0123456789abcdef\0tail\n";
    bt_keys *keys;
    bt_error error;
    assert_int_equal(bt_keys_read(&keys, text, sizeof text - 1, "keys.txt", &error), BT_PARSE);
    says(error.message, "line 1");
}

static void keys_are_bounded(void **state) {
    (void)state;
    char *text = malloc((size_t)(BT_KEYS_MAX + 1) * 32);
    size_t size = 0;
    bt_keys *keys;
    bt_error error;
    assert_non_null(text);
    for (int i = 0; i < BT_KEYS_MAX + 1; i++)
        size += (size_t)sprintf(text + size, "n %016d\n", i);
    assert_int_equal(bt_keys_read(&keys, text, size, "keys.txt", &error), BT_PARSE);
    says(error.message, "line 1001: at most 1000 keys");
    must(bt_keys_read(&keys, text, size - 19, "keys.txt", &error), &error);
    assert_non_null(bt_keys_find(keys, "Bearer 0000000000000999"));
    bt_keys_close(&keys);
    free(text);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(who_has_a_key_is_known_by_name),
        cmocka_unit_test(nobody_else_is_known),
        cmocka_unit_test(every_byte_counts),
        cmocka_unit_test(a_list_that_is_wrong_is_refused),
        cmocka_unit_test(a_zero_byte_is_no_part_of_a_key),
        cmocka_unit_test(keys_are_bounded),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
