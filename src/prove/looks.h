/* How often one may look at a scenario before its verdict, and what each look may cost.
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

#define BT_LOOKS_WRONG_MET    0.05 /* "met" where P95 is above the SLA */
#define BT_LOOKS_WRONG_BROKEN 0.01 /* "broken" where it is not */
#define BT_LENGTHEN_MAX       64

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
