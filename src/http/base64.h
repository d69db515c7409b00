/* Files inside JSON, which has no bytes: base64 (RFC 4648, section 4), as mail and browsers write it. */
#ifndef BT_HTTP_BASE64_H
#define BT_HTTP_BASE64_H

#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

/* The bytes that `length` characters may stand for at most. */
static inline size_t bt_base64_room(size_t length) {
    return length / 4 * 3 + 3;
}

/* Reads `text` into `out`, which has bt_base64_room bytes, and returns how many there are; -1 where it is no
 * base64. The padding at the end may be left out; spaces and line breaks are not passed over. */
int64_t bt_base64_read(uint8_t *out, const char *text, size_t length);

#ifdef __cplusplus
}
#endif
#endif
