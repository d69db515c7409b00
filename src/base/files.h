/* Files that are whole or not there: atomic replacement, run locks, folders. */
#ifndef BT_BASE_FILES_H
#define BT_BASE_FILES_H

#include <stdbool.h>
#include <stddef.h>

#include "base/error.h"

#ifdef __cplusplus
extern "C" {
#endif

#define BT_PATH_SIZE 1024

/* Puts `size` bytes at `path` so that a reader, or a crash at any moment, sees the old file or the new one
 * and nothing between: a temporary file beside it (mode 0644), fsync, rename, fsync of the folder. With
 * `keep_backup` what was there becomes path.bak. BT_IO names the file and the cause; nothing of a failed try
 * is left behind. */
BT_MUST_USE bt_status bt_file_replace(const char *path, const void *bytes, size_t size, bool keep_backup,
                                      bt_error *error);

/* Reads a whole file of at most `limit` bytes; *out is malloc'ed, the caller's, and NUL-terminated past
 * *size. */
BT_MUST_USE bt_status bt_file_read(const char *path, size_t limit, char **out, size_t *size, bt_error *error);

/* Makes `path` and every folder above it; no error where they exist. */
BT_MUST_USE bt_status bt_folder_make(const char *path, bt_error *error);

/* Makes the folder that `path` lies in, and checks that a file there could be written. */
BT_MUST_USE bt_status bt_file_check_writable(const char *path, bt_error *error);

bool bt_file_exists(const char *path);

/* snprintf into a path of BT_PATH_SIZE bytes; BT_INVALID where it does not fit. */
BT_MUST_USE bt_status bt_path_join(char out[BT_PATH_SIZE], bt_error *error, const char *format, ...)
    BT_PRINTF(3, 4);

/* The folder of the running executable, without a trailing slash. */
BT_MUST_USE bt_status bt_path_of_program(char out[BT_PATH_SIZE], bt_error *error);

/* A lock that two runs writing the same output cannot hold at once; released on close and by the kernel when
 * the process dies. BT_CLOSED names the process that holds it. The lock file itself stays (removing it would
 * race). */
typedef struct bt_lock bt_lock;
BT_MUST_USE bt_status bt_lock_open(bt_lock **out, const char *path, bt_error *error);
void bt_lock_close(bt_lock **lock);

#ifdef __cplusplus
}
#endif
#endif
