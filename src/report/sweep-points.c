/* What is shown of a tuning run's points: the numbers that panels draw and data files hold. */
#include <math.h>

#include "report/sweep-drawing.h"

double bt_sweep_throughput(const bt_point *point) {
    return point->throughput_imgs_per_sec;
}
double bt_sweep_p95_ms(const bt_point *point) {
    return point->p95_ms;
}
double bt_sweep_efficiency(const bt_point *point) {
    return point->efficiency;
}
double bt_sweep_memory_mb(const bt_point *point) {
    return isfinite(point->memory_mb) ? point->memory_mb : point->memory_predicted_mb;
}

bool bt_sweep_point_is_drawn(const bt_sweep_drawing *panel, const bt_point *point) {
    return isfinite(panel->y_value(point)) && (!panel->by_latency || isfinite(point->p95_ms));
}

bool bt_sweep_on_front(const bt_point *point) {
    return point->on_pareto_front && isfinite(point->p95_ms) && isfinite(point->throughput_imgs_per_sec);
}
bool bt_sweep_has_bounds(const bt_point *point) {
    return isfinite(point->p95_lower_ms) && isfinite(point->p95_upper_ms);
}
bool bt_sweep_is_open(const bt_point *point) {
    return isfinite(point->p95_ms) && !isfinite(point->p95_upper_ms);
}

int bt_sweep_count(const bt_model_record *model, bool (*holds)(const bt_point *point)) {
    int count = 0;
    for (int i = 0; i < model->point_count; i++)
        count += holds(&model->points[i]);
    return count;
}

double bt_sweep_largest(const bt_model_record *model, double (*value)(const bt_point *point)) {
    double most = 0;
    for (int i = 0; i < model->point_count; i++)
        most = fmax(most, value(&model->points[i]));
    return isfinite(most) ? most : 0;
}
