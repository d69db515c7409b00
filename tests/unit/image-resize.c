/* bt_image_prepare and bt_image_mask against what Pillow's BILINEAR resize of a float image gives (computed
 * once, kept here), against a reference in double, and against what must hold of any resize. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>
#include <math.h>

#include "base/random.h"
#include "image/normalize.h"
#include "image/resize.h"

typedef struct resized {
    int from_height, from_width, height, width;
    float expected[64];
} resized;

/* Of the picture whose value at (y, x) is pixel(y, x): shrunk, enlarged, and one of each. */
static const resized pillow[] = {
    {5,
     7,
     3,
     4,
     {66.4422f, 145.0457f, 132.8457f, 128.0748f, 125.1164f, 120.4756f, 162.8622f, 112.3810f, 126.1497f,
      121.5371f, 125.6514f, 148.9048f}},
    {4, 3, 7, 8, {0.0000f,   5.6875f,   39.8125f,  73.9375f,  108.0625f, 142.1875f, 176.3125f, 182.0000f,
                  13.2143f,  19.1920f,  55.0580f,  90.9241f,  126.7902f, 162.6562f, 198.5223f, 204.5000f,
                  34.3571f,  40.7991f,  79.4509f,  118.1027f, 156.7545f, 195.4062f, 234.0580f, 240.5000f,
                  55.5000f,  62.4062f,  103.8438f, 145.2812f, 162.7188f, 156.1562f, 149.5938f, 148.5000f,
                  76.6429f,  84.0134f,  128.2366f, 172.4598f, 167.8125f, 114.2946f, 60.7768f,  51.8571f,
                  97.7857f,  105.6205f, 152.6295f, 199.6384f, 190.8125f, 126.1518f, 61.4911f,  50.7143f,
                  111.0000f, 119.1250f, 167.8750f, 216.6250f, 205.1875f, 133.5625f, 61.9375f,  50.0000f}},
    {9,
     2,
     2,
     9,
     {80.7747f, 80.7747f, 84.0970f, 97.3865f, 110.6761f, 123.9656f, 137.2551f, 140.5775f, 140.5775f,
      121.4789f, 121.4789f, 120.0751f, 114.4601f, 108.8451f, 103.2300f, 97.6150f, 96.2113f, 96.2113f}},
};
#define PILLOW_COUNT (sizeof pillow / sizeof *pillow)

static int pixel(int y, int x) {
    return (37 * y + 91 * x + (x * y) % 5 * 13) % 256;
}

static void prepared_as_pillow_resizes(void **state) {
    (void)state;
    for (size_t i = 0; i < PILLOW_COUNT; i++) {
        const resized *r = &pillow[i];
        int plane = r->height * r->width;
        uint8_t rgb[3 * 64];
        float planar[3 * 64];
        void *scratch = malloc(bt_image_scratch_bytes(16, r->height, r->width));
        for (int k = 0; k < r->from_height * r->from_width; k++)
            for (int c = 0; c < 3; c++)
                rgb[3 * k + c] = (uint8_t)(c == 1 ? 255 - pixel(k / r->from_width, k % r->from_width)
                                                  : pixel(k / r->from_width, k % r->from_width));
        bt_image_prepare(rgb, r->from_height, r->from_width, NULL, planar, r->height, r->width, 1, scratch);
        for (int c = 0; c < 3; c++)
            for (int k = 0; k < plane; k++) {
                float bytes = c == 1 ? 255 - r->expected[k] : r->expected[k];
                float expected = (bytes / 255 - bt_image_imagenet.mean[c]) / bt_image_imagenet.std[c];
                assert_float_equal(planar[c * plane + k], expected, 1e-5);
            }
        free(scratch);
    }
}

static void masks_as_pillow_resizes(void **state) {
    (void)state;
    for (size_t i = 0; i < PILLOW_COUNT; i++) {
        const resized *r = &pillow[i];
        int from = r->from_height * r->from_width, plane = r->height * r->width;
        float logits[64], probabilities[64];
        uint8_t mask[64];
        void *scratch = malloc(bt_image_scratch_bytes(16, r->from_height, r->from_width));
        for (int k = 0; k < from; k++) {
            double p = (pixel(k / r->from_width, k % r->from_width) + 0.5) / 256.5;
            logits[k] = (float)log(p / (1 - p));
        }
        bt_image_mask(logits, BT_OUTPUT_LOGITS, r->from_height, r->from_width, 0.45f, mask, probabilities,
                      r->height, r->width, 1, scratch);
        for (int k = 0; k < plane; k++) {
            float expected = (r->expected[k] + 0.5f) / 256.5f;
            assert_float_equal(probabilities[k], expected, 1e-5);
            assert_int_equal(mask[k], expected > 0.45f);
        }
        free(scratch);
    }
}

/* A network whose sigmoid is its own: the same mask and probabilities as of its logits, and what rounding put
 * outside [0, 1] is back inside. */
static void probabilities_are_taken_as_they_are(void **state) {
    (void)state;
    enum { FROM = 9, TO = 23 };
    float given[FROM * FROM], logits[FROM * FROM], of_given[TO * TO], of_logits[TO * TO];
    uint8_t mask[TO * TO], wanted[TO * TO];
    void *scratch = malloc(bt_image_scratch_bytes(TO, FROM, FROM));
    for (int k = 0; k < FROM * FROM; k++) {
        given[k] = (float)(k + 1) / (FROM * FROM + 1);
        logits[k] = logf(given[k] / (1 - given[k]));
    }
    bt_image_mask(given, BT_OUTPUT_PROBABILITIES, FROM, FROM, 0.4f, mask, of_given, TO, TO, 2, scratch);
    bt_image_mask(logits, BT_OUTPUT_LOGITS, FROM, FROM, 0.4f, wanted, of_logits, TO, TO, 2, scratch);
    assert_memory_equal(mask, wanted, sizeof mask);
    for (int k = 0; k < TO * TO; k++)
        assert_float_equal(of_given[k], of_logits[k], 1e-5);
    given[0] = -0.01f, given[1] = 1.01f, given[2] = 0.5f;
    bt_image_mask(given, BT_OUTPUT_PROBABILITIES, FROM, FROM, 0.4f, NULL, of_given, FROM, FROM, 1, scratch);
    assert_true(of_given[0] == 0 && of_given[1] == 1 && of_given[2] == 0.5f);
    free(scratch);
}

static void equal_sizes_are_only_normalised(void **state) {
    uint8_t rgb[3 * 6];
    float planar[18], expected[18];
    (void)state;
    for (int i = 0; i < 18; i++)
        rgb[i] = (uint8_t)(i * 13);
    void *scratch = malloc(bt_image_scratch_bytes(3, 2, 3));
    bt_image_normalize(rgb, 2, 3, NULL, expected);
    bt_image_prepare(rgb, 2, 3, NULL, planar, 2, 3, 1, scratch);
    assert_memory_equal(planar, expected, sizeof planar);
    free(scratch);
}

/* Every size against every other: a constant stays the constant, and what is within the scratch stays within
 * (the sanitizers watch). */
static void a_constant_stays_constant(void **state) {
    static const int sizes[] = {1, 2, 3, 7, 31, 64};
    (void)state;
    for (int i = 0; i < 6; i++)
        for (int j = 0; j < 6; j++) {
            int from = sizes[i], to = sizes[j];
            uint8_t *rgb = malloc(3 * (size_t)from * from), *mask = malloc((size_t)from * from);
            float *planar = malloc(3 * (size_t)to * to * sizeof *planar);
            float *logits = malloc((size_t)to * to * sizeof *logits);
            void *scratch = malloc(bt_image_scratch_bytes(from, to, to));
            for (int k = 0; k < 3 * from * from; k++)
                rgb[k] = 100;
            bt_image_prepare(rgb, from, from, NULL, planar, to, to, 1, scratch);
            for (int k = 0; k < 3 * to * to; k++) {
                int c = k / (to * to);
                assert_float_equal(
                    planar[k], (100 / 255.0f - bt_image_imagenet.mean[c]) / bt_image_imagenet.std[c], 1e-5);
            }
            for (int k = 0; k < to * to; k++)
                logits[k] = 1;
            bt_image_mask(logits, BT_OUTPUT_LOGITS, to, to, 0.7f, mask, NULL, from, from, 1, scratch);
            for (int k = 0; k < from * from; k++)
                assert_int_equal(mask[k], 1); /* sigmoid(1) = 0.731 */
            free(rgb), free(mask), free(planar), free(logits), free(scratch);
        }
}

/* ---- against a straightforward reference, in double ---- */

/* weights[i * in + k] is what output i of a direction weighs input k by: a triangle around its centre, over a
 * sum of 1. */
static double *weights_of(int in, int out) {
    double *weights = malloc((size_t)in * (size_t)out * sizeof *weights), *w = weights;
    double scale = (double)in / out, radius = scale > 1 ? scale : 1;
    for (int i = 0; i < out; i++, w += in) {
        double sum = 0;
        for (int k = 0; k < in; k++) {
            w[k] = fmax(0, 1 - fabs(k + 0.5 - (i + 0.5) * scale) / radius);
            sum += w[k];
        }
        for (int k = 0; k < in; k++)
            w[k] /= sum;
    }
    return weights;
}

/* A plane of in_height x in_width, every output the sum over every input. */
static double *resized_plane(const double *in, int in_height, int in_width, int height, int width) {
    double *down = weights_of(in_height, height), *across = weights_of(in_width, width);
    double *rows = calloc((size_t)height * (size_t)in_width, sizeof *rows);
    double *out = calloc((size_t)height * (size_t)width, sizeof *out);
    for (int y = 0; y < height; y++)
        for (int k = 0; k < in_height; k++) {
            double w = down[(size_t)y * (size_t)in_height + (size_t)k];
            for (int x = 0; x < in_width && w > 0; x++)
                rows[(size_t)y * (size_t)in_width + (size_t)x] +=
                    w * in[(size_t)k * (size_t)in_width + (size_t)x];
        }
    for (int y = 0; y < height; y++)
        for (int x = 0; x < width; x++)
            for (int k = 0; k < in_width; k++)
                out[(size_t)y * (size_t)width + (size_t)x] +=
                    across[(size_t)x * (size_t)in_width + (size_t)k] *
                    rows[(size_t)y * (size_t)in_width + (size_t)k];
    free(down), free(across), free(rows);
    return out;
}

typedef struct sizes {
    int from_height, from_width, height, width;
} sizes;

/* Odd ones, single pixels and single rows, both directions; the last are worth several threads. */
static const sizes all_sizes[] = {
    {1, 1, 1, 1},     {1, 1, 5, 7},     {7, 5, 1, 1},     {1, 90, 3, 40},      {90, 1, 40, 3},
    {2, 3, 3, 2},     {13, 17, 17, 13}, {31, 64, 32, 32}, {64, 31, 32, 32},    {33, 33, 32, 32},
    {100, 37, 9, 70}, {37, 100, 70, 9}, {5, 1500, 8, 8},  {997, 1201, 31, 64}, {60, 70, 1500, 1401},
};
#define SIZES_COUNT (sizeof all_sizes / sizeof *all_sizes)

/* ThreadSanitizer does not see how OpenMP's threads wait for each other, and takes it for races. */
#ifdef __SANITIZE_THREAD__
#define THREADS_MAX 1
#else
#define THREADS_MAX 4
#endif

static void threads_prepare_what_the_reference_says(void **state) {
    static const bt_image_norm norm = {.mean = {0.1f, 0.5f, 0.7f}, .std = {0.9f, 0.25f, 0.05f}};
    bt_random random = bt_random_stream(1, "image-resize");
    (void)state;
    for (size_t i = 0; i < SIZES_COUNT; i++) {
        const sizes *s = &all_sizes[i];
        size_t from = (size_t)s->from_height * (size_t)s->from_width,
               plane = (size_t)s->height * (size_t)s->width;
        uint8_t *rgb = malloc(3 * from);
        double *channel = malloc(from * sizeof *channel);
        float *first = malloc(3 * plane * sizeof *first), *next = malloc(3 * plane * sizeof *next);
        int side = s->from_height > s->from_width ? s->from_height : s->from_width;
        void *scratch = malloc(bt_image_scratch_bytes(side, s->height, s->width));
        for (size_t k = 0; k < 3 * from; k++)
            rgb[k] = (uint8_t)bt_random_below(&random, 256);
        for (int threads = 1; threads <= THREADS_MAX; threads++) {
            bt_image_prepare(rgb, s->from_height, s->from_width, &norm, threads == 1 ? first : next,
                             s->height, s->width, threads, scratch);
            if (threads > 1) assert_memory_equal(first, next, 3 * plane * sizeof *first);
        }
        for (int c = 0; c < 3; c++) {
            for (size_t k = 0; k < from; k++)
                channel[k] = (rgb[3 * k + (size_t)c] / 255.0 - (double)norm.mean[c]) / (double)norm.std[c];
            double *expected = resized_plane(channel, s->from_height, s->from_width, s->height, s->width);
            for (size_t k = 0; k < plane; k++)
                assert_float_equal((double)first[(size_t)c * plane + k], expected[k],
                                   2e-6 / (double)norm.std[c]);
            free(expected);
        }
        free(rgb), free(channel), free(first), free(next), free(scratch);
    }
}

static void threads_mask_what_the_reference_says(void **state) {
    bt_random random = bt_random_stream(2, "image-resize");
    (void)state;
    for (size_t i = 0; i < SIZES_COUNT; i++) {
        const sizes *s = &all_sizes[i];
        size_t from = (size_t)s->from_height * (size_t)s->from_width,
               plane = (size_t)s->height * (size_t)s->width;
        float *logits = malloc(from * sizeof *logits), *first = malloc(plane * sizeof *first);
        float *next = malloc(plane * sizeof *next);
        double *probability = malloc(from * sizeof *probability);
        uint8_t *mask = malloc(plane);
        int side = s->height > s->width ? s->height : s->width;
        void *scratch = malloc(bt_image_scratch_bytes(side, s->from_height, s->from_width));
        for (size_t k = 0; k < from; k++) { /* now and then one that leaves float's range of exp */
            logits[k] = (float)(bt_random_normal(&random) * (bt_random_below(&random, 20) ? 4 : 90));
            probability[k] = 1 / (1 + exp(-(double)logits[k]));
        }
        for (int threads = 1; threads <= THREADS_MAX; threads++) {
            bt_image_mask(logits, BT_OUTPUT_LOGITS, s->from_height, s->from_width, 0.45f, mask,
                          threads == 1 ? first : next, s->height, s->width, threads, scratch);
            if (threads > 1) assert_memory_equal(first, next, plane * sizeof *first);
            for (size_t k = 0; k < plane; k++)
                assert_int_equal(mask[k], first[k] > 0.45f);
        }
        double *expected = resized_plane(probability, s->from_height, s->from_width, s->height, s->width);
        for (size_t k = 0; k < plane; k++)
            assert_float_equal((double)first[k], expected[k], 1e-6);
        free(expected), free(logits), free(first), free(next), free(probability), free(mask), free(scratch);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(prepared_as_pillow_resizes),
        cmocka_unit_test(masks_as_pillow_resizes),
        cmocka_unit_test(probabilities_are_taken_as_they_are),
        cmocka_unit_test(equal_sizes_are_only_normalised),
        cmocka_unit_test(a_constant_stays_constant),
        cmocka_unit_test(threads_prepare_what_the_reference_says),
        cmocka_unit_test(threads_mask_what_the_reference_says),
    };
    return cmocka_run_group_tests_name("image-resize", tests, NULL, NULL);
}
