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

bt_status bt_decode_png(bt_picture *out, const uint8_t *bytes, size_t size, const bt_picture_wishes *wishes,
                        bt_error *error);
bt_status bt_decode_jpeg(bt_picture *out, const uint8_t *bytes, size_t size, const bt_picture_wishes *wishes,
                         bt_error *error);
bt_status bt_decode_tiff(bt_picture *out, const uint8_t *bytes, size_t size, const bt_picture_wishes *wishes,
                         bt_error *error);

typedef struct bt_picture_head {
    uint64_t height, width;
    /* What pixels so many must have in the file at least, by the best that their compression can do: a header that
     * promises more than the file's size can hold is a lie, or a bomb. */
    uint64_t fewest_bytes;
    size_t pixel_bytes; /* that each takes at most while they are decoded, those in the picture included */
} bt_picture_head;

/* Checks what a header says, and takes the pixels' memory. `size` is the file's. */
bt_status bt_picture_take(bt_picture *out, const bt_picture_head *head, uint64_t size,
                          const bt_picture_wishes *wishes, bt_error *error);

/* Adds a note, which lacks the picture's name likewise; one too many is dropped. */
void bt_picture_note(bt_picture *picture, const char *format, ...) BT_PRINTF(2, 3);

/* Refuses a page but the first, in a format that has no more. */
bt_status bt_picture_only_page(const bt_picture_wishes *wishes, bt_error *error);

/* Turns and mirrors a picture as EXIF's orientation 1..8 says; others change nothing. BT_NO_MEMORY. */
bt_status bt_picture_orient(bt_picture *picture, int orientation, bt_error *error);

/* The orientation that an EXIF block (which is a TIFF file without pixels) gives; 1 where it gives none or
 * cannot be read. */
int bt_exif_orientation(const uint8_t *exif, size_t size);

#ifdef __cplusplus
}
#endif
#endif
