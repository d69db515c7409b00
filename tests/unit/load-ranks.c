/* One load that several senders send: whatever their number, their shares are the one sender's schedule, and their logs
 * put together are the one sender's log. What comes over the network broken is refused. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>
#include <math.h>
#include <string.h>

#include "base/clock.h"
#include "base/random.h"
#include "expect.h"
#include "load/log-packet.h"
#include "load/share.h"
#include "measure/histogram.h"
#include "prove/sum.h"

#define MS(t)  ((int64_t)(t)*BT_NS_PER_MS)
#define SEEDS  5
#define PARTS  7
#define START  (1000 * BT_NS_PER_S)
#define INPUTS 3

static const double weights[INPUTS] = {1, 2, 5};
static const int32_t subjects[] = {4, 2};

/* Two models' arrivals: at random, and in bursts of five at once. */
typedef struct whole {
    bt_schedule schedules[2];
    bt_stream streams[2];
    bt_load_options options;
} whole;

static void open_whole(whole *w, uint64_t seed) {
    const bt_schedule_options shapes[] = {
        {.shape = BT_SHAPE_POISSON, .rate_rps = 300, .duration_ns = BT_NS_PER_S, .seed = seed},
        {.shape = BT_SHAPE_BURST, .burst_size = 5, .burst_interval_ns = MS(130), .duration_ns = BT_NS_PER_S}};
    bt_error error;
    for (int i = 0; i < 2; i++) {
        if (bt_schedule_open(&w->schedules[i], &shapes[i], &error) != BT_OK) fail_msg("%s", error.message);
        w->streams[i] = (bt_stream){.schedule = &w->schedules[i], .input_count = INPUTS};
    }
    w->streams[0].weights = weights;
    w->options = (bt_load_options){.streams = w->streams,
                                   .stream_count = 2,
                                   .duration_ns = BT_NS_PER_S,
                                   .drain_ns = MS(70),
                                   .seed = seed};
}

static void close_whole(whole *w) {
    bt_schedule_close(&w->schedules[0]);
    bt_schedule_close(&w->schedules[1]);
}

static void cut(bt_share *out, const whole *w, int part, int parts) {
    bt_error error;
    if (bt_share_cut(out, &w->options, subjects, part, parts, &error) != BT_OK) fail_msg("%s", error.message);
}

/* ---- what is sent ---- */

static bt_status answer(void *self, bt_sent_request *request, bt_request_answered answered, void *context) {
    (void)self;
    request->status = BT_OK;
    request->answered_ns = request->sent_ns + 1;
    answered(context, request);
    return BT_OK;
}

/* What one sender sends, as it sends it: the past's schedule goes out at once. */
static bt_request_log *sent_by_one(const whole *w) {
    bt_load_options options = w->options;
    bt_request_log *log;
    bt_error error;
    options.target = (bt_target){.submit = answer};
    options.start_ns = 1;
    if (bt_load_run(&log, &options, &error) != BT_OK) fail_msg("%s", error.message);
    return log;
}

static int by_place(const void *a, const void *b) {
    const bt_sent_request *x = a, *y = b;
    if (x->intended_ns != y->intended_ns) return x->intended_ns < y->intended_ns ? -1 : 1;
    if (x->stream != y->stream) return x->stream - y->stream;
    return x->input - y->input;
}

/* The requests of all shares, as a list. */
static bt_sent_request *requests_of(const whole *w, int parts, int64_t *count) {
    bt_sent_request *all = calloc(10000, sizeof *all);
    *count = 0;
    for (int part = 0; part < parts; part++) {
        bt_share share;
        cut(&share, w, part, parts);
        for (int s = 0; s < share.stream_count; s++)
            for (int64_t i = 0; i < share.streams[s].schedule.count; i++)
                all[(*count)++] =
                    (bt_sent_request){.intended_ns = 1 + share.streams[s].schedule.arrivals_ns[i],
                                      .stream = s,
                                      .input = share.streams[s].inputs[i]};
        bt_share_close(&share);
    }
    qsort(all, (size_t)*count, sizeof *all, by_place);
    return all;
}

static void all_shares_together_are_what_one_sender_sends(void **state) {
    (void)state;
    for (uint64_t seed = 1; seed <= SEEDS; seed++) {
        whole w;
        open_whole(&w, seed);
        bt_request_log *one = sent_by_one(&w);
        qsort(one->requests, (size_t)one->count, sizeof *one->requests, by_place);
        for (int parts = 1; parts <= PARTS; parts++) {
            int64_t count;
            bt_sent_request *all = requests_of(&w, parts, &count);
            assert_int_equal(count, one->count);
            for (int64_t i = 0; i < count; i++)
                assert_int_equal(by_place(&all[i], &one->requests[i]), 0);
            free(all);
        }
        bt_request_log_close(&one);
        close_whole(&w);
    }
}

static void shares_are_alike_in_size_and_every_burst_is_shared_out(void **state) {
    (void)state;
    whole w;
    open_whole(&w, 1);
    for (int parts = 1; parts <= PARTS; parts++)
        for (int part = 0; part < parts; part++) {
            bt_share share;
            cut(&share, &w, part, parts);
            for (int s = 0; s < 2; s++) {
                const int64_t fair = w.schedules[s].count / parts;
                assert_in_range(share.streams[s].schedule.count, fair, fair + 1);
            }
            int64_t first_burst = 0;
            while (share.streams[1].schedule.arrivals_ns[first_burst] == 0)
                first_burst++;
            const int place =
                (part - 1 + parts) % parts; /* the second stream begins with the second sender */
            assert_int_equal(first_burst, (5 + parts - 1 - place) / parts);
            assert_int_equal(share.streams[0].subject, 4);
            bt_share_close(&share);
        }
    close_whole(&w);
}

static void clients_of_a_closed_loop_are_dealt_out_whole(void **state) {
    (void)state;
    const bt_stream streams[] = {{.clients = 5, .clients_count = 12, .input_count = 1},
                                 {.clients = 1, .input_count = 1}};
    const bt_load_options options = {.streams = streams, .stream_count = 2, .duration_ns = BT_NS_PER_S};
    for (int parts = 1; parts <= PARTS; parts++) {
        int clients = 0, lone = 0;
        int64_t count = 0;
        for (int part = 0; part < parts; part++) {
            bt_share share;
            bt_stream own[BT_LOAD_STREAMS_MAX];
            bt_error error;
            assert_int_equal(bt_share_cut(&share, &options, subjects, part, parts, &error), BT_OK);
            clients += share.streams[0].clients;
            lone += share.streams[1].clients;
            if (share.streams[0].clients > 0) count += share.streams[0].clients_count;
            bt_share_streams(&share, own); /* whoever has no client has an empty schedule */
            assert_int_equal(own[0].clients > 0, own[0].schedule == NULL);
            bt_share_close(&share);
        }
        assert_int_equal(clients, 5);
        assert_int_equal(lone, 1);
        assert_int_equal(count, 12);
    }
}

/* ---- messages ---- */

static void a_share_comes_back_as_it_was(void **state) {
    (void)state;
    whole w;
    bt_share share, again;
    bt_packet packet = {0};
    bt_packet_reader reader;
    bt_error error;
    open_whole(&w, 3);
    cut(&share, &w, 1, 3);
    assert_int_equal(bt_share_write(&share, 7, &packet, &error), BT_OK);
    assert_int_equal(bt_packet_open(&reader, packet.bytes, packet.size, &error), BT_OK);
    assert_int_equal(reader.kind, BT_PACKET_SHARE);
    assert_int_equal(reader.run, 7);
    assert_int_equal(bt_share_read(&again, &reader, &error), BT_OK);
    assert_int_equal(again.stream_count, 2);
    assert_int_equal(again.duration_ns, BT_NS_PER_S);
    assert_int_equal(again.drain_ns, MS(70));
    for (int s = 0; s < 2; s++) {
        const bt_share_stream *a = &share.streams[s], *b = &again.streams[s];
        assert_int_equal(a->subject, b->subject);
        assert_int_equal(a->schedule.count, b->schedule.count);
        assert_memory_equal(a->schedule.arrivals_ns, b->schedule.arrivals_ns,
                            (size_t)a->schedule.count * sizeof(int64_t));
        assert_memory_equal(a->inputs, b->inputs, (size_t)a->schedule.count * sizeof(int32_t));
    }
    for (size_t size = 0; size < packet.size; size++) { /* cut anywhere */
        bt_share broken = {0};
        bt_status status = bt_packet_open(&reader, packet.bytes, size, &error);
        if (status == BT_OK) status = bt_share_read(&broken, &reader, &error);
        assert_int_equal(status, BT_PARSE);
        bt_share_close(&broken);
    }
    bt_share_close(&share);
    bt_share_close(&again);
    bt_packet_close(&packet);
    close_whole(&w);
}

/* A log with something in every place, by a clock that is off. */
static bt_request_log *made_log(uint64_t seed, int part, int parts, int64_t offset_ns) {
    bt_random random = bt_random_stream(seed, "load-ranks/log");
    bt_request_log *log;
    bt_error error;
    if (bt_request_log_open(&log, 400, 3, &error) != BT_OK) fail_msg("%s", error.message);
    log->start_ns = log->end_ns = START + offset_ns;
    for (int i = 0; i < 400; i++) {
        const int64_t queue_ns = (int64_t)bt_random_below(&random, MS(9));
        const int64_t took_ns = MS(4) + (int64_t)(bt_random_exponential(&random) * (double)MS(6));
        const bool lost = bt_random_below(&random, 50) == 0, refused = bt_random_below(&random, 30) == 0;
        bt_sent_request *request = &log->requests[log->count];
        if (i % parts != part) continue;
        log->count++;
        *request = (bt_sent_request){.intended_ns = START + offset_ns + MS(5 * i),
                                     .sent_ns = START + offset_ns + MS(5 * i) + 20000,
                                     .answered_ns = START + offset_ns + MS(5 * i) + queue_ns + took_ns,
                                     .stream = i % 2,
                                     .input = i % 5,
                                     .queue_ns = queue_ns,
                                     .service_ns = took_ns,
                                     .preprocess_ns = 3,
                                     .deliver_ns = 2,
                                     .batch_size = (int16_t)(1 + i % 8),
                                     .run_size = 8,
                                     .fallback = i % 9 == 0};
        if (refused) request->status = BT_QUEUE_FULL, request->refused = true;
        if (lost) request->status = BT_TIMEOUT, request->answered_ns = 0, log->lost++;
        if (request->answered_ns > log->end_ns) log->end_ns = request->answered_ns;
    }
    log->second_count = 2 + (part == 0);
    for (int i = 0; i < log->second_count; i++)
        log->seconds[i] = (bt_load_second){.canary_ms = 1 + part + i, .others_cores = i == 1 ? NAN : 0.25};
    log->throttling = (bt_throttling){.quota_cpus = 2, .quota_periods = 10, .throttled_periods = part};
    return log;
}

static void write_log(const bt_request_log *log, bt_packet *packet) {
    bt_error error;
    *packet = (bt_packet){0};
    if (bt_request_log_write(log, 3, packet, &error) != BT_OK) fail_msg("%s", error.message);
}

static bt_status read_log(bt_request_log **out, const void *bytes, size_t size, int streams,
                          bt_error *error) {
    bt_packet_reader reader;
    *out = NULL;
    bt_status status = bt_packet_open(&reader, bytes, size, error);
    return status == BT_OK ? bt_request_log_read(out, streams, &reader, error) : status;
}

static void a_log_comes_back_as_it_was(void **state) {
    (void)state;
    bt_request_log *log = made_log(1, 0, 1, 0), *again;
    bt_packet packet;
    bt_error error;
    write_log(log, &packet);
    assert_int_equal(read_log(&again, packet.bytes, packet.size, 2, &error), BT_OK);
    assert_int_equal(again->count, log->count);
    assert_int_equal(again->lost, log->lost);
    assert_true(log->lost > 0);
    assert_int_equal(again->start_ns, log->start_ns);
    assert_int_equal(again->end_ns, log->end_ns);
    assert_int_equal(again->second_count, 3);
    assert_true(again->seconds[2].canary_ms == 3 && isnan(again->seconds[1].others_cores));
    assert_int_equal(again->throttling.quota_periods, 10);
    for (int64_t i = 0; i < log->count; i++) {
        const bt_sent_request *a = &log->requests[i], *b = &again->requests[i];
        assert_int_equal(a->intended_ns, b->intended_ns);
        assert_int_equal(a->sent_ns, b->sent_ns);
        assert_int_equal(a->answered_ns, b->answered_ns);
        assert_int_equal(a->queue_ns + a->deliver_ns, b->queue_ns + b->deliver_ns);
        assert_int_equal(a->service_ns + a->preprocess_ns, b->service_ns + b->preprocess_ns);
        assert_int_equal(a->stream * 100 + a->input, b->stream * 100 + b->input);
        assert_int_equal(a->batch_size * 100 + a->run_size, b->batch_size * 100 + b->run_size);
        assert_int_equal(a->status, b->status);
        assert_true(a->refused == b->refused && a->fallback == b->fallback);
    }
    bt_request_log_close(&again);
    bt_request_log_close(&log);
    bt_packet_close(&packet);
}

static void a_message_that_breaks_off_is_refused(void **state) {
    (void)state;
    bt_request_log *log = made_log(2, 0, 21, 0), *again;
    bt_packet packet;
    bt_error error;
    write_log(log, &packet);
    for (size_t size = 0; size < packet.size; size++) {
        uint8_t *exact = malloc(size + 1); /* so that a sanitizer sees whoever reads on */
        memcpy(exact, packet.bytes, size);
        assert_int_equal(read_log(&again, exact, size, 2, &error), BT_PARSE);
        assert_null(again);
        free(exact);
    }
    bt_packet_put(&packet, 0); /* and one that goes on */
    assert_int_equal(read_log(&again, packet.bytes, packet.size, 2, &error), BT_PARSE);
    says(error.message, "should end at byte");
    bt_request_log_close(&log);
    bt_packet_close(&packet);
}

static void what_cannot_be_is_refused(void **state) {
    (void)state;
    bt_request_log *log = made_log(2, 0, 21, 0), *again;
    bt_packet packet;
    bt_error error;
    write_log(log, &packet);
    assert_int_equal(read_log(&again, packet.bytes, packet.size, 1, &error),
                     BT_PARSE); /* a stream too many */
    bt_random random = bt_random_stream(4, "load-ranks/mutations");
    for (int i = 0; i < 20000; i++) { /* whatever a byte becomes, it is read or refused */
        const size_t at = (size_t)bt_random_below(&random, packet.size);
        const uint8_t was = packet.bytes[at];
        packet.bytes[at] = (uint8_t)bt_random_next(&random);
        const bt_status status = read_log(&again, packet.bytes, packet.size, 2, &error);
        assert_true(status == BT_OK || status == BT_PARSE);
        bt_request_log_close(&again);
        packet.bytes[at] = was;
    }
    packet.bytes[4]++;
    assert_int_equal(read_log(&again, packet.bytes, packet.size, 2, &error), BT_PARSE);
    says(error.message, "all senders must be of one version");
    packet.bytes[0]++;
    assert_int_equal(read_log(&again, packet.bytes, packet.size, 2, &error), BT_PARSE);
    says(error.message, "no message of a sender");
    bt_request_log_close(&log);
    bt_packet_close(&packet);
}

/* ---- together ---- */

static bt_load_part summed(const bt_request_log *log, int stream) {
    bt_load_part part = {.rate_rps = 7};
    const bt_look look = bt_looks_at(0, 1);
    bt_error error;
    if (bt_sum_part(&part, log, stream, &look, &error) != BT_OK) fail_msg("%s", error.message);
    return part;
}

static void expect_same_sums(const bt_request_log *a, const bt_request_log *b) {
    for (int stream = 0; stream < 2; stream++) {
        bt_load_part x = summed(a, stream), y = summed(b, stream);
        assert_int_equal(x.sent, y.sent);
        assert_int_equal(x.ok, y.ok);
        assert_int_equal(x.lost, y.lost);
        assert_int_equal(x.rejected_full, y.rejected_full);
        assert_memory_equal(x.batches, y.batches, sizeof x.batches);
        assert_memory_equal(&x.latency, &y.latency, sizeof x.latency);
        assert_true(x.queue_p95_ms == y.queue_p95_ms && x.mean_batch_size == y.mean_batch_size);
        assert_int_equal(x.latency_count, y.latency_count);
        assert_memory_equal(x.latencies_ms, y.latencies_ms, (size_t)x.latency_count * sizeof(double));
        free(x.latencies_ms), free(x.bins), free(y.latencies_ms), free(y.bins);
    }
}

/* Through messages, by clocks that are off by different amounts, in whatever order. */
static bt_request_log *merged(uint64_t seed, int parts) {
    bt_request_log_part logs[PARTS];
    bt_request_log *own[PARTS], *out;
    bt_error error;
    for (int part = 0; part < parts; part++) {
        const int64_t offset_ns = MS(777) * part * (part % 2 ? 1 : -1);
        bt_request_log *made = made_log(seed, part, parts, offset_ns);
        bt_packet packet;
        write_log(made, &packet);
        if (read_log(&own[part], packet.bytes, packet.size, 2, &error) != BT_OK)
            fail_msg("%s", error.message);
        logs[parts - 1 - part] = (bt_request_log_part){own[part], -offset_ns};
        bt_packet_close(&packet);
        bt_request_log_close(&made);
    }
    if (bt_request_log_merge(&out, logs, parts, &error) != BT_OK) fail_msg("%s", error.message);
    for (int part = 0; part < parts; part++)
        bt_request_log_close(&own[part]);
    return out;
}

static void logs_put_together_are_the_one_senders_log(void **state) {
    (void)state;
    for (uint64_t seed = 1; seed <= SEEDS; seed++) {
        bt_request_log *one = made_log(seed, 0, 1, 0);
        for (int parts = 1; parts <= PARTS; parts++) {
            bt_request_log *all = merged(seed, parts);
            assert_int_equal(all->count, one->count);
            assert_int_equal(all->lost, one->lost);
            assert_int_equal(all->start_ns, one->start_ns);
            assert_int_equal(all->end_ns, one->end_ns);
            for (int64_t i = 0; i < all->count; i++)
                assert_int_equal(all->requests[i].intended_ns, one->requests[i].intended_ns);
            expect_same_sums(all, one);
            assert_int_equal(all->second_count, 3);
            assert_true(all->seconds[1].canary_ms == parts + 1); /* the worst that anybody saw */
            assert_true(isnan(all->seconds[1].others_cores) && all->seconds[0].others_cores == 0.25);
            bt_request_log_close(&all);
        }
        bt_request_log_close(&one);
    }
}

static void record_latencies(bt_histogram *histogram, const bt_request_log *log) {
    for (int64_t i = 0; i < log->count; i++)
        if (log->requests[i].answered_ns > 0)
            bt_histogram_record(histogram, log->requests[i].answered_ns - log->requests[i].intended_ns);
}

static void histograms_of_shares_add_up_to_that_of_all(void **state) {
    (void)state;
    bt_histogram *of_shares, *of_one, *of_all;
    bt_error error;
    const bt_histogram_options options = BT_HISTOGRAM_LATENCY;
    assert_int_equal(bt_histogram_open(&of_one, &options, &error), BT_OK);
    assert_int_equal(bt_histogram_open(&of_shares, &options, &error), BT_OK);
    assert_int_equal(bt_histogram_open(&of_all, &options, &error), BT_OK);
    for (int part = 0; part < 3; part++) {
        bt_histogram *own;
        bt_request_log *log = made_log(1, part, 3, 0);
        assert_int_equal(bt_histogram_open(&own, &options, &error), BT_OK);
        record_latencies(own, log);
        assert_int_equal(bt_histogram_merge(of_shares, own, &error), BT_OK);
        bt_histogram_close(&own);
        bt_request_log_close(&log);
    }
    bt_request_log *one = made_log(1, 0, 1, 0), *all = merged(1, 3);
    record_latencies(of_one, one);
    record_latencies(of_all, all);
    bt_histogram_cursor a = {0}, b = {0}, c = {0};
    while (bt_histogram_next(of_one, &a)) {
        assert_true(bt_histogram_next(of_shares, &b) && bt_histogram_next(of_all, &c));
        assert_true(a.lowest == b.lowest && a.lowest == c.lowest);
        assert_true(a.count == b.count && a.count == c.count);
    }
    assert_false(bt_histogram_next(of_shares, &b));
    bt_request_log_close(&one), bt_request_log_close(&all);
    bt_histogram_close(&of_one), bt_histogram_close(&of_shares), bt_histogram_close(&of_all);
}

static void a_sender_that_is_gone_leaves_the_others_as_they_are(void **state) {
    (void)state;
    bt_request_log *log = made_log(1, 0, 3, 0), *all;
    bt_error error;
    const bt_request_log_part parts[] = {{.log = log}, {.offset_ns = MS(5)}};
    assert_int_equal(bt_request_log_merge(&all, parts, 2, &error), BT_OK);
    assert_int_equal(all->count, 134);
    assert_int_equal(all->lost, log->lost);
    expect_same_sums(all, log);
    bt_request_log_close(&all);
    bt_request_log_close(&log);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(all_shares_together_are_what_one_sender_sends),
        cmocka_unit_test(shares_are_alike_in_size_and_every_burst_is_shared_out),
        cmocka_unit_test(clients_of_a_closed_loop_are_dealt_out_whole),
        cmocka_unit_test(a_share_comes_back_as_it_was),
        cmocka_unit_test(a_log_comes_back_as_it_was),
        cmocka_unit_test(a_message_that_breaks_off_is_refused),
        cmocka_unit_test(what_cannot_be_is_refused),
        cmocka_unit_test(logs_put_together_are_the_one_senders_log),
        cmocka_unit_test(histograms_of_shares_add_up_to_that_of_all),
        cmocka_unit_test(a_sender_that_is_gone_leaves_the_others_as_they_are),
    };
    return cmocka_run_group_tests_name("load-ranks", tests, NULL, NULL);
}
