/* What the front tells of itself: requests by what they were for and how they ended, and the last that went wrong.
 *
 * Counting is one addition without a lock, since every request does it. Messages are kept under one: few requests
 * fail, and those that do wait for more than that. */
#ifndef BT_HTTP_TALLY_H
#define BT_HTTP_TALLY_H

#include <jansson.h>

#include "base/error.h"
#include "base/exposition.h"
#include "http/route.h"

#ifdef __cplusplus
extern "C" {
#endif

typedef struct bt_tally bt_tally;

/* BT_NO_MEMORY. The caller closes it. */
BT_MUST_USE bt_status bt_tally_open(bt_tally **out, bt_error *error);
void bt_tally_close(bt_tally **tally); /* NULL-safe; nulls */

/* A request for that target was answered with that status. Any thread. */
void bt_tally_count(bt_tally *tally, bt_http_target target, unsigned code);

/* What an answer told of what is wrong, now. The last BT_TALLY_ERRORS are kept. */
#define BT_TALLY_ERRORS 20
void bt_tally_error(bt_tally *tally, bt_http_target target, unsigned code, const char *message);

/* The requests, as a family of a page that is open. */
void bt_tally_expose(bt_tally *tally, bt_exposition *page);

/* The last errors, the latest first: [{"at_s": ..., "path": "infer", "code": 503, "message": "..."}, ...]; NULL where
 * memory is short. The caller's. */
json_t *bt_tally_errors(bt_tally *tally);

#ifdef __cplusplus
}
#endif
#endif
