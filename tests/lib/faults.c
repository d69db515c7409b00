#include "faults.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
/* cmocka wants the four above first */
#include <cmocka.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "scratch.h"

/* The first calls fail one by one, those after them ever more rarely. Raising it finds more of what only one
 * call's failure shows, and takes time in proportion: a try of a whole sweep costs milliseconds each. */
#define EVERY_ONE_TO 100
#define HANG_S       120

static void check(const fault_case *one, const fault *f, bool struck, bt_status status, const bt_error *error,
                  bt_status expected) {
    if (!struck && status != BT_OK) fail_msg("%s: with no fault: %s", one->name, error->message);
    if (status == BT_OK ? !struck || one->allowed & 1u << BT_OK
                        : status == expected || one->allowed & 1u << status) {
        if (status == BT_OK || (error->status == status && error->message[0])) return;
        fail_msg("%s: call %ld of kinds %#x: %s without a message", one->name, f->at, (unsigned)f->calls,
                 bt_status_name(status));
    }
    fail_msg("%s: call %ld of kinds %#x fails, and what comes of it is \"%s\": %s", one->name, f->at,
             (unsigned)f->calls, bt_status_name(status), error->message);
}

static long after(long n) {
    const char *wanted = getenv("BATCHTUNE_FAULTS");
    bool all = wanted && strcmp(wanted, "all") == 0;
    return all || n < EVERY_ONE_TO ? n + 1 : n + n / 16;
}

void faults_each(const fault_case *one, const fault *f, bt_status expected) {
    bool struck = true;
    int open_before = bt_scratch_open_files();
    for (fault here = *f; struck; here.at = after(here.at)) {
        bt_error error = {BT_OK, ""};
        if (here.at == 0) here.at = 1;
        alarm(HANG_S); /* what hangs dies by the signal, which the test runner tells */
        faults_plant(&here);
        bt_status status = one->run ? one->run(&error) : one->run_with(one->argument, &error);
        faults_end(&struck);
        alarm(0);
        check(one, &here, struck, status, &error, expected);
        if (bt_scratch_open_files() != open_before)
            fail_msg("%s: call %ld of kinds %#x fails, and %d files more are open", one->name, here.at,
                     (unsigned)here.calls, bt_scratch_open_files() - open_before);
    }
}

void faults_all(const fault_case *cases, size_t count, const fault *f, bt_status expected) {
    for (size_t i = 0; i < count; i++) {
        for (int lasting = 0; lasting < 2; lasting++) {
            fault here = *f;
            here.lasting = lasting;
            faults_each(&cases[i], &here, expected);
        }
    }
}
