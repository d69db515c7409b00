/* One lane: a thread that owns a backend session, gathers the batches it is mailed, runs them and hands
 * results out. */
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>

#include "base/clock.h"
#include "base/text.h"
#include "serving/state.h"

/* ---- getting ready ---- */

size_t bt_lane_values(const bt_worker_lane *lane) {
    const bt_service_model *model = &lane->service->models[lane->model];
    return (size_t)lane->found.session.classes * (size_t)model->height * (size_t)model->width;
}

static int largest_run(const bt_worker_lane *lane) {
    const bt_ladder *ladder = &lane->service->models[lane->model].batcher.ladder;
    return lane->path == BT_PATH_STANDARD ? 1 : ladder->sizes[ladder->size_count - 1];
}

/* Images and logits are the session's. */
static bt_status allocate(bt_worker_lane *lane, bt_error *error) {
    const bt_service_model *model = &lane->service->models[lane->model];
    const size_t most = (size_t)largest_run(lane), pixels = (size_t)model->height * (size_t)model->width;
    const size_t classes = (size_t)lane->found.session.classes;
    lane->own.scratch = malloc(bt_image_scratch_bytes(BT_IMAGE_SIDE_MAX, model->height, model->width));
    lane->own.tame = calloc(most, sizeof *lane->own.tame);
    lane->own.deliveries = calloc(lane->service->request_count, sizeof *lane->own.deliveries);
    lane->shared.requests = calloc(most, sizeof *lane->shared.requests);
    lane->shared.owed = calloc(most, sizeof *lane->shared.owed);
    lane->own.merged = classes > 1 ? malloc(pixels * sizeof *lane->own.merged) : NULL;
    if (!lane->own.scratch || !lane->own.tame || !lane->own.deliveries || !lane->shared.requests ||
        !lane->shared.owed || (classes > 1 && !lane->own.merged))
        return bt_no_memory(error, "batches of %zu images", most);
    void *images, *logits;
    /* Of pictures, which the session keeps itself, only a blank one is wanted. */
    const size_t image_bytes =
        lane->found.session.takes_pictures ? 3 * pixels : 3 * most * pixels * sizeof(float);
    bt_status status = bt_session_buffer(lane->own.session, &images, image_bytes, error);
    if (status == BT_OK)
        status =
            bt_session_buffer(lane->own.session, &logits, most * classes * pixels * sizeof(float), error);
    if (status != BT_OK) return status;
    lane->own.images = images;
    lane->own.logits = logits;
    return BT_OK;
}

static bt_status configure_thread(const bt_worker_lane *lane, bt_error *error) {
    prctl(PR_SET_TIMERSLACK, 1UL);
    return bt_cpus_bind(lane->place->cpus, error);
}

/* Whether a lane of the same path has said it: one of an instance before this one on the same device. */
static bool already_reported(const bt_worker_lane *lane) {
    const bt_service_model *model = &lane->service->models[lane->model];
    const bt_instance *places = model->served.placement.instances;
    for (int i = 0; i < lane->instance - model->first_instance; i++)
        if (strcmp(places[i].device, lane->place->device) == 0) return true;
    return false;
}

/* What is to be said of a network: by its production lanes, once a device. */
static void warn_of_model(const bt_worker_lane *lane, const char *words) {
    if (words[0] && lane->path != BT_PATH_STANDARD && !already_reported(lane))
        bt_log_write(lane->service->log, BT_LOG_WARNING, "%s: %s", lane->service->models[lane->model].name,
                     words);
}

static bt_status open_session(bt_worker_lane *lane, bt_error *error) {
    const bt_service_model *model = &lane->service->models[lane->model];
    const bt_served_model *served = &model->served;
    const bt_session_options options = bt_served_model_session(served, lane->place, lane->path);
    const int classes_before = lane->found.session.classes; /* 0: it starts for the first time */
    bt_status status = bt_session_open(&lane->own.session, &options, error);
    if (status != BT_OK) return status;
    const bt_session_info *info = &lane->found.session;
    if (classes_before > 0 && bt_session_describe(lane->own.session)->classes != classes_before)
        return bt_fail(error, BT_INVALID,
                       "it gives other classes than before: its file has changed meanwhile");
    lane->found.session = *bt_session_describe(lane->own.session);
    lane->own.image_threads = lane->path == BT_PATH_STANDARD ? 1 : bt_session_image_threads(info);
    if (info->path_note[0] && !already_reported(lane))
        bt_log_write(lane->service->log, BT_LOG_WARNING, "%s: %s", model->name, info->path_note);
    warn_of_model(lane, info->weights_note);
    warn_of_model(lane, info->found_note);
    if (bt_served_model_has_changed(served, info->weights_hash)) {
        char words[BT_PATH_SIZE + 96];
        snprintf(words, sizeof words, "other weights than those that were measured: %s has changed since",
                 served->entry->weights.path);
        warn_of_model(lane, words);
    }
    return BT_OK;
}

/* One run of a size as it will be asked for: of pictures, which then have their memory, where those are taken. */
static bt_status warm_run(bt_worker_lane *lane, int size, bt_error *error) {
    const bt_service_model *model = &lane->service->models[lane->model];
    bt_session *session = lane->own.session;
    bt_status status = BT_OK;
    if (!lane->found.session.takes_pictures)
        return bt_session_run(session, size, lane->own.images, lane->own.logits, error);
    for (int i = 0; i < size && status == BT_OK; i++)
        status = bt_session_put_picture(session, i, (const uint8_t *)lane->own.images, model->height,
                                        model->width, NULL, error);
    return status == BT_OK ? bt_session_run_pictures(session, size, size, lane->own.logits, error) : status;
}

/* Every size once to get warm and once to see what it takes, or only made ready. */
static bt_status warm_up(bt_worker_lane *lane, bt_error *error) {
    const bt_service_model *model = &lane->service->models[lane->model];
    const bt_ladder *ladder = &model->batcher.ladder;
    int runs = model->served.settings.warm_up ? 2 : 0;
    int sizes = lane->path == BT_PATH_STANDARD ? 1 : ladder->size_count;
    for (int i = 0; i < sizes; i++) {
        int size = ladder->sizes[i];
        bt_status status = bt_session_prepare(lane->own.session, size, error);
        for (int run = 0; run < runs && status == BT_OK; run++) {
            int64_t start_ns = bt_clock_now_ns();
            status = warm_run(lane, size, error);
            lane->found.warm_ns[i] = bt_clock_now_ns() - start_ns;
        }
        if (status != BT_OK) return bt_fail_at(error, status, "batch size %d", size);
    }
    bt_session_release_threads(lane->own.session);
    return BT_OK;
}

static void set_phase(bt_worker_lane *lane, bt_lane_phase phase) {
    pthread_mutex_lock(&lane->service->lock);
    lane->shared.phase = phase;
    pthread_mutex_unlock(&lane->service->lock);
    bt_futex_signal(&lane->service->changed);
}

/* ---- one run ---- */

/* From here on the images belong to their callers again; who was answered meanwhile is told now. */
static void stop_reading(bt_worker_lane *lane) {
    bt_service_lock(lane->service);
    lane->shared.reading = false;
    int owed = lane->shared.owed_count;
    lane->shared.owed_count = 0;
    pthread_mutex_unlock(&lane->service->lock);
    bt_deliver(lane->service, lane->shared.owed, owed, NULL);
}

/* Whether a user's network gives what it is said to, by its first pictures. That one picture's mask is empty
 * means nothing. */
static void check_output(bt_worker_lane *lane, size_t values) {
    const bt_service_model *model = &lane->service->models[lane->model];
    const bt_image_output output = model->served.resolved.model.output;
    char words[BT_MODEL_NOTE_SIZE];
    if (lane->own.output_checked || model->served.resolved.model.kind == BT_MODEL_NETWORK) return;
    lane->own.output_checked = true;
    bt_output_range range = bt_model_range(output, lane->own.logits, values);
    range.mask_share = NAN;
    bt_model_question(words, true, output, &range);
    warn_of_model(lane, words);
}

/* The share of INT8's activations beyond the calibrated range that is worth a warning. On pictures like those of
 * the calibration it is below 0.0001. With ranges cut short, masks agreed by 0.994 (HRNet, CBAM-ResUNet) at 0.0004
 * and 0.0001, by 0.984 and 0.986 at 0.003 and 0.0008, by 0.968 and 0.981 at 0.008 and 0.005. */
#define SATURATED_MOST 0.001

/* Says once that pictures are not like those of the calibration. */
static void check_saturation(bt_worker_lane *lane, double fraction) {
    char words[160];
    if (lane->own.saturation_warned || !(fraction > SATURATED_MOST)) return;
    lane->own.saturation_warned = true;
    bt_text_format(
        words, sizeof words,
        "%.1f %% of INT8's activations lie beyond the calibrated range: tune on pictures like these "
        "(optimize-batch --images)",
        100 * fraction);
    warn_of_model(lane, words);
}

static bt_status forward(bt_worker_lane *lane, const bt_action *work, bt_error *error) {
    bt_session *session = lane->own.session;
    if (lane->found.session.takes_pictures)
        return bt_session_run_pictures(session, work->run_size, work->count, lane->own.logits, error);
    return bt_session_run(session, work->run_size, lane->own.images, lane->own.logits, error);
}

/* Of `count` results, *all_tame: none has an input that is no picture's. Those that have one may be anything: no
 * other path would make numbers of them, and their neighbours are as good as ever. */
static bool are_finite(const bt_worker_lane *lane, int count, size_t values, bool *all_tame) {
    *all_tame = true;
    for (int i = 0; i < count; i++) {
        if (!lane->own.tame[i])
            *all_tame = false;
        else if (!bt_logits_finite(lane->own.logits + (size_t)i * values, values))
            return false;
    }
    return true;
}

/* `gathered` is how bringing the images there went. */
static bt_run_outcome compute(bt_worker_lane *lane, const bt_action *work, bt_status gathered,
                              bt_error *error) {
    const size_t values = bt_lane_values(lane);
    bt_status status = gathered == BT_OK ? forward(lane, work, error) : gathered;
    if (status == BT_OUT_OF_DEVICE_MEMORY) return BT_RUN_OUT_OF_MEMORY;
    if (status != BT_OK) return BT_RUN_EXCEPTION;
    bool all_tame;
    if (are_finite(lane, work->count, values, &all_tame)) {
        if (all_tame) check_output(lane, (size_t)work->count * values);
        return BT_RUN_GOOD;
    }
    bt_fail(error, BT_BACKEND, "a result is not a finite number");
    return BT_RUN_NON_FINITE;
}

static void note_run(bt_worker_lane *lane, const bt_action *work, bt_run_outcome outcome,
                     const bt_error *error) {
    bt_service_model *model = &lane->service->models[lane->model];
    const bt_meter_run run = {.instance = lane->instance - model->first_instance,
                              .duration_ns = lane->own.service_ns,
                              .path = lane->path,
                              .requests = outcome == BT_RUN_GOOD ? work->count : 0};
    const double saturated = bt_session_saturated_fraction(lane->own.session);
    check_saturation(lane, saturated);
    bt_serving_failure *failure =
        &model->failures.of[lane->path == BT_PATH_STANDARD ? BT_SERVING_STANDARD : BT_SERVING_PRODUCTION];
    pthread_mutex_lock(&model->meter_lock);
    if (run.requests > 0 && run.path == BT_PATH_PRODUCTION) model->saturated_fraction = saturated;
    bt_meter_ran(model->meter, bt_clock_now_ns(), &run);
    if (outcome != BT_RUN_GOOD) {
        failure->count++;
        failure->instance = run.instance;
        memcpy(failure->message, error->message, sizeof failure->message);
    }
    pthread_mutex_unlock(&model->meter_lock);
    if (outcome == BT_RUN_GOOD) return;
    bt_log_write(lane->service->log, BT_LOG_DETAIL, "%s: a run of %d on the %s path failed: %s", model->name,
                 work->run_size, bt_path_name(lane->path), error->message);
}

/* Under the lock: the next run, where one was mailed meanwhile. */
static bool take_mail(bt_worker_lane *lane, bt_action *work) {
    bool mailed = lane->shared.mailed;
    *work = lane->shared.work;
    lane->shared.mailed = false;
    return mailed;
}

/* Runs what it was mailed and hands the results out; true where `work` is the next run already. */
static bool run(bt_worker_lane *lane, bt_action *work) {
    bt_service *service = lane->service;
    bt_error error = {BT_OK, ""};
    bt_wakes wakes;
    bt_wakes_none(&wakes);
    lane->own.began_ns = bt_clock_now_ns();
    bt_status gathered = bt_lane_gather(lane, work, &error);
    int64_t start_ns = bt_clock_now_ns();
    lane->own.preprocess_ns = start_ns - lane->own.began_ns;
    stop_reading(lane);
    bt_run_outcome outcome = compute(lane, work, gathered, &error);
    int64_t end_ns = bt_clock_now_ns();
    lane->own.service_ns = end_ns - start_ns;
    if (lane->shares_cores) bt_session_release_threads(lane->own.session);
    note_run(lane, work, outcome, &error);
    bt_service_lock(service);
    (void)bt_batcher_done(service->batcher, end_ns, work->run, outcome);
    int count = bt_pump(service, end_ns, lane, lane->own.deliveries, (int)service->request_count, &wakes);
    bool more = take_mail(lane, work);
    pthread_mutex_unlock(&service->lock);
    bt_wake_all(service, &wakes);
    bt_deliver(service, lane->own.deliveries, count, lane);
    return more;
}

/* ---- the thread ---- */

/* Waits until something is mailed (true) or the lane is to end (false). */
static bool wait_for_mail(bt_worker_lane *lane, bt_action *work) {
    for (;;) {
        unsigned seen = atomic_load(&lane->signal);
        bt_service_lock(lane->service);
        bool mailed = take_mail(lane, work), quit = lane->shared.quit;
        pthread_mutex_unlock(&lane->service->lock);
        if (mailed || quit) return mailed;
        bt_futex_spin(&lane->signal, seen, lane->service->spin_ns);
        if (atomic_load(&lane->signal) == seen) bt_futex_wait(&lane->signal, seen, BT_NEVER_NS);
    }
}

static void *lane_main(void *argument) {
    bt_worker_lane *lane = argument;
    bt_action work;
    bt_status status = configure_thread(lane, &lane->found.failure);
    if (status == BT_OK) status = open_session(lane, &lane->found.failure);
    if (status == BT_OK) status = allocate(lane, &lane->found.failure);
    if (status == BT_OK) status = warm_up(lane, &lane->found.failure);
    set_phase(lane, status == BT_OK ? BT_LANE_READY : BT_LANE_FAILED);
    while (status == BT_OK && wait_for_mail(lane, &work))
        while (run(lane, &work)) {
        }
    bt_session_close(&lane->own.session);
    set_phase(lane, BT_LANE_ENDED);
    return NULL;
}

static bt_lane_phase phase_of(bt_worker_lane *lane) {
    pthread_mutex_lock(&lane->service->lock);
    bt_lane_phase phase = lane->shared.phase;
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

bt_status bt_lane_launch(bt_worker_lane *lane, bt_error *error) {
    lane->shared.phase = BT_LANE_STARTING;
    lane->shared.mailed = lane->shared.quit = lane->shared.reading = false;
    lane->shared.owed_count = 0;
    if (pthread_create(&lane->thread, NULL, lane_main, lane) != 0)
        return bt_fail(error, BT_IO, "a thread cannot be started");
    lane->threaded = true;
    return BT_OK;
}

bool bt_lane_has_started(bt_worker_lane *lane, bt_status *status, bt_error *error) {
    const bt_lane_phase phase = phase_of(lane);
    if (phase == BT_LANE_STARTING) return false;
    *status = BT_OK;
    if (phase == BT_LANE_READY) return true;
    *error = lane->found.failure;
    *status = error->status;
    return true;
}

bool bt_lane_stop(bt_worker_lane *lane, int64_t wait_ns) {
    if (!lane->threaded) return true;
    pthread_mutex_lock(&lane->service->lock);
    lane->shared.quit = true;
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
    free(lane->own.scratch);
    free(lane->own.merged);
    free(lane->own.tame);
    free(lane->own.deliveries);
    free(lane->shared.requests);
    free(lane->shared.owed);
    lane->own.images = lane->own.logits = NULL;
    lane->own.scratch = NULL;
    lane->own.merged = NULL;
    lane->own.tame = NULL;
    lane->own.deliveries = NULL;
    lane->shared.requests = NULL;
    lane->shared.owed = NULL;
}
