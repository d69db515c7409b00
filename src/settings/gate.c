#include "settings/gate.h"

#include <pthread.h>
#include <stddef.h>
#include <string.h>

#include "settings/weights.h"

#define GAUGE(field) .offset = offsetof(bt_gauge_settings, field), .group = "What is measured"
#define VALUE(field) .offset = offsetof(bt_gate_settings, field), .scope = BT_SCOPE_COMMAND
#define VERSION_ROWS 5 /* of `racing`, before what is measured */
#define COUNT(table) (sizeof table / sizeof table[0])

const bt_option bt_gauge_settings_table[] = {
    {.name = "models",
     .type = BT_OPTION_NAMES,
     GAUGE(models),
     .initial = "hrnet,cbam_resunet",
     .placeholder = "NAME,...",
     .help = "Whose service times are measured."},
    {.name = "batches",
     .type = BT_OPTION_SIZES,
     GAUGE(batches),
     .initial = "1,2,4,8",
     .placeholder = "N,...",
     .help = "Batch sizes; a metric each."},
    {.name = "image_size",
     .type = BT_OPTION_INTEGER,
     GAUGE(image_size),
     .initial = "128",
     .minimum = 32,
     .maximum = 8192,
     .placeholder = "N",
     .help = "Height and width of the images, in pixels."},
    {.name = "backend",
     .type = BT_OPTION_TEXT,
     GAUGE(backend),
     .initial = "torch",
     .placeholder = "torch|plan|sim:...",
     .help = "What runs the batches, on its production path; plan needs no libtorch."},
    {.name = "device",
     .type = BT_OPTION_TEXT,
     GAUGE(device),
     .initial = "cpu",
     .placeholder = "cpu|cuda:N",
     .help = "Where they run."},
    {.name = "weights",
     .type = BT_OPTION_TEXT,
     GAUGE(weights),
     .initial = "demo",
     .placeholder = "SOURCE",
     .help = "demo, counter:SEED, or " BT_WEIGHTS_FILE_HELP "."},
    {.name = "threads",
     .type = BT_OPTION_INTEGER,
     GAUGE(threads),
     .initial = "0",
     .minimum = 0,
     .maximum = 1024,
     .placeholder = "N",
     .help = "CPU threads of a network; 0: all that the process may use."},
    {.name = "use_amp",
     .type = BT_OPTION_SWITCH,
     GAUGE(use_amp),
     .initial = "true",
     .help = "Run in half precision where the device can."},
    {.name = "use_channels_last",
     .type = BT_OPTION_SWITCH,
     GAUGE(use_channels_last),
     .initial = "true",
     .help = "Keep images channels-last in memory."},
    {.name = "networks",
     .type = BT_OPTION_SWITCH,
     GAUGE(networks),
     .initial = "true",
     .help = "Measure the networks; --no-networks leaves batchtune's own code."},
    {.name = "core",
     .type = BT_OPTION_SWITCH,
     GAUGE(core),
     .initial = "true",
     .help = "Measure what batchtune's own code costs too: batcher, generator, histogram and their like."},
    {.name = "samples",
     .type = BT_OPTION_INTEGER,
     GAUGE(samples),
     .initial = "9",
     .minimum = 1,
     .maximum = 100000,
     .placeholder = "N",
     .help = "Timed runs of each metric in a turn; their lower quartile stands for the turn."},
};
const size_t bt_gauge_settings_count = COUNT(bt_gauge_settings_table);

static const bt_option recording[] = {
    {.name = "turns",
     .type = BT_OPTION_INTEGER,
     VALUE(turns),
     .initial = "15",
     .minimum = 5,
     .maximum = 10000,
     .placeholder = "N",
     .group = "How",
     .help =
         "Fresh processes, one after another: where a program's memory falls differs from start to start, "
         "and moves its times."},
    {.name = "time_budget",
     .type = BT_OPTION_DURATION,
     VALUE(time_budget_ns),
     .initial = "0s",
     .minimum = 0,
     .maximum = 604800,
     .placeholder = "TIME",
     .group = "How",
     .help = "Fewer turns where all would take longer, which the record says; 0s: all, however long."},
};

static const bt_option racing[] = {
    {.name = "base",
     .type = BT_OPTION_TEXT,
     VALUE(base),
     .placeholder = "PROGRAM",
     .group = "The versions",
     .help = "The old version's gate-probe."},
    {.name = "head",
     .type = BT_OPTION_TEXT,
     VALUE(head),
     .placeholder = "PROGRAM",
     .group = "The versions",
     .help = "The new version's gate-probe."},
    {.name = "base_name",
     .type = BT_OPTION_TEXT,
     VALUE(base_name),
     .placeholder = "TEXT",
     .group = "The versions",
     .help = "What reports call the old version; the program's path unless given."},
    {.name = "head_name",
     .type = BT_OPTION_TEXT,
     VALUE(head_name),
     .placeholder = "TEXT",
     .group = "The versions",
     .help = "The new one likewise."},
    {.name = "base_missing",
     .type = BT_OPTION_TEXT,
     VALUE(base_missing),
     .placeholder = "WHY",
     .group = "The versions",
     .help = "In place of --base and --head: there is nothing to compare with, and why. The verdict is "
             "incomparable, in "
             "all forms."},
    {.name = "time_budget",
     .type = BT_OPTION_DURATION,
     VALUE(time_budget_ns),
     .initial = "5m",
     .minimum = 1,
     .maximum = 604800,
     .placeholder = "TIME",
     .group = "How",
     .help = "For measuring; what is settled before ends the run sooner."},
    {.name = "pairs",
     .type = BT_OPTION_INTEGER,
     VALUE(pairs),
     .initial = "120",
     .minimum = 5,
     .maximum = 100000,
     .placeholder = "N",
     .group = "How",
     .help = "Turns of each version at most."},
    {.name = "instructions",
     .type = BT_OPTION_SWITCH,
     VALUE(instructions),
     .initial = "true",
     .group = "How",
     .help = "Count the instructions of the core's hot paths by valgrind's callgrind, where it is there."},
    {.name = "even_identical",
     .type = BT_OPTION_SWITCH,
     VALUE(even_identical),
     .initial = "false",
     .group = "How",
     .help = "Measure even where both programs are the same, byte for byte: what would the gate say of no "
             "change?"},
};

static const bt_option judging[] = {
    {.name = "rules",
     .type = BT_OPTION_TEXT,
     VALUE(rules),
     .initial = "configs/perf-gate.json",
     .placeholder = "FILE",
     .group = "Judging",
     .help = "Each metric's tolerances, and what may be slower and why. Where one works there may be none: "
             "then those that came with the program."},
    {.name = "profile",
     .type = BT_OPTION_TEXT,
     VALUE(profile),
     .placeholder = "NAME",
     .group = "Judging",
     .help = "One of the rules' profiles, a floor under all tolerances: \"shared\" for noisy machines, "
             "\"stored\" (which compare takes by itself) for records that were not taken together."},
    {.name = "on_inconclusive",
     .type = BT_OPTION_CHOICE,
     VALUE(on_inconclusive),
     .choices = "fail|pass|retry",
     .group = "Judging",
     .help =
         "What comes of a comparison that is not sure, or of unlike machines: exit code 4, 0, or a second "
         "time budget first (4 for stored records: measure again). The profile says it, unless given; fail "
         "else. "
         "A run that measured nothing never passes."},
    {.name = "seed",
     .type = BT_OPTION_INTEGER,
     VALUE(seed),
     .initial = "1",
     .minimum = 0,
     .maximum = 9007199254740991.0,
     .placeholder = "N",
     .group = "Judging",
     .help = "Of the bootstrap: the same figures and seed give the same verdict."},
};

static const bt_option telling[] = {
    {.name = "format",
     .type = BT_OPTION_CHOICE,
     VALUE(format),
     .choices = "table|json|markdown|junit",
     .group = "Output",
     .help = "How the verdict is told; markdown is for a pull request."},
    {.name = "output",
     .type = BT_OPTION_TEXT,
     VALUE(output),
     .placeholder = "FILE",
     .group = "Output",
     .help = "Where it goes; standard output unless given."},
    {.name = "verdict",
     .type = BT_OPTION_TEXT,
     VALUE(verdict),
     .placeholder = "FILE",
     .group = "Output",
     .help = "Keeps the verdict as JSON besides, for perf-gate show."},
};

static const bt_option hushing[] = {
    {.name = "quiet",
     .type = BT_OPTION_SWITCH,
     VALUE(quiet),
     .initial = "false",
     .group = "Output",
     .help = "No progress; only the result and what went wrong."},
};

static const bt_option keeping[] = {
    {.name = "output",
     .type = BT_OPTION_TEXT,
     VALUE(output),
     .placeholder = "FILE",
     .group = "Output",
     .help = "Where the record goes."},
};

static struct table {
    bt_option rows[BT_OPTIONS_MAX];
    size_t count;
} tables[BT_GATE_COMMAND_COUNT];
static pthread_once_t made = PTHREAD_ONCE_INIT;

/* The gauge's settings are the first member, so its rows' offsets hold. */
_Static_assert(offsetof(bt_gate_settings, gauge) == 0, "the gauge's settings come first");

static void add(bt_gate_command command, const bt_option *rows, size_t count) {
    struct table *table = &tables[command];
    memcpy(table->rows + table->count, rows, count * sizeof *rows);
    table->count += count;
}

static void make(void) {
    add(BT_GATE_RECORD, bt_gauge_settings_table, bt_gauge_settings_count);
    add(BT_GATE_RECORD, recording, COUNT(recording));
    add(BT_GATE_RECORD, keeping, COUNT(keeping));
    add(BT_GATE_RECORD, hushing, COUNT(hushing));
    add(BT_GATE_COMPARE, judging, COUNT(judging));
    add(BT_GATE_COMPARE, telling, COUNT(telling));
    add(BT_GATE_RUN, racing, VERSION_ROWS);
    add(BT_GATE_RUN, bt_gauge_settings_table, bt_gauge_settings_count);
    add(BT_GATE_RUN, racing + VERSION_ROWS, COUNT(racing) - VERSION_ROWS);
    add(BT_GATE_RUN, judging, COUNT(judging));
    add(BT_GATE_RUN, telling, COUNT(telling));
    add(BT_GATE_RUN, hushing, COUNT(hushing));
    add(BT_GATE_SHOW, telling, COUNT(telling) - 1);
}

const bt_option *bt_gate_settings_table(bt_gate_command command, size_t *count) {
    pthread_once(&made, make);
    *count = tables[command].count;
    return tables[command].rows;
}
