/* What a tuned model would serve if something were otherwise: the simulator asked about one change at a time.
 *
 * What is not measured is changed the way the change would work on it: a launch that costs less takes as much off
 * every run, another precision stretches them all, images that are prepared elsewhere cost the lane nothing. */
#ifndef BT_EXPLAIN_WHAT_IF_H
#define BT_EXPLAIN_WHAT_IF_H

#include <stdbool.h>

#include "base/error.h"
#include "record/config.h"
#include "simulate/simulate.h"

#ifdef __cplusplus
extern "C" {
#endif

/* What differs from the config's entry. */
typedef struct bt_change {
    int batch_size;        /* 0: the entry's */
    int more_instances;    /* each on a device, or cores, of its own */
    double queue_delay_ms; /* NaN: the entry's */
    double p95_sla_ms;     /* NaN: the entry's */
    double run_less_ms;    /* that each run takes less */
    double run_times;      /* that each run takes as long; 1: as measured */
    bool handled_elsewhere;
} bt_change;

/* Nothing differs. */
bt_change bt_change_none(void);

/* What the service does, the entry so changed, at a rate; without latencies of its own. Errors as bt_what_if. */
BT_MUST_USE bt_status bt_what_if_at(bt_simulated *out, const bt_config_model *model, const bt_change *change,
                                    double rate_rps, bt_error *error);

typedef struct bt_outlook {
    double capacity_rps; /* as of bt_capacity_find */
    /* At the rate asked for, without latencies of its own; its P95 is NaN where none was. */
    bt_simulated at_rate;
} bt_outlook;

/* `rate_rps` above 0, or NaN: none. BT_INVALID as bt_tuned_model_open (no service times), BT_NO_MEMORY. */
BT_MUST_USE bt_status bt_what_if(bt_outlook *out, const bt_config_model *model, const bt_change *change,
                                 double rate_rps, bt_error *error);

/* The queue delay of lowest P95 at the rate, for the entry. Errors likewise. */
BT_MUST_USE bt_status bt_best_delay(double *out_ms, const bt_config_model *model, double rate_rps,
                                    bt_error *error);

/* The instances that an entry runs on; those of before do not say, and have one. */
int bt_instances_of(const bt_config_model *model);

#ifdef __cplusplus
}
#endif
#endif
