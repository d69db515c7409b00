#include "http/inflate.h"

#include <limits.h>
#include <stdlib.h>
#include <strings.h>
#include <zlib.h>

#include "base/array.h"
#include "base/text.h"

bt_status bt_inflate_wanted(bool *out, const char *encoding, bt_error *error) {
    static const char *const packed[] = {"gzip", "x-gzip", "deflate"};
    char quoted[BT_TEXT_QUOTE_SIZE];
    *out = false;
    if (!encoding || !encoding[0] || strcasecmp_l(encoding, "identity", bt_text_locale()) == 0) return BT_OK;
    for (size_t i = 0; i < sizeof packed / sizeof *packed; i++)
        *out |= strcasecmp_l(encoding, packed[i], bt_text_locale()) == 0;
    if (*out) return BT_OK;
    bt_text_quote(encoding, quoted);
    return bt_fail(error, BT_UNSUPPORTED, "Content-Encoding: %s is not read: gzip and deflate are, or none",
                   quoted);
}

/* What inflateInit2 calls the format: 32 looks for gzip or zlib; below 0 there is no head. */
static int format_of(const uint8_t *packed, size_t size) {
    const bool gzip = size >= 2 && packed[0] == 0x1F && packed[1] == 0x8B;
    const bool zlib = size >= 2 && (packed[0] & 0x0F) == 8 && (packed[0] * 256 + packed[1]) % 31 == 0;
    return gzip || zlib ? 32 + MAX_WBITS : -MAX_WBITS;
}

#define STEP ((size_t)1 << 16) /* bytes unpacked at a time at least */

/* Room for more of what is unpacked, one byte beyond the limit at most, which tells that there is more. */
static bt_status make_room(uint8_t **out, z_stream *stream, size_t *room, size_t limit, bt_error *error) {
    const size_t used = stream->total_out;
    if (used > limit)
        return bt_fail(error, BT_INVALID, "the body unpacks to more than the limit of %zu bytes", limit);
    uint8_t *grown = bt_array_grow(*out, used, STEP, room, 1);
    if (!grown) return bt_no_memory(error, "unpacking a body");
    size_t free_bytes = *room - used;
    if (free_bytes > limit + 1 - used) free_bytes = limit + 1 - used;
    *out = grown;
    stream->next_out = grown + used;
    stream->avail_out = (uInt)(free_bytes > INT_MAX ? INT_MAX : free_bytes);
    return BT_OK;
}

static bt_status unpack(uint8_t **out, z_stream *stream, size_t limit, bt_error *error) {
    size_t room = 0;
    for (;;) {
        bt_status status = make_room(out, stream, &room, limit, error);
        if (status != BT_OK) return status;
        const int code = inflate(stream, Z_NO_FLUSH);
        if (code == Z_STREAM_END) break;
        if (code == Z_MEM_ERROR) return bt_no_memory(error, "unpacking a body");
        if (code != Z_OK || (stream->avail_in == 0 && stream->avail_out > 0))
            return bt_fail(error, BT_PARSE, "the packed body is damaged or cut off: %s",
                           stream->msg ? stream->msg : "it has no end");
    }
    if (stream->total_out > limit) return make_room(out, stream, &room, limit, error);
    if (stream->avail_in == 0) return BT_OK;
    return bt_fail(error, BT_PARSE, "%u bytes follow the packed body's end", stream->avail_in);
}

bt_status bt_inflate(uint8_t **out, size_t *out_size, const uint8_t *packed, size_t size, size_t limit,
                     bt_error *error) {
    *out = NULL;
    if (size > UINT_MAX) return bt_fail(error, BT_INVALID, "a packed body of %zu bytes is too large", size);
    /* zlib promises not to write here; its type is older than const */
    z_stream stream = {.next_in = (Bytef *)(uintptr_t)packed, .avail_in = (uInt)size};
    if (inflateInit2(&stream, format_of(packed, size)) != Z_OK)
        return bt_no_memory(error, "unpacking a body");
    bt_status status = unpack(out, &stream, limit, error);
    *out_size = stream.total_out;
    inflateEnd(&stream);
    if (status == BT_OK) return BT_OK;
    free(*out);
    *out = NULL;
    return status;
}
