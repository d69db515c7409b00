/* A load test for the terminal: the summary that people read first, then the figures behind it. */
#include <math.h>
#include <string.h>

#include "base/terminal.h"
#include "base/text.h"
#include "report/layout.h"
#include "report/load-words.h"
#include "report/load.h"

#define INDENT 10 /* of what stands beside a label */

static void put_line(FILE *out, const bt_load_record *record, const bt_load_scenario *scenario,
                     const bt_load_part *part) {
    char rest[BT_LOAD_WORDS_SIZE], head[512], p95[32] = BT_UNKNOWN_TEXT;
    int columns = bt_terminal_columns(out);
    if (isfinite(part->latency.p95_ms)) bt_text_format(p95, sizeof p95, "%.1fms", part->latency.p95_ms);
    snprintf(head, sizeof head, "  %s: P95=%s %s", scenario->title, p95, bt_load_mark_of(scenario, part));
    bt_load_words_found(part, rest);
    if (rest[0])
        snprintf(head, sizeof head, "  %s: %.200s %s", scenario->title, rest,
                 bt_load_mark_of(scenario, part));
    bt_load_words_doubt(record, part, rest);
    if (!scenario->judged) snprintf(rest, sizeof rest, "not judged");
    bt_layout_paragraph(out, head, bt_layout_width(head) + (rest[0] ? 2 : 0), columns, rest);
    if (part->cause[0]) bt_layout_paragraph(out, "      cause", 14, columns, part->cause);
    bt_load_words_missed(part, rest);
    if (rest[0]) bt_layout_paragraph(out, "      missed", 14, columns, rest);
    if (part->remedy[0]) bt_layout_paragraph(out, "      remedy", 14, columns, part->remedy);
}

static void put_summary(FILE *out, const bt_load_record *record, const bt_load_model *model) {
    char title[BT_NAME_SIZE];
    bt_layout_clean(model->title, title, sizeof title);
    char line[BT_NAME_SIZE + 16];
    snprintf(line, sizeof line, "%s Summary:", title);
    bt_layout_field(out, "", 0, line);
    for (int i = 0; i < record->scenario_count; i++) {
        const bt_load_part *part = bt_load_part_of(&record->scenarios[i], model->model);
        if (part) put_line(out, record, &record->scenarios[i], part);
    }
    fputc('\n', out);
}

static void put_words(FILE *out, const char *label, const char *words) {
    bt_layout_field(out, label, INDENT, words);
}

static bt_status put_table(FILE *out, bt_table **table, bt_status status, bt_error *error) {
    bool put = status == BT_OK && !bt_table_is_empty(*table);
    if (put) {
        status = bt_table_print(table, status, out, error);
        fputc('\n', out);
    }
    bt_table_close(table);
    return status;
}

static bt_status put_model(FILE *out, const bt_load_record *record, const bt_load_model *model,
                           bt_error *error) {
    char words[BT_LOAD_WORDS_SIZE];
    bt_table *table = NULL;
    bt_load_words_subject(model, words);
    bt_layout_field(out, "", 0, words);
    bt_status status = put_table(out, &table, bt_load_figures_table(&table, record, model, error), error);
    if (status == BT_OK)
        status = put_table(out, &table, bt_load_split_table(&table, record, model, error), error);
    if (status == BT_OK)
        status = put_table(out, &table, bt_load_server_table(&table, record, model, error), error);
    bt_load_words_nothing(record, model, words);
    put_words(out, "nothing", words);
    bt_load_words_bounds(record, model, words);
    put_words(out, "bounds ?", words);
    bt_load_words_errors(record, model, words);
    put_words(out, "error", words);
    const bt_load_part *search = bt_load_search_of(record, model);
    if (search && status == BT_OK)
        status = put_table(out, &table, bt_load_runs_table(&table, search, error), error);
    if (search) bt_load_words_far_off(search, words);
    if (search) put_words(out, "far off", words);
    bt_load_words_capacity(model, words);
    put_words(out, "capacity", words);
    bt_load_words_speedup(model, words);
    put_words(out, isfinite(model->speedup) ? "speed-up" : "full load", words);
    bt_load_words_warning(record, model, words);
    put_words(out, "warning", words);
    fputc('\n', out);
    return status;
}

/* One test's scenarios that may have other arrivals than Poisson's all have the same. */
static void put_arrivals(FILE *out, const bt_load_record *record) {
    char words[BT_LOAD_WORDS_SIZE] = "";
    for (int i = 0; i < record->scenario_count && !words[0]; i++)
        bt_load_words_arrivals(&record->scenarios[i], words);
    put_words(out, "arrivals", words);
}

bt_status bt_load_report_table(const bt_load_record *record, FILE *out, bt_error *error) {
    char words[BT_LOAD_WORDS_SIZE];
    bt_status status = BT_OK;
    for (int i = 0; i < record->model_count; i++)
        put_summary(out, record, &record->models[i]);
    for (int i = 0; i < record->model_count && status == BT_OK; i++)
        status = put_model(out, record, &record->models[i], error);
    bt_load_words_servers(record, words);
    put_words(out, "server", words);
    bt_load_words_senders(record, words);
    put_words(out, "senders", words);
    bt_layout_clean(record->images, words, sizeof words);
    put_words(out, "images", words);
    put_arrivals(out, record);
    bt_load_words_trust(record, words);
    put_words(out, "trust", words);
    bt_load_words_headline(record, words);
    put_words(out, "verdict", words);
    put_words(out, "again", record->command);
    if (status == BT_OK && ferror(out))
        status = bt_fail(error, BT_NOT_WRITTEN, "the report could not be written");
    return status;
}
