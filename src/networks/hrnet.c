/* HRNetV2-W48 (Wang et al., "Deep High-Resolution Representation Learning for Visual Recognition", 2019),
 * with instance norm and one output channel. Four branches of 1/4, 1/8, 1/16 and 1/32 of the image's size run
 * side by side; each module ends by giving every branch the sum of all of them. */
#include "networks/builder.h"

#define MAX_BRANCHES    4
#define BLOCKS_A_BRANCH 4

static const int widths[MAX_BRANCHES] = {48, 96, 192, 384};

/* 1x1 to 64, 3x3, 1x1 to 256, plus the input (brought to 256 channels in the first block). */
static int bottleneck(bt_builder *builder, int x, int block) {
    int residual = x, y;
    y = bt_build_convolution(builder, x, (bt_convolution){.channels = 64, .kernel = 1}, "layer1.%d.conv1",
                             block);
    y = bt_build_norm(builder, y, BT_NO_TENSOR, BT_ACTIVATION_RELU, "layer1.%d.bn1", block);
    y = bt_build_convolution(builder, y, (bt_convolution){.channels = 64, .kernel = 3}, "layer1.%d.conv2",
                             block);
    y = bt_build_norm(builder, y, BT_NO_TENSOR, BT_ACTIVATION_RELU, "layer1.%d.bn2", block);
    y = bt_build_convolution(builder, y, (bt_convolution){.channels = 256, .kernel = 1}, "layer1.%d.conv3",
                             block);
    if (block == 0)
        residual = bt_build_sequence(builder, x, (bt_convolution){.channels = 256, .kernel = 1}, BT_NO_TENSOR,
                                     BT_ACTIVATION_NONE, "layer1.%d.downsample", block);
    return bt_build_norm(builder, y, residual, BT_ACTIVATION_RELU, "layer1.%d.bn3", block);
}

/* Two 3x3 convolutions, plus the input. */
static int basic_block(bt_builder *builder, int x, int stage, int module, int branch, int block) {
    const bt_convolution convolution = {.channels = widths[branch], .kernel = 3};
    int y;
    y = bt_build_convolution(builder, x, convolution, "stage%d.%d.branches.%d.%d.conv1", stage, module,
                             branch, block);
    y = bt_build_norm(builder, y, BT_NO_TENSOR, BT_ACTIVATION_RELU, "stage%d.%d.branches.%d.%d.bn1", stage,
                      module, branch, block);
    y = bt_build_convolution(builder, y, convolution, "stage%d.%d.branches.%d.%d.conv2", stage, module,
                             branch, block);
    return bt_build_norm(builder, y, x, BT_ACTIVATION_RELU, "stage%d.%d.branches.%d.%d.bn2", stage, module,
                         branch, block);
}

/* What branch `from` gives to branch `to`: itself; from a coarser branch, 1x1 to the right width (the sum
 * resizes it); from a finer one, a chain of strided 3x3, which keeps its width until the last. */
static int fuse_path(bt_builder *builder, int x, int stage, int module, int to, int from) {
    if (from == to) return x;
    if (from > to)
        return bt_build_sequence(builder, x, (bt_convolution){.channels = widths[to], .kernel = 1},
                                 BT_NO_TENSOR, BT_ACTIVATION_NONE, "stage%d.%d.fuse_layers.%d.%d", stage,
                                 module, to, from);
    for (int step = 0; step < to - from; step++) {
        int last = step == to - from - 1;
        bt_convolution down = {.channels = widths[last ? to : from], .kernel = 3, .stride = 2};
        x = bt_build_sequence(builder, x, down, BT_NO_TENSOR, last ? BT_ACTIVATION_NONE : BT_ACTIVATION_RELU,
                              "stage%d.%d.fuse_layers.%d.%d.%d", stage, module, to, from, step);
    }
    return x;
}

/* Runs the branches apart, then fuses them, in place. */
static void add_module(bt_builder *builder, int branches[MAX_BRANCHES], int count, int stage, int module) {
    int inputs[MAX_BRANCHES], paths[MAX_BRANCHES];
    for (int branch = 0; branch < count; branch++) {
        inputs[branch] = branches[branch];
        for (int block = 0; block < BLOCKS_A_BRANCH; block++)
            inputs[branch] = basic_block(builder, inputs[branch], stage, module, branch, block);
    }
    for (int to = 0; to < count; to++) {
        for (int from = 0; from < count; from++)
            paths[from] = fuse_path(builder, inputs[from], stage, module, to, from);
        branches[to] = bt_build_add_relu(builder, paths, count, to);
    }
}

int bt_describe_hrnet(bt_builder *builder) {
    static const int modules[] = {1, 4, 3}; /* of stages 2, 3 and 4 */
    const bt_convolution stem = {.channels = 64, .kernel = 3, .stride = 2};
    int branches[MAX_BRANCHES], x = 0;
    x = bt_build_convolution(builder, x, stem, "conv1");
    x = bt_build_norm(builder, x, BT_NO_TENSOR, BT_ACTIVATION_RELU, "bn1");
    x = bt_build_convolution(builder, x, stem, "conv2");
    x = bt_build_norm(builder, x, BT_NO_TENSOR, BT_ACTIVATION_RELU, "bn2");
    for (int block = 0; block < 4; block++)
        x = bottleneck(builder, x, block);
    branches[0] = bt_build_sequence(builder, x, (bt_convolution){.channels = widths[0], .kernel = 3},
                                    BT_NO_TENSOR, BT_ACTIVATION_RELU, "transition1.0");
    for (int stage = 2; stage <= 4; stage++) {
        /* A new branch starts from the coarsest output of the stage before. */
        int added = stage - 1, from = stage == 2 ? x : branches[added - 1];
        bt_convolution down = {.channels = widths[added], .kernel = 3, .stride = 2};
        branches[added] = bt_build_sequence(builder, from, down, BT_NO_TENSOR, BT_ACTIVATION_RELU,
                                            "transition%d.%d.0", stage - 1, added);
        for (int module = 0; module < modules[stage - 2]; module++)
            add_module(builder, branches, stage, stage, module);
    }
    x = bt_build_concatenate(builder, branches, MAX_BRANCHES);
    x = bt_build_sequence(builder, x, (bt_convolution){.channels = 720, .kernel = 1, .bias = 1}, BT_NO_TENSOR,
                          BT_ACTIVATION_RELU, "last_layer");
    x = bt_build_convolution(builder, x, (bt_convolution){.channels = 1, .kernel = 1, .bias = 1},
                             "last_layer.3");
    return bt_build_resize(builder, x, 4);
}
