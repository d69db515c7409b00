#include "explain/service-time.h"

#include <math.h>
#include <stddef.h>

#include "explain/what-if.h"
#include "measure/line.h"

/* A size whose time is off the line by more than this share of itself is told. Lower: the noise of a run reads as
 * a bend; higher: a plateau or a wall goes untold. */
#define BENT_SHARE 0.15

double bt_median_of_quantiles(const double *quantiles_ms, int count) {
    if (count == 0) return 0;
    return (quantiles_ms[(count - 1) / 2] + quantiles_ms[count / 2]) / 2;
}

/* NaN where the size was not run to an end. Configs of before have no quantiles. */
static double run_ms(const bt_config_point *point) {
    if (point->quantile_count > 0)
        return bt_median_of_quantiles(point->service_ms_quantiles, point->quantile_count);
    return isnan(point->p50_ms) ? point->mean_ms : point->p50_ms;
}

static int count_sizes(const bt_config_model *model) {
    int count = 0;
    for (int i = 0; i < model->point_count; i++)
        count += run_ms(&model->points[i]) > 0;
    return count < BT_LINE_POINTS_MAX ? count : BT_LINE_POINTS_MAX;
}

bt_explained_size *bt_explained_size_of(const bt_explained_model *model, int batch_size) {
    for (int i = 0; i < model->size_count; i++)
        if (model->sizes[i].batch_size == batch_size) return &model->sizes[i];
    return NULL;
}

static void fill_sizes(bt_explained_model *out, const bt_config_model *model) {
    const double handling_ms = out->prepare_ms + out->deliver_ms;
    double most = 0;
    int next = 0;
    for (int i = 0; i < model->point_count && next < out->size_count; i++) {
        const double ms = run_ms(&model->points[i]);
        if (!(ms > 0)) continue;
        bt_explained_size *size = &out->sizes[next++];
        size->batch_size = model->points[i].batch_size;
        size->run_ms = ms;
        size->image_ms = ms / size->batch_size + handling_ms;
        size->imgs_per_sec = bt_instances_of(model) * 1e3 / size->image_ms;
        most = fmax(most, size->imgs_per_sec);
    }
    for (int i = 0; i < out->size_count; i++) {
        out->sizes[i].filled = out->sizes[i].imgs_per_sec / most;
        if (out->filled_at == 0 && out->sizes[i].filled >= BT_FILLED_SHARE)
            out->filled_at = out->sizes[i].batch_size;
    }
}

static void fill_line(bt_explained_model *out) {
    double x[BT_LINE_POINTS_MAX], y[BT_LINE_POINTS_MAX], worst = BENT_SHARE;
    for (int i = 0; i < out->size_count; i++) {
        x[i] = out->sizes[i].batch_size;
        y[i] = out->sizes[i].run_ms;
    }
    const bt_line line = bt_line_fit(x, y, out->size_count);
    out->image_ms = line.slope;
    if (out->size_count < 2) return; /* of one size nobody knows what is fixed */
    out->fixed_ms = line.intercept;
    out->fixed_share = line.intercept / bt_line_at(&line, 1);
    for (int i = 0; i < out->size_count; i++) {
        bt_explained_size *size = &out->sizes[i];
        size->line_ms = bt_line_at(&line, size->batch_size);
        const double off = (size->run_ms - size->line_ms) / size->run_ms;
        if (fabs(off) <= worst) continue;
        worst = fabs(off);
        out->bent_at = size->batch_size;
        out->bent_percent = 100 * off;
    }
}

/* Clocks that have gone down, caches that others have filled. */
static void fill_pause(bt_explained_model *out, const bt_config_model *model) {
    for (int i = 0; i < model->idle_count; i++) {
        if (model->idle_extra_ms[i] <= out->after_pause_ms)
            continue; /* never so of NaN: the first is taken */
        out->pause_ms = model->idle_gap_ms[i];
        out->after_pause_ms = model->idle_extra_ms[i];
    }
}

bt_status bt_explain_service_time(bt_explained_model *out, const bt_config_model *model, bt_error *error) {
    bt_status status = bt_explained_model_room(out, count_sizes(model), 1, error);
    if (status != BT_OK) return status;
    out->load_count = 0; /* until one is predicted */
    out->prepare_ms = bt_median_of_quantiles(model->prepare_ms_quantiles, model->prepare_quantile_count);
    out->deliver_ms = bt_median_of_quantiles(model->deliver_ms_quantiles, model->deliver_quantile_count);
    fill_sizes(out, model);
    fill_line(out);
    fill_pause(out, model);
    return BT_OK;
}
