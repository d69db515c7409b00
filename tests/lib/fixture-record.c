#include "fixture-record.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/random.h"
#include "measure/summary.h"

#define SLA_MS         250.0
#define QUEUE_DELAY_MS 5.0
#define ENOUGH         85 /* samples that accept the SLA when none is late */
#define SCREENED       12

typedef struct planned_point {
    int batch_size;
    bt_outcome outcome;
    int samples;
    double mask_iou;
    const char *why;
} planned_point;

typedef struct planned_model {
    const char *name, *title;
    double fixed_ms, per_image_ms, base_mb, per_image_mb, standard_ms;
    const planned_point *points;
    int point_count;
} planned_model;

static const planned_point hrnet[] = {
    {1, BT_OUTCOME_MEASURED, ENOUGH, 0.9981, "efficiency 5.0 % below batch 2"},
    {2, BT_OUTCOME_MEASURED, ENOUGH, 0.9979, "best efficiency"},
    {3, BT_OUTCOME_SKIPPED_DOMINATED, SCREENED, 0.9980, "efficiency about 3 % below batch 2; not confirmed"},
    {4, BT_OUTCOME_MEASURED, ENOUGH, 0.9980, "efficiency 7.2 % below batch 2"},
    {6, BT_OUTCOME_MASK_DISAGREES, SCREENED, 0.9412, "masks agree only to IoU 0.9412 (at least 0.99)"},
    {8, BT_OUTCOME_MEASURED, ENOUGH, 0.9978, "efficiency 21.8 % below batch 2"},
    {12, BT_OUTCOME_OVER_SLA, 3, 0.9979, "P95 +57.9 ms over the SLA"},
    {16, BT_OUTCOME_CRASHED, 0, NAN, "worker killed by signal 11 (segmentation fault)"},
};

static const planned_point cbam_resunet[] = {
    {1, BT_OUTCOME_MEASURED, ENOUGH, 0.9990, "best efficiency"},
    {2, BT_OUTCOME_MEASURED, ENOUGH, 0.9991, "efficiency 4.3 % below batch 1"},
    {3, BT_OUTCOME_UNDECIDED, 30, 0.9990, "P95 is 15.0 ms under the SLA; 30 samples do not prove it"},
    {4, BT_OUTCOME_OVER_SLA, 9, 0.9990, "P95 +38.5 ms over the SLA"},
    {6, BT_OUTCOME_OVER_MEMORY, SCREENED, 0.9990, "942 MiB used, 922 MiB allowed by the 10 % reserve"},
    {8, BT_OUTCOME_PREDICTED_OVER_MEMORY, 0, NAN, "1024 MiB by the fit, 922 MiB allowed"},
    {12, BT_OUTCOME_OUT_OF_MEMORY, 0, NAN, "the kernel ended the worker for want of memory"},
};

static const planned_model planned[] = {
    {"hrnet", "HRNet", 40, 22, 310, 22, 118, hrnet, sizeof hrnet / sizeof hrnet[0]},
    {"cbam_resunet", "CBAM-ResUNet", 60, 55, 420, 41, 203, cbam_resunet,
     sizeof cbam_resunet / sizeof cbam_resunet[0]},
};

static void must(bt_status status) {
    if (status == BT_OK) return;
    fprintf(stderr, "the fixture cannot be built: %s\n", bt_status_name(status));
    abort();
}

/* Service times are skewed: a floor, a spread of 1.5 %, and now and then a stall. */
static double draw_ms(bt_random *random, double typical_ms) {
    double stall = bt_random_uniform(random) < 0.04 ? 0.06 : 0;
    return typical_ms * (1 + 0.015 * fabs(bt_random_normal(random)) + stall);
}

static void measure(bt_point *point, int count, double typical_ms, bt_random *random) {
    bt_error error;
    bt_summary summary;
    double samples_ms[ENOUGH];
    for (int i = 0; i < count; i++)
        samples_ms[i] = draw_ms(random, typical_ms);
    must(bt_point_add_samples(point, samples_ms, count, &error));
    must(bt_summarize(samples_ms, (size_t)count, &summary, &error));
    point->p50_ms = summary.median;
    point->p95_ms = summary.p95;
    point->p95_lower_ms = summary.p95_lower;
    point->p95_upper_ms = summary.p95_upper;
    point->mean_ms = summary.mean;
    point->effective_samples = summary.effective_count;
    point->throughput_imgs_per_sec = point->batch_size / summary.mean * 1e3;
    point->efficiency = point->throughput_imgs_per_sec / sqrt(point->batch_size);
    point->late_budget_ms = QUEUE_DELAY_MS + 2 * point->p95_ms;
}

static void fill_points(bt_model_record *model, const planned_model *plan, bt_random *random) {
    for (int i = 0; i < plan->point_count; i++) {
        const planned_point *from = &plan->points[i];
        bt_point *point = bt_record_add_point(model, from->batch_size);
        if (!point) abort();
        point->outcome = from->outcome;
        snprintf(point->why, sizeof point->why, "%s", from->why);
        double memory_mb = plan->base_mb + plan->per_image_mb * from->batch_size;
        if (from->samples == 0) {
            if (from->outcome == BT_OUTCOME_PREDICTED_OVER_MEMORY) point->memory_predicted_mb = memory_mb;
            continue;
        }
        measure(point, from->samples, plan->fixed_ms + plan->per_image_ms * from->batch_size, random);
        point->memory_mb = memory_mb + bt_random_between(random, -4, 4);
        point->memory_total_used_mb = point->memory_mb + 276;
        point->mask_iou = from->mask_iou;
        point->logit_error = 0.012;
        point->on_pareto_front = from->outcome == BT_OUTCOME_MEASURED;
    }
}

static void fill_model(bt_model_record *model, const planned_model *plan, bt_random *random) {
    snprintf(model->model, sizeof model->model, "%s", plan->name);
    snprintf(model->title, sizeof model->title, "%s", plan->title);
    snprintf(model->precision, sizeof model->precision, "bf16");
    snprintf(model->device, sizeof model->device, "cpu");
    snprintf(model->backend, sizeof model->backend, "torch");
    snprintf(model->backend_detail, sizeof model->backend_detail, "torch 2.15.0, channels_last");
    snprintf(model->weights_source, sizeof model->weights_source, "demo");
    model->weights_hash = bt_fnv1a64(BT_FNV_START, plan->name, strlen(plan->name));
    model->trained_weights = model->computes_masks = true;
    model->image_size = 128;
    model->threads = 2;
    fill_points(model, plan, random);
    model->standard_median_ms = plan->standard_ms;
    model->memory_total_mb = 1024;
    model->production_memory = (bt_memory_fit){"bf16", plan->base_mb, plan->per_image_mb, 6, 0};
    model->standard_memory = (bt_memory_fit){"fp32", plan->base_mb + 90, 2 * plan->per_image_mb, 3, 0};
    model->production_memory.largest_batch = (int64_t)((646 - plan->base_mb) / plan->per_image_mb);
    model->standard_memory.largest_batch = (int64_t)((646 - 90 - plan->base_mb) / (2 * plan->per_image_mb));
    model->full_size = 1024;
    model->full_size_ms = 40 * plan->standard_ms;
    model->measuring_s = 71.4;
    model->meets_sla = true;
}

/* Efficiency, which was asked for, and throughput chose these points; latency always takes the first. */
static void conclude(bt_model_record *model, int chosen, int for_throughput, const char *advice) {
    model->chosen = model->winners[BT_OBJECTIVE_EFFICIENCY] = chosen;
    model->winners[BT_OBJECTIVE_THROUGHPUT] = for_throughput;
    model->winners[BT_OBJECTIVE_LATENCY] = 0;
    model->batching_pays = chosen > 0;
    model->reachable_sla_ms = model->points[0].p95_upper_ms;
    model->speedup_over_single_image =
        model->points[chosen].throughput_imgs_per_sec * model->standard_median_ms / 1e3;
    snprintf(model->advice, sizeof model->advice, "%s", advice);
}

static void promise(bt_model_record *model, double capacity_rps, double predicted_p95_ms) {
    model->capacity_rps = capacity_rps;
    model->recommended_rps = 0.6 * capacity_rps;
    model->predicted_p95_ms = predicted_p95_ms;
}

static void fill_run(bt_record *record) {
    snprintf(record->run_id, sizeof record->run_id, "20260131T123456Z-optimize-batch");
    snprintf(record->command, sizeof record->command, "optimize-batch --models hrnet,cbam_resunet --seed 7");
    snprintf(record->started_at, sizeof record->started_at, "2026-01-31T12:34:56Z");
    snprintf(record->finished_at, sizeof record->finished_at, "2026-01-31T12:37:20Z");
    snprintf(record->workload, sizeof record->workload, "cpu-demo");
    snprintf(record->machine.fingerprint, sizeof record->machine.fingerprint, "0123456789abcdef");
    snprintf(record->machine.cpu, sizeof record->machine.cpu, "Intel(R) Xeon(R) Processor @ 2.70GHz");
    snprintf(record->machine.clock_policy, sizeof record->machine.clock_policy, "unknown");
    record->machine.cores = 2;
    record->machine.memory_bytes = 1024LL << 20;
    snprintf(record->subject.tool_version, sizeof record->subject.tool_version, "0.1.0");
    snprintf(record->subject.revision, sizeof record->subject.revision, "5fa8ce6");
    snprintf(record->subject.runtime, sizeof record->subject.runtime, "torch 2.15.0");
    bt_options_default(bt_settings_table, bt_settings_count, &record->settings, &record->sources);
    record->settings.p95_sla_ms = SLA_MS;
    record->settings.seed = 7;
    record->settings.max_queue_delay_ms = QUEUE_DELAY_MS;
    record->measuring_s = 142.9;
    snprintf(record->verdict, sizeof record->verdict, "good");
}

bt_record *fixture_record(void) {
    bt_error error;
    bt_record *record;
    must(bt_record_open(&record, 2, &error));
    fill_run(record);
    for (int i = 0; i < 2; i++) {
        bt_random random = bt_random_stream(7, planned[i].name);
        fill_model(&record->models[i], &planned[i], &random);
    }
    conclude(
        &record->models[0], 1, 5,
        "HRNet: serve batches of 2 (best efficiency): 23.4 images/s, P95 88.4 ms of 250; the SLA does not "
        "bind; --objective throughput would take batch 8: 56 % more images/s at 2.6x the P95");
    conclude(
        &record->models[1], 0, 1,
        "CBAM-ResUNet: batching does not pay by efficiency; serve single images: 8.5 images/s, P95 122.3 "
        "ms of 250; --objective throughput would take batch 2: 35 % more images/s at 1.5x the P95");
    promise(&record->models[0], 17.52, 163.3);
    promise(&record->models[1], 5.13, 214.4);
    record->joint_memory_mb = record->models[0].points[1].memory_mb + record->models[1].points[0].memory_mb;
    record->joint_memory_limit_mb = 1024 * 0.9;
    record->joint_memory_fits = true;
    snprintf(record->previous_run, sizeof record->previous_run, "20260120T080000Z-optimize-batch");
    snprintf(record->changes[0], sizeof record->changes[0], "hrnet: batch 4 -> 2, P95 130.1 -> 88.4 ms");
    record->change_count = 1;
    return record;
}

bt_record *fixture_record_of_nothing(void) {
    bt_error error;
    bt_record *record;
    must(bt_record_open(&record, 1, &error));
    bt_options_default(bt_settings_table, bt_settings_count, &record->settings, &record->sources);
    snprintf(record->models[0].model, sizeof record->models[0].model, "hrnet");
    snprintf(record->models[0].title, sizeof record->models[0].title, "HRNet");
    return record;
}

int fixture_record_set_up(void **state) {
    *state = fixture_record();
    return 0;
}

int fixture_record_tear_down(void **state) {
    bt_record_close((bt_record **)state);
    return 0;
}
