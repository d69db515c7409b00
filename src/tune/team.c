#include "tune/team.h"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/atomic.h"
#include "base/clock.h"
#include "base/cores.h"
#include "settings/placement.h"

typedef enum task {
    TASK_NONE,
    TASK_OPEN,
    TASK_PREPARE,
    TASK_TIME,
    TASK_RUN,
    TASK_TURN, /* once, as in a service that shares the cores */
    TASK_KEEP, /* on and on, until the team is to rest */
    TASK_CLOSE
} task;

/* An instance. With one alone there is no thread, unless it is to be apart, and its tasks are done by the caller's. */
typedef struct instance {
    bt_team *team;
    const bt_instance *place;
    pthread_t thread;
    bool started; /* the thread */
    bt_session *session;
    float *logits; /* room for the largest batch prepared; the first one's are the caller's */
    size_t logits_count;
    task task; /* given by the caller, TASK_NONE once done */
    double *samples_ms;
    int sample_count;
    bt_status status;
    bt_error error;
} instance;

struct bt_team {
    bt_session_options options;
    bt_placement placement;
    instance instances[BT_INSTANCES_MAX];
    int count;
    bool threaded;
    atomic_bool resting;  /* what keeps running is to end */
    pthread_mutex_t lock; /* of the instances' tasks, where they have threads */
    pthread_cond_t given, done;
    /* what the tasks are about */
    int batch_size, runs;
    size_t values;
    const float *images;
    float *logits;
};

/* ---- what an instance does ---- */

static bt_status open_instance(instance *self, bt_error *error) {
    bt_status status = bt_cpus_bind(self->place->cpus, error);
    return status == BT_OK ? bt_session_open(&self->session, &self->team->options, error) : status;
}

static bool is_first(const instance *self) {
    return self == &self->team->instances[0];
}

/* Blank ones, for those that are timed to run on: what is in them takes no time. */
static bt_status put_pictures(instance *self, bt_error *error) {
    const bt_session_options *options = &self->team->options;
    uint8_t *blank = calloc(3 * (size_t)options->height, (size_t)options->width);
    bt_status status = blank ? BT_OK : bt_no_memory(error, "a picture");
    for (int i = 0; i < self->team->batch_size && status == BT_OK; i++)
        status =
            bt_session_put_picture(self->session, i, blank, options->height, options->width, NULL, error);
    free(blank);
    return status;
}

static bt_status prepare_instance(instance *self, bt_error *error) {
    const size_t count = (size_t)self->team->batch_size * self->team->values;
    if (!is_first(self) && count > self->logits_count) {
        float *logits = realloc(self->logits, count * sizeof *logits);
        if (!logits) return bt_no_memory(error, "a batch of %d images", self->team->batch_size);
        self->logits = logits;
        self->logits_count = count;
    }
    bt_status status = bt_session_prepare(self->session, self->team->batch_size, error);
    return status == BT_OK && self->session->info.takes_pictures ? put_pictures(self, error) : status;
}

static float *logits_of(const instance *self) {
    return is_first(self) ? self->team->logits : self->logits;
}

static bt_status run_instance(instance *self, bt_error *error) {
    return bt_session_run(self->session, self->team->batch_size, self->team->images, logits_of(self), error);
}

/* What a service's lane runs, and calls the service time of a batch: it looks at the logits too. What to make of those
 * that are not finite is for whoever compares masks. */
static bt_status run_as_served(instance *self, bt_error *error) {
    const int batch = self->team->batch_size;
    bt_status status = self->session->info.takes_pictures
                           ? bt_session_run_pictures(self->session, batch, batch, logits_of(self), error)
                           : run_instance(self, error);
    if (status == BT_OK) (void)bt_logits_finite(logits_of(self), (size_t)batch * self->team->values);
    return status;
}

static bt_status time_instance(instance *self, bt_error *error) {
    bt_status status = BT_OK;
    for (self->sample_count = 0; self->sample_count < self->team->runs && status == BT_OK;
         self->sample_count++) {
        int64_t start_ns = bt_clock_now_ns();
        status = run_as_served(self, error);
        self->samples_ms[self->sample_count] = bt_ms(bt_clock_now_ns() - start_ns);
    }
    /* Idle pools would make everybody's threads sleep between parallel regions, the standard path's too. */
    if (self->team->count > 1 && self->team->options.threads > 1) bt_session_release_threads(self->session);
    return status;
}

static bt_status take_turn(instance *self, bt_error *error) {
    const int64_t start_ns = bt_clock_now_ns();
    bt_status status = run_as_served(self, error);
    self->samples_ms[0] = bt_ms(bt_clock_now_ns() - start_ns);
    bt_session_release_threads(self->session);
    return status;
}

static bt_status keep_running(instance *self, bt_error *error) {
    bt_status status = BT_OK;
    while (status == BT_OK && !atomic_load(&self->team->resting))
        status = run_as_served(self, error);
    bt_session_release_threads(self->session);
    return status;
}

static bt_status run_task(instance *self, bt_error *error) {
    switch (self->task) {
    case TASK_OPEN:
        return open_instance(self, error);
    case TASK_PREPARE:
        return prepare_instance(self, error);
    case TASK_TIME:
        return time_instance(self, error);
    case TASK_RUN:
        return run_instance(self, error);
    case TASK_TURN:
        return take_turn(self, error);
    case TASK_KEEP:
        return keep_running(self, error);
    case TASK_CLOSE:
        bt_session_close(&self->session);
        return BT_OK;
    case TASK_NONE:
        break;
    }
    return BT_OK;
}

/* ---- the instances' threads ---- */

static void *serve(void *argument) {
    instance *self = argument;
    bt_team *team = self->team;
    bool over = false;
    pthread_mutex_lock(&team->lock);
    while (!over) {
        while (self->task == TASK_NONE)
            pthread_cond_wait(&team->given, &team->lock);
        pthread_mutex_unlock(&team->lock);
        self->status = run_task(self, &self->error);
        over = self->task == TASK_CLOSE;
        pthread_mutex_lock(&team->lock);
        self->task = TASK_NONE;
        pthread_cond_signal(&team->done);
    }
    pthread_mutex_unlock(&team->lock);
    return NULL;
}

static bool is_one(unsigned which, int index) {
    return which >> index & 1;
}

/* Gives those instances the same task. */
static void give(bt_team *team, task what, unsigned which) {
    pthread_mutex_lock(&team->lock);
    for (int i = 0; i < team->count; i++)
        if (is_one(which, i)) team->instances[i].task = what;
    pthread_cond_broadcast(&team->given);
    pthread_mutex_unlock(&team->lock);
}

/* Waits for all of them; the first failure counts. */
static bt_status await(bt_team *team, unsigned which, bt_error *error) {
    bt_status status = BT_OK;
    pthread_mutex_lock(&team->lock);
    for (int i = 0; i < team->count; i++)
        while (is_one(which, i) && team->instances[i].task != TASK_NONE)
            pthread_cond_wait(&team->done, &team->lock);
    pthread_mutex_unlock(&team->lock);
    for (int i = 0; i < team->count && status == BT_OK; i++) {
        if (!is_one(which, i)) continue;
        status = team->instances[i].status;
        if (status != BT_OK && error) *error = team->instances[i].error;
    }
    return status;
}

/* Has `count` instances from `first` on do a task. */
static bt_status assign(bt_team *team, task what, int first, int count, bt_error *error) {
    if (!team->threaded) {
        team->instances[0].task = what;
        return run_task(&team->instances[0], error);
    }
    const unsigned which = ((1U << count) - 1) << first;
    give(team, what, which);
    return await(team, which, error);
}

/* ---- the team ---- */

static bt_status start_threads(bt_team *team, bt_error *error) {
    for (int i = 0; team->threaded && i < team->count; i++) {
        if (pthread_create(&team->instances[i].thread, NULL, serve, &team->instances[i]) != 0)
            return bt_fail(error, BT_NO_MEMORY, "cannot start a thread for instance %d", i + 1);
        team->instances[i].started = true;
    }
    return BT_OK;
}

/* Several instances lie on slices of the cores; one, wherever the system puts it. */
static bt_status place(bt_team *team, bt_error *error) {
    char text[32] = "cpu";
    const bt_cores cores = bt_cores_read();
    if (team->count > 1) snprintf(text, sizeof text, "%dx%d", team->count, team->options.threads);
    return bt_placement_parse(&team->placement, text, team->options.model, &cores.mask, error);
}

static bt_status open_team(bt_team **out, const bt_session_options *options, int instances, bool threaded,
                           bt_error *error) {
    bt_team *team = calloc(1, sizeof *team);
    *out = NULL;
    if (!team) return bt_no_memory(error, "a worker");
    team->options = *options;
    team->count = instances;
    team->threaded = threaded;
    pthread_mutex_init(&team->lock, NULL);
    pthread_cond_init(&team->given, NULL);
    pthread_cond_init(&team->done, NULL);
    bt_status status = place(team, error);
    for (int i = 0; i < team->count && status == BT_OK; i++)
        team->instances[i] = (instance){.team = team, .place = &team->placement.instances[i]};
    if (status == BT_OK) status = start_threads(team, error);
    /* One after another, so that what was in use before the first stays known. */
    for (int i = 0; i < team->count && status == BT_OK; i++)
        status = assign(team, TASK_OPEN, i, 1, error);
    if (status == BT_OK)
        *out = team;
    else
        bt_team_close(&team);
    return status;
}

bt_status bt_team_open(bt_team **out, const bt_session_options *options, int instances, bt_error *error) {
    return open_team(out, options, instances, instances > 1, error);
}

bt_status bt_team_open_apart(bt_team **out, const bt_session_options *options, int instances,
                             bt_error *error) {
    return open_team(out, options, instances, true, error);
}

void bt_team_close(bt_team **team) {
    if (!*team) return;
    for (int i = 0; i < (*team)->count; i++) {
        instance *self = &(*team)->instances[i];
        if (!(*team)->threaded && self->team) bt_session_close(&self->session);
        if (self->started) {
            (void)assign(*team, TASK_CLOSE, i, 1, NULL);
            pthread_join(self->thread, NULL);
        }
        free(self->logits);
    }
    pthread_cond_destroy(&(*team)->done);
    pthread_cond_destroy(&(*team)->given);
    pthread_mutex_destroy(&(*team)->lock);
    free(*team);
    *team = NULL;
}

bt_session *bt_team_session(const bt_team *team) {
    return team->instances[0].session;
}

bt_status bt_team_prepare(bt_team *team, int batch_size, size_t values, bt_error *error) {
    team->batch_size = batch_size;
    team->values = values;
    return assign(team, TASK_PREPARE, 0, team->count, error);
}

static void set_pass(bt_team *team, int batch_size, const float *images, float *logits) {
    team->batch_size = batch_size;
    team->images = images;
    team->logits = logits;
}

bt_status bt_team_run(bt_team *team, int batch_size, const float *images, float *logits, bt_error *error) {
    set_pass(team, batch_size, images, logits);
    return assign(team, TASK_RUN, 0, 1, error);
}

/* The instances' samples, round by round: the first of each, then the second of each. */
static void gather(const bt_team *team, int runs, double *samples_ms) {
    for (int i = 0; i < runs; i++)
        samples_ms[i] = team->instances[i % team->count].samples_ms[i / team->count];
}

bt_status bt_team_time(bt_team *team, int batch_size, int runs, const float *images, float *logits,
                       double *samples_ms, bt_error *error) {
    const int each = (runs + team->count - 1) / team->count;
    set_pass(team, batch_size, images, logits);
    team->runs = each;
    if (team->count == 1) {
        team->instances[0].samples_ms = samples_ms;
        return assign(team, TASK_TIME, 0, 1, error);
    }
    double *room = malloc((size_t)each * (size_t)team->count * sizeof *room);
    if (!room) return bt_no_memory(error, "%d samples", runs);
    for (int i = 0; i < team->count; i++)
        team->instances[i].samples_ms = room + i * each;
    bt_status status = assign(team, TASK_TIME, 0, team->count, error);
    if (status == BT_OK) gather(team, runs, samples_ms);
    free(room);
    return status;
}

const bt_placement *bt_team_placement(const bt_team *team) {
    return &team->placement;
}

bt_status bt_team_turn(bt_team *team, int index, int batch_size, const float *images, float *logits,
                       double *took_ms, bt_error *error) {
    set_pass(team, batch_size, images, logits);
    team->instances[index].samples_ms = took_ms;
    return assign(team, TASK_TURN, index, 1, error);
}

void bt_team_keep_busy(bt_team *team, unsigned which, int batch_size, const float *images, float *logits) {
    set_pass(team, batch_size, images, logits);
    atomic_store(&team->resting, false);
    give(team, TASK_KEEP, which);
}

bt_status bt_team_rest(bt_team *team, unsigned which, bt_error *error) {
    atomic_store(&team->resting, true);
    return await(team, which, error);
}
