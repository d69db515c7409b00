/* The setting `model_file`: where the networks that a user brings lie, "mine=net.pt,other=net-{batch}.pt2".
 *
 * A file is TorchScript, or, by its ending, ONNX (.onnx), a package that AOTInductor compiled (.pt2), or a list of
 * operations (.list, networks/list-file.h), whose weights are another file. A package is of one batch size; "{batch}" in
 * the file's name stands for that number, so that one path names a package for each.
 * Only names are dealt with here; what is in a file is networks/model.h's to know. */
#ifndef BT_SETTINGS_MODEL_FILE_H
#define BT_SETTINGS_MODEL_FILE_H

#include <stdbool.h>

#include "base/error.h"
#include "base/files.h"
#include "base/options.h"

#ifdef __cplusplus
extern "C" {
#endif

#define BT_BATCH_PLACE     "{batch}"
#define BT_MODEL_FILE_SIZE 512 /* of a path, as records and configs keep it; of a checkpoint too */

/* One model's file, into `out`; "" where the setting names none: a built-in network. BT_INVALID as
 * bt_by_model_find, and for a setting that is no NAME=FILE. */
BT_MUST_USE bt_status bt_model_file_of(char out[BT_OPTION_TEXT_SIZE], const char *setting, const char *model,
                                       bt_error *error);

/* Where a path's last part begins. */
const char *bt_model_file_name(const char *file);

/* Whether a file is ONNX, by its name, which ONNX Runtime runs and libtorch does not. */
bool bt_model_file_is_onnx(const char *file);

/* Whether a path ends as lists of operations do, which have weights as the built-in networks have. */
bool bt_model_file_is_list(const char *file);

/* Whether a path holds "{batch}". It may only once, and in the last part. */
bool bt_model_file_is_pattern(const char *file);

/* The path of one batch size; `file` itself where it is no pattern. BT_INVALID where it is too long. */
BT_MUST_USE bt_status bt_model_file_path(char out[BT_PATH_SIZE], const char *file, int batch_size,
                                         bt_error *error);

/* The batch sizes for which a pattern's files are there, at most BT_SIZES_MAX of the smallest; none for a
 * path that is no pattern. BT_IO where the folder cannot be read, BT_INVALID where "{batch}" stands where it
 * may not. */
BT_MUST_USE bt_status bt_model_file_batches(bt_sizes *out, const char *file, bt_error *error);

/* What describes a model's input lies in the same folder: as NAME.json, or else under the file's own name. */
BT_MUST_USE bt_status bt_model_file_input(char out[BT_PATH_SIZE], const char *file, const char *model,
                                          bt_error *error);

/* That second one: "x/net.json" of "x/net.pt". "{batch}" is left out with the '-', '_' or '.' that parts it
 * from the rest, so that net-{batch}.pt2 has it too; "" where nothing is left. */
BT_MUST_USE bt_status bt_model_file_stem_input(char out[BT_PATH_SIZE], const char *file, bt_error *error);

/* `file` from the root, since a config outlives the folder that it was made in; links of the folders on the
 * way are followed. BT_IO where its folder is not there, BT_INVALID where it is too long. */
BT_MUST_USE bt_status bt_model_file_absolute(char out[BT_MODEL_FILE_SIZE], const char *file, bt_error *error);

#ifdef __cplusplus
}
#endif
#endif
