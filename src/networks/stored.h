/* A tensor as a file keeps it: what describes it, and how its numbers become floats. What the formats of
 * checkpoints share; which bytes of the file they are is each format's own. */
#ifndef BT_NETWORKS_STORED_H
#define BT_NETWORKS_STORED_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/error.h"

#ifdef __cplusplus
extern "C" {
#endif

#define BT_STORED_RANK_MAX 8

/* Elements of a tensor, and bytes before it: far above any, and far below where sums of sizes overflow. */
#define BT_STORED_MAX ((uint64_t)1 << 34)

typedef enum bt_stored_type {
    BT_STORED_F32,
    BT_STORED_F16,
    BT_STORED_BF16,
    BT_STORED_F64,
    BT_STORED_OTHER /* seen, never read */
} bt_stored_type;

typedef struct bt_stored_tensor {
    char *name;       /* its key, after those of the dictionaries around it: "state_dict.conv1.weight" */
    int group;        /* which dictionary it lies in: the same for all that lie in one */
    char *unreadable; /* why its numbers cannot be had ("holds int64, ..."); NULL where they can */
    bt_stored_type type;
    int rank;
    int64_t dims[BT_STORED_RANK_MAX];
    int64_t strides[BT_STORED_RANK_MAX]; /* elements */
    uint64_t count;                      /* elements */
    uint64_t first;                      /* byte of its first number: in the file, in its storage (zip) */
    uint64_t room; /* bytes of the storage, from its own beginning; UINT64_MAX: unknown */
    bool negated;  /* the numbers are those, with the other sign */
    char *storage; /* torch: the storage's name */
    int shard;     /* of a checkpoint in several files, which one */
} bt_stored_tensor;

/* Bytes of an element; 0 for BT_STORED_OTHER. */
size_t bt_stored_size(bt_stored_type type);

/* Fills in `count` and strides of a row-major tensor from its dims; false where it is absurdly large. */
bool bt_stored_lay_out(bt_stored_tensor *tensor);

/* Bytes from the tensor's first number to its last, inclusive. */
uint64_t bt_stored_span(const bt_stored_tensor *tensor);

/* Where a format reads numbers from: the next `bytes`, in a row; false where they are not to be had. */
typedef struct bt_stored_source {
    bool (*next)(void *from, void *to, uint64_t bytes);
    void *from;
} bt_stored_source;

/* A tensor's numbers, row-major, as floats, from a source that stands at the first of them. BT_PARSE where
 * they lie too far apart, or the source ends; BT_NO_MEMORY. `path` begins every message. */
BT_MUST_USE bt_status bt_stored_read(const bt_stored_tensor *tensor, bt_stored_source source, float *out,
                                     const char *path, bt_error *error);

/* Opens a file for the two functions below, and says how long it is; the caller closes it. *file is -1 on
 * failure, which is BT_IO. `shown` is its path in messages. */
BT_MUST_USE bt_status bt_stored_open_file(int *file, uint64_t *bytes, const char *path, const char *shown,
                                          bt_error *error);

/* All of [from, from + bytes) of a file; the caller has checked that it is that long. */
BT_MUST_USE bt_status bt_stored_read_at(int file, void *out, uint64_t from, uint64_t bytes, const char *path,
                                        bt_error *error);

/* bt_stored_read from the tensor's `first` of a file. */
BT_MUST_USE bt_status bt_stored_read_file(const bt_stored_tensor *tensor, int file, float *out,
                                          const char *path, bt_error *error);

/* Makes text of what may be any bytes, so that it can stand in a message, and in a record: where they are no
 * UTF-8, all beyond ASCII becomes '?', and so do control characters. */
void bt_stored_make_text(char *bytes);

/* BT_PARSE: "PATH: tensor "NAME": WHAT", the name made fit to be shown. */
bt_status bt_stored_fail(const bt_stored_tensor *tensor, const char *path, const char *what, bt_error *error);

/* Says why the tensor's numbers cannot be had, where nothing was said yet; false where memory is short. */
bool bt_stored_refuse(bt_stored_tensor *tensor, const char *why);

/* The same for a type that is not read, by its name in the file: "int64", "F8_E4M3". */
bool bt_stored_refuse_type(bt_stored_tensor *tensor, const char *type);

#ifdef __cplusplus
}
#endif
#endif
