/* check-gpu: does a CUDA device compute what it should? The first half of `make gpu-check`.
 *
 *   check-gpu [cuda:N]
 *
 * The device itself, then the fused norm in every type against its reference in double, timed in the shapes
 * that the networks have at 1024 x 1024, then the golden cases on each path. Prints one JSON; ends with 1
 * where something is wrong (its "wrong" says what). */
#include <jansson.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "backend/backend.h"
#include "backend/cuda.h"
#include "golden-cases.h"

#define CASES_EACH 40
#define RUNS       50

typedef struct check {
    int index;
    json_t *wrong; /* texts */
} check;

static void complain(check *c, const char *text) {
    json_array_append_new(c->wrong, json_string(text));
}

static json_t *device_json(check *c) {
    bt_cuda_device device;
    bt_cuda_check computed;
    bt_error error;
    bt_status status = bt_cuda_describe(&device, c->index, &error);
    if (status == BT_OK) status = bt_cuda_check_device(&computed, c->index, &error);
    if (status != BT_OK) {
        complain(c, error.message);
        return json_null();
    }
    if (*computed.fault) complain(c, computed.fault);
    return json_pack("{s:s, s:s, s:i, s:i, s:I, s:I}", "name", device.name, "pci_id", device.pci_id,
                     "capability", device.major * 10 + device.minor, "driver_cuda", device.driver_version,
                     "total_bytes", (json_int_t)device.total_bytes, "free_bytes",
                     (json_int_t)computed.free_bytes);
}

/* Made-up sizes: any channels, one block an image and many. */
static bt_cuda_norm_case some_case(const char *type, uint64_t seed) {
    static const int channels[] = {1, 3, 8, 24, 32, 48, 64, 96, 130, 192, 256, 384, 512, 720, 1024};
    static const int64_t pixels[] = {1, 7, 64, 256, 1000, 4096, 16384, 50000};
    return (bt_cuda_norm_case){.type = type,
                               .batch = 1 + (int)(seed % 3),
                               .channels = channels[seed % 15],
                               .pixels = pixels[seed % 8],
                               .residual = seed % 2,
                               .relu = seed / 2 % 2,
                               .seed = seed};
}

static double check_type(check *c, const char *type) {
    double worst = 0;
    for (uint64_t seed = 1; seed <= CASES_EACH; seed++) {
        const bt_cuda_norm_case one = some_case(type, seed);
        char text[160];
        bt_cuda_norm_result result;
        bt_error error;
        if (bt_cuda_try_norm(c->index, &one, 0, &result, &error) != BT_OK) {
            complain(c, error.message);
            return NAN;
        }
        if (!(result.error <= result.limit)) {
            snprintf(text, sizeof text, "norm, %s, seed %d: off by %.3g, %.3g allowed", type, (int)seed,
                     result.error, result.limit);
            complain(c, text);
        }
        worst = fmax(worst, result.error / result.limit);
    }
    return worst;
}

static json_t *time_norm(check *c, const char *type, int channels, int side) {
    const bt_cuda_norm_case one = {.type = type,
                                   .batch = 1,
                                   .channels = channels,
                                   .pixels = (int64_t)side * side,
                                   .relu = true,
                                   .seed = 1};
    bt_cuda_norm_result result;
    bt_error error;
    if (bt_cuda_try_norm(c->index, &one, RUNS, &result, &error) != BT_OK) {
        complain(c, error.message);
        return json_null();
    }
    return json_pack("{s:s, s:i, s:i, s:f, s:f}", "type", type, "channels", channels, "side", side, "us",
                     result.seconds * 1e6, "gb_per_s", (double)result.moved_bytes / result.seconds / 1e9);
}

static json_t *norm_json(check *c) {
    static const char *const types[] = {"fp32", "fp16", "bf16"};
    static const struct { int channels, side; } shapes[] = {{48, 256}, {384, 32}, {64, 1024}, {512, 128}};
    json_t *errors = json_object(), *times = json_array();
    for (int t = 0; t < 3; t++) {
        double worst = check_type(c, types[t]);
        json_object_set_new(errors, types[t], isfinite(worst) ? json_real(worst) : json_null());
        for (int s = 0; s < 4; s++)
            json_array_append_new(times, time_norm(c, types[t], shapes[s].channels, shapes[s].side));
    }
    return json_pack("{s:i, s:o, s:o}", "cases_each", CASES_EACH, "worst_error_of_allowed", errors, "times",
                     times);
}

/* FP32 must be FP32; with AMP the random weights say little, so that the fused path is held to the plain one:
 * no more than a tenth worse. */
static json_t *golden_json(check *c, golden_case *one, const char *device) {
    static const struct {
        const char *name;
        bt_path path;
        bool use_amp, use_channels_last;
    } ways[] = {{"standard", BT_PATH_STANDARD, false, false},
                {"production_fp32", BT_PATH_PRODUCTION, false, true},
                {"plain_amp", BT_PATH_PLAIN, true, true},
                {"production_amp", BT_PATH_PRODUCTION, true, true}};
    double errors[4] = {0};
    char text[BT_ERROR_MESSAGE_SIZE + 200];
    json_t *json = json_pack("{s:s, s:s}", "model", one->model, "input", one->input_name);
    for (int i = 0; i < 4; i++) {
        const golden_way way = {.backend = "torch",
                                .device = device,
                                .path = ways[i].path,
                                .use_amp = ways[i].use_amp,
                                .use_channels_last = ways[i].use_channels_last};
        bt_error error;
        if (golden_forward(one, &way, &errors[i], &error) != BT_OK) {
            snprintf(text, sizeof text, "%.31s, %s: %s", one->model, ways[i].name, error.message);
            complain(c, text);
            errors[i] = NAN;
        }
        double limit = !ways[i].use_amp ? 10 * one->relative_error : i == 3 ? 1.1 * errors[2] : INFINITY;
        if (errors[i] > limit) {
            snprintf(text, sizeof text, "%.31s %.63s, %s: relative error %.3g, %.3g allowed", one->model,
                     one->input_name, ways[i].name, errors[i], limit);
            complain(c, text);
        }
        json_object_set_new(json, ways[i].name, isfinite(errors[i]) ? json_real(errors[i]) : json_null());
    }
    return json;
}

static json_t *all_golden_json(check *c, const char *device) {
    golden_case cases[GOLDEN_CASES];
    bt_error error;
    json_t *array = json_array();
    bt_status status = golden_read(cases, &error);
    if (status == BT_OK) status = bt_backend_load("torch", &error);
    if (status != BT_OK) complain(c, error.message);
    for (int i = 0; i < GOLDEN_CASES && status == BT_OK; i++)
        json_array_append_new(array, golden_json(c, &cases[i], device));
    golden_free(cases);
    return array;
}

int main(int argc, char **argv) {
    const char *device = argc > 1 ? argv[1] : "cuda:0";
    char *end = NULL;
    check c = {.index = strncmp(device, "cuda:", 5) == 0 ? (int)strtol(device + 5, &end, 10) : -1,
               .wrong = json_array()};
    if (argc > 2 || c.index < 0 || *end) {
        fprintf(stderr, "usage: check-gpu [cuda:N]\n");
        return 2;
    }
    json_t *about = device_json(&c);
    bool usable = !json_is_null(about);
    json_t *norm = usable ? norm_json(&c) : json_null();
    json_t *golden = usable ? all_golden_json(&c, device) : json_null();
    bool right = json_array_size(c.wrong) == 0;
    json_t *whole = json_pack("{s:b, s:o, s:o, s:o, s:o}", "right", right, "wrong", c.wrong, "device", about,
                              "fused_norm", norm, "golden", golden);
    json_dumpf(whole, stdout, JSON_INDENT(1) | JSON_REAL_PRECISION(6));
    putchar('\n');
    json_decref(whole);
    return right ? 0 : 1;
}
