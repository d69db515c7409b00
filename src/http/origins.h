/* Which web pages may ask from a browser (CORS): origins in a list that a person wrote, with commas between.
 *
 * A browser sends the origin of the page whose script asks, and shows the script the answer only where the server names
 * that origin in it. Every other program is let in without: this keeps nobody out but pages. */
#ifndef BT_HTTP_ORIGINS_H
#define BT_HTTP_ORIGINS_H

#include <stdbool.h>

#include "base/error.h"

#ifdef __cplusplus
extern "C" {
#endif

/* Whether each is one, as browsers write it: scheme://host or scheme://host:port, small letters, nothing behind it. ""
 * is an empty list. BT_INVALID. */
BT_MUST_USE bt_status bt_origins_check(const char *list, bt_error *error);

/* Whether a header Origin (NULL: there is none) is in the list. */
bool bt_origins_allow(const char *list, const char *origin);

#ifdef __cplusplus
}
#endif
#endif
