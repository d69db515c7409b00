#include "prove/judge.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#include "base/command.h"
#include "base/text.h"

/* How late the generator may send at P99, as a share of the SLA. Raised, latencies are trusted that the
 * generator itself has stretched; lowered, a machine whose sleeps end late shows nothing at all. */
#define LATE_SHARE 0.01

/* The share of a scenario's seconds that others may disturb. Raised, verdicts are given on figures that other
 * programs spoilt (above 0.05, P95 may be of their seconds alone); lowered, one passing cron job costs a
 * scenario its verdict. */
#define OTHERS_SHARE 0.1

/* The share of a quota's periods that may be stopped: with more of them, the P99 of how late the generator
 * sent is of a send during a stop, and is no fault of the generator's. */
#define STOPS_SHARE 0.01

/* How much longer than the config says P95 of a run may be. Raised, a device that has slowed down is not
 * named as the cause; lowered, ordinary variation from day to day is. */
#define SLOWER 1.25

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

static bool stopped_by_quota(const bt_throttling *throttling) {
    return (double)throttling->throttled_periods > STOPS_SHARE * (double)throttling->quota_periods;
}

bool bt_judge_generator_was_late(const bt_load_scenario *scenario, double p95_sla_ms) {
    return scenario->generator_p99_us > LATE_SHARE * p95_sla_ms * 1e3 &&
           !stopped_by_quota(&scenario->throttling);
}

void bt_judge_scenario(bt_load_scenario *scenario, double p95_sla_ms, double tolerated_cores) {
    double share = disturbed_share(scenario, tolerated_cores);
    scenario->disturbed[0] = '\0';
    if (bt_judge_senders(scenario, p95_sla_ms)) return;
    if (bt_judge_generator_was_late(scenario, p95_sla_ms))
        bt_text_format(scenario->disturbed, sizeof scenario->disturbed,
                       "the load generator itself sent %.2f ms late at P99, more than 1 %% of the SLA",
                       scenario->generator_p99_us / 1e3);
    else if (share > OTHERS_SHARE)
        bt_text_format(
            scenario->disturbed, sizeof scenario->disturbed,
            "other programs used the cores in %.0f %% of its seconds (%.2f cores' worth on average)",
            share * 100, scenario->others_cores);
}

bool bt_judge_undecided(const bt_load_scenario *scenario) {
    if (!scenario->judged || scenario->disturbed[0]) return false;
    for (int i = 0; i < scenario->part_count; i++)
        if (scenario->parts[i].sent > 0 && scenario->parts[i].verdict == BT_LOAD_NOT_SHOWN) return true;
    return false;
}

/* ---- the part ---- */

static int64_t unanswered(const bt_load_part *part) {
    return part->sent - part->ok;
}

#define ADD_CAUSE(part, ...) bt_text_append_clause((part)->cause, sizeof(part)->cause, __VA_ARGS__)

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
    char list[BT_TEXT_SIZE] = "";
    size_t used = 0;
    for (size_t i = 0; i < sizeof causes / sizeof *causes; i++)
        if (causes[i].count > 0)
            used += (size_t)snprintf(list + used, sizeof list - used, "%s %lld %s", used > 0 ? "," : "",
                                     (long long)causes[i].count, causes[i].what);
    ADD_CAUSE(part, "%lld of %lld requests got no result:%s", (long long)unanswered(part),
              (long long)part->sent, list);
}

/* Whose the time is, of requests as late as P95. */
static void say_late(bt_load_part *part, const bt_judge_facts *facts) {
    double p95_ms = part->latency.p95_ms, queue_share = part->queue_mean_ms / part->latency.mean_ms;
    if (facts->lone_p95_ms > facts->p95_sla_ms)
        ADD_CAUSE(part, "a single image alone takes %.1f ms at P95: no queue could keep %g ms",
                  facts->lone_p95_ms, facts->p95_sla_ms);
    else if (part->service_p95_ms > facts->p95_sla_ms)
        ADD_CAUSE(part, "the service time alone is %.1f ms at P95 (batches of up to %d)",
                  part->service_p95_ms, facts->batch_size);
    else if (isnan(queue_share))
        ADD_CAUSE(part, "the answers took %.1f ms at P95", p95_ms);
    else if (queue_share > 0.5)
        ADD_CAUSE(part, "queue wait is %.0f %% of the latency (%.1f of P95's %.1f ms)", queue_share * 100,
                  fmin(part->queue_p95_ms, p95_ms), p95_ms);
    else
        ADD_CAUSE(part, "service time is %.0f %% of the latency, queue wait %.0f %%",
                  part->service_mean_ms / part->latency.mean_ms * 100, queue_share * 100);
    if (part->predicted_p95_ms > facts->p95_sla_ms)
        ADD_CAUSE(part, "predicted was %.1f ms", part->predicted_p95_ms);
}

/* Of a part that is not met. */
static void name_quota(bt_load_part *part, const bt_load_scenario *scenario) {
    char words[BT_THROTTLING_WORDS_SIZE];
    if (!bt_throttling_matters(&scenario->throttling)) return;
    bt_throttling_words(&scenario->throttling, words);
    ADD_CAUSE(part, "%s", words);
}

/* Of a part that is not met. */
static void name_failures(bt_load_part *part, const bt_judge_facts *facts) {
    char words[BT_FAILURES_WORDS_SIZE];
    bt_failures_words(facts->failures, facts->failover, part->fallback, part->failed + part->lost, words);
    if (words[0]) ADD_CAUSE(part, "%s", words);
}

/* Neither bound decides. */
static void say_undecided(bt_load_part *part, const bt_judge_facts *facts) {
    const bt_load_latency *l = &part->latency;
    char lower[48] = "";
    if (!isnan(l->p95_lower_ms)) bt_text_format(lower, sizeof lower, "at least %.1f ms", l->p95_lower_ms);
    if (isnan(l->p95_upper_ms))
        snprintf(part->cause, sizeof part->cause, "%lld requests are too few to bound P95 from above%s%s",
                 (long long)part->ok, lower[0] ? "; it is " : "", lower);
    else
        bt_text_format(part->cause, sizeof part->cause,
                       "%lld requests show P95 to be %s%sat most %.1f ms, of %g", (long long)part->ok, lower,
                       lower[0] ? ", " : "", l->p95_upper_ms, facts->p95_sla_ms);
}

void bt_judge_part(bt_load_part *part, const bt_load_scenario *scenario, const bt_judge_facts *facts) {
    const bt_load_latency *latency = &part->latency;
    part->cause[0] = '\0';
    part->verdict = BT_LOAD_NOT_SHOWN;
    if (part->sent == 0) {
        snprintf(part->cause, sizeof part->cause, "nothing was sent");
    } else if (scenario->disturbed[0]) {
        ADD_CAUSE(part, "%s", scenario->disturbed);
        if (unanswered(part) > 0) say_losses(part);
    } else if (unanswered(part) > 0) {
        part->verdict = BT_LOAD_BROKEN;
        say_losses(part);
    } else if (latency->p95_lower_ms > facts->p95_sla_ms) {
        part->verdict = BT_LOAD_BROKEN;
        say_late(part, facts);
    } else if (latency->p95_upper_ms <= facts->p95_sla_ms) {
        part->verdict = BT_LOAD_MET;
    } else {
        say_undecided(part, facts);
    }
    if (part->verdict == BT_LOAD_MET || part->sent == 0) return;
    name_failures(part, facts);
    name_quota(part, scenario);
}

/* ---- what to try ---- */

static bool runs_failed(const bt_load_part *part, const bt_judge_facts *facts) {
    return bt_failures_matter(facts->failures, part->fallback, part->failed + part->lost);
}

static bool simulation_keeps(const bt_judge_facts *facts) {
    return facts->simulated && facts->simulated_p95_ms <= facts->p95_sla_ms && facts->simulated_lost == 0;
}

static bool mostly_out_of_memory(const bt_failures *f) {
    return f && f->out_of_memory > f->exceptions + f->non_finite + f->timeouts;
}

/* A server's settings are its own: what there is to try is told without our flags. */
static const char *mend_server(const bt_load_part *part, const bt_judge_facts *facts) {
    const bt_failures *f = facts->failures;
    if (f && f->connections > 0) return "see that the server runs, and how many connections it takes";
    if (f && f->wrong_answers > 0) return "its answers are not what the protocol says: see which, in log.txt";
    if (part->failed > 0 || part->lost > 0) return "see the server's own log for what it could not answer";
    if (unanswered(part) > 0) return "a lower --rate, or a longer queue or more instances at the server";
    return "a lower --rate, a higher --p95-sla-ms, or another batch size or more instances at the server";
}

/* Runs that failed are the backend's affair: what it said stands in the cause. */
static void mend_runs(const bt_load_part *part, const bt_judge_facts *facts, char *out, size_t size) {
    const bool lost = part->failed > 0 || part->lost > 0;
    const char *text = "first mend what makes runs fail";
    if (mostly_out_of_memory(facts->failures))
        text = "find out what else holds the device's memory, or tune again with a larger "
               "--memory-reserve-percent";
    else if (lost && !facts->failover)
        text = "turn failover on (leave out --no-failover), so that the standard path takes what fails";
    else if (lost && runs_failed(part, facts))
        text = "both paths fail, which no setting of the queue mends";
    else if (lost)
        text = "some run does not come back: see what the device and its driver say";
    size_t used =
        (size_t)snprintf(out, size, "%s; log.txt beside the record tells of each run that failed", text);
    if (!lost && simulation_keeps(facts) && used < size)
        bt_text_format(out + used, size - used,
                       ". The simulation, in which none fails, keeps the SLA at these settings (P95 %.1f ms)",
                       facts->simulated_p95_ms);
}

/* What the simulator does not know made it late, or lost it. */
static void name_other_cause(const bt_load_part *part, const bt_judge_facts *facts, char *out, size_t size) {
    size_t used = (size_t)bt_text_format(
        out, size, "the simulation keeps the SLA at these settings (P95 %.1f ms), so none is proposed: ",
        facts->simulated_p95_ms);
    if (facts->failing_neighbour)
        snprintf(out + used, size - used,
                 "runs of %s failed meanwhile, which may delay whoever shares its device; mend those first",
                 facts->failing_neighbour);
    else if (part->service_p95_ms > SLOWER * facts->batch_p95_ms)
        bt_text_format(
            out + used, size - used,
            "runs took %.1f ms at P95 where the config says %.1f: the plot over time shows when; tune "
            "again (`make optimize-batch`) if they stay so",
            part->service_p95_ms, facts->batch_p95_ms);
    else
        snprintf(out + used, size - used, "the plot over time shows when the queue grew");
}

static void remedy_of_doubt(const bt_load_scenario *scenario, const bt_judge_facts *facts, char *out,
                            size_t size) {
    const char *of_senders = bt_judge_mend_senders(scenario, facts->p95_sla_ms);
    if (!scenario->disturbed[0])
        snprintf(out, size, "more requests would decide: a longer --duration, or a larger --lengthen");
    else if (of_senders)
        snprintf(out, size, "%s", of_senders);
    else if (bt_judge_generator_was_late(scenario, facts->p95_sla_ms))
        snprintf(out, size,
                 "leave the load generator a core of its own (fewer --instances, no other programs) and run "
                 "it again; `make doctor` measures how steady the machine is");
    else
        snprintf(out, size,
                 "close other programs and run it again; `make doctor` measures how steady the machine is");
}

void bt_judge_remedy(bt_load_part *part, const bt_load_scenario *scenario, const bt_judge_facts *facts) {
    const size_t size = sizeof part->remedy;
    const char *text = "a lower --rate, more --instances, or a higher --p95-sla-ms";
    if (part->remedy[0] != '\0' || part->verdict == BT_LOAD_MET || part->sent == 0) return;
    if (facts->remote && (part->verdict == BT_LOAD_BROKEN || unanswered(part) > 0)) {
        snprintf(part->remedy, size, "%s", mend_server(part, facts));
        return;
    }
    if (part->failed > 0 || part->lost > 0 || (part->verdict == BT_LOAD_BROKEN && runs_failed(part, facts))) {
        mend_runs(part, facts, part->remedy, size);
        return;
    }
    if (part->verdict == BT_LOAD_NOT_SHOWN) {
        if (scenario->disturbed[0] || scenario->judged) remedy_of_doubt(scenario, facts, part->remedy, size);
        return;
    }
    if (bt_throttling_matters(&scenario->throttling)) {
        text = "a higher CPU quota, fewer threads (--instances 1x1), or a lower --rate";
    } else if (simulation_keeps(facts)) {
        name_other_cause(part, facts, part->remedy, size);
        return;
    } else if (unanswered(part) == 0 && facts->lone_p95_ms > facts->p95_sla_ms) {
        text = "a higher --p95-sla-ms, smaller images, or a faster device";
    } else if (unanswered(part) == 0 && facts->lone_p95_ms + facts->max_queue_delay_ms > facts->p95_sla_ms) {
        text = "a shorter --max-queue-delay-ms, or a higher --p95-sla-ms: a lone request waits that long too";
    } else if (!facts->simulated) {
        text = "tune it first (`make optimize-batch`): without its service times no setting can be tried";
    } else if (part->expired + part->rejected_deadline > part->rejected_full) {
        text = "a longer --timeout-ms, a lower --rate, or more --instances";
    } else if (unanswered(part) > 0) {
        text = "a lower --rate, a larger --max-queue-size, or more --instances";
    }
    snprintf(part->remedy, size, "%s", text);
}

/* ---- the record ---- */

typedef struct tally {
    int judged, of[BT_LOAD_VERDICT_COUNT];
    const bt_load_scenario *worst_scenario;
    const bt_load_part *worst; /* the first that is broken, else that is not shown */
} tally;

static tally count_verdicts(const bt_load_record *record) {
    tally t = {0};
    for (int i = 0; i < record->scenario_count; i++) {
        const bt_load_scenario *scenario = &record->scenarios[i];
        for (int j = 0; j < scenario->part_count && scenario->judged; j++) {
            const bt_load_part *part = &scenario->parts[j];
            t.judged++;
            t.of[part->verdict]++;
            bool worse = !t.worst || (t.worst->verdict != BT_LOAD_BROKEN && part->verdict == BT_LOAD_BROKEN);
            if (part->verdict == BT_LOAD_MET || !worse) continue;
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

/* "the SLA of 250 ms", or "each model's SLA" where they differ. */
static void name_sla(const bt_load_record *record, char *out, size_t size) {
    double first_ms = bt_load_record_sla_ms(record, record->model_count > 0 ? record->models[0].model : "");
    bt_text_format(out, size, "the SLA of %g ms", first_ms);
    for (int i = 1; i < record->model_count; i++)
        if (bt_load_record_sla_ms(record, record->models[i].model) != first_ms)
            snprintf(out, size, "each model's SLA");
}

static void advise(bt_load_record *record, const tally *t) {
    size_t size = sizeof record->advice;
    char sla[64], counts[96] = "";
    name_sla(record, sla, sizeof sla);
    if (t->judged == 0) {
        snprintf(record->advice, size, "nothing was tested");
        return;
    }
    if (t->of[BT_LOAD_MET] == t->judged) {
        snprintf(record->advice, size, "%s is shown to hold in all %d tests", sla, t->judged);
        return;
    }
    if (t->of[BT_LOAD_BROKEN] > 0) snprintf(counts, sizeof counts, ", broken in %d", t->of[BT_LOAD_BROKEN]);
    if (t->of[BT_LOAD_NOT_SHOWN] > 0)
        snprintf(counts + strlen(counts), sizeof counts - strlen(counts), ", not shown in %d",
                 t->of[BT_LOAD_NOT_SHOWN]);
    snprintf(record->advice, size, "%s is shown to hold in %d of %d tests%s; begin with %s, %s: %.256s", sla,
             t->of[BT_LOAD_MET], t->judged, counts, title_of(record, t->worst->model),
             t->worst_scenario->title, t->worst->remedy[0] ? t->worst->remedy : t->worst->cause);
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
