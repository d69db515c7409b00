#include "gate/collect.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/json.h"
#include "base/text.h"
#include "measure/slowdown.h"

/* Latencies of a scenario that are compared. A bootstrap of more takes seconds and says the same; of fewer, P95
 * rests on too few. */
#define LATENCIES_KEPT 4000

/* What is timed, the same for all metrics of a model or a scenario. */
typedef struct context {
    char work[BT_METRIC_WORK_SIZE], conditions[BT_METRIC_WORK_SIZE];
} context;

static bt_status add_series(bt_gate_record *record, const char *metric, const context *asked, double quantile,
                            bool minor, const double *samples, int count, bt_error *error) {
    if (count < (minor ? BT_SLOWDOWN_LEAST : 1)) return BT_OK;
    bt_gate_series *series = bt_gate_series_add(record, metric, "ms", asked->work, quantile);
    if (!series) return bt_no_memory(error, "metric %s", metric);
    series->minor = minor;
    memcpy(series->conditions, asked->conditions, sizeof series->conditions);
    return bt_gate_samples_add(series, samples, count, false, error);
}

static bt_status add_promise(bt_gate_record *record, const char *name, const char *word, double sla_ms,
                             const context *asked, bt_error *error) {
    bt_gate_promise promise = {.sla_ms = sla_ms};
    snprintf(promise.name, sizeof promise.name, "%s", name);
    snprintf(promise.word, sizeof promise.word, "%s", word);
    memcpy(promise.work, asked->work, sizeof promise.work);
    memcpy(promise.conditions, asked->conditions, sizeof promise.conditions);
    return bt_gate_promise_add(record, &promise, error);
}

/* A gate record of a run that stands in another one. */
static bt_status open_record(bt_gate_record **out, const bt_machine *machine, const bt_subject *subject,
                             const char *started_at, const char *command, bt_error *error) {
    bt_status status = bt_gate_record_open(out, error);
    if (status != BT_OK) return status;
    bt_gate_record *record = *out;
    record->machine = *machine;
    record->subject = *subject;
    snprintf(record->started_at, sizeof record->started_at, "%s", started_at);
    snprintf(record->command, sizeof record->command, "%s", command);
    return BT_OK;
}

/* ---- a tuning run ---- */

/* What a change of setting may be about; the image size is the work's. */
static void put_settings(bt_gate_record *out, const bt_model_record *model) {
    char hash[24] = "";
    if (model->weights_hash)
        snprintf(hash, sizeof hash, " (%016llx)", (unsigned long long)model->weights_hash);
    bt_text_append_clause(out->settings, sizeof out->settings,
                          "%s: %s on %s, %s, weights %s, %d x %d threads%s", model->model, model->backend,
                          model->device, model->precision, model->weights_source, model->instances,
                          model->threads, hash);
}

/* Broken only where a size is shown to be late and none may be in time; that no size is admissible may have
 * other reasons, and may be doubt. */
static const char *word_of(const bt_model_record *model) {
    bool late = false;
    if (model->chosen >= 0 && model->meets_sla) return BT_GATE_MET;
    for (int i = 0; i < model->point_count; i++)
        switch (model->points[i].outcome) {
        case BT_OUTCOME_OVER_SLA:
            late = true;
            break;
        case BT_OUTCOME_SKIPPED_DOMINATED:
        case BT_OUTCOME_OUT_OF_MEMORY:
        case BT_OUTCOME_OVER_MEMORY:
        case BT_OUTCOME_PREDICTED_OVER_MEMORY:
            break;
        case BT_OUTCOME_MEASURED:
        case BT_OUTCOME_UNDECIDED:
        case BT_OUTCOME_CRASHED:
        case BT_OUTCOME_MASK_DISAGREES:
        case BT_OUTCOME_COUNT:
            return BT_GATE_NOT_SHOWN;
        }
    return late ? BT_GATE_BROKEN : BT_GATE_NOT_SHOWN;
}

static bt_status collect_model(bt_gate_record *out, const bt_model_record *model, double sla_ms,
                               bt_error *error) {
    char metric[BT_METRIC_NAME_SIZE];
    context asked = {.conditions = ""};
    bt_status status = BT_OK;
    snprintf(asked.work, sizeof asked.work, "%d px", model->image_size);
    snprintf(asked.conditions, sizeof asked.conditions, "%d instance%s of %d thread%s", model->instances,
             model->instances == 1 ? "" : "s", model->threads, model->threads == 1 ? "" : "s");
    for (int i = 0; i < model->point_count && status == BT_OK; i++) {
        const bt_point *point = &model->points[i];
        snprintf(metric, sizeof metric, "%.64s/batch-%d", model->model, point->batch_size);
        status = add_series(out, metric, &asked, 0.5, i != model->chosen, point->samples_ms,
                            point->sample_count, error);
    }
    snprintf(metric, sizeof metric, "%.64s/sla", model->model);
    if (status == BT_OK) status = add_promise(out, metric, word_of(model), sla_ms, &asked, error);
    snprintf(metric, sizeof metric, "%.64s/standard", model->model);
    asked.conditions[0] = '\0'; /* it has all cores, however many instances there are */
    if (status == BT_OK)
        status = add_series(out, metric, &asked, 0.5, false, model->standard_samples_ms,
                            model->standard_sample_count, error);
    put_settings(out, model);
    return status;
}

bt_status bt_gate_collect_sweep(bt_gate_record **out, const bt_record *record, bt_error *error) {
    bt_status status =
        open_record(out, &record->machine, &record->subject, record->started_at, record->command, error);
    if (status != BT_OK) return status;
    for (int i = 0; i < record->model_count; i++)
        bt_throttling_add(&(*out)->throttling, &record->models[i].throttling);
    for (int i = 0; i < record->model_count && status == BT_OK; i++)
        status = collect_model(*out, &record->models[i], record->settings.p95_sla_ms, error);
    if (status != BT_OK) bt_gate_record_close(out);
    return status;
}

/* ---- a load test ---- */

static const bt_load_model *model_of(const bt_load_record *record, const char *name) {
    for (int i = 0; i < record->model_count; i++)
        if (strcmp(record->models[i].model, name) == 0) return &record->models[i];
    return NULL;
}

/* The load that was sent. */
static void put_load(char out[BT_METRIC_WORK_SIZE], const bt_load_scenario *scenario,
                     const bt_load_part *part, const bt_load_model *model) {
    char rate[48] = "", size[48] = "", clients[32] = "", shaped[48] = "";
    if (isfinite(part->rate_rps)) bt_text_format(rate, sizeof rate, " at %.4g/s", part->rate_rps);
    if (part->burst_size) snprintf(size, sizeof size, " of %d", part->burst_size);
    if (part->clients) snprintf(clients, sizeof clients, ", %d at a time", part->clients);
    if (isfinite(scenario->burstiness))
        bt_text_format(shaped, sizeof shaped, ", burstiness %g", scenario->burstiness);
    if (isfinite(scenario->ramp_from))
        bt_text_format(shaped, sizeof shaped, ", from %g of that", scenario->ramp_from);
    snprintf(out, BT_METRIC_WORK_SIZE, "%d px, %s%s%s%s%s", model ? model->image_size : 0, scenario->shape,
             rate, shaped, size, clients);
}

/* Evenly spaced, so that their order still tells of slow spells. */
static bt_status add_latencies(bt_gate_record *out, const char *metric, const context *asked, double quantile,
                               const bt_load_part *part, bt_error *error) {
    int step = (part->latency_count + LATENCIES_KEPT - 1) / LATENCIES_KEPT, count = 0;
    double *kept = malloc(LATENCIES_KEPT * sizeof *kept);
    if (!kept) return bt_no_memory(error, "%s", metric);
    for (int i = 0; i < part->latency_count; i += step)
        kept[count++] = part->latencies_ms[i];
    bt_status status = add_series(out, metric, asked, quantile, quantile > 0.5, kept, count, error);
    free(kept);
    return status;
}

static const char *word_of_part(const bt_load_part *part) {
    if (part->verdict == BT_LOAD_MET) return BT_GATE_MET;
    return part->verdict == BT_LOAD_BROKEN ? BT_GATE_BROKEN : BT_GATE_NOT_SHOWN;
}

static bt_status collect_part(bt_gate_record *out, const bt_load_record *record,
                              const bt_load_scenario *scenario, const bt_load_part *part, bt_error *error) {
    char metric[BT_METRIC_NAME_SIZE];
    context asked;
    bt_status status = BT_OK;
    put_load(asked.work, scenario, part, model_of(record, part->model));
    snprintf(asked.conditions, sizeof asked.conditions, "%.150s", record->images);
    for (int i = 0; i < 2 && status == BT_OK; i++) {
        snprintf(metric, sizeof metric, "%.40s/%.40s/%s", part->model, scenario->name, i ? "p95" : "p50");
        status = add_latencies(out, metric, &asked, i ? 0.95 : 0.5, part, error);
    }
    snprintf(metric, sizeof metric, "%.40s/%.40s", part->model, scenario->name);
    if (status != BT_OK) return status;
    return add_promise(out, metric, word_of_part(part), bt_load_record_sla_ms(record, part->model), &asked,
                       error);
}

bt_status bt_gate_collect_load(bt_gate_record **out, const bt_load_record *record, bt_error *error) {
    bt_status status =
        open_record(out, &record->machine, &record->subject, record->started_at, record->command, error);
    if (status != BT_OK) return status;
    for (int i = 0; i < record->model_count; i++) {
        const bt_load_model *model = &record->models[i];
        bt_text_append_clause((*out)->settings, sizeof(*out)->settings,
                              "%s: %s on %s, %s, weights %s, %d x %d threads, batches to %d", model->model,
                              model->backend, model->device, model->precision, model->weights,
                              model->instances, model->threads, model->batch_size);
    }
    for (int i = 0; i < record->scenario_count; i++)
        bt_throttling_add(&(*out)->throttling, &record->scenarios[i].throttling);
    for (int i = 0; i < record->scenario_count; i++)
        for (int j = 0; record->scenarios[i].judged && j < record->scenarios[i].part_count && status == BT_OK;
             j++)
            status = collect_part(*out, record, &record->scenarios[i], &record->scenarios[i].parts[j], error);
    if (status != BT_OK) bt_gate_record_close(out);
    return status;
}

/* ---- files ---- */

static bt_status from_sweep(bt_gate_record **out, const json_t *top, const char *path, bt_error *error) {
    bt_record *record = NULL;
    bt_status status = bt_record_from_json(&record, top, path, error);
    if (status == BT_OK) status = bt_gate_collect_sweep(out, record, error);
    bt_record_close(&record);
    return status;
}

static bt_status from_load(bt_gate_record **out, const json_t *top, const char *path, bt_error *error) {
    bt_load_record *record = NULL;
    bt_status status = bt_load_record_from_json(&record, top, path, error);
    if (status == BT_OK) status = bt_gate_collect_load(out, record, error);
    bt_load_record_close(&record);
    return status;
}

bt_status bt_gate_collect(bt_gate_record **out, const char *path, bt_error *error) {
    json_t *top;
    *out = NULL;
    bt_status status = bt_json_load(&top, path, error);
    if (status != BT_OK) return status;
    const char *kind = json_string_value(json_object_get(top, "kind"));
    if (kind && strcmp(kind, "sweep") == 0)
        status = from_sweep(out, top, path, error);
    else if (kind && strcmp(kind, "load") == 0)
        status = from_load(out, top, path, error);
    else
        status = bt_gate_record_from_json(out, top, path, error);
    json_decref(top);
    return status;
}
