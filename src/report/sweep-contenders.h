/* The ways of running a model that were compared before its sweep, as a report shows them: what was taken, why, and how
 * each precision and layout did beside it. */
#ifndef BT_REPORT_SWEEP_CONTENDERS_H
#define BT_REPORT_SWEEP_CONTENDERS_H

#include "record/sweep-record.h"
#include "report/table.h"

#ifdef __cplusplus
extern "C" {
#endif

/* How many rows the table has; 0 where no precision or layout was compared with another. */
int bt_contender_rows(const bt_model_record *model);

/* The table: a row for each precision and layout, on the cores of the one taken. The caller closes *out. */
BT_MUST_USE bt_status bt_contender_table(bt_table **out, const bt_model_record *model, bt_error *error);

#ifdef __cplusplus
}
#endif
#endif
