/* How wide a text may be, and words laid out within that: help on a terminal, and what a run says there. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <pty.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "base/command.h"
#include "base/log.h"
#include "base/terminal.h"
#include "base/text.h"

static void assert_wrapped(const char *words, int column, int indent, int columns, const char *wanted) {
    char text[512] = "";
    FILE *out = fmemopen(text, sizeof text, "w");
    assert_non_null(out);
    bt_terminal_wrap(out, words, column, indent, columns);
    fclose(out);
    assert_string_equal(text, wanted);
}

static void words_go_on_below_where_they_began(void **state) {
    (void)state;
    assert_wrapped("one two three", 0, 0, 40, "one two three\n");
    assert_wrapped("one two\n  three", 0, 0, 9, "one two\nthree\n");
    assert_wrapped("some words that are many", 6, 10, 35, "    some words that are many\n");
    assert_wrapped("some words that are so many", 6, 10, 35, "    some words that are so\n          many\n");
    assert_wrapped("", 0, 0, 40, "\n");
}

static void a_word_without_room_is_broken(void **state) {
    (void)state;
    assert_wrapped("abcdefghij", 0, 0, 4, "abcd\nefgh\nij\n");
    assert_wrapped("x \xc3\xa9\xc3\xa9\xc3\xa9", 0, 0, 2, "x\n\xc3\xa9\xc3\xa9\n\xc3\xa9\n");
}

static void little_room_is_made_more(void **state) {
    (void)state;
    assert_wrapped("four words stand here", 20, 20, 30, "\n    four words stand here\n");
}

/* What came out of a terminal of so many columns. */
static char text[16384];

static FILE *open_tty(int *master, unsigned short columns) {
    struct winsize size = {.ws_row = 24, .ws_col = columns};
    struct termios raw;
    int slave;
    memset(&raw, 0, sizeof raw);
    cfmakeraw(&raw);
    assert_int_equal(openpty(master, &slave, NULL, &raw, &size), 0);
    FILE *out = fdopen(slave, "w");
    assert_non_null(out);
    return out;
}

static void read_tty(int master, FILE *out) {
    size_t used = 0;
    fclose(out); /* what was written stays to be read; then comes an error */
    for (ssize_t got; (got = read(master, text + used, sizeof text - 1 - used)) > 0;)
        used += (size_t)got;
    text[used] = '\0';
    close(master);
}

static void assert_fits(size_t columns) {
    for (char *rest, *line = strtok_r(text, "\r\n", &rest); line; line = strtok_r(NULL, "\r\n", &rest))
        if (bt_text_columns(line, strlen(line)) > columns) fail_msg("wider than %zu: %s", columns, line);
}

typedef struct values {
    double depth_ms;
} values;

static void help_fits_its_terminal(void **state) {
    (void)state;
    static const bt_option options[] = {
        {.name = "depth_ms",
         .type = BT_OPTION_NUMBER,
         .initial = "3",
         .maximum = 10,
         .placeholder = "MILLISECONDS|or|something|else|that|is|rather|long",
         .group = "Digging",
         .help = "How deep it is to be, in words that take more than a line."}};
    static const bt_command_exit exits[] = {
        {BT_EXIT_GOOD, "the hole is there, and nobody has fallen into it yet"}, {0, NULL}};
    static const bt_command command = {
        .name = "dig",
        .summary = "Digs a hole, of any depth, wherever it is told to, and leaves it there.",
        .usage = "[options] PLACE",
        .examples = "  dig --depth-ms 4          where it is to be four deep and no deeper\n",
        .exits = exits,
        .table = options,
        .count = 1};
    for (unsigned short columns = 20; columns <= 130; columns++) {
        char *argv[] = {(char *)"dig", (char *)"--help", NULL};
        int master;
        values read;
        bt_option_sources sources;
        FILE *out = open_tty(&master, columns);
        assert_int_equal(bt_command_start(&command, 2, argv, &read, &sources, out, stderr), BT_EXIT_GOOD);
        read_tty(master, out);
        assert_non_null(strstr(text, "Digs"));
        assert_non_null(strstr(text, "fallen"));
        assert_fits(columns > 100 ? 100 : columns);
    }
}

static void what_a_run_says_fits_too(void **state) {
    (void)state;
    int master;
    bt_log *log;
    setenv("TERM", "xterm", 1);
    FILE *out = open_tty(&master, 30);
    assert_int_equal(bt_log_open(&log, out, BT_LOG_INFO, NULL, NULL), BT_OK);
    bt_log_write(log, BT_LOG_WARNING, "something is said that takes more than one line of thirty");
    bt_log_write(log, BT_LOG_INFO, "two  blanks stay where it fits");
    bt_log_close(&log);
    read_tty(master, out);
    assert_string_equal(text, "warning: something is said\nthat takes more than one line\nof thirty\n"
                              "two  blanks stay where it fits\n");
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(words_go_on_below_where_they_began), cmocka_unit_test(a_word_without_room_is_broken),
        cmocka_unit_test(little_room_is_made_more),           cmocka_unit_test(help_fits_its_terminal),
        cmocka_unit_test(what_a_run_says_fits_too),
    };
    return cmocka_run_group_tests_name("base-terminal", tests, NULL, NULL);
}
