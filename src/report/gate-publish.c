/* The gate's verdict as Markdown, as JUnit XML and as JSON, to a stream or a file. */
#include <math.h>
#include <string.h>

#include "base/json.h"
#include "report/document.h"
#include "report/gate.h"
#include "report/markup.h"
#include "report/whole-file.h"

/* ---- Markdown ---- */

static bt_tone tone_of(const bt_gate_verdict *verdict) {
    if (verdict->verdict == BT_GATE_SLOWER) return BT_TONE_BAD;
    return verdict->verdict == BT_GATE_INCONCLUSIVE || verdict->verdict == BT_GATE_INCOMPARABLE
               ? BT_TONE_UNSURE
               : BT_TONE_GOOD;
}

static bool has_changes(const bt_gate_verdict *verdict) {
    for (int i = 0; i < verdict->row_count; i++)
        if (verdict->rows[i].verdict != BT_GATE_SAME) return true;
    return false;
}

static void put_rows(bt_document *d, const bt_gate_verdict *verdict, bool all) {
    bt_table *table = NULL;
    if (d->status == BT_OK) d->status = bt_gate_rows_table(&table, verdict, all, d->error);
    bt_document_table(d, &table);
}

static void put_promises(bt_document *d, const bt_gate_verdict *verdict) {
    char words[2 * BT_TEXT_SIZE];
    for (int i = 0; i < verdict->promise_count; i++) {
        if (verdict->promises[i].verdict == BT_GATE_SAME) continue;
        bt_gate_words_kept(&verdict->promises[i], words, sizeof words);
        bt_document_item(d, verdict->promises[i].name, "%s", words);
    }
}

bt_status bt_gate_report_markdown(const bt_gate_verdict *verdict, FILE *out, bt_error *error) {
    bt_document d = {.form = BT_DOCUMENT_MARKDOWN, .out = out, .error = error};
    char words[2 * BT_TEXT_SIZE];
    bt_document_begin(&d, "Performance");
    bt_gate_words_verdict(verdict, words, sizeof words);
    bt_document_banner(&d, tone_of(verdict), words);
    put_promises(&d, verdict);
    if (has_changes(verdict)) put_rows(&d, verdict, false);
    bt_document_item(&d, "before", "%s", verdict->before_name);
    bt_document_item(&d, "now", "%s", verdict->now_name);
    bt_document_item(&d, "differs", "%s", verdict->subject_differs);
    bt_document_item(&d, "note", "%s", verdict->note);
    bt_gate_words_course(verdict, words, sizeof words);
    bt_document_item(&d, "course", "%s", words);
    if (verdict->row_count > 0) {
        bt_document_paragraph(&d, "%d metrics in all:", verdict->row_count);
        fputs("<details><summary>all metrics</summary>\n\n", out);
        put_rows(&d, verdict, true);
        fputs("</details>\n", out);
    }
    return bt_document_end(&d);
}

/* ---- JUnit ---- */

typedef enum result { PASSED, FAILURE, ERROR, SKIPPED } result;

static result result_of(const bt_gate_verdict *verdict, bt_gate_word word, bool minor) {
    switch (word) {
    case BT_GATE_SLOWER:
        return FAILURE;
    case BT_GATE_INCONCLUSIVE:
    case BT_GATE_INCOMPARABLE:
        return minor || verdict->verdict_code == 0 ? SKIPPED : ERROR;
    case BT_GATE_DECLARED:
    case BT_GATE_NEW:
        return SKIPPED;
    case BT_GATE_FASTER:
    case BT_GATE_SAME:
    case BT_GATE_WORD_COUNT:
        break;
    }
    return PASSED;
}

static void put_case(FILE *out, const char *group, const char *name, result came, const char *message) {
    static const char *const tags[] = {"", "failure", "error", "skipped"};
    fputs("    <testcase", out);
    bt_xml_attribute(out, "classname", group);
    bt_xml_attribute(out, "name", name);
    if (came == PASSED) {
        fputs("/>\n", out);
        return;
    }
    fprintf(out, ">\n      <%s", tags[came]);
    bt_xml_attribute(out, "message", message);
    fputs("/>\n    </testcase>\n", out);
}

static void put_row(FILE *out, const bt_gate_verdict *verdict, const bt_gate_row *row) {
    char message[2 * BT_TEXT_SIZE], change[32], tolerance[32];
    snprintf(message, sizeof message, "%s: %s, tolerance %s%s%s", bt_gate_word_name(row->verdict),
             bt_gate_words_percent(row->slowdown_percent, change, sizeof change),
             bt_gate_words_percent(row->tolerance_percent, tolerance, sizeof tolerance),
             row->why[0] ? "; " : "", row->why);
    put_case(out, "metric", row->metric, result_of(verdict, row->verdict, row->minor), message);
}

static void put_promise(FILE *out, const bt_gate_verdict *verdict, const bt_gate_kept *kept) {
    char message[2 * BT_TEXT_SIZE];
    bt_gate_words_kept(kept, message, sizeof message);
    put_case(out, "sla", kept->name, result_of(verdict, kept->verdict, false), message);
}

/* What is wrong with the whole, where no metric and no promise of its own says it. */
static bool whole_is_a_case(const bt_gate_verdict *verdict) {
    return verdict->row_count == 0;
}

bt_status bt_gate_report_junit(const bt_gate_verdict *verdict, FILE *out, bt_error *error) {
    int of[4] = {0}, tests = verdict->row_count + verdict->promise_count + whole_is_a_case(verdict);
    for (int i = 0; i < verdict->row_count; i++)
        of[result_of(verdict, verdict->rows[i].verdict, verdict->rows[i].minor)]++;
    for (int i = 0; i < verdict->promise_count; i++)
        of[result_of(verdict, verdict->promises[i].verdict, false)]++;
    if (whole_is_a_case(verdict)) of[result_of(verdict, verdict->verdict, false)]++;
    fputs("<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<testsuites name=\"perf-gate\">\n", out);
    fprintf(out, "  <testsuite name=\"perf-gate\" tests=\"%d\" failures=\"%d\" errors=\"%d\" skipped=\"%d\"",
            tests, of[FAILURE], of[ERROR], of[SKIPPED]);
    bt_xml_attribute(out, "timestamp", verdict->started_at);
    fputs(">\n", out);
    if (whole_is_a_case(verdict))
        put_case(out, "gate", "comparison", result_of(verdict, verdict->verdict, false), verdict->why);
    for (int i = 0; i < verdict->row_count; i++)
        put_row(out, verdict, &verdict->rows[i]);
    for (int i = 0; i < verdict->promise_count; i++)
        put_promise(out, verdict, &verdict->promises[i]);
    fputs("  </testsuite>\n</testsuites>\n", out);
    return ferror(out) ? bt_fail(error, BT_NOT_WRITTEN, "the verdict could not be written") : BT_OK;
}

/* ---- any form ---- */

static bt_status put_json(const bt_gate_verdict *verdict, FILE *out, bt_error *error) {
    json_t *json = NULL;
    bt_status status = bt_gate_verdict_to_json(verdict, &json, error);
    if (status != BT_OK) return status;
    status = bt_json_write(json, JSON_INDENT(2), out, error);
    json_decref(json);
    return status;
}

bt_status bt_gate_publish(const bt_gate_verdict *verdict, bt_gate_format format, FILE *out, bt_error *error) {
    switch (format) {
    case BT_GATE_FORMAT_TABLE:
        return bt_gate_report_table(verdict, out, error);
    case BT_GATE_FORMAT_JSON:
        return put_json(verdict, out, error);
    case BT_GATE_FORMAT_MARKDOWN:
        return bt_gate_report_markdown(verdict, out, error);
    case BT_GATE_FORMAT_JUNIT:
        return bt_gate_report_junit(verdict, out, error);
    }
    return bt_fail(error, BT_INVALID, "--format: %d is no format", (int)format);
}

bt_status bt_gate_publish_file(const bt_gate_verdict *verdict, bt_gate_format format, const char *path,
                               bt_error *error) {
    bt_whole_file file;
    bt_status status = bt_whole_file_open(&file, "the verdict", error);
    if (status == BT_OK) status = bt_gate_publish(verdict, format, file.out, error);
    return bt_whole_file_close(&file, status, path, error);
}
