#include "tune/ledger.h"

#include <math.h>

#define LARGEST_BATCH 65536

bt_memory_fit bt_memory_fit_make(const int *batch_sizes, const double *memory_mb, int count) {
    bt_memory_fit fit = {.base_mb = NAN, .per_image_mb = NAN, .points = count};
    double mean_b = 0, mean_m = 0, covariance = 0, variance = 0;
    for (int i = 0; i < count; i++) {
        mean_b += batch_sizes[i] / (double)count;
        mean_m += memory_mb[i] / count;
    }
    for (int i = 0; i < count; i++) {
        covariance += (batch_sizes[i] - mean_b) * (memory_mb[i] - mean_m);
        variance += (batch_sizes[i] - mean_b) * (batch_sizes[i] - mean_b);
    }
    if (variance <= 0) return fit;
    fit.per_image_mb = fmax(covariance / variance, 0);
    fit.base_mb = mean_m - fit.per_image_mb * mean_b;
    return fit;
}

double bt_memory_fit_at(const bt_memory_fit *fit, int batch_size) {
    return fit->base_mb + fit->per_image_mb * batch_size;
}

int64_t bt_memory_fit_largest(const bt_memory_fit *fit, double limit_mb) {
    if (!isfinite(fit->base_mb) || fit->base_mb + fit->per_image_mb > limit_mb) return 0;
    double largest =
        fit->per_image_mb > 0 ? floor((limit_mb - fit->base_mb) / fit->per_image_mb) : LARGEST_BATCH;
    return (int64_t)fmin(largest, LARGEST_BATCH);
}

double bt_memory_of_others_mb(const bt_model_record *model) {
    double others_mb = 0;
    for (int i = 0; i < model->point_count; i++) /* fmax passes NaN over */
        others_mb = fmax(others_mb, model->points[i].memory_total_used_mb - model->points[i].memory_mb);
    return others_mb;
}
