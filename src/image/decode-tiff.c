/* TIFF, by libtiff: what its pages hold is checked here, samples of up to 8 bits go through libtiff's own
 * conversion to RGBA, and those of 16 through tiff-samples.c. */
#include "image/decode-formats.h"
#include "image/tiff-source.h"

#ifndef BT_WITHOUT_FILE_LIBRARIES

#include <stdlib.h>

/* ---- the header ---- */

/* Of memory at most: the picture, what libtiff makes of it, the same turned, and a strip or tile, which may be all. */
#define PIXEL_BYTES 20

static void read_page(TIFF *tiff, bt_tiff_layout *p) {
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
    if (extra_count > 0 && p->channels > bt_tiff_colours(p) &&
        (extras[0] == EXTRASAMPLE_ASSOCALPHA || extras[0] == EXTRASAMPLE_UNASSALPHA))
        p->alpha = extras[0];
}

/* Decoded bytes that one encoded byte can give at most; 0 for what is not read: rare codecs, each a parser of
 * outside bytes. */
static uint64_t ratio_of(const bt_tiff_layout *p) {
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

static bt_status check_kind(const bt_tiff_layout *p, bt_error *error) {
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
static bt_status show_raster(uint32_t *raster, const bt_tiff_layout *p, const bt_value_scale *scale,
                             bt_picture *out, bt_error *error) {
    bool apart = p->alpha == EXTRASAMPLE_UNASSALPHA && bt_tiff_colours(p) == 1 && !p->separate;
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
static void *give_tile_buffer(TIFF *tiff, const bt_tiff_source *s, const bt_tiff_layout *p) {
    tmsize_t size = TIFFTileSize(tiff);
    if (!p->tiled || p->compression != COMPRESSION_NONE || size <= 0 || (uint64_t)size > s->size) return NULL;
    void *buffer = malloc((size_t)size);
    if (buffer) TIFFReadBufferSetup(tiff, buffer, size);
    return buffer;
}

static bt_status decode_8(TIFF *tiff, const bt_tiff_source *s, const bt_tiff_layout *p,
                          const bt_value_scale *scale, bt_picture *out, bt_error *error) {
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
        status = bt_tiff_broken(s, error);
    free(raster);
    free(tile);
    return status;
}

/* ---- which page, and how it is shown ---- */

/* Of palettes and fewer than 8 bits libtiff makes bytes: there is nothing to scale. */
static bt_status find_scale(bt_value_scale *out, const bt_tiff_layout *p, const bt_tiff_file *file,
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
        status = bt_tiff_scale(out, file, found, p->bits, bt_tiff_colours(p), wishes, picture, error);
    out->fixed = fixed;
    out->inverted = p->photometric == PHOTOMETRIC_MINISWHITE;
    return status;
}

static bt_status decode(TIFF *tiff, bt_tiff_source *s, const bt_tiff_file *file, const bt_tiff_page *found,
                        const bt_picture_wishes *wishes, bt_picture *out, bt_error *error) {
    bt_tiff_layout p = {0};
    bt_value_scale scale = {0};
    read_page(tiff, &p);
    bt_status status = check_kind(&p, error);
    if (status != BT_OK) return status;
    uint64_t row_bits = (uint64_t)p.width * p.bits * p.channels;
    uint64_t stored_bytes = (row_bits + 7) / 8 * p.height;
    const bt_picture_head head = {.height = p.height,
                                  .width = p.width,
                                  .fewest_bytes = stored_bytes / ratio_of(&p),
                                  .pixel_bytes = PIXEL_BYTES};
    status = bt_picture_take(out, &head, s->size, wishes, error);
    if (status == BT_OK) status = find_scale(&scale, &p, file, found, wishes, out, error);
    s->shift = found->shift; /* the directory is read: what follows are pixels */
    if (status == BT_OK)
        status = p.bits == 16 ? bt_tiff_decode_16(tiff, s, &p, &scale, out, error)
                              : decode_8(tiff, s, &p, &scale, out, error);
    bool gray = p.photometric == PHOTOMETRIC_MINISBLACK || p.photometric == PHOTOMETRIC_MINISWHITE;
    if (status == BT_OK && gray && bt_tiff_values(&p) < p.channels)
        bt_picture_note(out,
                        "channel 1 of %d is taken; to take another save each as a page, and give --page N",
                        p.channels);
    if (status == BT_OK && s->jpeg_lacks_end)
        bt_picture_note(out, "a JPEG within it lacks its end mark; all its rows are there");
    return status == BT_OK ? bt_picture_orient(out, p.orientation, error) : status;
}

bt_status bt_decode_tiff(bt_picture *out, const uint8_t *bytes, size_t size, const bt_picture_wishes *wishes,
                         bt_error *error) {
    bt_tiff_source s = {.bytes = bytes, .size = size};
    bt_tiff_file file;
    bt_tiff_page found;
    if (!bt_tiff_open(&file, bytes, size)) return bt_fail(error, BT_PARSE, "a damaged TIFF: it ends at once");
    bt_status status = bt_tiff_find_page(&found, &file, wishes, out, error);
    if (status != BT_OK) return status;
    bt_tiff_source_show_page(&s, &file, &found);
    TIFF *tiff = bt_tiff_source_open(&s);
    if (!tiff) return bt_tiff_broken(&s, error);
    s.message[0] = '\0'; /* what it found in tags that it then passed over */
    status = decode(tiff, &s, &file, &found, wishes, out, error);
    TIFFClose(tiff);
    return status;
}

#endif
