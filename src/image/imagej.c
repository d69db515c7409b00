#include "image/imagej.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/text.h"
#include "image/tiff-directory.h"

#define NUMBER_MAX   1000000    /* of channels and images: more are none */
#define PAIR_BYTES   16         /* two doubles */
#define HEADER_BYTES 4          /* of the blocks: a word that tells their byte order */
#define RANGES       0x72616e67 /* "rang", in the order of their bytes */
#define KIND_BYTES   8          /* of each kind of block in the header: its name, and how many there are */

/* ---- the description ---- */

/* The value of `key` at the start of a line; NAN where there is none. */
static double value_of(const char *text, size_t size, const char *key) {
    size_t length = strlen(key);
    for (const char *line = text, *end = text + size; line && line < end;) {
        size_t left = (size_t)(end - line);
        if (left > length + 1 && memcmp(line, key, length) == 0 && line[length] == '=') {
            char number[BT_NUMBER_TEXT_SIZE] = "", *stopped;
            size_t taken = left - length - 1 < sizeof number - 1 ? left - length - 1 : sizeof number - 1;
            memcpy(number, line + length + 1, taken);
            double value = bt_text_read_number(number, &stopped);
            return stopped != number ? value : NAN;
        }
        line = memchr(line, '\n', left);
        line = line ? line + 1 : NULL;
    }
    return NAN;
}

static int count_of(const char *text, size_t size, const char *key) {
    double value = value_of(text, size, key);
    return value >= 1 && value <= NUMBER_MAX ? (int)value : 1;
}

static bool is_range(bt_value_range range) {
    return isfinite(range.black) && isfinite(range.white) && range.white > range.black;
}

bool bt_imagej_read(bt_imagej *out, const char *text, size_t size) {
    static const char begins[] = "ImageJ=";
    *out = (bt_imagej){0};
    if (size < sizeof begins - 1 || memcmp(text, begins, sizeof begins - 1) != 0) return false;
    out->channels = count_of(text, size, "channels");
    out->images = count_of(text, size, "images");
    out->range = (bt_value_range){value_of(text, size, "min"), value_of(text, size, "max")};
    out->has_range = is_range(out->range);
    return true;
}

/* ---- the blocks ---- */

/* The header names the kinds of blocks and how many there are of each; then come the blocks, in that order.
 * Where the first of "rang" lies and how many bytes it has; false where there is none. `blocks` becomes what
 * reads them, in their own byte order. */
static bool find_ranges(bt_tiff_file *blocks, const uint32_t *counts, size_t count, size_t *at,
                        size_t *bytes) {
    if (count < 2 || counts[0] < HEADER_BYTES || counts[0] > blocks->size) return false;
    blocks->big_endian = memcmp(blocks->bytes, "IJIJ", HEADER_BYTES) == 0;
    if (!blocks->big_endian && memcmp(blocks->bytes, "JIJI", HEADER_BYTES) != 0) return false;
    size_t index = 1;
    *at = counts[0];
    for (size_t kind = HEADER_BYTES; kind + KIND_BYTES <= counts[0]; kind += KIND_BYTES) {
        bool is_ranges = bt_tiff_number_at(blocks, kind, 4) == RANGES;
        uint64_t how_many = bt_tiff_number_at(blocks, kind + 4, 4);
        for (uint64_t i = 0; i < how_many; i++, index++) {
            if (index >= count || counts[index] > blocks->size - *at) return false;
            *bytes = counts[index];
            if (is_ranges) return true;
            *at += *bytes;
        }
    }
    return false;
}

static double double_at(const bt_tiff_file *blocks, size_t at) {
    uint64_t bits = bt_tiff_number_at(blocks, at, 8);
    double value;
    memcpy(&value, &bits, sizeof value);
    return value;
}

int bt_imagej_ranges(const uint32_t *counts, size_t count, const uint8_t *blocks, size_t size) {
    bt_tiff_file reader = {.bytes = blocks, .size = size};
    size_t at, bytes;
    if (!find_ranges(&reader, counts, count, &at, &bytes)) return 0;
    return bytes / PAIR_BYTES < NUMBER_MAX ? (int)(bytes / PAIR_BYTES) : NUMBER_MAX;
}

bool bt_imagej_range(bt_value_range *out, const uint32_t *counts, size_t count, const uint8_t *blocks,
                     size_t size, int channel) {
    bt_tiff_file reader = {.bytes = blocks, .size = size};
    size_t at, bytes;
    if (!find_ranges(&reader, counts, count, &at, &bytes)) return false;
    if (channel < 0 || (size_t)channel >= bytes / PAIR_BYTES) return false;
    at += (size_t)channel * PAIR_BYTES;
    *out = (bt_value_range){double_at(&reader, at), double_at(&reader, at + PAIR_BYTES / 2)};
    return is_range(*out);
}
