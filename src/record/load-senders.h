/* Those who sent a scenario's requests together, where one machine alone does not send as many on time. */
#ifndef BT_RECORD_LOAD_SENDERS_H
#define BT_RECORD_LOAD_SENDERS_H

#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/error.h"

#ifdef __cplusplus
extern "C" {
#endif

#define BT_LOAD_SENDERS_MAX 64

typedef struct bt_load_sender {
    int rank;
    char host[64];
    int64_t sent;
    /* Of its share of the schedule, when it ended in the middle: whether they were sent, and what became of them,
     * nobody knows. They are in no other figure. */
    int64_t unsent;
    bool gone;          /* it ended: in the middle, or before, and then took no part */
    double late_p99_us; /* how late it sent; of several runs the worst; NaN unknown */
    /* Its clock was never further from the schedule's than this; rank 0's is the schedule's. */
    double clock_bound_us;
} bt_load_sender;

/* None: one process sent all. */
typedef struct bt_load_senders {
    bt_load_sender of[BT_LOAD_SENDERS_MAX]; /* by rank */
    int count;
} bt_load_senders;

/* Adds what the senders of another run did, rank by rank. */
void bt_load_senders_add(bt_load_senders *sum, const bt_load_senders *more);
/* Requests of which nobody knows, and the first sender that has any; NULL where there is none. */
int64_t bt_load_senders_unsent(const bt_load_senders *senders);
const bt_load_sender *bt_load_senders_ended(const bt_load_senders *senders);
/* The furthest from the schedule that any clock may have been; 0 where there is one sender. */
double bt_load_senders_bound_us(const bt_load_senders *senders);

/* As "senders" of an object, which has no such key where there are none. -1 when memory is short. */
int bt_load_senders_write(json_t *object, const bt_load_senders *senders);
BT_MUST_USE bt_status bt_load_senders_read(const json_t *object, bt_load_senders *out, const char *where,
                                           bt_error *error);

#ifdef __cplusplus
}
#endif
#endif
