#include "fixture-verdict.h"

#include <stdlib.h>

void fixture_verdict_row(bt_gate_verdict *verdict, const char *metric, bt_gate_word word, double percent) {
    bt_gate_row *row = bt_gate_row_add(verdict, metric, "ms", "128 px", 0.5);
    if (!row) abort();
    row->verdict = word;
    row->before = 10.5;
    row->now = 10.5 * (1 + percent / 100);
    row->slowdown_percent = percent;
    row->lower_percent = percent - 1;
    row->upper_percent = percent + 1;
    row->tolerance_percent = 5;
}
