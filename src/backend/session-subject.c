#include "backend/session-subject.h"

#include <stdio.h>
#include <string.h>

#include "networks/list-file.h"
#include "settings/model-file.h"

static bt_status find_model(bt_session_subject *out, const bt_session_options *options, bt_error *error) {
    if (!options->resolved) return bt_model_describe(&out->model, options->model, options->model_file, error);
    out->model = *options->resolved;
    return BT_OK;
}

static bt_status list_files(bt_session_subject *out, bt_error *error) {
    const bt_model *model = &out->model;
    bt_status status = BT_OK;
    out->file_count = model->batches.count > 0 ? model->batches.count : 1;
    for (int i = 0; i < out->file_count && status == BT_OK; i++)
        status = bt_model_file_path(out->paths[i], model->file, model->batches.sizes[i], error);
    return status;
}

bt_status bt_session_subject_open(bt_session_subject *out, const bt_session_options *options,
                                  bt_error *error) {
    bt_status status = find_model(out, options, error);
    if (status == BT_OK) status = bt_model_check_size(&out->model, options->height, options->width, error);
    if (status != BT_OK) return status;
    if (out->model.kind == BT_MODEL_NETWORK)
        return bt_network_open_file(&out->network, options->model, out->model.file, error);
    if (!options->resolved) status = bt_model_check_files(&out->model, error);
    return status == BT_OK ? list_files(out, error) : status;
}

bt_status bt_session_subject_load(bt_session_subject *subject, const char *weights, bt_error *error) {
    return subject->network ? bt_weights_open(&subject->weights, subject->network, weights, error)
                            : bt_model_hash(&subject->model, &subject->hash, error);
}

void bt_session_subject_describe(const bt_session_subject *subject, bt_session_info *info) {
    if (subject->weights) {
        memcpy(info->weights, subject->weights->source, sizeof info->weights);
        memcpy(info->weights_note, subject->weights->note, sizeof info->weights_note);
        info->weights_hash = subject->weights->hash;
        info->trained_weights = subject->weights->trained;
        return;
    }
    snprintf(info->weights, sizeof info->weights, "%.63s", bt_model_file_name(subject->model.file));
    info->weights_hash = subject->hash;
    info->trained_weights = true;
}

void bt_session_subject_close(bt_session_subject *subject) {
    bt_weights_close(&subject->weights);
    bt_network_close(&subject->network);
}
