/* Networks, checkpoints, plans and sessions: memory that runs out at any moment is one clear error, and
 * nothing is lost. The n-th allocation fails, for every n. */
#include <stdio.h>

#include "backend/backend.h"
#include "fault-documents.h"
#include "networks/checkpoint-open.h"
#include "networks/weights.h"
#include "plan/arena.h"

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
    return faults_memory_main("faults: memory, networks, plan and backend", cases,
                              sizeof cases / sizeof *cases);
}
