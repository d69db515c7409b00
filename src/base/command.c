#include "base/command.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/terminal.h"
#include "base/text.h"
#include "base/version.h"

const char *bt_exit_name(int code) {
    switch (code) {
    case BT_EXIT_GOOD:
        return "good";
    case BT_EXIT_USAGE:
        return "bad-input";
    case BT_EXIT_BROKEN:
        return "sla-broken";
    case BT_EXIT_INCONCLUSIVE:
        return "inconclusive";
    case BT_EXIT_INTERRUPTED:
        return "interrupted";
    case BT_EXIT_UNREAD:
        return "unread";
    default:
        return "failed";
    }
}

int bt_exit_code_of(bt_status status) {
    switch (status) {
    case BT_OK:
        return BT_EXIT_GOOD;
    case BT_INVALID:
    case BT_IO:
    case BT_PARSE:
    case BT_UNSUPPORTED:
        return BT_EXIT_USAGE;
    case BT_NO_MEMORY:
    case BT_TIMEOUT:
    case BT_QUEUE_FULL:
    case BT_CLOSED:
    case BT_BACKEND:
    case BT_OUT_OF_DEVICE_MEMORY:
    case BT_NOT_WRITTEN:
        break;
    case BT_CANCELLED:
        return BT_EXIT_INTERRUPTED;
    }
    return BT_EXIT_FAILED;
}

/* Lines that are laid out already, but for those that find no room. */
static void write_lines(const char *lines, int columns, FILE *out) {
    char line[256];
    for (const char *end; *lines; lines = end + (*end == '\n')) {
        end = lines + strcspn(lines, "\n");
        const int blanks = (int)strspn(lines, " ");
        snprintf(line, sizeof line, "%.*s", (int)(end - lines), lines);
        if ((int)bt_text_columns(line, strlen(line)) <= columns)
            fprintf(out, "%s\n", line);
        else
            bt_terminal_wrap(out, line, 0, blanks > 4 ? 4 : blanks, columns);
    }
}

/* What --help calls the command's exit code of that row. */
static const char *word_of_exit(const bt_command *command, const bt_command_exit *row) {
    return command->exit_words ? command->exit_words[row - command->exits] : bt_exit_name(row->code);
}

#define UNREAD_WHEN "who read standard output went away before all of it was given"

static void write_exit(int code, const char *word, const char *when, int columns, FILE *out) {
    bt_terminal_wrap(out, when, fprintf(out, "  %3d  %s", code, word), 21, columns);
}

/* The command's own, and what any of them may end with. */
static void write_exits(const bt_command *command, int columns, FILE *out) {
    bt_terminal_wrap(out, "Exit codes (also in the last line, \"verdict: <word> (<code>)\"):", 0, 0, columns);
    for (const bt_command_exit *row = command->exits; row->when; row++)
        write_exit(row->code, word_of_exit(command, row), row->when, columns, out);
    write_exit(BT_EXIT_UNREAD, bt_exit_name(BT_EXIT_UNREAD), UNREAD_WHEN, columns, out);
}

static void write_help(const bt_command *command, FILE *out) {
    const int columns = bt_terminal_prose_columns(out);
    const int start = fprintf(out, "Usage: %s ", command->name);
    bt_terminal_wrap(out, command->usage, start, start, columns);
    fputc('\n', out);
    bt_terminal_wrap(out, command->summary, 0, 0, columns);
    fputc('\n', out);
    bt_options_write_help(command->table, command->count, out);
    if (command->write_more) command->write_more(out);
    if (command->examples) fputs("\nExamples:\n", out);
    if (command->examples) write_lines(command->examples, columns, out);
    if (!command->exits) return;
    fputc('\n', out);
    write_exits(command, columns, out);
}

/* The same for docs/reference.md: a section, with lists that a narrow page can wrap. */
static void write_markdown(const bt_command *command, FILE *out) {
    fprintf(out, "## %s\n\n", command->name);
    bt_terminal_wrap(out, command->summary, 0, 0, BT_MARKDOWN_COLUMNS);
    fprintf(out, "\n```text\n%s %s\n```\n\n", command->name, command->usage);
    bt_options_write_markdown(command->table, command->count, out);
    if (command->write_more) {
        fprintf(out, "\n```text");
        command->write_more(out);
        fprintf(out, "```\n");
    }
    if (command->exits) fprintf(out, "\n**Exit codes**\n\n");
    for (const bt_command_exit *row = command->exits; row && row->when; row++) {
        char line[512];
        snprintf(line, sizeof line, "`%d` *%s*: %s", row->code, word_of_exit(command, row), row->when);
        bt_terminal_wrap(out, line, fprintf(out, "- "), 2, BT_MARKDOWN_COLUMNS);
    }
}

bt_status bt_command_line(char out[BT_COMMAND_LINE_SIZE], const bt_command *command, const char *program,
                          const void *values, const bt_option_sources *sources, bt_error *error) {
    char *line = NULL;
    size_t length;
    FILE *stream = open_memstream(&line, &length);
    if (!stream) return bt_no_memory(error, "the command line");
    bt_text_shell_word(program, stream);
    bt_options_write_flags(command->table, command->count, values, sources, stream);
    bool written = fclose(stream) == 0, fits = written && length < BT_COMMAND_LINE_SIZE;
    if (fits) memcpy(out, line, length + 1);
    free(line);
    if (!written) return bt_no_memory(error, "the command line");
    return fits ? BT_OK
                : bt_fail(error, BT_INVALID,
                          "the command line is too long to be recorded: a profile holds settings too");
}

int bt_command_fail(const bt_command *command, const bt_error *error, FILE *err) {
    fprintf(err, "%s: %s\n", command->name, error->message);
    return bt_exit_code_of(error->status);
}

/* ---- what was printed ---- */

/* 0: `out` took all. Otherwise why not, or -1 where nobody knows any more: a stream remembers that it failed,
 * not of what, so that it is given one more character, which does what is cut off no harm. A file system may
 * tell as late as when a file is closed, which closing another descriptor of it brings forward. */
static int why_lost(FILE *out) {
    const bool failed = ferror(out);
    errno = 0;
    if (failed) fputc('\n', out);
    if (fflush(out) != 0 && errno) return errno;
    if (failed || ferror(out)) return -1;
    const int copy = fileno(out) < 0 ? -1 : fcntl(fileno(out), F_DUPFD_CLOEXEC, 0);
    return copy >= 0 && close(copy) != 0 && errno != EINTR ? errno : 0;
}

static int end_lost(const char *name, const char *lost, int why, FILE *err) {
    const int code = why == EPIPE ? BT_EXIT_UNREAD : BT_EXIT_FAILED;
    if (code == BT_EXIT_FAILED)
        fprintf(err, "%s: standard output could not be written%s%s; %s is lost\n", name, why > 0 ? ": " : "",
                why > 0 ? bt_text_system_error(why) : "", lost);
    fprintf(err, "verdict: %s (%d)\n", bt_exit_name(code), code);
    return code;
}

bt_status bt_command_printed(FILE *out, bt_status status) {
    const bool taken = fflush(out) == 0 && !ferror(out);
    return status == BT_NOT_WRITTEN && !taken ? BT_OK : status;
}

int bt_command_finish(const bt_command *command, FILE *out, FILE *err, bool verdict_on_err, int code) {
    return bt_command_finish_as(command, out, err, verdict_on_err, code, bt_exit_name(code));
}

int bt_command_finish_as(const bt_command *command, FILE *out, FILE *err, bool verdict_on_err, int code,
                         const char *word) {
    int why = why_lost(out);
    if (why != 0) return end_lost(command->name, command->prints ? command->prints : "the result", why, err);
    fprintf(verdict_on_err ? err : out, "verdict: %s (%d)\n", word, code);
    why = why_lost(out);
    return why == 0 || why == EPIPE ? code : end_lost(command->name, "the verdict", why, err);
}

/* Of what is no run: --help and --version. */
static int finish_answer(const char *name, const char *answer, FILE *out, FILE *err) {
    const int why = why_lost(out);
    return why == 0 ? BT_EXIT_GOOD : end_lost(name, answer, why, err);
}

int bt_command_start(const bt_command *command, int argc, char **argv, void *values,
                     bt_option_sources *sources, FILE *out, FILE *err) {
    bt_options_request request;
    bt_error error;
    int operand_count;
    const int operands_wanted = command->operand_count - command->operands_optional;
    bt_options_default(command->table, command->count, values, sources);
    bt_status status =
        bt_options_parse(command->table, command->count, argc, argv, values, sources, command->operands,
                         command->operand_count, &operand_count, &request, &error);
    if (status == BT_OK && request == BT_REQUEST_RUN && operand_count < operands_wanted)
        status = bt_fail(&error, BT_INVALID, "%d word(s) missing; usage: %s %s",
                         operands_wanted - operand_count, command->name, command->usage);
    if (status != BT_OK)
        return bt_command_finish(command, out, err, false, bt_command_fail(command, &error, err));
    if (request == BT_REQUEST_RUN) return -1;
    const bool help = request != BT_REQUEST_VERSION;
    if (request == BT_REQUEST_HELP)
        write_help(command, out);
    else if (request == BT_REQUEST_HELP_MARKDOWN)
        write_markdown(command, out);
    else
        fprintf(out, "%s (batchtune) %s\n", command->name, bt_version());
    return finish_answer(command->name, help ? "the help" : "the version", out, err);
}

/* ---- several commands ---- */

#define COMMANDS_MAX 16

/* What stands behind the program's name. */
static const char *word_of(const bt_command_set *set, size_t index) {
    return set->commands[index]->name + strlen(set->name) + 1;
}

static void write_overview(const bt_command_set *set, FILE *out) {
    const int columns = bt_terminal_prose_columns(out);
    fprintf(out, "Usage: %s COMMAND [options]\n\n", set->name);
    bt_terminal_wrap(out, set->summary, 0, 0, columns);
    fputs("\nCommands:\n", out);
    for (size_t i = 0; i < set->count; i++) {
        char summary[256];
        const char *whole = set->commands[i]->summary;
        snprintf(summary, sizeof summary, "%.*s", (int)strcspn(whole, "\n"), whole);
        bt_terminal_wrap(out, summary, fprintf(out, "  %s", word_of(set, i)), 13, columns);
    }
    char last[96];
    snprintf(last, sizeof last, "`%s COMMAND --help` explains each.", set->name);
    fputc('\n', out);
    bt_terminal_wrap(out, last, 0, 0, columns);
}

static int refuse_word(const bt_command_set *set, const char *word, FILE *out, FILE *err) {
    const char *words[COMMANDS_MAX], *nearest = NULL;
    const bt_command named = {.name = set->name};
    char shown[BT_TEXT_QUOTE_SIZE] = "";
    for (size_t i = 0; i < set->count && i < COMMANDS_MAX; i++)
        words[i] = word_of(set, i);
    if (word) nearest = bt_text_nearest(word, words, set->count);
    if (word) bt_text_quote(word, shown);
    fprintf(err, "%s: %s%s; the commands are", set->name, word ? shown : "no command is given",
            word ? " is no command" : "");
    for (size_t i = 0; i < set->count; i++)
        fprintf(err, "%s %s", i ? "," : "", words[i]);
    if (nearest) fprintf(err, "; did you mean %s?", nearest);
    fputc('\n', err);
    return bt_command_finish(&named, out, err, false, BT_EXIT_USAGE);
}

int bt_command_choose(const bt_command_set *set, int argc, char **argv, size_t *chosen, FILE *out,
                      FILE *err) {
    const char *word = argc > 1 ? argv[1] : NULL;
    for (size_t i = 0; word && i < set->count; i++)
        if (strcmp(word_of(set, i), word) == 0) {
            *chosen = i;
            return -1;
        }
    const bool version = word && strcmp(word, "--version") == 0;
    if (version)
        fprintf(out, "%s (batchtune) %s\n", set->name, bt_version());
    else if (word && (strcmp(word, "--help") == 0 || strcmp(word, "-h") == 0))
        write_overview(set, out);
    else
        return refuse_word(set, word, out, err);
    return finish_answer(set->name, version ? "the version" : "the help", out, err);
}
