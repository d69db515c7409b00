/* A service as a load target: streams are its models, inputs are pictures, or synthetic micrographs of given
 * sizes. */
#ifndef BT_LOAD_TARGET_SERVICE_H
#define BT_LOAD_TARGET_SERVICE_H

#include "batchtune.h"
#include "load/images.h"
#include "load/target.h"

#ifdef __cplusplus
extern "C" {
#endif

typedef struct bt_service_target bt_service_target;

/* Draws every image that is not given now, by `seed`. `in_flight` requests at a time have room for a mask, or for labels
 * of a model of several classes (those beyond it ask for none); 0: no masks at all. The service is borrowed and must be
 * running when requests are sent. BT_INVALID, BT_NO_MEMORY. One run of a generator at a time may use it. */
BT_MUST_USE bt_status bt_service_target_open(bt_service_target **out, bt_service *service,
                                             const bt_load_images *streams, int stream_count, int in_flight,
                                             uint64_t seed, bt_error *error);

/* Everything that was sent must have been answered. NULL-safe; nulls. */
void bt_service_target_close(bt_service_target **target);

/* What a generator is given; valid as long as the target is open. */
bt_target bt_service_target_of(bt_service_target *target);

/* What the service said of the last request that failed (refusals of a full queue aside), for people; "" if
 * none did. */
void bt_service_target_failure(bt_service_target *target, char out[BT_ERROR_MESSAGE_SIZE]);

#ifdef __cplusplus
}
#endif
#endif
