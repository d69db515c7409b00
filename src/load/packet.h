/* The bytes of a message between senders on different machines: whole numbers, written and read the same
 * everywhere (little-endian), with every length checked.
 *
 * A packet begins with what it is, the version of its layout and the number of the run that it belongs to, so
 * that one of another version, or a late one of a run that is over, is never taken for what was awaited.
 * Writing and reading go on after a failure and do nothing; the end tells. Internal to load/. */
#ifndef BT_LOAD_PACKET_H
#define BT_LOAD_PACKET_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/error.h"

#ifdef __cplusplus
extern "C" {
#endif

typedef enum bt_packet_kind {
    BT_PACKET_SHARE = 1, /* to a sender: what it will send */
    BT_PACKET_READY,     /* back: its target is open */
    BT_PACKET_REFUSED,   /* back: it is not, and why */
    BT_PACKET_COMPARE,   /* to a sender: compare clocks now */
    BT_PACKET_CLOCK,     /* back: by how much they differ */
    BT_PACKET_START,     /* to a sender: when */
    BT_PACKET_LOG,       /* back: what came of it */
    BT_PACKET_DROP,      /* to a sender: its share is another's */
    BT_PACKET_END        /* to a sender: there is no further run */
} bt_packet_kind;

/* A packet that is being written. Start from a zeroed one. */
typedef struct bt_packet {
    uint8_t *bytes; /* owned */
    size_t size, room;
    bool failed; /* memory ran out */
} bt_packet;

void bt_packet_begin(bt_packet *packet, bt_packet_kind kind, uint32_t run);
void bt_packet_put(bt_packet *packet, int64_t value);
void bt_packet_put_double(bt_packet *packet, double value);
void bt_packet_put_text(bt_packet *packet, const char *text);
/* BT_NO_MEMORY where anything found no room. */
BT_MUST_USE bt_status bt_packet_done(const bt_packet *packet, bt_error *error);
void bt_packet_close(bt_packet *packet); /* may be called twice */

/* One that is being read; borrows the bytes. */
typedef struct bt_packet_reader {
    const uint8_t *bytes;
    size_t size, at;
    bt_packet_kind kind;
    uint32_t run;
    bool failed; /* it ended too early, or held what may not be */
} bt_packet_reader;

/* BT_PARSE where it is no packet, or one of another version. */
BT_MUST_USE bt_status bt_packet_open(bt_packet_reader *reader, const void *bytes, size_t size,
                                     bt_error *error);
/* 0 after a failure, or where the number is not within the bounds, which is one. */
int64_t bt_packet_take(bt_packet_reader *reader, int64_t least, int64_t most);
double bt_packet_take_double(bt_packet_reader *reader);
/* "" after a failure; what is longer than `out` is cut. */
void bt_packet_take_text(bt_packet_reader *reader, char *out, size_t out_size);
/* A count of items that take at least `item_size` bytes each: no more than are left in the packet. */
int64_t bt_packet_take_count(bt_packet_reader *reader, size_t item_size);
/* BT_PARSE after a failure, or where bytes are left. */
BT_MUST_USE bt_status bt_packet_end(const bt_packet_reader *reader, bt_error *error);

#ifdef __cplusplus
}
#endif
#endif
