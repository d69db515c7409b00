/* In which order a model's runs were fast and slow, out of a record and out of the file. */
#include <stdlib.h>
#include <string.h>

#include "base/json.h"
#include "record/config-fields.h"

typedef struct ranked {
    double ms;
    int place;
} ranked;

/* Equal ones stand in the order that they came in. */
static int by_time(const void *a, const void *b) {
    const ranked *x = a, *y = b;
    return x->ms != y->ms ? (x->ms > y->ms) - (x->ms < y->ms) : x->place - y->place;
}

/* Of more samples than are kept, stretches at even distances, the first and the last among them. */
static int keep_stretches(ranked *out, const bt_point *point) {
    const int stretches = BT_CONFIG_RANKS / BT_CONFIG_STRETCH, most = point->sample_count;
    const bool all = most <= BT_CONFIG_RANKS;
    const int kept = all ? most : BT_CONFIG_RANKS;
    for (int i = 0; i < kept; i++) {
        const int stretch = i / BT_CONFIG_STRETCH;
        const int from =
            all ? 0 : stretch * (most - BT_CONFIG_STRETCH) / (stretches - 1) - stretch * BT_CONFIG_STRETCH;
        out[i] = (ranked){point->samples_ms[from + i], i};
    }
    return kept;
}

static const bt_point *most_timed(const bt_model_record *model) {
    const bt_point *most = NULL;
    for (int i = 0; i < model->point_count; i++)
        if (!most || model->points[i].sample_count > most->sample_count) most = &model->points[i];
    return most;
}

bt_status bt_config_take_order(bt_config_model *out, const bt_model_record *model, bt_error *error) {
    const bt_point *point = most_timed(model);
    ranked kept[BT_CONFIG_RANKS];
    if (!point || point->sample_count == 0) return BT_OK;
    out->block_runs = point->block_runs < BT_CONFIG_RANKS ? point->block_runs : BT_CONFIG_RANKS;
    if (out->block_runs < 2) return BT_OK;
    const int count = keep_stretches(kept, point);
    out->run_ranks = malloc((size_t)count * sizeof *out->run_ranks);
    if (!out->run_ranks) return bt_no_memory(error, "the order of %d runs", count);
    out->run_rank_count = count;
    qsort(kept, (size_t)count, sizeof *kept, by_time);
    for (int i = 0; i < count; i++)
        out->run_ranks[kept[i].place] = i;
    return BT_OK;
}

bt_status bt_config_read_order(const json_t *object, bt_config_model *model, const char *where,
                               bt_error *error) {
    bool seen[BT_CONFIG_RANKS] = {false};
    json_t *array = json_object_get(object, "run_ranks");
    if (!array || json_is_null(array)) return BT_OK;
    bt_status status = bt_json_array(object, "run_ranks", &array, where, error);
    if (status != BT_OK) return status;
    const size_t count = json_array_size(array);
    if (count > BT_CONFIG_RANKS || (count > 0 && model->block_runs < 1))
        return bt_fail(error, BT_PARSE, "%s: run_ranks has %zu numbers, at most %d, and block_runs is %d",
                       where, count, BT_CONFIG_RANKS, model->block_runs);
    model->run_ranks = count > 0 ? malloc(count * sizeof *model->run_ranks) : NULL;
    if (count > 0 && !model->run_ranks) return bt_no_memory(error, "%zu ranks of %s", count, where);
    for (size_t i = 0; i < count; i++) {
        const json_t *item = json_array_get(array, i);
        const json_int_t rank = json_is_integer(item) ? json_integer_value(item) : -1;
        if (rank < 0 || rank >= (json_int_t)count || seen[rank])
            return bt_fail(error, BT_PARSE, "%s: run_ranks[%zu] is none of 0 to %zu, each once", where, i,
                           count - 1);
        seen[rank] = true;
        model->run_ranks[model->run_rank_count++] = (int)rank;
    }
    return BT_OK;
}
