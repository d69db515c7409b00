#include "backend/sim-neighbours.h"

#include <pthread.h>
#include <stdio.h>
#include <string.h>

#include "base/atomic.h"
#include "base/clock.h"
#include "base/futex.h"

/* All sessions of the process that have neighbours, and a count of runs that began or ended, to sleep on. */
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static bt_sim_neighbour *all;
static uint64_t latest;
static atomic_uint changed;

void bt_sim_neighbour_join(bt_sim_neighbour *self, const char *model, double slowdown) {
    *self = (bt_sim_neighbour){.slowdown = slowdown};
    snprintf(self->model, sizeof self->model, "%s", model);
    if (sched_getaffinity(0, sizeof self->cores, &self->cores) != 0) CPU_SET(0, &self->cores);
    pthread_mutex_lock(&lock);
    self->next = all;
    all = self;
    pthread_mutex_unlock(&lock);
}

void bt_sim_neighbour_leave(bt_sim_neighbour *self) {
    pthread_mutex_lock(&lock);
    for (bt_sim_neighbour **at = &all; *at; at = &(*at)->next) {
        if (*at != self) continue;
        *at = self->next;
        break;
    }
    pthread_mutex_unlock(&lock);
}

static bool is_other(const bt_sim_neighbour *self, const bt_sim_neighbour *n) {
    return strcmp(n->model, self->model) != 0;
}

static bool share_cores(const bt_sim_neighbour *a, const bt_sim_neighbour *b) {
    cpu_set_t both;
    CPU_AND(&both, &a->cores, &b->cores);
    return CPU_COUNT(&both) > 0;
}

static bool runs_beside_another(const bt_sim_neighbour *self) {
    bool beside = false;
    pthread_mutex_lock(&lock);
    for (const bt_sim_neighbour *n = all; n; n = n->next)
        beside = beside || (n->running && is_other(self, n));
    pthread_mutex_unlock(&lock);
    return beside;
}

bool bt_sim_neighbour_begin(bt_sim_neighbour *self) {
    const bt_sim_neighbour *before = NULL;
    pthread_mutex_lock(&lock);
    for (const bt_sim_neighbour *n = all; n; n = n->next)
        if (n->last > 0 && share_cores(self, n) && (!before || n->last > before->last)) before = n;
    const bool changes = before && is_other(self, before);
    self->running = true;
    self->last = ++latest;
    pthread_mutex_unlock(&lock);
    bt_futex_signal(&changed);
    return changes;
}

int64_t bt_sim_neighbour_work(bt_sim_neighbour *self, int64_t work_ns, int64_t spare_ns) {
    double left_ns = (double)work_ns;
    for (int64_t at_ns = bt_clock_now_ns();;) {
        const unsigned seen = atomic_load(&changed);
        const double pace = runs_beside_another(self) ? self->slowdown : 1;
        const int64_t end_ns = at_ns + (int64_t)(left_ns * pace);
        if (end_ns - spare_ns <= at_ns) return end_ns;
        bt_futex_wait(&changed, seen, end_ns - spare_ns);
        const int64_t now_ns = bt_clock_now_ns();
        left_ns -= (double)(now_ns - at_ns) / pace;
        at_ns = now_ns;
    }
}

void bt_sim_neighbour_end(bt_sim_neighbour *self) {
    pthread_mutex_lock(&lock);
    self->running = false;
    pthread_mutex_unlock(&lock);
    bt_futex_signal(&changed);
}
