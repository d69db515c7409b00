/* Another program, started without a shell: run to its end for what it prints, or asked line by line. */
#ifndef BT_GATE_CHILD_H
#define BT_GATE_CHILD_H

#include <signal.h>
#include <stddef.h>
#include <stdint.h>

#include "base/error.h"

#ifdef __cplusplus
extern "C" {
#endif

#define BT_CHILD_OUTPUT_MAX (16 << 20) /* bytes, of a line or of a whole run */

typedef struct bt_child bt_child;

/* Starts `argv`, which ends with NULL; its first word is a path, or a name looked for in PATH. Its standard
 * input and output are ours to write and read; what it writes to standard error is kept for messages. `stop`
 * (may be NULL) ends every wait. BT_UNSUPPORTED where there is no such program, BT_IO, BT_NO_MEMORY. */
BT_MUST_USE bt_status bt_child_open(bt_child **out, const char *const *argv,
                                    const volatile sig_atomic_t *stop, bt_error *error);
void bt_child_close(bt_child **child); /* kills it where it still runs; NULL-safe; nulls */

/* Writes a line's text and a newline. BT_BACKEND where the program has ended. */
BT_MUST_USE bt_status bt_child_send(bt_child *child, const char *line, bt_error *error);

/* The next line it prints, without the newline; the child's, until the next call. BT_BACKEND where it ended
 * instead (with its status and the last line that it wrote to standard error; status 2 says bad input, and is
 * BT_INVALID with that line alone), BT_TIMEOUT after `timeout_ns`, BT_PARSE where the line is too long,
 * BT_CLOSED where *stop was set, BT_IO, BT_NO_MEMORY. */
BT_MUST_USE bt_status bt_child_line(bt_child *child, int64_t timeout_ns, const char **line, bt_error *error);

/* Runs a program to its end, with nothing on its standard input. *out is all that it printed, NUL-terminated,
 * malloc'ed, the caller's; NULL on failure. Errors as above; BT_BACKEND too where its status is not 0. */
BT_MUST_USE bt_status bt_child_run(const char *const *argv, int64_t timeout_ns,
                                   const volatile sig_atomic_t *stop, char **out, bt_error *error);

#ifdef __cplusplus
}
#endif
#endif
