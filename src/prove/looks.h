/* How many looks a scenario may have before its verdict, and what each may cost.
 *
 * A scenario that is clear is clear early; one near its SLA needs many requests. So it is looked at after its
 * length, and where P95 is not shown to be within the SLA, nor above it, it goes on, to twice, four times,
 * ... its length. Every look is a chance to be wrong. The errors below are those of a whole scenario,
 * whenever it stops: they are shared out among its looks (Bonferroni), two shares to the first, where nearly
 * all end. */
#ifndef BT_PROVE_LOOKS_H
#define BT_PROVE_LOOKS_H

#ifdef __cplusplus
extern "C" {
#endif

/* How often a scenario may say "met" where P95 is above the SLA, and "broken" where it is not. Raised, fewer
 * requests decide, and more verdicts are wrong; lowered, a scenario needs more requests before its first look
 * can say "met" at all (one look: 59 at 0.05, 90 at 0.01). */
#define BT_LOOKS_WRONG_MET    0.05
#define BT_LOOKS_WRONG_BROKEN 0.01

/* One look. */
typedef struct bt_look {
    int lengths; /* of the scenario, that have been sent by then */
    double met_error, broken_error;
} bt_look;

/* How many looks a scenario has that may become `lengthen` (at least 1) times as long. */
int bt_looks_count(int lengthen);

/* The look'th of them, from 0. */
bt_look bt_looks_at(int look, int lengthen);

/* The fewest requests, independent and none late, of which the first look can say "met": 59 where there is
 * one look, 77 where there are four. */
int bt_looks_fewest(int lengthen);

#ifdef __cplusplus
}
#endif
#endif
