/* What libtiff is shown of a file, and what it says: its callbacks read from memory, where a few bytes stand
 * in place of the file's own, and its first complaint is kept. */
#include "image/tiff-source.h"

#include "base/text.h"

#ifndef BT_WITHOUT_FILE_LIBRARIES

#include <pthread.h>
#include <stdio.h>
#include <string.h>

/* From 4.5 on a handle has its own handlers and a bound on what it allocates at once. */
#define TIFF_HAS_OPTIONS (TIFFLIB_VERSION >= 20221213)
#define NO_TAG           65000 /* of a number that nobody has given a meaning */

/* ---- what it reads ---- */

static tmsize_t read_bytes(thandle_t handle, void *to, tmsize_t count) {
    bt_tiff_source *s = handle;
    uint64_t at = s->at + s->shift;
    if (count < 0 || at >= s->size) return 0;
    uint64_t left = s->size - at, taken = (uint64_t)count < left ? (uint64_t)count : left;
    memcpy(to, s->bytes + at, taken);
    for (int i = 0; i < s->patch_count; i++)
        for (uint64_t k = 0, place = s->patches[i].at; k < s->patches[i].size; k++, place++)
            if (place >= at && place - at < taken) ((uint8_t *)to)[place - at] = s->patches[i].bytes[k];
    s->at += taken;
    return (tmsize_t)taken;
}

static tmsize_t write_nothing(thandle_t handle, void *from, tmsize_t count) {
    (void)handle, (void)from, (void)count;
    return 0;
}

/* Going beyond the end is allowed; reading there gives nothing. */
static toff_t seek_to(thandle_t handle, toff_t offset, int whence) {
    bt_tiff_source *s = handle;
    uint64_t from = whence == SEEK_CUR ? s->at : whence == SEEK_END ? s->size : 0;
    s->at = from + offset;
    return s->at;
}

static int close_nothing(thandle_t handle) {
    (void)handle;
    return 0;
}

static toff_t size_of(thandle_t handle) {
    return ((bt_tiff_source *)handle)->size;
}

static void add_patch(bt_tiff_source *s, uint64_t at, uint64_t value, int size, bool big_endian) {
    bt_tiff_patch *to = &s->patches[s->patch_count++];
    *to = (bt_tiff_patch){.at = at, .size = (uint8_t)size};
    for (int i = 0; i < size; i++)
        to->bytes[i] = (uint8_t)(value >> (8 * (big_endian ? size - 1 - i : i)));
}

void bt_tiff_source_show_page(bt_tiff_source *s, const bt_tiff_file *file, const bt_tiff_page *found) {
    static const uint16_t hidden[] = {BT_TIFF_MINIMUM, BT_TIFF_MAXIMUM, BT_TIFF_LEAST, BT_TIFF_GREATEST};
    int offset_bytes = file->big_tiff ? 8 : 4;
    add_patch(s, (uint64_t)offset_bytes, found->directory, offset_bytes, file->big_endian);
    for (size_t i = 0; i < sizeof hidden / sizeof *hidden; i++) {
        uint64_t at = bt_tiff_place(file, found->directory, hidden[i]);
        if (at) add_patch(s, at, NO_TAG, 2, file->big_endian);
    }
}

/* ---- what it says ---- */

#if TIFF_HAS_OPTIONS

/* Keeps the first: it is the cause, the others follow from it. */
static int keep_error(TIFF *tiff, void *user, const char *module, const char *format, va_list arguments) {
    bt_tiff_source *s = user;
    (void)tiff, (void)module;
    if (s->message[0] == '\0') bt_text_format_list(s->message, sizeof s->message, format, arguments);
    return 1;
}

/* Warnings harm no pixel, but for those of a JPEG that is damaged, which libtiff fills up with gray. */
static int keep_warning(TIFF *tiff, void *user, const char *module, const char *format, va_list arguments) {
    char message[sizeof((bt_tiff_source *)0)->message];
    bt_tiff_source *s = user;
    if (!module || strcmp(module, "JPEGLib") != 0) return 1;
    va_list again;
    va_copy(again, arguments);
    bt_text_format_list(message, sizeof message, format, again);
    va_end(again);
    if (strncmp(message, "Premature end", 13) == 0) s->jpeg_lacks_end = true;
    if (strncmp(message, "Corrupt", 7) != 0 || strstr(message, "extraneous")) return 1;
    s->jpeg_broken = true;
    return keep_error(tiff, user, module, format, arguments);
}

TIFF *bt_tiff_source_open(bt_tiff_source *s) {
    TIFFOpenOptions *options = TIFFOpenOptionsAlloc();
    if (!options) return NULL;
    TIFFOpenOptionsSetMaxSingleMemAlloc(options, BT_TIFF_ALLOCATION_MAX);
    TIFFOpenOptionsSetErrorHandlerExtR(options, keep_error, s);
    TIFFOpenOptionsSetWarningHandlerExtR(options, keep_warning, s);
    TIFF *tiff = TIFFClientOpenExt("tiff", "r", s, read_bytes, write_nothing, seek_to, close_nothing, size_of,
                                   NULL, NULL, options);
    TIFFOpenOptionsFree(options);
    return tiff;
}

#else

/* Handlers are the whole process's: none, so that nothing is printed; what was wrong stays unsaid. */
static void set_handlers(void) {
    TIFFSetErrorHandler(NULL);
    TIFFSetWarningHandler(NULL);
}

TIFF *bt_tiff_source_open(bt_tiff_source *s) {
    static pthread_once_t once = PTHREAD_ONCE_INIT;
    pthread_once(&once, set_handlers);
    return TIFFClientOpen("tiff", "r", s, read_bytes, write_nothing, seek_to, close_nothing, size_of, NULL,
                          NULL);
}

#endif

/* What is read fails at the file's end alone; libtiff's words for that give a row that it has not begun. */
bt_status bt_tiff_broken(const bt_tiff_source *s, bt_error *error) {
    if (strncmp(s->message, "Read error", 10) == 0)
        return bt_fail(error, BT_PARSE, "a damaged TIFF: it ends before its last row");
    return bt_fail(error, BT_PARSE, "a damaged TIFF%s%s", s->message[0] ? ": " : "", s->message);
}

/* ---- the values of a pixel ---- */

int bt_tiff_colours(const bt_tiff_layout *p) {
    return p->photometric == PHOTOMETRIC_RGB ? 3 : 1;
}

int bt_tiff_values(const bt_tiff_layout *p) {
    return bt_tiff_colours(p) + (p->alpha ? 1 : 0);
}

#endif
