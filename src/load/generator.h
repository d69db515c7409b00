/* Sends a schedule's requests to a target at their times, and writes down what became of each.
 *
 * Open loop: the next request goes out when its time has come, whatever the target does; latency counts from
 * the intended time, so a stall shows at its true length in everyone who came during it. How late the
 * generator itself was is written down beside it (sent - intended): a run whose generator was late says
 * nothing about the target. Closed loop: a fixed number of clients, each sends when its last answer is in.
 *
 * The sending thread asks the kernel for exact timers, sleeps until shortly before a send and spins the rest;
 * how shortly it learns from how late sleeps end, and it never spins longer than spin_max_ns, since on a
 * machine whose cores are all in use a spinning generator slows what it measures. */
#ifndef BT_LOAD_GENERATOR_H
#define BT_LOAD_GENERATOR_H

#include <signal.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/error.h"
#include "base/throttle.h"
#include "load/schedule.h"
#include "load/target.h"

#ifdef __cplusplus
extern "C" {
#endif

#define BT_LOAD_STREAMS_MAX 64

/* One stream of requests: one model's. Exactly one of `schedule` and `clients` is set. */
typedef struct bt_stream {
    const bt_schedule *schedule;
    int clients;           /* closed loop: so many in flight */
    int64_t clients_count; /* closed loop: ends after so many requests (0: only by time) */
    const double *weights; /* of the inputs 0..input_count-1, which are drawn by them; NULL: in turn */
    int input_count;       /* at least 1 */
    /* Of each of the schedule's arrivals, drawn already; NULL: drawn as they are sent. */
    const int32_t *inputs;
} bt_stream;

typedef struct bt_load_moment {
    double elapsed_s, fraction; /* of the schedule */
    double rate_rps, p95_ms;    /* answers of about the last two seconds; NaN where none */
    int64_t sent, answered;
    int64_t failed; /* every answer or refusal that is no result */
    int64_t queued; /* -1: unknown */
} bt_load_moment;

typedef struct bt_load_options {
    bt_target target;
    const bt_stream *streams; /* sent by one thread, merged by time */
    int stream_count;
    int64_t duration_ns; /* closed loops end after it; 0: by count alone */
    int64_t drain_ns;    /* wait for late answers so long after the last send */
    int64_t spin_max_ns; /* 0: BT_LOAD_SPIN_NS */
    uint64_t seed;       /* of drawing inputs */
    int64_t start_ns;    /* time 0 of the schedules, by bt_clock_now_ns; 0: as soon as the threads are up */
    bool canary;         /* time the canary each second, on a thread of its own, and watch what others use */
    /* About four times a second, from another thread than the sending one; may be NULL. */
    void (*progress)(void *context, const bt_load_moment *moment);
    void *progress_context;
    const volatile sig_atomic_t *stop; /* not 0: sends no more, drains, sets `interrupted`; may be NULL */
} bt_load_options;

/* The longest spin before a send, unless the options or the time between sends (pacing.c) allow a longer one.
 * Raised, sends are on time even where sleeps end late, at the price of a core's time that the service may
 * want; lowered, the send delay is that of the kernel's timers. */
#define BT_LOAD_SPIN_NS 200000

/* One second of a run, seen by the bystanders. */
typedef struct bt_load_second {
    double canary_ms;    /* NaN where it was not timed */
    double others_cores; /* cores' worth of work by other processes; NaN unknown */
} bt_load_second;

/* What a run sent, and what became of it. */
typedef struct bt_request_log {
    bt_sent_request *requests; /* in the order of sending; owned */
    int64_t count;
    int64_t lost;            /* taken and never answered, even after draining: BT_TIMEOUT, answered_ns 0 */
    int64_t start_ns;        /* time 0 of the schedules */
    int64_t end_ns;          /* of the last answer (or send) */
    bt_load_second *seconds; /* owned */
    int second_count;
    bt_throttling throttling; /* of this process's control group, from the first send to the last answer */
    bool interrupted;
} bt_request_log;

/* Blocks until all is answered or drained. BT_INVALID for wrong options, BT_NO_MEMORY, BT_IO where a thread
 * cannot be started. A target's refusals are no failure of this call. Requests that stay unanswered after
 * draining keep the log's memory alive: it is then not freed at close, since the target may still write to
 * it. */
BT_MUST_USE bt_status bt_load_run(bt_request_log **out, const bt_load_options *options, bt_error *error);
void bt_request_log_close(bt_request_log **log); /* NULL-safe; nulls */

/* An empty log with room for `room` requests and so many seconds, for one that is put together of others; to
 * be closed as well. BT_NO_MEMORY. */
BT_MUST_USE bt_status bt_request_log_open(bt_request_log **out, int64_t room, int seconds, bt_error *error);

/* How late the generator sent: sent - intended, over the open-loop requests, by bt_quantile. NaN where there
 * are none. */
typedef struct bt_send_delay {
    double p50_us, p99_us, max_us;
} bt_send_delay;
bt_send_delay bt_load_send_delay(const bt_request_log *log);

#ifdef __cplusplus
}
#endif
#endif
