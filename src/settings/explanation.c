#include "settings/explanation.h"

#include "settings/rows.h"
#include "settings/tuning.h"

#define ROW(type, member)                                                                                    \
    BT_ROW(type, bt_explanation_settings, member), .group = "What to explain", .scope = BT_SCOPE_COMMAND

const bt_option bt_explanation_settings_table[] = {
    {ROW(NAMES, models), .placeholder = "NAME,...",
     .help = "The models to explain; all that there are unless given."},
    {ROW(NUMBER, rate), BT_BOUNDS(BT_RATE_LEAST_RPS, BT_RATE_MOST_RPS), .placeholder = "RPS",
     .help = "Requests a second for which a config's or tuning run's requests are predicted; unless given, "
             "the rate "
             "that tuning was told to expect, else 60 % of the capacity."},
    {ROW(CHOICE, format), .initial = "table", .choices = "table|json|markdown",
     .help = "How it is printed; with json and markdown the verdict goes to standard error."},
};

const size_t bt_explanation_settings_count =
    sizeof bt_explanation_settings_table / sizeof *bt_explanation_settings_table;
