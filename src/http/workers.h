/* A few threads for what takes long: decoding picture files, reading much JSON, finding polygons. A connection's
 * thread has hundreds of connections, which all would wait for the one whose picture is slow.
 *
 * Jobs run in the order they come. There are as many as connections at most, so nothing bounds them here. */
#ifndef BT_HTTP_WORKERS_H
#define BT_HTTP_WORKERS_H

#include "base/error.h"

#ifdef __cplusplus
extern "C" {
#endif

typedef struct bt_workers bt_workers;

/* Lies in what it is of; when it runs, they have let go of it. */
typedef struct bt_job {
    void (*run)(void *context);
    void *context;
    struct bt_job *next; /* the workers' */
} bt_job;

/* BT_NO_MEMORY, BT_IO where a thread cannot be started. The caller closes it. */
BT_MUST_USE bt_status bt_workers_open(bt_workers **out, int threads, bt_error *error);

/* Any thread, jobs too; cheap. Not once it is being closed, but for jobs that it still runs. */
void bt_workers_run(bt_workers *pool, bt_job *job);

/* Runs what is left, and ends the threads. NULL-safe; nulls. */
void bt_workers_close(bt_workers **pool);

#ifdef __cplusplus
}
#endif
#endif
