#include "simulate/simulate.h"

#include <assert.h>
#include <stdlib.h>

#include "base/clock.h"
#include "base/random.h"
#include "simulate/stepped.h"
#include "simulate/traffic.h"

/* Both lanes of every instance may be at work at a time, each with a run that was given to it, and the results of the
 * one before, which it delivers first. */
#define RUNS_MAX (2 * BT_BATCHER_LANES_MAX)

/* A run under way, or the delivery of its results. */
typedef struct running {
    bt_run_course course;
    uint64_t run;
    bt_run_outcome outcome;
    int model, lane;
    int count; /* images; of a delivery, answers */
    bool is_delivery;
} running;

typedef struct bt_stepped {
    bt_batcher *batcher;
    bt_simulation *result;
    bt_traffic *models;
    int model_count;
    int64_t now_ns, overhead_ns;
    running runs[RUNS_MAX]; /* a heap, the next to end first */
    int run_count;
    running ended;                          /* the run that ended last; */
    int64_t answered_ns;                    /* when its results are with their callers */
    int answers;                            /* of it so far */
    int64_t free_ns[BT_BATCHER_LANES_MAX];  /* when a lane has delivered what it has */
    int first_of[BT_BATCHER_INSTANCES_MAX]; /* by instance: the first on its device, which stands for that */
    int64_t idle_since_ns[BT_BATCHER_INSTANCES_MAX]; /* by that one: when its device's last run ended */
    bool has_neighbours;                             /* some model is slowed by another */
    int last_model[BT_BATCHER_INSTANCES_MAX];        /* by that one: whose run was its device's last; -1 */
    double slowdown[BT_BATCHER_LANES_MAX];           /* by lane: of the run under way */
    const bt_simulation_options *options;            /* borrowed */
} simulator;

/* ---- opening ---- */

static bt_status open_batcher(simulator *sim, const bt_simulation_options *options, bt_error *error) {
    bt_batcher_model *models = malloc((size_t)options->model_count * sizeof *models);
    if (!models) return bt_no_memory(error, "a simulation");
    for (int i = 0; i < options->model_count; i++)
        models[i] = options->models[i].batcher;
    bt_status status = bt_batcher_open(&sim->batcher,
                                       &(bt_batcher_options){.models = models,
                                                             .model_count = options->model_count,
                                                             .instances = options->instances,
                                                             .instance_count = options->instance_count},
                                       error);
    free(models);
    return status;
}

static bt_status open_all(simulator *sim, const bt_simulation_options *options, bt_error *error) {
    bt_simulation *result = calloc(1, sizeof *result);
    sim->result = result;
    if (!result) return bt_no_memory(error, "a simulation");
    result->trace_hash = BT_FNV_START;
    sim->options = options;
    if (options->model_count < 1 || options->model_count > BT_BATCHER_MODELS_MAX ||
        options->overhead_ns < 0 || options->overhead_ns > BT_LADDER_NS_MAX)
        return bt_fail(error, BT_INVALID, "a simulation of %d models with an overhead of %lld ns a run",
                       options->model_count, (long long)options->overhead_ns);
    result->models = calloc((size_t)options->model_count, sizeof *result->models);
    sim->models = calloc((size_t)options->model_count, sizeof *sim->models);
    if (!result->models || !sim->models) return bt_no_memory(error, "a simulation");
    sim->model_count = result->model_count = options->model_count;
    sim->overhead_ns = options->overhead_ns;
    /* first, since it checks the ladders that the rest reads */
    bt_status status = open_batcher(sim, options, error);
    for (int i = 0; status == BT_OK && i < options->model_count; i++)
        status = bt_traffic_open(&sim->models[i], options, i, &result->models[i], error);
    return status;
}

/* Nothing has run yet: every device has idled long. */
static void find_devices(simulator *sim, const bt_simulation_options *options) {
    for (int i = 0; i < options->instance_count; i++) {
        int first = 0;
        while (options->instances[first].device != options->instances[i].device)
            first++;
        sim->first_of[i] = first;
        sim->idle_since_ns[i] = -BT_HORIZON_NS;
        sim->last_model[i] = -1;
    }
    for (int i = 0; i < options->model_count; i++)
        sim->has_neighbours = sim->has_neighbours || options->models[i].neighbour_count > 0;
}

static int device_of(const simulator *sim, int lane) {
    return sim->first_of[lane / BT_LANES_PER_INSTANCE];
}

/* ---- runs under way ---- */

static bool ends_before(const running *a, const running *b) {
    return a->course.end_ns != b->course.end_ns ? a->course.end_ns < b->course.end_ns : a->run < b->run;
}

static void push_run(simulator *sim, running run) {
    assert(sim->run_count < RUNS_MAX);
    int at = sim->run_count++;
    for (int parent; at > 0 && ends_before(&run, &sim->runs[parent = (at - 1) / 2]); at = parent)
        sim->runs[at] = sim->runs[parent];
    sim->runs[at] = run;
}

/* Puts a run at its place, from `at` downwards. */
static inline void sink(simulator *sim, int at, running run) {
    for (int child; (child = 2 * at + 1) < sim->run_count; at = child) {
        if (child + 1 < sim->run_count && ends_before(&sim->runs[child + 1], &sim->runs[child])) child++;
        if (!ends_before(&sim->runs[child], &run)) break;
        sim->runs[at] = sim->runs[child];
    }
    sim->runs[at] = run;
}

static running pop_run(simulator *sim) {
    running first = sim->runs[0], last = sim->runs[--sim->run_count];
    sink(sim, 0, last);
    return first;
}

/* ---- neighbours ---- */

/* Runs of the model that are under way on other devices than this one. */
static int count_elsewhere(const simulator *sim, int model, int device) {
    int count = 0;
    for (int i = 0; i < sim->run_count; i++) {
        const running *run = &sim->runs[i];
        count += run->model == model && !run->is_delivery && device_of(sim, run->lane) != device;
    }
    return count;
}

static double slowdown_of(const simulator *sim, const running *run) {
    const bt_simulation_model *model = sim->models[run->model].model;
    double slowdown = 1;
    for (int i = 0; i < model->neighbour_count; i++) {
        const bt_neighbour *other = &model->neighbours[i];
        const int count = count_elsewhere(sim, other->model, device_of(sim, run->lane));
        const int counted = count < other->beside ? count : other->beside;
        slowdown *= 1 + (other->slowdown - 1) * counted / other->beside;
    }
    return slowdown;
}

/* What is left of it, from a moment on, takes `times` as long. */
static int64_t stretched(int64_t end_ns, int64_t from_ns, double times) {
    return end_ns <= from_ns ? end_ns : from_ns + (int64_t)((double)(end_ns - from_ns) * times + 0.5);
}

/* A run has begun or ended: those that are under way go on faster or slower. */
static void change_speeds(simulator *sim) {
    if (!sim->has_neighbours) return;
    for (int i = 0; i < sim->run_count; i++) {
        running *run = &sim->runs[i];
        const double slowdown = run->is_delivery ? 1 : slowdown_of(sim, run);
        if (run->is_delivery || slowdown == sim->slowdown[run->lane]) continue;
        bt_run_course *course = &run->course;
        const int64_t from_ns = course->began_ns > sim->now_ns ? course->began_ns : sim->now_ns;
        const double times = slowdown / sim->slowdown[run->lane];
        course->prepared_ns = stretched(course->prepared_ns, from_ns, times);
        course->end_ns = stretched(course->end_ns, from_ns, times);
        sim->slowdown[run->lane] = slowdown;
    }
    for (int at = sim->run_count / 2 - 1; at >= 0; at--)
        sink(sim, at, sim->runs[at]);
}

/* What a run takes longer since the last one on its device was another model's. */
static int64_t switch_ns(simulator *sim, const bt_action *action) {
    int *last = &sim->last_model[sim->first_of[action->instance]];
    const bt_simulation_model *model = sim->models[action->model].model;
    double ms = 0;
    for (int i = 0; i < model->neighbour_count && action->path != BT_PATH_STANDARD; i++)
        if (model->neighbours[i].model == *last) ms = model->neighbours[i].switch_ms;
    *last = action->model;
    return (int64_t)(ms * BT_NS_PER_MS + 0.5);
}

/* ---- what the batcher wants done ---- */

static void trace(simulator *sim, const uint64_t *words, size_t count) {
    for (size_t i = 0; i < count; i++)
        sim->result->trace_hash = bt_hash_word(sim->result->trace_hash, words[i]);
}

static int64_t later(int64_t a_ns, int64_t b_ns) {
    return a_ns > b_ns ? a_ns : b_ns;
}

static void start_run(simulator *sim, const bt_action *action) {
    bt_traffic *traffic = &sim->models[action->model];
    running run = {.run = action->run,
                   .model = action->model,
                   .lane = bt_lane_of(action->instance, action->path),
                   .count = action->count};
    bt_run_course *course = &run.course;
    course->began_ns = later(sim->now_ns, sim->free_ns[run.lane]);
    course->prepared_ns = course->began_ns + bt_traffic_draw_preparing(traffic, action->count);
    const int64_t idle_ns = course->prepared_ns - sim->idle_since_ns[sim->first_of[action->instance]];
    /* a pause and another model's run leave the same caches cold */
    int64_t cold_ns = bt_traffic_idle_ns(traffic, action, idle_ns);
    if (sim->has_neighbours) cold_ns = later(cold_ns, switch_ns(sim, action));
    course->end_ns =
        course->prepared_ns + sim->overhead_ns + cold_ns + bt_traffic_draw_run(traffic, action, &run.outcome);
    sim->slowdown[run.lane] = 1;
    push_run(sim, run);
    change_speeds(sim);
}

/* Results come of the run that ended just now: they are answers once all of them are delivered. */
static void answer(simulator *sim, const bt_action *action) {
    bt_traffic *traffic = &sim->models[action->model];
    const bool waits = action->status == BT_OK && sim->answered_ns > sim->now_ns;
    bt_traffic_answer(traffic, action, &sim->ended.course, waits ? sim->answered_ns : sim->now_ns);
    if (waits)
        sim->answers++;
    else
        bt_traffic_return(traffic, 1);
}

static void end_run(simulator *sim, const running *run) {
    bt_traffic *traffic = &sim->models[run->model];
    if (!bt_batcher_done(sim->batcher, sim->now_ns, run->run, run->outcome)) assert(!"a run of no batcher");
    sim->idle_since_ns[sim->first_of[run->lane / BT_LANES_PER_INSTANCE]] = sim->now_ns;
    const int64_t takes_ns = run->outcome == BT_RUN_GOOD ? bt_traffic_draw_delivery(traffic, run->count) : 0;
    traffic->busy_ns += run->course.end_ns - run->course.began_ns + takes_ns;
    change_speeds(sim);
    sim->ended = *run;
    sim->free_ns[run->lane] = sim->answered_ns = sim->now_ns + takes_ns;
    sim->result->duration_ns = later(sim->result->duration_ns, sim->answered_ns);
}

/* Clients of a closed loop go on when they have their answers; who sends by a schedule does not wait for any. */
static void await_delivery(simulator *sim) {
    const int answers = sim->answers;
    sim->answers = 0;
    if (answers == 0 || sim->models[sim->ended.model].model->arrivals_ns) return;
    running delivery = sim->ended;
    delivery.course.end_ns = sim->answered_ns;
    delivery.count = answers;
    delivery.is_delivery = true;
    push_run(sim, delivery);
}

static void act(simulator *sim) {
    bt_action action;
    while (bt_batcher_next(sim->batcher, sim->now_ns, &action)) {
        trace(sim,
              (uint64_t[]){(uint64_t)sim->now_ns, action.run,
                           action.kind == BT_ACTION_RUN ? action.tags[0] : action.tag,
                           (uint64_t)action.kind << 60 | (uint64_t)action.model << 52 |
                               (uint64_t)action.path << 48 | (uint64_t)action.status << 40 |
                               (uint64_t)(action.instance + 1) << 32 | (uint64_t)action.count << 16 |
                               (uint64_t)action.run_size},
              4);
        if (action.kind == BT_ACTION_RUN)
            start_run(sim, &action);
        else
            answer(sim, &action);
    }
    await_delivery(sim);
}

/* ---- events ---- */

static void send(simulator *sim, bt_traffic *traffic) {
    const uint64_t tag = (uint64_t)traffic->sent;
    uint64_t ticket;
    const bt_submission submission = {.model = (int)(traffic - sim->models),
                                      .deadline_ns = bt_traffic_send(traffic, sim->now_ns),
                                      .tag = tag};
    bt_status status = bt_batcher_submit(sim->batcher, sim->now_ns, &submission, &ticket);
    if (status == BT_OK) return;
    trace(sim, (uint64_t[]){(uint64_t)sim->now_ns, tag, (uint64_t)status}, 3);
    bt_traffic_refuse(traffic, sim->now_ns);
}

static int64_t sooner(int64_t a_ns, int64_t b_ns) {
    return a_ns < b_ns ? a_ns : b_ns;
}

/* The next thing that happens: a run or a delivery ends, a request arrives, or the batcher wants to be asked; at one
 * instant in this order. False when there is nothing more, or nothing until then. */
static bool step(simulator *sim, int64_t until_ns) {
    int64_t run_ns = sim->run_count > 0 ? sim->runs[0].course.end_ns : BT_NEVER_NS;
    int64_t arrival_ns = BT_NEVER_NS, wake_ns = bt_batcher_wake_ns(sim->batcher);
    bt_traffic *arriving = NULL;
    for (int i = 0; i < sim->model_count; i++) {
        int64_t next_ns = bt_traffic_next_ns(&sim->models[i], sim->now_ns);
        if (next_ns >= arrival_ns) continue;
        arrival_ns = next_ns;
        arriving = &sim->models[i];
    }
    if (sooner(sooner(run_ns, arrival_ns), wake_ns) > until_ns) return false;
    if (run_ns <= arrival_ns && run_ns <= wake_ns) {
        running ended = pop_run(sim);
        sim->now_ns = run_ns;
        if (ended.is_delivery)
            bt_traffic_return(&sim->models[ended.model], ended.count);
        else
            end_run(sim, &ended);
    } else if (arrival_ns <= wake_ns) {
        sim->now_ns = arrival_ns;
        send(sim, arriving);
    } else if (wake_ns > sim->now_ns) {
        sim->now_ns = wake_ns;
    }
    act(sim);
    return true;
}

/* ---- the whole ---- */

static bool has_arrivals(const simulator *sim) {
    for (int i = 0; i < sim->model_count; i++)
        if (sim->models[i].sent < sim->models[i].model->arrival_count) return true;
    return false;
}

static int instances_of(const bt_simulation_options *options, int model) {
    int count = 0;
    for (int i = 0; i < options->instance_count; i++)
        count += options->instances[i].model == model;
    return count;
}

bt_status bt_stepped_open(bt_stepped **out, const bt_simulation_options *options, bt_error *error) {
    simulator *sim = calloc(1, sizeof *sim);
    *out = sim;
    if (!sim) return bt_no_memory(error, "a simulation");
    bt_status status = open_all(sim, options, error);
    if (status == BT_OK) find_devices(sim, options);
    if (status != BT_OK) bt_stepped_close(out);
    return status;
}

void bt_stepped_until(bt_stepped *sim, int64_t until_ns) {
    while (step(sim, until_ns))
        continue;
}

int64_t bt_stepped_under_way(const bt_stepped *sim, int model) {
    const bt_simulated *out = sim->models[model].out;
    return sim->models[model].sent - out->ok - out->rejected - out->expired - out->failed;
}

bt_status bt_stepped_finish(bt_stepped **stepped, bt_simulation **out, bt_error *error) {
    simulator *sim = *stepped;
    bt_status status = BT_OK;
    *out = NULL;
    bt_stepped_until(sim, BT_HORIZON_NS);
    if (!bt_batcher_idle(sim->batcher) || has_arrivals(sim))
        status = bt_fail(error, BT_INVALID, "what is simulated is not over after 73 years");
    sim->result->duration_ns = later(sim->result->duration_ns, sim->now_ns);
    for (int i = 0; status == BT_OK && i < sim->model_count; i++)
        status = bt_traffic_sum_up(&sim->models[i], instances_of(sim->options, i), error);
    if (status == BT_OK) {
        *out = sim->result;
        sim->result = NULL;
    }
    bt_stepped_close(stepped);
    return status;
}

void bt_stepped_close(bt_stepped **stepped) {
    if (!stepped || !*stepped) return;
    bt_batcher_close(&(*stepped)->batcher);
    free((*stepped)->models);
    bt_simulation_close(&(*stepped)->result);
    free(*stepped);
    *stepped = NULL;
}

bt_status bt_simulate(bt_simulation **out, const bt_simulation_options *options, bt_error *error) {
    bt_stepped *stepped;
    *out = NULL;
    bt_status status = bt_stepped_open(&stepped, options, error);
    return status == BT_OK ? bt_stepped_finish(&stepped, out, error) : status;
}

void bt_simulation_close(bt_simulation **simulation) {
    if (!simulation || !*simulation) return;
    for (int i = 0; (*simulation)->models && i < (*simulation)->model_count; i++)
        free((*simulation)->models[i].latency_ms);
    free((*simulation)->models);
    free(*simulation);
    *simulation = NULL;
}
