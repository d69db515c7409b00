#include "tune/worker.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/json.h"
#include "base/text.h"
#include "tune/bench-neighbours.h"
#include "tune/bench.h"
#include "tune/protocol.h"

/* What a worker has open: a model, and its neighbour where one was asked for. */
typedef struct worker {
    bt_bench *bench, *neighbour;
} worker;

static json_t *answer_open(bt_bench **bench, const json_t *json) {
    bt_error error = {BT_OK, ""};
    bt_worker_facts facts;
    bt_open_order *order = NULL;
    bt_status status = BT_OK;
    if (*bench)
        status = bt_fail(&error, BT_INVALID, "a session is open already");
    else if (!(order = calloc(1, sizeof *order)))
        status = bt_no_memory(&error, "an order");
    if (status == BT_OK) status = bt_open_order_from_json(json, order, &error);
    if (status == BT_OK) status = bt_bench_open(bench, order, &error);
    if (status == BT_OK) status = bt_bench_describe(*bench, &facts, &error);
    free(order);
    return status == BT_OK ? bt_opened_answer(&facts) : bt_refused_answer(&error);
}

static bt_status run_step(const worker *w, const bt_step *step, bt_step_result *result, bt_error *error) {
    if (step->kind == BT_STEP_BESIDE || step->kind == BT_STEP_TURNS)
        return bt_bench_run_neighbours(w->bench, w->neighbour, step, result, error);
    return bt_bench_run(w->bench, step, result, error);
}

static json_t *answer_step(const worker *w, const json_t *json) {
    bt_error error = {BT_OK, ""};
    bt_step step;
    bt_step_result result = bt_step_result_empty();
    bt_status status = w->bench ? bt_step_from_json(json, &step, "order", &error)
                                : bt_fail(&error, BT_INVALID, "no session is open");
    if (status == BT_OK) status = run_step(w, &step, &result, &error);
    result.status = status;
    if (status != BT_OK) snprintf(result.message, sizeof result.message, "%s", error.message);
    return bt_step_result_to_json(&result);
}

/* Answers one line. */
static bt_status serve_line(worker *w, const char *line, int answers_fd, bt_error *error) {
    json_error_t at;
    json_t *json = bt_json_parse(line, strlen(line), &at);
    const char *kind = bt_order_kind(json);
    bt_status status;
    if (!kind)
        status = bt_fail(error, BT_PARSE, "not an order: %s", at.text);
    else if (strcmp(kind, "open") == 0)
        status = bt_line_send(answers_fd, answer_open(&w->bench, json), error);
    else if (strcmp(kind, "neighbour") == 0)
        status = bt_line_send(answers_fd, answer_open(&w->neighbour, json), error);
    else
        status = bt_line_send(answers_fd, answer_step(w, json), error);
    json_decref(json);
    return status;
}

bt_status bt_worker_serve(int orders_fd, int answers_fd, bt_error *error) {
    FILE *orders = fdopen(orders_fd, "r");
    if (!orders) return bt_fail(error, BT_IO, "cannot read orders: %s", bt_text_system_error(errno));
    bt_status status = BT_OK;
    worker w = {NULL, NULL};
    char *line = NULL;
    size_t capacity = 0;
    while (status == BT_OK && getline(&line, &capacity, orders) > 0)
        status = serve_line(&w, line, answers_fd, error);
    bt_bench_close(&w.neighbour);
    bt_bench_close(&w.bench);
    free(line);
    fclose(orders);
    return status;
}
