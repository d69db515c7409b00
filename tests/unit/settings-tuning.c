/* Where the settings of a tuning run come from: profiles and config files. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>
#include <string.h>

#include "base/files.h"
#include "expect.h"
#include "scratch.h"
#include "settings/tuning.h"

static bt_settings settings;
static bt_option_sources sources;

static void begin(void) {
    bt_options_default(bt_settings_table, bt_settings_count, &settings, &sources);
}

static void a_profile_of_the_current_folder_comes_first(void **state) {
    (void)state;
    bt_error error;
    begin();
    bt_scratch_put(".", "configs/profiles/strict-latency.json", "{\"p95_sla_ms\": 7}");
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
    says(error.message, "\"../secret\" is no profile's name");
    assert_int_equal(bt_settings_read_profile(&settings, &sources, "absent", &error), BT_INVALID);
    says(error.message, "there is no configs/profiles/absent.json");
    bt_scratch_put(".", "configs/profiles/notes.txt", "");
    bt_scratch_put(".", "configs/profiles/b.json", "{}");
    bt_scratch_put(".", "configs/profiles/a.json", "{}");
    bt_scratch_put(".", "configs/profiles/a.json.bak", "{}");
    assert_int_equal(bt_settings_read_profile(&settings, &sources, "absent", &error), BT_INVALID);
    says(error.message, "there are: a, b");
    assert_null(strstr(error.message, "bak"));
    assert_null(strstr(error.message, "notes"));
    bt_scratch_put(".", "configs/profiles/broken.json", "{\"p95_sla_ms\": \"soon\"}");
    assert_int_equal(bt_settings_read_profile(&settings, &sources, "broken", &error), BT_PARSE);
    says(error.message, "configs/profiles/broken.json: p95_sla_ms");
    char name[2 * BT_PATH_SIZE];
    memset(name, 'a', sizeof name - 1);
    name[sizeof name - 1] = '\0';
    assert_int_equal(bt_settings_read_profile(&settings, &sources, name, &error), BT_INVALID);
    says(error.message, "too long");
}

static void a_config_file_is_read_where_one_is_named(void **state) {
    (void)state;
    bt_error error;
    begin();
    assert_int_equal(bt_settings_read_config(&settings, &sources, &error), BT_OK); /* none is named */
    snprintf(settings.config, sizeof settings.config, "mine.json");
    assert_int_equal(bt_settings_read_config(&settings, &sources, &error), BT_IO);
    says(error.message, "mine.json");
    bt_scratch_put(".", "mine.json", "{\"models\": [\"hrnet\"], \"seed\": 9}");
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

#define TEST(name) cmocka_unit_test_setup_teardown(name, bt_scratch_enter, bt_scratch_leave)

int main(void) {
    const struct CMUnitTest tests[] = {
        TEST(a_profile_of_the_current_folder_comes_first),
        TEST(a_profile_that_is_none_is_refused),
        TEST(a_config_file_is_read_where_one_is_named),
        TEST(objectives_have_names),
    };
    return cmocka_run_group_tests_name("settings-tuning", tests, NULL, NULL);
}
