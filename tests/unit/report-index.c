/* The page over all runs: each with its link, verdict and repeat line, the newest first; whatever else lies
 * in the folder; and a thousand runs cost no more than looking at their names. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/files.h"
#include "fixture-load-record.h"
#include "fixture-record.h"
#include "mutate.h"
#include "report/results-index.h"
#include "scratch.h"

#define MANY 1000

static void put(const char *path, const char *text) {
    char folder[BT_PATH_SIZE];
    bt_error error;
    snprintf(folder, sizeof folder, "%.*s", (int)(strrchr(path, '/') - path), path);
    assert_int_equal(bt_folder_make(folder, &error), BT_OK);
    if (bt_file_replace(path, text, strlen(text), false, &error) != BT_OK) fail_msg("%s", error.message);
}

/* A record of as little as the page wants to know. */
static void put_run(const char *results, const char *run, const char *started_at, const char *verdict) {
    char path[BT_PATH_SIZE], text[512];
    snprintf(path, sizeof path, "%s/%s/record.json", results, run);
    snprintf(text, sizeof text,
             "{\"kind\": \"load\", \"started_at\": \"%s\", \"verdict\": \"%s\", \"command\": \"test %s\", "
             "\"models\": [{\"title\": \"HRNet\"}, {\"title\": \"Mine\"}]}",
             started_at, verdict, run);
    put(path, text);
}

/* The page, made anew. The caller frees it. */
static char *page_of(const char *results) {
    char path[BT_PATH_SIZE], *text;
    size_t size;
    bt_error error = {BT_OK, ""};
    if (bt_results_index_write(results, &error) != BT_OK) fail_msg("%s", error.message);
    snprintf(path, sizeof path, "%s/index.html", results);
    if (bt_file_read(path, 1 << 24, &text, &size, &error) != BT_OK) fail_msg("%s", error.message);
    assert_non_null(strstr(text, "</html>"));
    return text;
}

static void assert_in_order(const char *text, const char *const *words, size_t count) {
    for (size_t i = 0; i < count; i++) {
        const char *at = strstr(text, words[i]);
        if (!at) fail_msg("\"%s\" is missing or stands too early in:\n%s", words[i], text);
        text = at + strlen(words[i]);
    }
}

static void every_run_stands_there_the_newest_first(void **state) {
    (void)state;
    static const char *const words[] = {
        "4 runs",
        "<a href=\"20260131T123456Z-optimize-batch/record.json\">20260131T123456Z-optimize-batch</a>",
        "2026-01-31T12:34:56Z",
        "tuning",
        "✓ good",
        "HRNet, CBAM-ResUNet",
        "<code>optimize-batch <span class=\"option\">--models</span> hrnet,cbam_resunet "
        "<span class=\"option\">--seed</span> 7</code>",
        "<a href=\"20260102-030405-load/report.html\">20260102-030405-load</a>",
        "load test",
        "✗ sla-broken",
        "<code>test-production <span class=\"option\">--seed</span> 7</code>",
        "<a href=\"old/report.md\">old</a>",
        "? inconclusive",
        "HRNet, Mine",
        "<a href=\"gate.json\">gate.json</a>",
        "gate: verdict",
        "✗ slower",
    };
    bt_error error;
    bt_record *record = fixture_record();
    bt_load_record *load = fixture_load_record();
    assert_int_equal(bt_folder_make("every/20260131T123456Z-optimize-batch", &error), BT_OK);
    assert_int_equal(bt_folder_make("every/20260102-030405-load", &error), BT_OK);
    assert_int_equal(bt_record_save(record, "every/20260131T123456Z-optimize-batch/record.json", &error),
                     BT_OK);
    assert_int_equal(bt_load_record_save(load, "every/20260102-030405-load/record.json", &error), BT_OK);
    put("every/20260102-030405-load/report.html", "<p>");
    put_run("every", "old", "2025-05-05T00:00:00Z", "inconclusive");
    put("every/old/report.md", "#");
    put("every/gate.json",
        "{\"kind\": \"gate-verdict\", \"started_at\": \"2024-01-01\", \"verdict\": \"slower\"}");
    char *page = page_of("every");
    assert_in_order(page, words, sizeof words / sizeof *words);
    free(page);
    bt_record_close(&record);
    bt_load_record_close(&load);
}

static void no_runs_are_a_page_only_where_there_was_one(void **state) {
    (void)state;
    bt_error error = {BT_OK, ""};
    assert_int_equal(bt_folder_make("none", &error), BT_OK);
    assert_int_equal(bt_results_index_write("none", &error), BT_INVALID);
    assert_non_null(strstr(error.message, "none: holds no run (RUN/record.json); give the folder"));
    put("none/index.html", "of runs that are gone");
    char *page = page_of("none");
    assert_non_null(strstr(page, "0 runs"));
    free(page);
    assert_int_equal(bt_results_index_write("missing", &error), BT_IO);
    assert_non_null(strstr(error.message, "missing"));
}

static void broken_and_foreign_things_do_no_harm(void **state) {
    (void)state;
    put_run("foreign", "good", "2026-01-01T00:00:00Z", "good");
    put("foreign/broken/record.json", "{\"kind\": \"load\", ");
    put("foreign/array/record.json", "[1, 2]");
    put("foreign/types/record.json",
        "{\"kind\": 7, \"started_at\": [], \"models\": {\"a\": 1}, \"command\": {}}");
    put("foreign/models/record.json",
        "{\"kind\": \"load\", \"models\": [1, {}, {\"title\": 3}, {\"title\": \"It\"}], \"verdict\": null}");
    put("foreign/empty-record/record.json", "");
    put("foreign/notes.txt", "notes");
    put("foreign/package.json", "{\"kind\": \"something else\"}");
    put("foreign/other.json", "no JSON");
    put("foreign/no-record/x", "x");
    put("foreign/\xff\xfe/record.json", "{\"kind\": \"load\"}");
    put("foreign/<b>&\"'`: x/record.json",
        "{\"kind\": \"sweep\", \"verdict\": \"<script>\", \"command\": \"a `b` <c>\"}");
    put("foreign/record.json/record.json/x", "a folder of that name");
    assert_int_equal(mkfifo("foreign/pipe.json", 0600), 0);
    assert_int_equal(symlink("nowhere", "foreign/dangling.json"), 0);
    for (int again = 0; again < 2; again++) { /* without a cache, and with one */
        char *page = page_of("foreign");
        assert_non_null(strstr(page, "<a href=\"good/record.json\">good</a>"));
        assert_non_null(strstr(page, "<a href=\"broken/record.json\">broken</a>"));
        assert_non_null(strstr(page, "unreadable"));
        assert_non_null(strstr(page, ">It</td>"));
        assert_non_null(strstr(page, "<a href=\"%FF%FE/record.json\">?"
                                     "?</a>"));
        assert_non_null(
            strstr(page, "<a href=\"%3Cb%3E%26%22%27%60%3A%20x/record.json\">&lt;b&gt;&amp;&quot;"));
        assert_null(strstr(page, "<script>"));
        assert_null(strstr(page, "package.json"));
        assert_null(strstr(page, "no-record"));
        assert_null(strstr(page, "pipe"));
        assert_null(strchr(page, '`'));
        free(page);
    }
}

/* Puts other bytes of the same length and the same time in a record's place: whoever reads it again, sees
 * it. */
static void change_unseen(const char *path) {
    struct stat before;
    assert_int_equal(stat(path, &before), 0);
    int file = open(path, O_WRONLY);
    assert_true(file >= 0);
    assert_int_equal(pwrite(file, "XXXX", 4, 0), 4);
    close(file);
    const struct timespec times[] = {before.st_atim, before.st_mtim};
    assert_int_equal(utimensat(AT_FDCWD, path, times, 0), 0);
}

static void of_a_thousand_runs_only_the_new_one_is_read(void **state) {
    (void)state;
    char run[64], path[BT_PATH_SIZE];
    for (int i = 0; i < MANY; i++) {
        snprintf(run, sizeof run, "run-%04d", i);
        put_run("many", run, "2026-01-01T00:00:00Z", "good");
    }
    char *first = page_of("many");
    for (int i = 0; i < MANY; i++) {
        snprintf(path, sizeof path, "many/run-%04d/record.json", i);
        change_unseen(path);
    }
    char *second = page_of("many");
    assert_string_equal(first, second);
    free(second);
    put_run("many", "run-0500", "2026-02-02T00:00:00Z", "interrupted");
    put_run("many", "new", "2026-03-03T00:00:00Z", "sla-broken");
    assert_int_equal(unlink("many/run-0007/record.json"), 0);
    second = page_of("many");
    static const char *const words[] = {"1000 runs",     ">new<",      "✗ sla-broken", ">run-0500<",
                                        "? interrupted", ">run-0000<", "✓ good"};
    assert_in_order(second, words, sizeof words / sizeof *words);
    assert_null(strstr(second, "run-0007"));
    assert_null(strstr(second, "unreadable"));
    free(second);
    /* a cache that is broken costs a reading, no more */
    put("many/index.json", "{\"schema_version\": 1, \"runs\": [3]}");
    put_run("many", "run-0001", "2026-04-04T00:00:00Z", "good");
    second = page_of("many");
    assert_non_null(strstr(second, "unreadable"));
    assert_non_null(strstr(second, "2026-04-04T00:00:00Z"));
    free(second);
    free(first);
}

/* Whatever bytes stand in a record or in the cache, there is a page, and it is whole. */
static void damaged_records_and_caches_still_give_a_page(void **state) {
    (void)state;
    char *good[2];
    mutate_file files[2];
    static const char *const paths[] = {"damaged/a/record.json", "damaged/index.json"};
    bt_error error;
    uint8_t bytes[2048];
    put_run("damaged", "a", "2026-01-01T00:00:00Z", "good");
    put_run("damaged", "b", "2026-01-02T00:00:00Z", "sla-broken");
    free(page_of("damaged"));
    for (int i = 0; i < 2; i++) {
        assert_int_equal(bt_file_read(paths[i], sizeof bytes, &good[i], &files[i].size, &error), BT_OK);
        files[i].bytes = (const uint8_t *)good[i];
    }
    for (uint64_t index = 0; index < mutate_cases(400); index++) {
        size_t size = mutate(mutate_seed(), index, files, 2, bytes, sizeof bytes);
        if (bt_file_replace(paths[index % 2], bytes, size, false, &error) != BT_OK)
            fail_msg("%s", error.message);
        char *page = page_of("damaged");
        if (!strstr(page, ">b<"))
            fail_msg("BATCHTUNE_SEED=%llu, case %llu: the other run is gone",
                     (unsigned long long)mutate_seed(), (unsigned long long)index);
        free(page);
    }
    for (int i = 0; i < 2; i++)
        free(good[i]);
}

static void a_reader_sees_the_old_page_or_the_new_one(void **state) {
    (void)state;
    char old[8] = "";
    put_run("whole", "a", "2026-01-01T00:00:00Z", "good");
    free(page_of("whole"));
    int reader = open("whole/index.html", O_RDONLY);
    struct stat before, after;
    assert_true(reader >= 0);
    assert_int_equal(fstat(reader, &before), 0);
    put_run("whole", "b", "2026-01-02T00:00:00Z", "good");
    free(page_of("whole"));
    assert_int_equal(stat("whole/index.html", &after), 0);
    assert_true(before.st_ino != after.st_ino);
    assert_int_equal(lseek(reader, before.st_size - 8, SEEK_SET), before.st_size - 8);
    assert_int_equal(read(reader, old, 7), 7);
    assert_string_equal(old, "</html>");
    close(reader);
}

static void a_file_beside_a_page_is_added_to_it(void **state) {
    (void)state;
    static const char gate[] = "{\"kind\": \"gate\", \"command\": \"perf-gate record\"}";
    put("beside/now.json", gate);
    bt_results_index_refresh_beside("beside/now.json", NULL);
    assert_false(bt_file_exists("beside/index.html")); /* nobody asked for one here */
    free(page_of("beside"));
    put("beside/later.json", gate);
    bt_results_index_refresh_beside("beside/later.json", NULL);
    char *text;
    size_t size;
    bt_error error;
    assert_int_equal(bt_file_read("beside/index.html", 1 << 20, &text, &size, &error), BT_OK);
    assert_non_null(strstr(text, "<a href=\"later.json\">later.json</a>"));
    free(text);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_run_stands_there_the_newest_first),
        cmocka_unit_test(no_runs_are_a_page_only_where_there_was_one),
        cmocka_unit_test(broken_and_foreign_things_do_no_harm),
        cmocka_unit_test(of_a_thousand_runs_only_the_new_one_is_read),
        cmocka_unit_test(damaged_records_and_caches_still_give_a_page),
        cmocka_unit_test(a_reader_sees_the_old_page_or_the_new_one),
        cmocka_unit_test(a_file_beside_a_page_is_added_to_it),
    };
    return cmocka_run_group_tests(tests, bt_scratch_enter, bt_scratch_leave);
}
