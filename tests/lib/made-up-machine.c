#include "made-up-machine.h"

#include <math.h>
#include <stdio.h>

machine machine_quiet(void) {
    return (machine){.tau0_ms = 4,
                     .alpha_ms = 2,
                     .memory_mb = 100,
                     .memory_per_image_mb = 30,
                     .random = bt_random_stream(1, "test machine")};
}

machine machine_random(uint64_t seed) {
    bt_random random = bt_random_stream(seed, "test curve");
    machine m = {.shape = (machine_curve)bt_random_below(&random, MACHINE_CURVES),
                 .random = bt_random_stream(seed, "test noise")};
    m.alpha_ms = bt_random_between(&random, 1, 5);
    m.tau0_ms = m.alpha_ms * bt_random_between(&random, 0, 20);
    m.step = 2 + (int)bt_random_below(&random, 7);
    m.noise = 0.01;
    m.memory_mb = 100;
    m.memory_per_image_mb = 10;
    return m;
}

/* A size from 1 to 16, in one case of five. */
static int now_and_then(bt_random *random) {
    return bt_random_uniform(random) < 0.2 ? 1 + (int)bt_random_below(random, 16) : 0;
}

machine machine_troubled(uint64_t seed) {
    bt_random random = bt_random_stream(seed, "test trouble");
    machine m = machine_random(seed);
    m.noise = bt_random_between(&random, 0, 0.5);
    m.late_fraction = bt_random_uniform(&random) < 0.3 ? bt_random_between(&random, 0, 0.2) : 0;
    m.late_ms = 200;
    m.crash_at = now_and_then(&random);
    m.out_of_memory_at = now_and_then(&random);
    m.disagree_at = now_and_then(&random);
    m.standard_fails = bt_random_uniform(&random) < 0.2;
    return m;
}

double machine_service_ms(const machine *m, int b) {
    if (m->table_ms) return m->table_ms[b];
    switch (m->shape) {
    case MACHINE_STAIRCASE:
        return m->tau0_ms + m->alpha_ms * m->step * ceil((double)b / m->step);
    case MACHINE_SATURATING:
        return m->tau0_ms + m->alpha_ms * b * (1 + 0.5 / b);
    case MACHINE_BENT:
        return m->tau0_ms + m->alpha_ms * (b <= m->step ? b : m->step + 2.0 * (b - m->step));
    case MACHINE_LINEAR:
    case MACHINE_CURVES:
        break;
    }
    return m->tau0_ms + m->alpha_ms * b;
}

/* How many times as long things take just now. */
static double pace(machine *m) {
    int round = m->calm_runs + m->spell_runs;
    bool spell = round > 0 && m->runs % round >= m->calm_runs;
    m->disturbed = m->disturbed || m->slow > 1 || (spell && m->spell_disturbs);
    return (m->slow > 0 ? m->slow : 1) * (spell ? m->spell_slow : 1);
}

static double run_ms(machine *m, int b) {
    double ms = machine_service_ms(m, b) * (1 + m->noise * fabs(bt_random_normal(&m->random))) * pace(m);
    m->runs++;
    if (bt_random_uniform(&m->random) < m->late_fraction) ms += m->late_ms;
    m->busy_ms += ms;
    return ms;
}

static bool on_standard_path(const bt_step *step) {
    return step->kind == BT_STEP_STANDARD || step->kind == BT_STEP_STANDARD_MEMORY;
}

/* Whether the step fails, and how. */
static bool refuses(const machine *m, const bt_step *step, bt_step_result *result) {
    int b = step->batch_size;
    bool standard = on_standard_path(step);
    const char *message = "";
    if (standard && m->standard_fails) {
        result->status = BT_BACKEND;
        message = "no standard path";
    } else if (!standard && step->kind != BT_STEP_FULL_SIZE && m->crash_at && b >= m->crash_at) {
        result->status = BT_CLOSED;
        message = "the worker crashed";
    } else if (!standard && m->out_of_memory_at && b >= m->out_of_memory_at) {
        result->status = BT_OUT_OF_DEVICE_MEMORY;
        message = "out of memory";
    }
    snprintf(result->message, sizeof result->message, "%s", message);
    return result->status != BT_OK;
}

static void carry_out(machine *m, const bt_step *step, bt_step_result *result) {
    int b = step->batch_size;
    bool timed =
        step->kind == BT_STEP_MEASURE || step->kind == BT_STEP_STANDARD || step->kind == BT_STEP_FULL_SIZE;
    bool fresh = step->kind == BT_STEP_FRESH_MEMORY || step->kind == BT_STEP_STANDARD_MEMORY ||
                 step->kind == BT_STEP_FULL_SIZE;
    if (fresh) m->busy_ms += 1e3 * m->open_s * pace(m);
    for (int i = 0; i < m->warm_up_runs && (fresh || step->kind == BT_STEP_MEMORY); i++)
        run_ms(m, b);
    m->disturbed = false;
    for (int i = 0; i < step->runs; i++) {
        double ms = run_ms(m, b);
        if (timed) result->samples_ms[result->sample_count++] = ms;
    }
    result->disturbed = step->kind == BT_STEP_MEASURE && m->disturbed;
    if (step->kind == BT_STEP_MEASURE) m->measured[b] += step->runs;
    if (step->kind == BT_STEP_MEMORY || step->kind == BT_STEP_FRESH_MEMORY ||
        step->kind == BT_STEP_STANDARD_MEMORY) {
        result->memory_mb = m->memory_mb + m->memory_per_image_mb * b;
        result->memory_total_used_mb = result->memory_mb;
    }
    if (step->kind == BT_STEP_AGREEMENT) {
        result->logit_error = 0.01;
        result->mask_iou = m->disagree_at && b >= m->disagree_at ? 0.9 : 0.999;
        result->output_least = m->output_least;
        result->output_most = m->output_most;
        result->mask_share = m->mask_share;
    }
}

bt_step_result machine_answer(machine *m, const bt_step *step) {
    bt_step_result result = bt_step_result_empty();
    double busy_ms = m->busy_ms;
    if (!refuses(m, step, &result)) carry_out(m, step, &result);
    result.elapsed_s = (m->busy_ms - busy_ms) / 1e3;
    return result;
}
