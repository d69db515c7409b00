/* The straight line through a few points of which some may be far off it.
 *
 * Siegel's repeated medians ("Robust regression using repeated medians", 1982): of each point the median slope to all
 * others, and of those the median. One of five points may be anywhere, or two of seven, and the line stays with the
 * rest, where least squares would follow the farthest. Pure. */
#ifndef BT_MEASURE_LINE_H
#define BT_MEASURE_LINE_H

#ifdef __cplusplus
extern "C" {
#endif

#define BT_LINE_POINTS_MAX 64

typedef struct bt_line {
    double intercept, slope; /* NaN without a point; one point alone: through it and the origin */
} bt_line;

/* Through at most BT_LINE_POINTS_MAX points, the first so many of more; no two of the same x, all x above 0. The
 * intercept is never negative: where it came out so, the line goes through the origin. */
bt_line bt_line_fit(const double *x, const double *y, int count);

double bt_line_at(const bt_line *line, double x);

#ifdef __cplusplus
}
#endif
#endif
