#include "tune/hand.h"

#include <pthread.h>
#include <stdlib.h>

#include "base/clock.h"

struct bt_hand {
    bt_optimize_options options; /* the same, with a stop of the hand's own */
    bt_record *record;           /* its own, of the models */
    pthread_t thread;
    pthread_mutex_t lock;
    pthread_cond_t changed;
    bool has_work, has_news, is_leaving; /* under the lock */
    bt_work work;
    bt_news news;
    volatile sig_atomic_t stop;
    /* the thread's own */
    bt_tuning tuning;
    bt_probe *probe;
    int model; /* whose session is open; -1: none */
    bt_contender way;
    int largest; /* batch that this worker has prepared */
};

/* ---- telling ---- */

/* Waits until the news before were heard. */
static void tell(bt_hand *hand, const bt_news *news) {
    pthread_mutex_lock(&hand->lock);
    while (hand->has_news && !hand->is_leaving)
        pthread_cond_wait(&hand->changed, &hand->lock);
    hand->news = *news;
    hand->news.id = hand->work.id;
    hand->news.model = hand->work.model;
    hand->has_news = true;
    if (news->kind == BT_NEWS_DONE) hand->has_work = false; /* before anybody hears of it and gives more */
    pthread_mutex_unlock(&hand->lock);
}

static void tell_refusal(bt_hand *hand, const bt_error *error) {
    bt_news news = {.kind = BT_NEWS_REFUSED, .error = *error};
    tell(hand, &news);
}

/* ---- measuring ---- */

static void close_session(bt_hand *hand) {
    bt_probe_close(&hand->probe);
    hand->model = -1;
    hand->largest = 0;
}

static bool is_open_for(const bt_hand *hand, const bt_work *work) {
    return hand->model == work->model && bt_contender_same_kind(&hand->way, &work->way) &&
           bt_contender_same_division(&hand->way, &work->way);
}

static bt_status start_worker(bt_hand *hand, bt_error *error) {
    bt_news news = {.kind = BT_NEWS_FACTS};
    const int64_t start_ns = bt_clock_now_ns();
    hand->largest = 0;
    bt_status status = bt_probe_start(hand->probe, &news.facts, error);
    news.elapsed_s = (double)(bt_clock_now_ns() - start_ns) / 1e9;
    if (status == BT_OK) tell(hand, &news);
    return status;
}

static bt_status open_session(bt_hand *hand, const bt_work *work, bt_error *error) {
    if (is_open_for(hand, work)) return BT_OK;
    close_session(hand);
    bt_status status = bt_tuning_init(&hand->tuning, &hand->options, hand->record, work->model, 0, 0, error);
    hand->way = work->way;
    if (status == BT_OK) status = bt_tuning_open_probe(&hand->probe, &hand->tuning, &hand->way, error);
    if (status == BT_OK) status = start_worker(hand, error);
    if (status == BT_OK)
        hand->model = work->model;
    else
        close_session(hand);
    return status;
}

static bt_status run_step(bt_hand *hand, const bt_step *step, bt_news *news, bt_error *error) {
    bt_status status = BT_OK;
    if (step->kind == BT_STEP_MEMORY && hand->largest >= step->batch_size) status = start_worker(hand, error);
    *news = (bt_news){.kind = BT_NEWS_RESULT, .step = *step, .result = bt_step_result_empty()};
    if (status == BT_OK) status = bt_probe_run(hand->probe, step, &news->result, error);
    if (step->batch_size > hand->largest) hand->largest = step->batch_size;
    if (status == BT_OK && news->result.status == BT_CLOSED) hand->largest = 0; /* the next one is new */
    return status;
}

static void do_work(bt_hand *hand) {
    bt_error error = {BT_OK, ""};
    bt_news news = {.kind = BT_NEWS_RESULT};
    const bt_work *work = &hand->work;
    bt_status status = open_session(hand, work, &error);
    for (int i = 0; i < work->parcel.count && status == BT_OK && news.result.status == BT_OK; i++) {
        status = run_step(hand, &work->parcel.steps[i], &news, &error);
        if (status == BT_OK) tell(hand, &news);
    }
    if (status != BT_OK) tell_refusal(hand, &error);
    tell(hand, &(bt_news){.kind = BT_NEWS_DONE});
}

static void *serve(void *data) {
    bt_hand *hand = data;
    pthread_mutex_lock(&hand->lock);
    while (!hand->is_leaving) {
        if (hand->has_work) {
            pthread_mutex_unlock(&hand->lock);
            do_work(hand);
            pthread_mutex_lock(&hand->lock);
            continue;
        }
        pthread_cond_wait(&hand->changed, &hand->lock);
    }
    pthread_mutex_unlock(&hand->lock);
    close_session(hand);
    return NULL;
}

/* ---- the interface ---- */

static void free_hand(bt_hand *hand) {
    bt_record_close(&hand->record);
    pthread_cond_destroy(&hand->changed);
    pthread_mutex_destroy(&hand->lock);
    free(hand);
}

bt_status bt_hand_open(bt_hand **out, const bt_optimize_options *options, bt_error *error) {
    *out = NULL;
    bt_hand *hand = calloc(1, sizeof *hand);
    if (!hand) return bt_no_memory(error, "measuring");
    hand->options = *options;
    hand->options.stop = &hand->stop;
    hand->options.log = NULL;
    hand->model = -1;
    pthread_mutex_init(&hand->lock, NULL);
    pthread_cond_init(&hand->changed, NULL);
    bt_status status = bt_tuning_record(&hand->record, options, error);
    if (status == BT_OK && pthread_create(&hand->thread, NULL, serve, hand) != 0)
        status = bt_fail(error, BT_NO_MEMORY, "cannot start a thread that measures");
    if (status == BT_OK)
        *out = hand;
    else
        free_hand(hand);
    return status;
}

void bt_hand_close(bt_hand **hand) {
    bt_hand *h = *hand;
    if (!h) return;
    h->stop = 1;
    pthread_mutex_lock(&h->lock);
    h->is_leaving = true;
    pthread_cond_broadcast(&h->changed);
    pthread_mutex_unlock(&h->lock);
    pthread_join(h->thread, NULL);
    free_hand(h);
    *hand = NULL;
}

void bt_hand_give(bt_hand *hand, const bt_work *work) {
    pthread_mutex_lock(&hand->lock);
    hand->work = *work;
    hand->has_work = true;
    pthread_cond_broadcast(&hand->changed);
    pthread_mutex_unlock(&hand->lock);
}

bool bt_hand_news(bt_hand *hand, bt_news *out) {
    pthread_mutex_lock(&hand->lock);
    const bool any = hand->has_news;
    if (any) *out = hand->news;
    hand->has_news = false;
    if (any) pthread_cond_broadcast(&hand->changed);
    pthread_mutex_unlock(&hand->lock);
    return any;
}
