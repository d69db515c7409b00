#include "image/value-scale.h"

#include <stdlib.h>
#include <string.h>

#include "image/decode-formats.h"

bt_status bt_value_scale_of(bt_value_scale *out, int bits, const bt_picture_wishes *wishes, bt_error *error) {
    double most = bits == 16 ? 65535 : 255, white = wishes->white > 0 ? wishes->white : most;
    *out = (bt_value_scale){.most = most, .given = wishes->white > 0};
    if (white > most)
        return bt_fail(error, BT_INVALID, "--white %g is beyond its values, which are of %d bits", white,
                       bits);
    for (int c = 0; c < 3; c++)
        out->of[c].white = white;
    return BT_OK;
}

/* One channel of opacity alpha / most over white. */
static uint32_t over_white(uint32_t value, uint32_t alpha, uint32_t most) {
    return (uint32_t)(((uint64_t)value * alpha + (uint64_t)most * (most - alpha) + most / 2) / most);
}

/* One that is multiplied by alpha already. */
static uint32_t add_white(uint32_t value, uint32_t alpha, uint32_t most) {
    return (value < alpha ? value : alpha) + most - alpha;
}

/* ---- which values there are ---- */

typedef struct extremes {
    uint32_t least, greatest;
} extremes;

static void widen(extremes *e, uint32_t value) {
    e->least = value < e->least ? value : e->least;
    e->greatest = value > e->greatest ? value : e->greatest;
}

static extremes extremes_of(const bt_values *v, size_t pixels) {
    extremes found = {UINT32_MAX, 0};
    const uint8_t *bytes = v->values;
    const uint16_t *pairs = v->values;
    size_t stride = (size_t)v->stride, colours = (size_t)v->colours;
    if (v->bits == 8 && stride == colours) { /* the usual kind, by the compiler's vectors */
        uint8_t least = 255, greatest = 0;
        for (size_t i = 0; i < pixels * stride; i++) {
            least = bytes[i] < least ? bytes[i] : least;
            greatest = bytes[i] > greatest ? bytes[i] : greatest;
        }
        return (extremes){least, greatest};
    }
    for (size_t i = 0; i < pixels; i++)
        for (size_t c = 0; c < colours; c++)
            widen(&found, v->bits == 8 ? bytes[i * stride + c] : pairs[i * stride + c]);
    return found;
}

/* Whether more than one pixel in a hundred has a value beyond white. */
static bool is_often_beyond(const bt_values *v, const bt_value_scale *scale, size_t pixels) {
    const uint8_t *bytes = v->values;
    const uint16_t *pairs = v->values;
    size_t beyond = 0;
    for (size_t i = 0; i < pixels; i++) {
        bool is_beyond = false;
        for (int c = 0; c < v->colours; c++) {
            size_t at = i * (size_t)v->stride + (size_t)c;
            is_beyond = is_beyond || (v->bits == 8 ? bytes[at] : pairs[at]) > scale->of[c].white;
        }
        beyond += is_beyond;
    }
    return 100 * beyond > pixels;
}

/* ---- what is said of them ---- */

static double within(double value, bt_value_range range) {
    return value < range.black ? range.black : value > range.white ? range.white : value;
}

/* What may be meant by values of 16 bits that go no further: the depths that cameras have. */
static const char *guess(uint32_t greatest) {
    return greatest <= 1023   ? " (--white 1023 for a camera of 10 bits)"
           : greatest <= 4095 ? " (--white 4095 for a camera of 12 bits)"
                              : "";
}

static void note_own(const bt_value_scale *scale, extremes seen, bt_picture *out) {
    bt_picture_note(out,
                    "it has %d channels, and ImageJ's description says how one of them is shown, but not "
                    "which; its own values are taken, black %u and white %u; --white N says otherwise",
                    scale->channels, seen.least, seen.greatest);
}

static void note_misfit(const bt_values *v, const bt_value_scale *scale, extremes seen, bt_picture *out) {
    bt_value_range range = scale->of[0];
    if (scale->fixed) return;
    if (seen.least == seen.greatest) {
        bt_picture_note(out, "every value of it is %u: there is nothing to be seen in it", seen.least);
        return;
    }
    if (scale->own || scale->given) return;
    for (int c = 1; c < 3; c++) { /* colours of ranges of their own: in the widest */
        range.black = scale->of[c].black < range.black ? scale->of[c].black : range.black;
        range.white = scale->of[c].white > range.white ? scale->of[c].white : range.white;
    }
    double used = within(seen.greatest, range) - within(seen.least, range);
    bool little = 16 * used < range.white - range.black;
    bool beyond =
        seen.greatest > range.white &&
        (little || (scale->bounds && is_often_beyond(v, scale, (size_t)out->height * (size_t)out->width)));
    if (beyond)
        bt_picture_note(
            out, "its values, %u to %u, reach beyond what is taken for %s, %g (%s); --white N says otherwise",
            seen.least, seen.greatest, scale->inverted ? "black" : "white", range.white, scale->said_by);
    if (beyond || !little) return;
    bt_picture_note(out,
                    "its values, %u to %u, use less than a sixteenth of what is taken for black to white, %g "
                    "to %g (%s); --white N says otherwise%s",
                    seen.least, seen.greatest, range.black, range.white,
                    scale->said_by         ? scale->said_by
                    : scale->most == 65535 ? "all that 16 bits hold"
                                           : "all that 8 bits hold",
                    scale->said_by || scale->most < 65535 ? "" : guess(seen.greatest));
}

/* ---- to bytes ---- */

/* Every value's byte. */
static void fill_table(uint8_t *table, const bt_value_scale *scale, bt_value_range range) {
    for (int value = 0; value <= (int)scale->most; value++) {
        double part = (value - range.black) / (range.white - range.black);
        part = part > 0 ? part < 1 ? part : 1 : 0;
        table[value] = (uint8_t)(255 * (scale->inverted ? 1 - part : part) + 0.5);
    }
}

static void show(const bt_values *v, uint8_t *const tables[3], bt_picture *out) {
    const uint8_t *bytes = v->values;
    const uint16_t *pairs = v->values;
    size_t pixels = (size_t)out->height * (size_t)out->width, stride = (size_t)v->stride;
    uint32_t most = v->bits == 8 ? 255 : 65535, unit = most / 255;
    for (size_t i = 0; i < pixels; i++) {
        uint8_t *to = out->rgb + 3 * i;
        size_t from = i * stride, behind = from + (size_t)v->colours;
        uint32_t alpha = v->opacity == BT_OPAQUE ? most : v->bits == 8 ? bytes[behind] : pairs[behind];
        for (int c = 0; c < v->colours; c++) {
            uint32_t value = tables[c][v->bits == 8 ? bytes[from + (size_t)c] : pairs[from + (size_t)c]];
            if (v->opacity == BT_OPACITY_APART)
                value = (over_white(value * unit, alpha, most) + unit / 2) / unit;
            if (v->opacity == BT_OPACITY_MULTIPLIED)
                value = (add_white(value * unit, alpha, most) + unit / 2) / unit;
            to[c] = (uint8_t)value;
        }
        if (v->colours == 1) to[1] = to[2] = to[0];
    }
}

static bool is_as_stored(const bt_values *v, const bt_value_scale *scale, const bt_picture *out) {
    return v->values == out->rgb && v->bits == 8 && v->opacity == BT_OPAQUE && !scale->inverted &&
           scale->of[0].black == 0 && scale->of[0].white == 255;
}

bt_status bt_values_show(const bt_values *v, const bt_value_scale *given, bt_picture *out, bt_error *error) {
    bt_value_scale scale = *given;
    size_t values = (size_t)scale.most + 1;
    extremes seen = extremes_of(v, (size_t)out->height * (size_t)out->width);
    if (scale.own) {
        for (int c = 0; c < 3; c++)
            scale.of[c] = (bt_value_range){seen.least, seen.greatest};
        note_own(&scale, seen, out);
    }
    note_misfit(v, &scale, seen, out);
    out->black = scale.of[0].black;
    out->white = scale.of[0].white;
    if (is_as_stored(v, &scale, out)) return BT_OK;
    uint8_t *table = malloc(3 * values);
    if (!table) return bt_no_memory(error, "decoding a picture");
    for (int c = 0; c < v->colours; c++)
        fill_table(table + (size_t)c * values, &scale, scale.of[c]);
    show(v, (uint8_t *const[3]){table, table + values, table + 2 * values}, out);
    free(table);
    return BT_OK;
}
