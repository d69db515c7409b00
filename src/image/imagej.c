#include "image/imagej.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/text.h"

#define NUMBER_MAX   1000000 /* of channels and images: more are none */
#define PAIR_BYTES   16      /* two doubles */
#define HEADER_BYTES 4       /* of the blocks: a word that tells their byte order */
#define KIND_BYTES   8       /* of each kind of block in the header: its name, and how many there are */

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

static uint64_t number_at(const uint8_t *bytes, bool big, int width) {
    uint64_t value = 0;
    for (int i = 0; i < width; i++)
        value |= (uint64_t)bytes[big ? width - 1 - i : i] << (8 * i);
    return value;
}

/* The header names the kinds of blocks and how many there are of each; then come the blocks, in that order.
 * The first of "rang", and its bytes; NULL where there is none. */
static const uint8_t *find_ranges(const uint32_t *counts, size_t count, const uint8_t *blocks, size_t size,
                                  bool *big, size_t *bytes) {
    if (count < 2 || counts[0] < HEADER_BYTES || counts[0] > size) return NULL;
    *big = memcmp(blocks, "IJIJ", HEADER_BYTES) == 0;
    if (!*big && memcmp(blocks, "JIJI", HEADER_BYTES) != 0) return NULL;
    size_t at = counts[0], index = 1;
    for (size_t kind = HEADER_BYTES; kind + KIND_BYTES <= counts[0]; kind += KIND_BYTES) {
        bool is_ranges = memcmp(blocks + kind, *big ? "rang" : "gnar", 4) == 0;
        uint64_t how_many = number_at(blocks + kind + 4, *big, 4);
        for (uint64_t i = 0; i < how_many; i++, index++) {
            if (index >= count || counts[index] > size - at) return NULL;
            if (is_ranges) {
                *bytes = counts[index];
                return blocks + at;
            }
            at += counts[index];
        }
    }
    return NULL;
}

static double double_at(const uint8_t *bytes, bool big) {
    uint64_t bits = number_at(bytes, big, 8);
    double value;
    memcpy(&value, &bits, sizeof value);
    return value;
}

int bt_imagej_ranges(const uint32_t *counts, size_t count, const uint8_t *blocks, size_t size) {
    bool big;
    size_t bytes;
    if (!find_ranges(counts, count, blocks, size, &big, &bytes)) return 0;
    return bytes / PAIR_BYTES < NUMBER_MAX ? (int)(bytes / PAIR_BYTES) : NUMBER_MAX;
}

bool bt_imagej_range(bt_value_range *out, const uint32_t *counts, size_t count, const uint8_t *blocks,
                     size_t size, int channel) {
    bool big;
    size_t bytes;
    const uint8_t *ranges = find_ranges(counts, count, blocks, size, &big, &bytes);
    if (!ranges || channel < 0 || (size_t)channel >= bytes / PAIR_BYTES) return false;
    const uint8_t *pair = ranges + (size_t)channel * PAIR_BYTES;
    *out = (bt_value_range){double_at(pair, big), double_at(pair + PAIR_BYTES / 2, big)};
    return is_range(*out);
}
