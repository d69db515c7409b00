/* Networks, checkpoints, plans and sessions: memory that runs out at any moment is one clear error, and
 * nothing is lost. The n-th allocation fails, for every n. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
/* cmocka wants the four above first */
#include <cmocka.h>
#include <stdio.h>

#include "backend/backend.h"
#include "fault-documents.h"
#include "made-up-network.h"
#include "networks/checkpoint-open.h"
#include "networks/weights.h"
#include "plan/arena.h"
#include "plan/byte-weights.h"

static bt_status open_network(const void *name, bt_error *error) {
    bt_network *network = NULL;
    bt_status status = bt_network_open(&network, name, error);
    bt_network_close(&network);
    return status;
}

/* A network of one parameter, so that a try is short. */
static bt_status open_weights(const void *source, bt_error *error) {
    static bt_parameter parameter = {"a", BT_PARAMETER_BIAS, 1, {2}, 2, 0};
    static const bt_network network = {
        .name = "x", .title = "X", .parameters = &parameter, .parameter_count = 1};
    bt_weights *weights = NULL;
    bt_status status = bt_weights_open(&weights, &network, source, error);
    bt_weights_close(&weights);
    return status;
}

/* A user's file, each way of storing one; its folder is where the tests began. */
static bt_status read_checkpoint(const void *name, bt_error *error) {
    char path[BT_PATH_SIZE];
    bt_checkpoint *checkpoint = NULL;
    float values[64];
    snprintf(path, sizeof path, "%s/tests/checkpoints/%s", made.root, (const char *)name);
    bt_status status = bt_checkpoint_open(&checkpoint, path, error);
    for (int i = 0; status == BT_OK && i < checkpoint->tensor_count; i++)
        if (checkpoint->tensors[i].count <= 64 && checkpoint->tensors[i].type != BT_STORED_OTHER)
            status = bt_checkpoint_read(checkpoint, &checkpoint->tensors[i], values, error);
    bt_checkpoint_close(&checkpoint);
    return status;
}

/* A network that its file holds twice. */
static bt_status find_weights(bt_error *error) {
    static bt_parameter parameters[] = {{"a.weight", BT_PARAMETER_WEIGHT, 4, {2, 3, 3, 3}, 54, 0},
                                        {"b.weight", BT_PARAMETER_SCALE, 1, {5}, 5, 0}};
    static const bt_network network = {
        .name = "x", .title = "X", .parameters = parameters, .parameter_count = 2};
    char source[BT_PATH_SIZE];
    bt_weights *weights = NULL;
    snprintf(source, sizeof source, "%s/tests/checkpoints/flat-average.pth:ema", made.root);
    bt_status status = bt_weights_open(&weights, &network, source, error);
    bt_weights_close(&weights);
    return status;
}

static bt_status place(bt_error *error) {
    bt_lease leases[3] = {{100, 0, 1, 0}, {200, 1, 2, 0}, {0, 0, 2, 0}};
    size_t total;
    return bt_arena_place(leases, 3, &total, error);
}

static int describe_few(bt_builder *b) {
    int x = bt_build_sequence(b, 0, (bt_convolution){.channels = 4, .kernel = 3}, BT_NO_TENSOR,
                              BT_ACTIVATION_RELU, "a");
    x = bt_build_sequence(b, bt_build_max_pool(b, x, 2), (bt_convolution){.channels = 4, .kernel = 3},
                          BT_NO_TENSOR, BT_ACTIVATION_RELU, "b");
    return bt_build_convolution(b, bt_build_transposed_convolution(b, x, 4, "c"),
                                (bt_convolution){.channels = 1, .kernel = 3}, "d");
}

/* Made once: only what decides is under test. */
static bt_network *few;
static bt_calibration *few_calibrated;

static bt_status decide_on_bytes(bt_error *error) {
    bt_shape shapes[16];
    bt_units *units = NULL;
    bt_status status = bt_network_shapes(few, 8, 8, shapes, error);
    if (status == BT_OK) status = bt_units_open(&units, few, shapes, few_calibrated, error);
    if (status != BT_OK && units) fail_msg("units that failed to open are there");
    bt_units_close(&units, few);
    return status;
}

/* Zeros, a bias and a border: all that weights as bytes have. */
static bt_status weights_as_bytes(bt_error *error) {
    static const bt_conv_shape shape = {.channels = 1, .out_channels = 2, .kernel = 3, .padding = 1};
    static const float values[18] = {1}, bias[2] = {1};
    static float unit = 1, zero = 128;
    static const bt_units input = {.unit = &unit, .zero = &zero};
    const bt_byte_source source = {.weights = values, .bias = bias, .input = &input, .largest = 127};
    int8_t bytes[18];
    bt_byte_weights weights;
    bt_status status = bt_byte_weights_open(&weights, bytes, &shape, &source, error);
    if (status == BT_OK) bt_byte_weights_close(&weights);
    if (weights.scales || weights.bias || weights.lacking) fail_msg("weights are left");
    return status;
}

static bt_status open_session(bt_error *error) {
    bt_session *session = NULL;
    static const bt_session_options options = {.backend = "sim:tau0_ms=0,alpha_ms=0,faults=fail@3",
                                               .model = "hrnet",
                                               .weights = "demo",
                                               .device = "cpu",
                                               .height = 4,
                                               .width = 4};
    bt_status status = bt_session_open(&session, &options, error);
    bt_session_close(&session);
    return status;
}

static const fault_case cases[] = {
    {"decide on bytes", .run = decide_on_bytes},
    {"weights as bytes", .run = weights_as_bytes},
    {"describe HRNet", .run_with = open_network, .argument = "hrnet"},
    {"describe CBAM-ResUNet", .run_with = open_network, .argument = "cbam_resunet"},
    {"make weights", .run_with = open_weights, .argument = "counter:1"},
    {"read weights", .run_with = open_weights, .argument = "a.safetensors"},
    {"read a torch archive", .run_with = read_checkpoint, .argument = "model.pth"},
    {"read views", .run_with = read_checkpoint, .argument = "views.pth"},
    {"read a checkpoint of before 1.6", .run_with = read_checkpoint, .argument = "legacy-views.pth"},
    {"read a pickled module", .run_with = read_checkpoint, .argument = "module.pth"},
    {"read a checkpoint in several files", .run_with = read_checkpoint,
     .argument = "shards/pytorch_model.bin.index.json"},
    {"find weights in a checkpoint", .run = find_weights},
    {"read safetensors", .run_with = read_checkpoint, .argument = "float32.safetensors"},
    {"place tensors", .run = place},
    {"open a session", .run = open_session},
};

int main(void) {
    few = made_up_network(describe_few);
    few_calibrated = made_up_calibration(few);
    const int failed =
        faults_memory_main("faults: memory, networks, plan and backend", cases, sizeof cases / sizeof *cases);
    bt_calibration_close(&few_calibrated);
    bt_network_close(&few);
    return failed;
}
