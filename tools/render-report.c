/* Makes a run's tables, reports and plots again from its record: nothing that was printed needs a second
 * measurement. */
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/command.h"
#include "base/files.h"
#include "base/json.h"
#include "record/record.h"
#include "report/plots.h"
#include "report/sweep.h"

#define GNUPLOT_TIMEOUT_NS (60 * BT_NS_PER_S)

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

static bt_status put_json(const bt_record *record, FILE *out, bt_error *error) {
    json_t *json = NULL;
    bt_status status = bt_record_to_json(record, &json, error);
    if (status) return status;
    if (json_dumpf(json, out, JSON_INDENT(2)) != 0 || fputc('\n', out) == EOF)
        status = bt_fail(error, BT_IO, "the record could not be written as JSON");
    json_decref(json);
    return status;
}

/* The pictures are shown as they are seen from the report, or from here where it goes to standard output. */
static bt_status put_markdown(const bt_record *record, const render_settings *settings, FILE *out,
                              bt_error *error) {
    if (!settings->plots[0]) return bt_report_markdown(record, NULL, out, error);
    char pictures[BT_PATH_SIZE];
    const char *report = settings->output[0] ? settings->output : "./report.md";
    bt_status status = bt_plots_seen_from(pictures, settings->plots, report, error);
    return status ? status : bt_report_markdown(record, pictures, out, error);
}

static bt_status put_report(const bt_record *record, const render_settings *settings, FILE *out,
                            bt_error *error) {
    switch ((bt_format)settings->format) {
    case BT_FORMAT_TABLE:
        return bt_report_table(record, out, error);
    case BT_FORMAT_JSON:
        return put_json(record, out, error);
    case BT_FORMAT_CSV:
        return bt_report_csv(record, out, error);
    case BT_FORMAT_MARKDOWN:
        return put_markdown(record, settings, out, error);
    }
    return bt_fail(error, BT_INVALID, "--format %d is not known", settings->format);
}

/* To a file the report goes whole or not at all. */
static bt_status write_report(const bt_record *record, const render_settings *settings, bt_error *error) {
    if (!settings->output[0]) {
        bt_status status = put_report(record, settings, stdout, error);
        if (!status && fflush(stdout) != 0)
            status = bt_fail(error, BT_IO, "the report could not be written to standard output");
        return status;
    }
    char *text = NULL;
    size_t size = 0;
    FILE *out = open_memstream(&text, &size);
    if (!out) return bt_fail(error, BT_NO_MEMORY, "no memory for the report");
    bt_status status = put_report(record, settings, out, error);
    if (fclose(out) != 0 && !status) status = bt_fail(error, BT_NO_MEMORY, "no memory for the report");
    if (!status) status = bt_file_replace(settings->output, text, size, false, error);
    free(text);
    return status;
}

/* A missing gnuplot takes only the pictures away. */
static bt_status draw_plots(const bt_record *record, const char *folder, bt_error *error) {
    char said[BT_GNUPLOT_SAID_SIZE];
    bt_status status = bt_plots_write(record, folder, error);
    if (status) return status;
    status = bt_plots_render(record, folder, GNUPLOT_TIMEOUT_NS, said, error);
    if (said[0] && !status) fprintf(stderr, "%s: gnuplot says: %s\n", command.name, said);
    if (status != BT_UNSUPPORTED) return status;
    fprintf(stderr, "%s: %s\n", command.name, error->message);
    return BT_OK;
}

int main(int argc, char **argv) {
    render_settings settings;
    bt_option_sources sources;
    bt_error error = {0};
    bt_record *record = NULL;
    int code = bt_command_start(&command, argc, argv, &settings, &sources, stdout, stderr);
    if (code >= 0) return code;
    bt_status status = bt_record_load(&record, operands[0], &error);
    if (!status && settings.plots[0]) status = draw_plots(record, settings.plots, &error);
    if (!status) status = write_report(record, &settings, &error);
    bt_record_close(&record);
    code = status ? bt_command_fail(&command, &error, stderr) : BT_EXIT_GOOD;
    /* What another program reads from standard output must not end in a verdict. */
    bool for_people = settings.format == BT_FORMAT_TABLE || settings.output[0];
    return bt_command_finish(&command, for_people ? stdout : stderr, stderr, code);
}
