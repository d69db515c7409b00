/* Files, logs, JSON and settings: memory that runs out at any moment is one clear error, and nothing is
 * lost. The n-th allocation fails, for every n. */
#include <stdlib.h>

#include "base/canary.h"
#include "base/json.h"
#include "base/log.h"
#include "fault-documents.h"
#include "settings/tuning.h"

static bt_status read_file(bt_error *error) {
    char *text = NULL;
    size_t size;
    bt_status status = bt_file_read("record.json", 1 << 24, &text, &size, error);
    free(text);
    return status;
}

static bt_status replace_file(bt_error *error) {
    return bt_file_replace("replaced.txt", "new", 3, true, error);
}

static bt_status take_lock(bt_error *error) {
    bt_lock *lock = NULL;
    bt_status status = bt_lock_open(&lock, "lock", error);
    bt_lock_close(&lock);
    return status;
}

static bt_status open_log(bt_error *error) {
    bt_log *log;
    bt_status status = bt_log_open(&log, NULL, BT_LOG_INFO, "log.txt", error);
    bt_log_write(log, BT_LOG_INFO, "a line");
    bt_log_close(&log);
    return status;
}

static bt_status load_json(bt_error *error) {
    json_t *json = NULL;
    bt_status status = bt_json_load(&json, "config.json", error);
    json_decref(json);
    return status;
}

static bt_status save_json(bt_error *error) {
    return bt_json_save(made.config->json, "copy.json", true, error);
}

static bt_status watch_canary(bt_error *error) {
    bt_canary_summary summary;
    return bt_canary_watch(&summary, 0, error);
}

static bt_status write_settings(bt_error *error) {
    json_t *json = bt_options_write_json(bt_settings_table, bt_settings_count, &made.record->settings);
    if (!json) return bt_fail(error, BT_NO_MEMORY, "no document");
    json_decref(json);
    return BT_OK;
}

static bt_status read_settings(bt_error *error) {
    bt_settings settings;
    bt_option_sources sources;
    char *argv[] = {"x",  "--batches", "1,2,4",         "--models=hrnet", "--time-budget",
                    "3m", "--backend", "sim:tau0_ms=1", "--config",       "settings.json"};
    bt_options_request request;
    bt_options_default(bt_settings_table, bt_settings_count, &settings, &sources);
    bt_status status = bt_options_parse(bt_settings_table, bt_settings_count, sizeof argv / sizeof *argv,
                                        argv, &settings, &sources, NULL, 0, NULL, &request, error);
    if (status == BT_OK) status = bt_settings_read_config(&settings, &sources, error);
    return status;
}

static const fault_case cases[] = {
    {"read a file", .run = read_file},         {"replace a file", .run = replace_file},
    {"take a lock", .run = take_lock},         {"open a log", .run = open_log},
    {"load JSON", .run = load_json},           {"save JSON", .run = save_json, .document = true},
    {"watch the canary", .run = watch_canary}, {"write settings", .run = write_settings, .document = true},
    {"read settings", .run = read_settings},
};

int main(void) {
    return faults_memory_main("faults: memory, base and settings", cases, sizeof cases / sizeof *cases);
}
