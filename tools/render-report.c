/* Makes a run's tables, reports and plots again from its record: nothing that was printed needs a second
 * measurement. Takes records of tuning and of load tests; of a folder of runs it makes the page over all. */
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "base/command.h"
#include "base/files.h"
#include "base/json.h"
#include "base/log.h"
#include "base/program.h"
#include "base/text.h"
#include "record/load-record.h"
#include "record/sweep-record.h"
#include "report/load.h"
#include "report/results-index.h"
#include "report/sweep-publish.h"
#include "settings/rows.h"

/* All that either kind has; in the order of the option's choices. */
typedef enum render_format { TABLE, JSON, CSV, MARKDOWN, JUNIT, HTML } render_format;

typedef struct render_settings {
    int format; /* render_format */
    char output[BT_OPTION_TEXT_SIZE], plots[BT_OPTION_TEXT_SIZE];
} render_settings;

#define ROW(type, member) BT_ROW(type, render_settings, member), .group = "Output", .scope = BT_SCOPE_COMMAND

static const bt_option options[] = {
    {ROW(CHOICE, format), .initial = "table", .choices = "table|json|csv|markdown|junit|html",
     .help = "How the run is shown; csv is for tuning runs, junit for load tests."},
    {ROW(TEXT, output), .initial = "", .placeholder = "FILE",
     .help = "Where it goes; standard output without."},
    {ROW(TEXT, plots), .initial = "", .placeholder = "FOLDER",
     .help = "Writes gnuplot scripts, data and pictures there; a Markdown report then shows them."},
};

static const bt_command_exit exits[] = {
    {BT_EXIT_GOOD, "the report is written; without gnuplot the scripts and data are, which one line says"},
    {BT_EXIT_FAILED, "something could not be written or gnuplot failed"},
    {BT_EXIT_USAGE, "wrong usage, or the record cannot be read"},
    {0, NULL},
};

static const char *operands[1]; /* the record */

static const bt_command command = {
    .name = "render-report",
    .summary =
        "Makes the tables, reports and plots of a tuning run or a load test again from its record; of a "
        "folder of\nruns, the page over all of them (index.html).",
    .prints = "the report",
    .usage = "[options] RECORD.json|FOLDER",
    .examples =
        "  render-report results/RUN/record.json\n"
        "  render-report results/RUN/record.json --format markdown --output report.md --plots plots\n"
        "  render-report results                             results/index.html: every run, with links\n",
    .exits = exits,
    .table = options,
    .count = sizeof options / sizeof options[0],
    .operands = operands,
    .operand_count = 1,
};

/* ---- which record has which forms ---- */

#define FORMS_MAX 8

typedef struct form {
    render_format asked;
    int format; /* what the record's own publisher calls it */
} form;

/* The first one reads what is none of these, to say what it is. */
static const struct record_kind {
    const char *kind, *what;
    form forms[FORMS_MAX];
    int form_count;
} kinds[] = {
    {"sweep",
     "a tuning run",
     {{TABLE, BT_FORMAT_TABLE},
      {JSON, BT_FORMAT_JSON},
      {CSV, BT_FORMAT_CSV},
      {MARKDOWN, BT_FORMAT_MARKDOWN},
      {HTML, BT_FORMAT_HTML}},
     5},
    {"load",
     "a load test",
     {{TABLE, BT_LOAD_FORMAT_TABLE},
      {JSON, BT_LOAD_FORMAT_JSON},
      {MARKDOWN, BT_LOAD_FORMAT_MARKDOWN},
      {JUNIT, BT_LOAD_FORMAT_JUNIT},
      {HTML, BT_LOAD_FORMAT_HTML}},
     5},
};
#define LOAD (&kinds[1])

static bt_status fail_format(const struct record_kind *kind, render_format asked, bt_error *error) {
    static const char *const names[] = {"table", "json", "csv", "markdown", "junit", "html"};
    char known[128] = "";
    for (int i = 0; i < kind->form_count; i++) {
        bt_text_append(known, sizeof known, "%s%s",
                       i == 0                      ? ""
                       : i == kind->form_count - 1 ? " and "
                                                   : ", ",
                       names[kind->forms[i].asked]);
    }
    return bt_fail(error, BT_INVALID, "--format: %s is no form of %s; its forms are %s", names[asked],
                   kind->what, known);
}

/* ---- one record ---- */

/* A record that was read, of one of the kinds, and how it is shown. */
typedef struct rendering {
    bt_record *sweep;
    bt_load_record *load;
    const render_settings *settings;
    int format; /* what the record's own publisher calls it */
    bt_log *log;
} rendering;

/* To a file or to standard output. */
static bt_status show(const rendering *r, const char *plots, bt_error *error) {
    const char *output = r->settings->output;
    const bt_format format = (bt_format)r->format;
    const bt_load_format load_format = (bt_load_format)r->format;
    if (output[0])
        return r->sweep ? bt_sweep_publish_file(r->sweep, format, plots, output, error)
                        : bt_load_publish_file(r->load, load_format, plots, output, error);
    bt_status status = r->sweep ? bt_sweep_publish(r->sweep, format, plots, "./report.md", stdout, error)
                                : bt_load_publish(r->load, load_format, plots, "./report.md", stdout, error);
    return bt_command_printed(stdout, status);
}

static bt_status draw(const rendering *r, bt_error *error) {
    const char *plots = r->settings->plots;
    return r->sweep ? bt_sweep_publish_plots(r->sweep, plots, r->log, error)
                    : bt_load_publish_plots(r->load, plots, r->log, error);
}

/* A page and Markdown show the pictures, as far as there are any; anything else is shown before they are
 * drawn. Neither is left out for what becomes of the other. */
static bt_status show_and_draw(const rendering *r, bt_error *error) {
    const char *plots = r->settings->plots;
    const bool pictured = r->settings->format == HTML || r->settings->format == MARKDOWN;
    bt_status status = BT_OK;
    bt_error cause;
    if (!pictured || !plots[0]) status = show(r, NULL, error);
    if (!plots[0]) return status;
    bt_keep_first(&status, error, draw(r, &cause), &cause);
    if (pictured)
        bt_keep_first(&status, error, show(r, bt_file_exists(plots) ? plots : NULL, &cause), &cause);
    return status;
}

static bt_status render_as(const struct record_kind *kind, rendering *r, const json_t *top, const char *path,
                           bt_error *error) {
    bt_status status = kind == LOAD ? bt_load_record_from_json(&r->load, top, path, error)
                                    : bt_record_from_json(&r->sweep, top, path, error);
    if (status != BT_OK) return status;
    for (int i = 0; i < kind->form_count; i++)
        if ((int)kind->forms[i].asked == r->settings->format) {
            r->format = kind->forms[i].format;
            return show_and_draw(r, error);
        }
    return fail_format(kind, (render_format)r->settings->format, error);
}

static bool is_folder(const char *path) {
    struct stat found;
    return stat(path, &found) == 0 && S_ISDIR(found.st_mode);
}

static bt_status render_folder(const char *path, const render_settings *settings, bt_error *error) {
    if (settings->format != TABLE || settings->output[0] || settings->plots[0])
        return bt_fail(error, BT_INVALID, "%s is a folder: its runs' page is %s/index.html, and nothing else",
                       path, path);
    bt_status status = bt_results_index_write(path, error);
    if (status == BT_OK) printf("%s/index.html\n", path);
    return status;
}

/* Read once: a record may come through a pipe. */
static bt_status render(const char *path, const render_settings *settings, bt_log *log, bt_error *error) {
    json_t *top;
    if (is_folder(path)) return render_folder(path, settings, error);
    rendering r = {.settings = settings, .log = log};
    const struct record_kind *kind = kinds;
    bt_status status = bt_json_load(&top, path, error);
    if (status != BT_OK) return status;
    const char *name = json_string_value(json_object_get(top, "kind"));
    for (size_t i = 0; name && i < sizeof kinds / sizeof *kinds; i++)
        if (strcmp(name, kinds[i].kind) == 0) kind = &kinds[i];
    status = render_as(kind, &r, top, path, error);
    json_decref(top);
    bt_record_close(&r.sweep);
    bt_load_record_close(&r.load);
    return status;
}

int main(int argc, char **argv) {
    render_settings settings;
    bt_option_sources sources;
    bt_error error = {0};
    bt_log *log = NULL;
    bt_program_begin(BT_SIGNALS_END);
    int code = bt_command_start(&command, argc, argv, &settings, &sources, stdout, stderr);
    if (code >= 0) return code;
    bt_status status = bt_log_open(&log, stderr, BT_LOG_WARNING, NULL, &error);
    if (status == BT_OK) status = render(operands[0], &settings, log, &error);
    bt_log_close(&log);
    code = status != BT_OK ? bt_command_fail(&command, &error, stderr) : BT_EXIT_GOOD;
    /* What another program reads from standard output must not end in a verdict. */
    const bool for_people = settings.format == TABLE || settings.output[0];
    return bt_command_finish(&command, stdout, stderr, !for_people, code);
}
