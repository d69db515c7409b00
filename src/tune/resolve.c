#include "tune/resolve.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "backend/backend.h"
#include "base/text.h"
#include "image/folder.h"
#include "networks/model.h"
#include "networks/network.h"
#include "networks/weights.h"
#include "settings/by-model.h"
#include "settings/model-file.h"
#include "settings/weights-source.h"
#include "settings/weights.h"
#include "tune/bench.h"

_Static_assert(BT_FOLDER_WORDS_SIZE <= BT_TEXT_SIZE, "a folder's words fit a record");

/* ---- what "auto" stands for ---- */

bool bt_resolve_simulated(const bt_settings *settings) {
    return bt_backend_simulates(settings->backend);
}

bool bt_resolve_on_cpu(const bt_settings *settings, const bt_machine *machine) {
    bool by_itself = strcmp(settings->device, "auto") == 0 && machine->gpu[0] == '\0';
    return !bt_resolve_simulated(settings) && (by_itself || strcmp(settings->device, "cpu") == 0);
}

const char *bt_resolve_workload(const bt_settings *settings) {
    if (bt_resolve_simulated(settings)) return "simulated";
    return strcmp(settings->device, "cpu") == 0 ? "cpu-demo" : "production";
}

static bt_status resolve_device(bt_settings *settings, const bt_machine *machine, bt_error *error) {
    char *device = settings->device;
    if (bt_resolve_simulated(settings))
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

/* A model by its name, built in or of model_file. Its files are checked, unless nothing will run them. */
static bt_status describe_model(bt_model *out, const bt_settings *settings, const char *name,
                                bt_error *error) {
    char file[BT_OPTION_TEXT_SIZE];
    bt_status status = bt_model_file_of(file, settings->model_file, name, error);
    if (status == BT_OK) status = bt_model_describe(out, name, file, error);
    if (status == BT_OK && !bt_resolve_simulated(settings)) status = bt_model_check_files(out, error);
    return status == BT_OK ? BT_OK : bt_fail_at(error, status, file[0] ? "--model-file" : "--models");
}

static int image_size_option(void) {
    return bt_options_find(bt_settings_table, bt_settings_count, "image_size");
}

/* The size that somebody asked for, else the model file's own, else what the device is good for. */
static int image_size_of(const bt_settings *settings, const bt_option_sources *sources,
                         const bt_model *model) {
    const bool asked = sources->of[image_size_option()] >= BT_SOURCE_CONFIG;
    return asked || model->input_size == 0 ? (int)settings->image_size : model->input_size;
}

static bt_status check_weights_of(const bt_settings *settings, const char *name, bt_error *error) {
    char weights[BT_OPTION_TEXT_SIZE];
    bt_network *network;
    bt_status status = bt_weights_of(weights, settings->weights, name, error);
    if (status != BT_OK) return bt_fail_at(error, status, "--weights");
    if (bt_resolve_simulated(settings)) return BT_OK;
    status = bt_network_open(&network, name, error);
    if (status != BT_OK) return status;
    status = bt_weights_check(network, weights, error);
    if (status != BT_OK) bt_fail_at(error, status, "--weights");
    bt_network_close(&network);
    return status;
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
    for (int i = 0; i < sizes->count; i++) {
        const size_t used = strlen(out);
        snprintf(out + used, size - used, "%s%d", i ? ", " : "", sizes->sizes[i]);
    }
}

static bt_status check_sizes(const bt_settings *settings, const char *title, const bt_sizes *there,
                             bt_error *error) {
    char list[160];
    if (settings->batches.count == 0 || sizes_for(&settings->batches, there, NULL).count > 0) return BT_OK;
    write_sizes(there, list, sizeof list);
    return bt_fail(error, BT_INVALID, "--batches: %s has packages for batches of %s alone", title, list);
}

bt_status bt_resolve_sizes(bt_resolved_sizes *out, const bt_settings *settings, const bt_model_record *model,
                           int only_batch_size, bt_log *log, bt_error *error) {
    char list[160];
    bt_model described;
    bool dropped;
    *out = (bt_resolved_sizes){.batches = settings->batches};
    if (model->model_file[0] == '\0') return BT_OK;
    bt_status status = bt_model_describe(&described, model->model, model->model_file, error);
    if (status != BT_OK) return status;
    out->fixed_image_size = described.kind == BT_MODEL_PACKAGES;
    out->output = described.output;
    if (described.batches.count == 0 && only_batch_size > 0)
        described.batches = (bt_sizes){.count = 1, .sizes = {only_batch_size}};
    if (described.batches.count == 0) return BT_OK;
    status = check_sizes(settings, described.title, &described.batches, error);
    if (status != BT_OK) return status;
    out->batches = sizes_for(&settings->batches, &described.batches, &dropped);
    write_sizes(&described.batches, list, sizeof list);
    bt_log_write(log, dropped ? BT_LOG_WARNING : BT_LOG_INFO,
                 "%s: has packages for batches of %s; no other size is tried", described.title, list);
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

static bt_status check_model(bt_settings *settings, bt_option_sources *sources, const char *name,
                             bt_error *error) {
    bt_model model;
    bt_status status = describe_model(&model, settings, name, error);
    if (status != BT_OK) return status;
    /* The command line that repeats the run must not make a flag of the profile's size: that would win. */
    bt_option_source *source = &sources->of[image_size_option()];
    if (model.input_size > 0 && *source == BT_SOURCE_PROFILE) *source = BT_SOURCE_DEFAULT;
    const int size = image_size_of(settings, sources, &model);
    status = bt_model_check_size(&model, size, size, error);
    if (status != BT_OK) return bt_fail_at(error, status, "--image-size");
    if (model.kind == BT_MODEL_NETWORK) return check_weights_of(settings, name, error);
    return check_sizes(settings, model.title, &model.batches, error);
}

/* Every name of "NAME=FILE,..." is a model that is tuned. */
static bt_status check_names(const bt_settings *settings, bt_error *error) {
    const char *models[BT_NAMES_MAX];
    const int count = settings->models.count;
    for (int i = 0; i < count; i++)
        models[i] = settings->models.names[i];
    bt_status status = bt_weights_check_names(settings->weights, models, count, error);
    if (status != BT_OK) return bt_fail_at(error, status, "--weights");
    status = bt_by_model_check_names(settings->model_file, models, count, error);
    return status == BT_OK ? BT_OK : bt_fail_at(error, status, "--model-file");
}

/* Where only files are given they are what is tuned; else each must be of a model that is. */
static bt_status choose_models(bt_settings *settings, const bt_option_sources *sources, bt_error *error) {
    const int index = bt_options_find(bt_settings_table, bt_settings_count, "models");
    char ignored[BT_OPTION_TEXT_SIZE];
    bt_names named;
    bt_status status = bt_model_file_of(ignored, settings->model_file, "", error);
    if (status == BT_OK) status = bt_by_model_names(&named, settings->model_file, error);
    if (status != BT_OK) return bt_fail_at(error, status, "--model-file");
    if (named.count > 0 && sources->of[index] == BT_SOURCE_DEFAULT) settings->models = named;
    if (settings->models.count == 0)
        return bt_fail(error, BT_INVALID, "--models: name at least one, e.g. hrnet,cbam_resunet");
    return check_names(settings, error);
}

bt_status bt_resolve_settings(bt_settings *settings, bt_option_sources *sources, const bt_machine *machine,
                              char images[BT_TEXT_SIZE], bt_log *log, bt_error *error) {
    bt_status status = bt_backend_check(settings->backend, error);
    if (status != BT_OK) return bt_fail_at(error, status, "--backend");
    status = resolve_device(settings, machine, error);
    if (status != BT_OK) return status;
    if (settings->image_size == 0)
        settings->image_size = strcmp(settings->device, "cpu") == 0 ? 128 : BT_FULL_IMAGE_SIZE;
    status = check_images(settings, images, log, error);
    if (status == BT_OK) status = choose_models(settings, sources, error);
    for (int i = 0; i < settings->models.count && status == BT_OK; i++)
        status = check_model(settings, sources, settings->models.names[i], error);
    return status;
}

/* ---- the record's models ---- */

/* Where the model's weights come from; a file by its absolute path, since the config will outlive this
 * folder, with the place in it that was given. */
static bt_status name_weights(const bt_settings *settings, bt_model_record *model, bt_error *error) {
    char source[BT_OPTION_TEXT_SIZE], file[BT_PATH_SIZE];
    bt_status status = bt_weights_of(source, settings->weights, model->model, error);
    if (status != BT_OK) return status;
    snprintf(model->weights_source, sizeof model->weights_source, "%.63s", source);
    if (!bt_weights_is_file(source) || bt_resolve_simulated(settings)) return BT_OK;
    const char *place = bt_weights_source_split(file, source);
    char *path = realpath(file, NULL);
    if (!path) return bt_fail(error, BT_IO, "weights %s: %s", file, bt_text_system_error(errno));
    const size_t size = sizeof model->weights_path;
    if ((size_t)snprintf(model->weights_path, size, "%s%s%s", path, *place ? ":" : "", place) >= size)
        status = bt_fail(error, BT_INVALID, "weights %.60s...: the path is too long", path);
    free(path);
    return status;
}

static bt_status fill_model(const bt_settings *settings, const bt_option_sources *sources, const char *name,
                            bt_model_record *model, bt_log *log, bt_error *error) {
    bt_model described;
    snprintf(model->model, sizeof model->model, "%s", name);
    bt_status status = describe_model(&described, settings, model->model, error);
    if (status != BT_OK) return status;
    snprintf(model->title, sizeof model->title, "%s", described.title);
    model->image_size = image_size_of(settings, sources, &described);
    if (described.input_note[0])
        bt_log_write(log, BT_LOG_WARNING, "%s: %s", model->title, described.input_note);
    if (described.kind == BT_MODEL_NETWORK) return name_weights(settings, model, error);
    snprintf(model->weights_source, sizeof model->weights_source, "none");
    return bt_resolve_simulated(settings) ? BT_OK
                                          : bt_model_file_absolute(model->model_file, described.file, error);
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

bt_status bt_resolve_models(bt_record *record, bt_log *log, bt_error *error) {
    const bt_settings *settings = &record->settings;
    bt_status status = BT_OK;
    warn_of_skipped(settings, log);
    for (int i = 0; i < record->model_count && status == BT_OK; i++)
        status =
            fill_model(settings, &record->sources, settings->models.names[i], &record->models[i], log, error);
    return status;
}
