/* What other models cost a model's runs, in its entry of the config. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "record/config-fields.h"

/* What rests on a few samples has no more decimals than that. */
static double rounded(double value) {
    return round(value * 1e4) / 1e4;
}

/* What nothing was found out about is left out. */
void bt_config_take_neighbours(bt_config_model *out, const bt_model_record *model) {
    for (int i = 0; i < model->neighbour_count && out->neighbour_count < BT_NEIGHBOURS_MAX; i++) {
        bt_neighbour_cost cost = model->neighbours[i].cost;
        if (isnan(cost.slowdown) && isnan(cost.switch_ms)) continue;
        cost.slowdown = rounded(cost.slowdown);
        cost.slowdown_lower = rounded(cost.slowdown_lower);
        cost.slowdown_upper = rounded(cost.slowdown_upper);
        cost.switch_ms = rounded(cost.switch_ms);
        out->neighbours[out->neighbour_count++] = cost;
    }
}

static bt_status read_neighbour(void *owner, const json_t *object, const char *where, bt_error *error) {
    bt_config_model *model = owner;
    const bt_config_keys *keys = &bt_config_neighbour_keys;
    bt_neighbour_cost *cost = &model->neighbours[model->neighbour_count];
    *cost = bt_neighbour_cost_of("");
    bt_status status =
        bt_fields_refuse_unknown(keys->fields, keys->count, keys->others, object, where, error);
    if (status == BT_OK) status = bt_fields_read(keys->fields, keys->count, object, cost, where, error);
    if (status != BT_OK) return status;
    if (strcmp(cost->model, model->name) == 0 || bt_config_neighbour(model, cost->model))
        return bt_fail(error, BT_PARSE, "%s: %s is no neighbour, or told twice", where, cost->model);
    if (!isnan(cost->slowdown) && cost->beside < 1)
        return bt_fail(error, BT_PARSE, "%s: slowdown without a number of runs beside", where);
    model->neighbour_count++;
    return BT_OK;
}

bt_status bt_config_read_neighbours(const json_t *object, bt_config_model *model, const char *where,
                                    bt_error *error) {
    const json_t *array = json_object_get(object, "neighbours");
    if (!array || json_is_null(array)) return BT_OK;
    return bt_list_read(object, "neighbours", BT_NEIGHBOURS_MAX, read_neighbour, model, where, error);
}

const bt_neighbour_cost *bt_config_neighbour(const bt_config_model *model, const char *name) {
    for (int i = 0; i < model->neighbour_count; i++)
        if (strcmp(model->neighbours[i].model, name) == 0) return &model->neighbours[i];
    return NULL;
}
