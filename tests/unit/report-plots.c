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
#include "base/text.h"
#include "fixture-record.h"
#include "report/plot-files.h"
#include "report/sweep-plots.h"

#define TIMEOUT_NS (60 * BT_NS_PER_S)

static char folder[64];
static char *path_before;

static int set_up(void **state) {
    snprintf(folder, sizeof folder, "%s/bt-plots-XXXXXX", P_tmpdir);
    path_before = strdup(getenv("PATH"));
    return mkdtemp(folder) && path_before ? fixture_record_set_up(state) : -1;
}

static int tear_down(void **state) {
    char pattern[80];
    glob_t found;
    setenv("PATH", path_before, 1);
    free(path_before);
    fixture_record_tear_down(state);
    snprintf(pattern, sizeof pattern, "%s/*", folder);
    if (glob(pattern, 0, NULL, &found) == 0) {
        for (size_t i = 0; i < found.gl_pathc; i++)
            unlink(found.gl_pathv[i]);
        globfree(&found);
    }
    return rmdir(folder);
}

static off_t size_of(const char *model, bt_sweep_plot plot, const char *extension) {
    char path[BT_PATH_SIZE];
    bt_error error;
    struct stat file;
    assert_int_equal(bt_sweep_plot_path(path, folder, model, plot, extension, &error), BT_OK);
    return stat(path, &file) == 0 ? file.st_size : -1;
}

static void assert_pictures(const bt_record *record, bool expected) {
    for (int i = 0; i < record->model_count; i++) {
        for (int plot = 0; plot < BT_SWEEP_PLOT_COUNT; plot++) {
            const char *model = record->models[i].model;
            bool drawn = bt_sweep_plot_is_drawn(&record->models[i], (bt_sweep_plot)plot);
            assert_int_equal(size_of(model, plot, "gnuplot") > 0, drawn);
            assert_int_equal(size_of(model, plot, "svg") > 500, drawn && expected);
            assert_int_equal(size_of(model, plot, "png") > 500, drawn && expected);
        }
    }
}

/* A warning of gnuplot's names the script; what its libraries say about the machine's fonts does not. */
static void assert_draws_clean(bt_record *record) {
    bt_error error = {0};
    char said[BT_GNUPLOT_SAID_SIZE];
    assert_int_equal(bt_sweep_plots_write(record, folder, &error), BT_OK);
    bt_status status = bt_sweep_plots_render(record, folder, TIMEOUT_NS, said, &error);
    if (status != BT_OK) fail_msg("%s", error.message);
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

/* The first model's capacities, the first `count` points with curves. */
static bt_record *fixture_record_of_capacities(int count) {
    bt_record *record = fixture_record();
    bt_model_record *model = &record->models[0];
    record->settings.objective = BT_OBJECTIVE_CAPACITY;
    for (int i = 0; i < count; i++) {
        bt_point *point = &model->points[i];
        point->best_delay_ms = i;
        point->capacity_rps = 10 * (i + 1);
        point->predicted.count = 3;
        for (int k = 0; k < 3; k++)
            point->predicted.points[k] = (bt_rate_point){
                5.0 * (k + 1) * (i + 1), 20, 40 + 60 * k, 90, 38 + 55 * k, 45 + 66 * k, 0, 1, 0.5};
    }
    model->winners[BT_OBJECTIVE_CAPACITY] = model->chosen = 1;
    return record;
}

static void test_curves_draw_clean(void **state) {
    (void)state;
    for (int count = 1; count <= 4; count++) {
        bt_record *record = fixture_record_of_capacities(count); /* of one: the chosen size has none */
        if (count > 2) record->models[0].rate_rps = 5 * count;
        if (count > 3) record->models[0].points[0].predicted.points[2].p95_ms = NAN;
        if (count > 3) record->models[0].points[0].capacity_rps = 0;
        assert_true(bt_sweep_plot_is_drawn(&record->models[0], BT_SWEEP_PLOT_RATES));
        assert_false(bt_sweep_plot_is_drawn(&record->models[1], BT_SWEEP_PLOT_RATES));
        assert_draws_clean(record);
    }
}

/* The script or data that was written. The caller frees it. */
static char *written(const bt_record *record, bt_sweep_plot plot, const char *extension) {
    char path[BT_PATH_SIZE], *text;
    size_t size;
    bt_error error;
    const char *model = record->models[0].model;
    assert_int_equal(bt_sweep_plots_write(record, folder, &error), BT_OK);
    if (plot == BT_SWEEP_PLOT_COUNT)
        assert_int_equal(bt_plot_file(path, folder, model, ".dat", &error), BT_OK);
    else
        assert_int_equal(bt_sweep_plot_path(path, folder, model, plot, extension, &error), BT_OK);
    if (bt_file_read(path, 1 << 20, &text, &size, &error) != BT_OK) fail_msg("%s", error.message);
    return text;
}

static void test_each_compared_size_has_its_curve(void **state) {
    (void)state;
    bt_record *record = fixture_record_of_capacities(3);
    record->models[0].rate_rps = 12;
    char *script = written(record, BT_SWEEP_PLOT_RATES, "gnuplot"),
         *data = written(record, BT_SWEEP_PLOT_COUNT, NULL);
    for (int i = 0; i < 3; i++) {
        char index[32], block[32];
        snprintf(index, sizeof index, "'rates%d' using 1:3", record->models[0].points[i].batch_size);
        snprintf(block, sizeof block, "\n# rates%d\n", record->models[0].points[i].batch_size);
        assert_non_null(strstr(script, index));
        assert_non_null(strstr(data, block));
    }
    assert_non_null(strstr(script, "expected: 12 requests/s"));
    assert_non_null(strstr(script, "P95 SLA"));
    assert_non_null(strstr(script, "filledcurves")); /* the band of the one that is chosen */
    free(script);
    free(data);
    bt_record_close(&record);
}

static void test_nothing_measured_is_one_sentence(void **state) {
    (void)state;
    bt_record *record = fixture_record_of_nothing();
    char *overview = written(record, BT_SWEEP_PLOT_OVERVIEW, "gnuplot");
    assert_non_null(strstr(overview, "HRNet: no batch size was measured, so there is nothing to draw."));
    assert_null(strstr(overview, "multiplot"));
    for (int plot = BT_SWEEP_PLOT_THROUGHPUT; plot < BT_SWEEP_PLOT_COUNT; plot++)
        assert_false(bt_sweep_plot_is_drawn(&record->models[0], (bt_sweep_plot)plot));
    free(overview);
    bt_record_close(&record);
}

static void test_an_unknown_bound_is_an_open_arrow(void **state) {
    bt_record *record = *state;
    bt_point *points = record->models[0].points;
    for (int i = 0; i < record->models[0].point_count; i++)
        if (isfinite(points[i].p95_ms)) points[i].p95_upper_ms = points[i].p95_ms * 1.1;
    for (int plot = BT_SWEEP_PLOT_OVERVIEW; plot <= BT_SWEEP_PLOT_LATENCY; plot += BT_SWEEP_PLOT_LATENCY) {
        points[2].p95_upper_ms = points[2].p95_ms * 1.1;
        char *script = written(record, (bt_sweep_plot)plot, "gnuplot");
        assert_null(strstr(script, "index 'open'"));
        free(script);
        points[2].p95_upper_ms = NAN;
        script = written(record, (bt_sweep_plot)plot, "gnuplot");
        char *arrow = strstr(script, "index 'open' using 1:2:(0):");
        assert_non_null(arrow);
        assert_non_null(strstr(arrow, "with vectors head size graph 0.016,25 nofilled"));
        assert_non_null(strstr(arrow, "upper bound unknown"));
        free(script);
    }
    char *data = written(record, BT_SWEEP_PLOT_COUNT, NULL), expected[64];
    char *open = strstr(data, "# open\n");
    assert_non_null(open);
    bt_text_format(expected, sizeof expected, "# open\n%5d %12.6g\n", points[2].batch_size, points[2].p95_ms);
    assert_int_equal(strncmp(open, expected, strlen(expected)), 0);
    assert_null(strstr(strstr(data, "# bounds"), "NaN"));
    free(data);
}

/* What a plot says of an outcome's points, up to the words of the legend. */
static void look_of(const char *script, const char *outcome, char out[128]) {
    char start[64], *at;
    snprintf(start, sizeof start, "strcol(2) eq '%s'", outcome);
    at = strstr(script, start);
    assert_non_null(at);
    at = strstr(at, "with points");
    snprintf(out, 128, "%.*s", (int)strcspn(at, ","), at);
}

static void test_a_word_looks_the_same_in_every_plot(void **state) {
    (void)state;
    static const char *const words[] = {"measured", "over_sla", "undecided", "skipped_dominated"};
    for (size_t w = 0; w < sizeof words / sizeof words[0]; w++) {
        char first[128] = "", look[128];
        for (int plot = BT_SWEEP_PLOT_OVERVIEW; plot < BT_SWEEP_PLOT_RATES; plot++) {
            bt_record *record = fixture_record();
            assert_true(bt_outcome_find(words[w], &record->models[0].points[0].outcome));
            record->models[0].points[0].on_pareto_front = true;
            char *script = written(record, (bt_sweep_plot)plot, "gnuplot");
            look_of(script, words[w], look);
            if (plot == BT_SWEEP_PLOT_OVERVIEW) memcpy(first, look, sizeof first);
            assert_string_equal(look, first);
            assert_null(strstr(script, "set border 31"));
            assert_non_null(strstr(script, "set border 3\n"));
            free(script);
            bt_record_close(&record);
        }
        /* hollow is what is not shown: a ring, a diamond */
        bool hollow = strstr(first, "pointtype 6 ") || strstr(first, "pointtype 12 ");
        assert_int_equal(hollow, w >= 2);
    }
}

static void test_the_front_fills_no_marker(void **state) {
    bt_record *record = *state;
    char *script = written(record, BT_SWEEP_PLOT_PARETO, "gnuplot"), *front = strstr(script, "index 'front'");
    assert_non_null(front);
    assert_non_null(strstr(front, " with lines "));
    assert_null(strstr(script, "linespoints"));
    free(script);
}

static void test_what_is_chosen_without_proof_is_provisional(void **state) {
    bt_record *record = *state;
    bt_model_record *model = &record->models[0];
    char *script = written(record, BT_SWEEP_PLOT_LATENCY, "gnuplot");
    assert_non_null(strstr(script, "'chosen: batch 2'"));
    free(script);
    model->points[model->chosen].outcome = BT_OUTCOME_UNDECIDED;
    script = written(record, BT_SWEEP_PLOT_LATENCY, "gnuplot");
    assert_non_null(strstr(script, "'provisional: batch 2'"));
    assert_null(strstr(script, "'chosen"));
    free(script);
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
    assert_int_equal(
        bt_sweep_plot_path(path, "", record->models[0].model, BT_SWEEP_PLOT_LATENCY, "svg", &error), BT_OK);
    assert_string_equal(path, "_._-a_b____touch_canary_-latency.svg");
    assert_draws_clean(record);
    assert_false(bt_file_exists(canary));
}

static void test_without_gnuplot_scripts_and_data_remain(void **state) {
    bt_record *record = *state;
    bt_error error;
    char said[BT_GNUPLOT_SAID_SIZE];
    setenv("PATH", "/nonexistent", 1);
    assert_int_equal(bt_sweep_plots_write(record, folder, &error), BT_OK);
    assert_int_equal(bt_sweep_plots_render(record, folder, TIMEOUT_NS, said, &error), BT_UNSUPPORTED);
    assert_non_null(strstr(error.message, "gnuplot"));
    assert_pictures(record, false);
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
        TEST(test_curves_draw_clean),
        TEST(test_each_compared_size_has_its_curve),
        TEST(test_nothing_measured_is_one_sentence),
        TEST(test_an_unknown_bound_is_an_open_arrow),
        TEST(test_a_word_looks_the_same_in_every_plot),
        TEST(test_the_front_fills_no_marker),
        TEST(test_what_is_chosen_without_proof_is_provisional),
        TEST(test_names_cannot_become_commands),
        TEST(test_without_gnuplot_scripts_and_data_remain),
        TEST(test_a_gnuplot_that_hangs_is_stopped),
        TEST(test_a_gnuplot_that_fails_is_quoted),
        TEST(test_a_missing_folder_is_not_a_missing_gnuplot),
        TEST(test_pictures_are_found_from_the_report),
    };
    return cmocka_run_group_tests_name("report: plots", tests, NULL, NULL);
}
