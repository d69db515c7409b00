/* Which measurement next? The sweep of one model, as a pure state machine.
 *
 * bt_sweep_next() says what to do, bt_sweep_done() takes what came of it; in between somebody else measures.
 * The sweep knows no clock, no process and no file, so the same code runs live, in a test against a made-up
 * machine, and when a cut-off run is resumed: its journal's answers are given back in order, and the sweep
 * asks on from where it stood.
 *
 * The course of a sweep:
 *   1. ascent    Sizes in ascending order: each is prepared, its memory's high-water mark taken, and one turn
 *                of runs timed. Peaks only rise, so memory has to be taken on the way up. A size that the fit of
 *                the smaller ones predicts to break the reserve is not run. `auto` doubles, until the SLA,
 *                memory or a plateau ends it.
 *   2. refining  (`auto` only) Sizes between the doubled ones, where one could be better: a turn each, in turn
 *                with the best.
 *   3. proving   The leader first: its masks against the standard path's, then the sequential test of P95 <=
 *                SLA. Between its turns goes other work, of at most as much time as they took, where enough is
 *                left for the proof: turns of the standard path, so that the speed-up is a ratio within one
 *                stretch of time; turns of the other sizes; what is measured once (the standard path's memory,
 *                a full-size image); the other sizes' masks. That spreads the leader's turns over more of the
 *                machine's states. Where the leader's proof does not fit the time that is left, the best size
 *                is proved that does.
 *   4. the rest  What did not fit in between; a size that turns out better is proved next. Sizes that were left
 *                out of the ascent because their preparation would have cost the proof are tried now.
 *
 * A crash or an out-of-memory costs the point that it happened to, and the sweep goes on. What is known of a
 * size is shown whatever ended the sweep: a disturbed turn that was not counted serves where there is no
 * other. */
#ifndef BT_TUNE_SWEEP_H
#define BT_TUNE_SWEEP_H

#include <stdbool.h>
#include <stdint.h>

#include "base/error.h"
#include "measure/sequential.h"
#include "networks/model.h"
#include "record/sweep-record.h"
#include "tune/step.h"

#ifdef __cplusplus
extern "C" {
#endif

/* Timed runs in a row of a new size, and of its later turns. Three, all of them late, are the soonest possible
 * rejection: fewer could never reject, and more cost every hopeless size that much. Longer later turns cost fewer
 * untimed runs in between, and put more of a size's samples into one spell of the machine. */
#define BT_FIRST_TURN_SAMPLES 3
#define BT_TURN_SAMPLES       5

/* Samples of each size that may win, where the leader's proof leaves the time. Higher: medians, and so the choice,
 * are surer; lower: more of the time budget goes to the proof. */
#define BT_SCREENING_SAMPLES 12

typedef struct bt_sweep_options {
    bt_sizes batches; /* count 0: search */
    double p95_sla_ms;
    double memory_limit_mb; /* total * (1 - reserve); filled in by the first open of the worker */
    int objective;          /* bt_objective */
    double min_mask_iou;
    bt_image_output output; /* what the model gives */
    bool computes_masks, trained_weights;
    bool standard_path;   /* whether there is a standard path to compare with */
    int full_size;        /* 0: do not time one */
    double time_budget_s; /* for this model */
} bt_sweep_options;

typedef struct bt_sweep bt_sweep;

/* A sweep that fills `model` (the caller's; it must outlive the sweep and start empty of points). */
BT_MUST_USE bt_status bt_sweep_open(bt_sweep **out, const bt_sweep_options *options, bt_model_record *model,
                                    bt_error *error);
void bt_sweep_close(bt_sweep **sweep);

/* The next step; the same until bt_sweep_done() has its result. */
bt_step bt_sweep_next(const bt_sweep *sweep);

/* Steps of one size that go to one worker, one after the other. */
#define BT_PARCEL_STEPS 2
typedef struct bt_parcel {
    bt_step steps[BT_PARCEL_STEPS];
    int count;
} bt_parcel;

/* For whoever has more hands than one: the next step, and what is likely to be asked for soon and depends on no answer
 * that is still missing, soonest first: sizes further up the ascent, the turns that a proof lacks at least, turns of
 * other sizes. One that stands there several times is wanted so often. What the sweep asks for in the end is what
 * bt_sweep_next says; work done ahead may be in vain. Returns how many, at most `room`; 0 where nothing is left. */
int bt_sweep_ahead(const bt_sweep *sweep, bt_parcel *out, int room);

/* Takes a step's result into the model's record. BT_NO_MEMORY only. */
BT_MUST_USE bt_status bt_sweep_done(bt_sweep *sweep, const bt_step *step, const bt_step_result *result,
                                    bt_error *error);

/* Ends the sweep before its time: what was measured keeps its place, the rest is undecided. `why` becomes the
 * model's reason; NULL: interrupted. BT_NO_MEMORY only. */
BT_MUST_USE bt_status bt_sweep_stop(bt_sweep *sweep, const char *why, bt_error *error);

/* A leader's proof: how many runs it has, and what is missing where none of them is late. */
typedef struct bt_sweep_proof {
    int batch_size, runs, runs_missing;
    double missing_s, left_s; /* left: of the time budget */
} bt_sweep_proof;

/* Whether the next step is one of a proof. */
bool bt_sweep_proof_under_way(const bt_sweep *sweep, bt_sweep_proof *out);

/* How far it is, 0..1, for a progress bar; an estimate that never goes back. `text` says what is going on
 * ("confirming batch 4: 48 of about 85 runs, 2 s to go"). */
double bt_sweep_progress(bt_sweep *sweep, char *text, size_t size);

#ifdef __cplusplus
}
#endif
#endif
