/* Where models run whose instances are "auto": on which of the devices that there are, by what all of them together are
 * then predicted to hold. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "backend/cuda.h"
#include "backend/sim.h"
#include "base/memory.h"
#include "base/text.h"
#include "serving/state.h"
#include "settings/by-model.h"
#include "simulate/placing.h"

/* Any: the same each time, so that two replicas are alike. What is told is by another schedule, three times as long: of
 * many placements the best is the luckiest, too. */
#define SEED          1
#define TOLD_SEED     2
#define TOLD_REQUESTS 6000

#define MEBIBYTE ((double)(1 << 20))

_Static_assert(BT_PLACING_DEVICES_MAX == BT_INSTANCES_MAX, "an instance of each model on each device");
_Static_assert(BT_PLACING_MODELS_MAX == BT_BATCHER_MODELS_MAX, "any service may be placed");

typedef struct placer {
    bt_service *service;
    const bt_service_settings *given;
    bt_placement places; /* the devices, as instances on them */
    bt_placing_device devices[BT_PLACING_DEVICES_MAX];
    char names[BT_PLACING_DEVICES_MAX][BT_NAME_SIZE];
    double pools_mb[BT_PLACING_DEVICES_MAX];
    bt_tuned_model tuned[BT_PLACING_MODELS_MAX]; /* borrow from the service's */
    bt_placing_model models[BT_PLACING_MODELS_MAX];
    bt_placing_problem problem;
    bt_placing found;
} placer;

static bt_served_model *served_of(const placer *p, int model) {
    return &p->service->models[model].served;
}

static bool on_cpu(const bt_instance *instance) {
    return strcmp(instance->device, "cpu") == 0;
}

/* ---- which devices ---- */

static void name_devices(placer *p) {
    for (int i = 0; i < p->places.count; i++) {
        const bt_placement one = {.count = 1, .instances = {p->places.instances[i]}};
        bt_placement_words(&one, p->names[i], sizeof p->names[i]);
    }
}

/* All GPUs, where the models are on one. */
static bt_status list_gpus(placer *p, bt_error *error) {
    int count = 0;
    const bt_served_model *first = served_of(p, 0);
    if (first->resolved.simulated || on_cpu(&first->placement.instances[0])) return BT_OK;
    bt_status status = bt_cuda_count(&count, error);
    for (int i = 0; i < count && i < BT_PLACING_DEVICES_MAX && status == BT_OK; i++)
        snprintf(p->places.instances[p->places.count++].device, sizeof p->places.instances->device, "cuda:%d",
                 i);
    name_devices(p);
    return status;
}

static bt_status check_apart(const placer *p, bt_error *error) {
    const bt_instance *instances[BT_PLACING_DEVICES_MAX];
    int numbers[BT_PLACING_DEVICES_MAX];
    for (int i = 0; i < p->places.count; i++)
        instances[i] = &p->places.instances[i];
    bt_instances_number(numbers, instances, p->places.count);
    for (int i = 0; i < p->places.count; i++)
        if (numbers[i] != i)
            return bt_fail(error, BT_INVALID, "%s and %s share hardware: they are one device",
                           p->names[numbers[i]], p->names[i]);
    return BT_OK;
}

static bt_status list_devices(placer *p, bt_error *error) {
    const char *text = p->given->devices;
    bt_status status = BT_OK;
    if (strchr(text, '='))
        return bt_fail(error, BT_INVALID, "devices are for all models: \"%.64s\" names some", text);
    if (text[0] == '\0') return list_gpus(p, error);
    status = bt_placement_parse(&p->places, text, "", &p->service->cores.mask, error);
    name_devices(p);
    if (status == BT_OK) status = check_apart(p, error);
    return status == BT_OK ? BT_OK : bt_fail_at(error, status, "devices");
}

/* ---- what they are ---- */

static int threads_of(const placer *p, const bt_instance *instance) {
    return instance->threads > 0 ? instance->threads : p->service->cores.count;
}

/* What the times in its entry were measured with, whatever it is given here. */
static int tuned_threads(const placer *p, int model) {
    const bt_config_model *entry = served_of(p, model)->entry;
    if (!entry) return p->service->cores.count;
    if (entry->instance_count > 0 && entry->instances[0].threads > 0) return entry->instances[0].threads;
    return entry->settings.threads > 0 ? (int)entry->settings.threads : p->service->cores.count;
}

/* Slices of more or fewer cores than all models were tuned on are thought to be as much faster or slower. */
static bt_status find_speed(placer *p, int device, bt_error *error) {
    const bt_served_model *first = served_of(p, 0);
    const bt_instance *tuned = &first->placement.instances[0], *here = &p->places.instances[device];
    p->devices[device].speed = 1;
    if (first->resolved.simulated) return BT_OK;
    if (on_cpu(tuned) != on_cpu(here))
        return bt_fail(error, BT_INVALID,
                       "devices: the models were tuned on %s, and nothing tells how fast they are on %s",
                       tuned->device, here->device);
    for (int m = 1; m < p->service->model_count && on_cpu(here); m++)
        if (tuned_threads(p, m) != tuned_threads(p, 0))
            return bt_fail(error, BT_INVALID,
                           "instances auto: %s was tuned with %d threads and %s with %d, and nothing tells "
                           "how fast both "
                           "are with as many: tune them with the same --threads, or say where each runs",
                           p->service->models[0].name, tuned_threads(p, 0), p->service->models[m].name,
                           tuned_threads(p, m));
    if (on_cpu(here)) p->devices[device].speed = (double)threads_of(p, here) / tuned_threads(p, 0);
    return BT_OK;
}

/* What of a device's memory is to be had now, less the reserve that tuning kept. */
static bt_status find_memory(placer *p, int device, bt_error *error) {
    const bt_served_model *first = served_of(p, 0);
    const bt_instance *here = &p->places.instances[device];
    const double reserve = first->entry->settings.memory_reserve_percent / 100;
    bt_cuda_load load = {.total_bytes = 0};
    int index;
    p->devices[device].pool = device;
    if (first->resolved.simulated) {
        p->pools_mb[device] = bt_sim_memory_total_mb(first->settings.backend) * (1 - reserve);
        return BT_OK;
    }
    if (on_cpu(here)) { /* all of them draw on the machine's */
        p->devices[device].pool = 0;
        p->pools_mb[0] = (double)bt_memory_available_bytes() / MEBIBYTE * (1 - reserve);
        return BT_OK;
    }
    bt_status status = bt_cuda_index(&index, here->device, error);
    if (status == BT_OK) status = bt_cuda_read_load(&load, index, error);
    p->pools_mb[device] = ((double)load.total_bytes * (1 - reserve) - (double)load.used_bytes) / MEBIBYTE;
    return status;
}

static bt_status describe_devices(placer *p, bt_error *error) {
    bt_status status = BT_OK;
    for (int d = 0; d < p->places.count && status == BT_OK; d++) {
        p->devices[d].name = p->names[d];
        status = find_speed(p, d, error);
        if (status == BT_OK) status = find_memory(p, d, error);
    }
    return status;
}

/* ---- the models ---- */

/* At the batch size that is served, of the memory that the devices have; NaN where tuning did not measure that. */
static double memory_mb_of(const placer *p, int model) {
    const bt_served_model *served = served_of(p, model);
    const bt_config_model *entry = served->entry;
    const bt_config_point *point = bt_config_model_point(entry, (int)served->settings.batch_size);
    const bool device = served->resolved.simulated || !on_cpu(&p->places.instances[0]);
    if (strcmp(entry->memory_kind, bt_memory_kind(device)) != 0) return NAN;
    if (served->settings.batch_size == entry->optimal_batch_size) return entry->memory_usage_mb;
    return point ? point->memory_mb : NAN;
}

static bt_status find_share(placer *p, int model, bt_error *error) {
    char text[BT_OPTION_TEXT_SIZE], *end;
    bt_placing_model *out = &p->models[model];
    out->rate_rps = 1;
    const char *name = p->service->models[model].name;
    bt_status status = bt_by_model_find(text, p->given->shares, name, error);
    if (status != BT_OK || text[0] == '\0') return status;
    out->rate_rps = bt_text_read_number(text, &end);
    if (*end == '\0' && out->rate_rps > 0 && out->rate_rps <= 1e6) return BT_OK;
    return bt_fail(error, BT_INVALID, "\"%.32s\" is no share of %s: a number above 0 is, up to a million",
                   text, name);
}

static bt_status find_shares(placer *p, bt_error *error) {
    const char *names[BT_PLACING_MODELS_MAX] = {NULL}, *shares = p->given->shares;
    const int count = p->service->model_count;
    for (int m = 0; m < count; m++)
        names[m] = p->service->models[m].name;
    bt_status status = BT_OK;
    if (shares[0] && !bt_by_model_is_map(shares))
        status = bt_fail(error, BT_INVALID, "\"%.64s\" names no model: write hrnet=3,cbam_resunet=1", shares);
    if (status == BT_OK) status = bt_by_model_check_names(shares, names, count, error);
    for (int m = 0; m < count && status == BT_OK; m++)
        status = find_share(p, m, error);
    return status == BT_OK ? BT_OK : bt_fail_at(error, status, "shares");
}

static bt_status describe_model(placer *p, int model, bt_error *error) {
    const bt_service_model *from = &p->service->models[model];
    bt_placing_model *out = &p->models[model];
    if (!from->tuned_open)
        return bt_fail(
            error, BT_INVALID,
            "instances auto: the config has no measured times of %s as it is served: tune it, or say where "
            "it runs",
            from->name);
    p->tuned[model] = from->tuned;
    p->tuned[model].batcher = from->batcher;
    *out = (bt_placing_model){.name = from->name,
                              .tuned = &p->tuned[model],
                              .rate_rps = out->rate_rps,
                              .memory_mb = memory_mb_of(p, model),
                              .p95_sla_ms = from->served.settings.p95_sla_ms};
    for (int other = 0; other < p->service->model_count; other++) {
        const bt_neighbour_cost *cost =
            other == model ? NULL : bt_config_neighbour(from->served.entry, p->service->models[other].name);
        if (cost) out->neighbours[out->neighbour_count++] = bt_tuned_neighbour(cost, other);
    }
    return BT_OK;
}

static bt_status describe(placer *p, bt_error *error) {
    bt_status status = describe_devices(p, error);
    for (int m = 0; m < p->service->model_count && status == BT_OK; m++)
        status = describe_model(p, m, error);
    p->problem = (bt_placing_problem){.models = p->models,
                                      .model_count = p->service->model_count,
                                      .devices = p->devices,
                                      .device_count = p->places.count,
                                      .pools_mb = p->pools_mb,
                                      .pool_count = p->places.count,
                                      .seed = SEED};
    return status;
}

/* ---- what was found ---- */

static void put(placer *p, double factor) {
    for (int m = 0; m < p->service->model_count; m++) {
        bt_served_model *served = served_of(p, m);
        served->placement.count = 0;
        served->placement_note[0] = '\0';
        served->placed_rps = p->found.hopeless ? NAN : factor * p->models[m].rate_rps;
        for (int d = 0; d < p->places.count; d++)
            if (p->found.on[d] >> m & 1)
                served->placement.instances[served->placement.count++] = p->places.instances[d];
    }
}

static void tell_memory(const placer *p) {
    char words[BT_LOG_LINE_SIZE / 2] = "";
    for (int pool = 0; pool < p->problem.pool_count; pool++) {
        double used_mb = 0;
        const char *name = NULL;
        for (int d = 0; d < p->places.count; d++) {
            if (p->devices[d].pool != pool) continue;
            name = name ? "all" : p->names[d];
            for (int m = 0; m < p->service->model_count; m++)
                if (p->found.on[d] >> m & 1 && p->models[m].memory_mb > 0) used_mb += p->models[m].memory_mb;
        }
        if (name)
            bt_text_append(words, sizeof words, "%s%s %.0f of %.0f", words[0] ? ", " : "", name, used_mb,
                           p->pools_mb[pool]);
    }
    bt_log_write(p->service->log, BT_LOG_INFO, "placement: memory, MiB: %s", words);
}

static void tell(const placer *p, double factor) {
    bt_log *log = p->service->log;
    for (int m = 0; m < p->service->model_count; m++) {
        const bt_served_model *served = served_of(p, m);
        char words[BT_TEXT_SIZE];
        bt_placement_words(&served->placement, words, sizeof words);
        if (factor > 0)
            bt_log_write(log, BT_LOG_INFO,
                         "placement: %s on %s: predicted to hold %.1f requests/s beside the others",
                         p->models[m].name, words, served->placed_rps);
        else
            bt_log_write(log, BT_LOG_INFO, "placement: %s on %s", p->models[m].name, words);
        if (p->found.hopeless >> m & 1)
            bt_log_write(log, BT_LOG_WARNING,
                         "%s: not even a lone request is predicted to keep its promise of %g ms: it is "
                         "placed as if it "
                         "had been promised three times its longest run",
                         p->models[m].name, p->models[m].p95_sla_ms);
    }
    tell_memory(p);
    if (factor == 0 && p->found.hopeless == 0)
        bt_log_write(log, BT_LOG_WARNING,
                     "placement: on these devices no rate is predicted to keep all promises at once");
}

static bt_status place(placer *p, bt_error *error) {
    double factor = 0;
    bt_status status = describe(p, error);
    if (status == BT_OK) status = bt_placing_find(&p->found, &p->problem, error);
    if (status != BT_OK) return status;
    p->problem.seed = TOLD_SEED;
    p->problem.requests = TOLD_REQUESTS;
    if (p->found.factor > 0 && p->found.hopeless == 0)
        status = bt_placing_factor(&factor, &p->problem, p->found.on, error);
    if (status != BT_OK) return status;
    put(p, factor);
    tell(p, factor);
    return BT_OK;
}

/* There is nothing to choose; but what was said is to be right. */
static bt_status put_on_one(placer *p, bt_error *error) {
    bt_status status = find_speed(p, 0, error);
    for (int m = 0; m < p->service->model_count && status == BT_OK; m++) {
        served_of(p, m)->placement = p->places;
        served_of(p, m)->placement_note[0] = '\0';
    }
    return status;
}

bt_status bt_service_place(bt_service *service, const bt_service_settings *given, bt_error *error) {
    if (strcmp(given->instances, BT_INSTANCES_AUTO) != 0) {
        if (given->devices[0] == '\0' && given->shares[0] == '\0') return BT_OK;
        return bt_fail(error, BT_INVALID, "devices and shares are for instances auto alone");
    }
    placer *p = calloc(1, sizeof *p);
    if (!p) return bt_no_memory(error, "placing models");
    p->service = service;
    p->given = given;
    bt_status status = list_devices(p, error);
    if (status == BT_OK) status = find_shares(p, error);
    if (status == BT_OK && p->places.count > 1)
        status = place(p, error);
    else if (status == BT_OK && p->places.count == 1)
        status = put_on_one(p, error);
    free(p);
    return status;
}
