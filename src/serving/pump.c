/* From the batcher's decisions to the threads that run batches and the callers that get answers. */
#include <math.h>
#include <string.h>

#include "base/clock.h"
#include "networks/class-maps.h"
#include "serving/state.h"

static bt_worker_lane *lane_of(bt_service *service, int instance, bt_path path) {
    return &service->lanes[bt_lane_of(instance, path)];
}

/* ---- under the lock ---- */

static void mail(bt_service *service, const bt_action *action, bt_worker_lane *self, bt_wakes *wakes) {
    bt_worker_lane *lane = lane_of(service, action->instance, action->path);
    lane->shared.work = *action;
    for (int i = 0; i < action->count; i++)
        lane->shared.requests[i] = service->requests[action->tags[i]].request;
    lane->shared.mailed = true;
    lane->shared.reading = true;
    atomic_fetch_add(&lane->signal, 1);
    if (lane != self) wakes->lanes[wakes->lane_count++] = lane;
}

static void take_out(bt_service *service, const bt_action *action, bt_delivery *out) {
    uint32_t index = (uint32_t)action->tag;
    out->waiting = service->requests[index];
    out->action = *action;
    service->requests[index].next_free = service->first_free;
    service->first_free = index;
}

/* Whether a lane is reading this request's image just now: the caller may free it once it is answered, so the
 * answer waits, as a debt of the lane's, until it has finished reading. */
static bt_worker_lane *reader_of(bt_service *service, const bt_action *action) {
    if (action->instance < 0) return NULL;
    bt_worker_lane *lane = lane_of(service, action->instance, action->path);
    return lane->shared.reading && lane->shared.work.run == action->run ? lane : NULL;
}

static void note_waking(bt_service *service, bt_wakes *wakes) {
    int64_t wake_ns = bt_batcher_wake_ns(service->batcher);
    if (wake_ns < service->supervisor_until_ns) {
        service->supervisor_until_ns = wake_ns;
        wakes->supervisor = true;
    }
    wakes->idle = service->awaits_idle && bt_batcher_idle(service->batcher);
}

int bt_pump(bt_service *service, int64_t now_ns, bt_worker_lane *self, bt_delivery *out, int room,
            bt_wakes *wakes) {
    bt_action action;
    int count = 0;
    while (count < room && bt_batcher_next(service->batcher, now_ns, &action)) {
        if (action.kind == BT_ACTION_RUN) {
            mail(service, &action, self, wakes);
            continue;
        }
        bt_worker_lane *reader = reader_of(service, &action);
        take_out(service, &action,
                 reader ? &reader->shared.owed[reader->shared.owed_count++] : &out[count++]);
    }
    note_waking(service, wakes);
    return count;
}

/* ---- outside it ---- */

void bt_wake_all(bt_service *service, const bt_wakes *wakes) {
    for (int i = 0; i < wakes->lane_count; i++)
        bt_futex_wake(&wakes->lanes[i]->signal, 1);
    if (wakes->supervisor) bt_futex_signal(&service->supervisor_signal);
    if (wakes->idle) bt_futex_signal(&service->changed);
}

/* How a result is made: of one lane's logits, by its threads. */
typedef struct result_job {
    const bt_request *request;
    bt_class_maps maps;
    float *planes; /* the maps', which are this request's alone */
    int height, width, threads;
    float threshold;
    void *scratch;
} result_job;

/* What there is of each class, in the picture's size. */
static void write_classes(result_job *j) {
    const bt_request *request = j->request;
    const size_t pixels = (size_t)request->height * (size_t)request->width;
    if (request->labels)
        bt_class_maps_label_picture(&j->maps, j->planes, j->height, j->width, j->threshold, request->labels,
                                    request->height, request->width, j->threads, j->scratch);
    if (!request->class_probabilities) return;
    bt_class_maps_to_probabilities(&j->maps, j->planes);
    for (int c = 0; c < j->maps.classes; c++)
        bt_image_mask(j->planes + (size_t)c * j->maps.pixels, BT_OUTPUT_PROBABILITIES, j->height, j->width,
                      0.5f, NULL, request->class_probabilities + (size_t)c * pixels, request->height,
                      request->width, j->threads, j->scratch);
}

/* Of one map, as it is: the mask is its labels. */
static void write_map(const result_job *j, const float *map) {
    const bt_request *request = j->request;
    const bool one = j->maps.classes == 1;
    if (request->logits) memcpy(request->logits, map, j->maps.pixels * sizeof *map);
    bt_image_mask(map, j->maps.output, j->height, j->width, j->threshold, request->mask,
                  request->probabilities, request->height, request->width, j->threads, j->scratch);
    if (one)
        bt_image_mask(map, j->maps.output, j->height, j->width, j->threshold, request->labels,
                      request->class_probabilities, request->height, request->width, j->threads, j->scratch);
}

/* Its logits as they are, and what is made of them. Of several classes `merged` has room for one map. */
static void write_results(const bt_delivery *delivery, const bt_service_model *model, bt_worker_lane *lane) {
    const bt_request *request = &delivery->waiting.request;
    float *planes = lane->own.logits + (size_t)delivery->action.position * bt_lane_values(lane);
    result_job job = {.request = request,
                      .maps = {.planes = planes,
                               .classes = lane->found.session.classes,
                               .pixels = (size_t)model->height * (size_t)model->width,
                               .output = model->served.resolved.model.output,
                               .map = &model->served.resolved.model.map},
                      .planes = planes,
                      .height = model->height,
                      .width = model->width,
                      .threads = lane->shares_cores ? 1 : lane->own.image_threads,
                      .threshold = request->threshold > 0 ? request->threshold : 0.5f,
                      .scratch = lane->own.scratch};
    const bool merges = job.maps.classes > 1 && (request->mask || request->probabilities || request->logits);
    if (merges) bt_class_maps_merge(&job.maps, lane->own.merged);
    if (merges || job.maps.classes == 1) write_map(&job, merges ? lane->own.merged : planes);
    if (job.maps.classes > 1) write_classes(&job);
}

static const char *mode_of(const bt_action *action) {
    if (action->status != BT_OK) return "";
    return action->path == BT_PATH_STANDARD ? "standard_fallback" : "production_optimized";
}

static bt_result result_of(const bt_service *service, const bt_delivery *delivery, const bt_worker_lane *lane,
                           int64_t now_ns) {
    const bt_action *action = &delivery->action;
    int64_t start_ns = action->started_ns == BT_NEVER_NS ? now_ns : action->started_ns;
    if (action->status == BT_OK && lane) start_ns = lane->own.began_ns;
    return (bt_result){
        .inference_mode = mode_of(action),
        .batch_size = action->count,
        .run_size = action->run_size,
        .instance =
            action->instance < 0 ? -1 : action->instance - service->models[action->model].first_instance,
        .input_height = service->models[action->model].height,
        .input_width = service->models[action->model].width,
        .queue_ms = bt_ms(start_ns - delivery->waiting.submitted_ns),
        .preprocess_ms = lane ? bt_ms(lane->own.preprocess_ns) : 0,
        .deliver_ms = lane ? bt_ms(lane->own.deliver_ns) : 0,
        .service_ms = lane ? bt_ms(lane->own.service_ns) : 0,
        .latency_ms = bt_ms(now_ns - delivery->waiting.submitted_ns),
        .p95_latency_ms = NAN,
        .ticket = action->ticket,
    };
}

static void fill_error(bt_error *error, const bt_service *service, const bt_delivery *delivery) {
    const bt_action *action = &delivery->action;
    const char *name = service->models[action->model].name;
    double waited_ms = bt_ms(bt_clock_now_ns() - delivery->waiting.submitted_ns);
    switch (action->status) {
    case BT_TIMEOUT:
        bt_fail(error, BT_TIMEOUT, "%s: the deadline passed after %.1f ms, %s", name, waited_ms,
                action->tries > 0 ? "while it ran" : "in the queue");
        break;
    case BT_CANCELLED:
        bt_fail(error, BT_CANCELLED, "%s: taken back after %.1f ms", name, waited_ms);
        break;
    case BT_CLOSED:
        bt_fail(error, BT_CLOSED, "%s: the service was stopped before the request was done", name);
        break;
    default:
        if (action->tries == 0)
            bt_fail(error, action->status, "%s: no instance is left that could run it: they hang", name);
        else
            bt_fail(error, action->status, "%s: %s after %d %s, the last of them on the %s path", name,
                    action->status == BT_OUT_OF_DEVICE_MEMORY ? "the device's memory ran out"
                                                              : "the backend failed",
                    action->tries, action->tries == 1 ? "run" : "runs", bt_path_name(action->path));
    }
}

void bt_count_lost(bt_service_model *model, int64_t now_ns) {
    pthread_mutex_lock(&model->meter_lock);
    bt_meter_lost(model->meter, now_ns);
    pthread_mutex_unlock(&model->meter_lock);
}

/* One lock for all answers of a delivery that are of one model. */
static double meter_all(bt_service *service, const bt_delivery *deliveries, int count,
                        const bt_worker_lane *lane, int64_t now_ns) {
    bt_service_model *model = &service->models[lane->model];
    pthread_mutex_lock(&model->meter_lock);
    for (int i = 0; i < count; i++) {
        if (deliveries[i].action.status != BT_OK) continue;
        const int64_t submitted_ns = deliveries[i].waiting.submitted_ns;
        const bt_meter_answer answer = {.of_ns = {[BT_QUANTITY_LATENCY] = now_ns - submitted_ns,
                                                  [BT_QUANTITY_QUEUE] = lane->own.began_ns - submitted_ns,
                                                  [BT_QUANTITY_PREPROCESS] = lane->own.preprocess_ns,
                                                  [BT_QUANTITY_SERVICE] = lane->own.service_ns}};
        bt_meter_answered(model->meter, now_ns, &answer);
    }
    double p95_ms = bt_meter_p95_ms(model->meter, now_ns);
    pthread_mutex_unlock(&model->meter_lock);
    return p95_ms;
}

/* The answers of a good run come to the lane that holds its logits: it pumps right after telling the batcher,
 * without releasing the lock. So a delivery that went well is of `lane`'s last run. Its result is in the
 * caller's buffers before the callback, and nothing is written there after it. */
void bt_deliver(bt_service *service, const bt_delivery *deliveries, int count, bt_worker_lane *lane) {
    if (count == 0) return;
    int64_t start_ns = bt_clock_now_ns();
    for (int i = 0; i < count && lane; i++)
        if (deliveries[i].action.status == BT_OK)
            write_results(&deliveries[i], &service->models[deliveries[i].action.model], lane);
    int64_t now_ns = bt_clock_now_ns();
    if (lane) lane->own.deliver_ns = now_ns - start_ns;
    if (lane) lane->own.preprocess_ns += lane->own.deliver_ns;
    double p95_ms = lane ? meter_all(service, deliveries, count, lane, now_ns) : NAN;
    for (int i = 0; i < count; i++) {
        const bt_delivery *delivery = &deliveries[i];
        bool good = delivery->action.status == BT_OK;
        bt_result result = result_of(service, delivery, good ? lane : NULL, now_ns);
        bt_error error;
        result.p95_latency_ms = p95_ms;
        if (!good) {
            fill_error(&error, service, delivery);
            bt_count_lost(&service->models[delivery->action.model], now_ns);
        }
        delivery->waiting.answer(delivery->waiting.context, &result, good ? NULL : &error);
    }
}

void bt_pump_and_deliver(bt_service *service) {
    bt_delivery deliveries[BT_DELIVERIES_AT_ONCE];
    int count;
    do {
        bt_wakes wakes;
        bt_wakes_none(&wakes);
        bt_service_lock(service);
        count = bt_pump(service, bt_clock_now_ns(), NULL, deliveries, BT_DELIVERIES_AT_ONCE, &wakes);
        pthread_mutex_unlock(&service->lock);
        bt_wake_all(service, &wakes);
        bt_deliver(service, deliveries, count, NULL);
    } while (count == BT_DELIVERIES_AT_ONCE);
}
