/* gate-probe: one turn of perf-gate's measurements, in a process of its own (src/gate/gauge.h). Not for use
 * by hand. It does not say its version: two commits that build the same code build the same program. */
#include <stdio.h>

#include "gate/gauge.h"

int main(int argc, char **argv) {
    return bt_gauge_main(argc, argv, NULL, stdin, stdout, stderr);
}
