/* The access log: one JSON line a request, in a file or on standard output.
 *
 * Who serves never waits for a disk: a line is put into a queue of bounded length, and a thread of its own writes. Where the
 * queue is full, since the disk is slow or nobody reads the pipe, the line is dropped and counted. Each line is one
 * write; a file takes it whole or has it taken back, and a pipe takes so few bytes whole. So lines are never torn, and
 * several processes may append to one file. */
#ifndef BT_HTTP_ACCESS_LOG_H
#define BT_HTTP_ACCESS_LOG_H

#include "base/error.h"
#include "http/access-line.h"

#ifdef __cplusplus
extern "C" {
#endif

/* Lines that wait. Raised, a slower disk loses none and more memory is taken (3 MB for these); lowered, lines are dropped
 * sooner: at 10,000 requests a second these are 0.4 s. */
#define BT_ACCESS_LINES_MAX 4096

typedef struct bt_access_log bt_access_log;

/* Appends to the file at `path`, which is made where it is not there; "-" is standard output. The caller closes it.
 * BT_IO where it cannot be opened, BT_NO_MEMORY. */
BT_MUST_USE bt_status bt_access_log_open(bt_access_log **out, const char *path, bt_error *error);

/* Writes what waits, for some seconds at most. NULL-safe; nulls. */
void bt_access_log_close(bt_access_log **log);

/* Copies the line. Any thread; never waits for a disk. */
void bt_access_log_add(bt_access_log *log, const bt_access_line *line);

/* Opens the file anew, after it was moved away (logrotate). BT_IO: it goes on with the one it has. */
BT_MUST_USE bt_status bt_access_log_reopen(bt_access_log *log, bt_error *error);

typedef struct bt_access_log_counts {
    int64_t written, dropped; /* lines; dropped ones found no room, or no disk took them */
} bt_access_log_counts;
bt_access_log_counts bt_access_log_count(bt_access_log *log);

#ifdef __cplusplus
}
#endif
#endif
