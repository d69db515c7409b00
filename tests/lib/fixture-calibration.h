/* A calibration of a few tensors, for tests of what is done with the file. */
#ifndef BT_TESTS_FIXTURE_CALIBRATION_H
#define BT_TESTS_FIXTURE_CALIBRATION_H

#include "record/calibration.h"

/* Of HRNet at 128 x 96 pixels: tensors 2, 5 (wide) and 9, of 3, 1 and 2 channels. Fails the test without
 * memory. */
bt_calibration *fixture_calibration(void);

#endif
