/* show-batch-config: the config file that a tuning run left, and whether it still fits this machine. Loads no
 * runtime. */
#include <stdbool.h>
#include <stdio.h>

#include "backend/cuda.h"
#include "base/command.h"
#include "base/files.h"
#include "base/program.h"
#include "record/config-check.h"
#include "record/config.h"
#include "report/config.h"
#include "settings/rows.h"

typedef enum show_format { SHOW_TABLE, SHOW_JSON } show_format;

typedef struct show_values {
    char config[BT_OPTION_TEXT_SIZE];
    int format; /* show_format */
    bool verify;
} show_values;

#define ROW(type, member)                                                                                    \
    BT_ROW(type, show_values, member), .group = "What to show", .scope = BT_SCOPE_COMMAND

static const bt_option options[] = {
    {ROW(TEXT, config), .initial = BT_USUAL_CONFIG, .placeholder = "FILE", .help = "The config file."},
    {ROW(CHOICE, format), .initial = "table", .choices = "table|json",
     .help = "How it is printed; with json the verdict goes to standard error."},
    {ROW(SWITCH, verify),
     .help = "Compare weights files by a hash over all of them rather than by size, time and header."},
};

static const bt_command_exit exits[] = {
    {BT_EXIT_GOOD, "the config was shown, whether it fits this machine or not"},
    {BT_EXIT_FAILED, "memory ran out, or the output could not be written"},
    {BT_EXIT_USAGE, "wrong usage, or the config is not there or broken"},
    {0, NULL},
};

static const bt_command command = {
    .name = "show-batch-config",
    .summary =
        "Prints the batch sizes that a tuning run chose, what they were measured on, how old they are, and\n"
        "whether this machine and its software are still the ones that were measured.",
    .prints = "what the config says",
    .usage = "[options]",
    .examples = "  show-batch-config\n"
                "  show-batch-config --config /etc/batchtune/config.json --verify\n"
                "  show-batch-config --format json | jq .check.machine_matches\n",
    .exits = exits,
    .table = options,
    .count = sizeof options / sizeof options[0],
};

static bt_status show(const show_values *values, bt_error *error) {
    char program[BT_PATH_SIZE], stamp[BT_PATH_SIZE];
    bt_config_here here;
    bt_config *config = NULL;
    bt_config_check *check = NULL;
    bt_status status = bt_path_of_program(program, error);
    if (status == BT_OK) status = bt_path_join(stamp, error, "%s/../../.deps/torch.stamp", program);
    if (status == BT_OK) status = bt_config_load(&config, values->config, error);
    if (status == BT_IO && !bt_file_exists(values->config))
        bt_fail(error, BT_IO, "%s: there is no such file; `make optimize-batch` makes one", values->config);
    if (status != BT_OK) goto out;
    bt_config_here_read(&here, stamp);
    if (config->machine.gpu[0]) { /* only then is the driver worth starting */
        bt_cuda_fill_machine(&here.machine);
        bt_cuda_fill_driver(here.subject.gpu_driver, sizeof here.subject.gpu_driver);
    }
    status = bt_config_check_open(&check, config, &here, values->verify, error);
    if (status != BT_OK) goto out;
    if (values->format == SHOW_JSON)
        status = bt_report_config_json(config, check, values->config, stdout, error);
    else
        status = bt_report_config_table(config, check, values->config, stdout, error);
    status = bt_command_printed(stdout, status);
out:
    bt_config_check_close(&check);
    bt_config_close(&config);
    return status;
}

int main(int argc, char **argv) {
    show_values values;
    bt_option_sources sources;
    bt_error error;
    bt_program_begin(BT_SIGNALS_END);
    int code = bt_command_start(&command, argc, argv, &values, &sources, stdout, stderr);
    if (code >= 0) return code;
    bt_status status = show(&values, &error);
    code = status != BT_OK ? bt_command_fail(&command, &error, stderr) : BT_EXIT_GOOD;
    const bool json = values.format == SHOW_JSON;
    if (!json && status == BT_OK) fputc('\n', stdout);
    return bt_command_finish(&command, stdout, stderr, json, code);
}
