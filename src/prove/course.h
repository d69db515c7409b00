/* One scenario's course: everything that was sent of it, one segment behind the other.
 *
 * A scenario that is not decided goes on later, when other scenarios have had their turn, so that a spell of
 * the machine does not lie under all of it. For figures, plots and the simulator its segments then stand in a
 * row, as if each had begun in the second after the one before ended. */
#ifndef BT_PROVE_COURSE_H
#define BT_PROVE_COURSE_H

#include "base/error.h"
#include "load/generator.h"
#include "load/schedule.h"
#include "prove/plan.h"

#ifdef __cplusplus
extern "C" {
#endif

typedef struct bt_course {
    bt_request_log log;                  /* of all segments; owned, not closed by bt_request_log_close */
    bt_schedule schedules[BT_NAMES_MAX]; /* of the parts, from time 0; empty for closed loops; owned */
    int part_count;
    int64_t duration_ns; /* of the segments' plans together */
    int looks;           /* segments so far */
} bt_course;

/* Appends a segment: its log and the schedules of its parts, as they were sent for `duration_ns`. Copies what
 * it keeps, so the log may be closed after. BT_NO_MEMORY leaves the course as it was or without the segment's
 * end; only bt_course_close is then of use. Start from a zeroed course. */
BT_MUST_USE bt_status bt_course_add(bt_course *course, const bt_request_log *segment,
                                    const bt_schedule *schedules, int part_count, int64_t duration_ns,
                                    bt_error *error);
void bt_course_close(bt_course *course); /* may be called twice */

#ifdef __cplusplus
}
#endif
#endif
