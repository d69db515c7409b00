/* One table describes every option: its flag, its JSON key, its type, unit, bounds, default and help.
 *
 * Parsing flags, reading a config file, writing settings into a record, `--help` and docs/reference.md all
 * walk the same array of bt_option, so they cannot drift apart. An option's value lives in a plain struct of
 * the program's; the table says at which offset. Names with underscores are the vocabulary ("p95_sla_ms");
 * the flag is the same name with dashes ("--p95-sla-ms"). Where one value is given several times, the
 * strongest source wins: built-in default, then profile, then config file, then flag; bt_option_sources
 * remembers who set what. */
#ifndef BT_BASE_OPTIONS_H
#define BT_BASE_OPTIONS_H

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include "base/error.h"

#ifdef __cplusplus
extern "C" {
#endif

typedef enum bt_option_type {
    BT_OPTION_SWITCH,   /* bool: --name, --no-name; JSON true/false */
    BT_OPTION_INTEGER,  /* int64_t, within minimum..maximum */
    BT_OPTION_NUMBER,   /* double, finite, within minimum..maximum */
    BT_OPTION_DURATION, /* int64_t nanoseconds: "180s", "3m", "250ms", "1h", a bare number is seconds */
    BT_OPTION_CHOICE,   /* int: the index of one of `choices` */
    BT_OPTION_TEXT,     /* char[BT_OPTION_TEXT_SIZE] */
    BT_OPTION_NAMES,    /* bt_names: "a,b"; JSON array of strings, or that text */
    BT_OPTION_SIZES     /* bt_sizes: "auto" or "1,2,4"; JSON array of positive integers, or that text */
} bt_option_type;

#define BT_OPTION_TEXT_SIZE 512
#define BT_NAMES_MAX        16
#define BT_NAME_SIZE        64
#define BT_SIZES_MAX        64

typedef struct bt_names {
    int count;
    char names[BT_NAMES_MAX][BT_NAME_SIZE];
} bt_names;

bool bt_names_have(const bt_names *names, const char *name);

/* Of a choice among others, where no name means all of them. NULL-safe. */
bool bt_names_want(const bt_names *names, const char *name);

/* The largest batch size that can be asked for: what memory allows beyond it counts as no bound. */
#define BT_BATCH_MAX 65536

/* Ascending, without repeats, each 1..BT_BATCH_MAX. count 0 says "auto". */
typedef struct bt_sizes {
    int count;
    int sizes[BT_SIZES_MAX];
} bt_sizes;

typedef enum bt_option_scope {
    BT_SCOPE_SETTING, /* a flag and a JSON key; written into records */
    BT_SCOPE_COMMAND, /* a flag only: how a run behaves and where it writes (--quiet, --output) */
    BT_SCOPE_ONCE     /* a flag only, of this one run: a repetition of it goes without (--resume, --force) */
} bt_option_scope;

/* An option without an `initial` starts as text "", switch false, no names, sizes auto, the first choice, or
 * the number 0. That 0 says "not given" whatever the bounds; it is "" as text and null as JSON. A text or a
 * list of names may be set to "" only where its default is empty too.
 *
 * A name that ends in _ms, _us, _seconds, _days, _percent, _bytes, _mb, _gb or _rps tells --help and the
 * messages its unit. */
typedef struct bt_option {
    const char *name; /* "p95_sla_ms" */
    bt_option_type type;
    bt_option_scope scope;
    size_t offset;           /* of the value in the program's struct */
    const char *initial;     /* the default, as it would be typed; NULL: none, see below */
    double minimum, maximum; /* inclusive; a duration's in seconds; both 0: no bounds */
    bool above_minimum;      /* the minimum itself is not allowed */
    const char *choices;     /* "efficiency|throughput|latency" */
    const char *placeholder; /* what --help shows for the value: "MS", "FILE", "N" */
    const char *group;       /* --help's heading: "Goal", "Search"; rows of one group stand together */
    const char *help;        /* one or two sentences */
} bt_option;

typedef enum bt_option_source {
    BT_SOURCE_DEFAULT,
    BT_SOURCE_PROFILE,
    BT_SOURCE_CONFIG,
    BT_SOURCE_FLAG
} bt_option_source;

#define BT_OPTIONS_MAX 64

/* Who set each option, by its index in the table. */
typedef struct bt_option_sources {
    bt_option_source of[BT_OPTIONS_MAX];
} bt_option_sources;

/* Sets every value of `values` to its default. A default that does not parse is a bug: an assert fails. */
void bt_options_default(const bt_option *table, size_t count, void *values, bt_option_sources *sources);

/* What a command line asks for besides options. */
typedef enum bt_options_request {
    BT_REQUEST_RUN,
    BT_REQUEST_HELP,
    BT_REQUEST_HELP_MARKDOWN,
    BT_REQUEST_VERSION
} bt_options_request;

/* Reads argv[1..]: "--name value", "--name=value", "--switch", "--no-switch". `operands` receives pointers
 * into argv of what is no flag (up to operands_max; more is BT_INVALID). --help (or --help=markdown) and
 * --version stop the reading and are told in `request`. BT_INVALID names the flag, the value and what would
 * be right; an unknown flag gets the nearest known name as a suggestion. On failure `values` may be half set.
 * A flag given twice counts the last time. What follows "--" is operands; "-" alone is one too, and -h is
 * --help. A value may start with "--" only in the form --name=value. `operands` and `operand_count` may be
 * NULL when operands_max is 0. */
BT_MUST_USE bt_status bt_options_parse(const bt_option *table, size_t count, int argc, char **argv,
                                       void *values, bt_option_sources *sources, const char **operands,
                                       int operands_max, int *operand_count, bt_options_request *request,
                                       bt_error *error);

/* Reads the settings of a JSON object whose keys are option names. Values that a stronger source set stay,
 * but the weaker ones are checked all the same. `where` ("configs/x.json") starts every message. BT_PARSE for
 * an unknown key (with the nearest known one), a key of the wrong type or out of bounds. Keys that start with
 * "$" or "_" (comments, "$schema") are passed over. */
BT_MUST_USE bt_status bt_options_read_json(const bt_option *table, size_t count, const json_t *object,
                                           bt_option_source source, const char *where, void *values,
                                           bt_option_sources *sources, bt_error *error);

/* Reads "key=value,key=value" (the simulated backend's specification); "" is no pairs. A list's value goes on
 * to the next "key=": "sizes=1,2,noise=0" gives the sizes 1 and 2. Another value that holds a comma stands in
 * double quotes, in which "" is one: backend="sim:noise=0,seed=3". `where` starts every message. BT_INVALID
 * as for flags. Sets source FLAG. */
BT_MUST_USE bt_status bt_options_read_pairs(const bt_option *table, size_t count, const char *pairs,
                                            const char *where, void *values, bt_option_sources *sources,
                                            bt_error *error);

/* Every BT_SCOPE_SETTING value as a new JSON object (a new reference, the caller's), NULL when memory is
 * short. What bt_options_read_json reads back to the same values. */
json_t *bt_options_write_json(const bt_option *table, size_t count, const void *values);

/* Sets one option's value in `to` to that in `from`, a struct of the same type. */
void bt_option_copy(const bt_option *option, const void *from, void *to);

/* One option's value as it would be typed ("1,2,4", "180s", "true"), cut to size. */
void bt_option_text(const bt_option *option, const void *values, char *out, size_t size);

/* The command line that repeats a run: " --flag value" for each option whose source is not the default, in
 * quotes where a shell needs them; but none of BT_SCOPE_ONCE. What came from a profile or a file of settings
 * is thereby spelled out. */
void bt_options_write_flags(const bt_option *table, size_t count, const void *values,
                            const bt_option_sources *sources, FILE *out);

/* The options part of --help: grouped, aligned, wrapped at 100 columns or a narrower terminal's, with units,
 * defaults and bounds; --help and --version come last. */
void bt_options_write_help(const bt_option *table, size_t count, FILE *out);

/* The same as Markdown lists, for the documentation: each option with its JSON key, default and bounds. */
void bt_options_write_markdown(const bt_option *table, size_t count, FILE *out);

/* The index of the option called `name`, or -1. */
int bt_options_find(const bt_option *table, size_t count, const char *name);

#ifdef __cplusplus
}
#endif
#endif
