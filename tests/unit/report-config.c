/* Whether a config still fits here, and how that is told: everything but the reading of this machine is made
 * up. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "record/config-check.h"
#include "report-text.h"
#include "report/config.h"
#include "scratch.h"

static const char path[] = "config.json";
static bt_config_here here;

/* A config of one model that was measured here, today. */
static const char document[] =
    "{'schema_version': 1, 'generated_at': '2026-01-31T12:00:00Z', 'tool_version': '0.1.0', 'run_id': 'one',"
    " 'workload': 'production',"
    " 'machine': {'fingerprint': 'f', 'cpu': 'CPU A', 'cores': 8, 'memory_bytes': 8589934592,"
    "             'clock_policy': 'performance', 'gpu': '', 'gpu_memory_bytes': 0},"
    " 'subject': {'tool_version': '0.1.0', 'revision': 'abc', 'runtime': 'torch 2.15.0+cu132',"
    "             'runtime_detail': '', 'gpu_driver': ''},"
    " 'settings': {'p95_sla_ms': 100},"
    " 'configurations': {'hrnet': {'optimal_batch_size': 4, 'p95_latency_ms': 44, 'meets_sla': true,"
    "   'p95_sla_ms': 100, 'image_size': 128, 'machine_fingerprint': 'f', 'run_id': 'one',"
    "   'weights': {'source': 'demo'}, 'instances': [{'device': 'cpu', 'threads': 2}],"
    "   'points': [{'batch_size': 4, 'p95_ms': 44}, {'batch_size': 8, 'p95_ms': 88}]}}}";

static int set_up(void **state) {
    here = (bt_config_here){
        .machine = {.cpu = "CPU A", .cores = 8, .memory_bytes = 8LL << 30, .clock_policy = "performance"},
        .subject = {.tool_version = "0.1.0", .revision = "abc", .runtime = "torch 2.15.0"},
        .now = "2026-01-31T18:00:00Z",
    };
    return bt_scratch_enter(state);
}

static json_t *the_document(void) {
    char text[sizeof document];
    strcpy(text, document);
    for (char *at = text; *at; at++)
        if (*at == '\'') *at = '"';
    json_t *json = json_loads(text, 0, NULL);
    assert_non_null(json);
    return json;
}

static json_t *hrnet(json_t *json) {
    return json_object_get(json_object_get(json, "configurations"), "hrnet");
}

/* What is printed of `json` (released here), on `here`, in either form. The caller's. */
static char *printed(json_t *json, bool as_json) {
    text_stream stream;
    bt_config *config;
    bt_config_check *check;
    bt_error error = {BT_OK, ""};
    assert_int_equal(json_dump_file(json, path, 0), 0);
    json_decref(json);
    if (bt_config_load(&config, path, &error)) fail_msg("%s", error.message);
    assert_int_equal(bt_config_check_open(&check, config, &here, false, &error), BT_OK);
    FILE *out = text_stream_open(&stream);
    bt_status status = as_json ? bt_report_config_json(config, check, "c.json", out, &error)
                               : bt_report_config_table(config, check, "c.json", out, &error);
    assert_int_equal(status, BT_OK);
    bt_config_check_close(&check);
    bt_config_close(&config);
    return text_stream_close(&stream);
}

/* The table holds every one of the words, which NULL ends. White space counts once: lines wrap. */
static void expect_words(json_t *json, const char *const *words) {
    char *text = printed(json, false), *to = text;
    for (char *from = text; *from; from++)
        if (!strchr(" \n", *from) || (to > text && to[-1] != ' ')) *to++ = *from == '\n' ? ' ' : *from;
    *to = '\0';
    for (; *words; words++)
        if (!strstr(text, *words)) fail_msg("\"%s\" is not in: %s", *words, text);
    free(text);
}

#define SAYS(json, ...) expect_words(json, (const char *const[]){__VA_ARGS__, NULL})

static void all_is_well_on_the_day_and_the_machine(void **state) {
    (void)state;
    SAYS(the_document(), "today", "✓ this machine is the same", "✓ here it is the same", "✓ 100 ms",
         "demo, built in", "none: the figures hold for this machine");
}

static void another_machine_is_told_by_what_differs(void **state) {
    (void)state;
    here.machine.cores = 2;
    SAYS(the_document(), "✗ this machine differs: cores: 8, here 2", "tune again here");
}

static void another_libtorch_and_driver_are_told(void **state) {
    (void)state;
    strcpy(here.subject.runtime, "torch 2.16.0");
    strcpy(here.subject.gpu_driver, "580.1");
    SAYS(the_document(), "runtime: torch 2.15.0, here torch 2.16.0", "GPU driver: none, here 580.1",
         "The software is not the one that was measured");
}

static void another_revision_alone_asks_for_nothing(void **state) {
    (void)state;
    strcpy(here.subject.revision, "def");
    SAYS(the_document(), "revision: abc, here def", "none: the figures hold for this machine");
}

static void an_unknown_libtorch_is_not_called_the_same(void **state) {
    (void)state;
    here.subject.runtime[0] = '\0';
    SAYS(the_document(), "libtorch not checked");
}

static void old_figures_ask_to_be_taken_again(void **state) {
    (void)state;
    strcpy(here.now, "2026-05-01T12:00:00Z"); /* 90 days */
    SAYS(the_document(), "90 days ago", "none: the figures hold");
    strcpy(here.now, "2026-05-02T12:00:00Z");
    SAYS(the_document(), "91 days ago", "The figures are 91 days old: tune again");
    strcpy(here.now, "2026-02-01T12:00:00Z");
    SAYS(the_document(), "1 day ago");
    strcpy(here.now, "2026-01-30T12:00:00Z");
    SAYS(the_document(), "dated in the future", "check this machine's clock");
}

static void a_size_set_by_hand_is_marked(void **state) {
    (void)state;
    json_t *json = the_document();
    json_object_set_new(hrnet(json), "optimal_batch_size", json_integer(6));
    SAYS(json, "? 100 ms, unmeasured", "batch size 6 was never measured", "--models hrnet --batches 1,6");
    json = the_document();
    json_object_set_new(hrnet(json), "optimal_batch_size", json_integer(8));
    SAYS(json, "✓ 100 ms, set by hand", "88.0", "batch size 8 was set by hand");
}

static void a_promise_that_is_not_kept_says_what_could_be(void **state) {
    (void)state;
    json_t *json = the_document();
    json_object_set_new(hrnet(json), "meets_sla", json_false());
    json_object_set_new(hrnet(json), "reachable_sla_ms", json_real(120.34));
    SAYS(json, "✗ 100 ms", "was not shown to keep a P95 of 100 ms; it keeps 120.4 ms");
}

static void what_can_be_served_is_told(void **state) {
    (void)state;
    json_t *json = the_document();
    json_object_set_new(hrnet(json), "capacity_rps", json_real(5.131));
    json_object_set_new(hrnet(json), "recommended_rps", json_real(3.0786));
    json_object_set_new(hrnet(json), "predicted_p95_ms", json_real(214.43));
    SAYS(json,
         "capacity 5.13 requests/s within the SLA; recommended 3.08 (60 %), where P95 would be 214.4 ms "
         "(simulated)");
    json = the_document();
    json_object_set_new(hrnet(json), "capacity_rps", json_integer(0));
    json_object_set_new(hrnet(json), "recommended_rps", json_integer(0));
    SAYS(json, "capacity none: even a lone request");
}

static void a_precision_that_won_is_told_with_the_reason(void **state) {
    (void)state;
    json_t *json = the_document();
    json_object_set_new(hrnet(json), "precision", json_string("fp32"));
    json_object_set_new(hrnet(json), "precision_reason",
                        json_string("FP32 taken: BF16 runs at 0.61 of its speed here"));
    char *text = printed(json_incref(json), true);
    assert_non_null(strstr(text, "BF16 runs at 0.61"));
    free(text);
    SAYS(json, "128 × 128 px, fp32", "precision FP32 taken: BF16 runs at 0.61 of its speed here");
}

static void of_several_classes_their_number_is_told(void **state) {
    (void)state;
    json_t *json = the_document();
    json_object_set_new(hrnet(json), "classes", json_integer(3));
    SAYS(json, "128 × 128 px, 3 classes, ");
}

static void a_calibration_that_is_not_there_is_told(void **state) {
    (void)state;
    json_t *json = the_document();
    json_object_set_new(hrnet(json), "precision", json_string("int8"));
    json_object_set_new(hrnet(json), "calibration", json_string("ranges.json"));
    SAYS(json_incref(json), "calibration ranges.json, beside the config: ✗ it is not there, so tune again");
    bt_scratch_put(".", "ranges.json", "{}");
    SAYS(json, "calibration ranges.json, beside the config weights");
}

static void a_changed_promise_asks_to_tune_again(void **state) {
    (void)state;
    json_t *json = the_document();
    json_object_set_new(json_object_get(json, "settings"), "p95_sla_ms", json_integer(50));
    SAYS(json, "was tuned for a P95 of 100 ms, and the settings now say 50 ms",
         "not the defaults: p95_sla_ms 50 (default 100)");
}

static void settings_of_its_own_are_told_where_they_differ(void **state) {
    (void)state;
    json_t *json = the_document();
    json_object_set_new(json_object_get(json, "settings"), "p95_sla_ms", json_integer(600));
    json_object_set_new(hrnet(json), "settings", json_pack("{s:i}", "p95_sla_ms", 100));
    SAYS(json, "own settings p95_sla_ms 100 (the file's 600)", "✓ 100 ms",
         "none: the figures hold for this machine");
    json = the_document();
    json_object_set_new(hrnet(json), "settings", json_pack("{s:i}", "p95_sla_ms", 50));
    SAYS(json, "was tuned for a P95 of 100 ms, and the settings now say 50 ms");
}

static void a_provisional_size_is_called_so(void **state) {
    (void)state;
    json_t *json = the_document();
    json_object_set_new(hrnet(json), "meets_sla", json_false());
    json_object_set_new(hrnet(json), "provisional", json_true());
    json_object_set_new(hrnet(json), "reason", json_string("40 samples do not prove it"));
    SAYS(json, "? 100 ms, provisional", "provisional 40 samples do not prove it",
         "batch size 4 is provisional: it was shown neither to keep a P95 of 100 ms nor to break it; 40 "
         "samples "
         "do not prove it: tune it again with a longer --time-budget");
}

static void a_model_that_could_not_be_measured_is_told(void **state) {
    (void)state;
    json_t *json = the_document();
    json_object_clear(hrnet(json));
    json_object_set_new(hrnet(json), "optimal_batch_size", json_integer(1));
    json_object_set_new(hrnet(json), "unmeasurable", json_true());
    json_object_set_new(hrnet(json), "reason", json_string("batch 1: the worker died"));
    SAYS(json, "hrnet – – – – – – ✗ could not be measured", "unmeasured batch 1: the worker died",
         "hrnet: could not be measured, so no service takes it (batch 1: the worker died): tune it again");
}

static void a_simulation_among_measured_ones_is_called_one(void **state) {
    (void)state;
    json_t *json = the_document();
    json_object_set_new(hrnet(json), "workload", json_string("simulated"));
    SAYS(json, "figures of simulated", "hrnet: its figures are a simulation's");
}

static void an_entry_from_elsewhere_is_told(void **state) {
    (void)state;
    json_t *json = the_document();
    json_object_set_new(hrnet(json), "machine_fingerprint", json_string("e"));
    json_object_set_new(hrnet(json), "run_id", json_string("zero"));
    SAYS(json, "run zero: kept from before", "was measured on another machine than the rest of the file");
}

static void missing_weights_are_told(void **state) {
    (void)state;
    json_t *json = the_document();
    json_object_set_new(hrnet(json), "weights", json_pack("{s:s}", "path", "/nowhere/model.pth"));
    SAYS(json, "/nowhere/model.pth", "other weights than those that were measured");
}

/* The first and the last line, so that nobody takes it for a GPU's figures. */
static void a_demonstration_is_called_one_first_and_last(void **state) {
    (void)state;
    json_t *json = the_document();
    json_object_set_new(json, "workload", json_string("cpu-demo"));
    char *text = printed(json, false);
    const char *words = "CPU demonstration profile", *first = strstr(text, words);
    assert_ptr_equal(first, text);
    const char *last = strstr(first + 1, words);
    assert_non_null(last);
    assert_null(strstr(last, "advice"));
    free(text);
}

static void a_simulation_is_called_one(void **state) {
    (void)state;
    json_t *json = the_document();
    json_object_set_new(json, "workload", json_string("simulated"));
    SAYS(json, "The figures are a simulation's");
}

static void a_file_of_four_keys_says_what_it_does_not_know(void **state) {
    (void)state;
    SAYS(json_pack("{s:i, s:{s:{s:i}}}", "schema_version", 1, "configurations", "hrnet", "optimal_batch_size",
                   12),
         "the file does not say when", "the file does not say which; this one cannot be compared",
         "unmeasured");
}

static void no_line_is_wider_than_the_terminal(void **state) {
    (void)state;
    here.machine.cores = 2;
    strcpy(here.now, "2027-01-31T12:00:00Z");
    char *text = printed(the_document(), false);
    for (char *line = strtok(text, "\n"); line; line = strtok(NULL, "\n")) {
        int columns = 0;
        for (const char *at = line; *at; at++)
            columns += ((unsigned char)*at & 0xc0) != 0x80;
        if (columns > 100) fail_msg("%d columns: %s", columns, line);
    }
    free(text);
}

static void the_json_form_says_the_same(void **state) {
    (void)state;
    here.machine.cores = 2;
    char *text = printed(the_document(), true);
    json_t *json = json_loads(text, 0, NULL), *original = the_document();
    assert_non_null(json);
    const json_t *check = json_object_get(json, "check");
    assert_true(json_equal(json_object_get(json, "config"), original));
    assert_true(json_is_false(json_object_get(check, "machine_matches")));
    assert_true(json_is_true(json_object_get(check, "software_matches")));
    assert_int_equal(json_integer_value(json_object_get(check, "age_days")), 0);
    assert_int_equal(json_array_size(json_object_get(check, "advice")), 1);
    const json_t *model = json_object_get(json_object_get(check, "models"), "hrnet");
    assert_true(json_is_true(json_object_get(model, "measured")));
    assert_true(json_is_false(json_object_get(model, "provisional")));
    assert_true(json_is_false(json_object_get(model, "unmeasurable")));
    assert_true(json_number_value(json_object_get(model, "p95_sla_ms")) == 100);
    assert_string_equal(json_string_value(json_object_get(model, "settings_not_the_files")), "");
    json_decref(original);
    json_decref(json);
    free(text);
}

static void days_are_counted(void **state) {
    (void)state;
    assert_int_equal(bt_days_between("2024-02-28T00:00:00Z", "2024-03-01T00:00:00Z"), 2);
    assert_int_equal(bt_days_between("2026-01-01T00:00:01Z", "2026-01-02T00:00:00Z"), 0);
    assert_int_equal(bt_days_between("yesterday", "2026-01-02T00:00:00Z"), BT_AGE_UNKNOWN);
    assert_int_equal(bt_days_between("", ""), BT_AGE_UNKNOWN);
}

static void this_machine_is_compared_with_what_make_noted(void **state) {
    (void)state;
    FILE *stamp = fopen(path, "w");
    assert_non_null(stamp);
    fputs("2.15.0 .deps /somewhere/torch\n", stamp);
    assert_int_equal(fclose(stamp), 0);
    bt_config_here_read(&here, path);
    assert_string_equal(here.subject.runtime, "torch 2.15.0");
    assert_true(here.machine.cores >= 1 && *here.now && *here.subject.tool_version);
    bt_config_here_read(&here, "/nowhere/torch.stamp");
    assert_string_equal(here.subject.runtime, "");
}

#define HERE(test) cmocka_unit_test_setup_teardown(test, set_up, bt_scratch_leave)

int main(void) {
    const struct CMUnitTest tests[] = {
        HERE(all_is_well_on_the_day_and_the_machine),
        HERE(another_machine_is_told_by_what_differs),
        HERE(another_libtorch_and_driver_are_told),
        HERE(another_revision_alone_asks_for_nothing),
        HERE(an_unknown_libtorch_is_not_called_the_same),
        HERE(old_figures_ask_to_be_taken_again),
        HERE(a_size_set_by_hand_is_marked),
        HERE(a_promise_that_is_not_kept_says_what_could_be),
        HERE(what_can_be_served_is_told),
        HERE(a_precision_that_won_is_told_with_the_reason),
        HERE(of_several_classes_their_number_is_told),
        HERE(a_calibration_that_is_not_there_is_told),
        HERE(a_changed_promise_asks_to_tune_again),
        HERE(settings_of_its_own_are_told_where_they_differ),
        HERE(a_provisional_size_is_called_so),
        HERE(a_model_that_could_not_be_measured_is_told),
        HERE(a_simulation_among_measured_ones_is_called_one),
        HERE(an_entry_from_elsewhere_is_told),
        HERE(missing_weights_are_told),
        HERE(a_demonstration_is_called_one_first_and_last),
        HERE(a_simulation_is_called_one),
        HERE(a_file_of_four_keys_says_what_it_does_not_know),
        HERE(no_line_is_wider_than_the_terminal),
        HERE(the_json_form_says_the_same),
        HERE(days_are_counted),
        HERE(this_machine_is_compared_with_what_make_noted),
    };
    return cmocka_run_group_tests_name("report-config", tests, NULL, NULL);
}
