/* bench-onnx: a batch through an ONNX file's session here, and through ONNX Runtime by its own settings, in turns.
 *
 *   bench-onnx FILE SIZE BATCH [THREADS]
 *
 * The file takes float images of three channels. ONNX Runtime's own run is what a C program without settings does: the same
 * threads, everything else as it comes, its output allocated by it. Its threads spin on after a run, so that each turn
 * waits until the process is idle. Prints one JSON: both medians over the turns, and the median of the turns' ratios. */
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "backend/backend.h"
#include "backend/onnx-graph.h"
#include "base/clock.h"
#include "base/cores.h"
#include "inputs.h"
#include "networks/model.h"

#define ROUNDS     15
#define TURN_NS    400000000 /* a turn's runs take so long, but are three at least */
#define RUNS_MAX   512
#define IDLE_NS    20000000 /* idle for so long: nothing spins any more */
#define IDLE_TRIES 200

typedef struct bench {
    const char *file;
    int size, batch, threads;
    float *images, *logits;
    bt_session *ours;
    const bt_onnx_library *library;
    bt_ort_session *theirs;
    bt_onnx_graph graph;
    double ms[2][ROUNDS]; /* of ours and theirs */
} bench;

static int compare(const void *a, const void *b) {
    const double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

static double median(double *values, int count) {
    qsort(values, (size_t)count, sizeof *values, compare);
    return values[count / 2];
}

/* ---- both ---- */

static bt_status run_ours(bench *b, bt_error *error) {
    return bt_session_run(b->ours, b->batch, b->images, b->logits, error);
}

static bt_status run_theirs(bench *b, bt_error *error) {
    const bt_ort_api *api = b->library->api;
    const int64_t dims[] = {b->batch, 3, b->size, b->size};
    const size_t bytes = (size_t)b->batch * 3 * (size_t)b->size * (size_t)b->size * sizeof *b->images;
    const char *const in[] = {b->graph.input};
    bt_ort_value *input = NULL, *output = NULL;
    bt_status status = bt_onnx_said(
        b->library, api->create_tensor(b->library->host, b->images, bytes, dims, 4, BT_ONNX_FLOAT, &input),
        BT_BACKEND, b->file, error);
    if (status != BT_OK) return status;
    const bt_ort_value *const inputs[] = {input};
    status = bt_onnx_said(
        b->library,
        api->run(b->theirs, NULL, in, inputs, 1, (const char *const *)b->graph.outputs, 1, &output),
        BT_BACKEND, b->file, error);
    if (output) api->release_value(output);
    api->release_value(input);
    return status;
}

static bt_status open_theirs(bench *b, bt_error *error) {
    const bt_model_map map = {.tensor_number = -1};
    bt_ort_options *options = NULL;
    bt_status status = bt_onnx_library_use(&b->library, error);
    if (status != BT_OK) return status;
    const bt_ort_api *api = b->library->api;
    status = bt_onnx_said(b->library, api->create_options(&options), BT_BACKEND, b->file, error);
    if (status == BT_OK)
        status = bt_onnx_said(b->library, api->set_intra_op_threads(options, b->threads), BT_BACKEND, b->file,
                              error);
    if (status == BT_OK)
        status = bt_onnx_said(b->library, api->create_session(b->library->env, b->file, options, &b->theirs),
                              BT_BACKEND, b->file, error);
    if (options) api->release_options(options);
    return status == BT_OK ? bt_onnx_graph_open(&b->graph, b->library, b->theirs, &map, b->file, error)
                           : status;
}

static bt_status open_both(bench *b, bt_error *error) {
    const bt_session_options options = {.backend = "onnx",
                                        .model = "file",
                                        .model_file = b->file,
                                        .device = "cpu",
                                        .path = BT_PATH_PRODUCTION,
                                        .height = b->size,
                                        .width = b->size,
                                        .threads = b->threads};
    bt_status status = bt_session_open(&b->ours, &options, error);
    if (status == BT_OK) status = bt_session_prepare(b->ours, b->batch, error);
    if (status == BT_OK) status = open_theirs(b, error);
    if (status != BT_OK) return status;
    const size_t pixels = (size_t)b->batch * (size_t)b->size * (size_t)b->size;
    b->images = calloc(3 * pixels, sizeof *b->images);
    b->logits = calloc((size_t)bt_session_describe(b->ours)->classes * pixels, sizeof *b->logits);
    if (!b->images || !b->logits) return bt_no_memory(error, "a batch of %d", b->batch);
    return input_spheroids(b->images, NULL, 1, b->batch, b->size, b->size, error);
}

/* ---- turns ---- */

static int64_t spent_ns(void) {
    struct timespec now;
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &now);
    return now.tv_sec * 1000000000ll + now.tv_nsec;
}

static void wait_until_idle(void) {
    for (int i = 0; i < IDLE_TRIES; i++) {
        const int64_t before_ns = spent_ns();
        bt_clock_sleep_until_ns(bt_clock_now_ns() + IDLE_NS);
        if (spent_ns() - before_ns < IDLE_NS / 20) return;
    }
}

static bt_status take_turn(bench *b, int side, double *ms, bt_error *error) {
    double runs[RUNS_MAX];
    int count = 0;
    bt_status status = BT_OK;
    wait_until_idle();
    const int64_t began_ns = bt_clock_now_ns();
    while (status == BT_OK && count < RUNS_MAX && (count < 4 || bt_clock_now_ns() - began_ns < TURN_NS)) {
        const int64_t start_ns = bt_clock_now_ns();
        status = side == 0 ? run_ours(b, error) : run_theirs(b, error);
        runs[count++] = bt_ms(bt_clock_now_ns() - start_ns);
    }
    *ms = median(runs + 1, count - 1); /* the first wakes the threads */
    return status;
}

static bt_status take_turns(bench *b, bt_error *error) {
    bt_status status = BT_OK;
    for (int i = 0; i < ROUNDS; i++)
        for (int k = 0; k < 2 && status == BT_OK; k++) {
            const int side = (i + k) % 2;
            status = take_turn(b, side, &b->ms[side][i], error);
        }
    return status;
}

static void report(bench *b) {
    double ratios[ROUNDS];
    for (int i = 0; i < ROUNDS; i++)
        ratios[i] = b->ms[0][i] / b->ms[1][i];
    const double ratio = median(ratios, ROUNDS);
    json_t *json =
        json_pack("{s:s, s:s, s:i, s:i, s:i, s:f, s:f, s:f, s:f, s:f}", "file", b->file, "onnxruntime",
                  b->library->version, "image_size", b->size, "batch_size", b->batch, "threads", b->threads,
                  "ms", median(b->ms[0], ROUNDS), "onnxruntime_ms", median(b->ms[1], ROUNDS), "ratio", ratio,
                  "ratio_least", ratios[0], "ratio_most", ratios[ROUNDS - 1]);
    json_dumpf(json, stdout, JSON_INDENT(2) | JSON_REAL_PRECISION(4));
    putchar('\n');
    json_decref(json);
}

int main(int argc, char **argv) {
    static bench b;
    bt_error error = {0};
    if (argc < 4 || argc > 5 || atoi(argv[2]) < 1 || atoi(argv[3]) < 1) {
        fprintf(stderr, "usage: bench-onnx FILE SIZE BATCH [THREADS]\n");
        return 2;
    }
    b.file = argv[1];
    b.size = atoi(argv[2]);
    b.batch = atoi(argv[3]);
    b.threads = argc > 4 && atoi(argv[4]) > 0 ? atoi(argv[4]) : bt_cores_count();
    bt_status status = open_both(&b, &error);
    if (status == BT_OK) status = take_turns(&b, &error);
    if (status == BT_OK)
        report(&b);
    else
        fprintf(stderr, "bench-onnx: %s\n", error.message);
    bt_session_close(&b.ours);
    bt_onnx_graph_close(&b.graph);
    if (b.theirs) b.library->api->release_session(b.theirs);
    free(b.images);
    free(b.logits);
    return status == BT_OK ? 0 : status == BT_INVALID || status == BT_UNSUPPORTED ? 2 : 1;
}
