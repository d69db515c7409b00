/* PNG, by libspng. */
#include "image/decode-formats.h"

#ifndef BT_WITHOUT_FILE_LIBRARIES

#include <stdlib.h>
#include <string.h>

#include <spng.h>
#include <zlib.h>

#include "image/value-scale.h"

#define DEFLATE_RATIO_MAX 1032 /* of zlib's format: 258 bytes from two bits */
#define MAGIC_BYTES       8
#define COLOURS_AT        25 /* the kind of pixels, in the first chunk */
#define HEAD_BYTES        8  /* of a chunk: its data's length and its kind */
#define SUM_BYTES         4  /* behind the data */

/* ---- the chunks that libspng is shown ---- */

/* The file, as it is read chunk by chunk. libspng sees those alone that pixels need: what others hold,
 * however long or damaged, cannot keep it from them. Where the file ends within its pixels' last chunk
 * libspng sees a shorter one, and where the end mark is missing or damaged it sees one: whether all rows are
 * there is then shown by their decoding. */
typedef struct source {
    const uint8_t *bytes;
    size_t size, at;     /* `at`: where the next chunk begins */
    const uint8_t *part; /* what is being given: the magic number, a head, data or a sum */
    size_t left;         /* of it */
    int next;            /* which part comes then: see give_next */
    uint8_t head[HEAD_BYTES], sum[SUM_BYTES]; /* of the chunk that is being given */
    const uint8_t *data;
    size_t data_bytes;
    const uint8_t *exif; /* the first eXIf block; NULL: none */
    size_t exif_bytes;
    bool exif_damaged, lacks_end, ended;
} source;

static uint32_t number_at(const uint8_t *at) {
    return (uint32_t)at[0] << 24 | (uint32_t)at[1] << 16 | (uint32_t)at[2] << 8 | at[3];
}

static void put_number(uint8_t *at, uint32_t value) {
    for (int i = 0; i < 4; i++)
        at[i] = (uint8_t)(value >> (24 - 8 * i));
}

static uint32_t sum_of(const uint8_t *head, const uint8_t *data, size_t size) {
    return (uint32_t)crc32_z(crc32_z(0, head + 4, 4), data, size);
}

static bool is_kind(const uint8_t *head, const char *kind) {
    return memcmp(head + 4, kind, 4) == 0;
}

/* A chunk whose name begins with a small letter may be left out, says the format; but transparency is seen,
 * where pixels have none of their own. A palette beside colours only hints at how to show them. */
static bool is_needed(const source *s, const uint8_t *head) {
    uint8_t colours = s->size > COLOURS_AT ? s->bytes[COLOURS_AT] : 0;
    if (is_kind(head, "PLTE")) return colours == SPNG_COLOR_TYPE_INDEXED;
    if (is_kind(head, "tRNS"))
        return colours != SPNG_COLOR_TYPE_GRAYSCALE_ALPHA && colours != SPNG_COLOR_TYPE_TRUECOLOR_ALPHA;
    return !(head[4] & 0x20);
}

static void keep_exif(source *s, const uint8_t *head, const uint8_t *data, size_t size) {
    if (s->exif || !is_kind(head, "eXIf")) return;
    s->exif_damaged = sum_of(head, data, size) != number_at(data + size);
    s->exif = data;
    s->exif_bytes = size;
}

/* An end mark as it should be, whatever the file's own holds. */
static void put_end(source *s) {
    s->data_bytes = 0;
    s->ended = true;
    memcpy(s->head, "\0\0\0\0IEND", HEAD_BYTES);
    put_number(s->sum, sum_of(s->head, s->head, 0));
}

/* What a file that ends too early lacks: nothing but an end mark, for all that is known. */
static void end_early(source *s) {
    s->lacks_end = true;
    put_end(s);
}

/* A chunk that goes beyond the file's end: of pixels, what is there of them. */
static void cut_short(source *s, const uint8_t *head, size_t left) {
    s->at = s->size;
    if (!is_kind(head, "IDAT")) {
        end_early(s);
        return;
    }
    memcpy(s->head, head, HEAD_BYTES);
    put_number(s->head, (uint32_t)left);
    s->data = head + HEAD_BYTES;
    s->data_bytes = left;
    put_number(s->sum, sum_of(s->head, s->data, left));
}

/* Finds the next chunk that is needed, from `at` on. */
static void next_chunk(source *s) {
    while (s->size - s->at >= HEAD_BYTES) {
        const uint8_t *head = s->bytes + s->at, *data = head + HEAD_BYTES;
        size_t size = number_at(head), left = s->size - s->at - HEAD_BYTES;
        if (size > left || left - size < SUM_BYTES) {
            cut_short(s, head, size < left ? size : left);
            return;
        }
        s->at += HEAD_BYTES + size + SUM_BYTES;
        keep_exif(s, head, data, size);
        if (is_kind(head, "IEND")) {
            put_end(s);
            return;
        }
        if (!is_needed(s, head)) continue;
        memcpy(s->head, head, HEAD_BYTES);
        memcpy(s->sum, data + size, SUM_BYTES);
        s->data = data;
        s->data_bytes = size;
        return;
    }
    end_early(s);
}

/* The part that follows; false behind the end. */
static bool give_next(source *s) {
    enum { HEAD, DATA, SUM };
    if (s->next == HEAD) {
        if (s->ended) return false;
        next_chunk(s);
    }
    s->part = s->next == HEAD ? s->head : s->next == DATA ? s->data : s->sum;
    s->left = s->next == HEAD ? HEAD_BYTES : s->next == DATA ? s->data_bytes : SUM_BYTES;
    s->next = s->next == SUM ? HEAD : s->next + 1;
    return true;
}

static int give(spng_ctx *png, void *user, void *to, size_t length) {
    source *s = user;
    uint8_t *out = to;
    (void)png;
    while (length > 0) {
        if (s->left == 0) {
            if (!give_next(s)) return SPNG_IO_EOF;
            continue;
        }
        size_t taken = length < s->left ? length : s->left;
        memcpy(out, s->part, taken);
        out += taken;
        s->part += taken;
        s->left -= taken;
        length -= taken;
    }
    return 0;
}

/* ---- pixels ---- */

static bt_status broken(int code, bt_error *error) {
    if (code == SPNG_EMEM) return bt_no_memory(error, "decoding a PNG");
    if (code == SPNG_EIDAT_TOO_SHORT || code == SPNG_IO_EOF)
        return bt_fail(error, BT_PARSE, "a damaged PNG: it ends before its last row");
    if (code == SPNG_ECHUNK_CRC)
        return bt_fail(error, BT_PARSE, "a damaged PNG: a check sum is wrong of what its pixels need");
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

/* Through RGBA, where a picture has more than 8 bits or may be transparent. */
static bt_status decode_through(spng_ctx *png, bool deep, const bt_value_scale *scale, bt_picture *out,
                                bt_error *error) {
    size_t bytes = (size_t)out->height * (size_t)out->width * (deep ? 8 : 4);
    void *rgba = malloc(bytes);
    if (!rgba) return broken(SPNG_EMEM, error);
    const bt_values values = {
        .values = rgba, .bits = deep ? 16 : 8, .colours = 3, .stride = 4, .opacity = BT_OPACITY_APART};
    int failed =
        spng_decode_image(png, rgba, bytes, deep ? SPNG_FMT_RGBA16 : SPNG_FMT_RGBA8, SPNG_DECODE_TRNS);
    bt_status status = failed ? broken(failed, error) : bt_values_show(&values, scale, out, error);
    free(rgba);
    return status;
}

static bt_status decode_plain(spng_ctx *png, const bt_value_scale *scale, bt_picture *out, bt_error *error) {
    const bt_values values = {.values = out->rgb, .bits = 8, .colours = 3, .stride = 3};
    int failed =
        spng_decode_image(png, out->rgb, 3 * (size_t)out->height * (size_t)out->width, SPNG_FMT_RGB8, 0);
    return failed ? broken(failed, error) : bt_values_show(&values, scale, out, error);
}

static bt_status find_scale(bt_value_scale *out, const struct spng_ihdr *header,
                            const bt_picture_wishes *wishes, bt_error *error) {
    bool palette = header->color_type == SPNG_COLOR_TYPE_INDEXED, fixed = palette || header->bit_depth < 8;
    if (fixed && wishes->white > 0)
        return bt_fail(error, BT_INVALID, "--white is for values of 8 and 16 bits, and its are of %d%s",
                       header->bit_depth, palette ? ", into a palette" : "");
    bt_status status = bt_value_scale_of(out, header->bit_depth == 16 ? 16 : 8, wishes, error);
    out->fixed = fixed;
    return status;
}

static bt_status decode(spng_ctx *png, const source *s, const bt_picture_wishes *wishes, bt_picture *out,
                        bt_error *error) {
    struct spng_ihdr header;
    struct spng_trns transparent;
    bt_value_scale scale = {0};
    int failed = spng_get_ihdr(png, &header);
    if (failed) return broken(failed, error);
    int transparency = spng_get_trns(png, &transparent);
    bool through = header.bit_depth == 16 || transparency == SPNG_OK ||
                   header.color_type == SPNG_COLOR_TYPE_GRAYSCALE_ALPHA ||
                   header.color_type == SPNG_COLOR_TYPE_TRUECOLOR_ALPHA;
    const bt_picture_head head = {
        .height = header.height,
        .width = header.width,
        .fewest_bytes = stored_bytes(&header) / DEFLATE_RATIO_MAX,
        /* the picture, and RGBA or the picture turned */
        .pixel_bytes = !through                 ? 3 + 3
                       : header.bit_depth == 16 ? 3 + 8
                                                : 3 + 4,
    };
    bt_status status = bt_picture_take(out, &head, s->size, wishes, error);
    if (status == BT_OK) status = find_scale(&scale, &header, wishes, error);
    if (status != BT_OK) return status;
    if (transparency != SPNG_OK && transparency != SPNG_ECHUNKAVAIL) return broken(transparency, error);
    status = through ? decode_through(png, header.bit_depth == 16, &scale, out, error)
                     : decode_plain(png, &scale, out, error);
    if (status != BT_OK) return status;
    failed = spng_decode_chunks(png); /* up to the end mark: the last pixels' check sum, and what is behind */
    return failed ? broken(failed, error) : BT_OK;
}

static bt_status decode_and_turn(spng_ctx *png, const source *s, const bt_picture_wishes *wishes,
                                 bt_picture *out, bt_error *error) {
    bt_status status = decode(png, s, wishes, out, error);
    if (status != BT_OK) return status;
    if (s->lacks_end) bt_picture_note(out, "the file ends too early, but all its rows are there");
    if (s->exif && s->exif_damaged) bt_picture_note(out, "its EXIF block is damaged; it is not turned by it");
    if (!s->exif || s->exif_damaged) return BT_OK;
    return bt_picture_orient(out, bt_exif_orientation(s->exif, s->exif_bytes), error);
}

bt_status bt_decode_png(bt_picture *out, const uint8_t *bytes, size_t size, const bt_picture_wishes *wishes,
                        bt_error *error) {
    source s = {.bytes = bytes, .size = size, .at = MAGIC_BYTES, .part = bytes, .left = MAGIC_BYTES};
    bt_status status = bt_picture_only_page(wishes, error);
    if (status != BT_OK) return status;
    spng_ctx *png = spng_ctx_new(0);
    if (!png) return broken(SPNG_EMEM, error);
    int failed = spng_set_crc_action(png, SPNG_CRC_ERROR, SPNG_CRC_ERROR);
    if (!failed) failed = spng_set_png_stream(png, give, &s);
    status = failed ? broken(failed, error) : decode_and_turn(png, &s, wishes, out, error);
    spng_ctx_free(png);
    return status;
}

#endif
