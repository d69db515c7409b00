/* What a report promises: every batch size with its numbers and its reason, the choice, how to repeat the
 * run; the same from a record that was read back; and nothing that looks like a number where none is
 * known. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <fcntl.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <time.h>
#include <unistd.h>

#include "base/random.h"
#include "base/terminal.h"
#include "base/text.h"
#include "fixture-record.h"
#include "report-text.h"
#include "report/layout.h"
#include "report/sweep-words.h"
#include "report/sweep.h"
#include "report/table.h"

#define WIDTH 100

typedef enum report_form { TABLE, CSV, MARKDOWN, HTML, FORMS } report_form;

/* The caller frees it. */
static char *written(const bt_record *record, report_form form) {
    text_stream stream;
    bt_error error;
    FILE *out = text_stream_open(&stream);
    bt_status status = form == TABLE  ? bt_sweep_report_table(record, out, &error)
                       : form == CSV  ? bt_sweep_report_csv(record, out, &error)
                       : form == HTML ? bt_sweep_report_html(record, NULL, out, &error)
                                      : bt_sweep_report_markdown(record, "../plots", out, &error);
    assert_int_equal(status, BT_OK);
    return text_stream_close(&stream);
}

/* All words of a text, one space between two, so that where a line breaks does not matter. A table's cell
 * that goes on below itself is put together by looking for its words in order. */
static void assert_words_in_order(const char *text, const char *words) {
    char copy[BT_TEXT_SIZE];
    const char *at = text;
    snprintf(copy, sizeof copy, "%s", words);
    for (char *rest, *word = strtok_r(copy, " ", &rest); word; word = strtok_r(NULL, " ", &rest)) {
        at = strstr(at, word);
        if (!at) fail_msg("\"%s\" of \"%s\" is missing", word, words);
        at += strlen(word);
    }
}

/* The forms for people, which is all but CSV, say every one of `phrases`, which NULL ends. */
static void assert_people_read(const bt_record *record, const char *const *phrases) {
    for (report_form form = TABLE; form < FORMS; form++) {
        if (form == CSV) continue;
        char *text = written(record, form);
        for (int i = 0; phrases[i]; i++)
            assert_words_in_order(text, phrases[i]);
        free(text);
    }
}
#define PEOPLE_READ(record, ...) assert_people_read(record, (const char *const[]){__VA_ARGS__, NULL})

static void test_every_point_stands_with_its_reason(void **state) {
    bt_record *record = *state;
    for (report_form form = TABLE; form < FORMS; form++) {
        char *text = written(record, form);
        for (int i = 0; i < record->model_count; i++) {
            const char *part = strstr(text, form == CSV ? record->models[i].model : record->models[i].title);
            assert_non_null(part);
            for (int p = 0; p < record->models[i].point_count; p++)
                assert_words_in_order(part, record->models[i].points[p].why);
        }
        free(text);
    }
}

static void test_a_loser_without_a_recorded_reason_still_gets_one(void **state) {
    bt_record *record = *state;
    bt_point *late = &record->models[0].points[6];
    assert_int_equal(late->outcome, BT_OUTCOME_OVER_SLA);
    late->why[0] = '\0';
    char *text = written(record, TABLE);
    assert_words_in_order(text, "P95 is shown to be over the SLA");
    free(text);
}

static void test_the_choice_the_winners_and_how_to_repeat_are_told(void **state) {
    bt_record *record = *state;
    PEOPLE_READ(record, "→ efficiency batch 2 throughput batch 8 latency batch 1",
                "largest batch memory would allow: FP32 5, BF16 15", "batching does not pay by efficiency",
                "together 813 MiB 922 MiB allowed: they fit", "hrnet: batch 4", "revision 5fa8ce6, seed 7",
                record->command);
}

/* What nothing is shown of is provisional, in every form; "chosen" is said of what is admissible alone. */
static void test_a_choice_without_proof_is_provisional(void **state) {
    bt_record *record = *state;
    bt_model_record *cbam = &record->models[1];
    for (int i = 0; i < cbam->point_count; i++)
        cbam->points[i].outcome = BT_OUTCOME_UNDECIDED;
    cbam->meets_sla = false;
    snprintf(cbam->reason, sizeof cbam->reason, "60 samples do not prove it");
    for (report_form form = TABLE; form < FORMS; form++) {
        char *text = written(record, form);
        if (form == CSV) {
            assert_non_null(strstr(text, ",chosen,provisional,"));
            assert_words_in_order(text, "hrnet 2,measured,1,0, cbam 1,undecided,0,1,");
        } else {
            assert_words_in_order(text, "→ chosen ⇢ provisional (not shown to keep the SLA)");
            assert_null(strstr(strstr(text, "⇢"), "→ chosen"));
            assert_words_in_order(text, "? no batch size is shown to keep the SLA");
        }
        free(text);
    }
    for (int i = 0; i < cbam->point_count; i++)
        cbam->points[i].outcome = BT_OUTCOME_OVER_SLA;
    assert_int_equal(bt_model_sla_state(cbam), BT_SLA_BROKEN);
    cbam->points[0].outcome = BT_OUTCOME_UNDECIDED; /* one in doubt: not shown of the model */
    assert_int_equal(bt_model_sla_state(cbam), BT_SLA_NOT_SHOWN);
    cbam->points[0].outcome = BT_OUTCOME_OVER_SLA;
    char *text = written(record, TABLE);
    assert_words_in_order(text, "⇢ provisional (it breaks the SLA least) ✗ broken: 60 samples");
    free(text);
    json_t *json;
    bt_error error;
    assert_int_equal(bt_record_to_json(record, &json, &error), BT_OK);
    const json_t *models = json_object_get(json, "models");
    static const char *const choices[] = {"chosen", "provisional"};
    for (size_t i = 0; i < 2; i++)
        assert_string_equal(json_string_value(json_object_get(json_array_get(models, i), "choice")),
                            choices[i]);
    json_decref(json);
}

static void test_a_model_that_was_not_measured_says_why(void **state) {
    (void)state;
    bt_record *record = fixture_record_of_nothing();
    snprintf(record->models[0].reason, sizeof record->models[0].reason, "the worker crashed (signal 11)");
    PEOPLE_READ(record, "no batch size was measured: the worker crashed (signal");
    free(written(record, CSV));
    bt_record_close(&record);
}

/* FP32 won on two instances of one thread; each precision is told once, on those cores where it ran on them. */
static void put_contenders(bt_model_record *model) {
    strcpy(model->precision_reason,
           "FP32 taken: BF16 runs at 0.61 of its speed here; INT8 would serve 2.90 times "
           "as many, IoU 0.996: --precision auto-int8");
    model->contender_count = 5;
    model->contenders[0] =
        (bt_contender){"fp32", true, 1, 2, 20, 50, 0.83, NAN, true, false, "other cores", .promise = NAN};
    model->contenders[1] = (bt_contender){"fp32", true, 2, 1, 33, 60, 1, NAN, true, true, "", .promise = NAN};
    model->contenders[2] =
        (bt_contender){"bf16", true, 1, 2, 40, 25, 0.5, 0.998, true, false, "half as fast", .promise = NAN};
    model->contenders[3] = (bt_contender){
        "bf16", true, 2, 1, 55, 36.6, 0.61, 0.998, true, false, "0.61 as fast", .promise = NAN};
    model->contenders[4] =
        (bt_contender){"int8", true, 1, 2, 6.9, 145, 2.9, 0.996, false, false, "only told", .promise = NAN};
}

static void test_a_precision_is_told_with_how_the_others_did(void **state) {
    bt_record *record = *state;
    put_contenders(&record->models[0]);
    PEOPLE_READ(record,
                "precision FP32 taken: BF16 runs at 0.61 of its speed here; INT8 would serve 2.90 times as "
                "many, IoU 0.996: --precision auto-int8");
    char *page = written(record, MARKDOWN), *rows = written(record, CSV);
    assert_words_in_order(page,
                          "Compared before the sweep FP32 | NHWC | 2 × 1 | 33.0 | 60.0 | 1.00 | – | taken |");
    assert_words_in_order(page, "BF16 | NHWC | 2 × 1 | 55.0 | 36.6 | 0.61 | 0.9980 | 0.61 as fast |");
    assert_words_in_order(page, "INT8 | NHWC | 1 × 2 | 6.90 | 145 | 2.90 | 0.9960 | only told |");
    assert_null(strstr(page, "half as fast")); /* on other cores than the one taken */
    assert_words_in_order(rows, "why,precision_reason FP32 taken: BF16 runs at 0.61");
    free(page);
    free(rows);
}

/* Cores alone are no contest of precisions. */
static void test_ways_of_one_precision_have_no_table(void **state) {
    bt_record *record = *state;
    bt_model_record *model = &record->models[0];
    put_contenders(model);
    model->precision_reason[0] = '\0';
    model->contender_count = 2;
    char *page = written(record, MARKDOWN);
    assert_null(strstr(page, "Compared before the sweep"));
    free(page);
}

static void test_a_division_that_was_not_measured_is_told_so(void **state) {
    bt_record *record = *state;
    bt_model_record *model = &record->models[0];
    model->instances = 1;
    model->division_count = 2;
    model->divisions[0] = (bt_division){1, 0, 20, 50, .promise = NAN};
    model->divisions[1] = (bt_division){2, 1, NAN, NAN, .promise = NAN};
    char *text = written(record, TABLE);
    assert_words_in_order(text,
                          "cores 1 instance of all threads 50.0 images/s (chosen); 2 instances of 1 thread "
                          "not measured, batches of one");
    free(text);
}

/* What it did is no other program's doing, nor ended by closing any. */
static void test_a_quota_is_told_with_what_it_did(void **state) {
    bt_record *record = *state;
    bt_model_record *model = &record->models[0];
    model->points[0].drifting = true;
    model->throttling = (bt_throttling){.quota_cpus = 1, .quota_periods = 693, .throttled_periods = 629};
    record->machine.cores = 1;
    record->machine.cpu_quota = 0.5;
    record->model_count = 1;
    for (report_form form = TABLE; form < FORMS; form++) {
        if (form == CSV) continue;
        char *text = written(record, form);
        assert_words_in_order(text, "the CPU quota of 1 throttled 629 of 693 periods");
        assert_words_in_order(text, "a higher quota, or fewer --threads");
        assert_words_in_order(text, "1 core (CPU quota 0.5)");
        assert_null(strstr(text, "close other"));
        free(text);
    }
    model->throttling.throttled_periods = 7; /* too few to show in figures: told, and no warning */
    char *text = written(record, TABLE);
    assert_words_in_order(text, "cores the CPU quota of 1 throttled 7 of 693 periods");
    assert_null(strstr(text, "a higher quota"));
    free(text);
    record->model_count = 2;
}

static void test_a_cpu_demonstration_says_so_first_and_last(void **state) {
    bt_record *record = *state;
    char *text = written(record, TABLE);
    static const char notice[] = "CPU demonstration profile", end[] = "at the image size that you serve.\n";
    assert_int_equal(strncmp(text, notice, strlen(notice)), 0);
    assert_string_equal(text + strlen(text) - strlen(end), end);
    free(text);
    snprintf(record->workload, sizeof record->workload, "production");
    text = written(record, TABLE);
    assert_null(strstr(text, notice));
    free(text);
}

static void test_what_can_be_served_is_told(void **state) {
    bt_record *record = *state;
    for (report_form form = TABLE; form < FORMS; form++) {
        char *text = written(record, form);
        if (form == CSV) {
            assert_non_null(strstr(text, ",capacity_rps,recommended_rps,predicted_p95_ms,"));
            assert_words_in_order(text, "hrnet 2,measured,1 17.52,10.512,163.3,");
        } else {
            assert_words_in_order(text, "capacity 17.5 requests/s within the SLA; recommended 10.5 (60 %), "
                                        "where P95 would be 163.3 ms (simulated)");
            assert_words_in_order(text, "capacity 5.13 requests/s within the SLA; recommended 3.08 (60 %), "
                                        "where P95 would be 214.4 ms (simulated)");
        }
        free(text);
    }
}

static void test_a_rate_that_is_not_held_is_told(void **state) {
    bt_record *record = *state;
    bt_model_record *model = &record->models[0];
    char words[BT_WORDS_SIZE];
    assert_true(model->meets_sla);
    model->rate_rps = 5000;
    bt_words_warnings(model, words);
    if (strncmp(words, "✗ 5000 requests/s are not held", 30) != 0) fail_msg("%s", words);
    model->rate_held = true;
    bt_words_warnings(model, words);
    assert_null(strstr(words, "requests/s"));
}

static void test_no_capacity_is_told_and_an_unknown_one_is_not(void **state) {
    bt_record *record = *state;
    bt_model_record *hrnet = &record->models[0], *cbam = &record->models[1];
    hrnet->capacity_rps = hrnet->recommended_rps = 0;
    hrnet->predicted_p95_ms = cbam->capacity_rps = cbam->recommended_rps = cbam->predicted_p95_ms = NAN;
    char *text = written(record, TABLE);
    assert_words_in_order(text,
                          "capacity none: even a lone request, with its wait for others, would miss the "
                          "SLA (simulated); a shorter --max-queue-delay-ms");
    assert_null(strstr(text, "requests/s"));
    free(text);
}

/* Where the first image takes less than each further one, the line begins below zero; nobody serves no
 * images. */
static void test_memory_is_told_from_a_batch_of_one_on(void **state) {
    bt_record *record = *state;
    record->models[0].production_memory.base_mb = -414;
    record->models[0].production_memory.per_image_mb = 1892;
    for (report_form form = TABLE; form < FORMS; form++) {
        char *text = written(record, form);
        if (strstr(text, "-414")) fail_msg("memory of no images is told:\n%s", text);
        free(text);
    }
    char words[BT_WORDS_SIZE];
    bt_words_memory(record, &record->models[0], words);
    assert_non_null(strstr(words, "; a batch of one takes 1478 MiB, each further image 1892 more; "));
}

static void assert_no_number_is_made_up(const char *text) {
    static const char *const never[] = {"nan", "NaN", "inf ", "Infinity", "(null)", "-nan"};
    for (size_t i = 0; i < sizeof never / sizeof never[0]; i++)
        if (strstr(text, never[i])) fail_msg("\"%s\" is printed:\n%s", never[i], text);
}

static void test_what_is_unknown_is_a_dash(void **state) {
    (void)state;
    bt_record *records[] = {fixture_record(), fixture_record_of_nothing()};
    records[0]->models[1].standard_median_ms = records[0]->models[1].full_size_ms = NAN;
    records[0]->models[1].production_memory.base_mb = NAN;
    records[0]->models[1].points[0].p95_ms = INFINITY;
    for (int i = 0; i < 2; i++) {
        for (report_form form = TABLE; form < FORMS; form++) {
            char *text = written(records[i], form);
            assert_no_number_is_made_up(text);
            if (form != CSV) assert_non_null(strstr(text, "–"));
            free(text);
        }
        bt_record_close(&records[i]);
    }
}

static void test_the_table_fits_a_terminal_of_100_columns(void **state) {
    bt_record *record = *state;
    memset(record->command, 'x', 300);
    snprintf(record->models[0].points[2].why, BT_TEXT_SIZE, "%0200d", 7);
    char *text = written(record, TABLE);
    for (char *rest, *line = strtok_r(text, "\n", &rest); line; line = strtok_r(NULL, "\n", &rest)) {
        assert_true(bt_layout_width(line) <= WIDTH);
        if (line[0]) assert_int_not_equal(line[strlen(line) - 1], ' ');
    }
    free(text);
}

static int below(bt_random *random, int bound) {
    return (int)bt_random_below(random, (uint64_t)bound);
}

/* Words of one to `longest` characters, a third of them two columns wide. */
static void random_words(bt_random *random, int longest, char *out, size_t size) {
    static const char *const letters[] = {"a", "é", "網", "w", "→", "e\u0301"};
    int words = below(random, 6);
    out[0] = '\0';
    for (int word = 0; word < words; word++) {
        int letters_left = 1 + below(random, longest);
        for (; letters_left > 0 && strlen(out) + 8 < size; letters_left--)
            strcat(out, letters[below(random, 6)]);
        if (strlen(out) + 8 < size) strcat(out, " ");
    }
}

/* Every word of a text, in its order, however lines break it. */
static void assert_letters_in_order(const char *text, const char *words) {
    char letter[8];
    for (const char *at = words; *at;) {
        size_t bytes = 1;
        while (((unsigned char)at[bytes] & 0xC0) == 0x80)
            bytes++;
        snprintf(letter, sizeof letter, "%.*s", (int)bytes, at);
        if (*at != ' ') {
            text = strstr(text, letter);
            if (!text) fail_msg("\"%s\" of \"%s\" is missing", at, words);
            text += bytes;
        }
        at += bytes;
    }
}

static void test_a_table_is_never_wider_than_asked_for(void **state) {
    (void)state;
    static const int usual[] = {80, 100, 120};
    uint64_t seed = (uint64_t)time(NULL);
    const char *given = getenv("BATCHTUNE_SEED");
    if (given) seed = strtoull(given, NULL, 10);
    print_message("BATCHTUNE_SEED=%llu repeats this\n", (unsigned long long)seed);
    bt_random random = bt_random_stream(seed, "tables");
    for (int round = 0; round < 600; round++) {
        bt_column columns[14];
        char names[14][200], last[400] = "";
        int count = 1 + below(&random, 14), rows = below(&random, 5);
        int width = round % 2 ? usual[below(&random, 3)] : 20 + below(&random, 200);
        int margin = below(&random, 4);
        text_stream stream;
        bt_table *table;
        bt_error error;
        for (int i = 0; i < count; i++) {
            random_words(&random, 12, names[i], 60);
            columns[i] = (bt_column){names[i], below(&random, 2) == 0};
        }
        assert_int_equal(bt_table_open(&table, columns, count, &error), BT_OK);
        for (int cell = 0; cell < rows * count; cell++) {
            random_words(&random, 1 + below(&random, 40), last, sizeof last);
            if (columns[cell % count].number)
                bt_table_number(table, bt_random_uniform(&random) * 1e4, below(&random, 4));
            else
                bt_table_text(table, "%s", last);
        }
        assert_int_equal(bt_table_write_text(table, margin, width, text_stream_open(&stream), &error), BT_OK);
        char *text = text_stream_close(&stream);
        if (rows > 0 && count == 1 && !columns[0].number) assert_letters_in_order(text, last);
        for (char *rest, *line = strtok_r(text, "\n", &rest); line; line = strtok_r(NULL, "\n", &rest))
            if (bt_layout_width(line) > width)
                fail_msg("round %d: %d columns of %d: %s", round, bt_layout_width(line), width, line);
        bt_table_close(&table);
        free(text);
    }
}

static void test_columns_that_find_no_room_go_on_below_the_first(void **state) {
    (void)state;
    static const bt_column columns[] = {{"size", true}, {"milliseconds", true}, {"why", false}};
    text_stream stream;
    bt_table *table;
    bt_error error;
    assert_int_equal(bt_table_open(&table, columns, 3, &error), BT_OK);
    bt_table_text(table, "8");
    bt_table_text(table, "1.5");
    bt_table_text(table, "two words");
    assert_int_equal(bt_table_write_text(table, 0, 20, text_stream_open(&stream), &error), BT_OK);
    char *text = text_stream_close(&stream);
    assert_string_equal(text, "size  milliseconds\n────  ────────────\n   8           1.5\n\n"
                              "size  why\n────  ─────────\n   8  two words\n");
    free(text);
    bt_table_close(&table);
}

/* A terminal of its own, of so many columns (0: it does not say). */
static int columns_on_a_terminal(unsigned short columns) {
    struct winsize window = {.ws_row = 40, .ws_col = columns};
    int master = posix_openpt(O_RDWR | O_NOCTTY), found;
    assert_true(master >= 0);
    assert_int_equal(grantpt(master) | unlockpt(master), 0);
    FILE *out = fopen(ptsname(master), "w");
    assert_non_null(out);
    assert_int_equal(ioctl(fileno(out), TIOCSWINSZ, &window), 0);
    found = bt_terminal_columns(out);
    fclose(out);
    close(master);
    return found;
}

static void test_the_terminal_says_how_wide_it_is(void **state) {
    (void)state;
    char *text = NULL;
    size_t size;
    unsetenv("COLUMNS");
    assert_int_equal(columns_on_a_terminal(80), 80);
    assert_int_equal(columns_on_a_terminal(132), 132);
    assert_int_equal(columns_on_a_terminal(0), 100);
    assert_int_equal(columns_on_a_terminal(1), 20);
    setenv("COLUMNS", "90", 1);
    assert_int_equal(columns_on_a_terminal(0), 90);
    assert_int_equal(columns_on_a_terminal(80), 80);
    setenv("COLUMNS", "none", 1);
    assert_int_equal(columns_on_a_terminal(0), 100);
    setenv("COLUMNS", "60", 1); /* of what has a descriptor, which this has not */
    FILE *out = open_memstream(&text, &size);
    assert_int_equal(bt_terminal_columns(out), 100);
    fclose(out);
    free(text);
    unsetenv("COLUMNS");
}

static void test_a_bound_that_is_not_there_is_explained(void **state) {
    static const char words[] = "bound –: P95 has no upper bound yet";
    bt_record *record = *state;
    for (int i = 0; i < record->models[0].point_count; i++)
        if (isfinite(record->models[0].points[i].p95_ms)) record->models[0].points[i].p95_upper_ms = 1;
    bt_model_record *second = &record->models[1];
    for (int i = 0; i < second->point_count; i++)
        second->points[i].p95_upper_ms = isfinite(second->points[i].p95_ms) ? 1 : NAN;
    char *text = written(record, TABLE);
    assert_null(strstr(text, words));
    free(text);
    second->points[1].p95_upper_ms = NAN;
    second->points[1].sample_count = 17;
    PEOPLE_READ(record, words, "at least 59 samples, more where late ones come in spells (at most 17 here)");
}

/* A reader of RFC 4180 made for this test: the next field of a row. */
static const char *next_field(const char *at, char *out, size_t size) {
    size_t used = 0;
    bool quoted = *at == '"';
    if (quoted) at++;
    while (*at && (quoted || (*at != ',' && *at != '\n'))) {
        if (quoted && *at == '"') {
            if (at[1] != '"') break;
            at++;
        }
        if (used + 1 < size) out[used++] = *at;
        at++;
    }
    if (quoted && *at == '"') at++;
    out[used] = '\0';
    return at;
}

static void test_csv_reads_back_to_the_same_points(void **state) {
    bt_record *record = *state;
    snprintf(record->models[0].points[0].why, BT_TEXT_SIZE, "a \"quoted\", comma'd reason");
    char *text = written(record, CSV), header[64][64], field[BT_TEXT_SIZE];
    int columns = 0;
    const char *at = text;
    do {
        at = next_field(at, header[columns++], sizeof header[0]);
    } while (*at++ == ',');
    for (int i = 0; i < record->model_count; i++) {
        for (int p = 0; p < record->models[i].point_count; p++) {
            const bt_point *point = &record->models[i].points[p];
            for (int column = 0; column < columns; column++) {
                at = next_field(at, field, sizeof field);
                assert_int_equal(*at++, column + 1 < columns ? ',' : '\n');
                if (strcmp(header[column], "model") == 0) assert_string_equal(field, record->models[i].model);
                if (strcmp(header[column], "batch_size") == 0)
                    assert_int_equal(atoi(field), point->batch_size);
                if (strcmp(header[column], "outcome") == 0)
                    assert_string_equal(field, bt_outcome_name(point->outcome));
                if (strcmp(header[column], "why") == 0) assert_string_equal(field, point->why);
                if (strcmp(header[column], "p95_ms") != 0) continue;
                if (isnan(point->p95_ms))
                    assert_string_equal(field, "");
                else
                    assert_true(fabs(bt_text_read_number(field, NULL) / point->p95_ms - 1) < 1e-8);
            }
        }
    }
    assert_int_equal(*at, '\0');
    free(text);
}

static void test_a_record_that_was_read_back_prints_the_same(void **state) {
    (void)state;
    char path[] = P_tmpdir "/bt-report-XXXXXX.json";
    int file = mkstemps(path, 5);
    assert_true(file >= 0);
    close(file);
    bt_error error;
    bt_record *record = fixture_record(), *again = NULL;
    assert_int_equal(bt_record_save(record, path, &error), BT_OK);
    assert_int_equal(bt_record_load(&again, path, &error), BT_OK);
    unlink(path);
    for (report_form form = TABLE; form < FORMS; form++) {
        char *first = written(record, form), *second = written(again, form);
        assert_string_equal(first, second);
        free(first);
        free(second);
    }
    bt_record_close(&record);
    bt_record_close(&again);
}

static void test_markdown_escapes_what_users_name(void **state) {
    bt_record *record = *state;
    snprintf(record->models[0].title, BT_NAME_SIZE, "a|b <img> *c* [d](e) _f_ g_h");
    char *text = written(record, MARKDOWN);
    assert_non_null(strstr(text, "a\\|b \\<img> \\*c\\* \\[d\\](e) \\_f\\_ g_h"));
    assert_non_null(strstr(text, "](<../plots/hrnet-latency.svg>)"));
    free(text);
}

static void test_the_page_is_whole_in_itself(void **state) {
    static const char *const never[] = {"src=\"", "href=\"", "@import", "<script", "<link"};
    bt_record *record = *state;
    char *text = written(record, HTML);
    assert_int_equal(strncmp(text, "<!DOCTYPE html>", 15), 0);
    assert_non_null(strstr(text, "name=\"viewport\""));
    assert_non_null(strstr(text, "<td class=\"number\" data-column=\"P95 ms\">"));
    for (size_t i = 0; i < sizeof never / sizeof never[0]; i++)
        if (strstr(text, never[i])) fail_msg("\"%s\" is in the page", never[i]);
    free(text);
}

static void test_code_looks_like_code_in_every_report(void **state) {
    bt_record *record = *state;
    snprintf(record->models[0].advice, BT_TEXT_SIZE, "first `make <all> *now*`, then wait");
    snprintf(record->models[0].points[0].why, BT_TEXT_SIZE, "see `make`; a lone ` is none, `` nor these");
    char *text = written(record, HTML);
    assert_null(strchr(text, '`'));
    assert_non_null(strstr(text, "first <code>make &lt;all&gt; *now*</code>, then wait"));
    assert_non_null(strstr(text, "see <code>make</code>; a lone"));
    free(text);
    text = written(record, MARKDOWN);
    assert_non_null(strstr(text, "first `make <all> *now*`, then wait"));
    free(text);
}

/* A browser breaks lines after hyphens, and an option that is copied from two lines has a blank in it. */
static void test_the_page_breaks_no_option(void **state) {
    bt_record *record = *state;
    snprintf(record->models[0].advice, BT_TEXT_SIZE,
             "a shorter --max-queue-delay-ms, or `tune --seed 7`; but a--b, -- and ---c are none");
    char *text = written(record, HTML);
    assert_non_null(strstr(text, "a shorter <code class=\"option\">--max-queue-delay-ms</code>, or "
                                 "<code>tune <span class=\"option\">--seed</span> 7</code>; but a--b, -- and "
                                 "---c are none"));
    assert_non_null(strstr(text, ".option{white-space:nowrap}"));
    free(text);
}

static void test_text_is_cleaned_and_measured_in_columns(void **state) {
    (void)state;
    char out[16];
    bt_layout_clean("  a\t\nb\x1b[31m\xff é  ", out, sizeof out);
    assert_string_equal(out, "a b [31m? é");
    bt_layout_clean("0123456789abcdefgh", out, sizeof out);
    assert_string_equal(out, "0123456789ab…");
    assert_int_equal(bt_layout_width("é→e\u0301網"), 5);
    assert_int_equal(bt_layout_line_bytes("one two three", 8), 7);
    assert_int_equal(bt_layout_line_bytes("onetwothree", 4), 4);
}

static void test_a_row_that_is_not_full_is_refused(void **state) {
    (void)state;
    static const bt_column columns[] = {{"a", false}, {"b", true}};
    bt_table *table;
    bt_error error;
    assert_int_equal(bt_table_open(&table, columns, 2, &error), BT_OK);
    bt_table_text(table, "x");
    assert_int_equal(bt_table_write_csv(table, stdout, &error), BT_INVALID);
    bt_table_close(&table);
    assert_null(table);
}

/* A test of a record that it may change. */
#define WITH_RECORD(test)                                                                                    \
    cmocka_unit_test_setup_teardown(test, fixture_record_set_up, fixture_record_tear_down)

int main(void) {
    const struct CMUnitTest tests[] = {
        WITH_RECORD(test_every_point_stands_with_its_reason),
        WITH_RECORD(test_a_loser_without_a_recorded_reason_still_gets_one),
        WITH_RECORD(test_the_choice_the_winners_and_how_to_repeat_are_told),
        WITH_RECORD(test_a_choice_without_proof_is_provisional),
        cmocka_unit_test(test_a_model_that_was_not_measured_says_why),
        WITH_RECORD(test_a_precision_is_told_with_how_the_others_did),
        WITH_RECORD(test_ways_of_one_precision_have_no_table),
        WITH_RECORD(test_a_division_that_was_not_measured_is_told_so),
        WITH_RECORD(test_a_quota_is_told_with_what_it_did),
        WITH_RECORD(test_a_cpu_demonstration_says_so_first_and_last),
        WITH_RECORD(test_what_can_be_served_is_told),
        WITH_RECORD(test_a_rate_that_is_not_held_is_told),
        WITH_RECORD(test_no_capacity_is_told_and_an_unknown_one_is_not),
        WITH_RECORD(test_memory_is_told_from_a_batch_of_one_on),
        cmocka_unit_test(test_what_is_unknown_is_a_dash),
        WITH_RECORD(test_the_table_fits_a_terminal_of_100_columns),
        cmocka_unit_test(test_a_table_is_never_wider_than_asked_for),
        cmocka_unit_test(test_columns_that_find_no_room_go_on_below_the_first),
        cmocka_unit_test(test_the_terminal_says_how_wide_it_is),
        WITH_RECORD(test_a_bound_that_is_not_there_is_explained),
        WITH_RECORD(test_csv_reads_back_to_the_same_points),
        cmocka_unit_test(test_a_record_that_was_read_back_prints_the_same),
        WITH_RECORD(test_markdown_escapes_what_users_name),
        WITH_RECORD(test_the_page_is_whole_in_itself),
        WITH_RECORD(test_code_looks_like_code_in_every_report),
        WITH_RECORD(test_the_page_breaks_no_option),
        cmocka_unit_test(test_text_is_cleaned_and_measured_in_columns),
        cmocka_unit_test(test_a_row_that_is_not_full_is_refused),
    };
    return cmocka_run_group_tests_name("report: the sweep's table, CSV and Markdown", tests, NULL, NULL);
}
