/* Where the servers are, and which of several gets the next request. Pure. */
#ifndef BT_CLIENT_ENDPOINTS_H
#define BT_CLIENT_ENDPOINTS_H

#include "base/error.h"

#ifdef __cplusplus
extern "C" {
#endif

#define BT_ENDPOINTS_MAX 16
#define BT_URL_SIZE      256

typedef struct bt_endpoints {
    int count;
    char urls[BT_ENDPOINTS_MAX][BT_URL_SIZE]; /* "http://host:8000": no slash at the end */
} bt_endpoints;

/* "http://host:8000,https://other/prefix". BT_INVALID says what is wrong with which. */
BT_MUST_USE bt_status bt_endpoints_read(bt_endpoints *out, const char *list, bt_error *error);

/* "URL/v2/models/NAME" and what follows; a name's bytes that a URL cannot have are escaped. BT_INVALID where it is
 * too long. */
#define BT_ENDPOINT_PATH_SIZE (2 * BT_URL_SIZE)
BT_MUST_USE bt_status bt_endpoint_of_model(char out[BT_ENDPOINT_PATH_SIZE], const char *url,
                                           const char *model, const char *rest, bt_error *error);

/* The endpoint with the fewest requests under way; among equals each in its turn, so that idle ones share alike.
 * *turn is the caller's, 0 at first. */
int bt_endpoints_choose(const int *under_way, int count, int *turn);

#ifdef __cplusplus
}
#endif
#endif
