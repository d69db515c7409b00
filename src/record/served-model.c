#include "record/served-model.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#include "record/model-file.h"
#include "record/weights-setting.h"

static bool is_given(const bt_option_sources *sources, const char *name) {
    int index = bt_options_find(bt_service_settings_table, bt_service_settings_count, name);
    return sources->of[index] != BT_SOURCE_DEFAULT;
}

bt_status bt_served_model_unknown(const bt_config *config, const char *name, bt_error *error) {
    char known[160] = "";
    for (int i = 0; i < config->model_count; i++) {
        size_t used = strlen(known);
        snprintf(known + used, sizeof known - used, "%s%s", i ? ", " : "", config->models[i].name);
    }
    return bt_fail(error, BT_INVALID, "the config has no model \"%.64s\"; it has: %s", name, known);
}

static void copy(char out[BT_OPTION_TEXT_SIZE], const char *text) {
    if (out[0] == '\0') snprintf(out, BT_OPTION_TEXT_SIZE, "%s", text);
}

/* What was given of this model, else the entry's file; "" for a built-in network. */
static bt_status choose_model_file(bt_served_model *out, bt_error *error) {
    char given[BT_OPTION_TEXT_SIZE];
    memcpy(given, out->settings.model_file, sizeof given);
    bt_status status = bt_model_file_of(out->settings.model_file, given, out->entry->name, error);
    if (status == BT_OK) copy(out->settings.model_file, out->entry->model_file);
    return status;
}

/* What was given, else the file or the source of the model's entry, else the setting. A model file has its
 * weights in it. */
static bt_status choose_weights(bt_served_model *out, bt_error *error) {
    const bt_config_weights *entry = &out->entry->weights;
    char given[BT_OPTION_TEXT_SIZE];
    if (out->settings.model_file[0]) {
        out->settings.weights[0] = '\0';
        return BT_OK;
    }
    memcpy(given, out->settings.weights, sizeof given);
    if (given[0] == '\0' && entry->path[0]) {
        copy(out->settings.weights, entry->path);
        return BT_OK;
    }
    copy(given, entry->source);
    if (given[0] == '\0' || strcmp(given, "none") == 0)
        snprintf(given, sizeof given, "%s", out->entry->settings.weights);
    return bt_weights_of(out->settings.weights, given, out->entry->name, error);
}

static void fill(bt_served_model *out, const bt_option_sources *sources) {
    const bt_config_model *entry = out->entry;
    const bt_settings *from = &entry->settings;
    bt_service_settings *s = &out->settings;
    if (s->batch_size == 0) s->batch_size = entry->optimal_batch_size;
    if (!is_given(sources, "max_queue_delay_ms")) s->max_queue_delay_ms = from->max_queue_delay_ms;
    if (!is_given(sources, "max_queue_size")) s->max_queue_size = from->max_queue_size;
    if (s->p95_sla_ms == 0) s->p95_sla_ms = from->p95_sla_ms;
    copy(s->backend, from->backend);
    if (s->image_size == 0) s->image_size = entry->image_size > 0 ? entry->image_size : from->image_size;
    if (s->image_size == 0) s->image_size = BT_FULL_IMAGE_SIZE;
    out->path = from->path;
    out->use_amp = from->use_amp;
    out->use_channels_last = from->use_channels_last;
    out->use_cudnn_benchmark = from->use_cudnn_benchmark;
}

/* The config's instances; where it has none, one on its device. */
static void place_as_configured(bt_served_model *out, const bt_config *config) {
    const bt_config_model *entry = out->entry;
    bt_placement *placement = &out->placement;
    placement->count = entry->instance_count;
    memcpy(placement->instances, entry->instances, sizeof entry->instances);
    if (placement->count > 0) return;
    const char *device = entry->settings.device;
    if (strcmp(device, "auto") == 0) device = config->machine.gpu[0] ? "cuda:0" : "cpu";
    placement->count = 1;
    placement->instances[0] = (bt_config_instance){.threads = (int)entry->settings.threads};
    snprintf(placement->instances[0].device, sizeof placement->instances[0].device, "%.63s", device);
}

static bt_status fail_unmeasurable(const bt_config_model *entry, bt_error *error) {
    return bt_fail(error, BT_INVALID,
                   "%s could not be measured%s%s, so it is not served: tune it again, serve the other models "
                   "by name, or take its entry out of the config",
                   entry->name, *entry->reason ? ": " : "", entry->reason);
}

bt_status bt_served_model_resolve(bt_served_model *out, const bt_config *config, const char *name,
                                  const bt_service_settings *given, const bt_option_sources *sources,
                                  const cpu_set_t *allowed, bt_error *error) {
    *out = (bt_served_model){.entry = bt_config_find(config, name), .settings = *given};
    if (!out->entry) return bt_served_model_unknown(config, name, error);
    if (out->entry->unmeasurable) return fail_unmeasurable(out->entry, error);
    fill(out, sources);
    bt_status status = choose_model_file(out, error);
    if (status == BT_OK) status = choose_weights(out, error);
    if (status != BT_OK) return status;
    status = bt_placement_parse(&out->placement, given->instances, name, allowed, error);
    if (status != BT_OK) return bt_fail_at(error, status, "instances");
    if (out->placement.count == 0) place_as_configured(out, config);
    return BT_OK;
}
