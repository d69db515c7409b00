/* Ways of running a model, timed against each other: batches of one, by turns, so that a slow spell of the machine
 * falls on all of them. What they are and which one is taken is tune/contenders.h's.
 *
 * A pure state machine like the sweep (tune/sweep.h), and for the same reasons: it says which turn comes next, takes
 * what came of it, and knows no clock but what the turns are said to have taken. It costs at most its budget,
 * whatever the machine does: no turn begins that is not expected to end within it, and whoever measures gives up a
 * turn that lasts longer. What was measured is noted as it comes in, so that a contest that ends early has told what
 * it knows.
 *
 * Opening a session is what costs. So the kinds (precisions, layouts) meet on the first division of the cores before
 * any other division is tried, and a kind that is clearly behind there never sees the others. */
#ifndef BT_TUNE_CONTEST_H
#define BT_TUNE_CONTEST_H

#include "base/error.h"
#include "record/sweep-record.h"
#include "tune/step.h"

#ifdef __cplusplus
extern "C" {
#endif

/* Rounds of all that are in, at most. More tell near ones apart, and cost as much more of the sweep's time. */
#define BT_CONTEST_ROUNDS 5

typedef struct bt_contest bt_contest;

/* A turn of one contender. */
typedef struct bt_contest_turn {
    int contender; /* its index */
    int round;     /* from 1 */
    bt_step step;
    double within_s; /* longer than this is not waited for it */
} bt_contest_turn;

/* Compares `count` contenders, as bt_contenders_list orders them, within `budget_s`. They are the caller's, must
 * outlive the contest, and receive what batches of one took, and of one that fails why; one of which that is known
 * already has no turn. BT_NO_MEMORY. */
BT_MUST_USE bt_status bt_contest_open(bt_contest **out, bt_contender *contenders, int count, double budget_s,
                                      bt_error *error);
void bt_contest_close(bt_contest **contest);

/* The next turn, the same until bt_contest_done() has its result. False where the contest is over: after all rounds,
 * after three where the best is clear, when less than two are left, or when the budget does not do for another
 * turn. */
bool bt_contest_next(const bt_contest *contest, bt_contest_turn *out);

/* Takes in what came of a turn. One that others disturbed comes again, once, while there is time. A contender that
 * fails is out, and counts as not measured; one that was not waited for (BT_TIMEOUT) ends the contest and keeps what
 * it had. */
void bt_contest_done(bt_contest *contest, const bt_step_result *result);

/* After the contest: two rounds more, of a contender that came too late for it and is only to be told, by turns with
 * number `beside`, within `budget_s`. It stands behind the others in the caller's list. */
void bt_contest_tell(bt_contest *contest, bt_contender *told, int beside, double budget_s);

/* How far it is, 0..1; never goes back. `text`: "round 2 of 5, BF16, 2 x 1 thread". */
double bt_contest_progress(const bt_contest *contest, char *text, size_t size);

#ifdef __cplusplus
}
#endif
#endif
