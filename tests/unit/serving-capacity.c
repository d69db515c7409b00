/* How much a model could serve is told where it is known: as tuned, or simulated for what is served instead. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <math.h>

#include "expect.h"
#include "scratch.h"
#include "serving/serving.h"

static void write_config(void) {
    put("config.json",
        "{\"schema_version\": 1, \"settings\": {\"backend\": \"sim:tau0_ms=10,alpha_ms=1\"}, "
        "\"configurations\": "
        "{\"hrnet\": {\"optimal_batch_size\": 4, \"image_size\": 8, \"capacity_rps\": 123.5, \"settings\": "
        "{\"p95_sla_ms\": 100, \"max_queue_delay_ms\": 5}, \"points\": ["
        "{\"batch_size\": 1, \"p50_ms\": 11, \"outcome\": \"measured\", \"service_ms_quantiles\": [11, 11]},"
        "{\"batch_size\": 4, \"p50_ms\": 14, \"outcome\": \"measured\", \"service_ms_quantiles\": [14, "
        "14]}]}, "
        "\"cbam_resunet\": {\"optimal_batch_size\": 2, \"image_size\": 8}}}");
}

static bt_service *start(const char *settings) {
    bt_service *service;
    bt_error error;
    write_config();
    const bt_service_options options = {.config = "config.json", .settings = settings};
    must(bt_service_open(&service, &options, &error), &error);
    must(bt_service_start(service, &error), &error);
    return service;
}

static bt_metrics metrics_of(bt_service *service, const char *model) {
    bt_metrics metrics;
    bt_error error;
    must(bt_service_metrics(service, model, &metrics, &error), &error);
    return metrics;
}

static void end(bt_service *service) {
    bt_error error;
    must(bt_service_stop(service, 10000, &error), &error);
    bt_service_close(&service);
}

static void as_tuned_it_is_the_configs(void **state) {
    (void)state;
    bt_error error;
    bt_service *service = start(NULL);
    assert_true(metrics_of(service, "hrnet").capacity_rps == 123.5);
    assert_true(metrics_of(service, "hrnet").headroom == 1);              /* nobody asks for anything */
    assert_true(isnan(metrics_of(service, "cbam_resunet").capacity_rps)); /* nobody measured it */
    assert_true(isnan(metrics_of(service, "cbam_resunet").headroom));
    must(bt_serving_find_capacities(service, &error), &error);
    assert_true(metrics_of(service, "hrnet").capacity_rps == 123.5);
    assert_true(isnan(metrics_of(service, "cbam_resunet").capacity_rps));
    end(service);
}

/* One image at a time takes 11 ms: at most 91 a second, and fewer within 100 ms. */
static void otherwise_it_is_simulated_when_that_is_asked_for(void **state) {
    (void)state;
    bt_error error;
    bt_service *service = start("batch_size=1");
    assert_true(isnan(metrics_of(service, "hrnet").capacity_rps));
    must(bt_serving_find_capacities(service, &error), &error);
    const double capacity_rps = metrics_of(service, "hrnet").capacity_rps;
    if (!(capacity_rps > 45 && capacity_rps < 91)) fail_msg("%g requests a second", capacity_rps);
    end(service);
}

static void what_was_set_since_has_none(void **state) {
    (void)state;
    bt_error error;
    bt_service *service = start(NULL);
    must(bt_service_set(service, "hrnet", "p95_sla_ms=50", &error), &error);
    assert_true(isnan(metrics_of(service, "hrnet").capacity_rps));
    must(bt_service_set(service, "hrnet", "p95_sla_ms=100", &error), &error);
    assert_true(metrics_of(service, "hrnet").capacity_rps == 123.5);
    end(service);
}

static void instances_that_take_turns_have_none(void **state) {
    (void)state;
    bt_error error;
    bt_service *service = start("instances=cuda:0+cuda:0");
    must(bt_serving_find_capacities(service, &error), &error);
    assert_true(isnan(metrics_of(service, "hrnet").capacity_rps));
    end(service);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(as_tuned_it_is_the_configs),
        cmocka_unit_test(otherwise_it_is_simulated_when_that_is_asked_for),
        cmocka_unit_test(what_was_set_since_has_none),
        cmocka_unit_test(instances_that_take_turns_have_none),
    };
    return cmocka_run_group_tests(tests, bt_scratch_enter, bt_scratch_leave);
}
