/* What a trial sends its load to: a service of its own, or servers on the network. */
#include "prove/trial-state.h"

/* The models of the streams, in their order. */
static bt_status open_remote(bt_trial_target *out, const bt_trial *t, const bt_load_images *streams,
                             const int *models, int count, bt_error *error) {
    bt_remote_model chosen[BT_NAMES_MAX];
    for (int i = 0; i < count; i++)
        chosen[i] = t->remote->models[models[i]];
    const bt_remote_target_options options = {.client = t->remote->client,
                                              .endpoints = &t->remote->endpoints,
                                              .models = chosen,
                                              .streams = streams,
                                              .stream_count = count,
                                              .timeout_ms = t->settings->service.timeout_ms,
                                              .seed = 1};
    return bt_remote_target_open(&out->remote, &options, error);
}

bt_status bt_trial_target_open(bt_trial_target *out, const bt_trial *t, const bt_load_images *streams,
                               const int *models, int count, int in_flight, bt_error *error) {
    *out = (bt_trial_target){0};
    if (t->remote) return open_remote(out, t, streams, models, count, error);
    return bt_service_target_open(&out->service, t->service, streams, count, in_flight, 1, error);
}

bt_target bt_trial_target_of(const bt_trial_target *target) {
    return target->remote ? bt_remote_target_of(target->remote) : bt_service_target_of(target->service);
}

void bt_trial_target_failure(const bt_trial_target *target, char out[BT_ERROR_MESSAGE_SIZE]) {
    out[0] = '\0';
    if (target->remote) bt_remote_target_failure(target->remote, out);
    if (target->service) bt_service_target_failure(target->service, out);
}

void bt_trial_target_close(bt_trial *t, bt_trial_target *target, const bt_request_log *log) {
    const bool lost = log && log->lost > 0;
    t->lost = t->lost || lost;
    if (lost) return; /* late answers still need it */
    bt_service_target_close(&target->service);
    bt_remote_target_close(&target->remote);
}
