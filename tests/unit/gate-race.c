/* Two programs in turns, each a few lines of shell whose times are known: what is compared, what is refused,
 * and what becomes of programs that fail. No figure here depends on a clock. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "base/clock.h"
#include "expect.h"
#include "gate/child.h"
#include "gate/race.h"
#include "scratch.h"

static void put_program(const char *name, const char *text) {
    FILE *out = fopen(name, "w");
    assert_non_null(out);
    fprintf(out, "#!/bin/sh\n%s", text);
    assert_int_equal(fclose(out), 0);
    assert_int_equal(chmod(name, 0755), 0);
}

static const char machine[] =
    "\"machine\":{\"fingerprint\":\"\",\"cpu\":\"\",\"cores\":2,\"memory_bytes\":1,\"clock_policy\":\"\","
    "\"gpu\":\"\",\"gpu_memory_bytes\":0},\"subject\":{\"tool_version\":\"\",\"revision\":\"\",\"runtime\":"
    "\"\","
    "\"runtime_detail\":\"\",\"gpu_driver\":\"\"},\"promises\":[]";

#define METRIC(name)                                                                                         \
    "{\"metric\":\"" name "\",\"unit\":\"ms\",\"work\":\"w\",\"quantile\":0.5,\"samples\":[]}"

/* A program that tells its metrics and answers each question by `answer`, in which $n counts them. */
static void put_probe(const char *name, const char *metrics, const char *answer) {
    char text[4096];
    snprintf(text, sizeof text,
             "echo "
             "'{\"schema_version\":1,\"kind\":\"gate\",\"started_at\":\"\",\"command\":\"\",\"settings\":"
             "\"\",%s,\"metrics\":[%s]}'\nn=0\nwhile read -r metric; do n=$((n + 1)); %s; done\n",
             machine, metrics, answer);
    put_program(name, text);
}

typedef struct outcome {
    bt_gate_verdict *verdict;
    bt_status status;
    bt_error error;
} outcome;

static outcome race(const char *base, const char *head, int pairs, bool even_identical) {
    static bt_gate_settings settings; /* large */
    static bt_option_sources sources;
    outcome out = {.verdict = NULL};
    bt_gate_rules rules;
    size_t count;
    const bt_option *table = bt_gate_settings_table(BT_GATE_RUN, &count);
    bt_options_default(table, count, &settings, &sources);
    bt_gate_rules_default(&rules);
    snprintf(settings.base, sizeof settings.base, "%s", base);
    snprintf(settings.head, sizeof settings.head, "%s", head);
    settings.instructions = false;
    settings.pairs = pairs;
    settings.gauge.samples = 3;
    settings.even_identical = even_identical;
    const bt_judge judge = {.rules = &rules, .seed = 1};
    const bt_race_options options = {&settings, &sources, &judge, false, NULL, NULL};
    must(bt_gate_verdict_open(&out.verdict, &out.error), &out.error);
    out.status = bt_race_run(out.verdict, &options, &out.error);
    bt_judge_whole(out.verdict, BT_ON_INCONCLUSIVE_FAIL);
    return out;
}

static void a_slower_program_is_found_whatever_slows_both(void **state) {
    (void)state;
    /* The level rises from answer to answer, by a fifth in all; one is a tenth slower. */
    put_probe("./a", METRIC("x") "," METRIC("y"), "echo $((1000 + n * 10))");
    put_probe("./b", METRIC("y") "," METRIC("x"),
              "if [ $metric = 1 ]; then echo $((1100 + n * 11)); else echo $((1000 + n * 10)); fi");
    outcome out = race("./a", "./b", 12, false);
    must(out.status, &out.error);
    assert_int_equal(out.verdict->verdict, BT_GATE_SLOWER);
    assert_int_equal(bt_gate_row_find(out.verdict, "x")->verdict, BT_GATE_SLOWER);
    assert_int_equal(bt_gate_row_find(out.verdict, "y")->verdict, BT_GATE_SAME);
    assert_in_range(out.verdict->pairs, 8, 12);
    assert_int_equal(bt_gate_row_find(out.verdict, "x")->before_count, out.verdict->pairs);
    bt_gate_verdict_close(&out.verdict);
}

static void identical_programs_are_the_same_at_once(void **state) {
    (void)state;
    put_probe("./a", METRIC("x"), "echo 5");
    put_probe("./b", METRIC("x"), "echo 5");
    outcome out = race("./a", "./b", 12, false);
    must(out.status, &out.error);
    assert_true(out.verdict->identical);
    assert_int_equal(out.verdict->pairs, 0);
    assert_int_equal(out.verdict->verdict_code, 0);
    bt_gate_verdict_close(&out.verdict);
    out = race("./a", "./b", 12, true);
    must(out.status, &out.error);
    assert_false(out.verdict->identical);
    assert_int_equal(out.verdict->pairs, 8);
    assert_int_equal(out.verdict->verdict, BT_GATE_SAME);
    bt_gate_verdict_close(&out.verdict);
}

static void assert_incomparable(const char *why) {
    outcome out = race("./a", "./b", 12, false);
    must(out.status, &out.error);
    assert_int_equal(out.verdict->verdict, BT_GATE_INCOMPARABLE);
    assert_int_equal(out.verdict->verdict_code, 4);
    says(out.verdict->why, why);
    bt_gate_verdict_close(&out.verdict);
}

static void an_old_version_that_cannot_answer_is_incomparable(void **state) {
    (void)state;
    put_probe("./b", METRIC("x"), "echo 5");
    put_program("./a", "echo 'unknown option --ask' >&2\nexit 2\n");
    assert_incomparable("unknown option --ask");
    put_program("./a", "echo hello\n");
    assert_incomparable("");
}

static void assert_broken(const char *message) {
    outcome out = race("./a", "./b", 12, false);
    assert_int_equal(out.status, BT_BACKEND);
    says(out.error.message, message);
    bt_gate_verdict_close(&out.verdict);
}

static void a_new_version_that_fails_is_a_failure(void **state) {
    (void)state;
    put_probe("./a", METRIC("x"), "echo 5");
    put_program("./b", "kill -SEGV $$\n");
    assert_broken("signal 11");
    put_probe("./b", METRIC("x"), "if [ $n = 2 ]; then echo 'out of luck' >&2; exit 1; fi; echo 5");
    assert_broken("out of luck");
    put_probe("./b", METRIC("x"), "echo 0");
    assert_broken("");
}

static void a_metric_of_one_side_is_told(void **state) {
    (void)state;
    put_probe("./a", METRIC("x") "," METRIC("old"), "echo 5");
    put_probe("./b", METRIC("x") "," METRIC("new"), "echo 5");
    outcome out = race("./a", "./b", 8, false);
    must(out.status, &out.error);
    assert_int_equal(bt_gate_row_find(out.verdict, "new")->verdict, BT_GATE_NEW);
    assert_int_equal(bt_gate_row_find(out.verdict, "old")->verdict, BT_GATE_INCOMPARABLE);
    assert_int_equal(bt_gate_row_find(out.verdict, "x")->verdict, BT_GATE_SAME);
    assert_int_equal(out.verdict->verdict, BT_GATE_INCOMPARABLE);
    bt_gate_verdict_close(&out.verdict);
}

static void a_program_without_a_metric_measured_nothing(void **state) {
    (void)state;
    put_probe("./a", "", "echo 5");
    put_probe("./b", "", "echo 6");
    outcome out = race("./a", "./b", 8, false);
    must(out.status, &out.error);
    assert_int_equal(out.verdict->verdict, BT_GATE_INCONCLUSIVE);
    assert_int_equal(out.verdict->verdict_code, 4);
    bt_gate_verdict_close(&out.verdict);
}

static void a_childs_end_is_told(void **state) {
    (void)state;
    char *text;
    bt_error error;
    const char *const echo[] = {"/bin/echo", "two words", NULL}, *const none[] = {"no-such-program", NULL};
    const char *const sleeps[] = {"/bin/sleep", "60", NULL}, *const fails[] = {
                                                                 "/bin/sh", "-c",
                                                                 "echo a >&2; echo b >&2; exit 7", NULL};
    const char *const refuses[] = {"/bin/sh", "-c", "echo no such weights >&2; exit 2", NULL};
    must(bt_child_run(echo, BT_NS_PER_S * 60, NULL, &text, &error), &error);
    assert_string_equal(text, "two words\n");
    free(text);
    assert_int_equal(bt_child_run(none, BT_NS_PER_S * 60, NULL, &text, &error), BT_UNSUPPORTED);
    assert_int_equal(bt_child_run(fails, BT_NS_PER_S * 60, NULL, &text, &error), BT_BACKEND);
    assert_non_null(strstr(error.message, "status 7: b"));
    assert_int_equal(bt_child_run(refuses, BT_NS_PER_S * 60, NULL, &text, &error), BT_INVALID);
    assert_string_equal(error.message, "no such weights");
    assert_int_equal(bt_child_run(sleeps, BT_NS_PER_MS, NULL, &text, &error), BT_TIMEOUT);
    volatile sig_atomic_t stop = 1;
    assert_int_equal(bt_child_run(sleeps, BT_NS_PER_S * 60, &stop, &text, &error), BT_CLOSED);
    assert_null(text);
}

#define IN_SCRATCH(test) cmocka_unit_test_setup_teardown(test, bt_scratch_enter, bt_scratch_leave)

int main(void) {
    const struct CMUnitTest tests[] = {
        IN_SCRATCH(a_slower_program_is_found_whatever_slows_both),
        IN_SCRATCH(identical_programs_are_the_same_at_once),
        IN_SCRATCH(an_old_version_that_cannot_answer_is_incomparable),
        IN_SCRATCH(a_new_version_that_fails_is_a_failure),
        IN_SCRATCH(a_metric_of_one_side_is_told),
        IN_SCRATCH(a_program_without_a_metric_measured_nothing),
        cmocka_unit_test(a_childs_end_is_told),
    };
    return cmocka_run_group_tests_name("gate-race", tests, NULL, NULL);
}
