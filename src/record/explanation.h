/* Why batching pays or does not: what src/explain found in a config, a record or a service's metrics, so that every
 * form of the report says the same.
 *
 * Unlike the records it is made anew each time, and never read back. Times are in milliseconds; NaN is what is not
 * known. Sentences are for people, and programs go by the names. */
#ifndef BT_RECORD_EXPLANATION_H
#define BT_RECORD_EXPLANATION_H

#include <jansson.h>

#include "base/error.h"
#include "record/sweep-record.h"

#ifdef __cplusplus
extern "C" {
#endif

typedef enum bt_pays { BT_PAYS_UNKNOWN, BT_PAYS_WELL, BT_PAYS_HARDLY, BT_PAYS_NOT } bt_pays;

/* What decides it; of a load that was measured: where most of the latency went. */
typedef enum bt_pays_cause {
    BT_CAUSE_UNKNOWN,
    BT_CAUSE_LAUNCH,    /* a run costs time that does not grow with its images: batches share it */
    BT_CAUSE_UNFILLED,  /* a few images run hardly longer than one */
    BT_CAUSE_SATURATED, /* one image keeps the device as busy as many do */
    BT_CAUSE_PREPARING, /* preparing and delivering, which batches do not share */
    BT_CAUSE_WAITING,   /* what runs gain is lost in waiting, under this SLA */
    BT_CAUSE_RUNNING,   /* of a load: the runs themselves */
    BT_CAUSE_LATE       /* of a load: it was sent late */
} bt_pays_cause;

/* One batch size. */
typedef struct bt_explained_size {
    int batch_size;
    double run_ms, line_ms;      /* s(b), and what the line says of it */
    double image_ms;             /* of the lane, for each image: preparing and delivering count */
    double imgs_per_sec, filled; /* of all instances; as a share of the most that any size reaches */
    double capacity_rps;         /* simulated, under the SLA */
} bt_explained_size;

/* Where the latency of a request goes, on average. */
#define BT_EXPLAINED_PARTS 6
typedef struct bt_explained_part {
    char name[24];
    double mean_ms, p95_ms;
} bt_explained_part;

typedef struct bt_explained_load {
    char title[BT_NAME_SIZE]; /* a scenario's; "" of the only one */
    bool predicted;           /* by simulation, else measured */
    double rate_rps;          /* NaN where it was no rate */
    bt_explained_part parts[BT_EXPLAINED_PARTS];
    int part_count;
    double mean_ms, p95_ms;
    double predicted_p95_ms; /* of what was measured */
    double mean_batch_size;
    int max_batch_size;
    double utilisation; /* 0..1 */
    bt_pays_cause cause;
    char why[BT_TEXT_SIZE]; /* why batches are as full as they are */
} bt_explained_load;

/* One change, and what the simulation says of it. */
typedef struct bt_explained_change {
    char what[BT_TEXT_SIZE];
    double capacity_rps, p95_ms; /* then; P95 at the rate of the load above */
} bt_explained_change;

#define BT_EXPLAINED_CHANGES 5

typedef struct bt_explained_model {
    char model[BT_NAME_SIZE];
    int from;                   /* which of the source's models it is */
    char subject[BT_TEXT_SIZE]; /* "128 × 128 px, FP32, 1 instance, P95 ≤ 250 ms" */
    bt_pays verdict;
    bt_pays_cause cause;
    char why[BT_TEXT_SIZE]; /* the verdict, as a sentence */
    double gain;    /* of `batch_size` over batches of one: capacity, or images/s where there is none */
    int batch_size; /* that is compared with 1; 0: none */
    /* s(b) = fixed + image * b, as far as it is a line; NaN without times */
    double fixed_ms, image_ms, fixed_share; /* of a run of one image */
    int bent_at;                            /* the size farthest off the line; 0: none is far */
    double bent_percent;
    int filled_at;                   /* the smallest size that reaches 95 % of the most images/s; 0: none */
    double prepare_ms, deliver_ms;   /* of one image */
    double pause_ms, after_pause_ms; /* the pause that costs most, and how much longer a run takes then */
    double capacity_rps, p95_sla_ms; /* as it is configured */
    double max_queue_delay_ms;
    bt_explained_size *sizes; /* owned */
    int size_count;
    bt_explained_load *loads; /* owned */
    int load_count;
    bt_explained_change changes[BT_EXPLAINED_CHANGES]; /* the most promising first */
    int change_count;
} bt_explained_model;

typedef struct bt_explanation {
    const char *source; /* "config", "sweep", "load", "metrics" */
    char path[512];
    bt_explained_model *models; /* owned */
    int model_count;
} bt_explanation;

/* With so many models of which nothing is known. BT_NO_MEMORY. The caller owns it. */
BT_MUST_USE bt_status bt_explanation_open(bt_explanation **out, const char *source, const char *path,
                                          int model_count, bt_error *error);
void bt_explanation_close(bt_explanation **explanation); /* NULL-safe; nulls */

/* Room for so many sizes and loads of which nothing is known. BT_NO_MEMORY. */
BT_MUST_USE bt_status bt_explained_model_room(bt_explained_model *model, int sizes, int loads,
                                              bt_error *error);

/* A document of the kind "explanation", the caller's. BT_NO_MEMORY. */
BT_MUST_USE bt_status bt_explanation_to_json(const bt_explanation *explanation, json_t **out,
                                             bt_error *error);

/* "pays", "hardly_pays", "does_not_pay", "unknown"; "launch", "saturated", ...; never NULL. */
const char *bt_pays_name(bt_pays verdict);
const char *bt_pays_cause_name(bt_pays_cause cause);

/* The mean latency that the parts do not account for: hand-over, and what nobody timed. Not below 0. */
double bt_explained_rest_ms(const bt_explained_load *load);

#ifdef __cplusplus
}
#endif
#endif
