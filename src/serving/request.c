/* Requests: checked, enqueued, waited for, taken back. */
#include <math.h>

#include "base/clock.h"
#include "image/resize.h"
#include "serving/state.h"

static bt_status check_image(const bt_request *request, bt_error *error) {
    if (!request->image && !request->tensor) return bt_fail(error, BT_INVALID, "the request has no image");
    if (request->image && request->tensor)
        return bt_fail(error, BT_INVALID, "the request has an image and a tensor: give one of them");
    if (request->height < 1 || request->width < 1 || request->height > BT_IMAGE_SIDE_MAX ||
        request->width > BT_IMAGE_SIDE_MAX)
        return bt_fail(error, BT_INVALID, "an image of %d x %d pixels: each side has 1 to %d",
                       request->height, request->width, BT_IMAGE_SIDE_MAX);
    return BT_OK;
}

/* A tensor is the network's input already. */
static bt_status check_tensor(const bt_service_model *model, const bt_request *request, bt_error *error) {
    if (!request->tensor) return BT_OK;
    if ((unsigned)request->tensor_type > BT_TENSOR_FP16)
        return bt_fail(error, BT_INVALID, "there is no type of tensor %d", (int)request->tensor_type);
    if (request->height == model->height && request->width == model->width) return BT_OK;
    return bt_fail(error, BT_INVALID,
                   "a tensor of %d x %d: %s takes %d x %d ones, and resizes only pictures of bytes",
                   request->width, request->height, model->name, model->width, model->height);
}

static bt_status check(const bt_service *service, const bt_request *request, int *model, bt_error *error) {
    if (!service || !request) return bt_fail(error, BT_INVALID, "there is no service, or no request");
    bt_status status = check_image(request, error);
    if (status != BT_OK) return status;
    if (!(request->threshold >= 0 && request->threshold < 1))
        return bt_fail(error, BT_INVALID, "a threshold of %g is no probability between 0 and 1",
                       (double)request->threshold);
    if (request->priority < 0 || request->priority > BT_PRIORITIES)
        return bt_fail(error, BT_INVALID, "a priority of %d: 1 goes first, %d last, and 0 is %d",
                       request->priority, BT_PRIORITIES, BT_PRIORITY_USUAL);
    if (isnan(request->timeout_ms)) return bt_fail(error, BT_INVALID, "the timeout is not a number");
    if (request->timeout_ms < 0)
        return bt_fail(error, BT_TIMEOUT, "the deadline is past already: a timeout of %g ms",
                       request->timeout_ms);
    *model = bt_service_find(service, request->model);
    if (*model < 0) return bt_service_fail_model(service, request->model, error);
    return check_tensor(&service->models[*model], request, error);
}

static int64_t deadline_of(const bt_service_model *model, const bt_request *request, int64_t now_ns) {
    double timeout_ms = request->timeout_ms > 0 ? request->timeout_ms : model->timeout_ms;
    if (!(timeout_ms > 0) || timeout_ms > 1e12) return BT_NEVER_NS;
    return now_ns + (int64_t)(timeout_ms * BT_NS_PER_MS);
}

/* Several requests on their way in, all or none of them. */
typedef struct group {
    const bt_request *requests;
    int count, model;
    bt_answer answer;
    void *const *contexts;
    uint64_t *tickets;
} group;

/* Under the lock: the slots that they would have, which are their tags; false where there are not so many. */
static bool find_slots(const bt_service *service, const group *g) {
    uint32_t index = service->first_free;
    for (int i = 0; i < g->count; i++) {
        if (index == BT_NO_REQUEST) return false;
        g->tickets[i] = index;
        index = service->requests[index].next_free;
    }
    return true;
}

/* Under the lock: into slots and the batcher. */
static bt_status enqueue(bt_service *service, const group *g, int64_t now_ns) {
    if (service->phase != BT_PHASE_RUNNING) return BT_CLOSED;
    if (!find_slots(service, g)) return BT_QUEUE_FULL;
    const bt_request *first = g->requests;
    const bt_submission submission = {.model = g->model,
                                      .priority = first->priority,
                                      .deadline_ns = deadline_of(&service->models[g->model], first, now_ns),
                                      .standard = first->standard_path};
    bt_status status = bt_batcher_submit_all(service->batcher, now_ns, &submission, g->count, g->tickets);
    for (int i = 0; i < g->count && status == BT_OK; i++) {
        bt_waiting_request *waiting = &service->requests[service->first_free];
        service->first_free = waiting->next_free;
        waiting->request = g->requests[i];
        waiting->answer = g->answer;
        waiting->context = g->contexts[i];
        waiting->submitted_ns = now_ns;
    }
    return status;
}

static bt_status fail_refused(const char *name, int count, int queue_room, bt_status status,
                              bt_error *error) {
    if (status == BT_QUEUE_FULL && count > 1)
        return bt_fail(error, status, "%s: the queue has no room for %d more (max_queue_size %d)", name,
                       count, queue_room);
    if (status == BT_QUEUE_FULL)
        return bt_fail(error, status, "%s: the queue is full (max_queue_size %d)", name, queue_room);
    if (status == BT_TIMEOUT)
        return bt_fail(error, status, "%s: the deadline could not be kept behind what is waiting", name);
    return bt_fail(error, BT_CLOSED, "the service does not run");
}

bt_status bt_serving_check_room(bt_service *service, int index, bt_error *error) {
    bt_batcher_counts counts = {0};
    pthread_mutex_lock(&service->lock);
    if (service->batcher) bt_batcher_count(service->batcher, index, &counts);
    const int most = service->models[index].live.max_queue_size;
    pthread_mutex_unlock(&service->lock);
    if (counts.waiting < most) return BT_OK;
    return fail_refused(service->models[index].name, 1, most, BT_QUEUE_FULL, error);
}

/* They have been checked. */
static bt_status submit(bt_service *service, const group *g, bt_error *error) {
    bt_delivery deliveries[BT_DELIVERIES_AT_ONCE];
    bt_wakes wakes;
    bt_wakes_none(&wakes);
    bt_service_lock(service);
    int64_t now_ns = bt_clock_now_ns();
    bt_status status = enqueue(service, g, now_ns);
    int count = 0, queue_room = service->models[g->model].live.max_queue_size;
    if (service->phase == BT_PHASE_RUNNING)
        count = bt_pump(service, now_ns, NULL, deliveries, BT_DELIVERIES_AT_ONCE, &wakes);
    pthread_mutex_unlock(&service->lock);
    bt_wake_all(service, &wakes);
    bt_deliver(service, deliveries, count, NULL);
    if (count == BT_DELIVERIES_AT_ONCE) bt_pump_and_deliver(service);
    if (status == BT_OK) return BT_OK;
    return fail_refused(service->models[g->model].name, g->count, queue_room, status, error);
}

bt_status bt_serving_submit_all(bt_service *service, const bt_request *requests, int count, bt_answer answer,
                                void *const *contexts, uint64_t *tickets, bt_error *error) {
    group g = {.requests = requests,
               .count = count,
               .model = -1,
               .answer = answer,
               .contexts = contexts,
               .tickets = tickets};
    for (int i = 0; i < count; i++) {
        bt_status status = check(service, &requests[i], &g.model, error);
        if (status != BT_OK) return status;
    }
    return submit(service, &g, error);
}

bt_status bt_service_submit(bt_service *service, const bt_request *request, bt_answer answer, void *context,
                            uint64_t *ticket, bt_error *error) {
    uint64_t number;
    if (!answer) return bt_fail(error, BT_INVALID, "there is nobody to answer to");
    return bt_serving_submit_all(service, request, 1, answer, &context, ticket ? ticket : &number, error);
}

bt_status bt_service_cancel(bt_service *service, uint64_t ticket, bt_error *error) {
    if (!service) return bt_fail(error, BT_INVALID, "there is no service");
    pthread_mutex_lock(&service->lock);
    bool found = service->batcher && bt_batcher_cancel(service->batcher, bt_clock_now_ns(), ticket);
    pthread_mutex_unlock(&service->lock);
    if (!found)
        return bt_fail(error, BT_INVALID, "request %llu has been answered, or never was",
                       (unsigned long long)ticket);
    bt_pump_and_deliver(service);
    return BT_OK;
}

/* ---- waiting ---- */

typedef struct bt_waiter {
    atomic_uint done;
    bt_result result;
    bt_error error;
    bt_status status;
} bt_waiter;

static void wake_waiter(void *context, const bt_result *result, const bt_error *error) {
    bt_waiter *waiter = context;
    waiter->result = *result;
    waiter->status = error ? error->status : BT_OK;
    if (error) waiter->error = *error;
    /* the waiter may be gone as soon as it sees this: the wake-up goes to an address, not to an object */
    atomic_store(&waiter->done, 1);
    bt_futex_wake(&waiter->done, 1);
}

bt_status bt_service_infer(bt_service *service, const bt_request *request, bt_result *result,
                           bt_error *error) {
    bt_waiter waiter = {.done = 0};
    bt_status status = bt_service_submit(service, request, wake_waiter, &waiter, NULL, error);
    if (status != BT_OK) return status;
    bt_futex_spin(&waiter.done, 0, service->spin_ns);
    while (!atomic_load(&waiter.done))
        bt_futex_wait(&waiter.done, 0, BT_NEVER_NS);
    if (result) *result = waiter.result;
    if (waiter.status != BT_OK && error) *error = waiter.error;
    return waiter.status;
}
