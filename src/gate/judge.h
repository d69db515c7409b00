/* What the figures come to: faster, same, slower, or not known. The gate's decisions, without a clock, a
 * process or a file.
 *
 * A row is judged at looks. At each the slowdown so far is held against the tolerance three times: is it
 * surely above, surely below, surely faster? The errors of all looks at a row, and for "slower" those of all
 * rows together (measure/slowdown.h), stay within the rules' one. "Slower" is final; the rest may still
 * change while there are looks to come.
 *
 * A minor row speaks only where it is surely slower. A promise is slower where it was met and is broken under
 * the same SLA, and never otherwise: another SLA is another question, and what was not shown proves nothing.
 * Of the whole: one slower row or promise is slower. Where nothing was measured nothing is passed. A row that
 * only the old side has, or whose work changed, hides what became of it: incomparable, unless it is
 * declared. */
#ifndef BT_GATE_JUDGE_H
#define BT_GATE_JUDGE_H

#include <stdbool.h>

#include "base/error.h"
#include "record/gate-rules.h"
#include "record/gate-verdict.h"

#ifdef __cplusplus
extern "C" {
#endif

typedef enum bt_on_inconclusive {
    BT_ON_INCONCLUSIVE_FAIL,
    BT_ON_INCONCLUSIVE_PASS,
    BT_ON_INCONCLUSIVE_RETRY
} bt_on_inconclusive;

typedef struct bt_judge {
    const bt_gate_rules *rules;
    bt_gate_profile profile;
    uint64_t seed;
} bt_judge;

/* The pairs before the first look; each next one comes after half as many again. Sooner, or more often, can end a
 * race of a large change earlier, and leaves each look a smaller share of the error, so that small changes take
 * more pairs. Later wastes pairs on what was plain long before. */
#define BT_GATE_FIRST_LOOK 8

/* Adds the rows of two sides to a verdict: those of both with their values, then what only one has. What
 * stands for a turn is its samples' lower quartile, by nearest rank, since what else the machine does only
 * adds. */
BT_MUST_USE bt_status bt_judge_rows(const bt_judge *judge, bt_gate_verdict *verdict,
                                    const bt_gate_record *before, const bt_gate_record *now, bool paired,
                                    bt_error *error);

/* One look at every row that can be compared; `look_share` is this look's (1 where there is one only). BT_OK
 * too where some row has too few values: it stays inconclusive and says so. BT_NO_MEMORY. */
BT_MUST_USE bt_status bt_judge_look(const bt_judge *judge, bt_gate_verdict *verdict, double look_share,
                                    bt_error *error);

/* After pair number `pairs` of a course of `planned`: takes a look where one is due (after 8 pairs, then
 * after half as many again each time, and at the end), and says whether the course is over: each row is
 * decided, or the pairs are used up. `out_of_time` ends it here: this look is then the last one, with all
 * that is left of the error. */
BT_MUST_USE bt_status bt_judge_course(const bt_judge *judge, bt_gate_verdict *verdict, int pairs, int planned,
                                      bool out_of_time, bool *over, bt_error *error);

/* The one word for all, its exit code and why. Call it once, at the end. */
void bt_judge_whole(bt_gate_verdict *verdict, bt_on_inconclusive policy);

#ifdef __cplusplus
}
#endif
#endif
