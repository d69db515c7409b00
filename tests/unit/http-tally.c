/* Requests are counted by what they were for and how they ended; the last errors are kept. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "expect.h"
#include "http/tally.h"

static bt_tally *open_tally(void) {
    bt_tally *tally;
    bt_error error;
    must(bt_tally_open(&tally, &error), &error);
    return tally;
}

static void requests_count_by_path_and_code(void **state) {
    (void)state;
    bt_tally *tally = open_tally();
    bt_exposition page;
    bt_error error;
    char *text;
    bt_tally_count(tally, BT_HTTP_INFER, 200);
    bt_tally_count(tally, BT_HTTP_INFER, 200);
    bt_tally_count(tally, BT_HTTP_INFER, 503);
    bt_tally_count(tally, BT_HTTP_SEGMENT, 200);
    bt_tally_count(tally, BT_HTTP_MODEL_STATS, 200);
    bt_tally_count(tally, BT_HTTP_MODEL_READY, 200);
    bt_tally_count(tally, BT_HTTP_METRICS, 200);
    bt_tally_count(tally, BT_HTTP_NOTHING, 404);
    bt_tally_count(tally, BT_HTTP_NOTHING, 4000000000u);
    must(bt_exposition_open(&page, true, &error), &error);
    bt_tally_expose(tally, &page);
    must(bt_exposition_close(&page, &text, &error), &error);
    assert_string_equal(strstr(text, "# TYPE"),
                        "# TYPE batchtune_http_requests counter\n"
                        "batchtune_http_requests_total{path=\"infer\",code=\"200\"} 2\n"
                        "batchtune_http_requests_total{path=\"infer\",code=\"503\"} 1\n"
                        "batchtune_http_requests_total{path=\"segment\",code=\"200\"} 1\n"
                        "batchtune_http_requests_total{path=\"models\",code=\"200\"} 1\n"
                        "batchtune_http_requests_total{path=\"health\",code=\"200\"} 1\n"
                        "batchtune_http_requests_total{path=\"metrics\",code=\"200\"} 1\n"
                        "batchtune_http_requests_total{path=\"other\",code=\"404\"} 1\n"
                        "batchtune_http_requests_total{path=\"other\",code=\"599\"} 1\n"
                        "# EOF\n");
    free(text);
    bt_tally_close(&tally);
    assert_null(tally);
}

static const char *message_of(const json_t *errors, size_t index) {
    return json_string_value(json_object_get(json_array_get(errors, index), "message"));
}

static void the_last_errors_are_kept(void **state) {
    (void)state;
    bt_tally *tally = open_tally();
    json_t *errors = bt_tally_errors(tally);
    assert_int_equal(json_array_size(errors), 0);
    json_decref(errors);
    for (int i = 1; i <= BT_TALLY_ERRORS + 5; i++) {
        char message[32];
        snprintf(message, sizeof message, "the %d.", i);
        bt_tally_error(tally, BT_HTTP_INFER, 400, message);
    }
    bt_tally_error(tally, BT_HTTP_INFER, 503, "cut \xFF");
    errors = bt_tally_errors(tally);
    assert_int_equal(json_array_size(errors), BT_TALLY_ERRORS);
    assert_string_equal(message_of(errors, 0), "cut ?");
    assert_string_equal(message_of(errors, 1), "the 25.");
    assert_string_equal(message_of(errors, BT_TALLY_ERRORS - 1), "the 7.");
    const json_t *first = json_array_get(errors, 0);
    assert_true(json_real_value(json_object_get(first, "at_s")) > 1.7e9);
    assert_int_equal(json_integer_value(json_object_get(first, "code")), 503);
    assert_string_equal(json_string_value(json_object_get(first, "path")), "infer");
    json_decref(errors);
    bt_tally_close(&tally);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(requests_count_by_path_and_code),
        cmocka_unit_test(the_last_errors_are_kept),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
