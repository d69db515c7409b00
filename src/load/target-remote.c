#include "load/target-remote.h"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"

/* A model's requests, ready to be sent. */
typedef struct remote_stream {
    bt_remote_model model;
    bt_message messages[BT_INPUTS_MAX];
    int message_count;
    char urls[BT_ENDPOINTS_MAX][BT_ENDPOINT_PATH_SIZE];
} remote_stream;

struct bt_remote_target {
    bt_client *client;
    int endpoint_count;
    remote_stream *streams;
    int stream_count;
    /* Of the generator's run under way; set by its sending thread before a request is. */
    bt_request_answered answered;
    void *context;
    pthread_mutex_t lock; /* of what is below */
    int under_way[BT_ENDPOINTS_MAX], turn;
    char failure[BT_ERROR_MESSAGE_SIZE];
};

/* ---- opening ---- */

static bt_status open_messages(remote_stream *stream, const bt_load_images *images,
                               const bt_remote_target_options *o, bt_error *error) {
    bt_drawn_images *drawn = calloc(1, sizeof *drawn);
    if (!drawn) return bt_no_memory(error, "images");
    bt_status status = bt_drawn_images_open(drawn, images, o->seed, error);
    for (int i = 0; i < images->input_count && status == BT_OK; i++) {
        const bt_load_image *image = &drawn->images.inputs[i];
        status = bt_message_open(&stream->messages[i], &stream->model, image->rgb, image->height,
                                 image->width, o->timeout_ms, error);
        if (status == BT_OK) stream->message_count++;
    }
    bt_drawn_images_close(drawn);
    free(drawn);
    return status;
}

static bt_status open_stream(bt_remote_target *target, int index, const bt_remote_target_options *o,
                             bt_error *error) {
    remote_stream *stream = &target->streams[index];
    stream->model = o->models[index];
    bt_status status = BT_OK;
    for (int i = 0; i < o->endpoints->count && status == BT_OK; i++)
        status =
            bt_endpoint_of_model(stream->urls[i], o->endpoints->urls[i], stream->model.name, "/infer", error);
    return status == BT_OK ? open_messages(stream, &o->streams[index], o, error) : status;
}

bt_status bt_remote_target_open(bt_remote_target **out, const bt_remote_target_options *options,
                                bt_error *error) {
    bt_remote_target *target = calloc(1, sizeof *target);
    *out = NULL;
    if (target) target->streams = calloc((size_t)options->stream_count + 1, sizeof *target->streams);
    if (!target || !target->streams) {
        free(target);
        return bt_no_memory(error, "a load target");
    }
    pthread_mutex_init(&target->lock, NULL);
    target->client = options->client;
    target->endpoint_count = options->endpoints->count;
    target->stream_count = options->stream_count;
    bt_status status = BT_OK;
    for (int s = 0; s < options->stream_count && status == BT_OK; s++)
        status = open_stream(target, s, options, error);
    *out = target;
    if (status != BT_OK) bt_remote_target_close(out);
    return status;
}

void bt_remote_target_close(bt_remote_target **target) {
    if (!target || !*target) return;
    for (int s = 0; s < (*target)->stream_count; s++)
        for (int i = 0; i < (*target)->streams[s].message_count; i++)
            bt_message_close(&(*target)->streams[s].messages[i]);
    pthread_mutex_destroy(&(*target)->lock);
    free((*target)->streams);
    free(*target);
    *target = NULL;
}

/* ---- answers ---- */

static int64_t ns(double ms) {
    return (int64_t)(ms * BT_NS_PER_MS);
}

static void note_times(bt_sent_request *sent, const bt_answer_times *times) {
    sent->queue_ns = ns(times->queue_ms);
    sent->preprocess_ns = ns(times->preprocess_ms);
    sent->service_ns = ns(times->service_ms);
    sent->batch_size = sent->run_size = (int16_t)times->batch_size;
    sent->fallback = times->fallback;
}

/* What an answer is worth, with words where that is nothing. */
static bt_status read_answer(const remote_stream *stream, bt_sent_request *sent,
                             const bt_client_answer *answer, bt_error *error) {
    bt_answer_times times;
    char words[BT_ERROR_MESSAGE_SIZE];
    if (answer->timed_out) return bt_fail(error, BT_TIMEOUT, "no answer in time: %s", answer->words);
    if (answer->http_status == 0) return bt_fail(error, BT_IO, "no answer: %s", answer->words);
    if (answer->http_status != 200) {
        bt_answer_error(answer->body, answer->size, words);
        return bt_fail(error, bt_answer_refusal(answer->http_status, words), "HTTP %d: %s",
                       answer->http_status, words);
    }
    bt_status status = bt_answer_check(&times, &stream->model, &stream->messages[sent->input], answer->body,
                                       answer->size, answer->json_size, error);
    if (status == BT_OK) note_times(sent, &times);
    return status;
}

static void give_back(bt_remote_target *target, const bt_sent_request *sent, const bt_error *failure) {
    pthread_mutex_lock(&target->lock);
    target->under_way[sent->own_index]--;
    if (failure && failure->status != BT_QUEUE_FULL)
        memcpy(target->failure, failure->message, sizeof target->failure);
    pthread_mutex_unlock(&target->lock);
}

static void receive_answer(void *context, const bt_client_answer *answer) {
    bt_sent_request *sent = context;
    bt_remote_target *target = sent->own;
    const remote_stream *stream = &target->streams[sent->stream];
    bt_error error;
    if (answer->begun_ns > sent->sent_ns) sent->sent_ns = answer->begun_ns;
    sent->answered_ns = answer->timed_out ? 0 : answer->answered_ns;
    sent->status = read_answer(stream, sent, answer, &error);
    if (sent->status == BT_OK) {
        give_back(target, sent, NULL);
    } else {
        bt_fail_at(&error, sent->status, "%s", stream->urls[sent->own_index]);
        give_back(target, sent, &error);
    }
    target->answered(target->context, sent);
}

/* ---- requests ---- */

static int choose(bt_remote_target *target) {
    pthread_mutex_lock(&target->lock);
    const int index = bt_endpoints_choose(target->under_way, target->endpoint_count, &target->turn);
    target->under_way[index]++;
    pthread_mutex_unlock(&target->lock);
    return index;
}

static bt_status submit(void *self, bt_sent_request *sent, bt_request_answered answered, void *context) {
    bt_remote_target *target = self;
    const remote_stream *stream = &target->streams[sent->stream];
    const bt_message *message = &stream->messages[sent->input];
    bt_error error;
    if (target->answered != answered || target->context != context) { /* a run's first request */
        target->answered = answered;
        target->context = context;
    }
    sent->own = target;
    sent->own_index = choose(target);
    const bt_client_request request = {.url = stream->urls[sent->own_index],
                                       .body = message->body,
                                       .size = message->size,
                                       .json_size = message->json_size};
    bt_status status = bt_client_send(target->client, &request, receive_answer, sent, &error);
    if (status != BT_OK) give_back(target, sent, &error);
    return status;
}

bt_target bt_remote_target_of(bt_remote_target *target) {
    return (bt_target){.self = target, .submit = submit};
}

void bt_remote_target_failure(bt_remote_target *target, char out[BT_ERROR_MESSAGE_SIZE]) {
    pthread_mutex_lock(&target->lock);
    memcpy(out, target->failure, BT_ERROR_MESSAGE_SIZE);
    pthread_mutex_unlock(&target->lock);
}
