#include "tune/divisions.h"

#include <math.h>
#include <string.h>

#include "backend/backend.h"
#include "record/config.h"

/* A division counts as the best where the best is worth at most this many times as much. Higher prefers few
 * instances, which need less memory, and gives away throughput; at 1 noise decides between equals. */
#define INDIFFERENT 1.05

static bool can_share(const bt_settings *settings) {
    return strcmp(settings->device, "cpu") == 0;
}

static bt_division division_of(int instances, int threads) {
    return (bt_division){
        .instances = instances, .threads = threads, .median_ms = NAN, .throughput_imgs_per_sec = NAN};
}

/* One instance takes what the system gives (threads 0); several are given theirs. */
static int threads_of(const bt_settings *settings, int instances, int cores) {
    if (settings->threads > 0) return (int)settings->threads;
    if (instances == 1) return 0;
    return cores >= instances ? cores / instances : 1;
}

static bt_status list_one(const bt_settings *settings, const bt_cores *cores, bt_division *out,
                          bt_error *error) {
    const int instances = (int)settings->instances, cpus = CPU_COUNT(&cores->mask);
    const int threads = threads_of(settings, instances, cores->count);
    if (instances > 1 && !can_share(settings))
        return bt_fail(error, BT_INVALID, "--instances: %d share a CPU; on %s there is one", instances,
                       settings->device);
    if (instances > 1 && threads * instances > cpus)
        return bt_fail(error, BT_INVALID, "--instances: %d of %d threads need %d cores, there are %d",
                       instances, threads, instances * threads, cpus);
    *out = division_of(instances, threads);
    return BT_OK;
}

bt_status bt_divisions_list(const bt_settings *settings, const bt_cores *cores,
                            bt_division out[BT_DIVISIONS_MAX], int *count, bt_error *error) {
    const bool simulated = bt_backend_simulates(settings->backend);
    *count = 1;
    if (settings->instances > 0) return list_one(settings, cores, out, error);
    out[0] = division_of(1, threads_of(settings, 1, cores->count));
    for (int instances = 2; !simulated && can_share(settings) && *count < BT_DIVISIONS_MAX; instances *= 2) {
        int threads = threads_of(settings, instances, cores->count);
        if (instances > BT_INSTANCES_MAX || instances * threads > cores->count) break;
        out[(*count)++] = division_of(instances, threads);
    }
    return BT_OK;
}

double bt_division_throughput(int instances, double median_ms) {
    return 1e3 * instances / median_ms;
}

void bt_division_note(bt_division *division, double median_ms) {
    division->median_ms = median_ms;
    division->throughput_imgs_per_sec = bt_division_throughput(division->instances, median_ms);
    division->promise = division->throughput_imgs_per_sec;
}

/* Of division `d` to one model: the more the better; 0 where it was not measured, or is late. */
static double worth(const bt_division *division, const bt_settings *settings, bool late_too) {
    if (!(division->median_ms > 0)) return 0;
    if (!late_too && division->median_ms > settings->p95_sla_ms) return 0;
    return settings->objective == BT_OBJECTIVE_LATENCY ? 1e3 / division->median_ms : division->promise;
}

/* The geometric mean, so that a fast model's gain counts no more than a slow one's. */
static double worth_to_all(const bt_division *const *of, int models, int d, const bt_settings *settings,
                           bool late_too) {
    double product = 1;
    for (int m = 0; m < models; m++)
        product *= worth(&of[m][d], settings, late_too);
    return pow(product, 1.0 / models);
}

int bt_divisions_choose(const bt_division *const *of, int models, int count, const bt_settings *settings) {
    for (int late_too = 0; late_too < 2; late_too++) {
        double best = 0;
        for (int d = 0; d < count; d++)
            best = fmax(best, worth_to_all(of, models, d, settings, late_too));
        for (int d = 0; d < count && best > 0; d++)
            if (worth_to_all(of, models, d, settings, late_too) * INDIFFERENT >= best) return d;
    }
    return 0;
}
