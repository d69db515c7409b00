#include "gate/race.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/files.h"
#include "base/json.h"
#include "base/text.h"
#include "gate/child.h"
#include "gate/count.h"
#include "measure/bootstrap.h"
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
    char *text = json ? bt_json_dump(json, JSON_COMPACT) : NULL;
    json_decref(json);
    return text;
}

static bt_status parse_record(bt_gate_record **out, const char *text, const char *program, bt_error *error) {
    json_error_t at;
    json_t *json = bt_json_parse(text, strlen(text), &at);
    if (!json) return bt_fail(error, BT_PARSE, "%s: what it printed is not JSON: %s", program, at.text);
    bt_status status = bt_gate_record_from_json(out, json, program, error);
    json_decref(json);
    return status;
}

bt_status bt_gauge_child(bt_gate_record **out, const char *program, const char *settings_text,
                         const volatile sig_atomic_t *stop, bt_error *error) {
    const char *const argv[] = {program, settings_text, NULL};
    char *text;
    *out = NULL;
    bt_status status = bt_child_run(argv, TURN_TIMEOUT_NS, stop, &text, error);
    if (status != BT_OK) return status;
    status = parse_record(out, text, program, error);
    free(text);
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
    bt_child *children[2];        /* of the pair under way */
    bt_gate_record *described[2]; /* what each says that it measures */
    double *values[2];            /* of one metric in one pair */
    int pairs, planned;
    int64_t start_ns, budget_ns;
} race;

static void end_pair(race *r) {
    for (int side = 0; side < 2; side++) {
        bt_child_close(&r->children[side]);
        bt_gate_record_close(&r->described[side]);
    }
}

/* Starts one side of a pair and reads what it measures. */
static bt_status start_side(race *r, int side, bt_error *error) {
    const char *const argv[] = {r->programs[side], r->settings_text, "--ask", NULL};
    const char *line;
    bt_status status = bt_child_open(&r->children[side], argv, r->options->stop, error);
    if (status == BT_OK) status = bt_child_line(r->children[side], TURN_TIMEOUT_NS, &line, error);
    return status == BT_OK ? parse_record(&r->described[side], line, argv[0], error) : status;
}

static bt_status ask(race *r, int side, int metric, double *value, bt_error *error) {
    char question[16], *end;
    const char *line;
    snprintf(question, sizeof question, "%d", metric);
    bt_status status = bt_child_send(r->children[side], question, error);
    if (status == BT_OK) status = bt_child_line(r->children[side], TURN_TIMEOUT_NS, &line, error);
    if (status != BT_OK) return status;
    *value = bt_text_read_number(line, &end);
    if (end == line || *end || !(*value > 0) || !isfinite(*value))
        return bt_fail(error, BT_BACKEND, "%s measured \"%.40s\", which is no time", r->programs[side], line);
    return BT_OK;
}

static int index_of(const bt_gate_record *record, const char *metric) {
    const bt_gate_series *series = bt_gate_series_find(record, metric);
    return series ? (int)(series - record->series) : -1;
}

/* One metric in one pair. What is kept are the old version's typical value, and for the new one what makes
 * their ratio the median of the adjacent ones. */
static bt_status measure_row(race *r, bt_gate_row *row, bt_error *error) {
    int samples = (int)r->options->settings->gauge.samples;
    const int metric[2] = {index_of(r->described[BEFORE], row->metric),
                           index_of(r->described[NOW], row->metric)};
    bt_status status = BT_OK;
    if (metric[BEFORE] < 0 || metric[NOW] < 0) return BT_OK;
    for (int i = 0; i < samples && status == BT_OK; i++)
        for (int turn = 0; turn < 2 && status == BT_OK; turn++) {
            int side = (r->pairs + i + turn) % 2;
            status = ask(r, side, metric[side], &r->values[side][i], error);
        }
    if (status != BT_OK) return status;
    for (int i = 0; i < samples; i++)
        r->values[NOW][i] /= r->values[BEFORE][i];
    double before = bt_statistic_median(r->values[BEFORE], (size_t)samples, NULL);
    double ratio = bt_statistic_median(r->values[NOW], (size_t)samples, NULL);
    status = bt_gate_row_value(row, false, before, error);
    return status == BT_OK ? bt_gate_row_value(row, true, before * ratio, error) : status;
}

static bt_status measure_pair(race *r, bt_error *error) {
    bt_status status = BT_OK;
    for (int i = 0; i < r->verdict->row_count && status == BT_OK; i++)
        if (r->verdict->rows[i].like) status = measure_row(r, &r->verdict->rows[i], error);
    r->pairs++;
    return status;
}

static bt_status run_pair(race *r, bt_error *error) {
    bt_status status = BT_OK;
    end_pair(r);
    for (int i = 0; i < 2 && status == BT_OK; i++)
        status = start_side(r, (r->pairs + i) % 2, error);
    return status == BT_OK ? measure_pair(r, error) : status;
}

/* An old version that has no probe, or none that understands, is no failure of the new one's. */
static bt_status first_start(race *r, bt_error *error) {
    bt_error cause;
    bt_status status = start_side(r, BEFORE, &cause);
    if (status == BT_CLOSED || status == BT_NO_MEMORY) return bt_fail(error, status, "%s", cause.message);
    if (status == BT_OK) return start_side(r, NOW, error);
    snprintf(r->verdict->unmeasurable, sizeof r->verdict->unmeasurable,
             "the old version cannot be measured: %s", cause.message);
    return BT_OK;
}

/* Counts are taken once: the same program takes the same instructions each time. */
static bt_status count_instructions(race *r, bt_error *error) {
    bt_gate_record *counts[2] = {NULL, NULL};
    bt_error cause = {BT_OK, ""};
    bt_status status = BT_OK;
    bt_log_write(r->options->log, BT_LOG_INFO, "counting instructions");
    for (int side = 0; side < 2 && status == BT_OK; side++) {
        status = bt_gate_record_open(&counts[side], &cause);
        if (status == BT_OK)
            status = bt_count_instructions(counts[side], r->programs[side], r->options->stop, &cause);
    }
    if (status == BT_OK)
        status = bt_judge_rows(r->options->judge, r->verdict, counts[BEFORE], counts[NOW], true, &cause);
    bt_gate_record_close(&counts[BEFORE]);
    bt_gate_record_close(&counts[NOW]);
    if (status == BT_CLOSED || status == BT_NO_MEMORY) return bt_fail(error, status, "%s", cause.message);
    if (status == BT_OK) return BT_OK;
    snprintf(r->verdict->note, sizeof r->verdict->note, "%s", cause.message);
    bt_log_write(r->options->log, BT_LOG_WARNING, "%s", cause.message);
    return BT_OK;
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

/* The budget ends the race when there are pairs enough to say something; twice the budget in any case. */
static bool out_of_time(const race *r) {
    int64_t spent_ns = bt_clock_now_ns() - r->start_ns;
    return spent_ns > (r->pairs >= BT_SLOWDOWN_LEAST ? r->budget_ns : 2 * r->budget_ns);
}

static bt_status run_pairs(race *r, bt_error *error) {
    bt_status status = BT_OK;
    for (bool over = false; status == BT_OK;) {
        bool late = out_of_time(r);
        status = bt_judge_course(r->options->judge, r->verdict, r->pairs, r->planned, late, &over, error);
        if (over || status != BT_OK) break;
        show_progress(r);
        status = run_pair(r, error);
    }
    bt_log_progress(r->options->log, bt_clock_now_ns(), 1, "%d pairs", r->pairs);
    r->verdict->pairs = r->pairs;
    return status;
}

/* What both sides say of themselves: networks that could not be measured, and what differs. */
static void tell_settings(race *r) {
    const char *before = r->described[BEFORE]->settings, *now = r->described[NOW]->settings;
    bt_gate_verdict *v = r->verdict;
    if (strcmp(before, now) != 0)
        snprintf(v->subject_differs, sizeof v->subject_differs, "%.200s, here %.200s",
                 before[0] ? before : "nothing", now[0] ? now : "nothing");
    if (strstr(now, "not measured")) bt_text_append_clause(v->note, sizeof v->note, "%.300s", now);
}

static bt_status race_on(race *r, bt_error *error) {
    bt_status status = first_start(r, error);
    if (status != BT_OK || r->verdict->unmeasurable[0]) return status;
    tell_settings(r);
    status =
        bt_judge_rows(r->options->judge, r->verdict, r->described[BEFORE], r->described[NOW], true, error);
    if (status == BT_OK) status = measure_pair(r, error);
    int64_t pair_ns = bt_clock_now_ns() - r->start_ns;
    end_pair(r);
    if (status == BT_OK && r->options->settings->instructions) status = count_instructions(r, error);
    plan(r, pair_ns);
    return status == BT_OK ? run_pairs(r, error) : status;
}

/* It stops both versions alike, and makes their times long and unlike. */
static void note_quota(bt_gate_verdict *verdict, const bt_throttle_mark *before) {
    char words[BT_THROTTLING_WORDS_SIZE];
    const bt_throttling throttling = bt_throttle_since(before);
    if (!bt_throttling_matters(&throttling)) return;
    bt_throttling_words(&throttling, words);
    bt_text_append_clause(verdict->note, sizeof verdict->note, "%s", words);
}

bt_status bt_race_run(bt_gate_verdict *verdict, const bt_race_options *options, bt_error *error) {
    const bt_gate_settings *s = options->settings;
    size_t count;

    race r = {.options = options,
              .programs = {s->base, s->head},
              .verdict = verdict,
              .budget_ns = s->time_budget_ns * (options->twice ? 2 : 1)};
    if (s->base_missing[0]) {
        snprintf(verdict->unmeasurable, sizeof verdict->unmeasurable, "%s", s->base_missing);
        return BT_OK;
    }
    if (!s->base[0] || !s->head[0])
        return bt_fail(error, BT_INVALID, "--base and --head: name both versions' programs");
    bt_status status = identical(s->base, s->head, &verdict->identical, error);
    if (status != BT_OK) return status;
    if (s->even_identical) verdict->identical = false;
    if (verdict->identical) return BT_OK;
    const bt_option *table = bt_gate_settings_table(BT_GATE_RUN, &count);
    r.settings_text = bt_gauge_settings_text(&s->gauge, table, count, options->sources);
    for (int side = 0; side < 2; side++)
        r.values[side] = calloc((size_t)s->gauge.samples, sizeof *r.values[side]);
    r.start_ns = bt_clock_now_ns();
    const bt_throttle_mark mark = bt_throttle_now();
    if (r.settings_text && r.values[BEFORE] && r.values[NOW])
        status = race_on(&r, error);
    else
        status = bt_no_memory(error, "a race");
    verdict->measuring_s = (double)(bt_clock_now_ns() - r.start_ns) / 1e9;
    note_quota(verdict, &mark);
    end_pair(&r);
    free(r.values[BEFORE]);
    free(r.values[NOW]);
    free(r.settings_text);
    return status;
}
