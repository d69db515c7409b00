/* Student's t distribution: how surely a mean of few samples lies where it seems to.
 *
 * The normal's quantiles are too narrow for a dozen samples, and most so far out, where a decision that many
 * looks and many metrics share has to be taken. Pure; any thread. */
#ifndef BT_MEASURE_STUDENT_H
#define BT_MEASURE_STUDENT_H

#ifdef __cplusplus
extern "C" {
#endif

/* P[T > t] for `degrees` of freedom (above 0, fractions allowed), to about 10 digits in either tail: the
 * incomplete beta function by its continued fraction (Abramowitz and Stegun 26.5.8, 26.7.1). */
double bt_student_above(double t, double degrees);

/* The t with P[T > t] = `above`, which lies in (0, 1). By bisection. */
double bt_student_quantile(double above, double degrees);

#ifdef __cplusplus
}
#endif
#endif
