#include "report/replicas.h"

#include <math.h>

#include "base/text.h"
#include "report/layout.h"

#define INDENT     10
#define WORDS_SIZE 256

/* ---- words, the same in each form ---- */

static void put_head(const bt_replicas_plan *plan, char out[WORDS_SIZE]) {
    bt_text_format(out, WORDS_SIZE, "%s, %g requests/s, P95 within %g ms, sent %s, %d instance%s each",
                   plan->model, plan->rate_rps, plan->p95_sla_ms, bt_balancing_words(plan->balancing),
                   plan->instances, plan->instances == 1 ? "" : "s");
}

typedef struct line {
    const char *label;
    char words[WORDS_SIZE];
} line;

#define LINES_MAX 3

static int collect(const bt_replicas_plan *plan, line lines[LINES_MAX]) {
    int count = 0;
    if (plan->row_count == 0) {
        lines[count].label = "plan";
        snprintf(lines[count++].words, WORDS_SIZE,
                 "none: no request keeps that promise, however many replicas there are");
    }
    if (plan->recommended == 0) return count;
    lines[count].label = "plan";
    bt_text_format(lines[count++].words, WORDS_SIZE, "%d replica%s; %d would do without headroom (%g %%)",
                   plan->recommended, plan->recommended == 1 ? "" : "s", plan->least, plan->headroom_percent);
    lines[count].label = "more";
    bt_text_format(lines[count++].words, WORDS_SIZE,
                   "from %.3g requests/s of each on, or %.2g of each waiting or running",
                   plan->more_above_rps_each, plan->more_above_under_way_each);
    if (!isfinite(plan->fewer_below_rps)) return count;
    lines[count].label = "fewer";
    bt_text_format(lines[count++].words, WORDS_SIZE, "below %.3g requests/s in all", plan->fewer_below_rps);
    return count;
}

static bt_status open_table(bt_table **out, const bt_replicas_plan *plan, bt_error *error) {
    static const bt_column columns[] = {{"", false},     {"replicas", true},  {"hold rps", true},
                                        {"each", true},  {"P95 ms", true},    {"P99 ms", true},
                                        {"batch", true}, {"under way", true}, {"promise", false}};
    bt_status status = bt_table_open(out, columns, sizeof columns / sizeof *columns, error);
    for (int i = 0; status == BT_OK && i < plan->row_count; i++) {
        const bt_replicas_row *row = &plan->rows[i];
        bt_table_text(*out, "%s", row->replicas == plan->recommended ? "→" : "");
        bt_table_text(*out, "%d", row->replicas);
        bt_table_number(*out, row->holds_rps, 1);
        bt_table_number(*out, row->holds_rps / row->replicas, 1);
        bt_table_number(*out, row->p95_ms, 1);
        bt_table_number(*out, row->p99_ms, 1);
        bt_table_number(*out, row->mean_batch_size, 2);
        bt_table_number(*out, row->mean_under_way, 2);
        bt_table_text(*out, "%s",
                      row->keeps      ? "kept"
                      : row->lost > 0 ? "broken: requests are refused"
                                      : "broken");
    }
    return status;
}

/* ---- text ---- */

bt_status bt_replicas_report(const bt_replicas_plan *plan, FILE *out, bt_error *error) {
    char head[WORDS_SIZE];
    line lines[LINES_MAX];
    bt_status status = BT_OK;
    put_head(plan, head);
    bt_layout_field(out, "", 0, head);
    if (plan->row_count > 0) {
        bt_table *table;
        status = open_table(&table, plan, error);
        status = bt_table_print(&table, status, out, error);
    }
    const int count = status == BT_OK ? collect(plan, lines) : 0;
    for (int i = 0; i < count; i++)
        bt_layout_field(out, lines[i].label, INDENT, lines[i].words);
    return status;
}

/* ---- documents ---- */

static void put_table(bt_document *d, const bt_replicas_plan *plan) {
    bt_table *table;
    if (d->status == BT_OK) d->status = open_table(&table, plan, d->error);
    if (d->status == BT_OK) bt_document_table(d, &table);
}

void bt_replicas_report_document(bt_document *d, const bt_replicas_plan *plan) {
    char head[WORDS_SIZE];
    line lines[LINES_MAX];
    if (!(plan->rate_rps > 0)) return;
    put_head(plan, head);
    bt_document_paragraph(d, "Replicas, by simulation: %s.", head);
    if (plan->row_count > 0) put_table(d, plan);
    const int count = collect(plan, lines);
    for (int i = 0; i < count; i++)
        bt_document_item(d, lines[i].label, "%s", lines[i].words);
}
