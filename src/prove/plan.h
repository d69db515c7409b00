/* Which scenarios a test runs, at what rates, for how long: decided before anything is sent.
 *
 * Pure: from the settings and what is known of each model. The rates come from the simulator (bt_capacity);
 * the durations are chosen so that two models of a tenth of a second each are proved in about three minutes,
 * and longer for slower ones, so that enough requests are sent for P95 to have bounds at all. A scenario that
 * is not decided then goes on (looks.h).
 *
 * To add a scenario, give it a row in the table `rows` of plan.c: its name and title, which models take part,
 * how long it lasts, and the function that says what a model's part sends. Planning, sending, judging,
 * records and reports take it from there; --scenarios accepts its name. BT_PLAN_SCENARIOS_MAX grows with it,
 * report/load-drawing.c gives it a colour, and the help of --scenarios (settings/load-test.c) says what it is
 * for. */
#ifndef BT_PROVE_PLAN_H
#define BT_PROVE_PLAN_H

#include <stdbool.h>
#include <stdint.h>

#include "base/error.h"
#include "load/schedule.h"
#include "settings/load-test.h"

#ifdef __cplusplus
extern "C" {
#endif

#define BT_PLAN_SCENARIOS_MAX (7 * BT_NAMES_MAX) /* the rows of plan.c's table, for each model */

/* What a plan is made from. */
typedef struct bt_plan_model {
    const char *name;
    int batch_size, instances;
    int64_t batch_ns;       /* typical service time of a full batch on the production path */
    int64_t lone_ns;        /* of a single image; 0 unknown */
    double recommended_rps; /* NaN where nothing can be predicted */
    /* Of full batches back to back, measured, or batch_size / batch_ns: for when the above is NaN or 0. */
    double throughput_rps;
    int largest_spike; /* 0: unknown, or no larger one than the batch size meets the SLA */
} bt_plan_model;

/* One model's part: an open-loop schedule, or a closed loop of so many clients. */
typedef struct bt_plan_part {
    int model; /* index */
    int clients;
    bt_schedule_options schedule; /* where clients is 0 */
} bt_plan_part;

typedef struct bt_plan_scenario {
    char name[32], title[32];
    bool judged;
    bool searches; /* for a capacity: its parts say where to begin, and duration_ns is about what it takes */
    int64_t warm_ns; /* what arrives before that is sent and is no part of the figures */
    int64_t duration_ns;
    int lengthen;    /* it may become so many times as long; 1: never */
    double requests; /* about so many of its slowest part in duration_ns; NaN unknown */
    double least_s;  /* about so long it takes until P95 can have an upper bound; NaN unknown */
    bt_plan_part parts[BT_NAMES_MAX];
    int part_count;
} bt_plan_scenario;

typedef struct bt_plan {
    bt_plan_scenario scenarios[BT_PLAN_SCENARIOS_MAX];
    int scenario_count;
    int64_t duration_ns; /* of all together */
} bt_plan;

/* The rate that was asked for, which is that of a ramp at its end; NaN where --rate has no say: a closed
 * loop, bursts, a trace. */
double bt_plan_asked_rps(const bt_plan_part *part);

/* What is sent of a scenario between the look before and this one (0: from its beginning): as long as the
 * looks are apart, with arrivals of its own. A ramp is repeated, not stretched. */
bt_plan_scenario bt_plan_segment(const bt_plan_scenario *scenario, int look);

/* The scenarios in the order asked for, each for every model in turn, mixed and soak for all at once.
 * BT_INVALID for a scenario that does not exist (the message lists them), a rate that is neither "auto" nor
 * a positive number, or a setting of other arrivals than those asked for. The schedules' seeds differ by scenario and model, and follow from settings->seed. mixed
 * is left out where there is one model only, and largest-burst where burst was not asked for or largest_spike
 * is not above the burst's size. `brief` leaves slow models' scenarios at their lengths by default: on a busy
 * machine more requests would show nothing either. */
BT_MUST_USE bt_status bt_plan_make(bt_plan *plan, const bt_load_settings *settings,
                                   const bt_plan_model *models, int model_count, bool brief, bt_error *error);

#ifdef __cplusplus
}
#endif
#endif
