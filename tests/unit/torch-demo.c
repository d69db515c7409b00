/* The demo weights make masks that mean something, through libtorch: near the truth of images that training
 * never saw, and the same on both paths. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdlib.h>

#include "backend/backend.h"
#include "compare.h"
#include "demo-session.h"
#include "expect.h"
#include "inputs.h"

enum { SIDE = 128, BATCH = 4, BATCHES = 4, COUNT = BATCH * BATCHES, PIXELS = COUNT * SIDE * SIDE };

/* Held out: training draws from 1000 and above (tools/python/train_demo_weights.py). */
#define HELD_OUT_SEED 3

static float images[3 * PIXELS], standard[PIXELS], plain[PIXELS];
static uint8_t masks[PIXELS];

static int draw_images(void **state) {
    (void)state;
    bt_error error;
    return input_spheroids(images, masks, HELD_OUT_SEED, COUNT, SIDE, SIDE, &error) == BT_OK ? 0 : -1;
}

static void forward(const char *model, bt_path path, float *logits) {
    bt_session_options options = demo_session("torch", model, path, SIDE);
    options.use_amp = options.use_channels_last = true;
    bt_session *session = open_session(options);
    bt_error error;
    assert_true(bt_session_describe(session)->trained_weights);
    for (int i = 0; i < BATCHES; i++) {
        size_t first = (size_t)i * BATCH * SIDE * SIDE;
        must(bt_session_run(session, BATCH, images + 3 * first, logits + first, &error), &error);
    }
    bt_session_close(&session);
}

static void check_model(const char *model) {
    forward(model, BT_PATH_STANDARD, standard);
    forward(model, BT_PATH_PLAIN, plain);
    double truth = compare_mask_iou(standard, masks, PIXELS),
           agreement = compare_iou(plain, standard, PIXELS);
    print_message("# %s: mask IoU %.3f with the truth, %.4f of the plain path with the standard one\n", model,
                  truth, agreement);
    assert_true(truth >= 0.90);
    assert_true(agreement >= 0.99); /* min_mask_iou's default: below it AMP could not win */
}

static void hrnet_masks_are_right(void **state) {
    (void)state;
    check_model("hrnet");
}

static void cbam_resunet_masks_are_right(void **state) {
    (void)state;
    check_model("cbam_resunet");
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(hrnet_masks_are_right),
        cmocka_unit_test(cbam_resunet_masks_are_right),
    };
    return cmocka_run_group_tests_name("torch/demo", tests, draw_images, NULL);
}
