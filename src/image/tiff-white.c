/* In how many ways a TIFF file says which values are black and white. */
#ifndef BT_WITHOUT_FILE_LIBRARIES

#include <stdlib.h>
#include <string.h>

#include "base/json.h"
#include "image/decode-formats.h"
#include "image/imagej.h"
#include "image/ome-xml.h"
#include "image/tiff-page.h"

#define BLOCKS_MAX (1 << 20) /* of ImageJ's metadata: a few, and a label for each page */

/* A question under way. */
typedef struct question {
    const bt_tiff_file *file;
    const bt_tiff_page *page;
    int bits, colours;
    bt_value_scale *out;
    bt_picture *picture; /* for notes */
    bt_ome ome;
    bool answered;
} question;

static void answer(question *q, bt_value_range range, const char *said_by) {
    for (int c = 0; c < 3; c++)
        q->out->of[c] = range;
    q->out->said_by = said_by;
    q->answered = true;
}

/* White as the greatest value that there can be. */
static void answer_most(question *q, double most, const char *said_by) {
    answer(q, (bt_value_range){0, most}, said_by);
    q->out->bounds = true;
}

/* White by how many bits are used, of those that there are. */
static void answer_bits(question *q, double used, const char *said_by) {
    if (!(used >= 1 && used <= q->bits)) return;
    answer_most(q, (double)((1 << (int)used) - 1), used < q->bits ? said_by : NULL);
}

/* ---- ImageJ ---- */

/* The description that counts: the page's own, else the first directory's. */
static bool find_imagej(const question *q, bt_imagej *out) {
    const uint64_t directories[] = {q->page->directory, bt_tiff_first(q->file)};
    for (int i = 0; i < 2; i++)
        for (bt_tiff_entry text = {0}; bt_tiff_find(q->file, directories[i], BT_TIFF_DESCRIPTION, &text);)
            if (bt_imagej_read(out, (const char *)q->file->bytes + text.values_at, text.count)) return true;
    return false;
}

/* The display ranges that tag 50839 holds, of the colours. False where one of them is not there. */
static bool find_ranges(const question *q, bt_imagej *imagej, bt_value_range ranges[3], bt_error *error,
                        bt_status *status) {
    bt_tiff_entry sizes = {0}, blocks = {0};
    uint64_t first = bt_tiff_first(q->file);
    if (!bt_tiff_find(q->file, first, BT_TIFF_IMAGEJ_COUNTS, &sizes) || sizes.count > BLOCKS_MAX ||
        !bt_tiff_find(q->file, first, BT_TIFF_IMAGEJ_BLOCKS, &blocks))
        return false;
    uint32_t *counts = malloc((size_t)sizes.count * sizeof *counts);
    if (!counts) *status = bt_no_memory(error, "ImageJ's metadata");
    for (uint64_t i = 0; counts && i < sizes.count; i++) {
        double value = bt_tiff_value(q->file, &sizes, i);
        counts[i] = value >= 0 && value <= UINT32_MAX ? (uint32_t)value : UINT32_MAX;
    }
    const uint8_t *bytes = q->file->bytes + blocks.values_at;
    int there = counts ? bt_imagej_ranges(counts, (size_t)sizes.count, bytes, (size_t)blocks.count) : 0;
    if (imagej->channels == 1) imagej->channels = there > 1 ? there : 1;
    bool found = there > 0;
    for (int c = 0; c < q->colours && found; c++)
        found = bt_imagej_range(&ranges[c], counts, (size_t)sizes.count, bytes, (size_t)blocks.count,
                                q->colours > 1 ? c : (q->page->number - 1) % imagej->channels);
    free(counts);
    return found;
}

/* Colours of 8 bits are shown as they are: ImageJ keeps no range of theirs. */
static bt_status ask_imagej(question *q, bt_error *error) {
    bt_imagej imagej;
    bt_value_range ranges[3] = {{0}};
    bt_status status = BT_OK;
    if ((q->bits == 8 && q->colours > 1) || !find_imagej(q, &imagej)) return BT_OK;
    if (find_ranges(q, &imagej, ranges, error, &status)) {
        answer(q, ranges[0], "ImageJ's display range");
        for (int c = 1; c < q->colours; c++)
            q->out->of[c] = ranges[c];
    } else if (imagej.channels == 1 && imagej.has_range) {
        answer(q, imagej.range, "ImageJ's min and max");
    } else if (imagej.channels > 1 && imagej.has_range && q->bits == 16) {
        q->out->own = q->answered = true;
        q->out->channels = imagej.channels;
    }
    return status;
}

/* ---- OME-XML ---- */

static bt_status ask_ome(question *q, bt_error *error) {
    uint64_t first = bt_tiff_first(q->file);
    for (bt_tiff_entry text = {0}; bt_tiff_find(q->file, first, BT_TIFF_DESCRIPTION, &text);) {
        bt_status status = bt_ome_read(&q->ome, (const char *)q->file->bytes + text.values_at,
                                       (size_t)text.count, q->page->index, error);
        if (status != BT_OK) return status;
        answer_bits(q, q->ome.significant_bits, "OME-XML's SignificantBits");
        if (q->ome.is_ome) return BT_OK;
    }
    return BT_OK;
}

/* What OME-XML may say somewhere, where nothing else says it. */
static void note_unread(const question *q) {
    if (q->ome.companion[0])
        bt_picture_note(q->picture,
                        "what its values mean stands in %s, which is not read; white is taken to be %g; "
                        "--white N says otherwise",
                        q->ome.companion, q->out->most);
    if (q->ome.broken[0])
        bt_picture_note(q->picture,
                        "its OME-XML cannot be read (%s); white is taken to be %g; --white N says otherwise",
                        q->ome.broken, q->out->most);
}

/* ---- others ---- */

/* A JSON text behind each page. */
static bt_status ask_micro_manager(question *q, bt_error *error) {
    bt_tiff_entry text = {0};
    json_error_t broken = {0};
    if (!bt_tiff_find(q->file, q->page->directory, BT_TIFF_MICRO_MANAGER, &text)) return BT_OK;
    const char *bytes = (const char *)q->file->bytes + text.values_at;
    json_t *json = bt_json_parse(bytes, strnlen(bytes, (size_t)text.count), &broken);
    if (!json && broken.line < 0) return bt_no_memory(error, "Micro-Manager's metadata");
    const json_t *depth = json_object_get(json, "BitDepth");
    if (json_is_object(depth)) depth = json_object_get(depth, "scalar"); /* a property map's */
    if (json_is_integer(depth)) answer_bits(q, (double)json_integer_value(depth), "Micro-Manager's BitDepth");
    json_decref(json);
    return BT_OK;
}

/* The greatest of what a tag says of each channel. */
static void ask_tag(question *q, uint16_t tag, const char *said_by) {
    bt_tiff_entry entry = {0};
    double most = 0;
    if (!bt_tiff_find(q->file, q->page->directory, tag, &entry) || entry.type == BT_TIFF_ASCII) return;
    for (uint64_t i = 0; i < entry.count; i++) {
        double value = bt_tiff_value(q->file, &entry, i);
        if (value > most) most = value;
    }
    if (most >= 1 && most < q->out->most) answer_most(q, most, said_by);
}

bt_status bt_tiff_scale(bt_value_scale *out, const bt_tiff_file *file, const bt_tiff_page *page, int bits,
                        int colours, const bt_picture_wishes *wishes, bt_picture *picture, bt_error *error) {
    question q = {
        .file = file, .page = page, .bits = bits, .colours = colours, .out = out, .picture = picture};
    bt_status status = bt_value_scale_of(out, bits, wishes, error);
    if (status != BT_OK || wishes->white > 0) return status;
    status = ask_imagej(&q, error);
    if (status == BT_OK && !q.answered) status = ask_ome(&q, error);
    if (status == BT_OK && !q.answered) status = ask_micro_manager(&q, error);
    if (status == BT_OK && !q.answered && bits == 16) ask_tag(&q, BT_TIFF_MAXIMUM, "MaxSampleValue");
    if (status == BT_OK && !q.answered && bits == 16) ask_tag(&q, BT_TIFF_GREATEST, "SMaxSampleValue");
    if (status == BT_OK && !q.answered) note_unread(&q);
    return status;
}

#endif
