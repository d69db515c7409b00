#include "settings/load-test.h"

#include <pthread.h>

#include "settings/rows.h"
#include "settings/tuning.h"

#define ROW(type, member) BT_ROW(type, bt_load_settings, member)
#define LOAD              .group = "The load"
#define RUN               .group = "This run", .scope = BT_SCOPE_COMMAND

static const bt_option own[] = {
    {ROW(NAMES, models), .placeholder = "NAME,...", LOAD,
     .help = "Which of the config's models to test; all unless given."},
    {ROW(NAMES, scenarios), .initial = "single,burst,sustained,mixed", .placeholder = "NAME,...", LOAD,
     .help = "single: one request after another. burst: so many at once. "
             "sustained: random arrivals at a steady rate. mixed: that for all models at once. "
             "soak: mixed for half an hour. "
             "capacity: the highest rate that keeps the SLA, searched for by about ten runs."},
    {ROW(TEXT, rate), .initial = "auto", .placeholder = "R", LOAD,
     .help = "Requests a second of sustained, mixed and soak, for each model, and what capacity is asked to "
             "reach; auto: "
             "60 % of the capacity that the simulator predicts, shared between the models that run at once."},
    {BT_ROW_DURATION(bt_load_settings, duration), BT_BOUNDS(1, 604800), .placeholder = "TIME", LOAD,
     .help = "Of each scenario, of capacity of each run at most. Unless given, 10 to 30 seconds, longer "
             "where a verdict "
             "needs it, and half an hour for soak. A bound of P95 takes 59 requests at the least."},
    {ROW(INTEGER, lengthen), BT_BOUNDS(1, 64), .placeholder = "TIMES", LOAD,
     .help = "A scenario whose P95 is neither shown to be within the SLA nor above it goes on, up to so many "
             "times its length; unless given, 8 within four minutes, and 1 (never) with a duration."},
    {ROW(INTEGER, burst_size), BT_BOUNDS(1, 65536), .placeholder = "N", LOAD,
     .help = "Requests of a burst; the batch size unless given. The largest burst within the SLA is looked "
             "for besides."},
    {ROW(CHOICE, arrivals), .initial = "poisson", .choices = "poisson|gamma|ramp", LOAD,
     .help =
         "How requests of sustained, mixed, soak and capacity (but for a ramp) arrive. poisson: at random, "
         "at an even rate. gamma: at "
         "random, in bursts, at the rate on average. ramp: at random, at a rate that grows from a share of "
         "the rate to all of it."},
    {ROW(NUMBER, burstiness), BT_BOUNDS(BT_BURSTINESS_LEAST, BT_BURSTINESS_MOST), .placeholder = "V", LOAD,
     .help = "Of gamma: the standard deviation of the gaps between arrivals over their mean; 2 unless given, "
             "and 1 is as poisson."},
    {ROW(NUMBER, ramp_from), BT_BOUNDS(0.01, 1), .placeholder = "SHARE", LOAD,
     .help = "Of a ramp: the share of the rate at its beginning; 0.2 unless given. A scenario that goes on "
             "repeats its ramp."},
    {ROW(TEXT, trace), .placeholder = "FILE", LOAD,
     .help = "Arrival times for sustained, mixed and soak, a line each, in seconds, instead of random ones."},
    {ROW(TEXT, images), .placeholder = "FOLDER", LOAD,
     .help = "Pictures (PNG, JPEG, TIFF) to send, each in its own size: the first 64 by name, as far as they "
             "fit 1 GiB. Synthetic micrographs unless given."},
    {BT_ROW_WHITE(bt_load_settings), LOAD},
    {BT_ROW_PAGE(bt_load_settings), LOAD},
    {ROW(TEXT, image_sizes), .placeholder = "PIXELS,...", LOAD,
     .help = "Sizes of the images that are sent, with weights: \"512,1024:3\" sends three of four at 1024; "
             "the model's own size unless given, or that of each of `images`."},
    {BT_ROW_SEED(bt_load_settings), LOAD,
     .help = "Of arrivals and images: the same seed sends the same load."},
    {ROW(NUMBER, tolerate_cores), .initial = "0.25", BT_BOUNDS(0, 1024), .placeholder = "CORES", LOAD,
     .help = "How many cores other programs may use before a test is called disturbed, and a broken promise "
             "theirs; raise it where a service shares its machine anyhow."},
    {ROW(TEXT, endpoint), .placeholder = "URL,...", RUN,
     .help =
         "Servers to test in place of a service of its own: http://host:port of any that speaks the Open "
         "Inference Protocol (this one's, Triton, OpenVINO Model Server). Of several each request goes to "
         "the one with the fewest under way. A config is then read only where it is given, to predict from."},
    {ROW(SWITCH, mpi), .initial = "false", RUN,
     .help = "With --endpoint, under mpirun: every process sends its share of one schedule, for rates that "
             "one machine does "
             "not send on time. Rank 0 alone prints and writes."},
    {ROW(TEXT, config), .initial = BT_USUAL_CONFIG, .placeholder = "FILE", RUN,
     .help = "The config to prove, as optimize-batch wrote it."},
    {ROW(CHOICE, format), .initial = "table", .choices = "table|json|markdown|junit|html", RUN,
     .help = "How the result is printed; the report is written as Markdown and HTML in any case."},
    {ROW(TEXT, output), .placeholder = "FILE", RUN,
     .help = "Where it is printed; standard output unless given."},
    {ROW(TEXT, results), .initial = "results", .placeholder = "FOLDER", RUN,
     .help = "Where the record, reports and log of a run are kept."},
    {BT_ROW_PLOTS(bt_load_settings), RUN},
    {BT_ROW_QUIET(bt_load_settings), RUN},
};

static bt_rows table;
static pthread_once_t made = PTHREAD_ONCE_INIT;

/* The service's settings are the first member, so its rows' offsets hold. */
_Static_assert(offsetof(bt_load_settings, service) == 0, "the service's settings come first");

static void make(void) {
    bt_rows_add(&table, bt_service_settings_table, bt_service_settings_count);
    bt_rows_add(&table, own, sizeof own / sizeof *own);
}

const bt_option *bt_load_settings_table(size_t *count) {
    pthread_once(&made, make);
    *count = table.count;
    return table.rows;
}
