/* The other side of spread.c: one of those who send what rank 0 deals out. */
#include <stdlib.h>

#include "base/program.h"
#include "load/log-packet.h"
#include "load/spread.h"

#define LOOK_MS 100

/* How long comparing clocks may take. It takes some 10 ms, but on a machine that is busy all over each of the questions may
 * wait for a core, and so may its answer. */
#define COMPARE_LIMIT_MS 30000

typedef struct server {
    bt_ranks *ranks;
    const bt_spread_host *host;
    bt_status able;
    bt_error unable;
    const volatile sig_atomic_t *stop;
    uint32_t run;
    bool open; /* a share is at hand, and its target open */
    bt_share share;
    bt_stream streams[BT_LOAD_STREAMS_MAX];
    bt_target target;
    bool end, all_alive;
} server;

/* ---- answers ---- */

static bt_status answer(const server *s, bt_packet *packet, bt_error *error) {
    bt_status status = bt_packet_done(packet, error);
    if (status == BT_OK) status = bt_ranks_send(s->ranks, 0, packet->bytes, packet->size, error);
    bt_packet_close(packet);
    return status;
}

static bt_status say_ready(const server *s, bt_error *error) {
    bt_packet packet = {0};
    char host[64];
    bt_program_host(host, sizeof host);
    bt_packet_begin(&packet, BT_PACKET_READY, s->run);
    bt_packet_put_text(&packet, host);
    return answer(s, &packet, error);
}

/* With the words of the failure. */
static bt_status say_refused(const server *s, bt_status why, const char *words, bt_error *error) {
    bt_packet packet = {0};
    bt_packet_begin(&packet, BT_PACKET_REFUSED, s->run);
    bt_packet_put(&packet, why);
    bt_packet_put_text(&packet, words);
    return answer(s, &packet, error);
}

/* ---- what rank 0 asks for ---- */

static void drop(server *s, const bt_request_log *log) {
    if (s->open) s->host->close(s->host->self, log);
    bt_share_close(&s->share);
    s->open = false;
}

static bt_status open_share(server *s, bt_packet_reader *reader, bt_error *error) {
    bt_error cause;
    drop(s, NULL);
    s->run = reader->run;
    if (s->able != BT_OK) return say_refused(s, s->able, s->unable.message, error);
    bt_status status = bt_share_read(&s->share, reader, &cause);
    if (status == BT_OK) {
        s->open = true;
        bt_share_streams(&s->share, s->streams);
        status = s->host->open(s->host->self, &s->share, s->streams, &s->target, &cause);
    }
    if (status == BT_OK) return say_ready(s, error);
    drop(s, NULL);
    return say_refused(s, status, cause.message, error);
}

static bt_status compare(const server *s, uint32_t run, bt_error *error) {
    bt_packet packet = {0};
    bt_ranks_clock_offset clock;
    const bool known = bt_ranks_clock(s->ranks, COMPARE_LIMIT_MS, &clock, NULL) == BT_OK;
    bt_packet_begin(&packet, BT_PACKET_CLOCK, run);
    bt_packet_put(&packet, known ? clock.offset_ns : 0);
    bt_packet_put(&packet, known ? clock.bound_ns : -1);
    return answer(s, &packet, error);
}

static bt_status send_share(server *s, int64_t start_ns, bt_error *error) {
    bt_request_log *log = NULL;
    bt_error cause;
    bt_packet packet = {0};
    const bt_load_options options = {.target = s->target,
                                     .streams = s->streams,
                                     .stream_count = s->share.stream_count,
                                     .duration_ns = s->share.duration_ns,
                                     .drain_ns = s->share.drain_ns,
                                     .seed = s->share.seed,
                                     .start_ns = start_ns,
                                     .canary = s->share.canary,
                                     .stop = s->stop};
    bt_status status = bt_load_run(&log, &options, &cause);
    if (status == BT_OK) status = bt_request_log_write(log, s->run, &packet, &cause);
    if (status == BT_OK) status = bt_ranks_send(s->ranks, 0, packet.bytes, packet.size, &cause);
    bt_packet_close(&packet);
    drop(s, log);
    bt_request_log_close(&log);
    return status == BT_OK ? BT_OK : say_refused(s, status, cause.message, error);
}

static bt_status act(server *s, bt_packet_reader *reader, bt_error *error) {
    const bool current = s->open && reader->run == s->run;
    switch (reader->kind) {
    case BT_PACKET_SHARE:
        return open_share(s, reader, error);
    case BT_PACKET_COMPARE:
        return compare(s, reader->run, error);
    case BT_PACKET_START:
        return current ? send_share(s, bt_packet_take(reader, INT64_MIN, INT64_MAX), error) : BT_OK;
    case BT_PACKET_DROP:
        if (current) drop(s, NULL);
        return BT_OK;
    case BT_PACKET_END:
        s->end = true;
        s->all_alive = bt_packet_take(reader, 0, 1) != 0;
        return BT_OK;
    case BT_PACKET_READY:
    case BT_PACKET_REFUSED:
    case BT_PACKET_CLOCK:
    case BT_PACKET_LOG:
        break;
    }
    return BT_OK;
}

/* ---- all of it ---- */

/* The next message of rank 0 and what it asks for. */
static bt_status serve_one(server *s, bt_error *error) {
    int rank;
    void *bytes;
    size_t size;
    bt_packet_reader reader;
    bt_status status = bt_ranks_receive(s->ranks, LOOK_MS, &rank, &bytes, &size, error);
    if (status == BT_TIMEOUT) {
        if (!bt_ranks_is_gone(s->ranks, 0)) return BT_OK;
        return bt_fail(error, BT_CLOSED, "rank 0 is gone: it has not been heard of for %d s",
                       BT_RANKS_SILENCE_S);
    }
    if (status != BT_OK) return status;
    status = rank == 0 ? bt_packet_open(&reader, bytes, size, error) : BT_OK;
    if (status == BT_OK && rank == 0) status = act(s, &reader, error);
    free(bytes);
    return status;
}

bt_status bt_spread_serve(bt_ranks *ranks, const bt_spread_host *host, const volatile sig_atomic_t *stop,
                          bool *all_alive, bt_error *error) {
    *all_alive = false;
    if (bt_ranks_count(ranks) > BT_LOAD_SENDERS_MAX) return BT_OK; /* rank 0 says so */
    server *s = calloc(1, sizeof *s);
    if (!s) return bt_no_memory(error, "sending for rank 0");
    *s = (server){.ranks = ranks, .host = host, .stop = stop};
    s->able = host->begin(host->self, &s->unable);
    bt_status status = BT_OK;
    while (status == BT_OK && !s->end)
        status = serve_one(s, error);
    drop(s, NULL);
    *all_alive = s->all_alive;
    free(s);
    return status;
}
