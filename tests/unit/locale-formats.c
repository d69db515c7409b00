/* A host's decimal comma is nowhere in what the library writes, and everything that it reads has its dot:
 * each form is written in "C" and in other locales, to the same bytes, and read there to the same values. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
/* cmocka wants the four above first */
#include <cmocka.h>
#include <dirent.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <tiffio.h>
#include <unistd.h>

#include "backend/backend.h"
#include "base/clock.h"
#include "base/files.h"
#include "base/json.h"
#include "base/log.h"
#include "base/options.h"
#include "expect.h"
#include "fixture-load-record.h"
#include "fixture-record.h"
#include "fixture-verdict.h"
#include "host-locale.h"
#include "image/decode.h"
#include "load/schedule.h"
#include "prove/plan.h"
#include "record/config.h"
#include "report/config.h"
#include "report/gate.h"
#include "report/load-plots.h"
#include "report/load.h"
#include "report/sweep-plots.h"
#include "report/sweep-publish.h"
#include "scratch.h"
#include "serving/metrics.h"
#include "settings/gate.h"
#include "settings/segmentation.h"

#define COUNT(array) (sizeof array / sizeof array[0])

static const char *const locales[] = {BT_GERMAN, BT_GERMAN_LATIN_1, BT_TURKISH, BT_PASHTO};

/* ---- writing ---- */

typedef void writer(FILE *out);

static void put_file(FILE *out, const char *path) {
    char *text;
    size_t size;
    bt_error error;
    must(bt_file_read(path, 64 << 20, &text, &size, &error), &error);
    assert_int_equal(fwrite(text, 1, size, out), size);
    free(text);
}

static int by_name(const struct dirent **a, const struct dirent **b) {
    return strcmp((*a)->d_name, (*b)->d_name);
}

/* Every file of a folder, which is emptied. */
static void put_folder(FILE *out, const char *folder) {
    struct dirent **entries;
    int count = scandir(folder, &entries, NULL, by_name);
    assert_true(count > 2);
    for (int i = 0; i < count; i++) {
        char path[512];
        snprintf(path, sizeof path, "%s/%s", folder, entries[i]->d_name);
        if (entries[i]->d_name[0] != '.') {
            put_file(out, path);
            assert_int_equal(unlink(path), 0);
        }
        free(entries[i]);
    }
    free(entries);
}

static void write_record_file(FILE *out) {
    bt_record *record = fixture_record();
    bt_error error;
    must(bt_record_save(record, "record.json", &error), &error);
    put_file(out, "record.json");
    bt_record_close(&record);
}

static void write_load_record_file(FILE *out) {
    bt_load_record *record = fixture_load_record();
    bt_error error;
    must(bt_load_record_save(record, "load.json", &error), &error);
    put_file(out, "load.json");
    bt_load_record_close(&record);
}

static bt_config *a_config(void) {
    bt_record *record = fixture_record();
    bt_config *config;
    json_t *json;
    bt_error error;
    must(bt_config_from_record(&json, record, NULL, &error), &error);
    must(bt_config_save(json, "config.json", &error), &error);
    must(bt_config_load(&config, "config.json", &error), &error);
    json_decref(json);
    bt_record_close(&record);
    return config;
}

static void write_config_file(FILE *out) {
    bt_config *config = a_config();
    bt_config_close(&config);
    put_file(out, "config.json");
}

static void write_config_report(FILE *out) {
    bt_config *config = a_config();
    bt_config_check *check;
    bt_error error;
    static const bt_config_here here = {.machine = {.cpu = "a CPU", .cores = 2},
                                        .now = "2026-01-31T12:34:56Z"};
    must(bt_config_check_open(&check, config, &here, false, &error), &error);
    must(bt_report_config_table(config, check, "config.json", out, &error), &error);
    must(bt_report_config_json(config, check, "config.json", out, &error), &error);
    bt_config_check_close(&check);
    bt_config_close(&config);
}

static void write_reports(FILE *out) {
    bt_record *record = fixture_record();
    bt_error error;
    for (int format = BT_FORMAT_TABLE; format <= BT_FORMAT_HTML; format++)
        must(bt_sweep_publish(record, (bt_format)format, NULL, NULL, out, &error), &error);
    bt_record_close(&record);
}

static void write_load_reports(FILE *out) {
    bt_load_record *record = fixture_load_record();
    bt_error error;
    for (int format = 0; format <= BT_LOAD_FORMAT_HTML; format++)
        must(bt_load_publish(record, (bt_load_format)format, NULL, NULL, out, &error), &error);
    bt_load_record_close(&record);
}

static void write_plots(FILE *out) {
    bt_record *record = fixture_record();
    bt_load_record *load = fixture_load_record();
    bt_error error;
    must(bt_sweep_plots_write(record, "plots", &error), &error);
    must(bt_load_plots_write(load, "plots", &error), &error);
    put_folder(out, "plots");
    bt_record_close(&record);
    bt_load_record_close(&load);
}

static void write_gate_verdict(FILE *out) {
    bt_gate_verdict *verdict;
    bt_error error;
    must(bt_gate_verdict_open(&verdict, &error), &error);
    fixture_verdict_row(verdict, "hrnet/batch-1", BT_GATE_SLOWER, 12.2);
    verdict->verdict = BT_GATE_SLOWER;
    verdict->verdict_code = 3;
    verdict->pairs = 9;
    verdict->measuring_s = 61.5;
    verdict->error_percent = 2.5;
    for (int format = 0; format <= BT_GATE_FORMAT_JUNIT; format++)
        must(bt_gate_publish(verdict, (bt_gate_format)format, out, &error), &error);
    bt_gate_verdict_close(&verdict);
}

static void write_metrics(FILE *out) {
    bt_meter *meter;
    bt_metrics metrics = {.instance_count = 1};
    bt_metrics_totals totals;
    bt_exposition page;
    bt_error error;
    char *json, *text;
    must(bt_meter_open(&meter, 60 * BT_NS_PER_S, 0, &error), &error);
    for (int i = 1; i <= 10; i++) {
        const bt_meter_answer answer = {{i * BT_NS_PER_MS, i * BT_NS_PER_MS / 3, 0, i * BT_NS_PER_MS / 2}};
        bt_meter_answered(meter, i * BT_NS_PER_S, &answer);
    }
    bt_meter_read(meter, 10 * BT_NS_PER_S, &metrics);
    bt_meter_totals(meter, &totals);
    must(bt_metrics_json(&json, &metrics, 1, &error), &error);
    must(bt_exposition_open(&page, true, &error), &error);
    bt_metrics_expose(&page, &metrics, &totals, 1);
    must(bt_exposition_close(&page, &text, &error), &error);
    char *process = strstr(text, "# HELP process_"); /* from where on it is never the same */
    assert_non_null(process);
    fprintf(out, "%s\n%.*s", json, (int)(process - text), text);
    free(json);
    free(text);
    bt_meter_close(&meter);
}

static void write_options(FILE *out) {
    bt_settings settings;
    bt_option_sources sources;
    bt_options_default(bt_settings_table, bt_settings_count, &settings, &sources);
    settings.p95_sla_ms = 99.5;
    settings.time_budget_ns = 2500 * BT_NS_PER_MS;
    bt_options_write_help(bt_settings_table, bt_settings_count, out);
    bt_options_write_markdown(bt_settings_table, bt_settings_count, out);
    bt_options_write_flags(bt_settings_table, bt_settings_count, &settings, &sources, out);
    json_t *json = bt_options_write_json(bt_settings_table, bt_settings_count, &settings);
    bt_error error;
    must(bt_json_save(json, "options.json", false, &error), &error);
    json_decref(json);
    put_file(out, "options.json");
}

static void write_messages(FILE *out) {
    bt_error error;
    bt_log *log;
    bt_fail(&error, BT_INVALID, "%g of %.1f", 0.5, 2.25);
    fputs(error.message, out);
    must(bt_log_open(&log, out, BT_LOG_INFO, NULL, &error), &error);
    bt_log_write(log, BT_LOG_INFO, "%.1f ms", 2.5);
    bt_log_close(&log);
    assert_int_equal(bt_config_load(&(bt_config *){NULL}, "absent.json", &error), BT_IO);
    fprintf(out, "%s 0.0", error.message);
}

static const struct {
    const char *what;
    writer *write;
} writers[] = {
    {"a record", write_record_file}, {"a load test's record", write_load_record_file},
    {"a config", write_config_file}, {"a config's report", write_config_report},
    {"reports", write_reports},      {"a load test's reports", write_load_reports},
    {"plots", write_plots},          {"a gate's verdict", write_gate_verdict},
    {"metrics", write_metrics},      {"options", write_options},
    {"messages", write_messages},
};

/* The caller frees it. */
static char *written_in(const char *locale, writer *write) {
    char *text = NULL;
    size_t size;
    FILE *out = open_memstream(&text, &size);
    assert_non_null(out);
    if (locale) assert_true(bt_host_locale_set(locale));
    write(out);
    bt_host_locale_leave(NULL);
    assert_int_equal(fclose(out), 0);
    return text;
}

static bool has_fraction(const char *text) {
    for (const char *dot = text; (dot = strchr(dot, '.')); dot++)
        if (dot > text && strchr("0123456789", dot[-1]) && dot[1] && strchr("0123456789", dot[1]))
            return true;
    return false;
}

static void assert_same(const char *text, const char *wanted, const char *what, const char *locale) {
    size_t at = 0;
    while (text[at] && text[at] == wanted[at])
        at++;
    if (text[at] == wanted[at]) return;
    size_t from = at > 40 ? at - 40 : 0;
    fail_msg("%s in %s: \"%.80s\", in C: \"%.80s\"", what, locale, text + from, wanted + from);
}

static void what_is_written_is_the_same_to_the_byte(void **state) {
    (void)state;
    int seen = 0;
    for (size_t l = 0; l < COUNT(locales); l++) {
        if (!bt_host_locale_set(locales[l])) continue;
        seen++;
        for (size_t i = 0; i < COUNT(writers); i++) {
            char *wanted = written_in(NULL, writers[i].write),
                 *text = written_in(locales[l], writers[i].write);
            if (!has_fraction(wanted)) fail_msg("%s: no number with a fraction in it", writers[i].what);
            assert_same(text, wanted, writers[i].what, locales[l]);
            free(wanted);
            free(text);
        }
    }
    if (seen == 0) skip();
}

/* ---- reading ---- */

static void read_tables(void) {
    union {
        bt_settings tune;
        bt_load_settings load;
        bt_gate_settings gate;
        bt_segment_settings segment;
    } values;
    bt_option_sources sources;
    size_t count;
    const bt_option *table = bt_settings_table;
    bt_options_default(table, bt_settings_count, &values, &sources);
    table = bt_settings_model_table(&count);
    bt_options_default(table, count, &values, &sources);
    table = bt_load_settings_table(&count);
    bt_options_default(table, count, &values, &sources);
    table = bt_gate_settings_table(BT_GATE_RUN, &count);
    bt_options_default(table, count, &values, &sources);
    table = bt_segment_settings_table(&count);
    bt_options_default(table, count, &values, &sources);
}

static void read_flags(void) {
    char *argv[] = {"x", "--p95-sla-ms", "99.5", "--time-budget=2.5s", NULL};
    bt_settings settings;
    bt_option_sources sources;
    bt_options_request request;
    bt_error error;
    bt_options_default(bt_settings_table, bt_settings_count, &settings, &sources);
    must(bt_options_parse(bt_settings_table, bt_settings_count, 4, argv, &settings, &sources, NULL, 0, NULL,
                          &request, &error),
         &error);
    assert_true(settings.p95_sla_ms == 99.5);
    assert_int_equal(settings.time_budget_ns, 2500 * BT_NS_PER_MS);
    argv[2] = "99,5";
    assert_int_equal(bt_options_parse(bt_settings_table, bt_settings_count, 4, argv, &settings, &sources,
                                      NULL, 0, NULL, &request, &error),
                     BT_INVALID);
}

static void read_backend(void) {
    bt_error error;
    must(bt_backend_check("sim:tau0_ms=2.5,alpha_ms=0.5,noise=0.05,faults=stall%3:1.5", &error), &error);
}

static void read_trace(void) {
    bt_schedule schedule;
    bt_error error;
    must(bt_file_replace("trace.txt", "0.5\n2.75\n", 9, false, &error), &error);
    must(bt_schedule_open(&schedule, &(bt_schedule_options){.shape = BT_SHAPE_TRACE, .trace = "trace.txt"},
                          &error),
         &error);
    assert_int_equal(schedule.count, 2);
    assert_int_equal(schedule.arrivals_ns[1] - schedule.arrivals_ns[0], 2250 * BT_NS_PER_MS);
    bt_schedule_close(&schedule);
}

static void read_rate(void) {
    static bt_plan plan;
    bt_load_settings settings;
    bt_option_sources sources;
    size_t count;
    bt_error error;
    const bt_option *table = bt_load_settings_table(&count);
    const bt_plan_model model = {.name = "hrnet",
                                 .batch_size = 4,
                                 .instances = 1,
                                 .batch_ns = 40 * BT_NS_PER_MS,
                                 .recommended_rps = NAN};
    bt_options_default(table, count, &settings, &sources);
    strcpy(settings.rate, "2.5");
    must(bt_plan_make(&plan, &settings, &model, 1, true, &error), &error);
}

static void read_record(void) {
    bt_record *record = fixture_record(), *read;
    bt_error error;
    must(bt_record_save(record, "record.json", &error), &error);
    must(bt_record_load(&read, "record.json", &error), &error);
    assert_true(read->models[0].points[0].p95_ms == record->models[0].points[0].p95_ms);
    assert_true(fmod(read->models[0].points[0].p95_ms, 1) != 0);
    bt_record_close(&read);
    bt_record_close(&record);
}

/* One pixel of 16 bits, black to white over a quarter of a value: only with its dot is 1.25 above 1. */
static void read_picture(void) {
    const uint16_t pixel = 2;
    bt_picture picture;
    bt_error error;
    TIFF *tiff = TIFFOpen("imagej.tif", "w");
    assert_non_null(tiff);
    TIFFSetField(tiff, TIFFTAG_IMAGEWIDTH, 1);
    TIFFSetField(tiff, TIFFTAG_IMAGELENGTH, 1);
    TIFFSetField(tiff, TIFFTAG_BITSPERSAMPLE, 16);
    TIFFSetField(tiff, TIFFTAG_PHOTOMETRIC, PHOTOMETRIC_MINISBLACK);
    TIFFSetField(tiff, TIFFTAG_IMAGEDESCRIPTION, "ImageJ=1.53t\nmin=1.5\nmax=2.5\n");
    assert_int_equal(TIFFWriteEncodedStrip(tiff, 0, (void *)&pixel, sizeof pixel), sizeof pixel);
    TIFFClose(tiff);
    must(bt_picture_load(&picture, "imagej.tif", NULL, &error), &error);
    assert_int_equal(picture.rgb[0], 128);
    bt_picture_close(&picture);
}

static void what_is_read_has_its_dot(void **state) {
    (void)state;
    static void (*const readers[])(void) = {read_tables, read_flags,  read_backend, read_trace,
                                            read_rate,   read_record, read_picture};
    int seen = 0;
    for (size_t l = 0; l < COUNT(locales); l++) {
        if (!bt_host_locale_set(locales[l])) continue;
        seen++;
        for (size_t i = 0; i < COUNT(readers); i++)
            readers[i]();
    }
    if (seen == 0) skip();
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_teardown(what_is_written_is_the_same_to_the_byte, bt_host_locale_leave),
        cmocka_unit_test_teardown(what_is_read_has_its_dot, bt_host_locale_leave),
    };
    return cmocka_run_group_tests(tests, bt_scratch_enter, bt_scratch_leave);
}
