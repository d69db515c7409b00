/* export-triton: the tuned config as a model repository for NVIDIA's Triton. Measures nothing and loads no runtime. */
#include <stdio.h>

#include "base/command.h"
#include "base/program.h"
#include "export/triton.h"
#include "settings/rows.h"

typedef struct export_values {
    char config[BT_OPTION_TEXT_SIZE];
    bt_names models;
    bool backend;
} export_values;

#define ROW(type, member)                                                                                    \
    BT_ROW(type, export_values, member), .group = "What to export", .scope = BT_SCOPE_COMMAND

static const bt_option options[] = {
    {ROW(TEXT, config), .initial = BT_USUAL_CONFIG, .placeholder = "FILE", .help = "The config file."},
    {ROW(NAMES, models), .placeholder = "NAME,...", .help = "Which of its models; all unless given."},
    {ROW(SWITCH, backend), .initial = "true",
     .help = "Copy the backend itself into each model's folder; without, the server finds it in its own "
             "--backend-directory, as batchtune/" BT_TRITON_BACKEND "."},
};

static const bt_command_exit exits[] = {
    {BT_EXIT_GOOD, "the repository is written"},
    {BT_EXIT_FAILED, "memory ran out, or a file could not be written"},
    {BT_EXIT_USAGE,
     "wrong usage, or the config, a model of it or a file that it names is not there or broken"},
    {0, NULL},
};

static const char *folder = "triton-models";

static const bt_command command = {
    .name = "export-triton",
    .summary =
        "Writes what optimize-batch chose as a model repository for NVIDIA's Triton: batch size, queue delay "
        "and\n"
        "instances as Triton's configuration, and a backend that runs the models as the service here does.",
    .prints = "what was written",
    .usage = "[options] [FOLDER]",
    .examples = "  export-triton                                into triton-models/\n"
                "  export-triton --models hrnet /srv/models\n"
                "  tritonserver --model-repository=triton-models\n",
    .exits = exits,
    .table = options,
    .count = sizeof options / sizeof options[0],
    .operands = &folder,
    .operand_count = 1,
    .operands_optional = 1,
};

static bt_status run(const export_values *values, bt_error *error) {
    bt_config *config = NULL;
    bt_status status = bt_config_load_flag(&config, values->config, error);
    if (status == BT_OK)
        status = bt_triton_export(config, &values->models, folder, values->backend, stdout, error);
    bt_config_close(&config);
    return bt_command_printed(stdout, status);
}

int main(int argc, char **argv) {
    static export_values values;
    bt_option_sources sources;
    bt_error error;
    bt_program_begin(BT_SIGNALS_END);
    int code = bt_command_start(&command, argc, argv, &values, &sources, stdout, stderr);
    if (code >= 0) return code;
    code = run(&values, &error) == BT_OK ? BT_EXIT_GOOD : bt_command_fail(&command, &error, stderr);
    return bt_command_finish(&command, stdout, stderr, false, code);
}
