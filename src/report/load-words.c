#include "report/load-words.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#include "base/text.h"
#include "measure/quantile.h"
#include "report/layout.h"
#include "report/palette.h"

/* ---- small pieces ---- */

/* Appends to a phrase. */
#define ADD(out, ...) bt_text_append(out, BT_LOAD_WORDS_SIZE, __VA_ARGS__)

static const char *number(double value, char out[32]) {
    return bt_layout_number(value, out, 32);
}

const char *bt_load_mark(bt_load_verdict verdict) {
    static const char *const marks[BT_LOAD_VERDICT_COUNT] = {[BT_LOAD_MET] = BT_SIGN_MET,
                                                             [BT_LOAD_BROKEN] = BT_SIGN_BROKEN,
                                                             [BT_LOAD_NOT_SHOWN] = BT_SIGN_NOT_SHOWN};
    return verdict < BT_LOAD_VERDICT_COUNT ? marks[verdict] : BT_SIGN_NOT_SHOWN;
}

const char *bt_load_words_verdict(bt_load_verdict verdict) {
    static const char *const words[BT_LOAD_VERDICT_COUNT] = {
        [BT_LOAD_MET] = "met", [BT_LOAD_BROKEN] = "broken", [BT_LOAD_NOT_SHOWN] = "not shown"};
    return verdict < BT_LOAD_VERDICT_COUNT ? words[verdict] : "not shown";
}

const char *bt_load_mark_of(const bt_load_scenario *scenario, const bt_load_part *part) {
    return scenario->judged ? bt_load_mark(part->verdict) : BT_UNKNOWN_TEXT;
}

const char *bt_load_title(const bt_load_record *record, const char *model) {
    for (int i = 0; i < record->model_count; i++)
        if (strcmp(record->models[i].model, model) == 0) return record->models[i].title;
    return model;
}

/* ---- phrases ---- */

void bt_load_words_doubt(const bt_load_record *record, const bt_load_part *part,
                         char out[BT_LOAD_WORDS_SIZE]) {
    out[0] = '\0';
    if (part->verdict == BT_LOAD_MET) return;
    ADD(out, "%s, SLA %g ms", bt_load_words_verdict(part->verdict),
        bt_load_record_sla_ms(record, part->model));
}

void bt_load_words_subject(const bt_load_model *model, char out[BT_LOAD_WORDS_SIZE]) {
    out[0] = '\0';
    ADD(out, "%s, %d × %d px", model->title, model->image_size, model->image_size);
    if (model->classes > 1) ADD(out, ", labels of %d classes", model->classes);
    if (model->precision[0] && strcmp(model->precision, "none") != 0) {
        char precision[sizeof model->precision];
        memcpy(precision, model->precision, sizeof precision);
        bt_text_upper(precision);
        ADD(out, ", %s", precision);
    }
    ADD(out, ", batches of up to %d, %d %s", model->batch_size, model->instances,
        model->instances == 1 ? "instance" : "instances");
    if (model->device[0]) ADD(out, " on %s", model->device);
    if (model->threads > 0 && strncmp(model->device, "cpu", 3) == 0)
        ADD(out, " (%d %s each)", model->threads, model->threads == 1 ? "thread" : "threads");
    if (model->placed_rps > 0)
        ADD(out, ", placed on %s, where it holds %.1f requests/s beside the others", model->places,
            model->placed_rps);
    if (model->backend[0]) ADD(out, ", %s", model->backend);
    if (model->weights[0] && strcmp(model->weights, "none") != 0) ADD(out, ", weights %s", model->weights);
}

const char *bt_load_words_interval(const bt_load_latency *latency, char out[BT_LOAD_WORDS_SIZE]) {
    bool has_lower = isfinite(latency->p95_lower_ms), has_upper = isfinite(latency->p95_upper_ms);
    char lower[32] = "?", upper[32] = "?";
    out[0] = '\0';
    if (has_lower) number(latency->p95_lower_ms, lower);
    if (has_upper) number(latency->p95_upper_ms, upper);
    if (has_lower || has_upper)
        ADD(out, "%s–%s", lower, upper);
    else
        ADD(out, BT_UNKNOWN_TEXT);
    return out;
}

/* A part that has a P95, and no upper bound of it. */
static bool is_open(const bt_load_part *part) {
    return isfinite(part->latency.p95_ms) && !isfinite(part->latency.p95_upper_ms);
}

void bt_load_words_bounds(const bt_load_record *record, const bt_load_model *model,
                          char out[BT_LOAD_WORDS_SIZE]) {
    bool open = false;
    int64_t fewest = INT64_MAX;
    out[0] = '\0';
    for (int i = 0; i < record->scenario_count; i++)
        for (int p = 0; p < record->scenarios[i].part_count; p++) {
            const bt_load_part *part = &record->scenarios[i].parts[p];
            if (!is_open(part) || (model && strcmp(part->model, model->model) != 0)) continue;
            open = true;
            if (part->ok < fewest) fewest = part->ok;
        }
    if (!open) return;
    ADD(out,
        "P95 has no upper bound yet; one takes at least %d requests, more where late ones come in spells "
        "(%lld here): a longer --duration helps",
        BT_P95_BOUND_SAMPLES, (long long)fewest);
}

void bt_load_words_nothing(const bt_load_record *record, const bt_load_model *model,
                           char out[BT_LOAD_WORDS_SIZE]) {
    out[0] = '\0';
    for (int i = 0; i < record->scenario_count; i++) {
        const bt_load_part *part = bt_load_part_of(&record->scenarios[i], model->model);
        if (part && part->latency_count > 0) return;
    }
    ADD(out, "no request was answered, so there is nothing to draw");
}

void bt_load_words_speedup(const bt_load_model *model, char out[BT_LOAD_WORDS_SIZE]) {
    char production[32], standard[32], each[32], ratio[32];
    out[0] = '\0';
    if (!isfinite(model->speedup) &&
        model->production_img_per_sec > 0) /* of a server nothing else is known */
        ADD(out, "%s images/s with many requests at a time",
            number(model->production_img_per_sec, production));
    if (!isfinite(model->speedup)) return;
    ADD(out,
        "%s images/s with full batches, %s times the standard path's %s (one image at a time, %s ms each)",
        number(model->production_img_per_sec, production), number(model->speedup, ratio),
        number(model->standard_img_per_sec, standard), number(model->standard_p50_ms, each));
}

void bt_load_words_capacity(const bt_load_model *model, char out[BT_LOAD_WORDS_SIZE]) {
    char capacity[32], recommended[32];
    out[0] = '\0';
    if (isnan(model->capacity_rps)) return;
    if (model->capacity_rps <= 0) {
        ADD(out, "none within the SLA: by simulation not even a lone request meets it");
        return;
    }
    ADD(out, "%s requests/s within the SLA (simulated), recommended %s",
        number(model->capacity_rps, capacity), number(model->recommended_rps, recommended));
    if (model->largest_spike > 0) ADD(out, "; at most %d at once", model->largest_spike);
}

void bt_load_words_losses(const bt_load_part *part, char out[BT_LOAD_WORDS_SIZE]) {
    const struct {
        int64_t count;
        const char *what;
    } causes[] = {
        {part->rejected_full, "refused by a full queue"},
        {part->rejected_deadline, "refused for their deadline"},
        {part->expired, "past their deadline"},
        {part->cancelled, "cancelled"},
        {part->failed, "failed"},
        {part->lost, "never answered"},
    };
    out[0] = '\0';
    for (size_t i = 0; i < sizeof causes / sizeof *causes; i++)
        if (causes[i].count > 0)
            ADD(out, "%s%lld %s", out[0] ? ", " : "", (long long)causes[i].count, causes[i].what);
    if (!out[0]) ADD(out, "none");
}

void bt_load_words_arrivals(const bt_load_scenario *scenario, char out[BT_LOAD_WORDS_SIZE]) {
    out[0] = '\0';
    if (isfinite(scenario->burstiness)) ADD(out, "bursty arrivals (burstiness %g)", scenario->burstiness);
    if (isfinite(scenario->ramp_from))
        ADD(out, "random arrivals that grow from %g %% of the rate to all of it", 100 * scenario->ramp_from);
}

void bt_load_words_load(const bt_load_scenario *scenario, const bt_load_part *part,
                        char out[BT_LOAD_WORDS_SIZE]) {
    char rate[32], arrivals[BT_LOAD_WORDS_SIZE];
    bt_load_words_arrivals(scenario, arrivals);
    if (!arrivals[0])
        snprintf(arrivals, sizeof arrivals, "%s",
                 strcmp(scenario->shape, "poisson") == 0 ? "random arrivals" : scenario->shape);
    out[0] = '\0';
    if (part->clients > 0)
        ADD(out, "%d in flight", part->clients);
    else if (part->burst_size > 0)
        ADD(out, "%d at once, %s requests/s on average", part->burst_size, number(part->rate_rps, rate));
    else
        ADD(out, "%s requests/s, %s", number(part->rate_rps, rate), arrivals);
}

void bt_load_words_prediction(const bt_load_part *part, char out[BT_LOAD_WORDS_SIZE]) {
    char measured[32], predicted[32];
    out[0] = '\0';
    if (!isfinite(part->predicted_p95_ms) || !isfinite(part->latency.p95_ms)) return;
    ADD(out, "measured %s ms, predicted %s ms (%+.0f %%)", number(part->latency.p95_ms, measured),
        number(part->predicted_p95_ms, predicted), (part->latency.p95_ms / part->predicted_p95_ms - 1) * 100);
}

void bt_load_words_trust(const bt_load_record *record, char out[BT_LOAD_WORDS_SIZE]) {
    double late_us = NAN, others = NAN, spread = NAN;
    int repeated = 0, lengthened = 0, disturbed = 0;
    bt_throttling throttling = {0};
    char words[BT_THROTTLING_WORDS_SIZE];
    char text[32];
    out[0] = '\0';
    for (int i = 0; i < record->scenario_count; i++) {
        const bt_load_scenario *s = &record->scenarios[i];
        late_us = fmax(late_us, s->generator_p99_us);
        others = fmax(others, s->others_cores);
        spread = fmax(spread, s->canary_spread_percent);
        bt_throttling_add(&throttling, &s->throttling);
        repeated += s->attempts > 1;
        lengthened += s->looks > 1;
        disturbed += s->disturbed[0] != '\0';
    }
    if (isfinite(late_us))
        ADD(out, "requests were sent at most %s ms late (P99)", number(late_us / 1e3, text));
    if (isfinite(others))
        ADD(out, "%sother programs used up to %.2f cores on a scenario's average", out[0] ? "; " : "",
            others);
    bt_throttling_words(&throttling, words);
    if (words[0]) ADD(out, "%s%s", out[0] ? "; " : "", words);
    if (isfinite(spread)) ADD(out, "; the canary's times spread by up to %.0f %%", spread);
    if (repeated > 0)
        ADD(out, "; %d %s repeated", repeated, repeated == 1 ? "scenario was" : "scenarios were");
    if (lengthened > 0)
        ADD(out, "; %d %s lengthened to decide", lengthened,
            lengthened == 1 ? "scenario was" : "scenarios were");
    if (disturbed > 0) ADD(out, "; %d stayed disturbed", disturbed);
    if (record->endpoint_count > 0) ADD(out, "; what else ran on a server's own machine is not known");
}

void bt_load_words_warning(const bt_load_record *record, const bt_load_model *model,
                           char out[BT_LOAD_WORDS_SIZE]) {
    out[0] = '\0';
    if (record->machine_differs[0])
        ADD(out, "the config was measured on another machine (%s): tune again, `make optimize-batch`",
            record->machine_differs);
    else if (!model->tuned_here && record->endpoint_count == 0 && strcmp(record->workload, "simulated") != 0)
        ADD(out, "this batch size or precision is not the one that was measured and chosen here");
    if (model->weights_changed)
        ADD(out, "%sother weights than those that were measured: their file has changed since",
            out[0] ? "; " : "");
    if (!model->config_meets_sla)
        ADD(out, "%stuning did not show that this batch size keeps its SLA", out[0] ? "; " : "");
}

void bt_load_words_headline(const bt_load_record *record, char out[BT_LOAD_WORDS_SIZE]) {
    static const struct {
        const char *verdict, *words;
    } headlines[] = {{"good", "SLA met"},
                     {"sla-broken", "SLA broken"},
                     {"inconclusive", "SLA not shown"},
                     {"interrupted", "Interrupted"}};
    const char *words = record->verdict;
    for (size_t i = 0; i < sizeof headlines / sizeof *headlines; i++)
        if (strcmp(headlines[i].verdict, record->verdict) == 0) words = headlines[i].words;
    out[0] = '\0';
    ADD(out, "%s: %s", words, record->advice);
}

/* ---- tables ---- */

typedef void (*row_adder)(bt_table *table, const bt_load_scenario *scenario, const bt_load_part *part);

static bt_status fill(bt_table **out, const bt_column *columns, int column_count,
                      const bt_load_record *record, const bt_load_model *model, row_adder add_row,
                      bt_error *error) {
    bt_status status = bt_table_open(out, columns, column_count, error);
    for (int i = 0; i < record->scenario_count && status == BT_OK; i++) {
        const bt_load_part *part = bt_load_part_of(&record->scenarios[i], model->model);
        if (part) add_row(*out, &record->scenarios[i], part);
    }
    return status;
}

static void cell(bt_table *table, double value) {
    bt_table_number(table, value, bt_layout_decimals(value));
}

static void add_figures(bt_table *table, const bt_load_scenario *scenario, const bt_load_part *part) {
    const bt_load_latency *l = &part->latency;
    double offered = part->clients > 0 ? NAN : part->rate_rps;
    char bounds[BT_LOAD_WORDS_SIZE];
    bt_table_text(table, "%s %s", bt_load_mark_of(scenario, part), scenario->title);
    cell(table, offered);
    bt_table_text(table, "%lld", (long long)part->sent);
    bt_table_text(table, "%lld", (long long)(part->sent - part->ok));
    cell(table, l->p50_ms);
    cell(table, l->p95_ms);
    bt_table_text(table, "%s", bt_load_words_interval(l, bounds));
    cell(table, part->predicted_p95_ms);
    cell(table, l->p99_ms);
    cell(table, part->throughput_rps);
    bt_table_number(table, part->mean_batch_size, 2);
}

bt_status bt_load_figures_table(bt_table **out, const bt_load_record *record, const bt_load_model *model,
                                bt_error *error) {
    static const bt_column columns[] = {
        {"scenario", false}, {"asked/s", true}, {"sent", true},   {"lost", true},
        {"P50 ms", true},    {"P95 ms", true},  {"bounds", true}, {"predicted", true},
        {"P99 ms", true},    {"img/s", true},   {"batch", true},
    };
    return fill(out, columns, sizeof columns / sizeof *columns, record, model, add_figures, error);
}

static void add_split(bt_table *table, const bt_load_scenario *scenario, const bt_load_part *part) {
    bt_table_text(table, "%s", scenario->title);
    cell(table, part->slip_mean_ms);
    cell(table, part->queue_mean_ms);
    cell(table, part->preprocess_mean_ms);
    cell(table, part->service_mean_ms);
    cell(table, part->latency.mean_ms);
    cell(table, part->latency.p90_ms);
    cell(table, part->latency.p999_ms);
    cell(table, part->latency.max_ms);
    bt_table_number(table, bt_load_part_tells_paths(part) ? (double)part->fallback : NAN, 0);
}

bt_status bt_load_split_table(bt_table **out, const bt_load_record *record, const bt_load_model *model,
                              bt_error *error) {
    static const bt_column columns[] = {
        {"mean ms of", false}, {"sent late", true}, {"queue", true},  {"preprocess", true},
        {"compute", true},     {"latency", true},   {"P90 ms", true}, {"P99.9 ms", true},
        {"max ms", true},      {"fallback", true},
    };
    return fill(out, columns, sizeof columns / sizeof *columns, record, model, add_split, error);
}
