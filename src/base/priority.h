/* Going before others: for a thread whose own waiting would be taken for somebody else's.
 *
 * On a machine whose cores all compute, a thread that sends load or receives its answers would get one milliseconds
 * late, and what it measures would be its own waiting. */
#ifndef BT_BASE_PRIORITY_H
#define BT_BASE_PRIORITY_H

#include <sched.h>

#ifdef __cplusplus
extern "C" {
#endif

/* How a thread is scheduled. */
typedef struct bt_thread_priority {
    int policy, nice_value;
    struct sched_param param;
} bt_thread_priority;

/* The calling thread goes before everything else where it may, and else as early as it may. It must sleep for most
 * of its time: nobody else runs on its core meanwhile. */
void bt_raise_priority(bt_thread_priority *before);
void bt_restore_priority(const bt_thread_priority *before);

#ifdef __cplusplus
}
#endif
#endif
