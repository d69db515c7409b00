#include "tune/pool.h"

#include <stdlib.h>
#include <string.h>

#include "base/array.h"
#include "base/files.h"
#include "base/json.h"

typedef struct answer {
    char model[BT_NAME_SIZE];
    bt_step step;
    bt_step_result result;
    bool was_had[BT_POOL_READERS];
} answer;

typedef struct opening {
    char model[BT_NAME_SIZE];
    bt_worker_facts facts;
    double elapsed_s;
} opening;

struct bt_pool {
    answer *answers;
    size_t count, room;
    opening openings[BT_NAMES_MAX];
    int opening_count;
    bt_journal *journal; /* NULL: none */
};

/* ---- answers ---- */

static bt_status keep(bt_pool *pool, const char *model, const bt_step *step, const bt_step_result *result,
                      bt_error *error) {
    answer *grown = bt_array_grow(pool->answers, pool->count, 1, &pool->room, sizeof *grown);
    if (!grown) return bt_no_memory(error, "what the ranks measured");
    pool->answers = grown;
    answer *one = &grown[pool->count++];
    *one = (answer){.step = *step, .result = *result};
    snprintf(one->model, sizeof one->model, "%s", model);
    return BT_OK;
}

static void keep_facts(bt_pool *pool, const char *model, const bt_worker_facts *facts, double elapsed_s) {
    bt_worker_facts ignored_facts;
    double ignored_s;
    if (bt_pool_facts(pool, model, &ignored_facts, &ignored_s) || pool->opening_count == BT_NAMES_MAX) return;
    opening *one = &pool->openings[pool->opening_count++];
    *one = (opening){.facts = *facts, .elapsed_s = elapsed_s};
    snprintf(one->model, sizeof one->model, "%s", model);
}

static bt_status append(bt_pool *pool, json_t *line, bt_error *error) {
    if (pool->journal) return bt_journal_append(pool->journal, line, error);
    json_decref(line);
    return BT_OK;
}

bt_status bt_pool_add(bt_pool *pool, const char *model, int rank, const bt_step *step,
                      const bt_step_result *result, bt_error *error) {
    bt_status status = append(pool,
                              json_pack("{s:i, s:s, s:o, s:o}", "rank", rank, "model", model, "step",
                                        bt_step_to_json(step), "result", bt_step_result_to_json(result)),
                              error);
    return status == BT_OK ? keep(pool, model, step, result, error) : status;
}

bt_status bt_pool_add_facts(bt_pool *pool, const char *model, int rank, const bt_worker_facts *facts,
                            double elapsed_s, bt_error *error) {
    bt_status status = append(pool,
                              json_pack("{s:i, s:s, s:f, s:o}", "rank", rank, "model", model, "elapsed_s",
                                        elapsed_s, "facts", bt_worker_facts_to_json(facts)),
                              error);
    if (status == BT_OK) keep_facts(pool, model, facts, elapsed_s);
    return status;
}

/* ---- readers ---- */

static bool is_for(const answer *one, bt_pool_reader reader, const char *model, const bt_step *step) {
    return !one->was_had[reader] && bt_step_equal(&one->step, step) && strcmp(one->model, model) == 0;
}

bool bt_pool_take(bt_pool *pool, bt_pool_reader reader, const char *model, const bt_step *step,
                  bt_step_result *result) {
    for (size_t i = 0; pool && i < pool->count; i++) {
        answer *one = &pool->answers[i];
        if (!is_for(one, reader, model, step)) continue;
        one->was_had[reader] = true;
        *result = one->result;
        return true;
    }
    return false;
}

int bt_pool_count(const bt_pool *pool) {
    return pool ? (int)pool->count : 0;
}

int bt_pool_left(const bt_pool *pool, bt_pool_reader reader, const char *model, const bt_step *step) {
    int left = 0;
    for (size_t i = 0; i < pool->count; i++)
        left += is_for(&pool->answers[i], reader, model, step);
    return left;
}

bool bt_pool_facts(const bt_pool *pool, const char *model, bt_worker_facts *facts, double *elapsed_s) {
    for (int i = 0; pool && i < pool->opening_count; i++) {
        const opening *one = &pool->openings[i];
        if (strcmp(one->model, model) != 0) continue;
        *facts = one->facts;
        *elapsed_s = one->elapsed_s;
        return true;
    }
    return false;
}

/* ---- the file ---- */

static bt_status read_line(bt_pool *pool, const json_t *line, const char *path, bt_error *error) {
    char model[BT_NAME_SIZE];
    const json_t *facts = json_object_get(line, "facts");
    bt_status status = bt_json_text(line, "model", model, sizeof model, path, error);
    if (status == BT_OK && facts) {
        bt_worker_facts read;
        status = bt_worker_facts_from_json(facts, &read, error);
        if (status == BT_OK)
            keep_facts(pool, model, &read, json_number_value(json_object_get(line, "elapsed_s")));
        return status;
    }
    bt_step step;
    bt_step_result result;
    if (status == BT_OK) status = bt_step_from_json(json_object_get(line, "step"), &step, path, error);
    if (status == BT_OK)
        status = bt_step_result_from_json(json_object_get(line, "result"), &result, path, error);
    return status == BT_OK ? keep(pool, model, &step, &result, error) : status;
}

static bt_status read_file(bt_pool *pool, const char *path, bt_error *error) {
    json_t *lines = NULL;
    bt_status status = bt_journal_load(&lines, path, error);
    for (size_t i = 0; i < json_array_size(lines) && status == BT_OK; i++)
        status = read_line(pool, json_array_get(lines, i), path, error);
    json_decref(lines);
    return status;
}

bt_status bt_pool_open(bt_pool **out, const char *path, bt_error *error) {
    *out = NULL;
    bt_pool *pool = calloc(1, sizeof *pool);
    if (!pool) return bt_no_memory(error, "what the ranks measured");
    bt_status status = BT_OK;
    if (path && bt_file_exists(path)) status = read_file(pool, path, error);
    if (path && status == BT_OK) status = bt_journal_open(&pool->journal, path, error);
    if (status != BT_OK)
        bt_pool_close(&pool);
    else
        *out = pool;
    return status;
}

void bt_pool_close(bt_pool **pool) {
    if (!*pool) return;
    bt_journal_close(&(*pool)->journal);
    free((*pool)->answers);
    free(*pool);
    *pool = NULL;
}
