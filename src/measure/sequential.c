#include "measure/sequential.h"

#include <math.h>
#include <string.h>

#include "measure/quantile.h"

static bool within(double probability, double confidence) {
    return probability <= 1 - confidence + BT_PROBABILITY_ROUNDING;
}

static void fill_accept(bt_sequential_rule *rule, double confidence) {
    int most = -1; /* never falls: more samples with as few late only speak louder for accepting */
    rule->accept_confidence = confidence;
    rule->accept_at_most[0] = -1;
    for (int n = 1; n <= rule->limit; n++) {
        while (confidence < 1 && most + 1 < n &&
               within(bt_binomial_at_most(most + 1, n, rule->late_fraction), confidence))
            most++;
        rule->accept_at_most[n] = most;
    }
}

static void fill_reject(bt_sequential_rule *rule, double confidence) {
    int least = 1; /* never falls either */
    rule->reject_confidence = confidence;
    rule->reject_at_least[0] = 1;
    for (int n = 1; n <= rule->limit; n++) {
        if (confidence >= 1)
            least = n + 1;
        else
            while (least <= n && !within(bt_binomial_at_least(least, n, rule->late_fraction), confidence))
                least++;
        rule->reject_at_least[n] = least;
    }
}

bt_status bt_sequential_rule_make(bt_sequential_rule *rule, double late_fraction, double accept_confidence,
                                  double reject_confidence, int limit, bt_error *error) {
    if (!(late_fraction > 0 && late_fraction < 1))
        return bt_fail(error, BT_INVALID, "sequential rule: late fraction %g is not between 0 and 1",
                       late_fraction);
    if (!(accept_confidence > 0 && accept_confidence <= 1 && reject_confidence > 0 && reject_confidence <= 1))
        return bt_fail(error, BT_INVALID,
                       "sequential rule: confidences %g and %g are not above 0 and at most 1",
                       accept_confidence, reject_confidence);
    if (limit < 1 || limit > BT_SEQUENTIAL_MAX_LIMIT)
        return bt_fail(error, BT_INVALID, "sequential rule: limit %d is not within 1..%d samples", limit,
                       BT_SEQUENTIAL_MAX_LIMIT);
    memset(rule, 0, sizeof *rule);
    rule->late_fraction = late_fraction;
    rule->limit = limit;
    fill_accept(rule, accept_confidence);
    fill_reject(rule, reject_confidence);
    return BT_OK;
}

void bt_sequential_rule_p95(bt_sequential_rule *rule) {
    bt_status status =
        bt_sequential_rule_make(rule, BT_SEQUENTIAL_LATE_FRACTION, BT_SEQUENTIAL_ACCEPT_CONFIDENCE,
                                BT_SEQUENTIAL_REJECT_CONFIDENCE, BT_SEQUENTIAL_LIMIT, NULL);
    (void)status; /* these constants are valid */
}

static bool accepts(const bt_sequential_rule *rule, int samples, int late) {
    return samples <= rule->limit && late <= rule->accept_at_most[samples];
}

static bool rejects(const bt_sequential_rule *rule, int samples, int late) {
    return samples <= rule->limit && late >= rule->reject_at_least[samples];
}

bt_sequential_verdict bt_sequential_judge(const bt_sequential_rule *rule, bt_sequential state,
                                          double effective_ratio) {
    double samples = state.samples * effective_ratio, late = state.late * effective_ratio;
    if (!(samples > 0)) return BT_SEQUENTIAL_UNDECIDED;
    if (accepts(rule, (int)floor(samples + BT_COUNT_ROUNDING), (int)ceil(late - BT_COUNT_ROUNDING)))
        return BT_SEQUENTIAL_ACCEPT;
    if (rejects(rule, (int)ceil(samples - BT_COUNT_ROUNDING), (int)floor(late + BT_COUNT_ROUNDING)))
        return BT_SEQUENTIAL_REJECT;
    return BT_SEQUENTIAL_UNDECIDED;
}

bt_sequential_chances bt_sequential_error(const bt_sequential_rule *rule, double true_late_fraction) {
    bt_sequential_chances chances = {0};
    double p = true_late_fraction, alive = 1;
    double at[BT_SEQUENTIAL_MAX_LIMIT + 2] = {1}; /* at[t]: undecided so far, with t late */
    for (int n = 1; n <= rule->limit; n++) {
        chances.expected_samples += alive;
        alive = 0;
        for (int t = n; t >= 0; t--) {
            double here = at[t] * (1 - p) + (t ? at[t - 1] * p : 0);
            at[t] = 0;
            if (t <= rule->accept_at_most[n])
                chances.accept += here;
            else if (t >= rule->reject_at_least[n])
                chances.reject += here;
            else
                alive += at[t] = here;
        }
    }
    chances.undecided = alive;
    return chances;
}

/* The smallest confidence, to 1e-6, whose error at `late_fraction` is within `error`. Only the side under
 * `fill` is tried while the other never decides: a sequence then runs longer and errs at least as often. */
static double smallest_confidence(bt_sequential_rule *rule, bool accept, double late_fraction, double error) {
    double low = 0, high = 1;
    while (high - low > 1e-6) {
        double middle = (low + high) / 2;
        fill_accept(rule, accept ? middle : 1);
        fill_reject(rule, accept ? 1 : middle);
        bt_sequential_chances chances = bt_sequential_error(rule, late_fraction);
        if ((accept ? chances.accept : chances.reject) <= error)
            high = middle;
        else
            low = middle;
    }
    return high;
}

bt_status bt_sequential_solve(bt_sequential_rule *rule, double late_fraction, double wrong_accept,
                              double harmless_late_fraction, double wrong_reject, int limit,
                              bt_error *error) {
    if (!(wrong_accept > 0 && wrong_accept < 1 && wrong_reject > 0 && wrong_reject < 1))
        return bt_fail(error, BT_INVALID, "sequential rule: errors %g and %g are not between 0 and 1",
                       wrong_accept, wrong_reject);
    if (!(harmless_late_fraction > 0 && harmless_late_fraction <= late_fraction))
        return bt_fail(error, BT_INVALID, "sequential rule: harmless late fraction %g is not within 0..%g",
                       harmless_late_fraction, late_fraction);
    bt_status status = bt_sequential_rule_make(rule, late_fraction, 1, 1, limit, error);
    if (status != BT_OK) return status;
    double accept_confidence = smallest_confidence(rule, true, late_fraction, wrong_accept);
    double reject_confidence = smallest_confidence(rule, false, harmless_late_fraction, wrong_reject);
    fill_accept(rule, accept_confidence);
    fill_reject(rule, reject_confidence);
    return BT_OK;
}
