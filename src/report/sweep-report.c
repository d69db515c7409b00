/* A tuning run's report: one text in two forms. */
#include <string.h>

#include "base/text.h"

#include "report/document.h"
#include "report/layout.h"
#include "report/replicas.h"
#include "report/sweep-contenders.h"
#include "report/sweep-plots.h"
#include "report/sweep-words.h"
#include "report/sweep.h"

/* ---- one model ---- */

static void add_row(bt_table *table, const bt_model_record *model, int index) {
    const bt_point *point = &model->points[index];
    int p95_decimals = bt_words_decimals(model, offsetof(bt_point, p95_ms));
    char memory[BT_WORDS_SIZE], mark[BT_WORDS_MARK_SIZE];
    bt_words_memory_mb(point, memory);
    bt_words_mark(model, index, mark);
    bt_table_text(table, "%s", mark);
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

static void put_points(bt_document *d, const bt_model_record *model) {
    static const bt_column columns[] = {
        {"", false},          {"batch", true},        {"samples", true},   {"P50 ms", true},
        {"P95 ms", true},     {"P95 bound ms", true}, {"img/s", true},     {"efficiency", true},
        {"memory MiB", true}, {"mask IoU", true},     {"latest ms", true}, {"verdict", false},
        {"why", false},
    };
    char words[BT_WORDS_SIZE];
    bt_table *table;
    if (d->status == BT_OK)
        d->status = bt_table_open(&table, columns, sizeof columns / sizeof columns[0], d->error);
    if (d->status != BT_OK) return;
    for (int i = 0; i < model->point_count; i++)
        add_row(table, model, i);
    bt_document_table(d, &table);
    bt_words_marks(model, words);
    bt_document_paragraph(d,
                          "%s; bound: of P95, 95 %% one-sided; efficiency: images/s per √batch; latest: the "
                          "longest a request may take.",
                          words);
    bt_words_bounds(model, words);
    bt_document_paragraph(d, "%s", words);
}

static void put_winners(bt_document *d, const bt_model_record *model) {
    char words[BT_WORDS_SIZE], label[64];
    for (int objective = 0; objective < BT_OBJECTIVE_COUNT; objective++) {
        if (!bt_words_tells_winner(model, (bt_objective)objective)) continue;
        snprintf(label, sizeof label, "best %s", bt_objective_name((bt_objective)objective));
        bt_words_winner(model, (bt_objective)objective, words);
        bt_document_item(d, label, "%s", words);
    }
}

static void put_pictures(bt_document *d, const bt_model_record *model) {
    for (int plot = BT_SWEEP_PLOT_THROUGHPUT; plot < BT_SWEEP_PLOT_COUNT; plot++) {
        char name[BT_PATH_SIZE], caption[BT_NAME_SIZE + 64];
        bt_error ignored;
        if (!bt_sweep_plot_is_drawn(model, (bt_sweep_plot)plot)) continue;
        snprintf(caption, sizeof caption, "%s: %s", model->title, bt_sweep_plot_name((bt_sweep_plot)plot));
        if (bt_sweep_plot_path(name, "", model->model, (bt_sweep_plot)plot, "svg", &ignored) == BT_OK)
            bt_document_picture(d, name, caption);
    }
}

/* Where more than how the cores are shared out was decided before the sweep. */
static void put_contenders(bt_document *d, const bt_model_record *model) {
    bt_table *table;
    if (d->status != BT_OK || bt_contender_rows(model) == 0) return;
    bt_document_paragraph(
        d, "Compared before the sweep, in batches of one with every instance busy; speed: images/s over "
           "those of "
           "the one taken on the same cores; mask IoU: agreement with the FP32 reference's masks.");
    d->status = bt_contender_table(&table, model, d->error);
    if (d->status == BT_OK) bt_document_table(d, &table);
}

static void put_model(bt_document *d, const bt_record *record, const bt_model_record *model) {
    char words[BT_WORDS_SIZE];
    bt_document_heading(d, 2, model->title[0] ? model->title : model->model);
    bt_words_subject(model, words);
    bt_document_paragraph(d, "%s", words);
    if (model->point_count == 0) {
        bt_words_unmeasured(model, words);
        bt_document_paragraph(d, "%s.", words);
    } else {
        put_points(d, model);
        put_winners(d, model);
    }
    bt_document_item(d, "precision", "%s", model->precision_reason);
    bt_words_divisions(model, words);
    bt_document_item(d, "cores", "%s", words);
    bt_words_memory(record, model, words);
    bt_document_item(d, "memory", "%s", words);
    bt_words_latency_budget(record, model, words);
    bt_document_item(d, "latency", "%s", words);
    bt_words_capacity(model->capacity_rps, model->recommended_rps, model->predicted_p95_ms, words);
    bt_document_item(d, "capacity", "%s", words);
    bt_words_scale(model, words);
    bt_document_item(d, "scale", "%s", words);
    bt_words_warnings(model, words);
    bt_document_item(d, "warning", "%s", words);
    bt_replicas_report_document(d, &model->replicas);
    put_contenders(d, model);
    put_pictures(d, model);
}

/* ---- all of it ---- */

static void put_title(bt_document *d, const bt_record *record) {
    char title[BT_WORDS_SIZE] = "Batch sizes for ";
    for (int i = 0; i < record->model_count; i++) {
        bt_text_append(title, sizeof title, "%s%s",
                       i == 0                         ? ""
                       : i + 1 == record->model_count ? " and "
                                                      : ", ",
                       record->models[i].title);
    }
    bt_document_begin(d, title);
}

static bt_tone tone_of(const bt_record *record) {
    if (strcmp(record->verdict, "good") == 0) return BT_TONE_GOOD;
    return strcmp(record->verdict, "sla-broken") == 0 ? BT_TONE_BAD : BT_TONE_UNSURE;
}

static void put_head(bt_document *d, const bt_record *record, const char *notice) {
    char words[BT_WORDS_SIZE];
    put_title(d, record);
    bt_document_note(d, "%s", notice);
    if (record->verdict[0]) {
        snprintf(words, sizeof words, "verdict: %s (%d)", record->verdict, record->verdict_code);
        bt_document_banner(d, tone_of(record), words);
    }
    for (int i = 0; i < record->model_count; i++)
        bt_document_item(d, "advice", "%s", record->models[i].advice);
    bt_words_joint_memory(record, words);
    bt_document_item(d, "together", "%s", words);
    for (int i = 0; i < record->change_count; i++)
        bt_document_item(d, "changed", "%s", record->changes[i]);
    bt_document_item(d, "compared with run", "%s", record->previous_run);
}

static void put_settings(bt_document *d, const bt_record *record) {
    static const bt_column columns[] = {{"setting", false}, {"value", false}, {"set by", false}};
    static const char *const sources[] = {"default", "profile", "config file", "flag"};
    bt_table *table;
    if (d->status == BT_OK) d->status = bt_table_open(&table, columns, 3, d->error);
    if (d->status != BT_OK) return;
    for (size_t i = 0; i < bt_settings_count; i++) {
        char value[BT_OPTION_TEXT_SIZE];
        if (bt_settings_table[i].scope != BT_SCOPE_SETTING) continue;
        bt_option_text(&bt_settings_table[i], &record->settings, value, sizeof value);
        bt_table_text(table, "%s", bt_settings_table[i].name);
        bt_table_text(table, "%s", value);
        unsigned source = (unsigned)record->sources.of[i];
        bt_table_text(table, "%s", source < 4 ? sources[source] : "unknown");
    }
    bt_document_table(d, &table);
}

static void put_machine_and_settings(bt_document *d, const bt_record *record) {
    char words[BT_WORDS_SIZE];
    bt_document_heading(d, 2, "Machine and settings");
    bt_words_machine(&record->machine, words);
    bt_document_item(d, "machine", "%s", words);
    bt_words_versions(record, words);
    bt_document_item(d, "versions", "%s", words);
    bt_document_item(d, "images", "%s", record->images);
    bt_document_item(d, "run", "%s, %s to %s, %.0f s of it measuring", record->run_id, record->started_at,
                     record->finished_at, record->measuring_s > 0 ? record->measuring_s : 0);
    put_settings(d, record);
}

static void put_explanation(bt_document *d) {
    bt_document_heading(d, 2, "How to read this");
    bt_document_paragraph(
        d, "A batch size is ok when the samples show, at 95 %% confidence and by order statistics alone, "
           "that its P95 service time keeps the SLA, when its memory leaves the reserve free, and when its "
           "masks agree with the FP32 reference's. The bound is the one-sided 95 %% upper bound of P95. It "
           "takes at least 59 samples, and more where they are autocorrelated; with fewer there is none.");
    bt_document_paragraph(
        d, "A batch that keeps the SLA may still make a request late: one that arrives while a batch is "
           "running waits for it first, so the longest it may take is max_queue_delay + 2 × P95.");
    bt_document_paragraph(
        d, "The capacity is about requests: the highest rate of random (Poisson) arrivals at which the P95 "
           "of their latency, all waiting included, keeps the same SLA and none is refused. It is simulated, "
           "with the service's own batching and the measured times, for the instances that were measured "
           "together, with the device to themselves.");
}

static bt_status write(const bt_record *record, bt_document_form form, const char *pictures, FILE *out,
                       bt_error *error) {
    bt_document document = {.form = form, .out = out, .pictures = pictures, .error = error}, *d = &document;
    char notice[BT_WORDS_SIZE];
    bt_words_notice(record->workload, record->model_count ? record->models[0].image_size : 0, notice);
    put_head(d, record, notice);
    for (int i = 0; i < record->model_count; i++)
        put_model(d, record, &record->models[i]);
    put_machine_and_settings(d, record);
    put_explanation(d);
    bt_document_heading(d, 2, "How to repeat it");
    bt_document_code(d, record->command);
    bt_document_note(d, "%s", notice);
    return bt_document_end(d);
}

bt_status bt_sweep_report_markdown(const bt_record *record, const char *pictures, FILE *out,
                                   bt_error *error) {
    return write(record, BT_DOCUMENT_MARKDOWN, pictures, out, error);
}

bt_status bt_sweep_report_html(const bt_record *record, const char *plots, FILE *out, bt_error *error) {
    return write(record, BT_DOCUMENT_HTML, plots, out, error);
}
