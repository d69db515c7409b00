#include "batcher-trace.h"

#include <stdlib.h>
#include <string.h>

#include "base/array.h"

void trace_clear(trace *t) {
    t->model_count = t->instance_count = t->request_count = 0;
    t->event_count = t->expectation_count = 0;
}

void trace_close(trace *t) {
    free(t->events);
    free(t->expectations);
    *t = (trace){0};
}

/* Room for `more`, or the end of the test: there is nothing to try without memory. */
static void *grown(void *items, size_t count, size_t more, size_t *room, size_t item_size) {
    void *array = bt_array_grow(items, count, more, room, item_size);
    if (!array) abort();
    return array;
}

void trace_add_event(trace *t, const trace_event *event) {
    t->events = grown(t->events, t->event_count, 1, &t->event_room, sizeof *t->events);
    trace_event *added = &t->events[t->event_count++];
    *added = *event;
    if (event->kind == TRACE_SUBMIT) added->request = t->request_count++;
}

void trace_add_expectation(trace *t, const trace_expectation *expectation) {
    t->expectations =
        grown(t->expectations, t->expectation_count, 1, &t->expectation_room, sizeof *t->expectations);
    t->expectations[t->expectation_count++] = *expectation;
}

void trace_copy(trace *to, const trace *from) {
    trace_clear(to);
    memcpy(to->models, from->models, sizeof to->models);
    memcpy(to->instances, from->instances, sizeof to->instances);
    to->model_count = from->model_count;
    to->instance_count = from->instance_count;
    for (size_t i = 0; i < from->event_count; i++)
        trace_add_event(to, &from->events[i]);
    for (size_t i = 0; i < from->expectation_count; i++)
        trace_add_expectation(to, &from->expectations[i]);
}

bt_batcher_model trace_plain_model(const bt_ladder *ladder) {
    bt_batcher_model model = {
        .max_batch_size = bt_ladder_largest(ladder), .max_queue_size = 64, .breaker = BT_BREAKER_DEFAULT};
    model.ladder = *ladder;
    model.ladder.standard_ns = ladder->service_ns[0];
    return model;
}
