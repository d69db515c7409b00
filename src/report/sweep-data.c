/* The numbers behind the plots of a tuning run: one data file a model. */
#include <math.h>
#include <stdlib.h>

#include "base/text.h"
#include "report/layout.h"
#include "report/sweep-drawing.h"
#include "report/sweep-panels.h"
#include "report/sweep-rates.h"

static void put_number(FILE *out, double value) {
    if (isfinite(value))
        bt_text_print(out, " %12.6g", value);
    else
        fprintf(out, " %12s", "NaN");
}

static int by_p95(const void *a, const void *b) {
    double left = (*(const bt_point *const *)a)->p95_ms, right = (*(const bt_point *const *)b)->p95_ms;
    return (left > right) - (left < right);
}

/* The named block of the points that `holds` of: batch size, one number, and another where there is one. */
static void put_block(FILE *out, const bt_model_record *model, const char *name,
                      bool (*holds)(const bt_point *point), double (*first)(const bt_point *point),
                      double (*second)(const bt_point *point)) {
    fprintf(out, "\n\n# %s\n", name);
    for (int i = 0; i < model->point_count; i++) {
        const bt_point *point = &model->points[i];
        if (!holds(point)) continue;
        fprintf(out, "%5d", point->batch_size);
        put_number(out, first(point));
        if (second) put_number(out, second(point));
        fputc('\n', out);
    }
}

static double p95_lower_ms(const bt_point *point) {
    return point->p95_lower_ms;
}

static double p95_upper_ms(const bt_point *point) {
    return point->p95_upper_ms;
}

static void put_front(FILE *out, const bt_model_record *model) {
    int count = 0;
    const bt_point **front = malloc((size_t)model->point_count * sizeof *front + 1);
    if (!front) return;
    for (int i = 0; i < model->point_count; i++)
        if (bt_sweep_on_front(&model->points[i])) front[count++] = &model->points[i];
    qsort(front, (size_t)count, sizeof *front, by_p95);
    fprintf(out, "\n\n# front\n");
    for (int i = 0; i < count; i++) {
        fprintf(out, "%5d", front[i]->batch_size);
        put_number(out, front[i]->p95_ms);
        put_number(out, front[i]->throughput_imgs_per_sec);
        fputc('\n', out);
    }
    free(front);
}

void bt_sweep_panel_data(FILE *out, const bt_record *record, const bt_model_record *model) {
    char title[BT_NAME_SIZE], subject[256], run[64];
    bt_layout_clean(model->title, title, sizeof title);
    bt_layout_clean(record->run_id, run, sizeof run);
    bt_sweep_panel_subject(record, model, subject, sizeof subject);
    fprintf(out, "# %s on %s; run %s\n", title, subject, run);
    fprintf(
        out,
        "# 1 batch_size, 2 outcome, 3 samples, 4 p50_ms, 5 p95_ms, 6 p95_lower_ms, 7 p95_upper_ms,\n"
        "# 8 throughput_imgs_per_sec, 9 efficiency, 10 memory_mb (MiB; predicted where not run)\n"
        "# then \"bounds\": batch_size, p95_lower_ms, p95_upper_ms, where both exist; \"open\": batch_size,\n"
        "# p95_ms, where the upper one does not; and \"front\", the Pareto front by rising P95: batch_size,\n"
        "# p95_ms, throughput_imgs_per_sec\n");
    for (int i = 0; i < model->point_count; i++) {
        const bt_point *point = &model->points[i];
        fprintf(out, "%5d %-22s %5d", point->batch_size, bt_outcome_name(point->outcome),
                point->sample_count);
        const double numbers[] = {point->p50_ms,
                                  point->p95_ms,
                                  point->p95_lower_ms,
                                  point->p95_upper_ms,
                                  bt_sweep_throughput(point),
                                  point->efficiency,
                                  bt_sweep_memory_mb(point)};
        for (size_t n = 0; n < sizeof numbers / sizeof numbers[0]; n++)
            put_number(out, numbers[n]);
        fputc('\n', out);
    }
    put_block(out, model, "bounds", bt_sweep_has_bounds, p95_lower_ms, p95_upper_ms);
    put_block(out, model, "open", bt_sweep_is_open, bt_sweep_p95_ms, NULL);
    put_front(out, model);
    bt_sweep_rates_data(out, model);
}
