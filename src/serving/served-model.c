#include "serving/served-model.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#include "backend/session-precision.h"
#include "base/files.h"
#include "base/text.h"
#include "settings/model-file.h"

static bool is_given(const bt_option_sources *sources, const char *name) {
    int index = bt_options_find(bt_service_settings_table, bt_service_settings_count, name);
    return sources->of[index] != BT_SOURCE_DEFAULT;
}

/* What was given, else what the model's entry has: its file, or the file or the source of its weights; else
 * the tuning's setting. */
static bt_status resolve_model(bt_served_model *out, bt_error *error) {
    const bt_config_model *entry = out->entry;
    bt_service_settings *s = &out->settings;
    const char *weights = s->weights[0] ? s->weights : entry->weights.source;
    if (weights[0] == '\0' || strcmp(weights, "none") == 0) weights = entry->settings.weights;
    if (s->weights[0] == '\0' && entry->weights.path[0]) weights = "";
    const bt_model_request request = {.name = entry->name,
                                      .backend = s->backend,
                                      .model_file = s->model_file,
                                      .weights = weights,
                                      .usual_file = entry->model_file,
                                      .usual_weights = entry->weights.path,
                                      .only_named_if_simulated = true,
                                      .label = BT_LABEL_KEYS};
    bt_status status = bt_model_resolve(&out->resolved, &request, error);
    if (status != BT_OK) return status;
    snprintf(s->model_file, sizeof s->model_file, "%.511s", out->resolved.model.file);
    memcpy(s->weights, out->resolved.weights, sizeof s->weights);
    return BT_OK;
}

/* What was given, else the entry's; one that was written by hand may have none, but the model's file. */
static void choose_image_size(bt_served_model *out) {
    int64_t *size = &out->settings.image_size;
    if (*size == 0) *size = out->entry->image_size;
    if (*size == 0) *size = out->resolved.model.input_size;
    if (*size == 0) *size = out->entry->settings.image_size;
    if (*size == 0) *size = BT_FULL_IMAGE_SIZE;
}

static void fill(bt_served_model *out, const bt_option_sources *sources) {
    const bt_config_model *entry = out->entry;
    const bt_settings *from = &entry->settings;
    bt_service_settings *s = &out->settings;
    if (s->batch_size == 0) s->batch_size = entry->optimal_batch_size;
    if (!is_given(sources, "max_queue_delay_ms")) s->max_queue_delay_ms = from->max_queue_delay_ms;
    if (!is_given(sources, "max_queue_size")) s->max_queue_size = from->max_queue_size;
    if (!is_given(sources, "policy")) s->policy = from->policy;
    if (s->p95_sla_ms == 0) s->p95_sla_ms = from->p95_sla_ms;
    if (s->backend[0] == '\0') memcpy(s->backend, from->backend, sizeof s->backend);
    out->path = (bt_path)from->path;
    out->use_amp = from->use_amp;
    out->use_channels_last = from->use_channels_last;
    out->use_cudnn_benchmark = from->use_cudnn_benchmark;
    if (!is_given(sources, "precision")) s->precision = bt_config_model_precision(entry);
    out->precision = (bt_precision)s->precision;
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
    placement->instances[0] = (bt_instance){.threads = (int)entry->settings.threads};
    snprintf(placement->instances[0].device, sizeof placement->instances[0].device, "%.63s", device);
}

/* ---- the cores that there are ---- */

static bool may_run(const bt_instance *instance, const cpu_set_t *allowed) {
    cpu_set_t cpus, both;
    bt_error ignored;
    if (instance->cpus[0] == '\0' || bt_cpus_parse(&cpus, instance->cpus, &ignored) != BT_OK) return true;
    CPU_AND(&both, &cpus, allowed);
    return CPU_EQUAL(&both, &cpus);
}

static void name_placement(const bt_placement *placement, int cores, char out[48]) {
    const int count = placement->count, threads = bt_placement_threads(placement, cores) / count;
    snprintf(out, 48, "%d instance%s of %d thread%s", count, count == 1 ? "" : "s", threads,
             threads == 1 ? "" : "s");
}

/* A run that was free to choose took what was best on its cores. On fewer, as many of its copies are served
 * as these have room for; on others, on these. */
static void fit_to_cores(bt_served_model *out, const bt_cores *cores) {
    const bt_settings *tuned = &out->entry->settings;
    bt_placement *placement = &out->placement, fitting;
    char were[48], are[48], words[BT_CORES_WORDS_SIZE], text[32];
    bt_error ignored;
    bool placed = true;
    for (int i = 0; i < placement->count; i++) {
        if (strcmp(placement->instances[i].device, "cpu") != 0) return;
        placed = placed && may_run(&placement->instances[i], &cores->mask);
    }
    const int threads = bt_placement_threads(placement, cores->count), each = threads / placement->count;
    const bool chosen = tuned->threads == 0 && tuned->instances == 0;
    if (placed && (!chosen || threads <= cores->count)) return;
    const int most = chosen && threads > cores->count ? cores->count : threads;
    snprintf(text, sizeof text, "%dx%d", most > each ? most / each : 1, most > each ? each : most);
    if (bt_placement_parse(&fitting, text, out->entry->name, &cores->mask, &ignored) != BT_OK) return;
    if (fitting.count == 1) fitting.instances[0].cpus[0] = '\0'; /* wherever the system puts it */
    name_placement(placement, cores->count, were);
    name_placement(&fitting, cores->count, are);
    bt_cores_words(cores, words);
    if (strcmp(were, are) == 0)
        snprintf(out->placement_note, sizeof out->placement_note,
                 "the config's cores are not this process's to use; it runs on others");
    else
        snprintf(out->placement_note, sizeof out->placement_note,
                 "tuned as %s, but there %s %s: it runs as %s", were, cores->count == 1 ? "is" : "are", words,
                 are);
    *placement = fitting;
}

/* ---- what a lane opens ---- */

bt_session_options bt_served_model_session(const bt_served_model *served, const bt_instance *place,
                                           bt_path path) {
    const bt_service_settings *s = &served->settings;
    return (bt_session_options){
        .backend = s->backend,
        .model = served->entry->name,
        .model_file = s->model_file,
        .resolved = &served->resolved.model,
        .weights = s->weights,
        .device = place->device,
        .path = path == BT_PATH_STANDARD ? BT_PATH_STANDARD : served->path,
        .height = (int)s->image_size,
        .width = (int)s->image_size,
        .threads = place->threads,
        .use_amp = served->use_amp,
        .use_channels_last = served->use_channels_last,
        .use_cudnn_benchmark = served->use_cudnn_benchmark,
        .precision = served->precision,
        .calibration = served->calibration,
    };
}

/* A precision that a run measured where it was fast may be none of this machine's, and INT8's file may be left
 * behind: that is told here, where the config is known, before a network is loaded. */
static bt_status check_precision(bt_served_model *out, const bt_config *config, bool given, bt_error *error) {
    const char *name = out->entry->name, *title = bt_precision_title(out->precision);
    if (out->resolved.simulated || out->path == BT_PATH_STANDARD || bt_precision_is_open(out->precision))
        return BT_OK;
    for (int i = 0; i < out->placement.count && !given; i++) {
        const bt_session_options options =
            bt_served_model_session(out, &out->placement.instances[i], out->path);
        if (!bt_session_precision_exists(out->precision, bt_session_runs_on(&options)))
            return bt_fail(
                error, BT_UNSUPPORTED,
                "%s was tuned in %s, which it cannot run in here: tune it here with optimize-batch, "
                "or give precision auto",
                name, title);
    }
    if (out->precision != BT_PRECISION_INT8) return BT_OK;
    bt_status status = bt_config_calibration_path(out->calibration, config->path, out->entry, error);
    if (status != BT_OK || !out->calibration[0] || bt_file_exists(out->calibration)) return status;
    return bt_fail(error, BT_IO,
                   "%s: there is no such file, and INT8 wants it: tune %s here with optimize-batch, or give "
                   "precision auto",
                   out->calibration, name);
}

/* ---- all of it ---- */

static bt_status fail_unmeasurable(const bt_config_model *entry, bt_error *error) {
    return bt_fail(error, BT_INVALID,
                   "%s could not be measured%s%s, so it is not served: tune it again, serve the other models "
                   "by name, or take its entry out of the config",
                   entry->name, *entry->reason ? ": " : "", entry->reason);
}

bt_status bt_served_model_resolve(bt_served_model *out, const bt_config *config, const char *name,
                                  const bt_service_settings *given, const bt_option_sources *sources,
                                  const bt_cores *cores, bt_error *error) {
    const bool is_auto = strcmp(given->instances, BT_INSTANCES_AUTO) == 0;
    *out = (bt_served_model){.entry = bt_config_find(config, name), .settings = *given, .placed_rps = NAN};
    if (!out->entry) return bt_config_fail_model(config, name, error);
    if (out->entry->unmeasurable) return fail_unmeasurable(out->entry, error);
    fill(out, sources);
    bt_status status = resolve_model(out, error);
    if (status != BT_OK) return status;
    choose_image_size(out);
    const char *places = is_auto ? "" : given->instances;
    status = bt_placement_parse(&out->placement, places, name, &cores->mask, error);
    if (status != BT_OK) return bt_fail_at(error, status, "instances");
    const bool configured = out->placement.count == 0, simulated = out->resolved.simulated;
    if (configured) place_as_configured(out, config);
    if (configured && !simulated) fit_to_cores(out, cores);
    if (!out->placement_note[0] && !simulated) /* who asks for more than there is gets it, and is told */
        bt_cores_excess(cores, bt_placement_threads(&out->placement, cores->count), out->placement_note);
    return check_precision(out, config, is_given(sources, "precision"), error);
}

bool bt_served_model_is_measured(const bt_served_model *served) {
    const bt_service_settings *s = &served->settings;
    const bt_config_model *entry = served->entry;
    return strcmp(s->backend, entry->settings.backend) == 0 &&
           served->precision == bt_config_model_precision(entry) &&
           (entry->image_size == 0 || s->image_size == entry->image_size);
}

bool bt_served_model_has_changed(const bt_served_model *served, uint64_t weights_hash) {
    const bt_config_weights *measured = &served->entry->weights;
    const bt_service_settings *s = &served->settings;
    const bool has_its_own = s->model_file[0] && !bt_model_file_is_list(s->model_file);
    const char *loaded = has_its_own ? s->model_file : s->weights;
    return measured->hash != 0 && weights_hash != 0 && measured->hash != weights_hash &&
           strcmp(measured->path, loaded) == 0;
}
