/* What perf-gate is asked to do: the tables of its four commands, put together from the same groups of
 * rows. */
#ifndef BT_SETTINGS_GATE_H
#define BT_SETTINGS_GATE_H

#include "base/options.h"

#ifdef __cplusplus
extern "C" {
#endif

typedef enum bt_gate_format {
    BT_GATE_FORMAT_TABLE,
    BT_GATE_FORMAT_JSON,
    BT_GATE_FORMAT_MARKDOWN,
    BT_GATE_FORMAT_JUNIT
} bt_gate_format;

/* What a turn measures. */
typedef struct bt_gauge_settings {
    bt_names models;
    bt_sizes batches;
    int64_t image_size, threads, samples;
    char backend[BT_OPTION_TEXT_SIZE], device[BT_OPTION_TEXT_SIZE], weights[BT_OPTION_TEXT_SIZE];
    int precision; /* bt_precision */
    bool networks, core, use_amp, use_channels_last;
} bt_gauge_settings;

typedef struct bt_gate_settings {
    bt_gauge_settings gauge; /* first: its table's rows are other tables' rows */
    /* record */
    int64_t turns;
    /* run */
    char base[BT_OPTION_TEXT_SIZE], head[BT_OPTION_TEXT_SIZE];
    char base_name[BT_OPTION_TEXT_SIZE], head_name[BT_OPTION_TEXT_SIZE];
    char base_missing[BT_OPTION_TEXT_SIZE]; /* "": it is there */
    int64_t time_budget_ns, pairs;
    bool instructions, even_identical;
    /* judging */
    char rules[BT_OPTION_TEXT_SIZE], profile[BT_OPTION_TEXT_SIZE];
    int on_inconclusive; /* bt_on_inconclusive of gate/judge.h */
    int64_t seed;
    /* telling */
    int format; /* bt_gate_format */
    char output[BT_OPTION_TEXT_SIZE], verdict[BT_OPTION_TEXT_SIZE];
    bool quiet;
} bt_gate_settings;

typedef enum bt_gate_command {
    BT_GATE_RECORD,
    BT_GATE_COMPARE,
    BT_GATE_RUN,
    BT_GATE_SHOW,
    BT_GATE_COMMAND_COUNT
} bt_gate_command;

extern const bt_option bt_gauge_settings_table[];
extern const size_t bt_gauge_settings_count;

/* A command's whole table; `count` receives its length. Made at the first call, constant after; any
 * thread. */
const bt_option *bt_gate_settings_table(bt_gate_command command, size_t *count);

#ifdef __cplusplus
}
#endif
#endif
