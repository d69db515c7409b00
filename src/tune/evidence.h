/* What a batch size's samples say about the SLA so far, and how much more it takes to say it.
 *
 * Joins the two halves of the question: measure/sequential.h says how many independent samples, and how few
 * late ones, decide; measure/late.h how many independent ones a series that comes in spells is worth. The
 * sweep asks after each turn, scoring once more in the end, so that what is told is what was decided by.
 * Pure. */
#ifndef BT_TUNE_EVIDENCE_H
#define BT_TUNE_EVIDENCE_H

#include "measure/late.h"
#include "measure/sequential.h"

#ifdef __cplusplus
extern "C" {
#endif

typedef struct bt_evidence {
    bt_late late;
    bt_sequential_verdict verdict;
    bool exhausted; /* undecided, and the test has seen as much as it may */
    /* Further runs, none of them late, until P95 <= SLA is shown, or the test's end; 0 where there is a
     * verdict. */
    int runs_missing;
} bt_evidence;

/* Weighs `count` samples, in the order in which they came, against `sla_ms`. */
bt_evidence bt_evidence_of(const bt_sequential_rule *rule, const double *samples_ms, int count,
                           double sla_ms);

#ifdef __cplusplus
}
#endif
#endif
