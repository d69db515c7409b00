/* The gate's judge on a made-up machine: two versions whose true difference is known, and noise as machines
 * have it. */
#ifndef SIMULATED_GATE_H
#define SIMULATED_GATE_H

#include <stdint.h>

#include "record/gate-verdict.h"

typedef struct simulated_gate {
    int metrics;              /* timed ones; all have the same tolerance */
    int slowed;               /* of these, so many are truly slower */
    double slowdown_percent;  /* by this */
    double tolerance_percent; /* relative; there is no absolute one */
    int pairs;                /* planned */
    double spread_percent;    /* standard deviation of a pair's log-ratio by the versions' own noise */
    double level_percent;     /* of the machine's wandering level, which both share but for a turn's time */
    double drift_percent;     /* of the level from the first pair to the last, up or down */
    double spike_chance;      /* of a value to be a half to three times as long */
    double correlation;       /* of a version's own noise from pair to pair */
} simulated_gate;

/* What a shared machine does to well-made measurements; no metrics, pairs or slowdown. */
extern const simulated_gate simulated_noise;

typedef struct simulated_outcome {
    bt_gate_word verdict;
    int verdict_code;
    int of[BT_GATE_WORD_COUNT]; /* rows of each word */
    int slowed_caught;          /* of the slowed rows, called slower */
    int false_alarms;           /* of the others, called slower */
    int contradictions;         /* rows whose word is not what their bounds say */
    int pairs;
} simulated_outcome;

/* One course, from the first pair to the verdict. Aborts where memory is short. */
simulated_outcome simulated_course(const simulated_gate *about, uint64_t seed);

#endif
