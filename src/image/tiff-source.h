/* A TIFF file as libtiff is shown it, and the layout of the page that is read: for decode-tiff.c,
 * tiff-source.c and tiff-samples.c alone, where there is a libtiff. */
#ifndef BT_IMAGE_TIFF_SOURCE_H
#define BT_IMAGE_TIFF_SOURCE_H

#include "image/tiff-page.h"

#ifndef BT_WITHOUT_FILE_LIBRARIES

#include <tiffio.h>

#ifdef __cplusplus
extern "C" {
#endif

/* libtiff may take so many bytes at once: a picture of BT_PICTURE_PIXELS_MAX, of 8 bytes a pixel. */
#define BT_TIFF_ALLOCATION_MAX (1 << 29)
#define BT_TIFF_PATCHES        8

/* Bytes that libtiff is shown in place of the file's. */
typedef struct bt_tiff_patch {
    uint64_t at;
    uint8_t size, bytes[8];
} bt_tiff_patch;

/* The file as libtiff sees it, and what libtiff said first. */
typedef struct bt_tiff_source {
    const uint8_t *bytes;
    uint64_t size, at;
    uint64_t shift; /* of what is read from now on: so many bytes further behind */
    int patch_count;
    bt_tiff_patch patches[BT_TIFF_PATCHES];
    char message[160];
    bool jpeg_broken, jpeg_lacks_end; /* a JPEG within the file */
} bt_tiff_source;

/* What a page says of itself. */
typedef struct bt_tiff_layout {
    uint32_t height, width, block_height, block_width; /* a block is a tile, or the rows of a strip */
    uint16_t bits, channels, format, photometric, compression, orientation;
    bool tiled, separate; /* separate: each channel is a plane of its own */
    int alpha;            /* the extra channel's kind; 0: none, or none that is alpha */
} bt_tiff_layout;

/* Shows libtiff the one directory of `page` as if it were the first, without the tags for which it refuses a
 * whole file though no pixel needs them. Before bt_tiff_source_open. */
void bt_tiff_source_show_page(bt_tiff_source *source, const bt_tiff_file *file, const bt_tiff_page *page);

/* libtiff's handle, to be closed by TIFFClose; NULL where libtiff refuses the file (bt_tiff_broken). */
TIFF *bt_tiff_source_open(bt_tiff_source *source);

/* BT_PARSE, with what libtiff said first. */
bt_status bt_tiff_broken(const bt_tiff_source *source, bt_error *error);

/* 3, or 1 for gray; and how many values are read of each pixel: its colours' and its opacity. */
int bt_tiff_colours(const bt_tiff_layout *layout);
int bt_tiff_values(const bt_tiff_layout *layout);

/* The page's samples of 16 bits, shown by `scale` in `out`. BT_PARSE, BT_NO_MEMORY. */
BT_MUST_USE bt_status bt_tiff_decode_16(TIFF *tiff, const bt_tiff_source *source,
                                        const bt_tiff_layout *layout, const bt_value_scale *scale,
                                        bt_picture *out, bt_error *error);

#ifdef __cplusplus
}
#endif
#endif
#endif
