/* One table describes every option: what it promises about flags, JSON, pairs, messages and help. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
/* cmocka wants the four above first */
#include <cmocka.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "base/json.h"
#include "base/options.h"
#include "base/random.h"
#include "expect.h"
#include "settings/tuning.h"

typedef struct values {
    bool use_amp, resume;
    int64_t seed, threads, budget_ns, limit_ns;
    double p95_sla_ms, memory_reserve_percent;
    int objective;
    char device[BT_OPTION_TEXT_SIZE], output[BT_OPTION_TEXT_SIZE];
    bt_names models, tags;
    bt_sizes batches;
} values;

#define VALUE(field) .offset = offsetof(values, field)

static const bt_option table[] = {
    {.name = "p95_sla_ms",
     .type = BT_OPTION_NUMBER,
     VALUE(p95_sla_ms),
     .initial = "100",
     .minimum = 0,
     .maximum = 3.6e6,
     .above_minimum = true,
     .placeholder = "MS",
     .group = "Goal",
     .help = "The promise."},
    {.name = "memory_reserve_percent",
     .type = BT_OPTION_NUMBER,
     VALUE(memory_reserve_percent),
     .initial = "10",
     .minimum = 0,
     .maximum = 100,
     .placeholder = "PERCENT",
     .group = "Goal",
     .help = "Stays free."},
    {.name = "objective",
     .type = BT_OPTION_CHOICE,
     VALUE(objective),
     .initial = "efficiency",
     .choices = "efficiency|throughput|latency",
     .group = "Goal",
     .help = "What is best."},
    {.name = "models",
     .type = BT_OPTION_NAMES,
     VALUE(models),
     .initial = "hrnet,cbam_resunet",
     .placeholder = "NAME,...",
     .group = "Search",
     .help = "Which."},
    {.name = "tags",
     .type = BT_OPTION_NAMES,
     VALUE(tags),
     .placeholder = "NAME,...",
     .group = "Search",
     .help = "Free words."},
    {.name = "batches",
     .type = BT_OPTION_SIZES,
     VALUE(batches),
     .initial = "auto",
     .placeholder = "auto|N,...",
     .group = "Search",
     .help = "Sizes."},
    {.name = "use_amp",
     .type = BT_OPTION_SWITCH,
     VALUE(use_amp),
     .initial = "true",
     .group = "Search",
     .help = "Mixed precision."},
    {.name = "seed",
     .type = BT_OPTION_INTEGER,
     VALUE(seed),
     .initial = "1",
     .minimum = 0,
     .maximum = 9007199254740992.0,
     .placeholder = "N",
     .group = "Search",
     .help = "Of the order."},
    {.name = "threads",
     .type = BT_OPTION_INTEGER,
     VALUE(threads),
     .minimum = 1,
     .maximum = 64,
     .placeholder = "N",
     .group = "Search",
     .help = "May be left open."},
    {.name = "time_budget",
     .type = BT_OPTION_DURATION,
     VALUE(budget_ns),
     .initial = "180s",
     .minimum = 0,
     .maximum = 86400,
     .above_minimum = true,
     .placeholder = "TIME",
     .group = "Search",
     .help = "At most."},
    {.name = "limit",
     .type = BT_OPTION_DURATION,
     VALUE(limit_ns),
     .placeholder = "TIME",
     .group = "Search",
     .help = "Without bounds."},
    {.name = "device",
     .type = BT_OPTION_TEXT,
     VALUE(device),
     .initial = "auto",
     .placeholder = "DEVICE",
     .group = "Search",
     .help = "Where."},
    {.name = "resume",
     .type = BT_OPTION_SWITCH,
     .scope = BT_SCOPE_ONCE,
     VALUE(resume),
     .group = "Run",
     .help = "Go on."},
    {.name = "output",
     .type = BT_OPTION_TEXT,
     .scope = BT_SCOPE_COMMAND,
     VALUE(output),
     .placeholder = "FILE",
     .group = "Run",
     .help = "Whereto."},
};
#define COUNT (sizeof table / sizeof table[0])

typedef struct parsed {
    values values;
    bt_option_sources sources;
    const char *operands[2];
    int operand_count;
    bt_options_request request;
    bt_error error;
    bt_status status;
} parsed;

/* "--seed 3|--use-amp" is the command line of three arguments; "" is none. */
static void parse_onto(parsed *got, const char *line) {
    char copy[4096];
    char *argv[32] = {(char *)"program"};
    int argc = 1;
    snprintf(copy, sizeof copy, "%s", line);
    char *rest = copy;
    while (*line && rest)
        argv[argc++] = strsep(&rest, " ");
    for (int i = 1; i < argc; i++)
        if (strcmp(argv[i], "''") == 0) argv[i] = (char *)"";
    memset(got->operands, 0, sizeof got->operands);
    got->error = (bt_error){BT_OK, ""};
    got->status = bt_options_parse(table, COUNT, argc, argv, &got->values, &got->sources, got->operands, 2,
                                   &got->operand_count, &got->request, &got->error);
    for (int i = 0; i < got->operand_count; i++) /* `copy` is about to go */
        for (int j = 1; j < argc; j++)
            if (got->operands[i] == argv[j]) got->operands[i] = strchr(line, *argv[j]);
}

static parsed parse(const char *line) {
    parsed got;
    memset(&got, 0, sizeof got);
    bt_options_default(table, COUNT, &got.values, &got.sources);
    parse_onto(&got, line);
    return got;
}

static parsed parse_well(const char *line) {
    parsed got = parse(line);
    if (got.status) fail_msg("%s: %s", line, got.error.message);
    return got;
}

static int index_of(const char *name) {
    int index = bt_options_find(table, COUNT, name);
    if (index < 0) fail_msg("no option %s", name);
    return index;
}

static const char *text_of(const values *of, const char *name) {
    static char text[1100];
    bt_option_text(&table[index_of(name)], of, text, sizeof text);
    return text;
}

/* ---- reading flags ---- */

static void every_default_is_set(void **state) {
    (void)state;
    values got;
    bt_option_sources sources;
    memset(&got, 0xA5, sizeof got);
    bt_options_default(table, COUNT, &got, &sources);
    assert_true(got.p95_sla_ms == 100 && got.memory_reserve_percent == 10);
    assert_int_equal(got.objective, 0);
    assert_int_equal(got.models.count, 2);
    assert_string_equal(got.models.names[1], "cbam_resunet");
    assert_int_equal(got.tags.count, 0);
    assert_int_equal(got.batches.count, 0);
    assert_true(got.use_amp);
    assert_false(got.resume);
    assert_int_equal(got.seed, 1);
    assert_int_equal(got.threads, 0);
    assert_int_equal(got.budget_ns, 180000000000);
    assert_int_equal(got.limit_ns, 0);
    assert_string_equal(got.device, "auto");
    assert_string_equal(got.output, "");
    for (size_t i = 0; i < COUNT; i++)
        assert_int_equal(sources.of[i], BT_SOURCE_DEFAULT);
}

/* What is typed, and how the value reads when given back. */
static const struct {
    const char *line, *name, *text;
} good[] = {
    {"--p95-sla-ms 33.3", "p95_sla_ms", "33.3"},
    {"--p95-sla-ms=33.3", "p95_sla_ms", "33.3"},
    {"--p95-sla-ms 1e2", "p95_sla_ms", "100"},
    {"--p95-sla-ms .5", "p95_sla_ms", "0.5"},
    {"--p95-sla-ms 0.1", "p95_sla_ms", "0.1"},
    {"--memory-reserve-percent 0", "memory_reserve_percent", "0"},
    {"--memory-reserve-percent 100", "memory_reserve_percent", "100"},
    {"--objective latency", "objective", "latency"},
    {"--models hrnet", "models", "hrnet"},
    {"--models b,a,b", "models", "b,a"},
    {"--tags ''", "tags", ""},
    {"--batches auto", "batches", "auto"},
    {"--batches 8,1,4,1,8", "batches", "1,4,8"},
    {"--batches 65536", "batches", "65536"},
    {"--use-amp", "use_amp", "true"},
    {"--no-use-amp", "use_amp", "false"},
    {"--use-amp=false", "use_amp", "false"},
    {"--no-use-amp --use-amp", "use_amp", "true"},
    {"--resume", "resume", "true"},
    {"--seed 9007199254740992", "seed", "9007199254740992"},
    {"--seed 2 --seed 3", "seed", "3"},
    {"--threads 64", "threads", "64"},
    {"", "threads", ""},
    {"--time-budget 90", "time_budget", "90s"},
    {"--time-budget 1.5m", "time_budget", "90s"},
    {"--time-budget 1h", "time_budget", "3600s"},
    {"--time-budget 250ms", "time_budget", "250ms"},
    {"--time-budget 0.5s", "time_budget", "500ms"},
    {"--limit 9000000000001ms", "limit", "9000000000001ms"},
    {"--limit 9007199254740993ns", "limit", "9007199254740993ns"}, /* a double would lose the last digit */
    {"--limit -3us", "limit", "-3us"},
    {"--device cuda:1", "device", "cuda:1"},
    {"--output=--odd", "output", "--odd"},
    {"--output=", "output", ""},
    {"--output a=b", "output", "a=b"},
};

static void good_values_read_and_show(void **state) {
    (void)state;
    for (size_t i = 0; i < sizeof good / sizeof good[0]; i++) {
        parsed got = parse_well(good[i].line);
        if (strcmp(text_of(&got.values, good[i].name), good[i].text) != 0)
            fail_msg("%s reads as \"%s\", not \"%s\"", good[i].line, text_of(&got.values, good[i].name),
                     good[i].text);
    }
}

/* Bad input gets one line that names the flag, the value and what would be right. */
static const refusal bad[] = {
    {"--p95-sla-ms 0", "--p95-sla-ms: \"0\" is not above 0 (milliseconds, e.g. 100)"},
    {"--p95-sla-ms -1", "--p95-sla-ms: \"-1\" is not above 0 (milliseconds, e.g. 100)"},
    {"--p95-sla-ms nan",
     "--p95-sla-ms: \"nan\" is not a number (above 0, at most 3600000 milliseconds, e.g. 100)"},
    {"--p95-sla-ms inf",
     "--p95-sla-ms: \"inf\" is not a number (above 0, at most 3600000 milliseconds, e.g. 100)"},
    {"--p95-sla-ms 0x10",
     "--p95-sla-ms: \"0x10\" is not a number (above 0, at most 3600000 milliseconds, e.g. 100)"},
    {"--p95-sla-ms 1e999",
     "--p95-sla-ms: \"1e999\" is too large a number (above 0, at most 3600000 milliseconds, e.g. 100)"},
    {"--p95-sla-ms=", "--p95-sla-ms: \"\" is not a number (above 0, at most 3600000 milliseconds, e.g. 100)"},
    {"--p95-sla-ms 100ms",
     "--p95-sla-ms: \"100ms\" is not a number (above 0, at most 3600000 milliseconds, e.g. 100)"},
    {"--memory-reserve-percent 101", "--memory-reserve-percent: \"101\" is above 100 (percent, e.g. 10)"},
    {"--memory-reserve-percent -0.1", "--memory-reserve-percent: \"-0.1\" is below 0 (percent, e.g. 10)"},
    {"--seed 12abc", "--seed: \"12abc\" is not a whole number (at least 0, e.g. 1)"},
    {"--seed 1.5", "--seed: \"1.5\" is not a whole number (at least 0, e.g. 1)"},
    {"--seed ''", "--seed: \"\" is not a whole number (at least 0, e.g. 1)"},
    {"--seed -", "--seed: \"-\" is not a whole number (at least 0, e.g. 1)"},
    {"--seed -3", "--seed: \"-3\" is below 0 (e.g. 1)"},
    {"--seed 99999999999999999999", "--seed: \"99999999999999999999\" is above 9007199254740992 (e.g. 1)"},
    {"--threads 0", "--threads: \"0\" is below 1"},
    {"--threads x", "--threads: \"x\" is not a whole number (1..64)"},
    {"--batches 0,-3,x", "--batches: \"0\" is not a batch size (1..65536, e.g. 1,2,4 or auto)"},
    {"--batches 4,-3", "--batches: \"-3\" is not a batch size (1..65536, e.g. 1,2,4 or auto)"},
    {"--batches -3", "--batches: \"-3\" is not a batch size (1..65536, e.g. 1,2,4 or auto)"},
    {"--batches 4,x", "--batches: \"x\" is not a batch size (1..65536, e.g. 1,2,4 or auto)"},
    {"--batches 4,", "--batches: \"\" is not a batch size (1..65536, e.g. 1,2,4 or auto)"},
    {"--batches 65537", "--batches: \"65537\" is not a batch size (1..65536, e.g. 1,2,4 or auto)"},
    {"--batches 18446744073709551617",
     "--batches: \"18446744073709551617\" is not a batch size (1..65536, e.g. 1,2,4 or auto)"},
    {"--batches 1,auto", "--batches: \"auto\" is not a batch size (1..65536, e.g. 1,2,4 or auto)"},
    {"--objective speed", "--objective: \"speed\" is none of efficiency, throughput, latency"},
    {"--objective eff", "--objective: \"eff\" is none of efficiency, throughput, latency"},
    {"--models a,,b", "--models: a name is empty (e.g. hrnet,cbam_resunet)"},
    {"--models ''", "--models: a name is empty (e.g. hrnet,cbam_resunet)"},
    {"--time-budget 3x", "--time-budget: \"3x\" is no duration: a number with ms, s, m or h (above 0, at "
                         "most 86400 seconds, e.g. 180s)"},
    {"--time-budget ms", "--time-budget: \"ms\" is no duration: a number with ms, s, m or h (above 0, at "
                         "most 86400 seconds, e.g. 180s)"},
    {"--time-budget 0", "--time-budget: \"0\" is not above 0 seconds (e.g. 180s)"},
    {"--time-budget 25h", "--time-budget: \"25h\" is above 86400 seconds (e.g. 180s)"},
    {"--limit 9223372036854775807s", "--limit: \"9223372036854775807s\" is too long a duration"},
    {"--device ''", "--device: \"\" is empty (e.g. auto)"},
    {"--device a\xff", "--device: the value is not UTF-8 text"},
    {"--use-amp=maybe", "--use-amp: \"maybe\" is neither true nor false"},
    {"--no-use-amp=true", "--no-use-amp: takes no value (it is the opposite of --use-amp)"},
    {"--no-batches", "--no-batches: only switches have a --no- form; --batches takes a value (auto|N,...)"},
    {"--batches", "--batches: the value is missing (--batches auto|N,...)"},
    {"--output --resume", "--output: the value is missing (--output FILE)"},
    {"--objective", "--objective: the value is missing (--objective efficiency|throughput|latency)"},
    {"--p95-sla-mss 3", "--p95-sla-mss is no option; did you mean --p95-sla-ms?"},
    {"--p95_sla_ms 3", "--p95_sla_ms is no option; did you mean --p95-sla-ms?"},
    {"--p95-sla-mss=3", "--p95-sla-mss is no option; did you mean --p95-sla-ms?"},
    {"--batch 3", "--batch is no option; did you mean --batches?"},
    {"--no-use-apm", "--no-use-apm is no option; did you mean --no-use-amp?"},
    {"--hlep", "--hlep is no option; did you mean --help?"},
    {"--frobnicate", "--frobnicate is no option; --help lists them"},
    {"-x", "-x is no option; --help lists them"},
    {"a b c", "\"c\": one argument too many (at most 2)"},
};

static void bad_values_are_refused_in_one_clear_line(void **state) {
    (void)state;
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        parsed got = parse(bad[i].given);
        if (got.status != BT_INVALID || got.error.status != BT_INVALID)
            fail_msg("%s: status %s", bad[i].given, bt_status_name(got.status));
        refused_with(&bad[i], got.error.message);
    }
}

static void lists_and_texts_have_their_limits(void **state) {
    (void)state;
    char line[2048];
    size_t used = (size_t)snprintf(line, sizeof line, "--batches 1");
    for (int i = 2; i <= BT_SIZES_MAX; i++)
        used += (size_t)snprintf(line + used, sizeof line - used, ",%d", i);
    snprintf(line + used, sizeof line - used, ",3,64");
    assert_int_equal(parse_well(line).values.batches.count, BT_SIZES_MAX);
    snprintf(line + used, sizeof line - used, ",65");
    assert_string_equal(parse(line).error.message, "--batches: more than 64 batch sizes");

    used = (size_t)snprintf(line, sizeof line, "--models n0");
    for (int i = 1; i < BT_NAMES_MAX; i++)
        used += (size_t)snprintf(line + used, sizeof line - used, ",n%d", i);
    assert_int_equal(parse_well(line).values.models.count, BT_NAMES_MAX);
    snprintf(line + used, sizeof line - used, ",one-more");
    assert_string_equal(parse(line).error.message, "--models: more than 16 names");

    snprintf(line, sizeof line, "--models %063d", 0);
    assert_int_equal(strlen(parse_well(line).values.models.names[0]), 63);
    snprintf(line, sizeof line, "--models %064d", 0);
    assert_non_null(strstr(parse(line).error.message, "is too long a name (at most 63 bytes)"));

    snprintf(line, sizeof line, "--output %0511d", 0);
    assert_int_equal(strlen(parse_well(line).values.output), 511);
    snprintf(line, sizeof line, "--output %0512d", 0);
    assert_string_equal(parse(line).error.message, "--output: the value is too long: 512 bytes, at most 511");
    snprintf(line, sizeof line, "--%01000d=3", 0);
    assert_int_equal(parse(line).status, BT_INVALID);
}

static void operands_help_and_version_are_told(void **state) {
    (void)state;
    parsed got = parse_well("one --seed 2 two");
    assert_int_equal(got.operand_count, 2);
    assert_int_equal(got.operands[0][0], 'o');
    assert_int_equal(got.operands[1][0], 't');
    assert_int_equal(got.request, BT_REQUEST_RUN);
    assert_int_equal(parse_well("-- --seed -").operand_count, 2);
    assert_int_equal(parse_well("--seed 2 --help --nonsense").request, BT_REQUEST_HELP);
    assert_int_equal(parse_well("-h").request, BT_REQUEST_HELP);
    assert_int_equal(parse_well("--version").request, BT_REQUEST_VERSION);
    assert_int_equal(parse("--nonsense --help").status, BT_INVALID);
}

/* ---- JSON ---- */

static bt_status read_json(parsed *got, bt_option_source source, const char *text) {
    json_error_t cause;
    json_t *object = json_loads(text, 0, &cause);
    if (!object) fail_msg("%s: %s", text, cause.text);
    got->error = (bt_error){BT_OK, ""};
    got->status = bt_options_read_json(table, COUNT, object, source, "x.json", &got->values, &got->sources,
                                       &got->error);
    json_decref(object);
    return got->status;
}

static void json_reads_every_type(void **state) {
    (void)state;
    parsed got = parse("");
    assert_int_equal(
        read_json(&got, BT_SOURCE_CONFIG,
                  "{\"$schema\": 1, \"_note\": [], \"p95_sla_ms\": 50, \"objective\": \"latency\","
                  "\"models\": [\"a\", \"b\"], \"tags\": [], \"batches\": [4, 1], \"use_amp\": false,"
                  "\"seed\": 7, \"threads\": null, \"time_budget\": 2, \"limit\": \"3ms\","
                  "\"device\": \"cpu\"}"),
        BT_OK);
    assert_true(got.values.p95_sla_ms == 50);
    assert_int_equal(got.values.objective, 2);
    assert_string_equal(text_of(&got.values, "models"), "a,b");
    assert_string_equal(text_of(&got.values, "batches"), "1,4");
    assert_false(got.values.use_amp);
    assert_int_equal(got.values.seed, 7);
    assert_int_equal(got.values.budget_ns, 2000000000);
    assert_int_equal(got.values.limit_ns, 3000000);
    assert_string_equal(got.values.device, "cpu");
    assert_int_equal(got.sources.of[index_of("seed")], BT_SOURCE_CONFIG);
    assert_int_equal(got.sources.of[index_of("output")], BT_SOURCE_DEFAULT);
    assert_int_equal(read_json(&got, BT_SOURCE_CONFIG, "{\"models\": \"x,y\", \"batches\": \"2,1\"}"), BT_OK);
    assert_string_equal(text_of(&got.values, "models"), "x,y");
    assert_string_equal(text_of(&got.values, "batches"), "1,2");
    assert_int_equal(read_json(&got, BT_SOURCE_CONFIG, "{\"batches\": \"auto\", \"time_budget\": 0.25}"),
                     BT_OK);
    assert_int_equal(got.values.batches.count, 0);
    assert_int_equal(got.values.budget_ns, 250000000);
}

static const refusal bad_json[] = {
    {"[]", "x.json: is no JSON object of settings"},
    {"{\"p95_sla_mss\": 1}", "x.json: p95_sla_mss is no setting; did you mean p95_sla_ms?"},
    {"{\"p95-sla-ms\": 1}", "x.json: p95-sla-ms is no setting; did you mean p95_sla_ms?"},
    {"{\"frobnicate\": 1}", "x.json: frobnicate is no setting; --help lists them"},
    {"{\"resume\": true}", "x.json: resume is no setting, only a flag (--resume)"},
    {"{\"p95_sla_ms\": \"100\"}",
     "x.json: p95_sla_ms: \"100\" is text, not a number (above 0, at most 3600000 milliseconds, e.g. 100)"},
    {"{\"p95_sla_ms\": 0}", "x.json: p95_sla_ms: 0 is not above 0 (milliseconds, e.g. 100)"},
    {"{\"p95_sla_ms\": null}",
     "x.json: p95_sla_ms: null is not a number (above 0, at most 3600000 milliseconds, e.g. 100)"},
    {"{\"memory_reserve_percent\": 101}",
     "x.json: memory_reserve_percent: 101 is above 100 (percent, e.g. 10)"},
    {"{\"seed\": 1.5}", "x.json: seed: 1.5 is not a whole number (at least 0, e.g. 1)"},
    {"{\"seed\": true}", "x.json: seed: true is not a whole number (at least 0, e.g. 1)"},
    {"{\"use_amp\": 1}", "x.json: use_amp: 1 is neither true nor false"},
    {"{\"use_amp\": \"true\"}", "x.json: use_amp: \"true\" is neither true nor false"},
    {"{\"batches\": []}", "x.json: batches: the list is empty (e.g. [1, 2, 4] or \"auto\")"},
    {"{\"batches\": [1, -3]}", "x.json: batches: -3 is not a batch size (1..65536, e.g. 1,2,4 or auto)"},
    {"{\"batches\": [1, \"2\"]}",
     "x.json: batches: \"2\" is not a batch size (1..65536, e.g. 1,2,4 or auto)"},
    {"{\"batches\": [2.5]}", "x.json: batches: 2.5 is not a batch size (1..65536, e.g. 1,2,4 or auto)"},
    {"{\"batches\": 4}", "x.json: batches: 4 is neither a list of sizes nor \"auto\" (e.g. auto)"},
    {"{\"models\": []}", "x.json: models: the list is empty (e.g. hrnet,cbam_resunet)"},
    {"{\"models\": [3]}", "x.json: models: 3 is no text, but names are"},
    {"{\"models\": [\"a,b\"]}", "x.json: models: \"a,b\": a name cannot hold a comma"},
    {"{\"models\": {}}", "x.json: models: {} is neither a list of names nor text (e.g. hrnet,cbam_resunet)"},
    {"{\"objective\": \"speed\"}", "x.json: objective: \"speed\" is none of efficiency, throughput, latency"},
    {"{\"objective\": 1}", "x.json: objective: 1 is not text (e.g. efficiency)"},
    {"{\"device\": \"\"}", "x.json: device: \"\" is empty (e.g. auto)"},
    {"{\"device\": [\"cpu\"]}", "x.json: device: [\"cpu\"] is not text (e.g. auto)"},
    {"{\"time_budget\": \"soon\"}",
     "x.json: time_budget: \"soon\" is no duration: a number with ms, s, m or h "
     "(above 0, at most 86400 seconds, e.g. 180s)"},
    {"{\"time_budget\": []}", "x.json: time_budget: [] is no duration: \"180s\" or a number of seconds "
                              "(above 0, at most 86400 seconds, e.g. 180s)"},
    {"{\"time_budget\": -1}", "x.json: time_budget: -1 is not above 0 seconds (e.g. 180s)"},
};

static void bad_json_is_refused_in_one_clear_line(void **state) {
    (void)state;
    for (size_t i = 0; i < sizeof bad_json / sizeof bad_json[0]; i++) {
        parsed got = parse("");
        if (read_json(&got, BT_SOURCE_CONFIG, bad_json[i].given) != BT_PARSE || got.error.status != BT_PARSE)
            fail_msg("%s: status %s", bad_json[i].given, bt_status_name(got.status));
        refused_with(&bad_json[i], got.error.message);
    }
}

static void a_long_json_value_is_cut_in_the_message(void **state) {
    (void)state;
    char text[2000];
    int used = snprintf(text, sizeof text, "{\"seed\": [");
    for (int i = 0; i < 300; i++)
        used += snprintf(text + used, sizeof text - (size_t)used, "%d,", i % 10);
    snprintf(text + used, sizeof text - (size_t)used, "0]}");
    parsed got = parse("");
    assert_int_equal(read_json(&got, BT_SOURCE_CONFIG, text), BT_PARSE);
    assert_string_equal(got.error.message,
                        "x.json: seed: an array is not a whole number (at least 0, e.g. 1)");
}

/* The strongest source wins, whatever the order of reading; a weaker one is checked all the same. */
static void sources_rank_in_any_order(void **state) {
    (void)state;
    static const struct {
        bt_option_source source;
        int64_t seed;
    } given[] = {{BT_SOURCE_PROFILE, 10}, {BT_SOURCE_CONFIG, 20}, {BT_SOURCE_FLAG, 30}};
    for (int order = 0; order < 6; order++)
        for (int used = 1; used < 8; used++) { /* which of the three are there at all */
            static const int orders[6][3] = {{0, 1, 2}, {0, 2, 1}, {1, 0, 2},
                                             {1, 2, 0}, {2, 0, 1}, {2, 1, 0}};
            parsed got = parse("");
            int strongest = 0;
            for (int step = 0; step < 3; step++) {
                int which = orders[order][step];
                if (!(used >> which & 1)) continue;
                if (which > strongest) strongest = which;
                if (which == 2)
                    parse_onto(&got, "--seed 30");
                else
                    read_json(&got, given[which].source, which ? "{\"seed\": 20}" : "{\"seed\": 10}");
                assert_int_equal(got.status, BT_OK);
            }
            assert_int_equal(got.values.seed, given[strongest].seed);
            assert_int_equal(got.sources.of[index_of("seed")], given[strongest].source);
        }
    parsed got = parse("--seed 30");
    assert_int_equal(read_json(&got, BT_SOURCE_CONFIG, "{\"seed\": \"x\"}"), BT_PARSE);
}

/* ---- there and back ---- */

static void random_text(bt_random *random, char *out, size_t letters) {
    static const char *const alphabet[] = {"a", "Z", "0",  "_",  "-",  ".",       "/",
                                           " ", "'", "\"", "\\", "\t", "\xc3\xa9"};
    *out = '\0';
    while (letters-- > 0)
        strcat(out, alphabet[bt_random_below(random, sizeof alphabet / sizeof alphabet[0])]);
}

static values random_values(bt_random *random) {
    values drawn;
    bt_option_sources sources;
    bt_options_default(table, COUNT, &drawn, &sources);
    drawn.p95_sla_ms = bt_random_between(random, 1e-9, 3.6e6);
    drawn.memory_reserve_percent = (double)bt_random_below(random, 1001) / 10;
    drawn.objective = (int)bt_random_below(random, 3);
    drawn.use_amp = bt_random_below(random, 2);
    drawn.seed = (int64_t)bt_random_below(random, 1ull << 53);
    drawn.threads = (int64_t)bt_random_below(random, 65);
    drawn.budget_ns = 1 + (int64_t)bt_random_below(random, 86400000000000ull);
    drawn.limit_ns = (int64_t)(bt_random_next(random) >> (1 + bt_random_below(random, 60)));
    if (drawn.limit_ns > 9000000000000000000) drawn.limit_ns = 9000000000000000000;
    random_text(random, drawn.device, 1 + bt_random_below(random, 255));
    memset(&drawn.tags, 0, sizeof drawn.tags);
    drawn.tags.count = (int)bt_random_below(random, BT_NAMES_MAX + 1);
    for (int i = 0; i < drawn.tags.count; i++)
        snprintf(drawn.tags.names[i], BT_NAME_SIZE, "%d-\xc3\xa9_%u", i,
                 (unsigned)bt_random_below(random, 99));
    memset(&drawn.batches, 0, sizeof drawn.batches);
    drawn.batches.count = (int)bt_random_below(random, BT_SIZES_MAX + 1);
    for (int i = 0; i < drawn.batches.count; i++)
        drawn.batches.sizes[i] = 1 + i * 1024 + (int)bt_random_below(random, 1024);
    return drawn;
}

/* Through every text, which is how two structs with unused bytes are compared. */
static void assert_same_settings(const values *one, const values *other) {
    for (size_t i = 0; i < COUNT; i++) {
        if (table[i].scope != BT_SCOPE_SETTING) continue;
        char text[1100];
        bt_option_text(&table[i], one, text, sizeof text);
        if (strcmp(text, text_of(other, table[i].name)) != 0)
            fail_msg("%s: %s came back as %s", table[i].name, text, text_of(other, table[i].name));
    }
    assert_true(one->p95_sla_ms == other->p95_sla_ms);
    assert_int_equal(one->limit_ns, other->limit_ns);
    assert_memory_equal(&one->batches, &other->batches, sizeof one->batches);
}

static void settings_survive_json(void **state) {
    (void)state;
    const uint64_t seed = 20260101;
    bt_random random = bt_random_stream(seed, "options");
    for (int round = 0; round < 300; round++) {
        values drawn = random_values(&random);
        json_t *object = bt_options_write_json(table, COUNT, &drawn);
        assert_non_null(object);
        assert_null(json_object_get(object, "resume"));
        char *text = json_dumps(object, JSON_REAL_PRECISION(17));
        parsed got = parse("");
        if (read_json(&got, BT_SOURCE_CONFIG, text))
            fail_msg("seed %" PRIu64 ", round %d: %s", seed, round, got.error.message);
        assert_same_settings(&drawn, &got.values);
        free(text);
        json_decref(object);
    }
}

/* The flags are put through a shell, as a person would. */
static void written_flags_repeat_the_settings(void **state) {
    (void)state;
    parsed got = parse_well("--p95-sla-ms 0.1 --no-use-amp --batches 4,2 --resume --output x");
    assert_int_equal(
        read_json(&got, BT_SOURCE_PROFILE,
                  "{\"device\": \"a 'b' $c\", \"time_budget\": \"3m\", \"threads\": null, \"tags\": []}"),
        BT_OK);
    char *line = NULL;
    size_t size;
    FILE *out = open_memstream(&line, &size);
    bt_options_write_flags(table, COUNT, &got.values, &got.sources, out);
    fclose(out);
    assert_string_equal(line, " --p95-sla-ms 0.1 --tags '' --batches 2,4 --no-use-amp --time-budget 180s"
                              " --device 'a '\\''b'\\'' $c' --output x");
    char command[512], heard[512];
    snprintf(command, sizeof command, "printf '[%%s]' %s", line);
    FILE *shell = popen(command, "r");
    assert_non_null(shell);
    heard[fread(heard, 1, sizeof heard - 1, shell)] = '\0';
    assert_int_equal(pclose(shell), 0);
    assert_string_equal(heard,
                        "[--p95-sla-ms][0.1][--tags][][--batches][2,4][--no-use-amp][--time-budget][180s]"
                        "[--device][a 'b' $c][--output][x]");
    free(line);
}

static void text_is_cut_to_its_room(void **state) {
    (void)state;
    parsed got = parse_well("--device abc\xc3\xa9");
    char text[8] = "unused";
    bt_option_text(&table[index_of("device")], &got.values, text, 5);
    assert_string_equal(text, "abc");
    bt_option_text(&table[index_of("device")], &got.values, text, 1);
    assert_string_equal(text, "");
}

/* ---- pairs ---- */

static bt_status read_pairs(parsed *got, const char *pairs) {
    got->error = (bt_error){BT_OK, ""};
    return bt_options_read_pairs(table, COUNT, pairs, "sim", &got->values, &got->sources, &got->error);
}

static void pairs_read_like_flags(void **state) {
    (void)state;
    parsed got = parse("");
    assert_int_equal(read_pairs(&got, ""), BT_OK);
    assert_int_equal(read_pairs(&got, "seed=4,batches=8,2,use_amp=false,device=a=b,models=x,y"), BT_OK);
    assert_int_equal(got.values.seed, 4);
    assert_string_equal(text_of(&got.values, "batches"), "2,8");
    assert_false(got.values.use_amp);
    assert_string_equal(got.values.device, "a=b");
    assert_string_equal(text_of(&got.values, "models"), "x,y");
    assert_int_equal(got.sources.of[index_of("seed")], BT_SOURCE_FLAG);
}

/* What a comma would end, and what begins with a quote by itself. */
static void a_value_in_quotes_may_hold_commas(void **state) {
    (void)state;
    static const struct {
        const char *pairs, *device;
        int seed;
    } cases[] = {
        {"device=\"sim:a=1,b=2\",seed=4", "sim:a=1,b=2", 4},
        {"seed=5,device=\"cuda:0,cuda:1\"", "cuda:0,cuda:1", 5},
        {"device=\"say \"\"a,b\"\"\",seed=6", "say \"a,b\"", 6},
        {"device=\"open,seed=8", "\"open", 8},
        {"device=\"a\"b,seed=9", "\"a\"b", 9},
        {"models=\"x,y\",device=\"\"\"\",seed=\"10\"", "\"", 10},
        {"device=\",seed=11", "\"", 11},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        parsed got = parse("");
        if (read_pairs(&got, cases[i].pairs) != BT_OK) fail_msg("%s: %s", cases[i].pairs, got.error.message);
        assert_string_equal(got.values.device, cases[i].device);
        assert_int_equal(got.values.seed, cases[i].seed);
    }
}

static void bad_pairs_are_refused_in_one_clear_line(void **state) {
    (void)state;
    static const refusal cases[] = {
        {"seed", "sim: \"seed\" is not key=value"},
        {"seed=1,", "sim: \"\" is not key=value"},
        {"seed=1,,device=x", "sim: \"\" is not key=value"},
        {",seed=1", "sim: \"\" is not key=value"},
        {"sede=1", "sim: sede is no setting; did you mean seed?"},
        {"seed=1,=2", "sim: \"=2\" is not key=value"},
        {"seed=", "sim: seed: \"\" is not a whole number (at least 0, e.g. 1)"},
        {"seed=1,p95_sla_ms=0", "sim: p95_sla_ms: \"0\" is not above 0 (milliseconds, e.g. 100)"},
        {"batches=1,,2,seed=1", "sim: batches: \"\" is not a batch size (1..65536, e.g. 1,2,4 or auto)"},
        {"resume=true", "sim: resume is no setting, only a flag (--resume)"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        parsed got = parse("");
        assert_int_equal(read_pairs(&got, cases[i].given), BT_INVALID);
        refused_with(&cases[i], got.error.message);
    }
}

/* ---- help ---- */

typedef void (*writer)(const bt_option *, size_t, FILE *);

static char *written(writer write) {
    char *text = NULL;
    size_t size;
    FILE *out = open_memstream(&text, &size);
    write(bt_settings_table, bt_settings_count, out);
    fclose(out);
    return text;
}

/* On the table that optimize-batch really has: nothing is missing, nothing sticks out. */
static void help_tells_every_option_within_100_columns(void **state) {
    (void)state;
    char *help = written(bt_options_write_help);
    for (size_t i = 0; i < bt_settings_count; i++) {
        char flag[80];
        int length = snprintf(flag, sizeof flag, "%s", bt_settings_table[i].name);
        for (int c = 0; c < length; c++)
            if (flag[c] == '_') flag[c] = '-';
        if (!strstr(help, flag)) fail_msg("--help does not tell --%s", flag);
    }
    for (char *line = help; *line; line += strcspn(line, "\n") + 1) {
        size_t length = strcspn(line, "\n");
        if (length > 100) fail_msg("%zu columns: %.*s", length, (int)length, line);
        assert_true(length == 0 || line[length - 1] != ' ');
    }
    free(help);
}

static const bt_option few[] = {
    {.name = "p95_sla_ms",
     .type = BT_OPTION_NUMBER,
     .initial = "100",
     .maximum = 3600,
     .above_minimum = true,
     .placeholder = "MS",
     .group = "Goal",
     .help = "The latency promised to 95 % of \xc2\xb5-requests."},
    {.name = "objective",
     .type = BT_OPTION_CHOICE,
     .initial = "efficiency",
     .choices = "efficiency|throughput|latency",
     .group = "Goal",
     .help = "What the winner has most of, and this sentence goes on until a second line is needed."},
    {.name = "use_amp", .type = BT_OPTION_SWITCH, .initial = "true", .group = "Networks", .help = "Mixed."},
    {.name = "quiet",
     .type = BT_OPTION_SWITCH,
     .scope = BT_SCOPE_COMMAND,
     .group = "Networks",
     .help = "Say less."},
    {.name = "time_budget",
     .type = BT_OPTION_DURATION,
     .initial = "180s",
     .maximum = 60,
     .placeholder = "TIME",
     .group = "Networks",
     .help = "At most."},
};

static void help_is_grouped_aligned_and_wrapped(void **state) {
    (void)state;
    char *text = NULL;
    size_t size;
    FILE *out = open_memstream(&text, &size);
    bt_options_write_help(few, sizeof few / sizeof few[0], out);
    fclose(out);
    assert_string_equal(text, "Goal:\n"
                              "  --p95-sla-ms MS     The latency promised to 95 % of \xc2\xb5-requests. "
                              "(default 100 ms; above 0, at most\n"
                              "                      3600)\n"
                              "  --objective efficiency|throughput|latency\n"
                              "                      What the winner has most of, and this sentence goes on "
                              "until a second line is\n"
                              "                      needed. (default efficiency)\n"
                              "\n"
                              "Networks:\n"
                              "  --[no-]use-amp      Mixed. (default on)\n"
                              "  --quiet             Say less.\n"
                              "  --time-budget TIME  At most. (default 180s; 0..60 seconds)\n"
                              "\n"
                              "About:\n"
                              "  --help              This text.\n"
                              "  --version           The version, and what it was built from.\n");
    free(text);
}

static void markdown_has_an_item_for_every_option(void **state) {
    (void)state;
    char *text = written(bt_options_write_markdown);
    assert_non_null(strstr(text, "\n- `--[no-]use-amp` (`use_amp`; default on): "));
    assert_non_null(strstr(text, "\n- `--format table|json|csv|markdown|html` (default table): "));
    assert_non_null(
        strstr(text, "\n- `--p95-sla-ms MS` (`p95_sla_ms`; default 100 ms; above 0, at most 3600000): "));
    size_t items = 0;
    for (char *at = text; (at = strstr(at, "\n- `--")); at++)
        items++;
    assert_int_equal(items, bt_settings_count);
    for (char *line = strtok(text, "\n"); line; line = strtok(NULL, "\n"))
        assert_true(strlen(line) <= 120);
    free(text);
}

/* ---- memory that runs out ---- */

static int allocations_left;

static void *scarce_malloc(size_t size) {
    return allocations_left-- > 0 ? malloc(size) : NULL;
}

/* The n-th allocation fails, for every n: NULL each time, and nothing lost (the address sanitizer looks). */
static void json_that_runs_out_of_memory_is_null(void **state) {
    (void)state;
    parsed got = parse_well("--batches 1,2,3 --tags a,b");
    json_t *object = NULL;
    int n = 0;
    json_set_alloc_funcs(scarce_malloc, free);
    for (; !object && n < 1000; n++) {
        allocations_left = n;
        object = bt_options_write_json(table, COUNT, &got.values);
    }
    json_set_alloc_funcs(malloc, free);
    assert_non_null(object);
    assert_true(n > 20);
    json_decref(object);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_default_is_set),
        cmocka_unit_test(good_values_read_and_show),
        cmocka_unit_test(bad_values_are_refused_in_one_clear_line),
        cmocka_unit_test(lists_and_texts_have_their_limits),
        cmocka_unit_test(operands_help_and_version_are_told),
        cmocka_unit_test(json_reads_every_type),
        cmocka_unit_test(bad_json_is_refused_in_one_clear_line),
        cmocka_unit_test(a_long_json_value_is_cut_in_the_message),
        cmocka_unit_test(sources_rank_in_any_order),
        cmocka_unit_test(settings_survive_json),
        cmocka_unit_test(written_flags_repeat_the_settings),
        cmocka_unit_test(text_is_cut_to_its_room),
        cmocka_unit_test(pairs_read_like_flags),
        cmocka_unit_test(a_value_in_quotes_may_hold_commas),
        cmocka_unit_test(bad_pairs_are_refused_in_one_clear_line),
        cmocka_unit_test(help_tells_every_option_within_100_columns),
        cmocka_unit_test(help_is_grouped_aligned_and_wrapped),
        cmocka_unit_test(markdown_has_an_item_for_every_option),
        cmocka_unit_test(json_that_runs_out_of_memory_is_null),
    };
    return cmocka_run_group_tests_name("base-options", tests, NULL, NULL);
}
