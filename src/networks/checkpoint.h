/* A file of named tensors, as users bring their networks' weights: what a format found in it, and the
 * numbers.
 *
 * A checkpoint comes from a stranger. Nothing in it is run: a pickle is read as data, and what no tensor
 * needs is passed over. Every length, offset and shape is checked against the file before it is used, and
 * memory is taken for what the file can hold, never for what it says. Reading copies: a file that shrinks
 * meanwhile is an error, not a crash.
 *
 * checkpoint-open.h opens one of any format. A format is a file of its own (safetensors.c, torch-archive.c,
 * torch-legacy.c, shards.c) that knows this header and no other format; a new one is one more such file and a
 * row in checkpoint-open.c. All tensors are listed, wherever they lie; which of them are a network's is
 * weights-file.h's to find. */
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
    char kind[BT_ENTRY_KIND_SIZE]; /* "a number"; says nothing where it has tensors */
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
    void *inside;   /* the format's own; NULL before it has any */
    char file[512]; /* its path */
    char path[104]; /* for messages: the end of it, where it is long */
    /* Opens one of several files that make up this checkpoint; NULL in such a part, which may have none
     * itself. */
    bt_status (*open_part)(struct bt_checkpoint **out, const char *path, bt_error *error);
} bt_checkpoint;

/* NULL-safe; nulls. */
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

/* ---- for the formats ---- */

/* What a file begins with, by which a format knows its own. */
typedef struct bt_checkpoint_start {
    unsigned char bytes[513]; /* 512 of the file, where it has them; then zeros */
    size_t count;
    uint64_t file_bytes;
} bt_checkpoint_start;

typedef struct bt_checkpoint_format {
    bool (*recognises)(const bt_checkpoint_start *start);
    /* Fills in `inside` and the tensors of a checkpoint that has its path; what it leaves on failure
     * bt_checkpoint_close takes away. */
    bt_status (*open)(bt_checkpoint *checkpoint, bt_error *error);
    bt_status (*read)(const bt_checkpoint *checkpoint, const bt_stored_tensor *tensor, float *out,
                      bt_error *error);
    void (*close)(void *inside);
} bt_checkpoint_format;

/* A new last tensor, zeroed, with its name (`length` bytes) copied; NULL where memory is short. */
bt_stored_tensor *bt_checkpoint_add(bt_checkpoint *checkpoint, const char *name, size_t length);

/* Notes what lies at the top under a name, of whose parts the first counts, for bt_checkpoint_describe. */
void bt_checkpoint_note(bt_checkpoint *checkpoint, const char *name, const char *kind, int tensors);

#ifdef __cplusplus
}
#endif
#endif
