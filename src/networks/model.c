#include "networks/model.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/json.h"
#include "base/random.h"
#include "base/text.h"
#include "networks/fitting.h"
#include "networks/list-file.h"
#include "networks/model-archive.h"
#include "networks/model-json.h"
#include "networks/network.h"
#include "networks/onnx-file.h"
#include "settings/model-file.h"

#define PIECE         (1 << 20) /* bytes hashed at a time */
#define POSSIBLE_SIZE 120       /* of a list of sizes in a message */

/* ---- the JSON file beside it ---- */

/* Says which of two files was read, unless `other` is not there or says the same. */
static void note_other(bt_model *model, const json_t *read, const char *path, const char *other) {
    json_t *said = NULL;
    bt_error ignored;
    if (strcmp(path, other) == 0 || !bt_file_exists(other)) return;
    const bool same = bt_file_check_regular(other, &ignored) == BT_OK &&
                      bt_json_load(&said, other, &ignored) == BT_OK && json_equal(read, said);
    if (!same)
        snprintf(model->input_note, sizeof model->input_note,
                 "%.80s says what its input is; %.80s beside it says something else, and is not read",
                 bt_model_file_name(path), bt_model_file_name(other));
    json_decref(said);
}

/* NAME.json, or else that of the file's own name. */
static bt_status load_input(bt_model *model, bt_error *error) {
    char path[BT_PATH_SIZE], stem[BT_PATH_SIZE];
    json_t *json;
    bt_status status = bt_model_file_input(path, model->file, model->name, error);
    if (status == BT_OK) status = bt_model_file_stem_input(stem, model->file, error);
    if (status != BT_OK) return status;
    const bool by_name = bt_file_exists(path);
    if (!by_name && (stem[0] == '\0' || !bt_file_exists(stem))) return BT_OK;
    status = bt_file_check_regular(by_name ? path : stem, error);
    if (status == BT_OK) status = bt_json_load(&json, by_name ? path : stem, error);
    if (status != BT_OK) return status;
    status = bt_model_json_read(model, json, by_name ? path : stem, error);
    if (status == BT_OK && by_name && stem[0]) note_other(model, json, path, stem);
    json_decref(json);
    if (status != BT_OK && !by_name)
        bt_fail_at(error, status, "%s, without a %s.json", model->name, model->name);
    return status;
}

/* What an ONNX file says of its images. */
static void load_exported(bt_model *model) {
    bt_onnx_facts facts;
    bt_error ignored;
    if (bt_onnx_file_read(&facts, model->file, &ignored) != BT_OK) return;
    const bool last = bt_model_map_is_last(&model->map, facts.channels, facts.width);
    const int height = last ? facts.channels : facts.height, width = last ? facts.height : facts.width;
    if (height > 0 && width > 0) {
        model->compiled_height = height;
        model->compiled_width = width;
    }
    model->numbers = bt_onnx_file_numbers(&facts);
    if (facts.batch > 0) model->batches = (bt_sizes){.count = 1, .sizes = {facts.batch}};
}

/* What a package says of its images; of several the first's, since all are of one network. One that is not
 * there, or is none, says nothing: whoever wants to run it hears of that. */
static bt_status load_compiled(bt_model *model, bt_error *error) {
    char path[BT_PATH_SIZE];
    bt_status status = BT_OK;
    if (model->kind == BT_MODEL_ONNX) {
        load_exported(model);
    } else if (model->kind == BT_MODEL_PACKAGES) {
        status = bt_model_file_path(path, model->file, model->batches.sizes[0], error);
        if (status == BT_OK)
            status = bt_model_archive_input(path, &model->compiled_height, &model->compiled_width, error);
    }
    const int side = model->compiled_height == model->compiled_width ? model->compiled_height : 0;
    const bool among_several = model->sizes.count > 1 || model->sizes.step > 0;
    if (side > 0 && (model->input_size == 0 || (among_several && bt_model_sizes_have(&model->sizes, side))))
        model->input_size = side;
    return status;
}

/* ---- describing ---- */

/* *classes: the planes that it gives. */
static bt_status describe_network(bt_model *out, int *classes, bt_error *error) {
    bt_network *network;
    bt_status status = bt_network_open_file(&network, out->name, out->file, error);
    if (status != BT_OK) return status;
    snprintf(out->title, sizeof out->title, "%s", network->title);
    out->size_multiple = network->size_multiple;
    *classes = network->channels[network->output_tensor];
    bt_network_close(&network);
    return BT_OK;
}

static bool is_built_in(const char *name) {
    for (size_t i = 0; bt_network_name(i); i++)
        if (strcmp(bt_network_name(i), name) == 0) return true;
    return false;
}

static bt_status describe_file(bt_model *out, const char *file, bt_error *error) {
    bt_status status = bt_path_join(out->file, error, "%s", file);
    if (status != BT_OK) return status;
    if (is_built_in(out->name))
        return bt_fail(error, BT_INVALID, "%s is a network of batchtune's own: give %.100s another name",
                       out->name, file);
    if (bt_model_file_is_list(file)) {
        int classes;
        status = describe_network(out, &classes, error);
        if (status == BT_OK) status = load_input(out, error);
        return status == BT_OK ? bt_model_map_check(&out->map, classes, bt_model_file_name(file), error)
                               : status;
    }
    snprintf(out->title, sizeof out->title, "%s", out->name);
    out->size_multiple = 1;
    out->kind = bt_text_ends_with(file, ".pt2") ? BT_MODEL_PACKAGES
                : bt_model_file_is_onnx(file)   ? BT_MODEL_ONNX
                                                : BT_MODEL_TORCHSCRIPT;
    if (out->kind != BT_MODEL_PACKAGES && bt_model_file_is_pattern(file))
        return bt_fail(error, BT_INVALID, "%.150s: {batch} is for packages, whose names end in .pt2", file);
    status = bt_model_file_batches(&out->batches, file, error);
    if (status == BT_OK) status = load_input(out, error);
    return status == BT_OK ? load_compiled(out, error) : status;
}

bt_status bt_model_describe(bt_model *out, const char *name, const char *file, bt_error *error) {
    *out = (bt_model){
        .kind = BT_MODEL_NETWORK, .norm = bt_image_imagenet, .map.tensor_number = -1, .numbers = ""};
    snprintf(out->name, sizeof out->name, "%s", name);
    int classes;
    return file && *file ? describe_file(out, file, error) : describe_network(out, &classes, error);
}

bool bt_model_has_own_precision(const bt_model *model) {
    return model->kind == BT_MODEL_PACKAGES || model->kind == BT_MODEL_ONNX;
}

bt_status bt_model_check_size(const bt_model *model, int height, int width, bt_error *error) {
    const int h = model->compiled_height, w = model->compiled_width;
    const int padded_height = bt_model_map_padded(&model->map, height),
              padded_width = bt_model_map_padded(&model->map, width);
    if ((h > 0 && h != padded_height) || (w > 0 && w != padded_width))
        return bt_fail(error, BT_INVALID,
                       "%s: %.80s %s images of %d x %d pixels, not of %d x %d: ask for those, or for none",
                       model->name, bt_model_file_name(model->file),
                       model->kind == BT_MODEL_ONNX ? "takes" : "was compiled for", h, w, height, width);
    if (!bt_model_sizes_have(&model->sizes, height) || !bt_model_sizes_have(&model->sizes, width)) {
        char possible[POSSIBLE_SIZE];
        bt_model_sizes_write(possible, sizeof possible, &model->sizes);
        return bt_fail(error, BT_INVALID,
                       "%s: images of %d x %d pixels; its JSON file's \"input_size\" has %s for each side",
                       model->name, height, width, possible);
    }
    return bt_network_check_size(model->title, model->size_multiple, height, width, error);
}

/* ---- the files ---- */

/* Calls `visit` for each file, in ascending order of batch sizes. */
static bt_status for_each_file(const bt_model *model,
                               bt_status (*visit)(const bt_model *model, const char *path, void *context,
                                                  bt_error *error),
                               void *context, bt_error *error) {
    char path[BT_PATH_SIZE];
    const int count = model->batches.count > 0 ? model->batches.count : 1;
    bt_status status = BT_OK;
    for (int i = 0; i < count && status == BT_OK; i++) {
        status = bt_model_file_path(path, model->file, model->batches.sizes[i], error);
        if (status == BT_OK) status = visit(model, path, context, error);
    }
    return status;
}

static bt_status check_file(const bt_model *model, const char *path, void *context, bt_error *error) {
    (void)context;
    if (!bt_file_exists(path))
        return bt_fail(error, BT_INVALID, "%s: there is no such file \"%.150s\"", model->name, path);
    return model->kind == BT_MODEL_ONNX
               ? bt_onnx_file_check(path, error)
               : bt_model_archive_check(path, model->kind == BT_MODEL_PACKAGES, error);
}

bt_status bt_model_check_files(const bt_model *model, bt_error *error) {
    if (model->kind == BT_MODEL_NETWORK) return BT_OK;
    if (bt_model_file_is_pattern(model->file) && model->batches.count == 0)
        return bt_fail(error, BT_INVALID, "%s: there is no file \"%.150s\" with a batch size for {batch}",
                       model->name, model->file);
    return for_each_file(model, check_file, NULL, error);
}

static bt_status hash_file(const bt_model *model, const char *path, void *context, bt_error *error) {
    uint64_t *hash = context;
    (void)model;
    bt_status status = bt_file_check_regular(path, error);
    FILE *file = status == BT_OK ? fopen(path, "rbe") : NULL;
    char *piece = malloc(PIECE);
    if (!file && status == BT_OK)
        status = bt_fail(error, BT_IO, "%.150s: cannot be read: %s", path, bt_text_system_error(errno));
    if (!piece) status = bt_no_memory(error, "reading %.150s", path);
    for (size_t got; status == BT_OK && (got = fread(piece, 1, PIECE, file)) > 0;)
        *hash = bt_hash_large(*hash, piece, got);
    if (status == BT_OK && ferror(file))
        status = bt_fail(error, BT_IO, "%.150s: cannot be read to its end", path);
    free(piece);
    if (file) fclose(file);
    return status;
}

/* The weights that an ONNX file has beside it. */
static bt_status hash_beside(const bt_model *model, uint64_t *hash, bt_error *error) {
    bt_onnx_facts facts;
    char path[BT_PATH_SIZE];
    bt_status status = bt_onnx_file_read(&facts, model->file, error);
    if (status != BT_OK || facts.external[0] == '\0') return status;
    status = bt_onnx_file_beside(path, model->file, facts.external, error);
    return status == BT_OK ? hash_file(model, path, hash, error) : status;
}

bt_status bt_model_hash(const bt_model *model, uint64_t *hash, bt_error *error) {
    *hash = BT_FNV_START;
    bt_status status = for_each_file(model, hash_file, hash, error);
    return status == BT_OK && model->kind == BT_MODEL_ONNX ? hash_beside(model, hash, error) : status;
}

/* ---- what it gave ---- */

float bt_model_threshold(bt_image_output output) {
    return output == BT_OUTPUT_PROBABILITIES ? 0.5f : 0;
}

bt_output_range bt_model_range(bt_image_output output, const float *values, size_t count) {
    const float threshold = bt_model_threshold(output);
    float least = values[0], most = values[0];
    size_t above = 0;
    for (size_t i = 0; i < count; i++) {
        least = values[i] < least ? values[i] : least;
        most = values[i] > most ? values[i] : most;
        above += values[i] > threshold;
    }
    return (bt_output_range){.least = least, .most = most, .mask_share = (double)above / (double)count};
}

void bt_model_question(char out[BT_MODEL_NOTE_SIZE], bool from_file, bt_image_output output,
                       const bt_output_range *range) {
    const bool within = range->least >= 0 && range->most <= 1, varies = range->least < range->most;
    out[0] = '\0';
    if (from_file && output == BT_OUTPUT_LOGITS && within && varies)
        snprintf(
            out, BT_MODEL_NOTE_SIZE,
            "its output lies within [0, 1] everywhere: that looks like probabilities, not logits; if so, "
            "say \"outputs\": \"probabilities\" in NAME.json beside the file");
    else if (output == BT_OUTPUT_PROBABILITIES && (range->least < -0.05 || range->most > 1.05))
        bt_text_format(
            out, BT_MODEL_NOTE_SIZE,
            "its output reaches from %.3g to %.3g: these are no probabilities; leave \"outputs\" out of "
            "its JSON file if they are logits",
            range->least, range->most);
    else if (range->mask_share == 0 || range->mask_share == 1)
        snprintf(out, BT_MODEL_NOTE_SIZE,
                 "the masks of all pictures are %s: are the weights, the mean and std of its input, and the "
                 "pictures those that it was trained with?",
                 range->mask_share == 0 ? "empty" : "full");
}
