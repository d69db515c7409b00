/* The process's one service, opened at its first use, and why there is none where that failed. */
#include "serving/state.h"

static bt_service *shared;
static pthread_mutex_t shared_lock = PTHREAD_MUTEX_INITIALIZER;
static bt_error shared_error; /* of the last try */

bt_service *bt_service_shared(void) {
    pthread_mutex_lock(&shared_lock);
    if (!shared) (void)!bt_service_open(&shared, NULL, &shared_error);
    bt_service *service = shared;
    pthread_mutex_unlock(&shared_lock);
    return service;
}

bt_status bt_service_fail_missing(bt_error *error) {
    pthread_mutex_lock(&shared_lock);
    bt_error why = shared_error;
    bool tried = !shared && why.status != BT_OK;
    pthread_mutex_unlock(&shared_lock);
    return tried ? bt_fail(error, why.status, "%s", why.message)
                 : bt_fail(error, BT_INVALID, "there is no service");
}
