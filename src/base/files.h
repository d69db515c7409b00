/* Files that are whole or not there, and the folders that they lie in.
 *
 * What a run leaves behind is read by people and programs while the next run writes, on disks that fill up,
 * on machines that lose power. So a file is replaced in one step, only a lock says who writes (lock.c), and
 * where something else stands in the way the error names it. */
#ifndef BT_BASE_FILES_H
#define BT_BASE_FILES_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

#include "base/error.h"

#ifdef __cplusplus
extern "C" {
#endif

#define BT_PATH_SIZE 1024

/* Puts `size` bytes at `path` so that a reader, or a crash at any moment, sees the old file or the new one
 * and nothing between: a temporary file beside it, fsync, rename, fsync of the folder. Whoever could read the
 * old file can read the new one, its backup and the temporary file, and nobody else; a new file has mode 0644
 * less the umask. A link is followed; a device or pipe is refused. With `keep_backup` what was there is
 * copied to path.bak, in the same way, before it is replaced. BT_IO names the file and the cause,
 * BT_NOT_WRITTEN likewise where the disk had no room or failed; nothing of a failed try is left behind (of a
 * killed one, a file path.PID-N.tmp may be). */
BT_MUST_USE bt_status bt_file_replace(const char *path, const void *bytes, size_t size, bool keep_backup,
                                      bt_error *error);

/* Reads a whole file of at most `limit` bytes; *out is malloc'ed, the caller's, and NUL-terminated past
 * *size; it is untouched on failure. A pipe will do, whose writer may come later: a signal ends that wait
 * (BT_CANCELLED), and where none can (base/program.h) it ends after BT_PIPE_SILENCE_S without a byte. BT_IO
 * where it cannot be read or is something else (a folder, a device, a socket), BT_PARSE where it is
 * larger. */
#define BT_PIPE_SILENCE_S 5
BT_MUST_USE bt_status bt_file_read(const char *path, size_t limit, char **out, size_t *size, bt_error *error);

/* Asked before a file is opened that is read here and there, or that nobody named: BT_IO where it is not
 * there or no regular file, on which opening or reading it might wait for ever. */
BT_MUST_USE bt_status bt_file_check_regular(const char *path, bt_error *error);

/* What is at `path`, for a message: "a folder", "a pipe", "a device", "a socket"; NULL for a regular file. A
 * link counts as what it leads to, "a link that leads nowhere" included. */
const char *bt_file_kind(const char *path);
const char *bt_file_kind_of(mode_t mode); /* the same of stat's st_mode */

/* Makes `path` and every folder above it; no error where they exist. */
BT_MUST_USE bt_status bt_folder_make(const char *path, bt_error *error);

/* Whether bt_folder_make would be let in, and files into the folder; makes nothing. BT_IO names what stands
 * in the way. */
BT_MUST_USE bt_status bt_folder_check(const char *path, bt_error *error);

/* Asked before anything is begun: where a command's --output (a file; "": none), --results and --plots go.
 * The folders are checked as by bt_folder_check. A place that is named without a leading slash is not taken
 * for leave to put something new into "/", where services and containers start programs: BT_INVALID. */
BT_MUST_USE bt_status bt_outputs_check(const char *output, const char *results, const char *plots,
                                       bt_error *error);

/* Makes a folder of its own for a run, `results`/<UTC time>-<kind> (with -2, -3, ... behind it where that is
 * taken), and `results` where it is not there. `id` receives its last part. */
#define BT_RUN_ID_SIZE 64
BT_MUST_USE bt_status bt_folder_make_run(char id[BT_RUN_ID_SIZE], char folder[BT_PATH_SIZE],
                                         const char *results, const char *kind, bt_error *error);

/* Makes the folder that `path` lies in, and checks that bt_file_replace would be let in: BT_IO where the
 * folder cannot be written or `path` is no regular file. Writes nothing; a full disk shows only later. */
BT_MUST_USE bt_status bt_file_check_writable(const char *path, bt_error *error);

/* The status of a write that failed with this errno: BT_NOT_WRITTEN where the disk is full or failing, which
 * is nobody's mistake, else BT_IO. */
bt_status bt_file_write_status(int cause);

/* Whether anything is at `path`, a folder included. */
bool bt_file_exists(const char *path);

/* snprintf into a path of BT_PATH_SIZE bytes; BT_INVALID where it does not fit. */
BT_MUST_USE bt_status bt_path_join(char out[BT_PATH_SIZE], bt_error *error, const char *format, ...)
    BT_PRINTF(3, 4);

/* The folder that a path lies in: "a" of "a/b.json", "." of "b.json", "/" of "/b.json". */
BT_MUST_USE bt_status bt_path_folder(char out[BT_PATH_SIZE], const char *path, bt_error *error);

/* The folder of the running executable, without a trailing slash. */
BT_MUST_USE bt_status bt_path_of_program(char out[BT_PATH_SIZE], bt_error *error);

/* A lock that two runs writing the same output cannot hold at once, not even two in one process; released on
 * close, and by the kernel when the process dies. BT_CLOSED, at once, names the process that holds it. The
 * lock file itself stays (removing it would race), and its folder must be there. A child that is forked
 * without exec shares the lock: it is free only when both are gone. */
typedef struct bt_lock bt_lock;
BT_MUST_USE bt_status bt_lock_open(bt_lock **out, const char *path, bt_error *error);
void bt_lock_close(bt_lock **lock);

#ifdef __cplusplus
}
#endif
#endif
