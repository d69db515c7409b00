/* The live line: which piece of a trial is under way, how far all of it is, and how the service does. */
#include <math.h>
#include <stdio.h>

#include "base/clock.h"
#include "base/text.h"
#include "prove/trial-state.h"

bt_trial_live bt_trial_go_live(bt_trial *t, const char *what, int64_t duration_ns) {
    double whole = (double)(t->plan.duration_ns + t->compare_ns);
    bt_trial_live live = {
        .t = t, .what = what, .before = t->done_ns / whole, .share = (double)duration_ns / whole};
    t->done_ns += (double)duration_ns;
    return live;
}

void bt_trial_tell(void *context, const bt_load_moment *moment) {
    const bt_trial_live *live = context;
    char rate[32] = "–", p95[32] = "–", queue[32] = "";
    if (!isnan(moment->rate_rps)) bt_text_format(rate, sizeof rate, "%.1f", moment->rate_rps);
    if (!isnan(moment->p95_ms)) bt_text_format(p95, sizeof p95, "%.1f ms", moment->p95_ms);
    if (moment->queued >= 0) snprintf(queue, sizeof queue, ", queue %lld", (long long)moment->queued);
    bt_log_progress(live->t->options->log, bt_clock_now_ns(), live->before + live->share * moment->fraction,
                    "%s: %s/s, P95 %s%s%s", live->what, rate, p95, queue,
                    moment->failed > 0 ? ", FAILURES" : "");
}
