/* What OME-XML, in an OME-TIFF's first description, says of a page's values: Pixels' SignificantBits, 12
 * where a camera of 12 bits was stored in 16.
 *
 * The XML is anybody's. It is parsed by expat, without what makes XML dangerous: a document type, and with it
 * entities of its own, ends the reading; so do depths and sizes that no OME-XML has. */
#ifndef BT_IMAGE_OME_XML_H
#define BT_IMAGE_OME_XML_H

#include <stdbool.h>
#include <stddef.h>

#include "base/error.h"

#ifdef __cplusplus
extern "C" {
#endif

typedef struct bt_ome {
    bool is_ome;          /* its root is OME's */
    int significant_bits; /* of the Pixels that have the page, else of the first; 0: nothing is said */
    char companion[128];  /* the file that has the metadata, where this one has but its name; else "" */
    char broken[128];     /* what is wrong with the XML, where that kept the page from being found; else "" */
} bt_ome;

/* Reads `size` bytes of text for the page in directory `index`, from 0 as TiffData's IFD counts them. Text
 * that is no OME-XML is BT_OK and is_ome false. BT_NO_MEMORY. Any thread. */
BT_MUST_USE bt_status bt_ome_read(bt_ome *out, const char *text, size_t size, int index, bt_error *error);

#ifdef __cplusplus
}
#endif
#endif
