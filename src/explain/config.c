/* A config's entry explained: the verdict, a request's parts at a rate, and what would change them. */
#include <math.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/text.h"
#include "explain/changes.h"
#include "explain/service-time.h"
#include "explain/what-if.h"
#include "explain/words.h"
#include "simulate/capacity.h"

/* From this share of a run of one image on, what is fixed of it is why batching pays. Lower: a sliver is given for the
 * whole; higher: what batches do share goes untold. */
#define LAUNCH_SHARE 0.1

/* ---- what each size could serve ---- */

static bt_status fill_capacities(bt_explained_model *out, const bt_config_model *model, bt_error *error) {
    bt_status status = BT_OK;
    for (int i = 0; i < out->size_count && status == BT_OK; i++) {
        bt_outlook outlook;
        bt_change change = bt_change_none();
        change.batch_size = out->sizes[i].batch_size;
        status = bt_what_if(&outlook, model, &change, NAN, error);
        if (status == BT_INVALID) return BT_OK; /* no service times, or a size that is never served */
        if (status == BT_OK) out->sizes[i].capacity_rps = outlook.capacity_rps;
    }
    return status;
}

/* ---- the verdict ---- */

/* What each figure gains at `size` over the smallest one. */
typedef struct gains {
    const bt_explained_size *one, *many;
    double run, lane, capacity; /* NaN where it is not known */
} gains;

static double capacity_gain(const bt_explained_size *one, const bt_explained_size *many) {
    if (one->capacity_rps > 0) return many->capacity_rps / one->capacity_rps;
    return many->capacity_rps > 0 ? INFINITY : NAN;
}

/* The size that batching is judged by: the configured one, or where that is the smallest the one that serves most. */
static const bt_explained_size *judged(const bt_explained_model *model, int configured) {
    const bt_explained_size *best = NULL;
    for (int i = 1; i < model->size_count; i++) {
        const bt_explained_size *size = &model->sizes[i];
        if (size->batch_size == configured) return size;
        const bool more = best && (isnan(size->capacity_rps) || size->capacity_rps == best->capacity_rps
                                       ? size->imgs_per_sec > best->imgs_per_sec
                                       : size->capacity_rps > best->capacity_rps);
        if (!best || more) best = size;
    }
    return best;
}

static bt_pays verdict_of(double gain) {
    return gain >= BT_PAYS_GAIN ? BT_PAYS_WELL : gain >= BT_HARDLY_GAIN ? BT_PAYS_HARDLY : BT_PAYS_NOT;
}

/* Where the time of the smallest size is not the line's, what it has of a fixed cost is not known. */
static bt_pays_cause cause_of(const bt_explained_model *model, const gains *g) {
    const bool fixed = model->fixed_share >= LAUNCH_SHARE && model->bent_at != g->one->batch_size;
    if (model->verdict == BT_PAYS_WELL) return fixed ? BT_CAUSE_LAUNCH : BT_CAUSE_UNFILLED;
    if (g->run < BT_PAYS_GAIN) return BT_CAUSE_SATURATED;
    return g->lane < BT_PAYS_GAIN ? BT_CAUSE_PREPARING : BT_CAUSE_WAITING;
}

static void put_gain(char *out, size_t size, const bt_explained_model *model, const gains *g) {
    static const char *const words[] = {"", "batching pays", "batching hardly pays", "batching does not pay"};
    char times[48] = "";
    if (isfinite(model->gain)) bt_text_format(times, sizeof times, " × %.2f", model->gain);
    bt_text_format(out, size, "%s:%s ", words[model->verdict], times);
    if (isnan(g->capacity))
        bt_text_append(out, size, "images/s with batches of %d", model->batch_size);
    else
        bt_text_append(out, size, "requests/s under the SLA with batches of up to %d, %.3g against %.3g",
                       model->batch_size, g->many->capacity_rps, g->one->capacity_rps);
}

static void put_cause(char *out, size_t size, const bt_explained_model *model, const gains *g) {
    const double handling_ms = model->prepare_ms + model->deliver_ms;
    switch (model->cause) {
    case BT_CAUSE_LAUNCH:
        bt_text_append(out, size,
                       "; starting a run costs %.2f ms, %.0f %% of a run of one image, and a batch shares it",
                       model->fixed_ms, 100 * model->fixed_share);
        break;
    case BT_CAUSE_UNFILLED:
        bt_text_append(
            out, size,
            "; one image does not fill the device: it runs %.2f ms alone, and %.2f ms in a batch of %d",
            g->one->run_ms / g->one->batch_size, g->many->run_ms / g->many->batch_size, model->batch_size);
        break;
    case BT_CAUSE_SATURATED:
        bt_text_append(out, size,
                       "; each image adds %.2f ms, %.0f %% of a run of one image: one keeps the device busy",
                       model->image_ms, 100 * fmin(1, model->image_ms / g->one->run_ms * g->one->batch_size));
        break;
    case BT_CAUSE_PREPARING:
        bt_text_append(
            out, size,
            "; runs alone gain × %.2f, but preparing and delivering cost %.2f ms an image, %.0f %% of the "
            "lane's time at batch %d, and batches do not share them",
            g->run, handling_ms, 100 * handling_ms / g->many->image_ms, model->batch_size);
        break;
    case BT_CAUSE_WAITING:
        bt_text_append(
            out, size,
            "; images/s gain × %.2f, but requests wait longer, for others and for longer runs (%.1f against "
            "%.1f ms), and P95 ≤ %g ms leaves no room for that",
            g->lane, g->many->run_ms, g->one->run_ms, model->p95_sla_ms);
        break;
    case BT_CAUSE_UNKNOWN:
    case BT_CAUSE_RUNNING:
    case BT_CAUSE_LATE:
        break;
    }
}

static void judge(bt_explained_model *out, const bt_config_model *model) {
    gains g = {.one = out->sizes, .many = judged(out, model->optimal_batch_size)};
    if (!g.many) {
        snprintf(out->why, sizeof out->why, "%s",
                 out->size_count == 0 ? "no batch size was measured, so there is nothing to explain"
                                      : "only one batch size was measured, so there is nothing to compare");
        return;
    }
    g.run = g.one->run_ms / g.one->batch_size * g.many->batch_size / g.many->run_ms;
    g.lane = g.many->imgs_per_sec / g.one->imgs_per_sec;
    g.capacity = capacity_gain(g.one, g.many);
    out->batch_size = g.many->batch_size;
    out->gain = isnan(g.capacity) ? g.lane : g.capacity;
    out->verdict = verdict_of(out->gain);
    out->cause = cause_of(out, &g);
    put_gain(out->why, sizeof out->why, out, &g);
    put_cause(out->why, sizeof out->why, out, &g);
    if (g.one->capacity_rps == 0 && g.many->capacity_rps == 0)
        bt_text_append(out->why, sizeof out->why, "; but neither keeps P95 ≤ %g ms at any rate",
                       out->p95_sla_ms);
}

/* ---- a request's parts at a rate ---- */

static void fill_parts(bt_explained_load *load, const bt_explained_model *out, const bt_config_model *model,
                       const bt_simulated *at_rate) {
    const double launch_ms = fmin(at_rate->mean_run_ms, out->fixed_ms);
    bt_explain_add_part(load, BT_PART_QUEUE, at_rate->mean_queue_ms, NAN);
    if (model->prepare_quantile_count > 0)
        bt_explain_add_part(load, BT_PART_PREPARE, at_rate->mean_prepare_ms, NAN);
    if (isnan(out->fixed_ms))
        bt_explain_add_part(load, BT_PART_RUN, at_rate->mean_run_ms, NAN);
    else {
        bt_explain_add_part(load, BT_PART_LAUNCH, launch_ms, NAN);
        bt_explain_add_part(load, BT_PART_IMAGES, at_rate->mean_run_ms - launch_ms, NAN);
    }
    if (model->deliver_quantile_count > 0)
        bt_explain_add_part(load, BT_PART_DELIVER, at_rate->mean_deliver_ms, NAN);
}

/* What other models of the service add to a run of so long, which this prediction leaves out. */
static void append_neighbours(bt_explained_load *load, const bt_config_model *model, double run_ms) {
    for (int i = 0; i < model->neighbour_count; i++) {
        const bt_neighbour_cost *cost = &model->neighbours[i];
        if (cost->slowdown > BT_HARDLY_GAIN)
            bt_text_append_clause(
                load->why, sizeof load->why,
                "while %s runs beside it, a run takes %.2f times as long, up to %.1f ms more", cost->model,
                cost->slowdown, (cost->slowdown - 1) * run_ms);
        if (cost->switch_ms > 0)
            bt_text_append_clause(load->why, sizeof load->why, "right after one of %s it takes %.1f ms more",
                                  cost->model, cost->switch_ms);
    }
}

/* What the queue delay costs a request at that rate, where it shows. */
static bt_status append_delay(bt_explained_load *load, const bt_config_model *model, bt_error *error) {
    bt_simulated undelayed;
    bt_change change = bt_change_none();
    change.queue_delay_ms = 0;
    if (model->settings.max_queue_delay_ms <= 0 || model->optimal_batch_size == 1) return BT_OK;
    bt_status status = bt_what_if_at(&undelayed, model, &change, load->rate_rps, error);
    if (status != BT_OK) return status;
    const double saved_ms = load->mean_ms - undelayed.mean_ms;
    if (fabs(saved_ms) >= 0.05)
        bt_text_append(load->why, sizeof load->why, "; without that delay a request would take %.1f ms %s",
                       fabs(saved_ms), saved_ms > 0 ? "less" : "more");
    return status;
}

static double rate_of(const bt_explained_model *out, const bt_config_model *model,
                      const bt_explain_options *options) {
    double expected_rps;
    bt_error ignored; /* what a config says by hand may be no rate */
    if (options->rate_rps > 0) return options->rate_rps;
    if (bt_settings_rate(&expected_rps, &model->settings, model->name, &ignored) == BT_OK && expected_rps > 0)
        return expected_rps;
    if (out->capacity_rps > 0) return BT_RECOMMENDED_SHARE * out->capacity_rps;
    return out->size_count > 0 ? 0.1 * out->sizes[0].imgs_per_sec : NAN; /* a quiet service */
}

static bt_status fill_load(bt_explained_model *out, const bt_config_model *model, double rate_rps,
                           bt_error *error) {
    const bt_change none = bt_change_none();
    bt_simulated simulated;
    const bt_simulated *at_rate = &simulated;
    bt_status status = bt_what_if_at(&simulated, model, &none, rate_rps, error);
    if (status != BT_OK) return status;
    const bt_explained_size *size = bt_explained_size_of(out, model->optimal_batch_size);
    bt_explained_load *load = &out->loads[0];
    out->load_count = 1;
    load->predicted = true;
    load->rate_rps = rate_rps;
    load->mean_ms = at_rate->mean_ms;
    load->p95_ms = at_rate->p95_ms;
    load->mean_batch_size = at_rate->mean_batch_size;
    load->max_batch_size = model->optimal_batch_size;
    load->utilisation = at_rate->utilisation;
    fill_parts(load, out, model, at_rate);
    bt_explain_load_cause(load);
    bt_explain_batches(load, model->settings.max_queue_delay_ms, size ? size->run_ms : NAN);
    if (at_rate->ok < at_rate->arrival_count)
        bt_text_append_clause(load->why, sizeof load->why,
                              "%.1f %% of the requests get no result: the rate is too high",
                              100 - 100.0 * (double)at_rate->ok / (double)at_rate->arrival_count);
    append_neighbours(load, model, at_rate->mean_run_ms);
    return append_delay(load, model, error);
}

/* ---- an entry ---- */

static void put_subject(bt_explained_model *out, const bt_config_model *model) {
    const int instances = bt_instances_of(model);
    out->p95_sla_ms = model->settings.p95_sla_ms;
    out->max_queue_delay_ms = model->settings.max_queue_delay_ms;
    if (model->image_size > 0)
        bt_text_append(out->subject, sizeof out->subject, "%d × %d px, ", model->image_size,
                       model->image_size);
    if (model->precision[0] && strcmp(model->precision, "none") != 0)
        bt_text_append(out->subject, sizeof out->subject, "%s, ", model->precision);
    bt_text_append(out->subject, sizeof out->subject,
                   "%d instance%s, batches of up to %d, queue delay %g ms, P95 ≤ %g ms", instances,
                   instances == 1 ? "" : "s", model->optimal_batch_size, out->max_queue_delay_ms,
                   out->p95_sla_ms);
}

/* That of the size that is configured, which was simulated with the others where it was measured. */
static bt_status fill_own_capacity(bt_explained_model *out, const bt_config_model *model, bt_error *error) {
    const bt_explained_size *own = bt_explained_size_of(out, model->optimal_batch_size);
    const bt_change none = bt_change_none();
    bt_outlook now = {.capacity_rps = own ? own->capacity_rps : NAN};
    bt_status status = isfinite(now.capacity_rps) ? BT_OK : bt_what_if(&now, model, &none, NAN, error);
    if (status == BT_OK) out->capacity_rps = now.capacity_rps;
    return status;
}

static bt_status explain_entry(bt_explained_model *out, const bt_config_model *model,
                               const bt_explain_options *options, bt_error *error) {
    put_subject(out, model);
    bt_status status = bt_explain_service_time(out, model, error);
    if (status == BT_OK) status = fill_capacities(out, model, error);
    if (status != BT_OK) return status;
    status = fill_own_capacity(out, model, error);
    judge(out, model);
    if (status == BT_OK) status = fill_load(out, model, rate_of(out, model, options), error);
    if (status == BT_OK) status = bt_explain_changes(out, model, error);
    return status == BT_INVALID ? BT_OK : status; /* no service times: nothing is simulated */
}

bt_status bt_explain_config(bt_explanation **out, const bt_config *config, const bt_explain_options *options,
                            bt_error *error) {
    const bt_explain_models models = {config->models, sizeof *config->models, offsetof(bt_config_model, name),
                                      config->model_count};
    bt_status status = bt_explain_open(out, "config", options, &models, error);
    for (int i = 0; status == BT_OK && i < (*out)->model_count; i++)
        status = explain_entry(&(*out)->models[i], &config->models[(*out)->models[i].from], options, error);
    if (status != BT_OK) bt_explanation_close(out);
    return status;
}

/* ---- a tuning run's record ---- */

static bt_status explain_measured(bt_explained_model *out, const bt_record *record,
                                  const bt_model_record *model, const bt_explain_options *options,
                                  bt_error *error) {
    bt_config_model entry;
    if (model->chosen < 0) {
        bt_text_format(out->why, sizeof out->why, "no batch size was chosen: %.300s",
                       model->reason[0] ? model->reason : "the record does not say why");
        return BT_OK;
    }
    bt_status status = bt_config_model_open(&entry, record, model, error);
    if (status != BT_OK) return status;
    status = explain_entry(out, &entry, options, error);
    bt_config_model_close(&entry);
    return status;
}

bt_status bt_explain_sweep(bt_explanation **out, const bt_record *record, const bt_explain_options *options,
                           bt_error *error) {
    const bt_explain_models models = {record->models, sizeof *record->models,
                                      offsetof(bt_model_record, model), record->model_count};
    bt_status status = bt_explain_open(out, "sweep", options, &models, error);
    for (int i = 0; status == BT_OK && i < (*out)->model_count; i++)
        status = explain_measured(&(*out)->models[i], record, &record->models[(*out)->models[i].from],
                                  options, error);
    if (status != BT_OK) bt_explanation_close(out);
    return status;
}
