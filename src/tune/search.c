#include "tune/search.h"

#include <math.h>

/* Service times lie on a line when LINE_POINTS or more of them, which fewer do not show, are within LINE_TOLERANCE
 * of it; a size in between may then be LINE_OPTIMISM below it. A wider tolerance, or less optimism, ends the search
 * sooner, and may miss the edge of a staircase that looks like a line. */
#define LINE_POINTS    4
#define LINE_TOLERANCE 0.03
#define LINE_OPTIMISM  0.01

bool bt_search_goes_on(const double *throughputs, int count, int last_batch) {
    if (last_batch * 2 > BT_SEARCH_MAX_BATCH) return false;
    if (count < 4) return true;
    double before = throughputs[count - 4];
    double since = fmax(fmax(throughputs[count - 3], throughputs[count - 2]), throughputs[count - 1]);
    return since >= before * (1 + BT_SEARCH_PLATEAU_GAIN);
}

/* The straight line that fits the service times best (least squares of relative errors). */
typedef struct line {
    double base_ms, per_image_ms;
    bool fits; /* every measured time lies within LINE_TOLERANCE of it */
} line;

static double on_line(const line *l, int batch_size) {
    return l->base_ms + l->per_image_ms * batch_size;
}

static line fit_line(const bt_search_point *points, int count) {
    double w = 0, wb = 0, wbb = 0, ws = 0, wbs = 0;
    int used = 0;
    for (int i = 0; i < count; i++) {
        double b = points[i].batch_size, s = points[i].service_ms, weight = 1 / (s * s);
        if (!isfinite(s)) continue;
        used++;
        w += weight;
        wb += weight * b;
        wbb += weight * b * b;
        ws += weight * s;
        wbs += weight * b * s;
    }
    double determinant = w * wbb - wb * wb;
    line l = {.fits = used >= LINE_POINTS && determinant > 0};
    if (!l.fits) return l;
    l.per_image_ms = (w * wbs - wb * ws) / determinant;
    l.base_ms = (ws - l.per_image_ms * wb) / w;
    for (int i = 0; i < count; i++) {
        double s = points[i].service_ms;
        if (isfinite(s) && fabs(on_line(&l, points[i].batch_size) - s) > LINE_TOLERANCE * s) l.fits = false;
    }
    return l;
}

/* The best score that some size strictly between two neighbours may have. */
static double conceivable(bt_objective objective, const bt_search_point *low, const bt_search_point *high,
                          const line *l) {
    double best = 0;
    for (int b = low->batch_size + 1; b < high->batch_size; b++) {
        double service_ms =
            l->fits ? fmax(low->service_ms, on_line(l, b) * (1 - LINE_OPTIMISM)) : low->service_ms;
        best = fmax(best, bt_score_of(objective, b, service_ms));
    }
    return best;
}

int bt_search_refine(bt_objective objective, const bt_search_point *points, int count) {
    double best = 0, most = 0;
    int middle = 0;
    for (int i = 0; i < count; i++)
        if (!points[i].refused)
            best = fmax(best, bt_score_of(objective, points[i].batch_size, points[i].service_ms));
    line l = fit_line(points, count);
    for (int i = 0; i + 1 < count; i++) {
        if (points[i].refused || !isfinite(points[i].service_ms)) continue; /* what is larger is no better */
        double promise = conceivable(objective, &points[i], &points[i + 1], &l);
        if (promise <= best * (1 + BT_SEARCH_WORTHWHILE) || promise <= most) continue;
        most = promise;
        middle = points[i].batch_size + (points[i + 1].batch_size - points[i].batch_size) / 2;
    }
    return middle;
}
