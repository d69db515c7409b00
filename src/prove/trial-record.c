/* What the record says beside the scenarios: what is tested, on which machine, and what is known and
 * predicted of each model before anything is sent. */
#include <stdio.h>
#include <string.h>

#include "backend/cuda.h"
#include "base/clock.h"
#include "base/memory.h"
#include "prove/trial-state.h"
#include "simulate/curve.h"

/* Of a service of the trial's own. */
static void describe_service(bt_trial *t) {
    bt_load_record *r = t->record;
    const bt_config *config = t->options->config;
    const bt_served_model *first = bt_serving_model(t->service, 0);
    const bt_session_info *session = bt_serving_session(t->service, 0);
    const bool simulated = first->resolved.simulated;
    snprintf(r->workload, sizeof r->workload, "%s", simulated ? "simulated" : first->entry->workload);
    if (!simulated && config->machine.fingerprint[0])
        (void)bt_machine_differences(&config->machine, &r->machine, r->machine_differs,
                                     sizeof r->machine_differs);
    snprintf(r->subject.runtime, sizeof r->subject.runtime, "%s", session->backend);
    snprintf(r->subject.runtime_detail, sizeof r->subject.runtime_detail, "%s", session->backend_detail);
    bt_cuda_fill_driver(r->subject.gpu_driver, sizeof r->subject.gpu_driver);
}

static void describe_test(bt_trial *t) {
    bt_load_record *r = t->record;
    const bt_config *config = t->options->config;
    snprintf(r->run_id, sizeof r->run_id, "%s", t->options->run_id);
    snprintf(r->command, sizeof r->command, "%s", t->options->command);
    if (config) {
        snprintf(r->config_path, sizeof r->config_path, "%s", t->settings->config);
        snprintf(r->config_run_id, sizeof r->config_run_id, "%s", config->run_id);
        snprintf(r->config_generated_at, sizeof r->config_generated_at, "%s", config->generated_at);
    }
    bt_trial_describe_images(t, r->images);
    bt_clock_utc(r->started_at);
    r->machine = *t->options->machine;
    r->settings = *t->settings;
    r->sources = *t->options->sources;
    bt_subject_read(&r->subject);
    if (t->remote)
        bt_trial_remote_describe(t);
    else
        describe_service(t);
}

static void describe_model(bt_trial *t, int model) {
    bt_load_model *out = &t->record->models[model];
    const bt_served_model *s = bt_serving_model(t->service, model);
    const bt_session_info *session = bt_serving_session(t->service, model);
    const bt_ladder *ladder = &bt_serving_batcher(t->service, model)->ladder;
    snprintf(out->model, sizeof out->model, "%s", t->names[model]);
    snprintf(out->title, sizeof out->title, "%s", s->resolved.model.title);
    snprintf(out->device, sizeof out->device, "%s", session->device);
    snprintf(out->backend, sizeof out->backend, "%s", session->backend);
    snprintf(out->precision, sizeof out->precision, "%s", session->precision);
    snprintf(out->weights, sizeof out->weights, "%s", session->weights);
    out->weights_changed = bt_served_model_has_changed(s, session->weights_hash);
    out->image_size = (int)s->settings.image_size;
    out->batch_size = (int)s->settings.batch_size;
    out->instances = s->placement.count;
    bt_placement_words(&s->placement, out->places, sizeof out->places);
    out->placed_rps = s->placed_rps;
    out->threads = session->threads;
    out->classes = session->classes;
    for (int i = 0; i < ladder->size_count && i < BT_SIZES_MAX; i++)
        out->ladder[out->ladder_count++] = ladder->sizes[i];
    out->p95_sla_ms = s->settings.p95_sla_ms;
    out->max_queue_delay_ms = s->settings.max_queue_delay_ms;
    out->max_queue_size = (int)s->settings.max_queue_size;
    out->config_meets_sla = s->entry->meets_sla;
    out->tuned_here = t->record->machine_differs[0] == '\0' && s->entry->measured && !s->entry->edited &&
                      out->batch_size == s->entry->optimal_batch_size && bt_served_model_is_measured(s);
    out->start_s = bt_serving_start_seconds(t->service, model);
    t->models[model] = (bt_trial_model){.entry = s->entry,
                                        .height = out->image_size,
                                        .width = out->image_size,
                                        .lone_ns = ladder->cost_ns[1],
                                        .batch_ns = ladder->cost_ns[out->batch_size],
                                        .failover = s->settings.failover};
}

/* Whether the entry tells what each other model of the test costs its runs. A simulation's may have none to tell. */
static bool knows_neighbours(const bt_trial *t, const bt_config_model *entry) {
    bool known = true;
    for (int i = 0; i < t->model_count; i++)
        known = known && (strcmp(t->names[i], entry->name) == 0 || bt_config_neighbour(entry, t->names[i]));
    return known || strcmp(entry->workload, "simulated") == 0;
}

/* An entry of before, or of a model that was tuned alone, says less than predictions want. */
static void tell_of_gaps(const bt_trial *t, const bt_config_model *entry, const char *title) {
    const bool handled = entry->prepare_quantile_count > 0 && entry->deliver_quantile_count > 0;
    const char *gaps[3];
    int count = 0;
    if (!handled) gaps[count++] = "preparing pictures and delivering masks";
    if (entry->block_runs == 0) gaps[count++] = "spells of slow runs";
    if (!knows_neighbours(t, entry)) gaps[count++] = "what the models cost each other";
    if (count == 0) return; /* of pauses there may be nothing to tell */
    bt_log_write(t->options->log, BT_LOG_INFO,
                 "%s: predictions leave out %s%s%s%s%s, which its entry in the config does not tell; "
                 "`optimize-batch` measures them",
                 title, gaps[0], count == 3 ? ", " : "", count == 3 ? gaps[1] : "", count > 1 ? " and " : "",
                 count > 1 ? gaps[count - 1] : "");
}

/* The batcher that the simulator drives: the service's own, or of servers the config's. Unknown (false) where the
 * config has no times that hold. */
static bool can_predict(bt_trial *t, int model) {
    const bt_config_model *entry = t->models[model].entry;
    bt_predict_model *out = &t->predict_models[model];
    *out = (bt_predict_model){.config = entry};
    if (t->remote) return entry != NULL;
    out->batcher = *bt_serving_batcher(t->service, model);
    return bt_served_model_is_measured(bt_serving_model(t->service, model));
}

/* Capacity and P95 against rate at these settings; unknown where the config has no times that hold for them. */
static bt_status predict_capacity(bt_trial *t, int model, bt_error *error) {
    bt_load_model *out = &t->record->models[model];
    const bt_config_model *entry = t->models[model].entry;
    bt_predict_model *predict = &t->predict_models[model];
    bt_tuned_model tuned;
    bt_capacity capacity;
    if (!can_predict(t, model)) return BT_OK;
    bt_status status = bt_tuned_model_open(&tuned, entry, out->batch_size, error);
    if (status != BT_OK) return status == BT_INVALID ? BT_OK : status;
    tell_of_gaps(t, entry, out->title);
    bt_ladder ladder = tuned.batcher.ladder;
    if (t->remote)
        predict->batcher = tuned.batcher;
    else
        tuned.batcher = predict->batcher;
    tuned.batcher.ladder = ladder;
    const uint64_t seed = (uint64_t)t->settings->seed;
    status = bt_capacity_find(&capacity, &tuned, out->instances, out->p95_sla_ms, seed, error);
    if (status == BT_OK)
        status =
            bt_curve_predict(&out->predicted, &tuned, out->instances, capacity.capacity_rps, seed, error);
    bt_tuned_model_close(&tuned);
    if (status != BT_OK) return status;
    out->capacity_rps = capacity.capacity_rps;
    out->recommended_rps = capacity.recommended_rps;
    out->largest_spike = capacity.largest_spike;
    return BT_OK;
}

/* Of servers each instance has a device of its own, as far as the config says. */
static void place_instances(bt_trial *t) {
    if (!t->remote) {
        t->instance_count = bt_serving_instances(t->service, t->instances);
        return;
    }
    for (int m = 0; m < t->model_count; m++)
        for (int i = 0; i < t->record->models[m].instances && t->instance_count < BT_BATCHER_INSTANCES_MAX;
             i++) {
            t->instances[t->instance_count] = (bt_batcher_instance){.model = m, .device = t->instance_count};
            t->instance_count++;
        }
}

bt_status bt_trial_open_record(bt_trial *t, bt_error *error) {
    bt_status status = bt_load_record_open(&t->record, t->model_count, error);
    if (status != BT_OK) return status;
    describe_test(t);
    for (int i = 0; i < t->model_count && status == BT_OK; i++) {
        if (t->remote)
            status = bt_trial_remote_describe_model(t, i, error);
        else
            describe_model(t, i);
        if (status == BT_OK) status = predict_capacity(t, i, error);
    }
    if (status != BT_OK) return status;
    if (t->record->settings.service.p95_sla_ms == 0)
        t->record->settings.service.p95_sla_ms = bt_trial_sla_ms(t, 0);
    place_instances(t);
    return BT_OK;
}

void bt_trial_note_memory(bt_trial *t) {
    for (int i = 0; i < t->model_count && !t->remote; i++) {
        bt_load_model *out = &t->record->models[i];
        bt_metrics metrics;
        bt_error ignored;
        if (bt_service_metrics(t->service, t->names[i], &metrics, &ignored) != BT_OK) continue;
        bool device = metrics.instances[0].device_memory_bytes > 0;
        int64_t bytes = device ? metrics.instances[0].device_memory_bytes : metrics.process_memory_peak_bytes;
        out->memory_mb = (double)bytes / (1024.0 * 1024.0);
        snprintf(out->memory_kind, sizeof out->memory_kind, "%s", bt_memory_kind(device));
    }
}
