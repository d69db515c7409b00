/* The compiled plan on a GPU, without one: the same steps, memory and kernels as on a device, run on the CPU
 * (cuda-on-cpu/device.cpp), give what the CPU's own plan gives.
 *
 * What this cannot show: cuDNN, real graphs and a device's order of execution; `make gpu-check` does. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdlib.h>
#include <string.h>

#include "base/random.h"
#include "compare.h"
#include "cuda-on-cpu/device.h"
#include "image/resize.h"
#include "kernels/cpu.h"
#include "made-up-network.h"
#include "plan/cuda.h"
#include "plan/plan.h"

enum { SIDE = 64, PIXELS = SIDE * SIDE, BATCH = 3 };

static float images[BATCH * 3 * PIXELS], on_cpu[BATCH * PIXELS], on_gpu[BATCH * PIXELS],
    again[BATCH * PIXELS];

static bt_plan *open_plan(const bt_network *network, const char *weights_name, bool on_cuda,
                          bt_value_type type, int side) {
    bt_weights *weights;
    bt_plan *plan;
    bt_error error;
    if (bt_weights_open(&weights, network, weights_name, &error) != BT_OK) fail_msg("%s", error.message);
    const bt_plan_options options = {.network = network,
                                     .weights = weights,
                                     .height = side,
                                     .width = side,
                                     .threads = 1,
                                     .type = type,
                                     .level = bt_cpu_best_level(),
                                     .on_cuda = on_cuda};
    if (bt_plan_open(&plan, &options, &error) != BT_OK) fail_msg("%s", error.message);
    bt_weights_close(&weights);
    return plan;
}

static void run(bt_plan *plan, int batch, int side, float *logits) {
    bt_error error;
    memset(logits, 0xff, (size_t)(batch * side * side) * sizeof *logits);
    if (bt_plan_run(plan, batch, images, logits, &error) != BT_OK) fail_msg("%s", error.message);
}

static void make_images(void) {
    bt_random random = bt_random_stream(1, "images");
    for (size_t i = 0; i < sizeof images / sizeof *images; i++)
        images[i] = (float)bt_random_normal(&random);
}

/* How far the GPU's logits are from those of the CPU's plan in FP32. */
static double distance(const bt_network *network, const char *weights, bt_value_type type, int batch,
                       int side) {
    bt_plan *gpu = open_plan(network, weights, true, type, side),
            *cpu = open_plan(network, weights, false, BT_F32, side);
    run(cpu, batch, side, on_cpu);
    run(gpu, batch, side, on_gpu);
    bt_plan_close(&gpu);
    bt_plan_close(&cpu);
    return compare_relative_error(on_gpu, on_cpu, (size_t)(batch * side * side));
}

/* Limits are half precision's, of the networks' depth, and in FP32 those of the order of summing. */
static void check_network(const bt_network *network, const char *weights, bt_value_type type, int side) {
    const double limit = type == BT_F32   ? 2e-4
                         : type == BT_F16 ? 0.02
                                          : 0.15,
                 error = distance(network, weights, type, 2, side);
    if (!(error <= limit))
        fail_msg("%s in %s: %g off the CPU's plan, %g allowed", network->name, bt_value_type_name(type),
                 error, limit);
}

static bool is_possible(void) {
    return bt_cpu_best_level() >= BT_CPU_AVX2;
}

static void every_operation_gives_what_the_cpu_gives(void **state) {
    (void)state;
    if (!is_possible()) skip();
    bt_network *network = made_up_network(describe_every_operation);
    check_network(network, "counter:7", BT_F32, 16);
    check_network(network, "counter:7", BT_F16, 16);
    check_network(network, "counter:7", BT_BF16, 16);
    bt_network_close(&network);
}

/* A sanitizer takes ten times as long, and finds in the other network what there is to find. */
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define TAKES_TOO_LONG true
#else
#define TAKES_TOO_LONG false
#endif

static void both_networks_give_what_the_cpu_gives(void **state) {
    (void)state;
    if (!is_possible() || TAKES_TOO_LONG) skip();
    static const char *const names[] = {"hrnet", "cbam_resunet"};
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        bt_network *network;
        bt_error error;
        assert_int_equal(bt_network_open(&network, names[i], &error), BT_OK);
        check_network(network, "demo", BT_F16, 32);
        bt_network_close(&network);
    }
}

/* Its convolutions have a BatchNorm and an activation, for which there are no kernels: libtorch's operators take over. */
static void unet_is_left_to_libtorch(void **state) {
    (void)state;
    bt_network *network;
    bt_weights *weights;
    bt_plan *plan;
    bt_error error;
    assert_int_equal(bt_network_open(&network, "unet_bn", &error), BT_OK);
    assert_int_equal(bt_weights_open(&weights, network, "counter:7", &error), BT_OK);
    const bt_plan_options options = {.network = network,
                                     .weights = weights,
                                     .height = 16,
                                     .width = 16,
                                     .type = BT_F16,
                                     .threads = 1,
                                     .on_cuda = true};
    assert_int_equal(bt_plan_open(&plan, &options, &error), BT_UNSUPPORTED);
    assert_string_equal(error.message,
                        "unet_bn: a plan on a GPU has no BatchNorm, activation, groups or dilation in its "
                        "convolutions: convolution");
    bt_weights_close(&weights);
    bt_network_close(&network);
}

/* Sizes share one block, which moves when a larger one comes; graphs of the old place must not be replayed. */
static void sizes_may_run_in_any_order(void **state) {
    (void)state;
    bt_network *network = made_up_network(describe_every_operation);
    bt_plan *plan = open_plan(network, "counter:7", true, BT_F16, SIDE);
    run(plan, 1, SIDE, on_gpu);
    run(plan, BATCH, SIDE, again);
    assert_memory_equal(again, on_gpu, PIXELS * sizeof *again);
    run(plan, 1, SIDE, again);
    assert_memory_equal(again, on_gpu, PIXELS * sizeof *again);
    run(plan, 2, SIDE, again);
    run(plan, 1, SIDE, again);
    assert_memory_equal(again, on_gpu, PIXELS * sizeof *again);
    bt_plan_close(&plan);
    bt_network_close(&network);
}

static void a_size_that_does_not_fit_leaves_the_others(void **state) {
    (void)state;
    bt_network *network = made_up_network(describe_every_operation);
    bt_plan *plan = open_plan(network, "counter:7", true, BT_F16, SIDE);
    bt_plan_memory memory;
    bt_error error;
    run(plan, 1, SIDE, on_gpu);
    assert_int_equal(bt_plan_device_memory(plan, &memory, &error), BT_OK);
    cuda_on_cpu_set_room(memory.used + 4096);
    assert_int_equal(bt_plan_prepare(plan, 64, &error), BT_OUT_OF_DEVICE_MEMORY);
    run(plan, 1, SIDE, again);
    assert_memory_equal(again, on_gpu, PIXELS * sizeof *again);
    cuda_on_cpu_set_room(INT64_MAX);
    run(plan, BATCH, SIDE, again);
    assert_memory_equal(again, on_gpu, PIXELS * sizeof *again);
    bt_plan_close(&plan);
    bt_network_close(&network);
}

/* All prepared sizes together take what the largest takes alone. */
static void memory_is_that_of_the_largest_size(void **state) {
    (void)state;
    bt_network *network = made_up_network(describe_every_operation);
    bt_plan *one = open_plan(network, "counter:7", true, BT_F16, SIDE),
            *several = open_plan(network, "counter:7", true, BT_F16, SIDE);
    bt_plan_memory of_one, of_several;
    bt_error error;
    run(one, BATCH, SIDE, on_gpu);
    for (int batch = 1; batch <= BATCH; batch++)
        run(several, batch, SIDE, again);
    assert_int_equal(bt_plan_device_memory(one, &of_one, &error), BT_OK);
    assert_int_equal(bt_plan_device_memory(several, &of_several, &error), BT_OK);
    assert_int_equal(of_one.used, of_several.used);
    bt_plan_close(&one);
    bt_plan_close(&several);
    bt_network_close(&network);
}

/* Pictures of other sizes and of its own, put in any order, and the last one again where the batch has room. */
static void pictures_give_what_their_images_give(void **state) {
    (void)state;
    static const struct { int height, width; } sizes[BATCH - 1] = {{SIDE, SIDE}, {100, 37}};
    static uint8_t rgb[BATCH - 1][100 * SIDE * 3];
    bt_network *network = made_up_network(describe_every_operation);
    bt_plan *plan = open_plan(network, "counter:7", true, BT_F32, SIDE);
    bt_random random = bt_random_stream(3, "pictures");
    bt_error error;
    void *scratch = malloc(bt_image_scratch_bytes(100, SIDE, SIDE));
    assert_non_null(scratch);
    for (int i = BATCH - 2; i >= 0; i--) {
        for (size_t j = 0; j < sizeof rgb[i]; j++)
            rgb[i][j] = (uint8_t)bt_random_below(&random, 256);
        bt_image_prepare(rgb[i], sizes[i].height, sizes[i].width, NULL, images + i * 3 * PIXELS, SIDE, SIDE,
                         1, scratch);
        assert_int_equal(bt_plan_put_picture(plan, i, rgb[i], sizes[i].height, sizes[i].width, NULL, &error),
                         BT_OK);
        memset(rgb[i], 0, sizeof rgb[i]);
        if (i > 0) /* those before it are wanting */
            assert_int_equal(bt_plan_run_pictures(plan, BATCH, BATCH - 1, on_gpu, &error), BT_INVALID);
    }
    memcpy(images + 2 * 3 * PIXELS, images + 3 * PIXELS, 3 * PIXELS * sizeof *images);
    run(plan, BATCH, SIDE, on_cpu);
    assert_int_equal(bt_plan_run_pictures(plan, BATCH, BATCH - 1, on_gpu, &error), BT_OK);
    assert_true(compare_relative_error(on_gpu, on_cpu, BATCH * PIXELS) < 1e-4);
    assert_int_equal(bt_plan_run_pictures(plan, BATCH, BATCH, on_gpu, &error), BT_INVALID);
    free(scratch);
    bt_plan_close(&plan);
    bt_network_close(&network);
    make_images();
}

/* In one batch with a picture, each of them first once; the last one again where the batch has room. */
static void tensors_run_beside_pictures(void **state) {
    (void)state;
    static uint8_t rgb[SIDE * SIDE * 3];
    static float ready[3 * PIXELS];
    bt_network *network = made_up_network(describe_every_operation);
    bt_plan *plan = open_plan(network, "counter:7", true, BT_F32, SIDE);
    bt_random random = bt_random_stream(5, "tensors");
    bt_error error;
    for (size_t i = 0; i < sizeof rgb; i++)
        rgb[i] = (uint8_t)bt_random_below(&random, 256);
    for (int first = 0; first < 2; first++) {
        bool tame = false;
        float *of_tensor = images + first * 3 * PIXELS, *of_picture = images + !first * 3 * PIXELS;
        bt_image_normalize(rgb, SIDE, SIDE, NULL, of_picture);
        for (int i = 0; i < 3 * PIXELS; i++)
            ready[i] = of_tensor[i] = (float)bt_random_uniform(&random) - 0.5F;
        assert_int_equal(bt_plan_put_picture(plan, !first, rgb, SIDE, SIDE, NULL, &error), BT_OK);
        assert_int_equal(bt_plan_put_tensor(plan, first, ready, BT_TENSOR_FP32, &tame, &error), BT_OK);
        assert_true(tame);
        memset(ready, 0, sizeof ready);
        memcpy(images + 2 * 3 * PIXELS, images + 3 * PIXELS, 3 * PIXELS * sizeof *images);
        run(plan, BATCH, SIDE, on_cpu);
        assert_int_equal(bt_plan_run_pictures(plan, BATCH, 2, on_gpu, &error), BT_OK);
        assert_true(compare_relative_error(on_gpu, on_cpu, BATCH * PIXELS) < 1e-4);
    }
    bt_plan_close(&plan);
    bt_network_close(&network);
    make_images();
}

static void a_device_that_is_not_there_is_named(void **state) {
    (void)state;
    bt_network *network = made_up_network(describe_every_operation);
    bt_weights *weights;
    bt_plan *plan;
    bt_error error;
    assert_int_equal(bt_weights_open(&weights, network, "counter:7", &error), BT_OK);
    const bt_plan_options options = {.network = network,
                                     .weights = weights,
                                     .height = SIDE,
                                     .width = SIDE,
                                     .on_cuda = true,
                                     .device_index = 3};
    assert_int_equal(bt_plan_open(&plan, &options, &error), BT_UNSUPPORTED);
    assert_string_equal(error.message, "cuda:3: no such device");
    bt_weights_close(&weights);
    bt_network_close(&network);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_operation_gives_what_the_cpu_gives),
        cmocka_unit_test(both_networks_give_what_the_cpu_gives),
        cmocka_unit_test(unet_is_left_to_libtorch),
        cmocka_unit_test(sizes_may_run_in_any_order),
        cmocka_unit_test(a_size_that_does_not_fit_leaves_the_others),
        cmocka_unit_test(memory_is_that_of_the_largest_size),
        cmocka_unit_test(pictures_give_what_their_images_give),
        cmocka_unit_test(tensors_run_beside_pictures),
        cmocka_unit_test(a_device_that_is_not_there_is_named),
    };
    make_images();
    bt_cuda_use_table(bt_cuda_device_table());
    return cmocka_run_group_tests_name("cuda/plan", tests, NULL, NULL);
}
