/* Who wins by each objective, for people. */
#include <math.h>
#include <stdio.h>

#include "base/text.h"
#include "report/layout.h"
#include "report/sweep-words.h"

/* A run that asked for no capacity knows of none. */
bool bt_words_tells_winner(const bt_model_record *model, bt_objective objective) {
    return objective != BT_OBJECTIVE_CAPACITY || model->winners[objective] >= 0;
}

/* What the winner has most of, or least. */
static void put_figure(const bt_model_record *model, const bt_point *point, bt_objective objective, char *out,
                       size_t size) {
    char number[32], at[64] = "";
    const bool at_rate = objective == BT_OBJECTIVE_CAPACITY && point->rate_p95_ms > 0;
    if (at_rate) bt_text_format(at, sizeof at, " at %g requests/s", model->rate_rps);
    if (at_rate || objective == BT_OBJECTIVE_LATENCY)
        snprintf(out, size, "P95 %s ms%s",
                 bt_layout_number(at_rate ? point->rate_p95_ms : point->p95_ms, number, sizeof number), at);
    else if (objective == BT_OBJECTIVE_EFFICIENCY)
        snprintf(out, size, "%s images/s per √batch",
                 bt_layout_number(point->efficiency, number, sizeof number));
    else if (objective == BT_OBJECTIVE_CAPACITY && isfinite(point->capacity_rps))
        snprintf(out, size, "%s requests/s", bt_layout_number(point->capacity_rps, number, sizeof number));
    else
        snprintf(out, size, "%s images/s",
                 bt_layout_number(point->throughput_imgs_per_sec, number, sizeof number));
}

void bt_words_winner(const bt_model_record *model, bt_objective objective, char out[BT_WORDS_SIZE]) {
    const int index = model->winners[objective];
    char figure[160], delay[64] = "";
    if (index < 0 || index >= model->point_count) {
        snprintf(out, BT_WORDS_SIZE, "none");
        return;
    }
    const bt_point *point = &model->points[index];
    if (objective == BT_OBJECTIVE_CAPACITY && isfinite(point->best_delay_ms))
        bt_text_format(delay, sizeof delay, ", queue delay %g ms", point->best_delay_ms);
    put_figure(model, point, objective, figure, sizeof figure);
    snprintf(out, BT_WORDS_SIZE, "batch %d%s (%s%s)", point->batch_size, delay, figure,
             point->outcome == BT_OUTCOME_MEASURED ? "" : ", not confirmed");
}
