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
#include "base/text.h"
#include "expect.h"
#include "fixture-load-record.h"
#include "prove/judge.h"
#include "report-text.h"
#include "report/layout.h"
#include "report/load-plots.h"
#include "report/load-words.h"
#include "report/load.h"
#include "scratch.h"

#define WIDTH 100

/* The caller frees it. */
static char *written(const bt_load_record *record, bt_load_format format) {
    text_stream stream;
    bt_error error;
    FILE *out = text_stream_open(&stream);
    if (bt_load_publish(record, format, NULL, NULL, out, &error) != BT_OK) fail_msg("%s", error.message);
    return text_stream_close(&stream);
}

static void assert_silent(const char *text, const char *phrase) {
    if (strstr(text, phrase)) fail_msg("\"%s\" is in:\n%s", phrase, text);
}

static double number_behind(const char *text, const char *phrase) {
    const char *at = strstr(text, phrase);
    char *end;
    assert_non_null(at);
    at += strlen(phrase);
    double number = bt_text_read_number(at, &end);
    assert_ptr_not_equal(end, at);
    return number;
}

static const bt_load_format people[] = {BT_LOAD_FORMAT_TABLE, BT_LOAD_FORMAT_MARKDOWN, BT_LOAD_FORMAT_HTML};
#define PEOPLE (sizeof people / sizeof *people)

/* The forms for people, from the `first` on, say every one of `phrases`, which NULL ends. */
static void assert_people_read(const bt_load_record *record, size_t first, const char *const *phrases) {
    for (size_t i = first; i < PEOPLE; i++) {
        char *text = written(record, people[i]);
        for (int p = 0; phrases[p]; p++)
            says(text, phrases[p]);
        free(text);
    }
}
#define PEOPLE_READ(record, ...) assert_people_read(record, 0, (const char *const[]){__VA_ARGS__, NULL})
/* All but the table, which breaks its lines anywhere. */
#define PAGES_READ(record, ...) assert_people_read(record, 1, (const char *const[]){__VA_ARGS__, NULL})

static void the_summary_has_a_line_a_scenario(void **state) {
    bt_load_record *record = *state;
    char *text = written(record, BT_LOAD_FORMAT_TABLE), line[128];
    const bt_load_part *single = &record->scenarios[0].parts[0], *broken = &record->scenarios[4].parts[0];
    says(text, "HRNet Summary:\n");
    says(text, "CBAM-ResUNet Summary:\n");
    bt_text_format(line, sizeof line, "  Single Request: P95=%.1fms ✓\n", single->latency.p95_ms);
    says(text, line);
    bt_text_format(line, sizeof line, "  Sustained Load: P95=%.1fms ✗  broken, SLA 90 ms\n",
                   broken->latency.p95_ms);
    says(text, line);
    says(text, "  Largest Burst: ");
    says(text, "–  not judged");
    says(text, "  Mixed Load: P95=– ?  not shown, SLA 90 ms");
    free(text);
}

static void cause_and_remedy_stand_beside_what_is_not_met(void **state) {
    bt_load_record *record = *state;
    for (size_t i = 0; i < PEOPLE; i++) {
        char *text = written(record, people[i]);
        const bool page = strstr(text, "</code>") != NULL;
        says(text, page ? "--max-queue-delay-ms</code> 1" : "--max-queue-delay-ms 1");
        free(text);
    }
    PEOPLE_READ(record, "P95 of the queue is 31.2 ms", "the machine was not quiet",
                "HRNet misses the SLA of 90 ms under Sustained Load", "test-production --seed 7");
}

static void arrivals_that_are_not_poissons_are_told(void **state) {
    bt_load_record *record = *state;
    bt_load_scenario *sustained = &record->scenarios[4];
    char words[BT_LOAD_WORDS_SIZE];
    bt_load_words_load(sustained, &sustained->parts[0], words);
    assert_string_equal(words, "20.0 requests/s, random arrivals");
    sustained->burstiness = 2.5;
    PEOPLE_READ(record, "bursty arrivals (burstiness 2.5)");
    PAGES_READ(record, "20.0 requests/s, bursty arrivals (burstiness 2.5), for 10 s");
    sustained->burstiness = NAN;
    sustained->ramp_from = 0.2;
    PEOPLE_READ(record, "random arrivals that grow from 20 % of the rate to all of it");
}

/* A part whose P95 was predicted at 60 and measured at 82 ms, its mean at 50 instead of 30. */
static bt_load_part *missed_part(bt_load_record *record) {
    bt_load_part *part = &record->scenarios[0].parts[0];
    part->predicted_p95_ms = 60;
    part->latency.p95_ms = 82;
    part->latency.mean_ms = 50;
    part->predicted_queue_mean_ms = 12.1;
    part->queue_mean_ms = 30.2;
    part->predicted_prepare_mean_ms = part->predicted_deliver_mean_ms = 1;
    part->preprocess_mean_ms = 3;
    part->deliver_mean_ms = 1.5;
    part->predicted_run_mean_ms = 15.9;
    part->service_mean_ms = 16;
    part->slip_mean_ms = 0;
    return part;
}

static void the_part_that_missed_is_named(void **state) {
    bt_load_record *record = *state;
    char words[BT_LOAD_WORDS_SIZE];
    bt_load_part *part = missed_part(record);
    PEOPLE_READ(record, "predicted P95 60.0 ms, measured 82.0 (+37 %): queue wait missed most, 12.1 against");
    bt_load_words_errors(record, &record->models[0], words);
    says(words, "P95 against the prediction: Single Request +37 %, Burst Load ");
    part->queue_mean_ms = 12;
    part->service_mean_ms = 34;
    bt_load_words_missed(part, words);
    says(words, ": the run missed most, 15.9 against 34.0 ms on average");
    part->service_mean_ms = 16;
    bt_load_words_missed(part, words); /* 19 ms are in no part that the service tells: after the run */
    says(words, ": delivering missed most, 1.00 against 20.5 ms on average");
    part->preprocess_mean_ms = 21;
    bt_load_words_missed(part, words);
    says(words, ": preparing missed most, 1.00 against 19.5 ms on average");
    part->latency.mean_ms = 31;
    part->preprocess_mean_ms = 2.5;
    bt_load_words_missed(part, words);
    says(words, ": the means agree, the slowest requests missed");
}

static void what_was_predicted_well_or_not_told_is_not_blamed(void **state) {
    bt_load_record *record = *state;
    char words[BT_LOAD_WORDS_SIZE];
    bt_load_part *part = missed_part(record);
    part->latency.p95_ms = 71.9; /* less than a fifth more */
    bt_load_words_missed(part, words);
    assert_string_equal(words, "");
    part->latency.p95_ms = 47;
    part->predicted_run_mean_ms = NAN; /* an older record */
    bt_load_words_missed(part, words);
    assert_string_equal(words, "predicted P95 60.0 ms, measured 47.0 (-22 %)");
    part->predicted_p95_ms = NAN;
    bt_load_words_missed(part, words);
    assert_string_equal(words, "");
}

/* The record with a search in the place of its sustained load; the caller closes it. */
static bt_load_record *record_with_capacity(void) {
    bt_load_record *record = fixture_load_record();
    bt_load_capacity *c = &record->scenarios[4].parts[0].capacity;
    c->runs[0] = (bt_rate_run){BT_RATE_SEARCH, BT_RATE_MET, 41.9, 6, 250, 250, 83, 80, 88, 85, 41, 40.5, 2.5};
    c->runs[1] = (bt_rate_run){BT_RATE_SEARCH, BT_RATE_BROKEN, 44.6, 6, 268, 260, 99, 91, 120, 97, 43, 37, 3};
    c->runs[2] =
        (bt_rate_run){BT_RATE_BEYOND, BT_RATE_BROKEN, 64.7, 6, 388, 300, 500, 400, 600, 450, 45, 3, 4};
    c->runs[3] = (bt_rate_run){BT_RATE_LONE, BT_RATE_MET, NAN, 6, 150, 150, 30, 29, 31, 30, 25, 25, 1};
    c->run_count = 4;
    c->end = BT_LOAD_CAPACITY_BOUNDED;
    c->lower_rps = 41.9;
    c->upper_rps = 44.6;
    c->estimate_rps = 43.1;
    c->predicted_rps = 45;
    return record;
}

static void a_capacity_is_told_with_its_bounds_beside_its_prediction(void **state) {
    (void)state;
    bt_load_record *record = record_with_capacity();
    const char *const phrases[] = {"43.1 requests/s (41.9–44.6), predicted 45.0 (-4 %)", "one at a time",
                                   "37.0", NULL};
    assert_people_read(record, 0, phrases);
    char *junit = written(record, BT_LOAD_FORMAT_JUNIT);
    says(junit, "capacity 43.1 requests/s (41.9–44.6)");
    free(junit);
    assert_true(bt_load_plot_is_drawn(record, &record->models[0], BT_LOAD_PLOT_CAPACITY));
    assert_false(bt_load_plot_is_drawn(record, &record->models[1], BT_LOAD_PLOT_CAPACITY));
    record->scenarios[4].parts[0].capacity.runs[0].rate_rps = NAN; /* edited by hand */
    record->scenarios[4].parts[0].capacity.runs[1].rate_rps = 0;
    assert_false(bt_load_plot_is_drawn(record, &record->models[0], BT_LOAD_PLOT_CAPACITY)); /* of one point */
    bt_load_record_close(&record);
}

static void what_is_missing_of_a_capacity_is_told(void **state) {
    (void)state;
    bt_load_record *record = record_with_capacity();
    bt_load_part *part = &record->scenarios[4].parts[0];
    bt_load_capacity *c = &part->capacity;
    char words[BT_LOAD_WORDS_SIZE];
    bt_load_words_far_off(part, words);
    assert_string_equal(words, "");
    c->predicted_rps = 60;
    bt_load_words_far_off(part, words);
    says(words,
         "the capacity is 28 % lower than predicted: if runs take longer now"); /* nobody measured that */
    c->estimate_rps = c->upper_rps = NAN;
    bt_load_words_found(part, words);
    assert_string_equal(words,
                        "at least 41.9 requests/s; no rate was shown to break the SLA, predicted 60.0");
    c->end = BT_LOAD_CAPACITY_GENERATOR;
    bt_load_words_found(part, words);
    says(words, "the load generator cannot send faster");
    c->lower_rps = 0;
    c->upper_rps = 12;
    bt_load_words_found(part, words);
    says(words, "below 12.0 requests/s; no rate was shown to hold");
    c->estimate_rps = 0;
    bt_load_words_found(part, words);
    says(words, "none: not even one request at a time keeps the SLA");
    bt_load_record_close(&record);
}

/* All scenarios' together: a few one by one, of many only what is worst. */
static void who_sent_a_load_is_told(void **state) {
    bt_load_record *record = *state;
    char words[BT_LOAD_WORDS_SIZE];
    bt_load_words_senders(record, words);
    assert_string_equal(words, ""); /* one process */
    bt_load_senders *senders = &record->scenarios[0].senders;
    senders->of[0] = (bt_load_sender){.rank = 0, .host = "north", .sent = 51, .late_p99_us = 12};
    senders->of[1] = (bt_load_sender){.rank = 1,
                                      .host = "south",
                                      .sent = 40,
                                      .unsent = 10,
                                      .gone = true,
                                      .late_p99_us = NAN,
                                      .clock_bound_us = 41};
    senders->count = 2;
    PAGES_READ(record, "2 processes of one schedule", "rank 0 on north sent 51", "rank 1 on south sent 40",
               "ended with 10 that nobody knows of");
    record->scenarios[1].senders =
        (bt_load_senders){.of = {{.rank = 0, .host = "north", .sent = 9}}, .count = 1};
    bt_load_words_senders(record, words);
    says(words, "rank 0 on north sent 60, 0.012 ms late (P99); rank 1");
    says(words, "its clock within 0.041 ms");
    for (int i = 2; i < 40; i++)
        senders->of[senders->count++] =
            (bt_load_sender){.rank = i, .host = "east", .sent = 1, .late_p99_us = i};
    bt_load_words_senders(record, words);
    says(words, "40 processes of one schedule; rank 1 on south sent 40");
    says(words, "138 requests in all, the latest sender 0.039 ms late (P99), every clock within 0.041 ms");
}

static void a_bound_that_is_not_there_is_explained(void **state) {
    bt_load_record *record = *state;
    bt_load_latency *single = &record->scenarios[0].parts[0].latency;
    for (size_t i = 0; i < PEOPLE; i++) {
        char *text = written(record, people[i]);
        assert_silent(text, "no upper bound");
        free(text);
    }
    single->p95_lower_ms = 9.42;
    single->p95_upper_ms = NAN;
    PEOPLE_READ(record, "9.42–?", "P95 has no upper bound yet", "59", "(200 here)", "--duration");
}

static void losses_and_the_speed_up_are_told(void **state) {
    bt_load_record *record = *state;
    PAGES_READ(record, "3 refused by a full queue", "2 past their deadline", "2.3", "24.6");
}

static void what_a_quota_did_is_told(void **state) {
    bt_load_record *record = *state;
    record->machine.cores = 1;
    record->machine.cpu_quota = 0.5;
    for (int i = 0; i < 2; i++)
        record->scenarios[i].throttling =
            (bt_throttling){.quota_cpus = 0.5, .quota_periods = 300, .throttled_periods = 100 + i};
    PAGES_READ(record, "the CPU quota of 0.5 throttled 201 of 600 periods");
    char *text = written(record, BT_LOAD_FORMAT_MARKDOWN);
    says(text, "the CPU quota of 0.5 throttled 101 of 300 periods"); /* scenario by scenario */
    says(text, "1 core (CPU quota 0.5)");
    free(text);
}

/* Code points, of which none here is wide. */
static int columns_of(const char *line, size_t bytes) {
    int columns = 0;
    for (size_t i = 0; i < bytes; i++)
        columns += ((unsigned char)line[i] & 0xc0) != 0x80;
    return columns;
}

static void the_table_keeps_to_the_terminal(void **state) {
    bt_load_record *record = *state;
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
    bt_load_record *record = *state;
    char *text = written(record, BT_LOAD_FORMAT_HTML);
    assert_int_equal(strncmp(text, "<!DOCTYPE html>", 15), 0);
    assert_silent(text, "src=\"http");
    assert_silent(text, "href=\"http");
    assert_silent(text, "@import");
    assert_silent(text, "<script");
    assert_silent(text, "<link");
    assert_silent(text, "`");
    free(text);
    snprintf(record->machine_differs, sizeof record->machine_differs, "another CPU");
    text = written(record, BT_LOAD_FORMAT_HTML);
    says(text, "<code>make optimize-batch</code>");
    assert_silent(text, "`");
    free(text);
}

/* ---- all forms say the same ---- */

/* How often `phrase` is in `text`. */
static int occurrences(const char *text, const char *phrase) {
    int count = 0;
    for (const char *at = text; (at = strstr(at, phrase)); at += strlen(phrase))
        count++;
    return count;
}

typedef struct combination {
    bt_load_verdict first, second;
    bool second_judged;
} combination;

/* The fixture's first two scenarios alone, with these verdicts, judged as a test judges. */
static bt_load_record *record_of(const combination *c) {
    bt_load_record *record = fixture_load_record();
    while (record->scenario_count > 2) {
        bt_load_scenario *last = &record->scenarios[--record->scenario_count];
        assert_int_equal(bt_load_scenario_reset(last, 0, NULL), BT_OK);
        free(last->parts);
    }
    record->scenarios[0].parts[0].verdict = c->first;
    record->scenarios[1].parts[0].verdict = c->second;
    record->scenarios[1].judged = c->second_judged;
    bt_judge_record(record, false);
    return record;
}

static void check_forms(const combination *c) {
    static const char *const banners[] = {"SLA met", "SLA broken", "SLA not shown"};
    static const int codes[] = {0, 3, 4};
    static const char *const marks[] = {"✓", "✗", "?"};
    static const char *const words[] = {"✓ met", "✗ broken", "? not shown"};
    bt_load_record *record = record_of(c);
    const bt_load_verdict of[] = {c->first, c->second};
    int counts[BT_LOAD_VERDICT_COUNT] = {0};
    counts[c->first]++;
    if (c->second_judged) counts[c->second]++;
    int overall = counts[BT_LOAD_BROKEN]      ? BT_LOAD_BROKEN
                  : counts[BT_LOAD_NOT_SHOWN] ? BT_LOAD_NOT_SHOWN
                                              : BT_LOAD_MET;
    assert_int_equal(record->verdict_code, codes[overall]);
    for (bt_load_format f = BT_LOAD_FORMAT_TABLE; f <= BT_LOAD_FORMAT_HTML; f++) {
        char *text = written(record, f), expected[64];
        if (f == BT_LOAD_FORMAT_JSON) {
            for (int v = 0; v < BT_LOAD_VERDICT_COUNT; v++) {
                snprintf(expected, sizeof expected, "\"verdict\": \"%s\"",
                         bt_load_verdict_name((bt_load_verdict)v));
                assert_int_equal(occurrences(text, expected),
                                 (c->first == (bt_load_verdict)v) + (c->second == (bt_load_verdict)v));
            }
        } else if (f == BT_LOAD_FORMAT_JUNIT) {
            assert_int_equal(occurrences(text, "<failure "), counts[BT_LOAD_BROKEN]);
            assert_int_equal(occurrences(text, "<error "), counts[BT_LOAD_NOT_SHOWN]);
            assert_int_equal(occurrences(text, "<skipped/>"), !c->second_judged);
        } else {
            for (int b = 0; b < 3; b++) {
                snprintf(expected, sizeof expected, "%s: ", banners[b]);
                if (!!strstr(text, expected) != (b == overall))
                    fail_msg("\"%s\" %s in:\n%s", expected, b == overall ? "is missing" : "is", text);
            }
            for (int p = 0; p < 2 && f == BT_LOAD_FORMAT_TABLE; p++) {
                snprintf(expected, sizeof expected, "%s Single Request  ",
                         p == 1 && !c->second_judged ? "–" : marks[of[p]]);
                says(text, expected);
            }
            if (f != BT_LOAD_FORMAT_TABLE) says(text, words[c->first]);
            if (f != BT_LOAD_FORMAT_TABLE && c->second_judged) says(text, words[c->second]);
        }
        free(text);
    }
    bt_load_record_close(&record);
}

static void all_forms_and_the_exit_code_say_the_same(void **state) {
    (void)state;
    for (int first = 0; first < BT_LOAD_VERDICT_COUNT; first++)
        for (int second = 0; second < BT_LOAD_VERDICT_COUNT; second++)
            for (int is_judged = 0; is_judged < 2; is_judged++) {
                const combination c = {(bt_load_verdict)first, (bt_load_verdict)second, is_judged};
                check_forms(&c);
            }
}

static void hostile_names_break_no_form(void **state) {
    static const char evil[] = "<b>&\"'`x\n|y\x1b[31m\x01";
    bt_load_record *record = *state;
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
}

static void junit_counts_as_a_ci_does(void **state) {
    bt_load_record *record = *state;
    char *text = written(record, BT_LOAD_FORMAT_JUNIT);
    says(text, "<?xml version=\"1.0\" encoding=\"UTF-8\"?>");
    says(text, "<testsuite name=\"hrnet\" tests=\"5\" failures=\"1\" errors=\"1\" skipped=\"1\"");
    says(text, "<testsuite name=\"cbam_resunet\" tests=\"3\" failures=\"0\" errors=\"2\" skipped=\"0\"");
    free(text);
}

/* ---- pictures ---- */

static char *read_whole(const char *path) {
    char *text;
    size_t size;
    bt_error error;
    if (bt_file_read(path, 1 << 24, &text, &size, &error) != BT_OK) fail_msg("%s", error.message);
    return text;
}

/* What was written of one plot; the caller frees it. */
static char *plotted(const bt_load_record *record, const char *model, const char *plot,
                     const char *extension) {
    char path[256];
    bt_error error;
    if (bt_load_plots_write(record, "plots", &error) != BT_OK) fail_msg("%s", error.message);
    snprintf(path, sizeof path, "plots/%s-load-%s.%s", model, plot, extension);
    return read_whole(path);
}

static char *script_of(const bt_load_record *record, const char *plot) {
    return plotted(record, "hrnet", plot, "gnuplot");
}

static const char *const plots[] = {"percentiles", "scenarios", "series", "batches", "split"};

static void every_picture_has_its_script_and_its_data(void **state) {
    bt_load_record *record = *state;
    for (int m = 0; m < 2; m++)
        for (size_t i = 0; i < sizeof plots / sizeof *plots; i++) {
            const char *model = record->models[m].model;
            if (!bt_load_plot_is_drawn(record, &record->models[m], (bt_load_plot)i)) continue;
            char *script = plotted(record, model, plots[i], "gnuplot");
            /* each axis says what it is, or its ticks are words */
            if (!strstr(script, "set xtics (")) says(script, "set xlabel");
            if (!strstr(script, "set ytics (")) says(script, "set ylabel");
            free(script);
            free(plotted(record, model, plots[i], "dat"));
        }
    char *script = script_of(record, "percentiles");
    says(script, "SLA");
    free(script);
}

static void every_picture_has_open_axes_and_its_legend_below(void **state) {
    bt_load_record *record = *state;
    for (size_t i = 0; i < sizeof plots / sizeof *plots; i++) {
        char *script = script_of(record, plots[i]);
        says(script, "set border 3\n");
        assert_silent(script, "set border 31");
        says(script, "set key at screen 0.5, screen 0.02 center bottom horizontal");
        assert_silent(script, "set key outside");
        free(script);
    }
}

/* The colour that follows a word of a legend, from the start of its part of the plot command. */
static void colour_of(const char *script, const char *title, char out[8]) {
    char quoted[64];
    snprintf(quoted, sizeof quoted, "title '%s'", title);
    const char *at = strstr(script, quoted);
    if (!at) fail_msg("%s is missing in:\n%s", quoted, script);
    while (strncmp(at, "rgb '", 5) != 0)
        at--;
    snprintf(out, 8, "%.7s", at + 5);
}

static void a_word_has_one_colour_in_every_picture(void **state) {
    static const struct {
        const char *word, *first, *second;
    } shared[] = {{"SLA", "scenarios", "percentiles"},
                  {"P50", "scenarios", "series"},
                  {"Burst Load", "percentiles", "batches"},
                  {"Sustained Load", "percentiles", "batches"}};
    bt_load_record *record = *state;
    for (size_t i = 0; i < sizeof shared / sizeof *shared; i++) {
        char *first = script_of(record, shared[i].first), *second = script_of(record, shared[i].second);
        char one[8], other[8];
        colour_of(first, shared[i].word, one);
        colour_of(second, shared[i].word, other);
        assert_string_equal(one, other);
        free(first);
        free(second);
    }
    char *hrnet = script_of(record, "percentiles"), one[8], other[8];
    char *cbam = plotted(record, "cbam_resunet", "percentiles", "gnuplot");
    colour_of(hrnet, "Sustained Load", one);
    colour_of(cbam, "Sustained Load", other);
    assert_string_equal(one, other);
    free(hrnet);
    free(cbam);
}

static void an_unknown_bound_is_an_open_arrow(void **state) {
    bt_load_record *record = *state;
    char *script = script_of(record, "scenarios");
    assert_silent(script, "nofilled");
    free(script);
    record->scenarios[0].parts[0].latency.p95_upper_ms = NAN;
    script = script_of(record, "scenarios");
    says(script, "vectors head size graph 0.016,25 nofilled");
    says(script, "upper bound unknown");
    free(script);
}

static void what_is_not_shown_is_hollow_and_what_is_met_is_not(void **state) {
    bt_load_record *record = *state;
    char *script = script_of(record, "scenarios");
    says(script, "points pointtype 7 pointsize 1.3 linewidth 1.5 linecolor rgb '#0072B2' title 'P95, met'");
    says(script,
         "points pointtype 9 pointsize 1.3 linewidth 1.5 linecolor rgb '#D55E00' title 'P95, broken'");
    says(script,
         "points pointtype 6 pointsize 1.3 linewidth 1.5 linecolor rgb '#B87A00' title 'P95, not shown'");
    free(script);
    for (int i = 0; i < record->scenario_count; i++)
        if (record->scenarios[i].parts[0].sent > 0) record->scenarios[i].parts[0].verdict = BT_LOAD_MET;
    script = script_of(record, "scenarios");
    assert_silent(script, "P95, broken");
    assert_silent(script, "P95, not shown");
    free(script);
}

static void batches_of_one_size_are_no_picture(void **state) {
    bt_load_record *record = *state;
    assert_true(bt_load_plot_is_drawn(record, &record->models[0], BT_LOAD_PLOT_BATCHES));
    assert_false(bt_load_plot_is_drawn(record, &record->models[1], BT_LOAD_PLOT_BATCHES));
    bt_error error;
    if (bt_load_plots_write(record, "sizes", &error) != BT_OK) fail_msg("%s", error.message);
    assert_true(bt_file_exists("sizes/hrnet-load-batches.gnuplot"));
    assert_false(bt_file_exists("sizes/cbam_resunet-load-batches.gnuplot"));
}

/* Makes the last burst so slow that the others would be flat beside it. */
static void let_one_dwarf_the_rest(bt_load_record *record) {
    bt_load_part *part = &record->scenarios[3].parts[0];
    double *const figures[] = {
        &part->latency.mean_ms,      &part->latency.p50_ms,       &part->latency.p90_ms,
        &part->latency.p95_ms,       &part->latency.p99_ms,       &part->latency.max_ms,
        &part->latency.p95_lower_ms, &part->latency.p95_upper_ms, &part->queue_mean_ms};
    for (size_t i = 0; i < sizeof figures / sizeof *figures; i++)
        *figures[i] *= 20;
}

static void one_that_dwarfs_the_rest_leaves_them_room(void **state) {
    bt_load_record *record = *state;
    char *scenarios = script_of(record, "scenarios"), *split = script_of(record, "split");
    assert_silent(scenarios, "logscale");
    assert_silent(split, "ms in all");
    free(scenarios);
    free(split);
    let_one_dwarf_the_rest(record);
    scenarios = script_of(record, "scenarios");
    split = script_of(record, "split");
    says(scenarios, "set logscale x\n");
    says(scenarios, "latency (ms, logarithmic)");
    says(split, " ms in all, queue ");
    double end = number_behind(split, "set xrange [0:");
    double mean = record->scenarios[3].parts[0].latency.mean_ms;
    assert_true(end < mean / 4);
    free(scenarios);
    free(split);
}

static void percentiles_are_named_plainly_and_do_not_tangle(void **state) {
    bt_load_record *record = *state;
    char *script = script_of(record, "percentiles");
    says(script, "set xlabel 'share of requests'\n");
    assert_silent(script, "1 - p");
    assert_silent(script, "histeps");
    free(script);
}

/* The rows of one block of a data file; its last x. */
static int rows_of(const char *data, int block, double *last) {
    int rows = 0;
    for (; block > 0 && data; block--) {
        data = strstr(data, "\n\n\n");
        if (data) data += 3;
    }
    assert_non_null(data);
    for (; *data && *data != '\n'; rows++) {
        *last = number_behind(data, "");
        data = strchr(data, '\n') + 1;
    }
    return rows;
}

static void a_series_ends_with_its_last_whole_second(void **state) {
    bt_load_record *record = *state;
    bt_load_part *part = &record->scenarios[4].parts[0];
    bt_load_bin *last = &part->bins[part->bin_count - 1];
    double at = 0;
    last->sent = last->answered = 1; /* of a second that was cut off after a twentieth */
    for (int i = 0; i < part->bin_count; i++)
        part->bins[i].p50_ms = part->bins[i].p95_ms = part->bins[i].max_ms = 10;
    char *script = script_of(record, "series"), *data = plotted(record, "hrnet", "series", "dat");
    says(script, "set xrange [0:9]\n");
    assert_int_equal(rows_of(data, 0, &at), 9); /* P50: in the middle of each second */
    assert_true(at == 8.5);
    assert_int_equal(rows_of(data, 3, &at), 10); /* sent: up to the end of the ninth */
    assert_true(at == 9);
    assert_silent(data, "9 1\n");
    /* its axis is that of what was measured; an SLA of nine times that is only named */
    double top = number_behind(script, "set yrange [0:");
    assert_true(top > 10 && top < 15);
    says(script, "'SLA 90 ms (beyond this range)'");
    says(script, "title 'slowest'");
    free(script);
    free(data);
}

/* A curve of one's own, up to the capacity. */
static void predict_rates(bt_load_model *model) {
    static const double shares[] = {0.2, 0.6, 1};
    model->predicted.count = 3;
    for (int i = 0; i < 3; i++)
        model->predicted.points[i] = (bt_rate_point){.rate_rps = shares[i] * model->capacity_rps,
                                                     .p50_ms = 40,
                                                     .p95_ms = 60 + 30 * shares[i],
                                                     .p99_ms = 100,
                                                     .p95_lower_ms = 55 + 30 * shares[i],
                                                     .p95_upper_ms = 70 + 30 * shares[i]};
}

static void what_random_arrivals_took_stands_on_the_predicted_curve(void **state) {
    bt_load_record *record = *state;
    bt_load_model *hrnet = &record->models[0];
    const bt_load_part *sustained = &record->scenarios[4].parts[0];
    char point[80];
    assert_false(bt_load_plot_is_drawn(record, hrnet, BT_LOAD_PLOT_RATES)); /* no curve: an older record */
    predict_rates(hrnet);
    assert_true(bt_load_plot_is_drawn(record, hrnet, BT_LOAD_PLOT_RATES));
    char *data = plotted(record, "hrnet", "rates", "dat"), *script = script_of(record, "rates");
    says(data, "\n19.8 73 88\n");   /* the band */
    says(data, "\n19.8 78\n");      /* the curve in it */
    says(data, "\n33 0\n33 135\n"); /* the capacity */
    bt_text_format(point, sizeof point, "\n%.6g %.6g %.6g %.6g\n", sustained->rate_rps,
                   sustained->latency.p95_ms, sustained->latency.p95_lower_ms,
                   sustained->latency.p95_upper_ms);
    says(data, point);
    says(script, "Sustained Load");
    assert_silent(script, "Burst Load");     /* of no rate */
    assert_silent(script, "Single Request"); /* sent when the last was answered */
    assert_silent(script, "Mixed Load");     /* beside another model, of which the curve knows nothing */
    free(data);
    free(script);
}

static void nothing_measured_is_one_sentence(void **state) {
    (void)state;
    bt_load_record *records[] = {fixture_load_record_of_nothing(), fixture_load_record()};
    for (size_t i = 0; i < PEOPLE; i++) {
        char *nothing = written(records[0], people[i]), *something = written(records[1], people[i]);
        says(nothing, "no request was answered, so there is nothing to draw");
        assert_silent(nothing, "P99.9"); /* a table of no rows */
        assert_silent(something, "nothing to draw");
        says(something, "P99.9");
        free(nothing);
        free(something);
    }
    for (int plot = 0; plot < BT_LOAD_PLOT_COUNT; plot++)
        assert_false(bt_load_plot_is_drawn(records[0], &records[0]->models[0], (bt_load_plot)plot));
    for (int i = 0; i < 2; i++)
        bt_load_record_close(&records[i]);
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

/* A test of a record that it may change. */
#define WITH_RECORD(test)                                                                                    \
    cmocka_unit_test_setup_teardown(test, fixture_load_record_set_up, fixture_load_record_tear_down)

int main(void) {
    const struct CMUnitTest tests[] = {
        WITH_RECORD(the_summary_has_a_line_a_scenario),
        WITH_RECORD(cause_and_remedy_stand_beside_what_is_not_met),
        WITH_RECORD(arrivals_that_are_not_poissons_are_told),
        WITH_RECORD(the_part_that_missed_is_named),
        WITH_RECORD(what_was_predicted_well_or_not_told_is_not_blamed),
        WITH_RECORD(who_sent_a_load_is_told),
        WITH_RECORD(a_bound_that_is_not_there_is_explained),
        WITH_RECORD(losses_and_the_speed_up_are_told),
        WITH_RECORD(what_a_quota_did_is_told),
        WITH_RECORD(the_table_keeps_to_the_terminal),
        cmocka_unit_test(what_is_unknown_looks_like_no_number),
        WITH_RECORD(the_page_is_whole_in_itself),
        cmocka_unit_test(all_forms_and_the_exit_code_say_the_same),
        WITH_RECORD(hostile_names_break_no_form),
        WITH_RECORD(junit_counts_as_a_ci_does),
        WITH_RECORD(every_picture_has_its_script_and_its_data),
        WITH_RECORD(every_picture_has_open_axes_and_its_legend_below),
        WITH_RECORD(a_word_has_one_colour_in_every_picture),
        WITH_RECORD(an_unknown_bound_is_an_open_arrow),
        WITH_RECORD(what_is_not_shown_is_hollow_and_what_is_met_is_not),
        WITH_RECORD(batches_of_one_size_are_no_picture),
        WITH_RECORD(one_that_dwarfs_the_rest_leaves_them_room),
        WITH_RECORD(percentiles_are_named_plainly_and_do_not_tangle),
        WITH_RECORD(a_series_ends_with_its_last_whole_second),
        WITH_RECORD(what_random_arrivals_took_stands_on_the_predicted_curve),
        cmocka_unit_test(nothing_measured_is_one_sentence),
        cmocka_unit_test(a_capacity_is_told_with_its_bounds_beside_its_prediction),
        cmocka_unit_test(what_is_missing_of_a_capacity_is_told),
        cmocka_unit_test(a_record_of_nothing_still_plots),
    };
    return cmocka_run_group_tests(tests, bt_scratch_enter, bt_scratch_leave);
}
