/* What --help says of numbers that the code has elsewhere is what the code has. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>
#include <string.h>

#include "base/text.h"
#include "batching/ladder.h"
#include "load/target-service.h"
#include "settings/load-test.h"
#include "settings/tuning.h"
#include "simulate/capacity.h"
#include "tune/bench.h"

static const bt_option *row(const bt_option *table, size_t count, const char *name) {
    const int index = bt_options_find(table, count, name);
    if (index < 0) fail_msg("there is no option %s", name);
    return &table[index];
}

static void says(const bt_option *option, const char *words) {
    if (!strstr(option->help, words))
        fail_msg("%s: \"%s\" does not say \"%s\"", option->name, option->help, words);
}

static void the_load_tests_numbers_are_those_of_the_code(void **state) {
    (void)state;
    char words[64];
    size_t count;
    const bt_option *table = bt_load_settings_table(&count);
    snprintf(words, sizeof words, "the first %d by name", BT_INPUTS_MAX);
    says(row(table, count, "images"), words);
    bt_text_format(words, sizeof words, "%.0f %% of the capacity", 100 * BT_RECOMMENDED_SHARE);
    says(row(table, count, "rate"), words);
    assert_true(row(table, count, "batch_size")->maximum == BT_LADDER_BATCH_MAX);
}

static void the_tunings_numbers_are_those_of_the_code(void **state) {
    (void)state;
    const bt_option *images = row(bt_settings_table, bt_settings_count, "images");
    assert_int_equal(BT_BENCH_IMAGES, 8);
    says(images, "the first eight by name");
}

static void an_objective_is_called_as_it_is_chosen(void **state) {
    (void)state;
    char names[BT_OPTION_TEXT_SIZE] = "";
    for (int i = 0; i < BT_OBJECTIVE_COUNT; i++) {
        const size_t used = strlen(names);
        snprintf(names + used, sizeof names - used, "%s%s", used ? "|" : "",
                 bt_objective_name((bt_objective)i));
    }
    assert_string_equal(row(bt_settings_table, bt_settings_count, "objective")->choices, names);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_load_tests_numbers_are_those_of_the_code),
        cmocka_unit_test(the_tunings_numbers_are_those_of_the_code),
        cmocka_unit_test(an_objective_is_called_as_it_is_chosen),
    };
    return cmocka_run_group_tests_name("settings-help", tests, NULL, NULL);
}
