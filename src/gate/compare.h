/* Two stored records against each other. */
#ifndef BT_GATE_COMPARE_H
#define BT_GATE_COMPARE_H

#include "base/error.h"
#include "gate/judge.h"

#ifdef __cplusplus
extern "C" {
#endif

/* Fills `verdict`: machines and subjects held against each other, a row a metric, promises. Unlike machines
 * are told, and their figures are not judged. One look: all of the error is this one's. bt_judge_whole is the
 * caller's to ask. BT_NO_MEMORY. */
BT_MUST_USE bt_status bt_compare_records(bt_gate_verdict *verdict, const bt_judge *judge,
                                         const bt_gate_record *before, const bt_gate_record *now,
                                         bt_error *error);

#ifdef __cplusplus
}
#endif
#endif
