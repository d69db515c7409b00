/* The words that every form of a sweep's report shares, so that they cannot say different things.
 *
 * Each function writes one phrase or sentence, "" where there is nothing to say. Pure. */
#ifndef BT_REPORT_SWEEP_WORDS_H
#define BT_REPORT_SWEEP_WORDS_H

#include "record/sweep-record.h"

#ifdef __cplusplus
extern "C" {
#endif

#define BT_WORDS_SIZE      1024
#define BT_WORDS_MARK_SIZE 16

/* "ok", "over SLA", ...: at most 12 columns; never NULL. */
const char *bt_words_verdict(bt_outcome outcome);

/* Why a point won or lost: the record's reason, or the outcome's meaning where it holds none. */
const char *bt_words_why(const bt_point *point);

/* The mark of a point in a table: "→" chosen, "⇢" provisional, "•" on the Pareto front. */
void bt_words_mark(const bt_model_record *model, int index, char out[BT_WORDS_MARK_SIZE]);

/* What a table's marks mean: "→ chosen, • on the Pareto front". */
void bt_words_marks(const bt_model_record *model, char out[BT_WORDS_SIZE]);

/* Where a model has no points: that, and why. */
void bt_words_unmeasured(const bt_model_record *model, char out[BT_WORDS_SIZE]);

/* "CPU demonstration profile: ...", for the workload cpu-demo. */
void bt_words_notice(const char *workload, int image_size, char out[BT_WORDS_SIZE]);

/* "HRNet, 128 × 128 px, BF16, on cpu (...)": what was measured. */
void bt_words_subject(const bt_model_record *model, char out[BT_WORDS_SIZE]);

/* Where a point has a P95 but no upper bound of it: what would give one; else "". */
void bt_words_bounds(const bt_model_record *model, char out[BT_WORDS_SIZE]);

/* "412" MiB measured, "~412" by the fit where it was not, or unknown. */
void bt_words_memory_mb(const bt_point *point, char out[BT_WORDS_SIZE]);

/* Whether an objective has a winner to tell, or a word that there is none. */
bool bt_words_tells_winner(const bt_model_record *model, bt_objective objective);

/* "batch 4 (31.2 images/s)": who wins by an objective, and whether that is confirmed; or "none". */
void bt_words_winner(const bt_model_record *model, bt_objective objective, char out[BT_WORDS_SIZE]);

/* "largest batch memory would allow: FP32 412, BF16 803; ...". */
void bt_words_memory(const bt_record *record, const bt_model_record *model, char out[BT_WORDS_SIZE]);

/* "a request may take up to 181.8 ms: ..." for the chosen point. */
void bt_words_latency_budget(const bt_record *record, const bt_model_record *model, char out[BT_WORDS_SIZE]);

/* "5.13 requests/s within the SLA; recommended 3.08 (60 %), ...": what a service can take; "" where
 * `capacity_rps` is unknown. */
void bt_words_capacity(double capacity_rps, double recommended_rps, double predicted_p95_ms,
                       char out[BT_WORDS_SIZE]);

/* The divisions of the cores that were measured, and their throughput; "" where there was nothing to choose
 * from. */
void bt_words_divisions(const bt_model_record *model, char out[BT_WORDS_SIZE]);

/* The speed-up over single images on the standard path, and the full-size image's time. */
void bt_words_scale(const bt_model_record *model, char out[BT_WORDS_SIZE]);

/* What a reader must be warned of: the SLA not met, the run interrupted, times that drifted. */
void bt_words_warnings(const bt_model_record *model, char out[BT_WORDS_SIZE]);

/* The chosen sizes' memory together. */
void bt_words_joint_memory(const bt_record *record, char out[BT_WORDS_SIZE]);

/* CPU, cores, memory, GPU; versions of what ran. */
void bt_words_machine(const bt_machine *machine, char out[BT_WORDS_SIZE]);
void bt_words_versions(const bt_record *record, char out[BT_WORDS_SIZE]);

/* The lowest of a number (at `offset` in bt_point) over a model's points decides a column's decimals; 1 where
 * none is known. */
int bt_words_decimals(const bt_model_record *model, size_t offset);

#ifdef __cplusplus
}
#endif
#endif
