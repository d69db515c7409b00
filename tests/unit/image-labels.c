/* A pixel's label in a picture of another size is the class whose own plane, resized as masks are, is the highest there. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
/* cmocka wants the four above first */
#include <cmocka.h>
#include <stdlib.h>

#include "base/random.h"
#include "image/labels.h"
#include "image/resize.h"

enum { CLASSES = 4, HEIGHT = 17, WIDTH = 23, SIDE_MAX = 700, NONE = 255 };

/* ThreadSanitizer does not see how OpenMP's threads wait for each other, and takes it for races. */
#ifdef __SANITIZE_THREAD__
#define THREADS_MAX 1
#else
#define THREADS_MAX 3
#endif

static float planes[CLASSES][HEIGHT * WIDTH];

static float *resized(int height, int width, void *scratch) {
    const size_t pixels = (size_t)height * (size_t)width;
    float *out = malloc(CLASSES * pixels * sizeof *out);
    assert_non_null(out);
    for (int c = 0; c < CLASSES; c++)
        bt_image_mask(planes[c], BT_OUTPUT_PROBABILITIES, HEIGHT, WIDTH, 0.5F, NULL, out + (size_t)c * pixels,
                      height, width, 1, scratch);
    return out;
}

/* Two ways of adding the same numbers differ in the last bits, and so may who is highest among equals. */
static void check(int height, int width, float least, int threads) {
    const size_t pixels = (size_t)height * (size_t)width;
    void *scratch = malloc(bt_image_scratch_bytes(SIDE_MAX, HEIGHT, WIDTH));
    uint8_t *labels = malloc(pixels);
    assert_true(scratch && labels);
    float *wanted = resized(height, width, scratch);
    int none = 0;
    bt_image_labels(planes[0], CLASSES, HEIGHT, WIDTH, least, NONE, labels, height, width, threads, scratch);
    for (size_t i = 0; i < pixels; i++) {
        float most = wanted[i];
        for (size_t c = 1; c < CLASSES; c++)
            most = wanted[c * pixels + i] > most ? wanted[c * pixels + i] : most;
        none += labels[i] == NONE;
        if (labels[i] == NONE ? most > least + 1e-5F : !(wanted[labels[i] * pixels + i] > most - 1e-5F))
            fail_msg("%d x %d, pixel %zu: label %d", width, height, i, labels[i]);
        if (labels[i] != NONE && !(most > least - 1e-5F))
            fail_msg("pixel %zu has a label at %g", i, (double)most);
    }
    assert_true(least < 0 ? none == 0 : none > 0);
    free(wanted);
    free(labels);
    free(scratch);
}

static int draw(void **state) {
    bt_random random = bt_random_stream(3, "labels");
    (void)state;
    for (size_t i = 0; i < CLASSES * HEIGHT * WIDTH; i++)
        planes[i / (HEIGHT * WIDTH)][i % (HEIGHT * WIDTH)] = (float)bt_random_uniform(&random);
    return 0;
}

static void the_highest_class_of_the_resized_planes_is_the_label(void **state) {
    (void)state;
    for (int threads = 1; threads <= THREADS_MAX; threads++) {
        check(HEIGHT, WIDTH, -1, threads);
        check(40, 31, -1, threads);
        check(9, 11, -1, threads);
        check(5, 90, -1, threads);
        check(SIDE_MAX, SIDE_MAX - 1, -1, threads); /* so many that threads are woken */
    }
}

static void where_none_is_above_the_least_there_is_no_label(void **state) {
    (void)state;
    check(HEIGHT, WIDTH, 0.7F, 1);
    check(40, 31, 0.7F, 1);
    check(9, 11, 0.6F, 1);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_highest_class_of_the_resized_planes_is_the_label),
        cmocka_unit_test(where_none_is_above_the_least_there_is_no_label),
    };
    return cmocka_run_group_tests(tests, draw, NULL);
}
