/* Settings that say something of each model, and where a user's own network lies: names alone, no
 * contents. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/files.h"
#include "expect.h"
#include "record/config.h"
#include "scratch.h"
#include "settings/by-model.h"
#include "settings/model-file.h"
#include "settings/model-names.h"

static char folder[BT_PATH_SIZE - 64]; /* where the files are: absolute, as paths are given */

static void expect(const char *setting, const char *model, const char *wanted) {
    char out[BT_OPTION_TEXT_SIZE];
    bt_error error = {0};
    if (bt_model_file_of(out, setting, model, &error) != BT_OK) fail_msg("%s", error.message);
    assert_string_equal(out, wanted);
}

static void each_model_finds_its_own_part(void **state) {
    (void)state;
    expect("a=x.pt,b=y-{batch}.pt2", "a", "x.pt");
    expect("a=x.pt,b=y-{batch}.pt2", "b", "y-{batch}.pt2");
    expect("a=x.pt,b=y.pt2", "c", "");
    expect("a=x.pt;b=y.pt2", "b", "y.pt2");
    expect("a=x,y;z.pt,b=w.pt", "a", "x,y;z.pt");
    expect("a=x=1.pt,", "a", "x=1.pt");
    expect("", "a", "");
}

static void refuse(const char *setting, const char *model, const char *why) {
    char out[BT_OPTION_TEXT_SIZE];
    bt_error error = {0};
    assert_int_equal(bt_model_file_of(out, setting, model, &error), BT_INVALID);
    if (!strstr(error.message, why)) fail_msg("\"%s\" is not in: %s", why, error.message);
}

static void what_names_nothing_is_refused(void **state) {
    (void)state;
    refuse("x.pt", "a", "\"x.pt\" names no model; write NAME=FILE");
    refuse("a=", "a", "\"a=\" names nothing");
    refuse("a=x.pt,b=", "a", "\"b=\" names nothing");
    refuse("a=x.pt,a=y.pt", "a", "a is named twice");
}

static void names_come_in_order_and_within_bounds(void **state) {
    (void)state;
    bt_names names;
    bt_error error = {0};
    char many[512] = "", longest[128];
    assert_int_equal(bt_by_model_names(&names, "b=1,a=2;c=3", &error), BT_OK);
    assert_int_equal(names.count, 3);
    assert_string_equal(names.names[0], "b");
    assert_string_equal(names.names[2], "c");
    assert_int_equal(bt_by_model_names(&names, "plain", &error), BT_OK);
    assert_int_equal(names.count, 0);
    for (int i = 0; i <= BT_NAMES_MAX; i++)
        snprintf(many + strlen(many), sizeof many - strlen(many), "n%d=f,", i);
    assert_int_equal(bt_by_model_names(&names, many, &error), BT_INVALID);
    memset(longest, 'n', BT_NAME_SIZE);
    strcpy(longest + BT_NAME_SIZE, "=f");
    assert_int_equal(bt_by_model_names(&names, longest, &error), BT_INVALID);
    assert_int_equal(bt_by_model_names(&names, longest + 1, &error), BT_OK);
    static const char *const known[] = {"a", "b"};
    assert_int_equal(bt_by_model_check_names("a=1,b=2", known, 2, &error), BT_OK);
    assert_int_equal(bt_by_model_check_names("a=1,ab=2", known, 2, &error), BT_INVALID);
    assert_string_equal(error.message, "\"ab\" is no model here; there is a, b");
}

static void batch_sizes_are_those_that_have_files(void **state) {
    (void)state;
    char pattern[BT_PATH_SIZE];
    bt_sizes sizes;
    bt_error error = {0};
    static const char *const not_sizes[] = {"m-08.pt2", "m-.pt2",      "m-8x.pt2", "m-0.pt2", "m--1.pt2",
                                            "mm-3.pt2", "m-70000.pt2", "m-5.pt",   "m-x8.pt2"};
    put("m-16.pt2", "");
    put("m-2.pt2", "");
    put("m-1.pt2", "");
    for (size_t i = 0; i < sizeof not_sizes / sizeof *not_sizes; i++)
        put(not_sizes[i], "");
    snprintf(pattern, sizeof pattern, "%s/m-{batch}.pt2", folder);
    assert_int_equal(bt_model_file_batches(&sizes, pattern, &error), BT_OK);
    assert_int_equal(sizes.count, 3);
    assert_true(sizes.sizes[0] == 1 && sizes.sizes[1] == 2 && sizes.sizes[2] == 16);
    for (int i = 100; i < 100 + BT_SIZES_MAX; i++) {
        char name[32];
        snprintf(name, sizeof name, "m-%d.pt2", i);
        put(name, "");
    }
    assert_int_equal(bt_model_file_batches(&sizes, pattern, &error), BT_OK);
    assert_int_equal(sizes.count, BT_SIZES_MAX);
    assert_int_equal(sizes.sizes[2], 16);
    assert_int_equal(sizes.sizes[BT_SIZES_MAX - 1], 100 + BT_SIZES_MAX - 4); /* the largest are left out */
    assert_int_equal(bt_model_file_batches(&sizes, "m-{batch}.pt2", &error), BT_OK); /* of this folder */
    assert_int_equal(sizes.count, BT_SIZES_MAX);
    assert_int_equal(bt_model_file_batches(&sizes, "/nowhere/m.pt2", &error), BT_OK);
    assert_int_equal(sizes.count, 0);
    assert_int_equal(bt_model_file_batches(&sizes, "/nowhere/m-{batch}.pt2", &error), BT_IO);
    assert_int_equal(bt_model_file_batches(&sizes, "{batch}/m.pt2", &error), BT_INVALID);
    assert_int_equal(bt_model_file_batches(&sizes, "m{batch}{batch}.pt2", &error), BT_INVALID);
}

static void a_folder_that_no_path_has_room_for_is_refused(void **state) {
    (void)state;
    char file[BT_PATH_SIZE + 16], real[BT_MODEL_FILE_SIZE];
    bt_sizes sizes;
    bt_error error = {0};
    memset(file, '/', sizeof file);
    strcpy(file + BT_PATH_SIZE, "m-{batch}.pt2");
    assert_int_equal(bt_model_file_batches(&sizes, file, &error), BT_INVALID);
    assert_non_null(strstr(error.message, "the path is too long"));
    assert_int_equal(sizes.count, 0);
    error.message[0] = '\0';
    assert_int_equal(bt_model_file_absolute(real, file, &error), BT_INVALID);
    assert_non_null(strstr(error.message, "the path is too long"));
}

static void paths_are_put_together(void **state) {
    (void)state;
    char path[BT_PATH_SIZE], real[BT_MODEL_FILE_SIZE], given[BT_PATH_SIZE], wanted[BT_PATH_SIZE];
    bt_error error = {0};
    assert_int_equal(bt_model_file_path(path, "x/m-{batch}.pt2", 16, &error), BT_OK);
    assert_string_equal(path, "x/m-16.pt2");
    assert_int_equal(bt_model_file_path(path, "x/m.pt2", 16, &error), BT_OK);
    assert_string_equal(path, "x/m.pt2");
    assert_int_equal(bt_model_file_input(path, "x/m-{batch}.pt2", "mine", &error), BT_OK);
    assert_string_equal(path, "x/mine.json");
    assert_int_equal(bt_model_file_input(path, "m.pt", "mine", &error), BT_OK);
    assert_string_equal(path, "mine.json");
    snprintf(given, sizeof given, "%s/../%s/m-{batch}.pt2", folder, strrchr(folder, '/') + 1);
    snprintf(wanted, sizeof wanted, "%s/m-{batch}.pt2", folder);
    assert_int_equal(bt_model_file_absolute(real, given, &error), BT_OK);
    assert_string_equal(real, wanted);
    assert_int_equal(bt_model_file_absolute(real, "/m.pt", &error), BT_OK);
    assert_string_equal(real, "/m.pt");
    assert_int_equal(bt_model_file_absolute(real, "/nowhere/m.pt", &error), BT_IO);
    memset(given, 'x', sizeof given);
    given[0] = '/';
    given[BT_MODEL_FILE_SIZE] = '\0';
    assert_int_equal(bt_model_file_absolute(real, given, &error), BT_INVALID);
    given[BT_MODEL_FILE_SIZE - 1] = '\0';
    assert_int_equal(bt_model_file_absolute(real, given, &error), BT_OK);
}

static void a_file_has_a_description_of_its_own_name(void **state) {
    (void)state;
    static const struct {
        const char *file, *json;
    } cases[] = {
        {"x/unet.pt", "x/unet.json"},
        {"unet.pt2", "unet.json"},
        {"a.b/unet", "a.b/unet.json"},
        {"x/unet.script.pt", "x/unet.script.json"},
        {"x/unet-{batch}.pt2", "x/unet.json"},
        {"x/unet_{batch}.pt2", "x/unet.json"},
        {"x/unet{batch}.pt2", "x/unet.json"},
        {"x/{batch}-unet.pt2", "x/unet.json"},
        {"x/unet-{batch}-cpu.pt2", "x/unet-cpu.json"},
        {"x/{batch}.pt2", ""},
        {"x/-{batch}.pt2", ""},
        {"x/.hidden", "x/.hidden.json"},
    };
    char path[BT_PATH_SIZE], file[BT_PATH_SIZE];
    bt_error error = {0};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        assert_int_equal(bt_model_file_stem_input(path, cases[i].file, &error), BT_OK);
        assert_string_equal(path, cases[i].json);
    }
    memset(file, 'n', sizeof file);
    file[BT_PATH_SIZE - 1] = '\0';
    assert_int_equal(bt_model_file_stem_input(path, file, &error), BT_INVALID);
}

static void a_map_is_narrowed_to_one_model(void **state) {
    (void)state;
    static const struct {
        const char *setting, *narrowed;
    } cases[] = {
        {"a=x.pt,bb=y,z.pt;c=w.pt", "bb=y,z.pt"},
        {"bb=y.pt", "bb=y.pt"},
        {"a=x.pt,c=w.pt", ""},
        {"demo", "demo"},
        {"", ""},
    };
    char setting[BT_OPTION_TEXT_SIZE];
    bt_error error = {0};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        snprintf(setting, sizeof setting, "%s", cases[i].setting);
        assert_int_equal(bt_by_model_narrow(setting, "bb", &error), BT_OK);
        assert_string_equal(setting, cases[i].narrowed);
    }
    snprintf(setting, sizeof setting, "bb=1,bb=2");
    assert_int_equal(bt_by_model_narrow(setting, "bb", &error), BT_INVALID);
}

static void models_are_those_that_files_are_given_for_where_nobody_says(void **state) {
    (void)state;
    bt_names models = {.count = 1, .names = {"hrnet"}};
    bt_error error = {0};
    assert_int_equal(bt_model_names_default(&models, false, "a=x.pt,bb=y.pt", &error), BT_OK);
    assert_string_equal(models.names[0], "hrnet");
    assert_int_equal(bt_model_names_default(&models, true, "", &error), BT_OK);
    assert_string_equal(models.names[0], "hrnet");
    assert_int_equal(bt_model_names_default(&models, true, "a=x.pt,bb=y.pt", &error), BT_OK);
    assert_int_equal(models.count, 2);
    assert_string_equal(models.names[1], "bb");
    assert_int_equal(bt_model_names_default(&models, true, "x.pt", &error), BT_INVALID);
    assert_non_null(strstr(error.message, "--model-file: \"x.pt\" names no model"));
    assert_int_equal(models.count, 2);
}

static void who_is_named_in_a_setting_must_be_run(void **state) {
    (void)state;
    static const struct {
        const char *weights, *model_file, *flags, *keys; /* what messages say; NULL: it is right */
    } cases[] = {
        {"demo", "", NULL, NULL},
        {"a=x.pth", "bb=y.pt", NULL, NULL},
        {"a=x.pth,c=z.pth", "", "--weights: \"c\" is no model here; there is a, bb", "weights: \"c\""},
        {"demo", "c=z.pt", "--model-file: \"c\" is no model here", "model_file: \"c\""},
    };
    const bt_names models = {.count = 2, .names = {"a", "bb"}};
    static const char *const names[] = {"a", "bb"};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        bt_error flags = {0}, keys = {0};
        const bt_status wanted = cases[i].flags ? BT_INVALID : BT_OK;
        assert_int_equal(bt_model_names_check_list(&models, cases[i].weights, cases[i].model_file, &flags),
                         wanted);
        assert_int_equal(
            bt_model_names_check(names, 2, cases[i].weights, cases[i].model_file, BT_LABEL_KEYS, &keys),
            wanted);
        if (!cases[i].flags) continue;
        if (!strstr(flags.message, cases[i].flags)) fail_msg("%s", flags.message);
        if (strncmp(keys.message, cases[i].keys, strlen(cases[i].keys)) != 0) fail_msg("%s", keys.message);
    }
}

static void several_packages_are_compared_as_one_file(void **state) {
    (void)state;
    char path[BT_PATH_SIZE], text[512];
    bt_config_weights weights = {.source = "p-{batch}.pt2"};
    bt_error error = {0};
    put("p-1.pt2", "one");
    put("p-2.pt2", "two!");
    snprintf(path, sizeof path, "%s/p-{batch}.pt2", folder);
    assert_int_equal(bt_config_weights_describe(&weights, path, &error), BT_OK);
    assert_int_equal(weights.size_bytes, 7);
    assert_true(bt_config_weights_check(&weights, true, text, sizeof text));
    put("p-1.pt2", "won");
    assert_false(bt_config_weights_check(&weights, true, text, sizeof text));
    assert_non_null(strstr(text, "other contents"));
    put("p-1.pt2", "one");
    put("p-4.pt2", "x");
    assert_false(bt_config_weights_check(&weights, false, text, sizeof text));
    assert_non_null(strstr(text, "7 bytes, here 8"));
    snprintf(path, sizeof path, "%s/q-{batch}.pt2", folder);
    assert_int_equal(bt_config_weights_describe(&weights, path, &error), BT_IO);
}

static int make_folder(void **state) {
    return bt_scratch_enter(state) == 0 && getcwd(folder, sizeof folder) ? 0 : -1;
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_model_finds_its_own_part),
        cmocka_unit_test(what_names_nothing_is_refused),
        cmocka_unit_test(names_come_in_order_and_within_bounds),
        cmocka_unit_test(batch_sizes_are_those_that_have_files),
        cmocka_unit_test(a_folder_that_no_path_has_room_for_is_refused),
        cmocka_unit_test(paths_are_put_together),
        cmocka_unit_test(a_file_has_a_description_of_its_own_name),
        cmocka_unit_test(a_map_is_narrowed_to_one_model),
        cmocka_unit_test(models_are_those_that_files_are_given_for_where_nobody_says),
        cmocka_unit_test(who_is_named_in_a_setting_must_be_run),
        cmocka_unit_test(several_packages_are_compared_as_one_file),
    };
    return cmocka_run_group_tests_name("settings-model-file", tests, make_folder, bt_scratch_leave);
}
