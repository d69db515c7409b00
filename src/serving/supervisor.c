/* The supervisor: the one thread that acts because time has passed. Queue delays, deadlines, watchdogs and
 * cooldowns end on its watch. It sleeps exactly until the batcher's wake time and is woken before that only
 * when the time becomes earlier. */
#include <stdlib.h>
#include <sys/prctl.h>

#include "base/clock.h"
#include "serving/state.h"

static void *supervisor_main(void *argument) {
    bt_service *service = argument;
    prctl(PR_SET_TIMERSLACK, 1UL);
    for (;;) {
        bt_wakes wakes;
        bt_wakes_none(&wakes);
        unsigned seen = atomic_load(&service->supervisor_signal);
        bt_service_lock(service);
        bool quit = service->supervisor_quit;
        int count = bt_pump(service, bt_clock_now_ns(), NULL, service->supervisor_deliveries,
                            (int)service->request_count, &wakes);
        int64_t until_ns = bt_batcher_wake_ns(service->batcher);
        service->supervisor_until_ns = until_ns;
        pthread_mutex_unlock(&service->lock);
        wakes.supervisor = false; /* it is awake */
        bt_wake_all(service, &wakes);
        bt_deliver(service, service->supervisor_deliveries, count, NULL);
        if (quit) return NULL;
        if (bt_clock_now_ns() < until_ns) bt_futex_wait(&service->supervisor_signal, seen, until_ns);
    }
}

bt_status bt_supervisor_start(bt_service *service, bt_error *error) {
    service->supervisor_quit = false;
    service->supervisor_until_ns = 0; /* awake */
    service->supervisor_deliveries = calloc(service->request_count, sizeof *service->supervisor_deliveries);
    if (!service->supervisor_deliveries) return bt_no_memory(error, "the supervisor");
    if (pthread_create(&service->supervisor, NULL, supervisor_main, service) != 0)
        return bt_fail(error, BT_IO, "a thread cannot be started");
    service->supervised = true;
    return BT_OK;
}

void bt_supervisor_stop(bt_service *service) {
    if (service->supervised) {
        pthread_mutex_lock(&service->lock);
        service->supervisor_quit = true;
        pthread_mutex_unlock(&service->lock);
        bt_futex_signal(&service->supervisor_signal);
        pthread_join(service->supervisor, NULL);
        service->supervised = false;
    }
    free(service->supervisor_deliveries);
    service->supervisor_deliveries = NULL;
}
