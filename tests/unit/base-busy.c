/* What others use of the cores is told apart from what the process uses itself. No timing is asserted but one
 * that a busy machine only makes truer: a spinning neighbour is seen. */
#include <math.h>
#include <sched.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/busy.h"
#include "base/clock.h"

static void a_short_time_is_not_judged(void **state) {
    (void)state;
    bt_busy before = bt_busy_now();
    assert_true(isnan(bt_busy_others_since(&before)));
}

static void a_spinning_neighbour_is_seen(void **state) {
    (void)state;
    pid_t pid = fork();
    if (pid == 0) {
        prctl(PR_SET_PDEATHSIG, SIGKILL);
        for (volatile unsigned spin = 0;; spin++) {
        }
    }
    assert_true(pid > 0);
    bt_busy before = bt_busy_now();
    bt_clock_sleep_until_ns(before.wall_ns + 500 * BT_NS_PER_MS);
    double others = bt_busy_others_since(&before);
    kill(pid, SIGKILL);
    waitpid(pid, NULL, 0);
    assert_true(others > 0.4); /* it had a core to itself, or shared it with still others: both count */
    assert_true(others <= (double)sysconf(_SC_NPROCESSORS_ONLN) + 0.5);
}

/* Two windows of the same length, one idle and one spinning: what the process does itself does not look like
 * others' work. */
static void ones_own_work_does_not_count(void **state) {
    (void)state;
    for (int attempt = 0;; attempt++) {
        bt_busy idle = bt_busy_now();
        bt_clock_sleep_until_ns(idle.wall_ns + 300 * BT_NS_PER_MS);
        double others_then = bt_busy_others_since(&idle);
        bt_busy spinning = bt_busy_now();
        while (bt_clock_now_ns() < spinning.wall_ns + 300 * BT_NS_PER_MS) {
        }
        double others_now = bt_busy_others_since(&spinning);
        if (others_now < others_then + 0.5) return; /* counted as others', it would be one core more */
        if (attempt == 20)
            fail_msg("%.2f cores of others while idle, %.2f while spinning", others_then, others_now);
    }
}

/* The process on one CPU, a neighbour that spins on another. */
static void work_on_other_cpus_does_not_count(void **state) {
    (void)state;
    cpu_set_t all, one, other;
    assert_int_equal(sched_getaffinity(0, sizeof all, &all), 0);
    if (CPU_COUNT(&all) < 2) skip();
    CPU_ZERO(&one);
    CPU_ZERO(&other);
    for (size_t cpu = 0; CPU_COUNT(&other) == 0; cpu++)
        if (CPU_ISSET(cpu, &all)) CPU_SET(cpu, CPU_COUNT(&one) == 0 ? &one : &other);
    pid_t pid = fork();
    if (pid == 0) {
        prctl(PR_SET_PDEATHSIG, SIGKILL);
        sched_setaffinity(0, sizeof other, &other);
        for (volatile unsigned spin = 0;; spin++) {
        }
    }
    assert_true(pid > 0);
    double here = 1, everywhere = 0;
    for (int attempt = 0; attempt < 20 && here > everywhere - 0.5; attempt++) {
        assert_int_equal(sched_setaffinity(0, sizeof all, &all), 0);
        bt_busy before = bt_busy_now();
        bt_clock_sleep_until_ns(before.wall_ns + 300 * BT_NS_PER_MS);
        everywhere = bt_busy_others_since(&before);
        assert_int_equal(sched_setaffinity(0, sizeof one, &one), 0);
        before = bt_busy_now();
        bt_clock_sleep_until_ns(before.wall_ns + 300 * BT_NS_PER_MS);
        here = bt_busy_others_since(&before);
    }
    kill(pid, SIGKILL);
    waitpid(pid, NULL, 0);
    assert_int_equal(sched_setaffinity(0, sizeof all, &all), 0);
    if (here > everywhere - 0.5) fail_msg("%.2f cores of others on one CPU, %.2f on all", here, everywhere);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_short_time_is_not_judged),
        cmocka_unit_test(a_spinning_neighbour_is_seen),
        cmocka_unit_test(ones_own_work_does_not_count),
        cmocka_unit_test(work_on_other_cpus_does_not_count),
    };
    return cmocka_run_group_tests_name("base: busy", tests, NULL, NULL);
}
