/* How near the tuner's search comes to the best of a family of service times, and in which share of the time that
 * measuring all of it would take: with the tuner's own decisions, on a clock that is only counted. */
#ifndef BT_TESTS_SEARCH_STUDY_H
#define BT_TESTS_SEARCH_STUDY_H

#include "made-up-family.h"

typedef struct search_result {
    /* The proof of a P95 is no part of either time: each search has to give one, of the size that it ends at. */
    double exhaustive_s; /* every size of every way, by as many runs as the sweep screens a size by */
    double took_s, contest_s, proof_s;
    double score, best_score; /* without noise: of what was chosen, and of the best that can be shown */
    bool proved, late;        /* late: the chosen size's P95 misses the SLA, whatever was shown */
    bt_contender way, best_way;
    int batch_size, best_batch_size;
} search_result;

/* Searches with a time budget of that share of the exhaustive time, and what a proof of the best size takes beside.
 * BT_NO_MEMORY. */
BT_MUST_USE bt_status search_study(search_result *out, const family *f, bt_objective objective, double share,
                                   bt_error *error);

/* Score reached by best score, at most 1. */
double search_ratio(const search_result *result);

#endif
