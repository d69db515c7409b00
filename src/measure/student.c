#include "measure/student.h"

#include <math.h>

#define STEPS_MAX 400
#define TINY      1e-300

/* lgamma of the C library writes a global variable; this one does not. */
static double log_gamma(double x) {
    int sign;
    return lgamma_r(x, &sign);
}

/* The continued fraction of the incomplete beta function, by Lentz's method; converges fast for
 * x < (a + 1) / (a + b + 2). */
static double beta_fraction(double a, double b, double x) {
    double c = 1, d = 1 - (a + b) * x / (a + 1);
    if (fabs(d) < TINY) d = TINY;
    d = 1 / d;
    double value = d;
    for (int m = 1; m <= STEPS_MAX; m++) {
        for (int odd = 0; odd < 2; odd++) {
            double factor = odd ? -(a + m) * (a + b + m) * x / ((a + 2 * m) * (a + 2 * m + 1))
                                : m * (b - m) * x / ((a + 2 * m - 1) * (a + 2 * m));
            d = 1 + factor * d;
            c = 1 + factor / c;
            if (fabs(d) < TINY) d = TINY;
            if (fabs(c) < TINY) c = TINY;
            d = 1 / d;
            value *= c * d;
        }
        if (fabs(c * d - 1) < 1e-15) break;
    }
    return value;
}

static double incomplete_beta(double a, double b, double x) {
    if (x <= 0) return 0;
    if (x >= 1) return 1;
    double front = exp(log_gamma(a + b) - log_gamma(a) - log_gamma(b) + a * log(x) + b * log1p(-x));
    if (x < (a + 1) / (a + b + 2)) return front * beta_fraction(a, b, x) / a;
    return 1 - front * beta_fraction(b, a, 1 - x) / b;
}

double bt_student_above(double t, double degrees) {
    double tail = incomplete_beta(degrees / 2, 0.5, degrees / (degrees + t * t)) / 2;
    return t >= 0 ? tail : 1 - tail;
}

double bt_student_quantile(double above, double degrees) {
    if (above > 0.5) return -bt_student_quantile(1 - above, degrees);
    double low = 0, high = 1;
    while (bt_student_above(high, degrees) > above && high < 1e12)
        low = high, high *= 2;
    for (int i = 0; i < 200 && high - low > 1e-12 * high; i++) {
        double middle = (low + high) / 2;
        if (bt_student_above(middle, degrees) > above)
            low = middle;
        else
            high = middle;
    }
    return (low + high) / 2;
}
