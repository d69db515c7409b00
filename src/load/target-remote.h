/* Servers on the network as a load target: streams are their models, requests go to whichever of several servers
 * has the fewest under way. */
#ifndef BT_LOAD_TARGET_REMOTE_H
#define BT_LOAD_TARGET_REMOTE_H

#include "client/client.h"
#include "client/endpoints.h"
#include "client/message.h"
#include "load/images.h"
#include "load/target.h"

#ifdef __cplusplus
extern "C" {
#endif

typedef struct bt_remote_target bt_remote_target;

typedef struct bt_remote_target_options {
    bt_client *client;
    const bt_endpoints *endpoints;
    const bt_remote_model *models; /* of the streams */
    const bt_load_images *streams;
    int stream_count;
    double timeout_ms; /* a request's own deadline; 0: none */
    uint64_t seed;     /* of the images that are drawn */
} bt_remote_target_options;

/* Makes every request's bytes now. Only the client is borrowed.
 * BT_INVALID, BT_NO_MEMORY. One run of a generator at a time may use it. */
BT_MUST_USE bt_status bt_remote_target_open(bt_remote_target **out, const bt_remote_target_options *options,
                                            bt_error *error);

/* Everything that was sent must have been answered. NULL-safe; nulls. */
void bt_remote_target_close(bt_remote_target **target);

/* What a generator is given; valid as long as the target is open. A request that the client had to let wait is told
 * as sent when it was begun, and one that took longer than the client's limit as never answered. What a failed
 * request has for a status: BT_IO where there was no answer, BT_BACKEND where it was an error, BT_PARSE where it was
 * no answer to the request; BT_QUEUE_FULL and BT_TIMEOUT as the server says. */
bt_target bt_remote_target_of(bt_remote_target *target);

/* What is known of the last request that failed (refusals of a full queue aside), for people; "" if none did. */
void bt_remote_target_failure(bt_remote_target *target, char out[BT_ERROR_MESSAGE_SIZE]);

#ifdef __cplusplus
}
#endif
#endif
