/* The ways of running a model that are compared before its sweep, and what follows from their times.
 *
 * A way is a precision, a layout, and how the cores are shared out (tune/divisions.h). No flag of a CPU or GPU tells
 * which precision or layout is fastest on it, so they are timed against each other (tune/contest.h), and the fastest
 * whose masks agree is taken. Some are measured only so that it can be told what they would bring. Pure. */
#ifndef BT_TUNE_CONTENDERS_H
#define BT_TUNE_CONTENDERS_H

#include <stdbool.h>

#include "record/sweep-record.h"
#include "settings/precision.h"

#ifdef __cplusplus
extern "C" {
#endif

/* What there is to choose from for one model. */
typedef struct bt_ways {
    const bt_division *divisions;
    int division_count;
    bt_precision asked;
    bool use_amp;
    bool fixed; /* nothing but the division can be chosen: a simulation, packages, the standard path */
    bool can[BT_PRECISION_COUNT]; /* what sessions of the model can be opened in here */
    bool channels_last, both_layouts;
} bt_ways;

/* The contenders, those of the first division first, FP32 before the others: what may win, by every division; then
 * what is measured only to be told, on the first division alone: beside a forced precision the floats that were not
 * asked for, and INT8 unless "auto-int8" lets it win. Returns how many (at least 1). */
int bt_contenders_list(const bt_ways *ways, bt_contender out[BT_CONTENDERS_MAX]);

/* Notes what batches of one took. */
void bt_contender_note(bt_contender *contender, double median_ms);

/* Whether it can still win: it may, and nothing speaks against it. */
bool bt_contender_is_eligible(const bt_contender *contender);

/* The eligible way that promises most, by division: its figures, into the divisions that the contenders were made of. */
void bt_contenders_divide(const bt_contender *contenders, int count, bt_division *divisions,
                          int division_count);

/* Of the eligible contenders the one to take on cores shared out so: the one of those measured on them that promises
 * most, by a batch of one or, after heats, by larger ones; or, where none was, what was best on others. FP32 counts as
 * the best where nothing promises 2 % more. Never NULL: the first of that division where nothing was measured. */
bt_contender *bt_contenders_best(bt_contender *contenders, int count, const bt_division *division);

/* Takes it: fills in each contender's ratio to it, and why the others were not. */
void bt_contenders_take(bt_contender *contenders, int count, bt_contender *taken);

/* "FP32 taken: BF16 runs at 0.61 of its speed here", of contenders of which one is taken; "" where nothing was
 * compared but divisions. `asked` is the user's wish. */
void bt_contenders_reason(const bt_contender *contenders, int count, bt_precision asked,
                          char out[BT_PRECISION_REASON_SIZE]);

/* "BF16", or "BF16 in NHWC" where both layouts compete; into out. */
void bt_contender_title(const bt_contender *contender, bool layouts, char *out, size_t size);

#ifdef __cplusplus
}
#endif
#endif
