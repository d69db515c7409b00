/* Sentences and choices that more than one source needs. Only this folder includes it. */
#ifndef BT_EXPLAIN_WORDS_H
#define BT_EXPLAIN_WORDS_H

#include "explain/explain.h"

/* The models of a source: `count` structs of `size` bytes, each with its name, a text, at the same offset. */
typedef struct bt_explain_models {
    const void *models;
    size_t size, name;
    int count;
} bt_explain_models;

/* Opens an explanation of those that are wanted, with their names and places in the source, in its order. BT_INVALID
 * as bt_explain_options says, BT_NO_MEMORY; *out is NULL then. */
BT_MUST_USE bt_status bt_explain_open(bt_explanation **out, const char *source,
                                      const bt_explain_options *options, const bt_explain_models *models,
                                      bt_error *error);

/* Adds a part; one that is not known is left out. */
void bt_explain_add_part(bt_explained_load *load, const char *name, double mean_ms, double p95_ms);

/* The names of parts, which the cause goes by. */
#define BT_PART_LATE    "sent late"
#define BT_PART_QUEUE   "queue"
#define BT_PART_PREPARE "prepare"
#define BT_PART_LAUNCH  "launch"
#define BT_PART_IMAGES  "images"
#define BT_PART_RUN     "run"
#define BT_PART_DELIVER "deliver"

/* What most of the mean latency is: fills the load's cause, and returns that part's share; NaN where nothing is
 * known. Preparing and delivering are one, and so are launch and images. */
double bt_explain_load_cause(bt_explained_load *load);

/* Why batches are as full as they are: how many more requests come while one waits, and during a run (NaN where it is
 * not known). */
void bt_explain_batches(bt_explained_load *load, double max_queue_delay_ms, double run_ms);

/* "62 % of the latency is waiting in the queue (41.2 of 66.0 ms), ...". */
void bt_explain_load_words(char out[BT_TEXT_SIZE], const bt_explained_load *load, double share);

#endif
