#include "image/decode.h"

#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include "base/files.h"
#include "base/text.h"
#include "image/decode-formats.h"
#include "image/resize.h"
#include "image/tiff-directory.h"

#define ORIENTATION_TAG 0x0112

/* ---- what the decoders share ---- */

static bt_status check_head(const bt_picture_head *head, uint64_t size, bt_error *error) {
    const uint64_t height = head->height, width = head->width;
    if (height < 1 || width < 1) return bt_fail(error, BT_PARSE, "it has no pixels");
    if (height > BT_IMAGE_SIDE_MAX || width > BT_IMAGE_SIDE_MAX)
        return bt_fail(error, BT_INVALID, "it is %llu pixels high and %llu wide; at most %d each are read",
                       (unsigned long long)height, (unsigned long long)width, BT_IMAGE_SIDE_MAX);
    if (height * width > BT_PICTURE_PIXELS_MAX)
        return bt_fail(error, BT_INVALID, "it has %llu x %llu pixels; at most %d in all are read",
                       (unsigned long long)height, (unsigned long long)width, BT_PICTURE_PIXELS_MAX);
    if (head->fewest_bytes > size)
        return bt_fail(error, BT_PARSE, "its header says %llu x %llu pixels, which %llu bytes cannot hold",
                       (unsigned long long)height, (unsigned long long)width, (unsigned long long)size);
    return BT_OK;
}

bt_status bt_picture_take(bt_picture *out, const bt_picture_head *head, uint64_t size,
                          const bt_picture_wishes *wishes, bt_error *error) {
    bt_status status = check_head(head, size, error);
    const size_t pixels = (size_t)(head->height * head->width);
    if (status == BT_OK && wishes->may_take)
        status = wishes->may_take(wishes->context, pixels * head->pixel_bytes, error);
    if (status != BT_OK) return status;
    out->rgb = malloc(3 * pixels);
    if (!out->rgb) return bt_no_memory(error, "%d x %d pixels", (int)head->height, (int)head->width);
    out->height = (int)head->height;
    out->width = (int)head->width;
    return BT_OK;
}

void bt_picture_note(bt_picture *picture, const char *format, ...) {
    va_list arguments;
    if (picture->note_count == BT_PICTURE_NOTES_MAX) return;
    va_start(arguments, format);
    bt_text_format_list(picture->notes[picture->note_count++], BT_PICTURE_NOTE_SIZE, format, arguments);
    va_end(arguments);
}

bt_status bt_picture_only_page(const bt_picture_wishes *wishes, bt_error *error) {
    if (wishes->page <= 1) return BT_OK;
    return bt_fail(error, BT_INVALID, "it has one page, and no page %d", wishes->page);
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
    if (!turned) return bt_no_memory(error, "turning %zu x %zu pixels", height, width);
    for (size_t y = 0; y < to_height; y++)
        for (size_t x = 0; x < to_width; x++, to += 3)
            memcpy(to, picture->rgb + 3 * stored_at(orientation, y, x, height, width), 3);
    free(picture->rgb);
    picture->rgb = turned;
    picture->height = (int)to_height;
    picture->width = (int)to_width;
    return BT_OK;
}

int bt_exif_orientation(const uint8_t *exif, size_t size) {
    bt_tiff_file file;
    if (!bt_tiff_open(&file, exif, size)) return 1;
    double said = bt_tiff_number(&file, bt_tiff_first(&file), ORIENTATION_TAG, 1);
    return said >= 1 && said <= 8 ? (int)said : 1;
}

/* ---- the public side ---- */

#ifdef BT_WITHOUT_FILE_LIBRARIES

static bt_status decode(bt_picture *out, const uint8_t *bytes, size_t size, const bt_picture_wishes *wishes,
                        bt_error *error) {
    (void)out, (void)bytes, (void)size, (void)wishes;
    return bt_fail(error, BT_UNSUPPORTED,
                   "this build reads no pictures: it was made without their libraries");
}

#else

static const struct {
    size_t length;
    const char *begins;
    bt_status (*decode)(bt_picture *out, const uint8_t *bytes, size_t size, const bt_picture_wishes *wishes,
                        bt_error *error);
} formats[] = {
    {8, "\x89PNG\r\n\x1a\n", bt_decode_png},
    {3, "\xff\xd8\xff", bt_decode_jpeg},
    {4, "II*\0", bt_decode_tiff},
    {4, "MM\0*", bt_decode_tiff},
    {4, "II+\0", bt_decode_tiff},
    {4, "MM\0+", bt_decode_tiff}, /* BigTIFF */
};

static bt_status decode(bt_picture *out, const uint8_t *bytes, size_t size, const bt_picture_wishes *wishes,
                        bt_error *error) {
    if (size > BT_PICTURE_FILE_MAX)
        return bt_fail(error, BT_INVALID, "it has %zu bytes; at most %d are read", size, BT_PICTURE_FILE_MAX);
    for (size_t i = 0; i < sizeof formats / sizeof *formats; i++)
        if (size >= formats[i].length && memcmp(bytes, formats[i].begins, formats[i].length) == 0)
            return formats[i].decode(out, bytes, size, wishes, error);
    return bt_fail(error, BT_PARSE, "not a PNG, JPEG or TIFF");
}

#endif

/* Puts the name before each note. */
static void name_notes(bt_picture *picture, const char *name) {
    char line[BT_PICTURE_NOTE_SIZE];
    const size_t room = BT_PICTURE_NOTE_SIZE - sizeof ": ";
    for (int i = 0; i < picture->note_count; i++) {
        memcpy(line, picture->notes[i], sizeof line);
        snprintf(picture->notes[i], BT_PICTURE_NOTE_SIZE, "%.*s: %.*s", (int)bt_text_fit(name, room / 2),
                 name, (int)bt_text_fit(line, room / 2), line);
    }
}

bt_status bt_picture_decode(bt_picture *out, const void *bytes, size_t size, const char *name,
                            const bt_picture_wishes *wishes, bt_error *error) {
    static const bt_picture_wishes none = {0};
    *out = (bt_picture){.page = 1, .pages = 1};
    bt_status status = decode(out, bytes, size, wishes ? wishes : &none, error);
    name_notes(out, name);
    if (status == BT_OK) return BT_OK;
    bt_picture_close(out);
    return bt_fail_at(error, status, "%s", name);
}

bt_status bt_picture_load(bt_picture *out, const char *path, const bt_picture_wishes *wishes,
                          bt_error *error) {
    char *bytes;
    size_t size;
    *out = (bt_picture){0};
    bt_status status = bt_file_read(path, BT_PICTURE_FILE_MAX, &bytes, &size, error);
    if (status != BT_OK) return status;
    status = bt_picture_decode(out, bytes, size, path, wishes, error);
    free(bytes);
    return status;
}

void bt_picture_tell(const bt_picture *picture, bt_log *log) {
    for (int i = 0; i < picture->note_count; i++)
        bt_log_write(log, BT_LOG_WARNING, "%s", picture->notes[i]);
}

void bt_picture_close(bt_picture *picture) {
    if (!picture) return;
    free(picture->rgb);
    *picture = (bt_picture){0};
}
