/* What the sweep knows of its sizes, and what follows from that: which leads, which to prove, how long it
 * takes.
 *
 * The sweep stands on this: sweep-sizes.c and sweep-plan.c decide the next step from it, sweep-results.c takes into
 * it what came of a step, and sweep.c is the interface on top of both. Nobody else includes it. */
#ifndef BT_TUNE_SWEEP_STATE_H
#define BT_TUNE_SWEEP_STATE_H

#include "tune/evidence.h"
#include "tune/search.h"
#include "tune/sweep.h"

/* The newest samples of undisturbed turns, whose median is what a size typically takes. More: the median is surer,
 * and follows a machine that warms up or slows down later; fewer: noise decides which size leads. */
#define BT_UNDISTURBED_SAMPLES 64

#define BT_STANDARD_MEMORY_MAX 2 /* sizes of the standard path whose memory is taken: enough for a line */

/* What the sweep knows of a size beside its point in the record (same index). */
typedef struct bt_candidate {
    int batch_size;
    bool on_ascent; /* prepared on the ascending pass */
    bool memory_taken, agreement_taken;
    bool refused;      /* cannot win; the point's outcome says why */
    bool confirmed;    /* P95 <= SLA was shown */
    bool gave_up;      /* the sequential test ended without a verdict */
    double typical_ms; /* the median; of what nobody disturbed, where there is any */
    double undisturbed_ms[BT_UNDISTURBED_SAMPLES]; /* of turns that nobody disturbed, the newest */
    int undisturbed_count;                         /* ever */
    bt_evidence evidence;                          /* about the SLA */
    int late_turns;                                /* turns that had a late sample, */
    int undisturbed_late_turns;                    /* and those of them that nobody disturbed */
    /* Taken of the then best size while this one was screened, so that the two can be compared. */
    int companion_samples;
    /* Of a disturbed turn that was not counted: shown for want of any other. */
    double discarded_ms[BT_MAX_TURN_SAMPLES];
    int discarded_count;
} bt_candidate;

struct bt_sweep {
    bt_sweep_options options;
    bt_model_record *model;
    bt_sequential_rule rule;
    bt_candidate *candidates; /* ascending, parallel to model->points */
    int count;
    size_t capacity;
    int next_asked; /* of options.batches, where sizes were asked for */
    bool ascent_done, refining_done, standard_failed;
    int out_of_memory_at; /* the smallest size that was; 0: none */
    int standard_memory_sizes[BT_STANDARD_MEMORY_MAX];
    double standard_memory_mb[BT_STANDARD_MEMORY_MAX];
    int standard_memory_asked, standard_memory_count;
    bool full_size_asked, stopped;
    int discarded; /* turns that others disturbed */
    double elapsed_s, discarded_s;
    double newest_s;  /* that the newest size of the ascent has taken */
    double primary_s; /* until the leader by the objective asked for was decided */
    double proving_s; /* spent on that leader's proof, */
    double between_s; /* and on other work in between */
    bool is_between;  /* `step` is of the latter, */
    bool is_proving;  /* or of the former */
    double progress;  /* as told so far: it never goes back */
    bt_step step;
};

static inline bt_point *point_of(const bt_sweep *sweep, int index) {
    return &sweep->model->points[index];
}

static inline int samples_of(const bt_sweep *sweep, int index) {
    return point_of(sweep, index)->sample_count;
}

/* A median: a neighbour's noise lengthens some runs, by more of a short one than of a long one. */
static inline double typical_ms(const bt_sweep *sweep, int index) {
    return sweep->candidates[index].typical_ms;
}

/* The median is late: it cannot be expected to keep the SLA, though that is not shown yet. */
static inline bool seems_late(const bt_sweep *sweep, int index) {
    return typical_ms(sweep, index) > sweep->options.p95_sla_ms;
}

/* Whether a size must be shown to agree with the reference's masks. */
static inline bool masks_matter(const bt_sweep *sweep) {
    return sweep->options.computes_masks && sweep->options.trained_weights && sweep->options.standard_path;
}

/* Everything that is asked of a size has been shown. */
static inline bool is_admissible(const bt_sweep *sweep, int index) {
    const bt_candidate *c = &sweep->candidates[index];
    return c->confirmed && c->memory_taken && !c->refused && (c->agreement_taken || !masks_matter(sweep));
}

static inline double time_left_s(const bt_sweep *sweep) {
    return sweep->options.time_budget_s - sweep->elapsed_s;
}

static inline double score_of(const bt_sweep *sweep, int index, bt_objective objective) {
    const int batch_size = sweep->candidates[index].batch_size;
    if (objective == BT_OBJECTIVE_CAPACITY)
        return bt_score_within(batch_size, typical_ms(sweep, index), sweep->options.p95_sla_ms);
    return bt_score_of(objective, batch_size, typical_ms(sweep, index));
}

/* The index of a batch size, or -1. */
int bt_sweep_find(const bt_sweep *sweep, int batch_size);

/* Adds a size, in its place. */
BT_MUST_USE bt_status bt_sweep_add(bt_sweep *sweep, int batch_size, bool on_ascent, bt_error *error);

/* A size that cannot win any more, and why. */
void bt_sweep_refuse(bt_sweep *sweep, int index, bt_outcome outcome, const char *why);

/* The size of highest score that is in the running and has been measured, leaving out those whose test ended without a
 * verdict, and those that seem late as long as others do not; -1 for none. */
int bt_sweep_leader(const bt_sweep *sweep, bt_objective objective);

/* The size to confirm: the leader, but among those as good as it the one that is best known already, so that
 * noise does not send the work from one to the other; -1 for none. */
int bt_sweep_to_confirm(const bt_sweep *sweep, bt_objective objective);

/* The size whose proof the time is spent on: the one to confirm, or, where the time that is left does not do
 * for it, the best that can still be shown. */
int bt_sweep_to_prove(const bt_sweep *sweep, bt_objective objective);

/* How long it takes at least until P95 <= SLA is shown of a measured size; 0 where it is. */
double bt_sweep_proof_s(const bt_sweep *sweep, int index);

/* Whether the time left is more than the leader's proof is about to take and `more_s`: nothing else may cost the
 * answer. */
bool bt_sweep_leaves_time(const bt_sweep *sweep, double more_s);

bool bt_sweep_any_confirmed(const bt_sweep *sweep);
bool bt_sweep_any_admissible(const bt_sweep *sweep);

/* The line through the high-water marks of the ascending pass. */
bt_memory_fit bt_sweep_fit_memory(const bt_sweep *sweep);

/* Others use the cores more often than not: every run takes longer, and what is not needed for the answer is
 * left out. */
bool bt_sweep_is_busy(const bt_sweep *sweep);

#endif
