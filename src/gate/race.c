#include "gate/race.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/files.h"
#include "gate/child.h"
#include "gate/count.h"
#include "measure/slowdown.h"

#define TURN_TIMEOUT_NS (600 * BT_NS_PER_S)
#define PROGRAM_MAX     (256 << 20)

enum { BEFORE, NOW };

/* ---- one turn ---- */

char *bt_gauge_settings_text(const bt_gauge_settings *settings, const bt_option *table, size_t count,
                             const bt_option_sources *sources) {
    json_t *json = bt_options_write_json(bt_gauge_settings_table, bt_gauge_settings_count, settings);
    for (size_t i = 0; json && i < bt_gauge_settings_count; i++) {
        int row = bt_options_find(table, count, bt_gauge_settings_table[i].name);
        if (sources->of[row] == BT_SOURCE_DEFAULT) json_object_del(json, bt_gauge_settings_table[i].name);
    }
    char *text = json ? json_dumps(json, JSON_COMPACT) : NULL;
    json_decref(json);
    return text;
}

bt_status bt_gauge_child(bt_gate_record **out, const char *program, const char *settings_text,
                         const volatile sig_atomic_t *stop, bt_error *error) {
    const char *const argv[] = {program, settings_text, NULL};
    char *text;
    json_error_t at;
    *out = NULL;
    bt_status status = bt_child_run(argv, TURN_TIMEOUT_NS, stop, &text, error);
    if (status != BT_OK) return status;
    json_t *json = json_loads(text, JSON_REJECT_DUPLICATES, &at);
    free(text);
    if (!json) return bt_fail(error, BT_PARSE, "%s: what it printed is not JSON: %s", program, at.text);
    status = bt_gate_record_from_json(out, json, program, error);
    json_decref(json);
    return status;
}

/* ---- identical programs ---- */

static bt_status identical(const char *a, const char *b, bool *same, bt_error *error) {
    char *one = NULL, *other = NULL;
    size_t one_size = 0, other_size = 0;
    bt_status status = bt_file_read(a, PROGRAM_MAX, &one, &one_size, error);
    if (status == BT_OK) status = bt_file_read(b, PROGRAM_MAX, &other, &other_size, error);
    *same = status == BT_OK && one_size == other_size && memcmp(one, other, one_size) == 0;
    free(one);
    free(other);
    return status;
}

/* ---- the race ---- */

typedef struct race {
    const bt_race_options *options;
    const char *programs[2];
    char *settings_text;
    bt_gate_verdict *verdict;
    bt_gate_record *turns[2]; /* of the pair under way */
    int pairs, planned;
    int64_t start_ns, budget_ns;
} race;

static bt_status run_pair(race *r, bt_error *error) {
    bt_status status = BT_OK;
    for (int i = 0; i < 2 && status == BT_OK; i++) {
        int side = (r->pairs + i) % 2;
        bt_gate_record_close(&r->turns[side]);
        status =
            bt_gauge_child(&r->turns[side], r->programs[side], r->settings_text, r->options->stop, error);
    }
    return status;
}

/* An old version that has no probe, or none that understands, is no failure of the new one's. */
static bt_status first_pair(race *r, bt_error *error) {
    bt_error cause;
    bt_status status =
        bt_gauge_child(&r->turns[BEFORE], r->programs[BEFORE], r->settings_text, r->options->stop, &cause);
    if (status == BT_CLOSED || status == BT_NO_MEMORY) return bt_fail(error, status, "%s", cause.message);
    if (status != BT_OK) {
        snprintf(r->verdict->unmeasurable, sizeof r->verdict->unmeasurable,
                 "the old version cannot be measured: %s", cause.message);
        return BT_OK;
    }
    return bt_gauge_child(&r->turns[NOW], r->programs[NOW], r->settings_text, r->options->stop, error);
}

static bt_status count_instructions(race *r, bt_error *error) {
    bt_error cause = {BT_OK, ""};
    bt_status status = BT_OK;
    if (!r->options->settings->instructions) return BT_OK;
    bt_log_write(r->options->log, BT_LOG_INFO, "counting instructions");
    for (int side = 0; side < 2 && status == BT_OK; side++)
        status = bt_count_instructions(r->turns[side], r->programs[side], r->options->stop, &cause);
    if (status == BT_CLOSED || status == BT_NO_MEMORY) return bt_fail(error, status, "%s", cause.message);
    if (status == BT_OK) return BT_OK;
    snprintf(r->verdict->note, sizeof r->verdict->note, "%s", cause.message);
    bt_log_write(r->options->log, BT_LOG_WARNING, "%s", cause.message);
    return BT_OK;
}

/* Instructions are counted once; what is timed is timed again in each pair. */
static bt_status take_pair(race *r, bt_error *error) {
    bt_status status = BT_OK;
    for (int i = 0; i < r->verdict->row_count && status == BT_OK; i++) {
        bt_gate_row *row = &r->verdict->rows[i];
        const bt_gate_series *sides[2];
        for (int side = 0; side < 2; side++)
            sides[side] = bt_gate_series_find(r->turns[side], row->metric);
        if (!row->before_count || !sides[BEFORE] || !sides[NOW]) continue;
        for (int side = 0; side < 2 && status == BT_OK; side++)
            status = bt_gate_row_value(row, side == NOW,
                                       bt_gate_turn_figure(sides[side]->samples, sides[side]->sample_count),
                                       error);
    }
    return status;
}

/* As many pairs as the first one lets expect in what is left of the budget. */
static void plan(race *r, int64_t pair_ns) {
    const bt_gate_settings *s = r->options->settings;
    double left_ns = (double)(r->budget_ns - (bt_clock_now_ns() - r->start_ns));
    double fit = 1 + left_ns / fmax((double)pair_ns, 1);
    r->planned = (int)fmax(BT_GATE_FIRST_LOOK, fmin(fit, (double)s->pairs));
    if (s->pairs < BT_GATE_FIRST_LOOK) r->planned = (int)s->pairs;
}

static void show_progress(const race *r) {
    double time = (double)(bt_clock_now_ns() - r->start_ns) / (double)r->budget_ns;
    double done = fmax(time, (double)r->pairs / r->planned);
    bt_log_progress(r->options->log, bt_clock_now_ns(), fmin(done, 0.999), "pair %d of %d", r->pairs,
                    r->planned);
}

static bt_status look(race *r, bool last, bt_error *error) {
    double before = (double)bt_gate_look_before(r->pairs, r->planned) / r->planned;
    double now = last ? 1 : (double)r->pairs / r->planned;
    return bt_judge_look(r->options->judge, r->verdict, bt_look_share(before, now), error);
}

/* The budget may end the course before its last planned look: that look is then taken, with what is left of
 * the error. */
static bt_status run_pairs(race *r, bt_error *error) {
    bt_status status = BT_OK;
    for (bool over = false; !over && status == BT_OK;) {
        bool late = bt_clock_now_ns() - r->start_ns > r->budget_ns && r->pairs >= BT_SLOWDOWN_LEAST;
        bool last = r->pairs >= r->planned || late;
        if (last || bt_gate_look_due(r->pairs, r->planned)) {
            status = look(r, last, error);
            over = last || bt_judge_settled(r->verdict);
        }
        if (over || status != BT_OK) break;
        show_progress(r);
        status = run_pair(r, error);
        r->pairs++;
        if (status == BT_OK) status = take_pair(r, error);
    }
    bt_log_progress(r->options->log, bt_clock_now_ns(), 1, "%d pairs", r->pairs);
    r->verdict->pairs = r->pairs;
    return status;
}

/* What both sides say of themselves: networks that could not be measured, and what differs. */
static void tell_settings(race *r) {
    const char *before = r->turns[BEFORE]->settings, *now = r->turns[NOW]->settings;
    bt_gate_verdict *v = r->verdict;
    size_t used = strlen(v->note);
    if (strcmp(before, now) != 0)
        snprintf(v->subject_differs, sizeof v->subject_differs, "%.200s, here %.200s",
                 before[0] ? before : "nothing", now[0] ? now : "nothing");
    if (strstr(now, "not measured"))
        snprintf(v->note + used, sizeof v->note - used, "%s%.300s", used ? "; " : "", now);
}

static bt_status race_on(race *r, bt_error *error) {
    bt_status status = first_pair(r, error);
    if (status != BT_OK || r->verdict->unmeasurable[0]) return status;
    int64_t pair_ns = bt_clock_now_ns() - r->start_ns;
    status = count_instructions(r, error);
    plan(r, pair_ns);
    tell_settings(r);
    if (status == BT_OK)
        status = bt_judge_rows(r->options->judge, r->verdict, r->turns[BEFORE], r->turns[NOW], true, error);
    r->pairs = 1;
    return status == BT_OK ? run_pairs(r, error) : status;
}

bt_status bt_race_run(bt_gate_verdict *verdict, const bt_race_options *options, bt_error *error) {
    const bt_gate_settings *s = options->settings;
    size_t count;
    bool twice = s->on_inconclusive == BT_ON_INCONCLUSIVE_RETRY;
    race r = {.options = options,
              .programs = {s->base, s->head},
              .verdict = verdict,
              .budget_ns = s->time_budget_ns * (twice ? 2 : 1)};
    if (!s->base[0] || !s->head[0])
        return bt_fail(error, BT_INVALID, "--base and --head: name both versions' programs");
    bt_status status = identical(s->base, s->head, &verdict->identical, error);
    if (status != BT_OK) return status;
    if (s->even_identical) verdict->identical = false;
    if (verdict->identical) return BT_OK;
    const bt_option *table = bt_gate_settings_table(BT_GATE_RUN, &count);
    r.settings_text = bt_gauge_settings_text(&s->gauge, table, count, options->sources);
    if (!r.settings_text) return bt_fail(error, BT_NO_MEMORY, "out of memory for the settings");
    r.start_ns = bt_clock_now_ns();
    status = race_on(&r, error);
    verdict->measuring_s = (double)(bt_clock_now_ns() - r.start_ns) / 1e9;
    bt_gate_record_close(&r.turns[BEFORE]);
    bt_gate_record_close(&r.turns[NOW]);
    free(r.settings_text);
    return status;
}
