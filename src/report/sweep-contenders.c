#include "report/sweep-contenders.h"

#include <stdio.h>

#include "report/layout.h"
#include "settings/precision.h"

int bt_contender_rows(const bt_model_record *model) {
    int count = 0;
    for (int i = 0; i < model->contender_count && bt_model_contender(model); i++)
        count += bt_model_told_contender(model, i) != NULL;
    return count > 1 ? count : 0;
}

static void add_row(bt_table *table, const bt_contender *c) {
    bt_precision precision = BT_PRECISION_AUTO;
    const bool known = bt_precision_find(&precision, c->precision);
    char threads[24] = "all";
    if (c->threads > 0) snprintf(threads, sizeof threads, "%d", c->threads);
    bt_table_text(table, "%s", c->taken ? "→" : "");
    bt_table_text(table, "%s", known ? bt_precision_title(precision) : c->precision);
    bt_table_text(table, "%s", c->channels_last ? "NHWC" : "NCHW");
    bt_table_text(table, "%d × %s", c->instances, threads);
    bt_table_number(table, c->median_ms, bt_layout_decimals(c->median_ms));
    bt_table_number(table, c->throughput_imgs_per_sec, bt_layout_decimals(c->throughput_imgs_per_sec));
    bt_table_number(table, c->ratio, 2);
    bt_table_number(table, c->mask_iou, 4);
    bt_table_text(table, "%s", c->taken ? "taken" : c->why);
}

bt_status bt_contender_table(bt_table **out, const bt_model_record *model, bt_error *error) {
    static const bt_column columns[] = {
        {"", false},      {"precision", false}, {"layout", false}, {"instances × threads", true},
        {"P50 ms", true}, {"img/s", true},      {"speed", true},   {"mask IoU", true},
        {"why", false},
    };
    bt_status status = bt_table_open(out, columns, sizeof columns / sizeof columns[0], error);
    if (status != BT_OK) return status;
    for (int i = 0; i < model->contender_count; i++) {
        const bt_contender *c = bt_model_told_contender(model, i);
        if (c) add_row(*out, c);
    }
    return BT_OK;
}
