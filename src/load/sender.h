/* The sending side of a load run: whose request is next, sending it at its time, and hearing of the answers.
 * Internal to load/: generator.c makes a run and hands its log over, this sends what is in it. */
#ifndef BT_LOAD_SENDER_H
#define BT_LOAD_SENDER_H

#include "load/draw.h"
#include "load/pacing.h"
#include "load/watcher.h"

#ifdef __cplusplus
extern "C" {
#endif

/* One stream under way. */
typedef struct bt_running_stream {
    const bt_stream *options; /* not to be read by late answers: it is gone by then */
    bool closed;              /* a closed loop */
    int64_t next;             /* of its schedule */
    atomic_int outstanding;   /* closed loop */
    int64_t sent;
    bt_input_draw inputs;
} bt_running_stream;

/* A run's own memory: it outlives the run where answers are missing, since they may still come. */
typedef struct bt_load_run_state {
    bt_load_state state;
    bt_running_stream streams[BT_LOAD_STREAMS_MAX];
    int stream_count;
    int64_t room;        /* of requests */
    atomic_uint changed; /* futex: counts answers while somebody listens */
    atomic_bool listening;
    bt_pacer pacer;
    bool interrupted;
    /* Minus the answers that came, plus, once the log is closed, the requests sent: whoever makes it 0 is the
     * last to know this memory. */
    atomic_llong owed;
} bt_load_run_state;

/* Sends everything, on the calling thread. */
void bt_send_all(bt_load_run_state *run);
/* Waits for answers that are missing, at most for so long. */
void bt_await_answers(bt_load_run_state *run, int64_t drain_ns);
/* To be called once, when the log is closed: frees the run now, or when its last answer has come. */
void bt_load_run_release(bt_load_run_state *run);

#ifdef __cplusplus
}
#endif
#endif
