/* A file of named tensors, as users bring their networks' weights: safetensors, in one file or several, or
 * what Python's torch.save wrote, today's archive or the format before it.
 *
 * A checkpoint comes from a stranger. Nothing in it is run: a pickle is read as data, and what no tensor
 * needs is passed over. Every length, offset and shape is checked against the file before it is used, and
 * memory is taken for what the file can hold, never for what it says. Reading copies: a file that shrinks
 * meanwhile is an error, not a crash.
 *
 * All tensors are listed, wherever they lie; which of them are a network's is weights-file.h's to find.
 */
#ifndef BT_NETWORKS_CHECKPOINT_H
#define BT_NETWORKS_CHECKPOINT_H

#include <stdbool.h>
#include <stdint.h>

#include "base/error.h"
#include "networks/stored.h"

#ifdef __cplusplus
extern "C" {
#endif

#define BT_ENTRIES_MAX     12
#define BT_ENTRY_KIND_SIZE 48

/* Something at the top of a checkpoint, for people who look for their tensors in it. */
typedef struct bt_checkpoint_entry {
    char key[40];                  /* the first part of its name */
    char kind[BT_ENTRY_KIND_SIZE]; /* "a number"; not looked at where it has tensors */
    int tensors;
} bt_checkpoint_entry;

/* One thread at a time. */
typedef struct bt_checkpoint {
    bt_stored_tensor *tensors; /* in the file's order */
    int tensor_count;
    size_t tensor_room;
    bt_checkpoint_entry entries[BT_ENTRIES_MAX];
    int entry_count, entries_left_out;
    const struct bt_checkpoint_format *format;
    void *inside;
    char file[512]; /* its path */
    char path[104]; /* for messages: the end of it, where it is long */
    bool is_part;   /* of a checkpoint in several files */
} bt_checkpoint;

/* Reads what the file holds, not yet the numbers; the kind is told by its first bytes, not by its name. BT_IO
 * where it cannot be read, BT_PARSE where it is broken or holds what is refused, BT_UNSUPPORTED for another
 * kind of file, BT_NO_MEMORY; the message names the file. */
BT_MUST_USE bt_status bt_checkpoint_open(bt_checkpoint **out, const char *path, bt_error *error);
void bt_checkpoint_close(bt_checkpoint **checkpoint);

/* One tensor's numbers, row-major, as float; `out` has room for its count. BT_PARSE for one that cannot be
 * read (the message says why), or data that is not there; BT_IO, BT_NO_MEMORY. */
BT_MUST_USE bt_status bt_checkpoint_read(const bt_checkpoint *checkpoint, const bt_stored_tensor *tensor,
                                         float *out, bt_error *error);

/* Whether bt_checkpoint_read would be let begin: BT_PARSE says what the tensor is instead. */
BT_MUST_USE bt_status bt_checkpoint_check(const bt_checkpoint *checkpoint, const bt_stored_tensor *tensor,
                                          bt_error *error);

/* What the top holds, in words: "net" (178 tensors), "epoch" (a number). */
void bt_checkpoint_describe(const bt_checkpoint *checkpoint, char *out, size_t size);

/* ---- for the formats' own files ---- */

typedef struct bt_checkpoint_format {
    bt_status (*read)(const bt_checkpoint *checkpoint, const bt_stored_tensor *tensor, float *out,
                      bt_error *error);
    void (*close)(void *inside);
} bt_checkpoint_format;

/* Fill in tensors, format and inside of a checkpoint with a path; on failure bt_checkpoint_close tidies up.
 */
BT_MUST_USE bt_status bt_safetensors_open(bt_checkpoint *checkpoint, bt_error *error);
BT_MUST_USE bt_status bt_torch_archive_open(bt_checkpoint *checkpoint, bt_error *error);
BT_MUST_USE bt_status bt_torch_legacy_open(bt_checkpoint *checkpoint, bt_error *error);
BT_MUST_USE bt_status bt_shards_open(bt_checkpoint *checkpoint, bt_error *error);

/* bt_checkpoint_open of one of several files: BT_PARSE where it is an index of files itself. */
BT_MUST_USE bt_status bt_checkpoint_open_part(bt_checkpoint **out, const char *path, bt_error *error);

/* A new last tensor, zeroed, with its name (`length` bytes) copied; NULL where memory is short. */
bt_stored_tensor *bt_checkpoint_add(bt_checkpoint *checkpoint, const char *name, size_t length);

/* Notes what lies at the top under a name, of whose parts the first counts, for bt_checkpoint_describe. */
void bt_checkpoint_note(bt_checkpoint *checkpoint, const char *name, const char *kind, int tensors);

#ifdef __cplusplus
}
#endif
#endif
