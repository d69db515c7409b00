#include "record/rate-curve.h"

#include "base/fields.h"
#include "base/json.h"

#define POINT(type, m) BT_FIELD(type, bt_rate_point, m)

static const bt_field point_fields[] = {
    {POINT(AMOUNT, rate_rps)},
    {POINT(AMOUNT, p50_ms)},
    {POINT(AMOUNT, p95_ms)},
    {POINT(AMOUNT, p99_ms)},
    {POINT(AMOUNT, p95_lower_ms)},
    {POINT(AMOUNT, p95_upper_ms)},
    {POINT(NUMBER, lost_share), .minimum = 0, .maximum = 1},
    {POINT(AMOUNT, mean_batch_size)},
    {POINT(AMOUNT, utilisation)},
};

static json_t *write_point(const void *item) {
    return bt_fields_to_json(BT_FIELDS(point_fields), item);
}

int bt_rate_curve_write(json_t *object, const char *key, const bt_rate_curve *curve) {
    if (curve->count == 0) return 0;
    return json_object_set_new(
        object, key, bt_json_array_of(curve->points, sizeof *curve->points, curve->count, write_point));
}

static bt_status read_point(void *owner, const json_t *object, const char *where, bt_error *error) {
    bt_rate_curve *curve = owner;
    bt_rate_point *point = &curve->points[curve->count];
    bt_status status = bt_fields_read(BT_FIELDS(point_fields), object, point, where, error);
    if (status != BT_OK) return status;
    if (curve->count > 0 && !(point->rate_rps > point[-1].rate_rps))
        return bt_fail(error, BT_PARSE, "%s: rate_rps does not come after the one before", where);
    curve->count++;
    return BT_OK;
}

bt_status bt_rate_curve_read(const json_t *object, const char *key, bt_rate_curve *curve, const char *where,
                             bt_error *error) {
    curve->count = 0;
    if (!json_object_get(object, key)) return BT_OK;
    return bt_list_read(object, key, BT_RATE_CURVE_POINTS, read_point, curve, where, error);
}
