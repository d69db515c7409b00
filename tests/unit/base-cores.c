/* bt_cores: on made-up machines of every kind of control group, as many cores as the mask and the tightest
 * quota leave; and bt_throttle: what the kernel counted of its stops. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <errno.h>
#include <math.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/cores.h"
#include "base/memory.h"
#include "base/throttle.h"
#include "scratch.h"

static const char root[] = "machine";

static void put(const char *path, const char *text) {
    bt_scratch_put(root, path, text);
}

/* A new machine of 8 CPUs whose process is in these groups, under these mounts (NULL: no such file). */
static void lay_out(const char *groups, const char *mounts) {
    if (system("rm -rf machine") != 0) fail();
    put("/proc/self/status", "Name:\tx\nCpus_allowed_list:\t0-7\n");
    if (groups) put("/proc/self/cgroup", groups);
    if (mounts) put("/proc/self/mountinfo", mounts);
}

static void check(int count, double quota) {
    const bt_cores cores = bt_cores_read_under(root);
    if (cores.count != count || fabs(cores.quota - quota) > 1e-9)
        fail_msg("%d cores, quota %g; wanted %d and %g", cores.count, cores.quota, count, quota);
}

#define V2 "30 23 0:26 / /sys/fs/cgroup rw,nosuid shared:4 - cgroup2 cgroup2 rw,nsdelegate\n"

/* ---- the mask ---- */

static void the_masks_cpus_are_counted(void **state) {
    (void)state;
    static const struct {
        const char *list;
        int cpus;
    } lists[] = {{"0", 1},         {"0-3,8,10-11", 7}, {"1022-1025", 4}, /* beyond what a fixed set holds */
                 {"0-4095", 4096}, {"0-1,x", 2},       {"3-1,7", 1},     {"0-99999999999999999999,2", 1},
                 {"none", 0}};
    for (size_t i = 0; i < sizeof lists / sizeof *lists; i++) {
        char text[100];
        snprintf(text, sizeof text, "Cpus_allowed_list:\t%s\n", lists[i].list);
        lay_out(NULL, NULL);
        put("/proc/self/status", text);
        const bt_cores cores = bt_cores_read_under(root);
        if (cores.cpus != lists[i].cpus || cores.count != (cores.cpus > 0 ? cores.cpus : 1))
            fail_msg("%s: %d CPUs, %d cores", lists[i].list, cores.cpus, cores.count);
        if (strcmp(lists[i].list, "1022-1025") == 0) assert_int_equal(CPU_COUNT(&cores.mask), 2);
        if (cores.cpus == 0) assert_int_equal(CPU_COUNT(&cores.mask), CPU_SETSIZE); /* none is ruled out */
    }
}

/* In the C library's place: 0, the kernel answers; else as that of a machine with so many CPUs does, which
 * refuses a shorter mask. */
static int kernel_cpus;
int sched_getaffinity(pid_t pid, size_t size, cpu_set_t *mask) {
    const long told = kernel_cpus == 0 ? syscall(SYS_sched_getaffinity, pid, size, mask) : 0;
    if (told < 0) return -1;
    memset((char *)mask + told, 0, size - (size_t)told);
    if (kernel_cpus == 0) return 0;
    if (size * 8 < (size_t)kernel_cpus) {
        errno = EINVAL;
        return -1;
    }
    for (int cpu = 0; cpu < kernel_cpus; cpu++)
        CPU_SET_S((size_t)cpu, size, mask);
    return 0;
}

static void a_kernel_of_many_cpus_is_asked_again(void **state) {
    (void)state;
    kernel_cpus = 3000;
    const bt_cores many = bt_cores_read();
    kernel_cpus = 1 << 21; /* more than is asked for: nothing is known */
    const bt_cores unknown = bt_cores_read();
    kernel_cpus = 0;
    assert_int_equal(many.cpus, 3000);
    assert_int_equal(CPU_COUNT(&many.mask), CPU_SETSIZE);
    assert_int_equal(unknown.cpus, 0);
    assert_int_equal(unknown.count, 1);
}

static void a_thread_has_the_cpus_that_it_is_bound_to(void **state) {
    (void)state;
    const bt_cores all = bt_cores_read();
    cpu_set_t one;
    int first = 0;
    while (!CPU_ISSET(first, &all.mask))
        first++;
    CPU_ZERO(&one);
    CPU_SET(first, &one);
    assert_int_equal(sched_setaffinity(0, sizeof one, &one), 0);
    const bt_cores bound = bt_cores_read();
    assert_int_equal(sched_setaffinity(0, sizeof all.mask, &all.mask), 0);
    assert_int_equal(bound.cpus, 1);
    assert_int_equal(bound.count, 1);
    assert_int_equal(bt_cores_count(), all.count);
}

/* ---- quotas ---- */

static void a_quota_counts_in_v2_and_in_v1(void **state) {
    (void)state;
    lay_out("0::/pod/box\n", V2);
    check(8, 0);
    put("/sys/fs/cgroup/pod/box/cpu.max", "200000 100000\n");
    check(2, 2);
    lay_out("3:cpu:/pod\n1:name=systemd:/pod\n",
            "32 31 0:30 / /sys/fs/cgroup/cpu rw - cgroup cgroup rw,cpu\n");
    put("/sys/fs/cgroup/cpu/pod/cpu.cfs_quota_us", "150000\n");
    put("/sys/fs/cgroup/cpu/pod/cpu.cfs_period_us", "50000\n");
    check(3, 3);
    put("/sys/fs/cgroup/cpu/pod/cpu.cfs_quota_us", "-1\n");
    check(8, 0);
}

static void a_part_of_a_cpu_counts_whole(void **state) {
    (void)state;
    lay_out("0::/\n", V2);
    put("/sys/fs/cgroup/cpu.max", "50000 100000\n");
    check(1, 0.5);
    put("/sys/fs/cgroup/cpu.max", "1000 1000000\n");
    check(1, 0.001);
    put("/sys/fs/cgroup/cpu.max", "250000 100000\n");
    check(3, 2.5);
    put("/sys/fs/cgroup/cpu.max", "800000 100000\n"); /* as many as there are, or more: no limit */
    check(8, 0);
}

static void the_tightest_of_all_groups_around_counts(void **state) {
    (void)state;
    lay_out("0::/slice/pod/box\n", V2);
    put("/sys/fs/cgroup/slice/pod/box/cpu.max", "max 100000\n");
    put("/sys/fs/cgroup/slice/pod/cpu.max", "300000 100000\n");
    put("/sys/fs/cgroup/slice/cpu.max", "600000 100000\n");
    check(3, 3);
    put("/sys/fs/cgroup/slice/cpu.max", "100000 100000\n");
    check(1, 1);
    put("/sys/fs/cgroup/slice/cpu.max", "100000 10000\n");
    check(3, 3);
    put("/sys/fs/cgroup/other/cpu.max", "10000 100000\n"); /* somebody else's */
    check(3, 3);
}

static void what_is_no_quota_is_none(void **state) {
    (void)state;
    static const char *const none[] = {"max 100000\n",
                                       "max\n",
                                       "",
                                       "\n",
                                       "-1 100000\n",
                                       "0 100000\n",
                                       "200000\n",
                                       "200000 0\n",
                                       "200000 -100000\n",
                                       "200000 max\n",
                                       "x y\n",
                                       "99999999999999999999 100000\n",
                                       "100000 99999999999999999999\n",
                                       "2e5 100000\n",
                                       "200000x 100000\n"};
    lay_out("0::/box\n", V2);
    for (size_t i = 0; i < sizeof none / sizeof *none; i++) {
        put("/sys/fs/cgroup/box/cpu.max", none[i]);
        check(8, 0);
    }
    lay_out("2:cpu:/box\n", "32 31 0:30 / /sys/fs/cgroup/cpu rw - cgroup cgroup rw,cpu\n");
    put("/sys/fs/cgroup/cpu/box/cpu.cfs_quota_us", "100000\n"); /* and no period */
    check(8, 0);
    put("/sys/fs/cgroup/cpu/box/cpu.cfs_period_us", "100000\n");
    check(1, 1);
    put("/sys/fs/cgroup/cpu/box/cpu.cfs_quota_us", "18446744073709551615\n");
    check(8, 0);
}

/* ---- where groups lie ---- */

static void a_hierarchy_is_found_where_it_is_mounted(void **state) {
    (void)state;
    lay_out("0::/box\n", "30 23 0:26 / /my\\040groups\\134x rw - cgroup2 none rw\n");
    put("/my groups\\x/box/cpu.max", "100000 100000\n");
    check(1, 1);
    lay_out("5:cpu,cpuacct:/box\n",
            "20 1 0:19 / /proc rw - proc proc rw\n"
            "33 31 0:31 / /sys/fs/cgroup/cpuset,x rw - cgroup cgroup rw,cpuset\n"
            "32 31 0:30 / /sys/fs/cgroup/cpu,cpuacct rw shared:9 master:1 - cgroup cgroup rw,cpu,cpuacct\n");
    put("/sys/fs/cgroup/cpu,cpuacct/box/cpu.cfs_quota_us", "200000\n");
    put("/sys/fs/cgroup/cpu,cpuacct/box/cpu.cfs_period_us", "100000\n");
    check(2, 2);
}

/* v1 has the controllers, v2 the names alone; and the other way round. */
static void both_versions_may_be_there(void **state) {
    (void)state;
    static const char mounts[] = "32 31 0:30 / /sys/fs/cgroup/cpu rw - cgroup cgroup rw,cpu\n"
                                 "33 31 0:31 / /sys/fs/cgroup/unified rw - cgroup2 cgroup2 rw\n";
    lay_out("1:cpu:/a\n0::/b\n", mounts);
    put("/sys/fs/cgroup/unified/b/cgroup.procs", "1\n");
    check(8, 0);
    put("/sys/fs/cgroup/cpu/a/cpu.cfs_quota_us", "300000\n");
    put("/sys/fs/cgroup/cpu/a/cpu.cfs_period_us", "100000\n");
    check(3, 3);
    put("/sys/fs/cgroup/unified/b/cpu.max", "200000 100000\n");
    check(2, 2);
}

/* With a namespace of its own a container's group is "/"; without, its name is the host's and the mount shows
 * a part, or nothing of that name. */
static void a_container_sees_its_own_group_at_the_mount(void **state) {
    (void)state;
    static const struct {
        const char *group, *from, *file;
    } ways[] = {
        {"/", "/", "/cpu.max"},
        {"/docker/4f", "/docker/4f", "/cpu.max"},
        {"/docker/4f/inner", "/docker/4f", "/inner/cpu.max"},
        {"/docker/4f/inner", "/docker/4f", "/cpu.max"},
        {"/docker/4f", "/", "/cpu.max"}, /* there is no such folder below */
        {"/docker/4f", "/docker/4fb",
         "/cpu.max"}, /* another's name that begins alike: the mount is all there is */
        {"/kubepods/pod7/4f", "/system/4f", "/cpu.max"},
        {"/", "/../..", "/cpu.max"},
        {"/../other", "/", "/cpu.max"},
        {"/box (deleted)", "/", "/cpu.max"},
    };
    for (size_t i = 0; i < sizeof ways / sizeof *ways; i++) {
        char groups[100], mounts[200], file[100];
        snprintf(groups, sizeof groups, "0::%s\n", ways[i].group);
        snprintf(mounts, sizeof mounts, "30 23 0:26 %s /sys/fs/cgroup ro - cgroup2 cgroup rw\n",
                 ways[i].from);
        snprintf(file, sizeof file, "/sys/fs/cgroup%s", ways[i].file);
        lay_out(groups, mounts);
        put("/sys/fs/other/cpu.max", "300000 100000\n"); /* where "/../other" would lead */
        put(file, "100000 100000\n");
        const bt_cores cores = bt_cores_read_under(root);
        if (cores.count != 1) fail_msg("%s under %s: %d", ways[i].group, ways[i].from, cores.count);
    }
}

/* A namespace of its own under mounts of before: how far up they begin is told, and no name on the way. The
 * process itself is looked for. */
static void a_group_without_a_name_is_found_by_its_process(void **state) {
    (void)state;
    lay_out("0::/\n", "30 23 0:26 /../.. /sys/fs/cgroup rw - cgroup2 cgroup rw\n");
    put("/proc/self/stat", "77 (x) S 1\n");
    put("/sys/fs/cgroup/cpu.max", "700000 100000\n");
    put("/sys/fs/cgroup/a/cpu.max", "100000 100000\n");
    put("/sys/fs/cgroup/a/b/cgroup.procs", "7\n177\n");
    put("/sys/fs/cgroup/pod/cpu.max", "600000 100000\n");
    put("/sys/fs/cgroup/pod/box/cgroup.procs", "5\n77\n");
    put("/sys/fs/cgroup/pod/box/cpu.max", "200000 100000\n");
    check(2, 2);
    put("/proc/self/stat", "78 (x) S 1\n"); /* nowhere: what the mount says holds for all below it */
    check(7, 7);
    put("/proc/self/stat", "?\n");
    check(7, 7);
    put("/proc/self/stat", "79 (x) S 1\n"); /* in a group inside of the namespace, which has a name */
    put("/proc/self/cgroup", "0::/inner\n");
    put("/sys/fs/cgroup/pod/box/inner/cgroup.procs", "79\n");
    put("/sys/fs/cgroup/pod/box/inner/cpu.max", "150000 100000\n");
    check(2, 1.5);
    put("/proc/self/cgroup", "0::/../next\n"); /* beside it: one level has no name */
    put("/sys/fs/cgroup/pod/next/cgroup.procs", "79\n");
    put("/sys/fs/cgroup/pod/next/cpu.max", "300000 100000\n");
    check(3, 3);
    put("/proc/self/mountinfo", "30 23 0:26 /.. /sys/fs/cgroup/pod rw - cgroup2 cgroup rw\n"); /* none has */
    check(3, 3);
}

/* The one that holds the group counts before one that shows something else. */
static void of_several_mounts_the_groups_own_count(void **state) {
    (void)state;
    lay_out("0::/pod/box\n", "40 23 0:26 /other /else rw - cgroup2 cgroup rw\n"
                             "41 23 0:26 /pod /mine rw - cgroup2 cgroup rw\n" V2);
    put("/else/cpu.max", "100000 100000\n");
    check(8, 0);
    put("/mine/box/cpu.max", "300000 100000\n");
    check(3, 3);
    put("/sys/fs/cgroup/pod/cpu.max", "200000 100000\n");
    check(2, 2);
}

static void without_a_list_of_mounts_the_usual_places_are_tried(void **state) {
    (void)state;
    lay_out("4:cpu,cpuacct:/old\n0::/new\n", NULL);
    put("/sys/fs/cgroup/cpu/old/cpu.cfs_quota_us", "200000\n");
    put("/sys/fs/cgroup/cpu/old/cpu.cfs_period_us", "100000\n");
    check(2, 2);
    put("/sys/fs/cgroup/new/cpu.max", "100000 100000\n");
    check(1, 1);
    lay_out("0::/new\n", "no mounts\n\n1 2 3 4\n1 2 3 /a /b rw -\n1 2 3 /a /b rw - cgroup2\n");
    put("/sys/fs/cgroup/cpu.max", "100000 100000\n");
    check(1, 1);
    lay_out("\n:\nx\n0:cpu\n", V2); /* no groups */
    put("/sys/fs/cgroup/cpu.max", "100000 100000\n");
    check(8, 0);
    lay_out(NULL, V2);
    check(8, 0);
}

/* Overlays have lines of any length. */
static void a_long_line_hides_nothing(void **state) {
    (void)state;
    char *mounts = malloc(40000);
    assert_non_null(mounts);
    snprintf(mounts, 40000, "29 1 0:25 / / rw - overlay overlay rw,lowerdir=%030000d\n" V2, 0);
    lay_out("0::/box\n", mounts);
    put("/sys/fs/cgroup/box/cpu.max", "100000 100000\n");
    check(1, 1);
    free(mounts);
}

static void memory_is_found_the_same_way(void **state) {
    (void)state;
    lay_out("4:memory:/docker/4f\n",
            "32 31 0:30 /docker/4f /sys/fs/cgroup/memory ro - cgroup cgroup rw,memory\n");
    put("/sys/fs/cgroup/memory/memory.limit_in_bytes", "5000000\n");
    assert_int_equal(bt_memory_limit_bytes_under(root), 5000000);
}

static void cores_are_put_into_words(void **state) {
    (void)state;
    char words[BT_CORES_WORDS_SIZE];
    bt_cores cores = {.count = 1, .cpus = 1};
    bt_cores_words(&cores, words);
    assert_string_equal(words, "1 core");
    cores = (bt_cores){.count = 2, .cpus = 8, .quota = 4.0 / 3};
    bt_cores_words(&cores, words);
    assert_string_equal(words, "2 cores (a CPU quota of 1.33 on 8 CPUs)");
}

/* ---- throttling ---- */

static void stops_are_counted_from_one_moment_to_the_next(void **state) {
    (void)state;
    char words[BT_THROTTLING_WORDS_SIZE];
    lay_out("0::/pod/box\n", V2);
    put("/sys/fs/cgroup/pod/cpu.max", "100000 100000\n");
    put("/sys/fs/cgroup/pod/cpu.stat", "usage_usec 5\nnr_periods 10\nnr_throttled 4\nthrottled_usec 1000\n");
    put("/sys/fs/cgroup/pod/box/cpu.max", "max 100000\n");
    put("/sys/fs/cgroup/pod/box/cpu.stat", "nr_periods 0\nnr_throttled 0\nthrottled_usec 0\n");
    bt_throttle_mark before = bt_throttle_now_under(root);
    assert_int_equal(before.count, 1);
    put("/sys/fs/cgroup/pod/cpu.stat",
        "usage_usec 5\nnr_periods 703\nnr_throttled 633\nthrottled_usec 2001000\n");
    bt_throttle_mark after = bt_throttle_now_under(root);
    bt_throttling seen = bt_throttle_between(&before, &after);
    assert_int_equal(seen.quota_periods, 693);
    assert_int_equal(seen.throttled_periods, 629);
    assert_true(fabs(seen.throttled_s - 2) < 1e-9 && seen.quota_cpus == 1);
    assert_true(bt_throttling_matters(&seen));
    bt_throttling_words(&seen, words);
    assert_string_equal(words, "the CPU quota of 1 throttled 629 of 693 periods");
    bt_throttling sum = {0};
    assert_false(bt_throttling_matters(&sum));
    bt_throttling_words(&sum, words);
    assert_string_equal(words, "");
    bt_throttling_add(&sum, &seen);
    bt_throttling_add(&sum, &(bt_throttling){0});
    bt_throttling_add(&sum, &(bt_throttling){.quota_cpus = 1, .quota_periods = 7, .throttled_periods = 1});
    assert_true(sum.quota_periods == 700 && sum.throttled_periods == 630 && sum.quota_cpus == 1);
}

static void v1_counts_in_nanoseconds(void **state) {
    (void)state;
    lay_out("2:cpu:/box\n", "32 31 0:30 / /sys/fs/cgroup/cpu rw - cgroup cgroup rw,cpu\n");
    put("/sys/fs/cgroup/cpu/box/cpu.cfs_quota_us", "50000\n");
    put("/sys/fs/cgroup/cpu/box/cpu.cfs_period_us", "100000\n");
    put("/sys/fs/cgroup/cpu/box/cpu.stat", "nr_periods 3\nnr_throttled 3\nthrottled_time 1500000000\n");
    const bt_throttle_mark none = {.count = 1}, mark = bt_throttle_now_under(root);
    const bt_throttling seen = bt_throttle_between(&none, &mark);
    assert_true(seen.quota_periods == 3 && seen.throttled_periods == 3);
    assert_true(fabs(seen.throttled_s - 1.5) < 1e-9 && seen.quota_cpus == 0.5);
}

/* Of nested quotas the one that stops the process is named; groups that are others than before
 * tell nothing. */
static void the_group_that_was_stopped_most_is_told(void **state) {
    (void)state;
    bt_throttle_mark before = {.count = 2}, after = {.count = 2};
    after.groups[0].quota_cpus = 1;
    after.groups[0].periods = 100;
    after.groups[0].throttled = 2;
    after.groups[1].quota_cpus = 4;
    after.groups[1].periods = 90;
    after.groups[1].throttled = 60;
    bt_throttling seen = bt_throttle_between(&before, &after);
    assert_true(seen.quota_cpus == 4 && seen.throttled_periods == 60 && seen.quota_periods == 90);
    before.groups[0].periods = 101;
    seen = bt_throttle_between(&before, &after);
    assert_true(seen.quota_cpus == 0 && seen.quota_periods == 0);
    before.count = 1;
    seen = bt_throttle_between(&before, &after);
    assert_true(seen.quota_cpus == 0 && seen.quota_periods == 0);
}

static void counts_that_cannot_be_are_none(void **state) {
    (void)state;
    static const char *const stats[] = {"", "nr_periods x\nnr_throttled 1\n",
                                        "nr_periods 5\nnr_throttled -1\n", "nr_periods 5\n",
                                        "nr_periods_total 5\nnr_throttled 1\n"};
    lay_out("0::/\n", V2);
    put("/sys/fs/cgroup/cpu.max", "100000 100000\n");
    for (size_t i = 0; i < sizeof stats / sizeof *stats; i++) {
        put("/sys/fs/cgroup/cpu.stat", stats[i]);
        assert_int_equal(bt_throttle_now_under(root).count, 0);
    }
    put("/sys/fs/cgroup/cpu.stat", "nr_periods 0\nnr_throttled 0\n");
    assert_int_equal(bt_throttle_now_under(root).count, 1);
    const bt_throttle_mark now = bt_throttle_now();
    const bt_throttling here = bt_throttle_since(&now); /* whatever this machine is */
    assert_true(here.throttled_periods <= here.quota_periods);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_masks_cpus_are_counted),
        cmocka_unit_test(a_kernel_of_many_cpus_is_asked_again),
        cmocka_unit_test(a_thread_has_the_cpus_that_it_is_bound_to),
        cmocka_unit_test(a_quota_counts_in_v2_and_in_v1),
        cmocka_unit_test(a_part_of_a_cpu_counts_whole),
        cmocka_unit_test(the_tightest_of_all_groups_around_counts),
        cmocka_unit_test(what_is_no_quota_is_none),
        cmocka_unit_test(a_hierarchy_is_found_where_it_is_mounted),
        cmocka_unit_test(both_versions_may_be_there),
        cmocka_unit_test(a_container_sees_its_own_group_at_the_mount),
        cmocka_unit_test(a_group_without_a_name_is_found_by_its_process),
        cmocka_unit_test(of_several_mounts_the_groups_own_count),
        cmocka_unit_test(without_a_list_of_mounts_the_usual_places_are_tried),
        cmocka_unit_test(a_long_line_hides_nothing),
        cmocka_unit_test(memory_is_found_the_same_way),
        cmocka_unit_test(cores_are_put_into_words),
        cmocka_unit_test(stops_are_counted_from_one_moment_to_the_next),
        cmocka_unit_test(v1_counts_in_nanoseconds),
        cmocka_unit_test(the_group_that_was_stopped_most_is_told),
        cmocka_unit_test(counts_that_cannot_be_are_none),
    };
    return cmocka_run_group_tests_name("base-cores", tests, bt_scratch_enter, bt_scratch_leave);
}
