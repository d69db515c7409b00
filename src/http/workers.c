#include "http/workers.h"

#include <pthread.h>
#include <stdbool.h>
#include <stdlib.h>

#include "base/text.h"

struct bt_workers {
    pthread_mutex_t lock;
    pthread_cond_t changed;
    bt_job *first, **last; /* where the next one is linked */
    bool closing;
    int thread_count;
    pthread_t threads[];
};

/* NULL: there are none, and none will come. */
static bt_job *next_job(bt_workers *workers) {
    pthread_mutex_lock(&workers->lock);
    while (!workers->first && !workers->closing)
        pthread_cond_wait(&workers->changed, &workers->lock);
    bt_job *job = workers->first;
    if (job) workers->first = job->next;
    if (!workers->first) workers->last = &workers->first;
    pthread_mutex_unlock(&workers->lock);
    return job;
}

static void *work(void *workers) {
    bt_job *job;
    while ((job = next_job(workers)))
        job->run(job->context);
    return NULL;
}

bt_status bt_workers_open(bt_workers **out, int threads, bt_error *error) {
    bt_workers *workers = calloc(1, sizeof *workers + (size_t)threads * sizeof *workers->threads);
    *out = NULL;
    if (!workers) return bt_no_memory(error, "threads for slow requests");
    pthread_mutex_init(&workers->lock, NULL);
    pthread_cond_init(&workers->changed, NULL);
    workers->last = &workers->first;
    while (workers->thread_count < threads) {
        const int cause = pthread_create(&workers->threads[workers->thread_count], NULL, work, workers);
        if (cause != 0) {
            bt_workers_close(&workers);
            return bt_fail(error, BT_IO, "a thread could not be started: %s", bt_text_system_error(cause));
        }
        workers->thread_count++;
    }
    *out = workers;
    return BT_OK;
}

void bt_workers_run(bt_workers *workers, bt_job *job) {
    job->next = NULL;
    pthread_mutex_lock(&workers->lock);
    *workers->last = job;
    workers->last = &job->next;
    pthread_cond_signal(&workers->changed);
    pthread_mutex_unlock(&workers->lock);
}

void bt_workers_close(bt_workers **workers) {
    if (!*workers) return;
    bt_workers *p = *workers;
    *workers = NULL;
    pthread_mutex_lock(&p->lock);
    p->closing = true;
    pthread_cond_broadcast(&p->changed);
    pthread_mutex_unlock(&p->lock);
    for (int i = 0; i < p->thread_count; i++)
        pthread_join(p->threads[i], NULL);
    pthread_cond_destroy(&p->changed);
    pthread_mutex_destroy(&p->lock);
    free(p);
}
