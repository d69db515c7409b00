/* What ImageJ writes beside the pixels: the tags 50838 (after a first byte that says how many numbers it has)
 * and 50839; and the same bytes as a description. */
#include <stdlib.h>
#include <string.h>

#include "image/imagej.h"
#include "input.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    uint32_t counts[256];
    bt_imagej imagej;
    bt_value_range range;
    if (size == 0) return 0;
    size_t count = data[0], bytes = count * sizeof *counts;
    if (bt_imagej_read(&imagej, (const char *)data + 1, size - 1) &&
        (imagej.channels < 1 || imagej.images < 1))
        abort();
    if (size - 1 < bytes) return 0;
    memcpy(counts, data + 1, bytes);
    const uint8_t *blocks = data + 1 + bytes;
    int channels = bt_imagej_ranges(counts, count, blocks, size - 1 - bytes);
    for (int c = 0; c < channels && c < 16; c++)
        if (bt_imagej_range(&range, counts, count, blocks, size - 1 - bytes, c) &&
            !(range.white > range.black))
            abort();
    return 0;
}
