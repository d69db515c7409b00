/* planted-probe: gate-probe with a slowdown of BATCHTUNE_PLANT_PERCENT (5) planted into each job: what the
 * gate must find. The extra work is this program's own; the library is what it is. */
#include <stdio.h>
#include <stdlib.h>

#include "base/clock.h"
#include "base/text.h"
#include "gate/gauge.h"

#define COUNTED_STEPS 1000000 /* where instructions are counted: several of each */

static double share = 0.05;

static void plant(int64_t spent_ns) {
    static volatile unsigned sink;
    int64_t until_ns = bt_clock_now_ns() + (int64_t)(share * (double)spent_ns);
    for (int i = 0; spent_ns == 0 && i < COUNTED_STEPS; i++)
        sink += (unsigned)i;
    while (bt_clock_now_ns() < until_ns)
        sink++;
}

int main(int argc, char **argv) {
    const char *percent = getenv("BATCHTUNE_PLANT_PERCENT");
    if (percent) share = bt_text_read_number(percent, NULL) / 100;
    return bt_gauge_main(argc, argv, plant, stdin, stdout, stderr);
}
