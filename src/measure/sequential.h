/* "Is P95 within the SLA?", asked after every sample, with an error that holds for the whole sequence.
 *
 * A fixed-size test wastes an afternoon on a batch size that is hopeless after three samples; a fixed-size
 * bound looked at after every sample is wrong far more often than it says (0.95 at every look accepts a true
 * 5 % of late samples in 16.8 % of sequences). Here the constants belong to the sequence: with n samples
 * seen, t of them late,
 *
 *     accept when P[Bin(n, late_fraction) <= t] <= 1 - accept_confidence
 *     reject when P[Bin(n, late_fraction) >= t] <= 1 - reject_confidence
 *
 * up to a limit of samples; what is neither by then stays undecided. The chance of each verdict, for any true
 * share of late samples, is computed exactly by recursion over n and t, and the constants are derived from
 * the errors that one is ready to accept. Late means over the SLA, so t / n is compared with 0.05 for P95.
 * All is pure: the caller owns the rule (filled once, read by any number of threads) and each sequence's
 * state. */
#ifndef BT_MEASURE_SEQUENTIAL_H
#define BT_MEASURE_SEQUENTIAL_H

#include <stdbool.h>

#include "base/error.h"

#ifdef __cplusplus
extern "C" {
#endif

#define BT_SEQUENTIAL_MAX_LIMIT 1000

/* The rule for P95. Where exactly 5 % are late it accepts in 4.9 % of all sequences and rejects in 0.2 %
 * (0.04 % where 4 % are); bt_sequential_solve arrives at these constants from the errors 0.05 and 0.0022. The
 * first reject can come after 3 samples, the first accept after 85.
 *
 * A higher accept confidence accepts fewer sizes that miss the SLA, and later: at 0.99 the first accept takes 90
 * samples. A higher reject confidence keeps a size whose first samples were unlucky, and spends more samples on
 * hopeless ones: above 0.999875 three late of three no longer reject. A higher limit decides more of the sizes
 * that are near the SLA, and lets them take as much more of the time budget; each sample beyond it also costs
 * error, so the confidences must be derived anew. */
#define BT_SEQUENTIAL_LATE_FRACTION     0.05
#define BT_SEQUENTIAL_ACCEPT_CONFIDENCE 0.987
#define BT_SEQUENTIAL_REJECT_CONFIDENCE 0.9998
#define BT_SEQUENTIAL_LIMIT             400

typedef struct bt_sequential_rule {
    double late_fraction; /* the share of late samples that is just allowed: 0.05 for P95 */
    double accept_confidence, reject_confidence;
    int limit; /* samples, the last look */
    /* Indexed by the number of samples, 0..limit. */
    int accept_at_most[BT_SEQUENTIAL_MAX_LIMIT + 1];  /* late samples; -1: nothing accepts yet */
    int reject_at_least[BT_SEQUENTIAL_MAX_LIMIT + 1]; /* late samples; more than n: nothing rejects yet */
} bt_sequential_rule;

/* What one sequence has seen. Zero it to start. */
typedef struct bt_sequential {
    int samples, late;
} bt_sequential;

typedef enum bt_sequential_verdict {
    BT_SEQUENTIAL_UNDECIDED, /* take another sample, unless the rule's limit is reached */
    BT_SEQUENTIAL_ACCEPT,
    BT_SEQUENTIAL_REJECT
} bt_sequential_verdict;

/* Fills the tables of a rule (under a millisecond). A reject_confidence of 1 makes a rule that never rejects,
 * an accept_confidence of 1 one that never accepts. BT_INVALID unless late_fraction lies between 0 and 1,
 * both confidences are above 0 and at most 1, and limit is within 1..BT_SEQUENTIAL_MAX_LIMIT. */
bt_status bt_sequential_rule_make(bt_sequential_rule *rule, double late_fraction, double accept_confidence,
                                  double reject_confidence, int limit, bt_error *error) BT_MUST_USE;

/* The rule of the constants above. */
void bt_sequential_rule_p95(bt_sequential_rule *rule);

/* Judges a state whose samples are worth effective_ratio independent ones each: one over the design effect of
 * measure/late.h, in (0, 1]; 1 where they are independent. The first verdict is the verdict; a caller that goes on
 * after it spends error that was not allowed for.
 *
 * Late samples that come in spells carry less evidence than as many that come alone, for the SLA and against
 * it. The mean of n correlated indicators scatters like that of n * ratio independent ones (Kish's design
 * effect), so the rule is read at that size, the share of late samples kept, as survey practice does for
 * binomial intervals (Korn and Graubard, Survey Methodology 24, 1998). Each side is rounded against its own
 * verdict: accepting reads floor(n * ratio) samples with ceil(t * ratio) late, rejecting at ceil(n * ratio)
 * samples with floor(t * ratio) late. Then three late of three do not reject where the ratio is a half, and 0
 * of 85 do not accept. The rule's limit is on the discounted samples. A ratio is itself an estimate, and
 * correlation that the series did not show yet cannot be discounted: the stated errors are exact only for
 * independent samples. */
bt_sequential_verdict bt_sequential_judge(const bt_sequential_rule *rule, bt_sequential state,
                                          double effective_ratio);

typedef struct bt_sequential_chances {
    double accept, reject, undecided; /* probabilities; they sum to 1 */
    double expected_samples;          /* until the verdict, or the limit */
} bt_sequential_chances;

/* The chance of each verdict when the samples are independent and a share `true_late_fraction` of all is
 * late; exact but for rounding, by recursion over the samples (O(limit^2) steps, no allocation). A wrong
 * accept is `accept` at a true share of late_fraction or more (worst there); a wrong reject is `reject` below
 * it. */
bt_sequential_chances bt_sequential_error(const bt_sequential_rule *rule, double true_late_fraction);

/* Derives the constants: the smallest confidences, to 1e-6, with which a sequence at a true share of
 * late_fraction is accepted in at most `wrong_accept` of all cases, and one at `harmless_late_fraction`
 * rejected in at most `wrong_reject`. Each is met even where the other verdict would not stop the sequence,
 * so both hold together. BT_INVALID as above, or unless both errors lie within (0, 1) and 0 <
 * harmless_late_fraction <= late_fraction. */
bt_status bt_sequential_solve(bt_sequential_rule *rule, double late_fraction, double wrong_accept,
                              double harmless_late_fraction, double wrong_reject, int limit,
                              bt_error *error) BT_MUST_USE;

#ifdef __cplusplus
}
#endif
#endif
