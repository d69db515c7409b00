/* The turns of a stored record: all of them, as many as the time holds, or those before an interruption. The
 * programs are a few lines of shell; no figure depends on a clock. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "base/clock.h"
#include "gate/turns.h"
#include "scratch.h"

static volatile sig_atomic_t stop;

static void on_signal(int signal_number) {
    (void)signal_number;
    stop = 1;
}

/* A probe that runs `first` and then prints its record; $n counts its turns. */
static void put_probe(const char *first) {
    FILE *out = fopen("probe", "w");
    assert_non_null(out);
    fprintf(
        out,
        "#!/bin/sh\necho x >>turns; n=$(wc -l <turns)\n%s\n"
        "echo '{\"schema_version\":1,\"kind\":\"gate\",\"started_at\":\"\",\"command\":\"\",\"settings\":"
        "\"told\",\"machine\":{\"fingerprint\":\"\",\"cpu\":\"made up\",\"cores\":2,\"memory_bytes\":1,"
        "\"clock_policy\":\"\",\"gpu\":\"\",\"gpu_memory_bytes\":0},\"subject\":{\"tool_version\":\"\","
        "\"revision\":\"\",\"runtime\":\"\",\"runtime_detail\":\"\",\"gpu_driver\":\"\"},\"promises\":[],"
        "\"metrics\":[{\"metric\":\"m\",\"unit\":\"ms\",\"work\":\"w\",\"quantile\":0.5,\"samples\":[1,2]}]"
        "}'\n",
        first);
    assert_int_equal(fclose(out), 0);
    assert_int_equal(chmod("probe", 0755), 0);
    remove("turns");
    stop = 0;
}

/* What came of turns of a probe whose n-th run begins with `script`. */
static bt_gate_record *taken(const char *script, int wanted, int64_t budget_ns, bt_status expected,
                             bt_error *error) {
    bt_gate_record *record;
    put_probe(script);
    const bt_turns turns = {.program = "./probe",
                            .settings_text = "{}",
                            .wanted = wanted,
                            .time_budget_ns = budget_ns,
                            .stop = &stop};
    assert_int_equal(bt_gate_record_open(&record, error), BT_OK);
    bt_status status = bt_turns_take(record, &turns, error);
    if (status != expected) fail_msg("%d: %s", status, error->message);
    return record;
}

static void all_turns_are_taken(void **state) {
    (void)state;
    bt_error error = {BT_OK, ""};
    bt_gate_record *record = taken("", 3, 0, BT_OK, &error);
    assert_int_equal(record->series[0].turn_count, 3);
    assert_int_equal(record->series[0].sample_count, 6);
    assert_string_equal(record->settings, "told");
    assert_string_equal(record->machine.cpu, "made up");
    assert_string_equal(record->partial, "");
    bt_gate_record_close(&record);
}

static void the_time_budget_ends_it_after_a_turn_at_least(void **state) {
    (void)state;
    bt_error error = {BT_OK, ""};
    bt_gate_record *record = taken("", 9, 1, BT_OK, &error);
    assert_int_equal(record->series[0].turn_count, 1);
    assert_string_equal(record->partial, "the time budget held 1 of 9 turns");
    bt_gate_record_close(&record);
    record = taken("", 2, 3600 * BT_NS_PER_S, BT_OK, &error);
    assert_string_equal(record->partial, "");
    bt_gate_record_close(&record);
}

static void an_interruption_keeps_the_turns_that_were_whole(void **state) {
    (void)state;
    bt_error error = {BT_OK, ""};
    bt_gate_record *record =
        taken("[ $n -lt 3 ] || { kill -USR1 $PPID; exec sleep 600; }", 9, 0, BT_OK, &error);
    assert_int_equal(record->series[0].turn_count, 2);
    assert_string_equal(record->partial, "interrupted after 2 of 9 turns");
    bt_gate_record_close(&record);
    record = taken("kill -USR1 $PPID; exec sleep 600", 9, 0, BT_CLOSED, &error);
    assert_int_equal(record->series_count, 0);
    assert_string_equal(error.message, "interrupted");
    bt_gate_record_close(&record);
}

static void a_turn_that_fails_is_told(void **state) {
    (void)state;
    bt_error error = {BT_OK, ""};
    bt_gate_record *record =
        taken("[ $n -lt 2 ] || { echo 'no such device' >&2; exit 2; }", 9, 0, BT_INVALID, &error);
    assert_non_null(strstr(error.message, "no such device"));
    bt_gate_record_close(&record);
}

#define IN_FOLDER(test) cmocka_unit_test_setup_teardown(test, bt_scratch_enter, bt_scratch_leave)

int main(void) {
    const struct CMUnitTest tests[] = {
        IN_FOLDER(all_turns_are_taken),
        IN_FOLDER(the_time_budget_ends_it_after_a_turn_at_least),
        IN_FOLDER(an_interruption_keeps_the_turns_that_were_whole),
        IN_FOLDER(a_turn_that_fails_is_told),
    };
    signal(SIGUSR1, on_signal);
    return cmocka_run_group_tests_name("gate-turns", tests, NULL, NULL);
}
