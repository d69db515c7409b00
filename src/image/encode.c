#include "image/encode.h"

#include <stdlib.h>

#include "base/files.h"
#include "image/resize.h"

#ifdef BT_WITHOUT_FILE_LIBRARIES

static bt_status encode(const uint8_t *pixels, int height, int width, int channels,
                        const uint8_t palette[][3], uint8_t **out, size_t *size, bt_error *error) {
    (void)pixels, (void)height, (void)width, (void)channels, (void)palette, (void)out, (void)size;
    return bt_fail(error, BT_UNSUPPORTED, "this build cannot write pictures: it was made without libspng");
}

#else

#include <spng.h>

/* Twice as fast as zlib's own default and a few percent larger: pictures are written while somebody waits. */
#define DEFLATE_LEVEL 3

static int colour_of(int channels) {
    switch (channels) {
    case 1:
        return SPNG_COLOR_TYPE_GRAYSCALE;
    case 3:
        return SPNG_COLOR_TYPE_TRUECOLOR;
    case 4:
        return SPNG_COLOR_TYPE_TRUECOLOR_ALPHA;
    default:
        return -1;
    }
}

static int set_palette(spng_ctx *png, const uint8_t palette[][3]) {
    struct spng_plte entries = {.n_entries = BT_PNG_COLOURS};
    for (int i = 0; i < BT_PNG_COLOURS; i++)
        entries.entries[i] =
            (struct spng_plte_entry){.red = palette[i][0], .green = palette[i][1], .blue = palette[i][2]};
    return spng_set_plte(png, &entries);
}

static int write_all(spng_ctx *png, const uint8_t *pixels, int height, int width, int channels,
                     const uint8_t palette[][3]) {
    struct spng_ihdr header = {.width = (uint32_t)width,
                               .height = (uint32_t)height,
                               .bit_depth = 8,
                               .color_type =
                                   (uint8_t)(palette ? SPNG_COLOR_TYPE_INDEXED : colour_of(channels))};
    size_t bytes = (size_t)height * (size_t)width * (size_t)channels;
    int failed = spng_set_option(png, SPNG_ENCODE_TO_BUFFER, 1);
    if (!failed) failed = spng_set_option(png, SPNG_IMG_COMPRESSION_LEVEL, DEFLATE_LEVEL);
    if (!failed) failed = spng_set_ihdr(png, &header);
    if (!failed && palette) failed = set_palette(png, palette);
    if (!failed) failed = spng_encode_image(png, pixels, bytes, SPNG_FMT_PNG, SPNG_ENCODE_FINALIZE);
    return failed;
}

static bt_status encode(const uint8_t *pixels, int height, int width, int channels,
                        const uint8_t palette[][3], uint8_t **out, size_t *size, bt_error *error) {
    if (height < 1 || width < 1 || height > BT_IMAGE_SIDE_MAX || width > BT_IMAGE_SIDE_MAX)
        return bt_fail(error, BT_INVALID, "a picture is 1 to %d pixels high and wide, not %d x %d",
                       BT_IMAGE_SIDE_MAX, height, width);
    if (colour_of(channels) < 0)
        return bt_fail(error, BT_INVALID, "a PNG is written of 1, 3 or 4 channels, not %d", channels);
    spng_ctx *png = spng_ctx_new(SPNG_CTX_ENCODER);
    if (!png) return bt_no_memory(error, "a PNG");
    int failed = write_all(png, pixels, height, width, channels, palette);
    void *bytes = failed ? NULL : spng_get_png_buffer(png, size, &failed);
    spng_ctx_free(png);
    if (!bytes)
        return bt_fail(error, BT_NO_MEMORY, "cannot encode a PNG of %d x %d: %s", height, width,
                       spng_strerror(failed));
    *out = bytes;
    return BT_OK;
}

#endif

bt_status bt_png_encode(const uint8_t *pixels, int height, int width, int channels, uint8_t **out,
                        size_t *size, bt_error *error) {
    return encode(pixels, height, width, channels, NULL, out, size, error);
}

bt_status bt_png_encode_palette(const uint8_t *pixels, int height, int width,
                                const uint8_t palette[BT_PNG_COLOURS][3], uint8_t **out, size_t *size,
                                bt_error *error) {
    return encode(pixels, height, width, 1, palette, out, size, error);
}

bt_status bt_png_save(const char *path, const uint8_t *pixels, int height, int width, int channels,
                      bt_error *error) {
    uint8_t *bytes = NULL;
    size_t size = 0;
    bt_status status = bt_png_encode(pixels, height, width, channels, &bytes, &size, error);
    if (status != BT_OK) return bt_fail_at(error, status, "%s", path);
    status = bt_file_replace(path, bytes, size, false, error);
    free(bytes);
    return status;
}
