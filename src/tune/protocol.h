/* What optimize-batch and its worker process say to each other: one JSON object a line, each way.
 *
 * The parent (tune/probe.c) gives an order, the worker (tune/worker.c) answers it. The first order opens a
 * session, and the answer tells what was opened; a second may open another model's in the same process, as a service
 * has them, for steps of both; each later order is a step of the sweep (tune/step.h), and
 * its answer what came of it. Both sides write and read by this file alone, from one table of fields for each
 * kind of line. What was opened also stands in the journal, as it crossed: old journals are read by this file
 * too. */
#ifndef BT_TUNE_PROTOCOL_H
#define BT_TUNE_PROTOCOL_H

#include <jansson.h>

#include "backend/backend.h"
#include "base/error.h"
#include "base/files.h"
#include "base/options.h"
#include "image/decode.h"
#include "tune/step.h"

#ifdef __cplusplus
extern "C" {
#endif

/* ---- orders ---- */

/* Open `instances` copies of a session, `threads` each, to run on pictures. */
typedef struct bt_open_order {
    char backend[BT_OPTION_TEXT_SIZE], model[BT_NAME_SIZE], model_file[BT_OPTION_TEXT_SIZE];
    char weights[BT_OPTION_TEXT_SIZE], device[BT_OPTION_TEXT_SIZE];
    int path; /* bt_path */
    int height, width, threads, instances;
    bool use_amp, use_channels_last, use_cudnn_benchmark;
    int precision;                    /* bt_precision */
    char calibration[BT_PATH_SIZE];   /* INT8's file, which a step may make; "": none */
    char reference[BT_PATH_SIZE];     /* logits to compare masks with, which a step makes; "": none */
    double min_mask_iou;              /* that a calibration aims at */
    char images[BT_OPTION_TEXT_SIZE]; /* a folder of pictures; "": drawn ones */
    double white;                     /* as bt_picture_wishes has these two */
    int page;
    int64_t seed;             /* of the drawn ones */
    int neighbour_batch_size; /* of a neighbour: its batches in steps of both; 0 of others */
} bt_open_order;

/* An order for such a session; the pictures, and the agreement wanted, are the caller's to fill in. BT_INVALID where a text is too long to
 * cross. */
BT_MUST_USE bt_status bt_open_order_make(bt_open_order *out, const bt_session_options *session, int instances,
                                         bt_error *error);

/* One copy's session; its strings are the order's. */
bt_session_options bt_open_order_session(const bt_open_order *order);

/* New references, the caller's; NULL when memory is short. */
json_t *bt_open_order_to_json(const bt_open_order *order);
json_t *bt_step_order_to_json(const bt_step *step);

/* Which order a line is: "open", "neighbour" or "step"; NULL where it is none. Borrowed. */
const char *bt_order_kind(const json_t *order);

/* BT_PARSE names the key. */
BT_MUST_USE bt_status bt_open_order_from_json(const json_t *json, bt_open_order *order, bt_error *error);

/* ---- answers ---- */

/* What a worker opened. */
typedef struct bt_worker_facts {
    bt_session_info info;
    int64_t total_memory_bytes; /* of the device */
} bt_worker_facts;

/* The facts by themselves, as the journal holds them. */
json_t *bt_worker_facts_to_json(const bt_worker_facts *facts);
BT_MUST_USE bt_status bt_worker_facts_from_json(const json_t *json, bt_worker_facts *facts, bt_error *error);

/* The answers to an order to open: the facts, or why not. That to a step is its result (tune/step.h). */
json_t *bt_opened_answer(const bt_worker_facts *facts);
json_t *bt_refused_answer(const bt_error *error);

/* Reads either; `facts` may be NULL. A refusal is the error that the worker had; BT_PARSE where the answer makes
 * no sense. */
BT_MUST_USE bt_status bt_opened_from_answer(const json_t *answer, bt_worker_facts *facts, bt_error *error);

/* ---- lines ---- */

/* Sends an object, whose reference it takes over, as one line. NULL is BT_NO_MEMORY; BT_IO where the other side
 * is gone. */
BT_MUST_USE bt_status bt_line_send(int socket, json_t *object, bt_error *error);

#ifdef __cplusplus
}
#endif
#endif
