/* Who is let in, and what is written down of it: files of keys that change while they are used, lines that are whole
 * whatever becomes of the disk, and the doors of each path. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <fcntl.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/files.h"
#include "base/json.h"
#include "expect.h"
#include "http/access-log.h"
#include "http/access.h"
#include "http/key-file.h"
#include "scratch.h"

#define ALICE "alice-0123456789abcdef"
#define BOB   "bob-0123456789abcdef"

static void put_keys(const char *path, const char *text) {
    put(path, text);
    assert_int_equal(chmod(path, 0600), 0);
}

static bool admits(bt_key_file *file, const char *key, const char *who) {
    char header[200], name[BT_NAME_SIZE];
    snprintf(header, sizeof header, "Bearer %s", key);
    if (!bt_key_file_admits(file, header, name)) return false;
    assert_string_equal(name, who);
    return true;
}

/* ---- files of keys ---- */

static void keys_are_given_and_taken_back_while_it_serves(void **state) {
    (void)state;
    bt_key_file *file;
    bt_error error;
    put_keys("keys", "alice " ALICE "\n");
    must(bt_key_file_open(&file, "keys", NULL, &error), &error);
    assert_true(admits(file, ALICE, "alice"));
    assert_false(admits(file, BOB, ""));
    put_keys("new", "bob " BOB "\n");
    assert_int_equal(rename("new", "keys"),
                     0); /* another file in its place, as editors and Kubernetes do it */
    bt_key_file_look(file, false);
    assert_false(admits(file, ALICE, ""));
    assert_true(admits(file, BOB, "bob"));
    bt_key_file_close(&file);
}

static void what_cannot_be_read_changes_nothing(void **state) {
    (void)state;
    bt_key_file *file;
    bt_log *log;
    FILE *said = fopen("said", "w");
    bt_error error;
    assert_non_null(said);
    must(bt_log_open(&log, said, BT_LOG_WARNING, NULL, &error), &error);
    put_keys("keys", "alice " ALICE "\n");
    must(bt_key_file_open(&file, "keys", log, &error), &error);
    put_keys("keys", "alice " ALICE "\nbob\n");
    bt_key_file_look(file, true);
    assert_true(admits(file, ALICE, "alice"));
    assert_int_equal(unlink("keys"), 0);
    bt_key_file_look(file, true);
    assert_true(admits(file, ALICE, "alice"));
    bt_key_file_look(file, false); /* told once */
    bt_key_file_close(&file);
    bt_log_close(&log);
    fclose(said);
    assert_holds("said",
                 "warning: keys: line 2: a name and a key, with a space between; the keys before it stay\n"
                 "warning: keys: No such file or directory; the keys before it stay\n");
}

static void who_may_write_keys_is_looked_at(void **state) {
    (void)state;
    bt_key_file *file;
    bt_log *log;
    FILE *said = fopen("said", "w");
    bt_error error;
    assert_non_null(said);
    must(bt_log_open(&log, said, BT_LOG_WARNING, NULL, &error), &error);
    put_keys("keys", "alice " ALICE "\n");
    assert_int_equal(chmod("keys", 0602), 0);
    assert_int_equal(bt_key_file_open(&file, "keys", log, &error), BT_INVALID);
    says(error.message, "keys: everybody may write it");
    assert_null(file);
    assert_int_equal(chmod("keys", 0644), 0);
    must(bt_key_file_open(&file, "keys", log, &error), &error);
    bt_key_file_close(&file);
    bt_log_close(&log);
    fclose(said);
    assert_holds("said", "warning: keys: everybody on this machine may read the keys: chmod o-rwx keys\n");
}

static void absent_keys_are_told(void **state) {
    (void)state;
    bt_key_file *file;
    bt_error error;
    assert_int_equal(bt_key_file_open(&file, "absent", NULL, &error), BT_IO);
    says(error.message, "absent: No such file or directory");
    assert_null(file);
}

/* ---- doors ---- */

static bt_http_settings settings_of(const char *keys, const char *metrics_keys) {
    bt_http_settings settings = {.port = 0};
    snprintf(settings.keys, sizeof settings.keys, "%s", keys);
    snprintf(settings.metrics_keys, sizeof settings.metrics_keys, "%s", metrics_keys);
    return settings;
}

static void each_path_has_its_keys(void **state) {
    (void)state;
    static const struct {
        const char *keys, *metrics_keys;
        /* nobody, alice of --keys and bob of --metrics-keys: may each infer, and read metrics? */
        bool infers[3], reads[3];
    } cases[] = {
        {"", "", {true, true, true}, {true, true, true}},
        {"keys", "", {false, true, false}, {false, true, false}},
        {"keys", "metrics-keys", {false, true, false}, {false, false, true}},
        {"", "metrics-keys", {true, true, true}, {false, false, true}},
    };
    static const char *const headers[] = {NULL, "Bearer " ALICE, "Bearer " BOB};
    static const bt_http_target inference[] = {BT_HTTP_SERVER,      BT_HTTP_MODEL,  BT_HTTP_MODEL_CONFIG,
                                               BT_HTTP_MODEL_STATS, BT_HTTP_INFER,  BT_HTTP_ALL_STATS,
                                               BT_HTTP_INDEX,       BT_HTTP_SEGMENT};
    static const bt_http_target open[] = {BT_HTTP_LIVE, BT_HTTP_READY, BT_HTTP_MODEL_READY, BT_HTTP_NOTHING};
    char name[BT_NAME_SIZE];
    put_keys("keys", "alice " ALICE "\n");
    put_keys("metrics-keys", "bob " BOB "\n");
    for (size_t c = 0; c < sizeof cases / sizeof *cases; c++) {
        bt_access *access;
        bt_error error;
        int refused = 0;
        const bt_http_settings settings = settings_of(cases[c].keys, cases[c].metrics_keys);
        must(bt_access_open(&access, &settings, NULL, &error), &error);
        for (int h = 0; h < 3; h++) {
            for (size_t i = 0; i < sizeof inference / sizeof *inference; i++) {
                assert_int_equal(bt_access_admits(access, inference[i], headers[h], name),
                                 cases[c].infers[h]);
                refused += !cases[c].infers[h];
            }
            assert_int_equal(bt_access_admits(access, BT_HTTP_METRICS, headers[h], name), cases[c].reads[h]);
            refused += !cases[c].reads[h];
            for (size_t i = 0; i < sizeof open / sizeof *open; i++)
                assert_true(bt_access_admits(access, open[i], headers[h], name));
        }
        assert_int_equal(bt_access_count(access).refused, refused);
        bt_access_close(&access);
    }
}

static void wrong_options_are_told_by_name(void **state) {
    (void)state;
    bt_access *access;
    bt_error error;
    bt_http_settings settings = settings_of("absent", "");
    assert_int_equal(bt_access_open(&access, &settings, NULL, &error), BT_IO);
    says(error.message, "--keys: absent: No such file or directory");
    settings = settings_of("", "absent");
    assert_int_equal(bt_access_open(&access, &settings, NULL, &error), BT_IO);
    says(error.message, "--metrics-keys: absent");
    settings = settings_of("", "");
    snprintf(settings.cors_origins, sizeof settings.cors_origins, "*");
    assert_int_equal(bt_access_open(&access, &settings, NULL, &error), BT_INVALID);
    says(error.message, "--cors-origins: \"*\" is no origin");
    snprintf(settings.cors_origins, sizeof settings.cors_origins, "https://a");
    snprintf(settings.access_log, sizeof settings.access_log, "absent/log");
    assert_int_equal(bt_access_open(&access, &settings, NULL, &error), BT_IO);
    says(error.message, "--access-log: absent/log cannot be opened: No such file or directory");
    assert_null(access);
}

/* ---- lines ---- */

static void a_line_tells_what_it_knows(void **state) {
    (void)state;
    char text[BT_ACCESS_LINE_MAX];
    bt_access_line line = {.time = "2026-01-31T12:34:56.789Z",
                           .id = "me",
                           .method = "GET",
                           .path = "/v2/\"x\"\n",
                           .status = 404,
                           .latency_ms = 1.5};
    size_t size = bt_access_line_write(text, &line);
    text[size] = '\0';
    assert_string_equal(text, "{\"time\":\"2026-01-31T12:34:56.789Z\",\"id\":\"me\",\"method\":\"GET\","
                              "\"path\":\"/v2/\\\"x\\\"\\n\",\"status\":404,\"bytes_in\":0,\"bytes_out\":0,"
                              "\"latency_ms\":1.5}\n");
    snprintf(line.model, sizeof line.model, "hrnet");
    snprintf(line.mode, sizeof line.mode, "standard_fallback");
    snprintf(line.key, sizeof line.key, "alice");
    snprintf(line.error, sizeof line.error, "no");
    snprintf(line.trace_id, sizeof line.trace_id, "a");
    snprintf(line.span_id, sizeof line.span_id, "b");
    line.batch_size = 4;
    size = bt_access_line_write(text, &line);
    text[size] = '\0';
    says(text, "\"latency_ms\":1.5,\"model\":\"hrnet\",\"batch_size\":4,\"mode\":\"standard_fallback\","
               "\"key\":\"alice\",\"error\":\"no\",\"trace_id\":\"a\",\"span_id\":\"b\"}\n");
}

/* Each of whose bytes takes six in JSON. */
static void the_worst_line_is_one_line(void **state) {
    (void)state;
    char text[BT_ACCESS_LINE_MAX];
    bt_access_line line;
    memset(&line, 1, sizeof line);
    line.time[31] = line.id[BT_REQUEST_ID_SIZE - 1] = line.method[15] = line.path[191] = '\0';
    line.model[BT_NAME_SIZE - 1] = line.key[BT_NAME_SIZE - 1] = line.mode[23] = line.error[191] = '\0';
    line.trace_id[BT_TRACE_ID_SIZE - 1] = line.span_id[BT_SPAN_ID_SIZE - 1] = '\0';
    line.bytes_in = line.bytes_out = INT64_MAX;
    const size_t size = bt_access_line_write(text, &line);
    assert_true(size > 1);
    assert_ptr_equal(memchr(text, '\n', size), text + size - 1);
    json_t *json = bt_json_parse(text, size, &(json_error_t){.line = 0});
    assert_non_null(json);
    json_decref(json);
}

static void times_are_utc(void **state) {
    (void)state;
    char out[32];
    bt_access_time(out, 0);
    assert_string_equal(out, "1970-01-01T00:00:00.000Z");
    bt_access_time(out, 1769862896789999999);
    assert_string_equal(out, "2026-01-31T12:34:56.789Z");
}

static void ids_are_looked_at(void **state) {
    (void)state;
    char id[200];
    assert_true(bt_request_id_is_good("1"));
    assert_true(bt_request_id_is_good("0af76519-16cd-43dd-8448-eb211c80319c"));
    assert_true(bt_request_id_is_good("Root=1-67891233-abcdef012345678912345678"));
    snprintf(id, sizeof id, "%0128d", 0);
    assert_true(bt_request_id_is_good(id));
    snprintf(id, sizeof id, "%0129d", 0);
    assert_false(bt_request_id_is_good(id));
    assert_false(bt_request_id_is_good(""));
    assert_false(bt_request_id_is_good("a b"));
    assert_false(bt_request_id_is_good("a\r\nSet-Cookie: b"));
    assert_false(bt_request_id_is_good("\xc3\xbc"));
}

/* ---- the log ---- */

static bt_access_line numbered(int number) {
    bt_access_line line = {.status = number};
    return line;
}

static void add(bt_access_log *log, int first, int end) {
    for (int i = first; i < end; i++) {
        const bt_access_line line = numbered(i);
        bt_access_log_add(log, &line);
    }
}

/* Whether `path` has the lines of these numbers, in order, each a JSON object. */
static void has_lines(const char *path, int first, int end) {
    char *text;
    size_t size;
    bt_error error;
    must(bt_file_read(path, 1 << 24, &text, &size, &error), &error);
    const char *at = text;
    for (int i = first; i < end; i++) {
        const char *newline = strchr(at, '\n');
        assert_non_null(newline);
        json_t *json = bt_json_parse(at, (size_t)(newline - at), &(json_error_t){.line = 0});
        assert_int_equal(json_integer_value(json_object_get(json, "status")), i);
        json_decref(json);
        at = newline + 1;
    }
    assert_string_equal(at, "");
    free(text);
}

static void lines_are_appended_in_order(void **state) {
    (void)state;
    bt_access_log *log;
    bt_error error;
    for (int run = 0; run < 2; run++) {
        must(bt_access_log_open(&log, "log", &error), &error);
        add(log, run * 1000, run * 1000 + 1000);
        bt_access_log_close(&log);
    }
    has_lines("log", 0, 2000);
}

#define LOOKS 100000 /* minutes: what has not happened by then never does */

static void await_written(bt_access_log *log, int64_t count) {
    for (int looks = 0; bt_access_log_count(log).written < count; looks++) {
        if (looks == LOOKS) fail_msg("%lld lines are never written", (long long)count);
        bt_clock_sleep_until_ns(bt_clock_now_ns() + BT_NS_PER_MS);
    }
}

static void a_log_that_was_moved_away_is_opened_anew(void **state) {
    (void)state;
    bt_access_log *log;
    bt_error error;
    must(bt_access_log_open(&log, "moved", &error), &error);
    add(log, 0, 10);
    await_written(log, 10);
    assert_int_equal(rename("moved", "moved.1"), 0);
    add(log, 10, 20);
    await_written(log, 20);
    must(bt_access_log_reopen(log, &error), &error);
    add(log, 20, 30);
    bt_access_log_close(&log);
    has_lines("moved.1", 0, 20);
    has_lines("moved", 20, 30);
}

/* A pipe that nobody reads: lines wait, then are dropped and counted, and whoever adds them never waits. */
static void what_finds_no_room_is_dropped_and_counted(void **state) {
    (void)state;
    bt_access_log *log;
    bt_error error;
    assert_int_equal(mkfifo("pipe", 0600), 0);
    const int reader = open("pipe", O_RDONLY | O_NONBLOCK);
    assert_true(reader >= 0);
    assert_true(fcntl(reader, F_SETPIPE_SZ, 4096) >= 4096);
    must(bt_access_log_open(&log, "pipe", &error), &error);
    const int added = 2 * BT_ACCESS_LINES_MAX;
    add(log, 0, added);
    const bt_access_log_counts counts = bt_access_log_count(log);
    assert_true(counts.dropped > 0);
    assert_true(counts.dropped + counts.written <= added);
    bt_access_log_close(&log); /* ends, though nobody reads */
    char text[8192];
    const ssize_t size = read(reader, text, sizeof text);
    assert_true(size > 0);
    assert_int_equal(text[size - 1], '\n'); /* no line is torn */
    close(reader);
}

/* Of a reader that has gone away: told by the count, and by no signal. */
static void a_reader_that_goes_away_ends_nothing(void **state) {
    (void)state;
    bt_access_log *log;
    bt_error error;
    assert_int_equal(mkfifo("gone", 0600), 0);
    const int reader = open("gone", O_RDONLY | O_NONBLOCK);
    must(bt_access_log_open(&log, "gone", &error), &error);
    close(reader);
    add(log, 0, 3);
    for (int looks = 0; bt_access_log_count(log).dropped < 3 && looks < LOOKS; looks++)
        bt_clock_sleep_until_ns(bt_clock_now_ns() + BT_NS_PER_MS);
    assert_int_equal(bt_access_log_count(log).dropped, 3);
    bt_access_log_close(&log);
}

static void a_full_disk_tears_no_line(void **state) {
    (void)state;
    bt_access_log *log;
    bt_error error;
    if (access("/dev/full", W_OK) != 0) skip();
    must(bt_access_log_open(&log, "/dev/full", &error), &error);
    add(log, 0, 5);
    bt_access_log_close(&log);
}

static void nothing_stays_open(void **state) {
    (void)state;
    bt_access *access;
    bt_error error;
    bt_http_settings settings = settings_of("keys", "metrics-keys");
    put_keys("keys", "alice " ALICE "\n");
    put_keys("metrics-keys", "bob " BOB "\n");
    snprintf(settings.access_log, sizeof settings.access_log, "all");
    const int before = bt_scratch_open_files();
    must(bt_access_open(&access, &settings, NULL, &error), &error);
    assert_true(bt_access_logs(access));
    bt_access_reopen(access);
    bt_access_look(access);
    bt_access_close(&access);
    assert_int_equal(bt_scratch_open_files(), before);
}

static void numbers_do_not_repeat(void **state) {
    (void)state;
    bt_access *access;
    bt_error error;
    const bt_http_settings settings = settings_of("", "");
    must(bt_access_open(&access, &settings, NULL, &error), &error);
    uint64_t before = bt_access_number(access);
    for (int i = 0; i < 1000; i++) {
        const uint64_t number = bt_access_number(access);
        assert_true(number != before && number != 0);
        before = number;
    }
    bt_access_close(&access);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(keys_are_given_and_taken_back_while_it_serves),
        cmocka_unit_test(what_cannot_be_read_changes_nothing),
        cmocka_unit_test(who_may_write_keys_is_looked_at),
        cmocka_unit_test(absent_keys_are_told),
        cmocka_unit_test(each_path_has_its_keys),
        cmocka_unit_test(wrong_options_are_told_by_name),
        cmocka_unit_test(a_line_tells_what_it_knows),
        cmocka_unit_test(the_worst_line_is_one_line),
        cmocka_unit_test(times_are_utc),
        cmocka_unit_test(ids_are_looked_at),
        cmocka_unit_test(lines_are_appended_in_order),
        cmocka_unit_test(a_log_that_was_moved_away_is_opened_anew),
        cmocka_unit_test(what_finds_no_room_is_dropped_and_counted),
        cmocka_unit_test(a_reader_that_goes_away_ends_nothing),
        cmocka_unit_test(a_full_disk_tears_no_line),
        cmocka_unit_test(nothing_stays_open),
        cmocka_unit_test(numbers_do_not_repeat),
    };
    return cmocka_run_group_tests(tests, bt_scratch_enter, bt_scratch_leave);
}
