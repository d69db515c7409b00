/* One line, whatever went wrong: cut, flattened, prefixed. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
/* cmocka wants the four above first */
#include <cmocka.h>
#include <stdio.h>
#include <string.h>

#include "base/error.h"
#include "base/text.h"

static void a_failure_is_told_and_returned(void **state) {
    (void)state;
    bt_error error;
    assert_int_equal(bt_fail(&error, BT_IO, "%s: line %d", "x.json", 3), BT_IO);
    assert_int_equal(error.status, BT_IO);
    assert_string_equal(error.message, "x.json: line 3");
    assert_int_equal(bt_fail(NULL, BT_PARSE, "nobody %s", "listens"), BT_PARSE);
}

static void a_prefix_keeps_status_and_message(void **state) {
    (void)state;
    bt_error error;
    bt_fail(&error, BT_PARSE, "not a number");
    assert_int_equal(bt_fail_at(&error, BT_IO, "%s: %s", "x.json", "seed"), BT_PARSE);
    assert_string_equal(error.message, "x.json: seed: not a number");
    assert_int_equal(bt_fail_at(NULL, BT_IO, "x.json"), BT_IO);
}

static void the_message_may_be_its_own_argument(void **state) {
    (void)state;
    bt_error error;
    bt_fail(&error, BT_IO, "disk full");
    bt_fail(&error, BT_BACKEND, "worker: %s (%s)", error.message, "hrnet");
    assert_string_equal(error.message, "worker: disk full (hrnet)");
}

static void newlines_become_spaces(void **state) {
    (void)state;
    bt_error error;
    bt_fail(&error, BT_IO, "%s", "one\ntwo\r\nthree\n");
    assert_string_equal(error.message, "one two  three ");
}

/* At every length around the limit: whole if it fits, else "..." and never half a character. */
static void long_messages_are_cut(void **state) {
    (void)state;
    for (int length = BT_ERROR_MESSAGE_SIZE - 8; length < BT_ERROR_MESSAGE_SIZE + 8; length++) {
        bt_error error;
        bt_fail(&error, BT_IO, "%0*d", length, 0);
        bool fits = length < BT_ERROR_MESSAGE_SIZE;
        assert_int_equal(strlen(error.message), fits ? length : BT_ERROR_MESSAGE_SIZE - 1);
        assert_int_equal(strcmp(error.message + strlen(error.message) - 3, "...") == 0, !fits);
    }
    for (int lead = 0; lead < 4; lead++) {
        char text[1024] = "";
        bt_error error;
        for (int i = 0; i < 300; i++)
            strcat(text, i < lead ? "x" : "\xe2\x82\xac"); /* the euro sign: three bytes */
        bt_fail(&error, BT_IO, "%s", text);
        assert_true(bt_text_is_utf8(error.message));
        assert_true(strlen(error.message) >= BT_ERROR_MESSAGE_SIZE - 4);
        bt_fail_at(&error, BT_IO, "x");
        assert_true(bt_text_is_utf8(error.message));
    }
}

static void every_status_has_a_name_of_its_own(void **state) {
    (void)state;
    for (int i = BT_OK; i <= BT_UNSUPPORTED; i++)
        for (int j = BT_OK; j < i; j++)
            assert_string_not_equal(bt_status_name((bt_status)i), bt_status_name((bt_status)j));
    assert_string_equal(bt_status_name(BT_OUT_OF_DEVICE_MEMORY), "out of device memory");
    assert_string_equal(bt_status_name((bt_status)99), "unknown");
}

/* ---- text, which messages are made of ---- */

static void strange_values_are_quoted_in_one_short_line(void **state) {
    (void)state;
    char out[BT_TEXT_QUOTE_SIZE];
    bt_text_quote("plain", out);
    assert_string_equal(out, "\"plain\"");
    bt_text_quote("a\tb\x1b[31m\n", out);
    assert_string_equal(out, "\"a?b?[31m?\"");
    for (int length = 40; length < 80; length++) {
        char text[128];
        snprintf(text, sizeof text, "%0*d\xc3\xa9\xc3\xa9", length, 0);
        bt_text_quote(text, out);
        assert_true(bt_text_is_utf8(out));
        assert_int_equal(out[strlen(out) - 1], '"');
        assert_int_equal(strstr(out, "...\"") != NULL, strlen(text) > BT_TEXT_QUOTE_SIZE - sizeof "\"...\"");
    }
}

static void sentences_grow_and_are_cut(void **state) {
    (void)state;
    char phrase[24] = "", full[8] = "1234567";
    bt_text_append(phrase, sizeof phrase, "%d of", 3);
    bt_text_append(phrase, sizeof phrase, " %d", 40);
    assert_string_equal(phrase, "3 of 40");
    bt_text_append_clause(phrase, sizeof phrase, "%.1f ms", 2.5);
    assert_string_equal(phrase, "3 of 40; 2.5 ms");
    bt_text_append_clause(phrase, sizeof phrase, "%s", "cut where it ends");
    assert_string_equal(phrase, "3 of 40; 2.5 ms; cut wh");
    bt_text_append_clause(phrase, sizeof phrase, "more"); /* no room even for what joins */
    assert_string_equal(phrase, "3 of 40; 2.5 ms; cut wh");
    bt_text_append(full, sizeof full, "8");
    assert_string_equal(full, "1234567");
    char first[8] = "";
    bt_text_append_clause(first, sizeof first, "alone");
    assert_string_equal(first, "alone");
}

static void the_nearest_name_is_found(void **state) {
    (void)state;
    static const char *const names[] = {"p95_sla_ms",  "memory_reserve_percent", "batches", "seed", "hrnet",
                                        "cbam_resunet"};
    static const struct {
        const char *word, *nearest;
    } cases[] = {{"p95_sla_mss", "p95_sla_ms"},
                 {"P95-SLA-MS", "p95_sla_ms"},
                 {"sla_ms", NULL},
                 {"sede", "seed"},
                 {"batch", "batches"},
                 {"memory", "memory_reserve_percent"},
                 {"hrent", "hrnet"},
                 {"hr", NULL},
                 {"resnet50", NULL},
                 {"cbam-resunet", "cbam_resunet"},
                 {"", NULL},
                 {"x", NULL}};
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        const char *nearest = bt_text_nearest(cases[i].word, names, sizeof names / sizeof names[0]);
        if (!cases[i].nearest != !nearest || (nearest && strcmp(nearest, cases[i].nearest) != 0))
            fail_msg("\"%s\" is near %s", cases[i].word, nearest ? nearest : "nothing");
    }
    char word[200];
    snprintf(word, sizeof word, "%0150d", 0);
    assert_null(bt_text_nearest(word, names, 6));
    assert_null(bt_text_nearest("seed", names, 0));
}

static void utf8_is_told_from_what_is_not(void **state) {
    (void)state;
    static const char *const good[] = {
        "", "ascii", "\xc3\xa9", "\xe2\x82\xac", "\xf0\x9f\x98\x80", "\xf4\x8f\xbf\xbf"};
    static const char *const bad[] = {"\x80",
                                      "\xc3",
                                      "\xc3z",
                                      "\xc0\xaf",
                                      "\xe0\x80\xaf",
                                      "\xed\xa0\x80",
                                      "\xe2\x82",
                                      "\xff",
                                      "\xf4\x90\x80\x80",
                                      "\xf8\x88\x80\x80\x80",
                                      "ok\xfe",
                                      "\xf0\x9f\x98",
                                      "\xf0\x80\x80\xaf"};
    for (size_t i = 0; i < sizeof good / sizeof good[0]; i++)
        assert_true(bt_text_is_utf8(good[i]));
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++)
        assert_false(bt_text_is_utf8(bad[i]));
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_failure_is_told_and_returned),
        cmocka_unit_test(a_prefix_keeps_status_and_message),
        cmocka_unit_test(the_message_may_be_its_own_argument),
        cmocka_unit_test(newlines_become_spaces),
        cmocka_unit_test(long_messages_are_cut),
        cmocka_unit_test(every_status_has_a_name_of_its_own),
        cmocka_unit_test(strange_values_are_quoted_in_one_short_line),
        cmocka_unit_test(sentences_grow_and_are_cut),
        cmocka_unit_test(the_nearest_name_is_found),
        cmocka_unit_test(utf8_is_told_from_what_is_not),
    };
    return cmocka_run_group_tests_name("base-error", tests, NULL, NULL);
}
