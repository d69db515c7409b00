#include "report/sweep-words.h"

#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "base/memory.h"
#include "base/text.h"
#include "measure/quantile.h"
#include "report/layout.h"

#define NUMBER_SIZE 32
#define MIB_PER_GIB 1024.0

/* Of so many turns, one that other programs disturbed is worth a warning. Higher: a warning after nearly
 * every run on a machine that anybody uses, which nobody reads. Lower: times that are too long pass without
 * one. */
#define DISTURBED_SHARE 10

typedef struct number_text {
    char text[NUMBER_SIZE];
} number_text;

static number_text number(double value) {
    number_text shown;
    bt_layout_number(value, shown.text, sizeof shown.text);
    return shown;
}

const char *bt_words_verdict(bt_outcome outcome) {
    switch (outcome) {
    case BT_OUTCOME_MEASURED:
        return "ok";
    case BT_OUTCOME_OVER_SLA:
        return "over SLA";
    case BT_OUTCOME_UNDECIDED:
        return "undecided";
    case BT_OUTCOME_OUT_OF_MEMORY:
        return "no memory";
    case BT_OUTCOME_OVER_MEMORY:
        return "over memory";
    case BT_OUTCOME_PREDICTED_OVER_MEMORY:
        return "not tried";
    case BT_OUTCOME_CRASHED:
        return "crashed";
    case BT_OUTCOME_SKIPPED_DOMINATED:
        return "unconfirmed";
    case BT_OUTCOME_MASK_DISAGREES:
        return "masks differ";
    case BT_OUTCOME_COUNT:
        break;
    }
    return "unknown";
}

const char *bt_words_why(const bt_point *point) {
    if (point->why[0]) return point->why;
    switch (point->outcome) {
    case BT_OUTCOME_MEASURED:
        return "keeps the SLA, the memory reserve and the masks";
    case BT_OUTCOME_OVER_SLA:
        return "P95 is shown to be over the SLA";
    case BT_OUTCOME_UNDECIDED:
        return "the samples show neither that P95 keeps the SLA nor that it breaks it";
    case BT_OUTCOME_OUT_OF_MEMORY:
        return "the device or the kernel refused the memory";
    case BT_OUTCOME_OVER_MEMORY:
        return "its high-water mark breaks the memory reserve";
    case BT_OUTCOME_PREDICTED_OVER_MEMORY:
        return "the memory fit says it would break the reserve";
    case BT_OUTCOME_CRASHED:
        return "the worker died or the backend failed";
    case BT_OUTCOME_SKIPPED_DOMINATED:
        return "a confirmed batch size beats it, or a smaller one already breaks the SLA";
    case BT_OUTCOME_MASK_DISAGREES:
        return "its masks differ from the FP32 reference's more than allowed";
    case BT_OUTCOME_COUNT:
        break;
    }
    return "no reason is recorded";
}

void bt_words_mark(const bt_model_record *model, int index, char out[BT_WORDS_MARK_SIZE]) {
    const char *choice = index != model->chosen ? "" : model->meets_sla ? "→" : "⇢";
    snprintf(out, BT_WORDS_MARK_SIZE, "%s%s", choice, model->points[index].on_pareto_front ? "•" : "");
}

void bt_words_marks(const bt_model_record *model, char out[BT_WORDS_SIZE]) {
    const char *choice = "no batch size is chosen, ";
    if (model->meets_sla)
        choice = "→ chosen, ";
    else if (model->chosen >= 0 && bt_model_sla_state(model) == BT_SLA_BROKEN)
        choice = "⇢ provisional (it breaks the SLA least), ";
    else if (model->chosen >= 0)
        choice = "⇢ provisional (not shown to keep the SLA), ";
    snprintf(out, BT_WORDS_SIZE, "%s• on the Pareto front", choice);
}

void bt_words_unmeasured(const bt_model_record *model, char out[BT_WORDS_SIZE]) {
    out[0] = '\0';
    if (model->point_count > 0) return;
    const char *why = model->reason[0]     ? model->reason
                      : model->interrupted ? "interrupted before its turn"
                                           : "no reason is recorded";
    snprintf(out, BT_WORDS_SIZE, "no batch size was measured: %s", why);
}

void bt_words_notice(const char *workload, int image_size, char out[BT_WORDS_SIZE]) {
    out[0] = '\0';
    if (strcmp(workload, "cpu-demo") != 0) return;
    snprintf(
        out, BT_WORDS_SIZE,
        "CPU demonstration profile: %d × %d px images on a CPU, to show how tuning works. Tune again on the "
        "device and at the image size that you serve.",
        image_size, image_size);
}

static void upper_case(const char *text, char *out, size_t size) {
    snprintf(out, size, "%s", text);
    bt_text_upper(out);
}

/* A simulated session computes nothing, so it has no precision, weights or standard path to speak of. */
static bool computes(const bt_model_record *model) {
    return strcmp(model->precision, "none") != 0;
}

void bt_words_subject(const bt_model_record *model, char out[BT_WORDS_SIZE]) {
    char precision[sizeof model->precision], threads[64] = "";
    upper_case(model->precision, precision, sizeof precision);
    if (model->threads > 0 && model->instances > 1)
        snprintf(threads, sizeof threads, ", %d instances of %d thread%s", model->instances, model->threads,
                 model->threads == 1 ? "" : "s");
    else if (model->threads > 0)
        snprintf(threads, sizeof threads, ", %d thread%s", model->threads, model->threads == 1 ? "" : "s");
    char size[48] = BT_UNKNOWN_TEXT " px";
    if (model->image_size > 0)
        snprintf(size, sizeof size, "%d × %d px", model->image_size, model->image_size);
    if (model->classes > 1) bt_text_append(size, sizeof size, ", %d classes", model->classes);
    if (!computes(model)) {
        snprintf(out, BT_WORDS_SIZE, "%s, %s, simulated: nothing is computed", model->title, size);
        return;
    }
    int used = snprintf(out, BT_WORDS_SIZE, "%s, %s, %s, %s on %s%s, weights %s", model->title, size,
                        precision[0] ? precision : BT_UNKNOWN_TEXT,
                        model->backend[0] ? model->backend : BT_UNKNOWN_TEXT,
                        model->device[0] ? model->device : BT_UNKNOWN_TEXT, threads,
                        model->weights_source[0] ? model->weights_source : BT_UNKNOWN_TEXT);
    if (model->precision_note[0] && used < BT_WORDS_SIZE)
        used += snprintf(out + used, BT_WORDS_SIZE - (size_t)used, " (%s)", model->precision_note);
    if (model->path_note[0] && used < BT_WORDS_SIZE)
        snprintf(out + used, BT_WORDS_SIZE - (size_t)used, " (%s)", model->path_note);
}

void bt_words_bounds(const bt_model_record *model, char out[BT_WORDS_SIZE]) {
    int open = 0, most = 0;
    out[0] = '\0';
    for (int i = 0; i < model->point_count; i++) {
        const bt_point *point = &model->points[i];
        if (!isfinite(point->p95_ms) || isfinite(point->p95_upper_ms)) continue;
        open++;
        if (point->sample_count > most) most = point->sample_count;
    }
    if (open == 0) return;
    snprintf(out, BT_WORDS_SIZE,
             "bound " BT_UNKNOWN_TEXT
             ": P95 has no upper bound yet; one takes at least %d samples, more where "
             "late ones come in spells (at most %d here): a longer --time-budget, or fewer --batches, helps",
             BT_P95_BOUND_SAMPLES, most);
}

void bt_words_memory_mb(const bt_point *point, char out[BT_WORDS_SIZE]) {
    if (isfinite(point->memory_mb))
        bt_text_format(out, BT_WORDS_SIZE, "%.0f", point->memory_mb);
    else if (isfinite(point->memory_predicted_mb))
        bt_text_format(out, BT_WORDS_SIZE, "~%.0f", point->memory_predicted_mb);
    else
        snprintf(out, BT_WORDS_SIZE, "%s", BT_UNKNOWN_TEXT);
}

static void largest_batch(const bt_memory_fit *fit, char *out, size_t size) {
    char precision[sizeof fit->precision + 1] = "";
    if (strcmp(fit->precision, "none") != 0) {
        upper_case(fit->precision, precision, sizeof fit->precision);
        strcat(precision, " ");
    }
    if (fit->largest_batch <= 0)
        snprintf(out, size, "%s%s", precision, BT_UNKNOWN_TEXT);
    else if (fit->largest_batch >= BT_BATCH_MAX)
        snprintf(out, size, "%snot bound by memory", precision);
    else
        snprintf(out, size, "%s%" PRId64, precision, fit->largest_batch);
}

void bt_words_memory(const bt_record *record, const bt_model_record *model, char out[BT_WORDS_SIZE]) {
    const bt_memory_fit *fit = &model->production_memory;
    char standard[64], production[64];
    out[0] = '\0';
    if (!isfinite(fit->base_mb) && !isfinite(model->memory_total_mb)) return;
    largest_batch(&model->standard_memory, standard, sizeof standard);
    largest_batch(fit, production, sizeof production);
    bool two = computes(model) && strcmp(model->standard_memory.precision, fit->precision) != 0;
    int used = snprintf(out, BT_WORDS_SIZE, "largest batch memory would allow: %s%s%s", two ? standard : "",
                        two ? ", " : "", production);
    if (isfinite(fit->base_mb))
        used += snprintf(out + used, BT_WORDS_SIZE - (size_t)used,
                         "; a batch of one takes %s MiB, each further image %s more",
                         number(fit->base_mb + fit->per_image_mb).text, number(fit->per_image_mb).text);
    if (isfinite(model->memory_total_mb))
        bt_text_format(out + used, BT_WORDS_SIZE - (size_t)used,
                       "; the %s has %.0f MiB, of which %g %% stay free",
                       bt_memory_kind(model->device_memory), model->memory_total_mb,
                       record->settings.memory_reserve_percent);
}

void bt_words_latency_budget(const bt_record *record, const bt_model_record *model, char out[BT_WORDS_SIZE]) {
    out[0] = '\0';
    if (model->chosen < 0 || !isfinite(model->points[model->chosen].late_budget_ms)) return;
    const bt_point *point = &model->points[model->chosen];
    bt_text_format(
        out, BT_WORDS_SIZE,
        "a request may take up to %s ms: %g ms for its batch to fill, the batch before it and its own "
        "(max_queue_delay + 2 × P95)",
        number(point->late_budget_ms).text,
        isfinite(model->queue_delay_ms) ? model->queue_delay_ms : record->settings.max_queue_delay_ms);
}

void bt_words_capacity(double capacity_rps, double recommended_rps, double predicted_p95_ms,
                       char out[BT_WORDS_SIZE]) {
    int used = 0;
    out[0] = '\0';
    if (capacity_rps > 0)
        used = snprintf(out, BT_WORDS_SIZE, "%s requests/s within the SLA", number(capacity_rps).text);
    else if (capacity_rps == 0)
        snprintf(out, BT_WORDS_SIZE,
                 "none: even a lone request, with its wait for others, would miss the SLA (simulated); a "
                 "shorter --max-queue-delay-ms or a higher --p95-sla-ms helps");
    if (used > 0 && isfinite(recommended_rps))
        used += bt_text_format(out + used, BT_WORDS_SIZE - (size_t)used, "; recommended %s (%.0f %%)",
                               number(recommended_rps).text, 100 * recommended_rps / capacity_rps);
    if (used > 0 && isfinite(predicted_p95_ms))
        used += snprintf(out + used, BT_WORDS_SIZE - (size_t)used, ", where P95 would be %s ms",
                         number(predicted_p95_ms).text);
    if (used > 0) snprintf(out + used, BT_WORDS_SIZE - (size_t)used, " (simulated)");
}

/* "1 instance of 2 threads", "... of all threads" */
static int put_division(const bt_division *division, char *out, size_t size) {
    char threads[32] = "all";
    if (division->threads > 0) snprintf(threads, sizeof threads, "%d", division->threads);
    return snprintf(out, size, "%d instance%s of %s thread%s", division->instances,
                    division->instances == 1 ? "" : "s", threads, division->threads == 1 ? "" : "s");
}

void bt_words_divisions(const bt_model_record *model, char out[BT_WORDS_SIZE]) {
    char throttling[BT_THROTTLING_WORDS_SIZE];
    size_t used = 0;
    out[0] = '\0';
    int measured = 0;
    for (int i = 0; i < model->division_count; i++)
        measured += isfinite(model->divisions[i].median_ms);
    for (int i = 0; i < model->division_count && measured > 0 && used < BT_WORDS_SIZE; i++) {
        const bt_division *division = &model->divisions[i];
        used += (size_t)snprintf(out + used, BT_WORDS_SIZE - used, "%s", i == 0 ? "" : "; ");
        if (used < BT_WORDS_SIZE) used += (size_t)put_division(division, out + used, BT_WORDS_SIZE - used);
        if (used >= BT_WORDS_SIZE) break;
        if (isfinite(division->median_ms))
            used += (size_t)snprintf(out + used, BT_WORDS_SIZE - used, " %s images/s",
                                     number(division->throughput_imgs_per_sec).text);
        else
            used += (size_t)snprintf(out + used, BT_WORDS_SIZE - used, " not measured");
        if (division->instances == model->instances && used < BT_WORDS_SIZE)
            used += (size_t)snprintf(out + used, BT_WORDS_SIZE - used, " (chosen)");
    }
    if (used > 0 && used < BT_WORDS_SIZE)
        used += (size_t)snprintf(out + used, BT_WORDS_SIZE - used, ", batches of one");
    bt_throttling_words(&model->throttling, throttling);
    if (throttling[0] && used < BT_WORDS_SIZE)
        snprintf(out + used, BT_WORDS_SIZE - used, "%s%s", used ? "; " : "", throttling);
}

void bt_words_scale(const bt_model_record *model, char out[BT_WORDS_SIZE]) {
    int used = 0;
    out[0] = '\0';
    if (isfinite(model->speedup_over_single_image))
        used =
            snprintf(out, BT_WORDS_SIZE,
                     "%s times the images/s of the standard path (FP32, one image at a time: %s ms)",
                     number(model->speedup_over_single_image).text, number(model->standard_median_ms).text);
    if (model->full_size > 0 && isfinite(model->full_size_ms))
        snprintf(out + used, BT_WORDS_SIZE - (size_t)used, "%sone %d × %d px image takes %s s here",
                 used ? "; " : "", model->full_size, model->full_size,
                 number(model->full_size_ms / 1e3).text);
}

static int drifting_points(const bt_model_record *model) {
    int count = 0;
    for (int i = 0; i < model->point_count; i++)
        count += model->points[i].drifting;
    return count;
}

void bt_words_warnings(const bt_model_record *model, char out[BT_WORDS_SIZE]) {
    int used = 0, drifting = drifting_points(model);
    char throttling[BT_THROTTLING_WORDS_SIZE];
    out[0] = '\0';
    const bt_sla_state state = bt_model_sla_state(model);
    if (state == BT_SLA_BROKEN && model->meets_sla)
        used += bt_text_format(out, BT_WORDS_SIZE,
                               "✗ %g requests/s are not held under the SLA, by simulation", model->rate_rps);
    else if (state == BT_SLA_BROKEN)
        used += snprintf(out, BT_WORDS_SIZE, "✗ broken: %s", model->reason);
    else if (!model->meets_sla)
        used += snprintf(out, BT_WORDS_SIZE, "? no batch size is shown to keep the SLA");
    if (!model->meets_sla && isfinite(model->reachable_sla_ms))
        used += snprintf(out + used, BT_WORDS_SIZE - (size_t)used, "; an SLA of %s ms is within reach",
                         number(model->reachable_sla_ms).text);
    if (model->interrupted)
        used += snprintf(out + used, BT_WORDS_SIZE - (size_t)used,
                         "%sstopped before this model was decided: --resume continues", used ? "; " : "");
    if (model->output_note[0])
        used +=
            snprintf(out + used, BT_WORDS_SIZE - (size_t)used, "%s%s", used ? "; " : "", model->output_note);
    if (drifting > 0)
        used += snprintf(out + used, BT_WORDS_SIZE - (size_t)used,
                         "%s%d of %d batch sizes drifted while they were measured (marked ~)",
                         used ? "; " : "", drifting, model->point_count);
    if (DISTURBED_SHARE * model->disturbed_turns > model->turns)
        used += snprintf(out + used, BT_WORDS_SIZE - (size_t)used,
                         "%sother programs used the cores in %d of %d turns, so times are too long",
                         used ? "; " : "", model->disturbed_turns, model->turns);
    if (bt_throttling_matters(&model->throttling)) {
        bt_throttling_words(&model->throttling, throttling);
        used += snprintf(out + used, BT_WORDS_SIZE - (size_t)used,
                         "%s%s, so batches waited for the next one, as they will in a service under it: a "
                         "higher quota, or fewer --threads or --instances",
                         used ? "; " : "", throttling);
    } else if (drifting > 0 || DISTURBED_SHARE * model->disturbed_turns > model->turns)
        snprintf(out + used, BT_WORDS_SIZE - (size_t)used, ": close other programs and measure again");
}

void bt_words_joint_memory(const bt_record *record, char out[BT_WORDS_SIZE]) {
    out[0] = '\0';
    if (record->model_count < 2 || !isfinite(record->joint_memory_mb)) return;
    int used = bt_text_format(out, BT_WORDS_SIZE, "the chosen batch sizes together take %.0f MiB",
                              record->joint_memory_mb);
    if (isfinite(record->joint_memory_limit_mb))
        used += bt_text_format(out + used, BT_WORDS_SIZE - (size_t)used, " of the %.0f MiB allowed: %s",
                               record->joint_memory_limit_mb,
                               record->joint_memory_fits ? "they fit" : "they do not fit");
    if (record->joint_memory_note[0])
        snprintf(out + used, BT_WORDS_SIZE - (size_t)used, "; %s", record->joint_memory_note);
}

void bt_words_machine(const bt_machine *machine, char out[BT_WORDS_SIZE]) {
    double memory_gib = machine->memory_bytes / (MIB_PER_GIB * MIB_PER_GIB * MIB_PER_GIB);
    char cores[BT_MACHINE_CORES_SIZE];
    bt_machine_cores(machine, cores);
    int used = snprintf(out, BT_WORDS_SIZE, "%s, %s, %s GiB, clocks %s",
                        machine->cpu[0] ? machine->cpu : BT_UNKNOWN_TEXT, cores,
                        number(memory_gib > 0 ? memory_gib : NAN).text,
                        machine->clock_policy[0] ? machine->clock_policy : "unknown");
    if (machine->gpu[0]) used += snprintf(out + used, BT_WORDS_SIZE - (size_t)used, ", %s", machine->gpu);
    if (machine->fingerprint[0])
        snprintf(out + used, BT_WORDS_SIZE - (size_t)used, " (fingerprint %s)", machine->fingerprint);
}

void bt_words_versions(const bt_record *record, char out[BT_WORDS_SIZE]) {
    const bt_subject *subject = &record->subject;
    int used = snprintf(out, BT_WORDS_SIZE, "batchtune %s, revision %s, seed %" PRId64,
                        subject->tool_version[0] ? subject->tool_version : BT_UNKNOWN_TEXT,
                        subject->revision[0] ? subject->revision : "unknown", record->settings.seed);
    if (subject->runtime[0])
        used += snprintf(out + used, BT_WORDS_SIZE - (size_t)used, ", %s", subject->runtime);
    if (subject->gpu_driver[0])
        snprintf(out + used, BT_WORDS_SIZE - (size_t)used, ", driver %s", subject->gpu_driver);
}

int bt_words_decimals(const bt_model_record *model, size_t offset) {
    double smallest = INFINITY;
    for (int i = 0; i < model->point_count; i++) {
        double value = *(const double *)((const char *)&model->points[i] + offset);
        if (isfinite(value) && value > 0) smallest = fmin(smallest, value);
    }
    return isfinite(smallest) ? bt_layout_decimals(smallest) : 1;
}
