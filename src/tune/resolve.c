#include "tune/resolve.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "backend/backend.h"
#include "base/text.h"
#include "image/folder.h"
#include "networks/weights.h"
#include "settings/by-model.h"
#include "settings/model-file.h"
#include "settings/model-names.h"
#include "settings/weights-source.h"
#include "tune/bench.h"

_Static_assert(BT_FOLDER_WORDS_SIZE <= BT_TEXT_SIZE, "a folder's words fit a record");

/* ---- what "auto" stands for ---- */

bool bt_resolve_on_cpu(const bt_settings *settings, const bt_machine *machine) {
    bool by_itself = strcmp(settings->device, "auto") == 0 && machine->gpu[0] == '\0';
    return !bt_backend_simulates(settings->backend) && (by_itself || strcmp(settings->device, "cpu") == 0);
}

const char *bt_resolve_workload(const bt_settings *settings) {
    if (bt_backend_simulates(settings->backend)) return "simulated";
    return strcmp(settings->device, "cpu") == 0 ? "cpu-demo" : "production";
}

bt_runs_on bt_resolve_runs_on(const bt_settings *settings, const bt_resolved_model *model) {
    return bt_session_runs_on(&(bt_session_options){.backend = settings->backend,
                                                    .resolved = &model->model,
                                                    .device = settings->device,
                                                    .path = (bt_path)settings->path,
                                                    .use_channels_last = settings->use_channels_last});
}

static bt_status resolve_device(bt_settings *settings, const bt_machine *machine, bt_error *error) {
    char *device = settings->device;
    if (bt_backend_simulates(settings->backend))
        snprintf(device, BT_OPTION_TEXT_SIZE, "cpu"); /* where its sleeping happens */
    else if (strcmp(device, "auto") == 0)
        snprintf(device, BT_OPTION_TEXT_SIZE, "%s", machine->gpu[0] ? "cuda:0" : "cpu");
    int number, end = 0;
    bool cuda = sscanf(device, "cuda:%3d%n", &number, &end) == 1 && device[end] == '\0' && number >= 0;
    if (!cuda && strcmp(device, "cpu") != 0)
        return bt_fail(error, BT_INVALID, "--device: \"%s\" is no device (auto, cpu or cuda:N, e.g. cuda:0)",
                       device);
    return BT_OK;
}

/* ---- one model ---- */

static int image_size_option(void) {
    return bt_options_find(bt_settings_table, bt_settings_count, "image_size");
}

/* The size that somebody asked for, else the model file's own, else what the device is good for. */
static int image_size_of(const bt_settings *settings, const bt_option_sources *sources,
                         const bt_resolved_model *model) {
    const bool asked = sources->of[image_size_option()] >= BT_SOURCE_CONFIG;
    return asked || model->model.input_size == 0 ? (int)settings->image_size : model->model.input_size;
}

/* ---- batch sizes ---- */

/* Which of the asked batch sizes (all, where none is asked for) a model has packages for; all of them where
 * it takes any size. `dropped` tells whether some have none. */
static bt_sizes sizes_for(const bt_sizes *asked, const bt_sizes *there, bool *dropped) {
    if (dropped) *dropped = false;
    if (there->count == 0) return *asked;
    if (asked->count == 0) return *there;
    bt_sizes both = {0};
    for (int i = 0; i < asked->count; i++)
        for (int k = 0; k < there->count; k++)
            if (asked->sizes[i] == there->sizes[k]) both.sizes[both.count++] = asked->sizes[i];
    if (dropped) *dropped = both.count < asked->count;
    return both;
}

static void write_sizes(const bt_sizes *sizes, char *out, size_t size) {
    out[0] = '\0';
    for (int i = 0; i < sizes->count; i++)
        bt_text_append(out, size, "%s%d", i ? ", " : "", sizes->sizes[i]);
}

static bt_status check_sizes(const bt_settings *settings, const char *title, const bt_sizes *there,
                             bt_error *error) {
    char list[160];
    if (settings->batches.count == 0 || sizes_for(&settings->batches, there, NULL).count > 0) return BT_OK;
    write_sizes(there, list, sizeof list);
    return bt_fail(error, BT_INVALID, "--batches: %s takes batches of %s alone", title, list);
}

bt_status bt_resolve_sizes(bt_resolved_sizes *out, const bt_settings *settings,
                           const bt_resolved_model *model, int only_batch_size, bt_log *log,
                           bt_error *error) {
    char list[160];
    const char *title = model->model.title;
    bt_sizes there = model->model.batches;
    bool dropped;
    *out = (bt_resolved_sizes){.batches = settings->batches};
    if (model->simulated || model->model.kind == BT_MODEL_NETWORK) return BT_OK;
    out->fixed_image_size = model->model.kind == BT_MODEL_PACKAGES || model->model.compiled_height > 0;
    out->output = model->model.output;
    if (there.count == 0 && only_batch_size > 0) there = (bt_sizes){.count = 1, .sizes = {only_batch_size}};
    if (there.count == 0) return BT_OK;
    bt_status status = check_sizes(settings, title, &there, error);
    if (status != BT_OK) return status;
    out->batches = sizes_for(&settings->batches, &there, &dropped);
    write_sizes(&there, list, sizeof list);
    bt_log_write(log, dropped ? BT_LOG_WARNING : BT_LOG_INFO,
                 "%s: takes batches of %s; no other size is tried", title, list);
    return BT_OK;
}

/* ---- the settings ---- */

/* What is run on, for the record; pictures are all decoded once, so that a broken one shows before anything
 * is measured. */
static bt_status check_images(const bt_settings *settings, char words[BT_TEXT_SIZE], bt_log *log,
                              bt_error *error) {
    snprintf(words, BT_TEXT_SIZE, "synthetic spheroids, seed %lld", (long long)settings->seed);
    if (!settings->images[0]) return BT_OK;
    const bt_picture_wishes wishes = {.white = settings->white, .page = (int)settings->page};
    bt_status status = bt_picture_folder_check(settings->images, BT_BENCH_IMAGES, &wishes, words, log, error);
    return status == BT_OK ? BT_OK : bt_fail_at(error, status, "--images");
}

/* A precision that was asked for and cannot be had is told before anything is opened. */
static bt_status check_precision(const bt_settings *settings, const bt_resolved_model *model,
                                 bt_error *error) {
    const bt_precision asked = (bt_precision)settings->precision;
    if (model->simulated || settings->path == BT_PATH_STANDARD || bt_precision_is_open(asked)) return BT_OK;
    if (bt_model_has_own_precision(&model->model))
        return bt_fail(error, BT_INVALID, "--precision: %s computes in what %s", model->model.title,
                       model->model.kind == BT_MODEL_ONNX ? "is in its file"
                                                          : "its packages were compiled with");
    const bt_runs_on where = bt_resolve_runs_on(settings, model);
    if (bt_session_precision_exists(asked, where)) return BT_OK;
    return bt_fail_at(error, bt_session_precision_refuse(asked, where, error), "--precision");
}

static bt_status resolve_model(bt_resolved_model *out, bt_settings *settings, bt_option_sources *sources,
                               const char *name, bt_error *error) {
    const bt_model_request request = {.name = name,
                                      .backend = settings->backend,
                                      .model_file = settings->model_file,
                                      .weights = settings->weights};
    bt_status status = bt_model_resolve(out, &request, error);
    if (status != BT_OK) return status;
    /* The command line that repeats the run must not make a flag of the profile's size: that would win. */
    bt_option_source *source = &sources->of[image_size_option()];
    if (out->model.input_size > 0 && *source == BT_SOURCE_PROFILE) *source = BT_SOURCE_DEFAULT;
    const int size = image_size_of(settings, sources, out);
    status = bt_model_check_size(&out->model, size, size, error);
    if (status != BT_OK) return bt_fail_at(error, status, "--image-size");
    status = check_precision(settings, out, error);
    if (status != BT_OK) return status;
    status = bt_resolved_model_check_weights(out, BT_LABEL_FLAGS, error);
    if (status != BT_OK || out->model.kind == BT_MODEL_NETWORK) return status;
    return check_sizes(settings, out->model.title, &out->model.batches, error);
}

/* Where only files are given they are what is tuned; else each must be of a model that is. */
static bt_status choose_models(bt_settings *settings, const bt_option_sources *sources, bt_error *error) {
    const int index = bt_options_find(bt_settings_table, bt_settings_count, "models");
    const bool by_default = sources->of[index] == BT_SOURCE_DEFAULT;
    bt_status status = bt_model_names_default(&settings->models, by_default, settings->model_file, error);
    if (status != BT_OK) return status;
    if (settings->models.count == 0)
        return bt_fail(error, BT_INVALID, "--models: name at least one, e.g. hrnet,cbam_resunet");
    return bt_model_names_check_list(&settings->models, settings->weights, settings->model_file, error);
}

/* A rate says what is wanted, unless something else was asked for; each is one, and of a model that is tuned. */
static bt_status resolve_rate(bt_settings *settings, bt_option_sources *sources, bt_error *error) {
    const int objective = bt_options_find(bt_settings_table, bt_settings_count, "objective");
    const int rate = bt_options_find(bt_settings_table, bt_settings_count, "rate");
    const char *names[BT_NAMES_MAX];
    double ignored;
    if (!settings->rate[0]) return BT_OK;
    if (sources->of[objective] < sources->of[rate]) {
        settings->objective = BT_OBJECTIVE_CAPACITY;
        sources->of[objective] = sources->of[rate];
    }
    if (settings->objective != BT_OBJECTIVE_CAPACITY)
        return bt_fail(error, BT_INVALID, "--rate: asks for the capacity, not for --objective %s",
                       bt_objective_name((bt_objective)settings->objective));
    for (int i = 0; i < settings->models.count; i++)
        names[i] = settings->models.names[i];
    bt_status status = bt_by_model_check_names(settings->rate, names, settings->models.count, error);
    if (status != BT_OK) return bt_fail_at(error, status, "--rate");
    for (int i = 0; i < settings->models.count && status == BT_OK; i++)
        status = bt_settings_rate(&ignored, settings, settings->models.names[i], error);
    return status;
}

bt_status bt_resolve_settings(bt_settings *settings, bt_option_sources *sources, const bt_machine *machine,
                              bt_resolved_model models[BT_NAMES_MAX], char images[BT_TEXT_SIZE], bt_log *log,
                              bt_error *error) {
    bt_status status = bt_backend_check(settings->backend, error);
    if (status != BT_OK) return bt_fail_at(error, status, "--backend");
    status = resolve_device(settings, machine, error);
    if (status != BT_OK) return status;
    if (settings->image_size == 0)
        settings->image_size = strcmp(settings->device, "cpu") == 0 ? 128 : BT_FULL_IMAGE_SIZE;
    status = check_images(settings, images, log, error);
    if (status == BT_OK) status = choose_models(settings, sources, error);
    if (status == BT_OK) status = resolve_rate(settings, sources, error);
    for (int i = 0; i < settings->models.count && status == BT_OK; i++)
        status = resolve_model(&models[i], settings, sources, settings->models.names[i], error);
    return status;
}

/* ---- the record's models ---- */

/* Where the model's weights come from; a file by its absolute path, since the config will outlive this
 * folder, with the place in it that was given. */
static bt_status name_weights(const bt_resolved_model *resolved, bt_model_record *model, bt_error *error) {
    const char *source = resolved->weights;
    char file[BT_PATH_SIZE];
    bt_status status = BT_OK;
    snprintf(model->weights_source, sizeof model->weights_source, "%.63s", source);
    if (!bt_weights_is_file(source) || resolved->simulated) return BT_OK;
    const char *place = bt_weights_source_split(file, source);
    char *path = realpath(file, NULL);
    if (!path) return bt_fail(error, BT_IO, "weights %s: %s", file, bt_text_system_error(errno));
    const size_t size = sizeof model->weights_path;
    if ((size_t)snprintf(model->weights_path, size, "%s%s%s", path, *place ? ":" : "", place) >= size)
        status = bt_fail(error, BT_INVALID, "weights %.60s...: the path is too long", path);
    free(path);
    return status;
}

static bt_status fill_model(const bt_record *record, const bt_resolved_model *resolved,
                            bt_model_record *model, bt_log *log, bt_error *error) {
    const bt_model *m = &resolved->model;
    snprintf(model->model, sizeof model->model, "%s", m->name);
    snprintf(model->title, sizeof model->title, "%s", m->title);
    model->image_size = image_size_of(&record->settings, &record->sources, resolved);
    if (m->input_note[0]) bt_log_write(log, BT_LOG_WARNING, "%s: %s", model->title, m->input_note);
    bt_status status = BT_OK;
    if (m->kind == BT_MODEL_NETWORK)
        status = name_weights(resolved, model, error);
    else
        snprintf(model->weights_source, sizeof model->weights_source, "none");
    if (status != BT_OK || m->file[0] == '\0' || resolved->simulated) return status;
    return bt_model_file_absolute(model->model_file, m->file, error);
}

/* The folder was listed before the run had its log; what was passed over there is told here. */
static void warn_of_skipped(const bt_settings *settings, bt_log *log) {
    const char *path = settings->images;
    bt_picture_folder *folder;
    bt_error ignored;
    if (!path[0] || bt_picture_folder_open(&folder, path, BT_BENCH_IMAGES, &ignored) != BT_OK) return;
    if (folder->skipped[0]) bt_log_write(log, BT_LOG_WARNING, "--images: passed over: %s", folder->skipped);
    bt_picture_folder_close(&folder);
}

bt_status bt_resolve_models(bt_record *record, const bt_resolved_model *models, bt_log *log,
                            bt_error *error) {
    bt_status status = BT_OK;
    warn_of_skipped(&record->settings, log);
    for (int i = 0; i < record->model_count && status == BT_OK; i++)
        status = fill_model(record, &models[i], &record->models[i], log, error);
    return status;
}
