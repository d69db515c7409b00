/* canary: how steady is this machine? */
#include <stdio.h>

#include "base/canary.h"
#include "base/clock.h"
#include "base/command.h"
#include "base/cores.h"
#include "base/program.h"
#include "base/terminal.h"
#include "base/text.h"
#include "base/throttle.h"
#include "report/layout.h"
#include "settings/rows.h"

typedef struct settings {
    int64_t duration_ns;
} settings;

static const bt_option table[] = {
    {BT_ROW_DURATION(settings, duration), .initial = "2s", BT_BOUNDS(0, 60), .placeholder = "TIME",
     .group = "Canary", .scope = BT_SCOPE_COMMAND, .help = "How long to watch."},
};

static const bt_command command = {
    .name = "canary",
    .summary = "Times a fixed small computation, again and again, and prints its median, 95th percentile, "
               "maximum and\n"
               "spread (95th - 5th percentile, in percent of the median): 1-3 % on a quiet machine. Then how "
               "many cores\n"
               "there are for a process like this one, and what a CPU quota stopped meanwhile.",
    .prints = "what was measured",
    .usage = "[options]",
    .table = table,
    .count = sizeof table / sizeof *table,
};

static void print_cores(const bt_throttle_mark *before) {
    char words[BT_CORES_WORDS_SIZE], stops[BT_THROTTLING_WORDS_SIZE];
    const bt_cores cores = bt_cores_read();
    const bt_throttling throttling = bt_throttle_since(before);
    bt_cores_words(&cores, words);
    bt_throttling_words(&throttling, stops);
    char line[BT_CORES_WORDS_SIZE + BT_THROTTLING_WORDS_SIZE + 4];
    snprintf(line, sizeof line, "%s%s%s", words, stops[0] ? "; " : "", stops);
    bt_layout_paragraph(stdout, "", 0, bt_terminal_columns(stdout), line);
}

int main(int argc, char **argv) {
    settings given;
    bt_option_sources sources;
    bt_program_begin(BT_SIGNALS_END);
    int code = bt_command_start(&command, argc, argv, &given, &sources, stdout, stderr);
    if (code >= 0) return code;
    bt_canary_summary seen;
    bt_error error;
    const bt_throttle_mark mark = bt_throttle_now();
    if (bt_canary_watch(&seen, given.duration_ns, &error) != BT_OK)
        return bt_command_finish(&command, stdout, stderr, false, bt_command_fail(&command, &error, stderr));
    char line[160];
    bt_text_format(line, sizeof line, "median %.2f ms, p95 %.2f ms, max %.2f ms, spread %.1f %% (%d runs)",
                   bt_ms(seen.median_ns), bt_ms(seen.p95_ns), bt_ms(seen.maximum_ns), seen.spread_percent,
                   seen.count);
    bt_layout_paragraph(stdout, "", 0, bt_terminal_columns(stdout), line);
    print_cores(&mark);
    return bt_command_finish(&command, stdout, stderr, false, BT_EXIT_GOOD);
}
