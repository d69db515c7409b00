/* Which thing a request's path names, and what may be done with it: the Open Inference Protocol's paths, and
 * the few beside them. Paths are all that is looked at: whether there is such a model is for others. */
#ifndef BT_HTTP_ROUTE_H
#define BT_HTTP_ROUTE_H

#include <stdbool.h>

#include "base/options.h"

#ifdef __cplusplus
extern "C" {
#endif

typedef enum bt_http_target {
    BT_HTTP_NOTHING, /* no such path */
    BT_HTTP_SERVER,  /* /v2 */
    BT_HTTP_LIVE,    /* /v2/health/live, .../ready */
    BT_HTTP_READY,
    BT_HTTP_MODEL, /* /v2/models/M[/versions/V], and /ready, ... behind it */
    BT_HTTP_MODEL_READY,
    BT_HTTP_MODEL_CONFIG,
    BT_HTTP_MODEL_STATS,
    BT_HTTP_INFER,
    BT_HTTP_ALL_STATS, /* /v2/models/stats */
    BT_HTTP_INDEX,     /* /v2/repository/index */
    BT_HTTP_METRICS,   /* /metrics */
    BT_HTTP_SEGMENT,   /* /segment[/M] */
    BT_HTTP_PAGE,      /* / */
    BT_HTTP_STATUS,    /* /status */
    BT_HTTP_EXPLAIN    /* /explain */
} bt_http_target;

/* Whose keys open it. */
typedef enum bt_http_door {
    BT_DOOR_OPEN,      /* nobody's: who looks after the server asks whether it lives */
    BT_DOOR_INFERENCE, /* those who have pictures segmented, and ask about models */
    BT_DOOR_METRICS    /* those who collect figures */
} bt_http_door;

typedef struct bt_route {
    bt_http_target target;
    char model[BT_NAME_SIZE]; /* "" but for a model's paths; cut where it is longer than any model's */
    char version[16];         /* "": none was given */
} bt_route;

/* `path` without its query, percent signs undone. One slash at its end is passed over. */
bt_route bt_route_of(const char *path);

bt_http_door bt_route_door(bt_http_target target);

/* Whether its body is read: a request's pictures. */
static inline bool bt_route_reads(bt_http_target target) {
    return target == BT_HTTP_INFER || target == BT_HTTP_SEGMENT;
}

/* Whether the target takes the method, "GET" say; HEAD is as GET. `allowed` receives what it takes, for the
 * header Allow. */
bool bt_route_allows(bt_http_target target, const char *method, const char **allowed);

#ifdef __cplusplus
}
#endif
#endif
