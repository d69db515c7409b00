/* Runs that failed underneath a load test, or requests to servers that did, and how that is told.
 *
 * A request without a result, or one that came late by way of the standard path, has its cause in the backend
 * and not in the queue; whoever reads the report must learn which instance it was and what the backend said.
 * The simulator knows nothing of it, so no setting that it likes is a remedy. */
#ifndef BT_PROVE_FAILURES_H
#define BT_PROVE_FAILURES_H

#include "batchtune.h"
#include "load/generator.h"
#include "serving/serving.h"

#ifdef __cplusplus
extern "C" {
#endif

/* What a service had told of one model's failed runs by some moment. */
typedef struct bt_failures_seen {
    bt_metrics metrics;
    bt_serving_failures last;
} bt_failures_seen;

/* Of one part of a scenario. */
typedef struct bt_failures {
    int64_t exceptions, non_finite, out_of_memory, timeouts; /* runs on the production path, by cause */
    int64_t standard;                                        /* on the standard path, by any */
    int64_t breaker_opened;                                  /* times */
    int64_t earlier, earlier_timeouts; /* production runs before the part began; the latter among them */
    /* Of servers: connections that failed or broke, answers that were errors, and answers that were wrong. */
    int64_t connections, error_answers, wrong_answers;
    char answer_last[BT_ERROR_MESSAGE_SIZE]; /* of any of these; "" */
    /* "instance 1 (cuda:1): ..." of the last of either, whenever; "" where none is known */
    char production_last[BT_ERROR_MESSAGE_SIZE + 96], standard_last[BT_ERROR_MESSAGE_SIZE + 96];
} bt_failures;

/* Each costs some 100 us. What cannot be read is as if nothing had failed. */
void bt_failures_read(bt_failures_seen *seen, bt_service *service, int model);
/* Adds what failed since `before`. */
void bt_failures_add_since(bt_failures *failures, const bt_failures_seen *before, bt_service *service,
                           int model);
void bt_failures_add(bt_failures *failures, const bt_failures *more);
/* Adds what the log says of one stream's requests to servers; `last` is what was said of the last that failed. */
void bt_failures_of_answers(bt_failures *failures, const bt_request_log *log, int stream, const char *last);

/* Whether requests may have suffered from runs that failed, meanwhile or before: an instance may hang since,
 * or the breaker keep the production path closed. `fallback`: how many the standard path served, `failed`:
 * how many got none but an error. NULL is nothing. */
bool bt_failures_matter(const bt_failures *failures, int64_t fallback, int64_t failed);

/* "37 runs failed, the last on instance 0 (cpu): out of paper; failover is off";
 * "" where they do not matter. */
#define BT_FAILURES_WORDS_SIZE 768
void bt_failures_words(const bt_failures *failures, bool failover, int64_t fallback, int64_t failed,
                       char out[BT_FAILURES_WORDS_SIZE]);

#ifdef __cplusplus
}
#endif
#endif
