/* What a simulated run may be told to do besides its work, by its number: fail, give no number, run out of memory,
 * take longer. Internal to the simulated backend. */
#ifndef BT_BACKEND_SIM_FAULTS_H
#define BT_BACKEND_SIM_FAULTS_H

#include <stdint.h>

#include "base/error.h"

#ifdef __cplusplus
extern "C" {
#endif

#define BT_SIM_MS_MAX 600000 /* of any time of a simulation */

typedef enum bt_sim_fault_kind {
    BT_SIM_FAIL,
    BT_SIM_NAN,
    BT_SIM_OOM,
    BT_SIM_STALL,
    BT_SIM_FAULT_KINDS
} bt_sim_fault_kind;

typedef struct bt_sim_fault {
    bt_sim_fault_kind kind;
    int64_t from, to, every; /* runs from..to, or every `every`-th */
    double ms;               /* of a stall */
} bt_sim_fault;

#define BT_SIM_FAULTS_MAX 16

typedef struct bt_sim_faults {
    bt_sim_fault faults[BT_SIM_FAULTS_MAX];
    int count;
} bt_sim_faults;

/* "fail@3+nan@5-7+oom@8+stall@20:200+fail%50"; `key` is for the message of BT_INVALID. */
BT_MUST_USE bt_status bt_sim_faults_read(bt_sim_faults *plan, const char *text, const char *key,
                                         bt_error *error);

/* The fault of one kind that is planted in that run, or NULL. */
const bt_sim_fault *bt_sim_planted(const bt_sim_faults *plan, int64_t run, bt_sim_fault_kind kind);

#ifdef __cplusplus
}
#endif
#endif
