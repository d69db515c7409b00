#include "settings/replicas.h"

#include "settings/rows.h"
#include "settings/tuning.h"

#define ROW(type, member)                                                                                    \
    BT_ROW(type, bt_replicas_settings, member), .group = "What to plan", .scope = BT_SCOPE_COMMAND

const bt_option bt_replicas_settings_table[] = {
    {ROW(NUMBER, rate), .initial = "0", BT_BOUNDS(0, BT_RATE_MOST_RPS), .placeholder = "RPS",
     .help = "Requests a second of each model that are to be served, on average; they come at random."},
    {ROW(TEXT, config), .initial = BT_USUAL_CONFIG, .placeholder = "FILE", .help = "The config file."},
    {ROW(NAMES, models), .placeholder = "NAME,...", .help = "Which of its models; all unless given."},
    {ROW(NUMBER, headroom_percent), .initial = "25", BT_BOUNDS(0, 1000), .placeholder = "PERCENT",
     .help = "So much more than that the plan still serves within the promise. More outlasts faster growth "
             "while replicas start, and costs more of them."},
    {ROW(CHOICE, balancing), .choices = "least|round-robin",
     .help =
         "How requests are shared out. least: to the replica that has fewest under way (nginx's "
         "least_conn, Envoy's LEAST_REQUEST). round-robin: in turn (Kubernetes' services come near to it)."},
    {ROW(INTEGER, replicas), .initial = "0", BT_BOUNDS(0, 1024), .placeholder = "N",
     .help = "What so many do at that rate, in place of a plan; 0: a plan."},
    {ROW(NUMBER, p95_sla_ms), .initial = "0", BT_BOUNDS(0, 3.6e6), .placeholder = "MS",
     .help = "Another promise than each model's own in the config; 0: that."},
    {BT_ROW_SEED(bt_replicas_settings), .group = "What to plan", .scope = BT_SCOPE_COMMAND,
     .help = "Seed of arrivals and service times."},
    {ROW(CHOICE, format), .initial = "table", .choices = "table|json",
     .help = "How it is printed; with json the verdict goes to standard error."},
};

const size_t bt_replicas_settings_count =
    sizeof bt_replicas_settings_table / sizeof *bt_replicas_settings_table;
