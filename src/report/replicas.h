/* How many replicas a rate takes, for people: a table of what so many do, and below it the plan in words.
 *
 * plan-replicas prints it, and so do a tuning run's reports, in the same words. */
#ifndef BT_REPORT_REPLICAS_H
#define BT_REPORT_REPLICAS_H

#include <stdio.h>

#include "base/error.h"
#include "record/replicas.h"
#include "report/document.h"

#ifdef __cplusplus
extern "C" {
#endif

/* For a terminal, within its width. BT_NO_MEMORY; whether `out` took it, is to be asked of `out`. */
BT_MUST_USE bt_status bt_replicas_report(const bt_replicas_plan *plan, FILE *out, bt_error *error);

/* The same in a document; nothing where nothing was planned. */
void bt_replicas_report_document(bt_document *document, const bt_replicas_plan *plan);

#ifdef __cplusplus
}
#endif
#endif
