/* A file of keys that may change while they are used: read anew when it has changed, so that a key is given and
 * taken back without a restart. A change that cannot be read is told, and the keys before it stay. */
#ifndef BT_HTTP_KEY_FILE_H
#define BT_HTTP_KEY_FILE_H

#include <stdbool.h>

#include "base/log.h"
#include "http/keys.h"

#ifdef __cplusplus
extern "C" {
#endif

typedef struct bt_key_file bt_key_file;

/* Opens and reads it. A file that others may write is refused, since whoever writes it lets himself in (BT_INVALID); one
 * that others may read is warned of in `log` (may be NULL), and taken: Kubernetes mounts secrets so. The caller closes
 * *out. BT_IO, BT_PARSE, BT_NO_MEMORY. */
BT_MUST_USE bt_status bt_key_file_open(bt_key_file **out, const char *path, bt_log *log, bt_error *error);
void bt_key_file_close(bt_key_file **file); /* NULL-safe; nulls */

/* Whether one of its keys is in the header Authorization (NULL: there is none), and whose. Any thread. */
bool bt_key_file_admits(bt_key_file *file, const char *authorization, char name[BT_NAME_SIZE]);

/* Reads it anew where it has changed since it was looked at last, or always. Any thread. */
void bt_key_file_look(bt_key_file *file, bool always);

#ifdef __cplusplus
}
#endif
#endif
