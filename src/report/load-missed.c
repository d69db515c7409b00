/* Which part of the latency a prediction of P95 missed by. */
#include <math.h>
#include <stddef.h>

#include "base/text.h"
#include "report/layout.h"
#include "report/load-words.h"

/* A prediction of P95 is told to have missed beyond this share of it. Lower: what the spread of a short test explains
 * is told of; higher: predictions that mislead pass without a word. */
#define MISSED 0.2

/* No part of the mean latency is blamed for less than this share of what P95 missed by. */
#define MEANS_AGREE 0.1

void bt_load_words_errors(const bt_load_record *record, const bt_load_model *model,
                          char out[BT_LOAD_WORDS_SIZE]) {
    out[0] = '\0';
    for (int i = 0; i < record->scenario_count; i++) {
        const bt_load_part *part = bt_load_part_of(&record->scenarios[i], model->model);
        const double error = part ? part->latency.p95_ms / part->predicted_p95_ms - 1 : NAN;
        if (!isfinite(error)) continue;
        bt_text_append(out, BT_LOAD_WORDS_SIZE, "%s%s %+.0f %%",
                       out[0] ? ", " : "P95 against the prediction: ", record->scenarios[i].title,
                       100 * error);
    }
}

typedef struct latency_part {
    const char *name;
    double predicted_ms, measured_ms; /* means */
} latency_part;

static double missed_ms(const latency_part *part) {
    return fabs(part->measured_ms - part->predicted_ms);
}

/* The one whose prediction is furthest off; without a name where older records do not tell all of them. What comes
 * after the run, on the way to the caller, counts as delivering. */
static latency_part most_missed(const bt_load_part *part) {
    const double prepare_ms = part->preprocess_mean_ms - part->deliver_mean_ms;
    const double before_ms = part->slip_mean_ms + part->queue_mean_ms + prepare_ms + part->service_mean_ms;
    const latency_part parts[] = {
        {"queue wait", part->predicted_queue_mean_ms, part->queue_mean_ms},
        {"preparing", part->predicted_prepare_mean_ms, prepare_ms},
        {"the run", part->predicted_run_mean_ms, part->service_mean_ms},
        {"delivering", part->predicted_deliver_mean_ms, part->latency.mean_ms - before_ms},
    };
    latency_part most = {NULL, 0, 0};
    for (size_t i = 0; i < sizeof parts / sizeof *parts; i++) {
        if (!isfinite(missed_ms(&parts[i]))) return (latency_part){NULL, 0, 0};
        if (!most.name || missed_ms(&parts[i]) > missed_ms(&most)) most = parts[i];
    }
    return most;
}

void bt_load_words_missed(const bt_load_part *part, char out[BT_LOAD_WORDS_SIZE]) {
    char measured[32], predicted[32];
    const double p95_missed_ms = part->latency.p95_ms - part->predicted_p95_ms;
    out[0] = '\0';
    if (!(fabs(p95_missed_ms) > MISSED * part->predicted_p95_ms)) return;
    bt_text_append(out, BT_LOAD_WORDS_SIZE, "predicted P95 %s ms, measured %s (%+.0f %%)",
                   bt_layout_number(part->predicted_p95_ms, predicted, sizeof predicted),
                   bt_layout_number(part->latency.p95_ms, measured, sizeof measured),
                   p95_missed_ms / part->predicted_p95_ms * 100);
    if (part->server.requests > 0) {
        bt_text_append(out, BT_LOAD_WORDS_SIZE, "; the network and HTTP are no part of the prediction");
        return;
    }
    const latency_part most = most_missed(part);
    if (!most.name) return;
    if (missed_ms(&most) < MEANS_AGREE * fabs(p95_missed_ms))
        bt_text_append(out, BT_LOAD_WORDS_SIZE, ": the means agree, the slowest requests missed");
    else
        bt_text_append(out, BT_LOAD_WORDS_SIZE, ": %s missed most, %s against %s ms on average", most.name,
                       bt_layout_number(most.predicted_ms, predicted, sizeof predicted),
                       bt_layout_number(most.measured_ms, measured, sizeof measured));
}
