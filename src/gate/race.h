/* Two versions of one program against each other.
 *
 * A pair is a fresh process of each, both alive at a time. They measure metric after metric in turns, A B, B
 * A, A B, ..., milliseconds apart, so that what slows the machine for a moment slows both; turning the order
 * about keeps a drift from favouring one. The pair's slowdown is the median of its adjacent ratios. After
 * some pairs there is a look (gate/judge.h), and the race ends when every metric is decided, the pairs are
 * used up, or the time is: the pair under way is finished then, and five are taken if twice the time allows
 * it. */
#ifndef BT_GATE_RACE_H
#define BT_GATE_RACE_H

#include <signal.h>
#include <stdbool.h>

#include "base/error.h"
#include "base/log.h"
#include "gate/judge.h"
#include "settings/gate.h"

#ifdef __cplusplus
extern "C" {
#endif

typedef struct bt_race_options {
    const bt_gate_settings *settings; /* base, head, gauge, time_budget_ns, pairs, instructions, ... */
    const bt_option_sources *sources; /* of `run`'s table: what was not given is left to the programs */
    const bt_judge *judge;
    bool twice;                        /* the time budget, where the first was not enough */
    bt_log *log;                       /* may be NULL */
    const volatile sig_atomic_t *stop; /* may be NULL */
} bt_race_options;

/* Fills `verdict` with rows and their words (bt_judge_whole is the caller's to ask). Identical programs are
 * not measured, unless asked for. An old version that cannot be run (it has no such program, or another
 * protocol) leaves no rows and its cause in the verdict's `unmeasurable`: incomparable. BT_INVALID for
 * options, BT_CLOSED where it was stopped, BT_BACKEND and others where the new version fails,
 * BT_NO_MEMORY. */
BT_MUST_USE bt_status bt_race_run(bt_gate_verdict *verdict, const bt_race_options *options, bt_error *error);

/* The programs' settings as they are handed over: a JSON object of what was given. NULL when memory is short;
 * the caller frees it. */
char *bt_gauge_settings_text(const bt_gauge_settings *settings, const bt_option *table, size_t count,
                             const bt_option_sources *sources);

/* One turn of a program. Errors as bt_child_run, BT_PARSE where it printed no gate record. */
BT_MUST_USE bt_status bt_gauge_child(bt_gate_record **out, const char *program, const char *settings_text,
                                     const volatile sig_atomic_t *stop, bt_error *error);

#ifdef __cplusplus
}
#endif
#endif
