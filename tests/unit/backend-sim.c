/* The simulated backend takes the time it was told to, keeps its memory's account, and fails when asked to;
 * what it does not understand it refuses by name. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <math.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "backend/backend.h"
#include "backend/sim.h"
#include "base/atomic.h"
#include "base/clock.h"
#include "base/random.h"
#include "expect.h"

#define MEGABYTE (1024 * 1024)

static bt_session *open_model(const char *specification, const char *model) {
    bt_session_options options = {.backend = specification, .model = model, .height = 64, .width = 64};
    bt_session *session = NULL;
    bt_error error = {0};
    if (bt_session_open(&session, &options, &error) != BT_OK)
        fail_msg("%s: %s", specification, error.message);
    return session;
}

static bt_session *open_sim(const char *specification) {
    return open_model(specification, "hrnet");
}

static int64_t run_ns(bt_session *session, int batch_size) {
    bt_error error = {0};
    int64_t start_ns = bt_clock_now_ns();
    assert_int_equal(bt_session_run(session, batch_size, NULL, NULL, &error), BT_OK);
    return bt_clock_now_ns() - start_ns;
}

/* A busy machine makes single runs late, never early, and the least of several is close to what was asked
 * for. */
static void time_is_tau0_plus_alpha_b(void **state) {
    (void)state;
    bt_session *session = open_sim("sim:tau0_ms=4,alpha_ms=2,noise=0");
    for (int b = 1; b <= 4; b *= 2) {
        int64_t wanted_ns = (4 + 2 * b) * BT_NS_PER_MS, least_ns = INT64_MAX;
        for (int i = 0; i < 10; i++) {
            int64_t took_ns = run_ns(session, b);
            assert_true(took_ns >= wanted_ns);
            if (took_ns < least_ns) least_ns = took_ns;
        }
        assert_true(least_ns < wanted_ns + 2 * BT_NS_PER_MS);
    }
    bt_session_close(&session);
    assert_null(session);
    bt_session_close(&session);
}

/* The noise is the seed's own stream of normal numbers, so that what each run must take at least is known. */
static void noise_is_lognormal_and_seeded(void **state) {
    (void)state;
    bt_session *session = open_sim("sim:tau0_ms=1,alpha_ms=0,noise=0.5,seed=7");
    bt_random noise = bt_random_stream(7, "sim/noise");
    int shorter = 0;
    int64_t least_late_ns = INT64_MAX;
    for (int i = 0; i < 40; i++) {
        int64_t wanted_ns = (int64_t)(1e6 * exp(0.5 * bt_random_normal(&noise)));
        int64_t late_ns = run_ns(session, 1) - wanted_ns;
        assert_true(late_ns >= 0);
        if (late_ns < least_late_ns) least_late_ns = late_ns;
        shorter += wanted_ns < BT_NS_PER_MS;
    }
    assert_true(least_late_ns < BT_NS_PER_MS);
    assert_in_range(shorter, 8, 32);
    bt_session_close(&session);
}

static void zero_time_is_nearly_nothing(void **state) {
    (void)state;
    bt_session *session = open_sim("sim:tau0_ms=0,alpha_ms=0");
    int64_t least_ns = INT64_MAX;
    for (int i = 0; i < 1000; i++) {
        int64_t took_ns = run_ns(session, 16);
        if (took_ns < least_ns) least_ns = took_ns;
    }
    assert_true(least_ns < 1000);
    bt_session_close(&session);
}

static void memory_is_the_high_water_mark(void **state) {
    (void)state;
    bt_session *session =
        open_sim("sim:tau0_ms=0,alpha_ms=0,memory_mb=100,memory_per_image_mb=30,memory_total_mb=1000");
    bt_error error = {0};
    bt_memory memory;
    run_ns(session, 8);
    run_ns(session, 2);
    assert_int_equal(bt_session_memory(session, &memory, &error), BT_OK);
    assert_int_equal(memory.used_peak_bytes, (100 + 8 * 30) * MEGABYTE);
    assert_int_equal(memory.total_bytes, 1000 * MEGABYTE);
    assert_int_equal(memory.before_bytes, 0);
    assert_int_equal(bt_session_memory_reset(session, &error), BT_OK);
    run_ns(session, 2);
    assert_int_equal(bt_session_memory(session, &memory, &error), BT_OK);
    assert_int_equal(memory.used_peak_bytes, (100 + 2 * 30) * MEGABYTE);
    assert_int_equal(bt_session_prepare(session, 30, &error), BT_OK); /* 1000 MB just fit */
    assert_int_equal(bt_session_prepare(session, 31, &error), BT_OUT_OF_DEVICE_MEMORY);
    assert_int_equal(bt_session_run(session, 31, NULL, NULL, &error), BT_OUT_OF_DEVICE_MEMORY);
    run_ns(session, 30);
    bt_session_close(&session);
}

static void faults_come_when_asked_for(void **state) {
    (void)state;
    bt_session *session = open_sim("sim:tau0_ms=0,alpha_ms=0,oom_at=8,fail_every=3");
    bt_error error = {0};
    assert_int_equal(bt_session_run(session, 8, NULL, NULL, &error), BT_OUT_OF_DEVICE_MEMORY);
    assert_non_null(strstr(error.message, "batch of 8"));
    for (int i = 1; i <= 9; i++)
        assert_int_equal(bt_session_run(session, 7, NULL, NULL, &error), i % 3 == 0 ? BT_BACKEND : BT_OK);
    bt_session_close(&session);
}

static void crash_kills_the_process(void **state) {
    (void)state;
    pid_t child = fork();
    if (child == 0) {
        bt_session *session = open_sim("sim:tau0_ms=0,alpha_ms=0,crash_at=4");
        run_ns(session, 3);
        run_ns(session, 4);
        _exit(0);
    }
    int status;
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_true(WIFSIGNALED(status));
    assert_int_equal(WTERMSIG(status), SIGKILL);
}

static void loading_takes_its_time(void **state) {
    (void)state;
    int64_t start_ns = bt_clock_now_ns();
    bt_session *session = open_sim("sim:load_ms=30");
    assert_true(bt_clock_now_ns() - start_ns >= 30 * BT_NS_PER_MS);
    bt_session_close(&session);
}

static void bad_specifications_are_named(void **state) {
    (void)state;
    static const refusal cases[] = {
        {"sim:tau_ms=4", "did you mean tau0_ms"},
        {"sim:tau0_ms", "\"tau0_ms\" is not key=value"},
        {"sim:tau0_ms=", "tau0_ms: \"\""},
        {"sim:tau0_ms=4x", "tau0_ms: \"4x\""},
        {"sim:tau0_ms=-1", "tau0_ms: \"-1\""},
        {"sim:tau0_ms=nan", "tau0_ms: \"nan\""},
        {"sim:tau0_ms=inf", "tau0_ms: \"inf\""},
        {"sim:noise=3", "above 2"},
        {"sim:oom_at=1.5", "whole number"},
        {"sim:seed=1,,noise=0", "\"\" is not key=value"},
        {"sim:seed=1,", "\"\" is not key=value"},
        {"sim:faults=fial@3", "\"fial@3\""},
        {"sim:faults=fail", "\"fail\""},
        {"sim:faults=fail@0", "\"fail@0\""},
        {"sim:faults=fail@5-3", "\"fail@5-3\""},
        {"sim:faults=fail@3:20", "\"fail@3:20\""},
        {"sim:faults=nan@3+", "nan@3+"},
        {"sim:faults=stall@3:-1", "\"stall@3:-1\""},
        {"sim:standard_faults=oom", "standard_faults"},
        {"simulated", "'simulated'"},
        {"", "''"},
        {"torch:threads=2", "torch"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        bt_error error = {0};
        if (bt_backend_check(cases[i].given, &error) != BT_INVALID)
            fail_msg("'%s' was taken", cases[i].given);
        refused_saying(&cases[i], error.message);
    }
    bt_error error = {0};
    assert_int_equal(bt_backend_check("sim", &error), BT_OK);
    assert_int_equal(bt_backend_check("torch", &error), BT_OK);
    assert_int_equal(
        bt_backend_check("sim:tau0_ms=4,alpha_ms=2,noise=0.05,seed=1,memory_mb=100,memory_per_image_mb=30,"
                         "oom_at=5,fail_every=9",
                         &error),
        BT_OK);
    assert_int_equal(bt_backend_check(NULL, &error), BT_INVALID);
}

static void only_the_simulation_simulates(void **state) {
    (void)state;
    assert_true(bt_backend_simulates("sim"));
    assert_true(bt_backend_simulates("sim:tau0_ms=4"));
    static const char *const others[] = {"torch", "plan", "simulated", "si", "", NULL};
    for (size_t i = 0; i < sizeof others / sizeof *others; i++)
        assert_false(bt_backend_simulates(others[i]));
}

static void options_out_of_bounds_are_refused(void **state) {
    (void)state;
    bt_session *session = NULL;
    bt_error error = {0};
    bt_session_options options = {.backend = "sim", .height = 0, .width = 64};
    assert_int_equal(bt_session_open(&session, &options, &error), BT_INVALID);
    options = (bt_session_options){.backend = "sim", .height = 64, .width = 64, .threads = -1};
    assert_int_equal(bt_session_open(&session, &options, &error), BT_INVALID);
    session = open_sim("sim:tau0_ms=0,alpha_ms=0");
    assert_int_equal(bt_session_run(session, 0, NULL, NULL, &error), BT_INVALID);
    assert_int_equal(bt_session_prepare(session, -1, &error), BT_INVALID);
    bt_session_close(&session);
}

static void help_names_every_key_that_is_taken(void **state) {
    (void)state;
    char text[4096] = "", name[64];
    FILE *file = fmemopen(text, sizeof text, "w");
    assert_non_null(file);
    bt_sim_help(file);
    fclose(file);
    int keys = 0;
    for (char *line = strtok(text, "\n"); line; line = strtok(NULL, "\n")) {
        char specification[96];
        bt_error error;
        if (strspn(line, " ") > 2) continue; /* the line before goes on */
        keys++;
        assert_int_equal(sscanf(line, " %63s", name), 1);
        const bool is_switch = strcmp(name, "echo") == 0 || strcmp(name, "pictures") == 0;
        const char *value = is_switch ? "true" : strstr(name, "faults") ? "fail@1" : "1";
        snprintf(specification, sizeof specification, "sim:%s=%s", name, value);
        assert_int_equal(bt_backend_check(specification, &error), BT_OK);
    }
    assert_int_equal(keys, 20);
}

static bt_session *open_path(const char *specification, bt_path path) {
    bt_session *session;
    bt_error error;
    bt_session_options options = {.backend = specification, .path = path, .height = 2, .width = 2};
    assert_int_equal(bt_session_open(&session, &options, &error), BT_OK);
    return session;
}

static void planted_faults_come_at_their_runs_of_their_path(void **state) {
    (void)state;
    static const bt_status expected[] = {
        BT_OK, BT_BACKEND, BT_OK, BT_OK, BT_OUT_OF_DEVICE_MEMORY, BT_OUT_OF_DEVICE_MEMORY, BT_OK, BT_BACKEND};
    const char *specification = "sim:tau0_ms=0,alpha_ms=0,faults=fail@2+nan@3+oom@5-6+fail%8+stall@7:30";
    bt_session *production = open_path(specification, BT_PATH_PRODUCTION);
    bt_session *standard = open_path(specification, BT_PATH_STANDARD);
    float images[12] = {0}, logits[4] = {1, 1, 1, 1};
    bt_error error;
    for (int run = 1; run <= 8; run++) {
        int64_t start_ns = bt_clock_now_ns();
        assert_int_equal(bt_session_run(production, 1, images, logits, &error), expected[run - 1]);
        int64_t took_ns = bt_clock_now_ns() - start_ns;
        if (expected[run - 1] == BT_OK) assert_int_equal(isnan(logits[3]), run == 3);
        if (run == 7) assert_true(took_ns >= 30 * BT_NS_PER_MS);
        assert_int_equal(bt_session_run(standard, 1, images, logits, &error), BT_OK);
    }
    bt_session_close(&production);
    bt_session_close(&standard);
}

static void an_echo_tells_whose_result_it_is(void **state) {
    (void)state;
    bt_session *session = open_path("sim:tau0_ms=0,alpha_ms=0,echo=true", BT_PATH_PRODUCTION);
    float images[24], logits[8];
    bt_error error;
    for (int i = 0; i < 24; i++)
        images[i] = i < 12 ? 3 : (float)i;
    assert_int_equal(bt_session_run(session, 2, images, logits, &error), BT_OK);
    for (int i = 0; i < 8; i++)
        assert_float_equal(logits[i], i < 4 ? 3 : 17.5, 1e-6);
    bt_session_close(&session);
}

/* Slot 1 is put first, and comes again for the third image of the batch. */
static void each_class_has_a_plane_of_its_own(void **state) {
    (void)state;
    bt_session *session = open_path("sim:tau0_ms=0,alpha_ms=0,echo=true,classes=3", BT_PATH_PRODUCTION);
    float images[2 * 3 * 4], logits[2 * 3 * 4];
    bt_error error;
    for (int i = 0; i < 24; i++)
        images[i] = i < 12 ? 1 : -2;
    assert_int_equal(bt_session_describe(session)->classes, 3);
    must(bt_session_run(session, 2, images, logits, &error), &error);
    for (int i = 0; i < 24; i++)
        assert_float_equal(logits[i], (float)(i / 4 % 3) * (i < 12 ? 1.0F : -2.0F), 0);
    bt_session_close(&session);
}

static void pictures_echo_what_their_images_do(void **state) {
    (void)state;
    bt_session *session = open_path("sim:tau0_ms=0,alpha_ms=0,echo=true,pictures=true", BT_PATH_PRODUCTION);
    static const bt_image_norm norm = {.mean = {0, 0, 0}, .std = {1, 1, 1}};
    static const uint8_t black[12], white[3] = {255, 255, 255};
    float logits[12];
    bt_error error;
    assert_true(bt_session_describe(session)->takes_pictures);
    assert_int_equal(bt_session_put_picture(session, 1, white, 1, 1, &norm, &error), BT_OK);
    assert_int_equal(bt_session_put_picture(session, 0, black, 2, 2, &norm, &error), BT_OK);
    assert_int_equal(bt_session_run_pictures(session, 3, 2, logits, &error), BT_OK);
    for (int i = 0; i < 12; i++)
        assert_float_equal(logits[i], i < 4 ? 0 : 1, 1e-6);
    assert_int_equal(bt_session_run_pictures(session, 3, 3, logits, &error), BT_INVALID);
    static const float ready[12] = {6, 6, 6, 6, 6, 6, 6, 6, 6, 6, 6, 6};
    bool tame = false;
    assert_int_equal(bt_session_put_tensor(session, 0, ready, BT_TENSOR_FP32, &tame, &error), BT_OK);
    assert_true(tame);
    assert_int_equal(bt_session_run_pictures(session, 3, 2, logits, &error), BT_OK);
    for (int i = 0; i < 12; i++)
        assert_float_equal(logits[i], i < 4 ? 6 : 1, 1e-6);
    bt_session_close(&session);
    session = open_path("sim:tau0_ms=0,alpha_ms=0", BT_PATH_PRODUCTION);
    assert_int_equal(bt_session_put_picture(session, 0, white, 1, 1, &norm, &error), BT_UNSUPPORTED);
    assert_int_equal(bt_session_put_tensor(session, 0, ready, BT_TENSOR_FP32, &tame, &error), BT_UNSUPPORTED);
    assert_int_equal(bt_session_run_pictures(session, 1, 1, logits, &error), BT_UNSUPPORTED);
    bt_session_close(&session);
}

static void the_standard_path_may_take_its_own_time(void **state) {
    (void)state;
    bt_session *session = open_path("sim:tau0_ms=0,alpha_ms=0,noise=0,standard_ms=20", BT_PATH_STANDARD);
    bt_error error;
    int64_t start_ns = bt_clock_now_ns();
    assert_int_equal(bt_session_run(session, 1, NULL, NULL, &error), BT_OK);
    assert_true(bt_clock_now_ns() - start_ns >= 20 * BT_NS_PER_MS);
    bt_session_close(&session);
}

static void description_says_that_nothing_is_computed(void **state) {
    (void)state;
    bt_session *session = open_sim("sim:seed=5");
    const bt_session_info *info = bt_session_describe(session);
    assert_string_equal(info->backend, "sim");
    assert_string_equal(info->backend_detail, "sim:seed=5");
    assert_string_equal(info->precision, "none");
    assert_false(info->computes_masks);
    assert_true(info->device_memory);
    bt_session_close(&session);
}

/* ---- neighbours ---- */

static atomic_bool is_over;

/* As many runs as a quarter of a second holds, without a gap between them. */
static void *keep_running(void *session) {
    const int64_t until_ns = bt_clock_now_ns() + BT_NS_PER_S / 4;
    while (bt_clock_now_ns() < until_ns)
        (void)run_ns(session, 1);
    atomic_store(&is_over, true);
    return NULL;
}

/* The longest of its runs while the other's go on. */
static int64_t longest_beside_ns(bt_session *session, bt_session *other) {
    pthread_t thread;
    int64_t longest_ns = 0;
    atomic_store(&is_over, false);
    assert_int_equal(pthread_create(&thread, NULL, keep_running, other), 0);
    while (!atomic_load(&is_over)) {
        const int64_t took_ns = run_ns(session, 1);
        if (took_ns > longest_ns) longest_ns = took_ns;
    }
    pthread_join(thread, NULL);
    return longest_ns;
}

static int64_t least_ns(bt_session *session) {
    int64_t least_ns = INT64_MAX;
    for (int i = 0; i < 10; i++) {
        const int64_t took_ns = run_ns(session, 1);
        if (took_ns < least_ns) least_ns = took_ns;
    }
    return least_ns;
}

/* The other goes on while a run of 10 ms takes 30, and that it has gaps between its runs shortens it by little. */
static void a_run_is_slower_while_another_models_is_under_way(void **state) {
    (void)state;
    bt_session *session = open_model("sim:tau0_ms=10,alpha_ms=0,noise=0,neighbour=3", "hrnet");
    bt_session *other = open_model("sim:tau0_ms=10,alpha_ms=0,noise=0,neighbour=2", "cbam_resunet");
    assert_true(longest_beside_ns(session, other) > 29 * BT_NS_PER_MS);
    assert_true(least_ns(session) < 12 * BT_NS_PER_MS);
    bt_session_close(&session);
    bt_session_close(&other);
}

/* Two instances of one model are no neighbours, nor is anybody's that has ended. */
static void its_own_models_runs_slow_none(void **state) {
    (void)state;
    const char *specification = "sim:tau0_ms=10,alpha_ms=0,noise=0,neighbour=100";
    bt_session *session = open_model(specification, "hrnet"), *twin = open_model(specification, "hrnet");
    bt_session *gone = open_model(specification, "cbam_resunet");
    (void)run_ns(gone, 1);
    bt_session_close(&gone);
    assert_true(longest_beside_ns(session, twin) < BT_NS_PER_S);
    bt_session_close(&session);
    bt_session_close(&twin);
}

static void a_run_after_another_models_takes_longer(void **state) {
    (void)state;
    const char *specification = "sim:tau0_ms=2,alpha_ms=0,noise=0,switch_ms=20";
    bt_session *session = open_model(specification, "hrnet"),
               *other = open_model(specification, "cbam_resunet");
    assert_true(least_ns(session) < 20 * BT_NS_PER_MS);
    for (int i = 0; i < 3; i++) {
        assert_true(run_ns(other, 1) >= 22 * BT_NS_PER_MS);
        assert_true(run_ns(session, 1) >= 22 * BT_NS_PER_MS);
    }
    assert_true(least_ns(session) < 20 * BT_NS_PER_MS);
    bt_session_close(&session);
    bt_session_close(&other);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(time_is_tau0_plus_alpha_b),
        cmocka_unit_test(noise_is_lognormal_and_seeded),
        cmocka_unit_test(zero_time_is_nearly_nothing),
        cmocka_unit_test(memory_is_the_high_water_mark),
        cmocka_unit_test(faults_come_when_asked_for),
        cmocka_unit_test(crash_kills_the_process),
        cmocka_unit_test(loading_takes_its_time),
        cmocka_unit_test(bad_specifications_are_named),
        cmocka_unit_test(only_the_simulation_simulates),
        cmocka_unit_test(options_out_of_bounds_are_refused),
        cmocka_unit_test(help_names_every_key_that_is_taken),
        cmocka_unit_test(planted_faults_come_at_their_runs_of_their_path),
        cmocka_unit_test(an_echo_tells_whose_result_it_is),
        cmocka_unit_test(each_class_has_a_plane_of_its_own),
        cmocka_unit_test(pictures_echo_what_their_images_do),
        cmocka_unit_test(the_standard_path_may_take_its_own_time),
        cmocka_unit_test(description_says_that_nothing_is_computed),
        cmocka_unit_test(a_run_is_slower_while_another_models_is_under_way),
        cmocka_unit_test(its_own_models_runs_slow_none),
        cmocka_unit_test(a_run_after_another_models_takes_longer),
    };
    return cmocka_run_group_tests_name("backend/sim", tests, NULL, NULL);
}
