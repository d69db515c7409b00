/* Which device a session's text names. */
#ifndef BT_BACKEND_DEVICE_INDEX_H
#define BT_BACKEND_DEVICE_INDEX_H

#include "base/error.h"

#ifdef __cplusplus
extern "C" {
#endif

/* "cpu" to -1, "cuda:N" to N; BT_INVALID for anything else, NULL too. */
BT_MUST_USE bt_status bt_device_index(int *index, const char *device, bt_error *error);

#ifdef __cplusplus
}
#endif
#endif
