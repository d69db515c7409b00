/* A tuning run for the terminal: a table of batch sizes for each model, and below it what was decided. */
#include <string.h>

#include "base/terminal.h"
#include "report/layout.h"
#include "report/replicas.h"
#include "report/sweep-words.h"
#include "report/sweep.h"
#include "report/table.h"

#define INDENT 13

static void say(FILE *out, const char *label, const char *words) {
    bt_layout_field(out, label, INDENT, words);
}

static void add_row(bt_table *table, const bt_model_record *model, int index) {
    const bt_point *point = &model->points[index];
    char memory[BT_WORDS_SIZE], mark[BT_WORDS_MARK_SIZE];
    bt_words_memory_mb(point, memory);
    bt_words_mark(model, index, mark);
    bt_table_text(table, "%s", mark);
    bt_table_text(table, "%d", point->batch_size);
    bt_table_number(table, point->p95_ms, bt_words_decimals(model, offsetof(bt_point, p95_ms)));
    bt_table_number(table, point->p95_upper_ms, bt_words_decimals(model, offsetof(bt_point, p95_ms)));
    bt_table_number(table, point->throughput_imgs_per_sec,
                    bt_words_decimals(model, offsetof(bt_point, throughput_imgs_per_sec)));
    bt_table_number(table, point->efficiency, bt_words_decimals(model, offsetof(bt_point, efficiency)));
    bt_table_text(table, "%s", memory);
    bt_table_number(table, point->mask_iou, 3);
    bt_table_text(table, "%s%s", bt_words_verdict(point->outcome), point->drifting ? " ~" : "");
    bt_table_text(table, "%s", bt_words_why(point));
}

static bt_status put_points(const bt_model_record *model, FILE *out, bt_error *error) {
    static const bt_column columns[] = {
        {"", false},          {"batch", true}, {"P95 ms", true}, {"bound", true},    {"img/s", true},
        {"efficiency", true}, {"MiB", true},   {"IoU", true},    {"verdict", false}, {"why", false},
    };
    bt_table *table;
    bt_status status = bt_table_open(&table, columns, sizeof columns / sizeof columns[0], error);
    for (int i = 0; status == BT_OK && i < model->point_count; i++)
        add_row(table, model, i);
    return bt_table_print(&table, status, out, error);
}

/* What the table's marks mean, and how a bound that is not there could be had. */
static void put_legend(const bt_model_record *model, FILE *out) {
    char words[BT_WORDS_SIZE], line[BT_WORDS_SIZE + 96];
    bt_words_marks(model, words);
    snprintf(line, sizeof line, "%s; bound: of P95, 95 %% one-sided; efficiency: img/s per √batch", words);
    bt_layout_field(out, "", 0, line);
    bt_words_bounds(model, words);
    bt_layout_field(out, "", 0, words);
}

static void put_winners(const bt_model_record *model, FILE *out) {
    for (int objective = 0; objective < BT_OBJECTIVE_COUNT; objective++) {
        char words[BT_WORDS_SIZE], line[BT_WORDS_SIZE + 64];
        if (!bt_words_tells_winner(model, (bt_objective)objective)) continue;
        bt_words_winner(model, (bt_objective)objective, words);
        snprintf(line, sizeof line, "%-11s %s", bt_objective_name((bt_objective)objective), words);
        say(out, objective == 0 ? "winners" : "", line);
    }
}

static bt_status put_model(const bt_record *record, const bt_model_record *model, FILE *out,
                           bt_error *error) {
    char words[BT_WORDS_SIZE];
    bt_words_subject(model, words);
    fputc('\n', out);
    bt_layout_field(out, "", 0, words);
    if (model->point_count == 0) {
        bt_words_unmeasured(model, words);
        bt_layout_field(out, "", 0, words);
    } else {
        bt_status status = put_points(model, out, error);
        if (status != BT_OK) return status;
        put_legend(model, out);
    }
    if (model->point_count > 0) put_winners(model, out);
    say(out, "precision", model->precision_reason);
    bt_words_divisions(model, words);
    say(out, "cores", words);
    bt_words_memory(record, model, words);
    say(out, "memory", words);
    bt_words_latency_budget(record, model, words);
    say(out, "latency", words);
    bt_words_capacity(model->capacity_rps, model->recommended_rps, model->predicted_p95_ms, words);
    say(out, "capacity", words);
    bt_words_scale(model, words);
    say(out, "scale", words);
    bt_words_warnings(model, words);
    say(out, "warning", words);
    say(out, "advice", model->advice);
    if (!(model->replicas.rate_rps > 0)) return BT_OK;
    fputc('\n', out);
    return bt_replicas_report(&model->replicas, out, error);
}

static void put_run(const bt_record *record, FILE *out) {
    char words[BT_WORDS_SIZE];
    fputc('\n', out);
    bt_words_joint_memory(record, words);
    say(out, "together", words);
    for (int i = 0; i < record->change_count; i++)
        say(out, i == 0 ? "changed" : "", record->changes[i]);
    if (record->previous_run[0] && record->change_count == 0) {
        snprintf(words, sizeof words, "nothing against %s", record->previous_run);
        say(out, "changed", words);
    }
    bt_words_machine(&record->machine, words);
    say(out, "machine", words);
    bt_words_versions(record, words);
    say(out, "versions", words);
    say(out, "images", record->images);
    say(out, "repeat with", record->command);
}

bt_status bt_sweep_report_table(const bt_record *record, FILE *out, bt_error *error) {
    char notice[BT_WORDS_SIZE];
    bt_words_notice(record->workload, record->model_count ? record->models[0].image_size : 0, notice);
    bt_layout_field(out, "", 0, notice);
    for (int i = 0; i < record->model_count; i++) {
        bt_status status = put_model(record, &record->models[i], out, error);
        if (status != BT_OK) return status;
    }
    put_run(record, out);
    if (notice[0]) {
        fputc('\n', out);
        bt_layout_field(out, "", 0, notice);
    }
    return ferror(out) ? bt_fail(error, BT_NOT_WRITTEN, "the report could not be written") : BT_OK;
}
