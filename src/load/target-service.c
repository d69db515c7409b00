#include "load/target-service.h"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "image/spheroids.h"
#include "serving/serving.h"

#define DRAWN_LEAST 16 /* pixels: smaller images are cut out of one of this side */

typedef struct loaded_stream {
    bt_service_stream options;
    uint8_t *drawn[BT_INPUTS_MAX]; /* NULL where an image is given */
} loaded_stream;

/* A mask for somebody's result, and who has it. */
typedef struct mask_buffer {
    uint8_t *bytes;
    int next_free;
} mask_buffer;

struct bt_service_target {
    bt_service *service;
    loaded_stream *streams;
    int stream_count;
    /* Of the generator's run under way; set by its sending thread before a request is. */
    bt_request_answered answered;
    void *context;
    pthread_mutex_t lock; /* of the masks, their owners and the failure */
    mask_buffer *masks;
    int mask_count, first_free;
    char failure[BT_ERROR_MESSAGE_SIZE];
};

/* ---- images ---- */

static int at_least(int side) {
    return side < DRAWN_LEAST ? DRAWN_LEAST : side;
}

static bt_status draw(uint8_t **out, uint64_t seed, int index, int height, int width, bt_error *error) {
    const int tall = at_least(height), wide = at_least(width);
    uint8_t *image = malloc(3 * (size_t)tall * (size_t)wide);
    if (!image) return bt_no_memory(error, "an image of %d x %d", height, width);
    *out = image;
    bt_status status = bt_spheroids_draw(seed, (uint64_t)index, tall, wide, image, NULL, error);
    for (int y = 1; y < height && wide > width; y++)
        memmove(image + 3 * (size_t)y * (size_t)width, image + 3 * (size_t)y * (size_t)wide,
                3 * (size_t)width);
    return status;
}

static bt_status draw_all(loaded_stream *stream, uint64_t seed, bt_error *error) {
    const bt_service_stream *o = &stream->options;
    if (o->input_count < 1 || o->input_count > BT_INPUTS_MAX)
        return bt_fail(error, BT_INVALID, "a stream has 1 to %d images", BT_INPUTS_MAX);
    bt_status status = BT_OK;
    for (int i = 0; i < o->input_count && status == BT_OK; i++)
        if (!o->inputs[i].rgb)
            status = draw(&stream->drawn[i], seed, i, o->inputs[i].height, o->inputs[i].width, error);
    return status;
}

static bt_status open_masks(bt_service_target *target, int count, bt_error *error) {
    size_t most = 1;
    for (int s = 0; s < target->stream_count; s++)
        for (int i = 0; i < target->streams[s].options.input_count; i++) {
            const bt_service_input *input = &target->streams[s].options.inputs[i];
            size_t pixels = (size_t)input->height * (size_t)input->width;
            if (pixels > most) most = pixels;
        }
    target->first_free = -1;
    target->masks = calloc((size_t)count + 1, sizeof *target->masks);
    for (int i = 0; i < count && target->masks; i++) {
        target->masks[i].bytes = malloc(most);
        if (!target->masks[i].bytes) break;
        target->masks[i].next_free = target->first_free;
        target->first_free = i;
        target->mask_count++;
    }
    if (target->masks && target->mask_count == count) return BT_OK;
    return bt_no_memory(error, "%d masks", count);
}

bt_status bt_service_target_open(bt_service_target **out, bt_service *service,
                                 const bt_service_stream *streams, int stream_count, int in_flight,
                                 uint64_t seed, bt_error *error) {
    bt_service_target *target = calloc(1, sizeof *target);
    *out = NULL;
    if (target) target->streams = calloc((size_t)stream_count + 1, sizeof *target->streams);
    if (!target || !target->streams) {
        free(target);
        return bt_no_memory(error, "a load target");
    }
    pthread_mutex_init(&target->lock, NULL);
    target->service = service;
    target->stream_count = stream_count;
    bt_status status = BT_OK;
    for (int s = 0; s < stream_count && status == BT_OK; s++) {
        target->streams[s].options = streams[s];
        status = draw_all(&target->streams[s], seed, error);
    }
    if (status == BT_OK) status = open_masks(target, in_flight, error);
    if (status == BT_OK)
        *out = target;
    else
        bt_service_target_close(&target);
    return status;
}

void bt_service_target_close(bt_service_target **target) {
    if (!target || !*target) return;
    for (int s = 0; s < (*target)->stream_count; s++)
        for (int i = 0; i < BT_INPUTS_MAX; i++)
            free((*target)->streams[s].drawn[i]);
    for (int i = 0; i < (*target)->mask_count; i++)
        free((*target)->masks[i].bytes);
    pthread_mutex_destroy(&(*target)->lock);
    free((*target)->masks);
    free((*target)->streams);
    free(*target);
    *target = NULL;
}

/* ---- requests ---- */

static uint8_t *take_mask(bt_service_target *target, int32_t *index) {
    *index = -1;
    if (target->mask_count == 0) return NULL;
    pthread_mutex_lock(&target->lock);
    *index = target->first_free;
    if (*index >= 0) target->first_free = target->masks[*index].next_free;
    pthread_mutex_unlock(&target->lock);
    return *index >= 0 ? target->masks[*index].bytes : NULL;
}

static void give_mask_back(bt_service_target *target, int32_t index) {
    if (index < 0) return;
    pthread_mutex_lock(&target->lock);
    target->masks[index].next_free = target->first_free;
    target->first_free = index;
    pthread_mutex_unlock(&target->lock);
}

static void keep_failure(bt_service_target *target, const bt_error *error) {
    if (error->status == BT_QUEUE_FULL) return;
    pthread_mutex_lock(&target->lock);
    memcpy(target->failure, error->message, sizeof target->failure);
    pthread_mutex_unlock(&target->lock);
}

static int64_t ns(double ms) {
    return (int64_t)(ms * BT_NS_PER_MS);
}

static void receive_answer(void *context, const bt_result *result, const bt_error *error) {
    bt_sent_request *sent = context;
    bt_service_target *target = sent->own;
    sent->answered_ns = bt_clock_now_ns();
    sent->status = error ? error->status : BT_OK;
    sent->queue_ns = ns(result->queue_ms);
    sent->preprocess_ns = ns(result->preprocess_ms);
    sent->deliver_ns = ns(result->deliver_ms);
    sent->service_ns = ns(result->service_ms);
    sent->batch_size = (int16_t)result->batch_size;
    sent->run_size = (int16_t)result->run_size;
    sent->fallback = strcmp(result->inference_mode, "standard_fallback") == 0;
    give_mask_back(target, sent->own_index);
    if (error) keep_failure(target, error);
    target->answered(target->context, sent);
}

static bt_status submit(void *self, bt_sent_request *sent, bt_request_answered answered, void *context) {
    bt_service_target *target = self;
    const loaded_stream *stream = &target->streams[sent->stream];
    const bt_service_input *input = &stream->options.inputs[sent->input];
    bt_error error;
    if (target->answered != answered || target->context != context) { /* a run's first request */
        target->answered = answered;
        target->context = context;
    }
    sent->own = target;
    const bt_request request = {.image = input->rgb ? input->rgb : stream->drawn[sent->input],
                                .height = input->height,
                                .width = input->width,
                                .model = stream->options.model,
                                .mask = take_mask(target, &sent->own_index),
                                .standard_path = stream->options.standard_path};
    bt_status status = bt_service_submit(target->service, &request, receive_answer, sent, NULL, &error);
    if (status == BT_OK) return BT_OK;
    give_mask_back(target, sent->own_index);
    keep_failure(target, &error);
    return status;
}

static int queue_size(void *self) {
    return bt_serving_queue_size(((bt_service_target *)self)->service);
}

bt_target bt_service_target_of(bt_service_target *target) {
    return (bt_target){.self = target, .submit = submit, .queue_size = queue_size};
}

void bt_service_target_failure(bt_service_target *target, char out[BT_ERROR_MESSAGE_SIZE]) {
    pthread_mutex_lock(&target->lock);
    memcpy(out, target->failure, BT_ERROR_MESSAGE_SIZE);
    pthread_mutex_unlock(&target->lock);
}
