/* Which files of a folder are pictures, what their results are called, and where those go. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "scratch.h"
#include "segment/output.h"

static void touch(const char *path) {
    FILE *file = fopen(path, "w");
    assert_non_null(file);
    fclose(file);
}

static bt_pictures list(const char *path) {
    bt_pictures pictures;
    bt_error error;
    if (bt_pictures_list(&pictures, path, &error)) fail_msg("%s", error.message);
    return pictures;
}

static void assert_file(const bt_pictures *pictures, int i, const char *path, const char *stem) {
    assert_true(i < pictures->count);
    assert_string_equal(pictures->files[i].path, path);
    assert_string_equal(pictures->files[i].stem, stem);
    assert_string_equal(pictures->files[i].name, strrchr(path, '/') + 1);
}

static void a_folders_pictures_come_by_name(void **state) {
    (void)state;
    mkdir("p", 0755);
    mkdir("p/within.png", 0755);
    static const char *const files[] = {"p/b.PNG",       "p/a.tiff", "p/c.jpeg", "p/a-1.Jpg", "p/notes.txt",
                                        "p/.hidden.png", "p/.png",   "p/d",      "p/e.tif"};
    for (size_t i = 0; i < sizeof files / sizeof *files; i++)
        touch(files[i]);
    bt_pictures pictures = list("p");
    assert_true(pictures.is_folder);
    assert_int_equal(pictures.count, 5);
    assert_file(&pictures, 0, "p/a.tiff", "a");
    assert_file(&pictures, 1, "p/a-1.Jpg", "a-1");
    assert_file(&pictures, 2, "p/b.PNG", "b");
    assert_file(&pictures, 3, "p/c.jpeg", "c");
    assert_file(&pictures, 4, "p/e.tif", "e");
    bt_pictures_close(&pictures);
    assert_int_equal(pictures.count, 0);
}

static void pictures_that_share_a_name_keep_their_endings(void **state) {
    (void)state;
    mkdir("p", 0755);
    touch("p/a.png");
    touch("p/a.jpg");
    touch("p/a.b.png");
    touch("p/a-.png");
    bt_pictures pictures = list("p");
    assert_int_equal(pictures.count, 4);
    assert_file(&pictures, 0, "p/a.jpg", "a.jpg");
    assert_file(&pictures, 1, "p/a.png", "a.png");
    assert_file(&pictures, 2, "p/a-.png", "a-");
    assert_file(&pictures, 3, "p/a.b.png", "a.b");
    bt_pictures_close(&pictures);
}

static void one_picture_may_be_called_anything(void **state) {
    (void)state;
    touch("./scan");
    bt_pictures pictures = list("./scan");
    assert_false(pictures.is_folder);
    assert_int_equal(pictures.count, 1);
    assert_file(&pictures, 0, "./scan", "scan");
    bt_pictures_close(&pictures);
}

static void where_there_is_no_picture_is_said(void **state) {
    (void)state;
    bt_pictures pictures;
    bt_error error;
    assert_int_equal(bt_pictures_list(&pictures, "absent", &error), BT_IO);
    assert_non_null(strstr(error.message, "absent"));
    mkdir("empty", 0755);
    touch("empty/notes.txt");
    assert_int_equal(bt_pictures_list(&pictures, "empty", &error), BT_INVALID);
    assert_non_null(strstr(error.message, "no picture"));
    assert_int_equal(pictures.count, 0);
    bt_pictures_close(&pictures);
}

/* ---- outputs ---- */

static bt_segment_settings settings_of(const char *image, const char *output, const char *overlay) {
    bt_segment_settings s = {.models = {.count = 1, .names = {"hrnet"}}};
    snprintf(s.image, sizeof s.image, "%s", image);
    snprintf(s.output, sizeof s.output, "%s", output);
    snprintf(s.overlay, sizeof s.overlay, "%s", overlay);
    return s;
}

static void assert_paths(const bt_segment_settings *settings, const bt_pictures *pictures, const char *output,
                         const char *overlay) {
    bt_segment_outputs outputs;
    bt_error error;
    char path[BT_PATH_SIZE];
    if (bt_segment_outputs_resolve(&outputs, settings, pictures, "hrnet", &error))
        fail_msg("%s", error.message);
    assert_int_equal(bt_segment_output_path(path, &outputs, &pictures->files[0], &error), BT_OK);
    assert_string_equal(path, output);
    assert_int_equal(bt_segment_overlay_path(path, &outputs, &pictures->files[0], &error), BT_OK);
    assert_string_equal(path, overlay);
}

/* What settings say of models, resolved: "NAME,NAME", or the refusal. */
static const char *models_of(const char *pairs) {
    static char shown[BT_ERROR_MESSAGE_SIZE];
    size_t count;
    bt_segment_settings s;
    bt_option_sources sources;
    bt_error error;
    const bt_option *table = bt_segment_settings_table(&count);
    bt_options_default(table, count, &s, &sources);
    if (bt_options_read_pairs(table, count, pairs, "test", &s, &sources, &error) ||
        bt_segment_resolve_models(&s, &sources, &error))
        return strcpy(shown, error.message);
    shown[0] = '\0';
    for (int i = 0; i < s.models.count; i++)
        snprintf(shown + strlen(shown), sizeof shown - strlen(shown), "%s%s", i ? "," : "",
                 s.models.names[i]);
    return shown;
}

static void model_files_are_what_segments_unless_models_are_named(void **state) {
    (void)state;
    assert_string_equal(models_of("threshold=0.4"), "hrnet");
    assert_string_equal(models_of("model_file=b=x.pt;a=y.pt"), "b,a");
    assert_string_equal(models_of("models=a,model_file=a=y.pt"), "a");
    assert_non_null(
        strstr(models_of("models=hrnet,model_file=a=y.pt"), "--model-file: \"a\" is no model here"));
    assert_non_null(strstr(models_of("weights=a=y.pth"), "--weights: \"a\" is no model here"));
    assert_non_null(strstr(models_of("model_file=y.pt"), "write NAME=FILE"));
}

static void outputs_are_files_or_folders_as_pictures_are(void **state) {
    (void)state;
    mkdir("p", 0755);
    touch("p/a.png");
    bt_pictures one = list("p/a.png"), all = list("p");
    bt_segment_settings s = settings_of("p/a.png", "out/a.json", "over.png");
    assert_paths(&s, &one, "out/a.json", "over.png");
    assert_int_equal(access("out", W_OK), 0); /* made beforehand */
    s = settings_of("p/a.png", "", "");
    assert_paths(&s, &one, "", "");
    s = settings_of("p", "deep/json", "over");
    assert_paths(&s, &all, "deep/json/a.json", "over/a.png");
    s.format = BT_SEGMENT_FORMAT_COCO;
    snprintf(s.output, sizeof s.output, "all.json");
    assert_paths(&s, &all, "all.json", "over/a.png");
    bt_pictures_close(&one);
    bt_pictures_close(&all);
}

static void several_networks_have_files_of_their_own(void **state) {
    (void)state;
    mkdir("p.d", 0755);
    touch("p.d/a.png");
    bt_pictures one = list("p.d/a.png"), all = list("p.d");
    bt_segment_settings s = settings_of("p.d/a.png", "o.x/a.json", "o.x/plain");
    s.models.count = 2;
    assert_paths(&s, &one, "o.x/a-hrnet.json", "o.x/plain-hrnet");
    s = settings_of("p.d", "json", "over");
    s.models.count = 2;
    assert_paths(&s, &all, "json/a-hrnet.json", "over/a-hrnet.png");
    bt_pictures_close(&one);
    bt_pictures_close(&all);
}

static void refuses(const bt_segment_settings *settings, const bt_pictures *pictures, const char *what) {
    bt_segment_outputs outputs;
    bt_error error = {0};
    bt_status status = bt_segment_outputs_resolve(&outputs, settings, pictures, "hrnet", &error);
    if (status != BT_INVALID || !strstr(error.message, what))
        fail_msg("\"%s\" was wanted, not %d, \"%s\"", what, status, error.message);
}

static void no_output_replaces_a_picture(void **state) {
    (void)state;
    mkdir("p", 0755);
    touch("p/a.png");
    assert_int_equal(link("p/a.png", "same.png"), 0);
    bt_pictures one = list("p/a.png"), all = list("p");
    bt_segment_settings s = settings_of("p/a.png", "", "p/../p/a.png");
    refuses(&s, &one, "--overlay: p/../p/a.png is a picture");
    s = settings_of("p/a.png", "same.png", "");
    refuses(&s, &one, "--output: same.png is a picture");
    s = settings_of("p", "json", "./p/");
    refuses(&s, &all, "--overlay: give another folder");
    s = settings_of("p", "", "");
    refuses(&s, &all, "--output: give a folder");
    s = settings_of("p/a.png", "", "");
    s.models.count = 2;
    refuses(&s, &one, "--output: give a file");
    bt_pictures_close(&one);
    bt_pictures_close(&all);
}

#define IN_SCRATCH(test) cmocka_unit_test_setup_teardown(test, bt_scratch_enter, bt_scratch_leave)

int main(void) {
    const struct CMUnitTest tests[] = {
        IN_SCRATCH(a_folders_pictures_come_by_name),
        IN_SCRATCH(pictures_that_share_a_name_keep_their_endings),
        IN_SCRATCH(one_picture_may_be_called_anything),
        IN_SCRATCH(where_there_is_no_picture_is_said),
        cmocka_unit_test(model_files_are_what_segments_unless_models_are_named),
        IN_SCRATCH(outputs_are_files_or_folders_as_pictures_are),
        IN_SCRATCH(several_networks_have_files_of_their_own),
        IN_SCRATCH(no_output_replaces_a_picture),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
