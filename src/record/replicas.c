#include "record/replicas.h"

#include <string.h>

#include "base/fields.h"
#include "base/json.h"

#define ROW(type, m)  BT_FIELD(type, bt_replicas_row, m)
#define PLAN(type, m) BT_FIELD(type, bt_replicas_plan, m)

static const bt_field row_fields[] = {
    {ROW(INTEGER, replicas)},       {ROW(AMOUNT, holds_rps)},      {ROW(SWITCH, keeps)},
    {ROW(AMOUNT, p50_ms)},          {ROW(AMOUNT, p95_ms)},         {ROW(AMOUNT, p99_ms)},
    {ROW(AMOUNT, mean_batch_size)}, {ROW(AMOUNT, mean_under_way)}, {ROW(BIG, lost)},
};

static const bt_field plan_fields[] = {
    {PLAN(TEXT, model)},
    {PLAN(AMOUNT, rate_rps)},
    {PLAN(AMOUNT, p95_sla_ms)},
    {PLAN(AMOUNT, headroom_percent)},
    {PLAN(INTEGER, instances)},
    {PLAN(INTEGER, least)},
    {PLAN(INTEGER, recommended)},
    {PLAN(AMOUNT, more_above_rps_each)},
    {PLAN(AMOUNT, more_above_under_way_each)},
    {PLAN(AMOUNT, fewer_below_rps)},
};

static const char *const balancing_names[] = {"least", "round-robin"};
#define BALANCINGS (sizeof balancing_names / sizeof *balancing_names)

const char *bt_balancing_name(bt_balancing balancing) {
    return balancing_names[balancing];
}

const char *bt_balancing_words(bt_balancing balancing) {
    return balancing == BT_BALANCING_LEAST ? "to whoever has fewest under way" : "in turn";
}

bool bt_replicas_plan_keeps(const bt_replicas_plan *plan) {
    return plan->least > 0 || (plan->row_count > 0 && plan->rows[0].keeps);
}

/* ---- writing ---- */

static json_t *write_row(const void *row) {
    return bt_fields_to_json(BT_FIELDS(row_fields), row);
}

json_t *bt_replicas_plan_to_json(const bt_replicas_plan *plan) {
    json_t *object = bt_fields_to_json(BT_FIELDS(plan_fields), plan);
    if (object &&
        json_object_set_new(object, "balancing", json_string(bt_balancing_name(plan->balancing))) == 0 &&
        json_object_set_new(object, "replicas",
                            bt_json_array_of(plan->rows, sizeof *plan->rows, plan->row_count, write_row)) ==
            0)
        return object;
    json_decref(object);
    return NULL;
}

int bt_replicas_plan_write(json_t *object, const char *key, const bt_replicas_plan *plan) {
    return plan->rate_rps > 0 ? json_object_set_new(object, key, bt_replicas_plan_to_json(plan)) : 0;
}

/* ---- reading ---- */

static bt_status read_row(void *owner, const json_t *object, const char *where, bt_error *error) {
    bt_replicas_plan *plan = owner;
    return bt_fields_read(BT_FIELDS(row_fields), object, &plan->rows[plan->row_count++], where, error);
}

static bt_status read_balancing(const json_t *object, bt_replicas_plan *plan, const char *where,
                                bt_error *error) {
    char name[16];
    bt_status status = bt_json_text(object, "balancing", name, sizeof name, where, error);
    for (size_t i = 0; status == BT_OK && i < BALANCINGS; i++) {
        if (strcmp(name, balancing_names[i]) != 0) continue;
        plan->balancing = (bt_balancing)i;
        return BT_OK;
    }
    return status == BT_OK
               ? bt_fail(error, BT_PARSE, "%s: balancing \"%s\" is none that is known", where, name)
               : status;
}

bt_status bt_replicas_plan_read(const json_t *object, const char *key, bt_replicas_plan *plan,
                                const char *where, bt_error *error) {
    char here[BT_WHERE_SIZE];
    json_t *inner;
    if (!json_object_get(object, key)) return BT_OK;
    bt_status status = bt_json_object(object, key, &inner, where, error);
    bt_where_key(here, where, key);
    if (status == BT_OK) status = bt_fields_read(BT_FIELDS(plan_fields), inner, plan, here, error);
    if (status == BT_OK) status = read_balancing(inner, plan, here, error);
    plan->row_count = 0;
    if (status == BT_OK)
        status = bt_list_read(inner, "replicas", BT_REPLICAS_ROWS, read_row, plan, here, error);
    return status;
}
