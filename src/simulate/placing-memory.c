/* Whether models fit on devices together, and one way how. */
#include <math.h>
#include <string.h>

#include "simulate/placing-parts.h"

/* Ways that are tried before it is said that none was found. What fits with room to spare is found at once. */
#define TRIES_MAX 200000

#define ROUNDING_MB 1e-6 /* sums of what is written with a few digits */

static double memory_of(const bt_placing_problem *p, int model) {
    return isnan(p->models[model].memory_mb) ? 0 : p->models[model].memory_mb;
}

bool bt_placing_fits(const bt_placing_problem *p, const uint32_t *on) {
    int instances = 0;
    for (int d = 0; d < p->device_count; d++) {
        double used_mb = 0;
        for (int m = 0; m < p->model_count; m++)
            instances += bt_placing_has(on[d], m);
        for (int other = 0; other < p->device_count; other++)
            for (int m = 0; p->devices[other].pool == p->devices[d].pool && m < p->model_count; m++)
                if (bt_placing_has(on[other], m)) used_mb += memory_of(p, m);
        if (used_mb > p->pools_mb[p->devices[d].pool] + ROUNDING_MB) return false;
    }
    return instances <= BT_BATCHER_INSTANCES_MAX;
}

/* ---- one of each ---- */

typedef struct packing {
    const bt_placing_problem *problem;
    int order[BT_PLACING_MODELS_MAX];       /* the largest first */
    double left_mb[BT_PLACING_DEVICES_MAX]; /* by device: of its pool, which the first of them stands for */
    int first_of[BT_PLACING_DEVICES_MAX];
    uint32_t *on;
    int tries;
} packing;

static bool pack_from(packing *k, int at) {
    const bt_placing_problem *p = k->problem;
    if (at == p->model_count) return true;
    const int model = k->order[at];
    const double need_mb = memory_of(p, model);
    for (int d = 0; d < p->device_count && k->tries < TRIES_MAX; d++) {
        if (k->first_of[d] != d || need_mb > k->left_mb[d] + ROUNDING_MB) continue;
        k->tries++;
        k->left_mb[d] -= need_mb;
        k->on[d] |= (uint32_t)1 << model;
        if (pack_from(k, at + 1)) return true;
        k->on[d] &= ~((uint32_t)1 << model);
        k->left_mb[d] += need_mb;
    }
    return false;
}

static void begin(packing *k, const bt_placing_problem *p, uint32_t *on) {
    *k = (packing){.problem = p, .on = on};
    memset(on, 0, BT_PLACING_DEVICES_MAX * sizeof *on);
    for (int d = 0; d < p->device_count; d++) {
        k->left_mb[d] = p->pools_mb[p->devices[d].pool];
        while (p->devices[k->first_of[d]].pool != p->devices[d].pool)
            k->first_of[d]++;
    }
    for (int m = 0; m < p->model_count; m++) {
        int at = m;
        for (; at > 0 && memory_of(p, k->order[at - 1]) < memory_of(p, m); at--)
            k->order[at] = k->order[at - 1];
        k->order[at] = m;
    }
}

static int roomiest(const packing *k) {
    int most = 0;
    for (int d = 1; d < k->problem->device_count; d++)
        if (k->first_of[d] == d && k->left_mb[d] > k->left_mb[most]) most = d;
    return most;
}

/* The largest models go first to where most is left; the first that finds no room is named. */
static bt_status fail_together(packing *k, bt_error *error) {
    const bt_placing_problem *p = k->problem;
    begin(k, p, k->on);
    for (int i = 0; i < p->model_count; i++) {
        const int model = k->order[i], d = roomiest(k);
        const double need_mb = memory_of(p, model);
        if (need_mb > k->left_mb[d])
            return bt_fail(error, BT_INVALID,
                           "the models do not fit on the devices together: %s needs %.0f MiB, and beside "
                           "the others %s, which has the most left, has %.0f: %.0f MiB are missing",
                           p->models[model].name, need_mb, p->devices[d].name, k->left_mb[d],
                           need_mb - k->left_mb[d]);
        k->left_mb[d] -= need_mb;
    }
    return bt_fail(error, BT_INVALID, "no way was found to fit the models on the devices together");
}

bt_status bt_placing_pack(const bt_placing_problem *problem, uint32_t *on, bt_error *error) {
    packing k;
    begin(&k, problem, on);
    const int most = roomiest(&k);
    for (int m = 0; m < problem->model_count; m++)
        if (memory_of(problem, m) > k.left_mb[most] + ROUNDING_MB)
            return bt_fail(error, BT_INVALID,
                           "%s needs %.0f MiB and fits on no device: %s has the most, %.0f MiB: %.0f MiB are "
                           "missing",
                           problem->models[m].name, memory_of(problem, m), problem->devices[most].name,
                           k.left_mb[most], memory_of(problem, m) - k.left_mb[most]);
    return pack_from(&k, 0) ? BT_OK : fail_together(&k, error);
}
