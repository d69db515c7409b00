#include "tune/replay.h"

#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "tune/crew.h"

/* What the caller must put right, or what no other model fares better with; anything else is one model's. */
static bool is_fatal(bt_status status) {
    return status == BT_INVALID || status == BT_UNSUPPORTED || status == BT_NO_MEMORY || status == BT_IO ||
           status == BT_NOT_WRITTEN || status == BT_PARSE;
}

static bt_status mismatch(const bt_optimize_options *options, bt_error *error) {
    return bt_fail(error, BT_PARSE, "%s/journal.jsonl: does not fit this run; leave --resume out",
                   bt_run_folder(options->run));
}

/* Whether a line of the journal is about this model; `key` is what it tells. */
static const json_t *value_for(const json_t *line, const bt_model_record *model, const char *key) {
    const char *name = json_string_value(json_object_get(line, "model"));
    return name && strcmp(name, model->model) == 0 ? json_object_get(line, key) : NULL;
}

/* The model cannot be had, or no longer: its part of the run ends with that. */
static bt_status give_up(const bt_tuning *t, const char *why, bt_error *error) {
    bt_log_write(t->options->log, BT_LOG_WARNING, "%s: %s", t->model->title, why);
    return bt_run_append(t->options->run, json_pack("{s:s, s:s}", "model", t->model->model, "ended", why),
                         error);
}

static double seconds_since(int64_t start_ns) {
    return (double)(bt_clock_now_ns() - start_ns) / 1e9;
}

static bt_status journal_facts(const bt_tuning *t, const bt_worker_facts *facts, double elapsed_s,
                               bt_error *error) {
    return bt_run_append(t->options->run,
                         json_pack("{s:s, s:f, s:o}", "model", t->model->model, "elapsed_s", elapsed_s,
                                   "facts", bt_worker_facts_to_json(facts)),
                         error);
}

bt_status bt_replay_facts(const bt_tuning *t, bt_probe *probe, bt_worker_facts *facts, double *elapsed_s,
                          bt_error *error) {
    bt_model_record *model = t->model;
    const json_t *line = bt_run_replay(t->options->run);
    *elapsed_s = 0;
    if (line) {
        const json_t *value = value_for(line, model, "facts"), *ended = value_for(line, model, "ended");
        *elapsed_s = json_number_value(json_object_get(line, "elapsed_s"));
        if (value) return bt_worker_facts_from_json(value, facts, error);
        snprintf(model->reason, sizeof model->reason, "%s",
                 json_is_string(ended) ? json_string_value(ended) : "");
        return model->reason[0] ? BT_OK : mismatch(t->options, error);
    }
    if (bt_pool_facts(bt_crew_pool(t->options->crew), model->model, facts, elapsed_s))
        return journal_facts(t, facts, *elapsed_s, error);
    bt_error why = {0};
    int64_t start_ns = bt_clock_now_ns();
    bt_status status = bt_probe_start(probe, facts, &why);
    if (status != BT_OK && error) *error = why;
    if (status != BT_OK && (is_fatal(status) || bt_tuning_stopped(t->options))) return status;
    if (status != BT_OK) {
        snprintf(model->reason, sizeof model->reason, "%s", why.message);
        return give_up(t, model->reason, error);
    }
    *elapsed_s = seconds_since(start_ns);
    return journal_facts(t, facts, *elapsed_s, error);
}

/* Whose step it is, beside the model's: a contender's, or a pair's with a neighbour; of a sweep neither. */
typedef struct whose {
    int contender;         /* -1: none */
    const char *neighbour; /* NULL: none */
} whose;

static const whose of_sweep = {.contender = -1};

static bool is_of(const json_t *line, const whose *of) {
    const json_t *contender = json_object_get(line, "contender");
    const char *neighbour = json_string_value(json_object_get(line, "neighbour"));
    if (of->contender < 0 ? contender != NULL
                          : !json_is_integer(contender) || json_integer_value(contender) != of->contender)
        return false;
    return of->neighbour ? neighbour && strcmp(neighbour, of->neighbour) == 0 : !neighbour;
}

/* What an earlier try's journal says of a step. */
static bt_status replay_step(const bt_tuning *t, const json_t *line, const whose *of, const bt_step *step,
                             bt_step_result *result, bt_error *error) {
    bt_step recorded;
    bool timed = step->kind == BT_STEP_MEASURE || step->kind == BT_STEP_STANDARD;
    const json_t *value = value_for(line, t->model, "step");
    if (!value || !is_of(line, of)) return mismatch(t->options, error);
    bt_status status = bt_step_from_json(value, &recorded, "journal", error);
    if (status == BT_OK)
        status = bt_step_result_from_json(json_object_get(line, "result"), result, "journal", error);
    if (status != BT_OK) return status;
    bool whole = result->status != BT_OK || !timed || result->sample_count == step->runs;
    return bt_step_equal(step, &recorded) && whole ? BT_OK : mismatch(t->options, error);
}

static bt_status journal_step(const bt_tuning *t, const whose *of, const bt_step *step,
                              const bt_step_result *result, bt_error *error) {
    json_t *line = json_pack("{s:s, s:o, s:o}", "model", t->model->model, "step", bt_step_to_json(step),
                             "result", bt_step_result_to_json(result));
    int failed = !line;
    if (of->contender >= 0)
        failed = failed || json_object_set_new(line, "contender", json_integer(of->contender));
    if (of->neighbour) failed = failed || json_object_set_new(line, "neighbour", json_string(of->neighbour));
    if (failed) {
        json_decref(line);
        line = NULL;
    }
    return bt_run_append(t->options->run, line, error);
}

/* A step whose failure is a result, unless `is_needed` and the caller must put it right. */
static bt_status ask(const bt_tuning *t, bt_probe *probe, const whose *of, const bt_step *step,
                     bool is_needed, bt_step_result *result, bt_error *error) {
    bt_error why = {0};
    int64_t start_ns = bt_clock_now_ns();
    *result = bt_step_result_empty();
    bt_status status = bt_probe_run(probe, step, result, &why);
    if (bt_tuning_stopped(t->options)) return BT_OK;
    if (status != BT_OK) {
        if (is_needed && is_fatal(status)) return bt_fail(error, status, "%s", why.message);
        result->status = status;
        snprintf(result->message, sizeof result->message, "%s", why.message);
        result->elapsed_s = seconds_since(start_ns);
    }
    return journal_step(t, of, step, result, error);
}

bt_status bt_replay_turn(const bt_tuning *t, bt_probe *probe, const bt_contest_turn *turn,
                         bt_step_result *result, bt_error *error) {
    const json_t *line = bt_run_replay(t->options->run);
    const whose of = {.contender = turn->contender};
    if (line) return replay_step(t, line, &of, &turn->step, result, error);
    bt_probe_limit(probe, turn->within_s);
    return ask(t, probe, &of, &turn->step, turn->contender == 0, result, error);
}

bt_status bt_replay_pair(const bt_tuning *t, bt_probe *probe, const char *neighbour, const bt_step *step,
                         bt_step_result *result, bt_error *error) {
    const json_t *line = bt_run_replay(t->options->run);
    const whose of = {.contender = -1, .neighbour = neighbour};
    return line ? replay_step(t, line, &of, step, result, error)
                : ask(t, probe, &of, step, false, result, error);
}

bt_status bt_replay_step(const bt_tuning *t, bt_probe *probe, const bt_step *step, bt_step_result *result,
                         char why[BT_TEXT_SIZE], bt_error *error) {
    const json_t *line = bt_run_replay(t->options->run), *ended = value_for(line, t->model, "ended");
    why[0] = '\0';
    if (ended) snprintf(why, BT_TEXT_SIZE, "%s", json_string_value(ended) ? json_string_value(ended) : "?");
    if (ended) return BT_OK;
    /* What a rank measured and the journal has already is had, too. */
    const bool measured =
        bt_pool_take(bt_crew_pool(t->options->crew), BT_POOL_RUN, t->model->model, step, result);
    if (line) return replay_step(t, line, &of_sweep, step, result, error);
    bt_error cause = {0};
    bt_status status = measured ? BT_OK : bt_probe_run(probe, step, result, &cause);
    if (status == BT_OK) return journal_step(t, &of_sweep, step, result, error);
    if (error) *error = cause;
    if (is_fatal(status) || bt_tuning_stopped(t->options)) return status;
    snprintf(why, BT_TEXT_SIZE, "%s", cause.message);
    return give_up(t, why, error);
}
