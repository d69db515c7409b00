#include "load/watcher.h"

#include <math.h>
#include <pthread.h>
#include <stdlib.h>

#include "base/array.h"
#include "base/busy.h"
#include "base/canary.h"
#include "base/clock.h"
#include "measure/quantile.h"

/* How often progress is told. Raised, the live line lags; lowered, the bystander takes more of a core. */
#define TICK_NS (250 * BT_NS_PER_MS)

/* What the live line's P95 is of: the answers of so long a time, among so many requests at most. Raised, it
 * is steadier and follows a change later; lowered, it jumps. */
#define RECENT_NS  (2 * BT_NS_PER_S)
#define RECENT_MAX 8192

struct bt_watcher {
    const bt_load_state *state;
    pthread_t thread;
    pthread_mutex_t lock;
    pthread_cond_t ended;
    bool end;
    bt_load_second *seconds;
    int second_count;
    size_t second_room;
    bt_busy before;
    double recent_ms[RECENT_MAX];
    int64_t last_ns, last_answered; /* of the previous moment */
    double rate_rps;
};

/* ---- live ---- */

/* P95 of the answers of the last two seconds, among the last RECENT_MAX requests. */
static double recent_p95_ms(bt_watcher *w, int64_t now_ns) {
    const bt_load_state *state = w->state;
    int64_t sent = atomic_load(&state->sent);
    size_t n = 0;
    for (int64_t i = sent - 1; i >= 0 && i >= sent - RECENT_MAX; i--) {
        if (!atomic_load_explicit(&state->done[i], memory_order_acquire)) continue;
        const bt_sent_request *request = &state->requests[i];
        if (request->status == BT_OK && request->answered_ns > now_ns - RECENT_NS)
            w->recent_ms[n++] = bt_ms(request->answered_ns - request->intended_ns);
    }
    if (n == 0) return NAN;
    bt_sort(w->recent_ms, n);
    return bt_quantile(w->recent_ms, n, 0.95);
}

static double fraction_of(const bt_load_state *state, int64_t now_ns, int64_t sent) {
    double fraction = 0;
    if (state->length_ns > 0) fraction = (double)(now_ns - state->start_ns) / (double)state->length_ns;
    if (state->planned > 0) fraction = fmax(fraction, (double)sent / (double)state->planned);
    return fmin(fmax(fraction, 0), 0.999);
}

static void report_progress(bt_watcher *w, int64_t now_ns) {
    const bt_load_state *state = w->state;
    const bt_load_options *options = state->options;
    if (!options->progress) return;
    int64_t answered = atomic_load(&state->answered), sent = atomic_load(&state->sent);
    if (now_ns - w->last_ns >= RECENT_NS / 2) {
        w->rate_rps = (double)(answered - w->last_answered) / ((double)(now_ns - w->last_ns) / 1e9);
        w->last_ns = now_ns;
        w->last_answered = answered;
    }
    const bt_load_moment moment = {
        .elapsed_s = (double)(now_ns - state->start_ns) / 1e9,
        .fraction = fraction_of(state, now_ns, sent),
        .rate_rps = w->rate_rps,
        .p95_ms = recent_p95_ms(w, now_ns),
        .sent = sent,
        .answered = answered,
        .failed = atomic_load(&state->failed),
        .queued = options->target.queue_size ? options->target.queue_size(options->target.self) : -1,
    };
    options->progress(options->progress_context, &moment);
}

/* ---- second by second ---- */

/* A second that cannot be kept for want of memory is one less, and no reason to end a run. */
static void note_second(bt_watcher *w) {
    bt_load_second *grown =
        bt_array_grow(w->seconds, (size_t)w->second_count, 1, &w->second_room, sizeof *grown);
    if (!grown) return;
    w->seconds = grown;
    double others = bt_busy_others_since(&w->before);
    w->before = bt_busy_now();
    w->seconds[w->second_count++] =
        (bt_load_second){.canary_ms = bt_ms(bt_canary_run_ns()), .others_cores = others};
}

static bool wait_until(bt_watcher *w, int64_t at_ns) {
    struct timespec at = {.tv_sec = at_ns / BT_NS_PER_S, .tv_nsec = at_ns % BT_NS_PER_S};
    pthread_mutex_lock(&w->lock);
    while (!w->end && bt_clock_now_ns() < at_ns)
        pthread_cond_timedwait(&w->ended, &w->lock, &at);
    bool end = w->end;
    pthread_mutex_unlock(&w->lock);
    return !end;
}

static void *watch(void *argument) {
    bt_watcher *w = argument;
    int64_t start_ns = w->state->start_ns, second_ns = start_ns + BT_NS_PER_S;
    w->before = bt_busy_now();
    w->last_ns = start_ns;
    for (int64_t tick_ns = start_ns + TICK_NS; wait_until(w, tick_ns); tick_ns += TICK_NS) {
        int64_t now_ns = bt_clock_now_ns();
        report_progress(w, now_ns);
        if (now_ns < second_ns || !w->state->options->canary) continue;
        note_second(w);
        second_ns += BT_NS_PER_S;
    }
    return NULL;
}

bt_status bt_watcher_open(bt_watcher **out, const bt_load_state *state, bt_error *error) {
    pthread_condattr_t monotonic;
    bt_watcher *w = calloc(1, sizeof *w);
    *out = NULL;
    if (!w) return bt_no_memory(error, "watching a load run");
    w->state = state;
    w->rate_rps = NAN;
    pthread_mutex_init(&w->lock, NULL);
    pthread_condattr_init(&monotonic);
    pthread_condattr_setclock(&monotonic, CLOCK_MONOTONIC);
    pthread_cond_init(&w->ended, &monotonic);
    pthread_condattr_destroy(&monotonic);
    if (pthread_create(&w->thread, NULL, watch, w) == 0) {
        *out = w;
        return BT_OK;
    }
    free(w);
    return bt_fail(error, BT_IO, "a thread cannot be started");
}

void bt_watcher_close(bt_watcher **watcher, bt_load_second **seconds, int *second_count) {
    bt_watcher *w = *watcher;
    if (!w) return;
    pthread_mutex_lock(&w->lock);
    w->end = true;
    pthread_cond_signal(&w->ended);
    pthread_mutex_unlock(&w->lock);
    pthread_join(w->thread, NULL);
    pthread_mutex_destroy(&w->lock);
    pthread_cond_destroy(&w->ended);
    *seconds = w->seconds;
    *second_count = w->second_count;
    free(w);
    *watcher = NULL;
}
