#include "image/decode.h"

#include <stdlib.h>
#include <string.h>

#include "base/files.h"
#include "image/decode-formats.h"
#include "image/resize.h"

/* ---- what the decoders share ---- */

bt_status bt_picture_take(bt_picture *out, uint64_t height, uint64_t width, uint64_t fewest_bytes,
                          uint64_t size, bt_error *error) {
    if (height < 1 || width < 1) return bt_fail(error, BT_PARSE, "it has no pixels");
    if (height > BT_IMAGE_SIDE_MAX || width > BT_IMAGE_SIDE_MAX)
        return bt_fail(error, BT_INVALID, "it is %llu pixels high and %llu wide; at most %d each are read",
                       (unsigned long long)height, (unsigned long long)width, BT_IMAGE_SIDE_MAX);
    if (height * width > BT_PICTURE_PIXELS_MAX)
        return bt_fail(error, BT_INVALID, "it has %llu x %llu pixels; at most %d in all are read",
                       (unsigned long long)height, (unsigned long long)width, BT_PICTURE_PIXELS_MAX);
    if (fewest_bytes > size)
        return bt_fail(error, BT_PARSE, "its header says %llu x %llu pixels, which %llu bytes cannot hold",
                       (unsigned long long)height, (unsigned long long)width, (unsigned long long)size);
    out->rgb = malloc(3 * (size_t)(height * width));
    if (!out->rgb)
        return bt_fail(error, BT_NO_MEMORY, "no memory for %d x %d pixels", (int)height, (int)width);
    out->height = (int)height;
    out->width = (int)width;
    return BT_OK;
}

/* ---- orientation ---- */

/* Where EXIF's orientations find the pixel that they show at (y, x), in a picture of height x width as it is
 * stored: 5 to 8 have rows and columns exchanged. */
static size_t stored_at(int orientation, size_t y, size_t x, size_t height, size_t width) {
    if (orientation >= 5) {
        size_t swap = y;
        y = x;
        x = swap;
    }
    bool mirrored = orientation == 2 || orientation == 3 || orientation == 7 || orientation == 8;
    bool upside_down = orientation == 3 || orientation == 4 || orientation == 6 || orientation == 7;
    return (upside_down ? height - 1 - y : y) * width + (mirrored ? width - 1 - x : x);
}

bt_status bt_picture_orient(bt_picture *picture, int orientation, bt_error *error) {
    if (orientation < 2 || orientation > 8) return BT_OK;
    size_t height = (size_t)picture->height, width = (size_t)picture->width;
    size_t to_height = orientation >= 5 ? width : height, to_width = orientation >= 5 ? height : width;
    uint8_t *turned = malloc(3 * height * width), *to = turned;
    if (!turned) return bt_fail(error, BT_NO_MEMORY, "no memory to turn %zu x %zu pixels", height, width);
    for (size_t y = 0; y < to_height; y++)
        for (size_t x = 0; x < to_width; x++, to += 3)
            memcpy(to, picture->rgb + 3 * stored_at(orientation, y, x, height, width), 3);
    free(picture->rgb);
    *picture = (bt_picture){.rgb = turned, .height = (int)to_height, .width = (int)to_width};
    return BT_OK;
}

/* An EXIF block while it is read. */
typedef struct exif {
    const uint8_t *bytes;
    size_t size;
    bool big; /* the most significant byte comes first */
} exif;

/* A number of 2 or 4 bytes; 0 where the block ends before. */
static uint32_t number_at(const exif *e, uint64_t at, int width) {
    uint32_t value = 0;
    if (at + (uint64_t)width > e->size) return 0;
    for (int i = 0; i < width; i++)
        value |= (uint32_t)e->bytes[at + (uint64_t)(e->big ? width - 1 - i : i)] << (8 * i);
    return value;
}

int bt_exif_orientation(const uint8_t *bytes, size_t size) {
    enum { ORIENTATION = 0x0112, SHORT = 3, ENTRY_BYTES = 12 };
    exif e = {.bytes = bytes, .size = size};
    if (size < 8 || (memcmp(bytes, "II*\0", 4) != 0 && memcmp(bytes, "MM\0*", 4) != 0)) return 1;
    e.big = bytes[0] == 'M';
    uint64_t directory = number_at(&e, 4, 4);
    uint32_t count = number_at(&e, directory, 2);
    for (uint32_t i = 0; i < count; i++) {
        uint64_t entry = directory + 2 + (uint64_t)i * ENTRY_BYTES;
        if (number_at(&e, entry, 2) != ORIENTATION || number_at(&e, entry + 2, 2) != SHORT) continue;
        uint32_t value = number_at(&e, entry + 8, 2);
        return value >= 1 && value <= 8 ? (int)value : 1;
    }
    return 1;
}

/* ---- the public side ---- */

#ifdef BT_WITHOUT_FILE_LIBRARIES

static bt_status decode(bt_picture *out, const uint8_t *bytes, size_t size, bt_error *error) {
    (void)out, (void)bytes, (void)size;
    return bt_fail(error, BT_UNSUPPORTED,
                   "this build reads no pictures: it was made without their libraries");
}

#else

static const struct {
    size_t length;
    const char *begins;
    bt_status (*decode)(bt_picture *out, const uint8_t *bytes, size_t size, bt_error *error);
} formats[] = {
    {8, "\x89PNG\r\n\x1a\n", bt_decode_png},
};

static bt_status decode(bt_picture *out, const uint8_t *bytes, size_t size, bt_error *error) {
    if (size > BT_PICTURE_FILE_MAX)
        return bt_fail(error, BT_INVALID, "it has %zu bytes; at most %d are read", size, BT_PICTURE_FILE_MAX);
    for (size_t i = 0; i < sizeof formats / sizeof *formats; i++)
        if (size >= formats[i].length && memcmp(bytes, formats[i].begins, formats[i].length) == 0)
            return formats[i].decode(out, bytes, size, error);
    return bt_fail(error, BT_PARSE, "not a PNG, JPEG or TIFF");
}

#endif

bt_status bt_picture_decode(bt_picture *out, const void *bytes, size_t size, const char *name,
                            bt_error *error) {
    *out = (bt_picture){0};
    bt_status status = decode(out, bytes, size, error);
    if (status == BT_OK) return BT_OK;
    bt_picture_close(out);
    return bt_fail_at(error, status, "%s", name);
}

bt_status bt_picture_load(bt_picture *out, const char *path, bt_error *error) {
    char *bytes;
    size_t size;
    *out = (bt_picture){0};
    bt_status status = bt_file_read(path, BT_PICTURE_FILE_MAX, &bytes, &size, error);
    if (status != BT_OK) return status;
    status = bt_picture_decode(out, bytes, size, path, error);
    free(bytes);
    return status;
}

void bt_picture_close(bt_picture *picture) {
    if (!picture) return;
    free(picture->rgb);
    *picture = (bt_picture){0};
}
