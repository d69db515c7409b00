/* The log's lines are whole, and progress never spoils them. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
/* cmocka wants the four above first */
#include <cmocka.h>
#include <math.h>
#include <pthread.h>
#include <pty.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/files.h"
#include "base/log.h"
#include "scratch.h"

/* ---- a log whose terminal is a plain file ---- */

typedef struct plain {
    FILE *out;
    bt_log *log;
    char *text;
    size_t size;
} plain;

static plain open_plain(bt_log_level level, const char *file) {
    plain made = {0};
    made.out = tmpfile();
    assert_non_null(made.out);
    assert_int_equal(bt_log_open(&made.log, made.out, level, file, NULL), BT_OK);
    return made;
}

/* All that was written so far. */
static const char *heard(plain *from) {
    long length = ftell(from->out);
    free(from->text);
    from->text = calloc(1, (size_t)length + 1);
    rewind(from->out);
    assert_int_equal(fread(from->text, 1, (size_t)length, from->out), length);
    fseek(from->out, 0, SEEK_END);
    return from->text;
}

static void close_plain(plain *from) {
    bt_log_close(&from->log);
    fclose(from->out);
    free(from->text);
}

static void a_log_that_is_null_says_nothing(void **state) {
    (void)state;
    bt_log *log = NULL;
    bt_log_write(log, BT_LOG_ERROR, "%d", 1);
    bt_log_progress(log, 0, 0.5, "%d", 1);
    bt_log_close(&log);
    assert_int_equal(bt_log_open(&log, NULL, BT_LOG_INFO, NULL, NULL), BT_OK);
    bt_log_write(log, BT_LOG_ERROR, "%d", 1);
    bt_log_progress(log, 0, 0.5, "%d", 1);
    bt_log_close(&log);
    assert_null(log);
}

static void the_terminal_hears_its_level_and_above(void **state) {
    (void)state;
    plain terminal = open_plain(BT_LOG_INFO, NULL);
    bt_log *log = terminal.log;
    bt_log_write(log, BT_LOG_DETAIL, "unheard");
    bt_log_write(log, BT_LOG_INFO, "batch %d", 8);
    bt_log_write(log, BT_LOG_WARNING, "gnuplot is missing");
    bt_log_write(log, BT_LOG_ERROR, "disk full");
    assert_string_equal(heard(&terminal), "batch 8\nwarning: gnuplot is missing\nerror: disk full\n");
    close_plain(&terminal);
}

static void the_file_hears_everything_with_time_and_level(void **state) {
    (void)state;
    char *text = NULL;
    size_t size;
    int year, used = 0;
    bt_log *log;
    for (int run = 0; run < 2; run++) { /* the second appends */
        assert_int_equal(bt_log_open(&log, NULL, BT_LOG_ERROR, "log.txt", NULL), BT_OK);
        bt_log_write(log, BT_LOG_DETAIL, "run %d", run);
        bt_log_write(log, BT_LOG_WARNING, "odd");
        bt_log_progress(log, 0, 0.5, "not here");
        bt_log_close(&log);
    }
    assert_int_equal(bt_file_read("log.txt", 10000, &text, &size, NULL), BT_OK);
    assert_int_equal(sscanf(text, "%4d-%*2d-%*2dT%*2d:%*2d:%*2dZ detail  run 0\n%n", &year, &used), 1);
    assert_true(year >= 2024 && used > 0);
    assert_non_null(strstr(text, "Z warning odd\n"));
    assert_non_null(strstr(text, "Z detail  run 1\n"));
    assert_null(strstr(text, "not here"));
    free(text);
}

static void a_file_that_cannot_be_opened_is_told(void **state) {
    (void)state;
    bt_log *log = (bt_log *)&log;
    bt_error error;
    assert_int_equal(bt_log_open(&log, NULL, BT_LOG_INFO, "/nowhere/log.txt", &error), BT_IO);
    assert_string_equal(error.message,
                        "/nowhere/log.txt: the log cannot be written: No such file or directory");
    assert_null(log);
}

static void lines_are_one_line_each(void **state) {
    (void)state;
    plain terminal = open_plain(BT_LOG_INFO, NULL);
    bt_log *log = terminal.log;
    bt_log_write(log, BT_LOG_INFO, "a\nb\tc\x1b[2J\n");
    assert_string_equal(heard(&terminal), "a b c [2J\n");
    bt_log_write(log, BT_LOG_INFO, "%0*d", 3000, 0);
    const char *text = heard(&terminal);
    assert_int_equal(strlen(text), strlen("a b c [2J\n") + BT_LOG_LINE_SIZE);
    assert_string_equal(text + strlen(text) - 4, "...\n");
    close_plain(&terminal);
}

/* ---- many threads ---- */

#define LINES 2000

typedef struct speaker {
    bt_log *log;
    char letter;
} speaker;

static void *speak(void *argument) {
    speaker *self = argument;
    char word[300];
    for (int i = 0; i < LINES; i++) {
        int length = 1 + (i * 37) % 250;
        memset(word, self->letter, (size_t)length);
        word[length] = '\0';
        bt_log_write(self->log, BT_LOG_INFO, "%d %s", i, word);
    }
    return NULL;
}

/* Each thread's lines come whole and in order. `skip` is what stands before them. */
static void assert_unmixed(char *text, size_t skip) {
    int next[2] = {0, 0};
    for (char *line = text, *end; *line; line = end + 1) {
        end = strchr(line, '\n');
        assert_non_null(end);
        *end = '\0';
        int number = -1, used = 0;
        assert_int_equal(sscanf(line + skip, "%d %n", &number, &used), 1);
        const char *word = line + skip + used;
        int which = *word == 'b';
        assert_int_equal(number, next[which]++);
        assert_int_equal(strlen(word), 1 + (number * 37) % 250);
        assert_int_equal(strspn(word, which ? "b" : "a"), strlen(word));
    }
    assert_int_equal(next[0], LINES);
    assert_int_equal(next[1], LINES);
}

static void lines_of_two_threads_do_not_mix(void **state) {
    (void)state;
    char *text = NULL;
    size_t size;
    plain terminal = open_plain(BT_LOG_INFO, "log.txt");
    bt_log *log = terminal.log;
    speaker one = {log, 'a'}, other = {log, 'b'};
    pthread_t threads[2];
    assert_int_equal(pthread_create(&threads[0], NULL, speak, &one), 0);
    assert_int_equal(pthread_create(&threads[1], NULL, speak, &other), 0);
    pthread_join(threads[0], NULL);
    pthread_join(threads[1], NULL);
    bt_log_close(&terminal.log);
    heard(&terminal);
    assert_unmixed(terminal.text, 0);
    assert_int_equal(bt_file_read("log.txt", 10 << 20, &text, &size, NULL), BT_OK);
    assert_unmixed(text, strlen("2026-01-31T12:34:56Z info    "));
    free(text);
    close_plain(&terminal);
}

/* ---- progress where nothing can be drawn over ---- */

#define S BT_NS_PER_S

static void plain_progress_is_a_line_now_and_then(void **state) {
    (void)state;
    plain terminal = open_plain(BT_LOG_INFO, NULL);
    bt_log *log = terminal.log;
    bt_log_progress(log, 100 * S, 0.00, "hrnet: batch %d", 1);
    bt_log_progress(log, 101 * S, 0.05, "unheard");
    bt_log_progress(log, 102 * S, 0.10, "hrnet: batch 2");
    bt_log_progress(log, 111 * S, 0.15, "unheard");
    bt_log_progress(log, 112 * S, 0.15, "slow");
    bt_log_write(log, BT_LOG_INFO, "a line");
    bt_log_progress(log, 120 * S, 0.25, "faster");
    bt_log_progress(log, 121 * S, 1.00, "done");
    assert_string_equal(heard(&terminal), "  0 %  hrnet: batch 1\n"
                                          " 10 %, 18 s left  hrnet: batch 2\n"
                                          " 15 %, 1 min 08 s left  slow\n"
                                          "a line\n"
                                          " 25 %, 1 min 00 s left  faster\n"
                                          "100 %, 21 s  done\n");
    close_plain(&terminal);
}

/* What is reported, at so many seconds. */
typedef struct reported {
    int at_s;
    double fraction;
    const char *text;
} reported;

static void assert_progress(const reported *told, size_t count, const char *wanted) {
    plain terminal = open_plain(BT_LOG_INFO, NULL);
    for (size_t i = 0; i < count; i++)
        bt_log_progress(terminal.log, told[i].at_s * S, told[i].fraction, "%s", told[i].text);
    assert_string_equal(heard(&terminal), wanted);
    close_plain(&terminal);
}

/* The second is resumed half way: its rate counts from there. */
static void the_next_work_starts_its_own_clock(void **state) {
    (void)state;
    static const reported told[] = {
        {0, 0, "one"},    {10, 1, "one"},      {100, 0.5, "two"},  {7300, 0.75, "two"},
        {7301, 7, "two"}, {7302, -5, "three"}, {7303, 1, "three"},
    };
    assert_progress(told, sizeof told / sizeof *told,
                    "  0 %  one\n100 %, 10 s  one\n 50 %  two\n 75 %, 2 h 00 min left  two\n"
                    "100 %, 2 h 00 min  two\n  0 %  three\n100 %, 1 s  three\n");
}

/* A plan that turns out longer must not make a bar run backwards. */
static void progress_never_falls(void **state) {
    (void)state;
    static const reported told[] = {
        {0, 0, "compare"},    {10, 0.5, "compare"},  {30, 0.1, "measure"},
        {45, NAN, "measure"}, {60, 0.75, "measure"},
    };
    assert_progress(told, sizeof told / sizeof *told,
                    "  0 %  compare\n 50 %, 10 s left  compare\n 50 %, 30 s left  measure\n"
                    " 50 %, 45 s left  measure\n 75 %, 20 s left  measure\n");
}

static void a_quiet_terminal_has_no_progress(void **state) {
    (void)state;
    plain terminal = open_plain(BT_LOG_WARNING, NULL);
    bt_log *log = terminal.log;
    bt_log_progress(log, 0, 0.5, "unheard");
    assert_string_equal(heard(&terminal), "");
    close_plain(&terminal);
}

/* ---- progress on a tty ---- */

typedef struct tty {
    int master;
    FILE *out;
    char text[8192];
} tty;

static void open_tty(tty *made, unsigned short columns, const char *kind) {
    struct winsize size = {.ws_row = 24, .ws_col = columns};
    struct termios raw;
    int slave;
    setenv("TERM", kind, 1);
    memset(&raw, 0, sizeof raw);
    cfmakeraw(&raw); /* bytes arrive as they were written */
    assert_int_equal(openpty(&made->master, &slave, NULL, &raw, &size), 0);
    made->out = fdopen(slave, "w");
    assert_non_null(made->out);
    setvbuf(made->out, NULL, _IONBF, 0); /* as standard error is: what is written at once arrives at once */
}

/* What was written since the last call; there is always something, or the test hangs and fails. */
static const char *seen(tty *from) {
    alarm(20);
    ssize_t length = read(from->master, from->text, sizeof from->text - 1);
    alarm(0);
    assert_true(length >= 0);
    from->text[length] = '\0';
    return from->text;
}

static void close_tty(tty *from) {
    fclose(from->out);
    close(from->master);
}

#define CLEAR "\r\x1b[K"

static void a_tty_has_one_line_that_is_redrawn(void **state) {
    (void)state;
    tty terminal;
    bt_log *log;
    open_tty(&terminal, 80, "xterm");
    assert_int_equal(bt_log_open(&log, terminal.out, BT_LOG_INFO, NULL, NULL), BT_OK);
    bt_log_write(log, BT_LOG_INFO, "before");
    assert_string_equal(seen(&terminal), "before\n");
    bt_log_progress(log, 0, 0, "hrnet: batch %d", 1);
    assert_string_equal(seen(&terminal), CLEAR "[....................]   0 %  hrnet: batch 1");
    bt_log_progress(log, 5 * S, 0.25, "hrnet: batch 2");
    assert_string_equal(seen(&terminal), CLEAR "[#####...............]  25 %, 15 s left  hrnet: batch 2");
    bt_log_write(log, BT_LOG_WARNING, "noisy");
    assert_string_equal(seen(&terminal), CLEAR "warning: noisy\n"
                                               "[#####...............]  25 %, 15 s left  hrnet: batch 2");
    bt_log_progress(log, 5 * S + 99 * BT_NS_PER_MS, 0.5, "too soon"); /* not drawn: the next read sees */
    bt_log_progress(log, 20 * S, 1, "done");
    assert_string_equal(seen(&terminal), CLEAR "[####################] 100 %, 20 s  done\n");
    bt_log_write(log, BT_LOG_INFO, "after");
    assert_string_equal(seen(&terminal), "after\n");
    bt_log_progress(log, 30 * S, 0.5, "cut off");
    seen(&terminal);
    bt_log_close(&log);
    assert_string_equal(seen(&terminal), "\n"); /* the shell's prompt starts on a line of its own */
    close_tty(&terminal);
}

typedef struct listener {
    int master;
    char *text;
    size_t size;
} listener;

/* Reads until the other end closes, as a terminal would. */
static void *listen_on(void *argument) {
    listener *self = argument;
    FILE *all = open_memstream(&self->text, &self->size);
    char bytes[4096];
    for (ssize_t length; (length = read(self->master, bytes, sizeof bytes)) > 0;)
        fwrite(bytes, 1, (size_t)length, all);
    fclose(all);
    return NULL;
}

static void *advance(void *argument) {
    speaker *self = argument;
    for (int i = 0; i <= LINES; i++)
        bt_log_progress(self->log, i * 50 * BT_NS_PER_MS, i / (double)LINES, "%c", self->letter);
    return NULL;
}

/* Between clearings and line ends stands a whole bar or a whole line. Without the mutex this fails by luck,
 * and under the thread sanitizer always. */
static void a_tty_shared_by_two_threads_is_not_garbled(void **state) {
    (void)state;
    tty terminal;
    bt_log *log;
    pthread_t threads[3];
    open_tty(&terminal, 400, "xterm"); /* no line goes on in a next one */
    assert_int_equal(bt_log_open(&log, terminal.out, BT_LOG_INFO, NULL, NULL), BT_OK);
    speaker lines = {log, 'a'}, progress = {log, 'b'};
    listener heard_by = {terminal.master, NULL, 0};
    assert_int_equal(pthread_create(&threads[0], NULL, listen_on, &heard_by), 0);
    assert_int_equal(pthread_create(&threads[1], NULL, speak, &lines), 0);
    assert_int_equal(pthread_create(&threads[2], NULL, advance, &progress), 0);
    pthread_join(threads[1], NULL);
    pthread_join(threads[2], NULL);
    bt_log_close(&log);
    fclose(terminal.out);
    pthread_join(threads[0], NULL);
    close(terminal.master);
    int next = 0, number, used;
    char *rest = heard_by.text;
    for (char *piece; (piece = strsep(&rest, "\r\n"));) {
        if (strncmp(piece, "\x1b[K", 3) == 0) piece += 3;
        if (!*piece) continue;
        if (*piece == '[') {
            assert_int_equal(piece[strlen(piece) - 1], 'b');
            assert_int_equal(piece[21], ']');
            continue;
        }
        assert_int_equal(sscanf(piece, "%d %n", &number, &used), 1);
        assert_int_equal(number, next++);
        assert_int_equal(strlen(piece + used), 1 + (number * 37) % 250);
        assert_int_equal(strspn(piece + used, "a"), strlen(piece + used));
    }
    assert_int_equal(next, LINES);
    free(heard_by.text);
}

static void a_narrow_tty_cuts_the_line(void **state) {
    (void)state;
    tty terminal;
    bt_log *log;
    open_tty(&terminal, 35, "xterm");
    assert_int_equal(bt_log_open(&log, terminal.out, BT_LOG_INFO, NULL, NULL), BT_OK);
    bt_log_progress(log, 0, 0.5, "\xc3\xa9\xc3\xa9\xc3\xa9 and more");
    assert_string_equal(seen(&terminal), CLEAR "[##########..........]  50 %  \xc3\xa9\xc3\xa9\xc3\xa9 ");
    bt_log_close(&log);
    close_tty(&terminal);
}

static void a_dumb_terminal_gets_plain_lines(void **state) {
    (void)state;
    tty terminal;
    bt_log *log;
    open_tty(&terminal, 80, "dumb");
    assert_int_equal(bt_log_open(&log, terminal.out, BT_LOG_INFO, NULL, NULL), BT_OK);
    bt_log_progress(log, 0, 0.5, "half");
    assert_string_equal(seen(&terminal), " 50 %  half\n");
    bt_log_close(&log);
    close_tty(&terminal);
}

#define IN_FOLDER(test) cmocka_unit_test_setup_teardown(test, bt_scratch_enter, bt_scratch_leave)

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_log_that_is_null_says_nothing),
        cmocka_unit_test(the_terminal_hears_its_level_and_above),
        IN_FOLDER(the_file_hears_everything_with_time_and_level),
        cmocka_unit_test(a_file_that_cannot_be_opened_is_told),
        cmocka_unit_test(lines_are_one_line_each),
        IN_FOLDER(lines_of_two_threads_do_not_mix),
        cmocka_unit_test(plain_progress_is_a_line_now_and_then),
        cmocka_unit_test(the_next_work_starts_its_own_clock),
        cmocka_unit_test(progress_never_falls),
        cmocka_unit_test(a_quiet_terminal_has_no_progress),
        cmocka_unit_test(a_tty_has_one_line_that_is_redrawn),
        cmocka_unit_test(a_tty_shared_by_two_threads_is_not_garbled),
        cmocka_unit_test(a_narrow_tty_cuts_the_line),
        cmocka_unit_test(a_dumb_terminal_gets_plain_lines),
    };
    return cmocka_run_group_tests_name("base-log", tests, NULL, NULL);
}
