/* --objective capacity: what each batch size could serve, by simulation of what the run measured, and the queue delay
 * that suits it.
 *
 * A size is then chosen for its requests, which wait as well as being served, and not for its own service time. Each
 * confirmed size is simulated as the largest of a service's batches, smaller ones running beside it as the config will
 * have them. */
#ifndef BT_TUNE_CAPACITIES_H
#define BT_TUNE_CAPACITIES_H

#include "record/sweep-record.h"

#ifdef __cplusplus
extern "C" {
#endif

/* Fills in, for every model of a record whose points are scored, what its points and their choice have of the
 * capacity, and chooses anew; nothing with another objective. A second or a few a model. BT_INVALID for a rate that is
 * none, BT_NO_MEMORY. */
BT_MUST_USE bt_status bt_capacities_find(bt_record *record, bt_error *error);

#ifdef __cplusplus
}
#endif
#endif
