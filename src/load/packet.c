#include "load/packet.h"

#include <stdlib.h>
#include <string.h>

#include "base/array.h"

#define MAGIC   0x6c747462 /* "bttl" */
#define VERSION 1
#define WORD    8 /* bytes of a number */

/* ---- writing ---- */

static uint8_t *extend(bt_packet *packet, size_t more) {
    uint8_t *grown =
        packet->failed ? NULL : bt_array_grow(packet->bytes, packet->size, more, &packet->room, 1);
    packet->failed = !grown;
    if (!grown) return NULL;
    packet->bytes = grown;
    packet->size += more;
    return grown + packet->size - more;
}

void bt_packet_put(bt_packet *packet, int64_t value) {
    uint8_t *to = extend(packet, WORD);
    for (int i = 0; i < WORD && to; i++)
        to[i] = (uint8_t)((uint64_t)value >> 8 * i);
}

void bt_packet_put_double(bt_packet *packet, double value) {
    int64_t bits;
    memcpy(&bits, &value, sizeof bits);
    bt_packet_put(packet, bits);
}

void bt_packet_put_text(bt_packet *packet, const char *text) {
    const size_t size = strlen(text);
    bt_packet_put(packet, (int64_t)size);
    uint8_t *to = extend(packet, size);
    if (to) memcpy(to, text, size);
}

void bt_packet_begin(bt_packet *packet, bt_packet_kind kind, uint32_t run) {
    bt_packet_put(packet, (int64_t)VERSION << 32 | MAGIC);
    bt_packet_put(packet, (int64_t)run << 32 | (int64_t)kind);
}

bt_status bt_packet_done(const bt_packet *packet, bt_error *error) {
    return packet->failed ? bt_no_memory(error, "a message to another sender") : BT_OK;
}

void bt_packet_close(bt_packet *packet) {
    free(packet->bytes);
    *packet = (bt_packet){0};
}

/* ---- reading ---- */

static uint64_t take_word(bt_packet_reader *reader) {
    uint64_t word = 0;
    if (reader->failed || reader->size - reader->at < WORD) {
        reader->failed = true;
        return 0;
    }
    for (int i = 0; i < WORD; i++)
        word |= (uint64_t)reader->bytes[reader->at++] << 8 * i;
    return word;
}

int64_t bt_packet_take(bt_packet_reader *reader, int64_t least, int64_t most) {
    const int64_t value = (int64_t)take_word(reader);
    if (!reader->failed && value >= least && value <= most) return value;
    reader->failed = true;
    return 0;
}

double bt_packet_take_double(bt_packet_reader *reader) {
    const uint64_t bits = take_word(reader);
    double value;
    memcpy(&value, &bits, sizeof value);
    return value;
}

void bt_packet_take_text(bt_packet_reader *reader, char *out, size_t out_size) {
    const size_t size = (size_t)bt_packet_take_count(reader, 1);
    const size_t kept = size < out_size ? size : out_size - 1;
    if (kept > 0) memcpy(out, reader->bytes + reader->at, kept);
    out[kept] = '\0';
    reader->at += size;
}

int64_t bt_packet_take_count(bt_packet_reader *reader, size_t item_size) {
    const size_t left = reader->size - reader->at;
    const int64_t most = left < WORD ? 0 : (int64_t)((left - WORD) / item_size);
    return bt_packet_take(reader, 0, most);
}

bt_status bt_packet_open(bt_packet_reader *reader, const void *bytes, size_t size, bt_error *error) {
    *reader = (bt_packet_reader){.bytes = bytes, .size = size};
    const uint64_t head = take_word(reader), what = take_word(reader);
    reader->kind = (bt_packet_kind)(what & UINT32_MAX);
    reader->run = (uint32_t)(what >> 32);
    if (reader->failed || (head & UINT32_MAX) != MAGIC)
        return bt_fail(error, BT_PARSE, "%zu bytes that are no message of a sender", size);
    if (head >> 32 != VERSION)
        return bt_fail(error, BT_PARSE,
                       "a message of version %u, this is %d: all senders must be of one version",
                       (unsigned)(head >> 32), VERSION);
    if (reader->kind < BT_PACKET_SHARE || reader->kind > BT_PACKET_END)
        return bt_fail(error, BT_PARSE, "a message of no kind that there is (%d)", (int)reader->kind);
    return BT_OK;
}

bt_status bt_packet_end(const bt_packet_reader *reader, bt_error *error) {
    if (!reader->failed && reader->at == reader->size) return BT_OK;
    return bt_fail(error, BT_PARSE, "a sender's message of %zu bytes %s at byte %zu", reader->size,
                   reader->failed ? "breaks off, or says what cannot be," : "should end", reader->at);
}
