/* Picture files in: PNG, JPEG and TIFF to interleaved RGB bytes, told apart by content and never by name.
 *
 * A picture may come from anybody, so nothing in it is believed: sides and pixels are bounded, and a header
 * that promises more than its bytes could hold is refused, before memory is taken for them. What a file says
 * in several ways is decided here, once:
 *
 *   transparency  laid over white, as on a page (PNG's tRNS and alpha, TIFF's)
 *   orientation   EXIF's and TIFF's are applied: the picture stands as viewers show it
 *   gray          the same value three times; a palette's colours; TIFF's "0 is white" is turned round
 *   16 bits       0..65535 to 0..255, rounded. A TIFF that says which values are black and white (ImageJ's
 *                 min and max in its description, else the tag MaxSampleValue) is scaled by those
 *   channels      of gray with further ones that are no opacity, the first; of colours, the first three
 *   CMYK          refused: it needs a printer's colour profile
 *   pages         a TIFF's first; layers and animations are not looked at
 *   colour        profiles and gamma are not applied
 *
 * Damaged or cut-off files are refused whole: half a picture would be segmented as if it were one. */
#ifndef BT_IMAGE_DECODE_H
#define BT_IMAGE_DECODE_H

#include <stddef.h>
#include <stdint.h>

#include "base/error.h"

#ifdef __cplusplus
extern "C" {
#endif

#define BT_PICTURE_PIXELS_MAX (1 << 26) /* 8192 x 8192; each side is bounded by BT_IMAGE_SIDE_MAX */
#define BT_PICTURE_FILE_MAX   (1 << 29) /* bytes, encoded */

typedef struct bt_picture {
    uint8_t *rgb; /* height x width x 3 bytes, rows without gaps; malloc'ed */
    int height, width;
} bt_picture;

/* Decodes `size` bytes, which are only read. `name` ("upload", a path) starts every message. *out is the
 * caller's, to be closed; empty on failure. Takes at most some 12 bytes a pixel while it works. Any thread.
 * BT_PARSE where the bytes are no picture, a damaged one or of a kind that is not read, BT_INVALID where it
 * is larger than the bounds above, BT_NO_MEMORY, BT_UNSUPPORTED in a build without the image libraries. */
BT_MUST_USE bt_status bt_picture_decode(bt_picture *out, const void *bytes, size_t size, const char *name,
                                        bt_error *error);

/* The same from a file (or pipe); BT_IO where it cannot be read. */
BT_MUST_USE bt_status bt_picture_load(bt_picture *out, const char *path, bt_error *error);

/* Frees; NULL-safe and safe on an empty one, and leaves it empty. */
void bt_picture_close(bt_picture *picture);

#ifdef __cplusplus
}
#endif
#endif
