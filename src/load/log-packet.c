#include "load/log-packet.h"

#include <limits.h>
#include <math.h>
#include <stdlib.h>

#define REQUEST_NUMBERS 12 /* of one request */
#define SECOND_NUMBERS  2

/* ---- as a message ---- */

static void put_request(bt_packet *packet, const bt_sent_request *request) {
    bt_packet_put(packet, request->intended_ns);
    bt_packet_put(packet, request->sent_ns);
    bt_packet_put(packet, request->answered_ns);
    bt_packet_put(packet, request->stream);
    bt_packet_put(packet, request->input);
    bt_packet_put(packet, request->queue_ns);
    bt_packet_put(packet, request->preprocess_ns);
    bt_packet_put(packet, request->service_ns);
    bt_packet_put(packet, request->deliver_ns);
    bt_packet_put(packet, request->status);
    bt_packet_put(packet, (int64_t)request->batch_size << 16 | request->run_size);
    bt_packet_put(packet, request->fallback | request->refused << 1);
}

bt_status bt_request_log_write(const bt_request_log *log, uint32_t run, bt_packet *packet, bt_error *error) {
    bt_packet_begin(packet, BT_PACKET_LOG, run);
    bt_packet_put(packet, log->start_ns);
    bt_packet_put(packet, log->end_ns);
    bt_packet_put(packet, log->lost);
    bt_packet_put(packet, log->interrupted);
    bt_packet_put_double(packet, log->throttling.quota_cpus);
    bt_packet_put(packet, log->throttling.quota_periods);
    bt_packet_put(packet, log->throttling.throttled_periods);
    bt_packet_put_double(packet, log->throttling.throttled_s);
    bt_packet_put(packet, log->second_count);
    for (int i = 0; i < log->second_count; i++) {
        bt_packet_put_double(packet, log->seconds[i].canary_ms);
        bt_packet_put_double(packet, log->seconds[i].others_cores);
    }
    bt_packet_put(packet, log->count);
    for (int64_t i = 0; i < log->count; i++)
        put_request(packet, &log->requests[i]);
    return bt_packet_done(packet, error);
}

static void take_request(bt_packet_reader *reader, bt_sent_request *out, int stream_count) {
    out->intended_ns = bt_packet_take(reader, INT64_MIN, INT64_MAX);
    out->sent_ns = bt_packet_take(reader, INT64_MIN, INT64_MAX);
    out->answered_ns = bt_packet_take(reader, INT64_MIN, INT64_MAX);
    out->stream = (int32_t)bt_packet_take(reader, 0, stream_count - 1);
    out->input = (int32_t)bt_packet_take(reader, 0, INT32_MAX);
    out->queue_ns = bt_packet_take(reader, 0, INT64_MAX);
    out->preprocess_ns = bt_packet_take(reader, 0, INT64_MAX);
    out->service_ns = bt_packet_take(reader, 0, INT64_MAX);
    out->deliver_ns = bt_packet_take(reader, 0, INT64_MAX);
    out->status = (bt_status)bt_packet_take(reader, BT_OK, BT_NOT_WRITTEN);
    const int64_t sizes = bt_packet_take(reader, 0, INT32_MAX);
    out->batch_size = (int16_t)(sizes >> 16);
    out->run_size = (int16_t)(sizes & INT16_MAX);
    const int64_t marks = bt_packet_take(reader, 0, 3);
    out->fallback = (marks & 1) != 0;
    out->refused = (marks & 2) != 0;
}

static void take_head(bt_packet_reader *reader, bt_request_log *out) {
    out->start_ns = bt_packet_take(reader, INT64_MIN, INT64_MAX);
    out->end_ns = bt_packet_take(reader, out->start_ns, INT64_MAX);
    out->lost = bt_packet_take(reader, 0, INT64_MAX);
    out->interrupted = bt_packet_take(reader, 0, 1) != 0;
    out->throttling.quota_cpus = bt_packet_take_double(reader);
    out->throttling.quota_periods = bt_packet_take(reader, 0, INT64_MAX);
    out->throttling.throttled_periods = bt_packet_take(reader, 0, INT64_MAX);
    out->throttling.throttled_s = bt_packet_take_double(reader);
}

/* Requests without an answer are as many as it says. */
static bool counts_its_losses(const bt_request_log *log) {
    int64_t lost = 0;
    for (int64_t i = 0; i < log->count; i++)
        lost += log->requests[i].answered_ns == 0;
    return log->lost <= lost;
}

bt_status bt_request_log_read(bt_request_log **out, int stream_count, bt_packet_reader *reader,
                              bt_error *error) {
    bt_request_log head = {0};
    *out = NULL;
    take_head(reader, &head);
    const int64_t seconds = bt_packet_take_count(reader, SECOND_NUMBERS * sizeof(int64_t));
    const size_t seconds_at = reader->at;
    if (!reader->failed) reader->at += (size_t)seconds * SECOND_NUMBERS * sizeof(int64_t);
    const int64_t count = bt_packet_take_count(reader, REQUEST_NUMBERS * sizeof(int64_t));
    if (reader->failed || seconds > INT_MAX) return bt_packet_end(reader, error);
    bt_status status = bt_request_log_open(out, count, (int)seconds, error);
    if (status != BT_OK) return status;
    bt_request_log *log = *out;
    head.requests = log->requests;
    head.seconds = log->seconds;
    *log = head;
    log->count = count;
    log->second_count = (int)seconds;
    bt_packet_reader of_seconds = {.bytes = reader->bytes, .size = reader->size, .at = seconds_at};
    for (int i = 0; i < log->second_count; i++) {
        log->seconds[i].canary_ms = bt_packet_take_double(&of_seconds);
        log->seconds[i].others_cores = bt_packet_take_double(&of_seconds);
    }
    for (int64_t i = 0; i < count; i++)
        take_request(reader, &log->requests[i], stream_count);
    status = bt_packet_end(reader, error);
    if (status == BT_OK && !counts_its_losses(log))
        status =
            bt_fail(error, BT_PARSE, "a sender's log tells of more requests without an answer than it has");
    if (status != BT_OK) bt_request_log_close(out);
    return status;
}

/* ---- together ---- */

typedef struct place {
    int64_t intended_ns, index;
    int part;
} place;

static int by_arrival(const void *a, const void *b) {
    const place *x = a, *y = b;
    if (x->intended_ns != y->intended_ns) return x->intended_ns < y->intended_ns ? -1 : 1;
    if (x->part != y->part) return x->part - y->part;
    return x->index < y->index ? -1 : x->index > y->index;
}

static bt_status find_places(place **out, const bt_request_log_part *parts, int count, int64_t total,
                             bt_error *error) {
    place *places = malloc((size_t)(total + 1) * sizeof *places);
    *out = places;
    if (!places) return bt_no_memory(error, "the order of %lld requests", (long long)total);
    int64_t n = 0;
    for (int p = 0; p < count; p++)
        for (int64_t i = 0; parts[p].log && i < parts[p].log->count; i++)
            places[n++] =
                (place){parts[p].log->requests[i].intended_ns + parts[p].offset_ns, .index = i, .part = p};
    qsort(places, (size_t)total, sizeof *places, by_arrival);
    return BT_OK;
}

/* What is not known is no worse than what is. */
static void add_seconds(bt_request_log *out, const bt_request_log *log) {
    for (int i = 0; i < log->second_count; i++) {
        bt_load_second *into = &out->seconds[i];
        into->canary_ms = fmax(into->canary_ms, log->seconds[i].canary_ms);
        into->others_cores = fmax(into->others_cores, log->seconds[i].others_cores);
    }
}

static void add_heads(bt_request_log *out, const bt_request_log_part *parts, int count) {
    bool first = true;
    for (int i = 0; i < out->second_count; i++)
        out->seconds[i] = (bt_load_second){NAN, NAN};
    for (int p = 0; p < count; p++) {
        const bt_request_log *log = parts[p].log;
        if (!log) continue;
        const int64_t start_ns = log->start_ns + parts[p].offset_ns,
                      end_ns = log->end_ns + parts[p].offset_ns;
        if (first || start_ns < out->start_ns) out->start_ns = start_ns;
        if (first || end_ns > out->end_ns) out->end_ns = end_ns;
        first = false;
        out->lost += log->lost;
        out->interrupted = out->interrupted || log->interrupted;
        bt_throttling_add(&out->throttling, &log->throttling);
        add_seconds(out, log);
    }
}

static void add_requests(bt_request_log *out, const bt_request_log_part *parts, const place *places,
                         int64_t total) {
    for (int64_t i = 0; i < total; i++) {
        const int64_t offset_ns = parts[places[i].part].offset_ns;
        bt_sent_request request = parts[places[i].part].log->requests[places[i].index];
        request.own = NULL;
        request.intended_ns += offset_ns;
        request.sent_ns += offset_ns;
        if (request.answered_ns != 0) request.answered_ns += offset_ns;
        out->requests[out->count++] = request;
    }
}

bt_status bt_request_log_merge(bt_request_log **out, const bt_request_log_part *parts, int count,
                               bt_error *error) {
    int64_t total = 0;
    int seconds = 0;
    place *places = NULL;
    for (int p = 0; p < count; p++) {
        if (!parts[p].log) continue;
        total += parts[p].log->count;
        if (parts[p].log->second_count > seconds) seconds = parts[p].log->second_count;
    }
    bt_status status = bt_request_log_open(out, total, seconds, error);
    if (status == BT_OK) status = find_places(&places, parts, count, total, error);
    if (status == BT_OK) {
        (*out)->second_count = seconds;
        add_heads(*out, parts, count);
        add_requests(*out, parts, places, total);
    } else {
        bt_request_log_close(out);
    }
    free(places);
    return status;
}
