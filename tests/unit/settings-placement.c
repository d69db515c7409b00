/* Where instances run. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>
#include <string.h>

#include "base/cores.h"
#include "made-up-cores.h"
#include "settings/placement.h"

static bt_placement placed(const char *text, const char *model, int cores) {
    bt_placement placement;
    bt_error error;
    const bt_cores all = made_up_cores(cores);
    if (bt_placement_parse(&placement, text, model, &all.mask, &error) != BT_OK)
        fail_msg("%s: %s", text, error.message);
    return placement;
}

static void refused(const char *text, int cores, const char *phrase) {
    bt_placement placement;
    bt_error error = {BT_OK, ""};
    const bt_cores all = made_up_cores(cores);
    if (bt_placement_parse(&placement, text, "hrnet", &all.mask, &error) != BT_INVALID)
        fail_msg("\"%s\" is taken", text);
    if (!strstr(error.message, phrase)) fail_msg("%s: '%s' does not say '%s'", text, error.message, phrase);
}

static void devices_get_an_instance_each(void **state) {
    (void)state;
    bt_placement p = placed("cuda:0,cuda:1", "hrnet", 4);
    assert_int_equal(p.count, 2);
    assert_string_equal(p.instances[0].device, "cuda:0");
    assert_string_equal(p.instances[1].device, "cuda:1");
    assert_int_equal(placed("cuda:0+cuda:1", "hrnet", 4).count, 2); /* where a comma would end the text */
    p = placed("cpu", "hrnet", 4);
    assert_int_equal(p.count, 1);
    assert_string_equal(p.instances[0].device, "cpu");
    assert_string_equal(p.instances[0].cpus, "");
}

static void slices_of_the_cpu_have_cores_of_their_own(void **state) {
    (void)state;
    bt_placement p = placed("2x3", "hrnet", 8);
    assert_int_equal(p.count, 2);
    assert_int_equal(p.instances[0].threads, 3);
    assert_string_equal(p.instances[0].cpus, "0,1,2");
    assert_string_equal(p.instances[1].cpus, "3,4,5");
    p = placed("cpu:0-1,cpu:4,6", "hrnet", 8);
    assert_int_equal(p.instances[0].threads, 2);
    assert_string_equal(p.instances[0].cpus, "0-1");
}

static void slices_are_of_the_cores_that_are_allowed(void **state) {
    (void)state;
    bt_placement p;
    bt_error error;
    cpu_set_t allowed;
    CPU_ZERO(&allowed);
    CPU_SET(1, &allowed);
    CPU_SET(3, &allowed);
    CPU_SET(6, &allowed);
    assert_int_equal(bt_placement_parse(&p, "3x1", "hrnet", &allowed, &error), BT_OK);
    assert_int_equal(p.count, 3);
    assert_string_equal(p.instances[0].cpus, "1");
    assert_string_equal(p.instances[1].cpus, "3");
    assert_string_equal(p.instances[2].cpus, "6");
}

static void an_entry_may_be_for_one_model(void **state) {
    (void)state;
    static const char text[] = "hrnet=cuda:0,cbam_resunet=cuda:1";
    assert_string_equal(placed(text, "hrnet", 4).instances[0].device, "cuda:0");
    assert_string_equal(placed(text, "cbam_resunet", 4).instances[0].device, "cuda:1");
    assert_int_equal(placed(text, "other", 4).count, 0);
    assert_int_equal(placed("hr=cpu", "hrnet", 4).count, 0); /* the whole name counts */
    assert_int_equal(placed("hrnet2=cpu", "hrnet", 4).count, 0);
}

static void a_thread_is_kept_where_it_is_told(void **state) {
    (void)state;
    bt_error error;
    const cpu_set_t before = bt_cores_read().mask;
    int first = 0;
    while (!CPU_ISSET(first, &before))
        first++;
    char cpus[16];
    snprintf(cpus, sizeof cpus, "%d", first);
    assert_int_equal(bt_cpus_bind("", &error), BT_OK);
    assert_int_equal(bt_cpus_bind(cpus, &error), BT_OK);
    const cpu_set_t after = bt_cores_read().mask;
    assert_int_equal(CPU_COUNT(&after), 1);
    assert_true(CPU_ISSET(first, &after));
    assert_int_equal(bt_cpus_bind("1023", &error), BT_INVALID);
    assert_non_null(strstr(error.message, "1023 are not this process's"));
    assert_int_equal(bt_cpus_bind("x", &error), BT_INVALID);
    assert_int_equal(sched_setaffinity(0, sizeof before, &before), 0);
}

static void lists_of_cores_end_where_they_end(void **state) {
    (void)state;
    bt_placement p = placed("cpu:0-1,3+2x1", "hrnet", 8);
    assert_int_equal(p.count, 3);
    assert_string_equal(p.instances[0].cpus, "0-1,3");
    p = placed("cpu:0,2x1", "hrnet", 8); /* a comma before a number of instances ends a list as well */
    assert_int_equal(p.count, 3);
    assert_string_equal(p.instances[0].cpus, "0");
    p = placed("cpu:0,cbam_resunet=cpu:1", "hrnet", 8);
    assert_int_equal(p.count, 1);
    p = placed("cpu:0,2d_unet=cpu:1", "2d_unet", 8); /* and so does one before a model's name */
    assert_int_equal(p.count, 2);
    assert_string_equal(p.instances[0].cpus, "0");
    assert_string_equal(p.instances[1].cpus, "1");
}

static void what_cannot_be_is_refused_by_name(void **state) {
    (void)state;
    refused("3x2", 4, "3 instances of 2 threads need 6 cores, there are 4");
    refused("cpu:0-7", 4, "cpu:0-7");
    refused("cpu:3-1", 4, "3-1");
    refused("gpu", 4, "gpu");
    refused("u:0,1", 4, "\"u:0\" is no place");
    refused("cpu,16x1", 16, "a model has at most 16 instances");
    refused("0x1", 4, "0x1");
    refused("1x0", 4, "1x0");
    refused("17x1", 64, "17 instances of 1 threads");
    refused("2000000000x2000000000", 4, "need 4000000000000000000 cores");
    refused("1x100", 200, "too many cores in one instance to be listed");
    refused("2x1x", 4, "2x1x");
    refused("cpu:", 4, "is no list of cores");
    refused("cpu:1-", 4, "1-");
    refused("cpu:0;1", 4, "0;1");
    refused("cpu:0-99999999999999999999", 4, "is no list of cores");
    refused("cuda:", 4, "cuda:");
    refused("cuda:1a", 4, "cuda:1a");
    refused("cuda:0,", 4, "is no place");
    refused(",cuda:0", 4, "is no place");
    refused("hrnet=", 4, "is no place");
    refused("cpu+cpu+cpu+cpu+cpu+cpu+cpu+cpu+cpu+cpu+cpu+cpu+cpu+cpu+cpu+cpu+cpu", 4, "at most 16 instances");
    char long_entry[400];
    memset(long_entry, 'a', sizeof long_entry - 1);
    long_entry[sizeof long_entry - 1] = '\0';
    refused(long_entry, 4, "is no place");
    refused("cuda:0,,cuda:1", 4, "");
}

static void places_are_told_as_they_are_given(void **state) {
    (void)state;
    char words[64];
    bt_placement p = placed("cuda:0,cpu:0-1,cpu", "hrnet", 4);
    bt_placement_words(&p, words, sizeof words);
    assert_string_equal(words, "cuda:0, cpu:0-1, cpu");
    bt_placement_words(&p, words, 8);
    assert_int_equal(strlen(words), 7);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(devices_get_an_instance_each),
        cmocka_unit_test(slices_of_the_cpu_have_cores_of_their_own),
        cmocka_unit_test(slices_are_of_the_cores_that_are_allowed),
        cmocka_unit_test(an_entry_may_be_for_one_model),
        cmocka_unit_test(what_cannot_be_is_refused_by_name),
        cmocka_unit_test(a_thread_is_kept_where_it_is_told),
        cmocka_unit_test(places_are_told_as_they_are_given),
        cmocka_unit_test(lists_of_cores_end_where_they_end),
    };
    return cmocka_run_group_tests_name("settings-placement", tests, NULL, NULL);
}
