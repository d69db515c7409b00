/* The gate's verdict for people and for CI: a table, Markdown for a pull request, JUnit XML, JSON.
 *
 * All forms are made of one verdict record and say the same things. */
#ifndef BT_REPORT_GATE_H
#define BT_REPORT_GATE_H

#include <stdio.h>

#include "base/error.h"
#include "record/gate-verdict.h"
#include "report/table.h"
#include "settings/gate.h"

#ifdef __cplusplus
extern "C" {
#endif

/* For a terminal: a row a metric with its change, bounds, tolerance and word; then what else has to be known.
 * BT_NO_MEMORY, BT_NOT_WRITTEN where `out` fails. */
BT_MUST_USE bt_status bt_gate_report_table(const bt_gate_verdict *verdict, FILE *out, bt_error *error);

/* For a pull request: the one word first, what is not as it was, and the whole table folded away. */
BT_MUST_USE bt_status bt_gate_report_markdown(const bt_gate_verdict *verdict, FILE *out, bt_error *error);

/* A test case a metric and a promise: slower ones are failures; inconclusive and incomparable are
 * errors, but skipped where the policy lets doubt pass; new and declared ones are skipped. A verdict without
 * a single metric is one error. */
BT_MUST_USE bt_status bt_gate_report_junit(const bt_gate_verdict *verdict, FILE *out, bt_error *error);

/* In any format, to a stream or (by atomic replace) to a file. */
BT_MUST_USE bt_status bt_gate_publish(const bt_gate_verdict *verdict, bt_gate_format format, FILE *out,
                                      bt_error *error);
BT_MUST_USE bt_status bt_gate_publish_file(const bt_gate_verdict *verdict, bt_gate_format format,
                                           const char *path, bt_error *error);

/* ---- shared by the forms ---- */

/* The rows as a table; `all`: else those only that are not as they were. */
BT_MUST_USE bt_status bt_gate_rows_table(bt_table **out, const bt_gate_verdict *verdict, bool all,
                                         bt_error *error);
/* "+3.2 %", "–" for what is not known. Returns out. */
const char *bt_gate_words_percent(double percent, char *out, size_t size);
/* "slower: 1 metric slower than the tolerance, ..." */
void bt_gate_words_verdict(const bt_gate_verdict *verdict, char *out, size_t size);
/* "slower: broken, before met (SLA 250 ms): newly broken" */
void bt_gate_words_kept(const bt_gate_kept *kept, char *out, size_t size);
/* "45 pairs in 118 s, 4 looks, ..." */
void bt_gate_words_course(const bt_gate_verdict *verdict, char *out, size_t size);

#ifdef __cplusplus
}
#endif
#endif
