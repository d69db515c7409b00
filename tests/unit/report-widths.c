/* What is printed for people fits where it is printed: every table of every report, over many widths, without
 * a line that is wider, and with what matters in it. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/random.h"
#include "fixture-load-record.h"
#include "fixture-record.h"
#include "fixture-verdict.h"
#include "record/config-check.h"
#include "report-text.h"
#include "report/config.h"
#include "report/gate.h"
#include "report/layout.h"
#include "report/load.h"
#include "report/sweep.h"
#include "report/table.h"
#include "scratch.h"

#define NARROWEST 24 /* of a terminal that anybody reads a report on */
#define WIDEST    220
#define DRAWN     60

static bt_record *sweep;
static bt_load_record *load;
static bt_gate_verdict *verdict;
static bt_config *config;
static bt_config_check *check;

static bt_status put_sweep(FILE *out, bt_error *error) {
    return bt_sweep_report_table(sweep, out, error);
}

static bt_status put_load(FILE *out, bt_error *error) {
    return bt_load_report_table(load, out, error);
}

static bt_status put_gate(FILE *out, bt_error *error) {
    return bt_gate_report_table(verdict, out, error);
}

static bt_status put_config(FILE *out, bt_error *error) {
    return bt_report_config_table(config, check, "a/folder/of/some/length/config.json", out, error);
}

/* What a report prints where COLUMNS asks for a width. The caller's. */
static char *printed(bt_status (*put)(FILE *, bt_error *), int width) {
    char columns[16], *text;
    bt_error error;
    FILE *out = tmpfile();
    assert_non_null(out);
    snprintf(columns, sizeof columns, "%d", width);
    setenv("COLUMNS", columns, 1);
    if (put(out, &error) != BT_OK) fail_msg("%s", error.message);
    unsetenv("COLUMNS");
    long size = ftell(out);
    rewind(out);
    text = calloc((size_t)size + 1, 1);
    assert_non_null(text);
    assert_int_equal(fread(text, 1, (size_t)size, out), size);
    fclose(out);
    return text;
}

/* Whether the words are there, in this order, wherever lines break. */
static void expect_words(const char *name, int width, const char *text, const char *words) {
    char word[64];
    while (sscanf(words, " %63s", word) == 1) {
        words = strstr(words, word) + strlen(word);
        if (!strstr(text, word))
            fail_msg("%s, %d columns: \"%s\" is missing in:\n%s", name, width, word, text);
    }
}

static const struct {
    const char *name;
    bt_status (*put)(FILE *, bt_error *);
    const char *words; /* that stay, however narrow it is */
} reports[] = {
    {"a tuning run", put_sweep, "batch P95 bound img/s verdict why advice winners"},
    {"a load test", put_load, "Summary: P95= scenario P50 P95 lost bounds verdict capacity"},
    {"a comparison", put_gate, "hrnet/batch-1 before now change verdict slower"},
    {"a config", put_config, "hrnet batch P95 SLA verdict advice machine"},
};

static void look_at(size_t report, int width) {
    char *text = printed(reports[report].put, width), *copy = strdup(text);
    assert_non_null(copy);
    for (char *rest, *line = strtok_r(copy, "\n", &rest); line; line = strtok_r(NULL, "\n", &rest)) {
        if (bt_layout_width(line) > width)
            fail_msg("%s: %d columns of %d: %s", reports[report].name, bt_layout_width(line), width, line);
        if (line[strlen(line) - 1] == ' ')
            fail_msg("%s, %d columns: blanks end: \"%s\"", reports[report].name, width, line);
    }
    expect_words(reports[report].name, width, text, reports[report].words);
    free(copy);
    free(text);
}

static void every_report_fits(void **state) {
    (void)state;
    static const int usual[] = {40, 60, 80, 100, 200};
    uint64_t seed = (uint64_t)time(NULL);
    const char *given = getenv("BATCHTUNE_SEED");
    if (given) seed = strtoull(given, NULL, 10);
    print_message("BATCHTUNE_SEED=%llu repeats this\n", (unsigned long long)seed);
    bt_random random = bt_random_stream(seed, "widths");
    for (size_t report = 0; report < sizeof reports / sizeof *reports; report++) {
        for (size_t i = 0; i < sizeof usual / sizeof *usual; i++)
            look_at(report, usual[i]);
        for (int i = 0; i < DRAWN; i++)
            look_at(report, NARROWEST + (int)(bt_random_uniform(&random) * (WIDEST - NARROWEST)));
    }
}

/* ---- a table of many columns ---- */

static char *table_at(int width) {
    static const bt_column columns[] = {{"", false},       {"batch", true}, {"P95 ms", true},
                                        {"bound", true},   {"img/s", true}, {"efficiency", true},
                                        {"verdict", false}};
    text_stream stream;
    bt_table *table;
    bt_error error;
    assert_int_equal(bt_table_open(&table, columns, 7, &error), BT_OK);
    for (int row = 0; row < 2; row++) {
        bt_table_text(table, "%s", row ? "" : "→");
        bt_table_number(table, row + 1, 0);
        bt_table_number(table, 10.5, 1);
        bt_table_unknown(table);
        bt_table_number(table, 1234, 0);
        bt_table_number(table, 0.125, 3);
        bt_table_text(table, "%s", row ? "a long word of explanation" : "ok");
    }
    assert_int_equal(bt_table_write_text(table, 0, width, text_stream_open(&stream), &error), BT_OK);
    bt_table_close(&table);
    return text_stream_close(&stream);
}

static void rows_become_cards_where_nothing_else_fits(void **state) {
    (void)state;
    char *text = table_at(28);
    assert_string_equal(text, "→ batch 1\n"
                              "  P95 ms      10.5\n"
                              "  bound       –\n"
                              "  img/s       1234\n"
                              "  efficiency  0.125\n"
                              "  verdict     ok\n"
                              "\n"
                              "batch 2\n"
                              "  P95 ms      10.5\n"
                              "  bound       –\n"
                              "  img/s       1234\n"
                              "  efficiency  0.125\n"
                              "  verdict\n"
                              "      a long word of\n"
                              "      explanation\n");
    free(text);
}

static void two_narrow_tables_come_before_cards(void **state) {
    (void)state;
    char *text = table_at(40);
    assert_string_equal(text, "   batch   P95  bound  img/s  efficiency\n"
                              "            ms\n"
                              "─  ─────  ────  ─────  ─────  ──────────\n"
                              "→      1  10.5      –   1234       0.125\n"
                              "       2  10.5      –   1234       0.125\n"
                              "\n"
                              "   batch  verdict\n"
                              "─  ─────  ──────────────────────────\n"
                              "→      1  ok\n"
                              "       2  a long word of explanation\n");
    free(text);
}

/* ---- what is looked at ---- */

static const char document[] =
    "{\"schema_version\": 1, \"generated_at\": \"2026-01-31T12:00:00Z\", \"tool_version\": \"0.1.0\","
    " \"run_id\": \"2026-01-31T120000Z-optimize-batch\", \"workload\": \"cpu-demo\","
    " \"machine\": {\"fingerprint\": \"f\", \"cpu\": \"A CPU of a very long name, 図 included\", \"cores\": "
    "8,"
    "  \"memory_bytes\": 8589934592, \"clock_policy\": \"performance\", \"gpu\": \"\", \"gpu_memory_bytes\": "
    "0},"
    " \"settings\": {\"p95_sla_ms\": 100, \"models\": [\"hrnet\"]},"
    " \"configurations\": {\"hrnet\": {\"optimal_batch_size\": 4, \"p95_latency_ms\": 44, \"meets_sla\": "
    "true,"
    "  \"image_size\": 128, \"machine_fingerprint\": \"f\", \"run_id\": \"one\", \"weights\": {\"source\": "
    "\"demo\"},"
    "  \"instances\": [{\"device\": \"cpu\", \"threads\": 2}],"
    "  \"points\": [{\"batch_size\": 4, \"p95_ms\": 44, \"outcome\": \"measured\"},"
    "   {\"batch_size\": 8, \"p95_ms\": 188.25, \"outcome\": \"over_sla\"}]}}}";

static void make_verdict(void) {
    bt_error error;
    assert_int_equal(bt_gate_verdict_open(&verdict, &error), BT_OK);
    fixture_verdict_row(verdict, "hrnet/batch-1", BT_GATE_SLOWER, 12.3);
    for (int i = 0; i < 2; i++)
        fixture_verdict_row(verdict, "core/simulate-a-second-of-load", BT_GATE_SAME, 12.3);
    verdict->verdict = BT_GATE_SLOWER;
    strcpy(verdict->why, "1 metric slower than the tolerance");
    strcpy(verdict->before_name,
           "results/2026-11-28T100519Z-optimize-batch/record.json (2026-11-28T10:05:19Z)");
    strcpy(verdict->now_name, "now.json");
}

static int set_up(void **state) {
    bt_error error;
    bt_config_here here = {.machine = {.cpu = "another", .cores = 2, .memory_bytes = 1LL << 30},
                           .now = "2026-02-28T18:00:00Z"};
    if (bt_scratch_enter(state)) return -1;
    sweep = fixture_record();
    load = fixture_load_record();
    make_verdict();
    FILE *file = fopen("config.json", "w");
    if (!file || fputs(document, file) == EOF || fclose(file) != 0) return -1;
    if (bt_config_load(&config, "config.json", &error) != BT_OK) fail_msg("%s", error.message);
    return bt_config_check_open(&check, config, &here, false, &error);
}

static int tear_down(void **state) {
    bt_config_check_close(&check);
    bt_config_close(&config);
    bt_gate_verdict_close(&verdict);
    bt_load_record_close(&load);
    bt_record_close(&sweep);
    return bt_scratch_leave(state);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_report_fits),
        cmocka_unit_test(rows_become_cards_where_nothing_else_fits),
        cmocka_unit_test(two_narrow_tables_come_before_cards),
    };
    return cmocka_run_group_tests_name("report: widths", tests, set_up, tear_down);
}
