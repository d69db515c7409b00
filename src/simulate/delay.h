/* Which queue delay suits a tuned model best: by the capacity that it leaves, or by P95 at a given rate.
 *
 * A longer delay fills batches, and each request of a batch that was not full pays for it; while the lanes are busy
 * batches fill by themselves. So the best is seldom long, and only a simulation of the very batcher tells. */
#ifndef BT_SIMULATE_DELAY_H
#define BT_SIMULATE_DELAY_H

#include "simulate/tuned-model.h"

#ifdef __cplusplus
extern "C" {
#endif

/* Nearer than this is no better: the shorter delay is taken then, and the smaller batch. Raised, a hundredth of the
 * capacity is given away; lowered, the luck of one schedule decides. */
#define BT_DELAY_WORTHWHILE 0.01

typedef struct bt_delay_options {
    int instances;
    double p95_sla_ms;
    double rate_rps;       /* 0: the delay of highest capacity; else that of lowest P95 at this rate */
    double fixed_delay_ms; /* the only one to look at; NaN: all that may pay */
    uint64_t seed;
} bt_delay_options;

typedef struct bt_delay_choice {
    double delay_ms, capacity_rps;
    /* At the rate; NaN without one, or where it is not held: P95 over the SLA, or requests lost. */
    double rate_p95_ms;
} bt_delay_choice;

/* Tries 0, 1, 2, 5, 10, ... ms up to a quarter of the SLA, then the middles beside the best. Where no delay holds the
 * rate, the one of highest capacity. Some tenths of a second. BT_INVALID, BT_NO_MEMORY. */
BT_MUST_USE bt_status bt_delay_find(bt_delay_choice *out, const bt_tuned_model *model,
                                    const bt_delay_options *options, bt_error *error);

/* How many instances, each on a device of its own, hold the rate at that delay; 0: not even `most`. */
BT_MUST_USE bt_status bt_delay_instances(int *out, const bt_tuned_model *model, double delay_ms,
                                         const bt_delay_options *options, int most, bt_error *error);

#ifdef __cplusplus
}
#endif
#endif
