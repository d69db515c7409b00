/* The two paths side by side: the standard path, one image at a time, against the production path with its
 * batches full. In turns, so that what slows the machine for a while slows both. Of servers, which have one path as
 * far as anybody sees: one request at a time against many, which says what rates to ask for. */
#include <math.h>
#include <stdio.h>

#include "base/clock.h"
#include "measure/series.h"
#include "prove/trial-state.h"

/* Rounds, of which the median counts: one that something disturbed does not. More of them, or longer ones,
 * make every test longer, and the speed-up that they give is no verdict. */
#define COMPARE_ROUNDS 3
#define COMPARE_NS     (1500 * BT_NS_PER_MS) /* of each path in each round */
#define COMPARE_RUNS   200                   /* at most, of each path in each round */

int64_t bt_trial_compare_ns(const bt_trial *t) {
    return (int64_t)t->model_count * COMPARE_ROUNDS * 2 * COMPARE_NS;
}

static double images_per_second(const bt_request_log *log, double *sum_ms, int64_t *count) {
    int64_t ok = 0, first_ns = INT64_MAX, last_ns = 0;
    for (int64_t i = 0; i < log->count; i++) {
        const bt_sent_request *request = &log->requests[i];
        if (request->status != BT_OK) continue;
        ok++;
        *sum_ms += bt_ms(request->answered_ns - request->sent_ns);
        if (request->sent_ns < first_ns) first_ns = request->sent_ns;
        if (request->answered_ns > last_ns) last_ns = request->answered_ns;
    }
    *count += ok;
    return ok > 0 && last_ns > first_ns ? (double)ok / ((double)(last_ns - first_ns) / 1e9) : NAN;
}

/* A closed loop on one path for a while: images a second. */
static bt_status time_path(bt_trial *t, int model, bool standard, int clients, double *rate, double *sum_ms,
                           int64_t *count, bt_error *error) {
    double weights[BT_INPUTS_MAX];
    bt_load_images stream = bt_trial_inputs(t, model, weights);
    bt_trial_target target;
    bt_request_log *log = NULL;
    char what[96];
    stream.standard_path = standard;
    bt_status status = bt_trial_target_open(&target, t, &stream, &model, 1, clients, error);
    if (status != BT_OK) return status;
    if (t->remote)
        snprintf(what, sizeof what, "%s, %d at a time", t->names[model], clients);
    else
        snprintf(what, sizeof what, "%s, %s path", t->names[model],
                 bt_path_name(standard ? BT_PATH_STANDARD : BT_PATH_PRODUCTION));
    bt_trial_live l = bt_trial_go_live(t, what, COMPARE_NS);
    const bt_stream load_stream = {.clients = clients,
                                   .clients_count = COMPARE_RUNS * (int64_t)clients,
                                   .weights = weights,
                                   .input_count = stream.input_count};
    const bt_load_options load = {.target = bt_trial_target_of(&target),
                                  .streams = &load_stream,
                                  .stream_count = 1,
                                  .duration_ns = COMPARE_NS,
                                  .drain_ns = BT_TRIAL_DRAIN_NS,
                                  .seed = (uint64_t)t->settings->seed,
                                  .progress = bt_trial_tell,
                                  .progress_context = &l,
                                  .stop = t->options->stop};
    status = bt_load_run(&log, &load, error);
    if (status == BT_OK) *rate = images_per_second(log, sum_ms, count);
    bt_trial_target_close(t, &target, log);
    bt_request_log_close(&log);
    return status;
}

/* How many are sent at a time to fill batches. */
static int clients_of(const bt_trial *t, int model) {
    const bt_load_model *m = &t->record->models[model];
    const int clients = 2 * m->batch_size * m->instances;
    return m->max_queue_size > 0 && clients > m->max_queue_size ? m->max_queue_size : clients;
}

/* Of servers the standard path's figures are those of one request at a time, and no speed-up. */
static void note_paths(bt_trial *t, int model, double lone_rps, double many_rps, double lone_ms) {
    bt_load_model *out = &t->record->models[model];
    out->production_img_per_sec = many_rps;
    if (t->remote) {
        t->models[model].lone_ns = lone_ms > 0 ? (int64_t)(lone_ms * BT_NS_PER_MS) : 0;
        t->models[model].batch_ns = many_rps > 0 ? (int64_t)(out->batch_size * 1e9 / many_rps) : 0;
        return;
    }
    out->standard_img_per_sec = lone_rps;
    out->speedup = many_rps / lone_rps;
    out->standard_p50_ms = lone_ms;
}

bt_status bt_trial_compare_paths(bt_trial *t, int model, bt_error *error) {
    const int clients = clients_of(t, model);
    double standard[COMPARE_ROUNDS], production[COMPARE_ROUNDS], scratch[COMPARE_ROUNDS];
    double standard_ms = 0, ignored = 0;
    int64_t standard_count = 0, ignored_count = 0;
    for (int round = 0; round < COMPARE_ROUNDS; round++) {
        if (bt_trial_stopped(t)) return BT_OK;
        bt_status status =
            time_path(t, model, true, 1, &standard[round], &standard_ms, &standard_count, error);
        if (status == BT_OK)
            status = time_path(t, model, false, clients, &production[round], &ignored, &ignored_count, error);
        if (status != BT_OK) return status;
    }
    const double lone_ms = standard_count > 0 ? standard_ms / (double)standard_count : NAN;
    note_paths(t, model, bt_median(standard, COMPARE_ROUNDS, scratch),
               bt_median(production, COMPARE_ROUNDS, scratch), lone_ms);
    return BT_OK;
}
