#include "tune/sweep-results.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/array.h"
#include "base/text.h"
#include "measure/series.h"
#include "tune/sweep-state.h"

/* How many disturbed turns are measured anew instead of counted: DISCARD_AT_LEAST, one more for each
 * DISCARD_ONE_IN turns that counted, and all of them within DISCARD_SHARE of the time budget. Raising any of them
 * (or lowering ONE_IN) gives cleaner figures on a machine with neighbours, and less time for the proofs; lowering
 * lets what others did into the figures, so that sizes seem slower than they are. */
#define DISCARD_AT_LEAST 6
#define DISCARD_ONE_IN   8
#define DISCARD_SHARE    0.05

/* After this many late turns, of which too few were undisturbed to refuse the size, no verdict is expected of
 * further ones. Higher: more time goes to sizes that a busy machine makes late; lower: a size may be given up
 * that a quiet minute would have shown. */
#define LATE_TURNS 4

/* A size whose every run takes this many times the SLA is late in a way that no passing spell explains, and one
 * undisturbed turn refuses it. Lower: a spell may refuse a size for good; higher: hopeless sizes cost a second
 * turn. */
#define HOPELESS 2.0

/* ---- timed runs ---- */

static double least_ms(const bt_point *point) {
    double least = INFINITY;
    for (int i = 0; i < point->sample_count; i++)
        least = fmin(least, point->samples_ms[i]);
    return least;
}

/* The test says that P95 is over the SLA. One spell of the machine can make all of a turn late, which then is
 * one event and not three: a size is refused by turns at two times, or by delays beyond what a spell
 * explains; and by turns that nobody disturbed. Where there are none, it stays undecided. */
static void reject_late(bt_sweep *sweep, int index) {
    bt_candidate *c = &sweep->candidates[index];
    bool hopeless = least_ms(point_of(sweep, index)) > HOPELESS * sweep->options.p95_sla_ms;
    if (c->undisturbed_late_turns > 1 || (c->undisturbed_late_turns > 0 && hopeless))
        bt_sweep_refuse(sweep, index, BT_OUTCOME_OVER_SLA, "P95 over the SLA");
    else if (c->late_turns >= LATE_TURNS || (hopeless && bt_sweep_is_busy(sweep)))
        c->gave_up = true;
}

static void judge(bt_sweep *sweep, int index) {
    bt_candidate *c = &sweep->candidates[index];
    const bt_point *point = point_of(sweep, index);
    c->evidence =
        bt_evidence_of(&sweep->rule, point->samples_ms, point->sample_count, sweep->options.p95_sla_ms);
    double late = (double)c->evidence.late.late;
    if (c->confirmed && late > sweep->rule.late_fraction * point->sample_count) {
        c->confirmed = false; /* later samples took back what earlier ones had shown */
        c->gave_up = true;
    }
    if (c->confirmed || c->gave_up || c->refused) return;
    c->confirmed = c->evidence.verdict == BT_SEQUENTIAL_ACCEPT;
    c->gave_up = c->evidence.exhausted;
    if (c->evidence.verdict == BT_SEQUENTIAL_REJECT) reject_late(sweep, index);
    if (c->refused || c->gave_up) sweep->refining_done = false; /* the best may be a little smaller */
}

/* Sizes are compared by what they take while nobody disturbs them, or a spell would make another one lead. */
static bt_status find_typical(bt_candidate *c, const bt_point *point, bt_error *error) {
    bool undisturbed = c->undisturbed_count > 0;
    int count = !undisturbed                                    ? point->sample_count
                : c->undisturbed_count < BT_UNDISTURBED_SAMPLES ? c->undisturbed_count
                                                                : BT_UNDISTURBED_SAMPLES;
    double *scratch = malloc((size_t)count * sizeof *scratch);
    if (!scratch) return bt_no_memory(error, "a size's samples");
    c->typical_ms = bt_median(undisturbed ? c->undisturbed_ms : point->samples_ms, (size_t)count, scratch);
    free(scratch);
    return BT_OK;
}

/* Adds to a size's samples, and to what is typical of it. */
static bt_status add_samples(bt_sweep *sweep, int index, const double *samples_ms, int count, bool disturbed,
                             bt_error *error) {
    bt_candidate *c = &sweep->candidates[index];
    bt_status status = bt_point_add_samples(point_of(sweep, index), samples_ms, count, error);
    if (status != BT_OK) return status;
    sweep->model->turns++;
    sweep->model->disturbed_turns += disturbed;
    for (int i = 0; i < count && !disturbed; i++)
        c->undisturbed_ms[c->undisturbed_count++ % BT_UNDISTURBED_SAMPLES] = samples_ms[i];
    return find_typical(c, point_of(sweep, index), error);
}

/* No wait for a machine that is never quiet: within bounds, and not for a size that was seen undisturbed. */
static bool is_discarded(const bt_sweep *sweep, int index, const bt_step_result *result) {
    if (!result->disturbed || (bt_sweep_is_busy(sweep) && sweep->candidates[index].undisturbed_count > 0))
        return false;
    return sweep->discarded < DISCARD_AT_LEAST + sweep->model->turns / DISCARD_ONE_IN &&
           sweep->discarded_s + result->elapsed_s <= DISCARD_SHARE * sweep->options.time_budget_s;
}

/* A neighbour's doing: the turn comes up again. What it gave is kept for want of anything better. */
static void discard(bt_sweep *sweep, int index, const bt_step_result *result) {
    bt_candidate *c = &sweep->candidates[index];
    sweep->discarded++;
    sweep->discarded_s += result->elapsed_s;
    c->discarded_count = result->sample_count;
    memcpy(c->discarded_ms, result->samples_ms, (size_t)result->sample_count * sizeof *c->discarded_ms);
}

static bt_status take_samples(bt_sweep *sweep, int index, const bt_step_result *result, bt_error *error) {
    if (is_discarded(sweep, index, result)) {
        discard(sweep, index, result);
        return BT_OK;
    }
    bt_status status =
        add_samples(sweep, index, result->samples_ms, result->sample_count, result->disturbed, error);
    if (status != BT_OK) return status;
    int late = 0;
    for (int i = 0; i < result->sample_count; i++)
        late += result->samples_ms[i] > sweep->options.p95_sla_ms;
    sweep->candidates[index].late_turns += late > 0;
    sweep->candidates[index].undisturbed_late_turns += late > 0 && !result->disturbed;
    for (int i = 0; i < sweep->count; i++) /* a size that is being screened late counts its companions */
        if (!sweep->candidates[i].on_ascent && i != index)
            sweep->candidates[i].companion_samples += result->sample_count;
    judge(sweep, index);
    return BT_OK;
}

bt_status bt_sweep_use_discarded(bt_sweep *sweep, bt_error *error) {
    bt_status status = BT_OK;
    for (int i = 0; i < sweep->count && status == BT_OK; i++) {
        const bt_candidate *c = &sweep->candidates[i];
        if (samples_of(sweep, i) > 0 || c->discarded_count == 0) continue;
        status = add_samples(sweep, i, c->discarded_ms, c->discarded_count, true, error);
    }
    return status;
}

static bt_status take_standard(bt_model_record *model, const bt_step_result *result, bt_error *error) {
    const size_t count = (size_t)model->standard_sample_count, more = (size_t)result->sample_count;
    double *grown = bt_array_grow(model->standard_samples_ms, count, more, NULL, sizeof *grown);
    if (!grown) return bt_no_memory(error, "the standard path's samples");
    model->standard_samples_ms = grown;
    memcpy(grown + count, result->samples_ms, more * sizeof *grown);
    model->standard_sample_count += result->sample_count;
    return BT_OK;
}

/* ---- memory and masks ---- */

static void take_memory(bt_sweep *sweep, int index, const bt_step_result *result) {
    bt_point *point = point_of(sweep, index);
    sweep->candidates[index].memory_taken = true;
    point->memory_mb = result->memory_mb;
    point->memory_total_used_mb = result->memory_total_used_mb;
    if (!(result->memory_total_used_mb > sweep->options.memory_limit_mb)) return;
    char why[BT_TEXT_SIZE];
    bt_text_format(why, sizeof why, "high-water mark %.0f MB, over the %.0f MB that the reserve leaves",
                   result->memory_total_used_mb, sweep->options.memory_limit_mb);
    bt_sweep_refuse(sweep, index, BT_OUTCOME_OVER_MEMORY, why);
}

/* What the standard path gave, which is the same whatever the size. An older journal does not tell. */
static void check_output(bt_sweep *sweep, const bt_step_result *result) {
    char words[BT_MODEL_NOTE_SIZE];
    if (!sweep->options.trained_weights || isnan(result->output_least)) return;
    const bt_output_range range = {
        .least = result->output_least, .most = result->output_most, .mask_share = result->mask_share};
    bt_model_question(words, sweep->model->model_file[0] != '\0', sweep->options.output, &range);
    snprintf(sweep->model->output_note, sizeof sweep->model->output_note, "%s", words);
}

static void take_agreement(bt_sweep *sweep, int index, const bt_step_result *result) {
    bt_point *point = point_of(sweep, index);
    check_output(sweep, result);
    sweep->candidates[index].agreement_taken = true;
    point->logit_error = result->logit_error;
    point->mask_iou = result->mask_iou;
    if (sweep->options.trained_weights && result->mask_iou < sweep->options.min_mask_iou)
        bt_sweep_refuse(sweep, index, BT_OUTCOME_MASK_DISAGREES, "masks differ from the FP32 reference's");
}

/* ---- any step ---- */

static bool fails_with_memory(bt_status status) {
    return status == BT_OUT_OF_DEVICE_MEMORY || status == BT_NO_MEMORY;
}

/* A failure belongs to the size at work; one of the standard path ends the comparison with it, nothing
 * else. */
static void take_failure(bt_sweep *sweep, const bt_step *step, const bt_step_result *result) {
    int index = bt_sweep_find(sweep, step->batch_size);
    switch (step->kind) {
    case BT_STEP_STANDARD:
    case BT_STEP_STANDARD_MEMORY:
        sweep->standard_failed = true;
        return;
    case BT_STEP_FULL_SIZE:
    case BT_STEP_CALIBRATE: /* no sweep asks for these */
    case BT_STEP_REFERENCE:
    case BT_STEP_PREPARE:
    case BT_STEP_DELIVER:
    case BT_STEP_IDLE:
    case BT_STEP_BESIDE:
    case BT_STEP_TURNS:
    case BT_STEP_MASKS:
    case BT_STEP_DONE:
        return;
    case BT_STEP_MEMORY:
    case BT_STEP_MEASURE:
    case BT_STEP_AGREEMENT:
    case BT_STEP_FRESH_MEMORY:
        break;
    }
    if (index < 0) return;
    sweep->candidates[index].confirmed = false;
    if (fails_with_memory(result->status)) {
        if (sweep->out_of_memory_at == 0 || step->batch_size < sweep->out_of_memory_at)
            sweep->out_of_memory_at = step->batch_size;
        bt_sweep_refuse(sweep, index, BT_OUTCOME_OUT_OF_MEMORY, result->message);
    } else {
        bt_sweep_refuse(sweep, index, BT_OUTCOME_CRASHED, result->message);
    }
}

static bt_status take_success(bt_sweep *sweep, const bt_step *step, const bt_step_result *result,
                              bt_error *error) {
    int index = bt_sweep_find(sweep, step->batch_size);
    switch (step->kind) {
    case BT_STEP_MEMORY:
    case BT_STEP_FRESH_MEMORY:
        take_memory(sweep, index, result);
        break;
    case BT_STEP_MEASURE:
        return take_samples(sweep, index, result, error);
    case BT_STEP_AGREEMENT:
        take_agreement(sweep, index, result);
        break;
    case BT_STEP_STANDARD:
        return take_standard(sweep->model, result, error);
    case BT_STEP_STANDARD_MEMORY:
        sweep->standard_memory_sizes[sweep->standard_memory_count] = step->batch_size;
        sweep->standard_memory_mb[sweep->standard_memory_count++] = result->memory_mb;
        break;
    case BT_STEP_FULL_SIZE:
        sweep->model->full_size = sweep->options.full_size;
        sweep->model->full_size_ms = result->sample_count ? result->samples_ms[0] : NAN;
        break;
    case BT_STEP_CALIBRATE:
    case BT_STEP_REFERENCE:
    case BT_STEP_PREPARE:
    case BT_STEP_DELIVER:
    case BT_STEP_IDLE:
    case BT_STEP_BESIDE:
    case BT_STEP_TURNS:
    case BT_STEP_MASKS:
    case BT_STEP_DONE:
        break;
    }
    return BT_OK;
}

/* What the step took, to whom it belongs. */
static void take_time(bt_sweep *sweep, const bt_step_result *result) {
    sweep->elapsed_s += result->elapsed_s;
    if (!sweep->ascent_done) sweep->newest_s += result->elapsed_s;
    if (sweep->is_proving) sweep->proving_s += result->elapsed_s;
    if (sweep->is_between) sweep->between_s += result->elapsed_s;
}

bt_status bt_sweep_take(bt_sweep *sweep, const bt_step *step, const bt_step_result *result, bt_error *error) {
    take_time(sweep, result);
    bt_throttling_add(&sweep->model->throttling, &result->throttling);
    sweep->standard_memory_asked += step->kind == BT_STEP_STANDARD_MEMORY;
    sweep->full_size_asked |= step->kind == BT_STEP_FULL_SIZE;
    if (result->status == BT_OK) return take_success(sweep, step, result, error);
    take_failure(sweep, step, result);
    return BT_OK;
}
