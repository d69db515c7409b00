/* A test's way through every failure: the first call fails, then the second, until none is left to fail. */
#ifndef BT_TESTS_FAULTS_H
#define BT_TESTS_FAULTS_H

#include <stddef.h>

#include "base/error.h"
#include "fault-calls.h"

/* Something that a test tries under a fault. It takes and gives back everything itself, so that nothing is
 * left open whatever it returns. */
typedef struct fault_case {
    const char *name;
    bt_status (*run)(bt_error *error);
    /* Statuses that may come of it besides BT_NO_MEMORY (memory, jansson's) or BT_IO (files), 1 << status;
     * FAULT_SURVIVED where a failure may be got over. */
    unsigned allowed;
    bool document; /* it writes JSON, so jansson's memory runs out, too */
    /* In place of `run`, where several cases differ in one thing. */
    bt_status (*run_with)(const void *argument, bt_error *error);
    const void *argument;
} fault_case;

#define FAULT_SURVIVED    (1u << BT_OK)
#define FAULT_NO_MEMORY   (1u << BT_NO_MEMORY)
#define FAULT_NOT_WRITTEN (1u << BT_NOT_WRITTEN) /* a disk that fails while it is written */

/* Runs the case with the first call of `f`'s kinds failing, then the second, ..., until it is through without
 * a failure, which must succeed. Fails the test where anything else comes of it than `expected` or what the
 * case allows, where a failure has no message, or where a file stays open. Of the more than 200 calls some
 * cases make, every one fails where BATCHTUNE_FAULTS=all, else the first 100 and then fewer and fewer. Leaks
 * are for the address sanitizer to find. f->at is passed over. */
void faults_each(const fault_case *one, const fault *f, bt_status expected);

/* The same for each case of a table, with a failure that passes and with one that lasts. */
void faults_all(const fault_case *cases, size_t count, const fault *f, bt_status expected);

#endif
