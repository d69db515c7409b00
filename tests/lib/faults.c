#include "faults.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
/* cmocka wants the four above first */
#include <cmocka.h>
#include <jansson.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "scratch.h"
#include "tune/run.h"

#define EVERY_ONE_TO 100 /* failures are planted one by one so far, then ever more rarely */
#define HANG_S       120

static void check(const fault_act *act, const fault *f, bool struck, bt_status status, const bt_error *error,
                  bt_status expected) {
    if (!struck && status != BT_OK) fail_msg("%s: with no fault: %s", act->name, error->message);
    if (status == BT_OK ? !struck || act->allowed & 1u << BT_OK
                        : status == expected || act->allowed & 1u << status) {
        if (status == BT_OK || (error->status == status && error->message[0])) return;
        fail_msg("%s: call %ld of kinds %#x: %s without a message", act->name, f->at, (unsigned)f->calls,
                 bt_status_name(status));
    }
    fail_msg("%s: call %ld of kinds %#x fails, and what comes of it is \"%s\": %s", act->name, f->at,
             (unsigned)f->calls, bt_status_name(status), error->message);
}

static long after(long n) {
    const char *wanted = getenv("BATCHTUNE_FAULTS");
    bool all = wanted && strcmp(wanted, "all") == 0;
    return all || n < EVERY_ONE_TO ? n + 1 : n + n / 16;
}

void faults_each(const fault_act *act, const fault *f, bt_status expected) {
    bool struck = true;
    int open_before = bt_scratch_open_files();
    for (fault here = *f; struck; here.at = after(here.at)) {
        bt_error error = {BT_OK, ""};
        if (here.at == 0) here.at = 1;
        alarm(HANG_S); /* what hangs dies by the signal, which the test runner tells */
        faults_plant(&here);
        bt_status status = act->act(&error);
        faults_end(&struck);
        alarm(0);
        check(act, &here, struck, status, &error, expected);
        if (bt_scratch_open_files() != open_before)
            fail_msg("%s: call %ld of kinds %#x fails, and %d files more are open", act->name, here.at,
                     (unsigned)here.calls, bt_scratch_open_files() - open_before);
    }
}

static bt_status open_run(bool resume, bt_error *error) {
    bt_run *run = NULL;
    json_t *header = json_pack("{s:s}", "device", "cpu");
    if (!header) return bt_fail(error, BT_NO_MEMORY, "no header");
    bt_status status = bt_run_open(&run, "results", "try", header, resume, error);
    if (status == BT_OK) status = bt_run_append(run, json_pack("{s:i}", "n", 1), error);
    json_decref(header);
    bt_run_close(&run);
    return status;
}

bt_status faults_begin_run(bt_error *error) {
    return open_run(false, error);
}

bt_status faults_resume_run(bt_error *error) {
    return open_run(true, error);
}
