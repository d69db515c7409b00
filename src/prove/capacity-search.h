/* At which rate does the SLA cease to hold? About ten runs, each at a rate that those before it chose.
 *
 * P95 against the rate is a curve that is flat at first and then goes up steeply; where it crosses the SLA is
 * the capacity. A run at a rate clear of it is decided early. One near it is not decided at all: there P95 is
 * the SLA, as nearly as one can see. So such a rate is taken for the boundary, and the search goes on at both
 * its sides, where a run can still be decided, until the highest rate that held and the lowest that broke are
 * near each other. The estimate between them is where the curve through all runs nearby crosses the SLA.
 *
 * It begins at the rate that was predicted. Where that is far off it leaves it by longer and longer steps,
 * and downwards takes what an overloaded service still served as a hint. Where rates break one after another,
 * one run sends one request at a time: if that breaks the SLA, no rate can hold it.
 *
 * Pure: what comes next follows from the runs so far. */
#ifndef BT_PROVE_CAPACITY_SEARCH_H
#define BT_PROVE_CAPACITY_SEARCH_H

#include <stdbool.h>

#include "prove/looks.h"
#include "record/load-capacity.h"

#ifdef __cplusplus
extern "C" {
#endif

/* Runs that look beyond the capacity, among BT_RATE_RUNS_MAX. */
#define BT_CAPACITY_BEYOND 2

/* The bounds are near enough when the upper one is by this share above the lower. Lowered, more runs are made
 * between them, most of which stay undecided. */
#define BT_CAPACITY_BRACKET 0.05

/* What is to be run next. */
typedef struct bt_capacity_step {
    bool done;
    bt_rate_purpose purpose;
    double rate_rps; /* NaN: one request at a time */
} bt_capacity_step;

/* `start_rps` is where to begin unless a capacity was predicted. A run that was disturbed, or whose generator
 * was late, is made once more. */
bt_capacity_step bt_capacity_next(const bt_load_capacity *capacity, double p95_sla_ms, double start_rps);

/* A run is looked at twice at most: after its first piece, where it ends if it is clear, and after a second one
 * that is longer. What is sent while the queue still fills, before each piece, is no part of it. */
#define BT_CAPACITY_LOOKS 2
typedef struct bt_capacity_piece {
    double warm_s; /* whole seconds, before */
    double measured_s;
    bt_look look; /* after it; `lengths` of both pieces, in those of the first */
} bt_capacity_piece;

/* The look'th piece of a run at a rate (NaN: one request at a time), whose first one is `length_s` long (0: by
 * the rate and the SLA). */
bt_capacity_piece bt_capacity_piece_at(int look, double rate_rps, double p95_sla_ms, double length_s);

/* That of a run which is to take so long at most (0: by the rate and the SLA). */
double bt_capacity_first_length_s(double run_s);

/* What the look'th look at an undisturbed run says, from its P95, bounds and counts. */
bt_rate_word bt_capacity_word(const bt_rate_run *run, double p95_sla_ms, int look);

/* Fills in bounds, estimate and end from the runs. */
void bt_capacity_sum_up(bt_load_capacity *capacity, double p95_sla_ms);

#ifdef __cplusplus
}
#endif
#endif
