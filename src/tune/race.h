/* A model's comparison under way: its contest's turns, INT8's calibration, and what masks say. For the files that hold
 * it (choose.c, race.c, race-int8.c, race-masks.c); nobody else includes this. */
#ifndef BT_TUNE_RACE_H
#define BT_TUNE_RACE_H

#include "settings/precision.h"
#include "tune/contest.h"
#include "tune/tuning.h"

#ifdef __cplusplus
extern "C" {
#endif

typedef struct bt_race {
    const bt_tuning *t;
    bt_probe *probes[BT_CONTENDERS_MAX]; /* of the model's contenders */
    bt_contest *contest;                 /* NULL until it was held */
    double budget_s, spent_s;
    bool compared[BT_CONTENDERS_MAX]; /* masks were, or could not be */
    bool reference_tried;
    int referred; /* pictures whose masks in FP32 are there to compare with */
} bt_race;

/* One turn of a contender, whose time counts as spent. What it came to is a result. */
BT_MUST_USE bt_status bt_race_turn(bt_race *race, const bt_contest_turn *turn, bt_step_result *result,
                                   bt_error *error);
/* Tells of a turn that failed. */
void bt_race_warn(const bt_race *race, int contender, const bt_step_result *result);
/* Whether nothing follows a turn: it failed for good, or somebody interrupted the run. */
bool bt_race_is_over(const bt_race *race, bt_status status);

bool bt_race_is_in(const bt_contender *contender, bt_precision precision);
/* The one in FP32 on all cores, -1 where there is none. */
int bt_race_exact_one(const bt_model_record *model);

/* Holds the contest, of all contenders but INT8 where that comes late. */
BT_MUST_USE bt_status bt_race_hold(bt_race *race, bt_error *error);

/* Holds the heats at larger batches, of the contest's contenders. */
BT_MUST_USE bt_status bt_race_hold_heats(bt_race *race, bt_error *error);

/* Whether INT8 takes part only to be told, after the others. */
bool bt_race_int8_is_late(const bt_race *race);
/* Measures what INT8 needs to know, before it can compete. Whoever asked for INT8 gives it the time that it takes. */
BT_MUST_USE bt_status bt_race_calibrate(bt_race *race, bt_error *error);
/* Times INT8, which came late, in turns with the fastest. */
BT_MUST_USE bt_status bt_race_tell_int8(bt_race *race, bt_error *error);

/* Compares the masks of those that lead, or are told, with FP32's. Those that disagree are out. */
BT_MUST_USE bt_status bt_race_check_masks(bt_race *race, bt_error *error);
/* Whether there is more than one kind to choose from. */
bool bt_race_has_rivals(const bt_model_record *model);

#ifdef __cplusplus
}
#endif
#endif
