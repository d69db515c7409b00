#include "fixture-load-record.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/random.h"
#include "measure/quantile.h"

#define SENT    200
#define SECONDS 10

/* A part as it is planned here: what its latencies look like, and what was made of them. */
typedef struct planned_part {
    const char *model;
    bt_load_verdict verdict;
    double typical_ms, spread_ms, predicted_p95_ms;
    int batch;
    const char *cause, *remedy;
} planned_part;

typedef struct planned_scenario {
    const char *name, *title, *shape;
    bool judged;
    int clients, burst_size, attempts;
    const char *disturbed;
    planned_part parts[2];
    int part_count;
} planned_scenario;

static const planned_scenario planned[] = {
    {"single",
     "Single Request",
     "closed",
     true,
     1,
     0,
     1,
     "",
     {{"hrnet", BT_LOAD_MET, 32, 4, 36, 1, "", ""}},
     1},
    {"single",
     "Single Request",
     "closed",
     true,
     1,
     0,
     1,
     "",
     {{"cbam_resunet", BT_LOAD_MET, 61, 3, 63, 1, "", ""}},
     1},
    {"burst", "Burst Load", "burst", true, 0, 4, 1, "", {{"hrnet", BT_LOAD_MET, 71, 5, 80, 4, "", ""}}, 1},
    {"largest-burst",
     "Largest Burst",
     "burst",
     false,
     0,
     7,
     1,
     "",
     {{"hrnet", BT_LOAD_MET, 78, 6, 88, 4, "", ""}},
     1},
    {"sustained",
     "Sustained Load",
     "poisson",
     true,
     0,
     0,
     1,
     "",
     {{"hrnet", BT_LOAD_BROKEN, 84, 30, 93, 3,
       "requests wait: P95 of the queue is 31.2 ms, of computing 62.0 ms",
       "try --max-queue-delay-ms 1 (predicted P95 84.1 ms)"}},
     1},
    {"sustained",
     "Sustained Load",
     "poisson",
     true,
     0,
     0,
     2,
     "other programs used 1.10 cores on average in 7 of 10 s",
     {{"cbam_resunet", BT_LOAD_NOT_SHOWN, 98, 40, 70, 1, "the machine was not quiet",
       "close other programs and repeat"}},
     1},
    {"mixed",
     "Mixed Load",
     "poisson",
     true,
     0,
     0,
     1,
     "",
     {{"hrnet", BT_LOAD_NOT_SHOWN, 70, 25, 88, 2, "200 requests show P95 to be at least 80.0 ms, of 90",
       "a longer --duration would tell"},
      {"cbam_resunet", BT_LOAD_NOT_SHOWN, 0, 0, NAN, 0, "not run: interrupted before", ""}},
     2},
};

static void *must(void *memory) {
    if (memory) return memory;
    fprintf(stderr, "the fixture cannot be built: out of memory\n");
    abort();
}

static void fill_latency(bt_load_part *part, const planned_part *plan, bt_random *random) {
    double sorted[SENT], sum = 0;
    part->latencies_ms = must(calloc(SENT, sizeof *part->latencies_ms));
    part->latency_count = SENT;
    part->latency_step = 1;
    for (int i = 0; i < SENT; i++) {
        part->latencies_ms[i] = plan->typical_ms + plan->spread_ms * fabs(bt_random_normal(random)) / 2;
        sorted[i] = part->latencies_ms[i];
        sum += sorted[i];
    }
    bt_sort(sorted, SENT);
    bt_load_latency *l = &part->latency;
    *l = (bt_load_latency){.mean_ms = sum / SENT, .max_ms = sorted[SENT - 1], .effective_count = 150};
    l->p50_ms = bt_quantile(sorted, SENT, 0.5);
    l->p90_ms = bt_quantile(sorted, SENT, 0.9);
    l->p95_ms = bt_quantile(sorted, SENT, 0.95);
    l->p99_ms = bt_quantile(sorted, SENT, 0.99);
    l->p999_ms = bt_quantile(sorted, SENT, 0.999);
    l->p95_lower_ms = bt_quantile(sorted, SENT, 0.92);
    l->p95_upper_ms = bt_quantile(sorted, SENT, 0.98);
    part->service_mean_ms = plan->typical_ms * 0.8;
    part->preprocess_mean_ms = 0.5;
    part->slip_mean_ms = 0.01;
    part->queue_mean_ms = l->mean_ms - part->service_mean_ms - 0.51;
    part->queue_p95_ms = part->queue_mean_ms * 2;
    part->service_p95_ms = part->service_mean_ms * 1.1;
    part->actual_p95_ms = l->p95_ms;
}

static void fill_bins(bt_load_part *part) {
    part->bins = must(calloc(SECONDS, sizeof *part->bins));
    part->bin_count = SECONDS;
    for (int i = 0; i < SECONDS; i++)
        part->bins[i] = (bt_load_bin){.sent = SENT / SECONDS,
                                      .answered = SENT / SECONDS - (i == 0),
                                      .p50_ms = part->latency.p50_ms + i,
                                      .p95_ms = part->latency.p95_ms + i,
                                      .max_ms = part->latency.max_ms + i,
                                      .queue_mean = 0.2 * i,
                                      .queue_max = i,
                                      .canary_ms = 1.0 + 0.01 * i,
                                      .others_cores = i == 3 ? NAN : 0.05};
}

static void fill_part(bt_load_part *part, const planned_scenario *scenario, const planned_part *plan,
                      bt_random *random) {
    snprintf(part->model, sizeof part->model, "%s", plan->model);
    snprintf(part->cause, sizeof part->cause, "%s", plan->cause);
    snprintf(part->remedy, sizeof part->remedy, "%s", plan->remedy);
    part->verdict = plan->verdict;
    part->clients = scenario->clients;
    part->burst_size = scenario->burst_size;
    part->rate_rps = scenario->clients > 0 ? NAN : 20;
    part->predicted_p95_ms = plan->predicted_p95_ms;
    part->predicted_p50_ms = plan->predicted_p95_ms * 0.8;
    part->predicted_throughput_rps = 20;
    part->mean_batch_size = NAN;
    part->throughput_rps = NAN;
    part->latency_step = 1;
    if (plan->batch == 0) { /* nothing was sent */
        part->latency = (bt_load_latency){NAN, NAN, NAN, NAN, NAN, NAN, NAN, NAN, NAN, NAN};
        return;
    }
    part->sent = part->ok = SENT;
    if (plan->typical_ms == 70) { /* some had no result */
        part->ok -= 6;
        part->rejected_full = 3;
        part->expired = 2;
        part->failed = 1;
        part->fallback = 4;
    }
    part->throughput_rps = 19.8;
    part->mean_batch_size = plan->batch;
    part->batches[plan->batch - 1] = SENT;
    fill_latency(part, plan, random);
    fill_bins(part);
}

static void fill_model(bt_load_model *model, const char *name, const char *title, int batch_size) {
    *model = (bt_load_model){.image_size = 128,
                             .batch_size = batch_size,
                             .instances = 1,
                             .threads = 2,
                             .ladder = {1, 2, 4},
                             .ladder_count = batch_size > 1 ? 3 : 1,
                             .p95_sla_ms = 90,
                             .max_queue_delay_ms = 5,
                             .max_queue_size = 100,
                             .tuned_here = true,
                             .config_meets_sla = true,
                             .capacity_rps = 33,
                             .recommended_rps = 19.8,
                             .largest_spike = 7,
                             .standard_img_per_sec = 24.6,
                             .standard_p50_ms = 40.6,
                             .production_img_per_sec = 56.6,
                             .speedup = 2.3,
                             .start_s = 1.4,
                             .memory_mb = 512};
    snprintf(model->model, sizeof model->model, "%s", name);
    snprintf(model->title, sizeof model->title, "%s", title);
    snprintf(model->device, sizeof model->device, "cpu");
    snprintf(model->backend, sizeof model->backend, "torch 2.15.0");
    snprintf(model->precision, sizeof model->precision, "bf16");
    snprintf(model->weights, sizeof model->weights, "demo");
    snprintf(model->memory_kind, sizeof model->memory_kind, "process");
}

static bt_load_record *open_record(int model_count) {
    bt_load_record *record;
    bt_error error;
    size_t rows;
    if (bt_load_record_open(&record, model_count, &error) != BT_OK) must(NULL);
    const bt_option *table = bt_load_settings_table(&rows);
    bt_options_default(table, rows, &record->settings, &record->sources);
    record->settings.service.p95_sla_ms = 90;
    snprintf(record->run_id, sizeof record->run_id, "20260102-030405-load");
    snprintf(record->command, sizeof record->command, "test-production --seed 7");
    snprintf(record->started_at, sizeof record->started_at, "2026-01-02T03:04:05Z");
    snprintf(record->finished_at, sizeof record->finished_at, "2026-01-02T03:08:05Z");
    snprintf(record->workload, sizeof record->workload, "production");
    snprintf(record->config_path, sizeof record->config_path, "configs/production_batch_config.json");
    snprintf(record->images, sizeof record->images, "synthetic spheroids");
    record->testing_s = 240;
    fill_model(&record->models[0], "hrnet", "HRNet", 4);
    if (model_count > 1) fill_model(&record->models[1], "cbam_resunet", "CBAM-ResUNet", 1);
    return record;
}

bt_load_record *fixture_load_record(void) {
    bt_load_record *record = open_record(2);
    bt_random random = bt_random_stream(7, "fixture-load-record");
    for (size_t i = 0; i < sizeof planned / sizeof *planned; i++) {
        const planned_scenario *plan = &planned[i];
        bt_load_scenario *scenario = must(bt_load_record_add(record, plan->part_count));
        snprintf(scenario->name, sizeof scenario->name, "%s", plan->name);
        snprintf(scenario->title, sizeof scenario->title, "%s", plan->title);
        snprintf(scenario->shape, sizeof scenario->shape, "%s", plan->shape);
        snprintf(scenario->disturbed, sizeof scenario->disturbed, "%s", plan->disturbed);
        scenario->duration_s = SECONDS;
        scenario->judged = plan->judged;
        scenario->attempts = plan->attempts;
        scenario->looks = 1;
        scenario->generator_p50_us = plan->clients > 0 ? NAN : 4;
        scenario->generator_p99_us = plan->clients > 0 ? NAN : 60;
        scenario->generator_max_us = plan->clients > 0 ? NAN : 200;
        scenario->canary_spread_percent = 9;
        scenario->others_cores = plan->disturbed[0] ? 1.1 : 0.05;
        for (int p = 0; p < plan->part_count; p++)
            fill_part(&scenario->parts[p], plan, &plan->parts[p], &random);
    }
    snprintf(record->verdict, sizeof record->verdict, "sla-broken");
    record->verdict_code = 3;
    snprintf(record->advice, sizeof record->advice, "HRNet misses the SLA of 90 ms under Sustained Load");
    return record;
}

bt_load_record *fixture_load_record_of_nothing(void) {
    bt_load_record *record = open_record(1);
    snprintf(record->verdict, sizeof record->verdict, "interrupted");
    record->verdict_code = 130;
    snprintf(record->advice, sizeof record->advice, "stopped before the first scenario");
    return record;
}

int fixture_load_record_set_up(void **state) {
    *state = fixture_load_record();
    return 0;
}

int fixture_load_record_tear_down(void **state) {
    bt_load_record_close((bt_load_record **)state);
    return 0;
}
