/* P95 against rate: exact where theory is, within its band, and at the SLA where the capacity says so. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "base/random.h"
#include "measure/quantile.h"
#include "simulate/capacity.h"
#include "simulate/curve.h"

#define QUANTILES_MAX 4096
#define AT_CAPACITY   12 /* the point whose rate is the capacity */

static double quantiles_ms[2][QUANTILES_MAX];
static bt_config_point points[2];
static bt_config_model entry;
static int exact; /* so many quantiles of batches of one, more than a config keeps; 0: as it is kept */

/* A model of batches of one, or of one and `largest`, without a queue delay; its times are still to be written. */
static void begin(int largest, int quantiles) {
    exact = quantiles > BT_CONFIG_QUANTILES ? quantiles : 0;
    memset(&entry, 0, sizeof entry);
    strcpy(entry.name, "hrnet");
    entry.settings.max_queue_size = 2000;
    entry.optimal_batch_size = largest;
    entry.points = points;
    entry.speedup_over_single_image = entry.throughput_imgs_per_sec = NAN;
    for (int i = 0; i < 1 + (largest > 1); i++)
        points[entry.point_count++] = (bt_config_point){.batch_size = i ? largest : 1,
                                                        .outcome = BT_OUTCOME_MEASURED,
                                                        .service_ms_quantiles = quantiles_ms[i],
                                                        .quantile_count = exact ? 1 : quantiles};
}

/* Between 0.8 and 1.4 of 4 + 2 b ms, evenly. */
static void four_plus_two(int largest, int quantiles) {
    begin(largest, quantiles);
    for (int i = 0; i < entry.point_count; i++)
        for (int q = 0; q < quantiles; q++)
            quantiles_ms[i][q] =
                (4 + 2 * points[i].batch_size) * (0.8 + 0.6 * q / (quantiles > 1 ? quantiles - 1 : 1));
}

static bt_tuned_model open_tuned(void) {
    bt_tuned_model tuned;
    bt_error error;
    if (bt_tuned_model_open(&tuned, &entry, 0, &error)) fail_msg("%s", error.message);
    if (exact) tuned.times[0] = (bt_service_times){1, quantiles_ms[0], exact};
    return tuned;
}

static bt_rate_curve curve_of(double capacity_rps, uint64_t seed) {
    bt_rate_curve curve;
    bt_tuned_model tuned = open_tuned();
    bt_error error;
    if (bt_curve_predict(&curve, &tuned, 1, capacity_rps, seed, &error)) fail_msg("%s", error.message);
    bt_tuned_model_close(&tuned);
    assert_int_equal(curve.count, BT_RATE_CURVE_POINTS);
    return curve;
}

static double capacity_rps(double sla_ms) {
    bt_capacity found;
    bt_tuned_model tuned = open_tuned();
    bt_error error;
    if (bt_capacity_find(&found, &tuned, 1, sla_ms, 1, &error)) fail_msg("%s", error.message);
    bt_tuned_model_close(&tuned);
    return found.capacity_rps;
}

/* ---- theory ---- */

static void assert_near(const char *what, double got, double theory, double load) {
    if (fabs(got / theory - 1) > 0.05)
        fail_msg("%s at a load of %g: %g ms by simulation, %g ms by theory", what, load, got, theory);
}

static void single_requests_of_random_length_are_an_m_m_1_queue(void **state) {
    (void)state;
    const double mean_ms = 10;
    begin(1, QUANTILES_MAX);
    for (int i = 0; i < QUANTILES_MAX; i++)
        quantiles_ms[0][i] = -mean_ms * log(1 - i / (QUANTILES_MAX - 0.5));
    bt_rate_curve curve = curve_of(100, 3);
    for (int i = 0; i < BT_RATE_CURVE_POINTS && curve.points[i].rate_rps < 75; i++) {
        const double load = curve.points[i].rate_rps * mean_ms / 1e3, rest = (1 - load) / mean_ms;
        assert_near("M/M/1, P50", curve.points[i].p50_ms, log(2) / rest, load);
        assert_near("M/M/1, P95", curve.points[i].p95_ms, log(20) / rest, load);
        assert_near("M/M/1, P99", curve.points[i].p99_ms, log(100) / rest, load);
        assert_near("M/M/1, utilisation", curve.points[i].utilisation, load, load);
    }
}

/* P[wait <= t] of an M/D/1 queue (Erlang 1909). */
static double waits_at_most(double t_ms, double load, double each_ms) {
    double sum = 0, term_log;
    for (int k = 0; k * each_ms <= t_ms; k++) {
        const double x = load * (k - t_ms / each_ms); /* not positive */
        term_log = k > 0 ? k * log(-x) - lgamma(k + 1.0) : 0;
        sum += (k % 2 ? -1 : 1) * exp(term_log - x);
    }
    return (1 - load) * sum;
}

static double md1_quantile_ms(double share, double load, double each_ms) {
    double low = 0, high = 20 * each_ms;
    if (waits_at_most(0, load, each_ms) >= share) return each_ms;
    for (int i = 0; i < 60; i++) {
        const double middle = (low + high) / 2;
        *(waits_at_most(middle, load, each_ms) < share ? &low : &high) = middle;
    }
    return each_ms + low;
}

static void single_requests_of_one_length_are_an_m_d_1_queue(void **state) {
    (void)state;
    begin(1, 1);
    quantiles_ms[0][0] = 10;
    bt_rate_curve curve = curve_of(100, 3);
    for (int i = 0; i < BT_RATE_CURVE_POINTS && curve.points[i].rate_rps < 75; i++) {
        const bt_rate_point *point = &curve.points[i];
        const double load = point->rate_rps / 100;
        assert_near("M/D/1, P95", point->p95_ms, md1_quantile_ms(0.95, load, 10), load);
        assert_true(point->p95_lower_ms == point->p95_ms && point->p95_upper_ms == point->p95_ms);
        assert_true(point->lost_share == 0 && point->mean_batch_size == 1);
    }
}

/* ---- the curve ---- */

static void the_curve_crosses_the_sla_at_the_capacity(void **state) {
    (void)state;
    const double slas_ms[] = {30, 60};
    four_plus_two(8, 64);
    for (int i = 0; i < 2; i++) {
        const double rate_rps = capacity_rps(slas_ms[i]);
        bt_rate_curve curve = curve_of(rate_rps, 1);
        assert_true(curve.points[AT_CAPACITY].rate_rps == rate_rps);
        assert_true(curve.points[AT_CAPACITY].p95_ms <= slas_ms[i]);
        assert_true(curve.points[AT_CAPACITY + 1].p95_ms > slas_ms[i]);
        for (int at = 1; at < curve.count; at++) {
            assert_true(curve.points[at].rate_rps > curve.points[at - 1].rate_rps);
            assert_true(curve.points[at].p95_ms > 0.99 * curve.points[at - 1].p95_ms); /* no luck in it */
        }
    }
}

static void without_a_capacity_the_rates_are_those_of_the_ladder(void **state) {
    (void)state;
    begin(1, 1);
    quantiles_ms[0][0] = 10;
    assert_true(capacity_rps(5) == 0);
    assert_true(fabs(curve_of(0, 1).points[AT_CAPACITY].rate_rps - 100) < 1e-9);
}

static void what_is_refused_at_the_door_is_lost(void **state) {
    (void)state;
    four_plus_two(1, 64);
    entry.settings.max_queue_size = 20;
    bt_rate_curve curve = curve_of(200, 1); /* of some 150 that one at a time can be */
    assert_true(curve.points[0].lost_share == 0 && curve.points[AT_CAPACITY].lost_share > 0.1);
}

/* ---- the band ---- */

static double widest(const bt_rate_curve *curve, int up_to) {
    double most = 0;
    for (int i = 0; i < up_to; i++)
        most = fmax(most, (curve->points[i].p95_upper_ms - curve->points[i].p95_lower_ms) /
                              curve->points[i].p95_ms);
    return most;
}

static void the_band_holds_the_curve_and_narrows_with_samples(void **state) {
    (void)state;
    const int counts[] = {8, 16, 64};
    double before = INFINITY;
    for (int i = 0; i < 3; i++) {
        four_plus_two(8, counts[i]);
        bt_rate_curve curve = curve_of(250, 1);
        for (int at = 0; at < curve.count; at++)
            assert_true(curve.points[at].p95_lower_ms <= curve.points[at].p95_ms &&
                        curve.points[at].p95_ms <= curve.points[at].p95_upper_ms);
        const double wide = widest(&curve, AT_CAPACITY);
        assert_true(wide > 0.01 && wide < before);
        before = wide;
    }
}

/* Sixty-four samples of a size that truly takes 0.8 to 1.4 of its time: most such draws have the true curve in their
 * bands; that each of them does is far from certain at 95 % a quantile, yet the band is a wide one. */
static void the_band_holds_what_other_samples_of_the_same_give(void **state) {
    (void)state;
    four_plus_two(1, QUANTILES_MAX);
    bt_rate_curve truth = curve_of(120, 1);
    bt_random random = bt_random_stream(5, "samples");
    int held = 0, of = 0;
    for (int draw = 0; draw < 8; draw++) {
        double samples[64];
        for (int i = 0; i < 64; i++)
            samples[i] = 6 * (0.8 + 0.6 * bt_random_uniform(&random));
        bt_sort(samples, 64);
        begin(1, 64);
        memcpy(quantiles_ms[0], samples, sizeof samples);
        bt_rate_curve curve = curve_of(120, 1);
        for (int at = 2; at <= AT_CAPACITY; at += 5, of++)
            held += curve.points[at].p95_lower_ms <= truth.points[at].p95_ms &&
                    truth.points[at].p95_ms <= curve.points[at].p95_upper_ms;
    }
    if (held < 0.9 * of) fail_msg("%d of %d bands hold the truth", held, of);
}

static void the_same_question_gets_the_same_curve(void **state) {
    (void)state;
    four_plus_two(8, 64);
    bt_rate_curve first = curve_of(200, 1), again = curve_of(200, 1), other = curve_of(200, 2);
    assert_memory_equal(&first, &again, sizeof first);
    assert_true(first.points[8].p95_ms != other.points[8].p95_ms);
    assert_true(fabs(first.points[8].p95_ms / other.points[8].p95_ms - 1) < 0.03);
}

/* Eight seconds each under an SLA that leaves next to no room: arrivals years apart tell nothing more. */
static void rates_too_low_to_be_simulated_are_left_out(void **state) {
    (void)state;
    bt_rate_curve curve;
    bt_error error = {BT_OK, ""};
    begin(1, 1);
    quantiles_ms[0][0] = 8000;
    bt_tuned_model tuned = open_tuned();
    for (double rate_rps = 9e-5; rate_rps > 1e-300; rate_rps *= 1e-3) {
        if (bt_curve_predict(&curve, &tuned, 1, rate_rps, 1, &error)) fail_msg("%s", error.message);
        assert_int_equal(curve.count, rate_rps > 1e-5 ? BT_RATE_CURVE_POINTS - 2 : 0);
        for (int i = 0; i < curve.count; i++)
            assert_true(curve.points[i].rate_rps >= 1e-5 && curve.points[i].p95_ms >= 8000);
    }
    bt_tuned_model_close(&tuned);
}

static void wrong_questions_are_refused(void **state) {
    (void)state;
    bt_rate_curve curve;
    four_plus_two(1, 64);
    bt_tuned_model tuned = open_tuned();
    assert_int_equal(bt_curve_predict(&curve, &tuned, 0, 10, 1, NULL), BT_INVALID);
    assert_int_equal(bt_curve_predict(&curve, &tuned, BT_BATCHER_INSTANCES_MAX + 1, 10, 1, NULL), BT_INVALID);
    assert_int_equal(curve.count, 0);
    bt_tuned_model_close(&tuned);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(single_requests_of_random_length_are_an_m_m_1_queue),
        cmocka_unit_test(single_requests_of_one_length_are_an_m_d_1_queue),
        cmocka_unit_test(the_curve_crosses_the_sla_at_the_capacity),
        cmocka_unit_test(without_a_capacity_the_rates_are_those_of_the_ladder),
        cmocka_unit_test(what_is_refused_at_the_door_is_lost),
        cmocka_unit_test(the_band_holds_the_curve_and_narrows_with_samples),
        cmocka_unit_test(the_band_holds_what_other_samples_of_the_same_give),
        cmocka_unit_test(the_same_question_gets_the_same_curve),
        cmocka_unit_test(rates_too_low_to_be_simulated_are_left_out),
        cmocka_unit_test(wrong_questions_are_refused),
    };
    return cmocka_run_group_tests_name("simulate-curve", tests, NULL, NULL);
}
