/* The gate's verdict for a terminal, and the words that all forms share. */
#include <math.h>
#include <string.h>

#include "base/terminal.h"
#include "base/text.h"
#include "report/gate.h"
#include "report/layout.h"

#define INDENT 10

const char *bt_gate_words_percent(double percent, char *out, size_t size) {
    if (isfinite(percent))
        bt_text_format(out, size, "%+.*f %%", fabs(percent) < 100 ? 1 : 0, percent);
    else
        snprintf(out, size, "%s", BT_UNKNOWN_TEXT);
    return out;
}

void bt_gate_words_verdict(const bt_gate_verdict *verdict, char *out, size_t size) {
    snprintf(out, size, "%s: %s", bt_gate_word_name(verdict->verdict), verdict->why);
}

/* "met (SLA 250 ms)" */
static const char *side_words(const char *word, double sla_ms, char out[64]) {
    char sla[40] = "";
    if (isfinite(sla_ms)) bt_text_format(sla, sizeof sla, " (SLA %g ms)", sla_ms);
    snprintf(out, 64, "%s%s", word[0] ? word : "not asked", sla);
    return out;
}

void bt_gate_words_kept(const bt_gate_kept *kept, char *out, size_t size) {
    char before[64], now[64];
    snprintf(out, size, "%s: %s, before %s%s%s", bt_gate_word_name(kept->verdict),
             side_words(kept->now, kept->now_sla_ms, now),
             side_words(kept->before, kept->before_sla_ms, before), kept->why[0] ? ": " : "", kept->why);
}

void bt_gate_words_course(const bt_gate_verdict *v, char *out, size_t size) {
    size_t used = 0;
    out[0] = '\0';
    if (v->pairs > 0)
        used = (size_t)bt_text_format(out, size, "%d pair%s in %.0f s, ", v->pairs, v->pairs == 1 ? "" : "s",
                                      v->measuring_s);
    if (used < size && v->looks > 0)
        bt_text_format(
            out + used, size - used,
            "%d look%s; the chance of one false alarm is at most %g %% over all looks and metrics%s%s",
            v->looks, v->looks == 1 ? "" : "s", v->error_percent, v->profile[0] ? "; profile " : "",
            v->profile);
}

/* The unit with the figure, so that one column serves all. */
static void put_value(bt_table *table, double value, const char *unit) {
    char number[32];
    if (isfinite(value))
        bt_table_text(table, "%s %s", bt_layout_number(value, number, sizeof number),
                      strcmp(unit, BT_UNIT_INSTRUCTIONS) == 0 ? "ins" : unit);
    else
        bt_table_unknown(table);
}

static void put_row(bt_table *table, const bt_gate_row *row) {
    char change[32], low[32], high[32];
    bt_table_text(table, "%s", row->metric);
    put_value(table, row->before, row->unit);
    put_value(table, row->now, row->unit);
    bt_table_text(table, "%s", bt_gate_words_percent(row->slowdown_percent, change, sizeof change));
    if (isfinite(row->lower_percent) && row->lower_percent < row->upper_percent)
        bt_table_text(table, "%s … %s", bt_gate_words_percent(row->lower_percent, low, sizeof low),
                      bt_gate_words_percent(row->upper_percent, high, sizeof high));
    else
        bt_table_unknown(table);
    bt_table_text(table, "%s", bt_gate_words_percent(row->tolerance_percent, change, sizeof change));
    bt_table_text(table, "%s%s%s%s", bt_gate_word_name(row->verdict), row->minor ? " (minor)" : "",
                  row->why[0] ? ": " : "", row->why);
}

bt_status bt_gate_rows_table(bt_table **out, const bt_gate_verdict *verdict, bool all, bt_error *error) {
    static const bt_column columns[] = {{"metric", false}, {"before", true},        {"now", true},
                                        {"change", true},  {"surely within", true}, {"tolerance", true},
                                        {"verdict", false}};
    bt_status status = bt_table_open(out, columns, sizeof columns / sizeof *columns, error);
    for (int i = 0; status == BT_OK && i < verdict->row_count; i++)
        if (all || verdict->rows[i].verdict != BT_GATE_SAME) put_row(*out, &verdict->rows[i]);
    return status;
}

static void put_words(FILE *out, const char *label, const char *words) {
    bt_layout_field(out, label, INDENT, words);
}

static void put_promises(FILE *out, const bt_gate_verdict *verdict) {
    char words[2 * BT_TEXT_SIZE], line[3 * BT_TEXT_SIZE];
    for (int i = 0; i < verdict->promise_count; i++) {
        const bt_gate_kept *kept = &verdict->promises[i];
        bt_gate_words_kept(kept, words, sizeof words);
        snprintf(line, sizeof line, "%s%s: %s", kept->verdict == BT_GATE_SLOWER ? "✗ " : "", kept->name,
                 words);
        put_words(out, i ? "" : "SLA", line);
    }
}

bt_status bt_gate_report_table(const bt_gate_verdict *verdict, FILE *out, bt_error *error) {
    char words[2 * BT_TEXT_SIZE];
    bt_table *table = NULL;
    bt_status status = BT_OK;
    if (verdict->row_count > 0) {
        status = bt_gate_rows_table(&table, verdict, true, error);
        status = bt_table_print(&table, status, out, error);
        fputc('\n', out);
    }
    put_promises(out, verdict);
    put_words(out, "before", verdict->before_name);
    put_words(out, "now", verdict->now_name);
    put_words(out, "differs", verdict->subject_differs);
    put_words(out, "note", verdict->note);
    bt_gate_words_course(verdict, words, sizeof words);
    put_words(out, "course", words);
    bt_gate_words_verdict(verdict, words, sizeof words);
    put_words(out, "verdict", words);
    if (status == BT_OK && ferror(out))
        status = bt_fail(error, BT_NOT_WRITTEN, "the verdict could not be written");
    return status;
}
