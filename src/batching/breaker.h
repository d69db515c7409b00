/* A circuit breaker: keeps a path that fails out of the way, and finds out gently whether it works again.
 *
 * Closed: the path is used. After `failures` failed runs in a row it opens: the path is not used for
 * `cooldown_ns`. Then it is half-open: runs are let through one at a time as probes; `probes` good ones in a
 * row close it, a failed one opens it again for twice as long (at most cooldown_max_ns). A good close sets
 * the cooldown back. Pure: time is an argument; a value that may be copied. */
#ifndef BT_BATCHING_BREAKER_H
#define BT_BATCHING_BREAKER_H

#include <stdbool.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

typedef enum bt_breaker_state { BT_BREAKER_CLOSED, BT_BREAKER_OPEN, BT_BREAKER_HALF_OPEN } bt_breaker_state;

/* How a breaker is tuned.
 *
 * `failures` in a row open it. Raised, more requests take the way through a broken path before they get the
 * standard path at once; lowered, one bad run costs a cooldown at the standard path's pace.
 *
 * `probes` good runs in a row close it. Raised, a path that has recovered stays on trial for longer, where
 * one failed run doubles its cooldown; at 1, a path that fails every other time would open and close by
 * turns.
 *
 * `cooldown_ns` is how long it stays open at first, `cooldown_max_ns` how long at most. Raised, a path that
 * recovers soon is left unused for longer; lowered, a broken one is probed more often, at the price of a late
 * request each time. */
typedef struct bt_breaker_options {
    int failures, probes;
    int64_t cooldown_ns, cooldown_max_ns;
} bt_breaker_options;

/* Nobody sets these two; the others are settings of the service. */
#define BT_BREAKER_PROBES        2
#define BT_BREAKER_COOLDOWNS_MAX 30 /* the longest cooldown, in first ones */

#define BT_BREAKER_DEFAULT                                                                                   \
    {                                                                                                        \
        .failures = 3, .probes = BT_BREAKER_PROBES, .cooldown_ns = 1000000000,                               \
        .cooldown_max_ns = BT_BREAKER_COOLDOWNS_MAX * 1000000000LL                                           \
    }

typedef struct bt_breaker {
    bt_breaker_options options;
    bool open; /* closed otherwise; half-open is open past its cooldown */
    int failed_in_row, good_probes;
    int64_t opened_ns, cooldown_ns; /* the present cooldown */
    uint64_t times_opened;
} bt_breaker;

void bt_breaker_open(bt_breaker *breaker, const bt_breaker_options *options);

bt_breaker_state bt_breaker_at(const bt_breaker *breaker, int64_t now_ns);

/* Whether a run may use the path now. Whoever asks runs at most one batch at a time, so a half-open breaker
 * needs no count of probes under way. */
bool bt_breaker_allows(const bt_breaker *breaker, int64_t now_ns);

/* How a run on the path ended. */
void bt_breaker_good(bt_breaker *breaker, int64_t now_ns);
void bt_breaker_failed(bt_breaker *breaker, int64_t now_ns);

/* "closed", "open", "half-open"; never NULL. */
const char *bt_breaker_name(bt_breaker_state state);

#ifdef __cplusplus
}
#endif
#endif
