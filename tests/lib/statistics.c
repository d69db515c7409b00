#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
/* cmocka wants the four above first */
#include <cmocka.h>
#include <math.h>

#include "measure/quantile.h"
#include "statistics.h"

void statistics_draw_series(bt_random *random, double correlation, double deviation, size_t count,
                            double *out) {
    double state = bt_random_normal(random);
    for (size_t i = 0; i < count; i++) {
        out[i] = 1 + deviation * state;
        state = correlation * state + sqrt(1 - correlation * correlation) * bt_random_normal(random);
    }
}

void statistics_between(const char *what, double value, double low, double high) {
    if (!(value >= low && value <= high)) fail_msg("%s is %.6f, expected %.6f..%.6f", what, value, low, high);
}

double statistics_normal_quantile(double probability) {
    double low = -40, high = 40;
    for (int step = 0; step < 64; step++) {
        double middle = (low + high) / 2;
        if (bt_normal_below(middle) < probability)
            low = middle;
        else
            high = middle;
    }
    return (low + high) / 2;
}
