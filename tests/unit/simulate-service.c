/* What the simulator says of small services that can be computed by hand, and what it promises of all: every
 * request comes to one end, equal seeds give equal runs, and wrong options are refused. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/random.h"
#include "simulated-service.h"

#define MS(x)    ((int64_t)(x)*BT_NS_PER_MS)
#define COUNT(a) ((int64_t)(sizeof(a) / sizeof((a)[0])))

static simulated_service one, other; /* too large for the stack */

static void send_at(simulated_service *service, const int64_t *arrivals_ns, int64_t count) {
    service->model.arrivals_ns = arrivals_ns;
    service->model.arrival_count = count;
}

static bt_simulation *alone(const simulated_service *service) {
    return simulated(&service->model, 1, true, 1);
}

static void assert_latencies(const bt_simulated *got, const double *expected, int64_t count) {
    assert_int_equal(got->arrival_count, count);
    for (int64_t i = 0; i < count; i++)
        if (fabs(got->latency_ms[i] - expected[i]) > 1e-9)
            fail_msg("request %lld: %g ms, by hand %g", (long long)i, got->latency_ms[i], expected[i]);
}

static void conserved(const bt_simulated *got) {
    int64_t answered = 0;
    for (int64_t i = 0; i < got->arrival_count; i++)
        answered += !isnan(got->latency_ms[i]);
    assert_int_equal(got->ok, answered);
    assert_int_equal(got->ok + got->rejected + got->expired + got->failed, got->arrival_count);
}

/* ---- by hand ---- */

/* Three wait until the first has waited 5 ms and run, padded, on 4 from 5 to 21. Four more are there at 23,
 * of which the first came at 20, and run from 23 to 39. The last runs by itself from 39 to 49. */
static void a_tiny_schedule_goes_as_by_hand(void **state) {
    (void)state;
    static const int64_t arrivals_ns[] = {MS(0), MS(1), MS(2), MS(20), MS(21), MS(22), MS(23), MS(24)};
    const double expected[] = {21, 20, 19, 19, 18, 17, 16, 25};
    simulated_service_open(&one, (int[]){1, 2, 4, 0}, (double[]){10, 12, 16});
    one.model.batcher.max_queue_delay_ns = MS(5);
    send_at(&one, arrivals_ns, COUNT(arrivals_ns));
    bt_simulation *simulation = alone(&one);
    const bt_simulated *got = &simulation->models[0];
    assert_latencies(got, expected, COUNT(expected));
    assert_int_equal(got->ok, 8);
    assert_true(got->p50_ms == 19 && got->p95_ms == 25 && got->p99_ms == 25 && got->max_ms == 25);
    assert_true(fabs(got->mean_ms - 155 / 8.0) < 1e-9);
    assert_true(fabs(got->mean_queue_ms - (5 + 4 + 3 + 3 + 2 + 1 + 0 + 15) / 8.0) < 1e-9);
    assert_true(got->batches[0] == 1 && got->batches[2] == 1 && got->batches[3] == 1);
    assert_true(fabs(got->mean_batch_size - 8 / 3.0) < 1e-9);
    assert_true(fabs(got->throughput_rps - 8 / 0.049) < 1e-9);
    assert_true(fabs(got->utilisation - (16 + 16 + 10) / 49.0) < 1e-9);
    assert_int_equal(simulation->duration_ns, MS(49));
    bt_simulation_close(&simulation);
    assert_null(simulation);
    bt_simulation_close(&simulation);
}

/* Ten milliseconds each: two at once fill the queue, of the next two one waits 5 ms. */
static void what_fills_the_queue_is_no_part_of_the_figures(void **state) {
    (void)state;
    static const int64_t arrivals_ns[] = {MS(0), MS(0), MS(15), MS(30)};
    const double expected[] = {10, 20, 15, 10};
    simulated_service_open(&one, (int[]){1, 0}, (double[]){10});
    send_at(&one, arrivals_ns, COUNT(arrivals_ns));
    one.model.warm_ns = MS(15);
    bt_simulation *simulation = alone(&one);
    const bt_simulated *got = &simulation->models[0];
    assert_latencies(got, expected, COUNT(expected));
    assert_int_equal(got->ok, 4);
    assert_true(got->p50_ms == 10 && got->p95_ms == 15 && got->max_ms == 15);
    assert_true(fabs(got->mean_ms - 12.5) < 1e-9 && fabs(got->mean_queue_ms - 2.5) < 1e-9);
    assert_true(fabs(got->mean_run_ms - 10) < 1e-9);
    bt_simulation_close(&simulation);
    one.model.warm_ns = MS(31);
    simulation = alone(&one);
    assert_true(simulation->models[0].ok == 4 && isnan(simulation->models[0].mean_ms));
    bt_simulation_close(&simulation);
}

static void what_the_service_itself_costs_is_added_to_each_run(void **state) {
    (void)state;
    static const int64_t arrivals_ns[] = {MS(0), MS(100)};
    bt_simulation *simulation;
    simulated_service_open(&one, (int[]){1, 0}, (double[]){10});
    send_at(&one, arrivals_ns, 2);
    assert_int_equal(bt_simulate(&simulation,
                                 &(bt_simulation_options){.models = &one.model,
                                                          .model_count = 1,
                                                          .instances = &(bt_batcher_instance){0, 0},
                                                          .instance_count = 1,
                                                          .overhead_ns = MS(2)},
                                 NULL),
                     BT_OK);
    assert_latencies(&simulation->models[0], (double[]){12, 12}, 2);
    bt_simulation_close(&simulation);
}

/* Two are prepared from 0 to 6, run until 16 and are with their callers at 20. The third is given to the lane at 16,
 * which begins with it at 20. */
static void a_lane_prepares_before_a_run_and_delivers_after_it(void **state) {
    (void)state;
    static const int64_t arrivals_ns[] = {MS(0), MS(0), MS(1)};
    const double prepare_ms = 3, deliver_ms = 2;
    simulated_service_open(&one, (int[]){1, 2, 0}, (double[]){8, 10});
    one.model.prepare = (bt_service_times){1, &prepare_ms, 1};
    one.model.deliver = (bt_service_times){1, &deliver_ms, 1};
    one.model.batcher.max_queue_delay_ns = MS(1);
    send_at(&one, arrivals_ns, COUNT(arrivals_ns));
    bt_simulation *simulation = alone(&one);
    const bt_simulated *got = &simulation->models[0];
    assert_latencies(got, (double[]){20, 20, 32}, 3);
    assert_true(fabs(got->mean_queue_ms - 19 / 3.0) < 1e-9);
    assert_true(fabs(got->mean_prepare_ms - (6 + 6 + 3) / 3.0) < 1e-9);
    assert_true(fabs(got->mean_run_ms - (10 + 10 + 8) / 3.0) < 1e-9);
    assert_true(fabs(got->mean_deliver_ms - (4 + 4 + 2) / 3.0) < 1e-9);
    assert_true(fabs(got->utilisation - 1) < 1e-9);
    bt_simulation_close(&simulation);
}

/* With preparing p, a run s and delivering d, one lane answers 1 / (p + s + d) a second, however many ask. */
static void preparing_and_delivering_bound_what_a_lane_serves(void **state) {
    (void)state;
    const double prepare_ms = 3, deliver_ms = 2;
    for (int clients = 1; clients <= 4; clients++) {
        simulated_service_open(&one, (int[]){1, 0}, (double[]){5});
        one.model.prepare = (bt_service_times){1, &prepare_ms, 1};
        one.model.deliver = (bt_service_times){1, &deliver_ms, 1};
        one.model.arrival_count = 100;
        one.model.clients = clients;
        bt_simulation *simulation = alone(&one);
        const bt_simulated *got = &simulation->models[0];
        assert_true(fabs(got->throughput_rps - 100) < 1e-6);
        assert_true(fabs(got->p50_ms - 10.0 * clients) < 1e-9);
        conserved(got);
        bt_simulation_close(&simulation);
    }
}

/* A run that fails delivers nothing; the standard path prepares its images once more. */
static void what_fails_is_prepared_again_and_delivered_once(void **state) {
    (void)state;
    static const int64_t arrivals_ns[] = {MS(0)};
    const double prepare_ms = 3, deliver_ms = 2, standard_ms = 20;
    simulated_service_open(&one, (int[]){1, 0}, (double[]){5});
    one.model.prepare = (bt_service_times){1, &prepare_ms, 1};
    one.model.deliver = (bt_service_times){1, &deliver_ms, 1};
    one.model.standard = (bt_service_times){1, &standard_ms, 1};
    one.model.failure_probability = 1;
    send_at(&one, arrivals_ns, 1);
    bt_simulation *simulation = alone(&one);
    assert_latencies(&simulation->models[0], (double[]){3 + 5 + 3 + 20 + 2}, 1);
    bt_simulation_close(&simulation);
}

static void wrong_preparing_and_delivering_times_are_refused(void **state) {
    (void)state;
    static const double descending_ms[] = {2, 1};
    static const int64_t arrivals_ns[] = {MS(0)};
    for (int which = 0; which < 2; which++) {
        bt_simulation *simulation;
        simulated_service_open(&one, (int[]){1, 0}, (double[]){5});
        *(which ? &one.model.prepare : &one.model.deliver) = (bt_service_times){1, descending_ms, 2};
        send_at(&one, arrivals_ns, 1);
        assert_int_equal(bt_simulate(&simulation,
                                     &(bt_simulation_options){.models = &one.model,
                                                              .model_count = 1,
                                                              .instances = &(bt_batcher_instance){0, 0},
                                                              .instance_count = 1},
                                     NULL),
                         BT_INVALID);
        assert_null(simulation);
    }
}

/* ---- after idling ---- */

/* Runs of 10 ms end at 10, 30, 41 and 242 or so; the pauses before them are long, 10, 1 and about 200 ms. */
static void a_run_after_a_pause_takes_longer(void **state) {
    (void)state;
    static const int64_t arrivals_ns[] = {MS(0), MS(24), MS(24) + 1, MS(300), MS(1000)};
    static const double gap_ms[] = {0, 20, 200}, extra_ms[] = {0, 2, 4};
    simulated_service_open(&one, (int[]){1, 0}, (double[]){10});
    one.model.idle = (bt_idle_cost){gap_ms, extra_ms, 3};
    send_at(&one, arrivals_ns, COUNT(arrivals_ns));
    bt_simulation *simulation = alone(&one);
    /* 0 to 14; after 10 ms of pause 24 to 35; right after it to 45; after 255 ms and more: the most */
    assert_latencies(&simulation->models[0], (double[]){14, 11, 21 - 1e-6, 14, 14}, COUNT(arrivals_ns));
    bt_simulation_close(&simulation);
}

/* What counts is the device, whichever model ran there last. */
static void a_device_that_another_model_keeps_busy_does_not_idle(void **state) {
    (void)state;
    static const int64_t first_ns[] = {MS(0)}, second_ns[] = {MS(10)};
    static const double gap_ms[] = {0, 200}, extra_ms[] = {0, 4};
    for (int shared = 0; shared <= 1; shared++) {
        simulated_service_open(&one, (int[]){1, 0}, (double[]){10});
        simulated_service_open(&other, (int[]){1, 0}, (double[]){10});
        one.model.idle = other.model.idle = (bt_idle_cost){gap_ms, extra_ms, 2};
        one.model.idle.count = 0;
        send_at(&one, first_ns, 1);
        send_at(&other, second_ns, 1);
        bt_simulation *simulation = simulated((bt_simulation_model[]){one.model, other.model}, 2, shared, 1);
        assert_latencies(&simulation->models[1], (double[]){shared ? 10 : 14}, 1);
        bt_simulation_close(&simulation);
    }
}

/* ---- the order of runs ---- */

#define ORDER 240

/* Ranks of a series in which each value leans on the one before. */
static void spells(int ranks[ORDER]) {
    double values[ORDER];
    bt_random random = bt_random_stream(5, "spells");
    for (int i = 0; i < ORDER; i++)
        values[i] = bt_random_normal(&random) + (i > 0 ? 0.9 * values[i - 1] : 0);
    for (int i = 0; i < ORDER; i++) {
        ranks[i] = 0;
        for (int j = 0; j < ORDER; j++)
            ranks[i] += values[j] < values[i];
    }
}

static double correlation(const double *values, int count, int lag) {
    double mean = 0, power = 0, product = 0;
    for (int i = 0; i < count; i++)
        mean += values[i] / count;
    for (int i = 0; i < count; i++)
        power += (values[i] - mean) * (values[i] - mean);
    for (int i = lag; i < count; i++)
        product += (values[i] - mean) * (values[i - lag] - mean);
    return product / power;
}

/* A lone client's latencies are the service times one after another: 10 to 20 ms, evenly. */
static bt_simulation *one_after_another(const bt_run_order *order) {
    static const double even_ms[] = {10, 20};
    simulated_service_open(&one, (int[]){1, 0}, (double[]){10});
    one.times[0].quantiles_ms = even_ms;
    one.times[0].count = 2;
    if (order) one.model.order = *order;
    one.model.arrival_count = 50000;
    one.model.clients = 1;
    return alone(&one);
}

/* Blocks of neighbours keep what neighbours have in common, less what is lost at the seams, and change nothing of how
 * often each time comes. */
static void blocks_of_runs_keep_spells_and_the_distribution(void **state) {
    (void)state;
    int ranks[ORDER];
    double source[ORDER];
    spells(ranks);
    for (int i = 0; i < ORDER; i++)
        source[i] = ranks[i];
    const bt_run_order order = {ranks, ORDER, 40};
    bt_simulation *in_blocks = one_after_another(&order), *by_itself = one_after_another(NULL);
    const bt_simulated *blocks = &in_blocks->models[0], *single = &by_itself->models[0];
    for (int lag = 1; lag <= 10; lag++) {
        const double wanted = correlation(source, ORDER, lag);
        if (fabs(correlation(blocks->latency_ms, 50000, lag) - wanted) > 0.12)
            fail_msg("lag %d: %g, in the source %g", lag, correlation(blocks->latency_ms, 50000, lag),
                     wanted);
        assert_true(fabs(correlation(single->latency_ms, 50000, lag)) < 0.02);
    }
    assert_true(fabs(blocks->mean_ms - single->mean_ms) < 0.15);
    assert_true(fabs(blocks->p50_ms - single->p50_ms) < 0.3 && fabs(blocks->p95_ms - single->p95_ms) < 0.15);
    bt_simulation_close(&in_blocks);
    bt_simulation_close(&by_itself);
}

/* Runs of two sizes by turns, one in the shorter half of its times, the next in the longer: one order for both. */
static void a_spell_slows_every_size(void **state) {
    (void)state;
    static const double even_ms[] = {10, 20}, twice_ms[] = {20, 40};
    int64_t arrivals_ns[3 * 50];
    int ranks[50];
    for (int i = 0; i < 50; i++)
        ranks[i] = i < 25 ? 2 * i + 1 : 2 * (i - 25); /* neighbours are two ranks apart */
    for (int i = 0; i < 3 * 50; i++)
        arrivals_ns[i] = MS(100 * (i / 3 * 2 + (i % 3 > 0)));
    simulated_service_open(&one, (int[]){1, 2, 0}, (double[]){10, 20});
    one.times[0].quantiles_ms = even_ms;
    one.times[1].quantiles_ms = twice_ms;
    one.times[0].count = one.times[1].count = 2;
    one.model.batcher.max_queue_delay_ns = MS(1);
    one.model.order = (bt_run_order){ranks, 50, 50};
    send_at(&one, arrivals_ns, 3 * 50);
    bt_simulation *simulation = alone(&one);
    const double *latency_ms = simulation->models[0].latency_ms;
    int near = 0;
    for (int i = 0; i < 50; i++)
        near += fabs(2 * (latency_ms[3 * i] - 1) - latency_ms[3 * i + 1]) < 3;
    assert_int_equal(simulation->models[0].batches[0], 50);
    assert_int_equal(simulation->models[0].batches[1], 50);
    assert_true(near >= 47); /* all but those at the order's seams */
    bt_simulation_close(&simulation);
}

/* Clients that wait for their answer: n in flight, each behind the n - 1 others. */
static void a_closed_loop_keeps_so_many_in_flight(void **state) {
    (void)state;
    for (int clients = 1; clients <= 5; clients++) {
        simulated_service_open(&one, (int[]){1, 0}, (double[]){10});
        one.model.arrival_count = 100;
        one.model.clients = clients;
        bt_simulation *simulation = alone(&one);
        const bt_simulated *got = &simulation->models[0];
        assert_int_equal(got->ok, 100);
        assert_true(fabs(got->latency_ms[0] - 10) < 1e-9);
        assert_true(fabs(got->latency_ms[50] - 10 * clients) < 1e-9);
        assert_true(fabs(got->throughput_rps - 100) < 1e-6);
        bt_simulation_close(&simulation);
    }
}

/* Clients enough to fill every batch get the batch's whole throughput. */
static void a_closed_loop_of_batches_is_as_fast_as_they_are(void **state) {
    (void)state;
    simulated_service_linear(&one, 4, 4, 2);
    one.model.batcher.max_queue_delay_ns = MS(1);
    one.model.arrival_count = 4000;
    one.model.clients = 8;
    bt_simulation *simulation = alone(&one);
    assert_true(fabs(simulation->models[0].throughput_rps / (4 / 0.012) - 1) < 0.01);
    assert_true(simulation->models[0].mean_batch_size > 3.99);
    bt_simulation_close(&simulation);
}

/* ---- together on a device ---- */

/* Another model's only request takes the device for 200 ms from 500 on. Of those that come meanwhile every
 * one waits for what is left of it and for those before it: intended arrivals do not wait with them. */
static void a_stall_shows_at_its_true_length(void **state) {
    (void)state;
    static const int64_t stall_ns[] = {MS(500)};
    int64_t arrivals_ns[200];
    for (int i = 0; i < 200; i++)
        arrivals_ns[i] = MS(10 * i + 1);
    simulated_service_open(&one, (int[]){1, 0}, (double[]){4});
    simulated_service_open(&other, (int[]){1, 0}, (double[]){200});
    send_at(&one, arrivals_ns, 200);
    send_at(&other, stall_ns, 1);
    bt_simulation *simulation = simulated((bt_simulation_model[]){one.model, other.model}, 2, true, 1);
    const bt_simulated *got = &simulation->models[0];
    assert_true(got->latency_ms[49] == 4); /* came at 491 and was gone by 495 */
    for (int i = 50; i < 200; i++) {
        double place = i - 50, expected = fmax(199 - 10 * place + 4 * (place + 1), 4);
        assert_true(fabs(got->latency_ms[i] - expected) < 1e-9);
    }
    assert_true(got->p99_ms > 190 && got->p50_ms == 4);
    bt_simulation_close(&simulation);
}

static void fill(simulated_service *service, double load, uint64_t seed, int64_t count) {
    int64_t *arrivals_ns = simulated_poisson(seed, load * 4 / 0.012, count); /* 4 each 12 ms at load 1 */
    simulated_service_linear(service, 4, 4, 2);
    service->model.batcher.max_queue_delay_ns = MS(2);
    send_at(service, arrivals_ns, count);
}

static void empty(simulated_service *service) {
    free((void *)service->model.arrivals_ns);
}

/* A model beside another on a device of its own fares as if alone, to the last bit; on one device both wait
 * more, and no more than one runs at a time. */
static void models_on_one_device_take_turns(void **state) {
    (void)state;
    fill(&one, 0.35, 1, 5000);
    fill(&other, 0.35, 2, 5000);
    const bt_simulation_model models[] = {one.model, other.model};
    bt_simulation *lone = simulated(models, 1, true, 1), *apart = simulated(models, 2, false, 1);
    bt_simulation *shared = simulated(models, 2, true, 1);
    assert_memory_equal(lone->models[0].latency_ms, apart->models[0].latency_ms, 5000 * sizeof(double));
    for (int i = 0; i < 2; i++) {
        assert_int_equal(shared->models[i].ok, 5000);
        assert_true(shared->models[i].mean_ms > 1.2 * apart->models[i].mean_ms);
    }
    double busy_ns = 0;
    for (int i = 0; i < 2; i++)
        busy_ns += shared->models[i].utilisation * (double)shared->duration_ns;
    assert_true(busy_ns < 1.001 * (double)shared->duration_ns);
    bt_simulation_close(&lone);
    bt_simulation_close(&apart);
    bt_simulation_close(&shared);
    empty(&one);
    empty(&other);
}

static void a_second_instance_takes_what_one_cannot(void **state) {
    (void)state;
    fill(&one, 1.6, 1, 5000);
    bt_simulation *simulation;
    const bt_batcher_instance instances[] = {{0, 0}, {0, 1}};
    double mean_ms[2], utilisation[2];
    for (int i = 0; i < 2; i++) {
        bt_simulation_options options = {
            .models = &one.model, .model_count = 1, .instances = instances, .instance_count = i + 1};
        assert_int_equal(bt_simulate(&simulation, &options, NULL), BT_OK);
        mean_ms[i] = simulation->models[0].mean_ms;
        utilisation[i] = simulation->models[0].utilisation;
        bt_simulation_close(&simulation);
    }
    assert_true(mean_ms[0] > 1000 && mean_ms[1] < 40);
    /* 0.8 of their time were batches full */
    assert_true(utilisation[0] > 0.99 && utilisation[1] > 0.8 && utilisation[1] < 0.95);
    empty(&one);
}

/* ---- losses ---- */

static void a_full_queue_refuses(void **state) {
    (void)state;
    int64_t arrivals_ns[10] = {0};
    simulated_service_open(&one, (int[]){1, 0}, (double[]){10});
    one.model.batcher.max_queue_size = 3;
    send_at(&one, arrivals_ns, 10);
    bt_simulation *simulation = alone(&one);
    const bt_simulated *got = &simulation->models[0];
    conserved(got);
    assert_true(got->ok == 4 && got->rejected == 6); /* one runs, three wait */
    assert_true(got->max_ms == 40);
    bt_simulation_close(&simulation);
}

static void a_deadline_refuses_at_the_door_or_expires(void **state) {
    (void)state;
    int64_t arrivals_ns[10] = {0};
    simulated_service_open(&one, (int[]){1, 0}, (double[]){10});
    one.model.timeout_ns = MS(35);
    send_at(&one, arrivals_ns, 10);
    for (int admission = 0; admission <= 1; admission++) {
        one.model.batcher.admission = admission;
        bt_simulation *simulation = alone(&one);
        const bt_simulated *got = &simulation->models[0];
        conserved(got);
        assert_int_equal(got->ok, 3);
        assert_int_equal(admission ? got->rejected : got->expired, 7);
        assert_true(got->max_ms == 30);
        bt_simulation_close(&simulation);
    }
}

static void failures_go_to_the_standard_path_or_fail(void **state) {
    (void)state;
    static const double standard_ms = 30;
    static const int64_t arrivals_ns[] = {MS(0), MS(1000)};
    simulated_service_open(&one, (int[]){1, 0}, (double[]){10});
    one.model.failure_probability = 1;
    one.model.standard = (bt_service_times){1, &standard_ms, 1};
    send_at(&one, arrivals_ns, 2);
    bt_simulation *simulation = alone(&one);
    assert_latencies(&simulation->models[0], (double[]){40, 40}, 2);
    bt_simulation_close(&simulation);
    one.model.batcher.failover = false;
    simulation = alone(&one);
    assert_true(simulation->models[0].ok == 0 && simulation->models[0].failed == 2);
    assert_true(isnan(simulation->models[0].p95_ms) && isnan(simulation->models[0].mean_queue_ms));
    conserved(&simulation->models[0]);
    bt_simulation_close(&simulation);
}

/* ---- of any service ---- */

/* A model of any kind with any traffic; its arrivals are to be freed. */
static void any_service(bt_random *random, simulated_service *service) {
    static double spread_ms[2][BT_LADDER_SIZES_MAX][3];
    double(*own_ms)[3] = spread_ms[service == &other];
    simulated_service_linear(service, 1 + (int)bt_random_below(random, 8), bt_random_between(random, 0, 10),
                             bt_random_between(random, 0.1, 5));
    for (int i = 0; i < service->model.times_count; i++) {
        for (int q = 0; q < 3; q++)
            own_ms[i][q] = service->fixed_ms[i] * (1 + q * q / 2.0);
        service->times[i].quantiles_ms = own_ms[i];
        service->times[i].count = 3;
    }
    bt_simulation_model *model = &service->model;
    model->batcher.max_queue_size = 1 + (int)bt_random_below(random, 40);
    model->batcher.max_queue_delay_ns = (int64_t)bt_random_below(random, MS(10));
    model->batcher.admission = bt_random_below(random, 2);
    model->batcher.failover = bt_random_below(random, 4);
    model->batcher.watchdog_ns = bt_random_below(random, 3) ? 0 : MS(20);
    model->failure_probability = bt_random_below(random, 2) ? 0.2 * bt_random_uniform(random) : 0;
    model->timeout_ns = bt_random_below(random, 2) ? (int64_t)bt_random_below(random, MS(100)) : 0;
    model->arrival_count = 300;
    if (bt_random_below(random, 4) == 0)
        model->clients = 1 + (int)bt_random_below(random, 20);
    else
        model->arrivals_ns = simulated_poisson(bt_random_next(random), bt_random_between(random, 20, 800),
                                               model->arrival_count);
}

static void every_request_comes_to_one_end_and_equal_seeds_to_equal_runs(void **state) {
    (void)state;
    uint64_t hash[3];
    int alike = 0;
    for (uint64_t seed = 1; seed <= 300; seed++) {
        bt_random random = bt_random_stream(seed, "services");
        any_service(&random, &one);
        any_service(&random, &other);
        const bt_simulation_model models[] = {one.model, other.model};
        bool one_device = bt_random_below(&random, 2);
        for (int run = 0; run < 3; run++) {
            bt_simulation *simulation = simulated(models, 2, one_device, seed + (run == 2));
            hash[run] = simulation->trace_hash;
            for (int i = 0; i < 2; i++) {
                const bt_simulated *got = &simulation->models[i];
                if (got->ok + got->rejected + got->expired + got->failed != 300)
                    fail_msg("seed %llu: %lld of 300 are accounted for", (unsigned long long)seed,
                             (long long)(got->ok + got->rejected + got->expired + got->failed));
                conserved(got);
            }
            bt_simulation_close(&simulation);
        }
        if (hash[0] != hash[1]) fail_msg("seed %llu: two runs differ", (unsigned long long)seed);
        alike += hash[0] == hash[2];
        empty(&one);
        empty(&other);
    }
    assert_true(alike < 10); /* another seed is another run, unless deadlines let none end */
}

static void a_service_that_takes_no_time_answers_at_once(void **state) {
    (void)state;
    simulated_service_linear(&one, 4, 0, 0);
    one.model.arrival_count = 1000;
    one.model.clients = 10;
    bt_simulation *simulation = alone(&one);
    assert_true(simulation->models[0].ok == 1000 && simulation->models[0].max_ms == 0);
    assert_int_equal(simulation->duration_ns, 0);
    assert_true(isnan(simulation->models[0].throughput_rps)); /* none is known of no time */
    bt_simulation_close(&simulation);
}

static void no_request_at_all_is_no_fault(void **state) {
    (void)state;
    simulated_service_linear(&one, 4, 4, 2);
    bt_simulation *simulation = alone(&one);
    assert_true(simulation->models[0].ok == 0 && isnan(simulation->models[0].p95_ms));
    bt_simulation_close(&simulation);
}

/* ---- wrong options ---- */

static void refused(const char *what) {
    bt_simulation *simulation;
    bt_error error = {BT_OK, ""};
    bt_simulation_options options = {.models = &one.model,
                                     .model_count = 1,
                                     .instances = &(bt_batcher_instance){0, 0},
                                     .instance_count = 1};
    assert_int_equal(bt_simulate(&simulation, &options, &error), BT_INVALID);
    assert_null(simulation);
    if (!strstr(error.message, what)) fail_msg("\"%s\" does not say \"%s\"", error.message, what);
}

static void wrong_options_are_refused(void **state) {
    (void)state;
    static const int64_t descending_ns[] = {5, 4}, negative_ns[] = {-1};
    static const double descending_ms[] = {5, 4}, nan_ms[] = {NAN};
    simulated_service_linear(&one, 4, 4, 2);
    send_at(&one, descending_ns, 2);
    refused("do not ascend from 0 at [1]");
    send_at(&one, negative_ns, 1);
    refused("do not ascend from 0 at [0]");
    send_at(&one, (int64_t[]){INT64_MAX}, 1);
    refused("or pass 73 years");
    send_at(&one, NULL, 1);
    refused("closed loop of 0 clients");
    send_at(&one, NULL, -1);
    refused("-1 arrivals");
    send_at(&one, NULL, 0);
    one.times[2].quantiles_ms = descending_ms;
    one.times[2].count = 2;
    refused("service times of batch size 3 do not ascend");
    one.times[2].quantiles_ms = nan_ms;
    one.times[2].count = 1;
    refused("service times of batch size 3 do not ascend");
    one.times[2].quantiles_ms = (double[]){86400001};
    refused("or pass a day");
    one.times[2].count = 0;
    refused("no service times of batch size 3");
    simulated_service_linear(&one, 4, 4, 2);
    one.model.failure_probability = 1.5;
    refused("failure probability of 1.5");
    one.model.failure_probability = 0;
    one.model.order = (bt_run_order){(int[]){0, 2}, 2, 1};
    refused("an order of 2 runs in blocks of 1");
    one.model.order = (bt_run_order){(int[]){0, 1}, 2, 0};
    refused("an order of 2 runs in blocks of 0");
    one.model.order.count = 0;
    one.model.idle = (bt_idle_cost){(double[]){0, 0}, (double[]){0, 1}, 2};
    refused("pauses do not ascend at [1]");
    one.model.idle = (bt_idle_cost){(double[]){0, 1}, (double[]){-1, 1}, 2};
    refused("pauses do not ascend at [0], or cost more");
    one.model.idle.count = 0;
    one.model.batcher.max_batch_size = 5;
    refused("");
}

/* One of whose sums would pass 2^63 nanoseconds. */
static void what_would_take_longer_than_can_be_counted_is_refused(void **state) {
    (void)state;
    static const int sizes[] = {1, 0};
    static const double a_day_ms[] = {86400000};
    simulated_service_open(&one, sizes, a_day_ms);
    send_at(&one, NULL, 200000);
    one.model.clients = 2;
    refused("not over after 73 years");
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_tiny_schedule_goes_as_by_hand),
        cmocka_unit_test(what_fills_the_queue_is_no_part_of_the_figures),
        cmocka_unit_test(what_the_service_itself_costs_is_added_to_each_run),
        cmocka_unit_test(a_lane_prepares_before_a_run_and_delivers_after_it),
        cmocka_unit_test(preparing_and_delivering_bound_what_a_lane_serves),
        cmocka_unit_test(what_fails_is_prepared_again_and_delivered_once),
        cmocka_unit_test(wrong_preparing_and_delivering_times_are_refused),
        cmocka_unit_test(a_run_after_a_pause_takes_longer),
        cmocka_unit_test(a_device_that_another_model_keeps_busy_does_not_idle),
        cmocka_unit_test(blocks_of_runs_keep_spells_and_the_distribution),
        cmocka_unit_test(a_spell_slows_every_size),
        cmocka_unit_test(a_closed_loop_keeps_so_many_in_flight),
        cmocka_unit_test(a_closed_loop_of_batches_is_as_fast_as_they_are),
        cmocka_unit_test(a_stall_shows_at_its_true_length),
        cmocka_unit_test(models_on_one_device_take_turns),
        cmocka_unit_test(a_second_instance_takes_what_one_cannot),
        cmocka_unit_test(a_full_queue_refuses),
        cmocka_unit_test(a_deadline_refuses_at_the_door_or_expires),
        cmocka_unit_test(failures_go_to_the_standard_path_or_fail),
        cmocka_unit_test(every_request_comes_to_one_end_and_equal_seeds_to_equal_runs),
        cmocka_unit_test(a_service_that_takes_no_time_answers_at_once),
        cmocka_unit_test(no_request_at_all_is_no_fault),
        cmocka_unit_test(wrong_options_are_refused),
        cmocka_unit_test(what_would_take_longer_than_can_be_counted_is_refused),
    };
    return cmocka_run_group_tests_name("simulate-service", tests, NULL, NULL);
}
