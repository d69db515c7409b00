#include "tune/contenders.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#include "base/text.h"
#include "tune/divisions.h"

/* A kind of way is taken in place of one that stands before it in the list where it is this many times as fast.
 * Higher prefers FP32, which is exact, and gives away speed; at 1 noise decides between equals. */
#define INDIFFERENT 1.02

/* ---- what there is ---- */

static bt_contender make(const bt_ways *ways, int division, bt_precision precision, bool channels_last,
                         bool may_win) {
    bt_contender c = {.channels_last = channels_last,
                      .instances = ways->divisions[division].instances,
                      .threads = ways->divisions[division].threads,
                      .median_ms = NAN,
                      .throughput_imgs_per_sec = NAN,
                      .promise = NAN,
                      .ratio = NAN,
                      .mask_iou = NAN,
                      .may_win = may_win};
    snprintf(c.precision, sizeof c.precision, "%.7s", bt_precision_name(precision));
    return c;
}

static bool may_win(const bt_ways *ways, bt_precision precision) {
    if (!bt_precision_is_open(ways->asked)) return precision == ways->asked;
    if (precision == BT_PRECISION_INT8) return ways->asked == BT_PRECISION_AUTO_INT8;
    /* On a GPU the half is FP16; BF16 is no faster there, and less exact. */
    const bool is_half = precision == (ways->can[BT_PRECISION_FP16] ? BT_PRECISION_FP16 : BT_PRECISION_BF16);
    return precision == BT_PRECISION_FP32 || (ways->use_amp && is_half);
}

/* What is measured without a chance to win. */
static bool is_told(const bt_ways *ways, bt_precision precision) {
    if (may_win(ways, precision)) return false;
    if (bt_precision_is_open(ways->asked)) return precision == BT_PRECISION_INT8;
    return precision != BT_PRECISION_INT8 &&
           (precision != BT_PRECISION_BF16 || !ways->can[BT_PRECISION_FP16]);
}

static int add_division(const bt_ways *ways, int division, bt_contender *out) {
    int count = 0;
    for (int p = BT_PRECISION_FP32; p <= BT_PRECISION_INT8; p++) {
        const bt_precision precision = (bt_precision)p;
        if (!ways->can[p] || !may_win(ways, precision)) continue;
        out[count++] = make(ways, division, precision, ways->channels_last, true);
        if (ways->both_layouts) out[count++] = make(ways, division, precision, !ways->channels_last, true);
    }
    return count;
}

int bt_contenders_list(const bt_ways *ways, bt_contender out[BT_CONTENDERS_MAX]) {
    int count = 0;
    for (int d = 0; d < ways->division_count; d++) {
        if (ways->fixed)
            out[count++] = make(ways, d, ways->asked, ways->channels_last, true);
        else
            count += add_division(ways, d, out + count);
    }
    for (int p = BT_PRECISION_FP32; p <= BT_PRECISION_INT8 && !ways->fixed; p++)
        if (ways->can[p] && is_told(ways, (bt_precision)p) && count < BT_CONTENDERS_MAX)
            out[count++] = make(ways, 0, (bt_precision)p, ways->channels_last, false);
    return count;
}

/* ---- what they did ---- */

void bt_contender_note(bt_contender *contender, double median_ms) {
    contender->median_ms = median_ms;
    contender->throughput_imgs_per_sec = bt_division_throughput(contender->instances, median_ms);
    contender->promise = contender->throughput_imgs_per_sec;
    contender->largest_batch = 1;
}

static bool is_on(const bt_contender *c, const bt_division *division) {
    return c->instances == division->instances && c->threads == division->threads;
}

bool bt_contender_is_eligible(const bt_contender *contender) {
    return contender->may_win && !contender->why[0];
}

static bool is_measured(const bt_contender *c) {
    return c->median_ms > 0;
}

static const bt_contender *fastest_on(const bt_contender *contenders, int count,
                                      const bt_division *division) {
    const bt_contender *best = NULL;
    for (const bt_contender *c = contenders; c < contenders + count; c++) {
        if (!is_on(c, division) || !bt_contender_is_eligible(c) || !is_measured(c)) continue;
        if (!best || c->promise > best->promise * INDIFFERENT) best = c;
    }
    return best;
}

void bt_contenders_divide(const bt_contender *contenders, int count, bt_division *divisions,
                          int division_count) {
    for (bt_division *division = divisions; division < divisions + division_count; division++) {
        const bt_contender *best = fastest_on(contenders, count, division);
        bt_division_note(division, best ? best->median_ms : NAN);
        division->promise = best ? best->promise : NAN;
    }
}

/* One of that kind on those cores, NULL where there is none. */
static bt_contender *find(bt_contender *contenders, int count, const bt_contender *kind,
                          const bt_division *division) {
    for (bt_contender *c = contenders; c < contenders + count; c++)
        if (is_on(c, division) && bt_contender_same_kind(c, kind)) return c;
    return NULL;
}

bt_contender *bt_contenders_best(bt_contender *contenders, int count, const bt_division *division) {
    const bt_contender *best = fastest_on(contenders, count, division);
    const bt_division first = {.instances = contenders[0].instances, .threads = contenders[0].threads};
    if (!best) best = fastest_on(contenders, count, &first);
    bt_contender *there = best ? find(contenders, count, best, division) : NULL;
    for (bt_contender *c = contenders; c < contenders + count && !there; c++)
        if (is_on(c, division) && bt_contender_is_eligible(c)) there = c;
    return there ? there : find(contenders, count, contenders, division);
}

/* ---- what is said of them ---- */

/* A precision is judged on the same cores; how the cores are shared out, by what all instances serve together. By batches
 * of one, unless it was the larger ones that decided. */
static double ratio_of(bt_contender *contenders, int count, const bt_contender *c,
                       const bt_contender *taken) {
    const bt_division own = {.instances = c->instances, .threads = c->threads};
    const bt_contender *other =
        bt_contender_same_kind(c, taken) ? taken : find(contenders, count, taken, &own);
    if (!other) return NAN;
    const double ratio = c->throughput_imgs_per_sec / other->throughput_imgs_per_sec;
    const bool both_went_on = c->largest_batch > 1 && other->largest_batch > 1;
    return ratio >= 1 && both_went_on && c->promise < other->promise ? c->promise / other->promise : ratio;
}

/* Of INT8 that nobody asked for and nothing speaks against. */
static const char int8_told[] = "measured to be told: --precision auto-int8 lets it win";

static void tell_why(bt_contender *c, const bt_contender *taken) {
    const size_t size = sizeof c->why;
    if (!is_measured(c))
        snprintf(c->why, size, "not measured on these cores");
    else if (!c->may_win && strcmp(c->precision, bt_precision_name(BT_PRECISION_INT8)) == 0)
        snprintf(c->why, size, "%s", int8_told);
    else if (!c->may_win)
        snprintf(c->why, size, "measured to be told: another precision was asked for");
    else if (bt_contender_same_kind(c, taken))
        bt_text_format(c->why, size, "its instances serve %.2f of what those of the one taken do", c->ratio);
    else if (c->ratio < 1)
        bt_text_format(c->why, size, "%.2f of the speed of the one taken", c->ratio);
    else if (!bt_contender_same_division(c, taken))
        snprintf(c->why, size, "the cores are shared out in another way");
    else
        snprintf(c->why, size, "no faster than what comes before it");
}

void bt_contenders_take(bt_contender *contenders, int count, bt_contender *taken) {
    taken->taken = true;
    for (bt_contender *c = contenders; c < contenders + count; c++) {
        c->ratio = c == taken && is_measured(c) ? 1 : ratio_of(contenders, count, c, taken);
        if (c != taken && !c->why[0]) tell_why(c, taken);
    }
}

void bt_contender_title(const bt_contender *contender, bool layouts, char *out, size_t size) {
    bt_precision precision = BT_PRECISION_AUTO;
    bt_precision_find(&precision, contender->precision);
    snprintf(out, size, "%s%s", bt_precision_title(precision),
             !layouts                   ? ""
             : contender->channels_last ? " in NHWC"
                                        : " in NCHW");
}

/* Of a kind of way other than the one taken, on the cores where both were measured. */
static void tell_other(const bt_contender *c, bool layouts, char out[BT_PRECISION_REASON_SIZE]) {
    const size_t size = BT_PRECISION_REASON_SIZE;
    char title[32];
    bt_contender_title(c, layouts, title, sizeof title);
    const bool would_win = strcmp(c->why, int8_told) == 0 && isfinite(c->mask_iou);
    if (!isfinite(c->ratio))
        bt_text_append_clause(out, size, "%s was not measured (%.60s)", title, c->why);
    else if (would_win && c->ratio >= 1)
        bt_text_append_clause(out, size, "%s would serve %.2f times as many, IoU %.3f: --precision auto-int8",
                              title, c->ratio, c->mask_iou);
    else if (!c->may_win && c->ratio >= 1 && isnan(c->mask_iou))
        bt_text_append_clause(out, size, "%s would be %.2f times as fast here", title, c->ratio);
    else if (isfinite(c->mask_iou) && c->ratio >= 1)
        bt_text_append_clause(out, size, "%s is %.2f times as fast, but %s", title, c->ratio, c->why);
    else
        bt_text_append_clause(out, size, "%s runs at %.2f of its speed here", title, c->ratio);
}

/* Whether it is the first to tell of its kind: each was measured on the first division, if on any. */
static bool is_news(const bt_contender *contenders, const bt_contender *c, const bt_contender *taken) {
    if (bt_contender_same_kind(c, taken)) return false;
    for (const bt_contender *other = contenders; other < c; other++)
        if (bt_contender_same_kind(other, c)) return false;
    return true;
}

void bt_contenders_reason(const bt_contender *contenders, int count, bt_precision asked,
                          char out[BT_PRECISION_REASON_SIZE]) {
    const bt_contender *taken = NULL;
    char title[32], others[BT_PRECISION_REASON_SIZE] = "";
    bool layouts = false;
    out[0] = '\0';
    for (const bt_contender *c = contenders; c < contenders + count; c++) {
        if (c->taken) taken = c;
        layouts = layouts || c->channels_last != contenders[0].channels_last;
    }
    for (const bt_contender *c = contenders; c < contenders + count && taken; c++)
        if (is_news(contenders, c, taken)) tell_other(c, layouts, others);
    if (!others[0]) return;
    bt_contender_title(taken, layouts, title, sizeof title);
    bt_text_append(out, BT_PRECISION_REASON_SIZE, "%s %s: %s", title,
                   bt_precision_is_open(asked) ? "taken" : "as asked for", others);
}
