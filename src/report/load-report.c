/* The SLA compliance report: one text in two forms. */
#include <math.h>
#include <string.h>

#include "report/document.h"
#include "report/layout.h"
#include "report/load-plots.h"
#include "report/load-words.h"
#include "report/load.h"

static bt_tone tone_of(const bt_load_record *record) {
    if (strcmp(record->verdict, "good") == 0) return BT_TONE_GOOD;
    return strcmp(record->verdict, "sla-broken") == 0 ? BT_TONE_BAD : BT_TONE_UNSURE;
}

/* ---- the verdicts at a glance ---- */

static void add_verdict(bt_table *table, const bt_load_record *record, const bt_load_scenario *scenario,
                        const bt_load_part *part) {
    char bounds[BT_LOAD_WORDS_SIZE], p95[32];
    bt_table_text(table, "%s", bt_load_title(record, part->model));
    bt_table_text(table, "%s", scenario->title);
    bt_table_text(table, "%s %s", bt_load_mark_of(scenario, part),
                  scenario->judged ? bt_load_words_verdict(part->verdict) : "not judged");
    bt_table_text(table, "%s", bt_layout_number(part->latency.p95_ms, p95, sizeof p95));
    bt_table_text(table, "%s", bt_load_words_interval(&part->latency, bounds));
    bt_table_text(table, "%lld of %lld", (long long)(part->sent - part->ok), (long long)part->sent);
    bt_table_text(table, "%s%s%s", part->cause, part->remedy[0] ? " → " : "", part->remedy);
}

static void put_verdicts(bt_document *d, const bt_load_record *record) {
    static const bt_column columns[] = {
        {"model", false}, {"scenario", false},        {"verdict", false},       {"P95 ms", true},
        {"bounds", true}, {"without a result", true}, {"cause → remedy", false}};
    char words[BT_LOAD_WORDS_SIZE];
    bt_table *table;
    if (d->status == BT_OK) d->status = bt_table_open(&table, columns, 7, d->error);
    if (d->status != BT_OK) return;
    for (int m = 0; m < record->model_count; m++)
        for (int i = 0; i < record->scenario_count; i++) {
            const bt_load_part *part = bt_load_part_of(&record->scenarios[i], record->models[m].model);
            if (part) add_verdict(table, record, &record->scenarios[i], part);
        }
    bt_document_table(d, &table);
    bt_load_words_bounds(record, NULL, words);
    if (words[0]) bt_document_paragraph(d, "?: %s.", words);
}

/* ---- what was tested ---- */

static void put_machine(bt_document *d, const bt_load_record *record) {
    const bt_machine *machine = &record->machine;
    char cores[BT_MACHINE_CORES_SIZE];
    char servers[BT_LOAD_WORDS_SIZE]; /* and who sent to them */
    bt_load_words_servers(record, servers);
    bt_document_item(d, "server", "%s", servers);
    bt_load_words_senders(record, servers);
    bt_document_item(d, "senders", "%s", servers);
    if (record->config_path[0])
        bt_document_item(d, "config", "%s, measured %s%s%s", record->config_path,
                         record->config_generated_at[0] ? record->config_generated_at : "at an unknown time",
                         record->config_run_id[0] ? " by " : "", record->config_run_id);
    bt_machine_cores(machine, cores);
    bt_document_item(d, "machine", "%s, %s, %.0f GiB%s%s", machine->cpu, cores,
                     (double)machine->memory_bytes / (1 << 30), machine->gpu[0] ? ", " : "", machine->gpu);
    bt_document_item(d, "software", "batchtune %s (%s), %s%s%s", record->subject.tool_version,
                     record->subject.revision, record->subject.runtime,
                     record->subject.gpu_driver[0] ? ", driver " : "", record->subject.gpu_driver);
    bt_document_item(d, "workload", "%s", record->workload);
    bt_document_item(d, "images", "%s", record->images);
    bt_document_item(d, "run", "%s, %s to %s, %.0f s of load", record->run_id, record->started_at,
                     record->finished_at, isfinite(record->testing_s) ? record->testing_s : 0);
}

static void put_settings(bt_document *d, const bt_load_record *record) {
    static const bt_column columns[] = {{"setting", false}, {"value", false}};
    size_t count;
    const bt_option *table_of_options = bt_load_settings_table(&count);
    bt_table *table;
    if (d->status == BT_OK) d->status = bt_table_open(&table, columns, 2, d->error);
    if (d->status != BT_OK) return;
    for (size_t i = 0; i < count; i++) {
        char value[BT_OPTION_TEXT_SIZE];
        if (table_of_options[i].scope != BT_SCOPE_SETTING || record->sources.of[i] == BT_SOURCE_DEFAULT)
            continue;
        bt_option_text(&table_of_options[i], &record->settings, value, sizeof value);
        bt_table_text(table, "%s", table_of_options[i].name);
        bt_table_text(table, "%s", value);
    }
    bt_document_table(d, &table);
}

/* ---- one model ---- */

static void put_picture(bt_document *d, const bt_load_record *record, const bt_load_model *model,
                        bt_load_plot plot, const char *caption) {
    char name[BT_PATH_SIZE];
    bt_error ignored;
    if (!bt_load_plot_is_drawn(record, model, plot)) return;
    if (bt_load_plot_path(name, "", model->model, plot, "svg", &ignored) == BT_OK)
        bt_document_picture(d, name, caption);
}

static void put_scenario(bt_document *d, const bt_load_scenario *scenario, const bt_load_part *part) {
    char words[BT_LOAD_WORDS_SIZE], quota[BT_THROTTLING_WORDS_SIZE];
    bt_document_heading(d, 3, scenario->title);
    bt_load_words_load(scenario, part, words);
    bt_document_item(d, "load", "%s, for %g s", words, scenario->duration_s);
    bt_load_words_prediction(part, words);
    bt_document_item(d, "P95", "%s", words);
    bt_load_words_missed(part, words);
    bt_document_item(d, "prediction missed", "%s", words);
    bt_load_words_losses(part, words);
    bt_document_item(d, "without a result", "%s", words);
    if (part->fallback > 0)
        bt_document_item(d, "served by the standard path instead", "%lld", (long long)part->fallback);
    bt_document_item(d, "cause", "%s", part->cause);
    bt_document_item(d, "remedy", "%s", part->remedy);
    bt_document_item(d, "disturbed", "%s", scenario->disturbed);
    bt_throttling_words(&scenario->throttling, quota);
    bt_document_item(d, "quota", "%s", quota);
}

/* What a search for a capacity found, run by run. */
static void put_search(bt_document *d, const bt_load_record *record, const bt_load_model *model) {
    const bt_load_part *part = bt_load_search_of(record, model);
    char words[BT_LOAD_WORDS_SIZE];
    bt_table *table;
    if (!part) return;
    bt_document_heading(d, 3, "Capacity, found under load");
    bt_load_words_found(part, words);
    bt_document_paragraph(d, "%s.", words);
    bt_load_words_far_off(part, words);
    bt_document_note(d, "%s", words);
    put_picture(d, record, model, BT_LOAD_PLOT_CAPACITY,
                "P95 and what was served, against the rate; bars are the bounds of P95");
    if (d->status == BT_OK) d->status = bt_load_runs_table(&table, part, d->error);
    if (d->status == BT_OK) bt_document_table(d, &table);
}

static void put_model(bt_document *d, const bt_load_record *record, const bt_load_model *model) {
    char words[BT_LOAD_WORDS_SIZE];
    bt_table *table;
    bt_document_heading(d, 2, model->title);
    bt_load_words_subject(model, words);
    bt_document_paragraph(d, "%s.", words);
    bt_load_words_warning(record, model, words);
    bt_document_note(d, "%s", words);
    bt_load_words_capacity(model, words);
    bt_document_item(d, "capacity", "%s", words);
    bt_load_words_speedup(model, words);
    bt_document_item(d, isfinite(model->speedup) ? "speed-up over single-image inference" : "full load", "%s",
                     words);
    if (isfinite(model->memory_mb))
        bt_document_item(d, "memory", "%.0f MiB (%s)", model->memory_mb,
                         strcmp(model->memory_kind, "device") == 0 ? "in use on the device"
                                                                   : "the process's peak");
    if (isfinite(model->start_s)) bt_document_item(d, "start", "%.1f s to load and warm up", model->start_s);
    if (d->status == BT_OK) d->status = bt_load_figures_table(&table, record, model, d->error);
    if (d->status == BT_OK) bt_document_table(d, &table);
    bt_load_words_nothing(record, model, words);
    if (words[0]) bt_document_note(d, "%s: %s.", model->title, words);
    put_search(d, record, model);
    put_picture(d, record, model, BT_LOAD_PLOT_PERCENTILES, "Latency by percentile, and its distribution");
    put_picture(d, record, model, BT_LOAD_PLOT_SCENARIOS,
                "The scenarios side by side, measured and predicted");
    put_picture(d, record, model, BT_LOAD_PLOT_RATES,
                "P95 against the rate: predicted, and what random arrivals took; bars are bounds of P95");
    put_picture(d, record, model, BT_LOAD_PLOT_SERIES, "Latency, throughput and queue, second by second");
    put_picture(d, record, model, BT_LOAD_PLOT_BATCHES, "How many requests ran together");
    put_picture(d, record, model, BT_LOAD_PLOT_SPLIT, "Where the time of a request goes");
    if (d->status == BT_OK) d->status = bt_load_split_table(&table, record, model, d->error);
    if (d->status == BT_OK) bt_document_table(d, &table);
    if (record->endpoint_count > 0 && d->status == BT_OK)
        d->status = bt_load_server_table(&table, record, model, d->error);
    if (record->endpoint_count > 0 && d->status == BT_OK) bt_document_table(d, &table);
    for (int i = 0; i < record->scenario_count; i++) {
        const bt_load_part *part = bt_load_part_of(&record->scenarios[i], model->model);
        if (part) put_scenario(d, &record->scenarios[i], part);
    }
}

/* ---- all of it ---- */

static bt_status write(const bt_load_record *record, bt_document_form form, const char *pictures, FILE *out,
                       bt_error *error) {
    bt_document document = {.form = form, .out = out, .pictures = pictures, .error = error}, *d = &document;
    char words[BT_LOAD_WORDS_SIZE];
    bt_document_begin(d, "SLA compliance report");
    bt_load_words_headline(record, words);
    bt_document_banner(d, tone_of(record), words);
    for (int i = 0; i < record->model_count; i++)
        bt_document_item(d, record->models[i].title,
                         "the promise: 95 %% of requests have their result within %g ms of their arrival",
                         bt_load_record_sla_ms(record, record->models[i].model));
    put_verdicts(d, record);
    for (int i = 0; i < record->model_count; i++)
        put_model(d, record, &record->models[i]);
    bt_document_heading(d, 2, "What was tested, and how far it can be trusted");
    put_machine(d, record);
    bt_load_words_trust(record, words);
    bt_document_item(d, "trust", "%s", words);
    bt_document_heading(d, 3, "Settings that differ from the defaults");
    put_settings(d, record);
    bt_document_heading(d, 3, "Terms");
    bt_document_item(d, "latency",
                     "from a request's intended arrival to its result, so that a stall counts in full");
    bt_document_item(d, "met", "P95's upper bound is within the SLA, and every request had its result");
    bt_document_item(d, "broken", "P95's lower bound is above the SLA, or a request had no result");
    bt_document_item(d, "not shown",
                     "neither: too few requests, or other programs used the cores; a scenario that was "
                     "disturbed is never called met");
    bt_document_item(
        d, "bounds",
        "hold for any distribution, and where late requests come in spells: P95 is above the upper "
        "bound in at most 5 %% of scenarios and below the lower one in at most 1 %%, after any "
        "number of looks at the same scenario");
    bt_document_item(d, "predicted",
                     "by simulation of the very schedule that was sent, with the times that tuning "
                     "measured");
    bt_document_heading(d, 3, "How to repeat it");
    bt_document_code(d, record->command);
    return bt_document_end(d);
}

bt_status bt_load_report_markdown(const bt_load_record *record, const char *pictures, FILE *out,
                                  bt_error *error) {
    return write(record, BT_DOCUMENT_MARKDOWN, pictures, out, error);
}

bt_status bt_load_report_html(const bt_load_record *record, const char *plots, FILE *out, bt_error *error) {
    return write(record, BT_DOCUMENT_HTML, plots, out, error);
}
