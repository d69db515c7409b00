/* A tuning run for people: what came of each batch size, what was chosen and why the others lost.
 *
 * Four forms of one record: a table for the terminal, CSV for a spreadsheet, Markdown and a page to keep
 * beside the record. They say the same things in the same words (report/sweep-words.h). None of them
 * measures, scores or asks for the machine: run again on a record from elsewhere they print the same. */
#ifndef BT_REPORT_SWEEP_H
#define BT_REPORT_SWEEP_H

#include <stdio.h>

#include "base/error.h"
#include "record/sweep-record.h"

#ifdef __cplusplus
extern "C" {
#endif

/* For a terminal, within its width, without colours or control characters: one table a model, the winners
 * of every objective, what memory allows, the closing sentence, and how to repeat the run. What is not known
 * is "–". BT_NO_MEMORY, BT_NOT_WRITTEN where `out` fails. */
BT_MUST_USE bt_status bt_sweep_report_table(const bt_record *record, FILE *out, bt_error *error);

/* One row a point with every field of it, and the model's capacity in the chosen one's, headed by the
 * record's own keys; unknown numbers are empty. Errors likewise. */
BT_MUST_USE bt_status bt_sweep_report_csv(const bt_record *record, FILE *out, bt_error *error);

/* The whole report. `pictures` is the folder of the rendered plots as seen from where the report will lie
 * ("../../plots"), whose SVG files it shows; NULL leaves them out. Errors likewise; BT_INVALID where
 * `pictures` is too long. */
BT_MUST_USE bt_status bt_sweep_report_markdown(const bt_record *record, const char *pictures, FILE *out,
                                               bt_error *error);

/* The same as one self-contained HTML page, as bt_load_report_html. */
BT_MUST_USE bt_status bt_sweep_report_html(const bt_record *record, const char *plots, FILE *out,
                                           bt_error *error);

#ifdef __cplusplus
}
#endif
#endif
