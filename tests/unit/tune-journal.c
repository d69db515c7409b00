/* What was measured is on disk, whole line by whole line, whatever happens to the one who writes. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
/* cmocka wants the four above first */
#include <cmocka.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/files.h"
#include "base/random.h"
#include "scratch.h"
#include "tune/journal.h"

#define JOURNAL "journal.jsonl"

static bt_journal *open_journal(void) {
    bt_journal *journal;
    bt_error error;
    if (bt_journal_open(&journal, JOURNAL, &error)) fail_msg("%s", error.message);
    return journal;
}

static void append(bt_journal *journal, int number) {
    bt_error error;
    if (bt_journal_append(journal, json_pack("{s:i}", "n", number), &error)) fail_msg("%s", error.message);
}

static void put(const char *text) {
    bt_error error;
    if (bt_file_replace(JOURNAL, text, strlen(text), false, &error)) fail_msg("%s", error.message);
}

static void assert_file_is(const char *text) {
    char *found = NULL;
    size_t size;
    bt_error error;
    if (bt_file_read(JOURNAL, 1 << 20, &found, &size, &error)) fail_msg("%s", error.message);
    assert_string_equal(found, text);
    free(found);
}

/* How many lines it holds; each must bear its own number, from 0. */
static int count_lines(void) {
    json_t *lines;
    bt_error error;
    if (bt_journal_load(&lines, JOURNAL, &error)) fail_msg("%s", error.message);
    int count = (int)json_array_size(lines);
    for (int i = 0; i < count; i++)
        assert_int_equal(json_integer_value(json_object_get(json_array_get(lines, (size_t)i), "n")), i);
    json_decref(lines);
    return count;
}

static void assert_load_fails(bt_status status, const char *words) {
    json_t *lines;
    bt_error error;
    assert_int_equal(bt_journal_load(&lines, JOURNAL, &error), status);
    assert_null(lines);
    if (!strstr(error.message, words)) fail_msg("\"%s\" does not say \"%s\"", error.message, words);
}

/* ---- writing and reading ---- */

static void lines_come_back_in_order(void **state) {
    (void)state;
    bt_journal *journal = open_journal();
    assert_int_equal(count_lines(), 0);
    for (int i = 0; i < 5; i++) {
        append(journal, i);
        assert_int_equal(count_lines(), i + 1); /* each is there before the next is begun */
    }
    bt_journal_close(&journal);
    assert_null(journal);
    bt_journal_close(&journal);
    journal = open_journal();
    append(journal, 5);
    bt_journal_close(&journal);
    assert_int_equal(count_lines(), 6);
}

static void a_missing_journal_cannot_be_read(void **state) {
    (void)state;
    assert_load_fails(BT_IO, JOURNAL);
    bt_journal *journal;
    bt_error error;
    assert_int_equal(bt_journal_open(&journal, "nowhere/journal.jsonl", &error), BT_IO);
    assert_null(journal);
}

static void nothing_to_append_is_memory_that_ran_out(void **state) {
    (void)state;
    bt_journal *journal = open_journal();
    bt_error error;
    assert_int_equal(bt_journal_append(journal, NULL, &error), BT_NO_MEMORY);
    append(journal, 0);
    bt_journal_close(&journal);
    assert_int_equal(count_lines(), 1);
}

/* ---- cut off ---- */

static void an_unfinished_last_line_is_passed_over_and_then_cut_off(void **state) {
    (void)state;
    static const char whole[] = "{\"n\":0}\n{\"n\":1}\n", last[] = "{\"n\":2}";
    for (size_t length = 0; length < sizeof last; length++) { /* a whole line but for its newline, too */
        char text[64];
        snprintf(text, sizeof text, "%s%.*s", whole, (int)length, last);
        put(text);
        assert_int_equal(count_lines(), 2);
        assert_file_is(text); /* reading changes nothing */
        bt_journal *journal = open_journal();
        assert_file_is(whole);
        append(journal, 2);
        bt_journal_close(&journal);
        assert_file_is("{\"n\":0}\n{\"n\":1}\n{\"n\":2}\n");
    }
}

static void a_first_line_cut_off_leaves_an_empty_journal(void **state) {
    (void)state;
    put("{\"run\": {");
    assert_int_equal(count_lines(), 0);
    bt_journal *journal = open_journal();
    append(journal, 0);
    bt_journal_close(&journal);
    assert_int_equal(count_lines(), 1);
}

static void a_corrupt_line_is_named(void **state) {
    (void)state;
    put("{\"n\":0}\n{\"n\":1\n{\"n\":2}\n");
    assert_load_fails(BT_PARSE, JOURNAL ":2: ");
    put("{\"n\":0}\n{\"n\":1}\n[2]\n");
    assert_load_fails(BT_PARSE, JOURNAL ":3: no journal line: not an object");
    put("{\"n\":0, \"n\":1}\n");
    assert_load_fails(BT_PARSE, JOURNAL ":1: ");
    put("\n");
    assert_load_fails(BT_PARSE, JOURNAL ":1: ");
}

/* ---- trouble ---- */

/* A disk that is full in the middle of a line: the line is refused, and what was there stays as it was. */
static void a_failed_write_leaves_whole_lines(void **state) {
    (void)state;
    struct rlimit before, tight;
    bt_error error;
    bt_journal *journal = open_journal();
    append(journal, 0);
    append(journal, 1);
    void (*handler)(int) = signal(SIGXFSZ, SIG_IGN);
    assert_int_equal(getrlimit(RLIMIT_FSIZE, &before), 0);
    tight = before;
    tight.rlim_cur = 2 * strlen("{\"n\":0}\n") + 3;
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &tight), 0);
    bt_status status = bt_journal_append(journal, json_pack("{s:i}", "n", 2), &error);
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &before), 0);
    signal(SIGXFSZ, handler);
    assert_int_equal(status, BT_NOT_WRITTEN);
    if (!strstr(error.message, JOURNAL)) fail_msg("\"%s\" does not name the journal", error.message);
    assert_file_is("{\"n\":0}\n{\"n\":1}\n");
    append(journal, 2); /* there is room again */
    bt_journal_close(&journal);
    assert_int_equal(count_lines(), 3);
}

/* Appends from line `number` on until it is killed, and tells each line that it believes to be safe. */
static void write_until_killed(int number, int safe_fd) {
    bt_error error;
    bt_journal *journal;
    if (bt_journal_open(&journal, JOURNAL, &error)) _exit(1);
    for (;; number++) {
        json_t *line = json_pack("{s:i, s:s}", "n", number, "text", "some line of a journal, not too short");
        if (bt_journal_append(journal, line, &error) || write(safe_fd, &number, sizeof number) < 0) _exit(1);
    }
}

/* Every line whose writing returned is there after SIGKILL, and those who come after go on from it. */
static void what_was_appended_survives_a_kill(void **state) {
    (void)state;
    bt_random random = bt_random_stream(1, "test kills");
    for (int round = 0, lines = 0; round < 40; round++) {
        int safe[2], last = lines - 1, status;
        assert_int_equal(pipe(safe), 0);
        pid_t writer = fork();
        if (writer == 0) write_until_killed(lines, safe[1]);
        assert_true(writer > 0);
        close(safe[1]);
        bt_clock_sleep_until_ns(bt_clock_now_ns() + (int64_t)bt_random_below(&random, 30 * BT_NS_PER_MS));
        assert_int_equal(kill(writer, SIGKILL), 0);
        assert_int_equal(waitpid(writer, &status, 0), writer);
        assert_true(WIFSIGNALED(status));
        while (read(safe[0], &last, sizeof last) == sizeof last) {
        }
        close(safe[0]);
        if (!bt_file_exists(JOURNAL)) continue; /* killed before it began */
        lines = count_lines();
        assert_in_range(lines, last + 1, last + 2); /* one may be written, but not told of yet */
    }
    assert_true(count_lines() > 0);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, bt_scratch_enter, bt_scratch_leave)

int main(void) {
    const struct CMUnitTest tests[] = {
        TEST(lines_come_back_in_order),
        TEST(a_missing_journal_cannot_be_read),
        TEST(nothing_to_append_is_memory_that_ran_out),
        TEST(an_unfinished_last_line_is_passed_over_and_then_cut_off),
        TEST(a_first_line_cut_off_leaves_an_empty_journal),
        TEST(a_corrupt_line_is_named),
        TEST(a_failed_write_leaves_whole_lines),
        TEST(what_was_appended_survives_a_kill),
    };
    return cmocka_run_group_tests_name("tune: the journal", tests, NULL, NULL);
}
