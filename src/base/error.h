/* What went wrong, told once, where the cause is known.
 *
 * Every call that can fail returns a bt_status and fills a caller-owned bt_error with one line that a person
 * can act on. The library never prints and never exits: the program that called decides what a failure means.
 * The statuses themselves are public (batchtune.h); keep their set small: one exists only where some caller
 * treats it differently. */
#ifndef BT_BASE_ERROR_H
#define BT_BASE_ERROR_H

#include "batchtune.h"

#ifdef __cplusplus
extern "C" {
#endif

#define BT_PRINTF(text, args) __attribute__((format(printf, text, args)))

/* Fills `error` (which may be NULL) and returns `status`, so that a failing function ends in
 * `return bt_fail(error, BT_IO, "...", ...)`. Newlines in the message become spaces. The arguments may
 * point into error->message. Safe in any thread. */
bt_status bt_fail(bt_error *error, bt_status status, const char *format, ...) BT_PRINTF(3, 4);

/* Puts "prefix: " before the message that is there, for a caller that knows the file or the key.
 * Returns error->status; with a NULL error it returns `status`. */
bt_status bt_fail_at(bt_error *error, bt_status status, const char *prefix_format, ...) BT_PRINTF(3, 4);

/* Host memory ran out: "out of memory for " and what was to be made or done ("a sweep", "reading net.pth").
 * Returns BT_NO_MEMORY; all else as bt_fail. */
bt_status bt_no_memory(bt_error *error, const char *format, ...) BT_PRINTF(2, 3);

/* For steps that are all taken, whatever becomes of one: keeps the first failure, of which `cause` tells. */
void bt_keep_first(bt_status *first, bt_error *error, bt_status status, const bt_error *cause);

#ifdef __cplusplus
}
#endif
#endif
