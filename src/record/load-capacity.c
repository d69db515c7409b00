/* A capacity's figures and its file form. */
#include "record/load-capacity.h"

#include <math.h>
#include <string.h>

#include "base/fields.h"
#include "base/json.h"

/* Lowered, ordinary variation from day to day is told as well. */
#define FAR_OFF 0.2

#define RUN(type, m)      BT_FIELD(type, bt_rate_run, m)
#define CAPACITY(type, m) BT_FIELD(type, bt_load_capacity, m)
#define COUNT(table)      ((int)(sizeof table / sizeof table[0]))

static const bt_field run_fields[] = {
    {RUN(AMOUNT, rate_rps)},
    {RUN(AMOUNT, duration_s)},
    {RUN(BIG, sent)},
    {RUN(BIG, ok)},
    {RUN(AMOUNT, p95_ms)},
    {RUN(AMOUNT, p95_lower_ms)},
    {RUN(AMOUNT, p95_upper_ms)},
    {RUN(AMOUNT, predicted_p95_ms)},
    {RUN(AMOUNT, throughput_rps)},
    {RUN(AMOUNT, goodput_rps)},
    {RUN(AMOUNT, mean_batch_size)},
};

static const bt_field capacity_fields[] = {
    {CAPACITY(AMOUNT, lower_rps)},     {CAPACITY(AMOUNT, upper_rps)}, {CAPACITY(AMOUNT, estimate_rps)},
    {CAPACITY(AMOUNT, predicted_rps)}, {CAPACITY(AMOUNT, asked_rps)},
};

static const char *const words[BT_RATE_WORDS] = {"met", "broken", "not_shown", "disturbed", "late"};
static const char *const purposes[BT_RATE_PURPOSES] = {"search", "lone", "beyond"};
static const char *const ends[BT_LOAD_CAPACITY_ENDS] = {"bounded", "generator", "runs"};

void bt_load_capacity_empty(bt_load_capacity *capacity) {
    *capacity = (bt_load_capacity){.end = BT_LOAD_CAPACITY_RUNS,
                                   .upper_rps = NAN,
                                   .estimate_rps = NAN,
                                   .predicted_rps = NAN,
                                   .asked_rps = NAN};
}

double bt_load_capacity_error(const bt_load_capacity *capacity) {
    if (!(capacity->predicted_rps > 0) || isnan(capacity->estimate_rps)) return NAN;
    return capacity->estimate_rps / capacity->predicted_rps - 1;
}

bool bt_load_capacity_is_far_off(const bt_load_capacity *capacity) {
    return fabs(bt_load_capacity_error(capacity)) > FAR_OFF;
}

const char *bt_rate_word_name(bt_rate_word word) {
    return word < BT_RATE_WORDS ? words[word] : words[BT_RATE_NOT_SHOWN];
}

const char *bt_rate_word_text(bt_rate_word word) {
    static const char *const texts[BT_RATE_WORDS] = {"met", "broken", "not shown", "disturbed",
                                                     "the generator was late"};
    return word < BT_RATE_WORDS ? texts[word] : texts[BT_RATE_NOT_SHOWN];
}

const char *bt_rate_purpose_name(bt_rate_purpose purpose) {
    return purpose < BT_RATE_PURPOSES ? purposes[purpose] : purposes[BT_RATE_SEARCH];
}

/* ---- writing ---- */

static json_t *write_run(const void *item) {
    const bt_rate_run *run = item;
    json_t *object = bt_fields_to_json(BT_FIELDS(run_fields), run);
    if (object &&
        json_object_set_new(object, "purpose", json_string(bt_rate_purpose_name(run->purpose))) == 0 &&
        json_object_set_new(object, "verdict", json_string(bt_rate_word_name(run->word))) == 0)
        return object;
    json_decref(object);
    return NULL;
}

json_t *bt_load_capacity_to_json(const bt_load_capacity *capacity) {
    json_t *object = bt_fields_to_json(BT_FIELDS(capacity_fields), capacity);
    if (object && json_object_set_new(object, "end", json_string(ends[capacity->end])) == 0 &&
        json_object_set_new(
            object, "runs",
            bt_json_array_of(capacity->runs, sizeof *capacity->runs, capacity->run_count, write_run)) == 0)
        return object;
    json_decref(object);
    return NULL;
}

/* ---- reading ---- */

/* Which of the names stands under `key`. */
static bt_status read_name(const json_t *object, const char *key, const char *const *names, int count,
                           int *out, const char *where, bt_error *error) {
    char name[32];
    bt_status status = bt_json_text(object, key, name, sizeof name, where, error);
    if (status != BT_OK) return status;
    for (int i = 0; i < count; i++)
        if (strcmp(names[i], name) == 0) {
            *out = i;
            return BT_OK;
        }
    return bt_fail(error, BT_PARSE, "%s: \"%s\" is no %s", where, name, key);
}

static bt_status read_run(void *owner, const json_t *object, const char *where, bt_error *error) {
    bt_load_capacity *capacity = owner;
    bt_rate_run *run = &capacity->runs[capacity->run_count];
    int purpose = 0, word = 0;
    bt_status status = bt_fields_read(BT_FIELDS(run_fields), object, run, where, error);
    if (status == BT_OK)
        status = read_name(object, "purpose", purposes, COUNT(purposes), &purpose, where, error);
    if (status == BT_OK) status = read_name(object, "verdict", words, COUNT(words), &word, where, error);
    run->purpose = (bt_rate_purpose)purpose;
    run->word = (bt_rate_word)word;
    capacity->run_count += status == BT_OK;
    return status;
}

bt_status bt_load_capacity_from_json(const json_t *object, bt_load_capacity *out, const char *where,
                                     bt_error *error) {
    int end = 0;
    bt_load_capacity_empty(out);
    bt_status status = bt_fields_read(BT_FIELDS(capacity_fields), object, out, where, error);
    if (status == BT_OK) status = read_name(object, "end", ends, COUNT(ends), &end, where, error);
    out->end = (bt_load_capacity_end)end;
    if (status != BT_OK) return status;
    return bt_list_read(object, "runs", BT_RATE_RUNS_MAX, read_run, out, where, error);
}
