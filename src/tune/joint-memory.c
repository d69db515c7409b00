#include "tune/joint-memory.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#include "tune/memory-fit.h"
#include "tune/objective.h"
#include "tune/score.h"

/* Tries every combination of admissible points from model `at` on; keeps the best that fits. Few models of
 * few points each: the product stays small. */
typedef struct joint_search {
    const bt_record *record;
    int chosen[BT_NAMES_MAX], best[BT_NAMES_MAX];
    double best_score;
} joint_search;

static void try_combinations(joint_search *search, int at, double memory_mb, double product) {
    /* What is of unknown memory is not shown to fit. */
    if (!(memory_mb <= search->record->joint_memory_limit_mb)) return;
    if (at == search->record->model_count) {
        if (product > search->best_score) {
            search->best_score = product;
            memcpy(search->best, search->chosen, sizeof search->best);
        }
        return;
    }
    const bt_model_record *model = &search->record->models[at];
    for (int i = 0; i < model->point_count; i++) {
        const bt_point *point = &model->points[i];
        if (!bt_point_admissible(point) && i != model->chosen) continue;
        search->chosen[at] = i;
        try_combinations(search, at + 1, memory_mb + point->memory_mb,
                         product * bt_point_score(point, (bt_objective)search->record->settings.objective));
    }
}

static double joint_memory(const bt_record *record) {
    double sum_mb = 0;
    for (int i = 0; i < record->model_count; i++) {
        const bt_model_record *model = &record->models[i];
        sum_mb += model->chosen >= 0 ? model->points[model->chosen].memory_mb : NAN;
    }
    return sum_mb;
}

/* What the device has for the models together. */
static double joint_limit(const bt_record *record) {
    double limit_mb = NAN;
    for (int i = 0; i < record->model_count; i++) {
        const bt_model_record *model = &record->models[i];
        limit_mb =
            fmin(limit_mb, model->memory_total_mb * (1 - record->settings.memory_reserve_percent / 100) -
                               bt_memory_of_others_mb(model));
    }
    return limit_mb;
}

/* Makes `chosen` (an index into each model's points) the record's choice, and notes who gave way. */
static void give_way(bt_record *record, const int *chosen) {
    char *note = record->joint_memory_note;
    size_t size = sizeof record->joint_memory_note;
    size_t used = (size_t)snprintf(note, size, "to fit together:");
    for (int i = 0; i < record->model_count; i++) {
        bt_model_record *model = &record->models[i];
        if (chosen[i] == model->chosen) continue;
        used +=
            (size_t)snprintf(note + used, size - used, " %s gives way from batch %d to %d;", model->title,
                             model->points[model->chosen].batch_size, model->points[chosen[i]].batch_size);
        if (used >= size) used = size - 1;
        model->chosen = chosen[i];
        bt_score_conclude(model, &record->settings);
    }
    note[used - 1] = '\0'; /* the last semicolon */
}

void bt_fit_joint_memory(bt_record *record) {
    record->joint_memory_mb = joint_memory(record);
    record->joint_memory_limit_mb = joint_limit(record);
    record->joint_memory_fits = !(record->joint_memory_mb > record->joint_memory_limit_mb);
    record->joint_memory_note[0] = '\0';
    if (record->joint_memory_fits || record->model_count < 2 || record->model_count > BT_NAMES_MAX) return;

    joint_search search = {.record = record};
    try_combinations(&search, 0, 0, 1);
    if (search.best_score <= 0) {
        snprintf(record->joint_memory_note, sizeof record->joint_memory_note,
                 "no combination of batch sizes fits the models together within the reserve: serve them on "
                 "devices "
                 "of their own");
        return;
    }
    give_way(record, search.best);
    record->joint_memory_mb = joint_memory(record);
    record->joint_memory_fits = true;
}
