/* What the batcher keeps. Internal to batching/: open.c makes it, slots.c holds requests, dispatch.c chooses
 * what runs, policy.c how many of those that wait and until when, outcome.c has what becomes of runs and
 * requests, batcher.c the calls that use all of these.
 *
 * A request lives in a slot from submit to its answer. It is in one place at a time: a waiting list of its
 * model, a lane's run, or the list of answers. */
#ifndef BT_BATCHING_STATE_H
#define BT_BATCHING_STATE_H

#include "batching/batcher.h"

#ifdef __cplusplus
extern "C" {
#endif

#define BT_NO_SLOT   UINT32_MAX
#define BT_LANE_BITS 8 /* of a run's number: which lane it is on */

/* The longest time that an option may give, about a year: a clock and some of these fit an integer. */
#define BT_BATCHER_NS_MAX (366 * BT_LADDER_NS_MAX)

typedef enum bt_place { BT_PLACE_FREE, BT_PLACE_WAITING, BT_PLACE_RUNNING, BT_PLACE_ANSWERED } bt_place;

/* The waiting lists of a model, in the order in which they are served. */
typedef enum bt_line {
    BT_LINE_RETRY,    /* failed once: before all others */
    BT_LINE_STANDARD, /* asked for the standard path */
    BT_LINE_QUEUE,    /* everyone else */
    BT_LINE_COUNT
} bt_line;

typedef struct bt_slot {
    uint32_t previous, next; /* in its list */
    uint32_t generation;     /* in the ticket, so that an old ticket finds nothing */
    uint32_t heap_place;     /* in the deadline heap; BT_NO_SLOT: not there */
    bt_place place;
    bt_line line;
    int model;
    bool standard; /* the next run is to be on the standard path */
    bool asked;    /* ... because the caller wanted it */
    uint8_t level; /* its priority, from 0; 0 of those that failed once, who are one line */
    int limit;     /* largest run it may join after running out of memory; 0: any */
    int tries;
    int64_t arrival_ns, deadline_ns, started_ns;
    uint64_t tag;
    /* its last run, and the answer */
    uint64_t run;
    int instance, count, run_size, position;
    bt_path path;
    bt_status status;
} bt_slot;

typedef struct bt_slot_list {
    uint32_t first, last;
    int count;
} bt_slot_list;

/* Those of each level are in the order in which they came, so that nobody is looked for. */
typedef struct bt_slot_line {
    bt_slot_list levels[BT_PRIORITIES];
    unsigned present; /* a bit for each level that somebody has; one bit, mostly */
    uint32_t first;   /* whose turn is next; BT_NO_SLOT: nobody waits */
    int count;
} bt_slot_line;

/* On its way through a line, by turns. */
typedef struct bt_walk {
    uint32_t at[BT_PRIORITIES];
} bt_walk;

/* One of an instance's two workers. */
typedef struct bt_lane {
    int member;
    bt_path path; /* BT_PATH_PRODUCTION or BT_PATH_STANDARD */
    bool running, stuck;
    uint64_t run; /* the present one, or the one that was given up */
    int64_t started_ns, expected_ns, give_up_ns;
    int count, run_size;
    uint32_t *slots; /* BT_NO_SLOT: answered meanwhile */
    uint64_t *tags;
} bt_lane;

typedef struct bt_member {
    int model, device; /* device: index into devices */
    bt_breaker breaker;
    int cap; /* largest run after running out of memory; 0: any */
    int64_t cap_until_ns;
    uint64_t runs, failed_runs;
} bt_member;

#define BT_GAP_BUCKETS 36

/* The gaps between requests that came lately: how many were in each doubling of time, old ones fading. */
typedef struct bt_gaps {
    int64_t last_ns; /* the last arrival; BT_NEVER_NS before the first */
    int counts[BT_GAP_BUCKETS], total;
} bt_gaps;

typedef struct bt_model_state {
    bt_batcher_model options;
    int first_member, end_member; /* its instances are among these, and mostly no others are */
    int queue_room;               /* max_queue_size at open */
    bt_gaps gaps;
    bt_slot_line lines[BT_LINE_COUNT];
    int due;             /* of the queue's first so many their batch has closed, but was split */
    int64_t close_by_ns; /* the queue's batch must run by then for a deadline to be kept */
    bt_batcher_counts counts;
} bt_model_state;

struct bt_batcher {
    int model_count, member_count, lane_count, device_count;
    bt_model_state *models;
    bt_member *members;
    bt_lane *lanes; /* by bt_production_lane and bt_standard_lane */
    bool *device_busy;
    bt_slot *slots;
    uint32_t slot_count;
    bt_slot_list free, answers;
    uint32_t *heap; /* slots by deadline */
    uint32_t heap_count;
    int64_t now_ns, give_up_ns; /* the largest time seen; the earliest watchdog */
    uint64_t run_count;
    bool draining;
};

/* The model that a lane serves. */
static inline bt_model_state *bt_lane_model(bt_batcher *batcher, const bt_lane *lane) {
    return &batcher->models[batcher->members[lane->member].model];
}

/* From 0. */
static inline int bt_level_of(const bt_submission *submission) {
    return (submission->priority > 0 ? submission->priority : BT_PRIORITY_USUAL) - 1;
}

/* When the turn is of one that came then, by its level: the least goes first. */
static inline int64_t bt_turn_ns(const bt_model_state *model, int64_t arrival_ns, int level) {
    return arrival_ns + level * model->options.overtake_ns;
}

/* In all of its lines. */
static inline int bt_waiting_count(const bt_model_state *model) {
    int count = 0;
    for (int line = 0; line < BT_LINE_COUNT; line++)
        count += model->lines[line].count;
    return count;
}

/* ---- slots.c ---- */

void bt_slots_open(bt_batcher *batcher); /* all free; the arrays are there */
void bt_list_push(bt_batcher *batcher, bt_slot_list *list, uint32_t index);
void bt_list_push_front(bt_batcher *batcher, bt_slot_list *list, uint32_t index);
void bt_list_remove(bt_batcher *batcher, bt_slot_list *list, uint32_t index);
uint32_t bt_list_pop(bt_batcher *batcher, bt_slot_list *list); /* BT_NO_SLOT where it is empty */

void bt_line_push(bt_batcher *batcher, bt_slot_line *line, uint32_t index); /* by its level */
/* Behind all of its level that came no later. */
void bt_line_push_by_arrival(bt_batcher *batcher, bt_slot_line *line, uint32_t index);
void bt_line_remove(bt_batcher *batcher, bt_slot_line *line, uint32_t index);
uint32_t bt_line_pop(bt_batcher *batcher, bt_slot_line *line); /* whose turn it is; BT_NO_SLOT: nobody's */
/* Whether all that wait have the same priority: then they go as they came. */
static inline bool bt_line_is_alike(const bt_slot_line *line) {
    return (line->present & (line->present - 1)) == 0;
}
/* When the one of a line, in which somebody is, came that has waited longest. */
int64_t bt_line_oldest_of_all_ns(const bt_batcher *batcher, const bt_slot_line *line);
static inline int64_t bt_line_oldest_ns(const bt_batcher *batcher, const bt_slot_line *line) {
    if (bt_line_is_alike(line)) return batcher->slots[line->first].arrival_ns;
    return bt_line_oldest_of_all_ns(batcher, line);
}
/* How many of it go before one that came now. */
int bt_line_ahead(const bt_batcher *batcher, const bt_slot_line *line, int level, int64_t turn_ns);
bt_walk bt_line_walk(const bt_slot_line *line);
/* The next; BT_NO_SLOT at the end. Those before it may be gone by then. */
uint32_t bt_walk_next(const bt_batcher *batcher, bt_walk *walk);

/* The heap holds each slot with a deadline until its answer is decided. */
void bt_deadline_add(bt_batcher *batcher, uint32_t index);
void bt_deadline_remove(bt_batcher *batcher, uint32_t index);
int64_t bt_deadline_first_ns(const bt_batcher *batcher); /* BT_NEVER_NS where there is none */

uint64_t bt_ticket_of(const bt_batcher *batcher, uint32_t index);
uint32_t bt_slot_of(const bt_batcher *batcher, uint64_t ticket); /* BT_NO_SLOT: no such request any more */

/* ---- outcome.c ---- */

/* Takes a slot from wherever it is and lines its answer up. */
void bt_decide(bt_batcher *batcher, uint32_t index, bt_status status);
/* Hands out the next answer that was decided, of which there must be one, and frees its slot. */
void bt_emit_answer(bt_batcher *batcher, bt_action *action);
/* The lane that this run, or a slot's last one, is or was on; NULL for a number that no run has. */
bt_lane *bt_lane_of_run(bt_batcher *batcher, uint64_t run);
/* A run has ended on a lane, in its watchdog's time: frees the lane and decides its requests, or lines them
 * up once more. */
void bt_apply_outcome(bt_batcher *batcher, bt_lane *lane, bt_run_outcome outcome);
/* The same for each run whose watchdog has come: their lanes are stuck, their devices count as free. */
void bt_give_up_runs(bt_batcher *batcher);
/* Answers what no lane is left to run. Only a stuck lane leaves anything so. */
void bt_fail_unservable(bt_batcher *batcher);

/* ---- policy.c: what the adaptive policy does ---- */

/* A request came for the queue, whatever becomes of it. */
void bt_policy_note_arrival(bt_model_state *model, int64_t now_ns);
/* When the queue's batch of `waiting`, whose oldest came at `oldest_ns`, and to which one more could be added, has waited
 * enough for it. */
int64_t bt_policy_closes_ns(const bt_model_state *model, int64_t oldest_ns, int waiting);
/* How many of the queue to run now, at most `limit`, with all left out that could not be answered before
 * *gone_ns, which it sets: by then the run is over. */
int bt_policy_choose(const bt_batcher *batcher, const bt_model_state *model, int limit, int64_t *gone_ns);
/* Answers BT_TIMEOUT to those of the queue whose deadline is not after `gone_ns`, among the first that make
 * up a run of `count`. */
void bt_policy_leave_out(bt_batcher *batcher, bt_model_state *model, int count, int64_t gone_ns);
/* The same for each queue's first, as long as it could not make its deadline if it ran alone at once; and
 * when that will be so. */
void bt_policy_give_up(bt_batcher *batcher);
int64_t bt_policy_gives_up_ns(const bt_batcher *batcher, const bt_model_state *model);

/* ---- dispatch.c ---- */

/* Starts the next run that can start now; false: none. */
bool bt_dispatch(bt_batcher *batcher, bt_action *action);
/* Whether no lane is left that could ever run what waits in this line (all that could are stuck). */
bool bt_line_is_dead(const bt_batcher *batcher, int model, bt_line line);
/* When the queue's batch, as large as it is now, must start at the latest to make a deadline. */
int64_t bt_latest_start_ns(const bt_model_state *model, int64_t deadline_ns);
/* When the model's queue closes by itself, where an instance is free for it; BT_NEVER_NS else. */
int64_t bt_dispatch_wake_ns(const bt_batcher *batcher, int model);
/* When an answer could come to the last of `count` more requests like this one, by typical service times. */
int64_t bt_expected_answer_ns(const bt_batcher *batcher, const bt_submission *submission, int count);

#ifdef __cplusplus
}
#endif
#endif
