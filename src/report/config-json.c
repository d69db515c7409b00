/* A config for other programs: the file as it is, and what has changed since, as JSON. */
#include <stdlib.h>

#include "base/json.h"
#include "report/config-words.h"
#include "report/config.h"

/* true, false, or null where it could not be compared. */
static json_t *verdict(bool known, bool same) {
    return known ? json_boolean(same) : json_null();
}

static json_t *days(int age) {
    return age == BT_AGE_UNKNOWN ? json_null() : json_integer(age);
}

static json_t *write_model(const bt_config_model *model, const bt_config_model_check *check) {
    return json_pack("{s:b, s:b, s:b, s:b, s:f, s:s, s:b, s:o, s:b, s:s}", "measured", model->measured,
                     "edited", model->edited, "provisional", model->provisional, "unmeasurable",
                     model->unmeasurable, "p95_sla_ms", model->settings.p95_sla_ms, "settings_not_the_files",
                     check->settings, "other_machine", check->other_machine, "age_days",
                     days(check->age_days), "weights_match", check->weights_same, "weights", check->weights);
}

static json_t *write_models(const bt_config *config, const bt_config_check *check) {
    json_t *object = json_object();
    for (int i = 0; object && i < config->model_count; i++) {
        const bt_config_model *model = &config->models[i];
        if (json_object_set_new(object, model->name, write_model(model, &check->models[i])) == 0) continue;
        json_decref(object);
        return NULL;
    }
    return object;
}

static json_t *write_advice(const bt_config *config, const bt_config_check *check) {
    bt_advice *advice;
    json_t *array = json_array();
    if (bt_config_advice(&advice, config, check, NULL) != BT_OK) {
        json_decref(array);
        return NULL;
    }
    for (int i = 0; array && i < advice->count; i++) {
        if (json_array_append_new(array, json_string(advice->lines[i])) == 0) continue;
        json_decref(array);
        array = NULL;
    }
    free(advice);
    return array;
}

static json_t *write_check(const bt_config *config, const bt_config_check *check) {
    json_t *object = json_object();
    int failed = !object;
    failed = failed || json_object_set_new(object, "age_days", days(check->age_days));
    failed = failed || json_object_set_new(object, "machine_matches",
                                           verdict(check->machine_known, check->machine_same));
    failed = failed || json_object_set_new(object, "machine_differences", json_string(check->machine));
    failed = failed || json_object_set_new(object, "software_matches",
                                           verdict(check->software_known, check->software_same));
    failed = failed || json_object_set_new(object, "software_differences", json_string(check->software));
    failed = failed || json_object_set_new(object, "runtime_checked", json_boolean(check->runtime_checked));
    failed = failed || json_object_set_new(object, "settings_not_default", json_string(check->settings));
    failed = failed || json_object_set_new(object, "models", write_models(config, check));
    failed = failed || json_object_set_new(object, "advice", write_advice(config, check));
    if (!failed) return object;
    json_decref(object);
    return NULL;
}

bt_status bt_report_config_json(const bt_config *config, const bt_config_check *check, const char *path,
                                FILE *out, bt_error *error) {
    json_t *top = json_object();
    int failed = !top;
    failed = failed || json_object_set_new(top, "file", json_string(path));
    failed = failed || json_object_set(top, "config", config->json);
    failed = failed || json_object_set_new(top, "check", write_check(config, check));
    bt_status status = failed ? bt_no_memory(error, "writing the config out") : BT_OK;
    if (!failed) status = bt_json_write(top, JSON_INDENT(2) | JSON_REAL_PRECISION(10), out, error);
    json_decref(top);
    return status;
}
