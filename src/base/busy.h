/* Was anybody else at work? How much of the machine's cores others used while something was measured.
 *
 * On a machine that is shared a slow run says little about the program and much about its neighbours. A
 * parallel program suffers most: all its threads wait for the one that was pushed aside. What others used is
 * what the cores that this process may run on did, by the kernel's count, less what it did itself. */
#ifndef BT_BASE_BUSY_H
#define BT_BASE_BUSY_H

#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

/* A moment: take one before, and ask about the time since. */
typedef struct bt_busy {
    int64_t wall_ns;
    double all_s, own_s; /* CPU time of all cores and of this process */
} bt_busy;

bt_busy bt_busy_now(void);

/* The kernel counts in ticks of 10 ms, so this is ten of them: over less, a tick more or less reads as a
 * tenth of a core and more; asking for longer leaves short measurements without an answer. */
#define BT_BUSY_SHORTEST_NS 100000000LL

/* Cores' worth of work that others (processes, interrupts, a hypervisor) did since `before`: 0 to the number
 * of cores. NaN where that is less than BT_BUSY_SHORTEST_NS ago or /proc/stat cannot be read. */
double bt_busy_others_since(const bt_busy *before);

#ifdef __cplusplus
}
#endif
#endif
