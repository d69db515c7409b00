/* Bodies that come packed (Content-Encoding: gzip, deflate), unpacked within a bound: a few kilobytes may
 * unpack to gigabytes, so that whoever sends them must not decide how much memory they take. */
#ifndef BT_HTTP_INFLATE_H
#define BT_HTTP_INFLATE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/error.h"

#ifdef __cplusplus
extern "C" {
#endif

/* What Content-Encoding says; NULL or "identity" is not packed. BT_UNSUPPORTED names those that are read. */
BT_MUST_USE bt_status bt_inflate_wanted(bool *out, const char *encoding, bt_error *error);

/* Unpacks gzip, zlib's format (what HTTP calls deflate) and bare deflate (what some send as such). *out is
 * malloc'ed, the caller's; NULL on failure. BT_INVALID where it unpacks to more than `limit` bytes,
 * BT_PARSE where it is damaged, cut off or followed by something else, BT_NO_MEMORY. */
BT_MUST_USE bt_status bt_inflate(uint8_t **out, size_t *out_size, const uint8_t *packed, size_t size,
                                 size_t limit, bt_error *error);

#ifdef __cplusplus
}
#endif
#endif
