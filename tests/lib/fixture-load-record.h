/* A load test's record with a scenario of nearly every verdict, for tests of what is made from one. */
#ifndef FIXTURE_LOAD_RECORD_H
#define FIXTURE_LOAD_RECORD_H

#include "record/load-record.h"

/* HRNet and CBAM-ResUNet, SLA 90 ms. HRNet: single met, burst met, largest-burst informative, sustained
 * broken with a remedy; CBAM-ResUNet: single met, sustained disturbed and so not shown; mixed: HRNet not
 * shown, with losses, CBAM-ResUNet not run. The verdict is "sla-broken" (3). The caller closes it; aborts
 * where memory is short. */
bt_load_record *fixture_load_record(void);

/* One model, no scenario: a run that was interrupted before the first. */
bt_load_record *fixture_load_record_of_nothing(void);

/* Makes and closes the first of these as a test's *state, for cmocka. */
int fixture_load_record_set_up(void **state);
int fixture_load_record_tear_down(void **state);

#endif
