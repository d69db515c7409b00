#include "record/neighbours.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#include "record/parts.h"

#define COST(type, m) BT_FIELD(type, bt_neighbour_cost, m)
#define SLOWDOWN      .optional = true, .brief = true, .minimum = 0.001, .maximum = 1000

const bt_field bt_neighbour_fields[8] = {
    {COST(TEXT, model)},
    {COST(INTEGER, batch_size), .optional = true, .maximum = BT_BATCH_MAX},
    {COST(INTEGER, neighbour_batch_size), .optional = true, .maximum = BT_BATCH_MAX},
    {COST(INTEGER, beside), .optional = true, .brief = true, .maximum = 1024},
    {COST(NUMBER, slowdown), SLOWDOWN},
    {COST(NUMBER, slowdown_lower), SLOWDOWN},
    {COST(NUMBER, slowdown_upper), SLOWDOWN},
    {COST(AMOUNT, switch_ms), .optional = true, .brief = true, .maximum = 86400000},
};

bt_neighbour_cost bt_neighbour_cost_of(const char *model) {
    bt_neighbour_cost cost = {
        .slowdown = NAN, .slowdown_lower = NAN, .slowdown_upper = NAN, .switch_ms = NAN};
    snprintf(cost.model, sizeof cost.model, "%s", model);
    return cost;
}

void bt_neighbour_times_close(bt_neighbour_times *times) {
    free(times->alone_samples_ms);
    free(times->beside_samples_ms);
    free(times->turn_samples_ms);
    times->alone_samples_ms = times->beside_samples_ms = times->turn_samples_ms = NULL;
}

json_t *bt_neighbour_times_to_json(const void *item) {
    const bt_neighbour_times *n = item;
    json_t *object = bt_fields_to_json(BT_FIELDS(bt_neighbour_fields), &n->cost);
    int failed = !object;
    failed =
        failed || bt_samples_write(object, "alone_samples_ms", n->alone_samples_ms, n->alone_sample_count);
    failed =
        failed || bt_samples_write(object, "beside_samples_ms", n->beside_samples_ms, n->beside_sample_count);
    failed = failed || bt_samples_write(object, "turn_samples_ms", n->turn_samples_ms, n->turn_sample_count);
    if (!failed) return object;
    json_decref(object);
    return NULL;
}

bt_status bt_neighbour_times_from_json(const json_t *object, bt_neighbour_times *out, const char *where,
                                       bt_error *error) {
    *out = (bt_neighbour_times){.cost = bt_neighbour_cost_of("")};
    bt_status status = bt_fields_read(BT_FIELDS(bt_neighbour_fields), object, &out->cost, where, error);
    if (status == BT_OK)
        status = bt_samples_read(object, "alone_samples_ms", &out->alone_samples_ms, &out->alone_sample_count,
                                 where, error);
    if (status == BT_OK)
        status = bt_samples_read(object, "beside_samples_ms", &out->beside_samples_ms,
                                 &out->beside_sample_count, where, error);
    return status == BT_OK ? bt_samples_read(object, "turn_samples_ms", &out->turn_samples_ms,
                                             &out->turn_sample_count, where, error)
                           : status;
}
