/* A line of a bench's figures. */
#ifndef BT_TESTS_SPREAD_H
#define BT_TESTS_SPREAD_H

#include <stddef.h>

/* Prints what was measured, and the median, least, P99 and most of `values`, which it sorts. */
void print_spread(const char *what, double *values, size_t count, const char *unit);

#endif
