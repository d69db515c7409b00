/* What came of a scenario for one model, as JSON. Flat parts are tables of fields; the seconds are arrays
 * side by side, one a field, so that a long test stays a small file. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/fields.h"
#include "base/json.h"
#include "record/load-record.h"
#include "record/parts.h"

#define BINS_MAX      1000000
#define COUNT(table)  (sizeof table / sizeof table[0])
#define LATENCY(m)    BT_FIELD(AMOUNT, bt_load_latency, m)
#define PART(type, m) BT_FIELD(type, bt_load_part, m)

static const bt_field latency_fields[] = {
    {LATENCY(mean_ms)},      {LATENCY(p50_ms)},          {LATENCY(p90_ms)}, {LATENCY(p95_ms)},
    {LATENCY(p99_ms)},       {LATENCY(p999_ms)},         {LATENCY(max_ms)}, {LATENCY(p95_lower_ms)},
    {LATENCY(p95_upper_ms)}, {LATENCY(effective_count)},
};

static const bt_field latency = {BT_FIELD_STRUCT(OBJECT, bt_load_part, latency, latency_fields)};

static const bt_field server_fields[] = {
    {BT_FIELD(BIG, bt_load_server, requests)},
    {BT_FIELD(AMOUNT, bt_load_server, failed)},
    {BT_FIELD(AMOUNT, bt_load_server, runs)},
    {BT_FIELD(AMOUNT, bt_load_server, total_mean_ms)},
    {BT_FIELD(AMOUNT, bt_load_server, queue_mean_ms)},
    {BT_FIELD(AMOUNT, bt_load_server, input_mean_ms)},
    {BT_FIELD(AMOUNT, bt_load_server, infer_mean_ms)},
    {BT_FIELD(AMOUNT, bt_load_server, output_mean_ms)},
    {BT_FIELD(AMOUNT, bt_load_server, mean_batch_size)},
};

static const bt_field server = {BT_FIELD_STRUCT(OBJECT, bt_load_part, server, server_fields),
                                .optional = true};

static const bt_field part_fields[] = {
    {PART(TEXT, model)},
    {PART(TEXT, cause)},
    {PART(TEXT, remedy)},
    {PART(AMOUNT, rate_rps)},
    {PART(INTEGER, burst_size)},
    {PART(INTEGER, clients)},
    {PART(BIG, sent)},
    {PART(BIG, ok)},
    {PART(BIG, rejected_full)},
    {PART(BIG, rejected_deadline)},
    {PART(BIG, expired)},
    {PART(BIG, cancelled)},
    {PART(BIG, failed)},
    {PART(BIG, lost)},
    {PART(BIG, fallback), .optional = true},
    {PART(AMOUNT, actual_p95_ms)},
    {PART(AMOUNT, queue_mean_ms)},
    {PART(AMOUNT, preprocess_mean_ms)},
    {PART(AMOUNT, deliver_mean_ms), .optional = true},
    {PART(AMOUNT, service_mean_ms)},
    {PART(NUMBER, slip_mean_ms)},
    {PART(AMOUNT, queue_p95_ms)},
    {PART(AMOUNT, service_p95_ms)},
    {PART(AMOUNT, throughput_rps)},
    {PART(AMOUNT, predicted_p95_ms)},
    {PART(AMOUNT, predicted_p50_ms)},
    {PART(AMOUNT, predicted_throughput_rps)},
    {PART(AMOUNT, predicted_queue_mean_ms), .optional = true},
    {PART(AMOUNT, predicted_prepare_mean_ms), .optional = true},
    {PART(AMOUNT, predicted_run_mean_ms), .optional = true},
    {PART(AMOUNT, predicted_deliver_mean_ms), .optional = true},
    {PART(AMOUNT, mean_batch_size)},
    {PART(BIG, latency_step), .minimum = 1, .maximum = 9e15},
};

/* A second's fields, each an array of its own in the file. */
static const struct {
    const char *key;
    size_t offset;
} bin_fields[] = {
    {"sent", offsetof(bt_load_bin, sent)},
    {"answered", offsetof(bt_load_bin, answered)},
    {"failed", offsetof(bt_load_bin, failed)},
    {"p50_ms", offsetof(bt_load_bin, p50_ms)},
    {"p95_ms", offsetof(bt_load_bin, p95_ms)},
    {"max_ms", offsetof(bt_load_bin, max_ms)},
    {"queue_mean", offsetof(bt_load_bin, queue_mean)},
    {"queue_max", offsetof(bt_load_bin, queue_max)},
    {"canary_ms", offsetof(bt_load_bin, canary_ms)},
    {"others_cores", offsetof(bt_load_bin, others_cores)},
};

/* ---- writing ---- */

static double *bin_value(bt_load_bin *bin, size_t field) {
    return (double *)(void *)((char *)bin + bin_fields[field].offset);
}

static json_t *write_bins(const bt_load_part *part) {
    json_t *object = json_object();
    for (size_t f = 0; object && f < COUNT(bin_fields); f++) {
        json_t *array = json_array();
        for (int i = 0; array && i < part->bin_count; i++) {
            double value = *bin_value(&part->bins[i], f);
            if (json_array_append_new(array, isfinite(value) ? json_real(value) : json_null()) != 0) break;
        }
        bool whole = array && (int)json_array_size(array) == part->bin_count;
        if (!whole) json_decref(array);
        if (whole && json_object_set_new(object, bin_fields[f].key, array) == 0) continue;
        json_decref(object);
        return NULL;
    }
    return object;
}

static json_t *write_runs(const void *item) {
    return json_integer(*(const int64_t *)item);
}

/* Trailing zeros say nothing. */
static json_t *write_batches(const bt_load_part *part) {
    int count = BT_LOAD_BATCHES;
    while (count > 0 && part->batches[count - 1] == 0)
        count--;
    return bt_json_array_of(part->batches, sizeof *part->batches, count, write_runs);
}

/* Only a search has one. */
static int write_capacity(json_t *object, const bt_load_part *part) {
    if (part->capacity.run_count == 0) return 0;
    return json_object_set_new(object, "capacity", bt_load_capacity_to_json(&part->capacity));
}

/* Null where answers do not say how they were served. */
static int write_fallback(json_t *object, const bt_load_part *part) {
    return bt_load_part_tells_paths(part) ? 0 : json_object_set_new(object, "fallback", json_null());
}

/* Only servers on the network have counted something. */
static int write_server(json_t *object, const bt_load_part *part) {
    return part->server.requests > 0 ? bt_fields_write(&server, 1, part, object) : 0;
}

json_t *bt_load_part_to_json(const void *item) {
    const bt_load_part *part = item;
    json_t *object = bt_fields_to_json(BT_FIELDS(part_fields), part);
    if (object &&
        json_object_set_new(object, "verdict", json_string(bt_load_verdict_name(part->verdict))) == 0 &&
        bt_fields_write(&latency, 1, part, object) == 0 &&
        json_object_set_new(object, "batches", write_batches(part)) == 0 &&
        json_object_set_new(object, "latencies_ms",
                            bt_numbers_write(part->latencies_ms, part->latency_count)) == 0 &&
        json_object_set_new(object, "seconds", write_bins(part)) == 0 && write_server(object, part) == 0 &&
        write_fallback(object, part) == 0 && write_capacity(object, part) == 0)
        return object;
    json_decref(object);
    return NULL;
}

/* ---- reading ---- */

static bt_status read_column(const json_t *object, size_t field, bt_load_part *part, const char *where,
                             bt_error *error) {
    json_t *array;
    bt_status status = bt_json_array(object, bin_fields[field].key, &array, where, error);
    if (status != BT_OK) return status;
    if (json_array_size(array) != (size_t)part->bin_count)
        return bt_fail(error, BT_PARSE, "%s: %s has %zu items, sent has %d", where, bin_fields[field].key,
                       json_array_size(array), part->bin_count);
    for (int i = 0; i < part->bin_count; i++) {
        const json_t *item = json_array_get(array, (size_t)i);
        if (!json_is_number(item) && !json_is_null(item))
            return bt_fail(error, BT_PARSE, "%s: %s[%d] is neither a number nor null", where,
                           bin_fields[field].key, i);
        *bin_value(&part->bins[i], field) = json_is_null(item) ? NAN : json_number_value(item);
    }
    return BT_OK;
}

static bt_status read_bins(const json_t *object, bt_load_part *part, const char *parent, bt_error *error) {
    char where[BT_WHERE_SIZE];
    json_t *seconds, *sent;
    bt_status status = bt_json_object(object, "seconds", &seconds, parent, error);
    bt_where_key(where, parent, "seconds");
    if (status == BT_OK) status = bt_json_array(seconds, bin_fields[0].key, &sent, where, error);
    if (status != BT_OK) return status;
    size_t count = json_array_size(sent);
    if (count > BINS_MAX)
        return bt_fail(error, BT_PARSE, "%s: sent has %zu items, at most %d", where, count, BINS_MAX);
    if (count == 0) return BT_OK;
    part->bins = calloc(count, sizeof *part->bins);
    if (!part->bins) return bt_no_memory(error, "reading %s", where);
    part->bin_count = (int)count;
    for (size_t f = 0; f < COUNT(bin_fields) && status == BT_OK; f++)
        status = read_column(seconds, f, part, where, error);
    return status;
}

static bt_status read_batches(const json_t *object, bt_load_part *part, const char *where, bt_error *error) {
    json_t *array;
    bt_status status = bt_json_array(object, "batches", &array, where, error);
    if (status != BT_OK) return status;
    if (json_array_size(array) > BT_LOAD_BATCHES)
        return bt_fail(error, BT_PARSE, "%s: batches has %zu items, at most %d", where,
                       json_array_size(array), BT_LOAD_BATCHES);
    for (size_t i = 0; i < json_array_size(array); i++) {
        const json_t *item = json_array_get(array, i);
        if (!json_is_integer(item) || json_integer_value(item) < 0)
            return bt_fail(error, BT_PARSE, "%s: batches[%zu] is no count", where, i);
        part->batches[i] = json_integer_value(item);
    }
    return BT_OK;
}

/* Older files knew more words for what was not shown. */
static bool is_not_shown(const char *name) {
    static const char *const old[] = {"unsure", "untrusted", "not_run"};
    for (size_t i = 0; i < COUNT(old); i++)
        if (strcmp(name, old[i]) == 0) return true;
    return false;
}

static bt_status read_verdict(const json_t *object, bt_load_verdict *out, const char *where,
                              bt_error *error) {
    char name[32];
    bt_status status = bt_json_text(object, "verdict", name, sizeof name, where, error);
    for (int v = 0; v < BT_LOAD_VERDICT_COUNT && status == BT_OK; v++)
        if (strcmp(bt_load_verdict_name((bt_load_verdict)v), name) == 0) {
            *out = (bt_load_verdict)v;
            return BT_OK;
        }
    if (status != BT_OK) return status;
    *out = BT_LOAD_NOT_SHOWN;
    if (is_not_shown(name)) return BT_OK;
    return bt_fail(error, BT_PARSE, "%s: verdict \"%s\" is none of met, broken, not_shown", where, name);
}

static bt_status read_capacity(const json_t *object, bt_load_part *part, const char *parent,
                               bt_error *error) {
    char where[BT_WHERE_SIZE];
    json_t *capacity;
    if (!json_object_get(object, "capacity")) return BT_OK;
    bt_status status = bt_json_object(object, "capacity", &capacity, parent, error);
    bt_where_key(where, parent, "capacity");
    return status == BT_OK ? bt_load_capacity_from_json(capacity, &part->capacity, where, error) : status;
}

bt_status bt_load_part_from_json(const json_t *object, bt_load_part *part, const char *where,
                                 bt_error *error) {
    json_t *latencies;
    bt_status status = bt_fields_read(BT_FIELDS(part_fields), object, part, where, error);
    if (status == BT_OK) status = read_verdict(object, &part->verdict, where, error);
    if (status == BT_OK) status = bt_fields_read(&latency, 1, object, part, where, error);
    if (status == BT_OK) status = bt_fields_read(&server, 1, object, part, where, error);
    if (status == BT_OK) status = read_batches(object, part, where, error);
    if (status == BT_OK) status = bt_json_array(object, "latencies_ms", &latencies, where, error);
    if (status == BT_OK)
        status = bt_numbers_read(latencies, &part->latencies_ms, &part->latency_count, "latencies_ms", where,
                                 error);
    if (status == BT_OK) status = read_bins(object, part, where, error);
    return status == BT_OK ? read_capacity(object, part, where, error) : status;
}
