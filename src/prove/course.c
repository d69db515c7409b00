#include "prove/course.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/array.h"
#include "base/clock.h"

static int64_t whole_seconds(int64_t ns) {
    return (ns + BT_NS_PER_S - 1) / BT_NS_PER_S;
}

/* `shift_ns` brings the segment's clock to where it stands in the row. A request without an answer has no
 * time of one. */
static bt_status add_requests(bt_request_log *log, const bt_request_log *segment, int64_t shift_ns,
                              bt_error *error) {
    bt_sent_request *grown =
        bt_array_grow(log->requests, (size_t)log->count, (size_t)segment->count, NULL, sizeof *grown);
    if (!grown) return bt_no_memory(error, "a scenario's requests");
    log->requests = grown;
    for (int64_t i = 0; i < segment->count; i++) {
        bt_sent_request request = segment->requests[i];
        request.intended_ns += shift_ns;
        request.sent_ns += shift_ns;
        if (request.answered_ns > 0) request.answered_ns += shift_ns;
        log->requests[log->count++] = request;
    }
    return BT_OK;
}

/* Seconds of which nothing was noted, between the last of one segment and the first of the next,
 * are unknown. */
static bt_status add_seconds(bt_request_log *log, const bt_request_log *segment, int64_t from,
                             bt_error *error) {
    int64_t missing = from > log->second_count ? from - log->second_count : 0;
    bt_load_second *grown = bt_array_grow(log->seconds, (size_t)log->second_count,
                                          (size_t)(missing + segment->second_count), NULL, sizeof *grown);
    if (!grown) return bt_no_memory(error, "a scenario's seconds");
    log->seconds = grown;
    for (int64_t i = 0; i < missing; i++)
        log->seconds[log->second_count++] = (bt_load_second){NAN, NAN};
    int known = log->second_count - (int)from; /* the watcher noted one second too many */
    for (int i = known > 0 ? known : 0; i < segment->second_count; i++)
        log->seconds[log->second_count++] = segment->seconds[i];
    return BT_OK;
}

static bt_status add_schedule(bt_schedule *whole, const bt_schedule *segment, int64_t from_ns,
                              bt_error *error) {
    int64_t *grown =
        bt_array_grow(whole->arrivals_ns, (size_t)whole->count, (size_t)segment->count, NULL, sizeof *grown);
    if (!grown) return bt_no_memory(error, "a scenario's arrivals");
    whole->arrivals_ns = grown;
    for (int64_t i = 0; i < segment->count; i++)
        whole->arrivals_ns[whole->count++] = from_ns + segment->arrivals_ns[i];
    whole->duration_ns = from_ns + segment->duration_ns;
    return BT_OK;
}

bt_status bt_course_add(bt_course *course, const bt_request_log *segment, const bt_schedule *schedules,
                        int part_count, int64_t duration_ns, bt_error *error) {
    bt_request_log *log = &course->log;
    if (course->looks == 0) log->start_ns = log->end_ns = segment->start_ns;
    int64_t from = whole_seconds(log->end_ns - log->start_ns); /* the second in which this one begins */
    int64_t shift_ns = log->start_ns + from * BT_NS_PER_S - segment->start_ns;
    course->part_count = part_count;
    bt_status status = add_requests(log, segment, shift_ns, error);
    if (status == BT_OK) status = add_seconds(log, segment, from, error);
    for (int i = 0; i < part_count && status == BT_OK; i++)
        status = add_schedule(&course->schedules[i], &schedules[i], course->duration_ns, error);
    if (status != BT_OK) return status;
    log->end_ns = segment->end_ns + shift_ns;
    log->lost += segment->lost;
    bt_throttling_add(&log->throttling, &segment->throttling);
    log->interrupted = log->interrupted || segment->interrupted;
    course->duration_ns += duration_ns;
    course->looks++;
    return BT_OK;
}

void bt_course_close(bt_course *course) {
    free(course->log.requests);
    free(course->log.seconds);
    for (int i = 0; i < course->part_count; i++)
        bt_schedule_close(&course->schedules[i]);
    *course = (bt_course){0};
}
