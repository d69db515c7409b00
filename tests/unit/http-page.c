/* The page is one whole file, and what runs in it carries a number that nobody knows before. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "expect.h"
#include "http/page.h"

static char *make_page(char policy[BT_PAGE_POLICY_SIZE]) {
    char *text;
    bt_error error;
    must(bt_page_make(&text, policy, &error), &error);
    return text;
}

static int count_of(const char *text, const char *words) {
    int count = 0;
    for (; (text = strstr(text, words)); text += strlen(words))
        count++;
    return count;
}

/* The number of the policy, as the page's tags have it. */
static void read_nonce(const char *policy, char attribute[64]) {
    const char *at = strstr(policy, "'nonce-");
    assert_non_null(at);
    snprintf(attribute, 64, " nonce=\"%.32s\">", at + strlen("'nonce-"));
}

static void everything_is_in_it(void **state) {
    (void)state;
    char policy[BT_PAGE_POLICY_SIZE];
    char *text = make_page(policy);
    assert_int_equal(strncmp(text, "<!doctype html>", 15), 0);
    assert_string_equal(text + strlen(text) - 8, "</html>\n");
    assert_int_equal(count_of(text, "{style}") + count_of(text, "{script}") + count_of(text, "{nonce}"), 0);
    says(text, "prefers-color-scheme: dark");
    says(text, "setTimeout(tick, POLL_MS)");
    free(text);
}

static void what_runs_carries_the_policys_number(void **state) {
    (void)state;
    char policy[BT_PAGE_POLICY_SIZE], attribute[64];
    char *text = make_page(policy);
    says(policy, "default-src 'none'; script-src 'nonce-");
    says(policy, "frame-ancestors 'none'");
    assert_null(strstr(policy, "unsafe"));
    read_nonce(policy, attribute);
    assert_int_equal(count_of(text, attribute), 2);
    assert_int_equal(count_of(text, "<script") + count_of(text, "<style"), 2);
    free(text);
}

static void the_number_is_new_each_time(void **state) {
    (void)state;
    char first[BT_PAGE_POLICY_SIZE], second[BT_PAGE_POLICY_SIZE];
    free(make_page(first));
    free(make_page(second));
    assert_string_not_equal(first, second);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(everything_is_in_it),
        cmocka_unit_test(what_runs_carries_the_policys_number),
        cmocka_unit_test(the_number_is_new_each_time),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
