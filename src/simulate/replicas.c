#include "simulate/replicas.h"

#include <math.h>
#include <stdio.h>

static bt_fleet fleet_of(const bt_replicas_wanted *wanted, int replicas) {
    return (bt_fleet){.model = wanted->model,
                      .instances = wanted->instances,
                      .replicas = replicas,
                      .balancing = wanted->balancing,
                      .seed = wanted->seed};
}

/* What a rate with headroom is of one without. */
static double with_headroom(const bt_replicas_wanted *wanted) {
    return 1 + wanted->headroom_percent / 100;
}

static bt_status keeps(const bt_replicas_wanted *wanted, int replicas, double rate_rps, bool *out,
                       bt_error *error) {
    const bt_fleet fleet = fleet_of(wanted, replicas);
    bt_fleet_result result;
    bt_status status = bt_fleet_try(&fleet, rate_rps, &result, error);
    *out = status == BT_OK && bt_fleet_keeps(&result, wanted->p95_sla_ms);
    return status;
}

/* Fewest that keep the promise at that rate: twice as many until some do, then between. `each_rps` is what one alone holds:
 * with others it holds no less. */
static bt_status find_fewest(const bt_replicas_wanted *wanted, double rate_rps, double each_rps, int *out,
                             bt_error *error) {
    const double alone = ceil(rate_rps / each_rps);
    if (!(alone <= BT_FLEET_REPLICAS_MAX))
        return bt_fail(
            error, BT_INVALID,
            "%g requests/s take some %.0f replicas, of which one holds %.3g; at most %d are planned",
            rate_rps, alone, each_rps, BT_FLEET_REPLICAS_MAX);
    int passed = (int)alone, failed = 0;
    bool passes = false;
    bt_status status = keeps(wanted, passed, rate_rps, &passes, error);
    while (status == BT_OK && !passes && passed < BT_FLEET_REPLICAS_MAX) {
        failed = passed;
        passed = 2 * passed < BT_FLEET_REPLICAS_MAX ? 2 * passed : BT_FLEET_REPLICAS_MAX;
        status = keeps(wanted, passed, rate_rps, &passes, error);
    }
    if (status == BT_OK && !passes)
        return bt_fail(error, BT_INVALID, "%g requests/s take more than %d replicas", rate_rps,
                       BT_FLEET_REPLICAS_MAX);
    while (status == BT_OK && passed - failed > 1) {
        const int middle = failed + (passed - failed) / 2;
        status = keeps(wanted, middle, rate_rps, &passes, error);
        *(passes ? &passed : &failed) = middle;
    }
    *out = passed;
    return status;
}

bt_status bt_replicas_row_of(bt_replicas_row *out, const bt_replicas_wanted *wanted, int replicas,
                             bt_error *error) {
    const bt_fleet fleet = fleet_of(wanted, replicas);
    bt_fleet_result at;
    *out = (bt_replicas_row){.replicas = replicas};
    bt_status status = bt_fleet_highest(&fleet, wanted->p95_sla_ms, &out->holds_rps, error);
    if (status == BT_OK) status = bt_fleet_try(&fleet, wanted->rate_rps, &at, error);
    if (status != BT_OK) return status;
    out->keeps = bt_fleet_keeps(&at, wanted->p95_sla_ms);
    out->p50_ms = at.p50_ms;
    out->p95_ms = at.p95_ms;
    out->p99_ms = at.p99_ms;
    out->mean_batch_size = at.mean_batch_size;
    out->mean_under_way = at.mean_under_way;
    out->lost = at.arrival_count - at.ok;
    return BT_OK;
}

/* One below the fewest, and one above the recommended; where there are many between, the last. */
static bt_status fill_rows(bt_replicas_plan *plan, const bt_replicas_wanted *wanted, bt_error *error) {
    int first = plan->least > 1 ? plan->least - 1 : 1;
    const int last = plan->recommended < BT_FLEET_REPLICAS_MAX ? plan->recommended + 1 : plan->recommended;
    if (last - first >= BT_REPLICAS_ROWS) first = last - BT_REPLICAS_ROWS + 1;
    bt_status status = BT_OK;
    for (int replicas = first; replicas <= last && status == BT_OK; replicas++)
        status = bt_replicas_row_of(&plan->rows[plan->row_count++], wanted, replicas, error);
    return status;
}

/* Autoscaling keeps the headroom: it adds a replica at the rate from which a quarter more would break the promise, and takes
 * one away where the others would have that headroom still. */
static bt_status find_marks(bt_replicas_plan *plan, const bt_replicas_wanted *wanted, bt_error *error) {
    double holds_rps = 0;
    for (int i = 0; i < plan->row_count; i++) {
        const bt_replicas_row *row = &plan->rows[i];
        if (row->replicas == plan->recommended - 1 && row->holds_rps > 0)
            plan->fewer_below_rps = row->holds_rps / with_headroom(wanted);
        if (row->replicas == plan->recommended) holds_rps = row->holds_rps;
    }
    const bt_fleet fleet = fleet_of(wanted, plan->recommended);
    bt_fleet_result result;
    const double more_rps = holds_rps / with_headroom(wanted);
    bt_status status = bt_fleet_try(&fleet, more_rps, &result, error);
    if (status != BT_OK) return status;
    plan->more_above_rps_each = more_rps / plan->recommended;
    plan->more_above_under_way_each = result.mean_under_way;
    return BT_OK;
}

/* What was asked, and nothing that was found. */
static bt_replicas_plan plan_of(const bt_replicas_wanted *wanted) {
    return (bt_replicas_plan){.rate_rps = wanted->rate_rps,
                              .p95_sla_ms = wanted->p95_sla_ms,
                              .headroom_percent = wanted->headroom_percent,
                              .balancing = wanted->balancing,
                              .instances = wanted->instances,
                              .more_above_rps_each = NAN,
                              .more_above_under_way_each = NAN,
                              .fewer_below_rps = NAN};
}

bt_status bt_replicas_find(bt_replicas_plan *out, const bt_replicas_wanted *wanted, bt_error *error) {
    const bt_fleet one = fleet_of(wanted, 1);
    double each_rps = 0;
    *out = plan_of(wanted);
    if (!(wanted->rate_rps > 0 && wanted->p95_sla_ms > 0 && wanted->headroom_percent >= 0))
        return bt_fail(error, BT_INVALID, "replicas for %g requests/s, %g ms and a headroom of %g %%",
                       wanted->rate_rps, wanted->p95_sla_ms, wanted->headroom_percent);
    bt_status status = bt_fleet_highest(&one, wanted->p95_sla_ms, &each_rps, error);
    if (status != BT_OK || each_rps == 0) return status;
    status = find_fewest(wanted, wanted->rate_rps, each_rps, &out->least, error);
    if (status == BT_OK)
        status =
            find_fewest(wanted, wanted->rate_rps * with_headroom(wanted), each_rps, &out->recommended, error);
    if (status == BT_OK) status = fill_rows(out, wanted, error);
    return status == BT_OK ? find_marks(out, wanted, error) : status;
}

static bt_status find_or_ask(bt_replicas_plan *out, const bt_replicas_wanted *wanted, int replicas,
                             bt_error *error) {
    if (replicas == 0) return bt_replicas_find(out, wanted, error);
    *out = plan_of(wanted);
    out->row_count = 1;
    return bt_replicas_row_of(&out->rows[0], wanted, replicas, error);
}

bt_status bt_replicas_of(bt_replicas_plan *out, const bt_config_model *entry,
                         const bt_replicas_settings *settings, bt_error *error) {
    bt_tuned_model tuned;
    bt_status status = bt_tuned_model_open(&tuned, entry, 0, error);
    if (status != BT_OK) return bt_fail_at(error, status, "%s", entry->name);
    const bt_replicas_wanted wanted = {.model = &tuned,
                                       .instances = entry->instance_count > 0 ? entry->instance_count : 1,
                                       .balancing = (bt_balancing)settings->balancing,
                                       .rate_rps = settings->rate,
                                       .p95_sla_ms = settings->p95_sla_ms > 0 ? settings->p95_sla_ms
                                                                              : entry->settings.p95_sla_ms,
                                       .headroom_percent = settings->headroom_percent,
                                       .seed = (uint64_t)settings->seed};
    status = find_or_ask(out, &wanted, (int)settings->replicas, error);
    snprintf(out->model, sizeof out->model, "%s", entry->name);
    bt_tuned_model_close(&tuned);
    return status == BT_OK ? BT_OK : bt_fail_at(error, status, "%s", entry->name);
}
