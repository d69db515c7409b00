/* What the gate decided, and from what: the record that its table, Markdown and JUnit forms are made of.
 *
 * A row a metric: both sides' values as they were compared, the slowdown with its bounds, the tolerances that
 * it was held against, and a word. Above them one word for all, with the exit code that a CI job sees. */
#ifndef BT_RECORD_GATE_VERDICT_H
#define BT_RECORD_GATE_VERDICT_H

#include <jansson.h>
#include <stdbool.h>

#include "base/error.h"
#include "record/gate-record.h"
#include "record/sweep-record.h"

#ifdef __cplusplus
extern "C" {
#endif

#define BT_GATE_VERDICT_SCHEMA_VERSION 1

typedef enum bt_gate_word {
    BT_GATE_FASTER,       /* surely faster than the tolerance */
    BT_GATE_SAME,         /* surely not slower than the tolerance */
    BT_GATE_SLOWER,       /* surely slower than the tolerance */
    BT_GATE_DECLARED,     /* of a row: slower than the tolerance, within what the rules declare */
    BT_GATE_INCONCLUSIVE, /* neither is sure, or nothing was measured */
    BT_GATE_INCOMPARABLE, /* unlike machines or work, or one side only */
    BT_GATE_NEW,          /* of a row: only the new side has it */
    BT_GATE_WORD_COUNT
} bt_gate_word;

typedef struct bt_gate_row {
    char metric[BT_METRIC_NAME_SIZE], unit[BT_METRIC_UNIT_SIZE], work[BT_METRIC_WORK_SIZE];
    bt_gate_word verdict;
    char why[BT_TEXT_SIZE];              /* one phrase */
    double quantile;                     /* of the samples that is compared */
    double before, now;                  /* medians of the values, or that quantile of a run's samples; NaN */
    double slowdown_percent;             /* NaN where nothing was compared */
    double lower_percent, upper_percent; /* what all looks leave, each at its share of the error; NaN */
    double tolerance_percent; /* in effect: the relative one, or the absolute one where that is more */
    double declared_percent;  /* NaN: nothing is declared */
    char reason[256];         /* of the declaration */
    double *before_values, *now_values; /* what was compared, in the order taken; owned */
    int before_count, now_count;
    bool minor;  /* counts where it is surely slower; doubt about it does not */
    bool like;   /* both sides have it and mean the same by it */
    bool paired; /* value i of one side was taken beside value i of the other */
    /* p-values over all looks so far, of: at most the tolerance, at least it, not faster than it */
    double p_slower, p_same, p_faster;
} bt_gate_row;

/* A promise on both sides. Only one that was kept and is broken, under the same SLA, is slower. */
typedef struct bt_gate_kept {
    char name[BT_METRIC_NAME_SIZE];
    char before[16], now[16];         /* "met", "broken", ...; "": not asked on that side */
    double before_sla_ms, now_sla_ms; /* NaN: not asked, or not told */
    bt_gate_word verdict;
    char why[BT_TEXT_SIZE]; /* one phrase; "" where the words say it all */
} bt_gate_kept;

typedef struct bt_gate_verdict {
    char started_at[32], command[BT_COMMAND_LINE_SIZE];
    char before_name[256], now_name[256];                              /* files, or versions */
    char machine_differs[BT_TEXT_SIZE], subject_differs[BT_TEXT_SIZE]; /* "": nothing does */
    char unmeasurable[BT_TEXT_SIZE]; /* why the old side has no figures at all; "": it has */
    char profile[BT_NAME_SIZE];
    char note[BT_TEXT_SIZE]; /* what else has to be known: no valgrind, identical programs, ... */
    double error_percent, measuring_s;
    int pairs, looks;
    bool identical; /* the two programs are the same, byte for byte: nothing was measured */
    char on_inconclusive[16];
    bt_gate_word verdict;
    int verdict_code;
    char why[BT_TEXT_SIZE];
    bt_gate_row *rows; /* owned */
    int row_count;
    bt_gate_kept *promises; /* owned */
    int promise_count;
} bt_gate_verdict;

BT_MUST_USE bt_status bt_gate_verdict_open(bt_gate_verdict **out, bt_error *error);
void bt_gate_verdict_close(bt_gate_verdict **verdict); /* NULL-safe; nulls */

/* Another row, with nothing known but its name, unit, work and quantile; NULL when memory is short. Earlier
 * pointers become invalid. */
bt_gate_row *bt_gate_row_add(bt_gate_verdict *verdict, const char *metric, const char *unit, const char *work,
                             double quantile);
bt_gate_row *bt_gate_row_find(bt_gate_verdict *verdict, const char *metric);
/* Appends a value to a side. BT_NO_MEMORY. */
BT_MUST_USE bt_status bt_gate_row_value(bt_gate_row *row, bool now, double value, bt_error *error);
BT_MUST_USE bt_status bt_gate_kept_add(bt_gate_verdict *verdict, const bt_gate_kept *kept, bt_error *error);

/* "faster", "same", ...; never NULL. */
const char *bt_gate_word_name(bt_gate_word word);

/* As bt_record_save and bt_record_load; the document carries "kind": "gate-verdict". */
BT_MUST_USE bt_status bt_gate_verdict_to_json(const bt_gate_verdict *verdict, json_t **out, bt_error *error);
BT_MUST_USE bt_status bt_gate_verdict_save(const bt_gate_verdict *verdict, const char *path, bt_error *error);
BT_MUST_USE bt_status bt_gate_verdict_load(bt_gate_verdict **out, const char *path, bt_error *error);

#ifdef __cplusplus
}
#endif
#endif
