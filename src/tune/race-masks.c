#include <math.h>
#include <stdio.h>
#include <string.h>

#include "base/text.h"
#include "tune/bench.h"
#include "tune/contenders.h"
#include "tune/race.h"

/* A picture's check takes one run in each path, of which the standard one is slower than the contender by no more
 * than this, on any machine seen. Higher checks fewer pictures where time is short; lower may run out of it. */
#define STANDARD_SLOWER 6.0

/* INT8's masks of every single picture agree at least so, whatever all of them together do. */
#define INT8_LEAST_IOU 0.95

/* What a comparison of masks says of all contenders of that kind. What could not be compared in time may win: the
 * sweep compares each size's masks again. */
static void take_masks(bt_model_record *model, const bt_contender *kind, const bt_step_result *result,
                       double min_mask_iou) {
    const double iou = result->status == BT_OK ? result->mask_iou : NAN;
    char why[BT_CONTENDER_WHY_SIZE] = "";
    const double least =
        result->status == BT_OK && bt_race_is_in(kind, BT_PRECISION_INT8) ? result->mask_iou_least : 1;
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
static int pictures_for(const bt_race *r, double picture_ms) {
    return (int)fmin(fmax((r->budget_s - r->spent_s) * 1e3 / picture_ms, 1), BT_BENCH_IMAGES);
}

/* Masks in FP32 to compare with, by the session that is open for it: another of the standard path would cost more
 * than all turns. Where there is none, each comparison opens that. */
static bt_status make_reference(bt_race *r, bt_error *error) {
    const int index = bt_race_exact_one(r->t->model);
    const bt_contender *c = &r->t->model->contenders[index < 0 ? 0 : index];
    r->reference_tried = true;
    if (index < 0 || !(c->median_ms > 0) || r->spent_s >= r->budget_s) return BT_OK;
    /* half of the time is the others' */
    const int pictures = pictures_for(r, 2 * c->median_ms);
    const bt_contest_turn turn = {
        .contender = index, .step = {BT_STEP_REFERENCE, 1, pictures}, .within_s = r->budget_s - r->spent_s};
    bt_step_result result;
    bt_status status = bt_race_turn(r, &turn, &result, error);
    if (bt_race_is_over(r, status)) return status;
    if (result.status == BT_OK) r->referred = pictures;
    return BT_OK;
}

/* Compares what a contender computes with FP32, on as many pictures as there is time for. */
static bt_status compare_masks(bt_race *r, int index, bt_error *error) {
    const bt_contender *c = &r->t->model->contenders[index];
    bt_status status = BT_OK;
    bt_tuning_progress(r->t, 1, "comparing masks", "");
    if (!r->reference_tried) status = make_reference(r, error);
    if (bt_race_is_over(r, status)) return status;
    const int pictures = r->referred > 0 ? (int)fmin(pictures_for(r, c->median_ms), r->referred)
                                         : pictures_for(r, (1 + STANDARD_SLOWER) * c->median_ms);
    const bt_contest_turn turn = {
        .contender = index, .step = {BT_STEP_MASKS, 1, pictures}, .within_s = r->budget_s - r->spent_s};
    bt_step_result result;
    if (turn.within_s <= 0) return BT_OK;
    status = bt_race_turn(r, &turn, &result, error);
    if (bt_race_is_over(r, status)) return status;
    if (result.status != BT_OK) bt_race_warn(r, index, &result);
    take_masks(r->t->model, c, &result, r->t->options->settings->min_mask_iou);
    return BT_OK;
}

/* Of the ways that lead on some division, and of those that are told, the next whose masks were not compared yet;
 * -1 where none is left. */
static int next_to_compare(const bt_race *r) {
    bt_model_record *model = r->t->model;
    for (int d = 0; d < model->division_count; d++) {
        const bt_contender *best =
            bt_contenders_best(model->contenders, model->contender_count, &model->divisions[d]);
        const int index = (int)(best - model->contenders);
        if (best->median_ms > 0 && !bt_race_is_in(best, BT_PRECISION_FP32) && isnan(best->mask_iou) &&
            !r->compared[index])
            return index;
    }
    for (int i = 0; i < model->contender_count; i++) {
        const bt_contender *c = &model->contenders[i];
        if (bt_race_is_in(c, BT_PRECISION_INT8) && !c->may_win && c->median_ms > 0 && !r->compared[i])
            return i;
    }
    return -1;
}

/* Where nothing else can be taken there is nothing to decide by masks. */
bool bt_race_has_rivals(const bt_model_record *model) {
    for (int i = 1; i < model->contender_count; i++)
        if (!bt_contender_same_kind(&model->contenders[i], &model->contenders[0])) return true;
    return false;
}

bt_status bt_race_check_masks(bt_race *r, bt_error *error) {
    bt_status status = BT_OK;
    while (status == BT_OK && bt_race_has_rivals(r->t->model) && !bt_tuning_stopped(r->t->options)) {
        const int index = next_to_compare(r);
        if (index < 0) break;
        r->compared[index] = true;
        status = compare_masks(r, index, error);
    }
    return status;
}
