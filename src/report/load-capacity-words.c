/* A capacity that was found under load, in words and as a table of its runs. */
#include <math.h>

#include "base/text.h"
#include "report/layout.h"
#include "report/load-words.h"

#define ADD(out, ...) bt_text_append(out, BT_LOAD_WORDS_SIZE, __VA_ARGS__)

static const char *number(double value, char out[32]) {
    return bt_layout_number(value, out, 32);
}

/* What was found, without the prediction. */
static void add_bounds(const bt_load_capacity *c, char *out) {
    char lower[32], upper[32], estimate[32];
    number(c->lower_rps, lower);
    number(c->upper_rps, upper);
    if (c->estimate_rps == 0)
        ADD(out, "none: not even one request at a time keeps the SLA");
    else if (isfinite(c->estimate_rps))
        ADD(out, "%s requests/s (%s–%s)", number(c->estimate_rps, estimate), lower, upper);
    else if (c->lower_rps > 0)
        ADD(out, "at least %s requests/s; %s", lower,
            c->end == BT_LOAD_CAPACITY_GENERATOR ? "the load generator cannot send faster"
                                                 : "no rate was shown to break the SLA");
    else if (isfinite(c->upper_rps))
        ADD(out, "below %s requests/s; no rate was shown to hold", upper);
    else
        ADD(out, "not found");
}

void bt_load_words_found(const bt_load_part *part, char out[BT_LOAD_WORDS_SIZE]) {
    const bt_load_capacity *c = &part->capacity;
    const double error = bt_load_capacity_error(c);
    char predicted[32];
    out[0] = '\0';
    if (c->run_count == 0) return;
    add_bounds(c, out);
    if (isfinite(c->predicted_rps)) ADD(out, ", predicted %s", number(c->predicted_rps, predicted));
    if (isfinite(error)) ADD(out, " (%+.0f %%)", 100 * error);
}

void bt_load_words_far_off(const bt_load_part *part, char out[BT_LOAD_WORDS_SIZE]) {
    const double error = bt_load_capacity_error(&part->capacity);
    out[0] = '\0';
    if (!bt_load_capacity_is_far_off(&part->capacity)) return;
    ADD(out,
        "the capacity is %.0f %% %s than predicted: if runs take %s now than when they were tuned, tune "
        "again, "
        "`make optimize-batch`",
        100 * fabs(error), error < 0 ? "lower" : "higher", error < 0 ? "longer" : "less long");
}

static void cell(bt_table *table, double value) {
    bt_table_number(table, value, bt_layout_decimals(value));
}

static void add_run(bt_table *table, const bt_rate_run *run) {
    static const char *const marks[BT_RATE_WORDS] = {[BT_RATE_MET] = "✓",
                                                     [BT_RATE_BROKEN] = "✗",
                                                     [BT_RATE_NOT_SHOWN] = "?",
                                                     [BT_RATE_DISTURBED] = "–",
                                                     [BT_RATE_LATE] = "–"};
    const bt_load_latency latency = {.p95_lower_ms = run->p95_lower_ms, .p95_upper_ms = run->p95_upper_ms};
    char words[BT_LOAD_WORDS_SIZE];
    bt_table_text(table, "%s %s", marks[run->word], bt_rate_word_text(run->word));
    if (run->purpose == BT_RATE_LONE)
        bt_table_text(table, "one at a time");
    else
        cell(table, run->rate_rps);
    bt_table_text(table, "%lld", (long long)run->sent);
    bt_table_text(table, "%lld", (long long)(run->sent - run->ok));
    cell(table, run->p95_ms);
    bt_table_text(table, "%s", bt_load_words_interval(&latency, words));
    cell(table, run->predicted_p95_ms);
    cell(table, run->throughput_rps);
    cell(table, run->goodput_rps);
    bt_table_number(table, run->mean_batch_size, 2);
}

bt_status bt_load_runs_table(bt_table **out, const bt_load_part *part, bt_error *error) {
    static const bt_column columns[] = {
        {"run", false},   {"asked/s", true},   {"sent", true},  {"lost", true},       {"P95 ms", true},
        {"bounds", true}, {"predicted", true}, {"img/s", true}, {"within SLA", true}, {"batch", true},
    };
    bt_status status = bt_table_open(out, columns, sizeof columns / sizeof *columns, error);
    for (int i = 0; i < part->capacity.run_count && status == BT_OK; i++)
        add_run(*out, &part->capacity.runs[i]);
    return status;
}

const bt_load_part *bt_load_search_of(const bt_load_record *record, const bt_load_model *model) {
    for (int i = 0; i < record->scenario_count; i++) {
        const bt_load_part *part = bt_load_part_of(&record->scenarios[i], model->model);
        if (part && part->capacity.run_count > 0) return part;
    }
    return NULL;
}
