/* A service starts its devices side by side, and the instances of each one after another; what fails is always the
 * same one, and gives everything back. A backend of this file's stands where the simulated one is in programs: no
 * step of it takes time, they wait for each other instead. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
/* cmocka wants the four above first */
#include <cmocka.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "backend/backends.h"
#include "backend/sim.h"
#include "batchtune.h"
#include "live-service.h"

#define DEVICES 3
#define SIDE    4

/* What never comes is waited for so long. Far more than any of these steps takes on a machine that is busy. */
#define PATIENCE_S 60
/* How long a start that should be alone looks out for another. */
#define LOOK_MS 5

typedef struct device_state {
    int begun, failed; /* sessions whose opening began, and failed */
    int warming, most; /* from there until they are warm */
} device_state;

/* What the backend is to do, and what it saw. Under the lock. */
static struct {
    pthread_mutex_t lock;
    pthread_cond_t changed;
    device_state devices[DEVICES];
    int open; /* sessions that were not closed */
    bool gave_up;
    bool (*may_open)(int device, int turn); /* waited for */
    bool (*fails)(int device, int turn);    /* may be NULL */
} world = {.lock = PTHREAD_MUTEX_INITIALIZER, .changed = PTHREAD_COND_INITIALIZER};

typedef struct session {
    bt_session base;
    device_state *device;
    bool warm;
} session;

static bool at_once(int device, int turn) {
    (void)device;
    (void)turn;
    return true;
}

static struct timespec in_ms(int64_t ms) {
    struct timespec at;
    clock_gettime(CLOCK_REALTIME, &at);
    const int64_t ns = at.tv_nsec + ms % 1000 * 1000000;
    return (struct timespec){.tv_sec = at.tv_sec + ms / 1000 + ns / 1000000000, .tv_nsec = ns % 1000000000};
}

/* Under the lock: a wait that ends. */
static void wait_until_it_may_open(int device, int turn) {
    const struct timespec until = in_ms(PATIENCE_S * 1000);
    while (!world.may_open(device, turn) && !world.gave_up)
        if (pthread_cond_timedwait(&world.changed, &world.lock, &until) != 0) world.gave_up = true;
}

/* Under the lock: lets others begin, if they would. */
static void look_out(const device_state *device) {
    const struct timespec until = in_ms(LOOK_MS);
    while (device->warming == 1 && pthread_cond_timedwait(&world.changed, &world.lock, &until) == 0) {
    }
}

static void warming_ends(device_state *device) {
    device->warming--;
    pthread_cond_broadcast(&world.changed);
}

static bt_status made_up_open(bt_session **out, const bt_session_options *options, bt_error *error) {
    const int index = options->device[strlen("cuda:")] - '0';
    session *s = calloc(1, sizeof *s);
    if (!s) return bt_no_memory(error, "a session");
    pthread_mutex_lock(&world.lock);
    device_state *device = s->device = &world.devices[index];
    const int turn = ++device->begun;
    if (++device->warming > device->most) device->most = device->warming;
    pthread_cond_broadcast(&world.changed);
    wait_until_it_may_open(index, turn);
    look_out(device);
    const bool fails = world.fails && world.fails(index, turn);
    if (fails) {
        device->failed++;
        warming_ends(device);
    } else {
        world.open++;
    }
    pthread_mutex_unlock(&world.lock);
    if (!fails) {
        *out = &s->base;
        return BT_OK;
    }
    free(s);
    return bt_fail(error, BT_BACKEND, "turn %d of device %d", turn, index);
}

static bt_status made_up_prepare(bt_session *base, int batch_size, bt_error *error) {
    (void)base;
    (void)batch_size;
    (void)error;
    return BT_OK;
}

static bt_status made_up_run(bt_session *base, int batch_size, const float *images, float *logits,
                             bt_error *error) {
    (void)images;
    memset(logits, 0, (size_t)batch_size * SIDE * SIDE * sizeof *logits);
    return made_up_prepare(base, batch_size, error);
}

/* A lane does so when it is warm. */
static void made_up_release_threads(bt_session *base) {
    session *s = (session *)base;
    if (s->warm) return;
    s->warm = true;
    pthread_mutex_lock(&world.lock);
    warming_ends(s->device);
    pthread_mutex_unlock(&world.lock);
}

static void made_up_close(bt_session *base) {
    pthread_mutex_lock(&world.lock);
    world.open--;
    pthread_mutex_unlock(&world.lock);
    free(base);
}

const bt_backend_operations bt_backend_sim = {
    .name = "sim",
    .open = made_up_open,
    .prepare = made_up_prepare,
    .run = made_up_run,
    .release_threads = made_up_release_threads,
    .close = made_up_close,
};

bt_status bt_sim_check(const char *specification, bt_error *error) {
    (void)specification;
    (void)error;
    return BT_OK;
}

void bt_sim_help(FILE *out) {
    (void)out;
}

double bt_sim_memory_total_mb(const char *specification) {
    (void)specification;
    return 1024;
}

/* ---- the service ---- */

static bt_service *open_service(const char *instances, int models, bool (*may_open)(int, int),
                                bool (*fails)(int, int)) {
    memset(world.devices, 0, sizeof world.devices);
    world.gave_up = false;
    world.may_open = may_open;
    world.fails = fails;
    return live_service_open(&(live_service){.backend = "sim",
                                             .batch_size = 2,
                                             .image_size = SIDE,
                                             .max_queue_delay_ms = 1,
                                             .model_count = models,
                                             .settings = instances});
}

static void close_service(bt_service *service) {
    bt_service_close(&service);
    assert_int_equal(world.open, 0);
}

static void start_and_end(const char *instances, int models, bool (*may_open)(int, int)) {
    bt_error error;
    bt_service *service = open_service(instances, models, may_open, NULL);
    if (bt_service_start(service, &error) != BT_OK) fail_msg("start: %s", error.message);
    assert_false(world.gave_up);
    close_service(service);
}

/* ---- side by side ---- */

/* The first sessions open only when those of all three devices have begun to. */
static bool all_have_begun(int device, int turn) {
    (void)device;
    (void)turn;
    return world.devices[0].begun && world.devices[1].begun && world.devices[2].begun;
}

static void devices_start_side_by_side(void **state) {
    (void)state;
    start_and_end("instances=cuda:0+cuda:1+cuda:2", 1, all_have_begun);
}

static void devices_of_different_models_too(void **state) {
    (void)state;
    start_and_end("instances=hrnet=cuda:0+cbam_resunet=cuda:1+cbam_resunet=cuda:2", 2, all_have_begun);
}

/* The first session of device 0 opens only when the last of device 1's four does: nobody waits for the others' turns. */
static bool the_slow_after_the_quick(int device, int turn) {
    (void)turn;
    return device == 1 || world.devices[1].begun == 4;
}

static void a_device_does_not_wait_for_a_slower_one(void **state) {
    (void)state;
    start_and_end("instances=cuda:0+cuda:1+cuda:0+cuda:1", 1, the_slow_after_the_quick);
}

static void instances_of_one_device_start_one_after_another(void **state) {
    (void)state;
    start_and_end("instances=cuda:0+cuda:1+cuda:0+cuda:1", 2, at_once);
    for (int i = 0; i < 2; i++) {
        assert_int_equal(world.devices[i].begun, 8); /* two models, two instances, two paths */
        assert_int_equal(world.devices[i].most, 1);
    }
}

static bool sets_process(const char *backend, bt_path path, const char *model_file) {
    const bt_session_options options = {.backend = backend,
                                        .model = "hrnet",
                                        .model_file = model_file,
                                        .device = "cuda:0",
                                        .path = path,
                                        .use_channels_last = true};
    return bt_session_sets_process(&options);
}

/* cuDNN's autotuning is on or off for the whole process. */
static void what_libtorch_runs_is_kept_apart(void **state) {
    (void)state;
    assert_false(sets_process("torch", BT_PATH_PRODUCTION, "")); /* the plan's */
    assert_true(sets_process("torch", BT_PATH_STANDARD, ""));
    assert_true(sets_process("torch", BT_PATH_PRODUCTION, "net.pt"));
    assert_false(sets_process("plan", BT_PATH_STANDARD, ""));
    assert_false(sets_process("sim", BT_PATH_STANDARD, ""));
}

/* ---- failing ---- */

static void start_fails(bt_service *service, const char *message) {
    bt_error error;
    assert_int_equal(bt_service_start(service, &error), BT_BACKEND);
    assert_string_equal(error.message, message);
    assert_false(world.gave_up);
    assert_int_equal(world.open, 0);
}

static bool of_device_1(int device, int turn) {
    (void)turn;
    return device == 1;
}

/* The others were on their way, and are closed; later the same service starts. */
static void the_second_of_three_fails_and_nothing_is_left(void **state) {
    (void)state;
    bt_error error;
    bt_service *service = open_service("instances=cuda:0+cuda:1+cuda:2", 1, all_have_begun, of_device_1);
    start_fails(service, "hrnet, instance 1 (cuda:1), production path: turn 1 of device 1");
    assert_int_equal(world.devices[1].begun, 1);
    world.fails = NULL;
    if (bt_service_start(service, &error) != BT_OK) fail_msg("start: %s", error.message);
    assert_int_equal(world.open, 6);
    close_service(service);
}

/* Device 0's third session, the second instance's, and device 1's first, the third instance's. */
static bool of_two_instances(int device, int turn) {
    return device == 0 ? turn == 3 : turn == 1;
}

/* Device 0 opens nothing before device 1 has failed. */
static bool after_device_1_has_failed(int device, int turn) {
    (void)turn;
    return device == 1 || world.devices[1].failed;
}

/* Device 1 fails last, when device 0 has. */
static bool after_device_0_has_failed(int device, int turn) {
    (void)turn;
    return device == 0 || world.devices[0].failed;
}

static void the_error_is_the_first_instances_whoever_is_quicker(void **state) {
    (void)state;
    static bool (*const orders[])(int, int) = {after_device_1_has_failed, after_device_0_has_failed};
    for (int i = 0; i < 2; i++) {
        bt_service *service = open_service("instances=cuda:0+cuda:0+cuda:1", 1, orders[i], of_two_instances);
        start_fails(service, "hrnet, instance 1 (cuda:0), production path: turn 3 of device 0");
        assert_int_equal(world.devices[1].failed, 1);
        close_service(service);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(devices_start_side_by_side),
        cmocka_unit_test(devices_of_different_models_too),
        cmocka_unit_test(a_device_does_not_wait_for_a_slower_one),
        cmocka_unit_test(instances_of_one_device_start_one_after_another),
        cmocka_unit_test(what_libtorch_runs_is_kept_apart),
        cmocka_unit_test(the_second_of_three_fails_and_nothing_is_left),
        cmocka_unit_test(the_error_is_the_first_instances_whoever_is_quicker),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
