/* The record of a load test: what was asked of a service, what came of every scenario, and the verdicts.
 *
 * As for tuning (record/sweep-record.h) it is the only bridge between measuring and everything that prints,
 * draws or judges, and anything printed can be made again from it. Latency is a request's, from its intended
 * arrival, in milliseconds. NaN here and null in the file is what is not known. */
#ifndef BT_RECORD_LOAD_RECORD_H
#define BT_RECORD_LOAD_RECORD_H

#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/error.h"
#include "record/fingerprint.h"
#include "record/load-capacity.h"
#include "record/load-senders.h"
#include "record/rate-curve.h"
#include "record/sweep-record.h"
#include "settings/load-test.h"

#ifdef __cplusplus
extern "C" {
#endif

#define BT_LOAD_SCHEMA_VERSION 1

/* Latencies of a part that are kept one by one; of more, every k-th is. Verdicts are made from all of them
 * before, so that this bounds only what can be drawn and judged again: P99.9 of a long soak loses its detail
 * where it is lowered, and the record of a soak grows by 200 kB for each 20 000 more. */
#define BT_LOAD_LATENCIES_MAX 20000

/* Batches of at most so many have a count of their own in `batches`; larger ones share the last. */
#define BT_LOAD_BATCHES 64

/* Nearest-rank percentiles. The bounds are those that the verdict stands on (bt_late_bounds at the errors of
 * prove/looks.h): P95 is above the upper one in at most 5 % of scenarios, below the lower one in at most 1 %,
 * however often they were looked at. NaN where the samples give none. */
typedef struct bt_load_latency {
    double mean_ms, p50_ms, p90_ms, p95_ms, p99_ms, p999_ms, max_ms;
    double p95_lower_ms, p95_upper_ms;
    double effective_count; /* what autocorrelation leaves of the samples */
} bt_load_latency;

/* One second of a scenario, counted from its first intended arrival. */
typedef struct bt_load_bin {
    double sent, answered, failed;  /* requests */
    double p50_ms, p95_ms, max_ms;  /* of those that were to arrive in this second; NaN where none */
    double queue_mean, queue_max;   /* requests waiting */
    double canary_ms, others_cores; /* NaN unknown */
} bt_load_bin;

/* How a scenario ended for one model. */
typedef enum bt_load_verdict {
    BT_LOAD_MET,       /* P95's upper bound <= SLA, nothing lost, undisturbed */
    BT_LOAD_BROKEN,    /* P95's lower bound > SLA, or requests got no result; undisturbed */
    BT_LOAD_NOT_SHOWN, /* neither: too few requests, or a disturbed machine or generator: see cause */
    BT_LOAD_VERDICT_COUNT
} bt_load_verdict;

/* What servers on the network counted of a model themselves while a part was sent, whoever asked. */
typedef struct bt_load_server {
    int64_t requests;    /* 0: they do not say */
    double failed, runs; /* NaN, as all that follows, where that is not told */
    double total_mean_ms, queue_mean_ms, input_mean_ms, infer_mean_ms, output_mean_ms; /* of a request */
    double mean_batch_size; /* images a run; NaN where runs are not counted */
} bt_load_server;

/* One model's part of one scenario. */
typedef struct bt_load_part {
    char model[BT_NAME_SIZE];
    bt_load_verdict verdict;
    char cause[BT_TEXT_SIZE];  /* beside a verdict that is not met: why; empty else */
    char remedy[BT_TEXT_SIZE]; /* what to try */
    double rate_rps;           /* asked for, of a ramp that at its end; NaN for a closed loop */
    int burst_size;            /* 0 but for bursts */
    int clients;               /* 0 but for closed loops */
    int64_t sent, ok, rejected_full, rejected_deadline, expired, cancelled, failed, lost;
    int64_t fallback; /* of ok */
    bt_load_latency latency;
    double actual_p95_ms; /* from the actual send */
    /* shares of the mean latency; slip: sent late */
    double queue_mean_ms, preprocess_mean_ms, service_mean_ms, slip_mean_ms;
    double deliver_mean_ms; /* of preprocess_mean_ms, masks; NaN in older records */
    double queue_p95_ms, service_p95_ms;
    double throughput_rps; /* ok / time from the first intended arrival to the last answer */
    /* of the same schedule, simulated; NaN where it was not */
    double predicted_p95_ms, predicted_p50_ms, predicted_throughput_rps;
    /* and of what its mean latency consists; NaN in older records, too */
    double predicted_queue_mean_ms, predicted_prepare_mean_ms;
    double predicted_run_mean_ms, predicted_deliver_mean_ms;
    double mean_batch_size;           /* over runs */
    int64_t batches[BT_LOAD_BATCHES]; /* [b - 1]: requests that ran in a batch of b */
    double *latencies_ms;             /* in the order of intended arrival; owned */
    int latency_count;
    int64_t latency_step; /* 1: all are kept */
    bt_load_bin *bins;    /* a second each; owned */
    int bin_count;
    bt_load_server server; /* of a test of servers */
    /* Of "capacity", whose other figures are those of the highest rate that held. */
    bt_load_capacity capacity;
} bt_load_part;

typedef struct bt_load_scenario {
    char name[BT_NAME_SIZE];  /* "single", "burst", "largest-burst", "sustained", "mixed", "soak", ... */
    char title[BT_NAME_SIZE]; /* "Single Request", "Burst Load", ... */
    char shape[32];           /* "poisson", ..., "closed" */
    double burstiness;        /* of "gamma": the coefficient of variation of its gaps; else NaN */
    double ramp_from;         /* of "ramp": the share of the rate at its beginning; else NaN */
    double duration_s;
    double generator_p50_us, generator_p99_us, generator_max_us; /* how late it sent; NaN for closed loops */
    double canary_spread_percent, others_cores;                  /* of the machine meanwhile */
    bt_throttling throttling;     /* of the control group that service and generator ran in */
    int attempts;                 /* 2: repeated since the first was disturbed */
    int looks;                    /* after each but the last it was not decided, and went on */
    char disturbed[BT_TEXT_SIZE]; /* why the last attempt cannot be trusted; empty: it can */
    bool judged;                  /* false: informative only, counts for no verdict (largest-burst) */
    bt_load_senders senders;      /* none: one process sent all */
    bt_load_part *parts;          /* owned */
    int part_count;
} bt_load_scenario;

/* What the test found of one model outside the scenarios. */
typedef struct bt_load_model {
    char model[BT_NAME_SIZE], title[BT_NAME_SIZE];
    char device[128], backend[64], precision[8], weights[64];
    int image_size, batch_size, instances, threads;
    int classes; /* that it tells apart: their labels were asked for; 1: a mask; 0 in older records */
    char places[BT_TEXT_SIZE]; /* of its instances: "cuda:0, cuda:2"; "" in older records */
    double placed_rps; /* that it was to hold there beside the others; NaN where nobody predicted it */
    int ladder[BT_SIZES_MAX], ladder_count;
    /* what it was judged by and ran under: settings.service holds only what was given for all models */
    double p95_sla_ms;         /* NaN unknown */
    double max_queue_delay_ms; /* NaN in older records */
    int max_queue_size;        /* 0 in older records */
    bool tuned_here;           /* what runs was measured on this machine: batch size, precision, backend */
    bool config_meets_sla;     /* what the config says */
    bool weights_changed;      /* since the config's entry was measured; false in older records */
    double capacity_rps, recommended_rps; /* by simulation, at these settings; NaN without service times */
    int largest_spike;                    /* predicted; 0 unknown or none */
    bt_rate_curve predicted;              /* at these settings too; empty in older records */
    double standard_img_per_sec, standard_p50_ms; /* the standard path, one image at a time */
    double production_img_per_sec; /* the production path with enough in flight to fill its batches */
    double speedup;                /* the one over the other */
    double start_s;                /* loading and warming up */
    double memory_mb;              /* process peak or device high-water mark after the run, MiB */
    char memory_kind[16];          /* "process" or "device" */
} bt_load_model;

/* A server that was tested. */
#define BT_LOAD_ENDPOINTS_MAX 16
typedef struct bt_load_endpoint {
    char url[256], name[64], version[64]; /* as it calls itself */
} bt_load_endpoint;

typedef struct bt_load_record {
    char run_id[64], command[BT_COMMAND_LINE_SIZE], started_at[32], finished_at[32], workload[32];
    char config_path[512], config_run_id[64], config_generated_at[32];
    char images[BT_TEXT_SIZE];          /* what was sent, for people; "" in older records */
    char machine_differs[BT_TEXT_SIZE]; /* from the config's; empty: the same */
    bt_machine machine;
    bt_subject subject;
    bt_load_settings settings; /* as they took effect */
    bt_option_sources sources;
    bt_load_endpoint endpoints[BT_LOAD_ENDPOINTS_MAX]; /* none: a service of the test's own */
    int endpoint_count;
    bt_load_model *models; /* owned */
    int model_count;
    bt_load_scenario *scenarios; /* owned */
    int scenario_count;
    double testing_s;
    char verdict[32];
    int verdict_code;
    char advice[BT_TEXT_SIZE]; /* one closing sentence */
} bt_load_record;

BT_MUST_USE bt_status bt_load_record_open(bt_load_record **out, int model_count, bt_error *error);
void bt_load_record_close(bt_load_record **record); /* NULL-safe; nulls */

/* Appends a scenario with `part_count` empty parts; NULL when memory is short. Earlier pointers become
 * invalid. */
bt_load_scenario *bt_load_record_add(bt_load_record *record, int part_count);
/* Frees what a scenario holds, beside a record. */
void bt_load_scenario_close(bt_load_scenario *scenario);
/* A model's part of a scenario, or NULL. */
const bt_load_part *bt_load_part_of(const bt_load_scenario *scenario, const char *model);
/* Whether it is known how its requests were served: answers of other servers than this project's do not say. */
bool bt_load_part_tells_paths(const bt_load_part *part);
/* Frees what a scenario holds and leaves `part_count` empty parts, for another attempt. */
BT_MUST_USE bt_status bt_load_scenario_reset(bt_load_scenario *scenario, int part_count, bt_error *error);

/* The SLA that a model's parts are judged by: its own, or settings.service's where there is no model of that
 * name or it is not known. */
double bt_load_record_sla_ms(const bt_load_record *record, const char *model);

/* As bt_record_save and bt_record_load; the document carries "kind": "load". Models of older records, which
 * had one SLA for all, have that one. */
BT_MUST_USE bt_status bt_load_record_save(const bt_load_record *record, const char *path, bt_error *error);
BT_MUST_USE bt_status bt_load_record_load(bt_load_record **out, const char *path, bt_error *error);
BT_MUST_USE bt_status bt_load_record_from_json(bt_load_record **out, const json_t *top, const char *where,
                                               bt_error *error);
BT_MUST_USE bt_status bt_load_record_to_json(const bt_load_record *record, json_t **out, bt_error *error);

/* "met", "broken", "not_shown"; never NULL. */
const char *bt_load_verdict_name(bt_load_verdict verdict);

#ifdef __cplusplus
}
#endif
#endif
