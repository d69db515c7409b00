/* Ready tensors through the service: they give what their pictures give, on every path and mixed with pictures;
 * logits come back as the network gives them; and what no picture has in it harms nobody but who sent it. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <math.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>

#include "base/half.h"
#include "batchtune.h"
#include "expect.h"
#include "image/normalize.h"
#include "image/spheroids.h"
#include "live-service.h"

#define SIDE   4
#define PIXELS (SIDE * SIDE)

/* One model, batches of exactly 4 (nothing is timed, so that none is split) unless `settings` say otherwise; sim's
 * logits are an input's mean. */
static bt_service *start(const char *backend, const char *settings) {
    return live_service_start(&(live_service){.backend = backend,
                                              .batch_size = 4,
                                              .image_size = SIDE,
                                              .max_queue_delay_ms = 60000,
                                              .model_count = 1,
                                              .settings = settings});
}

/* What a request gives, in full. */
typedef struct answer {
    float logits[PIXELS], probabilities[PIXELS];
    uint8_t mask[PIXELS];
    bt_result result;
    bt_error error; /* status BT_OK: none */
    atomic_int done;
} answer;

static void take(void *context, const bt_result *result, const bt_error *error) {
    answer *a = context;
    a->result = *result;
    a->error = error ? *error : (bt_error){BT_OK, ""};
    atomic_fetch_add(&a->done, 1);
}

static bt_request into(answer *a, bt_request request) {
    request.height = request.width = SIDE;
    request.model = "hrnet";
    request.logits = a->logits;
    request.probabilities = a->probabilities;
    request.mask = a->mask;
    return request;
}

static void submit(bt_service *service, answer *a, bt_request request) {
    const bt_request whole = into(a, request);
    bt_error error;
    must(bt_service_submit(service, &whole, take, a, NULL, &error), &error);
}

static void infer(bt_service *service, answer *a, bt_request request) {
    const bt_request whole = into(a, request);
    bt_error error;
    must(bt_service_infer(service, &whole, &a->result, &error), &error);
}

static uint8_t picture[4][PIXELS * 3];
static float tensor[4][PIXELS * 3];
static uint8_t halves[4][1 + PIXELS * 3 * 2]; /* from 1 on: at an address that nobody likes */

static void make_inputs(void) {
    for (int i = 0; i < 4; i++) {
        for (size_t k = 0; k < sizeof picture[i]; k++)
            picture[i][k] = (uint8_t)(50 * i + (int)k);
        bt_image_normalize(picture[i], SIDE, SIDE, NULL, tensor[i]);
        for (size_t k = 0; k < PIXELS * 3; k++) {
            const uint16_t half = bt_half_bits(tensor[i][k]);
            memcpy(halves[i] + 1 + 2 * k, &half, sizeof half);
        }
    }
}

static void alike(const answer *a, const answer *b, double within) {
    for (int i = 0; i < PIXELS; i++) {
        assert_float_equal(a->logits[i], b->logits[i], within);
        assert_float_equal(a->probabilities[i], b->probabilities[i], within);
        assert_int_equal(a->mask[i], b->mask[i]);
    }
}

/* ---- what comes back ---- */

static const char *const backends[] = {"sim:tau0_ms=0,alpha_ms=0,echo=true",
                                       "sim:tau0_ms=0,alpha_ms=0,echo=true,pictures=true"};

/* Whether the lanes make images of pictures, or the device does; on both paths. */
static void a_tensor_gives_what_its_picture_gives(void **state) {
    (void)state;
    for (int b = 0; b < 2; b++) {
        bt_service *service = start(backends[b], "batch_size=1");
        for (int standard = 0; standard < 2; standard++)
            for (int i = 0; i < 4; i++) {
                answer of_picture, of_floats, of_halves;
                infer(service, &of_picture, (bt_request){.image = picture[i], .standard_path = standard});
                infer(service, &of_floats, (bt_request){.tensor = tensor[i], .standard_path = standard});
                infer(service, &of_halves,
                      (bt_request){
                          .tensor = halves[i] + 1, .tensor_type = BT_TENSOR_FP16, .standard_path = standard});
                assert_string_equal(of_floats.result.inference_mode,
                                    standard ? "standard_fallback" : "production_optimized");
                alike(&of_picture, &of_floats, 1e-6);
                alike(&of_picture, &of_halves, 1e-3);
            }
        live_service_end(service);
    }
}

/* In one batch. */
static void tensors_and_pictures_run_together(void **state) {
    (void)state;
    for (int b = 0; b < 2; b++) {
        bt_service *service = start(backends[b], "warm_up=false");
        static answer alone[4], together[4];
        memset(together, 0, sizeof together);
        submit(service, &together[0], (bt_request){.tensor = tensor[0]});
        submit(service, &together[1], (bt_request){.image = picture[1]});
        submit(service, &together[2], (bt_request){.tensor = halves[2] + 1, .tensor_type = BT_TENSOR_FP16});
        submit(service, &together[3], (bt_request){.image = picture[3]});
        live_service_end(service);
        service = start(backends[b], "batch_size=1");
        for (int i = 0; i < 4; i++) {
            assert_int_equal(together[i].result.batch_size, 4);
            infer(service, &alone[i], (bt_request){.image = picture[i]});
            alike(&alone[i], &together[i], 1e-3);
        }
        live_service_end(service);
    }
}

/* A picture of another size: its mask is of its own, its logits are as they came. */
static void logits_are_of_the_networks_size(void **state) {
    (void)state;
    uint8_t white[9 * 7 * 3], mask[9 * 7];
    float logits[PIXELS + 1];
    bt_result result;
    bt_error error;
    bt_service *service = start(backends[0], "batch_size=1");
    memset(white, 255, sizeof white);
    logits[PIXELS] = -1;
    const bt_request request = {
        .image = white, .height = 9, .width = 7, .model = "hrnet", .mask = mask, .logits = logits};
    must(bt_service_infer(service, &request, &result, &error), &error);
    assert_int_equal(result.input_height * result.input_width, PIXELS);
    const double mean = ((1 - 0.485) / 0.229 + (1 - 0.456) / 0.224 + (1 - 0.406) / 0.225) / 3;
    for (int i = 0; i < PIXELS; i++)
        assert_float_equal(logits[i], mean, 1e-5);
    assert_true(logits[PIXELS] == -1);
    assert_int_equal(mask[9 * 7 - 1], 1);
    live_service_end(service);
}

/* ---- what fails ---- */

/* The third run is the first after warming up, and gives no number. */
static void a_tensor_comes_again_on_the_standard_path(void **state) {
    (void)state;
    static const char *const failing[] = {"sim:tau0_ms=0,alpha_ms=0,echo=true,faults=nan@3",
                                          "sim:tau0_ms=0,alpha_ms=0,echo=true,faults=fail@3,pictures=true"};
    for (int b = 0; b < 2; b++) {
        bt_service *service = start(failing[b], "batch_size=1");
        answer failed_over, plain;
        infer(service, &failed_over, (bt_request){.tensor = tensor[1]});
        assert_string_equal(failed_over.result.inference_mode, "standard_fallback");
        infer(service, &plain, (bt_request){.tensor = tensor[1]});
        assert_string_equal(plain.result.inference_mode, "production_optimized");
        alike(&failed_over, &plain, 0);
        live_service_end(service);
    }
}

/* What perf_analyzer sends: any bits. They fail no run, and their neighbours are served. */
static void what_is_no_picture_is_answered_and_harms_nobody(void **state) {
    (void)state;
    static const float wild[] = {NAN, INFINITY, 3e38F};
    for (int b = 0; b < 2; b++) {
        bt_service *service = start(backends[b], "warm_up=false,breaker_failures=1");
        bt_metrics metrics;
        bt_error error;
        static answer answers[4], alone[4];
        static float odd[3][PIXELS * 3];
        memset(answers, 0, sizeof answers);
        for (int i = 0; i < 3; i++) {
            memcpy(odd[i], tensor[i], sizeof odd[i]);
            odd[i][7] = odd[i][8] = wild[i];
            submit(service, &answers[i], (bt_request){.tensor = odd[i]});
        }
        submit(service, &answers[3], (bt_request){.image = picture[3]});
        live_service_end(service);
        for (int i = 0; i < 4; i++) {
            assert_int_equal(answers[i].error.status, BT_OK);
            assert_string_equal(answers[i].result.inference_mode, "production_optimized");
            assert_int_equal(answers[i].result.batch_size, 4);
        }
        assert_true(isnan(answers[0].logits[0]) && isnan(answers[0].probabilities[0]));
        assert_int_equal(answers[0].mask[0], 0);
        assert_true(isinf(answers[1].logits[0]) && answers[1].probabilities[0] == 1);
        service = start(backends[b], "batch_size=1,breaker_failures=1");
        infer(service, &alone[3], (bt_request){.image = picture[3]});
        alike(&alone[3], &answers[3], 1e-6);
        infer(service, &alone[0], (bt_request){.tensor = odd[0], .standard_path = true});
        assert_true(isnan(alone[0].logits[3]));
        must(bt_service_metrics(service, "hrnet", &metrics, &error), &error);
        assert_int_equal(metrics.run_non_finite + metrics.failed + metrics.breaker_opened, 0);
        live_service_end(service);
    }
}

static void a_tensor_that_does_not_fit_is_refused(void **state) {
    (void)state;
    static const struct {
        bt_request request;
        const char *says;
    } wrong[] = {
        {{.tensor = tensor, .height = 4, .width = 5}, "a tensor of 5 x 4: hrnet takes 4 x 4 ones"},
        {{.tensor = tensor, .height = 0, .width = 4}, "an image of 0 x 4 pixels"},
        {{.tensor = tensor, .image = picture[0], .height = 4, .width = 4}, "an image and a tensor"},
        {{.tensor = tensor, .tensor_type = (bt_tensor_type)2, .height = 4, .width = 4},
         "no type of tensor 2"},
    };
    bt_service *service = start(backends[0], NULL);
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
        bt_request request = wrong[i].request;
        bt_error error;
        request.model = "hrnet";
        assert_int_equal(bt_service_infer(service, &request, NULL, &error), BT_INVALID);
        says(error.message, wrong[i].says);
    }
    live_service_end(service);
}

/* ---- a network ---- */

#define LARGE 64

/* HRNet with its demonstration weights: the same mask, to the pixel, from a tensor that was prepared by hand. */
static void a_network_sees_no_difference(void **state) {
    (void)state;
    static uint8_t rgb[LARGE * LARGE * 3], masks[2][LARGE * LARGE];
    static float ready[LARGE * LARGE * 3], logits[2][LARGE * LARGE];
    bt_error error;
    bt_service *service = live_service_start(&(live_service){.backend = "plan",
                                                             .batch_size = 1,
                                                             .image_size = LARGE,
                                                             .model_count = 1,
                                                             .settings = "instances=1x1"});
    must(bt_spheroids_draw(2, 0, LARGE, LARGE, rgb, NULL, &error), &error);
    bt_image_normalize(rgb, LARGE, LARGE, NULL, ready);
    for (int i = 0; i < 2; i++) {
        const bt_request request = {.image = i == 0 ? rgb : NULL,
                                    .tensor = i == 0 ? NULL : ready,
                                    .height = LARGE,
                                    .width = LARGE,
                                    .model = "hrnet",
                                    .mask = masks[i],
                                    .logits = logits[i]};
        must(bt_service_infer(service, &request, NULL, &error), &error);
    }
    int inside = 0;
    for (int i = 0; i < LARGE * LARGE; i++) {
        inside += masks[0][i];
        assert_float_equal(logits[0][i], logits[1][i], 0.05); /* bytes may be normalised in another order */
        if (fabsf(logits[0][i]) > 0.05F) assert_int_equal(masks[0][i], masks[1][i]);
    }
    assert_in_range(inside, 1, LARGE * LARGE - 1);
    live_service_end(service);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_tensor_gives_what_its_picture_gives),
        cmocka_unit_test(tensors_and_pictures_run_together),
        cmocka_unit_test(logits_are_of_the_networks_size),
        cmocka_unit_test(a_tensor_comes_again_on_the_standard_path),
        cmocka_unit_test(what_is_no_picture_is_answered_and_harms_nobody),
        cmocka_unit_test(a_tensor_that_does_not_fit_is_refused),
        cmocka_unit_test(a_network_sees_no_difference),
    };
    make_inputs();
    return cmocka_run_group_tests(tests, NULL, NULL);
}
