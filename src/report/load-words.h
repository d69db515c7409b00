/* The words and cells that every form of a load test's report shares, so that they cannot say different
 * things.
 *
 * Each function writes one phrase, "" where there is nothing to say. Pure. */
#ifndef BT_REPORT_LOAD_WORDS_H
#define BT_REPORT_LOAD_WORDS_H

#include "record/load-record.h"
#include "report/table.h"

#ifdef __cplusplus
extern "C" {
#endif

#define BT_LOAD_WORDS_SIZE 1024

/* "✓", "✗", "?"; never NULL. */
const char *bt_load_mark(bt_load_verdict verdict);
/* The mark of a part of a scenario; "–" where that only informs and is not judged. */
const char *bt_load_mark_of(const bt_load_scenario *scenario, const bt_load_part *part);
/* "met", "broken", "not shown"; never NULL. */
const char *bt_load_words_verdict(bt_load_verdict verdict);

/* What stands behind the mark where a part is not met: "broken, SLA 90 ms", "not shown, SLA 90 ms". */
void bt_load_words_doubt(const bt_load_record *record, const bt_load_part *part,
                         char out[BT_LOAD_WORDS_SIZE]);

/* "HRNet, 128 × 128 px, BF16, batches of up to 4, 1 instance on cpu: ..., torch 2.15.0, weights demo". */
void bt_load_words_subject(const bt_load_model *model, char out[BT_LOAD_WORDS_SIZE]);
/* "42.6–62.1": the bounds of P95, "?" for one that is not known; BT_UNKNOWN_TEXT where neither is. Returns
 * out. */
const char *bt_load_words_interval(const bt_load_latency *latency, char out[BT_LOAD_WORDS_SIZE]);
/* What "?" stands for in the column of bounds of a model (NULL: of any), and what would give one; "" where no
 * bound is missing. */
void bt_load_words_bounds(const bt_load_record *record, const bt_load_model *model,
                          char out[BT_LOAD_WORDS_SIZE]);
/* Where no request of the model was answered: that, in place of empty figures; else "". */
void bt_load_words_nothing(const bt_load_record *record, const bt_load_model *model,
                           char out[BT_LOAD_WORDS_SIZE]);
/* "7.4 images/s with full batches, 1.3 times the standard path's 5.7 (FP32, one image at a time, 176 ms
 * each)". */
void bt_load_words_speedup(const bt_load_model *model, char out[BT_LOAD_WORDS_SIZE]);
/* "5.1 requests/s within the SLA (simulated); recommended 3.1; largest spike 2". */
void bt_load_words_capacity(const bt_load_model *model, char out[BT_LOAD_WORDS_SIZE]);
/* "3 refused by a full queue, 2 failed", or "none". */
void bt_load_words_losses(const bt_load_part *part, char out[BT_LOAD_WORDS_SIZE]);
/* Arrivals that are not Poisson's: "bursty arrivals (burstiness 2)", "random arrivals that grow from 20 % of
 * the rate to all of it". */
void bt_load_words_arrivals(const bt_load_scenario *scenario, char out[BT_LOAD_WORDS_SIZE]);
/* "one client at a time", "4 at once", "3.1 requests/s, random arrivals". */
void bt_load_words_load(const bt_load_scenario *scenario, const bt_load_part *part,
                        char out[BT_LOAD_WORDS_SIZE]);
/* "measured 93.2 ms, predicted 88.0 ms (+6 %)". */
void bt_load_words_prediction(const bt_load_part *part, char out[BT_LOAD_WORDS_SIZE]);
/* "P95 against the prediction: Single Request +6 %, Burst Load -3 %"; "" where nothing was predicted. */
void bt_load_words_errors(const bt_load_record *record, const bt_load_model *model,
                          char out[BT_LOAD_WORDS_SIZE]);
/* Where the measured P95 differs from the predicted by more than a fifth: which part of the latency missed most.
 * Else, and where nothing was predicted, "". */
void bt_load_words_missed(const bt_load_part *part, char out[BT_LOAD_WORDS_SIZE]);
/* How far the run can be trusted: how late requests were sent, what other programs used, attempts. */
void bt_load_words_trust(const bt_load_record *record, char out[BT_LOAD_WORDS_SIZE]);
/* What to be aware of with one model: measured elsewhere, edited, ... */
void bt_load_words_warning(const bt_load_record *record, const bt_load_model *model,
                           char out[BT_LOAD_WORDS_SIZE]);
/* "SLA met", "SLA broken", "SLA not shown", "Interrupted", with the record's advice. */
void bt_load_words_headline(const bt_load_record *record, char out[BT_LOAD_WORDS_SIZE]);

/* Of a search for a capacity: "43.1 requests/s (41.9–44.6), predicted 45.0 (-4 %)". */
void bt_load_words_found(const bt_load_part *part, char out[BT_LOAD_WORDS_SIZE]);
/* Where that is far off the prediction: what it means. */
void bt_load_words_far_off(const bt_load_part *part, char out[BT_LOAD_WORDS_SIZE]);
/* A new table of its runs, in the order in which they were made. */
BT_MUST_USE bt_status bt_load_runs_table(bt_table **out, const bt_load_part *part, bt_error *error);
/* The part of the model that is a search, or NULL. */
const bt_load_part *bt_load_search_of(const bt_load_record *record, const bt_load_model *model);

/* The servers that were tested: "batchtune 0.1.0 at http://localhost:8000"; "" where it was a service of the test's
 * own. */
void bt_load_words_servers(const bt_load_record *record, char out[BT_LOAD_WORDS_SIZE]);
/* Where several processes sent together: what each sent, how late, and how far its clock may have been from the schedule;
 * "" else. */
void bt_load_words_senders(const bt_load_record *record, char out[BT_LOAD_WORDS_SIZE]);
/* A new table of what the servers counted of one model, a row a scenario; empty where they told nothing. */
BT_MUST_USE bt_status bt_load_server_table(bt_table **out, const bt_load_record *record,
                                           const bt_load_model *model, bt_error *error);

/* The title of the model called so. */
const char *bt_load_title(const bt_load_record *record, const char *model);

/* A new table of one model's scenarios, a row each: figures, and where the time goes. The caller writes and
 * closes it. */
BT_MUST_USE bt_status bt_load_figures_table(bt_table **out, const bt_load_record *record,
                                            const bt_load_model *model, bt_error *error);
BT_MUST_USE bt_status bt_load_split_table(bt_table **out, const bt_load_record *record,
                                          const bt_load_model *model, bt_error *error);

#ifdef __cplusplus
}
#endif
#endif
