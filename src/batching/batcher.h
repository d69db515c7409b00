/* The decisions of a dynamic-batching service, as one pure state machine: who waits, who runs together,
 * where, and what becomes of every request.
 *
 * It has no thread, clock, lock or I/O and allocates nothing after open: time is an argument, and what is to
 * be done comes out of bt_batcher_next one action at a time. The live service drives it with real time, the
 * simulator with a virtual clock, so that what is proved in simulation is what serves. Whoever drives it
 * calls, after any of submit, cancel, done, set or drain, and whenever bt_batcher_wake_ns has come,
 * bt_batcher_next until it gives nothing more.
 *
 * One batcher holds several models. Each has a bounded queue, first in, first out but for priorities (below); a batch closes when it holds
 * max_batch_size requests, when its oldest has waited max_queue_delay, or when waiting longer could not pay
 * (the batcher drains, or a deadline would be missed; under the adaptive policy, as policy.c works it out).
 * A request may have a priority, of three. Within one, who came first goes first. A request of a higher one goes
 * before those of the next that came up to overtake_ns before it, and of the last that came up to twice that: as if they
 * had come so much later. So nobody waits for ever behind others' priority, and the order is known when a request
 * comes. It counts among models that share a device, too. It is an order and nothing else: all wait for the queue delay
 * alike, whose batch closes when the oldest of them, whichever it is, has waited it; deadlines end where they end,
 * though somebody was overtaken since he was admitted; all share max_queue_size; and what failed once goes before all.
 *
 * Each model has instances; an instance has two *lanes*,
 * one for the production path (batches, at a size of the ladder) and one for the standard path (one image at
 * a time). Instances that share a *device* take turns: one run at a time on a device, of the model whose head
 * came first.
 *
 * What fails on the production path comes again, its requests intact and before all others, on the standard
 * path; after running out of device memory in halves first, and larger batches stay away for a cooldown. A
 * run that exceeds the watchdog is given up: its requests go to the standard path, its lane is *stuck* until
 * its late outcome comes, which is known by its run number and dropped, and its device counts as free. A
 * circuit breaker per instance keeps a broken production path unused; an instance with an open breaker serves
 * by its standard lane when no other can serve better.
 *
 * Every request that submit took comes back in exactly one BT_ACTION_ANSWER, whatever happens. A deadline is
 * kept towards the caller: at its deadline a request is answered BT_TIMEOUT wherever it is (its late result
 * is dropped; one that waits is answered sooner where the adaptive policy sees that it must fail), and nothing is ever started at or past its deadline. All calls come from one thread at a
 * time. */
#ifndef BT_BATCHING_BATCHER_H
#define BT_BATCHING_BATCHER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "backend/backend.h" /* bt_path */
#include "base/error.h"
#include "batching/breaker.h"
#include "batching/ladder.h"

#ifdef __cplusplus
extern "C" {
#endif

#define BT_BATCHER_MODELS_MAX    16
#define BT_BATCHER_INSTANCES_MAX 64 /* of all models together */
#define BT_LANES_PER_INSTANCE    2
#define BT_BATCHER_LANES_MAX     (BT_LANES_PER_INSTANCE * BT_BATCHER_INSTANCES_MAX)
#define BT_NEVER_NS              INT64_MAX

/* Lanes are numbered through, an instance's two side by side: whoever keeps something for each lane keeps it
 * under these numbers. */
static inline int bt_production_lane(int instance) {
    return BT_LANES_PER_INSTANCE * instance;
}
static inline int bt_standard_lane(int instance) {
    return BT_LANES_PER_INSTANCE * instance + 1;
}
static inline int bt_lane_of(int instance, bt_path path) {
    return path == BT_PATH_STANDARD ? bt_standard_lane(instance) : bt_production_lane(instance);
}

/* How a batch is formed of those that wait.
 *
 * DELAY: it holds all of them that fit, and stays open for max_queue_delay.
 *
 * ADAPTIVE: it stays open no longer than the next request is worth waiting for, by the gaps between those
 * that came lately and by what running together saves; it is of the size that answers the most in the time
 * that it takes, those in time for their promise a little more; and what could not make its deadline in it,
 * nor alone, is answered BT_TIMEOUT at once, since computing it would make others late for nothing. It never
 * waits longer than DELAY, and who came first still runs first. */
typedef enum bt_batcher_policy { BT_POLICY_DELAY, BT_POLICY_ADAPTIVE, BT_POLICY_COUNT } bt_batcher_policy;

/* "delay", "adaptive"; never NULL. */
const char *bt_batcher_policy_name(bt_batcher_policy policy);

typedef struct bt_batcher_model {
    int max_batch_size; /* 1..the ladder's largest */
    int max_queue_size; /* requests that may wait, at least 1; those that run do not count */
    int64_t max_queue_delay_ns;
    bt_batcher_policy policy;
    int64_t promise_ns;  /* from arrival to answer, for the adaptive policy to keep; 0: none */
    int64_t overtake_ns; /* what a priority counts; 0: nothing */
    bt_ladder ladder;
    bool admission;      /* refuse what could not make its deadline */
    bool failover;       /* false: what fails on the production path fails */
    int64_t watchdog_ns; /* a run that takes longer is given up; 0: none */
    bt_breaker_options breaker;
} bt_batcher_model;

typedef struct bt_batcher_instance {
    int model;  /* index */
    int device; /* any number; instances of equal numbers take turns */
} bt_batcher_instance;

typedef struct bt_batcher_options {
    const bt_batcher_model *models;
    int model_count;
    const bt_batcher_instance *instances; /* each model has at least one */
    int instance_count;
} bt_batcher_options;

typedef struct bt_batcher bt_batcher;

/* The most requests of one model that a batcher holds at once, answers that were not fetched yet included. */
size_t bt_batcher_room(const bt_batcher_model *model, int instance_count);

/* Takes all memory that will ever be needed. BT_INVALID where an option is out of bounds, BT_NO_MEMORY. The
 * options are copied. */
BT_MUST_USE bt_status bt_batcher_open(bt_batcher **out, const bt_batcher_options *options, bt_error *error);
void bt_batcher_close(bt_batcher **batcher); /* NULL-safe; nulls; requests that are in it are forgotten */

/* ---- in ---- */

/* 1 goes first, 3 last. */
#define BT_PRIORITIES     3
#define BT_PRIORITY_USUAL 2

typedef struct bt_submission {
    int model;
    int64_t deadline_ns; /* BT_NEVER_NS: none */
    bool standard;       /* wants the standard path */
    uint64_t tag;        /* the caller's, handed back in actions */
    int priority;        /* 1..BT_PRIORITIES; 0: BT_PRIORITY_USUAL */
} bt_submission;

/* BT_OK: taken; *ticket (never 0, never used twice) names it. BT_QUEUE_FULL: as many wait as may. BT_TIMEOUT:
 * the deadline is past, or (admission) could not be kept: by the typical service times of what is ahead of
 * it. BT_CLOSED: draining. What is not taken leaves no trace but a count. */
BT_MUST_USE bt_status bt_batcher_submit(bt_batcher *batcher, int64_t now_ns, const bt_submission *submission,
                                        uint64_t *ticket);

/* The same of `count` at once, alike but for their tags, which stand in `tickets` and are replaced: all of them are
 * taken, or none, so that nobody's parts wait for room that others' parts have. Of those none could be answered in
 * time unless the last can. */
BT_MUST_USE bt_status bt_batcher_submit_all(bt_batcher *batcher, int64_t now_ns, const bt_submission *alike,
                                            int count, uint64_t *tickets);

/* Takes a request back: true, and an answer of BT_CANCELLED will come out of next, wherever it is (a run
 * under way goes on without it); false where no such request is left. */
bool bt_batcher_cancel(bt_batcher *batcher, int64_t now_ns, uint64_t ticket);

typedef enum bt_run_outcome {
    BT_RUN_GOOD,
    BT_RUN_EXCEPTION,     /* the backend failed */
    BT_RUN_NON_FINITE,    /* some result was no number */
    BT_RUN_OUT_OF_MEMORY, /* of the device */
    BT_RUN_OUTCOME_COUNT
} bt_run_outcome;

/* A run has ended. `run` is the action's number; that of a run which was given up frees its lane and does
 * nothing else. False where no such run was under way (a bug of the caller). */
bool bt_batcher_done(bt_batcher *batcher, int64_t now_ns, uint64_t run, bt_run_outcome outcome);

/* Changes how a model's batches are formed from now on. BT_INVALID where a size is above what open made room
 * for (the ladder's largest, the first max_queue_size) or a value is out of bounds; nothing is changed
 * then. */
typedef struct bt_batcher_change {
    int max_batch_size, max_queue_size;
    int64_t max_queue_delay_ns;
    bt_batcher_policy policy;
    int64_t promise_ns;
} bt_batcher_change;
BT_MUST_USE bt_status bt_batcher_set(bt_batcher *batcher, int64_t now_ns, int model,
                                     const bt_batcher_change *change, bt_error *error);

/* No request is taken from now on; batches close at once. For good. */
void bt_batcher_drain(bt_batcher *batcher, int64_t now_ns);
/* Drains, and answers everything that is not answered yet, running or not, with BT_CLOSED. */
void bt_batcher_abandon(bt_batcher *batcher, int64_t now_ns);

/* ---- out ---- */

typedef enum bt_action_kind { BT_ACTION_RUN, BT_ACTION_ANSWER } bt_action_kind;

typedef struct bt_action {
    bt_action_kind kind;
    int model;
    int instance; /* an answer's: where it ran last, -1 if nowhere */
    bt_path path; /* BT_PATH_PRODUCTION or BT_PATH_STANDARD: of the run, or of an answer's last run */
    uint64_t run; /* number of the run; of an answer: of its last run, 0 if none */
    /* Requests, and images to run: run_size >= count, a size of the ladder (1 on the standard path). An
     * answer's: of its last run, 0 if none. */
    int count, run_size;
    /* RUN: the requests, in the order in which they go; the batcher's, valid until this run's
     * bt_batcher_done. */
    const uint64_t *tags;
    /* ANSWER */
    uint64_t ticket, tag;
    /* BT_OK; BT_TIMEOUT, BT_CANCELLED, BT_CLOSED; BT_BACKEND or BT_OUT_OF_DEVICE_MEMORY: as the last try on
     * the last path ended (a watchdog counts as BT_BACKEND). */
    bt_status status;
    int position;                   /* its row in the run, where status is BT_OK */
    int tries;                      /* runs that it took part in */
    int64_t arrival_ns, started_ns; /* submit; start of its last run (BT_NEVER_NS if none) */
} bt_action;

/* The next thing to do at `now_ns`; false: nothing until something happens or wake_ns comes. A RUN is to be
 * started at once, on that instance's lane of that path. After bt_batcher_done of a good run its answers come
 * out before anything else, so that whoever holds its results can hand them out. Time may stand still between
 * calls, but never go back (a smaller `now_ns` counts as the largest seen). */
bool bt_batcher_next(bt_batcher *batcher, int64_t now_ns, bt_action *action);

/* When next must be asked again though nothing else happens: a queue delay, deadline, watchdog or cooldown
 * ends, or the adaptive policy has waited enough, or gives somebody up. BT_NEVER_NS: nothing is pending. Exact: never early but for what a call in between made obsolete,
 * never late. Takes O(models + instances). */
int64_t bt_batcher_wake_ns(const bt_batcher *batcher);

/* ---- counts and states ---- */

typedef struct bt_batcher_counts {
    uint64_t submitted; /* every call of submit */
    uint64_t rejected_full, rejected_deadline, rejected_closed;
    uint64_t ok, expired, cancelled, failed; /* answers; `cancelled` counts BT_CANCELLED and BT_CLOSED */
    uint64_t fallback;                       /* of ok: on the standard path without being asked for */
    uint64_t runs, standard_runs;
    uint64_t run_exceptions, run_non_finite, run_out_of_memory, run_timeouts; /* on the production path */
    uint64_t images, padded_images; /* that production runs computed, and how many of these were padding */
    int waiting, in_flight;         /* in the queue (retries included); taken and not answered */
} bt_batcher_counts;

void bt_batcher_count(const bt_batcher *batcher, int model, bt_batcher_counts *counts);

/* Whether nothing is left to answer in any model. */
bool bt_batcher_idle(const bt_batcher *batcher);

typedef struct bt_instance_state {
    bool running, stuck; /* a lane runs; the production lane was given up and has not come back */
    bt_breaker_state breaker;
    uint64_t breaker_opened, runs, failed_runs;
} bt_instance_state;

void bt_batcher_instance_state(const bt_batcher *batcher, int64_t now_ns, int instance,
                               bt_instance_state *state);

#ifdef __cplusplus
}
#endif
#endif
