/* bench-steps: what each step of a compiled plan takes: on a CPU within a pass, on a GPU each step alone, as a
 * graph of itself many times over (its input is then in the cache, as far as that holds it).
 *
 *   bench-steps MODEL SIZE BATCH [cuda:N|fp32|bf16|int8] [LIBRARIES]
 *
 * LIBRARIES is a folder near which cuDNN lies. Prints one JSON: by kind of step how many there are and what they take together, and every step. */
#include <jansson.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "backend/calibrate.h"
#include "base/clock.h"
#include "base/cores.h"
#include "inputs.h"
#include "plan/plan.h"

#define PASSES 5

/* Of INT8, as bench-networks.c has them. */
#define CALIBRATION_SEED     2
#define CALIBRATION_PICTURES 42
#define WANTED_IOU           0.995

typedef struct run {
    const char *model;
    int size, batch;
    bool on_cuda;
    const char *where;
    int64_t *step_ns; /* of PASSES passes */
    double *pass_ms;  /* host to host, PASSES */
} run;

static int fail_with(const bt_error *error) {
    fprintf(stderr, "bench-steps: %s\n", error->message);
    return 1;
}

static int compare(const void *a, const void *b) {
    const double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

/* How many times as long a copy of what the step moves takes; NaN for one without a device, and for convolutions, which
 * compute. Copies of a size are timed once. */
static double share_of_copy(bt_plan *plan, const char *text, int64_t bytes, double us) {
    static struct { int64_t bytes, ns; } known[64];
    static int count;
    bt_error error;
    int i = 0;
    if (strncmp(text, "conv", 4) == 0) return NAN;
    while (i < count && known[i].bytes != bytes)
        i++;
    if (i == 64) return NAN;
    if (i == count) {
        known[i].bytes = bytes;
        /* A copy reads and writes. */
        if (bt_plan_time_copy(plan, (size_t)bytes / 2, &known[i].ns, &error) != BT_OK) return NAN;
        count++;
    }
    return (double)known[i].ns / 1e3 / us;
}

/* The first word of a step's text is its kind. */
static void add_to_kind(json_t *kinds, const char *text, double us) {
    char kind[64];
    snprintf(kind, sizeof kind, "%.*s", (int)strcspn(text, " "), text);
    json_t *one = json_object_get(kinds, kind);
    if (!one) {
        one = json_pack("{s:i, s:f}", "steps", 0, "ms", 0.0);
        json_object_set_new(kinds, kind, one);
    }
    json_object_set_new(one, "steps", json_integer(json_integer_value(json_object_get(one, "steps")) + 1));
    json_object_set_new(one, "ms", json_real(json_real_value(json_object_get(one, "ms")) + us / 1e3));
}

static json_t *report(const run *r, bt_plan *plan) {
    json_t *kinds = json_object(), *steps = json_array();
    double total_us = 0;
    for (int i = 0; i < bt_plan_step_count(plan, r->batch); i++) {
        char text[160];
        const double us = (double)r->step_ns[i] / 1e3 / PASSES;
        bt_plan_step_text(plan, r->batch, i, text, sizeof text);
        add_to_kind(kinds, text, us);
        total_us += us;
        const int64_t bytes = bt_plan_step_bytes(plan, r->batch, i);
        const double share = share_of_copy(plan, text, bytes, us);
        json_t *one = json_pack("{s:s, s:f, s:I}", "step", text, "us", us, "bytes", (json_int_t)bytes);
        if (isfinite(share)) json_object_set_new(one, "share_of_copy", json_real(share));
        json_array_append_new(steps, one);
    }
    qsort(r->pass_ms, PASSES, sizeof *r->pass_ms, compare);
    return json_pack("{s:s, s:i, s:i, s:s, s:f, s:f, s:i, s:I, s:I, s:o, s:o}", "model", r->model,
                     "image_size", r->size, "batch_size", r->batch, "where", r->where, "pass_ms",
                     r->pass_ms[PASSES / 2], "steps_ms", total_us / 1e3, "kernels",
                     bt_plan_kernel_count(plan, r->batch), "weight_bytes",
                     (json_int_t)bt_plan_weight_bytes(plan), "arena_bytes",
                     (json_int_t)bt_plan_arena_bytes(plan), "kinds", kinds, "steps", steps);
}

static int time_passes(run *r, bt_plan *plan, float *images, float *logits) {
    bt_error error;
    r->step_ns = calloc((size_t)bt_plan_step_count(plan, r->batch), sizeof *r->step_ns);
    r->pass_ms = calloc(PASSES, sizeof *r->pass_ms);
    if (!r->step_ns || !r->pass_ms) return 1;
    for (int i = 0; i < 2 * PASSES; i++) {
        const int64_t start_ns = bt_clock_now_ns();
        if (bt_plan_run(plan, r->batch, images, logits, &error) != BT_OK) return fail_with(&error);
        r->pass_ms[i % PASSES] = bt_ms(bt_clock_now_ns() - start_ns);
    }
    for (int i = 0; i < PASSES; i++)
        if (bt_plan_run_timed(plan, r->batch, images, logits, r->step_ns, &error) != BT_OK)
            return fail_with(&error);
    return 0;
}

/* Random ones where there are none that segment. */
static const char *weights_of(const char *model) {
    return strcmp(model, "unet_bn") == 0 ? "counter:1" : "demo";
}

/* Ranges found on pictures of its own, as `bench-networks` does. */
static bt_status calibrate(bt_calibration **out, const run *r, bt_error *error) {
    const bt_session_options session = {.backend = "plan",
                                        .model = r->model,
                                        .weights = weights_of(r->model),
                                        .device = "cpu",
                                        .path = BT_PATH_PRODUCTION,
                                        .height = r->size,
                                        .width = r->size,
                                        .use_amp = true,
                                        .use_channels_last = true};
    float *images =
        malloc(3 * (size_t)CALIBRATION_PICTURES * (size_t)r->size * (size_t)r->size * sizeof *images);
    if (!images) return bt_no_memory(error, "the pictures to calibrate on");
    const bt_calibrate_options how = {.session = &session,
                                      .images = images,
                                      .count = CALIBRATION_PICTURES,
                                      .source = "synthetic",
                                      .wanted_iou = WANTED_IOU};
    bt_status status =
        input_spheroids(images, NULL, CALIBRATION_SEED, CALIBRATION_PICTURES, r->size, r->size, error);
    char file[] = "/tmp/bench-steps-XXXXXX"; /* what is wanted of it is in memory, too */
    const int descriptor = mkstemp(file);
    if (descriptor >= 0) close(descriptor);
    if (status == BT_OK) status = bt_calibrate(out, file, &how, error);
    unlink(file);
    free(images);
    return status;
}

/* What is asked for as a plan's options: a GPU in FP16, else the CPU in the precision named. */
static bt_status plan_options(bt_plan_options *options, const run *r, const char *where,
                              bt_calibration **calibration, bt_error *error) {
    *options = (bt_plan_options){.height = r->size,
                                 .width = r->size,
                                 .threads = bt_cores_count(),
                                 .level = bt_cpu_best_level(),
                                 .type = strcmp(where, "bf16") == 0 ? BT_BF16 : BT_F32};
    if (r->on_cuda) {
        options->on_cuda = true;
        options->type = BT_F16;
        options->device_index = atoi(where + 5);
    }
    if (strcmp(where, "int8") != 0) return BT_OK;
    bt_status status = calibrate(calibration, r, error);
    options->calibration = *calibration;
    if (status == BT_OK && strcmp((*calibration)->floats, "bf16") == 0) options->type = BT_BF16;
    return status;
}

int main(int argc, char **argv) {
    const char *where = argc > 4 ? argv[4] : "fp32";
    run r = {.model = argc > 1 ? argv[1] : "hrnet",
             .size = argc > 2 ? atoi(argv[2]) : 256,
             .batch = argc > 3 ? atoi(argv[3]) : 1,
             .on_cuda = strncmp(where, "cuda:", 5) == 0,
             .where = where};
    bt_network *network;
    bt_weights *weights;
    bt_plan_options options;
    bt_calibration *calibration = NULL;
    bt_plan *plan;
    bt_error error;
    if (bt_network_open(&network, r.model, &error) != BT_OK ||
        bt_weights_open(&weights, network, weights_of(r.model), &error) != BT_OK ||
        plan_options(&options, &r, where, &calibration, &error) != BT_OK)
        return fail_with(&error);
    options.network = network;
    options.weights = weights;
    options.libraries = argc > 5 ? argv[5] : NULL;
    const int64_t start_ns = bt_clock_now_ns();
    if (bt_plan_open(&plan, &options, &error) != BT_OK || bt_plan_prepare(plan, r.batch, &error) != BT_OK)
        return fail_with(&error);
    const double ready_s = bt_ms(bt_clock_now_ns() - start_ns) / 1e3;
    const size_t pixels = (size_t)r.batch * (size_t)r.size * (size_t)r.size;
    float *images = malloc(3 * pixels * sizeof *images), *logits = malloc(pixels * sizeof *logits);
    if (!images || !logits || input_spheroids(images, NULL, 1, r.batch, r.size, r.size, &error) != BT_OK ||
        time_passes(&r, plan, images, logits) != 0)
        return 1;
    json_t *whole = report(&r, plan);
    bt_plan_memory memory;
    json_object_set_new(whole, "ready_s", json_real(ready_s));
    if (bt_plan_device_memory(plan, &memory, &error) == BT_OK)
        json_object_set_new(whole, "device_bytes",
                            json_pack("{s:I, s:I, s:I}", "used", (json_int_t)memory.used, "peak",
                                      (json_int_t)memory.peak, "others", (json_int_t)memory.others));
    json_dumpf(whole, stdout, JSON_INDENT(1) | JSON_REAL_PRECISION(6));
    putchar('\n');
    json_decref(whole);
    free(images);
    free(logits);
    free(r.step_ns);
    free(r.pass_ms);
    bt_plan_close(&plan);
    bt_calibration_close(&calibration);
    bt_weights_close(&weights);
    bt_network_close(&network);
    return 0;
}
