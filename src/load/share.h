/* One sender's share of a load that several machines send together.
 *
 * One sender has a highest rate that it can send on time. For more, the very load that one would send is dealt
 * out: of each stream's arrivals every K-th goes to one of K senders, with the input that it was drawn to
 * send. All shares together are the whole, whatever K is, and each sender sends open loop: at the times of its
 * share, whatever the others do. What is dealt out are the arrivals themselves, not a seed, so that no other
 * machine's arithmetic, nor a trace that lies elsewhere, can make it another load.
 *
 * Clients of a closed loop are dealt out as whole ones. Pure. */
#ifndef BT_LOAD_SHARE_H
#define BT_LOAD_SHARE_H

#include "load/generator.h"
#include "load/packet.h"

#ifdef __cplusplus
extern "C" {
#endif

typedef struct bt_share_stream {
    int32_t subject;       /* what it is sent to, by a number that all senders know (a model's) */
    int32_t clients;       /* of a closed loop; else 0, */
    int64_t clients_count; /* its requests, 0: by time alone */
    bt_schedule schedule;  /* and of an open one the arrivals, which may be none; owned */
    int32_t *inputs;       /* of each arrival; owned */
} bt_share_stream;

typedef struct bt_share {
    bt_share_stream streams[BT_LOAD_STREAMS_MAX];
    int stream_count;
    int64_t duration_ns, drain_ns;
    uint64_t seed; /* of a closed loop's inputs */
    bool canary;
} bt_share;

/* Sender `part` of `parts`'s share of what the options say; `subjects` are the streams'. BT_NO_MEMORY. *out is
 * the caller's to close, after a failure too. */
BT_MUST_USE bt_status bt_share_cut(bt_share *out, const bt_load_options *whole, const int32_t *subjects,
                                   int part, int parts, bt_error *error);
void bt_share_close(bt_share *share); /* may be called twice */

/* Open-loop requests of it: so many that it will send whatever happens. */
int64_t bt_share_requests(const bt_share *share);

/* As streams of a generator, whose weights and numbers of inputs the caller knows: those are left 0. */
void bt_share_streams(const bt_share *share, bt_stream streams[BT_LOAD_STREAMS_MAX]);

/* To another sender, and there. BT_PARSE for what is no share: cut short, too long, a time before the one
 * before it. *out is the caller's to close, after a failure too. */
BT_MUST_USE bt_status bt_share_write(const bt_share *share, uint32_t run, bt_packet *packet, bt_error *error);
BT_MUST_USE bt_status bt_share_read(bt_share *out, bt_packet_reader *reader, bt_error *error);

#ifdef __cplusplus
}
#endif
#endif
