/* Two clocks compared by questions and answers: how much later one's own is, and how far that may be from the truth.
 *
 * The other clock was read somewhere between a question and its answer. In the middle is the best guess, and half of what
 * lies between is how wrong it can be; so the quickest answer tells the most. Pure. */
#ifndef BT_RANKS_OFFSET_H
#define BT_RANKS_OFFSET_H

#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

typedef struct bt_offset_estimate {
    int64_t offset_ns, bound_ns; /* INT64_MAX: nothing is known */
} bt_offset_estimate;

static inline bt_offset_estimate bt_offset_unknown(void) {
    return (bt_offset_estimate){0, INT64_MAX};
}

/* Takes an answer in: asked and answered by one's own clock, `other_ns` by the other one. */
static inline void bt_offset_take(bt_offset_estimate *estimate, int64_t asked_ns, int64_t other_ns,
                                  int64_t answered_ns) {
    const int64_t bound_ns = (answered_ns - asked_ns + 1) / 2;
    if (bound_ns >= estimate->bound_ns) return;
    *estimate = (bt_offset_estimate){asked_ns + (answered_ns - asked_ns) / 2 - other_ns, bound_ns};
}

#ifdef __cplusplus
}
#endif
#endif
