#include "tune/choose.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#include "backend/calibrate.h"
#include "base/cores.h"
#include "base/text.h"
#include "record/config.h"
#include "tune/bench.h"
#include "tune/contenders.h"
#include "tune/divisions.h"
#include "tune/replay.h"
#include "tune/resolve.h"

/* A picture's check takes one run in each path, of which the standard one is slower than the contender by no more
 * than this, on any machine seen. Higher checks fewer pictures where time is short; lower may run out of it. */
#define STANDARD_SLOWER 6.0

/* Pictures that INT8's ranges are taken from, and checked on; at most BT_MAX_TURN_SAMPLES. More: fewer values of other pictures lie outside, and
 * a picture that agrees badly is met; fewer: calibrating takes less of the time. */
#define PICTURES_UNASKED 8
#define PICTURES_ASKED   16

/* INT8's masks of every single picture agree at least so, whatever all of them together do. */
#define INT8_LEAST_IOU 0.95

/* A model's comparison under way. */
typedef struct race {
    const bt_tuning *t;
    bt_probe *probes[BT_CONTENDERS_MAX]; /* of the model's contenders */
    double budget_s, spent_s;
    bool reference_tried;
    int referred; /* pictures whose masks in FP32 are there to compare with */
} race;

/* ---- what there is ---- */

static bool can_be_calibrated(const bt_tuning *t) {
    const bt_session_options session = {.model = t->model->model,
                                        .device = t->options->settings->device,
                                        .path = (bt_path)t->options->settings->path};
    return bt_calibrate_check(&session, NULL) == BT_OK;
}

static bt_ways ways_of(const bt_tuning *t) {
    const bt_settings *settings = t->options->settings;
    const bt_model *model = &t->resolved->model;
    const bt_runs_on where = bt_resolve_runs_on(settings, t->resolved);
    const bool fused = where == BT_RUNS_ON_CUDA && settings->path == BT_PATH_PRODUCTION &&
                       model->kind == BT_MODEL_NETWORK; /* its kernels take NHWC alone, as the plan does */
    bt_ways ways = {
        .divisions = t->model->divisions,
        .division_count = t->model->division_count,
        .asked = (bt_precision)settings->precision,
        .use_amp = settings->use_amp,
        .fixed =
            t->resolved->simulated || settings->path == BT_PATH_STANDARD || model->kind == BT_MODEL_PACKAGES,
        .channels_last = settings->use_channels_last,
        .both_layouts = settings->use_channels_last && where != BT_RUNS_PLANNED && !fused,
    };
    for (int p = BT_PRECISION_FP32; p < BT_PRECISION_INT8; p++)
        ways.can[p] = bt_session_precision_exists((bt_precision)p, where);
    ways.can[BT_PRECISION_INT8] = where == BT_RUNS_PLANNED && can_be_calibrated(t);
    ways.can[ways.asked] = true; /* the session says what is wrong with it */
    return ways;
}

/* ---- turns ---- */

static void warn_of(const race *r, int index, const bt_step_result *result) {
    const bt_contender *c = &r->t->model->contenders[index];
    char title[32];
    if (result->status == BT_TIMEOUT) {
        bt_log_write(
            r->t->options->log, BT_LOG_INFO,
            "%s: the time for comparing ways to run is over; what was not compared is not chosen by it",
            r->t->model->title);
        return;
    }
    bt_contender_title(c, false, title, sizeof title);
    bt_log_write(r->t->options->log, c->may_win ? BT_LOG_WARNING : BT_LOG_INFO,
                 "%s: %s with %d instance%s is left out: %s", r->t->model->title, title, c->instances,
                 c->instances == 1 ? "" : "s", result->message);
}

/* Tells how the contest stands, and of a turn that failed why. */
static void report_turn(const race *r, const bt_contest *contest, const bt_contest_turn *turn,
                        const bt_step_result *result) {
    char doing[96];
    const bt_contender *c = &r->t->model->contenders[turn->contender];
    double fraction = bt_contest_progress(contest, doing, sizeof doing);
    if (result->status != BT_OK) warn_of(r, turn->contender, result);
    bt_log_write(r->t->options->log, BT_LOG_DETAIL, "%s: comparing: round %d, %s, %d of them, took %.2f s",
                 r->t->model->title, turn->round, c->precision, c->instances, result->elapsed_s);
    bt_tuning_progress(r->t, fraction, "comparing ways to run: ", doing);
}

static bt_status take_turn(race *r, const bt_contest_turn *turn, bt_step_result *result, bt_error *error) {
    bt_status status = bt_replay_turn(r->t, r->probes[turn->contender], turn, result, error);
    if (status == BT_OK && !bt_tuning_stopped(r->t->options)) r->spent_s += result->elapsed_s;
    return status;
}

static bt_status run_contest(race *r, bt_error *error) {
    bt_model_record *model = r->t->model;
    bt_contest *contest;
    bt_contest_turn turn;
    bt_status status =
        bt_contest_open(&contest, model->contenders, model->contender_count, r->budget_s - r->spent_s, error);
    while (status == BT_OK && bt_contest_next(contest, &turn)) {
        bt_step_result result;
        status = take_turn(r, &turn, &result, error);
        if (status != BT_OK || bt_tuning_stopped(r->t->options)) break;
        bt_contest_done(contest, &result);
        report_turn(r, contest, &turn, &result);
    }
    if (contest) bt_contest_close(&contest);
    return status;
}

/* ---- INT8's calibration ---- */

static bool is_in(const bt_contender *c, bt_precision precision) {
    return strcmp(c->precision, bt_precision_name(precision)) == 0;
}

/* The one in FP32 on all cores, -1 where there is none. */
static int exact_one(const bt_model_record *model) {
    for (int i = 0; i < model->contender_count; i++) {
        const bt_contender *c = &model->contenders[i];
        if (bt_contender_same_division(c, &model->contenders[0]) && is_in(c, BT_PRECISION_FP32)) return i;
    }
    return -1;
}

/* The contender whose worker calibrates, -1 where that is not needed; there is one wherever INT8 is. */
static int calibrator(const bt_model_record *model) {
    bool needed = false;
    for (int i = 0; i < model->contender_count; i++)
        needed = needed || is_in(&model->contenders[i], BT_PRECISION_INT8);
    return needed ? exact_one(model) : -1;
}

/* INT8 without a calibration is out, with the reason; who did not ask for it need not be told at once. */
static void leave_out_int8(const race *r, const char *why) {
    const bool wanted = r->t->options->settings->precision == BT_PRECISION_AUTO_INT8;
    bt_model_record *model = r->t->model;
    bt_log_write(r->t->options->log, wanted ? BT_LOG_WARNING : BT_LOG_INFO,
                 "%s: INT8 is left out, not calibrated: %s", model->title, why);
    for (int i = 0; i < model->contender_count; i++)
        if (is_in(&model->contenders[i], BT_PRECISION_INT8))
            snprintf(model->contenders[i].why, sizeof model->contenders[i].why, "not calibrated: %.140s",
                     why);
}

/* Of a model's time for comparing, what calibrating may take where nobody asked for INT8. Higher: it can be told of
 * larger images; lower: the floats, one of which is taken, have more of it. */
#define CALIBRATION_SHARE (1.0 / 3)

/* Measures what INT8 needs to know, before it can compete. Whoever asked for INT8 gives it the time that it
 * takes. */
static bt_status calibrate(race *r, bt_error *error) {
    bt_model_record *model = r->t->model;
    const bt_precision asked = (bt_precision)r->t->options->settings->precision;
    const bool wanted = bt_precision_wants_int8(asked);
    const bt_contest_turn turn = {.contender = calibrator(model),
                                  .step = {BT_STEP_CALIBRATE, 1, wanted ? PICTURES_ASKED : PICTURES_UNASKED},
                                  .within_s = wanted ? INFINITY : CALIBRATION_SHARE * r->budget_s};
    bt_step_result result;
    if (turn.contender < 0 || !(turn.within_s > 0)) return BT_OK;
    bt_tuning_progress(r->t, 0, "calibrating INT8", "");
    bt_status status = take_turn(r, &turn, &result, error);
    if (status != BT_OK || bt_tuning_stopped(r->t->options)) return status;
    if (wanted) r->budget_s += result.elapsed_s;
    if (result.status == BT_OK)
        bt_config_calibration_name(model->calibration, r->t->options->settings->output, model->model);
    else if (asked == BT_PRECISION_INT8)
        return bt_fail(error, result.status, "--precision: INT8 was not calibrated: %s", result.message);
    else
        leave_out_int8(r, result.message);
    return BT_OK;
}

/* ---- masks ---- */

/* What a comparison of masks says of all contenders of that kind. What could not be compared in time may win: the
 * sweep compares each size's masks again. */
static void take_masks(bt_model_record *model, const bt_contender *kind, const bt_step_result *result,
                       double min_mask_iou) {
    const double iou = result->status == BT_OK ? result->mask_iou : NAN;
    char why[BT_CONTENDER_WHY_SIZE] = "";
    const double least =
        result->status == BT_OK && is_in(kind, BT_PRECISION_INT8) ? result->mask_iou_least : 1;
    if (least < INT8_LEAST_IOU)
        bt_text_format(why, sizeof why, "the masks of a picture agree by %.3f, less than %g", least,
                       INT8_LEAST_IOU);
    else if (iou < min_mask_iou)
        bt_text_format(why, sizeof why, "its masks agree by %.3f, less than %g", iou, min_mask_iou);
    else if (result->status == BT_BACKEND)
        snprintf(why, sizeof why, "%.159s", result->message);
    for (int i = 0; i < model->contender_count; i++) {
        bt_contender *c = &model->contenders[i];
        if (!bt_contender_same_kind(c, kind)) continue;
        c->mask_iou = iou;
        if (why[0] && !c->why[0]) memcpy(c->why, why, sizeof why);
    }
}

/* How many pictures there is time for, of `picture_ms` each; at least one. */
static int pictures_for(const race *r, double picture_ms) {
    return (int)fmin(fmax((r->budget_s - r->spent_s) * 1e3 / picture_ms, 1), BT_BENCH_IMAGES);
}

/* Masks in FP32 to compare with, by the session that is open for it: another of the standard path would cost more
 * than all turns. Where there is none, each comparison opens that. */
static bt_status make_reference(race *r, bt_error *error) {
    const int index = exact_one(r->t->model);
    const bt_contender *c = &r->t->model->contenders[index < 0 ? 0 : index];
    r->reference_tried = true;
    if (index < 0 || !(c->median_ms > 0) || r->spent_s >= r->budget_s) return BT_OK;
    /* half of the time is the others' */
    const int pictures = pictures_for(r, 2 * c->median_ms);
    const bt_contest_turn turn = {
        .contender = index, .step = {BT_STEP_REFERENCE, 1, pictures}, .within_s = r->budget_s - r->spent_s};
    bt_step_result result;
    bt_status status = take_turn(r, &turn, &result, error);
    if (status != BT_OK || bt_tuning_stopped(r->t->options)) return status;
    if (result.status == BT_OK) r->referred = pictures;
    return BT_OK;
}

/* Compares what a contender computes with FP32, on as many pictures as there is time for. */
static bt_status compare_masks(race *r, int index, bt_error *error) {
    const bt_contender *c = &r->t->model->contenders[index];
    bt_status status = BT_OK;
    bt_tuning_progress(r->t, 1, "comparing masks", "");
    if (!r->reference_tried) status = make_reference(r, error);
    if (status != BT_OK || bt_tuning_stopped(r->t->options)) return status;
    const int pictures = r->referred > 0 ? (int)fmin(pictures_for(r, c->median_ms), r->referred)
                                         : pictures_for(r, (1 + STANDARD_SLOWER) * c->median_ms);
    const bt_contest_turn turn = {
        .contender = index, .step = {BT_STEP_MASKS, 1, pictures}, .within_s = r->budget_s - r->spent_s};
    bt_step_result result;
    if (turn.within_s <= 0) return BT_OK;
    status = take_turn(r, &turn, &result, error);
    if (status != BT_OK || bt_tuning_stopped(r->t->options)) return status;
    if (result.status != BT_OK) warn_of(r, index, &result);
    take_masks(r->t->model, c, &result, r->t->options->settings->min_mask_iou);
    return BT_OK;
}

/* Of the ways that lead on some division, and of those that are told, the next whose masks were not compared yet;
 * -1 where none is left. */
static int next_to_compare(bt_model_record *model, const bool *compared) {
    for (int d = 0; d < model->division_count; d++) {
        const bt_contender *best =
            bt_contenders_best(model->contenders, model->contender_count, &model->divisions[d]);
        const int index = (int)(best - model->contenders);
        if (best->median_ms > 0 && !is_in(best, BT_PRECISION_FP32) && isnan(best->mask_iou) &&
            !compared[index])
            return index;
    }
    for (int i = 0; i < model->contender_count; i++) {
        const bt_contender *c = &model->contenders[i];
        if (is_in(c, BT_PRECISION_INT8) && !c->may_win && c->median_ms > 0 && !compared[i]) return i;
    }
    return -1;
}

/* Where nothing else can be taken there is nothing to decide by masks. */
static bool has_rivals(const bt_model_record *model) {
    for (int i = 1; i < model->contender_count; i++)
        if (!bt_contender_same_kind(&model->contenders[i], &model->contenders[0])) return true;
    return false;
}

static bt_status check_masks(race *r, bt_error *error) {
    bool compared[BT_CONTENDERS_MAX] = {false};
    bt_status status = BT_OK;
    while (status == BT_OK && has_rivals(r->t->model) && !bt_tuning_stopped(r->t->options)) {
        const int index = next_to_compare(r->t->model, compared);
        if (index < 0) break;
        compared[index] = true;
        status = compare_masks(r, index, error);
    }
    return status;
}

/* A model's ways of running, compared within `budget_s`. */
static bt_status compare_ways(const bt_tuning *t, double budget_s, double *spent_s, bt_error *error) {
    bt_model_record *model = t->model;
    race r = {.t = t, .budget_s = budget_s};
    bt_status status = BT_OK;
    for (int i = 0; i < model->contender_count && status == BT_OK; i++)
        status = bt_tuning_open_probe(&r.probes[i], t, &model->contenders[i], error);
    if (status == BT_OK) status = calibrate(&r, error);
    if (status == BT_OK) status = run_contest(&r, error);
    if (status == BT_OK) status = check_masks(&r, error);
    for (int i = 0; i < model->contender_count; i++)
        bt_probe_close(&r.probes[i]);
    (void)remove(t->reference); /* where there is one */
    model->contest_s = r.spent_s;
    *spent_s += r.spent_s;
    return status;
}

/* ---- what is taken ---- */

/* Whether each kind that may win was measured, or failed: else there is nothing to prefer one by. */
static bool is_decided(const bt_model_record *model) {
    for (int i = 0; i < model->contender_count; i++) {
        const bt_contender *c = &model->contenders[i];
        const bool first = bt_contender_same_division(c, &model->contenders[0]);
        if (first && bt_contender_is_eligible(c) && !(c->median_ms > 0)) return false;
    }
    return true;
}

static void take_way(const bt_optimize_options *options, bt_model_record *model, int division,
                     bt_contender *out) {
    const bt_settings *settings = options->settings;
    bt_contender *best =
        bt_contenders_best(model->contenders, model->contender_count, &model->divisions[division]);
    *out = *best;
    if (is_decided(model)) {
        bt_contenders_take(model->contenders, model->contender_count, best);
        bt_contenders_reason(model->contenders, model->contender_count, (bt_precision)settings->precision,
                             model->precision_reason);
    } else if (has_rivals(model)) { /* the session takes what it knows to be fast here */
        snprintf(out->precision, sizeof out->precision, "%.7s",
                 bt_precision_name((bt_precision)settings->precision));
        out->channels_last = settings->use_channels_last;
    }
    if (model->precision_reason[0])
        bt_log_write(options->log, BT_LOG_INFO, "%s: %s", model->title, model->precision_reason);
    if (model->contender_count == 1) model->contender_count = 0; /* nothing was compared */
    if (model->division_count == 1) model->division_count = 0;
}

/* ---- all models ---- */

/* What a quota leaves of the CPUs, and whether more was asked for than there is. */
static void log_cores(const bt_optimize_options *options, const bt_cores *cores, const bt_division *first) {
    char words[BT_CORES_WORDS_SIZE], excess[BT_CORES_EXCESS_SIZE];
    const int threads = first->threads > 0 ? first->threads : cores->count;
    if (bt_backend_simulates(options->settings->backend) || strcmp(options->settings->device, "cpu") != 0)
        return;
    bt_cores_words(cores, words);
    bt_cores_excess(cores, first->instances * threads, excess);
    if (excess[0])
        bt_log_write(options->log, BT_LOG_WARNING, "%s", excess);
    else if (cores->quota > 0)
        bt_log_write(options->log, BT_LOG_INFO, "%s", words);
}

/* Model `index` by itself: what there is, and what its ways took. */
static bt_status compare_model(const bt_optimize_options *options, bt_record *record, int index,
                               double budget_s, bt_error *error) {
    bt_model_record *model = &record->models[index];
    const bt_cores cores = bt_cores_read();
    const double share_s =
        (BT_CONTEST_SHARE * budget_s - record->measuring_s) / (record->model_count - index);
    bt_tuning t;
    bt_status status =
        bt_divisions_list(options->settings, &cores, model->divisions, &model->division_count, error);
    if (status == BT_OK && index == 0) log_cores(options, &cores, &model->divisions[0]);
    if (status == BT_OK) status = bt_tuning_init(&t, options, record, index, 0, BT_CONTEST_SHARE, error);
    if (status != BT_OK) return status;
    const bt_ways ways = ways_of(&t);
    model->contender_count = bt_contenders_list(&ways, model->contenders);
    if (model->contender_count > 1 && !bt_tuning_stopped(options))
        status = compare_ways(&t, share_s, &record->measuring_s, error);
    bt_contenders_divide(model->contenders, model->contender_count, model->divisions, model->division_count);
    return status;
}

bt_status bt_choose_ways(const bt_optimize_options *options, bt_record *record, double budget_s,
                         bt_contender ways[BT_NAMES_MAX], bt_error *error) {
    const bt_division *of[BT_NAMES_MAX];
    bt_status status = BT_OK;
    for (int i = 0; i < record->model_count && status == BT_OK; i++) {
        of[i] = record->models[i].divisions;
        status = compare_model(options, record, i, budget_s, error);
    }
    if (status != BT_OK) return status;
    const int division =
        bt_divisions_choose(of, record->model_count, record->models[0].division_count, options->settings);
    for (int i = 0; i < record->model_count; i++)
        take_way(options, &record->models[i], division, &ways[i]);
    return BT_OK;
}
