/* Makes a run's tables, reports and plots again from its record: nothing that was printed needs a second
 * measurement. */
#include <stddef.h>
#include <stdio.h>

#include "base/command.h"
#include "base/log.h"
#include "record/record.h"
#include "report/publish.h"

typedef struct render_settings {
    int format; /* bt_format */
    char output[BT_OPTION_TEXT_SIZE], plots[BT_OPTION_TEXT_SIZE];
} render_settings;

static const bt_option options[] = {
    {.name = "format",
     .type = BT_OPTION_CHOICE,
     .scope = BT_SCOPE_COMMAND,
     .offset = offsetof(render_settings, format),
     .initial = "table",
     .choices = "table|json|csv|markdown",
     .group = "Output",
     .help = "How the run is shown."},
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
    .summary = "Makes the tables, reports and plots of a tuning run again from its record.",
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

/* To a file, or to standard output. */
static bt_status write_report(const bt_record *record, const render_settings *settings, bt_error *error) {
    const char *plots = settings->plots[0] ? settings->plots : NULL;
    bt_format format = (bt_format)settings->format;
    if (settings->output[0]) return bt_publish_file(record, format, plots, settings->output, error);
    return bt_publish(record, format, plots, "./report.md", stdout, error);
}

int main(int argc, char **argv) {
    render_settings settings;
    bt_option_sources sources;
    bt_error error = {0};
    bt_record *record = NULL;
    bt_log *log = NULL;
    int code = bt_command_start(&command, argc, argv, &settings, &sources, stdout, stderr);
    if (code >= 0) return code;
    bt_status status = bt_record_load(&record, operands[0], &error);
    if (!status) status = bt_log_open(&log, stderr, BT_LOG_WARNING, NULL, &error);
    if (!status && settings.plots[0]) status = bt_publish_plots(record, settings.plots, log, &error);
    if (!status) status = write_report(record, &settings, &error);
    bt_record_close(&record);
    bt_log_close(&log);
    code = status ? bt_command_fail(&command, &error, stderr) : BT_EXIT_GOOD;
    /* What another program reads from standard output must not end in a verdict. */
    bool for_people = settings.format == BT_FORMAT_TABLE || settings.output[0];
    return bt_command_finish(&command, for_people ? stdout : stderr, stderr, code);
}
