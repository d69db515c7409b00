/* Pictures out: masks, probability maps and overlays as PNG, in memory or as a file that is whole or not
 * there. */
#ifndef BT_IMAGE_ENCODE_H
#define BT_IMAGE_ENCODE_H

#include <stddef.h>
#include <stdint.h>

#include "base/error.h"

#ifdef __cplusplus
extern "C" {
#endif

/* Encodes height x width pixels of `channels` bytes each, interleaved, rows without gaps: 1 is gray, 3 RGB, 4
 * RGBA. *out is malloc'ed, the caller's; untouched on failure. Any thread. BT_INVALID for sides outside
 * 1..BT_IMAGE_SIDE_MAX or another number of channels, BT_NO_MEMORY, BT_UNSUPPORTED in a build without the
 * image libraries. */
BT_MUST_USE bt_status bt_png_encode(const uint8_t *pixels, int height, int width, int channels, uint8_t **out,
                                    size_t *size, bt_error *error);

#define BT_PNG_COLOURS 256

/* Encodes pixels of one byte each, which are places in a palette of red, green and blue. Viewers show the colours, and
 * programs read the numbers back. Otherwise as bt_png_encode. */
BT_MUST_USE bt_status bt_png_encode_palette(const uint8_t *pixels, int height, int width,
                                            const uint8_t palette[BT_PNG_COLOURS][3], uint8_t **out,
                                            size_t *size, bt_error *error);

/* The same as bt_png_encode into a file, replaced whole as bt_file_replace does; BT_IO names it. */
BT_MUST_USE bt_status bt_png_save(const char *path, const uint8_t *pixels, int height, int width,
                                  int channels, bt_error *error);

#ifdef __cplusplus
}
#endif
#endif
