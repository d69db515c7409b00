/* A service whose memory or threads run out refuses in one line, loses no request and gives back everything:
 * the n-th allocation, and the n-th thread, fail on the way from the config to an answer, and through a whole
 * load test. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
/* cmocka wants the four above first */
#include <cmocka.h>
#include <errno.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/files.h"
#include "batchtune.h"
#include "faults.h"
#include "prove/trial.h"
#include "scratch.h"

#define SIDE 4
#define OK   (1u << BT_OK)

static uint8_t grey[SIDE * SIDE * 3];
static const bt_request plain = {.image = grey, .height = SIDE, .width = SIDE, .model = "hrnet"};
static bt_config *config;

static void write_config(void) {
    static const char text[] =
        "{\"schema_version\": 1, \"settings\": {\"backend\": \"sim:tau0_ms=0,alpha_ms=0,noise=0,echo=true\", "
        "\"max_queue_delay_ms\": 0.1}, \"configurations\": {\"hrnet\": {\"optimal_batch_size\": 2, "
        "\"image_size\": 4}}}";
    bt_error error;
    if (bt_file_replace("config.json", text, sizeof text - 1, false, &error)) fail_msg("%s", error.message);
    if (bt_config_load(&config, "config.json", &error)) fail_msg("%s", error.message);
}

/* Twice started after a failure is what a patient caller does; here once is enough. */
static bt_status serve(bt_error *error) {
    bt_service *service = NULL;
    bt_error ignored;
    uint8_t mask[SIDE * SIDE];
    bt_request request = plain;
    request.mask = mask;
    bt_status status = bt_service_open(&service, &(bt_service_options){.config = "config.json"}, error);
    if (status == BT_OK) status = bt_service_start(service, error);
    for (int i = 0; i < 3 && status == BT_OK; i++)
        status = bt_service_infer(service, &request, NULL, error);
    char *json = NULL, *text = NULL;
    if (status == BT_OK) status = bt_service_metrics_json(service, &json, error);
    if (status == BT_OK) status = bt_service_metrics_prometheus(service, &text, error);
    bt_free(json);
    bt_free(text);
    if (service && bt_service_stop(service, 10000, &ignored) == BT_TIMEOUT) fail_msg("it does not stop");
    bt_service_close(&service);
    return status;
}

/* What could not be started may be, once there is memory again. */
static bt_status start_again(bt_error *error) {
    bt_service *service = NULL;
    bt_error second;
    bt_status status = bt_service_open(&service, &(bt_service_options){.config = "config.json"}, error);
    if (status != BT_OK) return status;
    status = bt_service_start(service, error);
    faults_end(NULL);
    if (status != BT_OK && bt_service_start(service, &second) != BT_OK)
        fail_msg("after \"%s\" it does not start again: %s", error->message, second.message);
    if (bt_service_infer(service, &plain, NULL, &second) != BT_OK) fail_msg("%s", second.message);
    bt_service_close(&service);
    return status;
}

static void a_service_without_memory_refuses(void **state) {
    (void)state;
    static const fault_case one = {"open, start, ask, stop", .run = serve, .allowed = 1u << BT_BACKEND};
    faults_each(&one, &(fault){.calls = FAULT_MEMORY}, BT_NO_MEMORY);
    faults_each(&one, &(fault){.calls = FAULT_MEMORY, .lasting = true}, BT_NO_MEMORY);
}

static void a_service_without_threads_refuses(void **state) {
    (void)state;
    static const fault_case one = {"open, start, ask, stop", .run = serve, .allowed = 1u << BT_NO_MEMORY};
    faults_each(&one, &(fault){.calls = FAULT_THREAD, .cause = EAGAIN}, BT_IO);
    faults_each(&one, &(fault){.calls = FAULT_THREAD, .cause = EAGAIN, .lasting = true}, BT_IO);
}

/* faults_each would not see the fault that start_again ends, so the loop is here. */
static void what_could_not_start_starts_later(void **state) {
    (void)state;
    bt_error error;
    faults_plant(&(fault){.calls = FAULT_MEMORY | FAULT_THREAD});
    assert_int_equal(serve(&error), BT_OK);
    long calls = faults_end(NULL);
    for (long at = 1; at <= calls; at++) {
        faults_plant(&(fault){.calls = FAULT_MEMORY | FAULT_THREAD, .at = at, .cause = EAGAIN});
        (void)start_again(&error);
        faults_end(NULL);
    }
}

/* ---- a whole load test ----------------------------------------------------------- */

static bt_status prove(bt_error *error) {
    static bt_load_settings settings;
    static bt_option_sources sources;
    static bt_machine machine;
    size_t count;
    const bt_option *table = bt_load_settings_table(&count);
    bt_load_record *record = NULL;
    char *argv[] = {"x", "--scenarios", "sustained", "--rate", "200", "--duration", "1"};
    bt_options_request request;
    bt_options_default(table, count, &settings, &sources);
    bt_status status =
        bt_options_parse(table, count, 7, argv, &settings, &sources, NULL, 0, NULL, &request, error);
    if (status == BT_OK)
        status = bt_trial_run(&record,
                              &(bt_trial_options){.settings = &settings,
                                                  .sources = &sources,
                                                  .config = config,
                                                  .machine = &machine,
                                                  .command = "x",
                                                  .run_id = "x"},
                              error);
    bt_load_record_close(&record);
    return status;
}

/* It takes seconds each, so some of the failures; tests/commands/faults-programs.sh and make faults try
 * more. */
static void a_load_test_without_memory_ends(void **state) {
    (void)state;
    bt_error error = {BT_OK, ""};
    faults_plant(&(fault){.calls = FAULT_MEMORY | FAULT_THREAD});
    if (prove(&error)) fail_msg("%s", error.message);
    long calls = faults_end(NULL);
    const char *wanted = getenv("BATCHTUNE_FAULTS");
    long step = wanted && strcmp(wanted, "all") == 0 ? 1 : calls / 15 + 1;
    for (long at = 1; at <= calls; at += step) {
        bool struck;
        error = (bt_error){BT_OK, ""};
        alarm(120);
        faults_plant(&(fault){.calls = FAULT_MEMORY | FAULT_THREAD, .at = at, .cause = EAGAIN});
        bt_status status = prove(&error);
        faults_end(&struck);
        alarm(0);
        if (status != BT_OK && status != BT_NO_MEMORY && status != BT_IO)
            fail_msg("call %ld of %ld: %s", at, calls, error.message);
        if (status != BT_OK && !error.message[0]) fail_msg("call %ld of %ld: no message", at, calls);
    }
}

static int set_up(void **state) {
    if (bt_scratch_enter(state)) return -1;
    write_config();
    return 0;
}

static int tear_down(void **state) {
    bt_config_close(&config);
    print_message("# %ld failures planted\n", faults_struck());
    return bt_scratch_leave(state);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_service_without_memory_refuses),
        cmocka_unit_test(a_service_without_threads_refuses),
        cmocka_unit_test(what_could_not_start_starts_later),
        cmocka_unit_test(a_load_test_without_memory_ends),
    };
    return cmocka_run_group_tests_name("faults: a service", tests, set_up, tear_down);
}
