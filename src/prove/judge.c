#include "prove/judge.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#include "base/command.h"

#define LATE_SHARE   0.01 /* of the SLA: how late the generator may send at P99 */
#define OTHERS_SHARE 0.1  /* of a scenario's seconds that may be disturbed */

/* ---- the scenario ---- */

static double disturbed_share(const bt_load_scenario *scenario, double tolerated_cores) {
    int disturbed = 0, known = 0;
    if (scenario->part_count == 0) return 0;
    const bt_load_part *part = &scenario->parts[0]; /* the machine is the same for all parts */
    for (int i = 0; i < part->bin_count; i++)
        if (!isnan(part->bins[i].others_cores)) {
            known++;
            disturbed += part->bins[i].others_cores > tolerated_cores;
        }
    return known > 0 ? (double)disturbed / known : 0;
}

bool bt_judge_scenario(bt_load_scenario *scenario, double p95_sla_ms, double tolerated_cores) {
    double late_us = scenario->generator_p99_us, limit_us = LATE_SHARE * p95_sla_ms * 1e3;
    double share = disturbed_share(scenario, tolerated_cores);
    scenario->disturbed[0] = '\0';
    if (late_us > limit_us) {
        snprintf(scenario->disturbed, sizeof scenario->disturbed,
                 "the load generator itself sent %.2f ms late at P99, more than 1 %% of the SLA",
                 late_us / 1e3);
        return true;
    }
    if (share > OTHERS_SHARE)
        snprintf(scenario->disturbed, sizeof scenario->disturbed,
                 "other programs used the cores in %.0f %% of its seconds (%.2f cores' worth on average)",
                 share * 100, scenario->others_cores);
    return false;
}

bool bt_judge_again(const bt_load_scenario *scenario) {
    if (!scenario->judged || scenario->disturbed[0] == '\0') return false;
    for (int i = 0; i < scenario->part_count; i++)
        if (scenario->parts[i].verdict != BT_LOAD_MET) return true;
    return false;
}

/* ---- the part ---- */

static int64_t unanswered(const bt_load_part *part) {
    return part->sent - part->ok;
}

static void say_losses(bt_load_part *part) {
    const struct {
        int64_t count;
        const char *what;
    } causes[] = {
        {part->rejected_full, "refused by a full queue"},
        {part->rejected_deadline, "refused: too late for their deadline"},
        {part->expired, "past their deadline"},
        {part->failed, "failed"},
        {part->cancelled, "cancelled"},
        {part->lost, "never answered"},
    };
    char *out = part->cause;
    size_t used = 0, size = sizeof part->cause;
    used += (size_t)snprintf(out, size, "%lld of %lld requests got no result:", (long long)unanswered(part),
                             (long long)part->sent);
    for (size_t i = 0; i < sizeof causes / sizeof *causes; i++)
        if (causes[i].count > 0 && used < size)
            used += (size_t)snprintf(out + used, size - used, "%s %lld %s", out[used - 1] == ':' ? "" : ",",
                                     (long long)causes[i].count, causes[i].what);
}

/* Whose the time is, of requests as late as P95. */
static void say_late(bt_load_part *part, const bt_judge_facts *facts) {
    double p95_ms = part->latency.p95_ms, queue_share = part->queue_mean_ms / part->latency.mean_ms;
    if (facts->lone_p95_ms > facts->p95_sla_ms)
        snprintf(part->cause, sizeof part->cause,
                 "a single image alone takes %.1f ms at P95: no queue could keep %g ms", facts->lone_p95_ms,
                 facts->p95_sla_ms);
    else if (part->service_p95_ms > facts->p95_sla_ms)
        snprintf(part->cause, sizeof part->cause,
                 "the service time alone is %.1f ms at P95 (batches of up to %d)", part->service_p95_ms,
                 facts->batch_size);
    else if (queue_share > 0.5)
        snprintf(part->cause, sizeof part->cause,
                 "queue wait is %.0f %% of the latency (%.1f of P95's %.1f ms)", queue_share * 100,
                 fmin(part->queue_p95_ms, p95_ms), p95_ms);
    else
        snprintf(part->cause, sizeof part->cause,
                 "service time is %.0f %% of the latency, queue wait %.0f %%",
                 part->service_mean_ms / part->latency.mean_ms * 100, queue_share * 100);
    if (part->predicted_p95_ms > facts->p95_sla_ms) {
        size_t used = strlen(part->cause);
        snprintf(part->cause + used, sizeof part->cause - used, "; predicted was %.1f ms",
                 part->predicted_p95_ms);
    }
}

void bt_judge_part(bt_load_part *part, const bt_load_scenario *scenario, const bt_judge_facts *facts,
                   bool generator_late) {
    const bt_load_latency *latency = &part->latency;
    part->cause[0] = '\0';
    if (part->sent == 0) {
        part->verdict = BT_LOAD_NOT_RUN;
        snprintf(part->cause, sizeof part->cause, "nothing was sent");
        return;
    }
    if (unanswered(part) > 0) {
        part->verdict = BT_LOAD_BROKEN;
        say_losses(part);
    } else if (latency->p95_ms > facts->p95_sla_ms) {
        part->verdict = latency->p95_lower_ms > facts->p95_sla_ms ? BT_LOAD_BROKEN : BT_LOAD_UNSURE;
        say_late(part, facts);
    } else {
        part->verdict = BT_LOAD_MET;
    }
    bool disturbed = scenario->disturbed[0] != '\0' && part->verdict != BT_LOAD_MET;
    if (!generator_late && !disturbed) return;
    part->verdict = BT_LOAD_UNTRUSTED;
    snprintf(part->cause, sizeof part->cause, "%s", scenario->disturbed);
}

void bt_judge_remedy(bt_load_part *part, const bt_judge_facts *facts) {
    const char *text = "";
    if (part->remedy[0] != '\0') return;
    if (part->verdict == BT_LOAD_UNTRUSTED)
        text = "close other programs and run it again; `make doctor` measures how steady the machine is";
    else if (part->verdict == BT_LOAD_UNSURE)
        text = "more samples would decide: a longer --duration";
    else if (part->verdict != BT_LOAD_BROKEN)
        return;
    else if (part->failed > 0 || part->lost > 0)
        text = "the log says how runs failed; the standard path should have taken over";
    else if (unanswered(part) > 0)
        text = "a lower --rate, a longer --timeout-ms, a larger --max-queue-size, or more --instances";
    else if (facts->lone_p95_ms > facts->p95_sla_ms)
        text = "a higher --p95-sla-ms, smaller images, or a faster device";
    else
        text = "a lower --rate, more --instances, or a higher --p95-sla-ms";
    snprintf(part->remedy, sizeof part->remedy, "%s", text);
}

/* ---- the record ---- */

typedef struct tally {
    int judged, of[BT_LOAD_VERDICT_COUNT];
    const bt_load_scenario *worst_scenario;
    const bt_load_part *worst; /* the first that was not met */
} tally;

static tally count_verdicts(const bt_load_record *record) {
    tally t = {0};
    for (int i = 0; i < record->scenario_count; i++) {
        const bt_load_scenario *scenario = &record->scenarios[i];
        for (int j = 0; j < scenario->part_count && scenario->judged; j++) {
            const bt_load_part *part = &scenario->parts[j];
            t.judged++;
            t.of[part->verdict]++;
            if (part->verdict == BT_LOAD_MET || t.worst) continue;
            t.worst = part;
            t.worst_scenario = scenario;
        }
    }
    return t;
}

static const char *title_of(const bt_load_record *record, const char *model) {
    for (int i = 0; i < record->model_count; i++)
        if (strcmp(record->models[i].model, model) == 0) return record->models[i].title;
    return model;
}

static void advise(bt_load_record *record, const tally *t) {
    size_t size = sizeof record->advice;
    if (t->judged == 0)
        snprintf(record->advice, size, "nothing was tested");
    else if (t->of[BT_LOAD_MET] == t->judged)
        snprintf(record->advice, size, "the SLA of %g ms held in all %d tests",
                 record->settings.service.p95_sla_ms, t->judged);
    else
        snprintf(record->advice, size,
                 "the SLA of %g ms held in %d of %d tests; first look at %s, %s: %.256s",
                 record->settings.service.p95_sla_ms, t->of[BT_LOAD_MET], t->judged,
                 title_of(record, t->worst->model), t->worst_scenario->title,
                 t->worst->remedy[0] ? t->worst->remedy : t->worst->cause);
}

void bt_judge_record(bt_load_record *record, bool interrupted) {
    tally t = count_verdicts(record);
    int code = BT_EXIT_GOOD;
    if (interrupted)
        code = BT_EXIT_INTERRUPTED;
    else if (t.of[BT_LOAD_BROKEN] > 0)
        code = BT_EXIT_BROKEN;
    else if (t.judged == 0 || t.of[BT_LOAD_MET] < t.judged)
        code = BT_EXIT_INCONCLUSIVE;
    record->verdict_code = code;
    snprintf(record->verdict, sizeof record->verdict, "%s", bt_exit_name(code));
    advise(record, &t);
}
