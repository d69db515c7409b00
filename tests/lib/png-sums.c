#include "png-sums.h"

#include <string.h>

/* CRC-32 as PNG takes it. */
static uint32_t sum_of(const uint8_t *bytes, size_t size) {
    uint32_t crc = 0xffffffff;
    for (size_t i = 0; i < size; i++) {
        crc ^= bytes[i];
        for (int bit = 0; bit < 8; bit++)
            crc = crc >> 1 ^ (crc & 1 ? 0xedb88320 : 0);
    }
    return ~crc;
}

void png_mend_sums(uint8_t *bytes, size_t size) {
    if (size < 8 || memcmp(bytes, "\x89PNG\r\n\x1a\n", 8) != 0) return;
    for (size_t at = 8; at + 12 <= size;) { /* length, kind, data, sum */
        size_t length = (size_t)bytes[at] << 24 | (size_t)bytes[at + 1] << 16 | (size_t)bytes[at + 2] << 8 |
                        (size_t)bytes[at + 3];
        if (length > size - at - 12) return;
        uint32_t sum = sum_of(bytes + at + 4, 4 + length);
        for (size_t i = 0; i < 4; i++)
            bytes[at + 8 + length + i] = (uint8_t)(sum >> (24 - 8 * i));
        at += 12 + length;
    }
}
