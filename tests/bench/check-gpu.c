/* check-gpu: does a CUDA device compute what it should? The first part of `make gpu-check`.
 *
 *   check-gpu [cuda:N]
 *
 * The device itself, then every kernel of a plan and its convolutions, in every type, on made-up cases against
 * their references in double, then the golden cases on each path. Prints one JSON; ends with 1 where something
 * is wrong (its "wrong" says what). */
#include <jansson.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "backend/backend.h"
#include "backend/cuda.h"
#include "backend/torch.h"
#include "device-kernels.h"
#include "golden-cases.h"
#include "plan/cuda.h"

#define CASES_EACH 24

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

/* ---- kernels ---- */

/* The case's error, as a part of what rounding explains; what is wrong with it is told. */
static double try_case(check *c, const bt_cuda *cuda, const device_kernel *kernel, uint64_t seed,
                       bt_value_type type) {
    device_case one;
    char text[400];
    device_case_open(&one, cuda->table, cuda->context, seed, type);
    kernel->try(&one);
    device_case_close(&one);
    const char *wrong = one.code != 0       ? cuda->table->error_text(one.code)
                        : one.overrun       ? "wrote outside"
                        : !(one.error <= 1) ? "off"
                                            : NULL;
    if (!wrong) return one.error;
    snprintf(text, sizeof text, "%s, %s, seed %d: %s: %s (error %.3g of what is allowed)", kernel->name,
             bt_value_type_name(type), (int)seed, one.text, wrong, one.error);
    complain(c, text);
    return NAN;
}

/* The worst error of each kernel and type; one that is wrong is tried no further. */
static json_t *kernel_json(check *c, const bt_cuda *cuda, const device_kernel *kernel) {
    static const bt_value_type types[] = {BT_F32, BT_F16, BT_BF16};
    json_t *worst = json_object();
    for (size_t t = 0; t < sizeof types / sizeof *types; t++) {
        double most = 0;
        for (uint64_t seed = 1; seed <= CASES_EACH && !isnan(most); seed++) {
            const double error = try_case(c, cuda, kernel, seed, types[t]);
            most = isnan(error) ? NAN : fmax(most, error);
        }
        json_object_set_new(worst, bt_value_type_name(types[t]), isnan(most) ? json_null() : json_real(most));
    }
    return worst;
}

static json_t *kernels_json(check *c) {
    bt_torch_facts facts;
    bt_cuda *cuda;
    bt_error error, ignored;
    const bool has_torch = bt_torch_describe(&facts, &ignored) == BT_OK;
    if (bt_cuda_open(&cuda, c->index, has_torch ? facts.library : NULL, &error) != BT_OK) {
        complain(c, error.message);
        return json_null();
    }
    json_t *kernels = json_object();
    for (int i = 0; i < DEVICE_KERNELS; i++)
        json_object_set_new(kernels, device_kernels[i].name, kernel_json(c, cuda, &device_kernels[i]));
    json_t *whole = json_pack("{s:s, s:i, s:o}", "about", cuda->table->about(cuda->context), "cases_each",
                              CASES_EACH, "worst_error_of_allowed", kernels);
    bt_cuda_close(&cuda);
    return whole;
}

/* ---- golden cases ---- */

/* What the ways of all cases are off, squared and added: by AMP a case of random weights says little alone. */
typedef struct golden_sums {
    double plain_amp, production_amp;
} golden_sums;

/* FP32 must be FP32. */
static json_t *golden_json(check *c, golden_case *one, const char *device, golden_sums *sums) {
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
        const double limit = ways[i].use_amp ? INFINITY : 10 * one->relative_error;
        if (errors[i] > limit) {
            snprintf(text, sizeof text, "%.31s %.63s, %s: relative error %.3g, %.3g allowed", one->model,
                     one->input_name, ways[i].name, errors[i], limit);
            complain(c, text);
        }
        json_object_set_new(json, ways[i].name, isfinite(errors[i]) ? json_real(errors[i]) : json_null());
    }
    sums->plain_amp += errors[2] * errors[2];
    sums->production_amp += errors[3] * errors[3];
    return json;
}

/* With AMP, production is held to the plain path over all cases together: a tenth worse at most. */
static json_t *all_golden_json(check *c, const char *device) {
    golden_case cases[GOLDEN_CASES];
    golden_sums sums = {0};
    bt_error error;
    json_t *array = json_array();
    bt_status status = golden_read(cases, &error);
    if (status == BT_OK) status = bt_backend_load("torch", NULL, &error);
    if (status != BT_OK) complain(c, error.message);
    for (int i = 0; i < GOLDEN_CASES && status == BT_OK; i++)
        json_array_append_new(array, golden_json(c, &cases[i], device, &sums));
    golden_free(cases);
    const double plain = sqrt(sums.plain_amp / GOLDEN_CASES),
                 production = sqrt(sums.production_amp / GOLDEN_CASES);
    char text[160];
    snprintf(text, sizeof text, "golden cases with AMP: production is off by %.3g, the plain path by %.3g",
             production, plain);
    if (!(production <= 1.1 * plain)) complain(c, text);
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
    json_t *kernels = usable ? kernels_json(&c) : json_null();
    json_t *golden = usable ? all_golden_json(&c, device) : json_null();
    bool right = json_array_size(c.wrong) == 0;
    json_t *whole = json_pack("{s:b, s:o, s:o, s:o, s:o}", "right", right, "wrong", c.wrong, "device", about,
                              "kernels", kernels, "golden", golden);
    json_dumpf(whole, stdout, JSON_INDENT(1) | JSON_REAL_PRECISION(6));
    putchar('\n');
    json_decref(whole);
    return right ? 0 : 1;
}
