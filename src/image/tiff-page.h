/* Which page of a TIFF file is read, and what its values mean: what the tags say beside the pixels. */
#ifndef BT_IMAGE_TIFF_PAGE_H
#define BT_IMAGE_TIFF_PAGE_H

#include "image/tiff-directory.h"
#include "image/value-scale.h"

#ifdef __cplusplus
extern "C" {
#endif

#define BT_TIFF_DESCRIPTION   270
#define BT_TIFF_MINIMUM       280
#define BT_TIFF_MAXIMUM       281
#define BT_TIFF_LEAST         340 /* the same of any type: SMinSampleValue, SMaxSampleValue */
#define BT_TIFF_GREATEST      341
#define BT_TIFF_MICRO_MANAGER 51123
#define BT_TIFF_IMAGEJ_COUNTS 50838
#define BT_TIFF_IMAGEJ_BLOCKS 50839

typedef struct bt_tiff_page {
    uint64_t directory;
    int index;         /* of the directory among all, from 0 */
    int number, count; /* from 1; of the pages in full resolution */
    /* Its pixels lie so many bytes behind where the directory says: ImageJ writes a directory for the first
     * of many pages only, where the file is large. */
    uint64_t shift;
} bt_tiff_page;

/* Finds the page that is wished for, and adds notes to `picture` where a person may have meant another. Pages
 * are the directories that are marked neither as reduced nor as a mask; where all are marked so, those below
 * them (SubIFDs) that are not, and where there are none either, the first whatever it is. BT_INVALID where
 * there is no such page. A file without a directory is BT_OK: libtiff says what is wrong with it. */
BT_MUST_USE bt_status bt_tiff_find_page(bt_tiff_page *out, const bt_tiff_file *file,
                                        const bt_picture_wishes *wishes, bt_picture *picture,
                                        bt_error *error);

/* Which values are black and white on a page of `colours` (1 or 3) of `bits` (8 or 16): what is wished, else
 * ImageJ's display range of the page's channel, OME-XML's SignificantBits, Micro-Manager's BitDepth, and of
 * 16 bits MaxSampleValue and SMaxSampleValue; else all that the bits hold. Adds notes where the file says it
 * in a way that cannot be used. BT_INVALID for a wish beyond the bits, BT_NO_MEMORY. */
BT_MUST_USE bt_status bt_tiff_scale(bt_value_scale *out, const bt_tiff_file *file, const bt_tiff_page *page,
                                    int bits, int colours, const bt_picture_wishes *wishes,
                                    bt_picture *picture, bt_error *error);

#ifdef __cplusplus
}
#endif
#endif
