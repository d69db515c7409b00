/* bt_memory: the kernel's own figures, and the tightest of all limits that hold for this process. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/memory.h"
#include "scratch.h"

#define MEGABYTE (1024 * 1024)
#define SLACK    (8 * MEGABYTE) /* the kernel counts pages in batches, each processor by itself */

static char machine[] = "/tmp/bt-memory-XXXXXX";

static void put(const char *path, const char *text) {
    bt_scratch_put(machine, path, text);
}

static int make_machine(void **state) {
    (void)state;
    strcpy(machine + strlen(machine) - 6, "XXXXXX");
    if (!mkdtemp(machine)) return -1;
    put("/proc/meminfo", "MemTotal:       16000 kB\nMemFree:         100 kB\n");
    return 0;
}

static int remove_machine(void **state) {
    (void)state;
    char command[600];
    snprintf(command, sizeof command, "rm -r '%s'", machine);
    return system(command);
}

static void machine_memory_without_groups(void **state) {
    (void)state;
    assert_int_equal(bt_memory_limit_bytes_under(machine), 16000 * 1024);
}

static void v2_takes_the_tightest_ancestor(void **state) {
    (void)state;
    put("/proc/self/cgroup", "0::/a/b\n");
    put("/sys/fs/cgroup/a/b/memory.max", "max\n");
    put("/sys/fs/cgroup/a/memory.max", "1000000\n");
    assert_int_equal(bt_memory_limit_bytes_under(machine), 1000000);
    put("/sys/fs/cgroup/a/b/memory.max", "500000\n");
    assert_int_equal(bt_memory_limit_bytes_under(machine), 500000);
}

static void v1_finds_its_controller(void **state) {
    (void)state;
    put("/proc/self/cgroup", "7:cpu,cpuacct:/x\n4:hugetlb,memory:/x\n0::/\n");
    put("/sys/fs/cgroup/memory/x/memory.limit_in_bytes", "2000000\n");
    put("/sys/fs/cgroup/memory/memory.limit_in_bytes", "9223372036854771712\n");
    assert_int_equal(bt_memory_limit_bytes_under(machine), 2000000);
}

static void group_seen_from_inside_a_container(void **state) {
    (void)state;
    put("/proc/self/cgroup", "0::/outside/name\n");
    put("/sys/fs/cgroup/memory.max", "3000000\n");
    assert_int_equal(bt_memory_limit_bytes_under(machine), 3000000);
}

static void limits_above_the_machine_do_not_count(void **state) {
    (void)state;
    put("/proc/self/cgroup", "0::/\n");
    put("/sys/fs/cgroup/memory.max", "99999999999999\n");
    assert_int_equal(bt_memory_limit_bytes_under(machine), 16000 * 1024);
}

static void what_is_left_is_the_tighter_of_both(void **state) {
    (void)state;
    put("/proc/self/cgroup", "0::/\n");
    put("/sys/fs/cgroup/memory.max", "max\n");
    put("/proc/meminfo", "MemTotal:       16000 kB\nMemAvailable:    9000 kB\n");
    put("/proc/self/status", "VmRSS:\t    2000 kB\n");
    assert_int_equal(bt_memory_available_bytes_under(machine), 9000 * 1024);
    put("/sys/fs/cgroup/memory.max", "8192000\n"); /* 8000 kB, of which 2000 are held */
    assert_int_equal(bt_memory_available_bytes_under(machine), 6000 * 1024);
    put("/sys/fs/cgroup/memory.max", "1024000\n");
    assert_int_equal(bt_memory_available_bytes_under(machine), 0);
    assert_true(bt_memory_available_bytes_under("/nonexistent") == INT64_MAX);
}

static void unreadable_is_zero(void **state) {
    (void)state;
    assert_int_equal(bt_memory_limit_bytes_under("/nonexistent"), 0);
}

static void peak_follows_what_was_touched(void **state) {
    (void)state;
    bt_error error;
    bt_status status = bt_memory_peak_reset(&error);
    if (status == BT_UNSUPPORTED)
        skip(); /* some sandboxes deny the write; the message is all there is to check */
    assert_int_equal(status, BT_OK);
    int64_t before = bt_memory_peak_bytes();
    size_t size = 64 * MEGABYTE;
    volatile char *block = malloc(size);
    assert_non_null((void *)block);
    for (size_t i = 0; i < size; i += 4096)
        block[i] = 1;
    int64_t resident = bt_memory_resident_bytes();
    free((void *)block);
    assert_in_range(bt_memory_peak_bytes() - before, 56 * MEGABYTE, 512 * MEGABYTE);
    assert_true(bt_memory_peak_bytes() + SLACK >= resident);
    assert_true(bt_memory_limit_bytes() >= resident);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(machine_memory_without_groups, make_machine, remove_machine),
        cmocka_unit_test_setup_teardown(v2_takes_the_tightest_ancestor, make_machine, remove_machine),
        cmocka_unit_test_setup_teardown(v1_finds_its_controller, make_machine, remove_machine),
        cmocka_unit_test_setup_teardown(group_seen_from_inside_a_container, make_machine, remove_machine),
        cmocka_unit_test_setup_teardown(limits_above_the_machine_do_not_count, make_machine, remove_machine),
        cmocka_unit_test(what_is_left_is_the_tighter_of_both),
        cmocka_unit_test(unreadable_is_zero),
        cmocka_unit_test(peak_follows_what_was_touched),
    };
    return cmocka_run_group_tests_name("base/memory", tests, NULL, NULL);
}
