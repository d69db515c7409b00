#include "measure/line.h"

#include <math.h>
#include <stddef.h>

#include "measure/series.h"

static double median_of(const double *values, int count) {
    double scratch[BT_LINE_POINTS_MAX];
    return bt_median(values, (size_t)count, scratch);
}

static double slope_from(const double *x, const double *y, int count, int from) {
    double slopes[BT_LINE_POINTS_MAX];
    int found = 0;
    for (int i = 0; i < count; i++)
        if (i != from) slopes[found++] = (y[i] - y[from]) / (x[i] - x[from]);
    return median_of(slopes, found);
}

static bt_line through_origin(const double *x, const double *y, int count) {
    double slopes[BT_LINE_POINTS_MAX];
    for (int i = 0; i < count; i++)
        slopes[i] = y[i] / x[i];
    return (bt_line){0, median_of(slopes, count)};
}

bt_line bt_line_fit(const double *x, const double *y, int count) {
    double values[BT_LINE_POINTS_MAX];
    if (count > BT_LINE_POINTS_MAX) count = BT_LINE_POINTS_MAX;
    if (count < 1) return (bt_line){NAN, NAN};
    if (count == 1) return through_origin(x, y, count);
    for (int i = 0; i < count; i++)
        values[i] = slope_from(x, y, count, i);
    bt_line line = {.slope = median_of(values, count)};
    for (int i = 0; i < count; i++)
        values[i] = y[i] - line.slope * x[i];
    line.intercept = median_of(values, count);
    return line.intercept < 0 ? through_origin(x, y, count) : line;
}

double bt_line_at(const bt_line *line, double x) {
    return line->intercept + line->slope * x;
}
