/* A trace that comes with a request is taken as the W3C's rules say, and is otherwise as if it had not come. The cases
 * are those of the recommendation's own rules: versions, lengths, zeros, capitals, members. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>
#include <string.h>

#include "http/trace-context.h"

#define TRACE "0af7651916cd43dd8448eb211c80319c"
#define SPAN  "b7ad6b7169203331"

static void a_valid_one_is_taken(void **state) {
    (void)state;
    static const struct {
        const char *header;
        int flags;
    } valid[] = {
        {"00-" TRACE "-" SPAN "-01", 1},
        {"00-" TRACE "-" SPAN "-00", 0},
        {"00-" TRACE "-" SPAN "-03", 3},
        {"00-" TRACE "-" SPAN "-ff", 3}, /* flags that nobody has defined are not handed on */
        {"00-" TRACE "-" SPAN "-04", 0},
        {"cc-" TRACE "-" SPAN "-01", 1}, /* later versions, as far as this one knows them */
        {"cc-" TRACE "-" SPAN "-01-what-the-future-will-be-like", 1},
        {"fe-" TRACE "-" SPAN "-01-", 1},
    };
    for (size_t i = 0; i < sizeof valid / sizeof *valid; i++) {
        bt_trace_context context;
        if (!bt_trace_read(&context, valid[i].header)) fail_msg("\"%s\" is valid", valid[i].header);
        assert_string_equal(context.trace_id, TRACE);
        assert_string_equal(context.span_id, SPAN);
        assert_int_equal(context.flags, valid[i].flags);
    }
}

static void an_invalid_one_is_as_none(void **state) {
    (void)state;
    static const char *const invalid[] = {
        "",
        "00",
        "00-" TRACE "-" SPAN,
        "00-" TRACE "-" SPAN "-",
        "00-" TRACE "-" SPAN "-1",
        "00-" TRACE "-" SPAN "-01-",     /* version 00 ends with its flags */
        "00-" TRACE "-" SPAN "-01-more", /* likewise */
        "00-" TRACE "-" SPAN "-01.",     /* and nothing else is behind them */
        "cc-" TRACE "-" SPAN "-01.more", /* a later version goes on after a dash */
        "cc-" TRACE "-" SPAN "-0",       /* and is no shorter */
        "ff-" TRACE "-" SPAN "-01",      /* no version */
        "0-" TRACE "-" SPAN "-001",      /* digits in the wrong places */
        "000-" TRACE "-" SPAN "-1",
        "0g-" TRACE "-" SPAN "-01",
        "00-00000000000000000000000000000000-" SPAN "-01", /* ids of zeros are none */
        "00-" TRACE "-0000000000000000-01",
        "00-0AF7651916CD43DD8448EB211C80319C-" SPAN "-01", /* capitals are not valid */
        "00-" TRACE "-B7AD6B7169203331-01",
        "00-" TRACE "-" SPAN "-0A",
        "FF-" TRACE "-" SPAN "-01",
        "00-.af7651916cd43dd8448eb211c80319c-" SPAN "-01",
        "00-" TRACE "-.7ad6b7169203331-01",
        "00-" TRACE "-" SPAN "-.1",
        "00-af7651916cd43dd8448eb211c80319c-" SPAN "-01", /* an id that is too short */
        "00-" TRACE "1-" SPAN "-01",
        "00_" TRACE "_" SPAN "_01",
        " 00-" TRACE "-" SPAN "-01",
    };
    for (size_t i = 0; i < sizeof invalid / sizeof *invalid; i++) {
        bt_trace_context context;
        if (bt_trace_read(&context, invalid[i])) fail_msg("\"%s\" is not valid", invalid[i]);
        assert_string_equal(context.trace_id, "");
        assert_string_equal(context.span_id, "");
    }
}

static void the_answer_names_a_span_of_its_own(void **state) {
    (void)state;
    bt_trace_context context;
    char out[BT_TRACEPARENT_SIZE];
    assert_true(bt_trace_read(&context, "cc-" TRACE "-" SPAN "-0f-x"));
    bt_trace_write(out, &context, 0xabc);
    assert_string_equal(out, "00-" TRACE "-0000000000000abc-03");
}

static void states_are_handed_on_where_valid(void **state) {
    (void)state;
    static const char *const valid[] = {
        "foo=1",
        "foo=1,bar=2",
        "foo=1 \t , \t bar=2",
        "foo=1,",
        "foo=1,,,bar=2",
        "foo=a b c",
        "a-b_c*d/e1=opaque:{[}]!",
        "fw529a3039@dt=FfhMP",
        "0tenant@system=1",
    };
    static const char *const invalid[] = {
        "",
        ",",
        "foo",
        "foo=",
        "=1",
        "foo=1=2",
        "foo =1",
        "Foo=1",
        "1foo=1",
        "foo.bar=1",
        "foo@=1",
        "@bar=1",
        "foo@1=1",
        "foo@bar@baz=1",
        "foo@bar123456789012=1",
        "foo=1,foo=2",
        "foo=\x7f",
        "foo=\xc3\xbc",
    };
    for (size_t i = 0; i < sizeof valid / sizeof *valid; i++)
        if (!bt_trace_state_is_valid(valid[i])) fail_msg("\"%s\" is valid", valid[i]);
    for (size_t i = 0; i < sizeof invalid / sizeof *invalid; i++)
        if (bt_trace_state_is_valid(invalid[i])) fail_msg("\"%s\" is not valid", invalid[i]);
}

static void states_are_bounded(void **state) {
    (void)state;
    char text[1024] = "";
    for (int i = 0; i < 32; i++)
        snprintf(text + strlen(text), sizeof text - strlen(text), "%sm%02d=1", i ? "," : "", i);
    assert_true(bt_trace_state_is_valid(text));
    snprintf(text + strlen(text), sizeof text - strlen(text), ",m32=1");
    assert_false(bt_trace_state_is_valid(text));
    memset(text, 'k', 256);
    memcpy(text + 256, "=1", 3);
    assert_true(bt_trace_state_is_valid(text));
    memcpy(text + 256, "k=1", 4);
    assert_false(bt_trace_state_is_valid(text));
    snprintf(text, sizeof text, "a=%0255d,b=%0251d", 0, 0);
    assert_int_equal(strlen(text), BT_TRACESTATE_MAX - 1);
    assert_true(bt_trace_state_is_valid(text));
    snprintf(text, sizeof text, "a=%0255d,b=%0253d", 0, 0);
    assert_false(bt_trace_state_is_valid(text));
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_valid_one_is_taken),
        cmocka_unit_test(an_invalid_one_is_as_none),
        cmocka_unit_test(the_answer_names_a_span_of_its_own),
        cmocka_unit_test(states_are_handed_on_where_valid),
        cmocka_unit_test(states_are_bounded),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
