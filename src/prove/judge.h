/* Was the promise kept? One part of one scenario judged, with cause and remedy where it was not.
 *
 * Pure. A verdict is as sure as its samples: P95 above the SLA breaks it only where P95's lower bound is
 * above it too, and a slow machine is not taken for a slow service. A promise that was kept although others
 * used the cores was kept.
 */
#ifndef BT_PROVE_JUDGE_H
#define BT_PROVE_JUDGE_H

#include "base/error.h"
#include "record/load-record.h"

#ifdef __cplusplus
extern "C" {
#endif

typedef struct bt_judge_facts {
    double p95_sla_ms;
    double max_queue_delay_ms;
    int batch_size;
    double lone_p95_ms; /* P95 service time of a single image, by the config; NaN unknown */
} bt_judge_facts;

/* Says in scenario->disturbed why its figures could not be trusted ("" where they can): the generator sent
 * late (P99 above 1 % of the SLA: nothing can be said), or other programs used more than `tolerated_cores` in
 * many of its seconds. Returns whether the generator itself was late. */
bool bt_judge_scenario(bt_load_scenario *scenario, double p95_sla_ms, double tolerated_cores);

/* Sets part->verdict and part->cause. `generator_late` as bt_judge_scenario said. */
void bt_judge_part(bt_load_part *part, const bt_load_scenario *scenario, const bt_judge_facts *facts,
                   bool generator_late);

/* What to try where no simulation found something: by the cause. Leaves what is there already. */
void bt_judge_remedy(bt_load_part *part, const bt_judge_facts *facts);

/* Whether a disturbed scenario is worth another attempt: some judged part's verdict could become another. */
bool bt_judge_again(const bt_load_scenario *scenario);

/* The whole run's exit code (3 before 4; 0) and the closing sentence, into the record. */
void bt_judge_record(bt_load_record *record, bool interrupted);

#ifdef __cplusplus
}
#endif
#endif
