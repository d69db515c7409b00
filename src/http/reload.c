#include "http/reload.h"

#include <string.h>

#include "backend/cuda.h"
#include "base/clock.h"
#include "base/memory.h"
#include "base/text.h"
#include "http/state.h"

#define MEBIBYTE ((int64_t)1 << 20)

/* ---- a config as a service ---- */

bt_status bt_http_served_open(bt_http_served *out, const bt_http_settings *settings,
                              const bt_option_sources *sources, bt_log *log, bt_error *error) {
    const bt_names *names = &settings->models;
    const char *models[BT_NAMES_MAX];
    *out = (bt_http_served){0};
    bt_status status = bt_config_load_flag(&out->config, settings->config, error);
    for (int i = 0; i < names->count; i++)
        models[i] = names->names[i];
    if (status == BT_OK)
        status = bt_serving_open(&out->service, out->config, names->count > 0 ? models : NULL, names->count,
                                 &settings->service, sources, log, error);
    if (status != BT_OK) bt_http_served_close(out);
    return status;
}

void bt_http_served_close(bt_http_served *served) {
    bt_service_close(&served->service);
    bt_config_close(&served->config);
}

void bt_http_served_names(const bt_http_served *served, char *out, size_t size) {
    bt_model_facts facts[BT_BATCHER_MODELS_MAX];
    const int count = bt_service_models(served->service, facts, BT_BATCHER_MODELS_MAX);
    out[0] = '\0';
    for (int i = 0; i < count; i++)
        bt_text_append(out, size, "%s%s", i ? ", " : "", facts[i].name);
}

/* ---- whether both fit ---- */

static bool runs_on(const bt_served_model *model, const char *device) {
    const char *here = model->placement.instances[0].device;
    return device ? strcmp(here, device) == 0 : strncmp(here, "cuda:", 5) != 0;
}

/* What the service will hold of a device's memory, or of the process's (NULL), as tuning measured it. Of the process's,
 * what it holds now where a model on a CPU was not measured: that is the one before, and all else besides. */
static int64_t bytes_of(const bt_http_served *served, const char *device) {
    double bytes = 0;
    const int count = bt_service_models(served->service, NULL, 0);
    for (int i = 0; i < count; i++) {
        const bt_served_model *model = bt_serving_model(served->service, i);
        if (!runs_on(model, device)) continue;
        if (strcmp(model->entry->memory_kind, bt_memory_kind(device != NULL)) == 0)
            bytes += model->entry->memory_usage_mb * (double)MEBIBYTE;
        else if (runs_on(model, "cpu"))
            return bt_memory_resident_bytes();
    }
    return bytes < 9e18 ? (int64_t)bytes : INT64_MAX;
}

static bt_status fit(int64_t need, int64_t left, const char *where, bt_log *log, bt_error *error) {
    if (need > left)
        return bt_fail(
            error, BT_NO_MEMORY,
            "the new models need %lld MiB of %s memory beside those that serve, and %lld MiB are left: "
            "restart instead",
            (long long)(need / MEBIBYTE), where, (long long)(left / MEBIBYTE));
    bt_log_write(log, BT_LOG_INFO,
                 "for the change both are loaded: %lld MiB more of %s memory, of %lld MiB left",
                 (long long)(need / MEBIBYTE), where, (long long)(left / MEBIBYTE));
    return BT_OK;
}

static bt_status fit_on_devices(const bt_http_served *served, bt_log *log, bt_error *error) {
    bt_cuda_load load;
    bt_error ignored;
    bt_status status = BT_OK;
    char device[BT_NAME_SIZE];
    for (int i = 0; status == BT_OK; i++) {
        snprintf(device, sizeof device, "cuda:%d", i);
        if (bt_cuda_read_load(&load, i, &ignored) != BT_OK) return BT_OK; /* there are no more */
        const int64_t need = bytes_of(served, device);
        if (need > 0 && load.total_bytes > 0)
            status = fit(need, load.total_bytes - load.used_bytes, device, log, error);
    }
    return status;
}

static bt_status fit_both(const bt_http_served *served, bt_log *log, bt_error *error) {
    const int64_t need = bytes_of(served, NULL);
    bt_status status = BT_OK;
    if (need > 0) status = fit(need, bt_memory_available_bytes(), "the process's", log, error);
    return status == BT_OK ? fit_on_devices(served, log, error) : status;
}

/* ---- the change ---- */

static bt_status prepare(bt_http_served *next, const bt_http_settings *settings,
                         const bt_option_sources *sources, bt_log *log, bt_error *error) {
    bt_status status = bt_http_served_open(next, settings, sources, log, error);
    if (status == BT_OK) status = fit_both(next, log, error);
    if (status == BT_OK) status = bt_service_start(next->service, error);
    if (status == BT_OK) status = bt_serving_find_capacities(next->service, error);
    if (status != BT_OK) bt_http_served_close(next);
    return status;
}

/* The one before cannot be closed where somebody is in it for ever: then its config stays, too. */
static void close_old(bt_http_served *before, bt_service *free_to_close, bt_log *log) {
    if (free_to_close) {
        bt_http_served_close(before);
        return;
    }
    bt_log_write(log, BT_LOG_WARNING,
                 "a run of the service before hangs: it is left behind, with its memory");
}

bt_status bt_http_reload(bt_http_served *served, bt_http_server *server, const bt_http_settings *settings,
                         const bt_option_sources *sources, bt_log *log, bt_error *error) {
    const int64_t began_ns = bt_clock_now_ns();
    bt_http_served before = *served, next = {0};
    bt_service *old = NULL;
    char names[256];
    bt_status status = prepare(&next, settings, sources, log, error);
    if (status == BT_OK) {
        status = bt_http_server_swap(server, next.service, BT_HTTP_STOP_MS, &old, error);
        if (status == BT_INVALID) bt_http_served_close(&next);
    }
    atomic_fetch_add(next.service ? &server->reloads : &server->failed_reloads, 1);
    if (!next.service) return status;
    if (status != BT_OK) bt_log_write(log, BT_LOG_WARNING, "%s", error->message);
    *served = next;
    close_old(&before, old, log);
    bt_http_served_names(served, names, sizeof names);
    bt_log_write(log, BT_LOG_INFO, "serving %s, as %s says now, after %.1f s", names, settings->config,
                 (double)(bt_clock_now_ns() - began_ns) / 1e9);
    return BT_OK;
}
