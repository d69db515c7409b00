/* How long a connection may stay in each stage of a request, so that whoever sends or reads a byte now and then holds no more
 * than a connection, and that not for ever. libmicrohttpd itself only closes a connection on which nothing happens. */
#ifndef BT_HTTP_DEADLINE_H
#define BT_HTTP_DEADLINE_H

#include <stdint.h>

#include "settings/http.h"

#ifdef __cplusplus
extern "C" {
#endif

typedef enum bt_stage {
    BT_STAGE_FIRST_HEAD, /* it has been opened, and the first request's head has not wholly come */
    BT_STAGE_BODY,       /* the head has come, and the body has not wholly */
    BT_STAGE_SERVICE,    /* the request is with the service or a worker: it waits for us */
    BT_STAGE_ANSWER,     /* its answer is on its way, and has not wholly been taken */
    BT_STAGE_BETWEEN     /* it is kept: idle, or the next head is coming */
} bt_stage;

#define BT_NO_DEADLINE INT64_MAX

/* When a connection that enters the stage now is given up, unless it has left it by then. Between requests nobody tells
 * when the next head begins: it has the time that a connection may be idle, and a head's. */
int64_t bt_stage_deadline_ns(bt_stage stage, int64_t now_ns, const bt_http_settings *settings);

#ifdef __cplusplus
}
#endif
#endif
