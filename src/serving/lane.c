/* One lane: a thread that owns a backend session, gathers the batches it is mailed, runs them and hands
 * results out. */
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>

#include "base/clock.h"
#include "serving/state.h"

/* ---- getting ready ---- */

static int largest_run(const bt_worker_lane *lane) {
    const bt_ladder *ladder = &lane->service->models[lane->model].batcher.ladder;
    return lane->path == BT_PATH_STANDARD ? 1 : ladder->sizes[ladder->size_count - 1];
}

static bt_status allocate(bt_worker_lane *lane, bt_error *error) {
    const bt_service_model *model = &lane->service->models[lane->model];
    size_t most = (size_t)largest_run(lane), pixels = (size_t)model->height * (size_t)model->width;
    lane->images = calloc(3 * most * pixels, sizeof *lane->images);
    lane->logits = calloc(most * pixels, sizeof *lane->logits);
    lane->scratch = malloc(bt_image_scratch_bytes(BT_IMAGE_SIDE_MAX, model->height, model->width));
    lane->requests = calloc(most, sizeof *lane->requests);
    lane->owed = calloc(most, sizeof *lane->owed);
    lane->deliveries = calloc(lane->service->request_count, sizeof *lane->deliveries);
    if (lane->images && lane->logits && lane->scratch && lane->requests && lane->owed && lane->deliveries)
        return BT_OK;
    return bt_no_memory(error, "batches of %zu images", most);
}

static bt_status settle_thread(const bt_worker_lane *lane, bt_error *error) {
    prctl(PR_SET_TIMERSLACK, 1UL);
    return bt_cpus_bind(lane->place->cpus, error);
}

/* Whether an instance before this one is on the same device: what is to be said of a path is said once for
 * all of them. */
static bool spoken_for(const bt_worker_lane *lane) {
    const bt_service_model *model = &lane->service->models[lane->model];
    const bt_instance *places = model->served.placement.instances;
    for (int i = 0; i < lane->instance - model->first_instance; i++)
        if (strcmp(places[i].device, lane->place->device) == 0) return true;
    return false;
}

static bt_status open_session(bt_worker_lane *lane, bt_error *error) {
    const bt_service_model *model = &lane->service->models[lane->model];
    const bt_served_model *served = &model->served;
    const bt_session_options options = {
        .backend = served->settings.backend,
        .model = model->name,
        .model_file = served->settings.model_file,
        .weights = served->settings.weights,
        .device = lane->place->device,
        .path = lane->path == BT_PATH_STANDARD ? BT_PATH_STANDARD : (bt_path)served->path,
        .height = model->height,
        .width = model->width,
        .threads = lane->place->threads,
        .use_amp = served->use_amp,
        .use_channels_last = served->use_channels_last,
        .use_cudnn_benchmark = served->use_cudnn_benchmark,
    };
    bt_status status = bt_session_open(&lane->session, &options, error);
    if (status != BT_OK) return status;
    lane->info = *bt_session_describe(lane->session);
    lane->image_threads = 1;
    if (lane->path != BT_PATH_STANDARD && !lane->info.device_memory && lane->info.threads > 1)
        lane->image_threads = lane->info.threads;
    if (lane->info.path_note[0] && !spoken_for(lane))
        bt_log_write(lane->service->log, BT_LOG_WARNING, "%s: %s", model->name, lane->info.path_note);
    if (lane->info.weights_note[0] && lane->path != BT_PATH_STANDARD && !spoken_for(lane))
        bt_log_write(lane->service->log, BT_LOG_WARNING, "%s: %s", model->name, lane->info.weights_note);
    if (bt_served_model_has_changed(served, lane->info.weights_hash) && lane->path != BT_PATH_STANDARD &&
        !spoken_for(lane))
        bt_log_write(lane->service->log, BT_LOG_WARNING,
                     "%s: other weights than those that were measured: %s has changed since", model->name,
                     served->entry->weights.path);
    return BT_OK;
}

/* Every size once to get warm and once to see what it takes, or only made ready. */
static bt_status warm_up(bt_worker_lane *lane, bt_error *error) {
    const bt_service_model *model = &lane->service->models[lane->model];
    const bt_ladder *ladder = &model->batcher.ladder;
    int runs = model->served.settings.warm_up ? 2 : 0;
    int sizes = lane->path == BT_PATH_STANDARD ? 1 : ladder->size_count;
    for (int i = 0; i < sizes; i++) {
        int size = ladder->sizes[i];
        bt_status status = bt_session_prepare(lane->session, size, error);
        for (int run = 0; run < runs && status == BT_OK; run++) {
            int64_t start_ns = bt_clock_now_ns();
            status = bt_session_run(lane->session, size, lane->images, lane->logits, error);
            lane->warm_ns[i] = bt_clock_now_ns() - start_ns;
        }
        if (status != BT_OK) return bt_fail_at(error, status, "batch size %d", size);
    }
    bt_session_release_threads(lane->session);
    return BT_OK;
}

static void set_phase(bt_worker_lane *lane, bt_lane_phase phase) {
    pthread_mutex_lock(&lane->service->lock);
    lane->phase = phase;
    pthread_mutex_unlock(&lane->service->lock);
    bt_futex_signal(&lane->service->changed);
}

/* ---- one run ---- */

static void gather(bt_worker_lane *lane, const bt_action *work) {
    const bt_service_model *model = &lane->service->models[lane->model];
    size_t pixels = (size_t)model->height * (size_t)model->width;
    for (int i = 0; i < work->count; i++) {
        const bt_request *request = &lane->requests[i];
        bt_image_prepare(request->image, request->height, request->width, &model->norm,
                         lane->images + 3 * pixels * (size_t)i, model->height, model->width,
                         lane->image_threads, lane->scratch);
    }
    /* rows of padding compute the last image again: no stale picture, no garbage that could overflow */
    for (int i = work->count; i < work->run_size; i++)
        memcpy(lane->images + 3 * pixels * (size_t)i, lane->images + 3 * pixels * (size_t)(work->count - 1),
               3 * pixels * sizeof *lane->images);
}

/* From here on the images belong to their callers again; who was answered meanwhile is told now. */
static void stop_reading(bt_worker_lane *lane) {
    pthread_mutex_lock(&lane->service->lock);
    lane->reading = false;
    int owed = lane->owed_count;
    lane->owed_count = 0;
    pthread_mutex_unlock(&lane->service->lock);
    bt_deliver(lane->service, lane->owed, owed, NULL);
}

/* Every exponent of all ones (infinity or NaN) shows in one bit; no branch, so that it vectorises. */
static bool all_finite(const float *values, size_t count) {
    uint32_t seen = 0;
    for (size_t i = 0; i < count; i++) {
        uint32_t bits;
        memcpy(&bits, &values[i], sizeof bits);
        seen |= (bits & 0x7f800000u) == 0x7f800000u;
    }
    return seen == 0;
}

/* Whether a user's network gives what it is said to, by its first pictures. That one picture's mask is empty
 * is nothing to ask about. */
static void question(bt_worker_lane *lane, size_t values) {
    const bt_service_model *model = &lane->service->models[lane->model];
    char words[BT_MODEL_NOTE_SIZE];
    if (lane->questioned || !model->from_file) return;
    lane->questioned = true;
    bt_output_range range = bt_model_range(model->output, lane->logits, values);
    range.mask_share = NAN;
    bt_model_question(words, true, model->output, &range);
    if (words[0] && lane->path != BT_PATH_STANDARD && !spoken_for(lane))
        bt_log_write(lane->service->log, BT_LOG_WARNING, "%s: %s", model->name, words);
}

static bt_run_outcome compute(bt_worker_lane *lane, const bt_action *work, bt_error *error) {
    const bt_service_model *model = &lane->service->models[lane->model];
    size_t pixels = (size_t)model->height * (size_t)model->width;
    bt_status status = bt_session_run(lane->session, work->run_size, lane->images, lane->logits, error);
    if (status == BT_OUT_OF_DEVICE_MEMORY) return BT_RUN_OUT_OF_MEMORY;
    if (status != BT_OK) return BT_RUN_EXCEPTION;
    if (all_finite(lane->logits, (size_t)work->count * pixels)) {
        question(lane, (size_t)work->count * pixels);
        return BT_RUN_GOOD;
    }
    bt_fail(error, BT_BACKEND, "a result is not a finite number");
    return BT_RUN_NON_FINITE;
}

static void note_run(bt_worker_lane *lane, const bt_action *work, bt_run_outcome outcome,
                     const bt_error *error) {
    bt_service_model *model = &lane->service->models[lane->model];
    bool counts = outcome == BT_RUN_GOOD && lane->path == BT_PATH_PRODUCTION;
    bt_serving_failure *failure =
        &model->failures.of[lane->path == BT_PATH_STANDARD ? BT_SERVING_STANDARD : BT_SERVING_PRODUCTION];
    pthread_mutex_lock(&model->meter_lock);
    bt_meter_ran(model->meter, bt_clock_now_ns(), lane->instance - model->first_instance, lane->service_ns,
                 counts ? work->count : 0);
    if (outcome != BT_RUN_GOOD) {
        failure->count++;
        failure->instance = lane->instance - model->first_instance;
        memcpy(failure->message, error->message, sizeof failure->message);
    }
    pthread_mutex_unlock(&model->meter_lock);
    if (outcome == BT_RUN_GOOD) return;
    bt_log_write(lane->service->log, BT_LOG_DETAIL, "%s: a run of %d on the %s path failed: %s", model->name,
                 work->run_size, lane->path == BT_PATH_STANDARD ? "standard" : "production", error->message);
}

/* Under the lock: the next run, where one was mailed meanwhile. */
static bool take_mail(bt_worker_lane *lane, bt_action *work) {
    bool mailed = lane->mailed;
    *work = lane->work;
    lane->mailed = false;
    return mailed;
}

/* Runs what it was mailed and hands the results out; true where `work` is the next run already. */
static bool run(bt_worker_lane *lane, bt_action *work) {
    bt_service *service = lane->service;
    bt_error error = {BT_OK, ""};
    bt_wakes wakes;
    bt_wakes_none(&wakes);
    lane->began_ns = bt_clock_now_ns();
    gather(lane, work);
    int64_t start_ns = bt_clock_now_ns();
    lane->preprocess_ns = start_ns - lane->began_ns;
    stop_reading(lane);
    bt_run_outcome outcome = compute(lane, work, &error);
    int64_t end_ns = bt_clock_now_ns();
    lane->service_ns = end_ns - start_ns;
    if (lane->rests) bt_session_release_threads(lane->session);
    note_run(lane, work, outcome, &error);
    pthread_mutex_lock(&service->lock);
    (void)bt_batcher_done(service->batcher, end_ns, work->run, outcome);
    int count = bt_pump(service, end_ns, lane, lane->deliveries, (int)service->request_count, &wakes);
    bool more = take_mail(lane, work);
    pthread_mutex_unlock(&service->lock);
    bt_wake_all(service, &wakes);
    bt_deliver(service, lane->deliveries, count, lane);
    return more;
}

/* ---- the thread ---- */

/* Waits until something is mailed (true) or the lane is to end (false). */
static bool wait_for_mail(bt_worker_lane *lane, bt_action *work) {
    for (;;) {
        unsigned seen = atomic_load(&lane->signal);
        pthread_mutex_lock(&lane->service->lock);
        bool mailed = take_mail(lane, work), quit = lane->quit;
        pthread_mutex_unlock(&lane->service->lock);
        if (mailed || quit) return mailed;
        int64_t spin_ns = lane->service->spin_ns;
        if (spin_ns > 0) {
            int64_t until_ns = bt_clock_now_ns() + spin_ns;
            while (atomic_load_explicit(&lane->signal, memory_order_relaxed) == seen &&
                   bt_clock_now_ns() < until_ns) {
            }
        }
        if (atomic_load(&lane->signal) == seen) bt_futex_wait(&lane->signal, seen, BT_NEVER_NS);
    }
}

static void *lane_main(void *argument) {
    bt_worker_lane *lane = argument;
    bt_action work;
    bt_status status = settle_thread(lane, &lane->failure);
    if (status == BT_OK) status = allocate(lane, &lane->failure);
    if (status == BT_OK) status = open_session(lane, &lane->failure);
    if (status == BT_OK) status = warm_up(lane, &lane->failure);
    set_phase(lane, status == BT_OK ? BT_LANE_READY : BT_LANE_FAILED);
    while (status == BT_OK && wait_for_mail(lane, &work))
        while (run(lane, &work)) {
        }
    bt_session_close(&lane->session);
    set_phase(lane, BT_LANE_ENDED);
    return NULL;
}

static bt_lane_phase phase_of(bt_worker_lane *lane) {
    pthread_mutex_lock(&lane->service->lock);
    bt_lane_phase phase = lane->phase;
    pthread_mutex_unlock(&lane->service->lock);
    return phase;
}

/* Waits for a phase to come, or to have passed. */
static bool wait_for_phase(bt_worker_lane *lane, bt_lane_phase phase, int64_t until_ns) {
    for (;;) {
        unsigned seen = atomic_load(&lane->service->changed);
        if (phase_of(lane) >= phase) return true;
        if (bt_clock_now_ns() >= until_ns) return false;
        bt_futex_wait(&lane->service->changed, seen, until_ns);
    }
}

bt_status bt_lane_start(bt_worker_lane *lane, bt_error *error) {
    lane->phase = BT_LANE_STARTING;
    lane->mailed = lane->quit = lane->reading = false;
    lane->owed_count = 0;
    if (pthread_create(&lane->thread, NULL, lane_main, lane) != 0)
        return bt_fail(error, BT_IO, "a thread cannot be started");
    lane->threaded = true;
    (void)wait_for_phase(lane, BT_LANE_READY, BT_NEVER_NS);
    if (phase_of(lane) == BT_LANE_READY) return BT_OK;
    *error = lane->failure;
    return error->status;
}

bool bt_lane_stop(bt_worker_lane *lane, int64_t wait_ns) {
    if (!lane->threaded) return true;
    pthread_mutex_lock(&lane->service->lock);
    lane->quit = true;
    pthread_mutex_unlock(&lane->service->lock);
    bt_futex_signal(&lane->signal);
    lane->threaded = false;
    if (!wait_for_phase(lane, BT_LANE_ENDED, bt_clock_now_ns() + wait_ns)) {
        pthread_detach(lane->thread);
        return false;
    }
    pthread_join(lane->thread, NULL);
    bt_lane_free(lane);
    return true;
}

void bt_lane_free(bt_worker_lane *lane) {
    free(lane->images);
    free(lane->logits);
    free(lane->scratch);
    free(lane->requests);
    free(lane->owed);
    free(lane->deliveries);
    lane->images = lane->logits = NULL;
    lane->scratch = NULL;
    lane->requests = NULL;
    lane->owed = lane->deliveries = NULL;
}
