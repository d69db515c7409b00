/* Makes a run's tables, reports and plots again from its record: nothing that was printed needs a second
 * measurement. Takes records of tuning and of load tests. */
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include "base/command.h"
#include "base/json.h"
#include "base/log.h"
#include "record/load-record.h"
#include "record/record.h"
#include "report/load.h"
#include "report/publish.h"

/* All that either kind has; in the order of the option's choices. */
typedef enum render_format { TABLE, JSON, CSV, MARKDOWN, JUNIT, HTML } render_format;

typedef struct render_settings {
    int format; /* render_format */
    char output[BT_OPTION_TEXT_SIZE], plots[BT_OPTION_TEXT_SIZE];
} render_settings;

static const bt_option options[] = {
    {.name = "format",
     .type = BT_OPTION_CHOICE,
     .scope = BT_SCOPE_COMMAND,
     .offset = offsetof(render_settings, format),
     .initial = "table",
     .choices = "table|json|csv|markdown|junit|html",
     .group = "Output",
     .help = "How the run is shown; csv is for tuning runs, junit for load tests."},
    {.name = "output",
     .type = BT_OPTION_TEXT,
     .scope = BT_SCOPE_COMMAND,
     .offset = offsetof(render_settings, output),
     .initial = "",
     .placeholder = "FILE",
     .group = "Output",
     .help = "Where it goes; standard output without."},
    {.name = "plots",
     .type = BT_OPTION_TEXT,
     .scope = BT_SCOPE_COMMAND,
     .offset = offsetof(render_settings, plots),
     .initial = "",
     .placeholder = "FOLDER",
     .group = "Output",
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
    .summary = "Makes the tables, reports and plots of a tuning run or a load test again from its record.",
    .usage = "[options] RECORD.json",
    .examples =
        "  render-report results/RUN/record.json\n"
        "  render-report results/RUN/record.json --format markdown --output report.md --plots plots\n",
    .exits = exits,
    .table = options,
    .count = sizeof options / sizeof options[0],
    .operands = operands,
    .operand_count = 1,
};

static bt_status fail_format(const render_settings *settings, const char *kind, bt_error *error) {
    static const char *const names[] = {"table", "json", "csv", "markdown", "junit", "html"};
    return bt_fail(error, BT_INVALID, "--format: %s is no form of %s", names[settings->format], kind);
}

/* A tuning run, to a file or to standard output. */
static bt_status render_sweep(const char *path, const render_settings *settings, bt_log *log,
                              bt_error *error) {
    static const bt_format formats[] = {BT_FORMAT_TABLE,    BT_FORMAT_JSON,  BT_FORMAT_CSV,
                                        BT_FORMAT_MARKDOWN, BT_FORMAT_TABLE, BT_FORMAT_HTML};
    const char *plots = settings->plots[0] ? settings->plots : NULL;
    bt_record *record = NULL;
    if (settings->format == JUNIT) return fail_format(settings, "a tuning run", error);
    bt_status status = bt_record_load(&record, path, error);
    if (!status && plots) status = bt_publish_plots(record, plots, log, error);
    bt_format format = formats[settings->format];
    if (!status && settings->output[0])
        status = bt_publish_file(record, format, plots, settings->output, error);
    else if (!status)
        status = bt_publish(record, format, plots, "./report.md", stdout, error);
    bt_record_close(&record);
    return status;
}

/* A load test, likewise. */
static bt_status render_load(const char *path, const render_settings *settings, bt_log *log,
                             bt_error *error) {
    static const bt_load_format formats[] = {BT_LOAD_FORMAT_TABLE, BT_LOAD_FORMAT_JSON,
                                             BT_LOAD_FORMAT_TABLE, BT_LOAD_FORMAT_MARKDOWN,
                                             BT_LOAD_FORMAT_JUNIT, BT_LOAD_FORMAT_HTML};
    const char *plots = settings->plots[0] ? settings->plots : NULL;
    bt_load_record *record = NULL;
    if (settings->format == CSV) return fail_format(settings, "a load test", error);
    bt_status status = bt_load_record_load(&record, path, error);
    if (!status && plots) status = bt_load_publish_plots(record, plots, log, error);
    bt_load_format format = formats[settings->format];
    if (!status && settings->output[0])
        status = bt_load_publish_file(record, format, plots, settings->output, error);
    else if (!status)
        status = bt_load_publish(record, format, plots, "./report.md", stdout, error);
    bt_load_record_close(&record);
    return status;
}

/* Whether a file says that it is a load test's record. What it is else is the tuning record's reader's to
 * say. */
static bt_status look(const char *path, bool *is_load, bt_error *error) {
    json_t *top;
    bt_status status = bt_json_load(&top, path, error);
    if (status != BT_OK) return status;
    const char *kind = json_string_value(json_object_get(top, "kind"));
    *is_load = kind && strcmp(kind, "load") == 0;
    json_decref(top);
    return BT_OK;
}

int main(int argc, char **argv) {
    render_settings settings;
    bt_option_sources sources;
    bt_error error = {0};
    bt_log *log = NULL;
    int code = bt_command_start(&command, argc, argv, &settings, &sources, stdout, stderr);
    if (code >= 0) return code;
    bt_status status = bt_log_open(&log, stderr, BT_LOG_WARNING, NULL, &error);
    bool is_load = false;
    if (!status) status = look(operands[0], &is_load, &error);
    if (!status)
        status = is_load ? render_load(operands[0], &settings, log, &error)
                         : render_sweep(operands[0], &settings, log, &error);
    bt_log_close(&log);
    code = status ? bt_command_fail(&command, &error, stderr) : BT_EXIT_GOOD;
    /* What another program reads from standard output must not end in a verdict. */
    bool for_people = settings.format == TABLE || settings.output[0];
    return bt_command_finish(&command, for_people ? stdout : stderr, stderr, code);
}
