#include "tune/explain.h"

#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "base/text.h"
#include "simulate/capacity.h"
#include "tune/evidence.h"
#include "tune/objective.h"
#include "tune/search.h"

/* ---- each point ---- */

static void explain(bt_point *point, const char *format, ...) BT_PRINTF(2, 3);
static void explain(bt_point *point, const char *format, ...) {
    va_list arguments;
    va_start(arguments, format);
    bt_text_format_list(point->why, sizeof point->why, format, arguments);
    va_end(arguments);
}

static double percent_below(double value, double best) {
    return 100 * (1 - value / best);
}

static void explain_screened(bt_point *point, const bt_point *best, bt_objective objective) {
    if (objective == BT_OBJECTIVE_CAPACITY) {
        explain(point, "not confirmed, and so not compared");
        return;
    }
    double below = percent_below(bt_point_score(point, objective), bt_point_score(best, objective));
    const char *name = bt_objective_name(objective);
    if (below < 100 * BT_SEARCH_WORTHWHILE)
        explain(point, "no better %s than batch %d; not confirmed", name, best->batch_size);
    else
        explain(point, "%s about %.0f %% below batch %d; not confirmed", name, below, best->batch_size);
}

/* The best is chosen, unless it does not fit beside the other models. */
static void explain_admissible(bt_model_record *model, int index, bt_objective objective) {
    bt_point *point = &model->points[index];
    const bt_point *best = &model->points[model->winners[objective]];
    const char *name = bt_objective_name(objective);
    double below = percent_below(bt_point_score(point, objective), bt_point_score(best, objective));
    if (point != best)
        explain(point, "%s %.1f %% below batch %d%s", name, below, best->batch_size,
                index == model->chosen ? ", which does not fit beside the other models" : "");
    else
        explain(point, "best %s%s", name,
                index == model->chosen ? "" : ", but does not fit beside the other models");
}

/* By what a service of batches up to this size would do. */
static void explain_capacity(const bt_model_record *model, bt_point *point, const bt_point *best) {
    const char *gave_way = point == best && best != &model->points[model->chosen]
                               ? ", but does not fit beside the other models"
                               : "";
    if (point != best && best->rate_p95_ms > 0 && point->rate_p95_ms > 0)
        explain(point, "P95 of %.1f ms at %g requests/s, batch %d's is %.1f", point->rate_p95_ms,
                model->rate_rps, best->batch_size, best->rate_p95_ms);
    else if (point != best && best->rate_p95_ms > 0)
        explain(point, "does not hold %g requests/s: its capacity is %.1f", model->rate_rps,
                point->capacity_rps);
    else if (point != best)
        explain(point, "capacity of %.1f requests/s with a queue delay of %g ms, batch %d's is %.1f",
                point->capacity_rps, point->best_delay_ms, best->batch_size, best->capacity_rps);
    else if (best->rate_p95_ms > 0)
        explain(point, "lowest P95 at %g requests/s, %.1f ms, with a queue delay of %g ms%s", model->rate_rps,
                best->rate_p95_ms, best->best_delay_ms, gave_way);
    else
        explain(point, "best capacity, %.1f requests/s with a queue delay of %g ms%s", best->capacity_rps,
                best->best_delay_ms, gave_way);
}

static void explain_unmeasured(bt_point *point, const bt_model_record *model) {
    const char *why = model->interrupted ? "interrupted" : model->reason[0] ? model->reason : "time ran out";
    explain(point, "not measured: %.400s", why);
}

/* Its P95 is shown; something else that is asked of it is not. */
static void explain_incomplete(bt_point *point, const bt_model_record *model) {
    const bool masks = isnan(point->mask_iou) && model->computes_masks && model->trained_weights;
    explain(point, "P95 is shown to keep the SLA, but its %s",
            masks ? "masks were not compared with the FP32 reference's" : "memory was not taken");
}

/* "; about 25 more runs (4.5 s) may", if none of them is late; or why not. */
static void put_missing(const bt_evidence *evidence, double typical_ms, char out[96]) {
    if (evidence->exhausted)
        snprintf(out, 96, ", which is as many as the test may see");
    else
        bt_text_format(out, 96, "; about %d more run%s (%.1f s) may", evidence->runs_missing,
                       evidence->runs_missing == 1 ? "" : "s", evidence->runs_missing * typical_ms / 1e3);
}

/* The samples so far do not decide. */
static void explain_unproved(bt_point *point, const bt_evidence *evidence, double sla_ms) {
    const double over_ms = point->p95_ms - sla_ms;
    const char *samples = point->sample_count == 1 ? "sample does" : "samples do";
    char missing[96];
    put_missing(evidence, point->p50_ms, missing);
    if (over_ms > 0)
        explain(point, "P95 looks %.1f ms over the SLA; %d %s not prove it", over_ms, point->sample_count,
                samples);
    else
        explain(point, "P95 is %.1f ms under the SLA; %d %s not prove it%s", -over_ms, point->sample_count,
                samples, missing);
}

static void explain_undecided(bt_point *point, const bt_model_record *model, double sla_ms) {
    bt_sequential_rule rule;
    if (point->sample_count == 0) {
        explain_unmeasured(point, model);
        return;
    }
    bt_sequential_rule_p95(&rule);
    const bt_evidence evidence = bt_evidence_of(&rule, point->samples_ms, point->sample_count, sla_ms);
    const double over_ms = point->p95_ms - sla_ms;
    if (evidence.verdict == BT_SEQUENTIAL_ACCEPT)
        explain_incomplete(point, model);
    else if (evidence.verdict == BT_SEQUENTIAL_REJECT && over_ms > 0 && model->disturbed_turns > 0)
        explain(point, "P95 looks %.1f ms over the SLA, but other programs used the cores meanwhile",
                over_ms);
    else
        explain_unproved(point, &evidence, sla_ms);
}

/* Losers that the sweep refused carry its reason already; what is explained here follows from the
 * statistics. */
static void explain_point(bt_model_record *model, int index, const bt_settings *settings) {
    bt_point *point = &model->points[index];
    bt_objective objective = (bt_objective)settings->objective;
    int best = model->winners[objective];
    switch (point->outcome) {
    case BT_OUTCOME_MEASURED:
        if (objective == BT_OBJECTIVE_CAPACITY && isfinite(point->capacity_rps))
            explain_capacity(model, point, &model->points[best]);
        else
            explain_admissible(model, index, objective);
        break;
    case BT_OUTCOME_OVER_SLA:
        explain(point, "P95 %+.1f ms over the SLA", point->p95_ms - settings->p95_sla_ms);
        break;
    case BT_OUTCOME_UNDECIDED:
        explain_undecided(point, model, settings->p95_sla_ms);
        break;
    case BT_OUTCOME_SKIPPED_DOMINATED:
        if (best >= 0) explain_screened(point, &model->points[best], objective);
        break;
    case BT_OUTCOME_MASK_DISAGREES:
        explain(point, "masks agree only to IoU %.4f (at least %g)", point->mask_iou, settings->min_mask_iou);
        break;
    case BT_OUTCOME_OUT_OF_MEMORY:
    case BT_OUTCOME_OVER_MEMORY:
    case BT_OUTCOME_PREDICTED_OVER_MEMORY:
    case BT_OUTCOME_CRASHED:
    case BT_OUTCOME_COUNT:
        break;
    }
}

/* ---- the model ---- */

/* "; throughput would take batch 8: +32 % images at 6.0x the P95", or nothing. */
static void put_throughput(const bt_model_record *model, char *out, size_t size) {
    out[0] = '\0';
    int most = model->winners[BT_OBJECTIVE_THROUGHPUT];
    if (most < 0 || most == model->chosen) return;
    const bt_point *now = &model->points[model->chosen], *then = &model->points[most];
    bt_text_format(
        out, size,
        "; --objective throughput would take batch %d%s: %.0f %% more images/s at %.1fx the latency",
        then->batch_size, bt_point_admissible(then) ? "" : " (not confirmed)",
        100 * (then->throughput_imgs_per_sec / now->throughput_imgs_per_sec - 1), then->p50_ms / now->p50_ms);
}

/* Where no size is admissible: what was shown instead, or what is missing. */
static void explain_model(bt_model_record *model, const bt_settings *settings) {
    char *why = model->reason;
    if (model->meets_sla) why[0] = '\0';
    if (model->meets_sla || why[0]) return; /* the sweep told one: it ended before its time */
    if (model->chosen < 0)
        snprintf(why, BT_TEXT_SIZE,
                 model->point_count ? "every batch size was refused, for the reasons beside it"
                                    : "no batch size was measured");
    else if (bt_model_sla_state(model) == BT_SLA_BROKEN)
        bt_text_format(why, BT_TEXT_SIZE,
                       "every batch size that could serve is shown to break the SLA of %g ms",
                       settings->p95_sla_ms);
    else
        snprintf(why, BT_TEXT_SIZE, "%s", model->points[model->chosen].why);
}

/* What would show what is not shown yet. */
static const char *remedy_of_doubt(const bt_model_record *model) {
    if (model->interrupted) return "--resume goes on";
    if (2 * model->disturbed_turns > model->turns && model->turns > 0)
        return "close the other programs that use the cores, or give a longer --time-budget";
    return "give a longer --time-budget";
}

static void advise_sla(bt_model_record *model, const bt_settings *settings) {
    if (model->chosen < 0) {
        snprintf(model->advice, sizeof model->advice, "%s: nothing could be measured: %.400s", model->title,
                 model->reason);
        return;
    }
    const bt_point *point = &model->points[model->chosen];
    if (bt_model_sla_state(model) == BT_SLA_NOT_SHOWN) {
        bt_text_format(
            model->advice, sizeof model->advice,
            "%s: not shown to keep P95 <= %g ms; batch %d is provisional, with P95 %.1f ms so far (%.250s): "
            "%s",
            model->title, settings->p95_sla_ms, point->batch_size, point->p95_ms, model->reason,
            remedy_of_doubt(model));
        return;
    }
    char promise[128] = "";
    if (isfinite(model->reachable_sla_ms))
        bt_text_format(promise, sizeof promise, "; an SLA of %.0f ms could be kept here",
                       ceil(model->reachable_sla_ms));
    bt_text_format(
        model->advice, sizeof model->advice,
        "%s: no batch size keeps P95 <= %g ms; batch %d comes closest with %.1f ms%s: use a smaller "
        "--image-size or a faster device%s",
        model->title, settings->p95_sla_ms, point->batch_size, point->p95_ms, promise,
        strcmp(model->precision, "fp32") == 0 ? ", or --use-amp" : "");
}

/* What is recommended of a capacity is left for bursts and slow spells. */
static void put_headroom(const bt_model_record *model, const bt_point *point, char *out, size_t size) {
    const double share = model->rate_rps / point->capacity_rps;
    bt_text_format(out, size, ", %.0f %% of its capacity of %.1f%s", 100 * share, point->capacity_rps,
                   share > BT_RECOMMENDED_SHARE ? ", which leaves little for bursts and slow spells" : "");
}

/* No size holds the rate: what is the most, and what would. */
static void advise_rate(bt_model_record *model, const bt_point *point, const bt_settings *settings) {
    char more[96] = "";
    if (model->rate_instances > 0)
        snprintf(more, sizeof more, "; %d instances, each on cores or a device of its own, would",
                 model->rate_instances);
    bt_text_format(
        model->advice, sizeof model->advice,
        "%s: no batch size holds %g requests/s under %g ms: %.1f is the most, by batches of up to %d with "
        "a queue delay of %g ms%s",
        model->title, model->rate_rps, settings->p95_sla_ms, point->capacity_rps, point->batch_size,
        point->best_delay_ms, more);
}

static void advise_capacity(bt_model_record *model, const bt_settings *settings) {
    const bt_point *point = &model->points[model->chosen];
    char figure[96], headroom[128] = "";
    if (model->rate_rps > 0 && !model->rate_held) {
        advise_rate(model, point, settings);
        return;
    }
    if (model->rate_rps > 0) put_headroom(model, point, headroom, sizeof headroom);
    if (model->rate_rps > 0)
        bt_text_format(figure, sizeof figure, "P95 %.1f ms of %g at %g requests/s", point->rate_p95_ms,
                       settings->p95_sla_ms, model->rate_rps);
    else
        bt_text_format(figure, sizeof figure, "up to %.1f requests/s within %g ms", point->capacity_rps,
                       settings->p95_sla_ms);
    bt_text_format(model->advice, sizeof model->advice,
                   "%s: serve batches of up to %d with a queue delay of %g ms: %s by simulation%s",
                   model->title, point->batch_size, point->best_delay_ms, figure, headroom);
}

static void advise(bt_model_record *model, const bt_settings *settings) {
    if (!model->meets_sla) {
        advise_sla(model, settings);
        return;
    }
    const bt_point *point = &model->points[model->chosen];
    if (settings->objective == BT_OBJECTIVE_CAPACITY && point->capacity_rps > 0) {
        advise_capacity(model, settings);
        return;
    }
    const char *objective = bt_objective_name((bt_objective)settings->objective);
    char serve[128], throughput[160] = "", bound[96] = "";
    int most = model->winners[BT_OBJECTIVE_THROUGHPUT];
    bool gave_way = model->chosen != model->winners[settings->objective];
    bool largest = model->chosen == model->point_count - 1 || most == model->chosen;
    if (!gave_way) put_throughput(model, throughput, sizeof throughput);
    if (point->p95_upper_ms < settings->p95_sla_ms / 2 && !largest && !gave_way)
        snprintf(bound, sizeof bound, "; the SLA does not bind");
    if (gave_way)
        snprintf(serve, sizeof serve, "serve batches of %d, for the models to fit together",
                 point->batch_size);
    else if (model->batching_pays)
        snprintf(serve, sizeof serve, "serve batches of %d (best %s)", point->batch_size, objective);
    else
        snprintf(serve, sizeof serve, "batching does not pay by %s; serve single images", objective);
    bt_text_format(model->advice, sizeof model->advice, "%s: %s: %.1f images/s, P95 %.1f ms of %g%s%s",
                   model->title, serve, point->throughput_imgs_per_sec, point->p95_ms, settings->p95_sla_ms,
                   bound, throughput);
}

void bt_explain_model(bt_model_record *model, const bt_settings *settings) {
    for (int i = 0; i < model->point_count; i++)
        explain_point(model, i, settings);
    explain_model(model, settings);
    advise(model, settings);
}
