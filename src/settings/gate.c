#include "settings/gate.h"

#include <pthread.h>

#include "settings/rows.h"
#include "settings/weights-source.h"

#define MEASURED            .group = "What is measured"
#define RUN(group_)         .group = group_, .scope = BT_SCOPE_COMMAND
#define VERSIONS            RUN("The versions")
#define HOW                 RUN("How")
#define JUDGING             RUN("Judging")
#define OUTPUT              RUN("Output")
#define GAUGE(type, member) BT_ROW(type, bt_gauge_settings, member), MEASURED
#define ROW(type, member)   BT_ROW(type, bt_gate_settings, member)
#define COUNT(table)        (sizeof table / sizeof table[0])

const bt_option bt_gauge_settings_table[] = {
    {GAUGE(NAMES, models), .initial = BT_BUILT_IN_NETWORKS, .placeholder = "NAME,...",
     .help = "Whose service times are measured."},
    {GAUGE(SIZES, batches), .initial = "1,2,4,8", .placeholder = "N,...",
     .help = "Batch sizes; a metric each."},
    {BT_ROW_IMAGE_SIZE(bt_gauge_settings, 32), .initial = "128", MEASURED,
     .help = "Height and width of the images, in pixels."},
    {GAUGE(TEXT, backend), .initial = "torch", .placeholder = "torch|plan|sim:...",
     .help = "What runs the batches, on its production path; plan needs no libtorch."},
    {GAUGE(TEXT, device), .initial = "cpu", .placeholder = "cpu|cuda:N", .help = "Where they run."},
    {GAUGE(TEXT, weights), .initial = BT_WEIGHTS_DEMO, .placeholder = "SOURCE",
     .help = "demo, counter:SEED, or " BT_WEIGHTS_FILE_HELP "."},
    {BT_ROW_THREADS(bt_gauge_settings), MEASURED,
     .help = "CPU threads of a network; 0: all that the process may use."},
    {GAUGE(SWITCH, use_amp), .initial = "true",
     .help = "Let --precision auto take the device's half: FP16 on CUDA, BF16 on a CPU that computes it."},
    {GAUGE(CHOICE, precision), .initial = "auto", .choices = "auto|fp32|bf16|fp16",
     .help = "In which numbers the networks compute. auto: what a quick measurement finds fastest, in each "
             "process "
             "anew; give the config's where two are about as fast."},
    {GAUGE(SWITCH, use_channels_last), .initial = "true", .help = "Keep images channels-last in memory."},
    {GAUGE(SWITCH, networks), .initial = "true",
     .help = "Measure the networks; --no-networks leaves batchtune's own code."},
    {GAUGE(SWITCH, core), .initial = "true",
     .help = "Measure what batchtune's own code costs too: batcher, generator, histogram and their like."},
    {GAUGE(INTEGER, samples), .initial = "9", BT_BOUNDS(1, 100000), .placeholder = "N",
     .help = "Timed runs of each metric in a turn; their lower quartile stands for the turn."},
};
const size_t bt_gauge_settings_count = COUNT(bt_gauge_settings_table);

static const bt_option recording[] = {
    {ROW(INTEGER, turns), .initial = "15", BT_BOUNDS(5, 10000), .placeholder = "N", HOW,
     .help = "Fresh processes, one after another: where a program's memory falls differs from start to "
             "start, and moves its times."},
    {BT_ROW_DURATION(bt_gate_settings, time_budget), .initial = "0s", BT_BOUNDS(0, 604800),
     .placeholder = "TIME", HOW,
     .help = "Fewer turns where all would take longer, which the record says; 0s: all, however long."},
};

static const bt_option versions[] = {
    {ROW(TEXT, base), .placeholder = "PROGRAM", VERSIONS, .help = "The old version's gate-probe."},
    {ROW(TEXT, head), .placeholder = "PROGRAM", VERSIONS, .help = "The new version's gate-probe."},
    {ROW(TEXT, base_name), .placeholder = "TEXT", VERSIONS,
     .help = "What reports call the old version; the program's path unless given."},
    {ROW(TEXT, head_name), .placeholder = "TEXT", VERSIONS, .help = "The new one likewise."},
    {ROW(TEXT, base_missing), .placeholder = "WHY", VERSIONS,
     .help = "In place of --base and --head: there is nothing to compare with, and why. The verdict is "
             "incomparable, in all forms."},
};

static const bt_option racing[] = {
    {BT_ROW_DURATION(bt_gate_settings, time_budget), .initial = "5m", BT_BOUNDS(1, 604800),
     .placeholder = "TIME", HOW, .help = "For measuring; what is decided before ends the run sooner."},
    {ROW(INTEGER, pairs), .initial = "120", BT_BOUNDS(5, 100000), .placeholder = "N", HOW,
     .help = "Turns of each version at most."},
    {ROW(SWITCH, instructions), .initial = "true", HOW,
     .help = "Count the instructions of the core's hot paths by valgrind's callgrind, where it is there."},
    {ROW(SWITCH, even_identical), .initial = "false", HOW,
     .help = "Measure even where both programs are the same, byte for byte: what would the gate say of no "
             "change?"},
};

static const bt_option judging[] = {
    {ROW(TEXT, rules), .initial = "configs/perf-gate.json", .placeholder = "FILE", JUDGING,
     .help = "Each metric's tolerances, and what may be slower and why. Where one works there may be none: "
             "then those that came with the program."},
    {ROW(TEXT, profile), .placeholder = "NAME", JUDGING,
     .help = "One of the rules' profiles, a floor under all tolerances: \"shared\" for noisy machines, "
             "\"stored\" (which compare takes by itself) for records that were not taken together."},
    {ROW(CHOICE, on_inconclusive), .choices = "fail|pass|retry", JUDGING,
     .help = "What comes of a comparison that is not sure, or of unlike machines: exit code 4, 0, or a "
             "second time budget first (4 for stored records: measure again). The profile says it, unless "
             "given; fail else. A run that measured nothing never passes."},
    {BT_ROW_SEED(bt_gate_settings), JUDGING,
     .help = "Of the bootstrap: the same figures and seed give the same verdict."},
};

static const bt_option telling[] = {
    {ROW(CHOICE, format), .choices = "table|json|markdown|junit", OUTPUT,
     .help = "How the verdict is told; markdown is for a pull request."},
    {ROW(TEXT, output), .placeholder = "FILE", OUTPUT,
     .help = "Where it goes; standard output unless given."},
};

static const bt_option keeping_verdict[] = {
    {ROW(TEXT, verdict), .placeholder = "FILE", OUTPUT,
     .help = "Keeps the verdict as JSON besides, for perf-gate show."},
};

static const bt_option quiet[] = {
    {BT_ROW_QUIET(bt_gate_settings), OUTPUT},
};

static const bt_option keeping_record[] = {
    {ROW(TEXT, output), .placeholder = "FILE", OUTPUT, .help = "Where the record goes."},
};

static bt_rows tables[BT_GATE_COMMAND_COUNT];
static pthread_once_t made = PTHREAD_ONCE_INIT;

/* The gauge's settings are the first member, so its rows' offsets hold. */
_Static_assert(offsetof(bt_gate_settings, gauge) == 0, "the gauge's settings come first");

#define ADD(command, group) bt_rows_add(&tables[command], group, COUNT(group))
static void make(void) {
    ADD(BT_GATE_RECORD, bt_gauge_settings_table);
    ADD(BT_GATE_RECORD, recording);
    ADD(BT_GATE_RECORD, keeping_record);
    ADD(BT_GATE_RECORD, quiet);

    ADD(BT_GATE_COMPARE, judging);
    ADD(BT_GATE_COMPARE, telling);
    ADD(BT_GATE_COMPARE, keeping_verdict);

    ADD(BT_GATE_RUN, versions);
    ADD(BT_GATE_RUN, bt_gauge_settings_table);
    ADD(BT_GATE_RUN, racing);
    ADD(BT_GATE_RUN, judging);
    ADD(BT_GATE_RUN, telling);
    ADD(BT_GATE_RUN, keeping_verdict);
    ADD(BT_GATE_RUN, quiet);

    ADD(BT_GATE_SHOW, telling);
}

const bt_option *bt_gate_settings_table(bt_gate_command command, size_t *count) {
    pthread_once(&made, make);
    *count = tables[command].count;
    return tables[command].rows;
}
