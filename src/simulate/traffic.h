/* One model's part of a simulation: what it sends and when, how long its runs take, and what came of its requests.
 * simulate.c moves the clock; nobody else includes this. */
#ifndef BT_SIMULATE_TRAFFIC_H
#define BT_SIMULATE_TRAFFIC_H

#include "base/clock.h"
#include "base/random.h"
#include "simulate/simulate.h"

/* A virtual clock ends there: 73 years, and a few times as much can be counted. */
#define BT_HORIZON_NS ((int64_t)1 << 61)

/* A run's course: a lane begins with it, has its images, and has its results. */
typedef struct bt_run_course {
    int64_t began_ns, prepared_ns, end_ns;
} bt_run_course;

typedef struct bt_traffic {
    const bt_simulation_model *model;
    const double *speeds; /* the options' */
    bt_simulated *out;
    int64_t sent, idle_clients;
    int64_t summed;            /* answers that the sums are of */
    int64_t first_ns, last_ns; /* first arrival, last answer */
    int64_t busy_ns;           /* of all its runs */
    double latency_sum_ms, queue_sum_ms, prepare_sum_ms, run_sum_ms;
    uint64_t runs, run_requests;
    bt_random service_random, standard_random, failure_random, prepare_random, deliver_random, block_random;
    int order_at,
        block_left; /* the next run's place in the model's order, and how many runs are left of the block */
    int16_t times_of[BT_LADDER_BATCH_MAX + 1]; /* by run size: which of the model's times; -1: none */
} bt_traffic;

/* Checks model `index` of the options, whose ladder the batcher has accepted, and makes `out` ready for its
 * latencies. BT_INVALID names what is wrong, BT_NO_MEMORY. */
BT_MUST_USE bt_status bt_traffic_open(bt_traffic *traffic, const bt_simulation_options *options, int index,
                                      bt_simulated *out, bt_error *error);

/* When its next request arrives, at `now_ns` at the soonest; BT_NEVER_NS where none does. In line, as what
 * follows: each event asks it of every model. */
static inline int64_t bt_traffic_next_ns(const bt_traffic *traffic, int64_t now_ns) {
    const bt_simulation_model *model = traffic->model;
    if (traffic->sent == model->arrival_count) return BT_NEVER_NS;
    if (model->arrivals_ns) return model->arrivals_ns[traffic->sent];
    return traffic->idle_clients > 0 ? now_ns : BT_NEVER_NS;
}

/* A request is sent: counts it, and returns when it will be given up. */
static inline int64_t bt_traffic_send(bt_traffic *traffic, int64_t now_ns) {
    const bt_simulation_model *model = traffic->model;
    const int64_t left_ns = BT_NEVER_NS - now_ns;
    const bool timed = model->timeout_ns > 0 && model->timeout_ns < left_ns;
    traffic->sent++;
    if (traffic->first_ns == BT_NEVER_NS) traffic->first_ns = now_ns;
    if (!model->arrivals_ns) traffic->idle_clients--;
    return timed ? now_ns + model->timeout_ns : BT_NEVER_NS;
}

/* Clients that have their answers may send again. */
static inline void bt_traffic_return(bt_traffic *traffic, int clients) {
    if (!traffic->model->arrivals_ns) traffic->idle_clients += clients;
}

/* A request is answered at `now_ns`; `run` is the one that gave its result. */
static inline void bt_traffic_answer(bt_traffic *traffic, const bt_action *answer, const bt_run_course *run,
                                     int64_t now_ns) {
    bt_simulated *out = traffic->out;
    if (now_ns > traffic->last_ns) traffic->last_ns = now_ns;
    if (answer->status == BT_TIMEOUT) out->expired++;
    if (answer->status != BT_OK && answer->status != BT_TIMEOUT) out->failed++;
    if (answer->status != BT_OK) return;
    const double latency_ms = bt_ms(now_ns - answer->arrival_ns);
    out->ok++;
    out->latency_ms[answer->tag] = latency_ms;
    if (traffic->model->arrivals_ns && answer->arrival_ns < traffic->model->warm_ns) return;
    traffic->summed++;
    traffic->latency_sum_ms += latency_ms;
    traffic->queue_sum_ms += bt_ms(run->began_ns - answer->arrival_ns);
    traffic->prepare_sum_ms += bt_ms(run->prepared_ns - run->began_ns);
    traffic->run_sum_ms += bt_ms(run->end_ns - run->prepared_ns);
}

/* The batcher refused the request that was just sent. */
void bt_traffic_refuse(bt_traffic *traffic, int64_t now_ns);

/* A lane begins with a run: draws how long its preparing takes; and the run itself, beside the service's own
 * overhead, and how it ends. */
int64_t bt_traffic_draw_preparing(bt_traffic *traffic, int count);
int64_t bt_traffic_draw_run(bt_traffic *traffic, const bt_action *run, bt_run_outcome *outcome);

/* What a run takes longer on a device that has done nothing for so long. */
int64_t bt_traffic_idle_ns(const bt_traffic *traffic, const bt_action *run, int64_t idle_ns);

/* A run of `count` images has its results: draws how long delivering them takes. */
int64_t bt_traffic_draw_delivery(bt_traffic *traffic, int count);

/* Fills in the figures, on so many instances. BT_NO_MEMORY. */
BT_MUST_USE bt_status bt_traffic_sum_up(const bt_traffic *traffic, int instances, bt_error *error);

#endif
