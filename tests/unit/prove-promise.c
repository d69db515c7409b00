/* Two hundred services, and how often the load test's word about them is wrong.
 *
 * Each is simulated around the very batcher that serves, on schedules that the load test plans, for as long
 * as it would go on, and judged by the code that judges. Its true P95, from a long simulation, lies at 0.8
 * to 1.2 of its SLA; half of them live on a machine whose speed goes in spells. Others are tested with bursty
 * arrivals and with ramps, whose late requests come together. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "base/random.h"
#include "measure/quantile.h"
#include "prove/course.h"
#include "prove/judge.h"
#include "prove/looks.h"
#include "prove/plan.h"
#include "prove/sum.h"
#include "simulated-service.h"
#include "statistics.h"

#define SERVICES  200
#define LONG_S    3000 /* of a simulation that tells the truth */
#define QUANTILES 64
#define SPREAD    0.05 /* of service times, lognormal */
#define SPELL_S   0.5  /* slow spells of a disturbed machine, on average, */
#define BETWEEN_S 6.0  /* and the time between them */
#define SLOW_BY   1.4

/* A kind of service. */
typedef struct kind {
    const char *scenario;
    double lone_ms, load; /* of the sustained rate: a share of what single images would allow */
    bool disturbed;
    double p95_ms; /* the truth */
    bt_load_arrivals arrivals;
} kind;

static kind kinds[] = {
    {"single", 20, 0, false, 0, BT_ARRIVALS_POISSON},
    {"single", 20, 0, true, 0, BT_ARRIVALS_POISSON},
    {"burst", 10, 0, false, 0, BT_ARRIVALS_POISSON},
    {"burst", 10, 0, true, 0, BT_ARRIVALS_POISSON},
    {"sustained", 5, 0.3, false, 0, BT_ARRIVALS_POISSON},
    {"sustained", 5, 0.3, true, 0, BT_ARRIVALS_POISSON},
    {"sustained", 10, 0.5, false, 0, BT_ARRIVALS_POISSON},
    {"sustained", 10, 0.5, true, 0, BT_ARRIVALS_POISSON},
};
static kind kinds_of_other_arrivals[] = {
    {"sustained", 5, 0.3, false, 0, BT_ARRIVALS_GAMMA},  {"sustained", 5, 0.3, true, 0, BT_ARRIVALS_GAMMA},
    {"sustained", 10, 0.5, false, 0, BT_ARRIVALS_GAMMA}, {"sustained", 10, 0.5, true, 0, BT_ARRIVALS_GAMMA},
    {"sustained", 5, 0.5, false, 0, BT_ARRIVALS_RAMP},   {"sustained", 5, 0.5, true, 0, BT_ARRIVALS_RAMP},
    {"sustained", 10, 0.7, false, 0, BT_ARRIVALS_RAMP},  {"sustained", 10, 0.7, true, 0, BT_ARRIVALS_RAMP},
};
#define KINDS (sizeof kinds / sizeof *kinds)

_Static_assert(sizeof kinds_of_other_arrivals == sizeof kinds, "as many of either");

static simulated_service service; /* large */
static double times_ms[3][QUANTILES];
static bt_plan plan; /* large */

/* Batches of up to four, a little cheaper than four single images. */
static void open_service(const kind *k) {
    static const double of_size[] = {1, 1.8, 3.2};
    double lone[3];
    for (int i = 0; i < 3; i++) {
        lone[i] = of_size[i] * k->lone_ms;
        for (int q = 0; q < QUANTILES; q++)
            times_ms[i][q] = lone[i] * exp(SPREAD * statistics_normal_quantile((q + 0.5) / QUANTILES));
    }
    simulated_service_open(&service, (int[]){1, 2, 4, 0}, lone);
    for (int i = 0; i < 3; i++)
        service.times[i] = (bt_service_times){1 << i, times_ms[i], QUANTILES};
}

static const bt_plan_scenario *plan_of(const kind *k) {
    bt_load_settings settings = {.seed = 1, .rate = "auto", .scenarios.count = 1, .arrivals = k->arrivals};
    bt_error error = {BT_OK, ""};
    const bt_plan_model model = {.name = "model",
                                 .batch_size = 4,
                                 .instances = 1,
                                 .batch_ns = (int64_t)(3.2 * k->lone_ms * 1e6),
                                 .lone_ns = (int64_t)(k->lone_ms * 1e6),
                                 .recommended_rps = 1e3 * k->load / k->lone_ms,
                                 .throughput_rps = 1e3 / k->lone_ms};
    snprintf(settings.scenarios.names[0], BT_NAME_SIZE, "%s", k->scenario);
    if (bt_plan_make(&plan, &settings, &model, 1, false, &error) != BT_OK) fail_msg("%s", error.message);
    return &plan.scenarios[0];
}

/* A machine's spells, as time goes on. */
typedef struct spells {
    bt_random random;
    double at_s, until_s; /* slow between them */
} spells;

static double slowness(spells *s, double now_s) {
    while (now_s >= s->until_s) {
        s->at_s = s->until_s + BETWEEN_S * bt_random_exponential(&s->random);
        s->until_s = s->at_s + SPELL_S * bt_random_exponential(&s->random);
    }
    return now_s >= s->at_s ? SLOW_BY : 1;
}

/* Simulates a segment; its latencies in order, owned by the caller. */
static double *latencies_of(const kind *k, const bt_plan_scenario *segment, const bt_schedule *schedule,
                            uint64_t seed, int64_t *count) {
    bt_simulation_model *model = &service.model;
    model->clients = segment->parts[0].clients;
    model->arrivals_ns = schedule->arrivals_ns;
    model->arrival_count =
        model->clients ? segment->duration_ns / (int64_t)(k->lone_ms * 1e6) : schedule->count;
    bt_simulation *simulation = simulated(model, 1, true, seed);
    bt_simulated *result = &simulation->models[0];
    spells s = {.random = bt_random_stream(seed, "spells")};
    double *latencies = result->latency_ms, now_s = 0;
    *count = result->arrival_count;
    for (int64_t i = 0; i < *count; i++) {
        if (!model->clients) now_s = (double)schedule->arrivals_ns[i] / 1e9;
        if (k->disturbed) latencies[i] *= slowness(&s, now_s);
        if (model->clients) now_s += latencies[i] / 1e3;
    }
    result->latency_ms = NULL;
    bt_simulation_close(&simulation);
    return latencies;
}

static void open_schedule(bt_schedule *out, const bt_plan_scenario *segment, uint64_t seed) {
    bt_error error = {BT_OK, ""};
    bt_schedule_options options = segment->parts[0].schedule;
    options.seed ^= seed;
    *out = (bt_schedule){0};
    if (segment->parts[0].clients) return;
    if (bt_schedule_open(out, &options, &error) != BT_OK) fail_msg("%s", error.message);
}

static void learn_truth(kind *k) {
    bt_plan_scenario segment = *plan_of(k);
    bt_schedule schedule;
    int64_t count;
    segment.duration_ns = segment.parts[0].schedule.duration_ns = LONG_S * BT_NS_PER_S;
    open_service(k);
    open_schedule(&schedule, &segment, 99);
    double *latencies = latencies_of(k, &segment, &schedule, 99, &count);
    bt_sort(latencies, (size_t)count);
    k->p95_ms = bt_quantile(latencies, (size_t)count, 0.95);
    free(latencies);
    bt_schedule_close(&schedule);
}

/* Sends one segment and adds it to the course. */
static void add_segment(bt_course *course, const kind *k, const bt_plan_scenario *segment, uint64_t seed) {
    bt_error error = {BT_OK, ""};
    bt_schedule schedule;
    int64_t count, start_ns = BT_NS_PER_S, now_ns = start_ns;
    open_schedule(&schedule, segment, seed);
    double *latencies = latencies_of(k, segment, &schedule, seed, &count);
    bt_sent_request *requests = calloc((size_t)count + 1, sizeof *requests);
    assert_non_null(requests);
    bt_request_log log = {.requests = requests, .count = count, .start_ns = start_ns, .end_ns = start_ns};
    for (int64_t i = 0; i < count; i++) {
        if (!segment->parts[0].clients) now_ns = start_ns + schedule.arrivals_ns[i];
        int64_t latency_ns = (int64_t)(latencies[i] * 1e6);
        requests[i] = (bt_sent_request){.intended_ns = now_ns,
                                        .sent_ns = now_ns,
                                        .answered_ns = now_ns + latency_ns,
                                        .service_ns = latency_ns,
                                        .batch_size = 1};
        if (requests[i].answered_ns > log.end_ns) log.end_ns = requests[i].answered_ns;
        if (segment->parts[0].clients) now_ns += latency_ns;
    }
    if (bt_course_add(course, &log, &schedule, 1, segment->duration_ns, &error) != BT_OK)
        fail_msg("%s", error.message);
    free(requests);
    free(latencies);
    bt_schedule_close(&schedule);
}

/* The load test's word about a service of this kind whose SLA is `ratio` of its true P95, and how many times
 * its length it took. */
static bt_load_verdict word_of(const kind *k, double sla_ms, uint64_t seed, int *lengths) {
    const bt_plan_scenario *scenario = plan_of(k);
    const bt_judge_facts facts = {.p95_sla_ms = sla_ms, .batch_size = 4, .lone_p95_ms = NAN};
    bt_load_part part = {0};
    bt_load_scenario judged = {.judged = true, .parts = &part, .part_count = 1};
    bt_course course = {0};
    bt_error error = {BT_OK, ""};
    open_service(k);
    do {
        const bt_look look = bt_looks_at(course.looks, scenario->lengthen);
        const bt_plan_scenario segment = bt_plan_segment(scenario, course.looks);
        *lengths = look.lengths;
        add_segment(&course, k, &segment, seed + (uint64_t)course.looks);
        free(part.latencies_ms);
        free(part.bins);
        part = (bt_load_part){0};
        if (bt_sum_part(&part, &course.log, 0, &look, &error) != BT_OK) fail_msg("%s", error.message);
        bt_judge_part(&part, &judged, &facts);
    } while (course.looks < bt_looks_count(scenario->lengthen) && bt_judge_undecided(&judged));
    free(part.latencies_ms);
    free(part.bins);
    bt_course_close(&course);
    return part.verdict;
}

/* What is counted, of services that keep their SLA, and of those that do not. */
typedef struct tally {
    int kept, broken, wrongly_met, wrongly_broken, near, undecided_near;
    double lengths;
} tally;

static void try_service(tally *t, const kind *k, double ratio, uint64_t seed) {
    int lengths;
    bt_load_verdict word = word_of(k, k->p95_ms / ratio, seed, &lengths);
    t->lengths += lengths;
    t->kept += ratio < 1;
    t->broken += ratio > 1;
    t->wrongly_met += ratio > 1 && word == BT_LOAD_MET;
    t->wrongly_broken += ratio < 1 && word == BT_LOAD_BROKEN;
    bool near = ratio == 0.9 || ratio == 1.1;
    t->near += near;
    t->undecided_near += near && word == BT_LOAD_NOT_SHOWN;
}

/* Tries services of the kinds; fails where more than `missing` of those near their SLA stay undecided. */
static void try_services(kind *of_kinds, double missing) {
    const char *one = getenv("BATCHTUNE_SEED"), *many = getenv("BATCHTUNE_SERVICES");
    const uint64_t seed = one ? strtoull(one, NULL, 10) : 14;
    const int services = many ? atoi(many) : SERVICES;
    bt_random random = bt_random_stream(seed, "prove-promise");
    tally of[2] = {{0}, {0}}, *quiet = &of[0], *disturbed = &of[1];
    for (size_t i = 0; i < KINDS; i++)
        learn_truth(&of_kinds[i]);
    for (int i = 0; i < services; i++) {
        const kind *k = &of_kinds[(size_t)i % KINDS];
        double ratio = bt_random_between(&random, 0.8, 1.2);
        if (i / (int)KINDS % 2 == 0) ratio = i / (int)KINDS % 4 == 0 ? 0.9 : 1.1;
        try_service(&of[k->disturbed], k, ratio, seed + 1000 * (uint64_t)i);
    }
    for (int i = 0; i < 2; i++)
        print_message("%s: wrongly met %d of %d, wrongly broken %d of %d, not shown at 0.9 and 1.1 %d of %d, "
                      "on average %.1f lengths\n",
                      i ? "disturbed" : "quiet", of[i].wrongly_met, of[i].broken, of[i].wrongly_broken,
                      of[i].kept, of[i].undecided_near, of[i].near, of[i].lengths / (services / 2.0));
    int met = quiet->wrongly_met + disturbed->wrongly_met, above = quiet->broken + disturbed->broken;
    int broken = quiet->wrongly_broken + disturbed->wrongly_broken, within = quiet->kept + disturbed->kept;
    int undecided = quiet->undecided_near + disturbed->undecided_near, near = quiet->near + disturbed->near;
    if (met > 0.05 * above || broken > 0.01 * within || undecided > missing * near)
        fail_msg("BATCHTUNE_SEED=%llu: that is too often", (unsigned long long)seed);
}

static void the_word_is_seldom_wrong_and_seldom_missing(void **state) {
    (void)state;
    try_services(kinds, 0.2);
}

/* A verdict rests on no rule of how requests arrive. But bursts and ramps show less with as many. */
static void nor_is_it_wrong_where_arrivals_are_not_poissons(void **state) {
    (void)state;
    try_services(kinds_of_other_arrivals, 0.5);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_word_is_seldom_wrong_and_seldom_missing),
        cmocka_unit_test(nor_is_it_wrong_where_arrivals_are_not_poissons),
    };
    return cmocka_run_group_tests_name("prove-promise", tests, NULL, NULL);
}
