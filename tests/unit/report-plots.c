/* Plots are made of a record, run clean through gnuplot whatever the record holds, and lose only their
 * pictures where gnuplot is missing, fails or hangs. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <glob.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/files.h"
#include "fixture-record.h"
#include "report/plots.h"

#define TIMEOUT_NS (60 * BT_NS_PER_S)

static char folder[64];
static char *path_before;

static int set_up(void **state) {
    (void)state;
    snprintf(folder, sizeof folder, "%s/bt-plots-XXXXXX", P_tmpdir);
    path_before = strdup(getenv("PATH"));
    return mkdtemp(folder) && path_before ? 0 : -1;
}

static int tear_down(void **state) {
    (void)state;
    char pattern[80];
    glob_t found;
    setenv("PATH", path_before, 1);
    free(path_before);
    snprintf(pattern, sizeof pattern, "%s/*", folder);
    if (glob(pattern, 0, NULL, &found) == 0) {
        for (size_t i = 0; i < found.gl_pathc; i++)
            unlink(found.gl_pathv[i]);
        globfree(&found);
    }
    return rmdir(folder);
}

static off_t size_of(const char *model, bt_plot plot, const char *extension) {
    char path[BT_PATH_SIZE];
    bt_error error;
    struct stat file;
    assert_int_equal(bt_plot_path(path, folder, model, plot, extension, &error), BT_OK);
    return stat(path, &file) == 0 ? file.st_size : -1;
}

static void assert_pictures(const bt_record *record, bool expected) {
    for (int i = 0; i < record->model_count; i++) {
        for (int plot = 0; plot < BT_PLOT_COUNT; plot++) {
            const char *model = record->models[i].model;
            assert_true(size_of(model, plot, "gnuplot") > 0);
            assert_int_equal(size_of(model, plot, "svg") > 500, expected);
            assert_int_equal(size_of(model, plot, "png") > 500, expected);
        }
    }
}

/* A warning of gnuplot's names the script; what its libraries say about the machine's fonts does not. */
static void assert_draws_clean(bt_record *record) {
    bt_error error = {0};
    char said[BT_GNUPLOT_SAID_SIZE];
    assert_int_equal(bt_plots_write(record, folder, &error), BT_OK);
    bt_status status = bt_plots_render(record, folder, TIMEOUT_NS, said, &error);
    if (status) fail_msg("%s", error.message);
    if (strstr(said, ".gnuplot")) fail_msg("gnuplot warns: %s", said);
    assert_pictures(record, true);
    bt_record_close(&record);
}

static void test_a_sweep_draws_clean(void **state) {
    (void)state;
    assert_draws_clean(fixture_record());
}

static void test_no_points_draw_clean(void **state) {
    (void)state;
    assert_draws_clean(fixture_record_of_nothing());
}

static void test_one_point_draws_clean(void **state) {
    (void)state;
    bt_record *record = fixture_record();
    for (int i = 0; i < 2; i++) {
        for (int p = 1; p < record->models[i].point_count; p++)
            free(record->models[i].points[p].samples_ms);
        record->models[i].point_count = 1;
        record->models[i].chosen = record->models[i].winners[BT_OBJECTIVE_EFFICIENCY] = 0;
        record->models[i].winners[BT_OBJECTIVE_THROUGHPUT] = 0;
    }
    assert_draws_clean(record);
}

static void test_points_that_all_failed_draw_clean(void **state) {
    (void)state;
    bt_record *record = fixture_record();
    for (int i = 0; i < 2; i++) {
        bt_model_record *model = &record->models[i];
        for (int p = 0; p < model->point_count; p++) {
            bt_point *point = &model->points[p];
            point->outcome = BT_OUTCOME_CRASHED;
            point->p50_ms = point->p95_ms = point->p95_lower_ms = point->p95_upper_ms = point->mean_ms = NAN;
            point->throughput_imgs_per_sec = point->efficiency = point->memory_mb = NAN;
            point->memory_total_used_mb = point->memory_predicted_mb = NAN;
            point->on_pareto_front = false;
        }
        model->chosen = -1;
        for (int objective = 0; objective < BT_OBJECTIVE_COUNT; objective++)
            model->winners[objective] = -1;
        model->standard_median_ms = model->production_memory.base_mb = model->memory_total_mb = NAN;
    }
    assert_draws_clean(record);
}

static void test_each_outcome_alone_draws_clean(void **state) {
    (void)state;
    for (int outcome = 0; outcome < BT_OUTCOME_COUNT; outcome++) {
        bt_record *record = fixture_record();
        for (int p = 0; p < record->models[0].point_count; p++) {
            record->models[0].points[p].outcome = (bt_outcome)outcome;
            record->models[0].points[p].on_pareto_front = false;
        }
        assert_draws_clean(record);
    }
}

static void test_an_sla_far_from_the_data_draws_clean(void **state) {
    (void)state;
    static const double slas_ms[] = {0.001, 3.6e6, NAN};
    for (size_t i = 0; i < sizeof slas_ms / sizeof slas_ms[0]; i++) {
        bt_record *record = fixture_record();
        record->settings.p95_sla_ms = slas_ms[i];
        record->models[0].memory_total_mb = slas_ms[i];
        assert_draws_clean(record);
    }
}

static void test_names_cannot_become_commands(void **state) {
    (void)state;
    bt_record *record = fixture_record();
    char path[BT_PATH_SIZE], canary[96];
    snprintf(canary, sizeof canary, "%s/canary", folder);
    snprintf(record->models[0].model, BT_NAME_SIZE, "../-a b'; `touch canary`");
    snprintf(record->models[0].title, BT_NAME_SIZE, "it's \"a\" \\ @b _c ^d {e} `touch canary` %%s\n\xff'");
    snprintf(record->models[0].device, sizeof record->models[0].device,
             "x'; system('touch canary'); print '");
    snprintf(record->models[0].advice, BT_TEXT_SIZE, "'.system('touch canary').'\nplot x\n\\");
    bt_error error;
    assert_int_equal(bt_plot_path(path, "", record->models[0].model, BT_PLOT_LATENCY, "svg", &error), BT_OK);
    assert_string_equal(path, "_._-a_b____touch_canary_-latency.svg");
    assert_draws_clean(record);
    assert_false(bt_file_exists(canary));
}

static void test_without_gnuplot_scripts_and_data_remain(void **state) {
    (void)state;
    bt_record *record = fixture_record();
    bt_error error;
    char said[BT_GNUPLOT_SAID_SIZE];
    setenv("PATH", "/nonexistent", 1);
    assert_int_equal(bt_plots_write(record, folder, &error), BT_OK);
    assert_int_equal(bt_plots_render(record, folder, TIMEOUT_NS, said, &error), BT_UNSUPPORTED);
    assert_non_null(strstr(error.message, "gnuplot"));
    assert_pictures(record, false);
    bt_record_close(&record);
}

/* Puts a shell script in gnuplot's place. */
static void pretend_gnuplot(const char *script) {
    char path[96], search[512];
    snprintf(path, sizeof path, "%s/gnuplot", folder);
    FILE *out = fopen(path, "w");
    assert_non_null(out);
    fprintf(out, "#!/bin/sh\n%s\n", script);
    assert_int_equal(fclose(out), 0);
    assert_int_equal(chmod(path, 0755), 0);
    snprintf(search, sizeof search, "%s:%s", folder, path_before);
    setenv("PATH", search, 1);
}

static void test_a_gnuplot_that_hangs_is_stopped(void **state) {
    (void)state;
    static const char *const hangs[] = {"sleep 600", "exec >&- 2>&-; sleep 600"};
    static const char *const scripts[] = {"none.gnuplot"};
    for (size_t i = 0; i < sizeof hangs / sizeof hangs[0]; i++) {
        bt_error error;
        char said[BT_GNUPLOT_SAID_SIZE];
        pretend_gnuplot(hangs[i]);
        int64_t start_ns = bt_clock_now_ns();
        assert_int_equal(bt_gnuplot_run(folder, scripts, 1, BT_NS_PER_S / 5, said, &error), BT_TIMEOUT);
        assert_true(bt_clock_now_ns() - start_ns < 300 * BT_NS_PER_S);
    }
}

static void test_a_gnuplot_that_fails_is_quoted(void **state) {
    (void)state;
    static const char *const scripts[] = {"none.gnuplot"};
    bt_error error;
    char said[BT_GNUPLOT_SAID_SIZE];
    pretend_gnuplot("seq 1 3000 >&2; echo 'line 7: the last words' >&2; exit 3");
    assert_int_equal(bt_gnuplot_run(folder, scripts, 1, TIMEOUT_NS, said, &error), BT_IO);
    assert_non_null(strstr(error.message, "the last words"));
}

static void test_a_missing_folder_is_not_a_missing_gnuplot(void **state) {
    (void)state;
    static const char *const scripts[] = {"none.gnuplot"};
    bt_error error;
    char said[BT_GNUPLOT_SAID_SIZE];
    assert_int_equal(bt_gnuplot_run("/nonexistent", scripts, 1, TIMEOUT_NS, said, &error), BT_IO);
}

static void test_pictures_are_found_from_the_report(void **state) {
    (void)state;
    char out[BT_PATH_SIZE], report[128], inner[128];
    bt_error error;
    snprintf(report, sizeof report, "%s/report.md", folder);
    assert_int_equal(bt_plots_seen_from(out, folder, report, &error), BT_OK);
    assert_string_equal(out, ".");
    snprintf(inner, sizeof inner, "%s/inner", folder);
    assert_int_equal(bt_folder_make(inner, &error), BT_OK);
    assert_int_equal(bt_plots_seen_from(out, inner, report, &error), BT_OK);
    assert_string_equal(out, "inner");
    snprintf(report, sizeof report, "%s/inner/report.md", folder);
    assert_int_equal(bt_plots_seen_from(out, folder, report, &error), BT_OK);
    assert_string_equal(out, "..");
    assert_int_equal(bt_plots_seen_from(out, "/usr", report, &error), BT_OK);
    assert_string_equal(out, "../../../usr");
    assert_int_equal(bt_plots_seen_from(out, "/nonexistent", report, &error), BT_IO);
    rmdir(inner);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void) {
    const struct CMUnitTest tests[] = {
        TEST(test_a_sweep_draws_clean),
        TEST(test_no_points_draw_clean),
        TEST(test_one_point_draws_clean),
        TEST(test_points_that_all_failed_draw_clean),
        TEST(test_each_outcome_alone_draws_clean),
        TEST(test_an_sla_far_from_the_data_draws_clean),
        TEST(test_names_cannot_become_commands),
        TEST(test_without_gnuplot_scripts_and_data_remain),
        TEST(test_a_gnuplot_that_hangs_is_stopped),
        TEST(test_a_gnuplot_that_fails_is_quoted),
        TEST(test_a_missing_folder_is_not_a_missing_gnuplot),
        TEST(test_pictures_are_found_from_the_report),
    };
    return cmocka_run_group_tests_name("report: plots", tests, NULL, NULL);
}
