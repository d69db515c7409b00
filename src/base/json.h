/* JSON files, through jansson: reading with messages that name the file, line and key; writing that never
 * leaves half a file. All text of JSON is read and written here, in the "C" locale: jansson (2.14) goes by
 * the host's decimal point otherwise, and its assertion ends the process where that is longer than a byte. */
#ifndef BT_BASE_JSON_H
#define BT_BASE_JSON_H

#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

#include "base/error.h"

#ifdef __cplusplus
extern "C" {
#endif

/* Reads a JSON object from `path` (at most 256 MiB; repeated keys are refused). The caller owns *out. BT_IO
 * where the file cannot be read, BT_PARSE with line and column where it is not JSON or its top is no object.
 * BT_NO_MEMORY when memory runs out, except while jansson (2.14) has a long string's buffer grow: it goes on
 * without what did not fit, and BT_PARSE is the best that comes of it. */
BT_MUST_USE bt_status bt_json_load(json_t **out, const char *path, bt_error *error);

/* The same with every integer as a real: for strangers' files, whose integers nobody needs and may be larger
 * than 64 bits hold. */
BT_MUST_USE bt_status bt_json_load_with_reals(json_t **out, const char *path, bt_error *error);

/* Reads the `size` bytes of JSON at `text`: json_loadb, repeated keys refused. The caller owns what comes
 * back; NULL where it is no JSON object or array, as *at says, or where memory is short (at->line is below 0
 * then). */
json_t *bt_json_parse(const char *text, size_t size, json_error_t *at);

/* The same as a file's contents are read: an object, and `where` is what messages call it. BT_PARSE, BT_NO_MEMORY. */
BT_MUST_USE bt_status bt_json_from_text(json_t **out, const char *text, size_t size, const char *where,
                                        bt_error *error);

/* Writes `json` to `path` by atomic replace (see base/files.h): indented, arrays of plain values side by
 * side, every real as the shortest text that reads back to the same double. */
BT_MUST_USE bt_status bt_json_save(const json_t *json, const char *path, bool keep_backup, bt_error *error);

/* What that writes: malloc'ed, the caller's, NUL-terminated; NULL when memory is short. */
char *bt_json_file_text(const json_t *json, size_t *size);

/* `json` as text by jansson's flags: malloc'ed, the caller's, NUL-terminated with room for one byte more;
 * NULL when memory is short. In place of json_dumps, which (2.14) leaves a key out where its buffer cannot
 * grow, and says nothing. */
char *bt_json_dump(const json_t *json, size_t flags);

/* The same into `out`, without a NUL, for messages: it wants no memory for the text. It gives the whole
 * text's length, 0 where it failed; where that is more than `size`, `out` holds nothing of use. */
size_t bt_json_dump_into(const json_t *json, char *out, size_t size, size_t flags);

/* Writes `json` by jansson's flags, and a newline, to `out`. BT_NOT_WRITTEN where `out` fails,
 * BT_NO_MEMORY. */
BT_MUST_USE bt_status bt_json_write(const json_t *json, size_t flags, FILE *out, bt_error *error);

/* Typed reading of one key. `where` (a file's name, or a path like "config.json: configurations.hrnet")
 * starts the message. The required forms fail with BT_PARSE when the key is absent; all fail with BT_PARSE
 * when it has another type or, for numbers, lies outside minimum..maximum. The optional
 * form takes null and an absent key as `otherwise`. Texts are copied, and BT_PARSE when they do not fit. */
BT_MUST_USE bt_status bt_json_number(const json_t *object, const char *key, double minimum, double maximum,
                                     double *out, const char *where, bt_error *error);
BT_MUST_USE bt_status bt_json_integer(const json_t *object, const char *key, int64_t minimum, int64_t maximum,
                                      int64_t *out, const char *where, bt_error *error);
BT_MUST_USE bt_status bt_json_boolean(const json_t *object, const char *key, bool *out, const char *where,
                                      bt_error *error);
BT_MUST_USE bt_status bt_json_text(const json_t *object, const char *key, char *out, size_t size,
                                   const char *where, bt_error *error);
BT_MUST_USE bt_status bt_json_optional_text(const json_t *object, const char *key, const char *otherwise,
                                            char *out, size_t size, const char *where, bt_error *error);
/* A borrowed reference to the array or object under `key`. */
BT_MUST_USE bt_status bt_json_array(const json_t *object, const char *key, json_t **out, const char *where,
                                    bt_error *error);
BT_MUST_USE bt_status bt_json_object(const json_t *object, const char *key, json_t **out, const char *where,
                                     bt_error *error);

/* An array of what `write` makes of each of the `count` items of `size` bytes at `items`. A new reference;
 * NULL when memory is short, or where `write` gives NULL. */
json_t *bt_json_array_of(const void *items, size_t size, int count, json_t *(*write)(const void *item));

/* A JSON real, or null where `value` is not finite (JSON has no NaN). A new reference; NULL when memory is
 * short. */
json_t *bt_json_real_or_null(double value);

#ifdef __cplusplus
}
#endif
#endif
