#include "load/sender.h"

#include <stdlib.h>

#include "base/clock.h"
#include "base/futex.h"

#define NO_TIME INT64_MAX

/* ---- its memory ---- */

static void free_run(bt_load_run_state *run) {
    free(run->state.requests);
    free(run->state.done);
    free(run);
}

void bt_load_run_release(bt_load_run_state *run) {
    long long sent = atomic_load(&run->state.sent);
    if (atomic_fetch_add(&run->owed, sent) + sent == 0) free_run(run);
}

/* ---- answers ---- */

static void announce_answer(bt_load_run_state *run) {
    atomic_fetch_add(&run->changed, 1);
    if (atomic_load(&run->listening)) bt_futex_wake(&run->changed, INT32_MAX);
}

static void note_answer(bt_load_run_state *run, bt_sent_request *request) {
    bt_running_stream *stream = &run->streams[request->stream];
    if (request->status != BT_OK) atomic_fetch_add_explicit(&run->state.failed, 1, memory_order_relaxed);
    atomic_store_explicit(&run->state.done[request - run->state.requests], 1, memory_order_release);
    if (stream->closed) atomic_fetch_sub(&stream->outstanding, 1);
    atomic_fetch_add(&run->state.answered, 1);
    if (stream->closed || atomic_load(&run->listening)) announce_answer(run);
    if (atomic_fetch_sub(&run->owed, 1) == 1) free_run(run);
}

static void receive_answer(void *context, bt_sent_request *request) {
    note_answer(context, request);
}

/* Sleeps until an answer comes or the time does. */
static void listen_until(bt_load_run_state *run, unsigned seen, int64_t until_ns) {
    int64_t nap_ns = bt_clock_now_ns() + BT_PACER_NAP_NS;
    if (until_ns > nap_ns) until_ns = nap_ns;
    atomic_store(&run->listening, true);
    if (atomic_load(&run->changed) == seen) bt_futex_wait(&run->changed, seen, until_ns);
    atomic_store(&run->listening, false);
}

/* ---- sending ---- */

static int next_input(bt_running_stream *stream) {
    const bt_stream *o = stream->options;
    if (o->inputs) return o->inputs[stream->next];
    return bt_input_draw_next(&stream->inputs, o->weights, o->input_count);
}

static void send(bt_load_run_state *run, int index, int64_t intended_ns) {
    bt_running_stream *stream = &run->streams[index];
    const bt_target *target = &run->state.options->target;
    int64_t number = atomic_load_explicit(&run->state.sent, memory_order_relaxed);
    bt_sent_request *request = &run->state.requests[number];
    int input = next_input(stream);
    int64_t now_ns = bt_clock_now_ns();
    *request = (bt_sent_request){.intended_ns = intended_ns == NO_TIME ? now_ns : intended_ns,
                                 .sent_ns = now_ns,
                                 .stream = index,
                                 .input = input};
    stream->sent++;
    if (stream->closed) atomic_fetch_add(&stream->outstanding, 1);
    atomic_store_explicit(&run->state.sent, number + 1, memory_order_release);
    bt_status status = target->submit(target->self, request, receive_answer, run);
    if (status == BT_OK) return;
    request->status = status;
    request->refused = true;
    request->answered_ns = bt_clock_now_ns();
    note_answer(run, request);
}

/* The open-loop stream whose next arrival comes first, or -1. */
static int next_open(const bt_load_run_state *run, int64_t *at_ns) {
    int first = -1;
    *at_ns = NO_TIME;
    for (int i = 0; i < run->stream_count; i++) {
        const bt_running_stream *stream = &run->streams[i];
        const bt_schedule *schedule = stream->options->schedule;
        if (!schedule || stream->next >= schedule->count) continue;
        int64_t arrival_ns = run->state.start_ns + schedule->arrivals_ns[stream->next];
        if (arrival_ns >= *at_ns) continue;
        *at_ns = arrival_ns;
        first = i;
    }
    return first;
}

static bool has_room(const bt_load_run_state *run) {
    return atomic_load_explicit(&run->state.sent, memory_order_relaxed) < run->room;
}

/* A closed-loop stream that may send now, or -1; `open` tells whether any may ever again. */
static int next_closed(const bt_load_run_state *run, int64_t now_ns, bool *open) {
    int64_t duration_ns = run->state.options->duration_ns;
    *open = false;
    for (int i = 0; i < run->stream_count; i++) {
        const bt_running_stream *stream = &run->streams[i];
        const bt_stream *o = stream->options;
        bool timed_out = duration_ns > 0 && now_ns - run->state.start_ns >= duration_ns;
        if (o->clients == 0 || timed_out || !has_room(run) ||
            (o->clients_count > 0 && stream->sent >= o->clients_count))
            continue;
        *open = true;
        if (atomic_load(&stream->outstanding) < o->clients) return i;
    }
    return -1;
}

static bool stopped(bt_load_run_state *run) {
    const volatile sig_atomic_t *stop = run->state.options->stop;
    if (stop && *stop) run->interrupted = true;
    return run->interrupted;
}

void bt_send_all(bt_load_run_state *run) {
    for (;;) {
        int64_t arrival_ns;
        bool closed_open;
        unsigned seen = atomic_load(&run->changed);
        int closed = next_closed(run, bt_clock_now_ns(), &closed_open), open = next_open(run, &arrival_ns);
        if (stopped(run)) return;
        if (closed >= 0) {
            send(run, closed, NO_TIME);
        } else if (open >= 0 && !closed_open) {
            if (!bt_pacer_wait(&run->pacer, arrival_ns)) continue; /* stopped */
            send(run, open, arrival_ns);
            run->streams[open].next++;
        } else if (open >= 0 && bt_clock_now_ns() >= arrival_ns) {
            send(run, open, arrival_ns);
            run->streams[open].next++;
        } else if (closed_open) {
            listen_until(run, seen, arrival_ns);
        } else {
            return;
        }
    }
}

void bt_await_answers(bt_load_run_state *run, int64_t drain_ns) {
    const int64_t until_ns = bt_clock_now_ns() + drain_ns;
    for (;;) {
        unsigned seen = atomic_load(&run->changed);
        if (atomic_load(&run->state.answered) >= atomic_load(&run->state.sent)) return;
        if (bt_clock_now_ns() >= until_ns) return;
        listen_until(run, seen, until_ns);
    }
}
