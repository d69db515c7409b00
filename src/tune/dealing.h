/* Which rank measures what: parcels of steps are dealt to whoever is free, and again where a rank dies.
 *
 * A rank keeps to the model whose session it has open while that has anything to be measured, and there to the sizes that
 * it has prepared; then it goes where work is.
 * A parcel is wanted as often as it stands in the wishes, less what the pool holds and what is being measured. Pure: who is
 * there, who is free and what came is told to it. */
#ifndef BT_TUNE_DEALING_H
#define BT_TUNE_DEALING_H

#include "tune/pool.h"
#include "tune/sweep.h"

#ifdef __cplusplus
extern "C" {
#endif

/* Two ranks that died of the same size are enough: a third one is not risked. */
#define BT_DEALING_DEATHS 2

/* What is wanted of a model, soonest first: the model cannot go on without the first one. */
typedef struct bt_wishes {
    const char *model;
    const bt_parcel *parcels;
    int count;
} bt_wishes;

typedef struct bt_dealing bt_dealing;

BT_MUST_USE bt_status bt_dealing_open(bt_dealing **out, int ranks, bt_error *error);
void bt_dealing_close(bt_dealing **dealing); /* NULL-safe; nulls */

/* From now on the rank takes part. */
void bt_dealing_join(bt_dealing *dealing, int rank);

/* The next parcel for a rank that takes part and is free; it is then at it. False where there is nothing for it. The pool
 * says what is there for foresight. */
bool bt_dealing_next(bt_dealing *dealing, int rank, const bt_wishes *wishes, int models, const bt_pool *pool,
                     int *model, bt_parcel *parcel);

/* The rank has measured one step of its parcel; it is done with all of it. */
void bt_dealing_answered(bt_dealing *dealing, int rank, const bt_step *step);
void bt_dealing_done(bt_dealing *dealing, int rank);

/* The rank cannot measure the model; whether no rank that takes part can. */
void bt_dealing_bar(bt_dealing *dealing, int rank, int model);
bool bt_dealing_all_barred(const bt_dealing *dealing, int model);

/* A size that failed before its turn came, perhaps for want of the memory that another rank's work took: from now on it is
 * dealt only where it is wanted first. */
void bt_dealing_avoid(bt_dealing *dealing, int model, int batch_size);

/* The rank is gone. True, with what it was at, where it had work, which is wanted again. */
bool bt_dealing_lose(bt_dealing *dealing, int rank, int *model, bt_step *step);
/* How many ranks were lost while they measured that size of the model. */
int bt_dealing_deaths(const bt_dealing *dealing, int model, int batch_size);

bool bt_dealing_takes_part(const bt_dealing *dealing, int rank);
/* The model that the rank measures now; -1: it is free. */
int bt_dealing_at(const bt_dealing *dealing, int rank);
/* Steps that each rank has measured. */
int bt_dealing_measured(const bt_dealing *dealing, int rank);

#ifdef __cplusplus
}
#endif
#endif
