/* What the chosen batch sizes can serve, before anything is served: a simulation of the service on the times
 * that the run measured.
 *
 * A batch size is chosen for its own service time; a request also waits. The forecast is of requests: how
 * many a second still meet the same SLA. It is made from the entry that the config file will hold, so a
 * reader of the file who asks the simulator again gets the same figures. */
#ifndef BT_TUNE_FORECAST_H
#define BT_TUNE_FORECAST_H

#include "record/sweep-record.h"

#ifdef __cplusplus
extern "C" {
#endif

/* With --objective capacity, and before the forecast: what each confirmed batch size could serve as the largest of a
 * service's batches, and the queue delay that suits it. Fills in what every model's points and their choice, which are
 * scored, have of the capacity, and chooses anew; nothing with another objective. A second or a few a model. BT_INVALID
 * for a rate that is none, BT_NO_MEMORY. */
BT_MUST_USE bt_status bt_capacities_find(bt_record *record, bt_error *error);

/* Fills capacity_rps, recommended_rps and predicted_p95_ms of every model whose chosen batch size meets the
 * SLA, for one instance that has its device to itself, with the settings' seed; NaN for the others, and for a
 * batch size that no service forms. Takes a fraction of a second a model. With a plan_rate, also the replicas of every
 * model that has a choice: seconds where they are hundreds. BT_NO_MEMORY. */
BT_MUST_USE bt_status bt_forecast(bt_record *record, bt_error *error);

#ifdef __cplusplus
}
#endif
#endif
