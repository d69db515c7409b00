/* The simulator against queueing theory: where a formula gives a mean, the simulation gives the same, within
 * its own error, which is told by repeating it. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/clock.h"
#include "simulated-service.h"

#define REPEATS      16
#define REQUESTS     20000
#define EXPONENTIALS 4096

static simulated_service service;

/* A figure over repeated simulations: its mean and that mean's standard error. */
typedef struct figure {
    double mean, error;
} figure;

static figure figure_of(const double values[REPEATS]) {
    double mean = 0, square = 0;
    for (int i = 0; i < REPEATS; i++)
        mean += values[i] / REPEATS;
    for (int i = 0; i < REPEATS; i++)
        square += (values[i] - mean) * (values[i] - mean);
    return (figure){mean, sqrt(square / (REPEATS - 1) / REPEATS)};
}

typedef struct figures {
    figure mean_ms, queue_ms, p95_ms, batch_size;
} figures;

/* The service under Poisson arrivals at `rate_rps`. */
static figures repeated(double rate_rps) {
    double mean_ms[REPEATS], queue_ms[REPEATS], p95_ms[REPEATS], batch_size[REPEATS];
    for (int i = 0; i < REPEATS; i++) {
        int64_t *arrivals_ns = simulated_poisson(1 + (uint64_t)i, rate_rps, REQUESTS);
        service.model.arrivals_ns = arrivals_ns;
        service.model.arrival_count = REQUESTS;
        bt_simulation *simulation = simulated(&service.model, 1, true, 1 + (uint64_t)i);
        assert_int_equal(simulation->models[0].ok, REQUESTS);
        mean_ms[i] = simulation->models[0].mean_ms;
        queue_ms[i] = simulation->models[0].mean_queue_ms;
        p95_ms[i] = simulation->models[0].p95_ms;
        batch_size[i] = simulation->models[0].mean_batch_size;
        bt_simulation_close(&simulation);
        free(arrivals_ns);
    }
    return (figures){figure_of(mean_ms), figure_of(queue_ms), figure_of(p95_ms), figure_of(batch_size)};
}

/* Four standard errors; and these must be small enough to tell a wrong formula from a right one. */
static void assert_agrees(const char *what, figure simulated_figure, double theory) {
    if (fabs(simulated_figure.mean - theory) > 4 * simulated_figure.error + 1e-6)
        fail_msg("%s: %g by simulation (standard error %g), %g by theory", what, simulated_figure.mean,
                 simulated_figure.error, theory);
    if (simulated_figure.error > 0.02 * theory)
        fail_msg("%s: a standard error of %g says nothing of %g", what, simulated_figure.error, theory);
}

/* The wait in an M/G/1 queue by its service time's first two moments (Pollaczek and Khinchine). */
static double mean_wait_ms(double rate_per_ms, double mean, double mean_square) {
    return rate_per_ms * mean_square / (2 * (1 - rate_per_ms * mean));
}

static void one_at_a_time_in_fixed_time_waits_as_in_an_m_d_1_queue(void **state) {
    (void)state;
    simulated_service_open(&service, (int[]){1, 0}, (double[]){10});
    for (double load = 0.3; load < 0.85; load += 0.25) {
        double wait_ms = mean_wait_ms(load / 10, 10, 100);
        figures got = repeated(load * 100);
        assert_agrees("M/D/1, wait", got.queue_ms, wait_ms);
        assert_agrees("M/D/1, latency", got.mean_ms, wait_ms + 10);
    }
}

/* An exponential distribution as 4096 quantiles, and the moments of what is drawn from them: straight lines
 * in between, and no tail beyond the last. */
static double exponential_ms[EXPONENTIALS];

static void exponential_service(double mean_ms, double *mean, double *mean_square) {
    simulated_service_open(&service, (int[]){1, 0}, (double[]){mean_ms});
    *mean = *mean_square = 0;
    for (int i = 0; i < EXPONENTIALS; i++)
        exponential_ms[i] = -mean_ms * log(1 - i / (EXPONENTIALS - 0.5));
    for (int i = 1; i < EXPONENTIALS; i++) {
        double a = exponential_ms[i - 1], b = exponential_ms[i];
        *mean += (a + b) / 2 / (EXPONENTIALS - 1);
        *mean_square += (a * a + a * b + b * b) / 3 / (EXPONENTIALS - 1);
    }
    service.times[0] = (bt_service_times){1, exponential_ms, EXPONENTIALS};
}

static void one_at_a_time_in_random_time_waits_as_in_an_m_g_1_queue(void **state) {
    (void)state;
    double mean, mean_square;
    exponential_service(10, &mean, &mean_square);
    assert_true(fabs(mean - 10) < 0.1 && fabs(mean_square - 200) < 2); /* nearly exponential */
    for (double load = 0.3; load < 0.75; load += 0.3) {
        double rate_per_ms = load / mean, wait_ms = mean_wait_ms(rate_per_ms, mean, mean_square);
        figures got = repeated(rate_per_ms * 1e3);
        assert_agrees("M/M/1, wait", got.queue_ms, wait_ms);
        assert_agrees("M/M/1, latency", got.mean_ms, wait_ms + mean);
        /* the latency of an M/M/1 queue is exponential itself, of rate mu - lambda */
        assert_agrees("M/M/1, P95 of the latency", got.p95_ms, log(20) / (1 / mean - rate_per_ms));
    }
}

/* ---- batches without a bound, in tau0 + alpha * b ----
 *
 * A batch is whatever came during the one before, or the one request that ended an idle spell. So batch sizes
 * form a Markov chain, B' = max(1, Poisson(rate * s(B))), and the mean latency follows from its first moment
 * alone: with rho = rate * alpha,
 *     E[B^2] = (E[B] (1 + 2 rate rho tau0) + (rate tau0)^2) / (1 - rho^2)
 *     E[latency] = alpha (1 + rho / 2) E[B^2] / E[B] + (1 + rho) tau0 + rate tau0^2 / (2 E[B]):
 * those who come while a batch runs wait half of it on average, and all then take their own batch's time.
 * This falls as E[B] grows, and E[B] = (rate tau0 + P[nobody comes]) / (1 - rho) is at least 1 and at least
 * rate tau0 / (1 - rho), which give Inoue's two upper bounds (Y. Inoue, "Queueing analysis of GPU-based
 * inference servers with dynamic batching", Performance Evaluation 147, 2021; arXiv 1912.06322). */

typedef struct linear_model {
    double rate, tau0, alpha; /* of milliseconds */
} linear_model;

static double mean_latency_ms(const linear_model *m, double mean_batch) {
    double rho = m->rate * m->alpha, x = m->rate * m->tau0;
    double square = (mean_batch * (1 + 2 * x * rho) + x * x) / (1 - rho * rho);
    return m->alpha * (1 + rho / 2) * square / mean_batch + (1 + rho) * m->tau0 +
           x * m->tau0 / (2 * mean_batch);
}

/* Inoue's bounds, as he writes them. */
static double inoue_bound_ms(const linear_model *m) {
    double rho = m->rate * m->alpha, x = m->rate * m->tau0;
    double phi0 = (m->alpha + m->tau0) / (2 * (1 - rho)) * (1 + 2 * x + (1 - x) / (1 + rho));
    double phi1 = 1.5 * m->tau0 / (1 - rho) + m->alpha / 2 * (rho + 2) / (1 - rho * rho);
    return fmin(phi0, phi1);
}

#define CHAIN 256 /* batch sizes that matter at the loads below: larger ones have probability 0 */

/* One step of the chain: the distribution of the batch after. */
static void next_batch(const linear_model *m, const double now[CHAIN + 1], double next[CHAIN + 1]) {
    for (int size = 0; size <= CHAIN; size++)
        next[size] = 0;
    for (int from = 1; from <= CHAIN; from++) {
        if (now[from] < 1e-18) continue;
        double arrivals = m->rate * (m->tau0 + m->alpha * from), chance = exp(-arrivals);
        for (int to = 0; to <= CHAIN; chance *= arrivals / ++to)
            next[to > 1 ? to : 1] += now[from] * chance;
    }
}

/* E[B] by iterating the chain until it stands still. */
static double mean_batch_size(const linear_model *m) {
    double chance[2][CHAIN + 1] = {{0, 1}}, mean = 1, before = 0;
    for (int round = 0; fabs(mean - before) > 1e-12 * mean; round++) {
        const double *next = chance[!(round % 2)];
        next_batch(m, chance[round % 2], chance[!(round % 2)]);
        before = mean;
        mean = 0;
        for (int size = 1; size <= CHAIN; size++)
            mean += size * next[size];
    }
    return mean;
}

static const linear_model linear_models[] = {
    {0.001, 4, 2}, {0.05, 4, 2}, {0.2, 4, 2}, {0.35, 4, 2}, {0.2, 20, 1}, {0.5, 20, 0.8}, {0.05, 1, 12},
};

#define LINEAR_MODELS (sizeof linear_models / sizeof linear_models[0])

static void batches_of_any_size_take_as_long_as_their_markov_chain_says(void **state) {
    (void)state;
    for (size_t i = 0; i < LINEAR_MODELS; i++) {
        const linear_model *m = &linear_models[i];
        char what[80];
        simulated_service_linear(&service, BT_LADDER_SIZES_MAX, m->tau0, m->alpha);
        figures got = repeated(m->rate * 1e3);
        double mean_batch = mean_batch_size(m), mean_ms = mean_latency_ms(m, mean_batch);
        snprintf(what, sizeof what, "%g requests/s, %g + %g b ms", m->rate * 1e3, m->tau0, m->alpha);
        assert_agrees(what, got.batch_size, mean_batch);
        assert_agrees(what, got.mean_ms, mean_ms);
        if (got.mean_ms.mean - 4 * got.mean_ms.error > inoue_bound_ms(m))
            fail_msg("%s: %g ms, above Inoue's bound of %g", what, got.mean_ms.mean, inoue_bound_ms(m));
    }
}

/* The bound itself: above the exact mean everywhere, near it, and exact for a request that is alone. */
static void inoues_bound_is_one_and_a_tight_one(void **state) {
    (void)state;
    for (double load = 0.05; load < 0.85; load += 0.05) {
        for (double ratio = 0.125; ratio < 20; ratio *= 2) {
            const linear_model m = {.rate = load, .tau0 = ratio, .alpha = 1};
            double exact = mean_latency_ms(&m, mean_batch_size(&m)), bound = inoue_bound_ms(&m);
            if (bound < exact * (1 - 1e-9) || bound > 1.25 * exact)
                fail_msg("load %g, tau0 %g alpha: the bound is %g, exact is %g", load, ratio, bound, exact);
        }
    }
    const linear_model idle = {.rate = 1e-9, .tau0 = 4, .alpha = 2};
    assert_true(fabs(inoue_bound_ms(&idle) - 6) < 1e-6);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(one_at_a_time_in_fixed_time_waits_as_in_an_m_d_1_queue),
        cmocka_unit_test(one_at_a_time_in_random_time_waits_as_in_an_m_g_1_queue),
        cmocka_unit_test(batches_of_any_size_take_as_long_as_their_markov_chain_says),
        cmocka_unit_test(inoues_bound_is_one_and_a_tight_one),
    };
    return cmocka_run_group_tests_name("simulate-theory", tests, NULL, NULL);
}
