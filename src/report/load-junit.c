/* A load test as JUnit XML, which CI systems show: a test suite a model, a test case a scenario. */
#include <math.h>

#include "base/text.h"
#include "report/load-words.h"
#include "report/load.h"
#include "report/markup.h"

typedef struct tally {
    int tests, failures, errors, skipped;
} tally;

static tally count(const bt_load_record *record, const bt_load_model *model) {
    tally t = {0};
    for (int i = 0; i < record->scenario_count; i++) {
        const bt_load_part *part = bt_load_part_of(&record->scenarios[i], model->model);
        if (!part) continue;
        t.tests++;
        if (!record->scenarios[i].judged)
            t.skipped++;
        else if (part->verdict == BT_LOAD_BROKEN)
            t.failures++;
        else if (part->verdict == BT_LOAD_NOT_SHOWN)
            t.errors++;
    }
    return t;
}

/* What is not known is not printed. */
static void figure(FILE *out, const char *name, double value_ms) {
    if (isfinite(value_ms)) bt_text_print(out, "; %s %.3f ms", name, value_ms);
}

static void put_case(FILE *out, const bt_load_record *record, const bt_load_model *model,
                     const bt_load_scenario *scenario, const bt_load_part *part) {
    char words[BT_LOAD_WORDS_SIZE];
    fputs("    <testcase", out);
    bt_xml_attribute(out, "classname", model->model);
    bt_xml_attribute(out, "name", scenario->name);
    bt_text_print(out, " time=\"%.3f\">\n", isfinite(scenario->duration_s) ? scenario->duration_s : 0);
    if (!scenario->judged) {
        fputs("      <skipped/>\n", out);
    } else if (part->verdict != BT_LOAD_MET) {
        const char *tag = part->verdict == BT_LOAD_BROKEN ? "failure" : "error";
        bt_load_words_doubt(record, part, words);
        fprintf(out, "      <%s", tag);
        bt_xml_attribute(out, "message", words);
        fputc('>', out);
        bt_html_text(out, part->cause);
        fputs(part->remedy[0] ? "; " : "", out);
        bt_html_text(out, part->remedy);
        fprintf(out, "</%s>\n", tag);
    }
    bt_load_words_losses(part, words);
    fprintf(out, "      <system-out>sent %lld, ok %lld, without a result: ", (long long)part->sent,
            (long long)part->ok);
    bt_html_text(out, words);
    figure(out, "P50", part->latency.p50_ms);
    figure(out, "P95", part->latency.p95_ms);
    figure(out, "P95 at least", part->latency.p95_lower_ms);
    figure(out, "P95 at most", part->latency.p95_upper_ms);
    figure(out, "P99", part->latency.p99_ms);
    figure(out, "predicted P95", part->predicted_p95_ms);
    bt_load_words_found(part, words);
    fputs(words[0] ? "; capacity " : "", out);
    bt_html_text(out, words);
    fputs("</system-out>\n", out);
    fputs("    </testcase>\n", out);
}

bt_status bt_load_report_junit(const bt_load_record *record, FILE *out, bt_error *error) {
    fputs("<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<testsuites name=\"test-production\">\n", out);
    for (int m = 0; m < record->model_count; m++) {
        const bt_load_model *model = &record->models[m];
        tally t = count(record, model);
        fputs("  <testsuite", out);
        bt_xml_attribute(out, "name", model->model);
        fprintf(out, " tests=\"%d\" failures=\"%d\" errors=\"%d\" skipped=\"%d\"", t.tests, t.failures,
                t.errors, t.skipped);
        bt_xml_attribute(out, "timestamp", record->started_at);
        fputs(">\n", out);
        for (int i = 0; i < record->scenario_count; i++) {
            const bt_load_part *part = bt_load_part_of(&record->scenarios[i], model->model);
            if (part) put_case(out, record, model, &record->scenarios[i], part);
        }
        fputs("  </testsuite>\n", out);
    }
    fputs("</testsuites>\n", out);
    return ferror(out) ? bt_fail(error, BT_NOT_WRITTEN, "the report could not be written") : BT_OK;
}
