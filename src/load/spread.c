#include "load/spread.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/program.h"
#include "load/log-packet.h"

/* From agreeing on a time to that time. Raised, each run begins so much later; lowered, a message that is held up
 * makes a sender late from its first request on. */
#define LEAD_NS (200 * BT_NS_PER_MS)

/* How long rank 0 answers questions about the time before it looks who has enough. Longer: where a rank is gone, each
 * comparison takes so long; shorter: on a busy machine looking holds answers up. */
#define ANSWER_MS 300

/* Beyond what a run takes itself: opening targets (pictures are drawn), bringing logs in. Whoever takes longer
 * counts as gone, even if it still says that it is there. */
#define PATIENCE_NS (120 * BT_NS_PER_S)

#define LOOK_MS 100

/* One of the others, in a run. */
typedef struct sender {
    char host[64];
    bool gone; /* for good, even if it is heard again: its share is another's */
    bool awaited;
    int64_t asked; /* requests of its share */
    bool compared;
    bt_ranks_clock_offset clock; /* its own less rank 0's */
    int64_t drift_ns;
    bt_request_log *log;
} sender;

struct bt_spread {
    bt_ranks *ranks;
    int count;
    uint32_t run;
    char own_host[64];
    int stream_count; /* of the run */
    sender senders[BT_LOAD_SENDERS_MAX];
};

/* ---- messages ---- */

/* Whoever cannot be told anything is found to be gone by its silence. */
static void tell(const bt_spread *s, int rank, bt_packet_kind kind, int64_t value) {
    bt_packet packet = {0};
    bt_packet_begin(&packet, kind, s->run);
    bt_packet_put(&packet, value);
    if (bt_packet_done(&packet, NULL) == BT_OK)
        (void)!bt_ranks_send(s->ranks, rank, packet.bytes, packet.size, NULL);
    bt_packet_close(&packet);
}

static void tell_all(const bt_spread *s, bt_packet_kind kind, int64_t value) {
    for (int rank = 1; rank < s->count; rank++)
        if (!s->senders[rank].gone) tell(s, rank, kind, value);
}

static bt_status take_ready(sender *from, bt_packet_reader *reader, bt_error *error) {
    bt_packet_take_text(reader, from->host, sizeof from->host);
    return bt_packet_end(reader, error);
}

/* The second time: how far it has moved since the first. */
static bt_status take_clock(sender *from, bt_packet_reader *reader, bt_error *error) {
    bt_ranks_clock_offset now;
    now.offset_ns = bt_packet_take(reader, INT64_MIN / 2, INT64_MAX / 2);
    now.bound_ns = bt_packet_take(reader, -1, INT64_MAX);
    bt_status status = bt_packet_end(reader, error);
    if (status == BT_OK && now.bound_ns < 0)
        status = bt_fail(error, BT_TIMEOUT, "its clock could not be compared with rank 0's in time");
    if (status != BT_OK) return status;
    if (from->compared)
        from->drift_ns = llabs(now.offset_ns - from->clock.offset_ns) + now.bound_ns;
    else
        from->clock = now;
    from->compared = true;
    return BT_OK;
}

static bt_status take(bt_spread *s, int rank, bt_packet_kind kind, bt_packet_reader *reader,
                      bt_error *error) {
    sender *from = &s->senders[rank];
    char words[BT_ERROR_MESSAGE_SIZE];
    if (reader->run != s->run || (reader->kind != kind && reader->kind != BT_PACKET_REFUSED)) return BT_OK;
    from->awaited = false;
    if (reader->kind == BT_PACKET_REFUSED) {
        const bt_status why = (bt_status)bt_packet_take(reader, BT_INVALID, BT_NOT_WRITTEN);
        bt_packet_take_text(reader, words, sizeof words);
        return bt_fail(error, why == BT_OK ? BT_PARSE : why, "%s", words);
    }
    if (kind == BT_PACKET_READY) return take_ready(from, reader, error);
    if (kind == BT_PACKET_CLOCK) return take_clock(from, reader, error);
    return bt_request_log_read(&from->log, s->stream_count, reader, error);
}

static bt_status receive(bt_spread *s, bt_packet_kind kind, bt_error *error) {
    int rank;
    void *bytes;
    size_t size;
    bt_packet_reader reader;
    bt_status status = bt_ranks_receive(s->ranks, LOOK_MS, &rank, &bytes, &size, error);
    if (status != BT_OK) return status == BT_TIMEOUT ? BT_OK : status;
    status = bt_packet_open(&reader, bytes, size, error);
    if (status == BT_OK) status = take(s, rank, kind, &reader, error);
    free(bytes);
    return status == BT_OK ? BT_OK : bt_fail_at(error, status, "rank %d", rank);
}

/* Those that are silent, or did not say it in time, are gone from now on. */
static bool is_awaited(bt_spread *s, int64_t until_ns) {
    const bool in_time = bt_clock_now_ns() < until_ns;
    bool awaited = false;
    for (int rank = 1; rank < s->count; rank++) {
        sender *one = &s->senders[rank];
        if (one->awaited && (!in_time || bt_ranks_is_gone(s->ranks, rank))) {
            one->gone = true;
            one->awaited = false;
        }
        awaited = awaited || one->awaited;
    }
    return awaited;
}

/* Whoever is gone asks nothing, and is waited for here all the same. */
static bt_status answer_clocks(const bt_spread *s, bt_error *error) {
    bt_ranks_clock_offset own;
    const bt_status status = bt_ranks_clock(s->ranks, ANSWER_MS, &own, error);
    return status == BT_TIMEOUT ? BT_OK : status;
}

/* From everybody who is there. */
static bt_status await_all(bt_spread *s, bt_packet_kind kind, int64_t limit_ns, bt_error *error) {
    const int64_t until_ns = bt_clock_now_ns() + limit_ns;
    bt_status status = BT_OK;
    for (int rank = 1; rank < s->count; rank++)
        s->senders[rank].awaited = !s->senders[rank].gone;
    while (status == BT_OK && is_awaited(s, until_ns)) {
        if (kind == BT_PACKET_CLOCK) status = answer_clocks(s, error);
        if (status == BT_OK) status = receive(s, kind, error);
    }
    return status;
}

static int count_alive(const bt_spread *s) {
    int alive = 0;
    for (int rank = 0; rank < s->count; rank++)
        alive += !s->senders[rank].gone;
    return alive;
}

/* ---- before the start ---- */

static bt_status hand_out(bt_spread *s, int rank, const bt_share *share, bt_error *error) {
    bt_packet packet = {0};
    s->senders[rank].asked = bt_share_requests(share);
    bt_status status = bt_share_write(share, s->run, &packet, error);
    if (status == BT_OK) status = bt_ranks_send(s->ranks, rank, packet.bytes, packet.size, error);
    bt_packet_close(&packet);
    return status;
}

/* What stays from run to run is who it is, and that it is gone. */
static void start_anew(sender *one) {
    sender next = {.gone = one->gone};
    memcpy(next.host, one->host, sizeof next.host);
    bt_request_log_close(&one->log);
    *one = next;
}

/* Rank 0's own share is `own`. */
static bt_status deal_out(bt_spread *s, const bt_load_options *options, const int32_t *subjects,
                          bt_share *own, bt_error *error) {
    const int parts = count_alive(s);
    bt_status status = bt_share_cut(own, options, subjects, 0, parts, error);
    int part = 1;
    for (int rank = 1; rank < s->count && status == BT_OK; rank++) {
        bt_share share;
        start_anew(&s->senders[rank]);
        if (s->senders[rank].gone) continue;
        status = bt_share_cut(&share, options, subjects, part++, parts, error);
        if (status == BT_OK) status = hand_out(s, rank, &share, error);
        bt_share_close(&share);
    }
    return status;
}

/* Of all who are there, with rank 0's. */
static bt_status compare_clocks(bt_spread *s, bt_error *error) {
    tell_all(s, BT_PACKET_COMPARE, 0);
    return await_all(s, BT_PACKET_CLOCK, PATIENCE_NS, error);
}

/* Until as many are ready as had a share. */
static bt_status get_ready(bt_spread *s, const bt_load_options *options, const int32_t *subjects,
                           bt_share *own, bt_error *error) {
    for (;;) {
        s->run++;
        const int parts = count_alive(s);
        bt_status status = deal_out(s, options, subjects, own, error);
        if (status == BT_OK) status = await_all(s, BT_PACKET_READY, PATIENCE_NS, error);
        if (status == BT_OK && count_alive(s) == parts) status = compare_clocks(s, error);
        if (status != BT_OK || count_alive(s) == parts) return status;
        tell_all(s, BT_PACKET_DROP, 0);
        bt_share_close(own);
    }
}

/* ---- the run ---- */

/* What is told meanwhile is of rank 0's share, which is one of so many alike. */
typedef struct live {
    const bt_load_options *options;
    int parts;
} live;

static void tell_progress(void *context, const bt_load_moment *own) {
    const live *l = context;
    bt_load_moment all = *own;
    all.rate_rps *= l->parts;
    all.sent *= l->parts;
    all.answered *= l->parts;
    all.failed *= l->parts;
    l->options->progress(l->options->progress_context, &all);
}

/* Everybody begins at one moment; the time is told by each one's own clock. */
static bt_status send_shares(bt_spread *s, bt_request_log **log, const bt_load_options *options,
                             const bt_share *own, bt_error *error) {
    bt_stream streams[BT_LOAD_STREAMS_MAX];
    live progress = {.options = options, .parts = count_alive(s)};
    bt_load_options mine = *options;
    bt_share_streams(own, streams);
    for (int i = 0; i < options->stream_count; i++) {
        streams[i].weights = options->streams[i].weights;
        streams[i].input_count = options->streams[i].input_count;
    }
    mine.streams = streams;
    mine.seed = own->seed;
    mine.start_ns = bt_clock_now_ns() + LEAD_NS;
    mine.progress_context = &progress;
    if (options->progress) mine.progress = tell_progress;
    for (int rank = 1; rank < s->count; rank++)
        if (!s->senders[rank].gone)
            tell(s, rank, BT_PACKET_START, mine.start_ns + s->senders[rank].clock.offset_ns);
    return bt_load_run(log, &mine, error);
}

/* ---- afterwards ---- */

static bt_load_sender describe(const char *host, int rank, const bt_request_log *log) {
    bt_load_sender out = {.rank = rank, .late_p99_us = NAN};
    snprintf(out.host, sizeof out.host, "%s", host);
    if (!log) return out;
    out.sent = log->count;
    out.late_p99_us = bt_load_send_delay(log).p99_us;
    return out;
}

static void describe_all(const bt_spread *s, const bt_request_log *own, bt_load_senders *out) {
    *out = (bt_load_senders){.count = 1};
    out->of[0] = describe(s->own_host, 0, own);
    for (int rank = 1; rank < s->count; rank++) {
        const sender *one = &s->senders[rank];
        bt_load_sender *told = &out->of[out->count++];
        *told = describe(one->host, rank, one->log);
        told->gone = one->gone;
        if (!one->compared) continue; /* was gone before the start */
        if (!one->log) told->unsent = one->asked;
        told->clock_bound_us =
            (double)(one->drift_ns > one->clock.bound_ns ? one->drift_ns : one->clock.bound_ns) / 1e3;
    }
}

static bt_status put_together(bt_spread *s, bt_request_log **out, const bt_request_log *own,
                              bt_error *error) {
    bt_request_log_part parts[BT_LOAD_SENDERS_MAX] = {{.log = own}};
    for (int rank = 1; rank < s->count; rank++)
        parts[rank] = (bt_request_log_part){s->senders[rank].log, -s->senders[rank].clock.offset_ns};
    return bt_request_log_merge(out, parts, s->count, error);
}

static bool has_work_for_others(const bt_load_options *options) {
    bool has = false;
    for (int i = 0; i < options->stream_count; i++)
        has = has || options->streams[i].schedule || options->streams[i].clients > 1;
    return has;
}

static bt_status run_alone(bt_request_log **out, const bt_spread *s, const bt_load_options *options,
                           bt_load_senders *senders, bt_error *error) {
    bt_status status = bt_load_run(out, options, error);
    *senders = (bt_load_senders){.count = 1};
    if (status == BT_OK) senders->of[0] = describe(s->own_host, 0, *out);
    return status;
}

bt_status bt_spread_run(bt_request_log **out, bt_spread *spread, const bt_load_options *options,
                        const int32_t *subjects, bt_load_senders *senders, bt_error *error) {
    bt_share own = {0};
    bt_request_log *log = NULL;
    int64_t length_ns = options->duration_ns;
    *out = NULL;
    *senders = (bt_load_senders){0};
    if (options->stream_count > BT_LOAD_STREAMS_MAX || !has_work_for_others(options))
        return run_alone(out, spread, options, senders, error);
    for (int i = 0; i < options->stream_count; i++)
        if (options->streams[i].schedule && options->streams[i].schedule->duration_ns > length_ns)
            length_ns = options->streams[i].schedule->duration_ns;
    spread->stream_count = options->stream_count;
    bt_status status = get_ready(spread, options, subjects, &own, error);
    if (status == BT_OK) status = send_shares(spread, &log, options, &own, error);
    if (status == BT_OK)
        status = await_all(spread, BT_PACKET_LOG, length_ns + options->drain_ns + PATIENCE_NS, error);
    if (status == BT_OK) status = compare_clocks(spread, error);
    if (status == BT_OK) describe_all(spread, log, senders);
    if (status == BT_OK) status = put_together(spread, out, log, error);
    bt_request_log_close(&log);
    bt_share_close(&own);
    return status;
}

/* ---- all of it ---- */

bt_status bt_spread_open(bt_spread **out, bt_ranks *ranks, bt_error *error) {
    *out = NULL;
    if (bt_ranks_count(ranks) > BT_LOAD_SENDERS_MAX)
        return bt_fail(error, BT_INVALID, "at most %d processes send together, these are %d",
                       BT_LOAD_SENDERS_MAX, bt_ranks_count(ranks));
    bt_spread *s = calloc(1, sizeof *s);
    if (!s) return bt_no_memory(error, "senders");
    s->ranks = ranks;
    s->count = bt_ranks_count(ranks);
    bt_program_host(s->own_host, sizeof s->own_host);
    *out = s;
    return BT_OK;
}

bool bt_spread_close(bt_spread **spread) {
    bt_spread *s = *spread;
    if (!s) return false;
    for (int rank = 1; rank < s->count; rank++)
        s->senders[rank].gone = s->senders[rank].gone || bt_ranks_is_gone(s->ranks, rank);
    const bool all_alive = count_alive(s) == s->count;
    tell_all(s, BT_PACKET_END, all_alive);
    for (int rank = 1; rank < s->count; rank++)
        bt_request_log_close(&s->senders[rank].log);
    free(s);
    *spread = NULL;
    return all_alive;
}
