#include "load/pacing.h"

/* A spin begins this much before sleeps have been seen to end late. Raised, more of a core goes into
 * spinning; lowered, a sleep a little later than all before it makes a late send. */
#define SPIN_LEAST_NS (5 * BT_NS_PER_US)

/* One part in so many of the time between sends may be spun, though no more than SPIN_MOST_NS at once. With a
 * larger share sends are on time on worse machines, but the sender takes from the service what it
 * measures. */
#define SPIN_SHARE   25
#define SPIN_MOST_NS (5 * BT_NS_PER_MS)

bool bt_pacer_wait(bt_pacer *pacer, int64_t at_ns) {
    int64_t most_ns = pacer->spin_max_ns;
    int64_t share_ns = (at_ns - bt_clock_now_ns()) / SPIN_SHARE;
    if (share_ns > SPIN_MOST_NS) share_ns = SPIN_MOST_NS;
    if (share_ns > most_ns) most_ns = share_ns;
    for (;;) {
        if (pacer->stop && *pacer->stop) return false;
        int64_t now_ns = bt_clock_now_ns();
        int64_t margin_ns = pacer->oversleep_ns + pacer->oversleep_ns / 4 + SPIN_LEAST_NS;
        if (margin_ns > most_ns) margin_ns = most_ns;
        if (at_ns - now_ns <= margin_ns) break;
        int64_t wake_ns = at_ns - margin_ns;
        bool last = wake_ns - now_ns <= BT_PACER_NAP_NS;
        bt_clock_sleep_until_ns(last ? wake_ns : now_ns + BT_PACER_NAP_NS);
        if (last) {
            int64_t late_ns = bt_clock_now_ns() - wake_ns;
            pacer->oversleep_ns -= pacer->oversleep_ns / 16; /* the worst of late, which fades */
            if (late_ns > pacer->oversleep_ns) pacer->oversleep_ns = late_ns;
        }
    }
    while (bt_clock_now_ns() < at_ns) {
    }
    return true;
}
