#include "backend/resolved-model.h"

#include <stdio.h>

#include "backend/backend.h"
#include "networks/list-file.h"
#include "networks/weights.h"
#include "settings/model-file.h"
#include "settings/weights.h"

static const char *text_of(const char *text) {
    return text ? text : "";
}

/* What was given of this model, else the usual file; "" for a built-in network. */
static bt_status choose_file(char out[BT_OPTION_TEXT_SIZE], const bt_model_request *request,
                             bt_error *error) {
    bt_status status = bt_model_file_of(out, text_of(request->model_file), request->name, error);
    if (status != BT_OK) return bt_fail_at(error, status, "%s", bt_model_file_label(request->label));
    if (out[0] == '\0') snprintf(out, BT_OPTION_TEXT_SIZE, "%s", text_of(request->usual_file));
    return BT_OK;
}

/* A usual source is of this model alone, and may look like "NAME=SOURCE". */
static bt_status choose_weights(char out[BT_OPTION_TEXT_SIZE], const bt_model_request *request,
                                bt_error *error) {
    const char *setting = text_of(request->weights), *usual = text_of(request->usual_weights);
    if (*setting == '\0' && *usual) {
        snprintf(out, BT_OPTION_TEXT_SIZE, "%s", usual);
        return BT_OK;
    }
    bt_status status = bt_weights_of(out, setting, request->name, error);
    return status == BT_OK ? BT_OK : bt_fail_at(error, status, "%s", bt_weights_label(request->label));
}

/* By its name alone: a network's own title, else the name. BT_NO_MEMORY. */
static bt_status name_only(bt_model *out, const char *name, const char *file, bt_error *error) {
    bt_error said;
    const bt_status status = *file == '\0' ? bt_model_describe(out, name, NULL, &said) : BT_INVALID;
    if (status == BT_OK) return BT_OK;
    if (status == BT_NO_MEMORY) return bt_fail(error, status, "%s", said.message);
    *out = (bt_model){.norm = bt_image_imagenet, .size_multiple = 1, .numbers = ""};
    snprintf(out->name, sizeof out->name, "%s", name);
    snprintf(out->title, sizeof out->title, "%s", name);
    snprintf(out->file, sizeof out->file, "%s", file);
    return BT_OK;
}

static bt_status describe(bt_resolved_model *out, const bt_model_request *request, const char *file,
                          bt_error *error) {
    if (out->simulated && request->only_named_if_simulated)
        return name_only(&out->model, request->name, file, error);
    bt_status status = bt_model_describe(&out->model, request->name, file, error);
    if (status == BT_OK && !out->simulated) status = bt_model_check_files(&out->model, error);
    if (status == BT_OK || request->label == BT_LABEL_KEYS) return status;
    return bt_fail_at(error, status, "%s", *file ? bt_model_file_label(request->label) : "--models");
}

bt_status bt_model_resolve(bt_resolved_model *out, const bt_model_request *request, bt_error *error) {
    char file[BT_OPTION_TEXT_SIZE];
    out->simulated = bt_backend_simulates(request->backend);
    out->weights[0] = '\0';
    bt_status status = choose_file(file, request, error);
    if (status == BT_OK) status = describe(out, request, file, error);
    if (status == BT_OK && (file[0] == '\0' || bt_model_file_is_list(file)))
        status = choose_weights(out->weights, request, error);
    return status;
}

bt_status bt_resolved_model_check_weights(const bt_resolved_model *model, bt_setting_label label,
                                          bt_error *error) {
    bt_network *network;
    if (model->simulated || model->model.kind != BT_MODEL_NETWORK) return BT_OK;
    bt_status status = bt_network_open_file(&network, model->model.name, model->model.file, error);
    if (status != BT_OK) return status;
    status = bt_weights_check(network, model->weights, error);
    bt_network_close(&network);
    return status == BT_OK ? BT_OK : bt_fail_at(error, status, "%s", bt_weights_label(label));
}
