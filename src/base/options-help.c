/* Options shown: --help as text and as Markdown, a value as text, and the flags that repeat a run. */
#include <string.h>

#include "base/options-type.h"
#include "base/terminal.h"
#include "base/text.h"

#define LEFT_MAX      28 /* wider flags get a line of their own */
#define DETAILS_SIZE  (BT_OPTION_SHOWN_SIZE + 160)
#define RANGE_SIZE    (BT_OPTION_BOUNDS_SIZE + 8)
#define SENTENCE_SIZE 2048

void bt_option_text(const bt_option *option, const void *values, char *out, size_t size) {
    bt_option_value value;
    char shown[BT_OPTION_SHOWN_SIZE];
    bt_option_value_load(option, values, &value);
    bt_option_value_show(option, &value, shown);
    if (size > 0) snprintf(out, size, "%.*s", (int)bt_text_fit(shown, size - 1), shown);
}

/* ---- the flags that repeat a run ---- */

void bt_options_write_flags(const bt_option *table, size_t count, const void *values,
                            const bt_option_sources *sources, FILE *out) {
    for (size_t i = 0; i < count; i++) {
        if (table[i].scope == BT_SCOPE_ONCE || sources->of[i] == BT_SOURCE_DEFAULT) continue;
        char flag[BT_NAME_SIZE], shown[BT_OPTION_SHOWN_SIZE];
        bt_option_flag(table[i].name, flag);
        bt_option_text(&table[i], values, shown, sizeof shown);
        if (table[i].type == BT_OPTION_SWITCH) {
            fprintf(out, " --%s%s", strcmp(shown, "true") == 0 ? "" : "no-", flag);
        } else if (*shown || !bt_option_type_of(&table[i])
                                  ->is_number) { /* a number that was not given cannot be typed */
            fprintf(out, " --%s ", flag);
            bt_text_shell_word(shown, out);
        }
    }
}

/* ---- what --help and the Markdown table share ---- */

/* "--p95-sla-ms MS", "--[no-]use-amp". A switch of one run that starts off has no use for its opposite. */
static void put_usage(const bt_option *option, char out[256]) {
    char flag[BT_NAME_SIZE];
    bt_option_flag(option->name, flag);
    bool starts_on = option->initial && strcmp(option->initial, "true") == 0;
    if (option->type == BT_OPTION_SWITCH)
        snprintf(out, 256, "--%s%s", starts_on || option->scope == BT_SCOPE_SETTING ? "[no-]" : "", flag);
    else if (option->placeholder)
        snprintf(out, 256, "--%s %s", flag, option->placeholder);
    else
        snprintf(out, 256, "--%s %s", flag, option->choices ? option->choices : "VALUE");
}

/* The default as a person reads it, with its unit; "" where there is none worth telling. */
static void put_default(const bt_option *option, char out[DETAILS_SIZE]) {
    const char *initial = option->initial ? option->initial : "";
    const char *unit = bt_option_unit_symbol(option), *unset = bt_option_type_of(option)->unset;
    if (option->type == BT_OPTION_SWITCH && option->scope == BT_SCOPE_SETTING)
        snprintf(out, DETAILS_SIZE, "%s", strcmp(initial, "true") == 0 ? "on" : "off");
    else if (option->type == BT_OPTION_SWITCH)
        snprintf(out, DETAILS_SIZE, "%s", strcmp(initial, "true") == 0 ? "on" : "");
    else if (unset && !*initial)
        snprintf(out, DETAILS_SIZE, "%s", unset);
    else
        snprintf(out, DETAILS_SIZE, "%s%s%s", initial, *initial && *unit ? " " : "", *initial ? unit : "");
}

static void put_range(const bt_option *option, char out[RANGE_SIZE]) {
    char bounds[BT_OPTION_BOUNDS_SIZE];
    const char *unit = bt_option_type_of(option)->bounds_unit;
    out[0] = '\0';
    if (!bt_option_type_of(option)->is_number) return;
    bt_option_bounds(option, bounds);
    snprintf(out, RANGE_SIZE, "%s%s%s", bounds, *bounds && unit ? " " : "", *bounds && unit ? unit : "");
}

/* ---- --help ---- */

/* Where help stands, and how wide it may be. */
typedef struct help_shape {
    int indent, columns;
} help_shape;

/* Flag, then help from column `indent` on, below where the flag is too wide. */
static void write_entry(const char *usage, const char *words, help_shape shape, FILE *out) {
    int column = 2 + (int)bt_text_columns(usage, strlen(usage));
    if (column > shape.columns) {
        bt_terminal_wrap(out, usage, 0, 2, shape.columns);
        column = 0;
    } else {
        fprintf(out, "  %s", usage);
    }
    if (column > 0 && column + 2 > shape.indent) {
        fputc('\n', out);
        column = 0;
    }
    bt_terminal_wrap(out, words, column, shape.indent, shape.columns);
}

static void write_option(const bt_option *option, help_shape shape, FILE *out) {
    char usage[256], initial[DETAILS_SIZE], range[RANGE_SIZE], words[SENTENCE_SIZE];
    put_usage(option, usage);
    put_default(option, initial);
    put_range(option, range);
    bool details = *initial || *range;
    snprintf(words, sizeof words, "%s%s%s%s%s%s%s", option->help ? option->help : "", details ? " (" : "",
             *initial ? "default " : "", initial, *initial && *range ? "; " : "", range, details ? ")" : "");
    write_entry(usage, words, shape, out);
}

static size_t help_indent(const bt_option *table, size_t count) {
    size_t widest = strlen("--version");
    for (size_t i = 0; i < count; i++) {
        char usage[256];
        put_usage(&table[i], usage);
        size_t width = bt_text_columns(usage, strlen(usage));
        if (width > widest && width <= LEFT_MAX) widest = width;
    }
    return widest + 4;
}

static bool opens_group(const bt_option *table, size_t index) {
    if (!table[index].group) return false;
    return index == 0 || !table[index - 1].group || strcmp(table[index].group, table[index - 1].group) != 0;
}

void bt_options_write_help(const bt_option *table, size_t count, FILE *out) {
    const help_shape shape = {(int)help_indent(table, count), bt_terminal_prose_columns(out)};
    for (size_t i = 0; i < count; i++) {
        if (opens_group(table, i)) fprintf(out, "%s%s:\n", i ? "\n" : "", table[i].group);
        write_option(&table[i], shape, out);
    }
    fprintf(out, "%sAbout:\n", count ? "\n" : "");
    write_entry("--help", "This text.", shape, out);
    write_entry("--version", "The version, and what it was built from.", shape, out);
}

/* ---- Markdown ---- */

static void write_item(const bt_option *option, FILE *out) {
    char usage[256], initial[DETAILS_SIZE], range[RANGE_SIZE], words[SENTENCE_SIZE];
    put_usage(option, usage);
    put_default(option, initial);
    put_range(option, range);
    const bool key = option->scope == BT_SCOPE_SETTING, details = key || *initial || *range;
    snprintf(words, sizeof words, "`%s`%s%s%s%s%s%s%s%s%s%s: %s", usage, details ? " (" : "", key ? "`" : "",
             key ? option->name : "", key ? "`" : "", key && (*initial || *range) ? "; " : "",
             *initial ? "default " : "", initial, *initial && *range ? "; " : "", range, details ? ")" : "",
             option->help ? option->help : "");
    bt_terminal_wrap(out, words, fprintf(out, "- "), 2, BT_MARKDOWN_COLUMNS);
}

void bt_options_write_markdown(const bt_option *table, size_t count, FILE *out) {
    for (size_t i = 0; i < count; i++) {
        if (opens_group(table, i)) fprintf(out, "%s**%s**\n\n", i ? "\n" : "", table[i].group);
        write_item(&table[i], out);
    }
}
