/* A sender's request log on its way to the one that puts all of them together, and how they are put together.
 *
 * Every request comes whole, with its times by its sender's clock: figures are made of all requests at once,
 * as if one had sent them, and never of other figures. Pure. */
#ifndef BT_LOAD_LOG_PACKET_H
#define BT_LOAD_LOG_PACKET_H

#include "load/generator.h"
#include "load/packet.h"

#ifdef __cplusplus
extern "C" {
#endif

BT_MUST_USE bt_status bt_request_log_write(const bt_request_log *log, uint32_t run, bt_packet *packet,
                                           bt_error *error);
/* BT_PARSE for what is no log of so many streams: cut short, too long, a status that there is none of. The
 * caller closes it (bt_request_log_close). */
BT_MUST_USE bt_status bt_request_log_read(bt_request_log **out, int stream_count, bt_packet_reader *reader,
                                          bt_error *error);

/* A log and how far its sender's clock is behind the one that all are told by. */
typedef struct bt_request_log_part {
    const bt_request_log *log; /* borrowed; NULL: there is none */
    int64_t offset_ns;         /* to be added to its times */
} bt_request_log_part;

/* One log of all, by the order of intended arrival (then of parts, then of sending). Of a second that several
 * watched, each figure is the worst. The caller closes it. BT_NO_MEMORY. */
BT_MUST_USE bt_status bt_request_log_merge(bt_request_log **out, const bt_request_log_part *parts, int count,
                                           bt_error *error);

#ifdef __cplusplus
}
#endif
#endif
