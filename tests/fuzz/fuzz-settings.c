/* A profile, or the file behind --config. */
#include "base/json.h"
#include "input.h"
#include "settings/tuning.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    static bt_settings settings;
    bt_option_sources sources;
    bt_error error;
    json_t *json;
    bt_options_default(bt_settings_table, bt_settings_count, &settings, &sources);
    if (bt_json_load(&json, fuzz_file(data, size), &error) != BT_OK) return 0;
    (void)!bt_options_read_json(bt_settings_table, bt_settings_count, json, BT_SOURCE_PROFILE, "profile",
                                &settings, &sources, &error);
    json_decref(json);
    return 0;
}
