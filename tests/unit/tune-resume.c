/* A sweep that is cut off anywhere and handed its old answers again goes on as if nothing had happened. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
/* cmocka wants the four above first */
#include <cmocka.h>
#include <stdlib.h>
#include <string.h>

#include "base/random.h"
#include "made-up-machine.h"
#include "tune/score.h"
#include "tune/sweep.h"

#define STEPS_MAX 4000

/* What a journal holds: the steps of one whole sweep, and what came of each. */
typedef struct history {
    bt_sweep_options options;
    bt_settings settings;
    bt_step *steps;
    bt_step_result *results;
    int count;
    char *record; /* in the end, as JSON text */
} history;

static char *text_of(const bt_record *record) {
    bt_error error;
    json_t *json;
    if (bt_record_to_json(record, &json, &error)) fail_msg("%s", error.message);
    char *text = json_dumps(json, JSON_SORT_KEYS | JSON_INDENT(1));
    json_decref(json);
    assert_non_null(text);
    return text;
}

/* A sweep under way, from its first step. */
typedef struct sweeping {
    bt_record *record;
    bt_sweep *sweep;
} sweeping;

static sweeping start(const history *h) {
    sweeping s;
    bt_error error;
    if (bt_record_open(&s.record, 1, &error)) fail_msg("%s", error.message);
    if (bt_sweep_open(&s.sweep, &h->options, &s.record->models[0], &error)) fail_msg("%s", error.message);
    return s;
}

static void give(sweeping *s, const bt_step *step, const bt_step_result *result) {
    bt_error error;
    if (bt_sweep_done(s->sweep, step, result, &error)) fail_msg("%s", error.message);
}

/* Closes the sweep, scores, and returns the record as text. */
static char *end(sweeping *s, const history *h) {
    bt_error error;
    bt_sweep_close(&s->sweep);
    if (bt_score_model(&s->record->models[0], &h->settings, &error)) fail_msg("%s", error.message);
    char *text = text_of(s->record);
    bt_record_close(&s->record);
    return text;
}

static history sweep_whole(uint64_t seed) {
    bt_random random = bt_random_stream(seed, "test resume");
    machine m = machine_troubled(seed);
    history h = {.options = {.p95_sla_ms = bt_random_between(&random, 1, 300),
                             .objective = (int)bt_random_below(&random, BT_OBJECTIVE_COUNT),
                             .memory_limit_mb = bt_random_between(&random, 100, 2000),
                             .min_mask_iou = 0.99,
                             .computes_masks = true,
                             .trained_weights = true,
                             .standard_path = true,
                             .full_size = 1024,
                             .time_budget_s = bt_random_between(&random, 1, 60)}};
    if (bt_random_uniform(&random) < 0.5) h.options.batches = (bt_sizes){.sizes = {1, 2, 4, 8}, .count = 4};
    h.settings.p95_sla_ms = h.options.p95_sla_ms;
    h.settings.objective = h.options.objective;
    h.settings.min_mask_iou = 0.99;
    h.steps = calloc(STEPS_MAX, sizeof *h.steps);
    h.results = calloc(STEPS_MAX, sizeof *h.results);
    assert_true(h.steps && h.results);
    sweeping s = start(&h);
    for (;; h.count++) {
        bt_step step = bt_sweep_next(s.sweep);
        if (step.kind == BT_STEP_DONE) break;
        assert_true(h.count < STEPS_MAX);
        h.steps[h.count] = step;
        h.results[h.count] = machine_answer(&m, &step);
        h.results[h.count].disturbed = step.kind == BT_STEP_MEASURE && bt_random_uniform(&random) < 0.1;
        give(&s, &step, &h.results[h.count]);
    }
    h.record = end(&s, &h);
    return h;
}

static void forget(history *h) {
    free(h->steps);
    free(h->results);
    free(h->record);
}

/* The same JSON, written out as the journal writes it and read again; takes over the reference. */
static json_t *through_text(json_t *json) {
    char *text = json_dumps(json, JSON_COMPACT);
    json_decref(json);
    assert_non_null(text);
    json_t *again = json_loads(text, 0, NULL);
    free(text);
    return again;
}

static void from_journal(const history *h, int i, bt_step *step, bt_step_result *result) {
    bt_error error;
    json_t *step_json = through_text(bt_step_to_json(&h->steps[i]));
    json_t *result_json = through_text(bt_step_result_to_json(&h->results[i]));
    if (bt_step_from_json(step_json, step, "step", &error)) fail_msg("%s", error.message);
    if (bt_step_result_from_json(result_json, result, "result", &error)) fail_msg("%s", error.message);
    json_decref(step_json);
    json_decref(result_json);
}

/* Replays the first `cut` answers into a sweep of its own; false where it asks for something else on the way,
 * or for another next step than the whole sweep did. */
static bool resumes_at(sweeping *s, const history *h, int cut) {
    for (int i = 0; i <= cut && i < h->count; i++) {
        bt_step asked = bt_sweep_next(s->sweep), step;
        bt_step_result result;
        if (!bt_step_equal(&asked, &h->steps[i])) return false;
        if (i == cut) break;
        from_journal(h, i, &step, &result);
        give(s, &step, &result);
    }
    return true;
}

static void every_cut_leads_to_the_same_record(void **state) {
    (void)state;
    for (uint64_t seed = 1; seed <= 8; seed++) {
        history h = sweep_whole(seed);
        for (int cut = 0; cut <= h.count; cut++) {
            sweeping s = start(&h);
            if (!resumes_at(&s, &h, cut))
                fail_msg("seed %llu, cut after %d of %d steps: another next step", (unsigned long long)seed,
                         cut, h.count);
            for (int i = cut; i < h.count; i++)
                give(&s, &h.steps[i], &h.results[i]);
            assert_int_equal(bt_sweep_next(s.sweep).kind, BT_STEP_DONE);
            char *record = end(&s, &h);
            if (strcmp(record, h.record) != 0)
                fail_msg("seed %llu, cut after %d of %d steps: another record", (unsigned long long)seed, cut,
                         h.count);
            free(record);
        }
        forget(&h);
    }
}

/* An interrupted sweep's record is made anew from the journal as well. */
static void a_stopped_sweep_is_stopped_the_same_way_again(void **state) {
    (void)state;
    history h = sweep_whole(3);
    for (int cut = 0; cut < h.count; cut += 1 + h.count / 20) {
        char *records[2];
        for (int i = 0; i < 2; i++) {
            sweeping s = start(&h);
            assert_true(resumes_at(&s, &h, cut));
            assert_int_equal(bt_sweep_stop(s.sweep, NULL, NULL), BT_OK);
            assert_int_equal(bt_sweep_next(s.sweep).kind, BT_STEP_DONE);
            assert_true(s.record->models[0].interrupted);
            records[i] = end(&s, &h);
        }
        assert_string_equal(records[0], records[1]);
        free(records[0]);
        free(records[1]);
    }
    forget(&h);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_cut_leads_to_the_same_record),
        cmocka_unit_test(a_stopped_sweep_is_stopped_the_same_way_again),
    };
    return cmocka_run_group_tests_name("tune: resuming a sweep", tests, NULL, NULL);
}
