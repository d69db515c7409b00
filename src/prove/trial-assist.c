/* Another rank's part in a trial of servers: it knows their models and pictures as rank 0 does, from the same command
 * line, and is told what to send. */
#include <stdlib.h>

#include "prove/trial-state.h"

/* What load is sent to while a share is open; a share's streams follow each other as rank 0's do. */
typedef struct assistant {
    bt_trial *t;
    const bt_error *unable;
    double weights[BT_NAMES_MAX][BT_INPUTS_MAX];
    bt_trial_target target;
} assistant;

static bt_status open_target(void *self, const bt_share *share, bt_stream *streams, bt_target *out,
                             bt_error *error) {
    assistant *a = self;
    bt_load_images inputs[BT_NAMES_MAX];
    int models[BT_NAMES_MAX];
    a->target = (bt_trial_target){0};
    if (share->stream_count > BT_NAMES_MAX)
        return bt_fail(error, BT_INVALID, "rank 0 sends to %d models, at most %d", share->stream_count,
                       BT_NAMES_MAX);
    for (int i = 0; i < share->stream_count; i++) {
        models[i] = share->streams[i].subject;
        if (models[i] >= a->t->model_count)
            return bt_fail(error, BT_INVALID, "rank 0 sends to more models than the server has here");
        inputs[i] = bt_trial_inputs(a->t, models[i], a->weights[i]);
        streams[i].weights = a->weights[i];
        streams[i].input_count = inputs[i].input_count;
    }
    bt_status status = bt_trial_target_open(&a->target, a->t, inputs, models, share->stream_count, 0, error);
    if (status == BT_OK) *out = bt_trial_target_of(&a->target);
    return status;
}

static void close_target(void *self, const bt_request_log *log) {
    assistant *a = self;
    bt_trial_target_close(a->t, &a->target, log);
}

/* What rank 0 learns of the servers, it learns, too. */
static bt_status learn(void *self, bt_error *error) {
    const assistant *a = self;
    bt_trial *t = a->t;
    if (a->unable) return bt_fail(error, a->unable->status, "%s", a->unable->message);
    bt_status status = bt_trial_remote_open(t, error);
    if (status == BT_OK) status = bt_trial_read_images(t, error);
    if (status == BT_OK) status = bt_load_record_open(&t->record, t->model_count, error);
    for (int i = 0; i < t->model_count && status == BT_OK; i++)
        status = bt_trial_remote_describe_model(t, i, error);
    return status;
}

bt_status bt_trial_assist(const bt_trial_options *options, bt_ranks *ranks, const bt_error *unable,
                          bool *all_alive, bt_error *error) {
    *all_alive = false;
    bt_trial *t = calloc(1, sizeof *t);
    if (!t) return bt_no_memory(error, "a test");
    assistant a = {.t = t, .unable = unable};
    const bt_spread_host host = {.self = &a, .begin = learn, .open = open_target, .close = close_target};
    t->options = options;
    t->settings = options->settings;
    bt_status status = bt_spread_serve(ranks, &host, options->stop, all_alive, error);
    bt_load_record_close(&t->record);
    bt_trial_release(t);
    return status;
}
