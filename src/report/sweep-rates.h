/* Predicted P95 against rate, a curve for each batch size whose capacity was compared: the picture of
 * --objective capacity. Drawn from the record alone, as every plot of a tuning run. */
#ifndef BT_REPORT_SWEEP_RATES_H
#define BT_REPORT_SWEEP_RATES_H

#include <stdbool.h>
#include <stdio.h>

#include "record/sweep-record.h"

#ifdef __cplusplus
extern "C" {
#endif

/* Whether any size has a curve. */
bool bt_sweep_rates_are_drawn(const bt_model_record *model);

/* The commands, which expect the variable `data` to hold the data file's path; and the blocks of data that they
 * name. */
void bt_sweep_rates_write(FILE *out, const bt_record *record, const bt_model_record *model);
void bt_sweep_rates_data(FILE *out, const bt_model_record *model);

#ifdef __cplusplus
}
#endif
#endif
