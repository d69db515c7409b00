/* A rank's own measuring: a thread that carries out parcels of steps, one after the other, and tells what came of each.
 *
 * The rank's main thread talks to the other ranks meanwhile. A hand has one model's session open at a time: two at once
 * would share the memory that is measured. High-water marks of memory only rise in a process, so that a size that is
 * smaller than one before it gets a new one. */
#ifndef BT_TUNE_HAND_H
#define BT_TUNE_HAND_H

#include "tune/sweep.h"
#include "tune/tuning.h"

#ifdef __cplusplus
extern "C" {
#endif

/* Steps of one model, run in that way. */
typedef struct bt_work {
    int id, model; /* index in the record */
    bt_contender way;
    bt_parcel parcel;
} bt_work;

typedef enum bt_news_kind {
    BT_NEWS_FACTS,   /* the session is open: what it is */
    BT_NEWS_RESULT,  /* of one step */
    BT_NEWS_REFUSED, /* this rank cannot measure the model at all, and why */
    BT_NEWS_DONE     /* the parcel is finished, or given up after a step that failed */
} bt_news_kind;

typedef struct bt_news {
    bt_news_kind kind;
    int id, model;    /* the work's */
    double elapsed_s; /* of FACTS */
    bt_worker_facts facts;
    bt_step step;
    bt_step_result result;
    bt_error error; /* of REFUSED */
} bt_news;

typedef struct bt_hand bt_hand;

/* What the options point to must outlive the hand. BT_NO_MEMORY, or what bt_resolve_models fails with. */
BT_MUST_USE bt_status bt_hand_open(bt_hand **out, const bt_optimize_options *options, bt_error *error);
/* Gives up what is under way; NULL-safe; nulls. */
void bt_hand_close(bt_hand **hand);

/* The next work; only when the one before is done. */
void bt_hand_give(bt_hand *hand, const bt_work *work);

/* What is new; false where nothing is. It waits for nobody. */
bool bt_hand_news(bt_hand *hand, bt_news *out);

#ifdef __cplusplus
}
#endif
#endif
