/* From the values that a picture stores to the bytes that it shows: for decoders.
 *
 * 12-bit values fill a sixteenth of a 16-bit range, and nothing about the pixels themselves tells that: read
 * as they stand they are black, and a network finds nothing in them. So which value is white is found out
 * before (tiff-white.c), and where what a picture uses of the range so assumed is less than a sixteenth, it
 * gets a note that says what was assumed; and so it does where many of its values lie beyond what should be
 * the greatest. */
#ifndef BT_IMAGE_VALUE_SCALE_H
#define BT_IMAGE_VALUE_SCALE_H

#include "image/decode.h"

#ifdef __cplusplus
extern "C" {
#endif

typedef struct bt_value_range {
    double black, white;
} bt_value_range;

/* What values mean. */
typedef struct bt_value_scale {
    bt_value_range of[3]; /* by colour; of gray the first */
    double most;          /* that the bits can hold */
    bool inverted;        /* the other way round: `black` is shown white */
    bool own;    /* `of` is not known: the picture's own least and greatest value, which a note tells */
    bool bounds; /* white is said to be the greatest value that there can be */
    bool given;  /* by a person, who need not be told */
    bool fixed;  /* there is nothing to scale: palettes, and fewer than 8 bits */
    const char *said_by; /* of `of`, for a note: "ImageJ's display range"; NULL: all that the bits hold */
    int channels;        /* with `own`: ImageJ's, for the note */
} bt_value_scale;

/* The scale of `bits` (8 or 16) by the wishes, or else in full. BT_INVALID for a white beyond the bits. */
BT_MUST_USE bt_status bt_value_scale_of(bt_value_scale *out, int bits, const bt_picture_wishes *wishes,
                                        bt_error *error);

typedef enum bt_opacity {
    BT_OPAQUE,
    BT_OPACITY_APART,     /* colours are what they would be without it */
    BT_OPACITY_MULTIPLIED /* colours are multiplied by it already */
} bt_opacity;

/* Pixels as they are stored. */
typedef struct bt_values {
    const void *values; /* of 1 byte or 2 each: `bits` is 8 or 16 */
    int bits;
    int colours;        /* 1 or 3 */
    int stride;         /* values from pixel to pixel */
    bt_opacity opacity; /* the value behind the colours */
} bt_values;

/* Shows out->height x out->width values in out->rgb, laid over white; of 8 bits, opaque and of three
 * colours without a gap they may lie there already. Sets what is black and white, and adds the notes.
 * BT_NO_MEMORY. */
BT_MUST_USE bt_status bt_values_show(const bt_values *values, const bt_value_scale *scale, bt_picture *out,
                                     bt_error *error);

#ifdef __cplusplus
}
#endif
#endif
