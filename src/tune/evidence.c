#include "tune/evidence.h"

#include <math.h>

/* The fewest samples, as they come, that show P95 <= SLA where no further one is late; to the rule's limit
 * where none do. */
static int samples_wanted(const bt_sequential_rule *rule, const bt_late *late) {
    int at_most = (int)ceil((double)late->late / late->design_effect - BT_COUNT_ROUNDING), independent = 1;
    while (independent < rule->limit && rule->accept_at_most[independent] < at_most)
        independent++;
    return (int)ceil(independent * late->design_effect - BT_COUNT_ROUNDING);
}

bt_evidence bt_evidence_of(const bt_sequential_rule *rule, const double *samples_ms, int count,
                           double sla_ms) {
    bt_evidence evidence = {.late = bt_late_weigh(samples_ms, (size_t)count, sla_ms)};
    const bt_late *late = &evidence.late;
    const bt_sequential seen = {.samples = count, .late = (int)late->late};
    evidence.verdict = bt_sequential_judge(rule, seen, 1 / late->design_effect);
    if (evidence.verdict != BT_SEQUENTIAL_UNDECIDED) return evidence;
    evidence.exhausted = count / late->design_effect >= rule->limit;
    int missing = samples_wanted(rule, late) - count;
    evidence.runs_missing = missing > 0 ? missing : evidence.exhausted ? 0 : 1;
    return evidence;
}
