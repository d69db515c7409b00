/* What a running service consists of. Internal to serving/.
 *
 * One lock guards the batcher and the slots; everything slow (preprocessing, the backend, callbacks) happens
 * outside it. Every instance has two lanes, threads that own one backend session each, for the production and
 * the standard path. A supervisor thread sleeps exactly until the batcher's next wake time. Whoever changes
 * something under the lock pumps the batcher dry before releasing it (pump.c): runs go into lanes' mailboxes,
 * answers are delivered after unlocking.
 *
 * open.c makes a service of its config, place.c says where it runs; service.c starts and stops it, start-lanes.c its lanes; request.c takes
 * requests, lane.c runs them on what gather.c brings, supervisor.c acts when time has passed; live-settings.c
 * changes it under way, facts.c tells of it, and capacity.c how much it could serve. */
#ifndef BT_SERVING_STATE_H
#define BT_SERVING_STATE_H

#include "base/atomic.h"
#include "base/futex.h"
#include "base/quick-lock.h"
#include "networks/model.h"
#include "serving/metrics.h"
#include "serving/serving.h"
#include "simulate/tuned-model.h"
#include <pthread.h>

#ifdef __cplusplus
extern "C" {
#endif

#define BT_NO_REQUEST UINT32_MAX

/* A request from submit to its answer; its index is the batcher's tag. */
typedef struct bt_waiting_request {
    bt_request request;
    bt_answer answer;
    void *context;
    int64_t submitted_ns;
    uint32_t next_free;
} bt_waiting_request;

/* An answer that has left the batcher, with all that delivering it needs:
 * the request's slot is free already. */
typedef struct bt_delivery {
    bt_waiting_request waiting;
    bt_action action;
} bt_delivery;

typedef enum bt_lane_phase { BT_LANE_STARTING, BT_LANE_READY, BT_LANE_FAILED, BT_LANE_ENDED } bt_lane_phase;

/* One lane. What its members are says who may touch them:
 *
 * - `own` is its thread's alone. Before the thread is started and after it has ended it belongs to whoever
 *   starts and stops the service.
 * - `shared` is touched under the service's lock, by any thread. The two arrays in it change hands instead:
 *   while `reading` is set their elements are filled under the lock, and the thread reads what was mailed;
 *   once it is not set, what is owed is the thread's.
 * - `found` is written by its thread until it is ready or has failed, and is constant from then on.
 * - The others are constant from open on; `signal` is atomic; `thread` and `threaded` belong to whoever
 *   starts and stops the service. */
typedef struct bt_worker_lane {
    bt_service *service;
    int model, instance; /* instance: of all models together, as the batcher counts */
    bt_path path;
    const bt_instance *place;
    bool shares_cores; /* with other lanes: between runs it holds nothing */
    pthread_t thread;
    bool threaded;
    atomic_uint signal; /* counts up with every mail; the futex it sleeps on */
    struct {
        bt_session *session;
        float *images, *logits; /* room for the largest size */
        float *merged;          /* of several classes: one picture's map of those in its mask */
        bool *tame;             /* of each: its input is a picture's, so that its logits must be numbers */
        void *scratch;
        bt_delivery *deliveries; /* as many as there are requests */
        int image_threads;       /* that prepare images and masks: the session's, which wait meanwhile */
        bool saturation_warned;  /* of pictures beyond what INT8 was calibrated on */
        bool output_checked;     /* what a user's network gave for its first pictures was judged */
        int64_t began_ns, preprocess_ns, service_ns, deliver_ns; /* of the present run, or the last */
    } own;
    struct {
        bt_lane_phase phase;
        bool mailed, quit;
        bool reading;         /* the images of `work` are being read: none of them may be answered yet */
        bt_action work;       /* the run to do, or under way */
        bt_request *requests; /* of `work`: their slots may be others' by the time they are read */
        bt_delivery *owed;    /* answers of requests that were being read; as many as the largest size */
        int owed_count;
    } shared;
    struct {
        bt_error failure; /* where it failed */
        bt_session_info session;
        int64_t warm_ns[BT_LADDER_SIZES_MAX]; /* the warm-up's service times, by the ladder */
    } found;
} bt_worker_lane;

/* What earlier services counted of a model of that name. */
typedef struct bt_past {
    bt_metrics metrics; /* its counters */
    bt_metrics_totals totals;
} bt_past;

typedef struct bt_service_model {
    bt_served_model served;
    bt_tuned_model tuned;
    bool tuned_open;
    bt_batcher_model batcher;
    char name[BT_NAME_SIZE];
    int height, width;
    bool demonstration; /* as in bt_model_facts */
    int first_instance, instance_count;
    double start_s;
    /* guarded by the service's lock */
    double p95_sla_ms, timeout_ms;
    double capacity_rps; /* of the settings that it was opened with; NaN: not known */
    bt_batcher_change live;
    /* guarded by past_lock */
    bt_past past;
    bt_service *before; /* one that ends, and whose counts are not in `past` yet; NULL: none */
    int before_index;
    /* guarded by meter_lock */
    pthread_mutex_t meter_lock;
    bt_meter *meter;
    bt_serving_failures failures;
    double saturated_fraction; /* bt_metrics' */
} bt_service_model;

typedef enum bt_phase {
    BT_PHASE_OPEN,
    BT_PHASE_STARTING,
    BT_PHASE_RUNNING,
    BT_PHASE_STOPPING,
    BT_PHASE_STOPPED
} bt_phase;

struct bt_service {
    bt_config *config; /* owned where the service read it; NULL where the caller did */
    bt_log *log;
    bt_cores cores;
    bt_service_model *models;
    int model_count;
    bt_worker_lane *lanes; /* by bt_production_lane and bt_standard_lane */
    int lane_count;
    bt_batcher_instance instances[BT_BATCHER_INSTANCES_MAX];
    int instance_count;
    int64_t spin_ns, window_ns;
    int64_t look_ns;  /* for the lock, before sleeping on it */
    bool left_behind; /* a lane hangs in its backend: nothing may be freed */

    pthread_mutex_t past_lock; /* held while the service before is read: taken before any lock of either */
    pthread_mutex_t lock;
    bt_phase phase;
    bt_batcher *batcher;
    bt_waiting_request *requests;
    uint32_t request_count, first_free;
    atomic_uint changed; /* futex: a lane's phase, or the batcher running empty while stopping */
    bool awaits_idle;

    pthread_t supervisor;
    bool supervised, supervisor_quit;
    int64_t supervisor_until_ns; /* what it sleeps until; guarded by the lock */
    atomic_uint supervisor_signal;
    bt_delivery *supervisor_deliveries;
};

/* The lock of a running service, on the way of every request and batch. */
static inline void bt_service_lock(bt_service *service) {
    bt_quick_lock(&service->lock, service->look_ns);
}

/* ---- open.c ---- */

/* Frees a service that does not run, or was never wholly opened. */
void bt_service_free(bt_service *service);

/* ---- capacity.c ---- */

/* What a model's entry in the config says, where it is served as it was tuned; NaN otherwise. */
double bt_capacity_as_tuned(const bt_service_model *model);
/* Under the lock: what it can serve as it is set now; NaN where that is not known. */
double bt_capacity_now(const bt_service_model *model);

/* ---- past.c ---- */

/* Adds what earlier services counted; `totals` may be NULL. */
void bt_past_add(bt_service *service, int index, bt_metrics *metrics, bt_metrics_totals *totals);

/* ---- shared.c ---- */

/* Why there is no service: what the last try of bt_service_shared said, where that is it. */
bt_status bt_service_fail_missing(bt_error *error);

/* ---- pump.c ---- */

/* How many answers a thread that is no lane delivers at a time: one that submits, say, takes along what came
 * due just then. Raised, submitting needs more stack (some 250 bytes an answer); lowered, a queue that
 * expires at once is answered with more turns at the lock. */
#define BT_DELIVERIES_AT_ONCE 16

/* Who is to be woken once the lock is released. */
typedef struct bt_wakes {
    bt_worker_lane *lanes[BT_BATCHER_LANES_MAX];
    int lane_count;
    bool supervisor, idle;
} bt_wakes;

/* Nobody yet; the list itself is left as it is, since this is done for every request. */
static inline void bt_wakes_none(bt_wakes *wakes) {
    wakes->lane_count = 0;
    wakes->supervisor = wakes->idle = false;
}

/* Under the lock: takes everything the batcher wants done now. Runs are mailed to their lanes (`self`, which
 * may be NULL, needs no waking); at most `room` answers are put into `out`. Returns how many; fewer than
 * `room` says that none is left. */
int bt_pump(bt_service *service, int64_t now_ns, bt_worker_lane *self, bt_delivery *out, int room,
            bt_wakes *wakes);
/* Outside the lock. */
void bt_wake_all(bt_service *service, const bt_wakes *wakes);
/* Outside the lock: calls back with answers; `lane` (may be NULL) holds the logits of those that
 * went well. */
void bt_deliver(bt_service *service, const bt_delivery *deliveries, int count, bt_worker_lane *lane);
/* Takes the meter's lock: a request that got no result. */
void bt_count_lost(bt_service_model *model, int64_t now_ns);
/* Locks, only pumps until nothing is left, and delivers. */
void bt_pump_and_deliver(bt_service *service);

/* ---- gather.c ---- */

/* Brings the inputs of a run there, and notes which of them are pictures'. On the lane's thread, while `reading`. */
BT_MUST_USE bt_status bt_lane_gather(bt_worker_lane *lane, const bt_action *work, bt_error *error);

/* ---- place.c ---- */

/* Of models that are resolved, with their batchers: places those whose instances are "auto", and says so in the log.
 * BT_INVALID for devices or shares that cannot be, models that do not fit or have no measured times; BT_UNSUPPORTED for
 * a GPU that there is not, BT_NO_MEMORY. */
BT_MUST_USE bt_status bt_service_place(bt_service *service, const bt_service_settings *given,
                                       bt_error *error);

/* ---- start-lanes.c ---- */

/* Starts every lane: those of one device one after another, devices side by side. Back when all are ready, or one has
 * failed and none is starting any more; the error is then that of the first which fails, as the lanes are numbered.
 * Stopping those that run is the caller's. */
BT_MUST_USE bt_status bt_lanes_start(bt_service *service, bt_error *error);

/* ---- lane.c, supervisor.c ---- */

/* Has a thread of its own open its session and warm up; `changed` is signalled when that has ended. */
BT_MUST_USE bt_status bt_lane_launch(bt_worker_lane *lane, bt_error *error);
/* Whether that has ended; *status says how, and *error why where it is no success. */
bool bt_lane_has_started(bt_worker_lane *lane, bt_status *status, bt_error *error);
/* Ends a lane's thread, waiting at most `wait_ns` for its run; false where it hangs and was left behind. */
bool bt_lane_stop(bt_worker_lane *lane, int64_t wait_ns);
void bt_lane_free(bt_worker_lane *lane);
/* How many numbers a run gives for an image: of each class, each pixel. */
size_t bt_lane_values(const bt_worker_lane *lane);
BT_MUST_USE bt_status bt_supervisor_start(bt_service *service, bt_error *error);
void bt_supervisor_stop(bt_service *service);

#ifdef __cplusplus
}
#endif
#endif
