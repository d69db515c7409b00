/* A capacity that was found, against the rate that a service is asked to hold. */
#include <math.h>
#include <stdio.h>

#include "base/text.h"
#include "prove/judge.h"

static void say_broken(bt_load_part *part) {
    const bt_load_capacity *c = &part->capacity;
    if (c->upper_rps > 0)
        bt_text_format(part->cause, sizeof part->cause,
                       "the SLA breaks at %.1f requests/s already, of %.1f that are asked for", c->upper_rps,
                       c->asked_rps);
    else
        bt_text_format(part->cause, sizeof part->cause,
                       "not even one request at a time keeps the SLA (P95 %.1f ms)", part->latency.p95_ms);
    snprintf(part->remedy, sizeof part->remedy, "%s",
             c->upper_rps > 0 ? "a lower --rate, more --instances, or a higher --p95-sla-ms"
                              : "a higher --p95-sla-ms, smaller images, or a faster device");
}

static void say_not_shown(bt_load_part *part) {
    const bt_load_capacity *c = &part->capacity;
    bt_text_format(part->cause, sizeof part->cause,
                   "the SLA is shown to hold at %.1f requests/s, of %.1f that are asked for", c->lower_rps,
                   c->asked_rps);
    if (c->end == BT_LOAD_CAPACITY_GENERATOR)
        bt_text_append_clause(part->cause, sizeof part->cause,
                              "the load generator cannot send faster on this machine");
    snprintf(part->remedy, sizeof part->remedy, "%s",
             c->end == BT_LOAD_CAPACITY_GENERATOR
                 ? "leave the load generator a core of its own (fewer --instances, no other programs)"
                 : "a longer --duration, on a machine without other programs");
}

void bt_judge_capacity(bt_load_part *part) {
    const bt_load_capacity *c = &part->capacity;
    part->cause[0] = part->remedy[0] = '\0';
    part->verdict = BT_LOAD_NOT_SHOWN;
    if (c->lower_rps >= c->asked_rps && c->lower_rps > 0) {
        part->verdict = BT_LOAD_MET;
    } else if (c->upper_rps <= c->asked_rps || c->estimate_rps == 0) {
        part->verdict = BT_LOAD_BROKEN;
        say_broken(part);
    } else if (isfinite(c->asked_rps)) {
        say_not_shown(part);
    }
}
