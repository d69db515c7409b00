/* Picture files in: PNG, JPEG and TIFF to interleaved RGB bytes, told apart by content and never by name.
 *
 * A picture may come from anybody, so nothing in it is believed: sides and pixels are bounded, and a header
 * that promises more than its bytes could hold is refused, before memory is taken for them. What a file says
 * in several ways is decided here, once:
 *
 *   transparency  laid over white, as on a page (PNG's tRNS and alpha, TIFF's)
 *   orientation   EXIF's and TIFF's are applied: the picture stands as viewers show it
 *   gray          the same value three times; a palette's colours; TIFF's "0 is white" is turned round
 *   white         what the caller says; else what a TIFF says (tiff-white.c knows in how many ways); else all
 *                 that the bits can hold, 255 or 65535. Values are rounded to 0..255
 *   channels      of gray with further ones that are no opacity, the first; of colours, the first three
 *   CMYK          refused: it needs a printer's colour profile
 *   pages         the one that the caller asks for, else the first, of a TIFF's pages in full resolution;
 *                 layers and animations are not read
 *   colour        profiles and gamma are not applied
 *
 * Damaged or cut-off files are refused whole: half a picture would be segmented as if it were one. But what
 * no pixel needs (texts, profiles, an end mark) may be damaged, missing or of any length. What was decided so
 * that a person may want it otherwise is said in the picture's notes. */
#ifndef BT_IMAGE_DECODE_H
#define BT_IMAGE_DECODE_H

#include <stddef.h>
#include <stdint.h>

#include "base/log.h"

#ifdef __cplusplus
extern "C" {
#endif

/* The largest picture: 8192 x 8192, and 512 MiB encoded; each side is bounded by BT_IMAGE_SIDE_MAX. Higher:
 * one request may take so much more memory (8 bytes a pixel while a TIFF of 16 bits is read). Lower: large
 * scans are refused. */
#define BT_PICTURE_PIXELS_MAX (1 << 26)
#define BT_PICTURE_FILE_MAX   (1 << 29)

/* What a person says of pictures that they do not say, or say wrongly, themselves. */
typedef struct bt_picture_wishes {
    /* The stored value that is white (of a picture that is stored inverted: black), and 0 the other end; 0:
     * what the picture says. */
    double white;
    int page; /* of the pages in full resolution, from 1; 0: the first, and a note where there are more */
    /* Asked once, when a header has told the size and before memory is taken for pixels: how many bytes it takes at
     * most until it is decoded. Another status than BT_OK is that of the decoding. NULL: nobody is asked. */
    bt_status (*may_take)(void *context, size_t bytes, bt_error *error);
    void *context;
} bt_picture_wishes;

#define BT_PICTURE_NOTES_MAX 4
#define BT_PICTURE_NOTE_SIZE 512

typedef struct bt_picture {
    uint8_t *rgb; /* height x width x 3 bytes, rows without gaps; malloc'ed */
    int height, width;
    int page, pages;     /* which of how many in full resolution; 1 and 1 but for TIFFs */
    double black, white; /* stored values that are shown so, of the first channel */
    int note_count;
    char notes[BT_PICTURE_NOTES_MAX][BT_PICTURE_NOTE_SIZE]; /* each a line, which begins with the name */
} bt_picture;

/* Decodes `size` bytes, which are only read. `name` ("upload", a path) starts every message and note. NULL
 * wishes are none. *out is the caller's, to be closed; empty on failure. Takes at most some 20 bytes a pixel
 * while it works. Any thread. BT_PARSE where the bytes are no picture, a damaged one or of a kind that is not
 * read, BT_INVALID where it is larger than the bounds above or a wish cannot be granted (no such page),
 * BT_NO_MEMORY, BT_UNSUPPORTED in a build without the image libraries. */
BT_MUST_USE bt_status bt_picture_decode(bt_picture *out, const void *bytes, size_t size, const char *name,
                                        const bt_picture_wishes *wishes, bt_error *error);

/* The same from a file (or pipe); BT_IO where it cannot be read. */
BT_MUST_USE bt_status bt_picture_load(bt_picture *out, const char *path, const bt_picture_wishes *wishes,
                                      bt_error *error);

/* The picture's notes as warnings. */
void bt_picture_tell(const bt_picture *picture, bt_log *log);

/* Frees; NULL-safe and safe on an empty one, and leaves it empty. */
void bt_picture_close(bt_picture *picture);

#ifdef __cplusplus
}
#endif
#endif
