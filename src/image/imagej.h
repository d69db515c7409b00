/* What ImageJ writes into its TIFF files beside the pixels: a description in lines of key=value, and blocks
 * of metadata (tags 50838, how long each is, and 50839, the blocks), of which "rang" holds the display range
 * of every channel. The description's own min and max are those of the channel that was shown when the
 * file was saved, whichever that was. */
#ifndef BT_IMAGE_IMAGEJ_H
#define BT_IMAGE_IMAGEJ_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "image/value-scale.h"

#ifdef __cplusplus
extern "C" {
#endif

typedef struct bt_imagej {
    int channels; /* pages come channel by channel, before slices and frames */
    int images;   /* pages; the file may have one directory for all of them */
    bool has_range;
    bt_value_range range; /* min and max */
} bt_imagej;

/* Reads a description, which need not end in a zero; false where it is none of ImageJ's. */
bool bt_imagej_read(bt_imagej *out, const char *text, size_t size);

/* The display range of channel `channel`, from 0, in the blocks of tag 50839, of which tag 50838 counts the
 * bytes. False where there is none, or it is empty. */
bool bt_imagej_range(bt_value_range *out, const uint32_t *counts, size_t count, const uint8_t *blocks,
                     size_t size, int channel);

/* How many channels have one. */
int bt_imagej_ranges(const uint32_t *counts, size_t count, const uint8_t *blocks, size_t size);

#ifdef __cplusplus
}
#endif
#endif
