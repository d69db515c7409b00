/* What is predicted of a model at each of several rates: a curve that records carry, so that it can be drawn and
 * compared with what was measured without simulating again.
 *
 * src/simulate/curve.h makes it. A tuning run's record has one for each batch size that could be served, a load
 * test's one for each model as it ran. */
#ifndef BT_RECORD_RATE_CURVE_H
#define BT_RECORD_RATE_CURVE_H

#include <jansson.h>

#include "base/error.h"

#ifdef __cplusplus
extern "C" {
#endif

/* Rates of a curve. More cost simulating in proportion; with fewer, the bend towards the capacity has corners. */
#define BT_RATE_CURVE_POINTS 16

/* At one rate of random (Poisson) arrivals. Latency is a request's, in milliseconds; NaN where none is answered. */
typedef struct bt_rate_point {
    double rate_rps;
    double p50_ms, p95_ms, p99_ms;
    double p95_lower_ms, p95_upper_ms; /* the band that the measured samples allow: simulate/curve.h */
    double lost_share;                 /* of the requests, without a result */
    double mean_batch_size, utilisation;
} bt_rate_point;

typedef struct bt_rate_curve {
    bt_rate_point points[BT_RATE_CURVE_POINTS]; /* ascending by rate */
    int count;                                  /* 0: nothing is predicted, as in older records */
} bt_rate_curve;

/* The curve as an array under `key`, which an empty one does not get. Writing returns -1 when memory is short, as
 * jansson's own functions. Reading leaves the curve empty where there is none; BT_PARSE names the place. */
int bt_rate_curve_write(json_t *object, const char *key, const bt_rate_curve *curve);
BT_MUST_USE bt_status bt_rate_curve_read(const json_t *object, const char *key, bt_rate_curve *curve,
                                         const char *where, bt_error *error);

#ifdef __cplusplus
}
#endif
#endif
