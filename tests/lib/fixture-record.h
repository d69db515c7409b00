/* A record as a sweep of two networks on a two-core CPU leaves it, with one point of nearly every outcome. */
#ifndef FIXTURE_RECORD_H
#define FIXTURE_RECORD_H

#include "record/sweep-record.h"

/* HRNet: s(b) = 40 + 22 b ms, batching pays (the knee is 2). CBAM-ResUNet: s(b) = 60 + 55 b ms, batching does
 * not pay, larger sizes are late. SLA 250 ms. The caller closes it; aborts where memory is short. */
bt_record *fixture_record(void);

/* One model without a single point, and an empty record around it. */
bt_record *fixture_record_of_nothing(void);

/* Makes and closes the first of these as a test's *state, for cmocka. */
int fixture_record_set_up(void **state);
int fixture_record_tear_down(void **state);

#endif
