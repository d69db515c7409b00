#include "spread.h"

#include <stdio.h>

#include "measure/quantile.h"

void print_spread(const char *what, double *values, size_t count, const char *unit) {
    bt_sort(values, count);
    printf("%-46s median %9.3f   least %9.3f   p99 %9.3f   most %9.3f  %s\n", what,
           bt_quantile(values, count, 0.5), values[0], bt_quantile(values, count, 0.99), values[count - 1],
           unit);
}
