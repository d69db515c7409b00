/* Simulated sessions of several models in one process slow each other, where they are told to: that is what tuning and
 * predictions must find, and only a simulation says beforehand what they should find.
 *
 * A run goes on slower while another model's is under way, at the pace that its own specification gives; and it takes
 * longer where the last run on any of its cores was another model's. Any thread. */
#ifndef BT_BACKEND_SIM_NEIGHBOURS_H
#define BT_BACKEND_SIM_NEIGHBOURS_H

#include <sched.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/options.h" /* BT_NAME_SIZE */

#ifdef __cplusplus
extern "C" {
#endif

/* A session among the others of the process; the session's own. */
typedef struct bt_sim_neighbour {
    char model[BT_NAME_SIZE];
    double slowdown; /* while another model's run is under way */
    cpu_set_t cores; /* of the thread that opened it */
    bool running;
    uint64_t last; /* its latest run, by a number that all share; 0: none */
    struct bt_sim_neighbour *next;
} bt_sim_neighbour;

/* The calling thread's cores are the session's. */
void bt_sim_neighbour_join(bt_sim_neighbour *self, const char *model, double slowdown);
void bt_sim_neighbour_leave(bt_sim_neighbour *self);

/* A run begins; true where the last on its cores was another model's. */
bool bt_sim_neighbour_begin(bt_sim_neighbour *self);
/* Sleeps until so much work is done, at the pace that the others leave, or `spare_ns` before; returns when that is. */
int64_t bt_sim_neighbour_work(bt_sim_neighbour *self, int64_t work_ns, int64_t spare_ns);
void bt_sim_neighbour_end(bt_sim_neighbour *self);

#ifdef __cplusplus
}
#endif
#endif
