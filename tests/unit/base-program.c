/* What a program sets up before its main begins: its standard descriptors, and what signals do. Each is
 * tried in a child of its own, since it is the whole process's. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/command.h"
#include "base/files.h"
#include "base/program.h"
#include "scratch.h"

#define HANG_S 60 /* what hangs dies by the alarm */

/* How a child ends that does `body`. */
static int end_of(int (*body)(void)) {
    int how;
    fflush(NULL);
    pid_t child = fork();
    assert_true(child >= 0);
    if (child == 0) {
        alarm(HANG_S);
        _exit(body());
    }
    assert_int_equal(waitpid(child, &how, 0), child);
    return how;
}

static void assert_good(int (*body)(void)) {
    int how = end_of(body);
    if (!WIFEXITED(how) || WEXITSTATUS(how) != 0)
        fail_msg("the child ended with %d, by signal %d", WEXITSTATUS(how),
                 WIFSIGNALED(how) ? WTERMSIG(how) : 0);
}

static void assert_interrupted(int (*body)(void)) {
    int how = end_of(body);
    assert_true(WIFEXITED(how) && WEXITSTATUS(how) == BT_EXIT_INTERRUPTED);
}

/* ---- descriptors ---- */

static int open_all_after_closing_all(void) {
    for (int descriptor = 0; descriptor <= 2; descriptor++)
        close(descriptor);
    bt_program_begin(BT_SIGNALS_END);
    int file = open("result", O_WRONLY | O_CREAT | O_CLOEXEC, 0644);
    char byte;
    if (file <= STDERR_FILENO) return 1;
    for (int descriptor = 1; descriptor <= 2; descriptor++)
        if (write(descriptor, "x", 1) >= 0 || errno != EBADF) return 2;
    if (read(STDIN_FILENO, &byte, 1) >= 0 || errno != EBADF) return 3;
    return 0;
}

static void a_closed_descriptor_is_no_files(void **state) {
    (void)state;
    assert_good(open_all_after_closing_all);
}

static int print_where_it_goes(void) {
    int file = open("out", O_WRONLY | O_CREAT, 0644);
    dup2(file, STDOUT_FILENO);
    bt_program_begin(BT_SIGNALS_END);
    return write(STDOUT_FILENO, "there", 5) == 5 ? 0 : 1;
}

static void an_open_one_stays_what_it_is(void **state) {
    (void)state;
    char *text;
    size_t size;
    assert_good(print_where_it_goes);
    assert_int_equal(bt_file_read("out", 100, &text, &size, NULL), BT_OK);
    assert_string_equal(text, "there");
    free(text);
}

/* ---- signals ---- */

static int be_stopped(void) {
    const volatile sig_atomic_t *stop = bt_program_begin(BT_SIGNALS_STOP);
    if (*stop || bt_program_stopped() || !bt_program_begun()) return 1;
    raise(SIGINT);
    return *stop && bt_program_stopped() ? 0 : 2;
}

static int be_ended_by_the_second(void) {
    bt_program_begin(BT_SIGNALS_STOP);
    raise(SIGINT);
    raise(SIGTERM);
    return 3;
}

static int be_ended_though_it_was_ignored(void) {
    signal(SIGINT, SIG_IGN); /* as a shell has it for what runs in its background */
    bt_program_begin(BT_SIGNALS_END);
    raise(SIGINT);
    return 3;
}

static void a_second_signal_ends_what_the_first_only_stops(void **state) {
    (void)state;
    assert_good(be_stopped);
    int how = end_of(be_ended_by_the_second);
    assert_true(WIFSIGNALED(how) && WTERMSIG(how) == SIGTERM);
    assert_interrupted(be_ended_though_it_was_ignored);
}

static int be_stopped_after_a_wait(void) {
    const volatile sig_atomic_t *stop = bt_program_begin(BT_SIGNALS_STOP);
    bt_program_waits(true);
    bt_program_waits(false);
    raise(SIGTERM);
    return *stop ? 0 : 1;
}

static int be_ended_in_a_wait(void) {
    bt_program_begin(BT_SIGNALS_STOP);
    bt_program_waits(true);
    raise(SIGTERM);
    return 3;
}

static void the_first_signal_ends_a_wait_that_has_nothing_to_keep(void **state) {
    (void)state;
    assert_good(be_stopped_after_a_wait);
    assert_interrupted(be_ended_in_a_wait);
}

static int write_without_a_reader(void) {
    int ends[2];
    bt_program_begin(BT_SIGNALS_END);
    if (pipe(ends) != 0) return 1;
    close(ends[0]);
    return write(ends[1], "x", 1) < 0 && errno == EPIPE ? 0 : 2;
}

static void a_reader_that_has_gone_ends_nothing(void **state) {
    (void)state;
    assert_good(write_without_a_reader);
}

/* The signal comes before the wait or within it: it is seen either way. */
static int be_stopped_while_reading(void) {
    bt_error error;
    char *text;
    size_t size;
    bt_program_begin(BT_SIGNALS_STOP);
    if (mkfifo("begun", 0600) != 0) return 1;
    if (bt_file_read("pipe", 100, &text, &size, &error) != BT_CANCELLED) return 2;
    return strcmp(error.message, "pipe: interrupted while a pipe was waited for") == 0 ? 0 : 3;
}

static void a_signal_ends_the_wait_for_a_pipe(void **state) {
    (void)state;
    int how;
    for (int with_writer = 0; with_writer <= 1; with_writer++) {
        assert_int_equal(mkfifo("pipe", 0600), 0);
        int writer = with_writer ? open("pipe", O_RDWR) : -1; /* one who never writes */
        fflush(NULL);
        pid_t child = fork();
        assert_true(child >= 0);
        if (child == 0) {
            alarm(HANG_S);
            _exit(be_stopped_while_reading());
        }
        while (!bt_file_exists("begun"))
            usleep(1000);
        kill(child, SIGINT);
        assert_int_equal(waitpid(child, &how, 0), child);
        assert_true(WIFEXITED(how) && WEXITSTATUS(how) == 0);
        if (writer >= 0) close(writer);
        unlink("begun");
        unlink("pipe");
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_closed_descriptor_is_no_files),
        cmocka_unit_test(an_open_one_stays_what_it_is),
        cmocka_unit_test(the_first_signal_ends_a_wait_that_has_nothing_to_keep),
        cmocka_unit_test(a_second_signal_ends_what_the_first_only_stops),
        cmocka_unit_test(a_reader_that_has_gone_ends_nothing),
        cmocka_unit_test(a_signal_ends_the_wait_for_a_pipe),
    };
    return cmocka_run_group_tests_name("base-program", tests, bt_scratch_enter, bt_scratch_leave);
}
