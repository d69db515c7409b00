/* What a load test of servers says of them: who they are, and what they counted themselves. */
#include <math.h>

#include "base/text.h"
#include "report/layout.h"
#include "report/load-words.h"

/* Appends to a phrase. */
#define ADD(out, ...) bt_text_append(out, BT_LOAD_WORDS_SIZE, __VA_ARGS__)

void bt_load_words_servers(const bt_load_record *record, char out[BT_LOAD_WORDS_SIZE]) {
    out[0] = '\0';
    for (int i = 0; i < record->endpoint_count; i++) {
        const bt_load_endpoint *e = &record->endpoints[i];
        char name[sizeof e->name], version[sizeof e->version], url[sizeof e->url];
        bt_layout_clean(e->name, name, sizeof name);
        bt_layout_clean(e->version, version, sizeof version);
        bt_layout_clean(e->url, url, sizeof url);
        ADD(out, "%s%s%s%s at %s", i ? "; " : "", name[0] ? name : "a server without a name",
            version[0] ? " " : "", version, url);
    }
    if (record->endpoint_count > 1) ADD(out, "; each request went to the one with the fewest under way");
}

static void cell(bt_table *table, double value) {
    bt_table_number(table, value, bt_layout_decimals(value));
}

/* Latency as it was here is that without what was sent late. */
static void add_row(bt_table *table, const bt_load_scenario *scenario, const bt_load_part *part) {
    const bt_load_server *s = &part->server;
    bt_table_text(table, "%s", scenario->title);
    bt_table_text(table, "%lld", (long long)s->requests);
    bt_table_number(table, s->failed, 0);
    cell(table, s->queue_mean_ms);
    cell(table, s->input_mean_ms);
    cell(table, s->infer_mean_ms);
    cell(table, s->output_mean_ms);
    cell(table, s->total_mean_ms);
    cell(table, part->latency.mean_ms - part->slip_mean_ms);
    bt_table_number(table, s->mean_batch_size, 2);
}

bt_status bt_load_server_table(bt_table **out, const bt_load_record *record, const bt_load_model *model,
                               bt_error *error) {
    static const bt_column columns[] = {
        {"mean ms at the server", false},
        {"requests", true},
        {"failed", true},
        {"queue", true},
        {"input", true},
        {"compute", true},
        {"output", true},
        {"in all", true},
        {"seen here", true},
        {"batch", true},
    };
    bt_status status = bt_table_open(out, columns, sizeof columns / sizeof *columns, error);
    for (int i = 0; i < record->scenario_count && status == BT_OK; i++) {
        const bt_load_part *part = bt_load_part_of(&record->scenarios[i], model->model);
        if (part && part->server.requests > 0) add_row(*out, &record->scenarios[i], part);
    }
    return status;
}
