/* What a text is, by what is in it, and its explanation. */
#include <stdlib.h>
#include <string.h>

#include "base/json.h"
#include "explain/explain.h"
#include "serving/metrics-read.h"

static bt_status refuse(const bt_explain_options *options, bt_error *error) {
    return bt_fail(
        error, BT_PARSE,
        "%s: is nothing that can be explained: that is a config, the record of a tuning run or a load "
        "test, or a service's metrics, as JSON or for Prometheus",
        options->path);
}

/* A load that was measured came at its own rate. */
static bt_status refuse_rate(const bt_explain_options *options, bt_error *error) {
    if (options->rate_rps == 0) return BT_OK;
    return bt_fail(error, BT_INVALID, "--rate: %s was measured at its own rate; a config is predicted at any",
                   options->path);
}

static bt_status explain_metrics(bt_explanation **out, bt_status status, bt_metrics *metrics, int count,
                                 const bt_explain_options *options, bt_error *error) {
    if (status == BT_OK) status = refuse_rate(options, error);
    if (status == BT_OK) status = bt_explain_metrics(out, metrics, count, options, error);
    free(metrics);
    return status;
}

static bt_status explain_config(bt_explanation **out, json_t *top, const bt_explain_options *options,
                                bt_error *error) {
    bt_config *config = NULL;
    bt_status status = bt_config_from_json(&config, top, options->path, error);
    if (status == BT_OK) status = bt_explain_config(out, config, options, error);
    bt_config_close(&config);
    return status;
}

static bt_status explain_sweep(bt_explanation **out, const json_t *top, const bt_explain_options *options,
                               bt_error *error) {
    bt_record *record = NULL;
    bt_status status = bt_record_from_json(&record, top, options->path, error);
    if (status == BT_OK) status = bt_explain_sweep(out, record, options, error);
    bt_record_close(&record);
    return status;
}

static bt_status explain_load(bt_explanation **out, const json_t *top, const bt_explain_options *options,
                              bt_error *error) {
    bt_load_record *record = NULL;
    bt_status status = refuse_rate(options, error);
    if (status == BT_OK) status = bt_load_record_from_json(&record, top, options->path, error);
    if (status == BT_OK) status = bt_explain_load(out, record, options, error);
    bt_load_record_close(&record);
    return status;
}

static bt_status explain_json(bt_explanation **out, json_t *top, const bt_explain_options *options,
                              bt_error *error) {
    const char *kind = json_string_value(json_object_get(top, "kind"));
    if (kind && strcmp(kind, "sweep") == 0) return explain_sweep(out, top, options, error);
    if (kind && strcmp(kind, "load") == 0) return explain_load(out, top, options, error);
    if (json_object_get(top, "configurations")) return explain_config(out, top, options, error);
    if (!bt_metrics_is_json(top)) return refuse(options, error);
    bt_metrics *metrics;
    int count;
    const bt_status status = bt_metrics_from_json(&metrics, &count, top, options->path, error);
    return explain_metrics(out, status, metrics, count, options, error);
}

bt_status bt_explain_text(bt_explanation **out, const char *text, size_t size,
                          const bt_explain_options *options, bt_error *error) {
    const char *at = text + strspn(text, " \t\r\n");
    json_t *top;
    *out = NULL;
    if (*at == '{' || *at == '[') {
        bt_status status = bt_json_from_text(&top, text, size, options->path, error);
        if (status == BT_OK) status = explain_json(out, top, options, error);
        json_decref(top);
        return status;
    }
    if (strlen(text) != size || !strstr(text, "batchtune_")) return refuse(options, error);
    bt_metrics *metrics;
    int count;
    const bt_status status = bt_metrics_from_prometheus(&metrics, &count, text, options->path, error);
    return explain_metrics(out, status, metrics, count, options, error);
}
