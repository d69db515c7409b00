#include "report/load-panels.h"

#include "base/text.h"
#include "report/load-drawing.h"
#include "report/load-words.h"

/* What is drawn, and on how high a page: so many pixels, and more for each row of a scenario. */
static const struct panel {
    void (*put)(bt_load_drawing *d);
    bool (*is_drawn)(const bt_load_drawing *d); /* NULL: wherever a request was answered */
    int height, row_height;
} panels[BT_LOAD_PLOT_COUNT] = {
    [BT_LOAD_PLOT_PERCENTILES] = {bt_load_put_percentiles, NULL, 900, 0},
    [BT_LOAD_PLOT_SCENARIOS] = {bt_load_put_scenarios, NULL, 270, 52},
    [BT_LOAD_PLOT_SERIES] = {bt_load_put_series, bt_load_series_is_drawn, 900, 0},
    [BT_LOAD_PLOT_BATCHES] = {bt_load_put_batches, bt_load_batches_are_drawn, 520, 0},
    [BT_LOAD_PLOT_RATES] = {bt_load_put_rates, bt_load_rates_are_drawn, 520, 0},
    [BT_LOAD_PLOT_CAPACITY] = {bt_load_put_capacity, bt_load_capacity_is_drawn, 800, 0},
    [BT_LOAD_PLOT_SPLIT] = {bt_load_put_split, NULL, 270, 52},
};

static bt_load_drawing begin(const bt_load_record *record, const bt_load_model *model) {
    bt_load_drawing d = {
        .record = record, .model = model, .sla_ms = bt_load_record_sla_ms(record, model->model)};
    for (int i = 0; i < record->scenario_count && d.count < BT_LOAD_DRAWN_SCENARIOS; i++) {
        const bt_load_part *part = bt_load_part_of(&record->scenarios[i], model->model);
        if (part && part->latency_count > 0)
            d.parts[d.count++] = (bt_load_shown){&record->scenarios[i], part};
    }
    d.left = bt_load_left_margin(&d);
    return d;
}

bool bt_load_panel_is_drawn(const bt_load_record *record, const bt_load_model *model, bt_load_plot plot) {
    const bt_load_drawing d = begin(record, model);
    return d.count > 0 && (!panels[plot].is_drawn || panels[plot].is_drawn(&d));
}

void bt_load_panel_size(const bt_load_record *record, const bt_load_model *model, bt_load_plot plot,
                        char out[32]) {
    const bt_load_drawing d = begin(record, model);
    bt_text_format(out, 32, "%.0f,%d", BT_LOAD_PAGE_WIDTH,
                   panels[plot].height + panels[plot].row_height * d.count);
}

void bt_load_panel_write(FILE *out, FILE *data, const bt_load_record *record, const bt_load_model *model,
                         bt_load_plot plot) {
    bt_load_drawing d = begin(record, model);
    d.out = out;
    d.data = data;
    fputs("reset\n" BT_OPEN_AXES BT_KEY_BELOW, out);
    panels[plot].put(&d);
}
