/* One model on the bench: opened in this process, given images, and put through the sweep's steps.
 *
 * The clock is read in here, around the forward pass alone, so that neither the pipe to the parent nor JSON is
 * in any figure. A bench belongs to one thread; the worker process (tune/worker.h) has one. */
#ifndef BT_TUNE_BENCH_H
#define BT_TUNE_BENCH_H

#include "base/error.h"
#include "tune/protocol.h"
#include "tune/step.h"
#include "tune/team.h"

#ifdef __cplusplus
extern "C" {
#endif

#define BT_BENCH_IMAGES 8 /* different ones; larger batches repeat them */

/* A turn is disturbed when other programs used more cores than this meanwhile. Higher: what they slow down counts as the
 * model's own time. Lower: what every system does in the background disturbs, turns come again, and sizes are refused or
 * shown later. */
#define BT_BENCH_OTHERS_CORES 0.25

typedef struct bt_bench bt_bench;

/* Opens what the order says. Its images are read or drawn when a step first needs them. BT_NO_MEMORY, or what
 * bt_team_open or bt_model_resolve fails with. */
BT_MUST_USE bt_status bt_bench_open(bt_bench **out, const bt_open_order *order, bt_error *error);
void bt_bench_close(bt_bench **bench); /* NULL-safe; nulls */

/* What a step of two models (tune/bench-neighbours.h) takes of either. */
typedef struct bt_bench_view {
    bt_team *team;
    const float *images;
    float *logits;
    int batch_size;
} bt_bench_view;

/* Prepares a size, and warms it up. */
BT_MUST_USE bt_status bt_bench_ready(bt_bench *bench, int batch_size, bt_bench_view *out, bt_error *error);

/* Of a neighbour: the size of its batches. */
int bt_bench_neighbour_batch(const bt_bench *bench);

/* What was opened. */
BT_MUST_USE bt_status bt_bench_describe(const bt_bench *bench, bt_worker_facts *facts, bt_error *error);

/* Carries out a step. `result` starts empty (bt_step_result_empty) and receives what was measured; that the step
 * failed is returned, for the caller to note in it. */
BT_MUST_USE bt_status bt_bench_run(bt_bench *bench, const bt_step *step, bt_step_result *result,
                                   bt_error *error);

#ifdef __cplusplus
}
#endif
#endif
