#include "load/target-service.h"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "serving/serving.h"

/* A mask for somebody's result, and who has it. */
typedef struct mask_buffer {
    uint8_t *bytes;
    int next_free;
} mask_buffer;

struct bt_service_target {
    bt_service *service;
    bt_drawn_images *streams;
    int stream_count;
    /* Of the generator's run under way; set by its sending thread before a request is. */
    bt_request_answered answered;
    void *context;
    pthread_mutex_t lock; /* of the masks, their owners and the failure */
    mask_buffer *masks;
    int mask_count, first_free;
    char failure[BT_ERROR_MESSAGE_SIZE];
};

/* ---- opening ---- */

static bt_status open_masks(bt_service_target *target, int count, bt_error *error) {
    size_t most = 1;
    for (int s = 0; s < target->stream_count; s++)
        for (int i = 0; i < target->streams[s].images.input_count; i++) {
            const bt_load_image *input = &target->streams[s].images.inputs[i];
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

bt_status bt_service_target_open(bt_service_target **out, bt_service *service, const bt_load_images *streams,
                                 int stream_count, int in_flight, uint64_t seed, bt_error *error) {
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
    for (int s = 0; s < stream_count && status == BT_OK; s++)
        status = bt_drawn_images_open(&target->streams[s], &streams[s], seed, error);
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
        bt_drawn_images_close(&(*target)->streams[s]);
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
    const bt_load_images *stream = &target->streams[sent->stream].images;
    const bt_load_image *input = &stream->inputs[sent->input];
    bt_error error;
    if (target->answered != answered || target->context != context) { /* a run's first request */
        target->answered = answered;
        target->context = context;
    }
    sent->own = target;
    const bt_request request = {.image = input->rgb,
                                .height = input->height,
                                .width = input->width,
                                .model = stream->model,
                                .labels = take_mask(target, &sent->own_index), /* of one class: its mask */
                                .standard_path = stream->standard_path};
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
