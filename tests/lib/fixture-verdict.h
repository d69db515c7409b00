/* A row of a gate's verdict, as the judge fills it in. */
#ifndef BT_TESTS_FIXTURE_VERDICT_H
#define BT_TESTS_FIXTURE_VERDICT_H

#include "record/gate-verdict.h"

/* Adds a metric of 10.5 ms that became slower by `percent`, within 1 either way, of 5 tolerated. */
void fixture_verdict_row(bt_gate_verdict *verdict, const char *metric, bt_gate_word word, double percent);

#endif
