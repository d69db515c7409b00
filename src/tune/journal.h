/* What a run has measured so far, on disk before anybody relies on it: `kill -9` costs the step under way and
 * no more.
 *
 * One JSON object a line, appended and flushed to the disk one by one. The first line says what run it is; a
 * last line without its newline is what a crash left of one, and is passed over. */
#ifndef BT_TUNE_JOURNAL_H
#define BT_TUNE_JOURNAL_H

#include <jansson.h>

#include "base/error.h"

#ifdef __cplusplus
extern "C" {
#endif

typedef struct bt_journal bt_journal;

/* Opens for appending; cuts off an unfinished last line. */
BT_MUST_USE bt_status bt_journal_open(bt_journal **out, const char *path, bt_error *error);
void bt_journal_close(bt_journal **journal);

/* Appends one object; takes over the reference (also on failure). On return it is on the disk. NULL is
 * BT_NO_MEMORY. After BT_IO the journal ends with the last whole line, and more can be tried. */
BT_MUST_USE bt_status bt_journal_append(bt_journal *journal, json_t *line, bt_error *error);

/* Reads every whole line into a new array (the caller's). BT_PARSE names the file and line; BT_IO where it
 * cannot be read. */
BT_MUST_USE bt_status bt_journal_load(json_t **out, const char *path, bt_error *error);

#ifdef __cplusplus
}
#endif
#endif
