#include "record/config-check.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/clock.h"
#include "base/text.h"

#define S_PER_DAY 86400.0

/* ---- what is here ---- */

static void read_runtime(const char *torch_stamp, char *out, size_t size) {
    char version[48];
    *out = '\0';
    FILE *file = fopen(torch_stamp, "re");
    if (!file) return;
    if (fscanf(file, "%47s", version) == 1) snprintf(out, size, "torch %s", version);
    fclose(file);
}

void bt_config_here_read(bt_config_here *here, const char *torch_stamp) {
    memset(here, 0, sizeof *here);
    bt_machine_read(&here->machine);
    bt_subject_read(&here->subject);
    read_runtime(torch_stamp, here->subject.runtime, sizeof here->subject.runtime);
    bt_clock_utc(here->now);
}

/* ---- age ---- */

static bool read_time(const char *text, time_t *out) {
    struct tm parts = {0};
    const char *end = strptime(text, "%Y-%m-%dT%H:%M:%S", &parts);
    if (!end || (strcmp(end, "Z") != 0 && *end != '\0')) return false;
    *out = timegm(&parts);
    return true;
}

int bt_days_between(const char *from, const char *to) {
    time_t start, end;
    if (!read_time(from, &start) || !read_time(to, &end)) return BT_AGE_UNKNOWN;
    double days = floor(difftime(end, start) / S_PER_DAY);
    return fabs(days) < 1e6 ? (int)days : BT_AGE_UNKNOWN;
}

/* ---- software ---- */

/* "torch 2.15.0+cu132" and "torch 2.15.0" are one version: what follows the plus tells how it was built. */
static void cut_build(char *runtime) {
    runtime[strcspn(runtime, "+")] = '\0';
}

static void compare_software(bt_config_check *check, const bt_config *config, const bt_subject *subject) {
    bt_subject recorded = config->subject, here = *subject;
    bool torch = strncmp(recorded.runtime, "torch ", 6) == 0;
    cut_build(recorded.runtime);
    cut_build(here.runtime);
    if (!torch)
        here.runtime[0] = '\0'; /* a simulation needs no libtorch: whichever is here is no difference */
    check->software_known = *recorded.tool_version || *recorded.runtime;
    check->runtime_checked = !torch || *here.runtime;
    check->software_same =
        bt_subject_differences(&recorded, &here, check->software, sizeof check->software) == 0;
    here.revision[0] = '\0';
    check->software_alike = bt_subject_differences(&recorded, &here, NULL, 0) == 0;
}

/* ---- settings ---- */

/* "p95_sla_ms 250 (default 100)" behind what is in `out`, where the two differ: whether they do. */
static bool add_setting(char out[BT_CHECK_TEXT_SIZE], const bt_option *option, const bt_settings *settings,
                        const bt_settings *others, const char *whose) {
    char value[BT_TEXT_SIZE], other[BT_TEXT_SIZE];
    bt_option_text(option, settings, value, sizeof value);
    bt_option_text(option, others, other, sizeof other);
    if (strcmp(value, other) == 0) return false;
    bt_text_append(out, BT_CHECK_TEXT_SIZE, "%s%s %s (%s %s)", *out ? ", " : "", option->name, value, whose,
                   *other ? other : "none");
    return true;
}

static void compare_settings(bt_config_check *check, const bt_settings *settings) {
    bt_settings defaults;
    bt_option_sources sources;
    bt_options_default(bt_settings_table, bt_settings_count, &defaults, &sources);
    for (size_t i = 0; i < bt_settings_count; i++)
        if (bt_settings_table[i].scope == BT_SCOPE_SETTING)
            check->settings_differing +=
                add_setting(check->settings, &bt_settings_table[i], settings, &defaults, "default");
}

static void compare_own_settings(char out[BT_CHECK_TEXT_SIZE], const bt_config *config,
                                 const bt_config_model *model) {
    size_t count;
    const bt_option *table = bt_settings_model_table(&count);
    for (size_t i = 0; i < count; i++)
        add_setting(out, &table[i], &model->settings, &config->settings, "the file's");
}

/* ---- models ---- */

static void check_model(bt_config_model_check *check, const bt_config *config, const bt_config_model *model,
                        const char *now, bool thorough) {
    const char *dated = *model->generated_at ? model->generated_at : config->generated_at;
    check->age_days = bt_days_between(dated, now);
    check->other_machine = *model->machine_fingerprint && *config->machine.fingerprint &&
                           strcmp(model->machine_fingerprint, config->machine.fingerprint) != 0;
    compare_own_settings(check->settings, config, model);
    check->weights_same =
        bt_config_weights_check(&model->weights, thorough, check->weights, sizeof check->weights);
}

void bt_config_check_close(bt_config_check **check) {
    if (!check || !*check) return;
    free((*check)->models);
    free(*check);
    *check = NULL;
}

bt_status bt_config_check_open(bt_config_check **out, const bt_config *config, const bt_config_here *here,
                               bool thorough, bt_error *error) {
    *out = NULL;
    bt_config_check *check = (bt_config_check *)calloc(1, sizeof *check);
    size_t room = (size_t)config->model_count + 1;
    if (check) check->models = (bt_config_model_check *)calloc(room, sizeof *check->models);
    if (!check || !check->models) {
        free(check);
        return bt_no_memory(error, "checking the config");
    }
    check->age_days = bt_days_between(config->generated_at, here->now);
    check->machine_known = *config->machine.cpu;
    check->machine_same =
        bt_machine_differences(&config->machine, &here->machine, check->machine, sizeof check->machine) == 0;
    if (!check->machine_known) check->machine_same = false, check->machine[0] = '\0';
    compare_software(check, config, &here->subject);
    compare_settings(check, &config->settings);
    check->model_count = config->model_count;
    for (int i = 0; i < config->model_count; i++)
        check_model(&check->models[i], config, &config->models[i], here->now, thorough);
    *out = check;
    return BT_OK;
}
