#include "tune/crew-talk.h"

#include <stdlib.h>
#include <string.h>

#include "base/fields.h"
#include "base/json.h"
#include "record/sweep-record.h"

static const char where[] = "a rank's message";

static const char *const kinds[] = {"ready", "work", "news", "bye"};
static const char *const news_kinds[] = {"facts", "result", "refused", "done"};

static const bt_field ready_fields[] = {
    {BT_FIELD(TEXT, bt_ready, version)}, {BT_FIELD(TEXT, bt_ready, machine)},
    {BT_FIELD(TEXT, bt_ready, host)},    {BT_FIELD(INTEGER, bt_ready, cores)},
    {BT_FIELD(TEXT, bt_ready, trouble)},
};

static const bt_field way_fields[] = {
    {BT_FIELD(TEXT, bt_contender, precision)},
    {BT_FIELD(SWITCH, bt_contender, channels_last)},
    {BT_FIELD(INTEGER, bt_contender, instances), .minimum = 1, .maximum = 1024},
    {BT_FIELD(INTEGER, bt_contender, threads), .minimum = 0, .maximum = 65536},
};

#define COUNT(table) (sizeof table / sizeof *table)

static int find(const char *const *words, int count, const char *word) {
    for (int i = 0; i < count; i++)
        if (word && strcmp(words[i], word) == 0) return i;
    return -1;
}

/* ---- writing ---- */

static json_t *step_of(const void *item) {
    return bt_step_to_json(item);
}

static json_t *work_to_json(const bt_talk *talk) {
    const bt_work *work = &talk->work;
    return json_pack("{s:i, s:i, s:s, s:o, s:o}", "id", work->id, "model", work->model, "folder",
                     talk->folder, "way", bt_fields_to_json(way_fields, COUNT(way_fields), &work->way),
                     "steps",
                     bt_json_array_of(work->parcel.steps, sizeof(bt_step), work->parcel.count, step_of));
}

static json_t *news_to_json(const bt_news *news) {
    json_t *json =
        json_pack("{s:s, s:i, s:i}", "news", news_kinds[news->kind], "id", news->id, "model", news->model);
    int failed = !json;
    if (news->kind == BT_NEWS_FACTS) {
        failed = failed || json_object_set_new(json, "elapsed_s", json_real(news->elapsed_s));
        failed = failed || json_object_set_new(json, "facts", bt_worker_facts_to_json(&news->facts));
    }
    if (news->kind == BT_NEWS_RESULT) {
        failed = failed || json_object_set_new(json, "step", bt_step_to_json(&news->step));
        failed = failed || json_object_set_new(json, "result", bt_step_result_to_json(&news->result));
    }
    if (news->kind == BT_NEWS_REFUSED)
        failed = failed || json_object_set_new(json, "why", json_string(news->error.message));
    if (!failed) return json;
    json_decref(json);
    return NULL;
}

json_t *bt_talk_to_json(const bt_talk *talk) {
    json_t *inside = NULL;
    switch (talk->kind) {
    case BT_TALK_READY:
        inside = bt_fields_to_json(ready_fields, COUNT(ready_fields), &talk->ready);
        break;
    case BT_TALK_WORK:
        inside = work_to_json(talk);
        break;
    case BT_TALK_NEWS:
        inside = news_to_json(&talk->news);
        break;
    case BT_TALK_BYE:
        inside = json_boolean(talk->all_alive);
        break;
    }
    return inside ? json_pack("{s:o}", kinds[talk->kind], inside) : NULL;
}

/* ---- reading ---- */

static bt_status work_from_json(const json_t *json, bt_talk *out, bt_error *error) {
    bt_work *work = &out->work;
    json_t *way, *steps;
    int64_t id, model;
    bt_status status = bt_json_integer(json, "id", 0, INT32_MAX, &id, where, error);
    if (status == BT_OK) status = bt_json_integer(json, "model", 0, BT_NAMES_MAX - 1, &model, where, error);
    if (status == BT_OK) status = bt_json_text(json, "folder", out->folder, sizeof out->folder, where, error);
    if (status == BT_OK) status = bt_json_object(json, "way", &way, where, error);
    if (status == BT_OK)
        status = bt_fields_read(way_fields, COUNT(way_fields), way, &work->way, where, error);
    if (status == BT_OK) status = bt_json_array(json, "steps", &steps, where, error);
    if (status != BT_OK) return status;
    if (json_array_size(steps) > BT_PARCEL_STEPS)
        return bt_fail(error, BT_PARSE, "%s: more than %d steps", where, BT_PARCEL_STEPS);
    work->id = (int)id;
    work->model = (int)model;
    work->parcel.count = (int)json_array_size(steps);
    for (int i = 0; i < work->parcel.count && status == BT_OK; i++)
        status = bt_step_from_json(json_array_get(steps, (size_t)i), &work->parcel.steps[i], where, error);
    return status;
}

static bt_status news_from_json(const json_t *json, bt_news *news, bt_error *error) {
    int64_t id, model;
    char kind[16];
    bt_status status = bt_json_text(json, "news", kind, sizeof kind, where, error);
    if (status == BT_OK) status = bt_json_integer(json, "id", 0, INT32_MAX, &id, where, error);
    if (status == BT_OK) status = bt_json_integer(json, "model", 0, BT_NAMES_MAX - 1, &model, where, error);
    if (status != BT_OK) return status;
    const int found = find(news_kinds, COUNT(news_kinds), kind);
    if (found < 0) return bt_fail(error, BT_PARSE, "%s: \"%s\" is no news", where, kind);
    *news = (bt_news){.kind = (bt_news_kind)found, .id = (int)id, .model = (int)model};
    if (news->kind == BT_NEWS_FACTS) {
        status = bt_json_number(json, "elapsed_s", 0, 1e9, &news->elapsed_s, where, error);
        return status == BT_OK
                   ? bt_worker_facts_from_json(json_object_get(json, "facts"), &news->facts, error)
                   : status;
    }
    if (news->kind == BT_NEWS_REFUSED)
        return bt_json_text(json, "why", news->error.message, sizeof news->error.message, where, error);
    if (news->kind != BT_NEWS_RESULT) return BT_OK;
    status = bt_step_from_json(json_object_get(json, "step"), &news->step, where, error);
    return status == BT_OK
               ? bt_step_result_from_json(json_object_get(json, "result"), &news->result, where, error)
               : status;
}

bt_status bt_talk_from_json(const json_t *json, bt_talk *out, bt_error *error) {
    const char *word = json_object_iter_key(json_object_iter((json_t *)json));
    const int kind = find(kinds, COUNT(kinds), word);
    const json_t *inside = word ? json_object_get(json, word) : NULL;
    if (kind < 0) return bt_fail(error, BT_PARSE, "%s: it is none", where);
    out->kind = (bt_talk_kind)kind;
    switch (out->kind) {
    case BT_TALK_READY:
        return bt_fields_read(ready_fields, COUNT(ready_fields), inside, &out->ready, where, error);
    case BT_TALK_WORK:
        return work_from_json(inside, out, error);
    case BT_TALK_NEWS:
        return news_from_json(inside, &out->news, error);
    case BT_TALK_BYE:
        out->all_alive = json_is_true(inside);
        return BT_OK;
    }
    return BT_OK;
}

/* ---- messages ---- */

bt_status bt_talk_send(bt_ranks *ranks, int to, const bt_talk *talk, bt_error *error) {
    json_t *json = bt_talk_to_json(talk);
    char *text = json ? bt_json_dump(json, JSON_COMPACT) : NULL;
    json_decref(json);
    if (!text) return bt_no_memory(error, "a message");
    bt_status status = bt_ranks_send(ranks, to, text, strlen(text), error);
    free(text);
    return status;
}

bt_status bt_talk_receive(bt_ranks *ranks, double limit_ms, int *from, bt_talk *out, bt_error *error) {
    void *bytes;
    size_t size;
    json_error_t at;
    bt_status status = bt_ranks_receive(ranks, limit_ms, from, &bytes, &size, error);
    if (status != BT_OK) return status;
    json_t *json = bt_json_parse(bytes, size, &at);
    free(bytes);
    if (!json)
        return at.line < 0 ? bt_no_memory(error, "a message")
                           : bt_fail(error, BT_PARSE, "%s: %s", where, at.text);
    status = bt_talk_from_json(json, out, error);
    json_decref(json);
    return status;
}
