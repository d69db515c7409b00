#include "tune/team.h"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/clock.h"
#include "base/cores.h"
#include "settings/placement.h"

typedef enum duty { DUTY_NONE, DUTY_OPEN, DUTY_PREPARE, DUTY_TIME, DUTY_RUN, DUTY_CLOSE } duty;

/* A copy. With one copy alone there is no thread, and its duties are done by the caller's. */
typedef struct member {
    bt_team *team;
    const bt_instance *place;
    pthread_t thread;
    bool started; /* the thread */
    bt_session *session;
    float *logits; /* room for the largest batch prepared; the first copy's are the caller's */
    size_t logits_count;
    duty duty; /* given by the caller, DUTY_NONE once done */
    double *samples_ms;
    int sample_count;
    bt_status status;
    bt_error error;
} member;

struct bt_team {
    bt_session_options options;
    bt_placement placement;
    member members[BT_INSTANCES_MAX];
    int count;
    pthread_mutex_t lock; /* of the members' duties, with more than one copy */
    pthread_cond_t given, done;
    /* what the duties are about */
    int batch_size, runs;
    size_t pixels;
    const float *images;
    float *logits;
};

/* ---- a member's part ---- */

static bt_status open_member(member *m, bt_error *error) {
    bt_status status = bt_cpus_bind(m->place->cpus, error);
    return status == BT_OK ? bt_session_open(&m->session, &m->team->options, error) : status;
}

static bool is_first(const member *m) {
    return m == &m->team->members[0];
}

static bt_status prepare_member(member *m, bt_error *error) {
    const size_t count = (size_t)m->team->batch_size * m->team->pixels;
    if (!is_first(m) && count > m->logits_count) {
        float *logits = realloc(m->logits, count * sizeof *logits);
        if (!logits) return bt_no_memory(error, "a batch of %d images", m->team->batch_size);
        m->logits = logits;
        m->logits_count = count;
    }
    return bt_session_prepare(m->session, m->team->batch_size, error);
}

static bt_status run_member(member *m, bt_error *error) {
    return bt_session_run(m->session, m->team->batch_size, m->team->images,
                          is_first(m) ? m->team->logits : m->logits, error);
}

static bt_status time_member(member *m, bt_error *error) {
    bt_status status = BT_OK;
    for (m->sample_count = 0; m->sample_count < m->team->runs && status == BT_OK; m->sample_count++) {
        int64_t start_ns = bt_clock_now_ns();
        status = run_member(m, error);
        m->samples_ms[m->sample_count] = bt_ms(bt_clock_now_ns() - start_ns);
    }
    /* Idle pools would make everybody's threads sleep between parallel regions, the standard path's too. */
    if (m->team->count > 1 && m->team->options.threads > 1) bt_session_release_threads(m->session);
    return status;
}

static bt_status do_duty(member *m, bt_error *error) {
    switch (m->duty) {
    case DUTY_OPEN:
        return open_member(m, error);
    case DUTY_PREPARE:
        return prepare_member(m, error);
    case DUTY_TIME:
        return time_member(m, error);
    case DUTY_RUN:
        return run_member(m, error);
    case DUTY_CLOSE:
        bt_session_close(&m->session);
        return BT_OK;
    case DUTY_NONE:
        break;
    }
    return BT_OK;
}

/* ---- the members' threads ---- */

static void *serve(void *argument) {
    member *m = argument;
    bt_team *team = m->team;
    bool over = false;
    pthread_mutex_lock(&team->lock);
    while (!over) {
        while (m->duty == DUTY_NONE)
            pthread_cond_wait(&team->given, &team->lock);
        pthread_mutex_unlock(&team->lock);
        m->status = do_duty(m, &m->error);
        over = m->duty == DUTY_CLOSE;
        pthread_mutex_lock(&team->lock);
        m->duty = DUTY_NONE;
        pthread_cond_signal(&team->done);
    }
    pthread_mutex_unlock(&team->lock);
    return NULL;
}

/* Gives `count` members from `first` on the same duty and waits for all of them; the first failure counts. */
static bt_status assign(bt_team *team, duty what, int first, int count, bt_error *error) {
    bt_status status = BT_OK;
    if (team->count == 1) {
        team->members[0].duty = what;
        return do_duty(&team->members[0], error);
    }
    pthread_mutex_lock(&team->lock);
    for (int i = first; i < first + count; i++)
        team->members[i].duty = what;
    pthread_cond_broadcast(&team->given);
    for (int i = first; i < first + count; i++)
        while (team->members[i].duty != DUTY_NONE)
            pthread_cond_wait(&team->done, &team->lock);
    pthread_mutex_unlock(&team->lock);
    for (int i = first; i < first + count && status == BT_OK; i++) {
        status = team->members[i].status;
        if (status != BT_OK && error) *error = team->members[i].error;
    }
    return status;
}

/* ---- the team ---- */

static bt_status start_threads(bt_team *team, bt_error *error) {
    for (int i = 0; team->count > 1 && i < team->count; i++) {
        if (pthread_create(&team->members[i].thread, NULL, serve, &team->members[i]) != 0)
            return bt_fail(error, BT_NO_MEMORY, "cannot start a thread for instance %d", i + 1);
        team->members[i].started = true;
    }
    return BT_OK;
}

/* Several copies lie on slices of the cores; one, wherever the system puts it. */
static bt_status place(bt_team *team, bt_error *error) {
    char text[32] = "cpu";
    const bt_cores cores = bt_cores_read();
    if (team->count > 1) snprintf(text, sizeof text, "%dx%d", team->count, team->options.threads);
    return bt_placement_parse(&team->placement, text, team->options.model, &cores.mask, error);
}

bt_status bt_team_open(bt_team **out, const bt_session_options *options, int instances, bt_error *error) {
    bt_team *team = calloc(1, sizeof *team);
    *out = NULL;
    if (!team) return bt_no_memory(error, "a worker");
    team->options = *options;
    team->count = instances;
    pthread_mutex_init(&team->lock, NULL);
    pthread_cond_init(&team->given, NULL);
    pthread_cond_init(&team->done, NULL);
    bt_status status = place(team, error);
    for (int i = 0; i < team->count && status == BT_OK; i++)
        team->members[i] = (member){.team = team, .place = &team->placement.instances[i]};
    if (status == BT_OK) status = start_threads(team, error);
    /* One after another, so that what was in use before the first stays known. */
    for (int i = 0; i < team->count && status == BT_OK; i++)
        status = assign(team, DUTY_OPEN, i, 1, error);
    if (status == BT_OK)
        *out = team;
    else
        bt_team_close(&team);
    return status;
}

void bt_team_close(bt_team **team) {
    if (!*team) return;
    for (int i = 0; i < (*team)->count; i++) {
        member *m = &(*team)->members[i];
        if ((*team)->count == 1 && m->team) bt_session_close(&m->session);
        if (m->started) {
            (void)assign(*team, DUTY_CLOSE, i, 1, NULL);
            pthread_join(m->thread, NULL);
        }
        free(m->logits);
    }
    pthread_cond_destroy(&(*team)->done);
    pthread_cond_destroy(&(*team)->given);
    pthread_mutex_destroy(&(*team)->lock);
    free(*team);
    *team = NULL;
}

bt_session *bt_team_session(const bt_team *team) {
    return team->members[0].session;
}

bt_status bt_team_prepare(bt_team *team, int batch_size, size_t pixels, bt_error *error) {
    team->batch_size = batch_size;
    team->pixels = pixels;
    return assign(team, DUTY_PREPARE, 0, team->count, error);
}

bt_status bt_team_run(bt_team *team, int batch_size, const float *images, float *logits, bt_error *error) {
    team->batch_size = batch_size;
    team->images = images;
    team->logits = logits;
    return assign(team, DUTY_RUN, 0, 1, error);
}

/* The copies' samples, round by round: the first of each, then the second of each. */
static void gather(const bt_team *team, int runs, double *samples_ms) {
    for (int i = 0; i < runs; i++)
        samples_ms[i] = team->members[i % team->count].samples_ms[i / team->count];
}

bt_status bt_team_time(bt_team *team, int batch_size, int runs, const float *images, float *logits,
                       double *samples_ms, bt_error *error) {
    const int each = (runs + team->count - 1) / team->count;
    team->batch_size = batch_size;
    team->images = images;
    team->logits = logits;
    team->runs = each;
    if (team->count == 1) {
        team->members[0].samples_ms = samples_ms;
        return assign(team, DUTY_TIME, 0, 1, error);
    }
    double *room = malloc((size_t)each * (size_t)team->count * sizeof *room);
    if (!room) return bt_no_memory(error, "%d samples", runs);
    for (int i = 0; i < team->count; i++)
        team->members[i].samples_ms = room + i * each;
    bt_status status = assign(team, DUTY_TIME, 0, team->count, error);
    if (status == BT_OK) gather(team, runs, samples_ms);
    free(room);
    return status;
}
