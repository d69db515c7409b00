/* CBAM-ResUNet: a U-Net (Ronneberger et al., 2015) of residual blocks, each followed by a convolutional block
 * attention module (Woo et al., 2018), with attention gates on its skips (Oktay et al., 2018). */
#include "networks/builder.h"

#include <stdio.h>

#define LEVELS 4

static const int widths[LEVELS] = {64, 128, 256, 512};

/* conv-norm-ReLU-conv-norm, plus the input (through a 1x1 where the width changes), ReLU, then attention over
 * channels and over positions. */
static int residual_block(bt_builder *builder, int x, int channels, const char *name) {
    const bt_convolution convolution = {.channels = channels, .kernel = 3};
    int widened = builder->status == BT_OK && builder->network->channels[x] != channels;
    int hidden = channels / 16 > 8 ? channels / 16 : 8;
    int residual = x, y;
    y = bt_build_convolution(builder, x, convolution, "%s.conv1", name);
    y = bt_build_norm(builder, y, BT_NO_TENSOR, BT_ACTIVATION_RELU, "%s.norm1", name);
    y = bt_build_convolution(builder, y, convolution, "%s.conv2", name);
    if (widened)
        residual = bt_build_sequence(builder, x, (bt_convolution){.channels = channels, .kernel = 1},
                                     BT_NO_TENSOR, BT_ACTIVATION_NONE, "%s.adjust_channels", name);
    y = bt_build_norm(builder, y, residual, BT_ACTIVATION_RELU, "%s.norm2", name);
    y = bt_build_channel_attention(builder, y, hidden, "%s.cbam.channel_attention.shared_mlp", name);
    return bt_build_spatial_attention(builder, y, 7, "%s.cbam.spatial_attention.conv", name);
}

/* The skip, each position weighted by how well it goes with the upsampled tensor `up`. */
static int attention_gate(bt_builder *builder, int skip, int up, int channels, int index) {
    const bt_convolution inner = {.channels = channels / 2, .kernel = 1, .bias = 1};
    const bt_convolution psi = {.channels = 1, .kernel = 1, .bias = 1};
    int y;
    y = bt_build_sequence(builder, up, inner, BT_NO_TENSOR, BT_ACTIVATION_NONE, "attentions.%d.W_g", index);
    y = bt_build_sequence(builder, skip, inner, y, BT_ACTIVATION_RELU, "attentions.%d.W_x", index);
    y = bt_build_sequence(builder, y, psi, BT_NO_TENSOR, BT_ACTIVATION_SIGMOID, "attentions.%d.psi", index);
    return bt_build_gate(builder, skip, y);
}

int bt_describe_cbam_resunet(bt_builder *builder) {
    int skips[LEVELS];
    char name[32];
    int x = bt_build_sequence(builder, 0, (bt_convolution){.channels = widths[0], .kernel = 3}, BT_NO_TENSOR,
                              BT_ACTIVATION_RELU, "init_conv");
    for (int level = 0; level < LEVELS; level++) {
        snprintf(name, sizeof(name), "downs.%d", level);
        skips[level] = residual_block(builder, x, widths[level], name);
        x = bt_build_max_pool(builder, skips[level], 2);
    }
    x = residual_block(builder, x, 2 * widths[LEVELS - 1], "bottleneck.0");
    x = residual_block(builder, x, 2 * widths[LEVELS - 1], "bottleneck.1");
    for (int step = 0; step < LEVELS; step++) {
        int level = LEVELS - 1 - step;
        int up = bt_build_transposed_convolution(builder, x, widths[level], "ups.%d", 2 * step);
        int gated = attention_gate(builder, skips[level], up, widths[level], step);
        x = bt_build_concatenate(builder, (int[]){gated, up}, 2);
        snprintf(name, sizeof(name), "ups.%d", 2 * step + 1);
        x = residual_block(builder, x, widths[level], name);
    }
    x = bt_build_sequence(builder, x, (bt_convolution){.channels = widths[0] / 2, .kernel = 3}, BT_NO_TENSOR,
                          BT_ACTIVATION_RELU, "final_conv");
    return bt_build_convolution(builder, x, (bt_convolution){.channels = 1, .kernel = 1, .bias = 1},
                                "final_conv.4");
}
