/* TIFF, by libtiff. Samples of up to 8 bits go through libtiff's own conversion to RGBA; those of 16 are read
 * here, since that conversion keeps their upper bytes only, and a microscope's camera seldom fills them. */
#include "base/text.h"
#include "image/decode-formats.h"

#ifndef BT_WITHOUT_FILE_LIBRARIES

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <tiffio.h>

/* From 4.5 on a handle has its own handlers and a bound on what it allocates at once. */
#define TIFF_HAS_OPTIONS (TIFFLIB_VERSION >= 20221213)
#define ALLOCATION_MAX   (1 << 29) /* bytes: a picture of BT_PICTURE_PIXELS_MAX, of 8 bytes a pixel */

/* The file as libtiff sees it, and what libtiff said first. */
typedef struct source {
    const uint8_t *bytes;
    uint64_t size, at;
    char message[160];
} source;

/* What the first page says of itself. */
typedef struct page {
    uint32_t height, width, block_height, block_width; /* a block is a tile, or the rows of a strip */
    uint16_t bits, channels, format, photometric, compression, orientation;
    bool tiled, separate; /* separate: each channel is a plane of its own */
    int alpha;            /* the extra channel's kind; 0: none, or none that is alpha */
} page;

/* ---- libtiff's callbacks ---- */

static tmsize_t read_bytes(thandle_t handle, void *to, tmsize_t count) {
    source *s = handle;
    if (count < 0 || s->at >= s->size) return 0;
    uint64_t left = s->size - s->at, taken = (uint64_t)count < left ? (uint64_t)count : left;
    memcpy(to, s->bytes + s->at, taken);
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

static int drop_warning(TIFF *tiff, void *user, const char *module, const char *format, va_list arguments) {
    (void)tiff, (void)user, (void)module, (void)format, (void)arguments;
    return 1;
}

static TIFF *open_tiff(source *s) {
    TIFFOpenOptions *options = TIFFOpenOptionsAlloc();
    if (!options) return NULL;
    TIFFOpenOptionsSetMaxSingleMemAlloc(options, ALLOCATION_MAX);
    TIFFOpenOptionsSetErrorHandlerExtR(options, keep_error, s);
    TIFFOpenOptionsSetWarningHandlerExtR(options, drop_warning, NULL);
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

static bt_status broken(const source *s, bt_error *error) {
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
        return bt_fail(error, BT_PARSE, "a TIFF of %d channels of %d bits; 1, 2, 4, 8 and 16 bits are read",
                       p->channels, p->bits);
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
                   "a TIFF of photometric kind %d with %d channels of %d bits; gray, RGB, "
                   "palettes and YCbCr are read",
                   p->photometric, p->channels, p->bits);
}

/* ---- up to 8 bits: libtiff's conversion ---- */

/* The raster holds what is left of each colour under its opacity; but gray beside its opacity as it is
 * stored. Extra channels that are no alpha are passed over. */
static void raster_to_rgb(const uint32_t *raster, const page *p, bt_picture *out) {
    size_t pixels = (size_t)out->height * (size_t)out->width;
    bool as_stored = p->alpha == EXTRASAMPLE_UNASSALPHA && colours_of(p) == 1 && !p->separate;
    for (size_t i = 0; i < pixels; i++) {
        uint32_t alpha = p->alpha ? TIFFGetA(raster[i]) : 255;
        const uint32_t colours[3] = {TIFFGetR(raster[i]), TIFFGetG(raster[i]), TIFFGetB(raster[i])};
        for (size_t c = 0; c < 3; c++) {
            uint32_t value = as_stored ? bt_over_white(colours[c], alpha, 255) : colours[c] + 255 - alpha;
            out->rgb[3 * i + c] = (uint8_t)(value < 255 ? value : 255);
        }
    }
}

static bt_status decode_8(TIFF *tiff, const source *s, const page *p, bt_picture *out, bt_error *error) {
    char message[1024] = "";
    TIFFRGBAImage image;
    size_t pixels = (size_t)out->height * (size_t)out->width;
    uint32_t *raster = malloc(pixels * sizeof *raster);
    if (!raster) return bt_fail(error, BT_NO_MEMORY, "no memory for %u x %u pixels", p->height, p->width);
    int good = TIFFRGBAImageOK(tiff, message) && TIFFRGBAImageBegin(&image, tiff, 1, message);
    if (good) {
        image.orientation = image.req_orientation = ORIENTATION_TOPLEFT; /* as stored: it is turned later */
        good = TIFFRGBAImageGet(&image, raster, p->width, p->height);
        TIFFRGBAImageEnd(&image);
    }
    if (good) raster_to_rgb(raster, p, out);
    free(raster);
    if (good) return BT_OK;
    if (s->message[0] == '\0' && message[0]) return bt_fail(error, BT_PARSE, "a damaged TIFF: %s", message);
    return broken(s, error);
}

/* ---- 16 bits ---- */

/* Which values are black and white. */
typedef struct range {
    double low, high;
} range;

/* "min=" or "max=" on a line of ImageJ's description; -1 where there is none. */
static double imagej_value(const char *description, const char *key) {
    const char *at = strstr(description, key);
    return at ? bt_text_read_number(at + strlen(key), NULL) : -1;
}

static range range_of(TIFF *tiff) {
    range full = {0, 65535};
    const char *description;
    uint16_t most;
    if (TIFFGetField(tiff, TIFFTAG_IMAGEDESCRIPTION, &description) &&
        strncmp(description, "ImageJ=", 7) == 0) {
        range shown = {imagej_value(description, "\nmin="), imagej_value(description, "\nmax=")};
        if (shown.low >= 0 && shown.high > shown.low && shown.high <= 65535) return shown;
    }
    if (TIFFGetField(tiff, TIFFTAG_MAXSAMPLEVALUE, &most) && most > 0) full.high = most;
    return full;
}

/* Every value's byte. */
static void fill_table(uint8_t table[65536], range shown, bool inverted) {
    for (int value = 0; value < 65536; value++) {
        double part = (value - shown.low) / (shown.high - shown.low);
        part = part < 0 ? 0 : part > 1 ? 1 : part;
        table[value] = (uint8_t)(255 * (inverted ? 1 - part : part) + 0.5);
    }
}

/* A block's samples, while they become pixels. */
typedef struct block {
    uint16_t *samples;    /* of one plane behind the other */
    size_t plane, stride; /* samples from plane to plane, and from pixel to pixel */
    tmsize_t bytes;       /* of one plane */
} block;

/* Channel c of pixel i. */
static uint32_t sample(const block *b, size_t i, int c) {
    return b->stride > 1 ? b->samples[i * b->stride + (size_t)c] : b->samples[(size_t)c * b->plane + i];
}

static uint8_t colour(const page *p, const block *b, size_t i, int c, int colours, const uint8_t *table) {
    uint32_t value = sample(b, i, c);
    if (!p->alpha) return table[value];
    uint32_t alpha = sample(b, i, colours);
    if (p->alpha == EXTRASAMPLE_UNASSALPHA)
        return bt_byte_of_16(bt_over_white(table[value] * 257u, alpha, 65535));
    uint32_t over = table[value] * 257u + 65535 - alpha;
    return bt_byte_of_16(over < 65535 ? over : 65535);
}

static void put_block(const page *p, const block *b, uint32_t top, uint32_t left, const uint8_t *table,
                      bt_picture *out) {
    int colours = colours_of(p);
    for (uint32_t y = 0; y < p->block_height && top + y < p->height; y++)
        for (uint32_t x = 0; x < p->block_width && left + x < p->width; x++) {
            size_t from = (size_t)y * p->block_width + x;
            uint8_t *to = out->rgb + 3 * ((size_t)(top + y) * p->width + left + x);
            for (int c = 0; c < 3; c++)
                to[c] = c < colours ? colour(p, b, from, c, colours, table) : to[0];
        }
}

/* Planes that are looked at: those of colours and of alpha. */
static int planes_of(const page *p) {
    return p->separate ? colours_of(p) + (p->alpha ? 1 : 0) : 1;
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
    return b->samples ? BT_OK : bt_fail(error, BT_NO_MEMORY, "no memory to decode a TIFF");
}

static bt_status decode_16(TIFF *tiff, const source *s, const page *p, bt_picture *out, bt_error *error) {
    block b = {0};
    uint8_t *table = malloc(65536);
    bt_status status =
        table ? open_block(p, &b, error) : bt_fail(error, BT_NO_MEMORY, "no memory to decode a TIFF");
    if (status == BT_OK) fill_table(table, range_of(tiff), p->photometric == PHOTOMETRIC_MINISWHITE);
    for (uint32_t top = 0; top < p->height && status == BT_OK; top += p->block_height)
        for (uint32_t left = 0; left < p->width && status == BT_OK; left += p->block_width) {
            status = read_block(tiff, s, p, &b, top, left, error);
            if (status == BT_OK) put_block(p, &b, top, left, table, out);
        }
    free(b.samples);
    free(table);
    return status;
}

/* ---- */

static bt_status decode(TIFF *tiff, const source *s, bt_picture *out, bt_error *error) {
    page p = {0};
    read_page(tiff, &p);
    bt_status status = check_kind(&p, error);
    if (status != BT_OK) return status;
    uint64_t row_bits = (uint64_t)p.width * p.bits * p.channels;
    uint64_t stored_bytes = (row_bits + 7) / 8 * p.height;
    status = bt_picture_take(out, p.height, p.width, stored_bytes / ratio_of(&p), s->size, error);
    if (status == BT_OK)
        status = p.bits == 16 ? decode_16(tiff, s, &p, out, error) : decode_8(tiff, s, &p, out, error);
    return status == BT_OK ? bt_picture_orient(out, p.orientation, error) : status;
}

bt_status bt_decode_tiff(bt_picture *out, const uint8_t *bytes, size_t size, bt_error *error) {
    source s = {.bytes = bytes, .size = size};
    TIFF *tiff = open_tiff(&s);
    if (!tiff) return broken(&s, error);
    bt_status status = decode(tiff, &s, out, error);
    TIFFClose(tiff);
    return status;
}

#endif
