/* The pictures that a worker runs on, ready for the network: a folder's, or drawn ones. */
#ifndef BT_TUNE_BENCH_PICTURES_H
#define BT_TUNE_BENCH_PICTURES_H

#include "base/error.h"
#include "image/decode.h"
#include "image/normalize.h"
#include "tune/protocol.h"

#ifdef __cplusplus
extern "C" {
#endif

/* `count` pictures from number `first` on (from 0), of the order's size, into `out`: 3 x height x width floats each.
 * Where a folder has fewer, its pictures come again from the first. BT_NO_MEMORY, or what reading them fails with. */
BT_MUST_USE bt_status bt_bench_pictures(float *out, const bt_open_order *order, const bt_image_norm *norm,
                                        int first, int count, bt_error *error);

/* The first `count` of a folder's in their own sizes, as a service is sent them; without a folder grey ones of the
 * order's size, for who only wants to know how long they take. `out` starts empty, and is the
 * caller's to close, all of it, on failure too. Errors likewise. */
BT_MUST_USE bt_status bt_bench_raw_pictures(bt_picture *out, const bt_open_order *order, int count,
                                            bt_error *error);

/* Logits that a step BT_STEP_REFERENCE left in a file, malloc'ed; NULL where there are not so many values, or more than
 * `most`. */
float *bt_bench_logits(const char *path, size_t values, size_t most);

#ifdef __cplusplus
}
#endif
#endif
