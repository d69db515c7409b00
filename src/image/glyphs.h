/* Letters of dots for drawings, which no font need be installed for: ASCII's. Internal to image/. */
#ifndef BT_IMAGE_GLYPHS_H
#define BT_IMAGE_GLYPHS_H

#include <stdbool.h>
#include <stdint.h>

#define BT_GLYPH_COLUMNS 5
#define BT_GLYPH_ROWS    9 /* the last two hang below the line */
#define BT_GLYPH_TALL    7 /* of a capital or a digit */

/* Rows from the top, the leftmost dot in the highest of five bits; of other characters a question mark. */
const uint8_t *bt_glyph_rows(char character);

/* Whether all of a text's characters are there. */
bool bt_glyphs_have(const char *text);

#endif
