/* explain-batching: why batching helps or does not, from what was measured. Loads no runtime. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/command.h"
#include "base/files.h"
#include "base/program.h"
#include "explain/explain.h"
#include "report/explanation.h"

/* As JSON files: more than a record holds. */
#define FILE_LIMIT (256u << 20)

static const bt_command_exit exits[] = {
    {BT_EXIT_GOOD, "it was explained, whatever the answer"},
    {BT_EXIT_FAILED, "memory ran out, or the output could not be written"},
    {BT_EXIT_USAGE, "wrong usage, or the file is not there, broken, or nothing that can be explained"},
    {0, NULL},
};

static const char *operands[1]; /* the file */

static const bt_command command = {
    .name = "explain-batching",
    .summary =
        "Says why batching helps or does not: what starting a run costs, from which batch size on the device "
        "is\n"
        "saturated, what preparing, queueing and running take of a request, each in milliseconds; and, by\n"
        "simulation, what would change it. FILE is a config (unless given: " BT_USUAL_CONFIG "),\n"
        "the record of a tuning run or of a load test, or a running service's metrics, as JSON or for "
        "Prometheus; -\n"
        "is standard input.",
    .prints = "the explanation",
    .usage = "[options] [FILE]",
    .examples =
        "  explain-batching                                      the config, at 60 % of its capacity\n"
        "  explain-batching --models hrnet --rate 40             at 40 requests a second\n"
        "  explain-batching results/RUN/record.json              where a load test's latency went\n"
        "  curl -s localhost:8000/metrics | explain-batching -   where a running service's goes\n"
        "  explain-batching --format json | jq '.models[].cause'\n",
    .exits = exits,
    .table = bt_explanation_settings_table,
    .operands = operands,
    .operand_count = 1,
    .operands_optional = 1,
};

static bt_status explain(const bt_explanation_settings *settings, const char *path, bt_error *error) {
    const bt_explain_options options = {.path = strcmp(path, "-") == 0 ? "standard input" : path,
                                        .models = &settings->models,
                                        .rate_rps = settings->rate};
    const char *file = strcmp(path, "-") == 0 ? "/dev/stdin" : path;
    bt_explanation *explanation = NULL;
    char *text = NULL;
    size_t size;
    bt_status status = bt_file_read(file, FILE_LIMIT, &text, &size, error);
    if (status == BT_IO && !bt_file_exists(file))
        bt_fail(error, BT_IO, "%s: there is no such file; `make optimize-batch` makes a config", path);
    if (status == BT_OK) status = bt_explain_text(&explanation, text, size, &options, error);
    free(text);
    if (status == BT_OK)
        status = bt_report_explanation(explanation, (bt_explanation_format)settings->format, stdout, error);
    bt_explanation_close(&explanation);
    return bt_command_printed(stdout, status);
}

int main(int argc, char **argv) {
    bt_explanation_settings settings;
    bt_option_sources sources;
    bt_error error;
    bt_command mine = command;
    mine.count = bt_explanation_settings_count;
    bt_program_begin(BT_SIGNALS_END);
    int code = bt_command_start(&mine, argc, argv, &settings, &sources, stdout, stderr);
    if (code >= 0) return code;
    const bt_status status = explain(&settings, operands[0] ? operands[0] : BT_USUAL_CONFIG, &error);
    code = status != BT_OK ? bt_command_fail(&mine, &error, stderr) : BT_EXIT_GOOD;
    const bool table = settings.format == BT_EXPLANATION_TABLE;
    if (table && status == BT_OK) fputc('\n', stdout);
    return bt_command_finish(&mine, stdout, stderr, !table, code);
}
