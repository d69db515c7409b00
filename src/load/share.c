#include "load/share.h"

#include <limits.h>
#include <stdlib.h>

#include "load/draw.h"

/* ---- dealing out ---- */

/* Streams begin with another sender each, so that the first does not have all the first ones: the part's place in
 * the stream's turns. */
static int place_in(int stream, int part, int parts) {
    return (part - stream % parts + parts) % parts;
}

/* Of so many that are dealt out one by one to `places`, those of one place. */
static int64_t dealt(int64_t whole, int place, int places) {
    return whole > place ? (whole - place - 1) / places + 1 : 0;
}

static bt_status open_arrivals(bt_share_stream *out, int64_t count, bt_error *error) {
    out->schedule.arrivals_ns = malloc((size_t)(count + 1) * sizeof *out->schedule.arrivals_ns);
    out->inputs = malloc((size_t)(count + 1) * sizeof *out->inputs);
    if (out->schedule.arrivals_ns && out->inputs) return BT_OK;
    return bt_no_memory(error, "a share of %lld requests", (long long)count);
}

static bt_status cut_schedule(bt_share_stream *out, const bt_load_options *whole, int index, int part,
                              int parts, bt_error *error) {
    const bt_stream *stream = &whole->streams[index];
    const bt_schedule *schedule = stream->schedule;
    const int place = place_in(index, part, parts);
    bt_input_draw draw = bt_input_draw_begin(whole->seed, index);
    bt_status status = open_arrivals(out, dealt(schedule->count, place, parts), error);
    if (status != BT_OK) return status;
    for (int64_t i = 0; i < schedule->count; i++) {
        const int input = bt_input_draw_next(&draw, stream->weights, stream->input_count);
        if (i % parts != place) continue;
        out->schedule.arrivals_ns[out->schedule.count] = schedule->arrivals_ns[i];
        out->inputs[out->schedule.count++] = stream->inputs ? stream->inputs[i] : input;
    }
    out->schedule.duration_ns = schedule->duration_ns;
    return BT_OK;
}

/* Only so many senders as there are clients have any, and requests. */
static void cut_clients(bt_share_stream *out, const bt_stream *stream, int place, int parts) {
    const int places = stream->clients < parts ? stream->clients : parts;
    if (place >= places) return;
    out->clients = (int32_t)dealt(stream->clients, place, places);
    out->clients_count = dealt(stream->clients_count, place, places);
    if (stream->clients_count > 0 && out->clients_count == 0) out->clients = 0;
}

bt_status bt_share_cut(bt_share *out, const bt_load_options *whole, const int32_t *subjects, int part,
                       int parts, bt_error *error) {
    *out = (bt_share){.duration_ns = whole->duration_ns,
                      .drain_ns = whole->drain_ns,
                      .seed = whole->seed + (uint64_t)part * BT_LOAD_STREAMS_MAX,
                      .canary = whole->canary};
    bt_status status = BT_OK;
    for (int i = 0; i < whole->stream_count && status == BT_OK; i++) {
        const bt_stream *stream = &whole->streams[i];
        bt_share_stream *mine = &out->streams[out->stream_count++];
        mine->subject = subjects[i];
        if (stream->schedule)
            status = cut_schedule(mine, whole, i, part, parts, error);
        else
            cut_clients(mine, stream, place_in(i, part, parts), parts);
    }
    return status;
}

void bt_share_close(bt_share *share) {
    for (int i = 0; i < share->stream_count; i++) {
        bt_schedule_close(&share->streams[i].schedule);
        free(share->streams[i].inputs);
    }
    *share = (bt_share){0};
}

int64_t bt_share_requests(const bt_share *share) {
    int64_t count = 0;
    for (int i = 0; i < share->stream_count; i++)
        count += share->streams[i].schedule.count;
    return count;
}

void bt_share_streams(const bt_share *share, bt_stream streams[BT_LOAD_STREAMS_MAX]) {
    for (int i = 0; i < share->stream_count; i++) {
        const bt_share_stream *mine = &share->streams[i];
        streams[i] = (bt_stream){.clients = mine->clients, .clients_count = mine->clients_count};
        if (mine->clients > 0) continue;
        streams[i].schedule = &mine->schedule;
        streams[i].inputs = mine->inputs;
    }
}

/* ---- as a message ---- */

bt_status bt_share_write(const bt_share *share, uint32_t run, bt_packet *packet, bt_error *error) {
    bt_packet_begin(packet, BT_PACKET_SHARE, run);
    bt_packet_put(packet, share->duration_ns);
    bt_packet_put(packet, share->drain_ns);
    bt_packet_put(packet, (int64_t)share->seed);
    bt_packet_put(packet, share->canary);
    bt_packet_put(packet, share->stream_count);
    for (int i = 0; i < share->stream_count; i++) {
        const bt_share_stream *stream = &share->streams[i];
        bt_packet_put(packet, stream->subject);
        bt_packet_put(packet, stream->clients);
        bt_packet_put(packet, stream->clients_count);
        bt_packet_put(packet, stream->schedule.duration_ns);
        bt_packet_put(packet, stream->schedule.count);
        for (int64_t k = 0; k < stream->schedule.count; k++) {
            bt_packet_put(packet, stream->schedule.arrivals_ns[k]);
            bt_packet_put(packet, stream->inputs[k]);
        }
    }
    return bt_packet_done(packet, error);
}

static bt_status read_stream(bt_share_stream *out, bt_packet_reader *reader, bt_error *error) {
    out->subject = (int32_t)bt_packet_take(reader, 0, INT32_MAX);
    out->clients = (int32_t)bt_packet_take(reader, 0, INT32_MAX);
    out->clients_count = bt_packet_take(reader, 0, INT64_MAX);
    out->schedule.duration_ns = bt_packet_take(reader, 0, INT64_MAX);
    const int64_t count = bt_packet_take_count(reader, 16);
    int64_t last_ns = 0;
    bt_status status = open_arrivals(out, count, error);
    if (status != BT_OK) return status;
    for (int64_t i = 0; i < count; i++) {
        out->schedule.arrivals_ns[i] = last_ns = bt_packet_take(reader, last_ns, INT64_MAX);
        out->inputs[i] = (int32_t)bt_packet_take(reader, 0, INT32_MAX);
    }
    out->schedule.count = count;
    return BT_OK;
}

bt_status bt_share_read(bt_share *out, bt_packet_reader *reader, bt_error *error) {
    *out = (bt_share){.duration_ns = bt_packet_take(reader, 0, INT64_MAX)};
    out->drain_ns = bt_packet_take(reader, 0, INT64_MAX);
    out->seed = (uint64_t)bt_packet_take(reader, INT64_MIN, INT64_MAX);
    out->canary = bt_packet_take(reader, 0, 1) != 0;
    const int count = (int)bt_packet_take(reader, 0, BT_LOAD_STREAMS_MAX);
    bt_status status = BT_OK;
    while (out->stream_count < count && status == BT_OK)
        status = read_stream(&out->streams[out->stream_count++], reader, error);
    return status == BT_OK ? bt_packet_end(reader, error) : status;
}
