/* Statistics of samples: memory that runs out at any moment is one clear error, and nothing is lost. The
 * n-th allocation fails, for every n. */

#include "fault-documents.h"
#include "measure/bootstrap.h"
#include "measure/histogram.h"
#include "measure/slowdown.h"
#include "measure/summary.h"

#define COUNT(a) (sizeof(a) / sizeof *(a))

static bt_status summarize(bt_error *error) {
    bt_summary summary;
    const bt_point *point = &made.record->models[0].points[0];
    return bt_summarize(point->samples_ms, (size_t)point->sample_count, &summary, error);
}

static bt_status bootstrap(bt_error *error) {
    bt_interval interval;
    const bt_point *point = &made.record->models[0].points[0];
    bt_bootstrap_options options = {.resamples = 100};
    return bt_bootstrap(point->samples_ms, (size_t)point->sample_count, &options, &interval, error);
}

static const double times_before[] = {10, 11, 10.5, 10.2, 10.9, 10.1, 10.4, 10.3},
                    times_now[] = {10.2, 11.1, 10.4, 10.6, 10.8, 10.7, 10.3, 10.5};

static bt_status compare_pairs(bt_error *error) {
    bt_slowdown slowdown;
    return bt_slowdown_of_pairs(times_before, times_now, COUNT(times_now), 1, &slowdown, error);
}

static bt_status compare_series(bt_error *error) {
    bt_slowdown slowdown;
    return bt_slowdown_of_series(times_before, COUNT(times_before), times_now, COUNT(times_now), 0.5, 1,
                                 &slowdown, error);
}

static bt_status open_histogram(bt_error *error) {
    bt_histogram *histogram = NULL;
    bt_status status = bt_histogram_open(&histogram, &BT_HISTOGRAM_LATENCY, error);
    bt_histogram_close(&histogram);
    return status;
}

static const fault_case cases[] = {
    {"summarize", .run = summarize},
    {"bootstrap", .run = bootstrap},
    {"compare pairs", .run = compare_pairs},
    {"compare series", .run = compare_series},
    {"open a histogram", .run = open_histogram},
};

int main(void) {
    return faults_memory_main("faults: memory, measure", cases, sizeof cases / sizeof *cases);
}
