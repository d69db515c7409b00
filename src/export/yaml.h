/* YAML as text: manifests are written as they are read, and only what comes from outside is escaped.
 *
 * Escapes are those that JSON and YAML have in common, so that what is escaped in a block of JSON is JSON still. */
#ifndef BT_EXPORT_YAML_H
#define BT_EXPORT_YAML_H

#include <stdio.h>

#include "base/error.h"
#include "record/config.h"

#ifdef __cplusplus
extern "C" {
#endif

/* A document that is being written. What `out` could not take is its to tell (ferror). */
typedef struct bt_yaml {
    FILE *out;
    int indent; /* columns before each line */
} bt_yaml;

/* Whole lines, each indented. Texts from outside go in as bt_yaml_quote made them; numbers have a dot in any locale. All
 * lines of a call together have at most BT_YAML_LINES_SIZE bytes. */
#define BT_YAML_LINES_SIZE 16384
void bt_yaml_put(const bt_yaml *yaml, const char *format, ...) BT_PRINTF(2, 3);

/* `text` (UTF-8) in double quotes, on one line, also within a comment. Cut to what `out` holds. Returns out. */
#define BT_YAML_QUOTED_SIZE (6 * BT_MODEL_FILE_SIZE + 3)
const char *bt_yaml_quote(const char *text, char out[BT_YAML_QUOTED_SIZE]);

/* "key: |" and, further in, `text`, which is JSON that ends in a newline. */
void bt_yaml_json(const bt_yaml *yaml, const char *key, const char *text);

#ifdef __cplusplus
}
#endif
#endif
