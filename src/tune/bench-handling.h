/* What a service's lane does around a run, timed for one picture at a time: preparing it before, delivering its mask
 * after; and runs after a pause. Predictions add all of them to what a run takes. */
#ifndef BT_TUNE_BENCH_HANDLING_H
#define BT_TUNE_BENCH_HANDLING_H

#include "base/error.h"
#include "networks/model.h"
#include "tune/protocol.h"
#include "tune/team.h"

#ifdef __cplusplus
extern "C" {
#endif

typedef struct bt_handling {
    const bt_open_order *order; /* its pictures */
    bt_team *team;              /* batches of one are prepared */
    const bt_model *model;      /* how its images are normalised, and what comes out */
    float *images;              /* `slots` of them, written over in turn, as a lane fills a batch's */
    int slots;
    float *logits; /* of one picture at the least; what is in them is lost */
} bt_handling;

/* Times preparing (BT_STEP_PREPARE) or delivering (BT_STEP_DELIVER), on as many threads as a lane has for it, at most
 * `runs` times into samples_ms; *count says how often. A run goes before each while that takes a blink in all, so that
 * caches are as a lane finds them. BT_NO_MEMORY, or what reading pictures and running fail with. */
BT_MUST_USE bt_status bt_handling_time(const bt_handling *handling, bt_step_kind kind, int runs,
                                       double *samples_ms, int *count, bt_error *error);

/* Times `runs` batches of one, which are prepared, after pauses of bt_idle_gaps_ms (record/sweep-record.h) by turns, the
 * first of them without one: by then clocks have come down, threads sleep, and caches hold others' data. A sweep times
 * runs one after another; requests that come one by one are served by such first runs. *count says how many: none of a
 * simulation that never idles. As bt_team_time. */
BT_MUST_USE bt_status bt_idle_time(bt_team *team, const float *images, float *logits, int runs,
                                   double *samples_ms, int *count, bt_error *error);

#ifdef __cplusplus
}
#endif
#endif
