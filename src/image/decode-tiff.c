/* TIFF, by libtiff. Samples of up to 8 bits go through libtiff's own conversion to RGBA; those of 16 are read
 * here, since that conversion keeps their upper bytes only, and a microscope's camera seldom fills them. */
#include "base/text.h"
#include "image/decode-formats.h"
#include "image/tiff-page.h"

#ifndef BT_WITHOUT_FILE_LIBRARIES

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <tiffio.h>

/* From 4.5 on a handle has its own handlers and a bound on what it allocates at once. */
#define TIFF_HAS_OPTIONS (TIFFLIB_VERSION >= 20221213)
#define ALLOCATION_MAX   (1 << 29) /* bytes: a picture of BT_PICTURE_PIXELS_MAX, of 8 bytes a pixel */

#define PATCHES_MAX 8
#define NO_TAG      65000 /* of a number that nobody has given a meaning */

/* Bytes that libtiff is shown in place of the file's. */
typedef struct patch {
    uint64_t at;
    uint8_t size, bytes[8];
} patch;

/* The file as libtiff sees it, and what libtiff said first. */
typedef struct source {
    const uint8_t *bytes;
    uint64_t size, at;
    uint64_t shift; /* of what is read from now on: so many bytes further behind */
    int patch_count;
    patch patches[PATCHES_MAX];
    char message[160];
    bool jpeg_broken, jpeg_lacks_end; /* a JPEG within the file */
} source;

/* What a page says of itself. */
typedef struct page {
    uint32_t height, width, block_height, block_width; /* a block is a tile, or the rows of a strip */
    uint16_t bits, channels, format, photometric, compression, orientation;
    bool tiled, separate; /* separate: each channel is a plane of its own */
    int alpha;            /* the extra channel's kind; 0: none, or none that is alpha */
} page;

/* ---- libtiff's callbacks ---- */

static tmsize_t read_bytes(thandle_t handle, void *to, tmsize_t count) {
    source *s = handle;
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
    source *s = handle;
    uint64_t from = whence == SEEK_CUR ? s->at : whence == SEEK_END ? s->size : 0;
    s->at = from + offset;
    return s->at;
}

static int close_nothing(thandle_t handle) {
    (void)handle;
    return 0;
}

static toff_t size_of(thandle_t handle) {
    return ((source *)handle)->size;
}

#if TIFF_HAS_OPTIONS

/* Keeps the first: it is the cause, the others follow from it. */
static int keep_error(TIFF *tiff, void *user, const char *module, const char *format, va_list arguments) {
    source *s = user;
    (void)tiff, (void)module;
    if (s->message[0] == '\0') bt_text_format_list(s->message, sizeof s->message, format, arguments);
    return 1;
}

/* Warnings harm no pixel, but for those of a JPEG that is damaged, which libtiff fills up with gray. */
static int hear_warning(TIFF *tiff, void *user, const char *module, const char *format, va_list arguments) {
    char message[sizeof((source *)0)->message];
    source *s = user;
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

static TIFF *open_tiff(source *s) {
    TIFFOpenOptions *options = TIFFOpenOptionsAlloc();
    if (!options) return NULL;
    TIFFOpenOptionsSetMaxSingleMemAlloc(options, ALLOCATION_MAX);
    TIFFOpenOptionsSetErrorHandlerExtR(options, keep_error, s);
    TIFFOpenOptionsSetWarningHandlerExtR(options, hear_warning, s);
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

static TIFF *open_tiff(source *s) {
    static pthread_once_t once = PTHREAD_ONCE_INIT;
    pthread_once(&once, set_handlers);
    return TIFFClientOpen("tiff", "r", s, read_bytes, write_nothing, seek_to, close_nothing, size_of, NULL,
                          NULL);
}

#endif

/* What is read fails at the file's end alone; libtiff's words for that give a row that it has not begun. */
static bt_status broken(const source *s, bt_error *error) {
    if (strncmp(s->message, "Read error", 10) == 0)
        return bt_fail(error, BT_PARSE, "a damaged TIFF: it ends before its last row");
    return bt_fail(error, BT_PARSE, "a damaged TIFF%s%s", s->message[0] ? ": " : "", s->message);
}

/* ---- the header ---- */

static int colours_of(const page *p) {
    return p->photometric == PHOTOMETRIC_RGB ? 3 : 1;
}

static void read_page(TIFF *tiff, page *p) {
    uint16_t planar = PLANARCONFIG_CONTIG, extra_count = 0, *extras = NULL;
    TIFFGetField(tiff, TIFFTAG_IMAGELENGTH, &p->height);
    TIFFGetField(tiff, TIFFTAG_IMAGEWIDTH, &p->width);
    TIFFGetFieldDefaulted(tiff, TIFFTAG_BITSPERSAMPLE, &p->bits);
    TIFFGetFieldDefaulted(tiff, TIFFTAG_SAMPLESPERPIXEL, &p->channels);
    TIFFGetFieldDefaulted(tiff, TIFFTAG_SAMPLEFORMAT, &p->format);
    TIFFGetFieldDefaulted(tiff, TIFFTAG_COMPRESSION, &p->compression);
    TIFFGetFieldDefaulted(tiff, TIFFTAG_ORIENTATION, &p->orientation);
    TIFFGetFieldDefaulted(tiff, TIFFTAG_PLANARCONFIG, &planar);
    if (!TIFFGetField(tiff, TIFFTAG_PHOTOMETRIC, &p->photometric))
        p->photometric = p->channels >= 3 ? PHOTOMETRIC_RGB : PHOTOMETRIC_MINISBLACK;
    p->separate = planar == PLANARCONFIG_SEPARATE && p->channels > 1;
    p->tiled = TIFFIsTiled(tiff);
    p->block_width = p->width;
    if (p->tiled) {
        TIFFGetField(tiff, TIFFTAG_TILELENGTH, &p->block_height);
        TIFFGetField(tiff, TIFFTAG_TILEWIDTH, &p->block_width);
    } else
        TIFFGetFieldDefaulted(tiff, TIFFTAG_ROWSPERSTRIP, &p->block_height);
    if (!p->tiled && p->block_height > p->height) p->block_height = p->height;
    TIFFGetFieldDefaulted(tiff, TIFFTAG_EXTRASAMPLES, &extra_count, &extras);
    if (extra_count > 0 && p->channels > colours_of(p) &&
        (extras[0] == EXTRASAMPLE_ASSOCALPHA || extras[0] == EXTRASAMPLE_UNASSALPHA))
        p->alpha = extras[0];
}

/* Decoded bytes that one encoded byte can give at most; 0 for what is not read: rare codecs, each a parser of
 * outside bytes. */
static uint64_t ratio_of(const page *p) {
    switch (p->compression) {
    case COMPRESSION_NONE:
        return p->photometric == PHOTOMETRIC_YCBCR ? 3 : 1; /* colour may be kept for every 16th pixel */
    case COMPRESSION_PACKBITS:
        return 64;
    case COMPRESSION_LZW:
        return 2600; /* 3838 bytes from 12 bits */
    case COMPRESSION_ADOBE_DEFLATE:
    case COMPRESSION_DEFLATE:
        return 1032;
    case COMPRESSION_JPEG:
        return 3 * 512;
    case COMPRESSION_ZSTD:
        return 1 << 16;
    default:
        return 0;
    }
}

static bt_status check_kind(const page *p, bt_error *error) {
    bool whole_bits = p->bits == 1 || p->bits == 2 || p->bits == 4 || p->bits == 8 || p->bits == 16;
    if (p->format != SAMPLEFORMAT_UINT && p->format != SAMPLEFORMAT_VOID)
        return bt_fail(error, BT_PARSE, "a TIFF of %d-bit %s; save it as whole numbers of 8 or 16 bits",
                       p->bits,
                       p->format == SAMPLEFORMAT_IEEEFP ? "floating point" : "signed or complex numbers");
    if (!whole_bits || p->channels < 1)
        return bt_fail(error, BT_PARSE,
                       "a TIFF of %d channel%s of %d bits; save it as whole numbers of 8 or 16 bits",
                       p->channels, p->channels == 1 ? "" : "s", p->bits);
    if (ratio_of(p) == 0)
        return bt_fail(error, BT_PARSE,
                       "a TIFF of compression %d; none, LZW, Deflate, PackBits, JPEG and ZSTD are read",
                       p->compression);
    bool gray = p->photometric == PHOTOMETRIC_MINISBLACK || p->photometric == PHOTOMETRIC_MINISWHITE;
    bool rgb = p->photometric == PHOTOMETRIC_RGB && p->channels >= 3;
    bool eight =
        p->bits <= 8 && (p->photometric == PHOTOMETRIC_PALETTE || p->photometric == PHOTOMETRIC_YCBCR);
    if (gray || rgb || eight) return BT_OK;
    return bt_fail(error, BT_PARSE,
                   "a TIFF of photometric kind %d with %d channel%s of %d bits; gray, RGB, "
                   "palettes and YCbCr are read",
                   p->photometric, p->channels, p->channels == 1 ? "" : "s", p->bits);
}

/* ---- up to 8 bits: libtiff's conversion ---- */

/* libtiff's raster to bytes of red, green, blue and opacity, in its place; what it has turned round is turned
 * back. */
static void raster_to_bytes(uint32_t *raster, size_t pixels, bool inverted) {
    uint8_t *bytes = (uint8_t *)raster, turn = inverted ? 255 : 0;
    for (size_t i = 0; i < pixels; i++) {
        const uint32_t pixel = raster[i];
        bytes[4 * i] = (uint8_t)TIFFGetR(pixel) ^ turn;
        bytes[4 * i + 1] = (uint8_t)TIFFGetG(pixel) ^ turn;
        bytes[4 * i + 2] = (uint8_t)TIFFGetB(pixel) ^ turn;
        bytes[4 * i + 3] = (uint8_t)TIFFGetA(pixel);
    }
}

/* The raster holds what is left of each colour under its opacity; but gray beside its opacity as it is
 * stored. Extra channels that are no alpha are passed over. */
static bt_status show_raster(uint32_t *raster, const page *p, const bt_value_scale *scale, bt_picture *out,
                             bt_error *error) {
    bool apart = p->alpha == EXTRASAMPLE_UNASSALPHA && colours_of(p) == 1 && !p->separate;
    const bt_values values = {.values = raster,
                              .bits = 8,
                              .colours = 3,
                              .stride = 4,
                              .opacity = !p->alpha ? BT_OPAQUE
                                         : apart   ? BT_OPACITY_APART
                                                   : BT_OPACITY_MULTIPLIED};
    raster_to_bytes(raster, (size_t)out->height * (size_t)out->width, scale->inverted);
    return bt_values_show(&values, scale, out, error);
}

/* Of uncompressed tiles libtiff's conversion wants a buffer of a tile's very size, and the one that it makes
 * itself is of whole kibibytes. To be freed when the pixels are read; NULL: there is no need, or no memory,
 * or the file has not as much. */
static void *give_tile_buffer(TIFF *tiff, const source *s, const page *p) {
    tmsize_t size = TIFFTileSize(tiff);
    if (!p->tiled || p->compression != COMPRESSION_NONE || size <= 0 || (uint64_t)size > s->size) return NULL;
    void *buffer = malloc((size_t)size);
    if (buffer) TIFFReadBufferSetup(tiff, buffer, size);
    return buffer;
}

static bt_status decode_8(TIFF *tiff, const source *s, const page *p, const bt_value_scale *scale,
                          bt_picture *out, bt_error *error) {
    char message[1024] = "";
    TIFFRGBAImage image;
    size_t pixels = (size_t)out->height * (size_t)out->width;
    uint32_t *raster = malloc(pixels * sizeof *raster);
    if (!raster) return bt_no_memory(error, "%u x %u pixels", p->height, p->width);
    void *tile = give_tile_buffer(tiff, s, p);
    int good = TIFFRGBAImageOK(tiff, message) && TIFFRGBAImageBegin(&image, tiff, 1, message);
    if (good) {
        image.orientation = image.req_orientation = ORIENTATION_TOPLEFT; /* as stored: it is turned later */
        good = TIFFRGBAImageGet(&image, raster, p->width, p->height) && !s->jpeg_broken;
        TIFFRGBAImageEnd(&image);
    }
    bt_status status = BT_OK;
    if (good)
        status = show_raster(raster, p, scale, out, error);
    else if (s->message[0] == '\0' && message[0])
        status = bt_fail(error, BT_PARSE, "a damaged TIFF: %s", message);
    else
        status = broken(s, error);
    free(raster);
    free(tile);
    return status;
}

/* ---- 16 bits ---- */

/* A block's samples, while they become pixels. */
typedef struct block {
    uint16_t *samples;    /* of one plane behind the other */
    size_t plane, stride; /* samples from plane to plane, and from pixel to pixel */
    tmsize_t bytes;       /* of one plane */
} block;

/* Channel c of pixel i. */
static uint16_t sample(const block *b, size_t i, int c) {
    return b->stride > 1 ? b->samples[i * b->stride + (size_t)c] : b->samples[(size_t)c * b->plane + i];
}

/* Values that are looked at of each pixel: its colours' and its opacity. */
static int values_of(const page *p) {
    return colours_of(p) + (p->alpha ? 1 : 0);
}

/* What a block has of the picture, to `values`, where pixels lie without gaps. */
static void put_block(const page *p, const block *b, uint32_t top, uint32_t left, uint16_t *values) {
    int count = values_of(p);
    for (uint32_t y = 0; y < p->block_height && top + y < p->height; y++)
        for (uint32_t x = 0; x < p->block_width && left + x < p->width; x++) {
            size_t from = (size_t)y * p->block_width + x;
            uint16_t *to = values + (size_t)count * ((size_t)(top + y) * p->width + left + x);
            for (int c = 0; c < count; c++)
                to[c] = sample(b, from, c);
        }
}

/* Planes that are looked at: those of colours and of alpha. */
static int planes_of(const page *p) {
    return p->separate ? values_of(p) : 1;
}

static bt_status read_block(TIFF *tiff, const source *s, const page *p, const block *b, uint32_t top,
                            uint32_t left, bt_error *error) {
    uint32_t rows = p->tiled || p->height - top > p->block_height ? p->block_height : p->height - top;
    tmsize_t wanted = b->bytes / (tmsize_t)p->block_height * (tmsize_t)rows;
    for (int i = 0; i < planes_of(p); i++) {
        uint16_t *to = b->samples + (size_t)i * b->plane, plane = (uint16_t)i;
        tmsize_t got = p->tiled
                           ? TIFFReadEncodedTile(tiff, TIFFComputeTile(tiff, left, top, 0, plane), to, wanted)
                           : TIFFReadEncodedStrip(tiff, TIFFComputeStrip(tiff, top, plane), to, wanted);
        if (got < wanted) return broken(s, error);
    }
    return BT_OK;
}

static bt_status open_block(const page *p, block *b, bt_error *error) {
    uint64_t pixels = (uint64_t)p->block_height * p->block_width;
    b->stride = p->separate ? 1 : p->channels;
    if (pixels == 0 || pixels > ALLOCATION_MAX / (2 * b->stride * (uint64_t)planes_of(p)))
        return bt_fail(error, BT_PARSE, "a TIFF whose parts have %u x %u pixels of %d channels",
                       p->block_height, p->block_width, p->channels);
    b->plane = (size_t)pixels * b->stride;
    b->bytes = (tmsize_t)(2 * b->plane);
    b->samples = malloc(2 * b->plane * (size_t)planes_of(p));
    return b->samples ? BT_OK : bt_no_memory(error, "decoding a TIFF");
}

static bt_status read_16(TIFF *tiff, const source *s, const page *p, uint16_t *values, bt_error *error) {
    block b = {0};
    bt_status status = open_block(p, &b, error);
    for (uint32_t top = 0; top < p->height && status == BT_OK; top += p->block_height)
        for (uint32_t left = 0; left < p->width && status == BT_OK; left += p->block_width) {
            status = read_block(tiff, s, p, &b, top, left, error);
            if (status == BT_OK) put_block(p, &b, top, left, values);
        }
    free(b.samples);
    return status;
}

static bt_status decode_16(TIFF *tiff, const source *s, const page *p, const bt_value_scale *scale,
                           bt_picture *out, bt_error *error) {
    size_t pixels = (size_t)out->height * (size_t)out->width;
    uint16_t *kept = malloc(pixels * (size_t)values_of(p) * sizeof *kept);
    if (!kept) return bt_no_memory(error, "decoding a TIFF");
    const bt_values values = {.values = kept,
                              .bits = 16,
                              .colours = colours_of(p),
                              .stride = values_of(p),
                              .opacity = !p->alpha                            ? BT_OPAQUE
                                         : p->alpha == EXTRASAMPLE_UNASSALPHA ? BT_OPACITY_APART
                                                                              : BT_OPACITY_MULTIPLIED};
    bt_status status = read_16(tiff, s, p, kept, error);
    if (status == BT_OK) status = bt_values_show(&values, scale, out, error);
    free(kept);
    return status;
}

/* ---- which page, and how it is shown ---- */

/* Of palettes and fewer than 8 bits libtiff makes bytes: there is nothing to scale. */
static bt_status find_scale(bt_value_scale *out, const page *p, const bt_tiff_file *file,
                            const bt_tiff_page *found, const bt_picture_wishes *wishes, bt_picture *picture,
                            bt_error *error) {
    bt_status status;
    bool fixed = p->bits < 8 || p->photometric == PHOTOMETRIC_PALETTE;
    if (fixed && wishes->white > 0)
        return bt_fail(error, BT_INVALID, "--white is for values of 8 and 16 bits, and its are of %d%s",
                       p->bits, p->bits < 8 ? "" : ", into a palette");
    if (fixed || p->photometric == PHOTOMETRIC_YCBCR)
        status = bt_value_scale_of(out, 8, wishes, error);
    else
        status = bt_tiff_scale(out, file, found, p->bits, colours_of(p), wishes, picture, error);
    out->fixed = fixed;
    out->inverted = p->photometric == PHOTOMETRIC_MINISWHITE;
    return status;
}

static bt_status decode(TIFF *tiff, source *s, const bt_tiff_file *file, const bt_tiff_page *found,
                        const bt_picture_wishes *wishes, bt_picture *out, bt_error *error) {
    page p = {0};
    bt_value_scale scale = {0};
    read_page(tiff, &p);
    bt_status status = check_kind(&p, error);
    if (status != BT_OK) return status;
    uint64_t row_bits = (uint64_t)p.width * p.bits * p.channels;
    uint64_t stored_bytes = (row_bits + 7) / 8 * p.height;
    status = bt_picture_take(out, p.height, p.width, stored_bytes / ratio_of(&p), s->size, error);
    if (status == BT_OK) status = find_scale(&scale, &p, file, found, wishes, out, error);
    s->shift = found->shift; /* the directory is read: what follows are pixels */
    if (status == BT_OK)
        status = p.bits == 16 ? decode_16(tiff, s, &p, &scale, out, error)
                              : decode_8(tiff, s, &p, &scale, out, error);
    bool gray = p.photometric == PHOTOMETRIC_MINISBLACK || p.photometric == PHOTOMETRIC_MINISWHITE;
    if (status == BT_OK && gray && values_of(&p) < p.channels)
        bt_picture_note(out,
                        "channel 1 of %d is taken; to take another save each as a page, and give --page N",
                        p.channels);
    if (status == BT_OK && s->jpeg_lacks_end)
        bt_picture_note(out, "a JPEG within it lacks its end mark; all its rows are there");
    return status == BT_OK ? bt_picture_orient(out, p.orientation, error) : status;
}

static void add_patch(source *s, uint64_t at, uint64_t value, int size, bool big_endian) {
    patch *to = &s->patches[s->patch_count++];
    *to = (patch){.at = at, .size = (uint8_t)size};
    for (int i = 0; i < size; i++)
        to->bytes[i] = (uint8_t)(value >> (8 * (big_endian ? size - 1 - i : i)));
}

/* libtiff reads one directory, the first that the header names: it is made to be the page's. Tags for which
 * it refuses a whole file, though no pixel needs them, are hidden from it. */
static void show_page_alone(source *s, const bt_tiff_file *file, const bt_tiff_page *found) {
    static const uint16_t hidden[] = {BT_TIFF_MINIMUM, BT_TIFF_MAXIMUM, BT_TIFF_LEAST, BT_TIFF_GREATEST};
    int offset_bytes = file->big_tiff ? 8 : 4;
    add_patch(s, (uint64_t)offset_bytes, found->directory, offset_bytes, file->big_endian);
    for (size_t i = 0; i < sizeof hidden / sizeof *hidden; i++) {
        uint64_t at = bt_tiff_place(file, found->directory, hidden[i]);
        if (at) add_patch(s, at, NO_TAG, 2, file->big_endian);
    }
}

bt_status bt_decode_tiff(bt_picture *out, const uint8_t *bytes, size_t size, const bt_picture_wishes *wishes,
                         bt_error *error) {
    source s = {.bytes = bytes, .size = size};
    bt_tiff_file file;
    bt_tiff_page found;
    if (!bt_tiff_open(&file, bytes, size)) return bt_fail(error, BT_PARSE, "a damaged TIFF: it ends at once");
    bt_status status = bt_tiff_find_page(&found, &file, wishes, out, error);
    if (status != BT_OK) return status;
    show_page_alone(&s, &file, &found);
    TIFF *tiff = open_tiff(&s);
    if (!tiff) return broken(&s, error);
    s.message[0] = '\0'; /* what it found in tags that it then passed over */
    status = decode(tiff, &s, &file, &found, wishes, out, error);
    TIFFClose(tiff);
    return status;
}

#endif
