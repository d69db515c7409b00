/* Where instances run, and what a service runs of a model: as the config says, under what was given. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>
#include <string.h>

#include "scratch.h"
#include "serving/served-model.h"
#include "settings/placement.h"

static cpu_set_t first_cores(int count) {
    cpu_set_t set;
    CPU_ZERO(&set);
    for (int i = 0; i < count; i++)
        CPU_SET(i, &set);
    return set;
}

static bt_placement placed(const char *text, const char *model, int cores) {
    bt_placement placement;
    bt_error error;
    cpu_set_t allowed = first_cores(cores);
    if (bt_placement_parse(&placement, text, model, &allowed, &error) != BT_OK)
        fail_msg("%s: %s", text, error.message);
    return placement;
}

static void refused(const char *text, int cores, const char *phrase) {
    bt_placement placement;
    bt_error error = {BT_OK, ""};
    cpu_set_t allowed = first_cores(cores);
    if (bt_placement_parse(&placement, text, "hrnet", &allowed, &error) != BT_INVALID)
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

/* ---- what is served ---- */

static const char config_text[] =
    "{\"schema_version\": 1, \"settings\": {\"backend\": \"sim:tau0_ms=4\", \"max_queue_delay_ms\": 3, "
    "\"p95_sla_ms\": 80}, \"configurations\": {\"hrnet\": {\"optimal_batch_size\": 8, \"image_size\": 64}}}";

static bt_config *config_of(const char *text) {
    bt_config *config;
    bt_error error;
    FILE *file = fopen("config.json", "w");
    fputs(text, file);
    fclose(file);
    if (bt_config_load(&config, "config.json", &error) != BT_OK) fail_msg("%s", error.message);
    return config;
}

static bt_status resolve_on(bt_served_model *out, const bt_config *config, const char *model,
                            const char *pairs, const bt_cores *cores, bt_error *error) {
    bt_service_settings given;
    bt_option_sources sources;
    bt_options_default(bt_service_settings_table, bt_service_settings_count, &given, &sources);
    if (bt_options_read_pairs(bt_service_settings_table, bt_service_settings_count, pairs, "given", &given,
                              &sources, error) != BT_OK)
        fail_msg("%s", error->message);
    return bt_served_model_resolve(out, config, model, &given, &sources, cores, error);
}

static bt_status resolve(bt_served_model *out, const bt_config *config, const char *model, const char *pairs,
                         bt_error *error) {
    const bt_cores cores = {.count = 4, .cpus = 4, .mask = first_cores(4)};
    return resolve_on(out, config, model, pairs, &cores, error);
}

static void what_nobody_gave_is_the_configs(void **state) {
    (void)state;
    bt_config *config = config_of(config_text);
    bt_served_model served;
    bt_error error;
    assert_int_equal(resolve(&served, config, "hrnet", "", &error), BT_OK);
    assert_int_equal(served.settings.batch_size, 8);
    assert_int_equal(served.settings.image_size, 64);
    assert_true(served.settings.max_queue_delay_ms == 3);
    assert_true(served.settings.p95_sla_ms == 80);
    assert_int_equal(served.settings.max_queue_size, 100); /* the default, where the config is silent */
    assert_string_equal(served.settings.backend, "sim:tau0_ms=4");
    assert_int_equal(served.placement.count, 1);
    bt_config_close(&config);
}

static void what_was_given_goes_over_it(void **state) {
    (void)state;
    bt_config *config = config_of(config_text);
    bt_served_model served;
    bt_error error;
    assert_int_equal(
        resolve(&served, config, "hrnet", "batch_size=2,max_queue_delay_ms=0,instances=2x1", &error), BT_OK);
    assert_int_equal(served.settings.batch_size, 2);
    assert_true(served.settings.max_queue_delay_ms == 0); /* 0 given is not "nothing given" */
    assert_int_equal(served.placement.count, 2);
    assert_true(served.settings.p95_sla_ms == 80);
    bt_config_close(&config);
}

/* ---- fewer cores than there were ---- */

#define TUNED(settings, instances)                                                                           \
    "{\"schema_version\": 1, \"settings\": {\"backend\": \"plan\", \"device\": \"cpu\"" settings             \
    "}, \"configurations\": {\"hrnet\": {\"optimal_batch_size\": 1, \"instances\": [" instances "]}}}"
#define ON_CORE(cpu) "{\"device\": \"cpu\", \"threads\": 1, \"cpus\": \"" cpu "\"}"

/* "2x1 0 1" on `count` of the first `cpus` CPUs (a quota where it is less), and a note that says `note`. */
static void check_served(const char *text, const char *given, int count, int cpus, const char *wanted,
                         const char *note) {
    bt_config *config = config_of(text);
    bt_cores cores = {.count = count, .cpus = cpus, .mask = first_cores(cpus)};
    if (count < cpus) cores.quota = count - 0.5;
    bt_served_model served;
    bt_error error;
    char seen[200];
    assert_int_equal(resolve_on(&served, config, "hrnet", given, &cores, &error), BT_OK);
    int used =
        snprintf(seen, sizeof seen, "%dx%d", served.placement.count, served.placement.instances[0].threads);
    for (int i = 0; i < served.placement.count; i++)
        used += snprintf(seen + used, sizeof seen - (size_t)used, " %s", served.placement.instances[i].cpus);
    assert_string_equal(seen, wanted);
    if (!strstr(served.placement_note, note) || (*note == '\0' && served.placement_note[0]))
        fail_msg("%s on %d of %d: %s", wanted, count, cpus, served.placement_note);
    bt_config_close(&config);
}

static void what_a_run_chose_is_cut_to_the_cores_that_there_are(void **state) {
    (void)state;
    static const char two[] = TUNED("", ON_CORE("0") "," ON_CORE("1"));
    static const char one[] = TUNED("", "{\"device\": \"cpu\", \"threads\": 4}");
    check_served(two, "", 2, 2, "2x1 0 1", "");
    check_served(two, "", 1, 2, "1x1 ",
                 "tuned as 2 instances of 1 thread, but there is 1 core (a CPU quota of 0.5 on "
                 "2 CPUs): it runs as 1 instance of 1 thread");
    check_served(two, "", 1, 1, "1x1 ",
                 "tuned as 2 instances of 1 thread, but there is 1 core: it runs as 1");
    check_served(one, "", 4, 4, "1x4 ", "");
    check_served(one, "", 3, 8, "1x3 ",
                 "tuned as 1 instance of 4 threads, but there are 3 cores (a CPU quota of 2.5");
    check_served(one, "", 1, 1, "1x1 ", "it runs as 1 instance of 1 thread");
    check_served(TUNED("", ON_CORE("0") "," ON_CORE("1") "," ON_CORE("2") "," ON_CORE("3")), "", 3, 4,
                 "3x1 0 1 2", "it runs as 3 instances");
}

/* Cores that were there for the run, under numbers that are another's here. */
static void instances_on_cores_of_others_move(void **state) {
    (void)state;
    static const char two[] = TUNED("", ON_CORE("2") "," ON_CORE("3"));
    check_served(two, "", 2, 2, "2x1 0 1", "the config's cores are not this process's");
    check_served(two, "", 4, 4, "2x1 2 3", "");
}

static void who_asks_for_more_than_there_is_gets_it_and_is_told(void **state) {
    (void)state;
    static const char two[] = TUNED(", \"instances\": 2", ON_CORE("0") "," ON_CORE("1"));
    static const char threads[] = TUNED(", \"threads\": 4", "{\"device\": \"cpu\", \"threads\": 4}");
    check_served(two, "", 1, 2, "2x1 0 1",
                 "2 threads on 1 core (a CPU quota of 0.5 on 2 CPUs): they will stand still");
    check_served(threads, "", 2, 2, "1x4 ", "4 threads on 2 cores: they will wait for each other");
    check_served(TUNED("", ON_CORE("0")), "instances=2x1", 1, 2, "2x1 0 1", "2 threads on 1 core");
    check_served(TUNED("", ON_CORE("0")), "instances=cpu", 1, 2, "1x0 ", "");
    check_served(TUNED("", "{\"device\": \"cuda:0\", \"threads\": 16}"), "", 1, 2, "1x16 ", "");
    check_served(TUNED("", ON_CORE("0") "," ON_CORE("1")), "backend=sim", 1, 2, "2x1 0 1",
                 ""); /* has no threads */
}

static void an_unknown_model_is_refused_with_what_there_is(void **state) {
    (void)state;
    bt_config *config = config_of(config_text);
    bt_served_model served;
    bt_error error;
    assert_int_equal(resolve(&served, config, "resnet", "", &error), BT_INVALID);
    assert_non_null(strstr(error.message, "hrnet"));
    bt_config_close(&config);
    config = config_of("{\"schema_version\": 1, \"configurations\": {\"a\": {\"optimal_batch_size\": 1}, "
                       "\"b\": {\"optimal_batch_size\": 1}}}");
    assert_int_equal(resolve(&served, config, "resnet", "", &error), BT_INVALID);
    assert_non_null(strstr(error.message, "no model \"resnet\"; it has: a, b"));
    bt_config_close(&config);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(devices_get_an_instance_each),
        cmocka_unit_test(slices_of_the_cpu_have_cores_of_their_own),
        cmocka_unit_test(slices_are_of_the_cores_that_are_allowed),
        cmocka_unit_test(an_entry_may_be_for_one_model),
        cmocka_unit_test(what_cannot_be_is_refused_by_name),
        cmocka_unit_test(a_thread_is_kept_where_it_is_told),
        cmocka_unit_test(lists_of_cores_end_where_they_end),
        cmocka_unit_test(what_nobody_gave_is_the_configs),
        cmocka_unit_test(what_was_given_goes_over_it),
        cmocka_unit_test(what_a_run_chose_is_cut_to_the_cores_that_there_are),
        cmocka_unit_test(instances_on_cores_of_others_move),
        cmocka_unit_test(who_asks_for_more_than_there_is_gets_it_and_is_told),
        cmocka_unit_test(an_unknown_model_is_refused_with_what_there_is),
    };
    return cmocka_run_group_tests(tests, bt_scratch_enter, bt_scratch_leave);
}
