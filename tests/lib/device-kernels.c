#include "device-kernels.h"

#include <math.h>
#include <stdio.h>

#include "image/resize.h"

/* ---- cases: each draws its sizes, runs the kernel, and compares ---- */

static void try_norm(device_case *c) {
    static const double means[] = {0, 1, 30, 300};
    static const int pixels[] = {1, 2, 7, 60, 300, 1100, 5000};
    bt_norm norm = {.batch = 1 + below(c, 3),
                    .channels = some_channels(c),
                    .pixels = pixels[below(c, 7)] + below(c, 3),
                    .epsilon = 1e-5f,
                    .type = c->type,
                    .out_type = c->type,
                    .residual_type = c->type,
                    .relu = below(c, 2)};
    if (norm.pixels > 1000 && norm.channels > 130) norm.batch = 1, norm.channels = 200;
    const size_t channels = (size_t)norm.channels, all = (size_t)norm.batch * (size_t)norm.pixels;
    const double mean = means[below(c, 4)];
    const bool residual = below(c, 2), in_place = below(c, 2);
    tensor x = around(c, all * channels, c->type, mean, 1), more = activations(c, all * channels),
           scale = numbers(c, channels), offset = numbers(c, channels),
           out = unwritten(c, all * channels, c->type);
    double *wanted = doubles(c, all * channels);
    snprintf(c->text, sizeof c->text, "%d x %lld pixels, %d channels around %g%s%s%s", norm.batch,
             (long long)norm.pixels, norm.channels, mean, residual ? ", residual" : "",
             norm.relu ? ", ReLU" : "", in_place ? ", in place" : "");
    norm.scale = scale.at;
    norm.offset = offset.at;
    bt_norm reference = norm;
    reference.x = x.values;
    reference.residual = residual ? more.values : NULL;
    reference.type = reference.out_type = reference.residual_type = BT_F32;
    bt_norm_reference(&reference, wanted);
    norm.x = x.at;
    norm.residual = residual ? more.at : NULL;
    norm.out = in_place ? x.at : out.at;
    runs(c, c->table->norm(&norm, garbage(c, c->table->norm_scratch(&norm)), c->stream));
    compare(c, norm.out, c->type, channels, channels, all, wanted);
    if (in_place) return;
    for (size_t i = 0; i < all * channels; i++)
        c->overrun |= !(value_of(x.at, c->type, i) == x.values[i]);
}

static void try_sum(device_case *c) {
    bt_sum sum = {.input_count = 1 + below(c, BT_SUM_MOST),
                  .batch = 1 + below(c, 3),
                  .channels = some_channels(c),
                  .height = 1 + below(c, 40),
                  .width = 1 + below(c, 40),
                  .type = c->type,
                  .out_type = c->type,
                  .relu = below(c, 2)};
    const size_t channels = (size_t)sum.channels, pixels = (size_t)(sum.batch * sum.height * sum.width);
    bt_sum reference = sum;
    reference.type = reference.out_type = BT_F32;
    sum.out_stride = channels + (size_t)(below(c, 2) * 8 * below(c, 3)) + (size_t)(below(c, 3) == 0);
    int same_count = 0;
    for (int i = 0; i < sum.input_count; i++) {
        const bool same = below(c, 2);
        bt_sum_input *input = &sum.inputs[i];
        input->height = same ? sum.height : 1 + below(c, 45);
        input->width = same ? sum.width : 1 + below(c, 45);
        input->type = c->type;
        tensor x = activations(c, (size_t)(sum.batch * input->height * input->width) * channels);
        input->x = x.at;
        reference.inputs[i] = *input;
        reference.inputs[i].x = x.values;
        reference.inputs[i].type = BT_F32;
        if (same) same_count++, sum.out = x.at;
    }
    const bool in_place = same_count > 0 && below(c, 2);
    if (in_place)
        sum.out_stride = channels;
    else
        sum.out = unwritten(c, pixels * sum.out_stride, c->type).at;
    double *wanted = doubles(c, pixels * channels);
    snprintf(c->text, sizeof c->text, "%d x %d x %d, %d channels of %zu, %d inputs%s%s", sum.batch,
             sum.height, sum.width, sum.channels, sum.out_stride, sum.input_count, sum.relu ? ", ReLU" : "",
             in_place ? ", in place" : "");
    bt_sum_reference(&reference, wanted);
    runs(c, c->table->sum(&sum, c->stream));
    compare(c, sum.out, c->type, sum.out_stride, channels, pixels, wanted);
    compare_gaps(c, sum.out, c->type, sum.out_stride, channels, pixels);
}

static void try_pool(device_case *c) {
    bt_pool pool = {
        .batch = 1 + below(c, 3), .channels = some_channels(c), .size = 1 + below(c, 3), .type = c->type};
    pool.height = pool.size * (1 + below(c, 12));
    pool.width = pool.size * (1 + below(c, 12));
    const size_t channels = (size_t)pool.channels,
                 pixels = (size_t)(pool.batch * (pool.height / pool.size) * (pool.width / pool.size));
    tensor x = activations(c, (size_t)(pool.batch * pool.height * pool.width) * channels);
    double *wanted = doubles(c, pixels * channels);
    snprintf(c->text, sizeof c->text, "%d x %d x %d by %d, %d channels", pool.batch, pool.height, pool.width,
             pool.size, pool.channels);
    bt_pool reference = pool;
    reference.x = x.values;
    reference.type = BT_F32;
    bt_pool_reference(&reference, wanted);
    pool.x = x.at;
    pool.out = unwritten(c, pixels * channels, c->type).at;
    runs(c, c->table->pool(&pool, c->stream));
    compare(c, pool.out, c->type, channels, channels, pixels, wanted);
}

static void try_scale(device_case *c) {
    bt_scale scale = {.batch = 1 + below(c, 3),
                      .channels = some_channels(c),
                      .pixels = 1 + below(c, below(c, 4) ? 300 : 3000),
                      .type = c->type};
    const size_t channels = (size_t)scale.channels, pixels = (size_t)scale.batch * (size_t)scale.pixels;
    const bool in_place = below(c, 2);
    tensor x = activations(c, pixels * channels), pixel = numbers(c, pixels),
           channel = numbers(c, (size_t)scale.batch * channels);
    scale.out_stride = channels + (in_place ? 0 : (size_t)(below(c, 2) * 8 * below(c, 3) + below(c, 2)));
    scale.out = in_place ? x.at : unwritten(c, pixels * scale.out_stride, c->type).at;
    if (below(c, 3)) scale.channel = channel.at;
    if (below(c, 3)) scale.pixel = pixel.at;
    double *wanted = doubles(c, pixels * channels);
    snprintf(c->text, sizeof c->text, "%d x %lld pixels, %d channels of %zu%s%s%s", scale.batch,
             (long long)scale.pixels, scale.channels, scale.out_stride, scale.channel ? ", by channel" : "",
             scale.pixel ? ", by pixel" : "", in_place ? ", in place" : "");
    bt_scale reference = scale;
    reference.x = x.values;
    reference.channel = scale.channel ? channel.values : NULL;
    reference.pixel = scale.pixel ? pixel.values : NULL;
    reference.type = BT_F32;
    bt_scale_reference(&reference, wanted);
    scale.x = x.at;
    runs(c, c->table->scale(&scale, c->stream));
    compare(c, scale.out, c->type, scale.out_stride, channels, pixels, wanted);
    compare_gaps(c, scale.out, c->type, scale.out_stride, channels, pixels);
}

static void try_dot(device_case *c) {
    bt_dot dot = {.pixels = 1 + below(c, 2000), .channels = some_channels(c), .bias = 0.75F, .type = c->type};
    const size_t pixels = (size_t)dot.pixels;
    tensor x = activations(c, pixels * (size_t)dot.channels), weight = numbers(c, (size_t)dot.channels);
    double *wanted = doubles(c, pixels);
    snprintf(c->text, sizeof c->text, "%lld pixels, %d channels", (long long)dot.pixels, dot.channels);
    bt_dot reference = dot;
    reference.x = x.values;
    reference.weight = weight.values;
    reference.type = BT_F32;
    bt_dot_reference(&reference, wanted);
    dot.x = x.at;
    dot.weight = weight.at;
    dot.out = unwritten(c, pixels, BT_F32).at;
    runs(c, c->table->dot(&dot, c->stream));
    compare(c, dot.out, BT_F32, 1, 1, pixels, wanted);
}

static void try_sigmoid(device_case *c) {
    const size_t count = (size_t)(1 + below(c, 5000));
    tensor values = around(c, count, BT_F32, 0, 30);
    double *wanted = doubles(c, count);
    for (size_t i = 0; i < count; i++)
        wanted[i] = 1 / (1 + exp(-(double)values.values[i]));
    snprintf(c->text, sizeof c->text, "%zu values", count);
    runs(c, c->table->sigmoid(values.at, count, c->stream));
    compare(c, values.at, BT_F32, 1, 1, count, wanted);
}

static void try_interleave(device_case *c) {
    bt_interleave i = {
        .batch = 1 + below(c, 3), .channels = 1 + below(c, 9), .pixels = 1 + below(c, 900), .type = c->type};
    i.out_channels = below(c, 2) ? i.channels + below(c, 9) : (i.channels + 7) / 8 * 8;
    const size_t channels = (size_t)i.channels, wide = (size_t)i.out_channels, pixels = (size_t)i.pixels,
                 all = (size_t)i.batch * pixels;
    tensor planes = numbers(c, all * channels);
    double *wanted = doubles(c, all * wide);
    snprintf(c->text, sizeof c->text, "%d x %lld pixels, %d channels to %d", i.batch, (long long)i.pixels,
             i.channels, i.out_channels);
    for (size_t p = 0; p < all; p++)
        for (size_t k = 0; k < wide; k++)
            wanted[p * wide + k] =
                k < channels ? (double)planes.values[(p / pixels * channels + k) * pixels + p % pixels] : 0;
    i.planes = planes.at;
    i.out = unwritten(c, all * wide, c->type).at;
    runs(c, c->table->interleave(&i, c->stream));
    compare(c, i.out, c->type, wide, wide, all, wanted);
}

static void try_unfold(device_case *c) {
    bt_unfold u = {.batch = 1 + below(c, 3),
                   .channels = some_channels(c),
                   .height = 1 + below(c, 14),
                   .width = 1 + below(c, 14),
                   .size = 1 + below(c, 3),
                   .type = c->type};
    const size_t size = (size_t)u.size, channels = (size_t)u.channels, width = (size_t)u.width,
                 pixels = (size_t)(u.batch * u.height) * width * size * size;
    const bool twice = below(c, 2), biased = below(c, 2);
    tensor x = activations(c, pixels * channels), bias = numbers(c, channels);
    double *wanted = doubles(c, pixels * channels);
    snprintf(c->text, sizeof c->text, "%d x %d x %d by %d, %d channels%s%s", u.batch, u.height, u.width,
             u.size, u.channels, twice ? ", twice" : "", biased ? ", with a bias" : "");
    for (size_t p = 0; p < pixels; p++) {
        const size_t down = p / (width * size), along = p % (width * size);
        const size_t from =
            (down / size * width + along / size) * size * size + down % size * size + along % size;
        for (size_t i = 0; i < channels; i++)
            wanted[p * channels + i] =
                (double)x.values[from * channels + i] + (biased ? (double)bias.values[i] : 0);
    }
    u.x = x.at;
    u.bias = biased ? bias.at : NULL;
    u.out = unwritten(c, pixels * channels, c->type).at;
    u.second_stride = channels + (size_t)(8 * below(c, 3) + below(c, 2));
    u.second_out = twice ? unwritten(c, pixels * u.second_stride, c->type).at : NULL;
    runs(c, c->table->unfold(&u, c->stream));
    compare(c, u.out, c->type, channels, channels, pixels, wanted);
    if (!twice) return;
    compare(c, u.second_out, c->type, u.second_stride, channels, pixels, wanted);
    compare_gaps(c, u.second_out, c->type, u.second_stride, channels, pixels);
}

/* Sizes above the output's and below; long rows take several strips. */
static void try_prepare(device_case *c) {
    static const int sides[] = {1, 2, 9, 40, 64, 90};
    bt_cuda_prepare p = {.batch = 1 + below(c, 2),
                         .height = 1 + below(c, 40),
                         .width = 1 + below(c, below(c, 6) ? 40 : 600),
                         .out_channels = below(c, 2) ? 8 : 3 + below(c, 6),
                         .type = c->type,
                         .mean = {0.485F, 0.456F, 0.406F},
                         .deviation = {0.229F, 0.224F, 0.225F}};
    const bool same = below(c, 3) == 0;
    p.in_height = same ? p.height : sides[below(c, 6)];
    p.in_width = same ? p.width : below(c, 8) ? sides[below(c, 6)] : 4500;
    const size_t in = (size_t)(p.in_height * p.in_width * 3), out = (size_t)(p.height * p.width),
                 wide = (size_t)p.out_channels;
    unsigned char *pixels = garbage(c, (size_t)p.batch * in);
    for (size_t i = 0; i < (size_t)p.batch * in; i++)
        pixels[i] = (unsigned char)below(c, 256);
    float *planar = garbage(c, 3 * out * sizeof(float));
    const int side = p.in_height > p.in_width ? p.in_height : p.in_width;
    void *room = garbage(c, bt_image_scratch_bytes(side, p.height, p.width));
    double *wanted = doubles(c, (size_t)p.batch * out * wide);
    snprintf(c->text, sizeof c->text, "%d x %d x %d to %d x %d, %d channels", p.batch, p.in_height,
             p.in_width, p.height, p.width, p.out_channels);
    for (size_t n = 0; n < (size_t)p.batch; n++) {
        bt_image_prepare(pixels + n * in, p.in_height, p.in_width, NULL, planar, p.height, p.width, 1, room);
        for (size_t i = 0; i < out * wide; i++)
            wanted[n * out * wide + i] = i % wide < 3 ? (double)planar[i % wide * out + i / wide] : 0;
    }
    p.pixels = pixels;
    p.out = unwritten(c, (size_t)p.batch * out * wide, c->type).at;
    runs(c, c->table->prepare(&p, c->stream));
    compare(c, p.out, c->type, wide, wide, (size_t)p.batch * out, wanted);
}

static void try_channel_attention(device_case *c) {
    bt_channel_attention a = {.batch = 1 + below(c, 3),
                              .channels = below(c, 20) ? some_channels(c) : 1100,
                              .hidden = 1 + below(c, below(c, 4) ? 12 : 70),
                              .height = 1 + below(c, below(c, 4) ? 20 : 64),
                              .width = 1 + below(c, below(c, 4) ? 20 : 64),
                              .type = c->type};
    if (a.channels > 130) a.height = 1 + a.height % 16, a.hidden = 1 + a.hidden % 9;
    const size_t factors = (size_t)(a.batch * a.channels), weights = (size_t)(a.hidden * a.channels);
    tensor x = activations(c, factors * (size_t)(a.height * a.width)), squeeze = numbers(c, weights),
           expand = numbers(c, weights);
    double *wanted = doubles(c, factors);
    snprintf(c->text, sizeof c->text, "%d x %d x %d, %d channels, %d hidden", a.batch, a.height, a.width,
             a.channels, a.hidden);
    bt_channel_attention reference = a;
    reference.x = x.values;
    reference.squeeze = squeeze.values;
    reference.expand = expand.values;
    reference.type = BT_F32;
    bt_channel_attention_reference(&reference, wanted);
    a.x = x.at;
    a.squeeze = squeeze.at;
    a.expand = expand.at;
    a.factors = unwritten(c, factors, BT_F32).at;
    runs(c, c->table->channel_attention(&a, garbage(c, c->table->channel_attention_scratch(&a)), c->stream));
    compare(c, a.factors, BT_F32, 1, 1, factors, wanted);
}

/* Sevens mostly, which have a kernel of their own, over more than a tile each way. */
static void try_spatial_attention(device_case *c) {
    bt_spatial_attention a = {.batch = 1 + below(c, 3),
                              .channels = some_channels(c),
                              .height = 1 + below(c, below(c, 4) ? 20 : 80),
                              .width = 1 + below(c, below(c, 4) ? 20 : 80),
                              .kernel = below(c, 3) ? 7 : 1 + 2 * below(c, 5),
                              .type = c->type};
    if (a.height * a.width > 900) a.batch = 1, a.channels = 1 + a.channels % 24;
    const size_t pixels = (size_t)(a.batch * a.height * a.width), channels = (size_t)a.channels;
    tensor x = activations(c, pixels * channels), channel = numbers(c, (size_t)a.batch * channels),
           weight = numbers(c, (size_t)(2 * a.kernel * a.kernel));
    double *wanted = doubles(c, pixels);
    const bool weighed = below(c, 2);
    snprintf(c->text, sizeof c->text, "%d x %d x %d, %d channels, kernel %d%s", a.batch, a.height, a.width,
             a.channels, a.kernel, weighed ? ", weighed" : "");
    bt_spatial_attention reference = a;
    reference.x = x.values;
    reference.channel = weighed ? channel.values : NULL;
    reference.weight = weight.values;
    reference.type = BT_F32;
    bt_spatial_attention_reference(&reference, wanted);
    a.x = x.at;
    a.channel = weighed ? channel.at : NULL;
    a.weight = weight.at;
    a.factors = unwritten(c, pixels, BT_F32).at;
    runs(c, c->table->spatial_attention(&a, garbage(c, c->table->spatial_attention_scratch(&a)), c->stream));
    compare(c, a.factors, BT_F32, 1, 1, pixels, wanted);
}

/* One output pixel's sums, every output channel; `weights` is out x kernel x kernel x channels. */
static void convolve(const bt_cuda_conv_shape *s, const float *x, const float *weights, int row, int column,
                     double *sums) {
    const size_t channels = (size_t)s->channels, taps = (size_t)(s->kernel * s->kernel);
    for (size_t o = 0; o < (size_t)s->out_channels; o++) {
        sums[o] = 0;
        for (size_t t = 0; t < taps; t++) {
            const int i = row * s->stride + (int)t / s->kernel - s->padding,
                      j = column * s->stride + (int)t % s->kernel - s->padding;
            if (i < 0 || i >= s->height || j < 0 || j >= s->width) continue;
            for (size_t k = 0; k < channels; k++)
                sums[o] += (double)x[(size_t)(i * s->width + j) * channels + k] *
                           (double)weights[(o * taps + t) * channels + k];
        }
    }
}

/* As the networks have them: channels in eights, squares of one and three pixels, every second pixel or all. */
static void try_convolution(device_case *c) {
    bt_cuda_conv_shape s = {.batch = 1 + below(c, 2),
                            .channels = 8 * (1 + below(c, 8)),
                            .height = 3 + below(c, 14),
                            .width = 3 + below(c, 14),
                            .out_channels = 8 * (1 + below(c, 8)),
                            .kernel = below(c, 3) ? 3 : 1,
                            .stride = 1 + below(c, 2),
                            .type = c->type};
    s.padding = s.kernel / 2;
    const int height = (s.height - 1) / s.stride + 1, width = (s.width - 1) / s.stride + 1;
    const size_t image = (size_t)(s.height * s.width * s.channels), outs = (size_t)s.out_channels,
                 pixels = (size_t)(s.batch * height * width);
    bt_cuda_conv *conv = NULL;
    c->skewed = false; /* a plan's tensors never are */
    tensor x = activations(c, (size_t)s.batch * image),
           weights = around(c, outs * (size_t)(s.kernel * s.kernel * s.channels), c->type, 0, 0.2),
           out = unwritten(c, pixels * outs, c->type);
    double *wanted = doubles(c, pixels * outs);
    snprintf(c->text, sizeof c->text, "%d x %d x %d, %d to %d channels, %dx%d, every %d", s.batch, s.height,
             s.width, s.channels, s.out_channels, s.kernel, s.kernel, s.stride);
    for (size_t p = 0; p < pixels; p++) {
        const int row = (int)p / width % height, column = (int)p % width;
        convolve(&s, x.values + p / (size_t)(height * width) * image, weights.values, row, column,
                 wanted + p * outs);
    }
    runs(c, c->table->open_conv(c->context, &conv, &s, (size_t)64 << 20));
    if (c->code != 0) return;
    void *workspace = garbage(c, c->table->choice(conv)->workspace);
    runs(c, c->table->conv(conv, x.at, weights.at, out.at, workspace, c->stream));
    compare(c, out.at, c->type, outs, outs, pixels, wanted);
    c->table->close_conv(conv);
}

const device_kernel device_kernels[DEVICE_KERNELS] = {
    {"convolution", try_convolution},
    {"norm", try_norm},
    {"sum", try_sum},
    {"pool", try_pool},
    {"scale", try_scale},
    {"sigmoid", try_sigmoid},
    {"dot", try_dot},
    {"interleave", try_interleave},
    {"unfold", try_unfold},
    {"prepare", try_prepare},
    {"channel attention", try_channel_attention},
    {"spatial attention", try_spatial_attention},
};
