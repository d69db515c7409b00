/* Replicas behind a balancer: what queueing theory says of them, and what they cannot be better than. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <math.h>
#include <string.h>

#include "simulate/fleet.h"
#include "simulate/rates.h"

#define QUANTILES 20000
#define MEAN_MS   10.0

static double exponential_ms[QUANTILES];
static bt_config_point point;
static bt_config_model file;
static bt_tuned_model tuned;

/* Batches of one without a queue delay, whose times are exponential (or all the same): what theory is about. */
static void open_model(bool exponential) {
    bt_error error = {BT_OK, ""};
    for (int i = 0; i < QUANTILES; i++)
        exponential_ms[i] = exponential ? -log(1 - (i + 0.5) / QUANTILES) * MEAN_MS : MEAN_MS;
    memset(&file, 0, sizeof file);
    strcpy(file.name, "hrnet");
    point = (bt_config_point){.batch_size = 1,
                              .outcome = BT_OUTCOME_MEASURED,
                              .service_ms_quantiles = exponential_ms,
                              .quantile_count = 1};
    file.settings.max_queue_size = 100000;
    file.optimal_batch_size = 1;
    file.points = &point;
    file.point_count = 1;
    file.speedup_over_single_image = file.throughput_imgs_per_sec = NAN;
    if (bt_tuned_model_open(&tuned, &file, 1, &error)) fail_msg("%s", error.message);
    tuned.times[0] = (bt_service_times){.batch_size = 1, .quantiles_ms = exponential_ms, .count = QUANTILES};
}

static bt_fleet_result try_seed(int replicas, bt_balancing balancing, double load, uint64_t seed) {
    const bt_fleet fleet = {
        .model = &tuned, .instances = 1, .replicas = replicas, .balancing = balancing, .seed = seed};
    bt_fleet_result result;
    bt_error error = {BT_OK, ""};
    if (bt_fleet_try(&fleet, load * replicas * 1e3 / MEAN_MS, &result, &error)) fail_msg("%s", error.message);
    assert_int_equal(result.ok, result.arrival_count);
    return result;
}

static bt_fleet_result try_fleet(int replicas, bt_balancing balancing, double load) {
    return try_seed(replicas, balancing, load, 3);
}

/* Of several simulations, so that a queue's long waves even out. */
static bt_fleet_result try_seeds(int replicas, bt_balancing balancing, double load) {
    bt_fleet_result all = {0};
    for (uint64_t seed = 1; seed <= 8; seed++) {
        const bt_fleet_result one = try_seed(replicas, balancing, load, seed);
        all.mean_ms += one.mean_ms / 8;
        all.p50_ms += one.p50_ms / 8;
        all.p95_ms += one.p95_ms / 8;
        all.mean_under_way += one.mean_under_way / 8;
    }
    return all;
}

static void assert_near(double got, double expected, double share, const char *what) {
    if (!(fabs(got - expected) <= share * expected)) fail_msg("%s: %g, by theory %g", what, got, expected);
}

/* In turn, each of N gets arrivals that are N random ones apart (Erlang). Of such a queue with exponential service times the
 * time at the server is exponential itself (GI/M/1: Kleinrock, Queueing Systems I, 1975, chapter 6): with the root below 1
 * of sigma = (N rho / (N rho + 1 - sigma))^N its mean is the service time's over 1 - sigma. */
static void round_robin_is_as_theory_says(void **state) {
    (void)state;
    open_model(true);
    for (int replicas = 1; replicas <= 4; replicas++) {
        const double load = 0.6;
        double sigma = 0.5;
        for (int i = 0; i < 200; i++)
            sigma = pow(replicas * load / (replicas * load + 1 - sigma), replicas);
        const bt_fleet_result result = try_seeds(replicas, BT_BALANCING_ROUND_ROBIN, load);
        const double mean_ms = MEAN_MS / (1 - sigma);
        assert_near(result.mean_ms, mean_ms, 0.03, "mean");
        assert_near(result.p50_ms, log(2) * mean_ms, 0.03, "P50");
        assert_near(result.p95_ms, log(20) * mean_ms, 0.04, "P95");
        /* Little's law, of one replica */
        assert_near(result.mean_under_way, load / (1 - sigma), 0.03, "requests under way");
    }
    bt_tuned_model_close(&tuned);
}

/* One queue for all would be best; whoever has fewest is better than in turn; and one alone is one alone. */
static void least_is_between_one_queue_and_round_robin(void **state) {
    (void)state;
    bt_rates one_queue;
    bt_simulated best;
    bt_error error = {BT_OK, ""};
    open_model(true);
    for (int replicas = 2; replicas <= 4; replicas *= 2) {
        const bt_fleet_result least = try_fleet(replicas, BT_BALANCING_LEAST, 0.8),
                              in_turn = try_fleet(replicas, BT_BALANCING_ROUND_ROBIN, 0.8);
        assert_int_equal(bt_rates_open(&one_queue, &tuned, replicas, 3, 0, &error), BT_OK);
        assert_int_equal(bt_rates_try(&one_queue, 0.8 * replicas * 1e3 / MEAN_MS, &best, &error), BT_OK);
        if (!(least.p95_ms < 0.9 * in_turn.p95_ms && least.p95_ms > 0.97 * best.p95_ms))
            fail_msg("P95: one queue %g, least %g, in turn %g", best.p95_ms, least.p95_ms, in_turn.p95_ms);
        bt_rates_close(&one_queue);
    }
    const bt_fleet_result a = try_fleet(1, BT_BALANCING_LEAST, 0.7),
                          b = try_fleet(1, BT_BALANCING_ROUND_ROBIN, 0.7);
    assert_memory_equal(&a, &b, sizeof a);
    bt_tuned_model_close(&tuned);
}

/* Requests that come further apart than one takes never wait, wherever they go. */
static void without_load_a_request_takes_its_service_time(void **state) {
    (void)state;
    open_model(false);
    for (bt_balancing balancing = BT_BALANCING_LEAST; balancing <= BT_BALANCING_ROUND_ROBIN; balancing++) {
        const bt_fleet_result result = try_fleet(3, balancing, 1e-4);
        assert_near(result.p95_ms, MEAN_MS, 1e-6, "P95");
        assert_near(result.mean_batch_size, 1, 1e-9, "batch size");
    }
    bt_tuned_model_close(&tuned);
}

/* More replicas hold more, and by the same balancer more each: variations even out. */
static void a_larger_fleet_holds_more_for_each_replica(void **state) {
    (void)state;
    bt_error error = {BT_OK, ""};
    double before = 0;
    open_model(true);
    for (int replicas = 1; replicas <= 4; replicas *= 2) {
        const bt_fleet fleet = {.model = &tuned, .instances = 1, .replicas = replicas, .seed = 5};
        bt_fleet_result result;
        double highest;
        if (bt_fleet_highest(&fleet, 60, &highest, &error)) fail_msg("%s", error.message);
        assert_int_equal(bt_fleet_try(&fleet, highest, &result, &error), BT_OK);
        assert_true(bt_fleet_keeps(&result, 60));
        assert_int_equal(bt_fleet_try(&fleet, 1.05 * highest, &result, &error), BT_OK);
        assert_false(bt_fleet_keeps(&result, 60));
        if (!(highest / replicas > 1.02 * before))
            fail_msg("%d replicas: %g a second each, %g before", replicas, highest / replicas, before);
        before = highest / replicas;
    }
    bt_tuned_model_close(&tuned);
}

static void wrong_fleets_are_told(void **state) {
    (void)state;
    bt_error error = {BT_OK, ""};
    bt_fleet_result result;
    open_model(false);
    bt_fleet fleet = {.model = &tuned, .instances = 1, .replicas = 0};
    assert_int_equal(bt_fleet_try(&fleet, 10, &result, &error), BT_INVALID);
    assert_string_equal(error.message, "0 replicas of 1 instances");
    fleet.replicas = 2;
    assert_int_equal(bt_fleet_try(&fleet, 0, &result, &error), BT_INVALID);
    assert_non_null(strstr(error.message, "too few to be simulated"));
    bt_tuned_model_close(&tuned);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(round_robin_is_as_theory_says),
        cmocka_unit_test(least_is_between_one_queue_and_round_robin),
        cmocka_unit_test(without_load_a_request_takes_its_service_time),
        cmocka_unit_test(a_larger_fleet_holds_more_for_each_replica),
        cmocka_unit_test(wrong_fleets_are_told),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
