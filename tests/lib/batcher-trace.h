/* A batcher's life as data: what it is opened with, and everything that happens to it.
 *
 * A seed that breaks a promise after ten thousand requests tells nobody why. So what a test feeds a batcher is a
 * trace first, made from a seed (batcher-world.h) or read from a file of tests/traces/; it is played
 * (batcher-player.h), and one that fails can be made short (batcher-shrink.h), kept, and read by a person.
 *
 * Its text has one line for each thing. Times are in microseconds, to the nanosecond:
 *
 *     batcher trace, version 1, times in microseconds
 *     # what it shows
 *     model 0 ladder=1:10,2:14,4:22 delay=5 overtake=100 failover
 *     instance 0 model=0 device=0
 *     at 0 submit 0 model=0 within=100
 *     at 0.5 submit 1 model=0 priority=1 takes=300 ends=exception
 *     at 2 cancel 0
 *     at 3 change model=0 max_batch=2 queue=8 delay=1 policy=adaptive promise=50
 *     at 90 drain
 *     at 90 expect answer 1 backend
 *
 * Requests, models and instances are numbered from 0 in the order in which they come. A run goes as its first
 * request says, so that nobody else's going changes it: on that one's first try, and on those after (`again-takes`,
 * `again-ends`); where nothing is said it takes what the ladder says and is good. `expect` lines are what must come
 * of it all, and where there is one there must be all of them (docs/testing.md). */
#ifndef BT_TESTS_BATCHER_TRACE_H
#define BT_TESTS_BATCHER_TRACE_H

#include <stdio.h>

#include "batching/batcher.h"

#define TRACE_MODELS_MAX    4
#define TRACE_INSTANCES_MAX 8
#define TRACE_REQUESTS_MAX  1000000
#define TRACE_NS_MAX        1000000000000000LL /* some 11 days */

typedef enum trace_kind {
    TRACE_SUBMIT,
    TRACE_CANCEL,
    TRACE_CHANGE,
    TRACE_DRAIN,
    TRACE_ABANDON,
    TRACE_KIND_COUNT
} trace_kind;

/* How a run goes. */
typedef struct trace_run {
    int64_t takes_ns; /* TRACE_AS_PLANNED: what the ladder says */
    bt_run_outcome outcome;
} trace_run;
#define TRACE_AS_PLANNED (-1)
#define TRACE_PLAIN_RUN  ((trace_run){TRACE_AS_PLANNED, BT_RUN_GOOD})

typedef struct trace_event {
    int64_t at_ns;
    trace_kind kind;
    int request;            /* SUBMIT: its number; CANCEL: whose */
    int model;              /* SUBMIT, CHANGE */
    int priority;           /* SUBMIT: 0 is the usual one */
    bool standard;          /* SUBMIT: wants the standard path */
    int64_t within_ns;      /* SUBMIT: until its deadline; BT_NEVER_NS: it has none */
    trace_run first, again; /* SUBMIT: how runs go whose first request it is, on its first try and later */
    bt_batcher_change change;
} trace_event;

/* Something that must come of it: a run begins, a request is answered, or is not taken. */
typedef enum trace_wanted { TRACE_RUN, TRACE_ANSWER, TRACE_REFUSED } trace_wanted;

#define TRACE_EXPECTED_MAX 64 /* requests of a run that a line names */

typedef struct trace_expectation {
    int64_t at_ns;
    trace_wanted wanted;
    int requests[TRACE_EXPECTED_MAX], count; /* a run's; else one */
    int run_size, instance;                  /* a run's */
    bool standard;                           /* a run's: on the standard path */
    bt_status status;                        /* an answer's, a refusal's */
} trace_expectation;

typedef struct trace {
    bt_batcher_model models[TRACE_MODELS_MAX];
    int model_count;
    bt_batcher_instance instances[TRACE_INSTANCES_MAX];
    int instance_count;
    trace_event *events; /* in the order of their times */
    size_t event_count, event_room;
    trace_expectation *expectations; /* in their order; none: anything that keeps the promises */
    size_t expectation_count, expectation_room;
    int request_count;
} trace;

/* Empty, its memory kept for the next. A zeroed trace is empty, too. */
void trace_clear(trace *t);
void trace_close(trace *t);
void trace_copy(trace *to, const trace *from);

/* Puts one more at the end; a submission gets its number. */
void trace_add_event(trace *t, const trace_event *event);
void trace_add_expectation(trace *t, const trace_expectation *expectation);

/* A model as plain as can be of the ladder that it has: the largest batches, no delay, nothing that goes wrong. */
bt_batcher_model trace_plain_model(const bt_ladder *ladder);

/* ---- its text (batcher-trace-text.c, batcher-trace-read.c) ---- */

void trace_write(const trace *t, FILE *out);
/* Reads the whole text strictly: BT_PARSE names the line and what is wrong with it. */
bt_status trace_read(trace *t, const char *text, bt_error *error);
bt_status trace_read_file(trace *t, const char *path, bt_error *error);

/* How a run ends, in words; NULL ends them. Statuses are bt_status_name's, with '-' for ' '. */
extern const char *const trace_outcome_words[BT_RUN_OUTCOME_COUNT + 1];

#define TRACE_HEAD "batcher trace, version 1, times in microseconds"

#endif
