#include "program-options.h"

#include <stdio.h>

int program_options_read(const program_options *options, int argc, char **argv, void *values) {
    bt_option_sources sources;
    bt_options_request request;
    bt_error error;
    bt_options_default(options->table, options->count, values, &sources);
    if (bt_options_parse(options->table, options->count, argc, argv, values, &sources, NULL, 0, NULL,
                         &request, &error) != BT_OK) {
        fprintf(stderr, "%s: %s\n", options->name, error.message);
        return PROGRAM_USAGE;
    }
    if (request == BT_REQUEST_RUN) return -1;
    printf("usage: %s %s\n", options->name, options->usage);
    bt_options_write_help(options->table, options->count, stdout);
    return 0;
}

int program_options_refuse(const program_options *options, const char *flag, const char *value,
                           const char *right) {
    fprintf(stderr, "%s: %s %s: %s\n", options->name, flag, value, right);
    return PROGRAM_USAGE;
}
