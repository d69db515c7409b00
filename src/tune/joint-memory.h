/* Whether the chosen batch sizes of all models fit in memory together, since the models share a device. */
#ifndef BT_TUNE_JOINT_MEMORY_H
#define BT_TUNE_JOINT_MEMORY_H

#include "record/sweep-record.h"

#ifdef __cplusplus
extern "C" {
#endif

/* Checks it, and gives way where they do not fit: among all pairs (or more) of admissible points, those that fit
 * with the highest product of scores are chosen. Records what was found. Where no combination fits, the choices
 * stay and the note says so. */
void bt_fit_joint_memory(bt_record *record);

#ifdef __cplusplus
}
#endif
#endif
