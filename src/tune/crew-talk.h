/* What rank 0 and the ranks that measure for it say to each other: one JSON object a message.
 *
 * A rank says that it is ready, and on what machine. Rank 0 gives work (tune/hand.h), the rank tells the news of it. In the
 * end rank 0 says goodbye, and whether everybody is still there to do so. */
#ifndef BT_TUNE_CREW_TALK_H
#define BT_TUNE_CREW_TALK_H

#include "ranks/ranks.h"
#include "tune/hand.h"

#ifdef __cplusplus
extern "C" {
#endif

/* Who is ready: what must be alike for figures to be one run's. `trouble`: why it cannot measure; "": it can. */
typedef struct bt_ready {
    char version[64], machine[32], host[64];
    int cores; /* that it measures on */
    char trouble[BT_ERROR_MESSAGE_SIZE];
} bt_ready;

typedef enum bt_talk_kind { BT_TALK_READY, BT_TALK_WORK, BT_TALK_NEWS, BT_TALK_BYE } bt_talk_kind;

typedef struct bt_talk {
    bt_talk_kind kind;
    bt_ready ready;
    bt_work work;
    char folder[BT_PATH_SIZE]; /* with work: the run's */
    bt_news news;
    bool all_alive; /* with goodbye */
} bt_talk;

/* Sends what the kind calls for. BT_NO_MEMORY, BT_IO. */
BT_MUST_USE bt_status bt_talk_send(bt_ranks *ranks, int to, const bt_talk *talk, bt_error *error);

/* The next message, whose it is; BT_TIMEOUT where none comes within the limit, BT_PARSE where it is none of these. */
BT_MUST_USE bt_status bt_talk_receive(bt_ranks *ranks, double limit_ms, int *from, bt_talk *out,
                                      bt_error *error);

/* The message as JSON (a new reference, NULL when memory is short), and back. */
json_t *bt_talk_to_json(const bt_talk *talk);
BT_MUST_USE bt_status bt_talk_from_json(const json_t *json, bt_talk *out, bt_error *error);

#ifdef __cplusplus
}
#endif
#endif
