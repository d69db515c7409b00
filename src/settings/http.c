#include "settings/http.h"

#include <pthread.h>

#include "settings/rows.h"
#include "settings/tuning.h"

#define ROW(type, member) BT_ROW(type, bt_http_settings, member)
#define FRONT             .group = "HTTP"
#define RUN               .group = "This run", .scope = BT_SCOPE_COMMAND

static const bt_option own[] = {
    {ROW(TEXT, listen), .initial = "127.0.0.1", .placeholder = "ADDRESS", FRONT,
     .help = "The address to listen at, in numbers. This machine alone unless given; 0.0.0.0 or :: lets "
             "everybody in who reaches it: give it --keys."},
    {ROW(INTEGER, port), .initial = "8000", BT_BOUNDS(0, 65535), .placeholder = "PORT", FRONT,
     .help = "The port; 0 takes one that is free and prints it."},
    {ROW(INTEGER, body_limit_mb), BT_BOUNDS(1, 4096), .placeholder = "MB", FRONT,
     .help = "The largest request; unless given, the largest batch of any model in FP32, and 64 at least."},
    {ROW(INTEGER, memory_limit_mb), BT_BOUNDS(1, 16777216), .placeholder = "MB", FRONT,
     .help = "Memory for all requests together: bodies, decoded pictures, results, answers. Who would exceed "
             "it is "
             "refused with 503 and Retry-After. A quarter of the memory there is unless given, and four of "
             "the largest "
             "requests at least. Raise it where clients are refused for it and memory is free."},
    {ROW(INTEGER, connections), .initial = "1000", BT_BOUNDS(1, 100000), .placeholder = "N", FRONT,
     .help =
         "Connections at a time; one more waits until another is closed, as one that is kept idle then is."},
    {ROW(INTEGER, http_threads), .initial = "2", BT_BOUNDS(1, 64), .placeholder = "N", FRONT,
     .help =
         "Threads that read requests and write answers, and as many more that decode picture files, read "
         "long JSON and find polygons. Raise it where those take so long that requests wait for them while "
         "cores are idle."},
    {ROW(NUMBER, header_timeout_seconds), .initial = "20", BT_BOUNDS(1, 86400), .placeholder = "S", FRONT,
     .help =
         "A connection whose first request's head has not wholly come so long after it was opened is closed; "
         "a later one's has the time that it may be idle, and this."},
    {ROW(NUMBER, idle_timeout_seconds), .initial = "60", BT_BOUNDS(1, 86400), .placeholder = "S", FRONT,
     .help = "A connection on which nothing comes for so long is closed."},
    {ROW(NUMBER, request_timeout_seconds), .initial = "300", BT_BOUNDS(1, 86400), .placeholder = "S", FRONT,
     .help =
         "A request whose body has not wholly come so long after its head is given up; so is an answer that "
         "is not wholly taken so long after it was ready."},
    {ROW(NUMBER, drain_seconds), .initial = "5", BT_BOUNDS(0, 3600), .placeholder = "S", FRONT,
     .help = "After SIGTERM it is not ready at once and serves for so long, so that whoever sends requests "
             "can turn elsewhere; then it stops."},
    {ROW(TEXT, keys), .placeholder = "FILE", FRONT,
     .help =
         "Keys that let clients in (Authorization: Bearer KEY): a name and a key on each line. Read anew "
         "when it changes, and at SIGHUP. Without it nobody is asked for one; health is open to everybody."},
    {ROW(TEXT, metrics_keys), .placeholder = "FILE", FRONT,
     .help = "Keys for /metrics, in place of those of --keys."},
    {ROW(TEXT, cors_origins), .placeholder = "ORIGIN,...", FRONT,
     .help =
         "Web pages that may ask from a browser, by origin: \"https://app.example.org\". None unless given."},
    {ROW(TEXT, access_log), .placeholder = "FILE", FRONT,
     .help = "Where each request is told in a line of JSON; \"-\" is standard output. Opened anew at SIGHUP. "
             "None unless given."},
    {ROW(NAMES, models), .placeholder = "NAME,...", RUN,
     .help = "Which of the config's models to serve; all unless given."},
    {ROW(TEXT, config), .initial = BT_USUAL_CONFIG, .placeholder = "FILE", RUN,
     .help = "The config to serve, as optimize-batch wrote it."},
    {BT_ROW_QUIET(bt_http_settings), RUN},
};

static bt_rows table;
static pthread_once_t made = PTHREAD_ONCE_INIT;

/* The service's settings are the first member, so its rows' offsets hold. */
_Static_assert(offsetof(bt_http_settings, service) == 0, "the service's settings come first");

static void make(void) {
    bt_rows_add(&table, bt_service_settings_table, bt_service_settings_count);
    bt_rows_add(&table, own, sizeof own / sizeof *own);
}

const bt_option *bt_http_settings_table(size_t *count) {
    pthread_once(&made, make);
    *count = table.count;
    return table.rows;
}
