/* What every program in tools/ does the same way: read its flags, answer --help (as Markdown too, for the
 * reference: --help=markdown) and --version, say an error in one line, and end with a verdict.
 *
 * make turns every failure into its own exit code 2, so a program also says its exit code in its last line,
 * "verdict: good (0)". Nothing here knows standard output: the program gives the streams, which also lets a
 * test look at what was written. */
#ifndef BT_BASE_COMMAND_H
#define BT_BASE_COMMAND_H

#include <stdbool.h>
#include <stdio.h>

#include "base/error.h"
#include "base/options.h"

#ifdef __cplusplus
extern "C" {
#endif

typedef enum bt_exit {
    BT_EXIT_GOOD = 0,          /* did what was asked */
    BT_EXIT_FAILED = 1,        /* something broke that the caller could not have prevented */
    BT_EXIT_USAGE = 2,         /* wrong usage or bad input: the message says what would be right */
    BT_EXIT_BROKEN = 3,        /* the SLA is broken, or the gate says slower */
    BT_EXIT_INCONCLUSIVE = 4,  /* unstable machine, incomparable records, nothing measured */
    BT_EXIT_INTERRUPTED = 130, /* Ctrl-C */
    BT_EXIT_UNREAD = 141 /* who read standard output went away (`| head`): what a shell tells of SIGPIPE */
} bt_exit;

/* When a command ends with `code`, for --help. A list of them ends where `when` is NULL. */
typedef struct bt_command_exit {
    int code;
    const char *when;
} bt_command_exit;

typedef struct bt_command {
    const char *name;              /* "show-batch-config" */
    const char *summary;           /* one or two sentences: what it is for; no newline at the end */
    const char *prints;            /* what is lost with standard output: "the table"; NULL: "the result" */
    const char *usage;             /* what follows the name: "[options]" */
    const char *examples;          /* whole lines, each ended; may be NULL */
    const bt_command_exit *exits;  /* may be NULL */
    const char *const *exit_words; /* what --help calls each of them; NULL: bt_exit_name's */
    const bt_option *table;
    size_t count;
    const char **operands;         /* receives the words that are no flags; NULL where none are taken */
    int operand_count;             /* at most so many are wanted */
    int operands_optional;         /* the last so many of them may be left out: they stay as they are */
    void (*write_more)(FILE *out); /* more of --help, behind the options; may be NULL */
} bt_command;

/* Sets `values` to their defaults, then reads the flags into them. -1: go on. Otherwise the program returns
 * what it got, since everything is said: --help and --version on `out` (0), or wrong usage (2) in one line on
 * `err` and the verdict on `out`. `sources` as for bt_options_parse. */
int bt_command_start(const bt_command *command, int argc, char **argv, void *values,
                     bt_option_sources *sources, FILE *out, FILE *err);

#define BT_COMMAND_LINE_SIZE 4096 /* of a line that repeats a run, in records too */

/* The shell line that repeats this run: `program` (argv[0]) and all that was given, see
 * bt_options_write_flags. BT_INVALID where it does not fit; BT_NO_MEMORY. */
BT_MUST_USE bt_status bt_command_line(char out[BT_COMMAND_LINE_SIZE], const bt_command *command,
                                      const char *program, const void *values,
                                      const bt_option_sources *sources, bt_error *error);

/* Says "name: message" on `err` and returns the exit code that the status calls for. */
int bt_command_fail(const bt_command *command, const bt_error *error, FILE *err);

/* Shows now what `out` was given, before anything optional is begun. `status` is what came of writing it:
 * that the stream itself failed is no error yet (BT_OK), since bt_command_finish asks it, and tells once. */
bt_status bt_command_printed(FILE *out, bt_status status);

/* Asks `out` whether it took all that was printed; only then writes the last line, "verdict: good (0)",
 * behind it, or on `err` where another program reads `out` (`verdict_on_err`). Returns `code`, so that a main
 * can end in `return bt_command_finish(...)`; but where something was not taken (a full disk, a closed
 * descriptor) BT_EXIT_FAILED, with one line and the verdict on `err`, and where its reader has gone
 * BT_EXIT_UNREAD, with the verdict alone: nobody wants more of it. Whoever has read all but the verdict has
 * lost nothing. */
int bt_command_finish(const bt_command *command, FILE *out, FILE *err, bool verdict_on_err, int code);

/* The same with a word of the command's own in place of bt_exit_name's: "verdict: slower (3)". */
int bt_command_finish_as(const bt_command *command, FILE *out, FILE *err, bool verdict_on_err, int code,
                         const char *word);

/* A program of several commands: its first word says which. */
typedef struct bt_command_set {
    const char *name;                  /* "perf-gate" */
    const char *summary;               /* as a command's */
    const bt_command *const *commands; /* each called by the program's name, a space, and its word */
    size_t count;
} bt_command_set;

/* Which command argv[1] names: *chosen is its index, and the command starts with argc - 1 and argv + 1. -1:
 * go on. Otherwise the program returns what it got: --help (an overview) and --version are answered on `out`,
 * anything else is wrong usage. */
int bt_command_choose(const bt_command_set *set, int argc, char **argv, size_t *chosen, FILE *out, FILE *err);

/* "good", "failed", "bad-input", "sla-broken", "inconclusive", "interrupted", "unread"; never NULL. */
const char *bt_exit_name(int code);

/* BT_OK is good; what the caller can put right (input, files, a machine that cannot do what was asked) is
 * wrong usage; BT_CANCELLED is an interrupt; anything else failed. */
int bt_exit_code_of(bt_status status);

#ifdef __cplusplus
}
#endif
#endif
