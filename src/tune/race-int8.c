#include <math.h>
#include <stdio.h>
#include <string.h>

#include "base/text.h"
#include "record/config.h"
#include "tune/race.h"

/* Pictures that INT8's ranges are taken from, and checked on; at most BT_MAX_TURN_SAMPLES. More: fewer values of other
 * pictures lie outside, and a picture that agrees badly is met; fewer: calibrating takes less of the time. Where nobody
 * asked for it, as many as FP32 runs in UNASKED_MS, within bounds: what is told rests on the masks of other ones. */
#define PICTURES_ASKED 16
#define PICTURES_MOST  8
#define PICTURES_LEAST 4
#define UNASKED_MS     250

bool bt_race_int8_is_late(const bt_race *r) {
    const bt_model_record *model = r->t->model;
    const bt_contender *last = &model->contenders[model->contender_count - 1];
    return bt_race_is_in(last, BT_PRECISION_INT8) && !last->may_win;
}

/* The contender whose worker calibrates, -1 where that is not needed; there is one wherever INT8 is. */
static int calibrator(const bt_model_record *model) {
    bool needed = false;
    for (int i = 0; i < model->contender_count; i++)
        needed = needed || bt_race_is_in(&model->contenders[i], BT_PRECISION_INT8);
    return needed ? bt_race_exact_one(model) : -1;
}

/* INT8 without a calibration is out, with the reason; who did not ask for it need not be told at once. */
static void leave_out_int8(const bt_race *r, const char *why) {
    const bool wanted = r->t->options->settings->precision == BT_PRECISION_AUTO_INT8;
    bt_model_record *model = r->t->model;
    bt_log_write(r->t->options->log, wanted ? BT_LOG_WARNING : BT_LOG_INFO,
                 "%s: INT8 is left out, not calibrated: %s", model->title, why);
    for (int i = 0; i < model->contender_count; i++)
        if (bt_race_is_in(&model->contenders[i], BT_PRECISION_INT8))
            snprintf(model->contenders[i].why, sizeof model->contenders[i].why, "not calibrated: %.140s",
                     why);
}

/* Of a model's time for comparing, what calibrating may take where nobody asked for INT8. Higher: it can be told of
 * larger images; lower: the sweep has more of it. */
#define CALIBRATION_SHARE (1.0 / 3)

/* Fewer pictures on a network that is slow. */
static int pictures_of(const bt_race *r, const bt_contender *exact) {
    if (!bt_race_int8_is_late(r)) return PICTURES_ASKED;
    return (int)fmin(fmax(UNASKED_MS / exact->median_ms, PICTURES_LEAST), PICTURES_MOST);
}

/* In `text`, where it was cut off for the time that it may take when nobody asked for it. */
static const char *why_not(const bt_contest_turn *turn, const bt_step_result *result,
                           char text[static BT_CONTENDER_WHY_SIZE]) {
    if (result->status != BT_TIMEOUT || !isfinite(turn->within_s)) return result->message;
    bt_text_format(text, BT_CONTENDER_WHY_SIZE, "over %.0f s; --precision auto-int8 waits", turn->within_s);
    return text;
}

bt_status bt_race_calibrate(bt_race *r, bt_error *error) {
    bt_model_record *model = r->t->model;
    const bt_precision asked = (bt_precision)r->t->options->settings->precision;
    const bool wanted = bt_precision_wants_int8(asked);
    const int index = calibrator(model);
    if (index < 0) return BT_OK;
    const bt_contest_turn turn = {
        .contender = index,
        .step = {BT_STEP_CALIBRATE, 1, pictures_of(r, &model->contenders[index])},
        .within_s = wanted ? INFINITY : fmin(CALIBRATION_SHARE * r->budget_s, r->budget_s - r->spent_s)};
    bt_step_result result;
    if (!(turn.within_s > 0)) {
        leave_out_int8(r, "no time was left");
        return BT_OK;
    }
    char late[BT_CONTENDER_WHY_SIZE];
    bt_tuning_progress(r->t, wanted ? 0 : 1, "calibrating INT8", "");
    bt_status status = bt_race_turn(r, &turn, &result, error);
    if (bt_race_is_over(r, status)) return status;
    if (wanted) r->budget_s += result.elapsed_s;
    if (result.status == BT_OK)
        bt_config_calibration_name(model->calibration, r->t->options->settings->output, model->model);
    else if (asked == BT_PRECISION_INT8)
        return bt_fail(error, result.status, "--precision: INT8 was not calibrated: %s", result.message);
    else
        leave_out_int8(r, why_not(&turn, &result, late));
    return BT_OK;
}
