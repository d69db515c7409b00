#include "simulate/delay.h"

#include <math.h>

#include "base/clock.h"
#include "simulate/rates.h"

/* The longest delay that is tried, as a share of the SLA. Longer ones leave a lone request little of it; a shorter bound
 * would leave out what pays where a batch costs almost nothing more than one image. */
#define LONGEST_SHARE 0.25

#define GRID_MAX 32 /* 1, 2, 5, ... up to an SLA of an hour, and 0 */

typedef struct delay_search {
    const bt_delay_options *options;
    bt_tuned_model model; /* a copy whose delay changes; it borrows the times */
    bt_rates rates;
    bt_delay_choice best;
    bool found;
} delay_search;

static void set_delay(delay_search *search, double delay_ms) {
    search->model.batcher.max_queue_delay_ns = (int64_t)(delay_ms * BT_NS_PER_MS + 0.5);
}

/* Whether a delay keeps this rate; its P95 there. */
static bt_status try_rate(delay_search *search, double rate_rps, bool *keeps, double *p95_ms,
                          bt_error *error) {
    bt_simulated tried;
    bt_status status = bt_rates_try(&search->rates, rate_rps, &tried, error);
    *keeps = status == BT_OK && bt_rates_keeps(&tried, search->options->p95_sla_ms);
    *p95_ms = *keeps ? tried.p95_ms : NAN;
    return status;
}

/* ---- by capacity ---- */

/* What fails beyond the best so far has no higher capacity: that costs one simulation instead of a search. */
static bt_status try_capacity(delay_search *search, double delay_ms, bt_error *error) {
    const double wanted_rps = search->best.capacity_rps * (1 + BT_DELAY_WORTHWHILE);
    double capacity_rps = 0, ignored;
    bool keeps = true;
    bt_status status = BT_OK;
    set_delay(search, delay_ms);
    if (wanted_rps > 0) status = try_rate(search, wanted_rps, &keeps, &ignored, error);
    if (status == BT_OK && keeps)
        status = bt_rates_highest(&search->rates, search->options->p95_sla_ms, &capacity_rps, error);
    if (status != BT_OK || (search->found && capacity_rps <= wanted_rps)) return status;
    search->best = (bt_delay_choice){delay_ms, capacity_rps, NAN};
    search->found = true;
    return BT_OK;
}

/* ---- by P95 at a rate ---- */

static bt_status try_latency(delay_search *search, double delay_ms, bt_error *error) {
    double p95_ms;
    bool keeps;
    set_delay(search, delay_ms);
    bt_status status = try_rate(search, search->options->rate_rps, &keeps, &p95_ms, error);
    if (status != BT_OK || !keeps) return status;
    if (search->found && p95_ms >= search->best.rate_p95_ms * (1 - BT_DELAY_WORTHWHILE)) return BT_OK;
    search->best = (bt_delay_choice){delay_ms, NAN, p95_ms};
    search->found = true;
    return BT_OK;
}

/* ---- */

/* 0, 1, 2, 5, 10, ...: as far as delays may pay. */
static int list_delays(const bt_delay_options *options, double delays_ms[GRID_MAX]) {
    static const double steps[] = {1, 2, 5};
    int count = 0;
    if (!isnan(options->fixed_delay_ms)) {
        delays_ms[0] = options->fixed_delay_ms;
        return 1;
    }
    delays_ms[count++] = 0;
    for (double decade = 1; count < GRID_MAX; decade *= 10)
        for (int i = 0; i < 3 && count < GRID_MAX; i++) {
            if (steps[i] * decade > LONGEST_SHARE * options->p95_sla_ms) return count;
            delays_ms[count++] = steps[i] * decade;
        }
    return count;
}

typedef bt_status try_delay(delay_search *search, double delay_ms, bt_error *error);

static bt_status try_all(delay_search *search, try_delay *try, bt_error *error) {
    double delays_ms[GRID_MAX];
    const int count = list_delays(search->options, delays_ms);
    int best = 0;
    bt_status status = BT_OK;
    for (int i = 0; i < count && status == BT_OK; i++) {
        status = try(search, delays_ms[i], error);
        if (search->found && search->best.delay_ms == delays_ms[i]) best = i;
    }
    if (!search->found) return status;
    if (status == BT_OK && best > 0) status = try(search, (delays_ms[best - 1] + delays_ms[best]) / 2, error);
    if (status == BT_OK && best + 1 < count)
        status = try(search, (delays_ms[best] + delays_ms[best + 1]) / 2, error);
    return status;
}

static bt_status find(delay_search *search, bt_error *error) {
    bt_status status = BT_OK;
    if (search->options->rate_rps > 0) status = try_all(search, try_latency, error);
    if (status != BT_OK || !search->found)
        return status == BT_OK ? try_all(search, try_capacity, error) : status;
    set_delay(search, search->best.delay_ms);
    if (isnan(search->best.capacity_rps))
        status =
            bt_rates_highest(&search->rates, search->options->p95_sla_ms, &search->best.capacity_rps, error);
    return status;
}

static bt_status check(const bt_delay_options *options, bt_error *error) {
    if (options->p95_sla_ms > 0 && options->rate_rps >= 0 && isfinite(options->rate_rps)) return BT_OK;
    return bt_fail(error, BT_INVALID, "a queue delay for %g requests/s under an SLA of %g ms",
                   options->rate_rps, options->p95_sla_ms);
}

bt_status bt_delay_find(bt_delay_choice *out, const bt_tuned_model *model, const bt_delay_options *options,
                        bt_error *error) {
    delay_search search = {.options = options, .model = *model, .best = {0, 0, NAN}};
    *out = search.best;
    bt_status status = check(options, error);
    if (status != BT_OK) return status;
    status = bt_rates_open(&search.rates, &search.model, options->instances, options->seed, 0, error);
    if (status == BT_OK) status = find(&search, error);
    bt_rates_close(&search.rates);
    if (status == BT_OK) *out = search.best;
    return status;
}

bt_status bt_delay_instances(int *out, const bt_tuned_model *model, double delay_ms,
                             const bt_delay_options *options, int most, bt_error *error) {
    delay_search search = {.options = options, .model = *model};
    bt_status status = check(options, error);
    *out = 0;
    set_delay(&search, delay_ms);
    for (int count = options->instances + 1; count <= most && *out == 0 && status == BT_OK; count++) {
        double p95_ms;
        bool keeps = false;
        status = bt_rates_open(&search.rates, &search.model, count, options->seed, 0, error);
        if (status == BT_OK) status = try_rate(&search, options->rate_rps, &keeps, &p95_ms, error);
        bt_rates_close(&search.rates);
        if (keeps) *out = count;
    }
    return status;
}
