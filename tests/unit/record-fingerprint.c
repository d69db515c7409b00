/* The fingerprint: a made-up machine is read as it was laid out, and differences read like sentences. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "base/version.h"
#include "record/fingerprint.h"
#include "record/parts.h"
#include "scratch.h"

static const char root[] = "machine";

static void put(const char *path, const char *text) {
    bt_scratch_put(root, path, text);
}

static void lay_out_cpu(void) {
    put("/proc/cpuinfo", "processor\t: 0\nmodel name\t: AMD EPYC 9654  \nmodel name\t: other\n");
    put("/proc/self/status", "Name:\tx\nCpus_allowed:\tff\nCpus_allowed_list:\t0-3,8,10-11\n");
    put("/proc/meminfo", "MemTotal:       16777216 kB\n");
    put("/sys/devices/system/cpu/cpu0/cpufreq/scaling_governor", "performance\n");
}

static void a_cpu_machine_is_read(void **state) {
    (void)state;
    bt_machine machine;
    lay_out_cpu();
    bt_machine_read_under(root, &machine);
    assert_string_equal(machine.cpu, "AMD EPYC 9654");
    assert_int_equal(machine.cores, 7);
    assert_int_equal(machine.memory_bytes, 16LL << 30);
    assert_string_equal(machine.clock_policy, "performance");
    assert_string_equal(machine.gpu, "");
    assert_int_equal(strlen(machine.fingerprint), 16);
}

static void a_container_has_what_its_groups_allow(void **state) {
    (void)state;
    bt_machine machine;
    lay_out_cpu();
    put("/proc/self/cgroup", "0::/pod/box\n");
    put("/sys/fs/cgroup/pod/cpu.max", "250000 100000\n");
    put("/sys/fs/cgroup/pod/box/cpu.max", "max 100000\n");
    put("/sys/fs/cgroup/pod/box/memory.max", "1073741824\n");
    bt_machine_read_under(root, &machine);
    assert_int_equal(machine.cores, 3); /* 2.5, a part counts whole */
    assert_int_equal(machine.memory_bytes, 1LL << 30);
    put("/proc/self/cgroup", "4:cpu,cpuacct:/old\n");
    put("/sys/fs/cgroup/cpu/old/cpu.cfs_quota_us", "100000\n");
    put("/sys/fs/cgroup/cpu/old/cpu.cfs_period_us", "50000\n");
    bt_machine_read_under(root, &machine);
    assert_int_equal(machine.cores, 2);
    put("/sys/fs/cgroup/cpu/old/cpu.cfs_quota_us", "-1\n");
    bt_machine_read_under(root, &machine);
    assert_int_equal(machine.cores, 7);
}

/* Whatever stands there is a count of cores that a service may start threads for. */
static void cores_that_cannot_be_are_not_counted(void **state) {
    (void)state;
    static const struct {
        const char *list;
        int cores;
    } lists[] = {{"0-1,x", 2}, {"3-1,7", 1}, {"0-99999999,2", 1}, {"none", 0}};
    bt_machine machine;
    for (size_t i = 0; i < sizeof lists / sizeof *lists; i++) {
        char text[64];
        snprintf(text, sizeof text, "Cpus_allowed_list:\t%s\n", lists[i].list);
        put("/proc/self/status", text);
        bt_machine_read_under(root, &machine);
        if (machine.cores != lists[i].cores) fail_msg("%s: %d cores", lists[i].list, machine.cores);
    }
}

static void a_quota_that_limits_nothing_is_none(void **state) {
    (void)state;
    bt_machine machine;
    lay_out_cpu();
    put("/proc/self/cgroup", "0::/pod/box\n");
    put("/sys/fs/cgroup/pod/cpu.max", "200000 100000\n");
    put("/sys/fs/cgroup/pod/box/cpu.max", "400000 100000\n"); /* more than the group around it has */
    bt_machine_read_under(root, &machine);
    assert_int_equal(machine.cores, 2);
    put("/sys/fs/cgroup/pod/cpu.max", "200000 0\n"); /* of no time at all */
    bt_machine_read_under(root, &machine);
    assert_int_equal(machine.cores, 4);
    put("/proc/self/cgroup", "4:cpu,cpuacct:/old\n");
    put("/sys/fs/cgroup/cpu/old/cpu.cfs_quota_us", "100000\n"); /* and no period */
    bt_machine_read_under(root, &machine);
    assert_int_equal(machine.cores, 7);
}

static void a_line_counts_where_it_is_the_one_and_says_something(void **state) {
    (void)state;
    bt_machine machine;
    put("/proc/cpuinfo", "model names\t: 2\nmodel name\t:  \nmodel name\t: AMD EPYC 9654\n");
    put("/sys/devices/system/cpu/cpu0/cpufreq/scaling_governor", "\n");
    bt_machine_read_under(root, &machine);
    assert_string_equal(machine.cpu, "AMD EPYC 9654");
    assert_string_equal(machine.clock_policy, "unknown");
    put("/proc/cpuinfo", "processor\t: 0\nBogoMIPS\t: 50.00\n"); /* as ARM tells it */
    bt_machine_read_under(root, &machine);
    assert_string_equal(machine.cpu, "unknown");
}

/* In whichever order the kernel lists them. */
static void of_several_gpus_the_lowest_on_the_bus_is_told(void **state) {
    (void)state;
    static const char buses[] = "b4e28a6f1c0d7395";
    bt_machine machine;
    put("/proc/driver/nvidia/gpus/.none", "");
    bt_machine_read_under(root, &machine);
    assert_string_equal(machine.gpu, "");
    for (const char *bus = buses; *bus; bus++) {
        char path[128], text[64];
        snprintf(path, sizeof path, "/proc/driver/nvidia/gpus/0000:%c1:00.0/information", *bus);
        snprintf(text, sizeof text, "IRQ: 1\nModel: \t GPU %c\n", *bus);
        put(path, text);
    }
    bt_machine_read_under(root, &machine);
    assert_string_equal(machine.gpu, "GPU 0");
    put("/proc/driver/nvidia/gpus/0000:01:00.0/information", "IRQ: 1\n");
    bt_machine_read_under(root, &machine);
    assert_string_equal(machine.gpu, "unknown"); /* there is one, whatever it is */
}

static void a_driver_without_a_number_is_none(void **state) {
    (void)state;
    char driver[64] = "?";
    put("/proc/driver/nvidia/version", "NVRM version: NVIDIA module for x86.64 r580.65\n");
    bt_gpu_driver_read_under(root, driver, sizeof driver);
    assert_string_equal(driver, "");
}

static void a_gpu_is_told_by_its_driver(void **state) {
    (void)state;
    bt_machine machine;
    char driver[64];
    lay_out_cpu();
    put("/proc/driver/nvidia/gpus/0000:c1:00.0/information", "Model: \t\t Other\n");
    put("/proc/driver/nvidia/gpus/0000:41:00.0/information", "Model: \t\t NVIDIA H100 80GB HBM3\nIRQ: 1\n");
    put("/proc/driver/nvidia/version",
        "NVRM version: NVIDIA UNIX Open Kernel Module for x86_64  580.65.06  Release Build\n");
    bt_machine_read_under(root, &machine);
    assert_string_equal(machine.gpu, "NVIDIA H100 80GB HBM3");
    bt_gpu_driver_read_under(root, driver, sizeof driver);
    assert_string_equal(driver, "580.65.06");
    assert_int_equal(remove("machine/proc/driver/nvidia/version"), 0);
    put("/sys/module/nvidia/version", "570.86.10\n"); /* a container may have the one and not the other */
    bt_gpu_driver_read_under(root, driver, sizeof driver);
    assert_string_equal(driver, "570.86.10");
}

static void the_subject_is_this_program_on_this_driver(void **state) {
    (void)state;
    bt_subject subject = {.runtime = "torch 2.15.0"};
    bt_subject_read(&subject);
    assert_string_equal(subject.tool_version, bt_version());
    assert_string_equal(subject.revision, bt_revision());
    assert_string_equal(subject.runtime, "torch 2.15.0"); /* whoever opens a backend knows it */
    char driver[sizeof subject.gpu_driver];
    bt_gpu_driver_read_under("", driver, sizeof driver);
    assert_string_equal(subject.gpu_driver, driver);
}

static void what_cannot_be_read_is_unknown(void **state) {
    (void)state;
    bt_machine machine;
    char driver[64];
    bt_machine_read_under(root, &machine);
    assert_string_equal(machine.cpu, "unknown");
    assert_string_equal(machine.clock_policy, "unknown");
    assert_int_equal(machine.cores, 0);
    assert_int_equal(machine.memory_bytes, 0);
    bt_gpu_driver_read_under(root, driver, sizeof driver);
    assert_string_equal(driver, "");
}

/* No figure is too large to be rounded. */
static void any_memory_has_a_fingerprint(void **state) {
    (void)state;
    bt_machine machine = {.memory_bytes = INT64_MAX};
    bt_machine_seal(&machine);
    assert_int_equal(strlen(machine.fingerprint), 16);
}

static void the_fingerprint_follows_the_machine_and_not_its_kernel(void **state) {
    (void)state;
    bt_machine machine = {.cpu = "A", .cores = 2, .memory_bytes = 8LL << 30}, other = machine;
    bt_machine_seal(&machine);
    other.memory_bytes -= 100 << 20; /* what a kernel keeps for itself */
    bt_machine_seal(&other);
    assert_string_equal(machine.fingerprint, other.fingerprint);
    other.cores = 4;
    bt_machine_seal(&other);
    assert_string_not_equal(machine.fingerprint, other.fingerprint);
}

static void differences_read_like_sentences(void **state) {
    (void)state;
    bt_machine a = {.cpu = "A", .cores = 8, .memory_bytes = 8LL << 30, .clock_policy = "performance"};
    bt_machine b = {.cpu = "A", .cores = 2, .memory_bytes = 8LL << 30, .clock_policy = "unknown"};
    char text[256], cut[20];
    assert_int_equal(bt_machine_differences(&a, &a, text, sizeof text), 0);
    assert_string_equal(text, "");
    assert_int_equal(bt_machine_differences(&a, &b, text, sizeof text), 1);
    assert_string_equal(text, "cores: 8, here 2");
    strcpy(a.gpu, "NVIDIA T4");
    assert_int_equal(bt_machine_differences(&a, &b, text, sizeof text), 2);
    assert_string_equal(text, "cores: 8, here 2; GPU: NVIDIA T4, here none");
    assert_int_equal(bt_machine_differences(&a, &b, cut, sizeof cut), 2);
    assert_string_equal(cut, "cores: 8, here 2; G");
    assert_int_equal(bt_machine_differences(&a, &b, NULL, 0), 2);
    b = a;
    b.cores = 0;
    b.memory_bytes = 0; /* could not be read */
    assert_int_equal(bt_machine_differences(&a, &b, text, sizeof text), 0);
    assert_int_equal(bt_machine_differences(&b, &a, text, sizeof text), 0);
    b = a;
    b.memory_bytes = 2LL << 30;
    assert_int_equal(bt_machine_differences(&a, &b, text, sizeof text), 1);
    assert_string_equal(text, "memory: 8 GiB, here 2 GiB");
    bt_subject old = {.runtime = "torch 2.14.0", .revision = "unknown", .gpu_driver = "570.1"};
    bt_subject new = {.runtime = "torch 2.15.0", .revision = "abc", .gpu_driver = "570.1"};
    assert_int_equal(bt_subject_differences(&old, &new, text, sizeof text), 1);
    assert_string_equal(text, "runtime: torch 2.14.0, here torch 2.15.0");
}

/* 1.5 and 2 of 2 CPUs have two cores both, and are no alike machines. */
static void a_quota_is_part_of_the_machine(void **state) {
    (void)state;
    bt_machine machine, other;
    char text[256];
    bt_error error;
    lay_out_cpu();
    put("/proc/self/status", "Cpus_allowed_list:\t0-1\n");
    put("/proc/self/cgroup", "0::/\n");
    bt_machine_read_under(root, &other);
    assert_true(other.cores == 2 && other.cpu_quota == 0);
    put("/sys/fs/cgroup/cpu.max", "150000 100000\n");
    bt_machine_read_under(root, &machine);
    assert_true(machine.cores == 2 && machine.cpu_quota == 1.5);
    assert_string_not_equal(machine.fingerprint, other.fingerprint);
    assert_int_equal(bt_machine_differences(&other, &machine, text, sizeof text), 1);
    assert_string_equal(text, "CPU quota: none, here 1.5");
    json_t *json = bt_machine_to_json(&machine);
    assert_int_equal(bt_machine_from_json(json, &other, "machine", &error), BT_OK);
    assert_true(other.cpu_quota == 1.5);
    json_object_del(json, "cpu_quota"); /* of before: nobody knows */
    assert_int_equal(bt_machine_from_json(json, &other, "machine", &error), BT_OK);
    assert_true(isnan(other.cpu_quota));
    assert_int_equal(bt_machine_differences(&other, &machine, text, sizeof text), 0);
    json_decref(json);
}

static void this_machine_can_be_read(void **state) {
    (void)state;
    bt_machine machine;
    bt_machine_read(&machine);
    assert_true(machine.cores >= 1);
    assert_true(machine.memory_bytes > 1 << 20);
}

#define ON_A_MACHINE(test) cmocka_unit_test_setup_teardown(test, bt_scratch_enter, bt_scratch_leave)

int main(void) {
    const struct CMUnitTest tests[] = {
        ON_A_MACHINE(a_cpu_machine_is_read),
        ON_A_MACHINE(a_container_has_what_its_groups_allow),
        ON_A_MACHINE(cores_that_cannot_be_are_not_counted),
        ON_A_MACHINE(a_quota_that_limits_nothing_is_none),
        ON_A_MACHINE(a_line_counts_where_it_is_the_one_and_says_something),
        ON_A_MACHINE(of_several_gpus_the_lowest_on_the_bus_is_told),
        ON_A_MACHINE(a_driver_without_a_number_is_none),
        ON_A_MACHINE(a_gpu_is_told_by_its_driver),
        ON_A_MACHINE(a_quota_is_part_of_the_machine),
        ON_A_MACHINE(what_cannot_be_read_is_unknown),
        cmocka_unit_test(the_fingerprint_follows_the_machine_and_not_its_kernel),
        cmocka_unit_test(any_memory_has_a_fingerprint),
        cmocka_unit_test(differences_read_like_sentences),
        cmocka_unit_test(the_subject_is_this_program_on_this_driver),
        cmocka_unit_test(this_machine_can_be_read),
    };
    return cmocka_run_group_tests_name("record-fingerprint", tests, NULL, NULL);
}
