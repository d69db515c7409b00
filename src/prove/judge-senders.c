/* Whether what several senders sent together was one schedule. */
#include "base/text.h"
#include "prove/judge.h"

/* How far apart the senders' clocks may be, as a share of the SLA. Raised, bursts are judged that came one after
 * another; lowered, senders on a network whose answers take long show nothing. */
#define CLOCK_SHARE 0.01

static bool are_apart(const bt_load_scenario *scenario, double p95_sla_ms) {
    return bt_load_senders_bound_us(&scenario->senders) / 1e3 > CLOCK_SHARE * p95_sla_ms;
}

const char *bt_judge_mend_senders(const bt_load_scenario *scenario, double p95_sla_ms) {
    if (bt_load_senders_ended(&scenario->senders))
        return "find out why the sender ended, and run it again, with it or without";
    if (are_apart(scenario, p95_sla_ms))
        return "take senders that answer each other sooner: on one network, with idle cores";
    return NULL;
}

bool bt_judge_senders(bt_load_scenario *scenario, double p95_sla_ms) {
    const bt_load_sender *ended = bt_load_senders_ended(&scenario->senders);
    const double bound_ms = bt_load_senders_bound_us(&scenario->senders) / 1e3;
    if (ended)
        bt_text_format(scenario->disturbed, sizeof scenario->disturbed,
                       "rank %d on %s ended: what became of %lld requests of the schedule is not known",
                       ended->rank, ended->host[0] ? ended->host : "a host without a name",
                       (long long)bt_load_senders_unsent(&scenario->senders));
    else if (are_apart(scenario, p95_sla_ms))
        bt_text_format(scenario->disturbed, sizeof scenario->disturbed,
                       "the senders' clocks agree to %.2f ms only, more than 1 %% of the SLA", bound_ms);
    return scenario->disturbed[0] != '\0';
}
