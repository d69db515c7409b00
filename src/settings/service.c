#include "settings/service.h"

#include "settings/precision.h"
#include "settings/rows.h"

#define ROW(type, member) BT_ROW(type, bt_service_settings, member)
#define SERVICE           .group = "The service"
#define DAY_MS            86400000.0

const bt_option bt_service_settings_table[] = {
    /* what may change while it runs */
    {BT_ROW_P95_SLA(bt_service_settings), .group = "The promise",
     .help = "P95 latency promised to a request, from its arrival to its result; the config's unless given."},
    {ROW(INTEGER, batch_size), BT_BOUNDS(1, 1024), .placeholder = "N", SERVICE,
     .help = "The largest batch; the config's optimal_batch_size unless given."},
    {BT_ROW_QUEUE_DELAY(bt_service_settings), SERVICE,
     .help = "How long a request may wait for its batch to fill; the config's unless given."},
    {BT_ROW_QUEUE_SIZE(bt_service_settings), SERVICE,
     .help = "Requests that may wait; one more is refused at once. The config's unless given."},
    {BT_ROW_POLICY(bt_service_settings), SERVICE,
     .help = "How batches are formed, as optimize-batch explains it; the config's unless given."},
    {ROW(NUMBER, timeout_ms), .initial = "0", BT_BOUNDS(0, DAY_MS), .placeholder = "MS", SERVICE,
     .help = "Deadline of a request that names none; 0: none."},
    /* what is fixed when it opens */
    {ROW(TEXT, instances), .placeholder = "PLACES", SERVICE,
     .help = "Copies of each model and where they run: \"cuda:0,cuda:1\", \"cpu\", \"2x1\" (two of one "
             "thread each, on cores of their own), \"cpu:0-3,cpu:4-7\"; \"hrnet=cuda:0\" is of one model "
             "only. \"auto\": by prediction, on --devices. The config's unless given."},
    {ROW(TEXT, devices), .placeholder = "PLACES", SERVICE,
     .help =
         "Of --instances auto: the devices, or slices of cores, that models are placed on so that all of "
         "them together hold the most: \"cuda:0,cuda:1\", \"4x2\", \"cpu:0-3,cpu:4-7\". Unless given, every "
         "GPU where they were tuned on one, else the config's places."},
    {ROW(TEXT, shares), .placeholder = "NAME=N,...", SERVICE,
     .help = "Of --instances auto: how many of the requests each model is expected to get beside the others, "
             "\"hrnet=3,cbam_resunet=1\"; requests a second do as well. Equal unless given."},
    {ROW(TEXT, backend), .placeholder = "NAME", SERVICE,
     .help = "What runs the networks: \"torch\", or \"sim:key=value,...\" for a try-out; the config's unless "
             "given."},
    {ROW(TEXT, weights), .placeholder = "NAME", SERVICE,
     .help = "\"demo\", \"counter:SEED\", or " BT_WEIGHTS_FILE_HELP
             "; \"hrnet=FILE,...\" for each its own; the config's unless given."},
    {ROW(TEXT, model_file), .placeholder = "NAME=FILE,...", SERVICE,
     .help =
         "Files of networks of your own, as optimize-batch takes them: programs that are run, so give only "
         "what you trust. In a `settings` text several are parted by semicolons. The config's unless given."},
    {BT_ROW_IMAGE_SIZE(bt_service_settings, 1), SERVICE,
     .help = "Side of the network's input; the config's unless given."},
    {ROW(CHOICE, precision), .choices = BT_PRECISION_SERVED_CHOICES, SERVICE,
     .help = "In which numbers the networks compute: auto takes what a quick measurement finds fastest, int8 "
             "wants the calibration that the config names; the config's unless given."},
    {ROW(SWITCH, admission), .initial = "true", SERVICE,
     .help = "Refuse at once a request that could not make its deadline."},
    {ROW(SWITCH, failover), .initial = "true", SERVICE,
     .help = "Run what fails on the production path again on the standard path."},
    {ROW(SWITCH, warm_up), .initial = "true", SERVICE,
     .help = "Run every batch size before the service is ready; without it the first batch of each size "
             "takes longer, and what nobody has measured is not known."},
    {ROW(NUMBER, watchdog_ms), .initial = "0", BT_BOUNDS(0, DAY_MS), .placeholder = "MS", SERVICE,
     .help = "A run that takes longer is given up and its requests run elsewhere; 0: one second and 20 times "
             "what its largest batch typically takes."},
    {ROW(INTEGER, breaker_failures), .initial = "3", BT_BOUNDS(1, 1000), .placeholder = "N", SERVICE,
     .help = "Failed runs in a row after which an instance's production path is left alone for a while."},
    {ROW(NUMBER, breaker_cooldown_ms), .initial = "1000", BT_BOUNDS(0, DAY_MS), .placeholder = "MS", SERVICE,
     .help = "How long at first; twice as long each time it fails again, up to 30 times this."},
    {ROW(NUMBER, metrics_window_seconds), .initial = "60", BT_BOUNDS(1, 86400), .placeholder = "S", SERVICE,
     .help = "Time that windowed metrics look back."},
    {ROW(NUMBER, spin_us), .initial = "0", BT_BOUNDS(0, 1e6), .placeholder = "US", SERVICE,
     .help = "How long a waiting thread looks for work before it sleeps: saves wake-ups, costs a core."},
};

const size_t bt_service_settings_count = sizeof bt_service_settings_table / sizeof *bt_service_settings_table;
const size_t bt_service_settings_live = 6;
