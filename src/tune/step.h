/* One order from the sweep to the prober, and its answer; as structs and as the JSON in which they cross to
 * the worker process and stand in the journal. */
#ifndef BT_TUNE_STEP_H
#define BT_TUNE_STEP_H

#include <jansson.h>
#include <stdbool.h>

#include "base/error.h"
#include "base/throttle.h"

#ifdef __cplusplus
extern "C" {
#endif

#define BT_MAX_TURN_SAMPLES 16

typedef enum bt_step_kind {
    BT_STEP_DONE,      /* nothing is left to do */
    BT_STEP_MEMORY,    /* prepare a size, warm it up, take the high-water mark; no timed runs count */
    BT_STEP_MEASURE,   /* `runs` timed runs of a prepared size */
    BT_STEP_AGREEMENT, /* compare the size's logits and masks with the standard path's on the same images */
    BT_STEP_STANDARD,  /* `runs` timed runs of the standard path, one image each */
    BT_STEP_FRESH_MEMORY,    /* MEMORY, in a worker started for it alone: sizes measured out of order */
    BT_STEP_STANDARD_MEMORY, /* FRESH_MEMORY of the standard path */
    BT_STEP_FULL_SIZE,       /* one timed run of one full-size image, in a worker of its own */
    BT_STEP_CALIBRATE, /* measure what INT8 needs to know, into the order's file, on pictures that MASKS does not see */
    BT_STEP_REFERENCE, /* compute the first `runs` pictures, one at a time, into the order's file, for MASKS of others */
    BT_STEP_PREPARE, /* time what a lane does with a picture before a run, at most `runs` times */
    BT_STEP_DELIVER, /* and what it does after one */
    BT_STEP_IDLE,    /* `runs` timed runs after pauses of bt_idle_gaps_ms, by turns */
    BT_STEP_BESIDE, /* `runs` timed runs while another model's go on, where both have hardware of their own */
    BT_STEP_TURNS, /* `runs` timed runs, after the other model's and after its own by turns, where they share it */
    BT_STEP_MASKS /* AGREEMENT on the first `runs` pictures, one at a time, with that file where it is: of a contender */
} bt_step_kind;

typedef struct bt_step {
    bt_step_kind kind;
    int batch_size;
    int runs;
} bt_step;

/* What came of a step. */
typedef struct bt_step_result {
    bt_status status; /* BT_CLOSED: the worker died */
    char message[BT_ERROR_MESSAGE_SIZE];
    double samples_ms[BT_MAX_TURN_SAMPLES];
    int sample_count;
    double memory_mb;            /* attributable to the model; NaN where not taken */
    double memory_total_used_mb; /* with everything else */
    double memory_device_mb;     /* what there is */
    /* Of agreement. The error is of probabilities where the model gives those; the last three of the first line are
     * of the standard path, over all pictures. */
    double logit_error, mask_iou, output_least, output_most, mask_share;
    double mask_iou_least;    /* of the picture whose masks agree least */
    int beside;               /* of BESIDE: so many of the other's runs at a time; 0: they only take turns */
    bool disturbed;           /* timed runs: others used the cores meanwhile */
    bt_throttling throttling; /* timed runs: by the control group's quota */
    double elapsed_s;         /* wall-clock time that the step took, start of workers included */
} bt_step_result;

/* A result of which nothing is known yet: status BT_OK, NaN throughout. */
bt_step_result bt_step_result_empty(void);

/* "measuring", ...; never NULL. */
const char *bt_step_name(bt_step_kind kind);

/* New references, the caller's; NULL when memory is short. */
json_t *bt_step_to_json(const bt_step *step);
json_t *bt_step_result_to_json(const bt_step_result *result);

/* BT_PARSE names what is missing or out of bounds; `where` starts the message. */
BT_MUST_USE bt_status bt_step_from_json(const json_t *json, bt_step *step, const char *where,
                                        bt_error *error);
BT_MUST_USE bt_status bt_step_result_from_json(const json_t *json, bt_step_result *result, const char *where,
                                               bt_error *error);

bool bt_step_equal(const bt_step *a, const bt_step *b);

#ifdef __cplusplus
}
#endif
#endif
