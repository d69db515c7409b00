#include "export/triton.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/files.h"
#include "base/json.h"
#include "base/library.h"
#include "base/text.h"
#include "networks/onnx-file.h"
#include "record/shards.h"
#include "settings/model-file.h"
#include "settings/weights-source.h"

/* One model file or checkpoint that is copied into the repository whole. Raised, an export takes as much memory. */
#define FILE_BYTES_MAX ((size_t)4 << 30)

typedef struct export {
    const bt_config *config;
    const bt_config_model *model;
    char folder[BT_PATH_SIZE];  /* the model's */
    char version[BT_PATH_SIZE]; /* its first version's */
    char weights[2 * BT_PATH_SIZE],
        model_file[BT_PATH_SIZE]; /* as config.pbtxt names them; "": none was copied */
    bt_error *error;
}
export;

static const char *file_name_of(const char *path) {
    const char *slash = strrchr(path, '/');
    return slash ? slash + 1 : path;
}

static bt_status copy(const export *e, const char *from, const char *folder) {
    char to[BT_PATH_SIZE], *bytes;
    size_t size;
    bt_status status = bt_path_join(to, e->error, "%s/%s", folder, file_name_of(from));
    if (status == BT_OK) status = bt_file_read(from, FILE_BYTES_MAX, &bytes, &size, e->error);
    if (status != BT_OK) return status;
    status = bt_file_replace(to, bytes, size, false, e->error);
    free(bytes);
    return status;
}

/* A checkpoint, with the files that it is an index of. */
static bt_status copy_weights(export *e) {
    char file[BT_PATH_SIZE], part[BT_PATH_SIZE];
    const char *place = bt_weights_source_split(file, e->model->weights.path);
    bt_shards *shards = NULL;
    snprintf(e->weights, sizeof e->weights, "%s%s%s", file_name_of(file), *place ? ":" : "", place);
    bt_status status = copy(e, file, e->version);
    if (status != BT_OK || !bt_shards_is_index(file)) return status;
    status = bt_shards_read(&shards, file, e->error);
    for (int i = 0; status == BT_OK && i < shards->count; i++) {
        status = bt_shards_path(part, file, shards->names[i], e->error);
        if (status == BT_OK) status = copy(e, part, e->version);
    }
    bt_shards_close(&shards);
    return status;
}

/* The weights that an ONNX file has beside it. */
static bt_status copy_beside(export *e) {
    bt_onnx_facts facts;
    char path[BT_PATH_SIZE];
    bt_status status = bt_onnx_file_read(&facts, e->model->model_file, e->error);
    if (status != BT_OK || facts.external[0] == '\0') return status;
    status = bt_onnx_file_beside(path, e->model->model_file, facts.external, e->error);
    return status == BT_OK ? copy(e, path, e->version) : status;
}

/* A network of the user's own, every package of it, and what describes its input. */
static bt_status copy_model_file(export *e) {
    char file[BT_PATH_SIZE];
    bt_sizes batches;
    snprintf(e->model_file, sizeof e->model_file, "%s", file_name_of(e->model->model_file));
    bt_status status = bt_model_file_batches(&batches, e->model->model_file, e->error);
    if (status == BT_OK && batches.count == 0) status = copy(e, e->model->model_file, e->version);
    for (int i = 0; i < batches.count && status == BT_OK; i++) {
        status = bt_model_file_path(file, e->model->model_file, batches.sizes[i], e->error);
        if (status == BT_OK) status = copy(e, file, e->version);
    }
    if (status == BT_OK && bt_model_file_is_onnx(e->model->model_file)) status = copy_beside(e);
    if (status == BT_OK) status = bt_model_file_input(file, e->model->model_file, e->model->name, e->error);
    return status == BT_OK && bt_file_exists(file) ? copy(e, file, e->version) : status;
}

static bt_status copy_files(export *e) {
    char calibration[BT_PATH_SIZE];
    bt_status status = bt_config_calibration_path(calibration, e->config->path, e->model, e->error);
    if (status == BT_OK && calibration[0]) status = copy(e, calibration, e->version);
    if (status != BT_OK) return status;
    if (e->model->model_file[0]) status = copy_model_file(e);
    if (status != BT_OK || (e->model->model_file[0] && !bt_model_file_is_list(e->model->model_file)))
        return status;
    return e->model->weights.path[0] ? copy_weights(e) : BT_OK;
}

static bt_status write_config(const export *e) {
    char path[BT_PATH_SIZE];
    json_t *document = NULL;
    bt_status status = bt_path_join(path, e->error, "%s/%s", e->version, BT_TRITON_CONFIG);
    if (status == BT_OK) status = bt_export_entry(&document, e->config, e->model, e->error);
    if (status == BT_OK) status = bt_json_save(document, path, false, e->error);
    json_decref(document);
    return status;
}

static void write_parameter(FILE *out, const char *name, const char *value) {
    if (!*value) return;
    fprintf(out, "parameters {\n  key: \"%s\"\n  value { string_value: \"", name);
    for (; *value; value++)
        fprintf(out, *value == '"' || *value == '\\' ? "\\%c" : "%c", *value);
    fputs("\" }\n}\n", out);
}

static void write_batching(FILE *out, const bt_config_model *model) {
    const double delay_ms = model->settings.max_queue_delay_ms;
    fputs("# No preferred sizes: Triton would split 6 that wait into 4 and 2 where 8 fit. No queue policy: "
          "with one, it lets\n"
          "# batches wait though an instance is free.\n",
          out);
    fprintf(out, "dynamic_batching { max_queue_delay_microseconds: %lld }\n",
            (long long)(delay_ms * 1000 + 0.5));
}

static void write_tensors(FILE *out, const bt_config_model *model) {
    fputs("# Pictures as they are, each of its own size: red, green and blue, 8 bits.\n"
          "input [\n  { name: \"image\" data_type: TYPE_UINT8 dims: [ -1, -1, 3 ] allow_ragged_batch: true "
          "}\n]\n"
          "output [\n  { name: \"mask\" data_type: TYPE_UINT8 dims: [ -1, -1 ] },\n"
          "  { name: \"probabilities\" data_type: TYPE_FP32 dims: [ -1, -1 ] },\n",
          out);
    if (model->classes > 1)
        fprintf(out,
                "  { name: \"labels\" data_type: TYPE_UINT8 dims: [ -1, -1 ] },\n"
                "  { name: \"class_probabilities\" data_type: TYPE_FP32 dims: [ %d, -1, -1 ] },\n",
                model->classes);
    const int side = model->image_size > 0 ? model->image_size : -1; /* -1: whichever it will be served at */
    fprintf(out, "  { name: \"logits\" data_type: TYPE_FP32 dims: [ 1, %d, %d ] }\n]\n", side, side);
}

static bt_status write_configuration(const export *e) {
    char path[BT_PATH_SIZE], *text = NULL;
    size_t size;
    const bt_config_model *model = e->model;
    bt_status status = bt_path_join(path, e->error, "%s/config.pbtxt", e->folder);
    if (status != BT_OK) return status;
    FILE *out = open_memstream(&text, &size);
    if (!out) return bt_no_memory(e->error, "a configuration");
    bt_text_print(
        out,
        "# %s as batchtune tuned it (run %s, P95 promise %g ms): written by export-triton, which may "
        "write it anew.\n"
        "name: \"%s\"\nbackend: \"batchtune\"\nmax_batch_size: %d\n",
        model->name, model->run_id[0] ? model->run_id : "unknown", model->p95_sla_ms, model->name,
        model->optimal_batch_size);
    write_tensors(out, model);
    fputs("# One for each copy that the config asks for; the backend places them, and runs every batch size "
          "once before it\n"
          "# is ready.\n",
          out);
    fprintf(out, "instance_group [ { count: %d kind: KIND_MODEL } ]\n", bt_export_instances(model));
    write_batching(out, model);
    write_parameter(out, BT_TRITON_MODEL, model->name);
    write_parameter(out, BT_TRITON_WEIGHTS, e->weights);
    write_parameter(out, BT_TRITON_MODEL_FILE, e->model_file);
    if (fclose(out) != 0) status = bt_no_memory(e->error, "a configuration");
    if (status == BT_OK) status = bt_file_replace(path, text, size, false, e->error);
    free(text);
    return status;
}

bt_status bt_triton_export_model(const bt_config *config, const bt_config_model *model, const char *folder,
                                 const char *backend, bt_error *error) {
    export e = {.config = config, .model = model, .error = error};
    bt_status status = bt_export_check(model, error);
    if (status == BT_OK) status = bt_path_join(e.folder, error, "%s/%s", folder, model->name);
    if (status == BT_OK) status = bt_path_join(e.version, error, "%s/1", e.folder);
    if (status == BT_OK) status = bt_folder_make(e.version, error);
    if (status == BT_OK) status = copy_files(&e);
    if (status == BT_OK) status = write_config(&e);
    if (status == BT_OK && backend) status = copy(&e, backend, e.folder);
    return status == BT_OK ? write_configuration(&e) : status; /* last: Triton may be watching for it */
}

static void tell(const bt_config_model *model, const char *folder, FILE *out) {
    const int instances = bt_export_instances(model);
    bt_text_print(out, "%s/%s: batches of up to %d, queue delay %g ms, %d instance%s%s\n", folder,
                  model->name, model->optimal_batch_size, model->settings.max_queue_delay_ms, instances,
                  instances == 1 ? "" : "s",
                  model->provisional ? "; provisional: its batch size is not shown to keep the promise" : "");
}

bt_status bt_triton_export(const bt_config *config, const bt_names *names, const char *folder,
                           bool with_backend, FILE *out, bt_error *error) {
    char backend[BT_PATH_SIZE];
    bt_status status = bt_config_check_names(config, names, error);
    if (status == BT_OK && with_backend)
        status = bt_library_find(backend, sizeof backend, BT_TRITON_BACKEND, error);
    int count = 0;
    for (int i = 0; status == BT_OK && i < config->model_count; i++) {
        const bt_config_model *model = &config->models[i];
        if (!bt_names_want(names, model->name) || (names->count == 0 && model->unmeasurable)) continue;
        count++;
        status = bt_triton_export_model(config, model, folder, with_backend ? backend : NULL, error);
        if (status == BT_OK && out) tell(model, folder, out);
    }
    if (status == BT_OK && count == 0)
        status = bt_fail(error, BT_INVALID, "no model of the config was measured");
    return status;
}
