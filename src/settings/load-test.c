#include "settings/load-test.h"

#include <pthread.h>
#include <stddef.h>
#include <string.h>

#include "settings/picture-rows.h"

#define VALUE(field) .offset = offsetof(bt_load_settings, field)
#define LOAD         .group = "The load"
#define RUN          .group = "This run", .scope = BT_SCOPE_COMMAND

static const bt_option own[] = {
    {.name = "models",
     .type = BT_OPTION_NAMES,
     VALUE(models),
     .placeholder = "NAME,...",
     LOAD,
     .help = "Which of the config's models to test; all unless given."},
    {.name = "scenarios",
     .type = BT_OPTION_NAMES,
     VALUE(scenarios),
     .initial = "single,burst,sustained,mixed",
     .placeholder = "NAME,...",
     LOAD,
     .help = "single: one request after another. burst: so many at once. sustained: random arrivals at a "
             "steady rate. "
             "mixed: that for all models at once. soak: mixed for half an hour."},
    {.name = "rate",
     .type = BT_OPTION_TEXT,
     VALUE(rate),
     .initial = "auto",
     .placeholder = "R",
     LOAD,
     .help = "Requests a second of sustained, mixed and soak, for each model; auto: 60 % of the capacity "
             "that the "
             "simulator predicts, shared between the models that run at once."},
    {.name = "duration",
     .type = BT_OPTION_DURATION,
     VALUE(duration_ns),
     .minimum = 1,
     .maximum = 604800,
     .placeholder = "TIME",
     LOAD,
     .help = "Of each scenario. Unless given, 10 to 30 seconds, longer where a verdict needs it, and half an "
             "hour for soak. A bound of P95 takes 59 requests at the least."},
    {.name = "lengthen",
     .type = BT_OPTION_INTEGER,
     VALUE(lengthen),
     .minimum = 1,
     .maximum = 64,
     .placeholder = "TIMES",
     LOAD,
     .help = "A scenario whose P95 is neither shown to be within the SLA nor above it goes on, up to so many "
             "times its length; unless given, 8 within four minutes, and 1 (never) with a duration."},
    {.name = "burst_size",
     .type = BT_OPTION_INTEGER,
     VALUE(burst_size),
     .minimum = 1,
     .maximum = 65536,
     .placeholder = "N",
     LOAD,
     .help = "Requests of a burst; the batch size unless given. The largest burst within the SLA is looked "
             "for besides."},
    {.name = "trace",
     .type = BT_OPTION_TEXT,
     VALUE(trace),
     .placeholder = "FILE",
     LOAD,
     .help = "Arrival times for sustained, mixed and soak, a line each, in seconds, instead of random ones."},
    {.name = "images",
     .type = BT_OPTION_TEXT,
     VALUE(images),
     .placeholder = "FOLDER",
     LOAD,
     .help = "Pictures (PNG, JPEG, TIFF) to send, each in its own size: the first 64 by name, as far as they "
             "fit 1 GiB. Synthetic micrographs unless given."},
    BT_PICTURE_ROWS(bt_load_settings, LOAD),
    {.name = "image_sizes",
     .type = BT_OPTION_TEXT,
     VALUE(image_sizes),
     .placeholder = "PIXELS,...",
     LOAD,
     .help =
         "Sizes of the images that are sent, with weights: \"512,1024:3\" sends three of four at 1024; the "
         "model's own size unless given, or that of each of `images`."},
    {.name = "seed",
     .type = BT_OPTION_INTEGER,
     VALUE(seed),
     .initial = "1",
     .minimum = 0,
     .maximum = 9007199254740991.0,
     .placeholder = "N",
     LOAD,
     .help = "Of arrivals and images: the same seed sends the same load."},
    {.name = "tolerate_cores",
     .type = BT_OPTION_NUMBER,
     VALUE(tolerate_cores),
     .initial = "0.25",
     .minimum = 0,
     .maximum = 1024,
     .placeholder = "CORES",
     LOAD,
     .help = "How many cores other programs may use before a test is called disturbed, and a broken promise "
             "theirs; raise it where a service shares its machine anyhow."},
    {.name = "config",
     .type = BT_OPTION_TEXT,
     VALUE(config),
     .initial = "configs/production_batch_config.json",
     .placeholder = "FILE",
     RUN,
     .help = "The config to prove, as optimize-batch wrote it."},
    {.name = "format",
     .type = BT_OPTION_CHOICE,
     VALUE(format),
     .initial = "table",
     .choices = "table|json|markdown|junit|html",
     RUN,
     .help = "How the result is printed; the report is written as Markdown and HTML in any case."},
    {.name = "output",
     .type = BT_OPTION_TEXT,
     VALUE(output),
     .placeholder = "FILE",
     RUN,
     .help = "Where it is printed; standard output unless given."},
    {.name = "results",
     .type = BT_OPTION_TEXT,
     VALUE(results),
     .initial = "results",
     .placeholder = "FOLDER",
     RUN,
     .help = "Where the record, reports and log of a run are kept."},
    {.name = "plots",
     .type = BT_OPTION_TEXT,
     VALUE(plots),
     .initial = "plots",
     .placeholder = "FOLDER",
     RUN,
     .help = "Where gnuplot scripts, data and pictures go."},
    {.name = "quiet",
     .type = BT_OPTION_SWITCH,
     VALUE(quiet),
     .initial = "false",
     RUN,
     .help = "No progress; only the result and what went wrong."},
};
#define OWN_COUNT (sizeof own / sizeof *own)

static bt_option table[BT_OPTIONS_MAX];
static pthread_once_t made = PTHREAD_ONCE_INIT;

/* The service's settings are the first member, so its rows' offsets hold. */
_Static_assert(offsetof(bt_load_settings, service) == 0, "the service's settings come first");

static void make(void) {
    memcpy(table, bt_service_settings_table, bt_service_settings_count * sizeof *table);
    memcpy(table + bt_service_settings_count, own, sizeof own);
}

const bt_option *bt_load_settings_table(size_t *count) {
    pthread_once(&made, make);
    *count = bt_service_settings_count + OWN_COUNT;
    return table;
}
