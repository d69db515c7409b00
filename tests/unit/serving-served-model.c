/* What a service runs of a model: as the config says, under what was given, on the cores that there are. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "batching/batcher.h"
#include "expect.h"
#include "made-up-cores.h"
#include "scratch.h"
#include "serving/served-model.h"

static const char config_text[] =
    "{\"schema_version\": 1, \"settings\": {\"backend\": \"sim:tau0_ms=4\", \"max_queue_delay_ms\": 3, "
    "\"p95_sla_ms\": 80}, \"configurations\": {\"hrnet\": {\"optimal_batch_size\": 8, \"image_size\": 64}}}";

static bt_config *config_of(const char *text) {
    bt_config *config;
    bt_error error;
    bt_scratch_put(".", "config.json", text);
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
    const bt_cores cores = made_up_cores(4);
    return resolve_on(out, config, model, pairs, &cores, error);
}

/* What is served of hrnet by a config of that text, under `pairs` that are given. NULL ends it. */
static void serve(bt_served_model *out, const char *text, const char *pairs, bt_status expected,
                  bt_error *error) {
    static bt_config *config; /* lent to *out until the next */
    bt_config_close(&config);
    if (!text) return;
    config = config_of(text);
    if (resolve(out, config, "hrnet", pairs, error) != expected)
        fail_msg("%s, %s: %s", text, pairs, error->message);
}

/* ---- whose word counts ---- */

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
    assert_int_equal(served.settings.policy, BT_POLICY_DELAY);
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
    assert_int_equal(resolve(&served, config, "hrnet",
                             "batch_size=2,max_queue_delay_ms=0,instances=2x1,policy=adaptive", &error),
                     BT_OK);
    assert_int_equal(served.settings.batch_size, 2);
    assert_int_equal(served.settings.policy, BT_POLICY_ADAPTIVE);
    assert_true(served.settings.max_queue_delay_ms == 0); /* 0 given is not "nothing given" */
    assert_int_equal(served.placement.count, 2);
    assert_true(served.settings.p95_sla_ms == 80);
    bt_config_close(&config);
}

/* A user's own network: the entry's file, unless another one is given for that model. */
static void a_config_keeps_the_file_and_settings_win_over_it(void **state) {
    (void)state;
    static const struct {
        const char *model, *given, *model_file, *weights;
    } cases[] = {
        {"mine", "", "/models/net.pt", ""},
        {"mine", "model_file=\"hrnet=x.pt;mine=y.pt\"", "y.pt", ""},
        {"hrnet", "", "", "demo"},
    };
    /* simulated, so that no file need be there */
    bt_config *config = config_of("{\"schema_version\": 1, \"settings\": {\"backend\": \"sim\"}, "
                                  "\"configurations\": {"
                                  "\"mine\": {\"optimal_batch_size\": 2, \"model_file\": \"/models/net.pt\"},"
                                  "\"hrnet\": {\"optimal_batch_size\": 4}}}");
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        bt_served_model served;
        bt_error error;
        if (resolve(&served, config, cases[i].model, cases[i].given, &error)) fail_msg("%s", error.message);
        assert_string_equal(served.settings.model_file, cases[i].model_file);
        assert_string_equal(served.settings.weights, cases[i].weights);
    }
    bt_config_close(&config);
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

#define CONFIG(settings, entry)                                                                              \
    "{\"schema_version\": 1, \"settings\": {" settings "}, \"configurations\": {\"hrnet\": {"                \
    "\"optimal_batch_size\": 2" entry "}}}"

static void weights_come_from_whoever_says_most(void **state) {
    (void)state;
    static bt_served_model served;
    bt_error error;
    serve(&served, CONFIG("", ""), "", BT_OK, &error);
    assert_string_equal(served.settings.weights, "demo");
    serve(&served, CONFIG("\"weights\": \"hrnet=mine.pth\"", ""), "", BT_OK, &error);
    assert_string_equal(served.settings.weights, "mine.pth");
    serve(&served, CONFIG("", ", \"weights\": {\"source\": \"counter:3\"}"), "", BT_OK, &error);
    assert_string_equal(served.settings.weights, "counter:3");
    serve(&served, CONFIG("\"weights\": \"counter:5\"", ", \"weights\": {\"source\": \"none\"}"), "", BT_OK,
          &error);
    assert_string_equal(served.settings.weights, "counter:5"); /* a simulated run had none */
    serve(&served, CONFIG("", ", \"weights\": {\"source\": \"x.pth\", \"path\": \"/w/x.pth\"}"), "", BT_OK,
          &error);
    assert_string_equal(served.settings.weights, "/w/x.pth");
    serve(&served, CONFIG("", ", \"weights\": {\"source\": \"x.pth\", \"path\": \"/w/x.pth\"}"),
          "weights=demo", BT_OK, &error);
    assert_string_equal(served.settings.weights, "demo"); /* what is given goes over the config's */
    serve(&served, CONFIG("\"weights\": \"hrnet=a,hrnet=b\"", ""), "", BT_INVALID, &error);
    says(error.message, "hrnet is named twice");
    serve(NULL, NULL, NULL, BT_OK, &error);
}

static void weights_that_changed_are_told_from_others_that_were_asked_for(void **state) {
    (void)state;
    static bt_served_model served;
    bt_error error;
#define MEASURED ", \"weights\": {\"path\": \"/w/x.pth\", \"hash\": \"000000000000002a\"}"
    serve(&served, CONFIG("", MEASURED), "", BT_OK, &error);
    assert_false(bt_served_model_has_changed(&served, 0x2a));
    assert_true(bt_served_model_has_changed(&served, 0x2b));
    assert_false(bt_served_model_has_changed(&served, 0)); /* a simulation loads none */
    serve(&served, CONFIG("", MEASURED), "weights=/w/y.pth", BT_OK, &error);
    assert_false(bt_served_model_has_changed(&served, 0x2b));
    serve(&served, CONFIG("", ", \"weights\": {\"path\": \"/w/x.pth\"}"), "", BT_OK, &error);
    assert_false(bt_served_model_has_changed(&served, 0x2b)); /* written by hand, without a hash */
    serve(NULL, NULL, NULL, BT_OK, &error);
}

static void an_instance_is_placed_where_the_config_says(void **state) {
    (void)state;
    static bt_served_model served;
    bt_error error;
    serve(&served, CONFIG("\"device\": \"cuda:1\", \"threads\": 3", ""), "", BT_OK, &error);
    assert_int_equal(served.placement.count, 1);
    assert_string_equal(served.placement.instances[0].device, "cuda:1");
    assert_int_equal(served.placement.instances[0].threads, 3);
    serve(&served, CONFIG("", ""), "", BT_OK, &error);
    assert_string_equal(served.placement.instances[0].device, "cpu"); /* "auto" on a machine without a GPU */
    assert_int_equal(served.settings.image_size, 1024);
    serve(&served, CONFIG("\"image_size\": 64", ""), "batch_size=1,max_queue_size=7,p95_sla_ms=9", BT_OK,
          &error);
    assert_int_equal(served.settings.image_size, 64);
    assert_int_equal(served.settings.batch_size, 1);
    assert_int_equal(served.settings.max_queue_size, 7);
    assert_true(served.settings.p95_sla_ms == 9);
    serve(&served, CONFIG("", ", \"instances\": [{\"device\": \"cpu\", \"threads\": 2, \"cpus\": \"0-1\"}]"),
          "", BT_OK, &error);
    assert_int_equal(served.placement.count, 1);
    assert_string_equal(served.placement.instances[0].cpus, "0-1");
    serve(&served,
          "{\"schema_version\": 1, \"machine\": {\"fingerprint\": \"\", \"cpu\": \"\", \"cores\": 1, "
          "\"memory_bytes\": 1, \"clock_policy\": \"\", \"gpu\": \"NVIDIA T4\", \"gpu_memory_bytes\": 1}, "
          "\"configurations\": {\"hrnet\": {\"optimal_batch_size\": 2}}}",
          "", BT_OK, &error);
    assert_string_equal(served.placement.instances[0].device, "cuda:0");
    serve(&served, CONFIG("", ""), "model_file=net.pt", BT_INVALID, &error);
    says(error.message, "\"net.pt\" names no model");
    serve(&served, CONFIG("", ""), "instances=moon", BT_INVALID, &error);
    says(error.message, "instances: \"moon\" is no place");
    serve(NULL, NULL, NULL, BT_OK, &error);
}

static void an_entrys_own_settings_are_served(void **state) {
    (void)state;
    static bt_served_model served;
    static const char text[] =
        CONFIG("\"p95_sla_ms\": 600, \"max_queue_delay_ms\": 9, \"max_queue_size\": 50, \"use_amp\": true",
               ", \"settings\": {\"p95_sla_ms\": 250, \"max_queue_delay_ms\": 2, \"max_queue_size\": 7, "
               "\"use_amp\": false, \"use_channels_last\": false, \"use_cudnn_benchmark\": false, "
               "\"path\": \"plain\", \"backend\": \"plan\", \"weights\": \"counter:3\", "
               "\"device\": \"cuda:1\", \"image_size\": 96}");
    bt_error error;
    serve(&served, text, "", BT_OK, &error);
    assert_true(served.settings.p95_sla_ms == 250 && served.settings.max_queue_delay_ms == 2);
    assert_int_equal(served.settings.max_queue_size, 7);
    assert_true(!served.use_amp && !served.use_channels_last && !served.use_cudnn_benchmark);
    assert_int_equal(served.path, 1); /* of standard, plain, production */
    assert_string_equal(served.settings.backend, "plan");
    assert_string_equal(served.settings.weights, "counter:3");
    assert_string_equal(served.placement.instances[0].device, "cuda:1");
    assert_int_equal(served.settings.image_size, 96);
    serve(&served, text, "p95_sla_ms=9,max_queue_size=8", BT_OK, &error);
    assert_true(served.settings.p95_sla_ms == 9); /* what is given goes over everything */
    assert_int_equal(served.settings.max_queue_size, 8);
    serve(&served, CONFIG("\"p95_sla_ms\": 600", ", \"p95_sla_ms\": 250"), "", BT_OK, &error);
    assert_true(served.settings.p95_sla_ms == 600); /* older: what it was tuned under is no setting */
    serve(NULL, NULL, NULL, BT_OK, &error);
}

static void a_wrong_setting_of_an_entry_is_named(void **state) {
    (void)state;
    static const struct {
        const char *text, *says;
    } cases[] = {
        {CONFIG("", ", \"settings\": {\"p95_sla\": 1}"),
         "hrnet.settings: p95_sla is no setting; did you mean"},
        {CONFIG("", ", \"settings\": {\"batches\": 1}"), "hrnet.settings: batches is no setting"},
        {CONFIG("", ", \"settings\": {\"p95_sla_ms\": 0}"), "hrnet.settings: p95_sla_ms: 0 is not above 0"},
        {CONFIG("", ", \"settings\": 1"), "hrnet.settings: is no JSON object"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        bt_config *broken;
        bt_error error;
        bt_scratch_put(".", "config.json", cases[i].text);
        assert_int_equal(bt_config_load(&broken, "config.json", &error), BT_PARSE);
        says(error.message, cases[i].says);
    }
}

static void what_could_not_be_measured_is_not_served(void **state) {
    (void)state;
    static bt_served_model served;
    bt_error error;
    serve(&served, CONFIG("", ", \"unmeasurable\": true, \"reason\": \"batch 1: the worker died\""), "",
          BT_INVALID, &error);
    says(error.message,
         "hrnet could not be measured: batch 1: the worker died, so it is not served: tune it again");
    serve(&served, CONFIG("", ", \"unmeasurable\": true"), "", BT_INVALID, &error);
    says(error.message, "hrnet could not be measured, so it is not served");
    serve(NULL, NULL, NULL, BT_OK, &error);
}

/* ---- precision ---- */

#define RACED(precision, more)                                                                               \
    CONFIG("\"backend\": \"plan\", \"device\": \"cpu\"",                                                     \
           ", \"precision\": \"" precision "\", \"precision_reason\": \"it won\"" more)

static void what_won_is_served(void **state) {
    (void)state;
    static bt_served_model served;
    static const bt_instance place = {.device = "cpu", .threads = 2};
    bt_error error;
    serve(&served, RACED("fp32", ""), "", BT_OK, &error);
    assert_int_equal(served.precision, BT_PRECISION_FP32);
    assert_int_equal(bt_served_model_session(&served, &place, BT_PATH_PRODUCTION).precision,
                     BT_PRECISION_FP32);
    serve(&served, RACED("fp32", ""), "precision=auto", BT_OK, &error);
    assert_int_equal(served.precision, BT_PRECISION_AUTO);
    serve(&served, CONFIG("", ", \"precision\": \"bf16\""), "", BT_OK,
          &error); /* of before: nobody compared */
    assert_int_equal(served.precision, BT_PRECISION_AUTO);
    serve(&served, CONFIG("\"precision\": \"fp32\"", ""), "", BT_OK, &error);
    assert_int_equal(served.precision, BT_PRECISION_FP32);
    serve(NULL, NULL, NULL, BT_OK, &error);
}

static void int8_is_served_with_the_calibration_beside_the_config(void **state) {
    (void)state;
    static bt_served_model served;
    static const bt_instance place = {.device = "cpu", .threads = 2};
    static const char text[] = RACED("int8", ", \"calibration\": \"ranges.json\"");
    bt_error error;
    bt_scratch_put(".", "ranges.json", "{}");
    serve(&served, text, "", BT_OK, &error);
    const bt_session_options options = bt_served_model_session(&served, &place, BT_PATH_PRODUCTION);
    assert_int_equal(options.precision, BT_PRECISION_INT8);
    assert_string_equal(options.calibration, "ranges.json");
    assert_int_equal(bt_served_model_session(&served, &place, BT_PATH_STANDARD).path, BT_PATH_STANDARD);
    assert_int_equal(unlink("ranges.json"), 0);
    serve(&served, text, "", BT_IO, &error);
    says(error.message, "ranges.json: there is no such file, and INT8 wants it: tune hrnet here");
    serve(&served, text, "precision=fp32", BT_OK, &error); /* which has no use for it */
    serve(&served, text, "backend=sim", BT_OK, &error);
    serve(NULL, NULL, NULL, BT_OK, &error);
}

static void what_runs_otherwise_than_it_was_measured_has_no_times(void **state) {
    (void)state;
    static bt_served_model served;
    static const char text[] = RACED("fp32", ", \"image_size\": 64");
    bt_error error;
    serve(&served, text, "", BT_OK, &error);
    assert_true(bt_served_model_is_measured(&served));
    static const char *const others[] = {"precision=auto", "image_size=96", "backend=sim"};
    for (size_t i = 0; i < sizeof others / sizeof *others; i++) {
        serve(&served, text, others[i], BT_OK, &error);
        assert_false(bt_served_model_is_measured(&served));
    }
    serve(&served, text, "precision=fp32,image_size=64", BT_OK, &error); /* which it was */
    assert_true(bt_served_model_is_measured(&served));
    serve(NULL, NULL, NULL, BT_OK, &error);
}

static void a_precision_that_is_none_of_this_machine_asks_for_tuning(void **state) {
    (void)state;
    static bt_served_model served;
    bt_error error;
    serve(&served, RACED("fp16", ""), "", BT_UNSUPPORTED, &error);
    says(error.message, "hrnet was tuned in FP16, which it cannot run in here: tune it here");
    serve(&served, RACED("fp16", ""), "precision=auto", BT_OK, &error);
    serve(&served, RACED("fp16", ""), "instances=cuda:0", BT_OK, &error);
    serve(NULL, NULL, NULL, BT_OK, &error);
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
    bt_cores cores = made_up_cores(cpus);
    cores.count = count;
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

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_nobody_gave_is_the_configs),
        cmocka_unit_test(what_was_given_goes_over_it),
        cmocka_unit_test(a_config_keeps_the_file_and_settings_win_over_it),
        cmocka_unit_test(an_unknown_model_is_refused_with_what_there_is),
        cmocka_unit_test(weights_come_from_whoever_says_most),
        cmocka_unit_test(weights_that_changed_are_told_from_others_that_were_asked_for),
        cmocka_unit_test(an_instance_is_placed_where_the_config_says),
        cmocka_unit_test(an_entrys_own_settings_are_served),
        cmocka_unit_test(a_wrong_setting_of_an_entry_is_named),
        cmocka_unit_test(what_could_not_be_measured_is_not_served),
        cmocka_unit_test(what_won_is_served),
        cmocka_unit_test(int8_is_served_with_the_calibration_beside_the_config),
        cmocka_unit_test(what_runs_otherwise_than_it_was_measured_has_no_times),
        cmocka_unit_test(a_precision_that_is_none_of_this_machine_asks_for_tuning),
        cmocka_unit_test(what_a_run_chose_is_cut_to_the_cores_that_there_are),
        cmocka_unit_test(instances_on_cores_of_others_move),
        cmocka_unit_test(who_asks_for_more_than_there_is_gets_it_and_is_told),
    };
    return cmocka_run_group_tests_name("serving-served-model", tests, bt_scratch_enter, bt_scratch_leave);
}
