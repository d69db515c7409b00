#include <stdlib.h>
#include <string.h>

#include "report/layout.h"
#include "report/plots.h"
#include "report/sweep-words.h"
#include "report/sweep.h"
#include "report/table.h"

/* "- label: words", or nothing where there are no words. */
static void put_item(FILE *out, const char *label, const char *words) {
    if (!words[0]) return;
    fprintf(out, "- **%s**: ", label);
    bt_markdown_text(out, words);
    fputc('\n', out);
}

static void put_paragraph(FILE *out, const char *words) {
    if (!words[0]) return;
    bt_markdown_text(out, words);
    fputs("\n\n", out);
}

static void put_quote(FILE *out, const char *words) {
    if (!words[0]) return;
    fputs("> ", out);
    put_paragraph(out, words);
}

/* A code block; a tilde fence longer than any in the text, which is one line, cannot be closed by it. */
static void put_code(FILE *out, const char *text) {
    char clean[BT_WORDS_SIZE + 32];
    bt_layout_clean(text, clean, sizeof clean);
    fprintf(out, "~~~sh\n%s\n~~~\n\n", clean);
}

static bt_status put_settings(const bt_record *record, FILE *out, bt_error *error) {
    static const bt_column columns[] = {{"setting", false}, {"value", false}, {"set by", false}};
    static const char *const sources[] = {"default", "profile", "config file", "flag"};
    bt_table *table;
    bt_status status = bt_table_open(&table, columns, 3, error);
    if (status) return status;
    for (size_t i = 0; i < bt_settings_count; i++) {
        char value[BT_OPTION_TEXT_SIZE];
        if (bt_settings_table[i].scope != BT_SCOPE_SETTING) continue;
        bt_option_text(&bt_settings_table[i], &record->settings, value, sizeof value);
        bt_table_text(table, "%s", bt_settings_table[i].name);
        bt_table_text(table, "%s", value);
        unsigned source = (unsigned)record->sources.of[i];
        bt_table_text(table, "%s", source < 4 ? sources[source] : "unknown");
    }
    status = bt_table_write_markdown(table, out, error);
    bt_table_close(&table);
    fputc('\n', out);
    return status;
}

static void add_row(bt_table *table, const bt_model_record *model, int index) {
    const bt_point *point = &model->points[index];
    int p95_decimals = bt_words_decimals(model, offsetof(bt_point, p95_ms));
    char memory[BT_WORDS_SIZE];
    bt_words_memory_mb(point, memory);
    bt_table_text(table, "%s%s", index == model->chosen ? "→" : "", point->on_pareto_front ? "•" : "");
    bt_table_text(table, "%d", point->batch_size);
    bt_table_text(table, "%d", point->sample_count);
    bt_table_number(table, point->p50_ms, p95_decimals);
    bt_table_number(table, point->p95_ms, p95_decimals);
    bt_table_number(table, point->p95_upper_ms, p95_decimals);
    bt_table_number(table, point->throughput_imgs_per_sec,
                    bt_words_decimals(model, offsetof(bt_point, throughput_imgs_per_sec)));
    bt_table_number(table, point->efficiency, bt_words_decimals(model, offsetof(bt_point, efficiency)));
    bt_table_text(table, "%s", memory);
    bt_table_number(table, point->mask_iou, 4);
    bt_table_number(table, point->late_budget_ms, p95_decimals);
    bt_table_text(table, "%s%s", bt_words_verdict(point->outcome), point->drifting ? " ~" : "");
    bt_table_text(table, "%s", bt_words_why(point));
}

static bt_status put_points(const bt_model_record *model, FILE *out, bt_error *error) {
    static const bt_column columns[] = {
        {"", false},          {"batch", true},        {"samples", true},   {"P50 ms", true},
        {"P95 ms", true},     {"P95 bound ms", true}, {"img/s", true},     {"efficiency", true},
        {"memory MiB", true}, {"mask IoU", true},     {"latest ms", true}, {"verdict", false},
        {"why", false},
    };
    bt_table *table;
    bt_status status = bt_table_open(&table, columns, sizeof columns / sizeof columns[0], error);
    if (status) return status;
    for (int i = 0; i < model->point_count; i++)
        add_row(table, model, i);
    status = bt_table_write_markdown(table, out, error);
    bt_table_close(&table);
    fputs("\n→ chosen, • on the Pareto front; efficiency is images/s per √batch; *latest* is the longest a "
          "request "
          "may take.\n\n",
          out);
    return status;
}

/* A path in a Markdown link: in angle brackets, spaces may stand; what would close them may not. */
static bt_status put_picture(FILE *out, const char *pictures, const bt_model_record *model, bt_plot plot,
                             bt_error *error) {
    char path[BT_PATH_SIZE];
    bt_status status = bt_plot_path(path, pictures, model->model, plot, "svg", error);
    if (status) return status;
    fputs("![", out);
    bt_markdown_text(out, model->title);
    fprintf(out, ": %s](<", bt_plot_name(plot));
    for (const char *at = path; *at; at++) {
        if (strchr("<>\\", *at) || (unsigned char)*at < ' ')
            fprintf(out, "%%%02X", (unsigned char)*at);
        else
            fputc(*at, out);
    }
    fputs(">)\n\n", out);
    return BT_OK;
}

static bt_status put_model(const bt_record *record, const bt_model_record *model, const char *pictures,
                           FILE *out, bt_error *error) {
    char words[BT_WORDS_SIZE];
    bt_status status = BT_OK;
    fputs("## ", out);
    put_paragraph(out, model->title[0] ? model->title : model->model);
    bt_words_subject(model, words);
    put_paragraph(out, words);
    if (model->point_count == 0)
        put_paragraph(out, "No batch size was measured.");
    else
        status = put_points(model, out, error);
    if (status) return status;
    for (int objective = 0; model->point_count > 0 && objective < BT_OBJECTIVE_COUNT; objective++) {
        char label[64];
        snprintf(label, sizeof label, "best %s", bt_objective_name((bt_objective)objective));
        bt_words_winner(model, (bt_objective)objective, words);
        put_item(out, label, words);
    }
    bt_words_divisions(model, words);
    put_item(out, "cores", words);
    bt_words_memory(record, model, words);
    put_item(out, "memory", words);
    bt_words_lateness(record, model, words);
    put_item(out, "lateness", words);
    bt_words_capacity(model->capacity_rps, model->recommended_rps, model->predicted_p95_ms, words);
    put_item(out, "capacity", words);
    bt_words_scale(model, words);
    put_item(out, "scale", words);
    bt_words_warnings(model, words);
    put_item(out, "warning", words);
    fputc('\n', out);
    for (int plot = BT_PLOT_THROUGHPUT; pictures && !status && plot < BT_PLOT_COUNT; plot++)
        status = put_picture(out, pictures, model, (bt_plot)plot, error);
    return status;
}

static void put_head(const bt_record *record, FILE *out) {
    char words[BT_WORDS_SIZE];
    fputs("# Batch sizes for ", out);
    for (int i = 0; i < record->model_count; i++) {
        fputs(i == 0 ? "" : i + 1 == record->model_count ? " and " : ", ", out);
        bt_markdown_text(out, record->models[i].title);
    }
    fputs("\n\n", out);
    bt_words_notice(record->workload, record->model_count ? record->models[0].image_size : 0, words);
    put_quote(out, words);
    for (int i = 0; i < record->model_count; i++)
        put_item(out, "advice", record->models[i].advice);
    bt_words_joint_memory(record, words);
    put_item(out, "together", words);
    if (record->verdict[0]) {
        snprintf(words, sizeof words, "%s (%d)", record->verdict, record->verdict_code);
        put_item(out, "verdict", words);
    }
    for (int i = 0; i < record->change_count; i++)
        put_item(out, "changed", record->changes[i]);
    if (record->previous_run[0]) put_item(out, "compared with run", record->previous_run);
    fputc('\n', out);
}

static bt_status put_ground(const bt_record *record, FILE *out, bt_error *error) {
    char words[BT_WORDS_SIZE];
    fputs("## What was asked, and of what\n\n", out);
    bt_words_machine(&record->machine, words);
    put_item(out, "machine", words);
    bt_words_versions(record, words);
    put_item(out, "versions", words);
    put_item(out, "images", record->images);
    snprintf(words, sizeof words, "%s, %s to %s, %.0f s of it measuring", record->run_id, record->started_at,
             record->finished_at, record->measuring_s > 0 ? record->measuring_s : 0);
    put_item(out, "run", words);
    fputc('\n', out);
    bt_status status = put_settings(record, out, error);
    fputs(
        "## How to read this\n\n"
        "A batch size is *ok* when the samples show, at 95 % confidence and by order statistics alone, that "
        "its P95 "
        "service time keeps the SLA, when its memory leaves the reserve free, and when its masks agree with "
        "the "
        "FP32 reference's. The bound is the one-sided 95 % upper bound of P95: it needs 59 samples, fewer "
        "when "
        "they hang together count for less, and where it does not exist it is left open.\n\n"
        "A batch that keeps the SLA may still make a request late: one that arrives while a batch is running "
        "waits for it first, so the longest it may take is max_queue_delay + 2 × P95.\n\n"
        "The capacity is about requests: the highest rate of random (Poisson) arrivals at which the P95 of "
        "their latency, all waiting included, keeps the same SLA and none is refused. It is simulated, with "
        "the service's own batching and the measured times, for the instances that were measured together, "
        "with the device to themselves.\n\n"
        "## How to repeat it\n\n",
        out);
    put_code(out, record->command);
    return status;
}

bt_status bt_report_markdown(const bt_record *record, const char *pictures, FILE *out, bt_error *error) {
    bt_status status = BT_OK;
    char notice[BT_WORDS_SIZE];
    put_head(record, out);
    for (int i = 0; !status && i < record->model_count; i++)
        status = put_model(record, &record->models[i], pictures, out, error);
    if (!status) status = put_ground(record, out, error);
    if (status) return status;
    bt_words_notice(record->workload, record->model_count ? record->models[0].image_size : 0, notice);
    put_quote(out, notice);
    return ferror(out) ? bt_fail(error, BT_IO, "the report could not be written") : BT_OK;
}
