#include "plan/convolution.h"

#include <omp.h>
#include <stdio.h>
#include <stdlib.h>

#include "kernels/winograd.h"

/* From where on tiles pay: channels on both sides, and tiles of an image. The shapes of HRNet and
 * CBAM-ResUNet were timed both ways on two cores with AVX-512 (BF16 and FP32) and with AVX2, 2 MB of L2 and
 * 32 MB of L3. In FP32 tiles took 0.5 to 0.8 of the time from 32 channels on; in BF16, where products are
 * cheap and tiles as dear as ever, 0.6 to 0.95 from 128 on, and more than 1 below. Lower, layers go by tiles
 * whose reading and writing outweighs what the products save; higher, layers that tiles would speed up stay
 * with oneDNN's own way. */
#define CHANNELS_LEAST      32
#define TILES_LEAST         16
#define CHANNELS_LEAST_BF16 96
#define TILES_LEAST_BF16    64

/* In FP32 from where on tiles that give 4 x 4 pixels pay, which take 9/16 of the products of those that give 2 x 2, and
 * write 9/16 of the values in between, but 9/4 of the weights. With AVX2, one core, the layers of HRNet, CBAM-ResUNet
 * and U-Net at 128 and 256 pixels took 0.4 to 0.8 of the time from 64 tiles on; with 16 tiles 0.93 with 192 channels,
 * and 0.95 to 1.06 with 512 and more, whose weights come from memory. */
#define WIDE_TILES_LEAST       16
#define WIDE_TILES_LEAST_LARGE 32
#define LARGE_MATRIX           (1 << 16) /* of weights, for each place of a tile */

/* What a group of tiles and their products may take in memory, and how many tiles it has at most. Larger
 * groups make larger products, which gains until tiles and products leave the cache between one step and the
 * next. */
#define GROUP_BYTES (17 << 20)
#define GROUP_MOST  1024

struct bt_convolution {
    bt_conv_shape shape;
    bt_cpu_level level;
    bt_primitive *primitive; /* the convolution, or the products */
    bool tiled;
    bt_winograd winograd; /* where tiled */
};

static bool tiles_pay(const bt_conv_shape *s) {
    const int fewest = s->channels < s->out_channels ? s->channels : s->out_channels,
              tiles = (s->height / 2) * (s->width / 2);
    if (s->kernel != 3 || s->stride != 1 || s->padding != 1 || s->type == BT_U8 || s->out_type != s->type ||
        bt_conv_groups(s) > 1 || bt_conv_dilation(s) > 1 || s->activation > BT_ACTIVATION_RELU)
        return false;
    if (s->type == BT_BF16)
        return s->channels >= CHANNELS_LEAST_BF16 && fewest >= CHANNELS_LEAST_BF16 * 2 / 3 &&
               tiles >= TILES_LEAST_BF16;
    return fewest >= CHANNELS_LEAST && tiles >= TILES_LEAST;
}

/* Of the square of outputs that a tile gives. */
static int side_that_pays(const bt_conv_shape *s) {
    const int two = ((s->height + 1) / 2) * ((s->width + 1) / 2),
              four = ((s->height + 3) / 4) * ((s->width + 3) / 4);
    const bool large = (int64_t)s->channels * s->out_channels > LARGE_MATRIX;
    if (s->type != BT_F32 || four < (large ? WIDE_TILES_LEAST_LARGE : WIDE_TILES_LEAST)) return 2;
    return four * bt_winograd_places(4) < two * bt_winograd_places(2) ? 4 : 2;
}

/* As many tiles as their memory may take, the groups about equal. */
static int group_of(const bt_winograd *w) {
    bt_winograd one = *w;
    one.pitch = 1;
    const int64_t tiles = bt_winograd_tiles(w);
    int64_t most = GROUP_BYTES / (int64_t)bt_winograd_lay_out(&one, NULL);
    if (most > GROUP_MOST) most = GROUP_MOST;
    if (most < 1) most = 1;
    const int64_t groups = (tiles + most - 1) / most;
    return (int)((tiles + groups - 1) / groups);
}

static bt_status open_tiled(bt_convolution *c, const float *weights, bt_packed *packed, bt_packed **fresh,
                            bt_error *error) {
    const bt_conv_shape *s = &c->shape;
    float *matrices = NULL;
    c->winograd = (bt_winograd){.batch = s->batch,
                                .height = s->height,
                                .width = s->width,
                                .channels = s->channels,
                                .out_channels = s->out_channels,
                                .side = side_that_pays(s),
                                .adds = s->adds,
                                .relu = s->activation == BT_ACTIVATION_RELU,
                                .type = s->type,
                                .threads = omp_get_max_threads()};
    c->winograd.group = group_of(&c->winograd);
    /* A row more costs less than sixteen rows in a cache's one set, and less than oneDNN's way with matrices
     * that lie apart. */
    c->winograd.pitch = c->winograd.group | 1;
    if (!packed) {
        matrices = malloc((size_t)bt_winograd_places(c->winograd.side) * (size_t)s->channels *
                          (size_t)s->out_channels * sizeof *matrices);
        if (!matrices) return bt_no_memory(error, "packing weights");
        bt_winograd_weights(matrices, weights, s->out_channels, s->channels, c->winograd.side,
                            c->winograd.threads);
    }
    const bt_product_shape products = {.count = bt_winograd_places(c->winograd.side),
                                       .rows = c->winograd.pitch,
                                       .inner = s->channels,
                                       .columns = s->out_channels,
                                       .type = s->type};
    bt_status status = bt_product_open(&c->primitive, &products, matrices, packed, fresh, error);
    free(matrices);
    return status;
}

bt_status bt_convolution_open(bt_convolution **out, const bt_conv_shape *shape, bt_cpu_level level,
                              const void *weights, bt_packed *packed, bt_packed **fresh, bt_error *error) {
    bt_convolution *c = calloc(1, sizeof *c);
    *out = NULL;
    *fresh = NULL;
    if (!c) return bt_no_memory(error, "a convolution");
    c->shape = *shape;
    c->level = level;
    c->tiled = tiles_pay(shape);
    bt_status status = c->tiled ? open_tiled(c, weights, packed, fresh, error)
                                : bt_conv_open(&c->primitive, shape, weights, packed, fresh, error);
    if (status != BT_OK)
        bt_convolution_close(&c);
    else
        *out = c;
    return status;
}

void bt_convolution_close(bt_convolution **c) {
    if (!c || !*c) return;
    bt_primitive_close(&(*c)->primitive);
    free(*c);
    *c = NULL;
}

size_t bt_convolution_scratch_bytes(const bt_convolution *c) {
    bt_winograd winograd = c->winograd;
    return bt_primitive_scratch_bytes(c->primitive) + (c->tiled ? bt_winograd_lay_out(&winograd, NULL) : 0);
}

void bt_convolution_text(const bt_convolution *c, char *text, size_t size) {
    const bt_conv_shape *s = &c->shape;
    char tiles[32] = "";
    if (c->tiled)
        snprintf(tiles, sizeof tiles, "winograd %d x %d, %d tiles, ", c->winograd.side, c->winograd.side,
                 c->winograd.group);
    snprintf(text, size, "conv %dx%d/%d %d>%d %dx%d %s%s%s%s", s->kernel, s->kernel, s->stride, s->channels,
             s->out_channels, bt_conv_out_size(s->height, s), bt_conv_out_size(s->width, s),
             s->adds ? "added, " : "", s->activation != BT_ACTIVATION_NONE ? "activated, " : "", tiles,
             bt_primitive_name(c->primitive));
}

void bt_convolution_bind(bt_convolution *c, void *x, const float *bias, void *out, void *scratch) {
    bt_winograd *winograd = &c->winograd;
    if (!c->tiled) {
        bt_primitive_bind(c->primitive, x, bias, out, scratch);
        return;
    }
    char *rest = (char *)scratch + bt_winograd_lay_out(winograd, scratch);
    winograd->x = x;
    winograd->bias = bias;
    winograd->out = out;
    bt_primitive_bind(c->primitive, winograd->tiles, NULL, winograd->products, rest);
}

bt_status bt_convolution_run(const bt_convolution *c, bt_error *error) {
    const bt_winograd *winograd = &c->winograd;
    bt_status status = BT_OK;
    if (!c->tiled) return bt_primitive_run(c->primitive, error);
    for (int64_t first = 0; first < bt_winograd_tiles(winograd) && status == BT_OK;
         first += winograd->group) {
        bt_winograd_read(winograd, first, c->level);
        status = bt_primitive_run(c->primitive, error);
        if (status == BT_OK) bt_winograd_write(winograd, first, c->level);
    }
    return status;
}
