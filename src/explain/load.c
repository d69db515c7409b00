/* A load test's record and a service's metrics explained: where the latency of requests went, and how full their
 * batches were. Nothing is simulated: neither has the service times of each batch size. */
#include <math.h>
#include <stddef.h>
#include <stdio.h>

#include "base/text.h"
#include "explain/words.h"

/* From these shares on it is told: of the latency, of the time that lanes ran. */
#define QUEUE_SHARE  0.4
#define BUSY_SHARE   0.85
#define FILLED_SHARE 0.9

/* ---- what is said of a load ---- */

/* The load whose batches tell most: the one with the largest on average. */
static const bt_explained_load *fullest(const bt_explained_model *out) {
    const bt_explained_load *found = NULL;
    for (int i = 0; i < out->load_count; i++) {
        const bt_explained_load *load = &out->loads[i];
        if (isfinite(load->mean_batch_size) && (!found || load->mean_batch_size > found->mean_batch_size))
            found = load;
    }
    return found;
}

static void put_batching(bt_explained_model *out) {
    const bt_explained_load *load = fullest(out);
    if (!load) {
        snprintf(out->why, sizeof out->why, "nothing ran, so there is nothing to explain");
        return;
    }
    if (load->max_batch_size <= 1)
        snprintf(out->why, sizeof out->why,
                 "batches of one are served: whether larger ones would pay, the config's explanation says");
    else if (load->mean_batch_size < 1 + 0.1 * (load->max_batch_size - 1))
        bt_text_format(
            out->why, sizeof out->why,
            "batching hardly happens: %.2f requests a batch of at most %d, where batches were fullest",
            load->mean_batch_size, load->max_batch_size);
    else
        bt_text_format(out->why, sizeof out->why,
                       "batching happens: up to %.1f requests a batch on average, of at most %d",
                       load->mean_batch_size, load->max_batch_size);
}

/* What would be looked at first, after the cause of most of the latency. */
static const char *remedy_of(const bt_explained_load *load, double share) {
    const bool busy = load->utilisation >= BUSY_SHARE;
    const bool full = load->mean_batch_size >= FILLED_SHARE * load->max_batch_size;
    switch (load->cause) {
    case BT_CAUSE_WAITING:
        if (share < QUEUE_SHARE) return "";
        if (busy && !full) return ": instances are busy before batches are full: another instance";
        if (busy)
            return ": batches are full and instances busy: a larger batch, another instance or a lower rate";
        return isnan(load->utilisation) ? "" : ": instances are idle meanwhile: a shorter queue delay";
    case BT_CAUSE_PREPARING:
        return ": smaller pictures, or more threads to prepare them";
    case BT_CAUSE_RUNNING:
        return ": a faster precision or device";
    case BT_CAUSE_UNKNOWN:
    case BT_CAUSE_LAUNCH:
    case BT_CAUSE_UNFILLED:
    case BT_CAUSE_SATURATED:
    case BT_CAUSE_LATE:
        break;
    }
    return "";
}

static void finish(bt_explained_load *load, double max_queue_delay_ms, double run_ms) {
    char batches[BT_TEXT_SIZE];
    const double share = bt_explain_load_cause(load);
    bt_explain_batches(load, max_queue_delay_ms, run_ms);
    snprintf(batches, sizeof batches, "%s", load->why);
    bt_explain_load_words(load->why, load, share);
    bt_text_append(load->why, sizeof load->why, "%s", remedy_of(load, share));
    if (batches[0]) bt_text_append_clause(load->why, sizeof load->why, "%s", batches);
}

/* ---- a load test ---- */

static void fill_part(bt_explained_load *load, const bt_load_scenario *scenario, const bt_load_part *part,
                      const bt_load_model *model) {
    const bool delivered = isfinite(part->deliver_mean_ms);
    snprintf(load->title, sizeof load->title, "%s", scenario->title);
    load->rate_rps = part->rate_rps;
    load->mean_ms = part->latency.mean_ms;
    load->p95_ms = part->latency.p95_ms;
    load->predicted_p95_ms = part->predicted_p95_ms;
    load->mean_batch_size = part->mean_batch_size;
    load->max_batch_size = model->batch_size;
    bt_explain_add_part(load, BT_PART_LATE, part->slip_mean_ms, NAN);
    bt_explain_add_part(load, BT_PART_QUEUE, part->queue_mean_ms, part->queue_p95_ms);
    bt_explain_add_part(load, BT_PART_PREPARE,
                        part->preprocess_mean_ms - (delivered ? part->deliver_mean_ms : 0), NAN);
    bt_explain_add_part(load, BT_PART_RUN, part->service_mean_ms, part->service_p95_ms);
    if (delivered) bt_explain_add_part(load, BT_PART_DELIVER, part->deliver_mean_ms, NAN);
    finish(load, model->max_queue_delay_ms, part->service_mean_ms);
}

static void put_subject(bt_explained_model *out, const bt_load_model *model) {
    bt_text_format(out->subject, sizeof out->subject, "%d × %d px, %s, %d instance%s, batches of up to %d",
                   model->image_size, model->image_size, model->precision, model->instances,
                   model->instances == 1 ? "" : "s", model->batch_size);
    out->p95_sla_ms = model->p95_sla_ms;
    out->max_queue_delay_ms = model->max_queue_delay_ms;
    out->capacity_rps = model->capacity_rps;
    if (isfinite(model->max_queue_delay_ms))
        bt_text_append(out->subject, sizeof out->subject, ", queue delay %g ms", model->max_queue_delay_ms);
    if (isfinite(model->p95_sla_ms))
        bt_text_append(out->subject, sizeof out->subject, ", P95 ≤ %g ms", model->p95_sla_ms);
}

static bt_status explain_model(bt_explained_model *out, const bt_load_record *record,
                               const bt_load_model *model, bt_error *error) {
    put_subject(out, model);
    bt_status status = bt_explained_model_room(out, 0, record->scenario_count, error);
    if (status != BT_OK) return status;
    out->load_count = 0;
    for (int i = 0; i < record->scenario_count; i++) {
        const bt_load_part *part = bt_load_part_of(&record->scenarios[i], model->model);
        if (part && part->ok > 0)
            fill_part(&out->loads[out->load_count++], &record->scenarios[i], part, model);
    }
    put_batching(out);
    return BT_OK;
}

bt_status bt_explain_load(bt_explanation **out, const bt_load_record *record,
                          const bt_explain_options *options, bt_error *error) {
    const bt_explain_models models = {record->models, sizeof *record->models, offsetof(bt_load_model, model),
                                      record->model_count};
    bt_status status = bt_explain_open(out, "load", options, &models, error);
    for (int i = 0; status == BT_OK && i < (*out)->model_count; i++)
        status = explain_model(&(*out)->models[i], record, &record->models[(*out)->models[i].from], error);
    if (status != BT_OK) bt_explanation_close(out);
    return status;
}

/* ---- a service's metrics ---- */

/* A request is there for all of its batch's preparing, which the queue and the run are not. */
static bt_status explain_service(bt_explained_model *out, const bt_metrics *metrics, bt_error *error) {
    bt_status status = bt_explained_model_room(out, 0, 1, error);
    if (status != BT_OK) return status;
    bt_explained_load *load = &out->loads[0];
    bt_text_format(out->subject, sizeof out->subject,
                   "a running service, %llu requests answered, batches of up to %d",
                   (unsigned long long)metrics->ok, metrics->batch_size);
    if (isfinite(metrics->p95_sla_ms))
        bt_text_append(out->subject, sizeof out->subject, ", P95 ≤ %g ms", metrics->p95_sla_ms);
    out->p95_sla_ms = metrics->p95_sla_ms;
    load->rate_rps = metrics->throughput_imgs_per_sec;
    load->mean_ms = metrics->latency.mean;
    load->p95_ms = metrics->latency.p95;
    load->mean_batch_size = metrics->mean_batch_size;
    load->max_batch_size = metrics->batch_size;
    load->utilisation = metrics->utilisation;
    bt_explain_add_part(load, BT_PART_QUEUE, metrics->queue.mean, metrics->queue.p95);
    bt_explain_add_part(load, BT_PART_PREPARE, metrics->preprocess.mean, metrics->preprocess.p95);
    bt_explain_add_part(load, BT_PART_RUN, metrics->service.mean, metrics->service.p95);
    finish(load, NAN, NAN);
    if (load->part_count == 0) out->load_count = 0;
    put_batching(out);
    return BT_OK;
}

bt_status bt_explain_metrics(bt_explanation **out, const bt_metrics *metrics, int count,
                             const bt_explain_options *options, bt_error *error) {
    const bt_explain_models models = {metrics, sizeof *metrics, offsetof(bt_metrics, model), count};
    bt_status status = bt_explain_open(out, "metrics", options, &models, error);
    for (int i = 0; status == BT_OK && i < (*out)->model_count; i++)
        status = explain_service(&(*out)->models[i], &metrics[(*out)->models[i].from], error);
    if (status != BT_OK) bt_explanation_close(out);
    return status;
}
