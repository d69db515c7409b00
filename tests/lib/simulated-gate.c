#include "simulated-gate.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/random.h"
#include "gate/judge.h"

const simulated_gate simulated_noise = {
    .spread_percent = 3,
    .level_percent = 4,
    .drift_percent = 5,
    .spike_chance = 0.02,
    .correlation = 0.2,
};

#define METRICS_MAX       64
#define LEVEL_CORRELATION 0.98 /* from turn to turn */

static void must(bt_status status, const bt_error *error) {
    if (status == BT_OK) return;
    fprintf(stderr, "simulated-gate: %s\n", error->message);
    abort();
}

/* A step of an autoregression of deviation 1. */
static double step(bt_random *random, double before, double correlation) {
    return correlation * before + sqrt(1 - correlation * correlation) * bt_random_normal(random);
}

typedef struct machine {
    const simulated_gate *about;
    bt_random random;
    double level, drift, own[METRICS_MAX][2];
} machine;

static double measure(machine *m, int metric, int side, int pair) {
    const simulated_gate *a = m->about;
    double slow = side == 1 && metric < a->slowed ? log1p(a->slowdown_percent / 100) : 0;
    m->level = step(&m->random, m->level, LEVEL_CORRELATION);
    m->own[metric][side] = step(&m->random, m->own[metric][side], a->correlation);
    double value = exp(slow + a->level_percent / 100 * m->level + m->drift * pair / a->pairs +
                       a->spread_percent / 100 / sqrt(2) * m->own[metric][side]);
    if (bt_random_uniform(&m->random) < a->spike_chance) value *= bt_random_between(&m->random, 1.5, 3);
    return 10 * (metric + 1) * value;
}

static void add_pair(machine *m, bt_gate_verdict *verdict, int pair) {
    bt_error error;
    for (int i = 0; i < m->about->metrics; i++)
        for (int turn = 0; turn < 2; turn++) {
            int side = (pair + turn) % 2;
            must(bt_gate_row_value(&verdict->rows[i], side == 1, measure(m, i, side, pair), &error), &error);
        }
}

static void make_rows(const simulated_gate *about, bt_gate_verdict *verdict) {
    char name[32];
    for (int i = 0; i < about->metrics; i++) {
        snprintf(name, sizeof name, "metric-%d", i);
        bt_gate_row *row = bt_gate_row_add(verdict, name, "ms", "", 0.5);
        if (!row) abort();
        row->like = row->paired = true;
    }
}

static machine start(const simulated_gate *about, uint64_t seed) {
    machine m = {.about = about, .random = bt_random_stream(seed, "simulated gate")};
    m.level = bt_random_normal(&m.random);
    m.drift = about->drift_percent / 100 * bt_random_between(&m.random, -1, 1);
    for (int i = 0; i < about->metrics; i++)
        for (int side = 0; side < 2; side++)
            m.own[i][side] = bt_random_normal(&m.random);
    return m;
}

/* Whether a row's word and the bounds beside it say different things. */
static bool contradicts(const bt_gate_row *row) {
    return (row->verdict == BT_GATE_SLOWER && row->lower_percent < row->tolerance_percent) ||
           (row->verdict == BT_GATE_SAME && row->upper_percent > row->tolerance_percent) ||
           (row->verdict == BT_GATE_INCONCLUSIVE &&
            (row->lower_percent > row->tolerance_percent || row->upper_percent < row->tolerance_percent));
}

static simulated_outcome sum_up(const simulated_gate *about, const bt_gate_verdict *verdict, int pairs) {
    simulated_outcome out = {
        .verdict = verdict->verdict, .verdict_code = verdict->verdict_code, .pairs = pairs};
    for (int i = 0; i < verdict->row_count; i++) {
        bool slower = verdict->rows[i].verdict == BT_GATE_SLOWER;
        out.of[verdict->rows[i].verdict]++;
        out.slowed_caught += slower && i < about->slowed;
        out.false_alarms += slower && i >= about->slowed;
        out.contradictions += contradicts(&verdict->rows[i]);
    }
    return out;
}

simulated_outcome simulated_course(const simulated_gate *about, uint64_t seed) {
    bt_gate_rules rules;
    bt_gate_verdict *verdict;
    bt_error error;
    bt_gate_rules_default(&rules);
    rules.metrics[0] = (bt_gate_rule){"*", "ms", about->tolerance_percent, 0};
    rules.metric_count = 1;
    const bt_judge judge = {.rules = &rules, .seed = seed};
    must(bt_gate_verdict_open(&verdict, &error), &error);
    make_rows(about, verdict);
    machine m = start(about, seed);
    int pairs = 0;
    for (bool over = false; !over;) {
        add_pair(&m, verdict, pairs++);
        must(bt_judge_course(&judge, verdict, pairs, about->pairs, false, &over, &error), &error);
    }
    bt_judge_whole(verdict, BT_ON_INCONCLUSIVE_FAIL);
    simulated_outcome out = sum_up(about, verdict, pairs);
    bt_gate_verdict_close(&verdict);
    return out;
}
