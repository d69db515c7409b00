/* A group of processes that mpirun started, on one host or several, and messages between them.
 *
 * MPI lies in a library of its own (shim/mpi), which is loaded here and built by `make MPI=1` alone. Any rank may die at
 * any moment, and the others are to go on: so there is nothing here that waits for all of them once they have met, every
 * wait has an end, and a message to somebody who is gone is no error. Rank 0 and each of the others tell one another all
 * the time that they are there, from a thread of their own; who is not heard for long counts as gone.
 *
 * A rank that waits sleeps in between and takes next to none of a core: what is measured beside it is not disturbed. */
#ifndef BT_RANKS_RANKS_H
#define BT_RANKS_RANKS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/error.h"

#ifdef __cplusplus
extern "C" {
#endif

/* After so long a silence a rank counts as gone. Shorter: one that the system held up is taken for dead; longer:
 * everybody waits that much longer for the work that it had. */
#define BT_RANKS_SILENCE_S 10

typedef struct bt_ranks bt_ranks;

/* Joins the processes that mpirun started; without mpirun there is one. Once in a process; all of them must call it.
 * BT_UNSUPPORTED where MPI's library is not there, or this build has none. */
BT_MUST_USE bt_status bt_ranks_open(bt_ranks **out, bt_error *error);

/* Leaves; NULL-safe; nulls. `all_alive`: each of the others will call it, too, and is waited for. Where one is known or
 * feared to be gone it is false: then nobody is waited for, and the process ends soon after. */
void bt_ranks_close(bt_ranks **ranks, bool all_alive);

int bt_ranks_own(const bt_ranks *ranks);   /* from 0 */
int bt_ranks_count(const bt_ranks *ranks); /* at least 1 */
/* The same among those of this host, who share its cores and devices. */
int bt_ranks_own_here(const bt_ranks *ranks);
int bt_ranks_count_here(const bt_ranks *ranks);
/* The same among those of this host that mpirun has left the same CPUs: they must share them out. */
int bt_ranks_own_sharing(const bt_ranks *ranks);
int bt_ranks_count_sharing(const bt_ranks *ranks);

/* Rank 0 asks it of any other, the others of rank 0: whether it has not been heard for BT_RANKS_SILENCE_S. One that was
 * only held up is back when it is heard again. Any thread. */
bool bt_ranks_is_gone(bt_ranks *ranks, int rank);
/* Whether any of those is. */
bool bt_ranks_any_gone(bt_ranks *ranks);

/* Hands a copy of the bytes over and returns at once. Messages from one rank to another keep their order. BT_IO where MPI
 * refuses it, BT_NO_MEMORY. Any thread. */
BT_MUST_USE bt_status bt_ranks_send(bt_ranks *ranks, int to, const void *bytes, size_t size, bt_error *error);

/* The next message from anybody: its bytes are the caller's to free. BT_TIMEOUT where none came within `limit_ms` (0: only
 * what is there already). One thread at a time; others may send meanwhile. */
BT_MUST_USE bt_status bt_ranks_receive(bt_ranks *ranks, double limit_ms, int *from, void **bytes,
                                       size_t *size, bt_error *error);

/* How much later this rank's bt_clock_now_ns is than rank 0's: offset_ns, and how far that may be from the truth. */
typedef struct bt_ranks_clock_offset {
    int64_t offset_ns, bound_ns;
} bt_ranks_clock_offset;

/* Compares this rank's clock with rank 0's: every rank calls it at about the same time, rank 0 answers the others. A
 * question takes a while to be answered; rank 0 read its clock somewhere between, so that the quickest answer's half is
 * the bound. BT_TIMEOUT where somebody did not come, or rank 0 did not answer, within `limit_ms`: on rank 0 the others
 * have what they need all the same. */
BT_MUST_USE bt_status bt_ranks_clock(bt_ranks *ranks, double limit_ms, bt_ranks_clock_offset *out,
                                     bt_error *error);

#ifdef __cplusplus
}
#endif
#endif
