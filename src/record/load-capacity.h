/* What a search for a model's capacity under load has found: the runs, a rate each, and the bounds they give.
 *
 * A capacity is the highest rate of arrivals at which the SLA holds. It is never seen itself; what is seen is
 * that it held at one rate and broke at another. So it is kept as two bounds with an estimate between them,
 * beside every run that they stand on, and can be judged and drawn again from these. NaN here and null in the
 * file is what is not known. */
#ifndef BT_RECORD_LOAD_CAPACITY_H
#define BT_RECORD_LOAD_CAPACITY_H

#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/error.h"

#ifdef __cplusplus
extern "C" {
#endif

/* Runs of one search, at most. Raised, a capacity near which P95 changes little is bounded more closely, by a
 * longer test. */
#define BT_RATE_RUNS_MAX 12

/* What one run says of its rate. */
typedef enum bt_rate_word {
    BT_RATE_MET,       /* the SLA is shown to hold */
    BT_RATE_BROKEN,    /* shown not to hold, or requests got no result */
    BT_RATE_NOT_SHOWN, /* neither, in all its length: the capacity is near */
    BT_RATE_DISTURBED, /* other programs used the cores: nothing */
    BT_RATE_LATE,      /* the load generator could not keep this rate's times: nothing */
    BT_RATE_WORDS
} bt_rate_word;

/* What a run was for. */
typedef enum bt_rate_purpose {
    BT_RATE_SEARCH, /* to bound the capacity */
    BT_RATE_LONE,   /* one request at a time: whether any rate can hold */
    BT_RATE_BEYOND, /* to see what is served beyond the capacity */
    BT_RATE_PURPOSES
} bt_rate_purpose;

typedef struct bt_rate_run {
    bt_rate_purpose purpose;
    bt_rate_word word;
    double rate_rps; /* that was asked for; NaN of one request at a time */
    double duration_s;
    int64_t sent, ok;
    double p95_ms, p95_lower_ms, p95_upper_ms; /* as of bt_load_latency */
    double predicted_p95_ms;                   /* of the schedule that was sent, simulated */
    double throughput_rps;                     /* results a second */
    double goodput_rps;                        /* those of them within the SLA */
    double mean_batch_size;
} bt_rate_run;

/* Why there is no closer bound, or no bound at all, above what held. */
typedef enum bt_load_capacity_end {
    BT_LOAD_CAPACITY_BOUNDED,   /* it lies between two rates that were tried; or there is none: 0 */
    BT_LOAD_CAPACITY_GENERATOR, /* the load generator cannot send faster */
    BT_LOAD_CAPACITY_RUNS,      /* the runs were over before both bounds were found */
    BT_LOAD_CAPACITY_ENDS
} bt_load_capacity_end;

typedef struct bt_load_capacity {
    bt_rate_run runs[BT_RATE_RUNS_MAX];
    int run_count; /* 0: this scenario is no search */
    bt_load_capacity_end end;
    double lower_rps;     /* the highest rate shown to hold; 0 where none is */
    double upper_rps;     /* the lowest shown to break; NaN where none is */
    double estimate_rps;  /* between them; 0 where not even one request at a time holds; NaN unknown */
    double predicted_rps; /* by simulation, before anything was sent */
    double asked_rps;     /* what the service is asked to hold; NaN: nothing */
} bt_load_capacity;

/* Nothing is known. */
void bt_load_capacity_empty(bt_load_capacity *capacity);

/* How far the estimate lies from what was predicted, as a share of that; NaN where either is not known. */
double bt_load_capacity_error(const bt_load_capacity *capacity);
/* Whether that is so far that people should be told. */
bool bt_load_capacity_is_far_off(const bt_load_capacity *capacity);

/* For people: "met", "broken", "not shown", "disturbed", "the generator was late"; never NULL. */
const char *bt_rate_word_text(bt_rate_word word);

/* "met", "broken", "not_shown", "disturbed", "late"; "search", "lone", "beyond"; never NULL. */
const char *bt_rate_word_name(bt_rate_word word);
const char *bt_rate_purpose_name(bt_rate_purpose purpose);

/* As an object; NULL when memory is short. */
json_t *bt_load_capacity_to_json(const bt_load_capacity *capacity);
BT_MUST_USE bt_status bt_load_capacity_from_json(const json_t *object, bt_load_capacity *out,
                                                 const char *where, bt_error *error);

#ifdef __cplusplus
}
#endif
#endif
