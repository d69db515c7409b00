#include "tune/memory-fit.h"

#include <math.h>

/* The line through (b0, m0) that is nearest to the points. */
static bt_memory_fit line_through(double b0, double m0, const int *batch_sizes, const double *memory_mb,
                                  int count) {
    double covariance = 0, variance = 0;
    for (int i = 0; i < count; i++) {
        covariance += (batch_sizes[i] - b0) * (memory_mb[i] - m0);
        variance += (batch_sizes[i] - b0) * (batch_sizes[i] - b0);
    }
    bt_memory_fit fit = {.base_mb = NAN, .per_image_mb = NAN, .points = count};
    if (variance <= 0) return fit;
    fit.per_image_mb = fmax(covariance / variance, 0);
    fit.base_mb = m0 - fit.per_image_mb * b0;
    return fit;
}

/* The smallest size, and the mean memory of its points. */
static int smallest(const int *batch_sizes, const double *memory_mb, int count, double *mean_mb) {
    int size = batch_sizes[0], of_it = 0;
    for (int i = 1; i < count; i++)
        if (batch_sizes[i] < size) size = batch_sizes[i];
    *mean_mb = 0;
    for (int i = 0; i < count; i++)
        if (batch_sizes[i] == size) *mean_mb += (memory_mb[i] - *mean_mb) / ++of_it;
    return size;
}

bt_memory_fit bt_memory_fit_make(const int *batch_sizes, const double *memory_mb, int count) {
    double mean_b = 0, mean_m = 0, least_mb;
    for (int i = 0; i < count; i++) {
        mean_b += batch_sizes[i] / (double)count;
        mean_m += memory_mb[i] / count;
    }
    bt_memory_fit fit = line_through(mean_b, mean_m, batch_sizes, memory_mb, count);
    if (isnan(fit.base_mb) || bt_memory_fit_at(&fit, 1) > 0) return fit;
    const int least = smallest(batch_sizes, memory_mb, count, &least_mb);
    fit = line_through(least, least_mb, batch_sizes, memory_mb, count);
    return bt_memory_fit_at(&fit, 1) > 0 ? fit : line_through(0, 0, batch_sizes, memory_mb, count);
}

double bt_memory_fit_at(const bt_memory_fit *fit, int batch_size) {
    return fit->base_mb + fit->per_image_mb * batch_size;
}

int64_t bt_memory_fit_largest(const bt_memory_fit *fit, double limit_mb) {
    if (!isfinite(fit->base_mb) || fit->base_mb + fit->per_image_mb > limit_mb) return 0;
    double largest =
        fit->per_image_mb > 0 ? floor((limit_mb - fit->base_mb) / fit->per_image_mb) : BT_BATCH_MAX;
    return (int64_t)fmin(largest, BT_BATCH_MAX);
}

double bt_memory_of_others_mb(const bt_model_record *model) {
    double others_mb = 0;
    for (int i = 0; i < model->point_count; i++) /* fmax passes NaN over */
        others_mb = fmax(others_mb, model->points[i].memory_total_used_mb - model->points[i].memory_mb);
    return others_mb;
}
