/* From measurements to a decision: pure, and made of the record alone, so it can be made again from a
 * file. */
#ifndef BT_TUNE_SCORE_H
#define BT_TUNE_SCORE_H

#include "record/sweep-record.h"

#ifdef __cplusplus
extern "C" {
#endif

/* Fills a point's statistics (P50, P95 and bounds, throughput, efficiency, drift, latency budget) from its
 * samples; NaN where it has none. BT_NO_MEMORY. */
BT_MUST_USE bt_status bt_score_point(bt_point *point, int instances, double max_queue_delay_ms,
                                     bt_error *error);

/* Scores every point of a model and chooses: winners by each objective among the admissible points, the
 * Pareto front, the chosen point (the winner by the settings' objective, or, where nothing is admissible, the
 * fastest with meets_sla false), why each point won or lost, the speed-up, and the closing advice.
 * BT_NO_MEMORY. */
BT_MUST_USE bt_status bt_score_model(bt_model_record *model, const bt_settings *settings, bt_error *error);

/* What the other model costs, of its samples; NaN where they are too few. BT_NO_MEMORY. */
BT_MUST_USE bt_status bt_score_neighbour(bt_neighbour_times *times, bt_error *error);

/* The winners and the choice anew, after capacities were predicted (tune/forecast.h), and what follows from them. */
void bt_score_choose(bt_model_record *model, const bt_settings *settings);

/* What follows from the winners and the choice, after whoever changed it: whether it keeps the SLA, the speed-up,
 * and the words (tune/explain.h). */
void bt_score_conclude(bt_model_record *model, const bt_settings *settings);

#ifdef __cplusplus
}
#endif
#endif
