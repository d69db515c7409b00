/* How a CPU's cores are shared out: which ways there are, which one wins, and that copies run together. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
/* cmocka wants the four above first */
#include <cmocka.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "demo-session.h"
#include "expect.h"
#include "made-up-cores.h"
#include "settings/placement.h"
#include "tune/divisions.h"
#include "tune/team.h"

static bt_settings on_the_cpu(void) {
    bt_settings settings;
    bt_option_sources sources;
    bt_options_default(bt_settings_table, bt_settings_count, &settings, &sources);
    snprintf(settings.device, sizeof settings.device, "cpu");
    return settings;
}

/* "1x0 2x8 4x4", or why not. */
static void check_cores(const bt_settings *settings, const bt_cores *cores, const char *wanted) {
    bt_division list[BT_DIVISIONS_MAX];
    int count;
    bt_error error;
    char text[200] = "";
    if (bt_divisions_list(settings, cores, list, &count, &error) != BT_OK) {
        assert_non_null(strstr(error.message, wanted));
        return;
    }
    for (int i = 0; i < count; i++) {
        size_t used = strlen(text);
        snprintf(text + used, sizeof text - used, "%s%dx%d", i ? " " : "", list[i].instances,
                 list[i].threads);
        assert_true(isnan(list[i].median_ms));
    }
    assert_string_equal(text, wanted);
}

static void check_list(const bt_settings *settings, int cores, const char *wanted) {
    const bt_cores all = made_up_cores(cores);
    check_cores(settings, &all, wanted);
}

/* A quota leaves the CPUs where they are: they are no cores to share out by default, and there for who
 * asks. */
static void a_quota_is_shared_out_and_no_more(void **state) {
    (void)state;
    bt_settings settings = on_the_cpu();
    bt_cores cores = made_up_cores(4);
    cores.quota = 0.5;
    cores.count = 1;
    check_cores(&settings, &cores, "1x0");
    settings.instances = 3;
    check_cores(&settings, &cores, "3x1");
    settings.instances = 5;
    check_cores(&settings, &cores, "need 5 cores, there are 4");
    settings.instances = 0;
    cores.quota = 2.5;
    cores.count = 3;
    check_cores(&settings, &cores, "1x0 2x1");
}

static void instances_double_while_there_are_cores(void **state) {
    (void)state;
    bt_settings settings = on_the_cpu();
    check_list(&settings, 1, "1x0");
    check_list(&settings, 2, "1x0 2x1");
    check_list(&settings, 6, "1x0 2x3 4x1");
    check_list(&settings, 128, "1x0 2x64 4x32 8x16 16x8");
    settings.threads = 4;
    check_list(&settings, 12, "1x4 2x4");
    check_list(&settings, 2, "1x4"); /* more threads than cores is the user's own wish */
}

static void what_was_asked_for_is_not_compared(void **state) {
    (void)state;
    bt_settings settings = on_the_cpu();
    settings.instances = 3;
    check_list(&settings, 8, "3x2");
    check_list(&settings, 2, "--instances: 3 of 1 threads need 3 cores, there are 2");
    settings.threads = 4;
    check_list(&settings, 8, "--instances: 3 of 4 threads need 12 cores, there are 8");
    snprintf(settings.device, sizeof settings.device, "cuda:0");
    check_list(&settings, 64, "on cuda:0 there is one");
}

static void a_gpu_and_a_simulation_take_one(void **state) {
    (void)state;
    bt_settings settings = on_the_cpu();
    snprintf(settings.backend, sizeof settings.backend, "sim:tau0_ms=4");
    check_list(&settings, 8, "1x0");
    settings = on_the_cpu();
    snprintf(settings.device, sizeof settings.device, "cuda:1");
    check_list(&settings, 8, "1x0");
}

/* Medians of 1, 2, 4 instances; NaN: not measured. */
static int chosen_of_two(const bt_settings *settings, const double one_ms[3], const double other_ms[3]) {
    bt_division lists[2][3];
    for (int i = 0; i < 3; i++) {
        lists[0][i] = lists[1][i] = (bt_division){.instances = 1 << i};
        bt_division_note(&lists[0][i], one_ms[i]);
        bt_division_note(&lists[1][i], other_ms[i]);
    }
    const bt_division *of[2] = {lists[0], lists[1]};
    return 1 << bt_divisions_choose(of, 2, 3, settings);
}

static int chosen(const bt_settings *settings, double one, double two, double four) {
    const double ms[3] = {one, two, four};
    return chosen_of_two(settings, ms, ms);
}

static void models_of_a_run_are_divided_alike(void **state) {
    (void)state;
    bt_settings settings = on_the_cpu();
    settings.p95_sla_ms = 100;
    const double gains[3] = {20, 32, 70}, even[3] = {30, 60, 120}, loses[3] = {30, 90, 180};
    assert_int_equal(chosen_of_two(&settings, gains, even), 2);  /* 25 % for one, nothing for the other */
    assert_int_equal(chosen_of_two(&settings, gains, loses), 1); /* the other loses a third */
    settings.p95_sla_ms = 50;
    assert_int_equal(chosen_of_two(&settings, gains, even), 1); /* the other would be late */
}

static void the_one_that_serves_most_wins(void **state) {
    (void)state;
    bt_settings settings = on_the_cpu();
    settings.p95_sla_ms = 100;
    assert_int_equal(chosen(&settings, 20, 25, 80), 2);
    assert_int_equal(chosen(&settings, 20, 35, 50), 4);
    assert_int_equal(chosen(&settings, 20, 39, 80), 1);    /* within 5 %: the fewer copies the better */
    assert_int_equal(chosen(&settings, 60, 90, 110), 2);   /* late ones do not count */
    assert_int_equal(chosen(&settings, 160, 190, 210), 4); /* unless all are */
    assert_int_equal(chosen(&settings, 20, NAN, NAN), 1);
    assert_int_equal(chosen(&settings, NAN, 30, NAN), 2);
    assert_int_equal(chosen(&settings, NAN, NAN, NAN), 1);
    settings.objective = BT_OBJECTIVE_LATENCY;
    assert_int_equal(chosen(&settings, 20, 25, 30), 1);
}

/* ---- teams ---- */

/* Members of one thread each. */
static bt_status open_team(bt_team **team, const char *backend, int instances, bt_error *error) {
    bt_session_options options = demo_session(backend, "hrnet", BT_PATH_PRODUCTION, 32);
    options.threads = 1;
    return bt_team_open(team, &options, instances, error);
}

static int cores(void) {
    const bt_cores here = bt_cores_read();
    return CPU_COUNT(&here.mask);
}

static void check_team(int instances) {
    static float images[2 * 3 * 32 * 32], logits[2 * 32 * 32];
    enum { RUNS = 5 };
    double samples_ms[RUNS + 1] = {[RUNS] = -1};
    bt_team *team;
    bt_error error;
    must(open_team(&team, "sim:tau0_ms=30,alpha_ms=0,noise=0", instances, &error), &error);
    assert_int_equal(bt_team_prepare(team, 2, 32 * 32, &error), BT_OK);
    int64_t start_ns = bt_clock_now_ns();
    assert_int_equal(bt_team_time(team, 2, RUNS, images, logits, samples_ms, &error), BT_OK);
    double elapsed_ms = bt_ms(bt_clock_now_ns() - start_ns);
    double sum_ms = 0;
    for (int i = 0; i < RUNS; i++) {
        assert_true(samples_ms[i] >= 30); /* a simulated batch sleeps that long */
        sum_ms += samples_ms[i];
    }
    assert_true(samples_ms[RUNS] == -1);
    /* Alone they run one after another; together they do not, or it would take as long. */
    if (instances == 1)
        assert_true(elapsed_ms >= sum_ms);
    else
        assert_true(elapsed_ms < sum_ms);
    assert_int_equal(bt_team_run(team, 1, images, logits, &error), BT_OK);
    bt_team_close(&team);
    assert_null(team);
}

static void copies_run_together(void **state) {
    (void)state;
    check_team(1);
    if (cores() < 2) skip();
    check_team(2);
}

static void a_team_needs_cores(void **state) {
    (void)state;
    bt_team *team;
    bt_error error;
    if (cores() >= BT_INSTANCES_MAX) skip();
    assert_int_equal(open_team(&team, "sim:tau0_ms=30,alpha_ms=0,noise=0", BT_INSTANCES_MAX, &error),
                     BT_INVALID);
    assert_null(team);
}

static void a_member_that_does_not_open_is_told(void **state) {
    (void)state;
    bt_team *team;
    bt_error error;
    if (cores() < 2) skip();
    assert_int_equal(open_team(&team, "sim:unknown=1", 2, &error), BT_INVALID);
    assert_non_null(strstr(error.message, "unknown"));
    assert_null(team);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(instances_double_while_there_are_cores),
        cmocka_unit_test(a_quota_is_shared_out_and_no_more),
        cmocka_unit_test(what_was_asked_for_is_not_compared),
        cmocka_unit_test(a_gpu_and_a_simulation_take_one),
        cmocka_unit_test(the_one_that_serves_most_wins),
        cmocka_unit_test(models_of_a_run_are_divided_alike),
        cmocka_unit_test(copies_run_together),
        cmocka_unit_test(a_team_needs_cores),
        cmocka_unit_test(a_member_that_does_not_open_is_told),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
