/* What a load test's report promises: each verdict with its cause and remedy, in every form the same; within
 * the terminal's width; a page that needs nothing from outside; nothing that looks like a number where none
 * is known; and no text of anybody's that could break it. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/files.h"
#include "fixture-load-record.h"
#include "report/layout.h"
#include "report/load-plots.h"
#include "report/load.h"
#include "scratch.h"

#define WIDTH 100

/* The caller frees it. */
static char *written(const bt_load_record *record, bt_load_format format) {
    char *text = NULL;
    size_t size = 0;
    bt_error error;
    FILE *out = open_memstream(&text, &size);
    assert_non_null(out);
    if (bt_load_publish(record, format, NULL, NULL, out, &error) != BT_OK) fail_msg("%s", error.message);
    assert_int_equal(fclose(out), 0);
    return text;
}

static void assert_says(const char *text, const char *phrase) {
    if (!strstr(text, phrase)) fail_msg("\"%s\" is missing in:\n%s", phrase, text);
}

static void assert_silent(const char *text, const char *phrase) {
    if (strstr(text, phrase)) fail_msg("\"%s\" is in:\n%s", phrase, text);
}

static const bt_load_format people[] = {BT_LOAD_FORMAT_TABLE, BT_LOAD_FORMAT_MARKDOWN, BT_LOAD_FORMAT_HTML};
#define PEOPLE (sizeof people / sizeof *people)

static void the_summary_has_a_line_a_scenario(void **state) {
    (void)state;
    bt_load_record *record = fixture_load_record();
    char *text = written(record, BT_LOAD_FORMAT_TABLE), line[128];
    const bt_load_part *single = &record->scenarios[0].parts[0], *broken = &record->scenarios[4].parts[0];
    assert_says(text, "HRNet Summary:\n");
    assert_says(text, "CBAM-ResUNet Summary:\n");
    snprintf(line, sizeof line, "  Single Request: P95=%.1fms ✓\n", single->latency.p95_ms);
    assert_says(text, line);
    snprintf(line, sizeof line, "  Sustained Load: P95=%.1fms ✗  SLA 90 ms\n", broken->latency.p95_ms);
    assert_says(text, line);
    assert_says(text, "  Largest Burst: ");
    assert_says(text, "(not judged)");
    assert_says(text, "  Mixed Load: P95=– –");
    free(text);
    bt_load_record_close(&record);
}

static void cause_and_remedy_stand_beside_what_is_not_met(void **state) {
    (void)state;
    bt_load_record *record = fixture_load_record();
    for (size_t i = 0; i < PEOPLE; i++) {
        char *text = written(record, people[i]);
        assert_says(text, "P95 of the queue is 31.2 ms");
        assert_says(text, "max-queue-delay-ms 1");
        assert_says(text, "the machine was not quiet");
        assert_says(text, "HRNet misses the SLA of 90 ms under Sustained Load");
        assert_says(text, "test-production --seed 7");
        free(text);
    }
    bt_load_record_close(&record);
}

static void a_bound_that_is_not_there_is_explained(void **state) {
    (void)state;
    bt_load_record *record = fixture_load_record();
    bt_load_latency *single = &record->scenarios[0].parts[0].latency;
    for (size_t i = 0; i < PEOPLE; i++) {
        char *text = written(record, people[i]);
        assert_silent(text, "no upper bound");
        free(text);
    }
    single->p95_lower_ms = 9.42;
    single->p95_upper_ms = NAN;
    single->effective_count = 31.9;
    for (size_t i = 0; i < PEOPLE; i++) {
        char *text = written(record, people[i]);
        assert_says(text, "9.42–?");
        assert_says(text, "no upper bound: P95 may be any higher");
        assert_says(text, "59");
        assert_says(text, "(31 here)");
        assert_says(text, "--duration");
        free(text);
    }
    bt_load_record_close(&record);
}

static void losses_and_the_speed_up_are_told(void **state) {
    (void)state;
    bt_load_record *record = fixture_load_record();
    for (size_t i = 1; i < PEOPLE; i++) {
        char *text = written(record, people[i]);
        assert_says(text, "3 refused by a full queue");
        assert_says(text, "2 past their deadline");
        assert_says(text, "2.3");
        assert_says(text, "24.6");
        free(text);
    }
    bt_load_record_close(&record);
}

/* Code points, of which none here is wide. */
static int columns_of(const char *line, size_t bytes) {
    int columns = 0;
    for (size_t i = 0; i < bytes; i++)
        columns += ((unsigned char)line[i] & 0xc0) != 0x80;
    return columns;
}

static void the_table_keeps_to_the_terminal(void **state) {
    (void)state;
    bt_load_record *record = fixture_load_record();
    for (int i = 0; i < record->scenario_count; i++)
        for (int p = 0; p < record->scenarios[i].part_count; p++) {
            bt_load_part *part = &record->scenarios[i].parts[p];
            if (part->verdict == BT_LOAD_MET) continue;
            memset(part->cause, 'w', 400);
            for (int k = 7; k < 400; k += 8)
                part->cause[k] = ' ';
        }
    char *text = written(record, BT_LOAD_FORMAT_TABLE);
    for (char *line = text, *end; (end = strchr(line, '\n')); line = end + 1)
        if (columns_of(line, (size_t)(end - line)) > WIDTH)
            fail_msg("%d columns: %.*s", columns_of(line, (size_t)(end - line)), (int)(end - line), line);
    free(text);
    bt_load_record_close(&record);
}

static void what_is_unknown_looks_like_no_number(void **state) {
    (void)state;
    bt_load_record *records[] = {fixture_load_record(), fixture_load_record_of_nothing()};
    for (size_t r = 0; r < 2; r++) {
        for (bt_load_format f = BT_LOAD_FORMAT_TABLE; f <= BT_LOAD_FORMAT_HTML; f++) {
            char *text = written(records[r], f);
            assert_silent(text, "nan");
            assert_silent(text, "inf ");
            assert_silent(text, "(null)");
            free(text);
        }
        bt_load_record_close(&records[r]);
    }
}

static void the_page_is_whole_in_itself(void **state) {
    (void)state;
    bt_load_record *record = fixture_load_record();
    char *text = written(record, BT_LOAD_FORMAT_HTML);
    assert_int_equal(strncmp(text, "<!DOCTYPE html>", 15), 0);
    assert_silent(text, "src=\"http");
    assert_silent(text, "href=\"http");
    assert_silent(text, "@import");
    assert_silent(text, "<script");
    assert_silent(text, "<link");
    free(text);
    bt_load_record_close(&record);
}

static void hostile_names_break_no_form(void **state) {
    (void)state;
    static const char evil[] = "<b>&\"'`x\n|y\x1b[31m\x01";
    bt_load_record *record = fixture_load_record();
    snprintf(record->models[0].title, sizeof record->models[0].title, "%s", evil);
    snprintf(record->models[0].device, sizeof record->models[0].device, "%s", evil);
    snprintf(record->scenarios[4].parts[0].cause, sizeof record->scenarios[4].parts[0].cause, "%s", evil);
    snprintf(record->advice, sizeof record->advice, "%s", evil);
    for (bt_load_format f = BT_LOAD_FORMAT_TABLE; f <= BT_LOAD_FORMAT_HTML; f++) {
        char *text = written(record, f);
        if (f != BT_LOAD_FORMAT_JSON) {
            assert_silent(text, "\x1b");
            assert_silent(text, "\x01");
        }
        if (f == BT_LOAD_FORMAT_HTML || f == BT_LOAD_FORMAT_JUNIT) assert_silent(text, "<b>");
        free(text);
    }
    bt_load_record_close(&record);
}

static void junit_counts_as_a_ci_does(void **state) {
    (void)state;
    bt_load_record *record = fixture_load_record();
    char *text = written(record, BT_LOAD_FORMAT_JUNIT);
    assert_says(text, "<?xml version=\"1.0\" encoding=\"UTF-8\"?>");
    assert_says(text, "<testsuite name=\"hrnet\" tests=\"5\" failures=\"1\" errors=\"1\" skipped=\"1\"");
    assert_says(text,
                "<testsuite name=\"cbam_resunet\" tests=\"3\" failures=\"0\" errors=\"1\" skipped=\"1\"");
    free(text);
    bt_load_record_close(&record);
}

/* ---- pictures ---- */

static char *read_whole(const char *path) {
    char *text;
    size_t size;
    bt_error error;
    if (bt_file_read(path, 1 << 24, &text, &size, &error) != BT_OK) fail_msg("%s", error.message);
    return text;
}

static void every_picture_has_its_script_and_its_data(void **state) {
    (void)state;
    bt_load_record *record = fixture_load_record();
    bt_error error;
    if (bt_load_plots_write(record, "plots", &error) != BT_OK) fail_msg("%s", error.message);
    static const char *const names[] = {"percentiles", "scenarios", "series", "batches", "split"};
    for (int m = 0; m < 2; m++)
        for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
            char path[256];
            snprintf(path, sizeof path, "plots/%s-load-%s.gnuplot", record->models[m].model, names[i]);
            char *script = read_whole(path);
            /* each axis says what it is, or its ticks are words */
            if (!strstr(script, "set xtics (")) assert_says(script, "set xlabel");
            if (!strstr(script, "set ytics (")) assert_says(script, "set ylabel");
            free(script);
            snprintf(path, sizeof path, "plots/%s-load-%s.dat", record->models[m].model, names[i]);
            free(read_whole(path));
        }
    char *script = read_whole("plots/hrnet-load-percentiles.gnuplot");
    assert_says(script, "SLA");
    free(script);
    bt_load_record_close(&record);
}

static void a_record_of_nothing_still_plots(void **state) {
    (void)state;
    bt_load_record *record = fixture_load_record_of_nothing();
    char said[BT_GNUPLOT_SAID_SIZE] = "";
    bt_error error = {BT_OK, ""};
    if (bt_load_plots_write(record, "nothing", &error) != BT_OK) fail_msg("%s", error.message);
    bt_status status = bt_load_plots_render(record, "nothing", 60000000000, said, &error);
    if (status != BT_OK && status != BT_UNSUPPORTED) /* no gnuplot here */
        fail_msg("%s: %s", error.message, said);
    bt_load_record_close(&record);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_summary_has_a_line_a_scenario),
        cmocka_unit_test(cause_and_remedy_stand_beside_what_is_not_met),
        cmocka_unit_test(a_bound_that_is_not_there_is_explained),
        cmocka_unit_test(losses_and_the_speed_up_are_told),
        cmocka_unit_test(the_table_keeps_to_the_terminal),
        cmocka_unit_test(what_is_unknown_looks_like_no_number),
        cmocka_unit_test(the_page_is_whole_in_itself),
        cmocka_unit_test(hostile_names_break_no_form),
        cmocka_unit_test(junit_counts_as_a_ci_does),
        cmocka_unit_test(every_picture_has_its_script_and_its_data),
        cmocka_unit_test(a_record_of_nothing_still_plots),
    };
    return cmocka_run_group_tests(tests, bt_scratch_enter, bt_scratch_leave);
}
