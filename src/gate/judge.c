#include "gate/judge.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/random.h"
#include "base/text.h"
#include "measure/quantile.h"
#include "measure/slowdown.h"

/* What stands for a turn's samples. Lower is steadier on a machine with neighbours, who only add time, and blinder
 * to slowdowns that fall on some runs alone; at 0.5 it sees those, and needs more pairs. */
#define TURN_QUANTILE 0.25

#define P95_LEAST BT_P95_BOUND_SAMPLES /* fewer values of a side say nothing of P95 */

/* ---- rows ---- */

static bt_status quantile_of(double *out, const double *values, int count, double quantile, bt_error *error) {
    double *sorted = malloc((size_t)count * sizeof *sorted);
    if (!sorted) return bt_no_memory(error, "sorting %d values", count);
    memcpy(sorted, values, (size_t)count * sizeof *sorted);
    bt_sort(sorted, (size_t)count);
    *out = bt_quantile(sorted, (size_t)count, quantile);
    free(sorted);
    return BT_OK;
}

static bt_status add_turn(bt_gate_row *row, bool now, const double *samples, int count, bt_error *error) {
    double figure;
    bt_status status = quantile_of(&figure, samples, count, TURN_QUANTILE, error);
    return status == BT_OK ? bt_gate_row_value(row, now, figure, error) : status;
}

/* A side's values: each turn's figure, or a run's samples as they are. */
static bt_status add_values(bt_gate_row *row, const bt_gate_series *series, bool now, bt_error *error) {
    const double *at = series->samples;
    bt_status status = BT_OK;
    if (series->turn_count == 0)
        for (int i = 0; i < series->sample_count && status == BT_OK; i++)
            status = bt_gate_row_value(row, now, series->samples[i], error);
    for (int i = 0; i < series->turn_count && status == BT_OK; at += series->turns[i++])
        if (series->turns[i] > 0) status = add_turn(row, now, at, series->turns[i], error);
    return status;
}

static void put_limit(const bt_judge *judge, bt_gate_row *row) {
    bt_gate_limit limit = bt_gate_limit_of(judge->rules, &judge->profile, row->metric, row->unit);
    row->tolerance_percent = limit.percent;
    if (limit.declared) {
        row->declared_percent = limit.declared->up_to_percent;
        snprintf(row->reason, sizeof row->reason, "%s", limit.declared->reason);
    }
}

static void put_unlike(bt_gate_row *row, const char *what, const char *before, const char *now) {
    row->verdict = isfinite(row->declared_percent) ? BT_GATE_DECLARED : BT_GATE_INCOMPARABLE;
    snprintf(row->why, sizeof row->why, "%s: before %s, now %s", what, before, now);
}

static void put_gone(bt_gate_row *row) {
    row->verdict = isfinite(row->declared_percent) ? BT_GATE_DECLARED : BT_GATE_INCOMPARABLE;
    snprintf(row->why, sizeof row->why, "only the old side has it: what became of it is not known");
}

static void put_new(bt_gate_row *row) {
    row->verdict = BT_GATE_NEW;
    snprintf(row->why, sizeof row->why, "only the new side has it");
}

static bool quantiles_differ(const bt_gate_series *before, const bt_gate_series *now) {
    return strcmp(before->unit, now->unit) != 0 || before->quantile != now->quantile;
}

static bool conditions_differ(const bt_gate_series *before, const bt_gate_series *now) {
    return before->conditions[0] && now->conditions[0] && strcmp(before->conditions, now->conditions) != 0;
}

/* Nobody's fault, and no evidence either. */
static void put_unmeasured(bt_gate_row *row) {
    if (row->before_count > 0 && row->now_count > 0) return;
    snprintf(row->why, sizeof row->why, "not measured %s",
             row->now_count > 0      ? "before"
             : row->before_count > 0 ? "now"
                                     : "on either side");
}

static bt_status add_row(const bt_judge *judge, bt_gate_verdict *verdict, const bt_gate_series *before,
                         const bt_gate_series *now, bool paired, bt_error *error) {
    const bt_gate_series *known = now ? now : before;
    bt_gate_row *row = bt_gate_row_add(verdict, known->metric, known->unit, known->work, known->quantile);
    if (!row) return bt_no_memory(error, "a row");
    row->paired = paired && before && now;
    row->minor = known->minor;
    put_limit(judge, row);
    if (!now)
        put_gone(row);
    else if (!before)
        put_new(row);
    else if (quantiles_differ(before, now))
        put_unlike(row, "its unit or quantile differs", before->unit, now->unit);
    else if (strcmp(before->work, now->work) != 0)
        put_unlike(row, "the work differs", before->work, now->work);
    else if (conditions_differ(before, now))
        put_unlike(row, "the conditions differ", before->conditions, now->conditions);
    else {
        row->like = true;
        bt_status status = add_values(row, before, false, error);
        if (status == BT_OK) status = add_values(row, now, true, error);
        if (status == BT_OK && !paired) put_unmeasured(row);
        return status;
    }
    return BT_OK;
}

bt_status bt_judge_rows(const bt_judge *judge, bt_gate_verdict *verdict, const bt_gate_record *before,
                        const bt_gate_record *now, bool paired, bt_error *error) {
    bt_status status = BT_OK;
    for (int i = 0; i < now->series_count && status == BT_OK; i++)
        status = add_row(judge, verdict, bt_gate_series_find(before, now->series[i].metric), &now->series[i],
                         paired, error);
    for (int i = 0; i < before->series_count && status == BT_OK; i++)
        if (!bt_gate_series_find(now, before->series[i].metric))
            status = before->series[i].minor
                         ? BT_OK
                         : add_row(judge, verdict, &before->series[i], NULL, paired, error);
    return status;
}

/* ---- a look ---- */

static bool comparable(const bt_gate_row *row) {
    return row->like && row->before_count > 0 && row->now_count > 0;
}

/* Whether chance plays no part in a row. */
static bool exact(const bt_gate_row *row) {
    return strcmp(row->unit, BT_UNIT_INSTRUCTIONS) == 0;
}

static double percent_of(double log_ratio) {
    return 100 * expm1(log_ratio);
}

static bt_status put_figures(const bt_judge *judge, bt_gate_row *row, bt_error *error) {
    bt_gate_limit limit = bt_gate_limit_of(judge->rules, &judge->profile, row->metric, row->unit);
    double quantile = row->paired ? 0.5 : row->quantile;
    bt_status status = quantile_of(&row->before, row->before_values, row->before_count, quantile, error);
    if (status == BT_OK) status = quantile_of(&row->now, row->now_values, row->now_count, quantile, error);
    if (status != BT_OK) return status;
    double absolute_percent = row->before > 0 ? 100 * limit.absolute / row->before : 0;
    row->tolerance_percent = fmax(limit.percent, absolute_percent);
    return BT_OK;
}

static void judge_exact(bt_gate_row *row) {
    double change = 100 * (row->now / row->before - 1);
    row->slowdown_percent = row->lower_percent = row->upper_percent = change;
    row->p_slower = change > row->tolerance_percent ? 0 : 1;
    row->p_same = 1 - row->p_slower;
    row->p_faster = change < -row->tolerance_percent ? 0 : 1;
}

static bt_status estimate(const bt_judge *judge, const bt_gate_row *row, bt_slowdown *out, bt_error *error) {
    uint64_t seed = bt_fnv1a64(judge->seed ^ BT_FNV_START, row->metric, strlen(row->metric));
    int pairs = row->before_count < row->now_count ? row->before_count : row->now_count;
    if (row->paired)
        return bt_slowdown_of_pairs(row->before_values, row->now_values, (size_t)pairs, seed, out, error);
    if (row->quantile > 0.5 && pairs < P95_LEAST)
        return bt_fail(error, BT_INVALID, "%d samples say little of P%.0f; %d would", pairs,
                       100 * row->quantile, P95_LEAST);
    return bt_slowdown_of_series(row->before_values, (size_t)row->before_count, row->now_values,
                                 (size_t)row->now_count, row->quantile, seed, out, error);
}

/* Each look's bounds hold beside all the others', so that what all of them leave is what is known. Where
 * nothing is left, since the machine changed on the way, this look's own. */
static void narrow(bt_gate_row *row, double lower, double upper) {
    const double both_lower = fmax(row->lower_percent, lower), both_upper = fmin(row->upper_percent, upper);
    const bool left = both_lower <= both_upper;
    row->lower_percent = left ? both_lower : lower;
    row->upper_percent = left ? both_upper : upper;
}

/* What this look says, taken together with those before. */
static void take_look(const bt_judge *judge, bt_gate_row *row, const bt_slowdown *slowdown, double look_share,
                      int rows) {
    double share = look_share * judge->rules->error_percent / 100;
    double beyond = log1p(row->tolerance_percent / 100);
    row->slowdown_percent = percent_of(slowdown->log_ratio);
    narrow(row, percent_of(slowdown->log_ratio - bt_slowdown_margin(slowdown, share / rows)),
           percent_of(slowdown->log_ratio + bt_slowdown_margin(slowdown, share)));
    row->p_slower = fmin(row->p_slower, bt_slowdown_p_above(slowdown, beyond) / look_share);
    row->p_same = fmin(row->p_same, bt_slowdown_p_below(slowdown, beyond) / look_share);
    row->p_faster = fmin(row->p_faster, bt_slowdown_p_below(slowdown, -beyond) / look_share);
}

static bt_status analyse(const bt_judge *judge, bt_gate_row *row, double look_share, int rows,
                         bt_error *error) {
    bt_slowdown slowdown;
    bt_error refused;
    bt_status status = put_figures(judge, row, error);
    if (status != BT_OK) return status;
    row->why[0] = '\0';
    if (exact(row)) {
        judge_exact(row);
        return BT_OK;
    }
    status = estimate(judge, row, &slowdown, &refused);
    if (status == BT_NO_MEMORY) return bt_fail(error, status, "%s", refused.message);
    if (status != BT_OK)
        snprintf(row->why, sizeof row->why, "%s", refused.message);
    else
        take_look(judge, row, &slowdown, look_share, rows);
    return BT_OK;
}

/* "P95 28.1 → 31.0 ms" is the report's business; here is said what it was held against. */
static void put_word(bt_gate_row *row, bool slower, double error_share) {
    if (slower) row->verdict = BT_GATE_SLOWER;
    if (row->verdict == BT_GATE_SLOWER || row->verdict == BT_GATE_DECLARED) {
        bool within = row->lower_percent <= row->declared_percent;
        row->verdict = within ? BT_GATE_DECLARED : BT_GATE_SLOWER;
        if (isfinite(row->declared_percent))
            bt_text_format(row->why, sizeof row->why, "%s %g %%: %s",
                           within ? "up to" : "beyond the declared", row->declared_percent, row->reason);
    } else if (row->p_faster <= error_share) {
        row->verdict = BT_GATE_FASTER;
    } else if (row->p_same <= error_share) {
        row->verdict = BT_GATE_SAME;
    } else if (!row->why[0]) {
        snprintf(row->why, sizeof row->why, "neither above nor below the tolerance is sure");
    }
}

bt_status bt_judge_look(const bt_judge *judge, bt_gate_verdict *verdict, double look_share, bt_error *error) {
    double p_values[BT_METRICS_MAX], error_share = judge->rules->error_percent / 100;
    bool slower[BT_METRICS_MAX];
    int tested = 0, rows = 0;
    bt_status status = BT_OK;
    for (int i = 0; i < verdict->row_count; i++)
        rows += comparable(&verdict->rows[i]) && !exact(&verdict->rows[i]);
    for (int i = 0; i < verdict->row_count && status == BT_OK; i++)
        if (comparable(&verdict->rows[i]))
            status = analyse(judge, &verdict->rows[i], look_share, rows, error);
    if (status != BT_OK) return status;
    for (int i = 0; i < verdict->row_count && tested < BT_METRICS_MAX; i++)
        if (comparable(&verdict->rows[i]) && !exact(&verdict->rows[i]))
            p_values[tested++] = verdict->rows[i].p_slower;
    bt_holm(p_values, (size_t)tested, error_share, slower);
    for (int i = 0, next = 0; i < verdict->row_count; i++) {
        bt_gate_row *row = &verdict->rows[i];
        if (!comparable(row)) continue;
        put_word(row, exact(row) ? row->p_slower == 0 : slower[next++], error_share);
    }
    verdict->looks++;
    return BT_OK;
}

/* ---- a course of looks ---- */

/* The pairs of the last look before `pairs`; 0 for none. */
static int look_before(int pairs) {
    int last = 0;
    for (int look = BT_GATE_FIRST_LOOK; look < pairs; look += look / 2)
        last = look;
    return last;
}

static bool look_due(int pairs) {
    int look = BT_GATE_FIRST_LOOK;
    while (look < pairs)
        look += look / 2;
    return look == pairs;
}

/* Good news is worth some pairs too: what seems faster is measured on. */
static bool all_decided(const bt_gate_verdict *verdict) {
    for (int i = 0; i < verdict->row_count; i++) {
        const bt_gate_row *row = &verdict->rows[i];
        if (row->verdict == BT_GATE_INCONCLUSIVE) return false;
        if (row->verdict == BT_GATE_SAME && row->slowdown_percent < -row->tolerance_percent) return false;
    }
    return true;
}

bt_status bt_judge_course(const bt_judge *judge, bt_gate_verdict *verdict, int pairs, int planned,
                          bool out_of_time, bool *over, bt_error *error) {
    bool last = pairs >= planned || out_of_time;
    *over = false;
    if (!last && !look_due(pairs)) return BT_OK;
    double before = (double)look_before(pairs) / planned, now = last ? 1 : (double)pairs / planned;
    bt_status status = bt_judge_look(judge, verdict, bt_look_share(before, now), error);
    *over = last || all_decided(verdict);
    return status;
}
