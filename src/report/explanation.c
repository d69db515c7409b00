#include "report/explanation.h"

#include <math.h>
#include <string.h>

#include "base/json.h"
#include "base/text.h"
#include "report/document.h"
#include "report/layout.h"
#include "report/table.h"

#define INDENT    13
#define BAR_MOST  20 /* characters of a bar that stands for everything */
#define LINES_MAX 8

/* What nobody timed is told where it is this share of the latency. */
#define REST_SHARE 0.005

/* ---- sentences, the same in each form ---- */

typedef struct line {
    const char *label;
    char words[BT_TEXT_SIZE];
} line;

static void put_service_time(const bt_explained_model *model, char *out) {
    out[0] = '\0';
    if (isnan(model->image_ms)) return;
    if (isnan(model->fixed_ms)) {
        bt_text_format(out, BT_TEXT_SIZE, "one size only: %.2f ms an image", model->image_ms);
        return;
    }
    bt_text_format(out, BT_TEXT_SIZE, "%.2f ms + %.2f ms an image: %.0f %% of a run of one image is fixed",
                   model->fixed_ms, model->image_ms, 100 * model->fixed_share);
    if (model->bent_at > 0)
        bt_text_append(out, BT_TEXT_SIZE,
                       "; no straight line: batch %d takes %.0f %% of its time %s than that", model->bent_at,
                       fabs(model->bent_percent), model->bent_percent > 0 ? "more" : "less");
}

static void put_saturation(const bt_explained_model *model, char *out) {
    out[0] = '\0';
    if (model->filled_at == 0 || model->size_count < 2) return;
    if (model->filled_at == model->sizes[model->size_count - 1].batch_size)
        bt_text_format(out, BT_TEXT_SIZE,
                       "not before batch %d, the largest measured: larger ones may serve more",
                       model->filled_at);
    else
        bt_text_format(out, BT_TEXT_SIZE,
                       "from batch %d on: 95 %% of the most images/s that any size reaches",
                       model->filled_at);
}

static void put_handling(const bt_explained_model *model, char *out) {
    const double handling_ms = model->prepare_ms + model->deliver_ms;
    out[0] = '\0';
    if (!(handling_ms > 0)) return;
    bt_text_format(
        out, BT_TEXT_SIZE,
        "preparing %.2f ms, delivering %.2f ms an image, beside %.2f ms of a run: %s the bottleneck",
        model->prepare_ms, model->deliver_ms, model->image_ms,
        handling_ms > model->image_ms ? "they are" : "the run is");
}

/* What a pause costs, where that is a hundredth of a run or more. */
static void put_pause(const bt_explained_model *model, char *out) {
    out[0] = '\0';
    if (model->size_count == 0 || !(model->after_pause_ms >= 0.01 * model->sizes[0].run_ms)) return;
    bt_text_format(out, BT_TEXT_SIZE,
                   "a run after one of %g ms takes %.2f ms longer: a quiet service is slower",
                   model->pause_ms, model->after_pause_ms);
}

static int collect(const bt_explained_model *model, line lines[LINES_MAX]) {
    int count = 0;
    lines[count].label = "verdict";
    snprintf(lines[count++].words, BT_TEXT_SIZE, "%s", model->why);
    lines[count].label = "s(b)";
    put_service_time(model, lines[count++].words);
    lines[count].label = "saturated";
    put_saturation(model, lines[count++].words);
    lines[count].label = "handling";
    put_handling(model, lines[count++].words);
    lines[count].label = "pauses";
    put_pause(model, lines[count++].words);
    return count;
}

/* "a request at 46.2 requests/s, predicted: 20.1 ms on average, P95 33.0 ms". */
static void put_load_head(const bt_explained_load *load, char *out) {
    char mean[BT_NUMBER_TEXT_SIZE], p95[BT_NUMBER_TEXT_SIZE], rate[64] = "";
    if (isfinite(load->rate_rps)) bt_text_format(rate, sizeof rate, " at %.3g requests/s", load->rate_rps);
    bt_text_format(out, BT_TEXT_SIZE, "a request%s, %s: %s ms on average, P95 %s ms", rate,
                   load->predicted ? "predicted" : "measured",
                   bt_layout_number(load->mean_ms, mean, sizeof mean),
                   bt_layout_number(load->p95_ms, p95, sizeof p95));
    if (isfinite(load->utilisation))
        bt_text_append(out, BT_TEXT_SIZE, "; instances run %.0f %% of the time", 100 * load->utilisation);
}

/* ---- tables ---- */

static void add_ms(bt_table *table, double ms) {
    bt_table_number(table, ms, ms < 10 ? 2 : 1);
}

static void add_bar(bt_table *table, double share) {
    char bar[3 * BAR_MOST + 1] = "";
    const int length = (int)(fmin(fmax(share, 0), 1) * BAR_MOST + 0.5);
    for (int i = 0; i < length; i++)
        bt_text_append(bar, sizeof bar, "■");
    bt_table_text(table, "%s", bar);
}

static bt_status sizes_table(bt_table **out, const bt_explained_model *model, bt_error *error) {
    static const bt_column columns[] = {{"batch", true},       {"run ms", true}, {"line ms", true},
                                        {"ms an image", true}, {"img/s", true},  {"requests/s", true},
                                        {"of most", true},     {"", false}};
    bt_status status = bt_table_open(out, columns, sizeof columns / sizeof *columns, error);
    for (int i = 0; status == BT_OK && i < model->size_count; i++) {
        const bt_explained_size *size = &model->sizes[i];
        bt_table_text(*out, "%d", size->batch_size);
        add_ms(*out, size->run_ms);
        add_ms(*out, size->line_ms);
        add_ms(*out, size->image_ms);
        bt_table_number(*out, size->imgs_per_sec, 1);
        bt_table_number(*out, size->capacity_rps, 1);
        bt_table_text(*out, "%.0f %%", 100 * size->filled);
        add_bar(*out, size->filled);
    }
    return status;
}

static bool knows_p95(const bt_explained_load *load) {
    for (int i = 0; i < load->part_count; i++)
        if (isfinite(load->parts[i].p95_ms)) return true;
    return false;
}

static void add_part(bt_table *table, const bt_explained_load *load, const bt_explained_part *part) {
    bt_table_text(table, "%s", part->name);
    add_ms(table, part->mean_ms);
    if (knows_p95(load)) add_ms(table, part->p95_ms);
    bt_table_text(table, "%.0f %%", 100 * part->mean_ms / load->mean_ms);
    add_bar(table, part->mean_ms / load->mean_ms);
}

static bt_status parts_table(bt_table **out, const bt_explained_load *load, bt_error *error) {
    const bt_explained_part rest = {"rest", bt_explained_rest_ms(load), NAN};
    bt_column columns[5] = {{"part", false}, {"mean ms", true}};
    int count = 2;
    if (knows_p95(load)) columns[count++] = (bt_column){"P95 ms", true};
    columns[count++] = (bt_column){"share", true};
    columns[count++] = (bt_column){"", false};
    bt_status status = bt_table_open(out, columns, count, error);
    if (status != BT_OK || !(load->mean_ms > 0)) return status;
    for (int i = 0; i < load->part_count; i++)
        add_part(*out, load, &load->parts[i]);
    if (rest.mean_ms >= REST_SHARE * load->mean_ms) add_part(*out, load, &rest);
    return status;
}

/* A part's mean, by its name; NaN where the load has none. */
static double mean_of(const bt_explained_load *load, const char *name) {
    for (int i = 0; i < load->part_count; i++)
        if (strcmp(load->parts[i].name, name) == 0) return load->parts[i].mean_ms;
    return NAN;
}

/* Several loads: a row each. The names of the parts are those of the first load. */
static bt_status loads_table(bt_table **out, const bt_explained_model *model, bt_error *error) {
    bt_column columns[BT_EXPLAINED_PARTS + 6] = {{"mean ms of", false}};
    const bt_explained_load *first = &model->loads[0];
    int count = 1;
    for (int i = 0; i < first->part_count; i++)
        columns[count++] = (bt_column){first->parts[i].name, true};
    columns[count++] = (bt_column){"rest", true};
    columns[count++] = (bt_column){"latency", true};
    columns[count++] = (bt_column){"P95 ms", true};
    columns[count++] = (bt_column){"predicted", true};
    columns[count++] = (bt_column){"batch", true};
    bt_status status = bt_table_open(out, columns, count, error);
    for (int l = 0; status == BT_OK && l < model->load_count; l++) {
        const bt_explained_load *load = &model->loads[l];
        bt_table_text(*out, "%s", load->title);
        for (int i = 0; i < first->part_count; i++)
            add_ms(*out, mean_of(load, first->parts[i].name));
        add_ms(*out, bt_explained_rest_ms(load));
        add_ms(*out, load->mean_ms);
        add_ms(*out, load->p95_ms);
        add_ms(*out, load->predicted_p95_ms);
        bt_table_number(*out, load->mean_batch_size, 2);
    }
    return status;
}

static bt_status changes_table(bt_table **out, const bt_explained_model *model, bt_error *error) {
    static const bt_column columns[] = {
        {"what would change it, simulated", false}, {"requests/s", true}, {"P95 ms", true}};
    bt_status status = bt_table_open(out, columns, sizeof columns / sizeof *columns, error);
    if (status != BT_OK || model->load_count == 0 || !model->loads[0].predicted) return status;
    bt_table_text(*out, model->change_count ? "as it is" : "as it is; nothing that was tried helps");
    bt_table_number(*out, model->capacity_rps, 1);
    bt_table_number(*out, model->loads[0].p95_ms, 1);
    for (int i = 0; i < model->change_count; i++) {
        bt_table_text(*out, "%s", model->changes[i].what);
        bt_table_number(*out, model->changes[i].capacity_rps, 1);
        bt_table_number(*out, model->changes[i].p95_ms, 1);
    }
    return status;
}

/* ---- text ---- */

static bt_status print(bt_table *table, bt_status status, FILE *out, bt_error *error) {
    if (status != BT_OK || bt_table_is_empty(table)) {
        bt_table_close(&table);
        return status;
    }
    fputc('\n', out);
    return bt_table_print(&table, status, out, error);
}

static bt_status print_loads(const bt_explained_model *model, FILE *out, bt_error *error) {
    char head[BT_TEXT_SIZE];
    bt_table *table = NULL;
    bt_status status = BT_OK;
    if (model->load_count == 1) {
        put_load_head(&model->loads[0], head);
        fputc('\n', out);
        bt_layout_field(out, "", 0, head);
        status = parts_table(&table, &model->loads[0], error);
        if (status == BT_OK && !bt_table_is_empty(table)) return bt_table_print(&table, status, out, error);
        bt_table_close(&table);
    } else if (model->load_count > 1) {
        status = loads_table(&table, model, error);
        return print(table, status, out, error);
    }
    return status;
}

static void print_why(const bt_explained_model *model, FILE *out) {
    for (int i = 0; i < model->load_count; i++)
        bt_layout_field(out, model->loads[i].title[0] ? model->loads[i].title : "why", INDENT + 3,
                        model->loads[i].why);
}

static bt_status print_model(const bt_explained_model *model, FILE *out, bt_error *error) {
    char head[BT_TEXT_SIZE + BT_NAME_SIZE + 2];
    line lines[LINES_MAX];
    bt_table *table = NULL;
    snprintf(head, sizeof head, "%s%s%s", model->model, model->subject[0] ? ": " : "", model->subject);
    bt_layout_field(out, "", 0, head);
    const int count = collect(model, lines);
    for (int i = 0; i < count; i++)
        bt_layout_field(out, lines[i].label, INDENT, lines[i].words);
    bt_status status = sizes_table(&table, model, error);
    status = print(table, status, out, error);
    if (status == BT_OK) status = print_loads(model, out, error);
    if (status != BT_OK) return status;
    print_why(model, out);
    status = changes_table(&table, model, error);
    return print(table, status, out, error);
}

static bt_status print_all(const bt_explanation *explanation, FILE *out, bt_error *error) {
    bt_status status = BT_OK;
    for (int i = 0; i < explanation->model_count && status == BT_OK; i++) {
        if (i > 0) fputc('\n', out);
        status = print_model(&explanation->models[i], out, error);
    }
    if (explanation->model_count == 0)
        bt_layout_field(out, "", 0, "no model is in it, so there is nothing to explain");
    if (status == BT_OK && ferror(out))
        status = bt_fail(error, BT_NOT_WRITTEN, "the explanation could not be written out");
    return status;
}

/* ---- Markdown ---- */

static void write_table(bt_document *document, bt_table *table, bt_status status) {
    if (status == BT_OK) bt_document_table(document, &table);
    bt_table_close(&table);
    if (document->status == BT_OK) document->status = status;
}

static void write_model(bt_document *document, const bt_explained_model *model, bt_error *error) {
    char head[BT_TEXT_SIZE];
    line lines[LINES_MAX];
    bt_table *table = NULL;
    bt_document_heading(document, 2, model->model);
    bt_document_paragraph(document, "%s", model->subject);
    const int count = collect(model, lines);
    for (int i = 0; i < count; i++)
        bt_document_item(document, lines[i].label, "%s", lines[i].words);
    bt_status status = sizes_table(&table, model, error);
    write_table(document, table, status);
    if (model->load_count == 1) {
        put_load_head(&model->loads[0], head);
        bt_document_paragraph(document, "%s", head);
    }
    if (model->load_count > 0) {
        status = model->load_count == 1 ? parts_table(&table, &model->loads[0], error)
                                        : loads_table(&table, model, error);
        write_table(document, table, status);
    }
    for (int i = 0; i < model->load_count; i++)
        bt_document_item(document, model->loads[i].title[0] ? model->loads[i].title : "why", "%s",
                         model->loads[i].why);
    status = changes_table(&table, model, error);
    write_table(document, table, status);
}

static bt_status write_all(const bt_explanation *explanation, FILE *out, bt_error *error) {
    bt_document document = {.form = BT_DOCUMENT_MARKDOWN, .out = out, .error = error};
    bt_document_begin(&document, "Why batching pays, or does not");
    bt_document_paragraph(&document, "%s", explanation->path);
    for (int i = 0; i < explanation->model_count; i++)
        write_model(&document, &explanation->models[i], error);
    return bt_document_end(&document);
}

/* ---- */

static bt_status write_json(const bt_explanation *explanation, FILE *out, bt_error *error) {
    json_t *json;
    bt_status status = bt_explanation_to_json(explanation, &json, error);
    if (status == BT_OK) status = bt_json_write(json, JSON_INDENT(2) | JSON_REAL_PRECISION(10), out, error);
    json_decref(json);
    return status;
}

bt_status bt_report_explanation(const bt_explanation *explanation, bt_explanation_format format, FILE *out,
                                bt_error *error) {
    switch (format) {
    case BT_EXPLANATION_JSON:
        return write_json(explanation, out, error);
    case BT_EXPLANATION_MARKDOWN:
        return write_all(explanation, out, error);
    case BT_EXPLANATION_TABLE:
        break;
    }
    return print_all(explanation, out, error);
}
