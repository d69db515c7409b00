/* canary: how steady is this machine? One line, for `make doctor` and bug reports. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/canary.h"
#include "base/clock.h"

static const char usage[] =
    "usage: canary [SECONDS]\n"
    "\n"
    "Times a fixed small computation for SECONDS (2; 0 to 60) and prints its median, 95th\n"
    "percentile and maximum, and the spread (95th - 5th percentile, in percent of the median).\n"
    "On a quiet machine the spread is 1-3 %.\n"
    "\n"
    "  --help, --version\n";

int main(int argc, char **argv) {
    double seconds = 2;
    if (argc > 1 && strcmp(argv[1], "--help") == 0) return fputs(usage, stdout) < 0;
    if (argc > 1 && strcmp(argv[1], "--version") == 0) return printf("canary %s\n", BT_VERSION) < 0;
    if (argc > 1) {
        char *end;
        seconds = strtod(argv[1], &end);
        if (argc > 2 || end == argv[1] || *end || !(seconds >= 0 && seconds <= 60)) {
            fprintf(stderr, "canary: SECONDS is '%s'; one number from 0 to 60 is wanted\n", argv[argc - 1]);
            return 2;
        }
    }
    bt_canary_summary seen;
    bt_error error;
    if (bt_canary_watch(&seen, (int64_t)(seconds * BT_NS_PER_S), &error) != BT_OK) {
        fprintf(stderr, "canary: %s\n", error.message);
        return 1;
    }
    printf("median %.2f ms, p95 %.2f ms, max %.2f ms, spread %.1f %% (%d runs)\n", bt_ms(seen.median_ns),
           bt_ms(seen.p95_ns), bt_ms(seen.maximum_ns), seen.spread_percent, seen.count);
    return 0;
}
