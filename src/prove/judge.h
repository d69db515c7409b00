/* Was the promise kept? One part of one scenario judged, with cause and remedy where it was not.
 *
 * Pure. Three words, and each says no more than was seen: *met* where P95's upper bound is within the SLA,
 * *broken* where its lower bound is above it or requests got no result, *not shown* where it is neither, or
 * where a disturbed machine or a late generator makes the figures worth nothing either way. */
#ifndef BT_PROVE_JUDGE_H
#define BT_PROVE_JUDGE_H

#include "base/error.h"
#include "prove/failures.h"
#include "record/load-record.h"

#ifdef __cplusplus
extern "C" {
#endif

typedef struct bt_judge_facts {
    double p95_sla_ms;
    double max_queue_delay_ms;
    int batch_size;
    double lone_p95_ms;  /* P95 service time of a single image, by the config; NaN unknown */
    double batch_p95_ms; /* the longest of the sizes up to batch_size, by the config; NaN or 0 unknown */
    bool failover;
    bool remote;                   /* servers on the network: their settings are not ours to name */
    const bt_failures *failures;   /* runs that failed; NULL: none */
    const char *failing_neighbour; /* another model of the scenario whose runs failed; NULL: none */
    /* What the simulator says of these very settings, when a remedy is sought. */
    bool simulated; /* false: it knows no service times to simulate with */
    double simulated_p95_ms;
    int64_t simulated_lost;
} bt_judge_facts;

/* Says in scenario->disturbed why its figures could not be trusted ("" where they can): the generator sent
 * late (P99 above 1 % of the SLA), or other programs used more than `tolerated_cores` in many of its seconds.
 * The SLA is the tightest of its parts'. A CPU quota that stops the service is no disturbance: it belongs to
 * what is promised, since a service under that quota is stopped the same way. Nor is a generator that was
 * late since the quota stopped it too: a request that comes during a stop waits for its end either way, and
 * counts from when it was to arrive. */
void bt_judge_scenario(bt_load_scenario *scenario, double p95_sla_ms, double tolerated_cores);

/* The same of several senders, into scenario->disturbed: one is gone with requests that nobody knows of, or their clocks
 * are not compared to 1 % of the SLA, so that they were not one schedule. Returns whether it said so. */
bool bt_judge_senders(bt_load_scenario *scenario, double p95_sla_ms);
/* And what to try then; NULL where it was something else. */
const char *bt_judge_mend_senders(const bt_load_scenario *scenario, double p95_sla_ms);

/* Whether it was the generator that was late. */
bool bt_judge_generator_was_late(const bt_load_scenario *scenario, double p95_sla_ms);

/* Sets part->verdict and part->cause, from the part's figures and scenario->disturbed. */
void bt_judge_part(bt_load_part *part, const bt_load_scenario *scenario, const bt_judge_facts *facts);

/* The same of a search for a capacity: whether the service holds the rate that it is asked to, by the bounds that
 * were found; with cause and remedy. */
void bt_judge_capacity(bt_load_part *part);

/* What to try where no simulation found something: by the cause. Leaves what is there already. Settings are
 * named only where the simulator breaks the promise under the present ones too, or the config's own times
 * do: otherwise what it does not know is the cause, and no setting mends that. */
void bt_judge_remedy(bt_load_part *part, const bt_load_scenario *scenario, const bt_judge_facts *facts);

/* Whether more requests could decide what these did not: it is judged, was not disturbed, and of some part
 * requests were sent and P95 is neither shown to be within the SLA nor above it. */
bool bt_judge_undecided(const bt_load_scenario *scenario);

/* The whole run's exit code (3 before 4; 0) and the closing sentence, into the record. */
void bt_judge_record(bt_load_record *record, bool interrupted);

#ifdef __cplusplus
}
#endif
#endif
