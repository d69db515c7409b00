/* What is typed: key=value lists of the simulated backend and of a service, placements, weights, and a
 * command line of the bytes' own lines. */
#include <stdlib.h>
#include <string.h>

#include "backend/backends.h"
#include "base/cores.h"
#include "input.h"
#include "settings/placement.h"
#include "settings/service.h"
#include "settings/tuning.h"
#include "settings/weights.h"

#define ARGUMENTS_MAX 16

static void read_lines(char *text) {
    static bt_settings settings;
    bt_option_sources sources;
    bt_options_request request;
    bt_error error;
    char *argv[ARGUMENTS_MAX] = {"program"};
    const char *operands[2];
    int argc = 1, operand_count;
    for (char *line = strtok(text, "\n"); line && argc < ARGUMENTS_MAX; line = strtok(NULL, "\n"))
        argv[argc++] = line;
    bt_options_default(bt_settings_table, bt_settings_count, &settings, &sources);
    if (bt_options_parse(bt_settings_table, bt_settings_count, argc, argv, &settings, &sources, operands, 2,
                         &operand_count, &request, &error) != BT_OK)
        return;
    json_t *json = bt_options_write_json(bt_settings_table, bt_settings_count, &settings);
    if (bt_options_read_json(bt_settings_table, bt_settings_count, json, BT_SOURCE_FLAG, "again", &settings,
                             &sources, &error) != BT_OK)
        abort(); /* what is written reads back */
    json_decref(json);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    char *text = fuzz_text(data, size), out[BT_OPTION_TEXT_SIZE];
    static bt_service_settings service;
    bt_option_sources sources;
    bt_placement placement;
    bt_error error;
    const cpu_set_t allowed = bt_cores_read().mask;
    (void)!bt_sim_check(text, &error);
    bt_options_default(bt_service_settings_table, bt_service_settings_count, &service, &sources);
    (void)!bt_options_read_pairs(bt_service_settings_table, bt_service_settings_count, text, "settings",
                                 &service, &sources, &error);
    (void)!bt_placement_parse(&placement, text, "hrnet", &allowed, &error);
    (void)!bt_weights_of(out, text, "hrnet", &error);
    read_lines(text);
    free(text);
    return 0;
}
