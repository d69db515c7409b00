/* Plays a trace: a batcher is opened, everything happens to it at its time on a virtual clock, and what it does
 * is held against all of its promises (batcher-account.h), and against the trace's expectations.
 *
 * At one instant a run ends first, then come the trace's events in their order, then what the batcher wanted to be
 * woken for; it is asked what to do after each, as the simulator asks it. Time never goes past the batcher's wake
 * time. So the same trace is the same life, on any machine, as often as it is played. */
#ifndef BT_TESTS_BATCHER_PLAYER_H
#define BT_TESTS_BATCHER_PLAYER_H

#include "batcher-trace.h"

/* What stands between the player and the batcher: nothing, or a fault that a test has planted there. */
typedef struct player_driver {
    bt_status (*submit)(void *context, bt_batcher *batcher, int64_t now_ns, const bt_submission *submission,
                        uint64_t *ticket);
    bool (*next)(void *context, bt_batcher *batcher, int64_t now_ns, bt_action *action);
    int64_t (*wake_ns)(void *context, const bt_batcher *batcher);
    void *context;
} player_driver;

extern const player_driver player_of_batchers; /* the calls themselves */

/* What came of it. */
typedef struct playing {
    /* Which check failed first, the same pointer for the same check; NULL: every promise held. */
    const char *rule;
    char message[256]; /* what it saw */
    int64_t at_ns;     /* when; else the end */
    uint64_t hash;     /* over everything that came out */
} playing;

typedef struct player player;

player *player_open(void);
void player_close(player *p);

/* `seen`, where not NULL, gets the trace, with all that happened as its expectations. */
playing player_play(player *p, const trace *t, const player_driver *driver, trace *seen);

#endif
