/* A machine that is all formula: answers a sweep's steps from a curve, without a clock or a process. */
#ifndef BT_TESTS_MADE_UP_MACHINE_H
#define BT_TESTS_MADE_UP_MACHINE_H

#include <stdbool.h>
#include <stdint.h>

#include "base/random.h"
#include "tune/search.h"
#include "tune/step.h"

typedef enum machine_curve {
    MACHINE_LINEAR,
    MACHINE_STAIRCASE,  /* in steps of `step` images */
    MACHINE_SATURATING, /* a line with a little more on small sizes */
    MACHINE_BENT,       /* twice as steep from `step` on */
    MACHINE_CURVES
} machine_curve;

/* s(b) and everything that can go wrong; zero stands for "does not happen". */
typedef struct machine {
    machine_curve shape;
    double tau0_ms, alpha_ms, noise; /* noise: relative standard deviation */
    int step;
    const double *table_ms;        /* s(b) by b instead of a curve, up to BT_SEARCH_MAX_BATCH; the caller's */
    double late_fraction, late_ms; /* that many runs take so much longer */
    double slow;                   /* everything takes so many times as long, and every turn is disturbed */
    int calm_runs, spell_runs;     /* so many runs at the usual pace, then so many in a spell, by turns */
    double spell_slow;             /* that many times as long in a spell, */
    bool spell_disturbs;           /* whose turns count as disturbed, where that can be seen */
    double open_s;                 /* a process of its own takes to start */
    int warm_up_runs;              /* before a size is measured first */
    double memory_mb, memory_per_image_mb;
    int crash_at, out_of_memory_at, disagree_at;
    double output_least, output_most, mask_share; /* of the standard path's */
    bool standard_fails;
    bt_random random;
    /* what was seen */
    int measured[BT_SEARCH_MAX_BATCH + 1], steps, runs;
    bool disturbed; /* since the step began */
    double busy_ms;
} machine;

/* 4 + 2 b ms, no noise, 100 + 30 b MB. */
machine machine_quiet(void);

/* Any curve, with a little noise; the same for the same seed. */
machine machine_random(uint64_t seed);

/* machine_random with everything that can go wrong going wrong now and then. */
machine machine_troubled(uint64_t seed);

/* s(b), without noise. */
double machine_service_ms(const machine *m, int batch_size);

/* Carries out a step: what the worker's process would have answered. */
bt_step_result machine_answer(machine *m, const bt_step *step);

#endif
