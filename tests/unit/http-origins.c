/* Pages of the origins in the list may ask, and no others. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "expect.h"
#include "http/origins.h"

#define LIST "https://app.example.org, http://localhost:3000"

static void those_in_the_list_may_ask(void **state) {
    (void)state;
    assert_true(bt_origins_allow(LIST, "https://app.example.org"));
    assert_true(bt_origins_allow(LIST, "http://localhost:3000"));
}

static void no_others_may(void **state) {
    (void)state;
    static const char *const others[] = {
        "null",
        "",
        "https://app.example.org.evil.example",
        "https://app.example.or",
        "http://app.example.org",
        "https://app.example.org:8443",
        "https://APP.example.org",
        "http://localhost:300",
        "https://app.example.org, http://localhost:3000",
    };
    assert_false(bt_origins_allow(LIST, NULL));
    assert_false(bt_origins_allow("", "https://app.example.org"));
    assert_false(bt_origins_allow("", ""));
    for (size_t i = 0; i < sizeof others / sizeof *others; i++)
        assert_false(bt_origins_allow(LIST, others[i]));
}

static void what_is_none_is_told(void **state) {
    (void)state;
    bt_error error;
    static const char *const good[] = {
        "", LIST, "https://a", "http://127.0.0.1:80", "http://[::1]:3000", "https://a,"};
    static const refusal refusals[] = {
        {"*", "\"*\" is no origin, as https://app.example.org and http://localhost:3000 are"},
        {"app.example.org", "\"app.example.org\" is no origin"},
        {"https://app.example.org/", "\"https://app.example.org/\" is no origin"},
        {"https://app.example.org/page", "is no origin"},
        {"https://App.example.org", "is no origin"},
        {"https://", "is no origin"},
        {"https://a:", "is no origin"},
        {"https://a:http", "is no origin"},
        {"https://a, ,https://b", "\"\" is no origin"},
        {"http://[]", "is no origin"},
        {"http://[::1", "is no origin"},
    };
    for (size_t i = 0; i < sizeof good / sizeof *good; i++)
        must(bt_origins_check(good[i], &error), &error);
    for (size_t i = 0; i < sizeof refusals / sizeof *refusals; i++) {
        assert_int_equal(bt_origins_check(refusals[i].given, &error), BT_INVALID);
        refused_saying(&refusals[i], error.message);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(those_in_the_list_may_ask),
        cmocka_unit_test(no_others_may),
        cmocka_unit_test(what_is_none_is_told),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
