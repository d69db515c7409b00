/* An account of every request that a batcher was given, kept beside it and by nothing that it says about itself:
 * what it did is held against its promises one action at a time, and whatever breaks one is told as a value, so
 * that the same life can be tried again. Internal to the player (batcher-player.h), which drives. */
#ifndef BT_TESTS_BATCHER_ACCOUNT_H
#define BT_TESTS_BATCHER_ACCOUNT_H

#include "batcher-trace.h"

#define ACCOUNT_LANES_MAX (BT_LANES_PER_INSTANCE * TRACE_INSTANCES_MAX)
#define ACCOUNT_NOBODY    (-1)

/* One request as the driver knows it. Its number is its tag. */
typedef struct account_request {
    uint64_t ticket;
    int64_t arrival_ns, deadline_ns;
    const trace_event *event;          /* of the trace: its submission */
    int next;                          /* the one behind it in its model's queue */
    int model, level, starts, answers; /* level: its priority, from 0 */
    bool taken, standard, cancelled;
    bool alone; /* nobody waited when it came */
} account_request;

/* A run under way, or one that was given up and whose outcome is still to come. */
typedef struct account_run {
    bool here, given_up;
    uint64_t run;
    int model, run_size, count;
    int64_t started_ns, end_ns;
    bt_run_outcome outcome;
} account_run;

typedef struct account_model {
    const bt_batcher_model *at_open;
    bt_batcher_change now;
    int64_t watchdog_ns;
    int heads[BT_PRIORITIES], tails[BT_PRIORITIES]; /* of the queue, those of each priority as they came: */
    int waiting;                   /* those who never ran, did not ask for the standard path, and wait */
    int in_hurry;                  /* of them: with a deadline */
    int first_seen[BT_PRIORITIES]; /* the last that was first started from the queue, plus one */
    bool hurried; /* somebody had a deadline since the queue's last run, so that a batch may close early */
    bool split;   /* its last run left some of a batch behind */
    int64_t left_out_ns, left_out_by_ns; /* the last start of a run, and its end as planned */
    uint64_t taken, rejected;
} account_model;

typedef struct account {
    const trace *t;
    const bt_batcher *batcher;
    bt_ladder ladders[TRACE_MODELS_MAX]; /* planned */
    account_model models[TRACE_MODELS_MAX];
    account_run lanes[ACCOUNT_LANES_MAX];
    int64_t capped_until_ns[TRACE_INSTANCES_MAX]; /* since it ran out of memory, */
    int capped_sizes[TRACE_INSTANCES_MAX];        /* nothing larger than this */
    int *members[ACCOUNT_LANES_MAX];              /* of a lane's run */
    account_request *requests;
    size_t request_room;
    int lane_count, taken, answered;
    int64_t now_ns;
    bool draining;
    const char *rule; /* what was broken first; NULL: nothing */
    char message[256];
    int64_t broken_ns;
} account;

/* Begins a new one; its memory is that of the last. A zeroed account is a fine last one. */
void account_open(account *a, const trace *t, const bt_batcher *batcher);
void account_close(account *a);

/* Notes what was not as it must be, unless something was before. Returns false. */
bool account_broken(account *a, const char *rule, ...) BT_PRINTF(2, 3);
#define MUST(a, condition, ...) ((condition) ? (void)0 : (void)account_broken(a, __VA_ARGS__))

/* What went in, and what the batcher said to it. `before`: the model's counts just then. */
void account_submitted(account *a, const trace_event *event, bt_status status, uint64_t ticket,
                       const bt_batcher_counts *before);
void account_cancelled(account *a, int request, bool found);
void account_changed(account *a, const trace_event *event);

/* What came out. */
void account_started(account *a, const bt_action *action);
void account_answered(account *a, const bt_action *action);
/* A run is over. */
void account_ended(account *a, account_run *run);

/* Marks the runs whose watchdog has come, as the batcher does by itself. */
void account_give_up(account *a);
/* What the batcher could have run now by the plainest reading of the rules, and did not, or will oversleep. */
void account_check_idle(account *a, int64_t wake_ns);
/* At the end: everybody was answered once, and the counts say so. */
void account_check_books(account *a);

#endif
