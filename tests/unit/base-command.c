/* What every program does alike: answers, refusals, verdicts, and exit codes that mean the same
 * everywhere. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/command.h"
#include "base/version.h"

typedef struct values {
    double depth_ms;
} values;

static const bt_option options[] = {
    {.name = "depth_ms",
     .type = BT_OPTION_NUMBER,
     .offset = offsetof(values, depth_ms),
     .initial = "3",
     .minimum = 0,
     .maximum = 10,
     .placeholder = "MS",
     .group = "Digging",
     .help = "How deep."},
};

static const bt_command_exit exits[] = {{BT_EXIT_GOOD, "the hole is there"}, {0, NULL}};

static const bt_command command = {
    .name = "dig",
    .summary = "Digs a hole.",
    .usage = "[options]",
    .examples = "  dig --depth-ms 4\n",
    .exits = exits,
    .table = options,
    .count = 1,
};

/* What came of a start with one flag: its result, and what was written where. */
static char *out, *err;
static size_t out_size, err_size;

static int start(char *flag, values *read) {
    char *argv[] = {(char *)"dig", flag, NULL};
    bt_option_sources sources;
    free(out);
    free(err);
    FILE *out_file = open_memstream(&out, &out_size), *err_file = open_memstream(&err, &err_size);
    assert_true(out_file && err_file);
    int code = bt_command_start(&command, flag ? 2 : 1, argv, read, &sources, out_file, err_file);
    fclose(out_file);
    fclose(err_file);
    return code;
}

static int tear_down(void **state) {
    (void)state;
    free(out);
    free(err);
    return 0;
}

static void a_good_command_line_goes_on(void **state) {
    (void)state;
    values read;
    assert_int_equal(start(NULL, &read), -1);
    assert_true(read.depth_ms == 3);
    assert_int_equal(start((char *)"--depth-ms=4", &read), -1);
    assert_true(read.depth_ms == 4);
    assert_string_equal(out, "");
    assert_string_equal(err, "");
}

static void the_line_that_repeats_a_run_has_all_that_was_given(void **state) {
    (void)state;
    static const bt_option two[] = {
        {.name = "path", .type = BT_OPTION_TEXT, .scope = BT_SCOPE_COMMAND},
        {.name = "force", .type = BT_OPTION_SWITCH, .scope = BT_SCOPE_ONCE, .offset = BT_OPTION_TEXT_SIZE}};
    const bt_command walk = {.name = "walk", .table = two, .count = 2};
    struct {
        char path[BT_OPTION_TEXT_SIZE];
        bool force;
    } given = {"a b", true};
    const bt_option_sources sources = {{BT_SOURCE_FLAG, BT_SOURCE_FLAG}};
    char line[BT_COMMAND_LINE_SIZE], program[BT_COMMAND_LINE_SIZE + 1];
    bt_error error;
    assert_int_equal(bt_command_line(line, &walk, "./my walk", &given, &sources, &error), BT_OK);
    assert_string_equal(line, "'./my walk' --path 'a b'");
    const size_t room = sizeof line - sizeof " --path 'a b'"; /* for the program's name */
    memset(program, 'x', sizeof program);
    program[room] = '\0';
    assert_int_equal(bt_command_line(line, &walk, program, &given, &sources, &error), BT_OK);
    assert_int_equal(strlen(line), sizeof line - 1);
    program[room] = 'x';
    program[room + 1] = '\0';
    assert_int_equal(bt_command_line(line, &walk, program, &given, &sources, &error), BT_INVALID);
    assert_string_equal(error.message,
                        "the command line is too long to be recorded: a profile holds settings too");
}

static void a_bad_one_is_refused_in_one_line_with_a_verdict(void **state) {
    (void)state;
    values read;
    assert_int_equal(start((char *)"--depth-ms=11", &read), BT_EXIT_USAGE);
    assert_string_equal(out, "verdict: bad-input (2)\n");
    assert_ptr_equal(strchr(err, '\n'), err + strlen(err) - 1);
    assert_non_null(strstr(err, "dig: --depth-ms"));
}

static void help_shows_usage_options_examples_and_exit_codes(void **state) {
    (void)state;
    values read;
    assert_int_equal(start((char *)"--help", &read), BT_EXIT_GOOD);
    const char *const words[] = {"Usage: dig [options]", "Digs a hole.", "--depth-ms MS",
                                 "dig --depth-ms 4",     "0  good",      "the hole is there",
                                 "141  unread"};
    for (size_t i = 0; i < sizeof words / sizeof words[0]; i++)
        if (!strstr(out, words[i])) fail_msg("\"%s\" is not in: %s", words[i], out);
    assert_int_equal(start((char *)"--version", &read), BT_EXIT_GOOD);
    assert_non_null(strstr(out, bt_version()));
}

static void the_last_line_says_the_exit_code(void **state) {
    (void)state;
    char text[64] = "";
    FILE *stream = fmemopen(text, sizeof text, "w");
    assert_non_null(stream);
    assert_int_equal(bt_command_finish(&command, stream, stderr, false, BT_EXIT_BROKEN), BT_EXIT_BROKEN);
    fclose(stream);
    assert_string_equal(text, "verdict: sla-broken (3)\n");
}

static void a_command_may_have_words_of_its_own(void **state) {
    (void)state;
    char text[64] = "";
    FILE *stream = fmemopen(text, sizeof text, "w");
    assert_non_null(stream);
    assert_int_equal(bt_command_finish_as(&command, stream, stderr, false, BT_EXIT_BROKEN, "collapsed"),
                     BT_EXIT_BROKEN);
    fclose(stream);
    assert_string_equal(text, "verdict: collapsed (3)\n");
}

/* What choosing a command by this word came to; what was said is in out and err. */
static int choose(const char *word, size_t *chosen) {
    static const bt_command fill = {
        .name = "spade fill", .summary = "Fills a hole.\nAll of it.", .usage = ""};
    static const bt_command dig = {.name = "spade dig", .summary = "Digs one.", .usage = ""};
    static const bt_command *const commands[] = {&fill, &dig};
    static const bt_command_set set = {"spade", "Works the ground.", commands, 2};
    char *argv[] = {(char *)"spade", (char *)word, NULL};
    free(out);
    free(err);
    FILE *out_file = open_memstream(&out, &out_size), *err_file = open_memstream(&err, &err_size);
    assert_true(out_file && err_file);
    int code = bt_command_choose(&set, word ? 2 : 1, argv, chosen, out_file, err_file);
    fclose(out_file);
    fclose(err_file);
    return code;
}

static void a_programs_first_word_chooses_the_command(void **state) {
    (void)state;
    size_t chosen = 9;
    assert_int_equal(choose("dig", &chosen), -1);
    assert_int_equal(chosen, 1);
    assert_string_equal(out, "");
    assert_int_equal(choose("--help", &chosen), BT_EXIT_GOOD);
    assert_non_null(strstr(out, "fill       Fills a hole.\n"));
    assert_null(strstr(out, "All of it"));
    assert_int_equal(choose("--version", &chosen), BT_EXIT_GOOD);
    assert_non_null(strstr(out, bt_version()));
    assert_int_equal(choose("digg", &chosen), BT_EXIT_USAGE);
    assert_string_equal(out, "verdict: bad-input (2)\n");
    assert_non_null(strstr(err, "did you mean dig?"));
    assert_int_equal(choose(NULL, &chosen), BT_EXIT_USAGE);
    assert_non_null(strstr(err, "the commands are fill, dig"));
}

/* What finishing says on standard error where the result went to `to`, which is closed by it. */
static int finish_on(FILE *to, const char *result, bool verdict_on_err, char said[256]) {
    const bt_command shown = {.name = "dig", .prints = "the hole"};
    FILE *errors = fmemopen(said, 256, "w");
    assert_true(to && errors);
    fputs(result, to);
    int code = bt_command_finish(&shown, to, errors, verdict_on_err, BT_EXIT_GOOD);
    fclose(to);
    fclose(errors);
    return code;
}

static void output_that_is_lost_is_no_success(void **state) {
    (void)state;
    for (int on_err = 0; on_err <= 1; on_err++) {
        char said[256] = "", result[20000];
        memset(result, 'x', sizeof result);
        result[sizeof result - 1] = '\0';
        for (int size = 10; size < 20000; size += 19000) { /* within stdio's buffer, and beyond it */
            result[size] = '\0';
            assert_int_equal(finish_on(fopen("/dev/full", "w"), result, on_err, said), BT_EXIT_FAILED);
            assert_string_equal(
                said, "dig: standard output could not be written: No space left on device; the hole is lost\n"
                      "verdict: failed (1)\n");
            result[size] = 'x';
        }
    }
}

static void a_lost_verdict_is_said_to_be_that(void **state) {
    (void)state;
    char said[256] = "";
    assert_int_equal(finish_on(fopen("/dev/full", "w"), "", false, said), BT_EXIT_FAILED);
    assert_non_null(strstr(said, "No space left on device; the verdict is lost\nverdict: failed (1)\n"));
    assert_int_equal(finish_on(fopen("/dev/full", "w"), "", true, said), BT_EXIT_GOOD);
    assert_string_equal(said, "verdict: good (0)\n");
}

static void a_closed_output_is_lost_too(void **state) {
    (void)state;
    char said[256] = "";
    FILE *closed = fdopen(open("/dev/null", O_RDONLY), "r"); /* what bt_program_begin puts there */
    FILE *none = fopen("/dev/null", "w");
    assert_true(closed && none);
    dup2(fileno(closed), fileno(none));
    fclose(closed);
    assert_int_equal(finish_on(none, "the result", false, said), BT_EXIT_FAILED);
    assert_string_equal(said,
                        "dig: standard output could not be written: Bad file descriptor; the hole is lost\n"
                        "verdict: failed (1)\n");
}

static void a_reader_that_has_gone_is_told_no_more(void **state) {
    (void)state;
    char said[256] = "";
    int ends[2];
    assert_int_equal(pipe(ends), 0);
    close(ends[0]);
    void (*before)(int) = signal(SIGPIPE, SIG_IGN);
    assert_int_equal(finish_on(fdopen(ends[1], "w"), "the result", false, said), BT_EXIT_UNREAD);
    signal(SIGPIPE, before);
    assert_string_equal(said, "verdict: unread (141)\n");
}

static void a_stream_that_fails_is_told_once(void **state) {
    (void)state;
    FILE *full = fopen("/dev/full", "w"), *good = tmpfile();
    assert_true(full && good);
    fputs("the result", full);
    assert_int_equal(bt_command_printed(full, BT_NOT_WRITTEN), BT_OK); /* bt_command_finish tells */
    assert_int_equal(bt_command_printed(full, BT_NO_MEMORY), BT_NO_MEMORY);
    assert_int_equal(bt_command_printed(good, BT_NOT_WRITTEN),
                     BT_NOT_WRITTEN); /* a file's, not the stream's */
    assert_int_equal(bt_command_printed(good, BT_OK), BT_OK);
    fclose(full);
    fclose(good);
}

static void an_answer_that_is_lost_is_no_success(void **state) {
    (void)state;
    const char *const asked[] = {"--help", "--version"}, *const lost[] = {"the help", "the version"};
    for (int i = 0; i < 2; i++) {
        char said[256] = "";
        char *argv[] = {(char *)"dig", (char *)asked[i], NULL};
        values read;
        bt_option_sources sources;
        FILE *full = fopen("/dev/full", "w"), *errors = fmemopen(said, sizeof said, "w");
        assert_true(full && errors);
        assert_int_equal(bt_command_start(&command, 2, argv, &read, &sources, full, errors), BT_EXIT_FAILED);
        fclose(full);
        fclose(errors);
        assert_non_null(strstr(said, lost[i]));
    }
}

static void what_the_caller_can_put_right_is_wrong_usage(void **state) {
    (void)state;
    const bt_status callers[] = {BT_INVALID, BT_IO, BT_PARSE, BT_UNSUPPORTED};
    const bt_status ours[] = {BT_NO_MEMORY, BT_BACKEND, BT_OUT_OF_DEVICE_MEMORY, BT_NOT_WRITTEN};
    assert_int_equal(bt_exit_code_of(BT_OK), BT_EXIT_GOOD);
    for (size_t i = 0; i < 4; i++) {
        assert_int_equal(bt_exit_code_of(callers[i]), BT_EXIT_USAGE);
        assert_int_equal(bt_exit_code_of(ours[i]), BT_EXIT_FAILED);
    }
    assert_int_equal(bt_exit_code_of(BT_TIMEOUT), BT_EXIT_FAILED);
    assert_int_equal(bt_exit_code_of(BT_CANCELLED), BT_EXIT_INTERRUPTED);
    assert_string_equal(bt_exit_name(BT_EXIT_INCONCLUSIVE), "inconclusive");
    assert_string_equal(bt_exit_name(BT_EXIT_INTERRUPTED), "interrupted");
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_good_command_line_goes_on),
        cmocka_unit_test(the_line_that_repeats_a_run_has_all_that_was_given),
        cmocka_unit_test(a_bad_one_is_refused_in_one_line_with_a_verdict),
        cmocka_unit_test(help_shows_usage_options_examples_and_exit_codes),
        cmocka_unit_test(the_last_line_says_the_exit_code),
        cmocka_unit_test(a_command_may_have_words_of_its_own),
        cmocka_unit_test(a_programs_first_word_chooses_the_command),
        cmocka_unit_test(output_that_is_lost_is_no_success),
        cmocka_unit_test(a_lost_verdict_is_said_to_be_that),
        cmocka_unit_test(a_closed_output_is_lost_too),
        cmocka_unit_test(a_reader_that_has_gone_is_told_no_more),
        cmocka_unit_test(a_stream_that_fails_is_told_once),
        cmocka_unit_test(an_answer_that_is_lost_is_no_success),
        cmocka_unit_test(what_the_caller_can_put_right_is_wrong_usage),
    };
    return cmocka_run_group_tests_name("base-command", tests, NULL, tear_down);
}
