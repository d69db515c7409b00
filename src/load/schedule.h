/* When requests arrive: fixed before a run, so that a slow service cannot slow its own load down.
 *
 * An open-loop schedule is a list of intended arrival times, made from a seed: the same seed gives the same
 * load here, on another machine, and in the simulator. */
#ifndef BT_LOAD_SCHEDULE_H
#define BT_LOAD_SCHEDULE_H

#include <stdint.h>

#include "base/error.h"

#ifdef __cplusplus
extern "C" {
#endif

typedef enum bt_load_shape {
    BT_SHAPE_POISSON,  /* exponential gaps at rate_rps */
    BT_SHAPE_CONSTANT, /* equal gaps */
    BT_SHAPE_BURST,    /* burst_size at once, every burst_interval_ns, the first at 0 */
    BT_SHAPE_RAMP,     /* Poisson whose rate goes in a straight line from rate_rps to end_rate_rps */
    BT_SHAPE_TRACE,    /* from a file */
    BT_SHAPE_GAMMA     /* gaps of a gamma distribution, whose coefficient of variation is burstiness */
} bt_load_shape;

typedef struct bt_schedule_options {
    bt_load_shape shape;
    double rate_rps, end_rate_rps;
    int64_t ramp_ns;   /* the ramp begins anew each time so long has passed; 0: it takes all of duration_ns */
    double burstiness; /* of gamma: BT_BURSTINESS_LEAST to _MOST (settings/load-test.h); 1: as Poisson */
    int burst_size;
    int64_t burst_interval_ns;
    int64_t duration_ns; /* arrivals lie in [0, duration_ns); a trace: cut there; 0: the whole trace */
    /* A trace: a text file, one arrival a line, seconds from any beginning, not descending; blank lines and
     * lines that start with # are passed over. The first arrival becomes 0. */
    const char *trace;
    double trace_speed; /* 2 replays it twice as fast; 0: 1 */
    uint64_t seed;
} bt_schedule_options;

typedef struct bt_schedule {
    int64_t *arrivals_ns; /* ascending; owned */
    int64_t count;
    int64_t duration_ns;
} bt_schedule;

/* BT_INVALID for options out of bounds or a schedule without a single arrival, BT_IO and BT_PARSE (file and
 * line) for a trace, BT_NO_MEMORY (more than 2^31 arrivals too). The caller closes it. */
BT_MUST_USE bt_status bt_schedule_open(bt_schedule *out, const bt_schedule_options *options, bt_error *error);
void bt_schedule_close(bt_schedule *schedule);

/* The rate that is asked for, on average over time; NaN where only the trace knows. */
double bt_schedule_rate_rps(const bt_schedule_options *options);

/* "poisson", ...; never NULL. */
const char *bt_load_shape_name(bt_load_shape shape);

#ifdef __cplusplus
}
#endif
#endif
