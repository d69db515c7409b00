/* The fixed jobs that tell what batchtune's own code costs: the core's hot paths, each a fixed piece of work.
 *
 * The same job is timed (gate/gauge.h) and has its instructions counted under callgrind (gate/count.h), so
 * that a slowdown of the clock and one of the count are about the same code. All but the generator's are
 * single-threaded, read no clock and give the same result each time. Whoever changes what a job does changes
 * its `work` text too: figures of unlike work are not compared. */
#ifndef BT_GATE_WORK_H
#define BT_GATE_WORK_H

#include <stdbool.h>
#include <stdint.h>

#include "base/error.h"

#ifdef __cplusplus
extern "C" {
#endif

typedef struct bt_work {
    const char *name; /* "batcher": the metrics are "core/batcher" and "instructions/batcher" */
    const char *work; /* what is done; a part of every comparison */
    int operations;   /* that one run does; figures are of one */
    bool counted;     /* its instructions are the same each time */
    bt_status (*open)(void **state, bt_error *error);
    /* One run; `spent_ns` receives the time where the job knows better than a clock around it, else it is
     * left as it is. */
    bt_status (*run)(void *state, int64_t *spent_ns, bt_error *error);
    void (*close)(void *state);
} bt_work;

extern const bt_work bt_works[];
extern const int bt_works_count;

/* The job of that name, or NULL. */
const bt_work *bt_work_find(const char *name);

#ifdef __cplusplus
}
#endif
#endif
