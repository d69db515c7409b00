/* Tiles, their products and back are the 3 x 3 convolution, whatever the size, the groups and the level. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <math.h>
#include <stdlib.h>

#include "base/random.h"
#include "kernels/winograd.h"

#define SEEDS 60

typedef struct layer {
    bt_winograd w;
    float *x, *out, *weights, *bias, *matrices;
    void *room;
} layer;

static float *some(bt_random *random, size_t count) {
    float *values = malloc(count * sizeof *values);
    assert_non_null(values);
    for (size_t i = 0; i < count; i++)
        values[i] = (float)bt_random_normal(random);
    return values;
}

static layer some_layer(uint64_t seed) {
    bt_random random = bt_random_stream(seed, "winograd");
#define BELOW(bound) ((int)bt_random_below(&random, bound))
    layer l = {.w = {.batch = 1 + BELOW(3),
                     .height = 1 + BELOW(9),
                     .width = 1 + BELOW(9),
                     .channels = 1 + BELOW(40),
                     .out_channels = 1 + BELOW(40),
                     .side = seed % 2 ? 4 : 2,
                     .threads = 1}};
    l.w.group = 1 + BELOW((uint64_t)bt_winograd_tiles(&l.w) + 4);
    l.w.pitch = l.w.group + BELOW(3);
#undef BELOW
    const size_t pixels = (size_t)(l.w.batch * l.w.height * l.w.width), in = (size_t)l.w.channels,
                 out = (size_t)l.w.out_channels;
    l.x = some(&random, pixels * in);
    l.out = some(&random, pixels * out);
    l.weights = some(&random, out * in * 9);
    l.bias = some(&random, out);
    l.matrices = some(&random, (size_t)bt_winograd_places(l.w.side) * in * out);
    l.room = aligned_alloc(64, bt_winograd_lay_out(&l.w, NULL));
    assert_non_null(l.room);
    bt_winograd_lay_out(&l.w, l.room);
    l.w.x = l.x;
    l.w.out = l.out;
    l.w.bias = seed % 3 ? l.bias : NULL;
    bt_winograd_weights(l.matrices, l.weights, l.w.out_channels, l.w.channels, l.w.side, 1);
    return l;
}

static void close_layer(layer *l) {
    free(l->x);
    free(l->out);
    free(l->weights);
    free(l->bias);
    free(l->matrices);
    free(l->room);
}

static void multiply(const layer *l) {
    const bt_winograd *w = &l->w;
    for (int row = 0; row < bt_winograd_places(w->side) * w->pitch; row++)
        for (int o = 0; o < w->out_channels; o++) {
            const float *tile = (const float *)w->tiles + (size_t)(row * w->channels);
            double sum = 0;
            for (int c = 0; c < w->channels; c++)
                sum += (double)tile[c] *
                       (double)l->matrices[(row / w->pitch * w->channels + c) * w->out_channels + o];
            w->products[row * w->out_channels + o] = (float)sum;
        }
}

static double convolved(const layer *l, int image, int row, int column, int o) {
    const bt_winograd *w = &l->w;
    double sum = w->bias ? (double)w->bias[o] : 0;
    for (int i = 0; i < 9; i++) {
        const int y = row + i / 3 - 1, x = column + i % 3 - 1;
        if (y < 0 || y >= w->height || x < 0 || x >= w->width) continue;
        for (int c = 0; c < w->channels; c++)
            sum += (double)l->x[((image * w->height + y) * w->width + x) * w->channels + c] *
                   (double)l->weights[(o * w->channels + c) * 9 + i];
    }
    return sum;
}

static void it_is_the_convolution(void **state) {
    (void)state;
    for (uint64_t seed = 1; seed <= SEEDS; seed++)
        for (bt_cpu_level level = BT_CPU_PORTABLE; level <= bt_cpu_best_level(); level++) {
            layer l = some_layer(seed);
            for (int64_t first = 0; first < bt_winograd_tiles(&l.w); first += l.w.group) {
                bt_winograd_read(&l.w, first, level);
                multiply(&l);
                bt_winograd_write(&l.w, first, level);
            }
            double worst = 0;
            for (int i = 0; i < l.w.batch * l.w.height * l.w.width * l.w.out_channels; i++) {
                const int pixel = i / l.w.out_channels, row = pixel / l.w.width;
                worst =
                    fmax(worst, fabs((double)l.out[i] - convolved(&l, row / l.w.height, row % l.w.height,
                                                                  pixel % l.w.width, i % l.w.out_channels)));
            }
            if (!(worst < 1e-4))
                fail_msg("seed %llu, %s: %d x %d x %d, %d channels to %d, side %d, groups of %d: off by %g",
                         (unsigned long long)seed, bt_cpu_level_name(level), l.w.batch, l.w.height, l.w.width,
                         l.w.channels, l.w.out_channels, l.w.side, l.w.group, worst);
            close_layer(&l);
        }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(it_is_the_convolution),
    };
    return cmocka_run_group_tests_name("kernels/winograd", tests, NULL, NULL);
}
