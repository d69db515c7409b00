/* A test's way through every failure: the first call fails, then the second, until none is left to fail. */
#ifndef BT_TESTS_FAULTS_H
#define BT_TESTS_FAULTS_H

#include "base/error.h"
#include "fault-calls.h"

/* Something that a test does under a fault. Takes and gives back everything itself, so that nothing is left
 * open whatever it returns. */
typedef struct fault_act {
    const char *name;
    bt_status (*act)(bt_error *error);
    unsigned allowed; /* statuses besides BT_NO_MEMORY (memory, jansson's) or BT_IO (files) that may come of
                         it, 1 << status; 1 << BT_OK where a failure may be got over */
} fault_act;

/* Does `act` with the first call of `f`'s kinds failing, then the second, ..., until it is through without a
 * failure, which must succeed. Fails the test where anything else comes of it than `expected` or what `act`
 * allows, where a failure has no message, or where a file stays open. Of the more than 200 calls some acts
 * make, every one fails where BATCHTUNE_FAULTS=all, else the first 100 and then fewer and fewer. Leaks are
 * for the address sanitizer to find. f->at is not looked at. */
void faults_each(const fault_act *act, const fault *f, bt_status expected);

/* Acts of several tests: a tuning run's folder and journal, begun, and gone on with. */
bt_status faults_begin_run(bt_error *error);
bt_status faults_resume_run(bt_error *error);

#endif
