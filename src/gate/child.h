/* Runs another program to its end and keeps what it printed. */
#ifndef BT_GATE_CHILD_H
#define BT_GATE_CHILD_H

#include <signal.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/error.h"

#ifdef __cplusplus
extern "C" {
#endif

#define BT_CHILD_OUTPUT_MAX (16 << 20) /* bytes */

/* `argv` ends with NULL; its first word is a path, or a name looked for in PATH. No shell is involved;
 * standard input is empty. *out is the standard output, NUL-terminated, malloc'ed, the caller's; NULL on
 * failure. BT_UNSUPPORTED where there is no such program, BT_BACKEND where it failed (the message has its
 * status and the last line that it wrote to standard error), BT_TIMEOUT where it ran longer than `timeout_ns`
 * and was killed, BT_PARSE where it printed too much, BT_CLOSED where *stop (may be NULL) was set meanwhile,
 * BT_IO, BT_NO_MEMORY. */
BT_MUST_USE bt_status bt_child_run(const char *const *argv, int64_t timeout_ns,
                                   const volatile sig_atomic_t *stop, char **out, bt_error *error);

#ifdef __cplusplus
}
#endif
#endif
