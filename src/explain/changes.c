#include "explain/changes.h"

#include <math.h>
#include <stdio.h>

#include "base/text.h"
#include "explain/service-time.h"
#include "explain/what-if.h"

/* A change is told where it gains this much, in capacity or in P95 at the rate. Lower: what another seed takes back
 * is proposed; higher: small but cheap changes go untold. */
#define WORTH 1.03

/* Below these shares of what an image costs, taking it away is not tried. */
#define WORTH_HANDLING 0.05
#define WORTH_LAUNCH   0.1

#define SLA_TIMES 1.5

typedef struct search {
    bt_explained_model *out;
    const bt_config_model *model;
    double scores[BT_EXPLAINED_CHANGES];
} search;

/* What a change gains over the entry as it is. Where it serves less, a lower P95 counts for nothing. */
static double score_of(const bt_explained_model *now, const bt_outlook *then) {
    const double capacity = now->capacity_rps > 0    ? then->capacity_rps / now->capacity_rps
                            : then->capacity_rps > 0 ? INFINITY
                                                     : 1;
    const double p95 = now->loads[0].p95_ms / then->at_rate.p95_ms;
    return capacity < 1 / WORTH ? 0 : fmax(capacity, isnan(p95) ? 0 : p95);
}

/* Puts a change into its place; the last falls out. A looser SLA has a score of 0. */
static void put(search *s, const char *what, const bt_outlook *then, double score) {
    bt_explained_model *out = s->out;
    int place = out->change_count;
    while (place > 0 && s->scores[place - 1] < score)
        place--;
    if (place == BT_EXPLAINED_CHANGES) return;
    if (out->change_count < BT_EXPLAINED_CHANGES) out->change_count++;
    for (int i = out->change_count - 1; i > place; i--) {
        out->changes[i] = out->changes[i - 1];
        s->scores[i] = s->scores[i - 1];
    }
    bt_explained_change *change = &out->changes[place];
    *change = (bt_explained_change){.capacity_rps = then->capacity_rps, .p95_ms = then->at_rate.p95_ms};
    snprintf(change->what, sizeof change->what, "%s", what);
    s->scores[place] = score;
}

static bt_status try(search *s, const bt_change *change, const char *what, bt_error *error) {
    bt_outlook then;
    bt_status status = bt_what_if(&then, s->model, change, s->out->loads[0].rate_rps, error);
    if (status != BT_OK) return status;
    const double score = score_of(s->out, &then);
    if (score >= WORTH) put(s, what, &then, isnan(change->p95_sla_ms) ? score : 0);
    return BT_OK;
}

/* The other size that serves most. */
static bt_status try_size(search *s, bt_error *error) {
    const bt_explained_size *best = NULL;
    char what[BT_TEXT_SIZE];
    for (int i = 0; i < s->out->size_count; i++) {
        const bt_explained_size *size = &s->out->sizes[i];
        if (size->batch_size == s->model->optimal_batch_size) continue;
        if (!best || size->capacity_rps > best->capacity_rps) best = size;
    }
    if (!best) return BT_OK;
    bt_change change = bt_change_none();
    change.batch_size = best->batch_size;
    snprintf(what, sizeof what, "batches of up to %d (--batch-size %d)", best->batch_size, best->batch_size);
    return try(s, &change, what, error);
}

/* The delay of lowest P95 at the rate. */
static bt_status try_delay(search *s, bt_error *error) {
    const double now_ms = s->model->settings.max_queue_delay_ms;
    char what[BT_TEXT_SIZE];
    bt_change change = bt_change_none();
    if (s->model->optimal_batch_size == 1) return BT_OK; /* nobody waits for others */
    bt_status status = bt_best_delay(&change.queue_delay_ms, s->model, s->out->loads[0].rate_rps, error);
    if (status != BT_OK || change.queue_delay_ms == now_ms) return status;
    bt_text_format(what, sizeof what, "a queue delay of %.3g ms in place of %g (--max-queue-delay-ms %.3g)",
                   change.queue_delay_ms, now_ms, change.queue_delay_ms);
    return try(s, &change, what, error);
}

static bt_status try_instance(search *s, bt_error *error) {
    bt_change change = bt_change_none();
    change.more_instances = 1;
    return try(s, &change, "one more instance, on a device or cores of its own", error);
}

static bt_status try_handling(search *s, bt_error *error) {
    const bt_explained_size *size = bt_explained_size_of(s->out, s->model->optimal_batch_size);
    const double handling_ms = s->out->prepare_ms + s->out->deliver_ms;
    char what[BT_TEXT_SIZE];
    bt_change change = bt_change_none();
    change.handled_elsewhere = true;
    if (!size || handling_ms < WORTH_HANDLING * size->image_ms) return BT_OK;
    bt_text_format(
        what, sizeof what,
        "preparing and delivering off the lane, %.2f ms an image: on other threads, or on the device",
        handling_ms);
    return try(s, &change, what, error);
}

static bt_status try_launch(search *s, bt_error *error) {
    char what[BT_TEXT_SIZE];
    bt_change change = bt_change_none();
    change.run_less_ms = s->out->fixed_ms / 2;
    if (!(s->out->fixed_share >= WORTH_LAUNCH)) return BT_OK;
    bt_text_format(what, sizeof what,
                   "half the cost of starting a run, %.2f ms less: fused operations, or a recorded graph",
                   change.run_less_ms);
    return try(s, &change, what, error);
}

/* The fastest precision that was compared and not taken. */
static bt_status try_precision(search *s, bt_error *error) {
    const bt_config_precision *best = NULL;
    char what[BT_TEXT_SIZE], name[BT_PRECISION_TEXT_SIZE];
    for (int i = 0; i < s->model->precision_count; i++) {
        const bt_config_precision *other = &s->model->precisions[i];
        if (other->why[0] && other->ratio >= WORTH && (!best || other->ratio > best->ratio)) best = other;
    }
    if (!best) return BT_OK;
    bt_change change = bt_change_none();
    change.run_times = 1 / best->ratio;
    snprintf(name, sizeof name, "%s", best->precision);
    bt_text_upper(name);
    bt_text_format(what, sizeof what, "%s, × %.2f for one image as it was compared; not taken: %s", name,
                   best->ratio, best->why);
    return try(s, &change, what, error);
}

/* Behind all others. */
static bt_status try_sla(search *s, bt_error *error) {
    const double now_ms = s->model->settings.p95_sla_ms;
    char what[BT_TEXT_SIZE];
    bt_change change = bt_change_none();
    change.p95_sla_ms = SLA_TIMES * now_ms;
    bt_text_format(what, sizeof what, "a promise of P95 ≤ %g ms in place of %g (--p95-sla-ms %g)",
                   change.p95_sla_ms, now_ms, change.p95_sla_ms);
    return try(s, &change, what, error);
}

bt_status bt_explain_changes(bt_explained_model *out, const bt_config_model *model, bt_error *error) {
    static bt_status (*const tries[])(search *, bt_error *) = {
        try_size, try_delay, try_instance, try_handling, try_launch, try_precision, try_sla};
    search s = {.out = out, .model = model};
    bt_status status = BT_OK;
    out->change_count = 0;
    if (out->load_count == 0) return BT_OK;
    for (size_t i = 0; i < sizeof tries / sizeof *tries && status == BT_OK; i++)
        status = tries[i](&s, error);
    return status;
}
