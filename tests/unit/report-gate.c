/* The gate's verdict in every form: the same words, well-formed, and a failure never looks like a pass. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "expect.h"
#include "fixture-verdict.h"
#include "report-text.h"
#include "report/gate.h"

static bt_gate_verdict *a_slower_verdict(void) {
    bt_gate_verdict *verdict;
    bt_error error;
    const bt_gate_kept kept = {"hrnet/sustained", "met", "broken", 250, 250, BT_GATE_SLOWER, "newly broken"};
    must(bt_gate_verdict_open(&verdict, &error), &error);
    fixture_verdict_row(verdict, "hrnet/batch-1", BT_GATE_SAME, 0.5);
    fixture_verdict_row(verdict, "hrnet/batch-<4>", BT_GATE_SLOWER, 12.3);
    fixture_verdict_row(verdict, "a|b", BT_GATE_DECLARED, 8);
    fixture_verdict_row(verdict, "new", BT_GATE_NEW, 0);
    fixture_verdict_row(verdict, "unsure", BT_GATE_INCONCLUSIVE, 4);
    strcpy(verdict->rows[2].why, "up to 9 %: checks & more");
    must(bt_gate_kept_add(verdict, &kept, &error), &error);
    verdict->verdict = BT_GATE_SLOWER;
    verdict->verdict_code = 3;
    strcpy(verdict->why, "1 metric slower than the tolerance");
    strcpy(verdict->before_name, "v1");
    strcpy(verdict->now_name, "v2");
    strcpy(verdict->subject_differs, "runtime: torch 2.14, here torch 2.15");
    verdict->pairs = 27;
    verdict->looks = 4;
    verdict->measuring_s = 61;
    verdict->error_percent = 5;
    return verdict;
}

/* A test's *state. */
static int make_slower(void **state) {
    *state = a_slower_verdict();
    return 0;
}

static int close_slower(void **state) {
    bt_gate_verdict_close((bt_gate_verdict **)state);
    return 0;
}

/* The caller frees it. */
static char *told(const bt_gate_verdict *verdict, bt_gate_format format) {
    text_stream stream;
    bt_error error;
    must(bt_gate_publish(verdict, format, text_stream_open(&stream), &error), &error);
    return text_stream_close(&stream);
}

static void the_table_has_a_row_a_metric_and_the_verdict(void **state) {
    bt_gate_verdict *verdict = *state;
    char *text = told(verdict, BT_GATE_FORMAT_TABLE);
    says(text, "hrnet/batch-<4>");
    says(text, "+12.3 %");
    says(text, "+11.3 % … +13.3 %");
    says(text, "newly broken");
    says(text, "torch 2.14, here torch 2.15");
    says(text, "27 pairs in 61 s, 4 looks");
    says(text, "slower: 1 metric slower than the tolerance");
    free(text);
}

static void the_markdown_says_the_verdict_first_and_escapes(void **state) {
    bt_gate_verdict *verdict = *state;
    char *text = told(verdict, BT_GATE_FORMAT_MARKDOWN);
    const char *banner = strstr(text, "**slower: 1 metric"), *first = strstr(text, "| metric");
    assert_non_null(banner);
    assert_true(banner < first);
    says(text, "a\\|b");
    says(text, "\\<4>");
    says(text, "<details>");
    /* What is as it was stands in the folded table alone. */
    assert_true(strstr(text, "hrnet/batch-1") > strstr(text, "<details>"));
    assert_true(strstr(text, "unsure") < strstr(text, "<details>"));
    free(text);
}

static void junit_counts_what_it_holds(void **state) {
    bt_gate_verdict *verdict = *state;
    char *text = told(verdict, BT_GATE_FORMAT_JUNIT);
    says(text, "tests=\"6\" failures=\"2\" errors=\"1\" skipped=\"2\"");
    says(text, "name=\"hrnet/batch-&lt;4&gt;\"");
    says(text, "message=\"declared: +8.0 %, tolerance +5.0 %; up to 9 %: checks &amp; more\"");
    free(text);
    verdict->verdict_code = 0; /* the policy lets doubt pass */
    text = told(verdict, BT_GATE_FORMAT_JUNIT);
    says(text, "errors=\"0\" skipped=\"3\"");
    free(text);
}

/* A promise whose SLA changed is told alike by all forms, with both SLAs, and is no failure. */
static void every_form_says_the_same_of_a_promise(void **state) {
    (void)state;
    static const char words[] = "incomparable: broken (SLA 1500 ms), before met (SLA 250 ms): unlike SLAs";
    const bt_gate_kept kept = {"hrnet/sla", "met", "broken", 250, 1500, BT_GATE_INCOMPARABLE, "unlike SLAs"};
    bt_gate_verdict *verdict;
    bt_error error;
    must(bt_gate_verdict_open(&verdict, &error), &error);
    fixture_verdict_row(verdict, "hrnet/batch-1", BT_GATE_SAME, 0.5);
    must(bt_gate_kept_add(verdict, &kept, &error), &error);
    verdict->verdict = BT_GATE_INCOMPARABLE;
    verdict->verdict_code = 4;
    for (bt_gate_format format = BT_GATE_FORMAT_TABLE; format <= BT_GATE_FORMAT_JUNIT; format++) {
        char *text = told(verdict, format);
        if (format == BT_GATE_FORMAT_JSON)
            says(text, "\"verdict\": \"incomparable\"");
        else if (format == BT_GATE_FORMAT_MARKDOWN)
            says(text, "- **hrnet/sla**: incomparable: broken (SLA 1500 ms), before met");
        else
            says(text, words);
        if (format == BT_GATE_FORMAT_JUNIT) says(text, "failures=\"0\" errors=\"1\"");
        free(text);
    }
    bt_gate_verdict_close(&verdict);
}

static void a_verdict_on_nothing_is_an_error_in_junit(void **state) {
    (void)state;
    bt_gate_verdict *verdict;
    bt_error error;
    must(bt_gate_verdict_open(&verdict, &error), &error);
    verdict->verdict_code = 4;
    strcpy(verdict->why, "nothing was measured");
    char *text = told(verdict, BT_GATE_FORMAT_JUNIT);
    says(text, "tests=\"1\" failures=\"0\" errors=\"1\"");
    says(text, "nothing was measured");
    free(text);
    text = told(verdict, BT_GATE_FORMAT_TABLE);
    says(text, "inconclusive: nothing was measured");
    free(text);
    bt_gate_verdict_close(&verdict);
}

static void json_is_the_record_itself(void **state) {
    bt_gate_verdict *verdict = *state;
    char *text = told(verdict, BT_GATE_FORMAT_JSON);
    json_error_t at;
    json_t *json = json_loads(text, 0, &at);
    assert_non_null(json);
    assert_string_equal(json_string_value(json_object_get(json, "kind")), "gate-verdict");
    assert_int_equal(json_array_size(json_object_get(json, "metrics")), 5);
    json_decref(json);
    free(text);
}

#define OF_SLOWER(test) cmocka_unit_test_setup_teardown(test, make_slower, close_slower)

int main(void) {
    const struct CMUnitTest tests[] = {
        OF_SLOWER(the_table_has_a_row_a_metric_and_the_verdict),
        OF_SLOWER(the_markdown_says_the_verdict_first_and_escapes),
        OF_SLOWER(junit_counts_what_it_holds),
        cmocka_unit_test(every_form_says_the_same_of_a_promise),
        cmocka_unit_test(a_verdict_on_nothing_is_an_error_in_junit),
        OF_SLOWER(json_is_the_record_itself),
    };
    return cmocka_run_group_tests_name("report-gate", tests, NULL, NULL);
}
