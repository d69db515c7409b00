/* A tuning run as CSV: a row for each batch size that was measured, for spreadsheets and scripts. */
#include <math.h>
#include <stdbool.h>

#include "report/sweep.h"
#include "report/table.h"

static const bt_column columns[] = {
    {"run_id", false},
    {"workload", false},
    {"model", false},
    {"device", false},
    {"backend", false},
    {"precision", false},
    {"image_size", true},
    {"instances", true},
    {"threads", true},
    {"batch_size", true},
    {"outcome", false},
    {"chosen", true},
    {"provisional", true},
    {"on_pareto_front", true},
    {"best_efficiency", true},
    {"best_throughput", true},
    {"best_latency", true},
    {"best_capacity", true},
    {"sample_count", true},
    {"effective_samples", true},
    {"drifting", true},
    {"p50_ms", true},
    {"p95_ms", true},
    {"p95_lower_ms", true},
    {"p95_upper_ms", true},
    {"mean_ms", true},
    {"throughput_imgs_per_sec", true},
    {"efficiency", true},
    {"late_budget_ms", true},
    {"memory_mb", true},
    {"memory_total_used_mb", true},
    {"memory_predicted_mb", true},
    {"logit_error", true},
    {"mask_iou", true},
    {"capacity_rps", true},
    {"recommended_rps", true},
    {"predicted_p95_ms", true},
    {"best_delay_ms", true},
    {"point_capacity_rps", true},
    {"rate_p95_ms", true},
    {"why", false},
    {"precision_reason", false},
};

static void add_flag(bt_table *table, bool flag) {
    bt_table_text(table, "%d", flag);
}

/* Of the model, and so of the chosen batch size alone. */
static void add_capacity(bt_table *table, const bt_model_record *model, bool chosen) {
    bt_table_exact(table, chosen ? model->capacity_rps : NAN);
    bt_table_exact(table, chosen ? model->recommended_rps : NAN);
    bt_table_exact(table, chosen ? model->predicted_p95_ms : NAN);
}

static void add_row(bt_table *table, const bt_record *record, const bt_model_record *model, int index) {
    const bt_point *point = &model->points[index];
    bt_table_text(table, "%s", record->run_id);
    bt_table_text(table, "%s", record->workload);
    bt_table_text(table, "%s", model->model);
    bt_table_text(table, "%s", model->device);
    bt_table_text(table, "%s", model->backend);
    bt_table_text(table, "%s", model->precision);
    bt_table_text(table, "%d", model->image_size);
    bt_table_text(table, "%d", model->instances);
    bt_table_text(table, "%d", model->threads);
    bt_table_text(table, "%d", point->batch_size);
    bt_table_text(table, "%s", bt_outcome_name(point->outcome));
    add_flag(table, index == model->chosen && model->meets_sla);
    add_flag(table, index == model->chosen && !model->meets_sla);
    add_flag(table, point->on_pareto_front);
    add_flag(table, index == model->winners[BT_OBJECTIVE_EFFICIENCY]);
    add_flag(table, index == model->winners[BT_OBJECTIVE_THROUGHPUT]);
    add_flag(table, index == model->winners[BT_OBJECTIVE_LATENCY]);
    add_flag(table, index == model->winners[BT_OBJECTIVE_CAPACITY]);
    bt_table_text(table, "%d", point->sample_count);
    bt_table_exact(table, point->effective_samples);
    add_flag(table, point->drifting);
    const double numbers[] = {point->p50_ms,
                              point->p95_ms,
                              point->p95_lower_ms,
                              point->p95_upper_ms,
                              point->mean_ms,
                              point->throughput_imgs_per_sec,
                              point->efficiency,
                              point->late_budget_ms,
                              point->memory_mb,
                              point->memory_total_used_mb,
                              point->memory_predicted_mb,
                              point->logit_error,
                              point->mask_iou};
    for (size_t i = 0; i < sizeof numbers / sizeof numbers[0]; i++)
        bt_table_exact(table, numbers[i]);
    add_capacity(table, model, index == model->chosen);
    bt_table_exact(table, point->best_delay_ms);
    bt_table_exact(table, point->capacity_rps);
    bt_table_exact(table, point->rate_p95_ms);
    bt_table_text(table, "%s", point->why);
    bt_table_text(table, "%s", model->precision_reason);
}

bt_status bt_sweep_report_csv(const bt_record *record, FILE *out, bt_error *error) {
    bt_table *table;
    bt_status status = bt_table_open(&table, columns, sizeof columns / sizeof columns[0], error);
    if (status != BT_OK) return status;
    for (int i = 0; i < record->model_count; i++)
        for (int point = 0; point < record->models[i].point_count; point++)
            add_row(table, record, &record->models[i], point);
    status = bt_table_write_csv(table, out, error);
    bt_table_close(&table);
    return status;
}
