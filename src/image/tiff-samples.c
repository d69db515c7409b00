/* A TIFF's samples of 16 bits, read block by block: libtiff's own conversion keeps their upper bytes only,
 * and a microscope's camera seldom fills them. */
#include "image/tiff-source.h"

#ifndef BT_WITHOUT_FILE_LIBRARIES

#include <stdlib.h>

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

/* What a block has of the picture, to `values`, where pixels lie without gaps. */
static void put_block(const bt_tiff_layout *p, const block *b, uint32_t top, uint32_t left,
                      uint16_t *values) {
    int count = bt_tiff_values(p);
    for (uint32_t y = 0; y < p->block_height && top + y < p->height; y++)
        for (uint32_t x = 0; x < p->block_width && left + x < p->width; x++) {
            size_t from = (size_t)y * p->block_width + x;
            uint16_t *to = values + (size_t)count * ((size_t)(top + y) * p->width + left + x);
            for (int c = 0; c < count; c++)
                to[c] = sample(b, from, c);
        }
}

/* Planes that are read: those of colours and of alpha. */
static int planes_of(const bt_tiff_layout *p) {
    return p->separate ? bt_tiff_values(p) : 1;
}

static bt_status read_block(TIFF *tiff, const bt_tiff_source *s, const bt_tiff_layout *p, const block *b,
                            uint32_t top, uint32_t left, bt_error *error) {
    uint32_t rows = p->tiled || p->height - top > p->block_height ? p->block_height : p->height - top;
    tmsize_t wanted = b->bytes / (tmsize_t)p->block_height * (tmsize_t)rows;
    for (int i = 0; i < planes_of(p); i++) {
        uint16_t *to = b->samples + (size_t)i * b->plane, plane = (uint16_t)i;
        tmsize_t got = p->tiled
                           ? TIFFReadEncodedTile(tiff, TIFFComputeTile(tiff, left, top, 0, plane), to, wanted)
                           : TIFFReadEncodedStrip(tiff, TIFFComputeStrip(tiff, top, plane), to, wanted);
        if (got < wanted) return bt_tiff_broken(s, error);
    }
    return BT_OK;
}

static bt_status open_block(const bt_tiff_layout *p, block *b, bt_error *error) {
    uint64_t pixels = (uint64_t)p->block_height * p->block_width;
    b->stride = p->separate ? 1 : p->channels;
    if (pixels == 0 || pixels > BT_TIFF_ALLOCATION_MAX / (2 * b->stride * (uint64_t)planes_of(p)))
        return bt_fail(error, BT_PARSE, "a TIFF whose parts have %u x %u pixels of %d channels",
                       p->block_height, p->block_width, p->channels);
    b->plane = (size_t)pixels * b->stride;
    b->bytes = (tmsize_t)(2 * b->plane);
    b->samples = malloc(2 * b->plane * (size_t)planes_of(p));
    return b->samples ? BT_OK : bt_no_memory(error, "decoding a TIFF");
}

static bt_status read_16(TIFF *tiff, const bt_tiff_source *s, const bt_tiff_layout *p, uint16_t *values,
                         bt_error *error) {
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

bt_status bt_tiff_decode_16(TIFF *tiff, const bt_tiff_source *s, const bt_tiff_layout *p,
                            const bt_value_scale *scale, bt_picture *out, bt_error *error) {
    size_t pixels = (size_t)out->height * (size_t)out->width;
    uint16_t *kept = malloc(pixels * (size_t)bt_tiff_values(p) * sizeof *kept);
    if (!kept) return bt_no_memory(error, "decoding a TIFF");
    const bt_values values = {.values = kept,
                              .bits = 16,
                              .colours = bt_tiff_colours(p),
                              .stride = bt_tiff_values(p),
                              .opacity = !p->alpha                            ? BT_OPAQUE
                                         : p->alpha == EXTRASAMPLE_UNASSALPHA ? BT_OPACITY_APART
                                                                              : BT_OPACITY_MULTIPLIED};
    bt_status status = read_16(tiff, s, p, kept, error);
    if (status == BT_OK) status = bt_values_show(&values, scale, out, error);
    free(kept);
    return status;
}

#endif
