/* What every publisher does the same way: a text that is written to a stream and ends up in a file, whole or
 * not at all; a record as JSON. */
#ifndef BT_REPORT_WHOLE_FILE_H
#define BT_REPORT_WHOLE_FILE_H

#include <jansson.h>
#include <stdio.h>

#include "base/error.h"

#ifdef __cplusplus
extern "C" {
#endif

typedef struct bt_whole_file {
    FILE *out;        /* the caller writes here */
    char *text;       /* what it wrote, once the stream is closed */
    size_t size;      /* of it */
    const char *what; /* it is, where memory runs out: "the report"; borrowed */
} bt_whole_file;

/* Begins a text. BT_NO_MEMORY; bt_whole_file_close is called even then. */
BT_MUST_USE bt_status bt_whole_file_open(bt_whole_file *file, const char *what, bt_error *error);

/* Ends it. Where `status`, which came of opening and writing it, is BT_OK, the text replaces the file at
 * `path` (bt_file_replace). Returns the first failure: `status`, BT_NO_MEMORY, or that of bt_file_replace. */
BT_MUST_USE bt_status bt_whole_file_close(bt_whole_file *file, bt_status status, const char *path,
                                          bt_error *error);

/* Writes the JSON that a record was made into, with numbers that read back exactly, and releases it. `status`
 * came of making it, and is returned where it is not BT_OK. */
BT_MUST_USE bt_status bt_whole_json(bt_status status, json_t *json, FILE *out, bt_error *error);

#ifdef __cplusplus
}
#endif
#endif
