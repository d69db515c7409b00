/* Where settings come from: profiles, config files, the one text that says whose weights are which; and what
 * a service makes of them. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
/* cmocka wants the four above first */
#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/files.h"
#include "scratch.h"
#include "serving/served-model.h"
#include "settings/weights.h"

static bt_settings settings;
static bt_option_sources sources;

static void begin(void) {
    bt_options_default(bt_settings_table, bt_settings_count, &settings, &sources);
}

static void put(const char *path, const char *text) {
    bt_error error;
    if (bt_file_check_writable(path, &error) || bt_file_replace(path, text, strlen(text), false, &error))
        fail_msg("%s", error.message);
}

static void says(const bt_error *error, const char *words) {
    if (!strstr(error->message, words)) fail_msg("\"%s\" does not say \"%s\"", error->message, words);
}

/* ---- profiles and config files ---- */

static void a_profile_of_the_current_folder_comes_first(void **state) {
    (void)state;
    bt_error error;
    begin();
    put("configs/profiles/strict-latency.json", "{\"p95_sla_ms\": 7}");
    assert_int_equal(bt_settings_read_profile(&settings, &sources, "strict-latency", &error), BT_OK);
    assert_true(settings.p95_sla_ms == 7);
    assert_int_equal(sources.of[bt_options_find(bt_settings_table, bt_settings_count, "p95_sla_ms")],
                     BT_SOURCE_PROFILE);
}

static void a_profile_that_is_none_is_refused(void **state) {
    (void)state;
    bt_error error = {BT_OK, ""};
    begin();
    assert_int_equal(bt_settings_read_profile(&settings, &sources, "", &error), BT_INVALID);
    assert_int_equal(bt_settings_read_profile(&settings, &sources, "../secret", &error), BT_INVALID);
    says(&error, "\"../secret\" is no profile's name");
    assert_int_equal(bt_settings_read_profile(&settings, &sources, "absent", &error), BT_INVALID);
    says(&error, "there is no configs/profiles/absent.json");
    put("configs/profiles/notes.txt", "");
    put("configs/profiles/b.json", "{}");
    put("configs/profiles/a.json", "{}");
    put("configs/profiles/a.json.bak", "{}");
    assert_int_equal(bt_settings_read_profile(&settings, &sources, "absent", &error), BT_INVALID);
    says(&error, "there are: a, b");
    assert_null(strstr(error.message, "bak"));
    assert_null(strstr(error.message, "notes"));
    put("configs/profiles/broken.json", "{\"p95_sla_ms\": \"soon\"}");
    assert_int_equal(bt_settings_read_profile(&settings, &sources, "broken", &error), BT_PARSE);
    says(&error, "configs/profiles/broken.json: p95_sla_ms");
    char name[2 * BT_PATH_SIZE];
    memset(name, 'a', sizeof name - 1);
    name[sizeof name - 1] = '\0';
    assert_int_equal(bt_settings_read_profile(&settings, &sources, name, &error), BT_INVALID);
    says(&error, "too long");
}

static void a_config_file_is_read_where_one_is_named(void **state) {
    (void)state;
    bt_error error;
    begin();
    assert_int_equal(bt_settings_read_config(&settings, &sources, &error), BT_OK); /* none is named */
    snprintf(settings.config, sizeof settings.config, "mine.json");
    assert_int_equal(bt_settings_read_config(&settings, &sources, &error), BT_IO);
    says(&error, "mine.json");
    put("mine.json", "{\"models\": [\"hrnet\"], \"seed\": 9}");
    assert_int_equal(bt_settings_read_config(&settings, &sources, &error), BT_OK);
    assert_int_equal(settings.seed, 9);
    assert_int_equal(settings.models.count, 1);
}

static void objectives_have_names(void **state) {
    (void)state;
    assert_string_equal(bt_objective_name(BT_OBJECTIVE_EFFICIENCY), "efficiency");
    assert_string_equal(bt_objective_name(BT_OBJECTIVE_THROUGHPUT), "throughput");
    assert_string_equal(bt_objective_name(BT_OBJECTIVE_LATENCY), "latency");
    assert_string_equal(bt_objective_name(BT_OBJECTIVE_COUNT), "unknown");
    assert_string_equal(bt_objective_name((bt_objective)99), "unknown");
}

/* ---- whose weights ---- */

static void source_is(const char *setting, const char *model, const char *expected) {
    char out[BT_OPTION_TEXT_SIZE];
    bt_error error;
    if (bt_weights_of(out, setting, model, &error)) fail_msg("%s: %s", setting, error.message);
    assert_string_equal(out, expected);
}

static void one_source_is_everybodys(void **state) {
    (void)state;
    source_is("demo", "hrnet", "demo");
    source_is("counter:7", "cbam_resunet", "counter:7");
    source_is("models/a,b.pth", "hrnet", "models/a,b.pth");
    source_is("./x=y.pth", "hrnet", "./x=y.pth"); /* a path that looks like a name's */
}

static void a_source_may_be_one_models(void **state) {
    (void)state;
    static const char both[] = "hrnet=a,1.safetensors,cbam_resunet=best.pth";
    source_is(both, "hrnet", "a,1.safetensors");
    source_is(both, "cbam_resunet", "best.pth");
    source_is(both, "other", "demo");
    source_is(both, "hr", "demo");
    source_is("hrnet=a.pth,", "hrnet", "a.pth");
}

static void put_file(const char *name) {
    FILE *file = fopen(name, "w");
    if (!file || fclose(file) != 0) fail_msg("%s cannot be made", name);
}

/* Lightning calls checkpoints like that. */
static void a_file_that_is_there_is_one_whatever_it_is_called(void **state) {
    (void)state;
    static const char *const models[] = {"hrnet", "cbam_resunet"}, *const files[] = {"epoch=3-val=0.1.ckpt",
                                                                                     "hrnet=x.pth",
                                                                                     "a,cbam_resunet=b.pth",
                                                                                     "-x=1;hrnet=2.pth",
                                                                                     "two words=1,2:3.pth"};
    char narrowed[BT_OPTION_TEXT_SIZE], part[BT_OPTION_TEXT_SIZE];
    bt_error error;
    for (size_t i = 0; i < sizeof files / sizeof *files; i++) {
        put_file(files[i]);
        source_is(files[i], "hrnet", files[i]);
        source_is(files[i], "cbam_resunet", files[i]);
        assert_int_equal(bt_weights_check_names(files[i], models, 2, &error), BT_OK);
        snprintf(narrowed, sizeof narrowed, "%s", files[i]);
        assert_int_equal(bt_weights_narrow(narrowed, "hrnet", &error), BT_OK);
        assert_string_equal(narrowed, files[i]);
        snprintf(part, sizeof part, "cbam_resunet=%s,hrnet=demo", files[i]);
        source_is(part, "cbam_resunet", files[i]);
        source_is(part, "hrnet", "demo");
        snprintf(part, sizeof part, "hrnet=counter:1,cbam_resunet=%s", files[i]);
        source_is(part, "cbam_resunet", files[i]);
        source_is(part, "hrnet", "counter:1");
    }
    source_is("epoch=3-val=0.1.ckpt:ema", "hrnet", "epoch=3-val=0.1.ckpt:ema"); /* a place in it */
    source_is("hrnet=epoch=3-val=0.1.ckpt:ema,cbam_resunet=b", "hrnet", "epoch=3-val=0.1.ckpt:ema");
    source_is("epoch=3-val=0.1.ckpt:ema", "hrnet", "epoch=3-val=0.1.ckpt:ema"); /* a place in it */
    source_is("hrnet=epoch=3-val=0.1.ckpt:ema,cbam_resunet=a,cbam_resunet=b.pth:net", "cbam_resunet",
              "a,cbam_resunet=b.pth:net");
    source_is("other=absent.pth", "hrnet", "demo"); /* one that is not there names a model, as ever */
    assert_int_equal(bt_weights_check_names("epoch=4.ckpt", models, 2, &error), BT_INVALID);
}

static void a_source_is_named_once_and_for_a_model(void **state) {
    (void)state;
    static const char *const models[] = {"hrnet", "cbam_resunet"};
    char out[BT_OPTION_TEXT_SIZE];
    bt_error error = {BT_OK, ""};
    assert_int_equal(bt_weights_of(out, "hrnet=a,hrnet=b", "hrnet", &error), BT_INVALID);
    says(&error, "hrnet is named twice");
    assert_int_equal(bt_weights_of(out, "hrnet=a,cbam_resunet=", "hrnet", &error), BT_INVALID);
    says(&error, "\"cbam_resunet=\" names nothing");
    assert_int_equal(bt_weights_check_names("hrnet=a,unet=b", models, 2, &error), BT_INVALID);
    says(&error, "\"unet\" is no model here; there is hrnet, cbam_resunet");
    assert_int_equal(bt_weights_check_names("hrnet=a,cbam_resunet=b", models, 2, &error), BT_OK);
    assert_int_equal(bt_weights_check_names("demo", models, 2, &error), BT_OK);
    char text[128] = "";
    memset(text, 'n', 100);
    strcpy(text + 100, "=x");
    assert_int_equal(bt_weights_check_names(text, models, 2, &error), BT_INVALID);
    assert_true(strlen(error.message) < 140); /* a long name is cut */
}

/* ---- what is served ---- */

static void serve(bt_served_model *out, const char *config_text, const char *pairs, bt_status expected,
                  bt_error *error) {
    static bt_config *config; /* lent to *out until the next */
    bt_service_settings given;
    bt_cores cores = {.count = 4, .cpus = 4};
    for (int cpu = 0; cpu < 4; cpu++)
        CPU_SET(cpu, &cores.mask);
    bt_config_close(&config);
    if (!config_text) return;
    put("config.json", config_text);
    if (bt_config_load(&config, "config.json", error)) fail_msg("%s", error->message);
    bt_options_default(bt_service_settings_table, bt_service_settings_count, &given, &sources);
    if (bt_options_read_pairs(bt_service_settings_table, bt_service_settings_count, pairs, "given", &given,
                              &sources, error))
        fail_msg("%s", error->message);
    if (bt_served_model_resolve(out, config, "hrnet", &given, &sources, &cores, error) != expected)
        fail_msg("%s, %s: %s", config_text, pairs, error->message);
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
    says(&error, "hrnet is named twice");
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
    says(&error, "\"net.pt\" names no model");
    serve(&served, CONFIG("", ""), "instances=moon", BT_INVALID, &error);
    says(&error, "instances: \"moon\" is no place");
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
        put("config.json", cases[i].text);
        assert_int_equal(bt_config_load(&broken, "config.json", &error), BT_PARSE);
        says(&error, cases[i].says);
    }
}

static void what_could_not_be_measured_is_not_served(void **state) {
    (void)state;
    static bt_served_model served;
    bt_error error;
    serve(&served, CONFIG("", ", \"unmeasurable\": true, \"reason\": \"batch 1: the worker died\""), "",
          BT_INVALID, &error);
    says(&error, "hrnet could not be measured: batch 1: the worker died, so it is not served: tune it again");
    serve(&served, CONFIG("", ", \"unmeasurable\": true"), "", BT_INVALID, &error);
    says(&error, "hrnet could not be measured, so it is not served");
    serve(NULL, NULL, NULL, BT_OK, &error);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, bt_scratch_enter, bt_scratch_leave)

int main(void) {
    const struct CMUnitTest tests[] = {
        TEST(a_profile_of_the_current_folder_comes_first),
        TEST(a_profile_that_is_none_is_refused),
        TEST(a_config_file_is_read_where_one_is_named),
        TEST(objectives_have_names),
        TEST(one_source_is_everybodys),
        TEST(a_source_may_be_one_models),
        TEST(a_file_that_is_there_is_one_whatever_it_is_called),
        TEST(a_source_is_named_once_and_for_a_model),
        TEST(weights_come_from_whoever_says_most),
        TEST(weights_that_changed_are_told_from_others_that_were_asked_for),
        TEST(an_instance_is_placed_where_the_config_says),
        TEST(an_entrys_own_settings_are_served),
        TEST(a_wrong_setting_of_an_entry_is_named),
        TEST(what_could_not_be_measured_is_not_served),
    };
    return cmocka_run_group_tests_name("record: settings", tests, NULL, NULL);
}
