/* A run's folder, and the way back into one that was cut off. */
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
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/files.h"
#include "scratch.h"
#include "tune/run.h"

#define RESULTS "out/results"

static json_t *header_of(int batches) {
    return json_pack("{s:s, s:i}", "device", "cpu", "batches", batches);
}

static bt_status open_run(bt_run **run, const char *kind, int batches, bool resume, bt_error *error) {
    json_t *header = header_of(batches);
    bt_status status = bt_run_open(run, RESULTS, kind, header, resume, error);
    json_decref(header);
    return status;
}

static bt_run *opened(const char *kind, bool resume) {
    bt_run *run;
    bt_error error;
    if (open_run(&run, kind, 4, resume, &error)) fail_msg("%s", error.message);
    return run;
}

static void append(bt_run *run, int number) {
    bt_error error;
    if (bt_run_append(run, json_pack("{s:i}", "n", number), &error)) fail_msg("%s", error.message);
}

static void finish(bt_run *run) {
    bt_error error;
    if (bt_run_finish(run, &error)) fail_msg("%s", error.message);
}

static void assert_refused(bt_status expected, const char *kind, int batches, const char *words) {
    bt_run *run;
    bt_error error;
    assert_int_equal(open_run(&run, kind, batches, true, &error), expected);
    assert_null(run);
    if (!strstr(error.message, words)) fail_msg("\"%s\" does not say \"%s\"", error.message, words);
}

/* A run of an earlier day, by hand: its journal's text. */
static void plant(const char *id, const char *journal) {
    char path[BT_PATH_SIZE];
    bt_error error;
    if (bt_path_join(path, &error, RESULTS "/%s", id) || bt_folder_make(path, &error) ||
        bt_path_join(path, &error, RESULTS "/%s/journal.jsonl", id) ||
        bt_file_replace(path, journal, strlen(journal), false, &error))
        fail_msg("%s", error.message);
}

#define HEADER   "{\"run\":{\"device\":\"cpu\",\"batches\":4}}\n"
#define FINISHED "{\"finished\":true}\n"

static void assert_resumes(const char *kind, const char *id, int lines_left) {
    bt_run *run = opened(kind, true);
    assert_string_equal(bt_run_id(run), id);
    assert_int_equal(bt_run_lines_left(run), lines_left);
    bt_run_close(&run);
}

/* ---- new runs ---- */

static void a_run_is_named_by_time_and_kind(void **state) {
    (void)state;
    bt_run *run = opened("tuning", false);
    int year, month, day, hour, minute, second, end = 0;
    sscanf(bt_run_id(run), "%4d-%2d-%2dT%2d%2d%2dZ-tuning%n", &year, &month, &day, &hour, &minute, &second,
           &end);
    assert_int_equal(bt_run_id(run)[end], '\0');
    assert_true(end > 0 && year > 2000);
    char folder[BT_PATH_SIZE];
    snprintf(folder, sizeof folder, "%s/%s", RESULTS, bt_run_id(run));
    assert_string_equal(bt_run_folder(run), folder);
    assert_true(bt_file_exists(folder));
    assert_int_equal(bt_run_lines_left(run), 0);
    assert_null(bt_run_replay(run));
    bt_run_close(&run);
    assert_null(run);
    bt_run_close(&run);
}

static void runs_of_one_second_have_different_names(void **state) {
    (void)state;
    char names[12][64];
    for (int i = 0; i < 12; i++) {
        bt_run *run = opened("tuning", false);
        snprintf(names[i], sizeof names[i], "%s", bt_run_id(run));
        for (int j = 0; j < i; j++)
            assert_string_not_equal(names[i], names[j]);
        bt_run_close(&run);
    }
    bt_run *run =
        opened("tuning", true); /* the last of them, though its name may end in 12 and another's in 9 */
    assert_string_equal(bt_run_id(run), names[11]);
    bt_run_close(&run);
}

static void a_folder_that_cannot_be_made_is_named(void **state) {
    (void)state;
    bt_error error;
    assert_int_equal(bt_file_replace("out", "a file", 6, false, &error), BT_OK);
    assert_refused(BT_IO, "tuning", 4, "out");
}

/* ---- resuming ---- */

static void a_cut_off_run_hands_out_its_lines(void **state) {
    (void)state;
    bt_run *run = opened("tuning", false);
    char id[64];
    snprintf(id, sizeof id, "%s", bt_run_id(run));
    for (int i = 0; i < 3; i++)
        append(run, i);
    bt_run_close(&run);
    for (int try = 0; try < 2; try++) { /* cut off again, further on */
        run = opened("tuning", true);
        assert_string_equal(bt_run_id(run), id);
        for (int i = 0; i < 3 + try; i++) {
            assert_int_equal(bt_run_lines_left(run), 3 + try - i);
            assert_int_equal(json_integer_value(json_object_get(bt_run_replay(run), "n")), i);
        }
        assert_null(bt_run_replay(run));
        append(run, 3 + try);
        bt_run_close(&run);
    }
}

static void the_newest_cut_off_run_is_found(void **state) {
    (void)state;
    plant("2026-01-01T000000Z-tuning", HEADER "{\"n\":0}\n");
    plant("2026-01-02T000000Z-tuning", HEADER "{\"n\":0}\n{\"n\":1}\n");
    plant("2026-01-03T000000Z-tuning", HEADER "{\"n\":0}\n" FINISHED); /* newer, but done */
    assert_resumes("tuning", "2026-01-02T000000Z-tuning", 2);
    plant("2026-01-02T000000Z-tuning-2", HEADER);
    plant("2026-01-02T000000Z-tuning-10", HEADER "{\"n\":0}\n{\"n\":1}\n{\"n\":2}\n{\"n\":3");
    assert_resumes("tuning", "2026-01-02T000000Z-tuning-10", 3);
}

static void runs_of_other_kinds_are_let_be(void **state) {
    (void)state;
    plant("2026-01-01T000000Z-tuning", HEADER "{\"n\":0}\n");
    plant("2026-01-02T000000Z-retuning", HEADER);
    plant("2026-01-02T000000Z-tuning-more", HEADER);
    plant("2026-01-02T000000Z-tuning-", HEADER);
    plant("copy of 2026-01-02T000000Z-load", HEADER);
    plant("tuning", HEADER);
    assert_resumes("tuning", "2026-01-01T000000Z-tuning", 1);
}

static void a_finished_run_is_not_resumed(void **state) {
    (void)state;
    bt_run *run = opened("tuning", false);
    char id[64];
    snprintf(id, sizeof id, "%s", bt_run_id(run));
    append(run, 0);
    finish(run);
    bt_run_close(&run);
    run = opened("tuning", true);
    assert_string_not_equal(bt_run_id(run), id);
    assert_int_equal(bt_run_lines_left(run), 0);
    bt_run_close(&run);
}

static void without_resume_a_cut_off_run_is_let_be(void **state) {
    (void)state;
    plant("2026-01-01T000000Z-tuning", HEADER "{\"n\":0}\n");
    bt_run *run = opened("tuning", false);
    assert_string_not_equal(bt_run_id(run), "2026-01-01T000000Z-tuning");
    bt_run_close(&run);
}

static void folders_without_a_journal_are_passed_over(void **state) {
    (void)state;
    plant("2026-01-01T000000Z-tuning", HEADER);
    plant("2026-01-02T000000Z-tuning", "");                         /* cut off before its first line */
    plant("2026-01-03T000000Z-tuning", "{\"run\":{\"device\":\"c"); /* and within it */
    bt_error error;
    assert_int_equal(bt_folder_make(RESULTS "/2026-01-04T000000Z-tuning", &error), BT_OK);
    assert_resumes("tuning", "2026-01-01T000000Z-tuning", 0);
}

/* ---- what is refused ---- */

static void other_settings_are_refused_by_name(void **state) {
    (void)state;
    plant("2026-01-01T000000Z-tuning", HEADER "{\"n\":0}\n");
    assert_refused(BT_INVALID, "tuning", 8, "had batches 4, now it is 8");
    plant("2026-01-02T000000Z-tuning", "{\"run\":{\"batches\":4}}\n");
    assert_refused(BT_INVALID, "tuning", 4, "had device unset, now it is \"cpu\"");
    plant("2026-01-03T000000Z-tuning", "{\"no\":\"header\"}\n");
    assert_refused(BT_INVALID, "tuning", 4, "unset");
    plant("2026-01-04T000000Z-tuning", "{\"run\":{\"device\":\"cpu\",\"batches\":4,\"cores_a_rank\":1}}\n");
    assert_refused(BT_INVALID, "tuning", 4, "had cores_a_rank 1, now it is unset");
}

static void a_corrupt_journal_is_named(void **state) {
    (void)state;
    plant("2026-01-01T000000Z-tuning", HEADER "{\"n\":0\n{\"n\":1}\n");
    assert_refused(BT_PARSE, "tuning", 4, "2026-01-01T000000Z-tuning/journal.jsonl:2: ");
}

static void a_run_under_way_is_refused_to_others(void **state) {
    (void)state;
    int ready[2];
    assert_int_equal(pipe(ready), 0);
    pid_t holder = fork();
    if (holder == 0) {
        bt_run *run;
        bt_error error;
        if (open_run(&run, "tuning", 4, false, &error) || write(ready[1], "", 1) != 1) _exit(1);
        pause();
        _exit(0);
    }
    assert_true(holder > 0);
    close(ready[1]);
    char byte, words[32];
    assert_int_equal(read(ready[0], &byte, 1), 1);
    close(ready[0]);
    snprintf(words, sizeof words, "process %ld", (long)holder);
    assert_refused(BT_CLOSED, "tuning", 4, words);
    kill(holder, SIGKILL);
    assert_int_equal(waitpid(holder, NULL, 0), holder);
    bt_run *run = opened("tuning", true); /* the lock went with it */
    assert_int_equal(bt_run_lines_left(run), 0);
    bt_run_close(&run);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, bt_scratch_enter, bt_scratch_leave)

int main(void) {
    const struct CMUnitTest tests[] = {
        TEST(a_run_is_named_by_time_and_kind),
        TEST(runs_of_one_second_have_different_names),
        TEST(a_folder_that_cannot_be_made_is_named),
        TEST(a_cut_off_run_hands_out_its_lines),
        TEST(the_newest_cut_off_run_is_found),
        TEST(runs_of_other_kinds_are_let_be),
        TEST(a_finished_run_is_not_resumed),
        TEST(without_resume_a_cut_off_run_is_let_be),
        TEST(folders_without_a_journal_are_passed_over),
        TEST(other_settings_are_refused_by_name),
        TEST(a_corrupt_journal_is_named),
        TEST(a_run_under_way_is_refused_to_others),
    };
    return cmocka_run_group_tests_name("tune: a run and its resuming", tests, NULL, NULL);
}
