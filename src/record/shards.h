/* A checkpoint in several files, as Hugging Face's libraries write it: model.safetensors.index.json (or
 * pytorch_model.bin.index.json) says which tensor lies in which file beside it. Here only names are dealt
 * with; what is in the files is networks/checkpoint.h's to know, and config.h's whether they are still the
 * same. */
#ifndef BT_RECORD_SHARDS_H
#define BT_RECORD_SHARDS_H

#include <jansson.h>
#include <stdbool.h>

#include "base/error.h"
#include "base/files.h"

#ifdef __cplusplus
extern "C" {
#endif

#define BT_SHARDS_MAX 256

typedef struct bt_shards {
    json_t *index;                    /* the whole; owned */
    const json_t *files;              /* its "weight_map": of each tensor's name, the name of its file */
    const char *names[BT_SHARDS_MAX]; /* of the files, each once */
    int count;
} bt_shards;

/* Whether a file is such an index, whatever its name. */
bool bt_shards_is_index(const char *path);

/* Reads an index. A file's name may not lead out of the index's folder. Errors as bt_json_load; BT_PARSE
 * where it is no index, or names what it may not. The caller closes what it got. */
BT_MUST_USE bt_status bt_shards_read(bt_shards **out, const char *path, bt_error *error);
void bt_shards_close(bt_shards **shards);

/* The path of a file that the index at `index_path` names. BT_INVALID where it is too long. */
BT_MUST_USE bt_status bt_shards_path(char out[BT_PATH_SIZE], const char *index_path, const char *name,
                                     bt_error *error);

#ifdef __cplusplus
}
#endif
#endif
