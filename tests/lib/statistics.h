/* What tests of the statistics draw and compare by. */
#ifndef BT_TESTS_STATISTICS_H
#define BT_TESTS_STATISTICS_H

#include <stddef.h>

#include "base/random.h"

/* A stationary autoregressive series of order 1 around 1; correlation 0 is white noise. */
void statistics_draw_series(bt_random *random, double correlation, double deviation, size_t count,
                            double *out);

/* Fails the test where a value, which `what` names, lies outside low..high or is NaN. */
void statistics_between(const char *what, double value, double low, double high);

/* The standard normal's quantile; probability in (0, 1). */
double statistics_normal_quantile(double probability);

#define assert_between(value, low, high) statistics_between(#value, (value), (low), (high))

#endif
