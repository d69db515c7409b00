#include "load/generator.h"

#include <linux/futex.h>
#include <math.h>
#include <sched.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/random.h"
#include "load/watcher.h"
#include "measure/quantile.h"

#define START_NS      (10 * BT_NS_PER_MS) /* from opening to time 0: the threads are up by then */
#define NAP_NS        (50 * BT_NS_PER_MS) /* the longest sleep: how soon a stop is seen */
#define SPIN_LEAST_NS (5 * BT_NS_PER_US)
#define SPIN_MOST_NS  (5 * BT_NS_PER_MS)
#define SPIN_SHARE    25        /* of the time between sends, one part may be spent looking at the clock */
#define CLOSED_SHOTS  (1 << 18) /* of a closed loop that only time ends */
#define STREAMS_MAX   64
#define NO_TIME       INT64_MAX

/* One stream under way. */
typedef struct running_stream {
    const bt_stream *options; /* not to be read by late answers: it is gone by then */
    bool closed;              /* a closed loop */
    int64_t next;             /* of its schedule */
    atomic_int outstanding;   /* closed loop */
    int64_t sent;
    bt_random inputs;
    int turn;
} running_stream;

/* A run's own memory: it outlives the run where answers are missing, since they may still come. */
typedef struct load_run {
    bt_load_state state;
    running_stream streams[STREAMS_MAX];
    int stream_count;
    int64_t room;        /* of shots */
    atomic_uint changed; /* futex: counts answers while somebody listens */
    atomic_bool listening;
    int64_t oversleep_ns; /* how late sleeps have ended here at worst, of late */
    bool interrupted;
    atomic_llong owed; /* minus the answers that came, plus, once the log is closed, the requests sent:
                          whoever makes it 0 is the last to know this memory */
} load_run;

/* The log that the caller sees, and what keeps its memory. */
typedef struct owned_log {
    bt_load_log log;
    load_run *run;
} owned_log;

static void free_run(load_run *run) {
    free(run->state.shots);
    free(run->state.done);
    free(run);
}

/* ---- answers ---- */

static void listen_end(load_run *run) {
    atomic_fetch_add(&run->changed, 1);
    if (atomic_load(&run->listening))
        syscall(SYS_futex, &run->changed, FUTEX_WAKE_PRIVATE, INT32_MAX, NULL, NULL, 0);
}

static void note_answer(load_run *run, bt_shot *shot) {
    running_stream *stream = &run->streams[shot->stream];
    if (shot->status != BT_OK) atomic_fetch_add_explicit(&run->state.failed, 1, memory_order_relaxed);
    atomic_store_explicit(&run->state.done[shot - run->state.shots], 1, memory_order_release);
    if (stream->closed) atomic_fetch_sub(&stream->outstanding, 1);
    atomic_fetch_add(&run->state.answered, 1);
    if (stream->closed || atomic_load(&run->listening)) listen_end(run);
    if (atomic_fetch_sub(&run->owed, 1) == 1) free_run(run);
}

static void shot_answered(void *context, bt_shot *shot) {
    note_answer(context, shot);
}

/* Sleeps until an answer comes or the time does. */
static void listen_until(load_run *run, unsigned seen, int64_t until_ns) {
    int64_t nap_ns = bt_clock_now_ns() + NAP_NS;
    if (until_ns > nap_ns) until_ns = nap_ns;
    struct timespec until = {.tv_sec = until_ns / BT_NS_PER_S, .tv_nsec = until_ns % BT_NS_PER_S};
    atomic_store(&run->listening, true);
    if (atomic_load(&run->changed) == seen)
        syscall(SYS_futex, &run->changed, FUTEX_WAIT_BITSET_PRIVATE, seen, &until, NULL,
                FUTEX_BITSET_MATCH_ANY);
    atomic_store(&run->listening, false);
}

/* ---- sending ---- */

static int draw_input(running_stream *stream) {
    const bt_stream *o = stream->options;
    if (!o->weights) return stream->turn++ % o->input_count;
    double total = 0;
    for (int i = 0; i < o->input_count; i++)
        total += o->weights[i];
    double place = bt_random_uniform(&stream->inputs) * total;
    for (int i = 0; i + 1 < o->input_count; i++) {
        if (place < o->weights[i]) return i;
        place -= o->weights[i];
    }
    return o->input_count - 1;
}

static void send(load_run *run, int index, int64_t intended_ns) {
    running_stream *stream = &run->streams[index];
    const bt_target *target = &run->state.options->target;
    int64_t number = atomic_load_explicit(&run->state.sent, memory_order_relaxed);
    bt_shot *shot = &run->state.shots[number];
    int input = draw_input(stream);
    int64_t now_ns = bt_clock_now_ns();
    *shot = (bt_shot){.intended_ns = intended_ns == NO_TIME ? now_ns : intended_ns,
                      .sent_ns = now_ns,
                      .stream = index,
                      .input = input};
    stream->sent++;
    if (stream->closed) atomic_fetch_add(&stream->outstanding, 1);
    atomic_store_explicit(&run->state.sent, number + 1, memory_order_release);
    bt_status status = target->submit(target->self, shot, shot_answered, run);
    if (status == BT_OK) return;
    shot->status = status;
    shot->refused = true;
    shot->answered_ns = bt_clock_now_ns();
    note_answer(run, shot);
}

/* The open-loop stream whose next arrival comes first, or -1. */
static int next_open(const load_run *run, int64_t *at_ns) {
    int first = -1;
    *at_ns = NO_TIME;
    for (int i = 0; i < run->stream_count; i++) {
        const running_stream *stream = &run->streams[i];
        const bt_schedule *schedule = stream->options->schedule;
        if (!schedule || stream->next >= schedule->count) continue;
        int64_t arrival_ns = run->state.start_ns + schedule->arrivals_ns[stream->next];
        if (arrival_ns >= *at_ns) continue;
        *at_ns = arrival_ns;
        first = i;
    }
    return first;
}

static bool has_room(const load_run *run) {
    return atomic_load_explicit(&run->state.sent, memory_order_relaxed) < run->room;
}

/* A closed-loop stream that may send now, or -1; `open` tells whether any may ever again. */
static int next_closed(const load_run *run, int64_t now_ns, bool *open) {
    int64_t duration_ns = run->state.options->duration_ns;
    *open = false;
    for (int i = 0; i < run->stream_count; i++) {
        const running_stream *stream = &run->streams[i];
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

static bool stopped(load_run *run) {
    const volatile sig_atomic_t *stop = run->state.options->stop;
    if (stop && *stop) run->interrupted = true;
    return run->interrupted;
}

/* Waits for a moment as exactly as this machine lets: sleeps to shortly before it, and looks at the clock for
 * the rest. How shortly follows from how late sleeps have ended. False: stopped meanwhile. */
static bool wait_exactly(load_run *run, int64_t at_ns) {
    int64_t most_ns = run->state.options->spin_max_ns > 0 ? run->state.options->spin_max_ns : BT_LOAD_SPIN_NS;
    int64_t share_ns = (at_ns - bt_clock_now_ns()) / SPIN_SHARE;
    if (share_ns > SPIN_MOST_NS) share_ns = SPIN_MOST_NS;
    if (share_ns > most_ns) most_ns = share_ns;
    for (;;) {
        if (stopped(run)) return false;
        int64_t now_ns = bt_clock_now_ns(),
                margin_ns = run->oversleep_ns + run->oversleep_ns / 4 + SPIN_LEAST_NS;
        if (margin_ns > most_ns) margin_ns = most_ns;
        if (at_ns - now_ns <= margin_ns) break;
        int64_t wake_ns = at_ns - margin_ns;
        bool last = wake_ns - now_ns <= NAP_NS;
        bt_clock_sleep_until_ns(last ? wake_ns : now_ns + NAP_NS);
        if (last) {
            int64_t late_ns = bt_clock_now_ns() - wake_ns;
            run->oversleep_ns -= run->oversleep_ns / 16; /* the worst of late, which fades */
            if (late_ns > run->oversleep_ns) run->oversleep_ns = late_ns;
        }
    }
    while (bt_clock_now_ns() < at_ns) {
    }
    return true;
}

/* ---- first at the cores ---- */

/* The scheduling of a thread, to be put back. */
typedef struct schedule_class {
    int policy, nice_value;
    struct sched_param param;
} schedule_class;

/* The kernel's struct sched_attr (sched_setattr(2)), first version:
 * its header and libc's exclude each other. */
typedef struct kernel_sched_attributes {
    uint32_t size, policy;
    uint64_t flags;
    int32_t nice_value;
    uint32_t priority;
    uint64_t runtime_ns, deadline_ns, period_ns;
} kernel_sched_attributes;

/* Asks for time slices of 0.1 ms: since Linux 6.12 who asks for short ones is let in before the running
 * thread's own has passed (about 3 ms otherwise). Older kernels ignore it. */
static bool ask_for_short_slices(int nice_value) {
    kernel_sched_attributes attributes = {.size = sizeof attributes,
                                          .policy = SCHED_OTHER,
                                          .nice_value = nice_value,
                                          .runtime_ns = 100 * BT_NS_PER_US};
    return syscall(SYS_sched_setattr, 0, &attributes, 0) == 0;
}

/* On a machine whose cores all compute a sender would be let in milliseconds late: it goes before everything
 * else where it may (it is awake for a twenty-fifth of the time at most), and else as early as it may. */
static void come_first(schedule_class *before) {
    const struct sched_param least = {.sched_priority = sched_get_priority_min(SCHED_FIFO)};
    before->policy = sched_getscheduler(0);
    before->nice_value = getpriority(PRIO_PROCESS, 0);
    (void)!sched_getparam(0, &before->param);
    prctl(PR_SET_TIMERSLACK, 1UL);
    if (sched_setscheduler(0, SCHED_FIFO | SCHED_RESET_ON_FORK, &least) == 0) return;
    if (!ask_for_short_slices(-20)) (void)ask_for_short_slices(before->nice_value);
}

static void come_as_before(const schedule_class *before) {
    (void)!sched_setscheduler(0, before->policy, &before->param);
    (void)!setpriority(PRIO_PROCESS, 0, before->nice_value);
    prctl(PR_SET_TIMERSLACK, 0UL); /* as when the thread began */
}

static void send_all(load_run *run) {
    for (;;) {
        int64_t arrival_ns;
        bool closed_open;
        unsigned seen = atomic_load(&run->changed);
        int closed = next_closed(run, bt_clock_now_ns(), &closed_open), open = next_open(run, &arrival_ns);
        if (stopped(run)) return;
        if (closed >= 0) {
            send(run, closed, NO_TIME);
        } else if (open >= 0 && !closed_open) {
            if (!wait_exactly(run, arrival_ns)) return;
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

static void drain(load_run *run) {
    int64_t until_ns = bt_clock_now_ns() + run->state.options->drain_ns;
    for (;;) {
        unsigned seen = atomic_load(&run->changed);
        if (atomic_load(&run->state.answered) >= atomic_load(&run->state.sent)) return;
        if (bt_clock_now_ns() >= until_ns) return;
        listen_until(run, seen, until_ns);
    }
}

/* ---- opening and closing ---- */

static bt_status check(const bt_load_options *o, bt_error *error) {
    if (!o->target.submit) return bt_fail(error, BT_INVALID, "load needs a target");
    if (o->stream_count < 1 || o->stream_count > STREAMS_MAX)
        return bt_fail(error, BT_INVALID, "load has 1 to %d streams", STREAMS_MAX);
    if (o->drain_ns < 0 || o->duration_ns < 0)
        return bt_fail(error, BT_INVALID, "no time of a load run is negative");
    for (int i = 0; i < o->stream_count; i++) {
        const bt_stream *s = &o->streams[i];
        if (s->input_count < 1 || !s->schedule == (s->clients <= 0))
            return bt_fail(error, BT_INVALID, "stream %d needs inputs, and either a schedule or clients", i);
        if (s->clients > 0 && s->clients_count == 0 && o->duration_ns == 0)
            return bt_fail(error, BT_INVALID, "stream %d would never end: neither a duration nor a count", i);
    }
    return BT_OK;
}

/* How many requests there may be, and how long the longest schedule is. */
static void size_up(load_run *run, const bt_load_options *o) {
    bool by_time = false;
    for (int i = 0; i < o->stream_count; i++) {
        const bt_stream *s = &o->streams[i];
        int64_t count = s->schedule            ? s->schedule->count
                        : s->clients_count > 0 ? s->clients_count
                                               : CLOSED_SHOTS;
        int64_t length_ns = s->schedule ? s->schedule->duration_ns : o->duration_ns;
        run->room += count;
        by_time = by_time || (!s->schedule && s->clients_count == 0);
        if (length_ns > run->state.length_ns) run->state.length_ns = length_ns;
    }
    run->state.planned = by_time ? 0 : run->room;
}

static bt_status open_run(load_run **out, const bt_load_options *o, bt_error *error) {
    load_run *run = calloc(1, sizeof *run);
    *out = NULL;
    if (!run) return bt_no_memory(error, "a load run");
    size_up(run, o);
    run->stream_count = o->stream_count;
    run->state.options = o;
    run->state.shots = calloc((size_t)run->room, sizeof *run->state.shots);
    run->state.done = calloc((size_t)run->room, sizeof *run->state.done);
    if (!run->state.shots || !run->state.done) {
        bt_no_memory(error, "%lld requests", (long long)run->room);
        free_run(run);
        return BT_NO_MEMORY;
    }
    for (int i = 0; i < o->stream_count; i++) {
        run->streams[i].options = &o->streams[i];
        run->streams[i].closed = o->streams[i].clients > 0;
        run->streams[i].inputs = bt_random_stream(o->seed + (uint64_t)i, "load/inputs");
    }
    *out = run;
    return BT_OK;
}

/* What is missing now may come later: its fields are not read. */
static void settle(load_run *run, bt_load_log *log) {
    log->count = atomic_load(&run->state.sent);
    log->start_ns = log->end_ns = run->state.start_ns;
    log->interrupted = run->interrupted;
    for (int64_t i = 0; i < log->count; i++) {
        if (!atomic_load_explicit(&run->state.done[i], memory_order_acquire)) {
            log->lost++;
            continue;
        }
        const bt_shot *shot = &run->state.shots[i];
        int64_t last_ns = shot->answered_ns > shot->sent_ns ? shot->answered_ns : shot->sent_ns;
        if (last_ns > log->end_ns) log->end_ns = last_ns;
    }
}

/* Where answers are missing the log gets a copy, in which what is missing is marked; the original stays for
 * them. */
static bt_status hand_over(load_run *run, bt_load_log *log, bt_error *error) {
    if (log->lost == 0) {
        log->shots = run->state.shots;
        return BT_OK;
    }
    log->shots = malloc((size_t)log->count * sizeof *log->shots);
    if (!log->shots) return bt_no_memory(error, "%lld requests", (long long)log->count);
    for (int64_t i = 0; i < log->count; i++) {
        const bt_shot *from = &run->state.shots[i];
        log->shots[i] = (bt_shot){.intended_ns = from->intended_ns,
                                  .sent_ns = from->sent_ns,
                                  .stream = from->stream,
                                  .input = from->input,
                                  .status = BT_TIMEOUT};
        if (atomic_load_explicit(&run->state.done[i], memory_order_acquire)) log->shots[i] = *from;
    }
    return BT_OK;
}

bt_status bt_load_run(bt_load_log **out, const bt_load_options *options, bt_error *error) {
    bt_watcher *watcher;
    load_run *run;
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
    run->state.start_ns = bt_clock_now_ns() + START_NS;
    status = bt_watcher_open(&watcher, &run->state, error);
    if (status == BT_OK) {
        schedule_class before;
        const bt_throttle_mark mark = bt_throttle_now();
        come_first(&before);
        send_all(run);
        come_as_before(&before);
        drain(run);
        owned->log.throttling = bt_throttle_since(&mark);
        bt_watcher_close(&watcher, &owned->log.seconds, &owned->log.second_count);
        settle(run, &owned->log);
        status = hand_over(run, &owned->log, error);
    }
    *out = &owned->log;
    if (status != BT_OK) bt_load_log_close(out);
    return status;
}

void bt_load_log_close(bt_load_log **log) {
    if (!log || !*log) return;
    owned_log *owned = (owned_log *)*log; /* its first member */
    long long sent = atomic_load(&owned->run->state.sent);
    if (owned->log.lost > 0) free(owned->log.shots);
    if (atomic_fetch_add(&owned->run->owed, sent) + sent == 0) free_run(owned->run);
    free(owned->log.seconds);
    free(owned);
    *log = NULL;
}

bt_lateness bt_load_lateness(const bt_load_log *log) {
    bt_lateness late = {NAN, NAN, NAN};
    double *late_us = malloc((size_t)(log->count + 1) * sizeof *late_us);
    size_t n = 0;
    bool open = false;
    for (int64_t i = 0; i < log->count && late_us; i++) {
        late_us[n++] = (double)(log->shots[i].sent_ns - log->shots[i].intended_ns) / 1e3;
        open = open || late_us[n - 1] != 0;
    }
    if (open) { /* closed loops send when they intend to */
        bt_sort(late_us, n);
        late = (bt_lateness){bt_quantile(late_us, n, 0.5), bt_quantile(late_us, n, 0.99), late_us[n - 1]};
    }
    free(late_us);
    return late;
}
