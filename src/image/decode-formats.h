/* One decoder for each format, and what they share: for decode.c and them alone.
 *
 * Each is given bytes that begin as its format does and an empty picture; it checks the sides by
 * bt_picture_take before it reads a pixel, and leaves on failure what it took in `out`, for decode.c to free.
 * Messages lack the picture's name, which decode.c puts before them. */
#ifndef BT_IMAGE_DECODE_FORMATS_H
#define BT_IMAGE_DECODE_FORMATS_H

#include "image/decode.h"

#ifdef __cplusplus
extern "C" {
#endif

bt_status bt_decode_png(bt_picture *out, const uint8_t *bytes, size_t size, bt_error *error);
bt_status bt_decode_jpeg(bt_picture *out, const uint8_t *bytes, size_t size, bt_error *error);
bt_status bt_decode_tiff(bt_picture *out, const uint8_t *bytes, size_t size, bt_error *error);

/* Checks what a header says, and takes the pixels' memory. `fewest_bytes` is what pixels so many must have in
 * the file at least, by the best that their compression can do: a header that promises more than the file's
 * `size` can hold is a lie, or a bomb. */
bt_status bt_picture_take(bt_picture *out, uint64_t height, uint64_t width, uint64_t fewest_bytes,
                          uint64_t size, bt_error *error);

/* One channel of opacity alpha / most over white, both of 8 or 16 bits. */
static inline uint32_t bt_over_white(uint32_t value, uint32_t alpha, uint32_t most) {
    return (uint32_t)(((uint64_t)value * alpha + (uint64_t)most * (most - alpha) + most / 2) / most);
}

static inline uint8_t bt_byte_of_16(uint32_t value) {
    return (uint8_t)((value * 255u + 32767u) / 65535u);
}

/* Turns and mirrors a picture as EXIF's orientation 1..8 says; others change nothing. BT_NO_MEMORY. */
bt_status bt_picture_orient(bt_picture *picture, int orientation, bt_error *error);

/* The orientation that an EXIF block (which begins with a TIFF header, "II*" or "MM") gives; 1 where it gives
 * none or cannot be read. */
int bt_exif_orientation(const uint8_t *exif, size_t size);

#ifdef __cplusplus
}
#endif
#endif
