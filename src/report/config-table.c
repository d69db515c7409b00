/* A config for the terminal: the table of its models, what it was tuned on, and what has changed since. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/files.h"
#include "base/terminal.h"
#include "base/text.h"
#include "report/config-words.h"
#include "report/config.h"
#include "report/layout.h"
#include "report/sweep-words.h"
#include "report/table.h"

#define INDENT 13

static void say(FILE *out, const char *label, const char *words) {
    bt_layout_field(out, label, INDENT, words);
}

static const char *or_unknown(const char *text) {
    return *text ? text : BT_UNKNOWN_TEXT;
}

/* ---- the file ---- */

static void put_origin(const bt_config *config, const bt_config_check *check, FILE *out) {
    char age[64], words[BT_WORDS_SIZE];
    bt_config_age(check->age_days, age, sizeof age);
    if (!*config->generated_at) {
        say(out, "tuned", "the file does not say when");
        return;
    }
    snprintf(words, sizeof words, "%s%s%s%s, by batchtune %s, run %s", age, *age ? " (" : "",
             config->generated_at, *age ? ")" : "", or_unknown(config->tool_version),
             or_unknown(config->run_id));
    say(out, "tuned", words);
}

static void put_machine(const bt_config *config, const bt_config_check *check, FILE *out) {
    char words[BT_WORDS_SIZE], line[BT_WORDS_SIZE + BT_CHECK_TEXT_SIZE];
    if (!check->machine_known) {
        say(out, "machine", "the file does not say which; this one cannot be compared");
        return;
    }
    bt_words_machine(&config->machine, words);
    say(out, "machine", words);
    if (check->machine_same)
        snprintf(line, sizeof line, "✓ this machine is the same");
    else
        snprintf(line, sizeof line, "✗ this machine differs: %s", check->machine);
    say(out, "", line);
}

static void put_software(const bt_config *config, const bt_config_check *check, FILE *out) {
    const bt_subject *subject = &config->subject;
    char words[BT_WORDS_SIZE], line[BT_CHECK_TEXT_SIZE + 64];
    if (!check->software_known) {
        say(out, "software", "the file does not say which");
        return;
    }
    snprintf(words, sizeof words, "batchtune %s (%s), %s, GPU driver %s", or_unknown(subject->tool_version),
             or_unknown(subject->revision), or_unknown(subject->runtime),
             *subject->gpu_driver ? subject->gpu_driver : "none");
    say(out, "software", words);
    if (!check->software_same)
        snprintf(line, sizeof line, "✗ here it differs: %s", check->software);
    else
        snprintf(line, sizeof line, "✓ here it is the same%s",
                 check->runtime_checked ? "" : "; libtorch not checked: none is set up in this tree");
    say(out, "", line);
}

static void put_settings(const bt_config *config, const bt_config_check *check, FILE *out) {
    const bt_settings *settings = &config->settings;
    char words[BT_WORDS_SIZE + 64];
    bt_text_format(
        words, sizeof words,
        "P95 ≤ %g ms, %g %% of memory kept free, best by %s, queue delay ≤ %g ms%s, queue of %lld%s%s%s",
        settings->p95_sla_ms, settings->memory_reserve_percent,
        bt_objective_name((bt_objective)settings->objective), settings->max_queue_delay_ms,
        settings->policy ? ", adaptive batches" : "", (long long)settings->max_queue_size,
        settings->use_amp ? ", AMP" : ", no AMP", settings->use_channels_last ? ", channels_last" : "",
        settings->use_cudnn_benchmark ? ", cudnn.benchmark" : "");
    say(out, "settings", words);
    if (check->settings_differing == 0) return;
    snprintf(words, sizeof words, "not the defaults: %s", check->settings);
    say(out, "", words);
}

static void put_advice(const bt_advice *advice, FILE *out) {
    for (int i = 0; i < advice->count; i++)
        say(out, i == 0 ? "advice" : "", advice->lines[i]);
    if (advice->count == 0) say(out, "advice", "none: the figures hold for this machine");
}

/* ---- the models ---- */

static void add_sla(bt_table *table, const bt_config_model *model) {
    double sla_ms = isnan(model->p95_sla_ms) ? model->settings.p95_sla_ms : model->p95_sla_ms;
    const char *by_hand = model->edited ? ", set by hand" : "";
    if (model->unmeasurable)
        bt_table_text(table, "✗ could not be measured");
    else if (!model->measured)
        bt_table_text(table, "? %g ms, unmeasured", sla_ms);
    else if (model->provisional)
        bt_table_text(table, "? %g ms, provisional%s", sla_ms, by_hand);
    else
        bt_table_text(table, "%s %g ms%s", model->meets_sla ? "✓" : "✗", sla_ms, by_hand);
}

/* The columns that both tables have, from "P95 ms" to "MiB". */
static void add_figures(bt_table *table, double p95_ms, double bound_ms, double imgs_per_s, double efficiency,
                        double memory_mb) {
    bt_table_number(table, p95_ms, 1);
    bt_table_number(table, bound_ms, 1);
    bt_table_number(table, imgs_per_s, 1);
    bt_table_number(table, efficiency, 1);
    bt_table_number(table, memory_mb, 0);
}

static void add_model(bt_table *table, const bt_config_model *model) {
    bt_table_text(table, "%s", model->name);
    if (model->unmeasurable)
        bt_table_unknown(table);
    else
        bt_table_text(table, "%d", model->optimal_batch_size);
    add_figures(table, model->p95_latency_ms, model->p95_upper_bound_ms, model->throughput_imgs_per_sec,
                model->efficiency_score, model->memory_usage_mb);
    add_sla(table, model);
}

static bt_status put_summary(const bt_config *config, FILE *out, bt_error *error) {
    static const bt_column columns[] = {
        {"model", false}, {"batch", true},      {"P95 ms", true}, {"bound", true},
        {"img/s", true},  {"efficiency", true}, {"MiB", true},    {"SLA", false},
    };
    bt_table *table;
    bt_status status = bt_table_open(&table, columns, sizeof columns / sizeof columns[0], error);
    for (int i = 0; status == BT_OK && i < config->model_count; i++)
        add_model(table, &config->models[i]);
    return bt_table_print(&table, status, out, error);
}

static void put_how(const bt_config_model *model, FILE *out) {
    char words[BT_WORDS_SIZE];
    char classes[32] = "";
    if (model->classes > 1) snprintf(classes, sizeof classes, ", %d classes", model->classes);
    snprintf(words, sizeof words, "%s: %d × %d px%s, %s, %s", model->name, model->image_size,
             model->image_size, classes, or_unknown(model->precision), or_unknown(model->runtime));
    for (int i = 0; i < model->instance_count; i++) {
        const bt_instance *instance = &model->instances[i];
        bt_text_append(words, sizeof words, "%s %s", i == 0 ? ", on" : " and", instance->device);
        if (instance->threads > 0)
            bt_text_append(words, sizeof words, " (%d thread%s)", instance->threads,
                           instance->threads == 1 ? "" : "s");
    }
    fputc('\n', out);
    bt_layout_field(out, "", 0, words);
}

/* What sets this entry apart from others. */
static void put_state(const bt_config *config, const bt_config_model *model,
                      const bt_config_model_check *check, FILE *out) {
    const char *why = *model->reason ? model->reason : "the file does not say why";
    if (model->provisional) say(out, "provisional", why);
    if (model->unmeasurable) say(out, "unmeasured", why);
    if (strcmp(model->workload, config->workload) != 0) say(out, "figures of", or_unknown(model->workload));
    say(out, "own settings", check->settings);
}

/* Why it is that precision, and INT8's file, without which it is not served. */
static void put_precision(const bt_config *config, const bt_config_model *model, FILE *out) {
    char path[BT_PATH_SIZE], words[BT_WORDS_SIZE];
    bt_error ignored;
    say(out, "precision", model->precision_reason);
    if (!*model->calibration) return;
    const bool there =
        bt_config_calibration_path(path, config->path, model, &ignored) == BT_OK && bt_file_exists(path);
    snprintf(words, sizeof words, "%s, beside the config%s", model->calibration,
             there ? "" : ": ✗ it is not there, so tune again");
    say(out, "calibration", words);
}

static void put_facts(const bt_config *config, const bt_config_model *model,
                      const bt_config_model_check *check, FILE *out) {
    char words[BT_WORDS_SIZE], age[64];
    put_state(config, model, check, out);
    if (model->unmeasurable) return;
    put_precision(config, model, out);
    snprintf(words, sizeof words, "%s, %s", or_unknown(model->weights.source), check->weights);
    say(out, "weights", words);
    if (!isnan(model->speedup_over_single_image)) {
        bt_text_format(words, sizeof words, "%.2f × the standard path, one image at a time",
                       model->speedup_over_single_image);
        say(out, "speed-up", words);
    }
    if (!isnan(model->mask_iou)) {
        bt_text_format(words, sizeof words, "masks agree with the standard path's: IoU %.4f",
                       model->mask_iou);
        say(out, "agreement", words);
    }
    bt_words_capacity(model->capacity_rps, model->recommended_rps, model->predicted_p95_ms, words);
    say(out, "capacity", words);
    if (model->settings.objective == BT_OBJECTIVE_CAPACITY) {
        bt_text_format(words, sizeof words, "batch size and queue delay, %g ms, were chosen for the capacity",
                       model->settings.max_queue_delay_ms);
        say(out, "objective", words);
    }
    if (!isnan(model->full_size_ms)) {
        bt_text_format(words, sizeof words, "one %d × %d px image took %.0f ms", model->full_size,
                       model->full_size, model->full_size_ms);
        say(out, "scale", words);
    }
    if (strcmp(model->run_id, config->run_id) != 0 && *model->run_id) {
        bt_config_age(check->age_days, age, sizeof age);
        snprintf(words, sizeof words, "%s, run %s: kept from before", or_unknown(age), model->run_id);
        say(out, "tuned", words);
    }
}

static void add_point(bt_table *table, const bt_config_model *model, const bt_config_point *point) {
    bt_table_text(table, "%s", point->batch_size == model->optimal_batch_size ? "→" : "");
    bt_table_text(table, "%d", point->batch_size);
    bt_table_number(table, point->p50_ms, 1);
    add_figures(table, point->p95_ms, point->p95_upper_ms, point->throughput_imgs_per_sec, point->efficiency,
                point->memory_mb);
    bt_table_text(table, "%s", bt_words_verdict(point->outcome));
}

/* The batch size that stands there although no run measured it. */
static void add_unmeasured(bt_table *table, const bt_config_model *model) {
    bt_table_text(table, "→");
    bt_table_text(table, "%d", model->optimal_batch_size);
    for (int i = 0; i < 6; i++)
        bt_table_unknown(table);
    bt_table_text(table, "unmeasured");
}

static void add_points(bt_table *table, const bt_config_model *model) {
    bool missing = !bt_config_model_point(model, model->optimal_batch_size);
    for (int i = 0; i < model->point_count; i++) {
        if (missing && model->points[i].batch_size > model->optimal_batch_size) {
            add_unmeasured(table, model);
            missing = false;
        }
        add_point(table, model, &model->points[i]);
    }
    if (missing) add_unmeasured(table, model);
}

static bt_status put_points(const bt_config_model *model, FILE *out, bt_error *error) {
    static const bt_column columns[] = {
        {"", false},     {"batch", true},      {"P50 ms", true}, {"P95 ms", true},   {"bound", true},
        {"img/s", true}, {"efficiency", true}, {"MiB", true},    {"verdict", false},
    };
    bt_table *table;
    bt_status status = bt_table_open(&table, columns, sizeof columns / sizeof columns[0], error);
    if (status == BT_OK) add_points(table, model);
    return bt_table_print(&table, status, out, error);
}

static bt_status put_models(const bt_config *config, const bt_config_check *check, FILE *out,
                            bt_error *error) {
    bt_status status = put_summary(config, out, error);
    for (int i = 0; status == BT_OK && i < config->model_count; i++) {
        put_how(&config->models[i], out);
        if (config->models[i].point_count > 0) status = put_points(&config->models[i], out, error);
        put_facts(config, &config->models[i], &check->models[i], out);
    }
    return status;
}

bt_status bt_report_config_table(const bt_config *config, const bt_config_check *check, const char *path,
                                 FILE *out, bt_error *error) {
    char notice[BT_WORDS_SIZE];
    bt_advice *advice;
    bt_status status = bt_config_advice(&advice, config, check, error);
    if (status != BT_OK) return status;
    bt_words_notice(config->workload, config->model_count ? config->models[0].image_size : 0, notice);
    if (notice[0]) bt_layout_field(out, "", 0, notice);
    if (notice[0]) fputc('\n', out);
    say(out, "config", path);
    put_origin(config, check, out);
    put_machine(config, check, out);
    put_software(config, check, out);
    put_settings(config, check, out);
    fputc('\n', out);
    status = put_models(config, check, out, error);
    if (status == BT_OK) {
        fputc('\n', out);
        bt_layout_field(out, "", 0, "→ chosen; bound: of P95, 95 % one-sided; efficiency: img/s per √batch");
        put_advice(advice, out);
        if (notice[0]) fprintf(out, "\n");
        if (notice[0]) bt_layout_field(out, "", 0, notice);
    }
    free(advice);
    if (status != BT_OK) return status;
    return ferror(out) ? bt_fail(error, BT_NOT_WRITTEN, "the config could not be written out") : BT_OK;
}
