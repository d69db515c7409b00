/* The service that segments: which config it gets, and starting it for a few pictures. */
#include <string.h>

#include "backend/cuda.h"
#include "base/program.h"
#include "segment/state.h"
#include "settings/by-model.h"
#include "settings/weights.h"

/* A run's watchdog, an hour: nobody waits for an answer in time, only a run that hangs for good is one.
 * Raised, such a run is told later still; lowered, a large picture on a slow machine might be taken for
 * one. */
#define WATCHDOG_MS 3.6e6

/* Says what a person should know of the sizes: that a demonstration chose the image's, for which alone INT8 is
 * calibrated, or nobody the batch's. */
static void warn_untuned(const bt_segment_work *w) {
    const bt_segment_settings *s = w->settings;
    const bt_config_model *entry = &w->entry;
    const bool of_file = entry->model_file[0] || s->service.model_file[0]; /* its size is its own */
    if (s->service.image_size == 0 && !of_file && strcmp(entry->workload, "cpu-demo") == 0)
        bt_log_write(w->options->log, BT_LOG_INFO,
                     "%s runs at %d px, for which a demonstration tuned it; --image-size 1024%s shows more",
                     w->options->model, entry->image_size,
                     bt_config_model_precision(entry) == BT_PRECISION_INT8 ? " --precision auto" : "");
    if (s->service.batch_size > 0 || w->options->pictures->count == 1) return;
    if (w->untuned)
        bt_log_write(w->options->log, BT_LOG_INFO,
                     "%s is not tuned here: batches of one; `make optimize-batch` finds the best size",
                     w->options->model);
    else if (s->service.image_size > 0 && entry->image_size > 0 && entry->image_size != s->service.image_size)
        bt_log_write(w->options->log, BT_LOG_INFO,
                     "%s was tuned at %d px, not at %lld: whether batches of %d are best here is not known",
                     w->options->model, entry->image_size, (long long)s->service.image_size,
                     entry->optimal_batch_size);
}

bt_status bt_segment_choose_config(bt_segment_work *w, bt_error *error) {
    const bt_segment_options *o = w->options;
    const bt_config_model *entry = o->config ? bt_config_find(o->config, o->model) : NULL;
    const bt_config *known = entry && !entry->unmeasurable ? o->config : NULL;
    if (!known) {
        bt_status status = bt_config_untuned(&w->untuned, o->model, error);
        if (status != BT_OK) return status;
        bt_cuda_fill_machine(&w->untuned->machine);
    }
    w->config = known ? *known : *w->untuned;
    w->entry = known ? *entry : w->untuned->models[0];
    w->config.models = &w->entry;
    w->config.model_count = 1;
    warn_untuned(w);
    size_t count;
    const bt_option *table = bt_segment_settings_table(&count);
    if (o->sources->of[bt_options_find(table, count, "path")] != BT_SOURCE_DEFAULT)
        w->entry.settings.path = o->settings->path;
    return BT_OK;
}

/* No batch is larger than there are pictures. Nothing is warmed up: it would take longer than a few pictures
 * do, the standard path's most of all. */
bt_status bt_segment_start_service(bt_segment_work *w, bt_error *error) {
    const bt_segment_options *o = w->options;
    bt_service_settings settings;
    bt_option_sources sources;
    bt_segment_service_settings(o->settings, o->sources, &settings, &sources);
    if (settings.batch_size == 0) settings.batch_size = w->entry.optimal_batch_size;
    if (settings.batch_size > o->pictures->count) settings.batch_size = o->pictures->count;
    settings.warm_up = false;
    settings.watchdog_ms = WATCHDOG_MS;
    const char *model = o->model;
    bt_status status = bt_weights_narrow(settings.weights, model, error);
    if (status != BT_OK) return bt_fail_at(error, status, "--weights");
    status = bt_by_model_narrow(settings.model_file, model, error);
    if (status != BT_OK) return bt_fail_at(error, status, "--model-file");
    status = bt_serving_open(&w->service, &w->config, &model, 1, &settings, &sources, o->log, error);
    bt_program_waits(true); /* of this network there is nothing yet, and files of another are whole */
    if (status == BT_OK) status = bt_service_start(w->service, error);
    bt_program_waits(false);
    if (status == BT_OK) w->session = *bt_serving_session(w->service, 0);
    return status;
}
