/* How far one piece of work is, as a line of text: the part of base/log.h that draws. Only the log includes
 * this; it holds its mutex around every call. */
#ifndef BT_BASE_PROGRESS_H
#define BT_BASE_PROGRESS_H

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

#ifdef __cplusplus
extern "C" {
#endif

#define BT_PROGRESS_SIZE  1280
#define BT_PROGRESS_CLEAR "\r\x1b[K" /* to the line's start; erase to its end */

/* All zero: no work under way. */
typedef struct bt_progress {
    bool active;                   /* begun and not at 1 */
    bool drawn;                    /* `line` stands on a tty, without a newline */
    bool told;                     /* something was shown since the beginning */
    int64_t start_ns, shown_ns;    /* when it began; when it was last shown */
    double start, fraction, shown; /* where it began, is, and was when last shown; 0..1 */
    char line[BT_PROGRESS_SIZE];   /* what a tty shows */
} bt_progress;

/* Whether lines can be drawn over on this descriptor: a tty that is not "dumb". */
bool bt_progress_can_redraw(int file);

/* Takes in the new fraction. The first after an end begins new work; within one it never falls: a plan that
 * turned out longer stands still. */
void bt_progress_note(bt_progress *progress, int64_t now_ns, double fraction);

/* On a tty: the bar, at most every 100 ms and at the end, which a newline follows. */
void bt_progress_draw(bt_progress *progress, int64_t now_ns, const char *text, FILE *out);

/* Elsewhere: a plain line at the beginning, every 10 s or 10 %, and at the end. */
void bt_progress_print(bt_progress *progress, int64_t now_ns, const char *text, FILE *out);

#ifdef __cplusplus
}
#endif
#endif
