/* What this machine's cores compute at most in each precision, through oneDNN, measured in turns with whatever
 * is compared with it.
 *
 * A data sheet says neither what a virtual machine lends nor what its clock does under vectors; a convolution
 * that is known to be nothing but products does. There are a few shapes of them, since no one shape is the
 * best on every CPU; the fastest is the peak. */
#ifndef BT_TESTS_PEAKS_H
#define BT_TESTS_PEAKS_H

#include "base/error.h"

typedef struct peaks peaks;

/* Makes ready what this CPU and oneDNN have, for `threads` threads; a precision that they have not is left
 * out. BT_UNSUPPORTED where there is no oneDNN, BT_NO_MEMORY. */
BT_MUST_USE bt_status peaks_open(peaks **out, int threads, bt_error *error);
void peaks_close(peaks **p); /* NULL-safe; nulls */

/* Runs each twice in the calling thread's OpenMP pool, and times the second run. */
BT_MUST_USE bt_status peaks_turn(peaks *p, bt_error *error);

/* Of the fastest turn: billions of operations a second in "fp32", "bf16", ..., as a session calls it, where a
 * multiplication and its addition are two. NaN for one that was not measured, and where `p` is NULL. */
double peaks_gflops(const peaks *p, const char *precision);

/* The precisions' names in order; NULL past the last. */
const char *peaks_precision(int index);

#endif
