/* PNG, by libspng. */
#include "image/decode-formats.h"

#ifndef BT_WITHOUT_FILE_LIBRARIES

#include <stdlib.h>
#include <string.h>

#include <spng.h>

#include "image/resize.h"

#define DEFLATE_RATIO_MAX 1032      /* of zlib's format: 258 bytes from two bits */
#define CHUNK_MAX         (1 << 24) /* bytes of one chunk that is no pixels (profiles, text), decompressed */

static bt_status broken(int code, bt_error *error) {
    if (code == SPNG_EMEM) return bt_fail(error, BT_NO_MEMORY, "no memory to decode a PNG");
    return bt_fail(error, BT_PARSE, "a damaged PNG: %s", spng_strerror(code));
}

/* Bytes of all rows as they are stored, without the one a row that names its filter. */
static uint64_t stored_bytes(const struct spng_ihdr *header) {
    static const int channels[] = {
        [SPNG_COLOR_TYPE_GRAYSCALE] = 1,       [SPNG_COLOR_TYPE_TRUECOLOR] = 3,
        [SPNG_COLOR_TYPE_INDEXED] = 1,         [SPNG_COLOR_TYPE_GRAYSCALE_ALPHA] = 2,
        [SPNG_COLOR_TYPE_TRUECOLOR_ALPHA] = 4,
    };
    uint64_t bits = (uint64_t)channels[header->color_type] * header->bit_depth;
    return header->height * ((header->width * bits + 7) / 8);
}

static void lay_over_white_8(const uint8_t *rgba, uint8_t *rgb, size_t pixels) {
    for (size_t i = 0; i < pixels; i++)
        for (size_t c = 0; c < 3; c++)
            rgb[3 * i + c] = (uint8_t)bt_over_white(rgba[4 * i + c], rgba[4 * i + 3], 255);
}

static void lay_over_white_16(const uint16_t *rgba, uint8_t *rgb, size_t pixels) {
    for (size_t i = 0; i < pixels; i++)
        for (size_t c = 0; c < 3; c++)
            rgb[3 * i + c] = bt_byte_of_16(bt_over_white(rgba[4 * i + c], rgba[4 * i + 3], 65535));
}

/* Through RGBA, where a picture has more than 8 bits or may be transparent. */
static int decode_through(spng_ctx *png, bool deep, bt_picture *out) {
    size_t pixels = (size_t)out->height * (size_t)out->width, bytes = pixels * (deep ? 8 : 4);
    void *rgba = malloc(bytes);
    if (!rgba) return SPNG_EMEM;
    int failed =
        spng_decode_image(png, rgba, bytes, deep ? SPNG_FMT_RGBA16 : SPNG_FMT_RGBA8, SPNG_DECODE_TRNS);
    if (!failed && deep) lay_over_white_16(rgba, out->rgb, pixels);
    if (!failed && !deep) lay_over_white_8(rgba, out->rgb, pixels);
    free(rgba);
    return failed;
}

static bool may_be_transparent(spng_ctx *png, const struct spng_ihdr *header) {
    struct spng_trns transparent;
    return header->color_type == SPNG_COLOR_TYPE_GRAYSCALE_ALPHA ||
           header->color_type == SPNG_COLOR_TYPE_TRUECOLOR_ALPHA ||
           spng_get_trns(png, &transparent) == SPNG_OK;
}

static bt_status decode(spng_ctx *png, size_t size, bt_picture *out, bt_error *error) {
    struct spng_ihdr header;
    struct spng_exif exif;
    int failed = spng_get_ihdr(png, &header);
    if (failed) return broken(failed, error);
    bt_status status = bt_picture_take(out, header.height, header.width,
                                       stored_bytes(&header) / DEFLATE_RATIO_MAX, size, error);
    if (status != BT_OK) return status;
    if (header.bit_depth == 16 || may_be_transparent(png, &header))
        failed = decode_through(png, header.bit_depth == 16, out);
    else
        failed =
            spng_decode_image(png, out->rgb, 3 * (size_t)out->height * (size_t)out->width, SPNG_FMT_RGB8, 0);
    if (failed) return broken(failed, error);
    if (spng_get_exif(png, &exif) != SPNG_OK) return BT_OK;
    return bt_picture_orient(out, bt_exif_orientation((const uint8_t *)exif.data, exif.length), error);
}

bt_status bt_decode_png(bt_picture *out, const uint8_t *bytes, size_t size, bt_error *error) {
    spng_ctx *png = spng_ctx_new(0);
    if (!png) return bt_fail(error, BT_NO_MEMORY, "no memory to decode a PNG");
    int failed = spng_set_chunk_limits(png, CHUNK_MAX, 2 * CHUNK_MAX);
    if (!failed) failed = spng_set_png_buffer(png, bytes, size);
    bt_status status = failed ? broken(failed, error) : decode(png, size, out, error);
    spng_ctx_free(png);
    return status;
}

#endif
