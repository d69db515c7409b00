#include "load/generator.h"

#include <math.h>
#include <stdlib.h>

#include "base/clock.h"
#include "base/priority.h"
#include "load/sender.h"
#include "measure/quantile.h"

/* From opening to time 0: the threads are up by then. */
#define START_NS (10 * BT_NS_PER_MS)

/* The most requests of a closed loop that only time ends: what there is room for. Raised, each run takes more
 * memory (some 100 bytes a request); lowered, a fast target's loop ends before its time. */
#define CLOSED_LOOP_REQUESTS (1 << 18)

/* The log that the caller sees, and what keeps its memory. */
typedef struct owned_log {
    bt_request_log log;
    bt_load_run_state *run; /* NULL: the log's requests are its own */
} owned_log;

/* ---- opening ---- */

static bt_status check(const bt_load_options *o, bt_error *error) {
    if (!o->target.submit) return bt_fail(error, BT_INVALID, "load needs a target");
    if (o->stream_count < 1 || o->stream_count > BT_LOAD_STREAMS_MAX)
        return bt_fail(error, BT_INVALID, "load has 1 to %d streams", BT_LOAD_STREAMS_MAX);
    if (o->drain_ns < 0 || o->duration_ns < 0)
        return bt_fail(error, BT_INVALID, "no time of a load run is negative");
    for (int i = 0; i < o->stream_count; i++) {
        const bt_stream *s = &o->streams[i];
        if (s->input_count < 1 || !s->schedule == (s->clients <= 0))
            return bt_fail(error, BT_INVALID, "stream %d needs inputs, and either a schedule or clients", i);
        for (int64_t k = 0; s->inputs && s->schedule && k < s->schedule->count; k++)
            if (s->inputs[k] < 0 || s->inputs[k] >= s->input_count)
                return bt_fail(error, BT_INVALID, "stream %d has no input %d", i, (int)s->inputs[k]);
        if (s->clients > 0 && s->clients_count == 0 && o->duration_ns == 0)
            return bt_fail(error, BT_INVALID, "stream %d would never end: neither a duration nor a count", i);
    }
    return BT_OK;
}

/* How many requests there may be, and how long the longest schedule is. */
static void measure_plan(bt_load_run_state *run, const bt_load_options *o) {
    bool by_time = false;
    for (int i = 0; i < o->stream_count; i++) {
        const bt_stream *s = &o->streams[i];
        int64_t count = s->schedule            ? s->schedule->count
                        : s->clients_count > 0 ? s->clients_count
                                               : CLOSED_LOOP_REQUESTS;
        int64_t length_ns = s->schedule ? s->schedule->duration_ns : o->duration_ns;
        run->room += count;
        by_time = by_time || (!s->schedule && s->clients_count == 0);
        if (length_ns > run->state.length_ns) run->state.length_ns = length_ns;
    }
    run->state.planned = by_time ? 0 : run->room;
}

static bt_status open_run(bt_load_run_state **out, const bt_load_options *o, bt_error *error) {
    bt_load_run_state *run = calloc(1, sizeof *run);
    *out = NULL;
    if (!run) return bt_no_memory(error, "a load run");
    measure_plan(run, o);
    run->stream_count = o->stream_count;
    run->state.options = o;
    run->pacer =
        (bt_pacer){.spin_max_ns = o->spin_max_ns > 0 ? o->spin_max_ns : BT_LOAD_SPIN_NS, .stop = o->stop};
    run->state.requests = calloc((size_t)run->room + 1, sizeof *run->state.requests);
    run->state.done = calloc((size_t)run->room + 1, sizeof *run->state.done);
    if (!run->state.requests || !run->state.done) {
        bt_no_memory(error, "%lld requests", (long long)run->room);
        bt_load_run_release(run);
        return BT_NO_MEMORY;
    }
    for (int i = 0; i < o->stream_count; i++) {
        run->streams[i].options = &o->streams[i];
        run->streams[i].closed = o->streams[i].clients > 0;
        run->streams[i].inputs = bt_input_draw_begin(o->seed, i);
    }
    *out = run;
    return BT_OK;
}

/* ---- its log ---- */

/* What is missing now may come later: its fields are not read. */
static void complete_log(bt_load_run_state *run, bt_request_log *log) {
    log->count = atomic_load(&run->state.sent);
    log->start_ns = log->end_ns = run->state.start_ns;
    log->interrupted = run->interrupted;
    for (int64_t i = 0; i < log->count; i++) {
        if (!atomic_load_explicit(&run->state.done[i], memory_order_acquire)) {
            log->lost++;
            continue;
        }
        const bt_sent_request *request = &run->state.requests[i];
        int64_t last_ns = request->answered_ns > request->sent_ns ? request->answered_ns : request->sent_ns;
        if (last_ns > log->end_ns) log->end_ns = last_ns;
    }
}

/* Where answers are missing the log gets a copy, in which what is missing is marked; the original stays for
 * them. */
static bt_status hand_over(bt_load_run_state *run, bt_request_log *log, bt_error *error) {
    if (log->lost == 0) {
        log->requests = run->state.requests;
        return BT_OK;
    }
    log->requests = malloc((size_t)log->count * sizeof *log->requests);
    if (!log->requests) return bt_no_memory(error, "%lld requests", (long long)log->count);
    for (int64_t i = 0; i < log->count; i++) {
        const bt_sent_request *from = &run->state.requests[i];
        log->requests[i] = (bt_sent_request){.intended_ns = from->intended_ns,
                                             .sent_ns = from->sent_ns,
                                             .stream = from->stream,
                                             .input = from->input,
                                             .status = BT_TIMEOUT};
        if (atomic_load_explicit(&run->state.done[i], memory_order_acquire)) log->requests[i] = *from;
    }
    return BT_OK;
}

bt_status bt_load_run(bt_request_log **out, const bt_load_options *options, bt_error *error) {
    bt_watcher *watcher;
    bt_load_run_state *run;
    *out = NULL;
    bt_status status = check(options, error);
    if (status != BT_OK) return status;
    owned_log *owned = calloc(1, sizeof *owned);
    if (!owned) return bt_no_memory(error, "a load run");
    status = open_run(&run, options, error);
    if (status != BT_OK) {
        free(owned);
        return status;
    }
    owned->run = run;
    run->state.start_ns = options->start_ns > 0 ? options->start_ns : bt_clock_now_ns() + START_NS;
    status = bt_watcher_open(&watcher, &run->state, error);
    if (status == BT_OK) {
        bt_thread_priority before;
        const bt_throttle_mark mark = bt_throttle_now();
        bt_raise_priority(&before);
        bt_send_all(run);
        bt_restore_priority(&before);
        bt_await_answers(run, options->drain_ns);
        owned->log.throttling = bt_throttle_since(&mark);
        bt_watcher_close(&watcher, &owned->log.seconds, &owned->log.second_count);
        complete_log(run, &owned->log);
        status = hand_over(run, &owned->log, error);
    }
    *out = &owned->log;
    if (status != BT_OK) bt_request_log_close(out);
    return status;
}

bt_status bt_request_log_open(bt_request_log **out, int64_t room, int seconds, bt_error *error) {
    owned_log *owned = calloc(1, sizeof *owned);
    *out = NULL;
    if (!owned) return bt_no_memory(error, "a request log");
    owned->log.requests = calloc((size_t)room + 1, sizeof *owned->log.requests);
    owned->log.seconds = calloc((size_t)seconds + 1, sizeof *owned->log.seconds);
    *out = &owned->log;
    if (owned->log.requests && owned->log.seconds) return BT_OK;
    bt_request_log_close(out);
    return bt_no_memory(error, "a log of %lld requests", (long long)room);
}

void bt_request_log_close(bt_request_log **log) {
    if (!log || !*log) return;
    owned_log *owned = (owned_log *)*log; /* its first member */
    if (owned->log.lost > 0 || !owned->run) free(owned->log.requests);
    if (owned->run) bt_load_run_release(owned->run);
    free(owned->log.seconds);
    free(owned);
    *log = NULL;
}

bt_send_delay bt_load_send_delay(const bt_request_log *log) {
    bt_send_delay delay = {NAN, NAN, NAN};
    double *delays_us = malloc((size_t)(log->count + 1) * sizeof *delays_us);
    size_t n = 0;
    bool open = false;
    for (int64_t i = 0; i < log->count && delays_us; i++) {
        delays_us[n++] = (double)(log->requests[i].sent_ns - log->requests[i].intended_ns) / 1e3;
        open = open || delays_us[n - 1] != 0;
    }
    if (open) { /* closed loops send when they intend to */
        bt_sort(delays_us, n);
        delay = (bt_send_delay){bt_quantile(delays_us, n, 0.5), bt_quantile(delays_us, n, 0.99),
                                delays_us[n - 1]};
    }
    free(delays_us);
    return delay;
}
